#![no_main]
use std::sync::Arc;
use wellhead_core::Budget;
use wellhead_formats::jinja;

libfuzzer_sys::fuzz_target!(|source: &str| {
    let template = jinja::analyse("chat_template", &Arc::from(source), &mut Budget::default());
    // Every place can be shown.
    for reach in &template.reaches {
        assert!(source.get(reach.span.clone()).is_some(), "{:?}", reach.span);
    }
});
