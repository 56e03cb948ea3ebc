//! Expressions: operators by their strength, and what may stand behind a value.

use super::*;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Id {
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
    pub(super) fn skip_nested(&mut self) {
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
    pub(super) fn binary(&mut self, level: u8) -> Id {
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

    pub(super) fn primary(&mut self) -> Id {
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

    pub(super) fn args(&mut self) -> Args {
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

    pub(super) fn postfix(&mut self, mut value: Id, start: usize) -> Id {
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

    pub(super) fn dotted(&mut self) -> Option<Rc<str>> {
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
    pub(super) fn filters(&mut self, of: Option<Id>, start: usize) -> Option<Id> {
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
