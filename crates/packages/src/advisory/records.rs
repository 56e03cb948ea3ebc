//! The records themselves, for whoever asks for one by its identifier: what a server of advisories answers with.
//!
//! They lie in a file of their own beside the database, since an audit never reads them and must not pay for them. What
//! is kept of a record is what clients read, and clean: names in their normal form, times that every client can read,
//! ends of ranges that are versions. Real clients stop with an error at the first that is not.
//!
//! Layout, all numbers little-endian `u32`: magic (8 bytes, the last is the version), SHA-256 of the index, its length,
//! the index (digest of the database, counts, block table, identifier table, texts), then the blocks (raw deflate).

use super::{
    DatabaseError,
    codec::u32_at,
    osv::{is_malicious_record, valid_range_kind},
};
use crate::{name::normalise, version::repair};
use flate2::read::DeflateDecoder;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    sync::Arc,
};
use wellhead_core::{Blob, Budget, Exhausted};

const MAGIC: &[u8; 8] = b"WHADVRC\x01";
const DIGEST: usize = 32;
/// Magic, digest and length of the index.
const HEAD: usize = 8 + DIGEST + 4;
/// Three counts behind the digest of the database.
const COUNTS: usize = DIGEST + 3 * 4;
const BLOCK_ROW: usize = 12 + 16;
const ID_ROW: usize = 12;
/// Uncompressed bytes that a block aims at.
const BLOCK: usize = 48 << 10;
/// Largest block that is read, and largest record that is kept.
const MAX_BLOCK: usize = 16 << 20;
/// Largest index that is read: a million records.
const MAX_INDEX: usize = 96 << 20;
/// Longest details that are kept, in characters: reports are shown by their first paragraphs.
const MAX_DETAILS: usize = 2_000;
/// Longest summary that is kept, in characters.
const MAX_SUMMARY: usize = 300;

/// The records of a database, open.
#[derive(Debug)]
pub struct Records {
    blob: Blob,
    index: Vec<u8>,
    blocks: usize,
    ids: usize,
    body_at: u64,
    /// The block that was asked for last: the records of one package lie side by side.
    last: std::sync::Mutex<Option<(usize, Arc<Vec<u8>>)>>,
}

