//! A `conda-lock.yml`: no panic, and no component without a bucket of its own.
#![no_main]
use wellhead_core::{ArtifactPath, Budget};
use wellhead_packages::{ManifestKind, read_manifest};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = ArtifactPath::file("conda-lock.yml");
    let _ = read_manifest(ManifestKind::CondaLock, &path, text, &mut Budget::default());
});
