//! Signing in with an identity provider: who comes in, and everybody who tries to come in as somebody else.

use super::{
    Running,
    provider::{self, Provider, SECRET, about, by_rsa, fields, now, token},
    settings, status,
};
use ring::{hmac, rand::SystemRandom, signature::KeyPair as _};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};
use wellhead_server::gateway::{ClientSecret, Gateway, GatewayError, ProviderError};

/// What the gateway is told about a provider.
pub(crate) fn told(issuer: &str) -> wellhead_server::gateway::Provider {
    wellhead_server::gateway::Provider {
        issuer: issuer.to_owned(),
        client: "gateway".to_owned(),
        secret: Some(ClientSecret::Is(SECRET.to_owned())),
        allow: vec!["email:ann@ml.example".to_owned()],
        allow_reading: vec!["group:readers".to_owned()],
        groups: "groups".to_owned(),
        scopes: Vec::new(),
        roots: None,
        name: None,
    }
}

fn start(provider: &Provider) -> Running {
    Running::start("mlflow", |s| s.provider = Some(told(&provider.issuer)))
}

/// A browser with an address of its own, so that none waits for what others did.
struct Browser<'a> {
    running: &'a Running,
    address: Ipv4Addr,
}

/// A sign-in that has begun.
struct Begun {
    query: HashMap<String, String>,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(running: &'a Running) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(2);
        Self {
            running,
            address: Ipv4Addr::new(127, 0, 0, NEXT.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn ask(&self, method: &str, target: &str, more: &str) -> String {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((self.address, 0)).into()).unwrap();
        socket.connect(&self.running.address.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let _ = write!(
            stream,
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\n{more}Connection: close\r\n\r\n"
        );
        let mut out = Vec::new();
        let _ = stream.read_to_end(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn leave(&self, next: &str) -> Begun {
        let left = self.ask("GET", &format!("/.wellhead/oidc/start?next={next}"), "");
        assert_eq!(status(&left), 303, "{left}");
        let location = header(&left, "location");
        let (_, query) = location.split_once("?tenant=1&").unwrap();
        Begun {
            query: fields(query),
            cookie: value(&header(&left, "set-cookie")).to_owned(),
        }
    }

    fn arrive(&self, query: &str, cookie: &str) -> String {
        let cookie = if cookie.is_empty() {
            String::new()
        } else {
            format!("Cookie: {cookie}\r\n")
        };
        // As a browser that the provider sends back.
        let more = format!(
            "{cookie}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
        );
        self.ask("GET", &format!("/.wellhead/oidc/callback?{query}"), &more)
    }

    /// Signs in with the token that `make` makes of the nonce.
    fn sign_in(&self, provider: &Provider, make: impl FnOnce(&str) -> String) -> String {
        let begun = self.leave("%2Fversion");
        provider.grants("c0de", make(&begun.query["nonce"]), &begun.query);
        self.arrive(
            &format!("code=c0de&state={}", begun.query["state"]),
            &begun.cookie,
        )
    }
}

fn headers<'a>(answer: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines()
        .filter_map(move |l| l.strip_prefix(name)?.strip_prefix(": "))
}

fn header(answer: &str, name: &str) -> String {
    headers(answer, name)
        .next()
        .unwrap_or_else(|| panic!("no {name}: {answer}"))
        .to_owned()
}

/// Name and value of a cookie.
fn value(cookie: &str) -> &str {
    cookie.split(';').next().unwrap()
}

/// The session of an answer.
fn session(answer: &str) -> Option<String> {
    headers(answer, "set-cookie")
        .find(|c| c.starts_with("wellhead-session=") && !c.starts_with("wellhead-session=;"))
        .map(|c| value(c).to_owned())
}

/// The reasons in the log why somebody was refused, besides those who said nothing.
pub(crate) fn reasons(lines: &[Value]) -> Vec<String> {
    let refused = lines
        .iter()
        .filter(|l| l["event"] == "refused" && l["status"] != 401);
    refused.map(|l| l["why"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn somebody_signs_in_with_a_provider_and_the_log_says_who() {
    let provider = Provider::start();
    let running = start(&provider);
    let browser = Browser::new(&running);
    let page = browser.ask("GET", "/version?a=1", "Accept: text/html\r\n");
    assert_eq!(status(&page), 401);
    let link = r#"href="/.wellhead/oidc/start?next=%2Fversion%3Fa%3D1">Sign in with 127.0.0.1</a>"#;
    assert!(page.contains(link), "{page}");

    let left = browser.ask("GET", "/.wellhead/oidc/start?next=%2Fversion%3Fa%3D1", "");
    let flow = header(&left, "set-cookie");
    assert!(flow.starts_with("wellhead-session-flow="), "{flow}");
    assert!(
        flow.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"),
        "{flow}"
    );
    let url = header(&left, "location");
    let query = fields(url.split_once("?tenant=1&").unwrap().1);
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], "gateway");
    assert_eq!(query["redirect_uri"], "http://localhost/.wellhead/oidc/callback");
    assert_eq!(query["scope"], "openid email");
    assert_eq!(query["code_challenge_method"], "S256");
    assert!(
        ["state", "nonce", "code_challenge"]
            .iter()
            .all(|n| query[*n].len() == 43),
        "{query:?}"
    );
    assert!(
        !url.contains(provider::base64(SECRET).as_str()) && !left.contains("s3:") && !left.contains("s3%3A")
    );

    provider.grants(
        "c0de",
        provider.by_elliptic(&provider.claims(&query["nonce"])),
        &query,
    );
    let old = "wellhead-session=chosen-by-somebody-else";
    let back = browser.arrive(
        &format!("code=c0de&state={}&session_state=x", query["state"]),
        &format!("{old}; {}", value(&flow)),
    );
    assert_eq!(status(&back), 303, "{back}");
    assert_eq!(header(&back, "location"), "/version?a=1");
    let own = session(&back).unwrap();
    assert_ne!(own, old, "a session is never one that was brought along");
    let ended = headers(&back, "set-cookie")
        .any(|c| c.starts_with("wellhead-session-flow=; ") && c.contains("Max-Age=0"));
    assert!(ended, "{back}");

    let cookies = format!("Cookie: a=b; {own}; {}\r\n", value(&flow));
    assert_eq!(status(&browser.ask("GET", "/version", &cookies)), 200);
    let head = running.upstream.heads().pop().unwrap();
    assert!(head.contains("cookie: a=b\r\n"), "{head}");
    let here = "Origin: http://localhost\r\nContent-Length: 0\r\n";
    assert_eq!(
        status(&browser.ask("POST", "/api/2.0/mlflow/runs/create", &format!("{cookies}{here}"))),
        200
    );
    assert_eq!(
        status(&browser.ask("POST", "/.wellhead/sign-out", &format!("{cookies}{here}"))),
        303
    );
    assert_eq!(status(&browser.ask("GET", "/version", &cookies)), 401);
    let lines = running.ended();
    let signed_in = lines.iter().find(|l| l["event"] == "signed-in").unwrap();
    assert_eq!(signed_in["principal"], "oidc:ann@ml.example");
    assert_eq!(signed_in["credential"], "subject 248289761001");
    let answer = lines.iter().find(|l| l["event"] == "answer").unwrap();
    assert_eq!(
        (&answer["principal"], &answer["credential"]),
        (&"oidc:ann@ml.example".into(), &"session".into())
    );
    let log = serde_json::to_string(&lines).unwrap();
    assert!(!log.contains("c0de") && !log.contains(&query["state"]), "{log}");
}

#[test]
fn keys_of_each_kind_are_known_and_may_change() {
    let provider = Provider::start();
    let rsa = provider.rsa("rsa");
    let running = start(&provider);
    let ed = |claims: &Value| {
        token(&json!({"alg": "EdDSA", "kid": "ed"}), claims, |m| {
            provider.edwards.sign(m).as_ref().to_vec()
        })
    };
    let mut answers = vec![
        Browser::new(&running).sign_in(&provider, |nonce| provider.by_elliptic(&provider.claims(nonce))),
        Browser::new(&running).sign_in(&provider, |nonce| ed(&provider.claims(nonce))),
    ];
    if let Some(rsa) = &rsa {
        answers.push(
            Browser::new(&running).sign_in(&provider, |nonce| by_rsa(rsa, "rsa", &provider.claims(nonce))),
        );
    }
    let several = Browser::new(&running).sign_in(&provider, |nonce| {
        let mut claims = provider.claims(nonce);
        claims["aud"] = json!(["other", "gateway"]);
        claims["azp"] = "gateway".into();
        claims["iat"] = (now() + 30).into();
        claims["exp"] = (now() - 30).into();
        provider.by_elliptic(&claims)
    });
    answers.push(several);
    // A key that is new since the keys were read.
    provider.renames_key("ec2");
    answers.push(Browser::new(&running).sign_in(&provider, |nonce| {
        token(
            &json!({"alg": "ES256", "kid": "ec2"}),
            &provider.claims(nonce),
            |m| {
                provider
                    .elliptic
                    .sign(&SystemRandom::new(), m)
                    .unwrap()
                    .as_ref()
                    .to_vec()
            },
        )
    }));
    for answer in answers {
        assert!(status(&answer) == 303 && session(&answer).is_some(), "{answer}");
    }
    let keys = provider
        .asked()
        .iter()
        .filter(|a| a.starts_with("GET /keys "))
        .count();
    assert_eq!(keys, 2, "once, and once more for the new one");
}

#[test]
fn a_token_that_is_not_all_it_should_be_lets_nobody_in() {
    let provider = Provider::start();
    let rsa = provider.rsa("rsa");
    let running = start(&provider);
    let attacker = Provider::start();
    let public = provider.elliptic.public_key().as_ref().to_vec();
    let elliptic = |m: &[u8]| {
        provider
            .elliptic
            .sign(&SystemRandom::new(), m)
            .unwrap()
            .as_ref()
            .to_vec()
    };
    let headed = |head: Value, nonce: &str| token(&head, &provider.claims(nonce), elliptic);
    let by_hmac = |nonce: &str, secret: &[u8], kid: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        token(
            &json!({"alg": "HS256", "kid": kid}),
            &provider.claims(nonce),
            |m| hmac::sign(&key, m).as_ref().to_vec(),
        )
    };
    let claiming = |name: &'static str, value: Value| {
        let provider = &provider;
        move |nonce: &str| {
            let mut claims = provider.claims(nonce);
            match (&value, claims.as_object_mut()) {
                (Value::Null, Some(claims)) => drop(claims.remove(name)),
                _ => claims[name] = value.clone(),
            }
            provider.by_elliptic(&claims)
        }
    };
    let unsigned = "the ID token is signed in a way that is not allowed";
    let forged = "the signature of the ID token is wrong";
    let unknown = "the provider has no such key";
    let elsewhere = "the ID token is for somebody else";
    type Make<'a> = Box<dyn FnOnce(&str) -> String + 'a>;
    let mut cases: Vec<(&str, Make<'_>, &str)> = vec![
        (
            "none",
            Box::new(|n| token(&json!({"alg": "none"}), &provider.claims(n), |_| Vec::new())),
            unsigned,
        ),
        ("None", Box::new(|n| headed(json!({"alg": "None"}), n)), unsigned),
        ("no alg", Box::new(|n| headed(json!({"kid": "ec"}), n)), unsigned),
        (
            "HS256 with the public key",
            Box::new(|n| by_hmac(n, &public, "ec")),
            unsigned,
        ),
        (
            "HS256 with the secret",
            Box::new(|n| by_hmac(n, SECRET.as_bytes(), "ec")),
            unsigned,
        ),
        (
            "ES384",
            Box::new(|n| headed(json!({"alg": "ES384", "kid": "ec"}), n)),
            unsigned,
        ),
        (
            "PS256",
            Box::new(|n| headed(json!({"alg": "PS256", "kid": "ec"}), n)),
            unsigned,
        ),
        (
            "another kind of key",
            Box::new(|n| headed(json!({"alg": "RS256", "kid": "ec"}), n)),
            unknown,
        ),
        (
            "a key to encrypt",
            Box::new(|n| headed(json!({"alg": "RS256", "kid": "enc"}), n)),
            unknown,
        ),
        (
            "a key that is not there",
            Box::new(|n| headed(json!({"alg": "ES256", "kid": "no"}), n)),
            unknown,
        ),
        (
            "a key of its own",
            Box::new(|n| {
                let own = attacker.elliptic.public_key().as_ref();
                let jwk = json!({"kty": "EC", "crv": "P-256", "x": provider::base64(&own[1..33]), "y": provider::base64(&own[33..])});
                let head = json!({"alg": "ES256", "kid": "ec", "jwk": jwk, "jku": format!("{}/keys", attacker.issuer)});
                token(&head, &provider.claims(n), |m| {
                    attacker
                        .elliptic
                        .sign(&SystemRandom::new(), m)
                        .unwrap()
                        .as_ref()
                        .to_vec()
                })
            }),
            forged,
        ),
        (
            "another's signature",
            Box::new(|n| attacker.by_elliptic(&provider.claims(n))),
            forged,
        ),
        (
            "changed afterwards",
            Box::new(|n| {
                let good = provider.by_elliptic(&provider.claims(n));
                let mut claims = provider.claims(n);
                claims["sub"] = "1".into();
                let parts: Vec<&str> = good.split('.').collect();
                format!(
                    "{}.{}.{}",
                    parts[0],
                    provider::base64(claims.to_string()),
                    parts[2]
                )
            }),
            forged,
        ),
        (
            "no signature",
            Box::new(|n| {
                token(&json!({"alg": "ES256", "kid": "ec"}), &provider.claims(n), |_| {
                    Vec::new()
                })
            }),
            forged,
        ),
        (
            "crit",
            Box::new(|n| {
                headed(
                    json!({"alg": "ES256", "kid": "ec", "crit": ["b64"], "b64": false}),
                    n,
                )
            }),
            "the ID token needs what is not known here",
        ),
        (
            "an access token",
            Box::new(|n| headed(json!({"alg": "ES256", "kid": "ec", "typ": "at+jwt"}), n)),
            "this is not an ID token",
        ),
        (
            "kid is a number",
            Box::new(|n| headed(json!({"alg": "ES256", "kid": 1}), n)),
            "the ID token is none",
        ),
        (
            "four parts",
            Box::new(|n| format!("{}.x", provider.by_elliptic(&provider.claims(n)))),
            "the ID token is none",
        ),
        (
            "not even text",
            Box::new(|_| "é".to_owned()),
            "the ID token is none",
        ),
        (
            "iss",
            Box::new(claiming("iss", attacker.issuer.clone().into())),
            "the ID token is from somebody else",
        ),
        (
            "iss with a slash",
            Box::new(claiming("iss", format!("{}/", provider.issuer).into())),
            "the ID token is from somebody else",
        ),
        (
            "no iss",
            Box::new(claiming("iss", Value::Null)),
            "the ID token is from somebody else",
        ),
        ("aud", Box::new(claiming("aud", "other".into())), elsewhere),
        (
            "aud starts like it",
            Box::new(claiming("aud", "gateway2".into())),
            elsewhere,
        ),
        ("no aud", Box::new(claiming("aud", Value::Null)), elsewhere),
        (
            "several",
            Box::new(claiming("aud", json!(["gateway", "other"]))),
            elsewhere,
        ),
        (
            "several of odd kinds",
            Box::new(claiming("aud", json!(["gateway", 7]))),
            elsewhere,
        ),
        ("azp", Box::new(claiming("azp", "other".into())), elsewhere),
        (
            "exp",
            Box::new(claiming("exp", (now() - 100).into())),
            "the ID token has ended",
        ),
        (
            "no exp",
            Box::new(claiming("exp", Value::Null)),
            "the ID token does not say when it ends",
        ),
        (
            "exp is text",
            Box::new(claiming("exp", "9999999999".into())),
            "the ID token does not say when it ends",
        ),
        (
            "nbf",
            Box::new(claiming("nbf", (now() + 3600).into())),
            "the ID token is not good yet",
        ),
        (
            "nbf is text",
            Box::new(claiming("nbf", "0".into())),
            "the ID token is not good yet",
        ),
        (
            "iat in the future",
            Box::new(claiming("iat", (now() + 3600).into())),
            "the ID token was not made now",
        ),
        (
            "iat long ago",
            Box::new(claiming("iat", (now() - 86_400).into())),
            "the ID token was not made now",
        ),
        (
            "no iat",
            Box::new(claiming("iat", Value::Null)),
            "the ID token does not say when it was made",
        ),
        (
            "nonce",
            Box::new(claiming("nonce", "another".into())),
            "the ID token answers another question",
        ),
        (
            "no nonce",
            Box::new(claiming("nonce", Value::Null)),
            "the ID token answers another question",
        ),
        (
            "no sub",
            Box::new(claiming("sub", Value::Null)),
            "the ID token does not say whose it is",
        ),
        (
            "empty sub",
            Box::new(claiming("sub", "".into())),
            "the ID token does not say whose it is",
        ),
        (
            "line in sub",
            Box::new(claiming("sub", "a\nb".into())),
            "the ID token does not say whose it is",
        ),
        (
            "too long",
            Box::new(claiming("more", "x".repeat(100_000).into())),
            "the ID token is too long",
        ),
        (
            "unverified",
            Box::new(claiming("email_verified", Value::Null)),
            "no rule lets them in",
        ),
        (
            "not verified",
            Box::new(claiming("email_verified", false.into())),
            "no rule lets them in",
        ),
        (
            "somebody else",
            Box::new(claiming("email", "bob@ml.example".into())),
            "no rule lets them in",
        ),
        (
            "below the name",
            Box::new(claiming("email", "ann@ml.example.evil.example".into())),
            "no rule lets them in",
        ),
        (
            "two addresses",
            Box::new(claiming("email", "ann@ml.example@evil.example".into())),
            "no rule lets them in",
        ),
    ];
    if let Some(rsa) = &rsa {
        cases.push((
            "RS256 by a key for elliptic curves",
            Box::new(|n| by_rsa(rsa, "ec", &provider.claims(n))),
            unknown,
        ));
        cases.push((
            "no kid, and another kind of signature",
            Box::new(|n| headed(json!({"alg": "RS256"}), n)),
            forged,
        ));
    }
    let expected: Vec<String> = cases.iter().map(|c| c.2.to_owned()).collect();
    let names: Vec<&str> = cases.iter().map(|c| c.0).collect();
    for (name, make, _) in cases {
        let answer = Browser::new(&running).sign_in(&provider, make);
        assert_eq!(status(&answer), 403, "{name}: {answer}");
        assert!(session(&answer).is_none(), "{name}");
    }
    assert!(running.upstream.heads().is_empty());
    let reasons = reasons(&running.ended());
    for ((name, expected), reason) in names.iter().zip(&expected).zip(&reasons) {
        assert_eq!(reason, expected, "{name}");
    }
    assert_eq!(reasons.len(), expected.len());
}

#[test]
fn a_code_is_good_once_and_only_in_the_browser_that_began() {
    let provider = Provider::start();
    let running = start(&provider);
    let (victim, attacker) = (Browser::new(&running), Browser::new(&running));
    let begun = attacker.leave("%2F");
    provider.grants(
        "c0de",
        provider.by_elliptic(&provider.claims(&begun.query["nonce"])),
        &begun.query,
    );
    let query = format!("code=c0de&state={}", begun.query["state"]);

    // Somebody is led to the attacker's answer, to be signed in as the attacker.
    let other = victim.leave("%2F");
    for cookie in [
        "",
        other.cookie.as_str(),
        "wellhead-session-flow=",
        &format!("{}; {}", begun.cookie, begun.cookie),
    ] {
        let led = victim.arrive(&query, cookie);
        assert!(status(&led) == 400 && session(&led).is_none(), "{led}");
        assert!(
            !led.contains("set-cookie"),
            "what the victim began goes on: {led}"
        );
    }
    // The answer of a sign-in, with the state of another one.
    let mixed = attacker.arrive(
        &format!("code=c0de&state={}", other.query["state"]),
        &begun.cookie,
    );
    assert_eq!(status(&mixed), 400);
    for twice in [
        format!("{query}&code=other"),
        format!("{query}&state=other"),
        "code=c0de".to_owned(),
        String::new(),
    ] {
        assert_eq!(status(&attacker.arrive(&twice, &begun.cookie)), 400, "{twice}");
    }
    let asked = provider.asked().iter().filter(|a| a.starts_with("POST")).count();
    assert_eq!(asked, 0, "nothing that does not belong together is asked for");

    let fine = attacker.arrive(&query, &begun.cookie);
    assert_eq!(status(&fine), 303, "{fine}");
    let again = attacker.arrive(&query, &begun.cookie);
    assert!(status(&again) == 400 && session(&again).is_none(), "{again}");
    // The code itself is used up, too.
    let later = attacker.leave("%2F");
    let replayed = attacker.arrive(
        &format!("code=c0de&state={}", later.query["state"]),
        &later.cookie,
    );
    assert_eq!(status(&replayed), 403);
    // And a token that was made for another sign-in is none for this one.
    let third = attacker.leave("%2F");
    provider.grants(
        "c0de3",
        provider.by_elliptic(&provider.claims(&begun.query["nonce"])),
        &third.query,
    );
    let stale = attacker.arrive(
        &format!("code=c0de3&state={}", third.query["state"]),
        &third.cookie,
    );
    assert_eq!(status(&stale), 403);
}

#[test]
fn what_the_provider_says_went_wrong_is_not_repeated() {
    let provider = Provider::start();
    let running = start(&provider);
    let browser = Browser::new(&running);
    let begun = browser.leave("%2F");
    let evil = "error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=call+203.0.113.9";
    let answer = browser.arrive(&format!("{evil}&state={}", begun.query["state"]), &begun.cookie);
    assert_eq!(status(&answer), 403);
    assert!(
        !answer.contains("alert(1") && !answer.contains("203.0.113.9"),
        "{answer}"
    );
    assert!(header(&answer, "content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(header(&answer, "cache-control"), "no-store");
    // An answer of another provider, and a code beside an error.
    for more in ["iss=http://evil.example&code=a", "code=a&error=x", "code="] {
        let begun = browser.leave("%2F");
        let answer = browser.arrive(&format!("{more}&state={}", begun.query["state"]), &begun.cookie);
        assert_eq!(status(&answer), 403, "{more}");
    }
    assert!(!provider.asked().iter().any(|a| a.starts_with("POST")));
    // No page of others begins a sign-in, no frame ends one, and nobody posts.
    let from = |site: &str, mode: &str, dest: &str| {
        format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}\r\n")
    };
    let start = "/.wellhead/oidc/start";
    assert_eq!(
        status(&browser.ask("GET", start, &from("same-origin", "navigate", "document"))),
        303
    );
    for (method, target, more) in [
        ("GET", start, from("cross-site", "navigate", "document")),
        ("GET", start, from("same-site", "navigate", "document")),
        ("GET", start, from("same-origin", "no-cors", "image")),
        (
            "GET",
            "/.wellhead/oidc/callback?state=a",
            from("cross-site", "navigate", "iframe"),
        ),
        (
            "GET",
            "/.wellhead/oidc/callback?state=a",
            from("cross-site", "no-cors", "image"),
        ),
    ] {
        assert_eq!(
            status(&browser.ask(method, target, &more)),
            403,
            "{target} {more}"
        );
    }
    for method in ["POST", "HEAD", "DELETE"] {
        assert_eq!(
            status(&browser.ask(method, start, "Content-Length: 0\r\n")),
            405,
            "{method}"
        );
    }
}

#[test]
fn nobody_is_led_elsewhere_after_signing_in() {
    let provider = Provider::start();
    let running = start(&provider);
    for next in [
        "%2F%2Fevil.example",
        "https:%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "%2F%09%2Fevil.example",
        "%2F..%2F%2Fevil.example",
        "%2F%252F%252Fevil.example",
        "javascript:alert(1)",
        "%40evil.example",
        "%2Fa%0d%0aSet-Cookie:x=y",
        ".evil.example",
        "",
        "%2F.wellhead%2Fsign-out",
        "%2F.wellhead%2Foidc%2Fstart",
    ] {
        let browser = Browser::new(&running);
        let begun = browser.leave(next);
        provider.grants(
            "c",
            provider.by_elliptic(&provider.claims(&begun.query["nonce"])),
            &begun.query,
        );
        let back = browser.arrive(&format!("code=c&state={}", begun.query["state"]), &begun.cookie);
        assert_eq!(
            (status(&back), header(&back, "location").as_str()),
            (303, "/"),
            "{next}: {back}"
        );
    }
}

#[test]
fn rules_say_who_may_change_what() {
    let provider = Provider::start();
    let running = start(&provider);
    let signed_in = |email: &str, groups: Value| {
        let browser = Browser::new(&running);
        let answer = browser.sign_in(&provider, |nonce| {
            let mut claims = provider.claims(nonce);
            claims["email"] = email.into();
            claims["groups"] = groups;
            provider.by_elliptic(&claims)
        });
        (browser, session(&answer))
    };
    let (browser, reader) = signed_in("bob@ml.example", json!(["other", "readers"]));
    let cookie = format!("Cookie: {}\r\n", reader.unwrap());
    assert_eq!(status(&browser.ask("GET", "/version", &cookie)), 200);
    let create = format!("{cookie}Origin: http://localhost\r\nContent-Length: 0\r\n");
    assert_eq!(
        status(&browser.ask("POST", "/api/2.0/mlflow/runs/create", &create)),
        403
    );
    // Who may do more may do more, also as a reader.
    assert!(signed_in("ANN@ml.example", json!("readers")).1.is_some());
    for groups in [
        json!([]),
        json!(["Readers"]),
        json!({"readers": true}),
        json!([["readers"]]),
        Value::Null,
    ] {
        assert!(signed_in("bob@ml.example", groups).1.is_none());
    }
    let lines = running.ended();
    let refused = lines.iter().find(|l| l["why"] == "no rule lets them in").unwrap();
    assert_eq!(
        (&refused["principal"], &refused["credential"]),
        (&"oidc:bob@ml.example".into(), &"subject 248289761001".into())
    );
}

/// A whole answer.
fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_provider_that_is_not_itself_lets_nobody_in() {
    let about_path = "/.well-known/openid-configuration";
    let other = Provider::start();
    let address = |p: &Provider| p.issuer.trim_start_matches("http://").to_owned();
    let elsewhere = format!("Location: {}{about_path}\r\n", other.issuer);
    type Make<'a> = Box<dyn Fn(&Provider) -> (&'static str, String) + 'a>;
    let cases: Vec<(Make<'_>, &str)> = vec![
        (
            Box::new(|_| (about_path, answer("302 Found", &elsewhere, ""))),
            "the provider leads elsewhere",
        ),
        (
            Box::new(|_| {
                (
                    about_path,
                    answer("200 OK", "", &about(&address(&other)).to_string()),
                )
            }),
            "the provider says that it is another one",
        ),
        (
            Box::new(|_| (about_path, answer("200 OK", "", "[]"))),
            "what the provider says of itself cannot be read",
        ),
        (
            Box::new(|_| (about_path, answer("500 No", "", ""))),
            "the provider does not say what it is asked for",
        ),
        (
            Box::new(|_| (about_path, answer("200 OK", "", &"[".repeat(200_000)))),
            "what the provider says of itself cannot be read",
        ),
        (
            Box::new(|_| {
                (
                    about_path,
                    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}".to_owned(),
                )
            }),
            "the answer of the provider is too long, or is cut off",
        ),
        (
            Box::new(|_| {
                (
                    about_path,
                    format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "a".repeat(1 << 20)),
                )
            }),
            "the provider does not answer",
        ),
        (
            Box::new(|_| (about_path, "SSH-2.0-x\r\n".to_owned())),
            "the provider does not answer",
        ),
        (
            Box::new(|p| {
                let mut said = about(&address(p));
                said["token_endpoint"] = "http://203.0.113.9/token".into();
                (about_path, answer("200 OK", "", &said.to_string()))
            }),
            "an address of the provider is missing, or is not https",
        ),
        (
            Box::new(|p| {
                let mut said = about(&address(p));
                said["authorization_endpoint"] = "javascript:alert(1)".into();
                (about_path, answer("200 OK", "", &said.to_string()))
            }),
            "an address of the provider is missing, or is not https",
        ),
        (
            Box::new(|_| {
                (
                    "/keys",
                    answer(
                        "200 OK",
                        "",
                        &format!("{{\"keys\":[{}]}}", "{\"kty\":\"RSA\"},".repeat(100_000)),
                    ),
                )
            }),
            "the answer of the provider is too long, or is cut off",
        ),
        (
            Box::new(|_| ("/keys", format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(4 << 20)))),
            "the answer of the provider is too long, or is cut off",
        ),
        (
            Box::new(|_| {
                (
                    "/keys",
                    answer("200 OK", "", &format!("{{\"keys\":[{}{{}}]}}", "{},".repeat(200))),
                )
            }),
            "the provider has too many keys",
        ),
        (
            Box::new(|_| ("/keys", answer("307 No", "Location: http://203.0.113.9/\r\n", ""))),
            "the provider leads elsewhere",
        ),
    ];
    for (make, why) in cases {
        let provider = Provider::start();
        let (path, said) = make(&provider);
        provider.instead(path, said);
        let running = start(&provider);
        let browser = Browser::new(&running);
        let page = browser.ask("GET", "/.wellhead/oidc/start", "");
        assert_eq!(status(&page), 502, "{why}: {page}");
        assert!(page.contains("The sign-in service cannot be used at the moment."));
        assert_eq!(status(&running.ask("GET", "/version", "")), 200, "tokens go on");
        assert_eq!(reasons(&running.ended()), [why]);
    }
    assert!(other.asked().is_empty());
}

