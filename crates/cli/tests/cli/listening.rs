//! `wellhead audit host:`: a made tree in place of `/proc`, and real processes in a network of their own.

use crate::{Project, Ran};
use std::process::{Command, Stdio};

/// A tree like `/proc` with a Ray head that was told to stay, and an MLflow server that was not.
fn made() -> Project {
    let head =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    let line = |at: usize, address: &str, inode: u32| {
        format!(
            "   {at}: {address} 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1 0 100 0 0 10 0\n"
        )
    };
    let tcp = [
        head,
        &line(0, "0100007F:2049", 11),
        &line(1, "00000000:1388", 13),
        &line(2, "00000000:0016", 14),
    ]
    .concat();
    let all = "00000000000000000000000000000000";
    let tcp6 = [head, &line(0, &format!("{all}:18EB"), 12)].concat();
    let project = Project::new(&[("proc/net/tcp", &tcp), ("proc/net/tcp6", &tcp6)]);
    let process = |pid: u32, parent: u32, command: &str, environment: &str, inode: Option<u32>| {
        let folder = format!("proc/{pid}");
        project.write(
            &format!("{folder}/cmdline"),
            command.replace(' ', "\0").as_bytes(),
        );
        project.write(
            &format!("{folder}/environ"),
            environment.replace(' ', "\0").as_bytes(),
        );
        project.write(
            &format!("{folder}/stat"),
            format!("{pid} (a) b) S {parent} 1 1").as_bytes(),
        );
        project.write(&format!("{folder}/cgroup"), b"0::/");
        let folder = project.path().join(folder);
        std::fs::create_dir_all(folder.join("fd")).unwrap();
        if let Some(inode) = inode {
            std::os::unix::fs::symlink(format!("socket:[{inode}]"), folder.join("fd/3")).unwrap();
        }
    };
    let ray = "python /ray/dashboard/dashboard.py --host=127.0.0.1 --port=8265";
    process(21, 1, ray, "", Some(11));
    process(
        22,
        1,
        "/ray/core/src/ray/gcs/gcs_server --node-ip-address=127.0.0.1",
        "AWS_SECRET=x",
        Some(12),
    );
    let mlflow = concat!(
        "mlflow server --host 0.0.0.0 --backend-store-uri postgresql://u:",
        "hunter2@db/m"
    );
    process(30, 1, mlflow, "", None);
    process(
        31,
        30,
        "python -m uvicorn mlflow.server.fastapi_app:app",
        "",
        Some(13),
    );
    project
}

