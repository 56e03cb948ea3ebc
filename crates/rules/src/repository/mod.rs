//! A model repository as a whole: which code its configurations lead to, what that code does, and whether the files
//! belong together.

mod dangerous_code_in_model_repository;
mod facts;
mod reach;
mod refs;
mod remote_code_from_other_repository;
mod remote_code_in_config;

use crate::{Check, Registered};

pub use facts::{Document, Mismatch, Prose, Repository, RepositoryFile, Script};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &remote_code_in_config::REMOTE_CODE_IN_CONFIG,
        check: Check::Repository(remote_code_in_config::check),
    },
    Registered {
        rule: &remote_code_from_other_repository::REMOTE_CODE_FROM_OTHER_REPOSITORY,
        check: Check::Repository(remote_code_from_other_repository::check),
    },
    Registered {
        rule: &dangerous_code_in_model_repository::DANGEROUS_CODE_IN_MODEL_REPOSITORY,
        check: Check::Repository(dangerous_code_in_model_repository::check),
    },
];
