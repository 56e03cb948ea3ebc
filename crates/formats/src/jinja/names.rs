//! What names mean: those of the runtime, those that lead into it, and those that run something.

use super::value::Reached;

/// Objects and functions that runtimes hand to every template.
static GIVEN: &[&str] = &[
    "cycler",
    "lipsum",
    "joiner",
    "namespace",
    "dict",
    "range",
    "self",
    "config",
    "request",
    "session",
    "g",
    "url_for",
    "get_flashed_messages",
    "raise_exception",
    "strftime_now",
    "super",
];

/// Whether the runtime gives an object of that name.
pub(super) fn is_given(name: &str) -> bool {
    GIVEN.contains(&name)
}

/// Functions that templates call and the runtimes of chat templates define.
pub(super) fn is_known_function(name: &str) -> bool {
    is_given(name)
        || matches!(
            name,
            "caller" | "loop" | "gettext" | "ngettext" | "_" | "tojson" | "from_json" | "fromjson"
        )
}

/// Attributes that lead from any object to every function of the process.
static DOORS: &[&str] = &[
    "__globals__",
    "__builtins__",
    "__subclasses__",
    "__import__",
    "__base__",
    "__bases__",
    "__mro__",
    "__init__",
    "__new__",
    "__loader__",
    "__spec__",
    "__code__",
    "__closure__",
    "__func__",
    "__self__",
    "__wrapped__",
    "__getattribute__",
    "__getattr__",
    "__reduce__",
    "__reduce_ex__",
    "__init_subclass__",
    "__subclasshook__",
    "__class_getitem__",
    "func_globals",
    "func_code",
    "im_func",
    "gi_frame",
    "gi_code",
    "cr_frame",
    "cr_code",
    "ag_frame",
    "ag_code",
    "tb_frame",
    "f_globals",
    "f_locals",
    "f_builtins",
    "f_back",
    "co_code",
    "_TemplateReference__context",
    "_TemplateModule__body_stream",
    "_load_form_data",
];

/// How far an attribute of that name leads; `None` for an ordinary one.
pub(super) fn reach(name: &str, inside: bool) -> Option<Reached> {
    if DOORS.contains(&name) || (inside && name == "mro") {
        return Some(Reached::Door);
    }
    (name.len() > 4 && name.starts_with("__") && name.ends_with("__")).then_some(Reached::Internal)
}

/// Functions that run programs or code, open files or the network, with the module they are known from.
static RUNNERS: &[(&str, &str)] = &[
    ("popen", "os."),
    ("system", "os."),
    ("execl", "os."),
    ("execv", "os."),
    ("execve", "os."),
    ("execvp", "os."),
    ("spawnl", "os."),
    ("spawnv", "os."),
    ("spawnlp", "os."),
    ("spawnvp", "os."),
    ("posix_spawn", "os."),
    ("fork", "os."),
    ("remove", "os."),
    ("unlink", "os."),
    ("listdir", "os."),
    ("getenv", "os."),
    ("Popen", "subprocess."),
    ("check_output", "subprocess."),
    ("check_call", "subprocess."),
    ("getoutput", "subprocess."),
    ("getstatusoutput", "subprocess."),
    ("run", "subprocess."),
    ("rmtree", "shutil."),
    ("urlopen", "urllib.request."),
    ("eval", ""),
    ("exec", ""),
    ("execfile", ""),
    ("compile", ""),
    ("open", ""),
    ("import_module", "importlib."),
    ("load_module", ""),
    ("exec_module", ""),
    ("get_data", ""),
    ("from_pyfile", ""),
    ("from_object", ""),
    ("loads", ""),
    ("CDLL", "ctypes."),
];

/// Whether calling a function of that name runs something, whatever it is reached through.
pub(super) fn is_runner(name: &str) -> bool {
    RUNNERS.iter().any(|(n, _)| *n == name)
}

/// A function's name with its module, where the way there left the module out.
pub(super) fn full(short: &str) -> String {
    let module = RUNNERS.iter().find(|(n, _)| *n == short).map_or("", |(_, m)| m);
    format!("{module}{short}")
}

/// Methods of texts, lists, mappings and dates that templates use.
static METHODS: &[&str] = &[
    "append",
    "capitalize",
    "casefold",
    "center",
    "clear",
    "copy",
    "count",
    "date",
    "decode",
    "encode",
    "endswith",
    "expandtabs",
    "extend",
    "find",
    "format",
    "format_map",
    "get",
    "index",
    "insert",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isoformat",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "items",
    "join",
    "keys",
    "ljust",
    "lower",
    "lstrip",
    "now",
    "partition",
    "pop",
    "popitem",
    "remove",
    "removeprefix",
    "removesuffix",
    "replace",
    "reverse",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "setdefault",
    "sort",
    "split",
    "splitlines",
    "startswith",
    "strftime",
    "strip",
    "swapcase",
    "title",
    "today",
    "translate",
    "update",
    "upper",
    "utcnow",
    "values",
    "zfill",
    "cycle",
    "changed",
    "next",
    "reset",
];

/// Whether data has a method of that name.
pub(super) fn is_method(name: &str) -> bool {
    METHODS.contains(&name)
}
