//! Graphs written as text: `saved_model.pbtxt`, `graph.pbtxt`. Loaders take them like the binary ones.

use super::{MAX_TEXTS, MetaGraph, Node, Reader, is_elsewhere, tells};
use crate::{
    document::Opened,
    graph::{Framework, Graph, Place, ReferenceKind},
    model::{Model, Opening},
    protobuf::{
        text::{Entry, Value, parse},
        wire::Wire,
    },
    tensors::defect,
};
use wellhead_core::{Budget, Exhausted, Outcome, code};

/// Opens a SavedModel, a meta graph or a graph that is written as text.
pub(crate) fn open(opening: &Opening<'_>, text: &str, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    model.graph = Graph::new(Framework::TensorFlow);
    let entries = match parse(text, budget) {
        Ok(entries) => entries,
        Err(e) => {
            defect(&mut model.defects, e.at..e.at.saturating_add(1), e.words.clone());
            return model.opened(Vec::new(), Outcome::Partly { why: e.words }, opening);
        }
    };
    let mut reader = Reader {
        wire: Wire::new(opening.blob),
        model,
        members: Vec::new(),
        opening,
        budget,
    };
    let outcome = match whole(&mut reader, &entries) {
        Ok(()) => Outcome::Analysed,
        Err(why) => Outcome::Partly { why: why.to_string() },
    };
    reader.model.opened(reader.members, outcome, opening)
}

/// The outermost message: which of the three it is, its fields say.
fn whole(reader: &mut Reader<'_, '_>, entries: &[Entry]) -> Result<(), Exhausted> {
    let mut graphs = messages(entries, "meta_graphs").peekable();
    if graphs.peek().is_some() {
        for meta in graphs {
            meta_graph(reader, meta)?;
        }
        return Ok(());
    }
    if messages(entries, "graph_def").next().is_some() {
        return meta_graph(reader, entries);
    }
    let mut meta = MetaGraph::default();
    graph(reader, entries, &mut meta)?;
    reader.emit(&meta)
}

/// The messages of that name in a message.
fn messages<'e>(entries: &'e [Entry], name: &'e str) -> impl Iterator<Item = &'e [Entry]> {
    entries
        .iter()
        .filter(move |e| e.name == name)
        .filter_map(|e| match &e.value {
            Value::Message(inner) => Some(inner.as_slice()),
            Value::Scalar(_) => None,
        })
}

/// The texts of that name in a message.
fn texts<'e>(entries: &'e [Entry], name: &'e str) -> impl Iterator<Item = &'e str> {
    entries
        .iter()
        .filter(move |e| e.name == name)
        .filter_map(|e| match &e.value {
            Value::Scalar(text) => Some(text.as_str()),
            Value::Message(_) => None,
        })
}

fn text(entries: &[Entry], name: &str) -> String {
    texts(entries, name).next().unwrap_or_default().to_owned()
}

fn meta_graph(reader: &mut Reader<'_, '_>, entries: &[Entry]) -> Result<(), Exhausted> {
    let mut meta = MetaGraph::default();
    for inner in messages(entries, "graph_def") {
        graph(reader, inner, &mut meta)?;
    }
    for saver in messages(entries, "saver_def") {
        for name in ["save_tensor_name", "restore_op_name"] {
            meta.roots.saver.push(text(saver, name));
        }
    }
    for signature in messages(entries, "signature_def") {
        reader.keep("signature", text(signature, "key"));
        for value in messages(signature, "value") {
            for ends in ["inputs", "outputs"] {
                let tensors = messages(value, ends).flat_map(|entry| messages(entry, "value"));
                meta.roots
                    .served
                    .extend(tensors.map(|tensor| text(tensor, "name")));
            }
        }
    }
    for asset in messages(entries, "asset_file_def") {
        let tensor = messages(asset, "tensor_info").next().map(|t| text(t, "name"));
        let by = format!("the asset of {}", code(&tensor.unwrap_or_default()));
        let file = text(asset, "filename");
        let graph = &mut reader.model.graph;
        graph.reference(ReferenceKind::File, &file, by, Place::default());
    }
    for objects in messages(entries, "object_graph_def") {
        let functions = messages(objects, "concrete_functions");
        meta.roots.functions.extend(functions.map(|f| text(f, "key")));
    }
    reader.emit(&meta)
}

