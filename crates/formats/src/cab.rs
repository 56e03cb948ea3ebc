//! Cabinet archives: members that lie one after another in folders, each of which is decoded as one.
//!
//! The one decision: stored and MSZIP folders are decoded, Quantum and LZX are not, and their members say so.

use crate::{
    bytes::{Source, u16_at, u32_at},
    decode::Lazy,
    document::{Document, Member, MemberSource, Opened, Role},
    listing::{Kind, Listed, Listing, number_names},
};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
};
use std::{
    io::{self, Read},
    sync::Arc,
};
use wellhead_core::{Blob, Budget, Depth, Outcome};

/// How far back a block may refer.
const WINDOW: usize = 32 << 10;
/// Longest name.
const NAME: usize = 1024;
/// The folder of a member, and where in it the member begins.
type Place = (u16, u64);

const CUT: &str = "its directory is cut off or damaged";

/// Opens the archive in `blob`.
pub(crate) fn open(blob: &Blob, depth: Depth, budget: &mut Budget) -> Opened {
    let mut source = Source::new(blob);
    let mut listing = Listing::default();
    let mut members = Vec::new();
    let walked = walk(&mut source, &mut listing, &mut members, budget);
    let failed = source.failed.map(|why| format!("could not be read: {why}"));
    // What a folder decodes to is kept as long as a member of it waits. Folder by folder, that is one at a time,
    // however the directory mixes them; and from its front on, so that a large one is decoded once.
    members.sort_by_key(|(place, _)| *place);
    let mut members: Vec<Member> = members.into_iter().map(|(_, member)| member).collect();
    let outcome = match failed.or(walked.err()) {
        None => Outcome::Analysed,
        Some(why) if members.is_empty() => Outcome::NotAnalysed { why },
        Some(why) => Outcome::Partly { why },
    };
    number_names(&mut members);
    Opened {
        document: Document::Archive(Box::new(listing)),
        members,
        outcome,
        depth,
    }
}

fn walk(
    source: &mut Source<'_>,
    listing: &mut Listing,
    members: &mut Vec<(Place, Member)>,
    budget: &mut Budget,
) -> Result<(), String> {
    let head = source.bytes(0, 40);
    let field = |at| u16_at(&head, at).ok_or(CUT);
    let (folder_count, file_count, flags) = (field(26)?, field(28)?, field(30)?);
    let mut at = 36_u64;
    let (mut folder_extra, mut block_extra) = (0_u64, 0_u64);
    if flags & 4 != 0 {
        at = 40_u64.saturating_add(field(36)?.into());
        folder_extra = u64::from(*head.get(38).ok_or(CUT)?);
        block_extra = u64::from(*head.get(39).ok_or(CUT)?);
    }
    // The names of the cabinets before and after this one.
    for _ in 0..(flags & 3).count_ones().saturating_mul(2) {
        let text = source.bytes(at, NAME);
        let end = text.iter().position(|b| *b == 0).ok_or(CUT)?;
        at = at.saturating_add(end as u64).saturating_add(1);
    }
    let mut folders = Vec::new();
    for _ in 0..folder_count {
        budget.steps(1).map_err(|e| e.to_string())?;
        let record = source.bytes(at, 8);
        let start = u32_at(&record, 0).ok_or(CUT)?;
        let blocks = u16_at(&record, 4).ok_or(CUT)?;
        let method = u16_at(&record, 6).ok_or(CUT)? & 0xf;
        folders.push(folder(source.blob, start.into(), blocks, method, block_extra));
        at = at.saturating_add(8).saturating_add(folder_extra);
    }
    let mut at = u64::from(u32_at(&head, 16).ok_or(CUT)?);
    for _ in 0..file_count {
        budget.entries(1).map_err(|e| e.to_string())?;
        let record = source.bytes(at, 16_usize.saturating_add(NAME));
        let size = u64::from(u32_at(&record, 0).ok_or(CUT)?);
        let start = u64::from(u32_at(&record, 4).ok_or(CUT)?);
        let index = u16_at(&record, 8).ok_or(CUT)?;
        let text = record.get(16..).ok_or(CUT)?;
        let end = text.iter().position(|b| *b == 0).ok_or(CUT)?;
        let name = text.get(..end).unwrap_or_default();
        let name = match std::str::from_utf8(name) {
            Ok(name) => name.to_owned(),
            Err(_) => name.iter().map(|b| char::from(*b)).collect(),
        };
        listing.entries.push(Listed {
            name: name.clone(),
            kind: Kind::File,
            link: None,
            size,
            stored: size,
            offset: at,
        });
        let source = match folders.get(usize::from(index)) {
            Some(Ok(lazy)) => MemberSource::Part(lazy.clone(), start, size),
            Some(Err(why)) => MemberSource::Unreadable(why.clone()),
            None if index >= 0xfffd => MemberSource::Unreadable("a part of it is in another file".to_owned()),
            None => MemberSource::Unreadable("its folder is missing".to_owned()),
        };
        let member = Member {
            name: if name.is_empty() {
                "member".to_owned()
            } else {
                name
            },
            role: Role::Plain,
            size,
            stored: size,
            hidden: false,
            source,
        };
        members.push(((index, start), member));
        at = at.saturating_add(17).saturating_add(end as u64);
    }
    Ok(())
}

