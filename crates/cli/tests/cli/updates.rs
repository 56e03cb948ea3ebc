//! `wellhead db update` against a server on this machine that has OSV's layout, and all the ways to go wrong.

use crate::{Project, Ran};
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A file of the server and what it does with it.
#[derive(Clone)]
struct File {
    bytes: Vec<u8>,
    etag: String,
    /// How many requests are answered with a failure first.
    failures: usize,
    /// How many answers end after so many bytes.
    cut: Option<(usize, usize)>,
    ignores_ranges: bool,
}

impl File {
    fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self {
            etag: format!("\"{}\"", fingerprint(&bytes)),
            bytes,
            failures: 0,
            cut: None,
            ignores_ranges: false,
        }
    }
}

/// Enough to tell two files apart.
fn fingerprint(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    hash.finish()
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, File>,
    /// The requests: path and the first byte that was asked for.
    seen: Vec<(String, Option<usize>)>,
}

struct Server {
    url: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    fn new(files: &[(&str, File)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/osv", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let answering = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                    head.push(byte[0]);
                }
                let answer = answer(&String::from_utf8_lossy(&head), &mut answering.lock().unwrap());
                let _ = stream.write_all(&answer);
            }
        });
        let server = Self { url, state };
        for (path, file) in files {
            server.set(path, file.clone());
        }
        server
    }

    fn set(&self, path: &str, file: File) {
        let mut state = self.state.lock().unwrap();
        state.files.insert(format!("/osv/PyPI/{path}"), file);
    }

    fn drop_file(&self, path: &str) {
        self.state
            .lock()
            .unwrap()
            .files
            .remove(&format!("/osv/PyPI/{path}"));
    }

    /// The requests since the last time.
    fn seen(&self) -> Vec<String> {
        let seen = std::mem::take(&mut self.state.lock().unwrap().seen);
        seen.into_iter()
            .map(|(path, from)| {
                let path = path.replace("/osv/PyPI/", "");
                from.map_or(path.clone(), |_| format!("{path} from the middle"))
            })
            .collect()
    }
}

fn answer(head: &str, state: &mut State) -> Vec<u8> {
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let header = |name: &str| {
        head.lines()
            .find_map(|l| l.to_lowercase().strip_prefix(name).map(|v| v.trim().to_owned()))
    };
    let from: Option<usize> = header("range: bytes=").and_then(|r| r.split('-').next()?.parse().ok());
    state.seen.push((path.clone(), from));
    let Some(file) = state.files.get_mut(&path) else {
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    };
    if file.failures > 0 {
        file.failures -= 1;
        return b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    }
    let same = header("if-range:").is_none_or(|tag| tag == file.etag);
    let from = from.filter(|_| same && !file.ignores_ranges);
    let body = &file.bytes[from.unwrap_or(0)..];
    let range = from.map_or(String::new(), |from| {
        format!(
            "Content-Range: bytes {from}-{}/{}\r\n",
            file.bytes.len() - 1,
            file.bytes.len()
        )
    });
    let mut out = format!(
        "HTTP/1.1 {}\r\nConnection: close\r\nETag: {}\r\nContent-Length: {}\r\n{range}\r\n",
        if from.is_some() {
            "206 Partial Content"
        } else {
            "200 OK"
        },
        file.etag,
        body.len()
    )
    .into_bytes();
    match &mut file.cut {
        Some((times, after)) if *times > 0 => {
            *times -= 1;
            out.extend(&body[..(*after).min(body.len())]);
        }
        _ => out.extend(body),
    }
    out
}

fn record(id: &str, package: &str, fixed: &str) -> String {
    format!(
        r#"{{"id":"{id}","aliases":["CVE-2026-{}"],"summary":"burns","modified":"2026-01-01T00:00:00Z","affected":[{{"package":{{"ecosystem":"PyPI","name":"{package}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#,
        id.rsplit('-').next().unwrap()
    )
}

