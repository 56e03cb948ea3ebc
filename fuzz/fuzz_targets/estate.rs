#![no_main]
use wellhead_core::Budget;
use wellhead_infra::{EstateFile, estate};

libfuzzer_sys::fuzz_target!(|all: &str| {
    let parts = all.split("=== ").filter_map(|part| part.split_once('\n'));
    let files: Vec<EstateFile<'_>> = parts.map(|(path, text)| EstateFile { path, text }).collect();
    estate(&files, &mut Budget::default());
});
