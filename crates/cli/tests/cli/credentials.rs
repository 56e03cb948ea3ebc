//! Credentials in every kind of file: found, and in no output.

use crate::{Project, rules};
use std::fmt::Write as _;

/// Where a password stands, and the rule that says so. `SECRET` becomes one of its own for each file.
const FILES: &[(&str, &str, &str)] = &[
    (
        "a/requirements.txt",
        "-i https://me:SECRET@pypi.acme.example/simple\nnumpy==2.1.0\n",
        "index-credentials",
    ),
    (
        "b/requirements.txt",
        "x @ git+https://SECRET@git.acme.example/x.git@v1\n",
        "index-credentials",
    ),
    (
        "c/requirements.txt",
        "--extra-index-url https://pypi.acme.example/simple?token=SECRET\nnumpy==2.1.0\n",
        "index-credentials",
    ),
    (
        "a/Dockerfile",
        "FROM python:3.12\nARG PIP_EXTRA_INDEX_URL=https://x:SECRET@pypi.acme.example/simple\nRUN pip install numpy==2.1.0\n",
        "index-credentials",
    ),
    (
        "b/Dockerfile",
        "FROM python:3.12\nENV UV_INDEX_ACME_PASSWORD=SECRET\nRUN uv pip install numpy==2.1.0\n",
        "leaked-token",
    ),
    (
        "c/Dockerfile",
        "FROM python:3.12\nRUN git clone https://me:SECRET@git.acme.example/x.git\n",
        "leaked-token",
    ),
    (
        "a/pip.conf",
        "[global]\nindex-url = https://me:SECRET@pypi.acme.example/simple\n",
        "index-credentials",
    ),
    (
        "a/.condarc",
        "channels:\n  - https://conda.anaconda.org/t/SECRET/acme\n",
        "index-credentials",
    ),
    (
        "b/.condarc",
        "channel_alias: https://me:SECRET@conda.acme.example\n",
        "index-credentials",
    ),
    (
        "a/environment.yml",
        "channels: ['https://me:SECRET@conda.acme.example/main']\ndependencies: [numpy=2.1.0]\n",
        "index-credentials",
    ),
    (
        "b/environment.yml",
        "channels: [conda-forge]\ndependencies:\n  - pip:\n    - --index-url https://me:SECRET@pypi.acme.example/simple\n    - numpy==2.1.0\n",
        "index-credentials",
    ),
    (
        "a/.netrc",
        "machine pypi.acme.example login me password SECRET\n",
        "leaked-token",
    ),
    (
        "a/.pypirc",
        "[acme]\nrepository = https://pypi.acme.example\nusername = me\npassword = SECRET\n",
        "leaked-token",
    ),
    (
        "a/auth.toml",
        "[http-basic.acme]\nusername = \"me\"\npassword = \"SECRET\"\n",
        "leaked-token",
    ),
    ("b/auth.toml", "[pypi-token]\npypi = \"SECRET\"\n", "leaked-token"),
    (
        "a/pdm.toml",
        "[pypi]\nurl = \"https://pypi.acme.example\"\nusername = \"me\"\npassword = \"SECRET\"\n",
        "leaked-token",
    ),
    (
        "a/pyproject.toml",
        "[project]\nname = \"a\"\nversion = \"0\"\ndependencies = [\"numpy==2.1.0\"]\n[[tool.poetry.source]]\nname = \"acme\"\nurl = \"https://me:SECRET@pypi.acme.example/simple\"\n",
        "index-credentials",
    ),
    (
        "b/pyproject.toml",
        "[project]\nname = \"b\"\nversion = \"0\"\n[[tool.pdm.source]]\nname = \"acme\"\nurl = \"https://pypi.acme.example/simple\"\nusername = \"me\"\npassword = \"SECRET\"\n",
        "leaked-token",
    ),
    (
        "a/uv.toml",
        "[[index]]\nname = \"acme\"\nurl = \"https://me:SECRET@pypi.acme.example/simple\"\n",
        "index-credentials",
    ),
    (
        "a/Pipfile",
        "[[source]]\nname = \"acme\"\nurl = \"https://me:SECRET@pypi.acme.example/simple\"\nverify_ssl = true\n[packages]\nnumpy = \"==2.1.0\"\n",
        "index-credentials",
    ),
    (
        "a/Pipfile.lock",
        "{\"_meta\": {\"sources\": [{\"name\": \"acme\", \"url\": \"https://me:SECRET@pypi.acme.example/simple\", \"verify_ssl\": true}]}, \"default\": {\"numpy\": {\"version\": \"==2.1.0\"}}, \"develop\": {}}",
        "index-credentials",
    ),
    (
        "a/uv.lock",
        "version = 1\n[[package]]\nname = \"x\"\nversion = \"1.0\"\nsource = { registry = \"https://me:SECRET@pypi.acme.example/simple\" }\n",
        "index-credentials",
    ),
    (
        "a/poetry.lock",
        "[[package]]\nname = \"x\"\nversion = \"1.0\"\n[package.source]\ntype = \"legacy\"\nurl = \"https://me:SECRET@pypi.acme.example/simple\"\nreference = \"acme\"\n",
        "index-credentials",
    ),
    (
        "a/pdm.lock",
        "[metadata]\nlock_version = \"4.5\"\n[[package]]\nname = \"x\"\nversion = \"1.0\"\nfiles = [{url = \"https://me:SECRET@pypi.acme.example/x-1.0.tar.gz\", hash = \"sha256:00\"}]\n",
        "index-credentials",
    ),
    (
        "a/pylock.toml",
        "lock-version = \"1.0\"\ncreated-by = \"x\"\n[[packages]]\nname = \"x\"\nversion = \"1.0\"\nindex = \"https://me:SECRET@pypi.acme.example/simple\"\n",
        "index-credentials",
    ),
    (
        "a/conda-lock.yml",
        "version: 1\nmetadata:\n  channels: [{url: 'https://me:SECRET@conda.acme.example/main'}]\npackage:\n- {name: x, version: '1.0', manager: conda, platform: linux-64, url: 'https://me:SECRET@conda.acme.example/main/x-1.0-0.conda', hash: {sha256: a}}\n",
        "index-credentials",
    ),
    (
        "a/pixi.toml",
        "[project]\nname = \"a\"\nchannels = [\"https://me:SECRET@conda.acme.example/main\"]\nplatforms = [\"linux-64\"]\n",
        "index-credentials",
    ),
    (
        ".github/workflows/w.yml",
        "on: push\njobs:\n  a:\n    runs-on: x\n    env:\n      PIP_INDEX_URL: https://me:SECRET@pypi.acme.example/simple\n    steps:\n      - run: pip install numpy==2.1.0\n",
        "index-credentials|leaked-token",
    ),
    (
        ".github/workflows/v.yml",
        "on: push\nenv:\n  TWINE_PASSWORD: SECRET\njobs:\n  a:\n    runs-on: x\n    steps: [{run: twine upload dist/*}]\n",
        "leaked-token",
    ),
    (
        "a/compose.yaml",
        "services:\n  a:\n    image: x\n    environment:\n      - PIP_EXTRA_INDEX_URL=https://me:SECRET@pypi.acme.example/simple\n",
        "leaked-token|index-credentials",
    ),
    (
        "a/.env",
        "POETRY_HTTP_BASIC_ACME_PASSWORD=SECRET\n",
        "leaked-token",
    ),
    (
        "b/.env",
        "UV_DEFAULT_INDEX=https://me:SECRET@pypi.acme.example/simple\n",
        "leaked-token",
    ),
    (
        "a/install.sh",
        "pip install -i https://me:SECRET@pypi.acme.example/simple numpy==2.1.0\n",
        "leaked-token|index-credentials",
    ),
    (
        "a/train.ipynb",
        "{\"cells\": [{\"cell_type\": \"code\", \"metadata\": {}, \"source\": [\"!pip install -i https://me:SECRET@pypi.acme.example/simple numpy==2.1.0\"], \"outputs\": [], \"execution_count\": null}], \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 5}",
        "leaked-token|index-credentials",
    ),
    (
        "a/config.json",
        "{\"auths\": {\"registry.acme.example\": {\"auth\": \"SECRET\"}}}",
        "leaked-token",
    ),
];

