//! Which sources could supply each package: a derivation per package, and from it what is exposed.
//!
//! The one decision: every manager's way of choosing comes down to *ranks*. Sources of one rank compete and the best
//! version wins; a source of a later rank is asked only when those before it had nothing ([`Passing`]). Who could change
//! what installs is then one question to all managers: is there a source in other hands at the same rank or an earlier
//! one? What each manager does is written in a file of its own, and proved against the real clients in
//! `crates/packages/tests/it/clients`.

mod conda;
mod locks;
mod pdm;
mod pip;
mod pipenv;
mod pixi;
mod poetry;
mod rivals;
#[cfg(test)]
mod tests;
mod uv;

use super::{Address, IndexEntry, IndexRole, Manager};
use crate::{
    project::{Folders, Project},
    well_known,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Bucket, Component, Location, Source, code};

/// One source that could be asked for a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCandidate {
    /// Where it is.
    pub address: Address,
    /// Its part in the configuration.
    pub role: IndexRole,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The line that names it; `None` for the manager's own default.
    pub declared: Option<Location>,
    /// Sources of one rank compete, and earlier ranks are asked first.
    pub rank: usize,
}

impl SourceCandidate {
    pub(crate) fn of(entry: &IndexEntry, rank: usize) -> Self {
        Self {
            address: entry.address.clone(),
            role: entry.role,
            name: entry.name.clone(),
            declared: Some(entry.declared.clone()),
            rank,
        }
    }

    /// The public index, which a manager asks without being told.
    pub(crate) fn public(rank: usize) -> Self {
        Self {
            address: Address::new(well_known::PYPI),
            role: IndexRole::Default,
            name: None,
            declared: None,
            rank,
        }
    }
}

/// When a manager goes on from one rank of sources to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// When no source of the rank knows the name.
    UnknownName,
    /// When no version there fits what is asked for.
    NoVersionFits,
}

/// What decides which file of a package gets installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DecidedBy {
    /// A digest: whoever serves it, only the same bytes are taken.
    Hash,
    /// A lock says version and source until it is made anew.
    Lock,
    /// The package names its address, repository or path itself.
    Address,
    /// The package names the one source that is asked.
    Named,
    /// There is one source only.
    OnlySource,
    /// Nothing is asked, so nothing gets installed.
    Nothing,
    /// The order of the sources: the first that knows the name is the only one.
    FirstSource,
    /// The order of the sources: the first with a version that fits.
    FirstMatch,
    /// The best version of all sources that are asked alike.
    BestVersion,
}

impl DecidedBy {
    /// What it means, as the end of "asked: …; ".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Hash => "only the file with the stated hash is taken",
            Self::Lock => "the lock says which, until it is made anew",
            Self::Address => "the package names its place itself",
            Self::Named => "the package names its source",
            Self::OnlySource => "no other source is asked",
            Self::Nothing => "no source is asked",
            Self::FirstSource => "the first that knows the name is the only one",
            Self::FirstMatch => "the first with a version that fits wins",
            Self::BestVersion => "the best version of all wins",
        }
    }
}

/// Who the two sources are that compete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rivalry {
    /// One of them is open to everybody, the other is private: whoever publishes the private names decides.
    PublicAndPrivate,
    /// Both are private, in different hands.
    TwoPrivate,
    /// The public index, and the wheels of a well-known project.
    PublicAndProject,
}

/// A source that could replace what another one supplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contest {
    /// Who competes.
    pub rivalry: Rivalry,
    /// The source that was meant, by its place in [`Derivation::sources`].
    pub meant: usize,
    /// The source that could supply instead.
    pub rival: usize,
    /// It gets its chance only where no version of the source that was meant fits.
    pub only_without_fit: bool,
}

/// Which sources could supply one package, and what decides between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Derivation {
    /// Whose way of choosing it is.
    pub manager: Manager,
    /// The command or mode it holds for, where it does not hold for all: `uv pip`, `pip download`.
    pub command: Option<Arc<str>>,
    /// The file that asks for the package.
    pub scope: ArtifactPath,
    /// The package, in its normal form.
    pub package: String,
    /// The line that asks for it.
    pub declared: Location,
    /// The sources that are asked, in the order of their ranks: the first few hundred.
    pub sources: Arc<[SourceCandidate]>,
    /// How many more there are, so that nothing is proved by what stands in `sources` alone.
    pub left_out: usize,
    /// When the next rank is asked.
    pub passing: Passing,
    /// What decides.
    pub decided_by: DecidedBy,
    /// Whether its version is stated exactly.
    pub exact: bool,
    /// Whether a lock holds until it is made anew.
    pub locked: bool,
    /// The worst way in which somebody on another source could change what installs.
    pub exposed: Option<Contest>,
    /// The derivation in words: `asked: A, then B; the first that knows the name is the only one`.
    pub why: Arc<str>,
}

