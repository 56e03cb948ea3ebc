//! Expressions to values, as far as they are the same in every run.
//!
//! The cost is bounded four times: by depth, by the weight of each value, by a memory of names that were followed,
//! and by the budget. What any bound cuts off is [`Value::Unknown`], never a wrong value.

use super::scope::{Bound, Kind, Scopes, Update, join};
use crate::capability;
use crate::hash::{HashMap, HashSet};
use crate::module::Value;
use ruff_python_ast::{
    DictItem, Expr, ExprAttribute, ExprBinOp, ExprCall, ExprFString, ExprSubscript, FStringPart,
    InterpolatedStringElement, Number, Operator, UnaryOp,
};
use wellhead_core::{Budget, Exhausted};

/// How deep expressions and names are followed.
const DEEPEST: usize = 48;
/// The longest string that is put together.
const LONGEST: usize = 16 << 10;
/// The most parts a value may have, all levels together.
const HEAVIEST: usize = 2_000;
/// The longest dotted name.
const LONGEST_PATH: usize = 240;
/// How much weight of folded expressions is remembered at once.
const REMEMBERED: usize = 100_000;

pub(super) struct Folder<'a, 's, 'b> {
    scopes: &'s Scopes<'a>,
    budget: &'b mut Budget,
    /// With the depth at which it was found: what was found deeper may have been cut off by it.
    known: HashMap<(usize, String), (Value, usize)>,
    open: HashSet<(usize, String)>,
    /// Expressions by where they stand in the tree, seen from a scope: the parts of a chain are asked for by each of
    /// its links, and without a memory that doubles link by link.
    folded: HashMap<(*const Expr, usize), Folded>,
    /// The weight of everything in `folded`.
    remembered: usize,
    /// How often a name was met while it was being followed.
    cycles: usize,
    /// Which following of a name is going on; the open names are the same throughout one.
    following: usize,
    followings: usize,
    exhausted: Option<Exhausted>,
}

