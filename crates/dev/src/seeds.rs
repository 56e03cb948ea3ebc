//! What fuzzing starts from: the files of rule pages and examples, each given to the targets that read its kind.
//!
//! Nothing here is written for fuzzing alone. What shows a rule to people is a good first input, and it cannot go stale.

use crate::pages;
use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs, path::Path};
use wellhead_core::{Budget, Digest};
use wellhead_formats::assemble::{KINDS, assemble};

/// Kinds of files that no rule page and no example has.
const TEXTS: &[(&str, &str)] = &[
    (
        "pip.conf",
        "[global]\nindex-url = https://mirror.acme.example/simple\nextra-index-url =\n    http://a.example/simple\n    \
         https://b.example/simple\ntrusted-host = a.example\n[install]\nfind-links = wheels\n",
    ),
    (
        "poetry.lock",
        "[[package]]\nname = \"torch\"\nversion = \"2.5.1\"\noptional = false\nfiles = [{file = \"torch-2.5.1.whl\", hash = \
         \"sha256:00\"}]\n[package.source]\ntype = \"legacy\"\nurl = \"https://mirror.acme.example/simple\"\n[metadata]\n\
         lock-version = \"2.1\"\n",
    ),
    (
        "pylock.toml",
        "lock-version = \"1.0\"\ncreated-by = \"uv\"\n[[packages]]\nname = \"torch\"\nversion = \"2.5.1\"\nmarker = \
         \"python_version >= '3.10'\"\n[[packages.wheels]]\nurl = \"https://mirror.acme.example/t.whl\"\n\
         hashes = {sha256 = \"00\"}\n",
    ),
    (
        "train.ipynb",
        r#"{"cells":[{"cell_type":"code","metadata":{},"outputs":[],"source":["%pip install torch==2.5.1\n","import torch\n",
        "torch.load('m.pt')"]}],"metadata":{"kernelspec":{"name":"python3"}},"nbformat":4,"nbformat_minor":5}"#,
    ),
    (
        "osv.json",
        r#"{"schema_version":"1.6.0","id":"PYSEC-0000-1","modified":"2026-01-01T00:00:00Z","aliases":["CVE-0000-1"],
        "affected":[{"package":{"ecosystem":"PyPI","name":"torch"},"versions":["2.5.1"],
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.6.0-NA"}]}]}]}"#,
    ),
];

/// Tables about advisories and what running services say, by the target that reads them.
/// What a gateway reads.
const GATEWAY: &[&str] = &[
    "POST /v1/chat/completions?a=b HTTP/1.1\r\nHost: ml.example\r\nContent-Length: 2\r\n\r\n{}",
    r#"{"iss":"https://id.example","aud":["gateway"],"azp":"gateway","sub":"1","nonce":"n","iat":1800000000,"nbf":1800000000,
    "exp":1800000300,"email":"ann@ml.example","email_verified":true,"groups":["ml"]}"#,
    r#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/a","token_endpoint":"https://id.example/t",
    "jwks_uri":"https://id.example/k","token_endpoint_auth_methods_supported":["client_secret_post"]}"#,
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#,
    "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUifQ.AAAA",
    r#"{"messages":[{"content":"a\"b"}],"model":"llama3"}"#,
];

/// Tables about advisories, by the target that reads them.
const TABLES: &[(&str, &str)] = &[
    (
        "exploited",
        r#"{"catalogVersion":"2026.01.01","vulnerabilities":[{"cveID":"CVE-2025-32434","dueDate":"2026-02-01"}]}"#,
    ),
    (
        "epss",
        "#model_version:v2025.03.14,score_date:2026-01-03T00:00:00+0000\ncve,epss,percentile\nCVE-2025-32434,0.5,0.9\n",
    ),
    (
        "changes",
        "2026-01-02T00:00:00.5Z,PYSEC-2026-2\n2026-01-01T00:00:00Z,GHSA-aaaa-bbbb-cccc\n",
    ),
    (
        "http_answer",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n",
    ),
    ("service_place", "https://[fd00::1]:8265/api?x"),
    (
        "scope_file",
        "owner = \"Acme\"\nnetworks = [\"203.0.113.0/30\", \"::ffff:0.0.0.0/96\"]\nports = [80, \"8000-8999\"]\n\
         valid-until = \"2999-12-31\"\n",
    ),
    (
        "ssh_signature",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA\n-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n\
         -----END SSH SIGNATURE-----\n",
    ),
];

