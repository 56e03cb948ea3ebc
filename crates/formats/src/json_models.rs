//! Models and parts of models that are JSON: what the text is stays as it is, and this is its second reading.
//!
//! The one decision: these are told by the keys that their writers always write, never by their name, since loaders open
//! whatever name they are given.

use crate::{
    document::{Member, Opened},
    format::{Format, table as t},
    graph::{Framework, Graph, Operator, Place, ReferenceKind},
    model::{Model, Opening},
    mxnet, small,
    text::{self, Entry, Node, Value},
};
use wellhead_core::{Budget, Exhausted, Outcome};

/// The keys and values by which a model is told, each with its quotes.
static WORDS: &[&str] = &[
    "\"nodes\"",
    "\"op\"",
    "\"inputs\"",
    "\"null\"",
    "\"zarr_format\"",
    "\"zarr_consolidated_format\"",
    "\"kvstore\"",
    "\"tree_metadata\"",
    "\"ts_spec\"",
    "\"learner\"",
    "\"learner_model_param\"",
    "\"gradient_booster\"",
];

/// Which model a JSON text is, by its beginning.
pub(crate) fn told(head: &[u8]) -> Option<&'static Format> {
    // One pass over the quotes, since every JSON file comes here.
    let mut found = [false; 12];
    for (i, _) in head.iter().enumerate().filter(|(_, b)| **b == b'"') {
        let rest = head.get(i..).unwrap_or_default();
        for (word, found) in WORDS.iter().zip(&mut found) {
            *found |= rest.starts_with(word.as_bytes());
        }
    }
    let [
        nodes,
        op,
        inputs,
        null,
        zarr,
        consolidated,
        kvstore,
        tree,
        spec,
        learner,
        parameters,
        booster,
    ] = found;
    if nodes && op && inputs && null {
        return Some(&t::MXNET_SYMBOL);
    }
    if zarr || consolidated {
        return Some(&t::ZARR_METADATA);
    }
    if kvstore || tree || spec {
        return Some(&t::TENSORSTORE_SPEC);
    }
    (learner && (parameters || booster)).then_some(&t::XGBOOST_JSON)
}

/// Opens the second reading.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let outcome = match read(opening, &mut model, budget) {
        Ok(()) => Outcome::Analysed,
        Err(why) => Outcome::Partly { why },
    };
    model.opened(Vec::<Member>::new(), outcome, opening)
}

