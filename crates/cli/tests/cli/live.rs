//! Running services, over real sockets: what is asked, what is never asked, and what is said of the answers.

mod guide;
mod hostile;

use crate::{Project, unseen};
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

/// What was asked: the path, and the `Host` header.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    method: String,
    path: String,
    host: String,
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn new(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }
}

/// A service that answers as it is told, and keeps what it was asked.
struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", answer)
    }

    fn at(address: &str, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let kept = Arc::clone(&asked);
        let address = raw(address, move |mut stream| {
            let Some(question) = question(&mut stream) else {
                return;
            };
            kept.lock().unwrap().push(question.clone());
            let Answer {
                status,
                headers,
                body,
            } = answer(&question);
            let mut text = format!("HTTP/1.1 {status} X\r\n");
            let own = [
                "content-length",
                "transfer-encoding",
                "content-encoding",
                "connection",
            ];
            for (name, value) in headers
                .iter()
                .filter(|(n, _)| !own.contains(&n.to_lowercase().as_str()))
            {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
            let _ = stream.write_all(text.as_bytes());
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn target(&self) -> String {
        format!("service:http://{}", self.address)
    }
}

/// Something that listens, and does what it does with whoever comes.
fn raw(address: &str, act: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    let act = Arc::new(act);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let act = Arc::clone(&act);
            std::thread::spawn(move || act(stream.unwrap()));
        }
    });
    address
}

fn question(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut one = [0_u8; 1024];
    while !bytes.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut one) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&one[..n]),
            _ => return None,
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    let mut first = text.lines().next()?.split(' ');
    let host = text.lines().find_map(|l| l.strip_prefix("Host: "))?;
    Some(Asked {
        method: first.next()?.to_owned(),
        path: first.next()?.to_owned(),
        host: host.to_owned(),
    })
}

