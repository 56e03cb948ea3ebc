use super::{Environment, shown_name};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};

/// A package is installed twice.
pub(crate) static DUPLICATE_DISTRIBUTION: Rule = Rule {
    id: "duplicate-distribution",
    summary: "a package is installed twice",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 3,
        technical_impact: 3,
        ml_application: 2,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever relies on the inventory",
        vector: "two records of one package",
        weakness: "which of them counts depends on the order of names in a folder",
        impact: "a version is reported that is not the one that runs",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(694)],
    page: include_str!("duplicate_distribution.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for distribution in &environment.distributions {
        if distribution.twins.is_empty() {
            continue;
        }
        // The folder of modules: what stands before the folder, or the file, that an installer left.
        let folder = |path: &str| {
            let is_info = |part: &&str| part.ends_with("-info") || part.contains(".egg");
            let before: Vec<&str> = path.split('/').take_while(|part| !is_info(part)).collect();
            before.join("/")
        };
        let own = folder(distribution.info.top());
        let beside = distribution
            .twins
            .iter()
            .any(|(info, _)| folder(info.top()) == own);
        let same = distribution.twins.iter().all(|(_, v)| *v == distribution.version);
        // The packages of a system carry the notes of two installers where they were built with both.
        if same && distribution.system {
            continue;
        }
        let severity = match (beside, same) {
            (true, false) => Severity::Medium,
            (true, true) => Severity::Low,
            (false, _) => Severity::Info,
        };
        let versions: Vec<String> = std::iter::once(&distribution.version)
            .chain(distribution.twins.iter().map(|(_, v)| v))
            .map(|v| code(v.as_deref().unwrap_or("unknown")))
            .collect();
        let message = format!(
            "tools report one version of {} and Python may run another: {}",
            shown_name(distribution),
            versions.join(", ")
        );
        let mut finding = Finding::new(
            &DUPLICATE_DISTRIBUTION,
            message,
            Location::whole(&distribution.info, "one of them"),
        )
        .severity(severity)
        .help("uninstall it until nothing of it is left, then install it once")
        .subject(distribution.name.clone())
        .property("purl", distribution.purl());
        for (info, _) in distribution.twins.iter().take(5) {
            finding = finding.at(Location::whole(info, "another"));
        }
        sink.push(finding);
    }
}
