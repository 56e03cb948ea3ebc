//! What locks say: one source for each package, and which file of it, until they are made anew.

use super::{DecidedBy, Derivation, Manager, Passing, address_of};
use crate::{manifest::ManifestKind, project::Project};
use std::{collections::BTreeMap, sync::Arc};
use wellhead_core::{Bucket, Source};

pub(super) fn derivations(project: &Project, out: &mut Vec<Derivation>) {
    for (path, manifest) in &project.files {
        if !manifest.kind.is_lock() {
            continue;
        }
        let manager = match manifest.kind {
            ManifestKind::UvLock => Manager::Uv,
            ManifestKind::PoetryLock => Manager::Poetry,
            ManifestKind::PdmLock => Manager::Pdm,
            ManifestKind::PipfileLock => Manager::Pipenv,
            ManifestKind::CondaLock | ManifestKind::CondaExplicit => Manager::Conda,
            ManifestKind::PixiLock => Manager::Pixi,
            _ => Manager::Pip,
        };
        let mut shared: BTreeMap<String, Arc<[super::SourceCandidate]>> = BTreeMap::new();
        for c in &manifest.components {
            let mut candidate = address_of(c);
            if candidate.is_none() && manifest.kind == ManifestKind::PoetryLock {
                candidate = Some(super::SourceCandidate::public(0));
            }
            let key = candidate
                .as_ref()
                .map(|s| s.address.shown.clone())
                .unwrap_or_default();
            let sources = shared
                .entry(key)
                .or_insert_with(|| candidate.into_iter().collect());
            let hashed = c.hashes.iter().any(|d| d.algorithm.is_strong());
            let decided_by = match &c.source {
                Source::Registry { .. } if hashed => DecidedBy::Hash,
                Source::Registry { .. } => DecidedBy::Lock,
                _ => DecidedBy::Address,
            };
            let from = sources.first().map_or_else(
                || "the lock does not say from where".to_owned(),
                |s| format!("locked: {}", wellhead_core::code(&s.address.shown)),
            );
            out.push(Derivation {
                manager,
                command: None,
                scope: path.clone(),
                package: c.name.clone(),
                declared: c.declared.clone(),
                sources: Arc::clone(sources),
                left_out: 0,
                passing: Passing::UnknownName,
                decided_by,
                exact: c.bucket == Bucket::Exact,
                locked: true,
                exposed: None,
                why: format!("{from}; {}", decided_by.describe()).into(),
            });
        }
    }
}
