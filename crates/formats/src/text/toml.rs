//! TOML by the `toml` crate, with every key and value in its place.

use super::{Entry, NODE_BYTES, Node, SyntaxError, Value, toml_plain};
use ::toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use std::ops::Range;
use wellhead_core::Budget;

/// Reads a TOML text.
///
/// # Errors
/// Where it is not TOML (the parser bounds nesting itself), or costs more than the budget has.
pub fn toml(text: &str, budget: &mut Budget) -> Result<Node, SyntaxError> {
    if let Some(node) = toml_plain::read(text, budget) {
        return Ok(node);
    }
    full(text, budget)
}

fn full(text: &str, budget: &mut Budget) -> Result<Node, SyntaxError> {
    // The parser's own tree is paid for by the text's length before it is built.
    budget
        .memory(text.len() as u64)
        .map_err(|e| SyntaxError::exhausted(e, 0))?;
    let table = DeTable::parse(text).map_err(|e| {
        let message = wellhead_core::escape(e.message());
        SyntaxError::new(message, e.span().unwrap_or(0..0))
    })?;
    let span = 0..text.len();
    let value = convert_table(table.into_inner(), budget)?;
    Ok(Node::new(span, value))
}

fn convert_table(table: DeTable<'_>, budget: &mut Budget) -> Result<Value, SyntaxError> {
    let mut entries = Vec::new();
    for (key, value) in table {
        let key_span = key.span();
        let node = convert(value, budget)?;
        entries.push(Entry {
            key: key.into_inner().into_owned(),
            key_span,
            node,
        });
    }
    // The crate's map is sorted by key; people read in the order of the text.
    entries.sort_by_key(|e| e.key_span.start);
    Ok(Value::Table(entries))
}

fn convert(value: Spanned<DeValue<'_>>, budget: &mut Budget) -> Result<Node, SyntaxError> {
    let span = value.span();
    pay(budget, &span)?;
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(n) => Value::Number(n.as_str().to_owned()),
        DeValue::Float(n) => Value::Number(n.as_str().to_owned()),
        DeValue::Boolean(b) => Value::Bool(b),
        DeValue::Datetime(when) => Value::String(when.to_string()),
        DeValue::Array(items) => {
            let items: Result<Vec<_>, _> = items.into_iter().map(|item| convert(item, budget)).collect();
            Value::Array(items?)
        }
        DeValue::Table(table) => convert_table(table, budget)?,
    };
    Ok(Node::new(span, value))
}

fn pay(budget: &mut Budget, span: &Range<usize>) -> Result<(), SyntaxError> {
    budget
        .steps(1)
        .map_err(|e| SyntaxError::exhausted(e, span.start))?;
    budget
        .memory(NODE_BYTES)
        .map_err(|e| SyntaxError::exhausted(e, span.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Node, SyntaxError> {
        toml(text, &mut Budget::default())
    }

    #[test]
    fn keys_stay_in_order_and_know_their_bytes() {
        let text = "z = 1\na = [ 'x', 2026-11-23 ]\n[t.u]\nk = { v = true }\n";
        let node = read(text).unwrap();
        let keys: Vec<_> = node.entries().iter().map(|e| e.key.as_str()).collect();
        assert_eq!(keys, ["z", "a", "t"]);
        let date = &node.get("a").unwrap().items()[1];
        assert_eq!(
            (date.as_str(), &text[date.span.clone()]),
            (Some("2026-11-23"), "2026-11-23")
        );
        assert_eq!(node.path(&["t", "u", "k", "v"]).unwrap().as_bool(), Some(true));
    }

    #[test]
    fn an_error_points_at_its_bytes() {
        let e = read("a = 1\nb = = 2\n").unwrap_err();
        assert_eq!(e.span.start, 10);
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(read(&format!("a = {}", "[".repeat(100_000))).is_err());
        assert!(read(&format!("a = {}1{}", "{ b = ".repeat(10_000), "}".repeat(10_000))).is_err());
        let _ = read(&format!("{} = 1", vec!["a"; 50_000].join(".")));
    }

    /// Keys and values, and the bytes of what is no table that headers made.
    fn flat(node: &Node) -> String {
        match &node.value {
            Value::Table(entries) => {
                let all: Vec<_> = entries
                    .iter()
                    .map(|e| format!("{:?}={}", e.key, flat(&e.node)))
                    .collect();
                format!("{{{}}}", all.join(","))
            }
            Value::Array(items) => {
                let all: Vec<_> = items.iter().map(flat).collect();
                format!("[{}]", all.join(","))
            }
            leaf => format!("{leaf:?}@{:?}", node.span),
        }
    }

    fn compare(text: &str) -> bool {
        let plain = toml_plain::read(text, &mut Budget::default());
        if let Some(plain) = &plain {
            let full = full(text, &mut Budget::default()).unwrap_or_else(|e| panic!("{text}: {}", e.message));
            assert_eq!(flat(plain), flat(&full), "{text}");
        }
        plain.is_some()
    }

    #[test]
    fn what_ends_a_string_is_seen_wherever_it_stands() {
        for before in 0..40 {
            for (odd, plain) in [
                ("", true),
                ("\t", true),
                ("é", true),
                ("\\n", false),
                ("\u{1}", false),
                ("\u{7f}", false),
                ("\n", false),
                ("\"", false),
            ] {
                let text = format!("a = \"{}{odd}{}\"\n", "x".repeat(before), "y".repeat(20));
                assert_eq!(compare(&text), plain, "{text:?}");
            }
        }
    }

    #[test]
    fn plain_texts_are_read_in_one_pass_and_others_are_not() {
        for (text, plain) in [
            (
                "a = 1\n[b]\nc = \"d\" # e\n[[f]]\ng = [\n  { h = \"i\" },\n]\n[f.j]\nk = true\n[[f]]\n",
                true,
            ),
            ("[a.b]\nc = 1\n[a.d]\n", true),
            ("", true),
            ("# only\n", true),
            ("a = \"\"\n", true),
            ("a = 'b'\n", false),
            ("a = \"\\n\"\n", false),
            ("a = \"\"\"b\"\"\"\n", false),
            ("a = 1.5\n", false),
            ("a = 2026-11-23\n", false),
            ("a.b = 1\n", false),
            ("a = 1\na = 2\n", false),
            ("[a]\n[a]\n", false),
            ("[a.b]\n[a]\n", false),
            ("a = { b = 1 }\n[a.c]\n", false),
            ("a = [{ b = 1 }]\n[[a]]\n", false),
            ("a = [{ b = 1 }]\n[a.c]\n", false),
            ("[[a]]\n[a]\n", false),
            ("a = 1 b = 2\n", false),
            ("a = 1\r\n", false),
        ] {
            assert_eq!(compare(text), plain, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = read(&text);
            compare(&text);
        }

        #[test]
        fn one_pass_reads_what_the_full_parser_reads(text in "([ab]|\"|=| = |\\[|\\]|\\{|\\}|,|\\.|1|true|#|\n|\\[a\\]\n|\\[\\[a\\]\\]\n|\\[a\\.b\\]\n|a = 1\n|b = \"x\"\n|a = \\{ b = 1 \\}\n){0,14}") {
            compare(&text);
        }
    }
}
