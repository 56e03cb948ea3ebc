use super::{CommandKind, Environment};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};

/// Commands of the environment run under another interpreter.
pub(crate) static FOREIGN_SHEBANG: Rule = Rule {
    id: "foreign-shebang",
    summary: "commands of the environment run under another interpreter",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 3,
        technical_impact: 2,
        ml_application: 2,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "whoever controls the other interpreter",
        vector: "the first line of a command",
        weakness: "it names an interpreter outside of the environment",
        impact: "the command runs with other packages than those that were audited",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(426)],
    page: include_str!("foreign_shebang.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    let foreign: Vec<_> = environment
        .commands
        .iter()
        .filter_map(|c| match &c.is {
            CommandKind::Foreign(interpreter) => Some((c, interpreter)),
            CommandKind::Shadows | CommandKind::FalseInterpreter | CommandKind::OpenInterpreter(_) => None,
        })
        .collect();
    let Some((first, interpreter)) = foreign.first() else {
        return;
    };
    let message = format!(
        "commands of this environment run with the packages of another one: {}",
        code(interpreter)
    );
    let names: Vec<String> = foreign.iter().take(8).map(|(c, _)| code(&c.name)).collect();
    sink.push(
        Finding::new(
            &FOREIGN_SHEBANG,
            message,
            Location::whole(&first.artifact, "its first line names the other interpreter"),
        )
        .note(format!("{} commands: {}", foreign.len(), names.join(", ")))
        .note("an environment that was copied or moved looks like this")
        .help("make the environment anew where it is to be used"),
    );
}
