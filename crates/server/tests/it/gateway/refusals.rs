//! Nobody comes in who does not say who they are, however they spell it, and nothing is believed that a client says in the
//! name of a proxy.

use super::{Running, status};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
};
use wellhead_infra::PRODUCTS;

/// Every path of the catalogue, with something in the place of its wildcards.
fn paths() -> Vec<String> {
    let mut out = Vec::new();
    for product in PRODUCTS {
        let proxy = &product.proxy;
        for pattern in [proxy.paths, proxy.read, proxy.websocket, proxy.stream, proxy.deny].concat() {
            out.push(pattern.replace("**", "a/b").replace('*', "a"));
        }
        out.extend(product.probes.iter().map(|p| p.path.to_owned()));
        out.extend(product.never.iter().map(|n| n.path.replace('*', "a")));
    }
    out.sort();
    out.dedup();
    out
}

/// A path, spelt so that somebody might read it as another one.
const SPELLINGS: &[fn(&str) -> String] = &[
    |p| p.to_owned(),
    |p| format!("/{p}"),
    |p| format!("/..;{p}"),
    |p| format!("/.wellhead/..{p}"),
    |p| format!("/%2e%2e{p}"),
    |p| format!("/static/..%2f..{p}"),
    |p| p.replacen('/', "/%2F", 2),
    |p| p.replacen('/', "\\", 1),
    |p| format!("{p}%00"),
    |p| format!("{p}%252e"),
    |p| format!("{p};a=b"),
    |p| format!("{p}#"),
    |p| format!("http://localhost{p}"),
    |p| format!("{p}/.wellhead/sign-in"),
    |p| p.to_uppercase(),
    |p| format!("/.WELLHEAD/sign-in/..{p}"),
];

/// What a client may say besides, in the hope of being taken for somebody.
const CLAIMS: &[&str] = &[
    "",
    "X-Forwarded-For: 127.0.0.1\r\n",
    "X-Remote-User: admin\r\n",
    "X_Remote_User: admin\r\n",
    "X-Original-URL: /.wellhead/sign-in\r\n",
    "X-Rewrite-URL: /health\r\n",
    "Forwarded: for=127.0.0.1;host=localhost\r\n",
    "X-Forwarded-Host: localhost\r\nX-Forwarded-Proto: https\r\n",
    "Authorization: Basic YWRtaW46\r\n",
    "Authorization: Bearer \r\n",
    "Authorization: Bearer whg_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
    "Authorization: bearer null\r\nAuthorization: Bearer x\r\n",
    "Authorization: Negotiate YWRtaW4=\r\n",
    "Authorization: token x\r\n",
    "Cookie: wellhead-session=\r\n",
    "Cookie: wellhead-session=x; __Host-wellhead=x\r\n",
    "Proxy-Authorization: Basic YWRtaW46YWRtaW4=\r\n",
    "X-HTTP-Method-Override: GET\r\n",
    "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: http://localhost\r\n",
    "Connection: Authorization, Host\r\n",
    "Accept: text/html\r\n",
];

const HOSTS: &[&str] = &[
    "localhost",
    "ml.example",
    "127.0.0.1",
    "evil.example",
    "localhost@evil.example",
    "localhost:80:80",
];

const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND",
];

/// Reads one answer and returns its status.
fn answered(reader: &mut BufReader<TcpStream>, head_only: bool) -> Option<(u16, bool)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_lowercase();
    let length = lower
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "))
        .map_or(0, |l| l.parse().unwrap());
    let mut body = vec![0; if head_only { 0 } else { length }];
    reader.read_exact(&mut body).ok()?;
    Some((status(&head), lower.contains("connection: close")))
}

