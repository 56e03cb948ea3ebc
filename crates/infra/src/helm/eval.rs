//! Templates evaluated with values that may not be known.
//!
//! The text that comes out remembers where each part of it comes from: what stands in the template leads to the template,
//! what a value says to the value, so that a finding points at the line of `values.yaml` that somebody would change.

use super::{
    functions,
    syntax::{Action, Command, Loop, Operand, Part, template},
    value::{Kind, Value},
};
use crate::files::{FileSet, resolve};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ops::Range,
    rc::Rc,
};
use wellhead_core::Budget;

/// How deep templates include each other, with everything that they nest in.
const DEEPEST: usize = 100;

const TOO_DEEP: &str = "templates include each other too deep";

/// How often a loop goes round.
const MOST_ROUNDS: usize = 1024;

/// Text that was made, and where its parts come from.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) text: String,
    segments: Vec<Segment>,
}

#[derive(Debug)]
struct Segment {
    start: usize,
    source: Range<usize>,
    /// Whether it stands there as it is, byte for byte.
    exact: bool,
}

impl Out {
    fn push(&mut self, text: &str, source: &Range<usize>, exact: bool) {
        if text.is_empty() {
            return;
        }
        self.segments.push(Segment {
            start: self.text.len(),
            source: source.clone(),
            exact,
        });
        self.text.push_str(text);
    }

    /// Where bytes of the text come from.
    pub(super) fn place(&self, span: &Range<usize>) -> Range<usize> {
        let segment = |at: usize| {
            let i = self.segments.partition_point(|s| s.start <= at);
            i.checked_sub(1).and_then(|i| self.segments.get(i))
        };
        let Some(first) = segment(span.start) else {
            return 0..0;
        };
        let inside = |s: &Segment, at: usize| {
            s.source
                .start
                .saturating_add(at.saturating_sub(s.start))
                .min(s.source.end)
        };
        if !first.exact {
            return first.source.clone();
        }
        let start = inside(first, span.start);
        let last = span.end.checked_sub(1).and_then(segment).unwrap_or(first);
        let end = match last.exact {
            true => inside(last, span.end),
            false => last.source.end,
        };
        // What ends in another file ends here where its first part does.
        let near = end >= start && end.saturating_sub(start) <= self.text.len();
        if near {
            start..end
        } else {
            start..first.source.end.max(start)
        }
    }
}

/// What templates of one chart share.
pub(super) struct Engine<'a> {
    pub(super) files: &'a FileSet,
    /// The folder of the chart.
    pub(super) folder: &'a str,
    pub(super) defined: &'a BTreeMap<String, Vec<Part>>,
    pub(super) budget: RefCell<&'a mut Budget>,
    pub(super) problems: RefCell<Vec<(Range<usize>, &'static str)>>,
    depth: Cell<usize>,
    made: Cell<usize>,
    pub(super) exhausted: Cell<bool>,
}

/// Where the text of parts stands: in the set, or in a value.
#[derive(Clone, Copy)]
struct Source<'s> {
    text: &'s str,
    place: Option<&'s Range<usize>>,
}

struct Scope {
    root: Value,
    variables: Vec<(String, Value)>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(
        files: &'a FileSet,
        folder: &'a str,
        defined: &'a BTreeMap<String, Vec<Part>>,
        budget: &'a mut Budget,
    ) -> Self {
        Self {
            files,
            folder,
            defined,
            budget: RefCell::new(budget),
            problems: RefCell::default(),
            depth: Cell::new(0),
            made: Cell::new(0),
            exhausted: Cell::new(false),
        }
    }

    /// Pays for `n` steps or bytes.
    pub(super) fn pay(&self, n: usize) -> bool {
        let made = self.made.get().saturating_add(n);
        self.made.set(made);
        let ok = !self.exhausted.get()
            && made < super::MOST_MADE
            && self
                .budget
                .borrow_mut()
                .steps((n as u64).saturating_add(1))
                .is_ok();
        if !ok {
            self.exhausted.set(true);
        }
        ok
    }

