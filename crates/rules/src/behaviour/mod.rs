//! Packages by what is in them: code that runs by itself and does harm.
//!
//! The one decision: a package is blocked for a complete path, from something that runs without being asked, over what
//! is read, fetched or decoded, to where it is run or sent. Whatever stands beside each other is at most to be reviewed.

mod code;
mod evidence;
mod host;
mod malicious_package_code;
mod package_capability;
mod reached;
mod suspicious_package_code;
mod together;
mod verdict;
mod weights;

#[cfg(test)]
mod tests;

use crate::{Check, Registered};
#[cfg(test)]
use {
    malicious_package_code::MALICIOUS_PACKAGE_CODE, package_capability::PACKAGE_CAPABILITY,
    suspicious_package_code::SUSPICIOUS_PACKAGE_CODE,
};

pub use code::{PackageCode, PackageScript, RunsWhen};
pub use evidence::Seen;
pub(crate) use host::fetches_and_runs;
pub(crate) use reached::is_test;
pub use weights::{BLOCK, REVIEW, Term, WEIGHTS};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &malicious_package_code::MALICIOUS_PACKAGE_CODE,
        check: Check::Distribution(malicious_package_code::check),
    },
    Registered {
        rule: &suspicious_package_code::SUSPICIOUS_PACKAGE_CODE,
        check: Check::Distribution(suspicious_package_code::check),
    },
    Registered {
        rule: &package_capability::PACKAGE_CAPABILITY,
        check: Check::Distribution(package_capability::check),
    },
];
