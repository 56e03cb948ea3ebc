//! How far two distributions are apart: who takes a patch release reads less of it than who takes a major one.

use wellhead_packages::{PyVersion, distribution::Distribution};

/// The step from one distribution to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Two distributions of one version.
    Same,
    /// The third number or one behind it.
    Patch,
    /// The second number.
    Minor,
    /// The first number.
    Major,
    /// Two projects.
    Other,
    /// It is not known.
    Unknown,
}

impl Step {
    pub(super) fn between(old: &Distribution, new: &Distribution) -> Self {
        if let (Some(a), Some(b)) = (&old.name, &new.name)
            && a != b
        {
            return Self::Other;
        }
        match (&old.version, &new.version) {
            (Some(a), Some(b)) => Self::of_versions(a, b),
            _ => Self::Unknown,
        }
    }

    /// By PEP 440; a step back is as far as one forward.
    pub(super) fn of_versions(old: &str, new: &str) -> Self {
        let (old, new) = (PyVersion::new(old), PyVersion::new(new));
        if old == new {
            return Self::Same;
        }
        let (Some(a), Some(b)) = (old.public(), new.public()) else {
            return Self::Unknown;
        };
        let at = |version: &[u64], at: usize| version.get(at).copied().unwrap_or(0);
        let (x, y) = (a.release(), b.release());
        if a.epoch() != b.epoch() || at(x, 0) != at(y, 0) {
            Self::Major
        } else if at(x, 1) != at(y, 1) {
            Self::Minor
        } else {
            Self::Patch
        }
    }

    /// The term of the sum, and what it weighs in tenths.
    pub(super) fn term(self) -> Option<(&'static str, u32)> {
        match self {
            Self::Same => Some(("same-version", 10)),
            Self::Patch => Some(("patch-release", 10)),
            Self::Minor => Some(("minor-release", 5)),
            Self::Other => Some(("other-project", 5)),
            Self::Unknown => Some(("unknown-version", 5)),
            Self::Major => None,
        }
    }

    /// The step in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Same => "the same version",
            Self::Patch => "a patch release",
            Self::Minor => "a minor release",
            Self::Major => "a major release",
            Self::Other => "another project",
            Self::Unknown => "a release without a comparable version",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_by_the_first_number_that_differs() {
        for (old, new, expected) in [
            ("8.3.40", "8.3.41", Step::Patch),
            ("1.0", "1.0.post1", Step::Patch),
            ("1.0", "1.0.0", Step::Same),
            ("2.2.0+cu121", "2.2.0", Step::Same),
            ("0.4", "0.5", Step::Minor),
            ("1.9.3", "1.10", Step::Minor),
            ("1.9", "2.0a1", Step::Major),
            ("1.9", "1!1.9", Step::Major),
            ("2.0", "1.9", Step::Major),
            ("x", "y", Step::Unknown),
        ] {
            assert_eq!(Step::of_versions(old, new), expected, "{old} {new}");
        }
    }
}
