use super::{Environment, shown_name};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};
use wellhead_packages::{installed::Origin, is_commit};

/// A package was installed from an address that can give something else tomorrow.
pub(crate) static UNPINNED_DIRECT_URL: Rule = Rule {
    id: "unpinned-direct-url",
    summary: "a package was installed from an address that can give something else tomorrow",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever controls the address",
        vector: "the next installation",
        weakness: "nothing says which bytes were meant",
        impact: "other code is installed under the same name",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(494),
        Reference::Pep(610),
    ],
    page: include_str!("unpinned_direct_url.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for distribution in &environment.distributions {
        let Some(direct) = &distribution.direct_url else {
            continue;
        };
        let whose = shown_name(distribution);
        let url = code(&direct.url);
        let (severity, message, help) = match &direct.origin {
            _ if direct.url.starts_with("http://") => (
                Severity::Medium,
                format!(
                    "anybody on the way could change what was installed as {whose}: it came without encryption from {url}"
                ),
                "install it over https, with its hash",
            ),
            Origin::Archive { hashed: false } if direct.url.starts_with("https://") => (
                Severity::Medium,
                format!("whoever controls {url} decides what the next installation of {whose} gets"),
                "name its hash behind the address: `#sha256=…`",
            ),
            Origin::Vcs {
                requested: Some(r), ..
            } if !is_commit(r) => (
                Severity::Low,
                format!(
                    "whoever can push to {url} decides what the next installation of {whose} gets: {}",
                    code(r)
                ),
                "name the commit, with all of its 40 digits, behind the `@`",
            ),
            Origin::Vcs { commit: None, .. } => (
                Severity::Medium,
                format!("nobody can tell which commit of {url} is installed as {whose}"),
                "name the commit, with all of its 40 digits, behind the `@`",
            ),
            Origin::Folder { editable: true } => (
                Severity::Info,
                format!("{whose} runs from a folder whose files no record covers: {url}"),
                "audit that folder as well",
            ),
            Origin::Unknown => (
                Severity::Medium,
                format!(
                    "nobody can tell where {whose} came from: its `direct_url.json` cannot be understood"
                ),
                "install it again, from an index or with its hash",
            ),
            Origin::Folder { .. } | Origin::Archive { .. } | Origin::Vcs { .. } => continue,
        };
        let mut finding = Finding::new(
            &UNPINNED_DIRECT_URL,
            message,
            Location::whole(&distribution.info, "installed from an address"),
        )
        .severity(severity)
        .help(help)
        .subject(distribution.name.clone())
        .property("purl", distribution.purl());
        if direct.credentials {
            finding = finding.note("its `direct_url.json` holds a password or token");
        }
        sink.push(finding);
    }
}
