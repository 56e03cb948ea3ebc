//! Who a distribution says that it is: the file name, the folder of its metadata, the metadata, the tags.
//!
//! pip takes the name from the file and the metadata from the folder, resolvers and auditors take either; where they
//! differ, what was asked for is not what is installed.

use super::{AnomalyKind, DistributionKind, Reader, layout::archive_stem};
use crate::{installed::info_folder, name::normalise, version::PyVersion};
use std::collections::BTreeSet;
use std::sync::Arc;
use wellhead_core::{Budget, code};
use wellhead_formats::text::{Node, json};

/// The text in which the distribution says who it is, and its path.
pub(super) fn metadata<'a>(r: &Reader<'a>) -> Option<(&'a str, Arc<str>)> {
    let root = &r.out.root;
    let wanted: Vec<String> = match r.out.kind {
        DistributionKind::Egg => vec!["EGG-INFO/PKG-INFO".to_owned()],
        DistributionKind::Sdist | DistributionKind::Folder => vec![format!("{root}PKG-INFO")],
        DistributionKind::Wheel | DistributionKind::Installed | DistributionKind::Pyz => own_info(r)
            .map(|f| vec![format!("{f}/METADATA")])
            .unwrap_or_default(),
        DistributionKind::Conda => r
            .by_path
            .keys()
            .filter(|p| p.ends_with(".dist-info/METADATA") || p.ends_with(".egg-info/PKG-INFO"))
            .take(1)
            .map(|p| (*p).to_owned())
            .collect(),
    };
    let wanted = wanted.first()?;
    let (path, member) = r.by_path.get_key_value(wanted.as_str())?;
    Some((path, Arc::clone(member.text.as_ref()?)))
}

/// The folders of metadata at the top of a wheel.
fn infos<'a>(r: &Reader<'a>) -> BTreeSet<&'a str> {
    r.by_path
        .keys()
        .filter_map(|path| path.split_once('/'))
        .filter(|(first, _)| first.ends_with(".dist-info"))
        .map(|(first, _)| first)
        .collect()
}

/// The one that belongs to the distribution: that of the name of the file, else the first.
pub(super) fn own_info<'a>(r: &Reader<'a>) -> Option<&'a str> {
    let all = infos(r);
    let named = wheel_name(&r.parts.file).map(|w| w.0);
    let own = |folder: &&&str| info_folder(folder).map(|i| i.name) == named;
    all.iter().find(own).or_else(|| all.iter().next()).copied()
}

/// Name, version and tags of a wheel by the name of its file.
fn wheel_name(file: &str) -> Option<(String, String, BTreeSet<String>)> {
    let stem = file.strip_suffix(".whl")?;
    let parts: Vec<&str> = stem.split('-').collect();
    let [name, version, rest @ ..] = parts.as_slice() else {
        return None;
    };
    let [python, abi, platform] = rest.get(rest.len().checked_sub(3)?..)? else {
        return None;
    };
    if rest.len() > 4 {
        return None;
    }
    let mut tags = BTreeSet::new();
    for p in python.split('.').take(32) {
        for a in abi.split('.').take(32) {
            for f in platform.split('.').take(32) {
                tags.insert(format!("{p}-{a}-{f}").to_ascii_lowercase());
            }
        }
    }
    Some((normalise(name), version.replace('_', "+"), tags))
}

pub(super) fn check(r: &mut Reader<'_>, budget: &mut Budget) {
    match r.out.kind {
        DistributionKind::Wheel => wheel(r),
        DistributionKind::Sdist => sdist(r),
        DistributionKind::Egg if r.out.metadata.is_none() => {
            r.tell(
                AnomalyKind::NoMetadata,
                None,
                None,
                "it has no `EGG-INFO/PKG-INFO`".to_owned(),
            );
        }
        DistributionKind::Conda => conda(r, budget),
        DistributionKind::Egg
        | DistributionKind::Pyz
        | DistributionKind::Folder
        | DistributionKind::Installed => {}
    }
}

/// Compares a stated name and version with those of the metadata.
fn compare(r: &mut Reader<'_>, by: &str, name: &str, version: Option<&str>, path: Option<&str>) {
    let at = r.out.metadata.as_ref().map(|m| m.identity.clone());
    let place = path.zip(at);
    let (own_name, own_version) = (r.out.name.clone(), r.out.version.clone());
    if let Some(own) = own_name
        && own != normalise(name)
    {
        let words = format!("{by} says {} and its metadata says {}", code(name), code(&own));
        r.tell(AnomalyKind::Name, None, place.clone(), words);
    }
    if let (Some(own), Some(version)) = (own_version, version)
        && !same_version(&own, version)
    {
        let words = format!("{by} says {} and its metadata says {}", code(version), code(&own));
        r.tell(AnomalyKind::Version, None, place, words);
    }
}

/// Whether two texts are one version; what builders write for the characters that file names cannot hold is one.
pub(super) fn same_version(a: &str, b: &str) -> bool {
    let plain = |text: &str| {
        text.trim()
            .to_ascii_lowercase()
            .replace(['_', '-', '+'], ".")
            .trim_start_matches('v')
            .to_owned()
    };
    let local = |text: &str| {
        text.split_once('+')
            .map(|(_, l)| l.to_ascii_lowercase().replace(['_', '-'], "."))
    };
    plain(a) == plain(b) || PyVersion::new(a) == PyVersion::new(b) && local(a) == local(b)
}

