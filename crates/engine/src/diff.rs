//! Two packages or models side by side: what the new one can do that the old one could not.

use crate::{
    artifact::{FileResult, Visitor, visit},
    run::{Listing, Options, assemble},
    subjects::{self, Input},
    twin::{Side, twin},
};
use wellhead_core::{ArtifactPath, Budget, Report, Sink};
use wellhead_pycode::{Behaviour, compare};
use wellhead_rules::Subject;

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
    let mut measures = wellhead_rules::judge(Subject::Comparison(&comparison), &enabled, &mut sink);
    let mut summary: Vec<FileResult> = old_results.iter().chain(&new_results).map(bare).collect();
    if before.side.is_model() && after.side.is_model() {
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
}

impl Visitor for Gatherer {
    fn visit(&mut self, input: &Input<'_>, budget: &mut Budget) {
        if let Some(module) = subjects::python(input, budget) {
            self.behaviour
                .add(in_package(input.path.leaf()), input.path, &module);
        }
        self.side.visit(input, budget);
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
