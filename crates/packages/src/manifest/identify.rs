//! Which files declare dependencies. Their names are conventions of the tools that read them, so here the name
//! decides; a `.txt` is only taken for a requirements file where its name says so.

use super::{ManifestKind, conda_explicit, script, setuptools};
use wellhead_formats::text::{Node, Value};

/// What kind of manifest a file is, by its path (with `/`). The text decides only for names that others use, too.
pub fn identify_manifest(path: &str, text: &str) -> Option<ManifestKind> {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let folder = parts.next().unwrap_or_default().to_ascii_lowercase();
    match name.as_str() {
        "pyproject.toml" => return Some(ManifestKind::Pyproject),
        "uv.lock" => return Some(ManifestKind::UvLock),
        "poetry.lock" => return Some(ManifestKind::PoetryLock),
        "pip.conf" | "pip.ini" => return Some(ManifestKind::PipConfig),
        "pdm.lock" => return Some(ManifestKind::PdmLock),
        "pipfile" => return Some(ManifestKind::Pipfile),
        "pipfile.lock" => return Some(ManifestKind::PipfileLock),
        "pixi.toml" => return Some(ManifestKind::Pixi),
        "pixi.lock" => return Some(ManifestKind::PixiLock),
        "hatch.toml" => return Some(ManifestKind::Hatch),
        "setup.cfg" => return setuptools::is_cfg(text).then_some(ManifestKind::SetupCfg),
        "setup.py" if setuptools::is_py(text) => return Some(ManifestKind::SetupPy),
        "uv.toml" => return Some(ManifestKind::UvConfig),
        "poetry.toml" => return Some(ManifestKind::PoetryConfig),
        "pdm.toml" | ".pdm.toml" => return Some(ManifestKind::PdmConfig),
        ".condarc" | "condarc" | ".mambarc" | "mambarc" => return Some(ManifestKind::CondaConfig),
        _ => {}
    }
    if let Some(kind) = by_extension(&name, text) {
        return Some(kind);
    }
    if name == "pylock.toml" || (name.starts_with("pylock.") && name.ends_with(".toml")) {
        return Some(ManifestKind::Pylock);
    }
    let stem = name
        .strip_suffix(".txt")
        .or_else(|| name.strip_suffix(".in"))
        .or_else(|| name.strip_suffix(".pip"))
        // Rye writes `requirements.lock` and `requirements-dev.lock`.
        .or_else(|| {
            name.strip_suffix(".lock")
                .filter(|s| s.starts_with("requirements"))
        })?;
    let words = |word: &str| stem.split(['-', '_', '.', ' ']).any(|w| w == word);
    if words("constraints") || words("constraint") {
        return Some(ManifestKind::Constraints);
    }
    let named = stem.contains("requirements") || words("requirement") || words("reqs");
    let in_folder = folder == "requirements" || folder == "reqs";
    if named || (in_folder && !looks_like_prose(text)) {
        return Some(ManifestKind::Requirements);
    }
    None
}

/// What kind of lock a text is, where somebody said that it is one: by its content, since its name says nothing.
pub fn identify_lock(text: &str) -> ManifestKind {
    let has = |wanted: &str| text.lines().any(|line| line.trim() == wanted);
    let says = |key: &str| text.lines().any(|line| line.trim_start().starts_with(key));
    if has("[[packages]]") {
        ManifestKind::Pylock
    } else if has("[[package]]") && says("content_hash") {
        ManifestKind::PdmLock
    } else if has("[[package]]") && says("content-hash") {
        ManifestKind::PoetryLock
    } else if has("[[package]]") {
        ManifestKind::UvLock
    } else if text.trim_start().starts_with('{') {
        ManifestKind::PipfileLock
    } else {
        ManifestKind::Requirements
    }
}

/// What kind of manifest a YAML document is by its keys, which may be written in ways that no line shows: quoted, in
/// braces, behind `?`, indented as a whole.
pub fn identify_tree(path: &str, root: &Node) -> Option<ManifestKind> {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let (stem, _) = name
        .rsplit_once('.')
        .filter(|(_, e)| matches!(*e, "yml" | "yaml"))?;
    let list = |key: &str| root.get(key).is_some_and(|n| matches!(n.value, Value::Array(_)));
    let is_one = list("dependencies") && (is_named_environment(stem) || list("channels"));
    is_one.then_some(ManifestKind::CondaEnvironment)
}

fn is_named_environment(stem: &str) -> bool {
    stem.split(['-', '_', '.'])
        .any(|w| matches!(w, "environment" | "env" | "conda"))
}

/// What the extension allows and the text says.
fn by_extension(name: &str, text: &str) -> Option<ManifestKind> {
    let (stem, extension) = name.rsplit_once('.')?;
    match extension {
        "py" => script::is_one(text).then_some(ManifestKind::Script),
        // `uv lock --script train.py` writes `train.py.lock`.
        "lock" if stem.ends_with(".py") => Some(ManifestKind::UvLock),
        "txt" | "lock" | "conda" if conda_explicit::is_one(text) => Some(ManifestKind::CondaExplicit),
        "yml" | "yaml" if stem.ends_with("conda-lock") => Some(ManifestKind::CondaLock),
        "yml" | "yaml" if is_environment(stem, text) => Some(ManifestKind::CondaEnvironment),
        _ => None,
    }
}

