//! Templates of Go as far as charts use them: actions, blocks, pipelines.
//!
//! Written for charts alone: what it does not know is an action whose value is not known, never an error that hides the
//! rest of a file.

use std::ops::Range;

/// How deep blocks and parentheses may nest.
pub(super) const DEEPEST: usize = 64;

/// A part of a template. Places are bytes of the set.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(Range<usize>),
    Action(Action),
    /// Branches in order, each with its condition, and what is left.
    If(Vec<(Action, Vec<Self>)>, Vec<Self>),
    With(Action, Vec<Self>, Vec<Self>),
    Range(Loop, Vec<Self>, Vec<Self>),
}

#[derive(Clone, Debug)]
pub(super) struct Loop {
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
    pub(super) over: Action,
}

/// An action: a pipeline, and the variable that takes its value.
#[derive(Clone, Debug)]
pub(super) struct Action {
    pub(super) span: Range<usize>,
    pub(super) variable: Option<(String, bool)>,
    pub(super) pipeline: Vec<Command>,
}

/// A command of a pipeline: what is called, and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) words: Vec<Operand>,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Text(String),
    Number(String),
    Bool(bool),
    Nil,
    Function(String),
    /// `.a.b`
    Fields(Vec<String>),
    /// `$x.a`; `$` is the empty name.
    Variable(String, Vec<String>),
    /// `(pipeline).a`
    Pipeline(Vec<Command>, Vec<String>),
}

/// The parts of a template, and the templates that it defines.
#[derive(Debug, Default)]
pub(super) struct Template {
    pub(super) parts: Vec<Part>,
    pub(super) defined: Vec<(String, Vec<Part>)>,
    /// What is wrong with it.
    pub(super) problem: Option<(Range<usize>, String)>,
}

/// A block that is still open.
struct Open {
    kind: Kind,
    /// What was collected before `else`.
    branches: Vec<(Action, Vec<Part>)>,
    current: Vec<Part>,
    has_else: bool,
    /// `else if` opens no block of its own, `else with` does.
    loop_variables: (Option<String>, Option<String>),
    name: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    If,
    With,
    Range,
    Define,
    Block,
}

/// Reads a template that begins at byte `at` of its set.
pub(super) fn template(text: &str, at: usize) -> Template {
    let mut out = Template::default();
    let mut open: Vec<Open> = Vec::new();
    let mut i = 0_usize;
    let mut trim = false;
    loop {
        let rest = text.get(i..).unwrap_or_default();
        let next = rest.find("{{");
        let end = next.map_or(text.len(), |n| i.saturating_add(n));
        let trims_before = next.is_some_and(|_| {
            text.get(end..).is_some_and(|t| {
                t.starts_with("{{- ")
                    || t.starts_with("{{-\n")
                    || t.starts_with("{{-\t")
                    || t.starts_with("{{-/")
            })
        });
        let mut part = i..end;
        let literal = |r: &Range<usize>| text.get(r.clone()).unwrap_or_default();
        if trim {
            part.start = part.end.saturating_sub(literal(&part).trim_start().len());
        }
        if trims_before {
            part.end = part.start.saturating_add(literal(&part).trim_end().len());
        }
        if !part.is_empty() {
            let moved = part.start.saturating_add(at)..part.end.saturating_add(at);
            push(&mut out, &mut open, Part::Text(moved));
        }
        if next.is_none() {
            break;
        }
        let Some((inner, stop, trims_after)) = action_end(text, end) else {
            out.problem = Some((
                end.saturating_add(at)..text.len().saturating_add(at),
                "an action without an end".to_owned(),
            ));
            break;
        };
        trim = trims_after;
        i = stop;
        let body = text.get(inner.clone()).unwrap_or_default();
        if body.trim_start().starts_with("/*") {
            continue;
        }
        let span = end.saturating_add(at)..stop.saturating_add(at);
        if let Err(why) = action(body, &span, &mut out, &mut open) {
            out.problem = Some((span, why));
            break;
        }
    }
    if !open.is_empty() && out.problem.is_none() {
        out.problem = Some((
            at..at.saturating_add(text.len()),
            "a block without an end".to_owned(),
        ));
    }
    // What was read of open blocks is kept as it stands.
    while let Some(block) = open.pop() {
        let parts: Vec<Part> = block
            .branches
            .into_iter()
            .flat_map(|(_, p)| p)
            .chain(block.current)
            .collect();
        for part in parts {
            push(&mut out, &mut open, part);
        }
    }
    out
}

