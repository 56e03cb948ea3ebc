//! Zip archives as every loader sees them.
//!
//! A zip says everything twice: in the directory at its end and in a header before each member. Readers differ in
//! which they believe, so an archive can show one thing to a scanner and another to the loader. The one decision
//! here: all views are built and every difference between them is kept, and the members of all views are analysed.

/// A zip archive.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    /// Its members: those of the directory first, then those only a header shows.
    pub entries: Vec<Entry>,
    /// Where its views differ.
    pub differences: Vec<Difference>,
    /// The comment at its end.
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
    /// How many bytes it takes.
    pub stored: u64,
    /// Where its header is.
    pub offset: u64,
    /// The compression method.
    pub method: u16,
    /// The general purpose flags.
    pub flags: u16,
    /// The CRC-32 by the directory.
    pub crc: u32,
    /// Kind and permissions as Unix wrote them, where it did.
    pub mode: Option<u32>,
    /// It is not in the directory.
    pub hidden: bool,
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
}
