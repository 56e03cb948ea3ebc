//! Evaluation over folders: variables with their defaults, locals, references, local modules.
//!
//! Everything is evaluated when it is asked for and remembered; what asks for itself is not known. How deep one value asks
//! for another is bounded, and so is what evaluating costs, so that circles and bombs end.

use super::{
    functions, modules,
    syntax::{self, Attribute, Block, Body, Expr, For, Kind, Operator, Part, Step},
    term::{Known, Term},
};
use crate::files::{FileSet, resolve};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_core::Budget;

/// How deep expressions, references and modules may ask for each other, all together.
const DEEPEST: usize = 120;

/// How many modules are made, how deep they nest, and how often one resource is made.
const MOST_MODULES: usize = 200;
const DEEPEST_MODULE: usize = 8;
const MOST_INSTANCES: usize = 64;

/// How long a text or a list may become.
pub(super) const LONGEST: usize = 64 << 10;
pub(super) const MOST_ITEMS: usize = 4096;

/// All files of one folder.
#[derive(Default)]
pub(super) struct Folder {
    pub(super) body: Body,
    /// What `terraform.tfvars` and its relatives set, and what other files of variables would.
    pub(super) set: BTreeMap<String, Expr>,
    pub(super) offered: BTreeMap<String, Expr>,
    blocks: BTreeMap<String, usize>,
    locals: BTreeMap<String, (usize, usize)>,
}

impl Folder {
    /// Finds blocks by their address.
    pub(super) fn index(&mut self) {
        for (i, block) in self.body.blocks.iter().enumerate() {
            if block.kind == "locals" {
                for (j, a) in block.body.attributes.iter().enumerate() {
                    self.locals.insert(a.name.clone(), (i, j));
                }
            }
            self.blocks.insert(address(block), i);
        }
    }

    fn block(&self, address: &str) -> Option<&Block> {
        self.body.blocks.get(*self.blocks.get(address)?)
    }

    fn local(&self, name: &str) -> Option<&Attribute> {
        let (i, j) = self.locals.get(name)?;
        self.body.blocks.get(*i)?.body.attributes.get(*j)
    }
}

/// `var.x`, `aws_s3_bucket.b`, `data.t.n`, `module.m`, `output.o`
fn address(block: &Block) -> String {
    let labels = block.labels.join(".");
    match block.kind.as_str() {
        "resource" => labels,
        "variable" => format!("var.{labels}"),
        kind => format!("{kind}.{labels}"),
    }
}

