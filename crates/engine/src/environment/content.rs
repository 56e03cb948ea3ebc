//! The files whose content is judged: what Python runs at its start, what changed, what nobody owns; all with `--full`.

use super::{Gather, in_cache};
use crate::artifact::{FileResult, analyse};
use rayon::prelude::*;
use wellhead_core::Depth;
use wellhead_sources::{Content, Entry, environment::Node};

/// Most files whose content is judged without `--full`.
const MOST: usize = 20_000;

impl Gather<'_, '_> {
    pub(super) fn content(&mut self) -> Vec<FileResult> {
        self.changed_effects();
        let full = self.options.depth == Depth::Full;
        let mut paths: Vec<String> = if full {
            let all = self.listing.iter().filter(|(_, node)| **node != Node::Folder);
            all.map(|(path, _)| path.clone()).collect()
        } else {
            self.suspects.keys().cloned().collect()
        };
        if full {
            self.compiled = 0;
        } else {
            paths.retain(|path| !in_cache(path));
        }
        if !full && paths.len() > MOST {
            let left = paths.len().saturating_sub(MOST);
            let artifact = self.artifact("");
            let why = format!("{left} files that nobody's record names were not analysed: use `--full`");
            self.cover(artifact, wellhead_core::Outcome::Partly { why });
            paths.truncate(MOST);
        }
        let this = &*self;
        paths
            .par_iter()
            .map(|path| {
                let unreadable = |why: &str| Content::Unreadable { why: why.to_owned() };
                let content = match this.node(path) {
                    Node::File | Node::Link { inside: true, .. } => match this.prefix.open(path) {
                        Ok(blob) => Content::Blob(blob),
                        Err(why) => Content::Unreadable { why },
                    },
                    Node::Link { .. } => unreadable("a link that leaves the environment"),
                    Node::Missing => unreadable("no such file or folder"),
                    Node::Folder => unreadable("a folder"),
                    Node::Other(kind) => unreadable(kind),
                    Node::Unreadable(why) => Content::Unreadable { why },
                };
                let name = this.artifact(path).top().to_owned();
                let entry = Entry {
                    path: name.clone(),
                    content,
                };
                let mut result = analyse(&name, &entry, this.options);
                // Files of packages declare nothing of the environment; what is installed is known from the records.
                result.facts.clear();
                result
            })
            .collect()
    }

    /// What changed files do.
    fn changed_effects(&mut self) {
        let under = self.under.len();
        let changed: Vec<(usize, usize, String)> = self
            .installed
            .iter()
            .enumerate()
            .flat_map(|(at, one)| {
                one.facts.changed.iter().enumerate().map(move |(i, c)| {
                    let path = c.artifact.top().get(under..).unwrap_or_default();
                    (at, i, path.to_owned())
                })
            })
            .collect();
        for (at, i, path) in changed.into_iter().take(MOST) {
            let effects = self.effects(&path);
            if let Some(changed) = self
                .installed
                .get_mut(at)
                .and_then(|one| one.facts.changed.get_mut(i))
            {
                changed.effects = effects;
            }
        }
    }
}