fn graph(reader: &mut Reader<'_, '_>, entries: &[Entry], meta: &mut MetaGraph) -> Result<(), Exhausted> {
    for entry in entries.iter().filter(|e| e.name == "node") {
        let node = node(entry);
        meta.main.push(node, reader.budget)?;
    }
    for function in messages(entries, "library").flat_map(|l| messages(l, "function")) {
        let mut body = super::Body::default();
        body.name = messages(function, "signature")
            .next()
            .map(|s| text(s, "name"))
            .unwrap_or_default();
        for entry in function.iter().filter(|e| e.name == "node_def") {
            body.push(node(entry), reader.budget)?;
        }
        meta.functions.push(body);
    }
    Ok(())
}

fn node(entry: &Entry) -> Node {
    let Value::Message(fields) = &entry.value else {
        return Node::default();
    };
    let mut node = Node {
        name: text(fields, "name"),
        op: text(fields, "op"),
        inputs: texts(fields, "input").map(str::to_owned).collect(),
        at: entry.at,
        length: entry.end.saturating_sub(entry.at),
        ..Node::default()
    };
    for attribute in messages(fields, "attr") {
        let name = text(attribute, "key");
        for value in messages(attribute, "value") {
            attribute_value(&mut node, &name, value, 0);
        }
    }
    node
}

fn attribute_value(node: &mut Node, name: &str, value: &[Entry], depth: u32) {
    if depth > super::MAX_NESTING {
        return;
    }
    for text in texts(value, "s") {
        if (tells(name) || is_elsewhere(text)) && node.texts.len() < MAX_TEXTS && !name.starts_with('_') {
            node.texts.push((name.to_owned(), text.to_owned()));
        }
    }
    let tensor = messages(value, "tensor").next();
    if let Some(constant) = tensor.and_then(|t| texts(t, "string_val").next())
        && node.op == "Const"
    {
        node.constant = Some(constant.to_owned());
    }
    let deeper = depth.saturating_add(1);
    for function in messages(value, "func") {
        node.calls.push(text(function, "name"));
        for inner in messages(function, "attr").flat_map(|a| messages(a, "value")) {
            attribute_value(node, "", inner, deeper);
        }
    }
    for list in messages(value, "list") {
        attribute_value(node, name, list, deeper);
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        document::{Document, OpenOptions, Role},
        identify::identify,
    };
    use wellhead_core::{Blob, Budget, Outcome};

    #[test]
    fn a_graph_as_text_is_judged_like_the_binary_one() {
        let nodes = "node { name: \"p\" op: \"Const\" attr { key: \"value\" value { tensor { dtype: DT_STRING string_val: \"/etc/passwd\" } } } }
            node { name: \"out\" op: \"ReadFile\" input: \"p\" }
            library { function { signature { name: \"f\" } node_def { name: \"w\" op: \"WriteFile\" } } }";
        let meta = format!("graph_def {{ {nodes} }} asset_file_def {{ filename: \"../x\" }}");
        for (name, text, references) in [
            ("graph.pbtxt", nodes.to_owned(), 0),
            ("model.pbtxt", meta.clone(), 1),
            (
                "saved_model.pbtxt",
                format!("saved_model_schema_version: 1 meta_graphs {{ {meta} }}"),
                1,
            ),
        ] {
            let (blob, budget) = (Blob::from_bytes(text.into_bytes()), &mut Budget::default());
            let identity = identify(name, Role::Plain, &blob, budget);
            let opened = crate::open::open(name, &identity, &blob, OpenOptions::default(), budget);
            assert_eq!(opened.outcome, Outcome::Analysed, "{name}");
            let Document::Model(model) = opened.document else {
                panic!("{name} is {}", identity.format.name)
            };
            let told: Vec<_> = model
                .graph
                .operators
                .iter()
                .map(|o| format!("{} in {} {:?}", o.name, o.scope, o.attributes))
                .collect();
            assert_eq!(
                told,
                [
                    "Const in main []",
                    "ReadFile in main [(\"file\", \"/etc/passwd\")]",
                    "WriteFile in function f []"
                ],
                "{name}"
            );
            assert_eq!(model.graph.references.len(), references, "{name}");
        }
    }
}