fn read(opening: &Opening<'_>, model: &mut Model, budget: &mut Budget) -> Result<(), String> {
    let size = opening.blob.len();
    budget.memory(size).map_err(|e| e.to_string())?;
    let bytes = opening.blob.bytes(0, usize::try_from(size).unwrap_or(usize::MAX));
    budget.release(size);
    let bytes = bytes.map_err(|e| format!("could not be read: {e}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let root = text::json(text.trim_start_matches('\u{feff}'), budget)
        .map_err(|e| format!("not valid JSON: {e}"))?;
    let read = match opening.identity.format.name {
        "mxnet-symbol" => mxnet::graph(&root, model, budget),
        "zarr-metadata" => zarr(&root, model, budget),
        "tensorstore-spec" => tensorstore(&root, model, budget),
        _ => small::xgboost_facts(&root, model, budget),
    };
    read.map_err(|e| e.to_string())
}

fn place(node: &Node) -> Place {
    Place {
        offset: node.span.start as u64,
        length: (node.span.end.saturating_sub(node.span.start)) as u64,
    }
}

/// Longest step of a way through a tree, and longest way.
const MAX_STEP: usize = 64;
const MAX_PATH: usize = 512;

/// Values of a table or an array that were not seen yet.
enum Rest<'n> {
    Entries(std::slice::Iter<'n, Entry>),
    Items(std::slice::Iter<'n, Node>),
}

/// Shows all values of a tree, each with the way to it. What waits is as deep as the tree and no wider.
pub(crate) fn walk<'n>(
    root: &'n Node,
    budget: &mut Budget,
    mut see: impl FnMut(&str, &'n Node, &mut Budget) -> Result<(), Exhausted>,
) -> Result<(), Exhausted> {
    let mut stack: Vec<(String, Rest<'n>)> = Vec::new();
    let mut next = Some((String::new(), root));
    loop {
        if let Some((path, node)) = next.take() {
            budget.steps(1)?;
            see(&path, node, budget)?;
            match &node.value {
                Value::Table(entries) => stack.push((path, Rest::Entries(entries.iter()))),
                Value::Array(items) => stack.push((path, Rest::Items(items.iter()))),
                _ => {}
            }
        }
        let Some((path, rest)) = stack.last_mut() else {
            return Ok(());
        };
        next = match rest {
            Rest::Entries(entries) => entries.next().map(|e| (joined(path, &e.key), &e.node)),
            Rest::Items(items) => items.next().map(|node| (path.clone(), node)),
        };
        if next.is_none() {
            stack.pop();
        }
    }
}

fn joined(path: &str, key: &str) -> String {
    let key: String = key.chars().take(MAX_STEP).collect();
    if path.is_empty() || path.len() > MAX_PATH {
        key
    } else {
        format!("{path}/{key}")
    }
}

/// Codecs of an array in chunks: each chunk goes through them, and one of them unpickles.
fn zarr(root: &Node, model: &mut Model, budget: &mut Budget) -> Result<(), Exhausted> {
    model.graph = Graph::new(Framework::Zarr);
    let graph = &mut model.graph;
    let metadata = &mut model.metadata;
    walk(root, budget, |path, node, budget| {
        let text = |key| node.get(key).and_then(Node::as_str);
        if let Some(dtype) = text("dtype").or_else(|| text("data_type"))
            && metadata.len() < 200
        {
            let name = if path.is_empty() { "array" } else { path };
            metadata.push((name.to_owned(), dtype.to_owned()));
        }
        let within = path.rsplit('/').next().unwrap_or_default();
        let is_codec = matches!(
            within,
            "filters" | "compressor" | "codecs" | "index_codecs" | "object_codec"
        );
        let name = text("id").or_else(|| text("name")).filter(|_| is_codec);
        if let Some(name) = name {
            let operator = Operator {
                domain: "codec".to_owned(),
                name: name.to_owned(),
                scope: path.to_owned(),
                place: place(node),
                ..Operator::default()
            };
            graph.operator(operator, budget)?;
        }
        Ok(())
    })
}

/// Where TensorStore (and so Orbax) looks for arrays: files, buckets and addresses.
fn tensorstore(root: &Node, model: &mut Model, budget: &mut Budget) -> Result<(), Exhausted> {
    let graph = &mut model.graph;
    let metadata = &mut model.metadata;
    walk(root, budget, |path, node, _| {
        let text = |key| node.get(key).and_then(Node::as_str);
        let by = if path.is_empty() { "the checkpoint" } else { path };
        for key in ["kvstore", "base"] {
            // A store may be one address.
            if let Some(address) = text(key).filter(|a| a.contains("://")) {
                let (kind, target) = address
                    .strip_prefix("file://")
                    .map_or((ReferenceKind::Url, address), |path| (ReferenceKind::File, path));
                graph.reference(kind, target, by, place(node));
            }
        }
        let Some(driver) = text("driver") else {
            return Ok(());
        };
        if metadata.len() < 200 {
            metadata.push((format!("driver of {by}"), driver.to_owned()));
        }
        let location = text("path").unwrap_or_default();
        let bucket = text("bucket").unwrap_or_default();
        match driver {
            "file" => graph.reference(ReferenceKind::File, location, by, place(node)),
            "http" => {
                let address = text("base_url").unwrap_or_default();
                graph.reference(
                    ReferenceKind::Url,
                    &format!("{address}{location}"),
                    by,
                    place(node),
                );
            }
            "gcs" | "gs" => {
                graph.reference(
                    ReferenceKind::Url,
                    &format!("gs://{bucket}/{location}"),
                    by,
                    place(node),
                );
            }
            "s3" => graph.reference(
                ReferenceKind::Url,
                &format!("s3://{bucket}/{location}"),
                by,
                place(node),
            ),
            _ => {}
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::{Document, OpenOptions, Role, identify, open};
    use wellhead_core::{Blob, Budget};

    fn show(text: &str) -> String {
        let blob = Blob::from_bytes(text.as_bytes());
        let mut budget = Budget::default();
        let outer = identify("x.json", Role::Plain, &blob, &mut budget);
        assert_eq!(outer.format.name, "json");
        let opened = open("x.json", &outer, &blob, OpenOptions::default(), &mut budget);
        let mut out = Vec::new();
        for member in &opened.members {
            out.push(member.name.clone());
            let body = member.body(&mut budget);
            let identity = identify(&member.name, member.role, &body.blob, &mut budget);
            let inner = open(
                &member.name,
                &identity,
                &body.blob,
                OpenOptions::default(),
                &mut budget,
            );
            let Document::Model(model) = &inner.document else {
                panic!("{}", identity.format.name)
            };
            let attributes = |o: &crate::graph::Operator| {
                let all = o.attributes.iter().map(|(k, v)| format!(" {k}={v}"));
                all.collect::<String>()
            };
            out.extend(
                model
                    .graph
                    .operators
                    .iter()
                    .map(|o| format!("{}:{} {}{}", o.domain, o.name, o.node, attributes(o))),
            );
            out.extend(
                model
                    .graph
                    .references
                    .iter()
                    .map(|r| format!("{:?} {} by {}", r.kind, r.target, r.by)),
            );
            out.extend(model.metadata.iter().map(|(k, v)| format!("{k}: {v}")));
            out.extend(inner.outcome.why().map(str::to_owned));
        }
        out.join("\n")
    }

    #[test]
    fn a_graph_of_mxnet_shows_what_its_nodes_call() {
        insta::assert_snapshot!(show(
            r#"{"nodes":[{"op":"null","name":"data","inputs":[]},{"op":"Convolution","name":"c","attrs":{"kernel":"(3,3)"},"inputs":[[0,0,0]]},
            {"op":"Custom","name":"hook","attrs":{"op_type":"mine"},"inputs":[]}],"heads":[],"attrs":{"mxnet_version":["int",10901]}}"#
        ), @"
            as mxnet-symbol at 0x0
            :Convolution c
            :Custom hook callable=mine
            MXNet: 10901
            ");
    }

    #[test]
    fn codecs_of_chunked_arrays_are_named() {
        insta::assert_snapshot!(show(
            r#"{"chunks":[5],"compressor":{"id":"blosc","cname":"lz4"},"dtype":"|O","filters":[{"id":"pickle","protocol":5}],"zarr_format":2}"#
        ), @"
            as zarr-metadata at 0x0
            codec:blosc 
            codec:pickle 
            array: |O
            ");
        insta::assert_snapshot!(show(
            r#"{"zarr_format":3,"node_type":"array","data_type":"float32","codecs":[{"name":"bytes","configuration":{"endian":"little"}},{"name":"zstd"}]}"#
        ), @"
            as zarr-metadata at 0x0
            codec:bytes 
            codec:zstd 
            array: float32
            ");
    }

    #[test]
    fn stores_outside_are_references() {
        insta::assert_snapshot!(show(
            r#"{"tree_metadata":{},"a":{"driver":"zarr","kvstore":{"driver":"file","path":"/etc/x"}},"b":{"driver":"zarr3","kvstore":"s3://bucket/x"},
            "c":{"kvstore":{"driver":"http","base_url":"https://host.example","path":"/x"}}}"#
        ), @"
            as tensorstore-spec at 0x0
            File /etc/x by a/kvstore
            Url s3://bucket/x by b
            Url https://host.example/x by c/kvstore
            driver of a: zarr
            driver of a/kvstore: file
            driver of b: zarr3
            driver of c/kvstore: http
            ");
    }

    #[test]
    fn an_ordinary_configuration_has_no_second_reading() {
        for text in [
            r#"{"model_type":"bert","hidden_size":768}"#,
            r#"{"nodes":[],"learner":1}"#,
            r#"{"name":"zarr"}"#,
        ] {
            assert_eq!(show(text), "");
        }
    }
}
