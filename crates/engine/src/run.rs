//! From listings to a report.

use crate::torch_version;
use crate::{
    Config, Selection, artifact::FileResult, environment, own_source, policy, project, remembered,
    repository::Files, scoreboard::Scoreboard,
};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, atomic::AtomicBool};
use wellhead_core::{
    Budget, Confidence, Coverage, Depth, Finding, Limits, Location, Report, Rule, Severity, Span, Stats,
    Verdict, assess,
};
use wellhead_packages::{Database, vex::VexDocument};
use wellhead_sources::{Content, Entry, KeptResults, Wheels};

/// What one target holds.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The target as it was typed.
    pub target: String,
    /// What to put before the paths of its entries, where several targets are audited in one run.
    pub prefix: Option<String>,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// Somebody who wants to know how far the run is.
pub trait Observer: Sync {
    /// So many files were listed.
    fn listed(&self, files: u64);
    /// A file was judged.
    fn judged(&self, path: &str);
    /// All manifests were joined; called once a run.
    fn joined(&self, _: &wellhead_packages::Project) {}
}

/// An observer that does not look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn listed(&self, _: u64) {}
    fn judged(&self, _: &str) {}
}

/// How a run is to be done.
pub struct Options<'a> {
    /// How much of each artifact is read.
    pub depth: Depth,
    /// What each file may cost.
    pub limits: Limits,
    /// The policy.
    pub config: Config,
    /// The severity from which on a finding fails the run; `None` leaves it to the policy, `Some(None)` is never.
    pub fail_on: Option<Option<Severity>>,
    /// Which rules are asked.
    pub selection: Selection,
    /// Findings below are not reported.
    pub min_severity: Option<Severity>,
    /// Findings below are not reported.
    pub min_confidence: Option<Confidence>,
    /// The day of the run, `2026-11-23`.
    pub today: String,
    /// What others say of flaws in the packages of the project.
    pub vex: Vec<VexDocument>,
    /// The advisories at hand.
    pub database: Option<&'a Database>,
    /// Why there are none, where there should be: "the advisory database is damaged: …".
    pub database_trouble: Option<String>,
    /// Where the wheels of what is installed can be had, if they are to be compared.
    pub wheels: Option<Wheels>,
    /// The files, by their paths in the report, that are read as locks whatever their names are.
    pub locks: BTreeSet<String>,
    /// The files, by their paths in the report, that somebody named outright rather than a folder round them.
    pub asked: BTreeSet<String>,
    /// What earlier runs found out.
    pub kept: Option<&'a KeptResults>,
    /// Ends the run early.
    pub cancelled: Arc<AtomicBool>,
    /// Who watches.
    pub observer: &'a dyn Observer,
}

impl Options<'_> {
    /// Whether a rule is asked.
    pub(crate) fn enables(&self, rule: &Rule) -> bool {
        self.selection.enables(rule, &self.config.levels)
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            depth: Depth::Headers,
            limits: Limits::default(),
            config: Config::default(),
            fail_on: None,
            selection: Selection::default(),
            min_severity: None,
            min_confidence: None,
            today: "1970-01-01".to_owned(),
            database: None,
            vex: Vec::new(),
            wheels: None,
            locks: BTreeSet::new(),
            asked: BTreeSet::new(),
            database_trouble: None,
            kept: None,
            cancelled: Arc::default(),
            observer: &Unobserved,
        }
    }
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("depth", &self.depth)
            .field("today", &self.today)
            .finish_non_exhaustive()
    }
}

/// The severity from which on a finding fails a run of which nothing else was said.
const FAIL_ON: Severity = Severity::High;

