//! Pipenv asks one source for each package: the one that the package names, else the first of the file. Transitive
//! packages come from the first as well. What is installed later is what `Pipfile.lock` has the hashes of.

use super::{Manager, Member, Pool, SourceCandidate, pip};
use crate::project::Folders;

pub(super) fn pools<'a>(folders: &Folders<'a>, out: &mut Vec<Pool<'a>>) {
    for (path, manifest) in &folders.project.files {
        let settings = &manifest.indexes;
        if manifest.kind.is_lock() || manifest.kind.is_record() || !pip::has(settings, Manager::Pipenv) {
            continue;
        }
        let entries = || settings.entries.iter().filter(|e| e.manager == Manager::Pipenv);
        let first = entries().next().map(|e| SourceCandidate::of(e, 0));
        let mut pool = Pool::new(Manager::Pipenv, path, first.into_iter().collect());
        pool.locked = folders.locked(path);
        pool.members = manifest
            .components
            .iter()
            .map(|component| {
                let mut pins = settings.pinned.iter();
                let index = pins.find(|(package, _)| *package == component.name);
                let entry =
                    index.and_then(|(_, name)| entries().find(|e| e.name.as_deref() == Some(name.as_str())));
                Member {
                    component,
                    named: entry.map(|e| vec![SourceCandidate::of(e, 0)]),
                }
            })
            .collect();
        out.push(pool);
    }
}
