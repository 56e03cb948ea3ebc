//! A pickle as a tree of plain data, for taking weights out of it.
//!
//! The machine that judges keeps only what a judgement needs. Here every container is kept, and a call is a node with
//! its callee and its arguments: nothing is called, and whoever reads the tree decides which few callees it takes for
//! data. The one decision: strings and bytes stay in the file as places, so that a checkpoint of any size costs its
//! structure. What a loader would refuse ends the stream here too; what was built before it is kept.

mod builder;

pub(crate) use builder::{Behind, Reading, read};

use super::{
    literal,
    opcode::{self as op, Operand},
    reader::Reader,
};
use std::collections::HashMap;
use wellhead_core::{Blob, Budget, Exhausted};

/// How deep arrays of objects may hold pickles that hold arrays of objects.
const DEPTH: u32 = 8;
/// Longest line that is taken for a number or a name.
const LINE: u64 = 4096;
/// What a node costs, beside its items.
const NODE: u64 = 96;
/// What an item costs.
const ITEM: u64 = 16;
/// Most values that wait on the stack; protocols 0 and 1 push a whole tuple or list before they make it.
const STACK: usize = 1 << 21;
/// Most marks that are open at a time.
const MARKS: usize = 1 << 20;
/// Most values that are kept for later mention; the nodes among them cost more than their number allows.
const MEMO: usize = 1 << 21;

/// How the bytes of a constant are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// UTF-8 text.
    Utf8,
    /// Raw-unicode-escape text.
    RawEscape,
    /// Eight-bit text, or bytes, of Python 2.
    Latin,
    /// The same as a quoted literal with escapes.
    Quoted,
    /// Bytes.
    Bytes,
}

/// A constant's place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) coding: Coding,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// A value of the tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Item {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Something with more to it.
    Node(u32),
    /// Something that is not kept: an integer beyond 64 bits, an out-of-band buffer, an extension.
    Other,
}

/// A value with more to it.
#[derive(Debug)]
pub(crate) enum Node {
    Constant(Place),
    Tuple(Vec<Item>),
    List(Vec<Item>),
    Set(Vec<Item>),
    Dict(Vec<(Item, Item)>),
    Global(Box<(String, String)>),
    Persistent(Item),
    Call(Box<Call>),
}

/// What a call would have returned.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callee: Item,
    pub(crate) args: Item,
    /// What BUILD gave it last.
    pub(crate) state: Option<Item>,
    /// What was appended to it.
    pub(crate) items: Vec<Item>,
    /// What was set in it.
    pub(crate) pairs: Vec<(Item, Item)>,
    /// Raw bytes that joblib wrote behind it.
    pub(crate) raw: Option<Place>,
    /// The root of the pickle that joblib wrote behind it.
    pub(crate) nested: Option<Item>,
    /// It stands for an instance, made without calling more than its class.
    pub(crate) instance: bool,
}

/// Pickles of one file as trees.
pub(crate) struct Tree {
    pub(crate) blob: Blob,
    nodes: Vec<Node>,
    /// The result of each stream that was read.
    pub(crate) roots: Vec<Item>,
    /// Where the last stream ended.
    pub(crate) end: u64,
    /// Why not everything was read.
    pub(crate) partly: Option<String>,
}

impl Tree {
    /// A tree of nothing.
    pub(crate) fn empty() -> Self {
        Self {
            blob: Blob::from_bytes(Vec::new()),
            nodes: Vec::new(),
            roots: Vec::new(),
            end: 0,
            partly: None,
        }
    }

    pub(crate) fn node(&self, item: Item) -> Option<&Node> {
        match item {
            Item::Node(at) => self.nodes.get(at as usize),
            _ => None,
        }
    }

    pub(crate) fn call(&self, item: Item) -> Option<&Call> {
        match self.node(item) {
            Some(Node::Call(call)) => Some(call),
            _ => None,
        }
    }

