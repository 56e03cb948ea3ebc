//! What the archive of a distribution does that no tool of packaging does.
//!
//! The rules on archives tell of it; it is gathered here so that whoever weighs the distribution knows it too.

use super::{Anomaly, AnomalyKind};
use std::collections::BTreeMap;
use wellhead_core::code;
use wellhead_formats::{
    listing::{Kind, Listing},
    zip::{Archive, DifferenceKind as D},
};

/// Most anomalies of a kind that are kept.
const MOST: usize = 64;

/// The anomalies of a zip archive in which the views of it differ.
pub fn of_zip(archive: &Archive) -> Vec<Anomaly> {
    let mut out = Vec::new();
    let mut told: BTreeMap<AnomalyKind, usize> = BTreeMap::new();
    let mut tell = |kind, member: Option<&str>, words: String| {
        let n = told.entry(kind).or_insert(0);
        *n = n.saturating_add(1);
        if *n <= MOST {
            out.push(anomaly(kind, member, words));
        }
    };
    for d in &archive.differences {
        let kind = match d.kind {
            // A member that was appended a second time as it was changes nothing.
            D::Duplicate if d.words.ends_with("the same") => continue,
            D::Duplicate => AnomalyKind::Duplicate,
            D::Gap | D::Prefix | D::Trailing => AnomalyKind::Foreign,
            D::Name
            | D::UnicodeName
            | D::Flags
            | D::FalseFlag
            | D::Method
            | D::Size
            | D::Crc
            | D::Content
            | D::NoHeader
            | D::Hidden
            | D::Overlap
            | D::EndRecords
            | D::Zip64
            | D::Count
            | D::Offset
            | D::Disks => AnomalyKind::Views,
        };
        let member = d.entry.and_then(|i| archive.entries.get(i));
        tell(kind, member.map(|e| e.name.as_str()), d.words.clone());
    }
    let false_flags = archive.differences.iter().any(|d| d.kind == D::FalseFlag);
    for e in archive
        .entries
        .iter()
        .filter(|e| e.flags & 1 != 0 && !false_flags)
    {
        let words = format!(
            "{} is encrypted, so that no installer can unpack it",
            code(&e.name)
        );
        tell(AnomalyKind::Encrypted, Some(&e.name), words);
    }
    out
}

/// The anomalies of the names that an archive lists.
pub fn of_listing(listing: &Listing) -> Vec<Anomaly> {
    let mut out = Vec::new();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for e in &listing.entries {
        if out.len() >= MOST {
            break;
        }
        let name = code(&e.name);
        if leaves(&e.name) {
            let words = format!("{name} is unpacked outside of its folder");
            out.push(anomaly(AnomalyKind::Traversal, Some(&e.name), words));
        }
        if let Some(link) = &e.link {
            let words = format!("{name} is a link to {}", code(link));
            out.push(anomaly(AnomalyKind::Link, Some(&e.name), words));
        }
        if e.kind == Kind::Folder {
            continue;
        }
        if let Some(other) = seen.insert(e.name.to_lowercase(), &e.name)
            && other != e.name
        {
            let words = format!("{name} overwrites {} where case does not count", code(other));
            out.push(anomaly(AnomalyKind::CaseCollision, Some(&e.name), words));
        }
    }
    out
}

fn leaves(name: &str) -> bool {
    let absolute = name.starts_with(['/', '\\']) || name.as_bytes().get(1) == Some(&b':');
    absolute || name.split(['/', '\\']).any(|part| part == "..")
}

fn anomaly(kind: AnomalyKind, member: Option<&str>, words: String) -> Anomaly {
    Anomaly {
        kind,
        member: member.map(str::to_owned),
        place: None,
        words,
    }
}
