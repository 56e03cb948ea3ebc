//! What is made, what is there, and the difference.

use crate::{cli, docs, examples, formats, fuzz, regions, schemas};
use anyhow::{Context, Result};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A file as it should be; paths are relative to the repository and use `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Where it belongs.
    pub path: String,
    /// All of its content.
    pub content: Vec<u8>,
}

impl Made {
    /// A text file.
    pub fn text(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            content: content.into().into_bytes(),
        }
    }
}

/// A family of generated files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The reference, and the outputs that pages show.
    Docs,
    /// The model files of the examples.
    Examples,
    /// The manifest of the fuzz crate.
    Fuzz,
    /// The schemas of the configuration and the report.
    Schemas,
}

impl Kind {
    /// All of them, in the order in which they depend on one another.
    pub const ALL: &'static [Self] = &[Self::Fuzz, Self::Schemas, Self::Examples, Self::Docs];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docs => "docs",
            Self::Examples => "examples",
            Self::Fuzz => "fuzz",
            Self::Schemas => "schemas",
        }
    }

    /// Everything of this kind as it should be.
    ///
    /// # Errors
    /// If something that it is derived from cannot be read.
    pub fn made(self, root: &Path, program: &Path) -> Result<Vec<Made>> {
        match self {
            Self::Docs => {
                let mut made = docs::rules();
                made.extend(formats::formats());
                made.push(Made::text(
                    "docs/reference/cli.md",
                    cli::reference(wellhead::command()),
                ));
                made.extend(regions::pages(root, program)?);
                Ok(made)
            }
            Self::Examples => examples::all(),
            Self::Fuzz => Ok(vec![fuzz::manifest(root)?]),
            Self::Schemas => schemas::all(),
        }
    }

    /// Folders that hold nothing else: a file there that is not made is left over.
    fn owned(self) -> &'static [&'static str] {
        match self {
            Self::Docs => &["docs/reference/rules", "docs/reference/formats"],
            Self::Schemas => &["docs/schema"],
            Self::Examples | Self::Fuzz => &[],
        }
    }
}

/// A file that is not as it should be.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which.
    pub path: String,
    /// What it should hold; `None` if it should not be there.
    pub content: Option<Vec<u8>>,
}

impl Change {
    /// Makes it so.
    ///
    /// # Errors
    /// If the file cannot be written or removed.
    pub fn apply(&self, root: &Path) -> Result<()> {
        let path = root.join(&self.path);
        match &self.content {
            Some(content) => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(&path, content)
            }
            None => fs::remove_file(&path),
        }
        .with_context(|| self.path.clone())
    }
}

/// The root of the repository, from where this crate lies.
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root.pop();
    root
}

/// What has to change for everything of `kind` to be as it should; `program` is this tool's binary.
///
/// # Errors
/// If something that it is derived from cannot be read.
pub fn changes(root: &Path, program: &Path, kind: Kind) -> Result<Vec<Change>> {
    let made = kind.made(root, program)?;
    let mut changes = Vec::new();
    for file in &made {
        let there = fs::read(root.join(&file.path)).ok();
        if there.as_deref() != Some(&file.content) {
            changes.push(Change {
                path: file.path.clone(),
                content: Some(file.content.clone()),
            });
        }
    }
    let expected: BTreeSet<&str> = made.iter().map(|f| f.path.as_str()).collect();
    for folder in kind.owned() {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            continue;
        };
        for entry in entries {
            let path = format!("{folder}/{}", entry?.file_name().to_string_lossy());
            if !expected.contains(path.as_str()) {
                changes.push(Change { path, content: None });
            }
        }
    }
    Ok(changes)
}
