use super::{Changed, Distribution, Environment, FileUse, shown_name};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// An installed file is not the one that was installed.
pub(crate) static MODIFIED_INSTALLED_FILE: Rule = Rule {
    id: "modified-installed-file",
    summary: "an installed file is not the one that was installed",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can write into the environment",
        vector: "the installed files of a package",
        weakness: "nobody compares them with what was installed",
        impact: "changed code runs wherever the package is imported",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(353),
        Reference::Cwe(494),
        Reference::Spec("Recording installed projects"),
    ],
    page: include_str!("modified_installed_file.md"),
    file: file!(),
};

/// Findings of one distribution that are told one by one.
const MOST: usize = 50;

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for distribution in &environment.distributions {
        for changed in distribution.changed.iter().take(MOST) {
            sink.push(finding(distribution, changed));
        }
        let more = distribution.changed.len().saturating_sub(MOST);
        if let (Some(first), true) = (distribution.changed.get(MOST), more > 0) {
            let message = format!(
                "{more} more files of {} are not those that were installed",
                shown_name(distribution)
            );
            let at = Location::whole(&first.artifact, "one of them");
            sink.push(
                Finding::new(&MODIFIED_INSTALLED_FILE, message, at)
                    .help("install the package again into a new environment")
                    .subject(format!("{} and more", distribution.name))
                    .property("purl", distribution.purl()),
            );
        }
    }
}

fn finding(distribution: &Distribution, changed: &Changed) -> Finding {
    let (severity, harm) = match changed.is {
        FileUse::Code | FileUse::Command if changed.effects.attacks() => (Severity::Critical, "runs"),
        FileUse::Code | FileUse::Command => (Severity::High, "runs"),
        FileUse::Metadata => (Severity::Medium, "is told by"),
        FileUse::Data => (Severity::Medium, "reads"),
    };
    let whose = shown_name(distribution);
    let message = match harm {
        "runs" => format!(
            "whoever uses {whose} runs code that was not installed with it: {}",
            changed.how
        ),
        "reads" => format!(
            "{whose} reads a file that was not installed with it: {}",
            changed.how
        ),
        _ => format!(
            "what {whose} says of itself was changed after it was installed: {}",
            changed.how
        ),
    };
    let mut finding = Finding::new(
        &MODIFIED_INSTALLED_FILE,
        message,
        Location::whole(&changed.artifact, "not what its record says"),
    )
    .severity(severity)
    .subject(distribution.name.clone())
    .property("purl", distribution.purl());
    if let Some(worst) = changed.effects.worst() {
        finding = finding.note(format!("the changed file {worst}"));
    }
    let requirement = match &distribution.version {
        Some(version) => format!("{}=={version}", distribution.written),
        None => distribution.written.clone(),
    };
    finding.help(format!(
        "compare it with the wheel, then install again: `pip install --force-reinstall --no-deps` {}",
        code(&requirement)
    ))
}
