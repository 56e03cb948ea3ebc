//! Tokens to trees, by the grammar of Jinja2.
//!
//! Whatever is wrong is passed over up to the end of its tag. The one bound is depth: tags and parentheses that nest
//! deeper than any honest template are not followed, and the tree says so.

mod expression;

use super::{
    ast::{Args, Body, Id, Kind, Stmt, Target, Tree},
    token::{Token, TokenKind},
};
use std::{ops::Range, rc::Rc};
use wellhead_core::{Budget, Exhausted};

/// How deep statements may nest.
const MAX_NESTING: u32 = 32;
/// How deep parentheses may nest.
const MAX_PARENTHESES: u32 = 48;
/// What an expression costs in memory, roughly.
const NODE: u64 = 160;

/// Makes a tree.
///
/// # Errors
/// If the budget for steps or memory has run out.
pub(super) fn parse(tokens: &[Token], budget: &mut Budget) -> Result<Tree, Exhausted> {
    budget.memory((tokens.len() as u64).saturating_mul(NODE))?;
    budget.steps(tokens.len() as u64)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        tree: Tree::default(),
        nesting: 0,
        open: 0,
    };
    let mut body = Vec::new();
    // An end without a beginning is passed over.
    while parser.at < tokens.len() {
        body.append(&mut parser.body(&[]).0);
    }
    parser.tree.body = body;
    Ok(parser.tree)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    tree: Tree,
    nesting: u32,
    open: u32,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a TokenKind> {
        self.tokens.get(self.at).map(|t| &t.kind)
    }

    fn ahead(&self, n: usize) -> Option<&'a TokenKind> {
        self.tokens.get(self.at.saturating_add(n)).map(|t| &t.kind)
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Where the next token begins.
    fn here(&self) -> usize {
        self.tokens
            .get(self.at)
            .or_else(|| self.tokens.last())
            .map_or(0, |t| t.span.start)
    }

    /// Where the last token ended.
    fn behind(&self) -> usize {
        let last = self.at.checked_sub(1).and_then(|i| self.tokens.get(i));
        last.map_or(0, |t| t.span.end)
    }

    fn since(&self, start: usize) -> Range<usize> {
        start..self.behind().max(start)
    }

    fn is(&self, op: &str) -> bool {
        matches!(self.peek(), Some(TokenKind::Op(o)) if *o == op)
    }

    fn eat(&mut self, op: &str) -> bool {
        let found = self.is(op);
        if found {
            self.step();
        }
        found
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(TokenKind::Name(n)) if &**n == word)
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.step();
        }
        found
    }

    fn name(&mut self) -> Option<Rc<str>> {
        let Some(TokenKind::Name(name)) = self.peek() else {
            return None;
        };
        self.step();
        Some(Rc::clone(name))
    }

    /// Goes behind the end of the tag.
    fn end_tag(&mut self) {
        while let Some(kind) = self.peek() {
            self.step();
            if *kind == TokenKind::End {
                return;
            }
        }
    }

    /// Statements up to one of these words, which is left to be read; and whether one was found.
    fn body(&mut self, until: &[&str]) -> (Body, bool) {
        let mut out = Vec::new();
        while let Some(kind) = self.peek() {
            match kind {
                TokenKind::Data => {
                    out.push(Stmt::Data(
                        self.tokens.get(self.at).map_or(0..0, |t| t.span.clone()),
                    ));
                    self.step();
                }
                TokenKind::Output => {
                    self.step();
                    let value = self.tuple();
                    out.push(Stmt::Output(value));
                    self.end_tag();
                }
                TokenKind::Statement => {
                    let word = match self.ahead(1) {
                        Some(TokenKind::Name(word)) => Rc::clone(word),
                        _ => Rc::from(""),
                    };
                    if until.contains(&&*word) {
                        return (out, true);
                    }
                    // The end of something further out, or of nothing.
                    if self.nesting > 0 && is_end(&word) {
                        return (out, false);
                    }
                    self.step();
                    self.step();
                    self.statement(&word, &mut out);
                }
                _ => self.step(),
            }
        }
        (out, false)
    }

    /// A body of its own and its end.
    fn block(&mut self, end: &[&str]) -> Body {
        self.end_tag();
        if self.nesting >= MAX_NESTING {
            let here = self.here();
            self.tree.too_deep.get_or_insert(here..here);
            return Vec::new();
        }
        self.nesting = self.nesting.saturating_add(1);
        let (body, found) = self.body(end);
        self.nesting = self.nesting.saturating_sub(1);
        if found {
            self.step();
            self.step();
        }
        body
    }

    fn statement(&mut self, word: &str, out: &mut Body) {
        match word {
            "if" => {
                let stmt = self.branches();
                out.push(stmt);
            }
            "for" => {
                let stmt = self.each();
                out.push(stmt);
            }
            "set" => {
                let stmt = self.assignment();
                out.extend(stmt);
            }
            "macro" => {
                let name = self.name().unwrap_or_else(|| Rc::from(""));
                self.tree.macros.insert(Rc::clone(&name));
                let params = self.params();
                let body = self.block(&["endmacro"]);
                self.end_tag();
                out.push(Stmt::Macro(name, params, body));
            }
            "call" => {
                let _ = if self.is("(") { self.params() } else { Vec::new() };
                let callee = self.expression();
                let body = self.block(&["endcall"]);
                self.end_tag();
                out.push(Stmt::CallBlock(callee, body));
            }
            "filter" => {
                let start = self.here();
                let filters = self.filters(None, start);
                let body = self.block(&["endfilter"]);
                self.end_tag();
                out.push(match filters {
                    Some(filter) => Stmt::FilterBlock(filter, body),
                    None => Stmt::Block(body),
                });
            }
            "with" => {
                let mut pairs = Vec::new();
                while let Some(target) = self.target() {
                    if !self.eat("=") {
                        break;
                    }
                    pairs.push((target, self.expression()));
                    if !self.eat(",") {
                        break;
                    }
                }
                let body = self.block(&["endwith"]);
                self.end_tag();
                out.push(Stmt::With(pairs, body));
            }
            "block" | "generation" | "autoescape" | "trans" | "spaceless" => {
                let end = format!("end{word}");
                if word != "block" {
                    self.rest_of_tag(out);
                }
                let body = self.block(&[&end]);
                self.end_tag();
                out.push(Stmt::Block(body));
            }
            "do" => {
                let value = self.tuple();
                out.push(Stmt::Do(value));
                self.end_tag();
            }
            "include" | "extends" | "import" | "from" => {
                let stmt = self.load(word);
                out.push(stmt);
            }
            // `break`, `continue`, `debug`, ends without a beginning, and whatever an extension brings.
            _ => {
                self.rest_of_tag(out);
                self.end_tag();
            }
        }
    }

    /// The expressions of a tag whose grammar is not known.
    fn rest_of_tag(&mut self, out: &mut Body) {
        while !matches!(self.peek(), None | Some(TokenKind::End)) {
            let before = self.at;
            let value = self.expression();
            out.push(Stmt::Do(value));
            if self.at == before {
                self.step();
            }
        }
    }

    fn branches(&mut self) -> Stmt {
        let mut branches = Vec::new();
        let mut test = Some(self.tuple());
        loop {
            let body = self.block(&["elif", "else", "endif"]);
            branches.push((test.take(), body));
            // `block` stands behind the word that ended it.
            let ended = self.at.checked_sub(1).and_then(|i| self.tokens.get(i));
            match ended.map(|t| &t.kind) {
                Some(TokenKind::Name(word)) if &**word == "elif" => test = Some(self.tuple()),
                Some(TokenKind::Name(word)) if &**word == "else" => {}
                Some(TokenKind::Name(word)) if &**word == "endif" => {
                    self.end_tag();
                    return Stmt::If(branches);
                }
                _ => return Stmt::If(branches),
            }
        }
    }

    fn each(&mut self) -> Stmt {
        let targets = self.targets();
        self.eat_word("in");
        let start = self.here();
        let first = self.binary(0);
        let over = self.rest_of_tuple(first, start);
        let filter = self.eat_word("if").then(|| self.expression());
        self.eat_word("recursive");
        let body = self.block(&["else", "endfor"]);
        let ended = self.at.checked_sub(1).and_then(|i| self.tokens.get(i));
        let has_else = matches!(ended.map(|t| &t.kind), Some(TokenKind::Name(w)) if &**w == "else");
        let otherwise = if has_else {
            self.block(&["endfor"])
        } else {
            Vec::new()
        };
        self.end_tag();
        Stmt::For {
            targets,
            over,
            filter,
            body,
            otherwise,
        }
    }

    fn assignment(&mut self) -> Option<Stmt> {
        let targets = self.targets();
        if self.eat("=") {
            let value = self.tuple();
            self.end_tag();
            return Some(Stmt::Set(targets, value));
        }
        let start = self.here();
        let filter = self.is("|").then(|| {
            self.step();
            self.filters(None, start)
        });
        let body = self.block(&["endset"]);
        self.end_tag();
        let target = targets.into_iter().next()?;
        Some(Stmt::SetBlock(
            target,
            filter.flatten().into_iter().collect(),
            body,
        ))
    }

    fn load(&mut self, word: &str) -> Stmt {
        let what = self.expression();
        let mut names = Vec::new();
        let kind = match word {
            "include" => "include",
            "extends" => "extends",
            _ => "import",
        };
        if self.eat_word("as") {
            names.extend(self.name());
        } else if self.eat_word("import") {
            while let Some(name) = self.name() {
                let name = if self.eat_word("as") {
                    self.name().unwrap_or(name)
                } else {
                    name
                };
                names.push(name);
                if !self.eat(",") {
                    break;
                }
            }
        }
        self.end_tag();
        Stmt::Load(kind, what, names)
    }

    fn target(&mut self) -> Option<Target> {
        let name = self.name()?;
        if self.eat(".") {
            let attr = self.name()?;
            return Some(Target::Attr(name, attr));
        }
        Some(Target::Name(name))
    }

    fn targets(&mut self) -> Vec<Target> {
        let mut out = Vec::new();
        loop {
            while self.eat("(") || self.eat("[") {}
            let Some(target) = self.target() else { break };
            out.push(target);
            while self.eat(")") || self.eat("]") {}
            if !self.eat(",") {
                break;
            }
        }
        out
    }

    fn params(&mut self) -> Vec<(Rc<str>, Option<Id>)> {
        let mut out = Vec::new();
        if !self.eat("(") {
            return out;
        }
        while let Some(name) = self.name() {
            let default = self.eat("=").then(|| self.expression());
            out.push((name, default));
            if !self.eat(",") {
                break;
            }
        }
        self.eat(")");
        out
    }

    fn add(&mut self, kind: Kind, start: usize) -> Id {
        let span = self.since(start);
        self.tree.add(kind, span)
    }

    /// An expression that may be a tuple without parentheses.
    fn tuple(&mut self) -> Id {
        let start = self.here();
        let first = self.expression();
        self.rest_of_tuple(first, start)
    }

    fn rest_of_tuple(&mut self, first: Id, start: usize) -> Id {
        if !self.is(",") {
            return first;
        }
        let mut items = vec![first];
        while self.eat(",") {
            if matches!(self.peek(), None | Some(TokenKind::End)) || self.is(")") || self.is_word("if") {
                break;
            }
            items.push(self.expression());
        }
        self.add(Kind::List(items), start)
    }
}

fn is_end(word: &str) -> bool {
    word.starts_with("end") || matches!(word, "else" | "elif")
}
