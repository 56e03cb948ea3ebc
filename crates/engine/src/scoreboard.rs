//! What was judged, and about how much of it nothing is to be said.

use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{Finding, Measure, MeasureSummary};

/// Subjects that were judged under a measure, by a name that their findings bear too.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Scoreboard {
    judged: BTreeMap<Measure, BTreeSet<String>>,
    not_assessed: BTreeMap<Measure, u64>,
}

impl Scoreboard {
    /// A subject was judged by a rule of this measure.
    pub(crate) fn judged(&mut self, measure: Measure, subject: String) {
        self.judged.entry(measure).or_default().insert(subject);
    }

    /// Something could not be judged under this measure.
    pub(crate) fn not_assessed(&mut self, measure: Measure, count: u64) {
        let n = self.not_assessed.entry(measure).or_default();
        *n = n.saturating_add(count);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (measure, subjects) in other.judged {
            self.judged.entry(measure).or_default().extend(subjects);
        }
        for (measure, count) in other.not_assessed {
            self.not_assessed(measure, count);
        }
    }

    /// One line a measure.
    pub(crate) fn summaries(
        &self,
        findings: &[Finding],
        fails: impl Fn(&Finding) -> bool,
    ) -> Vec<MeasureSummary> {
        Measure::ALL
            .iter()
            .map(|measure| {
                let reported: Vec<_> = findings
                    .iter()
                    .filter(|f| f.measure == *measure && f.is_reported())
                    .collect();
                let deny = reported.iter().filter(|f| fails(f)).count() as u64;
                let accused: BTreeSet<String> = reported.iter().flat_map(|f| subjects(f)).collect();
                let judged = self.judged.get(measure);
                let ok = judged.map_or(0, |j| j.difference(&accused).count()) as u64;
                MeasureSummary {
                    measure: *measure,
                    deny,
                    warn: (reported.len() as u64).saturating_sub(deny),
                    ok,
                    not_assessed: self.not_assessed.get(measure).copied().unwrap_or(0),
                }
            })
            .collect()
    }
}

/// The names under which a finding's subject may have been judged.
fn subjects(finding: &Finding) -> Vec<String> {
    let mut names: Vec<String> = finding.locations.iter().map(|l| l.artifact.to_string()).collect();
    if let Some(purl) = finding.properties.get("purl").and_then(|v| v.as_str()) {
        names.push(purl.to_owned());
    }
    names
}
