//! An OSV record: no panic, and what is read can be built into a database and found again.
#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_packages::{Database, PyVersion, advisory::build};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let budget = &mut Budget::default();
    let Ok((bytes, _)) = build("2026-11-03", [("fuzz", data)], budget) else { return };
    let database = Database::open(&Blob::from_bytes(bytes), budget).expect("what was built opens");
    if let Ok(advisory) = wellhead_packages::advisory::read_osv(data, budget) {
        for affected in &advisory.affected {
            if let Some(known) = database.package(&affected.name, budget).expect("what was built reads") {
                let _ = known.matches(&PyVersion::new("1.0"));
                let _ = known.lowest_clean(&PyVersion::new("1.0"), None);
            }
        }
    }
});
