//! The functions of a package by what they say: which of them another package has as well.
//!
//! A copy of a library with a dozen changed lines is told by all that did not change. The one decision: a function is the
//! sequence of its tokens without comments, blank lines and doc strings, and with the package's own name taken out, so that
//! a copy that was renamed is the same; what is hidden in it by changing one token makes it another.

use super::{bytes, depth};
use ruff_python_ast::{
    Expr, ModModule, Stmt,
    token::TokenKind,
    visitor::{self, Visitor},
};
use ruff_python_parser::{Mode, Parsed};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_core::Budget;

/// A function of a module, or what a module does outside of all functions (`<module>`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The path of its module. From outside.
    pub module: String,
    /// Its name with those of what it stands in: `Class.method`. From outside.
    pub name: String,
    /// What identifies its tokens.
    pub hash: u64,
    /// How many there are.
    pub tokens: usize,
    /// Where it stands in the text.
    pub range: Range<usize>,
}

/// Functions with fewer tokens are the same in many packages.
const TRIVIAL: usize = 24;

/// Most functions of a package that are kept.
const MOST: usize = 100_000;

/// All functions of a package.
#[derive(Clone, Debug, Default)]
pub struct FunctionIndex {
    functions: Vec<Function>,
    why: Option<String>,
}

/// How much of one package is another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap<'a> {
    /// How many functions of the copy the original has.
    pub shared: usize,
    /// How many functions the copy has.
    pub of: usize,
    /// Those that the original has under the same name, and that say something else.
    pub changed: Vec<&'a Function>,
    /// Those that the original has not.
    pub added: Vec<&'a Function>,
}

impl Overlap<'_> {
    /// The share in whole percent, rounded down.
    pub fn percent(&self) -> usize {
        let hundredfold = self.shared.saturating_mul(100);
        hundredfold.checked_div(self.of).unwrap_or_default()
    }
}

impl FunctionIndex {
    /// Adds a module by its path below the folder of packages; `own` are the names under which the package is imported.
    pub fn add(&mut self, module: &str, source: &str, own: &BTreeSet<String>, budget: &mut Budget) {
        match functions(module, source, own, budget) {
            Ok(found) => {
                let room = MOST.saturating_sub(self.functions.len());
                if found.len() > room {
                    self.why
                        .get_or_insert_with(|| format!("only {MOST} functions were compared"));
                }
                self.functions.extend(found.into_iter().take(room));
            }
            Err(why) => {
                self.why.get_or_insert(why);
            }
        }
    }

    /// All that was added, in that order.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// Why not all of it was read, where that is so.
    pub fn why_not_all(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// How much of `self` is taken from `original`.
    pub fn taken_from(&self, original: &Self) -> Overlap<'_> {
        let mut known: BTreeSet<u64> = BTreeSet::new();
        let mut names: BTreeSet<(&str, &str)> = BTreeSet::new();
        for function in &original.functions {
            known.insert(function.hash);
            names.insert((below(&function.module), &function.name));
        }
        let mut out = Overlap {
            shared: 0,
            of: 0,
            changed: Vec::new(),
            added: Vec::new(),
        };
        for function in self.functions.iter().filter(|f| f.tokens >= TRIVIAL) {
            out.of = out.of.saturating_add(1);
            if known.contains(&function.hash) {
                out.shared = out.shared.saturating_add(1);
            } else if names.contains(&(below(&function.module), function.name.as_str())) {
                out.changed.push(function);
            } else {
                out.added.push(function);
            }
        }
        out
    }
}

/// A module's path below the folder that bears the name of the package.
fn below(module: &str) -> &str {
    module.split_once('/').map_or(module, |(_, rest)| rest)
}

fn functions(
    module: &str,
    source: &str,
    own: &BTreeSet<String>,
    budget: &mut Budget,
) -> Result<Vec<Function>, String> {
    let cost = (source.len() as u64).saturating_mul(super::MEMORY_FACTOR);
    budget
        .steps(source.len() as u64)
        .and_then(|()| budget.check_clock())
        .and_then(|()| budget.memory(cost))
        .map_err(|e| e.to_string())?;
    let (shallow, deepest) = depth::shallow(source, Mode::Module);
    let work = || {
        let code = if shallow.len() > super::LONGEST {
            super::up_to_line(shallow, super::LONGEST)
        } else {
            shallow
        };
        let parsed = super::tree(code, Mode::Module, None);
        Walk::new(source.len()).walk(module, source, own, parsed.as_ref())
    };
    let out = match depth::stack_for(deepest) {
        Some(bytes) => stacker::grow(bytes, work),
        None => work(),
    };
    budget.release(cost);
    Ok(out)
}

