//! VEX: what somebody says about a flaw in a product, as OpenVEX and CycloneDX write it.
//!
//! A document is read into the same statements whatever its format. The one decision: a statement only excuses what it
//! names. A product that is no package, a version that is another one, a state without a reason leave the finding as it
//! is, and where two statements disagree and their dates do not settle it, the one that excuses nothing counts.

mod cyclonedx;
mod openvex;
mod product;
mod time;
mod vers;

pub use product::{Inhabitants, Meant, VexProduct};

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_core::{ArtifactPath, Budget, Digest, Exhausted, Lines, Location};
use wellhead_formats::text::{self, Node};

/// What is said of a flaw in a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VexStatus {
    /// It can be exploited there.
    Affected,
    /// Nobody knows yet.
    UnderInvestigation,
    /// It cannot be exploited there.
    NotAffected,
    /// It was mended.
    Fixed,
}

impl VexStatus {
    /// The name, as OpenVEX has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
        }
    }

    /// The name, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::NotAffected => "not affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under investigation",
        }
    }

    /// Whether a finding that it speaks of is settled.
    pub fn excuses(self) -> bool {
        matches!(self, Self::NotAffected | Self::Fixed)
    }
}

/// The reasons for `not_affected` that OpenVEX knows.
pub const JUSTIFICATIONS: &[&str] = &[
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexStatement {
    /// What is said.
    pub status: VexStatus,
    /// All names of the flaw, upper case.
    pub ids: BTreeSet<String>,
    /// The packages that it speaks of.
    pub products: Vec<VexProduct>,
    /// The machine-readable reason, by its name in the document's own format.
    pub justification: Option<String>,
    /// The reason in words; not escaped.
    pub reason: Option<String>,
    /// Seconds since 1970 of the time at which it was said, where that can be read.
    pub when: Option<i64>,
    /// Its bytes in the document.
    pub span: Range<usize>,
}

/// A document.
#[derive(Clone, Debug)]
pub struct VexDocument {
    /// The file as it was named.
    pub artifact: ArtifactPath,
    text: String,
    lines: Lines,
    /// Who says it, where the document says so; not escaped.
    pub author: Option<String>,
    /// The statements.
    pub statements: Vec<VexStatement>,
    /// Statements that say nothing that can be used, and why.
    pub problems: Vec<(Range<usize>, String)>,
}

/// Why a text is no VEX document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct VexError {
    /// What is wrong, without a full stop; safe to show.
    pub message: String,
    /// The place.
    pub location: Box<Location>,
}

/// Reads a VEX document: OpenVEX, or CycloneDX with vulnerabilities. `name` is how the file is called in locations.
///
/// # Errors
/// Where it is not JSON, or neither of the two, or costs more than `budget` allows: a document that was read in part
/// might be read without the statement that takes another one back.
pub fn read_vex(name: &str, source: String, budget: &mut Budget) -> Result<VexDocument, VexError> {
    let artifact = ArtifactPath::file(name);
    let fail = |message: String, span: Range<usize>| VexError {
        message,
        location: Box::new(Location::text(&artifact, &source, span, "here")),
    };
    // A mark at the beginning is no part of JSON, and editors write it all the same.
    let text = source.strip_prefix('\u{feff}').unwrap_or(&source);
    let shift = source.len().saturating_sub(text.len());
    let root = text::json(text, budget).map_err(|e| {
        let at = |n: usize| n.saturating_add(shift);
        fail(
            format!("not JSON: {}", e.message),
            at(e.span.start)..at(e.span.end),
        )
    })?;
    let mut read = Reading {
        shift,
        ..Reading::default()
    };
    let openvex = |node: &Node| {
        node.as_str()
            .is_some_and(|t| t.starts_with("https://openvex.dev/ns"))
    };
    let context = root.get("@context");
    let done = if context.is_some_and(|c| openvex(c) || c.items().iter().any(openvex)) {
        openvex::read(&root, &mut read, budget)
    } else if root.get("bomFormat").and_then(Node::as_str) == Some("CycloneDX") {
        cyclonedx::read(&root, &mut read, budget)
    } else {
        let message = "it is neither OpenVEX (`@context`) nor CycloneDX (`bomFormat`)".to_owned();
        return Err(fail(message, shift..shift));
    };
    done.map_err(|e| fail(format!("it costs more than is allowed: {e}"), shift..shift))?;
    Ok(VexDocument {
        author: read.author,
        statements: read.statements,
        problems: read.problems,
        lines: Lines::new(&source),
        artifact,
        text: source,
    })
}