fn push(out: &mut Template, open: &mut [Open], part: Part) {
    match open.last_mut() {
        Some(block) => block.current.push(part),
        None => out.parts.push(part),
    }
}

/// The inside of an action, the byte behind it, and whether it trims what follows.
fn action_end(text: &str, start: usize) -> Option<(Range<usize>, usize, bool)> {
    let mut at = start.saturating_add(2);
    let after = text.get(at..)?;
    if after.starts_with('-')
        && after
            .get(1..2)
            .is_some_and(|c| c.starts_with([' ', '\n', '\t', '/']))
    {
        at = at.saturating_add(1);
    }
    let from = at;
    let body = text.get(at..)?;
    if body.trim_start().starts_with("/*") {
        let close = at.saturating_add(body.find("*/")?).saturating_add(2);
        let end = close.saturating_add(text.get(close..)?.find("}}")?);
        let trims = text.get(close..end)?.ends_with('-');
        return Some((from..end, end.saturating_add(2), trims));
    }
    let bytes = text.as_bytes();
    let mut quote: Option<u8> = None;
    while let Some(b) = bytes.get(at) {
        match (quote, b) {
            (Some(q), b) if q == *b => quote = None,
            (Some(b'"'), b'\\') => at = at.saturating_add(1),
            (Some(_), _) => {}
            (None, b'"' | b'`') => quote = Some(*b),
            (None, b'}') if bytes.get(at.saturating_add(1)) == Some(&b'}') => {
                let trims = text.get(..at)?.ends_with(" -") || text.get(..at)?.ends_with("\n-");
                let end = if trims { at.saturating_sub(1) } else { at };
                return Some((from..end, at.saturating_add(2), trims));
            }
            _ => {}
        }
        at = at.saturating_add(1);
    }
    None
}

fn action(body: &str, span: &Range<usize>, out: &mut Template, open: &mut Vec<Open>) -> Result<(), String> {
    let trimmed = body.trim();
    let (word, rest) = trimmed.split_at(
        trimmed
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(trimmed.len()),
    );
    let begin = |kind: Kind, rest: &str, open: &mut Vec<Open>| -> Result<(), String> {
        if open.len() >= DEEPEST {
            return Err("blocks nest too deep".to_owned());
        }
        let mut loop_variables = (None, None);
        let mut condition = Vec::new();
        let mut name = String::new();
        if matches!(kind, Kind::Define | Kind::Block) {
            let words = pipeline(rest)?;
            if let Some(Operand::Text(text)) = words.pipeline.first().and_then(|c| c.words.first()) {
                name.clone_from(text);
            }
            let mut call = words.pipeline;
            if let Some(first) = call.first_mut() {
                first.words.drain(..first.words.len().min(1));
            }
            condition.push((
                Action {
                    span: span.clone(),
                    variable: None,
                    pipeline: call,
                },
                Vec::new(),
            ));
        } else {
            let (variables, expression) = loop_head(rest, kind);
            loop_variables = variables;
            let mut found = pipeline(expression)?;
            found.span = span.clone();
            condition.push((found, Vec::new()));
        }
        open.push(Open {
            kind,
            branches: condition,
            current: Vec::new(),
            has_else: false,
            loop_variables,
            name,
        });
        Ok(())
    };
    match word {
        "if" => begin(Kind::If, rest, open),
        "with" => begin(Kind::With, rest, open),
        "range" => begin(Kind::Range, rest, open),
        "define" => begin(Kind::Define, rest, open),
        "block" => begin(Kind::Block, rest, open),
        "else" => {
            let block = open.last_mut().ok_or("`else` outside of a block")?;
            let collected = std::mem::take(&mut block.current);
            if let Some(last) = block.branches.last_mut().filter(|_| !block.has_else) {
                last.1 = collected;
            }
            let next = rest.trim();
            match next.strip_prefix("if ").or_else(|| next.strip_prefix("with ")) {
                Some(condition) => {
                    let mut found = pipeline(condition)?;
                    found.span = span.clone();
                    block.branches.push((found, Vec::new()));
                }
                None => block.has_else = true,
            }
            Ok(())
        }
        "end" => {
            let block = open.pop().ok_or("`end` outside of a block")?;
            let part = close(block, out);
            if let Some(part) = part {
                push(out, open, part);
            }
            Ok(())
        }
        "break" | "continue" => Ok(()),
        "template" => {
            let mut found = pipeline(&format!("include {rest}"))?;
            found.span = span.clone();
            push(out, open, Part::Action(found));
            Ok(())
        }
        _ => {
            let mut found = pipeline(trimmed)?;
            found.span = span.clone();
            push(out, open, Part::Action(found));
            Ok(())
        }
    }
}

