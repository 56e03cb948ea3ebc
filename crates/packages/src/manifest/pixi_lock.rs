//! `pixi.lock`, formats 1 to 7.
//!
//! Since the fourth format packages stand once, and environments name those they take by address. A package that an
//! environment takes and that the list does not hold is still one that gets installed, so it is read from its address.
//! Since the seventh some are built from a recipe; what they are built with stands in the list like everything else.

use super::{
    Manifest, ManifestKind, conda_lock,
    document::{Document, Syntax, paid, problem, shown},
    lock::{Locked, finish, git_source},
    matchspec::from_address,
    parts::{above, bare, bare_conda, set_version, unauditable},
    requirement::Requirement,
    source::{is_commit, place},
};
use crate::{
    index::{Address, IndexEntry, IndexRole, Manager},
    name::normalise,
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Budget, Component, Digest, Location, Source, code, escape};
use wellhead_formats::text::{Node, Value};

/// Newest format that is understood.
const NEWEST: i64 = 7;

/// Reads `pixi.lock`.
pub(super) fn read(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let kind = ManifestKind::PixiLock;
    let (document, mut manifest) = match Document::parse_as(Syntax::Yaml, kind, artifact, text, None, budget)
    {
        Ok(read) => read,
        Err(manifest) => return *manifest,
    };
    let root = &document.root;
    let version = root.get("version");
    match version.and_then(Node::as_i64) {
        Some(1..=3) => return conda_lock::packages(&document, manifest, budget),
        Some(4..=NEWEST) => {}
        found => {
            let at = document.at(version.unwrap_or(root).span.clone(), "");
            let message = match found {
                Some(n) => format!("format {n} is not known, so entries may be missed"),
                None => "no format of a lock is named".to_owned(),
            };
            problem(&mut manifest, at, message);
        }
    }
    sources(&document, &mut manifest);
    let mut reader = Reader {
        document: &document,
        taken: taken(root),
        seen: BTreeSet::new(),
    };
    let listed = root.get("packages");
    if !matches!(listed.map(|n| &n.value), Some(Value::Array(_))) {
        let at = document.at(root.span.clone(), "");
        problem(&mut manifest, at, "there is no list of packages");
    }
    let mut out = Vec::new();
    for table in listed.map(Node::items).unwrap_or_default() {
        if !paid(&mut manifest, budget, || document.at(table.span.clone(), "")) {
            return finish(out, manifest);
        }
        match reader.package(table) {
            Some(package) => out.push(package),
            None => {
                let at = document.at(table.span.clone(), "");
                problem(&mut manifest, at, "a package without a name or an address");
            }
        }
    }
    // What only environments name.
    let rest: Vec<(&str, Taken<'_>)> = reader
        .taken
        .iter()
        .filter(|(address, _)| !reader.seen.contains(**address))
        .map(|(address, taken)| (*address, taken.clone()))
        .collect();
    for (address, taken) in rest {
        if !paid(&mut manifest, budget, || document.at(taken.node.span.clone(), "")) {
            break;
        }
        let at = document.at(taken.node.span.clone(), "");
        match from_reference(address, &taken, at.clone()) {
            Some(component) => out.push(Locked {
                component,
                needs: Vec::new(),
                root: false,
            }),
            None => problem(&mut manifest, at, format!("{} names no package", code(address))),
        }
    }
    finish(out, manifest)
}

/// An address that environments take, and for which platforms.
#[derive(Clone)]
struct Taken<'a> {
    form: Form,
    node: &'a Node,
    platforms: BTreeSet<&'a str>,
}

fn taken(root: &Node) -> BTreeMap<&str, Taken<'_>> {
    let mut out: BTreeMap<&str, Taken<'_>> = BTreeMap::new();
    for environment in root.get("environments").map(Node::entries).unwrap_or_default() {
        let platforms = environment
            .node
            .get("packages")
            .map(Node::entries)
            .unwrap_or_default();
        for platform in platforms {
            for item in platform.node.items() {
                let Some((form, node)) = reference(item) else {
                    continue;
                };
                let Some(address) = node.as_str() else { continue };
                let entry = out.entry(address).or_insert_with(|| Taken {
                    form,
                    node,
                    platforms: BTreeSet::new(),
                });
                entry.platforms.insert(platform.key.as_str());
            }
        }
    }
    out
}

