//! What projects declare: requirements files, `pyproject.toml`, locks.
//!
//! Every reader ends in one [`Manifest`]. Its [`Line`]s account for the whole text: a line that is neither understood
//! nor a comment is a [`Problem`], never a gap.

pub(crate) mod bom;
mod commands;
mod conda;
mod conda_explicit;
mod conda_lock;
mod content;
pub(crate) mod document;
mod hatch;
mod identify;
mod installed;
mod installers;
mod lines;
mod lock;
mod marker;
mod matchspec;
mod parts;
mod pdm;
mod pipfile;
mod pixi;
mod pixi_lock;
mod poetry;
mod pyproject;
mod requirement;
mod requirements;
mod script;
mod setuptools;
mod shape;
mod source;

pub use bom::{identify_bom, read_bom};
pub use commands::{Spoken, is_index_variable, read_installs};
pub use content::identify_by_content;
pub use identify::{identify_lock, identify_manifest, identify_tree};
pub use installed::{InstalledFile, of_metadata, read_installed};
pub use installers::installs_elsewhere;
pub use lock::{read_poetry_lock, read_pylock, read_uv_lock};
pub use pyproject::read_pyproject;
pub use requirement::{Requirement, RequirementError, Wanted};
pub(crate) use requirement::{alternatives, specifiers};
pub(crate) use requirements::from_requirement;
pub use requirements::read_requirements;
pub use source::is_commit;

use crate::index::IndexSettings;
use std::ops::Range;
use wellhead_core::{ArtifactPath, Budget, Component, Location, Outcome};

/// The kinds of files that declare dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
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
    /// `uv.toml`: no packages, only where they come from.
    UvConfig,
    /// `poetry.toml`: likewise, for Poetry.
    PoetryConfig,
    /// `pdm.toml`: likewise, for PDM.
    PdmConfig,
    /// `.condarc`, `.mambarc`: likewise, for conda.
    CondaConfig,
    /// Commands that install, in a recipe or a script.
    Commands,
    /// Packages found installed: an environment, an image, or what a wheel holds.
    Installed,
    /// A bill of materials by CycloneDX.
    CycloneDx,
    /// A bill of materials by SPDX.
    Spdx,
    /// `pdm.lock`.
    PdmLock,
    /// `Pipfile` of Pipenv.
    Pipfile,
    /// `Pipfile.lock`.
    PipfileLock,
    /// Metadata inside of a script (PEP 723).
    Script,
    /// `environment.yml` of conda.
    CondaEnvironment,
    /// `conda-lock.yml`.
    CondaLock,
    /// A list of conda packages by their addresses (`@EXPLICIT`), or by name, version and build.
    CondaExplicit,
    /// `pixi.toml`.
    Pixi,
    /// `pixi.lock`.
    PixiLock,
    /// `hatch.toml`.
    Hatch,
    /// `setup.cfg`.
    SetupCfg,
    /// `setup.py`, of which only literal lists are read.
    SetupPy,
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
            Self::UvConfig => "uv-config",
            Self::CondaConfig => "conda-config",
            Self::PoetryConfig => "poetry-config",
            Self::PdmConfig => "pdm-config",
            Self::Commands => "commands",
            Self::Installed => "installed",
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
            Self::PdmLock => "pdm-lock",
            Self::Pipfile => "pipfile",
            Self::PipfileLock => "pipfile-lock",
            Self::Script => "script",
            Self::CondaEnvironment => "conda-environment",
            Self::CondaLock => "conda-lock",
            Self::CondaExplicit => "conda-explicit",
            Self::Pixi => "pixi",
            Self::PixiLock => "pixi-lock",
            Self::Hatch => "hatch",
            Self::SetupCfg => "setup-cfg",
            Self::SetupPy => "setup-py",
        }
    }

    /// Whether it only records what is there: nothing gets installed by it, and it settles nothing.
    pub fn is_record(self) -> bool {
        matches!(self, Self::Installed | Self::CycloneDx | Self::Spdx)
    }

    /// Whether the file names every package that gets installed, exactly.
    pub fn is_lock(self) -> bool {
        matches!(self, Self::UvLock | Self::PoetryLock | Self::Pylock)
            || matches!(self, Self::PdmLock | Self::PipfileLock)
            || self.is_conda_lock()
    }

    /// Whether it is a lock of conda or pixi, which settles packages of conda as well.
    pub fn is_conda_lock(self) -> bool {
        matches!(self, Self::CondaLock | Self::CondaExplicit | Self::PixiLock)
    }
}

/// What one line is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// What it is.
    pub is: LineUse,
}

/// Another file that belongs to this one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Include {
    /// The path or address as it was written.
    pub path: String,
    /// What the file is read as.
    pub kind: ManifestKind,
    /// The line that names it.
    pub declared: Location,
}

/// A line, or a part of a document, that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// What is wrong, without a full stop; safe to show.
    pub message: String,
    /// Where.
    pub at: Location,
}

/// One file that declares dependencies, or where they come from.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
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
    /// From which component on another part of the file begins, in order.
    pub scopes: Vec<(usize, Scope)>,
}

/// The part of a file that declares a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Scope {
    /// What is always installed.
    #[default]
    Main,
    /// An extra or a group: installed where it is asked for.
    Optional,
    /// What builds the project.
    Build,
    /// Constraints: they limit versions and install nothing.
    Constraint,
    /// What takes the place of what packages declare.
    Replacing,
    /// An environment of its own that a tool makes.
    Separate,
    /// What pixi always installs.
    Pixi,
    /// A feature of pixi: installed in environments that name it.
    PixiFeature,
}

