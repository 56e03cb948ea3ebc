//! A distribution with the code in it, for rules.

use crate::{
    behaviour::{PackageCode, Seen},
    environment::Effects,
};
use std::{collections::BTreeMap, ops::Range, sync::Arc};
use wellhead_core::{ArtifactPath, Location};
use wellhead_packages::distribution::{Anomaly, Distribution};

/// A distribution, and what is needed to show and to judge its files.
#[derive(Clone, Debug)]
pub struct DistributionFacts {
    /// The archive or folder.
    pub artifact: ArtifactPath,
    /// What it is and says of itself.
    pub distribution: Distribution,
    /// The places of its members, by their path.
    pub places: BTreeMap<String, ArtifactPath>,
    /// The texts that are kept of it, by path: code, and what tells of the distribution.
    pub texts: BTreeMap<String, Arc<str>>,
    /// Its Python: source files, and start-up files with all that Python does not run blanked, and what they do together.
    pub code: PackageCode,
    /// What the rules on its code made of it, for all of them.
    pub seen: Seen,
    /// What runs at every start of Python once it is installed.
    pub startup: Vec<StartupLine>,
}

/// Something that Python runs at every start.
#[derive(Clone, Debug)]
pub struct StartupLine {
    /// The member.
    pub member: String,
    /// The bytes that are run; all of them for a module.
    pub span: Range<usize>,
    /// What writes such a line, if it is known by its content.
    pub known: Option<&'static str>,
    /// What it does, and what the modules that it imports from the same distribution do.
    pub effects: Effects,
}

impl DistributionFacts {
    /// The place of a member; the archive itself where there is none.
    pub fn place(&self, member: &str) -> &ArtifactPath {
        self.places.get(member).unwrap_or(&self.artifact)
    }

    /// Where an anomaly is seen.
    pub fn locate(&self, anomaly: &Anomaly, label: &str) -> Location {
        if let Some((path, range)) = &anomaly.place
            && let Some(text) = self.texts.get(path)
        {
            return Location::text(self.place(path), text, range.clone(), label);
        }
        match &anomaly.member {
            Some(member) => Location::whole(self.place(member), label),
            None => Location::whole(&self.artifact, label),
        }
    }
}
