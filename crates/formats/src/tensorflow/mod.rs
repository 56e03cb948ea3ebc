//! TensorFlow: SavedModels, meta graphs and plain graphs.
//!
//! A graph is a program: operators read and write files, and a runtime runs whatever is needed for an answer, in the main
//! graph and in every function of the library. Loaders differ in nothing that matters here; what matters is who runs an
//! operator, so the nodes are kept by name and operands until that is known. Weights are passed over.

pub(crate) mod checkpoint;
mod nodes;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use crate::{
    document::{Member, Opened, Role},
    format::table as t,
    graph::{Framework, Graph, Operator, Place, ReferenceKind},
    keras,
    model::{Model, Opening},
    protobuf::{
        self,
        wire::{Cursor, Field, Stop, Value, Wire},
    },
    tensors::Tensor,
};
use nodes::{Body, Node, Part, Parts, Roots};
use std::ops::Range;
use wellhead_core::{Budget, Exhausted, code};

/// How deep values of attributes may nest.
const MAX_NESTING: u32 = 8;
/// Most texts that are kept of one node.
const MAX_TEXTS: usize = 16;
/// Longest text that is kept.
const MAX_VALUE: u64 = 1024;
/// Longest JSON text that is handed back.
const MAX_JSON: u64 = 32 << 20;

/// What the place of an attribute costs in a growing list.
const RANGE: u64 = 32;

/// Opens a SavedModel, a meta graph or a graph.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut reader = Reader {
        wire: Wire::new(opening.blob),
        model: Model::new(opening.identity.format),
        members: Vec::new(),
        opening,
        budget,
    };
    reader.model.graph = Graph::new(Framework::TensorFlow);
    let whole = reader.wire.whole();
    let result = match opening.identity.format.name {
        "saved-model" => reader.saved_model(whole),
        "keras-metadata" => reader.keras_metadata(whole),
        _ => reader.any_graph(whole),
    };
    let outcome = protobuf::outcome(&mut reader.wire, result);
    reader.model.defects.append(&mut reader.wire.defects);
    reader.model.opened(reader.members, outcome, opening)
}

struct Reader<'a, 'b> {
    wire: Wire<'a>,
    model: Model,
    members: Vec<Member>,
    opening: &'b Opening<'a>,
    budget: &'b mut Budget,
}

/// A meta graph while it is read.
#[derive(Default)]
struct MetaGraph {
    main: Body,
    functions: Vec<Body>,
    roots: Roots,
    assets: Vec<(String, String)>,
}

/// Which operand of an operator is the name of a file.
fn path_operand(op: &str) -> Option<usize> {
    Some(match op {
        "ReadFile"
        | "WriteFile"
        | "MatchingFiles"
        | "MatchingFilesDataset"
        | "TextLineDataset"
        | "TFRecordDataset"
        | "TFRecordDatasetV2"
        | "FixedLengthRecordDataset"
        | "FixedLengthRecordDatasetV2"
        | "CSVDataset"
        | "CSVDatasetV2"
        | "LMDBDataset"
        | "LoadDataset"
        | "Save"
        | "SaveV2"
        | "SaveSlices"
        | "Restore"
        | "RestoreV2"
        | "RestoreSlice"
        | "ImportEvent"
        | "LoadAndRemapMatrix" => 0,
        "InitializeTableFromTextFile"
        | "InitializeTableFromTextFileV2"
        | "MergeV2Checkpoints"
        | "CreateSummaryFileWriter"
        | "CreateSummaryDbWriter"
        | "SaveDataset"
        | "SaveDatasetV2"
        | "SnapshotDataset"
        | "SnapshotDatasetV2"
        | "DatasetToTFRecord"
        | "SqlDataset"
        | "CacheDataset"
        | "CacheDatasetV2" => 1,
        _ => return None,
    })
}

/// Operators of savers.
fn saves(op: &str) -> bool {
    matches!(
        op,
        "Save" | "SaveV2" | "SaveSlices" | "MergeV2Checkpoints" | "Restore" | "RestoreV2" | "RestoreSlice"
    )
}

/// Whether an attribute holds an address or a token; names of classes and devices say nothing.
fn tells(name: &str) -> bool {
    matches!(
        name,
        "output_stream" | "debug_urls" | "token" | "address" | "protocol" | "target_address"
    )
}