impl Records {
    /// Opens the records that belong to the database of this digest.
    ///
    /// # Errors
    /// When they are none, are damaged, belong to another database, or cannot be read.
    pub fn open(blob: &Blob, database: &str, budget: &mut Budget) -> Result<Self, DatabaseError> {
        let head = read(blob, 0, HEAD).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => DatabaseError::Foreign,
            _ => DatabaseError::Io(e),
        })?;
        if head.get(..MAGIC.len()) != Some(MAGIC.as_slice()) {
            return Err(DatabaseError::Foreign);
        }
        let length = field(&head, MAGIC.len().saturating_add(DIGEST));
        if !(COUNTS..=MAX_INDEX).contains(&length) {
            return Err(DatabaseError::Damaged(
                "the index of its records has a wrong size",
            ));
        }
        budget.memory(length as u64)?;
        let index = read(blob, HEAD as u64, length).map_err(cut_off)?;
        let claimed = head.get(MAGIC.len()..MAGIC.len().saturating_add(DIGEST));
        if Some(Sha256::digest(&index).as_slice()) != claimed {
            return Err(DatabaseError::Damaged(
                "the index of its records does not fit its digest",
            ));
        }
        if index.get(..DIGEST) != Some(Sha256::digest(database.as_bytes()).as_slice()) {
            return Err(DatabaseError::Damaged("its records belong to another database"));
        }
        let count = |i: usize| field(&index, DIGEST.saturating_add(i.saturating_mul(4)));
        let (blocks, ids, text) = (count(0), count(1), count(2));
        let expected = COUNTS
            .saturating_add(blocks.saturating_mul(BLOCK_ROW))
            .saturating_add(ids.saturating_mul(ID_ROW))
            .saturating_add(text);
        if expected != length {
            return Err(DatabaseError::Damaged(
                "the index of its records has a wrong size",
            ));
        }
        Ok(Self {
            blob: blob.clone(),
            blocks,
            ids,
            body_at: (HEAD as u64).saturating_add(length as u64),
            index,
            last: std::sync::Mutex::new(None),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids
    }

    /// The identifiers, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        (0..self.ids).filter_map(|i| std::str::from_utf8(self.row(i)?.0).ok())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids == 0
    }

    /// Identifier, block and offset in the block of row `i`.
    fn row(&self, i: usize) -> Option<(&[u8], usize, usize)> {
        let rows = COUNTS.checked_add(self.blocks.checked_mul(BLOCK_ROW)?)?;
        let texts = self
            .index
            .get(rows.checked_add(self.ids.checked_mul(ID_ROW)?)?..)?;
        let at = |i: usize| rows.checked_add(i.checked_mul(ID_ROW)?);
        let row = at(i)?;
        let start = u32_at(&self.index, row)? as usize;
        let next = i.checked_add(1)?;
        let end = if next < self.ids {
            u32_at(&self.index, at(next)?)? as usize
        } else {
            texts.len()
        };
        let block = u32_at(&self.index, row.checked_add(4)?)? as usize;
        let offset = u32_at(&self.index, row.checked_add(8)?)? as usize;
        Some((texts.get(start..end)?, block, offset))
    }

    fn find(&self, id: &str) -> Option<(usize, usize)> {
        let (mut low, mut high) = (0_usize, self.ids);
        while low < high {
            let middle = low.midpoint(high);
            let (found, block, offset) = self.row(middle)?;
            match found.cmp(id.as_bytes()) {
                std::cmp::Ordering::Equal => return Some((block, offset)),
                std::cmp::Ordering::Less => low = middle.checked_add(1)?,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The JSON of a record.
    ///
    /// # Errors
    /// When its block is damaged or costs more than `budget` allows.
    pub fn get(&self, id: &str, budget: &mut Budget) -> Result<Option<String>, DatabaseError> {
        let Some((block, offset)) = self.find(id) else {
            return Ok(None);
        };
        let raw = self.block(block, budget)?;
        let record = offset.checked_add(4).and_then(|start| {
            let length = u32_at(&raw, offset)? as usize;
            raw.get(start..start.checked_add(length)?)
        });
        let text = record.and_then(|r| std::str::from_utf8(r).ok());
        match text {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(DatabaseError::Damaged("a record is not where the index says")),
        }
    }

    fn block(&self, i: usize, budget: &mut Budget) -> Result<Arc<Vec<u8>>, DatabaseError> {
        // A thread that panicked while it held the lock left a whole value or none.
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, raw)) = last.as_ref().filter(|(at, _)| *at == i) {
            return Ok(Arc::clone(raw));
        }
        let raw = Arc::new(self.inflate(i, budget)?);
        *last = Some((i, Arc::clone(&raw)));
        Ok(raw)
    }

    fn inflate(&self, i: usize, budget: &mut Budget) -> Result<Vec<u8>, DatabaseError> {
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
        let packed =
            read(&self.blob, self.body_at.saturating_add(start as u64), packed_len).map_err(cut_off)?;
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

/// Makes the file of records that belongs to the database of this digest. What [`super::build`] leaves out is left out
/// here, too: what was withdrawn, what is about other ecosystems, what cannot be read.
///
/// # Errors
/// When `budget` runs out.
pub fn build_records<B: AsRef<[u8]>>(
    database: &str,
    records: impl IntoIterator<Item = B>,
    budget: &mut Budget,
) -> Result<Vec<u8>, Exhausted> {
    // By package first, so that what one query answers with lies side by side.
    let mut all: BTreeMap<(String, String), String> = BTreeMap::new();
    for record in records {
        let bytes = record.as_ref();
        budget.steps(bytes.len() as u64)?;
        if let Some((package, id, text)) = clean(bytes).filter(|(_, _, text)| text.len() < MAX_BLOCK / 2) {
            budget.memory(text.len() as u64)?;
            all.insert((package, id), text);
        }
    }
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut open: Vec<u8> = Vec::new();
    let mut places: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for ((_, id), text) in &all {
        if !open.is_empty() && open.len().saturating_add(text.len()) > BLOCK {
            blocks.push(std::mem::take(&mut open));
        }
        places.insert(id, (blocks.len(), open.len()));
        put(&mut open, text.len());
        open.extend_from_slice(text.as_bytes());
    }
    if !open.is_empty() {
        blocks.push(open);
    }
    Ok(write(database, &blocks, &places))
}

fn write(database: &str, blocks: &[Vec<u8>], places: &BTreeMap<&str, (usize, usize)>) -> Vec<u8> {
    let (mut table, mut body, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for raw in blocks {
        let packed = deflate(raw);
        put(&mut table, body.len());
        put(&mut table, packed.len());
        put(&mut table, raw.len());
        table.extend_from_slice(Sha256::digest(&packed).get(..16).unwrap_or_default());
        body.extend_from_slice(&packed);
    }
    for (id, (block, offset)) in places {
        put(&mut table, texts.len());
        put(&mut table, *block);
        put(&mut table, *offset);
        texts.extend_from_slice(id.as_bytes());
    }
    let mut index: Vec<u8> = Sha256::digest(database.as_bytes()).to_vec();
    for count in [blocks.len(), places.len(), texts.len()] {
        put(&mut index, count);
    }
    index.extend_from_slice(&table);
    index.extend_from_slice(&texts);
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&Sha256::digest(&index));
    put(&mut out, index.len());
    out.extend_from_slice(&index);
    out.extend_from_slice(&body);
    out
}

/// Writing into memory does not fail; an empty block would be refused by the reader.
fn deflate(raw: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(raw)
        .and_then(|()| encoder.finish())
        .unwrap_or_default()
}

/// A record as it is kept: its first package, its identifier, its JSON. Nothing where it is withdrawn, about another
/// ecosystem, or no record.
fn clean(bytes: &[u8]) -> Option<(String, String, String)> {
    let record: Value = serde_json::from_slice(bytes).ok()?;
    let text = |key: &str| record.get(key).and_then(Value::as_str).map(str::trim);
    let id = text("id").filter(|id| !id.is_empty())?;
    if text("withdrawn").is_some_and(|w| !w.is_empty()) {
        return None;
    }
    let malicious = is_malicious_record(
        id,
        &strings(record.get("aliases")),
        text("summary").unwrap_or_default(),
    );
    let affected: Vec<Value> = items(record.get("affected"))
        .filter_map(|a| affected(a, malicious))
        .collect();
    let package = affected.first()?.pointer("/package/name")?.as_str()?.to_owned();
    let published = text("published").and_then(stamp);
    let modified = text("modified").and_then(stamp).or_else(|| published.clone());
    let version = text("schema_version")
        .filter(|v| v.starts_with("1."))
        .unwrap_or("1.6.0");
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        let empty = value.as_array().is_some_and(Vec::is_empty) || value == "" || value.is_null();
        if !empty {
            out.insert(key.to_owned(), value);
        }
    };
    put("schema_version", version.into());
    put("id", id.into());
    put(
        "modified",
        modified
            .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
            .into(),
    );
    put("published", published.into());
    put("aliases", strings(record.get("aliases")).into());
    put("related", strings(record.get("related")).into());
    let summary = text("summary")
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    put("summary", cut(summary, MAX_SUMMARY, "…").into());
    let details = text("details").unwrap_or_default();
    put(
        "details",
        cut(details, MAX_DETAILS, "…\n\n(shortened by wellhead)").into(),
    );
    put("severity", vectors(record.get("severity")).into());
    put("affected", affected.into());
    put("references", references(&record).into());
    let word = record
        .pointer("/database_specific/severity")
        .and_then(Value::as_str);
    put("database_specific", word.map(|w| json!({"severity": w})).into());
    let id = id.to_owned();
    serde_json::to_string(&out).ok().map(|text| (package, id, text))
}

fn affected(entry: &Value, malicious: bool) -> Option<Value> {
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
    let ecosystem = text("/package/ecosystem")?.split(':').next()?;
    let name = normalise(text("/package/name")?);
    if ecosystem != "PyPI" || name.trim().is_empty() {
        return None;
    }
    let versions = strings(entry.get("versions"));
    let mut ranges: Vec<Value> = items(entry.get("ranges")).filter_map(range).collect();
    // An innocent name with guilty versions also carries the range "from 0"; the list is what was seen.
    if malicious && !versions.is_empty() {
        ranges.clear();
    }
    let severity = vectors(entry.get("severity"));
    let package = json!({"ecosystem": "PyPI", "name": name, "purl": format!("pkg:pypi/{name}")});
    Some(if severity.is_empty() {
        json!({"package": package, "versions": versions, "ranges": ranges})
    } else {
        json!({"package": package, "versions": versions, "ranges": ranges, "severity": severity})
    })
}

/// A range with ends that are versions, each event with one key, as clients expect it.
fn range(range: &Value) -> Option<Value> {
    let kind = range
        .get("type")
        .and_then(Value::as_str)
        .filter(|k| valid_range_kind(k))?;
    let mut events = Vec::new();
    for event in items(range.get("events")) {
        for key in ["introduced", "fixed", "last_affected"] {
            let Some(written) = event.get(key).and_then(Value::as_str) else {
                continue;
            };
            let at = match repair(written) {
                Some((_, false)) => written.trim().to_owned(),
                Some((version, true)) => version.to_string(),
                None if key == "introduced" => "0".to_owned(),
                None => continue,
            };
            events.push(json!({ key: at }));
        }
    }
    (!events.is_empty()).then(|| json!({"type": kind, "events": events}))
}

fn vectors(list: Option<&Value>) -> Vec<Value> {
    let known = |v: &&Value| {
        ["type", "score"]
            .iter()
            .all(|k| v.get(k).is_some_and(Value::is_string))
    };
    items(list)
        .filter(known)
        .map(|v| json!({"type": v.get("type"), "score": v.get("score")}))
        .collect()
}

/// The references that a client can open; one that is no address stops some of them.
fn references(record: &Value) -> Vec<Value> {
    items(record.get("references"))
        .filter_map(|r| {
            let url = r.get("url")?.as_str()?.trim();
            let plain = url.starts_with("https://") || url.starts_with("http://");
            let host = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
            let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
            if !plain || host.is_empty() || !host.bytes().all(sound) || url.contains(char::is_whitespace) {
                return None;
            }
            let kind = r.get("type").and_then(Value::as_str).unwrap_or("WEB");
            Some(json!({"type": kind, "url": url}))
        })
        .collect()
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

fn strings(list: Option<&Value>) -> Vec<String> {
    items(list).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn cut(text: &str, most: usize, end: &str) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}{end}", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A time as RFC 3339 in UTC with at most six digits behind the second: some clients read no more.
pub(crate) fn stamp(text: &str) -> Option<String> {
    let day = text.get(..10)?;
    let digits = |t: &str, shape: &str| {
        t.len() == shape.len()
            && t.bytes()
                .zip(shape.bytes())
                .all(|(b, s)| if s == b'0' { b.is_ascii_digit() } else { b == s })
    };
    if !digits(day, "0000-00-00") {
        return None;
    }
    let time = text.get(11..19).filter(|t| digits(t, "00:00:00"));
    let rest = text.get(19..).unwrap_or_default();
    let (fraction, zone) = rest.split_at(
        rest.find(|c: char| c != '.' && !c.is_ascii_digit())
            .unwrap_or(rest.len()),
    );
    match time {
        Some(time) if matches!(zone, "Z" | "z" | "+00:00" | "") => {
            let fraction = fraction.get(..7).unwrap_or(fraction);
            let fraction = Some(fraction).filter(|f| f.len() > 1).unwrap_or_default();
            Some(format!("{day}T{time}{fraction}Z"))
        }
        _ => Some(format!("{day}T00:00:00Z")),
    }
}

fn cut_off(e: io::Error) -> DatabaseError {
    match e.kind() {
        io::ErrorKind::UnexpectedEof => DatabaseError::Damaged("its records are cut off"),
        _ => DatabaseError::Io(e),
    }
}

fn put(out: &mut Vec<u8>, value: usize) {
    out.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}

/// A number of a table; 0 outside of it, where every use is checked again.
fn field(bytes: &[u8], at: usize) -> usize {
    u32_at(bytes, at).map_or(0, |n| n as usize)
}

/// Reads exactly `len` bytes.
fn read(blob: &Blob, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let bytes = blob.bytes(offset, len)?;
    if bytes.len() == len {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIRTY: &str = r#"{"id": "PYSEC-2024-1", "aliases": ["CVE-2024-1"], "details": "Reads any file.",
        "modified": "2027-07-09T00:00:00.123456789Z", "published": "2024-01-02",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}, {"score": 7}],
        "affected": [
            {"package": {"ecosystem": "npm", "name": "else"}},
            {"package": {"ecosystem": "PyPI", "name": "Some_Thing"}, "versions": ["1.0"],
             "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]},
                        {"type": "ECOSYSTEM", "events": [{"introduced": "0", "fixed": "2.6.0-NA"}, {"fixed": "none"}]}]}],
        "references": [{"type": "ADVISORY", "url": "https://a.example/x"}, {"url": "not an address"},
                       {"type": "WEB", "url": "https://[bad/x"}]}"#;

    fn opened(records: &[&str]) -> Records {
        let bytes = build_records("sha256:ab", records, &mut Budget::default()).unwrap();
        Records::open(&Blob::from_bytes(bytes), "sha256:ab", &mut Budget::default()).unwrap()
    }

    #[test]
    fn a_record_comes_back_clean() {
        let other = r#"{"id": "MAL-1", "modified": "2024-01-01T00:00:00Z",
            "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}}]}"#;
        let withdrawn = r#"{"id": "GONE-1", "withdrawn": "2024-01-01T00:00:00Z",
            "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}}]}"#;
        let records = opened(&[DIRTY, other, withdrawn, "no JSON"]);
        let get = |id: &str| records.get(id, &mut Budget::default()).unwrap();
        assert_eq!(
            (records.len(), get("GONE-1"), get("PYSEC-2024-2")),
            (2, None, None)
        );
        assert!(get("MAL-1").is_some());
        let record: Value = serde_json::from_str(&get("PYSEC-2024-1").unwrap()).unwrap();
        insta::assert_snapshot!(format!("{record:#}"), @r#"
        {
          "affected": [
            {
              "package": {
                "ecosystem": "PyPI",
                "name": "some-thing",
                "purl": "pkg:pypi/some-thing"
              },
              "ranges": [
                {
                  "events": [
                    {
                      "introduced": "0"
                    },
                    {
                      "fixed": "2.6.0"
                    }
                  ],
                  "type": "ECOSYSTEM"
                }
              ],
              "versions": [
                "1.0"
              ]
            }
          ],
          "aliases": [
            "CVE-2024-1"
          ],
          "details": "Reads any file.",
          "id": "PYSEC-2024-1",
          "modified": "2027-07-09T00:00:00.123456Z",
          "published": "2024-01-02T00:00:00Z",
          "references": [
            {
              "type": "ADVISORY",
              "url": "https://a.example/x"
            }
          ],
          "schema_version": "1.6.0",
          "severity": [
            {
              "score": "CVSS:3.1/AV:N",
              "type": "CVSS_V3"
            }
          ]
        }
        "#);
    }

    #[test]
    fn times_are_those_that_every_client_reads() {
        for (text, expected) in [
            ("2024-01-02T03:04:05Z", Some("2024-01-02T03:04:05Z")),
            ("2024-01-02T03:04:05.1Z", Some("2024-01-02T03:04:05.1Z")),
            (
                "2024-01-02T03:04:05.123456789Z",
                Some("2024-01-02T03:04:05.123456Z"),
            ),
            ("2024-01-02T03:04:05+00:00", Some("2024-01-02T03:04:05Z")),
            ("2024-01-02T03:04:05+02:00", Some("2024-01-02T00:00:00Z")),
            ("2024-01-02", Some("2024-01-02T00:00:00Z")),
            ("2024-01", None),
            ("", None),
        ] {
            assert_eq!(stamp(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn damage_and_strangers_are_told() {
        let bytes = build_records("sha256:ab", [DIRTY], &mut Budget::default()).unwrap();
        let failure = |bytes: &[u8], database: &str| {
            let mut budget = Budget::default();
            let opened = Records::open(&Blob::from_bytes(bytes), database, &mut budget);
            match opened.map(|r| r.get("PYSEC-2024-1", &mut budget)) {
                Err(e) | Ok(Err(e)) => e.to_string(),
                Ok(Ok(found)) => format!("found {}", found.is_some()),
            }
        };
        let mut body = bytes.clone();
        *body.last_mut().unwrap() ^= 1;
        let mut index = bytes.clone();
        index[60] ^= 1;
        for (bytes, database, says) in [
            (&bytes[..], "sha256:ab", "found true"),
            (&bytes[..], "sha256:cd", "belong to another database"),
            (
                &bytes[..20],
                "sha256:ab",
                "not an advisory database of this version",
            ),
            (&bytes[..90], "sha256:ab", "cut off"),
            (&bytes[..bytes.len() - 1], "sha256:ab", "cut off"),
            (&body, "sha256:ab", "a block does not fit its digest"),
            (&index, "sha256:ab", "does not fit its digest"),
            (
                b"WHADVDB\x01",
                "sha256:ab",
                "not an advisory database of this version",
            ),
        ] {
            let got = failure(bytes, database);
            assert!(got.contains(says), "{got}");
        }
    }

    proptest! {
        #[test]
        fn cleaning_never_panics(bytes in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = clean(&bytes);
            let _ = stamp(&text);
        }
    }
}
