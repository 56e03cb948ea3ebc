//! `pyproject.toml`: PEP 621, PEP 735, and the tables of uv, Poetry, PDM and Hatch.

use super::{
    Manifest, ManifestKind, ProjectFacts,
    document::{Document, problem, shown},
    poetry::{Constraint, constraint},
    requirement::Requirement,
    requirements::from_requirement,
    source::{Place, place},
};
use crate::{
    index::{Address, IndexEntry, IndexRole, Manager, Strategy},
    name::normalise,
    version::parse,
};
use wellhead_core::{
    ArtifactPath, Bucket, Budget, Component, ComponentKind, Ecosystem, Outcome, Source, code, escape,
};
use wellhead_formats::text::{Entry, Node, Value};

/// Reads `pyproject.toml`.
pub fn read_pyproject(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let (document, manifest) = match Document::parse(ManifestKind::Pyproject, artifact, text, budget) {
        Ok(read) => read,
        Err(manifest) => return *manifest,
    };
    let mut reader = Reader {
        document: &document,
        out: manifest,
    };
    reader.project();
    if let Err(e) = budget.steps(text.len() as u64) {
        reader.out.outcome = Outcome::Partly { why: e.to_string() };
        return reader.out;
    }
    reader.standard();
    reader.tools();
    reader.poetry();
    reader.indexes();
    reader.uv_sources();
    reader.out
}

struct Reader<'a> {
    document: &'a Document<'a>,
    out: Manifest,
}

