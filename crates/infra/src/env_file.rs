//! Files of variables: `.env`, `env_file` of compose, `EnvironmentFile` of systemd.
//!
//! One line, one variable; what a line does not say as `NAME=value` says nothing.

use crate::resource::{Variable, Word};
use std::ops::Range;

/// The variables of a file that lies at `span` of a text.
pub(crate) fn variables(text: &str, span: &Range<usize>) -> Vec<Variable> {
    let mut out = Vec::new();
    let mut at = span.start;
    for line in text.get(span.clone()).unwrap_or_default().split_inclusive('\n') {
        out.extend(variable(line, at));
        at = at.saturating_add(line.len());
    }
    out
}

fn variable(line: &str, at: usize) -> Option<Variable> {
    let content = line.trim_start_matches('\u{feff}').trim();
    let content = content.strip_prefix("export ").unwrap_or(content).trim_start();
    if content.starts_with(['#', ';']) {
        return None;
    }
    let (name, value) = content.split_once('=')?;
    let name = name.trim();
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if name.is_empty() || !is_name {
        return None;
    }
    let start = at.saturating_add(line.find(content)?);
    let span = start..start.saturating_add(content.len());
    let (text, plain) = unquoted(value.trim());
    let word = Word {
        open: !plain && text.contains('$'),
        text,
        span: span.clone(),
    };
    Some(Variable {
        name: name.to_owned(),
        value: Some(word),
        span,
    })
}

/// The value without its quotes or the remark behind it, and whether a dollar in it is only a dollar.
fn unquoted(value: &str) -> (String, bool) {
    for quote in ['\'', '"'] {
        if let Some(inner) = value.strip_prefix(quote)
            && let Some((inner, _)) = inner.split_once(quote)
        {
            return (inner.to_owned(), quote == '\'');
        }
    }
    let value = value.split(" #").next().unwrap_or(value).trim_end();
    (value.to_owned(), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let row = |v: &Variable| {
            let value = v.value.as_ref().unwrap();
            format!(
                "{}={}{} <{}>",
                v.name,
                value.text,
                if value.open { "?" } else { "" },
                &text[v.span.clone()]
            )
        };
        let all = variables(text, &(0..text.len()));
        all.iter().map(row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn quotes_remarks_and_exports() {
        let text = "# a\nA=1 # one\nexport B=\"two words\" # x\r\nC='$x'\nD=$A\nnot a line\n=x\nE=\n";
        insta::assert_snapshot!(shown(text), @r#"
        A=1 <A=1 # one>
        B=two words <B="two words" # x>
        C=$x <C='$x'>
        D=$A? <D=$A>
        E= <E=>
        "#);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[A-C=\"'#$ é\n\r]{0,40}") {
            for v in variables(&text, &(0..text.len())) {
                prop_assert!(text.get(v.span).is_some());
            }
        }
    }
}
