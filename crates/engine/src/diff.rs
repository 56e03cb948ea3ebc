//! Two packages or models side by side: what the new one can do that the old one could not.

use crate::{
    artifact::{FileResult, Visitor, visit},
    release::ComparedPackage,
    run::{Listing, Options, assemble},
    subjects::{self, Input},
    twin::{Side, twin},
};
use std::{collections::BTreeSet, sync::Arc};
use wellhead_core::{ArtifactPath, Budget, Outcome, Report, Sink};
use wellhead_pycode::{Behaviour, compare};
use wellhead_rules::{Subject, release::Release};

/// Compares two packages (wheels, source archives, folders) or two models (folders, files).
///
/// Only what differs is judged; what either holds by itself is what `run` is for.
pub fn diff(old: &Listing, new: &Listing, options: &Options<'_>) -> Report {
    let targets = vec![
        wellhead_core::escape(&old.target),
        wellhead_core::escape(&new.target),
    ];
    let (before, old_results) = gather(old, options);
    let (after, new_results) = gather(new, options);
    let comparison = compare(&before.behaviour, &after.behaviour);
    let name = &new.target;
    let shown = name.rsplit('/').find(|part| !part.is_empty()).unwrap_or(name);
    let mut sink = Sink::new(ArtifactPath::file(shown));
    let enabled = |rule: &wellhead_core::Rule| options.enables(rule);
    let mut measures = BTreeSet::new();
    let mut summary: Vec<FileResult> = old_results.iter().chain(&new_results).map(bare).collect();
    let models = before.side.is_model() && after.side.is_model();
    let released = if models {
        None
    } else {
        released((old, before.package), (new, after.package), options, &mut summary)
    };
    if let Some((release, _)) = &released {
        measures.extend(wellhead_rules::judge(
            Subject::Release(release),
            &enabled,
            &mut sink,
        ));
    }
    // What each file can do is known also where not all of a package could be followed.
    if !released.is_some_and(|(_, whole)| whole) {
        let subject = Subject::Comparison(&comparison);
        measures.extend(wellhead_rules::judge(subject, &enabled, &mut sink));
    }
    if models {
        let (twin, fresh) = twin(
            (old, &before.side, old_results),
            (new, &after.side, new_results),
            options,
        );
        measures.extend(wellhead_rules::judge(Subject::Twin(&twin), &enabled, &mut sink));
        fresh.into_iter().for_each(|finding| sink.push(finding));
    }
    if let Some(last) = summary.last_mut() {
        last.findings.extend(sink.into_findings());
        for measure in measures {
            last.scoreboard.judged(measure, shown.to_owned());
        }
    }
    assemble(targets, summary, &[], options)
}

/// Both sides as distributions, where they are, and whether all of them was followed; what was not is said in the results.
fn released(
    (old, before): (&Listing, ComparedPackage),
    (new, after): (&Listing, ComparedPackage),
    options: &Options<'_>,
    results: &mut [FileResult],
) -> Option<(Release, bool)> {
    let mut whole = true;
    let mut side = |listing: &Listing, gathered: ComparedPackage, wanted: Option<&str>| {
        let mut budget = Budget::new(options.limits.clone(), Arc::clone(&options.cancelled));
        let (side, why) = gathered.side(listing, wanted, &mut budget)?;
        if let Some(why) = why {
            whole = false;
            let rows = results.iter_mut().flat_map(|r| &mut r.coverage);
            let row = rows
                .filter(|row| row.artifact.top() == side.artifact.top())
                .find(|row| row.outcome.why().is_none());
            if let Some(row) = row {
                row.outcome = Outcome::Partly { why };
            }
        }
        Some(side)
    };
    // An archive says which of the distributions in a folder is meant.
    if old.entries.len() > 1 {
        let new = side(new, after, None)?;
        let name = new.distribution.name.clone();
        let old = side(old, before, name.as_deref())?;
        return Some((Release::new(old, new), whole));
    }
    let old = side(old, before, None)?;
    let name = old.distribution.name.clone();
    let new = side(new, after, name.as_deref())?;
    Some((Release::new(old, new), whole))
}

/// What is counted of a file, without what is said of it: findings of single artifacts are not differences.
fn bare(result: &FileResult) -> FileResult {
    FileResult {
        coverage: result.coverage.clone(),
        is_model: result.is_model,
        bytes: result.bytes,
        ..FileResult::default()
    }
}

fn gather(listing: &Listing, options: &Options<'_>) -> (Gatherer, Vec<FileResult>) {
    let mut gatherer = Gatherer {
        behaviour: Behaviour::default(),
        side: Side::new(listing),
        package: ComparedPackage::default(),
    };
    let results = listing
        .entries
        .iter()
        .map(|entry| visit(&entry.path, entry, options, &mut gatherer))
        .collect();
    (gatherer, results)
}

struct Gatherer {
    behaviour: Behaviour,
    side: Side,
    package: ComparedPackage,
}

impl Visitor for Gatherer {
    fn visit(&mut self, input: &Input<'_>, budget: &mut Budget) {
        let module = subjects::python(input, budget);
        if let Some(module) = &module {
            self.behaviour
                .add(in_package(input.path.leaf()), input.path, module);
        }
        self.side.visit(input, budget);
        self.package.visit(input, module.as_ref(), budget);
    }

    fn judges_packages(&self) -> bool {
        false
    }
}

/// The path inside the package: a source archive has a folder of its name and version round it, and often `src`.
fn in_package(path: &str) -> &str {
    let inner = match path.split_once('/') {
        Some((folder, rest)) if has_version(folder) => rest,
        _ => path,
    };
    inner.strip_prefix("src/").unwrap_or(inner)
}

/// `name-1.2.3`, but not the `name-1.2.dist-info` of a wheel.
fn has_version(folder: &str) -> bool {
    let version = folder
        .rsplit_once('-')
        .is_some_and(|(_, v)| v.starts_with(|c: char| c.is_ascii_digit()));
    version && !folder.ends_with(".dist-info") && !folder.ends_with(".data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_has_one_path_in_wheel_and_source_archive() {
        for (path, expected) in [
            ("pkg/a.py", "pkg/a.py"),
            ("pkg-1.2/pkg/a.py", "pkg/a.py"),
            ("pkg-1.2/src/pkg/a.py", "pkg/a.py"),
            ("pkg-1.2.dist-info/x.py", "pkg-1.2.dist-info/x.py"),
            ("a.py", "a.py"),
        ] {
            assert_eq!(in_package(path), expected);
        }
    }
}
