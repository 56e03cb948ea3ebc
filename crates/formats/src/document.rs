//! An artifact opened: a typed document, and the members that go back to the queue.
//!
//! The one decision: a container never reads its members while it is opened. It hands out [`Member`]s, each of which
//! knows where its bytes are and pays for them when [`Member::body`] is called, so that a container of a million
//! members costs its directory and no more memory than one member needs at a time.

use crate::{
    decode::Lazy,
    format::Format,
    graph::Graph,
    listing::Listing,
    marshal,
    model::Model,
    native, npy, pickle, safetensors, tar,
    tensors::{Defect, Tensor},
    text, zip,
};
use std::sync::Arc;
use wellhead_core::{Blob, Budget, Depth, Outcome};

/// How an artifact is to be opened.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// How much is read.
    pub depth: Depth,
    /// What the container said of it; [`Role::Plain`] for a file.
    pub role: Role,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            depth: Depth::Headers,
            role: Role::Plain,
        }
    }
}

/// What a container's loader does with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Role {
    /// Nothing that is known: its content decides.
    #[default]
    Plain,
    /// Unpickles it, whatever it looks like.
    Pickle,
    /// Unpickles it if it is allowed to: the elements of a NumPy array of objects.
    Objects,
    /// Takes it for raw numbers. Random bytes look like anything, so it is only taken for something else when that
    /// something is whole.
    Tensor,
    /// Compiles it as TorchScript, which looks like Python and is not.
    TorchScript,
    /// Reads it as this format, whatever else it looks like: the second reading of a file that has several.
    As(&'static Format),
}

/// What an artifact holds.
#[derive(Clone, Debug)]
pub enum Document {
    /// A zip archive, whatever is built on it.
    Zip(Box<zip::Archive>),
    /// A tar archive.
    Tar(Box<tar::Archive>),
    /// A container of another format, as the list of its members.
    Archive(Box<Listing>),
    /// One compressed artifact.
    Compressed(Compressed),
    /// A safetensors file.
    Safetensors(Box<safetensors::File>),
    /// A NumPy array.
    Npy(Box<npy::Array>),
    /// Pickles, as the program that they are.
    Pickle(Box<pickle::Program>),
    /// A model of any other format.
    Model(Box<Model>),
    /// Compiled Python.
    Bytecode(Box<marshal::Bytecode>),
    /// Native code.
    Native(Box<native::Native>),
    /// Structured text.
    Data(Box<DataFile>),
    /// Other text.
    Text(TextFile),
    /// Nothing that is read further.
    Opaque,
}

impl Document {
    /// The arrays in it, whatever the format.
    pub fn tensors(&self) -> &[Tensor] {
        match self {
            Self::Safetensors(file) => &file.tensors,
            Self::Npy(array) => std::slice::from_ref(&array.tensor),
            Self::Model(model) => &model.tensors,
            _ => &[],
        }
    }

    /// What it computes and points at, if it is a model that says so.
    pub fn graph(&self) -> Option<&Graph> {
        match self {
            Self::Model(model) => Some(&model.graph),
            _ => None,
        }
    }

    /// What is wrong with it, whatever the format.
    pub fn defects(&self) -> &[Defect] {
        match self {
            Self::Safetensors(file) => &file.defects,
            Self::Model(model) => &model.defects,
            _ => &[],
        }
    }
}

/// Text, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// The text.
    pub text: Arc<str>,
    /// How it was encoded.
    pub encoding: Encoding,
}

/// How a text was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8; offsets into the text are offsets into the file.
    Utf8,
    /// UTF-8 after a byte order mark.
    Utf8Bom,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Bytes that are not UTF-8 were replaced.
    Lossy,
}

/// Structured text with its tree.
#[derive(Clone, Debug)]
pub struct DataFile {
    /// The text.
    pub text: TextFile,
    /// Its tree, or why there is none.
    pub root: Result<text::Node, text::SyntaxError>,
}

/// What a compressed stream holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// The format, by name.
    pub format: &'static Format,
    /// The file's name as the stream gives it.
    pub name: Option<String>,
    /// How many streams follow one another.
    pub streams: u64,
    /// Bytes that came out.
    pub expanded: u64,
    /// Bytes after the last stream.
    pub trailing: u64,
    /// What is wrong with it, a phrase each.
    pub damage: Vec<String>,
}

/// An artifact after opening.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it holds.
    pub document: Document,
    /// What goes back to the queue, in the order of the container.
    pub members: Vec<Member>,
    /// How it ended. Of a container: how reading its directory ended; each member has an outcome of its own.
    pub outcome: Outcome,
    /// How much was read.
    pub depth: Depth,
}

/// A part of a container that is an artifact of its own.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name, unique in the container; hostile text.
    pub name: String,
    /// What the loader does with it.
    pub role: Role,
    /// Its size as the container gives it.
    pub size: u64,
    /// How many bytes of the container it takes.
    pub stored: u64,
    /// Readers that trust the directory do not see it.
    pub hidden: bool,
    pub(crate) source: MemberSource,
}

/// Where a member's bytes come from.
#[derive(Clone, Debug)]
pub(crate) enum MemberSource {
    /// They lie in the container as they are.
    Stored(Blob),
    /// They are deflated.
    Deflated(Blob),
    /// They are deflated if they can be inflated, else as they are.
    Guess(Blob),
    /// They are a part, from here on and of this length, of something that has to be decoded first.
    Part(Lazy, u64, u64),
    /// They cannot be had, and why.
    Unreadable(String),
}

/// A member's bytes.
#[derive(Clone, Debug)]
pub struct Body {
    /// The bytes, as many as could be had.
    pub blob: Blob,
    /// Whether these are all; combine it with the outcome of what they hold.
    pub outcome: Outcome,
}

impl Member {
    /// A part of `blob` that lies in it as it is.
    pub fn stored(name: impl Into<String>, role: Role, blob: Blob) -> Self {
        Self {
            name: name.into(),
            role,
            size: blob.len(),
            stored: blob.len(),
            hidden: false,
            source: MemberSource::Stored(blob),
        }
    }

    /// Bytes that were decoded from the container, such as a text out of a string. Whoever makes one has paid for them.
    pub fn decoded(name: impl Into<String>, role: Role, bytes: impl Into<Vec<u8>>) -> Self {
        Self::stored(name, role, Blob::from_bytes(bytes.into()))
    }

    /// The member's bytes; pays for decompression.
    pub fn body(&self, budget: &mut Budget) -> Body {
        self.source.body(budget)
    }
}
