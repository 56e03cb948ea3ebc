//! A database file as an attacker would write it: no panic, and no more memory than its size allows.
#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_packages::{Database, PyVersion};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let budget = &mut Budget::default();
    let Ok(database) = Database::open(&Blob::from_bytes(data), budget) else { return };
    for name in ["a", "torch"] {
        if let Ok(Some(known)) = database.package(name, budget) {
            let _ = known.matches(&PyVersion::new("1.0"));
            let _ = known.condemned();
        }
    }
});
