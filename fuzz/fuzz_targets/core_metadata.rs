//! `METADATA`, `PKG-INFO` and `requires.txt`: no panic, and every place lies in the text.
#![no_main]
use wellhead_core::{ArtifactPath, Budget};
use wellhead_packages::{read_metadata, read_requires_txt};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = ArtifactPath::file("METADATA");
    for read in [read_metadata, read_requires_txt] {
        let metadata = read(text, &mut Budget::default());
        assert!(text.get(metadata.body.clone()).is_some());
        let _ = (metadata.needs(&path, text), metadata.problems(&path, text));
    }
});
