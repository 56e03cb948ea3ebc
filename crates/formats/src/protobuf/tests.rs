use crate::{
    assemble::assemble,
    document::{Document, OpenOptions, Role},
    identify::identify,
    open::open,
};
use wellhead_core::{Blob, Budget, Outcome};

/// What a listing is taken for under a name.
fn taken_for(name: &str, listing: &str) -> &'static str {
    let blob = Blob::from_bytes(assemble("protobuf", listing).unwrap());
    identify(name, Role::Plain, &blob, &mut Budget::default())
        .format
        .name
}

const NODE: &str = "1: \"a/b\"\n2: \"MatMul\"\n3: \"x\"\n5: {\n1: \"T\"\n2: {\n6: varint 1\n}\n}\n";

fn inside(number: u32, inner: &str) -> String {
    format!("{number}: {{\n{inner}}}\n")
}

#[test]
fn a_message_is_told_by_what_must_be_in_it() {
    let node = inside(1, NODE);
    let onnx_node = inside(1, "1: \"x\"\n2: \"y\"\n4: \"Relu\"\n");
    let library = inside(
        2,
        &inside(1, &format!("{}{}", inside(1, "1: \"f\"\n"), inside(3, NODE))),
    );
    for (listing, format) in [
        (inside(7, &onnx_node), "onnx"),
        (
            format!("1: varint 8\n2: \"pytorch\"\n{}", inside(7, &onnx_node)),
            "onnx",
        ),
        (inside(25, &inside(7, "4: \"Relu\"\n")), "onnx"),
        // Fields that no schema has change nothing.
        (format!("99: varint 1\n{}", inside(7, &onnx_node)), "onnx"),
        (
            "1: varint 2\n1: varint 3\n2: varint 1\n8: \"w\"\n9: zeros 24\n".to_owned(),
            "onnx-tensor",
        ),
        (
            format!("1: varint 1\n{}", inside(2, &inside(2, &node))),
            "saved-model",
        ),
        (inside(2, &inside(2, &library)), "saved-model"),
        (inside(2, &node), "tensorflow-graph"),
        (node.clone(), "tensorflow-graph"),
        (library, "tensorflow-graph"),
        ("1: varint 4\n2: {\n}\n500: {\n}\n".to_owned(), "coreml"),
        (
            format!(
                "1: \"net\"\n{}",
                inside(100, "1: \"conv1\"\n2: \"Convolution\"\n")
            ),
            "caffe",
        ),
        (inside(2, "4: \"conv1\"\n5: varint 4\n"), "caffe"),
        (
            inside(
                1,
                &format!("1: varint 0\n2: varint -1\n{}", inside(4, "3: \"relu\"\n")),
            ),
            "paddle",
        ),
        (
            inside(
                1,
                "2: varint 0\n3: \"root\"\n4: \"_tf_keras_network\"\n5: \"{}\"\n",
            ),
            "keras-metadata",
        ),
        (
            inside(1, "1: \"<unk>\"\n2: fixed32 0\n3: varint 2\n"),
            "sentencepiece",
        ),
        ("1: varint 1\n2: varint 7\n".to_owned(), "unknown"),
        ("1: \"hello\"\n".to_owned(), "unknown"),
    ] {
        assert_eq!(taken_for("x", &listing), format, "{listing}");
    }
    assert_eq!(
        taken_for("fingerprint.pb", "1: varint 1\n2: varint 7\n"),
        "protobuf"
    );
}

#[test]
fn a_message_of_no_known_kind_is_listed() {
    let bytes = assemble("protobuf", "1: varint 1\n6: {\n1: varint 1\n}\n6: {\n}\n").unwrap();
    let (blob, budget) = (Blob::from_bytes(bytes), &mut Budget::default());
    let identity = identify("fingerprint.pb", Role::Plain, &blob, budget);
    let opened = open("fingerprint.pb", &identity, &blob, OpenOptions::default(), budget);
    assert_eq!(opened.outcome, Outcome::Analysed);
    let Document::Model(model) = opened.document else {
        panic!("no model")
    };
    assert_eq!(
        model.metadata,
        [
            ("field 1".to_owned(), "1 × number".to_owned()),
            ("field 6".to_owned(), "2 × bytes".to_owned())
        ]
    );
}

#[test]
fn text_is_no_message() {
    for text in [
        "\nhello world, this is text\n",
        "{\"a\": 1}",
        "# title\n",
        "2: x\n",
        "import os\n",
    ] {
        let blob = Blob::from_bytes(text.as_bytes());
        let identity = identify("x", Role::Plain, &blob, &mut Budget::default());
        assert!(
            identity.format.family == crate::Family::Text,
            "{text:?} {}",
            identity.format.name
        );
    }
}
