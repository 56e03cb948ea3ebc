#![no_main]
use wellhead_core::Budget;
use wellhead_formats::text;

libfuzzer_sys::fuzz_target!(|source: &str| {
    let Ok(root) = text::json(source, &mut Budget::default()) else {
        return;
    };
    // Every span can be shown.
    root.walk(&mut |node| assert!(source.get(node.span.clone()).is_some(), "{:?}", node.span));
});
