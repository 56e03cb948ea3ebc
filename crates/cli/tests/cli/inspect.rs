//! `wellhead inspect`: everything that was understood, in columns and as JSON.

use super::{Project, disarm};

#[test]
fn a_checkpoint_shows_its_members_its_program_and_its_tensors() {
    let project = Project::new(&[]);
    project.write("m.pt", &disarm::checkpoint(disarm::RUNS));
    let ran = project.run(&["inspect", "m.pt"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    for line in [
        "  tensors:",
        "    w  F32  [2, 2]  16 bytes",
        "  archive/data.pkl  Python pickle, 170 bytes",
        "  archive/version  text file, 2 bytes",
    ] {
        assert!(lines.contains(&line), "{line}\n{}", ran.out);
    }
    assert!(ran.out.contains("system('true')"), "{}", ran.out);
    let json: serde_json::Value =
        serde_json::from_str(&project.run(&["inspect", "m.pt", "--format", "json"]).out).unwrap();
    let tensor = serde_json::json!({"name": "w", "dtype": "F32", "shape": [2, 2], "bytes": 16});
    assert_eq!(json["artifacts"][0]["tensors"], serde_json::json!([tensor]));
    assert_eq!(json["artifacts"][1]["artifact"], "m.pt!/archive/data.pkl");
}

#[test]
fn a_folder_shows_all_of_its_files_and_columns_line_up() {
    let project = Project::new(&[("notes.txt", "hello\n")]);
    let listing = "tensor a dtype=F32 shape=2 offsets=0,8\n\
                   tensor a.longer.name dtype=BF16 shape=1,3 offsets=8,14\ndata zeros=14\n";
    project.write(
        "w.safetensors",
        &wellhead_formats::assemble::assemble("safetensors", listing).unwrap(),
    );
    let ran = project.run(&["inspect", "."]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(ran.out, @r"
    notes.txt  text file, 6 bytes
    w.safetensors  safetensors file, 150 bytes
      header: 128 bytes
      tensors:
        a              F32   [2]     8 bytes
        a.longer.name  BF16  [1, 3]  6 bytes
    ");
}
