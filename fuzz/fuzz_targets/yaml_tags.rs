#![no_main]
use wellhead_core::Budget;
use wellhead_formats::text;

libfuzzer_sys::fuzz_target!(|source: &str| {
    for tag in text::yaml_tags(source, &mut Budget::default()) {
        assert!(source.get(tag.span.clone()).is_some(), "{:?}", tag.span);
    }
});
