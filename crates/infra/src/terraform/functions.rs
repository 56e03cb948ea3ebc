//! The functions of Terraform that configuration of platforms is written with. What is not listed is not known.

use super::{
    eval::{LONGEST, MOST_ITEMS},
    term::{Known, Term},
};
use std::ops::Range;

/// A call with its arguments evaluated.
pub(super) fn call(name: &str, arguments: &[Term], span: &Range<usize>) -> Term {
    let mut out = known(name, arguments, span).unwrap_or_else(|| Term::unknown(span));
    if matches!(out.kind, Known::Unknown | Known::Text(_, true)) {
        out.refs.extend(arguments.iter().flat_map(Term::all_refs));
    }
    out
}

fn known(name: &str, arguments: &[Term], span: &Range<usize>) -> Option<Term> {
    let first = arguments.first();
    let text = |i: usize| arguments.get(i).and_then(Term::as_str);
    let make = |text: String| Term::text(span, &text);
    let list = |items: Vec<Term>| Term::new(span, Known::List(items.into_iter().take(MOST_ITEMS).collect()));
    Some(match name {
        // What is encoded keeps its shape, so that a policy is read as one.
        "jsonencode" | "yamlencode" | "tolist" | "toset" | "tomap" | "sensitive" | "nonsensitive"
        | "tostring" | "base64encode" | "base64gzip" | "tonumber" | "tobool" | "jsondecode"
        | "yamldecode" | "trimspace" | "chomp" | "sort" | "one" => first?.clone(),
        "concat" | "setunion" => {
            let mut items = Vec::new();
            for argument in arguments {
                match &argument.kind {
                    Known::List(more) => items.extend(more.iter().cloned()),
                    _ => items.push(argument.clone()),
                }
            }
            list(items)
        }
        "flatten" => {
            let mut items = Vec::new();
            let mut stack: Vec<&Term> = first?.each().into_iter().rev().collect();
            while let Some(term) = stack.pop() {
                match &term.kind {
                    Known::List(more) => stack.extend(more.iter().rev()),
                    _ => items.push(term.clone()),
                }
            }
            list(items)
        }
        "compact" => list(
            first?
                .each()
                .into_iter()
                .filter(|t| t.as_str() != Some("") && t.kind != Known::Null)
                .cloned()
                .collect(),
        ),
        "distinct" => {
            let mut items: Vec<Term> = Vec::new();
            // Comparing all with all is not worth it for long lists.
            for term in first?.each().into_iter().take(512) {
                if !items.contains(term) {
                    items.push(term.clone());
                }
            }
            list(items)
        }
        "merge" => {
            let mut entries: Vec<(String, Range<usize>, Term)> = Vec::new();
            for argument in arguments {
                if argument.kind == Known::Unknown {
                    return None;
                }
                entries.extend(argument.entries().iter().cloned());
            }
            entries.truncate(MOST_ITEMS);
            Term::new(span, Known::Map(entries))
        }
        "keys" => {
            let Known::Map(entries) = &first?.kind else {
                return None;
            };
            list(entries.iter().map(|(k, s, _)| Term::text(s, k)).collect())
        }
        "values" => {
            let Known::Map(entries) = &first?.kind else {
                return None;
            };
            list(entries.iter().map(|(.., t)| t.clone()).collect())
        }
        "length" => {
            let n = match &first?.kind {
                Known::List(items) => items.len(),
                Known::Map(entries) => entries.len(),
                Known::Text(text, false) => text.chars().count(),
                _ => return None,
            };
            Term::new(span, Known::Number(n.to_string()))
        }
        "element" => {
            let items = first?.each();
            let n = usize::try_from(arguments.get(1)?.as_number()?).ok()?;
            (*items.get(n.checked_rem(items.len())?)?).clone()
        }
        "lookup" => match (first?.get(text(1)?), &first?.kind) {
            (Some(found), _) => found.clone(),
            (None, Known::Map(_)) => arguments.get(2)?.clone(),
            _ => return None,
        },
        "contains" => {
            let wanted = arguments.get(1)?;
            let Known::List(items) = &first?.kind else {
                return None;
            };
            let all_known = items
                .iter()
                .chain([wanted])
                .all(|t| t.word().is_some_and(|w| !w.open));
            let found = items.contains(wanted);
            if !found && !all_known {
                return None;
            }
            Term::new(span, Known::Bool(found))
        }
        "join" => {
            let separator = text(0)?;
            let words: Option<Vec<String>> = arguments
                .get(1)?
                .each()
                .into_iter()
                .map(|t| t.word().filter(|w| !w.open).map(|w| w.text))
                .collect();
            let joined = words?.join(separator);
            if joined.len() > LONGEST {
                return None;
            }
            make(joined)
        }
        "split" => {
            let (separator, whole) = (text(0)?, text(1)?);
            if separator.is_empty() {
                return None;
            }
            list(
                whole
                    .split(separator)
                    .take(MOST_ITEMS)
                    .map(|p| Term::text(span, p))
                    .collect(),
            )
        }
        "replace" => {
            let (whole, from, to) = (text(0)?, text(1)?, text(2)?);
            // Between slashes it is an expression.
            if from.is_empty() || from.starts_with('/') || to.len() > from.len().saturating_mul(64) {
                return None;
            }
            let made = whole.replace(from, to);
            if made.len() > LONGEST {
                return None;
            }
            make(made)
        }
        "lower" => make(text(0)?.to_lowercase()),
        "upper" => make(text(0)?.to_uppercase()),
        "format" => make(format(text(0)?, arguments.get(1..)?)?),
        _ => return None,
    })
}

/// `format("%s-%d", …)` with the verbs that names are made with.
fn format(pattern: &str, arguments: &[Term]) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    let mut arguments = arguments.iter();
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let verb = after.chars().next()?;
        match verb {
            '%' => out.push('%'),
            's' | 'd' | 'v' => {
                let word = arguments.next()?.word().filter(|w| !w.open)?;
                out.push_str(&word.text);
            }
            _ => return None,
        }
        rest = after.get(verb.len_utf8()..)?;
        if out.len() > LONGEST {
            return None;
        }
    }
    out.push_str(rest);
    Some(out)
}
