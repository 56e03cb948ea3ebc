//! What a source distribution says of itself in `PKG-INFO` against its own `pyproject.toml`.
//!
//! Both are written from one place when it is built, so they differ only where one was changed afterwards.

use super::{AnomalyKind, Reader, identity::same_version};
use crate::name::normalise;
use wellhead_core::{Budget, code};
use wellhead_formats::text::{Node, toml};

pub(super) fn check(r: &mut Reader<'_>, budget: &mut Budget) {
    let path = format!("{}pyproject.toml", r.out.root);
    let Some(text) = r.text(&path).cloned() else {
        return;
    };
    let Ok(tree) = toml(&text, budget) else {
        // The reader of manifests tells of a file that is not TOML.
        return;
    };
    let field = |key: &str| {
        let node = tree
            .path(&["project", key])
            .or_else(|| tree.path(&["tool", "poetry", key]))?;
        Some((node.as_str()?.to_owned(), node.span.clone()))
    };
    if let (Some((stated, span)), Some(own)) = (field("name"), r.out.name.clone())
        && normalise(&stated) != own
    {
        let words = format!(
            "its `pyproject.toml` says {} and its `PKG-INFO` says {}",
            code(&stated),
            code(&own)
        );
        r.tell(AnomalyKind::Project, None, Some((&path, span)), words);
    }
    if let (Some((stated, span)), Some(own)) = (field("version"), r.out.version.clone())
        && !same_version(&stated, &own)
        // Poetry's plugins and others fill in a version that stands here as nought.
        && !stated.trim_start_matches(['0', '.']).is_empty()
    {
        let words = format!(
            "its `pyproject.toml` says {} and its `PKG-INFO` says {}",
            code(&stated),
            code(&own)
        );
        r.tell(AnomalyKind::Project, None, Some((&path, span)), words);
    }
    requirements(r, &tree, &path);
}

/// What is asked for in `PKG-INFO` and not in the project: what resolvers install is not what reviewers read.
fn requirements(r: &mut Reader<'_>, tree: &Node, path: &str) {
    let dynamic = tree.path(&["project", "dynamic"]).map_or(&[][..], Node::items);
    let is_dynamic = |key: &str| dynamic.iter().filter_map(Node::as_str).any(|d| d == key);
    let Some(listed) = tree.path(&["project", "dependencies"]) else {
        return;
    };
    if is_dynamic("dependencies") || is_dynamic("optional-dependencies") || r.out.metadata.is_none() {
        return;
    }
    let optional = tree.path(&["project", "optional-dependencies"]);
    let optional = optional
        .map_or(&[][..], Node::entries)
        .iter()
        .flat_map(|e| e.node.items());
    let stated: std::collections::BTreeSet<String> = listed
        .items()
        .iter()
        .chain(optional)
        .filter_map(Node::as_str)
        .map(name_of)
        .collect();
    let unstated: Vec<String> = r
        .out
        .requires()
        .iter()
        .filter(|needed| !needed.optional())
        .map(|needed| normalise(&needed.requirement.name))
        .filter(|name| !stated.contains(name))
        .collect();
    for name in unstated {
        let words = format!(
            "its `PKG-INFO` asks for {}, which its `pyproject.toml` does not",
            code(&name)
        );
        r.tell(
            AnomalyKind::Project,
            None,
            Some((path, listed.span.clone())),
            words,
        );
    }
}

fn name_of(requirement: &str) -> String {
    let name: String = requirement
        .trim()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .collect();
    normalise(&name)
}
