//! What calls outside of the package do: those that lead to code and values are followed, those with an effect become
//! records, and of the others it is known what went in.

use super::{
    Datum, builtins,
    call::Arguments,
    expressions::{as_words, join_path},
    machine::Machine,
    sinks, sources,
    value::{Container, File, HOLE, Kind, Object, Taint, Value, What},
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

/// Methods whose result says nothing of what they are a method of.
const SILENT_METHODS: &[&str] = &[
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
const RUNNERS: &[&str] = &[
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
        if let Some(value) = self.special(path, arguments, range) {
            return value;
        }
        let given = self.given(arguments);
        // Descriptors are put in the place of others everywhere; a socket in the place of a terminal is a shell for others.
        let shell = path != "os.dup2"
            || arguments
                .values()
                .any(|v| v.as_path().is_some_and(|p| p.starts_with("socket.")));
        if let Some(kind) = sinks::kind_of(path).filter(|_| shell) {
            self.sink(kind, path, inner, arguments, range);
        }
        self.side_effects(path, inner, arguments, range);
        if let Some(known) = self.computed(path, arguments, &given, range) {
            return known;
        }
        self.vague = self.vague.saturating_add(1);
        let mut taint = if SILENT.contains(&path) {
            Taint::default()
        } else {
            given.and(inner)
        };
        if let Some(kind) = sources::of_call(path) {
            taint = taint.and(&Taint::of(self.step(Some(kind), range, path)));
        }
        if let Some(by) = sources::decoder(path) {
            taint = taint.then(self.step(Some(SourceKind::Decoded), range, by));
        }
        // An archive holds what it was fetched with.
        if matches!(path, "zipfile.ZipFile" | "tarfile.open")
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
                let answer = Taint::of(self.step(Some(kind), range, path));
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
                if let Some(kind) = told {
                    Taint::of(self.step(Some(kind), range, path))
                } else {
                    Taint::default()
                }
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
        if arguments.more.is_some() || path.ends_with("()") {
            return None;
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

    /// Calls that lead to names, modules, code and containers.
    fn special(&mut self, path: &str, arguments: &Arguments, range: TextRange) -> Option<Value> {
        let first = arguments.positional.first();
        match path {
            "exec" | "eval" | "execfile" => Some(self.execute(path, arguments, range)),
            "compile" => {
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
            "setuptools.setup" | "distutils.core.setup" | "setup" => {
                self.commands(arguments, range);
                None
            }
            _ => None,
        }
    }

    fn new_dict(&mut self, arguments: &Arguments) -> Value {
        let mut out = Container::new(Kind::Dict, self.frame.unsure);
        if let Some(first) = arguments.positional.first() {
            let pairs = (self.container(first).is_some_and(|c| c.kind != Kind::Dict))
                .then(|| self.items_of(first))
                .flatten();
            match pairs {
                Some(pairs) => {
                    for pair in pairs {
                        match self.items_of(&pair).as_deref() {
                            Some([key, value]) => out.set(key.clone(), value.clone()),
                            _ => out.vague = true,
                        }
                    }
                    out.taint = out.taint.and(&self.deep_taint(first));
                }
                None => self.merge_into(&mut out, first),
            }
        }
        for (name, value) in &arguments.keywords {
            out.taint = out.taint.and(&self.deep_taint(value));
            out.set(Value::text(name), value.clone());
        }
        out.vague |= arguments.more.is_some();
        let taint = out.taint.and(&arguments.more.clone().unwrap_or_default());
        Value::from(self.add(Object::Container(out))).with(&taint)
    }

    fn new_sequence(&mut self, path: &str, arguments: &Arguments) -> Option<Value> {
        let kind = match path {
            "tuple" => Kind::Tuple,
            "set" | "frozenset" => Kind::Set,
            "bytearray" => Kind::Bytes,
            _ => Kind::List,
        };
        let Some(first) = arguments.positional.first() else {
            return Some(self.new_container(kind, Vec::new()));
        };
        if kind == Kind::Bytes
            && let Some(Datum::Int(n)) = first.datum()
        {
            let n = usize::try_from(*n).ok().filter(|n| *n <= 1 << 16)?;
            return Some(self.new_container(kind, vec![Datum::Int(0).into(); n]));
        }
        if kind == Kind::Bytes && first.as_str().is_some() {
            return None;
        }
        let taint = self.deep_taint(first);
        match self.items_of(first) {
            Some(items) => Some(self.new_container(kind, items).with(&taint)),
            None => {
                let element = self.element_of(first);
                let value = self.new_container(kind, vec![element]);
                self.blur(&value);
                Some(value.with(&taint))
            }
        }
    }

    /// Functions that call a function for every item.
    fn higher(&mut self, path: &str, arguments: &Arguments, range: TextRange) -> Option<Value> {
        let callee = arguments.positional.first()?.clone();
        let over = arguments.positional.get(1)?.clone();
        let items = self.items_of(&over);
        let several = arguments.positional.len() > 2;
        let Some(items) = items.filter(|i| (i.len() as u64) <= self.fuel) else {
            let element = self.element_of(&over);
            let value = self.call(&callee, Arguments::of(vec![element]), range);
            let taint = self.deep_taint(&over).and(&self.deep_taint(&value));
            let out = self.new_container(Kind::List, vec![value]);
            self.blur(&out);
            return Some(out.with(&taint));
        };
        match path {
            "map" => {
                let mut more: Vec<std::vec::IntoIter<Value>> = Vec::new();
                for other in arguments.positional.get(2..).unwrap_or_default() {
                    more.push(self.items_of(other)?.into_iter());
                }
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    let mut given = vec![item];
                    given.extend(more.iter_mut().filter_map(Iterator::next));
                    if several && given.len() < arguments.positional.len().saturating_sub(1) {
                        break;
                    }
                    let value = self.call(&callee, Arguments::of(given), range);
                    out.push(value);
                }
                Some(self.new_container(Kind::List, out))
            }
            "filter" => {
                let mut out = Vec::new();
                let mut vague = false;
                for item in items {
                    let value = match callee.datum() {
                        Some(Datum::None) => item.clone(),
                        _ => self.call(&callee, Arguments::of(vec![item.clone()]), range),
                    };
                    let truth = self.truth(&value);
                    vague |= truth.is_none();
                    if truth != Some(false) {
                        out.push(item);
                    }
                }
                let value = self.new_container(Kind::List, out);
                if vague {
                    self.blur(&value);
                }
                Some(value)
            }
            _ => {
                let mut items = items.into_iter();
                let mut value = match arguments.positional.get(2) {
                    Some(start) => start.clone(),
                    None => items.next()?,
                };
                for item in items {
                    value = self.call(&callee, Arguments::of(vec![value, item]), range);
                }
                Some(value)
            }
        }
    }

    fn ordered(&mut self, path: &str, arguments: &Arguments) -> Option<Value> {
        let first = arguments.positional.first()?;
        if path == "next" {
            let items = self.items_of(first)?;
            return items.into_iter().next();
        }
        if path == "sorted" {
            return None;
        }
        let items = self.items_of(first)?;
        let taint = self.deep_taint(first);
        let value = match path {
            "reversed" => {
                let items = items.into_iter().rev().collect();
                self.new_container(Kind::List, items)
            }
            "enumerate" => {
                let start = arguments
                    .get(1, "start")
                    .map_or(Some(0), |v| v.datum().and_then(Datum::as_int))?;
                let mut out = Vec::new();
                for (at, item) in items.into_iter().enumerate() {
                    let number = start.saturating_add(i128::try_from(at).unwrap_or(i128::MAX));
                    let pair = self.new_container(Kind::Tuple, vec![Datum::Int(number).into(), item]);
                    out.push(pair);
                }
                self.new_container(Kind::List, out)
            }
            _ => {
                let mut rows: Vec<Vec<Value>> = items.into_iter().map(|i| vec![i]).collect();
                for other in arguments.positional.get(1..).unwrap_or_default() {
                    let more = self.items_of(other)?;
                    rows.truncate(more.len());
                    for (row, item) in rows.iter_mut().zip(more) {
                        row.push(item);
                    }
                }
                let mut out = Vec::new();
                for row in rows {
                    let tuple = self.new_container(Kind::Tuple, row);
                    out.push(tuple);
                }
                self.new_container(Kind::List, out)
            }
        };
        Some(value.with(&taint))
    }

    /// Texts that are joined to a path.
    fn joined(&mut self, arguments: &Arguments) -> Option<Value> {
        let mut out = String::new();
        let mut whole = arguments.more.is_none();
        if arguments.positional.iter().all(|v| v.words().is_none()) {
            return None;
        }
        for part in &arguments.positional {
            whole &= part.as_str().is_some();
            let text = as_words(part);
            if text.starts_with('/') {
                out.clear();
            } else if !out.is_empty() && !out.ends_with('/') {
                out.push('/');
            }
            out.push_str(&text);
        }
        let taint = self.given(arguments);
        Some(Value::text_or_shape(&out, whole).with(&taint))
    }

    // Files.

    /// What tells a file from others.
    pub(super) fn key_of(&self, value: &Value) -> Option<Rc<str>> {
        match &value.what {
            What::Symbol(n) => Some(Rc::from(format!("#{n}"))),
            What::Path(path) => Some(Rc::from(path.strip_suffix(".name").unwrap_or(path))),
            What::Object(id) => match self.object(*id)? {
                Object::File(file) => file.key.clone(),
                _ => None,
            },
            _ => value
                .words()
                .filter(|w| w.chars().filter(|c| *c != HOLE).count() > 2)
                .map(Rc::from),
        }
    }

    fn open(&mut self, arguments: &Arguments, range: TextRange) -> Value {
        let path = arguments.get(0, "file").cloned().unwrap_or_else(Value::unknown);
        let mode = arguments
            .get(1, "mode")
            .and_then(Value::as_str)
            .unwrap_or("r")
            .to_owned();
        let writes = mode.contains(['w', 'a', 'x', '+']);
        self.opened_file(&path, writes, range)
    }

    pub(super) fn opened_file(&mut self, path: &Value, writes: bool, range: TextRange) -> Value {
        let words = path.words().map(str::to_owned);
        let mut taint = Taint::default();
        if writes {
            if words.as_deref().is_some_and(sources::is_persistent) {
                let given = Arguments::of(vec![path.clone()]);
                let quoted = self.quoted(&given);
                self.record(
                    SinkKind::Persistence,
                    "open",
                    quoted,
                    &self.deep_taint(path),
                    range,
                );
            }
        } else {
            let kind = words.as_deref().map_or(SourceKind::File, sources::of_file);
            let what = words.unwrap_or_else(|| "open".to_owned());
            taint =
                Taint::of(self.step(Some(kind), range, &what)).and(&path.taint.without(&[SourceKind::File]));
        }
        let key = self.key_of(path);
        Value::from(self.add(Object::File(File {
            key,
            writes,
            taint: taint.clone(),
        })))
        .with(&taint)
    }

    pub(super) fn wrote(&mut self, key: Option<Rc<str>>, taint: &Taint, range: TextRange, callee: &str) {
        let Some(key) = key else { return };
        if sources::is_persistent(&key) && !taint.is_empty() {
            self.record(SinkKind::Persistence, callee, vec![key.to_string()], taint, range);
        }
        if self.written.len() < 400 {
            let slot = self.written.entry(key).or_default();
            *slot = slot.and(taint);
        }
    }

    /// What was written to a file that a value names.
    fn written_to(&self, value: &Value) -> Option<Taint> {
        if let Some(container) = self.container(value) {
            return container.items.iter().take(32).find_map(|item| {
                let key = self.key_of(item)?;
                self.written.get(&key).cloned()
            });
        }
        let key = self.key_of(value)?;
        if let Some(taint) = self.written.get(&key) {
            return Some(taint.clone());
        }
        let words = value.words()?;
        let named = |k: &str| k.len() > 4 && !k.starts_with('#') && words.contains(k);
        self.written
            .iter()
            .filter(|(k, _)| named(k))
            .map(|(k, t)| (k.len(), t))
            .max_by_key(|(n, _)| *n)
            .map(|(_, t)| t.clone())
    }

    fn side_effects(&mut self, path: &str, inner: &Taint, arguments: &Arguments, range: TextRange) {
        let (first, second) = (arguments.positional.first(), arguments.positional.get(1));
        match path {
            "urllib.request.urlretrieve" | "urllib.urlretrieve" | "wget.download" => {
                let Some(to) = arguments.get(1, "filename").or_else(|| arguments.keyword("out")) else {
                    return;
                };
                let key = self.key_of(to);
                let taint = Taint::of(self.step(Some(SourceKind::Network), range, path));
                self.wrote(key, &taint, range, path);
            }
            "shutil.move" | "shutil.copy" | "shutil.copyfile" | "shutil.copy2" | "os.rename"
            | "os.replace" => {
                let (Some(from), Some(to)) = (first, second) else {
                    return;
                };
                let mut taint = self.written_to(from).unwrap_or_default().and(&from.taint);
                let to_text = to.words().is_some_and(sources::is_persistent);
                if to_text && taint.is_empty() {
                    let quoted = self.quoted(arguments);
                    self.record(SinkKind::Persistence, path, quoted, &taint, range);
                }
                taint = taint.clone();
                let key = self.key_of(to);
                self.wrote(key, &taint, range, path);
            }
            "zipfile.ZipFile().extractall" | "zipfile.ZipFile().extract" | "tarfile.open().extractall" => {
                let Some(to) = arguments.keyword("path").or(first) else {
                    return;
                };
                let key = self.key_of(to);
                self.wrote(key, inner, range, path);
            }
            "shutil.unpack_archive" => {
                let (Some(from), Some(to)) = (first, second) else {
                    return;
                };
                let taint = self.written_to(from).unwrap_or_default().and(&from.taint);
                let key = self.key_of(to);
                self.wrote(key, &taint, range, path);
            }
            "os.chmod" => {
                let (Some(file), Some(mode)) = (first, second) else {
                    return;
                };
                let (file, mode) = (file.clone(), mode.clone());
                self.made_executable(&file, &mode, arguments, path, range);
            }
            _ => {}
        }
    }

    pub(super) fn made_executable(
        &mut self,
        file: &Value,
        mode: &Value,
        arguments: &Arguments,
        path: &str,
        range: TextRange,
    ) {
        let known = mode.datum().and_then(Datum::as_int);
        let executable = match known {
            Some(bits) => bits & 0o111 != 0,
            None => mode
                .choices()
                .iter()
                .any(|c| c.as_path().is_some_and(|p| p.starts_with("stat.S_IX"))),
        };
        // A mode that is put together from bits is one of `stat`.
        if !executable && known.is_some() {
            return;
        }
        if !executable && !mode_mentions(arguments) {
            return;
        }
        let taint = self.written_to(file).unwrap_or_default();
        let quoted = self.quoted(arguments);
        self.record(SinkKind::WriteThenRun, path, quoted, &taint, range);
        let key = self.key_of(file);
        self.wrote(key, &taint, range, path);
    }

    // Effects.

    pub(super) fn sink(
        &mut self,
        kind: SinkKind,
        path: &str,
        inner: &Taint,
        arguments: &Arguments,
        range: TextRange,
    ) {
        let mut taint = arguments.more.clone().unwrap_or_default();
        for value in &arguments.positional {
            taint = taint.and(&self.deep_taint(value));
        }
        for (name, value) in &arguments.keywords {
            // Handing the environment on to a program is what every program does.
            if kind == SinkKind::Process && &**name == "env" {
                continue;
            }
            taint = taint.and(&self.deep_taint(value));
        }
        if kind == SinkKind::NetworkSend {
            taint = taint.and(&inner.without(&[SourceKind::Network, SourceKind::File]));
        }
        let dropped: &[SourceKind] = match kind {
            SinkKind::NetworkSend => &[SourceKind::Network, SourceKind::Resource],
            SinkKind::DnsName => &[SourceKind::Network, SourceKind::Resource, SourceKind::File],
            SinkKind::Process => &[SourceKind::BulkEnvironment],
            SinkKind::NativeLoad | SinkKind::Persistence => &[],
            _ => &[],
        };
        let mut kept = taint.without(dropped);
        if kind == SinkKind::Process && taint.has(SourceKind::BulkEnvironment) {
            let positional = arguments
                .positional
                .iter()
                .fold(Taint::default(), |t, v| t.and(&self.deep_taint(v)));
            kept = kept.and(&positional);
        }
        let quoted = self.quoted(arguments);
        // What this very call fetches is not run by it.
        let written = arguments.values().find_map(|v| self.written_to(v));
        // A shell in the place of whose terminal stands a socket does what the other side says.
        if path == "os.dup2" {
            kept = kept.then(self.step(Some(SourceKind::Network), range, path));
        }
        if kind == SinkKind::Process {
            kept = self.process(path, arguments, kept, range);
        }
        if let Some(written) = written
            && matches!(kind, SinkKind::Process | SinkKind::NativeLoad | SinkKind::Execute)
        {
            self.record(SinkKind::WriteThenRun, path, quoted.clone(), &written, range);
            self.run_written(arguments, &written, range);
        }
        self.record(kind, path, quoted, &kept, range);
    }

    /// Reads the Python that was written to a file which is run now.
    fn run_written(&mut self, arguments: &Arguments, taint: &Taint, range: TextRange) {
        let mut keys: Vec<Rc<str>> = Vec::new();
        for value in arguments.positional.iter().take(2) {
            keys.extend(self.key_of(value));
            if let Some(container) = self.container(value) {
                keys.extend(
                    container
                        .items
                        .iter()
                        .take(32)
                        .filter_map(|item| self.key_of(item)),
                );
            }
        }
        let text = keys.iter().find_map(|key| self.texts.get(key).cloned());
        if let Some(text) = text {
            self.layer(&text, taint, range);
        }
    }

    /// The words of a command.
    pub(super) fn command_of(&self, value: &Value) -> String {
        if let Some(container) = self.container(value) {
            return container
                .items
                .iter()
                .take(64)
                .map(as_words)
                .collect::<Vec<_>>()
                .join(" ");
        }
        value.words().unwrap_or_default().to_owned()
    }

    /// Looks into a command; gives what flows into it, with what it gets hold of itself.
    fn process(&mut self, path: &str, arguments: &Arguments, mut taint: Taint, range: TextRange) -> Taint {
        let Some(first) = arguments
            .positional
            .first()
            .or_else(|| arguments.keyword("args"))
            .cloned()
        else {
            return taint;
        };
        let mut command = self.command_of(&first);
        for other in arguments.positional.get(1..).unwrap_or_default() {
            command.push(' ');
            command.push_str(&self.command_of(other));
        }
        // `curl … -o FILE`
        let items = self.container(&first).map_or_else(Vec::new, |c| c.items.clone());
        let to = items
            .iter()
            .position(|i| matches!(i.as_str(), Some("-o" | "-O" | "--output" | "-OutFile")));
        if let Some(to) = to
            .and_then(|at| items.get(at.saturating_add(1)))
            .filter(|_| command.contains("://"))
        {
            let key = self.key_of(to);
            let fetched = Taint::of(self.step(Some(SourceKind::Network), range, path));
            self.wrote(key, &fetched, range, path);
        }
        for kind in sources::within_command(&command) {
            taint = taint.then(self.step(Some(kind), range, path));
        }
        if sources::schedules(&command) {
            let quoted = self.quoted(arguments);
            self.record(SinkKind::Persistence, path, quoted, &taint, range);
        }
        self.command_layers(&first, &command, &taint, range);
        taint
    }

    fn callbacks(&mut self, path: &str, arguments: &Arguments, range: TextRange) {
        let runs = RUNNERS.contains(&path)
            || path.ends_with(".submit")
            || path.ends_with(".run_in_executor")
            || path.ends_with(".apply_async");
        if !runs {
            return;
        }
        let handed = arguments.keyword("args").cloned();
        let items = handed.and_then(|v| self.items_of(&v));
        for (at, value) in arguments.positional.iter().enumerate() {
            let sink = value.as_path().is_some_and(|p| sinks::kind_of(p).is_some());
            if self.is_callable(value) || sink {
                let rest = arguments
                    .positional
                    .get(at.saturating_add(1)..)
                    .unwrap_or_default()
                    .to_vec();
                let flat = match rest.as_slice() {
                    [one] => self.items_of(one).filter(|_| self.container(one).is_some()),
                    _ => None,
                };
                let given = items.or(flat).unwrap_or(rest);
                self.call(value, Arguments::of(given), range);
                return;
            }
        }
        for name in ["target", "function", "on_press", "on_release", "func"] {
            if let Some(value) = arguments.keyword(name) {
                let sink = value.as_path().is_some_and(|p| sinks::kind_of(p).is_some());
                if self.is_callable(value) || sink {
                    let value = value.clone();
                    self.call(&value, Arguments::of(items.clone().unwrap_or_default()), range);
                }
            }
        }
    }

    /// The commands that `setup` is given run when the package is installed.
    fn commands(&mut self, arguments: &Arguments, range: TextRange) {
        let Some(commands) = arguments.keyword("cmdclass").cloned() else {
            return;
        };
        let classes = self
            .container(&commands)
            .map_or_else(Vec::new, |c| c.items.clone());
        for class in classes.iter().take(32) {
            let What::Object(id) = class.what else { continue };
            if self.class(id).is_none() {
                continue;
            }
            let instance = Value::from(self.new_instance(id));
            for name in [
                "__init__",
                "initialize_options",
                "finalize_options",
                "run",
                "build_extension",
                "build_extensions",
            ] {
                if let Some(method) = self.class_member(id, name, 0) {
                    self.call(&method, Arguments::of(vec![instance.clone()]), range);
                }
            }
        }
    }

    // Methods of values that are no instances.

    pub(super) fn path_method(
        &mut self,
        path: &str,
        owner: &Value,
        name: &str,
        arguments: &Arguments,
        range: TextRange,
    ) -> Value {
        let table = path.ends_with("__dict__") || matches!(path, "__builtins__" | "builtins" | "sys.modules");
        if table
            && matches!(name, "get" | "__getitem__" | "pop")
            && let Some(key) = arguments.positional.first()
        {
            return self.item(owner, key, &range);
        }
        if matches!(name, "__getattribute__" | "__getattr__")
            && let Some(key) = arguments.positional.first().and_then(Value::as_str)
        {
            return self.attribute(owner, key);
        }
        if name == "__call__" {
            return self.external(path, &owner.taint, arguments, range);
        }
        let full = join_path(path, name);
        if matches!(name, "write" | "writelines") && path.contains("()") {
            let taint = self.given(arguments);
            self.wrote(Some(Rc::from(path)), &taint, range, &full);
        }
        let silent = SILENT_METHODS.contains(&name) && sinks::kind_of(&full).is_none();
        let value = self.external(&full, &owner.taint, arguments, range);
        if silent {
            Value {
                what: value.what,
                taint: Taint::default(),
            }
        } else {
            value
        }
    }

    pub(super) fn data_method(
        &mut self,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        range: TextRange,
    ) -> Value {
        if let What::Object(id) = &receiver.what {
            match self.object(*id) {
                Some(Object::Names(scope)) => {
                    let scope = *scope;
                    return self.names_method(scope, name, arguments);
                }
                Some(Object::File(file)) => {
                    let file = file.clone();
                    return self.file_method(&file, receiver, name, arguments, range);
                }
                Some(Object::Container(_)) => {
                    if let Some(value) = self.container_method(receiver, name, arguments, range) {
                        return value;
                    }
                }
                _ => {}
            }
        }
        let inner = self.deep_taint(receiver);
        let given = self.given(arguments);
        let mut taint = inner.and(&given);
        if SILENT_METHODS.contains(&name) {
            taint = Taint::default();
        }
        if let Some(datum) = self.frozen(receiver)
            && let Some(found) = self.known_method(&datum, name, arguments)
        {
            if matches!(datum, Datum::Tool(_)) && matches!(name, "decrypt" | "decompress" | "update") {
                let by = if name == "decrypt" { "cipher" } else { name };
                taint = taint.then(self.step(Some(SourceKind::Decoded), range, by));
            }
            return self.lift(found).with(&taint);
        }
        if let Some(value) = self.file_path_method(receiver, name, arguments, range) {
            return value;
        }
        if let Some(value) = self.shape_method(receiver, name, arguments) {
            return value.with(&taint);
        }
        self.vague = self.vague.saturating_add(1);
        if name == "get"
            && inner.has(SourceKind::BulkEnvironment)
            && let Some(key) = arguments.positional.first()
        {
            let taint = self.variable(&inner, key, &range);
            return Value::unknown().with(&taint);
        }
        if matches!(
            name,
            "write" | "writelines" | "send" | "sendall" | "write_bytes" | "write_text"
        ) {
            let key = self.key_of(receiver);
            self.wrote(key, &given, range, name);
        }
        Value::unknown().with(&taint)
    }

    fn known_method(&mut self, datum: &Datum, name: &str, arguments: &Arguments) -> Option<Datum> {
        if arguments.more.is_some() {
            return None;
        }
        let mut data = Vec::new();
        for value in &arguments.positional {
            data.push(self.frozen(value)?);
        }
        let mut named = Vec::new();
        for (name, value) in &arguments.keywords {
            named.push((std::sync::Arc::from(&**name), self.frozen(value)?));
        }
        let result = super::methods::method(datum, name, &data, &named, self.budget);
        self.known(result)
    }

    /// Texts with holes.
    fn shape_method(&mut self, receiver: &Value, name: &str, arguments: &Arguments) -> Option<Value> {
        let words = receiver.words()?.to_owned();
        match name {
            "encode" | "decode" | "strip" | "lower" | "upper" | "rstrip" | "lstrip" | "replace" | "title"
            | "casefold" => matches!(receiver.what, What::Shape(_)).then(|| receiver.clone()),
            "format" => {
                let mut out = words;
                for (at, value) in arguments.positional.iter().enumerate().take(32) {
                    let text = as_words(value);
                    out = match out.contains(&format!("{{{at}}}")) {
                        true => out.replace(&format!("{{{at}}}"), &text),
                        false => out.replacen("{}", &text, 1),
                    };
                }
                for (name, value) in arguments.keywords.iter().take(32) {
                    out = out.replace(&format!("{{{name}}}"), &as_words(value));
                }
                Some(Value::shape(&out))
            }
            "join" => {
                let items = self.items_of(arguments.positional.first()?)?;
                let parts: Vec<String> = items.iter().take(256).map(as_words).collect();
                Some(Value::shape(&parts.join(&words)))
            }
            _ => None,
        }
    }

    /// Methods of `pathlib.Path`, which is its text here.
    fn file_path_method(
        &mut self,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        range: TextRange,
    ) -> Option<Value> {
        if receiver.words().is_none() && !matches!(receiver.what, What::Symbol(_) | What::Unknown) {
            return None;
        }
        match name {
            "read_text" | "read_bytes" => {
                let file = self.opened_file(receiver, false, range);
                Some(Value::unknown().with(&file.taint))
            }
            "open" if receiver.words().is_some() => {
                let mode = arguments
                    .get(0, "mode")
                    .and_then(Value::as_str)
                    .unwrap_or("r")
                    .to_owned();
                Some(self.opened_file(receiver, mode.contains(['w', 'a', 'x', '+']), range))
            }
            "write_text" | "write_bytes" => {
                self.opened_file(receiver, true, range);
                let key = self.key_of(receiver);
                let taint = self.given(arguments);
                self.wrote(key, &taint, range, name);
                Some(Value::unknown())
            }
            "chmod" => {
                let mode = arguments.positional.first()?.clone();
                self.made_executable(receiver, &mode, arguments, "pathlib.Path.chmod", range);
                Some(Datum::None.into())
            }
            "expanduser" | "resolve" | "absolute" | "as_posix" | "__str__" | "__fspath__" => {
                receiver.words().is_some().then(|| receiver.clone())
            }
            "joinpath" => {
                let mut all = vec![receiver.clone()];
                all.extend(arguments.positional.iter().cloned());
                self.joined(&Arguments::of(all))
            }
            "glob" | "rglob" | "iterdir" => {
                let kind = sources::of_file(receiver.words()?);
                if matches!(kind, SourceKind::File | SourceKind::Resource) {
                    return None;
                }
                let what = receiver.words()?.to_owned();
                Some(Value::unknown().with(&Taint::of(self.step(Some(kind), range, &what))))
            }
            _ => None,
        }
    }

    fn names_method(&mut self, scope: super::value::Id, name: &str, arguments: &Arguments) -> Value {
        let key = arguments.positional.first().and_then(Value::as_str);
        match (name, key) {
            ("get" | "__getitem__" | "pop", Some(key)) => {
                let found = self.scope(scope).and_then(|s| s.names.get(key).cloned());
                let fallback = arguments.positional.get(1).cloned();
                found.or(fallback).unwrap_or_else(|| Value::path(key))
            }
            ("__setitem__" | "setdefault", Some(key)) => {
                let (key, value) = (key.to_owned(), arguments.positional.get(1).cloned());
                self.define(scope, &key, value.unwrap_or_else(Value::unknown));
                Value::unknown()
            }
            ("update", None) => {
                let from = arguments.positional.first().cloned();
                let pairs = from
                    .as_ref()
                    .and_then(|f| self.container(f))
                    .map(|c| (c.keys.clone(), c.items.clone()));
                for (key, value) in pairs.into_iter().flat_map(|(k, v)| k.into_iter().zip(v)) {
                    if let Some(name) = key.as_str() {
                        self.define(scope, name, value);
                    }
                }
                Value::unknown()
            }
            _ => Value::unknown(),
        }
    }

    fn file_method(
        &mut self,
        file: &File,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        range: TextRange,
    ) -> Value {
        match name {
            "write" | "writelines" => {
                let taint = self.given(arguments);
                if file.writes {
                    let text = arguments
                        .positional
                        .first()
                        .and_then(Value::as_str)
                        .map(Rc::<str>::from);
                    let script = file
                        .key
                        .clone()
                        .filter(|k| k.ends_with(".py") || k.ends_with(".pyw"));
                    if let (Some(key), Some(text)) = (script, text)
                        && self.texts.len() < 64
                    {
                        self.texts.insert(key, text);
                    }
                    self.wrote(file.key.clone(), &taint, range, name);
                }
                Value::unknown()
            }
            "__enter__" => receiver.clone(),
            _ if SILENT_METHODS.contains(&name) => Value::unknown(),
            _ => Value::unknown().with(&file.taint),
        }
    }

    fn container_method(
        &mut self,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        range: TextRange,
    ) -> Option<Value> {
        let first = arguments.positional.first();
        let kind = self.container(receiver)?.kind;
        let none = Some(Value::from(Datum::None));
        match (kind, name) {
            (_, "append" | "add" | "appendleft") => {
                let item = first?.clone();
                let taint = self.deep_taint(&item);
                self.push_to(receiver, item.with(&taint));
                none
            }
            (Kind::Dict, "update") => {
                let mut held = Container::new(Kind::Dict, 0);
                if let Some(other) = first {
                    self.merge_into(&mut held, other);
                }
                for (name, value) in &arguments.keywords {
                    held.taint = held.taint.and(&self.deep_taint(value));
                    held.set(Value::text(name), value.clone());
                }
                let unsure = self.frame.unsure;
                let container = self.container_mut(receiver)?;
                container.vague |= held.vague || unsure > container.born;
                for (key, item) in held.keys.into_iter().zip(held.items) {
                    container.set(key, item);
                }
                container.taint = container.taint.and(&held.taint);
                none
            }
            (_, "extend" | "update") => {
                let other = first?.clone();
                match self.items_of(&other) {
                    Some(items) => {
                        for item in items {
                            self.push_to(receiver, item);
                        }
                    }
                    None => {
                        let element = self.element_of(&other);
                        self.push_to(receiver, element);
                        self.blur(receiver);
                    }
                }
                none
            }
            (Kind::Dict, "get" | "pop" | "setdefault") => {
                let key = first?.clone();
                let known = self.container(receiver)?;
                let missing = !known.vague && key.datum().is_some() && known.find(&key).is_none();
                if name == "setdefault" && missing {
                    let value = arguments
                        .positional
                        .get(1)
                        .cloned()
                        .unwrap_or_else(|| Datum::None.into());
                    let unsure = self.frame.unsure;
                    let container = self.container_mut(receiver)?;
                    container.vague |= unsure > container.born;
                    container.set(key, value.clone());
                    return Some(value);
                }
                if missing {
                    return Some(
                        arguments
                            .positional
                            .get(1)
                            .cloned()
                            .unwrap_or_else(|| Datum::None.into()),
                    );
                }
                Some(self.item(receiver, &key, &range))
            }
            (Kind::Dict, "items") => {
                let container = self.container(receiver)?;
                let taint = self.deep_taint(receiver);
                if container.vague {
                    return Some(Value::unknown().with(&taint));
                }
                let pairs: Vec<(Value, Value)> = container
                    .keys
                    .iter()
                    .cloned()
                    .zip(container.items.iter().cloned())
                    .collect();
                let mut out = Vec::new();
                for (key, value) in pairs {
                    let pair = self.new_container(Kind::Tuple, vec![key, value]);
                    out.push(pair);
                }
                Some(self.new_container(Kind::List, out).with(&taint))
            }
            (Kind::Dict, "values" | "keys") => {
                let container = self.container(receiver)?;
                let taint = self.deep_taint(receiver);
                if container.vague {
                    return Some(Value::unknown().with(&taint));
                }
                let items = if name == "values" {
                    container.items.clone()
                } else {
                    container.keys.clone()
                };
                Some(self.new_container(Kind::List, items))
            }
            (_, "copy") => {
                let copy = self.container(receiver)?.clone();
                let taint = copy.taint.clone();
                Some(Value::from(self.add(Object::Container(copy))).with(&taint))
            }
            (_, "reverse") => {
                let unsure = self.frame.unsure;
                let container = self.container_mut(receiver)?;
                container.vague |= unsure > container.born;
                container.items.reverse();
                none
            }
            (Kind::List, "pop") => {
                let at = first.map_or(Some(-1), |v| v.datum().and_then(Datum::as_int));
                let unsure = self.frame.unsure;
                let container = self.container_mut(receiver)?;
                let taint = container.taint.clone();
                let len = container.items.len();
                let place = match at {
                    Some(at) if at < 0 => usize::try_from(at.unsigned_abs())
                        .ok()
                        .and_then(|n| len.checked_sub(n)),
                    Some(at) => usize::try_from(at).ok().filter(|at| *at < len),
                    None => None,
                };
                let sure = !container.vague && unsure <= container.born;
                match place {
                    Some(at) if sure => Some(container.items.remove(at)),
                    _ => {
                        container.vague = true;
                        Some(Value::unknown().with(&taint))
                    }
                }
            }
            (_, "insert" | "remove" | "clear" | "sort" | "popitem" | "discard" | "popleft" | "rotate") => {
                if name == "insert" {
                    let item = arguments.positional.get(1)?.clone();
                    let at = first
                        .and_then(|v| v.datum())
                        .and_then(Datum::as_int)
                        .and_then(|n| usize::try_from(n).ok());
                    let unsure = self.frame.unsure;
                    let container = self.container_mut(receiver)?;
                    container.taint = container.taint.and(&item.taint);
                    container.vague |= unsure > container.born;
                    match at.filter(|at| *at <= container.items.len()) {
                        Some(at) => container.items.insert(at, item),
                        None => {
                            container.vague = true;
                            container.items.push(item);
                        }
                    }
                    return none;
                }
                let element = self.element_of(receiver);
                self.blur(receiver);
                Some(element)
            }
            _ => None,
        }
    }

    // Words for people.

    /// The arguments as a record has them.
    pub(super) fn quoted(&self, arguments: &Arguments) -> Vec<String> {
        let mut out: Vec<String> = arguments
            .positional
            .iter()
            .take(12)
            .map(|v| self.quote(v, 2))
            .collect();
        if arguments.more.is_some() {
            out.push(format!("*{HOLE}"));
        }
        for (name, value) in arguments.keywords.iter().take(12) {
            out.push(format!("{name}={}", self.quote(value, 2)));
        }
        out
    }

    fn quote(&self, value: &Value, depth: u8) -> String {
        const LONGEST: usize = 400;
        let cut = |text: &str| text.chars().take(LONGEST).collect::<String>();
        match &value.what {
            What::Datum(datum) => match datum {
                Datum::None => "None".to_owned(),
                Datum::Bool(b) => if *b { "True" } else { "False" }.to_owned(),
                Datum::Int(n) => n.to_string(),
                Datum::Float(f) => f.to_string(),
                _ => value.words().map_or_else(|| HOLE.to_string(), cut),
            },
            What::Shape(text) => cut(text),
            What::Path(path) => cut(path),
            What::Object(_) => match self.container(value) {
                Some(container) if depth > 0 && !container.vague => {
                    let inner = depth.saturating_sub(1);
                    let parts: Vec<String> = match container.kind {
                        Kind::Dict => {
                            let keys = container.keys.iter().map(|k| self.quote(k, inner));
                            let items = container.items.iter().map(|v| self.quote(v, inner));
                            keys.zip(items)
                                .take(16)
                                .map(|(k, v)| format!("{k}: {v}"))
                                .collect()
                        }
                        _ => container
                            .items
                            .iter()
                            .take(16)
                            .map(|v| self.quote(v, inner))
                            .collect(),
                    };
                    cut(&format!("[{}]", parts.join(", ")))
                }
                _ => HOLE.to_string(),
            },
            What::OneOf(choices) => {
                let known: Vec<String> = choices.iter().map(|c| self.quote(c, 1)).collect();
                let told = known.iter().filter(|k| k.chars().any(|c| c != HOLE));
                let told: Vec<&str> = told.map(String::as_str).collect();
                if told.is_empty() {
                    HOLE.to_string()
                } else {
                    cut(&told.join("|"))
                }
            }
            What::Unknown | What::Symbol(_) | What::Module(_) => HOLE.to_string(),
        }
    }
}

/// Whether a mode is put together from the executable bits of `stat`.
fn mode_mentions(arguments: &Arguments) -> bool {
    arguments.values().any(|v| {
        v.as_path()
            .is_some_and(|p| p.contains("S_IX") || p.contains("S_IRWX"))
    })
}
