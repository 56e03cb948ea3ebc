//! Heads of requests, lines of a log, answers of identity providers and bodies that name models: no panic, no target that is
//! sent on has a second reading, and nobody comes in by what nobody signed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    assert!(!wellhead_server::gateway::misled(data));
    for target in wellhead_server::gateway::understood(data) {
        let path = target.split('?').next().unwrap_or_default();
        assert!(path.starts_with('/') && !path.contains("//") && !path.contains("..;") && !path.contains('\\'));
        assert!(!path.split('/').any(|s| s == ".." || s == "."));
    }
});
