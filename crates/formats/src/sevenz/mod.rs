//! 7z archives: the directory, which stands at the end and is packed itself, and members that are decoded when they
//! are asked for.
//!
//! Malicious models have been published as 7z archives under the name of a checkpoint, because scanners of the time
//! opened zip archives alone. The one decision: the directory is read here and the coders come from elsewhere, so that
//! each count of the directory is paid for, and what no coder reads is said by member.

mod coders;
mod header;

use crate::{
    bytes::u64_at,
    decode::Lazy,
    document::{Document, Member, MemberSource, Opened, Role},
    listing::{Kind, Listed, Listing},
};
use header::{Directory, Fault, File, Folder, Streams};
use wellhead_core::{Blob, Budget, Depth, Outcome};

/// Behind this many bytes everything begins.
const START: u64 = 32;
/// Largest directory; a hundred thousand long names fit.
const DIRECTORY: u64 = 32 << 20;
/// How many times a directory may be packed.
const PACKED: u32 = 4;
/// Longest target of a symbolic link.
const LINK: u64 = 4096;

/// Opens the archive in `blob`.
pub(crate) fn open(blob: &Blob, depth: Depth, budget: &mut Budget) -> Opened {
    let mut members = Vec::new();
    let mut listing = Listing::default();
    let outcome = match directory(blob, budget) {
        Ok((streams, files)) => list(blob, &streams, files, &mut listing, &mut members, budget),
        Err(why) => Outcome::NotAnalysed { why },
    };
    Opened {
        document: Document::Archive(Box::new(listing)),
        members,
        outcome,
        depth,
    }
}

fn words(fault: &Fault) -> String {
    match fault {
        Fault::Damaged => "its directory is damaged".to_owned(),
        Fault::Unusual(what) => format!("{what}, which is not read"),
        Fault::Exhausted(why) => why.to_string(),
    }
}

/// The directory, unpacked.
fn directory(blob: &Blob, budget: &mut Budget) -> Result<(Streams, Vec<File>), String> {
    let head = blob
        .bytes(0, START as usize)
        .map_err(|e| format!("could not be read: {e}"))?;
    let (Some(offset), Some(size)) = (u64_at(&head, 12), u64_at(&head, 20)) else {
        return Err("it is cut off".to_owned());
    };
    if size == 0 {
        return Ok((Streams::default(), Vec::new()));
    }
    let start = START.checked_add(offset).ok_or("its directory is damaged")?;
    if start.saturating_add(size) > blob.len() {
        return Err("its directory is not in this file".to_owned());
    }
    let mut part = blob.slice(start, size);
    for _ in 0..PACKED {
        let bytes = bounded(&part, budget)?;
        let read = header::read(&bytes, budget);
        // Folders and names are paid for as they are made; sizes and flags are no larger than a few times their bytes.
        budget.release(bytes.len() as u64);
        match read.map_err(|e| words(&e))? {
            Directory::Plain { streams, files } => return Ok((streams, files)),
            Directory::Packed(streams) => {
                let folder = streams.folders.first().ok_or("its directory is damaged")?;
                let mut at = START.saturating_add(streams.pack_start);
                let (packed, total) = packs(blob, &streams, 0..folder.packed.len(), &mut at);
                let make = coders::decoder(folder, &packed).map_err(|why| match why.as_str() {
                    "encrypted" => "encrypted, its directory too".to_owned(),
                    _ => format!("its directory is {why}"),
                })?;
                let (bytes, outcome) = Lazy::new(make, total).part(0, folder.size(), budget);
                if let Some(why) = outcome.why() {
                    return Err(format!("its directory cannot be unpacked: {why}"));
                }
                part = bytes;
            }
        }
    }
    Err("its directory is packed again and again".to_owned())
}

fn bounded(part: &Blob, budget: &mut Budget) -> Result<Vec<u8>, String> {
    if part.len() > DIRECTORY {
        return Err(format!("its directory is larger than {DIRECTORY} bytes"));
    }
    budget.memory(part.len()).map_err(|e| e.to_string())?;
    part.bytes(0, DIRECTORY as usize)
        .map_err(|e| format!("could not be read: {e}"))
}

/// The packed streams of that range, which begin at `at`, and how large they are together.
fn packs(blob: &Blob, streams: &Streams, range: std::ops::Range<usize>, at: &mut u64) -> (Vec<Blob>, u64) {
    let mut total = 0_u64;
    let sizes = streams.pack_sizes.get(range).unwrap_or_default();
    let parts = sizes
        .iter()
        .map(|size| {
            let part = blob.slice(*at, *size);
            *at = at.saturating_add(*size);
            total = total.saturating_add(part.len());
            part
        })
        .collect();
    (parts, total)
}