impl Derivation {
    /// The sources that could supply the package although one of those that `trusted` names has it: none of them may
    /// be left for a proof that it can only come from there. `None` where no trusted source is asked at all.
    pub fn rivals<'a>(
        &'a self,
        trusted: &'a dyn Fn(&SourceCandidate) -> bool,
    ) -> Option<impl Iterator<Item = &'a SourceCandidate>> {
        // The earliest rank in which a trusted source is asked; whatever stands there or before gets its say first.
        let rank = self.sources.iter().filter(|s| trusted(s)).map(|s| s.rank).min()?;
        let decides = move |s: &&SourceCandidate| {
            s.rank <= rank || (self.passing == Passing::NoVersionFits && !self.locked)
        };
        let any_bytes = self.decided_by != DecidedBy::Hash;
        Some(
            self.sources
                .iter()
                .filter(move |s| any_bytes && !trusted(s))
                .filter(decides),
        )
    }
}

/// A configuration in which someone on another source could change what gets installed.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// Whose way of choosing lets them.
    pub manager: Manager,
    /// The command it holds for, where it does not hold for all.
    pub command: Option<Arc<str>>,
    /// Who competes.
    pub rivalry: Rivalry,
    /// The index that was added.
    pub added: Address,
    /// The one it competes with.
    pub other: Address,
    /// What decides between them.
    pub decided_by: DecidedBy,
    /// It happens only where no version of the source that was meant fits.
    pub only_without_fit: bool,
    /// The packages that either could supply, sorted.
    pub packages: Arc<[String]>,
    /// How many of them have an exact version.
    pub exact: usize,
    /// Whether a lock says what gets installed until it is made anew.
    pub locked: bool,
    /// The derivation in words.
    pub why: Arc<str>,
    /// The lines that make it so.
    pub declared: Location,
}

/// How many sources of a configuration are held against its packages. Nobody has as many, and what is done for each
/// pair of a package and a source must not become work without bound.
const MOST_SOURCES: usize = 256;

/// Packages that are asked of the same sources in the same way.
pub(crate) struct Pool<'a> {
    pub(crate) manager: Manager,
    pub(crate) command: Option<Arc<str>>,
    pub(crate) scope: ArtifactPath,
    pub(crate) sources: Vec<SourceCandidate>,
    /// How many more sources there are than [`MOST_SOURCES`].
    pub(crate) left_out: usize,
    pub(crate) passing: Passing,
    /// The setting that makes the sources equal, which is what has to change.
    pub(crate) blame: Option<Location>,
    pub(crate) locked: bool,
    /// The manager refuses what no hash proves.
    pub(crate) hash_mode: bool,
    /// All members have exact versions, so a source is passed over only where that version is not there at all.
    pub(crate) exact: bool,
    /// Whether the configuration counts although the project names no package for it.
    pub(crate) alone: bool,
    pub(crate) members: Vec<Member<'a>>,
}

/// A package of a pool.
pub(crate) struct Member<'a> {
    pub(crate) component: &'a Component,
    /// The only sources that are asked for it, by its own declaration.
    pub(crate) named: Option<Vec<SourceCandidate>>,
}

