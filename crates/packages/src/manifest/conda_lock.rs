//! `conda-lock.yml`, and `pixi.lock` before its fourth version, which has the same layout.
//!
//! An entry stands there once for each platform. Entries of one version are one component with all its digests; what
//! differs between platforms stays apart and says on which it is installed.

use super::{
    Manifest, ManifestKind,
    document::{Document, Syntax, paid, problem, shown},
    lock::{Locked, finish},
    matchspec::channel,
    parts::{above, bare, bare_conda, set_version, unauditable},
    source::place,
};
use crate::{
    index::{IndexEntry, IndexRole, Manager},
    name::normalise,
};
use std::collections::BTreeMap;
use wellhead_core::{ArtifactPath, Budget, Digest, Location, Source, escape};
use wellhead_formats::text::{Node, Value};

/// Reads `conda-lock.yml`.
pub(super) fn read(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let kind = ManifestKind::CondaLock;
    match Document::parse_as(Syntax::Yaml, kind, artifact, text, None, budget) {
        Ok((document, manifest)) => packages(&document, manifest, budget),
        Err(manifest) => *manifest,
    }
}

/// Reads the `package` list of a parsed lock.
pub(super) fn packages(document: &Document<'_>, mut manifest: Manifest, budget: &mut Budget) -> Manifest {
    let root = &document.root;
    let listed = root.get("package");
    if !matches!(listed.map(|n| &n.value), Some(Value::Array(_))) {
        let at = document.at(root.span.clone(), "");
        problem(&mut manifest, at, "there is no list of packages");
    }
    let channels = root
        .path(&["metadata", "channels"])
        .map(Node::items)
        .unwrap_or_default();
    for (i, node) in channels.iter().enumerate() {
        let of = node.get("url").unwrap_or(node);
        if let Some(url) = of.as_str() {
            let declared = document.at(of.span.clone(), "named here");
            manifest.indexes.entries.push(entry(i, url, declared));
        }
    }
    let mut out: Vec<Locked> = Vec::new();
    let mut known: BTreeMap<Key, usize> = BTreeMap::new();
    let mut platforms: Vec<Vec<String>> = Vec::new();
    for table in listed.map(Node::items).unwrap_or_default() {
        if !paid(&mut manifest, budget, || document.at(table.span.clone(), "")) {
            break;
        }
        let at = document.package(table);
        let Some(package) = package(table, at.clone()) else {
            problem(&mut manifest, at, "a package without a name or a manager");
            continue;
        };
        let c = &package.component;
        let key = (
            c.ecosystem.name(),
            c.name.clone(),
            c.version.clone(),
            format!("{:?}", c.source),
        );
        let platform = shown(table.get("platform"));
        if let Some(i) = known.get(&key).copied()
            && let (Some(same), Some(on)) = (out.get_mut(i), platforms.get_mut(i))
        {
            same.component.hashes.extend(package.component.hashes);
            same.needs.extend(package.needs);
            on.extend(platform);
            continue;
        }
        known.insert(key, out.len());
        out.push(package);
        platforms.push(platform.into_iter().collect());
    }
    for (locked, mut on) in out.iter_mut().zip(platforms) {
        on.sort();
        on.dedup();
        locked.component.marker = (!on.is_empty()).then(|| on.join(", "));
    }
    finish(out, manifest)
}

