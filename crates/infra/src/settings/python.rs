//! Assignments of configuration that is written in Python: `c.ServerApp.token = ''`, `AUTH_ROLE_PUBLIC = "Admin"`.
//!
//! No parser of Python: statements are found by their lines and brackets, and of those only assignments of literals say
//! something. A value that is computed is one that is not known.

use crate::{cloud::Setting, resource::Word};
use std::ops::Range;

/// How many assignments are kept.
const MOST: usize = 4096;

/// The assignments of a text; places are bytes of it.
pub(super) fn assignments(text: &str) -> Vec<Setting> {
    let mut out = Vec::new();
    for statement in statements(text) {
        if out.len() >= MOST {
            break;
        }
        out.extend(assignment(text, &statement));
    }
    out
}

/// The places of logical lines: a bracket or a text in three quotes goes on over lines.
fn statements(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut start, mut depth) = (0_usize, 0_usize);
    let mut at = 0_usize;
    let bytes = text.as_bytes();
    while let Some(b) = bytes.get(at) {
        match b {
            b'#' => {
                out.extend((depth == 0).then_some(start..at));
                at = text
                    .get(at..)
                    .and_then(|t| t.find('\n'))
                    .map_or(text.len(), |n| at.saturating_add(n));
                if depth == 0 {
                    start = at;
                }
                continue;
            }
            b'\'' | b'"' => {
                at = string_end(text, at);
                continue;
            }
            b'(' | b'[' | b'{' => depth = depth.saturating_add(1),
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'\\' => at = at.saturating_add(1),
            b'\n' | b';' if depth == 0 => {
                out.push(start..at);
                start = at.saturating_add(1);
            }
            _ => {}
        }
        at = at.saturating_add(1);
    }
    out.push(start.min(text.len())..text.len());
    out
}

/// The byte behind a text that begins at a quote.
fn string_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let one = rest.get(..1).unwrap_or_default();
    let three = rest.get(..3).filter(|t| *t == one.repeat(3));
    let quote = three.unwrap_or(one);
    let mut i = at.saturating_add(quote.len());
    while let Some(rest) = text.as_bytes().get(i..).filter(|r| !r.is_empty()) {
        if rest.starts_with(b"\\") {
            i = i.saturating_add(2);
        } else if rest.starts_with(quote.as_bytes()) {
            return i.saturating_add(quote.len());
        } else if three.is_none() && rest.starts_with(b"\n") {
            return i;
        } else {
            i = i.saturating_add(1);
        }
    }
    text.len()
}

fn assignment(text: &str, place: &Range<usize>) -> Option<Setting> {
    let whole = text.get(place.clone())?;
    let equals = whole.find('=')?;
    let (target, value) = (whole.get(..equals)?, whole.get(equals.saturating_add(1)..)?);
    if value.starts_with('=') {
        return None;
    }
    // `name: str = value`
    let name = target.split(':').next().unwrap_or(target).trim();
    let name = name.strip_prefix("c.").unwrap_or(name);
    let is_name = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && chars.all(|c| c.is_alphanumeric() || c == '_')
    };
    if !name.split('.').all(is_name) {
        return None;
    }
    let start = place
        .start
        .saturating_add(whole.len().saturating_sub(whole.trim_start().len()));
    let end = place.start.saturating_add(whole.trim_end().len());
    let trimmed = value.trim();
    let at = end.saturating_sub(value.trim_start().trim_end().len());
    let (known, literal) = literal(trimmed);
    Some(Setting {
        name: name.to_owned(),
        value: Word {
            text: known,
            span: at..end.max(at),
            open: !literal,
        },
        span: start..end.max(start),
    })
}

/// What a literal stands for, and whether it is one; of what is computed, the text as it is written.
fn literal(text: &str) -> (String, bool) {
    if let Some(value) = strings(text) {
        return (value, true);
    }
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'));
    let is_plain = matches!(text, "True" | "False" | "None") || is_number;
    // A list, a set or a table of literals holds no name that is called.
    let is_collection = text.starts_with(['[', '{', '(']) && !bare_names(text);
    (text.to_owned(), is_plain || is_collection)
}

