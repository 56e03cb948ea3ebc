#![no_main]
use wellhead_core::Budget;
use wellhead_formats::text;
use wellhead_infra::{EstateFile, compose, estate, services};

libfuzzer_sys::fuzz_target!(|source: &str| {
    let mut budget = Budget::default();
    let Ok(root) = text::yaml(source, &mut budget) else {
        return;
    };
    let _ = compose(source, &root, &mut budget);
    let file = EstateFile {
        path: "compose.yaml",
        text: source,
    };
    let joined = estate(&[file], &mut Budget::default());
    let _ = services(&joined, &mut Budget::default());
});
