#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_formats::disarm::disarm;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let budget = &mut Budget::default();
    if let Ok(found) = disarm("model.pt", &Blob::from_bytes(data), budget) {
        // What shared elements may add is bounded for a user's disk, not for a fuzzer's patience.
        if found.weights.iter().map(|w| w.bytes).sum::<u64>() < 1 << 22 {
            let _ = found.write(&mut std::io::sink(), budget);
        }
    }
});
