//! A declared component together with all that is known about it: what the rules of this family look at.

use crate::{
    advisory::{Database, DatabaseError, Flaw, Match, MatchedBy, flaws},
    conda_name::{CondaName, conda_name},
    incident::{self, IncidentKind, KnownIncident},
    manifest::{ManifestKind, alternatives},
    version::PyVersion,
};
use std::collections::BTreeSet;
use wellhead_core::{Bucket, Budget, Component, Confidence, Ecosystem};

/// Affected versions that a range still lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The oldest of them that advisories name.
    pub oldest: String,
    /// The newest of them that advisories name.
    pub version: String,
    /// What is wrong with it.
    pub flaws: Vec<Flaw>,
    /// Those of them that no admitted version escapes: they are fixed only above the range.
    pub inescapable: Vec<Flaw>,
    /// The smallest version that the range admits and no advisory touches.
    pub lowest_clean: Option<String>,
}

/// A component and what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// The component.
    pub component: Component,
    /// The kind of file that declares it.
    pub manifest: ManifestKind,
    /// The flaws of its version, the worst first; `None` where no advisory database was asked. Reports of malicious
    /// code are not among them.
    pub flaws: Option<Vec<Flaw>>,
    /// Attacks: malicious-package reports and compromised releases, one for each attack.
    pub attacks: Vec<Flaw>,
    /// Flaws of the incident list that the database does not hold, or all of them where there is none.
    pub incidents: Vec<KnownIncident>,
    /// The smallest version above this one that no advisory touches.
    pub lowest_clean: Option<String>,
    /// For a range: the affected versions that it lets in.
    pub admitted: Option<Admitted>,
    /// Whether something else says which version is installed: a lock, a constraint, or the installer of a library.
    pub settled_elsewhere: bool,
    /// For a package of another ecosystem: the name that advisories know it by, and how sure that is.
    pub asked_as: Option<(String, Confidence)>,
}

impl Dependency {
    /// Asks the incident list, and the advisory database where there is one.
    ///
    /// # Errors
    /// When the database is damaged or costs more than `budget` allows.
    pub fn new(
        component: Component,
        manifest: ManifestKind,
        database: Option<&Database>,
        budget: &mut Budget,
    ) -> Result<Self, DatabaseError> {
        let mut out = Self {
            manifest,
            flaws: database.map(|_| Vec::new()),
            attacks: Vec::new(),
            incidents: Vec::new(),
            lowest_clean: None,
            admitted: None,
            settled_elsewhere: false,
            asked_as: None,
            component,
        };
        let name = match out.component.ecosystem {
            Ecosystem::PyPI => out.component.name.clone(),
            Ecosystem::Conda => match conda_name(&out.component.name) {
                CondaName::Python { name, confidence } => {
                    out.asked_as = Some((name.clone(), confidence));
                    name
                }
                CondaName::Other => return Ok(out),
            },
            _ => return Ok(out),
        };
        let version = out.component.version.clone();
        let (attacks, known): (Vec<_>, Vec<_>) = incident::incidents(&name, version.as_deref())
            .into_iter()
            .partition(|i| i.kind != IncidentKind::Flaw);
        let mut attacks: Vec<Match> = attacks.into_iter().map(|i| i.matched).collect();
        out.incidents = known;
        if let Some(known) = database
            .map(|db| db.package(&name, budget))
            .transpose()?
            .flatten()
        {
            match &version {
                Some(v) => {
                    let v = PyVersion::new(v);
                    // Advisories report some attacks as if they were flaws; the incident list knows better.
                    let guilty: BTreeSet<String> = attacks.iter().flat_map(ids).map(str::to_owned).collect();
                    let (malicious, matches): (Vec<_>, Vec<_>) = known
                        .matches(&v)
                        .into_iter()
                        .partition(|m| m.malicious || ids(m).any(|id| guilty.contains(id)));
                    attacks.extend(malicious);
                    let flaws = flaws(matches);
                    // The advisory says more than the list, so the list's entry gives way.
                    out.incidents.retain(|i| {
                        let ids = [&i.matched.id].into_iter().chain(&i.matched.aliases);
                        !ids.into_iter()
                            .any(|id| flaws.iter().any(|f| f.ids().any(|o| o == id)))
                    });
                    out.lowest_clean = (!flaws.is_empty())
                        .then(|| known.lowest_clean(&v, None))
                        .flatten();
                    out.flaws = Some(flaws);
                }
                None => {
                    attacks.extend(known.condemned());
                    out.admitted = admitted(&known, out.component.specifier.as_deref());
                }
            }
        }
        // Whoever owns a name on the index need not own it on a channel: only guilty versions carry over.
        if out.asked_as.is_some() {
            attacks.retain(|m| m.matched_by != MatchedBy::Name);
        }
        out.attacks = flaws(attacks);
        Ok(out)
    }
}

