//! The guide shows what the program says: its sessions are run, its scope file is signed, its states are all there are.

use super::{Answer, Service, jupyter};
use crate::Project;
use std::process::Command;

const GUIDE: &str = include_str!("../../../../../docs/live.md");

/// The sessions of the guide: each command with what stands below it.
fn sessions() -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for block in GUIDE.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match (line.strip_prefix("$ "), out.last_mut()) {
                (Some(command), _) => out.push((command.to_owned(), String::new())),
                (None, Some((_, said))) => said.push_str(&format!("{line}\n")),
                (None, None) => panic!("{line} is no command"),
            }
        }
    }
    out
}

#[test]
fn the_sessions_of_the_guide_are_what_the_program_says() {
    let scope = GUIDE.split("```toml file=scope.toml\n").nth(1).unwrap();
    let scope = scope.split("```").next().unwrap();
    let project = Project::new(&[("scope.toml", scope)]);
    let open = jupyter(true);
    let _service = Service::at("127.0.1.5:8888", move |asked| match asked.path.as_str() {
        "/" => Answer::new(200, "<title>Jupyter Server</title>"),
        _ => open(asked),
    });
    let mut ran = 0;
    for (command, expected) in sessions() {
        let words: Vec<&str> = command.split(' ').filter(|w| *w != "-N" && *w != "''").collect();
        let (tool, args) = words.split_first().unwrap();
        if *tool == "ssh-keygen" {
            let mut command = Command::new(tool);
            command.args(args).current_dir(project.path());
            if args.contains(&"-t") {
                command.args(["-N", ""]);
            }
            if !command.output().is_ok_and(|o| o.status.success()) {
                eprintln!("skipped: no ssh-keygen here");
                return;
            }
            continue;
        }
        let said = project.run(args);
        assert!(said.code < 2, "{command}: {}", said.err);
        assert!(
            said.out.starts_with(expected.trim_end_matches('\n')),
            "{command}\n{}",
            said.out
        );
        ran += 1;
    }
    assert_eq!(ran, 3);
}

#[test]
fn the_guide_tells_of_every_state() {
    let schema = include_str!("../../../../../docs/schema/report-1.0-draft.schema.json");
    for state in [
        "OPEN",
        "OPEN_READ",
        "SIGNUP_OPEN",
        "SETUP_UNCLAIMED",
        "HOST_GUARD_ONLY",
        "PROTECTED_PARTIAL",
        "PROTECTED",
        "IDENTIFIED_UNKNOWN",
    ] {
        assert!(
            GUIDE.contains(&format!("\n| `{state}` |")) && schema.contains(&format!("`{state}`")),
            "{state}"
        );
    }
}
