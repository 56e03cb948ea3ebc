//! One flaw under several identifiers is one thing to fix.

use super::{Epss, Match, Rated};
use crate::version::PyVersion;
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::Severity;

/// Matches that speak of one flaw: their identifiers and aliases meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The name by which people know it: its CVE, else its GHSA, else the record's own identifier.
    pub name: String,
    /// The records that matched, sorted.
    pub advisories: Vec<String>,
    /// Every other identifier, sorted.
    pub aliases: Vec<String>,
    /// The matches themselves.
    pub matches: Vec<Match>,
}

impl Flaw {
    /// Every identifier, so that an ignore by any of them covers the flaw.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.advisories.iter().chain(&self.aliases).map(String::as_str)
    }

    /// The worst rating that any of the records gives.
    pub fn rated(&self) -> Option<&Rated> {
        self.matches
            .iter()
            .map(|m| &m.rated)
            .filter(|r| r.level().is_some())
            .max_by_key(|r| (r.level(), r.tenths))
    }

    /// The level; `None` where no record says.
    pub fn level(&self) -> Option<Severity> {
        self.rated().and_then(Rated::level)
    }

    /// The day until which CISA wants it mended, which may be empty, where attackers are known to use it.
    pub fn exploited(&self) -> Option<&str> {
        self.matches
            .iter()
            .filter_map(|m| m.threat.exploited.as_deref())
            .max()
    }

    /// The highest estimate of how likely it is to be attacked.
    pub fn epss(&self) -> Option<Epss> {
        self.matches.iter().filter_map(|m| m.threat.epss).max()
    }

    /// The version that is fixed by all records that name one.
    pub fn fixed_in(&self) -> Option<&str> {
        self.matches
            .iter()
            .filter_map(|m| m.fixed_in.as_deref())
            .max_by(|a, b| PyVersion::new(a).public().cmp(&PyVersion::new(b).public()))
    }

    /// One line of what it is.
    pub fn summary(&self) -> &str {
        self.matches
            .iter()
            .map(|m| m.summary.as_str())
            .find(|s| !s.is_empty())
            .unwrap_or_default()
    }
}

/// Joins the matches of one package whose identifiers or aliases meet. The order is that of the worst first.
///
/// A record that names several CVEs sums up several flaws. It joins what it meets if that is one flaw, and stands for
/// itself otherwise: as a bridge it would make one finding of flaws that have nothing else in common, and an ignore of
/// one would hide the others.
pub fn flaws(matches: Vec<Match>) -> Vec<Flaw> {
    // Every identifier points at the group that owns it; groups that meet are poured into the older one.
    let mut owner: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<Match>> = Vec::new();
    let (sums, plain): (Vec<_>, Vec<_>) = matches.into_iter().partition(|m| cves(m).len() > 1);
    let mut apart: BTreeMap<BTreeSet<String>, Vec<Match>> = BTreeMap::new();
    for m in plain {
        let ids: Vec<String> = ids(&m).map(str::to_owned).collect();
        let met: BTreeSet<usize> = ids.iter().filter_map(|id| owner.get(id).copied()).collect();
        let into = met.first().copied().unwrap_or(groups.len());
        if into == groups.len() {
            groups.push(Vec::new());
        }
        for from in met.into_iter().skip(1) {
            let poured = groups.get_mut(from).map(std::mem::take).unwrap_or_default();
            if let Some(group) = groups.get_mut(into) {
                group.extend(poured);
            }
            owner.values_mut().filter(|g| **g == from).for_each(|g| *g = into);
        }
        for id in ids {
            owner.insert(id, into);
        }
        if let Some(group) = groups.get_mut(into) {
            group.push(m);
        }
    }
    for m in sums {
        let met: BTreeSet<usize> = ids(&m).filter_map(|id| owner.get(id).copied()).collect();
        match (met.first().and_then(|at| groups.get_mut(*at)), met.len()) {
            (Some(group), 1) => group.push(m),
            _ => apart.entry(cves(&m)).or_default().push(m),
        }
    }
    groups.extend(apart.into_values());
    let mut flaws: Vec<Flaw> = groups.into_iter().filter(|g| !g.is_empty()).map(flaw).collect();
    flaws.sort_by(|a, b| {
        let worst = |f: &Flaw| {
            (
                f.level().unwrap_or(Severity::High),
                f.rated().and_then(|r| r.tenths),
            )
        };
        worst(b).cmp(&worst(a)).then_with(|| a.name.cmp(&b.name))
    });
    flaws
}