/// OSV's zip with one record for each of these.
fn zip(records: &[(&str, &str, &str)]) -> File {
    let listing: String = records
        .iter()
        .map(|(id, package, fixed)| format!("member {id}.json\n  {}\n", record(id, package, fixed)))
        .collect();
    File::new(wellhead_formats::assemble::assemble("zip", &listing).unwrap())
}

const TWO: &[(&str, &str, &str)] = &[
    ("PYSEC-2026-1", "first", "2.0"),
    ("PYSEC-2026-2", "second", "2.0"),
];

fn update(project: &Project, server: &Server, args: &[&str]) -> Ran {
    let mut all = vec!["db", "update", "--url", &server.url];
    all.extend(args);
    let mut ran = project.run(&all);
    ran.err = ran.err.replace(&server.url, "SERVER");
    ran
}

fn status(project: &Project) -> serde_json::Value {
    let ran = project.run(&["db", "status", "--format", "json"]);
    serde_json::from_str(&ran.out).unwrap()
}

/// The packages of a requirements file that are found vulnerable.
fn vulnerable(project: &Project) -> Vec<String> {
    let report = project.json(&["--select", "vulnerable-package"]);
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|f| f["properties"]["package"].as_str().unwrap().to_owned())
        .collect()
}

fn project() -> Project {
    Project::new(&[("requirements.txt", "first==1.0\nsecond==1.0\nthird==1.0\n")])
}

