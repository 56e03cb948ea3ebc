//! The project as a whole: inventory, enrichment, and the rules that need all of it.

use crate::{facts::Fact, run::Options, scoreboard::Scoreboard};
use wellhead_core::{Component, DatabaseInfo, Finding};

/// What the project as a whole came to.
#[derive(Debug, Default)]
pub(crate) struct ProjectResult {
    pub(crate) findings: Vec<Finding>,
    pub(crate) components: Vec<Component>,
    pub(crate) databases: Vec<DatabaseInfo>,
    pub(crate) not_assessed: Vec<String>,
}

/// Judges what all files together tell.
pub(crate) fn judge(
    _facts: Vec<Fact>,
    _options: &Options<'_>,
    _scoreboard: &mut Scoreboard,
) -> ProjectResult {
    ProjectResult::default()
}
