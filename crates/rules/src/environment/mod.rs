//! Environments: whether what is installed is what was installed, and what runs before anybody asks for it.

mod ambiguous_installed_file;
mod duplicate_distribution;
mod environment_lock_drift;
mod facts;
mod foreign_shebang;
mod missing_installed_file;
mod modified_installed_file;
mod pip_over_conda;
mod record_escapes;
mod record_not_of_wheel;
mod shadowed_command;
mod shared_interpreter;
mod startup_hook;
mod startup_variable;
mod unmet_requirement;
mod unowned_installed_file;
mod unpinned_direct_url;
mod unverifiable_installation;

use crate::{Check, Registered};
use wellhead_core::code;

pub(crate) use startup_hook::STARTUP_HOOK;

pub use facts::{
    Changed, Command, CommandKind, Contested, Distribution, Effects, Environment, FileUse, Hook, HookKind,
    Kind, LockDrift, Owner, RecordState, Unmet, Unowned, UnownedKind, WheelDrift,
};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &ambiguous_installed_file::AMBIGUOUS_INSTALLED_FILE,
        check: Check::Environment(ambiguous_installed_file::check),
    },
    Registered {
        rule: &duplicate_distribution::DUPLICATE_DISTRIBUTION,
        check: Check::Environment(duplicate_distribution::check),
    },
    Registered {
        rule: &environment_lock_drift::ENVIRONMENT_LOCK_DRIFT,
        check: Check::Environment(environment_lock_drift::check),
    },
    Registered {
        rule: &foreign_shebang::FOREIGN_SHEBANG,
        check: Check::Environment(foreign_shebang::check),
    },
    Registered {
        rule: &missing_installed_file::MISSING_INSTALLED_FILE,
        check: Check::Environment(missing_installed_file::check),
    },
    Registered {
        rule: &modified_installed_file::MODIFIED_INSTALLED_FILE,
        check: Check::Environment(modified_installed_file::check),
    },
    Registered {
        rule: &pip_over_conda::PIP_OVER_CONDA,
        check: Check::Environment(pip_over_conda::check),
    },
    Registered {
        rule: &record_escapes::RECORD_ESCAPES,
        check: Check::Environment(record_escapes::check),
    },
    Registered {
        rule: &record_not_of_wheel::RECORD_NOT_OF_WHEEL,
        check: Check::Environment(record_not_of_wheel::check),
    },
    Registered {
        rule: &shadowed_command::SHADOWED_COMMAND,
        check: Check::Environment(shadowed_command::check),
    },
    Registered {
        rule: &shared_interpreter::SHARED_INTERPRETER,
        check: Check::Environment(shared_interpreter::check),
    },
    Registered {
        rule: &startup_hook::STARTUP_HOOK,
        check: Check::Environment(startup_hook::check),
    },
    Registered {
        rule: &startup_variable::STARTUP_VARIABLE,
        check: Check::Environment(startup_variable::check),
    },
    Registered {
        rule: &unmet_requirement::UNMET_REQUIREMENT,
        check: Check::Environment(unmet_requirement::check),
    },
    Registered {
        rule: &unowned_installed_file::UNOWNED_INSTALLED_FILE,
        check: Check::Environment(unowned_installed_file::check),
    },
    Registered {
        rule: &unpinned_direct_url::UNPINNED_DIRECT_URL,
        check: Check::Environment(unpinned_direct_url::check),
    },
    Registered {
        rule: &unverifiable_installation::UNVERIFIABLE_INSTALLATION,
        check: Check::Environment(unverifiable_installation::check),
    },
];

/// A distribution in a message.
fn shown_name(distribution: &Distribution) -> String {
    match &distribution.version {
        Some(version) => code(&format!("{} {version}", distribution.written)),
        None => code(&distribution.written),
    }
}
