use super::{
    assess::{self, HELP_SAFE_FORMAT, Use},
    callables::{Danger, Judgement, Usage},
    evaluated,
};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::pickle::{Callee, Evaluated, Program};

/// Loading the file runs something dangerous.
pub(crate) static UNSAFE_PICKLE_IMPORT: Rule = Rule {
    id: "unsafe-pickle-import",
    summary: "loading the file runs, or can reach, a function that gives an attacker control",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model file",
        vector: "a pickle that calls a function when it is loaded",
        weakness: "the pickle format lets data name any function and call it",
        impact: "the attacker's code runs with the rights of whoever loads the model",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(502),
        Reference::Atlas("AML.T0018"),
        Reference::Cve("CVE-2025-1716"),
    ],
    page: include_str!("unsafe_pickle_import.md"),
    file: file!(),
};

pub(crate) fn check(program: &Program, sink: &mut Sink) {
    for u in assess::uses(program) {
        if let Judgement::Dangerous(danger) = u.judgement {
            let finding = about(program, sink, &u, danger);
            sink.push(finding);
        }
    }
    for text in evaluated::harmful(program) {
        sink.push(about_text(program, sink, text));
    }
    for (write, import) in assess::patches(program) {
        let what = write.keys.first().map_or_else(
            || code(&import.path()),
            |key| code(&format!("{}.{key}", import.path())),
        );
        let place = assess::locate_site(program, sink, &write.site, "overwrites what was imported");
        let finding = Finding::new(
            &UNSAFE_PICKLE_IMPORT,
            format!("loading this file overwrites {what} for the whole program"),
            place,
        )
        .note("no honest pickle gives a state to something that it imports")
        .help(HELP_SAFE_FORMAT)
        .subject(format!("patch {}", import.path()))
        .property("class", "S26");
        sink.push(finding);
    }
}

/// Text that a class runs as code, or a pickle in a pickle, where it is not what honest writers put there.
fn about_text(program: &Program, sink: &Sink, text: &Evaluated) -> Finding {
    let class = program.import(text.class).map(|i| i.path()).unwrap_or_default();
    let (message, severity, label) = if text.key == evaluated::ARGUMENT {
        (
            format!(
                "loading this file unpickles something that cannot be followed, by {}",
                code(&class)
            ),
            Severity::High,
            "loads it",
        )
    } else {
        (
            format!(
                "loading this file runs text as code: the state of {}",
                code(&class)
            ),
            Severity::Critical,
            "gets its state here",
        )
    };
    let place = assess::locate_site(program, sink, &text.site, label);
    let finding = Finding::new(&UNSAFE_PICKLE_IMPORT, message, place)
        .severity(severity)
        .help(HELP_SAFE_FORMAT)
        .subject(format!("evaluated {class} {}", text.key))
        .property("class", assess::EVALUATES.class);
    match &text.text {
        Some(shown) => finding.note(format!("{} holds {}", code(&text.key), code(shown))),
        None => finding.note("what it holds cannot be followed"),
    }
}

fn about(program: &Program, sink: &Sink, u: &Use<'_>, danger: &Danger) -> Finding {
    let name = assess::named(u.import);
    let called = u.usage >= Usage::New;
    let (message, severity) = match (u.call, u.write) {
        (Some(call), _) if u.handed => {
            let to = code(&program.callee_name(call.callee));
            (
                format!("loading this file hands {name} to {to}, which can call it"),
                Severity::Critical,
            )
        }
        _ if called => (format!("loading this file runs {name}"), Severity::Critical),
        (_, Some(write)) => {
            let into = match write.target {
                Callee::Result(id) => program.import(id).map(|i| i.path()).unwrap_or_default(),
                other => program.callee_name(other),
            };
            let into = code(&into);
            (
                format!(
                    "loading this file puts {name} into an instance of {into}, which calls it when it is used"
                ),
                Severity::Critical,
            )
        }
        _ => (
            format!("this file refers to {name}, which {}", danger.does),
            Severity::High,
        ),
    };
    let mut finding = Finding::new(
        &UNSAFE_PICKLE_IMPORT,
        message,
        assess::locate(program, sink, Some(u.import), u.call),
    )
    .severity(severity)
    .subject(u.import.path())
    .property("class", danger.class)
    .property("callable", u.import.path());
    if called || u.handed || u.write.is_some() {
        finding = finding.note(format!("{name} {}", danger.does));
    }
    if let Some((module, old)) = &u.import.written {
        finding = finding.note(format!(
            "written as {} and renamed by the loader",
            code(&format!("{module}.{old}"))
        ));
    }
    if u.import.after_damage {
        finding = finding
            .note("most loaders give up before this instruction; one that reads on regardless runs it");
    }
    if let Some(cve) = danger.cve {
        finding = finding.note(format!("known from {cve}"));
    }
    finding.help("do not load this file").help(HELP_SAFE_FORMAT)
}