    /// `module` and `name`, where it is an imported name.
    pub(crate) fn global(&self, item: Item) -> Option<(&str, &str)> {
        let item = match self.node(item)? {
            // Torch's old layout wraps classes of modules into an id, together with their source.
            Node::Persistent(id) => match self.sequence(*id)? {
                [kind, class, ..] if self.text(*kind, 16)? == "module" => *class,
                _ => return None,
            },
            _ => item,
        };
        match self.node(item)? {
            Node::Global(path) => Some((&path.0, &path.1)),
            _ => None,
        }
    }

    /// The callee of a call; of an instance that protocol 0 or 1 makes, its class.
    pub(crate) fn class(&self, call: &Call) -> Option<(&str, &str)> {
        match self.global(call.callee)? {
            ("copyreg" | "copy_reg", "_reconstructor") => {
                self.global(self.sequence(call.args)?.first().copied()?)
            }
            other => Some(other),
        }
    }

    /// The items of a tuple or list.
    pub(crate) fn sequence(&self, item: Item) -> Option<&[Item]> {
        match self.node(item) {
            Some(Node::Tuple(items) | Node::List(items)) => Some(items),
            _ => None,
        }
    }

    /// The text of a string constant, at most `max` bytes of it.
    pub(crate) fn text(&self, item: Item, max: u64) -> Option<String> {
        let Some(Node::Constant(place)) = self.node(item) else {
            return None;
        };
        if place.len > max {
            return None;
        }
        let raw = self
            .blob
            .bytes(place.offset, usize::try_from(place.len).ok()?)
            .ok()?;
        Some(match place.coding {
            Coding::Utf8 => literal::utf8(&raw).into_owned(),
            Coding::RawEscape => literal::raw_unicode(&raw),
            Coding::Latin => literal::latin(&raw),
            Coding::Quoted => literal::latin(&literal::unescape(&raw)),
            Coding::Bytes => return None,
        })
    }

    /// The bytes that a constant stands for. `_codecs.encode` and Python 2 write bytes as text.
    pub(crate) fn bytes(&self, place: Place) -> Option<Blob> {
        let raw = self.blob.slice(place.offset, place.len);
        if raw.len() < place.len {
            return None;
        }
        let whole = || raw.bytes(0, usize::try_from(place.len).ok()?).ok();
        Some(match place.coding {
            Coding::Bytes | Coding::Latin => raw,
            Coding::Quoted => Blob::from_bytes(literal::unescape(&whole()?)),
            Coding::Utf8 => Blob::from_bytes(narrow(&String::from_utf8(whole()?).ok()?)?),
            Coding::RawEscape => Blob::from_bytes(narrow(&literal::raw_unicode(&whole()?))?),
        })
    }
}

/// Text as Latin-1.
fn narrow(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

impl Tree {
    /// What stands last under a key of a dictionary.
    pub(crate) fn get(&self, dict: Item, key: &str) -> Option<Item> {
        let Some(Node::Dict(pairs)) = self.node(dict) else {
            return None;
        };
        pairs
            .iter()
            .rev()
            .find(|(k, _)| self.text(*k, LINE).as_deref() == Some(key))
            .map(|(_, v)| *v)
    }

    /// Every id that a loader would be asked to supply an object for.
    pub(crate) fn persistent_ids(&self) -> impl Iterator<Item = Item> + '_ {
        self.nodes.iter().filter_map(|node| match node {
            Node::Persistent(id) => Some(*id),
            _ => None,
        })
    }

    /// How many values with more to them there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A number of the tree that is not negative.
    pub(crate) fn unsigned(&self, item: Item) -> Option<u64> {
        match item {
            Item::Int(n) => u64::try_from(n).ok(),
            Item::Bool(b) => Some(u64::from(b)),
            // NumPy's integers stand in shapes now and then; they are calls and are left to whoever knows them.
            _ => None,
        }
    }

    /// A tuple or list of numbers that are not negative.
    pub(crate) fn sizes(&self, item: Item) -> Option<Vec<u64>> {
        let item = match self.call(item) {
            // `torch.Size((2, 3))`.
            Some(call) if self.global(call.callee) == Some(("torch", "Size")) => {
                self.sequence(call.args)?.first().copied()?
            }
            _ => item,
        };
        self.sequence(item)?.iter().map(|n| self.unsigned(*n)).collect()
    }
}
