#![no_main]
use wellhead_core::{Budget, Digest};

libfuzzer_sys::fuzz_target!(|source: &str| {
    let Ok(read) = wellhead_trust::attestations(source, &mut Budget::default()) else {
        return;
    };
    for attestation in read.all() {
        wellhead_trust::check_subject(attestation, "a-1.0.tar.gz", &Digest::sha256(b""));
    }
});
