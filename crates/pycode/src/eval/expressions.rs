//! Expressions to values.

use super::{
    Datum, Operator, Unary,
    machine::Machine,
    operators, sources,
    value::{Code, Container, Function, HOLE, Id, Kind, Object, Taint, Value, What},
};
use crate::behaviour::SourceKind;
use ruff_python_ast::{
    self as ast, CmpOp, Comprehension, Expr, ExprBinOp, ExprFString, ExprSubscript, FStringPart,
    InterpolatedStringElement, Number, UnaryOp,
};
use std::rc::Rc;

/// The longest dotted name.
const LONGEST_PATH: usize = 240;
/// How deep what is in a value is looked for.
const TAINT_DEPTH: u8 = 3;
/// Into how many items of each container.
const TAINT_WIDTH: usize = 64;

impl<'a> Machine<'a, '_> {
    pub(super) fn eval(&mut self, expr: &'a Expr) -> Value {
        if !self.tick() || !self.deeper() {
            return Value::unknown();
        }
        let value = self.eval_one(expr);
        self.depth = self.depth.saturating_sub(1);
        value
    }

    fn eval_one(&mut self, expr: &'a Expr) -> Value {
        match expr {
            Expr::StringLiteral(text) => {
                let text = text.value.to_str();
                self.pay(text.len());
                Value::text(text)
            }
            Expr::BytesLiteral(bytes) => {
                let bytes: Vec<u8> = bytes.value.bytes().collect();
                self.pay(bytes.len());
                Datum::bytes(bytes).map_or_else(Value::unknown, Value::from)
            }
            Expr::BooleanLiteral(b) => Datum::Bool(b.value).into(),
            Expr::NoneLiteral(_) => Datum::None.into(),
            Expr::NumberLiteral(number) => match &number.value {
                Number::Int(n) => match n.as_i64() {
                    Some(n) => Datum::Int(n.into()).into(),
                    None => Datum::number(&n.to_string()).map_or_else(Value::unknown, Value::from),
                },
                Number::Float(f) => Datum::Float(*f).into(),
                Number::Complex { .. } => Value::unknown(),
            },
            Expr::FString(text) => self.f_string(text),
            Expr::Name(name) => self.name(name.id.as_str(), name),
            Expr::Attribute(attribute) => {
                let owner = self.eval(&attribute.value);
                let value = self.attribute(&owner, attribute.attr.as_str());
                self.read(value, attribute)
            }
            Expr::Subscript(subscript) => self.subscript(subscript),
            Expr::Call(call) => self.eval_call(call),
            Expr::BinOp(op) => self.operators(op),
            Expr::UnaryOp(op) => {
                let operand = self.eval(&op.operand);
                let kind = match op.op {
                    UnaryOp::Not => Unary::Not,
                    UnaryOp::Invert => Unary::Invert,
                    UnaryOp::USub => Unary::Minus,
                    UnaryOp::UAdd => Unary::Plus,
                };
                if kind == Unary::Not {
                    return self
                        .truth(&operand)
                        .map_or_else(Value::unknown, |t| Datum::Bool(!t).into());
                }
                let found = operand.datum().map(|d| operators::unary(kind, d, self.budget));
                let found = found.and_then(|f| self.known(f));
                found
                    .map_or_else(Value::unknown, Value::from)
                    .with(&operand.taint)
            }
            Expr::Compare(compare) => self.compare(compare),
            Expr::BoolOp(op) => self.bool_op(op),
            Expr::If(choice) => {
                let test = self.eval(&choice.test);
                match self.truth(&test) {
                    Some(true) => self.eval(&choice.body),
                    Some(false) => self.eval(&choice.orelse),
                    None => {
                        let body = self.maybe(|m| m.eval(&choice.body));
                        let other = self.maybe(|m| m.eval(&choice.orelse));
                        body.or(other)
                    }
                }
            }
            Expr::Named(named) => {
                let value = self.eval(&named.value);
                self.store(&named.target, value.clone());
                value
            }
            Expr::Await(inner) => self.eval(&inner.value),
            Expr::Starred(inner) => self.eval(&inner.value),
            Expr::Yield(inner) => {
                let value = inner.value.as_ref().map_or_else(Value::unknown, |v| self.eval(v));
                let sure = self.frame.unsure == 0;
                let yields = self.frame.yields.get_or_insert_with(|| (Vec::new(), true));
                yields.0.push(value);
                yields.1 &= sure;
                Value::unknown()
            }
            Expr::YieldFrom(inner) => {
                let value = self.eval(&inner.value);
                let items = self.items_of(&value);
                let element = self.element_of(&value);
                let sure = items.is_some() && self.frame.unsure == 0;
                let yields = self.frame.yields.get_or_insert_with(|| (Vec::new(), true));
                yields.0.extend(items.unwrap_or_else(|| vec![element]));
                yields.1 &= sure;
                Value::unknown()
            }
            Expr::List(list) => self.list(&list.elts, Kind::List),
            Expr::Tuple(tuple) => self.list(&tuple.elts, Kind::Tuple),
            Expr::Set(set) => self.list(&set.elts, Kind::Set),
            Expr::Dict(dict) => self.dict(&dict.items),
            Expr::ListComp(comp) => self.comprehension(&comp.generators, None, &comp.elt, Kind::List),
            Expr::SetComp(comp) => self.comprehension(&comp.generators, None, &comp.elt, Kind::Set),
            Expr::Generator(comp) => self.comprehension(&comp.generators, None, &comp.elt, Kind::List),
            Expr::DictComp(comp) => {
                self.comprehension(&comp.generators, comp.key.as_deref(), &comp.value, Kind::Dict)
            }
            Expr::Lambda(lambda) => {
                let defaults = lambda
                    .parameters
                    .as_ref()
                    .map_or_else(|| Rc::from([]), |p| self.defaults(p));
                let name = if self.frame.function.is_empty() {
                    "<lambda>".to_owned()
                } else {
                    self.frame.function.to_string()
                };
                let function = Function {
                    code: Code::Lambda(lambda),
                    file: self.frame.file,
                    scope: self.frame.scope,
                    class: None,
                    name: Rc::from(name),
                    defaults,
                    is_static: true,
                    is_class_method: false,
                    is_property: false,
                    layer: self.frame.layer,
                    origin: self.frame.origin.clone(),
                    tree: self.frame.tree,
                };
                self.new_function(function).into()
            }
            Expr::TString(_) | Expr::EllipsisLiteral(_) | Expr::Slice(_) | Expr::IpyEscapeCommand(_) => {
                Value::unknown()
            }
        }
    }

    /// Pays for as many bytes as a literal has.
    pub(super) fn pay(&mut self, bytes: usize) {
        if let Err(why) = self.budget.steps(bytes.checked_div(16).unwrap_or(0) as u64) {
            self.stopped.get_or_insert(why);
        }
    }

    fn name(&mut self, name: &str, at: &ast::ExprName) -> Value {
        if let Some(value) = self.lookup(name) {
            return value;
        }
        let value = Value::path(name);
        self.read(value, at)
    }

    /// Marks what is read as coming from where it comes.
    pub(super) fn read(&mut self, value: Value, at: impl ruff_text_size::Ranged) -> Value {
        let Some(path) = value.as_path() else { return value };
        let Some(kind) = sources::of_name(path) else {
            return value;
        };
        let step = self.step(Some(kind), at, path);
        Value {
            taint: value.taint.and(&Taint::of(step)),
            what: value.what,
        }
    }

    fn f_string(&mut self, text: &'a ExprFString) -> Value {
        let (mut out, mut whole, mut taint) = (String::new(), true, Taint::default());
        for part in text.value.iter() {
            let elements = match part {
                FStringPart::Literal(literal) => {
                    out.push_str(literal.as_str());
                    continue;
                }
                FStringPart::FString(inner) => &inner.elements,
            };
            for element in elements {
                match element {
                    InterpolatedStringElement::Literal(literal) => out.push_str(&literal.value),
                    InterpolatedStringElement::Interpolation(one) => {
                        let value = self.eval(&one.expression);
                        taint = taint.and(&self.deep_taint(&value));
                        let plain = one.format_spec.as_ref().is_none_or(|s| s.elements.is_empty());
                        let conversion = one.conversion.to_char();
                        let datum = self.frozen(&value);
                        let known = match (&datum, plain) {
                            (Some(datum), true) => {
                                let text = super::render(datum, conversion, "", self.budget);
                                self.known(text)
                            }
                            (Some(datum), false) => {
                                let spec = one.format_spec.as_ref().map_or_else(String::new, |s| {
                                    s.elements.literals().map(|l| l.value.to_string()).collect()
                                });
                                let text = super::render(datum, conversion, &spec, self.budget);
                                self.known(text)
                            }
                            (None, _) => None,
                        };
                        match known {
                            Some(text) => out.push_str(&text),
                            None => {
                                whole = false;
                                out.push_str(&as_words(&value));
                            }
                        }
                    }
                }
            }
            self.pay(out.len());
        }
        Value::text_or_shape(&out, whole).with(&taint)
    }

    // Operators.

    fn operators(&mut self, op: &'a ExprBinOp) -> Value {
        // A chain of thousands is one level deep for whoever reads it.
        let mut chain = vec![op];
        let mut left: &'a Expr = &op.left;
        while let Expr::BinOp(inner) = left {
            chain.push(inner);
            left = &inner.left;
        }
        let mut value = self.eval(left);
        for op in chain.into_iter().rev() {
            let right = self.eval(&op.right);
            value = self.operate(op.op, &value, &right);
        }
        value
    }

    pub(super) fn operate(&mut self, op: ast::Operator, left: &Value, right: &Value) -> Value {
        let taint = self.deep_taint(left).and(&self.deep_taint(right));
        if op == ast::Operator::Add
            && let (Some(a), Some(b)) = (self.container(left), self.container(right))
            && !a.vague
            && !b.vague
            && a.kind == b.kind
            && matches!(a.kind, Kind::List | Kind::Tuple)
        {
            let kind = a.kind;
            let items: Vec<Value> = a.items.iter().chain(&b.items).cloned().collect();
            self.pay(items.len().saturating_mul(16));
            return self.new_container(kind, items);
        }
        if let (Some(a), Some(b)) = (self.frozen(left), self.frozen(right))
            && let Some(op) = operator_of(op)
        {
            let result = operators::operator(op, &a, &b, self.budget);
            if let Some(datum) = self.known(result) {
                return self.lift(datum).with(&taint);
            }
        }
        self.shapes(op, left, right)
            .unwrap_or_else(Value::unknown)
            .with(&taint)
    }

    /// What is known of a text that is put together from what is not wholly known.
    fn shapes(&mut self, op: ast::Operator, left: &Value, right: &Value) -> Option<Value> {
        let (a, b) = (left.words(), right.words());
        match op {
            ast::Operator::Add if a.is_some() || b.is_some() => {
                let hole = HOLE.to_string();
                let text = format!("{}{}", a.unwrap_or(&hole), b.unwrap_or(&hole));
                Some(Value::shape(&text))
            }
            ast::Operator::Div if b.is_some() || a.is_some() => {
                let hole = HOLE.to_string();
                let text = format!(
                    "{}/{}",
                    a.unwrap_or(&hole).trim_end_matches('/'),
                    b.unwrap_or(&hole)
                );
                let whole = left.as_str().is_some() && right.as_str().is_some();
                Some(Value::text_or_shape(&text, whole))
            }
            ast::Operator::Mod => {
                let template = a?;
                let parts: Vec<String> = match self.items_of(right) {
                    Some(items) if self.container(right).is_some() => items.iter().map(as_words).collect(),
                    _ => vec![as_words(right)],
                };
                Some(Value::shape(&fill_percent(template, &parts)))
            }
            _ => None,
        }
    }

    pub(super) fn augment(&mut self, op: ast::Operator, old: Value, new: &Value) -> Value {
        let is_list = self.container(&old).is_some_and(|c| c.kind == Kind::List);
        if op == ast::Operator::Add && is_list {
            match self.items_of(new) {
                Some(items) => {
                    self.pay(items.len().saturating_mul(16));
                    for item in items {
                        self.push_to(&old, item);
                    }
                }
                None => {
                    let taint = self.deep_taint(new);
                    self.push_to(&old, Value::unknown().with(&taint));
                    self.blur(&old);
                }
            }
            return old;
        }
        self.operate(op, &old, new)
    }

    /// Appends to a list or set; in a branch that may not be taken nobody knows afterwards.
    pub(super) fn push_to(&mut self, container: &Value, item: Value) {
        let unsure = self.frame.unsure;
        if let Some(held) = self.container_mut(container) {
            held.vague |= unsure > held.born;
            held.push(item);
        }
    }

    pub(super) fn blur(&mut self, container: &Value) {
        if let Some(held) = self.container_mut(container) {
            held.vague = true;
        }
    }

    fn compare(&mut self, compare: &'a ast::ExprCompare) -> Value {
        let mut left = self.eval(&compare.left);
        let mut out = Some(true);
        for (op, right) in compare.ops.iter().zip(&compare.comparators) {
            let right = self.eval(right);
            let result = match (self.frozen(&left), self.frozen(&right)) {
                (Some(a), Some(b)) => {
                    let found = operators::operator(comparison_of(*op), &a, &b, self.budget);
                    self.known(found).map(|d| d.truth())
                }
                _ => None,
            };
            out = match (out, result) {
                (Some(true), r) => r,
                (Some(false), _) => Some(false),
                (None, Some(false)) => Some(false),
                (None, _) => None,
            };
            left = right;
        }
        out.map_or_else(Value::unknown, |b| Datum::Bool(b).into())
    }

    fn bool_op(&mut self, op: &'a ast::ExprBoolOp) -> Value {
        let mut out: Option<Value> = None;
        let last = op.values.len().saturating_sub(1);
        for (at, part) in op.values.iter().enumerate() {
            let value = if out.is_some() {
                self.maybe(|m| m.eval(part))
            } else {
                self.eval(part)
            };
            let truth = self.truth(&value);
            let ends = match op.op {
                ast::BoolOp::And => truth == Some(false),
                ast::BoolOp::Or => truth == Some(true),
            };
            let passes = truth.is_some() && !ends && at != last;
            if !passes {
                out = Some(match out {
                    Some(old) => old.or(value),
                    None => value,
                });
            }
            if ends {
                break;
            }
        }
        out.unwrap_or_else(Value::unknown)
    }

    /// What `bool(value)` is, where that is known.
    pub(super) fn truth(&self, value: &Value) -> Option<bool> {
        match &value.what {
            What::Datum(datum) => Some(datum.truth()),
            What::Object(_) => match self.container(value) {
                Some(container) if container.vague => None,
                Some(container) => Some(!container.items.is_empty()),
                None => None,
            },
            _ => None,
        }
    }

    // Containers.

    fn list(&mut self, items: &'a [Expr], kind: Kind) -> Value {
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

    fn dict(&mut self, items: &'a [ast::DictItem]) -> Value {
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

    fn comprehension(
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
                    let gone = self.fuel == 0 || self.stopped.is_some() || (self.vague > vague && at > 16);
                    if gone {
                        out.vague = true;
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
                        out.vague |= passes.is_none();
                        self.generate(rest, key, element, out);
                    }
                    if gone {
                        break;
                    }
                }
            }
            None => {
                out.vague = true;
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
            let items = items.clone();
            self.pay(items.len().saturating_mul(8));
            return Some(items);
        }
        let datum = value.datum()?;
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
            Datum::List(items) => {
                self.pay(items.len().saturating_mul(16));
                let items: Vec<Value> = items.iter().cloned().map(|d| self.lift_inner(d)).collect();
                self.new_container(Kind::List, items)
            }
            Datum::Dict(pairs) => {
                let mut out = Container::new(Kind::Dict, self.frame.unsure);
                self.pay(pairs.len().saturating_mul(16));
                for (key, value) in pairs.iter() {
                    let value = self.lift_inner(value.clone());
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

    /// What is in a value, and in what it holds.
    pub(super) fn deep_taint(&self, value: &Value) -> Taint {
        self.taint_within(value, TAINT_DEPTH)
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

    // Attributes and items.

    pub(super) fn attribute(&mut self, owner: &Value, name: &str) -> Value {
        match &owner.what {
            What::Path(path) => {
                if matches!(name, "__name__" | "__qualname__") {
                    let last = path.rsplit('.').next().unwrap_or(path);
                    return Value::text(last);
                }
                let full = join_path(path, name);
                // What hangs on a value keeps what is in it; a method of the environment is not yet its content.
                let taint = match sources::of_name(path) {
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
                self.submodule(*file, name).unwrap_or_else(Value::unknown)
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
            Some(Object::Method { .. } | Object::Bound { .. }) | None => Value::unknown().with(&owner.taint),
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

    fn subscript(&mut self, subscript: &'a ExprSubscript) -> Value {
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
            return taint.clone();
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

/// A value as a part of a text.
pub(super) fn as_words(value: &Value) -> String {
    match &value.what {
        What::Datum(Datum::Int(n)) => n.to_string(),
        _ => value.words().map_or_else(|| HOLE.to_string(), str::to_owned),
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

/// A `%` template with its values in it.
fn fill_percent(template: &str, parts: &[String]) -> String {
    let mut out = String::new();
    let mut parts = parts.iter();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.peek() == Some(&'%') {
            chars.next();
            out.push('%');
            continue;
        }
        let mut named = false;
        for c in chars.by_ref() {
            named |= c == '(';
            if c.is_ascii_alphabetic() && !named {
                break;
            }
            if c == ')' {
                named = false;
            }
        }
        match parts.next() {
            Some(part) => out.push_str(part),
            None => out.push(HOLE),
        }
    }
    out
}

fn operator_of(op: ast::Operator) -> Option<Operator> {
    Some(match op {
        ast::Operator::Add => Operator::Add,
        ast::Operator::Sub => Operator::Sub,
        ast::Operator::Mult => Operator::Mul,
        ast::Operator::Div => Operator::Div,
        ast::Operator::Mod => Operator::Mod,
        ast::Operator::Pow => Operator::Pow,
        ast::Operator::LShift => Operator::LeftShift,
        ast::Operator::RShift => Operator::RightShift,
        ast::Operator::BitOr => Operator::BitOr,
        ast::Operator::BitXor => Operator::BitXor,
        ast::Operator::BitAnd => Operator::BitAnd,
        ast::Operator::FloorDiv => Operator::FloorDiv,
        ast::Operator::MatMult => return None,
    })
}

fn comparison_of(op: CmpOp) -> Operator {
    match op {
        CmpOp::Eq => Operator::Equal,
        CmpOp::NotEq => Operator::NotEqual,
        CmpOp::Lt => Operator::Less,
        CmpOp::LtE => Operator::LessEqual,
        CmpOp::Gt => Operator::Greater,
        CmpOp::GtE => Operator::GreaterEqual,
        CmpOp::Is => Operator::Is,
        CmpOp::IsNot => Operator::IsNot,
        CmpOp::In => Operator::In,
        CmpOp::NotIn => Operator::NotIn,
    }
}
