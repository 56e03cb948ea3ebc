//! The second pass: every call, import, environment write and capability, with names resolved and arguments folded.

use super::{
    Source, bytes,
    fold::Folder,
    scope::{Bound, Kind, Scopes, import_base, join},
};
use crate::flow::{Flow, FlowScope, ScopeKind};
use crate::hash::HashSet;
use crate::{
    capability::{self, Capability},
    module::{
        Argument, AttributeWrite, Call, Command, EnvironmentWrite, Import, ImportCondition, Keyword, Module,
        Place, Use, Value,
    },
};
use ruff_python_ast::{
    ExceptHandler, Expr, ExprCall, ExprContext, IpyEscapeKind, ModModule, Operator, Stmt,
    visitor::{self, Visitor},
};
use ruff_text_size::Ranged;
use std::ops::Range;
use wellhead_core::{Budget, Exhausted};

/// When something happens: in which scope, and whether behind `if __name__ == "__main__"` or in a lambda.
#[derive(Clone, Copy, Debug)]
struct When {
    scope: usize,
    later: bool,
    /// Only `later` because of the guard that programs have.
    guarded: bool,
}

impl When {
    fn place(self) -> Place {
        Place {
            scope: self.scope,
            guarded: self.guarded,
            deferred: self.later && !self.guarded,
        }
    }
}

/// Reads what a module does into `module`.
pub(super) fn collect(
    tree: &ModModule,
    scopes: &Scopes<'_>,
    source: &Source<'_>,
    module: &mut Module,
    budget: &mut Budget,
) -> Result<(), Exhausted> {
    let mut collector = Collector {
        scopes,
        source,
        folder: Folder::new(scopes, budget),
        now: When {
            scope: 0,
            later: false,
            guarded: false,
        },
        module,
        when: Times::default(),
        edges: Vec::new(),
        stores: HashSet::default(),
        environ: HashSet::default(),
        condition: ImportCondition::Always,
    };
    for stmt in &tree.body {
        collector.visit_stmt(stmt);
    }
    collector.module.constants = constants(scopes, &mut collector.folder);
    let exhausted = collector.folder.exhausted();
    collector.settle_times();
    module.calls.sort_by_key(|c| (c.range.start, c.range.end));
    module
        .uses
        .sort_by_key(|u| (u.range.start, u.range.end, u.capability));
    module.uses.dedup();
    exhausted.map_or(Ok(()), Err)
}

/// The most names of a module that are kept for others.
const MOST_CONSTANTS: usize = 256;

