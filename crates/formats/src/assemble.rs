//! Readable listings to bytes: hostile archives for tests, rule pages and examples, without a binary in the repository.
//!
//! A listing is lines of a verb, a name and options; indented lines below it are its content:
//!
//! ```text
//! member archive/data.pkl local-name=other.pkl flags=0x1
//!   a line of content
//! member archive/data/0 zeros=64
//! ```
//!
//! Content is text unless an option says otherwise: `as=hex`, `as=pickle` (a disassembly), `as=zip` and the other
//! formats of this module (a listing, indented once more), `zeros=N`, `empty`, `no-newline`. Without such options an
//! archive is ordinary; each option bends one thing.

mod arrays;
mod binary;
mod elf;
mod flatbuffer;
mod gguf;
mod gzip;
mod hdf5;
mod listing;
mod marshal;
mod sevenz;
mod tar;
mod zip;

use listing::Item;

/// Why a listing makes no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct AssembleError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// The kinds of listings, by the language of a fenced block.
pub const KINDS: &[&str] = &[
    "zip",
    "tar",
    "gzip",
    "7z",
    "safetensors",
    "gguf",
    "npy",
    "hdf5",
    "elf",
    "marshal",
    "pickle",
    "binary",
    "flatbuffer",
    "protobuf",
    "hex",
    "text",
];

/// Makes bytes of a listing of that kind.
///
/// # Errors
/// Where the kind is none of [`KINDS`] or a line is not understood.
pub fn assemble(kind: &str, text: &str) -> Result<Vec<u8>, AssembleError> {
    match kind {
        "zip" => zip::zip(&listing::parse(text)?),
        "tar" => tar::tar(&listing::parse(text)?),
        "gzip" => gzip::gzip(&listing::parse(text)?),
        "7z" => sevenz::sevenz(&listing::parse(text)?),
        "safetensors" => arrays::safetensors(&listing::parse(text)?),
        "gguf" => gguf::gguf(&listing::parse(text)?),
        "npy" => arrays::npy(&listing::parse(text)?),
        "hdf5" => hdf5::hdf5(&listing::parse(text)?),
        "elf" => elf::elf(&listing::parse(text)?),
        "marshal" => marshal::marshal(&listing::parse(text)?),
        "pickle" => crate::pickle::assemble::assemble(text).map_err(|e| AssembleError {
            line: e.line,
            message: e.why,
        }),
        "binary" => binary::binary(text),
        "flatbuffer" => flatbuffer::flatbuffer(text),
        "protobuf" => crate::protobuf::assemble::assemble(text),
        "hex" => hex(text),
        "text" => Ok(text.as_bytes().to_vec()),
        _ => Err(AssembleError {
            line: 1,
            message: format!("unknown kind `{kind}`"),
        }),
    }
}

fn hex(text: &str) -> Result<Vec<u8>, AssembleError> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            u8::from_str_radix(pair, 16).ok().filter(|_| pair.len() == 2)
        })
        .collect::<Option<_>>()
        .ok_or_else(|| AssembleError {
            line: 1,
            message: "not pairs of hexadecimal digits".to_owned(),
        })
}

impl Item {
    /// The bytes that the item's content and options describe.
    fn content(&self) -> Result<Vec<u8>, AssembleError> {
        if let Some(n) = self.number("zeros")? {
            return Ok(vec![0; usize::try_from(n).unwrap_or(0)]);
        }
        if self.has("empty") {
            return Ok(Vec::new());
        }
        match self.option("as") {
            Some(kind) => assemble(kind, &self.body).map_err(|e| AssembleError {
                line: e.line.saturating_add(self.line),
                message: e.message,
            }),
            None => {
                let text = if self.has("no-newline") {
                    self.body.trim_end_matches('\n')
                } else {
                    &self.body
                };
                Ok(text.as_bytes().to_vec())
            }
        }
    }
}
