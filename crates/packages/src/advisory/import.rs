//! OSV records to the bytes of a database.
//!
//! Affected versions become runs over one sorted table of versions per package, so that a package with four hundred
//! advisories names each version once. Nothing here reads a clock: the day is an argument, since the records' own
//! dates may lie in the future.

use super::{
    Advisory, Affected,
    codec::Writer,
    database::{FLAG_MALICIOUS, MAGIC, MAX_BLOCK, NO_SCORE},
    osv::{OsvError, read_osv},
    range::EventKind,
};
use crate::version::PyVersion;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, io::Write as _};
use wellhead_core::{Budget, Exhausted, Severity};

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
}

/// Uncompressed bytes that a block aims at: small, since a lock touches a few hundred packages spread over the
/// alphabet, and each costs the inflating of its whole block.
const BLOCK: usize = 6 << 10;

/// Makes a database of the PyPI records among `records` (name and JSON bytes). `day` (`2026-11-03`) is the day the
/// records were fetched.
///
/// # Errors
/// When `budget` runs out; a record that cannot be read is counted, not an error.
pub fn build<N, B>(
    day: &str,
    records: impl IntoIterator<Item = (N, B)>,
    budget: &mut Budget,
) -> Result<(Vec<u8>, ImportSummary), Exhausted>
where
    N: AsRef<str>,
    B: AsRef<[u8]>,
{
    let mut summary = ImportSummary::default();
    // By identifier, so that a record that comes twice counts once and the order of the input does not matter.
    let mut all: BTreeMap<String, Advisory> = BTreeMap::new();
    for (name, bytes) in records {
        budget.entries(1)?;
        match read_osv(bytes.as_ref(), budget) {
            Ok(advisory) => {
                all.insert(advisory.id.clone(), advisory);
            }
            Err(OsvError::Exhausted(e)) => return Err(e),
            Err(why) => {
                summary.unreadable_count = summary.unreadable_count.saturating_add(1);
                if summary.unreadable.len() < 100 {
                    summary
                        .unreadable
                        .push((name.as_ref().to_owned(), why.to_string()));
                }
            }
        }
    }
    let mut packages: BTreeMap<&str, Vec<(&Advisory, Vec<&Affected>)>> = BTreeMap::new();
    for advisory in all.values() {
        if advisory.withdrawn {
            summary.withdrawn = summary.withdrawn.saturating_add(1);
            continue;
        }
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
        for (name, affected) in names {
            packages.entry(name).or_default().push((advisory, affected));
        }
    }
    summary.packages = packages.len() as u64;
    let bytes = write(day, &packages, &summary, budget)?;
    Ok((bytes, summary))
}

type Packages<'a> = BTreeMap<&'a str, Vec<(&'a Advisory, Vec<&'a Affected>)>>;

fn write(
    day: &str,
    packages: &Packages<'_>,
    summary: &ImportSummary,
    budget: &mut Budget,
) -> Result<Vec<u8>, Exhausted> {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut open = Writer::default();
    let mut names: Vec<(&str, usize)> = Vec::new();
    for (name, advisories) in packages {
        let one = package(name, advisories);
        budget.steps(one.bytes.len() as u64)?;
        // What the reader would refuse is not written; no real package comes near.
        if one.bytes.len() >= MAX_BLOCK {
            continue;
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

    let mut index: Vec<u8> = Vec::new();
    let mut date = [b' '; 10];
    for (to, from) in date.iter_mut().zip(day.bytes()) {
        *to = from;
    }
    index.extend_from_slice(&date);
    for count in [summary.records, summary.malicious, summary.withdrawn] {
        put(&mut index, usize::try_from(count).unwrap_or(usize::MAX));
    }
    put(&mut index, blocks.len());
    put(&mut index, names.len());
    put(&mut index, text.len());
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

fn package(name: &str, advisories: &[(&Advisory, Vec<&Affected>)]) -> Writer {
    let mut keys: Vec<String> = advisories
        .iter()
        .flat_map(|(_, affected)| affected.iter().flat_map(|a| &a.versions))
        .map(|v| PyVersion::new(v))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|v| v.key().to_owned())
        .collect();
    keys.sort();
    keys.dedup();
    // Runs are long only in the order of versions; texts that are none come last.
    let mut ordered: Vec<PyVersion> = keys.iter().map(|k| PyVersion::new(k)).collect();
    ordered.sort_by(|a, b| match (a.public(), b.public()) {
        (Some(x), Some(y)) => x.cmp(y),
        (x, y) => y.is_some().cmp(&x.is_some()).then_with(|| a.key().cmp(b.key())),
    });
    let place: BTreeMap<&str, usize> = ordered.iter().enumerate().map(|(i, v)| (v.key(), i)).collect();

    let mut out = Writer::default();
    out.text(name);
    out.number(ordered.len());
    for version in &ordered {
        out.text(version.key());
    }
    out.number(advisories.len());
    for (advisory, affected) in advisories {
        out.part(&record(advisory, affected, &place));
    }
    out
}

fn record(advisory: &Advisory, affected: &[&Affected], place: &BTreeMap<&str, usize>) -> Writer {
    let mut out = Writer::default();
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
    out.number(runs.len());
    for (start, len) in runs {
        out.number(start);
        out.number(len);
    }
    let ranges: Vec<_> = affected.iter().flat_map(|a| &a.ranges).collect();
    out.number(ranges.len());
    for range in ranges {
        out.number(range.events.len());
        for event in &range.events {
            out.byte(match event.kind {
                EventKind::Fixed => 0,
                EventKind::Introduced => 1,
                EventKind::LastAffected => 2,
            });
            out.text(&event.version);
        }
    }
    out.byte(if advisory.malicious { FLAG_MALICIOUS } else { 0 });
    out.byte(advisory.rated.tenths.unwrap_or(NO_SCORE));
    out.byte(advisory.rated.word.map_or(NO_SCORE, |w| match w {
        Severity::Info => 0,
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }));
    out.text(&advisory.id);
    out.texts(advisory.aliases.iter());
    out.text(&advisory.summary);
    out.text(advisory.rated.vector.as_deref().unwrap_or_default());
    out.text(&advisory.published);
    out.text(&advisory.modified);
    out
}
