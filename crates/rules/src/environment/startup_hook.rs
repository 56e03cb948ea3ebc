use super::{Environment, Hook, HookKind, Owner};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// Something runs at every start of Python.
pub(crate) static STARTUP_HOOK: Rule = Rule {
    id: "startup-hook",
    summary: "something runs at every start of Python",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes a package, or can write into the environment",
        vector: "a `.pth` or `.start` file, `sitecustomize` or `usercustomize`",
        weakness: "Python runs them at every start, whether the package is used or not",
        impact: "the code runs in every Python process of the environment",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(829),
        Reference::Pep(829),
    ],
    page: include_str!("startup_hook.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for hook in &environment.hooks {
        if let Some(severity) = severity(hook) {
            sink.push(finding(hook, severity));
        }
    }
}

/// What a hook is worth; nothing where it is one that tools of packaging write, and what it imports is vouched for.
fn severity(hook: &Hook) -> Option<Severity> {
    let vouched = matches!(hook.owner, Owner::Verified(_) | Owner::System);
    if hook.effects.attacks() {
        return Some(Severity::Critical);
    }
    if hook.effects.reaches_out() {
        let expected = hook.known.is_some() || hook.owner == Owner::System;
        return Some(if expected {
            Severity::Medium
        } else {
            Severity::High
        });
    }
    match hook.is {
        HookKind::OpenFolder | HookKind::PathFile | HookKind::Unread(_) => Some(Severity::Medium),
        HookKind::InnerConfig => Some(Severity::High),
        HookKind::Customize if hook.owner == Owner::System => Some(Severity::Info),
        HookKind::Line | HookKind::EntryPoint | HookKind::Customize => {
            let own = hook.known == Some("virtualenv");
            if hook.known.is_some() && (own || hook.unvouched.is_empty()) {
                return None;
            }
            Some(if vouched && hook.unvouched.is_empty() {
                Severity::Info
            } else {
                Severity::Medium
            })
        }
    }
}

fn finding(hook: &Hook, severity: Severity) -> Finding {
    let when = "every start of Python in this environment";
    let message = match (hook.is, hook.effects.worst()) {
        (HookKind::OpenFolder, _) => {
            "everybody who can write to a shared folder of the machine can add modules to this environment"
                .to_owned()
        }
        (HookKind::InnerConfig, _) => {
            format!(
                "{when} takes its standard library from where this file says, and not from its interpreter"
            )
        }
        (HookKind::Unread(why), _) => {
            format!("{when} runs the lines of a file that could not be looked at: {why}")
        }
        (HookKind::PathFile, _) => format!("{when} takes its modules from folders outside of it"),
        (_, Some(worst)) => format!("{when} runs code that {worst}"),
        (HookKind::Customize, None) => format!("{when} runs this module before any other"),
        (_, None) => format!("{when} runs this line"),
    };
    let at = if hook.text.is_empty() || hook.span.is_empty() {
        Location::whole(&hook.artifact, "run at every start")
    } else {
        Location::text(
            &hook.artifact,
            &hook.text,
            hook.span.clone(),
            "run at every start",
        )
    };
    let mut finding = Finding::new(&STARTUP_HOOK, message, at).severity(severity);
    finding = match &hook.owner {
        Owner::Verified(name) => finding.note(format!("it was installed with {}", code(name))),
        Owner::Stated(name) => finding.note(format!(
            "the record of {} names it and does not vouch for its content",
            code(name)
        )),
        Owner::System => finding.note("it belongs to the system or to the interpreter itself"),
        Owner::Nobody => finding.note("no installed package brought it"),
    };
    if !hook.unvouched.is_empty() {
        let modules: Vec<String> = hook.unvouched.iter().take(5).map(|m| code(m)).collect();
        finding = finding.note(format!(
            "it imports what no record vouches for: {}",
            modules.join(", ")
        ));
    }
    if severity == Severity::Info {
        return finding;
    }
    finding.help("delete it if you did not put it there, and make the environment anew from the lock")
}