/// Manager, name, version, source.
type Key = (&'static str, String, Option<String>, String);

/// The entry of a channel.
pub(super) fn entry(i: usize, text: &str, declared: Location) -> IndexEntry {
    IndexEntry {
        manager: Manager::Conda,
        role: if i == 0 {
            IndexRole::Default
        } else {
            IndexRole::Extra
        },
        name: (!text.contains("://")).then(|| escape(text)),
        address: channel(text),
        declared,
    }
}

fn package(table: &Node, at: Location) -> Option<Locked> {
    let name = table.get("name").and_then(Node::as_text)?;
    let url = table.get("url").and_then(Node::as_str).unwrap_or_default();
    let version = table.get("version").and_then(Node::as_text);
    let mut component = match table.get("manager").and_then(Node::as_str)? {
        "conda" => {
            let mut c = bare_conda(name, at);
            let from = crate::index::Address::new(url).shown;
            c.source = Source::Registry { url: above(&from, 2) };
            c
        }
        "pip" | "pypi" => {
            let mut c = bare(name, at);
            let found = place(url, false);
            if matches!(found.source, Source::Vcs { .. } | Source::Path { .. }) && !url.is_empty() {
                c.bucket = unauditable(found.why);
                c.source = found.source;
            }
            c
        }
        _ => return None,
    };
    match version {
        Some(version) if matches!(component.source, Source::Registry { .. }) => {
            set_version(&mut component, version);
        }
        Some(version) => component.version = Some(escape(version)),
        None => component.bucket = unauditable("no version is locked"),
    }
    component.direct = None;
    let hashes = table.get("hash").map(Node::entries).unwrap_or_default();
    component.hashes = hashes
        .iter()
        .filter_map(|e| Digest::parse(&format!("{}:{}", e.key, e.node.as_text()?)))
        .collect();
    let needs = table.get("dependencies");
    let tabled = needs.map(Node::entries).unwrap_or_default().iter();
    let listed = needs.map(Node::items).unwrap_or_default().iter();
    let first = |n: &Node| {
        n.as_str()
            .and_then(|t| t.split([' ', '=', '<', '>', '[']).next().map(normalise))
    };
    Some(Locked {
        needs: tabled
            .map(|e| normalise(&e.key))
            .chain(listed.filter_map(first))
            .collect(),
        component,
        root: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use proptest::prelude::*;

    const ALL: &str = r#"version: 1
metadata:
  content_hash: {linux-64: aa}
  channels:
  - url: conda-forge
    used_env_vars: []
  - url: https://u:hunter2@conda.example/team
  platforms: [linux-64, osx-arm64]
package:
- {name: pillow, version: 10.0.0, manager: conda, platform: linux-64, dependencies: {python: '>=3.11'}, url: "https://conda.example/conda-forge/linux-64/pillow-10.0.0-py311_0.conda", hash: {md5: aa, sha256: bb}, category: main}
- {name: pillow, version: 10.0.0, manager: conda, platform: osx-arm64, dependencies: {}, url: "https://conda.example/conda-forge/osx-arm64/pillow-10.0.0-py311_0.conda", hash: {md5: ac, sha256: bd}, category: main}
- {name: python, version: 3.11.8, manager: conda, platform: linux-64, dependencies: {}, url: "https://conda.example/conda-forge/linux-64/python-3.11.8-0.conda", hash: {md5: aa}}
- {name: python, version: 3.11.7, manager: conda, platform: osx-arm64, dependencies: {}, url: "https://conda.example/conda-forge/osx-arm64/python-3.11.7-0.conda", hash: {md5: aa}}
- {name: torch, version: 2.2.0, manager: pip, platform: linux-64, dependencies: {filelock: '*'}, url: "https://files.example/torch-2.2.0.whl", hash: {sha256: cc}, category: dev}
- {name: peft, version: 0.8, manager: pip, platform: linux-64, dependencies: {}, url: "git+https://git.example/peft.git@main", hash: {sha256: cc}}
- {name: odd, version: 1}
- {version: 1, manager: pip}
"#;

    fn of(text: &str) -> Manifest {
        read(
            &ArtifactPath::file("conda-lock.yml"),
            text,
            &mut Budget::default(),
        )
    }

    #[test]
    fn platforms_share_a_component_where_they_agree() {
        let m = of(ALL);
        insta::assert_snapshot!(shown(&m), @r#"
        10: conda/pillow 10.0.0 exact from https://conda.example/conda-forge hashes=4 ; linux-64, osx-arm64
        12: conda/python 3.11.8 exact from https://conda.example/conda-forge hashes=1 ; linux-64 via pillow
        13: conda/python 3.11.7 exact from https://conda.example/conda-forge hashes=1 ; osx-arm64 via pillow
        14: pypi/torch 2.2.0 exact hashes=1 ; linux-64
        15: pypi/peft 0.8 unauditable (a branch or tag of a repository, which can move) git https://git.example/peft.git Some("main") hashes=1 ; linux-64
        16: problem: a package without a name or a manager
        17: problem: a package without a name or a manager
        5: index Conda Default https://conda.anaconda.org/conda-forge
        7: index Conda Extra https://conda.example/team
        "#);
        assert!(!format!("{m:?}").contains("hunter2"));
    }

    #[test]
    fn a_lock_without_packages_is_a_problem() {
        for text in ["", "a\n", "version: 1\n", "package: {a: b}\n", "package: [\n"] {
            assert_eq!(of(text).problems.len(), 1, "{text}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..1_800, junk in "[\\[\\]{}:&*=\"#a1\n -]{0,6}") {
            let mut text = ALL.to_owned();
            text.insert_str(at.min(ALL.len()), &junk);
            let _ = of(&text);
        }
    }
}
