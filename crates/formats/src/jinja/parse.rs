//! Tokens to trees, by the grammar of Jinja2.
//!
//! Whatever is wrong is passed over up to the end of its tag. The one bound is depth: tags and parentheses that nest
//! deeper than any honest template are not followed, and the tree says so.

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

    fn expression(&mut self) -> Id {
        let start = self.here();
        if self.open >= MAX_PARENTHESES {
            self.tree.too_deep.get_or_insert(start..start);
            self.skip_nested();
            return self.add(Kind::Lost, start);
        }
        self.open = self.open.saturating_add(1);
        let mut value = self.binary(0);
        while self.eat_word("if") {
            let test = self.binary(0);
            let other = self.eat_word("else").then(|| self.expression());
            value = self.add(Kind::Cond(test, value, other), start);
        }
        self.open = self.open.saturating_sub(1);
        value
    }

    /// Goes over what is too deep, up to the bracket that closes it.
    fn skip_nested(&mut self) {
        let mut depth = 0_u32;
        while let Some(kind) = self.peek() {
            match kind {
                TokenKind::Op("(" | "[" | "{") => depth = depth.saturating_add(1),
                TokenKind::Op(")" | "]" | "}" | ",") if depth == 0 => return,
                TokenKind::Op(")" | "]" | "}") => depth = depth.saturating_sub(1),
                TokenKind::End => return,
                _ => {}
            }
            self.step();
        }
    }

    /// Operators by what binds tighter: `or`, `and`, `not`, comparisons, `+ -`, `~`, `* / // %`, `**`.
    fn binary(&mut self, level: u8) -> Id {
        let start = self.here();
        match level {
            0 | 1 => {
                let word = if level == 0 { "or" } else { "and" };
                let next = level.saturating_add(1);
                let mut left = self.binary(next);
                while self.eat_word(word) {
                    let right = self.binary(next);
                    let op = if level == 0 { "or" } else { "and" };
                    left = self.add(Kind::Binary(op, left, right), start);
                }
                left
            }
            2 => {
                let mut nots = 0_usize;
                while self.is_word("not")
                    && !matches!(self.ahead(1), Some(TokenKind::Name(n)) if &**n == "in")
                {
                    self.step();
                    nots = nots.saturating_add(1);
                }
                let value = self.comparison();
                if nots % 2 == 1 {
                    self.add(Kind::Not(value), start)
                } else {
                    value
                }
            }
            3 => self.sums(),
            4 => self.joined(),
            5 => {
                let mut left = self.power();
                while let Some(op) = ["*", "//", "/", "%"].into_iter().find(|op| self.is(op)) {
                    self.step();
                    let right = self.power();
                    left = self.add(Kind::Binary(op, left, right), start);
                }
                left
            }
            _ => self.power(),
        }
    }

    fn comparison(&mut self) -> Id {
        let start = self.here();
        let first = self.binary(3);
        let mut rest = Vec::new();
        loop {
            let op = ["==", "!=", "<=", ">=", "<", ">"]
                .into_iter()
                .find(|op| self.is(op));
            let op = if let Some(op) = op {
                self.step();
                op
            } else if self.eat_word("in") {
                "in"
            } else if self.is_word("not") && matches!(self.ahead(1), Some(TokenKind::Name(n)) if &**n == "in")
            {
                self.step();
                self.step();
                "not in"
            } else {
                break;
            };
            let right = self.binary(3);
            rest.push((op, right));
        }
        if rest.is_empty() {
            first
        } else {
            self.add(Kind::Compare(first, rest), start)
        }
    }

    fn sums(&mut self) -> Id {
        let start = self.here();
        let mut items = vec![self.binary(4)];
        loop {
            if self.eat("+") {
                items.push(self.binary(4));
            } else if self.is("-") {
                let left = self.summed(std::mem::take(&mut items), start);
                self.step();
                let right = self.binary(4);
                items = vec![self.add(Kind::Binary("-", left, right), start)];
            } else {
                return self.summed(items, start);
            }
        }
    }

    fn summed(&mut self, items: Vec<Id>, start: usize) -> Id {
        match items.as_slice() {
            [only] => *only,
            _ => self.add(Kind::Sum(items), start),
        }
    }

    fn joined(&mut self) -> Id {
        let start = self.here();
        let mut items = vec![self.binary(5)];
        while self.eat("~") {
            items.push(self.binary(5));
        }
        match items.as_slice() {
            [only] => *only,
            _ => self.add(Kind::Concat(items), start),
        }
    }

    fn power(&mut self) -> Id {
        let start = self.here();
        let mut left = self.unary();
        while self.eat("**") {
            let right = self.unary();
            left = self.add(Kind::Binary("**", left, right), start);
        }
        left
    }

    fn unary(&mut self) -> Id {
        let start = self.here();
        let mut minus = 0_usize;
        loop {
            if self.eat("-") {
                minus = minus.saturating_add(1);
            } else if !self.eat("+") {
                break;
            }
        }
        let value = self.primary();
        let mut value = self.postfix(value, start);
        if minus % 2 == 1 {
            value = self.add(Kind::Minus(value), start);
        }
        self.filters_and_tests(value, start)
    }

    fn primary(&mut self) -> Id {
        let start = self.here();
        let Some(kind) = self.peek() else {
            return self.add(Kind::Lost, start);
        };
        let kind = match kind {
            TokenKind::Name(name) => match &**name {
                "true" | "True" => Kind::Bool(true),
                "false" | "False" => Kind::Bool(false),
                "none" | "None" => Kind::None,
                _ => Kind::Name(Rc::clone(name)),
            },
            TokenKind::Int(n) => Kind::Int(*n),
            TokenKind::Float(n) => Kind::Float(*n),
            TokenKind::Str(first) => {
                // Literals beside one another are one.
                let mut text = Rc::clone(first);
                if matches!(self.ahead(1), Some(TokenKind::Str(_))) {
                    let mut whole = text.to_string();
                    while let Some(TokenKind::Str(next)) = self.ahead(1) {
                        whole.push_str(next);
                        self.step();
                    }
                    text = Rc::from(whole);
                }
                Kind::Str(text)
            }
            TokenKind::Op("(") => {
                self.step();
                if self.eat(")") {
                    return self.add(Kind::List(Vec::new()), start);
                }
                let value = self.tuple();
                self.eat(")");
                return value;
            }
            TokenKind::Op("[") => {
                self.step();
                let items = self.items("]");
                return self.add(Kind::List(items), start);
            }
            TokenKind::Op("{") => {
                self.step();
                return self.dict(start);
            }
            // The end stays for whoever looks for it.
            TokenKind::End | TokenKind::Op(")" | "]" | "}" | ",") => {
                return self.add(Kind::Lost, start);
            }
            _ => Kind::Lost,
        };
        self.step();
        self.add(kind, start)
    }

    fn items(&mut self, close: &str) -> Vec<Id> {
        let mut items = Vec::new();
        while !self.eat(close) {
            if matches!(self.peek(), None | Some(TokenKind::End)) {
                break;
            }
            let before = self.at;
            items.push(self.expression());
            if !self.eat(",") && self.at == before {
                self.step();
            }
        }
        items
    }

    fn dict(&mut self, start: usize) -> Id {
        let mut pairs = Vec::new();
        while !self.eat("}") {
            if matches!(self.peek(), None | Some(TokenKind::End)) {
                break;
            }
            let before = self.at;
            let key = self.expression();
            self.eat(":");
            let value = self.expression();
            pairs.push((key, value));
            if !self.eat(",") && self.at == before {
                self.step();
            }
        }
        self.add(Kind::Dict(pairs), start)
    }

    fn args(&mut self) -> Args {
        let mut args = Args::default();
        while !self.eat(")") {
            if matches!(self.peek(), None | Some(TokenKind::End)) {
                break;
            }
            let before = self.at;
            if self.eat("*") || self.eat("**") {
                let value = self.expression();
                args.spread.push(value);
            } else if let (Some(TokenKind::Name(name)), Some(TokenKind::Op("="))) =
                (self.peek(), self.ahead(1))
            {
                self.step();
                self.step();
                let value = self.expression();
                args.named.push((Rc::clone(name), value));
            } else {
                let value = self.expression();
                args.plain.push(value);
            }
            if !self.eat(",") && self.at == before {
                self.step();
            }
        }
        args
    }

    fn postfix(&mut self, mut value: Id, start: usize) -> Id {
        loop {
            if self.eat(".") {
                let kind = match self.peek() {
                    Some(TokenKind::Name(name)) => Kind::Attr(value, Rc::clone(name)),
                    Some(TokenKind::Int(n)) => {
                        let index = self.tree.add(Kind::Int(*n), start..start);
                        Kind::Item(value, index)
                    }
                    _ => return value,
                };
                self.step();
                value = self.add(kind, start);
            } else if self.eat("[") {
                value = self.subscript(value, start);
            } else if self.eat("(") {
                let args = self.args();
                value = self.add(Kind::Call(value, args), start);
            } else {
                return value;
            }
        }
    }

    fn subscript(&mut self, of: Id, start: usize) -> Id {
        let mut ends = [None; 3];
        let mut colons = 0_usize;
        while !self.eat("]") {
            if matches!(self.peek(), None | Some(TokenKind::End)) {
                break;
            }
            let before = self.at;
            if self.eat(":") {
                colons = colons.saturating_add(1);
                continue;
            }
            let value = self.expression();
            if let Some(slot) = ends.get_mut(colons) {
                *slot = Some(value);
            }
            if self.at == before {
                self.step();
            }
        }
        let kind = match (colons, ends[0]) {
            (0, Some(index)) => Kind::Item(of, index),
            (0, None) => Kind::Lost,
            _ => Kind::Slice(of, ends),
        };
        self.add(kind, start)
    }

    fn filters_and_tests(&mut self, mut value: Id, start: usize) -> Id {
        loop {
            if self.is("|") {
                self.step();
                match self.filters(Some(value), start) {
                    Some(filtered) => value = filtered,
                    None => return value,
                }
            } else if self.eat_word("is") {
                let negated = self.eat_word("not");
                let name = self.dotted().unwrap_or_else(|| Rc::from(""));
                let args = self.test_args();
                value = self.add(Kind::Test(value, name, args), start);
                if negated {
                    value = self.add(Kind::Not(value), start);
                }
            } else if self.is("(") {
                self.step();
                let args = self.args();
                value = self.add(Kind::Call(value, args), start);
            } else if self.is(".") || self.is("[") {
                // Not Jinja's grammar, but that of some of its relatives: `x|filter.attribute`.
                let before = self.at;
                value = self.postfix(value, start);
                if self.at == before {
                    return value;
                }
            } else {
                return value;
            }
        }
    }

    fn dotted(&mut self) -> Option<Rc<str>> {
        let first = self.name()?;
        let mut name = String::new();
        while self.is(".") && matches!(self.ahead(1), Some(TokenKind::Name(_))) {
            self.step();
            let next = self.name()?;
            if name.is_empty() {
                name.push_str(&first);
            }
            name.push('.');
            name.push_str(&next);
        }
        Some(if name.is_empty() { first } else { Rc::from(name) })
    }

    fn test_args(&mut self) -> Args {
        if self.eat("(") {
            return self.args();
        }
        let begins = match self.peek() {
            Some(TokenKind::Name(word)) => !matches!(
                &**word,
                "else" | "or" | "and" | "is" | "if" | "in" | "not" | "recursive"
            ),
            Some(TokenKind::Str(_) | TokenKind::Int(_) | TokenKind::Float(_)) => true,
            Some(TokenKind::Op(op)) => matches!(*op, "[" | "{"),
            _ => false,
        };
        let mut args = Args::default();
        if begins {
            let start = self.here();
            let value = self.primary();
            args.plain.push(self.postfix(value, start));
        }
        args
    }

    /// Filters after one another; the first bar is read already.
    fn filters(&mut self, of: Option<Id>, start: usize) -> Option<Id> {
        let mut value = of;
        loop {
            let name = self.dotted()?;
            let args = if self.eat("(") {
                self.args()
            } else {
                Args::default()
            };
            value = Some(self.add(Kind::Filter(value, name, args), start));
            if !self.eat("|") {
                return value;
            }
        }
    }
}

fn is_end(word: &str) -> bool {
    word.starts_with("end") || matches!(word, "else" | "elif")
}
