//! The safety rules against real sockets, and against servers that mean harm.

use super::*;
use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// A server of its own for each connection; what it was sent is kept.
struct Server {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(act: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, act) = (Arc::clone(&heard), Arc::new(act));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, act) = (Arc::clone(&kept), Arc::clone(&act));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut bytes = [0_u8; 4096];
                    let n = stream.read(&mut bytes).unwrap_or(0);
                    kept.lock()
                        .unwrap()
                        .push(String::from_utf8_lossy(&bytes[..n]).into_owned());
                    act(&mut stream);
                });
            }
        });
        Self { address, heard }
    }

    fn site(&self, scheme: Scheme) -> Site {
        Site {
            address: Scope::local().admit(self.address).unwrap(),
            host: "127.0.0.1".to_owned(),
            scheme,
        }
    }
}

fn prober(folder: &tempfile::TempDir) -> Prober {
    let log = RequestLog::open(&folder.path().join("log.jsonl")).unwrap();
    let mut options = ProberOptions::new(log, Arc::new(AtomicBool::new(false)));
    options.rate = 1000;
    options.timeout = Duration::from_millis(700);
    Prober::new(options).unwrap()
}

fn get(path: &str) -> Question<'_> {
    Question {
        method: Method::Get,
        path,
        host: None,
    }
}

