//! Attributes of modules, classes and instances.

use super::{
    Datum,
    machine::Machine,
    sources,
    value::{Id, Object, Value, What},
};
use std::rc::Rc;

/// The longest dotted name.
const LONGEST_PATH: usize = 240;

impl<'a> Machine<'a, '_> {
    pub(super) fn attribute(&mut self, owner: &Value, name: &str) -> Value {
        match &owner.what {
            What::Path(path) => {
                if matches!(name, "__name__" | "__qualname__") {
                    let last = path.rsplit('.').next().unwrap_or(path);
                    return Value::text(last);
                }
                if let Some(other) = super::detours::library_attribute(path, name) {
                    return Value::path(&other).with(&owner.taint);
                }
                let full = join_path(path, name);
                if let Some(datum) = library_constant(&full) {
                    return datum.into();
                }
                // What hangs on a value keeps what is in it; a method of the environment is not yet its content.
                let taint = match sources::of_name(path) {
                    Some(_) if name == "_data" => owner.taint.clone(),
                    Some(kind) => owner.taint.without(&[kind]),
                    None => owner.taint.clone(),
                };
                Value::path(&full).with(&taint)
            }
            What::Module(file) => {
                let scope = self.files.get(*file).map(|f| f.scope);
                if let Some(scope) = scope.and_then(|s| self.scope(s)) {
                    if let Some(value) = scope.names.get(name) {
                        return value.clone();
                    }
                    if name == "__dict__"
                        && let Some(file) = self.files.get(*file)
                    {
                        let scope = file.scope;
                        return self.add(Object::Names(scope)).into();
                    }
                }
                let found = self.submodule(*file, name);
                found
                    .or_else(|| self.named_elsewhere(*file, name))
                    .unwrap_or_else(Value::unknown)
            }
            What::Object(id) => self.object_attribute(*id, owner, name),
            What::OneOf(choices) => {
                let choices = std::rc::Rc::clone(choices);
                let mut out: Option<Value> = None;
                for choice in choices.iter() {
                    let value = self.attribute(choice, name);
                    out = Some(match out {
                        Some(old) => old.or(value),
                        None => value,
                    });
                }
                out.unwrap_or_else(Value::unknown).with(&owner.taint)
            }
            What::Datum(datum) if name == "__class__" => Value::path(datum.type_name()),
            What::Datum(Datum::Code(code)) if name == "co_code" => {
                let _ = code;
                Value::unknown()
            }
            What::Datum(_) | What::Shape(_) => {
                let text_parts = ["parent", "name", "stem", "suffix", "parts"];
                if owner.words().is_some() && text_parts.contains(&name) {
                    return self.path_part(owner, name);
                }
                self.method_object(owner, name)
            }
            What::Unknown | What::Symbol(_) => Value::unknown().with(&owner.taint),
        }
    }

    fn method_object(&mut self, owner: &Value, name: &str) -> Value {
        let receiver = owner.clone();
        Value::from(self.add(Object::Method {
            receiver,
            name: Rc::from(name),
        }))
        .with(&owner.taint)
    }

    fn path_part(&mut self, owner: &Value, name: &str) -> Value {
        let text = owner.words().unwrap_or_default();
        let (folder, last) = text.rsplit_once('/').unwrap_or(("", text));
        let out = match name {
            "parent" => folder,
            "name" => last,
            "stem" => last.rsplit_once('.').map_or(last, |(stem, _)| stem),
            _ => return Value::unknown().with(&owner.taint),
        };
        Value::text_or_shape(out, owner.as_str().is_some()).with(&owner.taint)
    }

    fn object_attribute(&mut self, id: Id, owner: &Value, name: &str) -> Value {
        match self.object(id) {
            Some(Object::Instance(instance)) => {
                if let Some(value) = instance.names.get(name) {
                    return value.clone();
                }
                let class = instance.class;
                match name {
                    "__class__" => return class.into(),
                    "__dict__" => {
                        let taint = self.deep_taint(owner);
                        return Value::unknown().with(&taint);
                    }
                    _ => {}
                }
                match self.class_member(class, name, 0) {
                    Some(member) => self.bind(member, owner, class),
                    None => Value::unknown().with(&owner.taint),
                }
            }
            Some(Object::Class(class)) => {
                if matches!(name, "__name__" | "__qualname__") {
                    let text = if name == "__name__" {
                        class.name.to_string()
                    } else {
                        class.qualified.to_string()
                    };
                    return Value::text(&text);
                }
                if name == "__dict__" {
                    let scope = class.scope;
                    return self.add(Object::Names(scope)).into();
                }
                match self.class_member(id, name, 0) {
                    Some(member) if self.is_class_method(&member) => self.bind(member, owner, id),
                    Some(member) => member,
                    None => Value::unknown(),
                }
            }
            Some(Object::Function(function)) => match name {
                "__name__" | "__qualname__" => {
                    let full = function.name.to_string();
                    let last = full.rsplit('.').next().unwrap_or(&full).to_owned();
                    Value::text(if name == "__name__" { &last } else { &full })
                }
                "__globals__" => {
                    let scope = self.files.get(function.file).map(|f| f.scope);
                    scope.map_or_else(Value::unknown, |s| self.add(Object::Names(s)).into())
                }
                "__call__" | "__wrapped__" | "fget" => owner.clone(),
                _ => Value::unknown(),
            },
            Some(Object::Bound { callee, .. }) if name == "func" => callee.clone(),
            Some(Object::Method { .. } | Object::Bound { .. } | Object::Free) | None => {
                Value::unknown().with(&owner.taint)
            }
            Some(Object::File(file)) if name == "name" => {
                let key = file.key.clone();
                key.map_or_else(Value::unknown, |key| Value::shape(&key))
            }
            Some(Object::File(_)) if name == "file" => owner.clone(),
            Some(Object::Container(_) | Object::Names(_) | Object::File(_) | Object::Scope(_)) => {
                self.method_object(owner, name)
            }
        }
    }

    fn is_class_method(&self, value: &Value) -> bool {
        match &value.what {
            What::Object(id) => matches!(self.object(*id), Some(Object::Function(f)) if f.is_class_method),
            _ => false,
        }
    }

    /// A member of a class or of those it is made of.
    pub(super) fn class_member(&self, class: Id, name: &str, depth: u8) -> Option<Value> {
        let held = self.class(class).filter(|_| depth < 16)?;
        if let Some(value) = self.scope(held.scope).and_then(|s| s.names.get(name)) {
            return Some(value.clone());
        }
        for base in held.bases.iter().take(16) {
            match &base.what {
                What::Object(id) => {
                    if let Some(found) = self.class_member(*id, name, depth.saturating_add(1)) {
                        return Some(found);
                    }
                }
                What::Path(path) if !matches!(&**path, "object" | "Exception" | "abc.ABC") => {
                    let full = join_path(&format!("{path}()"), name);
                    if super::sinks::kind_of(&full).is_some() {
                        return Some(Value::path(&full));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// A member as its instance sees it.
    fn bind(&mut self, member: Value, owner: &Value, class: Id) -> Value {
        let What::Object(id) = &member.what else {
            return member;
        };
        let Some(Object::Function(function)) = self.object(*id) else {
            return member;
        };
        if function.is_static {
            return member;
        }
        let (property, class_method) = (function.is_property, function.is_class_method);
        let receiver = if class_method { class.into() } else { owner.clone() };
        if property {
            let range = ruff_text_size::TextRange::default();
            return self.call(&member, super::call::Arguments::of(vec![receiver]), range);
        }
        self.add(Object::Bound {
            callee: member,
            positional: vec![receiver],
            keywords: Vec::new(),
        })
        .into()
    }

    pub(super) fn set_attribute(&mut self, owner: &Value, name: &str, value: &Value) {
        for choice in owner.choices().to_vec() {
            let unsure = self.frame.unsure;
            match &choice.what {
                What::Object(id) => {
                    let scope = match self.objects.get_mut(id.0 as usize) {
                        Some(Object::Instance(instance)) => {
                            let slot = instance.names.entry(Rc::from(name));
                            slot.and_modify(|old| {
                                *old = if unsure > 0 {
                                    old.clone().or(value.clone())
                                } else {
                                    value.clone()
                                };
                            })
                            .or_insert_with(|| value.clone());
                            continue;
                        }
                        Some(Object::Class(class)) => class.scope,
                        _ => continue,
                    };
                    self.define(scope, name, value.clone());
                }
                What::Module(file) => {
                    if let Some(scope) = self.files.get(*file).map(|f| f.scope) {
                        self.define(scope, name, value.clone());
                    }
                }
                _ => {}
            }
        }
    }

    /// What `with` binds.
    pub(super) fn entered(&mut self, context: &Value) -> Value {
        let What::Object(id) = &context.what else {
            return context.clone();
        };
        let Some(Object::Instance(_)) = self.object(*id) else {
            return context.clone();
        };
        let method = self.attribute(context, "__enter__");
        if !self.is_callable(&method) {
            return context.clone();
        }
        let range = ruff_text_size::TextRange::default();
        let value = self.call(&method, super::call::Arguments::of(Vec::new()), range);
        if matches!(value.what, What::Unknown | What::Datum(_)) {
            context.clone()
        } else {
            value
        }
    }

    pub(super) fn is_callable(&self, value: &Value) -> bool {
        value.choices().iter().any(|choice| match &choice.what {
            What::Object(id) => {
                matches!(
                    self.object(*id),
                    Some(Object::Function(_) | Object::Class(_) | Object::Bound { .. })
                )
            }
            _ => false,
        })
    }
}

pub(super) fn join_path(path: &str, name: &str) -> String {
    if path.len() > LONGEST_PATH {
        return format!("?.{name}");
    }
    match path {
        "__builtins__" | "builtins" => name.to_owned(),
        _ => format!("{path}.{name}"),
    }
}

/// A constant of a library, for the few that have some which count.
pub(super) fn library_constant(name: &str) -> Option<super::Datum> {
    let some = ["string.", "Crypto", "zlib.MAX", "sys.max"]
        .iter()
        .any(|s| name.starts_with(s));
    some.then(|| super::constant(name)).flatten()
}