/// `$i, $x := list` of a loop; others bind one variable.
fn loop_head(rest: &str, kind: Kind) -> ((Option<String>, Option<String>), &str) {
    let Some((head, expression)) = rest.split_once(":=").filter(|(head, _)| {
        kind == Kind::Range && head.trim().starts_with('$') && !head.contains(['(', '"'])
    }) else {
        return ((None, None), rest);
    };
    let name = |t: &str| t.trim().trim_start_matches('$').to_owned();
    match head.split_once(',') {
        Some((key, value)) => ((Some(name(key)), Some(name(value))), expression),
        None => ((None, Some(name(head))), expression),
    }
}

fn close(mut block: Open, out: &mut Template) -> Option<Part> {
    let rest = if block.has_else {
        std::mem::take(&mut block.current)
    } else {
        if let Some(last) = block.branches.last_mut() {
            last.1 = std::mem::take(&mut block.current);
        }
        Vec::new()
    };
    match block.kind {
        Kind::If => Some(Part::If(block.branches, rest)),
        Kind::With | Kind::Range => {
            let mut branches = block.branches.into_iter();
            let (condition, body) = branches.next()?;
            // `else with` is another one inside.
            let rest = branches.fold(rest, |rest, (action, body)| vec![Part::With(action, body, rest)]);
            Some(if block.kind == Kind::With {
                Part::With(condition, body, rest)
            } else {
                let (key, value) = block.loop_variables;
                Part::Range(
                    Loop {
                        key,
                        value,
                        over: condition,
                    },
                    body,
                    rest,
                )
            })
        }
        Kind::Define | Kind::Block => {
            let (call, body) = block.branches.into_iter().next()?;
            out.defined.push((block.name.clone(), body));
            if block.kind == Kind::Define {
                return None;
            }
            let mut words = vec![Operand::Function("include".to_owned()), Operand::Text(block.name)];
            words.extend(
                call.pipeline
                    .into_iter()
                    .next()
                    .map(|c| c.words)
                    .unwrap_or_default(),
            );
            Some(Part::Action(Action {
                span: call.span,
                variable: None,
                pipeline: vec![Command { words }],
            }))
        }
    }
}

