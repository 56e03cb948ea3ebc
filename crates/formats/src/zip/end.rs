//! The end of an archive: which directories the various readers would take.
//!
//! Python takes the last end record and moves all offsets by what stands before the archive; others take the first
//! whose comment ends the file, or believe the absolute offset. Every directory that one of them finds is a view.

use super::{DifferenceKind as K, Reader};
use crate::bytes::{Source, u16_at, u32_at, u64_at};

/// Longest end record with its comment.
const TAIL: usize = 22 + 0xffff;
/// How many end records are followed.
const MAX_RECORDS: usize = 8;

const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
const ENTRY: &[u8] = b"PK\x01\x02";

/// A directory that some reader takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// Where the directory begins.
    pub(super) start: u64,
    /// Where it must end: at its end record.
    pub(super) end: u64,
    /// What is added to the offsets in it.
    pub(super) base: u64,
    /// How many members its end record counts.
    pub(super) count: u64,
    /// The records that end it: from here to there in the archive.
    pub(super) records: (u64, u64),
}

/// An end record.
#[derive(Clone, Debug)]
struct Record {
    at: u64,
    disk: u16,
    count: u64,
    size: u64,
    offset: u64,
    comment: Vec<u8>,
    /// The comment ends where the file does.
    fits: bool,
    /// The zip64 record, where there is one: its place, count, size, offset.
    wide: Option<(u64, u64, u64, u64)>,
    /// A field that says "see the zip64 record".
    points_wide: bool,
}

/// All end records in the tail, the last first.
fn records(source: &mut Source<'_>) -> Vec<Record> {
    let len = source.blob.len();
    let from = len.saturating_sub(TAIL as u64);
    let tail = source.bytes(from, TAIL);
    let mut found = Vec::new();
    let mut until = tail.len();
    while let Some(at) = tail.get(..until).and_then(|t| rfind(t, END)) {
        until = at.saturating_add(3).min(tail.len());
        if let Some(record) = record(source, &tail, at, from, len) {
            found.push(record);
        }
        if found.len() >= MAX_RECORDS {
            break;
        }
    }
    found
}

fn rfind(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).rposition(|w| w == needle)
}

fn record(source: &mut Source<'_>, tail: &[u8], at: usize, from: u64, len: u64) -> Option<Record> {
    let r = tail.get(at..)?;
    let comment_len = usize::from(u16_at(r, 20)?);
    let rest = r.get(22..).unwrap_or_default();
    let place = from.saturating_add(at as u64);
    let (count, size, offset) = (u16_at(r, 10)?, u32_at(r, 12)?, u32_at(r, 16)?);
    let wide = wide(source, place);
    Some(Record {
        at: place,
        disk: u16_at(r, 4)?.max(u16_at(r, 6)?),
        count: count.into(),
        size: size.into(),
        offset: offset.into(),
        comment: rest
            .get(..comment_len.min(rest.len()))
            .unwrap_or_default()
            .to_vec(),
        fits: place.saturating_add(22).saturating_add(comment_len as u64) == len,
        wide,
        points_wide: count == u16::MAX || size == u32::MAX || offset == u32::MAX,
    })
}

/// The zip64 record that belongs to the end record at `place`.
fn wide(source: &mut Source<'_>, place: u64) -> Option<(u64, u64, u64, u64)> {
    let locator_at = place.checked_sub(20)?;
    let locator = source.bytes(locator_at, 20);
    if !locator.starts_with(LOCATOR64) {
        return None;
    }
    let stated = u64_at(&locator, 8)?;
    // Where the locator says, or right before the locator, as readers of archives with a prefix look.
    for at in [Some(stated), locator_at.checked_sub(56)].into_iter().flatten() {
        let r = source.bytes(at, 56);
        if r.starts_with(END64) {
            return Some((at, u64_at(&r, 32)?, u64_at(&r, 40)?, u64_at(&r, 48)?));
        }
    }
    None
}

