//! Files: what is in the one that is opened, and what was written to the one that is run later.
//!
//! A file is told from others by a key, its path or the value that names it, so that what was fetched into it is found
//! again where it is run.

use super::{
    Datum,
    call::Arguments,
    expressions::as_words,
    external::SILENT_METHODS,
    machine::Machine,
    sources,
    value::{File, HOLE, Object, Taint, Value, What},
};
use crate::behaviour::{SinkKind, SourceKind};
use ruff_text_size::TextRange;
use std::rc::Rc;

impl<'a> Machine<'a, '_> {
    /// Texts that are joined to a path.
    pub(super) fn joined(&mut self, arguments: &Arguments) -> Option<Value> {
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

    /// What is in a file that is only named.
    fn taint_of_file(&self, path: &Value, range: TextRange) -> Taint {
        let written = self
            .written_to(path)
            .unwrap_or_default()
            .and(&self.deep_taint(path));
        let words = path.words().unwrap_or_default();
        let kind = sources::of_file(words);
        written.then(self.step(Some(kind), range, words))
    }

    /// A file that is written and that nobody but its program can name.
    pub(super) fn temporary_file(&mut self, name: &str) -> Value {
        let file = Object::File(File {
            key: Some(Rc::from(name)),
            writes: true,
            archive: false,
            taint: Taint::default(),
        });
        self.add(file).into()
    }

    /// An archive that is written; others are what they are read from.
    pub(super) fn new_archive(&mut self, arguments: &Arguments) -> Option<Value> {
        let mode = arguments.get(1, "mode")?.as_str()?;
        if !mode.starts_with(['w', 'a', 'x']) {
            return None;
        }
        let key = arguments.positional.first().and_then(|path| self.key_of(path));
        let file = Object::File(File {
            key,
            writes: true,
            archive: true,
            taint: Taint::default(),
        });
        Some(self.add(file).into())
    }

    /// What tells a file from others.
    pub(super) fn key_of(&self, value: &Value) -> Option<Rc<str>> {
        match &value.what {
            What::Symbol(n) => Some(Rc::from(format!("#{n}"))),
            What::Path(path) => Some(Rc::from(path.strip_suffix(".name").unwrap_or(path))),
            What::Object(id) => match self.object(*id)? {
                Object::File(file) => file.key.clone(),
                _ => None,
            },
            What::OneOf(choices) => choices
                .iter()
                .filter(|c| !matches!(c.what, What::OneOf(_)))
                .find_map(|c| self.key_of(c)),
            _ => value
                .words()
                .filter(|w| w.chars().filter(|c| *c != HOLE).count() > 2)
                .map(Rc::from),
        }
    }

    pub(super) fn open(&mut self, arguments: &Arguments, range: TextRange) -> Value {
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
            // What is code and lies in a picture was hidden there.
            if sources::is_media(&what) {
                taint = taint.then(self.step(Some(SourceKind::Decoded), range, &what));
            }
            if let Some(written) = self.written_to(path) {
                taint = taint.and(&written);
            }
        }
        let key = self.key_of(path);
        Value::from(self.add(Object::File(File {
            key,
            writes,
            archive: false,
            taint: taint.clone(),
        })))
        .with(&taint)
    }

    pub(super) fn wrote(&mut self, key: Option<Rc<str>>, taint: &Taint, range: TextRange, callee: &str) {
        let Some(key) = key else { return };
        if sources::is_persistent(&key) && !taint.is_empty() {
            self.record(SinkKind::Persistence, callee, vec![key.to_string()], taint, range);
            // What stands there is run, so it is as if it were run here.
            if taint.has(SourceKind::Network) || taint.has(SourceKind::Decoded) {
                self.record(
                    SinkKind::WriteThenRun,
                    callee,
                    vec![key.to_string()],
                    taint,
                    range,
                );
            }
        }
        if self.written.len() < 400 {
            let slot = self.written.entry(key).or_default();
            *slot = slot.and(taint);
        }
    }

    /// Keeps a text that is written to a file, and reads it at once where every start of Python runs it.
    pub(super) fn wrote_text(&mut self, key: Option<&Rc<str>>, value: &Value, range: TextRange) -> Taint {
        let mut taint = self.deep_taint(value);
        let Some(key) = key else { return taint };
        let text = value
            .choices()
            .iter()
            .rev()
            .find_map(|choice| match choice.datum()? {
                Datum::Str(text) => Some(Rc::<str>::from(&**text)),
                Datum::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Rc::from),
                _ => None,
            });
        let Some(text) = text else { return taint };
        if !is_script(key, &text) {
            // A shell reads it there, or something else does, and nobody before.
            let hidden = sources::is_persistent(key) && text.len() > 8 && !self.stands_in_file(&text);
            return match hidden {
                true => taint.then(self.step(Some(SourceKind::Decoded), range, "computed")),
                false => taint,
            };
        }
        if self.texts.len() < 64 || self.texts.contains_key(key) {
            self.texts.insert(Rc::clone(key), Rc::clone(&text));
        }
        if sources::is_persistent(key) {
            if !taint.has(SourceKind::Decoded) && !self.stands_in_file(&text) {
                taint = taint.then(self.step(Some(SourceKind::Decoded), range, "computed"));
            }
            self.layer(&text, &taint, range);
        }
        taint
    }

    /// Under which name it is known what was written to a file that a value names, alone or in a command.
    fn kept_as(&self, value: &Value) -> Option<Rc<str>> {
        let choices = match self.container(value) {
            Some(container) => container
                .items
                .get(..container.items.len().min(32))
                .unwrap_or_default(),
            None => value.choices(),
        };
        choices.iter().find_map(|choice| {
            let key = self.key_of(choice)?;
            if self.written.contains_key(&key) {
                return Some(key);
            }
            let words = choice.words()?;
            let named = self.written.keys().filter(|k| names(k, words));
            named.max_by_key(|k| (k.len(), Rc::clone(k))).cloned()
        })
    }

    /// What was written to a file that a value names.
    pub(super) fn written_to(&self, value: &Value) -> Option<Taint> {
        self.written.get(&self.kept_as(value)?).cloned()
    }

    /// The text that was written to a file that one of some values names.
    pub(super) fn text_of_written(&self, values: &[Value]) -> Option<Rc<str>> {
        values
            .iter()
            .find_map(|value| self.texts.get(&self.kept_as(value)?).cloned())
    }

    /// A module is imported that was written before: what was written is run.
    pub(super) fn imported(&mut self, name: &str, range: TextRange) {
        if self.written.is_empty() || self.by_name.contains_key(name) {
            return;
        }
        let last = name.split('.').next().unwrap_or(name);
        let files = [
            format!("{last}.py"),
            format!("{last}/__init__.py"),
            format!("{last}.zip"),
        ];
        let ends = |key: &str| {
            files.iter().any(|f| {
                key.strip_suffix(f.as_str())
                    .is_some_and(|folder| folder.is_empty() || folder.ends_with(['/', '\\']))
            })
        };
        let found = self
            .written
            .iter()
            .filter(|(key, taint)| ends(key) && !taint.is_empty());
        let taint = found
            .max_by_key(|(key, _)| Rc::clone(key))
            .map(|(_, taint)| taint.clone());
        if let Some(taint) = taint {
            self.record(
                SinkKind::WriteThenRun,
                "import",
                vec![name.to_owned()],
                &taint,
                range,
            );
        }
    }

    /// A file is put into the place of another, or copied there.
    fn moved(&mut self, from: &Value, to: &Value, arguments: &Arguments, range: TextRange, path: &str) {
        let mut taint = self.written_to(from).unwrap_or_default().and(&from.taint);
        if let Some(kind) = from.words().map(sources::of_file)
            && !matches!(kind, SourceKind::File | SourceKind::Resource)
        {
            taint = taint.then(self.step(Some(kind), range, path));
        }
        if to.words().is_some_and(sources::is_persistent) && taint.is_empty() {
            let quoted = self.quoted(arguments);
            self.record(SinkKind::Persistence, path, quoted, &taint, range);
        }
        let key = self.key_of(to);
        if let (Some(text), Some(key)) = (self.text_of_written(std::slice::from_ref(from)), &key)
            && self.texts.len() < 64
        {
            self.texts.insert(Rc::clone(key), text);
        }
        self.wrote(key, &taint, range, path);
    }

    pub(super) fn side_effects(
        &mut self,
        path: &str,
        inner: &Taint,
        arguments: &Arguments,
        range: TextRange,
    ) {
        let (first, second) = (arguments.positional.first(), arguments.positional.get(1));
        match path {
            _ if path.starts_with("urllib") && path.ends_with(".urlretrieve") || path == "wget.download" => {
                let Some(to) = arguments.get(1, "filename").or_else(|| arguments.keyword("out")) else {
                    return;
                };
                let key = self.key_of(to);
                let taint = Taint::of(self.step(Some(SourceKind::Network), range, path));
                self.wrote(key, &taint, range, path);
            }
            "shutil.move" | "shutil.copy" | "shutil.copyfile" | "shutil.copy2" | "os.rename" | "os.link"
            | "os.symlink" | "os.replace" => {
                let (Some(from), Some(to)) = (first.cloned(), second.cloned()) else {
                    return;
                };
                self.moved(&from, &to, arguments, range, path);
            }
            "os.write" => {
                let (Some(to), Some(what)) = (first, second) else {
                    return;
                };
                let (key, taint) = (self.key_of(to), self.deep_taint(what));
                self.wrote(key, &taint, range, path);
            }
            "json.dump" | "pickle.dump" | "yaml.dump" | "marshal.dump" => {
                let (Some(what), Some(to)) = (first, second) else {
                    return;
                };
                let (key, taint) = (self.key_of(to), self.deep_taint(what));
                self.wrote(key, &taint, range, path);
            }
            "shutil.make_archive" => {
                let (Some(to), Some(from)) = (first, arguments.get(2, "root_dir")) else {
                    return;
                };
                let key = self.key_of(to);
                let taint = self.taint_of_file(from, range);
                self.wrote(key, &taint, range, path);
            }
            "git.Repo.clone_from" | "git.Git().clone" => {
                let Some(to) = arguments.get(1, "to_path") else {
                    return;
                };
                let key = self.key_of(to);
                let taint = Taint::of(self.step(Some(SourceKind::Network), range, path));
                self.wrote(key, &taint, range, path);
            }
            "os.chdir" => {
                let here = first.and_then(|to| self.written_to(to));
                self.here = here.unwrap_or_default();
            }
            "zipfile.ZipFile().extractall" | "zipfile.ZipFile().extract" | "tarfile.open().extractall" => {
                let Some(to) = arguments.keyword("path").or(first) else {
                    return;
                };
                let key = self.key_of(to);
                self.wrote(key, inner, range, path);
            }
            // Modules are imported from there from now on.
            "sys.path.insert" | "sys.path.append" => {
                let place = if path.ends_with("insert") { second } else { first };
                let Some(taint) = place.and_then(|p| self.written_to(p)).filter(|t| !t.is_empty()) else {
                    return;
                };
                let quoted = self.quoted(arguments);
                self.record(SinkKind::Execute, path, quoted, &taint, range);
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
                .any(|c| c.as_path().is_some_and(is_executable_bit)),
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

    /// Methods of `pathlib.Path`, which is its text here.
    pub(super) fn file_path_method(
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
                let mut taint = self.given(arguments);
                if let Some(first) = arguments.positional.first().cloned() {
                    taint = taint.and(&self.wrote_text(key.as_ref(), &first, range));
                }
                self.wrote(key, &taint, range, name);
                Some(Value::unknown())
            }
            "rename" | "replace" if arguments.positional.len() == 1 => {
                let to = arguments.positional.first()?.clone();
                self.moved(receiver, &to, arguments, range, "pathlib.Path.rename");
                Some(to)
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

    pub(super) fn file_method(
        &mut self,
        file: &File,
        receiver: &Value,
        name: &str,
        arguments: &Arguments,
        range: TextRange,
    ) -> Value {
        match name {
            "write" | "writelines" | "writestr" => {
                if !file.writes {
                    return Value::unknown();
                }
                let mut taint = self.given(arguments);
                if let Some(first) = arguments.positional.first().cloned() {
                    taint = if file.archive && name == "write" {
                        taint.and(&self.taint_of_file(&first, range))
                    } else {
                        taint.and(&self.wrote_text(file.key.as_ref(), &first, range))
                    };
                }
                self.wrote(file.key.clone(), &taint, range, name);
                Value::unknown()
            }
            "__enter__" => receiver.clone(),
            _ if SILENT_METHODS.contains(&name) => Value::unknown(),
            _ => Value::unknown().with(&file.taint),
        }
    }
}

/// Whether a mode is put together from the executable bits of `stat`.
fn mode_mentions(arguments: &Arguments) -> bool {
    arguments.values().any(|v| {
        v.choices()
            .iter()
            .any(|c| c.as_path().is_some_and(is_executable_bit))
    })
}

fn is_executable_bit(path: &str) -> bool {
    ["S_IX", "S_IRWX", "S_IEXEC"].iter().any(|bit| path.contains(bit))
}

/// Whether what is written to a file is meant to be run by Python.
fn is_script(key: &str, text: &str) -> bool {
    key.ends_with(".py") || key.ends_with(".pyw") || text.contains("import ")
}

/// Whether a text names a file: by its whole path, or by its name alone where the text has no folder.
fn names(key: &str, words: &str) -> bool {
    let known = key.chars().filter(|c| *c != HOLE).count();
    if key.starts_with('#') || known < 3 {
        return false;
    }
    if stands_in(words, key, false) {
        return true;
    }
    let file = key.rsplit(['/', '\\']).next().unwrap_or(key);
    file.len() >= 5 && file.contains('.') && !file.contains(HOLE) && stands_in(words, file, true)
}

/// Whether a name stands in a text by itself, and not as a part of a longer one.
fn stands_in(words: &str, name: &str, alone: bool) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    words.match_indices(name).take(64).any(|(at, _)| {
        let before = words.get(..at).and_then(|b| b.chars().next_back());
        let after = words
            .get(at.saturating_add(name.len())..)
            .and_then(|a| a.chars().next());
        let folder = before.is_some_and(|c| matches!(c, '/' | '\\'));
        !(before.is_some_and(part) || after.is_some_and(part) || alone && folder)
    })
}
