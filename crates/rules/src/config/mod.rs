//! Structured text that names code: tags of YAML, targets of configurations that a framework instantiates.
//!
//! A configuration is data until somebody instantiates it, so a name that is not known is worth a look and no alarm; a
//! name that is known to run programs has no business in one.

mod backtracking_tokenizer_pattern;
#[cfg(test)]
mod tests;
mod unsafe_config_target;
mod unsafe_yaml_tag;

use crate::{
    Check, Registered,
    pickle::callables::{Danger, Judgement, Usage, judge},
};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &backtracking_tokenizer_pattern::BACKTRACKING_TOKENIZER_PATTERN,
        check: Check::Data(backtracking_tokenizer_pattern::check),
    },
    Registered {
        rule: &unsafe_yaml_tag::UNSAFE_YAML_TAG,
        check: Check::Data(unsafe_yaml_tag::check),
    },
    Registered {
        rule: &unsafe_config_target::UNSAFE_CONFIG_TARGET,
        check: Check::Data(unsafe_config_target::check),
    },
];

/// What is known of a dotted path that is imported and used.
fn judged(path: &str, usage: Usage) -> Judgement {
    let path = path.trim().replace(':', ".");
    let Some((module, name)) = path.rsplit_once('.') else {
        return judge("builtins", &path, usage);
    };
    match judge(module, name, usage) {
        Judgement::Unknown => {
            danger_on_the_way(&path, usage).map_or(Judgement::Unknown, Judgement::Dangerous)
        }
        known => known,
    }
}

/// The way through attributes of another module: `torch.serialization.os.system` is `os.system`.
fn danger_on_the_way(path: &str, usage: Usage) -> Option<&'static Danger> {
    let parts: Vec<&str> = path.split('.').collect();
    // Paths of attackers may have thousands of parts; those of Python have ten.
    let starts = 1..parts.len().saturating_sub(1).min(16);
    starts.into_iter().find_map(|start| {
        let rest = parts.get(start..)?;
        let (name, module) = rest.split_last()?;
        match judge(&module.join("."), name, usage) {
            Judgement::Dangerous(danger) => Some(danger),
            _ => None,
        }
    })
}
