use super::Environment;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// What is installed is not what the lock says.
pub(crate) static ENVIRONMENT_LOCK_DRIFT: Rule = Rule {
    id: "environment-lock-drift",
    summary: "what is installed is not what the lock says",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 4,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever changed the environment or the lock",
        vector: "packages that differ from the lock",
        weakness: "the lock is reviewed and the environment runs",
        impact: "other code runs than the one that was reviewed",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(353),
        Reference::Cwe(1104),
    ],
    page: include_str!("environment_lock_drift.md"),
    file: file!(),
};

/// Findings of a kind that are told one by one.
const MOST: usize = 200;

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    let shown = code(&environment.shown);
    for drift in &environment.locks {
        for (name, locked, installed, at) in drift.other_version.iter().take(MOST) {
            let message = format!(
                "the version of {} that runs is not the one that was reviewed: {} is locked and {} installed in {shown}",
                code(name),
                code(locked),
                code(installed)
            );
            sink.push(
                told(message, at.clone(), name)
                    .help("install from the lock: `uv sync`, `pip install --require-hashes -r …`"),
            );
        }
        for (name, locked, installed, at) in drift.other_source.iter().take(MOST) {
            let message = format!(
                "{} did not come from where the lock says: {locked} is locked, and it was installed from {installed}",
                code(name)
            );
            sink.push(told(message, at.clone(), name).help("install it from the lock again"));
        }
        if let Some((_, at)) = drift.missing.first() {
            let names: Vec<String> = drift.missing.iter().take(8).map(|(n, _)| code(n)).collect();
            let message = format!(
                "the environment {shown} is not the locked one: {} packages are not installed",
                drift.missing.len()
            );
            sink.push(
                told(message, at.clone(), "missing")
                    .severity(Severity::Low)
                    .note(format!("not installed: {}", names.join(", ")))
                    .help("install from the lock"),
            );
        }
        if let Some((_, info)) = drift.extra.first() {
            let names: Vec<String> = drift.extra.iter().take(8).map(|(n, _)| code(n)).collect();
            let lock = drift.lock.as_ref().map(ToString::to_string).unwrap_or_default();
            let message = format!(
                "code that nobody reviewed can run here: {} installed packages are not in {}",
                drift.extra.len(),
                code(&lock)
            );
            sink.push(
                told(
                    message,
                    Location::whole(info, "not in the lock"),
                    &format!("extra {lock}"),
                )
                .severity(Severity::Low)
                .note(format!("not in the lock: {}", names.join(", ")))
                .help("uninstall them, or lock them"),
            );
        }
    }
}

fn told(message: String, at: Location, subject: &str) -> Finding {
    Finding::new(&ENVIRONMENT_LOCK_DRIFT, message, at).subject(subject.to_owned())
}
