use super::{
    callee,
    hub::{Revision, fetch, revision},
};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_pycode::{Argument, Call, Module, Value};

/// A loader that may run Python code of the repository it loads from.
pub(crate) static TRUST_REMOTE_CODE: Rule = Rule {
    id: "trust-remote-code",
    summary: "a hub repository may run its own Python code",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can write to the repository, now or later",
        vector: "`modeling_*.py` or a loading script beside the weights",
        weakness: "the loader was told to import what the repository brings",
        impact: "the attacker's code runs with the rights of the training or serving process",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(829),
        Reference::Cwe(94),
        Reference::Atlas("AML.T0011.000"),
    ],
    page: include_str!("trust_remote_code.md"),
    file: file!(),
};

const KEYWORD: &str = "trust_remote_code";

/// Environment variables that do the same for everything that is loaded.
const VARIABLES: &[&str] = &["HF_DATASETS_TRUST_REMOTE_CODE", "TRUST_REMOTE_CODE"];

pub(super) fn check(module: &Module, sink: &mut Sink) {
    let trusting: Vec<_> = module
        .calls
        .iter()
        .filter_map(|call| Some((call, trusting(call)?)))
        // Where `functools.partial` bound it, it was reported there.
        .filter(|(call, argument)| call.states(argument))
        .collect();
    // A dictionary of arguments matters by itself only where nothing in this file takes it.
    let is_taken = trusting.iter().any(|(call, _)| !call.may_be("dict"));
    for (call, argument) in trusting {
        if !(is_taken && call.may_be("dict")) {
            judge(module, call, argument, sink);
        }
    }
    for write in &module.environment {
        let on = write
            .value
            .texts()
            .any(|t| matches!(t.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"));
        if on && VARIABLES.contains(&write.name.as_str()) {
            let place = sink.text(
                &module.text,
                write.range.clone(),
                "for everything that is loaded from here on",
            );
            let message = "every repository that is loaded may run its own Python code";
            sink.push(
                Finding::new(&TRUST_REMOTE_CODE, message, place)
                    .subject(write.name.clone())
                    .help("remove the variable, and name the few loads that need it"),
            );
        }
    }
}

/// The argument that allows remote code: the keyword itself, or one whose dictionary holds it.
fn trusting(call: &Call) -> Option<&Argument> {
    let own = call.keyword(KEYWORD).filter(|a| a.value.may_be_true());
    own.or_else(|| {
        let nested = call.keywords.iter().map(|k| &k.argument);
        nested
            .into_iter()
            .find(|a| a.value.alternatives().iter().any(holds))
    })
}

fn holds(value: &Value) -> bool {
    let Value::Dict(items) = value else {
        return false;
    };
    let last = items
        .iter()
        .rev()
        .find(|(key, _)| matches!(key, Value::Text(name) if name == KEYWORD));
    last.is_some_and(|(_, value)| value.may_be_true())
}

fn judge(module: &Module, call: &Call, argument: &Argument, sink: &mut Sink) {
    let fetch = fetch(call);
    let name = fetch.as_ref().and_then(|f| f.names.first().cloned());
    // A function that is not known names its commit like those that are.
    let stated = fetch
        .as_ref()
        .map_or_else(|| revision(call, "revision"), |f| f.revision.clone());
    let pinned = stated == Revision::Pinned
        && matches!(
            revision(call, "code_revision"),
            Revision::Pinned | Revision::Missing
        );
    let message = match &name {
        Some(name) => format!("loading {} runs the Python code of its repository", code(name)),
        None => "loading runs the Python code that the repository brings".to_owned(),
    };
    let place = sink.text(
        &module.text,
        argument.range.clone(),
        "imports and runs `*.py` of the repository",
    );
    let place = sink.and(place, &module.text, call.callee_range.clone(), "loaded here");
    let mut finding = Finding::new(&TRUST_REMOTE_CODE, message, place)
        .subject(name.clone().unwrap_or_else(|| escape(call.callee())));
    if pinned {
        finding = finding
            .severity(Severity::Medium)
            .note("the commit is pinned, so only what it holds today can run")
            .help("read the Python files of that commit, or use a model whose code is part of the library");
    } else if fetch.is_some() && name.is_none() {
        finding = finding
            .note("where it is loaded from is not known; `auto_map` of a local folder may name another repository")
            .help("use a model whose code is part of the library, or pin the commit after reading its code");
    } else {
        finding = finding
            .at(callee(
                module,
                call,
                sink,
                "without a pinned commit, the code may change every day",
            ))
            .help("use a model whose code is part of the library: remove `trust_remote_code`")
            .help(
                "if it is needed, read the code and pin the commit: `revision=\"<40 hexadecimal digits>\"`",
            );
    }
    if argument.value.is_uncertain() {
        // Whoever calls this decides; a default of a wrapper is not yet a load.
        finding.severity = finding.severity.min(Severity::Medium);
        finding.confidence = finding.confidence.min(Confidence::Medium);
    }
    if fetch.is_none() {
        // A function or class of the project, or of a library that is not known: it probably hands it on.
        finding = finding.confidence(Confidence::Medium);
    }
    sink.push(finding);
}
