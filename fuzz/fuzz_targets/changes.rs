//! OSV's list of changes: no panic, and no identifier that leads elsewhere.
#![no_main]
use wellhead_core::Budget;
use wellhead_packages::advisory::Changes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(changes) = Changes::read(data, &mut Budget::default()) {
        let _ = changes.newest("2026-11-23");
        assert!(changes.rows.iter().all(|(_, id)| !id.contains(['/', '\\', '%', '?', '#'])));
    }
});
