//! Clients that break the rules, break off or never finish: each gets its end, and the next one gets its answer.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may fail loudly")]
#![allow(clippy::disallowed_methods, reason = "tests make files and run openssl")]
#![allow(clippy::print_stderr, reason = "a test that skips says so aloud")]

mod gateway;

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
    time::Duration,
};
use wellhead_server::{Answer, Question, ServerLimits, Service, Stop, bind, serve};

/// Says how long the body was; some paths misbehave.
struct Echo {
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Service for Echo {
    fn answer(&self, question: Question<'_>) -> Answer {
        match question.path {
            "/panic" => panic!("on purpose"),
            "/large" => Answer::ok("x".repeat(64 << 20)),
            "/wait" => {
                let _ = self.gate.lock().unwrap().recv();
                Answer::ok("waited")
            }
            _ => Answer::ok(format!("{} {}", question.method, question.body.len())),
        }
    }
}

struct Server {
    address: SocketAddr,
    stop: Stop,
    gate: mpsc::Sender<()>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Server {
    fn start(connections: usize) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
        let address = listener.local_addr().unwrap();
        let (gate, waits) = mpsc::channel();
        let stop = Stop::default();
        let handle = stop.clone();
        let limits = ServerLimits {
            body: 1 << 20,
            connections,
            head: Duration::from_millis(300),
            question: Duration::from_millis(300),
            reading: Duration::from_millis(300),
            ending: Duration::from_secs(20),
            any_host: false,
        };
        let thread = std::thread::spawn(move || {
            let echo = Echo {
                gate: Mutex::new(waits),
            };
            serve(listener, Arc::new(echo), limits, &handle)
        });
        Self {
            address,
            stop,
            gate,
            thread: Some(thread),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        // Longer than any limit of the server: a test that runs into it fails.
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends bytes and returns all that comes back until the server closes.
    fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes);
        all(&mut stream)
    }

    /// The server still answers.
    fn lives(&self) -> bool {
        let answer = self.ask(b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("GET 0")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.now();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

fn all(stream: &mut TcpStream) -> String {
    let mut out = Vec::new();
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf) {
            Ok(0) => break,
            Ok(n) => out.extend_from_slice(&buf[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(e) => panic!("the server neither answered nor closed: {e}"),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn status(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}

#[test]
fn one_connection_carries_many_questions() {
    let server = Server::start(4);
    let one = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
    let two = "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    let answer = server.ask(format!("{one}{two}").as_bytes());
    assert!(
        answer.contains("POST 3") && answer.ends_with("POST 2"),
        "{answer}"
    );
    assert!(answer.contains("content-type: application/json"), "{answer}");
}

#[test]
fn a_question_that_is_too_large_is_refused() {
    let server = Server::start(4);
    let declared =
        server.ask(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\nabc");
    assert_eq!(status(&declared), "HTTP/1.1 413 Payload Too Large");
    assert!(
        declared.ends_with(r#"{"code":3,"message":"the request is larger than 1048576 bytes"}"#),
        "{declared}"
    );
    let mut chunked = b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..40 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b'x', 0x10000));
        chunked.extend_from_slice(b"\r\n");
    }
    // The answer may be lost with the connection, since the client never stops to send.
    let undeclared = server.ask(&chunked);
    assert!(
        undeclared.is_empty() || undeclared.starts_with("HTTP/1.1 413 "),
        "{undeclared}"
    );
    let mut head = b"GET /x HTTP/1.1\r\nHost: localhost\r\nX: ".to_vec();
    head.extend(std::iter::repeat_n(b'x', 1 << 20));
    let head = server.ask(&head);
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 431 "), "{head}");
    assert!(server.lives());
}

#[test]
fn only_the_names_of_this_machine_are_answered() {
    let server = Server::start(4);
    for (line, headers, fine) in [
        ("/x", "Host: 127.0.0.1:1\r\n", true),
        ("/x", "Host: [::1]\r\n", true),
        ("/x", "", true),
        ("/x", "Host: evil.example\r\n", false),
        ("/x", "Host: localhost\r\nHost: evil.example\r\n", false),
        ("http://evil.example/x", "Host: localhost\r\n", false),
        ("http://localhost/x", "Host: evil.example\r\n", false),
    ] {
        let answer =
            server.ask(format!("GET {line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").as_bytes());
        let expected = if fine {
            "HTTP/1.1 200 OK"
        } else {
            "HTTP/1.1 421 Misdirected Request"
        };
        assert_eq!(status(&answer), expected, "{line} {headers}: {answer}");
    }
}

#[test]
fn what_is_no_http_is_refused() {
    let server = Server::start(4);
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"SSH-2.0-x\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\0\0\0\0",
    ] {
        let answer = server.ask(garbage);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{garbage:?}: {answer}"
        );
    }
    assert!(server.lives());
}

#[test]
fn a_client_that_does_not_finish_is_let_go() {
    let server = Server::start(1);
    // With one place, the next client gets its answer only because the one before was let go.
    for unfinished in [
        &b""[..],
        b"GET /x HT",
        b"GET /x HTTP/1.1\r\nHost: localhost\r\n",
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        // Finished, and then idle.
        b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(unfinished).unwrap();
        assert!(server.lives(), "{}", String::from_utf8_lossy(unfinished));
        let left = all(&mut stream);
        assert!(
            left.is_empty() || left.starts_with("HTTP/1.1 408 ") || left.starts_with("HTTP/1.1 200 "),
            "{left}"
        );
    }
}

#[test]
fn a_client_that_does_not_read_its_answer_is_let_go() {
    let server = Server::start(1);
    let mut stream = server.connect();
    stream
        .write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    assert!(server.lives());
    drop(stream);
}

#[test]
fn a_client_that_breaks_off_costs_nothing() {
    let server = Server::start(2);
    for _ in 0..50 {
        let mut stream = server.connect();
        let _ = stream.write_all(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc");
        let _ = stream.shutdown(Shutdown::Both);
    }
    assert!(server.lives());
}

#[test]
fn a_failure_of_the_service_is_one_answer() {
    let server = Server::start(2);
    let answer = server.ask(b"GET /panic HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&answer), "HTTP/1.1 500 Internal Server Error");
    assert!(server.lives());
}

#[test]
fn an_end_waits_for_the_answers_that_are_under_way() {
    let mut server = Server::start(4);
    let mut idle = server.connect();
    let mut waiting = server.connect();
    waiting
        .write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    // An answer on a later connection proves that the one before was taken.
    assert!(server.lives());
    server.stop.now();
    server.gate.send(()).unwrap();
    assert!(all(&mut waiting).ends_with("waited"));
    assert_eq!(all(&mut idle), "");
    server.thread.take().unwrap().join().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).is_err());
    server.thread = Some(std::thread::spawn(|| Ok(())));
}
