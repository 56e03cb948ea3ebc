//! Constants that one module of a project defines and another one loads by.
//!
//! Files are judged one by one, so that a name from another module is unknown where it is used. After all of them are
//! read, modules whose loading calls wait for such a name are judged again with the project's own constants in its
//! place. Only what is settled by a single spelling of the module counts: `config.MODEL` is looked up in every
//! `config.py` of the project, and where several differ it may be each.

use crate::{facts::Fact, run::Options};
use std::collections::BTreeMap;
use wellhead_core::{ArtifactPath, Finding, Sink};
use wellhead_pycode::{Module, Value};
use wellhead_rules::{Subject, awaits};

/// The rules that judge what is loaded.
const RULES: &[&str] = &["unpinned-revision", "trust-remote-code"];

/// Most modules that are kept to be judged again.
const MOST: usize = 2_000;

/// Keeps what other modules may ask of this one, and the module itself if it has to ask.
pub(crate) fn keep(path: &ArtifactPath, module: &Module, facts: &mut Vec<Fact>) {
    if !module.constants.is_empty() {
        facts.push(Fact::Constants(path.clone(), module.constants.clone()));
    }
    if module.calls.iter().any(awaits) {
        facts.push(Fact::Awaiting(path.clone(), Box::new(module.clone())));
    }
}

/// Judges modules again whose calls can be told with constants of others.
pub(crate) fn judge(findings: &mut Vec<Finding>, facts: &mut Vec<Fact>, options: &Options<'_>) {
    let mut waiting: Vec<(ArtifactPath, Box<Module>)> = Vec::new();
    let mut constants = Constants::default();
    let mut rest = Vec::with_capacity(facts.len());
    for fact in std::mem::take(facts) {
        match fact {
            Fact::Awaiting(path, module) if waiting.len() < MOST => waiting.push((path, module)),
            Fact::Awaiting(..) => {}
            Fact::Constants(path, values) => constants.add(&path, values),
            other => rest.push(other),
        }
    }
    *facts = rest;
    if constants.modules.is_empty() {
        return;
    }
    for (path, mut module) in waiting {
        if !module.resolve(&|name| constants.find(name)) {
            continue;
        }
        let mut sink = Sink::new(path.clone());
        let enabled = |rule: &wellhead_core::Rule| RULES.contains(&rule.id) && options.enables(rule);
        wellhead_rules::judge(Subject::Python(&module), &enabled, &mut sink);
        let place = |f: &Finding| f.primary().map(|l| (l.artifact.clone(), l.offset()));
        for finding in sink.into_findings() {
            // What is known now says more than what was said without it.
            findings.retain(|f| f.rule != finding.rule || place(f) != place(&finding));
            findings.push(finding);
        }
        if options.config.sources.is_some() {
            facts.push(Fact::Taken(wellhead_rules::taken_by_module(&path, &module)));
        }
    }
}

/// A module's dotted name, and its constants.
type Named = (String, BTreeMap<String, Value>);

/// The constants of all modules, by the last part of the module's name.
#[derive(Default)]
struct Constants {
    modules: BTreeMap<String, Vec<Named>>,
}

impl Constants {
    fn add(&mut self, path: &ArtifactPath, values: Vec<(String, Value)>) {
        let Some(stem) = path.leaf().strip_suffix(".py") else {
            return;
        };
        let dotted = stem.strip_suffix("/__init__").unwrap_or(stem).replace('/', ".");
        let last = dotted.rsplit('.').next().unwrap_or_default().to_owned();
        self.modules
            .entry(last)
            .or_default()
            .push((dotted, values.into_iter().collect()));
    }

    /// `config.MODEL`, `.config.MODEL`, `pkg.config.Settings().MODEL`
    fn find(&self, name: &str) -> Option<Value> {
        /// More modules of one name are no configuration of this project.
        const MOST: usize = 8;
        let name = name.trim_start_matches('.').replace("()", "");
        let parts: Vec<&str> = name.split('.').collect();
        if parts.len() > 8 || name.contains('(') {
            return None;
        }
        // The module's name ends before the constant's, which may be that of a class and its attribute.
        for split in (1..parts.len()).rev() {
            let (module, rest) = parts.split_at_checked(split)?;
            let Some(known) = module.last().and_then(|last| self.modules.get(*last)) else {
                continue;
            };
            let (module, rest) = (module.join("."), rest.join("."));
            let suffix = format!(".{module}");
            let mut values: Vec<Value> = Vec::new();
            for (_, constants) in known
                .iter()
                .filter(|(dotted, _)| *dotted == module || dotted.ends_with(&suffix))
                .take(MOST)
            {
                if let Some(value) = constants.get(&rest)
                    && !values.contains(value)
                {
                    values.push(value.clone());
                }
            }
            match values.len() {
                0 => {}
                1 => return values.pop(),
                _ => {
                    let flat = values.into_iter().flat_map(|v| v.alternatives().to_vec());
                    return Some(Value::OneOf(flat.collect()));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_the_modules_they_name() {
        let text = |t: &str| Value::Text(t.to_owned());
        let mut constants = Constants::default();
        for (path, name, value) in [
            ("src/acme/config.py", "MODEL", "acme/bert"),
            ("src/acme/settings/__init__.py", "Hub.REVISION", "main"),
            ("other/names.py", "A", "one"),
            ("another/names.py", "A", "two"),
        ] {
            constants.add(&ArtifactPath::file(path), vec![(name.to_owned(), text(value))]);
        }
        for (name, expected) in [
            ("acme.config.MODEL", Some(text("acme/bert"))),
            (".config.MODEL", Some(text("acme/bert"))),
            ("config.MODEL", Some(text("acme/bert"))),
            ("acme.settings.Hub.REVISION", Some(text("main"))),
            ("acme.settings.Hub().REVISION", Some(text("main"))),
            ("names.A", Some(Value::OneOf(vec![text("one"), text("two")]))),
            ("other.names.A", Some(text("one"))),
            ("evil.config.MODEL", None),
            ("config.OTHER", None),
            ("config", None),
            ("", None),
        ] {
            assert_eq!(constants.find(name), expected, "{name}");
        }
    }
}