/// Names that no star import is taken to bring, sorted.
const BUILTINS: &[&str] = &[
    "AssertionError",
    "AttributeError",
    "Exception",
    "ImportError",
    "IndexError",
    "KeyError",
    "NotImplementedError",
    "OSError",
    "RuntimeError",
    "TypeError",
    "ValueError",
    "__import__",
    "abs",
    "all",
    "any",
    "bool",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "locals",
    "map",
    "max",
    "min",
    "next",
    "object",
    "oct",
    "ord",
    "pow",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

/// What of `subprocess` starts something.
const SUBPROCESS: &[&str] = &[
    "run",
    "Popen",
    "call",
    "check_call",
    "check_output",
    "getoutput",
    "getstatusoutput",
];

/// What an expression was found to be.
struct Folded {
    value: Value,
    depth: usize,
    /// Only true while that name is followed: a name that is open then was taken for unknown.
    within: Option<usize>,
}

/// What modules are called by convention, for snippets whose import is elsewhere.
fn convention(name: &str) -> &str {
    match name {
        "np" => "numpy",
        "pd" => "pandas",
        "tf" => "tensorflow",
        other => other,
    }
}

impl<'a, 's, 'b> Folder<'a, 's, 'b> {
    pub(super) fn new(scopes: &'s Scopes<'a>, budget: &'b mut Budget) -> Self {
        Self {
            scopes,
            budget,
            known: HashMap::default(),
            open: HashSet::default(),
            folded: HashMap::default(),
            remembered: 0,
            cycles: 0,
            following: 0,
            followings: 0,
            exhausted: None,
        }
    }

    /// Why values are unknown that could be known, if the budget ran out.
    pub(super) fn exhausted(&self) -> Option<Exhausted> {
        self.exhausted
    }

    /// The value of an expression seen from a scope.
    pub(super) fn value(&mut self, expr: &Expr, scope: usize) -> Value {
        self.fold(expr, scope, 0)
    }

    /// What a name of a scope may be.
    pub(super) fn named(&mut self, scope: usize, name: &str) -> Value {
        self.binding(scope, name, 0)
    }

    /// The dotted names that an expression may stand for, at least one.
    pub(super) fn paths(&mut self, expr: &Expr, scope: usize) -> Vec<String> {
        let value = self.value(expr, scope);
        let mut paths: Vec<String> = Vec::new();
        for one in value.alternatives() {
            if let Value::Path(path) = one {
                paths.push(path.clone());
            }
        }
        if paths.is_empty() {
            paths.push("?".to_owned());
        }
        paths
    }

    fn fold(&mut self, expr: &Expr, scope: usize, depth: usize) -> Value {
        if depth > DEEPEST || self.exhausted.is_some() {
            return Value::Unknown;
        }
        if let Err(why) = self.budget.steps(1) {
            self.exhausted = Some(why);
            return Value::Unknown;
        }
        let compound = !matches!(
            expr,
            Expr::Name(_)
                | Expr::StringLiteral(_)
                | Expr::BytesLiteral(_)
                | Expr::BooleanLiteral(_)
                | Expr::NoneLiteral(_)
                | Expr::NumberLiteral(_)
        );
        if !compound {
            return self.fold_one(expr, scope, depth);
        }
        let key = (std::ptr::from_ref(expr), scope);
        if let Some(found) = self.folded.get(&key)
            && found.depth <= depth
            && found.within.is_none_or(|name| name == self.following)
        {
            if found.within.is_some() {
                self.cycles = self.cycles.saturating_add(1);
            }
            let value = found.value.clone();
            return self.light(value);
        }
        let before = self.cycles;
        let value = self.fold_one(expr, scope, depth);
        if self.exhausted.is_none() {
            let within = (self.cycles != before).then_some(self.following);
            self.remember(
                key,
                Folded {
                    value: value.clone(),
                    depth,
                    within,
                },
            );
        }
        value
    }

    fn remember(&mut self, key: (*const Expr, usize), found: Folded) {
        let weight = weight(&found.value);
        if self.remembered.saturating_add(weight) > REMEMBERED {
            self.folded.clear();
            self.remembered = 0;
        }
        // What is replaced still counts: that only forgets a little earlier.
        self.remembered = self.remembered.saturating_add(weight);
        self.folded.insert(key, found);
    }

    fn fold_one(&mut self, expr: &Expr, scope: usize, depth: usize) -> Value {
        let depth = depth.saturating_add(1);
        let value = match expr {
            Expr::StringLiteral(text) => Value::Text(text.value.to_str().to_owned()),
            Expr::BytesLiteral(bytes) => Value::Bytes(bytes.value.bytes().collect()),
            Expr::BooleanLiteral(b) => Value::Bool(b.value),
            Expr::NoneLiteral(_) => Value::None,
            Expr::NumberLiteral(number) => match &number.value {
                Number::Int(n) => n.as_i64().map_or(Value::Unknown, Value::Int),
                _ => Value::Unknown,
            },
            Expr::FString(text) => self.f_string(text, scope, depth),
            Expr::Name(name) => self.name(name.id.as_str(), scope, depth),
            Expr::Attribute(attribute) => self.attribute(attribute, scope, depth),
            Expr::Subscript(subscript) => self.subscript(subscript, scope, depth),
            Expr::Call(call) => self.call(call, scope, depth),
            Expr::BinOp(op) => self.operator(op, scope, depth),
            Expr::UnaryOp(op) => {
                let operand = self.fold(&op.operand, scope, depth);
                match (op.op, operand) {
                    (UnaryOp::Not, v) => v.truth().map_or(Value::Unknown, |t| Value::Bool(!t)),
                    (UnaryOp::USub, Value::Int(n)) => n.checked_neg().map_or(Value::Unknown, Value::Int),
                    _ => Value::Unknown,
                }
            }
            Expr::BoolOp(op) => {
                let parts: Vec<_> = op
                    .values
                    .iter()
                    .take(16)
                    .map(|v| self.fold(v, scope, depth))
                    .collect();
                Value::one_of(parts)
            }
            Expr::If(choice) => {
                let body = self.fold(&choice.body, scope, depth);
                let other = self.fold(&choice.orelse, scope, depth);
                Value::one_of([body, other])
            }
            Expr::Named(named) => self.fold(&named.value, scope, depth),
            Expr::Await(inner) => self.fold(&inner.value, scope, depth),
            Expr::List(list) => self.list(&list.elts, scope, depth),
            Expr::Tuple(tuple) => self.list(&tuple.elts, scope, depth),
            Expr::Set(set) => self.list(&set.elts, scope, depth),
            Expr::Dict(dict) => self.dict(&dict.items, scope, depth),
            _ => Value::Unknown,
        };
        self.light(value)
    }

    /// Gives up on values that grow too heavy, and pays for the others.
    fn light(&mut self, value: Value) -> Value {
        let weight = weight(&value);
        if weight > HEAVIEST {
            return Value::Unknown;
        }
        if let Err(why) = self.budget.steps(weight as u64) {
            self.exhausted = Some(why);
            return Value::Unknown;
        }
        value
    }

    fn list(&mut self, items: &[Expr], scope: usize, depth: usize) -> Value {
        let mut out = Vec::new();
        for item in items.iter().take(HEAVIEST) {
            match item {
                Expr::Starred(starred) => match self.fold(&starred.value, scope, depth) {
                    Value::List(more) => out.extend(more),
                    _ => out.push(Value::Unknown),
                },
                one => out.push(self.fold(one, scope, depth)),
            }
        }
        Value::List(out)
    }

    fn dict(&mut self, items: &[DictItem], scope: usize, depth: usize) -> Value {
        let mut out = Vec::new();
        for item in items.iter().take(HEAVIEST) {
            let value = self.fold(&item.value, scope, depth);
            match &item.key {
                Some(key) => out.push((self.fold(key, scope, depth), value)),
                None => match value {
                    Value::Dict(more) => out.extend(more),
                    _ => out.push((Value::Unknown, Value::Unknown)),
                },
            }
        }
        Value::Dict(out)
    }

    fn f_string(&mut self, text: &ExprFString, scope: usize, depth: usize) -> Value {
        let mut out = String::new();
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
                        let value = self.fold(&one.expression, scope, depth);
                        match (value, &one.format_spec) {
                            (Value::Text(inner), None) => out.push_str(&inner),
                            (Value::Int(n), None) => out.push_str(&n.to_string()),
                            _ => return Value::Unknown,
                        }
                    }
                }
                if out.len() > LONGEST {
                    return Value::Unknown;
                }
            }
        }
        Value::Text(out)
    }

    fn name(&mut self, name: &str, from: usize, depth: usize) -> Value {
        match self.scopes.lookup(name, from) {
            Some(scope) => self.binding(scope, name, depth),
            None if BUILTINS.binary_search(&name).is_ok() => Value::Path(name.to_owned()),
            None => {
                // `from os import *`: only what is worth a look is taken to come from there.
                let from_star = self.scopes.stars(from).into_iter().find_map(|base| {
                    let full = join(base, name);
                    let known = base != "subprocess" || SUBPROCESS.contains(&name);
                    (known && capability::of_call(&full).is_some()).then_some(full)
                });
                Value::Path(from_star.unwrap_or_else(|| convention(name).to_owned()))
            }
        }
    }

    /// Everything that a name of a scope may be.
    fn binding(&mut self, scope: usize, name: &str, depth: usize) -> Value {
        let key = (scope, name.to_owned());
        // A value that was cut off by depth here may be whole when asked for from elsewhere.
        if let Some((value, at)) = self.known.get(&key)
            && (*at < DEEPEST / 2 || *at <= depth)
        {
            return value.clone();
        }
        // A name that is defined by itself: `x = x or 1`.
        if !self.open.insert(key.clone()) {
            self.cycles = self.cycles.saturating_add(1);
            return Value::Unknown;
        }
        self.followings = self.followings.saturating_add(1);
        let outer = std::mem::replace(&mut self.following, self.followings);
        let cycles = self.cycles;
        let scopes = self.scopes;
        let bounds = scopes
            .get(scope)
            .and_then(|s| s.bound.get(name))
            .map_or(&[][..], Vec::as_slice);
        let mut values: Vec<Value> = Vec::new();
        for bound in bounds {
            values.push(match bound {
                Bound::Import(path) => Value::Path(path.clone()),
                Bound::Value(expr, at) => self.fold(expr, *at, depth),
                Bound::Default(expr, at) => Value::one_of([self.fold(expr, *at, depth), Value::Unknown]),
                Bound::Definition(inner) => self.local(*inner, ""),
                Bound::Receiver(class) => self.local(*class, "()"),
                Bound::Unknown => Value::Unknown,
            });
        }
        let mut value = Value::one_of(values);
        if let Some(updates) = scopes.get(scope).and_then(|s| s.updates.get(name)) {
            value = self.updated(value, updates, depth);
        }
        let value = self.light(value);
        self.open.remove(&key);
        self.following = outer;
        // From here on the name is known, whatever cycles it had.
        self.cycles = cycles;
        self.known.insert(key, (value.clone(), depth));
        value
    }

    fn local(&self, scope: usize, suffix: &str) -> Value {
        let name = self.scopes.get(scope).map_or("", |s| s.name.as_str());
        path(&format!(".{name}{suffix}"))
    }

    fn updated(&mut self, value: Value, updates: &[Update<'a>], depth: usize) -> Value {
        let Value::Dict(mut items) = value else {
            return value;
        };
        for update in updates {
            match update {
                Update::Item(key, value, at) => {
                    let key = self.fold(key, *at, depth);
                    items.push((key, self.fold(value, *at, depth)));
                }
                Update::Keywords(keywords, at) => {
                    for keyword in *keywords {
                        let key = keyword
                            .arg
                            .as_ref()
                            .map_or(Value::Unknown, |n| Value::Text(n.as_str().to_owned()));
                        items.push((key, self.fold(&keyword.value, *at, depth)));
                    }
                }
                Update::Merge(other, at) => match self.fold(other, *at, depth) {
                    Value::Dict(more) => items.extend(more),
                    _ => items.push((Value::Unknown, Value::Unknown)),
                },
            }
            if items.len() > HEAVIEST {
                return Value::Unknown;
            }
        }
        Value::Dict(items)
    }

    fn attribute(&mut self, attribute: &ExprAttribute, scope: usize, depth: usize) -> Value {
        match self.dotted(attribute, scope, depth) {
            Some(value) => value,
            None => {
                let owner = self.fold(&attribute.value, scope, depth);
                self.attribute_of_any(&owner, attribute.attr.as_str(), depth)
            }
        }
    }

    /// What was assigned to an attribute by its dotted name.
    fn dotted(&mut self, attribute: &ExprAttribute, scope: usize, depth: usize) -> Option<Value> {
        let Expr::Name(owner) = &*attribute.value else {
            return None;
        };
        // `args.model = "…"` outside a class is kept under its dotted name.
        let dotted = format!("{}.{}", owner.id, attribute.attr);
        let at = self.scopes.lookup(&dotted, scope)?;
        Some(self.binding(at, &dotted, depth))
    }

    fn attribute_of_any(&mut self, owner: &Value, name: &str, depth: usize) -> Value {
        let parts: Vec<Value> = owner
            .alternatives()
            .iter()
            .map(|one| self.attribute_of(one, name, depth))
            .collect();
        Value::one_of(parts)
    }

    fn attribute_of(&mut self, owner: &Value, name: &str, depth: usize) -> Value {
        let Value::Path(owner) = owner else {
            return path(&format!("?.{name}"));
        };
        let local = owner.strip_prefix('.').and_then(|local| {
            let class = self.scopes.of_name(local.strip_suffix("()").unwrap_or(local))?;
            let scope = self.scopes.get(class)?;
            (scope.kind == Kind::Class && scope.bound.contains_key(name)).then_some(class)
        });
        match (local, name) {
            (Some(class), _) => self.binding(class, name, depth),
            // `module.__dict__["name"]` is `module.name`.
            (None, "__dict__") => path(owner),
            (None, _) if matches!(owner.as_str(), "builtins" | "__builtins__") => path(name),
            (None, _) => path(&format!("{owner}.{name}")),
        }
    }

    fn subscript(&mut self, subscript: &ExprSubscript, scope: usize, depth: usize) -> Value {
        let owner = self.fold(&subscript.value, scope, depth);
        if let (Value::Text(text), Expr::Slice(slice)) = (&owner, &*subscript.slice) {
            let step = slice.step.as_deref().map(|s| self.fold(s, scope, depth));
            return match (step, &slice.lower, &slice.upper) {
                (Some(Value::Int(-1)), None, None) => Value::Text(text.chars().rev().collect()),
                _ => Value::Unknown,
            };
        }
        let key = self.fold(&subscript.slice, scope, depth);
        let parts: Vec<Value> = owner.alternatives().iter().map(|one| item(one, &key)).collect();
        Value::one_of(parts)
    }

    fn operator(&mut self, op: &ExprBinOp, scope: usize, depth: usize) -> Value {
        match op.op {
            Operator::Add => self.sum(op, scope, depth),
            Operator::BitOr => {
                let left = self.fold(&op.left, scope, depth);
                match (left, self.fold(&op.right, scope, depth)) {
                    (Value::Dict(mut a), Value::Dict(b)) => {
                        a.extend(b);
                        Value::Dict(a)
                    }
                    (Value::Dict(mut a), _) => {
                        a.push((Value::Unknown, Value::Unknown));
                        Value::Dict(a)
                    }
                    _ => Value::Unknown,
                }
            }
            Operator::Mod => {
                let (left, right) = (
                    self.fold(&op.left, scope, depth),
                    self.fold(&op.right, scope, depth),
                );
                let arguments = match right {
                    Value::List(items) => items,
                    one => vec![one],
                };
                match left {
                    Value::Text(format) => percent(&format, &arguments),
                    _ => Value::Unknown,
                }
            }
            _ => Value::Unknown,
        }
    }

    /// `a + b + c`, whose tree leans to the left as far as the source is long.
    fn sum(&mut self, op: &ExprBinOp, scope: usize, depth: usize) -> Value {
        let mut operands = vec![&*op.right];
        let mut left = &*op.left;
        while let Expr::BinOp(inner) = left {
            if inner.op != Operator::Add || operands.len() > 1_000 {
                break;
            }
            operands.push(&inner.right);
            left = &inner.left;
        }
        let mut sum = self.fold(left, scope, depth);
        for operand in operands.into_iter().rev() {
            let right = self.fold(operand, scope, depth);
            sum = match (sum, right) {
                (Value::Text(a), Value::Text(b)) if a.len().saturating_add(b.len()) <= LONGEST => {
                    Value::Text(a + &b)
                }
                (Value::List(mut a), Value::List(b)) => {
                    a.extend(b);
                    Value::List(a)
                }
                _ => return Value::Unknown,
            };
        }
        sum
    }

    fn call(&mut self, call: &ExprCall, scope: usize, depth: usize) -> Value {
        let callee = match &*call.func {
            // Methods of strings stay apart from names.
            Expr::Attribute(method) if is_text_method(method.attr.as_str()) => {
                // Once only: a chain of such calls would double its cost with every link.
                let owner = self.fold(&method.value, scope, depth);
                if let Value::Text(_) | Value::Bytes(_) = owner {
                    let arguments: Vec<Value> = call
                        .arguments
                        .args
                        .iter()
                        .take(64)
                        .map(|a| self.fold(a, scope, depth))
                        .collect();
                    return text_method(&owner, method.attr.as_str(), &arguments);
                }
                match self.dotted(method, scope, depth) {
                    Some(value) => value,
                    None => self.attribute_of_any(&owner, method.attr.as_str(), depth),
                }
            }
            func => self.fold(func, scope, depth),
        };
        let parts: Vec<Value> = callee
            .alternatives()
            .iter()
            .map(|one| match one {
                Value::Path(name) => self.result(name, call, scope, depth),
                _ => path("?()"),
            })
            .collect();
        Value::one_of(parts)
    }

    fn result(&mut self, name: &str, call: &ExprCall, scope: usize, depth: usize) -> Value {
        let mut argument = |i: usize| call.arguments.args.get(i).map(|a| self.fold(a, scope, depth));
        match name {
            "dict" => self.dict_call(call, scope, depth),
            "os.environ.get" | "os.getenv" => {
                let default = argument(1).unwrap_or(Value::Unknown);
                Value::one_of([default, Value::Unknown])
            }
            "getattr" | "builtins.getattr" => match (argument(0), argument(1)) {
                (Some(owner), Some(Value::Text(attribute))) => {
                    let parts: Vec<_> = owner
                        .alternatives()
                        .iter()
                        .map(|one| self.attribute_of(one, &attribute, depth))
                        .collect();
                    Value::one_of(parts)
                }
                _ => path(&format!("{name}()")),
            },
            "__import__" | "builtins.__import__" | "importlib.__import__" => match argument(0) {
                Some(Value::Text(module)) => path(module.split('.').next().unwrap_or_default()),
                _ => path(&format!("{name}()")),
            },
            "importlib.import_module" => match argument(0) {
                Some(Value::Text(module)) => path(&module),
                _ => path(&format!("{name}()")),
            },
            "pydoc.locate" | "pkgutil.resolve_name" => match argument(0) {
                Some(Value::Text(found)) => path(&found.replace(':', ".")),
                _ => path(&format!("{name}()")),
            },
            "operator.attrgetter" | "operator.methodcaller" => match argument(0) {
                Some(Value::Text(attribute)) => path(&format!("{name}({attribute})")),
                _ => path(&format!("{name}()")),
            },
            _ if name.starts_with("operator.attrgetter(") && name.ends_with(')') => {
                let attribute = name.strip_prefix("operator.attrgetter(").unwrap_or_default();
                let attribute = attribute.strip_suffix(')').unwrap_or_default();
                match argument(0) {
                    Some(owner) if !attribute.is_empty() && !attribute.contains('(') => {
                        self.attribute_of_any(&owner, attribute, depth)
                    }
                    _ => path(&format!("{name}()")),
                }
            }
            "vars" | "globals" | "locals" => match argument(0) {
                Some(Value::Path(owner)) => path(&owner),
                _ => path(&format!("{name}()")),
            },
            "chr" => match argument(0) {
                Some(Value::Int(n)) => u32::try_from(n)
                    .ok()
                    .and_then(char::from_u32)
                    .map_or(Value::Unknown, |c| Value::Text(c.to_string())),
                _ => Value::Unknown,
            },
            "str" | "os.fspath" | "os.path.expanduser" => match argument(0) {
                Some(Value::Text(text)) => Value::Text(text),
                Some(Value::Int(n)) => Value::Text(n.to_string()),
                _ => Value::Unknown,
            },
            "bool" => match argument(0).and_then(|v| v.truth()) {
                Some(truth) => Value::Bool(truth),
                None => Value::Unknown,
            },
            "os.path.join" => self.joined(call, scope, depth),
            // A method of a text that is not known.
            _ if name.starts_with("str.") && call.func.is_attribute_expr() => Value::Unknown,
            _ => path(&format!("{name}()")),
        }
    }

    fn dict_call(&mut self, call: &ExprCall, scope: usize, depth: usize) -> Value {
        let mut items = Vec::new();
        for other in &call.arguments.args {
            match self.fold(other, scope, depth) {
                Value::Dict(more) => items.extend(more),
                _ => items.push((Value::Unknown, Value::Unknown)),
            }
        }
        for keyword in call.arguments.keywords.iter().take(HEAVIEST) {
            let value = self.fold(&keyword.value, scope, depth);
            match (&keyword.arg, value) {
                (Some(name), value) => items.push((Value::Text(name.as_str().to_owned()), value)),
                (None, Value::Dict(more)) => items.extend(more),
                (None, _) => items.push((Value::Unknown, Value::Unknown)),
            }
        }
        Value::Dict(items)
    }

    fn joined(&mut self, call: &ExprCall, scope: usize, depth: usize) -> Value {
        let mut out = String::new();
        for part in call.arguments.args.iter().take(32) {
            let Value::Text(part) = self.fold(part, scope, depth) else {
                return Value::Unknown;
            };
            if part.starts_with('/') {
                out.clear();
            } else if !out.is_empty() && !out.ends_with('/') {
                out.push('/');
            }
            out.push_str(&part);
            if out.len() > LONGEST {
                return Value::Unknown;
            }
        }
        Value::Text(out)
    }
}

