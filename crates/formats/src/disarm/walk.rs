//! From a tree to tensors with names: dots between keys, the keys of modules as `state_dict` names them.

use super::{
    Disarmed, DroppedKind, Weights,
    leaf::Leaf,
    meaning::{self, Meaning, Spec},
    torch::Storages,
};
use crate::pickle::tree::{Item, Node, Tree};
use std::collections::HashMap;
use wellhead_core::{Budget, code};

/// How deep values are followed; what lies deeper is named as dropped.
const DEPTH: usize = 100;
/// Longest name.
const NAME: usize = 1024;
/// How many values of plain data are tried as one list.
const LIST: usize = 1024;
/// How much plain data is kept, in bytes of JSON.
const LEAVES: usize = 4 << 20;

/// Puts the values under `root` into `out`.
pub(super) struct Walker<'a, 'b> {
    pub(super) tree: &'a Tree,
    pub(super) storages: &'a Storages,
    pub(super) out: &'a mut Disarmed,
    pub(super) budget: &'b mut Budget,
    /// Windows of storages that were met, and the name of the first.
    seen: HashMap<String, String>,
    /// How many values may still be visited: shared values make a small file a large tree.
    visits: u64,
    /// Bytes that shared or repeated elements may add.
    pub(super) room: u64,
    leaves: usize,
    /// Inside the arguments of a call whose result is unknown.
    in_call: bool,
}

impl<'a, 'b> Walker<'a, 'b> {
    pub(super) fn new(
        tree: &'a Tree,
        storages: &'a Storages,
        out: &'a mut Disarmed,
        budget: &'b mut Budget,
    ) -> Self {
        Self {
            visits: (tree.len() as u64).saturating_mul(4).saturating_add(1 << 16),
            room: tree.blob.len().saturating_mul(4).saturating_add(64 << 20),
            tree,
            storages,
            out,
            budget,
            seen: HashMap::new(),
            leaves: 0,
            in_call: false,
        }
    }

    pub(super) fn walk(&mut self, root: Item) {
        self.value(root, "", 0);
    }

    fn value(&mut self, item: Item, path: &str, depth: usize) {
        if depth > DEPTH || path.len() > NAME {
            self.out.drop(DroppedKind::Value, path, "lies too deep");
            return;
        }
        self.visits = self.visits.saturating_sub(1);
        if self.visits == 0 {
            self.out
                .partly("its values are shared so often that they cannot all be written out");
        }
        if self.budget.steps(1).is_err() {
            self.visits = 0;
        }
        if self.visits == 0 {
            return;
        }
        let below = depth.saturating_add(1);
        match meaning::of(self.tree, self.storages, item, self.budget) {
            Meaning::Leaf(leaf) => self.leaf(path, leaf),
            Meaning::Alias(inner) => self.value(inner, path, below),
            Meaning::Tensor(spec) => self.tensor(*spec, path),
            Meaning::Refused(why) => self.out.drop(DroppedKind::Tensor, path, &why),
            Meaning::Dropped(_) if self.in_call => {}
            Meaning::Dropped(what) => self.out.drop(DroppedKind::Value, path, &what),
            Meaning::Mapping(pieces) => {
                for pairs in pieces {
                    self.pairs(&pairs, path, below);
                }
            }
            Meaning::Sequence(pieces) => self.sequence(&pieces, path, below),
            Meaning::Parts(parts) => {
                for (name, part) in parts {
                    self.value(part, &joined(path, name), below);
                }
            }
            Meaning::Object {
                class,
                state,
                args,
                items,
                pairs,
            } => {
                self.out.object(&class);
                self.each(&args, path, below);
                if let Some(state) = state {
                    self.state(state, path, below);
                }
                self.pairs(pairs, path, below);
                self.each(items, path, below);
            }
            Meaning::Unknown { callee, args } => {
                let why = format!("what {} would have returned is unknown", code(&callee));
                self.out.drop(DroppedKind::Call, path, &why);
                // Tensors that were handed to it are data; its other arguments are none of the model's values.
                let inside = std::mem::replace(&mut self.in_call, true);
                self.each(args, path, below);
                self.in_call = inside;
            }
        }
    }

    /// The attributes of an instance: a dictionary, or a pair of two.
    fn state(&mut self, state: Item, path: &str, depth: usize) {
        if depth > DEPTH {
            return;
        }
        match self.tree.node(state) {
            Some(Node::Dict(pairs)) => {
                let module = ["_parameters", "_modules"]
                    .iter()
                    .all(|key| self.tree.get(state, key).is_some());
                if module {
                    self.module(pairs, path, depth);
                } else {
                    self.pairs(pairs, path, depth);
                }
            }
            Some(Node::Tuple(items)) if items.len() == 2 => {
                for item in items {
                    if *item != Item::None {
                        self.state(*item, path, depth.saturating_add(1));
                    }
                }
            }
            _ => self.value(state, path, depth),
        }
    }

    /// The attributes of a torch module: parameters, buffers and modules stand under the module's own name, as
    /// `state_dict` has them. Of the rest only what is there says anything.
    fn module(&mut self, pairs: &[(Item, Item)], path: &str, depth: usize) {
        for (key, value) in pairs {
            let Some(name) = self.key(*key) else { continue };
            if matches!(name.as_str(), "_parameters" | "_buffers" | "_modules") {
                if let Meaning::Mapping(inner) = meaning::of(self.tree, self.storages, *value, self.budget) {
                    // A parameter that a module does without is `None`, and `state_dict` leaves it out.
                    let there = inner.iter().flat_map(|piece| piece.iter());
                    for pair in there.filter(|(_, v)| *v != Item::None) {
                        self.pairs(std::slice::from_ref(pair), path, depth);
                    }
                } else {
                    self.value(*value, path, depth);
                }
                continue;
            }
            let empty = match meaning::of(self.tree, self.storages, *value, self.budget) {
                Meaning::Mapping(inner) => inner.iter().all(|piece| piece.is_empty()),
                Meaning::Sequence(inner) => inner.iter().all(|piece| piece.is_empty()),
                Meaning::Leaf(Leaf::Null) => true,
                _ => false,
            };
            if !empty {
                self.value(*value, &joined(path, &name), depth);
            }
        }
    }