/// Whether a file name leads somewhere of its own choice.
fn is_elsewhere(path: &str) -> bool {
    path.starts_with(['/', '\\', '~'])
        || path.contains("://")
        || path
            .get(1..3)
            .is_some_and(|rest| rest.starts_with(':') && rest.ends_with(['\\', '/']))
        || path.split(['/', '\\']).any(|part| part == "..")
}

impl Reader<'_, '_> {
    fn next(&mut self, cursor: &mut Cursor) -> Result<Option<Field>, Stop> {
        self.wire.next(cursor, self.budget)
    }

    fn text(&mut self, field: &Field) -> String {
        let Some(range) = field.bytes() else {
            return String::new();
        };
        String::from_utf8_lossy(&self.wire.head(range, MAX_VALUE)).into_owned()
    }

    fn settle(&mut self, result: Result<(), Stop>) -> Result<(), Exhausted> {
        self.wire.settle(result).map(|_| ())
    }

    fn keep(&mut self, name: &str, value: String) {
        if self.model.metadata.len() < 1000 && !value.is_empty() {
            self.model.metadata.push((name.to_owned(), value));
        }
    }

    /// Hands every message in a message to `read`.
    fn each(
        &mut self,
        range: Range<u64>,
        mut read: impl FnMut(&mut Self, &Field, Option<Range<u64>>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            let inner = field.message();
            let result = read(self, &field, inner);
            self.settle(result)?;
        }
        Ok(())
    }

    fn saved_model(&mut self, range: Range<u64>) -> Result<(), Stop> {
        self.each(range, |reader, field, inner| match (field.number, inner) {
            (1, _) => {
                reader.keep("schema version", field.varint().unwrap_or(0).to_string());
                Ok(())
            }
            (2, Some(inner)) => reader.meta_graph(inner),
            _ => Ok(()),
        })
    }

    /// A meta graph or a graph: both have nodes, at different depths, and a message may be read as both.
    fn any_graph(&mut self, range: Range<u64>) -> Result<(), Stop> {
        let mut meta = MetaGraph::default();
        let mut is_meta = false;
        self.each(range.clone(), |reader, field, inner| {
            if let (2, Some(inner)) = (field.number, inner) {
                is_meta |= reader.has_nodes(inner);
            }
            Ok(())
        })?;
        if is_meta {
            return self.meta_graph(range);
        }
        self.graph(range, &mut meta)?;
        self.emit(&meta)?;
        Ok(())
    }

    /// Whether a message is a graph of nodes with a name and an operator, and no library of functions.
    fn has_nodes(&mut self, range: Range<u64>) -> bool {
        let mut cursor = Cursor::from(range);
        for _ in 0..64 {
            let Ok(Some(field)) = self.next(&mut cursor) else {
                return false;
            };
            let (1, Some(inner)) = (field.number, field.message()) else {
                // The versions of a graph; a library has none.
                if field.number == 4 {
                    return true;
                }
                continue;
            };
            let mut cursor = Cursor::from(inner);
            let mut texts = 0_u32;
            while let Ok(Some(field)) = self.next(&mut cursor) {
                match (field.number, field.bytes()) {
                    (1 | 2, Some(range)) => {
                        let head = self.wire.head(range, 8);
                        // A signature of a function begins with its own name's field.
                        texts = texts.saturating_add(u32::from(!head.is_empty() && !head.starts_with(b"\n")));
                    }
                    _ => break,
                }
                if texts == 2 {
                    return true;
                }
            }
        }
        false
    }

    fn meta_graph(&mut self, range: Range<u64>) -> Result<(), Stop> {
        let mut meta = MetaGraph::default();
        self.each(range, |reader, field, inner| {
            let Some(inner) = inner else { return Ok(()) };
            match field.number {
                1 => reader.information(inner),
                2 => reader.graph(inner, &mut meta),
                3 => reader.saver(inner, &mut meta),
                4 => reader.collection(inner, &mut meta),
                5 => reader.signature(inner, &mut meta),
                6 => reader.asset(inner, field.at, &mut meta),
                7 => reader.object_graph(inner, &mut meta),
                _ => Ok(()),
            }
        })?;
        self.emit(&meta)?;
        Ok(())
    }

