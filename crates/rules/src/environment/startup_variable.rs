use super::Environment;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
};

/// A variable of the shell changes what Python imports or runs.
pub(crate) static STARTUP_VARIABLE: Rule = Rule {
    id: "startup-variable",
    summary: "a variable of the shell changes what Python imports or runs",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 2,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever can write into a folder that the variable names",
        vector: "a module of the name of an installed one",
        weakness: "folders of `PYTHONPATH` come before all installed packages",
        impact: "other code than the installed one is imported",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(426),
        Reference::Cwe(427),
    ],
    page: include_str!("startup_variable.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for (name, value) in &environment.variables {
        let (severity, message) = match name.as_str() {
            "PYTHONPATH" if relative(value) => (
                Severity::Medium,
                "Python imports from the current folder, whatever it is, before what is installed".to_owned(),
            ),
            "PYTHONPATH" => (
                Severity::Low,
                format!(
                    "modules of these folders are imported before those that are installed: {}",
                    code(value)
                ),
            ),
            "PYTHONSTARTUP" => (
                Severity::Low,
                format!("every interactive Python runs this file first: {}", code(value)),
            ),
            _ => (
                Severity::Low,
                format!(
                    "what is set for {} changes what every Python runs: {}",
                    code(name),
                    code(value)
                ),
            ),
        };
        sink.push(
            Finding::new(
                &STARTUP_VARIABLE,
                message,
                sink.whole(format!("{} is set", code(name))),
            )
            .severity(severity)
            .note("this is a fact of the shell that asked, not of the environment")
            .help(format!(
                "unset it where the environment is used: {}",
                code(&format!("unset {name}"))
            ))
            .subject(name.clone()),
        );
    }
}

/// Whether one of the folders is none from the root: an empty one is the current folder.
fn relative(value: &str) -> bool {
    let windows = value.contains(";") || value.get(1..3).is_some_and(|c| c == ":\\");
    let separator = if windows { ';' } else { ':' };
    !windows && value.split(separator).any(|part| !part.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_part_is_the_current_folder() {
        for (value, expected) in [
            ("/a:/b", false),
            ("/a:", true),
            ("src", true),
            ("C:\\a;C:\\b", false),
        ] {
            assert_eq!(relative(value), expected, "{value}");
        }
    }
}
