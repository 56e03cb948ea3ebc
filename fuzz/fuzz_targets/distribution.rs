//! Texts that tell of a distribution: no panic, and every place lies in its text.
#![no_main]
use wellhead_core::Budget;
use wellhead_formats::format::table;
use wellhead_packages::distribution::{Contained, Parts, read, recognise};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Members are paths and texts in turn; the first line is the name of the archive.
    let (file, rest) = text.split_once('\n').unwrap_or(("a-1-py3-none-any.whl", text));
    let mut parts = rest.split('\u{1}');
    let mut members = Vec::new();
    while let (Some(path), Some(text)) = (parts.next(), parts.next()) {
        members.push(Contained {
            path: path.to_owned(),
            size: text.len() as u64,
            digest: None,
            format: &table::PYTHON,
            text: Some(text.into()),
        });
    }
    let Some(shape) = recognise(file, members.iter().map(|m| m.path.as_str())) else { return };
    let parts = Parts { file: file.to_owned(), shape, members, whole: true, container: Vec::new() };
    read(&parts, &mut Budget::default());
});
