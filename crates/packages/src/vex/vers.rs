//! Version ranges of CycloneDX: `vers:pypi/>=1.0|<2.0|!=1.5`.

use crate::version::PyVersion;
use pep440_rs::Version;
use std::str::FromStr as _;

/// Most constraints of one range.
const MAX: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// A range of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vers {
    /// Sorted by version; empty where every version is meant (`vers:pypi/*`).
    constraints: Vec<(Version, Comparator)>,
}

impl Vers {
    /// Reads a range; `None` where it is none, or of versions that are not Python's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, list) = text.trim().strip_prefix("vers:")?.split_once('/')?;
        if !matches!(kind, "pypi" | "conda" | "generic") {
            return None;
        }
        if list.trim() == "*" {
            return Some(Self {
                constraints: Vec::new(),
            });
        }
        let mut constraints = Vec::new();
        for part in list.split('|').map(str::trim).filter(|p| !p.is_empty()) {
            let (comparator, version) = [
                ("!=", Comparator::NotEqual),
                ("<=", Comparator::LessEqual),
                (">=", Comparator::GreaterEqual),
                ("<", Comparator::Less),
                (">", Comparator::Greater),
                ("=", Comparator::Equal),
                ("", Comparator::Equal),
            ]
            .iter()
            .find_map(|(sign, c)| part.strip_prefix(sign).map(|rest| (*c, rest)))?;
            if constraints.len() >= MAX {
                return None;
            }
            constraints.push((Version::from_str(&decoded(version)).ok()?, comparator));
        }
        constraints.sort_by(|a, b| a.0.cmp(&b.0));
        (!constraints.is_empty()).then_some(Self { constraints })
    }

    /// Whether a version lies in the range, by the rules of the specification of vers.
    pub(super) fn contains(&self, version: &PyVersion) -> bool {
        let Some(version) = version.public() else {
            return false;
        };
        if self.constraints.is_empty() {
            return true;
        }
        for (stated, comparator) in &self.constraints {
            match comparator {
                Comparator::NotEqual if stated == version => return false,
                Comparator::Equal | Comparator::LessEqual | Comparator::GreaterEqual if stated == version => {
                    return true;
                }
                _ => {}
            }
        }
        // What is left are bounds: a version is inside where the bound below opens or the one above closes.
        let bounds: Vec<&(Version, Comparator)> = self
            .constraints
            .iter()
            .filter(|(_, c)| !matches!(c, Comparator::Equal | Comparator::NotEqual))
            .collect();
        let opens = |c: Comparator| matches!(c, Comparator::Greater | Comparator::GreaterEqual);
        let above = bounds.partition_point(|(stated, _)| stated < version);
        let below = above.checked_sub(1).and_then(|i| bounds.get(i));
        let next = bounds.iter().skip(above).find(|(stated, _)| stated != version);
        // A bound at the version itself that is not its own part ends or begins right there.
        if bounds.iter().skip(above).any(|(stated, _)| stated == version) {
            return false;
        }
        match (below, next) {
            (Some((_, b)), Some((_, n))) => opens(*b) && !opens(*n),
            (Some((_, b)), None) => opens(*b),
            (None, Some((_, n))) => !opens(*n),
            (None, None) => self.constraints.iter().all(|(_, c)| *c == Comparator::NotEqual),
        }
    }
}

fn decoded(text: &str) -> String {
    crate::manifest::bom::purl::decoded(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_hold_the_versions_that_they_name() {
        for (range, inside, outside) in [
            ("vers:pypi/<2.6.0", "2.5.1 0.1", "2.6.0 2.6.1"),
            ("vers:pypi/>=1.0|<2.0|!=1.5", "1.0 1.4 1.9.9", "0.9 1.5 2.0 3.0"),
            ("vers:pypi/1.0|2.0|>=3", "1.0 2.0.0 3.0 4", "1.1 2.9"),
            ("vers:pypi/>1|<=2|>=4|<5", "1.1 2.0 4 4.9", "1 2.1 3 5"),
            ("vers:pypi/*", "1 2", ""),
            ("vers:pypi/!=1", "2", "1"),
            ("vers:pypi/>=2.5.1%2Bcu124", "2.6", "2.4"),
        ] {
            let vers = Vers::parse(range).unwrap();
            for v in inside.split_whitespace() {
                assert!(vers.contains(&PyVersion::new(v)), "{v} in {range}");
            }
            for v in outside.split_whitespace() {
                assert!(!vers.contains(&PyVersion::new(v)), "{v} not in {range}");
            }
        }
        for none in [
            "",
            "vers:pypi/",
            "vers:npm/<1",
            "vers:pypi/<x",
            ">=1",
            "vers:pypi/|",
        ] {
            assert_eq!(Vers::parse(none), None, "{none}");
        }
        assert!(
            !Vers::parse("vers:pypi/*")
                .unwrap()
                .contains(&PyVersion::new("no version"))
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "vers:pypi/([<>=!|*]|[0-9.]{1,3}){0,12}", version in "[0-9.a]{0,6}") {
            if let Some(vers) = Vers::parse(&text) {
                let _ = vers.contains(&PyVersion::new(&version));
            }
        }
    }
}