/// Which targets read a file of that name.
fn targets_of(path: &str) -> Vec<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    let mut targets = vec!["identify"];
    targets.extend_from_slice(match name {
        "uv.lock" => &["uv_lock", "toml"][..],
        "poetry.lock" => &["poetry_lock", "toml"],
        "pylock.toml" => &["pylock", "toml"],
        "pyproject.toml" => &["pyproject", "toml", "config"],
        "wellhead.toml" => &["config", "toml"],
        "pip.conf" => &["pip_config"],
        "compose.yaml" | "docker-compose.yml" => &["compose", "yaml"],
        ".env" => &["secrets"],
        _ if name.starts_with("Dockerfile") => &["dockerfile", "secrets"],
        _ if name.starts_with("requirements") => &["requirements"],
        _ if name.ends_with(".attestation") => &["attestation", "json"],
        _ => match extension {
            "py" => &["python", "secrets"],
            "ipynb" => &["notebook", "json"],
            // What a JSON text is can only be told from inside, so each of its readers gets it.
            "json" => &[
                "json",
                "attestation",
                "osv",
                "report_json",
                "service_document",
                "keras_config",
            ],
            "toml" => &["toml"],
            "yaml" | "yml" => &["yaml", "yaml_tags"],
            "pkl" => &["pickle"],
            "pt" | "pt2" | "bin" | "zip" | "npz" | "whl" => &["zip"],
            "tar" | "nemo" => &["tar"],
            "gz" => &["gzip"],
            "safetensors" => &["safetensors"],
            "gguf" => &["gguf", "ggml"],
            "jinja" | "j2" => &["jinja"],
            "npy" => &["npy"],
            "rds" | "rda" => &["r_data"],
            "tflite" => &["tflite"],
            "pte" => &["executorch"],
            "t7" => &["torch7"],
            "msgpack" => &["msgpack"],
            "ubj" => &["ubjson"],
            "7z" => &["sevenz"],
            "xml" | "pmml" | "svg" => &["xml"],
            "skops" | "mar" => &["zip", "skops"],
            "onnx" => &["onnx", "onnx_tensor", "protobuf"],
            "pb" => &["saved_model", "tensorflow_graph", "coreml", "caffe", "paddle"],
            "h5" => &["hdf5"],
            "pyc" => &["marshal"],
            _ => &[],
        },
    });
    targets
}

/// Writes the seeds into a folder per target below `corpus` and says how many there are.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(root: &Path, corpus: &Path) -> Result<usize> {
    let mut seeds: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let records = TEXTS.iter().filter(|(path, _)| *path == "osv.json");
    let records = records.map(|(_, text)| ("seed", text.as_bytes()));
    let (database, _) = wellhead_packages::advisory::build("2026-11-03", records, &mut Budget::default())?;
    seeds.insert("advisory_db/seed".to_owned(), database);
    for (target, text) in TABLES {
        seeds.insert(format!("{target}/seed"), text.as_bytes().to_vec());
    }
    for text in GATEWAY {
        seeds.insert(
            format!("gateway/{}", name_of(text.as_bytes())),
            text.as_bytes().to_vec(),
        );
    }
    let mut add = |path: &str, content: &[u8]| {
        for target in targets_of(path) {
            seeds.insert(format!("{target}/{}", name_of(content)), content.to_vec());
        }
        // The target that goes the whole way wants the file's name in front.
        let named = [path.as_bytes(), b"\n", content].concat();
        seeds.insert(format!("audit/{}", name_of(&named)), named);
    };
    for rule in wellhead_rules::rules() {
        for block in pages::blocks(rule.page) {
            if let Some(file) = block.file {
                let bytes = bytes(block.language, block.body);
                add(file, &bytes.with_context(|| format!("{}: {file}", rule.id))?);
            }
        }
    }
    for (path, text) in TEXTS {
        add(path, text.as_bytes());
    }
    for path in files(&root.join("examples"))? {
        add(&path, &fs::read(root.join("examples").join(&path))?);
    }
    for (path, content) in &seeds {
        let path = corpus.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, content).with_context(|| path.display().to_string())?;
    }
    Ok(seeds.len())
}

/// A block's bytes: assembled if its language is a kind of listing, else its text.
pub(crate) fn bytes(language: &str, body: &str) -> Result<Vec<u8>> {
    if KINDS.contains(&language) {
        return Ok(assemble(language, body)?);
    }
    Ok(body.as_bytes().to_vec())
}

/// By content, so that writing the seeds twice leaves one of each.
fn name_of(seed: &[u8]) -> String {
    let digest = Digest::sha256(seed).to_string();
    let hex = digest.rsplit(':').next().unwrap_or_default();
    format!("seed-{}", hex.get(..16).unwrap_or(hex))
}

/// All files below a folder, as paths relative to it; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut queue = vec![String::new()];
    while let Some(below) = queue.pop() {
        let Ok(entries) = fs::read_dir(folder.join(&below)) else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            if entry.file_type()?.is_dir() {
                queue.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
