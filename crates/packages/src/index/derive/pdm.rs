//! PDM puts all sources into one pool, in which the public index is the first unless the project names it; with
//! `respect-source-order` the first with a version that fits wins, so the public index then comes first as well.
//! `include_packages` leaves a package to the sources that include it, `exclude_packages` takes a source away.

use super::{Manager, Passing, Pool, SourceCandidate, pip};
use crate::{
    index::{IndexSettings, SourceFilter},
    manifest::ManifestKind,
    project::{Folders, folder},
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::Component;

pub(super) fn pools<'a>(folders: &Folders<'a>, out: &mut Vec<Pool<'a>>) {
    for (path, manifest) in &folders.project.files {
        if manifest.kind != ManifestKind::Pyproject {
            continue;
        }
        // The configuration beside the project: its sources are asked after those of the project.
        let beside = folders.of(folder(path), ManifestKind::PdmConfig).first();
        let beside = beside.map(|(_, m)| &m.indexes);
        if !pip::has(&manifest.indexes, Manager::Pdm) && beside.is_none_or(|s| !pip::has(s, Manager::Pdm)) {
            continue;
        }
        let all = order(&manifest.indexes, beside);
        let mut groups: BTreeMap<Vec<usize>, Vec<&Component>> = BTreeMap::new();
        for component in &manifest.components {
            let places = places(&component.name, &all, &manifest.indexes.filters);
            groups.entry(places).or_default().push(component);
        }
        for (places, components) in groups {
            let sources = places.iter().filter_map(|i| all.get(*i)).cloned().collect();
            let mut pool = Pool::new(Manager::Pdm, path, sources);
            pool.passing = Passing::NoVersionFits;
            pool.locked = folders.locked(path);
            out.push(pool.with(components.into_iter()));
        }
    }
}

fn order(settings: &IndexSettings, beside: Option<&IndexSettings>) -> Vec<SourceCandidate> {
    let of = |s: &IndexSettings| -> Vec<SourceCandidate> {
        let entries = s.entries.iter().filter(|e| e.manager == Manager::Pdm);
        entries.map(|e| SourceCandidate::of(e, 0)).collect()
    };
    let mut out = of(settings);
    let weaker = beside.map(of).unwrap_or_default();
    let pypi = |s: &SourceCandidate| s.name.as_deref() == Some("pypi");
    let named: BTreeSet<Option<String>> = out.iter().map(|s| s.name.clone()).collect();
    // What the project names itself it keeps; the address of the default is the configuration's to say.
    let default = weaker.iter().find(|s| pypi(s)).cloned();
    out.extend(
        weaker
            .iter()
            .filter(|s| !pypi(s) && !named.contains(&s.name))
            .cloned(),
    );
    if !out.iter().any(pypi) {
        out.insert(0, default.unwrap_or_else(|| SourceCandidate::public(0)));
    }
    if settings.respect_source_order {
        for (rank, source) in out.iter_mut().enumerate() {
            source.rank = rank;
        }
    }
    out
}

/// The places of the sources that are asked for a package.
fn places(package: &str, sources: &[SourceCandidate], filters: &[SourceFilter]) -> Vec<usize> {
    if filters.is_empty() {
        return (0..sources.len()).collect();
    }
    let prefers = |source: &SourceCandidate| {
        let filter = filters
            .iter()
            .find(|f| Some(f.index.as_str()) == source.name.as_deref())?;
        let hit = |patterns: &[String]| patterns.iter().any(|p| matches(p.as_bytes(), package.as_bytes()));
        match (hit(&filter.include), hit(&filter.exclude)) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    };
    let wanted = |answer: Option<bool>| -> Vec<usize> {
        let all = sources.iter().enumerate();
        all.filter(|(_, s)| prefers(s) == answer)
            .map(|(i, _)| i)
            .collect()
    };
    let included = wanted(Some(true));
    if included.is_empty() {
        wanted(None)
    } else {
        included
    }
}

/// Patterns with `*` and `?`. One with a set of characters matches nothing here, so that no source is taken away by it.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p = p.saturating_add(1);
            }
            Some(c) if *c == b'?' || text.get(t) == Some(c) => {
                p = p.saturating_add(1);
                t = t.saturating_add(1);
            }
            _ => match star {
                Some((at, from)) => {
                    p = at.saturating_add(1);
                    t = from.saturating_add(1);
                    star = Some((at, t));
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|c| *c == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, hit) in [
            ("acme-*", "acme-core", true),
            ("acme-*", "acme", false),
            ("*", "", true),
            ("a?me*e", "acme-core", true),
            ("acme", "acme-core", false),
            ("*-core", "acme-core", true),
            ("[a]cme", "acme", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                hit,
                "{pattern} {text}"
            );
        }
    }
}
