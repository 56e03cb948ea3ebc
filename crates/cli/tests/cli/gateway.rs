//! `gateway`, as its user meets it: first start, users, tokens, a request, the log.

use super::Project;
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

struct Gateway {
    child: Child,
    address: String,
    said: String,
    told: BufReader<ChildStderr>,
}

impl Gateway {
    fn start(project: &Project, more: &[&str]) -> Self {
        let mut arguments = vec!["gateway", "--listen", "127.0.0.1:0", "--state", "state"];
        arguments.extend(more);
        let mut child = project
            .command(&arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("Ctrl-C") {
            assert_ne!(told.read_line(&mut said).unwrap(), 0, "no gateway: {said}");
        }
        let address = said
            .split("http://")
            .nth(1)
            .unwrap()
            .split([' ', ';', ','])
            .next()
            .unwrap()
            .to_owned();
        Self {
            child,
            address,
            said,
            told,
        }
    }

    fn ask(&self, target: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut out = String::new();
        stream.read_to_string(&mut out).unwrap();
        out
    }

    /// Ends it as a service manager does.
    fn terminate(mut self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers everything with the same words.
fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nmodel");
        }
    });
    url
}

fn out(project: &Project, arguments: &[&str]) -> (i32, String, String) {
    let output = project.command(arguments).output().unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_team_without_an_identity_provider_closes_its_dashboard_with_one_command() {
    let project = Project::new(&[]);
    let url = upstream();
    let start = ["--upstream", &url, "--product", "mlflow"];
    let gateway = Gateway::start(&project, &start);
    let token = gateway
        .said
        .split("token     ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    assert!(
        gateway.said.contains("they are shown this once"),
        "{}",
        gateway.said
    );
    assert!(
        gateway
            .ask("/get-artifact?run_uuid=ab&path=m.pkl", &token)
            .ends_with("model")
    );
    assert!(
        gateway
            .ask("/get-artifact?path=m.pkl", "whg_no")
            .starts_with("HTTP/1.1 401")
    );

    let (code, added, _) = out(
        &project,
        &[
            "gateway",
            "token",
            "add",
            "ci",
            "--user",
            "admin",
            "--read-only",
            "--state",
            "state",
        ],
    );
    assert!(code == 0 && added.starts_with("whg_"), "{added}");
    let (_, listed, _) = out(&project, &["gateway", "token", "list", "--state", "state"]);
    assert!(listed.contains("ci ") && !listed.contains("whg_"), "{listed}");
    let (_, revoked, _) = out(
        &project,
        &["gateway", "token", "revoke", "first", "--state", "state"],
    );
    assert_eq!(revoked, "first is no longer good\n");
    let mut left = 100;
    while !gateway.ask("/version", &token).starts_with("HTTP/1.1 401") {
        left -= 1;
        assert!(left > 0, "it is read again within a second");
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }
    gateway.terminate();

    let again = Gateway::start(&project, &start);
    assert!(!again.said.contains("password"), "{}", again.said);
    again.terminate();
    let (code, verified, _) = out(&project, &["gateway", "log", "verify", "state/audit.jsonl"]);
    assert!(
        code == 0 && verified.contains(" records, none changed\nlast digest "),
        "{verified}"
    );
    let (_, models, _) = out(&project, &["gateway", "log", "models", "state/audit.jsonl"]);
    assert!(
        models.contains(" admin            GET    200              5 ab/m.pkl\n"),
        "{models}"
    );

    let log = project.path().join("state/audit.jsonl");
    let text = std::fs::read_to_string(&log)
        .unwrap()
        .replace("ab/m.pkl", "cd/x.pkl");
    std::fs::write(&log, text).unwrap();
    let (code, verified, _) = out(&project, &["gateway", "log", "verify", "state/audit.jsonl"]);
    assert!(
        code == 1 && verified.contains("does not follow the one before it"),
        "{verified}"
    );
    let arguments = [
        &["gateway", "--listen", "127.0.0.1:0", "--state", "state"][..],
        &start[..],
    ]
    .concat();
    let (code, _, said) = out(&project, &arguments);
    assert!(code == 2 && said.contains("move it away"), "{said}");
}

#[test]
fn what_would_be_open_by_mistake_is_said() {
    let project = Project::new(&[]);
    let run = |more: &[&str]| {
        let common = ["gateway", "--upstream", "http://127.0.0.1:9", "--state", "state"];
        let (code, _, said) = out(&project, &[&common[..], more].concat());
        assert_eq!(code, 2, "{said}");
        said.replace("\n\n", "\n")
    };
    insta::assert_snapshot!(run(&["--product", "mlflow", "--listen", "0.0.0.0:0"]), @"
    error: `0.0.0.0:0` can be reached from other machines, and without TLS everybody on the way reads the passwords
    hint: say `--tls-cert FILE --tls-key FILE`, or listen on `127.0.0.1`
    ");
    insta::assert_snapshot!(run(&["--product", "mlfow"]), @"
    error: no platform of this name is known: `mlfow`
    hint: `wellhead gateway products` lists them
    ");
    insta::assert_snapshot!(run(&["--product", "aim", "--read-only"]), @"
    error: nobody knows which requests to Aim only read, so that there is no read-only mode for it
    hint: leave out `--read-only`, and refuse what changes with `--deny PATTERN`
    ");
    let provider = |more: &[&str]| {
        let provider = [
            "--product",
            "mlflow",
            "--oidc-issuer",
            "https://id.example",
            "--oidc-client",
            "ml",
        ];
        run(&[&provider[..], more].concat())
    };
    insta::assert_snapshot!(provider(&[]), @"
    error: nobody is allowed to come in with the provider
    hint: say who may: `--oidc-allow group:ml-team`, or `email:`, `domain:`, `subject:`
    ");
    insta::assert_snapshot!(provider(&["--oidc-allow", "everybody"]), @"
    error: this names nobody: `everybody`
    hint: a rule is `group:NAME`, `email:NAME@HOST`, `domain:HOST` or `subject:ID`
    ");
    let plain = [
        "--product",
        "mlflow",
        "--oidc-issuer",
        "http://id.example",
        "--oidc-client",
        "ml",
    ];
    insta::assert_snapshot!(run(&[&plain[..], &["--oidc-allow", "group:ml"]].concat()), @"
    error: an issuer is `https://HOST` with no more than a path (`http` only on this machine): `http://id.example`
    ");
}

#[test]
fn a_provider_that_does_not_answer_is_said_and_tokens_go_on() {
    let project = Project::new(&[]);
    let url = upstream();
    // Nobody listens where somebody did a moment ago.
    let issuer = format!(
        "http://{}",
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    );
    let start = [
        "--upstream",
        &url,
        "--product",
        "mlflow",
        "--host",
        "ml.example:8443",
    ];
    let provider = [
        "--oidc-issuer",
        &issuer,
        "--oidc-client",
        "ml",
        "--oidc-allow",
        "group:ml",
    ];
    let mut gateway = Gateway::start(&project, &[&start[..], &provider[..]].concat());
    let redirect = "its redirect URI for this client is\n  http://ml.example:8443/.wellhead/oidc/callback\n";
    assert!(gateway.said.contains(redirect), "{}", gateway.said);
    let mut warned = String::new();
    gateway.told.read_line(&mut warned).unwrap();
    while warned.trim().is_empty() {
        gateway.told.read_line(&mut warned).unwrap();
    }
    assert_eq!(
        warned.trim(),
        "warning: nobody can sign in with `127.0.0.1`: the provider does not answer"
    );
    let token = gateway.said.split("token     ").nth(1).unwrap();
    let token = token.split_whitespace().next().unwrap().to_owned();
    assert!(gateway.ask("/version", &token).starts_with("HTTP/1.1 200"));
    assert!(
        gateway
            .ask("/.wellhead/oidc/start", "")
            .starts_with("HTTP/1.1 502")
    );
    gateway.terminate();
}

/// Each is used through the gateway as its clients do: pages with all that they load, a kernel over a WebSocket, a stream of
/// events, artifacts, jobs. `scripts/real-products` says how they are started; it skips aloud where they cannot be.
#[test]
fn large_real_products_work_behind_the_gateway() {
    let mut products = vec![
        ("jupyter", "lab"),
        ("mlflow", "open"),
        ("gradio", "open"),
        ("streamlit", "open"),
        ("dask", "open"),
        ("bokeh", "open"),
        ("tensorboard", "open"),
        ("chroma", "open"),
    ];
    if std::env::var("WELLHEAD_REAL_PRODUCTS").is_ok_and(|chosen| chosen == "--all") {
        products.extend([("panel", "open"), ("prefect", "open"), ("ray", "open")]);
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/real-products");
    for (product, mode) in products {
        let mut run = Command::new(scripts.join("run"));
        run.args(["with", product, mode, "--"])
            .arg(scripts.join("behind-gateway"));
        let ran = run.arg(env!("CARGO_BIN_EXE_wellhead")).arg(product).status();
        match ran {
            Ok(status) => assert!(status.success(), "{product} does not work behind the gateway"),
            Err(e) => eprintln!("skipped: no Python to start products with: {e}"),
        }
    }
}
