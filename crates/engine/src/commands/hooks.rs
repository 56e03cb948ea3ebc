//! Hooks of pre-commit: each gets an environment of its own, into which `additional_dependencies` are installed.
//!
//! Only hooks of the configuration itself say their language. Of the others the spelling tells: `name@1.2` is no
//! requirement of Python, and `name==1.2` is nothing else.

use super::{Found, command, word};
use crate::facts::Fact;
use std::collections::BTreeMap;
use wellhead_formats::text::Node;

/// Whether a file of that name configures hooks.
pub(super) fn is_one(name: &str) -> bool {
    matches!(
        name,
        ".pre-commit-config.yaml" | ".pre-commit-config.yml" | ".pre-commit-hooks.yaml" | "prek.yaml"
    )
}

/// What the hooks install; what is not of Python is counted.
pub(super) fn read(root: &Node, facts: &mut Vec<Fact>) -> Found {
    let mut found = Found::default();
    let mut elsewhere: BTreeMap<&'static str, u64> = BTreeMap::new();
    let items = |node: &'_ Node, key: &str| node.get(key).map_or(0, |n| n.items().len());
    // The file of a repository that offers hooks is their list itself.
    let mut hooks: Vec<&Node> = root.items().iter().collect();
    for repository in root.get("repos").map_or(&[][..], Node::items) {
        hooks.extend(repository.get("hooks").map_or(&[][..], Node::items));
    }
    for hook in hooks
        .into_iter()
        .filter(|h| items(h, "additional_dependencies") > 0)
    {
        let language = hook.get("language").and_then(Node::as_str);
        let list = hook.get("additional_dependencies").map_or(&[][..], Node::items);
        for node in list {
            let Some(text) = node.as_text() else { continue };
            match installer(language, text) {
                Tool::Pip => {
                    let words = ["pip", "install", text].map(|t| word(t, &node.span));
                    found.commands.push(command(words.into()));
                }
                Tool::Conda => {
                    let words = ["conda", "install", text].map(|t| word(t, &node.span));
                    found.commands.push(command(words.into()));
                }
                Tool::Other(tool) => {
                    let n = elsewhere.entry(tool).or_default();
                    *n = n.saturating_add(1);
                }
            }
        }
    }
    facts.extend(elsewhere.into_iter().map(|(tool, n)| Fact::Elsewhere(tool, n)));
    found
}

enum Tool {
    Pip,
    Conda,
    Other(&'static str),
}

fn installer(language: Option<&str>, text: &str) -> Tool {
    match language {
        Some("python" | "python_venv") => Tool::Pip,
        Some("conda") => Tool::Conda,
        Some("node") => Tool::Other("npm"),
        Some("golang") => Tool::Other("go"),
        Some("rust") => Tool::Other("cargo"),
        Some("ruby") => Tool::Other("gem"),
        Some("r") => Tool::Other("R"),
        Some("perl") => Tool::Other("cpan"),
        Some(_) => Tool::Other("pre-commit"),
        None if text.starts_with("cli:") => Tool::Other("cargo"),
        None => {
            // `name @ address` is a requirement, `name@1.2` and `@scope/name` are npm's.
            let (before, behind) = text.split_once('@').unwrap_or((text, ""));
            let npm = !behind.is_empty() && !before.ends_with(' ') && !before.contains(['=', '/', ':']);
            if npm { Tool::Other("npm") } else { Tool::Pip }
        }
    }
}
