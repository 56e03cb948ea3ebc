//! `Pipfile` and `Pipfile.lock` of Pipenv.
//!
//! Every table that is none of Pipenv's own is a category of packages: which ones there are is up to the project.

use super::{
    Manifest, ManifestKind,
    document::{Document, Syntax, paid, problem, shown},
    lock::cut_off,
    parts::{apply_source, bare, set_specifiers, unauditable},
    requirement::specifiers,
};
use crate::index::{Address, IndexEntry, IndexRole, Manager, TrustedHost};
use wellhead_core::{ArtifactPath, Budget, Digest, Source, code, escape};
use wellhead_formats::text::{Entry, Node, Value};

/// Tables of a `Pipfile` that hold no packages.
const OWN: &[&str] = &["source", "requires", "pipenv", "scripts", "build-system"];

/// Variables of markers that an entry may set by themselves: `sys_platform = "== 'linux'"`.
const MARKERS: &[&str] = &[
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
];

/// Reads a `Pipfile`.
pub(super) fn read(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let (document, mut manifest) = match Document::parse(ManifestKind::Pipfile, artifact, text, budget) {
        Ok(read) => read,
        Err(manifest) => return *manifest,
    };
    let root = &document.root;
    let all = root
        .path(&["pipenv", "install_search_all_sources"])
        .and_then(Node::as_bool)
        == Some(true);
    sources(&document, root.get("source"), all, &mut manifest);
    for category in root.entries() {
        if OWN.contains(&category.key.as_str()) {
            continue;
        }
        if !matches!(category.node.value, Value::Table(_)) {
            let at = document.entry(category, "");
            problem(
                &mut manifest,
                at,
                format!("{} is no table of packages", code(&category.key)),
            );
            continue;
        }
        for entry in category.node.entries() {
            if !paid(&mut manifest, budget, || document.entry(entry, "")) {
                return manifest;
            }
            wanted(&document, entry, &mut manifest);
        }
    }
    manifest
}

/// Reads a `Pipfile.lock`.
pub(super) fn read_lock(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let kind = ManifestKind::PipfileLock;
    let (document, mut manifest) = match Document::parse_as(Syntax::Json, kind, artifact, text, None, budget)
    {
        Ok(read) => read,
        Err(manifest) => return *manifest,
    };
    let root = &document.root;
    if !matches!(root.value, Value::Table(_)) {
        let at = document.at(root.span.clone(), "");
        problem(&mut manifest, at, "no table of packages");
    }
    if matches!(&root.value, Value::Table(entries) if entries.iter().all(|e| e.key != "_meta")) {
        cut_off(&document, "_meta", &mut manifest);
    }
    sources(&document, root.path(&["_meta", "sources"]), false, &mut manifest);
    for category in root.entries().iter().filter(|e| e.key != "_meta") {
        if !matches!(category.node.value, Value::Table(_)) {
            let at = document.entry(category, "");
            problem(
                &mut manifest,
                at,
                format!("{} is no table of packages", code(&category.key)),
            );
        }
        for entry in category.node.entries() {
            if !paid(&mut manifest, budget, || document.entry(entry, "")) {
                return manifest;
            }
            wanted(&document, entry, &mut manifest);
            // What the project asks for itself and what that asks for stand side by side.
            if let Some(component) = manifest.components.last_mut() {
                component.direct = None;
            }
        }
    }
    manifest
}

