//! The whole way from a file to a report. The input's first line is the file's name, so that the fuzzer can change what a
//! file claims to be as well as what it is.
#![no_main]
use wellhead_engine::{Listing, Options, run};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(end) = data.iter().position(|b| *b == b'\n') else {
        return;
    };
    let (name, content) = data.split_at(end);
    let name = String::from_utf8_lossy(name).into_owned();
    let entries = wellhead_sources::from_memory(vec![(name, content[1..].to_vec())]);
    let listing = Listing { target: ".".to_owned(), prefix: None, entries };
    let options = Options { today: "2026-11-23".to_owned(), ..Options::default() };
    // A panic inside is caught by the engine; libFuzzer's hook ends the process before that.
    let report = run(vec![listing], &options);
    for finding in &report.findings {
        assert!(!finding.message.contains(|c: char| c.is_control()), "{:?}", finding.message);
        assert!(!finding.locations.is_empty(), "{} has no location", finding.rule);
    }
});
