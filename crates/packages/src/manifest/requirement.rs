//! One requirement as PEP 508 has it: name, extras, versions or an address, marker.
//!
//! Own grammar on top of `pep440_rs`: the crate for PEP 508 turns markers into decision diagrams, which a hostile
//! marker of two kilobytes makes exponentially large. Markers are checked for shape and kept as text, since which
//! machine installs the project is not known here.

use super::marker;
use crate::name;
use pep440_rs::{Operator, VersionSpecifiers};
use std::{ops::Range, str::FromStr};

/// What is wanted of the package.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Versions that satisfy a specifier; all of them if it is empty.
    Versions(VersionSpecifiers),
    /// A version by its text alone (`===`), which need not be one of PEP 440.
    Text(String),
    /// What lies at an address.
    Address(String),
}

/// A requirement and the places of its parts in its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// The name as it was written.
    pub name: String,
    /// The extras, normalised.
    pub extras: Vec<String>,
    /// What is wanted.
    pub wanted: Wanted,
    /// The specifier or address as it was written.
    pub written: String,
    /// The marker as it was written.
    pub marker: Option<String>,
    /// The bytes of everything but the marker.
    pub span: Range<usize>,
}

/// Why a text is no requirement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// There is no name at its beginning.
    #[error("no package name")]
    Name,
    /// The extras do not end, or hold what is no name.
    #[error("malformed extras")]
    Extras,
    /// The versions are none of PEP 440.
    #[error("malformed version specifier")]
    Versions,
    /// There is an `@` and no address behind it.
    #[error("malformed address after `@`")]
    Address,
    /// The marker is none of PEP 508.
    #[error("malformed marker")]
    Marker,
}

/// Longest text that is read as a requirement.
const MAX_REQUIREMENT: usize = 16 << 10;

impl Requirement {
    /// Reads a requirement.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, RequirementError> {
        if text.len() > MAX_REQUIREMENT {
            return Err(RequirementError::Versions);
        }
        let lead = text.len().saturating_sub(text.trim_start().len());
        let rest = text.trim_start();
        let name_len = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .unwrap_or(rest.len());
        let (name, rest) = rest.split_at_checked(name_len).ok_or(RequirementError::Name)?;
        if !name::is_valid(name) {
            return Err(RequirementError::Name);
        }
        let (extras, rest) = extras(rest.trim_start())?;
        let rest = rest.trim_start();
        if let Some(address) = rest.strip_prefix('@') {
            return Self::address(text, lead, name, extras, address);
        }
        let (versions, marker) = match rest.split_once(';') {
            // pip takes a `;` with nothing behind it for none.
            Some((versions, marker)) => (versions, Some(marker.trim()).filter(|m| !m.is_empty())),
            None => (rest, None),
        };
        let written = versions.trim();
        let bare = written
            .strip_prefix('(')
            .and_then(|v| v.strip_suffix(')'))
            .unwrap_or(written)
            .trim();
        let wanted = wanted(bare)?;
        let marker = checked(marker)?;
        let behind = rest.find(';').map_or(0, |at| rest.len().saturating_sub(at));
        let end = text.len().saturating_sub(behind);
        Ok(Self {
            name: name.to_owned(),
            extras,
            wanted,
            written: bare.to_owned(),
            marker,
            span: lead..text.get(..end).map_or(end, |t| t.trim_end().len()),
        })
    }

    fn address(
        text: &str,
        lead: usize,
        name: &str,
        extras: Vec<String>,
        rest: &str,
    ) -> Result<Self, RequirementError> {
        // An address may hold a `;`, so the marker needs white space before it.
        let trimmed = rest.trim_start();
        let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        // Without white space pip still takes what is a marker for one.
        let glued = trimmed.find(';').filter(|at| *at < end).filter(|at| {
            trimmed
                .get(at.saturating_add(1)..)
                .is_some_and(|m| marker::is_valid(m.trim()))
        });
        let (address, after) = trimmed
            .split_at_checked(glued.unwrap_or(end))
            .ok_or(RequirementError::Address)?;
        if address.is_empty() {
            return Err(RequirementError::Address);
        }
        let marker = match after.trim().strip_prefix(';') {
            Some(marker) => checked(Some(marker.trim()))?,
            None if after.trim().is_empty() => None,
            None => return Err(RequirementError::Address),
        };
        let until = text.len().saturating_sub(after.len());
        Ok(Self {
            name: name.to_owned(),
            extras,
            wanted: Wanted::Address(address.to_owned()),
            written: address.to_owned(),
            marker,
            span: lead..until,
        })
    }

    /// The one version that is wanted, if it is one.
    pub fn exact(&self) -> Option<String> {
        match &self.wanted {
            Wanted::Text(version) => Some(version.clone()),
            Wanted::Versions(specifiers) => exact(specifiers),
            Wanted::Address(_) => None,
        }
    }
}

