//! A model repository: a folder (or archive) of weights, configurations, cards and code that a loader takes as one.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::ArtifactPath;
use wellhead_formats::text::Node;
use wellhead_pycode::{Deed, Module};

/// What lies together, by path below the repository's own folder.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// The folder, relative to the target; empty for the target itself.
    pub folder: String,
    /// What the repository is called, as far as its folder tells: `org/name` or `name`.
    pub name: Option<String>,
    /// Whether configurations or a card say that it is a model; weights alone do not make one.
    pub is_model: bool,
    /// All files.
    pub files: BTreeMap<String, RepositoryFile>,
    /// Structured texts: configurations, indexes of shards.
    pub documents: BTreeMap<String, Document>,
    /// Other texts that say something of the model: its card, templates, recipes.
    pub texts: BTreeMap<String, Prose>,
    /// Python.
    pub scripts: BTreeMap<String, Script>,
    /// Scripts that the loader imports whatever the configurations say: those of an archive that carries its own code.
    pub imported: BTreeSet<String>,
}

/// A file of a repository.
#[derive(Clone, Debug)]
pub struct RepositoryFile {
    /// Its place in the target.
    pub artifact: ArtifactPath,
    /// What it was taken for, by content.
    pub format: Option<Cow<'static, str>>,
    /// The digest that the cache of a hub states for it, and the one of its bytes, where they were compared and differ.
    pub mismatch: Option<Mismatch>,
}

/// Bytes that are not those that were promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was promised: SHA-256, or the object id of git, in hexadecimal digits.
    pub promised: String,
    /// What is there.
    pub found: String,
    /// Who promises it, for people.
    pub by: String,
}

/// A structured text.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its place in the target.
    pub artifact: ArtifactPath,
    /// Its text.
    pub text: Arc<str>,
    /// Its tree.
    pub root: Node,
}

/// A text without a tree.
#[derive(Clone, Debug)]
pub struct Prose {
    /// Its place in the target.
    pub artifact: ArtifactPath,
    /// Its text.
    pub text: Arc<str>,
    /// The Python in its code blocks, with where each block starts.
    pub code: Vec<(usize, Module)>,
}

/// A Python file.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its place in the target.
    pub artifact: ArtifactPath,
    /// What is known of it.
    pub module: Module,
    /// What it does that a model has no need of.
    pub deeds: Vec<Deed>,
}

impl Repository {
    /// The last part of a path.
    pub(super) fn file_name(path: &str) -> &str {
        path.rsplit('/').next().unwrap_or(path)
    }

    /// The folder of a path, with its slash; empty at the top.
    pub(super) fn folder_of(path: &str) -> &str {
        path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default()
    }

    /// The script that a dotted module name means, seen from a folder: beside it, or in a folder above.
    pub(super) fn module(&self, folder: &str, dotted: &str) -> Option<&str> {
        let path = dotted.trim_matches('.').replace('.', "/");
        if path.is_empty() {
            return None;
        }
        let mut folder = folder;
        loop {
            for name in [
                format!("{folder}{path}.py"),
                format!("{folder}{path}/__init__.py"),
            ] {
                if let Some((found, _)) = self.scripts.get_key_value(&name) {
                    return Some(found);
                }
            }
            if folder.is_empty() {
                return None;
            }
            folder = Self::folder_of(folder.trim_end_matches('/'));
        }
    }
}
