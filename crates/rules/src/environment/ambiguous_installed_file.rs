use super::{Environment, shown_name};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};

/// Two packages wrote the same file and do not agree on it.
pub(crate) static AMBIGUOUS_INSTALLED_FILE: Rule = Rule {
    id: "ambiguous-installed-file",
    summary: "two packages wrote the same file and do not agree on it",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 3,
        technical_impact: 3,
        ml_application: 2,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "whoever publishes one of the packages",
        vector: "a file of the other one",
        weakness: "the package that was installed last wins",
        impact: "a package runs with code of another one",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(694),
        Reference::Cwe(178),
    ],
    page: include_str!("ambiguous_installed_file.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    // One finding for each pair: packages that overlap do so with many files.
    let mut pairs: std::collections::BTreeMap<&[String], Vec<_>> = std::collections::BTreeMap::new();
    for contested in &environment.contested {
        pairs
            .entry(&contested.owners)
            .or_default()
            .push(&contested.artifact);
    }
    for (owners, files) in pairs {
        let Some(first) = files.first() else { continue };
        let names: Vec<String> = owners.iter().map(|o| code(o)).collect();
        let message = format!(
            "one of these packages runs with a file of another, whichever was installed last: {}",
            names.join(", ")
        );
        sink.push(
            Finding::new(
                &AMBIGUOUS_INSTALLED_FILE,
                message,
                Location::whole(first, "each has another"),
            )
            .note(format!("files that both wrote: {}", files.len()))
            .help("install only one of them")
            .subject(owners.join(" ")),
        );
    }
    for distribution in &environment.distributions {
        let Some((one, other)) = distribution.same_but_case.first() else {
            continue;
        };
        let message = format!(
            "where capital letters do not count, one file of {} takes the place of another: {} and {}",
            shown_name(distribution),
            code(one),
            code(other)
        );
        sink.push(
            Finding::new(
                &AMBIGUOUS_INSTALLED_FILE,
                message,
                Location::whole(&distribution.info, "its record names both"),
            )
            .note(format!("such pairs: {}", distribution.same_but_case.len()))
            .help("ask its publisher to rename one of them")
            .subject(format!("case {}", distribution.name))
            .property("purl", distribution.purl()),
        );
    }
}
