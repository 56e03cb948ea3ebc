#![no_main]
use wellhead_core::Budget;
use wellhead_infra::{EstateFile, estate};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let file = |path, text| EstateFile { path, text };
    let files = [
        file("Chart.yaml", "apiVersion: v2\nname: c\n"),
        file("values.yaml", "a: [{b: 1, c: text}]\nd: {e: true}\n"),
        file("templates/a.tpl", text),
        file("templates/b.yaml", text),
    ];
    estate(&files, &mut Budget::default());
});
