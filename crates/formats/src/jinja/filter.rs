//! Filters: calls that are written behind a value.

use super::{
    ast::{Args, Id, Kind},
    call::Given,
    eval::{Evaluator, HUGE, Known},
    fold,
    operator::cut,
    value::{Object, Reached, Value},
};
use std::{ops::Range, rc::Rc};

impl Evaluator<'_, '_> {
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

    pub(super) fn filter(&mut self, id: Id, of: Option<Id>, value: &Value, name: &str, args: &Args) -> Known {
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
}
