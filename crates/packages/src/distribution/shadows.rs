//! Commands and modules of a distribution that take the place of others.

use super::{
    AnomalyKind, DistributionKind, Reader,
    layout::{Place, place},
};
use crate::import_names::{import_names, owners_of};
use crate::lookalike::{is_foremost, is_well_known};
use std::collections::BTreeSet;
use wellhead_core::code;

/// Tools of the system that nobody expects from a Python package.
const TOOLS: &[&str] = &[
    "apt",
    "apt-get",
    "base64",
    "bash",
    "cat",
    "chmod",
    "chown",
    "cp",
    "curl",
    "dash",
    "dig",
    "dnf",
    "docker",
    "doas",
    "env",
    "find",
    "gh",
    "git",
    "gpg",
    "grep",
    "id",
    "kill",
    "kubectl",
    "less",
    "ln",
    "login",
    "ls",
    "make",
    "mkdir",
    "more",
    "mount",
    "mv",
    "nano",
    "nc",
    "nohup",
    "openssl",
    "passwd",
    "ping",
    "podman",
    "ps",
    "pwd",
    "rm",
    "rsync",
    "scp",
    "sed",
    "sftp",
    "sh",
    "sleep",
    "ssh",
    "ssh-add",
    "ssh-agent",
    "ssh-keygen",
    "su",
    "sudo",
    "systemctl",
    "tail",
    "tar",
    "tee",
    "test",
    "top",
    "touch",
    "uname",
    "unzip",
    "vi",
    "vim",
    "wget",
    "which",
    "whoami",
    "xargs",
    "yum",
    "zip",
    "zsh",
];

/// Tools of packaging, each with the distributions that bring it.
const PACKAGING: &[(&str, &[&str])] = &[
    ("pip", &["pip"]),
    ("pip3", &["pip"]),
    ("uv", &["uv"]),
    ("uvx", &["uv"]),
    ("pipx", &["pipx"]),
    ("poetry", &["poetry"]),
    ("conda", &["conda"]),
    ("twine", &["twine"]),
    ("hf", &["huggingface-hub", "hf"]),
    ("huggingface-cli", &["huggingface-hub"]),
];

/// Interpreters, which no distribution brings as a command of its own.
const INTERPRETERS: &[&str] = &[
    "python", "python2", "python3", "pythonw", "pypy", "pypy3", "node", "perl",
];

/// Whether a command of that name is a tool of the system that nobody expects from a Python package.
pub fn is_system_tool(name: &str) -> bool {
    TOOLS.contains(&name)
}

/// Whether a command of that name is a tool of packaging.
pub fn is_packaging_tool(name: &str) -> bool {
    PACKAGING.iter().any(|(tool, _)| *tool == name)
}

pub(super) fn check(r: &mut Reader<'_>) {
    // Whoever builds an environment from conda takes tools of the system from there, interpreters among them.
    if matches!(r.out.kind, DistributionKind::Conda | DistributionKind::Pyz) {
        return;
    }
    commands(r);
    modules(r);
}

fn commands(r: &mut Reader<'_>) {
    let own = r.out.name.clone().unwrap_or_default();
    let shadows = |name: &str| {
        let name = name.strip_suffix(".exe").unwrap_or(name);
        let name = name.strip_suffix(".py").unwrap_or(name).to_ascii_lowercase();
        let versioned = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        if INTERPRETERS.contains(&name.as_str()) || versioned == "python" {
            return true;
        }
        if name == own {
            return false;
        }
        match PACKAGING
            .iter()
            .find(|(tool, _)| *tool == name || *tool == versioned)
        {
            Some((_, owners)) => !owners.contains(&own.as_str()),
            None => is_system_tool(&name),
        }
    };
    let entries: Vec<_> = r
        .out
        .entry_points
        .iter()
        .filter(|e| e.is_command() && shadows(&e.name))
        .map(|e| (e.name.clone(), e.place.clone()))
        .collect();
    for (name, (path, range)) in entries {
        let words = format!("whoever types {} runs code of this distribution", code(&name));
        r.tell(AnomalyKind::ShadowsTool, None, Some((&path, range)), words);
    }
    let parts = r.parts;
    let root = r.out.root.clone();
    for member in &parts.members {
        if let Place::Command(name) = place(r.out.kind, &root, &member.path)
            && shadows(name)
        {
            let words = format!("whoever types {} runs a script of this distribution", code(name));
            r.tell(AnomalyKind::ShadowsTool, Some(&member.path), None, words);
        }
    }
}

