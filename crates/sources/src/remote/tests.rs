//! Servers that misbehave, on this machine: one answer a connection, byte for byte as the case wants it.

use super::{Found, Network, NetworkOptions, Secret, list};
use crate::{Content, Entry, Target};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};
use wellhead_core::Blob;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) head: String,
    pub(super) range: Option<(u64, u64)>,
    /// How many requests came before it.
    pub(super) number: usize,
}

pub(super) struct Server {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers each request with the bytes that `answer` makes, and closes.
    pub(super) fn new(answer: impl Fn(&Seen) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).to_lowercase();
                let range = head.split("range: bytes=").nth(1).and_then(|r| {
                    let (a, b) = r.lines().next()?.split_once('-')?;
                    Some((a.parse().ok()?, b.trim().parse().ok()?))
                });
                let mut all: std::sync::MutexGuard<'_, Vec<Seen>> = record.lock().unwrap();
                let one = Seen {
                    path: head.split(' ').nth(1).unwrap_or_default().to_owned(),
                    head,
                    range,
                    number: all.len(),
                };
                all.push(one.clone());
                drop(all);
                let _ = stream.write_all(&answer(&one));
            }
        });
        Self { url, seen }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

pub(super) fn network(change: impl FnOnce(&mut NetworkOptions)) -> Arc<Network> {
    let mut options = NetworkOptions {
        timeout: Duration::from_secs(5),
        tries: 3,
        pause: Duration::from_millis(1),
        ..NetworkOptions::default()
    };
    change(&mut options);
    Network::new(options).unwrap()
}

pub(super) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    out.extend(body);
    out
}

/// A file of that length whose bytes tell where they are.
fn byte_at(at: u64) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8
}

fn part(seen: &Seen, len: u64, etag: &str) -> Vec<u8> {
    let (from, to) = seen.range.unwrap();
    let to = to.min(len - 1);
    let body: Vec<u8> = (from..=to).map(byte_at).collect();
    let headers = format!("ETag: {etag}\r\nContent-Range: bytes {from}-{to}/{len}\r\n");
    answer("206 Partial Content", &headers, &body)
}

fn found(server: &Server, network: &Arc<Network>) -> Result<Found, String> {
    let target = Target::parse(&format!("{}/models/m%20x.pt?sig=secret", server.url)).unwrap();
    list(&target, network).map_err(|e| e.to_string().replace(&server.url, "SERVER"))
}

fn blob(server: &Server, network: &Arc<Network>) -> Blob {
    let found = found(server, network).unwrap();
    assert_eq!(found.entries[0].path, "m x.pt");
    found.entries[0].open().unwrap()
}

fn read(server: &Server, blob: &Blob, at: u64, len: usize) -> Result<Vec<u8>, String> {
    blob.bytes(at, len)
        .map_err(|e| e.to_string().replace(&server.url, "SERVER"))
}

#[test]
fn of_a_large_file_only_what_is_asked_for_is_fetched() {
    const LEN: u64 = 10 << 30;
    let server = Server::new(|seen| part(seen, LEN, "\"1\""));
    let network = network(|_| {});
    let blob = blob(&server, &network);
    assert_eq!(blob.len(), LEN);
    for at in [0, 5, LEN / 2, LEN - 20, 100] {
        let expected: Vec<u8> = (at..at + 20).map(byte_at).collect();
        assert_eq!(read(&server, &blob, at, 20).unwrap(), expected);
    }
    assert!(network.traffic().bytes() < 300_000, "{:?}", network.traffic());
    assert_eq!(network.traffic().requests(), 4);
    let checked = server
        .seen()
        .iter()
        .skip(1)
        .all(|s| s.head.contains("if-range: \"1\""));
    assert!(checked, "later requests are for the same file");
}

#[test]
fn a_reader_that_goes_on_is_read_ahead_of() {
    const LEN: u64 = 8 << 20;
    let server = Server::new(|seen| part(seen, LEN, "\"1\""));
    let network = network(|_| {});
    let blob = blob(&server, &network);
    let mut all = Vec::new();
    while (all.len() as u64) < LEN {
        all.extend(read(&server, &blob, all.len() as u64, 10_000).unwrap());
    }
    let expected: Vec<u8> = (0..LEN).map(byte_at).collect();
    assert!(all == expected);
    assert!(network.traffic().requests() < 20, "{:?}", network.traffic());
    assert!(network.traffic().bytes() < LEN + (1 << 20));
}

