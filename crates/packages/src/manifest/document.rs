//! What the readers of structured files share: the text with its secrets blotted out, its tree, and places in it.

use super::{Manifest, ManifestKind, Problem};
use crate::index::{Masked, mask};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_core::{ArtifactPath, Budget, Lines, Location, Outcome, code, escape};
use wellhead_formats::text::{Entry, Node, json, toml, yaml};

/// The syntaxes of structured files.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Syntax {
    Json,
    Toml,
    Yaml,
}

impl Syntax {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Toml => "TOML",
            Self::Yaml => "YAML",
        }
    }
}

/// What is parsed in the place of a text.
pub(crate) type View<'v> = &'v dyn Fn(&str) -> String;

/// A parsed file.
pub(crate) struct Document<'a> {
    artifact: &'a ArtifactPath,
    text: Cow<'a, str>,
    lines: Lines,
    secrets: Vec<Range<usize>>,
    /// The root table.
    pub(crate) root: Node,
}

impl<'a> Document<'a> {
    /// Parses a TOML text; the error is the manifest that says why nothing could be read.
    pub(crate) fn parse(
        kind: ManifestKind,
        artifact: &'a ArtifactPath,
        text: &'a str,
        budget: &mut Budget,
    ) -> Result<(Self, Manifest), Box<Manifest>> {
        Self::parse_as(Syntax::Toml, kind, artifact, text, None, budget)
    }

    /// Parses what `view` makes of the text. Places in the view must be places in the text, since that is what is quoted.
    pub(super) fn parse_as(
        syntax: Syntax,
        kind: ManifestKind,
        artifact: &'a ArtifactPath,
        text: &'a str,
        view: Option<View<'_>>,
        budget: &mut Budget,
    ) -> Result<(Self, Manifest), Box<Manifest>> {
        let Masked { text, secrets } = mask(text);
        let lines = Lines::new(&text);
        let parse = match syntax {
            Syntax::Json => json,
            Syntax::Toml => toml,
            Syntax::Yaml => yaml,
        };
        let seen = view.map_or(Cow::Borrowed(text.as_ref()), |view| Cow::Owned(view(&text)));
        let parsed = parse(&seen, budget);
        drop(seen);
        match parsed {
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
                document.doubled(&mut manifest, budget);
                Ok((document, manifest))
            }
            Err(e) => {
                let at = Location::text_in(artifact, &text, &lines, e.span, e.message.clone());
                let mut manifest =
                    Manifest::unreadable(kind, format!("not {}: {}", syntax.name(), e.message), at);
                if let Some(why) = e.exhausted {
                    manifest.outcome = Outcome::NotAnalysed { why: why.to_string() };
                }
                Err(Box::new(manifest))
            }
        }
    }

    /// Says of keys that stand twice in one table: some loaders refuse that, others take the first or the last. TOML does
    /// not parse with them.
    fn doubled(&self, out: &mut Manifest, budget: &mut Budget) {
        let mut doubled: BTreeMap<usize, &Entry> = BTreeMap::new();
        let mut nodes = 0_u64;
        self.root.walk(&mut |node| {
            let mut seen = BTreeSet::new();
            nodes = nodes.saturating_add(1);
            for entry in node.entries() {
                // What a merge key brings in stands elsewhere, and the table's own entry counts.
                let own = node.span.start <= entry.key_span.start && entry.key_span.end <= node.span.end;
                if own && !seen.insert(entry.key.as_str()) {
                    doubled.insert(entry.key_span.start, entry);
                }
            }
        });
        if budget.steps(nodes).is_err() {
            return;
        }
        for entry in doubled.values() {
            if !paid(out, budget, || self.entry(entry, "")) {
                return;
            }
            let message = format!(
                "the key {} stands there twice, and loaders take one or the other",
                code(&entry.key)
            );
            problem(out, self.entry(entry, "the second time"), message);
        }
    }

    /// The text with its secrets blotted out.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The file.
    pub(super) fn artifact(&self) -> &'a ArtifactPath {
        self.artifact
    }

    /// A place in the text.
    pub(crate) fn at(&self, range: Range<usize>, label: &str) -> Location {
        Location::text_in(self.artifact, &self.text, &self.lines, range, label)
    }

    /// The line of an entry: key and value.
    pub(crate) fn entry(&self, entry: &Entry, label: &str) -> Location {
        self.at(entry.key_span.start..entry.node.span.end, label)
    }

    /// The lines of a locked package: its name, and its version below it.
    pub(crate) fn package(&self, table: &Node) -> Location {
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
pub(crate) fn problem(manifest: &mut Manifest, at: Location, message: impl Into<String>) {
    manifest.problems.push(Problem {
        message: message.into(),
        at,
    });
}

/// What a component costs in memory, with the excerpt of its line.
const COMPONENT_BYTES: u64 = 1 << 10;

/// Pays for one more entry; `false` where the budget is at its end, which the manifest then says at `at`.
pub(super) fn paid(manifest: &mut Manifest, budget: &mut Budget, at: impl FnOnce() -> Location) -> bool {
    let spent = budget.steps(64).and_then(|()| budget.memory(COMPONENT_BYTES));
    let Err(e) = spent else { return true };
    let why = format!("the rest of the file was not read, since it {e}");
    problem(manifest, at(), why.clone());
    manifest.outcome = Outcome::Partly { why };
    false
}

/// The text of a string value, escaped.
pub(crate) fn shown(node: Option<&Node>) -> Option<String> {
    node.and_then(Node::as_str).map(escape)
}
