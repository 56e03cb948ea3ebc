//! What the engine itself raises: about the run's coverage and about the user's own policy.

mod expired_ignore;
mod internal_error;
mod not_fully_analysed;
mod unknown_configuration_key;
mod unused_ignore;

pub use expired_ignore::EXPIRED_IGNORE;
pub use internal_error::INTERNAL_ERROR;
pub use not_fully_analysed::NOT_FULLY_ANALYSED;
pub use unknown_configuration_key::UNKNOWN_CONFIGURATION_KEY;
pub use unused_ignore::UNUSED_IGNORE;

use crate::{Check, Registered};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &EXPIRED_IGNORE,
        check: Check::Engine,
    },
    Registered {
        rule: &INTERNAL_ERROR,
        check: Check::Engine,
    },
    Registered {
        rule: &NOT_FULLY_ANALYSED,
        check: Check::Engine,
    },
    Registered {
        rule: &UNUSED_IGNORE,
        check: Check::Engine,
    },
];