/// The version that a specifier pins.
pub(crate) fn exact(specifiers: &VersionSpecifiers) -> Option<String> {
    specifiers
        .iter()
        .find(|s| matches!(s.operator(), Operator::Equal | Operator::ExactEqual))
        .map(|s| s.version().to_string())
}

/// The specifier of a text; a trailing comma is allowed, as pip does.
pub(crate) fn specifiers(text: &str) -> Option<VersionSpecifiers> {
    VersionSpecifiers::from_str(text.trim().trim_end_matches(',').trim()).ok()
}

/// The specifiers of a text of which one has to hold, as Poetry and conda write them: `>=1,<2 || >=3`.
pub(crate) fn alternatives(text: &str) -> Option<Vec<VersionSpecifiers>> {
    let parts = text.split('|').filter(|part| !part.trim().is_empty());
    let mut parts = parts.take(MAX_ALTERNATIVES.saturating_add(1)).peekable();
    if parts.peek().is_none() {
        return Some(vec![specifiers("")?]);
    }
    let one = |part: &str| {
        let part = part.trim();
        let bare = part.starts_with(|c: char| c.is_ascii_digit());
        specifiers(&if bare {
            format!("=={part}")
        } else {
            part.to_owned()
        })
    };
    let all: Vec<VersionSpecifiers> = parts.map(one).collect::<Option<_>>()?;
    (all.len() <= MAX_ALTERNATIVES).then_some(all)
}

/// Most alternatives of one specifier that are understood.
const MAX_ALTERNATIVES: usize = 32;

fn wanted(text: &str) -> Result<Wanted, RequirementError> {
    match (specifiers(text), text.strip_prefix("===")) {
        (Some(specifiers), _) => Ok(Wanted::Versions(specifiers)),
        (None, Some(version)) => {
            let version = version.trim();
            let one_word = !version.is_empty()
                && !version.contains(|c: char| c.is_whitespace() || c == ',' || c.is_control());
            one_word
                .then(|| Wanted::Text(version.to_owned()))
                .ok_or(RequirementError::Versions)
        }
        (None, None) => Err(RequirementError::Versions),
    }
}

fn extras(rest: &str) -> Result<(Vec<String>, &str), RequirementError> {
    let Some(inner) = rest.strip_prefix('[') else {
        return Ok((Vec::new(), rest));
    };
    let (inner, rest) = inner.split_once(']').ok_or(RequirementError::Extras)?;
    if inner.trim().is_empty() {
        return Ok((Vec::new(), rest));
    }
    let extras = inner
        .split(',')
        .map(str::trim)
        .map(|extra| name::is_valid(extra).then(|| name::normalise(extra)))
        .collect::<Option<Vec<_>>>()
        .ok_or(RequirementError::Extras)?;
    Ok((extras, rest))
}

