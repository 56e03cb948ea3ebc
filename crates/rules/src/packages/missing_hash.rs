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

/// Most packages of a lock without a strong hash that are spoken of one by one: where there are more, it is the lock
/// that has none, and there is one thing to do about it.
const MAX_EACH: usize = 3;

pub(crate) fn check(manifest: &Manifest, sink: &mut Sink) {
    if manifest.kind.is_lock() && whole(manifest, sink) {
        return;
    }
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

/// One finding for a lock that has hardly a strong hash; `false` where its packages are to be judged one by one.
fn whole(manifest: &Manifest, sink: &mut Sink) -> bool {
    let weak: Vec<_> = manifest
        .components
        .iter()
        .filter(|c| matches!(c.source, Source::Registry { .. }) && c.bucket == Bucket::Exact)
        .filter(|c| !c.hashes.iter().any(|d| d.algorithm.is_strong()))
        .collect();
    let (Some(first), true) = (weak.first(), weak.len() > MAX_EACH) else {
        return false;
    };
    let broken = weak.iter().any(|c| !c.hashes.is_empty());
    let (what, label) = if broken {
        ("states only hashes whose algorithm is broken", "no strong hash")
    } else {
        ("does not say what the files must be", "locked without a hash")
    };
    let message = format!(
        "for {} packages the lock {what}, so another file passes for theirs",
        weak.len()
    );
    sink.push(
        Finding::new(&MISSING_HASH, message, labelled(&first.declared, label))
            .severity(Severity::Low)
            .subject("the lock")
            .help("make the lock anew with a tool that writes SHA-256: `uv lock`, `poetry lock`, `conda-lock`, `conda list --explicit --sha256`")
            .property("packages", weak.len()),
    );
    // Addresses are judged by themselves in any file.
    for c in manifest
        .components
        .iter()
        .filter(|c| matches!(c.source, Source::Url { .. }))
    {
        if c.hashes.iter().any(|d| d.algorithm.is_strong()) {
            continue;
        }
        let message = format!(
            "whoever can change the file behind this address decides what {} is",
            code(&c.written)
        );
        sink.push(
            Finding::new(
                &MISSING_HASH,
                message,
                labelled(&c.declared, "an address without a hash"),
            )
            .subject(c.name.clone())
            .property("package", c.name.as_str()),
        );
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::testing::{manifest, manifest_messages};
    use super::*;

    #[test]
    fn downloads_that_nothing_proves() {
        for (name, text, count) in [
            ("requirements.txt", "a==1\nb==2\n", 0),
            (
                "explicit.txt",
                "@EXPLICIT\nhttps://c.example/f/noarch/a-1-0.conda#0123456789abcdef0123456789abcdef\nhttps://c.example/f/noarch/b-1-0.conda\nhttps://c.example/f/noarch/c-1-0.conda\nhttps://c.example/f/noarch/d-1-0.conda\n",
                1,
            ),
            (
                "pdm.lock",
                "[[package]]\nname='a'\nversion='1'\n[[package]]\nname='b'\nversion='1'\n",
                2,
            ),
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
