use super::super::*;
use super::of_bytes;
use crate::pickle::opcode::describe;
use proptest::prelude::*;
use wellhead_core::{Blob, Budget, Limits, Outcome};

/// Bytes that are mostly opcodes, so that a run gets somewhere.
fn opcodes() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<u8> = (0..=u8::MAX).filter(|b| describe(*b).is_some()).collect();
    let piece = prop_oneof![
        6 => prop::sample::select(known).prop_map(|b| vec![b]),
        2 => any::<u8>().prop_map(|b| vec![b]),
        1 => Just(b"cos\nsystem\n".to_vec()),
        1 => Just(b"\x8c\x02os".to_vec()),
        1 => Just(b"K\x01".to_vec()),
        1 => Just(b"(t".to_vec()),
        1 => Just(b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}".to_vec()),
        1 => Just(b"cnumpy\ndtype\nU\x02f8\x85R".to_vec()),
    ];
    prop::collection::vec(piece, 0..120).prop_map(|v| v.concat())
}

proptest! {
    #[test]
    fn nothing_panics(bytes in prop_oneof![opcodes(), prop::collection::vec(any::<u8>(), 0..300)]) {
        let p = of_bytes(&bytes);
        let _ = p.pseudo_code();
        for c in &p.calls {
            let _ = p.excerpt(p.imports.first(), Some(c), "called");
        }
        for s in &p.streams {
            let site = Site { offset: s.offset + s.length, context_offset: s.offset, ..Site::default() };
            let _ = p.excerpt_at(&site, "here");
        }
        let _ = looks_like_pickle(&bytes);
        let listing = disassemble(&Blob::from_bytes(bytes), 0..u64::MAX, &mut Budget::default());
        for i in &listing {
            let _ = i.to_string();
        }
    }

    #[test]
    fn the_same_bytes_give_the_same_program(bytes in opcodes()) {
        prop_assert_eq!(format!("{:?}", of_bytes(&bytes)), format!("{:?}", of_bytes(&bytes)));
    }
}

fn limited(steps: u64, memory: u64) -> Budget {
    let limits = Limits {
        steps,
        memory,
        ..Limits::default()
    };
    Budget::new(limits, std::sync::Arc::default())
}

#[test]
fn steps_run_out_and_are_told() {
    let bytes = b"N0".repeat(100_000);
    let p = analyse(
        &Blob::from_bytes(bytes),
        Hints::default(),
        &mut limited(50_000, 1 << 20),
    );
    assert_eq!(
        p.outcome,
        Outcome::Partly {
            why: "takes more than 50000 steps".to_owned()
        }
    );
}

#[test]
fn a_stack_that_grows_without_end_runs_out_of_memory() {
    let bytes = b"(".repeat(1 << 20);
    let p = analyse(
        &Blob::from_bytes(bytes),
        Hints::default(),
        &mut limited(1 << 40, 1 << 20),
    );
    assert!(matches!(p.outcome, Outcome::Partly { .. }), "{:?}", p.outcome);
}

#[test]
fn a_memo_that_does_not_fit_is_told_and_the_rest_is_still_read() {
    let mut bytes = b"]\x940".repeat(1 << 20);
    bytes.extend(b"cposix\nsystem\n(S'x'\ntR.");
    let p = analyse(
        &Blob::from_bytes(bytes),
        Hints::default(),
        &mut limited(1 << 40, 1 << 20),
    );
    assert!(matches!(p.outcome, Outcome::Partly { .. }));
    assert_eq!(super::calls(&p), ["posix.system('x')"]);
}

#[test]
fn strings_and_arrays_cost_no_memory() {
    let mut bytes = b"\x80\x04".to_vec();
    bytes.extend(
        [
            b"B".as_slice(),
            &(8_u32 << 20).to_le_bytes(),
            &vec![7; 8 << 20],
            b".",
        ]
        .concat(),
    );
    let mut budget = limited(1_000, 4_096);
    let p = analyse(&Blob::from_bytes(bytes), Hints::default(), &mut budget);
    assert_eq!((p.outcome, p.opcodes), (Outcome::Analysed, 3));
}
