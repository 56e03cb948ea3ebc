//! OSV records to the bytes of a database.
//!
//! Affected versions become runs over one sorted table of versions per package, so that a package with four hundred
//! advisories names each version once. Nothing here reads a clock: the day is an argument, since the records' own
//! dates may lie in the future.

use super::{
    Advisory, Affected, Exploited, Scores, Threat,
    codec::Writer,
    database::{About, Database, DatabaseError, MAGIC, MAX_BLOCK, TableInfo},
    osv::{OsvError, read_osv},
    record::{write_about, write_record},
};
use crate::version::PyVersion;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
};
use wellhead_core::{Budget, Exhausted, code};

/// What became of the records of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Records that are in the database now.
    pub records: u64,
    /// Of these, reports of malicious code.
    pub malicious: u64,
    /// Records that were taken back by their authors, and are left out.
    pub withdrawn: u64,
    /// Records about other ecosystems only, left out.
    pub elsewhere: u64,
    /// Packages that the records speak of.
    pub packages: u64,
    /// Records that could not be read: name and reason, the first hundred.
    pub unreadable: Vec<(String, String)>,
    /// How many could not be read in all.
    pub unreadable_count: u64,
    /// Records about flaws that attackers are known to use.
    pub exploited: u64,
    /// Records with an estimate of how likely an attack is.
    pub scored: u64,
    /// The records' newest day of change that is not after the day of the database; may be empty.
    pub newest: String,
}

/// Uncompressed bytes that a block aims at: small, since a lock touches a few hundred packages spread over the
/// alphabet, and each costs the inflating of its whole block.
const BLOCK: usize = 6 << 10;

/// Gathers records and tables, and writes them as a database.
#[derive(Debug, Default)]
pub struct Builder {
    /// By identifier, so that a record that comes twice counts once and the order of the input does not matter.
    all: BTreeMap<String, Advisory>,
    withdrawn: BTreeSet<String>,
    /// Records that a database before this one left out.
    withdrawn_before: u64,
    unreadable_before: u64,
    summary: ImportSummary,
    exploited: Option<Exploited>,
    scores: Option<Scores>,
}

impl Builder {
    /// Takes the records of a database along.
    ///
    /// # Errors
    /// When it is damaged or costs more than `budget` allows.
    pub fn keep(&mut self, database: &Database, budget: &mut Budget) -> Result<(), DatabaseError> {
        for advisory in database.advisories(budget)? {
            self.all.insert(advisory.id.clone(), advisory);
        }
        self.withdrawn_before = database.withdrawn();
        self.unreadable_before = database.about().unreadable;
        Ok(())
    }

    /// Adds one OSV record, or takes out the one that it withdraws. A record that cannot be read is counted.
    ///
    /// # Errors
    /// When `budget` runs out.
    pub fn record(&mut self, name: &str, bytes: &[u8], budget: &mut Budget) -> Result<(), Exhausted> {
        budget.entries(1)?;
        match read_osv(bytes, budget) {
            Ok(advisory) if advisory.withdrawn => {
                self.all.remove(&advisory.id);
                self.withdrawn.insert(advisory.id);
            }
            Ok(advisory) => {
                self.withdrawn.remove(&advisory.id);
                self.all.insert(advisory.id.clone(), advisory);
            }
            Err(OsvError::Exhausted(e)) => return Err(e),
            Err(why) => self.unread(name, &why.to_string()),
        }
        Ok(())
    }

    /// Counts a record that cannot be read.
    pub fn unread(&mut self, name: &str, why: &str) {
        let count = &mut self.summary.unreadable_count;
        *count = count.saturating_add(1);
        if self.summary.unreadable.len() < 100 {
            self.summary.unreadable.push((name.to_owned(), why.to_owned()));
        }
    }

    /// Takes a record out, where it is.
    pub fn remove(&mut self, id: &str) -> bool {
        self.all.remove(id).is_some()
    }

    /// The identifiers of the records so far.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    /// How many records could not be read so far.
    pub fn unreadable(&self) -> u64 {
        self.summary.unreadable_count
    }

    /// Joins the catalogue of exploited vulnerabilities.
    pub fn exploited(&mut self, table: Exploited) {
        self.exploited = Some(table);
    }

    /// Joins the estimates of how likely an attack is.
    pub fn scores(&mut self, table: Scores) {
        self.scores = Some(table);
    }

