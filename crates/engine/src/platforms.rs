//! The versions of platforms that images name, as packages that advisories speak of.
//!
//! `ghcr.io/mlflow/mlflow:v2.1.0` is MLflow 2.1.0, whatever else is in it. The one decision: a tag counts only where it says
//! a whole version, three numbers at least. `2.9` moves from one release to the next, and a date or the version of Python
//! is none of the platform; of those it is said that nothing was compared.

use crate::facts::Fact;
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Budget, Location, Untrusted, code};
use wellhead_infra::{PRODUCTS, Resource, Word};
use wellhead_packages::{Manifest, ManifestKind, PyVersion, metadata::distribution};
use wellhead_rules::EstateView;

/// What images say of versions.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// The packages, with the files that name the images.
    pub(crate) facts: Vec<Fact>,
    /// What cannot be compared, in words.
    pub(crate) not_assessed: Vec<String>,
}

/// The platforms that a tree runs by their images.
pub(crate) fn named(view: &EstateView, budget: &mut Budget) -> Named {
    let estate = &view.estate;
    let containers = estate.workloads.iter().flat_map(|w| &w.containers);
    let stages = estate.recipes.iter().flatten();
    let mut manifests: BTreeMap<ArtifactPath, Manifest> = BTreeMap::new();
    let mut unknown: BTreeMap<String, &str> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for image in containers.chain(stages).filter_map(image) {
        if budget.steps(PRODUCTS.len() as u64).is_err() {
            break;
        }
        if !seen.insert((image.span.start, image.text.as_str())) {
            continue;
        }
        let products = || PRODUCTS.iter().filter(|p| p.is_image(&image.text));
        let Some((product, package)) = products().find_map(|p| Some((p, p.package?))) else {
            continue;
        };
        let version = version_of(&image.text).filter(|_| package.0 == "PyPI");
        let located = view.locate(&image.span);
        let (Some(version), Some((artifact, text, inner))) = (version, located) else {
            unknown.insert(Untrusted::from(image.text.as_str()).shown(80), product.name);
            continue;
        };
        let label = format!("{} {}", product.name, Untrusted::from(version.as_str()).shown(40));
        let declared = Location::text(artifact, text, inner, label);
        let place = artifact.member(format!("image {}", product.id));
        let manifest = manifests
            .entry(place)
            .or_insert_with(|| Manifest::empty(ManifestKind::Installed));
        if let Ok(component) = distribution(package.1, Some(&version), declared) {
            manifest.components.push(component);
        }
    }
    Named {
        facts: manifests
            .into_iter()
            .map(|(place, manifest)| Fact::Manifest(place, Box::new(manifest)))
            .collect(),
        not_assessed: unknown
            .into_iter()
            .take(SHOWN)
            .map(|(image, name)| {
                format!(
                    "known vulnerabilities of {name}: {} does not say its version",
                    code(&image)
                )
            })
            .collect(),
    }
}

/// How many images without a version are told.
const SHOWN: usize = 10;

/// The image of a container or a stage, unless it is one that is built here or is not known.
fn image(resource: &Resource) -> Option<&Word> {
    resource
        .image
        .as_ref()
        .filter(|image| !resource.builds && !image.open)
}

/// The version that the tag of an image says.
fn version_of(reference: &str) -> Option<String> {
    let name = reference.split('@').next().unwrap_or_default();
    let last = name.rsplit('/').next().unwrap_or_default();
    let (_, tag) = last.split_once(':')?;
    if is_whole(tag.trim_start_matches('v')) && PyVersion::new(tag).public().is_some() {
        return Some(tag.trim_start_matches('v').to_owned());
    }
    // `2.9.0-py310-gpu`, and `main-v1.40.0`; a number further on that has no `v` is of something else.
    let mut parts = tag.split(['-', '_']);
    let first = parts.next().map(|p| p.trim_start_matches('v'));
    let found = first
        .filter(|p| is_numbers(p))
        .or_else(|| parts.filter_map(|p| p.strip_prefix('v')).find(|p| is_numbers(p)));
    found.map(str::to_owned)
}

/// Whether a version begins with three numbers.
fn is_whole(version: &str) -> bool {
    let mut parts = version.splitn(3, '.');
    let number = |p: Option<&str>| p.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    number(parts.next())
        && number(parts.next())
        && parts
            .next()
            .is_some_and(|p| p.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_numbers(version: &str) -> bool {
    is_whole(version) && version.split('.').all(|p| p.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_version_is_one() {
        for (reference, expected) in [
            ("ghcr.io/mlflow/mlflow:v2.1.0", Some("2.1.0")),
            ("ghcr.io/mlflow/mlflow:2.1.0@sha256:00", Some("2.1.0")),
            ("hub.example:5000/mlflow/mlflow:2.1.0", Some("2.1.0")),
            ("hub.example:5000/mlflow/mlflow", None),
            ("rayproject/ray:2.9.0-py310-gpu", Some("2.9.0")),
            ("bitnami/mlflow:2.9.2-debian-12-r3", Some("2.9.2")),
            ("vllm/vllm-openai:v0.6.3.post1", Some("0.6.3.post1")),
            ("vllm/vllm-openai:v0.6.3-rc1", Some("0.6.3-rc1")),
            ("litellm/litellm:main-v1.40.0-stable", Some("1.40.0")),
            ("apache/airflow:2.9", None),
            ("apache/airflow:2.9-python3.11.6", None),
            ("quay.io/jupyter/base-notebook:python-3.11.6", None),
            ("quay.io/jupyter/base-notebook:2023-10-20", None),
            ("quay.io/jupyter/base-notebook:lab-4.0.7", None),
            ("ghcr.io/mlflow/mlflow:latest", None),
            ("ghcr.io/mlflow/mlflow:", None),
            ("", None),
        ] {
            assert_eq!(version_of(reference).as_deref(), expected, "{reference}");
        }
    }
}
