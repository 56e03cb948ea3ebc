//! ONNX: a graph as a protocol buffer.
//!
//! The format runs nothing by itself. What it can do is name: files that hold its weights (`external_data`, in the graph,
//! in branches and loops, in functions, in attributes), operators that only a native library brings along, and settings
//! of the runtime. So everything that can hold a tensor or a node is walked, at any depth that a loader follows, and the
//! numbers of the weights are never read.

mod tensor;
#[cfg(test)]
mod tests;

use crate::{
    document::Opened,
    graph::{Framework, Graph, Operator, Place, ReferenceKind},
    model::{Model, Opening},
    protobuf::wire::{Cursor, Field, Stop, Wire},
    tensors::{DefectKind, defect, defect_of},
};
use std::{collections::BTreeSet, ops::Range};
use wellhead_core::{Budget, Exhausted, Outcome, code};

/// How deep graphs may lie in attributes of nodes; readers of protocol buffers stop at a hundred messages.
const MAX_NESTING: u32 = 40;
/// Most attributes of an operator that are kept.
const MAX_ATTRIBUTES: usize = 16;
/// Longest value of metadata that is kept.
const MAX_VALUE: u64 = 4096;
/// What a tensor costs beside its name.
const TENSOR_BYTES: u64 = 160;

/// Opens a model, or a tensor, sequence or optional of one.
pub(crate) fn open(opening: &Opening<'_>, kind: Kind, budget: &mut Budget) -> Opened {
    let mut reader = Reader {
        wire: Wire::new(opening.blob),
        model: Model::new(opening.identity.format),
        functions: BTreeSet::new(),
        budget,
    };
    reader.model.graph = Graph::new(Framework::Onnx);
    let whole = reader.wire.whole();
    let result = match kind {
        Kind::Model => reader.model(whole),
        Kind::Tensor => reader.value(whole, "the tensor", 0, Holder::Tensor),
        Kind::Sequence => reader.value(whole, "the sequence", 0, Holder::Sequence),
        Kind::Optional => reader.value(whole, "the optional", 0, Holder::Optional),
    };
    reader.finish(result, opening)
}

/// What a file of ONNX holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A model.
    Model,
    /// One tensor.
    Tensor,
    /// A sequence of tensors.
    Sequence,
    /// A tensor or sequence that may be absent.
    Optional,
}

/// Messages that hold tensors and no graph.
#[derive(Clone, Copy, Debug)]
enum Holder {
    Tensor,
    Sparse,
    Sequence,
    Map,
    Optional,
}

struct Reader<'a, 'b> {
    wire: Wire<'a>,
    model: Model,
    /// The functions that the model defines, by domain and name.
    functions: BTreeSet<(String, String)>,
    budget: &'b mut Budget,
}

/// Where a node or a tensor lies.
#[derive(Clone, Copy)]
struct Scope<'s> {
    words: &'s str,
    depth: u32,
}

/// What a node says of itself before its attributes are looked at.
#[derive(Default)]
struct Node {
    name: String,
    op: String,
    domain: String,
}

impl Reader<'_, '_> {
    fn finish(mut self, result: Result<(), Stop>, opening: &Opening<'_>) -> Opened {
        let outcome = match self.wire.settle(result) {
            Err(why) => Outcome::Partly { why: why.to_string() },
            Ok(_) => self
                .wire
                .partly
                .take()
                .map_or(Outcome::Analysed, |why| Outcome::Partly { why }),
        };
        let outcome = match self.wire.failure() {
            Some(why) => outcome.and(Outcome::Partly {
                why: format!("could not be read: {why}"),
            }),
            None => outcome,
        };
        self.model.defects.append(&mut self.wire.defects);
        self.model.opened(Vec::new(), outcome, opening)
    }

    /// The fields of a message, one after another.
    fn next(&mut self, cursor: &mut Cursor) -> Result<Option<Field>, Stop> {
        self.wire.next(cursor, self.budget)
    }

