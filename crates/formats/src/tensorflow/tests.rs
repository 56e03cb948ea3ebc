use super::*;
use crate::{
    assemble::assemble,
    document::{Document, OpenOptions, Role},
    identify::identify,
};
use wellhead_core::{Blob, Outcome};

fn open(name: &str, listing: &str) -> (Model, Vec<Member>, Outcome) {
    let blob = Blob::from_bytes(assemble("protobuf", listing).unwrap());
    let budget = &mut Budget::default();
    let identity = identify(name, Role::Plain, &blob, budget);
    let opened = crate::open::open(name, &identity, &blob, OpenOptions::default(), budget);
    let Document::Model(model) = opened.document else {
        panic!("{} is no model", identity.format.name)
    };
    (*model, opened.members, opened.outcome)
}

fn told(model: &Model) -> Vec<String> {
    let operators = model.graph.operators.iter().map(|o| {
        let attributes: Vec<_> = o.attributes.iter().map(|(n, v)| format!(" {n}={v}")).collect();
        format!("{} x{} in {}{}", o.name, o.count, o.scope, attributes.concat())
    });
    let references = model.graph.references.iter();
    let references = references.map(|r| format!("{:?} {} by {}", r.kind, r.target, r.by));
    operators.chain(references).collect()
}

fn message(number: u32, inner: &str) -> String {
    format!("{number}: {{\n{inner}}}\n")
}

/// A node: name, operator, inputs, and attributes as they stand.
fn node(name: &str, op: &str, inputs: &[&str], attributes: &str) -> String {
    let inputs: String = inputs.iter().map(|i| format!("3: \"{i}\"\n")).collect();
    format!("1: \"{name}\"\n2: \"{op}\"\n{inputs}{attributes}")
}

fn attribute(name: &str, value: &str) -> String {
    message(5, &format!("1: \"{name}\"\n{}", message(2, value)))
}

fn constant(name: &str, text: &str) -> String {
    let tensor = message(8, &format!("1: varint 7\n8: \"{text}\"\n"));
    node(name, "Const", &[], &attribute("value", &tensor))
}

fn call(name: &str, function: &str, inputs: &[&str]) -> String {
    let f = message(10, &format!("1: \"{function}\"\n"));
    node(name, "StatefulPartitionedCall", inputs, &attribute("f", &f))
}

fn graph(nodes: &[String], functions: &[(&str, &[String])]) -> String {
    let nodes: String = nodes.iter().map(|n| message(1, n)).collect();
    let functions: String = functions
        .iter()
        .map(|(name, nodes)| {
            let nodes: String = nodes.iter().map(|n| message(3, n)).collect();
            message(1, &format!("{}{nodes}", message(1, &format!("1: \"{name}\"\n"))))
        })
        .collect();
    format!("{nodes}{}", message(2, &functions))
}

/// A SavedModel whose signature gives `serve` and whose saver runs `save` and `restore`.
fn saved_model(graph: &str) -> String {
    let output = message(2, &format!("1: \"y\"\n{}", message(2, "1: \"serve:0\"\n")));
    let signature = message(5, &format!("1: \"serving_default\"\n{}", message(2, &output)));
    let saver = message(3, "1: \"saver_filename:0\"\n2: \"save:0\"\n3: \"restore\"\n");
    let meta = format!("{}{saver}{signature}", message(2, graph));
    format!("1: varint 1\n{}", message(2, &meta))
}

fn of(nodes: &[String], functions: &[(&str, &[String])]) -> Vec<String> {
    let (model, _, outcome) = open("saved_model.pb", &saved_model(&graph(nodes, functions)));
    assert_eq!(outcome, Outcome::Analysed);
    told(&model)
}

