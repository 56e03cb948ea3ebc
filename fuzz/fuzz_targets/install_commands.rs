//! Scripts and the commands in them that install: no panic, and no component without a bucket of its own.
#![no_main]
use wellhead_core::ArtifactPath;
use wellhead_packages::manifest::{Spoken, installs_elsewhere, read_installs};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let found = wellhead_infra::script(text, 0);
    let commands: Vec<Vec<Spoken<'_>>> = found
        .iter()
        .map(|c| {
            let words = c.variables.iter().chain(&c.words);
            words.map(|w| Spoken { text: &w.text, span: w.span.clone() }).collect()
        })
        .collect();
    let _ = commands.iter().filter_map(|words| installs_elsewhere(words)).count();
    let _ = read_installs(&ArtifactPath::file("x.sh"), text, &[], &commands);
    let _ = wellhead_infra::script_in(text, text, &(0..text.len()));
});
