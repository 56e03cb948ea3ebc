//! The compact advisory database: one immutable file that costs what its index and the touched blocks cost.
//!
//! Layout, all fixed numbers little-endian `u32`: magic (8 bytes, the last is the version), SHA-256 of the index, the
//! index (four lengths, what the database says of itself, block table, name table, names), then the blocks (raw
//! deflate). The block table holds a digest of every block, so the digest in the header stands for all of the file and
//! only what is used is checked.

use super::{
    Match, MatchedBy,
    codec::{Malformed, Reader, u32_at},
    range::{Line, fixed_in},
    record::{Record, Texts, read_record},
};
use crate::version::{PyVersion, parse};
use flate2::{Decompress, FlushDecompress, Status};
use pep440_rs::{Version, VersionSpecifiers};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    io,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};
use wellhead_core::{Blob, Budget, DatabaseInfo, Digest, DigestAlgorithm, Exhausted};

pub(super) const MAGIC: &[u8; 8] = b"WHADVDB\x03";
/// Largest block that is read; the package with most advisories takes a tenth of it.
pub(super) const MAX_BLOCK: usize = 8 << 20;
/// Largest index that is read: a million packages.
const MAX_INDEX: usize = 64 << 20;
const DIGEST: usize = 32;
/// The four lengths at the beginning of the index.
const LENGTHS: usize = 4 * 4;
const BLOCK_ROW: usize = 12 + 16;
const NAME_ROW: usize = 8;
/// Packages that are kept once they were read; several files of one project ask for the same ones.
const KEPT: usize = 4_096;

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
    /// What is known of a package is more than a block holds. Left out, it would be a package without advisories.
    #[error("the advisories about {0} are larger than {MAX_BLOCK} bytes")]
    TooLarge(String),
}

impl From<Malformed> for DatabaseError {
    fn from(_: Malformed) -> Self {
        Self::Damaged("a record ends too early")
    }
}

/// A table about vulnerabilities that was joined to the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableInfo {
    /// The day of the table; may be empty.
    pub date: String,
    /// Digest of the file that it was read from.
    pub digest: String,
    /// The vulnerabilities that it names.
    pub rows: u64,
    /// The records that it says something about.
    pub joined: u64,
}

/// What a database says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The day on which the records were fetched. Never taken from the records, of which some claim to be of the future.
    pub date: String,
    /// The records' newest day of change that is not after that day.
    pub newest: String,
    /// Where they were fetched from: an address or the names of files.
    pub source: String,
    /// The newest change that is in it, as the source's own list of changes says; empty where it has none.
    pub mark: String,
    /// Number of records.
    pub records: u64,
    /// Of these, reports of malicious code.
    pub malicious: u64,
    /// Records that were left out because their authors took them back.
    pub withdrawn: u64,
    /// Records that could not be read and are missing.
    pub unreadable: u64,
    /// Number of records by the beginning of their identifier: GHSA, MAL, PYSEC.
    pub kinds: BTreeMap<String, u64>,
    /// CISA's catalogue of exploited vulnerabilities, where it was joined.
    pub exploited: Option<TableInfo>,
    /// The estimates of how likely an attack is, where they were joined.
    pub scores: Option<TableInfo>,
}

/// An open advisory database.
pub struct Database {
    blob: Blob,
    index: Vec<u8>,
    digest: Digest,
    about: About,
    lengths: Lengths,
    body_at: u64,
    cache: Mutex<Cache>,
}

/// The last block, since names are asked for in their order, and the packages.
#[derive(Default)]
struct Cache {
    block: Option<(usize, Arc<[u8]>)>,
    /// Making one costs as much as inflating a block with it.
    inflater: Option<Decompress>,
    packages: BTreeMap<String, Arc<PackageAdvisories>>,
}

/// Where the parts of the index are.
#[derive(Clone, Copy, Debug)]
struct Lengths {
    about: usize,
    blocks: usize,
    names: usize,
    text: usize,
}

impl Lengths {
    fn read(index: &[u8]) -> Self {
        Self {
            about: field(index, 0),
            blocks: field(index, 4),
            names: field(index, 8),
            text: field(index, 12),
        }
    }

    fn block_row(self, i: usize) -> usize {
        LENGTHS
            .saturating_add(self.about)
            .saturating_add(i.saturating_mul(BLOCK_ROW))
    }

    fn name_row(self, i: usize) -> usize {
        self.block_row(self.blocks)
            .saturating_add(i.saturating_mul(NAME_ROW))
    }

    fn text_at(self) -> usize {
        self.name_row(self.names)
    }

