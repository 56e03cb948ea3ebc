use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_trust::{Attested, SubjectCheck, check_subject};

/// An attestation that speaks of another file than the one it lies beside.
pub(crate) static ATTESTATION_SUBJECT_MISMATCH: Rule = Rule {
    id: "attestation-subject-mismatch",
    summary: "an attestation speaks of another file than the one it lies beside",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever exchanged the file on its way",
        vector: "another file under the name of an attested one",
        weakness: "the attestation is there and nobody compares it",
        impact: "a file is installed that its publisher never made",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(345),
        Reference::Pep(740),
    ],
    page: include_str!("attestation_subject_mismatch.md"),
    file: file!(),
};

pub(super) fn check(attested: &Attested, sink: &mut Sink) {
    let Some(digest) = &attested.digest else { return };
    for attestation in attested.document.all() {
        let subject = &attestation.statement.subject;
        let file = code(&attested.file_name);
        let (message, label) = match check_subject(attestation, &attested.file_name, digest) {
            SubjectCheck::Matches => continue,
            SubjectCheck::OtherContent => (
                format!("{file} is not the file that its publisher attested"),
                format!("attests {}", stated(subject)),
            ),
            SubjectCheck::OtherName => (
                format!("the attestation beside {file} is for {}", code(&subject.name)),
                format!("attests {}", code(&subject.name)),
            ),
            SubjectCheck::NoDigest => (
                format!("the attestation beside {file} states no digest that can be compared"),
                "states no SHA-256".to_owned(),
            ),
        };
        let place = sink.text(&attested.document.text, attestation.statement_span.clone(), label);
        sink.push(
            Finding::new(&ATTESTATION_SUBJECT_MISMATCH, message, place)
                .subject(escape(&attested.file_name))
                .note(format!("{file} has {digest}"))
                .note("the signature of the attestation itself is not verified yet")
                .help("do not install the file; fetch both again from where they are published"),
        );
    }
}

fn stated(subject: &wellhead_trust::Subject) -> String {
    subject
        .digests
        .first()
        .map_or_else(|| "nothing".to_owned(), ToString::to_string)
}