/// Audits what the listings hold.
///
/// The report is the same for the same bytes, rules, advisories and policy, whatever the machine and however the
/// work was spread over its cores.
pub fn run(listings: Vec<Listing>, options: &Options<'_>) -> Report {
    let targets: Vec<String> = listings
        .iter()
        .map(|l| wellhead_core::escape(&l.target))
        .collect();
    let files: Vec<(String, Entry)> = listings.into_iter().flat_map(named).collect();
    options.observer.listed(files.len() as u64);
    let mut results: Vec<FileResult> = files
        .par_iter()
        .filter(|(_, entry)| !matches!(entry.content, Content::Environment(_)))
        .map(|(path, entry)| {
            let result = remembered::file(path, entry, options);
            options.observer.judged(path);
            result
        })
        .collect();
    crate::clones::judge(&mut results, &files, options);
    // An environment is compared with the locks among the other files, so its turn comes last.
    let environments = files.iter().filter_map(|(path, entry)| match &entry.content {
        Content::Environment(prefix) => Some((path, prefix)),
        _ => None,
    });
    let alone = files.len() == 1;
    let environments = environments.map(|(path, prefix)| {
        let under = (!alone).then_some(path.as_str());
        environment::audit(prefix, under, &results, options)
    });
    let environments: Vec<Vec<FileResult>> = environments.collect();
    results.extend(environments.into_iter().flatten());
    assemble(targets, results, &files, options)
}

/// The names that the entries of a listing have in the report.
pub fn names(listing: &Listing) -> Vec<String> {
    let entries = listing.entries.iter();
    entries
        .map(|entry| name(listing.prefix.as_deref(), &entry.path))
        .collect()
}

fn name(prefix: Option<&str>, path: &str) -> String {
    prefix.map_or_else(|| path.to_owned(), |prefix| format!("{prefix}/{path}"))
}

/// The entries of a listing under the names they have in the report.
pub(crate) fn named(listing: Listing) -> impl Iterator<Item = (String, Entry)> {
    let Listing { prefix, entries, .. } = listing;
    entries
        .into_iter()
        .map(move |entry| (name(prefix.as_deref(), &entry.path), entry))
}

/// Sums up: the project, the policy, the order, the scoreboard, the verdict.
pub(crate) fn assemble(
    targets: Vec<String>,
    results: Vec<FileResult>,
    files: &[(String, Entry)],
    options: &Options<'_>,
) -> Report {
    let mut stats = Stats {
        files: results.iter().map(|r| r.covers.max(1)).sum(),
        ..Stats::default()
    };
    let mut coverage: Vec<Coverage> = Vec::new();
    let mut findings: Vec<Finding> = Vec::new();
    let mut scoreboard = Scoreboard::default();
    let mut facts = Vec::new();
    let mut configured = Vec::new();
    for result in results {
        stats.models = stats.models.saturating_add(u64::from(result.is_model));
        stats.bytes = stats.bytes.saturating_add(result.bytes);
        coverage.extend(result.coverage);
        findings.extend(result.findings);
        scoreboard.merge(result.scoreboard);
        facts.extend(result.facts);
        configured.extend(result.configured);
    }
    let told = crate::estate::of_target(&configured, files, options);
    let versions = told.tell(&mut findings, &mut coverage, &mut scoreboard);
    facts.extend(versions.facts);
    let (mut facts, services) = crate::services::take(facts, options);
    crate::constants::judge(&mut findings, &mut facts, options);
    own_source::judge(&mut findings, &facts);
    let unpacked = crate::unpacked::judge(files, &coverage, options);
    findings.extend(unpacked.findings);
    let loads = crate::lock::ProjectLoading::of(&facts, files);
    let imported = crate::reach::Imported::of(&facts);
    let repositories = Files::new(files, &coverage, &targets);
    let (facts, elsewhere) = crate::commands::elsewhere(facts);
    let (mut facts, notes) = crate::image::join(facts, &coverage);
    let digests = Digests::new(files, options);
    // What a VEX document speaks of need not be there, so the document is no inventory.
    crate::vex::leave_out(&mut facts, options, &|path| digests.get(path));
    let mut project = project::judge(facts, files, &repositories, options, &mut scoreboard);
    project.not_assessed.extend(notes);
    project.not_assessed.extend(elsewhere);
    project.not_assessed.extend(versions.not_assessed);
    project.not_assessed.extend(services.not_assessed);
    project.not_assessed.extend(unpacked.not_assessed);
    findings.extend(project.findings);
    torch_version::judge(&mut findings, &project.components);
    once(&mut findings);
    coverage.extend(project.coverage);
    imported.tell(&mut findings);
    loads.judge(&mut findings, options, &mut scoreboard);

    // A line may show a secret whatever the finding on it is about.
    findings.iter_mut().for_each(wellhead_rules::redact_finding);
    let digest = |path: &str| digests.get(path);
    let judged = |ignore: &crate::Ignore| crate::vex::is_judged(&ignore.rule, options);
    let mut findings = policy::apply(&options.config, findings, &options.today, &digest, &judged);
    let untold = crate::vex::apply(&mut findings, &project.components, &project.names, options);
    project.not_assessed.extend(untold);
    // What is not shown is covered all the same, so that no ignore of it looks unused.
    findings.retain(|f| {
        options.min_severity.is_none_or(|least| f.severity >= least)
            && options.min_confidence.is_none_or(|least| f.confidence >= least)
    });
    sort(&mut findings);
    findings.dedup();
    coverage.sort_by(|a, b| a.artifact.cmp(&b.artifact));

    let fail_on = options
        .fail_on
        .or(options.config.fail_on)
        .unwrap_or(Some(FAIL_ON));
    let measures = scoreboard.summaries(&findings, |f| Verdict::fails(f, fail_on));
    let assessed: Vec<_> = measures
        .iter()
        .filter(|m| m.is_assessed())
        .map(|m| m.measure)
        .collect();
    let risk = assess(&findings, &wellhead_rules::rules(), &assessed);
    let verdict = policy::verdict(&findings, fail_on);
    let mut report = Report {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        targets,
        coverage,
        findings,
        components: project.components,
        measures,
        risk,
        verdict,
        databases: project.databases,
        not_assessed: project.not_assessed,
        services: services.all,
        stats,
    };
    report.stats.packages = report.inventory_counts().packages;
    report
}

