use super::{reach::is_aside, weak};
use crate::EstateView;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_infra::Weakness;

/// A platform whose secret is one that everybody knows.
pub(crate) static KNOWN_CREDENTIALS: Rule = Rule {
    id: "known-credentials",
    summary: "a secret of a platform is one that everybody knows",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 5,
    },
    threat: ThreatProfile {
        agent: "anyone who has read the vendor's documentation",
        vector: "the platform's own login, or a session signed with the known key",
        weakness: "the value that its documentation or its example files ship was left in place",
        impact: "the attacker is its administrator: models and data are read and replaced, keys of providers are taken",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(798),
        Reference::Cwe(1392),
    ],
    page: include_str!("known_credentials.md"),
    file: file!(),
};

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    published_hash(view, sink);
    weak::report(
        &KNOWN_CREDENTIALS,
        Weakness::Credentials,
        |_| Severity::High,
        view,
        sink,
    );
}

/// What Kubeflow's manifests ship as the password of `user@example.com`; the password stands in their documentation.
const PUBLISHED_HASH: &str = "$2y$12$4K/VkmDd1q1Orb3xAt82zu8gk7Ad6ReFR4LCP9UeYE90NLiN9Df72";

/// How many places of that are told.
const MOST: usize = 16;

fn published_hash(view: &EstateView, sink: &mut Sink) {
    let text = view.estate.files.text();
    for (at, hash) in text.match_indices(PUBLISHED_HASH).take(MOST) {
        let place = view.place(
            sink,
            &(at..at.saturating_add(hash.len())),
            "the hash of a published password",
        );
        let aside = is_aside(place.artifact.leaf());
        let message = "anyone signs in to Kubeflow as `user@example.com`, and runs code, with the password of its documentation";
        sink.push(
            Finding::new(&KNOWN_CREDENTIALS, message, place)
                .severity(if aside { Severity::Low } else { Severity::High })
                .subject("kubeflow: the published hash")
                .property("product", "kubeflow")
                .property("checks", vec!["DAT-07"])
                .help("hash a password of your own, and hand it to Dex from a secret: `hashFromEnv: DEX_USER_PASSWORD`"),
        );
    }
}
