//! The ring of recent containers and calls.
//!
//! A pickle of millions of objects makes each from a tuple of arguments that is needed for a few instructions. So the
//! last few thousand are kept, and what is older is a reference whose kind and callee are still known.

use super::value::{Kind, NodeRef, Value, View};

const NODES: usize = 8 << 10;
const ITEMS: usize = 64 << 10;
/// How many items of one container are kept.
pub(crate) const KEPT: usize = 64;

/// The place of an item in the ring; its size is a power of two.
fn place(at: u64) -> usize {
    (at & (ITEMS as u64).wrapping_sub(1)) as usize
}

/// A container or a call that is still known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    seq: u32,
    pub(crate) callee: Value,
    pub(crate) args: Value,
    start: u64,
    len: u32,
    /// More was put in than is kept.
    pub(crate) cut: bool,
    /// How many values it would hold if nothing in it were shared.
    pub(crate) weight: u64,
    /// An import that was put in after references to it were made.
    pub(crate) of: Option<u32>,
}

/// The ring.
pub(crate) struct Nodes {
    nodes: Vec<Node>,
    items: Vec<Value>,
    next: u32,
    head: u64,
}

impl Nodes {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            items: Vec::new(),
            next: 0,
            head: 0,
        }
    }

    fn put_items(&mut self, items: &[Value]) {
        for item in items {
            let at = place(self.head);
            if let Some(slot) = self.items.get_mut(at) {
                *slot = *item;
            } else {
                self.items.push(*item);
            }
            self.head = self.head.wrapping_add(1);
        }
    }

    /// Makes a node; what `values` hold is known from the reference from now on.
    #[inline]
    pub(crate) fn make(&mut self, kind: Kind, callee: Value, args: Value, values: &[Value]) -> NodeRef {
        let mut of = None;
        let mut opaque = false;
        let mut weight = 1_u64;
        for v in values {
            of = of.or_else(|| v.holds());
            opaque |= v.is_opaque();
            weight = weight.saturating_add(self.weight(*v));
        }
        let kept = values.get(..KEPT).unwrap_or(values);
        let node = Node {
            seq: self.next,
            callee,
            args,
            start: self.head,
            len: kept.len() as u32,
            cut: kept.len() < values.len(),
            weight,
            of,
        };
        self.put_items(kept);
        let at = self.next as usize % NODES;
        if let Some(slot) = self.nodes.get_mut(at) {
            *slot = node;
        } else {
            self.nodes.push(node);
        }
        let seq = self.next;
        self.next = self.next.wrapping_add(1);
        NodeRef {
            kind,
            of,
            opaque,
            seq,
        }
    }

    pub(crate) fn get(&self, node: NodeRef) -> Option<&Node> {
        self.nodes
            .get(node.seq as usize % NODES)
            .filter(|n| n.seq == node.seq)
    }

    fn get_mut(&mut self, node: NodeRef) -> Option<&mut Node> {
        self.nodes
            .get_mut(node.seq as usize % NODES)
            .filter(|n| n.seq == node.seq)
    }

    /// The items that are kept, `None` when they have been overwritten.
    pub(crate) fn items(&self, node: NodeRef) -> Option<impl Iterator<Item = Value> + '_> {
        let n = self.get(node)?;
        if self.head.wrapping_sub(n.start) > ITEMS as u64 {
            return None;
        }
        let range = n.start..n.start.wrapping_add(u64::from(n.len));
        Some(range.filter_map(|at| self.items.get(place(at)).copied()))
    }

    /// The items of a node of which every one is kept.
    pub(crate) fn all_items(&self, node: NodeRef) -> Option<Vec<Value>> {
        if self.get(node)?.cut {
            return None;
        }
        Some(self.items(node)?.collect())
    }

    fn weight(&self, v: Value) -> u64 {
        match v.view() {
            View::Node(n) => self.get(n).map_or(1, |n| n.weight),
            _ => 1,
        }
    }

    /// Adds items to a container and says what its reference is from now on.
    #[inline]
    pub(crate) fn extend(&mut self, mut node: NodeRef, values: &[Value]) -> NodeRef {
        let mut weight = 0_u64;
        for v in values {
            node.of = node.of.or_else(|| v.holds());
            node.opaque |= v.is_opaque();
            weight = weight.saturating_add(self.weight(*v));
        }
        let head = self.head;
        let Some(n) = self.get_mut(node) else { return node };
        n.weight = n.weight.saturating_add(weight);
        n.of = n.of.or(node.of);
        let room = KEPT.saturating_sub(n.len as usize);
        let kept = values.get(..room).unwrap_or(values);
        n.cut |= kept.len() < values.len();
        let (start, len) = (n.start, n.len);
        if kept.is_empty() {
            return node;
        }
        n.len = n.len.saturating_add(kept.len() as u32);
        if start.wrapping_add(u64::from(len)) == head {
            self.put_items(kept);
        } else if head.wrapping_sub(start) <= ITEMS as u64 {
            // Items of a node lie together: the old ones move to the head.
            n.start = head;
            for at in start..start.wrapping_add(u64::from(len)) {
                let old = self.items.get(place(at)).copied();
                self.put_items(&[old.unwrap_or(Value::UNKNOWN)]);
            }
            self.put_items(kept);
        } else {
            n.cut = true;
            n.start = head;
            n.len = kept.len() as u32;
            self.put_items(kept);
        }
        node
    }
}