#[test]
fn a_server_without_ranges_sends_small_files_whole_and_large_ones_not_at_all() {
    let server = Server::new(|_| answer("200 OK", "", b"0123456789"));
    let blob_of_it = blob(&server, &network(|_| {}));
    assert_eq!(read(&server, &blob_of_it, 3, 4).unwrap(), b"3456");
    assert_eq!(server.seen().len(), 1);

    let large = Server::new(|_| {
        let mut out = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec();
        out.resize(66 << 20, 0);
        out
    });
    let network = network(|_| {});
    assert_eq!(
        found(&large, &network).unwrap_err(),
        "`SERVER/models/m%20x.pt` can only be had whole, and is larger than 67108864 bytes"
    );
    assert!(network.traffic().bytes() <= (64 << 20) + 1);
}

#[test]
fn what_a_server_lies_about_is_an_error() {
    type Lie = fn(&Seen) -> Vec<u8>;
    let cases: [(Lie, &str); 8] = [
        (
            |s| part(s, 200_000, if s.number < 2 { "\"1\"" } else { "\"2\"" }),
            "`SERVER/models/m%20x.pt` changed while it was read",
        ),
        (
            |s| part(s, if s.number < 2 { 200_000 } else { 200_001 }, "\"1\""),
            "`SERVER/models/m%20x.pt` is 200001 bytes long, and was said to be 200000",
        ),
        (
            |s| {
                let (from, to) = s.range.unwrap();
                let shift = u64::from(s.number >= 2);
                let other = Seen {
                    range: Some((from + shift, to + shift)),
                    ..s.clone()
                };
                part(&other, 200_000, "\"1\"")
            },
            "`SERVER/models/m%20x.pt` sends other bytes than it was asked for",
        ),
        (
            |s| {
                if s.number < 2 {
                    part(s, 200_000, "\"1\"")
                } else {
                    answer("206 Partial Content", "ETag: \"1\"\r\n", &[0; 64])
                }
            },
            "`SERVER/models/m%20x.pt` does not say which bytes it sends",
        ),
        (
            |s| {
                if s.number < 2 {
                    part(s, 200_000, "\"1\"")
                } else {
                    answer("200 OK", "ETag: \"1\"\r\n", b"short")
                }
            },
            "`SERVER/models/m%20x.pt` sends 5 bytes, and was said to be 200000",
        ),
        (
            |s| {
                if s.number < 2 {
                    part(s, 200_000, "\"1\"")
                } else {
                    answer(
                        "206 OK",
                        "Content-Encoding: gzip\r\nContent-Range: bytes 0-1/2\r\n",
                        b"xx",
                    )
                }
            },
            "`SERVER/models/m%20x.pt` is sent compressed, though that was not asked for",
        ),
        (
            |s| {
                let mut whole = part(s, 200_000, "\"1\"");
                if s.number >= 2 {
                    whole.truncate(whole.len() - 100);
                }
                whole
            },
            "`SERVER/models/m%20x.pt` breaks off after 65436 bytes of 65536, 3 times",
        ),
        (
            |s| {
                if s.number < 2 {
                    part(s, 200_000, "\"1\"")
                } else {
                    answer("403 Forbidden", "", b"blocked\x1b[31m by policy")
                }
            },
            "`SERVER/models/m%20x.pt`: it refuses (status 403)",
        ),
    ];
    for (lie, expected) in cases {
        let server = Server::new(lie);
        let blob = blob(&server, &network(|_| {}));
        read(&server, &blob, 0, 10).unwrap();
        let e = read(&server, &blob, 70_000, 10).unwrap_err();
        assert!(e.starts_with(expected), "{e}\n{expected}");
        assert!(!e.contains('\u{1b}'), "{e:?}");
    }
}

