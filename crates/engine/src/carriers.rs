//! What lies beside the Python source of a package and runs: native code and compiled Python.
//!
//! Whether a file is in its place there only the whole package can tell: what its wheel says of itself, and which sources it
//! has. So small facts are kept of each member while it is looked at, and joined when all were seen.

use crate::{facts::Fact, subjects::Input};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Budget};
use wellhead_formats::{
    Document, Family,
    marshal::{Bytecode, UseKind},
    media,
    native::{self, Native},
};
use wellhead_pycode::Capability;
use wellhead_rules::native::{
    CarriedMedia, CarriedNative, CarriedScript, Carriers, Compiled, SourceNames, WheelTags,
};

/// Most files of each kind that are kept of one archive.
const MAX_KEPT: usize = 20_000;
/// Most names that are kept of a compiled file, and calls.
const MAX_NAMES: usize = 1 << 16;
const MAX_CALLS: usize = 32;

/// What was kept of an archive's members.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    wheels: Vec<WheelTags>,
    natives: Vec<CarriedNative>,
    compiled: Vec<Compiled>,
    /// By their path in words.
    sources: BTreeMap<String, Arc<SourceNames>>,
    media: Vec<CarriedMedia>,
    scripts: Vec<Script>,
    /// Python files, and the names of pictures, recordings and scripts that stand in them.
    mentions: Vec<(ArtifactPath, BTreeSet<String>)>,
    /// Archives that are packages, and whether all that makes them one is that of a source distribution.
    packages: BTreeMap<ArtifactPath, bool>,
    /// Sources are only read where there is something to compare them with.
    has_bytecode: bool,
}

/// A script of another language, before it is known who names it.
#[derive(Debug)]
struct Script {
    artifact: ArtifactPath,
    size: u64,
    is_obfuscated: bool,
    secrets: Vec<&'static str>,
    speaks: bool,
}

/// Endings of files that are kept where Python names them.
static CARRYING: &[&str] = &[".png", ".gif", ".wav", ".js", ".mjs", ".cjs"];
/// Places of secrets that no script of a web page has a use for.
static SECRETS: &[&str] = &[
    ".aws/credentials",
    ".npmrc",
    ".ssh/id_",
    ".pypirc",
    ".git-credentials",
    ".kube/config",
    ".docker/config.json",
    "169.254.169.254",
    "GITHUB_TOKEN",
    "NPM_TOKEN",
];
/// What scripts send and fetch with.
static SPEAKS: &[&str] = &[
    "fetch(",
    "http.request",
    "https.request",
    "axios",
    "XMLHttpRequest",
    "WebSocket",
    "net.connect",
];
/// Longest name of a file without its ending.
const MAX_STEM: usize = 128;
/// A readable script is told of from this size on.
const LARGE_SCRIPT: u64 = 64 << 10;

/// Keeps what the package needs of one artifact.
pub(crate) fn keep(input: &Input<'_>, kept: &mut Kept, budget: &mut Budget) {
    if let Some(listing) = input.opened.document.listing() {
        kept.has_bytecode |= listing.entries.iter().any(|e| e.name.ends_with(".pyc"));
    }
    let Some(container) = input.path.parent() else {
        return;
    };
    let name = input.path.leaf();
    if is_mark(name) && kept.packages.len() < MAX_KEPT {
        *kept.packages.entry(container).or_insert(true) &= is_source_mark(name);
    }
    match &input.opened.document {
        Document::Native(native) if kept.natives.len() < MAX_KEPT => {
            kept.natives.push(of_native(input, native));
        }
        Document::Bytecode(code) if code.header.is_some() && kept.compiled.len() < MAX_KEPT => {
            kept.compiled.push(of_bytecode(input, code));
        }
        _ => {}
    }
    if input.identity.format.family == Family::Media && kept.media.len() < MAX_KEPT {
        // What is over budget ends the run of the whole file, which says so.
        if let Ok(Some(tail)) = media::tail(input.identity.format, input.blob, budget) {
            kept.media.push(CarriedMedia {
                artifact: input.path.clone(),
                tail,
                named_in: None,
            });
        }
    }
    let Some(text) = input.text() else {
        // Most packages have an empty `__init__.py`, which is no text and still the source of its compiled file.
        if kept.has_bytecode && name.ends_with(".py") && kept.sources.len() < MAX_KEPT {
            let source = SourceNames {
                artifact: input.path.clone(),
                names: BTreeSet::new(),
                whole: input.blob.is_empty(),
            };
            kept.sources.insert(input.path.to_string(), Arc::new(source));
        }
        return;
    };
    if name.ends_with(".py") && kept.mentions.len() < MAX_KEPT {
        let found = mentions(&text.text);
        if !found.is_empty() {
            kept.mentions.push((input.path.clone(), found));
        }
    }
    if [".js", ".mjs", ".cjs"].iter().any(|e| name.ends_with(e)) && kept.scripts.len() < MAX_KEPT {
        kept.scripts.push(of_script(input, &text.text));
    }
    if is_wheel(name) && kept.wheels.len() < MAX_KEPT {
        kept.wheels.push(of_wheel(input.path, &text.text));
    }
    if kept.has_bytecode && name.ends_with(".py") && kept.sources.len() < MAX_KEPT {
        // Without its names a source vouches for nothing, so a file that is over budget is kept as one not wholly read.
        let (names, whole) = wellhead_pycode::names(&text.text, budget).unwrap_or_default();
        let source = SourceNames {
            artifact: input.path.clone(),
            names,
            whole,
        };
        kept.sources.insert(input.path.to_string(), Arc::new(source));
    }
}