impl<'a> Pool<'a> {
    pub(crate) fn new(manager: Manager, scope: &ArtifactPath, mut sources: Vec<SourceCandidate>) -> Self {
        let all = sources.len();
        if all > MOST_SOURCES {
            let mut room = MOST_SOURCES;
            let mut public = false;
            // One source that is open to everybody is a rival to all others, so it must not hide behind them.
            sources.retain(|s| {
                let first_public = !public && well_known::is_public(&s.address);
                let keep = room > 0 || first_public;
                public |= first_public;
                room = room.saturating_sub(1);
                keep
            });
        }
        Self {
            left_out: all.saturating_sub(sources.len()),
            manager,
            command: None,
            scope: scope.clone(),
            sources,
            passing: Passing::UnknownName,
            blame: None,
            locked: false,
            hash_mode: false,
            exact: false,
            alone: false,
            members: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, components: impl Iterator<Item = &'a Component>) -> Self {
        self.members = components
            .map(|component| Member {
                component,
                named: None,
            })
            .collect();
        self
    }

    /// Takes the members with exact versions into a pool of their own, in which the order of `sources` decides: between
    /// equal versions these managers keep to the order of their sources, whatever build another one has.
    pub(crate) fn split_exact(&mut self) -> Option<Self> {
        let members = std::mem::take(&mut self.members);
        let (exact, open) = members
            .into_iter()
            .partition(|m: &Member<'_>| m.component.bucket == Bucket::Exact);
        self.members = open;
        let mut out = Pool::new(self.manager, &self.scope, self.sources.clone());
        out.members = exact;
        out.exact = true;
        out.passing = Passing::NoVersionFits;
        out.command.clone_from(&self.command);
        out.blame.clone_from(&self.blame);
        out.locked = self.locked;
        out.hash_mode = self.hash_mode;
        out.left_out = self.left_out;
        for (rank, source) in out.sources.iter_mut().enumerate() {
            source.rank = rank;
        }
        (!out.members.is_empty()).then_some(out)
    }

    fn contests(&self) -> Vec<Contest> {
        let mut contests = rivals::contests(&self.sources, self.passing);
        contests.retain(|t| !(self.exact && t.only_without_fit));
        contests
    }

    fn strategy(&self) -> DecidedBy {
        match self.sources.as_slice() {
            [] => DecidedBy::Nothing,
            [_] => DecidedBy::OnlySource,
            [first, rest @ ..] if rest.iter().all(|s| s.rank == first.rank) => DecidedBy::BestVersion,
            _ if self.passing == Passing::NoVersionFits => DecidedBy::FirstMatch,
            _ => DecidedBy::FirstSource,
        }
    }

    /// What decides for a member, where `strategy` does so for those that name nothing themselves.
    fn decided_by(&self, member: &Member<'_>, strategy: DecidedBy) -> DecidedBy {
        let c = member.component;
        if !matches!(c.source, Source::Registry { .. }) {
            return DecidedBy::Address;
        }
        if self.hash_mode || c.hashes.iter().any(|d| d.algorithm.is_strong()) {
            return DecidedBy::Hash;
        }
        match &member.named {
            Some(_) => DecidedBy::Named,
            None => strategy,
        }
    }

    /// Whether somebody could put another file in the place of this member's.
    fn open(&self, member: &Member<'_>, rivalry: Rivalry, strategy: DecidedBy) -> bool {
        // The public index refuses local versions, so a pin of one names its source.
        let local = member
            .component
            .version
            .as_deref()
            .is_some_and(|v| v.contains('+'));
        matches!(
            self.decided_by(member, strategy),
            DecidedBy::BestVersion | DecidedBy::FirstSource | DecidedBy::FirstMatch
        ) && (rivalry == Rivalry::TwoPrivate || !local)
    }

    fn why(&self, sources: &[SourceCandidate], decided_by: DecidedBy) -> Arc<str> {
        /// As many as a reader takes in.
        const SHOWN: usize = 6;
        let mut out = String::new();
        let mut last = None;
        for source in sources.iter().take(SHOWN) {
            let joint = match last {
                None => "asked: ",
                Some(rank) if rank == source.rank => " and ",
                Some(_) => ", then ",
            };
            last = Some(source.rank);
            out.push_str(joint);
            out.push_str(&code(&source.address.shown));
        }
        let left_out = if sources.len() == self.sources.len() {
            self.left_out
        } else {
            0
        };
        let more = sources.len().saturating_sub(SHOWN).saturating_add(left_out);
        if more > 0 {
            out.push_str(&format!(" and {more} more"));
        }
        if !out.is_empty() {
            out.push_str("; ");
        }
        out.push_str(decided_by.describe());
        let open = matches!(
            decided_by,
            DecidedBy::BestVersion | DecidedBy::FirstSource | DecidedBy::FirstMatch
        );
        if open {
            out.push_str("; no hash says which file is meant");
        }
        out.into()
    }

    fn derivations(&self, out: &mut Vec<Derivation>) {
        let shared: Arc<[SourceCandidate]> = self.sources.as_slice().into();
        let strategy = self.strategy();
        let mut contests = self.contests();
        // What is open to one contest is open to all between the same hands, so the worst of each is enough.
        contests.sort_by_key(|t| (t.only_without_fit, t.rivalry));
        let mut rivalries = BTreeSet::new();
        contests.retain(|t| rivalries.insert(t.rivalry));
        let mut whys: Vec<(DecidedBy, Arc<str>)> = Vec::new();
        for member in &self.members {
            let c = member.component;
            let decided_by = self.decided_by(member, strategy);
            let own = match (decided_by, &member.named) {
                (DecidedBy::Address, _) => Some(address_of(c).into_iter().collect::<Arc<[_]>>()),
                (DecidedBy::Named | DecidedBy::Hash, Some(named)) => Some(named.as_slice().into()),
                _ => None,
            };
            let why = match whys.iter().find(|(d, _)| own.is_none() && *d == decided_by) {
                Some((_, why)) => Arc::clone(why),
                None => {
                    let why = self.why(own.as_deref().unwrap_or(&shared), decided_by);
                    if own.is_none() {
                        whys.push((decided_by, Arc::clone(&why)));
                    }
                    why
                }
            };
            let open = contests.iter().filter(|t| self.open(member, t.rivalry, strategy));
            out.push(Derivation {
                manager: self.manager,
                command: self.command.clone(),
                scope: self.scope.clone(),
                package: c.name.clone(),
                declared: c.declared.clone(),
                left_out: if own.is_some() { 0 } else { self.left_out },
                sources: own.unwrap_or_else(|| Arc::clone(&shared)),
                passing: self.passing,
                decided_by,
                exact: c.bucket == Bucket::Exact,
                locked: self.locked,
                exposed: open
                    .filter(|_| !self.locked || self.blame.is_some())
                    .min_by_key(|t| (t.only_without_fit, t.rivalry))
                    .copied(),
                why,
            });
        }
    }

    fn exposures(&self, found: &mut Found<'a>) {
        // A lock says the source as well; only a setting that is unsafe by itself is worth a word all the same.
        let settled = self.locked && self.blame.is_none();
        if settled || (self.members.is_empty() && !self.alone) {
            return;
        }
        let mut contests = self.contests();
        if self.blame.is_some() {
            // It is the setting that makes it so, and changing it mends all of them.
            let worst = contests.iter().min_by_key(|t| (t.only_without_fit, t.rivalry));
            contests = worst.copied().into_iter().collect();
        }
        let decided_by = self.strategy();
        let why = self.why(&self.sources, decided_by);
        // What is open depends on who competes, not on which of the sources do: many contests share one answer.
        let mut answers: BTreeMap<Rivalry, Open<'a>> = BTreeMap::new();
        for contest in contests {
            let open = answers
                .entry(contest.rivalry)
                .or_insert_with(|| self.all_open(contest.rivalry, decided_by));
            if open.names.is_empty() && !self.members.is_empty() {
                continue;
            }
            self.expose(contest, open, (decided_by, &why), found);
        }
    }

    fn all_open(&self, rivalry: Rivalry, strategy: DecidedBy) -> Open<'a> {
        let mut out = Open::default();
        let mut names = BTreeSet::new();
        for member in self.members.iter().filter(|m| self.open(m, rivalry, strategy)) {
            names.insert(member.component.name.as_str());
            let exact = member.component.bucket == Bucket::Exact;
            out.exact = out.exact.saturating_add(exact.into());
        }
        out.names = Arc::new(names);
        out
    }

    fn expose(
        &self,
        contest: Contest,
        open: &Open<'a>,
        (decided_by, why): (DecidedBy, &Arc<str>),
        found: &mut Found<'a>,
    ) {
        let (Some(meant), Some(rival)) = (self.sources.get(contest.meant), self.sources.get(contest.rival))
        else {
            return;
        };
        // The line to look at is that of the source that was added, not that of the default; where the order decides,
        // that of the source that stands too early.
        let ordered = meant.rank != rival.rank;
        let added_first = |s: &SourceCandidate| s.declared.is_some() && s.role != IndexRole::Default;
        let (added, other) = match (added_first(meant), added_first(rival)) {
            (_, true) if ordered => (rival, meant),
            (true, _) => (meant, rival),
            (false, true) => (rival, meant),
            (false, false) if meant.declared.is_some() => (meant, rival),
            (false, false) => (rival, meant),
        };
        let Some(declared) = self.blame.as_ref().or(added.declared.as_ref()) else {
            return;
        };
        let key = PlaceKey {
            artifact: declared.artifact.clone(),
            offset: declared.offset(),
            manager: self.manager,
            only_without_fit: contest.only_without_fit,
        };
        let here = found.by_place.entry(key).or_default();
        let same = here.iter().find_map(|at| {
            let (exposure, _) = found.all.get(*at)?;
            (exposure.declared == *declared).then_some(*at)
        });
        if let Some((same, names)) = same.and_then(|at| found.all.get_mut(at)) {
            if !open.names.is_subset(names) {
                Arc::make_mut(names).extend(open.names.iter());
            }
            same.exact = same.exact.saturating_add(open.exact).min(names.len());
            return;
        }
        here.push(found.all.len());
        let exposure = Exposure {
            manager: self.manager,
            command: self.command.clone(),
            rivalry: contest.rivalry,
            added: added.address.clone(),
            other: other.address.clone(),
            decided_by,
            only_without_fit: contest.only_without_fit,
            packages: [].into(),
            exact: open.exact,
            locked: self.locked,
            why: Arc::clone(why),
            declared: declared.clone(),
        };
        found.all.push((exposure, Arc::clone(&open.names)));
    }
}

/// The packages of a pool that somebody could replace. Contests by the thousand share them.
#[derive(Default)]
struct Open<'a> {
    names: Arc<BTreeSet<&'a str>>,
    exact: usize,
}

