//! What attestations say, and whether they speak of the file they lie beside.
//!
//! **No signature of an attestation is verified yet**, only that of a scope file by SSH ([`verify_ssh_signature`]). This crate reads PEP 740 attestations and provenance objects strictly and compares
//! their subject with a file. A match therefore proves nothing about who made the file; a mismatch proves that
//! something was exchanged. The one decision: what a statement says and what has been verified are different types, so
//! that no caller can take the one for the other; the second type does not exist before the verification does.

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

mod base64;
mod git;
pub mod models_lock;
mod pep740;
mod sshsig;
mod subject;

pub use base64::strict_base64;
pub use git::git_blob_id;
pub use pep740::{
    Attestation, AttestationError, Attestations, Bundle, Publisher, Statement, Subject, attestations,
};
pub use sshsig::{SshKey, SshSignatureError, verify_ssh_signature};
pub use subject::{Attested, SubjectCheck, attested_file, check_subject};
