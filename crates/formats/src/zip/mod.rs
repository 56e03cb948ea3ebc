//! Zip archives as every loader sees them.
//!
//! A zip says everything twice: in the directory at its end and in a header before each member. Readers differ in
//! which they believe, so an archive can show one thing to a scanner and another to the loader. The one decision
//! here: all views are built and every difference between them is kept, and the members of all views are analysed.
//!
//! Only headers are read, so an archive of a gigabyte costs its directory. Of the members' bytes a digest is checked
//! where a loader unpickles them, and everywhere at full depth.

mod data;
mod directory;
mod end;
mod layout;
mod local;
mod torch;

use crate::{
    bytes::Source,
    document::{Member, OpenOptions, Role},
};
use std::{collections::BTreeMap, ops::Range};
use wellhead_core::{Blob, Budget, Depth, Exhausted, Outcome};

pub(crate) use data::outcome_of;
pub use torch::refine;

/// A zip archive.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    /// Its members: those of the directory first, then those that only a header shows.
    pub entries: Vec<Entry>,
    /// Where its views differ, by offset.
    pub differences: Vec<Difference>,
    /// The comment at its end; hostile text.
    pub comment: Vec<u8>,
    /// Bytes before the first member.
    pub prefix: u64,
    /// Bytes after the end record and its comment.
    pub trailing: u64,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name; hostile text.
    pub name: String,
    /// Its size by the directory.
    pub size: u64,
    /// How many bytes it takes by the directory.
    pub stored: u64,
    /// Where its header is.
    pub offset: u64,
    /// The compression method by the directory.
    pub method: u16,
    /// The general purpose flags by the directory.
    pub flags: u16,
    /// The CRC-32 by the directory.
    pub crc: u32,
    /// Kind and permissions as Unix wrote them, where it did.
    pub mode: Option<u32>,
    /// What it links to, if it is a symbolic link; hostile text.
    pub link: Option<String>,
    /// It is not in the directory.
    pub hidden: bool,
    /// What the loader does with it.
    pub role: Role,
    /// Where its data lies.
    pub data: Range<u64>,
    /// What its header says, if there is one.
    pub(crate) local: Option<local::Header>,
    /// The name's bytes.
    pub(crate) raw_name: Vec<u8>,
    /// Digests beyond CRC-32: the member is encrypted with AES.
    pub(crate) aes: bool,
}

impl Entry {
    /// What the directory and the header say of it, a line each, for excerpts.
    pub fn views(&self) -> Vec<String> {
        let line = |view: &str, name: &str, flags: u16, method: u16, crc: u32, stored: u64, size: u64| {
            let method = local::method_name(method);
            format!(
                "{view:<9}  {name}  {method}  flags {flags:#06x}  crc {crc:08x}  {stored} of {size} bytes"
            )
        };
        let mut lines = Vec::new();
        if !self.hidden {
            let e = self;
            lines.push(line(
                "directory",
                &e.name,
                e.flags,
                e.method,
                e.crc,
                e.stored,
                e.size,
            ));
        }
        if let Some(h) = &self.local {
            let name = name_of(&h.name);
            lines.push(line("header", &name, h.flags, h.method, h.crc, h.stored, h.size));
        }
        lines
    }
}

/// A place where two readings of the archive differ, or where it is unusual enough to matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What kind.
    pub kind: DifferenceKind,
    /// Where in the archive.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// The member it is about, by index into the entries.
    pub entry: Option<usize>,
    /// What differs, in words; text from the archive is escaped in it.
    pub words: String,
}

