use crate::{Document, OpenOptions, Role, assemble::assemble, identify, open};
use proptest::prelude::*;
use wellhead_core::{Blob, Budget};

/// What a file is taken for, and what is understood of it.
fn show(name: &str, bytes: Vec<u8>) -> String {
    let blob = Blob::from_bytes(bytes);
    let mut budget = Budget::default();
    let identity = identify(name, Role::Plain, &blob, &mut budget);
    let opened = open(name, &identity, &blob, OpenOptions::default(), &mut budget);
    let mut out = vec![identity.format.name.to_owned()];
    if let Some(m) = identity.mismatch {
        out.push(format!("promises {}", m.promised.name));
    }
    if let Document::Model(model) = &opened.document {
        out.extend(model.metadata.iter().map(|(k, v)| format!("{k}: {v}")));
        for t in &model.tensors {
            out.push(format!("{} {} {:?} {:?}", t.name, t.dtype, t.shape, t.bytes));
        }
        for o in &model.graph.operators {
            out.push(format!("{}:{} at {:#x}", o.domain, o.name, o.place.offset));
        }
    }
    out.extend(opened.members.iter().map(|m| format!("member {}", m.name)));
    out.extend(opened.outcome.why().map(str::to_owned));
    out.join("\n")
}

fn binary(name: &str, listing: &str) -> String {
    show(name, assemble("binary", listing).unwrap())
}

#[test]
fn lightgbm_under_any_name() {
    let text = "tree\nversion=v4\nobjective=binary sigmoid:1\n\nTree=0\nnum_leaves=1\n\nend of trees\n\nparameters:\n[boosting: gbdt]\n[machines: ]\nend of parameters\n";
    let shown = show("model.txt", text.as_bytes().to_vec());
    insta::assert_snapshot!(shown, @"
    lightgbm
    version: v4
    objective: binary sigmoid:1
    parameter boosting: gbdt
    ");
    assert_eq!(show("m.model", text.as_bytes().to_vec()), shown);
}

#[test]
fn fasttext_shows_its_matrices() {
    let listing = "
        u32 793712314 12 2 5 5 1 5 1 3 3 0 0 0 100
        f64 0.0001
        u32 1 1 0
        u64 1 -1
        text word
        hex 00
        u64 7
        u8 0
        u8 0
        u64 1 2
        zeros 8
        u8 0
        u64 1 2
        zeros 8";
    insta::assert_snapshot!(binary("x.bin", listing), @"
    fasttext
    version: 12
    dimension: 2
    window: 5
    epochs: 5
    minimum count: 1
    negatives: 5
    word n-grams: 1
    loss: softmax
    model: supervised
    buckets: 0
    shortest n-gram: 0
    longest n-gram: 0
    rate of updates: 100
    words: 1
    labels: 0
    input float32 [1, 2] 123..131
    output float32 [1, 2] 148..156
    ");
    assert!(binary("x.bin", &listing.replace("u64 1 2", "u64 0x7fffffff 0x7fffffff")).contains("damaged"));
}

#[test]
fn word2vec_is_told_from_text() {
    assert_eq!(
        binary(
            "GoogleNews.bin",
            "line 2 2\ntext a \nu8 32\nf32 0.5 1.5\nu8 10\ntext b\nu8 32\nf32 0.5 1.5"
        ),
        "word2vec\nvectors float32 [2, 2] 4..25"
    );
    assert_eq!(
        show("vectors.txt", b"2 2\na 0.5 1.5\nb 0.5 1.5\n".to_vec()),
        "text"
    );
}

#[test]
fn an_engine_says_that_its_code_was_not_seen() {
    let listing = "text ftrt\nzeros 60\nstr32 EfficientNMS_TRT\nstr32 EvilPlugin\nzeros 16\nhex 7f454c46020101\nzeros 64";
    insta::assert_snapshot!(binary("m.engine", listing), @"
    tensorrt
    plugin:EfficientNMS_TRT at 0x44
    plugin:EvilPlugin at 0x58
    member library at 0x72
    its code for a graphics processor is not read
    ");
}

#[test]
fn the_old_binary_form_of_xgboost() {
    let listing = "text binf\nf32 0.5\nu32 4\nzeros 128\nstr64 binary:logistic\nstr64 gbtree\nzeros 64";
    assert_eq!(
        binary("x.model", listing),
        "xgboost-binary\nobjective: binary:logistic\nfeatures: 4"
    );
}

#[test]
fn what_is_opaque_is_said() {
    assert_eq!(
        binary("x.rknn", "text RKNN\nu32 0\nu64 6\nzeros 16"),
        "rknn\nversion: 6\nits commands for a neural processor are not read"
    );
    assert!(binary("x.dnn", "hex 4200 4300 4e00 0000\nzeros 16").starts_with("cntk\nrecognised"));
}

proptest! {
    #[test]
    fn never_panics(
        magic in proptest::sample::select(vec!["ftrt", "RKNN", "tree\nversion=v4\n", "3 4\na ", "binf"]),
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut all = magic.as_bytes().to_vec();
        all.extend(&bytes);
        show("x", all);
        let mut all = 793_712_314_u32.to_le_bytes().to_vec();
        all.extend(&bytes);
        show("x", all);
    }
}
