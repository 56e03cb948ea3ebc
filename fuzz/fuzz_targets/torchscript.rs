#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_formats::{OpenOptions, Role, format::table, identify, open};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (blob, budget) = (Blob::from_bytes(data), &mut Budget::default());
    for (name, format) in [
        ("m.py", &table::TORCHSCRIPT_CODE),
        ("bytecode.pkl", &table::TORCHSCRIPT_CODE),
        ("model.json", &table::TORCH_EXPORT_GRAPH),
    ] {
        let identity = identify(name, Role::As(format), &blob, budget);
        open(name, &identity, &blob, OpenOptions::default(), budget);
    }
});
