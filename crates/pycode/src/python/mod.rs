//! Python source to a [`Module`], by the parser that Ruff uses.
//!
//! Everything that knows the parser's types lives below here and in `eval`. Hostile source is bounded before it is parsed: the
//! parser, the walk over the tree and the dropping of the tree all recurse, so a lexer pass that cannot recurse
//! measures the nesting first, and what goes deeper than [`depth::LIMIT`] is not parsed at all.

mod collect;
mod cookie;
mod depth;
mod fold;
mod functions;
mod names;
mod scope;

pub use cookie::foreign_encoding;
pub use functions::{Function, FunctionIndex, Overlap};
pub use names::names;

use crate::module::{Issue, Module};
use ruff_python_ast::{ModModule, Stmt};
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_cells_unchecked, parse_unchecked};
use ruff_text_size::{Ranged, TextRange, TextSize};
use std::{ops::Range, sync::Arc};
use wellhead_core::{Budget, Exhausted, Outcome, escape};

/// The longest source that is parsed, in bytes. Trees and tokens take some thirty times their source in memory; the
/// largest hand-written modules of the field are below one mebibyte.
const LONGEST: usize = 4 << 20;

/// Roughly how many bytes of memory a byte of source becomes.
const MEMORY_FACTOR: u64 = 30;

/// Source of one artifact, and how its offsets lead back to the artifact's own bytes.
pub(crate) struct Source<'a> {
    /// Python, all cells of a notebook joined by line feeds.
    pub code: &'a str,
    /// The cells, for a notebook.
    pub cells: Option<&'a [Range<usize>]>,
    /// From bytes of `code` to bytes of the artifact.
    pub locate: &'a dyn Fn(Range<usize>) -> Range<usize>,
}

/// Understands Python source.
///
/// Source that is not valid Python is understood as far as the parser recovers, and the outcome says so.
pub fn parse(source: &str, budget: &mut Budget) -> Module {
    let input = Source {
        code: source,
        cells: None,
        locate: &|range| range,
    };
    analyse(&input, Arc::from(source), budget)
}

/// Understands source whose findings belong into `text`.
pub(crate) fn analyse(source: &Source<'_>, text: Arc<str>, budget: &mut Budget) -> Module {
    let mut module = Module::empty(text);
    let cost = (source.code.len().min(LONGEST) as u64).saturating_mul(MEMORY_FACTOR);
    let paid = budget
        .steps(source.code.len() as u64)
        .and_then(|()| budget.memory(cost));
    if let Err(why) = paid {
        module.outcome = Outcome::NotAnalysed { why: why.to_string() };
        return module;
    }
    if let Err(why) = understand(source, &mut module, budget) {
        module.outcome = module.outcome.and(Outcome::Partly { why: why.to_string() });
    }
    budget.release(cost);
    module
}

fn understand(source: &Source<'_>, module: &mut Module, budget: &mut Budget) -> Result<(), Exhausted> {
    let mode = if source.cells.is_some() {
        Mode::Ipython
    } else {
        Mode::Module
    };
    let mut code = source.code;
    if code.len() > LONGEST {
        code = up_to_line(code, LONGEST);
        module.outcome = Outcome::Partly {
            why: format!("only the first {LONGEST} bytes of the source were read"),
        };
    }
    let (shallow, deepest) = depth::shallow(code, mode);
    if shallow.len() < code.len() {
        let line = shallow.bytes().filter(|b| *b == b'\n').count().saturating_add(1);
        module.outcome = Outcome::Partly {
            why: format!("the source nests too deeply from line {line} on"),
        };
        code = shallow;
    }
    budget.check_clock()?;
    let mut work = || read(code, mode, source, module, budget);
    match depth::stack_for(deepest) {
        Some(bytes) => stacker::grow(bytes, work),
        None => work(),
    }
}

