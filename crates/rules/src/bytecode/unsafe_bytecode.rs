use crate::pickle::callables::{Danger, Judgement, Usage, judge};
use std::collections::BTreeMap;
use wellhead_core::{
    Confidence, Excerpt, ExcerptKind, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus,
    Scenario, Severity, Sink, ThreatProfile, code, escape,
};
use wellhead_formats::marshal::{Bytecode, Use, UseKind};

/// Compiled code runs something dangerous when it is loaded.
pub(crate) static UNSAFE_BYTECODE: Rule = Rule {
    id: "unsafe-bytecode",
    summary: "compiled Python runs, when it is loaded, a function that gives an attacker control",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 3,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model or a package",
        vector: "bytecode, which nobody reads, where source is expected or beside it",
        weakness: "Python and Keras run bytecode without its source",
        impact: "the attacker's code runs with the rights of whoever loads it",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(94),
        Reference::Cwe(506),
        Reference::Cve("CVE-2024-3660"),
    ],
    page: include_str!("unsafe_bytecode.md"),
    file: file!(),
};

/// How many uses an excerpt shows.
const MAX_LINES: usize = 8;

pub(crate) fn check(bytecode: &Bytecode, sink: &mut Sink) {
    if bytecode.header.is_none() {
        function(bytecode, sink);
    } else {
        module(bytecode, sink);
    }
}

/// A function in a model: whatever it names, it has a use for. Of each class of danger the strongest use is told.
fn function(bytecode: &Bytecode, sink: &mut Sink) {
    for (used, danger) in strongest(bytecode.uses.iter()) {
        let name = named(used);
        let message = match used.kind {
            UseKind::Call => format!("loading this model runs {name} in its bytecode"),
            UseKind::Handed => {
                format!("the bytecode in this model hands {name} to a function that can call it")
            }
            UseKind::Import => format!("the bytecode in this model imports {name}"),
            UseKind::Named => format!("the bytecode in this model uses {name}"),
        };
        let finding = Finding::new(&UNSAFE_BYTECODE, message, place(bytecode, sink, used));
        sink.push(finish(finding, used, danger).help("do not load this model"));
    }
}

/// The dangerous uses, one for each class of danger: a call before what only names. Looking a module up is told only
/// where nothing is known of what it is looked up for.
fn strongest<'a>(uses: impl Iterator<Item = &'a Use>) -> Vec<(&'a Use, &'static Danger)> {
    let mut found: BTreeMap<&str, (&Use, &'static Danger)> = BTreeMap::new();
    let (mut lookup, mut resolved) = (None, false);
    for used in uses {
        let Some(danger) = danger_of(&used.path) else {
            continue;
        };
        if matches!(
            used.path.as_str(),
            "__import__" | "importlib.import_module" | "getattr"
        ) {
            lookup.get_or_insert((used, danger));
            continue;
        }
        resolved = true;
        let strength = |u: &Use| match u.kind {
            UseKind::Call => 0,
            UseKind::Handed => 1,
            UseKind::Import => 2,
            UseKind::Named => 3,
        };
        let slot = found.entry(danger.class).or_insert((used, danger));
        if strength(used) < strength(slot.0) {
            *slot = (used, danger);
        }
    }
    let mut out: Vec<_> = found.into_values().collect();
    out.extend(lookup.filter(|_| !resolved));
    out
}

/// A compiled module: only what importing it runs counts, and only what no ordinary module does then.
fn module(bytecode: &Bytecode, sink: &mut Sink) {
    let cached = sink.artifact().to_string().contains("__pycache__/");
    let at_import = |u: &&Use| u.runs && matches!(u.kind, UseKind::Call | UseKind::Handed);
    // Ordinary modules make code of text that they put together, and never of text that somebody packed.
    let unpacks = bytecode.uses.iter().filter(at_import).any(|u| {
        matches!(
            known_name(&u.path),
            "marshal.loads"
                | "base64.b64decode"
                | "zlib.decompress"
                | "bytes.fromhex"
                | "codecs.decode"
                | "binascii.unhexlify"
                | "urllib.request.urlopen"
        )
    });
    let counts = |u: &&Use| at_import(u) && (starts_something(&u.path) || (unpacks && makes_code(&u.path)));
    for (used, danger) in strongest(bytecode.uses.iter().filter(counts)) {
        // Beside its source such a file is the interpreter's own copy, and the source is what is judged.
        let severity = if cached {
            Severity::Medium
        } else {
            Severity::Critical
        };
        let message = format!("importing this compiled module runs {}", named(used));
        let mut finding =
            Finding::new(&UNSAFE_BYTECODE, message, place(bytecode, sink, used)).severity(severity);
        if bytecode.header.is_some_and(|h| h.unchecked) {
            finding = finding.note("Python never compares this file with its source");
        }
        sink.push(
            finish(finding, used, danger)
                .help("delete it and let Python compile the source, if there is one that you have read"),
        );
    }
}

fn finish(finding: Finding, used: &Use, danger: &Danger) -> Finding {
    let mut finding = finding
        .note(format!("{} {}", code(&used.path), danger.does))
        .subject(used.path.clone())
        .property("class", danger.class)
        .property("callable", escape(&used.path));
    if let Some(cve) = danger.cve {
        finding = finding.note(format!("known from {cve}"));
    }
    finding
}

/// `os.system("id")`.
fn named(used: &Use) -> String {
    match &used.argument {
        Some(argument) if used.kind == UseKind::Call => {
            let short: String = argument.chars().take(60).collect();
            code(&format!("{}({short:?})", used.path))
        }
        _ => code(&used.path),
    }
}

/// What is known against a dotted name; one without a dot is a builtin, or a module.
fn danger_of(path: &str) -> Option<&'static Danger> {
    let path = known_name(path);
    // Every class statement calls it.
    if path.contains("()") || path == "__build_class__" {
        return None;
    }
    let Some((module, name)) = path.rsplit_once('.') else {
        return match judge("builtins", path, Usage::Call) {
            Judgement::Dangerous(danger) if is_stark(path) => Some(danger),
            Judgement::Dangerous(_) | Judgement::Allowed => None,
            // A name of a module is the module where a function has no imports of its own.
            Judgement::Unknown => match judge(path, "*", Usage::Call) {
                Judgement::Dangerous(danger) if path.len() > 1 => Some(danger),
                _ => None,
            },
        };
    };
    match judge(module, name, Usage::Call) {
        Judgement::Dangerous(danger) => Some(danger),
        _ => None,
    }
}

