//! How deep source nests, measured without recursion before anything that recurses sees it.
//!
//! The measure is an upper bound of the syntax tree's height: open brackets, and in each of them the operators,
//! keywords and postfixes since the last comma. It needs no grammar, so there is no construct it could forget: a
//! token that is not counted is a name, a literal or a comma, and these make no tree higher.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

/// The greatest height that is parsed. CPython's own compiler gives up earlier on most constructs.
pub(super) const LIMIT: usize = 5_000;

/// Up to here an ordinary stack serves.
const ORDINARY: usize = 60;

/// Stack for one level of the tree, in the worst of parsing, walking and dropping, in an unoptimised build.
const BYTES_PER_LEVEL: usize = 24 << 10;

/// How much stack a tree of that height needs, if more than what a thread surely has.
pub(super) fn stack_for(height: usize) -> Option<usize> {
    (height > ORDINARY).then(|| height.saturating_mul(BYTES_PER_LEVEL).saturating_add(4 << 20))
}

/// The part of the source before the first line that nests too deeply, and the height of its tree.
pub(super) fn shallow(code: &str, mode: Mode) -> (&str, usize) {
    shallow_within(code, mode, LIMIT)
}

/// As [`shallow`], with another greatest height.
pub(super) fn shallow_within(code: &str, mode: Mode, limit: usize) -> (&str, usize) {
    let whole = height(code, mode);
    if whole <= limit {
        return (code, whole);
    }
    // The height of a prefix never falls as the prefix grows, so the first line that is too much is found by halving.
    let lines: Vec<usize> = std::iter::once(0)
        .chain(code.match_indices('\n').map(|(at, _)| at.saturating_add(1)))
        .collect();
    let good = lines.partition_point(|end| height(code.get(..*end).unwrap_or_default(), mode) <= limit);
    let end = lines.get(good.saturating_sub(1)).copied().unwrap_or(0);
    let prefix = code.get(..end).unwrap_or_default();
    (prefix, height(prefix, mode))
}

/// An upper bound of the height of the syntax tree.
fn height(code: &str, mode: Mode) -> usize {
    let mut lexer = lexer::lex(code, mode);
    // What is counted in each open bracket since its last comma; the first is outside all brackets.
    let mut levels: Vec<usize> = vec![0];
    let (mut total, mut blocks, mut highest) = (0_usize, 0_usize, 0_usize);
    loop {
        match lexer.next_token() {
            TokenKind::EndOfFile => break,
            TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart => {
                levels.push(0);
                total = total.saturating_add(2);
            }
            TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::FStringEnd
            | TokenKind::TStringEnd => {
                if levels.len() > 1 {
                    let inner = levels.pop().unwrap_or(0);
                    total = total.saturating_sub(inner.saturating_add(2));
                }
                count(&mut levels, &mut total);
            }
            TokenKind::Comma => {
                let here = levels.last_mut().map_or(0, std::mem::take);
                total = total.saturating_sub(here);
            }
            TokenKind::Newline | TokenKind::Semi => {
                levels.clear();
                levels.push(0);
                total = 0;
            }
            TokenKind::Indent => blocks = blocks.saturating_add(1),
            TokenKind::Dedent => blocks = blocks.saturating_sub(1),
            TokenKind::Name
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::Complex
            | TokenKind::String
            | TokenKind::FStringMiddle
            | TokenKind::TStringMiddle
            | TokenKind::Comment
            | TokenKind::NonLogicalNewline => {}
            _ => count(&mut levels, &mut total),
        }
        highest = highest.max(total.saturating_add(blocks.saturating_mul(2)));
    }
    highest
}

fn count(levels: &mut [usize], total: &mut usize) {
    if let Some(last) = levels.last_mut() {
        *last = last.saturating_add(1);
        *total = total.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_is_not_deep() {
        let list = format!("x = [{}]\n", "1, ".repeat(100_000));
        let lines = "x = f(a.b, c)[0] + 1\n".repeat(10_000);
        let words = format!("x = {}\n", "'a' ".repeat(100_000));
        for code in [list, lines, words] {
            assert!(height(&code, Mode::Module) < 20);
        }
    }

    #[test]
    fn what_stands_before_the_depth_is_kept() {
        let code = format!("import a\nx = {}1\ny = 2\n", "(".repeat(100_000));
        assert_eq!(shallow(&code, Mode::Module).0, "import a\n");
    }
}
