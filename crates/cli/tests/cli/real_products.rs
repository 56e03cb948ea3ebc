//! `audit service:` against products that are really started, each in a way whose state is known, and the gateway before them.
//!
//! `scripts/real-products` starts them alone with `lo`, and runs this program beside them. What is asked of each is read
//! from the log of requests: GET, few, and nothing that does something. `WELLHEAD_REAL_PRODUCTS` chooses what is started.

use std::{fs, path::Path, process::Command};

/// What starts in seconds, open and protected; the others take their turn in CI.
const QUICK: &str = "jupyter/open jupyter/token panel tensorboard/open streamlit/open chroma/open dask/open";

#[test]
fn large_a_real_product_is_judged_by_asking_it() {
    let folder = tempfile::tempdir().unwrap();
    let chosen = std::env::var("WELLHEAD_REAL_PRODUCTS").unwrap_or_else(|_| QUICK.to_owned());
    let out = folder.path().display();
    // Its exit code is the verdict; what it says of that is read below.
    let audit = format!(
        "cd '{out}'; '{}' audit service:$REAL_URL --no-progress --format json --log '{out}'/$REAL_PRODUCT-$REAL_MODE.log \
         >'{out}'/$REAL_PRODUCT-$REAL_MODE.json; echo $REAL_PRODUCT $REAL_STATE >'{out}'/$REAL_PRODUCT-$REAL_MODE.truth",
        env!("CARGO_BIN_EXE_wellhead"),
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/real-products/run");
    let ran = Command::new(script)
        .args(["each", &audit])
        .args(chosen.split_whitespace())
        .status();
    match ran {
        Ok(status) => assert!(status.success(), "a product did not start"),
        Err(e) => eprintln!("skipped: no Python to start products with: {e}"),
    }
    let mut wrong = Vec::new();
    for file in fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()) {
        if file.extension().is_some_and(|e| e == "truth") {
            wrong.extend(compared(&file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An answer of Gradio event by event; where CI or a person chooses what is started, five gigabytes of an artifact of MLflow too,
/// which take minutes.
#[test]
fn large_a_real_product_streams_through_the_gateway() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/real-products");
    let mut used = vec!["gradio"];
    if std::env::var_os("WELLHEAD_REAL_PRODUCTS").is_some() {
        used.push("mlflow");
    }
    for product in used {
        let ran = Command::new(folder.join("run"))
            .args(["with", product, "open"])
            .arg(folder.join("streams-behind-gateway"))
            .arg(env!("CARGO_BIN_EXE_wellhead"))
            .output();
        match ran {
            Ok(ran) => assert!(
                ran.status.success(),
                "{product}\n{}{}",
                String::from_utf8_lossy(&ran.stdout),
                String::from_utf8_lossy(&ran.stderr)
            ),
            Err(e) => eprintln!("skipped: no Python to start products with: {e}"),
        }
    }
}

/// What `lockdown` writes, in front of a product that runs open: Caddy, nginx and Envoy are started with it, and `--prove` says so.
#[test]
fn large_a_real_product_is_closed_and_that_is_proved() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("scripts/real-products");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), Into::into);
    let mut used = vec!["tensorboard"];
    if std::env::var_os("WELLHEAD_REAL_PRODUCTS").is_some() {
        used.push("streamlit");
    }
    for product in used {
        let ran = Command::new(folder.join("run"))
            .args(["with", product, "open"])
            .arg(folder.join("behind-lockdown"))
            .args([env!("CARGO_BIN_EXE_wellhead"), product])
            .arg(target.join("test-data/servers"))
            .output();
        match ran {
            Ok(ran) => assert!(
                ran.status.success(),
                "{product}\n{}{}",
                String::from_utf8_lossy(&ran.stdout),
                String::from_utf8_lossy(&ran.stderr)
            ),
            Err(e) => eprintln!("skipped: no Python to start products with: {e}"),
        }
    }
}

/// What is wrong with what was said of one, and with what it was asked.
fn compared(truth: &Path) -> Vec<String> {
    let name = truth.file_stem().unwrap().to_string_lossy().into_owned();
    let truth_is = fs::read_to_string(truth).unwrap().trim().to_owned();
    let report = fs::read_to_string(truth.with_extension("json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let said: Vec<String> = findings
        .iter()
        .filter(|f| f["rule"] == "open-service")
        .map(|f| {
            let property = |key: &str| f["properties"][key].as_str().unwrap_or_default();
            format!("{} {}", property("product"), property("state"))
        })
        .collect();
    // Where it asks for a password there is nothing to find.
    let expected: Vec<String> = match truth_is.ends_with(" PROTECTED") {
        true => Vec::new(),
        false => vec![truth_is.clone()],
    };
    let mut wrong = Vec::new();
    if said != expected {
        wrong.push(format!("{name} is `{truth_is}`, and is said to be {said:?}"));
    }
    let log = fs::read_to_string(truth.with_extension("log")).unwrap();
    let asked: Vec<serde_json::Value> = log.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    if !(3..=12).contains(&asked.len()) {
        wrong.push(format!("{name} is asked {} times", asked.len()));
    }
    for request in &asked {
        let does_something = ["/health", "/auth/token", "/openapi.json", "/trigger500"]
            .contains(&request["path"].as_str().unwrap());
        if request["method"] != "GET" || does_something {
            wrong.push(format!("{name} is asked {request}"));
        }
    }
    wrong
}
