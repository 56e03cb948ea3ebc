//! Where the version stands in a line, and what the line becomes: comments, markers, extras and line ends stay.

use super::Cure;
use crate::{
    manifest::{Manifest, specifiers},
    version::{PyVersion, parse},
};
use std::ops::Range;
use wellhead_core::{Bucket, Component, Edit, Span};

/// Bytes of a text and what takes their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) range: Range<u64>,
    pub(super) replacement: String,
}

/// The place that declares a component, in its text.
fn place(text: &str, component: &Component) -> Option<(usize, String)> {
    let Span::Text { offset, length, .. } = component.declared.span else {
        return None;
    };
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    Some((start, text.get(start..end)?.to_owned()))
}

/// A version-like word of a line: its bytes, and what stands before it.
struct Word<'a> {
    at: usize,
    text: &'a str,
    before: &'a str,
    starred: bool,
}

fn in_version(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '!' | '+' | '_' | '-')
}

fn words(line: &str) -> Vec<Word<'_>> {
    let mut out = Vec::new();
    let mut at = 0_usize;
    while let Some(rest) = line.get(at..).filter(|r| !r.is_empty()) {
        let Some(start) = rest.find(in_version) else { break };
        let behind = rest.get(start..).unwrap_or_default();
        let len = behind.find(|c| !in_version(c)).unwrap_or(behind.len());
        let start = at.saturating_add(start);
        out.push(Word {
            at: start,
            text: behind.get(..len).unwrap_or_default(),
            // A continued line goes on behind a backslash.
            before: line
                .get(..start)
                .unwrap_or_default()
                .trim_end_matches(|c: char| c.is_whitespace() || c == '\\'),
            starred: behind.get(len..).is_some_and(|r| r.starts_with('*')),
        });
        at = start.saturating_add(len);
    }
    out
}

/// The label of a local version: `cu121` of `2.2.0+cu121`.
pub(super) fn local(version: &str) -> Option<&str> {
    version.split_once('+').map(|(_, label)| label)
}

fn change(start: usize, range: Range<usize>, replacement: String) -> Option<Change> {
    let from = start.checked_add(range.start)?;
    let to = start.checked_add(range.end)?;
    Some(Change {
        range: from as u64..to as u64,
        replacement,
    })
}

/// The edit that pins another version.
pub(super) fn pin(text: &str, manifest: &Manifest, component: &Component, to: &str) -> Option<Change> {
    let (start, line) = place(text, component)?;
    let tables = matches!(manifest.kind.name(), "pyproject" | "pipfile");
    let table = || in_table(text, start, component, to).filter(|_| tables && !line.contains('='));
    pin_in(start, &line, component, to).or_else(table).or_else(|| {
        // The place ends with its physical line; the version may stand on one that continues it.
        let holds = |span: &Range<usize>| span.start <= start && start < span.end;
        let whole = manifest.lines.iter().find(|l| holds(&l.span))?;
        pin_in(start, text.get(start..whole.span.end)?, component, to)
    })
}

/// The edit of a word of a command: nothing else than the version, behind the name of the package and `==`.
pub(super) fn word(text: &str, component: &Component, to: &str) -> Option<Change> {
    let (start, line) = place(text, component)?;
    let named = line
        .split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
        .any(|w| crate::normalise(w) == component.name);
    let current = PyVersion::new(component.version.as_deref()?);
    let mut same = words(&line)
        .into_iter()
        .filter(|w| !w.starred && w.before.ends_with("==") && PyVersion::new(w.text) == current);
    let found = same.next().filter(|_| named)?;
    if same.next().is_some() {
        return None;
    }
    let replacement = match local(found.text) {
        Some(label) => format!("{to}+{label}"),
        None => to.to_owned(),
    };
    change(
        start,
        found.at..found.at.checked_add(found.text.len())?,
        replacement,
    )
}