#[test]
fn what_fails_for_a_moment_is_tried_again() {
    let server = Server::new(|seen| match seen.number {
        0 => answer("503 Busy", "Retry-After: 0\r\n", b""),
        1 => Vec::new(),
        2 => part(seen, 1000, "\"1\""),
        3 => part(seen, 1000, "\"1\"")[..150].to_vec(),
        _ => part(seen, 1000, "\"1\""),
    });
    let blob = blob(&server, &network(|_| {}));
    assert_eq!(read(&server, &blob, 7, 1).unwrap(), [byte_at(7)]);

    let busy = Server::new(|_| answer("503 Busy", "", b"come back later"));
    assert_eq!(
        found(&busy, &network(|_| {})).unwrap_err(),
        "`SERVER/models/m%20x.pt`: it has a failure of its own (status 503): `come back later`, 3 times"
    );
    assert_eq!(busy.seen().len(), 3);
    let gone = Server::new(|_| answer("404 Not Found", "", b""));
    found(&gone, &network(|_| {})).unwrap_err();
    assert_eq!(gone.seen().len(), 1, "what is not there is not asked for again");
}

#[test]
fn redirects_end_and_an_expired_address_is_asked_for_anew() {
    let loops = Server::new(|_| answer("302 Found", "Location: /models/x\r\n", b""));
    let e = found(&loops, &network(|_| {})).unwrap_err();
    assert!(e.ends_with("redirects without end"), "{e}");
    // Every address is good for one request.
    let server = Server::new(|seen| {
        let used: usize = seen
            .path
            .strip_prefix("/direct/")
            .map_or(0, |n| n.parse().unwrap());
        match seen.path.starts_with("/direct/") {
            false => answer(
                "302 Found",
                &format!("Location: /direct/{}\r\n", seen.number + 1),
                b"",
            ),
            true if used == seen.number => part(seen, 1 << 20, "\"1\""),
            true => answer("403 Forbidden", "", b""),
        }
    });
    let blob = blob(&server, &network(|_| {}));
    for at in [0, 300_000, 900_000] {
        assert_eq!(read(&server, &blob, at, 1).unwrap(), [byte_at(at)]);
    }
}

#[test]
fn a_token_stays_with_its_hub() {
    const SHA: &str = "0123456789012345678901234567890123456789";
    let store = Server::new(|seen| part(seen, 1000, "\"1\""));
    let elsewhere = store.url.clone();
    let hub = Server::new(move |seen| {
        match seen.path.as_str() {
        p if p.starts_with("/api/models/acme/m/revision/") => {
            answer("200 OK", "", format!("{{\"id\": \"acme/m\", \"sha\": \"{SHA}\"}}").as_bytes())
        }
        p if p.contains("/tree/") => answer(
            "200 OK",
            "",
            br#"[{"type": "file", "path": "a.bin", "size": 1000}, {"type": "file", "path": "../b", "size": 1},
                {"type": "directory", "path": "d"}, {"type": "file", "path": "c"}]"#,
        ),
        _ => answer("302 Found", &format!("Location: {elsewhere}/blob\r\n"), b""),
    }
    });
    let network = network(|o| {
        o.hub = Some(hub.url.clone());
        o.token = Some(Secret("hf_secret".to_owned()));
    });
    let found = list(&Target::parse("hf://acme/m").unwrap(), &network).unwrap();
    assert_eq!(found.target, format!("hf://acme/m@{SHA}"));
    assert_eq!(
        found.notes,
        [format!(
            "`main` is the commit {SHA} today; pin it: `hf://acme/m@{SHA}`"
        )]
    );
    let shown = |entry: &Entry| match &entry.content {
        Content::Unreadable { why } => format!("{}: {why}", entry.path),
        _ => entry.path.clone(),
    };
    assert_eq!(
        found.entries.iter().map(shown).collect::<Vec<_>>(),
        [
            "../b: a name that leads elsewhere",
            "a.bin",
            "c: the hub does not say how long it is"
        ]
    );
    let blob = found.entries[1].open().unwrap();
    assert_eq!(read(&store, &blob, 5, 1).unwrap(), [byte_at(5)]);
    assert!(
        hub.seen()
            .iter()
            .all(|s| s.head.contains("authorization: bearer hf_secret"))
    );
    assert!(store.seen().iter().all(|s| !s.head.contains("hf_secret")));
}