/// What an address is the address of.
#[derive(Clone, Copy)]
enum Form {
    /// A package of a channel.
    Conda,
    /// A package that a recipe builds: `name[variant] @ place`.
    Recipe,
    /// A file or folder for pip.
    Pypi,
}

/// `conda: …`, `conda_source: …` or `pypi: …`.
fn reference(item: &Node) -> Option<(Form, &Node)> {
    let forms = [
        ("conda", Form::Conda),
        ("conda_source", Form::Recipe),
        ("pypi", Form::Pypi),
    ];
    forms
        .into_iter()
        .find_map(|(key, form)| Some((form, item.get(key)?)))
}

fn sources(document: &Document<'_>, out: &mut Manifest) {
    let mut seen = BTreeSet::new();
    for environment in document
        .root
        .get("environments")
        .map(Node::entries)
        .unwrap_or_default()
    {
        let list = |key: &str| environment.node.get(key).map(Node::items).unwrap_or_default();
        for (i, node) in list("channels").iter().enumerate() {
            let of = node.get("url").unwrap_or(node);
            if let Some(url) = of.as_str().filter(|url| seen.insert((true, *url))) {
                let declared = document.at(of.span.clone(), "named here");
                let mut entry = conda_lock::entry(i, url, declared);
                entry.manager = Manager::Pixi;
                out.indexes.entries.push(entry);
            }
        }
        for (i, node) in list("indexes").iter().enumerate() {
            if let Some(url) = node.as_str().filter(|url| seen.insert((false, *url))) {
                out.indexes.entries.push(IndexEntry {
                    manager: Manager::Pixi,
                    role: if i == 0 {
                        IndexRole::Default
                    } else {
                        IndexRole::Extra
                    },
                    name: None,
                    address: Address::new(url),
                    declared: document.at(node.span.clone(), "named here"),
                });
            }
        }
    }
}

struct Reader<'a> {
    document: &'a Document<'a>,
    taken: BTreeMap<&'a str, Taken<'a>>,
    seen: BTreeSet<&'a str>,
}

impl<'a> Reader<'a> {
    fn package(&mut self, table: &'a Node) -> Option<Locked> {
        let text = |key: &str| table.get(key).and_then(Node::as_text);
        let kind = table.get("kind").and_then(Node::as_str);
        let (form, address) = match (kind, reference(table)) {
            (Some("conda"), _) => (Form::Conda, text("url").or_else(|| text("path"))),
            (Some("pypi"), _) => (Form::Pypi, text("url").or_else(|| text("path"))),
            (_, Some((form, node))) => (form, node.as_str()),
            _ => return None,
        };
        let address = address?;
        let at = match (reference(table), table.get("name")) {
            (None, Some(_)) => self.document.package(table),
            (Some((_, node)), _) => self.document.at(node.span.clone(), ""),
            _ => self.document.at(table.span.clone(), ""),
        };
        self.seen.insert(address);
        let name = text("name");
        let version = text("version");
        let mut component = match form {
            Form::Conda => conda_package(name, version, address, at)?,
            Form::Recipe => built_package(version, address, at)?,
            Form::Pypi => pypi_package(name, version, address, table, at),
        };
        for key in ["sha256", "md5"] {
            let stated = text(key).and_then(|hex| Digest::parse(&format!("{key}:{hex}")));
            component.hashes.extend(stated);
        }
        component.direct = None;
        if let Some(taken) = self.taken.get(address) {
            let platforms: Vec<&str> = taken.platforms.iter().copied().collect();
            component.marker = Some(escape(&platforms.join(", ")));
        }
        let list = |key: &str| table.get(key).map(Node::items).unwrap_or_default().iter();
        let conda_needs =
            list("depends").filter_map(|n| n.as_str()?.split_whitespace().next().map(normalise));
        let pypi_needs = list("requires_dist").filter_map(|n| {
            let requirement = Requirement::parse(n.as_str()?).ok()?;
            // The lock does not say which extras were asked for, so none is taken for a reason.
            let of_an_extra = requirement.marker.as_deref().is_some_and(names_extra);
            (!of_an_extra).then(|| normalise(&requirement.name))
        });
        Some(Locked {
            needs: conda_needs.chain(pypi_needs).collect(),
            component,
            root: false,
        })
    }
}

