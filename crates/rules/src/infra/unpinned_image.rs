use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
    escape,
};
use wellhead_infra::Configuration;

/// An image that is named by a tag.
pub(crate) static UNPINNED_IMAGE: Rule = Rule {
    id: "unpinned-image",
    summary: "an image is named without its digest",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 4,
        ml_application: 2,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can push to the image's repository",
        vector: "another image under the same tag",
        weakness: "a tag can be moved, a digest cannot",
        impact: "another system is built on than the one that was tested",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(494)],
    page: include_str!("unpinned_image.md"),
    file: file!(),
};

pub(super) fn check(configuration: &Configuration, sink: &mut Sink) {
    for resource in &configuration.resources {
        let Some(image) = resource.image.as_ref().filter(|i| !i.open && !resource.builds) else {
            continue;
        };
        let name = image.text.as_str();
        if name.is_empty() || name == "scratch" || name.contains("@sha256:") {
            continue;
        }
        let tag = tag(name);
        let (severity, message) = match tag {
            None => (
                Severity::Medium,
                format!("{} is whatever was pushed last", code(name)),
            ),
            Some("latest") => (
                Severity::Medium,
                format!("{} is whatever was pushed last", code(name)),
            ),
            Some(_) => (
                Severity::Low,
                format!("the tag of {} can be moved to another image", code(name)),
            ),
        };
        let place = sink.text(&configuration.text, image.span.clone(), "no digest");
        sink.push(
            Finding::new(&UNPINNED_IMAGE, message, place)
                .severity(severity)
                .subject(escape(name))
                .help("add the digest: `name:tag@sha256:…`"),
        );
    }
}

/// The tag of an image: what stands after a colon that follows the last slash.
fn tag(name: &str) -> Option<&str> {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map(|(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        let cases = [
            ("a", None),
            ("a:1", Some("1")),
            ("registry.example:5000/a", None),
            ("registry.example:5000/a:latest", Some("latest")),
        ];
        for (name, expected) in cases {
            assert_eq!(tag(name), expected, "{name}");
        }
    }
}
