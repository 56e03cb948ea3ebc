//! Every capture of a real product, as a service document: the right product in the right state, and no other.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use wellhead_core::Budget;
use wellhead_infra::{
    Conversation, Exchange, PRODUCTS, Plan, Product, ServiceDocument, judge, service_document,
};

fn shared() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests find the shared data by the environment"
    )]
    let named = std::env::var("WELLHEAD_SHARED");
    named.map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    )
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `> ` request, `# ` remarks, `< ` answer, a blank line, the body.
fn exchange(capture: &str) -> Option<String> {
    let (head, body) = capture.split_once("\n\n").unwrap_or((capture, ""));
    let part = |mark: &str| -> Vec<String> {
        head.lines()
            .filter_map(|l| l.strip_prefix(mark))
            .map(str::to_owned)
            .collect()
    };
    let (request, answer) = (part("> "), part("< "));
    let mut first = request.first()?.split(' ');
    let (method, path) = (first.next()?, first.next()?);
    let status: u16 = answer.first()?.split(' ').nth(1)?.parse().ok()?;
    let headers = |lines: &[String]| {
        let pairs: Vec<_> = lines
            .iter()
            .skip(1)
            .filter_map(|l| l.split_once(": "))
            .map(|(n, v)| format!("[{},{}]", quoted(n), quoted(v)))
            .collect();
        format!("[{}]", pairs.join(","))
    };
    Some(format!(
        r#"{{"request":{{"method":"{method}","path":{},"headers":{}}},"response":{{"status":{status},"headers":{},"body":{}}}}}"#,
        quoted(path),
        headers(&request),
        headers(&answer),
        quoted(body)
    ))
}

fn document(folder: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let exchanges: Vec<_> = files
        .iter()
        .filter(|f| f.file_name().unwrap().to_string_lossy().contains('_'))
        .filter_map(|f| {
            #[expect(clippy::disallowed_methods, reason = "tests read captures")]
            let bytes = fs::read(f).unwrap();
            exchange(&String::from_utf8_lossy(&bytes))
        })
        .collect();
    format!(
        r#"{{"schema":{{"name":"wellhead-service","version":"1.0-draft"}},"service":"http://203.0.113.7","exchanges":[{}]}}"#,
        exchanges.join(",")
    )
}

/// Every state as its name and its document; none, aloud, where there are no captures.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn states() -> Vec<(String, String)> {
    let archive = shared().join("data/services/captures.tar.gz");
    if !archive.exists() {
        eprintln!("skipped: no captures at {}", archive.display());
        return Vec::new();
    }
    let folder = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "tests unpack captures")]
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    assert!(unpacked.unwrap().success());
    let mut out = Vec::new();
    for product in fs::read_dir(folder.path()).unwrap() {
        let product = product.unwrap();
        for mode in fs::read_dir(product.path()).unwrap() {
            let mode = mode.unwrap();
            let (product, of) = (product.file_name(), mode.file_name());
            let name = format!("{}/{}", product.to_string_lossy(), of.to_string_lossy());
            out.push((name, document(&mode.path())));
        }
    }
    out.sort();
    out
}