fn checked(marker: Option<&str>) -> Result<Option<String>, RequirementError> {
    match marker {
        Some(m) if marker::is_valid(m) => Ok(Some(m.to_owned())),
        Some(_) => Err(RequirementError::Marker),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requirements_are_read() {
        let shown = |text: &str| match Requirement::parse(text) {
            Ok(r) => format!(
                "{} {:?} {} = {:?} ; {:?}",
                r.name,
                r.extras,
                r.written,
                r.exact(),
                r.marker
            ),
            Err(e) => format!("error: {e}"),
        };
        let cases = [
            "torch==2.2.0+cu121 ; sys_platform == \"linux\"",
            "transformers[torch,Sentence_Piece]==4.38.0",
            "numpy>=1.24,<2",
            "Pillow == 10.0.0",
            "scikit_learn===1.3.0",
            "odd===2013-weird",
            "mlflow==2.10.* ",
            "gradio~=4.16.0",
            "keras",
            "legacy (>=1.0)",
            "trailing>=1.0,",
            "pkg!=1.0,==1!2.0",
            "ray[default] @ https://files.example/ray-2.9.0-py3-none-any.whl",
            "a @ https://files.example/a;b.zip ; python_version < '3.9'",
            "a[] >= 1",
            "torch=2.0",
            "torch >= banana",
            "two words",
            "-x",
            "a[b",
            "a @ ",
            "a==1;",
            "a@https://files.example/a-1.zip;python_version > '3'",
            "a; python_version",
            "a; (os_name == 'nt'",
        ];
        let all: Vec<String> = cases
            .iter()
            .map(|c| format!("{}\n    {}", c.trim(), shown(c)))
            .collect();
        insta::assert_snapshot!(all.join("\n"), @r#"
        torch==2.2.0+cu121 ; sys_platform == "linux"
            torch [] ==2.2.0+cu121 = Some("2.2.0+cu121") ; Some("sys_platform == \"linux\"")
        transformers[torch,Sentence_Piece]==4.38.0
            transformers ["torch", "sentence-piece"] ==4.38.0 = Some("4.38.0") ; None
        numpy>=1.24,<2
            numpy [] >=1.24,<2 = None ; None
        Pillow == 10.0.0
            Pillow [] == 10.0.0 = Some("10.0.0") ; None
        scikit_learn===1.3.0
            scikit_learn [] ===1.3.0 = Some("1.3.0") ; None
        odd===2013-weird
            odd [] ===2013-weird = Some("2013-weird") ; None
        mlflow==2.10.*
            mlflow [] ==2.10.* = None ; None
        gradio~=4.16.0
            gradio [] ~=4.16.0 = None ; None
        keras
            keras []  = None ; None
        legacy (>=1.0)
            legacy [] >=1.0 = None ; None
        trailing>=1.0,
            trailing [] >=1.0, = None ; None
        pkg!=1.0,==1!2.0
            pkg [] !=1.0,==1!2.0 = Some("1!2.0") ; None
        ray[default] @ https://files.example/ray-2.9.0-py3-none-any.whl
            ray ["default"] https://files.example/ray-2.9.0-py3-none-any.whl = None ; None
        a @ https://files.example/a;b.zip ; python_version < '3.9'
            a [] https://files.example/a;b.zip = None ; Some("python_version < '3.9'")
        a[] >= 1
            a [] >= 1 = None ; None
        torch=2.0
            error: malformed version specifier
        torch >= banana
            error: malformed version specifier
        two words
            error: malformed version specifier
        -x
            error: no package name
        a[b
            error: malformed extras
        a @
            error: malformed address after `@`
        a==1;
            a [] ==1 = Some("1") ; None
        a@https://files.example/a-1.zip;python_version > '3'
            a [] https://files.example/a-1.zip = None ; Some("python_version > '3'")
        a; python_version
            error: malformed marker
        a; (os_name == 'nt'
            error: malformed marker
        "#);
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            if let Ok(r) = Requirement::parse(&text) {
                prop_assert!(text.get(r.span).is_some());
            }
        }

        #[test]
        fn never_panics_near_the_grammar(text in "[a1\\[\\], @;=<>!~.*'()x-]{0,40}") {
            let _ = Requirement::parse(&text);
        }
    }
}
