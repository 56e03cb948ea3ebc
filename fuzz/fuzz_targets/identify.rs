#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_formats::{OpenOptions, Role, identify, open};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (blob, budget) = (Blob::from_bytes(data), &mut Budget::default());
    for role in [Role::Plain, Role::Tensor] {
        let identity = identify("model.bin", role, &blob, budget);
        let _ = open("model.bin", &identity, &blob, OpenOptions::default(), budget);
    }
});
