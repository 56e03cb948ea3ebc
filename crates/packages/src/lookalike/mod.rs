//! Names that look like another: the ordinary way to get a wrong package installed.
//!
//! Compared with the names of `data/names.toml`. A name that is itself well known, or listed there as an honest
//! neighbour, is never accused; what is left is a name nobody knows that lies one slip of the finger from one that
//! everybody installs.

use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashSet},
    sync::OnceLock,
};

/// How a name resembles another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resemblance {
    /// Letters that look alike, or letters of another alphabet.
    Homoglyph,
    /// Two neighbouring letters are swapped.
    Swapped,
    /// One letter is missing, added or another.
    OneLetter,
    /// The same letters with other separators.
    Separators,
    /// The same words in another order.
    WordOrder,
    /// A name that is commonly taken for the other: an import name, or one that is made up.
    Confusion,
}

impl Resemblance {
    /// The difference in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Homoglyph => "letters that look alike",
            Self::Swapped => "two letters swapped",
            Self::OneLetter => "one letter apart",
            Self::Separators => "other separators",
            Self::WordOrder => "the same words in another order",
            Self::Confusion => "commonly taken for it",
        }
    }

    /// The name in every machine format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Homoglyph => "homoglyph",
            Self::Swapped => "swapped",
            Self::OneLetter => "one-letter",
            Self::Separators => "separators",
            Self::WordOrder => "word-order",
            Self::Confusion => "confusion",
        }
    }
}

/// The name that is probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookAlike {
    /// The well-known package.
    pub meant: &'static str,
    /// How the names resemble each other.
    pub how: Resemblance,
}

impl LookAlike {
    /// Whether hardly any honest package could have this name: the difference cannot be seen, or it is a slip in a long
    /// name.
    pub fn is_certain(&self) -> bool {
        match self.how {
            Resemblance::Homoglyph => true,
            Resemblance::Swapped | Resemblance::OneLetter => self.meant.len() >= 7,
            Resemblance::Separators | Resemblance::WordOrder | Resemblance::Confusion => false,
        }
    }
}

#[derive(Deserialize)]
struct Data {
    popular: String,
    honest: String,
    confusions: BTreeMap<String, String>,
}

struct Names {
    popular: Vec<&'static str>,
    known: HashSet<&'static str>,
    /// Without separators, to the name.
    joined: BTreeMap<String, &'static str>,
    /// Letters that look alike made one, to the name.
    skeletons: BTreeMap<String, &'static str>,
    confusions: BTreeMap<&'static str, &'static str>,
}

const TEXT: &str = include_str!("../../data/names.toml");

/// Shortest name that is compared letter by letter: among shorter ones honest neighbours are the rule.
const MIN_EDIT: usize = 5;

fn names() -> &'static Names {
    static DATA: OnceLock<Option<Data>> = OnceLock::new();
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| {
        // The file is part of the program and a test reads it, so it cannot fail here.
        let data = DATA.get_or_init(|| toml::from_str(TEXT).ok()).as_ref();
        let words = |text: Option<&'static String>| text.into_iter().flat_map(|t| t.split_whitespace());
        let popular: Vec<&'static str> = words(data.map(|d| &d.popular)).collect();
        let known = popular
            .iter()
            .copied()
            .chain(words(data.map(|d| &d.honest)))
            .collect();
        let joined = popular
            .iter()
            .filter(|n| n.len() >= MIN_EDIT)
            .map(|n| (n.replace('-', ""), *n))
            .collect();
        let skeletons = popular
            .iter()
            .filter(|n| n.len() >= 4)
            .map(|n| (skeleton(n), *n))
            .collect();
        let confusions = data
            .into_iter()
            .flat_map(|d| &d.confusions)
            .map(|(from, to)| (from.as_str(), to.as_str()))
            .collect();
        Names {
            popular,
            known,
            joined,
            skeletons,
            confusions,
        }
    })
}

/// The well-known name that a name imitates, if it does. `name` is in its normal form.
pub fn look_alike(name: &str) -> Option<LookAlike> {
    let names = names();
    let found = |meant, how| Some(LookAlike { meant, how });
    if names.known.contains(name) {
        return None;
    }
    if let Some(meant) = names.confusions.get(name) {
        return found(meant, Resemblance::Confusion);
    }
    if !name.is_ascii() {
        let latin = latin(name);
        if let Some(meant) = names.popular.iter().find(|p| **p == latin) {
            return found(meant, Resemblance::Homoglyph);
        }
    }
    if let Some(meant) = names.skeletons.get(&skeleton(name)) {
        return found(meant, Resemblance::Homoglyph);
    }
    if let Some(meant) = names.joined.get(&name.replace('-', "")) {
        return found(meant, Resemblance::Separators);
    }
    if let Some(found) = one_slip(name, &names.popular) {
        return Some(found);
    }
    let mut words: Vec<&str> = name.split('-').collect();
    if words.len() >= 2 {
        words.sort_unstable();
        let same = names.popular.iter().find(|p| {
            p.len() == name.len() && {
                let mut theirs: Vec<&str> = p.split('-').collect();
                theirs.sort_unstable();
                theirs == words
            }
        });
        return same.and_then(|meant| found(meant, Resemblance::WordOrder));
    }
    None
}

