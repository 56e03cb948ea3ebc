//! Which scripts run when some of them are loaded, and what they do then.
//!
//! Imports of a sibling are followed, and so are calls of its functions: the line that starts a program often lies in
//! a helper that the configuration does not name.

use super::facts::{Repository, Script};
use std::collections::BTreeMap;
use wellhead_core::Severity;
use wellhead_pycode::{Deed, DeedKind, Module, Stage};

/// Something that happens when scripts are loaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done<'a> {
    pub(super) path: &'a str,
    pub(super) script: &'a Script,
    pub(super) deed: &'a Deed,
    pub(super) stage: Stage,
    pub(super) severity: Severity,
}

impl Done<'_> {
    /// `starts other programs when it is imported`
    pub(super) fn words(&self) -> String {
        format!("{} {}", self.deed.kind.verb(), self.stage.when())
    }
}

/// Scripts with the stage of each of their scopes.
pub(super) type Stages<'a> = BTreeMap<&'a str, Vec<Stage>>;

/// How often calls between scripts are followed; each round reaches one script further.
const ROUNDS: usize = 8;

/// The scripts that run when `entries` are loaded, and when each of their functions does.
pub(super) fn reach<'a>(
    repository: &'a Repository,
    entries: impl IntoIterator<Item = &'a str>,
) -> Stages<'a> {
    let mut stages = Stages::new();
    let mut waiting: Vec<&str> = entries.into_iter().collect();
    while let Some(path) = waiting.pop() {
        let Some((path, script)) = repository.scripts.get_key_value(path) else {
            continue;
        };
        if stages.contains_key(path.as_str()) {
            continue;
        }
        stages.insert(path, script.module.flow.stages());
        let folder = Repository::folder_of(path);
        // Python imports the packages around a module before the module itself.
        let mut package = folder;
        while !package.is_empty() {
            if let Some((found, _)) = repository.scripts.get_key_value(&format!("{package}__init__.py")) {
                waiting.push(found);
            }
            package = Repository::folder_of(package.trim_end_matches('/'));
        }
        for import in &script.module.imports {
            if let Some((found, _)) = resolve(repository, folder, &import.path) {
                waiting.push(found);
            }
        }
    }
    for _ in 0..ROUNDS {
        if !follow(repository, &mut stages) {
            break;
        }
    }
    stages
}

/// The script and the rest of a dotted name: `.helper.run` is `run` of `helper.py`.
fn resolve<'a, 'n>(repository: &'a Repository, folder: &str, name: &'n str) -> Option<(&'a str, &'n str)> {
    let bare = name.trim_start_matches('.');
    let mut end = bare.len();
    loop {
        let module = bare.get(..end)?;
        if let Some(found) = repository.module(folder, module) {
            return Some((found, bare.get(end..)?.trim_start_matches('.')));
        }
        end = module.rfind('.')?;
    }
}

/// Lets calls into other scripts run what they call; says whether anything became earlier.
fn follow<'a>(repository: &'a Repository, stages: &mut Stages<'a>) -> bool {
    let mut found: Vec<(&str, usize, Stage)> = Vec::new();
    for (path, own) in stages.iter() {
        let Some(script) = repository.scripts.get(*path) else {
            continue;
        };
        let folder = Repository::folder_of(path);
        for call in &script.module.calls {
            let stage = Module::stage(call.place, own);
            for callee in call.callees.iter().filter(|c| c.contains('.')) {
                let name = callee.replace("()", "");
                let first = name.trim_start_matches('.').split('.').next().unwrap_or_default();
                if script.module.flow.of_name(first).is_some_and(|s| s > 0) {
                    continue;
                }
                let Some((target, rest)) = resolve(repository, folder, &name) else {
                    continue;
                };
                let flow = repository.scripts.get(target).map(|s| &s.module.flow);
                if let Some(scope) = flow.filter(|_| !rest.is_empty()).and_then(|f| f.of_name(rest)) {
                    found.push((target, scope, stage));
                }
            }
        }
    }
    let mut changed = false;
    for (target, scope, stage) in found {
        if let Some(theirs) = stages.get_mut(target)
            && theirs.get(scope).is_some_and(|s| *s > stage)
            && let Some(script) = repository.scripts.get(target)
        {
            script.module.flow.spread(theirs, std::iter::once((scope, stage)));
            changed = true;
        }
    }
    changed
}

