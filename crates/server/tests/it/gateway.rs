//! The gateway from outside: what a client sends, byte for byte, and what reaches what lies behind.

mod oidc;
mod provider;
mod refusals;
mod revoked;
mod secure;
mod streams;
mod upstream;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    thread::JoinHandle,
    time::Duration,
};
use upstream::Upstream;
use wellhead_server::{
    Stop,
    gateway::{First, Gateway, GatewayError, Settings, Store, verify},
};

/// A gateway that runs, what lies behind it, and the credentials of its first start.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) upstream: Upstream,
    pub(crate) first: First,
    pub(crate) log: PathBuf,
    stop: Stop,
    thread: Option<JoinHandle<std::io::Result<()>>>,
    folder: tempfile::TempDir,
}

pub(crate) fn settings(folder: &std::path::Path, product: &str, upstream: SocketAddr) -> Settings {
    Settings {
        product: product.to_owned(),
        upstream: format!("http://{upstream}"),
        upstream_grpc: None,
        upstream_host: None,
        upstream_roots: None,
        upstream_authorization: None,
        provider: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        names: vec!["ml.example".to_owned()],
        state: folder.join("state"),
        log: folder.join("state/audit.jsonl"),
        read_only: false,
        allow: Vec::new(),
        deny: Vec::new(),
        rate: 1_000_000,
        connections: 8192,
        thinking: Duration::from_secs(30),
        patience: Duration::from_secs(15),
        notice: |_| {},
    }
}

impl Running {
    pub(crate) fn start(product: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let upstream = Upstream::start();
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path(), product, upstream.address);
        change(&mut settings);
        let mut gateway = Gateway::open(&settings).unwrap_or_else(|e| panic!("{e}"));
        let (address, first) = (gateway.address().unwrap(), gateway.first().unwrap());
        let stop = Stop::default();
        let ender = stop.clone();
        let thread = std::thread::spawn(move || gateway.serve(&ender));
        Self {
            address,
            upstream,
            first,
            log: settings.log,
            stop,
            thread: Some(thread),
            folder,
        }
    }

    /// The users and tokens, as the commands change them.
    pub(crate) fn store(&self) -> Store {
        Store::at(&self.folder.path().join("state")).unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes and reads until the gateway closes.
    pub(crate) fn raw(&self, bytes: &str) -> String {
        let mut stream = self.connect();
        // The gateway may close before it has read all of it.
        let _ = stream.write_all(bytes.as_bytes());
        let mut out = Vec::new();
        let _ = stream.read_to_end(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.first.token)
    }

    /// Asks as the first user.
    pub(crate) fn ask(&self, method: &str, target: &str, more: &str) -> String {
        let bearer = self.bearer();
        self.raw(&format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\n{bearer}{more}Connection: close\r\n\r\n"
        ))
    }

    /// Ends it and returns the lines of its log, which is whole.
    pub(crate) fn ended(mut self) -> Vec<serde_json::Value> {
        self.end();
        verify(&self.log, None).unwrap_or_else(|e| panic!("{e}"));
        let log = std::fs::read_to_string(&self.log).unwrap();
        assert!(self.folder.path().exists());
        log.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    fn end(&mut self) {
        self.stop.now();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

pub(crate) fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0)
}

