//! Runs a template without a conversation.
//!
//! Both ways of a condition that depends on the conversation are gone, and what variables hold after them is kept as
//! alternatives. A loop over known elements is gone element by element, one over data once. So a name that is put
//! together from pieces is put together here as well, and what cannot be followed is said to be computed.

use super::{
    ast::{Body, Id, Stmt, Target, Tree},
    fold::{self, MAX_TEXT},
    operator::cut,
    value::{Object, Reached, Value},
};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    rc::Rc,
};
use wellhead_core::{Budget, Exhausted};

/// The value of an expression, unless the budget ends before.
pub(super) type Known = Result<Value, Exhausted>;

/// Steps for loops and macros that are gone more than once; without any left each is gone once.
const UNITS: u64 = 300_000;
/// How deep statements, expressions and macros may lie in one another.
const MAX_DEPTH: u32 = 120;
/// Values that hold less are paid for by their steps.
const MIN_PAID: u64 = 1 << 10;
/// Most rounds of a loop that are gone one by one.
const MAX_ROUNDS: usize = 64;
/// Rounds and lengths beyond which a template exhausts what renders it.
pub(super) const HUGE: u64 = 10_000_000;
/// Most events of a kind that are kept.
const MAX_EVENTS: usize = 64;

/// A way into the runtime that a template takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The way as it would be written; hostile text.
    pub path: String,
    /// How far it leads.
    pub reached: Reached,
    /// The call that it ends in, with its arguments; hostile text.
    pub runs: Option<String>,
    /// The name of an attribute is computed in a way that was not followed; where from, as written; hostile text.
    pub computed: Option<String>,
    /// The bytes of the template that show it.
    pub span: Range<usize>,
}

/// Something that a template does and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// What it is; hostile text.
    pub what: String,
    /// The bytes of the template that show it.
    pub span: Range<usize>,
}

/// What running a template showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) reaches: Vec<Reach>,
    pub(super) unknown_calls: Vec<Act>,
    pub(super) loads: Vec<Act>,
    pub(super) hungers: Vec<Act>,
    pub(super) too_deep: Option<Range<usize>>,
}

/// Something that can be assigned to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Var(usize, Rc<str>),
    Attr(usize, Rc<str>),
}

pub(super) struct Macro<'t> {
    pub(super) params: &'t [(Rc<str>, Option<Id>)],
    pub(super) body: &'t Body,
}

pub(super) struct Evaluator<'t, 'b> {
    pub(super) tree: &'t Tree,
    pub(super) text: &'t str,
    pub(super) budget: &'b mut Budget,
    pub(super) found: Found,
    pub(super) namespaces: Vec<BTreeMap<Rc<str>, Value>>,
    pub(super) macros: Vec<Macro<'t>>,
    scopes: Vec<HashMap<Rc<str>, Value>>,
    log: Vec<(Slot, Option<Value>)>,
    /// What the blocks that are being captured have printed, where it is known.
    outs: Vec<Option<String>>,
    pub(super) units: u64,
    pub(super) depth: u32,
    pub(super) inlined: u32,
    /// The bytes that values were paid with.
    held: u64,
    times: u64,
}

type Step = Result<(), Exhausted>;

/// Runs a template.
///
/// # Errors
/// If the budget for steps or memory has run out.
pub(super) fn run(tree: &Tree, text: &str, budget: &mut Budget) -> Result<Found, Exhausted> {
    let mut evaluator = Evaluator {
        tree,
        text,
        budget,
        found: Found::default(),
        namespaces: Vec::new(),
        macros: Vec::new(),
        scopes: vec![HashMap::new()],
        log: Vec::new(),
        outs: Vec::new(),
        units: UNITS,
        depth: 0,
        inlined: 0,
        held: 0,
        times: 1,
    };
    evaluator.found.too_deep = tree.too_deep.clone();
    let done = evaluator.body(&tree.body);
    let Evaluator {
        found, held, budget, ..
    } = evaluator;
    budget.release(held);
    done?;
    Ok(found)
}

