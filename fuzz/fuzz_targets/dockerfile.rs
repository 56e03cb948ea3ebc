#![no_main]
use wellhead_core::Budget;
use wellhead_infra::{EstateFile, dockerfile, estate, services};

libfuzzer_sys::fuzz_target!(|source: &str| {
    let configuration = dockerfile(source, &mut Budget::default());
    for resource in &configuration.resources {
        // Every word can be shown.
        for word in resource
            .start
            .iter()
            .chain(&resource.build)
            .flat_map(|c| &c.words)
        {
            assert!(source.get(word.span.clone()).is_some(), "{:?}", word.span);
        }
    }
    let file = EstateFile {
        path: "Dockerfile",
        text: source,
    };
    let joined = estate(&[file], &mut Budget::default());
    let _ = services(&joined, &mut Budget::default());
});
