//! What calls outside of the package do: those that lead to code and values are followed, those with an effect become
//! records, and of the others it is known what went in.

use super::{
    Datum, builtins,
    call::Arguments,
    expressions::as_words,
    machine::Machine,
    sinks, sources,
    value::{Cut, HOLE, Kind, Object, Taint, Value, What},
};
use crate::behaviour::{SinkKind, SourceKind};
use ruff_text_size::TextRange;
use std::rc::Rc;

/// Calls whose result says nothing of what they were given.
const SILENT: &[&str] = &[
    "len",
    "isinstance",
    "issubclass",
    "print",
    "hasattr",
    "bool",
    "id",
    "callable",
    "any",
    "all",
    "range",
    "hash",
    "type",
    "os.path.exists",
    "os.path.isfile",
    "os.path.isdir",
    "os.access",
    "os.stat",
    "os.path.getsize",
    "os.makedirs",
    "os.mkdir",
    "time.sleep",
    "super",
    "warnings.warn",
    "os.remove",
    "os.unlink",
    "re.compile",
    "property",
    "classmethod",
    "staticmethod",
];

/// What nobody hands on at import but to send it.
const SECRET: &[SourceKind] = &[
    SourceKind::BulkEnvironment,
    SourceKind::CredentialFile,
    SourceKind::CloudMetadata,
    SourceKind::BrowserStore,
    SourceKind::Wallet,
];

/// Methods whose result says nothing of what they are a method of.
pub(super) const SILENT_METHODS: &[&str] = &[
    "startswith",
    "endswith",
    "isdigit",
    "isalpha",
    "find",
    "rfind",
    "count",
    "index",
    "exists",
    "is_file",
    "is_dir",
    "close",
    "flush",
    "seek",
    "tell",
    "info",
    "debug",
    "warning",
    "error",
    "exception",
    "critical",
    "mkdir",
    "unlink",
    "isatty",
];

/// Calls that run the function that they are given, now or soon.
pub(super) const RUNNERS: &[&str] = &[
    "threading.Thread",
    "threading.Timer",
    "multiprocessing.Process",
    "atexit.register",
    "asyncio.run",
    "asyncio.create_task",
    "asyncio.ensure_future",
    "asyncio.gather",
    "_thread.start_new_thread",
    "thread.start_new_thread",
    "signal.signal",
    "sys.settrace",
    "sys.setprofile",
    "sys.addaudithook",
    "pynput.keyboard.Listener",
    "keyboard.on_press",
    "keyboard.hook",
    "keyboard.on_release",
    "keyboard.on_press_key",
    "concurrent.futures.ThreadPoolExecutor().submit",
    "concurrent.futures.ThreadPoolExecutor().map",
    "concurrent.futures.ProcessPoolExecutor().submit",
    "multiprocessing.Pool().map",
    "multiprocessing.Pool().apply_async",
    "asyncio.get_event_loop().run_until_complete",
    "asyncio.new_event_loop().run_until_complete",
];

