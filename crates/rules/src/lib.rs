//! The rules, as values.
//!
//! A rule is core's [`Rule`] (what is said of it) joined with a [`Check`] (the plain function that looks), in the
//! slice of its family. Checks are pure: they get facts and never clients, so each is tested without a network and a
//! saved run can be judged again. A new rule touches three places: its `.rs`, its `.md`, one line in its family.

pub mod behaviour;
mod bytecode;
mod cloud;
mod config;
pub mod distribution;
pub mod environment;
mod estate_view;
mod formats;
mod infra;
mod infra_host;
mod keras;
mod model;
pub mod native;
mod packages;
mod pickle;
mod policy;
mod python;
pub mod release;
mod remedies;
pub mod repository;
mod secrets;
mod taken;
mod template;
mod trust;

use std::{collections::BTreeSet, sync::Arc};
use wellhead_core::{Measure, Rule, Sink};

pub use estate_view::EstateView;
pub use formats::ARCHIVE_BOMB;
pub use formats::DIGEST_MISMATCH;
pub use infra::checks::{CHECKS, ConfigurationCheck};
pub use policy::{
    EXPIRED_IGNORE, INTERNAL_ERROR, NOT_FULLY_ANALYSED, UNKNOWN_CONFIGURATION_KEY, UNUSED_IGNORE,
};
pub use policy::{INTERNAL_PACKAGE_EXPOSED, SOURCE_NOT_ALLOWED, UNUSED_ALLOWED_SOURCE};
pub use policy::{INVALID_VEX_STATEMENT, UNMATCHED_VEX_STATEMENT};
pub use python::awaits;
pub use python::loads;
pub use python::unlocked_model::{PlacedLoad, ProjectLoads};
pub use secrets::{redact, redact_finding};
pub use taken::{Taken, TakenFrom, taken_by_configuration, taken_by_module, taken_by_script};

/// Declares the kinds of subject once: what a rule can look at, and the function type that looks at it.
macro_rules! subjects {
    ($($(#[$doc:meta])* $name:ident($kind:ty)),+ $(,)?) => {
        /// What a rule looks at, and how.
        #[derive(Clone, Copy, Debug)]
        pub enum Check {
            $($(#[$doc])* $name(fn(&$kind, &mut Sink)),)+
            /// The engine itself raises it: coverage and policy.
            Engine,
        }

        /// Something to be judged.
        #[derive(Clone, Copy, Debug)]
        pub enum Subject<'a> {
            $($(#[$doc])* $name(&'a $kind),)+
        }

        impl Check {
            /// Whether the check looks at subjects of this kind.
            pub fn looks_at(self, subject: Subject<'_>) -> bool {
                matches!((self, subject), $((Self::$name(_), Subject::$name(_)))|+)
            }

            fn run(self, subject: Subject<'_>, sink: &mut Sink) {
                match (self, subject) {
                    $((Self::$name(check), Subject::$name(subject)) => check(subject, sink),)+
                    _ => {}
                }
            }

            /// The kind of subject, for the reference.
            pub fn subject(self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)+
                    Self::Engine => "Engine",
                }
            }
        }
    };
}

subjects! {
    /// What an artifact was taken for, by content and by name.
    Identity(wellhead_formats::Identity),
    /// A pickle, as the program that it is.
    Pickle(wellhead_formats::pickle::Program),
    /// A zip archive.
    Zip(wellhead_formats::zip::Archive),
    /// A tar archive.
    Tar(wellhead_formats::tar::Archive),
    /// The members of a container, whatever its format.
    Listing(wellhead_formats::listing::Listing),
    /// A safetensors file.
    Safetensors(wellhead_formats::safetensors::File),
    /// A NumPy array.
    Npy(wellhead_formats::npy::Array),
    /// A model: its operators and references, its arrays, its metadata.
    Model(wellhead_formats::model::Model),
    /// Compiled Python.
    Bytecode(wellhead_formats::marshal::Bytecode),
    /// Native code: an ELF, PE or Mach-O file.
    Native(wellhead_formats::native::Native),
    /// What lies beside the source of a package and runs.
    Carriers(crate::native::Carriers),
    /// Structured text (JSON, TOML, YAML).
    Data(wellhead_formats::document::DataFile),
    /// A Jinja template, as what rendering it would reach.
    Template(wellhead_formats::jinja::Template),
    /// Any text, structured or not.
    Text(wellhead_formats::document::TextFile),
    /// Python source or a notebook.
    Python(wellhead_pycode::Module),
    /// A file that declares dependencies, or where they come from.
    Manifest(wellhead_packages::Manifest),
    /// All files of a project that declare dependencies, together.
    Project(wellhead_packages::Project),
    /// Everything that a project loads as a model or data set, and its locks.
    Loads(crate::ProjectLoads),
    /// A declared component with what is known against it.
    Dependency(wellhead_packages::Dependency),
    /// A file that says how something is run.
    Configuration(wellhead_infra::Configuration),
    /// All files of a target that say how something is run, together.
    Estate(crate::EstateView),
    /// A recorded conversation with a service.
    Service(wellhead_infra::ServiceDocument),
    /// What listens on a machine, and the processes behind it.
    Host(wellhead_infra::HostDocument),
    /// Attestations, and the file that they should speak of.
    Attestation(wellhead_trust::Attested),
    /// Two packages side by side.
    Comparison(wellhead_pycode::Comparison),
    /// A model repository: what lies together and is loaded as one.
    Repository(crate::repository::Repository),
    /// An environment of Python: what was installed, and what lies there.
    Environment(crate::environment::Environment),
    /// A package as one thing: what it says of itself, and when each of its files runs.
    Distribution(crate::distribution::DistributionFacts),
    /// The code of a package: what its files do, and when they run.
    PackageCode(crate::behaviour::PackageCode),
    /// Two distributions side by side: what only the new one does.
    Release(crate::release::Release),
    /// Two packages of one target: a popular one and a copy of it.
    Clone(crate::distribution::ClonedPackage),
    /// Two models side by side: the original and a copy.
    Twin(crate::repository::Twin),
}

impl<'a> Subject<'a> {
    /// The text in which its findings are, where it is one text.
    pub fn text(self) -> Option<&'a Arc<str>> {
        match self {
            Self::Text(text) => Some(&text.text),
            Self::Data(data) => Some(&data.text.text),
            Self::Model(model) => model.text.as_ref().map(|t| &t.text),
            Self::Template(template) => Some(&template.text),
            Self::Python(module) => Some(&module.text),
            Self::Configuration(configuration) => Some(&configuration.text),
            Self::Service(document) => Some(&document.text),
            Self::Host(document) => Some(&document.text),
            _ => None,
        }
    }
}

/// A rule and the function that looks for it.
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    /// What is said of it.
    pub rule: &'static Rule,
    /// The function.
    pub check: Check,
}

/// One line a family.
static FAMILIES: &[&[Registered]] = &[
    behaviour::RULES,
    bytecode::RULES,
    cloud::RULES,
    config::RULES,
    distribution::RULES,
    environment::RULES,
    formats::RULES,
    infra::RULES,
    infra_host::RULES,
    keras::RULES,
    model::RULES,
    native::RULES,
    packages::RULES,
    pickle::RULES,
    policy::RULES,
    python::RULES,
    release::RULES,
    repository::RULES,
    secrets::RULES,
    template::RULES,
    trust::RULES,
];

/// All rules, in the order of their families.
pub fn registered() -> impl Iterator<Item = Registered> {
    FAMILIES.iter().flat_map(|family| family.iter().copied())
}

/// All rules as renderers take them, sorted by id.
pub fn rules() -> Vec<&'static Rule> {
    let mut rules: Vec<_> = registered().map(|r| r.rule).collect();
    rules.sort_by_key(|r| r.id);
    // A rule that looks at several kinds of subject is registered once for each.
    rules.dedup();
    rules
}