/// Where a module lies.
fn source(block: &Block) -> Option<&str> {
    match &block.body.attribute("source")?.value.kind {
        Kind::Text(parts) => match parts.as_slice() {
            [Part::Literal(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// A folder with the values that its caller gives it.
struct Instance {
    folder: String,
    /// `module.x.`
    prefix: String,
    caller: Option<(usize, String)>,
    depth: usize,
}

/// A resource, evaluated.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) kind: String,
    pub(super) name: String,
    /// By which others refer to it.
    pub(super) address: String,
    pub(super) span: Range<usize>,
    pub(super) term: Term,
}

/// A value and its size; none while it is being made.
type Remembered = Option<(Term, u64)>;

/// Names that are bound inside an expression.
#[derive(Clone, Copy)]
struct Env<'e> {
    name: &'e str,
    value: &'e Term,
    outer: Option<&'e Self>,
}

pub(super) struct World<'a> {
    files: &'a FileSet,
    folders: &'a BTreeMap<String, Folder>,
    instances: RefCell<Vec<Instance>>,
    memo: RefCell<BTreeMap<(usize, String), Remembered>>,
    budget: RefCell<&'a mut Budget>,
    pub(super) exhausted: Cell<bool>,
}

impl<'a> World<'a> {
    pub(super) fn new(
        files: &'a FileSet,
        folders: &'a BTreeMap<String, Folder>,
        budget: &'a mut Budget,
    ) -> Self {
        Self {
            files,
            folders,
            instances: RefCell::default(),
            memo: RefCell::default(),
            budget: RefCell::new(budget),
            exhausted: Cell::new(false),
        }
    }

    fn pay(&self, n: u64) -> bool {
        let mut budget = self.budget.borrow_mut();
        let ok = !self.exhausted.get() && budget.steps(n).is_ok();
        if !ok {
            self.exhausted.set(true);
        }
        ok
    }

    /// Pays for a copy of `n` bytes.
    fn hold(&self, n: u64) -> bool {
        let ok = self.pay(n >> 3) && self.budget.borrow_mut().memory(n).is_ok();
        if !ok {
            self.exhausted.set(true);
        }
        ok
    }

    /// All resources of a folder and of the modules that it calls.
    pub(super) fn resources(&self, folder: &str) -> Vec<Resource> {
        let mut out = Vec::new();
        let Some(root) = self.instantiate(folder, String::new(), None, 0) else {
            return out;
        };
        let mut queue = vec![root];
        while let Some(at) = queue.pop() {
            let Some((folder, prefix, depth)) = self.instance(at) else {
                continue;
            };
            let Some(found) = self.folders.get(&folder) else {
                continue;
            };
            for block in &found.body.blocks {
                match block.kind.as_str() {
                    "resource" | "data" => self.resource(at, &prefix, block, &mut out),
                    "module" if depth < DEEPEST_MODULE => match self.child(at, &address(block)) {
                        Some(child) => queue.push(child),
                        None => self.resource(at, &prefix, block, &mut out),
                    },
                    _ => {}
                }
            }
        }
        out
    }

    fn instance(&self, at: usize) -> Option<(String, String, usize)> {
        let all = self.instances.borrow();
        all.get(at).map(|i| (i.folder.clone(), i.prefix.clone(), i.depth))
    }

    fn folder(&self, at: usize) -> Option<&'a Folder> {
        let folder = self.instances.borrow().get(at)?.folder.clone();
        self.folders.get(&folder)
    }

    fn instantiate(
        &self,
        folder: &str,
        prefix: String,
        caller: Option<(usize, String)>,
        depth: usize,
    ) -> Option<usize> {
        let mut all = self.instances.borrow_mut();
        if all.len() >= MOST_MODULES || !self.folders.contains_key(folder) {
            return None;
        }
        all.push(Instance {
            folder: folder.to_owned(),
            prefix,
            caller,
            depth,
        });
        all.len().checked_sub(1)
    }

    /// The instance of a module that a folder calls.
    fn child(&self, at: usize, module: &str) -> Option<usize> {
        let known = self.instances.borrow().iter().position(|i| {
            i.caller
                .as_ref()
                .is_some_and(|(caller, name)| *caller == at && name == module)
        });
        if known.is_some() {
            return known;
        }
        let (folder, prefix, depth) = self.instance(at)?;
        if depth >= DEEPEST_MODULE {
            return None;
        }
        let block = self.folders.get(&folder)?.block(module)?;
        let source = source(block)?;
        // Modules of a registry are no part of the tree.
        let path = resolve(&folder, source).filter(|_| source.starts_with('.'))?;
        // A module that lies in its own callers would never end.
        let mut above = Some(at);
        for _ in 0..=DEEPEST_MODULE {
            let all = self.instances.borrow();
            let Some(found) = above.and_then(|i| all.get(i)) else {
                break;
            };
            if found.folder == path {
                return None;
            }
            above = found.caller.as_ref().map(|(i, _)| *i);
        }
        let caller = Some((at, module.to_owned()));
        self.instantiate(
            &path,
            format!("{prefix}{module}."),
            caller,
            depth.saturating_add(1),
        )
    }

    fn resource(&self, at: usize, prefix: &str, block: &Block, out: &mut Vec<Resource>) {
        let labels = block.labels.join(".");
        let first = block.labels.first().cloned().unwrap_or_default();
        // A module that is no part of the tree is what its registry knows it as.
        let (kind, name, address) = match block.kind.as_str() {
            "module" => match source(block).and_then(modules::kind) {
                Some(kind) => (kind, first, format!("{prefix}module.{labels}")),
                None => return,
            },
            "data" => (
                format!("data.{first}"),
                block.labels.get(1).cloned().unwrap_or_default(),
                format!("{prefix}data.{labels}"),
            ),
            _ => (
                first,
                block.labels.get(1).cloned().unwrap_or_default(),
                format!("{prefix}{labels}"),
            ),
        };
        let count = block
            .body
            .attribute("count")
            .map(|a| self.eval(at, &a.value, None, 0));
        let each = block
            .body
            .attribute("for_each")
            .map(|a| self.eval(at, &a.value, None, 0));
        let mut bindings: Vec<(&str, Term)> = Vec::new();
        match (count.as_ref().and_then(Term::as_number), &each) {
            (Some(n), _) => {
                let n = usize::try_from(n).unwrap_or_default().min(MOST_INSTANCES);
                for i in 0..n {
                    let index = Term::new(&block.span, Known::Number(i.to_string()));
                    bindings.push(("count", table(&block.span, vec![("index", index)])));
                }
            }
            (None, Some(each)) => bindings.extend(pairs(each).into_iter().map(|b| ("each", b))),
            (None, None) => bindings.push(("", Term::default())),
        }
        for (binding, value) in bindings.into_iter().take(MOST_INSTANCES) {
            if !self.pay(1) {
                return;
            }
            let env = Env {
                name: binding,
                value: &value,
                outer: None,
            };
            let term = self.body(at, &block.body, Some(&env), 0, &block.span);
            out.push(Resource {
                kind: kind.clone(),
                name: name.clone(),
                address: address.clone(),
                span: block.span.clone(),
                term,
            });
        }
    }

    /// Attributes and blocks as a table; blocks of one kind are a list.
    fn body(&self, at: usize, body: &Body, env: Option<&Env<'_>>, depth: usize, span: &Range<usize>) -> Term {
        if depth > DEEPEST || !self.pay(body.attributes.len() as u64) {
            return Term::unknown(span);
        }
        let mut out: Vec<(String, Range<usize>, Term)> = Vec::new();
        for a in &body.attributes {
            let term = self.eval(at, &a.value, env, depth.saturating_add(1));
            out.push((a.name.clone(), a.name_span.clone(), term));
        }
        let mut add = |kind: &str, span: &Range<usize>, term: Term| match out
            .iter_mut()
            .find(|(name, _, t)| name == kind && matches!(t.kind, Known::List(_)))
        {
            Some((_, _, list)) => {
                if let Known::List(items) = &mut list.kind {
                    items.push(term);
                }
            }
            None => out.push((
                kind.to_owned(),
                span.clone(),
                Term::new(span, Known::List(vec![term])),
            )),
        };
        for block in &body.blocks {
            let deeper = depth.saturating_add(1);
            if block.kind != "dynamic" {
                add(
                    &block.kind,
                    &block.span,
                    self.body(at, &block.body, env, deeper, &block.span),
                );
                continue;
            }
            let kind = block.labels.first().map_or("", String::as_str);
            let Some(content) = block.body.blocks.iter().find(|b| b.kind == "content") else {
                continue;
            };
            let list = block
                .body
                .attribute("for_each")
                .map(|a| self.eval(at, &a.value, env, deeper));
            let iterator = match block.body.attribute("iterator").map(|a| &a.value.kind) {
                Some(Kind::Variable(name)) => name.as_str(),
                _ => kind,
            };
            for pair in pairs(&list.unwrap_or_default()).into_iter().take(MOST_INSTANCES) {
                let inner = Env {
                    name: iterator,
                    value: &pair,
                    outer: env,
                };
                let term = self.body(at, &content.body, Some(&inner), deeper, &block.span);
                add(kind, &block.span, term);
            }
        }
        Term::new(span, Known::Map(out))
    }

    /// Remembers a value; one that asks for itself is not known.
    fn remembered(&self, at: usize, key: String, span: &Range<usize>, make: impl FnOnce() -> Term) -> Term {
        let key = (at, key);
        // Nothing is copied before it is paid for.
        let size = self
            .memo
            .borrow()
            .get(&key)
            .map(|known| known.as_ref().map(|(_, size)| *size));
        match size {
            Some(Some(size)) if self.hold(size) => {
                let memo = self.memo.borrow();
                let known = memo
                    .get(&key)
                    .and_then(|k| k.as_ref())
                    .map(|(term, _)| term.clone());
                return known.unwrap_or_else(|| Term::unknown(span));
            }
            Some(_) => return Term::unknown(span),
            None => {}
        }
        self.memo.borrow_mut().insert(key.clone(), None);
        let made = make();
        let size = made.size();
        if !self.hold(size) {
            return Term::unknown(span);
        }
        self.memo.borrow_mut().insert(key, Some((made.clone(), size)));
        made
    }

    fn variable(&self, at: usize, name: &str, span: &Range<usize>, depth: usize) -> Term {
        self.remembered(at, format!("var.{name}"), span, || {
            let Some(folder) = self.folder(at) else {
                return Term::unknown(span);
            };
            let caller = self.instances.borrow().get(at).and_then(|i| i.caller.clone());
            if let Some((outer, module)) = &caller {
                let given = self
                    .folder(*outer)
                    .and_then(|f| f.block(module)?.body.attribute(name));
                if let Some(given) = given {
                    return self.eval(*outer, &given.value, None, depth);
                }
            } else if let Some(e) = folder.set.get(name) {
                return self.eval(at, e, None, depth);
            }
            let default = folder
                .block(&format!("var.{name}"))
                .and_then(|b| b.body.attribute("default"));
            match default {
                Some(a) => self.eval(at, &a.value, None, depth),
                None => match folder.offered.get(name).filter(|_| caller.is_none()) {
                    Some(e) => self.eval(at, e, None, depth),
                    None => Term::unknown(span),
                },
            }
        })
    }

    fn eval(&self, at: usize, e: &Expr, env: Option<&Env<'_>>, depth: usize) -> Term {
        if depth > DEEPEST || !self.pay(1) {
            return Term::unknown(&e.span);
        }
        let depth = depth.saturating_add(1);
        let inner = |e: &Expr| self.eval(at, e, env, depth);
        let kind = match &e.kind {
            Kind::Null => Known::Null,
            Kind::Bool(b) => Known::Bool(*b),
            Kind::Number(n) => Known::Number(n.clone()),
            Kind::Text(parts) => return self.text(at, parts, &e.span, env, depth),
            Kind::List(items) => Known::List(items.iter().map(inner).collect()),
            Kind::Map(entries) => {
                let mut out = Vec::new();
                for (key, value) in entries {
                    let key_term = inner(key);
                    let name = key_term.word().filter(|w| !w.open).map(|w| w.text);
                    out.push((name.unwrap_or_default(), key.span.clone(), inner(value)));
                }
                Known::Map(out)
            }
            Kind::Variable(name) => {
                return bound(env, name)
                    .cloned()
                    .unwrap_or_else(|| Term::unknown(&e.span));
            }
            Kind::Traversal(base, steps) => return self.traversal(at, base, steps, &e.span, env, depth),
            Kind::Call(name, arguments) => return self.call(at, name, arguments, &e.span, env, depth),
            Kind::If(parts) => {
                let [condition, yes, no] = &**parts;
                return match inner(condition).as_bool() {
                    Some(true) => inner(yes),
                    Some(false) => inner(no),
                    None => {
                        let (yes, no) = (inner(yes), inner(no));
                        if yes == no {
                            yes
                        } else {
                            either(&e.span, &[yes, no])
                        }
                    }
                };
            }
            Kind::Not(e) => match inner(e).as_bool() {
                Some(b) => Known::Bool(!b),
                None => Known::Unknown,
            },
            Kind::Binary(operator, sides) => {
                let [left, right] = &**sides;
                binary(*operator, &inner(left), &inner(right))
            }
            Kind::For(f) => return self.for_each(at, f, &e.span, env, depth),
            Kind::Unknown => Known::Unknown,
        };
        Term::new(&e.span, kind)
    }

    fn text(
        &self,
        at: usize,
        parts: &[Part],
        span: &Range<usize>,
        env: Option<&Env<'_>>,
        depth: usize,
    ) -> Term {
        // A text of one value is that value.
        if let [Part::Value(e)] = parts {
            let mut term = self.eval(at, e, env, depth);
            if term.span.is_empty() {
                term.span = span.clone();
            }
            return term;
        }
        let (mut text, mut open, mut refs) = (String::new(), false, BTreeSet::new());
        for part in parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value(e) => {
                    let term = self.eval(at, e, env, depth);
                    refs.extend(term.all_refs());
                    match term.word().filter(|w| !w.open) {
                        Some(word) => text.push_str(&word.text),
                        None => {
                            open = true;
                            // As it is written, so that the text can be laid beside its source.
                            text.push_str("${");
                            text.push_str(self.files.slice(&e.span));
                            text.push('}');
                        }
                    }
                }
            }
            if text.len() > LONGEST || !self.pay(text.len() as u64 >> 6) {
                open = true;
                break;
            }
        }
        let mut term = Term::new(span, Known::Text(text, open));
        term.refs = refs;
        term
    }

    fn traversal(
        &self,
        at: usize,
        base: &Expr,
        steps: &[Step],
        span: &Range<usize>,
        env: Option<&Env<'_>>,
        depth: usize,
    ) -> Term {
        let Kind::Variable(root) = &base.kind else {
            let term = self.eval(at, base, env, depth);
            return self.follow(at, term, steps, env, depth);
        };
        if let Some(term) = bound(env, root) {
            return self.follow(at, term.clone(), steps, env, depth);
        }
        let name = |i: usize| match steps.get(i) {
            Some(Step::Name(name)) => Some(name.as_str()),
            _ => None,
        };
        let rest = |n: usize| steps.get(n..).unwrap_or_default();
        match (root.as_str(), name(0)) {
            ("var", Some(variable)) => {
                let term = self.variable(at, variable, span, depth);
                self.follow(at, term, rest(1), env, depth)
            }
            ("local", Some(local)) => {
                let term = self.remembered(at, format!("local.{local}"), span, || {
                    match self.folder(at).and_then(|f| f.local(local)) {
                        Some(a) => self.eval(at, &a.value, None, depth),
                        None => Term::unknown(span),
                    }
                });
                self.follow(at, term, rest(1), env, depth)
            }
            ("module", Some(module)) => {
                let indexed = matches!(steps.get(1), Some(Step::Index(_) | Step::Splat));
                let out = usize::from(indexed).saturating_add(1);
                let child = self.child(at, &format!("module.{module}"));
                match (child, name(out)) {
                    (Some(child), Some(output)) => {
                        let term = self.output(child, output, span, depth);
                        self.follow(at, term, rest(out.saturating_add(1)), env, depth)
                    }
                    // What a module of a registry gives is not known, but comes from it.
                    (None, _) => {
                        let prefix = self.instance(at).map(|(_, prefix, _)| prefix).unwrap_or_default();
                        let mut term = Term::unknown(span);
                        term.refs.insert(format!("{prefix}module.{module}"));
                        term
                    }
                    _ => Term::unknown(span),
                }
            }
            ("path", Some("module" | "root" | "cwd")) => {
                let folder = self.instance(at).map(|(folder, ..)| folder);
                Term::text(span, folder.as_deref().filter(|f| !f.is_empty()).unwrap_or("."))
            }
            ("data", Some(kind)) => match name(1) {
                Some(data) => self.attribute(at, &format!("data.{kind}.{data}"), rest(2), span, env, depth),
                None => Term::unknown(span),
            },
            ("each" | "count" | "self" | "terraform", _) | (_, None) => Term::unknown(span),
            (kind, Some(resource)) => {
                self.attribute(at, &format!("{kind}.{resource}"), rest(1), span, env, depth)
            }
        }
    }

    fn output(&self, child: usize, output: &str, span: &Range<usize>, depth: usize) -> Term {
        self.remembered(child, format!("output.{output}"), span, || {
            let block = self
                .folder(child)
                .and_then(|f| f.block(&format!("output.{output}")));
            match block.and_then(|b| b.body.attribute("value")) {
                Some(a) => self.eval(child, &a.value, None, depth),
                None => Term::unknown(span),
            }
        })
    }

    /// An attribute of a resource: what its block says, or a value that is not known but comes from it.
    fn attribute(
        &self,
        at: usize,
        address: &str,
        steps: &[Step],
        span: &Range<usize>,
        env: Option<&Env<'_>>,
        depth: usize,
    ) -> Term {
        let prefix = self.instance(at).map(|(_, prefix, _)| prefix).unwrap_or_default();
        let steps = match steps {
            [Step::Index(_) | Step::Splat, rest @ ..] => rest,
            steps => steps,
        };
        let block = self.folder(at).and_then(|f| f.block(address));
        let mut term = match (steps.first(), block) {
            (Some(Step::Name(name)), Some(block)) => {
                let key = format!("{address}#{name}");
                let is_document = address.starts_with("data.aws_iam_policy_document.") && name == "json";
                let value = self.remembered(at, key, span, || {
                    if name == "rendered" && address.starts_with("data.") {
                        return self.rendered(at, address, block, span, depth);
                    }
                    if is_document {
                        return self.body(at, &block.body, None, depth, &block.span);
                    }
                    match block.body.attribute(name) {
                        Some(a) => self.eval(at, &a.value, None, depth),
                        None => self.blocks(at, block, name, span, depth),
                    }
                });
                self.follow(at, value, steps.get(1..).unwrap_or_default(), env, depth)
            }
            _ => Term::unknown(span),
        };
        // The place is where it is referred to: what is said there is what a reader changes.
        term.span = span.clone();
        term.refs.insert(format!("{prefix}{address}"));
        term
    }

    /// The blocks of one kind of a resource: `metadata[0].name`.
    fn blocks(&self, at: usize, block: &Block, name: &str, span: &Range<usize>, depth: usize) -> Term {
        let found = block.body.blocks.iter().filter(|b| b.kind == name);
        let deeper = depth.saturating_add(1);
        let items: Vec<Term> = found
            .map(|b| self.body(at, &b.body, None, deeper, &b.span))
            .collect();
        if items.is_empty() {
            Term::unknown(span)
        } else {
            Term::new(span, Known::List(items))
        }
    }

    fn follow(&self, at: usize, term: Term, steps: &[Step], env: Option<&Env<'_>>, depth: usize) -> Term {
        let mut term = term;
        for (i, step) in steps.iter().enumerate() {
            let unknown = || {
                let mut out = Term::unknown(&term.span);
                out.refs.clone_from(&term.refs);
                out
            };
            let next = match step {
                Step::Name(name) => term.get(name).cloned().unwrap_or_else(unknown),
                Step::Index(e) => {
                    let index = self.eval(at, e, env, depth);
                    let item = match &term.kind {
                        Known::List(items) => index
                            .as_number()
                            .and_then(|n| items.get(usize::try_from(n).ok()?))
                            .cloned(),
                        Known::Map(_) => index.word().and_then(|w| term.get(&w.text).cloned()),
                        _ => None,
                    };
                    item.unwrap_or_else(unknown)
                }
                Step::Splat => {
                    let rest = steps.get(i.saturating_add(1)..).unwrap_or_default();
                    let Known::List(items) = &term.kind else {
                        return unknown();
                    };
                    if depth > DEEPEST {
                        return unknown();
                    }
                    let deeper = depth.saturating_add(1);
                    let each = items
                        .iter()
                        .map(|t| self.follow(at, t.clone(), rest, env, deeper));
                    return Term::new(&term.span, Known::List(each.collect()));
                }
            };
            term = next;
        }
        term
    }

    fn call(
        &self,
        at: usize,
        name: &str,
        arguments: &[Expr],
        span: &Range<usize>,
        env: Option<&Env<'_>>,
        depth: usize,
    ) -> Term {
        if matches!(name, "try" | "coalesce") {
            let all: Vec<Term> = arguments.iter().map(|e| self.eval(at, e, env, depth)).collect();
            // Where the first is not known, it may be any of them.
            let first = all.iter().find(|t| !matches!(t.kind, Known::Null));
            return match first {
                Some(t) if t.kind != Known::Unknown || all.len() == 1 => t.clone(),
                _ => either(span, &all),
            };
        }
        let terms: Vec<Term> = arguments.iter().map(|e| self.eval(at, e, env, depth)).collect();
        if matches!(name, "file" | "templatefile" | "filebase64") {
            return self.file(at, name, &terms, span, depth);
        }
        let size = terms.iter().fold(0_u64, |n, t| n.saturating_add(t.size()));
        if !self.hold(size) {
            return Term::unknown(span);
        }
        functions::call(name, &terms, span)
    }

    /// The text of a file of the tree. Terraform counts from where it runs, which is the folder itself.
    fn file(&self, at: usize, name: &str, terms: &[Term], span: &Range<usize>, depth: usize) -> Term {
        let folder = self.instance(at).map(|(folder, ..)| folder).unwrap_or_default();
        let path = terms.first().and_then(Term::as_str);
        let found = path.and_then(|p| {
            let inside = resolve("", p).filter(|p| p.starts_with(&folder));
            let places = [inside, resolve(&folder, p)];
            places.into_iter().flatten().find_map(|p| self.files.find(&p))
        });
        let Some(file) = found else {
            return Term::unknown(span);
        };
        if !self.hold(file.span.len() as u64) {
            return Term::unknown(span);
        }
        let text = self.files.slice(&file.span);
        let is_template = name == "templatefile" && (text.contains("${") || text.contains("%{"));
        if is_template {
            let given = terms.get(1).cloned().unwrap_or_default();
            return self.filled(at, text, &file.span, &given, depth);
        }
        Term::new(&file.span, Known::Text(text.to_owned(), false))
    }

    /// A template with the values of a table filled in; what is not known stays as it is written.
    fn filled(&self, at: usize, text: &str, span: &Range<usize>, given: &Term, depth: usize) -> Term {
        // What its tree costs beside its text.
        if depth > DEEPEST || !self.hold((text.len() as u64).saturating_mul(24)) {
            return Term::unknown(span);
        }
        match syntax::template(text, span.start) {
            Some(e) => self.with(at, &e, given.entries(), None, depth.saturating_add(1)),
            None => Term::new(span, Known::Text(text.to_owned(), true)),
        }
    }

    /// An expression in which these names are bound.
    fn with(
        &self,
        at: usize,
        e: &Expr,
        names: &[(String, Range<usize>, Term)],
        outer: Option<&Env<'_>>,
        depth: usize,
    ) -> Term {
        match names.split_first() {
            Some(((name, _, value), rest)) if depth <= DEEPEST => {
                let env = Env { name, value, outer };
                self.with(at, e, rest, Some(&env), depth.saturating_add(1))
            }
            // Names that find no room are not known.
            _ => self.eval(at, e, outer, depth.min(DEEPEST)),
        }
    }

    /// What a data source makes of its parts: a template that is filled in, or the scripts of a machine.
    fn rendered(&self, at: usize, address: &str, block: &Block, span: &Range<usize>, depth: usize) -> Term {
        let body = self.body(at, &block.body, None, depth, &block.span);
        if address.starts_with("data.template_file.") {
            let vars = body.get("vars").cloned().unwrap_or_default();
            return match body.get("template").map(|t| (&t.kind, &t.span)) {
                Some((Known::Text(text, _), place)) => self.filled(at, text, place, &vars, depth),
                _ => Term::unknown(span),
            };
        }
        let parts = body.blocks("part").into_iter();
        let contents = parts.filter_map(|p| p.get("content")).cloned();
        Term::new(span, Known::List(contents.collect()))
    }

    fn for_each(&self, at: usize, f: &For, span: &Range<usize>, env: Option<&Env<'_>>, depth: usize) -> Term {
        let list = self.eval(at, &f.list, env, depth);
        if !matches!(list.kind, Known::List(_) | Known::Map(_)) {
            let mut out = Term::unknown(span);
            out.refs = list.all_refs();
            return out;
        }
        let (mut items, mut entries) = (Vec::new(), Vec::new());
        for pair in pairs(&list) {
            if items.len().max(entries.len()) >= MOST_ITEMS || !self.pay(1) {
                break;
            }
            let (key, value) = (
                pair.get("key").cloned().unwrap_or_default(),
                pair.get("value").cloned().unwrap_or_default(),
            );
            let outer = f.key.as_deref().map(|name| Env {
                name,
                value: &key,
                outer: env,
            });
            let inner = Env {
                name: &f.value,
                value: &value,
                outer: outer.as_ref().or(env),
            };
            let holds = f
                .condition
                .as_ref()
                .map(|c| self.eval(at, c, Some(&inner), depth));
            // A condition that is not known may hold.
            if holds.is_some_and(|t| t.as_bool() == Some(false)) {
                continue;
            }
            let made = self.eval(at, &f.makes, Some(&inner), depth);
            match &f.makes_key {
                Some(e) => {
                    let key = self.eval(at, e, Some(&inner), depth);
                    let name = key.word().map(|w| w.text).unwrap_or_default();
                    entries.push((name, key.span, made));
                }
                None => items.push(made),
            }
        }
        let kind = if f.makes_key.is_some() {
            Known::Map(entries)
        } else {
            Known::List(items)
        };
        Term::new(span, kind)
    }
}