/// The packages of an archive, each with the archive that it is. `facts` tell which of its modules start programs.
pub(crate) fn packages(kept: Kept, facts: &[Fact]) -> Vec<(ArtifactPath, Carriers)> {
    let Kept {
        wheels,
        natives,
        compiled,
        sources,
        media,
        scripts,
        mentions,
        packages,
        has_bytecode: _,
    } = kept;
    let mut out: BTreeMap<ArtifactPath, Carriers> = packages
        .into_iter()
        .map(|(package, is_source)| {
            let carriers = Carriers {
                is_source,
                ..Carriers::default()
            };
            (package, carriers)
        })
        .collect();
    for wheel in wheels {
        if let Some(carriers) = wheel.artifact.parent().and_then(|p| out.get_mut(&p)) {
            carriers.wheel.get_or_insert(wheel);
        }
    }
    for native in natives {
        if let Some(carriers) = native.artifact.parent().and_then(|p| out.get_mut(&p)) {
            carriers.natives.push(native);
        }
    }
    for mut code in compiled {
        let (source, importable) = source_of(&code.artifact.to_string());
        code.source = source.and_then(|s| sources.get(&s).cloned());
        code.importable = importable;
        if let Some(carriers) = code.artifact.parent().and_then(|p| out.get_mut(&p)) {
            carriers.compiled.push(code);
        }
    }
    let starting: BTreeSet<&ArtifactPath> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Module(path, abilities) if abilities.contains(&Capability::Process) => Some(path),
            _ => None,
        })
        .collect();
    // Who names a file: by its package and its name without folders.
    let mut naming: BTreeMap<(ArtifactPath, String), Vec<&ArtifactPath>> = BTreeMap::new();
    for (path, names) in &mentions {
        let Some(package) = path.parent() else { continue };
        for name in names {
            naming
                .entry((package.clone(), name.clone()))
                .or_default()
                .push(path);
        }
    }
    let named = |artifact: &ArtifactPath| {
        let key = (artifact.parent()?, artifact.name().to_owned());
        naming.get(&key)
    };
    for mut one in media {
        one.named_in = named(&one.artifact)
            .and_then(|by| by.first())
            .map(|p| (*p).clone());
        if let Some(carriers) = one.artifact.parent().and_then(|p| out.get_mut(&p)) {
            carriers.media.push(one);
        }
    }
    for script in scripts {
        let small = script.size < LARGE_SCRIPT && !script.is_obfuscated && script.secrets.len() < 2;
        let by = named(&script.artifact).and_then(|by| by.iter().find(|p| starting.contains(**p)));
        let (Some(by), false) = (by, small) else { continue };
        if let Some(carriers) = script.artifact.parent().and_then(|p| out.get_mut(&p)) {
            carriers.scripts.push(CarriedScript {
                named_in: (*by).clone(),
                artifact: script.artifact,
                size: script.size,
                is_obfuscated: script.is_obfuscated,
                secrets: script.secrets,
                speaks: script.speaks,
            });
        }
    }
    out.retain(|_, c| {
        !(c.natives.is_empty() && c.compiled.is_empty() && c.media.is_empty() && c.scripts.is_empty())
    });
    out.into_iter().collect()
}

/// Names of files, without their folders, that stand in source and end like files that carry payloads.
fn mentions(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for ending in CARRYING {
        for (at, _) in source.match_indices(ending) {
            let before = source.get(..at).unwrap_or_default();
            let part = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            let back: Vec<char> = before.chars().rev().take_while(part).take(MAX_STEM).collect();
            let stem: String = back.iter().rev().collect();
            if (1..MAX_STEM).contains(&back.len()) && found.len() < MAX_CALLS.saturating_mul(32) {
                found.insert(format!("{stem}{ending}"));
            }
        }
    }
    found
}

