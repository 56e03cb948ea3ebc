//! YAML by the events of `saphyr-parser`.
//!
//! The tree is our own: an alias copies what it names, and nine lines of YAML can name a billion nodes ("billion
//! laughs"), so each copy is paid for before it is made. Merge keys (`<<`) are resolved, as compose files use them.

use super::{Entry, MAX_NESTING, NODE_BYTES, Node, SyntaxError, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::{collections::BTreeMap, ops::Range};
use wellhead_core::Budget;

/// Reads a YAML text; of several documents the first is the root, unless there are more, which makes an array.
///
/// # Errors
/// Where it is not YAML, nests deeper than [`MAX_NESTING`], or costs more than the budget has.
pub fn yaml(text: &str, budget: &mut Budget) -> Result<Node, SyntaxError> {
    let mut builder = Builder::new(text);
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|e| {
            let at = builder.byte(e.marker().index());
            SyntaxError::new(wellhead_core::escape(e.info()), at..at)
        })?;
        let span = builder.bytes(&span);
        budget
            .steps(1)
            .map_err(|e| SyntaxError::exhausted(e, span.start))?;
        if matches!(event, Event::StreamEnd) {
            break;
        }
        builder.event(event, span, budget)?;
    }
    let mut documents = builder.documents;
    Ok(match documents.len() {
        0 => Node::new(0..text.len(), Value::Null),
        1 => documents.remove(0),
        _ => Node::new(0..text.len(), Value::Array(documents)),
    })
}

/// A tag of a YAML text, and the values that it is put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name in full: `tag:yaml.org,2002:python/name:os.system`, `!Ref`; hostile text.
    pub name: String,
    /// The first scalars below it; hostile text.
    pub values: Vec<String>,
    /// Its bytes in the text, with what follows on its line.
    pub span: Range<usize>,
}

/// Most tags that are kept of one text, and most values of one tag.
const MAX_TAGS: usize = 256;
const MAX_VALUES: usize = 4;

/// The tags of a YAML text as far as it can be read: loaders of several documents run the first before they see that the
/// second is broken.
pub fn yaml_tags(text: &str, budget: &mut Budget) -> Vec<Tag> {
    let builder = Builder::new(text);
    let mut parser = Parser::new_from_str(text);
    let mut tags: Vec<Tag> = Vec::new();
    // For each open collection, the tag that it has.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut from = 0;
    while let Some(Ok((event, span))) = parser.next_event() {
        if budget.steps(1).is_err() || tags.len() >= MAX_TAGS || open.len() > MAX_NESTING {
            break;
        }
        let (tag, scalar) = match &event {
            Event::Scalar(value, _, _, tag) => (tag, Some(value)),
            Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => (tag, None),
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                continue;
            }
            Event::StreamEnd => break,
            _ => continue,
        };
        let end = builder.bytes(&span).end;
        let mut own = None;
        if let Some(tag) = tag {
            own = Some(tags.len());
            let span = tag_span(text, from, end, &tag.suffix);
            from = span.end;
            tags.push(Tag {
                name: format!("{}{}", tag.handle, tag.suffix),
                values: Vec::new(),
                span,
            });
        }
        match scalar {
            None => open.push(own),
            Some(value) => {
                for at in open.iter().flatten().chain(&own) {
                    if let Some(tag) = tags.get_mut(*at).filter(|t| t.values.len() < MAX_VALUES) {
                        tag.values.push(value.chars().take(200).collect());
                    }
                }
            }
        }
    }
    tags
}

/// Where a tag with that end stands, up to the end of its line.
fn tag_span(text: &str, from: usize, end: usize, suffix: &str) -> Range<usize> {
    let upto = text.get(from..end).unwrap_or_default();
    let last = suffix.rsplit(['/', ':']).next().unwrap_or_default();
    let found = upto.rfind(suffix).or_else(|| upto.rfind(last)).unwrap_or(0);
    let start = upto.get(..found).and_then(|t| t.rfind('!')).unwrap_or(found);
    let start = text
        .get(..from.saturating_add(start))
        .map_or(from, |t| t.trim_end_matches('!').len());
    let line = text.get(start..).and_then(|t| t.find('\n'));
    start..line.map_or(text.len(), |n| start.saturating_add(n))
}

/// A collection that is still open.
struct Open {
    start: usize,
    anchor: usize,
    node: Value,
    /// The key that waits for its value, in a mapping.
    key: Option<(String, Range<usize>, bool)>,
}

