//! Expressions: what they are known to be, and where they lead.

use super::{
    ast::{Args, Id, Kind},
    eval::{Evaluator, HUGE, Reach},
    fold::{self, MAX_TEXT},
    names,
    value::{Object, Reached, Value},
};
use std::{ops::Range, rc::Rc};
use wellhead_core::Exhausted;

type Known = Result<Value, Exhausted>;

/// How deep statements, expressions and macros may lie in one another.
const MAX_DEPTH: u32 = 160;
/// How many macros are gone inside one another.
const MAX_INLINED: u32 = 3;

/// Most bytes of arguments that are put together for a message, before it is cut.
const MAX_SHOWN: usize = 1 << 10;

/// Arguments of a call, with their values.
struct Given {
    plain: Vec<Value>,
    named: Vec<(Rc<str>, Value)>,
    /// As they are written or known, for the message.
    shown: String,
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
    pub(super) fn expr(&mut self, id: Id) -> Known {
        self.unit(1)?;
        if self.depth >= MAX_DEPTH {
            let span = self.tree.span(id);
            self.found.too_deep.get_or_insert(span);
            return Ok(Value::Opaque);
        }
        self.depth = self.depth.saturating_add(1);
        let value = self.expr_of(id);
        self.depth = self.depth.saturating_sub(1);
        self.made(value?)
    }

    fn expr_of(&mut self, id: Id) -> Known {
        let tree = self.tree;
        match tree.kind(id) {
            Kind::Str(text) => Ok(Value::Str(Rc::clone(text))),
            Kind::Int(n) => Ok(Value::Int(*n)),
            Kind::Float(n) => Ok(Value::Float(*n)),
            Kind::Bool(b) => Ok(Value::Bool(*b)),
            Kind::None => Ok(Value::None),
            Kind::Name(name) => Ok(self.name(name)),
            Kind::List(items) => Ok(Value::list(self.exprs(items)?)),
            Kind::Dict(pairs) => {
                let mut out = Vec::new();
                for (key, value) in pairs {
                    out.push((self.expr(*key)?, self.expr(*value)?));
                }
                Ok(Value::dict(out))
            }
            Kind::Attr(of, name) => {
                let base = self.expr(*of)?;
                self.gone_over(&base)?;
                let shown = self.shown(*of);
                Ok(self.attribute(&base, &shown, name, tree.span(id)))
            }
            Kind::Item(of, key) => {
                let base = self.expr(*of)?;
                let key_value = self.expr(*key)?;
                self.item(&base, *of, &key_value, *key, tree.span(id))
            }
            Kind::Slice(of, ends) => self.slice(*of, *ends),
            Kind::Call(callee, args) => self.call(*callee, args, tree.span(id)),
            Kind::Filter(of, name, args) => {
                let value = match of {
                    Some(of) => self.expr(*of)?,
                    None => Value::Data,
                };
                self.filter(id, *of, &value, name, args)
            }
            Kind::Test(of, _, args) => {
                self.expr(*of)?;
                self.given(args)?;
                Ok(Value::Data)
            }
            Kind::Not(of) => Ok(self.expr(*of)?.truth().map_or(Value::Data, |b| Value::Bool(!b))),
            Kind::Minus(of) => Ok(match self.expr(*of)? {
                Value::Int(n) => Value::Int(n.saturating_neg()),
                Value::Float(n) => Value::Float(-n),
                other => Value::unknown(&[&other]),
            }),
            Kind::Binary(op, left, right) => {
                let (left, right) = (self.expr(*left)?, self.expr(*right)?);
                self.binary(op, &left, &right, tree.span(id))
            }
            Kind::Sum(items) => {
                let values = self.exprs(items)?;
                self.sum(&values)
            }
            Kind::Concat(items) => {
                let values = self.exprs(items)?;
                self.concat(&values)
            }
            Kind::Compare(first, rest) => {
                let first = self.expr(*first)?;
                let mut last = first.clone();
                for (_, id) in rest {
                    last = self.expr(*id)?;
                    self.gone_over(&last)?;
                }
                Ok(match rest.as_slice() {
                    [(op, _)] => compare(op, &first, &last),
                    _ => Value::Data,
                })
            }
            Kind::Cond(test, value, other) => {
                let truth = self.expr(*test)?.truth();
                let value = self.expr(*value)?;
                let other = match other {
                    Some(other) => self.expr(*other)?,
                    None => Value::str(""),
                };
                Ok(match truth {
                    Some(true) => value,
                    Some(false) => other,
                    None => value.or(&other),
                })
            }
            Kind::Lost => Ok(Value::Opaque),
        }
    }

