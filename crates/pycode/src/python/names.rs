//! Which names stand in source, without understanding it.
//!
//! For comparing source with what claims to be compiled from it: a compiler takes every name from a token that is no
//! comment and no text, so a name that is in none of them did not come from this source.

use super::{LONGEST, MEMORY_FACTOR, depth, up_to_line};
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged;
use std::collections::BTreeSet;
use wellhead_core::{Budget, Exhausted};

/// The names in source, each once, and whether all of it was read. Keywords that are names elsewhere count as names.
///
/// # Errors
/// When the budget ran out.
pub fn names(source: &str, budget: &mut Budget) -> Result<(BTreeSet<String>, bool), Exhausted> {
    let cost = (source.len().min(LONGEST) as u64).saturating_mul(MEMORY_FACTOR);
    budget.steps(source.len() as u64)?;
    budget.memory(cost)?;
    let code = if source.len() > LONGEST {
        up_to_line(source, LONGEST)
    } else {
        source
    };
    let (shallow, deepest) = depth::shallow(code, Mode::Module);
    let work = || collect(shallow);
    let found = match depth::stack_for(deepest) {
        Some(bytes) => stacker::grow(bytes, work),
        None => work(),
    };
    budget.release(cost);
    Ok((found, shallow.len() == source.len()))
}

/// The parser is asked for its tokens, since its lexer alone tells no places; the tree is dropped on the same stack.
fn collect(code: &str) -> BTreeSet<String> {
    let parsed = parse_unchecked(code, ParseOptions::from(Mode::Module));
    let mut found = BTreeSet::new();
    for token in parsed.tokens() {
        let silent = matches!(
            token.kind(),
            TokenKind::String | TokenKind::Comment | TokenKind::FStringMiddle | TokenKind::TStringMiddle
        );
        let range = token.range();
        let text = code
            .get(range.start().to_usize()..range.end().to_usize())
            .unwrap_or_default();
        let named = text.starts_with(|c: char| c == '_' || c.is_alphabetic())
            && text.chars().all(|c| c == '_' || c.is_alphanumeric());
        if !silent && named && !found.contains(text) {
            found.insert(text.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_hold_no_names() {
        let source = "import os  # exec\nx = 'eval' f'{y.z!r} w'\nmatch = [type]\n";
        let (names, whole) = names(source, &mut Budget::default()).unwrap();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(names, ["import", "match", "os", "r", "type", "x", "y", "z"]);
        assert!(whole);
    }
}
