//! What a cloud and a cluster are told besides what runs: firewalls, buckets, permissions, services of the cloud itself, and
//! routes.
//!
//! The one decision: a rule here speaks only of what touches machine learning, by reference or by a port of the
//! catalogue, and is silent where the rule on open platforms tells of the same with the service behind it.

mod exposed_managed_notebook;
mod public_model_bucket;
mod public_model_endpoint;
mod unguarded_route;
mod wildcard_model_permissions;
mod world_open_port;

use crate::{Check, EstateView, Registered};
use std::ops::Range;
use wellhead_infra::{Bucket, BucketUser, Managed, Workload, launches};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &exposed_managed_notebook::EXPOSED_MANAGED_NOTEBOOK,
        check: Check::Estate(exposed_managed_notebook::check),
    },
    Registered {
        rule: &public_model_bucket::PUBLIC_MODEL_BUCKET,
        check: Check::Estate(public_model_bucket::check),
    },
    Registered {
        rule: &public_model_endpoint::PUBLIC_MODEL_ENDPOINT,
        check: Check::Estate(public_model_endpoint::check),
    },
    Registered {
        rule: &unguarded_route::UNGUARDED_ROUTE,
        check: Check::Estate(unguarded_route::check),
    },
    Registered {
        rule: &wildcard_model_permissions::WILDCARD_MODEL_PERMISSIONS,
        check: Check::Estate(wildcard_model_permissions::check),
    },
    Registered {
        rule: &world_open_port::WORLD_OPEN_PORT,
        check: Check::Estate(world_open_port::check),
    },
];

/// Services of clouds that train, hold or serve models.
const LEARNS: &[&str] = &[
    "aws_sagemaker_",
    "aws_bedrock",
    "google_vertex_ai_",
    "google_notebooks_",
    "google_workbench_",
    "google_colab_",
    "azurerm_machine_learning_",
    "azurerm_ai_",
];

/// Files that are weights or whole models.
const MODELS: &[&str] = &[
    ".safetensors",
    ".gguf",
    ".onnx",
    ".pt",
    ".pth",
    ".ckpt",
    ".pkl",
    ".joblib",
    ".keras",
    ".h5",
    ".tflite",
    ".mar",
    ".npz",
];

/// What shows that a bucket holds models: the first that uses it and learns, serves, or is one.
fn model_user<'a>(view: &'a EstateView, bucket: &'a Bucket) -> Option<(Range<usize>, &'a str)> {
    let by_reference = bucket.users.iter().find(|u| is_model_user(view, u));
    if let Some(user) = by_reference {
        return Some((head(view, &user.span), &user.address));
    }
    // An address that is written out names a bucket as well as a reference does.
    let name = bucket
        .name
        .as_ref()
        .filter(|n| !n.open && !n.text.is_empty())
        .map(|n| n.text.as_str())?;
    let named = |text: &str| {
        ["s3://", "gs://"].iter().any(|scheme| {
            let rest = text.split_once(scheme).and_then(|(_, r)| r.strip_prefix(name));
            rest.is_some_and(|r| r.is_empty() || r.starts_with('/'))
        })
    };
    let managed = view.estate.cloud.managed.iter().filter(|m| learns(&m.kind));
    let found = managed
        .flat_map(|m| m.settings.iter().map(move |s| (m, s)))
        .find(|(_, s)| named(&s.value.text));
    if let Some((managed, setting)) = found {
        return Some((setting.span.clone(), &managed.address));
    }
    let models = view
        .estate
        .workloads
        .iter()
        .flat_map(|w| w.models.iter().map(move |m| (w, m)));
    let (workload, model) = models.into_iter().find(|(_, m)| named(&m.text))?;
    Some((model.span.clone(), &workload.name))
}

fn is_model_user(view: &EstateView, user: &BucketUser) -> bool {
    if learns(&user.kind) {
        return true;
    }
    if let Some(object) = &user.object {
        let name = object.text.to_ascii_lowercase();
        return MODELS.iter().any(|end| name.ends_with(end));
    }
    let mut own = view.estate.workloads.iter().filter(|w| w.span == user.span);
    own.any(runs_platform)
}

fn learns(kind: &str) -> bool {
    LEARNS.iter().any(|p| kind.starts_with(p))
}

/// Whether a platform of the catalogue is started there.
fn runs_platform(workload: &Workload) -> bool {
    workload.containers.iter().any(|c| !launches(c, true).is_empty())
}

/// The first line of a place: where something is declared, not all of it.
fn head(view: &EstateView, span: &Range<usize>) -> Range<usize> {
    let text = view.estate.files.slice(span);
    let line = text.split('\n').next().unwrap_or_default().trim_end();
    span.start..span.start.saturating_add(line.len())
}

/// What a setting says: nothing where it is absent, and nothing that is told where it is not known.
enum Said<'a> {
    Absent,
    Unknown,
    Value(&'a str, &'a Range<usize>),
}

fn said<'a>(managed: &'a Managed, name: &str) -> Said<'a> {
    match managed.get(name) {
        None => Said::Absent,
        Some(s) if s.value.open => Said::Unknown,
        Some(s) => Said::Value(&s.value.text, &s.span),
    }
}

#[cfg(test)]
mod tests;
