//! Calls: what their arguments are, what comes of them, and where they lead.

use super::{
    ast::{Args, Id, Kind},
    eval::{Evaluator, HUGE, Known, Reach},
    fold::{self, MAX_TEXT},
    names,
    operator::{cut, suspect},
    value::{Object, Reached, Value},
};
use std::{ops::Range, rc::Rc};
use wellhead_core::Exhausted;

/// How many macros are gone inside one another.
const MAX_INLINED: u32 = 3;
/// Most bytes of arguments that are put together for a message, before it is cut.
const MAX_SHOWN: usize = 1 << 10;

/// Arguments of a call, with their values.
pub(super) struct Given {
    pub(super) plain: Vec<Value>,
    pub(super) named: Vec<(Rc<str>, Value)>,
    /// As they are written or known, for the message.
    pub(super) shown: String,
}

/// Arguments after one another, no more of them than a message shows.
#[derive(Default)]
struct Shown(String);

impl Shown {
    fn push(&mut self, name: &str, text: impl FnOnce() -> String) {
        if self.0.len() >= MAX_SHOWN {
            return;
        }
        if !self.0.is_empty() {
            self.0.push_str(", ");
        }
        if !name.is_empty() {
            self.0.extend(name.chars().take(MAX_SHOWN).chain(['=']));
        }
        self.0.extend(text().chars().take(MAX_SHOWN));
    }
}

impl Evaluator<'_, '_> {
    pub(super) fn given(&mut self, args: &Args) -> Result<Given, Exhausted> {
        let mut shown = Shown::default();
        let mut plain = Vec::new();
        for id in &args.plain {
            let value = self.expr(*id)?;
            shown.push("", || value.repr().unwrap_or_else(|| self.shown(*id)));
            plain.push(value);
        }
        let mut named = Vec::new();
        for (name, id) in &args.named {
            let value = self.expr(*id)?;
            shown.push(name, || value.repr().unwrap_or_else(|| self.shown(*id)));
            named.push((Rc::clone(name), value));
        }
        for id in &args.spread {
            let value = self.expr(*id)?;
            shown.push("", || format!("*{}", self.shown(*id)));
            // The same list may be spread in one call as often as there is room for a star.
            let room = fold::MAX_ITEMS.saturating_sub(plain.len().saturating_add(named.len()));
            match value {
                Value::Dict(pairs) => {
                    self.unit(pairs.len().min(room) as u64)?;
                    named.extend(
                        pairs
                            .iter()
                            .take(room)
                            .filter_map(|(k, v)| Some((Rc::from(k.as_str()?), v.clone()))),
                    );
                }
                other => {
                    let items = fold::elements(&other).unwrap_or_else(|| vec![other]);
                    self.unit(items.len() as u64)?;
                    plain.extend(items.into_iter().take(room));
                }
            }
        }
        Ok(Given {
            plain,
            named,
            shown: cut(shown.0),
        })
    }

    pub(super) fn call(&mut self, callee: Id, args: &Args, span: Range<usize>) -> Known {
        let tree = self.tree;
        if let Kind::Attr(of, name) = tree.kind(callee) {
            let base = self.expr(*of)?;
            let shown = self.shown(*of);
            let given = self.given(args)?;
            let on = match tree.kind(*of) {
                Kind::Name(name) => Some(Rc::clone(name)),
                _ => None,
            };
            let mut out = Vec::new();
            for one in base.alternatives() {
                out.push(self.method(one, &shown, name, &given, on.as_deref(), span.clone())?);
            }
            return Ok(Value::any(out.into_iter()));
        }
        let value = self.expr(callee)?;
        let given = self.given(args)?;
        let called = match tree.kind(callee) {
            Kind::Name(name) => Some(Rc::clone(name)),
            _ => None,
        };
        let mut out = Vec::new();
        for one in value.alternatives() {
            out.push(self.call_value(one, called.as_deref(), &given, span.clone())?);
        }
        Ok(Value::any(out.into_iter()))
    }