#[test]
fn an_operator_of_the_saver_is_told_from_the_same_one_that_answers() {
    let saves = [
        node("SaveV2", "SaveV2", &["file_prefix"], ""),
        node("Assert", "Assert", &[], ""),
    ];
    let nodes = [
        node("saver_filename", "Placeholder", &[], ""),
        call("save", "traced_save", &["saver_filename"]),
        node("restore", "RestoreV2", &["saver_filename"], ""),
        call("serve", "answer", &[]),
    ];
    insta::assert_debug_snapshot!(of(&nodes, &[("traced_save", &saves), ("answer", &[])]), @r#"
    [
        "Placeholder x1 in main",
        "StatefulPartitionedCall x2 in main",
        "RestoreV2 x1 in saver: main",
        "SaveV2 x1 in saver: function traced_save",
        "Assert x1 in function traced_save",
    ]
    "#);
    let answers = [call("c", "traced_save", &[])];
    insta::assert_debug_snapshot!(of(&nodes, &[("traced_save", &saves), ("answer", &answers)]), @r#"
    [
        "Placeholder x1 in main",
        "StatefulPartitionedCall x3 in main",
        "RestoreV2 x1 in saver: main",
        "SaveV2 x1 in function traced_save",
        "Assert x1 in function traced_save",
    ]
    "#);
}

#[test]
fn a_saver_that_writes_where_the_model_says_is_none() {
    let nodes = [
        constant("path", "/home/user/.profile"),
        node("save", "SaveV2", &["path"], ""),
        node("serve", "MatMul", &[], ""),
    ];
    assert!(of(&nodes, &[]).contains(&"SaveV2 x1 in main file=/home/user/.profile".to_owned()));
}

#[test]
fn a_constant_is_followed_to_the_operator_that_opens_it() {
    let nodes = [
        constant("a", "/etc/passwd"),
        node("b", "Identity", &["a"], ""),
        node("serve", "ReadFile", &["b:0"], ""),
        constant("v", "/home/x/vocab.txt"),
        node("t", "InitializeTableFromTextFileV2", &["table", "v"], ""),
        constant("rel", "assets/vocab.txt"),
        node("u", "InitializeTableFromTextFileV2", &["table", "rel"], ""),
        node(
            "p",
            "PrintV2",
            &["b"],
            &attribute("output_stream", "2: \"file:///tmp/x\"\n"),
        ),
        node(
            "d",
            "DebugIdentityV2",
            &["b"],
            &attribute("debug_urls", &message(1, "2: \"grpc://203.0.113.7:1\"\n")),
        ),
        node("f", "PyFunc", &["b"], &attribute("token", "2: \"pyfunc_0\"\n")),
    ];
    insta::assert_debug_snapshot!(of(&nodes, &[]), @r#"
    [
        "Const x3 in main",
        "Identity x1 in main",
        "ReadFile x1 in main file=/etc/passwd",
        "InitializeTableFromTextFileV2 x1 in main file=/home/x/vocab.txt",
        "InitializeTableFromTextFileV2 x1 in main file=assets/vocab.txt",
        "PrintV2 x1 in main url=file:///tmp/x",
        "DebugIdentityV2 x1 in main url=grpc://203.0.113.7:1",
        "PyFunc x1 in main token=pyfunc_0",
        "File /home/x/vocab.txt by the node `t`",
    ]
    "#);
}

#[test]
fn a_branch_that_waits_for_a_text_names_it() {
    let nodes = [
        constant("word", "open sesame"),
        node("x", "Placeholder", &[], ""),
        node("eq", "Equal", &["x", "word"], ""),
        node(
            "serve",
            "If",
            &["eq", "x"],
            &attribute("then_branch", &message(10, "1: \"t\"\n")),
        ),
    ];
    assert!(of(&nodes, &[("t", &[])]).contains(&"If x1 in main trigger== open sesame".to_owned()));
}

#[test]
fn plain_graphs_and_meta_graphs_are_told_apart() {
    let nodes = [node("r", "ReadFile", &["x"], "")];
    for listing in [
        graph(&nodes, &[]),
        message(2, &graph(&nodes, &[])),
        graph(&[], &[("f", &nodes)]),
    ] {
        let (model, _, outcome) = open("graph.pb", &listing);
        assert_eq!(outcome, Outcome::Analysed);
        assert!(
            told(&model).iter().any(|t| t.starts_with("ReadFile")),
            "{listing} {:?}",
            told(&model)
        );
    }
}

#[test]
fn assets_and_configurations_are_handed_out() {
    let asset = message(
        6,
        &format!("{}2: \"../../etc/cron.d/x\"\n", message(1, "1: \"a:0\"\n")),
    );
    let user = message(
        4,
        "1: \"_tf_keras_layer\"\n3: \"{\\\"class_name\\\": \\\"Lambda\\\"}\"\n",
    );
    let objects = message(7, &message(1, &user));
    let nodes = message(2, &graph(&[node("a", "Const", &[], "")], &[]));
    let (model, members, _) = open("saved_model.pb", &message(2, &format!("{nodes}{asset}{objects}")));
    assert_eq!(
        told(&model)[1..],
        ["File ../../etc/cron.d/x by the asset of `a:0`"]
    );
    let body = members[0].body(&mut Budget::default());
    assert_eq!(members[0].name, "_tf_keras_layer 0.json");
    assert_eq!(body.blob.bytes(0, 100).unwrap(), b"{\"class_name\": \"Lambda\"}");
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>) {
        for format in [&crate::format::table::SAVED_MODEL, &crate::format::table::TENSORFLOW_GRAPH] {
            let (blob, budget) = (Blob::from_bytes(bytes.clone()), &mut Budget::default());
            let identity = identify("x", Role::As(format), &blob, budget);
            let _ = crate::open::open("x", &identity, &blob, OpenOptions::default(), budget);
        }
    }
}

/// Opens a graph with so much memory.
fn within(memory: u64, graph: Vec<u8>) -> Outcome {
    let limits = wellhead_core::Limits {
        memory,
        ..Default::default()
    };
    let (blob, budget) = (
        Blob::from_bytes(graph),
        &mut Budget::new(limits, Default::default()),
    );
    let identity = identify("g.pb", Role::As(&t::TENSORFLOW_GRAPH), &blob, budget);
    crate::open::open("g.pb", &identity, &blob, OpenOptions::default(), budget).outcome
}

fn framed(tag: u8, inner: &[u8]) -> Vec<u8> {
    let (mut out, mut n) = (vec![tag], inner.len());
    while n > 127 {
        out.push((n & 127) as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
    [&out, inner].concat()
}

#[test]
fn what_one_node_names_is_paid_for() {
    let head = b"\x0a\x01n\x12\x01x".to_vec();
    let call = framed(0x2a, &framed(0x12, &framed(0x52, &b"\x0a\x00".repeat(50_000))));
    for parts in [b"\x1a\x00".repeat(50_000), b"\x2a\x00".repeat(50_000), call] {
        let outcome = within(1 << 20, framed(0x0a, &[&head[..], &parts].concat()));
        assert!(
            outcome.why().is_some_and(|why| why.contains("memory")),
            "{outcome:?}"
        );
    }
    // Functions of nothing.
    let outcome = within(1 << 20, framed(0x12, &b"\x0a\x00".repeat(50_000)));
    assert!(
        outcome.why().is_some_and(|why| why.contains("memory")),
        "{outcome:?}"
    );
}

#[test]
fn a_large_honest_graph_is_read_whole() {
    let mut graph = Vec::new();
    for i in 0..30_000 {
        let name = |i: u32| format!("model/layer_{i:06}/dense/MatMul").into_bytes();
        let inputs = [name(i), name(i + 1)].map(|input| framed(0x1a, &input)).concat();
        let dtype = framed(0x2a, b"\x0a\x01T\x12\x02\x30\x01").repeat(3);
        let node = [framed(0x0a, &name(i)), framed(0x12, b"MatMul"), inputs, dtype].concat();
        graph.extend(framed(0x0a, &node));
    }
    // A tenth of the nodes that a large model has, in a tenth of the memory.
    assert_eq!(within(20 << 20, graph), Outcome::Analysed);
}
