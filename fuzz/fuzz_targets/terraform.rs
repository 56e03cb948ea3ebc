#![no_main]
use wellhead_core::Budget;
use wellhead_infra::{EstateFile, estate};

libfuzzer_sys::fuzz_target!(|text: &str| {
    estate(
        &[EstateFile {
            path: "main.tf",
            text,
        }],
        &mut Budget::default(),
    );
});
