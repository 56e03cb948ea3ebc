//! RAR archives of the fourth and fifth layout: what they list, and members that are stored as they are.
//!
//! RAR compresses by a method that only its maker writes. The one decision: it is not decoded, and every member that
//! would have to be says so, because a model in a RAR archive is one that nobody can look at.

use crate::{
    bytes::{Source, u16_at, u32_at},
    document::{Document, Member, MemberSource, Opened, Role},
    listing::{Kind, Listed, Listing, number_names},
};
use wellhead_core::{Blob, Budget, Depth, Outcome};

/// Largest header that is read; names are shorter than 2 KiB.
const HEADER: usize = 64 << 10;
const COMPRESSED: &str = "compressed with RAR's own method, which is not read";
const ENCRYPTED: &str = "encrypted";
const CUT: &str = "it is cut off or damaged";

struct Archive {
    listing: Listing,
    members: Vec<Member>,
    outcome: Outcome,
}

/// Opens the archive in `blob`.
pub(crate) fn open(blob: &Blob, depth: Depth, budget: &mut Budget) -> Opened {
    let mut source = Source::new(blob);
    let mut archive = Archive {
        listing: Listing::default(),
        members: Vec::new(),
        outcome: Outcome::Analysed,
    };
    let head = source.bytes(0, 8);
    let walked = if head.starts_with(b"Rar!\x1a\x07\x01\0") {
        five(&mut source, &mut archive, budget)
    } else {
        four(&mut source, &mut archive, budget)
    };
    let failed = source.failed.map(|why| format!("could not be read: {why}"));
    if let Some(why) = failed.or(walked.err()) {
        archive.outcome = if archive.members.is_empty() {
            Outcome::NotAnalysed { why }
        } else {
            Outcome::Partly { why }
        };
    }
    number_names(&mut archive.members);
    Opened {
        document: Document::Archive(Box::new(archive.listing)),
        members: archive.members,
        outcome: archive.outcome,
        depth,
    }
}

/// What a header says of a member.
struct File {
    name: String,
    kind: Kind,
    link: Option<String>,
    size: u64,
    stored: bool,
    encrypted: bool,
    /// A part of it lies in another file.
    split: bool,
}

impl Archive {
    fn add(&mut self, file: File, data: Blob, offset: u64, budget: &mut Budget) -> Result<(), String> {
        // A header of 64 KiB may be all name, which is kept by the listing and by the member.
        let link = file.link.as_ref().map_or(0, String::len);
        let text = file.name.len().saturating_mul(2).saturating_add(link);
        budget.memory(text as u64).map_err(|e| e.to_string())?;
        let (name, stored) = (file.name, data.len());
        self.listing.entries.push(Listed {
            name: name.clone(),
            kind: file.kind,
            link: file.link,
            size: file.size,
            stored,
            offset,
        });
        if matches!(file.kind, Kind::Folder) || (file.size == 0 && stored == 0) {
            return Ok(());
        }
        let source = if file.encrypted {
            MemberSource::Unreadable(ENCRYPTED.to_owned())
        } else if !file.stored {
            MemberSource::Unreadable(COMPRESSED.to_owned())
        } else if file.split {
            MemberSource::Unreadable("a part of it is in another file".to_owned())
        } else {
            MemberSource::Stored(data)
        };
        self.members.push(Member {
            name: if name.is_empty() {
                "member".to_owned()
            } else {
                name
            },
            role: Role::Plain,
            size: file.size,
            stored,
            hidden: false,
            source,
        });
        Ok(())
    }
}

