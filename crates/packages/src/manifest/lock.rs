//! `uv.lock`, `poetry.lock` and `pylock.toml`: every package with its exact version, and who asked for it.

use super::{
    Manifest, ManifestKind, ProjectFacts,
    document::{Document, paid, problem, shown},
    parts::unauditable,
};
use crate::{index::Address, name::normalise, version::parse};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wellhead_core::{
    ArtifactPath, Bucket, Budget, Component, ComponentKind, Digest, Ecosystem, Location, Source, escape,
};
use wellhead_formats::text::{Node, Value};

/// A locked package on its way into the manifest.
pub(super) struct Locked {
    pub(super) component: Component,
    /// Normal names of what it depends on.
    pub(super) needs: Vec<String>,
    /// Whether it is the project, or a member of its workspace.
    pub(super) root: bool,
}

/// Longest chain from a package to the project that is kept.
const MAX_CHAIN: usize = 12;

/// Reads `uv.lock`.
pub fn read_uv_lock(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    read(
        ManifestKind::UvLock,
        "package",
        artifact,
        text,
        budget,
        uv_package,
    )
}

/// Reads `poetry.lock`.
pub fn read_poetry_lock(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    read(
        ManifestKind::PoetryLock,
        "package",
        artifact,
        text,
        budget,
        poetry_package,
    )
}

/// Reads `pylock.toml`.
pub fn read_pylock(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    read(
        ManifestKind::Pylock,
        "packages",
        artifact,
        text,
        budget,
        pylock_package,
    )
}

/// Reads one package; the tables are those of `metadata.files`, by package.
type ReadPackage = fn(&Node, &BTreeMap<&str, &Node>, Location) -> Option<Locked>;

fn read(
    kind: ManifestKind,
    key: &str,
    artifact: &ArtifactPath,
    text: &str,
    budget: &mut Budget,
    package: ReadPackage,
) -> Manifest {
    let (document, mut manifest) = match Document::parse(kind, artifact, text, budget) {
        Ok(read) => read,
        Err(manifest) => return *manifest,
    };
    let mut packages = Vec::new();
    let root = &document.root;
    let old = root
        .path(&["metadata", "files"])
        .map(Node::entries)
        .unwrap_or_default();
    let old: BTreeMap<&str, &Node> = old.iter().map(|e| (e.key.as_str(), &e.node)).collect();
    // Until version 0.4 uv had another word for it.
    let listed = root.get(key).or_else(|| {
        (kind == ManifestKind::UvLock)
            .then(|| root.get("distribution"))
            .flatten()
    });
    match listed.map(|n| &n.value) {
        None | Some(Value::Array(_)) => {}
        Some(_) => {
            let at = document.at(root.span.clone(), "");
            problem(&mut manifest, at, format!("`{key}` is no list of packages"));
        }
    }
    if let Some(missing) = always(kind).iter().find(|key| root.get(key).is_none()) {
        cut_off(&document, missing, &mut manifest);
    }
    for table in listed.map(Node::items).unwrap_or_default() {
        if !paid(&mut manifest, budget, || document.at(table.span.clone(), "")) {
            break;
        }
        let at = document.package(table);
        match package(table, &old, at.clone()) {
            Some(locked) => packages.push(locked),
            None => problem(&mut manifest, at, "a package without a name"),
        }
    }
    finish(packages, manifest)
}

/// What every lock of a kind has, also one without a package. Poetry writes it last, and where it is missing the end of
/// the file is.
fn always(kind: ManifestKind) -> &'static [&'static str] {
    match kind {
        ManifestKind::UvLock => &["version"],
        ManifestKind::Pylock => &["lock-version", "packages"],
        _ => &["metadata"],
    }
}

/// Says that a lock lacks what every one of its kind has.
pub(super) fn cut_off(document: &Document<'_>, missing: &str, out: &mut Manifest) {
    let end = document.text().trim_end().len();
    let at = document.at(end..end, "the end of the file");
    problem(
        out,
        at,
        format!("there is no `{missing}`, so this is no whole lock and packages may be missing"),
    );
}

