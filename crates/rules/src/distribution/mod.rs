//! Distributions: whether a package is what it says, and what of it runs without that anybody asks.

mod borrowed_identity;
mod cloned_package;
mod conda_script;
mod contradictory_identity;
mod facts;
mod false_record;
mod misleading_source_text;
mod shadowing_distribution;
mod startup;

use crate::{Check, Registered};
use wellhead_core::{Finding, Rule, Severity, Sink, code};
use wellhead_packages::distribution::{Anomaly, AnomalyKind};

pub use cloned_package::ClonedPackage;
pub use facts::{DistributionFacts, StartupLine};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &cloned_package::CLONED_PACKAGE,
        check: Check::Clone(cloned_package::check),
    },
    Registered {
        rule: &borrowed_identity::BORROWED_IDENTITY,
        check: Check::Distribution(borrowed_identity::check),
    },
    Registered {
        rule: &conda_script::CONDA_SCRIPT,
        check: Check::Distribution(conda_script::check),
    },
    Registered {
        rule: &contradictory_identity::CONTRADICTORY_IDENTITY,
        check: Check::Distribution(contradictory_identity::check),
    },
    Registered {
        rule: &false_record::FALSE_RECORD,
        check: Check::Distribution(false_record::check),
    },
    Registered {
        rule: &misleading_source_text::MISLEADING_SOURCE_TEXT,
        check: Check::Distribution(misleading_source_text::check),
    },
    Registered {
        rule: &shadowing_distribution::SHADOWING_DISTRIBUTION,
        check: Check::Distribution(shadowing_distribution::check),
    },
    Registered {
        rule: &crate::environment::STARTUP_HOOK,
        check: Check::Distribution(startup::check),
    },
];

/// What a kind of anomaly does to whom, how bad that is, and what its place is called.
struct Harm {
    kind: AnomalyKind,
    severity: Severity,
    harm: &'static str,
    label: &'static str,
}

/// One finding for each kind of anomaly: the first in full, the number of the others.
fn tell(
    rule: &'static Rule,
    harms: &[Harm],
    help: &str,
    facts: &DistributionFacts,
    severity: &dyn Fn(&Anomaly, Severity) -> Severity,
    sink: &mut Sink,
) {
    for harm in harms {
        let mut all: Vec<(Severity, &Anomaly)> = facts
            .distribution
            .anomalies
            .iter()
            .filter(|a| a.kind == harm.kind)
            .map(|a| (severity(a, harm.severity), a))
            .collect();
        // The worst is shown; of equal ones the first.
        all.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        let Some((worst, first)) = all.first() else {
            continue;
        };
        let mut finding = Finding::new(
            rule,
            format!("{}: {}", harm.harm, first.words),
            facts.locate(first, harm.label),
        )
        .severity(*worst)
        .help(help)
        .subject(format!(
            "{:?} {}",
            first.kind,
            first.member.as_deref().unwrap_or_default()
        ))
        .property("distribution", facts.distribution.shown());
        for (_, other) in all.iter().skip(1).take(2) {
            finding = finding.at(facts.locate(other, harm.label));
        }
        if all.len() > 1 {
            let names: Vec<String> = all
                .iter()
                .skip(1)
                .filter_map(|(_, a)| a.member.as_deref())
                .take(3)
                .map(code)
                .collect();
            let shown = if names.is_empty() {
                String::new()
            } else {
                format!(": {}", names.join(", "))
            };
            finding = finding.note(format!(
                "{} more of this kind{shown}",
                all.len().saturating_sub(1)
            ));
        }
        sink.push(finding);
    }
}

#[cfg(test)]
mod tests;
