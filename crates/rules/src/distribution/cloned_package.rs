use wellhead_core::{
    ArtifactPath, Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario,
    Severity, Sink, ThreatProfile, code,
};

/// A package that is a copy of a project that many install, under another name.
#[derive(Clone, Debug)]
pub struct ClonedPackage {
    /// The archive.
    pub artifact: ArtifactPath,
    /// The name of the copy.
    pub name: String,
    /// The name of the project.
    pub original: String,
    /// Whether the name of the copy says where it comes from.
    pub kin: bool,
    /// How many of its functions are those of the project.
    pub shared: usize,
    /// How many functions it has.
    pub of: usize,
    /// Its functions that say something else than those of the project: where, and their names.
    pub changed: Vec<(Location, String)>,
    /// Its functions that the project has not.
    pub added: Vec<(Location, String)>,
}

/// A package is another one under a new name.
pub(crate) static CLONED_PACKAGE: Rule = Rule {
    id: "cloned-package",
    summary: "a package is a copy of a popular one under another name, with some functions changed",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
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
        vector: "a library that works as the popular one does, with a dozen lines changed",
        weakness: "what works is not read",
        impact: "the attacker's lines run wherever the copy is used in place of the original",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(1357),
    ],
    page: include_str!("cloned_package.md"),
    file: file!(),
};

/// So many functions that differ are named.
const NAMED: usize = 5;

pub(crate) fn check(clone: &ClonedPackage, sink: &mut Sink) {
    let percent = clone
        .shared
        .saturating_mul(100)
        .checked_div(clone.of)
        .unwrap_or_default();
    let differing = clone.changed.len().saturating_add(clone.added.len());
    let whole = Location::whole(&clone.artifact, "");
    let mut finding = Finding::new(
        &CLONED_PACKAGE,
        format!(
            "{percent} % of the functions of {} are those of {}, and {differing} {}",
            code(&clone.name),
            code(&clone.original),
            if differing == 1 { "differs" } else { "differ" }
        ),
        whole,
    )
    .subject(format!("{} {}", clone.name, clone.original))
    .note(format!("{} of {} functions are the same", clone.shared, clone.of))
    .help("install the original, or read the functions that differ")
    .property("meant", clone.original.as_str())
    .property("shared", clone.shared.to_string())
    .property("functions", clone.of.to_string());
    // Forks and builds say in their name what they are.
    if clone.kin {
        finding = finding.severity(Severity::Low);
    }
    for (list, what) in [(&clone.changed, "changed"), (&clone.added, "added")] {
        for (place, _) in list.iter().take(NAMED) {
            finding = finding.at(place.clone());
        }
        if !list.is_empty() {
            let names: Vec<String> = list.iter().take(NAMED).map(|(_, name)| code(name)).collect();
            let more = list.len().saturating_sub(names.len());
            let rest = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            finding = finding.note(format!("{what}: {}{rest}", names.join(", ")));
        }
    }
    sink.push(finding);
}
