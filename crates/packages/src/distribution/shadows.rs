//! Commands and modules of a distribution that take the place of others.

use super::{
    AnomalyKind, DistributionKind, Reader,
    layout::{Place, place},
};
use crate::import_names::{import_names, owners_of};
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

/// Modules that another distribution is known for. Variants of one (`opencv-python-headless`) bring its modules as well,
/// and their names begin or end with it.
fn modules(r: &mut Reader<'_>) {
    let Some(own) = r.out.name.clone() else { return };
    if r.out.kind != DistributionKind::Wheel {
        return;
    }
    let (own_modules, _) = import_names(&own);
    let tops: BTreeSet<String> = r.out.top_level.iter().cloned().collect();
    for top in tops {
        if own_modules.contains(&top) || crate::normalise(&top) == own {
            continue;
        }
        let owners = owners_of(&top);
        let akin = |owner: &&str| {
            let stem = owner.strip_prefix("python-").unwrap_or(owner);
            let stem = stem.strip_suffix("-python").unwrap_or(stem);
            own.contains(stem) || stem.contains(own.as_str())
        };
        if owners.is_empty() || owners.iter().any(akin) {
            continue;
        }
        let owner = owners.first().copied().unwrap_or_default();
        let words = format!(
            "it installs the module {}, which is that of the distribution {}",
            code(&top),
            code(owner)
        );
        r.tell(AnomalyKind::ShadowsModule, None, None, words);
    }
}
