//! Weights out of models that would run code, without running any.
//!
//! A pickle is a program, and what it rebuilds in the end is mostly tensors: numbers that lie in the file as they are.
//! So the tensors can be had by reading the program instead of running it. The one decision: what is not provably data
//! is left out and named; nothing is guessed. Tensors are windows into the file that are read when they are written,
//! so a checkpoint of any size costs its structure.

mod dtype;
mod layout;
mod leaf;
mod meaning;
mod numpy;
mod tar;
#[cfg(test)]
mod tests;
mod torch;
mod walk;
mod write;

pub use leaf::Leaf;

use crate::{
    document::{Document, Member, OpenOptions, Role},
    format::{Format, table as t},
    identify,
    open::open,
    pickle::{
        TORCH_MAGIC,
        tree::{self, Item, Reading, Tree},
    },
};
use layout::Layout;
use meaning::Spec;
use std::collections::{BTreeMap, BTreeSet};
use torch::Storages;
use walk::Walker;
use wellhead_core::{Blob, Budget, code};

/// How many things that were left out are listed.
const LISTED: usize = 10_000;

/// A tensor that can be written.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Its name, unique; hostile text.
    pub name: String,
    /// Its element type, as safetensors names it.
    pub dtype: &'static str,
    /// Its shape.
    pub shape: Vec<u64>,
    /// How many bytes are written.
    pub bytes: u64,
    layout: Layout,
}

/// Something that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// What kind of thing.
    pub kind: DroppedKind,
    /// Where it stood; hostile text.
    pub path: String,
    /// What it is, or why it was left out; escaped.
    pub why: String,
}

/// What kind of thing was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DroppedKind {
    /// A tensor.
    Tensor,
    /// What a call would have returned.
    Call,
    /// A value that is no tensor and that JSON cannot hold.
    Value,
}

impl DroppedKind {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tensor => "tensor",
            Self::Call => "call",
            Self::Value => "value",
        }
    }
}

/// What could be taken out of a model.
#[derive(Clone, Debug)]
pub struct Disarmed {
    /// The format it was taken from.
    pub format: &'static Format,
    /// Its tensors, in the order of the model.
    pub weights: Vec<Weights>,
    /// Plain data beside them, by path.
    pub leaves: BTreeMap<String, Leaf>,
    /// Tensors that share their elements with one before them, and its name.
    pub aliases: BTreeMap<String, String>,
    /// Classes whose instances became their attributes, and how many there were of each.
    pub objects: BTreeMap<String, u64>,
    /// What was left out.
    pub dropped: Vec<Dropped>,
    /// Why not everything was looked at.
    pub partly: Option<String>,
    /// Who the tensors are for, as the usual loaders of safetensors ask: `pt` or `np`.
    framework: &'static str,
    names: BTreeSet<String>,
}

impl Disarmed {
    fn new(format: &'static Format, framework: &'static str) -> Self {
        Self {
            format,
            weights: Vec::new(),
            leaves: BTreeMap::new(),
            aliases: BTreeMap::new(),
            objects: BTreeMap::new(),
            dropped: Vec::new(),
            partly: None,
            framework,
            // The one name that a header has for itself.
            names: BTreeSet::from(["__metadata__".to_owned()]),
        }
    }

    fn drop(&mut self, kind: DroppedKind, path: &str, why: &str) {
        if self.dropped.len() < LISTED {
            self.dropped.push(Dropped {
                kind,
                path: path.to_owned(),
                why: why.to_owned(),
            });
        } else {
            self.partly(&format!("more than {LISTED} things were left out"));
        }
    }

    fn partly(&mut self, why: &str) {
        self.partly.get_or_insert_with(|| why.to_owned());
    }

    fn object(&mut self, class: &str) {
        if self.objects.len() < LISTED {
            let count = self.objects.entry(class.to_owned()).or_insert(0);
            *count = count.saturating_add(1);
        }
    }

    /// The name, with a number where another tensor has it already.
    fn unique(&mut self, name: &str) -> String {
        let mut candidate = name.to_owned();
        let mut n = 2_u32;
        while !self.names.insert(candidate.clone()) {
            candidate = format!("{name}#{n}");
            // Ever larger steps, so that a thousand equal names do not take a million tries.
            n = n.saturating_add(1).saturating_add(n / 8);
        }
        candidate
    }

    /// The tensors that were left out.
    pub fn refused(&self) -> impl Iterator<Item = &Dropped> {
        self.dropped.iter().filter(|d| d.kind == DroppedKind::Tensor)
    }
}

/// A file that is no model whose weights can be taken, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsuitable(String);