/// The `version` of an entry of Poetry or pipenv that is a table of its own: the lines up to the next table.
fn in_table(text: &str, start: usize, component: &Component, to: &str) -> Option<Change> {
    let behind = text.get(start..)?;
    let mut at = start.checked_add(behind.find('\n')?)?.checked_add(1)?;
    for line in text.get(at..)?.split_inclusive('\n') {
        let bare = line.trim_start();
        if bare.starts_with('[') {
            return None;
        }
        let key = bare.split('=').next().unwrap_or_default().trim();
        if matches!(key, "version" | "\"version\"") {
            return pin_in(at, line, component, to);
        }
        at = at.checked_add(line.len())?;
    }
    None
}

fn pin_in(start: usize, line: &str, component: &Component, to: &str) -> Option<Change> {
    let current = PyVersion::new(component.version.as_deref()?);
    let word = words(line).into_iter().find(|w| {
        let pinned =
            w.before.ends_with(['=', '"', '\'']) && !w.before.ends_with("!=") && !w.before.ends_with("~=");
        pinned && !w.starred && PyVersion::new(w.text) == current
    })?;
    let replacement = match local(word.text) {
        Some(label) => format!("{to}+{label}"),
        None => to.to_owned(),
    };
    change(start, word.at..word.at.checked_add(word.text.len())?, replacement)
}

/// The edit that lets a range begin at a version. Where the range does not hold the version (`inside` is false), the range
/// becomes another one.
pub(super) fn bound(text: &str, component: &Component, to: &str, inside: bool) -> Option<Change> {
    let (start, line) = place(text, component)?;
    let all = words(&line);
    if let Some(w) = all
        .iter()
        .find(|w| w.before.ends_with(['^', '~']) && parse(w.text).is_some())
    {
        // Poetry's own operators keep their upper end, as long as the version lies below it.
        return change(start, w.at..w.at.checked_add(w.text.len())?, to.to_owned());
    }
    if line.trim_end().ends_with("\"*\"") || line.trim_end().ends_with("'*'") {
        let at = line.rfind('*')?;
        return change(start, at..at.checked_add(1)?, format!(">={to}"));
    }
    let (behind_name, end) = specifier_place(&line)?;
    let spec = line.get(behind_name..end)?;
    if !inside {
        let lead = spec.len().saturating_sub(spec.trim_start().len());
        let from = behind_name.checked_add(lead)?;
        return change(start, from..end, format!(">={to}"));
    }
    let lower = all.iter().find(|w| {
        let begins = w.before.ends_with(">=") || w.before.ends_with('>');
        begins && w.at >= behind_name && w.at < end
    });
    if let Some(w) = lower {
        let operator = if w.before.ends_with(">=") { ">=" } else { ">" };
        let from = w.before.len().checked_sub(operator.len())?;
        let gap = line.get(w.before.len()..w.at)?;
        let until = w.at.checked_add(w.text.len())?;
        return change(start, from..until, format!(">={gap}{to}"));
    }
    let lead = spec.len().saturating_sub(spec.trim_start().len());
    let at = if spec.trim().is_empty() {
        behind_name
    } else {
        behind_name.checked_add(lead)?
    };
    let comma = if spec.trim().is_empty() { "" } else { "," };
    change(start, at..at, format!(">={to}{comma}"))
}

/// Where the versions of a requirement stand in its line: behind the name and its extras, before the marker; for an entry
/// of Poetry between its quotes. Nothing where they stand in parentheses, or the line is none of the two.
fn specifier_place(line: &str) -> Option<(usize, usize)> {
    if let Some(place) = entry_place(line) {
        return Some(place);
    }
    let begin = usize::from(line.starts_with(['"', '\'']));
    let rest = line.get(begin..)?;
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = rest.find(|c: char| !in_name(c)).unwrap_or(rest.len());
    let mut at = begin.checked_add(name)?;
    let behind = line.get(at..)?;
    if behind.trim_start().starts_with('[') {
        at = at.checked_add(behind.find(']')?)?.checked_add(1)?;
    }
    let behind = line.get(at..)?;
    let stop = behind.find([';', '"', '\'', '#']).unwrap_or(behind.len());
    let spec = behind.get(..stop)?.trim_end();
    let plain = spec.replace(['\\', '\n', '\r'], " ");
    if spec.contains(['(', '@', '{']) || specifiers(&plain).is_none() {
        return None;
    }
    Some((at, at.checked_add(spec.len())?))
}

