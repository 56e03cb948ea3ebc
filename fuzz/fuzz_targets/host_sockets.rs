//! The kernel's tables of sockets, and a document of what listens: no panic, work in proportion to the text.
#![no_main]
use wellhead_core::Budget;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = wellhead_sources::listening(text, &mut Budget::default());
    if let Ok(document) = wellhead_infra::host_document(text, &mut Budget::default()) {
        let _ = wellhead_infra::listeners(&document);
    }
});
