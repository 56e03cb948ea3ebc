use crate::{Document, OpenOptions, assemble::assemble, graph::ReferenceKind, identify, open};
use proptest::prelude::*;
use wellhead_core::{Blob, Budget};

fn show(bytes: &[u8]) -> String {
    let blob = Blob::from_bytes(bytes);
    let mut budget = Budget::default();
    let identity = identify("m.h5", crate::Role::Plain, &blob, &mut budget);
    let opened = open("m.h5", &identity, &blob, OpenOptions::default(), &mut budget);
    let mut out = Vec::new();
    let Document::Model(model) = &opened.document else {
        return format!("{}: no model", identity.format.name);
    };
    out.extend(
        model
            .metadata
            .iter()
            .map(|(k, v)| format!("{k} = {}", v.trim_end())),
    );
    for t in &model.tensors {
        out.push(format!(
            "tensor {} {} {:?} {} bytes",
            t.name,
            t.dtype,
            t.shape,
            t.bytes.end - t.bytes.start
        ));
    }
    for r in &model.graph.references {
        assert_eq!(r.kind, ReferenceKind::File);
        out.push(format!("{} opens {}", r.by, r.target));
    }
    out.extend(model.defects.iter().map(|d| format!("defect: {}", d.words)));
    out.extend(opened.members.iter().map(|m| match m.role {
        crate::Role::As(format) => format!("member {} {}", m.name, format.name),
        role => format!("member {} {role:?}", m.name),
    }));
    out.extend(opened.outcome.why().map(|why| format!("partly: {why}")));
    out.join("\n")
}

fn listed(listing: &str) -> String {
    show(&assemble("hdf5", listing).unwrap())
}

#[test]
fn groups_tensors_and_attributes() {
    insta::assert_snapshot!(listed("attribute backend\n  tensorflow\nvariable keras_version\n  2.13.1\ngroup model_weights\n  group dense\n    dataset kernel shape=2,3\n"), @"
    backend = tensorflow
    keras_version = 2.13.1
    tensor model_weights/dense/kernel <f4 [2, 3] 24 bytes
    ");
}

#[test]
fn what_lies_outside_of_the_file_is_a_reference() {
    insta::assert_snapshot!(listed("outside w shape=4 file=/etc/passwd\nlink x file=../other.h5\n"), @"
    tensor w <f4 [4] 0 bytes
    the link /x opens ../other.h5
    the data set w opens /etc/passwd
    ");
}

#[test]
fn a_configuration_is_a_member_also_in_pieces_and_behind_a_user_block() {
    let config = r#"{"class_name": "Sequential", "config": {"layers": []}}"#;
    let (a, b) = config.split_at(20);
    insta::assert_snapshot!(listed(&format!("user-block 512\nvariable model_config\n  {config}\n")), @r#"
    model_config = {"class_name": "Sequential", "config": {"layers": []}}
    member model_config keras-config
    "#);
    let pieces = listed(&format!(
        "group g\n  attribute model_config0 no-newline\n    {a}\n  attribute model_config1 no-newline\n    {b}\n"
    ));
    assert!(pieces.contains("member g model_config keras-config"), "{pieces}");
}

#[test]
fn a_pickle_in_an_attribute_is_a_member() {
    let shown =
        listed("attribute DATA as=hex\n  80 02 63 62 75 69 6c 74 69 6e 73 0a 70 72 69 6e 74 0a 29 52 2e\n");
    assert!(shown.contains("member DATA Plain"), "{shown}");
    let text = listed("attribute TITLE\n  a sentence.\n");
    assert!(!text.contains("member"), "{text}");
}

#[test]
fn damage_is_told_and_ends_nothing_else() {
    let whole = assemble("hdf5", "attribute a\n  x\ndataset w shape=2\n").unwrap();
    assert_eq!(
        show(&whole[..40]),
        "defect: its superblock is cut off or of an unknown version\npartly: its superblock is cut off or of an unknown version"
    );
    let mut cut = whole.clone();
    cut.truncate(whole.len() - 30);
    assert!(show(&cut).contains("defect"), "{}", show(&cut));
}

proptest! {
    #[test]
    fn never_panics(at in 0_usize..900, byte in any::<u8>(), more in 0_usize..900, other in any::<u8>()) {
        let mut bytes = assemble(
            "hdf5",
            "variable model_config\n  {}\nattribute b\n  x\ngroup g\n  dataset w shape=2\noutside o file=x\nlink l file=y\n",
        )
        .unwrap();
        if let Some(b) = bytes.get_mut(at) { *b = byte; }
        if let Some(b) = bytes.get_mut(more) { *b = other; }
        let _ = show(&bytes);
    }

    #[test]
    fn noise_behind_the_signature_never_panics(mut noise in prop::collection::vec(any::<u8>(), 0..400), version in 0_u8..4) {
        let mut bytes = b"\x89HDF\r\n\x1a\n".to_vec();
        if let Some(first) = noise.first_mut() { *first = version; }
        bytes.extend(noise);
        let _ = show(&bytes);
    }
}