/// How a name resembles another one, if it does; both in lower case. For names that this table does not know, such as
/// those of models.
pub fn resembles(name: &str, known: &str) -> Option<Resemblance> {
    if name == known {
        return None;
    }
    if latin(name) == known || skeleton(&latin(name)) == skeleton(known) {
        return Some(Resemblance::Homoglyph);
    }
    let (mine, theirs) = (name.as_bytes(), known.as_bytes());
    let an_end_stays = mine.first() == theirs.first() || mine.last() == theirs.last();
    if !an_end_stays || mine.len().abs_diff(theirs.len()) > 1 {
        return None;
    }
    slip(mine, theirs)
}

fn one_slip(name: &str, popular: &[&'static str]) -> Option<LookAlike> {
    let mine = name.as_bytes();
    let mut best: Option<LookAlike> = None;
    for meant in popular.iter().copied().filter(|p| p.len() >= MIN_EDIT) {
        let theirs = meant.as_bytes();
        // One slip leaves the first letter or the last one in place.
        let an_end_stays = mine.first() == theirs.first() || mine.last() == theirs.last();
        if mine.len().abs_diff(theirs.len()) > 1 || !an_end_stays {
            continue;
        }
        let Some(how) = slip(mine, theirs) else {
            continue;
        };
        if best.as_ref().is_none_or(|b| how < b.how) {
            best = Some(LookAlike { meant, how });
        }
    }
    best
}

/// The one slip that makes `theirs` into `mine`. Digits count for nothing: `boto2` is another generation, no slip.
fn slip(mine: &[u8], theirs: &[u8]) -> Option<Resemblance> {
    let prefix = mine.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let (a, b) = (mine.get(prefix..)?, theirs.get(prefix..)?);
    let suffix = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (a, b) = (
        a.get(..a.len().saturating_sub(suffix))?,
        b.get(..b.len().saturating_sub(suffix))?,
    );
    match (a, b) {
        ([x], [y]) if x.is_ascii_alphabetic() && y.is_ascii_alphabetic() => Some(Resemblance::OneLetter),
        ([x], []) | ([], [x]) if x.is_ascii_alphabetic() => Some(Resemblance::OneLetter),
        ([p, q], [r, s]) if p == s && q == r => Some(Resemblance::Swapped),
        _ => None,
    }
}

/// One text for all names that look alike in print: `l`, `1` and `i` are one, `0` is `o`, `rn` is `m`, `vv` is `w`.
fn skeleton(name: &str) -> String {
    name.replace("rn", "m")
        .replace("vv", "w")
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | 'i' => 'l',
            '5' => 's',
            c => c,
        })
        .collect()
}

/// Letters of other alphabets that look like Latin ones.
fn latin(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            'а' | 'α' | 'ａ' => 'a',
            'с' | 'ϲ' => 'c',
            'ԁ' => 'd',
            'е' | 'ε' => 'e',
            'һ' => 'h',
            'і' | 'ι' | 'ı' => 'i',
            'ј' => 'j',
            'к' | 'κ' => 'k',
            'ӏ' => 'l',
            'м' => 'm',
            'ո' | 'η' => 'n',
            'о' | 'ο' | 'օ' => 'o',
            'р' | 'ρ' => 'p',
            'ԛ' => 'q',
            'г' => 'r',
            'ѕ' => 's',
            'т' | 'τ' => 't',
            'υ' | 'ս' => 'u',
            'ν' | 'ѵ' => 'v',
            'ԝ' => 'w',
            'х' | 'χ' => 'x',
            'у' | 'γ' => 'y',
            'ᴢ' => 'z',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise;
    use proptest::prelude::*;

    #[test]
    fn the_table_is_well_formed() {
        let data: Data = toml::from_str(TEXT).unwrap();
        for name in data
            .popular
            .split_whitespace()
            .chain(data.honest.split_whitespace())
            .chain(data.confusions.keys().map(String::as_str))
        {
            assert_eq!(normalise(name), name);
        }
        for (from, to) in &data.confusions {
            assert!(
                names().popular.contains(&to.as_str()),
                "{to} is not among the popular names"
            );
            assert!(!names().known.contains(from.as_str()), "{from} is both");
        }
    }

    #[test]
    fn imitations_are_seen_and_neighbours_left_alone() {
        let shown = |name: &str| match look_alike(&normalise(name)) {
            Some(l) => format!(
                "{} {}{}",
                l.meant,
                l.how.name(),
                if l.is_certain() { " certain" } else { "" }
            ),
            None => "-".to_owned(),
        };
        for (name, expected) in [
            ("transfomers", "transformers one-letter certain"),
            ("tensorflwo", "tensorflow swapped certain"),
            ("tensorfiow", "tensorflow homoglyph certain"),
            ("nurnpy", "numpy homoglyph certain"),
            ("numpv", "numpy one-letter"),
            ("tоrch", "torch homoglyph certain"),
            ("scikitlearn", "scikit-learn separators"),
            ("learn-scikit", "scikit-learn word-order"),
            ("sklearn", "scikit-learn confusion"),
            ("huggingface-cli", "huggingface-hub confusion"),
            ("torch", "-"),
            ("numpy", "-"),
            ("acme-train-kit", "-"),
            ("boto", "-"),
            ("flake9", "-"),
            ("x", "-"),
            ("", "-"),
        ] {
            assert_eq!(shown(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(name in any::<String>()) {
            let _ = look_alike(&normalise(&name));
        }
    }

    #[test]
    fn a_well_known_name_is_never_accused() {
        assert!(names().known.iter().all(|name| look_alike(name).is_none()));
    }
}
