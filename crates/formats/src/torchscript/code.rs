//! The code of a TorchScript module, and the table of operators of its mobile form.

use super::operator;
use crate::{
    bytes::u32_at,
    document::Opened,
    graph::{Framework, Graph, Place},
    model::{Model, Opening},
    open::read_text,
};
use std::{collections::BTreeMap, ops::Range};
use wellhead_core::{Budget, Exhausted, Outcome};

/// How much of a call is searched for what it is given.
const ARGUMENTS: usize = 1024;
/// Largest table that is looked through.
const TABLE: usize = 32 << 20;
/// How many names of constants are kept.
const CONSTANTS: usize = 4096;
/// Longest constant that is kept.
const CONSTANT: usize = 512;

/// Opens code, or the mobile form's `bytecode.pkl` for its operators.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let mut graph = Graph::new(Framework::Torch);
    let partly = |why: Exhausted| Outcome::Partly { why: why.to_string() };
    let is_table = opening.name.ends_with(".pkl") || opening.name.contains(".pkl ");
    let outcome = if is_table {
        let size = usize::try_from(opening.blob.len())
            .unwrap_or(usize::MAX)
            .min(TABLE);
        match opening.blob.bytes(0, size) {
            Err(e) => Outcome::NotAnalysed { why: e.to_string() },
            Ok(bytes) => table(&bytes, &mut graph, budget).map_or_else(partly, |()| Outcome::Analysed),
        }
    } else {
        match read_text(opening.blob, budget) {
            Err(why) => Outcome::NotAnalysed { why },
            Ok((file, outcome)) => {
                let mut scan = Scan {
                    text: &file.text,
                    graph,
                    constants: BTreeMap::new(),
                    function: String::new(),
                };
                let done = scan.code(budget);
                graph = scan.graph;
                outcome.and(done.map_or_else(partly, |()| Outcome::Analysed))
            }
        }
    };
    model.graph = graph;
    model.opened(Vec::new(), outcome, opening)
}

struct Scan<'t> {
    text: &'t str,
    graph: Graph,
    /// Strings that a name stands for, as the printer of TorchScript lifts them out of calls.
    constants: BTreeMap<&'t str, &'t str>,
    /// The function that is being read.
    function: String,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'t> Scan<'t> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn slice(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }

    /// Where a run of bytes that fit ends.
    fn run(&self, from: usize, fits: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(from..).unwrap_or_default();
        let n = rest.iter().position(|b| !fits(*b)).unwrap_or(rest.len());
        from.saturating_add(n)
    }

    /// The place behind the string that begins at `at`.
    fn string(&self, at: usize) -> usize {
        let quote = self.byte(at).unwrap_or(b'"');
        let mut at = at.saturating_add(1);
        while let Some(byte) = self.byte(at) {
            at = at.saturating_add(1);
            if byte == b'\\' {
                at = at.saturating_add(1);
            } else if byte == quote || byte == b'\n' {
                break;
            }
        }
        at
    }

    fn code(&mut self, budget: &mut Budget) -> Result<(), Exhausted> {
        let mut at = 0_usize;
        // Something that a name may be an attribute of.
        let mut behind_value = false;
        let mut assigned: Option<&str> = None;
        let mut previous = "";
        while let Some(byte) = self.byte(at) {
            budget.steps(1)?;
            match byte {
                b'#' => at = self.run(at, |b| b != b'\n'),
                b'"' | b'\'' => {
                    let end = self.string(at);
                    if let Some(name) = assigned.take()
                        && self.constants.len() < CONSTANTS
                        && end.saturating_sub(at) <= CONSTANT
                    {
                        self.constants.insert(name, self.slice(at..end));
                    }
                    at = end;
                    behind_value = true;
                }
                b'^' => {
                    let end = self.run(at.saturating_add(1), |b| is_word(b) || b == b'.');
                    self.python(at..end, budget)?;
                    at = end.max(at.saturating_add(1));
                    behind_value = false;
                }
                b if b.is_ascii_alphabetic() || b == b'_' => {
                    let end = self.run(at, |b| is_word(b) || b == b'.');
                    let path = self.slice(at..end);
                    if previous == "def" {
                        self.function = path.chars().take(64).collect();
                    }
                    if !behind_value || self.byte(at.wrapping_sub(1)) != Some(b'.') {
                        self.path(path, at..end, budget)?;
                    }
                    let next = self.run(end, |b| b == b' ');
                    let is_assigned =
                        self.byte(next) == Some(b'=') && self.byte(next.saturating_add(1)) != Some(b'=');
                    assigned = is_assigned.then_some(path);
                    previous = path;
                    behind_value = true;
                    at = end;
                }
                b => {
                    behind_value = match b {
                        b')' | b']' | b'.' => true,
                        b' ' => behind_value,
                        _ => false,
                    };
                    if !matches!(b, b' ' | b'=') {
                        assigned = None;
                    }
                    at = at.saturating_add(1);
                }
            }
        }
        Ok(())
    }

    /// `^name(constants)(inputs)` is how a call back into Python is printed.
    fn python(&mut self, range: Range<usize>, budget: &mut Budget) -> Result<(), Exhausted> {
        let before = self
            .text
            .get(..range.start)
            .unwrap_or_default()
            .trim_end_matches(' ');
        let name = self.slice(range.start.saturating_add(1)..range.end);
        let begins = before.is_empty() || before.ends_with(['=', '(', ',', '\n']);
        if name.is_empty() || !begins || self.byte(range.end) != Some(b'(') {
            return Ok(());
        }
        let mut op = operator("prim", "PythonOp", place(&range), &self.scope());
        op.attributes.push(("callable".to_owned(), name.to_owned()));
        self.graph.operator_of_its_own(op, budget)
    }

    fn scope(&self) -> String {
        if self.function.is_empty() {
            String::new()
        } else {
            format!("function {}", self.function)
        }
    }

    fn path(&mut self, path: &str, range: Range<usize>, budget: &mut Budget) -> Result<(), Exhausted> {
        // A class of a native library, as a type or where one is made.
        if let Some(class) = path
            .strip_prefix("__torch__.torch.classes.")
            .or_else(|| path.strip_prefix("torch.classes."))
        {
            let (domain, name) = class.split_once('.').unwrap_or((class, "class"));
            let op = operator(domain, name, place(&range), &self.scope());
            return self.graph.operator(op, budget);
        }
        if self.byte(self.run(range.end, |b| b == b' ')) != Some(b'(') {
            return Ok(());
        }
        let (domain, name) = match path
            .strip_prefix("torch.ops.")
            .or_else(|| path.strip_prefix("ops."))
        {
            Some(rest) => match rest.split_once('.') {
                Some(split) => split,
                None => return Ok(()),
            },
            None => match path.strip_prefix("torch.") {
                Some(name) if !name.contains('.') => ("aten", name),
                _ => return Ok(()),
            },
        };
        let mut op = operator(domain, name, place(&range), &self.scope());
        let touches_files = ["save", "file", "load", "read", "write", "open", "url", "path"];
        if !touches_files.iter().any(|w| name.contains(w)) {
            return self.graph.operator(op, budget);
        }
        budget.steps(ARGUMENTS as u64)?;
        if let Some(target) = self.argument(range.end) {
            op.attributes.push(("file".to_owned(), target));
        }
        self.graph.operator_of_its_own(op, budget)
    }

    /// The first text that a call is given.
    fn argument(&self, from: usize) -> Option<String> {
        let mut at = from;
        let limit = from.saturating_add(ARGUMENTS);
        while at < limit {
            match self.byte(at)? {
                b'\n' => return None,
                b'"' | b'\'' => {
                    let text = self.slice(at..self.string(at));
                    return Some(unquoted(text));
                }
                b if is_word(b) => {
                    let end = self.run(at, is_word);
                    if let Some(text) = self.constants.get(self.slice(at..end)) {
                        return Some(unquoted(text));
                    }
                    at = end;
                }
                _ => at = at.saturating_add(1),
            }
        }
        None
    }
}

