//! Files that name others with `-r` and `-c`: what cannot be followed is said at the line that asks for it.

use crate::{
    cycle::parts,
    manifest::{Manifest, Problem},
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, code};

/// Adds a problem to every line that names a file on another machine, or one that leads back to itself.
///
/// Nothing is fetched: whoever serves a remote list decides what is installed, and an audit that read it would have
/// seen another answer than the installer gets.
pub fn check_includes(files: &mut BTreeMap<ArtifactPath, Manifest>) {
    let mut found: Vec<(ArtifactPath, Problem)> = Vec::new();
    let edges = edges(files);
    let part = parts(&edges);
    for (path, manifest) in files.iter() {
        for include in &manifest.includes {
            let message = if is_remote(&include.path) {
                format!(
                    "{} lies on another machine and is read anew by every install; it was not fetched",
                    code(&include.path)
                )
            } else if let Some(target) = join(path.top(), &include.path)
                && part
                    .get(path.top())
                    .is_some_and(|p| part.get(target.as_str()) == Some(p))
            {
                format!(
                    "{} leads back to this file, so installers refuse it",
                    code(&include.path)
                )
            } else {
                continue;
            };
            let at = include.declared.clone();
            found.push((path.clone(), Problem { message, at }));
        }
    }
    for (path, problem) in found {
        if let Some(manifest) = files.get_mut(&path) {
            manifest.problems.push(problem);
        }
    }
}

/// Whether an include is an address.
pub(crate) fn is_remote(path: &str) -> bool {
    path.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.eq_ignore_ascii_case("file"))
}

/// Which file names which, by their paths.
fn edges(files: &BTreeMap<ArtifactPath, Manifest>) -> BTreeMap<&str, BTreeSet<String>> {
    let named = files.iter().filter(|(_, m)| !m.includes.is_empty());
    named
        .map(|(path, m)| {
            let targets = m.includes.iter().filter_map(|i| join(path.top(), &i.path));
            (path.top(), targets.collect())
        })
        .collect()
}

/// A path as a file names it, from the folder of that file; `None` where it leaves the target.
pub(crate) fn join(from: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains("://") {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identify_manifest, read_manifest};
    use wellhead_core::Budget;

    fn checked(files: &[(&str, &str)]) -> String {
        let mut read: BTreeMap<ArtifactPath, Manifest> = files
            .iter()
            .map(|(name, text)| {
                let path = ArtifactPath::file(*name);
                let kind = identify_manifest(name, text).unwrap();
                let manifest = read_manifest(kind, &path, text, &mut Budget::default());
                (path, manifest)
            })
            .collect();
        check_includes(&mut read);
        let rows: Vec<String> = read
            .iter()
            .flat_map(|(path, m)| m.problems.iter().map(move |p| format!("{path}: {}", p.message)))
            .collect();
        rows.join("\n")
    }

    #[test]
    fn cycles_and_remote_files_are_said() {
        let (a, b, c) = ("requirements-a.txt", "requirements-b.txt", "requirements-c.txt");
        insta::assert_snapshot!(checked(&[(a, "-r requirements-b.txt\nx\n"), (b, "-r ./requirements-c.txt\n"), (c, "-r requirements-a.txt\n")]), @"
        requirements-a.txt: `requirements-b.txt` leads back to this file, so installers refuse it
        requirements-b.txt: `./requirements-c.txt` leads back to this file, so installers refuse it
        requirements-c.txt: `requirements-a.txt` leads back to this file, so installers refuse it
        ");
        insta::assert_snapshot!(checked(&[(a, "-r requirements-a.txt\n-r requirements-b.txt\n"), (b, "x\n")]), @"requirements-a.txt: `requirements-a.txt` leads back to this file, so installers refuse it");
        insta::assert_snapshot!(checked(&[(a, "-r https://u:pw@h.example/r.txt\n-c http://h.example/c.txt\n")]), @"
        requirements-a.txt: `https://u:**@h.example/r.txt` lies on another machine and is read anew by every install; it was not fetched
        requirements-a.txt: `http://h.example/c.txt` lies on another machine and is read anew by every install; it was not fetched
        ");
    }

    #[test]
    fn innocent_shapes_are_no_cycles() {
        let (a, b, c) = ("requirements-a.txt", "requirements-b.txt", "requirements-c.txt");
        // A diamond, and a file that leads to a cycle without lying on it.
        assert_eq!(
            checked(&[
                (a, "-r requirements-b.txt\n-r requirements-c.txt\n"),
                (b, "-r requirements-c.txt\n"),
                (c, "x\n")
            ]),
            ""
        );
        let outside = checked(&[
            (a, "-r requirements-b.txt\n"),
            (b, "-r requirements-c.txt\n"),
            (c, "-r requirements-b.txt\n"),
        ]);
        assert!(!outside.contains("requirements-a.txt:"), "{outside}");
        assert_eq!(checked(&[(a, "-r missing.txt\n-r ../out.txt\n")]), "");
    }

    #[test]
    fn many_files_cost_what_they_are() {
        let files: Vec<(String, String)> = (0..3_000)
            .map(|i| {
                (
                    format!("requirements-{i}.txt"),
                    format!("-r requirements-{}.txt\n", i + 1),
                )
            })
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(checked(&files), "");
    }
}
