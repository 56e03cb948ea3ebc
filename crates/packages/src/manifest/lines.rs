//! Logical lines of a requirements file, cut exactly as pip cuts them.
//!
//! pip uses Python's `splitlines`, which also ends lines at form feeds and at U+2028. A reader that knows only `\n`
//! would take what follows one of these in a comment for a part of the comment, and miss what gets installed.

use std::ops::Range;

/// One logical line: the text that pip judges, and where it comes from.
pub(super) struct Logical {
    /// The joined text without its comment.
    pub(super) text: String,
    /// The comment with its `#`, if there is one.
    pub(super) comment: String,
    /// All its bytes in the file.
    pub(super) span: Range<usize>,
    /// Where pieces of `text` start in the file: (byte in `text`, byte in the file).
    pieces: Vec<(usize, usize)>,
}

impl Logical {
    /// A line that another file holds as a value, with its place; `start` is where its text stands there as it is.
    pub(super) fn alone(text: &str, span: Range<usize>, start: Option<usize>) -> Self {
        let mut line = Self {
            text: text.to_owned(),
            comment: String::new(),
            span,
            pieces: start.map(|at| (0, at)).into_iter().collect(),
        };
        if let Some(at) = comment_start(&line.text) {
            line.comment = line.text.split_off(at);
        }
        line
    }

    /// A line that another file holds in several parts of its text, one behind the other.
    pub(super) fn joined(text: &str, parts: &[Range<usize>]) -> Self {
        let mut joined = String::new();
        let mut pieces = Vec::new();
        for part in parts {
            pieces.push((joined.len(), part.start));
            joined.push_str(text.get(part.clone()).unwrap_or_default());
        }
        let from = parts.first().map_or(0, |p| p.start);
        let span = from..parts.last().map_or(from, |p| p.end);
        let mut line = Self::alone(&joined, span, None);
        line.pieces = pieces;
        line
    }

    /// The same line of a text with `by` more bytes in front.
    pub(super) fn shifted(mut self, by: usize) -> Self {
        self.span = self.span.start.saturating_add(by)..self.span.end.saturating_add(by);
        for (_, file) in &mut self.pieces {
            *file = file.saturating_add(by);
        }
        self
    }

    /// The bytes in the file of a part of the text, cut to the physical line on which the part starts.
    pub(super) fn place(&self, part: Range<usize>) -> Range<usize> {
        let at = self
            .pieces
            .partition_point(|(start, _)| *start <= part.start)
            .saturating_sub(1);
        let Some((piece, file)) = self.pieces.get(at).copied() else {
            return self.span.clone();
        };
        let next = at.checked_add(1).and_then(|n| self.pieces.get(n));
        let end = next.map_or(part.end, |(start, _)| part.end.min(*start));
        let here = |byte: usize| file.saturating_add(byte.saturating_sub(piece));
        let trimmed = self
            .text
            .get(part.start..end)
            .map_or(0, |t| t.len().saturating_sub(t.trim_end().len()));
        here(part.start)..here(end.saturating_sub(trimmed))
    }
}

/// Physical lines with their start, as Python's `str.splitlines` cuts them.
fn physical(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|r| !r.is_empty())?;
        let start = at;
        let end = rest.find(ends_line).unwrap_or(rest.len());
        let line = rest.get(..end)?;
        let after = rest.get(end..)?;
        let skip = if after.starts_with("\r\n") {
            2
        } else {
            after.chars().next().map_or(0, char::len_utf8)
        };
        at = at.saturating_add(end).saturating_add(skip);
        Some((start, line))
    })
}

fn ends_line(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\x0b' | '\x0c' | '\x1c' | '\x1d' | '\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Where the comment starts: a `#` at the beginning, or after white space.
fn comment_start(line: &str) -> Option<usize> {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return Some(at);
        }
        before = c;
    }
    None
}

/// The logical lines of a text, one after the other.
pub(super) fn each_line(text: &str, mut take: impl FnMut(Logical) -> bool) {
    let mut open: Option<Logical> = None;
    for (start, line) in physical(text) {
        let is_comment = line.trim_start().starts_with('#');
        let continues = line.ends_with('\\') && !is_comment;
        let (body, shift) = if continues {
            let bare = line.trim_start_matches('\\');
            (bare.trim_end_matches('\\'), line.len().saturating_sub(bare.len()))
        } else {
            (line, 0)
        };
        let logical = open.get_or_insert_with(|| Logical {
            text: String::new(),
            comment: String::new(),
            span: start..start,
            pieces: Vec::new(),
        });
        if is_comment && !logical.text.is_empty() {
            // pip puts a space there so that the comment is one.
            logical.text.push(' ');
        }
        logical
            .pieces
            .push((logical.text.len(), start.saturating_add(shift)));
        logical.text.push_str(body);
        logical.span.end = start.saturating_add(line.len());
        if !continues
            && let Some(done) = open.take()
            && !take(finish(done))
        {
            return;
        }
    }
    if let Some(done) = open.take() {
        take(finish(done));
    }
}

/// The logical lines of a text.
#[cfg(test)]
pub(super) fn logical_lines(text: &str) -> Vec<Logical> {
    let mut out = Vec::new();
    each_line(text, |line| {
        out.push(line);
        true
    });
    out
}

fn finish(mut line: Logical) -> Logical {
    if let Some(at) = comment_start(&line.text) {
        line.comment = line.text.split_off(at);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_cut_as_pip_cuts_them() {
        let shown = |text: &str| -> Vec<String> {
            logical_lines(text)
                .iter()
                .map(|l| format!("{}|{}", l.text.trim(), l.comment))
                .collect()
        };
        for (text, lines) in [
            ("a\nb\r\nc\rd", vec!["a|", "b|", "c|", "d|"]),
            ("a # one\n#b\n", vec!["a|# one", "|#b"]),
            ("a#egg=x\n", vec!["a#egg=x|"]),
            ("a \\\n  ==1\nb", vec!["a   ==1|", "b|"]),
            (
                "# hidden\x0cevil\u{2028}more",
                vec!["|# hidden", "evil|", "more|"],
            ),
            ("a \\\n# ends it\nb", vec!["a|# ends it", "b|"]),
            ("# not continued \\\nb", vec!["|# not continued \\", "b|"]),
            ("a \\", vec!["a|"]),
        ] {
            assert_eq!(shown(text), lines, "{text:?}");
        }
    }

    #[test]
    fn parts_are_found_again_in_the_file() {
        let text = "x\naiohttp \\\n    ==3.9.1\n";
        let lines = logical_lines(text);
        let l = &lines[1];
        let at = l.text.find("==").unwrap();
        assert_eq!(&text[l.place(at..l.text.len())], "==3.9.1");
        assert_eq!(&text[l.place(0..l.text.len())], "aiohttp");
    }

    proptest! {
        #[test]
        fn every_line_lies_in_the_text_in_order(text in "[ab \\\\#\n\r\x0c\u{2028}]{0,60}") {
            let mut last = 0;
            for l in logical_lines(&text) {
                prop_assert!(l.span.start >= last && l.span.end <= text.len());
                prop_assert!(text.get(l.place(0..l.text.len())).is_some());
                last = l.span.end;
            }
        }
    }
}
