//! Values of a template as far as they are known, each with the place that it comes from.

use crate::kubernetes::object::UNKNOWN;
use std::{collections::BTreeMap, ops::Range, rc::Rc};
use wellhead_formats::text::{Node, Value as NodeValue};

/// A value. A place that is empty is that of the action that asks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Value {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// What is known of a value.
#[derive(Clone, Debug, Default)]
pub(super) enum Kind {
    #[default]
    Unknown,
    Nil,
    Bool(bool),
    Number(String),
    Text(Rc<str>),
    List(Rc<Vec<Value>>),
    Map(Rc<Vec<(String, Value)>>),
}

impl Value {
    pub(super) fn new(kind: Kind) -> Self {
        Self { span: 0..0, kind }
    }

    pub(super) fn at(span: &Range<usize>, kind: Kind) -> Self {
        Self {
            span: span.clone(),
            kind,
        }
    }

    pub(super) fn text(text: &str) -> Self {
        Self::new(Kind::Text(Rc::from(text)))
    }

    pub(super) fn bool(b: bool) -> Self {
        Self::new(Kind::Bool(b))
    }

    pub(super) fn number(n: i64) -> Self {
        Self::new(Kind::Number(n.to_string()))
    }

    pub(super) fn nil() -> Self {
        Self::new(Kind::Nil)
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        Self::new(Kind::List(Rc::new(items)))
    }

    pub(super) fn map(entries: Vec<(String, Self)>) -> Self {
        Self::new(Kind::Map(Rc::new(entries)))
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown) || self.as_str().is_some_and(|t| t.contains(UNKNOWN))
    }

    /// The value of a key: nothing where the table has none, not known where the table is not.
    pub(super) fn get(&self, key: &str) -> Self {
        match &self.kind {
            Kind::Map(entries) => entries
                .iter()
                .rev()
                .find(|(k, _)| k == key)
                .map_or_else(Self::nil, |(_, v)| v.clone()),
            Kind::Unknown => Self::at(&self.span, Kind::Unknown),
            _ => Self::nil(),
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn entries(&self) -> &[(String, Self)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn as_number(&self) -> Option<i64> {
        match &self.kind {
            Kind::Number(n) => n.parse().ok().or_else(|| n.split('.').next()?.parse().ok()),
            Kind::Text(t) => t.parse().ok(),
            _ => None,
        }
    }

    /// Whether a condition takes it for true; none where that is not known.
    pub(super) fn truth(&self) -> Option<bool> {
        match &self.kind {
            Kind::Unknown => None,
            Kind::Nil => Some(false),
            Kind::Bool(b) => Some(*b),
            Kind::Number(n) => Some(n.parse::<f64>().is_ok_and(|n| n != 0.0)),
            Kind::Text(t) => Some(!t.is_empty()),
            Kind::List(items) => Some(!items.is_empty()),
            Kind::Map(entries) => Some(!entries.is_empty()),
        }
    }

    /// What it prints as.
    pub(super) fn printed(&self) -> String {
        match &self.kind {
            Kind::Unknown => UNKNOWN.to_string(),
            Kind::Nil => String::new(),
            Kind::Bool(b) => b.to_string(),
            Kind::Number(n) => n.clone(),
            Kind::Text(t) => t.to_string(),
            Kind::List(_) | Kind::Map(_) => {
                let mut out = String::new();
                self.yaml(0, &mut out);
                out
            }
        }
    }

    /// A tree of YAML as a value.
    pub(super) fn of(node: &Node) -> Self {
        let kind = match &node.value {
            NodeValue::Null => Kind::Nil,
            NodeValue::Bool(b) => Kind::Bool(*b),
            NodeValue::Number(n) => Kind::Number(n.clone()),
            NodeValue::String(s) => Kind::Text(Rc::from(s.as_str())),
            NodeValue::Array(items) => Kind::List(Rc::new(items.iter().map(Self::of).collect())),
            NodeValue::Table(entries) => Kind::Map(Rc::new(
                entries
                    .iter()
                    .map(|e| (e.key.clone(), Self::of(&e.node)))
                    .collect(),
            )),
        };
        Self::at(&node.span, kind)
    }

    /// Itself with what another says over it; tables are joined.
    pub(super) fn overlaid(&self, over: &Self, depth: usize) -> Self {
        let (Kind::Map(base), Kind::Map(more)) = (&self.kind, &over.kind) else {
            return if matches!(over.kind, Kind::Nil) {
                self.clone()
            } else {
                over.clone()
            };
        };
        if depth == 0 {
            return over.clone();
        }
        let places: BTreeMap<&str, usize> = base
            .iter()
            .enumerate()
            .map(|(i, (k, _))| (k.as_str(), i))
            .collect();
        let mut out = (**base).clone();
        for (key, value) in more.iter() {
            match places.get(key.as_str()).and_then(|i| out.get_mut(*i)) {
                Some((_, old)) => *old = old.overlaid(value, depth.saturating_sub(1)),
                None => out.push((key.clone(), value.clone())),
            }
        }
        Self::at(&self.span, Kind::Map(Rc::new(out)))
    }

    /// As YAML in blocks, as `toYaml` writes it, without a line break at its end.
    pub(super) fn yaml(&self, indent: usize, out: &mut String) {
        if indent > super::MOST_INDENT || out.len() > super::LONGEST {
            return;
        }
        let pad = " ".repeat(indent);
        match &self.kind {
            Kind::List(items) if items.is_empty() => out.push_str("[]"),
            Kind::Map(entries) if entries.is_empty() => out.push_str("{}"),
            Kind::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push('\n');
                        out.push_str(&pad);
                    }
                    out.push_str("- ");
                    item.yaml(indent.saturating_add(2), out);
                }
            }
            Kind::Map(entries) => {
                for (i, (key, value)) in entries.iter().enumerate() {
                    if i > 0 {
                        out.push('\n');
                        out.push_str(&pad);
                    }
                    out.push_str(&scalar(key));
                    out.push(':');
                    let nested = match &value.kind {
                        Kind::Map(entries) => !entries.is_empty(),
                        Kind::List(items) => !items.is_empty(),
                        _ => false,
                    };
                    if nested {
                        let deeper = indent.saturating_add(2);
                        out.push('\n');
                        out.push_str(&" ".repeat(deeper));
                        value.yaml(deeper, out);
                    } else {
                        out.push(' ');
                        value.yaml(indent.saturating_add(2), out);
                    }
                }
            }
            Kind::Text(text) => out.push_str(&scalar(text)),
            Kind::Nil => out.push_str("null"),
            _ => out.push_str(&self.printed()),
        }
    }
}

/// A text as a scalar that is read back as that text.
pub(super) fn scalar(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '@') || c == UNKNOWN)
        && text.starts_with(|c: char| c.is_alphabetic() || c == '/' || c == UNKNOWN)
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain { text.to_owned() } else { quoted(text) }
}

/// A text in two quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
