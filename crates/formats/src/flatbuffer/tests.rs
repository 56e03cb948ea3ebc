use crate::{
    Document, OpenOptions, Role, assemble::assemble, format::Format, format::table as t, identify, open,
};
use proptest::prelude::*;
use wellhead_core::{Blob, Budget};

/// What is understood of a FlatBuffer, as text.
fn show(format: &'static Format, bytes: Vec<u8>) -> String {
    let blob = Blob::from_bytes(bytes);
    let mut budget = Budget::default();
    let identity = identify("model", Role::As(format), &blob, &mut budget);
    let opened = open("model", &identity, &blob, OpenOptions::default(), &mut budget);
    let Document::Model(model) = &opened.document else {
        return "nothing".to_owned();
    };
    let mut out = Vec::new();
    for o in &model.graph.operators {
        let attributes: Vec<_> = o.attributes.iter().map(|(k, v)| format!(" {k}={v}")).collect();
        out.push(format!(
            "{}:{} x{} in {}{}",
            o.domain,
            o.name,
            o.count,
            o.scope,
            attributes.join("")
        ));
    }
    for t in &model.tensors {
        out.push(format!(
            "tensor {} {} {:?} {:?}",
            t.name, t.dtype, t.shape, t.bytes
        ));
    }
    out.extend(model.metadata.iter().map(|(k, v)| format!("{k}: {v}")));
    out.extend(
        model
            .defects
            .iter()
            .map(|d| format!("defect at {:#x}: {}", d.offset, d.words)),
    );
    out.extend(opened.members.iter().map(|m| format!("member {}", m.name)));
    out.extend(opened.outcome.why().map(str::to_owned));
    out.join("\n")
}

/// A model of one operator of that code, name and tensors.
pub(super) const TFLITE: &str = "identifier TFL3
0 u32 3
1 tables
  -
    0 u8 32
    1 text Detect
  -
    3 u32 0
  -
    0 u8 32
    1 text FlexReadFile
  -
    0 u8 127
    3 u32 150
2 tables
  -
    0 tables
      -
        0 ints 2 2
        1 u8 0
        2 u32 1
        3 text weights
    1 ints 0
    3 tables
      -
        0 u32 0
        1 ints 0 -1
        5 bytes 01 02
      -
        0 u32 1
      -
        0 u32 1
      -
        0 u32 2
      -
        0 u32 3
    4 text main
3 text made by hand
4 tables
  -
  -
    0 bytes 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
  -
    0 bytes 31 2e 31 34 2e 30 00 00
6 tables
  -
    0 text min_runtime_version
    1 u32 2
7 tables
  -
    2 text serving_default
";

fn tflite(listing: &str) -> String {
    show(&t::TFLITE, assemble("flatbuffer", listing).unwrap())
}