/// Joins the packages to their parents and takes out the project itself.
pub(super) fn finish(packages: Vec<Locked>, mut manifest: Manifest) -> Manifest {
    let parents = parents(&packages);
    let roots: BTreeSet<&str> = packages
        .iter()
        .filter(|p| p.root)
        .map(|p| p.component.name.as_str())
        .collect();
    if let Some(project) = packages.iter().find(|p| p.root) {
        manifest.project = Some(ProjectFacts {
            name: Some(project.component.name.clone()),
            library: false,
            members: roots.iter().map(|name| (*name).to_owned()).collect(),
        });
    }
    let asked: BTreeSet<&str> = packages
        .iter()
        .filter(|p| p.root)
        .flat_map(|p| p.needs.iter().map(String::as_str))
        .collect();
    let chains: Vec<(Option<bool>, Vec<String>)> = packages
        .iter()
        .map(|p| {
            let name = p.component.name.as_str();
            let direct = (!roots.is_empty()).then(|| asked.contains(name));
            (direct, chain(name, &parents))
        })
        .collect();
    for (locked, (direct, via)) in packages.into_iter().zip(chains) {
        if locked.root {
            continue;
        }
        let mut component = locked.component;
        component.direct = direct;
        component.via = via;
        manifest.components.push(component);
    }
    manifest
}

/// For each package the one through which it is reached first: breadth first from the project, or, where the lock does
/// not name one, from the packages that nobody asks for.
fn parents(packages: &[Locked]) -> BTreeMap<&str, &str> {
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for p in packages {
        let of = needs.entry(&p.component.name).or_default();
        of.extend(p.needs.iter().map(String::as_str));
    }
    let wanted: BTreeSet<&str> = packages
        .iter()
        .flat_map(|p| p.needs.iter().map(String::as_str))
        .collect();
    let any_root = packages.iter().any(|p| p.root);
    let mut queue: VecDeque<&str> = packages
        .iter()
        .filter(|p| {
            if any_root {
                p.root
            } else {
                !wanted.contains(p.component.name.as_str())
            }
        })
        .map(|p| p.component.name.as_str())
        .collect();
    let mut seen: BTreeSet<&str> = queue.iter().copied().collect();
    let mut parents = BTreeMap::new();
    while let Some(parent) = queue.pop_front() {
        for child in needs.get(parent).into_iter().flatten() {
            if seen.insert(child) {
                parents.insert(*child, parent);
                queue.push_back(child);
            }
        }
    }
    parents
}

fn chain(name: &str, parents: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut out = Vec::new();
    let mut at = name;
    while let Some(parent) = parents.get(at) {
        if out.len() >= MAX_CHAIN {
            break;
        }
        out.push((*parent).to_owned());
        at = parent;
    }
    out
}

pub(super) fn locked(table: &Node, source: Source, hashes: Vec<Digest>, at: Location) -> Option<Locked> {
    let written = table.get("name").and_then(Node::as_str)?;
    let version = shown(table.get("version"));
    let bucket = match (&source, &version) {
        (Source::Vcs { .. }, _) => unauditable("a commit of a repository, which no advisory names"),
        (Source::Path { .. }, _) => unauditable("a path of the project"),
        (_, Some(v)) if parse(v).is_some() => Bucket::Exact,
        (_, Some(_)) => unauditable("its version is none of PEP 440"),
        (_, None) => unauditable("no version is locked"),
    };
    Some(Locked {
        component: Component {
            kind: ComponentKind::Library,
            ecosystem: Ecosystem::PyPI,
            name: escape(&normalise(written)),
            written: escape(written),
            version,
            specifier: None,
            marker: shown(table.get("marker").or_else(|| table.get("markers"))),
            hashes,
            source,
            bucket,
            direct: None,
            via: Vec::new(),
            declared: at,
        },
        needs: Vec::new(),
        root: false,
    })
}

fn names(list: Option<&Node>) -> impl Iterator<Item = String> + '_ {
    list.map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|d| d.get("name").and_then(Node::as_str))
        .map(normalise)
}