impl Dependency {
    /// Why nothing could be looked up although the version is known: advisories name packages of PyPI.
    pub fn unasked(&self) -> Option<&'static str> {
        let c = &self.component;
        let exact = c.bucket == Bucket::Exact && self.asked_as.is_none();
        match c.ecosystem {
            Ecosystem::PyPI => None,
            Ecosystem::Conda => exact.then_some("no package of Python, so no advisory names it"),
            _ => exact.then_some("no advisories are at hand for its ecosystem"),
        }
    }
}

/// All identifiers of a match.
fn ids(m: &Match) -> impl Iterator<Item = &str> {
    std::iter::once(m.id.as_str()).chain(m.aliases.iter().map(String::as_str))
}

fn admitted(known: &crate::advisory::PackageAdvisories, written: Option<&str>) -> Option<Admitted> {
    let wanted = alternatives(written.unwrap_or_default())?;
    let read = |v: &String| PyVersion::new(v).public().cloned();
    let newest = wanted.iter().filter_map(|w| known.admitted(w));
    let (version, matches) = newest.max_by_key(|(v, _)| read(v))?;
    let clean = wanted
        .iter()
        .filter_map(|w| known.lowest_clean(&PyVersion::new("0"), Some(w)));
    let lowest_clean = clean.min_by_key(read);
    let oldest = wanted.iter().filter_map(|w| known.oldest_admitted(w));
    let oldest = oldest.min_by_key(read).unwrap_or_else(|| version.clone());
    let flaws = flaws(matches.into_iter().filter(|m| !m.malicious).collect());
    if flaws.is_empty() {
        return None;
    }
    let above = |fix: &str| {
        let fix = PyVersion::new(fix);
        fix.public()
            .is_some_and(|v| !wanted.iter().any(|w| w.contains(v)))
    };
    let inescapable = flaws
        .iter()
        .filter(|f| lowest_clean.is_none() && f.fixed_in().is_some_and(above))
        .cloned()
        .collect();
    Some(Admitted {
        oldest,
        version,
        flaws,
        inescapable,
        lowest_clean,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        advisory::build,
        manifest::{Requirement, from_requirement},
    };
    use proptest::prelude::*;
    use wellhead_core::{ArtifactPath, Blob, Location};

    /// Versions `0.0` to `5.3`.
    fn grid() -> impl Iterator<Item = (u32, u32)> {
        (0..6).flat_map(|a| (0..4).map(move |b| (a, b)))
    }

    /// Where a flaw came in, and where it was fixed.
    type Affected = ((u32, u32), Option<(u32, u32)>);

    fn database(flaws: &[Affected], listed: bool) -> Database {
        let records: Vec<(String, String)> = flaws
            .iter()
            .enumerate()
            .map(|(i, (from, fixed))| {
                let inside = |v: &(u32, u32)| v >= from && fixed.is_none_or(|f| *v < f);
                let versions: Vec<String> = grid()
                    .filter(|v| listed && inside(v))
                    .map(|(a, b)| format!("\"{a}.{b}\""))
                    .collect();
                let from = if *from == (0, 0) { "0".to_owned() } else { format!("{}.{}", from.0, from.1) };
                let fixed = fixed.map(|(a, b)| format!(", {{\"fixed\": \"{a}.{b}\"}}")).unwrap_or_default();
                let text = format!(
                    r#"{{"id": "P-{i}", "modified": "2024-01-01T00:00:00Z", "affected": [{{
                        "package": {{"ecosystem": "PyPI", "name": "a"}}, "versions": [{}],
                        "ranges": [{{"type": "ECOSYSTEM", "events": [{{"introduced": "{from}"}}{fixed}]}}]}}]}}"#,
                    versions.join(",")
                );
                (format!("P-{i}.json"), text)
            })
            .collect();
        let (bytes, _) = build("2024-01-01", records, &mut Budget::default()).unwrap();
        Database::open(&Blob::from_bytes(bytes), &mut Budget::default()).unwrap()
    }

    fn asked(wanted: &str, db: &Database) -> Option<Admitted> {
        let at = Location::whole(&ArtifactPath::file("requirements.txt"), "");
        let mut component = from_requirement(&Requirement::parse("a").unwrap(), at);
        component.specifier = Some(wanted.to_owned());
        let asked = Dependency::new(
            component,
            ManifestKind::Requirements,
            Some(db),
            &mut Budget::default(),
        );
        asked.unwrap().admitted
    }

    #[test]
    fn alternatives_are_judged_one_by_one() {
        let db = database(&[((1, 0), Some((1, 2))), ((3, 0), Some((3, 1)))], true);
        let found = asked(">=1.0, <2 || >=3.0, <4", &db).unwrap();
        assert_eq!((found.oldest.as_str(), found.version.as_str()), ("1", "3"));
        assert_eq!(found.lowest_clean.as_deref(), Some("1.2"));
        assert_eq!(asked(">=2.0,<3|>=4.0", &db), None);
    }

    proptest! {
        #[test]
        fn what_a_range_lets_in_is_what_trying_all_versions_finds(
            flaws in prop::collection::vec(((0u32..5, 0u32..4), prop::option::of((0u32..6, 0u32..4))), 1..4),
            low in (0u32..6, 0u32..4),
            high in (0u32..6, 0u32..4),
            listed: bool,
        ) {
            let flaws: Vec<_> = flaws.into_iter().filter(|(from, fixed)| fixed.is_none_or(|f| f > *from)).collect();
            prop_assume!(!flaws.is_empty());
            let db = database(&flaws, listed);
            let affected = |v: &(u32, u32)| {
                flaws.iter().any(|(from, fixed)| v >= from && fixed.is_none_or(|f| *v < f))
            };
            let inside = |v: &(u32, u32)| *v >= low && *v < high;
            let bad: Vec<_> = grid().filter(|v| inside(v) && affected(v)).collect();
            let found = asked(&format!(">={}.{},<{}.{}", low.0, low.1, high.0, high.1), &db);
            prop_assert_eq!(found.is_some(), !bad.is_empty(), "{:?}", bad);
            let Some(found) = found else { return Ok(()) };
            let text = |v: &(u32, u32)| PyVersion::new(&format!("{}.{}", v.0, v.1));
            if listed {
                prop_assert_eq!(PyVersion::new(&found.oldest), text(bad.first().unwrap()));
                prop_assert_eq!(PyVersion::new(&found.version), text(bad.last().unwrap()));
            }
            // The lowest fix that is admitted and that nothing else touches.
            let clean = flaws.iter().filter_map(|(_, fixed)| *fixed).filter(|v| inside(v) && !affected(v)).min();
            prop_assert_eq!(found.lowest_clean.map(|v| PyVersion::new(&v)), clean.map(|v| text(&v)));
        }
    }
}
