//! Attestations, and what a new version can do that the old one could not.

mod attestation_subject_mismatch;
mod new_capability;

use crate::{Check, Registered};

pub(crate) use new_capability::NEW_CAPABILITY;

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &attestation_subject_mismatch::ATTESTATION_SUBJECT_MISMATCH,
        check: Check::Attestation(attestation_subject_mismatch::check),
    },
    Registered {
        rule: &new_capability::NEW_CAPABILITY,
        check: Check::Comparison(new_capability::check),
    },
];

#[cfg(test)]
mod tests;
