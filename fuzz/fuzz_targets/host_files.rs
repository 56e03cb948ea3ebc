#![no_main]
use wellhead_core::Budget;
use wellhead_infra::{EstateFile, estate};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for path in [
        "start.sh",
        "a.service",
        "a.container",
        "supervisord.conf",
        "Procfile",
    ] {
        estate(&[EstateFile { path, text }], &mut Budget::default());
    }
});
