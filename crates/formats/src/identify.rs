//! Which format an artifact has: its content decides, its name only adds a mismatch.
//!
//! Loaders go by content more often than by name (`torch.load` opens a zip under any extension), so does this.
//! Where several loaders would read the same bytes differently, the first reading is the format and each further
//! one a [`Layer`]; the members that lie in a layer are analysed like all others.

mod magic;
mod names;
mod structure;

use crate::{
    document::Role,
    format::{Family, Format, Support, table},
    protobuf,
};
use wellhead_core::{Blob, Budget};

pub(crate) use names::is_zip;
pub use names::promised;

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
    /// The format of the container it is a member of; whoever unpacks the container sets it.
    pub inside: Option<&'static Format>,
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

/// How much of the beginning is looked at.
const HEAD: usize = 16 << 10;
/// The same of raw numbers, of which a checkpoint has thousands: one page.
const TENSOR_HEAD: usize = 4 << 10;

/// Says which format `blob` has. `name` is the file's path or the member's name, `role` what the container said.
pub fn identify(name: &str, role: Role, blob: &Blob, budget: &mut Budget) -> Identity {
    let by_name = promised(name);
    let identity = |format| Identity {
        format,
        by_name,
        mismatch: None,
        polyglot: Vec::new(),
        inside: None,
    };
    let wanted = if role == Role::Tensor { TENSOR_HEAD } else { HEAD };
    let Ok(head) = blob.bytes(0, wanted) else {
        return identity(&table::UNKNOWN);
    };
    if head.is_empty() {
        return identity(&table::EMPTY);
    }
    let (format, polyglot) = match role {
        Role::Pickle | Role::Objects => (&table::PICKLE, structure::layers(&table::PICKLE, &head, blob)),
        Role::As(format) => (format, Vec::new()),
        Role::TorchScript => (&table::TORCHSCRIPT_CODE, Vec::new()),
        Role::Tensor => structure::tensor(&head, blob, budget),
        Role::Plain => {
            let format = by_content(name, by_name, &head, blob);
            (format, structure::layers(format, &head, blob))
        }
    };
    let mismatch = by_name
        .filter(|promised| role == Role::Plain && !names::honest(name, promised, format))
        .map(|promised| Mismatch {
            promised,
            found: format,
        });
    Identity {
        format,
        by_name,
        mismatch,
        polyglot,
        inside: None,
    }
}

/// Whether an archive of which something was not seen may hide a model, by its name: whoever loads `model.pt` gets
/// there, or was told how.
pub fn may_hide_model(name: &str, format: &Format) -> bool {
    format.family == Family::Archive && names::has_model_extension(name)
}

/// Whether a name is one that models bear: `model.pkl.zst`.
pub fn is_named_like_model(name: &str) -> bool {
    names::has_model_extension(name)
}

/// Whether the bytes are certainly a pickle.
pub(crate) fn is_pickle(blob: &Blob) -> bool {
    blob.bytes(0, HEAD)
        .is_ok_and(|head| structure::pickle(&head).is_some())
}

/// A format that bytes without a name or a container are clearly of; text is none.
pub(crate) fn glance(blob: &Blob) -> Option<&'static Format> {
    let head = blob.bytes(0, HEAD).ok()?;
    magic::of(&head)
        .or_else(|| head.starts_with(b"PK\x03\x04").then_some(&table::ZIP))
        .or_else(|| structure::without_magic(&head, blob))
        .or_else(|| structure::pickle(&head))
}

/// What hides at the start of a page of raw numbers, if anything does that could run.
pub(crate) fn hides(page: &[u8], rest: &Blob, budget: &mut Budget) -> Option<&'static Format> {
    let first = *page.first()?;
    // Nearly every page is dismissed by its first byte.
    if !matches!(
        first,
        0x7f | b'M' | 0xca | 0xce | 0xcf | 0xfe | 0x80 | b'c' | b'(' | b'P'
    ) {
        return None;
    }
    let (format, _) = structure::tensor(page, rest, budget);
    (*format != table::RAW_TENSOR).then_some(format)
}

fn by_content(name: &str, by_name: Option<&'static Format>, head: &[u8], blob: &Blob) -> &'static Format {
    if let Some(format) = structure::container(name, head, blob) {
        return format;
    }
    if let Some(format) = magic::of(head) {
        return format;
    }
    if let Some(format) = structure::without_magic(head, blob) {
        return format;
    }
    // A message may begin like a pickle of data and the other way round; under the name of a message it is one.
    let message = || protobuf::identify(head, blob);
    if by_name.is_some_and(protobuf::is_protobuf)
        && let Some(format) = message()
    {
        return format;
    }
    if let Some(format) = structure::pickle(head) {
        return format;
    }
    if let Some(format) = message() {
        return format;
    }
    let text = structure::text(head, blob.len());
    // Whoever opens a file named so unpickles it, so plain text that could begin a pickle is judged as one; under other
    // names bytes that can be read as a pickle of data are one where they are nothing else.
    let possible = structure::is_possibly_pickle(head);
    let named = by_name == Some(&table::PICKLE) && text == Some(&table::PLAIN_TEXT);
    if (named && (possible || structure::begins_like_pickle(head))) || (possible && text.is_none()) {
        return &table::PICKLE;
    }
    if let Some(format) = text {
        if *format == table::OPENVINO {
            return format;
        }
        // Any text may be meant as what its name says; a binary format it is not.
        return by_name.filter(|f| is_textual(f)).unwrap_or(format);
    }
    match by_name {
        // Whoever opens it will unpickle it, so it is judged as a pickle: a damaged one.
        Some(f) if *f == table::PICKLE => f,
        // Its header is broken, which its reader says.
        Some(f) if *f == table::SAFETENSORS => f,
        // Formats without a magic number of their own.
        Some(f) if magic::has_none(f) => f,
        _ if crate::zip::at_end(blob, false).is_some() => &table::ZIP,
        _ => &table::UNKNOWN,
    }
}

/// Whether the format is one of text.
fn is_textual(format: &Format) -> bool {
    matches!(format.family, Family::Text | Family::Source) && format.support == Support::Opened
        || *format == table::CSV
}