    /// Writes the PyPI records as a database. `about` says the day, the source and the mark; the rest is counted here.
    ///
    /// # Errors
    /// When `budget` runs out, or what is known of a package is more than can be read again.
    pub fn finish(
        self,
        about: About,
        budget: &mut Budget,
    ) -> Result<(Vec<u8>, ImportSummary), DatabaseError> {
        let mut summary = self.summary;
        summary.withdrawn = self.withdrawn_before.saturating_add(self.withdrawn.len() as u64);
        let mut about = About {
            exploited: self.exploited.as_ref().map(|t| TableInfo {
                date: t.date.clone(),
                digest: t.digest.to_string(),
                rows: t.len() as u64,
                joined: 0,
            }),
            scores: self.scores.as_ref().map(|t| TableInfo {
                date: t.date.clone(),
                digest: t.digest.to_string(),
                rows: t.len() as u64,
                joined: 0,
            }),
            newest: String::new(),
            unreadable: self.unreadable_before.saturating_add(summary.unreadable_count),
            kinds: BTreeMap::new(),
            ..about
        };
        let mut packages: Packages<'_> = BTreeMap::new();
        for advisory in self.all.values() {
            let mut names: BTreeMap<&str, Vec<&Affected>> = BTreeMap::new();
            for affected in advisory.affected.iter().filter(|a| a.ecosystem == "PyPI") {
                names.entry(&affected.name).or_default().push(affected);
            }
            if names.is_empty() {
                summary.elsewhere = summary.elsewhere.saturating_add(1);
                continue;
            }
            summary.records = summary.records.saturating_add(1);
            summary.malicious = summary.malicious.saturating_add(u64::from(advisory.malicious));
            let kind = advisory.id.split('-').next().unwrap_or_default();
            let count = about.kinds.entry(kind.chars().take(20).collect()).or_default();
            *count = count.saturating_add(1);
            if advisory.modified <= about.date && advisory.modified > about.newest {
                about.newest.clone_from(&advisory.modified);
            }
            let threat = threat(advisory, self.exploited.as_ref(), self.scores.as_ref());
            let joined = |table: &mut Option<TableInfo>, is: bool| {
                if let Some(table) = table {
                    table.joined = table.joined.saturating_add(u64::from(is));
                }
            };
            joined(&mut about.exploited, threat.exploited.is_some());
            joined(&mut about.scores, threat.epss.is_some());
            for (name, affected) in names {
                packages
                    .entry(name)
                    .or_default()
                    .push((advisory, affected, threat.clone()));
            }
        }
        summary.packages = packages.len() as u64;
        summary.exploited = about.exploited.as_ref().map_or(0, |t| t.joined);
        summary.scored = about.scores.as_ref().map_or(0, |t| t.joined);
        summary.newest.clone_from(&about.newest);
        about.records = summary.records;
        about.malicious = summary.malicious;
        about.withdrawn = summary.withdrawn;
        let bytes = write(&packages, &about, budget)?;
        Ok((bytes, summary))
    }
}

/// What the tables say of a record's CVEs.
fn threat(advisory: &Advisory, exploited: Option<&Exploited>, scores: Option<&Scores>) -> Threat {
    let mut out = Threat::default();
    for id in std::iter::once(&advisory.id).chain(&advisory.aliases) {
        if let Some(due) = exploited.and_then(|t| t.due(&id.to_ascii_uppercase())) {
            out.exploited = out.exploited.max(Some(due.to_owned()));
        }
        out.epss = out.epss.max(scores.and_then(|t| t.get(id)));
    }
    out
}

/// Makes a database of the PyPI records among `records` (name and JSON bytes). `day` (`2026-11-03`) is the day the
/// records were fetched.
///
/// # Errors
/// When `budget` runs out, or what is known of a package is more than can be read again; a record that cannot be read is counted, not an error.
pub fn build<N, B>(
    day: &str,
    records: impl IntoIterator<Item = (N, B)>,
    budget: &mut Budget,
) -> Result<(Vec<u8>, ImportSummary), DatabaseError>
where
    N: AsRef<str>,
    B: AsRef<[u8]>,
{
    let mut builder = Builder::default();
    for (name, bytes) in records {
        builder.record(name.as_ref(), bytes.as_ref(), budget)?;
    }
    let about = About {
        date: day.to_owned(),
        ..About::default()
    };
    builder.finish(about, budget)
}

