#![no_main]
use wellhead_core::Budget;
use wellhead_infra::{EstateFile, estate};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let text = &format!("apiVersion: v1\nkind: List\n---\n{text}");
    estate(&[EstateFile { path: "a.yaml", text }], &mut Budget::default());
});
