//! What bad input gets: the run goes on, the reason is said, nothing hangs and nothing is printed raw.

use crate::{Project, harmful, rules, unseen};
use std::{io::Read as _, process::Stdio};

#[cfg(unix)]
#[test]
fn strange_entries_are_named_with_their_reason() {
    use std::os::unix::{ffi::OsStrExt as _, fs::symlink};
    let project = Project::new(&[("a.txt", "x")]);
    let at = |name: &str| project.path().join(name);
    symlink("nowhere", at("broken")).unwrap();
    symlink("loop", at("loop")).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(at("pipe"))
            .status()
            .unwrap()
            .success()
    );
    std::fs::write(
        project.path().join(std::ffi::OsStr::from_bytes(b"\xffname.txt")),
        "x",
    )
    .unwrap();
    assert_eq!(
        unseen(&project.json(&[])),
        [
            "broken: not-analysed (a link to nothing)",
            "loop: not-analysed (a link that leads nowhere: too many levels of symbolic links)",
            "pipe: not-analysed (a named pipe)",
        ]
    );
    assert_eq!(project.run(&["audit"]).code, 0);
}

#[test]
fn a_name_with_escape_sequences_is_never_printed_raw() {
    let project = Project::new(&[]);
    project.write("evil\x1b[2J\u{202e}name.pkl", &harmful());
    for format in ["text", "concise", "json", "sarif", "markdown"] {
        let ran = project.run(&["audit", "--format", format, "--color", "never"]);
        assert_eq!(ran.code, 1);
        assert!(
            !ran.out.contains('\x1b') && !ran.out.contains('\u{202e}'),
            "{format}: {}",
            ran.out
        );
    }
}

#[test]
fn a_sparse_file_of_ten_gigabytes_costs_nothing() {
    for name in [
        "weights.bin",
        "weights.safetensors",
        "weights.pkl",
        "notes.txt",
        "a.npy",
        "b.pt",
        "noname",
    ] {
        let project = Project::new(&[]);
        let file = std::fs::File::create(project.path().join(name)).unwrap();
        file.set_len(10 << 30).unwrap();
        let ran = project.run(&["audit", "--timeout", "20"]);
        assert!((0..=1).contains(&ran.code), "{name}: {} {}", ran.code, ran.err);
        let report = project.json(&["--timeout", "20"]);
        assert!(
            !unseen(&report).is_empty() || !rules(&report).is_empty(),
            "{name} is not clean"
        );
    }
}

#[test]
fn a_closed_pipe_is_success() {
    let project = Project::new(&[]);
    for i in 0..50 {
        project.write(&format!("m/{i}.pkl"), &harmful());
    }
    let mut child = project
        .command(&["audit", "--fail-on", "never", "-v"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn a_folder_without_rights_is_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new(&[("a.txt", "x"), ("shut/b.pkl", "x")]);
    let shut = project.path().join("shut");
    std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(0o000)).unwrap();
    let readable = std::fs::read_dir(&shut).is_ok();
    let rows = unseen(&project.json(&[]));
    std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(0o755)).unwrap();
    if readable {
        eprintln!("skipped: this user may read everything");
        return;
    }
    assert_eq!(rows, ["shut: not-analysed (permission denied)"]);
}

#[test]
fn deep_nesting_ends_in_a_reason() {
    let project = Project::new(&[]);
    project.write("deep.json", "[".repeat(1_000_000).as_bytes());
    project.write("deep.py", "(".repeat(200_000).as_bytes());
    project.write("deep.yaml", "[".repeat(200_000).as_bytes());
    project.write("deep.toml", format!("a = {}", "[".repeat(200_000)).as_bytes());
    assert_eq!(
        unseen(&project.json(&[])).len(),
        4,
        "{:?}",
        unseen(&project.json(&[]))
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_run_with_one_line_and_no_report() {
    use std::io::Write as _;
    let project = Project::new(&[]);
    let mut command = project.command(&["audit", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds, so that the program is known to read, and to have its handler, when the signal comes.
    stdin.write_all(&vec![b'N'; 1 << 20]).unwrap();
    let id = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: interrupted, nothing was reported\n"
    );
}

#[test]
fn a_pickle_of_a_hundred_million_opcodes_ends() {
    let project = Project::new(&[]);
    let mut file = std::io::BufWriter::new(std::fs::File::create(project.path().join("long.pkl")).unwrap());
    let chunk = b"N0".repeat(1 << 19);
    std::io::Write::write_all(&mut file, b"\x80\x02").unwrap();
    for _ in 0..100 {
        std::io::Write::write_all(&mut file, &chunk).unwrap();
    }
    std::io::Write::write_all(&mut file, b"N.").unwrap();
    drop(file);
    // Read to its end, or said not to be: both are answers, a hang is none.
    let report = project.json(&["--timeout", "5"]);
    let rows = report["coverage"].as_array().unwrap();
    assert!(rows.iter().any(|r| r["artifact"] == "long.pkl"));
}