/// Parses and walks; the tree is dropped before this returns, on the same stack.
fn read(
    code: &str,
    mode: Mode,
    source: &Source<'_>,
    module: &mut Module,
    budget: &mut Budget,
) -> Result<(), Exhausted> {
    let Some(parsed) = tree(code, mode, source.cells) else {
        return Ok(());
    };
    for error in parsed.errors() {
        module.issues.push(Issue {
            message: escape(&error.error.to_string()),
            range: (source.locate)(bytes(error.location)),
        });
    }
    if let Some(first) = module.issues.first() {
        let line = line_of(&module.text, first.range.start);
        let why = format!("not valid Python at line {line}: {}", first.message);
        module.outcome =
            std::mem::replace(&mut module.outcome, Outcome::Analysed).and(Outcome::Partly { why });
    }
    budget.check_clock()?;
    let scopes = scope::bind(parsed.syntax());
    collect::collect(parsed.syntax(), &scopes, source, module, budget)
}

/// A syntax tree, and how much of the source it is.
#[derive(Debug)]
pub(crate) struct Syntax {
    tree: Option<ModModule>,
    errors: usize,
    /// Whether it is all of the source.
    pub outcome: Outcome,
}

impl Syntax {
    /// The statements.
    pub(crate) fn body(&self) -> &[Stmt] {
        self.tree.as_ref().map_or(&[], |tree| &tree.body)
    }

    /// How many places are not Python.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }
}

/// The tree of source that nests up to `deepest`. The caller has stack for a tree of that height, and drops it there.
pub(crate) fn syntax(source: &str, deepest: usize) -> Syntax {
    let mut code = source;
    let mut outcome = Outcome::Analysed;
    if code.len() > LONGEST {
        code = up_to_line(code, LONGEST);
        outcome = Outcome::Partly {
            why: format!("only the first {LONGEST} bytes of the source were read"),
        };
    }
    if let Some(encoding) = foreign_encoding(code) {
        let why = format!(
            "it was read as UTF-8, and Python reads it as {}",
            wellhead_core::code(encoding)
        );
        outcome = outcome.and(Outcome::Partly { why });
    }
    let (shallow, _) = depth::shallow_within(code, Mode::Module, deepest);
    if shallow.len() < code.len() {
        let line = line_of(code, shallow.len());
        outcome = outcome.and(Outcome::Partly {
            why: format!("the source nests too deeply from line {line} on"),
        });
        code = shallow;
    }
    let parsed = tree(code, Mode::Module, None);
    if let Some(first) = parsed.as_ref().and_then(|p| p.errors().first()) {
        let line = line_of(code, bytes(first.location).start);
        let why = format!(
            "not valid Python at line {line}: {}",
            escape(&first.error.to_string())
        );
        outcome = outcome.and(Outcome::Partly { why });
    }
    // The tokens are larger than the tree.
    let errors = parsed.as_ref().map_or(0, |p| p.errors().len());
    Syntax {
        tree: parsed.map(Parsed::into_syntax),
        errors,
        outcome,
    }
}

fn tree(code: &str, mode: Mode, cells: Option<&[Range<usize>]>) -> Option<Parsed<ModModule>> {
    let options = ParseOptions::from(mode);
    let Some(cells) = cells else {
        return parse_unchecked(code, options).try_into_module();
    };
    let ranges = cells.iter().filter_map(|cell| {
        let end = cell.end.min(code.len());
        let start = u32::try_from(cell.start.min(end)).ok()?;
        Some(TextRange::new(
            TextSize::new(start),
            TextSize::new(u32::try_from(end).ok()?),
        ))
    });
    Some(parse_cells_unchecked(code, ranges, &options))
}

/// The longest prefix of whole lines within `most` bytes.
fn up_to_line(code: &str, most: usize) -> &str {
    let mut end = most.min(code.len());
    while !code.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let cut = code.get(..end).unwrap_or_default();
    let line = cut.rfind('\n').map_or(0, |at| at.saturating_add(1));
    cut.get(..line).unwrap_or_default()
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at.min(text.len())).unwrap_or_default();
    before.iter().filter(|b| **b == b'\n').count().saturating_add(1)
}

pub(crate) fn bytes(range: impl Ranged) -> Range<usize> {
    let range = range.range();
    range.start().to_usize()..range.end().to_usize()
}

#[cfg(test)]
mod tests;
