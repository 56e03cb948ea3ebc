//! Records of what is installed, as members of a wheel and of conda: no panic.
#![no_main]
use wellhead_core::{ArtifactPath, Budget};
use wellhead_packages::manifest::read_installed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for path in ["a-1-py3-none-any.whl!/a-1.dist-info/METADATA", "a.egg!/EGG-INFO/requires.txt", "conda-meta/a.json"] {
        let _ = read_installed(&ArtifactPath::parse(path), text, None, &mut Budget::default());
    }
});
