//! `pyproject.toml`: PEP 621, PEP 735, and the tables of uv, Poetry, PDM and Hatch.

use super::{
    Include, Manifest, ManifestKind, ProjectFacts, Scope,
    document::{Document, paid, problem, shown},
    hatch,
    parts::{apply_source, bare, set_specifiers, spoken},
    pixi,
    poetry::{Constraint, constraint},
    requirement::{Requirement, specifiers},
    requirements::from_requirement,
    shape,
};
use crate::{
    cycle::parts,
    index::{Address, IndexEntry, IndexRole, Manager, SourceFilter, uv::uv_settings},
    name::normalise,
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Bucket, Budget, Outcome, Source, code, escape};
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
        budget,
    };
    shape::tables(&document, &document.root, shape::PYPROJECT, &mut reader.out);
    reader.project();
    if let Err(e) = reader.budget.steps(text.len() as u64) {
        reader.out.outcome = Outcome::Partly { why: e.to_string() };
        return reader.out;
    }
    reader.standard();
    reader.tools();
    reader.poetry();
    reader.indexes();
    reader.uv_sources();
    let Reader { mut out, budget, .. } = reader;
    if let Some(table) = document.root.path(&["tool", "hatch"]) {
        out = hatch::read_tables(&document, table, out, budget);
    }
    if let Some(table) = document.root.path(&["tool", "pixi"]) {
        out = pixi::read_tables(&document, table, out, budget);
    }
    out
}

/// Reads the metadata of a script: the lists that PEP 723 has, and the tables of uv.
pub(super) fn read_script(document: &Document<'_>, out: Manifest, budget: &mut Budget) -> Manifest {
    let mut reader = Reader {
        document,
        out,
        budget,
    };
    reader.list(reader.get(&["dependencies"]));
    reader.uv_lists();
    reader.out.begin(Scope::Main);
    reader.indexes();
    reader.uv_sources();
    reader.out
}

struct Reader<'a, 'b> {
    document: &'a Document<'a>,
    out: Manifest,
    budget: &'b mut Budget,
}