fn of_script(input: &Input<'_>, text: &str) -> Script {
    Script {
        artifact: input.path.clone(),
        size: input.blob.len(),
        is_obfuscated: text.match_indices("_0x").take(32).count() >= 32,
        secrets: SECRETS.iter().copied().filter(|s| text.contains(s)).collect(),
        speaks: SPEAKS.iter().any(|s| text.contains(s)),
    }
}

/// The file `WHEEL` of the wheel itself, and not of one that it brings along.
fn is_wheel(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(folder, file)| folder.ends_with(".dist-info") && file == "WHEEL")
}

/// A file that makes the archive round it a package of Python.
fn is_mark(name: &str) -> bool {
    is_wheel(name) || is_source_mark(name) || matches!(name, "info/index.json" | "EGG-INFO/PKG-INFO")
}

/// A mark that only source distributions have: a file at the top of their one folder.
fn is_source_mark(name: &str) -> bool {
    let mut parts = name.split('/');
    let (folder, file) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    parts.next().is_none()
        && folder != "EGG-INFO"
        && matches!(file, "PKG-INFO" | "setup.py" | "pyproject.toml")
}

/// Where the source of a compiled file lies, and whether Python imports the compiled file by the module's name.
fn source_of(path: &str) -> (Option<String>, bool) {
    let Some(stem) = path.strip_suffix(".pyc") else {
        return (None, false);
    };
    let (folder, file) = stem
        .rsplit_once('/')
        .map_or(("", stem), |(folder, file)| (folder, file));
    let module = file.split('.').next().unwrap_or(file);
    match folder.strip_suffix("__pycache__") {
        Some(above) => (Some(format!("{above}{module}.py")), false),
        None => (Some(format!("{stem}.py")), true),
    }
}

fn of_wheel(path: &ArtifactPath, text: &str) -> WheelTags {
    let value = |line: &str, key: &str| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case(key)
            .then(|| value.trim().to_owned())
    };
    WheelTags {
        artifact: path.clone(),
        pure: text
            .lines()
            .find_map(|line| value(line, "Root-Is-Purelib"))
            .is_some_and(|v| v.eq_ignore_ascii_case("true")),
        tags: text
            .lines()
            .filter_map(|line| value(line, "Tag"))
            .take(256)
            .collect(),
    }
}

fn of_native(input: &Input<'_>, native: &Native) -> CarriedNative {
    let first = native.images.first();
    CarriedNative {
        artifact: input.path.clone(),
        system: first.map(|i| i.system).unwrap_or_default(),
        form: first.map(|i| i.form).unwrap_or_default(),
        is_general: first.is_some_and(|i| i.processor != native::OTHER_PROCESSOR),
        is_module: native.is_module(),
        abilities: native
            .abilities()
            .into_iter()
            .map(|(ability, name)| (ability, name.to_owned()))
            .collect(),
    }
}

fn of_bytecode(input: &Input<'_>, code: &Bytecode) -> Compiled {
    let header = code.header;
    let names = code.codes.iter().flat_map(|c| &c.names).take(MAX_NAMES);
    Compiled {
        artifact: input.path.clone(),
        source: None,
        importable: false,
        unchecked: header.is_some_and(|h| h.unchecked),
        python: header.and_then(|h| h.python),
        names: names.map(|name| name.to_string()).collect(),
        calls: code
            .uses
            .iter()
            .filter(|u| u.kind == UseKind::Call)
            .map(|u| u.path.clone())
            .take(MAX_CALLS)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_lies_where_python_looks_for_it() {
        for (path, source, importable) in [
            (
                "w.whl!/a/__pycache__/b.cpython-311.pyc",
                Some("w.whl!/a/b.py"),
                false,
            ),
            (
                "w.whl!/a/__pycache__/b.cpython-38.opt-1.pyc",
                Some("w.whl!/a/b.py"),
                false,
            ),
            ("w.whl!/a/b.pyc", Some("w.whl!/a/b.py"), true),
            ("b.pyc", Some("b.py"), true),
            ("b.bin", None, false),
        ] {
            assert_eq!(source_of(path), (source.map(str::to_owned), importable), "{path}");
        }
    }

    #[test]
    fn names_of_files_in_source_are_found_without_their_folders() {
        let source = "open('a/logo.png'); x = f\"{b}.wav\"; run(['node', 'dist/cli.min.js']); '.png'";
        let found = mentions(source);
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, ["cli.min.js", "logo.png"]);
    }
}