/// A number of seven bits a byte, and where it ends.
fn number(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for i in 0..10_u32 {
        let byte = *bytes.get(*at)?;
        *at = at.saturating_add(1);
        value |= u64::from(byte & 0x7f)
            .checked_shl(i.saturating_mul(7))
            .unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn five(source: &mut Source<'_>, archive: &mut Archive, budget: &mut Budget) -> Result<(), String> {
    let len = source.blob.len();
    let mut at = 8_u64;
    while at < len {
        budget.entries(1).map_err(|e| e.to_string())?;
        let bytes = source.bytes(at, HEADER);
        let mut p = 4_usize;
        let size = number(&bytes, &mut p).ok_or(CUT)?;
        let body = p;
        let kind = number(&bytes, &mut p).ok_or(CUT)?;
        let flags = number(&bytes, &mut p).ok_or(CUT)?;
        let extra = if flags & 1 != 0 {
            number(&bytes, &mut p).ok_or(CUT)?
        } else {
            0
        };
        let data = if flags & 2 != 0 {
            number(&bytes, &mut p).ok_or(CUT)?
        } else {
            0
        };
        let end = (body as u64).saturating_add(size);
        let whole = usize::try_from(end)
            .ok()
            .and_then(|end| bytes.get(..end))
            .ok_or(CUT)?;
        let start = at.saturating_add(end);
        match kind {
            // A file, and what the archive says of itself.
            2 | 3 => {
                let extra = usize::try_from(extra).unwrap_or(usize::MAX);
                let extras = whole.get(whole.len().saturating_sub(extra)..).unwrap_or_default();
                let mut file = file_of_five(whole, p, extras).ok_or(CUT)?;
                file.split = flags & 0x18 != 0;
                if kind == 2 {
                    archive.add(file, source.blob.slice(start, data), at, budget)?;
                }
            }
            4 => return Err("encrypted, its directory too".to_owned()),
            5 => return Ok(()),
            _ => {}
        }
        let next = start.saturating_add(data);
        if next > len {
            return Err(CUT.to_owned());
        }
        at = next;
    }
    Ok(())
}

fn file_of_five(bytes: &[u8], mut p: usize, extras: &[u8]) -> Option<File> {
    let flags = number(bytes, &mut p)?;
    let size = number(bytes, &mut p)?;
    let mode = number(bytes, &mut p)?;
    for bit in [2, 4] {
        if flags & bit != 0 {
            p = p.saturating_add(4);
        }
    }
    let method = number(bytes, &mut p)?;
    let unix = number(bytes, &mut p)? == 1;
    let length = usize::try_from(number(bytes, &mut p)?).ok()?;
    let name = bytes.get(p..)?.get(..length)?;
    let mut file = File {
        name: String::from_utf8_lossy(name).into_owned(),
        kind: if flags & 1 != 0 {
            Kind::Folder
        } else if unix && matches!(mode & 0xf000, 0x1000 | 0x2000 | 0x6000) {
            Kind::Device
        } else {
            Kind::File
        },
        link: None,
        // An unknown size says nothing.
        size: if flags & 8 != 0 { 0 } else { size },
        stored: (method >> 7) & 7 == 0,
        encrypted: false,
        split: false,
    };
    let mut rest = extras;
    while !rest.is_empty() {
        let mut at = 0;
        let size = usize::try_from(number(rest, &mut at)?).ok()?;
        let record = rest.get(at..)?.get(..size)?;
        let mut q = 0;
        match number(record, &mut q)? {
            1 => file.encrypted = true,
            5 => {
                let kind = number(record, &mut q)?;
                number(record, &mut q)?;
                let length = usize::try_from(number(record, &mut q)?).ok()?;
                let target = record.get(q..)?.get(..length)?;
                file.link = Some(String::from_utf8_lossy(target).into_owned());
                file.kind = if kind <= 3 { Kind::Symlink } else { Kind::Hardlink };
            }
            _ => {}
        }
        rest = rest.get(at.saturating_add(size)..)?;
    }
    Some(file)
}

fn four(source: &mut Source<'_>, archive: &mut Archive, budget: &mut Budget) -> Result<(), String> {
    let len = source.blob.len();
    let mut at = 7_u64;
    while at < len {
        budget.entries(1).map_err(|e| e.to_string())?;
        let bytes = source.bytes(at, HEADER);
        let kind = *bytes.get(2).ok_or(CUT)?;
        let flags = u16_at(&bytes, 3).ok_or(CUT)?;
        let size = u16_at(&bytes, 5).ok_or(CUT)?;
        if size < 7 {
            return Err(CUT.to_owned());
        }
        let start = at.saturating_add(size.into());
        let mut data = if flags & 0x8000 != 0 {
            u32_at(&bytes, 7).ok_or(CUT)?.into()
        } else {
            0_u64
        };
        match kind {
            0x73 if flags & 0x80 != 0 => return Err("encrypted, its directory too".to_owned()),
            0x74 | 0x7a => {
                let high = if flags & 0x100 != 0 {
                    u32_at(&bytes, 32).ok_or(CUT)?
                } else {
                    0
                };
                data = u64::from(u32_at(&bytes, 7).ok_or(CUT)?) | u64::from(high) << 32;
                let header = bytes.get(..size.into()).ok_or(CUT)?;
                if kind == 0x74 {
                    let file = file_of_four(header, flags).ok_or(CUT)?;
                    archive.add(file, source.blob.slice(start, data), at, budget)?;
                }
            }
            0x7b => return Ok(()),
            0x72..=0x7a => {}
            _ => return Err(CUT.to_owned()),
        }
        let next = start.saturating_add(data);
        if next > len {
            return Err(CUT.to_owned());
        }
        at = next;
    }
    Ok(())
}

fn file_of_four(bytes: &[u8], flags: u16) -> Option<File> {
    let wide = flags & 0x100 != 0;
    let low = u64::from(u32_at(bytes, 11)?);
    let high = if wide { u64::from(u32_at(bytes, 36)?) } else { 0 };
    let unix = *bytes.get(15)? == 3;
    let method = *bytes.get(25)?;
    let length = usize::from(u16_at(bytes, 26)?);
    let mode = u32_at(bytes, 28)?;
    let name = bytes.get(if wide { 40 } else { 32 }..)?.get(..length)?;
    // Behind a NUL the name stands once more, in a packed form of UTF-16.
    let plain = name.split(|b| *b == 0).next().unwrap_or_default();
    let kind = match mode & 0xf000 {
        _ if flags & 0xe0 == 0xe0 => Kind::Folder,
        0xa000 if unix => Kind::Symlink,
        0x1000 | 0x2000 | 0x6000 if unix => Kind::Device,
        _ => Kind::File,
    };
    Some(File {
        name: String::from_utf8_lossy(plain).into_owned(),
        kind,
        link: None,
        size: low | high << 32,
        stored: method == 0x30,
        encrypted: flags & 4 != 0,
        split: flags & 3 != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A header of the fifth layout.
    pub(super) fn block(kind: u8, extra: &[u8], fields: &[u8], data: &[u8]) -> Vec<u8> {
        let mut body = vec![kind];
        let flags = u8::from(!extra.is_empty()) | (u8::from(!data.is_empty()) << 1);
        body.push(flags);
        if !extra.is_empty() {
            body.push(extra.len() as u8);
        }
        if !data.is_empty() {
            body.push(data.len() as u8);
        }
        body.extend(fields);
        body.extend(extra);
        let mut out = vec![0; 4];
        out.push(body.len() as u8);
        out.extend(body);
        out.extend(data);
        out
    }

    fn file(name: &str, method: u8, data: &[u8], extra: &[u8]) -> Vec<u8> {
        let mut fields = vec![0, data.len() as u8, 0];
        // The method stands from the eighth bit on.
        fields.extend([0x80, method]);
        fields.extend([1, name.len() as u8]);
        fields.extend(name.as_bytes());
        block(2, extra, &fields, data)
    }

    fn show(bytes: Vec<u8>) -> String {
        let budget = &mut Budget::default();
        let opened = open(&Blob::from_bytes(bytes), Depth::Headers, budget);
        let mut lines = vec![opened.outcome.why().unwrap_or("read").to_owned()];
        for e in opened.document.listing().unwrap().entries {
            lines.push(format!("{} {:?} {:?}", e.name, e.kind, e.link));
        }
        for m in &opened.members {
            let body = m.body(budget);
            let text = String::from_utf8_lossy(&body.blob.bytes(0, 99).unwrap()).into_owned();
            lines.push(format!(
                "{}: {text} {}",
                m.name,
                body.outcome.why().unwrap_or_default()
            ));
        }
        lines.join("\n")
    }

    #[test]
    fn what_is_stored_is_read_and_what_is_not_is_said() {
        let five = [
            b"Rar!\x1a\x07\x01\0".to_vec(),
            block(1, &[], &[0], &[]),
            file("a.txt", 0, b"hello", &[]),
            file("m.pkl", 3, b"xxx", &[]),
            file("s.pkl", 0, b"xxx", &[2, 1, 0]),
            file("l", 0, b"", b"\x07\x05\x01\0\x03../"),
            block(5, &[], &[0], &[]),
        ];
        insta::assert_snapshot!(show(five.concat()), @r#"
        read
        a.txt File None
        m.pkl File None
        s.pkl File None
        l Symlink Some("../")
        a.txt: hello 
        m.pkl:  compressed with RAR's own method, which is not read
        s.pkl:  encrypted
        "#);
        let hidden = [b"Rar!\x1a\x07\x01\0".to_vec(), block(4, &[], &[0], &[])];
        assert_eq!(show(hidden.concat()), "encrypted, its directory too");
    }

    #[test]
    fn the_fourth_layout() {
        let member = |name: &str, flags: u16, method: u8, data: &[u8]| {
            let mut out = vec![0, 0, 0x74];
            out.extend((flags | 0x8000).to_le_bytes());
            out.extend((32 + name.len() as u16).to_le_bytes());
            out.extend((data.len() as u32).to_le_bytes());
            out.extend((data.len() as u32).to_le_bytes());
            out.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 29, method]);
            out.extend((name.len() as u16).to_le_bytes());
            out.extend(0o100_644_u32.to_le_bytes());
            out.extend(name.as_bytes());
            out.extend(data);
            out
        };
        let four = [
            b"Rar!\x1a\x07\0".to_vec(),
            b"\0\0\x73\0\0\x0d\0\0\0\0\0\0\0".to_vec(),
            member("a.txt", 0, 0x30, b"hello"),
            member("m.pkl", 4, 0x33, b"xxx"),
            b"\0\0\x7b\0\0\x07\0".to_vec(),
        ];
        insta::assert_snapshot!(show(four.concat()), @"
        read
        a.txt File None
        m.pkl File None
        a.txt: hello 
        m.pkl:  encrypted
        ");
        let hidden = [
            b"Rar!\x1a\x07\0".to_vec(),
            b"\0\0\x73\x80\0\x0d\0\0\0\0\0\0\0".to_vec(),
        ];
        assert_eq!(show(hidden.concat()), "encrypted, its directory too");
    }

    #[test]
    fn long_names_are_paid_for() {
        let mut bytes = b"Rar!\x1a\x07\0".to_vec();
        for _ in 0..20 {
            bytes.extend([0, 0, 0x74, 0, 0x80]);
            bytes.extend((32 + 60_000_u16).to_le_bytes());
            bytes.extend([0; 8]);
            bytes.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 29, 0x30]);
            bytes.extend(60_000_u16.to_le_bytes());
            bytes.extend([0; 4]);
            bytes.extend([b'n'; 60_000]);
        }
        let limits = wellhead_core::Limits {
            memory: 1 << 20,
            ..Default::default()
        };
        let budget = &mut Budget::new(limits, std::sync::Arc::default());
        let opened = open(&Blob::from_bytes(bytes), Depth::Headers, budget);
        assert_eq!(opened.document.listing().unwrap().entries.len(), 8);
        assert!(opened.outcome.why().unwrap().contains("memory"));
    }

    proptest! {
        #[test]
        fn never_panics(four in any::<bool>(), rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let magic: &[u8] = if four { b"Rar!\x1a\x07\0" } else { b"Rar!\x1a\x07\x01\0" };
            show([magic, &rest].concat());
        }
    }
}
