#![no_main]
use wellhead_core::Budget;

libfuzzer_sys::fuzz_target!(|source: &str| {
    let Ok(module) = wellhead_pycode::notebook(source, &mut Budget::default()) else {
        return;
    };
    // Every place leads back into the JSON.
    for call in &module.calls {
        assert!(source.get(call.range.clone()).is_some(), "{:?}", call.range);
    }
});
