//! What a likeness of names is worth: how often names of malicious packages have it, and how often those of all others.
//!
//! A name is a weak prior and no verdict, so each kind of likeness was counted: in the names of the public reports of
//! malicious packages, and in as many names as are drawn of all others on the index without the most downloaded. Where
//! both are about as frequent, the name says nothing, and a rule is better silent.

use super::{LONGEST, LookAlike, Resemblance, look_alike, names::names, one_slip_apart};

/// How many names of malicious packages were counted.
const MALICIOUS_NAMES: u32 = 11_147;
/// How many other names were counted.
const OTHER_NAMES: u32 = 60_000;

/// A likeness with what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// So many of the malicious names have it.
    pub malicious: u32,
    /// So many of the others.
    pub other: u32,
    /// The natural logarithm of the ratio of the two shares, in tenths.
    pub tenths: u32,
}

impl Counted {
    /// The term in words: "log-likelihood +4.6: so look 295 of 11147 malicious names and 16 of 60000 others".
    pub fn words(self) -> String {
        format!(
            "log-likelihood +{}.{}: so look {} of {MALICIOUS_NAMES} names of malicious packages and {} of {OTHER_NAMES} others",
            self.tenths / 10,
            self.tenths % 10,
            self.malicious,
            self.other
        )
    }

    /// Whether a name alone is worth a look for it.
    pub fn is_telling(self) -> bool {
        self.tenths >= 15
    }
}

struct Row {
    how: Resemblance,
    /// Among the thousand most downloaded, or behind them.
    first: bool,
    /// The shortest name; rows of one kind begin with the longest.
    least: usize,
    counted: Counted,
}

const fn row(how: Resemblance, first: bool, least: usize, malicious: u32, other: u32, tenths: u32) -> Row {
    Row {
        how,
        first,
        least,
        counted: Counted {
            malicious,
            other,
            tenths,
        },
    }
}

/// Counted in November 2026.
static COUNTS: &[Row] = &[
    row(Resemblance::Swapped, true, 7, 152, 1, 63),
    row(Resemblance::Swapped, true, 0, 13, 4, 28),
    row(Resemblance::Swapped, false, 0, 66, 4, 44),
    row(Resemblance::OneLetter, true, 9, 295, 16, 46),
    row(Resemblance::OneLetter, true, 7, 176, 33, 33),
    row(Resemblance::OneLetter, true, 6, 46, 32, 20),
    row(Resemblance::OneLetter, true, 0, 23, 59, 8),
    row(Resemblance::OneLetter, false, 9, 137, 52, 26),
    row(Resemblance::OneLetter, false, 7, 21, 57, 7),
    row(Resemblance::OneLetter, false, 0, 18, 24, 14),
    row(Resemblance::TwoSlips, true, 9, 8, 14, 12),
    row(Resemblance::TwoSlips, true, 0, 40, 6, 35),
    row(Resemblance::TwoSlips, false, 0, 3, 7, 9),
    row(Resemblance::Affix, true, 0, 13, 18, 14),
    row(Resemblance::Affix, false, 0, 2, 2, 17),
    row(Resemblance::WordOrder, true, 0, 4, 9, 9),
    row(Resemblance::WordOrder, false, 0, 4, 9, 9),
    row(Resemblance::Separators, true, 0, 2, 6, 7),
    row(Resemblance::Separators, false, 0, 2, 6, 7),
];

/// One slip in a long name from any of the most downloaded, beyond what [`look_alike`] says.
const REMOTE: Counted = Counted {
    malicious: 144,
    other: 196,
    tenths: 14,
};

impl LookAlike {
    /// What the likeness of that name is worth; nothing where too few were seen to tell.
    pub fn counted(&self, name: &str) -> Option<Counted> {
        let first = self.rank < 1_000;
        COUNTS
            .iter()
            .find(|r| r.how == self.how && r.first == first && name.len() >= r.least)
            .map(|r| r.counted)
    }
}

/// The name of a package that is audited itself, and what its likeness to another is worth. It looks further than
/// [`look_alike`], since here the name is one term beside what the package does. `name` is in its normal form.
pub fn name_prior(name: &str) -> Option<(LookAlike, Option<Counted>)> {
    if let Some(alike) = look_alike(name) {
        let counted = alike.counted(name);
        return Some((alike, counted));
    }
    const SHORTEST: usize = 7;
    let names = names();
    let compared = name.is_ascii() && (SHORTEST..=LONGEST).contains(&name.len());
    if !compared || names.rank(name).is_some() {
        return None;
    }
    let near = names.near(name).into_iter().filter_map(|(meant, rank)| {
        let how = one_slip_apart(name, meant)
            .filter(|_| meant.len() >= SHORTEST && rank != super::names::HONEST)?;
        Some(LookAlike { meant, how, rank })
    });
    near.min_by_key(|alike| (alike.how, alike.rank))
        .map(|alike| (alike, Some(REMOTE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terms_follow_from_the_counts() {
        let all = COUNTS.iter().map(|r| r.counted).chain([REMOTE]);
        for c in all {
            let share = |n: u32, of: u32| (f64::from(n) + 0.5) / (f64::from(of) + 1.0);
            let exact = (share(c.malicious, MALICIOUS_NAMES) / share(c.other, OTHER_NAMES)).ln();
            assert!((exact - f64::from(c.tenths) / 10.0).abs() < 0.06, "{c:?} {exact}");
        }
    }

    #[test]
    fn a_name_is_worth_what_its_kind_is() {
        let shown = |name: &str| match name_prior(name) {
            Some((alike, Some(c))) => format!("{} +{}.{}", alike.meant, c.tenths / 10, c.tenths % 10),
            Some((alike, None)) => format!("{} ?", alike.meant),
            None => "-".to_owned(),
        };
        for (name, expected) in [
            ("reqeusts", "requests +6.3"),
            ("tensorflwo", "tensorflow +6.3"),
            ("transfomers", "transformers +4.6"),
            ("numpv", "numpy +0.8"),
            ("cv2", "opencv-python ?"),
            ("requests", "-"),
            ("acme-internal-tool", "-"),
            ("x", "-"),
            ("", "-"),
        ] {
            assert_eq!(shown(name), expected, "{name}");
        }
    }
}
