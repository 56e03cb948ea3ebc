//! The file of advisory records: no panic, whatever its bytes; and what was made of a record is found again.
#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_packages::advisory::{Records, build_records};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let budget = &mut Budget::default();
    if let Ok(records) = Records::open(&Blob::from_bytes(data), "sha256:0", budget) {
        let _ = records.get("PYSEC-2024-1", budget);
    }
    let Ok(bytes) = build_records("sha256:0", [data], budget) else { return };
    Records::open(&Blob::from_bytes(bytes), "sha256:0", budget).expect("what was built opens");
});
