//! From terms to the one verdict on a file: a sum that is printed, and whether a whole path was seen.

use super::{
    code::{PackageCode, PackageScript, RunsWhen},
    evidence::{Evidence, gather},
    weights::{BLOCK, HIGH, REVIEW, Term},
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{Finding, Location, Rule, Severity, code};

/// What is to be said of what a file does at one time.
pub(super) struct Verdict<'a> {
    pub(super) path: &'a str,
    pub(super) script: &'a PackageScript,
    pub(super) when: RunsWhen,
    pub(super) terms: BTreeSet<Term>,
    pub(super) score: u32,
    pub(super) evidence: Vec<Evidence>,
    code: &'a PackageCode,
}

/// A verdict for each file and time at which it does something.
pub(super) fn verdicts(package: &PackageCode) -> Vec<Verdict<'_>> {
    let mut out = Vec::new();
    for (path, found) in gather(package) {
        let Some(script) = package.scripts.get(path) else {
            continue;
        };
        let mut times: BTreeMap<RunsWhen, Vec<Evidence>> = BTreeMap::new();
        for one in found {
            times.entry(one.when).or_default().push(one);
        }
        for (when, evidence) in times {
            let mut terms: BTreeSet<Term> = evidence.iter().map(|e| e.term).collect();
            supersede(&mut terms);
            // A program that is asked to may look up its own host by a name that it puts together.
            if when == RunsWhen::Asked {
                terms.remove(&Term::NameCarriesData);
            }
            terms.extend(match when {
                RunsWhen::Startup => Some(Term::AtStartup),
                RunsWhen::Install => Some(Term::AtInstall),
                RunsWhen::Import | RunsWhen::Plugin => Some(Term::AtImport),
                RunsWhen::Asked => None,
            });
            out.push(Verdict {
                path,
                script,
                when,
                score: terms.iter().map(|t| t.weight()).sum(),
                terms,
                evidence,
                code: package,
            });
        }
    }
    out
}

/// A path makes the suspicion of it superfluous: the same thing is not counted twice.
fn supersede(terms: &mut BTreeSet<Term>) {
    for (path, suspicion) in [
        (Term::RunsDecoded, Term::NearDecoded),
        (Term::RunsFetched, Term::NearFetched),
        (Term::SendsEnvironment, Term::NearEnvironment),
        (Term::SendsCredentials, Term::NearCredentials),
        (Term::SendsIdentity, Term::NearIdentity),
        (Term::FillsMemory, Term::HandlesMemory),
        (Term::RunsFetchingCommand, Term::StartsProgram),
        (Term::FetchesThenRuns, Term::StartsProgram),
    ] {
        if terms.contains(&path) {
            terms.remove(&suspicion);
        }
    }
}

impl Verdict<'_> {
    /// How bad it is; nothing where there is nothing to decide on.
    pub(super) fn severity(&self) -> Option<Severity> {
        let path = self.terms.iter().any(|t| t.is_path());
        let by_itself = self.when != RunsWhen::Asked;
        if path && by_itself && self.score >= BLOCK {
            return Some(Severity::Critical);
        }
        // Circumstances alone are none, and neither is a program that somebody asks for.
        if !self.terms.iter().any(|t| t.harm().is_some()) {
            return None;
        }
        match self.score {
            score if score >= HIGH => Some(Severity::High),
            score if score >= REVIEW => Some(Severity::Medium),
            _ => None,
        }
    }

    /// The finding of a rule on it.
    pub(super) fn finding(&self, rule: &'static Rule, severity: Severity) -> Option<Finding> {
        let worst = self.worst()?;
        let harm = worst.term.harm()?;
        let mut finding = Finding::new(
            rule,
            format!("{} of this package {harm} {}", code(self.path), self.when.when()),
            self.place(worst),
        )
        .severity(severity)
        .subject(format!("{} {}", self.path, worst.term.name()))
        .property("score", self.score_words())
        .property("terms", self.names());
        if !worst.given.is_empty() {
            finding = finding.note(format!(
                "{} is given {}",
                code(&worst.by),
                code(&short(&worst.given))
            ));
        }
        for (module, range, what) in worst.hops.iter().take(8) {
            if let Some(script) = self.code.scripts.get(module) {
                finding = finding.at(Location::text(
                    &script.artifact,
                    &script.text,
                    range.clone(),
                    short(what),
                ));
            }
        }
        for layer in self.layers(worst) {
            finding = finding.note(format!(
                "decoded from {}: {}",
                code(&layer.by),
                code(&short(&layer.text))
            ));
        }
        let mut shown = BTreeSet::from([worst.term]);
        for other in &self.evidence {
            if other.term.harm().is_some()
                && self.terms.contains(&other.term)
                && shown.insert(other.term)
                && shown.len() < 5
            {
                finding = finding.at(self.place(other));
            }
        }
        Some(finding.note(format!("score {}: {}", self.score_words(), self.sum())))
    }

    /// The terms, as machine formats have them.
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.terms.iter().map(|t| t.name()).collect();
        names.join(" ")
    }

    /// The sum in figures.
    pub(super) fn score_words(&self) -> String {
        tenths(self.score)
    }

    fn sum(&self) -> String {
        let all: Vec<String> = self
            .terms
            .iter()
            .map(|t| format!("{} {}", t.name(), tenths(t.weight())))
            .collect();
        all.join(" + ")
    }

    fn worst(&self) -> Option<&Evidence> {
        self.evidence
            .iter()
            .filter(|e| self.terms.contains(&e.term) && e.term.harm().is_some())
            .max_by_key(|e| {
                (
                    e.term.is_path(),
                    e.term.weight(),
                    std::cmp::Reverse((e.term, e.range.start)),
                )
            })
    }

    fn place(&self, evidence: &Evidence) -> Location {
        let label = evidence.term.harm().unwrap_or_default();
        Location::text(
            &self.script.artifact,
            &self.script.text,
            evidence.range.clone(),
            label,
        )
    }

    fn layers<'s>(&'s self, worst: &'s Evidence) -> impl Iterator<Item = &'s wellhead_pycode::Layer> {
        let layers = self.code.analysis.layers.iter();
        layers
            .filter(move |l| l.module == self.path && l.range == worst.range)
            .take(2)
    }
}

fn tenths(value: u32) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// As much of a text from outside as is worth showing.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}
