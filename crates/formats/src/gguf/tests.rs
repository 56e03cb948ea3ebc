use super::*;
use crate::{
    assemble::assemble,
    document::{Document, OpenOptions},
    identify::identify,
};
use proptest::prelude::*;

/// What a file comes to, a line each.
fn show(bytes: Vec<u8>) -> String {
    let blob = Blob::from_bytes(bytes);
    let budget = &mut Budget::default();
    let identity = identify("m.gguf", Role::Plain, &blob, budget);
    let opened = crate::open("m.gguf", &identity, &blob, OpenOptions::default(), budget);
    let Document::Model(model) = &opened.document else {
        panic!("{:?}", opened.document)
    };
    let mut out: Vec<String> = model.metadata.iter().map(|(k, v)| format!("{k} = {v}")).collect();
    for t in &model.tensors {
        out.push(format!("{} {} {:?} {:?}", t.name, t.dtype, t.shape, t.bytes));
    }
    out.extend(model.defects.iter().map(|d| format!("{:?}: {}", d.kind, d.words)));
    out.extend(opened.members.iter().map(|m| format!("member {}", m.name)));
    out.extend(opened.outcome.why().map(|why| format!("partly: {why}")));
    out.join("\n")
}

fn made(listing: &str) -> String {
    show(assemble("gguf", listing).unwrap())
}

