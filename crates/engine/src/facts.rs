//! What single files tell that only the whole project can judge.

use crate::{
    image::Kept,
    lock::FileLoads,
    reach::{ModuleImports, Started},
};
use std::collections::BTreeSet;
use wellhead_core::{ArtifactPath, Location, Service};
use wellhead_packages::{Manifest, image::ImageDocument};
use wellhead_pycode::{Capability, Module, Value};
use wellhead_rules::Taken;
use wellhead_trust::{Attestations, models_lock::ModelsLock};

/// Something that is kept of a file until all files are read.
#[derive(Debug)]
pub(crate) enum Fact {
    /// A Python module of the project: its place and what it can do.
    Module(ArtifactPath, BTreeSet<Capability>),
    /// What a Python file or notebook imports.
    Imports(ArtifactPath, ModuleImports),
    /// What the commands of a file start.
    Started(ArtifactPath, Started),
    /// What a file loads as models or data sets.
    Loads(ArtifactPath, FileLoads),
    /// A lock of models, or where it is none.
    ModelsLock(ArtifactPath, Box<Result<ModelsLock, Box<Location>>>),
    /// A file that declares dependencies.
    Manifest(ArtifactPath, Box<Manifest>),
    /// The constants of a Python module, for those that import them.
    Constants(ArtifactPath, Vec<(String, Value)>),
    /// A Python module that loads what only another module knows.
    Awaiting(ArtifactPath, Box<Module>),
    /// What a file takes from elsewhere; kept only where a policy asks.
    Taken(Vec<Taken>),
    /// Attestations of the file beside them.
    Attestation(ArtifactPath, Box<Attestations>),
    /// A tar archive that may be a layer of an image.
    Layer(ArtifactPath, Box<Kept>),
    /// Commands that install with an installer whose packages are not matched, and how many.
    Elsewhere(&'static str, u64),
    /// A running service, and why its known vulnerabilities are not looked up, where they are not.
    Service(Box<Service>, Option<String>),
    /// A document that says what an image is made of.
    Image(ArtifactPath, Box<ImageDocument>),
}

impl Fact {
    pub(crate) fn of_module(path: &ArtifactPath, module: &Module) -> Self {
        Self::Module(path.clone(), module.uses.iter().map(|u| u.capability).collect())
    }
}
