//! One view of the members of all containers, so that a rule about names and links is written once.

use crate::{Document, Member, tar, zip};
use std::collections::BTreeMap;

/// What a container lists.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Its members.
    pub entries: Vec<Listed>,
}

/// A member as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name; hostile text.
    pub name: String,
    /// What it would become on disk.
    pub kind: Kind,
    /// What it links to; hostile text.
    pub link: Option<String>,
    /// Its size when unpacked, as stated.
    pub size: u64,
    /// How many bytes of the container it takes.
    pub stored: u64,
    /// Where its header is.
    pub offset: u64,
}

/// What a member becomes on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A second name of another file.
    Hardlink,
    /// A device or a pipe.
    Device,
}

impl Document {
    /// The members, if it is a container that lists them.
    pub fn listing(&self) -> Option<Listing> {
        let entries = match self {
            Self::Zip(archive) => archive.entries.iter().map(of_zip).collect(),
            Self::Tar(archive) => archive.entries.iter().map(of_tar).collect(),
            Self::Archive(listing) => return Some(listing.as_ref().clone()),
            _ => return None,
        };
        Some(Listing { entries })
    }
}

fn of_zip(e: &zip::Entry) -> Listed {
    let kind = match e.mode.unwrap_or(0) & 0xf000 {
        0xa000 => Kind::Symlink,
        0x1000 | 0x2000 | 0x6000 => Kind::Device,
        _ if e.name.ends_with('/') => Kind::Folder,
        _ => Kind::File,
    };
    Listed {
        name: e.name.clone(),
        kind,
        link: e.link.clone(),
        size: e.size,
        stored: e.stored,
        offset: e.offset,
    }
}

fn of_tar(e: &tar::Entry) -> Listed {
    let kind = match e.kind {
        tar::EntryKind::Folder => Kind::Folder,
        tar::EntryKind::Symlink => Kind::Symlink,
        tar::EntryKind::Hardlink => Kind::Hardlink,
        tar::EntryKind::Device => Kind::Device,
        tar::EntryKind::File | tar::EntryKind::Sparse | tar::EntryKind::Other(_) => Kind::File,
    };
    Listed {
        name: e.name.clone(),
        kind,
        link: e.link.clone(),
        size: e.size,
        stored: e.size,
        offset: e.offset,
    }
}

/// Tells members of one name apart, as paths have to.
pub(crate) fn number_names(members: &mut [Member]) {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for member in members {
        let n = seen.entry(member.name.clone()).or_insert(0);
        *n = n.saturating_add(1);
        if *n > 1 {
            member.name = format!("{}#{n}", member.name);
        }
    }
}