    /// `base.name(…)`.
    fn method(
        &mut self,
        base: &Value,
        shown: &str,
        name: &str,
        given: &Given,
        on: Option<&str>,
        span: Range<usize>,
    ) -> Known {
        if matches!(base, Value::Object(_)) || names::reach(name, false).is_some() {
            let value = self.attribute(base, shown, name, span.clone());
            return self.call_value(&value, None, given, span);
        }
        if let Value::Namespace(_) | Value::Macro(_) = base {
            let value = self.member(base, name);
            return self.call_value(&value, None, given, span);
        }
        if let (Value::Str(format), "format" | "format_map") = (base, name) {
            self.grow(format.len())?;
            self.format_fields(format, given, span.clone());
        }
        if let Some(on) = on
            && matches!(name, "append" | "extend" | "insert" | "update" | "setdefault")
        {
            self.changed(on, base, name, given)?;
        }
        if matches!(base, Value::Data | Value::None) && !names::is_method(name) {
            self.unknown_call(&format!("{shown}.{name}"), span);
            return Ok(Value::Data);
        }
        self.widths(name, given, span);
        self.folded(base, given, |base, given| {
            fold::method(base, name, &given.plain, &given.named)
        })
    }

    /// The result of a method or filter on a known value.
    pub(super) fn folded(
        &mut self,
        base: &Value,
        given: &Given,
        fold: impl Fn(&Value, &Given) -> Option<Value>,
    ) -> Known {
        self.grow(base.as_str().map_or(8, str::len))?;
        self.gone_over(base)?;
        let mut parts: Vec<&Value> = vec![base];
        parts.extend(&given.plain);
        parts.extend(given.named.iter().map(|(_, v)| v));
        if matches!(base, Value::Data) {
            return Ok(Value::Data);
        }
        // One argument with alternatives is followed, as where a name is chosen by a condition.
        let several = given.plain.iter().position(|v| matches!(v, Value::Any(_)));
        let Some(i) = several else {
            return Ok(fold(base, given).unwrap_or_else(|| suspect(&parts)));
        };
        let mut out = Vec::new();
        for one in given.plain.get(i).map(Value::alternatives).unwrap_or_default() {
            let mut plain = given.plain.clone();
            if let Some(slot) = plain.get_mut(i) {
                slot.clone_from(one);
            }
            let given = Given {
                plain,
                named: given.named.clone(),
                shown: String::new(),
            };
            let mut parts: Vec<&Value> = vec![base];
            parts.extend(&given.plain);
            out.push(fold(base, &given).unwrap_or_else(|| suspect(&parts)));
        }
        Ok(Value::any(out.into_iter()))
    }

    /// A list or mapping that a method changes in place.
    fn changed(&mut self, on: &str, base: &Value, name: &str, given: &Given) -> Result<(), Exhausted> {
        let value = match (base, name, given.plain.first()) {
            (Value::List(items), "append", Some(item)) if items.len() < fold::MAX_ITEMS => {
                let mut items = items.to_vec();
                items.push(item.clone());
                Value::list(items)
            }
            (Value::List(_) | Value::Dict(_), _, Some(item)) => Value::unknown(&[base, item]),
            _ => return Ok(()),
        };
        let value = self.made(value)?;
        self.change(on, value);
        Ok(())
    }

    /// The attributes that the fields of a format name.
    fn format_fields(&mut self, format: &str, given: &Given, span: Range<usize>) {
        for (next, field) in fold::fields(format).into_iter().enumerate() {
            let field = field.split(['!', ':']).next().unwrap_or_default();
            let end = field.find(['.', '[']).unwrap_or(field.len());
            let root = field.get(..end).unwrap_or_default();
            let named = given.named.iter().find(|(n, _)| &**n == root).map(|(_, v)| v);
            let number = root.parse::<usize>().unwrap_or(next);
            let mut value = named
                .or_else(|| given.plain.get(number))
                .cloned()
                .unwrap_or(Value::Data);
            let mut shown = format!("{{{root}}}");
            for name in field.get(end..).unwrap_or_default().split(['.', '[']) {
                let name = name.trim_end_matches(']');
                if name.is_empty() {
                    continue;
                }
                value = self.attribute(&value, &shown, name, span.clone());
                shown.push('.');
                shown.push_str(name);
                if shown.len() > MAX_TEXT {
                    break;
                }
            }
        }
        if fold::width(format) >= HUGE {
            self.hunger("formats a text of huge width".to_owned(), span);
        }
    }