/// Words by which builds of one project are told apart: a name that adds nothing else is a variant of it.
const VARIANTS: &[&str] = &[
    "aarch64",
    "alpha",
    "arm",
    "arm64",
    "beta",
    "bin",
    "binary",
    "binaries",
    "cpu",
    "core",
    "cp",
    "cuda",
    "dev",
    "directml",
    "fork",
    "full",
    "gpu",
    "headless",
    "intel",
    "jetson",
    "lite",
    "lts",
    "macos",
    "metal",
    "minimal",
    "mkl",
    "musl",
    "next",
    "ng",
    "nightly",
    "official",
    "patched",
    "pre",
    "preview",
    "py",
    "py2",
    "py3",
    "pypy",
    "python",
    "python2",
    "python3",
    "qt",
    "release",
    "rocm",
    "rolling",
    "silicon",
    "simd",
    "skinny",
    "slim",
    "snapshot",
    "stable",
    "static",
    "stubs",
    "test",
    "tf",
    "types",
    "unofficial",
    "wheel",
    "wheels",
    "win",
    "windows",
    "x86",
    "xpu",
];

/// Popular projects whose name is also an ordinary word for a folder.
const ORDINARY: &[&str] = &[
    "build",
    "cache",
    "client",
    "coverage",
    "dash",
    "dataset",
    "datasets",
    "decorator",
    "distributed",
    "evaluate",
    "fire",
    "guidance",
    "interpret",
    "lime",
    "motor",
    "panel",
    "resources",
    "schema",
    "supervision",
    "tables",
    "tests",
    "together",
    "tools",
    "utils",
];

/// How the name of a distribution stands to that of the project whose module it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kinship {
    /// A build of it, or a part of it.
    Variant,
    /// It has its name, and says more.
    Named,
    /// None.
    Stranger,
}

/// How the name of a distribution stands to that of a project; both in the normal form.
pub fn kinship(own: &str, owner: &str) -> Kinship {
    let stem = owner.strip_prefix("python-").unwrap_or(owner);
    let stem = stem.strip_suffix("-python").unwrap_or(stem);
    if stem.contains(own) {
        return Kinship::Variant;
    }
    let Some(at) = own.find(stem) else {
        return Kinship::Stranger;
    };
    let before = own.get(..at).unwrap_or_default();
    let behind = own.get(at.saturating_add(stem.len())..).unwrap_or_default();
    let is_variant = |word: &str| {
        let plain = word.trim_end_matches(|c: char| c.is_ascii_digit());
        plain.is_empty() || matches!(plain, "cu" | "rocm" | "v") || VARIANTS.contains(&word)
    };
    let all = before.split('-').chain(behind.split('-'));
    if all.filter(|w| !w.is_empty()).all(is_variant) {
        Kinship::Variant
    } else {
        Kinship::Named
    }
}

/// Modules that another distribution is known for, or that are those of the standard library.
///
/// What is left overwrites a file of somebody else's package, whatever the reason. Of a name that many install only the
/// table of modules is asked, which knows of them.
fn modules(r: &mut Reader<'_>) {
    let Some(own) = r.out.name.clone() else { return };
    let installs = matches!(r.out.kind, DistributionKind::Wheel | DistributionKind::Egg);
    if !installs {
        return;
    }
    let known = is_well_known(&own);
    let (own_modules, _) = import_names(&own);
    let tops: BTreeSet<String> = r.out.top_level.iter().cloned().collect();
    for top in tops {
        let Some(file) = holds(r, &top) else { continue };
        if own_modules.contains(&top) || crate::normalise(&top) == own {
            continue;
        }
        if STANDARD.contains(&top.as_str()) {
            // Backports say of what.
            let is_backport = own
                .split('-')
                .any(|w| w.trim_end_matches(|c: char| c.is_ascii_digit()) == top);
            if !is_backport && !known {
                let words = format!("it installs {} under a name of the standard library", code(&top));
                r.tell(AnomalyKind::ShadowsStandard, Some(&file), None, words);
            }
            continue;
        }
        let mut owners: Vec<&str> = owners_of(&top).to_vec();
        let guessed = crate::normalise(&top);
        if owners.is_empty()
            && !known
            && is_foremost(&guessed)
            && import_names(&guessed).0.contains(&top)
            && !ORDINARY.contains(&top.as_str())
        {
            owners.push(&guessed);
        }
        let kind = match owners
            .iter()
            .map(|owner| kinship(&own, owner))
            .min_by_key(|k| *k as u8)
        {
            None | Some(Kinship::Variant) => continue,
            Some(Kinship::Named) if known => continue,
            Some(Kinship::Named) => AnomalyKind::ShadowsKin,
            Some(Kinship::Stranger) => AnomalyKind::ShadowsModule,
        };
        let owner = owners.first().copied().unwrap_or_default();
        let words = format!(
            "it installs the module {}, which is that of the distribution {}",
            code(&top),
            code(owner)
        );
        r.tell(kind, Some(&file), None, words);
    }
}

