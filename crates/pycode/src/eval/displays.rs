//! Lists, dictionaries and comprehensions as they are written, and values as they are taken apart.

use super::{
    Datum,
    machine::Machine,
    operators,
    value::{Container, Cut, Kind, Object, Taint, Value, What},
};
use ruff_python_ast::{self as ast, Comprehension, Expr};

/// How many containers in one container become ones that may be changed.
const FEW: usize = 1_000;

/// How many items are gone through where something in each is not known.
const MOST_VAGUE: usize = 64;

impl<'a> Machine<'a, '_> {
    /// Appends to a list or set; in a branch that may not be taken nobody knows afterwards.
    pub(super) fn push_to(&mut self, container: &Value, item: Value) {
        let unsure = self.frame.unsure;
        let room = self.hold_one();
        let item = if room {
            self.in_turn(item)
        } else {
            item.with(&Taint::cut(Cut::Bound))
        };
        if let Some(held) = self.container_mut(container) {
            held.vague |= unsure > held.born || !room;
            if room {
                held.push(item);
            } else {
                held.taint = held.taint.and(&item.taint);
            }
        }
    }

    pub(super) fn blur(&mut self, container: &Value) {
        if let Some(held) = self.container_mut(container) {
            held.vague = true;
        }
    }

    pub(super) fn list(&mut self, items: &'a [Expr], kind: Kind) -> Value {
        let mut out = Vec::with_capacity(items.len().min(1 << 16));
        let mut vague = false;
        for item in items {
            if let Expr::Starred(starred) = item {
                let value = self.eval(&starred.value);
                match self.items_of(&value) {
                    Some(more) => {
                        self.pay(more.len().saturating_mul(16));
                        out.extend(more);
                    }
                    None => {
                        vague = true;
                        out.push(self.element_of(&value));
                    }
                }
            } else {
                let value = self.eval(item);
                out.push(value);
            }
        }
        let value = self.new_container(kind, out);
        if vague {
            self.blur(&value);
        }
        value
    }

    pub(super) fn dict(&mut self, items: &'a [ast::DictItem]) -> Value {
        let mut out = Container::new(Kind::Dict, self.frame.unsure);
        for item in items {
            let value = self.eval(&item.value);
            match &item.key {
                Some(key) => {
                    let key = self.eval(key);
                    out.taint = out.taint.and(&self.deep_taint(&value));
                    out.set(key, value);
                }
                None => self.merge_into(&mut out, &value),
            }
        }
        let taint = out.taint.clone();
        Value::from(self.add(Object::Container(out))).with(&taint)
    }

    pub(super) fn merge_into(&mut self, out: &mut Container, from: &Value) {
        match self.container(from).filter(|c| c.kind == Kind::Dict) {
            Some(other) => {
                let (keys, items, vague) = (other.keys.clone(), other.items.clone(), other.vague);
                let taint = other.taint.clone();
                self.pay(keys.len().saturating_mul(16));
                for (key, item) in keys.into_iter().zip(items) {
                    out.set(key, item);
                }
                out.vague |= vague;
                out.taint = out.taint.and(&taint);
            }
            None => {
                out.vague = true;
                out.taint = out.taint.and(&self.deep_taint(from));
            }
        }
    }

    pub(super) fn comprehension(
        &mut self,
        generators: &'a [Comprehension],
        key: Option<&'a Expr>,
        element: &'a Expr,
        kind: Kind,
    ) -> Value {
        let scope = self.new_scope(Some(self.frame.scope), false);
        let outer = std::mem::replace(&mut self.frame.scope, scope);
        let mut out = Container::new(kind, self.frame.unsure);
        self.generate(generators, key, element, &mut out);
        self.frame.scope = outer;
        let taint = out.taint.clone();
        Value::from(self.add(Object::Container(out))).with(&taint)
    }

    fn generate(
        &mut self,
        generators: &'a [Comprehension],
        key: Option<&'a Expr>,
        element: &'a Expr,
        out: &mut Container,
    ) {
        let Some((first, rest)) = generators.split_first() else {
            let value = self.eval(element);
            out.taint = out.taint.and(&self.deep_taint(&value));
            match key {
                Some(key) => {
                    let key = self.eval(key);
                    out.set(key, value);
                }
                None => out.push(value),
            }
            if self.is_crowded(out.items.len()) {
                out.shorten(1);
            }
            return;
        };
        if !self.deeper() {
            out.vague = true;
            return;
        }
        let iterated = self.eval(&first.iter);
        let element_value = self.element_of(&iterated);
        let vague = self.vague;
        match self.items_of(&iterated) {
            Some(items) => {
                for (at, item) in items.into_iter().enumerate() {
                    let gone =
                        self.fuel == 0 || self.stopped.is_some() || (self.vague > vague && at > MOST_VAGUE);
                    if gone {
                        let cut = if self.fuel == 0 { Cut::Bound } else { Cut::Early };
                        out.vague = true;
                        out.taint = out.taint.and(&Taint::cut(cut));
                    }
                    let item = if gone { element_value.clone() } else { item };
                    self.store(&first.target, item);
                    let mut passes = Some(true);
                    for condition in &first.ifs {
                        let value = self.eval(condition);
                        match self.truth(&value) {
                            Some(true) => {}
                            Some(false) => passes = Some(false),
                            None if passes == Some(true) => passes = None,
                            None => {}
                        }
                    }
                    if passes != Some(false) {
                        out.vague |= passes.is_none() || !self.hold_one();
                        self.generate(rest, key, element, out);
                    }
                    if gone {
                        break;
                    }
                }
            }
            None => {
                out.vague = true;
                out.taint = out.taint.and(&self.not_computed(std::iter::once(&iterated)));
                self.vague = self.vague.saturating_add(1);
                self.store(&first.target, element_value);
                for condition in &first.ifs {
                    self.eval(condition);
                }
                self.generate(rest, key, element, out);
            }
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// Every item that a loop over a value meets, where they are known.
    pub(super) fn items_of(&mut self, value: &Value) -> Option<Vec<Value>> {
        if let Some(container) = self.container(value) {
            if container.vague {
                return None;
            }
            let items = if container.kind == Kind::Dict {
                &container.keys
            } else {
                &container.items
            };
            if self.is_crowded(items.len()) {
                return None;
            }
            let items = items.clone();
            self.pay(items.len().saturating_mul(8));
            return Some(items);
        }
        let datum = value.datum()?;
        if let Datum::List(items) | Datum::Tuple(items) = datum
            && self.is_crowded(items.len())
        {
            return None;
        }
        if let Datum::Range(range) = datum
            && range.count() > self.fuel
        {
            return None;
        }
        let items = operators::iterate(datum, self.budget);
        let items = self.known(items)?;
        let taint = value.taint.clone();
        Some(items.into_iter().map(|d| Value::from(d).with(&taint)).collect())
    }

    /// A value of which everything is known.
    pub(super) fn frozen(&mut self, value: &Value) -> Option<Datum> {
        if let What::Datum(datum) = &value.what {
            return Some(datum.clone());
        }
        self.container(value)?;
        let mut left = 1_u64 << 19;
        let out = self.freeze(value, 0, &mut left);
        let used = (1_u64 << 19).saturating_sub(left);
        self.fuel = self.fuel.saturating_sub(used.checked_div(4).unwrap_or(0));
        if let Err(why) = self.budget.steps(used) {
            self.stopped.get_or_insert(why);
        }
        out
    }

    fn freeze(&self, value: &Value, depth: u8, left: &mut u64) -> Option<Datum> {
        *left = left.checked_sub(1)?;
        if let What::Datum(datum) = &value.what {
            return Some(datum.clone());
        }
        let container = self.container(value).filter(|c| !c.vague && depth < 12)?;
        let next = depth.saturating_add(1);
        if container.kind == Kind::Bytes {
            let bytes: Option<Vec<u8>> = container
                .items
                .iter()
                .map(|i| i.datum()?.as_int().and_then(|n| u8::try_from(n).ok()))
                .collect();
            *left = left.checked_sub(container.items.len() as u64)?;
            return Datum::bytes(bytes?);
        }
        let mut items = Vec::new();
        for item in &container.items {
            items.push(self.freeze(item, next, left)?);
        }
        match container.kind {
            Kind::List => Datum::list(items),
            Kind::Tuple => Datum::tuple(items),
            Kind::Dict => {
                let keys: Option<Vec<Datum>> = container.keys.iter().map(|k| k.datum().cloned()).collect();
                Datum::dict(keys?.into_iter().zip(items).collect())
            }
            Kind::Set | Kind::Bytes => None,
        }
    }

    /// A known value as one that may be changed.
    pub(super) fn lift(&mut self, datum: Datum) -> Value {
        match datum {
            Datum::List(items) if self.is_crowded(items.len()) => Datum::List(items).into(),
            Datum::List(items) => {
                self.pay(items.len().saturating_mul(16));
                let few = items.len() <= FEW;
                let items: Vec<Value> = items
                    .iter()
                    .cloned()
                    .map(|d| if few { self.lift_inner(d) } else { d.into() })
                    .collect();
                self.new_container(Kind::List, items)
            }
            Datum::Dict(pairs) => {
                let mut out = Container::new(Kind::Dict, self.frame.unsure);
                self.pay(pairs.len().saturating_mul(16));
                let few = pairs.len() <= FEW;
                for (key, value) in pairs.iter() {
                    let value = value.clone();
                    let value = if few { self.lift_inner(value) } else { value.into() };
                    out.set(key.clone().into(), value);
                }
                Value::from(self.add(Object::Container(out)))
            }
            other => other.into(),
        }
    }

    /// Containers in containers stay what they are unless they are few.
    fn lift_inner(&mut self, datum: Datum) -> Value {
        if matches!(datum, Datum::List(_) | Datum::Dict(_)) && self.deeper() {
            let value = self.lift(datum);
            self.depth = self.depth.saturating_sub(1);
            return value;
        }
        datum.into()
    }
}