/// A function while its tokens pass by.
struct Open {
    name: String,
    range: Range<usize>,
    hash: u64,
    tokens: usize,
}

impl Open {
    fn new(name: String, range: Range<usize>) -> Self {
        Self {
            name,
            range,
            hash: 0xcbf2_9ce4_8422_2325,
            tokens: 0,
        }
    }

    fn take(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.tokens = self.tokens.saturating_add(1);
    }

    fn done(self, module: &str) -> Function {
        Function {
            module: module.to_owned(),
            name: self.name,
            hash: self.hash,
            tokens: self.tokens,
            range: self.range,
        }
    }
}

/// A token without the package's own names, which a copy has changed in names and texts alike.
fn without<'a>(text: &'a str, own: &BTreeSet<String>) -> Cow<'a, str> {
    const SHORTEST: usize = 4;
    let mut out = Cow::Borrowed(text);
    for name in own.iter().take(8) {
        if *out == **name || name.len() >= SHORTEST && out.contains(name.as_str()) {
            out = Cow::Owned(out.replace(name.as_str(), "\u{1}"));
        }
    }
    out
}

/// Finds functions and doc strings, then hands each token to the innermost function round it.
struct Walk {
    around: Vec<String>,
    functions: BTreeMap<usize, Open>,
    docs: BTreeSet<usize>,
    length: usize,
}

/// Of so many names around a function its own name consists at most, so that it stays short however deep it stands.
const NAMES: usize = 6;

impl Walk {
    fn new(length: usize) -> Self {
        Self {
            around: Vec::new(),
            functions: BTreeMap::new(),
            docs: BTreeSet::new(),
            length,
        }
    }

    fn walk(
        mut self,
        module: &str,
        source: &str,
        own: &BTreeSet<String>,
        parsed: Option<&Parsed<ModModule>>,
    ) -> Vec<Function> {
        let Some(parsed) = parsed else {
            return Vec::new();
        };
        self.doc(&parsed.syntax().body);
        for stmt in &parsed.syntax().body {
            self.visit_stmt(stmt);
        }
        let mut out = Vec::new();
        let mut open = vec![Open::new("<module>".to_owned(), 0..self.length)];
        for token in parsed.tokens() {
            let (kind, range) = (token.kind(), bytes(token));
            while open.len() > 1 && open.last().is_some_and(|o| o.range.end <= range.start) {
                out.extend(open.pop().map(|o| o.done(module)));
            }
            // Decorators belong to the function, so it begins with its first token.
            if let Some(function) = self.functions.remove(&range.start) {
                open.push(function);
            }
            let layout = matches!(
                kind,
                TokenKind::Comment | TokenKind::NonLogicalNewline | TokenKind::EndOfFile
            );
            if layout || self.docs.contains(&range.start) && kind == TokenKind::String {
                continue;
            }
            let text = source.get(range).unwrap_or_default();
            let text = match kind {
                TokenKind::Name | TokenKind::String | TokenKind::FStringMiddle => without(text, own),
                TokenKind::Newline => Cow::Borrowed("\u{2}"),
                TokenKind::Indent => Cow::Borrowed("\u{3}"),
                TokenKind::Dedent => Cow::Borrowed("\u{4}"),
                _ => Cow::Borrowed(text),
            };
            if let Some(innermost) = open.last_mut() {
                innermost.take(&text);
            }
        }
        out.extend(open.into_iter().rev().map(|o| o.done(module)));
        out
    }

    fn doc(&mut self, body: &[Stmt]) {
        if let Some(Stmt::Expr(first)) = body.first()
            && let Expr::StringLiteral(text) = first.value.as_ref()
        {
            self.docs.insert(bytes(text).start);
        }
    }

    fn name(&self, own: &str) -> String {
        let outer = self.around.len().saturating_sub(NAMES);
        let mut parts: Vec<&str> = self.around.iter().skip(outer).map(String::as_str).collect();
        parts.push(own);
        parts.join(".")
    }
}

