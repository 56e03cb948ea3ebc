//! Bytes and text to typed documents.
//!
//! Every parser here reads hostile input: none indexes, adds or unwraps unchecked, each takes the
//! [`Budget`](wellhead_core::Budget), and each has a fuzz target. The one decision: content decides what a file is;
//! its name only adds a mismatch.

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        reason = "tests may fail loudly"
    )
)]

mod ar;
#[cfg(any(test, feature = "assemble"))]
pub mod assemble;
mod bytes;
mod cab;
mod caffe;
mod compressed;
mod coreml;
mod decode;
pub mod disarm;
pub mod document;
mod flatbuffer;
pub mod format;
mod gguf;
pub mod graph;
mod hdf5;
pub mod identify;
mod inflate;
pub mod jinja;
mod json_models;
mod keras;
pub mod listing;
pub mod marshal;
pub mod media;
pub mod model;
mod msgpack;
mod mxnet;
pub mod native;
pub mod npy;
mod onnx;
mod open;
mod paddle;
pub mod pickle;
mod protobuf;
mod r_data;
mod rar;
pub mod safetensors;
mod sevenz;
mod skops;
mod small;
pub mod tar;
mod tensorflow;
pub mod tensors;
pub mod text;
mod torch7;
mod torchscript;
mod ubjson;
pub mod unpack;
pub mod xml;
pub mod zip;

pub use document::{Document, Member, OpenOptions, Opened, Role};
pub use format::{FORMATS, Family, Format, Support};
pub use identify::{Identity, identify, is_named_like_model, may_hide_model};
pub use open::{open, read_text};

#[cfg(test)]
mod tests;
