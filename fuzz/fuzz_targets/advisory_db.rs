//! A database file as an attacker would write it: no panic, and no more memory than its size allows.
#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_packages::{Database, PyVersion, advisory::{About, Builder}};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let budget = &mut Budget::default();
    let Ok(database) = Database::open(&Blob::from_bytes(data), budget) else { return };
    for name in ["a", "torch"] {
        if let Ok(Some(known)) = database.package(name, budget) {
            let _ = known.matches(&PyVersion::new("1.0"));
            let _ = known.condemned();
            let _ = known.lowest_clean(&PyVersion::new("0"), None);
        }
    }
    // What an update takes along can be written and opened again.
    let mut builder = Builder::default();
    if builder.keep(&database, budget).is_ok() {
        let Ok((bytes, _)) = builder.finish(About::default(), budget) else { return };
        Database::open(&Blob::from_bytes(bytes), &mut Budget::default()).expect("what was written opens");
    }
});