/// A secret that no pattern of a provider knows, and that is like no other.
fn secret(n: usize) -> String {
    format!("q7Vx{n:02}mZk2Lr9Tw{n:02}bQ")
}

fn planted() -> Vec<(&'static str, String)> {
    FILES
        .iter()
        .enumerate()
        .map(|(n, (path, text, _))| (*path, text.replace("SECRET", &secret(n))))
        .collect()
}

#[test]
fn credentials_are_found_in_every_kind_of_file() {
    let mut missed = String::new();
    for (n, (path, text)) in planted().iter().enumerate() {
        let project = Project::new(&[(path, text)]);
        let report = project.json(&["--exit-zero"]);
        let expected = FILES[n].2;
        let found = rules(&report);
        let told: Vec<&String> = found
            .iter()
            .filter(|r| matches!(r.as_str(), "leaked-token" | "index-credentials"))
            .collect();
        let right = told.len() == 1 && expected.split('|').any(|e| e == told[0]);
        if !right {
            writeln!(missed, "{path}: {expected}, and it says {told:?}").unwrap();
        }
    }
    assert_eq!(missed, "");
}

#[test]
fn no_output_shows_a_credential() {
    let files = planted();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let project = Project::new(&files);
    let mut outputs = Vec::new();
    let mut note = |what: String, args: &[&str]| {
        let ran = project.run(args);
        outputs.push((what, format!("{}{}", ran.out, ran.err)));
    };
    for format in ["text", "concise", "json", "sarif", "markdown", "github"] {
        note(format!("audit {format}"), &["audit", "--format", format]);
        note(
            format!("audit -v {format}"),
            &["audit", "-v", "--format", format, "--no-ignore"],
        );
    }
    for (path, _) in &files {
        note(format!("inspect {path}"), &["inspect", path]);
        note(
            format!("inspect {path} json"),
            &["inspect", "--format", "json", path],
        );
        note(format!("audit {path}"), &["audit", path]);
    }
    note("diff".to_owned(), &["diff", "a", "b"]);
    note("fix".to_owned(), &["audit", "--diff", "."]);
    let mut leaks = String::new();
    for (what, text) in &outputs {
        for (n, (path, _)) in files.iter().enumerate() {
            if text.contains(&secret(n)) {
                writeln!(leaks, "{what} shows that of {path}").unwrap();
            }
        }
    }
    assert_eq!(leaks, "");
}

#[test]
fn references_to_credentials_are_innocent() {
    let mut wrong = String::new();
    for (path, text, _) in FILES {
        let references: &[&str] = if path.contains("workflows") {
            &["${{ secrets.TOKEN }}"]
        } else if *path == "a/config.json" {
            &["${TOKEN}"]
        } else {
            &["${TOKEN}", "${ACME_TOKEN:-}"]
        };
        for reference in references {
            let project = Project::new(&[(path, &text.replace("SECRET", reference))]);
            let found = rules(&project.json(&["--exit-zero"]));
            if found
                .iter()
                .any(|r| matches!(r.as_str(), "leaked-token" | "index-credentials"))
            {
                writeln!(wrong, "{path} with {reference}: {found:?}").unwrap();
            }
        }
    }
    assert_eq!(wrong, "");
}