#[test]
fn ten_thousand_of_ten_thousand_strangers_are_refused() {
    let running = Running::start("mlflow", |s| s.allow = vec!["/**".to_owned()]);
    let paths = paths();
    assert!(paths.len() > 400, "{}", paths.len());
    let mut open: Option<BufReader<TcpStream>> = None;
    let (mut asked, mut refused) = (0, 0);
    for step in 0..10_000_usize {
        let path = &paths[step % paths.len()];
        let spelling = SPELLINGS[(step / paths.len() + step) % SPELLINGS.len()];
        let claim = CLAIMS[(step / 7) % CLAIMS.len()];
        let method = if step % 3 == 0 {
            METHODS[(step / 3) % METHODS.len()]
        } else {
            "GET"
        };
        let host = HOSTS[(step / 11) % HOSTS.len()];
        let request = format!(
            "{method} {} HTTP/1.1\r\nHost: {host}\r\n{claim}\r\n",
            spelling(path)
        );
        let mut reader = open.take().unwrap_or_else(|| BufReader::new(running.connect()));
        asked += 1;
        reader.get_mut().write_all(request.as_bytes()).unwrap();
        let (status, last) = answered(&mut reader, method == "HEAD").unwrap_or_else(|| panic!("{request:?}"));
        assert!(
            matches!(status, 400 | 401 | 403 | 404 | 405 | 421 | 429),
            "{status} {request:?}"
        );
        refused += 1;
        open = (!last).then_some(reader);
    }
    assert_eq!((asked, refused), (10_000, 10_000));
    assert_eq!(running.upstream.heads(), Vec::<String>::new());
    assert_eq!(
        status(&running.ask("GET", "/a", "")),
        200,
        "whoever says who they are comes in"
    );
    assert_eq!(running.upstream.heads().len(), 1);
}

#[test]
fn a_head_that_two_programs_read_differently_reaches_nobody() {
    let running = Running::start("mlflow", |_| {});
    let bearer = running.bearer();
    let smuggled = "GET /api/smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for head in [
        "POST /api/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n{}\r\n0\r\n\r\n",
        "POST /api/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n{}\r\n0\r\n\r\n",
        "POST /api/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n{}\r\n0\r\n\r\n",
        "POST /api/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n{}\r\n0\r\n\r\n",
        "POST /api/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n{}\r\n0\r\n\r\n",
        "POST /api/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 44\r\n{}\r\n",
        "POST /api/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n{}\r\n",
        "POST /api/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n{}\r\n",
        "POST /api/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x0\r\n{}\r\n",
        "GET /api/a HTTP/1.1\r\nHost: localhost\r\nHost: ml.example\r\n{}\r\n",
        "GET /api/a HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n{}\r\n",
        "GET /api/a HTTP/1.1\nHost: localhost\n{}\n",
        "GET /api/a HTTP/1.1\r\nHost: localhost\r\nX: a\rX: b\r\n{}\r\n",
        "GET /api/a HTTP/1.0\r\nHost: localhost\r\n{}\r\n",
        "GET /api/a HTTP/0.9\r\nHost: localhost\r\n{}\r\n",
        "GET /api/a\r\nHost: localhost\r\n{}\r\n",
        "GET http://localhost/api/a HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "GET http://evil.example/api/a HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "TRACE /api/a HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "GET /api/a HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 5\r\n{}\r\nhello",
        "GET /api/a HTTP/1.1\r\nHost: localhost\r\nX: \u{0}\r\n{}\r\n",
        "GET /api//a HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "GET /api/..;/a HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "GET /api/%2e%2e/a HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "GET /api/a#b HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "GET /api/a HTTP/1.1\r\nHost: evil.example\r\n{}\r\n",
    ] {
        let request = head.replace("{}", &bearer);
        let answer = running.raw(&format!("{request}{smuggled}"));
        let status = status(&answer);
        assert!(
            (400..500).contains(&status) || status == 505 || answer.is_empty(),
            "{request:?}: {answer}"
        );
        assert_eq!(running.upstream.heads(), Vec::<String>::new(), "{request:?}");
    }
}

#[test]
fn what_follows_chunks_on_a_connection_is_not_read() {
    let running = Running::start("mlflow", |_| {});
    let request = format!(
        "POST /api/a HTTP/1.1\r\nHost: localhost\r\n{}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /api/b HTTP/1.1\r\nHost: localhost\r\n{0}\r\n",
        running.bearer()
    );
    let answer = running.raw(&request);
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(
        answer.contains("connection: close") && answer.ends_with("POST /api/a 5"),
        "{answer}"
    );
    assert_eq!(running.upstream.heads().len(), 1);
}

