//! Every byte of the archive accounted for: members that share bytes, bytes that belong to no member, and members
//! that no directory lists.

use super::{DifferenceKind as K, Entry, Reader, end, local, name_of};
use crate::{
    bytes::{Source, is_zero},
    document::{Member, MemberSource, Role},
    identify,
    inflate::{self, inflate},
};
use miniz_oxide::DataFormat;
use std::ops::Range;
use wellhead_core::{Budget, Depth, code};

/// How much of a gap is searched for headers unless every byte is asked for.
const SEARCH: u64 = 1 << 20;
/// How much is searched at a time.
const CHUNK: usize = 1 << 16;

pub(super) fn read(r: &mut Reader<'_>, views: &[end::View], budget: &mut Budget) {
    let mut taken = regions(r);
    overlaps(r, &taken, views);
    duplicates(r);
    taken.extend(views.iter().map(|v| (v.start..v.records.1, None)));
    taken.sort_by_key(|(region, _)| (region.start, region.end));
    let len = r.source.blob.len();
    let mut at = 0;
    let mut first = true;
    let mut gaps = Vec::new();
    for (region, _) in &taken {
        if region.start > at {
            gaps.push((at..region.start, if first { K::Prefix } else { K::Gap }));
        }
        first = false;
        at = at.max(region.end);
    }
    if at < len {
        gaps.push((at..len, if first { K::Gap } else { K::Trailing }));
    }
    for (gap, kind) in gaps {
        if !r.pay(budget.steps(64)) {
            return;
        }
        look_into(r, gap, kind, budget);
    }
}

/// The bytes that each member takes: its header, its data and its descriptor.
fn regions(r: &mut Reader<'_>) -> Vec<(Range<u64>, Option<usize>)> {
    let mut regions = Vec::new();
    for index in 0..r.archive.entries.len() {
        let Some(e) = r.archive.entries.get(index) else {
            break;
        };
        let Some(local) = &e.local else { continue };
        let (start, end) = (e.offset, e.data.end);
        let deferred = (local.flags | e.flags) & local::HAS_DESCRIPTOR != 0;
        let end = if deferred {
            end.saturating_add(descriptor(&mut r.source, end))
        } else {
            end
        };
        regions.push((start..end, Some(index)));
    }
    regions.sort_by_key(|(region, _)| (region.start, region.end));
    regions
}

/// The length of the descriptor at `at`: with or without its signature, with narrow or wide sizes, told by what
/// follows it.
fn descriptor(source: &mut Source<'_>, at: u64) -> u64 {
    let bytes = source.bytes(at, 28);
    let candidates: [usize; 2] = if bytes.starts_with(b"PK\x07\x08") {
        [16, 24]
    } else {
        [12, 20]
    };
    let follows = |n: usize| bytes.get(n..).is_some_and(|rest| rest.starts_with(b"PK"));
    match candidates.into_iter().find(|n| follows(*n)) {
        Some(n) => n as u64,
        None if bytes.starts_with(b"PK\x07\x08") => 16,
        None => 0,
    }
}

fn overlaps(r: &mut Reader<'_>, regions: &[(Range<u64>, Option<usize>)], views: &[end::View]) {
    let directory = views.iter().map(|v| v.start).min();
    let mut reach: Option<(u64, usize)> = None;
    for (region, index) in regions {
        let Some(index) = *index else { continue };
        let name = |r: &Reader<'_>, i: usize| {
            r.archive
                .entries
                .get(i)
                .map_or_else(String::new, |e| code(&e.name))
        };
        // The descriptor's length is a guess, so only headers and data count.
        let data_end = r.archive.entries.get(index).map_or(region.end, |e| e.data.end);
        if let Some((end, other)) = reach
            && region.start < end
        {
            let words = format!("{} and {} share bytes", name(r, other), name(r, index));
            r.differ(
                K::Overlap,
                (region.start, end.saturating_sub(region.start)),
                Some(index),
                words,
            );
        } else if directory.is_some_and(|d| region.start < d && d < data_end) {
            let words = format!("{} reaches into the directory", name(r, index));
            r.differ(
                K::Overlap,
                (region.start, data_end.saturating_sub(region.start)),
                Some(index),
                words,
            );
        }
        if reach.is_none_or(|(end, _)| end < data_end) {
            reach = Some((data_end, index));
        }
    }
}

fn duplicates(r: &mut Reader<'_>) {
    let mut order: Vec<usize> = (0..r.archive.entries.len()).collect();
    let name = |r: &Reader<'_>, i: usize| r.archive.entries.get(i).map(|e| e.raw_name.clone());
    order.sort_by_cached_key(|i| (name(r, *i), *i));
    for pair in order.windows(2) {
        let [a, b] = pair else { continue };
        let (Some(x), Some(y)) = (r.archive.entries.get(*a), r.archive.entries.get(*b)) else {
            continue;
        };
        if x.raw_name == y.raw_name && !x.raw_name.is_empty() {
            let same = (x.crc, x.size) == (y.crc, y.size);
            let words = format!(
                "{} stands twice in the directory, {}",
                code(&y.name),
                if same {
                    "both times the same"
                } else {
                    "with different content"
                }
            );
            let at = (y.offset, y.data.end.saturating_sub(y.offset));
            r.differ(K::Duplicate, at, Some(*b), words);
        }
    }
}