fn uv_package(table: &Node, _: &BTreeMap<&str, &Node>, at: Location) -> Option<Locked> {
    let source = table.get("source");
    let text = |key: &str| source.and_then(|s| s.get(key)).and_then(Node::as_str);
    let path = |path: &str, editable| Source::Path {
        path: escape(path),
        editable,
    };
    // Before the tables, one text said both kind and address: `registry+https://…`.
    let old = source
        .and_then(Node::as_str)
        .and_then(|s| s.split_once('+'))
        .unwrap_or_default();
    let text = |key: &str| text(key).or_else(|| (old.0 == key).then_some(old.1));
    let found = if let Some(git) = text("git") {
        git_source(git)
    } else if let Some(url) = text("url").or_else(|| text("direct")) {
        Source::Url {
            url: Address::new(url).shown,
        }
    } else if let Some(at) = text("editable") {
        path(at, true)
    } else if let Some(at) = text("virtual")
        .or_else(|| text("directory"))
        .or_else(|| text("path"))
    {
        path(at, false)
    } else {
        Source::Registry {
            url: text("registry").map(|url| Address::new(url).shown),
        }
    };
    let files = table
        .get("wheels")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .chain(table.get("sdist"));
    let hashes = files
        .filter_map(|f| f.get("hash").and_then(Node::as_str).and_then(Digest::parse))
        .collect();
    let mut out = locked(table, found, hashes, at)?;
    out.root = text("virtual").is_some() || text("editable").is_some();
    // A wheel at a path has a version that advisories name.
    if text("path").is_some()
        && out
            .component
            .version
            .as_deref()
            .is_some_and(|v| parse(v).is_some())
    {
        out.component.bucket = Bucket::Exact;
    }
    out.needs.extend(names(table.get("dependencies")));
    for group in ["optional-dependencies", "dev-dependencies"] {
        for entry in table.get(group).map(Node::entries).unwrap_or_default() {
            out.needs.extend(names(Some(&entry.node)));
        }
    }
    Some(out)
}

/// `https://host/repo?tag=v1#commit`
pub(super) fn git_source(text: &str) -> Source {
    let (address, commit) = text.split_once('#').unwrap_or((text, ""));
    let (address, query) = address.split_once('?').unwrap_or((address, ""));
    let asked = query.split('&').find_map(|part| {
        part.split_once('=')
            .filter(|(key, _)| matches!(*key, "rev" | "tag" | "branch"))
    });
    let revision = if commit.is_empty() {
        asked.map(|(_, value)| value)
    } else {
        Some(commit)
    };
    Source::Vcs {
        url: Address::new(address).shown,
        revision: revision.map(escape),
    }
}

fn poetry_package(table: &Node, old: &BTreeMap<&str, &Node>, at: Location) -> Option<Locked> {
    let source = table.get("source");
    let text = |key: &str| source.and_then(|s| s.get(key)).and_then(Node::as_str);
    let url = text("url").unwrap_or_default();
    let found = match text("type") {
        Some("git") => Source::Vcs {
            url: Address::new(url).shown,
            revision: text("resolved_reference")
                .or_else(|| text("reference"))
                .map(escape),
        },
        Some("url") => Source::Url {
            url: Address::new(url).shown,
        },
        Some("directory") => Source::Path {
            path: escape(url),
            editable: table.get("develop").and_then(Node::as_bool) == Some(true),
        },
        Some("file") => Source::Path {
            path: escape(url),
            editable: false,
        },
        _ => Source::Registry {
            url: (!url.is_empty()).then(|| Address::new(url).shown),
        },
    };
    let name = table.get("name").and_then(Node::as_str).unwrap_or_default();
    // Until format 2.0 the files stood in a table of their own.
    let old = old.get(name).copied();
    let files = table.get("files").or(old);
    let hashes = files
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|f| f.get("hash").and_then(Node::as_str).and_then(Digest::parse))
        .collect();
    let mut out = locked(table, found, hashes, at)?;
    if text("type") == Some("file")
        && out
            .component
            .version
            .as_deref()
            .is_some_and(|v| parse(v).is_some())
    {
        out.component.bucket = Bucket::Exact;
    }
    let needs = table.get("dependencies").map(Node::entries).unwrap_or_default();
    out.needs.extend(needs.iter().map(|e| normalise(&e.key)));
    Some(out)
}