type Packages<'a> = BTreeMap<&'a str, Vec<(&'a Advisory, Vec<&'a Affected>, Threat)>>;

fn write(packages: &Packages<'_>, about: &About, budget: &mut Budget) -> Result<Vec<u8>, DatabaseError> {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut open = Writer::default();
    let mut names: Vec<(&str, usize)> = Vec::new();
    for (name, advisories) in packages {
        let one = package(name, advisories);
        budget.steps(one.bytes.len() as u64)?;
        // What the reader would refuse; no real package comes near.
        if one.bytes.len() >= MAX_BLOCK {
            return Err(DatabaseError::TooLarge(code(name)));
        }
        if !open.bytes.is_empty() && open.bytes.len().saturating_add(one.bytes.len()) > BLOCK {
            blocks.push(std::mem::take(&mut open.bytes));
        }
        open.part(&one);
        names.push((name, blocks.len()));
    }
    if !open.bytes.is_empty() {
        blocks.push(open.bytes);
    }

    let mut table: Vec<u8> = Vec::new();
    let mut body: Vec<u8> = Vec::new();
    for raw in &blocks {
        let packed = deflate(raw);
        put(&mut table, body.len());
        put(&mut table, packed.len());
        put(&mut table, raw.len());
        table.extend_from_slice(Sha256::digest(&packed).get(..16).unwrap_or_default());
        body.extend_from_slice(&packed);
    }
    let mut text: Vec<u8> = Vec::new();
    for (name, block) in &names {
        put(&mut table, text.len());
        put(&mut table, *block);
        text.extend_from_slice(name.as_bytes());
    }

    let about = write_about(about);
    let mut index: Vec<u8> = Vec::new();
    put(&mut index, about.bytes.len());
    put(&mut index, blocks.len());
    put(&mut index, names.len());
    put(&mut index, text.len());
    index.extend_from_slice(&about.bytes);
    index.extend_from_slice(&table);
    index.extend_from_slice(&text);

    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&Sha256::digest(&index));
    out.extend_from_slice(&index);
    out.extend_from_slice(&body);
    Ok(out)
}

fn put(out: &mut Vec<u8>, value: usize) {
    out.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}

/// Writing into memory does not fail; an empty block would be refused by the reader.
fn deflate(raw: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder
        .write_all(raw)
        .and_then(|()| encoder.finish())
        .unwrap_or_default()
}

fn package(name: &str, advisories: &[(&Advisory, Vec<&Affected>, Threat)]) -> Writer {
    let mut ordered: Vec<PyVersion> = advisories
        .iter()
        .flat_map(|(_, affected, _)| affected.iter().flat_map(|a| &a.versions))
        .map(|v| PyVersion::new(v))
        .collect();
    // Runs are long only in the order of versions; texts that are none come last.
    ordered.sort_by(|a, b| match (a.public(), b.public()) {
        (Some(x), Some(y)) => x.cmp(y),
        (x, y) => y.is_some().cmp(&x.is_some()).then_with(|| a.key().cmp(b.key())),
    });
    ordered.dedup();
    let place: BTreeMap<&str, usize> = ordered.iter().enumerate().map(|(i, v)| (v.key(), i)).collect();

    let mut out = Writer::default();
    out.text(name);
    out.number(ordered.len());
    for version in &ordered {
        out.text(version.key());
    }
    out.number(advisories.len());
    for (advisory, affected, threat) in advisories {
        let ranges: Vec<_> = affected.iter().flat_map(|a| &a.ranges).collect();
        out.part(&write_record(advisory, &runs(affected, &place), &ranges, threat));
    }
    out
}

fn runs(affected: &[&Affected], place: &BTreeMap<&str, usize>) -> Vec<(usize, usize)> {
    let mut listed: Vec<usize> = affected
        .iter()
        .flat_map(|a| &a.versions)
        .filter_map(|v| place.get(PyVersion::new(v).key()).copied())
        .collect();
    listed.sort_unstable();
    listed.dedup();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for at in listed {
        match runs.last_mut() {
            Some((start, len)) if start.saturating_add(*len) == at => *len = len.saturating_add(1),
            _ => runs.push((at, 1)),
        }
    }
    runs
}
