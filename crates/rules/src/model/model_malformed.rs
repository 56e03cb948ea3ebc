use super::place;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
};
use wellhead_formats::{
    graph::Place,
    model::Model,
    tensors::{Defect, DefectKind},
};

/// A model file is not what its format demands.
pub(crate) static MODEL_MALFORMED: Rule = Rule {
    id: "model-malformed",
    summary: "a model file breaks the rules of its format",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 3,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "the author of a model file, or whoever could change it on its way",
        vector: "lengths, counts and offsets that describe the file wrongly",
        weakness: "readers that trust what a file says of itself",
        impact: "wrong weights, bytes that are smuggled along, or a reader that crashes or runs out of memory",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Cwe(20),
        Reference::Cwe(130),
        Reference::Owasp("ML06:2023"),
    ],
    page: include_str!("model_malformed.md"),
    file: file!(),
};

/// What each kind of defect comes to, and how bad it is.
const HARMS: [(DefectKind, Severity, &str); 3] = [
    (
        DefectKind::Ambiguous,
        Severity::High,
        "readers may load different models from this file",
    ),
    (
        DefectKind::Smuggled,
        Severity::High,
        "this file carries bytes that nothing in the model accounts for",
    ),
    (
        DefectKind::Broken,
        Severity::Medium,
        "careful readers refuse this file and careless ones may crash on it",
    ),
];

pub(crate) fn check(model: &Model, sink: &mut Sink) {
    for (kind, severity, harm) in HARMS {
        let of_kind: Vec<&Defect> = model.defects.iter().filter(|d| d.kind == kind).collect();
        let Some(first) = of_kind.first() else {
            continue;
        };
        let lines: Vec<String> = of_kind
            .iter()
            .map(|d| format!("{:#010x}  {}", d.offset, d.words))
            .collect();
        let at = Place {
            offset: first.offset,
            length: first.length,
        };
        let place = place(sink, at, &lines, "against the format");
        sink.push(
            Finding::new(&MODEL_MALFORMED, format!("{harm}: {}", first.words), place)
                .severity(severity)
                .help("fetch it again and compare its digest, or export the model again from its source")
                .subject(format!("{kind:?}"))
                .property("format", model.format.name),
        );
    }
}