    fn exprs(&mut self, ids: &[Id]) -> Result<Vec<Value>, Exhausted> {
        ids.iter().map(|id| self.expr(*id)).collect()
    }

    fn name(&self, name: &str) -> Value {
        if let Some(value) = self.lookup(name) {
            return value;
        }
        if names::is_given(name) {
            return Value::Object(Rc::new(Object {
                path: name.to_owned(),
                reached: Reached::Given,
                short: String::new(),
                last: name.to_owned(),
                event: None,
            }));
        }
        Value::Data
    }

    // --- ways into the runtime ---

    fn attribute(&mut self, base: &Value, shown: &str, name: &str, span: Range<usize>) -> Value {
        match base {
            Value::Any(all) => {
                let values: Vec<Value> = all
                    .iter()
                    .map(|one| self.attribute(one, shown, name, span.clone()))
                    .collect();
                Value::any(values.into_iter())
            }
            Value::Object(object) => self.further(object, name, &format!(".{name}"), span),
            _ => {
                if let Some(reached) = names::reach(name, false) {
                    let path = match base {
                        Value::Str(text) => format!("'{}'.{name}", text.chars().take(20).collect::<String>()),
                        _ => format!("{shown}.{name}"),
                    };
                    let start = Object {
                        path: cut(path),
                        reached,
                        short: String::new(),
                        last: cut(name.to_owned()),
                        event: None,
                    };
                    return self.told(start, span);
                }
                self.member(base, name)
            }
        }
    }

    /// An ordinary attribute.
    fn member(&self, base: &Value, name: &str) -> Value {
        match base {
            Value::Namespace(n) => {
                let space = self.namespaces.get(*n);
                space.and_then(|s| s.get(name)).cloned().unwrap_or(Value::Data)
            }
            Value::Dict(pairs) => {
                let key = pairs.iter().rev().find(|(k, _)| k.as_str() == Some(name));
                match key {
                    Some((_, value)) => value.clone(),
                    None if names::is_method(name) => Value::bound(base, name),
                    None => Value::Data,
                }
            }
            Value::Str(_) | Value::List(_) | Value::Range(_) => Value::bound(base, name),
            Value::Opaque => Value::Opaque,
            _ => Value::Data,
        }
    }

    /// One step further from an object of the runtime. `step` is how it is written.
    fn further(&mut self, object: &Object, name: &str, step: &str, span: Range<usize>) -> Value {
        let inside = object.reached > Reached::Given;
        let found = names::reach(name, inside);
        if !inside && found.is_none() {
            // `loop.index`, `cycler.next`, `request.args`: what templates are given these for.
            return if step.starts_with('.') || step.starts_with('[') {
                Value::Object(Rc::new(Object {
                    path: cut(format!("{}{step}", object.path)),
                    ..object.clone()
                }))
            } else {
                Value::Data
            };
        }
        let short = match found {
            Some(_) if name != "__import__" => String::new(),
            _ if object.short.is_empty() => name.to_owned(),
            _ if matches!(object.short.as_str(), "sys.modules" | "modules") => name.to_owned(),
            _ => format!("{}.{name}", object.short),
        };
        let next = Object {
            path: cut(format!("{}{step}", object.path)),
            reached: found.unwrap_or(object.reached).max(object.reached),
            short: cut(short),
            last: cut(name.to_owned()),
            event: object.event,
        };
        self.told(next, span)
    }

