//! What goes on for long: events, sockets, gigabytes, many at once.

use super::{Running, status, upstream::byte_at};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Opens a WebSocket; what is sent afterwards is not framed, since nothing on the way looks at it.
fn socket(running: &Running, headers: &str) -> (u16, BufReader<TcpStream>) {
    let mut stream = running.connect();
    let request =
        format!("GET /api/kernels/1/channels HTTP/1.1\r\nHost: localhost\r\n{headers}{UPGRADE}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::with_capacity(256, stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    (status(&head), reader)
}

fn echoed(reader: &mut BufReader<TcpStream>, text: &str) {
    reader.get_mut().write_all(text.as_bytes()).unwrap();
    let mut back = vec![0; text.len()];
    reader.read_exact(&mut back).unwrap();
    assert_eq!(back, text.as_bytes());
}

#[test]
fn a_websocket_carries_bytes_both_ways() {
    let running = Running::start("jupyter", |_| {});
    let bearer = running.bearer();
    assert_eq!(socket(&running, "").0, 401);
    assert_eq!(socket(&running, "Origin: http://localhost\r\n").0, 401);
    let (status, mut reader) = socket(&running, &bearer);
    assert_eq!(status, 101);
    echoed(&mut reader, "hello\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    echoed(&mut reader, &"x".repeat(100_000));
    drop(reader);
    let head = running.upstream.heads().pop().unwrap();
    assert!(
        head.contains("upgrade: websocket\r\n") && head.contains("sec-websocket-key: dGhl"),
        "{head}"
    );
    assert!(!head.to_lowercase().contains("authorization"));
    let lines = running.ended();
    let answer = lines.iter().find(|l| l["event"] == "answer").unwrap();
    assert_eq!(
        (&answer["status"], &answer["sent"]),
        (&101.into(), &100_027.into())
    );
}

#[test]
fn only_named_paths_become_websockets() {
    let running = Running::start("mlflow", |_| {});
    let bearer = running.bearer();
    assert_eq!(socket(&running, &bearer).0, 403);
    let h2c = running.ask(
        "GET",
        "/version",
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    );
    assert_eq!(status(&h2c), 200);
    assert!(!running.upstream.heads()[0].to_lowercase().contains("upgrade"));
}

#[test]
fn a_thousand_idle_websockets_live_side_by_side() {
    let running = Running::start("jupyter", |_| {});
    let bearer = running.bearer();
    let before = resident();
    let mut open: Vec<_> = (0..1000).map(|_| socket(&running, &bearer)).collect();
    assert!(open.iter().all(|(status, _)| *status == 101));
    for (_, reader) in open.iter_mut().step_by(100) {
        echoed(reader, "still there");
    }
    // The clients and what lies behind are in this process, too.
    let grown = resident().saturating_sub(before);
    assert!(grown < 150 << 20, "{} MB", grown >> 20);
}

/// Bytes of memory of this process.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ')
        .nth(1)
        .and_then(|p| p.parse::<u64>().ok())
        .unwrap_or(0)
        * 4096
}

#[test]
fn the_first_event_arrives_before_the_second_is_sent() {
    let running = Running::start("gradio", |_| {});
    let mut stream = running.connect();
    write!(
        stream,
        "GET /gradio_api/events HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        running.bearer()
    )
    .unwrap();
    let mut reader = BufReader::new(stream);
    let mut seen = String::new();
    while !seen.contains("data: one") {
        assert_ne!(reader.read_line(&mut seen).unwrap(), 0, "{seen}");
    }
    assert!(!seen.contains("data: two"));
    running.upstream.next_event.send(()).unwrap();
    while !seen.contains("data: two") {
        assert_ne!(reader.read_line(&mut seen).unwrap(), 0, "{seen}");
    }
}

#[test]
fn large_bodies_pass_both_ways_without_being_held() {
    const SIZE: u64 = 300 << 20;
    let running = Running::start("mlflow", |_| {});
    let before = resident();
    let mut stream = running.connect();
    write!(
        stream,
        "GET /get-artifact?size={SIZE} HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        running.bearer()
    )
    .unwrap();
    let mut reader = BufReader::with_capacity(256 << 10, stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    let got = std::io::copy(&mut reader.by_ref().take(SIZE), &mut std::io::sink()).unwrap();
    assert_eq!(got, SIZE);
    let target = "/api/2.0/mlflow-artifacts/artifacts/1/run/model.bin";
    write!(
        reader.get_mut(),
        "PUT {target} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {SIZE}\r\nExpect: 100-continue\r\n\r\n",
        running.bearer()
    )
    .unwrap();
    let mut go_on = String::new();
    while !go_on.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut go_on).unwrap(), 0);
    }
    assert!(go_on.starts_with("HTTP/1.1 100"), "{go_on}");
    let block = vec![b'y'; 1 << 20];
    for _ in 0..SIZE >> 20 {
        reader.get_mut().write_all(&block).unwrap();
    }
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    assert!(resident().saturating_sub(before) < 60 << 20);
    drop(reader);
    let lines = running.ended();
    let of = |method: &str| {
        lines
            .iter()
            .find(|l| l["event"] == "answer" && l["method"] == method)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (&of("GET")["sent"], &of("GET")["whole"]),
        (&SIZE.into(), &true.into())
    );
    assert_eq!(
        (&of("PUT")["received"], &of("PUT")["names"][0]),
        (&SIZE.into(), &"1/run/model.bin".into())
    );
}