fn bound<'e>(env: Option<&'e Env<'e>>, name: &str) -> Option<&'e Term> {
    let mut at = env;
    while let Some(env) = at {
        if env.name == name {
            return Some(env.value);
        }
        at = env.outer;
    }
    None
}

fn table(span: &Range<usize>, entries: Vec<(&str, Term)>) -> Term {
    let entries = entries.into_iter().map(|(k, t)| (k.to_owned(), span.clone(), t));
    Term::new(span, Known::Map(entries.collect()))
}

/// What `for_each` goes over: tables of `key` and `value`. Of what is not known, one.
fn pairs(list: &Term) -> Vec<Term> {
    let pair = |key: Term, value: Term| {
        let span = value.span.clone();
        table(&span, vec![("key", key), ("value", value)])
    };
    match &list.kind {
        Known::List(items) => items
            .iter()
            .enumerate()
            .take(MOST_ITEMS)
            .map(|(i, t)| {
                // A set has its values as keys, a list its places.
                let key = match &t.kind {
                    Known::Text(..) => t.clone(),
                    _ => Term::new(&t.span, Known::Number(i.to_string())),
                };
                pair(key, t.clone())
            })
            .collect(),
        Known::Map(entries) => entries
            .iter()
            .take(MOST_ITEMS)
            .map(|(k, span, t)| pair(Term::text(span, k), t.clone()))
            .collect(),
        Known::Null => Vec::new(),
        _ => {
            let mut unknown = Term::unknown(&list.span);
            unknown.refs.clone_from(&list.refs);
            vec![pair(unknown.clone(), unknown)]
        }
    }
}