/// `numpy = ">=1.20"`, `numpy = {version = ">=1.20", …}`: the bytes between the quotes.
fn entry_place(line: &str) -> Option<(usize, usize)> {
    let (_, value) = line.split_once('=')?;
    let value = match value.trim_start() {
        table if table.starts_with('{') => {
            let (_, behind) = table.split_once("version")?;
            behind.trim_start().strip_prefix('=')?.trim_start()
        }
        plain => plain,
    };
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = value.get(1..)?;
    let len = inner.find(quote)?;
    let start = line.len().checked_sub(inner.len())?;
    // A requirement of PEP 508 may have quotes too, in its marker: `a == "x"` is none of Poetry's entries.
    let key = line.get(..line.find('=')?)?.trim();
    let bare = key
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '"' | '\''));
    bare.then_some((start, start.checked_add(len)?))
}

/// Why edits cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Two of them want the same bytes.
    #[error("two edits meet in one place")]
    Overlap,
    /// One is about bytes that are not there, or that begin or end inside a character.
    #[error("an edit is about a place that is not in the file")]
    Place,
}

/// The text with the edits made; the same edit counts once.
///
/// # Errors
/// When two of them meet, or one is about no place of the text.
pub fn apply(text: &str, edits: &[Edit]) -> Result<String, ApplyError> {
    let mut sorted: Vec<(usize, usize, &str)> = Vec::with_capacity(edits.len());
    for edit in edits {
        let start = usize::try_from(edit.range.start).map_err(|_| ApplyError::Place)?;
        let end = usize::try_from(edit.range.end).map_err(|_| ApplyError::Place)?;
        sorted.push((start, end, &edit.replacement));
    }
    sorted.sort_unstable();
    sorted.dedup();
    let mut out = String::with_capacity(text.len());
    let mut at = 0_usize;
    for (i, (start, end, replacement)) in sorted.iter().enumerate() {
        // Two different texts at one point have no order.
        let same_point = i
            .checked_sub(1)
            .and_then(|j| sorted.get(j))
            .is_some_and(|(s, ..)| s == start);
        if *start < at || same_point {
            return Err(ApplyError::Overlap);
        }
        out.push_str(text.get(at..*start).ok_or(ApplyError::Place)?);
        text.get(*start..*end).ok_or(ApplyError::Place)?;
        out.push_str(replacement);
        at = *end;
    }
    out.push_str(text.get(at..).ok_or(ApplyError::Place)?);
    Ok(out)
}

/// Whether the file says after the edit what it said before, but for the one version.
pub(super) fn meant(before: &Manifest, after: &Manifest, cure: &Cure) -> bool {
    if before.components.len() != after.components.len() || before.problems.len() != after.problems.len() {
        return false;
    }
    let Some(to) = cure.to.as_deref().and_then(parse) else {
        return false;
    };
    let mut changed = 0_usize;
    for (old, new) in before.components.iter().zip(&after.components) {
        let same = old.name == new.name
            && old.marker == new.marker
            && old.source == new.source
            && old.bucket == new.bucket
            && old.hashes == new.hashes;
        if !same {
            return false;
        }
        if old.version == new.version && old.specifier == new.specifier {
            continue;
        }
        let right = match old.bucket {
            Bucket::Exact => new.version.as_deref().and_then(parse).is_some_and(|v| v == to),
            _ => {
                let range = new.specifier.as_deref().and_then(specifiers);
                range.is_some_and(|s| s.contains(&to))
            }
        };
        if !right || old.name != cure.package {
            return false;
        }
        changed = changed.saturating_add(1);
    }
    changed == 1
}