#[test]
fn who_leaves_in_the_middle_got_it_in_part() {
    let running = Running::start("mlflow", |_| {});
    let mut stream = running.connect();
    write!(
        stream,
        "GET /get-artifact?path=m&size=500000000 HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        running.bearer()
    )
    .unwrap();
    let mut some = vec![0; 100_000];
    stream.read_exact(&mut some).unwrap();
    drop(stream);
    let lines = running.ended();
    let answer = lines.iter().find(|l| l["event"] == "answer").unwrap();
    assert_eq!(answer["whole"], false);
    assert!(answer["sent"].as_u64().unwrap() < 500_000_000);
}

#[test]
fn a_stranger_is_not_told_to_go_on() {
    let running = Running::start("mlflow", |_| {});
    let answer = running.raw(
        "PUT /api/2.0/mlflow-artifacts/artifacts/1/m HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n",
    );
    assert!(
        answer.starts_with("HTTP/1.1 401") && answer.contains("connection: close"),
        "{answer}"
    );
}

#[test]
fn an_upstream_that_is_down_is_told() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = Running::start("mlflow", |s| s.upstream = format!("http://{nobody}"));
    let answer = running.ask("GET", "/version", "");
    assert_eq!(status(&answer), 502, "{answer}");
    let lines = running.ended();
    assert_eq!(lines[2]["why"], "the upstream does not answer");
}

#[test]
fn many_ask_at_once_and_the_log_stays_whole() {
    let running = Running::start("mlflow", |_| {});
    std::thread::scope(|scope| {
        for who in 0..16 {
            let running = &running;
            scope.spawn(move || {
                for step in 0..25 {
                    let target = format!("/api/2.0/mlflow/runs/get?run_id={who}-{step}");
                    let answer = running.ask("GET", &target, "");
                    assert!(answer.ends_with(&format!("GET {target}")), "{answer}");
                }
            });
        }
    });
    assert_eq!(running.upstream.heads().len(), 400);
    assert_eq!(running.ended().len(), 802);
}

#[test]
fn whoever_asks_too_often_waits() {
    let running = Running::start("mlflow", |s| s.rate = 5);
    let answers: Vec<String> = (0..8).map(|_| running.ask("GET", "/version", "")).collect();
    let refused = answers.iter().filter(|a| status(a) == 429).count();
    assert!((1..=3).contains(&refused), "{refused}");
    let refusal = answers.iter().find(|a| status(a) == 429).unwrap();
    assert!(refusal.contains("retry-after: "), "{refusal}");
}

#[test]
fn who_sends_a_head_drop_by_drop_is_let_go() {
    let running = Running::start("mlflow", |s| s.patience = std::time::Duration::from_millis(300));
    for start in [
        "",
        "GET /version HTT",
        "GET /version HTTP/1.1\r\nHost: localhost\r\nX: ",
    ] {
        let mut stream = running.connect();
        stream.write_all(start.as_bytes()).unwrap();
        let mut out = Vec::new();
        let _ = stream.read_to_end(&mut out);
        let told = String::from_utf8_lossy(&out);
        assert!(
            told.is_empty() || told.starts_with("HTTP/1.1 408"),
            "{start}: {told}"
        );
    }
    assert!(running.upstream.heads().is_empty());
}

#[test]
fn one_address_does_not_take_all_places() {
    let running = Running::start("mlflow", |s| s.connections = 4);
    let held: Vec<TcpStream> = (0..2).map(|_| running.connect()).collect();
    let mut third = running.connect();
    let mut nothing = Vec::new();
    // Closed at once, without a word.
    assert_eq!(third.read_to_end(&mut nothing).unwrap_or(0), 0);
    drop(held);
}

/// Reads a head, and as much of a body as is wanted.
fn part(running: &Running, range: &str, most: u64) -> (String, Vec<u8>) {
    let bearer = running.bearer();
    let mut stream = running.connect();
    let target = "/get-artifact?run_uuid=ab&path=m.bin&size=3000000";
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{bearer}{range}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let mut body = Vec::new();
    let _ = reader.take(most).read_to_end(&mut body);
    (head, body)
}

#[test]
fn a_download_that_broke_off_goes_on_where_it_ended() {
    let running = Running::start("mlflow", |_| {});
    let (head, mut got) = part(&running, "", 1_000_001);
    assert!(
        status(&head) == 200 && head.contains("accept-ranges: bytes\r\n"),
        "{head}"
    );
    let (head, rest) = part(
        &running,
        "Range: bytes=1000001-\r\nIf-Range: \"v1\"\r\n",
        u64::MAX,
    );
    assert_eq!(status(&head), 206, "{head}");
    assert!(
        head.contains("content-range: bytes 1000001-2999999/3000000\r\n"),
        "{head}"
    );
    assert!(
        head.contains("content-length: 1999999\r\n") && head.contains("etag: \"v1\"\r\n"),
        "{head}"
    );
    got.extend(rest);
    assert_eq!(got.len(), 3_000_000);
    assert!(got.iter().zip(0..).all(|(byte, at)| *byte == byte_at(at)));
    assert!(running.upstream.heads()[1].contains("if-range: \"v1\"\r\n"));
    let (head, none) = part(&running, "Range: bytes=3000000-\r\n", u64::MAX);
    assert!(status(&head) == 416 && head.contains("content-range: bytes */3000000\r\n") && none.is_empty());
    let lines = running.ended();
    let mut answers: Vec<_> = lines.iter().filter(|l| l["event"] == "answer").collect();
    answers.sort_by_key(|l| l["id"].as_u64());
    let second = answers[1];
    assert_eq!(
        (&second["status"], &second["sent"], &second["whole"]),
        (&206.into(), &1_999_999.into(), &true.into())
    );
    assert!(answers.iter().all(|l| l["names"][0] == "ab/m.bin"));
}
