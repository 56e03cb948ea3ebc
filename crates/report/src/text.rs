//! Text at the edge: escaped once more, cut, wrapped and aligned by what a terminal shows.
//!
//! Core escapes what comes from outside, but a saved report that is rendered again was written by whoever had the
//! file. So every string passes [`clean`] on its way out, whatever core promised.

use std::ops::Range;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use wellhead_core::escape;

/// Longest text that is shown for one field, in characters.
const MAX_TEXT: usize = 2_000;

/// Characters that this crate uses to mark places in rendered snippets; none comes in from outside.
pub(crate) const RESERVED: Range<char> = '\u{e000}'..'\u{e800}';

/// Text that is safe on a terminal, and holds none of the [`RESERVED`] characters.
pub(crate) fn clean(text: &str) -> String {
    let text = match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    };
    clean_all(&text)
}

/// [`clean`] without a limit of length; works character by character.
pub(crate) fn clean_all(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape(text).chars() {
        if RESERVED.contains(&c) {
            out.push_str(&format!("\\u{{{:x}}}", c as u32));
        } else {
            out.push(c);
        }
    }
    out
}

/// How many columns a terminal needs for `text`.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts `text` to `max` columns, with an ellipsis where something is missing.
pub(crate) fn cut(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub(1);
    let mut used = 0_usize;
    let mut out = String::new();
    for c in text.chars() {
        used = used.saturating_add(c.width().unwrap_or(0));
        if used > room {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// Fills `text` up to `to` columns.
pub(crate) fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

/// Right-aligns `text` in `to` columns.
pub(crate) fn pad_left(text: &str, to: usize) -> String {
    format!("{}{text}", " ".repeat(to.saturating_sub(width(text))))
}

/// Breaks `text` at spaces into lines of at most `max` columns. A word that is longer stays whole, so that paths and
/// commands can be copied, unless it is longer than two lines.
pub(crate) fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(16);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let needed = width(&line).saturating_add(width(word));
        if !line.is_empty() && needed.saturating_add(1) > max {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        if width(word) <= max.saturating_mul(2) {
            line.push_str(word);
            continue;
        }
        for c in word.chars() {
            if width(&line) >= max {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// `1 file`, `2 files`.
pub(crate) fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

/// `31,204`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len().saturating_add(6));
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && digits.len().saturating_sub(i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_wide_characters_count_two() {
        assert_eq!(
            wrap("one two three four five", 16),
            ["one two three", "four five"]
        );
        assert_eq!(wrap("漢字漢字漢字 漢字漢字", 16), ["漢字漢字漢字", "漢字漢字"]);
        assert_eq!(wrap("", 16), [""]);
        let word = "x".repeat(100);
        assert_eq!(wrap(&word, 16).len(), 7);
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(pad("漢", 4), "漢  ");
    }

    #[test]
    fn nothing_passes_that_could_steer_a_terminal_or_this_crate() {
        assert_eq!(clean("\x1b[2J\u{202e}\u{e000}"), "\\x1b[2J\\u{202e}\\u{e000}");
        assert_eq!(clean(&"é".repeat(3_000)).chars().count(), MAX_TEXT + 1);
    }

    #[test]
    fn thousands_are_parted() {
        for (n, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(n), shown);
        }
    }
}
