//! Which files of an index are looked at, for a project and a version.
//!
//! The one decision: what is chosen depends on the files alone and not on the machine, so that two people who ask for the
//! same release look at the same bytes: the source, what fits everywhere, and for each family of platforms the wheel for
//! the newest Python. What is left out is counted.

use crate::{PyVersion, name::normalise, version};
use std::cmp::Ordering;

/// Endings of source distributions.
const SOURCES: [&str; 5] = [".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz"];
/// The platforms of which one wheel each is chosen, by what their tags hold.
const PLATFORMS: [(&str, &str); 3] = [("linux", "x86_64"), ("macosx", "arm64"), ("win", "amd64")];

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The version, as its files have it.
    pub version: String,
    /// The places of the chosen files in what was offered.
    pub files: Vec<usize>,
    /// How many more files the release has.
    pub left_out: usize,
}

/// A file of a release.
struct Release<'a> {
    version: &'a str,
    /// Python, ABI and platform of a wheel.
    tags: Option<[&'a str; 3]>,
}

/// Chooses among files, each with whether it was taken back: those of the wanted version, else of the newest. `all` leaves
/// nothing of the release out.
///
/// # Errors
/// The newest versions there are, where none fits.
pub fn choose(
    project: &str,
    wanted: Option<&str>,
    offered: &[(&str, bool)],
    all: bool,
) -> Result<Choice, Vec<String>> {
    let releases: Vec<(usize, Release<'_>, bool)> = offered
        .iter()
        .enumerate()
        .filter_map(|(at, (file, yanked))| Some((at, release(project, file)?, *yanked)))
        .collect();
    let fits = |r: &&(usize, Release<'_>, bool)| match wanted {
        Some(wanted) => version::same(r.1.version, wanted),
        // As pip has it: what was taken back is had by its version alone.
        None => !r.2,
    };
    let Some(newest) = releases
        .iter()
        .filter(fits)
        .map(|r| r.1.version)
        .max_by(|a, b| order(a, b))
    else {
        let mut versions: Vec<&str> = releases.iter().map(|r| r.1.version).collect();
        versions.sort_by(|a, b| order(b, a));
        versions.dedup();
        return Err(versions.into_iter().take(5).map(str::to_owned).collect());
    };
    let of_release: Vec<(usize, &Release<'_>)> = releases
        .iter()
        .filter(fits)
        .filter(|r| version::same(r.1.version, newest))
        .map(|(at, release, _)| (*at, release))
        .collect();
    let mut files: Vec<usize> = Vec::new();
    for (at, release) in &of_release {
        let everywhere = release.tags.is_none_or(|[_, _, platform]| platform == "any");
        if all || everywhere {
            files.push(*at);
        }
    }
    for (system, machine) in PLATFORMS.iter().filter(|_| !all) {
        let fits = |platform: &str| {
            let machine = platform.contains(machine) || platform.contains("universal2");
            platform.starts_with(system) && machine
                || platform.starts_with("manylinux") && *system == "linux" && machine
        };
        let best = of_release
            .iter()
            .filter_map(|(at, release)| Some((*at, release.tags?)))
            .filter(|(_, [_, _, platform])| platform.split('.').any(fits))
            .max_by_key(|(_, [python, abi, _])| (newness(python), !abi.ends_with('t')));
        files.extend(best.map(|(at, _)| at));
    }
    files.sort_unstable();
    files.dedup();
    Ok(Choice {
        version: newest.to_owned(),
        left_out: of_release.len().saturating_sub(files.len()),
        files,
    })
}

/// What a file is by its name; `None` where it is none of the project.
fn release<'a>(project: &str, file: &'a str) -> Option<Release<'a>> {
    let own = normalise(project);
    if let Some(stem) = file.strip_suffix(".whl") {
        let parts: Vec<&str> = stem.split('-').collect();
        let [name, version, rest @ ..] = parts.as_slice() else {
            return None;
        };
        let [.., python, abi, platform] = rest else {
            return None;
        };
        return (normalise(name) == own).then_some(Release {
            version,
            tags: Some([python, abi, platform]),
        });
    }
    let stem = SOURCES.iter().find_map(|ending| file.strip_suffix(ending))?;
    // The name itself may hold hyphens.
    let found = stem.match_indices('-').find_map(|(at, _)| {
        let (name, version) = (stem.get(..at)?, stem.get(at.saturating_add(1)..)?);
        (normalise(name) == own && version::parse(version).is_some()).then_some(version)
    });
    found.map(|version| Release { version, tags: None })
}

