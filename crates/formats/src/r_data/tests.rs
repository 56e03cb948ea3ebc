use crate::{Document, OpenOptions, Role, assemble::assemble, format::table as t, identify, open};
use proptest::prelude::*;
use wellhead_core::{Blob, Budget};

fn show(bytes: Vec<u8>) -> String {
    let blob = Blob::from_bytes(bytes);
    let mut budget = Budget::default();
    let identity = identify("x.rds", Role::As(&t::R_DATA), &blob, &mut budget);
    let opened = open("x.rds", &identity, &blob, OpenOptions::default(), &mut budget);
    let Document::Model(model) = &opened.document else {
        return "nothing".to_owned();
    };
    let mut out = Vec::new();
    for o in &model.graph.operators {
        let text: Vec<_> = o.attributes.iter().map(|(k, v)| format!(" {k}={v}")).collect();
        out.push(format!(
            "{} {} in `{}`{}",
            o.domain,
            o.name,
            o.scope,
            text.join("")
        ));
    }
    out.extend(
        model
            .graph
            .references
            .iter()
            .map(|r| format!("{:?} {}", r.kind, r.target)),
    );
    for t in &model.tensors {
        out.push(format!("tensor {} {} {:?}", t.name, t.dtype, t.shape));
    }
    out.extend(model.defects.iter().map(|d| d.words.clone()));
    out.extend(opened.outcome.why().map(str::to_owned));
    out.join("\n")
}

const HEAD: &str = "text X\nhex 0a\nu32be 2 0x30602 0x20300\n";

/// A promise: flags, the environment, the mark of a value that is missing, then the call `system("id")`.
const PROMISE: &str = "u32be 0x405 253 252
    u32be 6            # a call
    u32be 1 0x40009
    str32be system
    u32be 2 16 1 0x40009
    str32be id
    u32be 254
";

fn xdr(body: &str) -> String {
    show(assemble("binary", &format!("{HEAD}{body}")).unwrap())
}

#[test]
fn a_promise_in_place_of_a_value_is_code() {
    assert_eq!(xdr(PROMISE), "promise system in `` calls=system text=id");
    // In a list, and as an attribute.
    assert_eq!(
        xdr(&format!("u32be 19 1\n{PROMISE}")),
        "promise system in `` calls=system text=id"
    );
    let attribute = format!("u32be 0x20d 1 7\nu32be 0x402 1 0x40009\nstr32be names\n{PROMISE}u32be 254");
    assert_eq!(xdr(&attribute), "promise system in `` calls=system text=id");
}

#[test]
fn a_promise_with_a_value_is_none() {
    let forced = PROMISE.replacen("253 252", "253 254", 1);
    assert_eq!(xdr(&forced), "");
}

#[test]
fn an_argument_that_was_not_used_is_told_apart() {
    let environment = format!(
        "u32be 4 0 253
         u32be 0x402 1 0x40009
         str32be x
         {PROMISE}
         u32be 254 254 254"
    );
    assert_eq!(xdr(&environment), "delayed system in `` calls=system text=id");
}

#[test]
fn a_call_that_is_kept_as_data_is_silent() {
    assert_eq!(
        xdr("u32be 6 1 0x40009\nstr32be lm\nu32be 2 1 0x40009\nstr32be y\nu32be 254"),
        ""
    );
}

#[test]
fn a_workspace_that_starts_something_says_so() {
    let listing = "text RDX2\nhex 0a\ntext X\nhex 0a\nu32be 2 0x30602 0x20300
        u32be 0x402 1 0x40009
        str32be .First
        u32be 3 253 254      # a function without arguments in the global environment
        u32be 6 1 0x40009
        str32be system
        u32be 2 16 1 0x40009
        str32be id
        u32be 254 254";
    assert_eq!(
        show(assemble("binary", listing).unwrap()),
        "startup .First in `.First`\nfunction system in ``"
    );
}

#[test]
fn a_vector_that_is_a_file_elsewhere_is_a_reference() {
    let listing = "u32be 238
        u32be 2 1 0x40009
        str32be mmap_real
        u32be 2 1 0x40009
        str32be base
        u32be 254
        u32be 16 1 0x40009
        str32be /etc/passwd
        u32be 254";
    assert_eq!(xdr(listing), "File /etc/passwd");
}

#[test]
fn all_three_ways_to_write_are_read() {
    let native = assemble(
        "binary",
        "text B\nhex 0a\nu32 2 0x30602 0x20300\nu32 0x405 253 252 6 1 0x40009\nstr32 system\nu32 254",
    );
    assert_eq!(show(native.unwrap()), "promise system in `` calls=system");
    let text = "A\n2\n198146\n131840\n1029\n253\n252\n6\n1\n262153\n6\nsys\\164em\n2\n16\n1\n262153\n5\na\\040b\\n\\\"\n254\n";
    assert_eq!(
        show(text.as_bytes().to_vec()),
        "promise system in `` calls=system text=a b\n\""
    );
}

#[test]
fn damage_is_named_and_what_came_before_it_is_kept() {
    for (body, expected) in [
        (
            "u32be 99",
            "holds a value of a type that R does not have\ndamaged: holds a value of a type that R does not have",
        ),
        (
            "u32be 14 1000",
            "ends within a value\ndamaged: ends within a value",
        ),
        (
            "u32be 19 0x7fffffff",
            "ends within a value\ndamaged: ends within a value",
        ),
        (
            "u32be 14 -1 0x7fffffff 1",
            "holds a length that no vector has\ndamaged: holds a length that no vector has",
        ),
        (
            "u32be 255 7",
            "refers to a value that is not there\ndamaged: refers to a value that is not there",
        ),
    ] {
        assert_eq!(xdr(body), expected, "{body}");
    }
    assert!(xdr(&format!("u32be 19 9\n{PROMISE}")).starts_with("promise system"));
    let deep: String = "u32be 19 1\n".repeat(50_000);
    assert!(xdr(&deep).contains("ends within a value"));
}

proptest! {
    #[test]
    fn never_panics(
        start in proptest::sample::select(vec!["X\n", "B\n", "A\n", "RDX3\nX\n"]),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        words in proptest::collection::vec(0_u32..256, 0..100),
    ) {
        let mut random = start.as_bytes().to_vec();
        random.extend(&bytes);
        show(random);
        let mut typed = b"X\n\0\0\0\x02\0\0\0\0\0\0\0\0".to_vec();
        typed.extend(words.iter().flat_map(|w| w.to_be_bytes()));
        show(typed);
    }
}

#[test]
fn white_space_without_an_end_ends_the_stream() {
    let mut bytes = b"A\n2\n197890\n131840\n".to_vec();
    bytes.resize(100_000, b' ');
    let shown = show(bytes);
    assert!(shown.contains("white space"), "{shown}");
}