/// Finds members that no directory lists, and says what else lies between the others.
fn look_into(r: &mut Reader<'_>, gap: Range<u64>, kind: K, budget: &mut Budget) {
    let length = gap.end.saturating_sub(gap.start);
    let ceiling = if r.depth == Depth::Full {
        length
    } else {
        length.min(SEARCH)
    };
    if is_zero(&mut r.source, gap.start, gap.end, ceiling) || is_signing_block(r, &gap) {
        return;
    }
    let mut at = gap.start;
    let mut found = false;
    let until = gap.start.saturating_add(ceiling);
    let mut loose = None;
    while let Some(place) = find_header(&mut r.source, at, until) {
        if !r.pay(budget.entries(1)) {
            return;
        }
        at = match hidden(r, place, &gap, budget) {
            Some(end) => {
                if !found && place > gap.start {
                    loose = Some(gap.start..place);
                }
                found = true;
                end.max(place.saturating_add(4))
            }
            None => place.saturating_add(4),
        };
    }
    let loose = if found { loose } else { Some(gap.clone()) };
    let Some(loose) = loose else { return };
    let length = loose.end.saturating_sub(loose.start);
    if kind == K::Prefix && loose.start == 0 {
        r.archive.prefix = length;
        r.differ(
            kind,
            (0, length),
            None,
            format!("{length} bytes stand before the first member"),
        );
        // The file's own identity says what it begins with.
        return;
    }
    let place = if kind == K::Trailing {
        "after its end"
    } else {
        "between its members"
    };
    r.differ(
        kind,
        (loose.start, length),
        None,
        format!("{length} bytes stand {place}"),
    );
    let blob = r.source.blob.slice(loose.start, length);
    if identify::glance(&blob).is_some() {
        r.members.push(Member {
            name: format!("bytes at {:#x}", loose.start),
            role: Role::Plain,
            size: length,
            stored: length,
            hidden: true,
            source: MemberSource::Stored(blob),
        });
    }
}

/// Android's signatures stand before the directory.
fn is_signing_block(r: &mut Reader<'_>, gap: &Range<u64>) -> bool {
    let end = gap.end.saturating_sub(16).max(gap.start);
    r.source.bytes(end, 16) == b"APK Sig Block 42"
}

fn find_header(source: &mut Source<'_>, from: u64, until: u64) -> Option<u64> {
    let mut at = from;
    while at < until {
        let piece = source.bytes(at, CHUNK);
        let found = piece
            .windows(4)
            .position(|w| w == local::HEADER)
            .map(|i| at.saturating_add(i as u64));
        if found.is_some() {
            return found.filter(|p| *p < until);
        }
        if piece.len() < CHUNK {
            return None;
        }
        at = at.saturating_add(piece.len() as u64).saturating_sub(3);
    }
    None
}

/// Takes the member whose header is at `place`; where its data ends, unless there is none.
fn hidden(r: &mut Reader<'_>, place: u64, gap: &Range<u64>, budget: &mut Budget) -> Option<u64> {
    let header = local::header(&mut r.source, place)?;
    let start = place.saturating_add(header.length);
    let len = r.source.blob.len();
    let plausible = !header.name.is_empty() && header.name.len() <= 4096 && start <= len;
    if !plausible {
        return None;
    }
    let deferred = header.flags & local::HAS_DESCRIPTOR != 0 && header.stored == 0;
    let stored = if !deferred {
        header.stored.min(len.saturating_sub(start))
    } else if header.method == 8 {
        let out = inflate(
            &r.source.blob.slice(start, gap.end.saturating_sub(start)),
            DataFormat::Raw,
            budget,
        );
        if let inflate::End::Exhausted(why) = out.end {
            r.exhausted.get_or_insert(why);
        }
        out.consumed
    } else {
        gap.end.saturating_sub(start)
    };
    let end = start.saturating_add(stored);
    let name = name_of(&header.name);
    let index = r.archive.entries.len();
    let words = format!("{} is not in the directory", code(&name));
    r.differ(K::Hidden, (place, end.saturating_sub(place)), Some(index), words);
    r.archive.entries.push(Entry {
        name,
        size: header.size,
        stored,
        offset: place,
        method: header.method,
        flags: header.flags,
        crc: header.crc,
        mode: None,
        link: None,
        hidden: true,
        role: Role::Plain,
        data: start..end,
        raw_name: header.name.clone(),
        aes: false,
        local: Some(header),
    });
    Some(end)
}
