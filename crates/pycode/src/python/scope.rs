//! Which names are bound to what, scope by scope: the first of two passes.
//!
//! Order is not followed: a name is every value it is ever given in its scope. That is wrong only towards "may be",
//! which is the side on which a guard should err.

use crate::hash::{HashMap, HashSet};
use ruff_python_ast::{
    Expr, ExprContext, Keyword, ModModule, Operator, Parameters, Stmt, StmtClassDef, StmtFunctionDef,
    visitor::{self, Visitor},
};
use ruff_text_size::{Ranged, TextRange};

/// What a name is bound to, once.
#[derive(Clone, Debug)]
pub(super) enum Bound<'a> {
    /// By an import: the full path.
    Import(String),
    /// To the value of an expression in a scope.
    Value(&'a Expr, usize),
    /// A parameter, by its default in a scope.
    Default(&'a Expr, usize),
    /// A function or class of the module, by its scope.
    Definition(usize),
    /// The first parameter of a method of that class.
    Receiver(usize),
    /// To something that is not followed.
    Unknown,
}

/// What is later put into a dictionary that a name is bound to.
#[derive(Clone, Debug)]
pub(super) enum Update<'a> {
    /// `name[key] = value`
    Item(&'a Expr, &'a Expr, usize),
    /// `name.update(key=value)`
    Keywords(&'a [Keyword], usize),
    /// `name.update(other)`
    Merge(&'a Expr, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Module,
    Class,
    Function,
}

#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub kind: Kind,
    pub parent: usize,
    /// `Class.method`; empty for the module.
    pub name: String,
    pub bound: HashMap<String, Vec<Bound<'a>>>,
    pub updates: HashMap<String, Vec<Update<'a>>>,
    /// Modules of which everything is imported.
    pub stars: Vec<String>,
    /// Names that belong to the module or an outer function.
    outer: HashSet<&'a str>,
}

/// All scopes of a module; the first is the module itself.
#[derive(Debug)]
pub(super) struct Scopes<'a> {
    pub all: Vec<Scope<'a>>,
    by_node: HashMap<TextRange, usize>,
    by_name: HashMap<String, usize>,
}

impl<'a> Scopes<'a> {
    pub(super) fn get(&self, scope: usize) -> Option<&Scope<'a>> {
        self.all.get(scope)
    }

    /// The scope that a definition opens.
    pub(super) fn of_node(&self, node: impl Ranged) -> Option<usize> {
        self.by_node.get(&node.range()).copied()
    }

    /// The scope of a definition by its name; the last one counts.
    pub(super) fn of_name(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The scope in which `name` is bound, seen from `from`: Python's rule, where classes do not enclose.
    pub(super) fn lookup(&self, name: &str, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let scope = self.get(at)?;
            let visible = at == from || scope.kind != Kind::Class;
            if visible && scope.bound.contains_key(name) {
                return Some(at);
            }
            if at == 0 {
                return None;
            }
            at = scope.parent;
        }
    }
}

impl Scopes<'_> {
    /// The modules of which everything is imported, as far as `from` sees it.
    pub(super) fn stars(&self, from: usize) -> Vec<&str> {
        let mut out = Vec::new();
        let mut at = from;
        // Nesting is bounded by the parser; the names are few.
        while let Some(scope) = self.get(at) {
            out.extend(scope.stars.iter().map(String::as_str));
            if at == 0 {
                break;
            }
            at = scope.parent;
        }
        out
    }
}

/// Reads all bindings of a module.
pub(super) fn bind(module: &ModModule) -> Scopes<'_> {
    let mut binder = Binder {
        scopes: Scopes {
            all: Vec::new(),
            by_node: HashMap::default(),
            by_name: HashMap::default(),
        },
        at: 0,
    };
    binder.open(Kind::Module, String::new());
    for stmt in &module.body {
        binder.visit_stmt(stmt);
    }
    binder.scopes
}

struct Binder<'a> {
    scopes: Scopes<'a>,
    at: usize,
}

/// The path of an imported module, with one dot for all relative levels.
pub(super) fn import_base(module: Option<&str>, level: u32) -> String {
    let dot = if level > 0 { "." } else { "" };
    format!("{dot}{}", module.unwrap_or_default())
}

/// Joins a module and a name imported from it.
pub(super) fn join(base: &str, name: &str) -> String {
    if base.is_empty() || base == "." {
        format!("{base}{name}")
    } else {
        format!("{base}.{name}")
    }
}

impl<'a> Binder<'a> {
    fn open(&mut self, kind: Kind, name: String) -> usize {
        let index = self.scopes.all.len();
        self.scopes.by_name.insert(name.clone(), index);
        self.scopes.all.push(Scope {
            kind,
            parent: self.at,
            name,
            bound: HashMap::default(),
            updates: HashMap::default(),
            stars: Vec::new(),
            outer: HashSet::default(),
        });
        index
    }

