//! Objects of a cluster, their labels, and what selectors select.

use crate::resource::Word;
use std::{borrow::Cow, collections::BTreeMap, ops::Range};
use wellhead_formats::text::{Node, Value};

/// An object.
pub(crate) struct Object<'a> {
    pub(crate) node: Cow<'a, Node>,
    /// The file that it stands in, for what is near and what is far.
    pub(crate) path: Cow<'a, str>,
}

impl Object<'_> {
    fn text(&self, keys: &[&str]) -> &str {
        self.node.path(keys).and_then(Node::as_text).unwrap_or_default()
    }

    pub(crate) fn kind(&self) -> &str {
        self.text(&["kind"])
    }

    /// The group of its API; empty for the core.
    pub(crate) fn group(&self) -> &str {
        self.text(&["apiVersion"])
            .rsplit_once('/')
            .map_or("", |(group, _)| group)
    }

    pub(crate) fn name(&self) -> &str {
        let name = self.text(&["metadata", "name"]);
        if name.is_empty() {
            self.text(&["metadata", "generateName"])
        } else {
            name
        }
    }

    pub(crate) fn namespace(&self) -> &str {
        // What is put nowhere is put there.
        let namespace = self.text(&["metadata", "namespace"]);
        if namespace == "default" { "" } else { namespace }
    }

    pub(crate) fn spec(&self) -> Option<&Node> {
        self.node.get("spec")
    }

    pub(crate) fn get(&self, keys: &[&str]) -> Option<&Node> {
        self.node.path(keys)
    }

    /// Where it says what it is called; the object where it does not.
    pub(crate) fn place(&self) -> Range<usize> {
        let named = self.node.path(&["metadata", "name"]);
        named.map_or(self.node.span.clone(), |n| n.span.clone())
    }

    /// An annotation and its place.
    pub(crate) fn annotation(&self, name: &str) -> Option<(&str, Range<usize>)> {
        annotation(self.node.path(&["metadata", "annotations"])?, name)
    }
}

/// An entry of a table of annotations or labels, and its place.
pub(crate) fn annotation<'a>(table: &'a Node, name: &str) -> Option<(&'a str, Range<usize>)> {
    let entry = table.entries().iter().rev().find(|e| e.key == name)?;
    let text = match &entry.node.value {
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        _ => entry.node.as_text()?,
    };
    Some((
        text,
        entry.key_span.start..entry.node.span.end.max(entry.key_span.end),
    ))
}

/// A scalar as a word. What a template left unknown is marked as such.
pub(crate) fn word(node: &Node) -> Option<Word> {
    let text = match &node.value {
        Value::String(text) | Value::Number(text) => text.clone(),
        Value::Bool(b) => b.to_string(),
        _ => return None,
    };
    Some(Word {
        open: text.contains(UNKNOWN),
        text,
        span: node.span.clone(),
    })
}

/// Stands in rendered text for what is not known; no file holds it.
pub(crate) const UNKNOWN: char = '\u{f8ff}';

/// Labels of a table.
pub(crate) fn labels(node: Option<&Node>) -> BTreeMap<String, Word> {
    let entries = node.map_or(&[][..], Node::entries);
    entries
        .iter()
        .filter_map(|e| Some((e.key.clone(), word(&e.node)?)))
        .collect()
}

/// What a selector asks of labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    equal: Vec<(String, String)>,
    expressions: Vec<(String, String, Vec<String>)>,
}

impl Selector {
    /// `{matchLabels, matchExpressions}`, or the plain table of a Service.
    pub(crate) fn of(node: &Node) -> Self {
        let structured = node.get("matchLabels").is_some() || node.get("matchExpressions").is_some();
        let table = if structured {
            node.get("matchLabels")
        } else {
            Some(node)
        };
        let texts = |n: &Node| {
            n.items()
                .iter()
                .filter_map(Node::as_text)
                .map(str::to_owned)
                .collect()
        };
        let expression = |n: &Node| {
            Some((
                n.get("key")?.as_text()?.to_owned(),
                n.get("operator")?.as_str()?.to_owned(),
                n.get("values").map(texts).unwrap_or_default(),
            ))
        };
        Self {
            equal: labels(table).into_iter().map(|(k, w)| (k, w.text)).collect(),
            expressions: node
                .get("matchExpressions")
                .filter(|_| structured)
                .map_or(&[][..], Node::items)
                .iter()
                .filter_map(expression)
                .collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.equal.is_empty() && self.expressions.is_empty()
    }

    /// A label that all it selects must have.
    pub(crate) fn key(&self) -> Option<&(String, String)> {
        self.equal.first()
    }

    pub(crate) fn selects(&self, labels: &BTreeMap<String, Word>) -> bool {
        let equal = |(name, value): &(String, String)| {
            // Both sides may hold what a template left unknown; where the same expression made both, it is the same.
            labels.get(name).is_some_and(|w| w.text == *value)
        };
        let holds = |(key, operator, values): &(String, String, Vec<String>)| {
            let value = labels.get(key).map(|w| &w.text);
            match operator.as_str() {
                "In" => value.is_some_and(|v| values.contains(v)),
                "NotIn" => value.is_none_or(|v| !values.contains(v)),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        };
        self.equal.iter().all(equal) && self.expressions.iter().all(holds)
    }
}

/// The objects of a tree: of several documents, and of lists.
pub(crate) fn objects<'a>(root: &'a Node, path: &'a str) -> Vec<Object<'a>> {
    let mut out = Vec::new();
    let mut stack = vec![(root, 0_u8)];
    while let Some((node, depth)) = stack.pop() {
        let is_list = node
            .get("kind")
            .and_then(Node::as_str)
            .is_some_and(|k| k.ends_with("List"));
        let items = match node.get("items") {
            Some(items) if is_list => items.items(),
            _ => node.items(),
        };
        if !items.is_empty() {
            if depth < 4 {
                stack.extend(items.iter().rev().map(|n| (n, depth.saturating_add(1))));
            }
        } else if node.get("kind").is_some() && node.get("apiVersion").is_some() {
            out.push(Object {
                node: Cow::Borrowed(node),
                path: Cow::Borrowed(path),
            });
        }
    }
    out
}