impl<'a> Visitor<'a> for Walk {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let own = match stmt {
            Stmt::FunctionDef(function) => {
                let range = bytes(function);
                if self.functions.len() < MOST {
                    let name = self.name(function.name.as_str());
                    self.functions.insert(range.start, Open::new(name, range));
                }
                self.doc(&function.body);
                function.name.as_str()
            }
            Stmt::ClassDef(class) => {
                self.doc(&class.body);
                class.name.as_str()
            }
            _ => return visitor::walk_stmt(self, stmt),
        };
        self.around.push(own.to_owned());
        visitor::walk_stmt(self, stmt);
        self.around.pop();
    }

    // No function stands in an expression but a lambda, which belongs to what it stands in.
    fn visit_expr(&mut self, _: &'a Expr) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn index(name: &str, source: &str) -> FunctionIndex {
        let mut out = FunctionIndex::default();
        let own: BTreeSet<String> = [name.to_owned()].into();
        out.add(&format!("{name}/core.py"), source, &own, &mut Budget::default());
        out
    }

    const ORIGINAL: &str = "import acme\n\nclass Log:\n    \"\"\"Writes.\"\"\"\n    def write(self, line, *, end='\\n'):\n        # Why.\n        for sink in self.sinks:\n            sink.send(acme.format(line, 'acme.log') + end)\n        return len(line)\n\n    @property\n    def size(self):\n        return sum(len(line) for sink in self.sinks for line in sink.lines if line and sink)\n\ndef make(*sinks):\n    def filled(sink, *more):\n        return sink is not None and all(m.ready for m in more if m is not sink)\n    return Log([acme.wrap(s) for s in sinks if filled(s, *sinks) and s.name != 'none'])\n";

    #[test]
    fn functions_have_their_own_tokens_only() {
        let all: Vec<String> = index("acme", ORIGINAL)
            .functions()
            .iter()
            .map(|f| format!("{} {}", f.name, f.tokens > TRIVIAL))
            .collect();
        assert_eq!(
            all,
            [
                "Log.write true",
                "Log.size true",
                "make.filled true",
                "make true",
                "<module> false"
            ]
        );
    }

    #[test]
    fn a_copy_that_was_renamed_is_the_same_and_its_changes_are_named() {
        let original = index("acme", ORIGINAL);
        let renamed = ORIGINAL
            .replace("acme", "acmee")
            .replace("# Why.\n        ", "")
            .replace("\"\"\"Writes.\"\"\"", "\"\"\"Writes faster.\"\"\"");
        let same = index("acmee", &renamed);
        assert_eq!(same.taken_from(&original).percent(), 100);
        let poisoned = renamed.replace("return len(line)", "exec(line)\n        return len(line)")
            + "\ndef beacon(host):\n    import socket\n    s = socket.socket(); s.connect((host, 443)); s.send(b'x'); s.close()\n    return True\n";
        let poisoned = index("acmee", &poisoned);
        let overlap = poisoned.taken_from(&original);
        let names = |list: &[&Function]| list.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
        assert_eq!((overlap.shared, overlap.of, overlap.percent()), (3, 5, 60));
        assert_eq!(names(&overlap.changed), ["Log.write"]);
        assert_eq!(names(&overlap.added), ["beacon"]);
        let other = index(
            "other",
            "def f(a, b):\n    return [x for x in a if x not in b and x is not None and x != 'other']\n",
        );
        assert_eq!(other.taken_from(&original).percent(), 0);
        assert_eq!(index("x", "").taken_from(&original).percent(), 0);
    }

    #[test]
    fn deep_and_broken_source_is_read_as_far_as_it_goes() {
        let deep = format!("def f():\n    return {}1\n", "(".repeat(100_000));
        assert!(index("x", &deep).functions().len() <= 2);
        let nested: String = (0..90)
            .map(|i| format!("{}def f{i}():\n", " ".repeat(i)))
            .collect();
        assert!(index("x", &nested).functions().len() > 50);
        assert!(index("x", "def f(:\n  pass\n").functions().len() <= 2);
    }

    proptest! {
        #[test]
        fn never_panics(source in any::<String>(), more in "[a-z():=\\n ]{0,200}") {
            let _ = index("x", &source);
            let i = index("x", &format!("def f({more}"));
            let _ = i.taken_from(&i);
        }
    }
}
