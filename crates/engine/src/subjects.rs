//! From an opened artifact to the subjects that rules look at.

use crate::artifact::Judge;
use wellhead_core::{ArtifactPath, Blob, Budget, Outcome};
use wellhead_formats::{
    document::{Opened, Role},
    identify::Identity,
};

/// An opened artifact.
pub(crate) struct Input<'a> {
    pub(crate) path: &'a ArtifactPath,
    pub(crate) identity: &'a Identity,
    pub(crate) opened: &'a Opened,
    pub(crate) blob: &'a Blob,
    pub(crate) role: Role,
}

/// Makes the subjects and has them judged; says what could not be made of it.
pub(crate) fn judge(_input: &Input<'_>, _judge: &mut Judge<'_, '_>, _budget: &mut Budget) -> Outcome {
    Outcome::Analysed
}