/// The file that is imported under a name; a folder without one is a place that many distributions share.
fn holds(r: &Reader<'_>, top: &str) -> Option<String> {
    let is_it = |site: &str| {
        let rest = site.strip_prefix(top)?;
        let rest = rest.strip_prefix("/__init__").unwrap_or(rest);
        let ending = rest.rsplit('.').next().unwrap_or_default();
        (rest.starts_with('.') && matches!(ending, "py" | "pyc" | "so" | "pyd")).then_some(())
    };
    let found = r
        .out
        .members
        .iter()
        .find(|m| m.site.as_deref().and_then(is_it).is_some());
    found.map(|m| m.path.clone())
}

/// Modules of the standard library that much code imports.
const STANDARD: &[&str] = &[
    "abc",
    "argparse",
    "ast",
    "asyncio",
    "base64",
    "bisect",
    "builtins",
    "bz2",
    "codecs",
    "collections",
    "concurrent",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "ctypes",
    "dataclasses",
    "datetime",
    "decimal",
    "email",
    "encodings",
    "ensurepip",
    "enum",
    "fnmatch",
    "fractions",
    "ftplib",
    "functools",
    "getopt",
    "getpass",
    "glob",
    "gzip",
    "hashlib",
    "heapq",
    "hmac",
    "html",
    "http",
    "imaplib",
    "importlib",
    "inspect",
    "io",
    "ipaddress",
    "json",
    "linecache",
    "locale",
    "logging",
    "lzma",
    "mimetypes",
    "multiprocessing",
    "numbers",
    "optparse",
    "os",
    "pathlib",
    "pdb",
    "pickle",
    "pkgutil",
    "platform",
    "poplib",
    "posixpath",
    "ntpath",
    "queue",
    "random",
    "re",
    "runpy",
    "secrets",
    "select",
    "selectors",
    "shlex",
    "shutil",
    "signal",
    "site",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "stat",
    "statistics",
    "string",
    "struct",
    "subprocess",
    "sys",
    "tarfile",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "tokenize",
    "tomllib",
    "traceback",
    "types",
    "typing",
    "unittest",
    "urllib",
    "uuid",
    "venv",
    "warnings",
    "weakref",
    "webbrowser",
    "xml",
    "xmlrpc",
    "zipfile",
    "zipimport",
    "zlib",
    "zoneinfo",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_a_build_of_a_project_from_a_stranger() {
        let shown = |own: &str, owner: &str| match kinship(own, owner) {
            Kinship::Variant => "variant",
            Kinship::Named => "named",
            Kinship::Stranger => "stranger",
        };
        for (own, owner, expected) in [
            ("opencv-python-headless", "opencv-python", "variant"),
            ("torch-cpu", "torch", "variant"),
            ("torch-cu124", "torch", "variant"),
            ("pillow-simd", "pillow", "variant"),
            ("tensorflow-rocm", "tensorflow", "variant"),
            ("requests2", "requests", "variant"),
            ("requests-helper", "requests", "named"),
            ("foo-helper", "requests", "stranger"),
        ] {
            assert_eq!(shown(own, owner), expected, "{own} {owner}");
        }
    }
}