struct Builder<'a> {
    text: &'a str,
    /// Byte offsets of every character, where the text is not ASCII.
    offsets: Option<Vec<usize>>,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    documents: Vec<Node>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        let offsets = (!text.is_ascii()).then(|| text.char_indices().map(|(i, _)| i).collect());
        Self {
            text,
            offsets,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            documents: Vec::new(),
        }
    }

    /// The byte of a character's number.
    fn byte(&self, index: usize) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.get(index).copied().unwrap_or(self.text.len()),
            None => index.min(self.text.len()),
        }
    }

    fn bytes(&self, span: &Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }

    fn event(
        &mut self,
        event: Event<'_>,
        span: Range<usize>,
        budget: &mut Budget,
    ) -> Result<(), SyntaxError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let value = if plain {
                    resolve(&text)
                } else {
                    Value::String(text.into_owned())
                };
                self.place(Node::new(span, value), anchor, plain, budget)
            }
            Event::SequenceStart(anchor, _) => self.open(span.start, anchor, Value::Array(Vec::new())),
            Event::MappingStart(anchor, _) => self.open(span.start, anchor, Value::Table(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.stack.pop() else {
                    return Ok(());
                };
                let end = span.end.max(open.start);
                self.place(Node::new(open.start..end, open.node), open.anchor, false, budget)
            }
            Event::Alias(anchor) => {
                let Some(target) = self.anchors.get(&anchor) else {
                    return Err(SyntaxError::new(
                        "an alias names an anchor that is not there",
                        span,
                    ));
                };
                let mut size = 0_u64;
                target.walk(&mut |_| size = size.saturating_add(NODE_BYTES));
                budget
                    .memory(size)
                    .map_err(|e| SyntaxError::exhausted(e, span.start))?;
                budget
                    .steps(size)
                    .map_err(|e| SyntaxError::exhausted(e, span.start))?;
                let copy = target.clone();
                self.place(copy, 0, false, budget)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, start: usize, anchor: usize, node: Value) -> Result<(), SyntaxError> {
        if self.stack.len() >= MAX_NESTING {
            return Err(SyntaxError::new(
                format!("nested deeper than {MAX_NESTING} levels"),
                start..start,
            ));
        }
        self.stack.push(Open {
            start,
            anchor,
            node,
            key: None,
        });
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn place(
        &mut self,
        node: Node,
        anchor: usize,
        plain: bool,
        budget: &mut Budget,
    ) -> Result<(), SyntaxError> {
        let at = node.span.start;
        budget
            .memory(NODE_BYTES)
            .map_err(|e| SyntaxError::exhausted(e, at))?;
        if anchor != 0 {
            let mut size = 0_u64;
            node.walk(&mut |_| size = size.saturating_add(NODE_BYTES));
            budget.memory(size).map_err(|e| SyntaxError::exhausted(e, at))?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.stack.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.node {
            Value::Array(items) => items.push(node),
            Value::Table(entries) => match open.key.take() {
                None => {
                    let merge = plain && node.as_str() == Some("<<");
                    open.key = Some((key_text(&node, self.text), node.span, merge));
                }
                Some((key, _, true)) if key == "<<" && merge(entries, &node) => {}
                Some((key, key_span, _)) => entries.push(Entry { key, key_span, node }),
            },
            _ => {}
        }
        Ok(())
    }
}

/// Puts the entries of a mapping, or of several, before the mapping's own, so that its own win.
fn merge(entries: &mut Vec<Entry>, node: &Node) -> bool {
    let sources: Vec<&Node> = match &node.value {
        Value::Table(_) => vec![node],
        Value::Array(items) => items.iter().rev().collect(),
        _ => return false,
    };
    let mut merged: Vec<Entry> = sources.iter().flat_map(|s| s.entries().iter().cloned()).collect();
    merged.append(entries);
    *entries = merged;
    true
}

/// A key as text: keys may be numbers, truth values, or whole collections.
fn key_text(node: &Node, text: &str) -> String {
    match &node.value {
        Value::String(s) => s.clone(),
        _ => text.get(node.span.clone()).unwrap_or_default().trim().to_owned(),
    }
}

/// The core schema of YAML 1.2 for plain scalars.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            let digits = text.trim_start_matches(['+', '-']);
            let number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
                && digits
                    .bytes()
                    .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
                && text.parse::<f64>().is_ok();
            if number {
                Value::Number(text.to_owned())
            } else {
                Value::String(text.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Node, SyntaxError> {
        yaml(text, &mut Budget::default())
    }

    #[test]
    fn scalars_know_their_bytes_also_behind_other_scripts() {
        let text = "ä: 'ö'\nports: [ \"127.0.0.1:80:80\", 8080 ]\nno: yes\n";
        let node = read(text).unwrap();
        let port = &node.get("ports").unwrap().items()[1];
        assert_eq!((port.as_text(), &text[port.span.clone()]), (Some("8080"), "8080"));
        assert_eq!(node.get("ä").unwrap().as_str(), Some("ö"));
        assert_eq!(node.get("no").unwrap().as_str(), Some("yes"));
    }

    #[test]
    fn merge_keys_and_aliases_are_resolved_and_own_entries_win() {
        let text = "x: &base\n  image: a\n  tty: true\ny:\n  <<: *base\n  image: b\nz: *base\n";
        let node = read(text).unwrap();
        assert_eq!(node.path(&["y", "image"]).unwrap().as_str(), Some("b"));
        assert_eq!(node.path(&["y", "tty"]).unwrap().as_bool(), Some(true));
        assert_eq!(node.path(&["z", "image"]).unwrap().as_str(), Some("a"));
    }

    #[test]
    fn a_billion_laughs_run_out_of_budget() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..12 {
            let names = vec![format!("*a{}", i - 1); 9].join(",");
            text.push_str(&format!("a{i}: &a{i} [{names}]\n"));
        }
        assert!(read(&text).unwrap_err().exhausted.is_some());
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(read(&"[".repeat(10_000)).is_err());
        assert!(
            read(
                &(0..5_000)
                    .map(|i| format!("{}a:\n", " ".repeat(i)))
                    .collect::<String>()
            )
            .is_err()
        );
    }

    #[test]
    fn several_documents_are_an_array() {
        assert_eq!(read("a: 1\n---\nb: 2\n").unwrap().items().len(), 2);
        assert_eq!(read("").unwrap().value, Value::Null);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-c:\\-\\[\\]{}&*<>|!%#'\", \n\t0-9é]{0,60}") {
            let _ = read(&text);
        }
    }
}