/// One of several values, so that none is known; where it comes from is.
fn either(span: &Range<usize>, all: &[Term]) -> Term {
    let mut out = Term::unknown(span);
    out.refs = all.iter().flat_map(Term::all_refs).collect();
    out
}

fn binary(operator: Operator, left: &Term, right: &Term) -> Known {
    let (a, b) = (left.as_bool(), right.as_bool());
    let numbers = left.as_number().zip(right.as_number());
    let known = |t: &Term| !matches!(t.kind, Known::Unknown | Known::Text(_, true));
    let decided = match operator {
        Operator::Equal | Operator::NotEqual if known(left) && known(right) => {
            let same = match (left.word(), right.word()) {
                (Some(a), Some(b)) => a.text == b.text,
                _ => left.kind == right.kind,
            };
            Some(same == (operator == Operator::Equal))
        }
        // One side may decide for both.
        Operator::And if a == Some(false) || b == Some(false) => Some(false),
        Operator::And => a.zip(b).map(|(a, b)| a && b),
        Operator::Or if a == Some(true) || b == Some(true) => Some(true),
        Operator::Or => a.zip(b).map(|(a, b)| a || b),
        Operator::Less => numbers.map(|(a, b)| a < b),
        Operator::Greater => numbers.map(|(a, b)| a > b),
        Operator::Add => {
            return numbers.map_or(Known::Unknown, |(a, b)| {
                Known::Number(a.saturating_add(b).to_string())
            });
        }
        Operator::Equal | Operator::NotEqual | Operator::Other => None,
    };
    decided.map_or(Known::Unknown, Known::Bool)
}
