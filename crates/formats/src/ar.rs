//! Archives of `ar`: static libraries and Debian packages.
//!
//! The one decision: tables of symbols and of long names are no members, everything else is.

use crate::{
    bytes::Source,
    document::{Document, Member, Opened, Role},
    listing::{Kind, Listed, Listing, number_names},
};
use wellhead_core::{Blob, Budget, Depth, Outcome};

const HEADER: u64 = 60;
/// Largest table of long names.
const NAMES: usize = 1 << 20;

/// Opens the archive in `blob`.
pub(crate) fn open(blob: &Blob, depth: Depth, budget: &mut Budget) -> Opened {
    let mut source = Source::new(blob);
    let mut listing = Listing::default();
    let mut members = Vec::new();
    let walked = walk(&mut source, &mut listing, &mut members, budget);
    let failed = source.failed.map(|why| format!("could not be read: {why}"));
    number_names(&mut members);
    Opened {
        document: Document::Archive(Box::new(listing)),
        members,
        outcome: failed
            .or(walked.err())
            .map_or(Outcome::Analysed, |why| Outcome::Partly { why }),
        depth,
    }
}

fn walk(
    source: &mut Source<'_>,
    listing: &mut Listing,
    members: &mut Vec<Member>,
    budget: &mut Budget,
) -> Result<(), String> {
    let len = source.blob.len();
    let mut names = Vec::new();
    let mut at = 8_u64;
    while at < len {
        budget.entries(1).map_err(|e| e.to_string())?;
        let header = source.bytes(at, HEADER as usize);
        let damaged = || format!("the header at {at:#x} is damaged");
        if !header.ends_with(b"`\n") || header.len() < HEADER as usize {
            return Err(damaged());
        }
        let size = number(header.get(48..58).unwrap_or_default()).ok_or_else(damaged)?;
        let mut start = at.saturating_add(HEADER);
        let end = start.saturating_add(size);
        if end > len {
            return Err("its last member is cut off".to_owned());
        }
        let written = header.get(..16).unwrap_or_default().trim_ascii_end();
        let mut name = String::from_utf8_lossy(written).into_owned();
        if let Some(length) = name.strip_prefix("#1/").and_then(|n| n.parse::<u16>().ok()) {
            // The name stands before the data and counts as a part of it.
            let stored = source.bytes(start, length.into());
            let text = stored.split(|b| *b == 0).next().unwrap_or_default();
            name = String::from_utf8_lossy(text).into_owned();
            start = start.saturating_add(length.into()).min(end);
        } else if name == "//" {
            names = source.bytes(start, usize::try_from(size).unwrap_or(0).min(NAMES));
        } else if let Some(place) = name.strip_prefix('/').and_then(|n| n.parse::<usize>().ok()) {
            let text = names.get(place..).unwrap_or_default();
            let text = text.split(|b| *b == b'\n').next().unwrap_or_default();
            name = String::from_utf8_lossy(text).trim_end_matches('/').to_owned();
        } else if name.len() > 1 && !matches!(name.as_str(), "//" | "/SYM64/") {
            name = name.strip_suffix('/').unwrap_or(&name).to_owned();
        }
        if !matches!(
            name.as_str(),
            "/" | "//" | "/SYM64/" | "__.SYMDEF" | "__.SYMDEF SORTED"
        ) {
            let data = source.blob.slice(start, end.saturating_sub(start));
            listing.entries.push(Listed {
                name: name.clone(),
                kind: Kind::File,
                link: None,
                size: data.len(),
                stored: data.len(),
                offset: at,
            });
            members.push(Member::stored(name, Role::Plain, data));
        }
        at = end.saturating_add(size % 2);
    }
    Ok(())
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits.trim_ascii_end()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(name: &str, data: &str) -> String {
        let pad = if data.len() % 2 == 1 { "\n" } else { "" };
        format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n{data}{pad}",
            0,
            0,
            0,
            "100644",
            data.len()
        )
    }

    fn show(bytes: Vec<u8>) -> String {
        let budget = &mut Budget::default();
        let opened = open(&Blob::from_bytes(bytes), Depth::Headers, budget);
        let mut lines = vec![opened.outcome.why().unwrap_or("read").to_owned()];
        for m in &opened.members {
            let text = m.body(budget).blob.bytes(0, 99).unwrap();
            lines.push(format!("{}: {}", m.name, String::from_utf8_lossy(&text)));
        }
        lines.join("\n")
    }

    #[test]
    fn names_in_all_three_ways() {
        let file = [
            "!<arch>\n".to_owned(),
            member("/", "symbols"),
            member("//", "a_very_long_name_indeed.o/\n"),
            member("/0", "one"),
            member("debian-binary", "2.0\n"),
            member("short.o/", "two"),
            member("#1/8", "bsd.o\0\0\0three"),
        ];
        insta::assert_snapshot!(show(file.concat().into_bytes()), @"
        read
        a_very_long_name_indeed.o: one
        debian-binary: 2.0

        short.o: two
        bsd.o: three
        ");
        let cut = ["!<arch>\n".to_owned(), member("a", "one"), "x".to_owned()].concat();
        assert_eq!(show(cut.into_bytes()), "the header at 0x48 is damaged\na: one");
    }

    proptest! {
        #[test]
        fn never_panics(rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            show([b"!<arch>\n".as_slice(), &rest].concat());
        }
    }
}
