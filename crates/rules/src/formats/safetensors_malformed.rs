use super::defects;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
};
use wellhead_formats::{
    safetensors::File,
    tensors::{Defect, DefectKind},
};

pub(crate) static SAFETENSORS_MALFORMED: Rule = Rule {
    id: "safetensors-malformed",
    summary: "a safetensors file breaks the rules that make the format safe",
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
        vector: "a header that describes the bytes wrongly or not at all",
        weakness: "readers that check less than the specification demands",
        impact: "wrong weights, bytes that are smuggled along, or a reader that crashes",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Cwe(20),
        Reference::Cwe(130),
        Reference::Owasp("ML06:2023"),
    ],
    page: include_str!("safetensors_malformed.md"),
    file: file!(),
};

/// What each kind of defect comes to, and how bad it is.
const HARMS: [(DefectKind, Severity, &str); 3] = [
    (
        DefectKind::Ambiguous,
        Severity::High,
        "readers may load different weights from this file",
    ),
    (
        DefectKind::Smuggled,
        Severity::High,
        "this file carries bytes that no tensor accounts for",
    ),
    (
        DefectKind::Broken,
        Severity::Medium,
        "careful readers refuse this file and careless ones may crash on it",
    ),
];

pub(crate) fn check(file: &File, sink: &mut Sink) {
    for (kind, severity, harm) in HARMS {
        let of_kind: Vec<&Defect> = file.defects.iter().filter(|d| d.kind == kind).collect();
        let Some(first) = of_kind.first() else {
            continue;
        };
        let place = defects(sink, &of_kind, "against the specification");
        sink.push(
            Finding::new(&SAFETENSORS_MALFORMED, format!("{harm}: {}", first.words), place)
                .severity(severity)
                .help("fetch it again and compare its digest, or write it again with `safetensors.save_file`")
                .subject(format!("{kind:?}")),
        );
    }
}
