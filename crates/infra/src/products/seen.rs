//! An exchange made comparable: its body squeezed and, where it is JSON, read.
//!
//! Bodies are hostile and often cut (captures keep two kilobytes, probes 256 KiB), so a cut body is closed where it was
//! still whole and read up to there; what stands behind the cut is unknown, never absent.

use super::{Answer, Is, Need};
use crate::service::Exchange;
use std::cell::OnceCell;
use wellhead_core::Budget;
use wellhead_formats::text::{self, MAX_NESTING, Node, Value};

/// So much of a body is looked at.
const BODY: usize = 256 << 10;
/// So many headers, and so much of each.
const HEADERS: usize = 64;
const HEADER: usize = 4 << 10;

pub(super) struct Seen<'a> {
    /// Where it stands in the conversation.
    pub(super) at: usize,
    pub(super) exchange: &'a Exchange,
    squeezed: OnceCell<String>,
    json: OnceCell<Option<Node>>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(at: usize, exchange: &'a Exchange) -> Self {
        Self {
            at,
            exchange,
            squeezed: OnceCell::new(),
            json: OnceCell::new(),
        }
    }

    pub(super) fn body(&self) -> &'a str {
        head(&self.exchange.body, BODY)
    }

    pub(super) fn squeezed(&self) -> &str {
        self.squeezed.get_or_init(|| squeeze(self.body()))
    }

    pub(super) fn json(&self) -> Option<&Node> {
        self.json.get_or_init(|| read(self.body())).as_ref()
    }

    /// Whether it says what an answer says, whatever path it is of.
    pub(super) fn says(&self, answer: &Answer) -> bool {
        answer.status.contains(&self.exchange.status)
            && answer.header.iter().all(|(name, part)| self.header(name, part))
            && (answer.text.is_empty() || answer.text.iter().all(|part| self.squeezed().contains(part)))
            && !answer.without.iter().any(|part| self.squeezed().contains(part))
            && (answer.json.is_empty()
                || self
                    .json()
                    .is_some_and(|root| answer.json.iter().all(|n| holds(root, n))))
    }

    fn header(&self, name: &str, part: &str) -> bool {
        let mut all = self.exchange.headers.iter().take(HEADERS);
        all.any(|(n, v)| n == name && head(v, HEADER).contains(part))
    }

    /// The value of a header, bounded.
    pub(super) fn header_value(&self, name: &str) -> Option<&'a str> {
        let mut all = self.exchange.headers.iter().take(HEADERS);
        all.find(|(n, _)| n == name).map(|(_, v)| head(v, HEADER))
    }
}

pub(super) fn squeeze(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The first bytes of a text, not through a character.
fn head(text: &str, len: usize) -> &str {
    let end = (0..=len.min(text.len()))
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

fn read(body: &str) -> Option<Node> {
    let body = body.trim();
    if !body.starts_with(['{', '[', '"']) {
        return None;
    }
    if let Ok(root) = text::json(body, &mut Budget::default()) {
        return Some(root);
    }
    text::json(&closed(body)?, &mut Budget::default()).ok()
}

/// A JSON text that was cut, up to the last value that is whole, with what was open closed.
fn closed(body: &str) -> Option<String> {
    let mut open = Vec::new();
    let (mut end, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in body.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                if open.len() >= MAX_NESTING {
                    return None;
                }
                open.push(if byte == b'{' { '}' } else { ']' });
                end = at.saturating_add(1);
            }
            b'}' | b']' => {
                open.pop()?;
                end = at.saturating_add(1);
            }
            b',' => end = at,
            _ => {}
        }
    }
    let mut out = body.get(..end)?.to_owned();
    out.extend(open.iter().rev());
    Some(out)
}

/// The node at the end of a route of keys and indices.
pub(super) fn at<'n>(root: &'n Node, route: &[&str]) -> Option<&'n Node> {
    route.iter().try_fold(root, |node, step| match &node.value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => node.get(step),
    })
}

fn holds(root: &Node, need: &Need) -> bool {
    let Some(node) = at(root, need.at) else {
        return false;
    };
    match need.is {
        Is::Any => true,
        Is::Text => matches!(node.value, Value::String(_)),
        Is::Number => matches!(node.value, Value::Number(_)),
        Is::Array => matches!(node.value, Value::Array(_)),
        Is::Object => matches!(node.value, Value::Table(_)),
        Is::Null => matches!(node.value, Value::Null),
        Is::True => node.as_bool() == Some(true),
        Is::False => node.as_bool() == Some(false),
        Is::Equals(text) => node.as_text() == Some(text),
        Is::Holds(part) => node.as_str().is_some_and(|t| t.contains(part)),
        Is::Size(size) => match &node.value {
            Value::Array(items) => items.len() == size,
            Value::Table(entries) => entries.len() == size,
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{closed, read};
    use proptest::prelude::*;

    #[test]
    fn a_cut_body_is_closed_where_it_was_whole() {
        let cases = [
            (r#"{"a":{"b":[1,2,"x"#, r#"{"a":{"b":[1,2]}}"#),
            (r#"{"a":1,"b":"#, r#"{"a":1}"#),
            (r#"{"a":"}","b":{"c"#, r#"{"a":"}","b":{}}"#),
            (r#"[{"a":"\"}"},{"#, r#"[{"a":"\"}"},{}]"#),
            (r#"{"a":tr"#, "{}"),
        ];
        for (cut, whole) in cases {
            assert_eq!(closed(cut).as_deref(), Some(whole), "{cut}");
            assert!(read(cut).is_some(), "{cut}");
        }
        assert!(read(&"[".repeat(100_000)).is_none());
        assert!(read("]").is_none());
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(text in "\\PC{0,60}") {
            let _ = read(&text);
            let _ = closed(&text);
        }
    }
}
