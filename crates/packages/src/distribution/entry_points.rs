//! `entry_points.txt`, as `importlib.metadata` reads it: sections of `name = module:attribute [extras]`.

use super::{DistributionKind, Reader};
use std::{ops::Range, sync::Arc};
use wellhead_core::Budget;
use wellhead_formats::text::{Node, json};

/// An entry point that a distribution provides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvidedEntry {
    /// The group: `console_scripts`, `pytest11`.
    pub group: String,
    /// Its name.
    pub name: String,
    /// The module that is imported for it.
    pub module: String,
    /// What is taken of the module.
    pub attribute: Option<String>,
    /// The member that says so, and the bytes in its text.
    pub place: (String, Range<usize>),
}

impl ProvidedEntry {
    /// Whether an installer makes a command of it.
    pub fn is_command(&self) -> bool {
        matches!(self.group.as_str(), "console_scripts" | "gui_scripts")
    }

    /// Whether whoever builds another package with setuptools loads it.
    pub fn is_build_hook(&self) -> bool {
        matches!(
            self.group.as_str(),
            "distutils.commands"
                | "distutils.setup_keywords"
                | "setuptools.finalize_distribution_options"
                | "setuptools.file_finders"
                | "egg_info.writers"
                | "hatch"
        )
    }
}

/// Most entry points that are kept; the largest real distributions have some thousand.
const MOST: usize = 20_000;

/// Reads `entry_points.txt`, which is called `path`.
pub fn read_entry_points(path: &str, text: &str, budget: &mut Budget) -> Vec<ProvidedEntry> {
    let mut out = Vec::new();
    let mut group = String::new();
    let mut at = 0_usize;
    for line in text.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let content = line.trim();
        if budget.steps((line.len() as u64).saturating_add(8)).is_err() || out.len() >= MOST {
            break;
        }
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|c| c.strip_suffix(']')) {
            name.trim().clone_into(&mut group);
            continue;
        }
        let Some((name, value)) = content.split_once(['=', ':']) else {
            continue;
        };
        let from = start.saturating_add(line.len().saturating_sub(line.trim_start().len()));
        let place = from..from.saturating_add(content.len());
        out.push(entry(&group, name, value, path, place));
    }
    out
}

fn entry(group: &str, name: &str, value: &str, path: &str, place: Range<usize>) -> ProvidedEntry {
    let value = value.split('[').next().unwrap_or_default().trim();
    let (module, attribute) = match value.split_once(':') {
        Some((module, attribute)) => (module.trim(), Some(attribute.trim().to_owned())),
        None => (value, None),
    };
    ProvidedEntry {
        group: group.to_owned(),
        name: name.trim().to_owned(),
        module: module.to_owned(),
        attribute: attribute.filter(|a| !a.is_empty()),
        place: (path.to_owned(), place),
    }
}

/// Finds the entry points of a distribution where its kind keeps them.
pub(super) fn gather(r: &mut Reader<'_>, budget: &mut Budget) {
    let root = r.out.root.clone();
    let mut found: Vec<ProvidedEntry> = Vec::new();
    let texts: Vec<(&str, &Arc<str>)> = r
        .by_path
        .iter()
        .filter(|(path, _)| is_kept(r.out.kind, &root, path))
        .filter_map(|(path, member)| Some((*path, member.text.as_ref()?)))
        .take(64)
        .collect();
    for (path, text) in texts {
        found.extend(read_entry_points(path, text, budget));
    }
    // A package of conda for every platform names its commands here, and conda writes them.
    if r.out.kind == DistributionKind::Conda
        && let Some(text) = r.text("info/link.json")
        && let Ok(tree) = json(text, budget)
    {
        let listed = tree
            .path(&["noarch", "entry_points"])
            .map_or(&[][..], Node::items);
        for node in listed.iter().take(MOST) {
            let Some((name, value)) = node.as_str().and_then(|line| line.split_once('=')) else {
                continue;
            };
            found.push(entry(
                "console_scripts",
                name,
                value,
                "info/link.json",
                node.span.clone(),
            ));
        }
    }
    if matches!(r.out.kind, DistributionKind::Sdist | DistributionKind::Folder) {
        found.extend(declared(r, &root, budget));
    }
    found.truncate(MOST);
    r.out.entry_points = found;
}

fn is_kept(kind: DistributionKind, root: &str, path: &str) -> bool {
    let Some(below) = path.strip_prefix(root) else {
        return false;
    };
    let Some(folder) = below
        .strip_suffix("entry_points.txt")
        .and_then(|f| f.strip_suffix('/'))
    else {
        return false;
    };
    match kind {
        DistributionKind::Egg => folder == "EGG-INFO",
        DistributionKind::Conda => folder.ends_with(".dist-info") || folder.ends_with(".egg-info"),
        DistributionKind::Sdist | DistributionKind::Folder => {
            folder.ends_with(".egg-info") && folder.matches('/').count() <= 1
        }
        DistributionKind::Wheel | DistributionKind::Installed | DistributionKind::Pyz => {
            !folder.contains('/') && (folder.ends_with(".dist-info") || folder.ends_with(".egg-info"))
        }
    }
}

/// Those of `pyproject.toml`, from which the wheel will have them.
fn declared(r: &Reader<'_>, root: &str, budget: &mut Budget) -> Vec<ProvidedEntry> {
    let path = format!("{root}pyproject.toml");
    let Some(text) = r.text(&path) else {
        return Vec::new();
    };
    let Ok(tree) = wellhead_formats::text::toml(text, budget) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let mut take = |group: &str, node: Option<&Node>| {
        for e in node.map_or(&[][..], Node::entries) {
            if let Some(written) = e.node.as_str() {
                out.push(entry(group, &e.key, written, &path, e.node.span.clone()));
            }
        }
    };
    take("console_scripts", tree.path(&["project", "scripts"]));
    take("gui_scripts", tree.path(&["project", "gui-scripts"]));
    take("console_scripts", tree.path(&["tool", "poetry", "scripts"]));
    for e in tree
        .path(&["project", "entry-points"])
        .map_or(&[][..], Node::entries)
    {
        take(&e.key, Some(&e.node));
    }
    out
}
