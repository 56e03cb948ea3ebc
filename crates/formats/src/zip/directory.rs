//! The directory: one record a member.

use super::{DifferenceKind as K, Entry, Reader, end, name_of};
use crate::{
    bytes::{Source, Window, u16_at, u32_at, u64_at},
    document::Role,
};
use std::collections::BTreeSet;
use wellhead_core::{Budget, code};

const ENTRY: &[u8] = b"PK\x01\x02";
/// How much of the directory is read at a time.
const WINDOW: usize = 1 << 16;
/// Longest record: fixed part, name, extra fields, comment.
const LONGEST: usize = 46 + 3 * 0xffff;

/// A record of the directory, and how long it is.
struct Record {
    entry: Entry,
    length: u64,
    disk: u16,
    /// The name of the Unicode path field, where its CRC says that it belongs to the name.
    unicode: Option<Vec<u8>>,
}

/// Members that are known already: their place, how much they take, their name.
type Seen = BTreeSet<(u64, u64, Vec<u8>)>;

/// Reads the directories of all views; the members of the first view stand first.
pub(super) fn read(r: &mut Reader<'_>, views: &[end::View], budget: &mut Budget) {
    let mut seen = Seen::new();
    for (i, view) in views.iter().enumerate() {
        read_view(r, view, i == 0, &mut seen, budget);
    }
}

fn read_view(r: &mut Reader<'_>, view: &end::View, first: bool, seen: &mut Seen, budget: &mut Budget) {
    let mut window = Window::new(WINDOW);
    let mut at = view.start;
    let mut listed = 0_u64;
    while at < view.end {
        if !window.get(&mut r.source, at, 4).starts_with(ENTRY) {
            break;
        }
        // Nearly all records are short; asking for the longest each time would read the directory many times over.
        let mut parsed = parse(window.get(&mut r.source, at, 1024), view.base);
        if parsed.is_none() {
            parsed = parse(window.get(&mut r.source, at, LONGEST), view.base);
        }
        let Some(p) = parsed else {
            r.differ(
                K::Count,
                (at, 46),
                None,
                "the last record of the directory is cut off",
            );
            break;
        };
        if !r.pay(budget.entries(1)) {
            return;
        }
        listed = listed.saturating_add(1);
        let length = p.length;
        add(r, p, at, first, seen);
        at = at.saturating_add(length);
    }
    let cut = at < view.end && listed < view.count;
    // The end record counts in 16 bits; without zip64 larger archives count modulo 65,536.
    if first && listed != view.count && listed % 65_536 != view.count {
        let words = format!(
            "the end record counts {} members, the directory lists {listed}",
            view.count
        );
        r.differ(
            K::Count,
            (view.start, view.end.saturating_sub(view.start)),
            None,
            words,
        );
    }
    if cut {
        r.partly.push("its directory is damaged".to_owned());
    }
}

fn add(r: &mut Reader<'_>, p: Record, at: u64, first: bool, seen: &mut Seen) {
    let Record {
        entry,
        length,
        disk,
        unicode,
    } = p;
    // A second view that lists the same member adds nothing.
    let key = (entry.offset, entry.stored, entry.raw_name.clone());
    if !seen.insert(key) && !first {
        return;
    }
    let index = r.archive.entries.len();
    if disk != 0 && disk != u16::MAX {
        let words = format!("{} is said to lie in another file", code(&entry.name));
        r.differ(K::Disks, (at, length), Some(index), words);
    }
    if let Some(other) = unicode.filter(|u| *u != entry.raw_name && entry.raw_name.is_ascii()) {
        let words = format!(
            "{} is named {} by its Unicode path field",
            code(&entry.name),
            code(&name_of(&other))
        );
        r.differ(K::UnicodeName, (at, length), Some(index), words);
    }
    r.archive.entries.push(entry);
}

fn parse(record: &[u8], base: u64) -> Option<Record> {
    let part = |i| u16_at(record, i).map(usize::from);
    let (name_len, extra_len, comment_len) = (part(28)?, part(30)?, part(32)?);
    let raw_name = record.get(46..)?.get(..name_len)?.to_vec();
    let extra_at = 46_usize.saturating_add(name_len);
    let extra = record.get(extra_at..)?.get(..extra_len)?;
    let length = extra_at.saturating_add(extra_len).saturating_add(comment_len);
    record.get(..length)?;
    let mut size = u64::from(u32_at(record, 24)?);
    let mut stored = u64::from(u32_at(record, 20)?);
    let mut offset = u64::from(u32_at(record, 42)?);
    let fields = extra_fields(extra);
    if let Some(wide) = field(&fields, 0x0001) {
        let mut at = 0_usize;
        for value in [&mut size, &mut stored, &mut offset] {
            if *value == u64::from(u32::MAX)
                && let Some(v) = u64_at(wide, at)
            {
                *value = v;
                at = at.saturating_add(8);
            }
        }
    }
    let made_by = u16_at(record, 4)? >> 8;
    let attributes = u32_at(record, 38)?;
    let mode = matches!(made_by, 3 | 19)
        .then_some(attributes >> 16)
        .filter(|m| *m != 0);
    let unicode = field(&fields, 0x7075).and_then(|f| {
        let belongs = f.first() == Some(&1) && u32_at(f, 1) == Some(crc32fast::hash(&raw_name));
        belongs.then(|| f.get(5..).unwrap_or_default().to_vec())
    });
    let entry = Entry {
        name: name_of(&raw_name),
        size,
        stored,
        offset: offset.saturating_add(base),
        method: u16_at(record, 10)?,
        flags: u16_at(record, 8)?,
        crc: u32_at(record, 16)?,
        mode,
        link: None,
        hidden: false,
        role: Role::Plain,
        data: 0..0,
        local: None,
        raw_name,
        aes: field(&fields, 0x9901).is_some(),
    };
    Some(Record {
        entry,
        length: length as u64,
        disk: u16_at(record, 34)?,
        unicode,
    })
}

/// The extra fields as id and content; a field that is cut off ends the list.
pub(super) fn extra_fields(mut extra: &[u8]) -> Vec<(u16, &[u8])> {
    let mut fields = Vec::new();
    while let (Some(id), Some(len)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let Some((content, rest)) = extra.get(4..).and_then(|e| e.split_at_checked(len.into())) else {
            break;
        };
        fields.push((id, content));
        extra = rest;
    }
    fields
}

pub(super) fn field<'a>(fields: &[(u16, &'a [u8])], id: u16) -> Option<&'a [u8]> {
    fields.iter().find(|(i, _)| *i == id).map(|(_, f)| *f)
}

/// The names of the first directory that is there, at most `max`.
pub(super) fn names(source: &mut Source<'_>, max: usize) -> Vec<String> {
    let mut names = Vec::new();
    let Some(view) = end::first(source) else {
        return names;
    };
    let mut window = Window::new(WINDOW);
    let mut at = view.start;
    while at < view.end && names.len() < max {
        let record = window.get(source, at, LONGEST.min(1024));
        let Some(p) = parse(record, view.base).filter(|_| record.starts_with(ENTRY)) else {
            break;
        };
        at = at.saturating_add(p.length);
        names.push(p.entry.name);
    }
    names
}
