use super::{CarriedMedia, Carriers};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::media::TailKind;

pub(crate) static CODE_BEHIND_MEDIA: Rule = Rule {
    id: "code-behind-media",
    summary: "a picture or recording in a package carries something behind its end",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 2,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or poisons a package",
        vector: "a payload behind the end of a picture, which Python code of the package reads",
        weakness: "pictures look harmless, and programs that show them ignore what follows",
        impact: "code runs that no reviewer of the package has seen",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(506)],
    page: include_str!("code_behind_media.md"),
    file: file!(),
};

/// How many files are told of one by one.
const MAX_TOLD: usize = 8;

pub(crate) fn check(carriers: &Carriers, sink: &mut Sink) {
    for media in carriers.media.iter().filter_map(tell).take(MAX_TOLD) {
        sink.push(media);
    }
}

fn tell(media: &CarriedMedia) -> Option<Finding> {
    let what = match media.tail.kind {
        TailKind::File(format) => format.with_article(),
        TailKind::Text => "text".to_owned(),
        TailKind::Dense => "compressed or encrypted bytes".to_owned(),
    };
    // Tools that crop pictures leave bytes of the old one behind; nobody reads those. Text that nobody reads is a comment.
    let severity = match (media.tail.kind, media.named_in.is_some()) {
        (_, true) => Severity::High,
        (TailKind::File(_), false) => Severity::Medium,
        (TailKind::Text, false) => Severity::Low,
        (TailKind::Dense, false) => return None,
    };
    let name = code(media.artifact.name());
    let message = match &media.named_in {
        Some(reader) => format!(
            "code may run out of {name}, behind whose end lies {what}: {} reads it",
            code(reader.name())
        ),
        None => format!("behind the end of {name} lies {what}"),
    };
    let place = Location::bytes(
        &media.artifact,
        media.tail.offset,
        media.tail.length,
        format!("{} bytes behind the end", media.tail.length),
    );
    let mut finding = Finding::new(&CODE_BEHIND_MEDIA, message, place)
        .severity(severity)
        .help("look at what the code does with the file before you install the package")
        .subject(media.artifact.leaf());
    if let Some(reader) = &media.named_in {
        finding = finding.at(Location::whole(reader, "names the file"));
    }
    Some(finding)
}
