//! The compact advisory database: one immutable file that costs what its index and the touched blocks cost.
//!
//! Layout, all numbers little-endian `u32`: magic (8 bytes, the last is the version), SHA-256 of the index, the index
//! (day, counts, block table, name table, names), then the blocks (raw deflate). The block table holds a digest of
//! every block, so the digest in the header stands for all of the file and only what is used is checked.

use super::{
    Match, MatchedBy, Rated,
    codec::{Malformed, Reader, u32_at},
    range::{Event, EventKind, Line, VersionRange, fixed_in},
};
use crate::version::{PyVersion, parse};
use flate2::read::DeflateDecoder;
use pep440_rs::{Version, VersionSpecifiers};
use sha2::{Digest as _, Sha256};
use std::{
    io::{self, Read as _},
    ops::Range,
};
use wellhead_core::{Blob, Budget, DatabaseInfo, Digest, DigestAlgorithm, Exhausted, Severity};

pub(super) const MAGIC: &[u8; 8] = b"WHADVDB\x01";
pub(super) const FLAG_MALICIOUS: u8 = 1;
pub(super) const NO_SCORE: u8 = 255;
/// Largest block that is read; the package with most advisories takes a tenth of it.
pub(super) const MAX_BLOCK: usize = 8 << 20;
/// Largest index that is read: a million packages.
const MAX_INDEX: usize = 64 << 20;
const DIGEST: usize = 32;
const COUNTS: usize = 10 + 6 * 4;
const BLOCK_ROW: usize = 12 + 16;
const NAME_ROW: usize = 8;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It is none, or one of another version.
    #[error("not an advisory database of this version; import the advisories again")]
    Foreign,
    /// Its content is not what its digest says.
    #[error("the advisory database is damaged: {0}")]
    Damaged(&'static str),
    /// It cannot be read.
    #[error("the advisory database cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Reading it costs more than allowed.
    #[error("the advisory database {0}")]
    Exhausted(#[from] Exhausted),
}

impl From<Malformed> for DatabaseError {
    fn from(_: Malformed) -> Self {
        Self::Damaged("a record ends too early")
    }
}

/// An open advisory database.
#[derive(Debug)]
pub struct Database {
    blob: Blob,
    index: Vec<u8>,
    digest: Digest,
    blocks: usize,
    names: usize,
    text_at: usize,
    body_at: u64,
}

impl Database {
    /// Opens a database: reads and checks its index.
    ///
    /// # Errors
    /// When it is none, is damaged, or cannot be read.
    pub fn open(blob: &Blob, budget: &mut Budget) -> Result<Self, DatabaseError> {
        let fixed = MAGIC.len().saturating_add(DIGEST);
        let head = read(blob, 0, fixed.saturating_add(COUNTS)).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => DatabaseError::Foreign,
            _ => DatabaseError::Io(e),
        })?;
        if head.get(..MAGIC.len()) != Some(MAGIC.as_slice()) {
            return Err(DatabaseError::Foreign);
        }
        let counts = head.get(fixed..).unwrap_or_default();
        let count = |i: usize| field(counts, 10_usize.saturating_add(i.saturating_mul(4)));
        let (blocks, names, text) = (count(3), count(4), count(5));
        let text_at = COUNTS
            .saturating_add(blocks.saturating_mul(BLOCK_ROW))
            .saturating_add(names.saturating_mul(NAME_ROW));
        let length = text_at.saturating_add(text);
        if length > MAX_INDEX {
            return Err(DatabaseError::Damaged("its index is too large"));
        }
        budget.memory(length as u64)?;
        let index = read(blob, fixed as u64, length).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => DatabaseError::Damaged("its index is cut off"),
            _ => DatabaseError::Io(e),
        })?;
        let claimed = head.get(MAGIC.len()..fixed).unwrap_or_default();
        if Sha256::digest(&index).as_slice() != claimed {
            return Err(DatabaseError::Damaged("its index does not fit its digest"));
        }
        Ok(Self {
            blob: blob.clone(),
            digest: Digest {
                algorithm: DigestAlgorithm::Sha256,
                hex: claimed.iter().map(|b| format!("{b:02x}")).collect(),
            },
            index,
            blocks,
            names,
            text_at,
            body_at: (fixed as u64).saturating_add(length as u64),
        })
    }

    /// What it is, for the report.
    pub fn info(&self) -> DatabaseInfo {
        DatabaseInfo {
            name: "osv".to_owned(),
            records: field(&self.index, 10) as u64,
            date: String::from_utf8_lossy(self.index.get(..10).unwrap_or_default())
                .trim()
                .to_owned(),
            digest: self.digest.to_string(),
        }
    }

    /// How many of its records report malicious code.
    pub fn malicious(&self) -> u64 {
        field(&self.index, 14) as u64
    }

    /// How many records were left out because their authors took them back.
    pub fn withdrawn(&self) -> u64 {
        field(&self.index, 18) as u64
    }

    /// How many packages it knows something about.
    pub fn packages(&self) -> u64 {
        self.names as u64
    }

    /// The name in place `i` of the sorted table, and its block.
    fn name(&self, i: usize) -> Option<(&[u8], usize)> {
        let rows = COUNTS.checked_add(self.blocks.checked_mul(BLOCK_ROW)?)?;
        let row = rows.checked_add(i.checked_mul(NAME_ROW)?)?;
        let start = u32_at(&self.index, row)? as usize;
        let next = i.checked_add(1)?;
        let text = self.index.get(self.text_at..)?;
        let end = if next < self.names {
            u32_at(&self.index, row.checked_add(NAME_ROW)?)? as usize
        } else {
            text.len()
        };
        let block = u32_at(&self.index, row.checked_add(4)?)? as usize;
        Some((text.get(start..end)?, block))
    }

    fn find(&self, name: &str) -> Option<usize> {
        let (mut low, mut high) = (0_usize, self.names);
        while low < high {
            let middle = low.midpoint(high);
            let (found, block) = self.name(middle)?;
            match found.cmp(name.as_bytes()) {
                std::cmp::Ordering::Equal => return Some(block),
                std::cmp::Ordering::Less => low = middle.checked_add(1)?,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// All that is known about a package, by its normal name; nothing for most packages.
    ///
    /// # Errors
    /// When the block is damaged or costs more than `budget` allows.
    pub fn package(
        &self,
        name: &str,
        budget: &mut Budget,
    ) -> Result<Option<PackageAdvisories>, DatabaseError> {
        let Some(block) = self.find(name) else {
            return Ok(None);
        };
        let raw = self.block(block, budget)?;
        match PackageAdvisories::read(raw, name)? {
            Some(known) => Ok(Some(known)),
            None => Err(DatabaseError::Damaged("a package is not where the index says")),
        }
    }

    fn block(&self, i: usize, budget: &mut Budget) -> Result<Vec<u8>, DatabaseError> {
        if i >= self.blocks {
            return Err(DatabaseError::Damaged(
                "the index names a block that is not there",
            ));
        }
        let row = COUNTS.saturating_add(i.saturating_mul(BLOCK_ROW));
        let at = |offset: usize| field(&self.index, row.saturating_add(offset));
        let (start, packed_len, raw_len) = (at(0), at(4), at(8));
        if packed_len > MAX_BLOCK || raw_len > MAX_BLOCK {
            return Err(DatabaseError::Damaged("a block is too large"));
        }
        budget.expanded(raw_len as u64)?;
        budget.ratio(packed_len as u64, raw_len as u64)?;
        let packed =
            read(&self.blob, self.body_at.saturating_add(start as u64), packed_len).map_err(|e| {
                match e.kind() {
                    io::ErrorKind::UnexpectedEof => DatabaseError::Damaged("a block is cut off"),
                    _ => DatabaseError::Io(e),
                }
            })?;
        let digest_at = row.saturating_add(12);
        let claimed = self.index.get(digest_at..digest_at.saturating_add(16));
        if Sha256::digest(&packed).get(..16) != claimed {
            return Err(DatabaseError::Damaged("a block does not fit its digest"));
        }
        let mut raw = Vec::with_capacity(raw_len);
        DeflateDecoder::new(packed.as_slice())
            .take(raw_len as u64)
            .read_to_end(&mut raw)
            .map_err(|_| DatabaseError::Damaged("a block does not inflate"))?;
        if raw.len() != raw_len {
            return Err(DatabaseError::Damaged("a block is shorter than the index says"));
        }
        Ok(raw)
    }
}

/// A number of a table; 0 outside of it, where every use is checked again.
fn field(bytes: &[u8], at: usize) -> usize {
    u32_at(bytes, at).map_or(0, |n| n as usize)
}

/// Reads exactly `len` bytes.
fn read(blob: &Blob, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    if offset.saturating_add(len as u64) > blob.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut out = vec![0; len];
    let mut done = 0_usize;
    while let Some(buf) = out.get_mut(done..).filter(|b| !b.is_empty()) {
        match blob.read_at(offset.saturating_add(done as u64), buf)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => done = done.saturating_add(n),
        }
    }
    Ok(out)
}

/// What decides whether a record applies. What it says is read only if it does.
struct Record {
    runs: Vec<(usize, usize)>,
    ranges: Vec<VersionRange>,
    malicious: bool,
    /// Where its texts lie in the block.
    texts: Range<usize>,
}

/// All that the database knows about one package.
pub struct PackageAdvisories {
    raw: Vec<u8>,
    versions: Vec<String>,
    records: Vec<Record>,
}

impl PackageAdvisories {
    /// Finds the package in its block.
    fn read(raw: Vec<u8>, name: &str) -> Result<Option<Self>, Malformed> {
        let mut rest = Reader::new(&raw);
        while !rest.is_empty() {
            let mut part = rest.part()?;
            if part.text()? != name {
                continue;
            }
            let versions = part.texts()?;
            let n = part.count()?;
            let records = (0..n)
                .map(|_| read_record(part.part()?, &raw))
                .collect::<Result<_, _>>()?;
            return Ok(Some(Self {
                versions,
                records,
                raw,
            }));
        }
        Ok(None)
    }

    /// The record's texts as a match. Records that do not decode say nothing, and the block's digest was right, so
    /// only whoever built the database could have made one.
    fn matched(&self, record: &Record, matched_by: MatchedBy, fixed_in: Option<String>) -> Option<Match> {
        let texts = Reader::new(self.raw.get(record.texts.clone())?);
        read_texts(texts, record.malicious, matched_by, fixed_in).ok()
    }

    /// The advisories that apply to a version, in the order of their identifiers.
    pub fn matches(&self, version: &PyVersion) -> Vec<Match> {
        let place = self.place(version);
        self.records
            .iter()
            .filter_map(|r| {
                let matched_by = r.applies(version, place)?;
                self.matched(r, matched_by, fixed_in(&r.ranges, version))
            })
            .collect()
    }

    /// Every advisory about the package, whatever the version, in the order of their identifiers.
    pub fn all(&self) -> Vec<Match> {
        self.records
            .iter()
            .filter_map(|r| self.matched(r, MatchedBy::Name, None))
            .collect()
    }

    /// The reports of malicious code that condemn the package whatever its version.
    pub fn condemned(&self) -> Vec<Match> {
        self.records
            .iter()
            .filter(|r| r.by_name())
            .filter_map(|r| self.matched(r, MatchedBy::Name, None))
            .collect()
    }

    /// The smallest version at or above `from` that some advisory calls fixed and none calls affected.
    pub fn lowest_clean(&self, from: &PyVersion, admits: Option<&VersionSpecifiers>) -> Option<String> {
        let from = from.public()?;
        let mut fixes: Vec<Version> = self
            .records
            .iter()
            .flat_map(|r| r.ranges.iter().flat_map(VersionRange::fixes))
            .map(|(version, _)| version)
            .filter(|v| v >= from && admits.is_none_or(|s| s.contains(v)))
            .collect();
        fixes.sort();
        fixes.dedup();
        // Every candidate is held against every range, so each end is read only once.
        let lines: Vec<Vec<Line>> = self
            .records
            .iter()
            .map(|r| r.ranges.iter().map(VersionRange::line).collect())
            .collect();
        let clean = |version: &Version| {
            let version = PyVersion::new(&version.to_string());
            let place = self.place(&version);
            self.records.iter().zip(&lines).all(|(record, lines)| {
                !record.lists(place)
                    && !record.by_name()
                    && version
                        .public()
                        .is_some_and(|v| lines.iter().all(|l| !l.holds(v)))
            })
        };
        fixes.into_iter().find(clean).map(|v| v.to_string())
    }

    fn place(&self, version: &PyVersion) -> Option<usize> {
        self.versions.iter().position(|v| v == version.key())
    }

    /// The newest affected version that a specifier still lets in, with the advisories that apply to it, among the
    /// versions that the database knows by name.
    pub fn admitted(&self, specifiers: &VersionSpecifiers) -> Option<(String, Vec<Match>)> {
        self.versions
            .iter()
            .filter_map(|key| Some((parse(key)?, key)))
            .filter(|(v, _)| specifiers.contains(v))
            .map(|(v, key)| (v, key, self.matches(&PyVersion::new(key))))
            .filter(|(_, _, matches)| !matches.is_empty())
            .max_by(|(a, ..), (b, ..)| a.cmp(b))
            .map(|(_, key, matches)| (key.clone(), matches))
    }
}

impl Record {
    /// Whether it condemns the package as a whole: a report of malicious code without a list of versions, and without
    /// a range that ends.
    fn by_name(&self) -> bool {
        let from_the_beginning = |e: &Event| e.kind == EventKind::Introduced && e.version == "0";
        self.malicious
            && self.runs.is_empty()
            && self
                .ranges
                .iter()
                .all(|r| r.events.iter().all(from_the_beginning))
    }

    fn lists(&self, place: Option<usize>) -> bool {
        place.is_some_and(|at| {
            self.runs
                .iter()
                .any(|(start, len)| at >= *start && at.saturating_sub(*start) < *len)
        })
    }

    fn applies(&self, version: &PyVersion, place: Option<usize>) -> Option<MatchedBy> {
        if self.lists(place) {
            return Some(MatchedBy::Version);
        }
        if self.by_name() {
            return Some(MatchedBy::Name);
        }
        self.ranges.iter().filter_map(|r| r.holds(version)).min()
    }
}

fn read_record(mut from: Reader<'_>, raw: &[u8]) -> Result<Record, Malformed> {
    let n = from.count()?;
    let runs = (0..n)
        .map(|_| Ok((from.number()?, from.number()?)))
        .collect::<Result<_, Malformed>>()?;
    let n = from.count()?;
    let mut ranges = Vec::with_capacity(n.min(16));
    for _ in 0..n {
        let m = from.count()?;
        let mut events = Vec::with_capacity(m.min(16));
        for _ in 0..m {
            let kind = match from.byte()? {
                0 => EventKind::Fixed,
                1 => EventKind::Introduced,
                2 => EventKind::LastAffected,
                _ => return Err(Malformed),
            };
            let version = from.text()?.to_owned();
            events.push(Event { kind, version });
        }
        ranges.push(VersionRange { events });
    }
    let malicious = from.byte()? & FLAG_MALICIOUS != 0;
    Ok(Record {
        runs,
        ranges,
        malicious,
        texts: from.place_in(raw),
    })
}

fn read_texts(
    mut from: Reader<'_>,
    malicious: bool,
    matched_by: MatchedBy,
    fixed_in: Option<String>,
) -> Result<Match, Malformed> {
    let tenths = Some(from.byte()?).filter(|t| *t <= 100);
    let word = match from.byte()? {
        0 => Some(Severity::Info),
        1 => Some(Severity::Low),
        2 => Some(Severity::Medium),
        3 => Some(Severity::High),
        4 => Some(Severity::Critical),
        _ => None,
    };
    let id = from.text()?.to_owned();
    let aliases = from.texts()?;
    let summary = from.text()?.to_owned();
    let vector = Some(from.text()?.to_owned()).filter(|v| !v.is_empty());
    let published = from.text()?.to_owned();
    Ok(Match {
        id,
        aliases,
        summary,
        rated: Rated { tenths, word, vector },
        published,
        malicious,
        matched_by,
        fixed_in,
    })
}
