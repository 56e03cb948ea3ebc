//! What the engine itself raises: about the run's coverage and about the user's own policy.

mod expired_ignore;
mod internal_error;
mod internal_package_exposed;
mod invalid_vex_statement;
mod not_fully_analysed;
mod source_not_allowed;
mod unknown_configuration_key;
mod unmatched_vex_statement;
mod unused_allowed_source;
mod unused_ignore;

pub use expired_ignore::EXPIRED_IGNORE;
pub use internal_error::INTERNAL_ERROR;
pub use internal_package_exposed::INTERNAL_PACKAGE_EXPOSED;
pub use invalid_vex_statement::INVALID_VEX_STATEMENT;
pub use not_fully_analysed::NOT_FULLY_ANALYSED;
pub use source_not_allowed::SOURCE_NOT_ALLOWED;
pub use unknown_configuration_key::UNKNOWN_CONFIGURATION_KEY;
pub use unmatched_vex_statement::UNMATCHED_VEX_STATEMENT;
pub use unused_allowed_source::UNUSED_ALLOWED_SOURCE;
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
        rule: &INTERNAL_PACKAGE_EXPOSED,
        check: Check::Engine,
    },
    Registered {
        rule: &SOURCE_NOT_ALLOWED,
        check: Check::Engine,
    },
    Registered {
        rule: &UNUSED_ALLOWED_SOURCE,
        check: Check::Engine,
    },
    Registered {
        rule: &NOT_FULLY_ANALYSED,
        check: Check::Engine,
    },
    Registered {
        rule: &INVALID_VEX_STATEMENT,
        check: Check::Engine,
    },
    Registered {
        rule: &UNMATCHED_VEX_STATEMENT,
        check: Check::Engine,
    },
    Registered {
        rule: &UNUSED_IGNORE,
        check: Check::Engine,
    },
];