/// Names as schemas write them, `aten::add`, in a pickle of them: each is a text with its length before it.
fn table(bytes: &[u8], graph: &mut Graph, budget: &mut Budget) -> Result<(), Exhausted> {
    let mut at = 0_usize;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.windows(2).position(|w| w == b"::"))
    {
        let middle = at.saturating_add(found);
        budget.steps(8_u64.saturating_add(found as u64 / 16))?;
        let head = bytes.get(at..middle).unwrap_or_default();
        let back = head.iter().rev().take(64).take_while(|b| is_word(**b)).count();
        // Of the places where the text may begin, the one behind its length.
        let start = (0..=back)
            .rev()
            .map(|n| middle.saturating_sub(n))
            .find_map(|start| {
                let long = start
                    .checked_sub(5)
                    .and_then(|p| Some((*bytes.get(p)? == b'X', u32_at(bytes, p.saturating_add(1))?)));
                let short = start.checked_sub(2).and_then(|p| {
                    Some((
                        *bytes.get(p)? == 0x8c,
                        u32::from(*bytes.get(p.saturating_add(1))?),
                    ))
                });
                let length = [long, short].into_iter().flatten().find(|(fits, _)| *fits)?.1;
                let end = start.saturating_add(usize::try_from(length).ok()?);
                (end > middle.saturating_add(2) && length < 256).then_some(start..end)
            });
        let Some(range) = start else {
            at = middle.saturating_add(2);
            continue;
        };
        let text = String::from_utf8_lossy(bytes.get(range.clone()).unwrap_or_default()).into_owned();
        if let Some((domain, name)) = text.split_once("::") {
            graph.operator(operator(domain, name, place(&range), ""), budget)?;
        }
        at = range.end.max(middle.saturating_add(2));
    }
    Ok(())
}

fn unquoted(text: &str) -> String {
    text.trim_matches(['"', '\'']).to_owned()
}

fn place(range: &Range<usize>) -> Place {
    Place {
        offset: range.start as u64,
        length: range.end.saturating_sub(range.start) as u64,
    }
}
