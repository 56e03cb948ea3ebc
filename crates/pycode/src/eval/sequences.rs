//! Lists, dictionaries and sets that calls make and methods change.
//!
//! A container stays exact for as long as every change of it is known; the first that is not makes it vague, and what
//! was put into it stays in its taint.

use super::{
    Datum,
    call::Arguments,
    machine::Machine,
    sources,
    value::{Container, Kind, Object, Value},
};
use crate::behaviour::SourceKind;
use ruff_text_size::TextRange;

impl<'a> Machine<'a, '_> {
    pub(super) fn new_dict(&mut self, arguments: &Arguments) -> Value {
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

    pub(super) fn new_sequence(&mut self, path: &str, arguments: &Arguments) -> Option<Value> {
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
    pub(super) fn higher(&mut self, path: &str, arguments: &Arguments, range: TextRange) -> Option<Value> {
        let callee = arguments.positional.first()?.clone();
        let over = arguments.positional.get(1)?.clone();
        let items = self.items_of(&over);
        let several = arguments.positional.len() > 2;
        let Some(items) = items.filter(|i| (i.len() as u64) <= self.fuel) else {
            let element = self.element_of(&over);
            let value = self.call(&callee, Arguments::of(vec![element]), range);
            let cut = self.not_computed(std::iter::once(&over));
            let taint = self.deep_taint(&over).and(&self.deep_taint(&value)).and(&cut);
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

    pub(super) fn ordered(&mut self, path: &str, arguments: &Arguments) -> Option<Value> {
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

    pub(super) fn container_method(
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
            // A configuration holds what is read into it.
            (Kind::Dict, "read" | "read_file" | "readfp" | "read_string") => {
                let words = first?.words().map(str::to_owned);
                let mut taint = self.deep_taint(first?).without(&[SourceKind::File]);
                let kind = words.as_deref().map_or(SourceKind::File, sources::of_file);
                // Tools that publish packages are configured so.
                let of_tools = words.as_deref().is_some_and(|w| w.ends_with(".pypirc"));
                if !matches!(kind, SourceKind::File | SourceKind::Resource) && !of_tools {
                    taint = taint.then(self.step(Some(kind), range, words.as_deref().unwrap_or_default()));
                }
                let container = self.container_mut(receiver)?;
                container.taint = container.taint.and(&taint);
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
}
