//! What listens on a machine: the variables that decide something asked for, and what was seen judged.

use crate::{Listing, artifact::Judge};
use std::path::Path;
use wellhead_core::{Budget, Outcome};
use wellhead_infra::host_variables;
use wellhead_rules::Subject;
use wellhead_sources::{HostVariable, TargetError, from_memory, host_snapshot};

/// What listens on this machine, as one entry; `place` stands for `/proc`.
///
/// # Errors
/// Where this system has no `/proc`, or it cannot be read.
pub fn host(target: &str, place: Option<&Path>) -> Result<Listing, TargetError> {
    let variables = host_variables().into_iter();
    let variables: Vec<HostVariable> = variables
        .map(|(name, value)| HostVariable { name, value })
        .collect();
    let snapshot = host_snapshot(place, &variables, &mut Budget::default())?;
    Ok(Listing {
        target: target.to_owned(),
        prefix: None,
        entries: from_memory([("host.json", snapshot)]),
    })
}

/// Judges a host document; what it does not show is said.
pub(crate) fn judge(text: &str, judge: &mut Judge<'_, '_>, budget: &mut Budget) -> Outcome {
    match wellhead_infra::host_document(text, budget) {
        Ok(document) => {
            judge.subject(Subject::Host(&document), true);
            if document.unseen.is_empty() {
                Outcome::Analysed
            } else {
                Outcome::Partly {
                    why: document.unseen.join("; "),
                }
            }
        }
        Err(e) => Outcome::Partly {
            why: format!("not a host document: {e}"),
        },
    }
}
