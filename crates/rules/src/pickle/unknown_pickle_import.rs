use super::{
    assess::{self, Use},
    callables::{Judgement, Usage},
};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::pickle::Program;

/// Loading the file uses a name of which nothing is known.
pub(crate) static UNKNOWN_PICKLE_IMPORT: Rule = Rule {
    id: "unknown-pickle-import",
    summary: "loading the file imports or calls something that is not known to be harmless",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model file",
        vector: "a callable of a package that nobody has looked at, or a module shipped beside the model",
        weakness: "the pickle format lets data name any function and call it",
        impact: "what the function does, and what its module does when it is imported",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(502),
        Reference::Cwe(470),
    ],
    page: include_str!("unknown_pickle_import.md"),
    file: file!(),
};

pub(crate) fn check(program: &Program, sink: &mut Sink) {
    for u in assess::uses(program) {
        if u.judgement == Judgement::Unknown {
            let finding = about(program, sink, &u);
            sink.push(finding);
        }
    }
    for (call, import) in assess::calls_of_values(program) {
        let what = match import {
            Some(import) => format!("what {} returned", code(&import.path())),
            None => "something that cannot be followed".to_owned(),
        };
        let finding = Finding::new(
            &UNKNOWN_PICKLE_IMPORT,
            format!("loading this file calls {what}"),
            assess::locate(program, sink, None, Some(call)),
        )
        .help("find out what wrote the file, and re-export it in a format that holds only data")
        .subject(format!("call {}", program.callee_name(call.callee)));
        sink.push(finding);
    }
    for extension in program.extensions.iter().filter(|e| e.import.is_none()) {
        let code_number = extension.code;
        let place = assess::locate_site(program, sink, &extension.site, "looked up by number");
        let finding = Finding::new(
            &UNKNOWN_PICKLE_IMPORT,
            format!(
                "loading this file takes a callable from the registry of `copyreg` by the code {code_number}"
            ),
            place,
        )
        .note("what the code stands for is decided by the program that loads the file")
        .help("find out what wrote the file, and re-export it in a format that holds only data")
        .subject(format!("extension {code_number}"));
        sink.push(finding);
    }
}

fn about(program: &Program, sink: &Sink, u: &Use<'_>) -> Finding {
    let name = assess::named(u.import);
    let used = u.usage >= Usage::State || u.handed;
    let message = match u.call {
        Some(call) if u.handed => {
            let to = code(&program.callee_name(call.callee));
            format!("loading this file hands {name} to {to}, and what it does is not known")
        }
        _ if u.usage == Usage::Call => {
            format!("loading this file calls {name}, and what that does is not known")
        }
        _ if u.usage == Usage::Items => {
            format!("loading this file puts items into an instance of {name}, which is not known to hold any")
        }
        _ if used => {
            format!("loading this file makes an instance of {name}, and what that does is not known")
        }
        _ => format!("loading this file imports {name}, and so runs the module that holds it"),
    };
    // A class of TorchScript is made from the code in the same archive; Python itself has no module of that name.
    let scripted = u.import.module.split('.').next() == Some("__torch__") && sink.artifact().nesting() > 0;
    let severity = match (scripted, used) {
        (true, _) => Severity::Info,
        (false, true) => Severity::High,
        (false, false) => Severity::Medium,
    };
    let mut finding = Finding::new(
        &UNKNOWN_PICKLE_IMPORT,
        message,
        assess::locate(program, sink, Some(u.import), u.call),
    )
    .severity(severity)
    .subject(u.import.path())
    .property("callable", wellhead_core::escape(&u.import.path()))
    .property("module", wellhead_core::escape(&u.import.module));
    if scripted {
        finding =
            finding.note("a class of TorchScript: the loader makes it from the code in the same archive");
    }
    if u.import.after_damage {
        finding = finding
            .note("most loaders give up before this instruction; one that reads on regardless runs it");
    }
    if u.import.module == "__main__" {
        finding = finding.note("`__main__` is whatever program loads the file");
    }
    finding.help("find out what wrote the file, and re-export it in a format that holds only data")
}
