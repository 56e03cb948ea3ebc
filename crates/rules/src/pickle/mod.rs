//! Rules about pickles: what loading one runs, and what about it is made to be misread.

mod assess;
pub(crate) mod callables;
#[cfg(test)]
mod classes;
mod evaluated;
mod nested_pickle;
mod pickle_damaged;
mod pickle_differential;
mod pickle_expansion;
#[cfg(test)]
mod tests;
mod unknown_pickle_import;
mod unsafe_pickle_import;

use crate::{Check, Registered};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &unsafe_pickle_import::UNSAFE_PICKLE_IMPORT,
        check: Check::Pickle(unsafe_pickle_import::check),
    },
    Registered {
        rule: &unknown_pickle_import::UNKNOWN_PICKLE_IMPORT,
        check: Check::Pickle(unknown_pickle_import::check),
    },
    Registered {
        rule: &nested_pickle::NESTED_PICKLE,
        check: Check::Pickle(nested_pickle::check),
    },
    Registered {
        rule: &pickle_damaged::PICKLE_DAMAGED,
        check: Check::Pickle(pickle_damaged::check),
    },
    Registered {
        rule: &pickle_differential::PICKLE_DIFFERENTIAL,
        check: Check::Pickle(pickle_differential::check),
    },
    Registered {
        rule: &pickle_expansion::PICKLE_EXPANSION,
        check: Check::Pickle(pickle_expansion::check),
    },
];