    fn all(self) -> usize {
        self.text_at().saturating_add(self.text)
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens a database: reads and checks its index.
    ///
    /// # Errors
    /// When it is none, is damaged, or cannot be read.
    pub fn open(blob: &Blob, budget: &mut Budget) -> Result<Self, DatabaseError> {
        let fixed = MAGIC.len().saturating_add(DIGEST);
        let head = read(blob, 0, fixed.saturating_add(LENGTHS)).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => DatabaseError::Foreign,
            _ => DatabaseError::Io(e),
        })?;
        if head.get(..MAGIC.len()) != Some(MAGIC.as_slice()) {
            return Err(DatabaseError::Foreign);
        }
        let lengths = Lengths::read(head.get(fixed..).unwrap_or_default());
        let length = lengths.all();
        if length > MAX_INDEX {
            return Err(DatabaseError::Damaged("its index is too large"));
        }
        if length as u64 > blob.len() {
            return Err(DatabaseError::Damaged("its index is cut off"));
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
        let about = LENGTHS..LENGTHS.saturating_add(lengths.about);
        let about = super::record::read_about(Reader::new(index.get(about).unwrap_or_default()))?;
        let whole = (fixed as u64).saturating_add(length as u64);
        let database = Self {
            blob: blob.clone(),
            digest: Digest {
                algorithm: DigestAlgorithm::Sha256,
                hex: claimed.iter().map(|b| format!("{b:02x}")).collect(),
            },
            index,
            about,
            lengths,
            body_at: whole,
            cache: Mutex::default(),
        };
        // A file that was cut off is found now and not when somebody asks for a package at its end.
        let end = database.block_place(lengths.blocks.saturating_sub(1)).end;
        if lengths.blocks > 0 && whole.saturating_add(end as u64) > blob.len() {
            return Err(DatabaseError::Damaged("it is cut off"));
        }
        Ok(database)
    }

    /// What it is, for the report.
    pub fn info(&self) -> DatabaseInfo {
        DatabaseInfo {
            name: "osv".to_owned(),
            records: self.about.records,
            date: self.about.date.clone(),
            digest: self.digest.to_string(),
        }
    }

    /// What it and the tables that were joined to it are, for the report.
    pub fn infos(&self) -> Vec<DatabaseInfo> {
        let table = |name: &str, table: &Option<TableInfo>| {
            table.as_ref().map(|t| DatabaseInfo {
                name: name.to_owned(),
                records: t.rows,
                date: t.date.clone(),
                digest: t.digest.clone(),
            })
        };
        std::iter::once(self.info())
            .chain(table("kev", &self.about.exploited))
            .chain(table("epss", &self.about.scores))
            .collect()
    }

    /// What it says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How many of its records report malicious code.
    pub fn malicious(&self) -> u64 {
        self.about.malicious
    }

    /// How many records were left out because their authors took them back.
    pub fn withdrawn(&self) -> u64 {
        self.about.withdrawn
    }

    /// How many packages it knows something about.
    pub fn packages(&self) -> u64 {
        self.lengths.names as u64
    }

