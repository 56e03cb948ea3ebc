//! Two distributions side by side: the poisoned release of a library that was honest.
//!
//! An absolute verdict fails on it: the library did much before, and does one thing more now. The one decision: the old
//! distribution is believed, so that all that is left to judge is what the new one brings. Rules of a single
//! distribution are not asked again here.

mod act;
mod capability;
mod changed_release_metadata;
mod facts;
mod new_anomaly_in_release;
mod new_payload_in_release;
mod new_startup_in_release;
mod payload;
mod records;
mod same_release_differs;
mod step;

pub use facts::{FunctionCall, Release, ReleasedFile, Side};

use crate::{Check, Registered};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &changed_release_metadata::CHANGED_RELEASE_METADATA,
        check: Check::Release(changed_release_metadata::check),
    },
    Registered {
        rule: &new_anomaly_in_release::NEW_ANOMALY_IN_RELEASE,
        check: Check::Release(new_anomaly_in_release::check),
    },
    Registered {
        rule: &crate::trust::NEW_CAPABILITY,
        check: Check::Release(capability::check),
    },
    Registered {
        rule: &new_payload_in_release::NEW_PAYLOAD_IN_RELEASE,
        check: Check::Release(new_payload_in_release::check),
    },
    Registered {
        rule: &new_startup_in_release::NEW_STARTUP_IN_RELEASE,
        check: Check::Release(new_startup_in_release::check),
    },
    Registered {
        rule: &same_release_differs::SAME_RELEASE_DIFFERS,
        check: Check::Release(same_release_differs::check),
    },
];

/// A sum in tenths, with its terms: `5.0: runs-decoded 4.0 + patch-release 1.0`.
fn sum(terms: &[(&'static str, u32)]) -> String {
    let total: u32 = terms.iter().map(|(_, weight)| weight).sum();
    let all: Vec<String> = terms
        .iter()
        .map(|(name, weight)| format!("{name} {}", tenths(*weight)))
        .collect();
    format!("{}: {}", tenths(total), all.join(" + "))
}

fn tenths(value: u32) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// As much of a text from outside as is worth showing.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}
