use super::{labelled, shown};
use wellhead_core::{
    ArtifactPath, Bucket, Confidence, Ecosystem, Finding, Measure, Reference, Risk, Rule, RuleStatus,
    Scenario, Severity, Sink, Source, ThreatProfile, Untrusted, code,
};
use wellhead_packages::{Admitted, Dependency, ManifestKind};

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
    let judged = JUDGED.contains(&dependency.manifest)
        && c.bucket == Bucket::Unpinned
        && matches!(c.source, Source::Registry { .. })
        && !dependency.settled_elsewhere
        // What builds a project is declared as a range everywhere, and no lock covers it.
        && !(dependency.manifest != ManifestKind::Requirements && c.direct.is_none());
    // Conda's own tools are as new as the base that they are installed from.
    let tool = c.ecosystem == Ecosystem::Conda && matches!(c.name.as_str(), "python" | "pip");
    if !judged || tool {
        return;
    }
    let written = c.specifier.as_deref().unwrap_or_default();
    let bounded = written.contains(['<', '~']) || written.contains(".*");
    // Without a known flaw in the range it is a matter of habit, and one of many lines.
    let severity = match (&dependency.admitted, bounded || for_developers(sink.artifact())) {
        (Some(_), false) => Severity::Medium,
        (Some(_), true) | (None, false) => Severity::Low,
        (None, true) => Severity::Info,
    };
    let label = match (written.is_empty(), bounded) {
        (true, _) => "any version",
        (false, false) => "any newer version",
        (false, true) => "a range of versions",
    };
    let name = code(&c.written);
    let message = match &dependency.admitted {
        Some(admitted) => format!(
            "a version of {name} with known flaws may be installed here: {}",
            range(admitted)
        ),
        None => format!("whoever publishes the next release of {name} decides what is installed here"),
    };
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
            .note(format!("{version} has {}{more}", names.join(", ")))
            .property("admits_from", shown(&admitted.oldest))
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

/// Files that somebody installs from as they are.
const JUDGED: &[ManifestKind] = &[
    ManifestKind::Requirements,
    ManifestKind::Pyproject,
    ManifestKind::Pipfile,
    ManifestKind::Script,
    ManifestKind::CondaEnvironment,
    ManifestKind::Pixi,
];

/// The part of the range that advisories name: `2.0.0 to 2.5.1`.
fn range(admitted: &Admitted) -> String {
    let (oldest, newest) = (shown(&admitted.oldest), shown(&admitted.version));
    if oldest == newest {
        newest
    } else {
        format!("{oldest} to {newest}")
    }
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
            ("torch\n", Some(Severity::Low)),
            ("torch>=2.6\n", Some(Severity::Low)),
            ("torch>=2.6,<3\n", Some(Severity::Info)),
            ("torch~=2.6\n", Some(Severity::Info)),
            ("torch==2.6.*\n", Some(Severity::Info)),
            ("torch==2.6.0\n", None),
            ("torch===2.6.0\n", None),
            ("torch @ https://files.example/torch-2.6.0.tar.gz\n", None),
            ("./torch\n", None),
        ] {
            assert_eq!(severity(text), expected, "{text}");
        }
    }

    #[test]
    fn a_range_that_admits_flaws_says_which() {
        let mut d = dependency("torch>=2.0\n");
        d.admitted = Some(Admitted {
            oldest: "2.0.0".to_owned(),
            version: "2.5.1".to_owned(),
            flaws: Vec::new(),
            inescapable: Vec::new(),
            lowest_clean: Some("2.6.0".to_owned()),
        });
        let got = messages(check, &d);
        assert_eq!(
            got,
            "medium: a version of `torch` with known flaws may be installed here: 2.0.0 to 2.5.1"
        );
        d.admitted.as_mut().unwrap().oldest = "2.5.1".to_owned();
        assert!(messages(check, &d).ends_with("here: 2.5.1"));
    }

    #[test]
    fn what_a_lock_settles_is_left_alone() {
        let mut d = dependency("torch\n");
        d.settled_elsewhere = true;
        assert_eq!(messages(check, &d), "");
    }
}
