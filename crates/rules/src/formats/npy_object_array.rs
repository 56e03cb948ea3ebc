use super::defects;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
};
use wellhead_formats::{
    npy::Array,
    tensors::{Defect, DefectKind},
};

pub(crate) static NPY_OBJECT_ARRAY: Rule = Rule {
    id: "npy-object-array",
    summary: "a NumPy array holds Python objects, so loading it means unpickling",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "the author of a data set or a checkpoint",
        vector: "an array file that looks like numbers",
        weakness: "`numpy.load(…, allow_pickle=True)`, which such an array makes people write",
        impact: "code runs when the array, or the next one, is loaded",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Cwe(502),
        Reference::Cve("CVE-2019-6446"),
        Reference::Owasp("ML06:2023"),
    ],
    page: include_str!("npy_object_array.md"),
    file: file!(),
};

pub(crate) fn check(array: &Array, sink: &mut Sink) {
    if array.objects {
        let message = format!(
            "loading this array unpickles it: its elements of type {} are Python objects",
            code(&array.tensor.dtype)
        );
        sink.push(
            Finding::new(
                &NPY_OBJECT_ARRAY,
                message,
                sink.bytes(array.tensor.bytes.start, 2, "a pickle begins here"),
            )
            .help("store numbers and strings with a type of their own, then load without `allow_pickle=True`")
            .subject("objects"),
        );
    }
    let odd: Vec<&Defect> = array.defects.iter().collect();
    if let Some(first) = odd.first() {
        // A file that was cut off is a broken download; bytes that follow, or a header that is none, are made by hand.
        let smuggled = odd.iter().any(|d| d.kind == DefectKind::Smuggled);
        let (severity, harm) = if smuggled {
            (
                Severity::Medium,
                "this array file carries bytes that belong to no element",
            )
        } else {
            (
                Severity::Low,
                "NumPy refuses this array file, other readers may not",
            )
        };
        sink.push(
            Finding::new(
                &NPY_OBJECT_ARRAY,
                format!("{harm}: {}", first.words),
                defects(sink, &odd, "against the format"),
            )
            .severity(severity)
            .help("fetch it again and compare its digest, or write it again with `numpy.save`")
            .subject("defects"),
        );
    }
}
