//! What projects declare: requirements files, `pyproject.toml`, locks.
//!
//! Every reader ends in one [`Manifest`]. Its [`Line`]s account for the whole text: a line that is neither understood
//! nor a comment is a [`Problem`], never a gap.

mod bom;
mod commands;
mod document;
mod identify;
mod installed;
mod lines;
mod lock;
mod marker;
mod poetry;
mod pyproject;
mod requirement;
mod requirements;
mod source;

pub use bom::{identify_bom, read_bom};
pub use commands::{Spoken, read_installs};
pub use identify::identify_manifest;
pub use installed::{InstalledFile, of_metadata, read_installed};
pub use lock::{read_poetry_lock, read_pylock, read_uv_lock};
pub use pyproject::read_pyproject;
pub(crate) use requirement::specifiers;
pub use requirement::{Requirement, RequirementError, Wanted};
pub(crate) use requirements::from_requirement;
pub use requirements::read_requirements;
pub use source::is_commit;

use crate::index::IndexSettings;
use std::ops::Range;
use wellhead_core::{ArtifactPath, Budget, Component, Location, Outcome};

/// The kinds of files that declare dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManifestKind {
    /// A requirements file of pip.
    Requirements,
    /// A constraints file of pip: it pins and installs nothing.
    Constraints,
    /// `pyproject.toml`.
    Pyproject,
    /// `uv.lock`.
    UvLock,
    /// `poetry.lock`.
    PoetryLock,
    /// `pylock.toml` (PEP 751).
    Pylock,
    /// `pip.conf`, `pip.ini`: no packages, only where they come from.
    PipConfig,
    /// Commands that install, in a recipe or a script.
    Commands,
    /// Packages found installed: an environment, an image, or what a wheel holds.
    Installed,
    /// A bill of materials by CycloneDX.
    CycloneDx,
    /// A bill of materials by SPDX.
    Spdx,
}

impl ManifestKind {
    /// The name in every machine format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requirements => "requirements",
            Self::Constraints => "constraints",
            Self::Pyproject => "pyproject",
            Self::UvLock => "uv-lock",
            Self::PoetryLock => "poetry-lock",
            Self::Pylock => "pylock",
            Self::PipConfig => "pip-config",
            Self::Commands => "commands",
            Self::Installed => "installed",
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
        }
    }

    /// Whether it only records what is there: nothing gets installed by it, and it settles nothing.
    pub fn is_record(self) -> bool {
        matches!(self, Self::Installed | Self::CycloneDx | Self::Spdx)
    }

    /// Whether the file names every package that gets installed, exactly.
    pub fn is_lock(self) -> bool {
        matches!(self, Self::UvLock | Self::PoetryLock | Self::Pylock)
    }
}

/// What one line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineUse {
    /// Nothing stands there, or only a comment.
    Empty,
    /// It declares the component of that place in [`Manifest::components`].
    Component(usize),
    /// It changes how others are installed, or from where.
    Setting,
    /// It names another file, by its place in [`Manifest::includes`].
    Include(usize),
    /// It could not be understood, by its place in [`Manifest::problems`].
    Problem(usize),
}

/// A logical line: continuation lines belong to the line they continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// What it is.
    pub is: LineUse,
}

/// Another file that belongs to this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The path or address as it was written.
    pub path: String,
    /// What the file is read as.
    pub kind: ManifestKind,
    /// The line that names it.
    pub declared: Location,
}

/// A line, or a part of a document, that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, without a full stop; safe to show.
    pub message: String,
    /// Where.
    pub at: Location,
}

/// One file that declares dependencies, or where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// What kind of file it is.
    pub kind: ManifestKind,
    /// The project that the file belongs to, where it says.
    pub project: Option<ProjectFacts>,
    /// The components it declares, in the order of the text.
    pub components: Vec<Component>,
    /// Its lines; empty for structured files.
    pub lines: Vec<Line>,
    /// Where it says packages come from.
    pub indexes: IndexSettings,
    /// Other files that it names.
    pub includes: Vec<Include>,
    /// What could not be understood.
    pub problems: Vec<Problem>,
    /// How the reading ended.
    pub outcome: Outcome,
}

/// What a file says of its project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectFacts {
    /// The project's name in its normal form.
    pub name: Option<String>,
    /// Whether it is made to be installed by others: it has a build system or says it is a package.
    pub library: bool,
}

impl Manifest {
    pub(crate) fn new(kind: ManifestKind) -> Self {
        Self {
            kind,
            project: None,
            components: Vec::new(),
            lines: Vec::new(),
            indexes: IndexSettings::default(),
            includes: Vec::new(),
            problems: Vec::new(),
            outcome: Outcome::Analysed,
        }
    }

    /// A manifest that declares nothing yet, for what is put together from several files.
    pub fn empty(kind: ManifestKind) -> Self {
        Self::new(kind)
    }

    /// A manifest that could not be read at all, with the reason at its place.
    pub(crate) fn unreadable(kind: ManifestKind, message: String, at: Location) -> Self {
        let mut manifest = Self::new(kind);
        manifest.outcome = Outcome::NotAnalysed { why: message.clone() };
        manifest.problems.push(Problem { message, at });
        manifest
    }
}

/// Reads a file as what [`identify_manifest`] said it is.
pub fn read_manifest(
    kind: ManifestKind,
    artifact: &ArtifactPath,
    text: &str,
    budget: &mut Budget,
) -> Manifest {
    match kind {
        ManifestKind::Requirements | ManifestKind::Constraints => {
            read_requirements(kind, artifact, text, budget)
        }
        ManifestKind::Pyproject => read_pyproject(artifact, text, budget),
        ManifestKind::UvLock => read_uv_lock(artifact, text, budget),
        ManifestKind::PoetryLock => read_poetry_lock(artifact, text, budget),
        ManifestKind::Pylock => read_pylock(artifact, text, budget),
        ManifestKind::PipConfig => crate::index::read_pip_config(artifact, text, budget),
        // Words of a command are not to be had from a text alone: see `read_installs`.
        ManifestKind::Commands => Manifest::new(kind),
        // What is installed is read from many files: see `read_metadata`.
        ManifestKind::Installed => Manifest::new(kind),
        ManifestKind::CycloneDx | ManifestKind::Spdx => read_bom(kind, artifact, text, None, budget),
    }
}