/// A password in the address of an index is told by the rule that knows indexes, where both see it.
fn once(findings: &mut Vec<Finding>) {
    let place = |f: &Finding| match f.primary() {
        Some(Location {
            artifact,
            span: Span::Text { start, .. },
            ..
        }) => Some((artifact.top().to_owned(), start.line)),
        _ => None,
    };
    let told: BTreeSet<_> = findings
        .iter()
        .filter(|f| f.rule == "index-credentials")
        .filter_map(place)
        .collect();
    // That a secret is everybody's is more than that it stands there.
    let known: BTreeSet<_> = findings
        .iter()
        .filter(|f| f.rule == "known-credentials")
        .filter_map(place)
        .collect();
    findings.retain(|f| f.rule != "leaked-token" || !place(f).is_some_and(|p| known.contains(&p)));
    findings.retain(|f| {
        let is_address =
            f.rule == "leaked-token" && f.subject.starts_with("a password or token in an address");
        !is_address || !place(f).is_some_and(|p| told.contains(&p))
    });
}

/// Digests of files of the target, each computed once and only where an ignore asks for it.
struct Digests<'a> {
    files: &'a [(String, Entry)],
    options: &'a Options<'a>,
    known: std::cell::RefCell<std::collections::BTreeMap<String, Option<String>>>,
}

impl<'a> Digests<'a> {
    fn new(files: &'a [(String, Entry)], options: &'a Options<'a>) -> Self {
        Self {
            files,
            options,
            known: std::cell::RefCell::default(),
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        if let Some(known) = self.known.borrow().get(path) {
            return known.clone();
        }
        let entry = self.files.iter().find(|(name, _)| name == path);
        let mut budget = Budget::new(self.options.limits.clone(), Arc::clone(&self.options.cancelled));
        let blob = entry.and_then(|(_, entry)| entry.open().ok());
        let digest = blob.and_then(|blob| crate::digest::sha256(&blob, &mut budget));
        self.known.borrow_mut().insert(path.to_owned(), digest.clone());
        digest
    }
}

/// The most harmful first, then by place; equal places by rule and subject.
fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let place = |f: &Finding| f.primary().map(|l| (l.artifact.clone(), l.offset()));
        b.severity
            .cmp(&a.severity)
            .then_with(|| place(a).cmp(&place(b)))
            .then_with(|| a.rule.cmp(&b.rule))
            .then_with(|| a.subject.cmp(&b.subject))
            .then_with(|| a.message.cmp(&b.message))
    });
}