fn conda_package(
    name: Option<&str>,
    version: Option<&str>,
    address: &str,
    at: Location,
) -> Option<Component> {
    let from_file = from_address(address, at.clone());
    let (Some(name), found) = (name, &from_file) else {
        return from_file;
    };
    let mut component = bare_conda(name, at);
    match version
        .map(str::to_owned)
        .or_else(|| found.as_ref()?.version.clone())
    {
        Some(version) => set_version(&mut component, &version),
        None => component.bucket = unauditable("no version is locked"),
    }
    component.source = match found {
        Some(found) => found.source.clone(),
        None if address.contains("://") => Source::Registry {
            url: above(&Address::new(address).shown, 2),
        },
        None => Source::Path {
            path: escape(address),
            editable: false,
        },
    };
    Some(component)
}

/// Whether a marker asks for an extra of the package.
fn names_extra(marker: &str) -> bool {
    marker
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|word| word == "extra")
}

/// `name[variant] @ place`, a package that is built from the recipe at that place.
fn built_package(version: Option<&str>, address: &str, at: Location) -> Option<Component> {
    let (head, from) = address.split_once(" @ ")?;
    let name = head.split('[').next().unwrap_or_default().trim();
    let from = from.trim();
    if name.is_empty() || from.is_empty() {
        return None;
    }
    let mut component = bare_conda(name, at);
    let (source, why) = match from.strip_prefix("git+") {
        Some(git) => of_git(git),
        None => {
            let found = place(from, false);
            (found.source, found.why)
        }
    };
    component.version = version.map(escape);
    component.bucket = unauditable(why);
    component.source = source;
    Some(component)
}

/// A repository, and why no advisory names what it holds.
fn of_git(address: &str) -> (Source, &'static str) {
    let source = git_source(address);
    let why = match &source {
        Source::Vcs {
            revision: Some(revision),
            ..
        } if is_commit(revision) => "a commit of a repository, which no advisory names",
        Source::Vcs {
            revision: Some(_), ..
        } => "a branch or tag of a repository, which can move",
        _ => "a repository at whatever its default branch is",
    };
    (source, why)
}

fn pypi_package(
    name: Option<&str>,
    version: Option<&str>,
    address: &str,
    table: &Node,
    at: Location,
) -> Component {
    let editable = table.get("editable").and_then(Node::as_bool) == Some(true);
    let found = place(address, editable);
    let shown_name = name
        .map(str::to_owned)
        .or(found.name)
        .unwrap_or_else(|| escape(address));
    let mut component = bare(&shown_name, at);
    match (&found.source, version.map(str::to_owned).or(found.version)) {
        (Source::Url { .. }, Some(version)) => {
            set_version(&mut component, &version);
            // Which index the file came from is said for the whole environment.
            component.source = Source::Registry { url: None };
        }
        (_, version) => {
            component.version = version.map(|v| escape(&v));
            component.bucket = unauditable(found.why);
            component.source = found.source;
            if let Some(git) = address.strip_prefix("git+") {
                let (source, why) = of_git(git);
                component.source = source;
                component.bucket = unauditable(why);
            }
        }
    }
    component
}