/// The rule of that id.
pub fn find(id: &str) -> Option<&'static Rule> {
    registered().map(|r| r.rule).find(|r| r.id == id)
}

/// Judges a subject by every rule that looks at its kind and for which `enabled` holds; says which measures were
/// looked at.
pub fn judge(subject: Subject<'_>, enabled: &dyn Fn(&Rule) -> bool, sink: &mut Sink) -> BTreeSet<Measure> {
    let mut measures = BTreeSet::new();
    for Registered { rule, check } in registered() {
        if check.looks_at(subject) && enabled(rule) {
            check.run(subject, sink);
            measures.insert(rule.measure);
        }
    }
    measures
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use wellhead_core::{ArtifactPath, Finding};

    /// What all rules find in a subject that is called `name`.
    pub(crate) fn findings(name: &str, subject: Subject<'_>) -> Vec<Finding> {
        let mut sink = Sink::new(ArtifactPath::file(name));
        judge(subject, &|_| true, &mut sink);
        sink.into_findings()
    }

    /// `rule severity` of each, in the order they were found.
    pub(crate) fn told(findings: &[Finding]) -> String {
        let all: Vec<_> = findings
            .iter()
            .map(|f| format!("{} {}", f.rule, f.severity))
            .collect();
        all.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADINGS: [&str; 6] = [
        "## What it does",
        "## Why is this bad",
        "## Example",
        "## Use instead",
        "## How to fix",
        "## References",
    ];

    #[test]
    fn ids_are_unique_kebab_case_and_name_the_bad_pattern() {
        let mut seen: Vec<&'static Rule> = Vec::new();
        for Registered { rule, .. } in registered() {
            let twin = seen.iter().find(|r| r.id == rule.id);
            assert!(
                twin.is_none_or(|r| std::ptr::eq(*r, rule)),
                "{} is two rules",
                rule.id
            );
            seen.push(rule);
            assert!(
                rule.id
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{}",
                rule.id
            );
            assert!(
                !rule.id.starts_with("no-") && !rule.id.starts_with("disallow-"),
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn every_rule_is_complete() {
        for rule in rules() {
            let id = rule.id;
            assert!(rule.risk.is_valid(), "{id}: scores lie between 1 and 5");
            assert!(
                !rule.summary.is_empty() && !rule.summary.ends_with('.'),
                "{id}: summary"
            );
            assert!(!rule.references.is_empty(), "{id}: references");
            assert!(
                rule.page.starts_with(&format!("# {id}\n")),
                "{id}: the page opens with its id"
            );
            let mut at = 0;
            for heading in HEADINGS {
                let found = rule.page.find(&format!("\n{heading}\n"));
                assert!(
                    found.is_some_and(|f| f >= at),
                    "{id}: `{heading}` is missing or out of order"
                );
                at = found.unwrap();
            }
            let t = rule.threat;
            assert!(
                [t.agent, t.vector, t.weakness, t.impact]
                    .iter()
                    .all(|s| !s.is_empty()),
                "{id}: threat"
            );
        }
    }
}
