//! A VEX document as an attacker would write it: read or refused, and compared with a package within the budget.
#![no_main]
use wellhead_core::Budget;
use wellhead_packages::vex::{VexIndex, read_vex};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data).into_owned();
    let Ok(document) = read_vex("vex.json", text, &mut Budget::default()) else { return };
    for statement in &document.statements {
        let _ = document.location(&statement.span, "here");
    }
    for (span, _) in &document.problems {
        let _ = document.location(span, "here");
    }
    let documents = [document];
    let index = VexIndex::new(&documents);
    let all: Vec<_> = (0..documents.len()).map(|d| (d, 0)).collect();
    let _ = index.deciding(&all);
});
