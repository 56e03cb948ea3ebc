//! Where a finding is, and the lines that show it.
//!
//! A location is an artifact, a span and an owned excerpt. The excerpt of a binary file is its disassembly, header
//! or listing, so every renderer shows the same lines and nothing is opened again.

use crate::{artifact::ArtifactPath, rule::named, untrusted::escape};
use std::ops::Range;

/// A position in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct TextPosition {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// The part of an artifact that is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Span {
    /// All of it.
    Whole,
    /// Text, from `start` up to but without `end`; `offset` and `length` count bytes.
    Text {
        /// Where it starts.
        start: TextPosition,
        /// Where it ends (exclusive).
        end: TextPosition,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// Bytes of a binary artifact.
    Bytes {
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// A place in a structure that has no bytes of its own: a header of an answer, an entry of a listing.
    Logical {
        /// The place, for people: `response header "server"`.
        path: String,
    },
}

named!(
    /// What the lines of an excerpt are.
    ExcerptKind, "excerpt kind", {
        /// Text of the artifact itself.
        Source = "source",
        /// Opcodes of a pickle.
        Disassembly = "disassembly",
        /// Fields of a binary header.
        Header = "header",
        /// Members of a container.
        Listing = "listing",
        /// What a service answered.
        Response = "response",
    }
);

/// One line of an excerpt.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExcerptLine {
    /// Its number: of the line, or of the opcode.
    pub number: u32,
    /// Its text, escaped.
    pub text: String,
}

/// A labelled part of one line of an excerpt.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// The number of the line.
    pub line: u32,
    /// The part of the line's text, in bytes; always on character boundaries.
    pub range: Range<usize>,
    /// What is to be said of it.
    pub label: String,
    /// Whether this is the place itself, or one that explains it.
    pub primary: bool,
}

/// The lines that show a location, with marks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Excerpt {
    /// What the lines are.
    pub kind: ExcerptKind,
    /// Lines in ascending order; numbers may have gaps.
    pub lines: Vec<ExcerptLine>,
    /// Marks on these lines.
    pub marks: Vec<Mark>,
}

impl Excerpt {
    /// An excerpt without lines.
    pub fn new(kind: ExcerptKind) -> Self {
        Self {
            kind,
            lines: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Adds a line (escaping it) unless one of that number is there already; lines stay in order.
    pub fn push_line(&mut self, number: u32, text: &str) {
        if let Err(at) = self.lines.binary_search_by_key(&number, |l| l.number) {
            self.lines.insert(
                at,
                ExcerptLine {
                    number,
                    text: escape(text),
                },
            );
        }
    }

    /// Marks the first place where `part` (raw text) stands in the line, or the whole line where it does not.
    pub fn mark(&mut self, line: u32, part: &str, label: impl Into<String>, primary: bool) {
        let Some(text) = self
            .lines
            .iter()
            .find(|l| l.number == line)
            .map(|l| l.text.as_str())
        else {
            return;
        };
        let part = escape(part);
        let range = match text.find(&part) {
            Some(at) if !part.is_empty() => at..at.saturating_add(part.len()),
            _ => {
                let start = text.len().saturating_sub(text.trim_start().len());
                start..text.trim_end().len().max(start)
            }
        };
        self.marks.push(Mark {
            line,
            range,
            label: label.into(),
            primary,
        });
    }
}

/// A place, with what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Location {
    /// The artifact.
    pub artifact: ArtifactPath,
    /// The part that is meant.
    pub span: Span,
    /// What is to be said of it, in a few words; may be empty.
    pub label: String,
    /// The lines that show it.
    pub excerpt: Option<Excerpt>,
}

/// Where the lines of a text begin: counted once, so that a lock of thousands of packages is not counted anew for
/// each of them. Characters are counted as well, since a minified file has one line of megabytes.
#[derive(Clone, Debug)]
pub struct Lines {
    starts: Vec<usize>,
    /// Characters in front of every [`STEP`] bytes.
    chars: Vec<usize>,
}

/// How far apart counted places are, in bytes.
const STEP: usize = 4 << 10;

impl Lines {
    /// Where each line starts; a test tells by it whether lines were counted anew.
    #[cfg(test)]
    pub(crate) fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Counts the lines of `text`.
    pub fn new(text: &str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let mut before = 0_usize;
        let chunks = text.as_bytes().chunks(STEP).map(|chunk| {
            let here = before;
            before = before.saturating_add(begun(chunk));
            here
        });
        Self {
            chars: chunks.collect(),
            starts: std::iter::once(0)
                .chain(after.map(|(i, _)| i.saturating_add(1)))
                .collect(),
        }
    }