fn folder(blob: &Blob, start: u64, blocks: u16, method: u16, extra: u64) -> Result<Lazy, String> {
    let packed = match method {
        0 => false,
        1 => true,
        2 => return Err("compressed with Quantum, which is not read".to_owned()),
        3 => return Err("compressed with LZX, which is not read".to_owned()),
        n => return Err(format!("compressed with the unknown method {n}")),
    };
    let (blob, size) = (blob.clone(), blob.len().saturating_sub(start));
    let make = move || -> Box<dyn Read + Send> {
        Box::new(Blocks {
            blob: blob.clone(),
            at: start,
            left: blocks,
            extra,
            packed,
            out: Vec::new(),
            given: 0,
        })
    };
    Ok(Lazy::new(Arc::new(make), size))
}

/// The blocks of a folder, one after another.
struct Blocks {
    blob: Blob,
    at: u64,
    left: u16,
    extra: u64,
    packed: bool,
    /// What later blocks may refer to, then what has not been given yet.
    out: Vec<u8>,
    given: usize,
}

impl Blocks {
    fn next(&mut self) -> io::Result<()> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let head = self.blob.bytes(self.at, 8)?;
        let (Some(size), Some(expanded)) = (u16_at(&head, 4), u16_at(&head, 6)) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let start = self.at.saturating_add(8).saturating_add(self.extra);
        let data = self.blob.bytes(start, size.into())?;
        if data.len() < usize::from(size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at = start.saturating_add(size.into());
        self.left = self.left.saturating_sub(1);
        let surplus = self.out.len().saturating_sub(WINDOW);
        self.out.drain(..surplus);
        self.given = self.out.len();
        if !self.packed {
            self.out.extend_from_slice(&data);
            return Ok(());
        }
        let data = data.strip_prefix(b"CK").ok_or_else(invalid)?;
        let from = self.out.len();
        self.out.resize(from.saturating_add(expanded.into()), 0);
        let mut state = DecompressorOxide::new();
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, _, n) = decompress(&mut state, data, &mut self.out, from, flags);
        self.out.truncate(from.saturating_add(n));
        if status == TINFLStatus::Done {
            Ok(())
        } else {
            Err(invalid())
        }
    }
}