#[test]
fn a_tflite_model_shows_its_operators_and_tensors() {
    insta::assert_snapshot!(tflite(TFLITE), @"
    custom:Detect x1 in main options=2 bytes
    :ADD x2 in main
    flex:ReadFile x1 in main
    :GELU x1 in main
    tensor weights FLOAT32 [2, 2] 540..556
    schema version: 3
    description: made by hand
    metadata min_runtime_version: 1.14.0
    signature: serving_default
    ");
}

#[test]
fn damage_of_a_tflite_model_is_named() {
    for (from, to, words) in [
        (
            "        2 u32 1",
            "        2 u32 9",
            "tensor `weights` lies in buffer 9, which does not exist",
        ),
        (
            "        0 u32 2",
            "        0 u32 7",
            "an operator has the code 7, which the model does not list",
        ),
        (
            "        1 ints 0 -1",
            "        1 ints 5",
            "tensor 5 of `main` does not exist",
        ),
        (
            "        0 ints 2 2",
            "        0 ints 2 9",
            "tensor `weights` has fewer bytes than its shape needs",
        ),
        (
            "        0 ints 2 2",
            "        0 ints 65536 65536 65536 65536 65536",
            "tensor `weights` has fewer bytes",
        ),
        (
            "    1 u32 2",
            "    1 u32 5",
            "metadata `min_runtime_version` lies in buffer 5, which does not exist",
        ),
        (
            "3 text made by hand",
            "3 offset 0xffff",
            "the description reach behind the end of the file",
        ),
        ("    3 tables", "    5 offset 0xfffffff0\n    3 tables", ""),
        (
            "    0 bytes 31 2e 31 34 2e 30 00 00",
            "    1 u64 16\n    2 u64 0xffffffffffffff",
            "buffer 2 ends behind the end of the file",
        ),
    ] {
        let listing = TFLITE.replacen(from, to, 1);
        assert_ne!(listing, TFLITE, "{from}");
        let shown = tflite(&listing);
        assert!(shown.contains(words), "{to}: {shown}");
        assert_eq!(words.is_empty(), !shown.contains("defect"), "{to}: {shown}");
    }
}

#[test]
fn a_pickle_in_a_buffer_and_one_behind_the_model_are_members() {
    let pickle = "80 02 63 62 75 69 6c 74 69 6e 73 0a 70 72 69 6e 74 0a 29 52 2e";
    let listing = TFLITE.replace(
        "    0 bytes 31 2e 31 34 2e 30 00 00",
        &format!("    0 bytes {pickle}"),
    );
    let shown = tflite(&listing);
    assert!(shown.contains("member buffer 2"), "{shown}");
}

#[test]
fn an_executorch_program_shows_its_operators_and_delegates() {
    let listing = "identifier ET12
0 u32 0
1 tables
  -
    0 text forward
    2 tables
      -
        0 u8 5
        1 table
          0 u8 6
          2 ints 2 3
          5 u32 1
    5 tables
      -
        2 tables
          -
            0 u8 1
            1 table
              0 u32 0
          -
            0 u8 1
            1 table
              0 u32 0
    6 tables
      -
        0 text aten::add
        1 text out
      -
        0 text mine::spawn
        1 text out
    7 tables
      -
        0 text XnnpackBackend
        2 tables
          -
            0 text mode
            1 text fast
2 tables
  -
  -
    0 bytes 00 00 00 00
4 tables
  -
    0 u64 0
    1 u64 4096
";
    insta::assert_snapshot!(show(&t::EXECUTORCH, assemble("flatbuffer", listing).unwrap()), @"
    aten:add x2 in forward overload=out
    mine:spawn x1 in forward overload=out
    delegate:XnnpackBackend x1 in forward mode=fast
    tensor value 0 float32 [2, 3] 540..544
    schema version: 0
    plan: forward
    defect at 0x234: segment 0 ends behind the end of the file
    ");
}

#[test]
fn what_is_no_flatbuffer_is_said() {
    for bytes in [
        b"\0\0\0\0TFL3".to_vec(),
        b"\xff\xff\xff\xffTFL3aaaa".to_vec(),
        b"TFL3".to_vec(),
        b"\x08\0\0\0TFL3\x08\0\0\0".to_vec(),
    ] {
        let shown = show(&t::TFLITE, bytes);
        assert!(shown.contains("its root table is damaged"), "{shown}");
    }
}

proptest! {
    #[test]
    fn never_panics(
        at in 0_usize..600,
        noise in proptest::collection::vec(any::<u8>(), 1..12),
    ) {
        let mut bytes = assemble("flatbuffer", TFLITE).unwrap();
        for (place, byte) in bytes.iter_mut().skip(at).zip(noise) {
            *place = byte;
        }
        show(&t::TFLITE, bytes.clone());
        show(&t::EXECUTORCH, bytes.clone());
        show(&t::CATBOOST, bytes);
    }
}

#[test]
fn operator_codes_that_share_a_long_name_are_paid_each() {
    let count = 5_000_u32;
    // The root has one field, a vector of codes; all of them are the table behind it.
    let mut bytes = [&20_u32.to_le_bytes()[..], b"TFL3"].concat();
    bytes.extend([0; 4]);
    bytes.extend([8, 0, 8, 0, 0, 0, 4, 0]);
    bytes.extend([8_u32, 4, count].map(u32::to_le_bytes).concat());
    let table = 32 + 4 * count + 8;
    for i in 0..count {
        bytes.extend((table - 32 - 4 * i).to_le_bytes());
    }
    bytes.extend([8, 0, 12, 0, 4, 0, 8, 0]);
    bytes.extend([8_u32, 32, 4, 1000].map(u32::to_le_bytes).concat());
    bytes.extend([b'x'; 1001]);
    let limits = wellhead_core::Limits {
        memory: 1 << 20,
        ..Default::default()
    };
    let (blob, budget) = (
        Blob::from_bytes(bytes),
        &mut Budget::new(limits, Default::default()),
    );
    let identity = identify("model", Role::As(&t::TFLITE), &blob, budget);
    let opened = open("model", &identity, &blob, OpenOptions::default(), budget);
    let why = opened.outcome.why().unwrap_or_default();
    assert!(why.contains("memory"), "{why}");
}
