use super::model_user;
use crate::EstateView;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
    escape,
};
use wellhead_infra::{Bucket, Grant};

/// Whoever only needs to read models may also replace and delete them.
pub(crate) static WILDCARD_MODEL_PERMISSIONS: Rule = Rule {
    id: "wildcard-model-permissions",
    summary: "whoever only needs to read models may also replace and delete them",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever takes over the role: by a notebook, a job or a leaked key",
        vector: "the ordinary interface of the storage",
        weakness: "a permission with a wildcard on the bucket that models are loaded from",
        impact: "models are exchanged under everybody who loads them",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(250),
        Reference::Cwe(732),
    ],
    page: include_str!("wildcard_model_permissions.md"),
    file: file!(),
};

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    let cloud = &view.estate.cloud;
    let models: Vec<(&Bucket, _)> = cloud
        .buckets
        .iter()
        .filter_map(|b| Some((b, model_user(view, b)?)))
        .collect();
    if models.is_empty() {
        return;
    }
    for grant in cloud.grants.iter().filter(|g| !g.conditional) {
        let Some(action) = grant.actions.iter().find(|a| is_wild(&a.text)) else {
            continue;
        };
        // A bucket that everyone may use is told of on its own.
        if grant
            .principals
            .iter()
            .any(|p| matches!(p.text.as_str(), "*" | "allUsers" | "allAuthenticatedUsers"))
        {
            continue;
        }
        let Some((bucket, (user, address))) = models.iter().find(|(b, _)| covers(view, grant, b)) else {
            continue;
        };
        let message = format!(
            "whoever holds {} can replace the models in {}",
            code(&grant.address),
            code(&bucket.address)
        );
        let marks = [
            (
                action.span.clone(),
                "everything, where reading is enough".to_owned(),
            ),
            (super::head(view, &bucket.span), "the bucket".to_owned()),
            (user.clone(), format!("{} uses it", code(address))),
        ];
        let mut places = view.places(sink, &marks).into_iter();
        let Some(place) = places.next() else { continue };
        let finding = Finding::new(&WILDCARD_MODEL_PERMISSIONS, message, place)
            .subject(format!("{} {}", escape(&grant.address), escape(&bucket.address)))
            .property("bucket", escape(&bucket.address))
            .help(if action.text.starts_with("roles/") {
                "give `roles/storage.objectViewer` on this bucket"
            } else {
                "allow `s3:GetObject` on the objects and `s3:ListBucket` on the bucket, and writing only to the role that publishes models"
            });
        sink.push(places.fold(finding, Finding::at));
    }
}

fn is_wild(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    matches!(
        action.as_str(),
        "*" | "*:*"
            | "s3:*"
            | "roles/owner"
            | "roles/editor"
            | "roles/storage.admin"
            | "roles/storage.objectadmin"
    )
}

/// Whether a permission and a bucket are declared together: what lies apart may be of another account, and have the
/// same address.
fn is_one_account(view: &EstateView, grant: &Grant, bucket: &Bucket) -> bool {
    let folder = |at: usize| {
        let path = view.estate.files.at(at).map_or("", |f| f.path.as_str());
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    };
    let (a, b) = (folder(grant.span.start), folder(bucket.span.start));
    let below = |a: &str, b: &str| {
        a.is_empty()
            || b.strip_prefix(a)
                .is_some_and(|r| r.is_empty() || r.starts_with('/'))
    };
    below(a, b) || below(b, a)
}

/// Whether a permission is for that bucket: by reference, or because it is for all.
fn covers(view: &EstateView, grant: &Grant, bucket: &Bucket) -> bool {
    if grant.refers.contains(&bucket.address) {
        return is_one_account(view, grant, bucket);
    }
    let google = bucket.address.starts_with("google_");
    let everywhere = grant.resources.iter().any(|r| {
        matches!(
            r.text.as_str(),
            "*" | "arn:aws:s3:::*" | "arn:*:s3:::*" | "arn:aws:s3:::*/*"
        )
    });
    let by_name = bucket
        .name
        .as_ref()
        .filter(|n| !n.open && !n.text.is_empty())
        .is_some_and(|name| {
            grant.resources.iter().filter(|r| !r.open).any(|r| {
                let arn = r.text.rsplit(":::").next().unwrap_or_default();
                let arn = arn.split('/').next().unwrap_or_default();
                arn == name.text
            })
        });
    let all = (everywhere && !google) || (google && grant.address.starts_with("google_project_iam_"));
    by_name || (all && is_one_account(view, grant, bucket))
}
