//! Which version: the smallest that clears all flaws and that the project's own ranges admit.

use crate::{
    advisory::{Database, DatabaseError, PackageAdvisories, flaws},
    incident,
    manifest::specifiers,
    version::{PyVersion, parse},
};
use pep440_rs::{Version, VersionSpecifiers};
use std::{str::FromStr as _, sync::Arc};
use wellhead_core::{Budget, Disposition};

/// What is known against a package.
pub(super) struct Known {
    name: String,
    advisories: Option<Arc<PackageAdvisories>>,
    /// The versions that somebody calls fixed, sorted.
    fixes: Vec<Version>,
}

/// What helps.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// The version; `None` where none helps.
    pub(super) to: Option<String>,
    /// The flaws that it has even then.
    pub(super) remains: Vec<String>,
    pub(super) disposition: Disposition,
    /// Whether the range that is there admits it.
    pub(super) inside: bool,
    pub(super) notes: Vec<String>,
    /// Whether a version later than all that advisories name would have no known flaws, though none calls it fixed.
    pub(super) later: bool,
    /// The lowest of the releases next to each other that are bad, where those just before them are not.
    pub(super) before: Option<String>,
}

impl Known {
    pub(super) fn new(
        name: &str,
        database: Option<&Database>,
        budget: &mut Budget,
    ) -> Result<Self, DatabaseError> {
        let advisories = database.map(|db| db.package(name, budget)).transpose()?.flatten();
        let mut fixes: Vec<Version> = incident::fixes(name).filter_map(|v| parse(&v)).collect();
        fixes.extend(advisories.iter().flat_map(|a| a.fixed_versions()));
        fixes.sort();
        fixes.dedup();
        Ok(Self {
            name: name.to_owned(),
            advisories,
            fixes,
        })
    }

    /// The flaws and attacks that a version is known for, by name.
    fn against(&self, version: &str) -> Vec<String> {
        let asked = PyVersion::new(version);
        let mut matches: Vec<_> = self.advisories.iter().flat_map(|a| a.matches(&asked)).collect();
        let incidents = incident::incidents(&self.name, Some(version));
        matches.extend(incidents.into_iter().map(|i| i.matched));
        flaws(matches).into_iter().map(|f| f.name).collect()
    }

    /// Whether a range admits a version that is known to be flawed.
    fn admits_flawed(&self, range: &VersionSpecifiers) -> bool {
        self.advisories.iter().any(|a| a.admitted(range).is_some())
    }
}

/// A version that nobody reaches: what holds for it holds for all that are later than those that are named.
const LATER: &str = "999999";

fn pre(version: &Version) -> bool {
    version.any_prerelease()
}

/// A planted release stands alone among good ones: counts down in the last place until a version is clean. Which releases
/// there are nobody says here, so the answer is an upper end and no version.
fn first_bad(known: &Known, current: &Version) -> Option<String> {
    let mut bad = current.release().to_vec();
    for _ in 0..20 {
        let mut next = bad.clone();
        let last = next.last_mut()?;
        *last = last.checked_sub(1)?;
        let below = Version::new(next.iter().copied());
        if known.against(&below.to_string()).is_empty() {
            return Some(Version::new(bad).to_string());
        }
        bad = next;
    }
    None
}

/// The version for a pin. `pins` are all versions to which the project pins it, `ranges` what else it declares of it, each with
/// the place that says so. Nothing where the version has no flaws.
pub(super) fn choose(
    known: &Known,
    version: &str,
    pins: &[String],
    ranges: &[(String, String)],
) -> Option<Choice> {
    let here = known.against(version);
    let current = parse(version)?;
    if here.is_empty() {
        return None;
    }
    let floor = pins
        .iter()
        .filter_map(|p| parse(p))
        .max()
        .filter(|p| *p > current);
    let mut versions: Vec<Version> = known.fixes.clone();
    versions.extend(floor.clone());
    versions.sort();
    versions.dedup();
    versions.retain(|v| *v > current && floor.as_ref().is_none_or(|f| v >= f) && (!pre(v) || pre(&current)));
    let read: Vec<(VersionSpecifiers, &(String, String))> = ranges
        .iter()
        .filter_map(|r| Some((specifiers(&r.0)?, r)))
        .collect();
    let inside = |v: &Version| read.iter().all(|(s, _)| s.contains(v));
    let judged: Vec<(&Version, Vec<String>)> = versions
        .iter()
        .map(|v| (v, known.against(&v.to_string())))
        .collect();
    let clean = |v: &&(&Version, Vec<String>)| v.1.is_empty();
    let mut choice = Choice {
        to: None,
        remains: Vec::new(),
        disposition: Disposition::Unsafe,
        inside: true,
        notes: Vec::new(),
        later: false,
        before: None,
    };
    if let Some((v, _)) = judged.iter().filter(clean).find(|(v, _)| inside(v)) {
        choice.to = Some(v.to_string());
        choice.disposition = Disposition::Safe;
    } else if let Some((v, _)) = judged.iter().find(clean) {
        choice.to = Some(v.to_string());
        choice.inside = false;
        for (_, (range, place)) in read.iter().filter(|(s, _)| !s.contains(v)) {
            choice
                .notes
                .push(format!("{place} asks for `{range}`, which {v} is not"));
        }
    } else {
        let fewest = judged
            .iter()
            .filter(|(_, left)| left.len() < here.len())
            .min_by_key(|(v, left)| (!inside(v), left.len(), (*v).clone()));
        choice.remains.clone_from(&here);
        if let Some((v, left)) = fewest {
            choice.to = Some(v.to_string());
            choice.remains.clone_from(left);
            choice.inside = inside(v);
        }
        choice.later = known.against(LATER).is_empty();
        choice.before = first_bad(known, &current);
        if choice.later && choice.to.is_some() {
            choice
                .notes
                .push("a later version may have none, but no advisory says which".to_owned());
        }
    }
    Some(choice)
}

/// The lower end for a range from which on it admits no version that is known to be flawed. Nothing where it admits none now.
pub(super) fn raise(known: &Known, written: &str) -> Option<Choice> {
    let range = specifiers(written)?;
    if !known.admits_flawed(&range) {
        return None;
    }
    let wants_pre = range.iter().any(|s| pre(s.version()));
    let above = |from: &Version, inside: bool| {
        let bound = format!(">={from}");
        let joined = if inside && !written.trim().is_empty() {
            format!("{range},{bound}")
        } else {
            bound
        };
        VersionSpecifiers::from_str(&joined).is_ok_and(|s| !known.admits_flawed(&s))
    };
    let fits = |v: &&Version, inside: bool| {
        (!pre(v) || wants_pre)
            && range.contains(v) == inside
            && known.against(&v.to_string()).is_empty()
            && above(v, inside)
    };
    let within = known.fixes.iter().find(|v| fits(v, true));
    let beyond = || known.fixes.iter().find(|v| fits(v, false));
    let (to, inside) = match within {
        Some(v) => (Some(v), true),
        None => (beyond(), false),
    };
    Some(Choice {
        to: to.map(Version::to_string),
        remains: Vec::new(),
        disposition: if inside {
            Disposition::Safe
        } else {
            Disposition::Unsafe
        },
        inside,
        notes: Vec::new(),
        later: known.against(LATER).is_empty(),
        before: None,
    })
}