fn from_reference(address: &str, taken: &Taken<'_>, at: Location) -> Option<Component> {
    let mut component = match taken.form {
        Form::Conda => from_address(address, at)?,
        Form::Recipe => built_package(None, address, at)?,
        Form::Pypi => pypi_package(None, None, address, &Node::new(0..0, Value::Null), at),
    };
    let platforms: Vec<&str> = taken.platforms.iter().copied().collect();
    component.direct = None;
    component.marker = shown(Some(&Node::new(0..0, Value::String(platforms.join(", ")))));
    Some(component)
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use proptest::prelude::*;

    const SIX: &str = r#"version: 6
environments:
  default:
    channels:
    - url: https://conda.example/conda-forge/
    indexes:
    - https://u:hunter2@index.example/simple
    packages:
      linux-64:
      - conda: https://conda.example/conda-forge/linux-64/numpy-1.24.0-py311_0.conda
      - pypi: https://files.example/torch-2.2.0-cp311-cp311-manylinux1_x86_64.whl
      - pypi: ./near
      osx-arm64:
      - pypi: https://files.example/torch-2.2.0-cp311-cp311-manylinux1_x86_64.whl
      - conda: https://conda.example/conda-forge/osx-arm64/only-in-environment-1.0-0.conda
      - conda: nothing
packages:
- conda: https://conda.example/conda-forge/linux-64/numpy-1.24.0-py311_0.conda
  sha256: aaaa
  md5: bbbb
  depends:
  - python >=3.11,<3.12.0a0
- pypi: https://files.example/torch-2.2.0-cp311-cp311-manylinux1_x86_64.whl
  name: torch
  version: 2.2.0
  sha256: cccc
  requires_dist:
  - filelock>=3
- pypi: ./near
  name: near
  version: 0.1.0
  editable: true
- pypi: git+https://git.example/peft.git?rev=main#0123456789abcdef0123456789abcdef01234567
  name: peft
  version: 0.8.0
- other: 1
"#;

    const SEVEN: &str = r#"version: 7
platforms:
- name: linux-64
  virtual-packages:
  - __glibc=2.28
environments:
  default:
    channels:
    - url: https://conda.example/conda-forge/
    packages:
      linux-64:
      - conda_source: acme-core[07415ef2] @ .
      - conda_source: acme-run[8dd45b28] @ git+https://git.example/run#777f555d99598274105459db9337de7e3c863f14
      - conda_source: acme-late[00000000] @ recipes/late
      - pypi: https://files.example/pillow-12.0.0-cp312-cp312-manylinux_2_28_x86_64.whl
packages:
- conda: https://conda.example/conda-forge/linux-64/setuptools-82.0.1-pyh332efcf_0.conda
  sha256: aaaa
- conda_source: acme-core[07415ef2] @ .
  variants:
    target_platform: noarch
  depends:
  - acme-run >=1
  host_packages:
  - conda: https://conda.example/conda-forge/linux-64/setuptools-82.0.1-pyh332efcf_0.conda
- conda_source: acme-run[8dd45b28] @ git+https://git.example/run#777f555d99598274105459db9337de7e3c863f14
  version: 1.2.0
- conda_source: acme-tip[8dd45b29] @ git+https://git.example/tip?branch=main
- conda_source: '[8dd45b29] @ .'
- pypi: https://files.example/pillow-12.0.0-cp312-cp312-manylinux_2_28_x86_64.whl
  name: pillow
  version: 12.0.0
  sha256: cccc
  requires_dist:
  - defusedxml
  - pyarrow ; extra == 'test-arrow'
"#;

    const FOUR: &str = r#"version: 4
environments:
  default:
    channels:
    - url: https://conda.example/conda-forge/
    packages:
      linux-64:
      - conda: https://conda.example/conda-forge/linux-64/python-3.12.2-hab00c5b_0.conda
packages:
- kind: conda
  name: python
  version: 3.12.2
  build: hab00c5b_0
  subdir: linux-64
  url: https://conda.example/conda-forge/linux-64/python-3.12.2-hab00c5b_0.conda
  sha256: aaaa
  depends:
  - openssl >=3.2
- kind: pypi
  name: torch
  version: 2.2.0
  url: https://files.example/torch-2.2.0-cp311-cp311-manylinux1_x86_64.whl
  sha256: cccc
- kind: pypi
  name: near
  version: 0.1.0
  path: ./near
  editable: true
"#;

    fn of(text: &str) -> Manifest {
        read(&ArtifactPath::file("pixi.lock"), text, &mut Budget::default())
    }

    #[test]
    fn the_sixth_format_is_read() {
        let m = of(SIX);
        insta::assert_snapshot!(shown(&m), @r#"
        18: conda/numpy 1.24.0 exact from https://conda.example/conda-forge hashes=2 ; linux-64
        23: pypi/torch 2.2.0 exact hashes=1 ; linux-64, osx-arm64
        29: pypi/near 0.1.0 unauditable (a path of the project) path ./near true ; linux-64
        33: pypi/peft 0.8.0 unauditable (a commit of a repository, which no advisory names) git https://git.example/peft.git Some("0123456789abcdef0123456789abcdef01234567")
        15: conda/only-in-environment 1.0 exact from https://conda.example/conda-forge ; osx-arm64
        36: problem: a package without a name or an address
        16: problem: `nothing` names no package
        5: index Pixi Default https://conda.example/conda-forge/
        7: index Pixi Default https://index.example/simple
        "#);
        assert!(!format!("{m:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_built_from_a_recipe_is_told_by_where_the_recipe_is() {
        insta::assert_snapshot!(shown(&of(SEVEN)), @r#"
        17: conda/setuptools 82.0.1 exact from https://conda.example/conda-forge hashes=1
        19: conda/acme-core - unauditable (a path of the project) path . false ; linux-64
        26: conda/acme-run 1.2.0 unauditable (a commit of a repository, which no advisory names) git https://git.example/run Some("777f555d99598274105459db9337de7e3c863f14") ; linux-64 via acme-core
        28: conda/acme-tip - unauditable (a branch or tag of a repository, which can move) git https://git.example/tip Some("main")
        30: pypi/pillow 12.0.0 exact hashes=1 ; linux-64
        14: conda/acme-late - unauditable (a path of the project) path recipes/late false ; linux-64
        29: problem: a package without a name or an address
        9: index Pixi Default https://conda.example/conda-forge/
        "#);
    }

    #[test]
    fn what_only_an_extra_asks_for_is_needed_by_nobody() {
        for (marker, asks) in [
            ("extra == 'test-arrow'", true),
            ("python_version >= '3.10' and extra=='x'", true),
            ("python_version >= '3.10'", false),
            ("sys_platform == 'extras'", false),
        ] {
            assert_eq!(names_extra(marker), asks, "{marker}");
        }
        let needs = |marker: &str| {
            let both = SEVEN.replace("  - defusedxml\n", &format!("  - torch{marker}\n"));
            let torch = "- conda: https://conda.example/conda-forge/linux-64/torch-2.2.0-0.conda\n";
            let m = of(&format!("{both}{torch}"));
            let torch = m.components.into_iter().find(|c| c.name == "torch").unwrap();
            !torch.via.is_empty()
        };
        assert!(needs("") && !needs(" ; extra == 'test-arrow'"));
    }

    #[test]
    fn the_fourth_and_fifth_formats_are_read() {
        insta::assert_snapshot!(shown(&of(FOUR)), @"
        11: conda/python 3.12.2 exact from https://conda.example/conda-forge hashes=1 ; linux-64
        20: pypi/torch 2.2.0 exact hashes=1
        25: pypi/near 0.1.0 unauditable (a path of the project) path ./near true
        5: index Pixi Default https://conda.example/conda-forge/
        ");
        assert_eq!(
            shown(&of(&FOUR.replace("version: 4", "version: 5"))),
            shown(&of(FOUR))
        );
    }

    #[test]
    fn older_and_newer_formats_are_not_passed_over() {
        let old = "version: 3\nmetadata:\n  content_hash: {}\npackage:\n- {name: torch, version: 2.2.0, manager: pypi, platform: linux-64, dependencies: [filelock], url: 'https://files.example/t.whl'}\n";
        assert_eq!(of(old).components.len(), 1);
        let new = FOUR.replace("version: 4", "version: 8");
        assert_eq!((of(&new).components.len(), of(&new).problems.len()), (3, 1));
        assert_eq!(of("packages: 5\n").problems.len(), 2);
        assert_eq!(of("a: [\n").problems.len(), 1);
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..1_500, junk in "[\\[\\]{}:&*=\"#a1\n -]{0,6}") {
            let mut text = SIX.to_owned();
            text.insert_str(at.min(SIX.len()), &junk);
            let _ = of(&text);
        }
    }
}