/// What one request to a server comes to, and that it takes no longer than it may.
fn asked(scheme: Scheme, act: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Result<Reply, ProbeError> {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(act);
    let begun = Instant::now();
    let answer = prober(&folder).ask(&server.site(scheme), get("/"));
    assert!(begun.elapsed() < Duration::from_secs(20));
    answer
}

#[test]
fn an_answer_is_read_as_it_came() {
    let reply = asked(Scheme::Http, |s| {
        s.write_all(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello more")
            .unwrap();
    });
    let reply = reply.unwrap();
    assert_eq!(
        (reply.status, reply.body.as_slice(), reply.is_cut),
        (200, &b"hello"[..], false)
    );
    assert_eq!(reply.headers[0], ("x-a".to_owned(), "1".to_owned()));
    let chunked = asked(Scheme::Http, |s| {
        s.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            .unwrap();
    });
    assert_eq!(chunked.unwrap().body, b"abcde");
    let bare = asked(Scheme::Http, |s| s.write_all(b"HTTP/1.0 200\n\nyes").unwrap());
    assert_eq!(bare.unwrap().body, b"yes");
}

#[test]
fn who_means_harm_is_bounded_and_no_answer() {
    let endless = |s: &mut TcpStream, head: &[u8], part: &[u8]| {
        let _ = s.write_all(head);
        while s.write_all(part).is_ok() {}
    };
    let body = asked(Scheme::Http, move |s| {
        endless(s, b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 4096]);
    })
    .unwrap();
    assert!(body.is_cut && body.body.len() == BODY);
    let said = asked(Scheme::Http, move |s| {
        endless(
            s,
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            &[b'x'; 4096],
        );
    })
    .unwrap();
    assert!(said.is_cut && said.body.len() == BODY);
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let chunks = asked(Scheme::Http, move |s| {
        endless(
            s,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            chunk.as_bytes(),
        );
    })
    .unwrap();
    assert!(chunks.is_cut && chunks.body.len() == BODY);

    type Act = Box<dyn Fn(&mut TcpStream) + Send + Sync>;
    let slow = |first: &'static [u8]| -> Act {
        Box::new(move |s| {
            let _ = s.write_all(first);
            while s.write_all(b"a").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let silent: Act = Box::new(|s| {
        let mut rest = Vec::new();
        let _ = s.read_to_end(&mut rest);
    });
    let gzip: Act = Box::new(|s| {
        let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08");
    });
    let cases: Vec<(Act, ProbeError)> = vec![
        (slow(b"HTTP/1.1 200 OK\r\nX: "), ProbeError::Slow { begun: true }),
        (
            slow(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
            ProbeError::Slow { begun: true },
        ),
        (silent, ProbeError::Slow { begun: false }),
        (Box::new(|_| {}), ProbeError::Closed { begun: false }),
        (
            Box::new(|s| s.write_all(b"HTTP/1.1 200 OK\r\nX: 1\r\n").unwrap()),
            ProbeError::Closed { begun: true },
        ),
        (
            Box::new(move |s| endless(s, b"HTTP/1.1 200 OK\r\n", &[b'h'; 1 << 20])),
            ProbeError::Head,
        ),
        (
            Box::new(move |s| endless(s, b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
            ProbeError::Head,
        ),
        (gzip, ProbeError::Compressed),
        (
            Box::new(|s| s.write_all(b"<html>hello").unwrap()),
            ProbeError::NotHttp { is_tls: false },
        ),
        (
            Box::new(|s| s.write_all(b"\x00\x00\x12\x04\x00\x00\x00\x00").unwrap()),
            ProbeError::NotHttp { is_tls: false },
        ),
        (
            Box::new(|s| s.write_all(b"\x15\x03\x01\x00\x02\x02\x46").unwrap()),
            ProbeError::NotHttp { is_tls: true },
        ),
        (
            Box::new(|s| s.write_all(b"HTTP/1.1 9999 OK\r\n\r\n").unwrap()),
            ProbeError::Malformed("no status"),
        ),
        (
            Box::new(|s| {
                s.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
                    .unwrap();
            }),
            ProbeError::Malformed("a chunk without a length"),
        ),
    ];
    for (i, (act, expected)) in cases.into_iter().enumerate() {
        let found = asked(Scheme::Http, move |s| act(s)).unwrap_err();
        assert_eq!(found, expected, "case {i}");
    }
}

#[test]
fn nonsense_instead_of_tls_ends() {
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"",
        b"\x16\x03\x01\xff\xff\x00",
        &[0xff; 65_536],
    ] {
        let found = asked(Scheme::Https, move |s| {
            let _ = s.write_all(answer);
        });
        assert!(
            matches!(found, Err(ProbeError::Tls(_) | ProbeError::Slow { .. })),
            "{found:?}"
        );
    }
    let silent = asked(Scheme::Https, |s| {
        let mut rest = Vec::new();
        let _ = s.read_to_end(&mut rest);
    });
    assert_eq!(silent, Err(ProbeError::Slow { begun: false }));
}

#[test]
fn a_request_carries_nothing_and_is_written_down_before() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("log.jsonl");
    // The server looks at the log while it is asked.
    let server = Server::new(move |s| {
        #[expect(clippy::disallowed_methods, reason = "tests read what was written")]
        let text = std::fs::read_to_string(&seen).unwrap();
        let _ = write!(
            s,
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
    });
    let prober = prober(&folder);
    let site = server.site(Scheme::Http);
    let trick = Question {
        method: Method::Head,
        path: "/a?b=1",
        host: Some("localhost"),
    };
    prober.ask(&site, trick).unwrap();
    let reply = prober.ask(&site, get("/second")).unwrap();
    let lines = String::from_utf8(reply.body).unwrap();
    let lines: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["host"], "localhost");
    assert_eq!(
        (&lines[1]["method"], &lines[1]["path"]),
        (&"GET".into(), &"/second".into())
    );
    let heard = server.heard.lock().unwrap().clone();
    let port = server.address.port();
    assert_eq!(
        heard,
        [
            format!(
                "HEAD /a?b=1 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: wellhead/{v} (defensive audit)\r\n\
                 Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n",
                v = env!("CARGO_PKG_VERSION")
            ),
            format!(
                "GET /second HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: wellhead/{v} (defensive audit)\r\n\
                 Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n",
                v = env!("CARGO_PKG_VERSION")
            ),
        ]
    );
    for path in ["x", "", "/a b", "/a\r\nX: y", "/\u{e4}"] {
        assert_eq!(prober.ask(&site, get(path)), Err(ProbeError::Request), "{path:?}");
    }
    assert_eq!(server.heard.lock().unwrap().len(), 2);
}

/// Nobody waits for a silent server once they want to stop.
#[test]
fn who_is_waited_for_when_it_ends_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let server = Server::new(move |s| {
        flag.store(true, Ordering::Relaxed);
        let mut rest = Vec::new();
        let _ = s.read_to_end(&mut rest);
    });
    let log = RequestLog::open(&folder.path().join("log.jsonl")).unwrap();
    let mut options = ProberOptions::new(log, stop);
    options.timeout = Duration::from_secs(3600);
    let prober = Prober::new(options).unwrap();
    for scheme in [Scheme::Http, Scheme::Https] {
        assert_eq!(
            prober.ask(&server.site(scheme), get("/")),
            Err(ProbeError::Stopped)
        );
    }
}

#[test]
fn a_redirect_is_an_answer_and_leads_nowhere() {
    let reply = asked(Scheme::Http, |s| {
        s.write_all(b"HTTP/1.1 302 Found\r\nLocation: http://203.0.113.9/\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    });
    assert_eq!(reply.unwrap().status, 302);
}

#[test]
fn one_host_is_sent_so_much_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(|s| s.write_all(b"HTTP/1.1 204 No\r\n\r\n").unwrap());
    let prober = prober(&folder);
    let site = server.site(Scheme::Http);
    for _ in 0..64 {
        prober.ask(&site, get("/")).unwrap();
    }
    assert_eq!(prober.ask(&site, get("/")), Err(ProbeError::HostSpent(64)));
    assert_eq!(server.heard.lock().unwrap().len(), 64);
    assert_eq!(
        (prober.sent(), prober.left_for(site.address.address().ip())),
        (64, 0)
    );
}

#[test]
fn nothing_is_sent_faster_than_it_may() {
    let pace = Pace::new(20);
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    for _ in 0..5 {
        assert!(pace.wait(&stop));
    }
    assert!(begun.elapsed() >= Duration::from_millis(200));
    stop.store(true, Ordering::Relaxed);
    assert!(!pace.wait(&stop));
}

#[test]
fn nothing_is_sent_that_cannot_be_written_down() {
    let folder = tempfile::tempdir().unwrap();
    assert!(RequestLog::open(folder.path()).is_err());
    let server = Server::new(|_| {});
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        eprintln!("skipped: no /dev/full here");
        return;
    }
    let options = ProberOptions::new(RequestLog::open(full).unwrap(), Arc::default());
    let found = Prober::new(options)
        .unwrap()
        .ask(&server.site(Scheme::Http), get("/"));
    assert!(matches!(found, Err(ProbeError::Log(_))));
    assert!(server.heard.lock().unwrap().is_empty());
    let log = RequestLog::open(&folder.path().join("l")).unwrap();
    let mut offline = ProberOptions::new(log, Arc::default());
    offline.offline = true;
    assert!(Prober::new(offline).is_err());
}

#[test]
fn what_is_private_is_admitted_and_nothing_else() {
    let of = |text: &str| {
        let address: IpAddr = text.parse().unwrap();
        Scope::local().admit(SocketAddr::new(address, 80)).map_or_else(
            |r| match r {
                Refusal::Never { .. } => "never",
                _ => "public",
            },
            |_| "local",
        )
    };
    let cases = [
        (
            "local",
            "127.0.0.1 127.255.1.2 10.1.2.3 172.16.0.1 172.31.9.9 192.168.1.1 ::1 fd12::1 ::ffff:10.0.0.1",
        ),
        (
            "public",
            "8.8.8.8 172.32.0.1 192.169.0.1 203.0.113.7 100.64.0.1 2001:db8::1 ::ffff:8.8.8.8 64:ff9b::808:808 11.0.0.1",
        ),
        (
            "never",
            "0.0.0.0 0.1.2.3 169.254.1.1 169.254.170.23 169.254.0.23 fe80::1 fe80::a9fe:a9fe fd00:ec2::23 fd20:ce::254 fd00:c1::a9fe:a9fe 2002:a9fe:a9fe::1 64:ff9b:1::a9fe:a9fe 169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16 fd00:ec2::254 224.0.0.1 239.1.1.1 255.255.255.255 250.1.1.1 :: ff02::1 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe",
        ),
    ];
    for (expected, addresses) in cases {
        for address in addresses.split(' ') {
            assert_eq!(of(address), expected, "{address}");
        }
    }
}

#[test]
fn a_signed_scope_admits_what_it_names_until_it_ends() {
    let text = "owner = \"Acme, ops@acme.example\"\nnetworks = [\"203.0.113.0/28\", \"169.254.169.254/32\"]\n\
                ports = [443, \"8000-8999\"]\nvalid-until = \"2026-12-31\"\n";
    let scope = Scope::signed(SignedScope::parse(text, "2026-12-31").unwrap());
    let admits = |address: &str| scope.admit(address.parse().unwrap()).is_ok();
    assert!(admits("203.0.113.15:443") && admits("203.0.113.1:8265") && admits("10.0.0.1:22"));
    for no in [
        "203.0.113.16:443",
        "203.0.113.1:80",
        "8.8.8.8:443",
        "169.254.169.254:443",
    ] {
        assert!(!admits(no), "{no}");
    }
    let says = |text: &str, day: &str| SignedScope::parse(text, day).unwrap_err();
    assert_eq!(says(text, "2027-01-01"), "it was valid until 2026-12-31");
    let cases = [
        (
            ("owner = ", "owned = "),
            "it has a key that means nothing: `owned`",
        ),
        (
            ("\"2026-12-31\"", "\"soon\""),
            "`soon` is no day such as \"2026-12-31\"",
        ),
        (
            ("203.0.113.0/28", "203.0.113.0/33"),
            "`203.0.113.0/33` is no network such as `10.0.0.0/24`",
        ),
        (
            ("443", "0"),
            "`ports` is a list of ports and of ranges such as \"8000-8999\"",
        ),
        (
            ("443", "\"9-8\""),
            "`ports` is a list of ports and of ranges such as \"8000-8999\"",
        ),
    ];
    for ((from, to), expected) in cases {
        assert_eq!(says(&text.replace(from, to), "2026-01-01"), expected);
    }
}

#[test]
fn a_network_is_its_addresses() {
    let network = Cidr::parse("10.0.0.5/30").unwrap();
    assert_eq!(
        (network.to_string(), network.size()),
        ("10.0.0.4/30".to_owned(), 4)
    );
    assert_eq!(
        (network.nth(0).to_string(), network.nth(9).to_string()),
        ("10.0.0.4".into(), "10.0.0.7".into())
    );
    assert_eq!(Cidr::parse("0.0.0.0/0").unwrap().size(), 1 << 32);
    assert_eq!(Cidr::parse("::/0").unwrap().size(), u128::MAX);
    let v6 = Cidr::parse("fd00::ff/120").unwrap();
    assert!(v6.contains("fd00::1".parse().unwrap()) && !v6.contains("fd00::100".parse().unwrap()));
    for wrong in [
        "",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/33",
        "10.0.0",
        "x/8",
        "fd00::/129",
    ] {
        assert!(Cidr::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_service_is_read_as_people_write_it() {
    let read = |text: &str| {
        ServicePlace::parse(text).map(|p| (p.scheme.map(Scheme::name), p.host, p.port, p.has_path))
    };
    let host = "10.0.0.5".to_owned();
    assert_eq!(
        read("http://10.0.0.5:5000"),
        Ok((Some("http"), host.clone(), Some(5000), false))
    );
    assert_eq!(
        read("https://10.0.0.5/"),
        Ok((Some("https"), host.clone(), Some(443), false))
    );
    assert_eq!(
        read("10.0.0.5:5000/lab?token=x"),
        Ok((None, host.clone(), Some(5000), true))
    );
    assert_eq!(read("//10.0.0.5"), Ok((None, host, None, false)));
    assert_eq!(
        read("[::1]:8265"),
        Ok((None, "::1".to_owned(), Some(8265), false))
    );
    assert_eq!(read("::1"), Ok((None, "::1".to_owned(), None, false)));
    assert_eq!(
        read("ML.internal:1"),
        Ok((None, "ml.internal".to_owned(), Some(1), false))
    );
    for wrong in [
        "",
        "http://",
        "ftp://x",
        "a b",
        "x:0",
        "x:99999",
        "http://[::1",
        "http://u:p@x",
        "a\r\nb",
        "x;y",
    ] {
        assert!(ServicePlace::parse(wrong).is_err(), "{wrong}");
    }
    let (message, _) = read("http://me:secret@x?token=abc").unwrap_err();
    assert!(
        !message.contains("secret") && !message.contains("abc"),
        "{message}"
    );
}

#[test]
fn a_name_is_resolved_to_what_is_asked() {
    let place = ServicePlace::parse("localhost:1").unwrap();
    assert!(place.resolve().unwrap().iter().all(IpAddr::is_loopback));
    assert!(
        ServicePlace::parse("no-such-host.invalid")
            .unwrap()
            .resolve()
            .is_err()
    );
}

/// A certificate that nobody vouches for, made by the real tool; nothing, aloud, where it is not here.
fn self_signed(folder: &std::path::Path) -> Option<rustls::ServerConfig> {
    let (key, certificate) = (folder.join("key.der"), folder.join("cert.der"));
    #[expect(clippy::disallowed_methods, reason = "tests run the real tool")]
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
        ])
        .args(["-subj", "/CN=other.example", "-outform", "DER", "-keyout"])
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(&certificate)
        .output();
    #[expect(clippy::disallowed_methods, reason = "tests run the real tool")]
    let turned = std::process::Command::new("openssl")
        .args(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in"])
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(&key)
        .output();
    if !made.is_ok_and(|o| o.status.success()) || !turned.is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: no openssl that makes certificates here");
        return None;
    }
    #[expect(clippy::disallowed_methods, reason = "tests read what was made")]
    let read = |path| std::fs::read(path).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![read(&certificate).into()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(read(&key).into()),
        );
    Some(config.unwrap())
}

#[test]
fn a_certificate_that_nobody_vouches_for_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(config) = self_signed(folder.path()) else {
        return;
    };
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut bytes = [0_u8; 4096];
            let _ = stream.read(&mut bytes);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nopen");
            let _ = stream.flush();
        }
    });
    let site = Site {
        address: Scope::local().admit(address).unwrap(),
        host: "127.0.0.1".to_owned(),
        scheme: Scheme::Https,
    };
    assert_eq!(prober(&folder).ask(&site, get("/")).unwrap().body, b"open");
}

#[test]
fn every_open_port_is_found_and_none_beside() {
    let open: Vec<TcpListener> = ["127.88.0.1:0", "127.88.3.7:0", "127.88.3.255:0"]
        .iter()
        .map(|a| TcpListener::bind(a).unwrap())
        .collect();
    let addresses: Vec<SocketAddr> = open.iter().map(|l| l.local_addr().unwrap()).collect();
    let mut ports: Vec<u16> = addresses.iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    let scope = Scope::local();
    let tried = Mutex::new(0);
    let stop = AtomicBool::new(false);
    let scan = Scan {
        scope: &scope,
        networks: &[
            Cidr::parse("127.88.0.0/23").unwrap(),
            Cidr::parse("127.88.2.0/23").unwrap(),
        ],
        ports: &ports,
        rate: u32::MAX,
        cancelled: &stop,
        watch: &|done, _| *tried.lock().unwrap() = done,
    };
    let found = scan.run().unwrap();
    let found_addresses: Vec<_> = found.open.iter().map(|a| a.address()).collect();
    assert_eq!(found_addresses, addresses);
    assert_eq!(found.closed, 1024 * ports.len() as u64 - 3);
    assert_eq!((found.silent, found.skipped, found.untried), (0, 0, 0));
    // Somebody ends it: what was not tried is said.
    stop.store(true, Ordering::Relaxed);
    let ended = scan.run().unwrap();
    assert_eq!(
        (ended.untried, ended.trouble.as_deref()),
        (scan.size(), Some("interrupted"))
    );
    assert!(!ended.answered());
}

#[test]
fn a_scan_leaves_out_what_nobody_may_ask_and_refuses_what_is_public() {
    let scope = Scope::local();
    let stop = AtomicBool::new(false);
    let scan = |network: &str| {
        let networks = [Cidr::parse(network).unwrap()];
        let scan = Scan {
            scope: &scope,
            networks: &networks,
            ports: &[9],
            rate: 100_000,
            cancelled: &stop,
            watch: &|_, _| {},
        };
        scan.run()
    };
    assert!(matches!(scan("203.0.113.0/30"), Err(Refusal::Public { .. })));
    assert!(matches!(scan("172.15.255.0/24"), Err(Refusal::Public { .. })));
    let never = scan("0.0.0.0/30").unwrap();
    assert_eq!((never.skipped, never.answered()), (4, false));
    assert_eq!(scan("169.254.169.254").unwrap().skipped, 1);
}

#[test]
fn a_scan_keeps_its_pace() {
    let scope = Scope::local();
    let stop = AtomicBool::new(false);
    let scan = Scan {
        scope: &scope,
        networks: &[Cidr::parse("127.88.9.0/26").unwrap()],
        ports: &[9],
        rate: 100,
        cancelled: &stop,
        watch: &|_, _| {},
    };
    let begun = Instant::now();
    assert_eq!(scan.run().unwrap().closed, 64);
    assert!(
        begun.elapsed() >= Duration::from_millis(550),
        "{:?}",
        begun.elapsed()
    );
}
