//! `pixi.toml`, and the same tables below `[tool.pixi]` of a `pyproject.toml`.

use super::{
    Manifest, ManifestKind, Scope,
    document::{Document, paid, problem},
    matchspec::{Versions, channel, set_versions, versions},
    parts::{apply_source, bare, bare_conda, set_specifiers},
    requirement::specifiers,
    shape,
};
use crate::index::{Address, pixi::pixi_settings};
use wellhead_core::{ArtifactPath, Budget, Source, code};
use wellhead_formats::text::{Entry, Node, Value};

/// Reads `pixi.toml`.
pub(super) fn read(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    match Document::parse(ManifestKind::Pixi, artifact, text, budget) {
        Ok((document, manifest)) => read_tables(&document, &document.root, manifest, budget),
        Err(manifest) => *manifest,
    }
}

/// Reads the tables of pixi below `root`.
pub(super) fn read_tables(
    document: &Document<'_>,
    root: &Node,
    out: Manifest,
    budget: &mut Budget,
) -> Manifest {
    let mut reader = Reader {
        document,
        out,
        budget,
    };
    pixi_settings(
        root,
        &|range, label| document.at(range, label),
        &mut reader.out.indexes,
    );
    reader.out.begin(Scope::Pixi);
    reader.tables(root);
    reader.out.begin(Scope::PixiFeature);
    shape::tables(document, root, &[&["feature"]], &mut reader.out);
    for feature in root.get("feature").map(Node::entries).unwrap_or_default() {
        reader.tables(&feature.node);
    }
    // A package that pixi builds: what it runs with is installed, too.
    if let Some(package) = root.get("package") {
        reader.tables(package);
    }
    reader.out
}

/// Tables of packages that come from channels.
const CONDA: &[&str] = &[
    "dependencies",
    "host-dependencies",
    "build-dependencies",
    "run-dependencies",
];

/// What must be a table where it is there.
const PARTS: &[&[&str]] = &[
    &["dependencies"],
    &["host-dependencies"],
    &["build-dependencies"],
    &["run-dependencies"],
    &["pypi-dependencies"],
    &["target"],
];

struct Reader<'a, 'b> {
    document: &'a Document<'a>,
    out: Manifest,
    budget: &'b mut Budget,
}

impl Reader<'_, '_> {
    /// The tables of a project, a feature or a platform.
    fn tables(&mut self, root: &Node) {
        if !shape::is_table(self.document, root, "what is declared here", &mut self.out) {
            return;
        }
        shape::tables(self.document, root, PARTS, &mut self.out);
        self.packages(root);
        self.options(root.get("pypi-options"));
        for target in root.get("target").map(Node::entries).unwrap_or_default() {
            if !shape::is_table(self.document, &target.node, &target.key, &mut self.out) {
                continue;
            }
            let before = self.out.components.len();
            shape::tables(self.document, &target.node, PARTS, &mut self.out);
            self.packages(&target.node);
            for component in self.out.components.iter_mut().skip(before) {
                component.marker = Some(wellhead_core::escape(&target.key));
            }
        }
    }

    fn packages(&mut self, root: &Node) {
        for key in CONDA {
            for entry in root.get(key).map(Node::entries).unwrap_or_default() {
                if !paid(&mut self.out, self.budget, || self.document.entry(entry, "")) {
                    return;
                }
                self.conda(entry);
            }
        }
        for entry in root
            .get("pypi-dependencies")
            .map(Node::entries)
            .unwrap_or_default()
        {
            if !paid(&mut self.out, self.budget, || self.document.entry(entry, "")) {
                return;
            }
            self.pypi(entry);
        }
    }

    fn conda(&mut self, entry: &Entry) {
        let at = self.document.entry(entry, "");
        let value = &entry.node;
        let mut component = bare_conda(&entry.key, at.clone());
        if apply_source(&mut component, value) {
            self.out.components.push(component);
            return;
        }
        let text = value
            .as_str()
            .or_else(|| value.get("version").and_then(Node::as_str));
        let wanted = match (text, &value.value) {
            (Some(text), _) => versions(text, false),
            (None, Value::Table(_)) => Some(Versions::Any),
            (None, _) => None,
        };
        let Some(wanted) = wanted else {
            let message = format!("{} wants no version of conda", code(&entry.key));
            problem(&mut self.out, at, message);
            return;
        };
        set_versions(&mut component, wanted);
        if let Some(name) = value.get("channel").and_then(Node::as_str) {
            component.source = Source::Registry {
                url: Some(channel(name).shown),
            };
        }
        self.out.components.push(component);
    }

