//! How things are run, and what running services answer.

mod browser_guard_off;
pub(crate) mod checks;
mod dangerous_platform_setting;
mod insecure_model_address;
mod known_credentials;
mod open_dashboard_config;
mod open_service;
mod open_sign_up;
mod reach;
mod remote_script_piped_to_shell;
mod unpinned_action;
mod unpinned_image;
mod weak;

use crate::{Check, Registered};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &browser_guard_off::BROWSER_GUARD_OFF,
        check: Check::Estate(browser_guard_off::check),
    },
    Registered {
        rule: &dangerous_platform_setting::DANGEROUS_PLATFORM_SETTING,
        check: Check::Estate(dangerous_platform_setting::check),
    },
    Registered {
        rule: &known_credentials::KNOWN_CREDENTIALS,
        check: Check::Estate(known_credentials::check),
    },
    Registered {
        rule: &insecure_model_address::INSECURE_MODEL_ADDRESS,
        check: Check::Estate(insecure_model_address::check),
    },
    Registered {
        rule: &open_dashboard_config::OPEN_DASHBOARD_CONFIG,
        check: Check::Estate(open_dashboard_config::check),
    },
    Registered {
        rule: &open_dashboard_config::OPEN_DASHBOARD_CONFIG,
        check: Check::Python(open_dashboard_config::check_python),
    },
    Registered {
        rule: &open_sign_up::OPEN_SIGN_UP,
        check: Check::Estate(open_sign_up::check),
    },
    Registered {
        rule: &open_service::OPEN_SERVICE,
        check: Check::Service(open_service::check),
    },
    Registered {
        rule: &remote_script_piped_to_shell::REMOTE_SCRIPT_PIPED_TO_SHELL,
        check: Check::Configuration(remote_script_piped_to_shell::check),
    },
    Registered {
        rule: &remote_script_piped_to_shell::REMOTE_SCRIPT_PIPED_TO_SHELL,
        check: Check::Python(remote_script_piped_to_shell::check_python),
    },
    Registered {
        rule: &remote_script_piped_to_shell::REMOTE_SCRIPT_PIPED_TO_SHELL,
        check: Check::Text(remote_script_piped_to_shell::check_script),
    },
    Registered {
        rule: &unpinned_action::UNPINNED_ACTION,
        check: Check::Configuration(unpinned_action::check),
    },
    Registered {
        rule: &unpinned_image::UNPINNED_IMAGE,
        check: Check::Configuration(unpinned_image::check),
    },
];

#[cfg(test)]
mod checks_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twins;
