//! What lies where Python imports from, and nobody's record names it.

use super::{Gather, folder_of, in_cache, is_code, join, name_of};
use std::collections::{BTreeMap, HashSet};
use wellhead_core::Outcome;
use wellhead_rules::environment::{Effects, HookKind, RecordState, Unowned, UnownedKind};
use wellhead_sources::environment::Node;

/// Most single places that are told.
const MOST: usize = 5_000;
/// Most unowned files whose deeds are looked for.
const MOST_EFFECTS: usize = 2_000;

/// The files of one unowned place.
#[derive(Default)]
struct Group {
    files: u64,
    code: Vec<String>,
    data: Vec<String>,
    first: Option<(String, Node)>,
}

impl Gather<'_, '_> {
    pub(super) fn unowned(&mut self) {
        let mut owned_folders: HashSet<&str> = HashSet::new();
        for path in self.owners.keys().chain(&self.system) {
            let mut folder = folder_of(path);
            while owned_folders.insert(folder) && !folder.is_empty() {
                folder = folder_of(folder);
            }
        }
        for site in &self.sites {
            owned_folders.insert(site);
        }
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        let mut compiled = 0_u64;
        for site in &self.sites {
            let start = join(site, "");
            for (path, node) in self.listing.range(start.clone()..) {
                if !path.starts_with(&start) {
                    break;
                }
                if in_cache(path) {
                    compiled = compiled.saturating_add(u64::from(path.ends_with(".pyc")));
                    continue;
                }
                let owned = self.owners.contains_key(path) || self.system.contains(path);
                if owned || self.is_of_installer(site, path) {
                    continue;
                }
                let mut place = path.as_str();
                let mut at = path.as_str();
                while !folder_of(at).is_empty() && !owned_folders.contains(folder_of(at)) {
                    at = folder_of(at);
                    place = at;
                }
                let group = groups.entry(place.to_owned()).or_default();
                group.files = group.files.saturating_add(1);
                if is_code(path) {
                    group.code.push(path.clone());
                } else if *node == Node::File {
                    group.data.push(path.clone());
                }
                group.first.get_or_insert_with(|| (path.clone(), node.clone()));
            }
        }
        self.compiled = compiled;
        let mut judged = self.unrecorded();
        if groups.len() > MOST {
            let artifact = self.artifact("");
            let left = groups.len().saturating_sub(MOST);
            let why = format!("{left} more places that nobody's record names were not looked at");
            self.cover(artifact, Outcome::Partly { why });
        }
        for (place, group) in groups.into_iter().take(MOST) {
            let single = group.first.as_ref().is_some_and(|(path, _)| *path == place);
            let is = match &group.first {
                Some((_, Node::Link { .. })) if single => UnownedKind::Link,
                Some((path, _)) if single => kind(path),
                _ if group.code.is_empty() => UnownedKind::Data,
                _ => UnownedKind::Folder,
            };
            let mut effects = Effects::default();
            for path in &group.code {
                if judged < MOST_EFFECTS {
                    effects.merge(&self.effects(path));
                    judged = judged.saturating_add(1);
                }
            }
            // Data is judged by its content, like every file.
            self.suspects
                .extend(group.data.into_iter().map(|path| (path, ())));
            if matches!(is, UnownedKind::Data) {
                continue;
            }
            for path in &group.code {
                self.suspects.insert(path.clone(), ());
            }
            let shadows = self.shadowed(&place, is).map(|path| self.artifact(&path));
            self.environment.unowned.push(Unowned {
                artifact: self.artifact(&place),
                files: group.files,
                code: group.code.len() as u64,
                is,
                shadows,
                effects,
            });
        }
    }

    /// Code of what was installed without a record, where it does what no honest code does; gives how many files were
    /// looked at.
    fn unrecorded(&mut self) -> usize {
        let without = |one: &&super::Installed| {
            let state = &one.facts.record;
            !one.facts.system && matches!(state, RecordState::None(_) | RecordState::Missing)
        };
        let rows = self.installed.iter().filter(without).flat_map(|one| &one.rows);
        let code = rows.map(|(path, ..)| path).filter(|path| path.ends_with(".py"));
        let code: Vec<String> = code.take(MOST_EFFECTS).cloned().collect();
        for path in &code {
            let effects = self.effects(path);
            if effects.attacks() {
                self.suspects.insert(path.clone(), ());
                self.environment.unowned.push(Unowned {
                    artifact: self.artifact(path),
                    files: 1,
                    code: 1,
                    is: UnownedKind::Unrecorded,
                    shadows: None,
                    effects,
                });
            }
        }
        code.len()
    }

    /// Whether an installer writes it without saying so in a record.
    fn is_of_installer(&self, site: &str, path: &str) -> bool {
        let below = path.strip_prefix(&join(site, "")).unwrap_or(path);
        let top = below.split('/').next().unwrap_or_default();
        let notes = [
            ".dist-info",
            ".egg-info",
            ".egg-link",
            ".virtualenv",
            ".pth",
            ".start",
        ];
        if notes.iter().any(|end| top.ends_with(end)) {
            return !is_code(path);
        }
        // Hooks are judged as such.
        let shown = self.artifact(path);
        below == "README.txt"
            || self.environment.hooks.iter().any(|h| {
                let virtualenv = h.known == Some("virtualenv") && below == "_virtualenv.py";
                (virtualenv && !h.effects.attacks()) || (h.is == HookKind::Customize && h.artifact == shown)
            })
    }

    /// The owned module in whose place Python takes this one: packages come before extensions, those before source,
    /// and source before bytecode.
    fn shadowed(&self, place: &str, is: UnownedKind) -> Option<String> {
        let folder = folder_of(place);
        let stem = name_of(place).split('.').next().unwrap_or_default();
        let owned = |path: String| self.owners.contains_key(&path).then_some(path);
        let module = |name: &str| join(folder, &format!("{stem}{name}"));
        match is {
            UnownedKind::Folder => owned(module(".py")).or_else(|| {
                let start = module(".");
                let mut beside = self.listing.range(start.clone()..).map(|(path, _)| path);
                beside
                    .next()
                    .filter(|p| p.starts_with(&start) && is_code(p))
                    .and_then(|p| owned(p.clone()))
            }),
            UnownedKind::Native => owned(module(".py")),
            UnownedKind::Source | UnownedKind::Bytecode | UnownedKind::Link => None,
            UnownedKind::Data | UnownedKind::Unrecorded => None,
        }
    }
}

fn kind(path: &str) -> UnownedKind {
    let name = name_of(path);
    if name.ends_with(".py") || name.ends_with(".pyw") {
        UnownedKind::Source
    } else if name.ends_with(".pyc") || name.ends_with(".pyo") {
        UnownedKind::Bytecode
    } else if is_code(path) {
        UnownedKind::Native
    } else {
        UnownedKind::Data
    }
}
