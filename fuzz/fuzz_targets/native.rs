#![no_main]
use wellhead_core::{Blob, Budget, Depth};
use wellhead_formats::native;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = native::read(&Blob::from_bytes(data), Depth::Full, &mut Budget::default());
});
