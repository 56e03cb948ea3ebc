//! What the readers of structured files share: the text with its secrets blotted out, its tree, and places in it.

use super::{Manifest, ManifestKind, Problem};
use crate::index::{Masked, mask};
use std::{borrow::Cow, ops::Range};
use wellhead_core::{ArtifactPath, Budget, Lines, Location, Outcome, escape};
use wellhead_formats::text::{Entry, Node, toml};

/// A parsed TOML file.
pub(super) struct Document<'a> {
    artifact: &'a ArtifactPath,
    text: Cow<'a, str>,
    lines: Lines,
    secrets: Vec<Range<usize>>,
    /// The root table.
    pub(super) root: Node,
}

impl<'a> Document<'a> {
    /// Parses the text; the error is the manifest that says why nothing could be read.
    pub(super) fn parse(
        kind: ManifestKind,
        artifact: &'a ArtifactPath,
        text: &'a str,
        budget: &mut Budget,
    ) -> Result<(Self, Manifest), Box<Manifest>> {
        let Masked { text, secrets } = mask(text);
        let lines = Lines::new(&text);
        match toml(&text, budget) {
            Ok(root) => {
                let document = Self {
                    artifact,
                    lines,
                    secrets,
                    root,
                    text,
                };
                let mut manifest = Manifest::new(kind);
                for secret in &document.secrets {
                    let at = document.at(secret.clone(), "a password in plain text");
                    manifest.indexes.credentials.push(at);
                }
                Ok((document, manifest))
            }
            Err(e) => {
                let at = Location::text_in(artifact, &text, &lines, e.span, e.message.clone());
                let mut manifest = Manifest::unreadable(kind, format!("not TOML: {}", e.message), at);
                if let Some(why) = e.exhausted {
                    manifest.outcome = Outcome::NotAnalysed { why: why.to_string() };
                }
                Err(Box::new(manifest))
            }
        }
    }

    /// A place in the text.
    pub(super) fn at(&self, range: Range<usize>, label: &str) -> Location {
        Location::text_in(self.artifact, &self.text, &self.lines, range, label)
    }

    /// The line of an entry: key and value.
    pub(super) fn entry(&self, entry: &Entry, label: &str) -> Location {
        self.at(entry.key_span.start..entry.node.span.end, label)
    }

    /// The lines of a locked package: its name, and its version below it.
    pub(super) fn package(&self, table: &Node) -> Location {
        let named = |key: &str| table.entries().iter().rev().find(|e| e.key == key);
        let Some(name) = named("name") else {
            return self.at(table.span.clone(), "");
        };
        let mut at = self.entry(name, "");
        if let Some(version) = named("version") {
            let below = self.entry(version, "");
            if let (Some(mine), Some(theirs)) = (at.excerpt.as_mut(), below.excerpt) {
                for line in theirs.lines {
                    if mine.lines.iter().all(|l| l.number != line.number) {
                        mine.lines.push(line);
                    }
                }
                mine.lines.sort_by_key(|l| l.number);
            }
        }
        at
    }
}

/// Adds a problem.
pub(super) fn problem(manifest: &mut Manifest, at: Location, message: impl Into<String>) {
    manifest.problems.push(Problem {
        message: message.into(),
        at,
    });
}

/// The text of a string value, escaped.
pub(super) fn shown(node: Option<&Node>) -> Option<String> {
    node.and_then(Node::as_str).map(escape)
}
