//! What was looked at. "Not looked at" is never "clean".

use crate::{artifact::ArtifactPath, rule::named};
use std::borrow::Cow;

named!(
    /// How much of an artifact was read.
    Depth, "depth", {
        /// Only what decides: headers, directories, pickles, the heads of tensors.
        Headers = "headers",
        /// Every byte.
        Full = "full",
    }
);

/// How the analysis of one artifact ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Outcome {
    /// All that can matter was understood.
    Analysed,
    /// Some of it was; the rest was not, and why.
    Partly {
        /// Why not all, in a few words: "expands to more than 8 GB".
        why: String,
    },
    /// Nothing was, and why.
    NotAnalysed {
        /// Why not, in a few words: "encrypted".
        why: String,
    },
}

impl Outcome {
    /// The name in every machine format.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Analysed => "analysed",
            Self::Partly { .. } => "partly",
            Self::NotAnalysed { .. } => "not-analysed",
        }
    }

    /// Why it is less than [`Outcome::Analysed`].
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Analysed => None,
            Self::Partly { why } | Self::NotAnalysed { why } => Some(why),
        }
    }

    /// The worse of two outcomes of the same artifact; the first reason stays.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Analysed, _) | (Self::Partly { .. }, Self::NotAnalysed { .. }) => other,
            _ => self,
        }
    }
}

/// What became of one artifact.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Coverage {
    /// The artifact.
    pub artifact: ArtifactPath,
    /// How the analysis ended.
    pub outcome: Outcome,
    /// How much was read.
    pub depth: Depth,
    /// The format it was taken for, by the name in the table of formats; `None` where none fits.
    pub format: Option<Cow<'static, str>>,
}
