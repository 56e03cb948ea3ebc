//! Ecosystems: what a project declares, and what is known about it.
//!
//! Manifests and locks become [`Component`](wellhead_core::Component)s, advisories become a compact [`Database`], and
//! the index configuration becomes an answer to "who could supply this". The one decision: every input line ends in
//! exactly one bucket, and a line that cannot be judged is said to be so; nothing is dropped in silence.

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        reason = "tests may fail loudly"
    )
)]

pub mod advisory;
mod conda_name;
pub mod cure;
mod cycle;
mod dependency;
mod disagreement;
pub mod distribution;
pub mod image;
mod import_names;
pub mod incident;
mod includes;
pub mod index;
pub mod installed;
mod lookalike;
pub mod manifest;
pub mod metadata;
mod name;
mod project;
mod settlement;
mod version;
pub mod vex;
mod well_known;

pub use advisory::{Advisory, Database, Flaw, Match, MatchedBy};
pub use conda_name::{CondaName, conda_name};
pub use dependency::{Admitted, Dependency};
pub use disagreement::{Conflict, Disagreement};
pub use import_names::{import_names, plugin_of, programs};
pub use includes::check_includes;
pub use index::{Derivation, Exposure, Rivalry};
pub use lookalike::is_well_known;
pub use lookalike::{Counted, name_prior};
pub use lookalike::{LookAlike, Resemblance, StandIn, look_alike, resembles, stand_in};
pub use manifest::is_commit;
pub use manifest::{
    Manifest, ManifestKind, identify_by_content, identify_lock, identify_manifest, identify_tree,
    read_manifest,
};
pub use manifest::{identify_bom, read_bom};
pub use metadata::{CoreMetadata, Needed, read_metadata, read_requires_txt};
pub use name::normalise;
pub use project::Project;
pub use settlement::Settlement;
pub use version::PyVersion;
pub use well_known::{ADVISORIES, EXPLOITED, SCORES};