    /// Tells of a way, or that a way goes further than was told.
    fn told(&mut self, mut object: Object, span: Range<usize>) -> Value {
        if object.event.is_none() {
            object.event = self.reach(Reach {
                path: object.path.clone(),
                reached: object.reached,
                runs: None,
                computed: None,
                span: span.clone(),
            });
        }
        if let Some(event) = object.event.and_then(|i| self.found.reaches.get_mut(i))
            && event.runs.is_none()
        {
            event.reached = event.reached.max(object.reached);
            if object.path.len() >= event.path.len() {
                event.path.clone_from(&object.path);
            }
            if span.start == event.span.start {
                event.span.end = event.span.end.max(span.end);
            }
        }
        Value::Object(Rc::new(object))
    }

    /// An attribute whose name is computed in a way that was not followed.
    fn computed(&mut self, base: &Value, shown: &str, name: Id, span: Range<usize>) -> Value {
        let from = self.shown(name);
        let path = match base {
            Value::Object(object) => object.path.clone(),
            _ => shown.to_owned(),
        };
        let known = match base {
            Value::Object(object) => object.event,
            _ => None,
        };
        let event = known.or_else(|| {
            self.reach(Reach {
                path: path.clone(),
                reached: Reached::Given,
                runs: None,
                computed: Some(from),
                span,
            })
        });
        Value::Object(Rc::new(Object {
            path: cut(format!("{path}[…]")),
            reached: Reached::Internal,
            short: String::new(),
            last: String::new(),
            event,
        }))
    }

    fn item(&mut self, base: &Value, of: Id, key: &Value, key_id: Id, span: Range<usize>) -> Known {
        let mut out = Vec::new();
        for one in base.alternatives() {
            for name in key.alternatives() {
                self.unit(1)?;
                self.gone_over(one)?;
                out.push(self.item_of(one, of, name, key_id, span.clone()));
            }
        }
        Ok(Value::any(out.into_iter()))
    }

    fn item_of(&mut self, base: &Value, of: Id, key: &Value, key_id: Id, span: Range<usize>) -> Value {
        let shown = self.shown(of);
        match (base, key) {
            (Value::Object(object), Value::Str(name)) => {
                self.further(object, name, &format!("['{name}']"), span)
            }
            (Value::Object(object), Value::Int(n)) => {
                let short = if object.last == "__subclasses__()" {
                    "a loaded class".to_owned()
                } else {
                    object.short.clone()
                };
                Value::Object(Rc::new(Object {
                    path: cut(format!("{}[{n}]", object.path)),
                    short,
                    ..(**object).clone()
                }))
            }
            (Value::Object(_), _) | (Value::Str(_), Value::Data | Value::Opaque) => {
                self.computed(base, &shown, key_id, span)
            }
            (Value::Dict(pairs), Value::Str(name)) => {
                let found = pairs.iter().rev().find(|(k, _)| k.as_str() == Some(name));
                match found {
                    Some((_, value)) => value.clone(),
                    None => self.attribute(base, &shown, name, span),
                }
            }
            (Value::Dict(pairs), Value::Int(_) | Value::Bool(_) | Value::None) => {
                let found = pairs.iter().rev().find(|(k, _)| k.equals(key) == Some(true));
                found.map_or(Value::Data, |(_, v)| v.clone())
            }
            (Value::Dict(pairs), Value::Data) => Value::any(
                pairs
                    .iter()
                    .map(|(_, v)| v.clone())
                    .chain([Value::Data])
                    .collect::<Vec<_>>()
                    .into_iter(),
            ),
            (Value::List(items), Value::Data) => Value::any(
                items
                    .iter()
                    .cloned()
                    .chain([Value::Data])
                    .collect::<Vec<_>>()
                    .into_iter(),
            ),
            (_, Value::Str(name)) => self.attribute(base, &shown, name, span),
            (Value::List(_) | Value::Str(_), Value::Int(n)) => fold::index(base, *n).unwrap_or(Value::Opaque),
            (Value::List(_) | Value::Namespace(_), Value::Opaque) => Value::Opaque,
            (_, Value::Opaque) => self.computed(base, &shown, key_id, span),
            (Value::Opaque, _) => Value::Opaque,
            _ => Value::Data,
        }
    }

