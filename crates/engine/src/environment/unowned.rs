//! What lies where Python imports from, and nobody's record names it.

use super::{Gather, folder_of, in_cache, join, name_of};
use std::collections::{BTreeMap, HashSet};
use wellhead_rules::environment::{Effects, Unowned, UnownedKind};
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
                }
                group.first.get_or_insert_with(|| (path.clone(), node.clone()));
            }
        }
        self.compiled = compiled;
        let mut judged = 0_usize;
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
            if matches!(is, UnownedKind::Data) {
                // Data is judged by its content, like every file.
                if let Some((path, Node::File)) = &group.first {
                    self.suspects.insert(path.clone(), ());
                }
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
            ".egg",
        ];
        let noted = notes.iter().any(|end| top.ends_with(end));
        if noted {
            return !top.ends_with("-info") || !is_code(path);
        }
        // Hooks are judged as such.
        matches!(
            below,
            "README.txt"
                | "sitecustomize.py"
                | "usercustomize.py"
                | "sitecustomize.pyc"
                | "usercustomize.pyc"
        ) || self
            .environment
            .hooks
            .iter()
            .any(|h| h.known == Some("virtualenv") && below == "_virtualenv.py" && !h.effects.attacks())
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
            UnownedKind::Source | UnownedKind::Bytecode | UnownedKind::Link | UnownedKind::Data => None,
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

/// Whether Python imports a file of that name.
fn is_code(path: &str) -> bool {
    let name = name_of(path).to_ascii_lowercase();
    [".py", ".pyw", ".pyc", ".pyo", ".so", ".pyd"]
        .iter()
        .any(|end| name.ends_with(end))
}
