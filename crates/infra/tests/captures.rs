//! Every capture of a real product, as a service document: the right product in the right state, and no other.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use wellhead_core::Budget;
use wellhead_infra::{judge, service_document};

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

#[test]
fn captures_of_real_products_have_the_state_they_were_taken_in() {
    let archive = shared().join("data/services/captures.tar.gz");
    if !archive.exists() {
        eprintln!("skipped: no captures at {}", archive.display());
        return;
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
    let mut seen = BTreeMap::new();
    for product in fs::read_dir(folder.path()).unwrap() {
        let product = product.unwrap();
        for mode in fs::read_dir(product.path()).unwrap() {
            let mode = mode.unwrap();
            let name = format!(
                "{}/{}",
                product.file_name().to_string_lossy(),
                mode.file_name().to_string_lossy()
            );
            let json = document(&mode.path());
            let parsed = service_document(&json, &mut Budget::default()).unwrap();
            let judged: Vec<_> = judge(&parsed)
                .iter()
                .map(|j| {
                    let version = j.version.as_deref().unwrap_or("-");
                    format!("{} {} {version}", j.product.id, j.state.name())
                })
                .collect();
            seen.insert(name, judged.join(", "));
        }
    }
    let lines: Vec<_> = seen.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    bentoml/open: bentoml OPEN -
    bokeh/open: 
    chroma/open: chroma OPEN -
    dask-scheduler/open: dask OPEN -
    gradio/auth: gradio PROTECTED -
    gradio/open: gradio OPEN 6.31.0
    jupyter-server/auth: jupyter PROTECTED 2.21.1
    jupyter-server/open: jupyter OPEN 2.21.1
    jupyterhub/auth: jupyterhub PROTECTED 6.1.1
    jupyterlab/auth: jupyter PROTECTED 2.21.1
    jupyterlab/open: jupyter OPEN 2.21.1
    jupyterlab/open-legacy-flag: jupyter OPEN 2.21.1
    jupyterlab/open-peer-paths: 
    mlflow/auth: mlflow PROTECTED -
    mlflow/open: mlflow OPEN 3.17.2
    mlflow/open-allowed-hosts-star: mlflow OPEN -
    nbclassic/auth: jupyter PROTECTED 2.21.1
    nbclassic/open: jupyter OPEN 2.21.1
    nbclassic/open-peer-paths: 
    notebook7/auth: jupyter PROTECTED 2.21.1
    notebook7/open: jupyter OPEN 2.21.1
    notebook7/open-peer-paths: 
    panel/auth: 
    panel/open: 
    prefect/auth: prefect PROTECTED -
    prefect/open: prefect OPEN -
    ray-dashboard-agent/auth: ray PROTECTED -
    ray-dashboard-agent/open: ray OPEN -
    ray/auth: ray PROTECTED -
    ray/open: ray OPEN 2.60.0
    streamlit/open: streamlit OPEN -
    tensorboard/open: tensorboard OPEN 2.21.0
    torchserve-inference/auth: torchserve PROTECTED -
    torchserve-inference/open: torchserve OPEN -
    torchserve-management/auth: torchserve PROTECTED -
    torchserve-management/open: torchserve OPEN -
    voila/open:
    "#);
}
