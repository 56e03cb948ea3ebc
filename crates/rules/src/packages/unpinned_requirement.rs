use super::{labelled, shown};
use wellhead_core::{
    ArtifactPath, Bucket, Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario,
    Severity, Sink, Source, ThreatProfile, Untrusted, code,
};
use wellhead_packages::{Dependency, ManifestKind};

/// A range without a lock.
pub(crate) static UNPINNED_REQUIREMENT: Rule = Rule {
    id: "unpinned-requirement",
    summary: "a requirement leaves open which version is installed",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Updates,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 5,
        technical_impact: 4,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the next release of the package",
        vector: "the next install, on any machine",
        weakness: "no file says which version was tried and meant",
        impact: "what runs tomorrow is not what was tested today, and may be an attacker's",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(1357),
        Reference::Atlas("AML.T0010"),
    ],
    page: include_str!("unpinned_requirement.md"),
    file: file!(),
};

pub(crate) fn check(dependency: &Dependency, sink: &mut Sink) {
    let c = &dependency.component;
    let judged = matches!(dependency.manifest, ManifestKind::Requirements | ManifestKind::Pyproject)
        && c.bucket == Bucket::Unpinned
        && matches!(c.source, Source::Registry { .. })
        && !dependency.settled_elsewhere
        // What builds a project is declared as a range everywhere, and no lock covers it.
        && !(dependency.manifest == ManifestKind::Pyproject && c.direct.is_none());
    if !judged {
        return;
    }
    let written = c.specifier.as_deref().unwrap_or_default();
    let bounded = written.contains(['<', '~']) || written.contains(".*");
    let severity = if bounded || for_developers(sink.artifact()) {
        Severity::Low
    } else {
        Severity::Medium
    };
    let label = match (written.is_empty(), bounded) {
        (true, _) => "any version",
        (false, false) => "any newer version",
        (false, true) => "a range of versions",
    };
    let message = format!(
        "whoever publishes the next release of {} decides what is installed here",
        code(&c.written)
    );
    let mut finding = Finding::new(&UNPINNED_REQUIREMENT, message, labelled(&c.declared, label))
        .severity(severity)
        .subject(c.name.clone())
        .help("pin the exact version, or commit a lock file (`uv lock`, `pip-compile`, `poetry lock`)")
        .property("package", c.name.as_str())
        .property("specifier", written);
    if let Some(admitted) = &dependency.admitted {
        let names: Vec<String> = admitted
            .flaws
            .iter()
            .take(3)
            .map(|f| Untrusted::from(f.name.as_str()).shown(40))
            .collect();
        let more = admitted.flaws.len().saturating_sub(names.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let version = shown(&admitted.version);
        finding = finding
            .note(format!(
                "it still admits {version}, which is vulnerable ({}{more})",
                names.join(", ")
            ))
            .property("admits", version);
        if let Some(clean) = &admitted.lowest_clean {
            let clean = shown(clean);
            finding = finding
                .note(format!(
                    "{clean} is the lowest version in the range without known flaws"
                ))
                .property("lowest_clean", clean);
        }
    }
    sink.push(finding);
}

/// Whether the file's name says that it serves those who work on the project, and not what is deployed.
fn for_developers(path: &ArtifactPath) -> bool {
    let name = path.leaf().to_ascii_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        matches!(
            word,
            "dev" | "develop" | "test" | "tests" | "testing" | "doc" | "docs" | "lint" | "ci" | "style"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dependency, messages};
    use super::*;

    #[test]
    fn ranges_without_a_lock_are_seen() {
        let severity = |text: &str| {
            let mut sink = Sink::new(ArtifactPath::file("requirements.txt"));
            check(&dependency(text), &mut sink);
            sink.into_findings().first().map(|f| f.severity)
        };
        for (text, expected) in [
            ("torch\n", Some(Severity::Medium)),
            ("torch>=2.6\n", Some(Severity::Medium)),
            ("torch>=2.6,<3\n", Some(Severity::Low)),
            ("torch~=2.6\n", Some(Severity::Low)),
            ("torch==2.6.*\n", Some(Severity::Low)),
            ("torch==2.6.0\n", None),
            ("torch===2.6.0\n", None),
            ("torch @ https://files.example/torch-2.6.0.tar.gz\n", None),
            ("./torch\n", None),
        ] {
            assert_eq!(severity(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_lock_settles_is_left_alone() {
        let mut d = dependency("torch\n");
        d.settled_elsewhere = true;
        assert_eq!(messages(check, &d), "");
    }
}
