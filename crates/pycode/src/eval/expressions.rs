//! Expressions to values.

use super::{
    Datum, Operator, Unary,
    machine::Machine,
    operators, sources,
    value::{Code, Function, HOLE, Kind, Taint, Value, What},
};
use ruff_python_ast::{
    self as ast, CmpOp, Expr, ExprBinOp, ExprFString, FStringPart, InterpolatedStringElement, Number, UnaryOp,
};
use std::rc::Rc;
/// How many values of a generator are kept.
const MOST_YIELDS: usize = 100_000;

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
                let value = self.in_turn(value);
                let sure = self.frame.unsure == 0;
                let yields = self.frame.yields.get_or_insert_with(|| (Vec::new(), true));
                // What gives without end gives nothing more that is known.
                if yields.0.len() < MOST_YIELDS {
                    yields.0.push(value);
                    yields.1 &= sure;
                } else {
                    yields.1 = false;
                    self.vague = self.vague.saturating_add(1);
                }
                Value::unknown()
            }
            Expr::YieldFrom(inner) => {
                let value = self.eval(&inner.value);
                let items = self.items_of(&value);
                let element = self.element_of(&value);
                let sure = items.is_some() && self.frame.unsure == 0;
                let yields = self.frame.yields.get_or_insert_with(|| (Vec::new(), true));
                if yields.0.len() < MOST_YIELDS {
                    yields.0.extend(items.unwrap_or_else(|| vec![element]));
                    yields.1 &= sure;
                } else {
                    yields.1 = false;
                    self.vague = self.vague.saturating_add(1);
                }
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
        let ticks = bytes.checked_div(64).unwrap_or(0) as u64;
        self.fuel = self.fuel.saturating_sub(ticks);
        self.ticks = self.ticks.saturating_add(ticks);
        if let Err(why) = self.budget.steps(bytes.checked_div(16).unwrap_or(0) as u64) {
            self.stopped.get_or_insert(why);
        }
    }

    fn name(&mut self, name: &str, at: &ast::ExprName) -> Value {
        if let Some(value) = self.lookup(name) {
            return self.read(value, at);
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
                                taint = taint.and(&self.not_computed(std::iter::once(&value)));
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
        if let Some(value) = self.of_choices(op, left, right) {
            return value.with(&taint);
        }
        let cut = self.too_much(op, left, right);
        self.shapes(op, left, right)
            .unwrap_or_else(Value::unknown)
            .with(&taint.and(&cut))
    }

    /// What an operator gives of values that may be one of a few.
    fn of_choices(&mut self, op: ast::Operator, left: &Value, right: &Value) -> Option<Value> {
        // Bits that are put together are told by each of them.
        let bit = |v: &Value| {
            v.choices()
                .iter()
                .any(|c| c.as_path().is_some_and(|p| p.starts_with("stat.S_I")))
        };
        if op == ast::Operator::BitOr && (bit(left) || bit(right)) {
            return Some(left.clone().or(right.clone()));
        }
        if !matches!(left.what, What::OneOf(_)) && !matches!(right.what, What::OneOf(_)) {
            return None;
        }
        let known = |v: &Value| -> Vec<Value> {
            let some = v
                .choices()
                .iter()
                .filter(|c| c.datum().is_some_and(|d| *d != Datum::None));
            some.cloned().collect()
        };
        let (a, b) = (known(left), known(right));
        if a.is_empty() || b.is_empty() || a.len().saturating_mul(b.len()) > 4 {
            return None;
        }
        let mut out: Option<Value> = None;
        for one in &a {
            for other in &b {
                let value = self.operate(op, one, other);
                out = Some(match out {
                    Some(old) => old.or(value),
                    None => value,
                });
            }
        }
        out
    }

    /// What is known of a text that is put together from what is not wholly known.
    fn shapes(&mut self, op: ast::Operator, left: &Value, right: &Value) -> Option<Value> {
        let (a, b) = (left.words(), right.words());
        match op {
            ast::Operator::Add if a.is_some() || b.is_some() => {
                let hole = HOLE.to_string();
                let text = format!("{}{}", a.unwrap_or(&hole), b.unwrap_or(&hole));
                let known = text.chars().filter(|c| *c != HOLE).count();
                // A path of which nothing is known is told from others by where it was put together.
                if known < 3 && text.contains(['/', '\\']) && text.contains(HOLE) {
                    return Some(self.fresh(&text));
                }
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

    fn compare(&mut self, compare: &'a ast::ExprCompare) -> Value {
        let mut left = self.eval(&compare.left);
        let mut out = Some(true);
        for (op, right) in compare.ops.iter().zip(&compare.comparators) {
            let right = self.eval(right);
            let result = match op {
                CmpOp::In | CmpOp::NotIn if self.container(&right).is_some() => {
                    self.holds(&right, &left).map(|found| found == (*op == CmpOp::In))
                }
                _ => self.compared(*op, &left, &right),
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

    fn compared(&mut self, op: CmpOp, left: &Value, right: &Value) -> Option<bool> {
        let (a, b) = (self.frozen(left)?, self.frozen(right)?);
        let found = operators::operator(comparison_of(op), &a, &b, self.budget);
        self.known(found).map(|d| d.truth())
    }

    /// Whether something is in a container, without copying all of it where its keys are told apart by themselves.
    fn holds(&mut self, container: &Value, value: &Value) -> Option<bool> {
        let held = self.container(container).filter(|c| !c.vague)?;
        if held.kind == Kind::Dict
            && let Some(key) = super::value::Key::of(value)
        {
            return Some(held.index.contains_key(&key));
        }
        if let Some(Datum::Str(text)) = value.datum() {
            let mut known = true;
            for item in &held.items {
                match &item.what {
                    What::Datum(Datum::Str(other)) if other == text => return Some(true),
                    What::Datum(_) => {}
                    _ => known = false,
                }
            }
            let count = held.items.len();
            self.pay(count);
            return known.then_some(false);
        }
        self.compared(CmpOp::In, value, container)
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
}

/// A value as a part of a text.
pub(super) fn as_words(value: &Value) -> String {
    match &value.what {
        What::Datum(Datum::Int(n)) => n.to_string(),
        What::Path(path) if &**path == "sys.executable" => path.to_string(),
        // A file that nobody can name is named by where it comes from.
        What::Path(path) if path.starts_with("tempfile.") || path.starts_with("os.memfd_create") => {
            path.strip_suffix(".name").unwrap_or(path).to_owned()
        }
        _ => value.words().map_or_else(|| HOLE.to_string(), str::to_owned),
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