fn pylock_package(table: &Node, _: &BTreeMap<&str, &Node>, at: Location) -> Option<Locked> {
    let text = |table: Option<&Node>, key: &str| shown(table.and_then(|t| t.get(key)));
    let vcs = table.get("vcs");
    let archive = table.get("archive");
    let directory = table.get("directory");
    let address = |url: Option<String>| Address::new(&url.unwrap_or_default()).shown;
    let found = if vcs.is_some() {
        Source::Vcs {
            url: address(text(vcs, "url").or_else(|| text(vcs, "path"))),
            revision: text(vcs, "commit-id").or_else(|| text(vcs, "requested-revision")),
        }
    } else if directory.is_some() {
        Source::Path {
            path: text(directory, "path").unwrap_or_default(),
            editable: directory.and_then(|d| d.get("editable")).and_then(Node::as_bool) == Some(true),
        }
    } else if archive.is_some() {
        match text(archive, "url") {
            Some(url) => Source::Url {
                url: address(Some(url)),
            },
            None => Source::Path {
                path: text(archive, "path").unwrap_or_default(),
                editable: false,
            },
        }
    } else {
        Source::Registry {
            url: text(Some(table), "index").map(|url| address(Some(url))),
        }
    };
    let wheels = table.get("wheels").map(Node::items).unwrap_or_default();
    let files = wheels.iter().chain(table.get("sdist")).chain(archive);
    let hashes = files
        .flat_map(|f| f.get("hashes").map(Node::entries).unwrap_or_default())
        .filter_map(|e| Digest::parse(&format!("{}:{}", e.key, e.node.as_str()?)))
        .collect();
    let mut out = locked(table, found, hashes, at)?;
    out.needs.extend(names(table.get("dependencies")));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wellhead_core::Outcome;

    fn table(m: &Manifest) -> String {
        let rows: Vec<String> = m
            .components
            .iter()
            .map(|c| {
                let wellhead_core::Span::Text { start, .. } = &c.declared.span else {
                    panic!()
                };
                format!(
                    "{}: {} {} hashes={} direct={:?} via={} {:?} {:?}",
                    start.line,
                    c.name,
                    c.version.as_deref().unwrap_or("-"),
                    c.hashes.len(),
                    c.direct,
                    c.via.join(" < "),
                    c.source,
                    c.bucket
                )
            })
            .chain(m.problems.iter().map(|p| format!("problem: {}", p.message)))
            .collect();
        rows.join("\n")
    }

    fn file() -> ArtifactPath {
        ArtifactPath::file("a.lock")
    }

    const UV: &str = r#"version = 1

[[package]]
name = "acme"
version = "0.1.0"
source = { virtual = "." }
dependencies = [{ name = "train-kit" }, { name = "ours" }]

[package.dev-dependencies]
dev = [{ name = "pytest" }]

[[package]]
name = "train-kit"
version = "1.4"
source = { registry = "https://u:pw@index.example/simple" }
dependencies = [{ name = "torch" }]
sdist = { url = "https://files.example/t.tar.gz", hash = "sha256:ab" }

[[package]]
name = "torch"
version = "2.5.1+cu124"
source = { registry = "https://wheels.example/cu124" }
dependencies = [{ name = "train-kit" }]
wheels = [{ url = "https://files.example/torch.whl", hash = "sha256:cd" }]

[[package]]
name = "ours"
version = "3"
source = { git = "https://git.example/ours?tag=v3#0123456789abcdef0123456789abcdef01234567" }

[[package]]
name = "pytest"
version = "8.0"
source = { path = "vendor/pytest-8.0-py3-none-any.whl" }

[[package]]
version = "1"
"#;

    #[test]
    fn a_uv_lock_is_read() {
        let m = read_uv_lock(&file(), UV, &mut Budget::default());
        assert_eq!(m.project.as_ref().unwrap().name.as_deref(), Some("acme"));
        assert!(!format!("{m:?}").contains("pw@"));
        insta::assert_snapshot!(table(&m), @r#"
        13: train-kit 1.4 hashes=1 direct=Some(true) via=acme Registry { url: Some("https://index.example/simple") } Exact
        20: torch 2.5.1+cu124 hashes=1 direct=Some(false) via=train-kit < acme Registry { url: Some("https://wheels.example/cu124") } Exact
        27: ours 3 hashes=0 direct=Some(true) via=acme Vcs { url: "https://git.example/ours", revision: Some("0123456789abcdef0123456789abcdef01234567") } Unauditable { why: "a commit of a repository, which no advisory names" }
        32: pytest 8.0 hashes=0 direct=Some(true) via=acme Path { path: "vendor/pytest-8.0-py3-none-any.whl", editable: false } Exact
        problem: a package without a name
        "#);
    }

    #[test]
    fn a_poetry_lock_is_read() {
        let text = r#"[[package]]
name = "Flask_Thing"
version = "1.0"
files = [{ file = "a.whl", hash = "sha256:ab" }]

[package.dependencies]
Jinja2 = ">=3"

[package.source]
type = "legacy"
url = "https://pypi.internal.example/simple"
reference = "internal"

[[package]]
name = "jinja2"
version = "3.1.2"

[[package]]
name = "peft"
version = "0.9"
[package.source]
type = "git"
url = "https://git.example/peft.git"
reference = "main"
resolved_reference = "0123456789abcdef0123456789abcdef01234567"

[metadata.files]
jinja2 = [{ file = "j.whl", hash = "sha256:cd" }]
"#;
        insta::assert_snapshot!(table(&read_poetry_lock(&file(), text, &mut Budget::default())), @r#"
        2: flask-thing 1.0 hashes=1 direct=None via= Registry { url: Some("https://pypi.internal.example/simple") } Exact
        15: jinja2 3.1.2 hashes=1 direct=None via=flask-thing Registry { url: None } Exact
        19: peft 0.9 hashes=0 direct=None via= Vcs { url: "https://git.example/peft.git", revision: Some("0123456789abcdef0123456789abcdef01234567") } Unauditable { why: "a commit of a repository, which no advisory names" }
        "#);
    }

    #[test]
    fn a_pylock_is_read() {
        let text = r#"lock-version = "1.0"
[[packages]]
name = "torch"
version = "2.2.0"
marker = "sys_platform == 'linux'"
index = "https://index.example/simple"
wheels = [{ url = "https://files.example/t.whl", hashes = { sha256 = "ab", sha512 = "cd" } }]

[[packages]]
name = "a"
archive = { url = "https://files.example/a-1.zip", hashes = { sha256 = "ef" } }

[[packages]]
name = "b"
vcs = { type = "git", url = "https://git.example/b", commit-id = "0123456789abcdef0123456789abcdef01234567" }

[[packages]]
name = "c"
directory = { path = "c", editable = true }
"#;
        insta::assert_snapshot!(table(&read_pylock(&file(), text, &mut Budget::default())), @r#"
        3: torch 2.2.0 hashes=2 direct=None via= Registry { url: Some("https://index.example/simple") } Exact
        10: a - hashes=1 direct=None via= Url { url: "https://files.example/a-1.zip" } Unauditable { why: "no version is locked" }
        14: b - hashes=0 direct=None via= Vcs { url: "https://git.example/b", revision: Some("0123456789abcdef0123456789abcdef01234567") } Unauditable { why: "a commit of a repository, which no advisory names" }
        18: c - hashes=0 direct=None via= Path { path: "c", editable: true } Unauditable { why: "a path of the project" }
        "#);
    }

    #[test]
    fn what_is_no_toml_says_where() {
        let m = read_uv_lock(&file(), "version = 1\n[[package]\n", &mut Budget::default());
        assert!(matches!(m.outcome, Outcome::NotAnalysed { .. }));
        let wellhead_core::Span::Text { start, .. } = &m.problems[0].at.span else {
            panic!()
        };
        assert_eq!(start.line, 2);
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            for read in [read_uv_lock, read_poetry_lock, read_pylock] {
                let _ = read(&file(), &text, &mut Budget::default());
            }
        }

        #[test]
        fn damage_never_panics(at in 0usize..1_000, junk in "[\\[\\]{}=\",a1\n]{0,6}") {
            let mut text = UV.to_owned();
            text.insert_str(at.min(UV.len()), &junk);
            let _ = read_uv_lock(&file(), &text, &mut Budget::default());
        }
    }
}