/// The first source is the default; others are asked only for packages that name them, unless all are searched.
fn sources(document: &Document<'_>, list: Option<&Node>, all: bool, out: &mut Manifest) {
    for (i, item) in list.map(Node::items).unwrap_or_default().iter().enumerate() {
        let Some(url) = item.get("url").and_then(Node::as_str) else {
            let at = document.at(item.span.clone(), "");
            problem(out, at, "a source without `url`");
            continue;
        };
        let span = item.get("url").unwrap_or(item).span.clone();
        let address = Address::new(url);
        if item.get("verify_ssl").and_then(Node::as_bool) == Some(false) {
            out.indexes.trusted_hosts.push(TrustedHost {
                host: escape(&address.host),
                declared: document.at(span.clone(), "its certificate is not checked"),
            });
        }
        out.indexes.entries.push(IndexEntry {
            manager: Manager::Pipenv,
            role: match (i, all) {
                (0, _) => IndexRole::Default,
                (_, true) => IndexRole::Extra,
                (_, false) => IndexRole::Explicit,
            },
            name: shown(item.get("name")),
            address,
            declared: document.at(span, "named here"),
        });
    }
}

/// One entry of either file: the lock differs only in that every version is exact and every file has its hash.
fn wanted(document: &Document<'_>, entry: &Entry, out: &mut Manifest) {
    let value = &entry.node;
    let at = document.at(entry.key_span.start..value.span.end.max(entry.key_span.end), "");
    let mut component = bare(&entry.key, at.clone());
    component.marker = marker(value);
    let hashes = value.get("hashes").map(Node::items).unwrap_or_default();
    component.hashes = hashes
        .iter()
        .filter_map(|h| h.as_str().and_then(Digest::parse))
        .collect();
    if let Some(index) = value.get("index").and_then(Node::as_str) {
        out.indexes.pinned.push((component.name.clone(), escape(index)));
        let named = out
            .indexes
            .entries
            .iter()
            .find(|e| e.name.as_deref() == Some(index));
        component.source = Source::Registry {
            url: named.map(|e| e.address.shown.clone()),
        };
    }
    if apply_source(&mut component, value) {
        let stated = value.get("version").and_then(Node::as_str);
        if let (Source::Url { .. }, Some(wanted)) = (&component.source, stated.and_then(specifiers)) {
            set_specifiers(&mut component, &wanted, stated.unwrap_or_default());
        }
        out.components.push(component);
        return;
    }
    let text = value
        .as_str()
        .or_else(|| value.get("version").and_then(Node::as_str));
    match (text.map(str::trim), &value.value) {
        (Some("*" | ""), _) | (None, Value::Table(_)) if out.kind == ManifestKind::Pipfile => {}
        (Some("*" | ""), _) | (None, Value::Table(_)) => {
            component.bucket = unauditable("no version is locked");
        }
        (Some(text), _) => match specifiers(text) {
            Some(wanted) => set_specifiers(&mut component, &wanted, text),
            None => {
                problem(out, at, format!("{} is no version specifier", code(text)));
                return;
            }
        },
        (None, _) => {
            problem(out, at, "names neither a version nor a source");
            return;
        }
    }
    out.components.push(component);
}

