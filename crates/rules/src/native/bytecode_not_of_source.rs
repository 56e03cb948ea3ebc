use super::{Carriers, Compiled, SourceNames};
use crate::pickle::callables::{Judgement, Usage, judge};
use wellhead_core::{
    Confidence, Excerpt, ExcerptKind, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus,
    Severity, Sink, ThreatProfile, code, escape,
};

pub(crate) static BYTECODE_NOT_OF_SOURCE: Rule = Rule {
    id: "bytecode-not-of-source",
    summary: "compiled Python does something that the source beside it does not",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 4,
        detectability: 2,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or poisons a package",
        vector: "a changed file in `__pycache__` beside an honest source",
        weakness: "Python runs the compiled file, and everybody reads the source",
        impact: "other code runs than the one that was reviewed",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(345),
    ],
    page: include_str!("bytecode_not_of_source.md"),
    file: file!(),
};

/// Names that compilers put into code without being asked.
static OWN: &[&str] = &[
    "__annotate__",
    "__annotate_func__",
    "__annotations__",
    "__annotations_cache__",
    "__build_class__",
    "__class__",
    "__class_getitem__",
    "__classcell__",
    "__classdict__",
    "__classdictcell__",
    "__conditional_annotations__",
    "__debug__",
    "__doc__",
    "__enter__",
    "__exit__",
    "__aenter__",
    "__aexit__",
    "__firstlineno__",
    "__module__",
    "__name__",
    "__orig_bases__",
    "__qualname__",
    "__static_attributes__",
    "__type_params__",
    "__generic_base__",
    "AssertionError",
    "NotImplementedError",
    "StopIteration",
    "StopAsyncIteration",
    "format",
    "close",
    "throw",
    "send",
];

pub(crate) fn check(carriers: &Carriers, sink: &mut Sink) {
    for compiled in &carriers.compiled {
        if let Some(source) = &compiled.source {
            compare(compiled, source, sink);
        }
    }
}

/// Names of the code that stand nowhere in the source.
fn foreign<'a>(compiled: &'a Compiled, source: &SourceNames) -> Vec<&'a str> {
    compiled
        .names
        .iter()
        .flat_map(|name| name.split('.'))
        .filter(|part| {
            // Python writes names of two low lines in a class together with the class's own name, and other alphabets
            // in another form.
            let mangled = part.starts_with('_')
                && part.trim_start_matches('_').match_indices("__").any(|(at, _)| {
                    source
                        .names
                        .contains(part.trim_start_matches('_').get(at..).unwrap_or_default())
                });
            let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            plain && !part.is_empty() && !mangled && !OWN.contains(part) && !source.names.contains(*part)
        })
        .collect()
}

/// A name that gives whoever uses it control: a module or a builtin.
fn is_sharp(name: &str) -> bool {
    matches!(
        name,
        "exec" | "eval" | "compile" | "__import__" | "b64decode" | "loads" | "Popen" | "urlopen"
    ) || matches!(judge(name, "*", Usage::Call), Judgement::Dangerous(_))
}

fn compare(compiled: &Compiled, source: &SourceNames, sink: &mut Sink) {
    let foreign = foreign(compiled, source);
    if foreign.is_empty() || !source.whole {
        return;
    }
    let sharp: Vec<&str> = foreign.iter().copied().filter(|name| is_sharp(name)).collect();
    // A file left behind by another release differs by its own names; only one that nothing checks is surely run.
    let severity = match (compiled.unchecked, sharp.is_empty()) {
        (true, false) => Severity::Critical,
        (false, false) | (true, true) => Severity::High,
        (false, true) => Severity::Medium,
    };
    let name = code(compiled.artifact.name());
    let told = if sharp.is_empty() { &foreign } else { &sharp };
    let list: Vec<String> = told.iter().take(6).map(|n| code(n)).collect();
    let message = format!(
        "Python may run other code than the source says: {name} uses {}, which {} does not",
        list.join(", "),
        code(source.artifact.name())
    );
    let mut excerpt = Excerpt::new(ExcerptKind::Header);
    for (number, name) in (1..).zip(told.iter().take(8)) {
        excerpt.push_line(number, &escape(name));
    }
    excerpt.mark(1, "", "not in the source", true);
    let mut finding = Finding::new(
        &BYTECODE_NOT_OF_SOURCE,
        message,
        Location::whole(&compiled.artifact, "not of its source").with_excerpt(excerpt),
    )
    .severity(severity)
    .at(Location::whole(&source.artifact, "the source beside it"))
    .note(format!(
        "{} of its {} names stand nowhere in the source",
        foreign.len(),
        compiled.names.len()
    ))
    .help("delete the compiled file and let Python compile the source, after reading it")
    .subject(told.iter().take(6).copied().collect::<Vec<_>>().join(" "));
    if compiled.unchecked {
        finding = finding.note("Python never compares this file with its source");
    }
    sink.push(finding);
}
