//! Two models side by side: the original, and a copy that says it is the same.

use wellhead_core::{ArtifactPath, Location};

/// How a copy differs from the original.
#[derive(Clone, Debug)]
pub struct Twin {
    /// What became of the weights.
    pub weights: Weights,
    /// What may run code and is new or other in the copy.
    pub code: Vec<CodeChange>,
    /// What else decides how the model behaves, and is other in the copy.
    pub settings: Vec<SettingChange>,
}

/// What became of the weights, tensor by tensor where the format tells them apart, else file by file.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    /// How many were found on both sides.
    pub compared: u64,
    /// Those with other values: names from outside.
    pub changed: Vec<String>,
    /// Those with another type of elements or another shape, with both in words.
    pub retyped: Vec<(String, String)>,
    /// Those that only the original has.
    pub lost: Vec<String>,
    /// Those that only the copy has.
    pub added: Vec<String>,
    /// A file of the copy that holds some that differ.
    pub place: Option<ArtifactPath>,
    /// Why some could not be compared.
    pub unknown: Option<String>,
}

impl Weights {
    /// Whether the copy has the weights of the original, all of them and unchanged.
    pub fn are_the_same(&self) -> bool {
        self.compared > 0
            && self.changed.is_empty()
            && self.retyped.is_empty()
            && self.lost.is_empty()
            && self.unknown.is_none()
    }
}

/// Something that may run code.
#[derive(Clone, Debug)]
pub struct CodeChange {
    /// The path below the copy's folder.
    pub path: String,
    /// What it is: "Python source".
    pub what: String,
    /// Whether the original has a file there.
    pub changed: bool,
    /// Whether loading the model runs it.
    pub at_load: bool,
    /// Whether it is no code and leads to some: a configuration, a graph.
    pub leads: bool,
    /// What is said against it, where a rule says something of the copy that it does not of the original.
    pub harm: Option<String>,
    /// The place in the copy.
    pub location: Location,
}

/// Something that decides how a model behaves.
#[derive(Clone, Debug)]
pub struct SettingChange {
    /// The path below the copy's folder.
    pub path: String,
    /// What it is: "the tokenizer".
    pub what: &'static str,
    /// Keys whose values differ; from outside.
    pub keys: Vec<String>,
    /// Whether it changes what the model is told or says.
    pub weighty: bool,
    /// The place in the copy.
    pub location: Location,
}
