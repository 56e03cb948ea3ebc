//! Addresses and paths that stand where a version could: what they pin, and what can be said of it.

use crate::{index::Address, name::normalise, version::parse};
use wellhead_core::{Digest, Source, escape};

/// What an address or a path says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// Where it is.
    pub(super) source: Source,
    /// The name that a file's name, or `#egg=`, gives.
    pub(super) name: Option<String>,
    /// The version that a file's name gives.
    pub(super) version: Option<String>,
    /// Digests in the fragment.
    pub(super) hashes: Vec<Digest>,
    /// Why it cannot be judged by advisories, unless a version is known.
    pub(super) why: &'static str,
}

const ARCHIVES: [&str; 7] = [".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".zip", ".tar"];

/// Whether a bare word of a requirements file is a path or an address, and no name.
pub(super) fn is_place(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let bare = lower.split(['#', '?', '[']).next().unwrap_or_default();
    text.contains("://")
        || text.starts_with('.')
        || text.starts_with('~')
        || text.contains(['/', '\\'])
        || lower.starts_with("file:")
        || bare.ends_with(".whl")
        || ARCHIVES.iter().any(|end| bare.ends_with(end))
}

/// Reads an address or a path.
pub(super) fn place(text: &str, editable: bool) -> Place {
    let (body, fragment) = text.split_once('#').unwrap_or((text, ""));
    let mut name = None;
    let mut hashes = Vec::new();
    for part in fragment.split('&') {
        match part.split_once('=') {
            Some(("egg", egg)) => {
                let bare = egg.split(['[', ' ']).next().unwrap_or_default();
                name = (!bare.is_empty()).then(|| escape(bare));
            }
            _ => hashes.extend(Digest::parse(part)),
        }
    }
    if let Some((_, scheme, rest)) = vcs(body) {
        return repository(scheme, rest, name, hashes);
    }
    let path = body
        .split(['?'])
        .next()
        .unwrap_or_default()
        .trim_end_matches(['/', '\\']);
    let file = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let file = percent_decoded(file.split('[').next().unwrap_or_default());
    let (from_file, version) = from_file_name(&file);
    let address = Address::new(body);
    let local = address.scheme.is_empty()
        || address.scheme == "file"
        || body.to_ascii_lowercase().starts_with("file:");
    let of_repository = || (!local).then(|| repository_of_archive(path)).flatten();
    let name = name.or(from_file).or_else(of_repository).or_else(|| stem(&file));
    let (source, why) = if local {
        let source = Source::Path {
            path: escape(body),
            editable,
        };
        (source, "a path of the project")
    } else {
        let source = Source::Url { url: address.shown };
        (source, "an address without a version in its file name")
    };
    Place {
        source,
        name,
        version,
        hashes,
        why,
    }
}

/// Splits `git+https://…` into the system, the scheme, and the whole address without the prefix.
fn vcs(text: &str) -> Option<(&str, &str, &str)> {
    let (scheme, _) = text.split_once("://")?;
    if scheme.eq_ignore_ascii_case("git") {
        return Some(("git", "git", text));
    }
    let (system, inner) = scheme.split_once('+')?;
    let known = ["git", "hg", "svn", "bzr"]
        .iter()
        .any(|s| system.eq_ignore_ascii_case(s));
    let rest = text.get(system.len().saturating_add(1)..)?;
    known.then_some((system, inner, rest))
}

fn repository(_scheme: &str, rest: &str, name: Option<String>, hashes: Vec<Digest>) -> Place {
    let path_at = rest
        .find("://")
        .map_or(0, |i| i.saturating_add(3))
        .saturating_add(rest.split_once("://").and_then(|(_, r)| r.find('/')).unwrap_or(0));
    let (head, path) = rest.split_at_checked(path_at).unwrap_or((rest, ""));
    let (path, revision) = match path.rsplit_once('@') {
        Some((path, revision)) => (path, Some(escape(revision))),
        None => (path, None),
    };
    let why = match &revision {
        Some(r) if is_commit(r) => "a commit of a repository, which no advisory names",
        Some(_) => "a branch or tag of a repository, which can move",
        None => "a repository at whatever its default branch is",
    };
    let file = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Place {
        source: Source::Vcs {
            url: Address::new(&format!("{head}{path}")).shown,
            revision,
        },
        name: name.or_else(|| stem(file.trim_end_matches(".git"))),
        version: None,
        hashes,
        why,
    }
}

/// Whether a revision is a whole commit and so cannot move.
pub fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Name and version from the name of a wheel or a source archive.
pub(super) fn from_file_name(file: &str) -> (Option<String>, Option<String>) {
    if let Some(stem) = file.strip_suffix(".whl") {
        let parts: Vec<&str> = stem.split('-').collect();
        if let [name, version, .., _, _, _] = parts.as_slice()
            && (5..=6).contains(&parts.len())
        {
            let version = parse(version).map(|_| escape(version));
            return (Some(escape(name)), version);
        }
        return (None, None);
    }
    let lower = file.to_ascii_lowercase();
    let Some(end) = ARCHIVES.iter().find(|end| lower.ends_with(**end)) else {
        return (None, None);
    };
    let stem = file
        .get(..file.len().saturating_sub(end.len()))
        .unwrap_or_default();
    match stem.rsplit_once('-') {
        Some((name, version)) if parse(version).is_some() && crate::name::is_valid(name) => {
            (Some(escape(name)), Some(escape(version)))
        }
        _ => (None, None),
    }
}

/// `r` of `https://host.example/o/r/archive/main.zip`: the file is named for the branch.
fn repository_of_archive(path: &str) -> Option<String> {
    let (before, _) = path.split_once("/archive/")?;
    let (_, name) = before.trim_end_matches("/-").rsplit_once('/')?;
    (!normalise(name).is_empty()).then(|| escape(name))
}

fn stem(file: &str) -> Option<String> {
    let lower = file.to_ascii_lowercase();
    let end = ARCHIVES.iter().find(|end| lower.ends_with(**end));
    let stem = file
        .get(..file.len().saturating_sub(end.map_or(0, |e| e.len())))
        .unwrap_or_default();
    let name = stem.trim_matches('.');
    (!name.is_empty() && !normalise(name).is_empty()).then(|| escape(name))
}

fn percent_decoded(text: &str) -> String {
    text.replace("%2B", "+").replace("%2b", "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let shown: Vec<String> = [
            "https://files.example/ray-2.9.0-cp311-cp311-manylinux2014_x86_64.whl",
            "https://files.example/torch-2.2.0%2Bcu121-cp311-cp311-linux_x86_64.whl#sha256=abcd",
            "https://files.example/a-b-1.2.tar.gz",
            "https://github.com/o/r/archive/refs/heads/main.zip",
            "git+https://github.com/huggingface/peft.git@main#egg=peft",
            "git+https://u:***@github.com/o/r@0123456789abcdef0123456789abcdef01234567",
            "git+ssh://git@github.com/o/r.git",
            "./local_pkg",
            "../wheels/x-1.0-py3-none-any.whl",
            "file:///opt/x",
            ".",
        ]
        .iter()
        .map(|t| {
            let p = place(t, false);
            format!("{t}\n    {:?} {:?} {:?} {}", p.source, p.name, p.version, p.why)
        })
        .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        https://files.example/ray-2.9.0-cp311-cp311-manylinux2014_x86_64.whl
            Url { url: "https://files.example/ray-2.9.0-cp311-cp311-manylinux2014_x86_64.whl" } Some("ray") Some("2.9.0") an address without a version in its file name
        https://files.example/torch-2.2.0%2Bcu121-cp311-cp311-linux_x86_64.whl#sha256=abcd
            Url { url: "https://files.example/torch-2.2.0%2Bcu121-cp311-cp311-linux_x86_64.whl" } Some("torch") Some("2.2.0+cu121") an address without a version in its file name
        https://files.example/a-b-1.2.tar.gz
            Url { url: "https://files.example/a-b-1.2.tar.gz" } Some("a-b") Some("1.2") an address without a version in its file name
        https://github.com/o/r/archive/refs/heads/main.zip
            Url { url: "https://github.com/o/r/archive/refs/heads/main.zip" } Some("r") None an address without a version in its file name
        git+https://github.com/huggingface/peft.git@main#egg=peft
            Vcs { url: "https://github.com/huggingface/peft.git", revision: Some("main") } Some("peft") None a branch or tag of a repository, which can move
        git+https://u:***@github.com/o/r@0123456789abcdef0123456789abcdef01234567
            Vcs { url: "https://github.com/o/r", revision: Some("0123456789abcdef0123456789abcdef01234567") } Some("r") None a commit of a repository, which no advisory names
        git+ssh://git@github.com/o/r.git
            Vcs { url: "ssh://github.com/o/r.git", revision: None } Some("r") None a repository at whatever its default branch is
        ./local_pkg
            Path { path: "./local_pkg", editable: false } Some("local_pkg") None a path of the project
        ../wheels/x-1.0-py3-none-any.whl
            Path { path: "../wheels/x-1.0-py3-none-any.whl", editable: false } Some("x") Some("1.0") a path of the project
        file:///opt/x
            Path { path: "file:///opt/x", editable: false } Some("x") None a path of the project
        .
            Path { path: ".", editable: false } None None a path of the project
        "#);
    }
}
