//! A model file, whatever its format: what it computes, its arrays, what it says of itself.
//!
//! The one decision: formats that hold models open into this one document, so that rules, `inspect` and the bill of
//! materials are written once for all of them. What an interpreter would read on its own (templates, bytecode, scripts)
//! is no part of it: it goes back to the queue as a member.

use crate::{
    document::{Document, Member, OpenOptions, Opened, TextFile},
    format::Format,
    graph::Graph,
    identify::Identity,
    tensors::{Defect, Tensor},
};
use wellhead_core::{Blob, Outcome};

/// A model.
#[derive(Clone, Debug)]
pub struct Model {
    /// The format it was read from.
    pub format: &'static Format,
    /// What it computes and points at.
    pub graph: Graph,
    /// Its arrays.
    pub tensors: Vec<Tensor>,
    /// What it says of itself, name and value in a sensible order; hostile text.
    pub metadata: Vec<(String, String)>,
    /// What is wrong with it.
    pub defects: Vec<Defect>,
    /// Its text, where the format is one: places are bytes of it.
    pub text: Option<TextFile>,
}

impl Model {
    /// A model of which nothing is known yet.
    pub fn new(format: &'static Format) -> Self {
        Self {
            format,
            graph: Graph::default(),
            tensors: Vec::new(),
            metadata: Vec::new(),
            defects: Vec::new(),
            text: None,
        }
    }

    /// This model, opened.
    pub fn opened(self, members: Vec<Member>, outcome: Outcome, opening: &Opening<'_>) -> Opened {
        Opened {
            document: Document::Model(Box::new(self)),
            members,
            outcome,
            depth: opening.options.depth,
        }
    }
}

/// What a reader of a format is given.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The file's path or the member's name; hostile text.
    pub name: &'a str,
    /// What it was taken for.
    pub identity: &'a Identity,
    /// Its bytes.
    pub blob: &'a Blob,
    /// How it is to be opened.
    pub options: OpenOptions,
}