impl Scope {
    /// Whether the lock of the project covers it.
    pub(crate) fn is_installed(self) -> bool {
        matches!(self, Self::Main | Self::Optional)
    }
}

/// What a file says of its project.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProjectFacts {
    /// The project's name in its normal form.
    pub name: Option<String>,
    /// Whether it is made to be installed by others: it has a build system or says it is a package.
    pub library: bool,
    /// In a lock, the projects that it was made for, itself included.
    pub members: Vec<String>,
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
            scopes: Vec::new(),
        }
    }

    /// A manifest that declares nothing yet, for what is put together from several files.
    pub fn empty(kind: ManifestKind) -> Self {
        Self::new(kind)
    }

    /// Says that components from here on belong to another part of the file.
    pub(crate) fn begin(&mut self, scope: Scope) {
        self.scopes.push((self.components.len(), scope));
    }

    /// The part of the file that declares a component.
    pub fn scope_of(&self, component: usize) -> Scope {
        let after = self.scopes.partition_point(|(from, _)| *from <= component);
        let last = after.checked_sub(1).and_then(|i| self.scopes.get(i));
        last.map_or(Scope::Main, |(_, scope)| *scope)
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
        ManifestKind::UvConfig => crate::index::read_uv_config(artifact, text, budget),
        ManifestKind::CondaConfig => crate::index::read_conda_config(artifact, text, budget),
        ManifestKind::PoetryConfig => crate::index::read_poetry_config(artifact, text, budget),
        ManifestKind::PdmConfig => crate::index::read_pdm_config(artifact, text, budget),
        // Words of a command are not to be had from a text alone: see `read_installs`.
        ManifestKind::Commands => Manifest::new(kind),
        // What is installed is read from many files: see `read_metadata`.
        ManifestKind::Installed => Manifest::new(kind),
        ManifestKind::CycloneDx | ManifestKind::Spdx => read_bom(kind, artifact, text, None, budget),
        ManifestKind::PdmLock => pdm::read(artifact, text, budget),
        ManifestKind::Pipfile => pipfile::read(artifact, text, budget),
        ManifestKind::PipfileLock => pipfile::read_lock(artifact, text, budget),
        ManifestKind::Script => script::read(artifact, text, budget),
        ManifestKind::CondaEnvironment => conda::read(artifact, text, budget),
        ManifestKind::CondaLock => conda_lock::read(artifact, text, budget),
        ManifestKind::CondaExplicit => conda_explicit::read(artifact, text, budget),
        ManifestKind::Pixi => pixi::read(artifact, text, budget),
        ManifestKind::PixiLock => pixi_lock::read(artifact, text, budget),
        ManifestKind::Hatch => hatch::read(artifact, text, budget),
        ManifestKind::SetupCfg => setuptools::read_cfg(artifact, text, budget),
        ManifestKind::SetupPy => setuptools::read_py(artifact, text, budget),
    }
}

#[cfg(test)]
mod testing {
    use super::Manifest;
    use wellhead_core::{Bucket, Source, Span};

    /// One row for everything that was understood, and for what was not.
    pub(super) fn shown(m: &Manifest) -> String {
        let line = |at: &wellhead_core::Location| match &at.span {
            Span::Text { start, .. } => start.line,
            _ => 0,
        };
        let mut rows: Vec<String> = Vec::new();
        for c in &m.components {
            let bucket = match &c.bucket {
                Bucket::Exact => "exact".to_owned(),
                Bucket::Unpinned => "unpinned".to_owned(),
                Bucket::Unauditable { why } => format!("unauditable ({why})"),
            };
            let source = match &c.source {
                Source::Registry { url: None } => String::new(),
                Source::Registry { url: Some(url) } => format!(" from {url}"),
                Source::Vcs { url, revision } => format!(" git {url} {revision:?}"),
                Source::Url { url } => format!(" at {url}"),
                Source::Path { path, editable } => format!(" path {path} {editable}"),
            };
            let hashes = match c.hashes.len() {
                0 => String::new(),
                n => format!(" hashes={n}"),
            };
            let mut more = c.marker.iter().map(|m| format!(" ; {m}")).collect::<String>();
            more.push_str(&match c.direct {
                Some(true) => " direct".to_owned(),
                _ if c.via.is_empty() => String::new(),
                _ => format!(" via {}", c.via.join(" < ")),
            });
            rows.push(format!(
                "{}: {}/{} {}{} {bucket}{source}{hashes}{more}",
                line(&c.declared),
                c.ecosystem.name(),
                c.name,
                c.version.as_deref().unwrap_or("-"),
                c.specifier
                    .as_deref()
                    .map(|s| format!(" ({s})"))
                    .unwrap_or_default(),
            ));
        }
        let problems = m.problems.iter();
        rows.extend(problems.map(|p| format!("{}: problem: {}", line(&p.at), p.message)));
        let includes = m.includes.iter();
        rows.extend(includes.map(|i| format!("{}: {} {}", line(&i.declared), i.kind.name(), i.path)));
        let entries = m.indexes.entries.iter();
        rows.extend(entries.map(|e| {
            format!(
                "{}: index {:?} {:?} {}",
                line(&e.declared),
                e.manager,
                e.role,
                e.address.shown
            )
        }));
        let hosts = m.indexes.trusted_hosts.iter();
        rows.extend(hosts.map(|h| format!("trusted: {}", h.host)));
        rows.extend(
            m.indexes
                .pinned
                .iter()
                .map(|(p, i)| format!("pinned: {p} to {i}")),
        );
        rows.extend(m.outcome.why().map(|why| format!("outcome: {why}")));
        rows.join("\n")
    }
}