/// The newer is the greater; what is no version, or is not meant for everybody, is older than all others.
fn order(a: &str, b: &str) -> Ordering {
    let rank = |text: &str| match version::parse(text) {
        Some(version) if version.any_prerelease() => 1,
        Some(_) => 2,
        None => 0,
    };
    let by_version = || PyVersion::new(a).partial_cmp(&PyVersion::new(b));
    rank(a)
        .cmp(&rank(b))
        .then_with(|| by_version().unwrap_or_else(|| a.cmp(b)))
}

/// How new the Python of a tag is: `cp313` before `cp39`.
fn newness(python: &str) -> (u32, u32) {
    let last = python.split('.').next_back().unwrap_or_default();
    let digits: String = last.chars().filter(char::is_ascii_digit).collect();
    let (major, minor) = digits.split_at_checked(1).unwrap_or(("0", "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILES: &[(&str, bool)] = &[
        ("Acme_x-1.0.tar.gz", false),
        ("acme_x-1.10-py3-none-any.whl", false),
        ("acme-x-1.10.tar.gz", false),
        ("acme_x-1.9.zip", false),
        ("acme_x-2.0rc1-py3-none-any.whl", false),
        ("acme_x-3.0-py3-none-any.whl", true),
        ("acme_x-extra-9.tar.gz", false),
        (
            "acme_x-1.9-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            false,
        ),
        ("acme_x-1.9-cp313-cp313-manylinux_2_17_x86_64.whl", false),
        ("acme_x-1.9-cp313-cp313t-manylinux_2_17_x86_64.whl", false),
        ("acme_x-1.9-cp313-cp313-musllinux_1_2_x86_64.whl", false),
        ("acme_x-1.9-cp313-cp313-macosx_11_0_arm64.whl", false),
        ("acme_x-1.9-1-cp313-cp313-win_amd64.whl", false),
        ("acme_x-1.9-cp313-cp313-win32.whl", false),
    ];

    fn chosen(wanted: Option<&str>, all: bool) -> Result<(String, Vec<&'static str>, usize), Vec<String>> {
        let choice = choose("acme.X", wanted, FILES, all)?;
        let names = choice.files.iter().filter_map(|at| FILES.get(*at)).map(|f| f.0);
        Ok((choice.version.clone(), names.collect(), choice.left_out))
    }

    #[test]
    fn the_newest_that_was_not_taken_back_is_meant() {
        let (version, files, left_out) = chosen(None, false).unwrap();
        assert_eq!((version.as_str(), left_out), ("1.10", 0));
        assert_eq!(files, ["acme_x-1.10-py3-none-any.whl", "acme-x-1.10.tar.gz"]);
        // What was taken back is had by its version.
        assert_eq!(
            chosen(Some("3"), false).unwrap().1,
            ["acme_x-3.0-py3-none-any.whl"]
        );
        assert_eq!(chosen(Some("2.0.RC1"), false).unwrap().0, "2.0rc1");
        assert_eq!(
            chosen(Some("7"), false).unwrap_err(),
            ["3.0", "1.10", "1.9", "1.0", "2.0rc1"]
        );
    }

    #[test]
    fn one_wheel_of_each_platform_is_looked_at() {
        let (_, files, left_out) = chosen(Some("1.9"), false).unwrap();
        assert_eq!(
            files,
            [
                "acme_x-1.9.zip",
                "acme_x-1.9-cp313-cp313-manylinux_2_17_x86_64.whl",
                "acme_x-1.9-cp313-cp313-macosx_11_0_arm64.whl",
                "acme_x-1.9-1-cp313-cp313-win_amd64.whl",
            ]
        );
        assert_eq!(left_out, 4);
        assert_eq!(chosen(Some("1.9"), true).unwrap().2, 0);
    }

    proptest! {
        #[test]
        fn any_names_are_read(names in proptest::collection::vec("[a-z0-9_.é-]{0,20}(\\.whl|\\.zip)?", 0..8)) {
            let offered: Vec<(&str, bool)> = names.iter().map(|n| (n.as_str(), false)).collect();
            let _ = choose("a", None, &offered, false);
        }
    }
}
