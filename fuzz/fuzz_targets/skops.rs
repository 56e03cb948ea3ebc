#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_formats::{OpenOptions, Role, format::table, identify, open};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (blob, budget) = (Blob::from_bytes(data), &mut Budget::default());
    let identity = identify("x", Role::As(&table::SKOPS_SCHEMA), &blob, budget);
    open("x", &identity, &blob, OpenOptions::default(), budget);
});
