use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::{Family, Format, Identity};

pub(crate) static EXTENSION_MISMATCH: Rule = Rule {
    id: "extension-mismatch",
    summary: "a file is not what its name promises",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever can put a file into a model repository or a dataset",
        vector: "a pickle or a program under the name of a harmless format",
        weakness: "people and scanners go by the name, loaders by the content",
        impact: "code runs where only data was expected",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Cwe(646),
        Reference::Cwe(502),
        Reference::Cve("CVE-2025-10155"),
        Reference::Owasp("ML06:2023"),
    ],
    page: include_str!("extension_mismatch.md"),
    file: file!(),
};

pub(crate) fn check(identity: &Identity, sink: &mut Sink) {
    if let Some(m) = identity.mismatch {
        let name = code(sink.artifact().name());
        let (promised, found) = (m.promised.with_article(), m.found.with_article());
        if runs(m.found) {
            let message = format!("loading {name} may run code: it is {found} and not {promised}");
            sink.push(
                Finding::new(
                    &EXTENSION_MISMATCH,
                    message,
                    sink.whole(format!("{found} by content")),
                )
                .help("do not load it, and ask where it came from")
                .subject(m.found.name),
            );
        } else if worth_saying(m.promised, m.found) {
            let message = format!("{name} is {found} and not {promised}");
            sink.push(
                Finding::new(
                    &EXTENSION_MISMATCH,
                    message,
                    sink.whole(format!("{found} by content")),
                )
                .severity(Severity::Low)
                .confidence(Confidence::Medium)
                .help("rename it after what it is, or replace it by what was meant")
                .subject(m.found.name),
            );
        }
    }
    second_readings(identity, sink);
}

/// Whether what opens it runs what it says.
fn runs(format: &Format) -> bool {
    format.runs_code_on_load
}

/// Mistakes that are worth a line: a model, package or archive that is something else. A PNG under the name of a JPEG is
/// none.
fn worth_saying(promised: &Format, found: &Format) -> bool {
    let matters = |f: &Format| matches!(f.family, Family::Model | Family::Archive | Family::Package);
    matters(promised) || matters(found)
}

/// The same bytes are a second file to another loader.
fn second_readings(identity: &Identity, sink: &mut Sink) {
    let format = identity.format;
    let textual = matches!(format.family, Family::Text | Family::Source);
    for layer in &identity.polyglot {
        let program = format.family == Family::Executable;
        // A text that can also be read as a pickle of plain data is a coincidence, a program that carries an archive a
        // self-extracting one; what is in them is judged all the same.
        // TensorFlow Lite keeps labels and vocabularies in a zip archive behind the model.
        let associated = format.name == "tflite" && layer.format.name == "zip";
        if textual || program || associated {
            continue;
        }
        let (first, second) = (format.with_article(), layer.format.with_article());
        let message = format!("two loaders read two different files here: {first}, and {second}");
        let severity = if runs(layer.format) && !runs(format) {
            Severity::High
        } else {
            Severity::Medium
        };
        let place = sink.bytes(layer.offset, 4, format!("{second} begins here"));
        sink.push(
            Finding::new(&EXTENSION_MISMATCH, message, place)
                .severity(severity)
                .help("do not load it, and ask where it came from")
                .subject(format!("{} {}", format.name, layer.format.name)),
        );
    }
}