/// What a place has to share so that two exposures are one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct PlaceKey {
    artifact: ArtifactPath,
    offset: u64,
    manager: Manager,
    only_without_fit: bool,
}

/// Exposures with their packages, found again by their place.
#[derive(Default)]
struct Found<'a> {
    all: Vec<(Exposure, Arc<BTreeSet<&'a str>>)>,
    by_place: BTreeMap<PlaceKey, Vec<usize>>,
}

impl Found<'_> {
    fn into_exposures(self) -> Vec<Exposure> {
        let mut lists: BTreeMap<*const BTreeSet<&str>, Arc<[String]>> = BTreeMap::new();
        let all = self.all.iter().map(|(exposure, names)| {
            let list = lists
                .entry(Arc::as_ptr(names))
                .or_insert_with(|| names.iter().map(|&n| n.to_owned()).collect());
            Exposure {
                packages: Arc::clone(list),
                ..exposure.clone()
            }
        });
        all.collect()
    }
}

/// The place that a package names itself.
fn address_of(component: &Component) -> Option<SourceCandidate> {
    let text = match &component.source {
        Source::Registry { url } => url.as_deref()?,
        Source::Vcs { url, .. } | Source::Url { url } => url,
        Source::Path { path, .. } => path,
    };
    Some(SourceCandidate {
        address: Address::new(text),
        role: IndexRole::Explicit,
        name: None,
        declared: Some(component.declared.clone()),
        rank: 0,
    })
}

