//! The PEP 740 vectors, as far as they can be told without verifying a signature: form, name, digest.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
#![allow(clippy::disallowed_methods, reason = "tests read vectors")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use wellhead_core::{Budget, Digest};
use wellhead_formats::text;
use wellhead_trust::{attestations, check_subject};

fn shared() -> PathBuf {
    std::env::var("WELLHEAD_SHARED").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    )
}

#[test]
fn form_name_and_digest_of_every_vector_are_told() {
    let archive = shared().join("data/signing/sigstore-vectors.tar.gz");
    if !archive.exists() {
        eprintln!("skipped: no vectors at {}", archive.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    assert!(unpacked.unwrap().success());
    let root = folder.path().join("pypi-attestations");
    let mut seen = BTreeMap::new();
    for case in fs::read_dir(&root).unwrap() {
        let case = case.unwrap().path();
        let Ok(json) = fs::read_to_string(case.join("attestation.json")) else {
            continue;
        };
        let expected = fs::read_to_string(case.join("expected.json")).unwrap();
        let expected = text::json(&expected, &mut Budget::default()).unwrap();
        let dist = expected.get("dist").and_then(|d| d.as_str()).unwrap();
        let file = fs::read(root.join(dist))
            .or_else(|_| fs::read(case.join(dist)))
            .unwrap();
        let name = Path::new(dist)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let told = match attestations(&json, &mut Budget::default()) {
            Err(error) => error.to_string(),
            Ok(read) => {
                let checks: Vec<_> = read
                    .all()
                    .map(|a| format!("{:?}", check_subject(a, &name, &Digest::sha256(&file))))
                    .collect();
                checks.join(", ")
            }
        };
        let verdict = expected
            .get("expect")
            .and_then(|d| d.as_str())
            .unwrap()
            .to_owned();
        seen.insert(
            case.file_name().unwrap().to_string_lossy().into_owned(),
            (verdict, told),
        );
    }
    let lines: Vec<_> = seen
        .iter()
        .map(|(case, (v, t))| format!("{case} [{v}]: {t}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    cert-swapped [fail]: Matches
    checkpoint-tampered [fail]: Matches
    dist-byte-changed [fail]: OtherContent
    dist-renamed [fail]: OtherName
    github-oldname-ok [ok]: Matches
    github-provenance-object-ok [ok]: Matches
    github-publish-ok [ok]: Matches
    github-slsa-ok [ok]: Matches
    gitlab-publish-ok [ok]: Matches
    inclusion-proof-tampered [fail]: Matches
    integrated-time-tampered [fail]: Matches
    log-entry-missing [fail]: no entry of a transparency log
    log-entry-swapped [fail]: Matches
    no-inclusion-promise [fail]: Matches
    other-dist [fail]: OtherName
    signature-tampered [fail]: Matches
    staging-against-production [fail]: Matches
    staging-email-ok [ok]: Matches
    statement-not-canonical-base64 [ok]: Matches
    statement-tampered [fail]: Matches
    version-2 [fail]: only version 1 is known
    wrong-publisher-kind [fail]: Matches
    wrong-repository [fail]: Matches
    wrong-workflow [fail]: Matches
    "#);
    // Nothing that is right may be called wrong.
    for (case, (verdict, told)) in &seen {
        if verdict == "ok" {
            assert_eq!(told, "Matches", "{case}");
        }
    }
}