fn marker(value: &Node) -> Option<String> {
    let own = value.get("markers").and_then(Node::as_str).map(str::to_owned);
    let set = MARKERS.iter().filter_map(|key| {
        let text = value.get(key).and_then(Node::as_str)?;
        Some(format!("{key} {text}"))
    });
    let all: Vec<String> = own.into_iter().chain(set).collect();
    (!all.is_empty()).then(|| escape(&all.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use proptest::prelude::*;

    const PIPFILE: &str = r#"[[source]]
url = "https://u:hunter2@pypi.internal.example/simple"
verify_ssl = false
name = "internal"

[[source]]
url = "https://wheels.example/simple"
name = "wheels"

[packages]
requests = "*"
torch = {version = "==2.2.0", index = "wheels", extras = ["x"], sys_platform = "== 'linux'"}
numpy = ">=1.24,<2"
peft = {git = "https://git.example/peft.git", ref = "main"}
ssh = {git = "git@git.example:team/ssh.git"}
near = {path = "./near", editable = true}
file = {file = "https://files.example/file-1.0.tar.gz"}
any = {extras = ["y"]}
bare = "1.0"
list = [1]

[dev-packages]
pytest = "~=8.0"

[gpu]
vllm = "==0.5.0"

[requires]
python_version = "3.11"
"#;

    const LOCK: &str = r#"{"_meta": {"hash": {"sha256": "ab"}, "pipfile-spec": 6, "requires": {},
 "sources": [{"name": "pypi", "url": "https://pypi.internal.example/simple", "verify_ssl": true}]},
 "default": {
  "aiohttp": {"hashes": ["sha256:ab", "sha256:cd"], "index": "pypi", "markers": "python_version >= '3.8'", "version": "==3.9.1"},
  "peft": {"git": "https://git.example/peft.git", "ref": "0123456789abcdef0123456789abcdef01234567"},
  "near": {"editable": true, "path": "./near"},
  "open": {"version": "*"},
  "broken": 5
 },
 "develop": {"pytest": {"version": "==8.0.0"}},
 "odd": []
}"#;

    #[test]
    fn what_is_wanted_is_read() {
        let m = read(&ArtifactPath::file("Pipfile"), PIPFILE, &mut Budget::default());
        insta::assert_snapshot!(shown(&m), @r#"
        11: pypi/requests - unpinned direct
        12: pypi/torch 2.2.0 (==2.2.0) exact from https://wheels.example/simple ; sys_platform == 'linux' direct
        13: pypi/numpy - (>=1.24,<2) unpinned direct
        14: pypi/peft - unauditable (a branch or tag of a repository, which can move) git https://git.example/peft.git Some("main") direct
        15: pypi/ssh - unauditable (a repository at whatever its default branch is) git ssh://git.example/team/ssh.git None direct
        16: pypi/near - unauditable (a path of the project) path ./near true direct
        17: pypi/file 1.0 exact at https://files.example/file-1.0.tar.gz direct
        18: pypi/any - unpinned direct
        23: pypi/pytest - (~=8.0) unpinned direct
        26: pypi/vllm 0.5.0 (==0.5.0) exact direct
        19: problem: `1.0` is no version specifier
        20: problem: names neither a version nor a source
        2: index Pipenv Default https://pypi.internal.example/simple
        7: index Pipenv Explicit https://wheels.example/simple
        trusted: pypi.internal.example
        pinned: torch to wheels
        "#);
        assert!(!format!("{m:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_locked_is_read() {
        let m = read_lock(&ArtifactPath::file("Pipfile.lock"), LOCK, &mut Budget::default());
        insta::assert_snapshot!(shown(&m), @r#"
        4: pypi/aiohttp 3.9.1 (==3.9.1) exact from https://pypi.internal.example/simple hashes=2 ; python_version >= '3.8'
        5: pypi/peft - unauditable (a commit of a repository, which no advisory names) git https://git.example/peft.git Some("0123456789abcdef0123456789abcdef01234567")
        6: pypi/near - unauditable (a path of the project) path ./near true
        7: pypi/open - unauditable (no version is locked)
        10: pypi/pytest 8.0.0 (==8.0.0) exact
        8: problem: names neither a version nor a source
        11: problem: `odd` is no table of packages
        2: index Pipenv Default https://pypi.internal.example/simple
        pinned: aiohttp to pypi
        "#);
    }

    #[test]
    fn what_does_not_parse_is_a_problem() {
        for text in ["", "[]", "{", "null"] {
            let m = read_lock(&ArtifactPath::file("Pipfile.lock"), text, &mut Budget::default());
            assert_eq!(m.problems.len(), 1, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..900, junk in "[\\[\\]{}=:\",a1\n]{0,6}") {
            let mut text = PIPFILE.to_owned();
            text.insert_str(at.min(PIPFILE.len()), &junk);
            let _ = read(&ArtifactPath::file("Pipfile"), &text, &mut Budget::default());
            let mut text = LOCK.to_owned();
            text.insert_str(at.min(LOCK.len()), &junk);
            let _ = read_lock(&ArtifactPath::file("Pipfile.lock"), &text, &mut Budget::default());
        }
    }
}
