//! CycloneDX as XML, read into the tree that its JSON has, so that one reader serves both.
//!
//! Nothing is expanded but the five entities that XML has without a declaration, and numbers of characters; a document
//! type is passed over. What does not close is an error with its place.

use std::ops::Range;
use wellhead_core::{Budget, code};
use wellhead_formats::text::{Entry, Node, Value};

/// Whether the beginning of a text is that of such a document.
pub(super) fn is_one(head: &str) -> bool {
    head.trim_start().starts_with('<') && head.contains("cyclonedx.org/schema/bom/1.")
}

/// How deep elements may nest.
const MAX_DEPTH: usize = 128;
/// What an element costs in memory, roughly.
const ELEMENT_BYTES: u64 = 256;

/// An element that is open.
struct Open {
    name: String,
    name_span: Range<usize>,
    start: usize,
    text: String,
    text_span: Range<usize>,
    entries: Vec<Entry>,
}

/// Reads the text; the error says what is wrong, and where.
pub(super) fn read(text: &str, budget: &mut Budget) -> Result<Node, (String, Range<usize>)> {
    let mut stack: Vec<Open> = Vec::new();
    let mut at = 0_usize;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        budget.steps(16).map_err(|e| (e.to_string(), at..at))?;
        let Some(length) = rest.find('<') else {
            let open = stack.last().map_or("bom", |o| &o.name);
            return Err((format!("the element {} is not closed", code(open)), at..at));
        };
        if let Some(open) = stack.last_mut() {
            let raw = rest.get(..length).unwrap_or_default();
            if open.text.is_empty() && !raw.trim().is_empty() {
                open.text_span = at..at.saturating_add(length);
            }
            budget
                .memory(length as u64)
                .map_err(|e| (e.to_string(), at..at))?;
            unescape(raw, &mut open.text);
        }
        at = at.saturating_add(length);
        let rest = text.get(at..).unwrap_or_default();
        let end_of = |mark: &str| {
            rest.find(mark)
                .map(|i| i.saturating_add(mark.len()))
                .ok_or_else(|| (format!("{} is missing", code(mark)), at..at.saturating_add(1)))
        };
        if rest.starts_with("<!--") {
            at = at.saturating_add(end_of("-->")?);
        } else if let Some(inner) = rest.strip_prefix("<![CDATA[") {
            let end = end_of("]]>")?;
            let raw = inner.get(..end.saturating_sub(12)).unwrap_or_default();
            if let Some(open) = stack.last_mut() {
                open.text.push_str(raw);
            }
            at = at.saturating_add(end);
        } else if rest.starts_with("<?") {
            at = at.saturating_add(end_of("?>")?);
        } else if rest.starts_with("<!") {
            let inner = rest
                .find('[')
                .filter(|i| rest.find('>').is_none_or(|end| *i < end));
            at = at.saturating_add(end_of(if inner.is_some() { "]>" } else { ">" })?);
        } else if let Some(name) = rest.strip_prefix("</") {
            let end = end_of(">")?;
            let name = name.get(..end.saturating_sub(3)).unwrap_or_default().trim();
            let Some(open) = stack.pop().filter(|o| o.name == local(name)) else {
                return Err((
                    format!("{} closes nothing", code(name)),
                    at..at.saturating_add(end),
                ));
            };
            at = at.saturating_add(end);
            if let Some(root) = close(open, at, stack.last_mut()) {
                return Ok(root);
            }
        } else {
            budget
                .memory(ELEMENT_BYTES)
                .map_err(|e| (e.to_string(), at..at))?;
            if stack.len() >= MAX_DEPTH {
                return Err((format!("elements nest deeper than {MAX_DEPTH}"), at..at));
            }
            let (open, end, empty) = start_tag(rest, at)?;
            at = at.saturating_add(end);
            if empty {
                if let Some(root) = close(open, at, stack.last_mut()) {
                    return Ok(root);
                }
            } else {
                stack.push(open);
            }
        }
    }
}

