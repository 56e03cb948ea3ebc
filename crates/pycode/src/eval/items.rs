//! What is in a value: its items, its slices, and what flowed into any of them.

use super::{
    Datum,
    attributes::join_path,
    machine::Machine,
    operators, sources,
    value::{Id, Kind, Object, Taint, Value, What},
};
use crate::behaviour::SourceKind;
use ruff_python_ast::{Expr, ExprSubscript};

/// How deep what is in a value is looked for.
const TAINT_DEPTH: u8 = 3;
/// Into how many items of each container.
const TAINT_WIDTH: usize = 64;

impl<'a> Machine<'a, '_> {
    /// What is in a value, and in what it holds.
    pub(super) fn deep_taint(&self, value: &Value) -> Taint {
        // Most values hold nothing, or nothing that their own taint does not say.
        let bits = self.deep_bits(value);
        if bits == value.taint.bits() {
            return value.taint.clone();
        }
        self.taint_within(value, TAINT_DEPTH)
    }

    /// Which kinds are in a value, and in what it holds.
    pub(super) fn deep_bits(&self, value: &Value) -> u32 {
        match value.what {
            What::OneOf(_) | What::Object(_) => self.bits_within(value, TAINT_DEPTH),
            _ => value.taint.bits(),
        }
    }

    fn bits_within(&self, value: &Value, depth: u8) -> u32 {
        let bits = value.taint.bits();
        let Some(deeper) = depth.checked_sub(1) else {
            return bits;
        };
        let all = |bits: u32, values: &mut dyn Iterator<Item = &Value>| {
            values.fold(bits, |bits, v| match v.what {
                What::OneOf(_) | What::Object(_) => bits | self.bits_within(v, deeper),
                _ => bits | v.taint.bits(),
            })
        };
        match &value.what {
            What::OneOf(choices) => all(bits, &mut choices.iter()),
            What::Object(id) => match self.object(*id) {
                Some(Object::Container(container)) => {
                    let inside = container.items.iter().take(TAINT_WIDTH);
                    let mut inside = inside.filter(|i| matches!(i.what, What::Object(_)));
                    all(bits | container.taint.bits(), &mut inside)
                }
                Some(Object::Instance(instance)) => all(bits, &mut instance.names.values().take(TAINT_WIDTH)),
                Some(Object::File(file)) => bits | file.taint.bits(),
                _ => bits,
            },
            _ => bits,
        }
    }

    fn taint_within(&self, value: &Value, depth: u8) -> Taint {
        let mut taint = value.taint.clone();
        let Some(deeper) = depth.checked_sub(1) else {
            return taint;
        };
        match &value.what {
            What::OneOf(choices) => {
                for choice in choices.iter() {
                    taint = taint.and(&self.taint_within(choice, deeper));
                }
            }
            What::Object(id) => match self.object(*id) {
                Some(Object::Container(container)) => {
                    taint = taint.and(&container.taint);
                    for item in container.items.iter().take(TAINT_WIDTH) {
                        if matches!(item.what, What::Object(_)) {
                            taint = taint.and(&self.taint_within(item, deeper));
                        }
                    }
                }
                Some(Object::Instance(instance)) => {
                    for item in instance.names.values().take(TAINT_WIDTH) {
                        taint = taint.and(&self.taint_within(item, deeper));
                    }
                }
                Some(Object::File(file)) => taint = taint.and(&file.taint),
                _ => {}
            },
            _ => {}
        }
        taint
    }

    pub(super) fn subscript(&mut self, subscript: &'a ExprSubscript) -> Value {
        let owner = self.eval(&subscript.value);
        if let Expr::Slice(slice) = &*subscript.slice {
            let mut bounds: [Option<Value>; 3] = [const { None }; 3];
            for (slot, part) in bounds.iter_mut().zip([&slice.lower, &slice.upper, &slice.step]) {
                *slot = part.as_ref().map(|p| self.eval(p));
            }
            return self.slice(&owner, &bounds);
        }
        let key = self.eval(&subscript.slice);
        self.item(&owner, &key, subscript)
    }

    fn slice(&mut self, owner: &Value, bounds: &[Option<Value>; 3]) -> Value {
        let taint = self.deep_taint(owner);
        let known = bounds
            .iter()
            .all(|b| b.as_ref().is_none_or(|v| v.datum().is_some()));
        if known && let Some(datum) = self.frozen(owner) {
            let [a, b, c] = bounds;
            let bounds = [a, b, c].map(|b| b.as_ref().and_then(Value::datum));
            let result = operators::slice(&datum, bounds, self.budget);
            if let Some(datum) = self.known(result) {
                return self.lift(datum).with(&taint);
            }
        }
        Value::unknown().with(&taint)
    }

    pub(super) fn item(&mut self, owner: &Value, key: &Value, at: &impl ruff_text_size::Ranged) -> Value {
        match &owner.what {
            What::OneOf(choices) => {
                let choices = std::rc::Rc::clone(choices);
                let mut out: Option<Value> = None;
                for choice in choices.iter() {
                    let value = self.item(choice, key, at);
                    out = Some(match out {
                        Some(old) => old.or(value),
                        None => value,
                    });
                }
                return out.unwrap_or_else(Value::unknown).with(&owner.taint);
            }
            What::Path(path) => {
                let path = std::rc::Rc::clone(path);
                return self.path_item(&path, owner, key, at);
            }
            What::Object(id) => {
                if let Some(Object::Names(scope)) = self.object(*id) {
                    let scope = *scope;
                    return self.named_item(scope, key);
                }
                if let Some(container) = self.container(owner) {
                    if container.kind == Kind::Dict {
                        if let Some(found) = container.find(key).filter(|_| !container.vague) {
                            return found.clone();
                        }
                    } else if !container.vague
                        && let Some(at) = key.datum().and_then(Datum::as_int)
                    {
                        let len = i128::try_from(container.items.len()).unwrap_or(i128::MAX);
                        let at = if at < 0 { at.saturating_add(len) } else { at };
                        let found = usize::try_from(at).ok().and_then(|at| container.items.get(at));
                        if let Some(found) = found {
                            return found.clone();
                        }
                    }
                    let inside = if container.items.len() <= 8 {
                        container
                            .items
                            .iter()
                            .find(|i| matches!(i.what, What::Object(_) | What::Path(_)))
                            .cloned()
                    } else {
                        None
                    };
                    let mut taint = container.taint.and(&owner.taint);
                    if taint.has(SourceKind::BulkEnvironment) {
                        taint = self.variable(&taint, key, at);
                    }
                    return inside
                        .filter(|_| key.datum().is_none())
                        .unwrap_or_else(Value::unknown)
                        .with(&taint);
                }
            }
            What::Datum(datum) => {
                if let Some(key) = key.datum() {
                    let result = operators::index(datum, key, self.budget);
                    if let Some(found) = self.known(result) {
                        return self.lift(found).with(&owner.taint);
                    }
                }
            }
            _ => {}
        }
        let mut taint = self.deep_taint(owner);
        if taint.has(SourceKind::BulkEnvironment) {
            taint = self.variable(&taint, key, at);
        }
        Value::unknown().with(&taint)
    }

    /// One variable of what holds the environment.
    pub(super) fn variable(&mut self, taint: &Taint, key: &Value, at: &impl ruff_text_size::Ranged) -> Taint {
        let Some(name) = key.words() else {
            // One variable of a name that is not known is one, unless all names are gone through.
            let all = key.taint.has(SourceKind::BulkEnvironment);
            return if all {
                taint.clone()
            } else {
                taint.without(&[SourceKind::BulkEnvironment])
            };
        };
        let rest = taint.without(&[SourceKind::BulkEnvironment]);
        if !sources::is_secret_variable(name) {
            return rest;
        }
        let range = ruff_text_size::Ranged::range(at);
        rest.and(&Taint::of(self.step(
            Some(SourceKind::SecretVariable),
            range,
            name,
        )))
    }

    fn path_item(
        &mut self,
        path: &str,
        owner: &Value,
        key: &Value,
        at: &impl ruff_text_size::Ranged,
    ) -> Value {
        if let Some(name) = key.as_str() {
            if path == "__dict__" {
                return Value::path(name);
            }
            if let Some(base) = path.strip_suffix(".__dict__") {
                return Value::path(&join_path(base, name));
            }
            match path {
                "__builtins__" | "builtins" => return Value::path(name),
                "sys.modules" => return self.import_module(name),
                _ => {}
            }
        }
        let mut taint = self.deep_taint(owner);
        if taint.has(SourceKind::BulkEnvironment) {
            taint = self.variable(&taint, key, at);
        }
        let variable = key.as_str().filter(|_| path == "os.environ");
        let value = variable.map_or_else(Value::unknown, |name| Value::shape(&format!("${name}")));
        value.with(&taint)
    }

    fn named_item(&mut self, scope: Id, key: &Value) -> Value {
        let Some(name) = key.as_str() else {
            return Value::unknown();
        };
        let found = self.scope(scope).and_then(|s| s.names.get(name).cloned());
        found.unwrap_or_else(|| Value::path(name))
    }

    /// `owner[key] = value`; gives what has to be stored instead of the owner, where that is another value now.
    pub(super) fn set_item(
        &mut self,
        owner: &Value,
        key: Value,
        value: Value,
        at: &'a ExprSubscript,
    ) -> Option<Value> {
        let inner = self.deep_taint(&value);
        if let What::Object(id) = &owner.what
            && let Some(Object::Names(scope)) = self.object(*id)
        {
            let scope = *scope;
            if let Some(name) = key.as_str() {
                self.define(scope, name, value);
            }
            return None;
        }
        let unsure = self.frame.unsure;
        let container = self.container_mut(owner)?;
        container.taint = container.taint.and(&inner);
        container.vague |= unsure > container.born;
        match container.kind {
            Kind::Dict => container.set(key, value),
            _ => {
                let len = i128::try_from(container.items.len()).unwrap_or(i128::MAX);
                let place = key
                    .datum()
                    .and_then(Datum::as_int)
                    .filter(|_| !matches!(*at.slice, Expr::Slice(_)));
                let place = place.map(|n| if n < 0 { n.saturating_add(len) } else { n });
                match place
                    .and_then(|n| usize::try_from(n).ok())
                    .and_then(|n| container.items.get_mut(n))
                {
                    Some(slot) => *slot = value,
                    None => {
                        container.vague = true;
                        container.push(value);
                    }
                }
            }
        }
        None
    }
}