    /// The names of all packages that it knows something about, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.lengths.names).filter_map(|i| std::str::from_utf8(self.name(i)?.0).ok())
    }

    /// Every record as an advisory, in the order of the identifiers: what an update changes and writes again.
    ///
    /// # Errors
    /// When a block is damaged or costs more than `budget` allows.
    pub fn advisories(&self, budget: &mut Budget) -> Result<Vec<super::Advisory>, DatabaseError> {
        let mut all: BTreeMap<String, super::Advisory> = BTreeMap::new();
        let mut inflater = Decompress::new(false);
        for i in 0..self.lengths.blocks {
            let raw = self.inflate(i, &mut inflater, budget)?;
            let mut rest = Reader::new(&raw);
            while !rest.is_empty() {
                super::record::read_package(rest.part()?, &raw, &mut all, budget)?;
            }
        }
        Ok(all.into_values().collect())
    }

    /// Checks all of it; an audit checks what it touches.
    ///
    /// # Errors
    /// When a block is damaged or costs more than `budget` allows.
    pub fn verify(&self, budget: &mut Budget) -> Result<(), DatabaseError> {
        let mut inflater = Decompress::new(false);
        (0..self.lengths.blocks).try_for_each(|i| self.inflate(i, &mut inflater, budget).map(drop))
    }

    /// The name in place `i` of the sorted table, and its block.
    fn name(&self, i: usize) -> Option<(&[u8], usize)> {
        let row = self.lengths.name_row(i);
        let start = u32_at(&self.index, row)? as usize;
        let text = self.index.get(self.lengths.text_at()..)?;
        let end = if i.checked_add(1)? < self.lengths.names {
            u32_at(&self.index, row.checked_add(NAME_ROW)?)? as usize
        } else {
            text.len()
        };
        let block = u32_at(&self.index, row.checked_add(4)?)? as usize;
        Some((text.get(start..end)?, block))
    }

    fn find(&self, name: &str) -> Option<usize> {
        let (mut low, mut high) = (0_usize, self.lengths.names);
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
    ) -> Result<Option<Arc<PackageAdvisories>>, DatabaseError> {
        let Some(block) = self.find(name) else {
            return Ok(None);
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache.packages.get(name) {
            return Ok(Some(Arc::clone(known)));
        }
        let raw = match &cache.block {
            Some((at, raw)) if *at == block => Arc::clone(raw),
            _ => {
                let mut inflater = cache.inflater.take().unwrap_or_else(|| Decompress::new(false));
                let raw = self.inflate(block, &mut inflater, budget);
                cache.inflater = Some(inflater);
                let raw: Arc<[u8]> = raw?.into();
                cache.block = Some((block, Arc::clone(&raw)));
                raw
            }
        };
        let Some(known) = PackageAdvisories::read(&raw, name, budget)? else {
            return Err(DatabaseError::Damaged("a package is not where the index says"));
        };
        let known = Arc::new(known);
        if cache.packages.len() < KEPT {
            cache.packages.insert(name.to_owned(), Arc::clone(&known));
        }
        Ok(Some(known))
    }

    /// Where a block lies behind the index.
    fn block_place(&self, i: usize) -> Range<usize> {
        let row = self.lengths.block_row(i);
        let start = field(&self.index, row);
        start..start.saturating_add(field(&self.index, row.saturating_add(4)))
    }

    fn inflate(
        &self,
        i: usize,
        inflater: &mut Decompress,
        budget: &mut Budget,
    ) -> Result<Vec<u8>, DatabaseError> {
        if i >= self.lengths.blocks {
            return Err(DatabaseError::Damaged(
                "the index names a block that is not there",
            ));
        }
        let row = self.lengths.block_row(i);
        let place = self.block_place(i);
        let raw_len = field(&self.index, row.saturating_add(8));
        if place.len() > MAX_BLOCK || raw_len > MAX_BLOCK {
            return Err(DatabaseError::Damaged("a block is too large"));
        }
        budget.expanded(raw_len as u64)?;
        budget.ratio(place.len() as u64, raw_len as u64)?;
        let packed = read(
            &self.blob,
            self.body_at.saturating_add(place.start as u64),
            place.len(),
        )
        .map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => DatabaseError::Damaged("a block is cut off"),
            _ => DatabaseError::Io(e),
        })?;
        let digest_at = row.saturating_add(12);
        let claimed = self.index.get(digest_at..digest_at.saturating_add(16));
        if Sha256::digest(&packed).get(..16) != claimed {
            return Err(DatabaseError::Damaged("a block does not fit its digest"));
        }
        // All at once, straight to where it is to lie: a lock touches a hundred blocks.
        let mut raw = vec![0; raw_len];
        inflater.reset(false);
        let status = inflater
            .decompress(&packed, &mut raw, FlushDecompress::Finish)
            .map_err(|_| DatabaseError::Damaged("a block does not inflate"))?;
        if status != Status::StreamEnd {
            return Err(DatabaseError::Damaged("a block does not inflate"));
        }
        if inflater.total_out() != raw_len as u64 {
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

/// All that the database knows about one package. Ranges are read once, however many versions are asked for.
pub struct PackageAdvisories {
    raw: Arc<[u8]>,
    /// Where the known versions stand in the block, in the order of versions; texts that are none come last.
    versions: Vec<Range<usize>>,
    records: Vec<Record>,
}

impl std::fmt::Debug for PackageAdvisories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackageAdvisories")
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

impl PackageAdvisories {
    /// Finds the package in its block.
    fn read(raw: &Arc<[u8]>, name: &str, budget: &mut Budget) -> Result<Option<Self>, DatabaseError> {
        let mut rest = Reader::new(raw);
        while !rest.is_empty() {
            let mut part = rest.part()?;
            if part.text()? != name {
                continue;
            }
            let n = part.count()?;
            budget.memory((n as u64).saturating_mul(16))?;
            let versions = (0..n)
                .map(|_| part.place_of_text(raw))
                .collect::<Result<_, _>>()?;
            let n = part.count()?;
            let mut records = Vec::with_capacity(n.min(1_024));
            for _ in 0..n {
                records.push(read_record(part.part()?, raw)?);
            }
            return Ok(Some(Self {
                versions,
                records,
                raw: Arc::clone(raw),
            }));
        }
        Ok(None)
    }

    fn version(&self, at: &Range<usize>) -> &str {
        let bytes = self.raw.get(at.clone()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The record's texts as a match. Records that do not decode say nothing, and the block's digest was right, so
    /// only whoever built the database could have made one.
    fn matched(&self, record: &Record, matched_by: MatchedBy, fixed_in: Option<String>) -> Option<Match> {
        let texts = Texts::read(record, &self.raw).ok()?;
        Some(Match {
            id: texts.id,
            aliases: texts.aliases,
            summary: texts.summary,
            rated: texts.rated,
            published: texts.published,
            malicious: record.malicious,
            matched_by,
            fixed_in,
            threat: texts.threat,
        })
    }

    /// The advisories that apply to a version, in the order of their identifiers.
    pub fn matches(&self, version: &PyVersion) -> Vec<Match> {
        let place = self.place(version);
        self.records
            .iter()
            .filter_map(|r| {
                let matched_by = r.applies(version, place)?;
                self.matched(r, matched_by, fixed_in(&r.lines, version))
            })
            .collect()
    }

    /// The versions that some advisory calls fixed.
    pub(crate) fn fixed_versions(&self) -> Vec<Version> {
        let lines = self.records.iter().flat_map(|r| &r.lines);
        lines
            .flat_map(Line::fixes)
            .map(|(version, _)| version.clone())
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
            .filter(|r| r.by_name)
            .filter_map(|r| self.matched(r, MatchedBy::Name, None))
            .collect()
    }

    /// The smallest version at or above `from` that some advisory calls fixed and none calls affected.
    pub fn lowest_clean(&self, from: &PyVersion, admits: Option<&VersionSpecifiers>) -> Option<String> {
        let from = from.public()?;
        let mut fixes: Vec<&Version> = self
            .records
            .iter()
            .flat_map(|r| r.lines.iter().flat_map(Line::fixes))
            .map(|(version, _)| version)
            .filter(|v| *v >= from && admits.is_none_or(|s| s.contains(v)))
            .collect();
        fixes.sort();
        fixes.dedup();
        fixes
            .into_iter()
            .find(|v| !self.touches(&PyVersion::of((*v).clone())))
            .map(ToString::to_string)
    }

    /// Whether any advisory applies to a version.
    fn touches(&self, version: &PyVersion) -> bool {
        let place = self.place(version);
        self.records.iter().any(|r| r.applies(version, place).is_some())
    }

    fn place(&self, version: &PyVersion) -> Option<usize> {
        let key = version.key().as_bytes();
        self.versions
            .iter()
            .position(|at| self.raw.get(at.clone()) == Some(key))
    }

    /// The newest affected version that a specifier still lets in, with the advisories that apply to it, among the
    /// versions that are known by name.
    pub fn admitted(&self, specifiers: &VersionSpecifiers) -> Option<(String, Vec<Match>)> {
        let newest = self
            .known(specifiers)
            .max_by(|a, b| a.public().cmp(&b.public()))?;
        Some((newest.key().to_owned(), self.matches(&newest)))
    }

    /// The oldest affected version that a specifier still lets in.
    pub fn oldest_admitted(&self, specifiers: &VersionSpecifiers) -> Option<String> {
        self.known(specifiers)
            .min_by(|a, b| a.public().cmp(&b.public()))
            .map(|v| v.key().to_owned())
    }

    /// The affected versions that a specifier lets in and that an advisory names, in a list or as the end of a range.
    /// Where there is none, but a range without a beginning reaches into the specifier, the ends of the specifier.
    fn known(&self, specifiers: &VersionSpecifiers) -> impl Iterator<Item = PyVersion> {
        let affected = |versions: &mut dyn Iterator<Item = Version>| -> Vec<PyVersion> {
            let admitted = versions.filter(|v| specifiers.contains(v)).map(PyVersion::of);
            admitted.filter(|v| self.touches(v)).collect()
        };
        let listed = self.versions.iter().filter_map(|at| parse(self.version(at)));
        let ends = self
            .records
            .iter()
            .flat_map(|r| r.lines.iter().flat_map(Line::affected_ends));
        let mut found = affected(&mut listed.chain(ends.cloned()));
        if found.is_empty() {
            let named = specifiers.iter().map(|s| s.version().clone().without_local());
            found = affected(&mut named.chain([Version::new([0])]));
        }
        found.into_iter()
    }
}