/// A document that is being read.
#[derive(Default)]
struct Reading {
    /// What stands before the text that was parsed.
    shift: usize,
    author: Option<String>,
    statements: Vec<VexStatement>,
    problems: Vec<(Range<usize>, String)>,
}

impl Reading {
    fn span(&self, node: &Node) -> Range<usize> {
        node.span.start.saturating_add(self.shift)..node.span.end.saturating_add(self.shift)
    }

    fn problem(&mut self, node: &Node, why: impl Into<String>) {
        self.problems.push((self.span(node), why.into()));
    }

    /// Takes a statement, or why it is none.
    fn take(
        &mut self,
        node: &Node,
        read: Result<VexStatement, String>,
        when: Option<i64>,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        match read {
            Ok(mut statement) => {
                let parts = statement.ids.len().saturating_add(statement.products.len());
                budget.steps(parts as u64)?;
                budget.memory((parts as u64).saturating_mul(200))?;
                statement.when = when;
                statement.span = self.span(node);
                self.statements.push(statement);
            }
            Err(why) => self.problem(node, why),
        }
        budget.steps(1)
    }
}

impl VexDocument {
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        Digest::sha256(self.text.as_bytes()).hex
    }

    /// The place of a statement or a problem, by its bytes.
    pub fn location(&self, span: &Range<usize>, label: &str) -> Location {
        // A statement is many lines long, and its first one says nothing; the whole is what the span says.
        Location::text_in(&self.artifact, &self.text, &self.lines, span.clone(), label)
    }
}

/// Statements of all documents by the names of the flaws that they speak of.
#[derive(Debug)]
pub struct VexIndex<'d> {
    documents: &'d [VexDocument],
    by_id: BTreeMap<&'d str, Vec<(usize, usize)>>,
}

impl<'d> VexIndex<'d> {
    /// Sorts the statements.
    pub fn new(documents: &'d [VexDocument]) -> Self {
        let mut by_id: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
        for (d, document) in documents.iter().enumerate() {
            for (s, statement) in document.statements.iter().enumerate() {
                for id in &statement.ids {
                    by_id.entry(id).or_default().push((d, s));
                }
            }
        }
        Self { documents, by_id }
    }

    /// A statement by its place: document, then statement.
    pub fn get(&self, (document, statement): (usize, usize)) -> Option<(&'d VexDocument, &'d VexStatement)> {
        let document = self.documents.get(document)?;
        Some((document, document.statements.get(statement)?))
    }

    /// The statements that speak of a flaw, by any of its names, in a package; in the order of the documents.
    ///
    /// # Errors
    /// When there are more statements to look at than `budget` allows.
    pub fn speaking<'i>(
        &self,
        ids: impl Iterator<Item = &'i str>,
        meant: &Meant<'_>,
        budget: &mut Budget,
    ) -> Result<Vec<(usize, usize)>, Exhausted> {
        let mut places = BTreeSet::new();
        for id in ids {
            for place in self
                .by_id
                .get(id.to_ascii_uppercase().as_str())
                .into_iter()
                .flatten()
            {
                budget.steps(1)?;
                places.insert(*place);
            }
        }
        let mut out = Vec::new();
        for place in places {
            let Some((_, statement)) = self.get(place) else {
                continue;
            };
            budget.steps(statement.products.len() as u64)?;
            if statement.products.iter().any(|product| product.is(meant)) {
                out.push(place);
            }
        }
        Ok(out)
    }

    /// The one that counts among statements about one flaw in one package: the latest, and where the dates do not tell
    /// which is the latest, the one that excuses least.
    pub fn deciding(&self, speaking: &[(usize, usize)]) -> Option<(usize, usize)> {
        let when = |place: &(usize, usize)| self.get(*place).and_then(|(_, s)| s.when);
        let latest = speaking.iter().filter_map(when).max();
        let candidates = speaking.iter().filter(|p| when(p).is_none() || when(p) == latest);
        candidates
            .min_by_key(|p| (self.get(**p).map(|(_, s)| s.status), **p))
            .copied()
    }
}

/// The name of a flaw: itself, or the end of an address that leads to it.
fn id_of(text: &str) -> Option<String> {
    let name = match text.split_once("://") {
        Some((_, rest)) => rest
            .split(['?', '#'])
            .next()?
            .trim_end_matches('/')
            .rsplit('/')
            .next()?,
        None => text,
    };
    let name = name.trim();
    (!name.is_empty() && name.len() <= 200).then(|| name.to_ascii_uppercase())
}

/// The text of a member, if it says anything.
fn said(node: &Node, key: &str) -> Option<String> {
    let text = node.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
