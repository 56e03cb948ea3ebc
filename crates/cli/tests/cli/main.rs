//! The program as people and scripts meet it: what they type, what comes back, and with which exit code.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may fail loudly")]
#![allow(clippy::disallowed_methods, reason = "tests make files and run the program")]
#![allow(clippy::print_stderr, reason = "a test that skips says so aloud")]

mod advisories;
mod commands;
mod compared_releases;
mod credentials;
mod disarm;
mod documents;
mod environments;
mod fix;
mod gate;
mod gateway;
mod honest;
mod hostile;
mod inspect;
mod listening;
mod live;
mod lockdown;
mod models_lock;
mod real_products;
mod releases;
mod remedies;
mod remembered;
mod remote;
mod serve;
mod slices;
mod updates;
mod verbs;
mod vex;

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// A throw-away project, and the program run inside it with nothing of this machine's environment.
struct Project {
    dir: tempfile::TempDir,
}

/// What a run came to.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        let project = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        // The search for a configuration ends at the root of a repository.
        std::fs::create_dir(project.path().join(".git")).unwrap();
        for (path, text) in files {
            project.write(path, text.as_bytes());
        }
        project
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wellhead"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("WELLHEAD_DATA_DIR", self.path().join(".git/data"))
            .env("WELLHEAD_CACHE_DIR", self.path().join(".git/cache"));
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args).output().unwrap(), self.path())
    }

    fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(args);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        ran(child.wait_with_output().unwrap(), self.path())
    }

    /// The report of an audit of the whole project.
    fn json(&self, args: &[&str]) -> serde_json::Value {
        let mut all = vec!["audit", "--format", "json"];
        all.extend(args);
        let ran = self.run(&all);
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}{}", ran.out, ran.err))
    }
}

fn ran(output: std::process::Output, path: &Path) -> Ran {
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes)
            .unwrap()
            .replace(&*path.to_string_lossy(), "[PROJECT]")
    };
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Ids of the reported rules, each once.
fn rules(report: &serde_json::Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    let reported = findings.iter().filter(|f| f["status"] == "reported");
    let mut ids: Vec<_> = reported.map(|f| f["rule"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// `artifact: outcome (reason)` of everything that was not wholly analysed.
fn unseen(report: &serde_json::Value) -> Vec<String> {
    let rows = report["coverage"].as_array().unwrap();
    let rows = rows.iter().filter(|r| r["outcome"] != "analysed");
    rows.map(|r| {
        let text = |key: &str| r[key].as_str().unwrap_or_default().to_owned();
        format!("{}: {} ({})", text("artifact"), text("outcome"), text("reason"))
    })
    .collect()
}

/// A zip archive of texts.
fn archive(members: &[(&str, &str)]) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut listing = String::new();
    for (name, content) in members {
        let _ = writeln!(listing, "member {name}");
        for line in content.lines() {
            let _ = writeln!(listing, "  {line}");
        }
    }
    wellhead_formats::assemble::assemble("zip", &listing).unwrap()
}

/// A pickle that would run a command when it is loaded, assembled.
fn harmful() -> Vec<u8> {
    let listing = "PROTO 2\nGLOBAL 'posix system'\nBINUNICODE 'echo wellhead'\nTUPLE1\nREDUCE\nSTOP\n";
    wellhead_formats::pickle::assemble::assemble(listing).unwrap()
}
