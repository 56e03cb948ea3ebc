use super::*;
use crate::module::Value;
use insta::assert_snapshot;
use proptest::prelude::*;

fn read(source: &str) -> Module {
    parse(source, &mut Budget::default())
}

fn show(value: &Value) -> String {
    match value {
        Value::Unknown => "_".to_owned(),
        Value::None => "None".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Text(t) => format!("{t:?}"),
        Value::Bytes(b) => format!("b{:?}", String::from_utf8_lossy(b)),
        Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Dict(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|(k, v)| format!("{}: {}", show(k), show(v)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
        Value::Path(path) => path.clone(),
        Value::OneOf(all) => all.iter().map(show).collect::<Vec<_>>().join(" | "),
    }
}

/// One line a call: names, arguments, marks.
fn calls(source: &str) -> String {
    let module = read(source);
    let lines: Vec<String> = module
        .calls
        .iter()
        .map(|c| {
            let mut parts: Vec<String> = c.positional.iter().map(|a| show(&a.value)).collect();
            parts.extend(
                c.keywords
                    .iter()
                    .map(|k| format!("{}={}", k.name, show(&k.argument.value))),
            );
            if c.open {
                parts.push("...".to_owned());
            }
            let partial = if c.partial { "partial " } else { "" };
            let time = if c.at_import { "" } else { "later " };
            format!("{time}{partial}{}({})", c.callees.join("|"), parts.join(", "))
        })
        .collect();
    lines.join("\n")
}

#[test]
fn names_are_followed_through_imports_and_assignments() {
    let source = r#"
import torch as t, numpy as np, os.path
from transformers import AutoModel as M
from . import nets
from .models.core import build
load = t.load
t.load("a")
M.from_pretrained("x")
load("b")
os.path.join("a", "b")
nets.build(), build()
getattr(t, "hub").load("r")
__import__("os").system("id")
import importlib
importlib.import_module("pickle").loads(b"x")
pickle_module = __import__("pick" + "le")
pickle_module.load(f)
np.core.load(1)
unknown().from_pretrained("y")
import sys
sys.modules["os"].system("a")
getattr(__builtins__, "ev" + "al")("1")
"#;
    assert_snapshot!(calls(source), @r#"
    torch.load("a")
    transformers.AutoModel.from_pretrained("x")
    torch.load("b")
    os.path.join("a", "b")
    .nets.build()
    .models.core.build()
    getattr(torch, "hub")
    torch.hub.load("r")
    __import__("os")
    os.system("id")
    importlib.import_module("pickle")
    pickle.loads(b"x")
    __import__("pickle")
    pickle.load(f)
    numpy.core.load(1)
    unknown()
    unknown().from_pretrained("y")
    os.system("a")
    getattr(__builtins__, "eval")
    eval("1")
    "#);
}

#[test]
fn chains_cost_no_more_than_their_square() {
    let limits = wellhead_core::Limits {
        steps: 400_000,
        ..Default::default()
    };
    for start in ["word", "'1'", "f(word)"] {
        for link in [".replace('1', 'x')", ".strip()", ".foo.lower()", ".lower"] {
            let chain = format!("{start}{}", link.repeat(40));
            for source in [
                format!("x = {chain}\ny = x\n"),
                format!("word = {chain}\n"),
                format!("x = f'{{{chain}}}'\n"),
            ] {
                let mut budget = Budget::new(limits.clone(), std::sync::Arc::default());
                let module = parse(&source, &mut budget);
                assert_eq!(budget.exhausted(), None, "{source}");
                assert!(module.text.contains(link), "{source}");
            }
        }
    }
    // Arguments are asked for by each thing that a callee may be.
    let nested = format!(
        "f = str if a else bool if b else os.fspath\nx = {}1{}\n",
        "f(".repeat(40),
        ")".repeat(40)
    );
    let mut budget = Budget::new(limits, std::sync::Arc::default());
    parse(&nested, &mut budget);
    assert_eq!(budget.exhausted(), None);
}

#[test]
fn constants_are_folded_and_what_is_not_constant_is_not() {
    let source = r#"
import os
NAME = "org/" + "model"
REV: str = f"{NAME}-v{1}"
f(NAME, REV, name=NAME)
for each in ["a", "b"]:
    f(each)
f("%s/%s" % ("a", "b"), "{}/{}".format("c", "d"), "/".join(["e", "f"]))
f(os.environ.get("X", "fallback"), os.environ["Y"], os.getenv("Z"))
f("a" if c else "b", c and True, not False, -1)
def g(p="default", *args, **kw):
    f(p, *args, **kw)
    f(*["x", "y"], z=1)
class C:
    size = "large"
    def __init__(self, name):
        self.name = "n"
        self.other = name
    def run(self):
        f(self.name, self.size, self.other, C.size)
x = x + "a"
f(x)
f("dlrow"[::-1], {"a": 1}["a"], ["p", "q"][1])
"#;
    assert_snapshot!(calls(source), @r#"
    f("org/model", "org/model-v1", name="org/model")
    f("a" | "b")
    f("a/b", "c/d", "e/f")
    ?.format("c", "d")
    ?.join(["e", "f"])
    f("fallback" | _, _, _)
    os.environ.get("X", "fallback")
    os.getenv("Z")
    f("a" | "b", c | true, true, -1)
    later f("default" | _, ...)
    later f("x", "y", z=1)
    later f("n", "large", _, "large")
    f(_)
    f("world", 1, "q")
    "#);
}

#[test]
fn unpacked_dictionaries_are_arguments() {
    let source = r#"
import functools, numpy
options = {"allow_pickle": True}
options["mmap_mode"] = "r"
options.update(encoding="latin1")
numpy.load("x", **options)
numpy.load("x", **dict(allow_pickle=True))
numpy.load("x", **{**options, "allow_pickle": False})
numpy.load("x", **unknown)
load = functools.partial(numpy.load, allow_pickle=True)
extra = {"a": 1} if c else {}
f(**extra)
"#;
    assert_snapshot!(calls(source), @r#"
    ?.update(encoding="latin1")
    numpy.load("x", allow_pickle=true, mmap_mode="r", encoding="latin1")
    numpy.load("x", allow_pickle=true)
    dict(allow_pickle=true)
    numpy.load("x", allow_pickle=true, mmap_mode="r", encoding="latin1", allow_pickle=false)
    numpy.load("x", ...)
    partial numpy.load(allow_pickle=true)
    f(a=1, ...)
    "#);
}

#[test]
fn what_importing_runs_is_told_from_what_is_only_defined() {
    let source = r#"
import a
def used(): a.now()
def unused(): a.later()
class K:
    a.body()
    def __init__(self): a.init()
    def other(self): a.never()
used()
K()
if __name__ == "__main__":
    a.main()
call = lambda: a.inner()
def deco(f):
    a.decorating()
    return f
@deco
def decorated(): a.not_yet()
"#;
    assert_snapshot!(calls(source), @r#"
    a.now()
    later a.later()
    a.body()
    a.init()
    later a.never()
    .used()
    .K()
    later a.main()
    later a.inner()
    a.decorating()
    later a.not_yet()
    "#);
}

#[test]
fn several_imports_of_one_name_are_several_callees() {
    let source = "try:\n    import cPickle as p\nexcept ImportError:\n    import pickle as p\np.load(f)\n";
    assert_eq!(calls(source), "cPickle.load|pickle.load(f)");
}

#[test]
fn capabilities_and_environment_writes_are_found() {
    let source = r#"
import os, subprocess, base64, ctypes
from os import environ as e
os.environ["HF_ENDPOINT"] = "http://mirror.example"
os.environ.setdefault("A", "b")
os.environ.update({"C": "d"}, E="f")
token = e["TOKEN"]
for k in os.environ: pass
open("x", "w")
open("x")
subprocess.run(["ls"])
exec(base64.b64decode("eA=="))
ctypes.CDLL("x.so")
Path("~/.ssh/id_rsa")
map(os.system, ["ls"])
"#;
    let module = read(source);
    let uses: Vec<_> = module
        .uses
        .iter()
        .map(|u| format!("{} {}", u.capability, u.what))
        .collect();
    assert_snapshot!(uses.join("\n"), @r#"
    environment os.environ
    environment os.environ
    environment os.environ
    environment os.environ
    file-write open
    process subprocess.run
    execution exec
    decode base64.b64decode
    native ctypes.CDLL
    credentials ~/.ssh/id_rsa
    process os.system
    "#);
    let environment: Vec<_> = module
        .environment
        .iter()
        .map(|w| format!("{}={}", w.name, show(&w.value)))
        .collect();
    assert_snapshot!(environment.join("\n"), @r#"
    HF_ENDPOINT="http://mirror.example"
    A="b"
    E="f"
    C="d"
    "#);
}

#[test]
fn attributes_that_are_set_are_found() {
    let module = read("import requests, ssl as t\ns = requests.Session()\ns.verify = False\nt._a = t._b\n");
    let written: Vec<_> = module
        .attributes
        .iter()
        .map(|w| format!("{} = {}", w.target, show(&w.value)))
        .collect();
    assert_eq!(written, ["requests.Session().verify = false", "ssl._a = ssl._b"]);
}

#[test]
fn broken_source_is_understood_as_far_as_it_goes() {
    let module = read("import torch\nprint 'two'\ntorch.load('a')\ndef f(:\n    pass\ntorch.load('b')\n");
    let loads = module.calls.iter().filter(|c| c.may_be("torch.load")).count();
    assert_eq!(loads, 2);
    let why = module.outcome.why().unwrap();
    assert!(why.starts_with("not valid Python at line 2"), "{why}");
}

#[test]
fn deep_nesting_ends_the_analysis_and_not_the_program() {
    let n = 100_000;
    let cases = [
        "(".repeat(n),
        format!("{}{}", "(".repeat(n), ")".repeat(n)),
        format!("x = {}", "[".repeat(n)),
        format!("x = {}a", "not ".repeat(n)),
        format!("x = {}a", "-".repeat(n)),
        format!("x = a{}", ".b".repeat(n)),
        format!("x = a{}", "()".repeat(n)),
        format!("x = a{}", "[0]".repeat(n)),
        format!("x = a{}", " + a".repeat(n)),
        format!("x = a{}", " ** a".repeat(n)),
        format!("x = {}a", "lambda: ".repeat(n)),
        format!("x = {}a", "a if b else ".repeat(n)),
        format!("x = {}a", "await ".repeat(n)),
        format!("x = {}1", "f'{".repeat(n)),
        "async ".repeat(n),
        (0..3_000).map(|i| format!("{}if a:\n", " ".repeat(i))).collect(),
        format!("match x:\n case {}", "[".repeat(n)),
        format!("@{}a\ndef f(): pass", "a.".repeat(n)),
        "(\n".repeat(n),
        "{".repeat(n),
        format!("x: {}int", "list[".repeat(n)),
    ];
    for case in cases {
        let source = format!("import torch\ntorch.load('a')\n{case}\n");
        let module = read(&source);
        let head: String = case.chars().take(20).collect();
        assert!(module.calls.iter().any(|c| c.may_be("torch.load")), "{head}");
        assert!(module.outcome.why().is_some(), "{head}");
    }
}

#[test]
fn nesting_up_to_the_limit_is_walked_on_a_larger_stack() {
    let n = depth::LIMIT - 10;
    let cases = [
        format!("x = {}1{}", "(".repeat(n / 3), ")".repeat(n / 3)),
        format!("x = {}a", "not ".repeat(n)),
        format!("x = a{}", ".b".repeat(n)),
        format!("x = a{}", " + a".repeat(n)),
        format!("x = {}a", "lambda: ".repeat(n / 2 - 10)),
        format!("x = a{}", ".b()".repeat(n / 5)),
    ];
    for case in cases {
        let handle = std::thread::Builder::new().stack_size(1 << 20);
        let source = format!("import torch\n{case}\ntorch.load('a')\n");
        let module = handle.spawn(move || read(&source)).unwrap().join().unwrap();
        let head: String = case.chars().take(20).collect();
        assert!(module.calls.iter().any(|c| c.may_be("torch.load")), "{head}");
        assert_eq!(module.outcome, Outcome::Analysed, "{head}");
    }
}

#[test]
fn doubling_does_not_blow_up() {
    let mut source = String::from("v0 = 'x' * 1\nw0 = ['a', 'b']\n");
    for i in 1..200 {
        source.push_str(&format!("v{i} = v{0} + v{0}\nw{i} = [w{0}, w{0}]\n", i - 1));
    }
    source.push_str("f(v199, w199)\n");
    assert!(calls(&source).len() < 200);
}

#[test]
fn an_empty_budget_is_an_outcome() {
    let limits = wellhead_core::Limits {
        steps: 40,
        ..wellhead_core::Limits::default()
    };
    let mut budget = Budget::new(limits, Arc::default());
    let module = parse("f(1, 2, 3, [1, 2, 3, 4, 5, 6], 5)\n", &mut budget);
    assert_eq!(module.outcome.why(), Some("takes more than 40 steps"));
}

proptest! {
    #[test]
    fn no_source_makes_it_panic(source in "[a-z0-9 .,:()\\[\\]{}'\"=+*%!@#\\n\\t\\\\-]{0,120}|\\PC{0,60}") {
        let module = read(&source);
        for call in &module.calls {
            prop_assert!(source.get(call.range.clone()).is_some());
        }
    }
}