fn wheel(r: &mut Reader<'_>) {
    let folder = own_info(r).map(str::to_owned);
    let Some(folder) = folder else {
        let words = "it has no folder of metadata, so that no installer takes it".to_owned();
        r.tell(AnomalyKind::NoMetadata, None, None, words);
        return;
    };
    let path = format!("{folder}/METADATA");
    if r.out.name.is_none() || r.out.version.is_none() {
        let words = format!("{} does not say name and version", code(&path));
        r.tell(AnomalyKind::NoMetadata, None, None, words);
    }
    if let Some(info) = info_folder(&folder) {
        let version = info.version.as_deref().map(|v| v.replace('_', "+"));
        compare(
            r,
            "the folder of its metadata",
            &info.written,
            version.as_deref(),
            Some(&path),
        );
    }
    let file = wheel_name(&r.parts.file);
    if let Some((name, version, _)) = &file {
        compare(r, "the file name", name, Some(version), Some(&path));
    }
    let others: Vec<&str> = infos(r).into_iter().filter(|i| *i != folder).collect();
    for other in others {
        let words = format!(
            "it brings {}, so that installers take another distribution for installed",
            code(other)
        );
        r.tell(AnomalyKind::ForeignInfo, Some(other), None, words);
    }
    tags(r, &folder, file.map(|f| f.2));
}

/// The tags of `WHEEL` against those of the file name.
fn tags(r: &mut Reader<'_>, folder: &str, named: Option<BTreeSet<String>>) {
    let path = format!("{folder}/WHEEL");
    let Some(text) = r.text(&path).cloned() else {
        if !r.by_path.contains_key(path.as_str()) {
            let words = format!("it has no {}", code(&path));
            r.tell(AnomalyKind::NoMetadata, None, None, words);
        }
        return;
    };
    let stated: BTreeSet<String> = crate::installed::wheel_tags(&text)
        .into_iter()
        .map(|t| t.to_ascii_lowercase())
        .collect();
    let Some(named) = named else { return };
    if stated.is_empty() || stated.iter().any(|t| named.contains(t)) {
        return;
    }
    // Tools that repair wheels rename them and leave the platform in `WHEEL`; another interpreter is another build.
    let build = |t: &String| t.rsplit_once('-').map(|(build, _)| build.to_owned());
    let same_build = stated.iter().any(|s| named.iter().any(|n| build(n) == build(s)));
    if same_build {
        return;
    }
    let first = stated.iter().next().cloned().unwrap_or_default();
    let words = format!(
        "its file name promises another build than its `WHEEL`: {}",
        code(&first)
    );
    r.tell(
        AnomalyKind::Tags,
        None,
        Some((&path, 0..text.len().min(1))),
        words,
    );
}

fn sdist(r: &mut Reader<'_>) {
    let path = format!("{}PKG-INFO", r.out.root);
    let stem = archive_stem(&r.parts.file).map(str::to_owned);
    let parts = stem.as_deref().and_then(split_release);
    if let Some((name, version)) = parts {
        compare(r, "the file name", name, Some(version), Some(&path));
    }
}

/// Name and version that the name of an archive promises: that of a wheel, an egg or a source archive.
pub fn named_by_file(file: &str) -> Option<(String, String)> {
    if let Some((name, version, _)) = wheel_name(file) {
        return Some((name, version));
    }
    if let Some(stem) = file.strip_suffix(".egg") {
        let mut parts = stem.split('-');
        return Some((normalise(parts.next()?), parts.next()?.to_owned()));
    }
    let (name, version) = split_release(archive_stem(file)?)?;
    Some((normalise(name), version.to_owned()))
}

/// Name and version of a source archive: the version is what follows the last hyphen before a digit.
fn split_release(stem: &str) -> Option<(&str, &str)> {
    let mut cut = None;
    for (at, _) in stem.match_indices('-') {
        let rest = stem.get(at.saturating_add(1)..).unwrap_or_default();
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            cut = Some((stem.get(..at)?, rest));
        }
    }
    cut
}

fn conda(r: &mut Reader<'_>, budget: &mut Budget) {
    let Some(text) = r.text("info/index.json").cloned() else {
        let words = "it has no `info/index.json`".to_owned();
        r.tell(AnomalyKind::NoMetadata, None, None, words);
        return;
    };
    let tree = match json(&text, budget) {
        Ok(tree) => tree,
        Err(e) => {
            r.partly(format!("`info/index.json` is not valid JSON: {e}"));
            return;
        }
    };
    let field = |key: &str| tree.get(key).and_then(Node::as_str).map(str::to_owned);
    let (name, version, build) = (field("name"), field("version"), field("build"));
    let (Some(name), Some(version)) = (name, version) else {
        let words = "its `info/index.json` does not say name and version".to_owned();
        r.tell(AnomalyKind::NoMetadata, None, None, words);
        return;
    };
    // A package of conda has its own name, which need not be that of the distribution inside.
    r.out.name = Some(name.clone());
    r.out.version = Some(version.clone());
    let stem = [".conda", ".tar.bz2"]
        .iter()
        .find_map(|e| r.parts.file.strip_suffix(e));
    let stem = stem.map(str::to_owned);
    if let Some(stem) = stem {
        let stated = format!("{name}-{version}-{}", build.unwrap_or_default());
        let parts = stem.rsplitn(3, '-').collect::<Vec<_>>();
        if parts.len() == 3 && !stem.eq_ignore_ascii_case(&stated) {
            let kind = if parts.last().is_some_and(|n| n.eq_ignore_ascii_case(&name)) {
                AnomalyKind::Version
            } else {
                AnomalyKind::Name
            };
            let words = format!(
                "the file name says {} and its `info/index.json` says {}",
                code(&stem),
                code(&stated)
            );
            r.tell(kind, None, Some(("info/index.json", tree.span.clone())), words);
        }
    }
}
