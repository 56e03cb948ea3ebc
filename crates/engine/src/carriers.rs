//! What lies beside the Python source of a package and runs: native code and compiled Python.
//!
//! Whether a file is in its place there only the whole package can tell: what its wheel says of itself, and which sources it
//! has. So small facts are kept of each member while it is looked at, and joined when all were seen.

use crate::subjects::Input;
use std::{collections::BTreeMap, sync::Arc};
use wellhead_core::{ArtifactPath, Budget};
use wellhead_formats::{
    Document,
    marshal::{Bytecode, UseKind},
    native::{self, Native},
};
use wellhead_rules::native::{CarriedNative, Carriers, Compiled, SourceNames, WheelTags};

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
    /// Archives that are packages, and whether all that makes them one is that of a source distribution.
    packages: BTreeMap<ArtifactPath, bool>,
    /// Sources are only read where there is something to compare them with.
    has_bytecode: bool,
}

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
    let Some(text) = input.text() else { return };
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

/// The packages of an archive, each with the archive that it is.
pub(crate) fn packages(kept: Kept) -> Vec<(ArtifactPath, Carriers)> {
    let Kept {
        wheels,
        natives,
        compiled,
        sources,
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
    out.retain(|_, c| !c.natives.is_empty() || !c.compiled.is_empty());
    out.into_iter().collect()
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
}
