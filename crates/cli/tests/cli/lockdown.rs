//! `lockdown`, as its user meets it: what is written, what is not written over, the password that is shown once.

use super::Project;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

/// What the program said, with both streams.
fn said(project: &Project, arguments: &[&str]) -> (i32, String, String) {
    let out = project.command(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

#[test]
fn the_password_is_shown_once_and_only_its_hash_is_written() {
    for (proxy, path, start) in [
        ("caddy", "caddy/mlflow.users", "admin $2y$06$"),
        ("nginx", "nginx/lockdown/mlflow.users", "admin:$2y$06$"),
        ("traefik", "traefik/mlflow.users", "admin:$2y$06$"),
        ("envoy", "envoy/mlflow.users", "admin:{SHA}"),
    ] {
        let project = Project::new(&[]);
        let (code, _, told) = said(
            &project,
            &[
                "lockdown",
                "mlflow",
                "--proxy",
                proxy,
                "--generate-password",
                "-q",
            ],
        );
        assert_eq!(code, 0, "{told}");
        let password = told.split("shown once: ").nth(1).unwrap().trim();
        assert_eq!(password.len(), 32, "{told}");
        let folder = project.path().join("lockdown-mlflow");
        let users = folder.join(path);
        let text = fs::read_to_string(&users).unwrap();
        assert!(text.starts_with(start), "{text}");
        assert_eq!(fs::metadata(&users).unwrap().permissions().mode() & 0o077, 0);
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    assert!(
                        !fs::read_to_string(&entry).unwrap().contains(password),
                        "{entry:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn nothing_is_written_over_and_nothing_is_promised_that_does_not_hold() {
    let project = Project::new(&[]);
    assert_eq!(said(&project, &["lockdown", "ollama", "-q"]).0, 0);
    let (code, _, told) = said(&project, &["lockdown", "ollama", "-q"]);
    assert_eq!(code, 2);
    assert!(told.contains("is there already"), "{told}");
    assert_eq!(said(&project, &["lockdown", "ollama", "-q", "--force"]).0, 0);
    for (arguments, expected) in [
        (
            &["lockdown", "mlflow", "--proxy", "istio", "--generate-password"][..],
            "an identity provider says who is there",
        ),
        (
            &["lockdown", "mlflow", "--proxy", "istio", "--compose"][..],
            "Istio runs in a cluster only",
        ),
        (
            &["lockdown", "mlflow", "--compose", "--k8s"][..],
            "cannot be used with",
        ),
        (
            &["lockdown", "mlflow", "--listen", "0.0.0.0:80"][..],
            "passwords would cross the network",
        ),
    ] {
        let (code, _, told) = said(&project, arguments);
        assert_eq!(code, 2, "{arguments:?}");
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}

#[test]
fn what_does_not_answer_proves_nothing() {
    let project = Project::new(&[]);
    // Nobody may listen there.
    let (code, told, _) = said(
        &project,
        &[
            "lockdown",
            "mlflow",
            "--upstream",
            "127.0.0.1:1",
            "--listen",
            "127.0.0.1:1",
            "--prove",
            "--log",
            "log",
        ],
    );
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("Nothing is proved"), "{told}");
}

/// A server that has nothing at the paths that are asked may have it all elsewhere.
#[test]
fn what_asks_nobody_proves_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                head.push(byte[0]);
            }
            let status = match head.starts_with(b"GET /mlflow/") {
                true => "200 OK",
                false => "404 Not Found",
            };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let project = Project::new(&[]);
    let (code, told, _) = said(
        &project,
        &[
            "lockdown",
            "mlflow",
            "--upstream",
            "127.0.0.1:1",
            "--listen",
            &address,
            "--prove",
            "--log",
            "log",
        ],
    );
    assert_eq!(code, 3, "{told}");
    assert!(
        told.contains("Nothing is proved") && !told.contains("PROTECTED"),
        "{told}"
    );
}

/// The session that the guide shows first.
#[test]
fn the_guide_shows_what_is_said() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lockdown.md");
    let guide = fs::read_to_string(guide).unwrap();
    let session = guide.split("```console\n$ wellhead ").nth(1).unwrap();
    let session = session.split("```").next().unwrap();
    let (command, expected) = session.split_once('\n').unwrap();
    let project = Project::new(&[]);
    let arguments: Vec<&str> = command.split(' ').collect();
    let (code, _, told) = said(&project, &arguments);
    assert_eq!(code, 0);
    assert_eq!(told.trim_end(), expected.trim_end());
}