    /// Numbers that make a text or list huge.
    pub(super) fn widths(&mut self, name: &str, given: &Given, span: Range<usize>) {
        let wide = matches!(
            name,
            "center" | "ljust" | "rjust" | "zfill" | "indent" | "batch" | "slice" | "expandtabs" | "lipsum"
        );
        let numbers = given.plain.iter().chain(given.named.iter().map(|(_, v)| v));
        let huge = numbers
            .filter_map(|v| match v {
                Value::Int(n) => u64::try_from(*n).ok(),
                _ => None,
            })
            .any(|n| n >= HUGE);
        if wide && huge {
            self.hunger(format!("makes `{name}` pad to a huge width"), span);
        }
    }

    /// `value(…)`; `called` is the name that it is called by.
    fn call_value(
        &mut self,
        value: &Value,
        called: Option<&str>,
        given: &Given,
        span: Range<usize>,
    ) -> Known {
        match value {
            Value::Macro(number) => {
                let all_data = given
                    .plain
                    .iter()
                    .chain(given.named.iter().map(|(_, v)| v))
                    .all(|v| matches!(v, Value::Data));
                let some = !given.plain.is_empty() || !given.named.is_empty();
                // With data only it is what it was when it was defined.
                if all_data && some {
                    return Ok(Value::Data);
                }
                if self.inlined >= MAX_INLINED || self.units == 0 {
                    return Ok(Value::Opaque);
                }
                self.call_macro(*number, &given.plain, &given.named)
            }
            Value::Object(object) if object.reached == Reached::Given => {
                if let ("namespace", Some(Value::Dict(pairs))) = (object.path.as_str(), given.plain.first()) {
                    self.pay((pairs.len() as u64).saturating_mul(64))?;
                }
                Ok(self.call_given(object, given, span))
            }
            Value::Object(object) => Ok(self.call_inside(object, given, span)),
            Value::Method(method) => {
                let (base, name) = &**method;
                self.method(base, "…", name, given, None, span)
            }
            _ => {
                let known =
                    called.is_none_or(|n| names::is_known_function(n) || self.tree.macros.contains(n));
                if !known && let Some(name) = called {
                    self.unknown_call(name, span);
                }
                Ok(Value::Data)
            }
        }
    }

    /// A call of what every template is given.
    fn call_given(&mut self, object: &Object, given: &Given, span: Range<usize>) -> Value {
        match object.path.as_str() {
            "namespace" => {
                let mut space: std::collections::BTreeMap<Rc<str>, Value> =
                    given.named.iter().cloned().collect();
                if let Some(Value::Dict(pairs)) = given.plain.first() {
                    space.extend(
                        pairs
                            .iter()
                            .filter_map(|(k, v)| Some((Rc::from(k.as_str()?), v.clone()))),
                    );
                }
                self.namespaces.push(space);
                Value::Namespace(self.namespaces.len().saturating_sub(1))
            }
            "dict" => {
                let mut pairs: Vec<(Value, Value)> = match given.plain.first() {
                    Some(Value::Dict(pairs)) => pairs.to_vec(),
                    Some(_) => return Value::Data,
                    None => Vec::new(),
                };
                pairs.extend(
                    given
                        .named
                        .iter()
                        .map(|(k, v)| (Value::Str(Rc::clone(k)), v.clone())),
                );
                Value::dict(pairs)
            }
            "range" => self.range(given, span),
            "raise_exception" | "strftime_now" | "super" => Value::Data,
            "lipsum" => {
                self.widths("lipsum", given, span);
                Value::Data
            }
            "config.from_pyfile" | "config.from_object" | "config.from_envvar" => {
                let runs = format!("{}({})", object.path, given.shown);
                self.reach(Reach {
                    path: runs.clone(),
                    reached: Reached::Door,
                    runs: Some(runs),
                    computed: None,
                    span,
                });
                Value::Data
            }
            "cycler" | "joiner" => Value::Object(Rc::new(Object {
                path: format!("{}(…)", object.path),
                ..object.clone()
            })),
            _ => Value::Data,
        }
    }

