//! Methods of values that are no instances of the package: of modules, texts, numbers and names.

use super::{
    Datum,
    attributes::join_path,
    call::Arguments,
    expressions::as_words,
    external::SILENT_METHODS,
    machine::Machine,
    sinks,
    value::{Object, Taint, Value, What},
};
use crate::behaviour::SourceKind;
use ruff_text_size::TextRange;
use std::rc::Rc;

/// Methods of texts and bytes that make longer ones of short ones.
const GROWING: &[&str] = &[
    "center",
    "expandtabs",
    "format",
    "format_map",
    "join",
    "ljust",
    "replace",
    "rjust",
    "translate",
    "zfill",
];

impl<'a> Machine<'a, '_> {
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
        // The interpreter that shows no window is one as well.
        if path == "sys.executable" && matches!(name, "replace" | "strip" | "lower" | "__str__") {
            return owner.clone();
        }
        let full = join_path(path, name);
        if matches!(name, "write" | "writelines") && path.contains("()") {
            let mut taint = self.given(arguments);
            let key: Rc<str> = Rc::from(path);
            if let Some(first) = arguments.positional.first().cloned() {
                taint = taint.and(&self.wrote_text(Some(&key), &first, range));
            }
            self.wrote(Some(key), &taint, range, &full);
        }
        if matches!(name, "save" | "to_csv" | "to_excel" | "to_json" | "tofile") && !owner.taint.is_empty() {
            let key = arguments.positional.first().and_then(|to| self.key_of(to));
            self.wrote(key, &owner.taint, range, &full);
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
        let codec = arguments.get(0, "encoding").and_then(Value::as_str);
        if name == "decode" && codec.is_some_and(super::ebcdic::disguises) {
            taint = taint.then(self.step(Some(SourceKind::Decoded), range, name));
        }
        if super::names::METHODS.contains(&name)
            && let Some(datum) = self.frozen(receiver)
            && let Some(found) = self.known_method(&datum, name, arguments)
        {
            if matches!(datum, Datum::Tool(_)) && matches!(name, "decrypt" | "decompress" | "update") {
                let by = if name == "decrypt" { "cipher" } else { name };
                taint = taint.then(self.step(Some(SourceKind::Decoded), range, by));
            }
            return self.lift(found).with(&taint);
        }
        if matches!(receiver.datum(), Some(Datum::Tool(_))) && matches!(name, "decrypt" | "decompress") {
            taint = taint.then(self.step(Some(SourceKind::Decoded), range, "cipher"));
        }
        if GROWING.contains(&name) && matches!(receiver.datum(), Some(Datum::Str(_) | Datum::Bytes(_))) {
            taint = taint.and(&self.not_computed(arguments.values()));
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
}