fn ids(m: &Match) -> impl Iterator<Item = &str> {
    std::iter::once(&m.id).chain(&m.aliases).map(String::as_str)
}

fn cves(m: &Match) -> BTreeSet<String> {
    ids(m)
        .filter(|id| id.starts_with("CVE-"))
        .map(str::to_owned)
        .collect()
}

fn flaw(matches: Vec<Match>) -> Flaw {
    let advisories: BTreeSet<String> = matches.iter().map(|m| m.id.clone()).collect();
    let aliases: BTreeSet<String> = matches
        .iter()
        .flat_map(|m| m.aliases.iter().cloned())
        .filter(|a| !advisories.contains(a))
        .collect();
    let all = || advisories.iter().chain(&aliases);
    let name = ["CVE-", "GHSA-"]
        .iter()
        .find_map(|prefix| all().find(|id| id.starts_with(prefix)))
        .or_else(|| advisories.first())
        .cloned()
        .unwrap_or_default();
    Flaw {
        name,
        aliases: aliases.into_iter().collect(),
        advisories: advisories.into_iter().collect(),
        matches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::{MatchedBy, Threat};

    fn a_match(id: &str, aliases: &[&str], tenths: Option<u8>, fixed: Option<&str>) -> Match {
        Match {
            id: id.to_owned(),
            aliases: aliases.iter().map(|a| (*a).to_owned()).collect(),
            summary: String::new(),
            rated: Rated {
                tenths,
                ..Rated::default()
            },
            published: String::new(),
            malicious: false,
            matched_by: MatchedBy::Version,
            fixed_in: fixed.map(str::to_owned),
            threat: Threat::default(),
        }
    }

    #[test]
    fn a_record_that_sums_up_is_no_bridge_between_flaws() {
        let all = flaws(vec![
            a_match("PYSEC-1", &["CVE-1"], Some(50), None),
            a_match("PYSEC-2", &["CVE-2"], Some(50), None),
            a_match("GHSA-sum", &["CVE-1", "CVE-2"], Some(50), None),
            a_match("PYSEC-sum", &["CVE-2", "CVE-1"], Some(50), None),
            a_match("GHSA-one", &["CVE-3", "CVE-4"], Some(50), None),
            a_match("PYSEC-3", &["CVE-3", "GHSA-one"], Some(50), None),
        ]);
        let shown: Vec<String> = all.iter().map(|f| f.advisories.join(" ")).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        PYSEC-1
        GHSA-sum PYSEC-sum
        PYSEC-2
        GHSA-one PYSEC-3
        ");
    }

    #[test]
    fn identifiers_that_meet_are_one_flaw() {
        let all = flaws(vec![
            a_match("PYSEC-1", &["CVE-1"], Some(50), Some("1.9")),
            a_match("PYSEC-2", &["CVE-2"], Some(98), None),
            a_match("GHSA-a", &["CVE-1"], None, Some("1.10")),
            a_match("PYSEC-3", &["GHSA-a", "CVE-3"], None, None),
            a_match("PYSEC-4", &[], None, None),
        ]);
        let shown: Vec<String> = all
            .iter()
            .map(|f| format!("{} {:?} {:?} {:?}", f.name, f.advisories, f.level(), f.fixed_in()))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        CVE-2 ["PYSEC-2"] Some(Critical) None
        PYSEC-4 ["PYSEC-4"] None None
        CVE-1 ["GHSA-a", "PYSEC-1", "PYSEC-3"] Some(Medium) Some("1.10")
        "#);
    }
}