/// A pipeline with the variable that takes its value.
pub(super) fn pipeline(text: &str) -> Result<Action, String> {
    let text = text.trim();
    let mut variable = None;
    let mut rest = text;
    if let Some(after) = text.strip_prefix('$') {
        let end = after
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(after.len());
        let (name, behind) = after.split_at(end);
        let behind = behind.trim_start();
        if let Some(value) = behind.strip_prefix(":=") {
            variable = Some((name.to_owned(), true));
            rest = value;
        } else if let Some(value) = behind.strip_prefix('=').filter(|v| !v.starts_with('=')) {
            variable = Some((name.to_owned(), false));
            rest = value;
        }
    }
    let mut parser = Parser { rest, depth: 0 };
    let pipeline = parser.pipeline()?;
    Ok(Action {
        span: 0..0,
        variable,
        pipeline,
    })
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn pipeline(&mut self) -> Result<Vec<Command>, String> {
        if self.depth > DEEPEST {
            return Err("parentheses nest too deep".to_owned());
        }
        let mut out = vec![Command { words: Vec::new() }];
        loop {
            self.rest = self.rest.trim_start();
            let Some(c) = self.rest.chars().next() else { break };
            match c {
                ')' => break,
                '|' => {
                    self.skip(1);
                    out.push(Command { words: Vec::new() });
                }
                _ => {
                    let word = self.operand(c)?;
                    if let Some(last) = out.last_mut() {
                        last.words.push(word);
                    }
                }
            }
        }
        Ok(out)
    }

    fn skip(&mut self, n: usize) {
        self.rest = self.rest.get(n..).unwrap_or_default();
    }

    fn operand(&mut self, c: char) -> Result<Operand, String> {
        match c {
            '"' => self.quoted(),
            '`' => {
                self.skip(1);
                let end = self.rest.find('`').ok_or("a text without an end")?;
                let text = self.rest.get(..end).unwrap_or_default().to_owned();
                self.skip(end.saturating_add(1));
                Ok(Operand::Text(text))
            }
            '(' => {
                self.skip(1);
                self.depth = self.depth.saturating_add(1);
                let inner = self.pipeline()?;
                self.depth = self.depth.saturating_sub(1);
                self.rest = self
                    .rest
                    .strip_prefix(')')
                    .ok_or("a parenthesis without an end")?;
                let fields = self.fields();
                Ok(Operand::Pipeline(inner, fields))
            }
            '.' => {
                let fields = self.fields();
                if fields.is_empty() {
                    self.skip(1);
                }
                Ok(Operand::Fields(fields))
            }
            '$' => {
                self.skip(1);
                let name = self.name();
                Ok(Operand::Variable(name, self.fields()))
            }
            c if c.is_ascii_digit() || ((c == '-' || c == '+') && self.rest.len() > 1) => {
                let end = self
                    .rest
                    .get(1..)
                    .and_then(|r| r.find(|c: char| !(c.is_alphanumeric() || c == '.')));
                let end = end.map_or(self.rest.len(), |e| e.saturating_add(1));
                let text = self.rest.get(..end).unwrap_or_default().to_owned();
                self.skip(end);
                Ok(Operand::Number(text))
            }
            c if c.is_alphabetic() || c == '_' => {
                let name = self.name();
                Ok(match name.as_str() {
                    "true" => Operand::Bool(true),
                    "false" => Operand::Bool(false),
                    "nil" => Operand::Nil,
                    _ => Operand::Function(name),
                })
            }
            '\'' => {
                self.skip(1);
                let end = self.rest.find('\'').ok_or("a character without an end")?;
                let text = self.rest.get(..end).unwrap_or_default().to_owned();
                self.skip(end.saturating_add(1));
                Ok(Operand::Text(text))
            }
            // A comma or a sign that is not known parts words.
            c => {
                self.skip(c.len_utf8());
                if c == ',' || c == '=' || c == ':' {
                    Ok(Operand::Nil)
                } else {
                    Err(format!("unexpected {}", wellhead_core::code(&c.to_string())))
                }
            }
        }
    }

    fn name(&mut self) -> String {
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(self.rest.len());
        let name = self.rest.get(..end).unwrap_or_default().to_owned();
        self.skip(end);
        name
    }

    /// `.a.b`
    fn fields(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        while let Some(after) = self.rest.strip_prefix('.') {
            if !after.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                break;
            }
            self.rest = after;
            out.push(self.name());
        }
        out
    }

    fn quoted(&mut self) -> Result<Operand, String> {
        let mut out = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.skip(i.saturating_add(1));
                    return Ok(Operand::Text(out));
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, c)) => out.push(c),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err("a text without an end".to_owned())
    }
}
