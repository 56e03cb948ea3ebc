//! Nodes of a graph or a function, and which part of the model runs each.
//!
//! What saves and restores a model reads and writes files by its nature; the same operator in what answers requests does
//! not. So each function is sorted by who reaches it: what answers (signatures, what runs at loading, what callers may
//! call by name), what saves, or nobody that the file names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use wellhead_core::{Budget, Exhausted};

/// How far operands are followed to a constant.
const MAX_HOPS: usize = 12;
/// How many operands of a node are looked at on the way; every node may lead to one that has millions.
const MAX_OPERANDS: usize = 64;

/// A node.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) op: String,
    pub(super) inputs: Vec<String>,
    /// Functions that its attributes name.
    pub(super) calls: Vec<String>,
    /// The text that it stands for, if it is a constant of one.
    pub(super) constant: Option<String>,
    /// Texts among its attributes.
    pub(super) texts: Vec<(String, String)>,
    pub(super) at: u64,
    pub(super) length: u64,
}

/// The main graph, or a function.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Empty for the main graph.
    pub(super) name: String,
    pub(super) nodes: Vec<Node>,
    index: HashMap<String, usize>,
}

/// Who runs a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Nobody whom the file names.
    Loose,
    /// What saves and restores.
    Saver,
    /// What answers requests or runs when the model is loaded.
    Served,
}

/// What the file names as beginnings.
#[derive(Debug, Default)]
pub(super) struct Roots {
    pub(super) saver: Vec<String>,
    pub(super) served: Vec<String>,
    /// Functions that callers may call by name.
    pub(super) functions: Vec<String>,
}

