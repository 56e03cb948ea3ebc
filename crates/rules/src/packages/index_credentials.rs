use super::labelled;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_packages::Manifest;

/// A secret in the address of an index.
pub(crate) static INDEX_CREDENTIALS: Rule = Rule {
    id: "index-credentials",
    summary: "a password or token of an index stands in a file",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 4,
        ml_application: 2,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "anyone who can read the repository, the image or its history",
        vector: "the password in the address",
        weakness: "a secret in a file that is shared",
        impact: "private packages are read, and where the token may publish, replaced",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(798),
        Reference::Cwe(522),
    ],
    page: include_str!("index_credentials.md"),
    file: file!(),
};

pub(crate) fn check(manifest: &Manifest, sink: &mut Sink) {
    for at in &manifest.indexes.credentials {
        sink.push(
            Finding::new(
                &INDEX_CREDENTIALS,
                "whoever can read this file can use the password in this address",
                labelled(at, "password, blotted out here"),
            )
            .subject(format!("line of byte {}", at.offset()))
            .help("take the password from a variable (`${INDEX_TOKEN}`), a keyring or a build secret")
            .help("revoke the one that stood here: it is in the history"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{manifest, manifest_messages};
    use super::*;

    #[test]
    fn secrets_are_found_and_never_shown() {
        for (text, count) in [
            ("-i https://u:hunter2@pypi.acme.example/simple\n", 1),
            ("-i https://u:${TOKEN}@pypi.acme.example/simple\n", 0),
            ("-i https://pypi.acme.example/simple\n", 0),
            ("git+ssh://git@git.example/a.git\n", 0),
        ] {
            let m = manifest("requirements.txt", text);
            let mut sink = Sink::new(wellhead_core::ArtifactPath::file("requirements.txt"));
            check(&m, &mut sink);
            let got = format!("{:?}", sink.into_findings());
            assert!(!got.contains("hunter2"));
            assert_eq!(manifest_messages(check, &m).lines().count(), count, "{text}");
        }
    }
}
