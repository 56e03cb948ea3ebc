use super::labelled;
use wellhead_core::{
    Bucket, Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    Source, ThreatProfile, code,
};
use wellhead_packages::Dependency;

/// A dependency without a released version.
pub(crate) static UNAUDITABLE_DEPENDENCY: Rule = Rule {
    id: "unauditable-dependency",
    summary: "a dependency cannot be compared with advisories",
    severity: Severity::Info,
    confidence: Confidence::High,
    measure: Measure::Updates,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 2,
        detectability: 3,
        technical_impact: 3,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever wrote the code that nobody looks up",
        vector: "a source that advisories do not know",
        weakness: "no released version can be told",
        impact: "a known flaw stays unseen",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1357)],
    page: include_str!("unauditable_dependency.md"),
    file: file!(),
};

pub(crate) fn check(dependency: &Dependency, sink: &mut Sink) {
    let c = &dependency.component;
    let Bucket::Unauditable { why } = &c.bucket else {
        return;
    };
    // A lock states a version beside the commit, and that one was looked up.
    let looked_up = c.version.is_some() && dependency.manifest.is_lock();
    let own = matches!(&c.source, Source::Path { path, .. } if !leaves_project(path));
    if looked_up || own {
        return;
    }
    let message = format!("no advisory can be looked up for {}: {why}", code(&c.written));
    sink.push(
        Finding::new(
            &UNAUDITABLE_DEPENDENCY,
            message,
            labelled(&c.declared, "no released version"),
        )
        .subject(c.name.clone())
        .help("depend on a released version where there is one, or audit the source itself")
        .property("package", c.name.as_str())
        .property("why", why.as_str()),
    );
}

/// Whether a path leads out of what is audited.
fn leaves_project(path: &str) -> bool {
    path.starts_with('/')
        || path.starts_with('~')
        || path.to_ascii_lowercase().starts_with("file:")
        || path.split(['/', '\\']).any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dependency, messages};
    use super::*;

    #[test]
    fn what_has_no_released_version_is_said() {
        for (text, said) in [
            ("git+https://git.example/a.git\n", true),
            ("a @ https://files.example/latest.zip\n", true),
            ("odd===2013-weird\n", true),
            ("-e ../other\n", true),
            ("./part\n", false),
            ("a==1.0\n", false),
            ("a\n", false),
        ] {
            assert_eq!(!messages(check, &dependency(text)).is_empty(), said, "{text}");
        }
    }
}
