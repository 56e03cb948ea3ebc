use super::labelled;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_packages::{Manifest, ManifestKind};

/// A line that ends in no bucket but this one.
pub(crate) static MANIFEST_INVALID_LINE: Rule = Rule {
    id: "manifest-invalid-line",
    summary: "a line of a manifest could not be understood, so nothing was looked up for it",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Updates,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 3,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "nobody, or whoever wants a line to be passed over",
        vector: "a line that tools read differently",
        weakness: "a reader that drops what it does not understand",
        impact: "a package is installed that nobody looked up",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(436),
        Reference::Pep(508),
    ],
    page: include_str!("manifest_invalid_line.md"),
    file: file!(),
};

pub(crate) fn check(manifest: &Manifest, sink: &mut Sink) {
    let help = if manifest.kind.is_lock() {
        "make the lock anew with the tool that wrote it; what a newer format holds has to be looked at by hand"
    } else if reads_as_requirements(manifest.kind) {
        "mend the line; `pip install --dry-run -r` says whether pip understands it"
    } else {
        "mend it; the tool that reads this file says whether it understands it"
    };
    for problem in &manifest.problems {
        sink.push(
            Finding::new(
                &MANIFEST_INVALID_LINE,
                format!("nothing could be looked up here: {}", problem.message),
                labelled(&problem.at, "not understood"),
            )
            .subject(problem.message.clone())
            .help(help),
        );
    }
}

/// Whether pip can be asked about the file itself.
fn reads_as_requirements(kind: ManifestKind) -> bool {
    matches!(kind, ManifestKind::Requirements | ManifestKind::Constraints)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{manifest, manifest_messages};
    use super::*;

    #[test]
    fn what_is_not_understood_is_said() {
        let m = manifest(
            "requirements.txt",
            "torch=2.0\nnumpy==1.0\n# fine\n--frobnicate\n",
        );
        insta::assert_snapshot!(manifest_messages(check, &m), @"
        medium: nothing could be looked up here: `torch=2.0` is no requirement: malformed version specifier
        medium: nothing could be looked up here: `--frobnicate` is no option of a requirements file
        ");
    }

    #[test]
    fn nobody_is_told_to_mend_a_lock_by_hand() {
        for (name, text, says) in [
            ("requirements.txt", "torch=2.0\n", "pip install"),
            ("pixi.lock", "version: 99\npackages: []\n", "make the lock anew"),
            (
                "environment.yml",
                "dependencies: [{a: 1}]\n",
                "the tool that reads this file",
            ),
        ] {
            let m = manifest(name, text);
            let mut sink = Sink::new(wellhead_core::ArtifactPath::file(name));
            check(&m, &mut sink);
            let found = sink.into_findings();
            assert!(!found.is_empty(), "{name}");
            assert!(
                found.iter().all(|f| f.help.iter().any(|h| h.contains(says))),
                "{name}"
            );
        }
    }
}
