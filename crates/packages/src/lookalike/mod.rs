//! Names that look like another: the ordinary way to get a wrong package installed.
//!
//! Compared with the most downloaded names (`data/popular.txt`) and those of this field (`data/names.toml`). A name
//! that is itself among them, or listed as an honest neighbour, is never accused; what is left is a name that hardly
//! anybody installs and that lies one slip of the finger from one that everybody does. The shorter a name, the more of
//! its neighbours are honest, so the more popular the other one has to be.

mod names;
mod prior;

use names::{HONEST, Heads, Names, names};
pub use prior::{Counted, name_prior};
use std::sync::OnceLock;

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
    /// A name that is commonly taken for the other.
    Confusion,
    /// The name that is imported, where the package has another.
    ImportName,
    /// A name that language models make up.
    Invented,
    /// Two slips in one long word.
    TwoSlips,
    /// The same name with a customary beginning or ending: `python-`, `-py`, `2`, `-dev`.
    Affix,
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
            Self::ImportName => "the name that is imported, not that of the package",
            Self::Invented => "a name that language models make up",
            Self::TwoSlips => "two letters apart",
            Self::Affix => "the same name with something customary added",
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
            Self::ImportName => "import-name",
            Self::Invented => "invented",
            Self::TwoSlips => "two-slips",
            Self::Affix => "affix",
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
    /// Its place among the most downloaded names.
    rank: u16,
}

/// The most popular names: what lies one slip from a long one of them is hardly ever honest.
const FOREMOST: u16 = 3_000;

/// Those whose imitations are hardly ever anything else: the most popular and the names of the field.
const IMITATED: u16 = 1_501;

impl LookAlike {
    /// Whether hardly any honest package could have this name: the difference cannot be seen, or it is a slip in a long
    /// name.
    pub fn is_certain(&self) -> bool {
        match self.how {
            Resemblance::Homoglyph => true,
            Resemblance::Swapped | Resemblance::OneLetter => self.meant.len() >= 7 && self.rank < IMITATED,
            Resemblance::Separators
            | Resemblance::WordOrder
            | Resemblance::Confusion
            | Resemblance::ImportName
            | Resemblance::Invented
            | Resemblance::TwoSlips
            | Resemblance::Affix => false,
        }
    }
}

/// A package that many install and that is not what its name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The package whose import has that name.
    pub meant: &'static str,
    /// Whether the same people made it, to catch those who err.
    pub same_authors: bool,
}

/// What the name of an import stands in for on the index, where that is a package which many install. `name` is in its
/// normal form.
pub fn stand_in(name: &str) -> Option<StandIn> {
    let (meant, who) = names().data?.stand_ins.get(name)?;
    Some(StandIn {
        meant,
        same_authors: who == "same",
    })
}

/// Whether a name is among the most downloaded, those of this field, or their honest neighbours. `name` is in its normal
/// form.
pub fn is_well_known(name: &str) -> bool {
    names().rank(name).is_some()
}

/// Whether a name is among the first thousand and a half, or of this field.
pub(crate) fn is_foremost(name: &str) -> bool {
    names().rank(name).is_some_and(|rank| rank < IMITATED)
}

/// Longest name that is compared; no popular one is longer.
const LONGEST: usize = 100;

/// The well-known name that a name imitates, if it does. `name` is in its normal form.
pub fn look_alike(name: &str) -> Option<LookAlike> {
    let names = names();
    if names.rank(name).is_some() || name.is_empty() || name.len() > LONGEST {
        return None;
    }
    compare(name, names, &|_| true)
}

/// Compares a name that is not known; `other` says which of the known ones it may imitate.
fn compare(name: &str, names: &Names, other: &dyn Fn(&str) -> bool) -> Option<LookAlike> {
    let target = |found: (&'static str, u16), how| {
        let (meant, rank) = found;
        (rank != HONEST && other(meant)).then_some(LookAlike { meant, how, rank })
    };
    // Found under that spelling, among the first so many.
    let spelt = |text: &str, most: u16, how| {
        let found = names.find(text).filter(|(_, rank)| *rank < most)?;
        target(found, how)
    };
    let data = names.data?;
    for (table, how) in [
        (&data.confusions, Resemblance::Confusion),
        (&data.imports, Resemblance::ImportName),
        (&data.invented, Resemblance::Invented),
    ] {
        if let Some(meant) = table.get(name) {
            return spelt(meant, HONEST, how);
        }
    }
    if !name.is_ascii() {
        let latin = latin(name);
        if let Some(found) = spelt(&latin, HONEST, Resemblance::Homoglyph) {
            return Some(found);
        }
        // PyPI has no such names; what still holds other letters than Latin ones is nobody's slip.
        return names
            .twin(&skeleton(&latin))
            .and_then(|meant| spelt(meant, HONEST, Resemblance::Homoglyph));
    }
    if let Some(meant) = names.twin(&skeleton(name))
        && let Some(found) = spelt(meant, HONEST, Resemblance::Homoglyph)
    {
        return Some(found);
    }
    separators(name, names, &spelt)
        .or_else(|| one_slip(name, names, &target))
        .or_else(|| word_order(name, &spelt))
        .or_else(|| affix(name, &spelt))
        .or_else(|| two_slips(name, names, &target))
}