fn jupyter(is_open: bool) -> impl Fn(&Asked) -> Answer + Send + Sync + 'static {
    move |asked| match (asked.path.as_str(), is_open) {
        ("/api", _) => Answer::new(200, r#"{"version": "2.14.0"}"#),
        ("/api/status", true) => Answer::new(
            200,
            r#"{"connections": 0, "kernels": 2, "started": "2026-11-23T01:00:42Z"}"#,
        ),
        ("/api/status", false) => Answer::new(403, r#"{"message": "Forbidden", "reason": null}"#),
        _ => Answer::new(404, "no"),
    }
}

fn states(report: &serde_json::Value) -> Vec<String> {
    let services = report["services"].as_array().cloned().unwrap_or_default();
    let said = |s: &serde_json::Value, key: &str| s[key].as_str().unwrap_or("-").to_owned();
    // Whatever does not ask for a password is a finding too.
    let open = services
        .iter()
        .filter(|s| s["state"] != "PROTECTED" && s["state"] != "IDENTIFIED_UNKNOWN");
    let mut open: Vec<_> = open.map(|s| (said(s, "product"), said(s, "state"))).collect();
    let findings = report["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .filter(|f| f["rule"] == "open-service")
        .map(|f| &f["properties"]);
    let mut found: Vec<_> = found.map(|p| (said(p, "product"), said(p, "state"))).collect();
    open.sort();
    found.sort();
    assert_eq!(open, found);
    let lines = services
        .iter()
        .map(|s| [said(s, "product"), said(s, "state"), said(s, "version")].join(" "));
    lines.collect()
}

#[test]
fn an_open_service_is_told_with_its_proof() {
    let project = Project::new(&[]);
    let service = Service::new(jupyter(true));
    let report = project.json(&["--rate", "1000", &service.target()]);
    assert_eq!(states(&report), ["jupyter OPEN 2.14.0"]);
    let finding = &report["findings"][0];
    let properties = &finding["properties"];
    assert_eq!(properties["request"], "GET /api/status");
    assert_eq!(properties["status"], 200);
    assert_eq!(
        properties["body_sha256"],
        "8cd99a31c3e600dc15030db41a31a7a15b92c446fca810193a97e906e220d579"
    );
    assert_eq!(finding["severity"], "critical");
    assert_eq!(
        finding["locations"][0]["artifact"],
        format!("http://{}", service.address)
    );
    // Everything that came was announced in the log, and nothing else was sent.
    let log = std::fs::read_to_string(project.path().join(".git/data/requests.jsonl")).unwrap();
    let logged: Vec<serde_json::Value> = log.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let logged: Vec<_> = logged
        .iter()
        .map(|l| l["path"].as_str().unwrap().to_owned())
        .collect();
    let asked: Vec<_> = service.asked().into_iter().map(|a| a.path).collect();
    assert_eq!(logged, asked);
    let ran = project.run(&["audit", "--rate", "1000", &service.target()]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.out.contains("can\n                     run code on it"),
        "{}",
        ran.out
    );
}

#[test]
fn a_service_that_asks_for_a_password_passes() {
    let project = Project::new(&[]);
    let service = Service::new(jupyter(false));
    let report = project.json(&["--rate", "1000", &service.target()]);
    assert_eq!(states(&report), ["jupyter PROTECTED 2.14.0"]);
    assert!(unseen(&report).is_empty());
    let proof = &report["services"][0];
    assert_eq!(
        (&proof["request"], &proof["status"]),
        (&"GET /api/status".into(), &403.into())
    );
    // Nobody was asked for its known vulnerabilities, which is said where it matters.
    let strict = ["audit", "--strict", "--rate", "1000", &service.target()];
    assert_eq!(project.run(&strict).code, 3);
    let ran = project.run(&[&strict[..], &["--select", "infrastructure"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let address = service.address.to_string();
    let out = ran.out.replace(&address, "ADDRESS");
    assert!(
        out.contains("Services:\n  PROTECTED          Jupyter 2.14.0 at http://ADDRESS"),
        "{}",
        ran.out
    );
}

#[test]
fn a_service_that_nobody_knows_is_not_clean() {
    let project = Project::new(&[]);
    let service = Service::new(|_| Answer::new(200, "<title>Intranet</title>"));
    let report = project.json(&["--rate", "1000", &service.target()]);
    assert_eq!(
        unseen(&report),
        [format!(
            "http://{}: not-analysed (an unknown service: nothing in the catalogue answers like it)",
            service.address
        )]
    );
    assert!(service.asked().len() <= 48);
    let ran = project.run(&["audit", "--strict", "--rate", "1000", &service.target()]);
    assert_eq!(ran.code, 3, "{}", ran.out);
}

/// Nothing but GET, nothing but what `--dry-run` announces, and `--dry-run` itself sends nothing.
#[test]
fn nothing_is_asked_that_was_not_announced() {
    let project = Project::new(&[]);
    let service = Service::new(|a| {
        // Whoever follows everything would be led far away.
        let mut answer = Answer::new(302, "");
        answer.headers = vec![("Location".into(), "http://203.0.113.9/x".into())];
        if a.path == "/" {
            answer
        } else {
            Answer::new(401, "who are you")
        }
    });
    let dry = project.run(&["audit", "--dry-run", &service.target()]);
    assert_eq!((dry.code, service.asked().len()), (0, 0), "{}", dry.err);
    assert!(!project.path().join(".git/data/requests.jsonl").exists());
    let base = format!("GET http://{}", service.address);
    let announced: Vec<&str> = dry
        .out
        .lines()
        .filter_map(|l| l.strip_prefix(&base))
        .map(|l| l.split(' ').next().unwrap())
        .collect();
    let ran = project.run(&["audit", "--rate", "1000", &service.target()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let asked = service.asked();
    assert!(asked.len() > 10);
    for one in &asked {
        assert_eq!(one.method, "GET");
        let known = one.path.starts_with("/wellhead-canary-") || announced.contains(&one.path.as_str());
        assert!(known, "{one:?}");
    }
}

#[test]
fn what_is_not_ours_is_not_asked() {
    let project = Project::new(&[]);
    for (target, said) in [
        ("service:http://8.8.8.8", "8.8.8.8 is a public address"),
        (
            "service:http://203.0.113.7:5000",
            "203.0.113.7 is a public address",
        ),
        ("service:http://169.254.169.254", "169.254.169.254 is never asked"),
        (
            "service:http://[::ffff:169.254.169.254]:80",
            "169.254.169.254 is never asked",
        ),
        ("service:http://0.0.0.0:5000", "0.0.0.0 is never asked"),
        (
            "service:http://255.255.255.255:1",
            "255.255.255.255 is never asked",
        ),
        ("service:http://me:pw@10.0.0.5", "is no service"),
        ("service:ftp://10.0.0.5", "is no service"),
        (
            "service:http://no-such-host.invalid:1",
            "there is no host `no-such-host.invalid`",
        ),
    ] {
        let ran = project.run(&["audit", target]);
        assert_eq!(ran.code, 2, "{target}: {}", ran.err);
        assert!(
            ran.err.contains(said) && !ran.err.contains("pw"),
            "{target}: {}",
            ran.err
        );
    }
    let ran = project.run(&["audit", "--offline", "service:http://127.0.0.1:1"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("the network is not to be used"), "{}", ran.err);
    let ran = project.run(&["audit", "--log", ".git", "service:http://127.0.0.1:1"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("so nothing is sent"), "{}", ran.err);
}

#[test]
fn a_port_where_nobody_listens_is_no_input() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("service:http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ran = Project::new(&[]).run(&["audit", &target]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("nobody answers there"), "{}", ran.err);
    assert!(ran.out.contains("nothing listens"), "{}", ran.out);
}

/// Each ends in time, as "not analysed".
#[test]
fn who_means_harm_is_not_analysed() {
    type Act = fn(&mut TcpStream);
    let cases: [(&str, Act); 7] = [
        ("closed without an answer", |_| {}),
        ("what answers is not HTTP", |s| {
            s.write_all(b"hello, this is no HTTP").unwrap();
        }),
        ("it expects TLS", |s| {
            s.write_all(b"\x15\x03\x01\x00\x02\x02\x46").unwrap();
        }),
        ("the head of the answer is too large", |s| {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\n");
            let _ = s.write_all(format!("X: {}\r\n", "a".repeat(1 << 20)).as_bytes());
        }),
        ("compressed", |s| {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08");
        }),
        ("the head of the answer is too large", |s| {
            while s.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {}
        }),
        ("an unknown service", |s| {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while s.write_all(&[b'x'; 8192]).is_ok() {}
        }),
    ];
    for (expected, act) in cases {
        let address = raw("127.0.0.1:0", move |mut stream| {
            let _ = question(&mut stream);
            act(&mut stream);
        });
        let project = Project::new(&[]);
        let report = project.json(&["--rate", "1000", &format!("service:http://{address}")]);
        let said = unseen(&report);
        assert!(
            said.len() == 1 && said[0].contains(expected),
            "{expected}: {said:?}"
        );
        assert!(said[0].contains("not-analysed"), "{said:?}");
        assert!(report["findings"].as_array().unwrap().is_empty());
    }
}

/// MLflow refuses foreign `Host` headers and asks nobody for a password.
#[test]
fn a_guard_of_the_host_header_is_seen_through() {
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system only says which address it would use.
    let own = probe
        .connect("10.255.255.255:9")
        .and_then(|()| probe.local_addr());
    let own = own.ok().map(|a| a.ip()).filter(|ip| match ip {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(_) => false,
    });
    let Some(own) = own else {
        eprintln!("skipped: this machine has no private address beside loopback");
        return;
    };
    let service = Service::at(&format!("{own}:0"), |asked| {
        if !asked.host.starts_with("localhost") {
            return Answer::new(
                403,
                "Invalid Host header - possible DNS rebinding attack detected",
            );
        }
        match asked.path.as_str() {
            p if p.starts_with("/api/2.0/mlflow/experiments/search") => {
                Answer::new(200, r#"{"experiments":[]}"#)
            }
            "/version" => Answer::new(200, "3.17.2"),
            _ => Answer::new(404, "no"),
        }
    });
    let report = Project::new(&[]).json(&["--rate", "1000", &service.target()]);
    assert_eq!(states(&report), ["mlflow HOST_GUARD_ONLY -"]);
    assert_eq!(report["findings"][0]["properties"]["request_host"], "localhost");
}

fn shared() -> PathBuf {
    std::env::var("WELLHEAD_SHARED").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    )
}

/// What a product answered when it was captured, by path.
fn captured(folder: &Path) -> BTreeMap<String, Vec<(String, Answer)>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    let mut out: BTreeMap<String, Vec<(String, Answer)>> = BTreeMap::new();
    for file in files {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let part = |mark: &str| -> Vec<String> {
            let lines = head.lines().filter_map(|l| l.strip_prefix(mark));
            lines.map(str::to_owned).collect()
        };
        let (request, answer) = (part("> "), part("< "));
        let (Some(first), Some(status)) = (request.first(), answer.first()) else {
            continue;
        };
        let header = |name: &str| {
            let all = request.iter().filter_map(|l| l.split_once(": "));
            all.filter(|(n, _)| n.eq_ignore_ascii_case(name))
                .map(|(_, v)| v.to_owned())
                .next()
        };
        let Some(path) = first.strip_prefix("GET ").and_then(|r| r.split(' ').next()) else {
            continue;
        };
        if header("authorization").is_some() || header("cookie").is_some() {
            continue;
        }
        let Some(status) = status.split(' ').nth(1).and_then(|s| s.parse().ok()) else {
            continue;
        };
        let headers = answer.iter().skip(1).filter_map(|l| l.split_once(": "));
        let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let body = body.to_owned();
        let host = header("host").unwrap_or_default();
        out.entry(path.to_owned()).or_default().push((
            host,
            Answer {
                status,
                headers,
                body,
            },
        ));
    }
    out
}

/// Every captured state, played back over a socket at a port that says nothing.
#[test]
fn captured_products_are_judged_over_a_socket_as_they_were_taken() {
    let archive = shared().join("data/services/captures.tar.gz");
    if !archive.exists() {
        eprintln!("skipped: no captures at {}", archive.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    assert!(unpacked.unwrap().success());
    let project = Project::new(&[]);
    let mut counts = Vec::new();
    let mut lines = Vec::new();
    let mut modes: Vec<PathBuf> = Vec::new();
    for product in std::fs::read_dir(folder.path()).unwrap() {
        modes.extend(
            std::fs::read_dir(product.unwrap().path())
                .unwrap()
                .map(|m| m.unwrap().path()),
        );
    }
    modes.sort();
    for mode in modes {
        let name = mode
            .strip_prefix(folder.path())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        // These hold only the paths that other tools ask, and one request with a foreign `Host`.
        if name.ends_with("peer-paths") || name.ends_with("hosts-star") {
            continue;
        }
        let answers = captured(&mode);
        let service = Service::new(move |asked| {
            let all = answers.get(&asked.path).map(Vec::as_slice).unwrap_or_default();
            let own = all
                .iter()
                .find(|(host, _)| host.is_empty() || host.starts_with("localhost"));
            own.map_or_else(
                || Answer::new(404, "not found"),
                |(_, a)| Answer {
                    status: a.status,
                    headers: a.headers.clone(),
                    body: a.body.clone(),
                },
            )
        });
        let report = project.json(&["--rate", "10000", &service.target()]);
        let asked = service.asked();
        assert!(asked.iter().all(|a| a.method == "GET"), "{name}");
        counts.push(asked.len());
        let told = [states(&report), unseen(&report)].concat().join(", ");
        let told = told.replace(&format!("http://{}", service.address), "it");
        lines.push(format!("{name}: {told}"));
    }
    counts.sort_unstable();
    let median = counts[counts.len() / 2];
    eprintln!(
        "requests per unknown web port: median {median}, most {}",
        counts[counts.len() - 1]
    );
    assert!(median <= 12 && counts[counts.len() - 1] <= 48, "{counts:?}");
    insta::assert_snapshot!(lines.join("\n"), @"
    bentoml/open: bentoml OPEN 1.4.39-informational
    bokeh/open: bokeh OPEN -
    chroma/open: chroma OPEN 1.0.0
    dask-scheduler/open: dask OPEN -
    gradio/auth: gradio PROTECTED -
    gradio/open: gradio OPEN 6.31.0
    jupyter-server/auth: jupyter PROTECTED 2.21.1
    jupyter-server/open: jupyter OPEN 2.21.1
    jupyterhub/auth: jupyterhub PROTECTED 6.1.1
    jupyterlab/auth: jupyter PROTECTED 2.21.1
    jupyterlab/open: jupyter OPEN 2.21.1
    jupyterlab/open-legacy-flag: jupyter OPEN 2.21.1
    mlflow/auth: mlflow PROTECTED -
    mlflow/open: mlflow OPEN 3.17.2
    nbclassic/auth: jupyter PROTECTED 2.21.1
    nbclassic/open: jupyter OPEN 2.21.1
    notebook7/auth: jupyter PROTECTED 2.21.1
    notebook7/open: jupyter OPEN 2.21.1
    panel/auth: panel PROTECTED 1.9.4
    panel/open: panel OPEN -
    prefect/auth: prefect PROTECTED -
    prefect/open: prefect OPEN 3.8.8
    ray/auth: ray PROTECTED -
    ray/open: ray OPEN 2.60.0
    ray-dashboard-agent/auth: ray PROTECTED -
    ray-dashboard-agent/open: ray OPEN -
    streamlit/open: streamlit OPEN -
    tensorboard/open: tensorboard OPEN 2.21.0
    torchserve-inference/auth: torchserve PROTECTED 0.12.0
    torchserve-inference/open: torchserve OPEN 0.12.0
    torchserve-management/auth: torchserve PROTECTED 0.12.0
    torchserve-management/open: torchserve OPEN 0.12.0
    voila/open: voila OPEN -
    ");
}

#[test]
fn a_network_is_searched_and_every_open_port_accounted_for() {
    let project = Project::new(&[]);
    let open = Service::at("127.99.1.3:0", jupyter(true));
    let port = open.address.port();
    let safe = Service::at(&format!("127.99.1.5:{port}"), jupyter(false));
    raw(&format!("127.99.1.6:{port}"), |mut s| {
        s.write_all(b"SSH-2.0-x\r\n").unwrap();
    });
    let args = [
        "--rate",
        "100000",
        "--ports",
        &port.to_string(),
        "net:127.99.1.0/29",
    ];
    let report = project.json(&args);
    assert_eq!(
        states(&report),
        ["jupyter OPEN 2.14.0", "jupyter PROTECTED 2.14.0"]
    );
    let said: Vec<_> = unseen(&report)
        .iter()
        .map(|l| l.replace(&port.to_string(), "PORT"))
        .collect();
    assert_eq!(said, ["127.99.1.6:PORT: not-analysed (what answers is not HTTP)"]);
    assert!(!safe.asked().is_empty());
    let ran = project.run(&[&["audit"][..], &args].concat());
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("note: ports of 127.99.1.0/29: 3 open, 5 closed\n"),
        "{}",
        ran.err
    );
    // Nothing is open: that is what one hopes for.
    let ran = project.run(&["audit", "--ports", &port.to_string(), "net:127.99.2.0/29"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("0 open, 8 closed"), "{}", ran.err);
    let by_name = project.json(&[
        "--rate",
        "1000",
        "--ports",
        &port.to_string(),
        "service:127.99.1.3",
    ]);
    assert_eq!(states(&by_name), ["jupyter OPEN 2.14.0"]);
}

#[test]
fn a_network_is_bounded_and_ours() {
    let project = Project::new(&[]);
    for (args, said) in [
        (
            &["net:10.0.0.0/15"][..],
            "that is 131072 addresses, and at most 65536 (a /16)",
        ),
        (&["net:fd00::/64"], "at most 65536 (a /16)"),
        (&["net:8.8.8.0/30"], "8.8.8.0 is a public address"),
        (&["net:10.0.0.0/33"], "is no network such as `10.0.0.0/24`"),
        (&["net:"], "`net:` names no network"),
        (&["--dry-run", "net:10.0.0.0/15"], "at most 65536"),
        (&["--dry-run", "."], "`.` is sent no requests"),
        (&["--offline", "net:127.0.0.1"], "the network is not to be used"),
    ] {
        let ran = project.run(&[&["audit"][..], args].concat());
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
    }
    let ran = project.run(&["audit", "--ports", "1,x", "net:127.0.0.1"]);
    assert!(ran.code == 2 && ran.err.contains("80,8000-8999"), "{}", ran.err);
    let dry = project.run(&["audit", "--dry-run", "--ports", "80,81", "net:10.0.0.0/30"]);
    assert_eq!(dry.code, 0);
    assert!(
        dry.out
            .starts_with("connect to every one of the 4 addresses of 10.0.0.0/30 at ports 80,81\n"),
        "{}",
        dry.out
    );
}

/// What is public needs the statement of its owner, signed by a key that the user named.
#[test]
fn a_public_network_needs_a_signed_scope() {
    let scope =
        "owner = \"Acme\"\nnetworks = [\"203.0.113.0/30\"]\nports = [8265]\nvalid-until = \"2999-12-31\"\n";
    let project = Project::new(&[("scope.toml", scope)]);
    let tool = |args: &[&str]| {
        let run = Command::new("ssh-keygen")
            .args(args)
            .current_dir(project.path())
            .output();
        run.is_ok_and(|o| o.status.success())
    };
    if !tool(&["-q", "-t", "ed25519", "-N", "", "-f", "key"])
        || !tool(&["-q", "-t", "ed25519", "-N", "", "-f", "other"])
    {
        eprintln!("skipped: no ssh-keygen here");
        return;
    }
    let dry = |more: &[&str]| {
        project.run(&[&["audit", "--dry-run", "net:", "--scope", "scope.toml"][..], more].concat())
    };
    let named = ["--scope-key", "key.pub"];
    for (more, said) in [
        (&[][..], "no key was named"),
        (&named, "its signature is not beside it"),
    ] {
        let ran = dry(more);
        assert!(ran.code == 2 && ran.err.contains(said), "{}", ran.err);
    }
    assert!(tool(&[
        "-q",
        "-Y",
        "sign",
        "-n",
        "wellhead-scope",
        "-f",
        "key",
        "scope.toml"
    ]));
    let ran = dry(&named);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out
            .starts_with("connect to every one of the 4 addresses of 203.0.113.0/30"),
        "{}",
        ran.out
    );
    let line = std::fs::read_to_string(project.path().join("key.pub")).unwrap();
    assert_eq!(dry(&["--scope-key", line.trim()]).code, 0);
    let ran = dry(&["--scope-key", "other.pub"]);
    assert!(
        ran.code == 2 && ran.err.contains("made with another key"),
        "{}",
        ran.err
    );
    // Without a port those that are named are tried, and no other; there is no network where this runs.
    let signed = [
        "--scope",
        "scope.toml",
        "--scope-key",
        "key.pub",
        "--ports",
        "80,8265",
    ];
    let alone = Command::new("unshare")
        .arg("-rn")
        .arg(env!("CARGO_BIN_EXE_wellhead"))
        .arg("audit")
        .args(signed)
        .arg("service:203.0.113.1")
        .current_dir(project.path())
        .env("WELLHEAD_DATA_DIR", project.path().join(".git/data"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stderr);
    if said.contains("unshare") {
        eprintln!("skipped: no network namespace here");
    } else {
        assert!(
            said.contains("1 without an answer, 1 left out because nobody may ask there"),
            "{said}"
        );
    }
    // Nobody may ask a port or an address that is not named, or change what was signed.
    let named = ["audit", "--scope", "scope.toml", "--scope-key", "key.pub"];
    for (target, said) in [
        ("service:http://203.0.113.1:80", "but not its port 80"),
        (
            "service:http://203.0.113.9:8265",
            "203.0.113.9 is a public address",
        ),
    ] {
        let ran = project.run(&[&named[..], &[target]].concat());
        assert!(ran.code == 2 && ran.err.contains(said), "{}", ran.err);
    }
    project.write("scope.toml", scope.replace("/30", "/24").as_bytes());
    let ran = dry(&["--scope-key", "key.pub"]);
    assert!(
        ran.code == 2 && ran.err.contains("what was signed is not what is here"),
        "{}",
        ran.err
    );
}