    /// The line that holds byte `at`.
    fn line_of(&self, text: &str, at: usize) -> Line {
        let line = self
            .starts
            .partition_point(|start| *start <= at)
            .saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let end = match self.starts.get(line.saturating_add(1)) {
            Some(next) => {
                let whole = text.get(start..next.saturating_sub(1)).unwrap_or_default();
                start.saturating_add(whole.strip_suffix('\r').unwrap_or(whole).len())
            }
            None => text.len(),
        };
        // Most lines are shorter than what lies between two counted places.
        let column = match text.as_bytes().get(start..at) {
            Some(before) if before.len() < STEP => begun(before),
            _ => self
                .chars_before(text, at)
                .saturating_sub(self.chars_before(text, start)),
        };
        Line {
            number: count(line),
            start,
            end,
            column: count(column),
        }
    }

    fn chars_before(&self, text: &str, at: usize) -> usize {
        let chunk = at / STEP;
        let from = chunk.saturating_mul(STEP);
        let rest = text.as_bytes().get(from..at).unwrap_or_default();
        // At the end of a text whose length is a multiple of the step there is no chunk any more.
        let known = self.chars.get(chunk).copied().unwrap_or_else(|| {
            let last = self.chars.len().saturating_sub(1);
            let tail = text
                .as_bytes()
                .get(last.saturating_mul(STEP)..)
                .unwrap_or_default();
            self.chars.last().map_or(0, |n| n.saturating_add(begun(tail)))
        });
        known.saturating_add(begun(rest))
    }
}

/// How many characters begin in these bytes.
fn begun(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| (**b & 0xc0) != 0x80).count()
}

/// A line of a text, seen from a byte in it.
#[derive(Clone, Copy)]
struct Line {
    /// Its number, from 1.
    number: u32,
    /// Its first byte.
    start: usize,
    /// The byte behind its last, without what ends it.
    end: usize,
    /// The column of the byte, from 1.
    column: u32,
}

/// Longest line that an excerpt quotes, in bytes; minified files have one line of megabytes.
const MAX_LINE: usize = 400;

impl Location {
    /// The whole of an artifact.
    pub fn whole(artifact: &ArtifactPath, label: impl Into<String>) -> Self {
        Self {
            artifact: artifact.clone(),
            span: Span::Whole,
            label: label.into(),
            excerpt: None,
        }
    }

    /// Bytes of a binary artifact.
    pub fn bytes(artifact: &ArtifactPath, offset: u64, length: u64, label: impl Into<String>) -> Self {
        Self {
            span: Span::Bytes { offset, length },
            ..Self::whole(artifact, label)
        }
    }

    /// A part of a text, by its byte range, with the lines it stands on as the excerpt.
    ///
    /// A range outside the text, or inside a character, is moved to the nearest place that exists.
    pub fn text(artifact: &ArtifactPath, text: &str, range: Range<usize>, label: impl Into<String>) -> Self {
        Self::text_by(artifact, text, range, label.into(), &|at| line_of(text, at))
    }

    /// The same for many places of one text, whose lines were counted once.
    pub fn text_in(
        artifact: &ArtifactPath,
        text: &str,
        lines: &Lines,
        range: Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        Self::text_by(artifact, text, range, label.into(), &|at| lines.line_of(text, at))
    }

    fn text_by(
        artifact: &ArtifactPath,
        text: &str,
        range: Range<usize>,
        label: String,
        line_of: &dyn Fn(usize) -> Line,
    ) -> Self {
        let start = floor_char(text, range.start);
        let end = floor_char(text, range.end.max(range.start)).max(start);
        let first = line_of(start);
        let last = if end > start { line_of(end) } else { first };
        let span = Span::Text {
            start: TextPosition {
                line: first.number,
                column: first.column,
            },
            end: TextPosition {
                line: last.number,
                column: last.column,
            },
            offset: start as u64,
            length: end.saturating_sub(start) as u64,
        };
        let mut excerpt = Excerpt::new(ExcerptKind::Source);
        let line = text.get(first.start..first.end).unwrap_or_default();
        let from = start.saturating_sub(first.start).min(line.len());
        let to = end.saturating_sub(first.start).clamp(from, line.len());
        let (shown, mark) = clip(line, from..to);
        excerpt.lines.push(ExcerptLine {
            number: first.number,
            text: shown,
        });
        excerpt.marks.push(Mark {
            line: first.number,
            range: mark,
            label: label.clone(),
            primary: true,
        });
        Self {
            artifact: artifact.clone(),
            span,
            label,
            excerpt: Some(excerpt),
        }
    }

    /// Adds a second labelled part of the same text to the excerpt.
    #[must_use]
    pub fn and(self, text: &str, range: Range<usize>, label: impl Into<String>) -> Self {
        let other = Self::text(&self.artifact, text, range, label);
        self.joined(other)
    }

    /// Takes what another place of the same text shows into the excerpt.
    pub fn joined(mut self, other: Self) -> Self {
        match (self.excerpt.as_mut(), other.excerpt) {
            (Some(mine), Some(theirs)) => {
                for line in theirs.lines {
                    if let Err(at) = mine.lines.binary_search_by_key(&line.number, |l| l.number) {
                        mine.lines.insert(at, line);
                    }
                }
                // A mark is only valid on the line it was computed on: a clipped line may differ.
                for mut mark in theirs.marks {
                    let fits = mine
                        .lines
                        .iter()
                        .any(|l| l.number == mark.line && l.text.get(mark.range.clone()).is_some());
                    if fits {
                        mark.primary = false;
                        mine.marks.push(mark);
                    }
                }
            }
            (None, theirs) => self.excerpt = theirs,
            (Some(_), None) => {}
        }
        self
    }

