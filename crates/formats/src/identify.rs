//! Which format an artifact has: its content decides, its name only adds a mismatch.

use crate::format::Format;

/// What an artifact was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The format, by content.
    pub format: &'static Format,
    /// The format that the name promises, where it promises one.
    pub by_name: Option<&'static Format>,
    /// The content is none of those that may honestly bear this name.
    pub mismatch: Option<Mismatch>,
    /// Further formats that the same bytes can be read as.
    pub polyglot: Vec<Layer>,
}

/// The name says one thing and the content another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What the name promises.
    pub promised: &'static Format,
    /// What the content is.
    pub found: &'static Format,
}

/// A second format inside or behind the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The format.
    pub format: &'static Format,
    /// Where it begins.
    pub offset: u64,
}
