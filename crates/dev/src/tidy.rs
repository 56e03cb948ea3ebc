//! What no committed file may hold, and links that must lead somewhere.

use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Text that must not stand in the repository, where it may all the same, and why it must not. Written in two halves, so
/// that this table is not its own first finding.
const BANNED: &[(&str, &str, &[&str], &str)] = &[
    ("/wo", "rk/", &[], "a path of one machine"),
    ("/ro", "ot/", &[], "a path of one machine"),
    ("/bash_", "jobs", &[], "a path of one machine"),
    (
        "pypi",
        ".org",
        &["crates/packages/src/well_known.rs"],
        "hosts of registries stand in one table; use a `.example` name",
    ),
    (
        "files.python",
        "hosted.org",
        &["crates/packages/src/well_known.rs"],
        "hosts of registries stand in one table; use a `.example` name",
    ),
    ("TO", "DO", &[], "what is not done stands in SHORTCOMINGS.md"),
    ("FIX", "ME", &[], "what is not done stands in SHORTCOMINGS.md"),
];

/// Text files of the repository, as paths relative to it, with their content.
fn texts(root: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let walk = ignore::WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .git_global(false)
        .filter_entry(|e| e.file_name() != ".git")
        .build();
    for entry in walk {
        let entry = entry?;
        if !entry.file_type().is_some_and(|t| t.is_file()) {
            continue;
        }
        let path = entry.path();
        let relative = path
            .strip_prefix(root)
            .unwrap_or(path)
            .to_string_lossy()
            .replace('\\', "/");
        let content = fs::read(path).with_context(|| relative.clone())?;
        if let Ok(text) = String::from_utf8(content) {
            found.push((relative, text));
        }
    }
    found.sort();
    Ok(found)
}

/// Every banned text, as `file:line: why`.
///
/// # Errors
/// If a file cannot be read.
pub fn strays(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (path, text) in texts(root)? {
        for (first, second, allowed, why) in BANNED {
            if allowed.contains(&path.as_str()) {
                continue;
            }
            let banned = format!("{first}{second}");
            for (i, line) in text.lines().enumerate() {
                if line.contains(&banned) {
                    found.push(format!("{path}:{}: `{banned}`: {why}", i + 1));
                }
            }
        }
    }
    Ok(found)
}

/// Every relative link of a Markdown page that leads nowhere, as `page: link`.
///
/// # Errors
/// If a page cannot be read.
pub fn broken_links(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for (path, text) in texts(root)? {
        if !path.ends_with(".md") {
            continue;
        }
        let folder = Path::new(&path)
            .parent()
            .map_or_else(PathBuf::new, Path::to_path_buf);
        for link in links(&text) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            if !root.join(&folder).join(file).exists() {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    Ok(broken)
}

/// The targets of `[text](target)` outside of fenced blocks and code spans.
fn links(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        for piece in line.split("](").skip(1) {
            if let Some((target, _)) = piece.split_once(')') {
                found.push(target);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let page = "[a](x.md) and [`b`](y.md#z)\n```text\n[c](no.md)\n```\n";
        assert_eq!(links(page), ["x.md", "y.md#z"]);
    }
}
