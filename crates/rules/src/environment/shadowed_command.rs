use super::{CommandKind, Environment, Owner};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// A command of the environment takes the place of a tool of the system.
pub(crate) static SHADOWED_COMMAND: Rule = Rule {
    id: "shadowed-command",
    summary: "a command of the environment takes the place of a tool of the system",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 2,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can write into the environment, or publishes a package",
        vector: "a script named like a tool",
        weakness: "an active environment comes first on PATH",
        impact: "the next `git`, `pip` or `sudo` runs the attacker's script",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(426),
        Reference::Cwe(427),
    ],
    page: include_str!("shadowed_command.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for command in &environment.commands {
        let name = code(&command.name);
        let (severity, message) = match (&command.is, &command.owner) {
            (CommandKind::Foreign(_), _) => continue,
            (CommandKind::FalseInterpreter, _) => (
                Severity::High,
                format!("whoever starts {name} of this environment runs a script and not the interpreter"),
            ),
            (CommandKind::OpenInterpreter(target), _) => (
                Severity::High,
                format!(
                    "everybody who can write to a shared folder of the machine decides what {name} of this environment runs: it leads to {}",
                    code(target)
                ),
            ),
            (CommandKind::Shadows, Owner::Nobody) => (
                Severity::High,
                format!("whoever types {name} in this environment runs a script that no package installed"),
            ),
            (CommandKind::Shadows, Owner::Verified(owner) | Owner::Stated(owner)) => (
                Severity::Medium,
                format!(
                    "whoever types {name} in this environment runs a command of the package {}",
                    code(owner)
                ),
            ),
            (CommandKind::Shadows, Owner::System) => continue,
        };
        sink.push(
            Finding::new(
                &SHADOWED_COMMAND,
                message,
                Location::whole(&command.artifact, "first on PATH"),
            )
            .severity(severity)
            .help("delete it unless you put it there, and call the tool by its full path until then")
            .subject(command.name.clone()),
        );
    }
}