    fn information(&mut self, range: Range<u64>) -> Result<(), Stop> {
        self.each(range, |reader, field, _| {
            let name = match field.number {
                4 => "tag",
                5 => "TensorFlow",
                _ => return Ok(()),
            };
            let value = reader.text(field);
            reader.keep(name, value);
            Ok(())
        })
    }

    fn saver(&mut self, range: Range<u64>, meta: &mut MetaGraph) -> Result<(), Stop> {
        self.each(range, |reader, field, _| {
            if matches!(field.number, 2 | 3) {
                let text = reader.text(field);
                reader.budget.memory(text_cost(&text))?;
                meta.roots.saver.push(text);
            }
            Ok(())
        })
    }

    /// Collections of what runs when the model is loaded.
    fn collection(&mut self, range: Range<u64>, meta: &mut MetaGraph) -> Result<(), Stop> {
        let mut key = String::new();
        let mut values = None;
        self.each(range, |reader, field, inner| {
            match field.number {
                1 => key = reader.text(field),
                2 => values = inner,
                _ => {}
            }
            Ok(())
        })?;
        let runs = matches!(
            key.as_str(),
            "legacy_init_op" | "saved_model_main_op" | "table_initializer" | "init_op" | "local_init_op"
        );
        let Some(values) = values.filter(|_| runs) else {
            return Ok(());
        };
        self.each(values, |reader, _, inner| {
            let Some(inner) = inner else { return Ok(()) };
            reader.each(inner, |reader, field, _| {
                let text = reader.text(field);
                reader.budget.memory(text_cost(&text))?;
                meta.roots.served.push(text);
                Ok(())
            })
        })
    }

    fn signature(&mut self, range: Range<u64>, meta: &mut MetaGraph) -> Result<(), Stop> {
        let (mut name, mut method) = (String::new(), String::new());
        self.each(range, |reader, field, inner| match (field.number, inner) {
            (1, _) => {
                name = reader.text(field);
                Ok(())
            }
            (2, Some(inner)) => reader.each(inner, |reader, field, inner| match (field.number, inner) {
                (3, _) => {
                    method = reader.text(field);
                    Ok(())
                }
                (1 | 2, Some(inner)) => reader.tensor_info(inner, meta),
                _ => Ok(()),
            }),
            _ => Ok(()),
        })?;
        self.keep("signature", format!("{name} {method}").trim().to_owned());
        Ok(())
    }

    /// An entry of a map from names to tensors: the tensor's name.
    fn tensor_info(&mut self, range: Range<u64>, meta: &mut MetaGraph) -> Result<(), Stop> {
        self.each(range, |reader, field, inner| match (field.number, inner) {
            (2, Some(inner)) => reader.each(inner, |reader, field, _| {
                if field.number == 1 {
                    let text = reader.text(field);
                    reader.budget.memory(text_cost(&text))?;
                    meta.roots.served.push(text);
                }
                Ok(())
            }),
            _ => Ok(()),
        })
    }

    fn asset(&mut self, range: Range<u64>, at: u64, meta: &mut MetaGraph) -> Result<(), Stop> {
        let length = range.end.saturating_sub(at);
        let (mut tensor, mut file) = (String::new(), String::new());
        self.each(range, |reader, field, inner| match (field.number, inner) {
            (1, Some(inner)) => reader.each(inner, |reader, field, _| {
                if field.number == 1 {
                    tensor = reader.text(field);
                }
                Ok(())
            }),
            (2, _) => {
                file = reader.text(field);
                Ok(())
            }
            _ => Ok(()),
        })?;
        let by = format!("the asset of {}", code(&tensor));
        let place = Place { offset: at, length };
        self.model.graph.reference(ReferenceKind::File, &file, by, place);
        if meta.assets.len() < 4096 {
            meta.assets.push((tensor, file));
        }
        Ok(())
    }

    /// Objects of a SavedModel: functions that callers may call, and configurations of Keras.
    fn object_graph(&mut self, range: Range<u64>, meta: &mut MetaGraph) -> Result<(), Stop> {
        self.each(range, |reader, field, inner| {
            let Some(inner) = inner else { return Ok(()) };
            match field.number {
                1 => reader.object(inner),
                2 => reader.each(inner, |reader, field, _| {
                    if field.number == 1 {
                        let name = reader.text(field);
                        reader.budget.memory(text_cost(&name))?;
                        meta.roots.functions.push(name);
                    }
                    Ok(())
                }),
                _ => Ok(()),
            }
        })
    }