#[test]
fn a_provider_that_goes_away_lets_nobody_new_in() {
    let provider = Provider::start();
    let running = start(&provider);
    let browser = Browser::new(&running);
    let answered = browser.sign_in(&provider, |nonce| provider.by_elliptic(&provider.claims(nonce)));
    let own = format!("Cookie: {}\r\n", session(&answered).unwrap());
    let begun = browser.leave("%2F");
    provider.grants(
        "c",
        provider.by_elliptic(&provider.claims(&begun.query["nonce"])),
        &begun.query,
    );
    provider.instead(
        "/token",
        answer("302 Found", "Location: http://203.0.113.9/\r\n", ""),
    );
    let led = browser.arrive(&format!("code=c&state={}", begun.query["state"]), &begun.cookie);
    assert_eq!(status(&led), 502, "a secret follows no redirect: {led}");
    provider.goes();
    let begun = browser.leave("%2F");
    let gone = browser.arrive(&format!("code=c&state={}", begun.query["state"]), &begun.cookie);
    assert!(status(&gone) == 502 && session(&gone).is_none(), "{gone}");
    assert_eq!(
        status(&browser.ask("GET", "/version", &own)),
        200,
        "who is in stays in"
    );
}

#[test]
fn strangers_cannot_make_the_gateway_ask_without_end() {
    let provider = Provider::start();
    let running = start(&provider);
    let browser = Browser::new(&running);
    let answers: Vec<u16> = (0..24)
        .map(|_| status(&browser.ask("GET", "/.wellhead/oidc/start", "")))
        .collect();
    assert!(
        answers[..20].iter().all(|s| *s == 303) && answers.ends_with(&[429]),
        "{answers:?}"
    );
    assert_eq!(
        status(&Browser::new(&running).ask("GET", "/.wellhead/oidc/start", "")),
        303
    );
    assert_eq!(
        provider.asked().len(),
        2,
        "what a provider says of itself is kept"
    );
}

