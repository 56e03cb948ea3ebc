//! One real slice of every kind of input, from the bytes to the verdict.

use crate::{Project, harmful, rules};
use std::path::PathBuf;

/// Data that tests share and that is not part of the repository.
fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("WELLHEAD_SHARED").map(PathBuf::from);
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = named.unwrap_or_else(beside);
    if folder.join("data").is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: the shared test data is not here");
    None
}

#[test]
fn a_pickle() {
    let project = Project::new(&[]);
    project.write("model.pkl", &harmful());
    assert_eq!(rules(&project.json(&[])), ["unsafe-pickle-import"]);
}

#[test]
fn a_lock_file_against_all_advisories() {
    let Some(shared) = shared() else { return };
    let data = shared.join("data");
    let project = Project::new(&[]);
    let zip = data.join("advisories/PyPI-pysec-all.zip");
    let ran = project.run(&["db", "import", zip.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let expected = std::fs::read(data.join("dependencies/mlproj/expected-findings.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
    let mut wanted: Vec<String> = Vec::new();
    for package in expected["results"].as_array().unwrap() {
        for advisory in package["advisories"].as_array().unwrap() {
            wanted.push(format!(
                "{} {}",
                package["name"].as_str().unwrap(),
                advisory["id"].as_str().unwrap()
            ));
        }
    }
    wanted.sort();
    let folder = data.join("dependencies/mlproj");
    for name in ["uv.lock", "requirements.txt", "pylock.toml", "bom.cdx.json"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        project.write(name, &bytes);
        let report = project.json(&["--select", "vulnerable-package,compromised-release", name]);
        assert_eq!(found(&report), wanted, "{name}");
        let inventory = &report["inventory"];
        assert_eq!(
            (&inventory["packages"], &inventory["audited"]),
            (&344.into(), &344.into()),
            "{name}"
        );
    }
    // Together they are one project, whose files agree.
    project.write(
        "pyproject.toml",
        &std::fs::read(folder.join("pyproject.toml")).unwrap(),
    );
    let report = project.json(&[]);
    assert!(!rules(&report).contains(&"disagreeing-manifests".to_owned()));
    let inventory = &report["inventory"];
    assert_eq!(
        (&inventory["packages"], &inventory["audited"]),
        (&344.into(), &344.into())
    );
}

/// Package and advisory of each finding, sorted.
fn found(report: &serde_json::Value) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for finding in report["findings"].as_array().unwrap() {
        let properties = &finding["properties"];
        for id in properties["advisories"].as_array().unwrap() {
            found.push(format!(
                "{} {}",
                properties["package"].as_str().unwrap(),
                id.as_str().unwrap()
            ));
        }
    }
    found.sort();
    found
}

#[test]
fn a_compose_file() {
    let compose = "services:\n  mlflow:\n    image: acme/mlflow@sha256:0000000000000000000000000000000000000000000000000000000000000000\n    command: mlflow server --host 0.0.0.0\n    ports: ['5000:5000']\n";
    let open = Project::new(&[("compose.yaml", compose)]);
    assert_eq!(rules(&open.json(&[])), ["open-dashboard-config"]);
    let shut = Project::new(&[("compose.yaml", &compose.replace("'5000", "'127.0.0.1:5000"))]);
    assert_eq!(rules(&shut.json(&[])), [""; 0]);
}

#[test]
fn a_captured_answer() {
    let document = |status: u16, body: &str| {
        serde_json::json!({
            "schema": {"name": "wellhead-service", "version": "1.0-draft"},
            "service": "http://203.0.113.7:8888",
            "exchanges": [
                {"request": {"method": "GET", "path": "/api", "headers": {}},
                 "response": {"status": 200, "headers": {"content-type": "application/json", "server": "TornadoServer/6.5"},
                              "body": "{\"version\": \"2.21.1\"}"}},
                {"request": {"method": "GET", "path": "/api/status", "headers": {}},
                 "response": {"status": status, "headers": {"content-type": "application/json", "server": "TornadoServer/6.5"},
                              "body": body}}
            ]
        })
        .to_string()
    };
    let body = "{\"connections\": 0, \"kernels\": 0, \"last_activity\": \"2026-11-23T00:00:00Z\", \"started\": \"2026-11-23T00:00:00Z\"}";
    let open = Project::new(&[("jupyter.json", &document(200, body))]);
    assert_eq!(rules(&open.json(&[])), ["open-service"]);
    let shut = Project::new(&[(
        "jupyter.json",
        &document(403, "{\"message\": \"Forbidden\", \"reason\": null}"),
    )]);
    assert_eq!(rules(&shut.json(&[])), [""; 0]);
}

#[test]
fn a_pair_of_wheels() {
    let wheel = |code: &str| {
        let hex: String = code.bytes().map(|b| format!("{b:02x} ")).collect();
        let listing = format!("member pkg/__init__.py as=hex\n  {hex}\n");
        wellhead_formats::assemble::assemble("zip", &listing).unwrap()
    };
    let project = Project::new(&[]);
    project.write("pkg-1.0-py3-none-any.whl", &wheel("def f(x):\n    return x\n"));
    let poisoned =
        "import subprocess\nsubprocess.run(['sh', '-c', 'echo wellhead'])\ndef f(x):\n    return x\n";
    project.write("pkg-1.1-py3-none-any.whl", &wheel(poisoned));
    project.write(
        "pkg-1.2-py3-none-any.whl",
        &wheel("def f(x):\n    return x + 1\n"),
    );
    let diff = |old: &str, new: &str| {
        let name = |v: &str| format!("pkg-{v}-py3-none-any.whl");
        project.run(&["diff", &name(old), &name(new), "--format", "json"])
    };
    let gained = diff("1.0", "1.1");
    assert_eq!(gained.code, 1, "{}{}", gained.out, gained.err);
    assert_eq!(
        rules(&serde_json::from_str(&gained.out).unwrap()),
        ["new-capability"]
    );
    assert_eq!(diff("1.0", "1.2").code, 0);
}

#[test]
fn an_attestation_beside_its_file() {
    let Some(shared) = shared() else { return };
    let project = Project::new(&[]);
    let archive = shared.join("data/signing/sigstore-vectors.tar.gz");
    let unpacked = project.path().join(".git/vectors");
    std::fs::create_dir_all(&unpacked).unwrap();
    let tar = std::process::Command::new("tar")
        .arg("xzf")
        .arg(&archive)
        .arg("-C")
        .arg(&unpacked)
        .status();
    assert!(tar.unwrap().success());
    let vectors = unpacked.join("pypi-attestations");
    let name = "pypi_attestations-0.0.19.tar.gz";
    let dist = std::fs::read(vectors.join("dists").join(name)).unwrap();
    let attestation = std::fs::read(vectors.join("github-publish-ok/attestation.json")).unwrap();
    project.write(&format!("{name}.publish.attestation"), &attestation);
    project.write(name, &dist);
    assert_eq!(
        rules(&project.json(&["--select", "attestation-subject-mismatch"])),
        [""; 0]
    );
    let mut other = dist;
    other.push(0);
    project.write(name, &other);
    assert_eq!(
        rules(&project.json(&["--select", "attestation-subject-mismatch"])),
        ["attestation-subject-mismatch"]
    );
}
