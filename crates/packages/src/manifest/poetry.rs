//! Poetry's own way to write versions: `^1.2`, `~1.2`, `1.2.*`, a bare version, alternatives with `||`.

use super::requirement::{exact, specifiers};
use crate::version::parse;
use pep440_rs::VersionSpecifiers;

/// A Poetry constraint.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constraint {
    /// One version.
    Exact(String),
    /// A range, as a specifier of PEP 440 that says the same.
    Range(VersionSpecifiers),
    /// Several of them, of which one has to hold, as specifiers with `||` between them.
    Either(String),
}

/// Reads a constraint; `None` where it is none.
pub(super) fn constraint(text: &str) -> Option<Constraint> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if text.contains("||") || text.contains(" | ") {
        let all = text.split('|').filter(|p| !p.trim().is_empty());
        let all = all.map(|part| match constraint(part)? {
            Constraint::Exact(version) => Some(format!("=={version}")),
            Constraint::Range(range) => Some(range.to_string()),
            Constraint::Either(_) => None,
        });
        let all = all.collect::<Option<Vec<String>>>()?;
        // Where one of them is any version, all together are.
        return match all.iter().any(String::is_empty) {
            true => specifiers("").map(Constraint::Range),
            false => Some(Constraint::Either(all.join(" || "))),
        };
    }
    if text == "*" {
        return specifiers("").map(Constraint::Range);
    }
    let mut clauses = Vec::new();
    for part in text.split(',').flat_map(words) {
        clauses.push(clause(&part)?);
    }
    let joined = specifiers(&clauses.join(","))?;
    Some(match exact(&joined) {
        Some(version) => Constraint::Exact(version),
        None => Constraint::Range(joined),
    })
}

/// Splits `>=1.0 <2.0`, which Poetry takes like a comma, but keeps `>= 1.0` together.
fn words(part: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in part.split_whitespace() {
        match out.last_mut() {
            Some(last) if last.ends_with(['<', '>', '=', '~', '^', '!']) => last.push_str(word),
            _ => out.push(word.to_owned()),
        }
    }
    out
}

fn clause(text: &str) -> Option<String> {
    if let Some(version) = text.strip_prefix('^') {
        return between(version, caret);
    }
    if let Some(version) = text.strip_prefix('~').filter(|v| !v.starts_with('=')) {
        return between(version, tilde);
    }
    if text.starts_with(['<', '>', '=', '!', '~']) {
        let single = text.strip_prefix('=').filter(|v| !v.starts_with('='));
        return Some(single.map_or_else(|| text.to_owned(), |v| format!("=={v}")));
    }
    Some(format!("=={text}"))
}

fn between(version: &str, next: fn(&[u64]) -> Vec<u64>) -> Option<String> {
    let low = parse(version)?;
    let high: Vec<String> = next(low.release()).iter().map(u64::to_string).collect();
    Some(format!(">={low},<{}", high.join(".")))
}

/// The first number that is not zero goes up by one.
fn caret(release: &[u64]) -> Vec<u64> {
    let at = release
        .iter()
        .position(|n| *n != 0)
        .unwrap_or(release.len().saturating_sub(1));
    bumped(release, at)
}

/// The second number goes up by one, or the only one.
fn tilde(release: &[u64]) -> Vec<u64> {
    bumped(release, 1.min(release.len().saturating_sub(1)))
}

fn bumped(release: &[u64], at: usize) -> Vec<u64> {
    let mut out: Vec<u64> = release.iter().take(at.saturating_add(1)).copied().collect();
    if let Some(last) = out.last_mut() {
        *last = last.saturating_add(1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn constraints_become_specifiers() {
        let shown = |text: &str| match constraint(text) {
            None => "no constraint".to_owned(),
            Some(Constraint::Exact(v)) => format!("exactly {v}"),
            Some(Constraint::Either(all)) => format!("either {all}"),
            Some(Constraint::Range(s)) => format!("range {s}"),
        };
        for (text, means) in [
            ("2.10.0", "exactly 2.10.0"),
            ("==2.10.0", "exactly 2.10.0"),
            ("=2.10.0", "exactly 2.10.0"),
            ("^1.2.3", "range >=1.2.3, <2"),
            ("^0.2.3", "range >=0.2.3, <0.3"),
            ("^0.0", "range >=0.0, <0.1"),
            ("~1.2.3", "range >=1.2.3, <1.3"),
            ("~1", "range >=1, <2"),
            ("~=1.2", "range ~=1.2"),
            ("1.2.*", "range ==1.2.*"),
            ("*", "range "),
            (">=1.0 <2.0", "range >=1.0, <2.0"),
            (">= 1.0, < 2.0", "range >=1.0, <2.0"),
            ("^1.0 || ^2.0", "either >=1.0, <2 || >=2.0, <3"),
            ("1.0 || >=2.0", "either ==1.0 || >=2.0"),
            ("^1.0 || *", "range "),
            ("^1.0 || banana", "no constraint"),
            ("banana", "no constraint"),
            ("", "no constraint"),
        ] {
            assert_eq!(shown(text), means, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[\\^~0-9.*<>=|, a]{0,30}") {
            let _ = constraint(&text);
        }
    }
}