/// What scripts do when they run at those stages, the worst first.
pub(super) fn done<'a>(repository: &'a Repository, stages: &Stages<'a>, loaded: bool) -> Vec<Done<'a>> {
    let all: Vec<(&str, &Script, &Deed, Stage)> = stages
        .iter()
        .filter_map(|(path, own)| Some((*path, repository.scripts.get(*path)?, own)))
        .flat_map(|(path, script, own)| {
            let deeds = script.deeds.iter();
            deeds.map(move |deed| (path, script, deed, Module::stage(deed.place, own)))
        })
        .collect();
    let early = |kind: DeedKind| {
        all.iter()
            .any(|(_, _, d, stage)| d.kind == kind && *stage <= Stage::Load)
    };
    let sends = early(DeedKind::Network) && early(DeedKind::Secrets);
    let mut out: Vec<Done<'a>> = all
        .iter()
        .filter_map(|(path, script, deed, stage)| {
            let severity = if loaded {
                severity(repository, deed, *stage, sends)
            } else {
                severity_of_program(deed.kind, *stage, sends)
            }?;
            Some(Done {
                path,
                script,
                deed,
                stage: *stage,
                severity,
            })
        })
        .collect();
    out.sort_by(|a, b| {
        b.severity.cmp(&a.severity).then_with(|| {
            (a.stage, a.deed.kind, a.path, a.deed.range.start).cmp(&(
                b.stage,
                b.deed.kind,
                b.path,
                b.deed.range.start,
            ))
        })
    });
    out
}

/// How bad it is in code that a loader runs.
fn severity(repository: &Repository, deed: &Deed, stage: Stage, sends: bool) -> Option<Severity> {
    use Severity::{Critical, High, Low, Medium};
    let by_itself = stage <= Stage::Load;
    let shipped = || {
        let file = deed.given.as_deref().map_or("", Repository::file_name);
        !file.is_empty() && repository.files.keys().any(|p| Repository::file_name(p) == file)
    };
    match (deed.kind, stage) {
        (DeedKind::HiddenCode | DeedKind::DownloadedCode, Stage::Call) => Some(High),
        (DeedKind::HiddenCode | DeedKind::DownloadedCode, _) => Some(Critical),
        (DeedKind::Process, _) if by_itself => Some(Critical),
        (DeedKind::Process, Stage::Use) => Some(High),
        (DeedKind::Startup, _) if by_itself => Some(Critical),
        (DeedKind::Startup, Stage::Use) => Some(High),
        (DeedKind::HiddenObject | DeedKind::Install, _) if by_itself => Some(High),
        (DeedKind::Startup, _) => Some(Medium),
        (DeedKind::HiddenObject | DeedKind::Install, Stage::Use) => Some(Medium),
        (DeedKind::Secrets, _) if by_itself && (sends || deed.what.contains(['/', '\\'])) => Some(High),
        (DeedKind::Native, _) if by_itself && shipped() => Some(High),
        (DeedKind::Native | DeedKind::Network | DeedKind::BuiltCode, _) if by_itself => Some(Medium),
        (DeedKind::BuiltCode, Stage::Use) => Some(Low),
        _ => None,
    }
}

/// How bad it is in a file that nothing loads and somebody has to start.
fn severity_of_program(kind: DeedKind, stage: Stage, sends: bool) -> Option<Severity> {
    use Severity::{Critical, High, Medium};
    match kind {
        DeedKind::HiddenCode | DeedKind::DownloadedCode if stage <= Stage::Use => Some(Critical),
        DeedKind::HiddenCode | DeedKind::DownloadedCode => Some(High),
        DeedKind::Startup if stage <= Stage::Use => Some(High),
        DeedKind::Startup => Some(Medium),
        DeedKind::Process if stage == Stage::Import => Some(Medium),
        DeedKind::Secrets if sends && stage <= Stage::Load => Some(Medium),
        _ => None,
    }
}