#[test]
fn everything_is_fetched_at_first_and_what_changed_later_on() {
    let server = Server::new(&[
        ("all.zip", zip(TWO)),
        (
            "modified_id.csv",
            File::new(
                "2999-01-01T00:00:00Z,PYSEC-2026-9\n2026-01-02T00:00:00Z,PYSEC-2026-2\n2026-01-01T00:00:00Z,PYSEC-2026-1\n",
            ),
        ),
    ]);
    let project = project();
    let ran = update(&project, &server, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.starts_with("Fetched 2 advisories for 2 packages"),
        "{}",
        ran.out
    );
    // The day is that of the download; a mirror that stands still is said aloud.
    assert!(
        ran.err
            .contains("warning: the newest advisory was changed on 2026-01-01"),
        "{}",
        ran.err
    );
    assert_eq!(server.seen(), ["modified_id.csv", "all.zip.sha256", "all.zip"]);
    let mut found = vulnerable(&project);
    found.sort();
    assert_eq!(found, ["first", "second"]);
    let about = status(&project);
    assert_eq!(
        (about["advisories"].as_u64(), about["age_days"].as_i64()),
        (Some(2), Some(0))
    );
    assert_eq!(about["source"], server.url.as_str());

    // One record is new, one changed, one is withdrawn by being gone from the list.
    server.set(
        "PYSEC-2026-3.json",
        File::new(record("PYSEC-2026-3", "third", "2.0")),
    );
    server.set(
        "PYSEC-2026-2.json",
        File::new(record("PYSEC-2026-2", "second", "0.5")),
    );
    server.set(
        "modified_id.csv",
        File::new("2026-02-02T00:00:00Z,PYSEC-2026-3\n2026-02-02T00:00:00.5Z,PYSEC-2026-2\n2026-01-01T00:00:00Z,PYSEC-2026-1\n"),
    );
    let ran = update(&project, &server, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("Fetched 2 changed records\n"), "{}", ran.out);
    assert_eq!(
        server.seen(),
        ["modified_id.csv", "PYSEC-2026-2.json", "PYSEC-2026-3.json"]
    );
    let mut found = vulnerable(&project);
    found.sort();
    assert_eq!(found, ["first", "third"]);

    let ran = update(&project, &server, &[]);
    assert!(
        ran.out.starts_with("Nothing has changed\n"),
        "{}{}",
        ran.out,
        ran.err
    );
    assert_eq!(server.seen(), ["modified_id.csv"]);

    // A withdrawn record and one that is gone match no more.
    let withdrawn =
        record("PYSEC-2026-1", "first", "2.0").replacen('{', r#"{"withdrawn":"2026-02-03T00:00:00Z","#, 1);
    server.set("PYSEC-2026-1.json", File::new(withdrawn));
    server.set(
        "modified_id.csv",
        File::new("2026-02-04T00:00:00Z,PYSEC-2026-3\n2026-02-03T00:00:00Z,PYSEC-2026-1\n2026-02-02T00:00:00.5Z,PYSEC-2026-2\n"),
    );
    server.drop_file("PYSEC-2026-3.json");
    let ran = update(&project, &server, &[]);
    assert!(
        ran.out
            .starts_with("Fetched 1 changed records, removed 1 that are gone\n"),
        "{}{}",
        ran.out,
        ran.err
    );
    assert_eq!(vulnerable(&project), [""; 0]);
    // Another record under the name of one that changed would leave the old one in place.
    server.seen();
    server.set(
        "PYSEC-2026-2.json",
        File::new(record("PYSEC-2026-7", "seventh", "2.0")),
    );
    server.set(
        "modified_id.csv",
        File::new("2026-02-05T00:00:00Z,PYSEC-2026-2\n2026-02-04T00:00:00Z,PYSEC-2026-3\n2026-02-03T00:00:00Z,PYSEC-2026-1\n"),
    );
    let ran = update(&project, &server, &[]);
    assert!(
        ran.code == 0
            && ran
                .err
                .contains("`PYSEC-2026-2.json` holds another record, so everything is fetched"),
        "{}",
        ran.err
    );
    assert!(server.seen().contains(&"all.zip".to_owned()));
    // A list that forgets most of what is there is not believed.
    server.set("modified_id.csv", File::new("2026-02-05T00:00:00Z,GHSA-a\n"));
    let ran = update(&project, &server, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(server.seen().contains(&"all.zip".to_owned()));
}

#[test]
fn an_interrupted_download_is_gone_on_with_by_the_next_run() {
    let Some(data) = shared() else { return };
    let bytes = std::fs::read(data.join("advisories/PyPI-pysec-all.zip")).unwrap();
    let mut file = File::new(bytes);
    // Each try of the first run ends where the one before did: nothing more comes.
    file.cut = Some((1, 5_000_000));
    let server = Server::new(&[("all.zip", file.clone())]);
    let project = project();
    // The second request and those after it fail, so that the first run gives up.
    let ran = {
        let state = Arc::clone(&server.state);
        let watcher = std::thread::spawn(move || {
            loop {
                let mut state = state.lock().unwrap();
                let file = state.files.get_mut("/osv/PyPI/all.zip").unwrap();
                if matches!(file.cut, Some((0, _))) {
                    file.failures = usize::MAX;
                    return;
                }
                drop(state);
                std::thread::yield_now();
            }
        });
        let ran = update(&project, &server, &[]);
        watcher.join().unwrap();
        ran
    };
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(!project.path().join(".git/data/advisories/pypi.db").exists());
    server.seen();
    file.cut = None;
    server.set("all.zip", file);
    let ran = update(&project, &server, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("note: went on from byte 5000000"), "{}", ran.err);
    assert!(
        ran.out.starts_with("Fetched 6811 advisories for 1"),
        "{}",
        ran.out
    );
    assert_eq!(server.seen().last().unwrap(), "all.zip from the middle");
    let mut left: Vec<_> = std::fs::read_dir(project.path().join(".git/data/advisories"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "lock")
        .collect();
    left.sort();
    assert_eq!(left, ["pypi.db", "pypi.records"]);
    // The real data through the real program: what the reference says of torch.
    project.write("requirements.txt", b"torch==2.6.0\n");
    let report = project.json(&["--select", "vulnerable-package"]);
    let found: usize = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["properties"]["advisories"].as_array().unwrap().len())
        .sum();
    assert_eq!(found, 24);
}

#[test]
fn a_connection_that_breaks_off_and_a_server_without_ranges_still_get_there() {
    for ignores_ranges in [false, true] {
        let mut file = zip(TWO);
        file.cut = Some((1, 100));
        file.ignores_ranges = ignores_ranges;
        let server = Server::new(&[("all.zip", file)]);
        let ran = update(&project(), &server, &[]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.starts_with("Fetched 2 advisories"), "{}", ran.out);
    }
}

/// What a broken server may not do: replace what is there.
#[test]
fn what_is_damaged_or_refused_replaces_nothing() {
    let good = zip(TWO);
    let project = project();
    let server = Server::new(&[("all.zip", good.clone())]);
    assert_eq!(update(&project, &server, &[]).code, 0);
    let before = std::fs::read(project.path().join(".git/data/advisories/pypi.db")).unwrap();
    let truncated = File::new(&good.bytes[..good.bytes.len() - 30]);
    let mut flipped = good.clone();
    flipped.bytes[60] ^= 1;
    let html = File::new(b"<html>please log in</html>".to_vec());
    for (file, says) in [
        (Some(truncated), "so nothing was replaced"),
        (Some(flipped), "so nothing was replaced"),
        (Some(html), "nothing was replaced"),
        (Some(zip(&[])), "nothing was replaced"),
        (None, "it is not there (status 404)"),
    ] {
        match file {
            Some(file) => server.set("all.zip", file),
            None => server.drop_file("all.zip"),
        }
        let ran = update(&project, &server, &[]);
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
        let after = std::fs::read(project.path().join(".git/data/advisories/pypi.db")).unwrap();
        assert!(before == after, "{says}");
        assert!(
            !project.path().join(".git/data/advisories/pypi-all.zip").exists(),
            "{says}"
        );
    }
    // What passes is waited for.
    let mut late = good;
    late.failures = 1;
    server.set("all.zip", late);
    assert_eq!(update(&project, &server, &[]).code, 0);
}

#[test]
fn a_digest_decides() {
    let good = zip(TWO);
    let bytes = std::sync::Arc::new(good.bytes.clone());
    let hex = wellhead_core::Digest::sha256(&bytes).hex;
    let wrong = "00".repeat(32);
    let server = Server::new(&[("all.zip", good)]);
    let project = project();
    let ran = update(&project, &server, &["--sha256", &wrong]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("is not the file that its digest promises"),
        "{}",
        ran.err
    );
    assert_eq!(status(&project)["imported"], false);
    assert_eq!(update(&project, &server, &["--sha256", &hex]).code, 0);
    server.set("all.zip.sha256", File::new(format!("{wrong}  all.zip\n")));
    assert_eq!(update(&project, &server, &[]).code, 2);
    server.set("all.zip.sha256", File::new(format!("{hex}  all.zip\n")));
    assert_eq!(update(&project, &server, &[]).code, 0);
    server.set("all.zip.sha256", File::new("soon"));
    assert!(update(&project, &server, &[]).err.contains("holds no SHA-256"));
    assert_eq!(update(&project, &server, &["--sha256", "abc"]).code, 2);
}

#[test]
fn exploited_vulnerabilities_and_estimates_are_joined_and_stay() {
    let kev = r#"{"catalogVersion":"2026.01.01","dateReleased":"2026-01-01T00:00:00Z","vulnerabilities":[{"cveID":"CVE-2026-1","dueDate":"2026-02-01"}]}"#;
    let epss = "#model_version:v2025.03.14,score_date:2026-01-03T00:00:00+0000\ncve,epss,percentile\nCVE-2026-2,0.5,0.9\n";
    let server = Server::new(&[
        ("all.zip", zip(TWO)),
        ("kev.json", File::new(kev)),
        ("epss.csv", File::new(epss)),
    ]);
    let project = project();
    // A table may come before the records.
    project.write(".git/epss_scores-2026-01-03.csv", epss.as_bytes());
    let ran = project.run(&["db", "import", ".git/epss_scores-2026-01-03.csv"]);
    assert!(
        ran.code == 0 && ran.err.contains("it counts as soon as"),
        "{}",
        ran.err
    );
    let kev_url = format!("--kev={}/PyPI/kev.json", server.url);
    let ran = update(&project, &server, &[&kev_url]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let check = |project: &Project| {
        let about = status(project);
        assert_eq!(about["kev"]["advisories"], 1, "{about}");
        assert_eq!(about["kev"]["date"], "2026-01-01");
        assert_eq!(about["epss"]["date"], "2026-01-03");
        let report = project.json(&["--select", "vulnerable-package"]);
        let findings = report["findings"].as_array().unwrap();
        let of = |name: &str| {
            findings
                .iter()
                .find(|f| f["properties"]["package"] == name)
                .unwrap()
        };
        let first = of("first");
        assert_eq!(first["properties"]["kev"], true);
        assert_eq!(first["properties"]["kev_due"], "2026-02-01");
        assert_eq!(first["severity"], "high");
        assert!(
            first["message"]
                .as_str()
                .unwrap()
                .ends_with("exploited in the wild"),
            "{first}"
        );
        let second = of("second");
        assert_eq!(second["properties"]["epss"], 0.5);
        assert_eq!(second["properties"]["epss_percentile"], 0.9);
        assert!(second["properties"].get("kev").is_none());
        let names: Vec<_> = report["databases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d["name"].clone())
            .collect();
        assert_eq!(names, ["incidents", "osv", "kev", "epss"]);
    };
    check(&project);
    // Fetched again without them, and imported again from files, both stay.
    assert_eq!(update(&project, &server, &["--full"]).code, 0);
    check(&project);
    project.write(".git/all.zip", &zip(TWO).bytes);
    assert_eq!(project.run(&["db", "import", ".git/all.zip"]).code, 0);
    check(&project);
    // A table alone changes neither the records nor their day.
    assert_eq!(
        project
            .run(&["db", "import", ".git/all.zip", "--date", "2026-03-01"])
            .code,
        0
    );
    project.write(
        ".git/known.json",
        kev.replace("CVE-2026-1\"", "CVE-2026-2\"").as_bytes(),
    );
    assert_eq!(project.run(&["db", "import", ".git/known.json"]).code, 0);
    let about = status(&project);
    assert_eq!(
        (about["date"].as_str(), about["advisories"].as_u64()),
        (Some("2026-03-01"), Some(2))
    );
    // What is no table replaces nothing.
    server.set("kev.json", File::new("<html>"));
    assert_eq!(update(&project, &server, &[&kev_url]).code, 2);
}

#[test]
fn an_update_without_a_network_a_loose_address_or_a_free_folder_says_so() {
    let server = Server::new(&[("all.zip", zip(TWO))]);
    let project = project();
    let ran = update(&project, &server, &["--offline"]);
    assert!(
        ran.code == 2 && ran.err.contains("hint: import a file that you bring"),
        "{}",
        ran.err
    );
    let ran = project.run(&["db", "update", "--url", "http://osv.example"]);
    assert!(
        ran.code == 2 && ran.err.contains("plain http is for this machine only"),
        "{}",
        ran.err
    );
    assert_eq!(server.seen(), [""; 0]);
    // Another run is at work.
    let lock = project.path().join(".git/data/advisories/lock");
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let held = std::fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let ran = update(&project, &server, &[]);
    assert!(
        ran.code == 2 && ran.err.contains("another run is at work there"),
        "{}",
        ran.err
    );
    drop(held);
    assert_eq!(update(&project, &server, &[]).code, 0);
}

/// Data that tests share and that is not part of the repository.
fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("WELLHEAD_SHARED").map(PathBuf::from);
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let data = named.unwrap_or_else(beside).join("data");
    if data.is_dir() {
        return Some(data);
    }
    eprintln!("skipped: the shared test data is not here");
    None
}
