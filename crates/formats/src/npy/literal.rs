//! Python literals, as far as NumPy writes them into headers.

use std::fmt;

/// How deep literals may nest.
const MAX_NESTING: usize = 32;

/// A literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    Text(String),
    Int(i128),
    Bool(bool),
    None,
    Tuple(Vec<Self>),
    List(Vec<Self>),
    Dict(Vec<(Self, Self)>),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, items: &[Self]| {
            for (i, item) in items.iter().enumerate() {
                write!(f, "{}{item}", if i > 0 { ", " } else { "" })?;
            }
            Ok(())
        };
        match self {
            Self::Text(t) => write!(f, "'{t}'"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Bool(b) => f.write_str(if *b { "True" } else { "False" }),
            Self::None => f.write_str("None"),
            Self::Tuple(items) => {
                f.write_str("(")?;
                join(f, items)?;
                f.write_str(if items.len() == 1 { ",)" } else { ")" })
            }
            Self::List(items) => {
                f.write_str("[")?;
                join(f, items)?;
                f.write_str("]")
            }
            Self::Dict(pairs) => {
                f.write_str("{")?;
                for (i, (k, v)) in pairs.iter().enumerate() {
                    write!(f, "{}{k}: {v}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Reads one literal and nothing behind it but white space.
pub(crate) fn parse(text: &str) -> Option<Literal> {
    let mut p = Parser { rest: text };
    let value = p.value(0)?;
    p.space();
    // NumPy pads with spaces; old files with NUL.
    p.rest.trim_matches(['\0', ' ', '\n']).is_empty().then_some(value)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Literal> {
        if depth > MAX_NESTING {
            return None;
        }
        let deeper = depth.saturating_add(1);
        if self.eat("{") {
            let mut pairs = Vec::new();
            while !self.eat("}") {
                let key = self.value(deeper)?;
                if !self.eat(":") {
                    return None;
                }
                pairs.push((key, self.value(deeper)?));
                if !self.eat(",") {
                    return self.eat("}").then_some(Literal::Dict(pairs));
                }
            }
            return Some(Literal::Dict(pairs));
        }
        if self.eat("[") {
            return self.items("]", deeper).map(|(items, _)| Literal::List(items));
        }
        if self.eat("(") {
            let (mut items, comma) = self.items(")", deeper)?;
            // Parentheses round one value without a comma are no tuple.
            if items.len() == 1 && !comma {
                return items.pop();
            }
            return Some(Literal::Tuple(items));
        }
        for (word, value) in [
            ("True", Literal::Bool(true)),
            ("False", Literal::Bool(false)),
            ("None", Literal::None),
        ] {
            if self.eat(word) {
                return Some(value);
            }
        }
        self.text().or_else(|| self.int())
    }

    /// Values up to `end`, and whether there was a comma.
    fn items(&mut self, end: &str, depth: usize) -> Option<(Vec<Literal>, bool)> {
        let mut items = Vec::new();
        let mut comma = false;
        while !self.eat(end) {
            items.push(self.value(depth)?);
            if self.eat(",") {
                comma = true;
            } else if self.eat(end) {
                break;
            } else {
                return None;
            }
        }
        Some((items, comma))
    }

    fn text(&mut self) -> Option<Literal> {
        self.space();
        let rest = self.rest.trim_start_matches(['b', 'u', 'B', 'U', 'r', 'R']);
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut chars = rest.get(1..)?.char_indices();
        let mut out = String::new();
        while let Some((i, c)) = chars.next() {
            match c {
                '\\' => out.push(chars.next()?.1),
                c if c == quote => {
                    self.rest = rest.get(i.saturating_add(2)..)?;
                    return Some(Literal::Text(out));
                }
                c => out.push(c),
            }
        }
        None
    }

    fn int(&mut self) -> Option<Literal> {
        self.space();
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_digit() && c != '-' && c != '_')
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end)?;
        let n = digits.replace('_', "").parse().ok()?;
        // Python 2 wrote long integers with an L.
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        Some(Literal::Int(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_read_and_print() {
        for (text, shown) in [
            (
                "{'a': (1, 2L), \"b\": [True, None,],}",
                Some("{'a': (1, 2), 'b': [True, None]}"),
            ),
            ("(1)", Some("1")),
            ("(1,)", Some("(1,)")),
            ("()", Some("()")),
            ("'a\\'b'", Some("'a'b'")),
            ("u'x'", Some("'x'")),
            ("{'a': f()}", None),
            ("1 + 1", None),
            ("'open", None),
        ] {
            assert_eq!(parse(text).map(|l| l.to_string()).as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        assert_eq!(parse(&"(".repeat(100_000)), None);
    }
}
