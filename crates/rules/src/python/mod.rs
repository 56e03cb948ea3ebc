//! What Python code and notebooks load, and with which arguments.

mod disabled_tls_verification;
mod hub;
mod hub_commands;
mod hub_endpoint_override;
mod inline;
pub mod loads;
mod trust_remote_code;
pub(crate) mod unlocked_model;
mod unpinned_revision;
mod unsafe_deserialization;
mod unsafe_torch_load;

pub use hub::awaits;
pub(crate) use hub::{Kind, fetch};
pub(crate) use hub_commands::{all_fetches, file_address};

use crate::{Check, Registered};
use wellhead_core::{Location, Sink};
use wellhead_pycode::{Call, Module};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &disabled_tls_verification::DISABLED_TLS_VERIFICATION,
        check: Check::Python(disabled_tls_verification::check),
    },
    Registered {
        rule: &hub_endpoint_override::HUB_ENDPOINT_OVERRIDE,
        check: Check::Python(hub_endpoint_override::check),
    },
    Registered {
        rule: &hub_endpoint_override::HUB_ENDPOINT_OVERRIDE,
        check: Check::Configuration(hub_endpoint_override::check_configuration),
    },
    Registered {
        rule: &trust_remote_code::TRUST_REMOTE_CODE,
        check: Check::Python(trust_remote_code::check),
    },
    Registered {
        rule: &unlocked_model::UNLOCKED_MODEL,
        check: Check::Loads(unlocked_model::check),
    },
    Registered {
        rule: &unpinned_revision::UNPINNED_REVISION,
        check: Check::Python(unpinned_revision::check),
    },
    Registered {
        rule: &unpinned_revision::UNPINNED_REVISION,
        check: Check::Python(unpinned_revision::check_commands),
    },
    Registered {
        rule: &unpinned_revision::UNPINNED_REVISION,
        check: Check::Configuration(unpinned_revision::check_configuration),
    },
    Registered {
        rule: &unpinned_revision::UNPINNED_REVISION,
        check: Check::Text(unpinned_revision::check_script),
    },
    Registered {
        rule: &unsafe_deserialization::UNSAFE_DESERIALIZATION,
        check: Check::Python(unsafe_deserialization::check),
    },
    Registered {
        rule: &unsafe_torch_load::UNSAFE_TORCH_LOAD,
        check: Check::Python(unsafe_torch_load::check),
    },
    Registered {
        rule: &hub_endpoint_override::HUB_ENDPOINT_OVERRIDE,
        check: Check::Text(hub_endpoint_override::check_script),
    },
    Registered {
        rule: &trust_remote_code::TRUST_REMOTE_CODE,
        check: Check::Configuration(|input, sink| {
            inline::of_configuration(input, sink, trust_remote_code::check);
        }),
    },
    Registered {
        rule: &trust_remote_code::TRUST_REMOTE_CODE,
        check: Check::Text(|input, sink| inline::of_script(input, sink, trust_remote_code::check)),
    },
    Registered {
        rule: &unpinned_revision::UNPINNED_REVISION,
        check: Check::Configuration(|input, sink| {
            inline::of_configuration(input, sink, unpinned_revision::check);
        }),
    },
    Registered {
        rule: &unpinned_revision::UNPINNED_REVISION,
        check: Check::Text(|input, sink| inline::of_script(input, sink, unpinned_revision::check)),
    },
    Registered {
        rule: &unsafe_deserialization::UNSAFE_DESERIALIZATION,
        check: Check::Configuration(|input, sink| {
            inline::of_configuration(input, sink, unsafe_deserialization::check);
        }),
    },
    Registered {
        rule: &unsafe_deserialization::UNSAFE_DESERIALIZATION,
        check: Check::Text(|input, sink| inline::of_script(input, sink, unsafe_deserialization::check)),
    },
    Registered {
        rule: &unsafe_torch_load::UNSAFE_TORCH_LOAD,
        check: Check::Configuration(|input, sink| {
            inline::of_configuration(input, sink, unsafe_torch_load::check);
        }),
    },
    Registered {
        rule: &unsafe_torch_load::UNSAFE_TORCH_LOAD,
        check: Check::Text(|input, sink| inline::of_script(input, sink, unsafe_torch_load::check)),
    },
];

/// The callee of a call as its place.
fn callee(module: &Module, call: &Call, sink: &Sink, label: &str) -> Location {
    sink.text(&module.text, call.callee_range.clone(), label)
}

#[cfg(test)]
mod tests;
