//! What single files tell that only the whole project can judge.

use wellhead_core::ArtifactPath;

/// Something that is kept of a file until all files are read.
#[derive(Debug)]
pub(crate) enum Fact {
    /// A Python module of the project.
    Module(ArtifactPath),
}
