//! A model repository as a whole: which code its configurations lead to, what that code does, and whether the files
//! belong together.

mod card_asks_for_trust;
mod conflicting_chat_templates;
mod dangerous_code_in_model_repository;
mod facts;
mod hub_digest_mismatch;
mod look_alike_model;
mod pickle_beside_safetensors;
mod reach;
mod redirected_base_model;
mod reference_outside_repository;
mod refs;
mod remote_code_from_other_repository;
mod remote_code_in_config;
mod twin;
mod twin_weights_changed;
mod twin_with_changed_behaviour;
mod twin_with_extra_code;

use crate::{Check, Registered};

pub use facts::{Document, Mismatch, Prose, Repository, RepositoryFile, Script};
pub use refs::loaded_scripts;
pub use twin::{CodeChange, SettingChange, Twin, Weights};

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
    Registered {
        rule: &card_asks_for_trust::CARD_ASKS_FOR_TRUST,
        check: Check::Repository(card_asks_for_trust::check),
    },
    Registered {
        rule: &conflicting_chat_templates::CONFLICTING_CHAT_TEMPLATES,
        check: Check::Repository(conflicting_chat_templates::check),
    },
    Registered {
        rule: &hub_digest_mismatch::HUB_DIGEST_MISMATCH,
        check: Check::Repository(hub_digest_mismatch::check),
    },
    Registered {
        rule: &look_alike_model::LOOK_ALIKE_MODEL,
        check: Check::Repository(look_alike_model::check),
    },
    Registered {
        rule: &pickle_beside_safetensors::PICKLE_BESIDE_SAFETENSORS,
        check: Check::Repository(pickle_beside_safetensors::check),
    },
    Registered {
        rule: &redirected_base_model::REDIRECTED_BASE_MODEL,
        check: Check::Repository(redirected_base_model::check),
    },
    Registered {
        rule: &reference_outside_repository::REFERENCE_OUTSIDE_REPOSITORY,
        check: Check::Repository(reference_outside_repository::check),
    },
    Registered {
        rule: &twin_with_extra_code::TWIN_WITH_EXTRA_CODE,
        check: Check::Twin(twin_with_extra_code::check),
    },
    Registered {
        rule: &twin_weights_changed::TWIN_WEIGHTS_CHANGED,
        check: Check::Twin(twin_weights_changed::check),
    },
    Registered {
        rule: &twin_with_changed_behaviour::TWIN_WITH_CHANGED_BEHAVIOUR,
        check: Check::Twin(twin_with_changed_behaviour::check),
    },
];
