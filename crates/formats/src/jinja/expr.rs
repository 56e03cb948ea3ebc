//! Expressions: what they are known to be, and where they lead.

use super::{
    ast::{Id, Kind},
    eval::{Evaluator, Known, Reach},
    fold, names,
    operator::{compare, cut, suspect},
    value::{Object, Reached, Value},
};
use std::{ops::Range, rc::Rc};
use wellhead_core::Exhausted;

/// How deep statements, expressions and macros may lie in one another.
const MAX_DEPTH: u32 = 160;

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

    pub(super) fn attribute(&mut self, base: &Value, shown: &str, name: &str, span: Range<usize>) -> Value {
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
    pub(super) fn member(&self, base: &Value, name: &str) -> Value {
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
    pub(super) fn further(&mut self, object: &Object, name: &str, step: &str, span: Range<usize>) -> Value {
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
    pub(super) fn told(&mut self, mut object: Object, span: Range<usize>) -> Value {
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
    pub(super) fn computed(&mut self, base: &Value, shown: &str, name: Id, span: Range<usize>) -> Value {
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
}
