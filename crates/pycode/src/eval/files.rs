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
    pub(super) fn written_to(&self, value: &Value) -> Option<Taint> {
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

    pub(super) fn side_effects(
        &mut self,
        path: &str,
        inner: &Taint,
        arguments: &Arguments,
        range: TextRange,
    ) {
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

    pub(super) fn file_method(
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
}

/// Whether a mode is put together from the executable bits of `stat`.
fn mode_mentions(arguments: &Arguments) -> bool {
    arguments.values().any(|v| {
        v.as_path()
            .is_some_and(|p| p.contains("S_IX") || p.contains("S_IRWX"))
    })
}
