//! Tar archives: a walk over 512-byte headers that extracts nothing.

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
    /// A type that readers treat as a file.
    Other(u8),
}
