//! Whether a marker holds for an environment of which only files are known.
//!
//! Three answers, not two: a variable that the files do not tell (the release of a kernel, often the system) makes the
//! comparison unknown, and only what follows whatever it is gets an answer.

use crate::version::PyVersion;
use pep440_rs::VersionSpecifiers;
use std::{collections::BTreeMap, str::FromStr as _};

/// What is known of an environment, by the variables of PEP 508.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkerValues(BTreeMap<&'static str, String>);

/// How deep parentheses are followed.
const MAX_DEPTH: u32 = 32;
/// Longest marker that is read.
const LONGEST: usize = 8 << 10;

impl MarkerValues {
    /// Sets a variable.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(name, value.into());
    }

    /// Sets what a version of Python tells: `3.12`, `3.12.1`.
    pub fn set_python(&mut self, version: &str) {
        let short: Vec<&str> = version.splitn(3, '.').take(2).collect();
        if short.len() == 2 {
            self.set("python_version", short.join("."));
        }
        if version.split('.').count() > 2 {
            self.set("python_full_version", version);
        }
    }

    /// Whether the marker holds, with none of the extras; `None` where that is not known.
    pub fn holds(&self, marker: &str) -> Option<bool> {
        if marker.len() > LONGEST {
            return None;
        }
        let tokens = tokens(marker)?;
        let mut reader = Reader {
            values: self,
            tokens: &tokens,
            at: 0,
        };
        let answer = reader.any(0)?;
        (reader.at == tokens.len()).then_some(answer)?
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'a> {
    Text(&'a str),
    Word(&'a str),
    Operator(&'a str),
    Open,
    Close,
}

fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        if c == '(' || c == ')' {
            out.push(if c == '(' { Token::Open } else { Token::Close });
            rest = rest.get(1..)?;
        } else if c == '"' || c == '\'' {
            let (inner, after) = rest.get(1..)?.split_once(c)?;
            out.push(Token::Text(inner));
            rest = after;
        } else if c.is_ascii_alphanumeric() || c == '_' {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
                .unwrap_or(rest.len());
            out.push(Token::Word(rest.get(..end)?));
            rest = rest.get(end..)?;
        } else {
            let end = rest
                .find(|c: char| !matches!(c, '=' | '<' | '>' | '!' | '~'))
                .unwrap_or(rest.len());
            out.push(Token::Operator(rest.get(..end).filter(|o| !o.is_empty())?));
            rest = rest.get(end..)?;
        }
        rest = rest.trim_start();
    }
    Some(out)
}

/// Outer `None`: not understood. Inner `None`: not known.
type Answer = Option<Option<bool>>;

struct Reader<'a> {
    values: &'a MarkerValues,
    tokens: &'a [Token<'a>],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<&'a Token<'a>> {
        let token = self.peek();
        self.at = self.at.saturating_add(1);
        token
    }

    fn word(&mut self, word: &str) -> bool {
        let is = self.peek() == Some(&Token::Word(word));
        self.at = self.at.saturating_add(usize::from(is));
        is
    }

    fn any(&mut self, depth: u32) -> Answer {
        let mut answer = self.all(depth)?;
        while self.word("or") {
            let other = self.all(depth)?;
            answer = match (answer, other) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
        }
        Some(answer)
    }

    fn all(&mut self, depth: u32) -> Answer {
        let mut answer = self.one(depth)?;
        while self.word("and") {
            let other = self.one(depth)?;
            answer = match (answer, other) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
        }
        Some(answer)
    }

    fn one(&mut self, depth: u32) -> Answer {
        if self.peek() == Some(&Token::Open) {
            if depth >= MAX_DEPTH {
                return None;
            }
            self.at = self.at.saturating_add(1);
            let answer = self.any(depth.saturating_add(1))?;
            return (self.next() == Some(&Token::Close)).then_some(answer);
        }
        let left = self.next()?;
        let operator = match self.next()? {
            Token::Operator(op) => *op,
            Token::Word("in") => "in",
            Token::Word("not") if self.word("in") => "not in",
            _ => return None,
        };
        let right = self.next()?;
        Some(self.compare(left, operator, right))
    }

    fn compare(&self, left: &Token<'_>, operator: &str, right: &Token<'_>) -> Option<bool> {
        let variable = match (left, right) {
            (Token::Word(name), _) | (_, Token::Word(name)) => *name,
            _ => "",
        };
        let value = |token: &Token<'_>| match token {
            Token::Text(text) => Some((*text).to_owned()),
            Token::Word("extra") => Some(String::new()),
            Token::Word(name) => self.values.0.get(*name).cloned(),
            _ => None,
        };
        let (left, right) = (value(left)?, value(right)?);
        match operator {
            "in" => return Some(right.contains(&left)),
            "not in" => return Some(!right.contains(&left)),
            _ => {}
        }
        if variable.contains("version") && variable != "platform_version" {
            let version = PyVersion::new(&left);
            let wanted = VersionSpecifiers::from_str(&format!("{operator}{right}")).ok();
            if let (Some(version), Some(wanted)) = (version.public(), wanted) {
                return Some(wanted.contains(version));
            }
        }
        match operator {
            "==" | "===" => Some(left == right),
            "!=" => Some(left != right),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> MarkerValues {
        let mut values = MarkerValues::default();
        values.set_python("3.12");
        values.set("sys_platform", "linux");
        values
    }

    #[test]
    fn what_is_not_known_stays_unknown() {
        for (marker, expected) in [
            ("python_version < '3.11'", Some(false)),
            ("python_version >= \"3.8\"", Some(true)),
            ("python_version > '3.9' and sys_platform == 'win32'", Some(false)),
            ("extra == 'test'", Some(false)),
            ("extra == 'test' or python_version >= '3'", Some(true)),
            ("platform_release == 'x'", None),
            ("platform_release == 'x' and extra == 'y'", Some(false)),
            ("platform_release == 'x' or sys_platform == 'linux'", Some(true)),
            ("python_full_version < '3.12.1'", None),
            ("sys_platform not in 'win32 cygwin'", Some(true)),
            ("'linux' in sys_platform", Some(true)),
            ("(sys_platform == 'linux')", Some(true)),
            ("sys_platform ==", None),
            ("python_version == '3.12' junk", None),
        ] {
            assert_eq!(values().holds(marker), expected, "{marker}");
        }
        let deep = format!("{}extra == 'a'{}", "(".repeat(4000), ")".repeat(4000));
        assert_eq!(values().holds(&deep), None);
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text in any::<String>()) {
            values().holds(&text);
        }
    }
}
