use super::model_user;
use crate::{EstateView, remedies};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
    escape,
};

/// A bucket from which models are loaded is open to everyone.
pub(crate) static PUBLIC_MODEL_BUCKET: Rule = Rule {
    id: "public-model-bucket",
    summary: "a bucket from which models are loaded is open to everyone",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: None,
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "anyone on the internet",
        vector: "the address of the bucket",
        weakness: "an access list, a policy or a role opens it to everyone",
        impact: "models are copied, or replaced by others where everyone may write",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(284),
        Reference::Cwe(732),
    ],
    page: include_str!("public_model_bucket.md"),
    file: file!(),
};

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    for bucket in &view.estate.cloud.buckets {
        let Some(access) = bucket.opened_by() else {
            continue;
        };
        let Some((user, address)) = model_user(view, bucket) else {
            continue;
        };
        let verb = if access.writes { "can replace" } else { "can copy" };
        let message = format!(
            "anyone on the internet {verb} the models in {}",
            code(&bucket.address)
        );
        let marks = [
            (access.span.clone(), "opens it to everyone".to_owned()),
            (super::head(view, &bucket.span), "the bucket".to_owned()),
            (user, format!("{} uses it", code(address))),
        ];
        let mut places = view.places(sink, &marks).into_iter();
        let Some(place) = places.next() else { continue };
        let finding = Finding::new(&PUBLIC_MODEL_BUCKET, message, place)
            .severity(if access.writes {
                Severity::Critical
            } else {
                Severity::High
            })
            .subject(escape(&bucket.address))
            .property("bucket", escape(&bucket.address))
            .help("take this access away, and give the role that loads the models leave to read")
            .help(blocks(&bucket.address));
        let mut finding = places.fold(finding, Finding::at);
        for acl in ["public-read-write", "public-read", "authenticated-read"] {
            let private =
                remedies::replace(view, &access.span, acl, "private", "close the access list", true);
            if let Some(fix) = private.filter(|_| finding.fixes.is_empty()) {
                finding = finding.fix(fix);
            }
        }
        sink.push(finding);
    }
}

/// What forbids all of it, by cloud.
fn blocks(address: &str) -> &'static str {
    if address.starts_with("google_") {
        "set `public_access_prevention = \"enforced\"` on the bucket"
    } else if address.starts_with("azurerm_") {
        "set `allow_nested_items_to_be_public = false` on the storage account"
    } else {
        "set all four settings of an `aws_s3_bucket_public_access_block` to `true`"
    }
}