/// The directories that a record leads to: moved by what stands before the archive, and as its offset says.
fn lead(source: &mut Source<'_>, r: &Record, wide: bool) -> Vec<View> {
    let (at, count, size, offset) = match r.wide.filter(|_| wide) {
        Some(w) => w,
        None => (r.at, r.count, r.size, r.offset),
    };
    let records = (
        at.min(r.at),
        r.at.saturating_add(22).saturating_add(r.comment.len() as u64),
    );
    let mut views: Vec<View> = Vec::new();
    let moved = at
        .checked_sub(size)
        .and_then(|start| Some((start, start.checked_sub(offset)?)));
    for (start, base) in [moved, Some((offset, 0))].into_iter().flatten() {
        let empty = count == 0 && size == 0;
        let there = empty || source.bytes(start, 4) == ENTRY;
        if there && start <= at && !views.iter().any(|v| v.start == start && v.base == base) {
            views.push(View {
                start,
                end: at,
                base,
                count,
                records,
            });
        }
    }
    views
}

/// The directories that readers would take; the first is Python's.
pub(super) fn views(r: &mut Reader<'_>) -> Vec<View> {
    let records = records(&mut r.source);
    let mut views: Vec<View> = Vec::new();
    for (i, record) in records.iter().enumerate() {
        let wide = record.wide.is_some();
        let mut led = lead(&mut r.source, record, wide);
        if wide && !record.points_wide {
            // Readers that look at the end record alone see another directory, if the two disagree.
            let narrow = lead(&mut r.source, record, false);
            let same = record.wide.is_some_and(|(_, count, size, offset)| {
                (count, size, offset) == (record.count, record.size, record.offset)
            });
            if !same {
                let words = "the zip64 record and the end record lead to different directories";
                r.differ(K::Zip64, (record.at, 22), None, words);
                led.extend(narrow);
            }
        }
        if led.is_empty() {
            continue;
        }
        let inside = views
            .first()
            .is_some_and(|first: &View| led.iter().all(|v| v.start >= first.start || is_inner(first, v)));
        if views.is_empty() {
            r.archive.comment.clone_from(&record.comment);
            let end = record
                .at
                .saturating_add(22)
                .saturating_add(record.comment.len() as u64);
            r.archive.trailing = r.source.blob.len().saturating_sub(end);
            if record.disk != 0 {
                r.differ(
                    K::Disks,
                    (record.at, 22),
                    None,
                    "says that it is one of several files",
                );
            }
            if led.len() > 1 {
                let words = "its offset leads to one directory and its size to another";
                r.differ(K::Offset, (record.at, 22), None, words);
            }
        } else if record.fits || !inside {
            let words = "a second end record leads to another directory";
            let known = led.iter().all(|v| views.iter().any(|w| w.start == v.start));
            if !known {
                r.differ(K::EndRecords, (record.at, 22), None, words);
            }
        }
        // An archive that is a stored member of this one ends in this tail too; its directory is left to the member.
        if i == 0 || record.fits || !inside {
            for view in led {
                if !views.iter().any(|v| (v.start, v.base) == (view.start, view.base)) {
                    views.push(view);
                }
            }
        }
    }
    if views.is_empty() {
        r.partly.push("its directory is missing or damaged".to_owned());
    }
    views
}

/// Whether `inner` lies wholly before the directory of `outer`, where members lie.
fn is_inner(outer: &View, inner: &View) -> bool {
    inner.records.1 <= outer.start
}

/// The directory that most readers take.
pub(super) fn first(source: &mut Source<'_>) -> Option<View> {
    let records = records(source);
    records
        .iter()
        .find_map(|r| lead(source, r, r.wide.is_some()).into_iter().next())
}

/// Where the archive begins that ends the blob.
pub(super) fn begins_at(source: &mut Source<'_>, flush: bool) -> Option<u64> {
    for record in records(source).into_iter().filter(|r| r.fits || !flush) {
        for view in lead(source, &record, record.wide.is_some()) {
            if view.count == 0 {
                continue;
            }
            let entry = source.bytes(view.start, 46);
            let first = u32_at(&entry, 42).map_or(0, u64::from);
            let at = view.base.saturating_add(first);
            if source.bytes(at, 4) == b"PK\x03\x04" {
                return Some(view.base.max(if view.base == 0 { at } else { view.base }));
            }
        }
    }
    None
}
