//! Services that mean harm, that nobody vouches for, or that are left in the middle: bounded, told, never a hang.

use super::{Answer, Service, jupyter, question, raw, states};
use crate::{Project, Ran, ran, unseen};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

/// What becomes of a run that gets Ctrl-C as soon as somebody says so.
fn interrupted(project: &Project, args: &[&str], now: &mpsc::Receiver<()>) -> Ran {
    let mut command = project.command(args);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    now.recv().unwrap();
    let sent = Command::new("kill")
        .arg("-INT")
        .arg(child.id().to_string())
        .status();
    assert!(sent.unwrap().success());
    ran(child.wait_with_output().unwrap(), project.path())
}

fn logged(project: &Project) -> Vec<serde_json::Value> {
    let log = std::fs::read_to_string(project.path().join(".git/data/requests.jsonl")).unwrap();
    assert!(log.ends_with('\n'));
    log.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// The service that drips is left, what answered before is reported, and what comes after is not asked.
#[test]
fn ctrl_c_ends_the_asking_and_keeps_what_was_heard() {
    let project = Project::new(&[]);
    let open = Service::new(jupyter(true));
    let (tell, now) = mpsc::channel();
    let drips = raw("127.0.0.1:0", move |mut stream| {
        let _ = question(&mut stream);
        let _ = tell.send(());
        while stream.write_all(b"H").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let never = Service::new(jupyter(true));
    let drips = format!("service:http://{drips}");
    let ran = interrupted(
        &project,
        &[
            "audit",
            "-v",
            "--rate",
            "1000",
            &open.target(),
            &drips,
            &never.target(),
        ],
        &now,
    );
    assert_eq!(ran.code, 130, "{}{}", ran.out, ran.err);
    assert!(
        ran.err
            .contains("error: interrupted, only what was heard until then is reported"),
        "{}",
        ran.err
    );
    assert!(
        ran.out.contains("  OPEN               Jupyter 2.14.0 at"),
        "{}",
        ran.out
    );
    let address = drips.trim_start_matches("service:");
    assert!(
        ran.out.contains(&format!("{address}: not analysed: interrupted")),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("interrupted before it was asked"), "{}", ran.out);
    assert!(never.asked().is_empty());
    assert_eq!(logged(&project).len(), open.asked().len() + 1);
}

#[test]
fn ctrl_c_ends_a_scan_and_says_how_much_was_not_tried() {
    let project = Project::new(&[]);
    let (tell, now) = mpsc::channel();
    let address = raw("127.98.0.1:0", move |stream| {
        drop(stream);
        let _ = tell.send(());
    });
    let port = address.port().to_string();
    // Twenty connections a second would take an hour.
    let args = [
        "audit",
        "-v",
        "--rate",
        "1",
        "--ports",
        &port,
        "net:127.98.0.0/16",
    ];
    let ran = interrupted(&project, &args, &now);
    assert_eq!(ran.code, 130, "{}{}", ran.out, ran.err);
    assert!(
        ran.err.contains("note: ports of 127.98.0.0/16: 1 open"),
        "{}",
        ran.err
    );
    assert!(ran.out.contains("of 65536 ports were not tried"), "{}", ran.out);
    let log = logged(&project);
    assert_eq!(log[0]["connect"][0], "127.98.0.0/16");
    assert_eq!(log.len(), 1);
}

/// A head and a body that come a byte at a time end with the request's ten seconds.
#[test]
fn a_slow_drip_is_not_waited_for() {
    let drip = |first: &'static [u8]| {
        raw("127.0.0.1:0", move |mut stream| {
            let _ = question(&mut stream);
            let _ = stream.write_all(first);
            while stream.write_all(b"a").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        })
    };
    let head = drip(b"HTTP/1.1 200 OK\r\nX: ");
    let body = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    let said: Vec<String> = std::thread::scope(|scope| {
        let each = [head, body].map(|address| {
            scope.spawn(move || {
                let report =
                    Project::new(&[]).json(&["--rate", "1000", &format!("service:http://{address}")]);
                unseen(&report).join("").replace(&address.to_string(), "ADDRESS")
            })
        });
        each.map(|one| one.join().unwrap()).to_vec()
    });
    let expected = "http://ADDRESS: not-analysed (the answer did not end in time)";
    assert_eq!(said, [expected, expected]);
}

/// A redirect is an answer; where it leads is asked only on the same service.
#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let elsewhere = Service::new(jupyter(true));
    let other = elsewhere.address;
    for location in [
        format!("http://{other}/api/status"),
        format!("//{other}/"),
        format!("http://127.0.0.1@{other}/"),
        "file:///etc/passwd".to_owned(),
    ] {
        let to = location.clone();
        let service = Service::new(move |_| {
            let mut answer = Answer::new(302, "");
            answer.headers = vec![("Location".into(), to.clone())];
            answer
        });
        let report = Project::new(&[]).json(&["--rate", "1000", &service.target()]);
        assert_eq!(states(&report), [] as [&str; 0], "{location}");
        assert_eq!(unseen(&report).len(), 1, "{location}");
        let paths: Vec<String> = service.asked().into_iter().map(|a| a.path).collect();
        assert!(
            !paths.iter().any(|p| p.contains("passwd") || p.contains("//")),
            "{paths:?}"
        );
        assert!(elsewhere.asked().is_empty(), "{location}");
    }
}

/// A gigabyte of zeros in a megabyte, again and again: none of it is unpacked, and little of it is read.
#[test]
fn a_gzip_bomb_is_not_unpacked() {
    let bomb = {
        let folder = tempfile::tempdir().unwrap();
        let zeros = folder.path().join("zeros");
        std::fs::File::create(&zeros).unwrap().set_len(64 << 20).unwrap();
        let packed = Command::new("gzip").arg("-c").arg(&zeros).output();
        match packed {
            Ok(out) if out.status.success() => out.stdout,
            _ => {
                eprintln!("skipped: no gzip here");
                return;
            }
        }
    };
    for coding in [
        "Content-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Content-Encoding: br",
    ] {
        let (bomb, head) = (bomb.clone(), format!("HTTP/1.1 200 OK\r\n{coding}\r\n\r\n"));
        let address = raw("127.0.0.1:0", move |mut stream| {
            let _ = question(&mut stream);
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(&bomb).is_ok() {}
        });
        let report = Project::new(&[]).json(&["--rate", "1000", &format!("service:http://{address}")]);
        let said = unseen(&report);
        assert!(
            said.len() == 1 && said[0].contains("compressed") && said[0].contains("not-analysed"),
            "{said:?}"
        );
    }
}

#[test]
fn nonsense_instead_of_tls_is_not_analysed() {
    type Act = fn(&mut TcpStream);
    let cases: [Act; 5] = [
        |_| {},
        |s| drop(s.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\nno TLS")),
        |s| drop(s.write_all(b"\x16\x03\x01\xff\xff\x00")),
        |s| while s.write_all(&[0xff; 8192]).is_ok() {},
        // A handshake that never ends: empty records of the right kind.
        |s| while s.write_all(b"\x16\x03\x03\x00\x04\x02\xff\xff\xff").is_ok() {},
    ];
    for (i, act) in cases.into_iter().enumerate() {
        let address = raw("127.0.0.1:0", move |mut stream| {
            let mut hello = [0_u8; 1024];
            let _ = stream.read(&mut hello);
            act(&mut stream);
        });
        let report = Project::new(&[]).json(&["--rate", "1000", &format!("service:https://{address}")]);
        let said = unseen(&report);
        assert!(
            said.len() == 1 && said[0].contains("not-analysed") && said[0].contains("TLS"),
            "case {i}: {said:?}"
        );
        assert!(report["findings"].as_array().unwrap().is_empty());
    }
}

/// A certificate that nobody vouches for, made by the real tool; nothing, aloud, where it is not here.
fn self_signed(folder: &Path) -> Option<rustls::ServerConfig> {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-days", "1", "-subj", "/CN=other.example", "-outform", "DER"])
        .args(["-keyout", "key.pem", "-out", "cert.der"])
        .current_dir(folder)
        .output();
    let turned = Command::new("openssl")
        .args([
            "pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in", "key.pem", "-out", "key.der",
        ])
        .current_dir(folder)
        .output();
    if !made.is_ok_and(|o| o.status.success()) || !turned.is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: no openssl that makes certificates here");
        return None;
    }
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![read("cert.der").into()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(read("key.der").into()),
        );
    Some(config.unwrap())
}

/// It is judged like any other, and both the list of services and the finding say that nobody vouches for it.
#[test]
fn a_service_over_tls_is_judged_and_its_certificate_is_said_not_to_be_verified() {
    let folder = tempfile::tempdir().unwrap();
    let Some(config) = self_signed(folder.path()) else {
        return;
    };
    let config = Arc::new(config);
    for is_open in [true, false] {
        let config = Arc::clone(&config);
        let answer = jupyter(is_open);
        let address = raw("127.0.0.1:0", move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let mut bytes = vec![0_u8; 4096];
            let Ok(n) = stream.read(&mut bytes) else { return };
            let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
            let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
            let said = answer(&super::Asked {
                method: "GET".into(),
                path,
                host: String::new(),
            });
            let length = said.body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {} X\r\nContent-Length: {length}\r\n\r\n{}",
                said.status, said.body
            );
            let _ = stream.flush();
        });
        let project = Project::new(&[]);
        // Named, and found out: what does not speak plain HTTP is asked over TLS.
        for target in [format!("service:https://{address}"), format!("service:{address}")] {
            let report = project.json(&["--rate", "1000", &target]);
            let state = if is_open { "OPEN" } else { "PROTECTED" };
            assert_eq!(states(&report), [format!("jupyter {state} 2.14.0")], "{target}");
            let service = &report["services"][0];
            assert_eq!(service["address"], format!("https://{address}"));
            assert_eq!(service["notes"][0], "the certificate was not verified");
        }
        let ran = project.run(&["audit", "--rate", "1000", &format!("service:https://{address}")]);
        let words: Vec<&str> = ran.out.split_whitespace().collect();
        assert!(
            words.join(" ").contains("; the certificate was not verified"),
            "{}",
            ran.out
        );
    }
}