/// The kinds of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DifferenceKind {
    /// The header's name is not the directory's.
    Name,
    /// A Unicode name beside the ordinary one is another name.
    UnicodeName,
    /// The flags for encryption or patching differ between header and directory.
    Flags,
    /// The member is flagged as encrypted or as a patch, and is neither.
    FalseFlag,
    /// The compression method differs, or is none that exists.
    Method,
    /// A size differs between header, directory, descriptor or data.
    Size,
    /// The CRC-32 differs between header, directory or descriptor.
    Crc,
    /// The data's CRC-32 is not the one stated.
    Content,
    /// The directory points at something that is no header.
    NoHeader,
    /// A header and its member that the directory does not list.
    Hidden,
    /// Bytes between members that belong to none.
    Gap,
    /// Members that share bytes.
    Overlap,
    /// Two members of one name.
    Duplicate,
    /// Several end records that lead to different directories.
    EndRecords,
    /// The zip64 record contradicts the end record.
    Zip64,
    /// The end record counts other members than the directory lists.
    Count,
    /// The directory is not where the end record says.
    Offset,
    /// The archive says it is spread over several files.
    Disks,
    /// Bytes before the first member.
    Prefix,
    /// Bytes after the end.
    Trailing,
}

/// An archive with its members and how reading it ended.
#[derive(Clone, Debug)]
pub struct Read {
    /// The archive.
    pub archive: Archive,
    /// Its members, for the queue.
    pub members: Vec<Member>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How many differences of a kind are kept; an archive made to differ everywhere says no more by saying it more often.
const MAX_DIFFERENCES: u32 = 256;

/// Everything that is gathered while an archive is read.
struct Reader<'a> {
    source: Source<'a>,
    archive: Archive,
    members: Vec<Member>,
    depth: Depth,
    exhausted: Option<Exhausted>,
    /// How many differences of each kind there were.
    told: BTreeMap<DifferenceKind, u32>,
    /// Further reasons why not everything was read.
    partly: Vec<String>,
}

impl Reader<'_> {
    fn differ(
        &mut self,
        kind: DifferenceKind,
        at: (u64, u64),
        entry: Option<usize>,
        words: impl Into<String>,
    ) {
        let told = self.told.entry(kind).or_insert(0);
        *told = told.saturating_add(1);
        if *told > MAX_DIFFERENCES {
            return;
        }
        self.archive.differences.push(Difference {
            kind,
            offset: at.0,
            length: at.1,
            entry,
            words: words.into(),
        });
    }

    /// Pays; after the first refusal everything stops quietly.
    fn pay(&mut self, result: Result<(), Exhausted>) -> bool {
        if let Err(why) = result {
            self.exhausted.get_or_insert(why);
        }
        self.exhausted.is_none()
    }
}

/// Reads the archive in `blob`.
pub fn read(blob: &Blob, options: OpenOptions, budget: &mut Budget) -> Read {
    let mut r = Reader {
        source: Source::new(blob),
        archive: Archive::default(),
        members: Vec::new(),
        depth: options.depth,
        exhausted: None,
        told: BTreeMap::new(),
        partly: Vec::new(),
    };
    let views = end::views(&mut r);
    directory::read(&mut r, &views, budget);
    local::read(&mut r, budget);
    layout::read(&mut r, &views, budget);
    torch::assign_roles(&mut r.archive.entries);
    data::read(&mut r, budget);
    r.archive.differences.sort_by_key(|d| (d.offset, d.kind));
    let why = r
        .exhausted
        .map(|e| e.to_string())
        .or_else(|| r.source.failed.take().map(|e| format!("could not be read: {e}")))
        .or_else(|| r.partly.into_iter().next());
    let outcome = match why {
        Some(why) if r.archive.entries.is_empty() => Outcome::NotAnalysed { why },
        Some(why) => Outcome::Partly { why },
        None => Outcome::Analysed,
    };
    Read {
        archive: r.archive,
        members: r.members,
        outcome,
    }
}

/// The names of the directory that most readers take, at most `max`, for identification.
pub(crate) fn names(blob: &Blob, max: usize) -> Vec<String> {
    let mut source = Source::new(blob);
    directory::names(&mut source, max)
}

/// Where the archive begins whose end record stands in the tail of `blob`, if there is one with a directory; with
/// `flush` only one that ends where the blob does.
pub(crate) fn at_end(blob: &Blob, flush: bool) -> Option<u64> {
    end::begins_at(&mut Source::new(blob), flush)
}

/// A name out of its bytes: UTF-8 where it is, else one character a byte, so that different names stay different.
fn name_of(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => raw.iter().map(|b| char::from(*b)).collect(),
    }
}

#[cfg(test)]
mod tests;
