use super::place;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_formats::{
    graph::{Framework, Operator},
    model::Model,
};

/// A file of saved objects carries code.
pub(crate) static CODE_IN_SAVED_OBJECT: Rule = Rule {
    id: "code-in-saved-object",
    summary: "a saved R or Lua object carries code that loading or using it runs",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "the author of a saved object, or whoever could change it on its way",
        vector: "code in the place of a value, which runs when the value is looked at",
        weakness: "formats of interpreted languages that save functions and unevaluated expressions with the data",
        impact: "code runs with the rights of whoever loads the file",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(502),
        Reference::Cve("CVE-2024-27322"),
    ],
    page: include_str!("code_in_saved_object.md"),
    file: file!(),
};

/// Functions of R that reach out of the session, and what they do. What only computes is not here, nor is what models
/// ordinarily do with their own formulas (`eval`, `match.arg`).
static R_FUNCTIONS: &[(&str, &str)] = &[
    ("system", "runs a command"),
    ("system2", "runs a command"),
    ("shell", "runs a command"),
    ("shell.exec", "opens a file with its program"),
    ("pipe", "runs a command"),
    ("fifo", "opens a pipe"),
    ("source", "runs a file of R code"),
    ("sys.source", "runs a file of R code"),
    ("dyn.load", "loads a native library"),
    ("library.dynam", "loads a native library"),
    ("install.packages", "installs packages"),
    ("install_github", "installs packages"),
    ("download.file", "fetches a file"),
    ("url", "opens an address"),
    ("socketConnection", "opens a connection"),
    ("make.socket", "opens a connection"),
    ("curl_download", "fetches a file"),
    ("unlink", "deletes files"),
    ("file.remove", "deletes files"),
    ("Sys.chmod", "changes the rights of files"),
    ("browseURL", "opens a program"),
    ("mkdtemp", "creates files"),
    ("mcfork", "starts a process"),
    ("rscript_process", "starts a process"),
    ("py_run_string", "runs Python code"),
];

/// Functions that are ordinary in functions and reach far in code that runs by itself.
static R_CODE: &[(&str, &str)] = &[
    ("eval", "runs the code that it is given"),
    ("evalq", "runs the code that it is given"),
    ("parse", "turns text into code"),
    ("str2lang", "turns text into code"),
    ("str2expression", "turns text into code"),
    ("do.call", "calls what it is given by name"),
    ("readRDS", "reads another saved object"),
    ("load", "reads other saved objects"),
    ("unserialize", "reads another saved object"),
    ("writeLines", "writes a file"),
    ("writeBin", "writes a file"),
    ("cat", "writes a file"),
    ("file", "opens a file"),
    ("file.create", "writes a file"),
    ("file.copy", "writes a file"),
    ("saveRDS", "writes a file"),
    ("save", "writes a file"),
    ("readLines", "reads a file"),
    ("Sys.getenv", "reads the environment"),
    ("Sys.setenv", "changes the environment"),
    ("loadNamespace", "loads a package"),
    ("library", "loads a package"),
    ("require", "loads a package"),
    ("assign", "changes a variable elsewhere"),
    ("delayedAssign", "sets up code for later"),
    ("makeActiveBinding", "sets up code for later"),
    ("reg.finalizer", "sets up code for later"),
    (".Call", "calls native code"),
    (".C", "calls native code"),
    (".External", "calls native code"),
    (".Internal", "calls the interpreter itself"),
];

/// Names in Lua code that reach out of it.
static LUA_NAMES: &[&str] = &[
    "execute",
    "os.execute",
    "popen",
    "io.popen",
    "loadlib",
    "dofile",
    "loadstring",
    "loadfile",
    "ffi",
    "cdef",
    "dlopen",
    "socket",
    "io",
    "os",
    "require",
    "package",
    "debug",
    "getenv",
    "rename",
    "remove",
    "/bin/sh",
];

