use super::{Fault, Reader, attribute, group, object, tree};
use crate::{Document, OpenOptions, assemble::assemble, bytes::Source, graph::ReferenceKind, identify, open};
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

/// What `run` makes of `bytes` and this much memory.
fn with_memory<T>(bytes: Vec<u8>, memory: u64, run: impl FnOnce(&mut Reader<'_, '_>) -> T) -> T {
    let blob = Blob::from_bytes(bytes);
    let limits = wellhead_core::Limits {
        memory,
        ..Default::default()
    };
    let mut budget = Budget::new(limits, std::sync::Arc::default());
    run(&mut Reader {
        source: Source::new(&blob),
        budget: &mut budget,
        base: 0,
        offsets: 8,
        lengths: 8,
        defects: Vec::new(),
        unseen: None,
        collection: None,
    })
}

fn message(kind: u16, data: Vec<u8>) -> object::Message {
    object::Message {
        kind,
        shared: false,
        data,
        at: 0,
    }
}

#[test]
fn a_header_gives_back_what_it_paid() {
    let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(u32::MAX.to_le_bytes());
    bytes.extend([0; 52]);
    with_memory(bytes, 1000, |r| {
        r.hold(900).unwrap();
        assert!(object::messages(r, 0).unwrap().is_empty());
        assert!(r.hold(101).is_err());
        assert!(r.hold(100).is_ok());
    });
}

#[test]
fn one_long_name_for_many_links_is_paid_for() {
    let mut bytes = b"HEAP\0\0\0\0".to_vec();
    for n in [70_000_u64, 0, 8192] {
        bytes.extend(n.to_le_bytes());
    }
    bytes.resize(64, 0);
    bytes.extend(b"TREE\0\0\x01\0");
    bytes.extend([0; 24]);
    bytes.extend(256_u64.to_le_bytes());
    bytes.resize(256, 0);
    bytes.extend(b"SNOD\x01\0\x64\0");
    bytes.resize(8192, 0);
    bytes.extend([b'n'; 60_000]);
    bytes.resize(80_000, 0);
    let at = [64_u64.to_le_bytes(), 0_u64.to_le_bytes()].concat();
    let group = [message(object::kind::SYMBOL_TABLE, at)];
    let links = with_memory(bytes.clone(), 8 << 20, |r| group::links(r, &group).unwrap().len());
    assert_eq!(links, 100);
    let ended = with_memory(bytes, 4 << 20, |r| group::links(r, &group).map(|l| l.len()));
    assert!(matches!(ended, Err(Fault::Exhausted(_))), "{ended:?}");
}

#[test]
fn short_records_are_paid_for() {
    let mut bytes = b"BTHD\0\x05".to_vec();
    bytes.extend(100_000_u32.to_le_bytes());
    bytes.extend([1, 0, 0, 0, 0, 0]);
    bytes.extend(64_u64.to_le_bytes());
    bytes.extend([0xff, 0xff]);
    bytes.resize(64, 0);
    bytes.extend(b"BTLF\0\x05");
    bytes.resize(70_000, 0);
    let ended = with_memory(bytes, 1 << 20, |r| tree::records(r, 0).map(|l| l.len()));
    assert!(matches!(ended, Err(Fault::Exhausted(_))), "{ended:?}");
}

#[test]
fn short_values_are_bounded_and_paid_for() {
    // An array of 200,000 texts of one byte.
    let mut data = vec![3, 0, 2, 0, 25, 0, 4, 0, 0, b'a', 0];
    data.extend([0x3a, 0, 0, 0]);
    data.extend(200_000_u32.to_le_bytes());
    data.push(1);
    data.extend(200_000_u32.to_le_bytes());
    data.extend([0x13, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    data.extend([2, 0, 0, 0]);
    data.extend([b'v'; 200_000]);
    let set = [message(object::kind::ATTRIBUTE, data)];
    with_memory(Vec::new(), 8 << 20, |r| {
        let found = attribute::read(r, &set).unwrap();
        assert_eq!(found[0].values.len(), 1 << 16);
        assert!(r.unseen.is_some());
        r.budget.release(found[0].held());
        assert!(r.hold(8 << 20).is_ok());
    });
    let ended = with_memory(Vec::new(), 1 << 20, |r| attribute::read(r, &set).map(|l| l.len()));
    assert!(matches!(ended, Err(Fault::Exhausted(_))), "{ended:?}");
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