    fn text(&mut self, field: &Field) -> String {
        field
            .bytes()
            .map(|range| self.wire.text(range))
            .unwrap_or_default()
    }

    /// Reads a message; if it is broken, its siblings are read all the same.
    fn settle(&mut self, result: Result<(), Stop>) -> Result<(), Exhausted> {
        self.wire.settle(result).map(|_| ())
    }

    fn model(&mut self, range: Range<u64>) -> Result<(), Stop> {
        // The functions stand behind the graph that calls them.
        let listed = self.function_names(range.clone());
        self.settle(listed)?;
        let mut cursor = Cursor::from(range);
        let (mut graphs, mut trainings, mut functions) = (0_u32, 0_u32, 0_u32);
        while let Some(field) = self.next(&mut cursor)? {
            match (field.number, field.message()) {
                (1, _) => self.number("ir version", &field),
                (2, Some(_)) => self.fact("producer", &field),
                (3, Some(_)) => self.fact("producer version", &field),
                (4, Some(_)) => self.fact("domain", &field),
                (5, _) => self.number("model version", &field),
                (6, Some(_)) => self.fact("description", &field),
                (7, Some(inner)) => {
                    graphs = graphs.saturating_add(1);
                    let result = self.graph(
                        inner,
                        Scope {
                            words: "main",
                            depth: 0,
                        },
                    );
                    self.settle(result)?;
                }
                (8, Some(inner)) => {
                    let result = self.opset(inner);
                    self.settle(result)?;
                }
                (14, Some(inner)) => {
                    let result = self.property(inner, field.at);
                    self.settle(result)?;
                }
                (20, Some(inner)) => {
                    trainings = trainings.saturating_add(1);
                    let result = self.training(inner);
                    self.settle(result)?;
                }
                (25, Some(inner)) => {
                    functions = functions.saturating_add(1);
                    let result = self.function(inner);
                    self.settle(result)?;
                }
                _ => {}
            }
        }
        if graphs > 1 {
            let words = format!(
                "it holds {graphs} graphs where readers expect one, and not all of them join them alike"
            );
            defect_of(
                &mut self.model.defects,
                DefectKind::Ambiguous,
                self.wire.whole(),
                words,
            );
        }
        for (name, count) in [("training graphs", trainings), ("functions", functions)] {
            if count > 0 {
                self.model.metadata.push((name.to_owned(), count.to_string()));
            }
        }
        Ok(())
    }

    fn number(&mut self, name: &str, field: &Field) {
        if let Some(n) = field.varint() {
            self.keep(name.to_owned(), n.to_string());
        }
    }

    fn fact(&mut self, name: &str, field: &Field) {
        let Some(range) = field.bytes() else { return };
        let value = String::from_utf8_lossy(&self.wire.head(range, MAX_VALUE)).into_owned();
        if !value.is_empty() {
            self.keep(name.to_owned(), value);
        }
    }

    fn keep(&mut self, name: String, value: String) {
        if self.model.metadata.len() < 1000 {
            self.model.metadata.push((name, value));
        }
    }

    fn opset(&mut self, range: Range<u64>) -> Result<(), Stop> {
        let mut cursor = Cursor::from(range);
        let (mut domain, mut version) = (String::new(), 0);
        while let Some(field) = self.next(&mut cursor)? {
            match field.number {
                1 => domain = self.text(&field),
                2 => version = field.varint().unwrap_or(0),
                _ => {}
            }
        }
        let domain = if domain.is_empty() { "ai.onnx" } else { &domain };
        self.keep("operators".to_owned(), format!("{domain} {version}"));
        Ok(())
    }

    /// A pair of texts.
    fn pair(&mut self, range: Range<u64>) -> Result<(String, String), Stop> {
        let mut cursor = Cursor::from(range);
        let (mut key, mut value) = (String::new(), String::new());
        while let Some(field) = self.next(&mut cursor)? {
            match field.number {
                1 => key = self.text(&field),
                2 => value = self.text(&field),
                _ => {}
            }
        }
        Ok((key, value))
    }

