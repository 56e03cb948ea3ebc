//! Two packages side by side: what the new one can do that the old one could not.

use crate::{
    artifact::{FileResult, Visitor, visit},
    run::{Listing, Options, assemble},
    subjects::{self, Input},
};
use wellhead_core::{ArtifactPath, Budget, Report, Sink};
use wellhead_pycode::{Behaviour, compare};
use wellhead_rules::Subject;

/// Compares two packages: wheels, source archives or folders.
///
/// Only what differs is judged; what either package holds by itself is what `run` is for.
pub fn diff(old: &Listing, new: &Listing, options: &Options<'_>) -> Report {
    let targets = vec![
        wellhead_core::escape(&old.target),
        wellhead_core::escape(&new.target),
    ];
    let name = new.target.clone();
    let (before, mut results) = behaviour(old, options);
    let (after, more) = behaviour(new, options);
    results.extend(more);
    // Findings of single artifacts are not differences.
    for result in &mut results {
        result.findings.clear();
        result.facts.clear();
        result.scoreboard = crate::scoreboard::Scoreboard::default();
    }
    let comparison = compare(&before, &after);
    let shown = name
        .rsplit('/')
        .find(|part| !part.is_empty())
        .unwrap_or(&name)
        .to_owned();
    let mut sink = Sink::new(ArtifactPath::file(shown.clone()));
    let enabled = |rule: &wellhead_core::Rule| options.enables(rule);
    let measures = wellhead_rules::judge(Subject::Comparison(&comparison), &enabled, &mut sink);
    if let Some(last) = results.last_mut() {
        last.findings.extend(sink.into_findings());
        for measure in measures {
            last.scoreboard.judged(measure, shown.clone());
        }
    }
    assemble(targets, results, &[], options)
}

fn behaviour(listing: &Listing, options: &Options<'_>) -> (Behaviour, Vec<FileResult>) {
    let mut gatherer = Gatherer {
        behaviour: Behaviour::default(),
    };
    let results = listing
        .entries
        .iter()
        .map(|entry| visit(&entry.path, entry, options, &mut gatherer))
        .collect();
    (gatherer.behaviour, results)
}

struct Gatherer {
    behaviour: Behaviour,
}

impl Visitor for Gatherer {
    fn visit(&mut self, input: &Input<'_>, budget: &mut Budget) {
        if let Some(module) = subjects::python(input, budget) {
            self.behaviour
                .add(in_package(input.path.leaf()), input.path, &module);
        }
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
