//! How things are run, and what running services answer.

mod open_dashboard_config;
mod open_service;
mod remote_script_piped_to_shell;
mod unpinned_action;
mod unpinned_image;

use crate::{Check, Registered};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &open_dashboard_config::OPEN_DASHBOARD_CONFIG,
        check: Check::Configuration(open_dashboard_config::check),
    },
    Registered {
        rule: &open_dashboard_config::OPEN_DASHBOARD_CONFIG,
        check: Check::Estate(open_dashboard_config::check_estate),
    },
    Registered {
        rule: &open_dashboard_config::OPEN_DASHBOARD_CONFIG,
        check: Check::Python(open_dashboard_config::check_python),
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
mod tests;
