//! A copy of a model beside its original.

use crate::repositories::of;
use wellhead_engine::{Listing, Options, diff};
use wellhead_formats::assemble::assemble;

type Files = Vec<(String, Vec<u8>)>;

fn listing(target: &str, files: Files) -> Listing {
    Listing {
        target: target.to_owned(),
        prefix: None,
        entries: wellhead_sources::from_memory(files),
    }
}

fn weights(listing: &str) -> Vec<u8> {
    assemble("safetensors", listing).unwrap()
}

const TWO: &str =
    "tensor w dtype=F32 shape=2 offsets=0,8\ntensor b dtype=F32 shape=2 offsets=8,16\ndata zeros=16\n";
const OTHER: &str = "tensor w dtype=F32 shape=2 offsets=0,8\ntensor b dtype=F32 shape=2 offsets=8,16\ndata zeros=8\ndata as=hex\n  0102030405060708\n";
const HALF: &str =
    "tensor w dtype=F16 shape=2 offsets=0,4\ntensor b dtype=F16 shape=2 offsets=4,8\ndata zeros=8\n";

fn original() -> Files {
    vec![
        (
            "config.json".into(),
            b"{\"model_type\": \"bert\", \"hidden_size\": 2}".to_vec(),
        ),
        (
            "tokenizer_config.json".into(),
            b"{\"tokenizer_class\": \"T\", \"chat_template\": \"{{ m }}\"}".to_vec(),
        ),
        ("README.md".into(), b"# bert\n".to_vec()),
        ("model.safetensors".into(), weights(TWO)),
    ]
}

/// The original with some files put in the place of its own, or beside them.
fn copy(files: &[(&str, &[u8])]) -> Files {
    let mut all = original();
    for (path, bytes) in files {
        all.retain(|(p, _)| p != path);
        all.push(((*path).to_owned(), bytes.to_vec()));
    }
    all
}

fn told(old: Files, new: Files) -> Vec<String> {
    of(&diff(
        &listing("original", old),
        &listing("copy", new),
        &Options::default(),
    ))
}

#[test]
fn r08_a_copy_is_told_from_its_original() {
    let auto_map = b"{\"model_type\": \"bert\", \"hidden_size\": 2, \"auto_map\": {\"AutoModel\": \"x.M\"}}";
    let evil = b"import os\nos.system('echo inert')\n";
    let other = weights(OTHER);
    let half = weights(HALF);
    let pickle = wellhead_formats::pickle::assemble::assemble(
        "PROTO 2\nGLOBAL 'posix system'\nBINUNICODE 'echo inert'\nTUPLE1\nREDUCE\nSTOP\n",
    )
    .unwrap();
    for (name, new, expected) in [
        ("nothing", copy(&[]), vec![]),
        (
            "the card, line endings, the order of keys",
            copy(&[
                ("README.md", b"# copy of bert\r\n"),
                (
                    "config.json",
                    b"{\r\n \"hidden_size\": 2,\r\n \"model_type\": \"bert\"}\r\n",
                ),
            ]),
            vec![],
        ),
        (
            "code that loading runs",
            copy(&[("config.json", auto_map), ("x.py", evil)]),
            vec![
                "dangerous-code-in-model-repository critical",
                "new-capability high",
                "remote-code-in-config critical",
                "twin-with-changed-behaviour medium",
                "twin-with-extra-code critical",
                "twin-with-extra-code critical",
            ],
        ),
        (
            "code that only computes",
            copy(&[("config.json", auto_map), ("x.py", b"x = 1\n")]),
            vec![
                "remote-code-in-config medium",
                "twin-with-changed-behaviour medium",
                "twin-with-extra-code critical",
                "twin-with-extra-code critical",
            ],
        ),
        (
            "code of another repository",
            copy(&[(
                "config.json",
                b"{\"model_type\": \"bert\", \"hidden_size\": 2, \"auto_map\": {\"AutoModel\": \"evil/kit--x.M\"}}",
            )]),
            vec![
                "remote-code-from-other-repository high",
                "twin-with-changed-behaviour medium",
                "twin-with-extra-code critical",
            ],
        ),
        (
            "a script that nothing loads",
            copy(&[("prepare.py", b"x = 1\n")]),
            vec!["twin-with-extra-code high"],
        ),
        (
            "requirements",
            copy(&[("requirements.txt", b"somepkg==1.0\n")]),
            vec!["twin-with-extra-code high"],
        ),
        (
            "a pickle beside the weights",
            copy(&[("pytorch_model.bin", &pickle)]),
            vec!["twin-with-extra-code critical", "unsafe-pickle-import critical"],
        ),
        (
            "one of two tensors",
            copy(&[("model.safetensors", &other)]),
            vec!["twin-weights-changed medium"],
        ),
        (
            "other types",
            copy(&[("model.safetensors", &half)]),
            vec!["twin-weights-changed low"],
        ),
        (
            "a template",
            copy(&[(
                "tokenizer_config.json",
                b"{\"tokenizer_class\": \"T\", \"chat_template\": \"{{ m }} Buy.\"}",
            )]),
            vec!["twin-with-changed-behaviour medium"],
        ),
    ] {
        assert_eq!(told(original(), new), expected, "{name}");
    }
}

#[test]
fn r12_single_files_are_compared_whatever_their_names() {
    let one = |name: &str, text: &str| vec![(name.to_owned(), weights(text))];
    assert!(told(one("a.safetensors", TWO), one("b.safetensors", TWO)).is_empty());
    assert_eq!(
        told(one("a.safetensors", TWO), one("b.safetensors", OTHER)),
        ["twin-weights-changed medium"]
    );
    let report = diff(
        &listing("a", one("a.safetensors", TWO)),
        &listing("b", one("b.safetensors", OTHER)),
        &Options::default(),
    );
    assert!(
        report.findings[0].message.contains("1 of 2"),
        "{}",
        report.findings[0].message
    );
    assert!(
        report.findings[0].notes[0].contains("`b`"),
        "{:?}",
        report.findings[0].notes
    );
}

#[test]
fn other_shards_of_the_same_tensors_are_the_same_weights() {
    let w = weights("tensor w dtype=F32 shape=2 offsets=0,8\ndata zeros=8\n");
    let b = weights("tensor b dtype=F32 shape=2 offsets=0,8\ndata zeros=8\n");
    let mut new = original();
    new.retain(|(p, _)| p != "model.safetensors");
    new.push(("model-00001-of-00002.safetensors".into(), w));
    new.push(("model-00002-of-00002.safetensors".into(), b));
    assert_eq!(told(original(), new), Vec::<String>::new());
}

#[test]
fn tensors_under_other_names_are_the_same_weights() {
    let named = |name: &str| {
        let listing =
            format!("tensor {name} dtype=F32 shape=2 offsets=0,8\ndata as=hex\n  0102030405060708\n");
        vec![("model.safetensors".to_owned(), weights(&listing))]
    };
    assert_eq!(told(named("w"), named("w")), Vec::<String>::new());
    assert_eq!(told(named("w"), named("model.w")), Vec::<String>::new());
    assert_eq!(
        told(named("w"), vec![("model.safetensors".to_owned(), weights(TWO))]),
        ["twin-weights-changed medium"]
    );
}