    /// Puts `excerpt` in the place of the one there is.
    #[must_use]
    pub fn with_excerpt(mut self, excerpt: Excerpt) -> Self {
        self.excerpt = Some(excerpt);
        self
    }

    /// Where it starts, to sort by.
    pub fn offset(&self) -> u64 {
        match self.span {
            Span::Text { offset, .. } | Span::Bytes { offset, .. } => offset,
            Span::Whole | Span::Logical { .. } => 0,
        }
    }
}

fn count(chars: usize) -> u32 {
    u32::try_from(chars).unwrap_or(u32::MAX).saturating_add(1)
}

/// The nearest character boundary at or before `at`.
fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    at
}

/// The line that holds byte `at`.
fn line_of(text: &str, at: usize) -> Line {
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |i| i.saturating_add(1));
    let line = text
        .get(start..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    Line {
        number: count(before.bytes().filter(|b| *b == b'\n').count()),
        start,
        end: start.saturating_add(line.len()),
        column: count(begun(before.as_bytes().get(start..).unwrap_or_default())),
    }
}

/// Escapes a line and its marked part; a long line is cut round the mark.
fn clip(line: &str, mark: Range<usize>) -> (String, Range<usize>) {
    let from = if line.len() > MAX_LINE {
        floor_char(line, mark.start.saturating_sub(80))
    } else {
        0
    };
    let to = floor_char(line, from.saturating_add(MAX_LINE));
    let end = mark.end.clamp(mark.start.min(to), to);
    let part = |a: usize, b: usize| escape(line.get(a..b).unwrap_or_default());
    let mut shown = if from > 0 { "…".to_owned() } else { String::new() };
    shown.push_str(&part(from, mark.start));
    let start = shown.len();
    shown.push_str(&part(mark.start, end));
    let stop = shown.len();
    shown.push_str(&part(end, to));
    if to < line.len() {
        shown.push('…');
    }
    (shown, start..stop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str, range: Range<usize>) -> Location {
        Location::text(&ArtifactPath::file("f"), text, range, "here")
    }

    #[test]
    fn text_has_lines_columns_and_a_marked_excerpt() {
        let text = "ä = 1\nload(\"x\", y=True)\n";
        let start = text.find("y=").unwrap();
        let loc = at(text, start..start + 6);
        let Span::Text { start, end, .. } = loc.span else {
            panic!()
        };
        assert_eq!((start.line, start.column, end.column), (2, 11, 17));
        let e = loc.excerpt.unwrap();
        assert_eq!(e.lines[0].text, "load(\"x\", y=True)");
        assert_eq!(&e.lines[0].text[e.marks[0].range.clone()], "y=True");
    }

    #[test]
    fn marks_hold_in_escaped_and_in_clipped_lines() {
        let text = format!("\x1b{}needle{}", "x".repeat(5_000), "y".repeat(5_000));
        let start = text.find("needle").unwrap();
        let e = at(&text, start..start + 6).excerpt.unwrap();
        assert_eq!(&e.lines[0].text[e.marks[0].range.clone()], "needle");
        assert!(e.lines[0].text.len() < 500);
    }

    #[test]
    fn long_lines_are_counted_as_short_ones() {
        let text = format!("a\r\n{}", "äb".repeat(STEP));
        for from in [3, 3 + STEP / 3 * 3, text.len() - 1, text.len()] {
            let path = ArtifactPath::file("f");
            let counted = Location::text_in(&path, &text, &Lines::new(&text), from..text.len(), "here");
            assert_eq!(counted, at(&text, from..text.len()));
        }
        let even = "x".repeat(STEP);
        let Span::Text { end, .. } =
            Location::text_in(&ArtifactPath::file("f"), &even, &Lines::new(&even), 0..STEP, "").span
        else {
            panic!()
        };
        assert_eq!(end.column as usize, STEP + 1);
    }

    #[test]
    fn several_lines_are_marked_to_the_end_of_the_first() {
        let e = at("abc\ndef", 1..6).excerpt.unwrap();
        assert_eq!(&e.lines[0].text[e.marks[0].range.clone()], "bc");
    }

    proptest! {
        #[test]
        fn any_range_of_any_text_has_a_location(text in any::<String>(), a in 0usize..200, b in 0usize..200, c in 0usize..200) {
            let loc = at(&text, a..b).and(&text, b..c, "there");
            let path = ArtifactPath::file("f");
            let counted = Location::text_in(&path, &text, &Lines::new(&text), a..b, "here");
            prop_assert_eq!(&counted, &at(&text, a..b));
            let e = loc.excerpt.unwrap();
            for m in &e.marks {
                let line = e.lines.iter().find(|l| l.number == m.line).unwrap();
                prop_assert!(line.text.get(m.range.clone()).is_some());
            }
        }
    }
}