    fn problem(&self, span: &Range<usize>, why: &'static str) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < 32 && !problems.iter().any(|(_, w)| *w == why) {
            problems.push((span.clone(), why));
        }
    }

    /// Renders a file of the set with the chart's values.
    pub(super) fn file(&self, parts: &[Part], root: &Value) -> Out {
        let mut out = Out::default();
        let mut scope = Scope {
            root: root.clone(),
            variables: Vec::new(),
        };
        let source = Source {
            text: self.files.text(),
            place: None,
        };
        self.parts(parts, root, &mut scope, source, &mut out);
        out
    }

    fn parts(&self, parts: &[Part], dot: &Value, scope: &mut Scope, source: Source<'_>, out: &mut Out) {
        let depth = self.depth.get();
        if depth > DEEPEST {
            let span = parts.first().and_then(first_place).unwrap_or(0..0);
            self.problem(&span, TOO_DEEP);
            return;
        }
        self.depth.set(depth.saturating_add(1));
        let bound = scope.variables.len();
        for part in parts {
            if !self.pay(1) {
                break;
            }
            self.part(part, dot, scope, source, out);
        }
        // What a block declares ends with it.
        scope.variables.truncate(bound);
        self.depth.set(depth);
    }

    fn part(&self, part: &Part, dot: &Value, scope: &mut Scope, source: Source<'_>, out: &mut Out) {
        match part {
            Part::Text(range) => {
                let text = source.text.get(range.clone()).unwrap_or_default();
                if self.pay(text.len()) {
                    out.push(text, source.place.unwrap_or(range), source.place.is_none());
                }
            }
            Part::Action(action) => {
                let value = self.action(action, dot, scope);
                if action.variable.is_none() {
                    let text = value.printed();
                    let place = if value.span.is_empty() {
                        &action.span
                    } else {
                        &value.span
                    };
                    if self.pay(text.len()) {
                        out.push(&text, source.place.unwrap_or(place), false);
                    }
                }
            }
            Part::If(branches, rest) => {
                for (condition, body) in branches {
                    match self.action(condition, dot, scope).truth() {
                        Some(false) => continue,
                        Some(true) => {}
                        None => self.problem(
                            &condition.span,
                            "a condition is not known, so that one branch was read",
                        ),
                    }
                    return self.parts(body, dot, scope, source, out);
                }
                self.parts(rest, dot, scope, source, out);
            }
            Part::With(condition, body, rest) => {
                let value = self.action(condition, dot, scope);
                match value.truth() {
                    Some(false) => self.parts(rest, dot, scope, source, out),
                    _ => self.parts(body, &value, scope, source, out),
                }
            }
            Part::Range(head, body, rest) => self.range(head, (body, rest), dot, scope, source, out),
        }
    }

    fn range(
        &self,
        head: &Loop,
        (body, rest): (&[Part], &[Part]),
        dot: &Value,
        scope: &mut Scope,
        source: Source<'_>,
        out: &mut Out,
    ) {
        let list = self.action(&head.over, dot, scope);
        let pairs: Vec<(Value, Value)> = match &list.kind {
            Kind::List(items) => {
                let keys = (0_i64..).map(Value::number);
                keys.zip(items.iter().cloned()).take(MOST_ROUNDS).collect()
            }
            Kind::Map(entries) => {
                // Go goes over tables in the order of their keys.
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                let pair = |(k, v): &(String, Value)| {
                    (Value::at(&v.span, Kind::Text(Rc::from(k.as_str()))), v.clone())
                };
                sorted.into_iter().take(MOST_ROUNDS).map(pair).collect()
            }
            Kind::Number(_) => {
                let n = list.as_number().unwrap_or_default();
                (0..n)
                    .take(MOST_ROUNDS)
                    .map(|i| (Value::number(i), Value::number(i)))
                    .collect()
            }
            Kind::Unknown => vec![(Value::default(), Value::default())],
            _ => Vec::new(),
        };
        if pairs.is_empty() {
            return self.parts(rest, dot, scope, source, out);
        }
        for (key, value) in pairs {
            if !self.pay(1) {
                return;
            }
            let bound = scope.variables.len();
            if let Some(name) = &head.key {
                scope.variables.push((name.clone(), key));
            }
            if let Some(name) = &head.value {
                scope.variables.push((name.clone(), value.clone()));
            }
            self.parts(body, &value, scope, source, out);
            scope.variables.truncate(bound);
        }
    }

    fn action(&self, action: &Action, dot: &Value, scope: &mut Scope) -> Value {
        let value = self.pipeline(&action.pipeline, dot, scope, &action.span);
        if let Some((name, declares)) = &action.variable {
            let known = scope
                .variables
                .iter_mut()
                .rev()
                .find(|(n, _)| n == name)
                .filter(|_| !declares);
            match known {
                Some((_, old)) => *old = value.clone(),
                None => scope.variables.push((name.clone(), value.clone())),
            }
        }
        value
    }

    fn pipeline(&self, commands: &[Command], dot: &Value, scope: &mut Scope, span: &Range<usize>) -> Value {
        let depth = self.depth.get();
        if depth > DEEPEST {
            self.problem(span, TOO_DEEP);
            return Value::default();
        }
        if !self.pay(1) {
            return Value::default();
        }
        self.depth.set(depth.saturating_add(1));
        let mut last: Option<Value> = None;
        for command in commands {
            last = Some(self.command(command, last, dot, scope, span));
        }
        self.depth.set(depth);
        last.unwrap_or_default()
    }

    fn command(
        &self,
        command: &Command,
        piped: Option<Value>,
        dot: &Value,
        scope: &mut Scope,
        span: &Range<usize>,
    ) -> Value {
        let Some((first, rest)) = command.words.split_first() else {
            return piped.unwrap_or_default();
        };
        let Operand::Function(name) = first else {
            if rest.is_empty() && piped.is_none() {
                return self.operand(first, dot, scope, span);
            }
            return self.method(first, rest, dot, scope, span);
        };
        let mut arguments: Vec<Value> = rest.iter().map(|o| self.operand(o, dot, scope, span)).collect();
        arguments.extend(piped);
        match name.as_str() {
            "include" => self.include(&arguments, span),
            "tpl" => self.tpl(&arguments, span),
            "set" | "unset" => {
                let changed = functions::call(name, &arguments, self);
                // Tables are changed where they are.
                if let Some(Operand::Variable(variable, fields)) = rest.first().filter(|_| name == "set")
                    && fields.is_empty()
                    && let Some((_, old)) = scope.variables.iter_mut().rev().find(|(n, _)| n == variable)
                {
                    *old = changed.clone();
                }
                changed
            }
            _ => functions::call(name, &arguments, self),
        }
    }

    fn operand(&self, operand: &Operand, dot: &Value, scope: &mut Scope, span: &Range<usize>) -> Value {
        match operand {
            Operand::Text(text) => Value::text(text),
            Operand::Number(n) => Value::new(Kind::Number(n.clone())),
            Operand::Bool(b) => Value::bool(*b),
            Operand::Nil => Value::nil(),
            Operand::Function(name) => functions::call(name, &[], self),
            Operand::Fields(fields) => self.fields(dot, fields),
            Operand::Variable(name, fields) if name.is_empty() => {
                let root = scope.root.clone();
                self.fields(&root, fields)
            }
            Operand::Variable(name, fields) => {
                let found = scope
                    .variables
                    .iter()
                    .rev()
                    .find(|(n, _)| n == name)
                    .map(|(_, v)| v.clone());
                self.fields(&found.unwrap_or_default(), fields)
            }
            Operand::Pipeline(commands, fields) => {
                let value = self.pipeline(commands, dot, scope, span);
                self.fields(&value, fields)
            }
        }
    }

    fn fields(&self, value: &Value, fields: &[String]) -> Value {
        let mut at = value.clone();
        for field in fields {
            if !self.pay(at.entries().len() >> 3) {
                return Value::default();
            }
            at = at.get(field);
        }
        at
    }

    /// `.Capabilities.APIVersions.Has "x"`, `.Files.Get "x"`
    fn method(
        &self,
        first: &Operand,
        rest: &[Operand],
        dot: &Value,
        scope: &mut Scope,
        span: &Range<usize>,
    ) -> Value {
        let (Operand::Fields(fields) | Operand::Variable(_, fields)) = first else {
            return Value::default();
        };
        let argument = rest.first().map(|o| self.operand(o, dot, scope, span));
        let text = argument.as_ref().and_then(Value::as_str).unwrap_or_default();
        match fields.last().map(String::as_str) {
            // A cluster of today, without what only some have.
            Some("Has") => Value::bool(!text.contains("openshift") && !text.contains("beta")),
            Some("Get") if fields.iter().any(|f| f == "Files") => {
                let path = resolve(self.folder, text);
                match path.and_then(|p| self.files.find(&p)) {
                    Some(file) => {
                        let text = self.files.slice(&file.span);
                        if !self.pay(text.len()) {
                            return Value::default();
                        }
                        Value::at(&file.span, Kind::Text(Rc::from(text)))
                    }
                    None => Value::default(),
                }
            }
            _ => Value::default(),
        }
    }

    fn include(&self, arguments: &[Value], span: &Range<usize>) -> Value {
        let name = arguments.first().and_then(Value::as_str).unwrap_or_default();
        let Some(parts) = self.defined.get(name) else {
            self.problem(span, "a template is included that is not there");
            return Value::default();
        };
        let dot = arguments.get(1).cloned().unwrap_or_else(Value::nil);
        let out = self.file(parts, &dot);
        Value::text(&out.text)
    }

    fn tpl(&self, arguments: &[Value], span: &Range<usize>) -> Value {
        let (Some(text), Some(dot)) = (arguments.first(), arguments.get(1)) else {
            return Value::default();
        };
        let Some(source) = text.as_str() else {
            return if text.is_unknown() {
                Value::default()
            } else {
                Value::at(&text.span, Kind::Text(Rc::from(text.printed())))
            };
        };
        if !source.contains("{{") {
            return text.clone();
        }
        if !self.pay(source.len()) {
            return Value::default();
        }
        let found = template(source, 0);
        let mut out = Out::default();
        let mut scope = Scope {
            root: dot.clone(),
            variables: Vec::new(),
        };
        let place = if text.span.is_empty() { span } else { &text.span };
        let inner = Source {
            text: source,
            place: Some(place),
        };
        self.parts(&found.parts, dot, &mut scope, inner, &mut out);
        Value::at(&text.span, Kind::Text(Rc::from(out.text)))
    }
}

fn first_place(part: &Part) -> Option<Range<usize>> {
    match part {
        Part::Text(range) => Some(range.clone()),
        Part::Action(a) | Part::With(a, ..) => Some(a.span.clone()),
        Part::If(branches, _) => branches.first().map(|(a, _)| a.span.clone()),
        Part::Range(head, ..) => Some(head.over.span.clone()),
    }
}
