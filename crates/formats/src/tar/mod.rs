//! Tar archives: a walk over 512-byte headers that extracts nothing.
//!
//! Readers of tar differ in what they do at the first thing they do not like: some stop, some look for the next
//! header. The one decision: the walk goes on like the most stubborn reader, and says what a careful one would not
//! have seen.

mod header;

use crate::{
    bytes::{Source, is_zero},
    document::{Document, Member, MemberSource, Opened, Role},
    format::{Format, table as t},
    identify,
};
use header::{BLOCK, Header};
use std::collections::BTreeMap;
use wellhead_core::{Blob, Budget, Depth, Outcome, code};

/// A tar archive.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    /// Its members in order.
    pub entries: Vec<Entry>,
    /// What is wrong with it, a phrase each, with its offset.
    pub damage: Vec<(u64, String)>,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name; hostile text.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// What it links to, if it is a link; hostile text.
    pub link: Option<String>,
    /// Its size.
    pub size: u64,
    /// Where its header is.
    pub offset: u64,
    /// Permissions.
    pub mode: u32,
    /// Most readers stop before it.
    pub hidden: bool,
}

/// What a member of a tar archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A hard link.
    Hardlink,
    /// A device or a named pipe.
    Device,
    /// A file with holes.
    Sparse,
    /// A type that readers treat as a file.
    Other(u8),
}

/// How far the next header is looked for behind damage unless every byte is asked for.
const SEARCH: u64 = 4 << 20;
/// Longest name or list of PAX records.
const TEXT: u64 = 1 << 20;
/// How many phrases about damage are kept.
const MAX_DAMAGE: usize = 64;

/// Whether `head` begins with a header whose checksum is right.
pub(crate) fn is_header(head: &[u8]) -> bool {
    Header::parse(head).is_some()
}

/// The format of the archive, by the names of its first members and its own name.
pub(crate) fn refine(file: &str, blob: &Blob) -> &'static Format {
    let mut source = Source::new(blob);
    let mut names = Vec::new();
    let mut at = 0_u64;
    while names.len() < 16 {
        let Some(h) = Header::parse(&source.bytes(at, 512)) else {
            break;
        };
        at = at.saturating_add(BLOCK).saturating_add(padded(h.size));
        names.push(h.name);
    }
    let has = |name: &str| names.iter().any(|n| n.trim_start_matches("./") == name);
    let lower = file.to_lowercase();
    if has("pickle") && has("storages") && has("tensors") {
        &t::TORCH_TAR
    } else if lower.ends_with(".nemo")
        || (has("model_config.yaml") && names.iter().any(|n| n.ends_with(".ckpt")))
    {
        &t::NEMO
    } else {
        &t::TAR
    }
}

fn padded(size: u64) -> u64 {
    size.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// Names and sizes that a preceding header gives to the next member.
#[derive(Default)]
struct Pending {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    sparse: bool,
}

struct Walk<'a> {
    source: Source<'a>,
    archive: Archive,
    members: Vec<Member>,
    names: BTreeMap<String, u64>,
    outcome: Outcome,
    depth: Depth,
    at: u64,
    hidden: bool,
}

/// Opens the archive in `blob`.
pub(crate) fn open(format: &'static Format, blob: &Blob, depth: Depth, budget: &mut Budget) -> Opened {
    let mut w = Walk {
        source: Source::new(blob),
        archive: Archive::default(),
        members: Vec::new(),
        names: BTreeMap::new(),
        outcome: Outcome::Analysed,
        depth,
        at: 0,
        hidden: false,
    };
    let mut pending = Pending::default();
    while w.at < blob.len() {
        if let Err(why) = budget.entries(1) {
            w.partly(why.to_string());
            break;
        }
        let block = w.source.bytes(w.at, 512);
        match Header::parse(&block) {
            Some(h) => w.member(h, &mut pending, format),
            None if block.iter().all(|b| *b == 0) => {
                if !w.after_the_end() {
                    break;
                }
            }
            None => {
                let words = if block.len() < 512 {
                    "ends in the middle of a block"
                } else {
                    "a header is damaged"
                };
                w.damage(words);
                w.partly(words.to_owned());
                if !w.resync() {
                    break;
                }
            }
        }
    }
    if let Some(why) = w.source.failed.take() {
        w.partly(format!("could not be read: {why}"));
    }
    Opened {
        document: Document::Tar(Box::new(w.archive)),
        members: w.members,
        outcome: w.outcome,
        depth,
    }
}

