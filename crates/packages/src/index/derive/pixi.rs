//! pixi takes packages of the Python index as uv does, by its own `[pypi-options]`. Its channels are conda's, with strict
//! priority unless it is disabled: those are in the file on conda.

use super::{Manager, Passing, Pool, pip, uv};
use crate::{
    index::{IndexEntry, Strategy},
    project::Folders,
};
use wellhead_core::{Component, Ecosystem};

pub(super) fn pools<'a>(folders: &Folders<'a>, out: &mut Vec<Pool<'a>>) {
    for (path, manifest) in &folders.project.files {
        let settings = &manifest.indexes;
        if manifest.kind.is_lock() || manifest.kind.is_record() || !pip::has(settings, Manager::Pixi) {
            continue;
        }
        let entries: Vec<&IndexEntry> = settings
            .entries
            .iter()
            .filter(|e| e.manager == Manager::Pixi)
            .collect();
        let strategy = settings.pypi_strategy.as_ref();
        let how = strategy.map_or(Strategy::FirstIndex, |(s, _)| *s);
        let mut pool = Pool::new(Manager::Pixi, path, uv::order(&entries, false, how));
        if how == Strategy::UnsafeFirstMatch {
            pool.passing = Passing::NoVersionFits;
        }
        if how != Strategy::FirstIndex {
            pool.blame = strategy.map(|(_, at)| at.clone());
        }
        pool.locked = folders.locked(path);
        let python = |c: &&Component| c.ecosystem == Ecosystem::PyPI;
        uv::push(pool.with(manifest.components.iter().filter(python)), out);
    }
}
