//! Secrets never leave the program: not in an excerpt, not in a message, not in a note.

use super::{
    indexes::{in_addresses, spoken, stored},
    shapes::find,
};
use std::{borrow::Cow, ops::Range};
use wellhead_core::Finding;

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// The text with every secret in it hidden; what tells its kind stays: `hf_[redacted]`.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text);
    // What was hidden may have been what kept its neighbour from standing alone.
    for _ in 0..4 {
        let hidden = hidden("", &out);
        if hidden.is_empty() {
            break;
        }
        out = Cow::Owned(without(&out, &hidden));
    }
    out
}

/// What is to be hidden in a text, or a line, of a file of that name.
fn hidden(name: &str, text: &str) -> Vec<Range<usize>> {
    let found = find(text, true, usize::MAX).into_iter().chain(stored(name, text));
    let mut all: Vec<Range<usize>> = found.map(|s| s.hidden).collect();
    if text.contains("://") {
        all.extend(in_addresses(text));
    }
    all.extend(spoken(text));
    all.sort_by_key(|r| (r.start, std::cmp::Reverse(r.end)));
    let mut out: Vec<Range<usize>> = Vec::with_capacity(all.len());
    for range in all {
        if out.last().is_none_or(|last| range.start >= last.end) {
            out.push(range);
        }
    }
    out
}

/// The text with ranges replaced; they ascend and do not overlap.
pub(super) fn without(text: &str, hidden: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0_usize;
    for range in hidden {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(REDACTED);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Where a position of the text lies once ranges are replaced; inside one, at its start or end.
pub(super) fn moved(at: usize, hidden: &[Range<usize>], is_end: bool) -> usize {
    let mut out = at;
    for range in hidden {
        if at >= range.end {
            out = out.saturating_sub(range.len()).saturating_add(REDACTED.len());
        } else if at > range.start {
            let inside = at.saturating_sub(range.start);
            out = out.saturating_sub(inside);
            if is_end {
                out = out.saturating_add(REDACTED.len());
            }
        }
    }
    out
}

/// Hides every secret in what a finding shows.
pub fn redact_finding(finding: &mut Finding) {
    let texts = std::iter::once(&mut finding.message)
        .chain(&mut finding.notes)
        .chain(&mut finding.help);
    for text in texts {
        hide(text);
    }
    finding
        .properties
        .values_mut()
        .for_each(|value| hide_in(value, 4));
    hide(&mut finding.subject);
    for location in &mut finding.locations {
        let name = location.artifact.leaf().to_owned();
        hide(&mut location.label);
        let Some(excerpt) = location.excerpt.as_mut() else {
            continue;
        };
        for line in &mut excerpt.lines {
            let hidden = hidden(&name, &line.text);
            if hidden.is_empty() {
                continue;
            }
            for mark in excerpt.marks.iter_mut().filter(|m| m.line == line.number) {
                let start = moved(mark.range.start, &hidden, false);
                mark.range = start..moved(mark.range.end, &hidden, true).max(start);
            }
            line.text = without(&line.text, &hidden);
        }
        for mark in &mut excerpt.marks {
            hide(&mut mark.label);
        }
    }
}

/// Hides secrets in the texts of a property, as deep as properties go.
fn hide_in(value: &mut serde_json::Value, depth: u8) {
    match value {
        serde_json::Value::String(text) => hide(text),
        serde_json::Value::Array(items) if depth > 0 => {
            items
                .iter_mut()
                .for_each(|item| hide_in(item, depth.saturating_sub(1)));
        }
        serde_json::Value::Object(entries) if depth > 0 => {
            entries
                .values_mut()
                .for_each(|item| hide_in(item, depth.saturating_sub(1)));
        }
        _ => {}
    }
}

fn hide(text: &mut String) {
    if let Cow::Owned(redacted) = redact(text) {
        *text = redacted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_core::{ArtifactPath, Location};

    #[test]
    fn marks_stay_on_what_they_marked() {
        let token = ["hf", "_", "aZ3kQ9vB7xT2mW8rL5nY4pD6cH1gJ0sFqE"].concat();
        let text = format!("login(token=\"{token}\", add=True)");
        let start = text.find("add").unwrap();
        let mut finding = Finding::new(
            &super::super::leaked_token::LEAKED_TOKEN,
            format!("see {token}"),
            Location::text(&ArtifactPath::file("a.py"), &text, start..start + 8, "x"),
        );
        redact_finding(&mut finding);
        let excerpt = finding.locations[0].excerpt.as_ref().unwrap();
        let line = &excerpt.lines[0].text;
        assert_eq!(line, "login(token=\"hf_[redacted]\", add=True)");
        assert_eq!(&line[excerpt.marks[0].range.clone()], "add=True");
        assert_eq!(finding.message, "see hf_[redacted]");
    }
}
