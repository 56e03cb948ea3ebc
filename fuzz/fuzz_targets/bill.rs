//! CycloneDX and SPDX: no panic, and no component without a bucket of its own.
#![no_main]
use wellhead_core::{ArtifactPath, Budget};
use wellhead_packages::{identify_bom, read_manifest};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = ArtifactPath::file("x.cdx.json");
    let root = wellhead_formats::text::json(text, &mut Budget::default()).ok();
    if let Some(kind) = identify_bom("x.cdx.json", text, root.as_ref()) {
        let _ = read_manifest(kind, &path, text, &mut Budget::default());
    }
});
