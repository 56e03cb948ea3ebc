//! Statements in their order.
//!
//! A branch whose condition is not known is walked apart and what it binds is joined with what else may be. A loop is
//! run turn by turn as long as everything in it is known and fuel is left, and once for all turns otherwise.

use super::{
    machine::{Changes, Machine},
    value::{Class, Code, Cut, Function, Id, Kind, Object, Value, What},
};
use crate::{flow::Stage, hash::HashMap};
use ruff_python_ast::{
    Alias, ExceptHandler, Expr, Pattern, Stmt, StmtClassDef, StmtFor, StmtFunctionDef, StmtIf, StmtImport,
    StmtImportFrom, StmtMatch, StmtTry, StmtWhile, StmtWith,
};
use std::{collections::hash_map::Entry, rc::Rc};

/// How a statement ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The next one follows.
    Next,
    /// The function is left, or something is raised.
    Left,
    Break,
    Continue,
}

/// Turns of a loop that calls things nobody knows.
const VAGUE_TURNS: usize = 4;

impl<'a> Machine<'a, '_> {
    pub(super) fn block(&mut self, body: &'a [Stmt]) -> End {
        for (at, statement) in body.iter().enumerate() {
            if !self.tick() {
                return End::Next;
            }
            if let Some(code) = exec_of_python_2(statement, body.get(at.saturating_add(1))) {
                let value = self.eval(code);
                let range = ruff_text_size::Ranged::range(code);
                self.execute("exec", &super::call::Arguments::of(vec![value]), range);
            }
            let end = self.statement(statement);
            if end != End::Next {
                return end;
            }
        }
        End::Next
    }

    fn statement(&mut self, statement: &'a Stmt) -> End {
        if !self.deeper() {
            return End::Next;
        }
        let end = self.statement_one(statement);
        self.depth = self.depth.saturating_sub(1);
        end
    }

    fn statement_one(&mut self, statement: &'a Stmt) -> End {
        match statement {
            // What documents code is most of the text of many a package, and does nothing.
            Stmt::Expr(one) => {
                if !one.value.is_literal_expr() {
                    self.eval(&one.value);
                }
            }
            Stmt::Assign(assign) => {
                let value = self.eval(&assign.value);
                for target in &assign.targets {
                    self.store(target, value.clone());
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    let value = self.eval(value);
                    self.store(&assign.target, value);
                }
            }
            Stmt::AugAssign(assign) => {
                let old = self.eval(&assign.target);
                let new = self.eval(&assign.value);
                let value = self.augment(assign.op, old, &new);
                self.store(&assign.target, value);
            }
            Stmt::Return(one) => {
                let value = one
                    .value
                    .as_ref()
                    .map_or_else(|| Value::from(super::Datum::None), |v| self.eval(v));
                self.frame.result = Some(match self.frame.result.take() {
                    Some(old) => old.or(value),
                    None => value,
                });
                return End::Left;
            }
            Stmt::Raise(raise) => {
                for part in [&raise.exc, &raise.cause].into_iter().flatten() {
                    self.eval(part);
                }
                return End::Left;
            }
            Stmt::Break(_) => return End::Break,
            Stmt::Continue(_) => return End::Continue,
            Stmt::If(one) => return self.choice(one),
            Stmt::For(one) => return self.for_loop(one),
            Stmt::While(one) => return self.while_loop(one),
            Stmt::With(one) => return self.with(one),
            Stmt::Try(one) => return self.attempt(one),
            Stmt::Match(one) => return self.matched(one),
            Stmt::FunctionDef(def) => self.function(def),
            Stmt::ClassDef(def) => self.class_definition(def),
            Stmt::Import(import) => self.import(import),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::Global(global) => {
                let to = self
                    .files
                    .get(self.frame.file)
                    .map_or(self.frame.scope, |f| f.scope);
                for name in &global.names {
                    self.leave_to(name.as_str(), to);
                }
            }
            Stmt::Nonlocal(names) => {
                for name in &names.names {
                    let mut at = self.scope(self.frame.scope).and_then(|s| s.parent);
                    while let Some(id) = at {
                        let Some(scope) = self.scope(id) else { break };
                        if scope.names.contains_key(name.as_str()) {
                            self.leave_to(name.as_str(), id);
                            break;
                        }
                        at = scope.parent;
                    }
                }
            }
            Stmt::Assert(one) => {
                self.eval(&one.test);
            }
            Stmt::Delete(_) | Stmt::TypeAlias(_) | Stmt::Pass(_) | Stmt::IpyEscapeCommand(_) => {}
        }
        End::Next
    }

    fn leave_to(&mut self, name: &str, to: Id) {
        let here = self.frame.scope;
        if here != to
            && let Some(scope) = self.scope_mut(here)
        {
            scope.elsewhere.insert(Rc::from(name), to);
        }
    }

    /// Puts a value where a target says.
    pub(super) fn store(&mut self, target: &'a Expr, value: Value) {
        match target {
            Expr::Name(name) => self.assign(name.id.as_str(), value),
            Expr::Starred(starred) => self.store(&starred.value, Value::unknown().with(&value.taint)),
            Expr::Tuple(tuple) => self.spread(&tuple.elts, &value),
            Expr::List(list) => self.spread(&list.elts, &value),
            Expr::Attribute(attribute) => {
                let owner = self.eval(&attribute.value);
                let value = self.in_turn(value);
                self.set_attribute(&owner, attribute.attr.as_str(), &value);
            }
            Expr::Subscript(subscript) => {
                let owner = self.eval(&subscript.value);
                let key = self.eval(&subscript.slice);
                let value = self.in_turn(value);
                let stored = self.set_item(&owner, key, value, subscript);
                if let Some(stored) = stored {
                    self.store(&subscript.value, stored);
                }
            }
            _ => {}
        }
    }

    fn spread(&mut self, targets: &'a [Expr], value: &Value) {
        let items = self.items_of(value).filter(|items| items.len() == targets.len());
        let taint = self.deep_taint(value);
        for (at, target) in targets.iter().enumerate() {
            let item = items.as_ref().and_then(|i| i.get(at).cloned());
            self.store(target, item.unwrap_or_else(|| Value::unknown().with(&taint)));
        }
    }

    fn choice(&mut self, one: &'a StmtIf) -> End {
        let mut arms: Vec<(Option<&'a Expr>, &'a [Stmt])> = vec![(Some(&*one.test), &one.body)];
        arms.extend(
            one.elif_else_clauses
                .iter()
                .map(|c| (c.test.as_ref(), c.body.as_slice())),
        );
        let mut ends: Vec<(Changes, End)> = Vec::new();
        let mut complete = false;
        for (test, body) in arms {
            let stage = self.frame.stage;
            let mut truth = Some(true);
            if let Some(test) = test {
                let value = self.eval(test);
                truth = self.truth(&value);
                if is_main_guard(test) {
                    truth = Some(true).filter(|_| self.is_program());
                    if truth.is_none() {
                        self.frame.stage = Stage::Call;
                    }
                }
            }
            match truth {
                Some(true) if ends.is_empty() => {
                    let end = self.block(body);
                    self.frame.stage = stage;
                    return end;
                }
                // What cannot happen now is looked at, for the condition may be set elsewhere; nothing stays of it.
                Some(false) => {
                    if self.frame.loops == 0 {
                        let before = self.begin_branch();
                        self.block(body);
                        self.end_branch(before);
                    }
                }
                _ => {
                    let before = self.begin_branch();
                    let end = self.block(body);
                    let changes = self.end_branch(before);
                    ends.push((changes, end));
                    complete |= truth == Some(true);
                }
            }
            self.frame.stage = stage;
            if complete {
                break;
            }
        }
        self.after(ends, complete)
    }

    /// Whether the file is only ever run as a program, so that its name is `__main__`.
    fn is_program(&self) -> bool {
        let path = self.files.get(self.frame.file).map_or("", |f| f.path);
        path == "setup.py" || path.ends_with("__main__.py") || !path.contains('.')
    }

    /// Joins the branches that go on.
    fn after(&mut self, ends: Vec<(Changes, End)>, complete: bool) -> End {
        let left = ends.iter().filter(|(_, end)| *end != End::Next).count();
        let first = ends.first().map(|(_, end)| *end);
        let all_left = complete && left == ends.len() && !ends.is_empty();
        if ends
            .iter()
            .any(|(_, end)| matches!(end, End::Break | End::Continue))
            && !all_left
        {
            self.frame.maybe_left = true;
        }
        let alike = ends.iter().all(|(_, end)| Some(*end) == first);
        let going: Vec<Changes> = ends
            .into_iter()
            .filter(|(_, end)| all_left || matches!(end, End::Next | End::Break | End::Continue))
            .map(|(changes, _)| changes)
            .collect();
        let none = !complete;
        self.join(going, none);
        match first {
            Some(end) if all_left && alike => end,
            Some(_) if all_left => {
                self.frame.maybe_left = true;
                End::Left
            }
            _ => End::Next,
        }
    }

    fn for_loop(&mut self, one: &'a StmtFor) -> End {
        let iterated = self.eval(&one.iter);
        let turns = self.items_of(&iterated);
        let element = self.element_of(&iterated);
        let end = match turns {
            Some(items) => self.turns(one, items, &element),
            None => {
                self.vague = self.vague.saturating_add(1);
                let cut = if self.is_settled(&iterated) {
                    Cut::Bound
                } else {
                    Cut::Nowhere
                };
                self.one_turn(Some((&one.target, element)), &one.body, cut)
            }
        };
        match end {
            End::Left => End::Left,
            _ => self.block(&one.orelse),
        }
    }

    fn turns(&mut self, one: &'a StmtFor, items: Vec<Value>, element: &Value) -> End {
        let outer_left = std::mem::replace(&mut self.frame.maybe_left, false);
        self.frame.loops = self.frame.loops.saturating_add(1);
        let mut out = End::Next;
        let mut cut = Cut::Nowhere;
        let (vague, count) = (self.vague, items.len());
        for (at, item) in items.into_iter().enumerate() {
            let vague_here =
                self.vague != vague && at >= VAGUE_TURNS && count > VAGUE_TURNS.saturating_mul(16);
            if self.fuel == 0 || self.stopped.is_some() || vague_here {
                cut = Cut::Bound;
            } else if self.frame.maybe_left {
                cut = Cut::Early;
            }
            if cut != Cut::Nowhere {
                break;
            }
            self.store(&one.target, item);
            match self.block(&one.body) {
                End::Left => {
                    out = End::Left;
                    break;
                }
                End::Break => break,
                End::Next | End::Continue => {}
            }
        }
        if cut != Cut::Nowhere {
            self.one_turn(Some((&one.target, element.clone())), &one.body, cut);
        }
        self.frame.loops = self.frame.loops.saturating_sub(1);
        self.frame.maybe_left = outer_left;
        out
    }

    /// One turn that stands for all; whether it stands for turns that could be followed, but for what that costs.
    fn one_turn(&mut self, target: Option<(&'a Expr, Value)>, body: &'a [Stmt], cut: Cut) -> End {
        let turns = self.cut_turns;
        self.cut_turns = turns.max(cut);
        let target = target.map(|(target, value)| (target, self.in_turn(value)));
        let outer_left = self.frame.maybe_left;
        let nested = self.frame.loops;
        self.frame.loops = nested.saturating_add(1);
        let before = self.begin_branch();
        if let Some((target, value)) = target.clone() {
            self.store(target, value);
        }
        self.block(body);
        let tainted = self.journals.last().is_some_and(|journal| {
            journal.keys().any(|(scope, name)| {
                let new = self.scope(*scope).and_then(|s| s.names.get(name));
                new.is_some_and(|v| !v.taint.is_empty())
            })
        });
        // What came in at the end of a turn may be used at the start of the next.
        if tainted && nested < 2 {
            if let Some((target, value)) = target {
                self.store(target, value);
            }
            self.block(body);
        }
        let changes = self.end_branch(before);
        // A value that differs from turn to turn is not the one that it had in the first.
        let changes = changes
            .into_iter()
            .map(|(name, value)| (name, value.map(|v| self.in_turn(blur(v)))))
            .collect();
        self.cut_turns = turns;
        self.join(vec![changes], true);
        self.frame.loops = nested;
        self.frame.maybe_left = outer_left;
        End::Next
    }

    fn while_loop(&mut self, one: &'a StmtWhile) -> End {
        let outer_left = std::mem::replace(&mut self.frame.maybe_left, false);
        self.frame.loops = self.frame.loops.saturating_add(1);
        let (mut out, mut turn) = (End::Next, 0_usize);
        let vague = self.vague;
        loop {
            let test = self.eval(&one.test);
            let truth = self.truth(&test);
            match truth {
                Some(false) => break,
                Some(true) if self.fuel > 0 && self.stopped.is_none() && !self.frame.maybe_left => {
                    if self.vague != vague && turn >= 1 {
                        self.one_turn(None, &one.body, Cut::Early);
                        break;
                    }
                }
                _ => {
                    let cut = match truth {
                        Some(_) if self.frame.maybe_left => Cut::Early,
                        Some(_) => Cut::Bound,
                        None => Cut::Nowhere,
                    };
                    self.one_turn(None, &one.body, cut);
                    break;
                }
            }
            turn = turn.saturating_add(1);
            match self.block(&one.body) {
                End::Left => {
                    out = End::Left;
                    break;
                }
                End::Break => break,
                End::Next | End::Continue => {}
            }
        }
        self.frame.loops = self.frame.loops.saturating_sub(1);
        self.frame.maybe_left = outer_left;
        match out {
            End::Left => End::Left,
            _ => self.block(&one.orelse),
        }
    }

    fn with(&mut self, one: &'a StmtWith) -> End {
        for item in &one.items {
            let context = self.eval(&item.context_expr);
            let entered = self.entered(&context);
            if let Some(target) = &item.optional_vars {
                self.store(target, entered);
            }
        }
        self.block(&one.body)
    }

    fn attempt(&mut self, one: &'a StmtTry) -> End {
        let end = self.block(&one.body);
        let mut out = end;
        for handler in &one.handlers {
            let ExceptHandler::ExceptHandler(handler) = handler;
            let before = self.begin_branch();
            if let Some(name) = &handler.name {
                self.assign(name.as_str(), Value::unknown());
            }
            let caught = self.block(&handler.body);
            let changes = self.end_branch(before);
            self.join(vec![changes], true);
            if caught == End::Next && matches!(end, End::Left) {
                out = End::Next;
            }
        }
        if end == End::Next {
            out = self.block(&one.orelse);
        }
        match self.block(&one.finalbody) {
            End::Next => out,
            other => other,
        }
    }

    fn matched(&mut self, one: &'a StmtMatch) -> End {
        let subject = self.eval(&one.subject);
        let taint = self.deep_taint(&subject);
        let mut ends = Vec::new();
        let mut complete = false;
        for case in &one.cases {
            let before = self.begin_branch();
            self.pattern(&case.pattern, &subject, &Value::unknown().with(&taint));
            if let Some(guard) = &case.guard {
                self.eval(guard);
            }
            let end = self.block(&case.body);
            ends.push((self.end_branch(before), end));
            complete |= case.guard.is_none() && case.pattern.is_irrefutable();
        }
        self.after(ends, complete)
    }

    /// Binds the names of a pattern.
    fn pattern(&mut self, pattern: &'a Pattern, whole: &Value, part: &Value) {
        if !self.deeper() {
            return;
        }
        match pattern {
            Pattern::MatchAs(one) => {
                if let Some(name) = &one.name {
                    self.assign(name.as_str(), whole.clone());
                }
                if let Some(inner) = &one.pattern {
                    self.pattern(inner, whole, part);
                }
            }
            Pattern::MatchStar(star) => {
                if let Some(name) = &star.name {
                    self.assign(name.as_str(), part.clone());
                }
            }
            Pattern::MatchSequence(one) => {
                for inner in &one.patterns {
                    self.pattern(inner, part, part);
                }
            }
            Pattern::MatchMapping(one) => {
                for inner in &one.patterns {
                    self.pattern(inner, part, part);
                }
                if let Some(name) = &one.rest {
                    self.assign(name.as_str(), part.clone());
                }
            }
            Pattern::MatchClass(one) => {
                for inner in &one.arguments.patterns {
                    self.pattern(inner, part, part);
                }
                for keyword in &one.arguments.keywords {
                    self.pattern(&keyword.pattern, part, part);
                }
            }
            Pattern::MatchOr(one) => {
                for inner in &one.patterns {
                    self.pattern(inner, whole, part);
                }
            }
            Pattern::MatchValue(_) | Pattern::MatchSingleton(_) => {}
        }
        self.depth = self.depth.saturating_sub(1);
    }

    // Definitions.

    fn qualified(&self, name: &str) -> String {
        let mut out = match self
            .frame
            .class
            .filter(|_| self.scope(self.frame.scope).is_some_and(|s| s.is_class))
        {
            Some(class) => self
                .class(class)
                .map_or_else(String::new, |c| c.qualified.to_string()),
            None => self.frame.function.to_string(),
        };
        let in_function = self
            .scope(self.frame.scope)
            .is_some_and(|s| !s.is_class && s.parent.is_some());
        if in_function && !out.is_empty() && out.len() < 400 {
            out.push_str(".<locals>");
        }
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(name);
        out
    }

    fn function(&mut self, def: &'a StmtFunctionDef) {
        let defaults = self.defaults(&def.parameters);
        let in_class = self.scope(self.frame.scope).is_some_and(|s| s.is_class);
        let decorators: Vec<Value> = def
            .decorator_list
            .iter()
            .map(|d| self.eval(&d.expression))
            .collect();
        let is = |name: &str| decorators.iter().any(|d| d.as_path() == Some(name));
        let function = Function {
            code: Code::Def(def),
            file: self.frame.file,
            scope: self.frame.scope,
            class: self.frame.class.filter(|_| in_class),
            name: Rc::from(self.qualified(def.name.as_str())),
            defaults,
            is_static: is("staticmethod"),
            is_class_method: is("classmethod"),
            is_property: is("property") || is("functools.cached_property") || is("abc.abstractproperty"),
            layer: self.frame.layer,
            origin: self.frame.origin.clone(),
            tree: self.frame.tree,
        };
        let id = self.new_function(function);
        let mut value = Value::from(id);
        for (decorator, at) in decorators.into_iter().zip(&def.decorator_list).rev() {
            if decorator
                .as_path()
                .is_some_and(|p| matches!(p, "staticmethod" | "classmethod" | "property"))
            {
                continue;
            }
            let given = super::call::Arguments::of(vec![value.clone()]);
            let result = self.call(&decorator, given, at.range);
            if self.is_callable(&result) || result.datum().is_some_and(|d| *d != super::Datum::None) {
                value = result;
            }
        }
        self.assign(def.name.as_str(), value);
    }

    pub(super) fn new_function(&mut self, function: Function<'a>) -> Id {
        let key = (function.address(), function.layer);
        let id = self.add(Object::Function(function));
        // The same definition again, as in a loop: one of them is visited.
        if let Entry::Vacant(slot) = self.entries.entry(key) {
            slot.insert(super::machine::Entries::default());
            self.functions.push(id);
        }
        id
    }

    pub(super) fn defaults(&mut self, parameters: &'a ruff_python_ast::Parameters) -> Rc<[(Rc<str>, Value)]> {
        let with = parameters
            .posonlyargs
            .iter()
            .chain(&parameters.args)
            .chain(&parameters.kwonlyargs);
        let mut out: Vec<(Rc<str>, Value)> = Vec::new();
        for parameter in with {
            if let Some(default) = &parameter.default {
                let value = self.eval(default);
                out.push((Rc::from(parameter.parameter.name.as_str()), value));
            }
        }
        out.into()
    }

    fn class_definition(&mut self, def: &'a StmtClassDef) {
        let mut bases = Vec::new();
        let mut metaclass = None;
        if let Some(arguments) = &def.arguments {
            for base in &arguments.args {
                let value = self.eval(base);
                bases.push(value);
            }
            for keyword in &arguments.keywords {
                let value = self.eval(&keyword.value);
                if keyword
                    .arg
                    .as_ref()
                    .is_some_and(|name| name.as_str() == "metaclass")
                {
                    metaclass = Some(value);
                }
            }
        }
        let decorators: Vec<Value> = def
            .decorator_list
            .iter()
            .map(|d| self.eval(&d.expression))
            .collect();
        let scope = self.new_scope(Some(self.frame.scope), true);
        let qualified: Rc<str> = Rc::from(self.qualified(def.name.as_str()));
        let name: Rc<str> = Rc::from(def.name.as_str());
        let class = self.add(Object::Class(Class {
            name,
            qualified,
            scope,
            bases: bases.clone(),
            sample: None,
        }));
        let sample = self.new_instance(class);
        if let Some(Object::Class(held)) = self.objects.get_mut(class.0 as usize) {
            held.sample = Some(sample);
        }
        let outer = (self.frame.scope, self.frame.class);
        (self.frame.scope, self.frame.class) = (scope, Some(class));
        self.block(&def.body);
        (self.frame.scope, self.frame.class) = outer;
        for (decorator, at) in decorators.iter().zip(&def.decorator_list).rev() {
            self.call(
                decorator,
                super::call::Arguments::of(vec![class.into()]),
                at.range,
            );
        }
        // What makes the class runs here, and so does what a class above it wants to know of it.
        let made = bases.iter().filter(|base| matches!(base.what, What::Object(_)));
        let told: Vec<Value> = made.cloned().collect();
        for base in told {
            let hook = self.attribute(&base, "__init_subclass__");
            if matches!(hook.what, What::Object(_)) {
                let given = super::call::Arguments::of(vec![class.into()]);
                self.call(&hook, given, def.range);
            }
        }
        if let Some(metaclass) = metaclass.filter(|m| matches!(m.what, What::Object(_))) {
            let name = Value::text(def.name.as_str());
            for (hook, first) in [("__new__", metaclass.clone()), ("__init__", class.into())] {
                let hook = self.attribute(&metaclass, hook);
                if matches!(hook.what, What::Object(_)) {
                    let given = vec![first, name.clone(), Value::unknown(), Value::unknown()];
                    self.call(&hook, super::call::Arguments::of(given), def.range);
                }
            }
        }
        self.assign(def.name.as_str(), class.into());
    }

    // Imports.

    fn import(&mut self, import: &'a StmtImport) {
        for alias in &import.names {
            let full = alias.name.as_str();
            self.imported(full, alias.range);
            let value = self.import_module(full);
            match &alias.asname {
                Some(name) => self.assign(name.as_str(), value),
                None => {
                    let top = full.split('.').next().unwrap_or(full);
                    let value = if top.len() == full.len() {
                        value
                    } else {
                        self.module_named(top)
                    };
                    self.assign(top, value);
                }
            }
        }
    }

    /// Imports a module by its full name, with everything round it.
    pub(super) fn import_module(&mut self, full: &str) -> Value {
        for (at, _) in full.match_indices('.').take(20) {
            if let Some(file) = full.get(..at).and_then(|p| self.by_name.get(p)).copied() {
                self.run_file(file);
            }
        }
        self.module_named(full)
    }

    fn module_named(&mut self, full: &str) -> Value {
        // A file of the package that is called like a module of the standard library is not it.
        match self
            .by_name
            .get(full)
            .copied()
            .filter(|_| !super::call::is_standard(full))
        {
            Some(file) => {
                self.run_file(file);
                What::Module(file).into()
            }
            // Another project of that name gives the same class.
            None if full == "fernet" => Value::path("cryptography.fernet"),
            None => Value::path(full),
        }
    }

    fn import_from(&mut self, import: &'a StmtImportFrom) {
        let module = import.module.as_ref().map_or("", |m| m.as_str());
        let base = match import.level {
            0 => self.import_module(module),
            level => self.relative(level, module),
        };
        for alias in &import.names {
            let Alias { name, asname, .. } = alias;
            let name = name.as_str();
            if name == "*" {
                self.import_all(&base);
                continue;
            }
            if import.level == 0 {
                self.imported(module, alias.range);
            }
            let value = self.member(&base, name);
            let value = self.read(value, alias.range);
            self.assign(asname.as_ref().map_or(name, |n| n.as_str()), value);
        }
    }

    fn relative(&mut self, level: u32, module: &str) -> Value {
        let path = self.files.get(self.frame.file).map_or("", |f| f.path);
        let mut parts: Vec<&str> = path.split('/').collect();
        for _ in 0..level.min(64) {
            parts.pop();
        }
        parts.extend(module.split('.').filter(|p| !p.is_empty()));
        let folder = parts.join("/");
        let found = [format!("{folder}/__init__.py"), format!("{folder}.py")]
            .iter()
            .find_map(|p| self.by_path.get(p.trim_start_matches('/')).copied());
        match found {
            Some(file) => {
                self.run_file(file);
                What::Module(file).into()
            }
            None => Value::path(&folder.replace('/', ".")),
        }
    }

    /// `from base import name`.
    fn member(&mut self, base: &Value, name: &str) -> Value {
        if let What::Path(path) = &base.what
            && let Some(file) = self.by_name.get(&format!("{path}.{name}")).copied()
        {
            self.run_file(file);
            return What::Module(file).into();
        }
        self.attribute(base, name)
    }

    fn import_all(&mut self, base: &Value) {
        match &base.what {
            What::Module(file) => {
                let Some(from) = self.files.get(*file).map(|f| f.scope) else {
                    return;
                };
                let names: HashMap<Rc<str>, Value> = self
                    .scope(from)
                    .map_or_else(HashMap::default, |s| s.names.clone());
                for (name, value) in names {
                    if !name.starts_with('_') {
                        self.assign(&name, value);
                    }
                }
            }
            What::Path(path) => {
                let path = Rc::clone(path);
                let scope = self
                    .files
                    .get(self.frame.file)
                    .map_or(self.frame.scope, |f| f.scope);
                if let Some(scope) = self.scope_mut(scope)
                    && scope.stars.len() < 16
                {
                    scope.stars.push(path);
                }
            }
            _ => {}
        }
    }

    /// The submodule of a file of the package.
    pub(super) fn submodule(&mut self, file: usize, name: &str) -> Option<Value> {
        let folder = self.files.get(file)?.path.strip_suffix("/__init__.py")?;
        let found = [
            format!("{folder}/{name}.py"),
            format!("{folder}/{name}/__init__.py"),
        ]
        .iter()
        .find_map(|p| self.by_path.get(p).copied())?;
        self.run_file(found);
        Some(What::Module(found).into())
    }

    /// What an item of a container, a character of a text may be.
    pub(super) fn element_of(&self, value: &Value) -> Value {
        let taint = self.deep_taint(value);
        if let Some(container) = self.container(value)
            && container.kind != Kind::Dict
            && let Some(first) = container.items.first()
            && container.items.iter().all(|i| matches!(i.what, What::Object(_)))
        {
            return first.clone().with(&taint);
        }
        Value::unknown().with(&taint)
    }
}