#[test]
fn captures_of_real_products_have_the_state_they_were_taken_in() {
    let mut lines = Vec::new();
    for (name, json) in states() {
        let parsed = service_document(&json, &mut Budget::default()).unwrap();
        let judged: Vec<_> = judge(&parsed)
            .iter()
            .map(|j| {
                let version = j.version.as_deref().unwrap_or("-");
                format!("{} {} {version}", j.product.id, j.state.name())
            })
            .collect();
        lines.push(format!("{name}: {}", judged.join(", ")));
    }
    if lines.is_empty() {
        return;
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    bentoml/open: bentoml OPEN 1.4.39-informational
    bokeh/open: bokeh OPEN -
    chroma/open: chroma OPEN 1.0.0
    dask-scheduler/open: dask OPEN -
    gradio/auth: gradio PROTECTED -
    gradio/open: gradio OPEN 6.31.0
    jupyter-server/auth: jupyter PROTECTED 2.21.1
    jupyter-server/open: jupyter OPEN 2.21.1
    jupyterhub/auth: jupyterhub PROTECTED 6.1.1
    jupyterlab/auth: jupyter PROTECTED 2.21.1
    jupyterlab/open: jupyter OPEN 2.21.1
    jupyterlab/open-legacy-flag: jupyter OPEN 2.21.1
    jupyterlab/open-peer-paths: jupyter OPEN -
    mlflow/auth: mlflow PROTECTED -
    mlflow/open: mlflow OPEN 3.17.2
    mlflow/open-allowed-hosts-star: mlflow OPEN -
    nbclassic/auth: jupyter PROTECTED 2.21.1
    nbclassic/open: jupyter OPEN 2.21.1
    nbclassic/open-peer-paths: jupyter OPEN -
    notebook7/auth: jupyter PROTECTED 2.21.1
    notebook7/open: jupyter OPEN 2.21.1
    notebook7/open-peer-paths: jupyter OPEN -
    panel/auth: panel PROTECTED 1.9.4
    panel/open: panel OPEN -
    prefect/auth: prefect PROTECTED 3.8.8
    prefect/open: prefect OPEN 3.8.8
    ray-dashboard-agent/auth: ray PROTECTED -
    ray-dashboard-agent/open: ray OPEN -
    ray/auth: ray PROTECTED -
    ray/open: ray OPEN 2.60.0
    streamlit/open: streamlit OPEN -
    tensorboard/open: tensorboard OPEN 2.21.0
    torchserve-inference/auth: torchserve PROTECTED 0.12.0
    torchserve-inference/open: torchserve OPEN 0.12.0
    torchserve-management/auth: torchserve PROTECTED 0.12.0
    torchserve-management/open: torchserve OPEN 0.12.0
    voila/open: voila OPEN -
    "#);
}

/// Which product, by the name of a capture.
fn product_of(capture: &str) -> &'static Product {
    let id = match capture.split('/').next().unwrap() {
        "dask-scheduler" => "dask",
        "jupyter-server" | "jupyterlab" | "nbclassic" | "notebook7" => "jupyter",
        "ray-dashboard-agent" => "ray",
        "torchserve-inference" | "torchserve-management" => "torchserve",
        other => other,
    };
    PRODUCTS.iter().find(|p| p.id == id).unwrap()
}

/// Follows the plan against a recorded state: what was not recorded is not found.
fn walk(port: u16, recorded: &ServiceDocument) -> (Vec<String>, String) {
    let mut plan = Plan::new(port, 7, true);
    let mut heard: Vec<Exchange> = Vec::new();
    while let Some(request) = plan.next(&Conversation::new(&recorded.service, &heard)) {
        let local = |e: &Exchange| {
            let host = e.request_headers.iter().find(|(n, _)| n == "host");
            host.is_none_or(|(_, v)| v.starts_with("localhost"))
        };
        let mut all = recorded.exchanges.iter();
        let found = all.find(|e| e.path == request.path && e.method == "GET" && e.is_anonymous() && local(e));
        let mut exchange = found.cloned().unwrap_or_else(|| Exchange {
            method: "GET".into(),
            path: request.path.clone(),
            request_headers: Vec::new(),
            status: 404,
            headers: Vec::new(),
            body: "not found".into(),
            span: 0..0,
            body_span: 0..0,
        });
        if let Some(host) = request.host {
            exchange.request_headers.push(("host".into(), host.into()));
        }
        heard.push(exchange);
    }
    let conversation = Conversation::new(&recorded.service, &heard);
    let judged: Vec<_> = conversation
        .identify()
        .iter()
        .map(|m| {
            format!(
                "{} {}",
                m.product.id,
                conversation.judge(m.product, m.proof).state.name()
            )
        })
        .collect();
    (
        plan.asked().iter().map(|r| r.path.clone()).collect(),
        judged.join(", "),
    )
}

