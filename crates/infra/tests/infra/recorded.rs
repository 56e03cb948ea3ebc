//! Answers of products that cannot run here, and of states that were not captured: the right product and state, no other.
//!
//! `tests/recorded/PRODUCT.txt` (and `PRODUCT-run.txt` for a second way of starting it) holds states (`== STATE`) of
//! exchanges: `> path`, `< status name: value`, the body.

use std::{collections::BTreeSet, fs, path::Path};
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

/// The page of a web server that nobody knows, and a gate before everything, are not asked for all that there is.
#[test]
fn what_promises_little_is_asked_little() {
    let html = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    for (front, other, most) in [
        (200, 404, 12),
        (200, 200, 12),
        (401, 401, 12),
        (503, 503, 12),
        (404, 404, 48),
    ] {
        let mut plan = Plan::new(18_999, 7, true);
        let mut heard: Vec<Exchange> = Vec::new();
        while let Some(request) = plan.next(&Conversation::new(SERVICE, &heard)) {
            let status = if request.path == "/" { front } else { other };
            heard.push(exchange(
                &request.path,
                status,
                html.clone(),
                "<html><title>Welcome</title></html>",
            ));
        }
        assert_eq!(plan.asked().len(), most, "{front} {other}");
    }
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