#[test]
fn a_token_opens_what_the_profile_names_and_the_log_says_who_got_which_model() {
    let running = Running::start("mlflow", |_| {});
    let got = running.ask("GET", "/get-artifact?run_uuid=ab12&path=model.pkl&token=hush", "");
    assert_eq!(status(&got), 200, "{got}");
    assert!(
        got.ends_with("GET /get-artifact?run_uuid=ab12&path=model.pkl&token=hush"),
        "{got}"
    );
    assert_eq!(status(&running.ask("GET", "/secret-door", "")), 403);
    assert_eq!(
        status(&running.raw("GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")),
        401
    );
    let lines = running.ended();
    let events: Vec<&str> = lines.iter().map(|l| l["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        ["start", "request", "answer", "denied", "refused", "stop"]
    );
    let answer = &lines[2];
    assert_eq!(answer["principal"], "admin");
    assert_eq!(answer["credential"], "token first");
    assert_eq!(answer["product"], "mlflow");
    assert_eq!(
        answer["path"],
        "/get-artifact?run_uuid=ab12&path=model.pkl&token=***"
    );
    assert_eq!(answer["names"][0], "ab12/model.pkl");
    assert_eq!((&answer["status"], &answer["whole"]), (&200.into(), &true.into()));
}

#[test]
fn models_that_stand_in_bodies_are_in_the_log() {
    let running = Running::start("ollama", |_| {});
    let post = |target: &str, more: &str, body: &str| {
        let headers = format!("{more}Content-Length: {}\r\n", body.len());
        let bearer = running.bearer();
        let answer = running.raw(&format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\n{bearer}{headers}Connection: close\r\n\r\n{body}"
        ));
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(
            answer.ends_with(&format!("POST {target} {}", body.len())),
            "{answer}"
        );
    };
    // As curl sends it, and Ollama does not mind.
    let odd = "Content-Type: application/x-www-form-urlencoded\r\n";
    post("/api/generate", odd, r#"{"model":"llama3","prompt":"a"}"#);
    let large = format!(
        r#"{{"messages":[{{"content":"{}"}}],"model":"last"}}"#,
        "x".repeat(3 << 20)
    );
    post(
        "/v1/chat/completions",
        "Content-Type: application/json\r\n",
        &large,
    );
    let lines = running.ended();
    let names = |event: &str| -> Vec<serde_json::Value> {
        let of = lines.iter().filter(|l| l["event"] == event);
        of.map(|l| l["names"].clone()).collect()
    };
    assert_eq!(
        names("answer"),
        [serde_json::json!(["llama3"]), serde_json::json!(["last"])]
    );
}

#[test]
fn many_who_begin_at_once_with_the_right_password_all_come_in() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let running = Running::start("mlflow", |_| {});
    let ask = |secret: &str| {
        let pair = STANDARD.encode(format!("admin:{secret}"));
        status(&running.raw(&format!(
            "GET /version HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {pair}\r\nConnection: close\r\n\r\n"
        )))
    };
    let at_once = |secret: &str| -> Vec<u16> {
        let all = std::sync::Barrier::new(100);
        std::thread::scope(|scope| {
            let start = || {
                all.wait();
                ask(secret)
            };
            let threads: Vec<_> = (0..100).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        })
    };
    assert_eq!(at_once(&running.first.password), [200; 100]);
    // With a wrong one they are as many guesses as they are.
    let mut wrong = at_once("correct horse battery");
    wrong.sort_unstable();
    assert!(wrong[..10] == [401; 10] && wrong[20..] == [429; 80], "{wrong:?}");
}

#[test]
fn what_would_be_open_by_mistake_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let fails = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings(folder.path(), "mlflow", "127.0.0.1:1".parse().unwrap());
        change(&mut settings);
        Gateway::open(&settings).err()
    };
    let wide = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(
        fails(&|s| s.listen = wide),
        Some(GatewayError::NoTls(_))
    ));
    assert!(matches!(
        fails(&|s| s.product = "no".to_owned()),
        Some(GatewayError::UnknownProduct(_))
    ));
    assert!(matches!(
        fails(&|s| {
            s.product = "aim".to_owned();
            s.read_only = true;
        }),
        Some(GatewayError::NoReadMode(_))
    ));
    for upstream in [
        "127.0.0.1:5000",
        "ftp://a",
        "http://a/b",
        "http://u:p@a",
        "http://",
    ] {
        let wrong = fails(&|s| s.upstream = upstream.to_owned());
        assert!(matches!(wrong, Some(GatewayError::Upstream(_))), "{upstream}");
    }
    assert!(matches!(
        fails(&|s| s.deny = vec!["x".to_owned()]),
        Some(GatewayError::Pattern)
    ));
}

#[test]
fn a_log_that_was_changed_does_not_go_on() {
    let mut running = Running::start("mlflow", |_| {});
    running.ask("GET", "/version", "");
    running.end();
    let text = std::fs::read_to_string(&running.log).unwrap();
    std::fs::write(&running.log, text.replace("admin", "nobody")).unwrap();
    let settings = settings(running.folder.path(), "mlflow", running.upstream.address);
    let told = Gateway::open(&settings).err().unwrap().to_string();
    assert_eq!(told, "line 3 of the log does not follow the one before it");
}