impl<'a> Reader<'a> {
    fn get(&self, route: &[&str]) -> Option<&'a Node> {
        self.document.root.path(route)
    }

    fn entries(&self, route: &[&str]) -> &'a [Entry] {
        self.get(route).map(Node::entries).unwrap_or_default()
    }

    fn flag(&self, route: &[&str]) -> Option<bool> {
        self.get(route).and_then(Node::as_bool)
    }

    fn project(&mut self) {
        let name = self
            .get(&["project", "name"])
            .or_else(|| self.get(&["tool", "poetry", "name"]))
            .and_then(Node::as_str)
            .map(|n| escape(&normalise(n)));
        let private = self
            .get(&["project", "classifiers"])
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .any(|c| c.as_str().is_some_and(|c| c.starts_with("Private ::")));
        let library = name.is_some()
            && !private
            && self.get(&["build-system"]).is_some()
            && self.flag(&["tool", "uv", "package"]) != Some(false)
            && self.flag(&["tool", "poetry", "package-mode"]) != Some(false);
        if name.is_some() {
            self.out.project = Some(ProjectFacts { name, library });
        }
    }

    /// The lists that hold requirements of PEP 508.
    fn standard(&mut self) {
        self.list(self.get(&["project", "dependencies"]));
        for route in [
            &["project", "optional-dependencies"][..],
            &["dependency-groups"],
            &["tool", "pdm", "dev-dependencies"],
        ] {
            for group in self.entries(route) {
                self.list(Some(&group.node));
            }
        }
        // What builds the project is not what it runs with: nobody pins it, and every build asks anew.
        let before = self.out.components.len();
        self.list(self.get(&["build-system", "requires"]));
        for component in self.out.components.iter_mut().skip(before) {
            component.direct = None;
        }
        for key in [
            "dev-dependencies",
            "constraint-dependencies",
            "override-dependencies",
        ] {
            self.list(self.get(&["tool", "uv", key]));
        }
    }

    fn tools(&mut self) {
        for environment in self.entries(&["tool", "hatch", "envs"]) {
            for key in ["dependencies", "extra-dependencies"] {
                self.list(environment.node.get(key));
            }
        }
    }

    fn list(&mut self, list: Option<&Node>) {
        for item in list.map(Node::items).unwrap_or_default() {
            let at = self.document.at(item.span.clone(), "");
            match &item.value {
                Value::String(text) => match Requirement::parse(text) {
                    Ok(r) => {
                        let mut component = from_requirement(&r, at);
                        component.direct = Some(true);
                        self.out.components.push(component);
                    }
                    Err(why) => {
                        let message = format!("{} is no requirement: {why}", code(text));
                        problem(&mut self.out, at, message);
                    }
                },
                // `{include-group = "test"}`: the group is read where it stands.
                Value::Table(_) if item.get("include-group").is_some() => {}
                _ => problem(&mut self.out, at, "neither a requirement nor an `include-group`"),
            }
        }
    }

    fn poetry(&mut self) {
        let mut tables: Vec<&'a [Entry]> = vec![
            self.entries(&["tool", "poetry", "dependencies"]),
            self.entries(&["tool", "poetry", "dev-dependencies"]),
        ];
        for group in self.entries(&["tool", "poetry", "group"]) {
            tables.push(
                group
                    .node
                    .get("dependencies")
                    .map(Node::entries)
                    .unwrap_or_default(),
            );
        }
        for entry in tables.into_iter().flatten() {
            if normalise(&entry.key) == "python" {
                continue;
            }
            match &entry.node.value {
                // One entry per platform or Python.
                Value::Array(items) => items.iter().for_each(|item| self.poetry_entry(entry, item)),
                _ => self.poetry_entry(entry, &entry.node),
            }
        }
    }

    fn poetry_entry(&mut self, entry: &Entry, value: &Node) {
        let at = if value.span == entry.node.span {
            self.document.entry(entry, "")
        } else {
            self.document.at(value.span.clone(), "")
        };
        let mut component = bare(&entry.key, at.clone());
        component.marker = shown(value.get("markers"));
        if let Some(index) = value.get("source").and_then(Node::as_str) {
            let pin = (component.name.clone(), escape(index));
            self.out.indexes.pinned.push(pin);
        }
        if apply_source(&mut component, value) {
            self.out.components.push(component);
            return;
        }
        let text = value
            .as_str()
            .or_else(|| value.get("version").and_then(Node::as_str));
        let Some(text) = text else {
            problem(&mut self.out, at, "names neither a version nor a source");
            return;
        };
        component.specifier = Some(escape(text));
        match constraint(text) {
            Some(Constraint::Exact(version)) => {
                component.version = Some(escape(&version));
                component.bucket = Bucket::Exact;
            }
            Some(Constraint::Range(range)) => {
                if let Some(range) = range {
                    component.specifier = Some(escape(&range.to_string())).filter(|s| !s.is_empty());
                }
            }
            None => {
                problem(
                    &mut self.out,
                    at,
                    format!("{} is no version constraint", code(text)),
                );
                return;
            }
        }
        self.out.components.push(component);
    }

    /// `tool.uv.sources` overrides where a declared package comes from.
    fn uv_sources(&mut self) {
        for entry in self.entries(&["tool", "uv", "sources"]) {
            let name = normalise(&entry.key);
            let values: Vec<&Node> = match &entry.node.value {
                Value::Array(items) => items.iter().collect(),
                _ => vec![&entry.node],
            };
            for value in &values {
                if let Some(index) = value.get("index").and_then(Node::as_str) {
                    self.out.indexes.pinned.push((escape(&name), escape(index)));
                }
            }
            // With several entries a marker decides, and what the lock says is what counts.
            let [value] = values.as_slice() else { continue };
            for component in self.out.components.iter_mut().filter(|c| c.name == name) {
                if value.get("workspace").and_then(Node::as_bool) == Some(true) {
                    component.source = Source::Path {
                        path: ".".to_owned(),
                        editable: true,
                    };
                    component.bucket = Bucket::Unauditable {
                        why: "a member of the workspace".to_owned(),
                    };
                    component.version = None;
                } else if !matches!(component.source, Source::Path { .. }) {
                    apply_source(component, value);
                }
            }
        }
    }

    fn indexes(&mut self) {
        for table in [&["tool", "uv"][..], &["tool", "uv", "pip"]] {
            self.uv_indexes(table);
        }
        for item in self
            .get(&["tool", "poetry", "source"])
            .map(Node::items)
            .unwrap_or_default()
        {
            let role = match item.get("priority").and_then(Node::as_str) {
                Some("supplemental") => IndexRole::Supplemental,
                Some("explicit") => IndexRole::Explicit,
                Some("default") => IndexRole::Default,
                Some("secondary") => IndexRole::Extra,
                _ if item.get("secondary").and_then(Node::as_bool) == Some(true) => IndexRole::Extra,
                // One primary source takes the place of the public index.
                _ => IndexRole::Default,
            };
            self.index(Manager::Poetry, role, item);
        }
        for item in self
            .get(&["tool", "pdm", "source"])
            .map(Node::items)
            .unwrap_or_default()
        {
            let role = match item.get("name").and_then(Node::as_str) {
                Some("pypi") => IndexRole::Default,
                _ if item.get("type").and_then(Node::as_str) == Some("find_links") => IndexRole::FindLinks,
                _ => IndexRole::Extra,
            };
            self.index(Manager::Pdm, role, item);
            if item.get("verify_ssl").and_then(Node::as_bool) == Some(false)
                && let Some(url) = item.get("url").and_then(Node::as_str)
            {
                let declared = self
                    .document
                    .at(item.span.clone(), "its certificate is not checked");
                let host = Address::new(url).host;
                self.out.indexes.trusted_hosts.push(crate::index::TrustedHost {
                    host: escape(&host),
                    declared,
                });
            }
        }
        self.out.indexes.respect_source_order =
            self.flag(&["tool", "pdm", "resolution", "respect-source-order"]) == Some(true);
    }

    fn uv_indexes(&mut self, table: &[&str]) {
        let Some(uv) = self.get(table) else { return };
        for item in uv.get("index").map(Node::items).unwrap_or_default() {
            let is = |key: &str| item.get(key).and_then(Node::as_bool) == Some(true);
            let role = if is("explicit") {
                IndexRole::Explicit
            } else if is("default") {
                IndexRole::Default
            } else if item.get("format").and_then(Node::as_str) == Some("flat") {
                IndexRole::FindLinks
            } else {
                IndexRole::Extra
            };
            self.index(Manager::Uv, role, item);
        }
        for (key, role) in [
            ("index-url", IndexRole::Default),
            ("extra-index-url", IndexRole::Extra),
            ("find-links", IndexRole::FindLinks),
        ] {
            let Some(value) = uv.get(key) else { continue };
            for node in std::iter::once(value).chain(value.items()) {
                if let Some(url) = node.as_str() {
                    self.push_index(Manager::Uv, role, None, url, node);
                }
            }
        }
        if let Some(node) = uv.get("index-strategy") {
            let strategy = match node.as_str() {
                Some("unsafe-best-match") => Strategy::UnsafeBestMatch,
                Some("unsafe-first-match") => Strategy::UnsafeFirstMatch,
                _ => Strategy::FirstIndex,
            };
            let at = self.document.at(node.span.clone(), "");
            self.out.indexes.strategy = Some((strategy, at));
        }
        for node in uv.get("allow-insecure-host").map(Node::items).unwrap_or_default() {
            if let Some(host) = node.as_str() {
                let declared = self
                    .document
                    .at(node.span.clone(), "its certificate is not checked");
                self.out.indexes.trusted_hosts.push(crate::index::TrustedHost {
                    host: escape(host),
                    declared,
                });
            }
        }
        self.out.indexes.no_index |= uv.get("no-index").and_then(Node::as_bool) == Some(true);
    }

    fn index(&mut self, manager: Manager, role: IndexRole, item: &Node) {
        let name = shown(item.get("name"));
        let url = item.get("url").and_then(Node::as_str);
        match (url, &name) {
            (Some(url), _) => {
                let node = item.get("url").unwrap_or(item);
                self.push_index(manager, role, name.clone(), url, node);
            }
            // Poetry knows this one by name.
            (None, Some(name)) if name.eq_ignore_ascii_case("pypi") => {
                let url = crate::well_known::PYPI.to_owned();
                self.push_index(manager, role, Some(name.clone()), &url, item);
            }
            _ => {
                let at = self.document.at(item.span.clone(), "");
                problem(&mut self.out, at, "an index without `url`");
            }
        }
    }

    fn push_index(
        &mut self,
        manager: Manager,
        role: IndexRole,
        name: Option<String>,
        url: &str,
        node: &Node,
    ) {
        let declared = self.document.at(node.span.clone(), "named here");
        self.out.indexes.entries.push(IndexEntry {
            manager,
            role,
            name,
            address: Address::new(url),
            declared,
        });
    }
}

