//! Methods of known values.

use super::datum::{Datum, Known};
use std::sync::Arc;
use wellhead_core::{Budget, Exhausted};

/// `receiver.name(arguments, keywords)` where it leaves the receiver as it is.
///
/// # Errors
/// When the budget ran out.
pub fn method(
    _receiver: &Datum,
    _name: &str,
    _arguments: &[Datum],
    _keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    budget.steps(1)?;
    Ok(None)
}

/// `receiver.name(arguments)` where it changes the receiver (`append`, `extend`, `pop`, `reverse`, `update` …): the
/// receiver as it is afterwards, and what the call gives.
///
/// # Errors
/// When the budget ran out.
pub fn mutate(
    _receiver: &Datum,
    _name: &str,
    _arguments: &[Datum],
    _keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Result<Option<(Datum, Datum)>, Exhausted> {
    budget.steps(1)?;
    Ok(None)
}
