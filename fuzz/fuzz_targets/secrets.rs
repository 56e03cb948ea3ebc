#![no_main]

libfuzzer_sys::fuzz_target!(|source: &str| {
    // What is hidden once stays hidden and is not hidden again.
    let once = wellhead_rules::redact(source).into_owned();
    assert_eq!(wellhead_rules::redact(&once), once);
});