impl<'a> Machine<'a, '_> {
    /// Calls something outside of the package by its full name.
    pub(super) fn external(
        &mut self,
        path: &str,
        inner: &Taint,
        arguments: &Arguments,
        range: TextRange,
    ) -> Value {
        let known = self.special(path, arguments, range);
        if let Some(value) = known.or_else(|| self.detour(path, arguments, range)) {
            return value;
        }
        let given = self.given(arguments);
        // Descriptors are put in the place of others everywhere; a socket in the place of a terminal is a shell for others.
        let starts = |starts: &str| {
            arguments
                .values()
                .any(|v| v.as_path().is_some_and(|p| p.contains(starts)))
        };
        let shell = match path {
            "os.dup2" => starts("socket."),
            // Programs copy their own memory; what is copied into memory that may be run is code.
            "ctypes.memmove" => starts("VirtualAlloc") || starts("mmap") || starts("VirtualProtect"),
            _ => true,
        };
        if let Some(kind) = sinks::kind_of(path).filter(|_| shell) {
            self.sink(kind, path, inner, arguments, range);
        }
        if SECRET.iter().any(|kind| given.has(*kind)) {
            self.leads_elsewhere(std::iter::once(&Value::path(path)), range);
        }
        self.side_effects(path, inner, arguments, range);
        if let Some(known) = self.computed(path, arguments, &given, range) {
            return known;
        }
        self.vague = self.vague.saturating_add(1);
        let mut taint = if SILENT.contains(&path) {
            Taint::default()
        } else if super::is_known(path) && self.are_settled(arguments) {
            given.and(inner).and(&Taint::cut(Cut::Early))
        } else {
            given.and(inner)
        };
        if let Some(kind) = sources::of_call(path) {
            taint = taint.and(&Taint::of(self.step(Some(kind), range, path)));
        }
        if let Some(by) = sources::decoder(path) {
            taint = taint.then(self.step(Some(SourceKind::Decoded), range, by));
        }
        if sources::reads_media(path) {
            taint = taint.then(self.step(Some(SourceKind::Decoded), range, path));
        }
        // An archive holds what it was fetched with.
        if matches!(path, "zipfile.ZipFile" | "tarfile.open" | "sqlite3.connect")
            && let Some(written) = arguments.positional.first().and_then(|v| self.written_to(v))
        {
            taint = taint.and(&written);
        }
        taint = self.answered(path, arguments, taint, range);
        self.callbacks(path, arguments, range);
        let full: Rc<str> = if path.len() > 200 {
            Rc::from("?()")
        } else {
            Rc::from(format!("{path}()"))
        };
        Value {
            what: What::Path(full),
            taint,
        }
    }

    /// What is in the answer of a call to the network, of a program, of a file.
    fn answered(&mut self, path: &str, arguments: &Arguments, taint: Taint, range: TextRange) -> Taint {
        let last = path.rsplit('.').next().unwrap_or(path);
        match sinks::kind_of(path) {
            Some(SinkKind::NetworkSend) => {
                let url = arguments
                    .values()
                    .filter_map(Value::words)
                    .any(sources::is_metadata_service);
                let kind = if url {
                    SourceKind::CloudMetadata
                } else {
                    SourceKind::Network
                };
                // Whoever says where it is fetched from says what is fetched.
                let others: Vec<SourceKind> = SourceKind::ALL
                    .into_iter()
                    .filter(|k| *k != SourceKind::Network)
                    .collect();
                let told = arguments.get(0, "url").map(|v| v.taint.without(&others));
                let answer = told.unwrap_or_default().then(self.step(Some(kind), range, path));
                // A request carries on what it was made of; an answer does not.
                if last == "Request" {
                    taint.without(&[SourceKind::Network]).and(&answer)
                } else {
                    answer
                }
            }
            Some(SinkKind::Process) => {
                let told = arguments
                    .values()
                    .find_map(|v| sources::of_command(&self.command_of(v)));
                let fetched = arguments.positional.first().is_some_and(|v| {
                    let facts = super::commands::read(&self.command_of(v));
                    facts.sends && facts.fetched.is_empty()
                });
                match told {
                    Some(kind) => Taint::of(self.step(Some(kind), range, path)),
                    None if fetched => Taint::of(self.step(Some(SourceKind::Network), range, path)),
                    None => Taint::default(),
                }
            }
            _ if path.starts_with("asyncio.StreamReader().read") => {
                Taint::of(self.step(Some(SourceKind::Network), range, path))
            }
            _ if matches!(last, "recv" | "recvfrom" | "getresponse" | "recv_into") && path.contains("()") => {
                Taint::of(self.step(Some(SourceKind::Network), range, path))
            }
            _ => {
                let opens = [
                    "open",
                    "copy",
                    "copyfile",
                    "copy2",
                    "copytree",
                    "connect",
                    "read",
                    "glob",
                    "iglob",
                    "listdir",
                    "walk",
                    "ZipFile",
                    "make_archive",
                    "read_csv",
                    "exists",
                ];
                let text = arguments.positional.first().and_then(Value::words);
                match text.map(sources::of_file) {
                    Some(SourceKind::File | SourceKind::Resource) | None => taint,
                    Some(kind) if opens.contains(&last) && last != "exists" => {
                        let what = text.unwrap_or_default().to_owned();
                        taint.then(self.step(Some(kind), range, &what))
                    }
                    Some(_) => taint,
                }
            }
        }
    }

    /// What a pure function of known values gives.
    fn computed(
        &mut self,
        path: &str,
        arguments: &Arguments,
        given: &Taint,
        range: TextRange,
    ) -> Option<Value> {
        if arguments.more.is_some() || !super::is_known(path) {
            return None;
        }
        // What may be one of several is computed for each of them.
        if let [one] = arguments.positional.as_slice()
            && let What::OneOf(choices) = &one.what
            && arguments.keywords.is_empty()
        {
            let choices = Rc::clone(choices);
            let mut out: Option<Value> = None;
            for choice in choices
                .iter()
                .take(4)
                .filter(|c| c.datum().is_some_and(|d| *d != Datum::None))
            {
                let value = self.computed(path, &Arguments::of(vec![choice.clone()]), given, range)?;
                out = Some(match out {
                    Some(old) => old.or(value),
                    None => value,
                });
            }
            return out;
        }
        let mut data = Vec::new();
        for value in &arguments.positional {
            data.push(self.frozen(value)?);
        }
        let mut named = Vec::new();
        for (name, value) in &arguments.keywords {
            named.push((std::sync::Arc::from(&**name), self.frozen(value)?));
        }
        let result = builtins::builtin(path, &data, &named, self.budget);
        let datum = self.known(result)?;
        let mut taint = if SILENT.contains(&path) {
            Taint::default()
        } else {
            given.clone()
        };
        if let Some(by) = sources::decoder(path) {
            taint = taint.then(self.step(Some(SourceKind::Decoded), range, by));
        }
        Some(self.lift(datum).with(&taint))
    }

    /// A text that nobody knows, and that is the same wherever it turns up.
    pub(super) fn fresh(&mut self, before: &str) -> Value {
        self.symbols = self.symbols.saturating_add(1);
        Value::shape(&format!("{before}{HOLE}~{}", self.symbols))
    }

    /// Calls that lead to names, modules, code and containers.
    fn special(&mut self, path: &str, arguments: &Arguments, range: TextRange) -> Option<Value> {
        let first = arguments.positional.first();
        match path {
            "exec" | "eval" | "execfile" => Some(self.execute(path, arguments, range)),
            "compile" | "ast.parse" | "codeop.compile_command" => {
                let source = arguments.get(0, "source")?.clone();
                Some(source)
            }
            "types.FunctionType" | "types.LambdaType" => {
                self.execute(path, arguments, range);
                None
            }
            "getattr" => {
                let owner = first?.clone();
                let name = arguments
                    .positional
                    .get(1)
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                let Some(name) = name else {
                    let taint = self.given(arguments);
                    return Some(Value::unknown().with(&taint));
                };
                let found = self.attribute(&owner, &name);
                let found = self.read(found, range);
                Some(match arguments.positional.get(2) {
                    Some(other) if matches!(found.what, What::Unknown) => other.clone().with(&found.taint),
                    _ => found,
                })
            }
            "setattr" => {
                let (owner, value) = (first?.clone(), arguments.positional.get(2)?.clone());
                let name = arguments.positional.get(1)?.as_str()?.to_owned();
                self.set_attribute(&owner, &name, &value);
                Some(Datum::None.into())
            }
            "globals" => {
                let scope = self.files.get(self.frame.file)?.scope;
                Some(self.add(Object::Names(scope)).into())
            }
            "locals" => Some(self.add(Object::Names(self.frame.scope)).into()),
            "vars" => match first {
                None => Some(self.add(Object::Names(self.frame.scope)).into()),
                Some(value) => {
                    let value = value.clone();
                    Some(self.attribute(&value, "__dict__"))
                }
            },
            "__import__" | "importlib.import_module" | "importlib.__import__" => {
                let name = first?.as_str()?.to_owned();
                if name.starts_with('.') || name.is_empty() {
                    return None;
                }
                self.imported(&name, range);
                let whole = self.import_module(&name);
                if path == "__import__" && name.contains('.') && arguments.positional.len() < 4 {
                    return Some(self.import_module(name.split('.').next().unwrap_or(&name)));
                }
                Some(whole)
            }
            "functools.partial" | "functools.partialmethod" => {
                let callee = first?.clone();
                let positional = arguments.positional.get(1..).unwrap_or_default().to_vec();
                let bound = Object::Bound {
                    callee,
                    positional,
                    keywords: arguments.keywords.clone(),
                };
                Some(self.add(bound).into())
            }
            "functools.wraps" | "functools.lru_cache" | "functools.cache" => None,
            "type" if arguments.positional.len() == 1 => {
                let value = first?.clone();
                Some(self.attribute(&value, "__class__"))
            }
            "dict" | "collections.OrderedDict" => Some(self.new_dict(arguments)),
            "list" | "tuple" | "set" | "frozenset" | "bytearray" | "iter" | "collections.deque" => {
                self.new_sequence(path, arguments)
            }
            "map" | "filter" | "functools.reduce" => self.higher(path, arguments, range),
            "sorted" | "reversed" | "enumerate" | "zip" | "next" => self.ordered(path, arguments),
            "open" | "io.open" | "codecs.open" | "gzip.open" | "bz2.open" | "lzma.open" | "aiofiles.open" => {
                Some(self.open(arguments, range))
            }
            "pathlib.Path"
            | "pathlib.PurePath"
            | "pathlib.PosixPath"
            | "pathlib.WindowsPath"
            | "os.path.join" => self.joined(arguments),
            "pathlib.Path.home" => Some(Value::text("~")),
            "pathlib.Path.cwd" | "os.getcwd" => Some(Value::shape(&HOLE.to_string())),
            "os.path.expanduser"
            | "os.path.expandvars"
            | "os.path.abspath"
            | "os.path.realpath"
            | "os.path.normpath"
            | "os.fspath"
            | "str"
            | "importlib.resources.as_file" => {
                let value = first?;
                (matches!(value.what, What::Shape(_)) || (path != "str" && value.words().is_some()))
                    .then(|| value.clone())
            }
            "os.path.dirname" => {
                let value = first?;
                let text = value.words()?;
                let folder = text.rsplit_once('/').map_or("", |(folder, _)| folder);
                Some(Value::text_or_shape(folder, value.as_str().is_some()).with(&value.taint))
            }
            "os.getenv"
            | "os.environ.get"
            | "os.environ.pop"
            | "os.environ.__getitem__"
            | "os.environ.setdefault" => {
                let taint = Taint::of(self.step(Some(SourceKind::BulkEnvironment), range, path));
                let key = first?.clone();
                let taint = if key.words().is_some() {
                    self.variable(&taint, &key, &range)
                } else {
                    Taint::default()
                };
                let value = key
                    .as_str()
                    .map_or_else(Value::unknown, |name| Value::shape(&format!("${name}")));
                Some(value.with(&taint))
            }
            "os.environ.items" | "os.environ.values" | "os.environ.copy" => {
                let taint = Taint::of(self.step(Some(SourceKind::BulkEnvironment), range, "os.environ"));
                Some(Value::unknown().with(&taint))
            }
            "os.environ.keys" => Some(Value::unknown()),
            "asyncio.open_connection" => {
                self.sink(SinkKind::NetworkSend, path, &Taint::default(), arguments, range);
                let ends = ["asyncio.StreamReader()", "asyncio.StreamWriter()"].map(Value::path);
                Some(self.new_container(Kind::Tuple, ends.to_vec()))
            }
            "zipfile.ZipFile" => self.new_archive(arguments),
            "tempfile.NamedTemporaryFile" | "tempfile.TemporaryFile" | "tempfile.SpooledTemporaryFile" => {
                let suffix = arguments.keyword("suffix").map(as_words).unwrap_or_default();
                let name = format!("{}{suffix}", as_words(&self.fresh("$TEMP/")));
                Some(self.temporary_file(&name))
            }
            "tempfile.mkstemp" => {
                let file = self.fresh("$TEMP/");
                Some(self.new_container(Kind::Tuple, vec![Value::unknown(), file]))
            }
            "tempfile.gettempdir" => Some(Value::shape("$TEMP")),
            "tempfile.mkdtemp" | "tempfile.mktemp" => Some(self.fresh("$TEMP/")),
            "secrets.token_hex" | "secrets.token_urlsafe" | "uuid.uuid4" | "uuid.uuid1" => {
                Some(self.fresh(""))
            }
            "configparser.ConfigParser"
            | "configparser.RawConfigParser"
            | "configparser.SafeConfigParser" => {
                let value = self.new_container(Kind::Dict, Vec::new());
                self.blur(&value);
                Some(value)
            }
            "setuptools.setup" | "distutils.core.setup" | "setup" => {
                self.commands(arguments, range);
                None
            }
            _ => None,
        }
    }
}