    fn object(&mut self, range: Range<u64>) -> Result<(), Stop> {
        self.each(range, |reader, field, inner| match (field.number, inner) {
            (4, Some(inner)) => reader.described(inner, 1, 3),
            _ => Ok(()),
        })
    }

    /// The objects of `keras_metadata.pb`.
    fn keras_metadata(&mut self, range: Range<u64>) -> Result<(), Stop> {
        self.each(range, |reader, field, inner| match (field.number, inner) {
            (1, Some(inner)) => reader.described(inner, 4, 5),
            _ => Ok(()),
        })
    }

    /// An object with a JSON text that describes it: the text goes back to the queue.
    fn described(&mut self, range: Range<u64>, identifier: u32, json: u32) -> Result<(), Stop> {
        let mut name = String::new();
        let mut place = None;
        self.each(range, |reader, field, inner| {
            if field.number == identifier {
                name = reader.text(field);
            } else if field.number == json {
                place = inner;
            }
            Ok(())
        })?;
        let Some(place) = place else { return Ok(()) };
        let length = place.end.saturating_sub(place.start);
        if length == 0 || length > MAX_JSON {
            return Ok(());
        }
        let is_config = keras::may_be_config(&self.wire.head(place.clone(), 64 << 10));
        // A SavedModel runs without the classes of its layers; what is made anew from its configuration is code in it,
        // and what a configuration names by module.
        let words: [&[u8]; 4] = [b"Lambda", b"__lambda__", b"\\u00", b"\"module\""];
        if is_config && self.wire.says_any(place.clone(), &words, self.budget)? {
            self.budget.entries(1)?;
            let number = self.members.len();
            let blob = self.opening.blob.slice(place.start, length);
            let label = if name.is_empty() { "object" } else { &name };
            let role = Role::As(&t::KERAS_CONFIG);
            self.members
                .push(Member::stored(format!("{label} {number}.json"), role, blob));
        }
        Ok(())
    }

    fn graph(&mut self, range: Range<u64>, meta: &mut MetaGraph) -> Result<(), Stop> {
        self.each(range, |reader, field, inner| match (field.number, inner) {
            (1, Some(inner)) => {
                let node = reader.node(inner, field.at)?;
                meta.main.push(node, reader.budget)?;
                Ok(())
            }
            (2, Some(inner)) => reader.each(inner, |reader, field, inner| match (field.number, inner) {
                (1, Some(inner)) => reader.function(inner, meta),
                _ => Ok(()),
            }),
            _ => Ok(()),
        })
    }

    fn function(&mut self, range: Range<u64>, meta: &mut MetaGraph) -> Result<(), Stop> {
        let mut body = Body::default();
        let result = self.each(range, |reader, field, inner| match (field.number, inner) {
            (1, Some(inner)) => reader.each(inner, |reader, field, _| {
                if field.number == 1 {
                    body.name = reader.text(field);
                }
                Ok(())
            }),
            (3, Some(inner)) => {
                let node = reader.node(inner, field.at)?;
                body.push(node, reader.budget)?;
                Ok(())
            }
            _ => Ok(()),
        });
        // The name is kept in the maps of who reaches it as well.
        let name = (body.name.len() as u64).saturating_mul(2);
        self.budget.memory(name.saturating_add(256))?;
        meta.functions.push(body);
        result
    }

    fn node(&mut self, range: Range<u64>, at: u64) -> Result<Node, Stop> {
        let mut node = Node {
            at,
            length: range.end.saturating_sub(at),
            ..Node::default()
        };
        let mut attributes = Vec::new();
        let mut result = self.fields(range, &mut node, &mut attributes);
        let held = (attributes.len() as u64).saturating_mul(RANGE);
        if result.is_ok() {
            for inner in attributes {
                let read = self.attribute(inner, &mut node);
                if let Err(why) = self.settle(read) {
                    result = Err(why.into());
                    break;
                }
            }
        }
        // A body pays for what it keeps of the node; until then a single node is held, of any size.
        node.inputs.shrink_to_fit();
        node.calls.shrink_to_fit();
        let texts = node.inputs.iter().chain(&node.calls).map(|text| text_cost(text));
        self.budget.release(texts.fold(held, u64::saturating_add));
        result.map(|()| node)
    }

