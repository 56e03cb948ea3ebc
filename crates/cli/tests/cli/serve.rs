//! `serve-osv`, asked by the real pip-audit and the real uv.

use super::Project;
use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Advisories with the dirt that real ones have: ends of ranges that are no versions, times with nine digits, references
/// that are none, entries without a package.
const ADVISORIES: [(&str, &str); 3] = [
    (
        "db/PYSEC-2099-1.json",
        r#"{"id": "PYSEC-2099-1", "aliases": ["CVE-2099-1"], "summary": "Reads any file",
            "published": "2099-01-02T03:04:05.123456789Z", "modified": "2099-01-02",
            "affected": [
              {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]},
              {"package": {"ecosystem": "PyPI", "name": "Some_Thing"},
               "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.6.0-NA"}]}]}],
            "references": [{"type": "ADVISORY", "url": "see the page"}, {"type": "FIX", "url": "https://[x"}]}"#,
    ),
    (
        "db/MAL-2099-2.json",
        r#"{"id": "MAL-2099-2", "modified": "2099-01-02T00:00:00Z",
            "affected": [{"package": {"ecosystem": "PyPI", "name": "evil-thing"}}]}"#,
    ),
    (
        "db/GHSA-gone.json",
        r#"{"id": "GHSA-gone", "modified": "2099-01-02T00:00:00Z", "withdrawn": "2099-01-02T00:00:00Z",
            "affected": [{"package": {"ecosystem": "PyPI", "name": "some-thing"}}]}"#,
    ),
];

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(project: &Project) -> Self {
        let mut command = project.command(&["serve-osv", "--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("Ctrl-C") {
            assert_ne!(told.read_line(&mut said).unwrap(), 0, "no server: {said}");
        }
        let url = said.split("--service-url ").nth(1).unwrap();
        let url = url.split_whitespace().next().unwrap().to_owned();
        assert!(
            said.contains(&format!("pip-audit -s osv --osv-url {url}/v1/query\n")),
            "{said}"
        );
        Self { child, url }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut out = String::new();
        stream.read_to_string(&mut out).unwrap();
        out.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn imported(files: &[(&str, &str)]) -> Project {
    let mut all = ADVISORIES.to_vec();
    all.extend(files);
    let project = Project::new(&all);
    let ran = project.run(&["db", "import", "db"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    project
}

/// The folder of the real clients; `None`, aloud, where they cannot be had.
fn clients() -> Option<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/fetch-osv-clients.sh");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    let folder = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    if folder.is_empty() {
        eprintln!("skipped: no pip-audit and uv");
    }
    Some(PathBuf::from(folder)).filter(|f| f.is_dir())
}

type Found = BTreeSet<(String, String)>;

/// pip-audit calls a flaw by the name it likes best; where it is one that was expected by another of its names, that is
/// the one returned.
fn pip_audit(clients: &Path, server: &Server, folder: &Path, expected: &Found) -> Found {
    let output = Command::new(clients.join("pip-audit"))
        .args(["-s", "osv", "--osv-url", &format!("{}/v1/query", server.url)])
        .args([
            "--disable-pip",
            "--no-deps",
            "--progress-spinner",
            "off",
            "-f",
            "json",
        ])
        .args(["--cache-dir", &folder.join(".git/pip-audit").to_string_lossy()])
        .args(["-r", "requirements.txt"])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder.join(".git"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let report: serde_json::Value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let mut found = Found::new();
    for package in report["dependencies"].as_array().unwrap() {
        assert!(package.get("skip_reason").is_none(), "{package}");
        for flaw in package["vulns"].as_array().unwrap() {
            let aliases = flaw["aliases"].as_array().unwrap();
            let mut names = std::iter::once(&flaw["id"]).chain(aliases).map(word);
            let named = |id: String| (word(&package["name"]), id);
            let known = names.find(|id| expected.contains(&named(id.clone())));
            found.insert(named(known.unwrap_or_else(|| word(&flaw["id"]))));
        }
    }
    found
}

fn uv_audit(clients: &Path, server: &Server, folder: &Path) -> Found {
    let output = Command::new(clients.join("uv"))
        .args(["audit", "--frozen", "--no-cache", "--output-format", "json"])
        .args(["--service-url", &server.url])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder.join(".git"))
        // The index is asked about archived projects, too, and is not there; nothing waits for it.
        .env("UV_HTTP_RETRIES", "0")
        .env("UV_PYTHON_DOWNLOADS", "never")
        .env("PATH", clients)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let report: serde_json::Value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let flaws = report["vulnerabilities"].as_array().unwrap();
    flaws
        .iter()
        .map(|f| (word(&f["dependency"]["name"]), word(&f["id"])))
        .collect()
}

/// The advisories that an audit names.
fn wellhead(project: &Project, file: &str) -> Found {
    let report = project.json(&[file, "--select", "vulnerable-package,compromised-release"]);
    let mut found = Found::new();
    for finding in report["findings"].as_array().unwrap() {
        let properties = &finding["properties"];
        for id in properties["advisories"].as_array().unwrap() {
            found.insert((word(&properties["package"]), word(id)));
        }
    }
    found
}

fn word(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

const LOCK: &str = r#"version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [{ name = "evil-thing" }, { name = "fine" }, { name = "litellm" }, { name = "some-thing" }]

[package.metadata]
requires-dist = [{ name = "evil-thing" }, { name = "fine" }, { name = "litellm" }, { name = "some-thing" }]
"#;

#[test]
fn real_clients_find_what_an_audit_finds() {
    let Some(clients) = clients() else { return };
    let pins = [
        ("evil-thing", "0.1"),
        ("fine", "1.0"),
        ("litellm", "1.82.8"),
        ("some-thing", "2.5.1"),
    ];
    let requirements: String = pins.map(|(n, v)| format!("{n}=={v}\n")).concat();
    let mut lock = LOCK.to_owned();
    for (name, version) in pins {
        let wheel = name.replace('-', "_");
        let file = format!("http://127.0.0.1:9/{wheel}-{version}-py3-none-any.whl");
        lock.push_str(&format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \"http://127.0.0.1:9/simple\" }}\n\
             wheels = [{{ url = \"{file}\", hash = \"sha256:{}\", size = 1 }}]\n",
            "0".repeat(64)
        ));
    }
    let project = "[project]\nname = \"app\"\nversion = \"0.1.0\"\nrequires-python = \">=3.11\"\n\
                   dependencies = [\"evil-thing\", \"fine\", \"litellm\", \"some-thing\"]\n";
    let project = imported(&[
        ("p/requirements.txt", &requirements),
        ("p/uv.lock", &lock),
        ("p/pyproject.toml", project),
    ]);
    let certain: Found = [
        ("evil-thing", "MAL-2099-2"),
        ("litellm", "MAL-2026-2144"),
        ("some-thing", "PYSEC-2099-1"),
    ]
    .map(|(n, i)| (n.to_owned(), i.to_owned()))
    .into();
    // The incident list may know more of litellm by the time.
    let expected = wellhead(&project, "p/requirements.txt");
    assert!(expected.is_superset(&certain), "{expected:?}");
    assert!(expected.iter().all(|(name, _)| name != "fine"));
    let server = Server::start(&project);
    let folder = project.path().join("p");
    assert_eq!(pip_audit(&clients, &server, &folder, &expected), expected);
    assert_eq!(uv_audit(&clients, &server, &folder), expected);
}

#[test]
fn real_clients_agree_on_a_project_of_345_packages() {
    let shared = std::env::var_os("WELLHEAD_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let data = shared.join("data/dependencies/mlproj");
    if !data.is_dir() {
        eprintln!("skipped: {} is not there", data.display());
        return;
    }
    let Some(clients) = clients() else { return };
    let project = Project::new(&[]);
    for name in ["requirements.txt", "pyproject.toml"] {
        project.write(name, &std::fs::read(data.join(name)).unwrap());
    }
    // Nothing outside of this machine is asked, not even for the state of projects.
    let lock = std::fs::read_to_string(data.join("uv.lock")).unwrap();
    let closed = "http://127.0.0.1:9/simple";
    let lock: Vec<&str> = lock.split("https://index.example.org/simple").collect();
    assert!(lock.len() > 300, "{}", lock.len());
    project.write("uv.lock", lock.join(closed).as_bytes());
    let zip = shared.join("data/advisories/PyPI-pysec-all.zip");
    assert_eq!(project.run(&["db", "import", &zip.to_string_lossy()]).code, 0);
    let server = Server::start(&project);
    // The incident list knows nothing of these pins that the advisories do not.
    let expected = wellhead(&project, "uv.lock");
    assert_eq!(expected.len(), 259);
    assert_eq!(uv_audit(&clients, &server, project.path()), expected);
    assert_eq!(pip_audit(&clients, &server, project.path(), &expected), expected);
}

#[test]
fn records_are_answered_and_ctrl_c_ends_the_server() {
    let project = imported(&[]);
    let mut server = Server::start(&project);
    assert!(server.get("/").contains(r#""advisories":2"#));
    assert!(server.get("/v1/vulns/GHSA-gone").contains("Bug not found."));
    let record: serde_json::Value = serde_json::from_str(&server.get("/v1/vulns/PYSEC-2099-1")).unwrap();
    assert_eq!(record["affected"][0]["ranges"][0]["events"][1]["fixed"], "2.6.0");
    let told = Command::new("kill")
        .args(["-INT", &server.child.id().to_string()])
        .status();
    if !told.is_ok_and(|s| s.success()) {
        eprintln!("skipped: no `kill` to send a signal with");
        return;
    }
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_served_is_told() {
    let project = Project::new(&[]);
    let ran = project.run(&["serve-osv", "--listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err, @r#"
    error: there are no advisories to serve: `[PROJECT]/.git/data/advisories/pypi.db`

    hint: make it anew: `wellhead db update`, or `wellhead db import PyPI/all.zip`, the zip that OSV publishes per ecosystem
    "#);
    let project = imported(&[]);
    let ran = project.run(&["serve-osv", "--listen", "0.0.0.0:0"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err, @r#"
    error: `0.0.0.0:0` can be reached from other machines, and the server asks nobody who they are

    hint: listen on `127.0.0.1`, or say `--allow-remote` if that is what you mean
    "#);
    std::fs::remove_file(project.path().join(".git/data/advisories/pypi.records")).unwrap();
    let ran = project.run(&["serve-osv", "--listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err, @r#"
    error: cannot read `[PROJECT]/.git/data/advisories/pypi.records`: no such file or folder

    hint: import the advisories again: `wellhead db import PyPI/all.zip`
    "#);
    let ran = project.run(&["serve-osv", "--listen", "everywhere"]);
    assert_eq!(ran.code, 2);
}
