//! What is known of poisoned packages, one trick at a time, through whole runs.
//!
//! The tables are the pages beside this file: a heading for each case, what has to be said of it, and its files. A page is
//! read by people first, so whoever wants to know what is covered reads the headings. Payloads are written in clear and
//! packed here, by the steps that stand behind them: `⟦print(1) | zlib | base64⟧`. A case that is not yet answered as it
//! should be says so in a line of its own.

use crate::audit;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use wellhead_core::Severity;
use wellhead_engine::Options;
use wellhead_formats::assemble::{KINDS, assemble};

const PAGES: &[(&str, &str)] = &[
    ("fixtures", include_str!("tricks/fixtures.md")),
    ("triggers", include_str!("tricks/triggers.md")),
    ("hiding", include_str!("tricks/hiding.md")),
    ("actions", include_str!("tricks/actions.md")),
    ("detours", include_str!("tricks/detours.md")),
    ("honest", include_str!("tricks/honest.md")),
];
const METADATA: &str = "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n";
const WHEEL: &str = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";

/// One case of a page.
struct Case<'a> {
    name: &'a str,
    /// `block`, `review` or `none`, and a rule that has to say so.
    expected: &'a str,
    /// The answer that it should have, where it has another one so far, and why it has not.
    wanted: &'a str,
    files: Vec<(String, Vec<u8>)>,
}

/// The cases of a page.
fn cases(page: &str) -> Vec<Case<'_>> {
    let mut out: Vec<Case<'_>> = Vec::new();
    // The kind and the name of the file whose block is open, and what was read of it.
    let mut open: Option<(&str, &str, String)> = None;
    for line in page.lines() {
        if let Some((kind, file, text)) = &mut open {
            if line == "```" {
                let content = bytes(kind, file, text);
                let case = out.last_mut().unwrap();
                case.files.push(((*file).to_owned(), content));
                open = None;
            } else {
                text.push_str(line);
                text.push('\n');
            }
        } else if let Some(name) = line.strip_prefix("## ") {
            out.push(Case {
                name,
                expected: "",
                wanted: "",
                files: Vec::new(),
            });
        } else if let Some(fence) = line.strip_prefix("```") {
            let (kind, file) = fence.split_once(" file=").unwrap();
            open = Some((kind, file, String::new()));
        } else if let (Some(expected), Some(case)) = (line.strip_prefix("Expected: "), out.last_mut()) {
            case.expected = expected;
        } else if let (Some(wanted), Some(case)) = (line.strip_prefix("Wanted: "), out.last_mut()) {
            // Behind a colon stands why it is not so yet.
            case.wanted = wanted.split(':').next().unwrap_or(wanted);
        }
    }
    out
}

fn bytes(kind: &str, file: &str, text: &str) -> Vec<u8> {
    let text = packed(text);
    match kind {
        "macho" => macho(&text),
        kind if KINDS.contains(&kind) => assemble(kind, &text).unwrap_or_else(|e| panic!("{file}: {e}")),
        _ => text.into_bytes(),
    }
}

