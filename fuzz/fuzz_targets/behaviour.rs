#![no_main]
use wellhead_core::Budget;
use wellhead_pycode::{SourceFile, analyse_package};

libfuzzer_sys::fuzz_target!(|source: &str| {
    // Two files, so that imports between them are followed.
    let (one, other) = source.split_once("\n# ---\n").unwrap_or((source, ""));
    let files = [("pkg/__init__.py", one), ("pkg/other.py", other)];
    let analysis = analyse_package(&files.map(|(path, text)| SourceFile { path, text }), &mut Budget::default());
    // Every place can be shown.
    for record in &analysis.records {
        let text = if record.module == "pkg/other.py" { other } else { one };
        assert!(text.get(record.range.clone()).is_some(), "{:?}", record.range);
    }
});