/// A name with several addresses: each is asked, since one that was left open is enough; one where nobody listens is told.
#[test]
fn every_address_of_a_name_is_asked() {
    let project = Project::new(&[(
        "hosts",
        "127.7.0.1 many.example\n127.7.0.2 many.example\n127.7.0.3 many.example\n203.0.113.9 mixed.example\n127.0.0.1 mixed.example\n",
    )]);
    let safe = Service::at("127.7.0.1:0", jupyter(false));
    let port = safe.address.port();
    let _open = Service::at(&format!("127.7.0.2:{port}"), jupyter(true));
    let run = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command
            .args([
                "-rm",
                "sh",
                "-c",
                "mount --bind hosts /etc/hosts && exec \"$@\"",
                "sh",
            ])
            .arg(env!("CARGO_BIN_EXE_wellhead"))
            .args(args)
            .current_dir(project.path())
            .env("WELLHEAD_DATA_DIR", project.path().join(".git/data"))
            .env("WELLHEAD_CACHE_DIR", project.path().join(".git/cache"));
        ran(command.output().unwrap(), project.path())
    };
    let probe = Command::new("unshare")
        .args(["-rm", "sh", "-c", "mount --bind hosts /etc/hosts"])
        .current_dir(project.path())
        .output();
    if !probe.is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: no name space of its own for /etc/hosts here");
        return;
    }
    let port = port.to_string();
    for target in [
        vec![format!("service:http://many.example:{port}")],
        vec![
            "--ports".to_owned(),
            port.clone(),
            "service:many.example".to_owned(),
        ],
    ] {
        let mut args = vec!["audit", "--format", "json", "--rate", "1000"];
        args.extend(target.iter().map(String::as_str));
        let ran = run(&args);
        let report: serde_json::Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}{}", ran.out, ran.err));
        assert_eq!(
            states(&report),
            ["jupyter PROTECTED 2.14.0", "jupyter OPEN 2.14.0"],
            "{target:?}"
        );
        assert_eq!(
            report["services"][1]["address"],
            format!("http://many.example:{port}#127.7.0.2")
        );
        assert!(unseen(&report).is_empty(), "{:?}", unseen(&report));
    }
    let told = run(&[
        "audit",
        "--rate",
        "1000",
        &format!("service:http://many.example:{port}"),
    ]);
    assert!(
        told.err.contains(
            "`many.example` is also 127.7.0.3, where nobody answers: no connection: nothing listens there"
        ),
        "{}",
        told.err
    );
    // One address that is not ours is enough to ask none.
    let ran = run(&["audit", &format!("service:http://mixed.example:{port}")]);
    assert!(
        ran.code == 2 && ran.err.contains("203.0.113.9 is a public address"),
        "{}",
        ran.err
    );
    assert!(safe.asked().iter().all(|a| a.host.starts_with("many.example")));
}