#[test]
fn an_ordinary_file() {
    insta::assert_snapshot!(made("string general.architecture value=llama\nu32 general.alignment value=32\nbool a.b value=1\nf32 eps value=0.5\ni32 n value=0xffffffff\nstrings tokenizer.ggml.tokens\n  {{\n  }}\n  {%\nnumbers types count=3\nstring tokenizer.chat_template\n  {{ messages }}\nstring tokenizer.chat_template.tool_use\n  {{ tools }}\ntensor a type=F32 shape=4,2 offset=0\ntensor b type=Q8_0 shape=32 offset=32\ndata zeros=96\n"), @"
    version = 3, low byte first
    general.architecture = llama
    general.alignment = 32
    a.b = true
    eps = 0.5
    n = -1
    tokenizer.ggml.tokens = 3 strings
    types = 3 whole numbers
    tokenizer.chat_template = {{ messages }}
    tokenizer.chat_template.tool_use = {{ tools }}
    a F32 [4, 2] 480..512
    b Q8_0 [32] 512..546
    member tokenizer.chat_template
    member tokenizer.chat_template.tool_use
    ");
}

#[test]
fn both_byte_orders_and_the_first_version() {
    for order in ["order big\n", "version 1\n", "version 2\n"] {
        let shown = made(&format!(
            "{order}string general.architecture value=llama\ntensor a type=F16 shape=4 offset=0\ndata zeros=32\n"
        ));
        assert!(
            shown.contains("general.architecture = llama\na F16 [4]"),
            "{shown}"
        );
        assert!(!shown.contains("partly"), "{shown}");
    }
}

#[test]
fn every_defect_is_named() {
    for (listing, expected) in [
        ("version 9\n", "its version is 9, and 1 to 3 are known"),
        (
            "counts tensors=0xffffffffffffffff\n",
            "its header counts 18446744073709551615 tensors, and 0 bytes follow",
        ),
        (
            "counts pairs=0x1000000000000001\nu8 a value=1\n",
            "its header counts 1152921504606846977 metadata, and 14 bytes follow",
        ),
        (
            "numbers a count=0x7fffffffffffffff\n",
            "the array of `a` counts 9223372036854775807 elements",
        ),
        (
            "string a value=1\nstring a value=2\n",
            "Ambiguous: the key `a` stands twice",
        ),
        (
            "tensor a shape=1 offset=0\ntensor a shape=1 offset=32\ndata zeros=64\n",
            "Ambiguous: the tensor `a` stands twice",
        ),
        (
            "tensor a shape=8 offset=0\ntensor b shape=8 offset=0\ndata zeros=64\n",
            "Ambiguous: tensors `a` and `b` share bytes",
        ),
        (
            "tensor a shape=8 offset=64\ndata zeros=32\n",
            "tensor `a` ends 64 bytes behind the file",
        ),
        (
            "tensor a shape=8 offset=0xffffffffffffffe0\ndata zeros=32\n",
            "tensor `a` ends",
        ),
        (
            "tensor a shape=4 offset=4\ndata zeros=32\n",
            "tensor `a` does not begin at a multiple of 32",
        ),
        (
            "tensor a shape=4611686018427387904,4 offset=0\ndata zeros=32\n",
            "tensor `a` has more elements than can be counted",
        ),
        (
            "tensor a type=99 shape=1 offset=0\ndata zeros=32\n",
            "tensor `a` has the unknown type 99",
        ),
        (
            "tensor a type=Q8_0 shape=33 offset=0\ndata zeros=64\n",
            "tensor `a` has rows of 33, no multiple of the 32 that Q8_0 needs",
        ),
        (
            "tensor a type=31 shape=32 offset=0\ndata zeros=32\n",
            "tensor `a` has the type Q4_0_4_4, which was given up",
        ),
        (
            "tensor a shape=1,1,1,1,1 offset=0\ndata zeros=32\n",
            "tensor `a` has 5 dimensions, more than 4",
        ),
        (
            "u32 general.alignment value=3\n",
            "its alignment is 3, which is no power of two",
        ),
        ("string general.alignment value=x\n", "its alignment is no number"),
        ("bool a value=7\n", "the truth value of `a` is 7, neither 0 nor 1"),
        ("pair a type=77\n", "the value of `a` has the unknown type 77"),
        (
            "pair a type=9 as=hex\n  09000000 0100000000000000 09000000 0000000000000000\n",
            "the array of `a` holds arrays",
        ),
        (
            "tensor a shape=1 offset=0\ndata zeros=32\ndata\n  hello\n",
            "Smuggled: 6 bytes behind its last tensor belong to none",
        ),
    ] {
        let shown = made(listing);
        assert!(shown.contains(expected), "{listing}:\n{shown}");
    }
}

#[test]
fn templates_are_handed_on_whatever_their_key() {
    let shown = made(
        "string other\n  {% set x = 1 %}\nstring plain value={x}\nstrings list\n  short\n  {{ cycler.__init__.__globals__.os.popen('0123456789012345678901234567890123456789') }}\nstring tokenizer.chat_template value=a\nstring tokenizer.chat_template value=b\n",
    );
    let members: Vec<&str> = shown.lines().filter(|l| l.starts_with("member")).collect();
    assert_eq!(
        members,
        [
            "member other",
            "member list[1]",
            "member tokenizer.chat_template",
            "member tokenizer.chat_template (2)"
        ]
    );
}

#[test]
fn a_file_that_is_cut_off_says_where() {
    let whole = assemble(
        "gguf",
        "string a value=b\ntensor w shape=4 offset=0\ndata zeros=32\n",
    )
    .unwrap();
    // The padding behind the last tensor may be missing.
    for cut in 4..whole.len() - 16 {
        let shown = show(whole[..cut].to_vec());
        assert!(shown.contains("Broken"), "{cut}: {shown}");
    }
}

#[test]
fn a_pickle_behind_the_tensors_is_a_member() {
    let shown = made("tensor a shape=8 offset=0\ndata zeros=32\ndata as=hex\n  80044e2e\n");
    assert!(shown.contains("member bytes at"), "{shown}");
}

#[test]
fn older_layouts_list_their_tensors() {
    let word = |n: u32| n.to_le_bytes();
    let mut ggjt = b"tjgg".to_vec();
    for n in [3, 2, 8, 1, 1, 1, 4, 2] {
        ggjt.extend(word(n));
    }
    for token in ["a", "bc"] {
        ggjt.extend(word(token.len() as u32));
        ggjt.extend(token.as_bytes());
        ggjt.extend(1.0_f32.to_le_bytes());
    }
    for n in [1, 4, 0, 8] {
        ggjt.extend(word(n));
    }
    ggjt.extend(b"norm");
    ggjt.resize(ggjt.len().next_multiple_of(32), 0);
    ggjt.extend([0; 32]);
    insta::assert_snapshot!(show(ggjt), @"
    layout = GGJT
    version = 3
    vocabulary = 2
    norm F32 [8] 96..128
    ");
    let mut ggml = b"lmgg".to_vec();
    for n in [2, 1024, 768, 12, 12, 0, 2] {
        ggml.extend(word(n));
    }
    for token in ["a", "bc"] {
        ggml.extend(word(token.len() as u32));
        ggml.extend(token.as_bytes());
    }
    for n in [2, 1, 1, 2, 3] {
        ggml.extend(word(n));
    }
    ggml.extend(b"w");
    ggml.extend([0; 12]);
    assert!(show(ggml).contains("w F16 [2, 3]"));
    assert!(show(b"lmgg\x01\x02".to_vec()).contains("partly"));
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), order in any::<bool>()) {
        let mut file = b"GGUF".to_vec();
        file.extend(if order { 3_u32.to_be_bytes() } else { 3_u32.to_le_bytes() });
        file.extend(&bytes);
        show(file);
        show([b"lmgg".as_slice(), &bytes].concat());
        show([b"algg".as_slice(), &bytes].concat());
    }

    #[test]
    fn a_changed_byte_never_panics(at in 4_usize..300, to in any::<u8>()) {
        let mut file = assemble("gguf", "string a value=b\nstrings t\n  x\n  y\ntensor w shape=4,2 offset=0\ntensor v type=Q4_K shape=256 offset=32\ndata zeros=176\n").unwrap();
        if let Some(byte) = file.get_mut(at) {
            *byte = to;
        }
        show(file);
    }
}