/// The name of a builtin without the module that nobody writes.
fn known_name(path: &str) -> &str {
    path.strip_prefix("builtins.").unwrap_or(path)
}

/// Builtins that make code of a value.
fn makes_code(path: &str) -> bool {
    matches!(
        known_name(path),
        "exec" | "eval" | "compile" | "marshal.loads" | "types.FunctionType" | "types.CodeType"
    )
}

/// What starts a program or opens a connection: no ordinary module does so while it is imported.
fn starts_something(path: &str) -> bool {
    let (module, name) = path.rsplit_once('.').unwrap_or(("", path));
    match module {
        "os" | "posix" | "nt" => {
            matches!(
                name,
                "system" | "popen" | "startfile" | "posix_spawn" | "posix_spawnp"
            ) || name.starts_with("exec")
                || name.starts_with("spawn")
        }
        "subprocess" => matches!(
            name,
            "run" | "Popen" | "call" | "check_call" | "check_output" | "getoutput" | "getstatusoutput"
        ),
        "pty" => name == "spawn",
        "socket" => matches!(name, "socket" | "create_connection"),
        "urllib.request" | "urllib" | "urllib2" => matches!(name, "urlopen" | "urlretrieve"),
        "requests" | "httpx" => matches!(name, "get" | "post" | "put" | "request" | "Session" | "Client"),
        "http.client" | "httplib" => matches!(name, "HTTPConnection" | "HTTPSConnection"),
        "asyncio" => name.starts_with("create_subprocess"),
        "runpy" => name.starts_with("run_"),
        "pip" => name == "main",
        _ => false,
    }
}

/// Builtins that no function in a model has a use for.
fn is_stark(name: &str) -> bool {
    matches!(
        name,
        "exec"
            | "eval"
            | "compile"
            | "__import__"
            | "execfile"
            | "open"
            | "globals"
            | "getattr"
            | "setattr"
            | "vars"
            | "input"
            | "breakpoint"
            | "__loader__"
            | "__builtins__"
            | "locals"
            | "delattr"
    )
}

fn place(bytecode: &Bytecode, sink: &Sink, used: &Use) -> Location {
    let label = "runs when it is loaded";
    let mut excerpt = Excerpt::new(ExcerptKind::Header);
    let around = bytecode
        .uses
        .iter()
        .filter(|u| u.code == used.code && u.kind != UseKind::Named || std::ptr::eq(*u, used));
    let before: Vec<&Use> = around.clone().take_while(|u| !std::ptr::eq(*u, used)).collect();
    let skip = before.len().saturating_sub(MAX_LINES / 2);
    for (number, shown) in (1..).zip(around.skip(skip).take(MAX_LINES)) {
        let scope = bytecode.codes.get(shown.code).map_or("", |c| c.name.as_str());
        let what = match shown.kind {
            UseKind::Import => "import",
            UseKind::Call => "call  ",
            UseKind::Handed => "hand  ",
            UseKind::Named => "name  ",
        };
        excerpt.push_line(
            number,
            &format!("{}+{:04}  {what}  {}", escape(scope), shown.offset, named(shown)),
        );
        if std::ptr::eq(shown, used) {
            excerpt.mark(number, "", label, true);
        }
    }
    sink.whole(label).with_excerpt(excerpt)
}