/// A folder, and what becomes of its members.
struct Opening {
    source: Result<Lazy, String>,
    packed: u64,
    /// Where the next member lies in what comes out.
    at: u64,
}

impl Opening {
    fn new(blob: &Blob, streams: &Streams, folder: &Folder, pack: &mut Pack) -> Self {
        let end = pack.index.saturating_add(folder.packed.len());
        let (parts, packed) = packs(blob, streams, pack.index..end, &mut pack.at);
        pack.index = end;
        let source = coders::decoder(folder, &parts).map(|make| Lazy::new(make, packed));
        Self {
            source,
            packed,
            at: 0,
        }
    }
}

struct Pack {
    index: usize,
    at: u64,
}

fn list(
    blob: &Blob,
    streams: &Streams,
    files: Vec<File>,
    listing: &mut Listing,
    members: &mut Vec<Member>,
    budget: &mut Budget,
) -> Outcome {
    let mut pack = Pack {
        index: 0,
        at: START.saturating_add(streams.pack_start),
    };
    let mut folders = streams.folders.iter().zip(&streams.parts);
    let mut current: Option<(Opening, std::slice::Iter<'_, u64>)> = None;
    let mut outcome = Outcome::Analysed;
    for file in files {
        // The listing and the member keep the name.
        let name = (file.name.len() as u64).saturating_mul(2);
        if let Err(why) = budget.memory(name) {
            outcome = outcome.and(Outcome::Partly { why: why.to_string() });
            break;
        }
        let mut entry = Listed {
            name: file.name.clone(),
            kind: kind(&file),
            link: None,
            size: 0,
            stored: 0,
            offset: 0,
        };
        if file.has_data {
            // The next part, of this folder or of the next that has any.
            let size = loop {
                if let Some((_, sizes)) = &mut current
                    && let Some(size) = sizes.next()
                {
                    break Some(*size);
                }
                let Some((folder, sizes)) = folders.next() else {
                    break None;
                };
                // Links were read out of it; its members may wait long, and decode it again.
                if let Some((Opening { source: Ok(lazy), .. }, _)) = &current {
                    lazy.forget();
                }
                current = Some((Opening::new(blob, streams, folder, &mut pack), sizes.iter()));
            };
            let (Some(size), Some((opening, _))) = (size, &mut current) else {
                outcome = outcome.and(Outcome::Partly {
                    why: "its directory lists more members than there is data for".to_owned(),
                });
                break;
            };
            (entry.size, entry.stored) = (size, opening.packed.min(size));
            let source = match &opening.source {
                Ok(lazy) => MemberSource::Part(lazy.clone(), opening.at, size),
                Err(why) => MemberSource::Unreadable(why.clone()),
            };
            opening.at = opening.at.saturating_add(size);
            if entry.kind == Kind::Symlink && size <= LINK {
                let target = source
                    .body(budget)
                    .blob
                    .bytes(0, LINK as usize)
                    .unwrap_or_default();
                let target = String::from_utf8_lossy(&target).into_owned();
                if let Err(why) = budget.memory(target.len() as u64) {
                    outcome = outcome.and(Outcome::Partly { why: why.to_string() });
                    break;
                }
                entry.link = Some(target);
            } else {
                members.push(Member {
                    name: if file.name.is_empty() {
                        "member".to_owned()
                    } else {
                        file.name
                    },
                    role: Role::Plain,
                    size,
                    stored: entry.stored,
                    hidden: false,
                    source,
                });
            }
        }
        listing.entries.push(entry);
    }
    crate::listing::number_names(members);
    outcome
}

fn kind(file: &File) -> Kind {
    let unix = file.attributes & 0x8000 != 0;
    let mode = file.attributes >> 16;
    if unix {
        match mode & 0xf000 {
            0xa000 => return Kind::Symlink,
            0x1000 | 0x2000 | 0x6000 => return Kind::Device,
            _ => {}
        }
    }
    // A reparse point of Windows.
    if file.attributes & 0x400 != 0 {
        Kind::Symlink
    } else if file.is_folder || file.attributes & 0x10 != 0 && !file.has_data {
        Kind::Folder
    } else {
        Kind::File
    }
}

#[cfg(test)]
mod tests;
