//! Heads of requests and lines of a log: no panic, and no target that is sent on has a second reading.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for target in wellhead_server::gateway::understood(data) {
        let path = target.split('?').next().unwrap_or_default();
        assert!(path.starts_with('/') && !path.contains("//") && !path.contains("..;") && !path.contains('\\'));
        assert!(!path.split('/').any(|s| s == ".." || s == "."));
    }
});
