//! Ranges of versions as OSV describes them: a line of events, sorted, walked from the left.

use super::MatchedBy;
use crate::version::{PyVersion, repair};
use pep440_rs::Version;

/// What happens at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// From here on it is not affected.
    Fixed,
    /// From here on it is affected.
    Introduced,
    /// Above this it is not affected.
    LastAffected,
}

/// One event of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happens.
    pub kind: EventKind,
    /// At which version, as the record writes it; `0` is the beginning of time.
    pub version: String,
}

/// An ECOSYSTEM range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionRange {
    /// Its events in the order of the record.
    pub events: Vec<Event>,
}

/// A range whose ends were read, in order. No version is the beginning of time.
#[derive(Debug)]
pub(crate) struct Line {
    events: Vec<(Option<Version>, EventKind)>,
    /// The fixed versions, with the text that the record has for them.
    fixes: Vec<(Version, String)>,
    repaired: bool,
}

impl Line {
    /// How a version lies on it, if it does.
    pub(crate) fn matched(&self, public: &Version) -> Option<MatchedBy> {
        self.holds(public).then_some(if self.repaired {
            MatchedBy::RepairedRange
        } else {
            MatchedBy::Range
        })
    }

    /// The fixed versions.
    pub(crate) fn fixes(&self) -> impl Iterator<Item = &(Version, String)> {
        self.fixes.iter()
    }

    /// The versions at which it says that something is affected.
    pub(crate) fn affected_ends(&self) -> impl Iterator<Item = &Version> {
        let affected = self.events.iter().filter(|(_, kind)| *kind != EventKind::Fixed);
        affected.filter_map(|(at, _)| at.as_ref())
    }

    /// Whether a version lies on it.
    pub(crate) fn holds(&self, public: &Version) -> bool {
        let mut affected = false;
        for (at, kind) in &self.events {
            let reached = at.as_ref().is_none_or(|at| match kind {
                EventKind::LastAffected => public > at,
                EventKind::Introduced | EventKind::Fixed => public >= at,
            });
            if reached {
                affected = *kind == EventKind::Introduced;
            }
        }
        affected
    }
}

impl VersionRange {
    /// Reads and sorts the events.
    ///
    /// An `introduced` without any leading version counts as the beginning: a miss would cost more than a false alarm.
    /// A `fixed` or `last_affected` without one is left out.
    pub(crate) fn line(&self) -> Line {
        let mut repaired = false;
        let mut fixes = Vec::new();
        let mut events: Vec<(Option<Version>, EventKind)> = Vec::with_capacity(self.events.len());
        for event in &self.events {
            if event.kind == EventKind::Introduced && event.version == "0" {
                events.push((None, event.kind));
                continue;
            }
            match (repair(&event.version), event.kind) {
                (Some((at, cut)), kind) => {
                    repaired |= cut;
                    if kind == EventKind::Fixed && !cut {
                        fixes.push((at.clone(), event.version.clone()));
                    }
                    events.push((Some(at), kind));
                }
                (None, EventKind::Introduced) => {
                    repaired = true;
                    events.push((None, EventKind::Introduced));
                }
                (None, _) => repaired = true,
            }
        }
        events.sort();
        Line {
            events,
            fixes,
            repaired,
        }
    }

    /// Whether `version` lies in the range, and whether an end had to be repaired to say so.
    pub fn holds(&self, version: &PyVersion) -> Option<MatchedBy> {
        self.line().matched(version.public()?)
    }
}

/// The smallest fixed version above `version` in any of the ranges.
pub(crate) fn fixed_in<'a>(lines: impl IntoIterator<Item = &'a Line>, version: &PyVersion) -> Option<String> {
    let above = version.public()?;
    lines
        .into_iter()
        .flat_map(Line::fixes)
        .filter(|(fix, _)| fix > above)
        .min()
        .map(|(_, text)| text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(events: &[(&str, &str)]) -> VersionRange {
        let kind = |k: &str| match k {
            "introduced" => EventKind::Introduced,
            "fixed" => EventKind::Fixed,
            _ => EventKind::LastAffected,
        };
        VersionRange {
            events: events
                .iter()
                .map(|(k, v)| Event {
                    kind: kind(k),
                    version: (*v).to_owned(),
                })
                .collect(),
        }
    }

    #[test]
    fn events_are_sorted_before_they_are_walked() {
        let two = range(&[
            ("fixed", "2.0"),
            ("introduced", "1.5"),
            ("introduced", "0"),
            ("fixed", "1.0"),
        ]);
        for (version, inside) in [
            ("0.9", true),
            ("1.0", false),
            ("1.4", false),
            ("1.5rc1", false),
            ("1.7", true),
            ("2.0", false),
        ] {
            assert_eq!(two.holds(&PyVersion::new(version)).is_some(), inside, "{version}");
        }
    }

    #[test]
    fn a_dirty_end_is_repaired_and_said_so() {
        let r = range(&[("introduced", "0"), ("last_affected", "2.6.0-NA")]);
        for (version, by) in [
            ("2.6.0", Some(MatchedBy::RepairedRange)),
            ("2.6.0+cu124", Some(MatchedBy::RepairedRange)),
            ("2.6.1", None),
            ("no version", None),
        ] {
            assert_eq!(r.holds(&PyVersion::new(version)), by, "{version}");
        }
    }

    #[test]
    fn a_flaw_that_comes_back_in_the_release_that_fixed_another_is_not_missed() {
        let r = range(&[("introduced", "0"), ("fixed", "1.0"), ("introduced", "1.0")]);
        assert!(r.holds(&PyVersion::new("1.0")).is_some());
    }

    #[test]
    fn the_fix_is_the_smallest_above() {
        let r = range(&[
            ("introduced", "0"),
            ("fixed", "1.2"),
            ("introduced", "2.0"),
            ("fixed", "2.3"),
        ]);
        assert_eq!(
            fixed_in([&r.line()], &PyVersion::new("1.0")).as_deref(),
            Some("1.2")
        );
        assert_eq!(
            fixed_in([&r.line()], &PyVersion::new("2.1")).as_deref(),
            Some("2.3")
        );
        assert_eq!(fixed_in([&r.line()], &PyVersion::new("3.0")), None);
    }
}
