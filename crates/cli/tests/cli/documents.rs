//! Documents and archives that say what is installed: bills of materials, wheels, images.

use crate::{Project, rules};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wellhead_formats::assemble::assemble;

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let listing: String = files
        .iter()
        .map(|(name, bytes)| format!("file {name} as=hex\n  {}\n", hex(bytes)))
        .collect();
    assemble("tar", &listing).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    assemble("gzip", &format!("stream as=hex\n  {}\n", hex(bytes))).unwrap()
}

/// A frame of one block that is stored as it is.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
    out.extend(length.to_le_bytes());
    out.extend(&((length << 3) | 1).to_le_bytes()[..3]);
    out.extend(bytes);
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x} ")).collect()
}

fn metadata(name: &str, version: &str) -> Vec<u8> {
    format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: pyyaml>=5\n")
        .into_bytes()
}

/// Package and version of each component, sorted.
fn components(report: &Value) -> Vec<String> {
    let mut out: Vec<String> = report["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["purl"].as_str().unwrap().to_owned())
        .collect();
    out.sort();
    out
}

const PACKAGES: &str = "usr/lib/python3/site-packages";

/// A lower layer with three packages, and an upper one that removes one and replaces another.
fn layers() -> (Vec<u8>, Vec<u8>) {
    let at = |rest: &str| format!("{PACKAGES}/{rest}");
    let low = tar(&[
        (&at("torch-2.2.0.dist-info/METADATA"), &metadata("torch", "2.2.0")),
        (
            &at("pillow-9.0.0.dist-info/METADATA"),
            &metadata("Pillow", "9.0.0"),
        ),
        (&at("flask-2.0.0.dist-info/METADATA"), &metadata("flask", "2.0.0")),
        (
            "etc/pip.conf",
            b"[global]\nextra-index-url = https://ci:hunter2hunter2@pypi.acme.example/simple\n",
        ),
        (
            "opt/conda/conda-meta/zlib-1.3.json",
            br#"{"name": "zlib", "version": "1.3", "channel": "conda-forge"}"#,
        ),
    ]);
    let high = tar(&[
        (&at(".wh.pillow-9.0.0.dist-info"), b""),
        (&at(".wh.flask-2.0.0.dist-info"), b""),
        (&at("flask-3.1.3.dist-info/METADATA"), &metadata("flask", "3.1.3")),
        ("etc/.wh.pip.conf", b""),
    ]);
    (low, high)
}

const INSTALLED: [&str; 3] = [
    "pkg:conda/zlib@1.3",
    "pkg:pypi/flask@3.1.3",
    "pkg:pypi/torch@2.2.0",
];

fn config() -> Vec<u8> {
    json!({"rootfs": {"type": "layers", "diff_ids": []},
           "config": {"Env": ["PIP_EXTRA_INDEX_URL=https://ci:s3cr3tt0k3n@pypi.acme.example/simple"]}})
    .to_string()
    .into_bytes()
}

/// An OCI layout of two layers, compressed each in its way.
fn layout() -> BTreeMap<String, Vec<u8>> {
    let (low, high) = layers();
    let mut files = BTreeMap::new();
    let mut put = |bytes: Vec<u8>| {
        let digest = wellhead_core::Digest::sha256(&bytes).hex;
        files.insert(format!("blobs/sha256/{digest}"), bytes);
        format!("sha256:{digest}")
    };
    let (config, low, high) = (put(config()), put(gzip(&low)), put(zstd(&high)));
    let manifest = put(
        json!({"schemaVersion": 2, "config": {"digest": config}, "layers": [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": low},
            {"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "digest": high}]})
        .to_string()
        .into_bytes(),
    );
    let index = json!({"schemaVersion": 2, "manifests": [{"digest": manifest}]});
    files.insert("index.json".to_owned(), index.to_string().into_bytes());
    files
}

#[test]
fn an_image_is_what_its_layers_leave() {
    let (low, high) = layers();
    let list =
        r#"[{"Config": "c.json", "RepoTags": ["acme/train:1"], "Layers": ["aa/layer.tar", "bb/layer.tar"]}]"#;
    let saved = tar(&[
        ("aa/layer.tar", &low),
        ("bb/layer.tar", &high),
        ("c.json", &config()),
        ("manifest.json", list.as_bytes()),
    ]);
    let project = Project::new(&[]);
    project.write("image.tar", &saved);
    let report = project.json(&[]);
    assert_eq!(components(&report), INSTALLED);
    // The password that an upper layer removed can still be read, and so can that of the configuration.
    let text = report.to_string();
    assert!(!text.contains("hunter2") && !text.contains("s3cr3t"), "{text}");
    let findings = report["findings"].as_array().unwrap();
    let credentials = findings.iter().filter(|f| f["rule"] == "index-credentials");
    assert_eq!(credentials.count(), 2);
}

#[test]
fn a_layout_is_read_packed_and_as_a_folder() {
    let files = layout();
    let packed: Vec<(&str, &[u8])> = files.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    let project = Project::new(&[]);
    project.write("image.tar", &tar(&packed));
    assert_eq!(components(&project.json(&[])), INSTALLED);
    let project = Project::new(&[]);
    for (name, bytes) in &files {
        project.write(&format!("images/train/{name}"), bytes);
    }
    assert_eq!(components(&project.json(&[])), INSTALLED);
}

#[test]
fn blobs_that_were_replaced_are_found() {
    let files = layout();
    let (low, _) = layers();
    let stored = gzip(&low);
    let evil = gzip(&tar(&[(
        "usr/lib/python3/site-packages/evil-1.dist-info/METADATA",
        &metadata("evil", "1"),
    )]));
    let packed: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(n, b)| {
            (
                n.as_str(),
                if *b == stored {
                    evil.as_slice()
                } else {
                    b.as_slice()
                },
            )
        })
        .collect();
    let select = ["--select", "digest-mismatch,manifest-invalid-line"];
    let project = Project::new(&[]);
    project.write("image.tar", &tar(&packed));
    assert_eq!(rules(&project.json(&select)), ["digest-mismatch"]);
    // The second of two blobs of one name is what some unpackers take.
    let whole = files.iter().map(|(n, b)| (n.as_str(), b.as_slice()));
    let name = files
        .iter()
        .find(|(_, b)| **b == stored)
        .map(|(n, _)| n.as_str())
        .unwrap();
    let twice: Vec<(&str, &[u8])> = whole.chain([(name, evil.as_slice())]).collect();
    let project = Project::new(&[]);
    project.write("image.tar", &tar(&twice));
    assert_eq!(rules(&project.json(&select)), ["digest-mismatch"]);
    // Older Dockers name layers otherwise; the configuration states what they are.
    let config = |layer: &[u8]| {
        let digest = format!("sha256:{}", wellhead_core::Digest::sha256(layer).hex);
        json!({"rootfs": {"type": "layers", "diff_ids": [digest]}, "config": {}}).to_string()
    };
    let list = r#"[{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["aa/layer.tar"]}]"#;
    for (config, expected) in [
        (config(&low), vec![]),
        (config(&evil), vec!["manifest-invalid-line"]),
    ] {
        let saved = tar(&[
            ("aa/layer.tar", &low),
            ("c.json", config.as_bytes()),
            ("manifest.json", list.as_bytes()),
        ]);
        let project = Project::new(&[]);
        project.write("image.tar", &saved);
        assert_eq!(rules(&project.json(&select)), expected);
    }
}

#[test]
fn a_layer_may_be_a_link_to_one_that_is_there() {
    let (low, _) = layers();
    let digest = format!("sha256:{}", wellhead_core::Digest::sha256(&low).hex);
    let config =
        json!({"rootfs": {"type": "layers", "diff_ids": [digest, digest]}, "config": {}}).to_string();
    let list = r#"[{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["aa/layer.tar", "bb/layer.tar"]}]"#;
    for (link, expected) in [
        ("../aa/layer.tar", vec![]),
        ("../bb/layer.tar", vec!["manifest-invalid-line"]),
    ] {
        let listing = format!(
            "file aa/layer.tar as=hex\n  {}\nsymlink bb/layer.tar link={link}\nfile c.json as=hex\n  {}\nfile manifest.json as=hex\n  {}\n",
            hex(&low),
            hex(config.as_bytes()),
            hex(list.as_bytes())
        );
        let project = Project::new(&[]);
        project.write("image.tar", &assemble("tar", &listing).unwrap());
        let report = project.json(&["--select", "digest-mismatch,manifest-invalid-line"]);
        assert_eq!(rules(&report), expected, "{link}");
    }
}

#[test]
fn layers_that_cannot_be_read_are_said() {
    let (low, _) = layers();
    let whole = gzip(&low);
    let list = r#"[{"Config": "c.json", "RepoTags": [], "Layers": ["a.tar.gz", "gone.tar"]}]"#;
    let saved = tar(&[
        ("a.tar.gz", &whole[..whole.len() - 30]),
        ("c.json", &config()),
        ("manifest.json", list.as_bytes()),
    ]);
    let project = Project::new(&[]);
    project.write("image.tar", &saved);
    let report = project.json(&["--select", "manifest-invalid-line"]);
    let said: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|f| f["message"].as_str())
        .filter(|m| m.contains("what layer"))
        .collect();
    assert!(said.iter().any(|m| m.contains("a.tar.gz")), "{said:?}");
    assert!(said.iter().any(|m| m.contains("gone.tar")), "{said:?}");
}

#[test]
fn bills_wheels_and_environments_are_input() {
    let bill = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
        {"type": "library", "name": "torch", "version": "2.2.0", "purl": "pkg:pypi/torch@2.2.0"},
        {"type": "library", "name": "left-pad", "version": "1", "purl": "pkg:npm/left-pad@1"}]}"#;
    let project = Project::new(&[("anything.json", bill)]);
    let listing = format!(
        "member jinja2-3.1.2.dist-info/METADATA as=hex\n  {}\n",
        hex(&metadata("Jinja2", "3.1.2"))
    );
    project.write(
        "jinja2-3.1.2-py3-none-any.whl",
        &assemble("zip", &listing).unwrap(),
    );
    project.write(
        "env/lib/site-packages/flask-2.0.0.dist-info/METADATA",
        &metadata("flask", "2.0.0"),
    );
    assert_eq!(
        components(&project.json(&[])),
        [
            "pkg:generic/left-pad@1",
            "pkg:pypi/flask@2.0.0",
            "pkg:pypi/jinja2@3.1.2",
            "pkg:pypi/pyyaml",
            "pkg:pypi/torch@2.2.0"
        ]
    );
}

#[test]
fn a_damaged_bill_is_a_finding_and_never_no_packages() {
    let project = Project::new(&[(
        "sbom.cdx.json",
        r#"{"bomFormat": "CycloneDX", "components": [{"name""#,
    )]);
    assert_eq!(rules(&project.json(&[])), ["manifest-invalid-line"]);
}
