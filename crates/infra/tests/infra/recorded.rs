//! Answers of products that cannot run here, and of states that were not captured: the right product and state, no other.
//!
//! `tests/recorded/PRODUCT.txt` (and `PRODUCT-run.txt` for a second way of starting it) holds states (`== STATE`) of
//! exchanges: `> path`, `< status name: value`, the body.

use std::{collections::BTreeSet, fs, path::Path};
use wellhead_core::Budget;
use wellhead_formats::text::{self, Node};
use wellhead_infra::{Conversation, Exchange, PRODUCTS, Plan};

/// A state of a product as it was recorded.
pub(crate) struct State {
    pub(crate) product: String,
    pub(crate) name: String,
    pub(crate) exchanges: Vec<Exchange>,
}

pub(crate) fn exchange(path: &str, status: u16, headers: Vec<(String, String)>, body: &str) -> Exchange {
    Exchange {
        method: "GET".to_owned(),
        path: path.to_owned(),
        request_headers: Vec::new(),
        status,
        headers,
        body: body.to_owned(),
        span: 0..0,
        body_span: 0..0,
    }
}

#[expect(clippy::disallowed_methods, reason = "tests read recorded answers")]
pub(crate) fn states() -> Vec<State> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut out: Vec<State> = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let product = path.file_stem().unwrap().to_string_lossy().replace("-run", "");
        let text = fs::read_to_string(&path).unwrap();
        for block in text.split("\n== ").skip(1) {
            let (name, rest) = block.split_once('\n').unwrap();
            let exchanges = rest.split("> /").skip(1).map(|one| {
                let (path, answer) = one.split_once('\n').unwrap();
                let (head, body) = answer.split_once('\n').unwrap_or((answer, ""));
                let head = head.strip_prefix("< ").unwrap().trim();
                let (status, header) = head.split_once(' ').unwrap_or((head, ""));
                let header = header.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned()));
                let headers = header.into_iter().collect();
                exchange(&format!("/{path}"), status.parse().unwrap(), headers, body)
            });
            out.push(State {
                product: product.clone(),
                name: name.to_owned(),
                exchanges: exchanges.collect(),
            });
        }
    }
    out.sort_by(|a, b| (&a.product, &a.name).cmp(&(&b.product, &b.name)));
    out
}

const SERVICE: &str = "http://203.0.113.7:8000";

fn judged(exchanges: &[Exchange]) -> Vec<(&'static str, &'static str)> {
    let conversation = Conversation::new(SERVICE, exchanges);
    let matches = conversation.identify();
    let state = |m: &wellhead_infra::Match| conversation.judge(m.product, m.proof).state.name();
    matches.iter().map(|m| (m.product.id, state(m))).collect()
}