    fn pairs(&mut self, pairs: &[(Item, Item)], path: &str, depth: usize) {
        for (key, value) in pairs {
            if self.visits == 0 {
                return;
            }
            match self.key(*key) {
                Some(key) => self.value(*value, &joined(path, &key), depth),
                None => self.value(*value, &joined(path, "?"), depth),
            }
        }
    }

    fn key(&self, key: Item) -> Option<String> {
        match key {
            Item::Int(n) => Some(n.to_string()),
            Item::Bool(b) => Some(b.to_string()),
            Item::Float(n) => Some(n.to_string()),
            Item::None => Some("None".to_owned()),
            _ => match self.tree.sequence(key) {
                Some(parts) if parts.len() <= 4 => {
                    let parts: Option<Vec<String>> = parts
                        .iter()
                        .map(|p| match p {
                            Item::Int(n) => Some(n.to_string()),
                            other => self.tree.text(*other, NAME as u64),
                        })
                        .collect();
                    parts.map(|p| p.join("."))
                }
                _ => self.tree.text(key, NAME as u64),
            },
        }
    }

    fn sequence(&mut self, pieces: &[&[Item]], path: &str, depth: usize) {
        let mut left = LIST;
        if let Some(leaf) = self.plain(pieces, &mut left, depth) {
            self.leaf(path, leaf);
            return;
        }
        let items = pieces.iter().copied().flatten();
        self.numbered(items, path, depth);
    }

    fn each(&mut self, items: &[Item], path: &str, depth: usize) {
        self.numbered(items.iter(), path, depth);
    }

    fn numbered<'i>(&mut self, items: impl Iterator<Item = &'i Item>, path: &str, depth: usize) {
        for (i, item) in items.enumerate() {
            if self.visits == 0 {
                return;
            }
            self.value(*item, &joined(path, &i.to_string()), depth);
        }
    }

    /// A list of plain data as one value; `None` where something in it is more than that, or it is too long.
    fn plain(&mut self, pieces: &[&[Item]], left: &mut usize, depth: usize) -> Option<Leaf> {
        if depth > DEPTH {
            return None;
        }
        let mut leaves = Vec::new();
        for item in pieces.iter().copied().flatten() {
            *left = left.checked_sub(1)?;
            self.budget.steps(1).ok()?;
            leaves.push(match meaning::of(self.tree, self.storages, *item, self.budget) {
                Meaning::Leaf(leaf) => leaf,
                Meaning::Sequence(inner) => self.plain(&inner, left, depth.saturating_add(1))?,
                _ => return None,
            });
        }
        Some(Leaf::List(leaves))
    }

    fn leaf(&mut self, path: &str, leaf: Leaf) {
        if self.in_call {
            return;
        }
        let size = leaf.json().len().saturating_add(path.len());
        self.leaves = self.leaves.saturating_add(size);
        if self.leaves > LEAVES {
            self.out.drop(
                DroppedKind::Value,
                path,
                "more plain data than is kept beside the tensors",
            );
            return;
        }
        let name = if path.is_empty() { "value" } else { path };
        self.out.leaves.insert(name.to_owned(), leaf);
    }

    /// Takes a tensor, if it can be written.
    pub(super) fn tensor(&mut self, spec: Spec, path: &str) {
        let Spec {
            dtype,
            layout,
            storage,
            extra,
        } = spec;
        let name = if path.is_empty() { "tensor" } else { path };
        let Some(type_name) = dtype.name else {
            let why = format!("its elements are {}, which safetensors cannot hold", dtype.kind);
            self.out.drop(DroppedKind::Tensor, name, &why);
            return;
        };
        if let Some(why) = layout.fault() {
            self.out.drop(DroppedKind::Tensor, name, &why);
            return;
        }
        let bytes = layout.bytes().unwrap_or(u64::MAX);
        let key = storage.map(|id| {
            format!(
                "{id}\n{type_name} {} {:?} {:?}",
                layout.offset, layout.shape, layout.strides
            )
        });
        let first = key.as_ref().and_then(|k| self.seen.get(k)).cloned();
        // What is shared or repeated is written out each time.
        let beyond = if first.is_some() {
            bytes
        } else {
            bytes.saturating_sub(layout.source.len())
        };
        match self.room.checked_sub(beyond) {
            Some(room) => self.room = room,
            None => {
                let why = format!("it repeats its elements to {bytes} bytes");
                self.out.drop(DroppedKind::Tensor, name, &why);
                return;
            }
        }
        if self.budget.entries(1).is_err() {
            self.out.partly("it has more tensors than are taken");
            return;
        }
        let name = self.out.unique(name);
        for (what, leaf) in extra {
            self.leaf(&joined(&name, what), leaf);
        }
        match (first, key) {
            (Some(first), _) => drop(self.out.aliases.insert(name.clone(), first)),
            (None, Some(key)) => drop(self.seen.insert(key, name.clone())),
            (None, None) => {}
        }
        self.out.weights.push(Weights {
            name,
            dtype: type_name,
            shape: layout.shape.clone(),
            bytes,
            layout,
        });
    }
}

fn joined(path: &str, key: &str) -> String {
    match (path, key) {
        ("", key) => key.to_owned(),
        (path, "") => path.to_owned(),
        (path, key) => format!("{path}.{key}"),
    }
}