/// Whether a YAML text is an environment of conda: by its name, or because it has the keys that only one has.
fn is_environment(stem: &str, text: &str) -> bool {
    let named = is_named_environment(stem);
    has_key(text, "dependencies")
        && (named || has_key(text, "channels") || text.contains("- pip:\n") || text.contains("- pip:\r\n"))
}

/// Whether a YAML text has a key that is not indented.
fn has_key(text: &str, key: &str) -> bool {
    text.lines().any(|line| {
        let rest = line
            .trim_start_matches('\u{feff}')
            .trim_start_matches(['"', '\''])
            .strip_prefix(key);
        rest.is_some_and(|r| r.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    })
}

/// Whether most of the first lines are sentences: a `LICENSE.txt` in a folder of requirements.
fn looks_like_prose(text: &str) -> bool {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#') && !l.starts_with('-'));
    let (mut prose, mut all) = (0_usize, 0_usize);
    for line in lines.take(20) {
        let bare = line.split([';', '#']).next().unwrap_or_default();
        let words = bare.split_whitespace().count();
        let signs = bare.contains(['=', '<', '>', '~', '@', '/']);
        prose = prose.saturating_add(usize::from(words > 3 && !signs));
        all = all.saturating_add(1);
    }
    prose.saturating_mul(2) > all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_without_their_name_are_told_by_their_content() {
        use ManifestKind as K;
        for (text, kind) in [
            ("lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\n", K::Pylock),
            ("version = 1\n[[package]]\nname = \"a\"\n", K::UvLock),
            ("[[package]]\n[metadata]\ncontent-hash = \"0\"\n", K::PoetryLock),
            ("[metadata]\ncontent_hash = \"0\"\n[[package]]\n", K::PdmLock),
            ("{\"_meta\": {}}", K::PipfileLock),
            ("a==1\n", K::Requirements),
            ("", K::Requirements),
        ] {
            assert_eq!(identify_lock(text), kind, "{text}");
        }
    }

    #[test]
    fn names_decide() {
        use ManifestKind as K;
        for (path, kind) in [
            ("requirements.txt", Some(K::Requirements)),
            ("a/requirements-dev.txt", Some(K::Requirements)),
            ("dev_requirements.txt", Some(K::Requirements)),
            ("requirements.in", Some(K::Requirements)),
            ("requirements.lock", Some(K::Requirements)),
            ("requirements-dev.lock", Some(K::Requirements)),
            ("requirements/base.txt", Some(K::Requirements)),
            ("Requirements.TXT", Some(K::Requirements)),
            ("constraints.txt", Some(K::Constraints)),
            ("requirements/constraints-3.11.txt", Some(K::Constraints)),
            ("notes.txt", None),
            ("data/vocab.txt", None),
            ("requirements.md", None),
            ("pyproject.toml", Some(K::Pyproject)),
            ("pylock.toml", Some(K::Pylock)),
            ("pylock.gpu.toml", Some(K::Pylock)),
            ("sub/uv.lock", Some(K::UvLock)),
            ("poetry.lock", Some(K::PoetryLock)),
            ("pip.conf", Some(K::PipConfig)),
            ("Cargo.lock", None),
            ("freq.txt", None),
            ("unconstrained.txt", None),
        ] {
            assert_eq!(identify_manifest(path, "torch==2.6.0\n"), kind, "{path}");
        }
        let environment = "name: x\ndependencies:\n  - torch\n";
        let channels = "channels: [a]\ndependencies:\n  - torch\n";
        for (path, text, kind) in [
            ("pdm.lock", "", Some(K::PdmLock)),
            ("Pipfile", "", Some(K::Pipfile)),
            ("Pipfile.lock", "{}", Some(K::PipfileLock)),
            ("pixi.toml", "", Some(K::Pixi)),
            ("pixi.lock", "", Some(K::PixiLock)),
            ("hatch.toml", "", Some(K::Hatch)),
            ("setup.cfg", "[flake8]\n", None),
            ("setup.cfg", "[options]\n", Some(K::SetupCfg)),
            ("setup.py", "install_requires=[]", Some(K::SetupPy)),
            ("setup.py", "setup()", None),
            ("train.py", "# /// script\n# ///\n", Some(K::Script)),
            ("train.py", "import torch\n", None),
            ("train.py.lock", "", Some(K::UvLock)),
            ("environment.yml", environment, Some(K::CondaEnvironment)),
            ("environment-gpu.yaml", environment, Some(K::CondaEnvironment)),
            ("conda.yaml", environment, Some(K::CondaEnvironment)),
            ("ml.yml", environment, None),
            ("ml.yml", channels, Some(K::CondaEnvironment)),
            ("environment.yml", "on: push\n", None),
            ("conda-lock.yml", "package:\n", Some(K::CondaLock)),
            ("gpu.conda-lock.yml", "package:\n", Some(K::CondaLock)),
            ("conda-linux-64.lock", "# x\n@EXPLICIT\n", Some(K::CondaExplicit)),
            (
                "requirements.txt",
                "# $ conda create --name <env> --file <this file>\na=1=0\n",
                Some(K::CondaExplicit),
            ),
            ("spec.txt", "words\n", None),
            ("Cargo.lock", "version = 4\n", None),
        ] {
            assert_eq!(identify_manifest(path, text), kind, "{path}");
        }
        let licence = "Permission is hereby granted to everybody who reads\nthis file to do with it\n";
        assert_eq!(identify_manifest("requirements/LICENSE.txt", licence), None);
    }
}