#[test]
fn the_upstream_hears_its_proxy_and_nobody_else() {
    let running = Running::start("mlflow", |_| {});
    let spoofs = "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Host: evil.example\r\nX-Real-IP: 1.2.3.4\r\nX-Remote-User: root\r\n\
                  X_Remote_User: root\r\nForwarded: for=1.2.3.4\r\nX-HTTP-Method-Override: DELETE\r\nTE: trailers\r\n\
                  Cookie: mine=1; wellhead-session=abc\r\nX-Fine: yes\r\nOrigin: http://localhost\r\nExpect: 100-continue\r\n";
    let answer = running.ask("GET", "/version", spoofs);
    assert!(
        answer.contains("set-cookie: mine=1\r\n")
            && !answer.contains("evil")
            && !answer.contains("keep-alive"),
        "{answer}"
    );
    let heads = running.upstream.heads();
    let mut lines: Vec<&str> = heads[0].lines().filter(|l| !l.is_empty()).collect();
    lines.sort_unstable();
    let (host, origin) = (
        format!("host: {}", running.upstream.address),
        format!("origin: http://{}", running.upstream.address),
    );
    assert_eq!(
        lines,
        [
            "GET /version HTTP/1.1",
            "cookie: mine=1",
            &host,
            &origin,
            "x-fine: yes",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: localhost",
            "x-forwarded-proto: http"
        ]
    );
}

#[test]
fn who_only_reads_changes_nothing() {
    let running = Running::start("mlflow", |s| s.read_only = true);
    for (method, target, fine) in [
        ("GET", "/version", true),
        ("HEAD", "/version", true),
        ("GET", "/api/2.0/mlflow/runs/get?run_id=1", true),
        ("POST", "/api/2.0/mlflow/runs/search", true),
        ("POST", "/api/2.0/mlflow/runs/create", false),
        ("GET", "/api/2.0/mlflow/runs/create", false),
        ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/1/model.pkl", false),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/model.pkl", false),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/1/model.pkl", true),
        ("POST", "/api/2.0/mlflow/runs/delete", false),
        ("POST", "/API/2.0/mlflow/runs/search", false),
        ("OPTIONS", "/version", false),
    ] {
        let answer = running.ask(
            method,
            target,
            if method == "POST" {
                "Content-Length: 0\r\n"
            } else {
                ""
            },
        );
        assert_eq!(
            status(&answer),
            if fine { 200 } else { 403 },
            "{method} {target}: {answer}"
        );
    }
    assert_eq!(running.upstream.heads().len(), 5);
}

#[test]
fn another_site_does_not_use_the_credentials_of_a_browser() {
    let running = Running::start("mlflow", |_| {});
    let form = format!(
        "name=admin&password={}&next=%2Fversion%3Fa%3D1",
        running.first.password
    );
    let sign_in = |origin: &str, form: &str| {
        running.raw(&format!(
            "POST /.wellhead/sign-in HTTP/1.1\r\nHost: localhost\r\n{origin}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
            form.len()
        ))
    };
    let own = "Origin: http://localhost\r\n";
    assert_eq!(status(&sign_in("", &form)), 403);
    assert_eq!(status(&sign_in("Origin: http://evil.example\r\n", &form)), 403);
    assert_eq!(status(&sign_in(own, "name=admin&password=wrong")), 401);
    assert_eq!(status(&sign_in(own, "name=nobody&password=wrong")), 401);
    let signed_in = sign_in(own, &form);
    assert_eq!(status(&signed_in), 303, "{signed_in}");
    assert!(signed_in.contains("location: /version?a=1\r\n"), "{signed_in}");
    let cookie = signed_in
        .lines()
        .find_map(|l| l.strip_prefix("set-cookie: "))
        .unwrap();
    assert!(
        cookie.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age="),
        "{cookie}"
    );
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let elsewhere = sign_in(own, &form.replace("%2Fversion%3Fa%3D1", "%2F%2Fevil.example"));
    assert!(elsewhere.contains("location: /\r\n"), "{elsewhere}");
    let ask = |method: &str, headers: &str| {
        status(&running.raw(&format!(
            "{method} /version HTTP/1.1\r\nHost: localhost\r\n{cookie}{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"
        )))
    };
    assert_eq!(ask("GET", ""), 200);
    assert_eq!(ask("POST", own), 200);
    assert_eq!(ask("POST", ""), 403);
    assert_eq!(ask("POST", "Origin: http://evil.example\r\n"), 403);
    assert_eq!(
        ask("GET", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"),
        403
    );
    let page =
        running.raw("GET /lab HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n");
    assert!(
        status(&page) == 401 && page.contains("<form") && page.contains("value=\"/lab\""),
        "{page}"
    );
    assert!(!page.to_lowercase().contains("www-authenticate"));
    let out = running.raw(&format!("POST /.wellhead/sign-out HTTP/1.1\r\nHost: localhost\r\n{cookie}{own}Content-Length: 0\r\nConnection: close\r\n\r\n"));
    assert_eq!(status(&out), 303);
    assert_eq!(ask("GET", ""), 401);
}