/// Takes the weights out of a model.
///
/// # Errors
/// Where the file is of a format that holds no weights that could be taken.
pub fn disarm(name: &str, blob: &Blob, budget: &mut Budget) -> Result<Disarmed, Unsuitable> {
    let identity = identify::identify(name, Role::Plain, blob, budget);
    let format = identity.format;
    if *format == t::TORCH_LEGACY {
        return Ok(legacy(format, blob, budget));
    }
    if *format == t::PICKLE {
        // With frames and length prefixes the number stands a little behind the beginning.
        let head = blob.bytes(0, 64).unwrap_or_default();
        if head.windows(TORCH_MAGIC.len()).any(|w| w == TORCH_MAGIC) {
            return Ok(legacy(format, blob, budget));
        }
        return Ok(pickled(format, blob, budget));
    }
    let opened = open(name, &identity, blob, OpenOptions::default(), budget);
    match &opened.document {
        Document::Zip(_) => {
            let members = &opened.members;
            let checkpoint = [&t::TORCH_ZIP, &t::TORCHSCRIPT].contains(&format);
            if checkpoint && let Some(found) = checkpoint_of(format, members, budget) {
                return Ok(found);
            }
            if *format == t::NPZ {
                return Ok(npz(format, members, budget));
            }
            let weights = members.iter().find(|m| m.name == "model.weights.h5");
            if let Some(weights) = weights.filter(|_| *format == t::KERAS) {
                let body = weights.body(budget);
                return disarm(&weights.name, &body.blob, budget);
            }
        }
        Document::Tar(_) if *format == t::TORCH_TAR => {
            return Ok(first_layout(format, &opened.members, budget));
        }
        Document::Compressed(_) => {
            if let Some(member) = opened.members.first() {
                budget.enter().map_err(|e| Unsuitable(format!("it is {e}")))?;
                let body = member.body(budget);
                return disarm(&member.name, &body.blob, budget);
            }
        }
        Document::Npy(array) if array.objects => {
            if let Some(member) = opened.members.first() {
                let body = member.body(budget);
                return Ok(pickled(format, &body.blob, budget));
            }
        }
        Document::Npy(_) => {
            let mut out = Disarmed::new(format, "np");
            npy(&mut out, "tensor", blob, budget);
            return Ok(out);
        }
        // Others place their tensors in other files, or in an order of their own.
        document if [&t::SAFETENSORS, &t::HDF5].contains(&format) => {
            return Ok(described(format, document, blob, budget));
        }
        _ => {}
    }
    Err(Unsuitable(format!(
        "it is {}, which holds no weights that could be taken",
        format.with_article()
    )))
}

const ONE: Reading = Reading {
    streams: 1,
    behind: numpy::behind,
};

/// A pickle by itself: NumPy's, joblib's, or torch's through the pickle module.
fn pickled(format: &'static Format, blob: &Blob, budget: &mut Budget) -> Disarmed {
    let tree = tree::read(blob, 0, ONE, budget);
    let mut out = Disarmed::new(format, "np");
    take(
        &tree,
        &Storages::default(),
        tree.roots.first().copied(),
        &mut out,
        budget,
    );
    out
}

fn legacy(format: &'static Format, blob: &Blob, budget: &mut Budget) -> Disarmed {
    let mut out = Disarmed::new(format, "pt");
    match torch::legacy(blob, budget) {
        Ok((tree, storages)) => take(&tree, &storages, tree.roots.get(3).copied(), &mut out, budget),
        Err(why) => out.partly(&why),
    }
    out
}

fn take(tree: &Tree, storages: &Storages, root: Option<Item>, out: &mut Disarmed, budget: &mut Budget) {
    if let Some(why) = &tree.partly {
        out.partly(why);
    }
    match root {
        Some(root) => Walker::new(tree, storages, out, budget).walk(root),
        None => out.partly("the pickle returns nothing"),
    }
    if let Some(why) = budget.exhausted() {
        out.partly(&why.to_string());
    }
}

/// A checkpoint in a zip archive: the pickle of the folder that has one, and the storages beside it.
fn checkpoint_of(format: &'static Format, members: &[Member], budget: &mut Budget) -> Option<Disarmed> {
    let pickle = members
        .iter()
        .find(|m| m.role == Role::Pickle && (m.name == "data.pkl" || m.name.ends_with("/data.pkl")))?;
    let root = pickle.name.strip_suffix("data.pkl")?;
    let mut storages = Storages::default();
    for member in members {
        let Some(rest) = member.name.strip_prefix(root) else {
            continue;
        };
        if let Some(key) = rest.strip_prefix("data/") {
            storages.by_key.insert(key.to_owned(), member.body(budget).blob);
        } else if rest == "byteorder" {
            storages.big = member.body(budget).blob.bytes(0, 8).ok()? == b"big";
        }
    }
    let body = pickle.body(budget);
    let tree = tree::read(&body.blob, 0, ONE, budget);
    let mut out = Disarmed::new(format, "pt");
    let whole: u64 = members
        .iter()
        .map(|m| m.size.min(m.stored.saturating_mul(1100)))
        .sum();
    if let Some(why) = body.outcome.why() {
        out.partly(why);
    }
    if let Some(why) = &tree.partly {
        out.partly(why);
    }
    match tree.roots.first().copied() {
        Some(root) => {
            let mut walker = Walker::new(&tree, &storages, &mut out, budget);
            walker.room = walker.room.saturating_add(whole.saturating_mul(4));
            walker.walk(root);
        }
        None => out.partly("the pickle returns nothing"),
    }
    Some(out)
}

