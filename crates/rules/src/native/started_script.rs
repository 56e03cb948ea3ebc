use super::{CarriedScript, Carriers};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};

pub(crate) static STARTED_SCRIPT: Rule = Rule {
    id: "started-script",
    summary: "Python code of a package starts programs and names a large script of another language that the package carries",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever poisons a package",
        vector: "a script for Node or Bun, started by a few lines of Python",
        weakness: "reviewers and scanners of a Python package read Python",
        impact: "a payload of another language steals what the user can read",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(506)],
    page: include_str!("started_script.md"),
    file: file!(),
};

/// How many files are told of one by one.
const MAX_TOLD: usize = 8;

pub(crate) fn check(carriers: &Carriers, sink: &mut Sink) {
    for script in carriers.scripts.iter().take(MAX_TOLD) {
        sink.push(tell(script));
    }
}

fn tell(script: &CarriedScript) -> Finding {
    let name = code(script.artifact.name());
    let message = format!(
        "a script of another language runs beside the Python that was reviewed: {} starts programs and names {name}",
        code(script.named_in.name())
    );
    // Drivers of browsers and tools for notebooks bring readable scripts, and start them.
    // Tools that publish name the tokens of their services; the files of three others nobody has a use for.
    let files = script.secrets.iter().filter(|s| !s.ends_with("_TOKEN")).count();
    let severity = if script.speaks && files > 2 {
        Severity::Critical
    } else if script.is_obfuscated || script.secrets.len() > 1 {
        Severity::High
    } else {
        Severity::Low
    };
    let place = Location::whole(&script.artifact, format!("{} bytes of a script", script.size));
    let mut finding = Finding::new(&STARTED_SCRIPT, message, place)
        .severity(severity)
        .at(Location::whole(&script.named_in, "starts programs"))
        .help("read what the script does, or take a release from before it was added")
        .subject(script.artifact.leaf());
    if script.is_obfuscated {
        finding = finding.note("its names are those that a tool writes to hide what it does");
    }
    if script.speaks && !script.secrets.is_empty() {
        finding = finding.note("it speaks to the network");
    }
    for secret in script.secrets.iter().take(6) {
        finding = finding.note(format!("it names {}", code(secret)));
    }
    finding
}
