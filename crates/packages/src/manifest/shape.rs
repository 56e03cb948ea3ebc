//! Whether tables and lists stand where readers look for them.
//!
//! A reader asks a tree for the lists that it knows, and a list that is a string by mistake answers with no entries: the
//! file would declare nothing and look clean. So a value of another shape is a problem at its place.

use super::{
    Manifest,
    document::{Document, problem},
};
use wellhead_core::code;
use wellhead_formats::text::{Node, Value};

/// Tables of `pyproject.toml` that hold requirements, or tables of them, those above first.
pub(super) const PYPROJECT: &[&[&str]] = &[
    &["project"],
    &["project", "optional-dependencies"],
    &["dependency-groups"],
    &["build-system"],
    &["tool"],
    &["tool", "uv"],
    &["tool", "uv", "sources"],
    &["tool", "uv", "extra-build-dependencies"],
    &["tool", "poetry"],
    &["tool", "poetry", "dependencies"],
    &["tool", "poetry", "dev-dependencies"],
    &["tool", "poetry", "group"],
    &["tool", "pdm"],
    &["tool", "pdm", "dev-dependencies"],
    &["tool", "pdm", "resolution"],
    &["tool", "hatch"],
    &["tool", "pixi"],
    &["tool", "flit"],
    &["tool", "flit", "metadata"],
    &["tool", "rye"],
];

/// Says of each of these routes below `root` that ends in something else than a table.
pub(super) fn tables(document: &Document<'_>, root: &Node, routes: &[&[&str]], out: &mut Manifest) {
    for route in routes {
        if let Some(node) = root.path(route) {
            is_table(document, node, &route.join("."), out);
        }
    }
}

/// Whether a value is a table; that it is none is a problem.
pub(super) fn is_table(document: &Document<'_>, node: &Node, name: &str, out: &mut Manifest) -> bool {
    let fits = matches!(node.value, Value::Table(_) | Value::Null);
    if !fits {
        let at = document.at(node.span.clone(), "");
        problem(out, at, format!("{} is no table", code(name)));
    }
    fits
}

/// Whether a value is a list; that it is none is a problem.
pub(super) fn is_list(document: &Document<'_>, node: &Node, out: &mut Manifest) -> bool {
    let fits = matches!(node.value, Value::Array(_) | Value::Null);
    if !fits {
        let at = document.at(node.span.clone(), "");
        problem(out, at, "no list of requirements");
    }
    fits
}

#[cfg(test)]
mod tests {
    use crate::{ManifestKind, read_manifest};
    use wellhead_core::{ArtifactPath, Budget};

    /// Each is a file that declares something, in a way that no tool takes.
    #[test]
    fn what_is_of_another_shape_is_a_problem_and_never_nothing() {
        use ManifestKind as K;
        for (kind, text) in [
            (K::Pyproject, "project = 'x'"),
            (K::Pyproject, "tool = 5"),
            (K::Pyproject, "[project]\ndependencies = 'torch==2.2.0'"),
            (K::Pyproject, "[project.dependencies]\ntorch = '2.2.0'"),
            (
                K::Pyproject,
                "[project]\noptional-dependencies = ['torch==2.2.0']",
            ),
            (K::Pyproject, "[project.optional-dependencies]\ngpu = 'torch'"),
            (K::Pyproject, "dependency-groups = ['torch']"),
            (K::Pyproject, "[dependency-groups]\ngpu = 'torch==2.2.0'"),
            (K::Pyproject, "[build-system]\nrequires = 'setuptools'"),
            (K::Pyproject, "[tool.poetry]\ndependencies = ['torch']"),
            (K::Pyproject, "[tool.poetry.group]\ndev = 'x'"),
            (K::Pyproject, "[tool.poetry.group.dev]\ndependencies = ['torch']"),
            (K::Pyproject, "[tool.uv.dev-dependencies]\ndev = ['torch']"),
            (K::Pyproject, "[tool.uv]\nsources = ['torch']"),
            (K::Pyproject, "[tool.pdm]\ndev-dependencies = ['torch']"),
            (K::Pyproject, "[tool.hatch]\nenvs = ['x']"),
            (K::Pyproject, "[tool.hatch.envs.x]\ndependencies = 'torch'"),
            (K::Pyproject, "[tool.pixi]\ndependencies = ['torch']"),
            (K::Hatch, "envs = 'x'"),
            (K::Hatch, "[envs]\nx = 'torch'"),
            (K::Pixi, "dependencies = 'x'"),
            (K::Pixi, "pypi-dependencies = ['x']"),
            (K::Pixi, "feature = ['x']"),
            (K::Pixi, "[feature]\ngpu = ['x']"),
            (K::Pixi, "[target]\nlinux = 'x'"),
            (K::Script, "# /// script\n# dependencies = 'torch'\n# ///\n"),
            (
                K::CondaEnvironment,
                "channels: https://ch.example\ndependencies: [a]\n",
            ),
            (K::UvLock, ""),
            (K::UvLock, "[[packages]]\nname = 'torch'"),
            (K::PoetryLock, ""),
            (K::PoetryLock, "[[package]]\nname = 'torch'\nversion = '2'"),
            (K::Pylock, ""),
            (K::Pylock, "lock-version = '1.0'"),
            (K::PdmLock, ""),
            (K::PipfileLock, "{}"),
            (K::PixiLock, ""),
            (K::CondaLock, ""),
        ] {
            let m = read_manifest(kind, &ArtifactPath::file("f"), text, &mut Budget::default());
            assert!(!m.problems.is_empty(), "{text}");
        }
    }

    #[test]
    fn files_that_declare_nothing_are_no_problem() {
        use ManifestKind as K;
        for (kind, text) in [
            (K::Pyproject, ""),
            (K::Pyproject, "[project]\nname = 'a'\ndependencies = []"),
            (K::Pyproject, "[tool.poetry.group.dev]\noptional = true"),
            (K::Hatch, "[envs.default]\nfeatures = ['x']"),
            (K::Pixi, "[workspace]\nname = 'x'"),
            (K::CondaEnvironment, "channels:\ndependencies:\n"),
            (K::UvLock, "version = 1\nrequires-python = '>=3.12'"),
            (K::PoetryLock, "package = []\n[metadata]\nlock-version = '2.1'"),
            (K::Pylock, "lock-version = '1.0'\npackages = []"),
            (K::PdmLock, "[metadata]\nlock_version = '4.5.0'"),
            (K::PipfileLock, r#"{"_meta": {}, "default": {}, "develop": {}}"#),
            (K::Requirements, ""),
        ] {
            let m = read_manifest(kind, &ArtifactPath::file("f"), text, &mut Budget::default());
            assert!(m.problems.is_empty(), "{text}: {:?}", m.problems);
        }
    }
}