#[test]
fn a_provider_without_rules_or_tls_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let fails = |change: &dyn Fn(&mut wellhead_server::gateway::Provider)| {
        let mut settings = settings(folder.path(), "mlflow", "127.0.0.1:1".parse().unwrap());
        let mut provider = told("https://id.example");
        change(&mut provider);
        settings.provider = Some(provider);
        match Gateway::open(&settings).err() {
            Some(GatewayError::Provider(e)) => e.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        fails(&|p| {
            p.allow.clear();
            p.allow_reading.clear();
        }),
        ProviderError::Nobody.to_string()
    );
    for issuer in [
        "http://id.example",
        "id.example",
        "https://u:p@id.example",
        "https://id.example/?a",
        "https://id.example/#a",
    ] {
        assert!(
            fails(&|p| p.issuer = issuer.to_owned()).starts_with("an issuer is"),
            "{issuer}"
        );
    }
    assert_eq!(
        fails(&|p| p.allow.push("everybody".to_owned())),
        "this names nobody: `everybody`"
    );
    assert!(fails(&|p| p.client = String::new()).starts_with("the name of the client"));
    assert!(fails(&|p| p.scopes.push("a b".to_owned())).starts_with("this is no scope"));
    let file = folder.path().join("secret");
    std::fs::write(&file, "s3cret\n").unwrap();
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o644);
    assert!(fails(&|p| p.secret = Some(ClientSecret::In(file.clone()))).starts_with("others than its owner"));
    mode(0o600);
    std::fs::write(&file, "two\nlines\n").unwrap();
    assert!(fails(&|p| p.secret = Some(ClientSecret::In(file.clone()))).contains("more than one line"));
    assert!(fails(&|p| p.secret = Some(ClientSecret::Is(String::new()))).contains("is empty"));
    assert!(!format!("{:?}", told("https://id.example")).contains("s3:cr"));
}
