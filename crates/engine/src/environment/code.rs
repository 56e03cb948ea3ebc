//! What the code of installed packages does together.
//!
//! Of a package whose record vouches for every file only `--full` follows the code, as it only then reads the content. Of
//! what was changed after its installation, of what was installed without a record and of what nobody installed it is
//! always followed: somebody put that there.

use super::{Gather, join, name_of};
use crate::unpacked::{self, Group, Lying};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{Blob, Depth, Outcome};
use wellhead_formats::format::table;
use wellhead_sources::environment::Node;

/// Files beside the code that tell of a package.
const TELLS: [&str; 3] = ["METADATA", "entry_points.txt", "top_level.txt"];

impl Gather<'_, '_> {
    pub(super) fn code(&mut self) {
        let full = self.options.depth == Depth::Full;
        // The package of each file: its owner, or the folder in which it lies at the top.
        let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
        let mut files: BTreeMap<(String, String), Vec<Lying>> = BTreeMap::new();
        for (path, node) in &self.listing {
            let readable = matches!(node, Node::File | Node::Link { inside: true, .. });
            let python = path.ends_with(".py") || path.ends_with(".pyw");
            let tells = TELLS.contains(&name_of(path));
            let Some(site) = self.site(path).filter(|_| readable && (python || tells)) else {
                continue;
            };
            let key = (site, self.package(path));
            if python && (full || self.suspects.contains_key(path)) {
                wanted.insert(key.clone());
            }
            files.entry(key).or_default().push(Lying {
                path: path.clone(),
                artifact: self.artifact(path),
                format: Some(if python {
                    &table::PYTHON
                } else {
                    &table::PLAIN_TEXT
                }),
                at: 0,
            });
        }
        let groups: Vec<Group> = files
            .into_iter()
            .filter(|(key, _)| wanted.contains(key))
            .map(|((site, name), files)| Group::of_environment(site, name, files))
            .collect();
        let open = |lying: &Lying| -> Result<Blob, String> { self.prefix.open(&lying.path) };
        let judged = unpacked::all(groups, &open, self.options);
        self.result.findings.extend(judged.findings);
        let itself = self.environment.itself.clone();
        for why in judged.not_assessed {
            let artifact = itself.clone().unwrap_or_else(|| self.artifact(""));
            self.cover(artifact, Outcome::Partly { why });
        }
    }

    /// The folder that Python imports a file from, with its slash.
    fn site(&self, path: &str) -> Option<String> {
        let sites = self.sites.iter().map(|site| join(site, ""));
        sites
            .filter(|site| path.starts_with(site.as_str()))
            .max_by_key(String::len)
    }

    fn package(&self, path: &str) -> String {
        let owner = self
            .owners
            .get(path)
            .and_then(|all| self.installed.get(*all.first()?));
        if let Some(one) = owner {
            return name_of(&one.folder).to_owned();
        }
        let site = self.site(path).unwrap_or_default();
        let below = path.get(site.len()..).unwrap_or_default();
        below.split_once('/').map_or("", |(top, _)| top).to_owned()
    }
}