/// Methods of strings whose results are known; of bytes, one is.
fn is_text_method(name: &str) -> bool {
    matches!(
        name,
        "join" | "format" | "strip" | "lower" | "upper" | "replace" | "decode" | "encode"
    )
}

/// How many parts a value has; a long string counts by its length.
fn weight(value: &Value) -> usize {
    let inner = match value {
        Value::List(items) | Value::OneOf(items) => items.iter().map(weight).fold(0, usize::saturating_add),
        Value::Dict(items) => items
            .iter()
            .map(|(k, v)| weight(k).saturating_add(weight(v)))
            .fold(0, usize::saturating_add),
        Value::Text(text) => text.len() / 64,
        Value::Bytes(bytes) => bytes.len() / 64,
        _ => 0,
    };
    inner.saturating_add(1)
}

/// A name, shortened to its last part where it grows too long.
fn path(name: &str) -> Value {
    if name.len() <= LONGEST_PATH {
        return Value::Path(name.to_owned());
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let last: String = last.chars().take(LONGEST_PATH / 2).collect();
    Value::Path(format!("?.{last}"))
}

fn item(owner: &Value, key: &Value) -> Value {
    match (owner, key) {
        (Value::Dict(items), key) => {
            let found = items.iter().rev().find(|(k, _)| k == key);
            found.map_or(Value::Unknown, |(_, v)| v.clone())
        }
        (Value::List(items), Value::Int(n)) => {
            let at = if *n < 0 {
                items
                    .len()
                    .checked_sub(usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX))
            } else {
                usize::try_from(*n).ok()
            };
            at.and_then(|i| items.get(i)).cloned().unwrap_or(Value::Unknown)
        }
        (Value::Path(owner), _) if owner.ends_with(".__subclasses__()") => path(&format!("{owner}[]")),
        (Value::Path(owner), _) if owner.ends_with(".__mro__") || owner.ends_with(".__bases__") => {
            path(&format!("{owner}[]"))
        }
        (Value::Path(owner), Value::Text(name)) => match owner.as_str() {
            "sys.modules" => path(name),
            "globals()" | "locals()" | "vars()" | "__builtins__" | "builtins" => path(name),
            // `vars(module)["name"]` and `module.__dict__["name"]` have lost their detour by now.
            owner if !owner.ends_with(')') && !owner.starts_with("os.environ") => {
                path(&format!("{owner}.{name}"))
            }
            _ => Value::Unknown,
        },
        _ => Value::Unknown,
    }
}

