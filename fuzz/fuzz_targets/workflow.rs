#![no_main]
use wellhead_core::Budget;
use wellhead_formats::text;

libfuzzer_sys::fuzz_target!(|source: &str| {
    let mut budget = Budget::default();
    if let Ok(root) = text::yaml(source, &mut budget) {
        let _ = wellhead_infra::workflow(source, &root, &mut budget);
    }
});
