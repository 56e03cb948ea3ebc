use super::Release;
use std::collections::BTreeMap;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile,
};
use wellhead_packages::distribution::{Anomaly, AnomalyKind as K, Trigger};

/// A release that is put together as no honest one is, and as the old one was not.
pub(crate) static NEW_ANOMALY_IN_RELEASE: Rule = Rule {
    id: "new-anomaly-in-release",
    summary: "a new version contradicts itself where the old one did not",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can change an archive after it was built",
        vector: "a release whose list of files, names or views of the archive disagree",
        weakness: "installers and scanners believe different parts of the same archive",
        impact: "a file that nobody looked at is installed and run",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(353),
        Reference::Cwe(345),
        Reference::Cwe(436),
    ],
    page: include_str!("new_anomaly_in_release.md"),
    file: file!(),
};

/// How bad a kind is where it is new, and the harm.
fn harm(kind: K) -> (Severity, &'static str) {
    match kind {
        K::WrongDigest => (Severity::Critical, "it was changed after it was built"),
        K::Unlisted => (Severity::Critical, "it installs a file that nobody vouches for"),
        K::Views | K::Duplicate => (
            Severity::Critical,
            "who reads it another way installs other files",
        ),
        K::Traversal => (Severity::Critical, "it puts a file outside of its own folder"),
        K::TwoRows => (
            Severity::High,
            "two installers may take two different files for the right one",
        ),
        K::NoRecord | K::NoDigest => (Severity::High, "nothing vouches for its files"),
        K::Foreign | K::Encrypted => (Severity::High, "it hides bytes from whoever audits it"),
        K::ForeignInfo | K::ShadowsTool | K::ShadowsModule => {
            (Severity::High, "it takes the place of something else")
        }
        K::Disguised => (
            Severity::High,
            "it hides a program under a name that promises none",
        ),
        K::ShadowsKin | K::ShadowsStandard => (Severity::Medium, "it takes the place of something else"),
        K::Link | K::CaseCollision => (Severity::Medium, "what is installed depends on the system"),
        K::NotThere | K::InvalidRow | K::NoMetadata | K::Name | K::Version | K::Tags | K::Project => {
            (Severity::Low, "it contradicts itself")
        }
    }
}

pub(super) fn check(release: &Release, sink: &mut Sink) {
    let old = &release.old.distribution;
    let new = &release.new.distribution;
    // What one kind of distribution has to keep another has not.
    let mut had: BTreeMap<K, usize> = BTreeMap::new();
    for anomaly in &old.anomalies {
        let count = had.entry(anomaly.kind).or_insert(0);
        *count = count.saturating_add(1);
    }
    let mut told: BTreeMap<K, Vec<&Anomaly>> = BTreeMap::new();
    for anomaly in &new.anomalies {
        let known = had.contains_key(&anomaly.kind) || old.kind != new.kind && is_of_kind(anomaly.kind);
        if !known {
            told.entry(anomaly.kind).or_default().push(anomaly);
        }
    }
    for (kind, all) in told {
        let Some(first) = all.first() else { continue };
        let (mut severity, harm) = harm(kind);
        let member = first.member.as_deref().and_then(|m| new.member(m));
        // A folder's entry, or a text that nothing reads by itself, is untidy.
        if severity == Severity::Critical && member.is_some_and(|m| m.trigger == Trigger::Never) {
            severity = Severity::High;
        }
        let place = first
            .member
            .as_deref()
            .and_then(|m| release.new.files.values().find(|f| f.artifact.leaf() == m))
            .map_or(&release.new.artifact, |f| &f.artifact);
        let mut finding = Finding::new(
            &NEW_ANOMALY_IN_RELEASE,
            format!("unlike the old version, {harm}: {}", first.words),
            Location::whole(place, "not as in the old version"),
        )
        .severity(severity)
        .subject(format!("{kind:?}"))
        .help("do not install it; fetch it again from its index with hashes, or build it from its source");
        if all.len() > 1 {
            finding = finding.note(format!("{} more of this kind", all.len().saturating_sub(1)));
        }
        sink.push(finding);
    }
}

/// Whether only some kinds of distributions can have such an anomaly.
fn is_of_kind(kind: K) -> bool {
    matches!(
        kind,
        K::NoRecord
            | K::NoDigest
            | K::InvalidRow
            | K::NotThere
            | K::Unlisted
            | K::NoMetadata
            | K::Name
            | K::Version
            | K::Tags
            | K::Project
            | K::Link
            | K::ForeignInfo
    )
}
