//! A table of EPSS estimates, plain or compressed: no panic, and every estimate is a share.
#![no_main]
use wellhead_core::Budget;
use wellhead_packages::advisory::Scores;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = Scores::is_one(data);
    if let Ok(table) = Scores::read(data, &mut Budget::default()) {
        let found = table.get("CVE-2025-32434");
        assert!(found.is_none_or(|epss| epss.probability() <= 1.0 && epss.share() <= 1.0));
    }
});