#[cfg(target_endian = "little")]
#[test]
fn what_listens_wider_than_told_and_what_asks_nobody_is_found_without_a_packet() {
    let project = made();
    let Ran { code, out, err } = project.run(&["audit", "host:proc"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(!out.contains("hunter2") && !out.contains("AWS_SECRET"), "{out}");
    insta::assert_snapshot!(out, @r#"
    error[open-listener]: anyone who reaches this machine can read and replace
                          models and results through MLflow: it asks for no password
       ╭▸ host.json:15:5
       │
    10 │     {"pid": 30, "parent": 1, "command": ["mlflow","server","--host","0.0.0.0","--backend-store-uri","postgresql://u:***@db/m"]},
       │     ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
       │     was started as this
    11 │     {"pid": 31, "parent": 30, "command": ["python","-m","uvicorn","mlflow.server.fastapi_app:app"]}
       │     ───────────────────────────────────────────────────────────────────────────────────────────────
       │     serves for the process above it
       ┆
    15 │     {"address": "0.0.0.0", "port": 5000, "pid": 31},
       │     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
       │     listens on every address, port 5000
       │
       ├ note: a firewall in front of this machine is not seen from here
       ├ note: high · confidence high · ML06:2023 infrastructure · CWE-306 ·
       │       CWE-1327
       ╰ help: start it with `--app-name basic-auth` and an own
               `MLFLOW_FLASK_SERVER_SECRET_KEY`, or publish it on 127.0.0.1 behind a
               proxy that asks who is there

    error[listens-wider-than-told]: anyone who reaches this machine reaches Ray,
                                    which was told to stay on it: it listens on
                                    every address, port 6379
       ╭▸ host.json:16:5
       │
     9 │     {"pid": 22, "parent": 1, "command": ["/ray/core/src/ray/gcs/gcs_server","--node-ip-address=127.0.0.1"]},
       │                                                                             ─────────────────────────────
       │                                                told to stay on this machine
       ┆
    16 │     {"address": "::", "port": 6379, "pid": 22},
       │     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ listens on every address,
       │                                                port 6379
       │
       ├ note: a firewall in front of this machine is not seen from here
       ├ note: high · confidence high · ML06:2023 infrastructure · CWE-1327
       ├ help: keep `--dashboard-host` at 127.0.0.1 and do not publish its ports, or
       │       set `RAY_AUTH_MODE=token` (Ray 2.52 and newer)
       ╰ help: let nobody in to these ports but the machine itself: a firewall does
               what the option does not

     ML06:2023 measure            deny  warn     ok  risk
       verify package integrity      0     0      1  none (0)
       keep dependencies updated     –     –      –  not assessed
       use trusted sources           –     –      –  not assessed
       lock down infrastructure      2     0      0  high (75)

    Verdict: blocked (fail-on high) · risk high, 75 of 100
    Found 2 errors in 1 file
    Partly analysed: 1 artifact (host.json: no process that is seen from here
      listens on port 22)
    "#);
}

#[test]
fn a_folder_that_is_no_proc_is_said_with_what_to_do() {
    let project = Project::new(&[("empty/a", "")]);
    let Ran { code, err, .. } = project.run(&["audit", "host:empty"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @r#"
    error: there is no table of sockets below `empty`

    hint: name Linux's `/proc`, or where it is mounted: `host:/host/proc`
    "#);
}

/// A real server in a network of its own, told to stay on 127.0.0.1, that listens on all addresses besides.
#[test]
fn real_processes_are_seen_where_they_listen() {
    let script = r#"
ip link set lo up || exit 77
python3 -c '
import socket, sys
sockets = []
for address in ("127.0.0.1", "0.0.0.0"):
    s = socket.socket(); s.bind((address, 0)); s.listen(); sockets.append(s)
print("ready", flush=True)
sys.stdin.read()
' serve --host 127.0.0.1 <&3 | { read ready; "$0" audit host: --color never; echo "code $?"; }
"#;
    let project = Project::new(&[]);
    let mut command = Command::new("unshare");
    command.args(["--net", "--map-root-user", "sh", "-c"]);
    command
        .arg(format!("exec 3<&0; {script}"))
        .arg(env!("CARGO_BIN_EXE_wellhead"));
    command
        .current_dir(project.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("skipped: there is no unshare here");
        return;
    };
    // The server ends when nobody can write to it any more; until then it waits.
    let held = child.stdin.take();
    let mut out = String::new();
    let mut stdout = child.stdout.take().unwrap();
    let mut byte = [0];
    while std::io::Read::read(&mut stdout, &mut byte).unwrap() == 1 {
        out.push(char::from(byte[0]));
        if out.ends_with("\n") && out.lines().last().is_some_and(|l| l.starts_with("code ")) {
            break;
        }
    }
    drop(held);
    let ended = child.wait_with_output().unwrap();
    if !out.contains("code ") {
        let why = String::from_utf8_lossy(&ended.stderr).into_owned();
        eprintln!("skipped: no network namespace can be made here: {why}");
        return;
    }
    assert!(out.contains("listens-wider-than-told"), "{out}");
    assert!(out.contains("told to stay on this machine"), "{out}");
    assert!(out.contains("listens on every address, port "), "{out}");
}