impl Read for Blocks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.out.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.next()?;
        }
        let have = self.out.get(self.given..).unwrap_or_default();
        let n = have.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), have.get(..n)) {
            to.copy_from_slice(from);
        }
        self.given = self.given.saturating_add(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A cabinet of one folder with these blocks and these members.
    fn cabinet(method: u16, blocks: &[(Vec<u8>, usize)], files: &[(&str, u32, u32)]) -> Vec<u8> {
        let files_at = 36 + 8;
        let names: usize = files.iter().map(|(n, ..)| 17 + n.len()).sum();
        let data_at = files_at + names;
        let mut out = b"MSCF\0\0\0\0".to_vec();
        out.extend([0; 8]);
        out.extend((files_at as u32).to_le_bytes());
        out.extend([0, 0, 0, 0, 3, 1]);
        out.extend(1_u16.to_le_bytes());
        out.extend((files.len() as u16).to_le_bytes());
        out.extend([0; 6]);
        out.extend((data_at as u32).to_le_bytes());
        out.extend((blocks.len() as u16).to_le_bytes());
        out.extend(method.to_le_bytes());
        for (name, start, size) in files {
            out.extend(size.to_le_bytes());
            out.extend(start.to_le_bytes());
            out.extend([0; 8]);
            out.extend(name.as_bytes());
            out.push(0);
        }
        for (block, expanded) in blocks {
            out.extend([0; 4]);
            out.extend((block.len() as u16).to_le_bytes());
            out.extend((*expanded as u16).to_le_bytes());
            out.extend(block);
        }
        out
    }

    fn show(bytes: Vec<u8>) -> String {
        let budget = &mut Budget::default();
        let opened = open(&Blob::from_bytes(bytes), Depth::Headers, budget);
        let mut lines = vec![opened.outcome.why().unwrap_or("read").to_owned()];
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
    fn members_of_stored_and_deflated_folders() {
        let files = [("a.txt", 0, 5), ("b\\c.pkl", 5, 6)];
        assert_eq!(
            show(cabinet(0, &[(b"hello world".to_vec(), 11)], &files)),
            "read\na.txt: hello \nb\\c.pkl:  world "
        );
        let block = |text: &[u8]| {
            let mut out = b"CK".to_vec();
            out.extend(miniz_oxide::deflate::compress_to_vec(text, 6));
            (out, text.len())
        };
        assert_eq!(
            show(cabinet(1, &[block(b"hello "), block(b"world")], &files)),
            "read\na.txt: hello \nb\\c.pkl:  world "
        );
        assert_eq!(
            show(cabinet(3, &[(b"x".to_vec(), 1)], &[("m.pkl", 0, 5)])),
            "read\nm.pkl:  compressed with LZX, which is not read"
        );
        assert_eq!(
            show(cabinet(0, &[(b"hel".to_vec(), 3)], &[("m.pkl", 0, 5)])),
            "read\nm.pkl: hel its compressed data is shorter than stated"
        );
    }

    #[test]
    fn members_come_folder_by_folder() {
        let one = cabinet(0, &[(b"hello".to_vec(), 5)], &[]);
        let (head, rest) = one.split_at(36);
        let mut head = head.to_vec();
        let (folder, block) = rest.split_at(8);
        head[26..30].copy_from_slice(&[2, 0, 4, 0]);
        let files_at = 36 + 16;
        head[16] = files_at;
        let mut folder = folder.to_vec();
        folder[0] = files_at + 4 * 18;
        let mut bytes = [head, folder.clone(), folder].concat();
        for (name, index, start) in [(b'a', 0_u16, 1_u32), (b'b', 1, 0), (b'c', 0, 0), (b'd', 1, 0)] {
            bytes.extend(2_u32.to_le_bytes());
            bytes.extend(start.to_le_bytes());
            bytes.extend(index.to_le_bytes());
            bytes.extend([0, 0, 0, 0, 0, 0, name, 0]);
        }
        bytes.extend(block);
        assert_eq!(show(bytes), "read\nc: he \na: el \nb: he \nd: he ");
    }

    proptest! {
        #[test]
        fn never_panics(at in 0usize..120, bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
            let mut file = cabinet(1, &[(b"CKxyz".to_vec(), 9)], &[("a", 0, 5), ("b", 2, 90)]);
            for (to, from) in file.iter_mut().skip(at).zip(bytes) {
                *to = from;
            }
            show(file);
        }
    }
}
