#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_formats::{OpenOptions, Role, format::table, identify, open, xml};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (blob, budget) = (Blob::from_bytes(data), &mut Budget::default());
    let identity = identify("x", Role::As(&table::OPENVINO), &blob, budget);
    open("x", &identity, &blob, OpenOptions::default(), budget);
    let _ = xml::declarations(&String::from_utf8_lossy(data), budget);
});