/// A name without the prefix of its namespace.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// An opening tag with its attributes, its length, and whether it closes itself.
fn start_tag(rest: &str, at: usize) -> Result<(Open, usize, bool), (String, Range<usize>)> {
    let wrong = |i: usize| {
        let place = at.saturating_add(i);
        ("a tag is not closed".to_owned(), place..place)
    };
    let space = |c: char| c.is_whitespace() || matches!(c, '/' | '>');
    let name_end = rest.find(space).ok_or_else(|| wrong(0))?;
    let name = local(rest.get(1..name_end).unwrap_or_default());
    let mut open = Open {
        name: name.to_owned(),
        name_span: at.saturating_add(1)..at.saturating_add(name_end),
        start: at,
        text: String::new(),
        text_span: at..at,
        entries: Vec::new(),
    };
    let mut i = name_end;
    loop {
        let here = rest.get(i..).unwrap_or_default();
        let trimmed = here.trim_start();
        i = i.saturating_add(here.len().saturating_sub(trimmed.len()));
        if trimmed.starts_with("/>") {
            return Ok((open, i.saturating_add(2), true));
        }
        if trimmed.starts_with('>') {
            return Ok((open, i.saturating_add(1), false));
        }
        let equals = trimmed.find('=').ok_or_else(|| wrong(i))?;
        let key = trimmed.get(..equals).unwrap_or_default().trim();
        let after = trimmed.get(equals.saturating_add(1)..).unwrap_or_default();
        let value = after.trim_start();
        let quote = value
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
            .ok_or_else(|| wrong(i))?;
        let inner = value.get(1..).unwrap_or_default();
        let length = inner.find(quote).ok_or_else(|| wrong(i))?;
        let start = i
            .saturating_add(equals)
            .saturating_add(1)
            .saturating_add(after.len().saturating_sub(value.len()))
            .saturating_add(1);
        let span = at.saturating_add(start)..at.saturating_add(start).saturating_add(length);
        let mut text = String::new();
        unescape(inner.get(..length).unwrap_or_default(), &mut text);
        // The namespace says which version of the format it is.
        let key = if key.starts_with("xmlns") && text.contains("cyclonedx.org/schema/bom/") {
            text = text.rsplit('/').next().unwrap_or_default().to_owned();
            "specVersion"
        } else {
            local(key)
        };
        let key_span = at.saturating_add(i)..at.saturating_add(i).saturating_add(equals);
        open.entries.push(Entry {
            key: key.to_owned(),
            key_span,
            node: Node::new(span, Value::String(text)),
        });
        i = start.saturating_add(length).saturating_add(1);
    }
}

/// Gives a closed element to the one round it; without one it is the root.
fn close(open: Open, end: usize, parent: Option<&mut Open>) -> Option<Node> {
    let Open {
        name,
        name_span,
        start,
        text,
        text_span,
        mut entries,
    } = open;
    let text = text.trim().to_owned();
    let string = |key: &str| Entry {
        key: key.to_owned(),
        key_span: name_span.clone(),
        node: Node::new(text_span.clone(), Value::String(text.clone())),
    };
    let value = match name.as_str() {
        "components" | "hashes" | "dependencies" | "externalReferences" | "compositions"
        | "vulnerabilities" | "properties" => Value::Array(
            entries
                .into_iter()
                .filter(|e| matches!(e.node.value, Value::Table(_)))
                .map(|e| e.node)
                .collect(),
        ),
        "hash" => {
            entries.push(string("content"));
            Value::Table(entries)
        }
        "property" => {
            entries.push(string("value"));
            Value::Table(entries)
        }
        "dependency" => {
            let (below, mut own): (Vec<Entry>, Vec<Entry>) =
                entries.into_iter().partition(|e| e.key == "dependency");
            let refs = below.iter().filter_map(|e| e.node.get("ref").cloned()).collect();
            own.push(Entry {
                key: "dependsOn".to_owned(),
                key_span: name_span.clone(),
                node: Node::new(start..end, Value::Array(refs)),
            });
            Value::Table(own)
        }
        "component" | "metadata" | "reference" | "composition" | "vulnerability" | "bom" => {
            Value::Table(entries)
        }
        _ if entries.is_empty() => Value::String(text.clone()),
        _ => Value::Table(entries),
    };
    // Who points at a text points at the text, and not at the tags round it.
    let span = match &value {
        Value::String(_) if !text_span.is_empty() => text_span,
        _ => start..end,
    };
    let node = Node::new(span, value);
    match parent {
        Some(parent) => {
            parent.entries.push(Entry {
                key: name,
                key_span: name_span,
                node,
            });
            None
        }
        None => Some(node),
    }
}

/// Text with the references that need no declaration.
fn unescape(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, behind) = match after.split_once(';') {
            Some((name, behind)) if name.len() <= 10 => (name, behind),
            _ => ("", after),
        };
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let c = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => name
                .strip_prefix("#x")
                .and_then(|d| number(d, 16))
                .or_else(|| name.strip_prefix('#').and_then(|d| number(d, 10))),
        };
        match c {
            Some(c) => {
                out.push(c);
                rest = behind;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
}