impl Body {
    pub(super) fn push(&mut self, node: Node, budget: &mut Budget) -> Result<(), Exhausted> {
        let names = node.inputs.iter().chain(&node.calls);
        let names: usize = names.map(|name| name.len().saturating_add(48)).sum();
        let texts: usize = node
            .texts
            .iter()
            .map(|(n, v)| n.len().saturating_add(v.len()))
            .sum();
        let cost = node
            .name
            .len()
            .saturating_mul(2)
            .saturating_add(node.op.len())
            .saturating_add(node.constant.as_ref().map_or(0, String::len))
            .saturating_add(names)
            .saturating_add(texts);
        budget.memory((cost as u64).saturating_add(280))?;
        self.index.insert(node.name.clone(), self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    /// The node that an operand names: `node`, `node:1`, `node:output:0`, `^node`.
    fn operand(&self, input: &str) -> Option<usize> {
        let bare = input.trim_start_matches('^');
        let name = bare.split(':').next().unwrap_or(bare);
        self.index.get(name).copied()
    }

    /// The nodes that the named ones need, themselves among them.
    fn reached(&self, roots: &[String], budget: &mut Budget) -> Result<Vec<bool>, Exhausted> {
        let mut seen = vec![false; self.nodes.len()];
        let mut queue: Vec<usize> = roots.iter().filter_map(|r| self.operand(r)).collect();
        while let Some(at) = queue.pop() {
            let Some(mark) = seen.get_mut(at).filter(|mark| !**mark) else {
                continue;
            };
            *mark = true;
            let Some(node) = self.nodes.get(at) else { continue };
            budget.steps(1_u64.saturating_add(node.inputs.len() as u64))?;
            queue.extend(node.inputs.iter().filter_map(|i| self.operand(i)));
        }
        Ok(seen)
    }

    /// The text that an operand stands for, as far as it is a constant: the beginning of what is joined to it.
    pub(super) fn text_of(&self, node: &Node, operand: usize) -> Option<&str> {
        let data = |n: &Node, operand: usize| {
            n.inputs
                .iter()
                .take(MAX_OPERANDS)
                .filter(|i| !i.starts_with('^'))
                .nth(operand)
                .cloned()
        };
        let mut input = data(node, operand)?;
        for _ in 0..MAX_HOPS {
            let node = self.nodes.get(self.operand(&input)?)?;
            if let Some(text) = &node.constant {
                return Some(text);
            }
            let passes = matches!(
                node.op.as_str(),
                "Identity"
                    | "IdentityN"
                    | "PlaceholderWithDefault"
                    | "Reshape"
                    | "ExpandDims"
                    | "Squeeze"
                    | "Pack"
                    | "ConcatV2"
                    | "StringJoin"
                    | "Snapshot"
                    | "StopGradient"
                    | "ShardedFilename"
                    | "AsString"
            );
            input = data(node, 0).filter(|_| passes)?;
        }
        None
    }

    /// The text that a branch compares with to take its way, if it does.
    pub(super) fn trigger(&self, node: &Node) -> Option<&str> {
        let mut queue = vec![(node.inputs.first()?.clone(), 0_usize)];
        let mut steps = 0_usize;
        while let Some((input, hops)) = queue.pop() {
            steps = steps.saturating_add(1);
            if hops > MAX_HOPS || steps > 64 {
                return None;
            }
            let Some(at) = self.operand(&input) else { continue };
            let Some(node) = self.nodes.get(at) else { continue };
            if matches!(node.op.as_str(), "Equal" | "NotEqual")
                && let Some(text) = self.text_of(node, 0).or_else(|| self.text_of(node, 1))
            {
                return Some(text);
            }
            let boolean = matches!(
                node.op.as_str(),
                "Identity"
                    | "Squeeze"
                    | "Reshape"
                    | "All"
                    | "Any"
                    | "LogicalAnd"
                    | "LogicalOr"
                    | "LogicalNot"
                    | "ReduceAny"
            );
            if boolean {
                let inputs = node.inputs.iter().take(MAX_OPERANDS);
                queue.extend(inputs.map(|i| (i.clone(), hops.saturating_add(1))));
            }
        }
        None
    }
}

/// Which part runs each node of the main graph, and each function.
pub(super) struct Parts {
    pub(super) main: Vec<Part>,
    functions: BTreeMap<String, Part>,
}

impl Parts {
    pub(super) fn of(
        main: &Body,
        functions: &[Body],
        roots: &Roots,
        budget: &mut Budget,
    ) -> Result<Self, Exhausted> {
        let served = main.reached(&roots.served, budget)?;
        let saver = main.reached(&roots.saver, budget)?;
        let parts: Vec<Part> = served
            .into_iter()
            .zip(saver)
            .map(|(served, saver)| match (served, saver) {
                (true, _) => Part::Served,
                (_, true) => Part::Saver,
                _ => Part::Loose,
            })
            .collect();
        let by_name: HashMap<&str, &Body> = functions.iter().map(|f| (f.name.as_str(), f)).collect();
        let mut out: BTreeMap<String, Part> = BTreeMap::new();
        // The strongest part first, so that each function is walked once.
        for part in [Part::Served, Part::Saver, Part::Loose] {
            let mut queue: Vec<&str> = main
                .nodes
                .iter()
                .zip(&parts)
                .filter(|(_, p)| **p == part)
                .flat_map(|(n, _)| n.calls.iter().map(String::as_str))
                .collect();
            if part == Part::Served {
                queue.extend(roots.functions.iter().map(String::as_str));
            }
            let mut seen: BTreeSet<&str> = BTreeSet::new();
            while let Some(name) = queue.pop() {
                budget.steps(1)?;
                if out.contains_key(name) || !seen.insert(name) {
                    continue;
                }
                let Some(body) = by_name.get(name) else { continue };
                queue.extend(body.nodes.iter().flat_map(|n| n.calls.iter().map(String::as_str)));
            }
            out.extend(seen.into_iter().map(|name| (name.to_owned(), part)));
        }
        Ok(Self {
            main: parts,
            functions: out,
        })
    }

    pub(super) fn function(&self, name: &str) -> Part {
        self.functions.get(name).copied().unwrap_or(Part::Loose)
    }
}
