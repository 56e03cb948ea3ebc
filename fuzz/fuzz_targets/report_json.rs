#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(report) = wellhead_report::json::read(&String::from_utf8_lossy(data)) {
        let options = wellhead_report::terminal::TerminalOptions::default();
        let _ = wellhead_report::terminal::render(&report, &[], &options);
        let _ = wellhead_report::sarif::render(&report, &[]);
        let _ = wellhead_report::markdown::render(&report, &[]);
        assert!(wellhead_report::json::read(&wellhead_report::json::render(&report)).is_ok());
    }
});