    /// What a node is called and has, and where its attributes are: the operator that they are read by may stand behind
    /// them.
    fn fields(
        &mut self,
        range: Range<u64>,
        node: &mut Node,
        attributes: &mut Vec<Range<u64>>,
    ) -> Result<(), Stop> {
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            match (field.number, field.message()) {
                (1, Some(_)) => node.name = self.text(&field),
                (2, Some(_)) => node.op = self.text(&field),
                (3, Some(_)) => {
                    let input = self.text(&field);
                    self.budget.memory(text_cost(&input))?;
                    node.inputs.push(input);
                }
                (5, Some(inner)) => {
                    self.budget.memory(RANGE)?;
                    attributes.push(inner);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn attribute(&mut self, range: Range<u64>, node: &mut Node) -> Result<(), Stop> {
        let mut name = String::new();
        let mut value = None;
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            match (field.number, field.message()) {
                (1, Some(_)) => name = self.text(&field),
                (2, Some(inner)) => value = Some(inner),
                _ => {}
            }
        }
        match value {
            Some(value) => self.attribute_value(value, &name, node, 0),
            None => Ok(()),
        }
    }

    fn attribute_value(
        &mut self,
        range: Range<u64>,
        name: &str,
        node: &mut Node,
        depth: u32,
    ) -> Result<(), Stop> {
        if depth > MAX_NESTING {
            return Ok(());
        }
        let deeper = depth.saturating_add(1);
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            match (field.number, &field.value) {
                // A list holds texts and functions under the numbers of its own.
                (1, Value::Bytes(inner)) => {
                    let mut list = Cursor::from(inner.clone());
                    while let Some(field) = self.next(&mut list)? {
                        match (field.number, field.message()) {
                            (2, Some(_)) => self.attribute_text(&field, name, node),
                            (9, Some(inner)) => self.called(inner, node, deeper)?,
                            _ => {}
                        }
                    }
                }
                (2, Value::Bytes(_)) => self.attribute_text(&field, name, node),
                (8, Value::Bytes(inner)) if node.op == "Const" => self.constant(inner.clone(), node)?,
                (10, Value::Bytes(inner)) => self.called(inner.clone(), node, deeper)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn attribute_text(&mut self, field: &Field, name: &str, node: &mut Node) {
        let text = self.text(field);
        if (tells(name) || is_elsewhere(&text)) && node.texts.len() < MAX_TEXTS && !name.starts_with('_') {
            node.texts.push((name.to_owned(), text));
        }
    }

    /// A function that an attribute names, with attributes of its own.
    fn called(&mut self, range: Range<u64>, node: &mut Node, depth: u32) -> Result<(), Stop> {
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            match (field.number, field.message()) {
                (1, Some(_)) => {
                    let name = self.text(&field);
                    self.budget.memory(text_cost(&name))?;
                    node.calls.push(name);
                }
                (2, Some(inner)) => {
                    let mut entry = Cursor::from(inner);
                    while let Some(field) = self.next(&mut entry)? {
                        if let (2, Some(inner)) = (field.number, field.message()) {
                            self.attribute_value(inner, "", node, depth)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A constant: its text, or where its numbers lie.
    fn constant(&mut self, range: Range<u64>, node: &mut Node) -> Result<(), Stop> {
        let mut tensor = Tensor {
            name: node.name.clone(),
            dtype: String::new(),
            shape: Vec::new(),
            bytes: 0..0,
        };
        let mut cursor = Cursor::from(range);
        while let Some(field) = self.next(&mut cursor)? {
            match (field.number, &field.value) {
                (1, Value::Varint(n)) => tensor.dtype = dtype(*n),
                (2, Value::Bytes(inner)) => {
                    tensor.shape = shape_of(&mut self.wire, inner.clone(), self.budget)?;
                }
                (4, Value::Bytes(inner)) => tensor.bytes = inner.clone(),
                (8, Value::Bytes(_)) if node.constant.is_none() => node.constant = Some(self.text(&field)),
                _ => {}
            }
        }
        if !tensor.bytes.is_empty() {
            self.budget
                .memory((tensor.name.len() as u64).saturating_add(160))?;
            self.model.tensors.push(tensor);
        }
        Ok(())
    }

    /// Says of every node what it is and who runs it.
    fn emit(&mut self, meta: &MetaGraph) -> Result<(), Exhausted> {
        let parts = Parts::of(&meta.main, &meta.functions, &meta.roots, self.budget)?;
        for (node, part) in meta.main.nodes.iter().zip(&parts.main) {
            self.emit_node(node, &meta.main, "main", *part)?;
        }
        for body in &meta.functions {
            let words = format!("function {}", body.name);
            let part = parts.function(&body.name);
            for node in &body.nodes {
                self.emit_node(node, body, &words, part)?;
            }
        }
        if !meta.functions.is_empty() {
            self.keep("functions", meta.functions.len().to_string());
        }
        Ok(())
    }

    fn emit_node(&mut self, node: &Node, body: &Body, words: &str, part: Part) -> Result<(), Exhausted> {
        let place = Place {
            offset: node.at,
            length: node.length,
        };
        let path = path_operand(&node.op).and_then(|operand| body.text_of(node, operand));
        if let Some(path) = path.filter(|path| is_elsewhere(path))
            && node.op.starts_with("InitializeTableFromTextFile")
        {
            let by = format!("the node {}", code(&node.name));
            self.model.graph.reference(ReferenceKind::File, path, by, place);
        }
        let elsewhere = path.is_some_and(is_elsewhere);
        let is_saver = saves(&node.op) && !elsewhere && part != Part::Served;
        let mut attributes: Vec<(String, String)> = Vec::new();
        attributes.extend(
            path.filter(|_| !is_saver)
                .map(|p| ("file".to_owned(), p.to_owned())),
        );
        for (name, value) in &node.texts {
            let address = value.contains(":/");
            let name = if address { "url" } else { name };
            attributes.push((name.to_owned(), value.clone()));
        }
        if matches!(node.op.as_str(), "If" | "StatelessIf" | "Case" | "StatelessCase")
            && let Some(text) = body.trigger(node)
        {
            attributes.push(("trigger".to_owned(), format!("= {text}")));
        }
        let its_own = !attributes.is_empty() || (saves(&node.op) && !is_saver);
        let operator = Operator {
            domain: String::new(),
            name: node.op.clone(),
            node: node.name.clone(),
            scope: if is_saver {
                format!("saver: {words}")
            } else {
                words.to_owned()
            },
            count: 1,
            place,
            attributes,
        };
        if its_own {
            self.model.graph.operator_of_its_own(operator, self.budget)
        } else {
            self.model.graph.operator(operator, self.budget)
        }
    }
}

/// What a text in a growing list costs.
fn text_cost(text: &str) -> u64 {
    (text.len() as u64).saturating_add(96)
}

/// The name of an element type.
fn dtype(number: u64) -> String {
    let names = [
        "invalid",
        "float32",
        "float64",
        "int32",
        "uint8",
        "int16",
        "int8",
        "string",
        "complex64",
        "int64",
        "bool",
        "qint8",
        "quint8",
        "qint32",
        "bfloat16",
        "qint16",
        "quint16",
        "uint16",
        "complex128",
        "float16",
        "resource",
        "variant",
        "uint32",
        "uint64",
    ];
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    names
        .get(index)
        .map_or_else(|| format!("type {number}"), |name| (*name).to_owned())
}

/// The sizes in a `TensorShapeProto`.
fn shape_of(wire: &mut Wire<'_>, range: Range<u64>, budget: &mut Budget) -> Result<Vec<u64>, Stop> {
    let mut shape = Vec::new();
    let mut cursor = Cursor::from(range);
    while let Some(field) = wire.next(&mut cursor, budget)? {
        if let (2, Some(inner)) = (field.number, field.message()) {
            let mut size = 0;
            let mut dim = Cursor::from(inner);
            while let Some(field) = wire.next(&mut dim, budget)? {
                if let (1, Some(n)) = (field.number, field.varint()) {
                    size = n;
                }
            }
            if shape.len() < 64 {
                shape.push(size);
            }
        }
    }
    Ok(shape)
}