type Spelt<'a> = dyn Fn(&str, u16, Resemblance) -> Option<LookAlike> + 'a;
type Target<'a> = dyn Fn((&'static str, u16), Resemblance) -> Option<LookAlike> + 'a;

/// The same letters with one or two separators elsewhere, or none.
fn separators(name: &str, names: &Names, spelt: &Spelt<'_>) -> Option<LookAlike> {
    const SHORTEST: usize = 5;
    let joined = name.replace('-', "");
    if joined.len() < SHORTEST || joined.len() > 48 || !joined.is_ascii() {
        return None;
    }
    let ask = |text: &str| {
        (text != name)
            .then(|| spelt(text, FOREMOST, Resemblance::Separators))
            .flatten()
    };
    if let Some(found) = ask(&joined) {
        return Some(found);
    }
    let cut = |text: &str, at: usize| {
        let (head, tail) = text.split_at_checked(at)?;
        Some(format!("{head}-{tail}"))
    };
    let (heads, end) = (Heads::new(&joined), joined.len());
    // Hundreds of spellings are tried, and next to none of them is a name.
    for first in 1..end {
        let before = heads.cut(0, 0..first);
        if names.holds(heads.behind(before, first..end))
            && let Some(found) = cut(&joined, first).and_then(|once| ask(&once))
        {
            return Some(found);
        }
    }
    // A second one only where the name has some: nobody forgets two.
    let has = name.len().saturating_sub(end);
    for first in (1..end).filter(|_| has > 0) {
        let before = heads.cut(0, 0..first);
        for second in first.saturating_add(1)..end {
            let both = heads.cut(before, first..second);
            if names.holds(heads.behind(both, second..end))
                && let Some(found) = cut(&joined, second)
                    .and_then(|once| cut(&once, first))
                    .and_then(|twice| ask(&twice))
            {
                return Some(found);
            }
        }
    }
    None
}

/// How popular a name of that length must be for its neighbours to be suspect.
fn least_rank(length: usize) -> u16 {
    match length {
        0..=4 => 0,
        5 => 800,
        6 => 2_000,
        7 => 3_500,
        8 | 9 => 6_000,
        _ => 10_000,
    }
}

fn one_slip(name: &str, names: &Names, target: &Target<'_>) -> Option<LookAlike> {
    let mut best: Option<LookAlike> = None;
    for (meant, rank) in names.near(name) {
        let Some(how) = one_slip_apart(name, meant) else {
            continue;
        };
        // Fewer honest neighbours come from swapping than from another letter.
        let swapped = how == Resemblance::Swapped && meant.len() >= 5;
        if rank >= least_rank(meant.len().saturating_add(usize::from(swapped))) {
            continue;
        }
        let Some(found) = target((meant, rank), how) else {
            continue;
        };
        if best.as_ref().is_none_or(|b| (how, rank) < (b.how, b.rank)) {
            best = Some(found);
        }
    }
    best
}

/// How one slip makes one name of the other, where both are long enough to tell a slip from a neighbour.
fn one_slip_apart(name: &str, meant: &str) -> Option<Resemblance> {
    let (mine, theirs) = (name.as_bytes(), meant.as_bytes());
    // One slip leaves the first letter or the last one in place.
    let an_end_stays = mine.first() == theirs.first() || mine.last() == theirs.last();
    if !an_end_stays {
        return None;
    }
    let Some(how) = slip(mine, theirs) else {
        return digit_slip(mine, theirs).then_some(Resemblance::OneLetter);
    };
    // `aws-sns` and `aws-sqs` are two services: in a short word of several every letter counts.
    let same = mine.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let word = meant
        .split('-')
        .scan(0_usize, |start, word| {
            let end = start.saturating_add(word.len());
            *start = end.saturating_add(1);
            Some((end, word))
        })
        .find(|(end, _)| same <= *end);
    let short = word.is_some_and(|(_, word)| word.len() < 4 && word.len() < meant.len());
    let swapped = how == Resemblance::Swapped;
    (!short || swapped || repeats(mine, theirs)).then_some(how)
}

/// Whether a key was hit twice, or the name ends in an `s` too many: no other service is called so.
fn repeats(mine: &[u8], theirs: &[u8]) -> bool {
    let same = mine.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let longer = mine.len() == theirs.len().saturating_add(1);
    let added = mine.get(same);
    let twice = added.is_some() && same.checked_sub(1).and_then(|before| mine.get(before)) == added;
    longer && (twice || (same == theirs.len() && added == Some(&b's')))
}

