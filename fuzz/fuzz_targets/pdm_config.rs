//! A `pdm.toml`: no panic.
#![no_main]
use wellhead_core::{ArtifactPath, Budget};
use wellhead_packages::{ManifestKind, read_manifest};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = ArtifactPath::file("pdm.toml");
    let _ = read_manifest(ManifestKind::PdmConfig, &path, text, &mut Budget::default());
});