    fn pypi(&mut self, entry: &Entry) {
        let at = self.document.entry(entry, "");
        let value = &entry.node;
        let mut component = bare(&entry.key, at.clone());
        if let Some(index) = value.get("index").and_then(Node::as_str) {
            component.source = Source::Registry {
                url: Some(Address::new(index).shown),
            };
        }
        if apply_source(&mut component, value) {
            self.out.components.push(component);
            return;
        }
        let text = value
            .as_str()
            .or_else(|| value.get("version").and_then(Node::as_str));
        match (text.map(str::trim), &value.value) {
            (Some("*"), _) | (None, Value::Table(_)) => {}
            (Some(text), _) if specifiers(text).is_some() => {
                if let Some(wanted) = specifiers(text) {
                    set_specifiers(&mut component, &wanted, text);
                }
            }
            _ => {
                let message = format!("{} wants no version of PEP 440", code(&entry.key));
                problem(&mut self.out, at, message);
                return;
            }
        }
        self.out.components.push(component);
    }

    fn options(&mut self, options: Option<&Node>) {
        let Some(options) = options else { return };
        // Overrides replace what packages ask for.
        for overridden in options
            .get("dependency-overrides")
            .map(Node::entries)
            .unwrap_or_default()
        {
            let before = self.out.components.len();
            self.pypi(overridden);
            for component in self.out.components.iter_mut().skip(before) {
                component.direct = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use proptest::prelude::*;

    const ALL: &str = r#"[workspace]
name = "ml"
channels = ["conda-forge", {channel = "https://u:hunter2@conda.example/team", priority = 1}]
platforms = ["linux-64"]

[dependencies]
python = ">=3.11,<3.13"
numpy = "1.24.*"
scipy = "==1.10.1"
pytorch = {version = "2.2.0", channel = "pytorch", build = "cuda*"}
any = "*"
source = {git = "https://git.example/source.git", branch = "main"}
broken = 5

[pypi-dependencies]
torch = "==2.2.0"
vllm = {version = ">=0.5", extras = ["x"], index = "https://index.example/simple"}
near = {path = "./near", editable = true}
banana = "banana?"

[pypi-options]
index-url = "https://index.example/simple"
extra-index-urls = ["https://extra.example/simple"]
find-links = [{path = "./wheels"}]
index-strategy = "unsafe-best-match"

[target.win-64.dependencies]
pywin32 = "*"

[feature.gpu]
channels = ["nvidia"]
[feature.gpu.dependencies]
cuda = "12.1"
[feature.gpu.target.linux-64.pypi-dependencies]
flash-attn = "==2.5.0"
"#;

    fn of(text: &str) -> Manifest {
        read(&ArtifactPath::file("pixi.toml"), text, &mut Budget::default())
    }

    #[test]
    fn every_table_is_read() {
        let m = of(ALL);
        insta::assert_snapshot!(shown(&m), @r#"
        7: conda/python - (>=3.11,<3.13) unpinned direct
        8: conda/numpy - (==1.24.*) unpinned direct
        9: conda/scipy 1.10.1 exact direct
        10: conda/pytorch 2.2.0 exact from https://conda.anaconda.org/pytorch direct
        11: conda/any - unpinned direct
        12: conda/source - unauditable (a branch or tag of a repository, which can move) git https://git.example/source.git Some("main") direct
        16: pypi/torch 2.2.0 (==2.2.0) exact direct
        17: pypi/vllm - (>=0.5) unpinned from https://index.example/simple direct
        18: pypi/near - unauditable (a path of the project) path ./near true direct
        28: conda/pywin32 - unpinned ; win-64 direct
        33: conda/cuda 12.1 exact direct
        35: pypi/flash-attn 2.5.0 (==2.5.0) exact ; linux-64 direct
        13: problem: `broken` wants no version of conda
        19: problem: `banana` wants no version of PEP 440
        31: index Conda Extra https://conda.anaconda.org/nvidia
        3: index Conda Extra https://conda.anaconda.org/conda-forge
        3: index Conda Extra https://conda.example/team
        23: index Pixi Extra https://extra.example/simple
        22: index Pixi Default https://index.example/simple
        24: index Pixi FindLinks ./wheels
        "#);
        assert!(!format!("{m:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..1_200, junk in "[\\[\\]{}=\",a1\n]{0,6}") {
            let mut text = ALL.to_owned();
            text.insert_str(at.min(ALL.len()), &junk);
            let _ = of(&text);
        }
    }
}