/// A digit within a name where a letter belongs (`p8llow`), or the digit at its end twice (`jinja22`). Any other digit
/// is a generation.
fn digit_slip(mine: &[u8], theirs: &[u8]) -> bool {
    let same = mine.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let after = same.saturating_add(1);
    let replaced = mine.len() == theirs.len()
        && is_digit(mine.get(same))
        && theirs.get(same).is_some_and(u8::is_ascii_alphabetic)
        && after < mine.len()
        && mine.get(after..) == theirs.get(after..);
    let doubled = same == theirs.len()
        && mine.len() == after
        && is_digit(mine.get(same))
        && mine.last() == theirs.last();
    replaced || doubled
}

fn word_order(name: &str, spelt: &Spelt<'_>) -> Option<LookAlike> {
    let words: Vec<&str> = name.split('-').collect();
    let ask = |order: &[usize]| {
        let words: Option<Vec<&str>> = order.iter().map(|i| words.get(*i).copied()).collect();
        spelt(&words?.join("-"), 5_000, Resemblance::WordOrder)
    };
    match words.len() {
        2 => ask(&[1, 0]),
        3 => [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
            .iter()
            .find_map(|order| ask(order)),
        _ => None,
    }
}

/// What is customarily put before or behind a name, and makes another package of it.
const AFFIXES: &[(&str, &str)] = &[
    ("python-", ""),
    ("python3-", ""),
    ("py-", ""),
    ("py", ""),
    ("lib", ""),
    ("", "-python"),
    ("", "-python3"),
    ("", "-py"),
    ("", "py"),
    ("", "-lib"),
    ("", "lib"),
    ("", "-dev"),
    ("", "-2"),
    ("", "-3"),
    ("", "2"),
    ("", "3"),
];

fn affix(name: &str, spelt: &Spelt<'_>) -> Option<LookAlike> {
    const SHORTEST: usize = 5;
    AFFIXES.iter().find_map(|(before, behind)| {
        let rest = name.strip_prefix(before)?.strip_suffix(behind)?;
        // The names of this field count with the first.
        (rest.len() >= SHORTEST)
            .then(|| spelt(rest, 1_501, Resemblance::Affix))
            .flatten()
    })
}

fn two_slips(name: &str, names: &Names, target: &Target<'_>) -> Option<LookAlike> {
    const SHORTEST: usize = 9;
    // Of the very first, shorter ones are imitated so as well.
    const FIRST: u16 = 100;
    const SHORTEST_FIRST: usize = 8;
    if name.len() < SHORTEST_FIRST.saturating_sub(1) || name.contains('-') {
        return None;
    }
    let first = name.as_bytes().first();
    // A few hundred of fifteen thousand, and every name that nobody knows is held against them.
    static IMITABLE: OnceLock<Vec<(&str, u16)>> = OnceLock::new();
    let imitable = IMITABLE.get_or_init(|| {
        names
            .all()
            .filter(|(meant, rank)| *rank < IMITATED && meant.len() >= SHORTEST_FIRST && !meant.contains('-'))
            .collect()
    });
    let candidates = imitable.iter().copied().filter(|(meant, rank)| {
        let long = meant.len() > SHORTEST && name.len() >= SHORTEST;
        (long || *rank < FIRST) && meant.len().abs_diff(name.len()) <= 2 && meant.as_bytes().first() == first
    });
    let near = candidates
        .filter(|(meant, _)| within_two(name.as_bytes(), meant.as_bytes()))
        .min_by_key(|(_, rank)| *rank)?;
    target(near, Resemblance::TwoSlips)
}

/// Whether two slips at most part two names; digits count for nothing, as in [`slip`].
fn within_two(a: &[u8], b: &[u8]) -> bool {
    fn steps(a: &[u8], b: &[u8], left: u8) -> bool {
        let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
        let (a, b) = (
            a.get(same..).unwrap_or_default(),
            b.get(same..).unwrap_or_default(),
        );
        if a.is_empty() && b.is_empty() {
            return true;
        }
        let Some(left) = left.checked_sub(1) else {
            return false;
        };
        let letter = |text: &[u8]| text.first().is_some_and(u8::is_ascii_alphabetic);
        let pair = |x: Option<&[u8]>, y: Option<&[u8]>| x.zip(y).is_some_and(|(x, y)| steps(x, y, left));
        let swapped = a.get(1).is_some() && a.get(1) == b.first() && a.first() == b.get(1);
        (letter(a) && pair(a.get(1..), Some(b)))
            || (letter(b) && pair(Some(a), b.get(1..)))
            || (letter(a) && letter(b) && pair(a.get(1..), b.get(1..)))
            || (swapped && pair(a.get(2..), b.get(2..)))
    }
    steps(a, b, 2)
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
mod tests;