    fn inner_name(&self, name: &str) -> String {
        let outer = self.scopes.get(self.at).map_or("", |s| s.name.as_str());
        // Deep nesting would make names of quadratic length.
        if outer.is_empty() || outer.len() > 200 {
            name.to_owned()
        } else {
            format!("{outer}.{name}")
        }
    }

    fn bind_in(&mut self, scope: usize, name: &str, bound: Bound<'a>) {
        let Some(target) = self.scopes.all.get_mut(scope) else {
            return;
        };
        let target = if target.outer.contains(name) {
            self.scopes.all.first_mut()
        } else {
            Some(target)
        };
        if let Some(target) = target {
            let all = target.bound.entry(name.to_owned()).or_default();
            // More would not be told apart anyway.
            if all.len() < 32 {
                all.push(bound);
            } else if let Some(last) = all.last_mut() {
                *last = Bound::Unknown;
            }
        }
    }

    fn bind(&mut self, name: &str, bound: Bound<'a>) {
        self.bind_in(self.at, name, bound);
    }

    /// The class whose method is being read.
    fn class(&self) -> Option<usize> {
        let mut at = self.at;
        while at != 0 {
            let scope = self.scopes.get(at)?;
            let parent = self.scopes.get(scope.parent)?;
            if scope.kind == Kind::Function && parent.kind == Kind::Class {
                return Some(scope.parent);
            }
            at = scope.parent;
        }
        None
    }

    fn assign(&mut self, target: &'a Expr, value: Option<&'a Expr>) {
        let bound = value.map_or(Bound::Unknown, |v| Bound::Value(v, self.at));
        match target {
            Expr::Name(name) => self.bind(name.id.as_str(), bound),
            Expr::Starred(starred) => self.assign(&starred.value, None),
            Expr::Tuple(_) | Expr::List(_) => {
                let parts = elements(target);
                let values = value.map(elements).filter(|v| v.len() == parts.len());
                for (i, part) in parts.iter().enumerate() {
                    self.assign(part, values.and_then(|v| v.get(i)));
                }
            }
            Expr::Attribute(attribute) => {
                let Expr::Name(owner) = &*attribute.value else {
                    return;
                };
                let name = attribute.attr.as_str();
                match self.class() {
                    Some(class) if matches!(owner.id.as_str(), "self" | "cls") => {
                        self.bind_in(class, name, bound);
                    }
                    _ => self.bind(&format!("{}.{name}", owner.id), bound),
                }
            }
            Expr::Subscript(subscript) => {
                if let (Expr::Name(owner), Some(value)) = (&*subscript.value, value) {
                    let update = Update::Item(&subscript.slice, value, self.at);
                    self.update(owner.id.as_str(), update);
                }
            }
            _ => {}
        }
    }

    /// The target of a loop takes each element of a list that is written out.
    fn each(&mut self, target: &'a Expr, iter: &'a Expr) {
        let parts = elements(iter);
        if parts.is_empty() || parts.len() > 16 {
            self.assign(target, None);
        }
        for part in parts.iter().take(16) {
            self.assign(target, Some(part));
        }
    }

    fn update(&mut self, name: &str, update: Update<'a>) {
        let scope = self.scopes.lookup(name, self.at).unwrap_or(self.at);
        if let Some(scope) = self.scopes.all.get_mut(scope) {
            let all = scope.updates.entry(name.to_owned()).or_default();
            if all.len() < 256 {
                all.push(update);
            }
        }
    }

    fn parameters(&mut self, parameters: &'a Parameters, outer: usize, method_of: Option<usize>) {
        for (i, one) in parameters.iter_non_variadic_params().enumerate() {
            let bound = match (one.default(), method_of) {
                (Some(default), _) => Bound::Default(default, outer),
                (None, Some(class)) if i == 0 => Bound::Receiver(class),
                _ => Bound::Unknown,
            };
            self.bind(one.parameter.name.as_str(), bound);
        }
        for rest in [&parameters.vararg, &parameters.kwarg].into_iter().flatten() {
            self.bind(rest.name.as_str(), Bound::Unknown);
        }
    }

    fn function(&mut self, def: &'a StmtFunctionDef) {
        for decorator in &def.decorator_list {
            self.visit_decorator(decorator);
        }
        self.visit_parameters(&def.parameters);
        let outer = self.at;
        let inner = self.open(Kind::Function, self.inner_name(def.name.as_str()));
        self.scopes.by_node.insert(def.range, inner);
        self.bind(def.name.as_str(), Bound::Definition(inner));
        let is_static = def
            .decorator_list
            .iter()
            .any(|d| matches!(&d.expression, Expr::Name(n) if n.id.as_str() == "staticmethod"));
        let in_class = self.scopes.get(outer).is_some_and(|s| s.kind == Kind::Class);
        self.at = inner;
        self.parameters(&def.parameters, outer, (in_class && !is_static).then_some(outer));
        self.visit_body(&def.body);
        self.at = outer;
    }

