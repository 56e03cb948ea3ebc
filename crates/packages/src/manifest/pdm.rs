//! `pdm.lock`: every package with its exact version.
//!
//! PDM writes a second entry for a package that is asked for with extras; both install one thing, so they are one
//! component.

use super::{
    Manifest, ManifestKind,
    document::{Document, paid, problem, shown},
    lock::{Locked, cut_off, finish, locked},
    parts::apply_source,
    requirement::Requirement,
};
use crate::name::normalise;
use std::collections::BTreeMap;
use wellhead_core::{ArtifactPath, Bucket, Budget, Digest, Source};
use wellhead_formats::text::{Node, Value};

/// Reads `pdm.lock`.
pub(super) fn read(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let (document, mut manifest) = match Document::parse(ManifestKind::PdmLock, artifact, text, budget) {
        Ok(read) => read,
        Err(manifest) => return *manifest,
    };
    let root = &document.root;
    if root
        .get("package")
        .is_some_and(|n| !matches!(n.value, Value::Array(_)))
    {
        let at = document.at(root.span.clone(), "");
        problem(&mut manifest, at, "`package` is no list of packages");
    }
    if root.get("metadata").is_none() {
        cut_off(&document, "metadata", &mut manifest);
    }
    // Before version 4 the files stood in a table of their own, by `name version`.
    let old = root
        .path(&["metadata", "files"])
        .map(Node::entries)
        .unwrap_or_default();
    let old: BTreeMap<&str, &Node> = old.iter().map(|e| (e.key.as_str(), &e.node)).collect();
    let mut packages: Vec<Locked> = Vec::new();
    let mut known: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    for table in root.get("package").map(Node::items).unwrap_or_default() {
        if !paid(&mut manifest, budget, || document.at(table.span.clone(), "")) {
            break;
        }
        let at = document.package(table);
        let Some(package) = package(table, &old, at.clone()) else {
            problem(&mut manifest, at, "a package without a name");
            continue;
        };
        let c = &package.component;
        let key = (c.name.clone(), c.version.clone());
        match known.get(&key).and_then(|i| packages.get_mut(*i)) {
            Some(same) if same.component.source == c.source => {
                if same.component.hashes.is_empty() {
                    same.component.hashes.clone_from(&c.hashes);
                }
                same.needs.extend(package.needs);
            }
            _ => {
                known.insert(key, packages.len());
                packages.push(package);
            }
        }
    }
    finish(packages, manifest)
}

fn package(table: &Node, old: &BTreeMap<&str, &Node>, at: wellhead_core::Location) -> Option<Locked> {
    let name = table.get("name").and_then(Node::as_str)?;
    let version = table.get("version").and_then(Node::as_str).unwrap_or_default();
    let old = old.get(format!("{name} {version}").as_str()).copied();
    let files = table.get("files").or(old).map(Node::items).unwrap_or_default();
    let hashes = files
        .iter()
        .filter_map(|f| f.get("hash").and_then(Node::as_str).and_then(Digest::parse))
        .collect();
    let mut out = locked(table, Source::Registry { url: None }, hashes, at)?;
    let (stated, bucket) = (out.component.version.clone(), out.component.bucket.clone());
    if apply_source(&mut out.component, table) {
        // The version stands in the lock whether or not the address says it.
        out.component.version = stated;
        if matches!(out.component.source, Source::Url { .. }) {
            out.component.bucket = bucket;
        }
        if let (Source::Vcs { revision, .. }, Some(commit)) =
            (&mut out.component.source, shown(table.get("revision")))
        {
            *revision = Some(commit);
            out.component.bucket = Bucket::Unauditable {
                why: "a commit of a repository, which no advisory names".to_owned(),
            };
        }
    }
    let needs = table.get("dependencies");
    let listed = needs.map(Node::items).unwrap_or_default().iter();
    out.needs.extend(listed.filter_map(|d| {
        let requirement = Requirement::parse(d.as_str()?).ok()?;
        Some(normalise(&requirement.name)).filter(|n| *n != out.component.name)
    }));
    let tabled = needs.map(Node::entries).unwrap_or_default().iter();
    out.needs.extend(tabled.map(|e| normalise(&e.key)));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use proptest::prelude::*;

    const ALL: &str = r#"[metadata]
groups = ["default", "dev"]
lock_version = "4.5.0"

[[package]]
name = "aiohttp"
version = "3.9.1"
groups = ["default"]
marker = "python_version >= \"3.8\""
dependencies = ["aiosignal>=1.1.2", "async-timeout<5.0,>=4.0; python_version < \"3.11\""]
files = [{file = "aiohttp-3.9.1.tar.gz", hash = "sha256:ab"}]

[[package]]
name = "ray"
version = "2.9.0"
files = [{file = "ray.whl", hash = "sha256:cd"}]

[[package]]
name = "ray"
version = "2.9.0"
extras = ["serve"]
dependencies = ["ray==2.9.0", "aiohttp"]

[[package]]
name = "aiosignal"
version = "1.3.1"

[[package]]
name = "peft"
version = "0.8.0"
git = "https://git.example/peft.git"
ref = "main"
revision = "0123456789abcdef0123456789abcdef01234567"

[[package]]
name = "wheel-at-address"
version = "1.0"
url = "https://files.example/wheel_at_address-1.0-py3-none-any.whl"

[[package]]
name = "near"
version = "0.1"
path = "./near"
editable = true

[[package]]
version = "1"
"#;

    #[test]
    fn packages_are_read() {
        let m = read(&ArtifactPath::file("pdm.lock"), ALL, &mut Budget::default());
        insta::assert_snapshot!(shown(&m), @r#"
        6: pypi/aiohttp 3.9.1 exact hashes=1 ; python_version >= "3.8" via ray
        14: pypi/ray 2.9.0 exact hashes=1
        25: pypi/aiosignal 1.3.1 exact via aiohttp < ray
        29: pypi/peft 0.8.0 unauditable (a commit of a repository, which no advisory names) git https://git.example/peft.git Some("0123456789abcdef0123456789abcdef01234567")
        36: pypi/wheel-at-address 1.0 exact at https://files.example/wheel_at_address-1.0-py3-none-any.whl
        41: pypi/near 0.1 unauditable (a path of the project) path ./near true
        46: problem: a package without a name
        "#);
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..1_200, junk in "[\\[\\]{}=\",a1\n]{0,6}") {
            let mut text = ALL.to_owned();
            text.insert_str(at.min(ALL.len()), &junk);
            let _ = read(&ArtifactPath::file("pdm.lock"), &text, &mut Budget::default());
        }
    }
}
