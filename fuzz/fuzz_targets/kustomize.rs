#![no_main]
use wellhead_core::Budget;
use wellhead_infra::{EstateFile, estate};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}]}\n";

libfuzzer_sys::fuzz_target!(|text: &str| {
    let file = |path, text| EstateFile { path, text };
    let files = [file("kustomization.yaml", text), file("a.yaml", POD), file("b.yaml", text)];
    estate(&files, &mut Budget::default());
});