impl<'a> Reader<'a, '_> {
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
            self.out.project = Some(ProjectFacts {
                name,
                library,
                members: Vec::new(),
            });
        }
    }

    /// The lists that hold requirements of PEP 508.
    fn standard(&mut self) {
        self.out.begin(Scope::Main);
        self.list(self.get(&["project", "dependencies"]));
        self.list(self.get(&["tool", "flit", "metadata", "requires"]));
        self.out.begin(Scope::Optional);
        for route in [
            &["project", "optional-dependencies"][..],
            &["dependency-groups"],
            &["tool", "pdm", "dev-dependencies"],
            &["tool", "flit", "metadata", "requires-extra"],
        ] {
            for group in self.entries(route) {
                self.list(Some(&group.node));
            }
        }
        self.groups();
        self.list(self.get(&["tool", "rye", "dev-dependencies"]));
        // What builds the project is not what it runs with: nobody pins it, and every build asks anew.
        let before = self.out.components.len();
        self.out.begin(Scope::Build);
        self.list(self.get(&["build-system", "requires"]));
        for component in self.out.components.iter_mut().skip(before) {
            component.direct = None;
        }
        self.uv_lists();
    }

    fn uv_lists(&mut self) {
        self.out.begin(Scope::Optional);
        self.list(self.get(&["tool", "uv", "dev-dependencies"]));
        // These install nothing by themselves.
        let before = self.out.components.len();
        self.out.begin(Scope::Build);
        for package in self.entries(&["tool", "uv", "extra-build-dependencies"]) {
            for item in package.node.items() {
                // `{requirement = "torch", match-runtime = true}` is the long way to say it.
                if !self.list_item(item.get("requirement").unwrap_or(item)) {
                    return;
                }
            }
        }
        for (key, scope) in [
            ("constraint-dependencies", Scope::Constraint),
            ("build-constraint-dependencies", Scope::Build),
            ("override-dependencies", Scope::Replacing),
            ("exclude-dependencies", Scope::Replacing),
        ] {
            self.out.begin(scope);
            self.list(self.get(&["tool", "uv", key]));
        }
        for component in self.out.components.iter_mut().skip(before) {
            component.direct = None;
        }
    }

    /// Groups that include others: one that is not there, or that includes itself, is refused by every tool.
    fn groups(&mut self) {
        let groups = self.entries(&["dependency-groups"]);
        let included = |group: &'a Entry| {
            let items = group.node.items().iter();
            items.filter_map(|item| Some((item, normalise(item.get("include-group")?.as_str()?))))
        };
        let names: Vec<String> = groups.iter().map(|g| normalise(&g.key)).collect();
        let mut edges: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (group, name) in groups.iter().zip(&names) {
            let targets = included(group).map(|(_, wanted)| wanted);
            edges.entry(name).or_default().extend(targets);
        }
        let part = parts(&edges);
        for (group, name) in groups.iter().zip(&names) {
            for (item, wanted) in included(group) {
                let message = match part.get(wanted.as_str()) {
                    None => format!("there is no group {}", code(&wanted)),
                    same if same == part.get(name.as_str()) => {
                        format!("the group {} includes itself", code(&group.key))
                    }
                    Some(_) => continue,
                };
                let at = self.document.at(item.span.clone(), "");
                if !paid(&mut self.out, self.budget, || at.clone()) {
                    return;
                }
                problem(&mut self.out, at, message);
            }
        }
    }

    fn tools(&mut self) {
        // `dependencies = { file = ["requirements.txt"] }` of setuptools.
        let dynamic = ["tool", "setuptools", "dynamic"];
        let direct = self.get(&dynamic).and_then(|t| t.get("dependencies"));
        let extras = self.get(&["tool", "setuptools", "dynamic", "optional-dependencies"]);
        let extras = extras
            .map(Node::entries)
            .unwrap_or_default()
            .iter()
            .map(|e| &e.node);
        for table in direct.into_iter().chain(extras) {
            let Some(files) = table.get("file") else { continue };
            for file in std::iter::once(files).chain(files.items()) {
                if let Some(path) = file.as_str() {
                    let declared = self.document.at(file.span.clone(), "");
                    self.out.includes.push(Include {
                        path: path.to_owned(),
                        kind: ManifestKind::Requirements,
                        declared,
                    });
                }
            }
        }
        self.out.begin(Scope::Replacing);
        for route in [
            &["tool", "pdm", "resolution", "overrides"][..],
            &["tool", "pdm", "overrides"],
        ] {
            for entry in self.entries(route) {
                self.pdm_override(entry);
            }
        }
    }

    /// `name = "1.0"`, a specifier or an address, in the place of what packages ask for.
    fn pdm_override(&mut self, entry: &Entry) {
        let at = self.document.entry(entry, "");
        let Some(text) = entry.node.as_str() else {
            problem(&mut self.out, at, "no version");
            return;
        };
        let mut component = bare(&entry.key, at.clone());
        let plain = text.starts_with(|c: char| c.is_ascii_digit());
        let written = if plain {
            format!("=={text}")
        } else {
            text.to_owned()
        };
        if text.contains("://") {
            match spoken(&format!("{} @ {text}", entry.key), at.clone()) {
                Ok(found) => component = found,
                Err(message) => return problem(&mut self.out, at, message),
            }
        } else if let Some(wanted) = specifiers(&written) {
            set_specifiers(&mut component, &wanted, &written);
        } else {
            return problem(&mut self.out, at, format!("{} is no version", code(text)));
        }
        component.direct = None;
        self.out.components.push(component);
    }

    fn list(&mut self, list: Option<&Node>) {
        if list.is_some_and(|list| !shape::is_list(self.document, list, &mut self.out)) {
            return;
        }
        for item in list.map(Node::items).unwrap_or_default() {
            if !self.list_item(item) {
                return;
            }
        }
    }

    /// Reads one entry of a list; `false` where the budget is at its end.
    fn list_item(&mut self, item: &Node) -> bool {
        let at = self.document.at(item.span.clone(), "");
        if !paid(&mut self.out, self.budget, || at.clone()) {
            return false;
        }
        match &item.value {
            // PDM's groups may hold what only a command line can say.
            Value::String(text) if text.trim_start().starts_with("-e ") => match spoken(text, at.clone()) {
                Ok(component) => self.out.components.push(component),
                Err(message) => problem(&mut self.out, at, message),
            },
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
        true
    }

    fn poetry(&mut self) {
        let standard = self.out.components.iter().enumerate();
        let wanted: BTreeSet<String> = standard
            .filter(|(i, _)| self.out.scope_of(*i).is_installed())
            .map(|(_, c)| c.name.clone())
            .collect();
        let mut tables: Vec<(Scope, &'a [Entry])> = vec![
            (Scope::Main, self.entries(&["tool", "poetry", "dependencies"])),
            (
                Scope::Optional,
                self.entries(&["tool", "poetry", "dev-dependencies"]),
            ),
        ];
        for group in self.entries(&["tool", "poetry", "group"]) {
            if !shape::is_table(self.document, &group.node, &group.key, &mut self.out) {
                continue;
            }
            let table = group.node.get("dependencies");
            let listed = |t: &&Node| shape::is_table(self.document, t, "dependencies", &mut self.out);
            let table = table.filter(listed);
            tables.push((Scope::Optional, table.map(Node::entries).unwrap_or_default()));
        }
        for (scope, entries) in tables {
            self.out.begin(scope);
            self.poetry_table(entries, &wanted);
        }
    }

    fn poetry_table(&mut self, entries: &[Entry], wanted: &BTreeSet<String>) {
        for entry in entries {
            if normalise(&entry.key) == "python" {
                continue;
            }
            if !paid(&mut self.out, self.budget, || self.document.entry(entry, "")) {
                return;
            }
            match &entry.node.value {
                // One entry per platform or Python.
                Value::Array(items) => items
                    .iter()
                    .for_each(|item| self.poetry_entry(entry, item, wanted)),
                _ => self.poetry_entry(entry, &entry.node, wanted),
            }
        }
    }

    fn poetry_entry(&mut self, entry: &Entry, value: &Node, wanted: &BTreeSet<String>) {
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
            // What `[project]` wants, Poetry only adds to here: where it comes from, for which platform.
            let known = value.get("source").is_some() || value.get("markers").is_some();
            if !(known && wanted.contains(&component.name)) {
                problem(&mut self.out, at, "names neither a version nor a source");
            }
            return;
        };
        component.specifier = Some(escape(text));
        match constraint(text) {
            Some(Constraint::Exact(version)) => {
                component.version = Some(escape(&version));
                component.bucket = Bucket::Exact;
            }
            Some(Constraint::Range(range)) => {
                component.specifier = Some(escape(&range.to_string())).filter(|s| !s.is_empty());
            }
            Some(Constraint::Either(all)) => component.specifier = Some(escape(&all)),
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
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (i, component) in self.out.components.iter().enumerate() {
            places.entry(component.name.clone()).or_default().push(i);
        }
        for entry in self.entries(&["tool", "uv", "sources"]) {
            let name = normalise(&entry.key);
            let values: Vec<&Node> = match &entry.node.value {
                Value::Array(items) => items.iter().collect(),
                _ => vec![&entry.node],
            };
            for value in &values {
                // Where its marker does not hold, the package comes from any index.
                let always = value.get("marker").is_none();
                if let Some(index) = value.get("index").and_then(Node::as_str).filter(|_| always) {
                    self.out.indexes.pinned.push((escape(&name), escape(index)));
                }
            }
            // With several entries a marker decides, and what the lock says is what counts.
            let [value] = values.as_slice() else { continue };
            for i in places.get(&name).into_iter().flatten() {
                let Some(component) = self.out.components.get_mut(*i) else {
                    continue;
                };
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
        let document = self.document;
        let at = |range, label: &str| document.at(range, label);
        if let Some(uv) = self.get(&["tool", "uv"]) {
            uv_settings(uv, &at, &mut self.out);
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
            self.filter(item);
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

    /// Which packages a source of PDM is for.
    fn filter(&mut self, item: &Node) {
        let patterns = |key: &str| -> Vec<String> {
            let items = item.get(key).map(Node::items).unwrap_or_default();
            let texts = items.iter().filter_map(Node::as_str);
            texts
                .map(|p| p.to_ascii_lowercase().replace(['_', '.'], "-"))
                .collect()
        };
        let (include, exclude) = (patterns("include_packages"), patterns("exclude_packages"));
        if let Some(index) = shown(item.get("name"))
            && !(include.is_empty() && exclude.is_empty())
        {
            self.out.indexes.filters.push(SourceFilter {
                index,
                include,
                exclude,
            });
        }
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
        mlflow 2.10.0 Exact Registry { url: None }
        ray >=2.9, <3 Unpinned Registry { url: None }
        ours - Unauditable { why: "a branch or tag of a repository, which can move" } Vcs { url: "https://git.example/ours.git", revision: Some("main") }
        near - Unauditable { why: "a path of the project" } Path { path: "../near", editable: true }
        odd <2 Unpinned Registry { url: None }
        odd >=2 Unpinned Registry { url: None }
        black - Unpinned Registry { url: None }
        mkdocs ~=1.5 Unpinned Registry { url: None }
        problem: `bad requirement` is no requirement: malformed version specifier
        problem: neither a requirement nor an `include-group`
        problem: `banana` is no version constraint
        index: Uv Explicit https://wheels.example/cu124
        index: Uv Supplemental http://pypi.internal.example/simple
        index: Poetry Supplemental https://pypi.internal.example/simple
        [("ray", "internal"), ("torch", "torch-cu")] Some(UnsafeBestMatch)
        Some(ProjectFacts { name: Some("my-app"), library: true, members: [] }) credentials=1
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

    #[test]
    fn what_poetry_adds_to_the_standard_list_is_no_package_of_its_own() {
        let text = "[project]\nname='a'\ndependencies=['torch (>=2.4,<3)']\n[tool.poetry.dependencies]\ntorch = { source = 'gpu' }\nother = { source = 'gpu' }\n";
        let m = read_pyproject(
            &ArtifactPath::file("pyproject.toml"),
            text,
            &mut Budget::default(),
        );
        assert_eq!((m.components.len(), m.problems.len()), (1, 1), "{:?}", m.problems);
        assert_eq!(m.indexes.pinned.len(), 2);
    }

    #[test]
    fn a_ring_of_groups_is_found_in_one_walk() {
        let n = 3_000;
        let groups: String = (0..n)
            .map(|i| format!("g{i} = [{{include-group = 'g{}'}}]\n", (i + 1) % n))
            .collect();
        let text = format!("[dependency-groups]\nout = [{{include-group = 'g1'}}]\n{groups}");
        let m = read_pyproject(
            &ArtifactPath::file("pyproject.toml"),
            &text,
            &mut Budget::default(),
        );
        assert_eq!(m.problems.len(), n);
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