/// Whether names stand outside of texts, other than the constants.
fn bare_names(text: &str) -> bool {
    let mut at = 0_usize;
    let mut word = String::new();
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let c = rest.chars().next().unwrap_or(' ');
        if matches!(c, '\'' | '"') {
            if word == "f" {
                return true;
            }
            word.clear();
            at = string_end(text, at);
            continue;
        }
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
        } else {
            if is_unknown(&word) {
                return true;
            }
            word.clear();
        }
        at = at.saturating_add(c.len_utf8());
    }
    is_unknown(&word)
}

fn is_unknown(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with(|c: char| c.is_ascii_digit())
        && !matches!(word, "True" | "False" | "None" | "r" | "b" | "u")
}

/// Texts that stand behind each other are one.
fn strings(text: &str) -> Option<String> {
    let mut out = String::new();
    let inner = text.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
    let mut rest = inner.unwrap_or(text).trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let bare = rest.trim_start_matches(['r', 'R', 'b', 'B', 'u', 'U']);
        let raw = rest.len() != bare.len() && rest.starts_with(['r', 'R']);
        if rest.len().saturating_sub(bare.len()) > 2 || !bare.starts_with(['\'', '"']) {
            return None;
        }
        let end = string_end(bare, 0);
        let one = bare.get(..end)?;
        let quote = if one.len() >= 6 && (one.starts_with("'''") || one.starts_with("\"\"\"")) {
            3
        } else {
            1
        };
        let inner = one.get(quote..one.len().checked_sub(quote)?)?;
        if raw {
            out.push_str(inner);
        } else {
            unescape(inner, &mut out);
        }
        rest = bare.get(end..)?.trim();
    }
    Some(out)
}

fn unescape(text: &str, out: &mut String) {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('\n') | None => {}
                Some(c @ ('\\' | '\'' | '"')) => out.push(c),
                Some(c) => {
                    out.push('\\');
                    out.push(c);
                }
            },
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let row = |s: &Setting| {
            let open = if s.value.open { "?" } else { "" };
            format!(
                "{}={}{open} <{}> <{}>",
                s.name,
                s.value.text,
                &text[s.value.span.clone()],
                &text[s.span.clone()].replace('\n', "|")
            )
        };
        assignments(text).iter().map(row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn literals_are_known_and_the_rest_is_not() {
        let text = "\
import os  # c.X.y = 1
c = get_config()
c.ServerApp.token = ''  # off
c.ServerApp.ip = \"0.0\" '.0.0'
if True:
    c.JupyterHub.authenticator_class = r'dummy'; A = -1
c.Spawner.args = ['--a=b',
  \"--c\"]
c.Auth.users = set(os.environ)
c.Auth.other = {'a': True}
TOKEN: str = f'{x}'
x == 1
c['a'] = 2
D = \"\"\"two
= lines\"\"\"
";
        insta::assert_snapshot!(shown(text), @r#"
        c=get_config()? <get_config()> <c = get_config()>
        ServerApp.token= <''> <c.ServerApp.token = ''>
        ServerApp.ip=0.0.0.0 <"0.0" '.0.0'> <c.ServerApp.ip = "0.0" '.0.0'>
        JupyterHub.authenticator_class=dummy <r'dummy'> <c.JupyterHub.authenticator_class = r'dummy'>
        A=-1 <-1> <A = -1>
        Spawner.args=['--a=b',
          "--c"] <['--a=b',
          "--c"]> <c.Spawner.args = ['--a=b',|  "--c"]>
        Auth.users=set(os.environ)? <set(os.environ)> <c.Auth.users = set(os.environ)>
        Auth.other={'a': True} <{'a': True}> <c.Auth.other = {'a': True}>
        TOKEN=f'{x}'? <f'{x}'> <TOKEN: str = f'{x}'>
        D=two
        = lines <"""two
        = lines"""> <D = """two|= lines""">
        "#);
    }

    #[test]
    fn what_never_ends_ends() {
        for text in ["a = '''", "a = [", "a = \"\\", "a = (((((", "= 1", "a ="] {
            let _ = assignments(text);
        }
        assert!(assignments(&"[".repeat(100_000)).is_empty());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[abc.=:'\"#\\\\ \n\\[\\](){},é;]{0,60}") {
            for s in assignments(&text) {
                prop_assert!(text.get(s.span).is_some());
                prop_assert!(text.get(s.value.span).is_some());
            }
        }
    }
}