/// Torch's first layout.
fn first_layout(format: &'static Format, members: &[Member], budget: &mut Budget) -> Disarmed {
    let mut out = Disarmed::new(format, "pt");
    let mut body = |name: &str| {
        let member = members.iter().find(|m| m.name == name)?;
        Some(member.body(budget).blob)
    };
    let (Some(pickle), Some(storages), Some(tensors)) = (body("pickle"), body("storages"), body("tensors"))
    else {
        out.partly("one of its three parts is not there");
        return out;
    };
    match tar::storages(&storages, &tensors, budget) {
        Ok(found) => {
            let tree = tree::read(&pickle, 0, ONE, budget);
            take(&tree, &found, tree.roots.first().copied(), &mut out, budget);
        }
        Err(why) => out.partly(&why),
    }
    out
}

fn npz(format: &'static Format, members: &[Member], budget: &mut Budget) -> Disarmed {
    let mut out = Disarmed::new(format, "np");
    for member in members {
        if budget.entries(1).is_err() {
            out.partly("it has more members than are looked at");
            break;
        }
        let name = member
            .name
            .strip_suffix(".npy")
            .unwrap_or(&member.name)
            .to_owned();
        let body = member.body(budget);
        match body.outcome.why() {
            Some(why) => out.drop(DroppedKind::Tensor, &name, why),
            None => npy(&mut out, &name, &body.blob, budget),
        }
    }
    out
}

/// One NumPy file.
fn npy(out: &mut Disarmed, name: &str, blob: &Blob, budget: &mut Budget) {
    let identity = identify::identify("array.npy", Role::As(&t::NPY), blob, budget);
    let opened = open("array.npy", &identity, blob, OpenOptions::default(), budget);
    let Document::Npy(array) = &opened.document else {
        out.drop(DroppedKind::Tensor, name, "not an array");
        return;
    };
    if array.objects {
        out.drop(
            DroppedKind::Tensor,
            name,
            "an array of Python objects, which only a pickle can hold",
        );
        return;
    }
    if let Some(why) = opened.outcome.why() {
        out.drop(DroppedKind::Tensor, name, why);
        return;
    }
    let tensor = &array.tensor;
    let Some(found) = dtype::named(&tensor.dtype) else {
        let why = format!("safetensors cannot hold its element type {}", code(&tensor.dtype));
        out.drop(DroppedKind::Tensor, name, &why);
        return;
    };
    let bytes = tensor.bytes.clone();
    let source = blob.slice(bytes.start, bytes.end.saturating_sub(bytes.start));
    let spec = numpy::spec(found, tensor.shape.clone(), array.columns, source);
    put(out, name, spec, budget);
}

/// The tensors of a format that describes them itself.
fn described(format: &'static Format, document: &Document, blob: &Blob, budget: &mut Budget) -> Disarmed {
    let mut out = Disarmed::new(format, "pt");
    for tensor in document.tensors() {
        let bytes = tensor.bytes.clone();
        let source = blob.slice(bytes.start, bytes.end.saturating_sub(bytes.start));
        let Some(found) = dtype::named(&tensor.dtype) else {
            let why = format!("safetensors cannot hold its element type {}", code(&tensor.dtype));
            out.drop(DroppedKind::Tensor, &tensor.name, &why);
            continue;
        };
        let spec = numpy::spec(found, tensor.shape.clone(), false, source);
        if spec.layout.bytes() != Some(spec.layout.source.len()) {
            let why = "its elements do not lie in the file in one piece";
            out.drop(DroppedKind::Tensor, &tensor.name, why);
            continue;
        }
        put(&mut out, &tensor.name, spec, budget);
    }
    if let Document::Safetensors(file) = document {
        for (key, value) in &file.metadata {
            out.leaves.insert(key.clone(), Leaf::Text(value.clone()));
        }
    }
    out
}

/// Adds a tensor that fills its bytes.
fn put(out: &mut Disarmed, name: &str, spec: Spec, budget: &mut Budget) {
    let tree = Tree::empty();
    Walker::new(&tree, &Storages::default(), out, budget).tensor(spec, name);
}
