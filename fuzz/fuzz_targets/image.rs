//! Documents of images: no panic.
#![no_main]
use wellhead_core::Budget;
use wellhead_packages::image::{ImageConfig, ImageDocument, Layer, is_there};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(root) = wellhead_formats::text::json(text, &mut Budget::default()) {
        let _ = (ImageDocument::read(&root), ImageConfig::read(&root));
    }
    let mut layer = Layer::default();
    for name in text.lines() {
        let _ = layer.entry(name, name.ends_with('/'), name.len() % 2 == 0, &mut Budget::default());
    }
    for name in text.lines().take(100) {
        let _ = is_there(name, 0, &[None, Some(&layer)]);
    }
});