/// The text with everything between the marks packed as it says.
fn packed(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('⟦') {
        let (inside, behind) = after.split_once('⟧').unwrap();
        out.push_str(before);
        match inside.split_once("U+") {
            Some(("", number)) => {
                let number = u32::from_str_radix(number, 16).unwrap();
                out.push(char::from_u32(number).unwrap());
            }
            _ => out.push_str(&steps(inside)),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn steps(inside: &str) -> String {
    // The payload may hold the sign itself, so only what is behind the last ones and is a step counts.
    let mut payload = inside;
    let mut steps = Vec::new();
    while let Some((before, step)) = payload.rsplit_once(" | ") {
        let known = ["base64", "hex", "zlib", "codes", "rot13", "reversed", "escaped"];
        if !known.contains(&step) && !step.starts_with("xor") && !step.starts_with("times") {
            break;
        }
        payload = before;
        steps.push(step);
    }
    let mut bytes = payload.replace("\\n", "\n").into_bytes();
    for step in steps.into_iter().rev() {
        let (name, number) = step.split_once(' ').unwrap_or((step, "0"));
        let number: usize = number.parse().unwrap();
        bytes = match name {
            "base64" => base64(&bytes).into_bytes(),
            "hex" => each(&bytes, "", |b| format!("{b:02x}")),
            "escaped" => each(&bytes, "", |b| format!("\\x{b:02x}")),
            "codes" => each(&bytes, ", ", |b| b.to_string()),
            "zlib" => zlib(&bytes),
            "xor" => bytes.iter().map(|b| b ^ u8::try_from(number).unwrap()).collect(),
            "times" => bytes.repeat(number),
            "reversed" => bytes.into_iter().rev().collect(),
            "rot13" => bytes.into_iter().map(rot13).collect(),
            other => panic!("no such step: {other}"),
        };
    }
    String::from_utf8(bytes).unwrap()
}

fn each(bytes: &[u8], between: &str, one: impl Fn(&u8) -> String) -> Vec<u8> {
    bytes
        .iter()
        .map(one)
        .collect::<Vec<_>>()
        .join(between)
        .into_bytes()
}

fn rot13(byte: u8) -> u8 {
    let turn = |first: u8| first + (byte - first + 13) % 26;
    match byte {
        b'a'..=b'z' => turn(b'a'),
        b'A'..=b'Z' => turn(b'A'),
        _ => byte,
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let all = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (digit, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let index = usize::try_from(all >> shift & 63).unwrap();
            let used = digit <= chunk.len();
            out.push(if used { char::from(DIGITS[index]) } else { '=' });
        }
    }
    out
}

/// A stream of zlib that stores its bytes.
fn zlib(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let mut out = vec![0x78, 0x01, 0x01];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(bytes);
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// A library of macOS for arm64 without any code, that imports the functions that the lines name.
fn macho(names: &str) -> Vec<u8> {
    let mut strings = vec![0_u8];
    let mut symbols = Vec::new();
    for name in names.lines() {
        symbols.extend(u32::try_from(strings.len()).unwrap().to_le_bytes());
        // External, and of no section: of another library.
        symbols.extend([0x01, 0, 0, 0]);
        symbols.extend(0_u64.to_le_bytes());
        strings.extend(name.as_bytes());
        strings.push(0);
    }
    let at = 32 + 24_u32;
    let size = u32::try_from(symbols.len()).unwrap();
    let words = [
        0xfeed_facf,
        0x0100_000c,
        0,
        6,
        1,
        24,
        0,
        0,
        // The table of symbols.
        2,
        24,
        at,
        size / 16,
        at + size,
        u32::try_from(strings.len()).unwrap(),
    ];
    let mut out: Vec<u8> = words.iter().flat_map(|w: &u32| w.to_le_bytes()).collect();
    out.extend(symbols);
    out.extend(strings);
    out
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut hex, b| {
        let _ = write!(hex, "{b:02x}");
        hex
    })
}

/// The archive of a case: a wheel with what each has, a source distribution, or a package of conda.
fn archive(case: &Case<'_>) -> (&'static str, Vec<u8>) {
    let has = |name: &str| case.files.iter().any(|(path, _)| path == name);
    if has("setup.py") || has("pyproject.toml") {
        let mut files = vec![("acme-1.0/PKG-INFO".to_owned(), METADATA.as_bytes().to_vec())];
        let inside = |(path, content): &(String, Vec<u8>)| (format!("acme-1.0/{path}"), content.clone());
        files.extend(case.files.iter().map(inside));
        return ("acme-1.0.tar", pack("tar", &files));
    }
    if has("info/index.json") {
        return ("acme-1.0-0.tar", pack("tar", &case.files));
    }
    let mut files = case.files.clone();
    if !files.iter().any(|(path, _)| path.ends_with(".py")) {
        files.push(("acme/__init__.py".to_owned(), b"__version__ = '1.0'\n".to_vec()));
    }
    files.push((
        "acme-1.0.dist-info/METADATA".to_owned(),
        METADATA.as_bytes().to_vec(),
    ));
    files.push(("acme-1.0.dist-info/WHEEL".to_owned(), WHEEL.as_bytes().to_vec()));
    let mut record = String::new();
    for (path, content) in &files {
        let _ = writeln!(record, "{path},sha256={},{}", digest(content), content.len());
    }
    record.push_str("acme-1.0.dist-info/RECORD,,\n");
    files.push(("acme-1.0.dist-info/RECORD".to_owned(), record.into_bytes()));
    ("acme-1.0-py3-none-any.whl", pack("zip", &files))
}

fn pack(kind: &str, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let verb = if kind == "tar" { "file" } else { "member" };
    let mut listing = String::new();
    for (path, content) in files {
        let _ = writeln!(listing, "{verb} {path} as=hex");
        for chunk in content.chunks(64) {
            let _ = writeln!(
                listing,
                "  {}",
                String::from_utf8(each(chunk, "", |b| format!("{b:02x}"))).unwrap()
            );
        }
    }
    assemble(kind, &listing).unwrap()
}

/// What is said of a case: the answer, and every rule that says something with its severity.
fn answer(case: &Case<'_>) -> (&'static str, String) {
    let (name, bytes) = archive(case);
    let report = audit(&[(name, &bytes)], &Options::default());
    let mut all: Vec<_> = report
        .findings
        .iter()
        .filter(|f| f.severity > Severity::Low)
        .collect();
    all.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let answer = match all.first().map(|f| f.severity) {
        Some(Severity::Critical) => "block",
        Some(_) => "review",
        None => "none",
    };
    let mut said: Vec<String> = all.iter().map(|f| format!("{} {}", f.rule, f.severity)).collect();
    said.dedup();
    (answer, said.join(", "))
}

fn rank(answer: &str) -> usize {
    ["none", "review", "block"]
        .iter()
        .position(|a| *a == answer)
        .unwrap()
}

#[test]
fn every_known_trick_gets_its_answer() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (page, text) in PAGES {
        for case in cases(text) {
            count += 1;
            let (answer, said) = answer(&case);
            let (expected, rule) = case.expected.split_once(' ').unwrap_or((case.expected, ""));
            assert!(!case.files.is_empty(), "{page}, {}: no files", case.name);
            // An honest case is one that nobody hears of; of the others each may be told more severely than it has to be,
            // unless its page says that it is not answered yet: then the page is changed with the answer.
            let right = if expected == "none" || !case.wanted.is_empty() {
                answer == expected
            } else {
                rank(answer) >= rank(expected)
            };
            if !case.wanted.is_empty() && rank(case.wanted) <= rank(expected) {
                wrong.push(format!("{page}, {}: nothing more is wanted", case.name));
            }
            if !right || !said.contains(rule) {
                wrong.push(format!(
                    "{page}, {}: expected {}, got {answer}: {said}",
                    case.name, case.expected
                ));
            }
        }
    }
    assert!(count > 130, "{count} cases");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn payloads_are_packed_as_python_unpacks_them() {
    // `base64.b64encode(zlib.compress(b"hi", 0))` of CPython.
    assert_eq!(steps("hi | zlib | base64"), "eAEBAgD9/2hpATsA0g==");
    assert_eq!(steps("a | b | hex"), "61207c2062");
    assert_eq!(steps("Hi | rot13"), "Uv");
}