#[test]
fn recorded_answers_are_of_one_product_in_one_state() {
    let mut wrong = Vec::new();
    for state in states() {
        let found = judged(&state.exchanges);
        if found != [(state.product.as_str(), state.name.as_str())] {
            wrong.push(format!("{} {}: {found:?}", state.product, state.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_product_has_answers_that_were_captured_or_recorded() {
    let captured = [
        "bentoml",
        "bokeh",
        "chroma",
        "dask",
        "gradio",
        "jupyter",
        "jupyterhub",
        "mlflow",
        "panel",
        "prefect",
        "ray",
        "streamlit",
        "tensorboard",
        "torchserve",
        "voila",
    ];
    let recorded: BTreeSet<String> = states().into_iter().map(|s| s.product).collect();
    for product in PRODUCTS {
        let known = recorded.contains(product.id) || captured.contains(&product.id);
        assert!(known, "{}: no answer of it is recorded", product.id);
    }
    assert!(recorded.iter().all(|id| PRODUCTS.iter().any(|p| p.id == id)));
}

#[test]
fn the_plan_finds_what_was_recorded_with_few_requests() {
    let mut counts = Vec::new();
    let mut wrong = Vec::new();
    for state in states() {
        let product = PRODUCTS.iter().find(|p| p.id == state.product).unwrap();
        let mut plan = Plan::new(product.ports[0].port, 7, true);
        let mut heard: Vec<Exchange> = Vec::new();
        while let Some(request) = plan.next(&Conversation::new(SERVICE, &heard)) {
            let found = state.exchanges.iter().find(|e| e.path == request.path);
            heard.push(
                found
                    .cloned()
                    .unwrap_or_else(|| exchange(&request.path, 404, Vec::new(), "not found")),
            );
        }
        if judged(&heard) != [(state.product.as_str(), state.name.as_str())] {
            let asked: Vec<_> = plan.asked().iter().map(|r| r.path.as_str()).collect();
            wrong.push(format!(
                "{} {}: {:?} {asked:?}",
                state.product,
                state.name,
                judged(&heard)
            ));
        }
        counts.push(plan.asked().len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    counts.sort_unstable();
    assert!(
        counts[counts.len() / 2] <= 12 && counts[counts.len() - 1] <= 48,
        "{counts:?}"
    );
}

/// A server that says yes to everything, a path that nobody has among it, is nothing.
#[test]
fn a_service_that_answers_every_path_alike_is_no_product() {
    for state in states() {
        for one in state
            .exchanges
            .iter()
            .filter(|e| e.status == 200 && e.path != "/")
        {
            let paths = PRODUCTS.iter().flat_map(|p| p.probes).map(|p| p.path);
            let paths = paths
                .filter(|p| *p != "/")
                .chain(["/wellhead-canary-7", one.path.as_str()]);
            let heard: Vec<_> = paths
                .map(|p| exchange(p, 200, one.headers.clone(), &one.body))
                .collect();
            assert_eq!(judged(&heard), [], "{} {}", state.product, one.path);
        }
    }
}

/// A body that was cut anywhere is of the same product or of none, and never looks safer than it is.
#[test]
fn what_was_cut_off_makes_nothing_safe() {
    for state in states() {
        // Its link to sign up stands at the end of a long page, which is all that tells.
        if state.product == "label-studio" {
            continue;
        }
        let safe = state.name == "PROTECTED";
        for i in 0..state.exchanges.len() {
            let body = state.exchanges[i].body.clone();
            for len in (0..body.len()).step_by(5).filter(|l| body.is_char_boundary(*l)) {
                let mut cut = state.exchanges.clone();
                cut[i].body.truncate(len);
                for (product, verdict) in judged(&cut) {
                    let place = format!(
                        "{} {} {} {len}: {verdict}",
                        state.product, state.name, cut[i].path
                    );
                    assert_eq!(product, state.product, "{place}");
                    assert!(safe || verdict != "PROTECTED", "{place}");
                }
            }
        }
    }
}

/// A redirect is no way to make anybody send what is never sent.
#[test]
fn a_redirect_leads_to_nothing_that_is_never_sent() {
    for path in ["/health", "/voila/render/a.ipynb", "/api/v1/auto_login"] {
        let mut plan = Plan::new(4000, 7, true);
        let to = vec![("location".to_owned(), path.to_owned())];
        let mut heard: Vec<Exchange> = Vec::new();
        while let Some(request) = plan.next(&Conversation::new(SERVICE, &heard)) {
            heard.push(exchange(&request.path, 302, to.clone(), ""));
        }
        assert!(plan.asked().iter().all(|r| r.path != path), "{path}");
    }
}

/// A service that nobody knows: how it answers a path that it has not, `/`, and `/login`.
type Unknown = (&'static str, fn(&str) -> (u16, &'static str, &'static str));

const PAGE: &str = "content-type: text/html; charset=utf-8";
const JSON: &str = "content-type: application/json";
const UNKNOWN: &[Unknown] = &[
    ("a page", |p| {
        if p == "/" {
            (200, PAGE, "<title>Welcome</title>")
        } else {
            (404, PAGE, "<h1>404")
        }
    }),
    ("one page for every path", |_| (200, PAGE, "<title>App</title>")),
    ("a web server without a page", |_| {
        (404, PAGE, "<title>404 Not Found</title><center>nginx</center>")
    }),
    ("a page behind a sign-in", |p| match p {
        "/" => (302, "location: /login", ""),
        "/login" => (200, PAGE, "<form>Password</form>"),
        _ => (404, PAGE, "<h1>404"),
    }),
    ("a sign-in elsewhere before everything", |_| {
        (302, "location: https://sso.example/", "")
    }),
    ("a sign-in elsewhere", |p| {
        if p == "/" {
            (302, "location: https://sso.example/", "")
        } else {
            (404, PAGE, "no")
        }
    }),
    ("a password before everything", |_| {
        (401, "www-authenticate: Basic realm=x", "")
    }),
    ("nobody may", |_| (403, PAGE, "<h1>Forbidden")),
    ("out of order", |_| (503, PAGE, "<h1>Unavailable")),
    ("an error for everything", |_| {
        (500, JSON, r#"{"error":"internal"}"#)
    }),
    ("an API with a greeting", |p| {
        if p == "/" {
            (200, JSON, r#"{"status":"ok"}"#)
        } else {
            (404, JSON, "{}")
        }
    }),
    ("an API of FastAPI", |_| (404, JSON, r#"{"detail":"Not Found"}"#)),
    ("an API of Flask", |_| {
        (
            404,
            PAGE,
            "<title>404 Not Found</title><p>The requested URL was not found on the server.",
        )
    }),
    ("an API of Express", |_| (404, PAGE, "<pre>Cannot GET /</pre>")),
    ("an API of Go", |_| {
        (404, "content-type: text/plain", "404 page not found")
    }),
    ("an API of Java", |_| {
        (
            404,
            JSON,
            r#"{"timestamp":1,"status":404,"error":"Not Found","path":"/"}"#,
        )
    }),
    ("an API of aiohttp", |_| {
        (404, "content-type: text/plain", "404: Not Found")
    }),
    ("an API that says nothing", |_| (404, "content-length: 0", "")),
    ("an API with words of its own", |_| {
        (404, JSON, r#"{"message":"no such thing"}"#)
    }),
    ("only POST", |_| (405, "allow: POST", "")),
    ("yes to everything", |_| (200, JSON, "{}")),
];

/// The page's figure: at most twelve requests to an unknown port, in the middle; nobody is asked for all that there is.
#[test]
fn what_nobody_knows_is_asked_little() {
    let asked = |port: u16, answer: fn(&str) -> (u16, &'static str, &'static str)| {
        let mut plan = Plan::new(port, 7, true);
        let mut heard: Vec<Exchange> = Vec::new();
        while let Some(request) = plan.next(&Conversation::new(SERVICE, &heard)) {
            let (status, header, body) = answer(&request.path);
            let (name, value) = header.split_once(": ").unwrap();
            let headers = vec![(name.to_owned(), value.to_owned())];
            heard.push(exchange(&request.path, status, headers, body));
        }
        assert_eq!(judged(&heard), []);
        plan.asked().len()
    };
    let median = |counts: &mut Vec<usize>| {
        counts.sort_unstable();
        counts[counts.len() / 2]
    };
    let mut table = String::new();
    let mut all = Vec::new();
    // Ports of one product, of several, of most, and of none.
    for port in [80, 443, 3000, 5000, 8000, 8080, 8265, 8888, 9000, 18_999] {
        let mut counts: Vec<usize> = UNKNOWN.iter().map(|(_, answer)| asked(port, *answer)).collect();
        all.extend_from_slice(&counts);
        let (middle, most) = (median(&mut counts), counts[counts.len() - 1]);
        table.push_str(&format!("{port}: {middle}, at most {most}\n"));
    }
    for (name, answer) in UNKNOWN {
        table.push_str(&format!("{name}: {}\n", asked(18_999, *answer)));
    }
    assert!(median(&mut all) <= 12 && all[all.len() - 1] <= 48, "{table}");
    insta::assert_snapshot!(table, @"
    80: 12, at most 16
    443: 12, at most 16
    3000: 12, at most 20
    5000: 12, at most 16
    8000: 12, at most 16
    8080: 22, at most 27
    8265: 12, at most 16
    8888: 12, at most 16
    9000: 12, at most 16
    18999: 12, at most 16
    a page: 12
    one page for every path: 12
    a web server without a page: 12
    a page behind a sign-in: 12
    a sign-in elsewhere before everything: 12
    a sign-in elsewhere: 12
    a password before everything: 12
    nobody may: 12
    out of order: 12
    an error for everything: 12
    an API with a greeting: 12
    an API of FastAPI: 12
    an API of Flask: 12
    an API of Express: 12
    an API of Go: 12
    an API of Java: 16
    an API of aiohttp: 12
    an API that says nothing: 12
    an API with words of its own: 16
    only POST: 12
    yes to everything: 12
    ");
}

#[test]
fn a_plan_ends() {
    let mut plan = Plan::new(8000, 7, true);
    let mut heard: Vec<Exchange> = Vec::new();
    while let Some(request) = plan.next(&Conversation::new(SERVICE, &heard)) {
        heard.push(exchange(&request.path, 200, Vec::new(), "{}"));
    }
    assert!(plan.asked().len() <= 48, "{:?}", plan.asked());
    // Out of scope nobody pretends to be on the same machine.
    let mut plain = Plan::new(5000, 7, false);
    let guard = exchange(
        "/",
        403,
        Vec::new(),
        "Invalid Host header - possible DNS rebinding attack detected",
    );
    while plain
        .next(&Conversation::new(SERVICE, std::slice::from_ref(&guard)))
        .is_some()
    {}
    assert!(plain.asked().iter().all(|r| r.host.is_none()) && plain.asked().len() >= 3);
}

#[test]
fn an_unknown_platform_is_none_of_them() {
    let page = |body: &str| exchange("/", 200, Vec::new(), body);
    for body in [
        "<title>Home</title>",
        "<title>Jupyter Server</title>",
        "{}",
        "",
        "\u{feff}{\"version\":",
    ] {
        assert_eq!(judged(&[page(body)]), [], "{body}");
    }
    let status = |path: &str, status: u16| exchange(path, status, Vec::new(), "");
    let bare: Vec<_> = PRODUCTS
        .iter()
        .flat_map(|p| p.probes)
        .flat_map(|p| [200, 302, 400, 401, 403, 405].map(|s| status(p.path, s)))
        .collect();
    assert_eq!(judged(&bare), [], "a status is no identity");
}

/// Gates and frameworks in front of anything at all, which answer every path in their own way.
#[test]
fn what_stands_before_everything_is_no_product() {
    let to = |place: &str| vec![("location".to_owned(), place.to_owned())];
    let gates = [
        (401, Vec::new(), r#"{"detail":"Not authenticated"}"#),
        (401, Vec::new(), r#"{"error":"Unauthorized"}"#),
        (401, Vec::new(), r#"{"message":"Unauthorized"}"#),
        (401, Vec::new(), r#"{"error":"Unauthenticated","code":16}"#),
        (401, Vec::new(), r#"{"error":"Unauthorized Access"}"#),
        (
            401,
            vec![("www-authenticate".to_owned(), "Basic realm=\"x\"".to_owned())],
            "",
        ),
        (403, Vec::new(), r#"{"message":"Forbidden"}"#),
        (302, to("/login?next=%2F"), ""),
        (303, to("/auth/login?next=%2F"), ""),
        (302, to("/oauth2/start?rd=%2F"), ""),
        (302, to("/dex/auth?client_id=x"), ""),
        (404, Vec::new(), r#"{"detail":"Not Found"}"#),
        (405, Vec::new(), r#"{"detail":"Method Not Allowed"}"#),
        (200, Vec::new(), r#"{"status":"healthy"}"#),
        (200, Vec::new(), r#"{"version":"1.2.3"}"#),
        (200, Vec::new(), r#"[]"#),
        (200, Vec::new(), r#"{"data":[]}"#),
    ];
    for (status, headers, body) in gates {
        // What succeeds everywhere is only seen through by a path that nobody has.
        let canaries = ["/wellhead-canary-7", "/other"]
            .into_iter()
            .take(if status == 200 { 1 } else { 2 });
        for canary in canaries {
            let paths = PRODUCTS.iter().flat_map(|p| p.probes).map(|p| p.path);
            let paths = paths.chain([
                canary,
                "/",
                "/health",
                "/version",
                "/api",
                "/tree",
                "/lab",
                "/api/kernels",
                "/v1/user",
            ]);
            let all: Vec<_> = paths
                .map(|p| exchange(p, status, headers.clone(), body))
                .collect();
            assert_eq!(judged(&all), [], "{status} {body} {headers:?} {canary}");
        }
    }
}

#[test]
fn what_carries_a_credential_proves_nothing() {
    let mut one = exchange(
        "/api/status",
        200,
        Vec::new(),
        r#"{"started":"x","kernels":0,"connections":0}"#,
    );
    assert_eq!(judged(std::slice::from_ref(&one)), [("jupyter", "OPEN")]);
    one.request_headers
        .push(("authorization".into(), "token x".into()));
    assert_eq!(judged(&[one]), []);
}

#[test]
fn a_guard_of_the_host_header_is_no_password() {
    let refused = |path: &str| {
        exchange(
            path,
            403,
            Vec::new(),
            "Invalid Host header - possible DNS rebinding attack detected",
        )
    };
    let path = "/api/2.0/mlflow/experiments/search?max_results=1";
    let mut local = exchange(path, 200, Vec::new(), r#"{"experiments":[]}"#);
    local.request_headers.push(("host".into(), "localhost".into()));
    assert_eq!(judged(&[refused("/")]), [("mlflow", "HOST_GUARD_ONLY")]);
    assert_eq!(
        judged(&[refused("/"), refused(path), local.clone()]),
        [("mlflow", "HOST_GUARD_ONLY")]
    );
    // Asked without a trick it answered: the guard keeps nobody out.
    let mut plain = local.clone();
    plain.request_headers.clear();
    assert_eq!(judged(&[refused("/"), plain, local]), [("mlflow", "OPEN")]);
    let header = vec![("www-authenticate".to_owned(), "Basic realm=\"mlflow\"".to_owned())];
    let mut asks = exchange(path, 401, header, "");
    asks.request_headers.push(("host".into(), "localhost".into()));
    assert_eq!(judged(&[refused("/"), asks]), [("mlflow", "PROTECTED")]);
}

/// Bodies and headers of any size and depth are bounded.
#[test]
fn hostile_answers_are_bounded() {
    let deep = "[".repeat(1 << 20);
    let long = format!("{{\"a\":\"{}\"", "x".repeat(4 << 20));
    let many: Vec<_> = (0..100_000).map(|i| (format!("h{i}"), "v".to_owned())).collect();
    for body in [deep.as_str(), long.as_str()] {
        let all: Vec<_> = PRODUCTS
            .iter()
            .flat_map(|p| p.probes)
            .map(|p| exchange(p.path, 200, many.clone(), body))
            .take(8)
            .collect();
        assert_eq!(judged(&all), []);
    }
}

/// `/` as the catalogue says that a product answers it, for those of which it was not recorded.
fn front_of(product: &str) -> Option<Exchange> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("data/products/{product}.toml"));
    #[expect(clippy::disallowed_methods, reason = "tests read the catalogue")]
    let text = fs::read_to_string(path).unwrap();
    let root = text::toml(&text, &mut Budget::default()).unwrap();
    let texts = |node: &Node, key: &str| -> Vec<String> {
        let all = node.get(key).map(Node::items).unwrap_or_default();
        all.iter().map(|t| t.as_str().unwrap().to_owned()).collect()
    };
    let answers = root.get("answers").map(Node::items).unwrap_or_default();
    answers.iter().find_map(|a| {
        let said = |key: &str| a.get(key).and_then(Node::as_str).unwrap_or_default();
        let status = a.get("status").map_or(Some(200), |s| {
            s.as_i64().or_else(|| s.items().first().and_then(Node::as_i64))
        });
        let status = u16::try_from(status.unwrap()).unwrap();
        let is_front = ["/", ">"].contains(&said("get")) && status < 400 && texts(a, "json").is_empty();
        let shows = ["product", "part", "hint"]
            .iter()
            .any(|m| said("means").split(' ').any(|w| w == *m));
        let headers = texts(a, "header").into_iter().map(|h| {
            let (name, value) = h.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        (is_front && shows).then(|| exchange("/", status, headers.collect(), &texts(a, "text").join(" ")))
    })
}

/// A port that says nothing costs no product anything: its front page or its "not found" leads to it.
#[test]
fn what_was_recorded_is_found_at_a_port_that_says_nothing() {
    let (mut counts, mut wrong) = (Vec::new(), Vec::new());
    for mut state in states() {
        if !state.exchanges.iter().any(|e| e.path == "/") {
            state.exchanges.extend(front_of(&state.product));
        }
        let root = state
            .exchanges
            .iter()
            .find(|e| e.path == "/" && e.status == 404)
            .cloned();
        let missing = root.unwrap_or_else(|| exchange("/", 404, Vec::new(), "<html>not found</html>"));
        let mut plan = Plan::new(1, 7, true);
        let mut heard: Vec<Exchange> = Vec::new();
        while let Some(request) = plan.next(&Conversation::new(SERVICE, &heard)) {
            let found = state.exchanges.iter().find(|e| e.path == request.path);
            heard.push(Exchange {
                path: request.path,
                ..found.unwrap_or(&missing).clone()
            });
        }
        let found = judged(&heard);
        let asked = plan.asked().len();
        counts.push(asked);
        if found != [(state.product.as_str(), state.name.as_str())] || asked > 12 {
            wrong.push(format!(
                "{} {}: {found:?} after {asked}",
                state.product, state.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    counts.sort_unstable();
    assert!(counts[counts.len() / 2] <= 6, "{counts:?}");
}
