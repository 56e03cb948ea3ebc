use super::labelled;
use wellhead_core::{
    Bucket, Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    Source, ThreatProfile, code,
};
use wellhead_packages::{Manifest, ManifestKind};

/// A download that nothing proves, where a proof is expected.
pub(crate) static MISSING_HASH: Rule = Rule {
    id: "missing-hash",
    summary: "a package is installed without a hash that proves its content",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever can change a file on its server or on the way",
        vector: "the download",
        weakness: "nothing says what the file must be",
        impact: "another file than the one that was tried gets installed",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(494),
        Reference::Spec("pip: hash-checking mode"),
        Reference::Pep(751),
    ],
    page: include_str!("missing_hash.md"),
    file: file!(),
};

pub(crate) fn check(manifest: &Manifest, sink: &mut Sink) {
    let hashed = manifest.components.iter().any(|c| !c.hashes.is_empty()) || manifest.indexes.require_hashes;
    for c in &manifest.components {
        let strong = c.hashes.iter().any(|d| d.algorithm.is_strong());
        let local = matches!(c.source, Source::Path { .. } | Source::Vcs { .. });
        if strong || local || manifest.kind == ManifestKind::Constraints || manifest.kind.is_record() {
            continue;
        }
        let name = code(&c.written);
        let (message, severity, label) = match (&c.source, manifest.kind) {
            _ if !c.hashes.is_empty() => (
                format!("the hash of {name} proves nothing: its algorithm is broken"),
                Severity::Low,
                "no strong hash",
            ),
            (Source::Url { .. }, _) => (
                format!("whoever can change the file behind this address decides what {name} is"),
                Severity::Medium,
                "an address without a hash",
            ),
            (_, ManifestKind::Requirements) if hashed => (
                format!(
                    "{name} has no hash although this file proves others by theirs, so pip refuses the file or proves nothing"
                ),
                Severity::Medium,
                "no `--hash`",
            ),
            (_, kind) if kind.is_lock() && c.bucket == Bucket::Exact => (
                format!("the lock does not say what the files of {name} must be"),
                Severity::Low,
                "locked without a hash",
            ),
            _ => continue,
        };
        sink.push(
            Finding::new(&MISSING_HASH, message, labelled(&c.declared, label))
                .severity(severity)
                .subject(c.name.clone())
                .help("state a SHA-256: `pip-compile --generate-hashes`, `uv lock`, or `#sha256=…` behind the address")
                .property("package", c.name.as_str()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{manifest, manifest_messages};
    use super::*;

    #[test]
    fn downloads_that_nothing_proves() {
        for (name, text, count) in [
            ("requirements.txt", "a==1\nb==2\n", 0),
            ("requirements.txt", "a==1 --hash=sha256:ab\nb==2\n", 1),
            ("requirements.txt", "a==1 --hash=md5:ab\n", 1),
            ("requirements.txt", "a @ https://files.example/a-1.zip\n", 1),
            (
                "requirements.txt",
                "a @ https://files.example/a-1.zip#sha256=ab\n",
                0,
            ),
            ("requirements.txt", "./a\n-e ../b\n", 0),
            (
                "uv.lock",
                "[[package]]\nname='a'\nversion='1'\nsource={registry='https://i.example'}\n",
                1,
            ),
            (
                "pyproject.toml",
                "[project]\nname='a'\ndependencies=['b==1']\n",
                0,
            ),
        ] {
            let got = manifest_messages(check, &manifest(name, text));
            assert_eq!(got.lines().count(), count, "{text}: {got}");
        }
    }
}