    fn class_def(&mut self, def: &'a StmtClassDef) {
        for decorator in &def.decorator_list {
            self.visit_decorator(decorator);
        }
        if let Some(arguments) = &def.arguments {
            self.visit_arguments(arguments);
        }
        let outer = self.at;
        let inner = self.open(Kind::Class, self.inner_name(def.name.as_str()));
        self.scopes.by_node.insert(def.range, inner);
        self.bind(def.name.as_str(), Bound::Definition(inner));
        self.at = inner;
        self.visit_body(&def.body);
        self.at = outer;
    }

    fn outer_names(&mut self, names: &'a [ruff_python_ast::Identifier]) {
        if let Some(scope) = self
            .scopes
            .all
            .get_mut(self.at)
            .filter(|s| s.kind == Kind::Function)
        {
            scope.outer.extend(names.iter().map(|n| n.as_str()));
        }
    }
}

/// The parts of a tuple or list display.
fn elements(expr: &Expr) -> &[Expr] {
    match expr {
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::List(list) => &list.elts,
        _ => &[],
    }
}

impl<'a> Visitor<'a> for Binder<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => return self.function(def),
            Stmt::ClassDef(def) => return self.class_def(def),
            Stmt::Import(import) => {
                for alias in &import.names {
                    let path = alias.name.as_str();
                    match &alias.asname {
                        Some(name) => self.bind(name.as_str(), Bound::Import(path.to_owned())),
                        // `import a.b` binds `a`.
                        None => {
                            let first = path.split('.').next().unwrap_or(path);
                            self.bind(first, Bound::Import(first.to_owned()));
                        }
                    }
                }
            }
            Stmt::ImportFrom(import) => {
                let base = import_base(import.module.as_ref().map(|m| m.as_str()), import.level);
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    if name.as_str() != "*" {
                        self.bind(name.as_str(), Bound::Import(join(&base, alias.name.as_str())));
                    } else if let Some(scope) = self.scopes.all.get_mut(self.at)
                        && scope.stars.len() < 16
                        && !scope.stars.contains(&base)
                    {
                        scope.stars.push(base.clone());
                    }
                }
            }
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.assign(target, Some(&assign.value));
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.assign(&assign.target, Some(value));
                }
            }
            // `os.environ |= {…}` changes what is in it, not what the name stands for.
            Stmt::AugAssign(assign) if assign.op == Operator::BitOr && assign.target.is_attribute_expr() => {}
            Stmt::AugAssign(assign) => self.assign(&assign.target, None),
            Stmt::For(each) => self.each(&each.target, &each.iter),
            Stmt::With(with) => {
                for item in &with.items {
                    if let Some(target) = &item.optional_vars {
                        self.assign(target, Some(&item.context_expr));
                    }
                }
            }
            Stmt::Global(names) => self.outer_names(&names.names),
            Stmt::Nonlocal(names) => self.outer_names(&names.names),
            Stmt::Try(all) => {
                for handler in &all.handlers {
                    let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                    if let Some(name) = &handler.name {
                        self.bind(name.as_str(), Bound::Unknown);
                    }
                }
            }
            Stmt::Expr(statement) => self.dictionary_update(&statement.value),
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Named(named) => self.assign(&named.target, Some(&named.value)),
            Expr::Lambda(lambda) => {
                for one in lambda
                    .parameters
                    .iter()
                    .flat_map(|p| p.iter_non_variadic_params())
                {
                    self.bind(one.parameter.name.as_str(), Bound::Unknown);
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_comprehension(&mut self, comprehension: &'a ruff_python_ast::Comprehension) {
        self.each(&comprehension.target, &comprehension.iter);
        visitor::walk_comprehension(self, comprehension);
    }

    fn visit_expr_context(&mut self, _: &'a ExprContext) {}
}

impl<'a> Binder<'a> {
    /// `options.update(...)` as a statement.
    fn dictionary_update(&mut self, expr: &'a Expr) {
        let Expr::Call(call) = expr else { return };
        let Expr::Attribute(method) = &*call.func else {
            return;
        };
        let Expr::Name(owner) = &*method.value else { return };
        if method.attr.as_str() != "update" {
            return;
        }
        for other in &call.arguments.args {
            self.update(owner.id.as_str(), Update::Merge(other, self.at));
        }
        if !call.arguments.keywords.is_empty() {
            let update = Update::Keywords(&call.arguments.keywords, self.at);
            self.update(owner.id.as_str(), update);
        }
    }
}
