//! What is not a tensor and still plain data: numbers, text, lists of them.

use std::fmt::Write as _;

/// A value that JSON can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    /// `None`.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An unsigned integer beyond the signed ones.
    Unsigned(u64),
    /// A number with a fraction; JSON has no infinities, so those become text.
    Float(f64),
    /// Text; hostile.
    Text(String),
    /// Several values.
    List(Vec<Self>),
}

impl Leaf {
    /// As JSON.
    pub fn json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Self::Int(n) => drop(write!(out, "{n}")),
            Self::Unsigned(n) => drop(write!(out, "{n}")),
            // `{:?}` writes the shortest text that reads as the same number.
            Self::Float(n) if n.is_finite() => drop(write!(out, "{n:?}")),
            Self::Float(n) => drop(write!(out, "\"{n}\"")),
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
        }
    }
}

/// Text as a JSON string.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if u32::from(c) < 0x20 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_back_as_what_it_was() {
        let leaf = Leaf::List(vec![
            Leaf::Null,
            Leaf::Bool(true),
            Leaf::Int(-3),
            Leaf::Unsigned(u64::MAX),
            Leaf::Float(0.1),
            Leaf::Float(1e300),
            Leaf::Float(f64::INFINITY),
            Leaf::Text("a\"\\\n\u{1}ü".to_owned()),
        ]);
        let read: serde_json::Value = serde_json::from_str(&leaf.json()).unwrap();
        let expected = serde_json::json!([null, true, -3, u64::MAX, 0.1, 1e300, "inf", "a\"\\\n\u{1}ü"]);
        assert_eq!(read, expected);
    }
}
