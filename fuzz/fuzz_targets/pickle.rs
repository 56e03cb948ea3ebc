#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_formats::pickle::{Hints, analyse, disassemble, looks_like_pickle};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (blob, budget) = (Blob::from_bytes(data), &mut Budget::default());
    let program = analyse(&blob, Hints::default(), budget);
    let _ = program.pseudo_code();
    let _ = looks_like_pickle(data);
    for instruction in disassemble(&blob, 0..blob.len(), budget) {
        assert!(instruction.offset < blob.len());
    }
});