fn bare(name: &str, declared: wellhead_core::Location) -> Component {
    Component {
        kind: ComponentKind::Library,
        ecosystem: Ecosystem::PyPI,
        name: escape(&normalise(name)),
        written: escape(name),
        version: None,
        specifier: None,
        marker: None,
        hashes: Vec::new(),
        source: Source::Registry { url: None },
        bucket: Bucket::Unpinned,
        direct: Some(true),
        via: Vec::new(),
        declared,
    }
}

/// Takes `git`, `url`, `path` of a table for the component's source; `false` where it has none of them.
fn apply_source(component: &mut Component, table: &Node) -> bool {
    let text = |key: &str| table.get(key).and_then(Node::as_str);
    let revision = ["rev", "tag", "branch"].into_iter().find_map(text);
    let found: Place = if let Some(git) = text("git") {
        let at = revision.map(|r| format!("@{r}")).unwrap_or_default();
        place(&format!("git+{git}{at}"), false)
    } else if let Some(url) = text("url") {
        place(url, false)
    } else if let Some(path) = text("path").or_else(|| text("file")) {
        let editable = ["editable", "develop"]
            .iter()
            .any(|key| table.get(key).and_then(Node::as_bool) == Some(true));
        place(path, editable)
    } else {
        return false;
    };
    component.version = found.version.filter(|v| parse(v).is_some());
    component.bucket = match component.version {
        Some(_) => Bucket::Exact,
        None => Bucket::Unauditable {
            why: found.why.to_owned(),
        },
    };
    component.source = found.source;
    component.hashes.extend(found.hashes);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Manifest {
        read_pyproject(
            &ArtifactPath::file("pyproject.toml"),
            text,
            &mut Budget::default(),
        )
    }

    const ALL: &str = r#"[build-system]
requires = ["hatchling>=1.20"]

[project]
name = "My_App"
dependencies = ["torch==2.2.0", "numpy>=1.24", "bad requirement", "peft"]
[project.optional-dependencies]
gpu = ["vllm==0.5.0"]

[dependency-groups]
dev = ["jinja2==3.1.2", { include-group = "test" }, 5]
test = ["werkzeug==2.2.2"]

[tool.poetry.dependencies]
python = "^3.11"
mlflow = "2.10.0"
ray = { version = "^2.9", extras = ["serve"], source = "internal" }
ours = { git = "https://git.example/ours.git", branch = "main" }
near = { path = "../near", develop = true }
odd = [{ version = "<2", python = "<3.9" }, { version = ">=2", python = ">=3.9" }]
broken = "banana"
[tool.poetry.group.dev.dependencies]
black = "*"

[tool.hatch.envs.docs]
dependencies = ["mkdocs~=1.5"]

[tool.uv]
index-strategy = "unsafe-best-match"
extra-index-url = ["http://pypi.internal.example/simple"]
[[tool.uv.index]]
name = "torch-cu"
url = "https://u:pw@wheels.example/cu124"
explicit = true
[tool.uv.sources]
torch = { index = "torch-cu" }
peft = { git = "https://git.example/peft", rev = "0123456789abcdef0123456789abcdef01234567" }

[[tool.poetry.source]]
name = "internal"
url = "https://pypi.internal.example/simple"
priority = "supplemental"
"#;

    #[test]
    fn every_table_is_read() {
        let m = read(ALL);
        let mut rows: Vec<String> = m
            .components
            .iter()
            .map(|c| {
                format!(
                    "{} {} {:?} {:?}",
                    c.name,
                    c.version.as_deref().or(c.specifier.as_deref()).unwrap_or("-"),
                    c.bucket,
                    c.source
                )
            })
            .collect();
        rows.extend(m.problems.iter().map(|p| format!("problem: {}", p.message)));
        rows.extend(
            m.indexes
                .entries
                .iter()
                .map(|e| format!("index: {:?} {:?} {}", e.manager, e.role, e.address.shown)),
        );
        rows.push(format!(
            "{:?} {:?}",
            m.indexes.pinned,
            m.indexes.strategy.map(|s| s.0)
        ));
        rows.push(format!(
            "{:?} credentials={}",
            m.project,
            m.indexes.credentials.len()
        ));
        insta::assert_snapshot!(rows.join("\n"), @r#"
        torch 2.2.0 Exact Registry { url: None }
        numpy >=1.24 Unpinned Registry { url: None }
        peft - Unauditable { why: "a commit of a repository, which no advisory names" } Vcs { url: "https://git.example/peft", revision: Some("0123456789abcdef0123456789abcdef01234567") }
        vllm 0.5.0 Exact Registry { url: None }
        jinja2 3.1.2 Exact Registry { url: None }
        werkzeug 2.2.2 Exact Registry { url: None }
        hatchling >=1.20 Unpinned Registry { url: None }
        mkdocs ~=1.5 Unpinned Registry { url: None }
        mlflow 2.10.0 Exact Registry { url: None }
        ray >=2.9, <3 Unpinned Registry { url: None }
        ours - Unauditable { why: "a branch or tag of a repository, which can move" } Vcs { url: "https://git.example/ours.git", revision: Some("main") }
        near - Unauditable { why: "a path of the project" } Path { path: "../near", editable: true }
        odd <2 Unpinned Registry { url: None }
        odd >=2 Unpinned Registry { url: None }
        black - Unpinned Registry { url: None }
        problem: `bad requirement` is no requirement: malformed version specifier
        problem: neither a requirement nor an `include-group`
        problem: `banana` is no version constraint
        index: Uv Explicit https://wheels.example/cu124
        index: Uv Extra http://pypi.internal.example/simple
        index: Poetry Supplemental https://pypi.internal.example/simple
        [("ray", "internal"), ("torch", "torch-cu")] Some(UnsafeBestMatch)
        Some(ProjectFacts { name: Some("my-app"), library: true }) credentials=1
        "#);
    }

    #[test]
    fn an_application_is_no_library() {
        let library = |text: &str| read(text).project.is_some_and(|p| p.library);
        assert!(library("[project]\nname='a'\n[build-system]\nrequires=[]\n"));
        assert!(!library("[project]\nname='a'\n"));
        assert!(!library(
            "[project]\nname='a'\n[build-system]\nrequires=[]\n[tool.uv]\npackage=false\n"
        ));
        assert!(!library(
            "[project]\nname='a'\nclassifiers=['Private :: Do Not Upload']\n[build-system]\nrequires=[]\n"
        ));
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..1_600, junk in "[\\[\\]{}=\",a1\n]{0,6}") {
            let mut text = ALL.to_owned();
            text.insert_str(at.min(ALL.len()), &junk);
            let _ = read(&text);
        }
    }
}