/// A value that stands for those of all turns of a loop.
fn blur(value: Value) -> Value {
    match value.what {
        What::Datum(_) | What::Shape(_) => Value {
            what: What::Unknown,
            taint: value.taint,
        },
        _ => value,
    }
}

/// What the statement `exec` of Python 2 runs, which reads as a name with an expression behind it.
fn exec_of_python_2<'a>(statement: &'a Stmt, next: Option<&'a Stmt>) -> Option<&'a Expr> {
    let (Stmt::Expr(name), Stmt::Expr(code)) = (statement, next?) else {
        return None;
    };
    let is_exec = matches!(&*name.value, Expr::Name(n) if n.id.as_str() == "exec");
    let gap = code
        .range
        .start()
        .to_usize()
        .checked_sub(name.range.end().to_usize());
    if !is_exec || gap.is_none_or(|gap| gap > 3) {
        return None;
    }
    // `exec code in names`
    Some(match &*code.value {
        Expr::Compare(compare) => &compare.left,
        other => other,
    })
}

/// Whether a condition is true only where the file is run as a program.
fn is_main_guard(test: &Expr) -> bool {
    let Expr::Compare(compare) = test else {
        return false;
    };
    let is_name = |e: &Expr| matches!(e, Expr::Name(n) if n.id.as_str() == "__name__");
    let is_main = |e: &Expr| matches!(e, Expr::StringLiteral(s) if s.value.to_str() == "__main__");
    let right = compare.comparators.first();
    (is_name(&compare.left) && right.is_some_and(is_main))
        || (is_main(&compare.left) && right.is_some_and(is_name))
}
