use super::{Release, sum, tenths};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};

/// A release that brings code which is no Python source.
pub(crate) static NEW_PAYLOAD_IN_RELEASE: Rule = Rule {
    id: "new-payload-in-release",
    summary: "a new version brings code in another language, or data that its code runs",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
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
        agent: "whoever took over the package or its build",
        vector: "a native library, script, archive or recording that comes with an update",
        weakness: "who reads the changes of a release reads its Python",
        impact: "code that nobody looked at runs wherever the package is used",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(829),
        Reference::Atlas("AML.T0010.001"),
    ],
    page: include_str!("new_payload_in_release.md"),
    file: file!(),
};

/// Most files that are only listed.
const LISTED: usize = 20;

pub(super) fn check(release: &Release, sink: &mut Sink) {
    let mut listed = 0_usize;
    for payload in &release.payloads {
        let severity = payload.severity().unwrap_or(Severity::Info);
        if severity == Severity::Info {
            listed = listed.saturating_add(1);
            if listed > LISTED {
                continue;
            }
        }
        let mut finding = Finding::new(
            &NEW_PAYLOAD_IN_RELEASE,
            format!(
                "{} {} that the old one did not have: {}",
                release.newcomer(),
                payload.harm,
                code(&payload.path)
            ),
            release.new.locate(&payload.path, 0..0, "new"),
        )
        .severity(severity)
        .subject(format!("payload {}", payload.path))
        .property("score", tenths(payload.score()));
        if let Some(by) = &payload.named_in {
            finding = finding
                .at(release.new.locate(by, 0..0, "names it"))
                .note(format!("named in {}, which is new or changed", code(by)));
        }
        sink.push(
            finding
                .note(format!("score {}", sum(&payload.terms)))
                .help("ask where it comes from and what it was built from before you update"),
        );
    }
}
