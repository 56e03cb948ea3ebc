#![no_main]
use wellhead_core::Budget;

libfuzzer_sys::fuzz_target!(|source: &str| {
    let module = wellhead_pycode::parse(source, &mut Budget::default());
    // Every place can be shown.
    for call in &module.calls {
        assert!(source.get(call.range.clone()).is_some(), "{:?}", call.range);
    }
});
