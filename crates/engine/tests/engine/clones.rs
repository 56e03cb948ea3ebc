//! Copies of popular packages, through whole runs over folders.

use crate::audit;
use std::fmt::Write as _;
use wellhead_engine::Options;
use wellhead_formats::assemble::assemble;

/// A wheel of one module with `count` functions, of which the last `changed` say something else.
fn wheel(name: &str, count: usize, changed: usize) -> (String, Vec<u8>) {
    let module = name.replace('-', "_");
    let mut code = format!("member {module}/core.py\n");
    for i in 0..count {
        let odd = i + changed >= count;
        let last = if odd { "exec(parts[0])" } else { "len(parts)" };
        let _ = writeln!(
            code,
            "  def f{i}(text, mark=','):\n      # {name} {i}\n      parts = [p.strip() for p in text.split(mark) if p != '{i}']\n      return parts or {last}"
        );
    }
    let stem = format!("{module}-1.0");
    let _ = write!(
        code,
        "member {stem}.dist-info/METADATA\n  Metadata-Version: 2.1\n  Name: {name}\n  Version: 1.0\nmember {stem}.dist-info/WHEEL\n  Wheel-Version: 1.0\n  Tag: py3-none-any\n"
    );
    (
        format!("{stem}-py3-none-any.whl"),
        assemble("zip", &code).unwrap(),
    )
}

fn told(wheels: &[(String, Vec<u8>)]) -> Vec<String> {
    let files: Vec<(&str, &[u8])> = wheels
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let report = audit(&files, &Options::default());
    let clones = report.findings.iter().filter(|f| f.rule == "cloned-package");
    clones
        .map(|f| format!("{} {}: {}", f.severity, f.message, f.notes.join("; ")))
        .collect()
}

#[test]
fn a_copy_of_a_popular_package_is_told_with_what_was_changed() {
    let found = told(&[wheel("loguru", 20, 0), wheel("flashlines", 20, 2)]);
    assert_eq!(
        found,
        [
            "medium 90 % of the functions of `flashlines` are those of `loguru`, and 2 differ: 18 of 20 functions are the same; \
          changed: `flashlines/core.py::f18`, `flashlines/core.py::f19`"
        ]
    );
}

#[test]
fn sources_are_compared_with_wheels() {
    let (_, original) = wheel("loguru", 20, 0);
    let mut code = String::from(
        "file flashlines-1.0/PKG-INFO\n  Metadata-Version: 2.1\n  Name: flashlines\n  Version: 1.0\n",
    );
    code.push_str("file flashlines-1.0/setup.py\n  import setuptools\n  setuptools.setup()\n");
    code.push_str("file flashlines-1.0/src/flashlines/core.py\n");
    for i in 0..20 {
        let last = if i == 0 { "exec(parts[0])" } else { "len(parts)" };
        let _ = writeln!(
            code,
            "  def f{i}(text, mark=','):\n      parts = [p.strip() for p in text.split(mark) if p != '{i}']\n      return parts or {last}"
        );
    }
    let sources = ("flashlines-1.0.tar".to_owned(), assemble("tar", &code).unwrap());
    let found = told(&[("loguru-1.0-py3-none-any.whl".to_owned(), original), sources]);
    assert!(
        found.len() == 1
            && found[0].contains("95 %")
            && found[0].contains("changed: `flashlines/core.py::f0`"),
        "{found:?}"
    );
}

#[test]
fn builds_forks_and_strangers_are_no_copies() {
    let level = |name: &str, changed: usize| {
        let found = told(&[wheel("loguru", 20, 0), wheel(name, 20, changed)]);
        found
            .first()
            .map_or("-", |f| f.split(' ').next().unwrap())
            .to_owned()
    };
    assert_eq!(level("loguru-nightly", 0), "-");
    assert_eq!(level("loguru-acme", 2), "low");
    assert_eq!(level("flashlines", 15), "-");
    // Neither is known to be the original.
    assert_eq!(
        told(&[wheel("acme-lines", 20, 0), wheel("flashlines", 20, 0)]),
        Vec::<String>::new()
    );
}