impl Walk<'_> {
    fn damage(&mut self, words: impl Into<String>) {
        if self.archive.damage.len() < MAX_DAMAGE {
            self.archive.damage.push((self.at, words.into()));
        }
    }

    fn partly(&mut self, why: String) {
        let outcome = std::mem::replace(&mut self.outcome, Outcome::Analysed);
        self.outcome = outcome.and(Outcome::Partly { why });
    }

    /// Takes the header at the current place and goes behind its data.
    fn member(&mut self, h: Header, pending: &mut Pending, format: &'static Format) {
        let data = self.at.saturating_add(BLOCK);
        let text = |w: &mut Self| {
            w.source
                .bytes(data, usize::try_from(h.size.min(TEXT)).unwrap_or(0))
        };
        match h.kind {
            b'L' | b'K' => {
                let name = header::text(&text(self));
                let to = if h.kind == b'L' {
                    &mut pending.name
                } else {
                    &mut pending.link
                };
                *to = Some(name);
                self.at = data.saturating_add(padded(h.size));
                return;
            }
            b'x' | b'X' | b'g' => {
                let records = text(self);
                self.pax(&records, pending);
                self.at = data.saturating_add(padded(h.size));
                return;
            }
            _ => {}
        }
        let given = std::mem::take(pending);
        if let Some(size) = given.size.filter(|s| *s != h.size) {
            self.damage(format!(
                "a member is {size} bytes long by its PAX record and {} by its header",
                h.size
            ));
        }
        let size = given.size.unwrap_or(h.size);
        let name = given.name.unwrap_or(h.name);
        let link = given.link.unwrap_or(h.link);
        let kind = match h.kind {
            _ if given.sparse => EntryKind::Sparse,
            0 | b'0' | b'7' if name.ends_with('/') && size == 0 => EntryKind::Folder,
            0 | b'0' | b'7' => EntryKind::File,
            b'1' => EntryKind::Hardlink,
            b'2' => EntryKind::Symlink,
            b'3' | b'4' | b'6' => EntryKind::Device,
            b'5' | b'D' => EntryKind::Folder,
            b'S' => EntryKind::Sparse,
            other => EntryKind::Other(other),
        };
        let is_link = matches!(kind, EntryKind::Hardlink | EntryKind::Symlink);
        let without_data = is_link || matches!(kind, EntryKind::Folder | EntryKind::Device);
        let entry = Entry {
            name,
            kind,
            link: is_link.then_some(link),
            size,
            offset: self.at,
            mode: h.mode,
            hidden: self.hidden,
        };
        // Readers differ in whether a link has data; what follows it decides which reading leads on.
        let skip = if without_data && size > 0 {
            let next = self.source.bytes(data, 512);
            let odd = !is_header(&next) && !next.iter().all(|b| *b == 0);
            if odd {
                self.damage(format!(
                    "{} has data though it is none that has",
                    code(&entry.name)
                ));
            }
            if odd { padded(size) } else { 0 }
        } else {
            padded(size)
        };
        let behind = if h.kind == b'S' {
            data.saturating_add(self.sparse_headers(data, h.extended))
        } else {
            data
        };
        self.at = behind.saturating_add(skip);
        if skip > 0 || !without_data {
            self.push(&entry, behind, format);
        }
        self.archive.entries.push(entry);
    }

    fn push(&mut self, entry: &Entry, data: u64, format: &'static Format) {
        let len = self.source.blob.len();
        if data.saturating_add(entry.size) > len {
            self.damage(format!("{} is cut off", code(&entry.name)));
            self.partly(format!("{} is cut off", code(&entry.name)));
        }
        let source = if entry.kind == EntryKind::Sparse {
            MemberSource::Unreadable("a file with holes, which is not read yet".to_owned())
        } else {
            MemberSource::Stored(self.source.blob.slice(data, entry.size))
        };
        let seen = self.names.entry(entry.name.clone()).or_insert(0);
        *seen = seen.saturating_add(1);
        let name = match *seen {
            1 => entry.name.clone(),
            n => format!("{}#{n}", entry.name),
        };
        let leaf = entry.name.trim_start_matches("./");
        let unpickled = *format == t::TORCH_TAR && matches!(leaf, "pickle" | "sys_info");
        self.members.push(Member {
            name,
            role: if unpickled { Role::Pickle } else { Role::Plain },
            size: entry.size,
            stored: entry.size,
            hidden: entry.hidden,
            source,
        });
    }

    /// The further headers of a file with holes, as a length.
    fn sparse_headers(&mut self, data: u64, extended: bool) -> u64 {
        let mut more = extended;
        let mut length = 0_u64;
        while more && length < SEARCH {
            let block = self.source.bytes(data.saturating_add(length), 512);
            more = block.get(504).is_some_and(|b| *b != 0);
            length = length.saturating_add(BLOCK);
        }
        length
    }

    fn pax(&mut self, records: &[u8], pending: &mut Pending) {
        for (key, value) in header::pax(records) {
            let value = || header::text(value);
            match key {
                b"path" => pending.name = Some(value()),
                b"linkpath" => pending.link = Some(value()),
                b"size" => pending.size = value().parse().ok(),
                b"GNU.sparse.name" => {
                    pending.name = Some(value());
                    pending.sparse = true;
                }
                b"GNU.sparse.map" | b"GNU.sparse.major" => pending.sparse = true,
                _ => {}
            }
        }
    }

    /// At a block of zeros, where careful readers stop; whether there is more behind it.
    fn after_the_end(&mut self) -> bool {
        let len = self.source.blob.len();
        let limit = if self.depth == Depth::Full {
            len
        } else {
            len.min(self.at.saturating_add(SEARCH))
        };
        let mut at = self.at;
        while at < limit {
            let piece = self.source.bytes(at, 1 << 16);
            if piece.is_empty() {
                return false;
            }
            if let Some(i) = piece.iter().position(|b| *b != 0) {
                let block = at.saturating_add(i as u64) / BLOCK;
                at = block.saturating_mul(BLOCK).max(self.at);
                break;
            }
            at = at.saturating_add(piece.len() as u64);
        }
        if at >= limit {
            return false;
        }
        self.at = at;
        if is_header(&self.source.bytes(at, 512)) {
            if !self.hidden {
                self.damage("members stand after its end");
            }
            self.hidden = true;
            return true;
        }
        self.damage(format!("{} bytes stand after its end", len.saturating_sub(at)));
        self.loose(at, len);
        false
    }

    /// Hands bytes that belong to no member back, if they are something.
    fn loose(&mut self, start: u64, end: u64) {
        let size = end.saturating_sub(start);
        let blob = self.source.blob.slice(start, size);
        if identify::glance(&blob).is_some() {
            self.members.push(Member {
                name: format!("bytes at {start:#x}"),
                role: Role::Plain,
                size,
                stored: size,
                hidden: true,
                source: MemberSource::Stored(blob),
            });
        }
    }

    /// Looks for the next header behind damage.
    fn resync(&mut self) -> bool {
        let len = self.source.blob.len();
        let limit = if self.depth == Depth::Full {
            len
        } else {
            len.min(self.at.saturating_add(SEARCH))
        };
        let start = self.at;
        let mut at = self.at.saturating_add(BLOCK);
        while at < limit {
            let piece = self.source.bytes(at, 128 << 9);
            if piece.is_empty() {
                break;
            }
            if let Some(i) = piece.chunks(512).position(is_header) {
                self.at = at.saturating_add((i as u64).saturating_mul(BLOCK));
                self.loose(start, self.at);
                self.hidden = true;
                return true;
            }
            at = at.saturating_add(piece.len() as u64);
        }
        if !is_zero(&mut self.source, start, limit, SEARCH) {
            self.loose(start, len);
        }
        false
    }
}

#[cfg(test)]
mod tests;
