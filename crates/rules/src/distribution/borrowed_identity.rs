use super::DistributionFacts;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// A package describes itself with what belongs to another project.
pub(crate) static BORROWED_IDENTITY: Rule = Rule {
    id: "borrowed-identity",
    summary: "a package shows the repository, description or summary of another project as its own",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 4,
        detectability: 3,
        technical_impact: 4,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes a package",
        vector: "metadata that are copied from a project that everybody trusts",
        weakness: "an index shows the stars of whatever repository a package names, and checks nothing",
        impact: "people install a stranger's code and take it for that of the project",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(345),
        Reference::Cwe(1357),
    ],
    page: include_str!("borrowed_identity.md"),
    file: file!(),
};

pub(crate) fn check(facts: &DistributionFacts, sink: &mut Sink) {
    let d = &facts.distribution;
    let (Some(borrowed), Some(own)) = (&d.borrowed, &d.name) else {
        return;
    };
    let path = d.described_by.as_deref().unwrap_or_default();
    let at = match (facts.texts.get(path), &d.metadata) {
        (Some(text), Some(metadata)) => {
            Location::text(facts.place(path), text, metadata.identity.clone(), "another name")
        }
        _ => Location::whole(&facts.artifact, "another name"),
    };
    let words: Vec<&str> = borrowed.what.iter().map(|b| b.words()).collect();
    let terms: Vec<String> = borrowed
        .what
        .iter()
        .map(|b| format!("{} {}", b.name(), tenths(b.weight())))
        .collect();
    let names: Vec<&str> = borrowed.what.iter().map(|b| b.name()).collect();
    sink.push(
        Finding::new(
            &BORROWED_IDENTITY,
            format!(
                "{} passes itself off as {}: {}",
                code(own),
                code(&borrowed.from),
                words.first().copied().unwrap_or_default()
            ),
            at,
        )
        .subject(format!("{own} {}", borrowed.from))
        .note(words.join("; "))
        .note(format!(
            "score {}: {}",
            tenths(borrowed.weight()),
            terms.join(" + ")
        ))
        .help(format!(
            "install {} if that is what you mean",
            code(&borrowed.from)
        ))
        .help("if the package is a fork that you know, ignore the finding with the reason")
        .property("meant", borrowed.from.as_str())
        .property("terms", names.join(" ")),
    );
}

fn tenths(value: u32) -> String {
    format!("{}.{}", value / 10, value % 10)
}