impl<'t> Evaluator<'t, '_> {
    pub(super) fn unit(&mut self, n: u64) -> Step {
        self.units = self.units.saturating_sub(n);
        self.budget.steps(n)
    }

    /// The text of an expression as it is written, cut.
    pub(super) fn shown(&self, id: Id) -> String {
        let text = self.text.get(self.tree.span(id)).unwrap_or_default();
        let text = text.trim();
        // Looked at no further than it is shown: a loop shows the same long text again and again.
        if text.chars().nth(60).is_some() {
            let mut cut: String = text.chars().take(59).collect();
            cut.push('…');
            return cut;
        }
        text.to_owned()
    }

    fn body(&mut self, body: &'t Body) -> Step {
        if self.depth >= MAX_DEPTH {
            self.found.too_deep.get_or_insert(0..0);
            return Ok(());
        }
        self.depth = self.depth.saturating_add(1);
        for stmt in body {
            self.unit(1)?;
            self.stmt(stmt)?;
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn print(&mut self, text: Option<&str>) {
        let Some(out) = self.outs.last_mut() else {
            return;
        };
        let fits = |out: &String, text: &str| out.len().saturating_add(text.len()) <= MAX_TEXT;
        match (out.as_mut(), text) {
            (Some(out), Some(text)) if fits(out, text) => out.push_str(text),
            _ => *out = None,
        }
    }

    fn stmt(&mut self, stmt: &'t Stmt) -> Step {
        match stmt {
            Stmt::Data(span) => {
                let text = self.text;
                self.print(text.get(span.clone()));
            }
            Stmt::Output(id) => {
                let value = self.expr(*id)?;
                let printed = value.printed();
                self.print(printed.as_deref());
            }
            Stmt::Do(id) => {
                self.expr(*id)?;
            }
            Stmt::If(branches) => self.branches(branches)?,
            Stmt::For {
                targets,
                over,
                filter,
                body,
                otherwise,
            } => self.each(targets, *over, *filter, body, otherwise)?,
            Stmt::Set(targets, id) => {
                let value = self.expr(*id)?;
                self.assign(targets, value);
            }
            Stmt::SetBlock(target, filters, body) => {
                let mut value = self.captured(body)?;
                for filter in filters {
                    value = self.filter_of(*filter, value)?;
                    value = self.made(value)?;
                }
                self.assign(std::slice::from_ref(target), value);
            }
            Stmt::Macro(name, params, body) => self.define(name, params, body)?,
            Stmt::CallBlock(callee, body) => {
                self.body(body)?;
                self.expr(*callee)?;
                self.print(None);
            }
            Stmt::FilterBlock(filter, body) => {
                let value = self.captured(body)?;
                let value = self.filter_of(*filter, value)?;
                self.print(value.printed().as_deref());
            }
            Stmt::With(pairs, body) => {
                let mut values = Vec::new();
                for (target, id) in pairs {
                    values.push((target, self.expr(*id)?));
                }
                self.scopes.push(HashMap::new());
                for (target, value) in values {
                    self.assign(std::slice::from_ref(target), value);
                }
                self.body(body)?;
                self.scopes.pop();
            }
            Stmt::Block(body) => self.body(body)?,
            Stmt::Load(kind, what, names) => {
                let shown = self.expr(*what)?.printed();
                let shown = shown.map_or_else(|| self.shown(*what), |s| s.to_string());
                let span = self.tree.span(*what);
                act(&mut self.found.loads, format!("{kind} {shown}"), span);
                for name in names {
                    self.assign(&[Target::Name(Rc::clone(name))], Value::Data);
                }
            }
        }
        Ok(())
    }

    fn define(&mut self, name: &Rc<str>, params: &'t [(Rc<str>, Option<Id>)], body: &'t Body) -> Step {
        let number = self.macros.len();
        self.budget.memory(128)?;
        self.macros.push(Macro { params, body });
        self.assign(&[Target::Name(Rc::clone(name))], Value::Macro(number));
        // Once for whoever calls it, with data.
        self.call_macro(number, &[], &[])?;
        Ok(())
    }

    /// What a macro prints; parameters that are not given have their default, or are data.
    pub(super) fn call_macro(
        &mut self,
        number: usize,
        args: &[Value],
        named: fold::Named<'_>,
    ) -> Result<Value, Exhausted> {
        let Some((params, body)) = self.macros.get(number).map(|m| (m.params, m.body)) else {
            return Ok(Value::Data);
        };
        let mut scope = HashMap::new();
        for (i, (name, default)) in params.iter().enumerate() {
            let given = args
                .get(i)
                .or_else(|| named.iter().find(|(n, _)| n == name).map(|(_, v)| v))
                .cloned();
            let value = match (given, default) {
                (Some(value), _) => value,
                (None, Some(default)) => {
                    let value = self.expr(*default)?;
                    if args.is_empty() && named.is_empty() {
                        value.or(&Value::Data)
                    } else {
                        value
                    }
                }
                (None, None) => Value::Data,
            };
            scope.insert(Rc::clone(name), value);
        }
        self.scopes.push(scope);
        self.inlined = self.inlined.saturating_add(1);
        let value = self.captured(body);
        self.inlined = self.inlined.saturating_sub(1);
        self.scopes.pop();
        value
    }

    /// What a body prints, where it is known.
    fn captured(&mut self, body: &'t Body) -> Result<Value, Exhausted> {
        self.outs.push(Some(String::new()));
        let done = self.body(body);
        let out = self.outs.pop().flatten();
        done?;
        self.made(out.map_or(Value::Data, |text| Value::Str(Rc::from(text))))
    }

    // --- variables ---

    pub(super) fn lookup(&self, name: &str) -> Option<Value> {
        self.scopes.iter().rev().find_map(|s| s.get(name)).cloned()
    }

    fn write(&mut self, slot: Slot, value: Option<Value>) {
        let old = match &slot {
            Slot::Var(scope, name) => self.scopes.get_mut(*scope).and_then(|s| match value {
                Some(value) => s.insert(Rc::clone(name), value),
                None => s.remove(name),
            }),
            Slot::Attr(space, name) => self.namespaces.get_mut(*space).and_then(|s| match value {
                Some(value) => s.insert(Rc::clone(name), value),
                None => s.remove(name),
            }),
        };
        self.log.push((slot, old));
    }

    fn read(&self, slot: &Slot) -> Option<Value> {
        match slot {
            Slot::Var(scope, name) => self.scopes.get(*scope)?.get(name).cloned(),
            Slot::Attr(space, name) => self.namespaces.get(*space)?.get(name).cloned(),
        }
    }

    pub(super) fn assign(&mut self, targets: &[Target], value: Value) {
        if let [target] = targets {
            return self.assign_one(target, value);
        }
        let items = fold::elements(&value);
        for (i, target) in targets.iter().enumerate() {
            let part = match (&items, &value) {
                (Some(items), _) => items.get(i).cloned().unwrap_or(Value::Data),
                (None, Value::Object(_)) => value.clone(),
                (None, other) => Value::unknown(&[other]),
            };
            self.assign_one(target, part);
        }
    }

    fn assign_one(&mut self, target: &Target, value: Value) {
        match target {
            Target::Name(name) => {
                let scope = self.scopes.len().saturating_sub(1);
                self.write(Slot::Var(scope, Rc::clone(name)), Some(value));
            }
            Target::Attr(of, name) => {
                let spaces = self.lookup(of);
                for space in spaces.iter().flat_map(Value::alternatives) {
                    if let Value::Namespace(n) = space {
                        self.write(Slot::Attr(*n, Rc::clone(name)), Some(value.clone()));
                    }
                }
            }
        }
    }

    /// Writes to a variable where it is, as a method that changes its object does.
    pub(super) fn change(&mut self, name: &str, value: Value) {
        if let Some(scope) = self.scopes.iter().rposition(|s| s.contains_key(name)) {
            self.write(Slot::Var(scope, Rc::from(name)), Some(value));
        }
    }

    // --- ways that depend on the conversation ---

    /// Goes several ways from here, of which the conversation takes one; or none, unless they are `exhaustive`.
    fn ways(
        &mut self,
        count: usize,
        exhaustive: bool,
        way: &mut dyn FnMut(&mut Self, usize) -> Step,
    ) -> Step {
        let mark = self.log.len();
        let printed = self.outs.last().map(|o| o.as_ref().map(String::len));
        let mut differs = false;
        let mut ends: Vec<BTreeMap<Slot, Option<Value>>> = Vec::new();
        for i in 0..count {
            way(self, i)?;
            ends.push(self.rewind(mark));
            if let (Some(before), Some(out)) = (printed, self.outs.last_mut()) {
                match (before, out.as_mut()) {
                    (Some(length), Some(out)) if out.len() != length => {
                        differs = true;
                        out.truncate(length);
                    }
                    (Some(_), None) => differs = true,
                    _ => {}
                }
            }
        }
        if differs && let Some(out) = self.outs.last_mut() {
            *out = None;
        }
        if !exhaustive {
            ends.push(BTreeMap::new());
        }
        let slots: std::collections::BTreeSet<Slot> = ends.iter().flat_map(|e| e.keys().cloned()).collect();
        for slot in slots {
            let before = self.read(&slot);
            let values = ends.iter().map(|end| match end.get(&slot) {
                Some(after) => after.clone().unwrap_or(Value::Data),
                None => before.clone().unwrap_or(Value::Data),
            });
            let value = Value::any(values.collect::<Vec<_>>().into_iter());
            self.write(slot, Some(value));
        }
        Ok(())
    }

    /// Takes back all writes since a mark and says what they left.
    fn rewind(&mut self, mark: usize) -> BTreeMap<Slot, Option<Value>> {
        let mut end = BTreeMap::new();
        while self.log.len() > mark {
            let Some((slot, old)) = self.log.pop() else { break };
            let alive = match &slot {
                Slot::Var(scope, _) => *scope < self.scopes.len(),
                Slot::Attr(..) => true,
            };
            if !alive {
                continue;
            }
            if !end.contains_key(&slot) {
                let now = self.read(&slot);
                end.insert(slot.clone(), now);
            }
            let length = self.log.len();
            self.write(slot, old);
            self.log.truncate(length);
        }
        end
    }

    fn branches(&mut self, branches: &'t [(Option<Id>, Body)]) -> Step {
        let mut truths = Vec::new();
        let mut exhaustive = false;
        for (test, _) in branches {
            let truth = match test {
                Some(id) => self.expr(*id)?.truth(),
                None => Some(true),
            };
            exhaustive |= test.is_none();
            truths.push(truth);
        }
        // The first that certainly holds hides those behind it, and those before it that certainly do not are dead.
        // Dead ones are gone for what they show, in case what is known is wrong, and what they leave is dropped.
        let certain = truths.iter().position(|t| *t == Some(true));
        let live: Vec<usize> = (0..branches.len())
            .filter(|i| truths.get(*i) != Some(&Some(false)) && certain.is_none_or(|c| *i <= c))
            .collect();
        for (i, (_, body)) in branches.iter().enumerate() {
            if !live.contains(&i) {
                self.dead(body)?;
            }
        }
        if let ([only], true) = (live.as_slice(), certain.is_some()) {
            return match branches.get(*only) {
                Some((_, body)) => self.body(body),
                None => Ok(()),
            };
        }
        let exhaustive = exhaustive || certain.is_some();
        self.ways(live.len(), exhaustive, &mut |me, i| {
            let body = live.get(i).and_then(|i| branches.get(*i)).map(|(_, body)| body);
            body.map_or(Ok(()), |body| me.body(body))
        })
    }

    /// Goes a body that is not rendered, for what it shows.
    fn dead(&mut self, body: &'t Body) -> Step {
        let mark = self.log.len();
        self.outs.push(None);
        let done = self.body(body);
        self.outs.pop();
        self.rewind(mark);
        done
    }

    fn each(
        &mut self,
        targets: &'t [Target],
        over: Id,
        filter: Option<Id>,
        body: &'t Body,
        otherwise: &'t Body,
    ) -> Step {
        let value = self.expr(over)?;
        let items = fold::elements(&value).filter(|i| i.len() <= MAX_ROUNDS && self.units > 0);
        let rounds = match &value {
            Value::Range(n) => *n,
            Value::List(items) => items.len() as u64,
            Value::Str(text) => text.len() as u64,
            _ => 1,
        };
        let before = self.times;
        self.times = before.saturating_mul(rounds.max(1));
        if self.times >= HUGE && before < HUGE {
            let what = format!("goes {} rounds of loops", self.times);
            let span = self.tree.span(over);
            act(&mut self.found.hungers, what, span);
        }
        let done = match items {
            Some(items) => self.rounds(targets, &items, filter, body),
            None => {
                let element = match &value {
                    Value::Object(object) => Value::Object(Rc::new(Object {
                        path: cut(format!("{}[…]", object.path)),
                        ..(**object).clone()
                    })),
                    Value::Range(_) => Value::Data,
                    Value::Any(all) => {
                        let parts = all.iter().flat_map(|v| match fold::elements(v) {
                            Some(items) => items,
                            None => vec![Value::unknown(&[v])],
                        });
                        Value::any(parts.collect::<Vec<_>>().into_iter())
                    }
                    other => Value::unknown(&[other]),
                };
                self.ways(1, false, &mut |me, _| {
                    me.round(targets, element.clone(), filter, body, None)
                })
            }
        };
        self.times = before;
        done?;
        if !otherwise.is_empty() {
            self.ways(1, false, &mut |me, _| me.body(otherwise))?;
        }
        Ok(())
    }

    fn rounds(&mut self, targets: &'t [Target], items: &[Value], filter: Option<Id>, body: &'t Body) -> Step {
        for (i, item) in items.iter().enumerate() {
            self.round(targets, item.clone(), filter, body, Some((i, items.len())))?;
            if self.units == 0 {
                break;
            }
        }
        Ok(())
    }

    fn round(
        &mut self,
        targets: &'t [Target],
        item: Value,
        filter: Option<Id>,
        body: &'t Body,
        place: Option<(usize, usize)>,
    ) -> Step {
        self.scopes.push(HashMap::new());
        self.assign(targets, item);
        if let Some((i, n)) = place {
            self.assign(&[Target::Name(Rc::from("loop"))], loop_object(i, n));
        }
        let truth = match filter {
            Some(id) => self.expr(id)?.truth(),
            None => Some(true),
        };
        let done = match truth {
            Some(true) => self.body(body),
            Some(false) => self.dead(body),
            None => self.ways(1, false, &mut |me, _| me.body(body)),
        };
        self.scopes.pop();
        done
    }

    // --- events ---

    /// Keeps a way into the runtime and says which event it is.
    pub(super) fn reach(&mut self, reach: Reach) -> Option<usize> {
        let same =
            |r: &Reach| r.span.start == reach.span.start && r.computed.is_some() == reach.computed.is_some();
        if let Some(i) = self.found.reaches.iter().position(same) {
            return Some(i);
        }
        if self.found.reaches.len() >= MAX_EVENTS {
            return None;
        }
        self.found.reaches.push(reach);
        Some(self.found.reaches.len().saturating_sub(1))
    }

    pub(super) fn unknown_call(&mut self, name: &str, span: Range<usize>) {
        act(&mut self.found.unknown_calls, name.to_owned(), span);
    }

    pub(super) fn hunger(&mut self, what: String, span: Range<usize>) {
        act(&mut self.found.hungers, what, span);
    }

    /// Pays for what a value holds that was not there before. Variables keep it, and so does the log, so nothing is given back
    /// before the end.
    pub(super) fn made(&mut self, value: Value) -> Result<Value, Exhausted> {
        self.pay(value.fresh())?;
        Ok(value)
    }

    pub(super) fn pay(&mut self, bytes: u64) -> Step {
        if bytes >= MIN_PAID {
            self.budget.steps(bytes / 64)?;
            self.budget.memory(bytes)?;
            self.held = self.held.saturating_add(bytes);
        }
        Ok(())
    }

    /// Pays for going over a list or mapping, which a template may have written down as long as it likes.
    pub(super) fn gone_over(&mut self, value: &Value) -> Step {
        self.budget.steps(match value {
            Value::List(items) => items.len() as u64,
            Value::Dict(pairs) => pairs.len() as u64,
            _ => 0,
        })
    }

    /// Pays for a text that is built; whether it may go on.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.unit((bytes as u64 / 32).saturating_add(1))
    }
}

/// Keeps an act once for a place.
fn act(acts: &mut Vec<Act>, what: String, span: Range<usize>) {
    let known = acts.iter().any(|a| a.span.start == span.start || a.what == what);
    if !known && acts.len() < MAX_EVENTS {
        acts.push(Act { what, span });
    }
}

/// `loop`, as far as a loop over known elements tells.
fn loop_object(i: usize, n: usize) -> Value {
    let int = |n: usize| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let pairs = [
        ("index0", int(i)),
        ("index", int(i.saturating_add(1))),
        ("first", Value::Bool(i == 0)),
        ("last", Value::Bool(i.saturating_add(1) == n)),
        ("length", int(n)),
        ("revindex", int(n.saturating_sub(i))),
        ("revindex0", int(n.saturating_sub(i).saturating_sub(1))),
    ];
    Value::dict(pairs.into_iter().map(|(k, v)| (Value::str(k), v)).collect())
}
