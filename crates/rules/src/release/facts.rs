//! Two distributions side by side, as rules see them.

use super::{payload::Payload, records::Gained, step::Step};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Location};
use wellhead_packages::distribution::{Distribution, DistributionKind, MemberKind, Trigger};
use wellhead_pycode::Analysis;

/// One distribution of a pair.
#[derive(Clone, Debug)]
pub struct Side {
    /// The archive or folder.
    pub artifact: ArtifactPath,
    /// What it is and says of itself.
    pub distribution: Distribution,
    /// Its files, by the path that the same file has in every kind of distribution: below the folder that Python imports
    /// from, without the folder of a source archive and without versions.
    pub files: BTreeMap<String, ReleasedFile>,
    /// What its Python does, by the same paths.
    pub analysis: Analysis,
}

/// A file of a distribution.
#[derive(Clone, Debug)]
pub struct ReleasedFile {
    /// Its place.
    pub artifact: ArtifactPath,
    /// Its text, where it is code or tells of the distribution.
    pub text: Option<Arc<str>>,
    /// Its size.
    pub size: u64,
    /// The SHA-256 of its content.
    pub digest: Option<[u8; 32]>,
    /// When it comes to run.
    pub trigger: Trigger,
    /// What it is by its content.
    pub kind: MemberKind,
    /// Of native code: what it can do by what it imports.
    pub abilities: BTreeSet<&'static str>,
    /// Of native code: it is a program or a library that Python does not import.
    pub foreign: bool,
    /// Of Python: its functions, by `Class.method`.
    pub functions: BTreeSet<String>,
    /// Of Python: what its functions call, as far as that may be a function of the package.
    pub calls: Vec<FunctionCall>,
}

/// A call from one function to another.
#[derive(Clone, Debug)]
pub struct FunctionCall {
    /// The function that calls; empty for the module itself.
    pub function: String,
    /// The last part of the name of what is called. From outside.
    pub callee: String,
    /// Where in the text.
    pub range: Range<usize>,
}

impl Side {
    /// A place in a file.
    pub(super) fn locate(&self, path: &str, range: Range<usize>, label: impl Into<String>) -> Location {
        match self.files.get(path) {
            Some(file) => match &file.text {
                Some(text) => Location::text(&file.artifact, text, range, label),
                None => Location::whole(&file.artifact, label),
            },
            None => Location::whole(&self.artifact, label),
        }
    }

    /// Whether it is what a builder makes, and not what it is made from.
    pub(super) fn is_built(&self) -> bool {
        !matches!(
            self.distribution.kind,
            DistributionKind::Sdist | DistributionKind::Folder
        )
    }
}

/// An old and a new distribution, and what only the new one has.
#[derive(Clone, Debug)]
pub struct Release {
    /// The one that is known.
    pub old: Side,
    /// The one that is judged.
    pub new: Side,
    /// How far they are apart.
    pub(super) step: Step,
    /// What the code of the new one does and that of the old one does not.
    pub(super) gained: Vec<Gained>,
    /// Files that Python does not read as source and that are new.
    pub(super) payloads: Vec<Payload>,
}

impl Release {
    /// Compares two distributions. A built one of the same version is judged by its source, whichever was named first.
    pub fn new(old: Side, new: Side) -> Self {
        let step = Step::between(&old.distribution, &new.distribution);
        let (old, new) = if step == Step::Same && old.is_built() && !new.is_built() {
            (new, old)
        } else {
            (old, new)
        };
        let gained = super::records::gained(&old, &new, step);
        let payloads = super::payload::payloads(&old, &new, step);
        Self {
            old,
            new,
            step,
            gained,
            payloads,
        }
    }

    /// The new one in words: what it is beside the old one.
    pub(super) fn newcomer(&self) -> &'static str {
        match (self.step, self.new.distribution.kind) {
            (Step::Same, DistributionKind::Wheel) => "the wheel",
            (Step::Same, DistributionKind::Installed) => "what is installed",
            (Step::Same, _) => "the other build",
            (Step::Other, _) => "the other package",
            _ => "the new version",
        }
    }
}
