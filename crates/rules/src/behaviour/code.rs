//! The code of one distribution, as rules see it.

use std::{collections::BTreeMap, sync::Arc};
use wellhead_core::ArtifactPath;
use wellhead_packages::distribution::Trigger;
use wellhead_pycode::{Analysis, Deed, Module};

/// What makes a file of a distribution run, the earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunsWhen {
    /// Every start of Python.
    Startup,
    /// Building or installing it.
    Install,
    /// Importing it.
    Import,
    /// The start of a program that looks for plugins, or of a shell in its environment.
    Plugin,
    /// Somebody who starts the file, which is there for nothing else.
    Run,
    /// Importing that one file, which nothing of the package does by itself.
    Module,
    /// Somebody who asks for it.
    Asked,
}

impl RunsWhen {
    /// Whether that comes with installing the package, using it, or only starting Python.
    pub(super) fn is_unasked(self) -> bool {
        self <= Self::Plugin
    }

    /// What the place of a file in its distribution says.
    pub fn of(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Startup => Self::Startup,
            Trigger::Install | Trigger::Build => Self::Install,
            Trigger::Import => Self::Import,
            Trigger::Plugin | Trigger::Activation => Self::Plugin,
            Trigger::Run => Self::Run,
            Trigger::Lazy => Self::Module,
            Trigger::EntryPoint | Trigger::Never => Self::Asked,
        }
    }

    /// The time in words, as the end of a sentence.
    pub fn when(self) -> &'static str {
        match self {
            Self::Startup => "at every start of Python",
            Self::Install => "when it is installed",
            Self::Import => "when it is imported",
            Self::Plugin => "when another program loads its plugins",
            Self::Run => "when it is started",
            Self::Module => "when that file of it is imported",
            Self::Asked => "when somebody calls it",
        }
    }
}

/// A file of Python.
#[derive(Clone, Debug)]
pub struct PackageScript {
    /// Its place in the target.
    pub artifact: ArtifactPath,
    /// When it comes to run by its place, and by who imports it.
    pub trigger: Trigger,
    /// Its text, with the same bytes at the same places as the file.
    pub text: Arc<str>,
    /// What is known of it.
    pub module: Module,
    /// What it does that most code has no need of.
    pub deeds: Vec<Deed>,
}

/// The code of one distribution.
#[derive(Clone, Debug)]
pub struct PackageCode {
    /// Its files of Python, by their path where Python finds them, or below the distribution's own folder.
    pub scripts: BTreeMap<String, PackageScript>,
    /// What they do together.
    pub analysis: Analysis,
}
