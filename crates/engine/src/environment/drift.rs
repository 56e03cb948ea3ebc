//! Locks of the same run against what is installed.

use super::Gather;
use crate::{artifact::FileResult, facts::Fact};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Bucket, Ecosystem, Source, code};
use wellhead_packages::{Manifest, ManifestKind, PyVersion, installed::MarkerValues};
use wellhead_rules::environment::{Kind, LockDrift};

/// What environments have before anything is locked.
const SEEDS: [&str; 6] = ["pip", "setuptools", "wheel", "uv", "distribute", "pkg-resources"];

impl Gather<'_, '_> {
    pub(super) fn drift(&mut self, others: &[FileResult]) {
        let values = self.values();
        let manifests = others.iter().flat_map(|r| &r.facts).filter_map(|f| match f {
            Fact::Manifest(path, manifest) => Some((path, &**manifest)),
            _ => None,
        });
        let locks: Vec<(&ArtifactPath, &Manifest)> = manifests.filter(|(_, m)| locks(m)).collect();
        let drifts = locks
            .into_iter()
            .map(|(path, lock)| self.compared(path, lock, &values));
        let drifts: Vec<LockDrift> = drifts.collect();
        self.environment.locks = drifts;
    }

    fn compared(&self, path: &ArtifactPath, lock: &Manifest, values: &MarkerValues) -> LockDrift {
        let mut drift = LockDrift {
            lock: Some(path.clone()),
            ..LockDrift::default()
        };
        let installed: BTreeMap<&str, &super::Installed> = self
            .installed
            .iter()
            .filter(|one| !one.conda)
            .map(|one| (one.facts.name.as_str(), one))
            .collect();
        let mut known: BTreeSet<&str> = BTreeSet::new();
        let own = lock.project.as_ref().and_then(|p| p.name.as_deref());
        // A lock may name a package once for each system; one that fits is enough.
        let mut rows: BTreeMap<&str, Vec<&wellhead_core::Component>> = BTreeMap::new();
        for component in lock.components.iter().filter(|c| c.ecosystem == Ecosystem::PyPI) {
            known.insert(&component.name);
            let applies = component
                .marker
                .as_deref()
                .map_or(Some(true), |m| values.holds(m));
            if applies != Some(false) && Some(component.name.as_str()) != own {
                rows.entry(&component.name).or_default().push(component);
            }
        }
        for (name, rows) in rows {
            let Some(first) = rows.first() else { continue };
            let Some(one) = installed.get(name) else {
                // Locks name what groups and extras bring, so that only what holds for all is missing for sure.
                let certain =
                    rows.iter().all(|c| c.marker.is_none()) && lock.kind == ManifestKind::Requirements;
                if certain && !SEEDS.contains(&name) {
                    drift
                        .missing
                        .push((first.written.clone(), first.declared.clone()));
                }
                continue;
            };
            let version = one.facts.version.clone().unwrap_or_default();
            let same = |locked: &&str| same_version(locked, &version);
            let versions: Vec<&str> = rows.iter().filter_map(|c| c.version.as_deref()).collect();
            if !versions.is_empty() && !versions.iter().any(same) {
                let locked = versions.join(" or ");
                drift
                    .other_version
                    .push((first.written.clone(), locked, version, first.declared.clone()));
            }
            if let Some(direct) = &one.facts.direct_url
                && rows.iter().all(|c| matches!(c.source, Source::Registry { .. }))
            {
                let locked = "an index".to_owned();
                drift.other_source.push((
                    first.written.clone(),
                    locked,
                    code(&direct.url),
                    first.declared.clone(),
                ));
            }
        }
        // Requirements without hashes often name only what the project itself asks for.
        let whole = lock.kind.is_lock() || lock.components.iter().all(|c| !c.hashes.is_empty());
        if whole && matches!(self.environment.kind, Kind::Virtual) {
            for (name, one) in installed {
                let local = one
                    .facts
                    .direct_url
                    .as_ref()
                    .is_some_and(|d| d.url.starts_with("file:"));
                if !known.contains(name) && !SEEDS.contains(&name) && !local && Some(name) != own {
                    drift
                        .extra
                        .push((one.facts.written.clone(), one.facts.info.clone()));
                }
            }
        }
        drift
    }
}

/// Whether a file says exactly what is to be installed: a lock, or requirements of which each is pinned.
fn locks(manifest: &Manifest) -> bool {
    let pinned = || {
        let exact = |c: &wellhead_core::Component| c.bucket == Bucket::Exact;
        manifest.kind == ManifestKind::Requirements
            && !manifest.components.is_empty()
            && manifest.components.iter().all(exact)
    };
    (manifest.kind.is_lock() && !manifest.components.is_empty()) || pinned()
}

/// Whether an installed version is the locked one: a lock without a local part admits any.
fn same_version(locked: &str, installed: &str) -> bool {
    if locked == installed {
        return true;
    }
    let (a, b) = (PyVersion::new(locked), PyVersion::new(installed));
    if locked.contains('+') {
        return a.raw().eq_ignore_ascii_case(b.raw());
    }
    match (a.public(), b.public()) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}
