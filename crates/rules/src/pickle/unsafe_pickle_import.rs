use super::{
    assess::{self, HELP_SAFE_FORMAT, Use},
    callables::{Danger, Judgement, Usage},
};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::pickle::Program;

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

fn about(program: &Program, sink: &Sink, u: &Use<'_>, danger: &Danger) -> Finding {
    let name = assess::named(u.import);
    let called = u.usage >= Usage::New;
    let (message, severity) = match u.call {
        Some(call) if u.handed => {
            let to = code(&program.callee_name(call.callee));
            (
                format!("loading this file hands {name} to {to}, which can call it"),
                Severity::Critical,
            )
        }
        _ if called => (format!("loading this file runs {name}"), Severity::Critical),
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
    if called || u.handed {
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
