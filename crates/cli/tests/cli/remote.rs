//! Targets behind a network: a hub and an object store on this machine, with the real protocols.

use super::{Project, harmful, rules};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A server that ends with the test.
pub(super) struct Server {
    child: Child,
    pub(super) url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn python() -> String {
    std::env::var("WELLHEAD_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Starts a server and waits until it takes connections; `None`, aloud, where it cannot be had.
fn started(mut command: Command, port: u16) -> Option<Server> {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(e) => {
            eprintln!("skipped: {e}");
            return None;
        }
    };
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            let url = format!("http://127.0.0.1:{port}");
            return Some(Server { child, url });
        }
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::yield_now();
    }
    let _ = child.kill();
    let mut why = String::new();
    let _ = child.stderr.take().map(|mut e| e.read_to_string(&mut why));
    eprintln!("skipped: no server: {}", why.lines().last().unwrap_or_default());
    None
}

/// The stand-in for a model hub, with faults.
pub(super) fn hub(args: &[&str]) -> Option<Server> {
    let shared = std::env::var_os("WELLHEAD_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let script = shared.join("tools/hf_stub/hf_stub.py");
    if !script.is_file() {
        eprintln!("skipped: {} is not there", script.display());
        return None;
    }
    let (port, cdn) = (free_port(), free_port());
    let mut command = Command::new(python());
    command.arg(script).args(args).args([
        "--port",
        &port.to_string(),
        "--cdn-port",
        &cdn.to_string(),
        "--max-seconds",
        "120",
        "--log",
        "/dev/null",
    ]);
    started(command, port)
}

fn audited(hub: &Server, target: &str, args: &[&str]) -> (serde_json::Value, super::Ran) {
    let project = Project::new(&[]);
    let mut all = vec!["audit", target, "--format", "json", "--isolated"];
    all.extend(args);
    let ran = super::ran(
        project
            .command(&all)
            .env("HF_ENDPOINT", &hub.url)
            .output()
            .unwrap(),
        project.path(),
    );
    let report = serde_json::from_str(&ran.out).unwrap_or(serde_json::Value::Null);
    (report, ran)
}

#[test]
fn a_repository_of_a_hub_is_audited_at_one_commit() {
    for storage in ["plain", "relative", "cdn", "xet"] {
        let Some(hub) = hub(&["--storage", storage, "--page-size", "2"]) else {
            return;
        };
        let (report, ran) = audited(&hub, "hf://evil/backdoor", &[]);
        assert_eq!(ran.code, 1, "{storage}: {}", ran.err);
        assert!(
            rules(&report).contains(&"unsafe-pickle-import".to_owned()),
            "{report:#}"
        );
        let target = report["targets"][0].as_str().unwrap();
        assert_eq!(target.len(), "hf://evil/backdoor@".len() + 40, "{target}");
        assert!(ran.err.contains("`main` is the commit "), "{}", ran.err);
        let (_, ran) = audited(&hub, "hf://acme/tiny-safe@v1", &["--full", "--strict"]);
        assert_eq!(ran.code, 0, "{storage}: {}{}", ran.out, ran.err);
        let (_, ran) = audited(&hub, "hf://old-acme/tiny-safe/model.safetensors", &["--full"]);
        assert_eq!(ran.code, 0, "{storage}: {}{}", ran.out, ran.err);
        let (_, ran) = audited(&hub, "hf://datasets/acme/tiny-data", &[]);
        assert_eq!(ran.code, 0, "{storage}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn a_large_model_costs_its_header() {
    let Some(hub) = hub(&["--storage", "cdn", "--big-mb", "300"]) else {
        return;
    };
    let (_, ran) = audited(&hub, "hf://acme/big", &["-v"]);
    let fetched: u64 = ran
        .err
        .split("fetched ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{}{}", ran.out, ran.err));
    assert!(fetched < 1_000_000, "{fetched}");
}

#[test]
fn bytes_that_are_not_the_listed_ones_are_found_when_all_are_read() {
    let Some(hub) = hub(&[
        "--storage",
        "cdn",
        "--fault",
        "corrupt:acme/tiny-safe:model.safetensors",
    ]) else {
        return;
    };
    let (report, ran) = audited(&hub, "hf://acme/tiny-safe", &["--full"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert_eq!(rules(&report), ["digest-mismatch"]);
}

#[test]
fn faults_of_a_hub_are_told_and_never_clean() {
    for (fault, target, code, expected) in [
        (
            "api-status=403:acme/tiny-safe",
            "hf://acme/tiny-safe",
            2,
            "it refuses (status 403)",
        ),
        (
            "api-status=500:acme/tiny-safe",
            "hf://acme/tiny-safe",
            2,
            "a failure of its own",
        ),
        (
            "none",
            "hf://acme/gated",
            2,
            "its terms have to be accepted first",
        ),
        (
            "none",
            "hf://acme/nothing",
            2,
            "the hub has no `acme/nothing`, or does not show it",
        ),
        ("none", "hf://acme/tiny-safe@v9", 2, "has no revision `v9`"),
        (
            "none",
            "hf://acme/tiny-safe/nothing.bin",
            2,
            "there is no `nothing.bin`",
        ),
        (
            "get-status=403:acme/tiny-pickle:pytorch_model.bin",
            "hf://acme/tiny-pickle",
            1,
            "it refuses",
        ),
    ] {
        let Some(hub) = hub(&["--storage", "plain", "--fault", fault]) else {
            return;
        };
        let (_, ran) = audited(&hub, target, &["--strict"]);
        assert_eq!(ran.code, code, "{fault} {target}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains(expected) || ran.out.contains(expected),
            "{fault} {target}: {}{}",
            ran.out,
            ran.err
        );
    }
}

#[test]
fn a_token_opens_what_is_gated_and_is_never_shown() {
    let Some(hub) = hub(&["--storage", "plain"]) else {
        return;
    };
    let project = Project::new(&[]);
    let output = project
        .command(&["audit", "hf://acme/gated", "-v", "--isolated"])
        .env("HF_ENDPOINT", &hub.url)
        .env("HF_TOKEN", "hf_verysecret")
        .output()
        .unwrap();
    let ran = super::ran(output, project.path());
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("verysecret") && !ran.err.contains("verysecret"));
}

#[test]
fn nothing_is_asked_offline() {
    let project = Project::new(&[]);
    let ran = project.run(&["audit", "hf://acme/m", "--offline"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err, @r"
    error: the network is not to be used

    hint: leave out `--offline`
    ");
}

#[test]
fn objects_of_a_store_are_audited_in_place() {
    let program = r#"
import sys
from moto.server import ThreadedMotoServer
s = ThreadedMotoServer(ip_address="127.0.0.1", port=int(sys.argv[1]))
s.start()
sys.stdin.read()
"#;
    let port = free_port();
    let mut command = Command::new(python());
    command
        .args(["-c", program, &port.to_string()])
        .stdin(Stdio::piped());
    let Some(store) = started(command, port) else {
        return;
    };
    let put = |path: &str, body: &[u8]| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!(
            "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/s3/aws4_request, SignedHeaders=host, \
             Signature=0\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert!(line.contains(" 200"), "{path}: {line}");
    };
    put("/models", b"");
    put("/models/team/a%20b.pkl", &harmful());
    put("/models/team/readme.md", b"# hello\n");
    put("/models/other/x.pkl", &harmful());
    let project = Project::new(&[]);
    let mut command = project.command(&["audit", "s3://models/team", "--format", "json", "--isolated"]);
    let output = command
        .env("AWS_ENDPOINT_URL", &store.url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    let ran = super::ran(output, project.path());
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["stats"]["files"], 2);
    assert!(ran.out.contains("a b.pkl"), "{}", ran.out);
    assert!(!ran.out.contains("x.pkl"), "{}", ran.out);
}