/// The names of the module and of its classes that are the same in every run.
fn constants(scopes: &Scopes<'_>, folder: &mut Folder<'_, '_, '_>) -> Vec<(String, Value)> {
    let plain = |value: &Value| {
        value
            .alternatives()
            .iter()
            .all(|v| matches!(v, Value::Text(_) | Value::Bool(_) | Value::None | Value::Int(_)))
    };
    let mut names: Vec<(usize, &str, &str)> = Vec::new();
    for (at, scope) in scopes.all.iter().enumerate() {
        if scope.kind == Kind::Function {
            continue;
        }
        // What a function's own class sets is nobody else's.
        let own = scope.bound.iter().filter(|(name, bounds)| {
            !name.contains('.') && bounds.iter().all(|b| matches!(b, Bound::Value(..)))
        });
        names.extend(own.map(|(name, _)| (at, scope.name.as_str(), name.as_str())));
        if names.len() > MOST_CONSTANTS.saturating_mul(16) {
            break;
        }
    }
    names.sort_unstable();
    names.truncate(MOST_CONSTANTS);
    let mut out: Vec<(String, Value)> = names
        .into_iter()
        .map(|(at, class, name)| {
            let whole = if class.is_empty() {
                name.to_owned()
            } else {
                format!("{class}.{name}")
            };
            (whole, folder.named(at, name))
        })
        .filter(|(_, value)| plain(value))
        .collect();
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

/// The times of what was collected, index by index.
#[derive(Default)]
struct Times {
    imports: Vec<When>,
    calls: Vec<When>,
    uses: Vec<When>,
}

struct Collector<'a, 's, 'b, 'm> {
    scopes: &'s Scopes<'a>,
    source: &'s Source<'s>,
    folder: Folder<'a, 's, 'b>,
    now: When,
    module: &'m mut Module,
    when: Times,
    /// Which code calls which function of the module.
    edges: Vec<(When, usize)>,
    /// Starts of expressions that are written to.
    stores: HashSet<usize>,
    /// Names that `os.environ` is imported under.
    environ: HashSet<String>,
    /// What guards the imports of the present code.
    condition: ImportCondition,
}

impl<'a> Collector<'a, '_, '_, '_> {
    fn place(&self, range: impl Ranged) -> Range<usize> {
        (self.source.locate)(bytes(range))
    }

    fn use_of(&mut self, capability: Capability, what: &str, range: impl Ranged) {
        self.module.uses.push(Use {
            capability,
            what: what.to_owned(),
            range: self.place(range),
            at_import: false,
            place: self.now.place(),
        });
        self.when.uses.push(self.now);
    }

    fn import(&mut self, path: String, name: &str, range: impl Ranged) {
        if path == "os.environ" {
            self.environ.insert(name.to_owned());
        }
        let place = if self.in_function() {
            ImportCondition::Lazy
        } else {
            ImportCondition::Always
        };
        self.module.imports.push(Import {
            path,
            name: name.to_owned(),
            range: self.place(range),
            at_import: false,
            condition: self.condition.max(place),
        });
        self.when.imports.push(self.now);
    }

    /// Whether the present code waits for somebody to call a function. Nesting is bounded by the parser.
    fn in_function(&self) -> bool {
        let mut at = self.now.scope;
        while let Some(scope) = self.scopes.get(at).filter(|_| at != 0) {
            if scope.kind == Kind::Function {
                return true;
            }
            at = scope.parent;
        }
        false
    }

    /// Walks a statement whose imports happen under a condition.
    fn under(&mut self, condition: ImportCondition, stmt: &'a Stmt) {
        let before = self.condition;
        self.condition = before.max(condition);
        visitor::walk_stmt(self, stmt);
        self.condition = before;
    }

    /// `with contextlib.suppress(ImportError):`
    fn suppresses(&mut self, context: &Expr) -> bool {
        let Expr::Call(call) = context else { return false };
        call.arguments.args.iter().any(|e| catches_import_error(Some(e)))
            && self
                .folder
                .paths(&call.func, self.now.scope)
                .iter()
                .any(|p| p == "contextlib.suppress")
    }

    /// A cheap look before names are followed: only these are read without being called.
    fn mentions_environ(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Attribute(attribute) => attribute.attr.as_str().starts_with("environ"),
            Expr::Name(name) => self.environ.contains(name.id.as_str()),
            _ => false,
        }
    }

    fn inside(&mut self, now: When, walk: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.now, now);
        walk(self);
        self.now = before;
    }

    /// Remembers that a function of the module runs when the present code does.
    fn edge(&mut self, path: &str) {
        let Some(local) = path.strip_prefix('.') else {
            return;
        };
        let name = local.replace("()", "");
        let Some(scope) = self.scopes.of_name(&name) else {
            return;
        };
        match self.scopes.get(scope).map(|s| s.kind) {
            Some(Kind::Function) => self.edges.push((self.now, scope)),
            Some(Kind::Class) => {
                for method in ["__init__", "__new__", "__post_init__", "__enter__", "__call__"] {
                    if let Some(inner) = self.scopes.of_name(&format!("{name}.{method}")) {
                        self.edges.push((self.now, inner));
                    }
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &'a ExprCall) {
        let mut entry = self.entry(call, self.now.scope);
        if entry.may_be("functools.partial") || entry.may_be("functools.partialmethod") {
            bind_partial(&mut entry);
        }
        apply_method(&mut entry);
        self.consequences(&entry, call);
        self.apply_partial(call, &mut entry);
        self.module.calls.push(entry);
        self.when.calls.push(self.now);
    }

    /// `load = functools.partial(f, x)` and then `load(y)`: a call of `f` with what was bound first.
    fn apply_partial(&mut self, call: &'a ExprCall, entry: &mut Call) {
        // The same few arguments are copied to every call.
        const MOST: usize = 32;
        if !entry.may_be("functools.partial()") {
            return;
        }
        let Some((made, scope)) = self.maker(&call.func) else {
            return;
        };
        if made
            .arguments
            .args
            .len()
            .saturating_add(made.arguments.keywords.len())
            > MOST
        {
            return;
        }
        let mut first = self.entry(made, scope);
        if !first.may_be("functools.partial") {
            return;
        }
        bind_partial(&mut first);
        if !first.partial || first.positional.len().saturating_add(first.keywords.len()) > MOST {
            return;
        }
        entry.bound = true;
        entry.open |= first.open;
        entry.callees = first.callees;
        entry.positional.splice(0..0, first.positional);
        entry.keywords.splice(0..0, first.keywords);
    }

    /// The one call whose result an expression stands for: itself, or what its name is bound to.
    fn maker(&self, expr: &'a Expr) -> Option<(&'a ExprCall, usize)> {
        let (expr, scope) = match expr {
            Expr::Name(name) => {
                let name = name.id.as_str();
                let scope = self.scopes.lookup(name, self.now.scope)?;
                match self.scopes.get(scope)?.bound.get(name)?.as_slice() {
                    [Bound::Value(expr, at)] => (*expr, *at),
                    _ => return None,
                }
            }
            expr => (expr, self.now.scope),
        };
        match expr {
            Expr::Call(call) => Some((call, scope)),
            _ => None,
        }
    }

    /// A call with its names resolved and its arguments folded, as they are written.
    fn entry(&mut self, call: &ExprCall, scope: usize) -> Call {
        let callees = self.folder.paths(&call.func, scope);
        let mut entry = Call {
            callees,
            range: self.place(call),
            callee_range: self.place(&*call.func),
            positional: Vec::new(),
            keywords: Vec::new(),
            open: false,
            partial: false,
            bound: false,
            at_import: false,
            place: self.now.place(),
        };
        let mut counted = true;
        for argument in &call.arguments.args {
            let range = self.place(argument);
            let value = match argument {
                Expr::Starred(starred) => {
                    match self.folder.value(&starred.value, scope) {
                        Value::List(items) if counted => {
                            let all = items.into_iter().map(|value| Argument {
                                value,
                                range: range.clone(),
                            });
                            entry.positional.extend(all);
                        }
                        _ => {
                            entry.open = true;
                            counted = false;
                        }
                    }
                    continue;
                }
                one => self.folder.value(one, scope),
            };
            if counted {
                entry.positional.push(Argument { value, range });
            }
        }
        for keyword in &call.arguments.keywords {
            let value = self.folder.value(&keyword.value, scope);
            let range = self.place(keyword);
            match &keyword.arg {
                Some(name) => entry.keywords.push(Keyword {
                    name: name.as_str().to_owned(),
                    argument: Argument { value, range },
                }),
                None => unpack(&value, &range, &mut entry),
            }
        }
        entry
    }

    /// What follows from a call: capabilities, environment writes, functions of the module that run.
    fn consequences(&mut self, entry: &Call, call: &ExprCall) {
        for callee in &entry.callees {
            if let Some(capability) = capability::of_call(callee) {
                self.use_of(capability, callee, &*call.func);
            } else if opens_for_writing(callee, entry) {
                self.use_of(Capability::FileWrite, callee, &*call.func);
            }
            self.edge(callee);
        }
        let handed = entry
            .positional
            .iter()
            .chain(entry.keywords.iter().map(|k| &k.argument));
        let handed: Vec<String> = handed
            .flat_map(|a| a.value.alternatives())
            .filter_map(|v| match v {
                Value::Path(path) => Some(path.clone()),
                _ => None,
            })
            .collect();
        for path in handed {
            self.edge(&path);
            // `map(os.system, commands)`: handed over to be called.
            let what = capability::of_call(&path);
            if let Some(found @ (Capability::Process | Capability::Execution)) = what
                && !path.contains('(')
            {
                self.use_of(found, &path, call);
            }
        }
        self.environment_calls(entry);
    }

    /// A decorator is called with what it decorates: `@exec`.
    fn decorated(&mut self, decorator: &Expr, paths: &[String]) {
        if decorator.is_call_expr() {
            return;
        }
        for path in paths {
            if let Some(found @ (Capability::Process | Capability::Execution)) = capability::of_call(path) {
                self.use_of(found, path, decorator);
            }
        }
    }

    fn environment_calls(&mut self, entry: &Call) {
        let mut write = |name: &Value, value: &Value| {
            if let Value::Text(name) = name {
                self.module.environment.push(EnvironmentWrite {
                    name: name.clone(),
                    value: value.clone(),
                    range: entry.range.clone(),
                });
            }
        };
        if entry.may_be("os.environ.setdefault") || entry.may_be("os.putenv") {
            if let [name, value, ..] = entry.positional.as_slice() {
                write(&name.value, &value.value);
            }
        } else if entry.may_be("os.environ.update") {
            for keyword in &entry.keywords {
                write(&Value::Text(keyword.name.clone()), &keyword.argument.value);
            }
            for argument in &entry.positional {
                if let Value::Dict(items) = &argument.value {
                    for (name, value) in items {
                        write(name, value);
                    }
                }
            }
        }
    }

    /// `owner.name = value`
    fn attribute_write(&mut self, target: &Expr, value: &Expr, range: impl Ranged) {
        let Expr::Attribute(attribute) = target else {
            return;
        };
        let value = self.folder.value(value, self.now.scope);
        let range = self.place(range);
        for owner in self.folder.paths(&attribute.value, self.now.scope) {
            self.module.attributes.push(AttributeWrite {
                target: format!("{owner}.{}", attribute.attr),
                value: value.clone(),
                range: range.clone(),
            });
        }
    }

    /// `os.environ["NAME"] = value`
    fn environment_write(&mut self, target: &Expr, value: &Expr, range: impl Ranged) {
        let Expr::Subscript(subscript) = target else {
            return;
        };
        let owner = self.folder.value(&subscript.value, self.now.scope);
        let is_environ = owner
            .alternatives()
            .iter()
            .any(|v| matches!(v, Value::Path(p) if p == "os.environ" || p == "os.environb"));
        if !is_environ {
            return;
        }
        self.stores.insert(bytes(&*subscript.value).start);
        if let Value::Text(name) = self.folder.value(&subscript.slice, self.now.scope) {
            let value = self.folder.value(value, self.now.scope);
            self.module.environment.push(EnvironmentWrite {
                name,
                value,
                range: self.place(range),
            });
        }
    }

    /// `os.environ |= {"NAME": value}`
    fn environment_merge(&mut self, value: &Expr, range: impl Ranged) {
        let Value::Dict(items) = self.folder.value(value, self.now.scope) else {
            return;
        };
        let range = self.place(range);
        for (name, value) in items {
            if let Value::Text(name) = name {
                self.module.environment.push(EnvironmentWrite {
                    name,
                    value,
                    range: range.clone(),
                });
            }
        }
    }

    fn command(&mut self, kind: IpyEscapeKind, value: &str, range: impl Ranged) {
        let shell = matches!(kind, IpyEscapeKind::Shell | IpyEscapeKind::ShCap);
        let range = self.place(range);
        if let Some(setting) = value.strip_prefix("env ").filter(|_| !shell)
            && let Some((name, value)) = setting.split_once(['=', ' '])
        {
            self.module.environment.push(EnvironmentWrite {
                name: name.trim().to_owned(),
                value: Value::Text(value.trim().to_owned()),
                range: range.clone(),
            });
        }
        self.module.commands.push(Command {
            text: value.to_owned(),
            shell,
            range,
        });
    }

    /// Finds out what importing the module runs, following calls between its own functions.
    fn settle_times(self) {
        let Self {
            scopes,
            module,
            when,
            edges,
            ..
        } = self;
        let mut leads: Vec<Vec<usize>> = vec![Vec::new(); scopes.all.len()];
        let bodies = scopes.all.iter().enumerate().skip(1);
        let classes = bodies
            .filter(|(_, s)| s.kind == Kind::Class)
            .map(|(i, s)| (s.parent, i));
        let calls = edges
            .iter()
            .filter(|(from, _)| !from.later)
            .map(|(from, to)| (from.scope, *to));
        for (from, to) in classes.chain(calls) {
            if let Some(all) = leads.get_mut(from) {
                all.push(to);
            }
        }
        let kinds = |kind| match kind {
            Kind::Module => ScopeKind::Module,
            Kind::Class => ScopeKind::Class,
            Kind::Function => ScopeKind::Function,
        };
        let known = scopes.all.iter().zip(&leads).map(|(scope, leads)| FlowScope {
            name: scope.name.clone(),
            kind: kinds(scope.kind),
            parent: scope.parent,
            leads: leads.clone(),
        });
        module.flow = Flow {
            scopes: known.collect(),
        };
        let mut live = vec![false; scopes.all.len()];
        let mut next = vec![0];
        while let Some(scope) = next.pop() {
            if let Some(seen) = live.get_mut(scope).filter(|seen| !**seen) {
                *seen = true;
                next.extend(leads.get(scope).into_iter().flatten());
            }
        }
        let runs = |live: &[bool], when: When| !when.later && live.get(when.scope).copied().unwrap_or(false);
        for (import, when) in module.imports.iter_mut().zip(&when.imports) {
            import.at_import = runs(&live, *when);
        }
        for (call, when) in module.calls.iter_mut().zip(&when.calls) {
            call.at_import = runs(&live, *when);
        }
        for (used, when) in module.uses.iter_mut().zip(&when.uses) {
            used.at_import = runs(&live, *when);
        }
    }
}

/// Adds the items of an unpacked dictionary to a call's keywords.
fn unpack(value: &Value, range: &Range<usize>, entry: &mut Call) {
    let alternatives = value.alternatives();
    entry.open |= alternatives.len() > 1;
    for one in alternatives {
        let Value::Dict(items) = one else {
            entry.open = true;
            continue;
        };
        for (key, value) in items {
            let Value::Text(name) = key else {
                entry.open = true;
                continue;
            };
            entry.keywords.push(Keyword {
                name: name.clone(),
                argument: Argument {
                    value: value.clone(),
                    range: range.clone(),
                },
            });
        }
    }
}

/// `functools.partial(f, x)` binds arguments for calls of `f`.
fn bind_partial(entry: &mut Call) {
    if entry.positional.is_empty() {
        return;
    }
    let function = entry.positional.remove(0);
    let names: Vec<String> = function
        .value
        .alternatives()
        .iter()
        .filter_map(|v| match v {
            Value::Path(path) => Some(path.clone()),
            _ => None,
        })
        .collect();
    if !names.is_empty() {
        entry.callees = names;
        entry.partial = true;
    }
}

/// `operator.methodcaller("system", "id")(os)` calls `os.system`.
fn apply_method(entry: &mut Call) {
    let method = entry.callees.iter().find_map(|callee| {
        let method = callee.strip_prefix("operator.methodcaller(")?.strip_suffix(')')?;
        (!method.is_empty() && !method.contains('(')).then(|| method.to_owned())
    });
    if let Some(method) = method
        && let Some(Argument {
            value: Value::Path(owner),
            ..
        }) = entry.positional.first()
    {
        entry.callees = vec![join(owner, &method)];
        entry.positional.remove(0);
    }
}

fn opens_for_writing(callee: &str, call: &Call) -> bool {
    let position = match callee {
        "open" | "io.open" | "builtins.open" | "codecs.open" | "gzip.open" => 1,
        "pathlib.Path().open" => 0,
        _ => return false,
    };
    let mode = call.argument(position, "mode");
    mode.is_some_and(|m| m.value.texts().any(|t| t.contains(['w', 'a', 'x', '+'])))
}

/// Whether a test is `__name__ == "__main__"` or `TYPE_CHECKING`: true for no importer.
fn is_never_on_import(test: &Expr) -> bool {
    match test {
        Expr::Compare(compare) => {
            let is_name = |e: &Expr| matches!(e, Expr::Name(n) if n.id.as_str() == "__name__");
            is_name(&compare.left) || compare.comparators.iter().any(is_name)
        }
        Expr::Name(name) => name.id.as_str() == "TYPE_CHECKING",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "TYPE_CHECKING",
        _ => false,
    }
}

/// Whether a test is `TYPE_CHECKING` rather than the guard of programs.
fn is_for_type_checkers(test: &Expr) -> bool {
    !matches!(test, Expr::Compare(_))
}

/// Whether an `except` of this type goes on when an import fails; a bare one does.
/// Whether what is done ends with raising or with the end of the program.
fn ends(body: &[Stmt]) -> bool {
    match body.last() {
        Some(Stmt::Raise(_)) => true,
        Some(Stmt::Expr(last)) => {
            let Expr::Call(call) = &*last.value else {
                return false;
            };
            match &*call.func {
                Expr::Name(name) => matches!(name.id.as_str(), "exit" | "quit"),
                Expr::Attribute(attribute) => {
                    let of =
                        matches!(&*attribute.value, Expr::Name(n) if matches!(n.id.as_str(), "sys" | "os"));
                    of && matches!(attribute.attr.as_str(), "exit" | "_exit" | "abort")
                }
                _ => false,
            }
        }
        _ => false,
    }
}

fn catches_import_error(caught: Option<&Expr>) -> bool {
    let name = match caught {
        None => return true,
        Some(Expr::Tuple(types)) => return types.elts.iter().any(|e| catches_import_error(Some(e))),
        Some(Expr::Name(name)) => name.id.as_str(),
        Some(Expr::Attribute(attribute)) => attribute.attr.as_str(),
        Some(_) => return false,
    };
    matches!(
        name,
        "ImportError" | "ModuleNotFoundError" | "Exception" | "BaseException"
    )
}

impl<'a> Visitor<'a> for Collector<'a, '_, '_, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                for decorator in &def.decorator_list {
                    self.visit_decorator(decorator);
                    let paths = self.folder.paths(&decorator.expression, self.now.scope);
                    paths.iter().for_each(|path| self.edge(path));
                    self.decorated(&decorator.expression, &paths);
                }
                self.visit_parameters(&def.parameters);
                let scope = self.scopes.of_node(def.range).unwrap_or(self.now.scope);
                let now = When {
                    scope,
                    later: false,
                    guarded: self.now.guarded,
                };
                self.inside(now, |this| this.visit_body(&def.body));
                return;
            }
            Stmt::ClassDef(def) => {
                for decorator in &def.decorator_list {
                    self.visit_decorator(decorator);
                    let paths = self.folder.paths(&decorator.expression, self.now.scope);
                    self.decorated(&decorator.expression, &paths);
                }
                if let Some(arguments) = &def.arguments {
                    self.visit_arguments(arguments);
                }
                let scope = self.scopes.of_node(def.range).unwrap_or(self.now.scope);
                let now = When { scope, ..self.now };
                self.inside(now, |this| this.visit_body(&def.body));
                return;
            }
            Stmt::If(choice) if is_never_on_import(&choice.test) => {
                self.visit_expr(&choice.test);
                let later = When {
                    later: true,
                    guarded: true,
                    ..self.now
                };
                let before = self.condition;
                if is_for_type_checkers(&choice.test) {
                    self.condition = ImportCondition::TypeChecking;
                }
                self.inside(later, |this| this.visit_body(&choice.body));
                self.condition = before;
                for clause in &choice.elif_else_clauses {
                    self.visit_elif_else_clause(clause);
                }
                return;
            }
            Stmt::Try(attempt) => {
                let caught = attempt.handlers.iter().any(|handler| {
                    let ExceptHandler::ExceptHandler(handler) = handler;
                    // One that ends the program, or raises again, does not go on without the module.
                    catches_import_error(handler.type_.as_deref()) && !ends(&handler.body)
                });
                if caught {
                    self.under(ImportCondition::Optional, stmt);
                    return;
                }
            }
            Stmt::With(with) if with.items.iter().any(|i| self.suppresses(&i.context_expr)) => {
                self.under(ImportCondition::Optional, stmt);
                return;
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.import(alias.name.as_str().to_owned(), name.as_str(), alias.range);
                }
            }
            Stmt::ImportFrom(import) => {
                let base = import_base(import.module.as_ref().map(|m| m.as_str()), import.level);
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.import(join(&base, alias.name.as_str()), name.as_str(), import.range);
                }
            }
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.environment_write(target, &assign.value, assign.range);
                    self.attribute_write(target, &assign.value, assign.range);
                }
            }
            Stmt::AugAssign(assign)
                if assign.op == Operator::BitOr && self.mentions_environ(&assign.target) =>
            {
                self.environment_merge(&assign.value, assign.range);
            }
            Stmt::IpyEscapeCommand(command) => {
                self.command(command.kind, &command.value, command.range);
            }
            // A string that stands alone is a comment.
            Stmt::Expr(statement) if matches!(*statement.value, Expr::StringLiteral(_)) => return,
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call) => self.call(call),
            Expr::Lambda(lambda) => {
                let later = When {
                    later: true,
                    ..self.now
                };
                self.inside(later, |this| this.visit_expr(&lambda.body));
                return;
            }
            Expr::StringLiteral(text) if capability::names_credentials(text.value.to_str()) => {
                self.use_of(Capability::Credentials, text.value.to_str(), text.range);
            }
            Expr::StringLiteral(text) if capability::names_startup(text.value.to_str()) => {
                self.use_of(Capability::Startup, text.value.to_str(), text.range);
            }
            Expr::IpyEscapeCommand(command) => {
                self.command(command.kind, &command.value, command.range);
            }
            Expr::Attribute(_) | Expr::Name(_) if !self.stores.contains(&bytes(expr).start) => {
                if self.mentions_environ(expr)
                    && let Value::Path(path) = self.folder.value(expr, self.now.scope)
                    && capability::of_call(&path) == Some(Capability::Environment)
                {
                    self.use_of(Capability::Environment, &path, expr);
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_expr_context(&mut self, _: &'a ExprContext) {}
}
