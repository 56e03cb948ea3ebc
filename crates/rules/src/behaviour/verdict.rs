//! From terms to the one verdict on a file: a sum that is printed, and whether a whole path was seen.

use super::{
    code::{PackageCode, PackageScript, RunsWhen},
    evidence::{Evidence, gather},
    host::End,
    weights::{BLOCK, HIGH, REVIEW, Term},
};
use crate::distribution::DistributionFacts;
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{Digest, Finding, Location, Rule, Severity, code};

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

/// The worst answer that is open to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gate {
    /// Nothing but what programs do that somebody asks.
    Note,
    /// Parts of a path, or a path that somebody has to ask for.
    Review,
    /// A whole path.
    Block,
}

impl Gate {
    /// The name in machine formats.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Review => "review",
            Self::Block => "block",
        }
    }
}

/// Whether something fetches what is run.
fn fetching(e: &Evidence) -> bool {
    e.term == Term::RunsFetchingCommand || e.term == Term::RunsFetched && e.end >= End::Fixed
}

/// A verdict for each file and time at which it does something.
pub(super) fn verdicts(facts: &DistributionFacts) -> Vec<Verdict<'_>> {
    let package = &facts.code;
    let mut out = Vec::new();
    let gathered = || gather(package, &facts.distribution.provenance);
    for (path, found) in facts.seen.0.get_or_init(gathered) {
        let Some(script) = package.scripts.get(path) else {
            continue;
        };
        let mut times: BTreeMap<RunsWhen, Vec<Evidence>> = BTreeMap::new();
        for one in found {
            times.entry(one.when).or_default().push(one.clone());
        }
        for (when, evidence) in times {
            let mut terms: BTreeSet<Term> = evidence.iter().map(|e| e.term).collect();
            supersede(&mut terms);
            terms.extend(match when {
                RunsWhen::Startup => Some(Term::AtStartup),
                RunsWhen::Install => Some(Term::AtInstall),
                RunsWhen::Import | RunsWhen::Plugin | RunsWhen::Run => Some(Term::AtImport),
                RunsWhen::Module => Some(Term::AtModule),
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
    /// The worst answer that what is seen admits, however much it weighs.
    pub(super) fn gate(&self) -> Gate {
        let counted = || self.evidence.iter().filter(|e| self.terms.contains(&e.term));
        // Files are sent for many reasons, and to nobody without a name for a good one.
        let whole = |e: &&Evidence| e.term.is_path() || e.term == Term::SendsFile && e.end >= End::Anonymous;
        let paths = || counted().filter(whole);
        let unmistakable = |e: &Evidence| {
            let covered = self.terms.contains(&Term::OutOfSight) && e.hidden;
            let drops = e.end >= End::Anonymous && e.is_sharp();
            let fetches = e.hidden && counted().any(|o| o.range == e.range && fetching(o));
            // Honest programs have nothing to gain from hiding whom they speak to.
            covered || drops || fetches || e.term == Term::HidesAddress
        };
        let open = match self.when {
            when if when.is_unasked() => paths().next().is_some(),
            RunsWhen::Module | RunsWhen::Run => {
                paths().any(|e| e.is_sharp() || e.term == Term::TellsReceiver)
            }
            _ => paths().any(unmistakable),
        };
        let drops = self.terms.contains(&Term::UnnamedHost);
        if open {
            Gate::Block
        } else if counted()
            .any(|e| e.term.harm().is_some() && (self.when.is_unasked() || drops || e.is_sharp()))
            // Whoever imports or starts the one file has not asked for what it does then.
            || matches!(self.when, RunsWhen::Module | RunsWhen::Run) && paths().next().is_some()
        {
            Gate::Review
        } else {
            Gate::Note
        }
    }

    /// How bad it is; nothing where there is nothing to decide on.
    pub(super) fn severity(&self) -> Option<Severity> {
        match (self.gate(), self.score) {
            (Gate::Block, score) if score >= BLOCK => Some(Severity::Critical),
            (Gate::Block | Gate::Review, score) if score >= HIGH => Some(Severity::High),
            (Gate::Block | Gate::Review, score) if score >= REVIEW => Some(Severity::Medium),
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
        .property("at_most", self.gate().name())
        .property("terms", self.names())
        .property("snippet", snippet(&self.script.text, worst.range.clone()));
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
        if severity > Severity::Info
            && let Some(why) = self.why(worst)
        {
            finding = finding.note(why);
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

    /// What sets this apart from honest code that looks like it.
    fn why(&self, worst: &Evidence) -> Option<&'static str> {
        Some(match worst.term {
            _ if self.terms.contains(&Term::OutOfSight) => {
                "honest code does not stand so far to the right that no window shows it"
            }
            Term::TellsReceiver => {
                "honest packages report to a host of their own; this address is one of many that anybody gets without a name"
            }
            term if term.is_path() && worst.end >= End::Anonymous => {
                "the address is written in the code and one that anybody gets without a name"
            }
            Term::RunsDecoded | Term::FillsMemory if worst.hidden => {
                "what is run stands in the file only in a form that nobody can read"
            }
            term if term.is_path() && self.when.is_unasked() => {
                "honest packages do this in functions that somebody calls, and nobody has to ask for this"
            }
            Term::RunsFetched if worst.end >= End::Fixed => {
                "the address of what is run is written in the code: it is not the caller who chooses it"
            }
            _ => return None,
        })
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

/// The digest of the lines of a place, without the space round them: it stays when the file changes elsewhere.
fn snippet(text: &str, range: std::ops::Range<usize>) -> String {
    let start = text
        .get(..range.start)
        .and_then(|t| t.rfind('\n'))
        .map_or(0, |at| at.saturating_add(1));
    let after = text.get(range.end..).and_then(|t| t.find('\n'));
    let end = after.map_or(text.len(), |at| range.end.saturating_add(at));
    let lines = text.get(start..end).unwrap_or_default().lines().map(str::trim);
    let kept: Vec<&str> = lines.filter(|l| !l.is_empty()).collect();
    Digest::sha256(kept.join("\n").as_bytes()).to_string()
}

fn tenths(value: u32) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// As much of a text from outside as is worth showing.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}