    /// Metadata of the model; some keys are orders to the runtime.
    fn property(&mut self, range: Range<u64>, at: u64) -> Result<(), Stop> {
        let length = range.end.saturating_sub(at);
        let (key, value) = self.pair(range)?;
        let lower = key.to_lowercase();
        if lower == "ort_config" || lower.starts_with("session.") || lower.starts_with("ep.") {
            let words = format!(
                "its metadata sets {} of the runtime, which some runtimes follow and others do not",
                code(&key)
            );
            defect_of(
                &mut self.model.defects,
                DefectKind::Ambiguous,
                at..at.saturating_add(length),
                words,
            );
            let library = [".so", ".dll", ".dylib"];
            if library.iter().any(|end| value.to_lowercase().ends_with(end)) {
                let place = Place { offset: at, length };
                let by = format!("the setting {}", code(&key));
                self.model
                    .graph
                    .reference(ReferenceKind::Library, &value, by, place);
            }
        }
        let mut value = value;
        value.truncate(value.floor_char_boundary(usize::try_from(MAX_VALUE).unwrap_or(usize::MAX)));
        self.keep(key, value);
        Ok(())
    }

    fn training(&mut self, range: Range<u64>) -> Result<(), Stop> {
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            let words = match field.number {
                1 => "training: initialization",
                2 => "training: algorithm",
                _ => continue,
            };
            if let Some(inner) = field.message() {
                let result = self.graph(inner, Scope { words, depth: 0 });
                self.settle(result)?;
            }
        }
        Ok(())
    }

    fn function_names(&mut self, range: Range<u64>) -> Result<(), Stop> {
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            if let (25, Some(inner)) = (field.number, field.message()) {
                let named = self.function_name(inner);
                if let Some((domain, name)) = self.wire.settle(named)? {
                    let cost = (domain.len() as u64).saturating_add(name.len() as u64);
                    self.budget.memory(cost.saturating_add(64))?;
                    self.functions.insert((domain, name));
                }
            }
        }
        Ok(())
    }

    fn function_name(&mut self, range: Range<u64>) -> Result<(String, String), Stop> {
        let mut cursor = Cursor::from(range);
        let (mut domain, mut name) = (String::new(), String::new());
        while let Some(field) = self.next(&mut cursor)? {
            match field.number {
                1 => name = self.text(&field),
                10 => domain = self.text(&field),
                _ => {}
            }
        }
        Ok((domain, name))
    }

    fn function(&mut self, range: Range<u64>) -> Result<(), Stop> {
        let (_, name) = self.function_name(range.clone())?;
        let words = format!("function {name}");
        let scope = Scope {
            words: &words,
            depth: 0,
        };
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            match (field.number, field.message()) {
                (7, Some(inner)) => {
                    let result = self.node(inner, field.at, scope);
                    self.settle(result)?;
                }
                (11, Some(inner)) => {
                    let node = Node::default();
                    let result = self.attribute(inner, &node, scope).map(|_| ());
                    self.settle(result)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn graph(&mut self, range: Range<u64>, scope: Scope<'_>) -> Result<(), Stop> {
        if scope.depth > MAX_NESTING {
            let words = format!("graphs nest deeper than {MAX_NESTING}");
            self.wire.partly.get_or_insert_with(|| words.clone());
            defect(&mut self.model.defects, range, words);
            return Ok(());
        }
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            let Some(inner) = field.message() else { continue };
            let result = match field.number {
                1 => self.node(inner, field.at, scope),
                2 if scope.depth == 0 && scope.words == "main" => {
                    self.fact("graph", &field);
                    Ok(())
                }
                5 => self.tensor(inner, "initializer", true),
                15 => self.value(inner, "initializer", 0, Holder::Sparse),
                _ => Ok(()),
            };
            self.settle(result)?;
        }
        Ok(())
    }

    fn node(&mut self, range: Range<u64>, at: u64, scope: Scope<'_>) -> Result<(), Stop> {
        let mut node = Node::default();
        let mut has_attributes = false;
        let mut cursor = Cursor::from(range.clone());
        while let Some(field) = self.next(&mut cursor)? {
            match field.number {
                3 => node.name = self.text(&field),
                4 => node.op = self.text(&field),
                5 => has_attributes = true,
                7 => node.domain = self.text(&field),
                _ => {}
            }
        }
        let mut attributes = Vec::new();
        let walked = if has_attributes {
            self.attributes(range.clone(), &node, scope, &mut attributes)
        } else {
            Ok(())
        };
        // What was taken for the attributes is given back with them; few nodes keep any.
        let paid = attributes.iter().map(pair_cost).fold(0, u64::saturating_add);
        let known = self.model.graph.operators.len();
        let result = match walked {
            Ok(()) => self
                .operator(node, attributes, range, at, scope)
                .map_err(Stop::from),
            Err(stop) => Err(stop),
        };
        let kept = match self.model.graph.operators.last() {
            Some(new) if self.model.graph.operators.len() > known => {
                new.attributes.iter().map(pair_cost).fold(0, u64::saturating_add)
            }
            _ => 0,
        };
        self.budget.release(paid.saturating_sub(kept));
        result
    }

    /// The texts and numbers among a node's attributes, paid for one by one: a node may have millions.
    fn attributes(
        &mut self,
        range: Range<u64>,
        node: &Node,
        scope: Scope<'_>,
        attributes: &mut Vec<(String, String)>,
    ) -> Result<(), Stop> {
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            if let (5, Some(inner)) = (field.number, field.message()) {
                let result = self.attribute(inner, node, scope);
                if let Some(Some(pair)) = self.wire.settle(result)? {
                    self.budget.memory(pair_cost(&pair))?;
                    attributes.push(pair);
                }
            }
        }
        Ok(())
    }

    fn operator(
        &mut self,
        node: Node,
        attributes: Vec<(String, String)>,
        range: Range<u64>,
        at: u64,
        scope: Scope<'_>,
    ) -> Result<(), Exhausted> {
        let place = Place {
            offset: at,
            length: range.end.saturating_sub(at),
        };
        self.context_file(&node, &attributes, place);
        let runs_python = matches!(
            node.op.as_str(),
            "PyOp" | "PythonOp" | "PythonOpGrad" | "TritonOp"
        );
        let mut kept = Vec::new();
        if runs_python && let Some(callable) = callable(&attributes) {
            kept.push(("callable".to_owned(), callable));
        }
        // Weights and shapes say nothing about what a node can do; a foreign operator's texts may.
        if runs_python || is_foreign(&node.domain) {
            kept.extend(attributes.into_iter().take(MAX_ATTRIBUTES));
        }
        let defined = self.functions.contains(&(node.domain.clone(), node.op.clone()));
        let (domain, name) = if defined && !node.domain.is_empty() {
            // What the model defines itself, its nodes say.
            (String::new(), format!("{}.{}", node.domain, node.op))
        } else {
            (node.domain, node.op)
        };
        let operator = Operator {
            domain,
            name,
            node: node.name,
            scope: scope.words.to_owned(),
            count: 1,
            place,
            attributes: kept,
        };
        self.model.graph.operator(operator, self.budget)
    }

    /// A node that stands for a compiled graph, which may lie in a file of its own.
    fn context_file(&mut self, node: &Node, attributes: &[(String, String)], place: Place) {
        if node.op != "EPContext" {
            return;
        }
        let get = |name: &str| {
            attributes
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        if get("embed_mode") == Some("0")
            && let Some(file) = get("ep_cache_context")
        {
            let by = format!("the node {}", code(&node.name));
            self.model.graph.reference(ReferenceKind::File, file, by, place);
        }
    }

    /// An attribute; its text or number is handed back, its tensors and graphs are walked.
    fn attribute(
        &mut self,
        range: Range<u64>,
        node: &Node,
        scope: Scope<'_>,
    ) -> Result<Option<(String, String)>, Stop> {
        let mut cursor = Cursor::from(range);
        let mut name = String::new();
        let mut value = None;
        while let Some(field) = self.next(&mut cursor)? {
            let result = match (field.number, field.message()) {
                (1, Some(_)) => {
                    name = self.text(&field);
                    Ok(())
                }
                (3, _) => {
                    value = field.varint().map(|n| n.cast_signed().to_string());
                    Ok(())
                }
                (4 | 9, Some(inner)) => {
                    let bytes = self.wire.head(inner, 512);
                    value = Some(String::from_utf8_lossy(&bytes).into_owned());
                    Ok(())
                }
                (5 | 10, Some(inner)) => self.tensor(inner, &named("attribute", &name), false),
                (22 | 23, Some(inner)) => self.value(inner, &named("attribute", &name), 0, Holder::Sparse),
                (6 | 11, Some(inner)) => {
                    let label = if node.name.is_empty() {
                        &node.op
                    } else {
                        &node.name
                    };
                    let words = format!("node {label}: {name}");
                    let depth = scope.depth.saturating_add(1);
                    self.graph(inner, Scope { words: &words, depth })
                }
                _ => Ok(()),
            };
            self.settle(result)?;
        }
        Ok(value.map(|value| (name, value)))
    }

    /// Messages round tensors.
    fn value(&mut self, range: Range<u64>, what: &str, depth: u32, holder: Holder) -> Result<(), Stop> {
        if depth > MAX_NESTING {
            let words = format!("values nest deeper than {MAX_NESTING}");
            self.wire.partly.get_or_insert_with(|| words.clone());
            defect(&mut self.model.defects, range, words);
            return Ok(());
        }
        if matches!(holder, Holder::Tensor) {
            return self.tensor(range, what, true);
        }
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            let Some(inner) = field.message() else { continue };
            let next = match (holder, field.number) {
                (Holder::Sparse, 1 | 2) | (Holder::Sequence | Holder::Optional, 3) => Holder::Tensor,
                (Holder::Sequence | Holder::Optional, 4) => Holder::Sparse,
                (Holder::Sequence | Holder::Optional, 5) | (Holder::Map, 5) => Holder::Sequence,
                (Holder::Sequence | Holder::Optional, 6) => Holder::Map,
                (Holder::Sequence | Holder::Optional, 7) => Holder::Optional,
                _ => continue,
            };
            let result = self.value(inner, what, depth.saturating_add(1), next);
            self.settle(result)?;
        }
        Ok(())
    }
}

/// What a name and a value cost: two texts in a growing list.
fn pair_cost((name, value): &(String, String)) -> u64 {
    (name.len() as u64)
        .saturating_add(value.len() as u64)
        .saturating_add(160)
}

/// `the attribute x`, without a name where there is none yet.
fn named(what: &str, name: &str) -> String {
    if name.is_empty() {
        what.to_owned()
    } else {
        format!("{what} {name}")
    }
}

/// Whether operators of a domain are none of the standard.
fn is_foreign(domain: &str) -> bool {
    !matches!(
        domain,
        "" | "ai.onnx" | "ai.onnx.ml" | "ai.onnx.training" | "com.microsoft"
    )
}

/// The Python function that a node names in one of the ways of the runtimes.
fn callable(attributes: &[(String, String)]) -> Option<String> {
    let get = |name: &str| {
        attributes
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    let parts: Vec<&str> = ["module", "class_name", "compute", "func_name", "func_id"]
        .into_iter()
        .filter_map(get)
        .collect();
    (!parts.is_empty()).then(|| parts.join("."))
}
