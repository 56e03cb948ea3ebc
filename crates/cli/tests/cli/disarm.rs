//! `wellhead disarm`: what it writes, what it says, and how it ends.

use super::Project;

/// A torch checkpoint with one tensor, and what else stands in its dictionary.
pub(super) fn checkpoint(more: &str) -> Vec<u8> {
    let tensor = "BINUNICODE 'w'\nGLOBAL 'torch._utils _rebuild_tensor_v2'\nMARK\nMARK\nBINUNICODE 'storage'\n\
                  GLOBAL 'torch FloatStorage'\nBINUNICODE '0'\nBINUNICODE 'cpu'\nBININT1 4\nTUPLE\nBINPERSID\n\
                  BININT1 0\nBININT1 2\nBININT1 2\nTUPLE2\nBININT1 2\nBININT1 1\nTUPLE2\nNEWFALSE\n\
                  GLOBAL 'collections OrderedDict'\nEMPTY_TUPLE\nREDUCE\nTUPLE\nREDUCE\n";
    let pickle = format!("PROTO 2\nEMPTY_DICT\nMARK\n{tensor}{more}SETITEMS\nSTOP\n");
    let lines: String = pickle.lines().map(|l| format!("  {l}\n")).collect();
    let listing = format!(
        "member archive/data.pkl as=pickle\n{lines}member archive/data/0 as=hex\n  \
         0000803f 00000040 00004040 00008040\nmember archive/version\n  3\n"
    );
    wellhead_formats::assemble::assemble("zip", &listing).unwrap()
}

pub(super) const RUNS: &str = "BINUNICODE 'x'\nGLOBAL 'posix system'\nBINUNICODE 'true'\nTUPLE1\nREDUCE\n";

#[test]
fn the_tensors_come_out_and_nothing_else() {
    let project = Project::new(&[]);
    project.write("m.pt", &checkpoint("BINUNICODE 'epoch'\nBININT1 3\n"));
    let ran = project.run(&["disarm", "m.pt"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    insta::assert_snapshot!(ran.err, @r"
    Wrote `m.safetensors`: 1 tensor, 16 bytes
    Values kept in the metadata: 1
    ");
    let written = std::fs::read(project.path().join("m.safetensors")).unwrap();
    let header = u64::from_le_bytes(written[..8].try_into().unwrap()) as usize;
    let json: serde_json::Value = serde_json::from_slice(&written[8..8 + header]).unwrap();
    assert_eq!(json["w"]["shape"], serde_json::json!([2, 2]));
    assert_eq!(json["__metadata__"]["format"], "pt");
    assert_eq!(
        &written[8 + header..],
        [0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64]
    );
    let ran = project.run(&["audit", "m.safetensors", "--strict"]);
    assert_eq!(ran.code, 0, "{}", ran.out);

    let again = project.run(&["disarm", "m.pt"]);
    assert_eq!(again.code, 2);
    insta::assert_snapshot!(again.err, @r"
    error: `m.safetensors` is there already

    hint: write over it with `--force`, or to another file with `-o`
    ");
    assert_eq!(project.run(&["disarm", "m.pt", "--force"]).code, 0);
}

#[test]
fn what_would_have_run_is_left_out_and_fails_the_run() {
    let project = Project::new(&[]);
    project.write("m.pt", &checkpoint(RUNS));
    let ran = project.run(&["disarm", "m.pt", "-o", "safe.safetensors"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.err, @r"
    Wrote `safe.safetensors`: 1 tensor, 16 bytes
    Left out, for it would have run or could not be seen:
      loading this file runs `posix.system` (unsafe-pickle-import)
    Left out:
      `x`: what `posix.system` would have returned is unknown
    ");
    let ran = project.run(&["audit", "safe.safetensors", "--strict"]);
    assert_eq!(ran.code, 0, "{}", ran.out);

    let ran = project.run(&[
        "disarm",
        "m.pt",
        "-o",
        "safe.safetensors",
        "--force",
        "--format",
        "json",
    ]);
    assert_eq!(ran.code, 1);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["tensors"][0]["name"], "w");
    assert_eq!(json["left_out"][0]["kind"], "call");
    assert_eq!(json["findings"][0]["rule"], "unsafe-pickle-import");
}

#[test]
fn what_cannot_be_taken_is_told() {
    let project = Project::new(&[("notes.txt", "hello\n")]);
    let ran = project.run(&["disarm", "notes.txt"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err, @r"
    error: cannot disarm `notes.txt`: it is a text file, which holds no weights that could be taken

    hint: `wellhead inspect` shows what is in it
    ");
    let list = "PROTO 2\nEMPTY_LIST\nSTOP\n";
    project.write(
        "m.pkl",
        &wellhead_formats::assemble::assemble("pickle", list).unwrap(),
    );
    let ran = project.run(&["disarm", "m.pkl"]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.err
            .starts_with("Wrote nothing: no tensor could be taken out of `m.pkl`"),
        "{}",
        ran.err
    );
    assert!(!project.path().join("m.safetensors").exists());
    assert_eq!(project.run(&["disarm", "."]).code, 2);
}

#[test]
fn standard_output_takes_the_tensors() {
    let project = Project::new(&[]);
    project.write("m.pt", &checkpoint(""));
    let output = project.command(&["disarm", "m.pt", "-o", "-"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let header = u64::from_le_bytes(output.stdout[..8].try_into().unwrap()) as usize;
    assert_eq!(output.stdout.len(), 8 + header + 16);
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .starts_with("Wrote standard output: 1 tensor")
    );
}
