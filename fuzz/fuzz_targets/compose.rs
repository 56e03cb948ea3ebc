#![no_main]
use wellhead_core::Budget;
use wellhead_formats::text;
use wellhead_infra::{compose, exposures};

libfuzzer_sys::fuzz_target!(|source: &str| {
    let mut budget = Budget::default();
    let Ok(root) = text::yaml(source, &mut budget) else {
        return;
    };
    let Some(configuration) = compose(source, &root, &mut budget) else {
        return;
    };
    for resource in &configuration.resources {
        exposures(&configuration, resource);
    }
});
