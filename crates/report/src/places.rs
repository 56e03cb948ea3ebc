//! How a place is written: `src/train.py:14:9`, `models/m.pt!/data.pkl@0x54`.

use crate::text::clean;
use wellhead_core::{ExcerptKind, Location, Span};

/// The place in one word, as an editor or a shell can follow it.
pub(crate) fn place(location: &Location) -> String {
    let path = clean(&location.artifact.to_string());
    match &location.span {
        Span::Whole => path,
        Span::Text { start, .. } => format!("{path}:{}:{}", start.line, start.column),
        Span::Bytes { offset, .. } => format!("{path}@{offset:#x}"),
        Span::Logical { path: inner } => format!("{path} ({})", clean(inner)),
    }
}

/// The place as the headline of its excerpt. A disassembly is followed by its opcodes' numbers, which stand in the
/// gutter, so its headline names them too.
pub(crate) fn headline(location: &Location) -> String {
    let Some(excerpt) = location
        .excerpt
        .as_ref()
        .filter(|e| e.kind == ExcerptKind::Disassembly)
    else {
        return place(location);
    };
    let path = clean(&location.artifact.to_string());
    let Some(mark) = excerpt.marks.iter().find(|m| m.primary).or(excerpt.marks.first()) else {
        return place(location);
    };
    let line = excerpt.lines.iter().find(|l| l.number == mark.line);
    let before = line
        .and_then(|l| l.text.get(..mark.range.start))
        .unwrap_or_default();
    format!(
        "{path}:{}:{}",
        mark.line,
        before.chars().count().saturating_add(1)
    )
}
