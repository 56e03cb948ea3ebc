//! SPDX 2 as tags and values.

use super::{Bill, Part, digest, spdx};
use std::ops::Range;
use wellhead_core::Budget;

/// Whether the beginning of a text is that of such a document.
pub(super) fn is_one(head: &str) -> bool {
    head.lines()
        .map(str::trim)
        .find(|l| !l.is_empty() && !l.starts_with('#'))
        .and_then(|l| l.strip_prefix("SPDXVersion:"))
        .is_some_and(|v| v.trim().starts_with("SPDX-"))
}

pub(super) fn read(text: &str, bill: &mut Bill<'_>, budget: &mut Budget) {
    let mut open: Option<Open> = None;
    let mut at = 0_usize;
    while let Some((tag, value, span)) = next(text, &mut at) {
        if let Err(e) = budget.steps((value.len() as u64).saturating_add(16)) {
            bill.partly(e.to_string());
            break;
        }
        let known = !spdx::is_nothing(value);
        match tag {
            "PackageName" => {
                close(open.take(), bill);
                if !bill.pays(budget) {
                    return;
                }
                open = Some(Open::new(value, span));
            }
            // Files and snippets come behind the package that holds them.
            "FileName" | "SnippetSPDXID" | "LicenseID" => close(open.take(), bill),
            "SPDXID" => {
                if let Some(open) = &mut open {
                    value.clone_into(&mut open.part.id);
                }
            }
            "PackageVersion" if known => {
                if let Some(open) = &mut open {
                    open.part.version = Some(value.to_owned());
                    open.part.span = span;
                }
            }
            "PackageChecksum" => {
                if let (Some(open), Some((name, hex))) = (&mut open, value.split_once(':')) {
                    open.part.hashes.extend(digest(name.trim(), hex.trim()));
                }
            }
            "ExternalRef" => {
                let mut words = value.split_whitespace();
                if let (Some(open), Some(_), Some("purl"), Some(purl)) =
                    (&mut open, words.next(), words.next(), words.next())
                {
                    open.purls.push(purl.to_owned());
                }
            }
            "Relationship" => {
                let mut words = value.split_whitespace();
                if let (Some(a), Some(kind), Some(b)) = (words.next(), words.next(), words.next())
                    && !spdx::relate(a, kind, b, bill, budget)
                {
                    return;
                }
            }
            "" => bill.problem(span, "a line that is no tag with a value"),
            _ => {}
        }
    }
    close(open.take(), bill);
}

struct Open {
    part: Part,
    purls: Vec<String>,
}

impl Open {
    fn new(name: &str, span: Range<usize>) -> Self {
        Self {
            part: Part {
                name: name.to_owned(),
                span,
                ..Part::default()
            },
            purls: Vec::new(),
        }
    }
}

fn close(open: Option<Open>, bill: &mut Bill<'_>) {
    let Some(Open { mut part, purls }) = open else {
        return;
    };
    part.purl = spdx::best(purls.iter().map(String::as_str));
    bill.parts.push(part);
}

/// The next tag with its value and its bytes; an empty tag is a line that is none.
fn next<'t>(text: &'t str, at: &mut usize) -> Option<(&'t str, &'t str, Range<usize>)> {
    loop {
        let rest = text.get(*at..).filter(|r| !r.is_empty())?;
        let start = *at;
        let length = rest.find('\n').unwrap_or(rest.len());
        let line = rest.get(..length)?.trim_end();
        *at = start.saturating_add(length).saturating_add(1);
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let span = start..start.saturating_add(line.len());
        let Some((tag, value)) = line.split_once(':') else {
            return Some(("", line, span));
        };
        let value = value.trim();
        // A long value goes on over lines to its closing tag.
        if let Some(inner) = value.strip_prefix("<text>") {
            if let Some(inner) = inner.strip_suffix("</text>") {
                return Some((tag.trim(), inner.trim(), span));
            }
            let end = rest
                .find("</text>")
                .map_or(text.len(), |i| start.saturating_add(i));
            *at = text
                .get(end..)
                .and_then(|r| r.find('\n'))
                .map_or(text.len(), |i| end.saturating_add(i).saturating_add(1));
            return Some((tag.trim(), inner.trim(), span));
        }
        return Some((tag.trim(), value, span));
    }
}