    fn slice(&mut self, of: Id, ends: [Option<Id>; 3]) -> Known {
        let base = self.expr(of)?;
        let mut known = [None; 3];
        let mut followed = true;
        for (slot, end) in known.iter_mut().zip(ends) {
            let Some(end) = end else { continue };
            match self.expr(end)? {
                Value::Int(n) => *slot = Some(n),
                Value::None => {}
                _ => followed = false,
            }
        }
        let mut out = Vec::new();
        for one in base.alternatives() {
            self.grow(one.as_str().map_or(1, str::len))?;
            let value = match one {
                Value::Object(object) => Value::Object(Rc::new(Object {
                    path: cut(format!("{}[:]", object.path)),
                    ..(**object).clone()
                })),
                one if followed => fold::slice(one, known).unwrap_or_else(|| Value::unknown(&[one])),
                one => suspect(&[one, &Value::Data]),
            };
            out.push(value);
        }
        Ok(Value::any(out.into_iter()))
    }

    // --- calls ---

    fn given(&mut self, args: &Args) -> Result<Given, Exhausted> {
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

    fn call(&mut self, callee: Id, args: &Args, span: Range<usize>) -> Known {
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
    fn folded(
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
    fn widths(&mut self, name: &str, given: &Given, span: Range<usize>) {
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

    /// A filter of a block.
    pub(super) fn filter_of(&mut self, id: Id, value: Value) -> Known {
        let tree = self.tree;
        match tree.kind(id) {
            Kind::Filter(inner, name, args) => {
                let value = match inner {
                    Some(inner) if matches!(tree.kind(*inner), Kind::Filter(..)) => {
                        self.filter_of(*inner, value)?
                    }
                    _ => value,
                };
                self.filter(id, None, &value, name, args)
            }
            _ => Ok(value),
        }
    }

    fn filter(&mut self, id: Id, of: Option<Id>, value: &Value, name: &str, args: &Args) -> Known {
        let given = self.given(args)?;
        let span = self.tree.span(id);
        let shown = of.map_or_else(|| "…".to_owned(), |of| self.shown(of));
        let mut out = Vec::new();
        for one in value.alternatives() {
            self.unit(1)?;
            out.push(self.filter_one(one, &shown, name, args, &given, span.clone())?);
        }
        Ok(Value::any(out.into_iter()))
    }

    fn filter_one(
        &mut self,
        value: &Value,
        shown: &str,
        name: &str,
        args: &Args,
        given: &Given,
        span: Range<usize>,
    ) -> Known {
        match name {
            "attr" => {
                let (Some(id), Some(key)) = (args.plain.first().copied(), given.plain.first()) else {
                    return Ok(Value::Data);
                };
                return Ok(self.attributes(value, shown, key, id, span));
            }
            "map" => return self.mapped(value, shown, args, given, span),
            "selectattr" | "rejectattr" | "groupby" | "sort" | "unique" | "sum" | "min" | "max" => {
                let by_name = given
                    .named
                    .iter()
                    .find(|(n, _)| &**n == "attribute")
                    .map(|(_, v)| v);
                let first = given
                    .plain
                    .first()
                    .filter(|_| name.ends_with("attr") || name == "groupby");
                if let Some(Value::Str(path)) = first.or(by_name) {
                    self.dotted(value, shown, path, span);
                }
            }
            "format" => {
                if let Value::Str(format) = value
                    && fold::width(format) >= HUGE
                {
                    self.hunger("formats a text of huge width".to_owned(), span);
                }
            }
            _ => self.widths(name, given, span),
        }
        match value {
            Value::Object(object) if object.reached > Reached::Given => {
                if matches!(
                    name,
                    "length"
                        | "count"
                        | "string"
                        | "tojson"
                        | "int"
                        | "e"
                        | "escape"
                        | "trim"
                        | "upper"
                        | "lower"
                ) {
                    return Ok(Value::Data);
                }
                return Ok(Value::Object(Rc::new(Object {
                    path: cut(format!("{}|{name}", object.path)),
                    ..(**object).clone()
                })));
            }
            Value::Data if matches!(name, "default" | "d") => {
                let default = given.plain.first().cloned().unwrap_or_else(|| Value::str(""));
                return Ok(Value::Data.or(&default));
            }
            _ => {}
        }
        self.folded(value, given, |value, given| {
            fold::filter(name, value, &given.plain, &given.named)
        })
    }

    /// `|attr(key)`.
    fn attributes(&mut self, value: &Value, shown: &str, key: &Value, id: Id, span: Range<usize>) -> Value {
        let mut out = Vec::new();
        for one in key.alternatives() {
            out.push(match one {
                Value::Str(name) => match value {
                    Value::Object(object) => self.further(object, name, &format!(".{name}"), span.clone()),
                    _ => self.attribute(value, shown, name, span.clone()),
                },
                _ => self.computed(value, shown, id, span.clone()),
            });
        }
        Value::any(out.into_iter())
    }

    /// `a.b.c` of the elements of a list.
    fn dotted(&mut self, value: &Value, shown: &str, path: &str, span: Range<usize>) -> Value {
        let mut value = match value {
            Value::List(items) => items.first().cloned().unwrap_or(Value::Data),
            other => other.clone(),
        };
        let mut shown = shown.to_owned();
        for name in path.split('.').take(64) {
            value = self.attribute(&value, &shown, name, span.clone());
            shown = cut(format!("{shown}.{name}"));
        }
        value
    }

    fn mapped(
        &mut self,
        value: &Value,
        shown: &str,
        args: &Args,
        given: &Given,
        span: Range<usize>,
    ) -> Known {
        let by_name = args
            .named
            .iter()
            .zip(&given.named)
            .find(|((n, _), _)| &**n == "attribute");
        if let Some(((_, id), (_, path))) = by_name {
            return Ok(match path {
                Value::Str(path) => {
                    let items = fold::elements(value).filter(|items| items.len() <= 64);
                    match items {
                        Some(items) => Value::list(
                            items
                                .iter()
                                .map(|item| self.dotted(item, shown, path, span.clone()))
                                .collect(),
                        ),
                        None => self.dotted(value, shown, path, span),
                    }
                }
                Value::Data | Value::Opaque => self.computed(value, shown, *id, span),
                _ => Value::Data,
            });
        }
        let Some(Value::Str(filter)) = given.plain.first() else {
            return Ok(Value::unknown(&[value]));
        };
        let rest = Args {
            plain: args.plain.get(1..).unwrap_or_default().to_vec(),
            named: args.named.clone(),
            spread: Vec::new(),
        };
        let inner = Given {
            plain: given.plain.get(1..).unwrap_or_default().to_vec(),
            named: given.named.clone(),
            shown: String::new(),
        };
        if &**filter == "map" {
            return Ok(Value::unknown(&[value]));
        }
        let Some(items) = fold::elements(value).filter(|i| i.len() <= 64) else {
            return self.filter_one(value, shown, filter, &rest, &inner, span);
        };
        let mut out = Vec::new();
        for item in &items {
            self.unit(1)?;
            out.push(self.filter_one(item, shown, filter, &rest, &inner, span.clone())?);
        }
        Ok(Value::list(out))
    }

    // --- operators ---

    fn binary(&mut self, op: &str, left: &Value, right: &Value, span: Range<usize>) -> Known {
        Ok(match (op, left, right) {
            ("or", l, r) => match l.truth() {
                Some(true) => l.clone(),
                Some(false) => r.clone(),
                None => l.clone().or(r),
            },
            ("and", l, r) => match l.truth() {
                Some(true) => r.clone(),
                Some(false) => l.clone(),
                None => l.clone().or(r),
            },
            ("*", Value::Str(text), Value::Int(n)) | ("*", Value::Int(n), Value::Str(text)) => {
                let n = usize::try_from(*n).unwrap_or(0);
                let length = text.len().saturating_mul(n);
                if length as u64 >= HUGE {
                    self.hunger(format!("repeats a text to {length} bytes"), span);
                }
                self.grow(length.min(MAX_TEXT))?;
                if length > MAX_TEXT {
                    Value::Opaque
                } else {
                    Value::Str(Rc::from(text.repeat(n)))
                }
            }
            ("*", Value::List(items), Value::Int(n)) | ("*", Value::Int(n), Value::List(items)) => {
                let n = usize::try_from(*n).unwrap_or(0);
                let length = items.len().saturating_mul(n);
                if length as u64 >= HUGE {
                    self.hunger(format!("repeats a list to {length} elements"), span);
                }
                if length > fold::MAX_ITEMS {
                    Value::Opaque
                } else {
                    Value::list(items.iter().cloned().cycle().take(length).collect())
                }
            }
            ("**", Value::Int(base), Value::Int(exponent)) => {
                let bits = u64::from(64_u32.saturating_sub(base.unsigned_abs().leading_zeros()));
                if bits.saturating_mul(u64::try_from(*exponent).unwrap_or(0)) >= HUGE && bits > 1 {
                    self.hunger(format!("computes {base} to the power of {exponent}"), span);
                }
                let exponent = u32::try_from(*exponent).ok();
                exponent
                    .and_then(|e| base.checked_pow(e))
                    .map_or(Value::Opaque, Value::Int)
            }
            ("%", Value::Str(format), right) => {
                if fold::width(format) >= HUGE {
                    self.hunger("formats a text of huge width".to_owned(), span);
                }
                self.grow(format.len())?;
                self.gone_over(right)?;
                let args = match right {
                    Value::List(items) => items.iter().take(fold::MAX_ITEMS).cloned().collect(),
                    other => vec![other.clone()],
                };
                let named: Vec<(Rc<str>, Value)> = match right {
                    Value::Dict(pairs) => pairs
                        .iter()
                        .filter_map(|(k, v)| Some((Rc::from(k.as_str()?), v.clone())))
                        .collect(),
                    _ => Vec::new(),
                };
                fold::percent(format, &args, &named).unwrap_or_else(|| suspect(&[left, right]))
            }
            (_, Value::Int(a), Value::Int(b)) => match op {
                "-" => Value::Int(a.saturating_sub(*b)),
                "*" => Value::Int(a.saturating_mul(*b)),
                "//" => a.checked_div_euclid(*b).map_or(Value::Opaque, Value::Int),
                "%" => a.checked_rem_euclid(*b).map_or(Value::Opaque, Value::Int),
                _ => Value::Data,
            },
            (_, Value::Any(all), right) => {
                let mut out = Vec::new();
                for one in all.iter() {
                    out.push(self.binary(op, one, right, span.clone())?);
                }
                Value::any(out.into_iter())
            }
            _ => Value::unknown(&[left, right]),
        })
    }

    /// `a + b + c`: numbers, texts or lists.
    fn sum(&mut self, values: &[Value]) -> Known {
        let mut items = values.iter();
        let Some(mut total) = items.next().cloned() else {
            return Ok(Value::Data);
        };
        for next in items {
            self.unit(1)?;
            let mut out = Vec::new();
            for a in total.alternatives() {
                for b in next.alternatives() {
                    self.grow(a.as_str().map_or(1, str::len))?;
                    out.push(match (a, b) {
                        (Value::Int(a), Value::Int(b)) => Value::Int(a.saturating_add(*b)),
                        (Value::Str(a), Value::Str(b)) if a.len().saturating_add(b.len()) <= MAX_TEXT => {
                            Value::Str(Rc::from(format!("{a}{b}")))
                        }
                        (Value::List(a), Value::List(b))
                            if a.len().saturating_add(b.len()) <= fold::MAX_ITEMS =>
                        {
                            Value::list(a.iter().chain(b.iter()).cloned().collect())
                        }
                        _ => suspect(&[a, b]),
                    });
                }
            }
            total = Value::any(out.into_iter());
        }
        if matches!(total, Value::Data) {
            return Ok(suspect(&values.iter().collect::<Vec<_>>()));
        }
        Ok(total)
    }

    fn concat(&mut self, values: &[Value]) -> Known {
        let mut texts: Vec<String> = vec![String::new()];
        for value in values {
            let mut next = Vec::new();
            for text in &texts {
                for one in value.alternatives() {
                    self.grow(text.len())?;
                    let Some(printed) = one.printed() else {
                        let parts: Vec<&Value> = values.iter().collect();
                        return Ok(suspect(&parts));
                    };
                    next.push(format!("{text}{printed}"));
                }
            }
            if next.len() > 16 || next.iter().any(|t| t.len() > MAX_TEXT) {
                let parts: Vec<&Value> = values.iter().collect();
                return Ok(Value::unknown(&parts));
            }
            texts = next;
        }
        Ok(Value::any(
            texts
                .iter()
                .map(|t| Value::str(t))
                .collect::<Vec<_>>()
                .into_iter(),
        ))
    }
}

/// What an operation on these yields when it is not followed. A text of the conversation may be made empty, so a name that
/// is hidden between such texts is still one that the template makes.
fn suspect(parts: &[&Value]) -> Value {
    let mut known = String::new();
    let mut add = |value: &Value| {
        if let Value::Str(text) = value
            && known.len() < 1 << 10
        {
            known.extend(text.chars().take(1 << 10));
        }
    };
    for part in parts {
        match part {
            Value::List(items) => items.iter().take(64).for_each(&mut add),
            one => add(one),
        }
    }
    if known.contains("__") {
        return Value::Opaque;
    }
    Value::unknown(parts)
}

fn compare(op: &str, left: &Value, right: &Value) -> Value {
    let known = match op {
        "==" => left.equals(right),
        "!=" => left.equals(right).map(|b| !b),
        "in" | "not in" => {
            let found = match (left, right) {
                (Value::Str(a), Value::Str(b)) => Some(b.contains(&**a)),
                (Value::Str(_) | Value::Int(_), Value::List(items)) if items.len() <= fold::MAX_COPIED => {
                    let all: Option<Vec<bool>> = items.iter().map(|i| i.equals(left)).collect();
                    all.map(|all| all.contains(&true))
                }
                _ => None,
            };
            found.map(|b| b == (op == "in"))
        }
        _ => match (left, right) {
            (Value::Int(a), Value::Int(b)) => match op {
                "<" => Some(a < b),
                "<=" => Some(a <= b),
                ">" => Some(a > b),
                _ => Some(a >= b),
            },
            _ => None,
        },
    };
    known.map_or(Value::Data, Value::Bool)
}

/// A text for a message, cut in the middle of nowhere.
pub(super) fn cut(text: String) -> String {
    if text.chars().nth(200).is_none() {
        return text;
    }
    let mut short: String = text.chars().take(199).collect();
    short.push('…');
    short
}