#[test]
fn few_requests_find_out_what_it_is_and_how_it_stands() {
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    let mut lines = Vec::new();
    for (name, json) in states() {
        // These hold only the paths that other tools ask, and one request with a foreign `Host`.
        if name.ends_with("peer-paths") || name.ends_with("hosts-star") {
            continue;
        }
        let recorded = service_document(&json, &mut Budget::default()).unwrap();
        let usual = product_of(&name).ports[0].port;
        let (asked, judged) = walk(usual, &recorded);
        let (blind, same) = walk(1, &recorded);
        lines.push(format!(
            "{name}: {judged} in {}; {same} in {}",
            asked.len(),
            blind.len()
        ));
        known.push(asked.len());
        unknown.push(blind.len());
    }
    if lines.is_empty() {
        return;
    }
    let median = |counts: &mut Vec<usize>| {
        counts.sort_unstable();
        counts[counts.len() / 2]
    };
    lines.push(format!(
        "median {} and {}",
        median(&mut known),
        median(&mut unknown)
    ));
    assert!(
        median(&mut known) <= 12 && median(&mut unknown) <= 12,
        "{}",
        lines.join("\n")
    );
    insta::assert_snapshot!(lines.join("\n"), @r#"
    bentoml/open: bentoml OPEN in 4; bentoml OPEN in 4
    bokeh/open: bokeh OPEN in 3; bokeh OPEN in 3
    chroma/open: chroma OPEN in 5; chroma OPEN in 6
    dask-scheduler/open: dask OPEN in 4; dask OPEN in 4
    gradio/auth: gradio PROTECTED in 3; gradio PROTECTED in 3
    gradio/open: gradio OPEN in 3; gradio OPEN in 3
    jupyter-server/auth: jupyter PROTECTED in 4; jupyter PROTECTED in 4
    jupyter-server/open: jupyter OPEN in 4; jupyter OPEN in 4
    jupyterhub/auth: jupyterhub PROTECTED in 6; jupyterhub PROTECTED in 6
    jupyterlab/auth: jupyter PROTECTED in 5; jupyter PROTECTED in 5
    jupyterlab/open: jupyter OPEN in 5; jupyter OPEN in 5
    jupyterlab/open-legacy-flag: jupyter OPEN in 5; jupyter OPEN in 36
    mlflow/auth: mlflow PROTECTED in 5; mlflow PROTECTED in 5
    mlflow/open: mlflow OPEN in 5; mlflow OPEN in 5
    nbclassic/auth: jupyter PROTECTED in 5; jupyter PROTECTED in 5
    nbclassic/open: jupyter OPEN in 5; jupyter OPEN in 5
    notebook7/auth: jupyter PROTECTED in 5; jupyter PROTECTED in 5
    notebook7/open: jupyter OPEN in 5; jupyter OPEN in 5
    panel/auth: panel PROTECTED in 3; panel PROTECTED in 3
    panel/open: panel OPEN in 4; panel OPEN in 4
    prefect/auth: prefect PROTECTED in 4; prefect PROTECTED in 4
    prefect/open: prefect OPEN in 4; prefect OPEN in 4
    ray-dashboard-agent/auth: ray PROTECTED in 5; ray PROTECTED in 5
    ray-dashboard-agent/open: ray OPEN in 8; ray OPEN in 8
    ray/auth: ray PROTECTED in 5; ray PROTECTED in 5
    ray/open: ray OPEN in 5; ray OPEN in 5
    streamlit/open: streamlit OPEN in 3; streamlit OPEN in 3
    tensorboard/open: tensorboard OPEN in 3; tensorboard OPEN in 3
    torchserve-inference/auth: torchserve PROTECTED in 5; torchserve PROTECTED in 5
    torchserve-inference/open: torchserve OPEN in 5; torchserve OPEN in 5
    torchserve-management/auth: torchserve PROTECTED in 5; torchserve PROTECTED in 5
    torchserve-management/open: torchserve OPEN in 5; torchserve OPEN in 5
    voila/open: voila OPEN in 2; voila OPEN in 2
    median 5 and 5
    "#);
}