#[test]
fn what_is_no_hub_is_told_from_one() {
    for (body, expected) in [
        (
            "<html>",
            "`SERVER/api/models/acme/m/revision/main` answers no JSON",
        ),
        ("{}", "the hub names no commit for `hf://acme/m@main`"),
        (
            r#"{"sha": "../../etc"}"#,
            "the hub names no commit for `hf://acme/m@main`",
        ),
    ] {
        let hub = Server::new(move |_| answer("200 OK", "", body.as_bytes()));
        let network = network(|o| o.hub = Some(hub.url.clone()));
        let e = list(&Target::parse("hf://acme/m").unwrap(), &network).unwrap_err();
        assert_eq!(e.to_string().replace(&hub.url, "SERVER"), expected);
    }
}

#[test]
fn offline_asks_nobody() {
    let server = Server::new(|seen| part(seen, 10, "\"1\""));
    let network = network(|o| o.offline = true);
    assert_eq!(
        found(&server, &network).unwrap_err(),
        "the network is not to be used"
    );
    assert!(server.seen().is_empty());
}

#[test]
fn objects_below_a_prefix_are_listed_page_by_page() {
    let store = Server::new(|seen| {
        if seen.path.contains("list-type=2") {
            let more = !seen.path.contains("continuation-token=next%2f1");
            let rows = if more {
                "<Contents><Key>models/a%2Bb.pt</Key><Size>1000</Size><ETag>&quot;1&quot;</ETag></Contents>\
                 <Contents><Key>models/</Key><Size>0</Size></Contents>\
                 <NextContinuationToken>next/1</NextContinuationToken>"
            } else {
                "<Contents><Key>models/sub/c.pt</Key><Size>10</Size></Contents>\
                 <Contents><Key>models-other/d.pt</Key><Size>10</Size></Contents>"
            };
            return answer(
                "200 OK",
                "",
                format!("<ListBucketResult>{rows}</ListBucketResult>").as_bytes(),
            );
        }
        assert_eq!(seen.path, "/bucket/models/a%2bb.pt");
        part(seen, 1000, "\"1\"")
    });
    let network = network(|o| {
        o.store = Some(store.url.clone());
        o.keys = Some(("AKIDEXAMPLE".to_owned(), Secret("hidden".to_owned()), None));
    });
    let found = list(&Target::parse("s3://bucket/models").unwrap(), &network).unwrap();
    let names: Vec<_> = found.entries.iter().map(|e| e.path.as_str()).collect();
    assert_eq!(names, ["a+b.pt", "sub/c.pt"]);
    let blob = found.entries[0].open().unwrap();
    assert_eq!(read(&store, &blob, 5, 1).unwrap(), [byte_at(5)]);
    let signed = |s: &Seen| {
        s.head
            .contains("authorization: aws4-hmac-sha256 credential=akidexample/")
    };
    assert!(store.seen().iter().all(signed));
}

#[test]
fn a_signature_stays_with_its_store() {
    let elsewhere = Server::new(|seen| part(seen, 300_000, "\"1\""));
    let there = elsewhere.url.clone();
    let store = Server::new(move |seen| {
        if seen.path.contains("list-type=2") {
            let row = "<Contents><Key>m.pt</Key><Size>300000</Size></Contents>";
            return answer(
                "200 OK",
                "",
                format!("<ListBucketResult>{row}</ListBucketResult>").as_bytes(),
            );
        }
        answer(
            "307 Temporary Redirect",
            &format!("Location: {there}/m.pt\r\n"),
            b"",
        )
    });
    let network = network(|o| {
        o.store = Some(store.url.clone());
        o.keys = Some((
            "AKIDEXAMPLE".to_owned(),
            Secret("hidden".to_owned()),
            Some(Secret("session".to_owned())),
        ));
    });
    let found = list(&Target::parse("s3://bucket/").unwrap(), &network).unwrap();
    let blob = found.entries[0].open().unwrap();
    // The second read goes to the address that the first was led to.
    for at in [5, 250_000] {
        assert_eq!(read(&elsewhere, &blob, at, 1).unwrap(), [byte_at(at)]);
    }
    let private = |s: &Seen| s.head.contains("authorization") || s.head.contains("x-amz-security-token");
    assert!(elsewhere.seen().len() > 1);
    assert!(!elsewhere.seen().iter().any(private));
}