fn known(table: &[(&'static str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(n, _)| *n == name).map(|(_, does)| *does)
}

pub(crate) fn check(model: &Model, sink: &mut Sink) {
    match model.graph.framework {
        Framework::R => check_r(model, sink),
        Framework::Torch7 => check_lua(model, sink),
        _ => {}
    }
}

/// Operators of one place are one piece of code: the worst of what it calls is told.
fn check_r(model: &Model, sink: &mut Sink) {
    let mut last = None;
    for operator in &model.graph.operators {
        let piece = (operator.domain.as_str(), operator.place.offset);
        if last == Some(piece) {
            continue;
        }
        let same = |o: &&Operator| (o.domain.as_str(), o.place.offset) == piece;
        match operator.domain.as_str() {
            "promise" => {
                last = Some(piece);
                let worst = worst(model.graph.operators.iter().filter(same));
                promise(operator, worst, sink);
            }
            "delayed" => {
                last = Some(piece);
                let far = model.graph.operators.iter().filter(same);
                if let Some((name, does)) = far.filter_map(|o| Some((o, known(R_FUNCTIONS, &o.name)?))).next()
                {
                    let message = format!(
                        "using a function in this file runs {}, which {does}: it is an argument that was never looked at",
                        code(&name.name)
                    );
                    report(operator, Severity::High, message, "runs when it is used", sink);
                }
            }
            "startup" => startup(model, operator, sink),
            _ => {}
        }
    }
    functions(model, sink);
}

/// What of a piece of code reaches furthest.
fn worst<'a>(pieces: impl Iterator<Item = &'a Operator>) -> Option<(String, &'static str)> {
    let mut second = None;
    for operator in pieces {
        if let Some(does) = known(R_FUNCTIONS, &operator.name) {
            return Some((operator.name.clone(), does));
        }
        if let Some(does) = known(R_CODE, &operator.name) {
            second.get_or_insert((operator.name.clone(), does));
        }
    }
    second
}

fn promise(operator: &Operator, worst: Option<(String, &'static str)>, sink: &mut Sink) {
    let whose = if operator.scope.is_empty() {
        "the object in this file".to_owned()
    } else {
        format!("the variable {} of this file", code(&operator.scope))
    };
    let (severity, what) = match worst {
        Some((name, does)) => (Severity::Critical, format!("{}, which {does}", code(&name))),
        None => (
            Severity::High,
            "code that it carries in place of a value".to_owned(),
        ),
    };
    let message = format!("looking at {whose} runs {what}");
    report(operator, severity, message, "runs when it is looked at", sink);
}

fn startup(model: &Model, operator: &Operator, sink: &mut Sink) {
    let called = model.graph.operators.iter().filter(|o| o.domain == "function");
    let (severity, rest) = match worst(called).filter(|(name, _)| known(R_FUNCTIONS, name).is_some()) {
        Some((name, does)) => (
            Severity::Critical,
            format!(", and functions in it call {}, which {does}", code(&name)),
        ),
        None => (Severity::High, String::new()),
    };
    let message = format!(
        "R runs {} of this file by itself when it starts with it or ends{rest}",
        code(&operator.name)
    );
    report(operator, severity, message, "runs by itself", sink);
}

/// What functions call is their business until somebody calls them: one finding for all that reaches far.
fn functions(model: &Model, sink: &mut Sink) {
    let far: Vec<(&Operator, &str)> = model
        .graph
        .operators
        .iter()
        .filter(|o| o.domain == "function")
        .filter_map(|o| Some((o, known(R_FUNCTIONS, &o.name)?)))
        .collect();
    let Some((first, does)) = far.first() else {
        return;
    };
    let message = format!(
        "calling a function that this file carries runs {}, which {does}",
        code(&first.name)
    );
    let names: Vec<String> = far.iter().map(|(o, _)| code(&o.name)).collect();
    let lines = vec![format!(
        "{:#010x}  calls {}",
        first.place.offset,
        names.join(", ")
    )];
    let place = place(sink, first.place, &lines, "called by a function");
    sink.push(
        Finding::new(&CODE_IN_SAVED_OBJECT, message, place)
            .severity(Severity::Medium)
            .help("read the functions before you call them: `print` shows their code")
            .subject("functions")
            .property("calls", escape(&first.name)),
    );
}

fn check_lua(model: &Model, sink: &mut Sink) {
    for operator in model.graph.operators.iter().filter(|o| o.domain == "function") {
        let mut names = operator.attributes.iter().map(|(_, name)| name.as_str());
        let far = names.find(|name| LUA_NAMES.contains(name));
        let (severity, message) = match far {
            Some(name) => (
                Severity::Critical,
                format!(
                    "a Lua function in this model reaches {} when it is called",
                    code(name)
                ),
            ),
            None => (
                Severity::High,
                "this model carries a Lua function, which its users call and which Lua loads without a check"
                    .to_owned(),
            ),
        };
        report(operator, severity, message, "code", sink);
    }
}

fn report(operator: &Operator, severity: Severity, message: String, label: &str, sink: &mut Sink) {
    let place = place(sink, operator.place, &super::lines(operator), label);
    sink.push(
        Finding::new(&CODE_IN_SAVED_OBJECT, message, place)
            .severity(severity)
            .help("do not load it; ask for the numbers alone, in a format that holds no code (CSV, Parquet, safetensors)")
            .subject(format!("{} {} {}", operator.domain, operator.scope, operator.place.offset))
            .property("code", operator.domain.clone()),
    );
}