/// `format % arguments` with `%s` and `%d` only.
fn percent(format: &str, arguments: &[Value]) -> Value {
    let mut out = String::new();
    let mut next = arguments.iter();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let mut chars = after.chars();
        match (chars.next(), &mut next) {
            (Some('%'), _) => out.push('%'),
            (Some('s' | 'd'), next) => match next.next() {
                Some(Value::Text(text)) => out.push_str(text),
                Some(Value::Int(n)) => out.push_str(&n.to_string()),
                _ => return Value::Unknown,
            },
            _ => return Value::Unknown,
        }
        rest = chars.as_str();
        if out.len() > LONGEST {
            return Value::Unknown;
        }
    }
    out.push_str(rest);
    Value::Text(out)
}

fn text_method(owner: &Value, method: &str, arguments: &[Value]) -> Value {
    let text = match owner {
        Value::Text(text) => text,
        Value::Bytes(bytes) if method == "decode" => {
            return std::str::from_utf8(bytes).map_or(Value::Unknown, |t| Value::Text(t.to_owned()));
        }
        _ => return Value::Unknown,
    };
    match (method, arguments) {
        ("strip", []) => Value::Text(text.trim().to_owned()),
        ("lower", []) => Value::Text(text.to_lowercase()),
        ("upper", []) => Value::Text(text.to_uppercase()),
        ("encode", []) => Value::Bytes(text.clone().into_bytes()),
        ("replace", [Value::Text(from), Value::Text(to)]) => {
            let growth = text.matches(from.as_str()).count().saturating_mul(to.len());
            if growth.saturating_add(text.len()) > LONGEST {
                return Value::Unknown;
            }
            Value::Text(text.replace(from.as_str(), to))
        }
        ("join", [Value::List(items)]) => {
            let parts: Option<Vec<&str>> = items.iter().map(Value::as_text).collect();
            match parts {
                Some(parts) => {
                    let long = parts
                        .iter()
                        .map(|p| p.len().saturating_add(text.len()))
                        .fold(0, usize::saturating_add);
                    if long > LONGEST {
                        return Value::Unknown;
                    }
                    Value::Text(parts.join(text))
                }
                None => Value::Unknown,
            }
        }
        ("format", arguments) => {
            let mut out = String::new();
            let mut parts = text.split("{}");
            out.push_str(parts.next().unwrap_or_default());
            let mut next = arguments.iter();
            for part in parts {
                match next.next() {
                    Some(Value::Text(t)) => out.push_str(t),
                    Some(Value::Int(n)) => out.push_str(&n.to_string()),
                    _ => return Value::Unknown,
                }
                out.push_str(part);
            }
            if out.contains('{') || out.len() > LONGEST {
                return Value::Unknown;
            }
            Value::Text(out)
        }
        _ => Value::Unknown,
    }
}