impl Project {
    fn pools(&self) -> Vec<Pool<'_>> {
        let mut pools = Vec::new();
        let folders = Folders::new(self);
        pip::pools(&folders, &mut pools);
        uv::pools(&folders, &mut pools);
        poetry::pools(&folders, &mut pools);
        pdm::pools(&folders, &mut pools);
        pipenv::pools(&folders, &mut pools);
        conda::pools(&folders, &mut pools);
        pixi::pools(&folders, &mut pools);
        pools
    }

    /// For every package that a file of the project asks for: which sources could supply it, and what decides.
    pub fn derivations(&self) -> Vec<Derivation> {
        let mut out = Vec::new();
        for pool in self.pools() {
            pool.derivations(&mut out);
        }
        locks::derivations(self, &mut out);
        out
    }

    /// The files whose packages are asked of more sources than are held against them, with how many were left out.
    pub fn sources_left_out(&self) -> BTreeMap<ArtifactPath, usize> {
        let mut out = BTreeMap::new();
        for pool in self.pools().into_iter().filter(|p| p.left_out > 0) {
            let most: &mut usize = out.entry(pool.scope).or_default();
            *most = pool.left_out.max(*most);
        }
        out
    }

    /// All configurations in which a package could come from where it should not, sorted by place.
    pub fn exposures(&self) -> Vec<Exposure> {
        let pools = self.pools();
        let mut found = Found::default();
        for pool in &pools {
            pool.exposures(&mut found);
        }
        let mut found = found.into_exposures();
        found.sort_by(|a, b| {
            let key = |e: &Exposure| (e.declared.artifact.clone(), e.declared.offset(), e.manager);
            key(a).cmp(&key(b))
        });
        found
    }
}