    fn range(&mut self, given: &Given, span: Range<usize>) -> Value {
        let ints: Option<Vec<i64>> = given
            .plain
            .iter()
            .map(|v| match v {
                Value::Int(n) => Some(*n),
                _ => None,
            })
            .collect();
        let Some(ints) = ints else { return Value::Data };
        let (from, to, step) = match ints[..] {
            [to] => (0, to, 1),
            [from, to] => (from, to, 1),
            [from, to, step] if step != 0 => (from, to, step),
            _ => return Value::Data,
        };
        let gap = if step > 0 {
            to.saturating_sub(from)
        } else {
            from.saturating_sub(to)
        };
        let count = u64::try_from(gap).unwrap_or(0).div_ceil(step.unsigned_abs());
        if count >= HUGE {
            self.hunger(format!("counts to {count}"), span);
        }
        if count <= 64 {
            let at = |i: u64| from.saturating_add(step.saturating_mul(i64::try_from(i).unwrap_or(0)));
            return Value::list((0..count).map(|i| Value::Int(at(i))).collect());
        }
        Value::Range(count)
    }

    /// A call inside the runtime.
    fn call_inside(&mut self, object: &Object, given: &Given, span: Range<usize>) -> Value {
        let last = object.last.clone();
        let step = format!("({})", given.shown);
        let next = |me: &mut Self, short: String| {
            let next = Object {
                path: cut(format!("{}{step}", object.path)),
                short: cut(short),
                last: format!("{last}()"),
                ..object.clone()
            };
            me.told(next, span.clone())
        };
        let first = given.plain.first().and_then(Value::as_str).map(str::to_owned);
        match (last.as_str(), first) {
            ("__import__" | "import_module", Some(module)) => return next(self, module),
            (
                "__getattribute__" | "__getattr__" | "__getitem__" | "get" | "pop" | "setdefault" | "getattr",
                Some(key),
            ) => {
                let mut outer = object.clone();
                // The call stands for a step of its own.
                if let Some(cut_at) = outer.path.rfind('.') {
                    outer.path.truncate(cut_at);
                }
                outer.short = match outer.short.rsplit_once('.') {
                    Some((short, _)) => short.to_owned(),
                    None => String::new(),
                };
                return self.further(&outer, &key, &format!(".{last}('{key}')"), span);
            }
            (
                "__subclasses__" | "mro" | "keys" | "values" | "items" | "copy" | "__dir__" | "__iter__"
                | "__next__" | "__str__" | "__repr__" | "__len__" | "__call__" | "__enter__" | "popitem"
                | "pop",
                _,
            ) => return next(self, object.short.clone()),
            _ => {}
        }
        let behind_door = object.reached == Reached::Door && !object.short.is_empty();
        if behind_door || names::is_runner(&last) {
            let short = if object.short.is_empty() {
                last.as_str()
            } else {
                object.short.as_str()
            };
            let runs = format!("{}{step}", names::full(short));
            if let Some(event) = object.event.and_then(|i| self.found.reaches.get_mut(i))
                && event.runs.is_none()
            {
                event.runs = Some(runs);
                event.path = cut(format!("{}{step}", object.path));
                event.reached = Reached::Door;
                event.span = span.clone();
            }
        }
        next(self, format!("{}()", object.short))
    }

    // --- filters ---
}
