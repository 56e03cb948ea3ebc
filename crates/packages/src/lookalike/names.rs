//! The names that others are compared with, and a table in which a name that differs by one slip is found by its hash.
//!
//! Fifteen thousand names are too many to compare one by one and too many to index by every slip. But the hash of a
//! name with one letter changed follows from hashes of its beginning and its end, so every slip of a name can be
//! looked up at the price of a few operations, and only the names themselves need a table.

use serde::Deserialize;
use std::{collections::BTreeMap, ops::Range, sync::OnceLock};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Data {
    pub(super) popular: String,
    pub(super) honest: String,
    pub(super) confusions: BTreeMap<String, String>,
    pub(super) imports: BTreeMap<String, String>,
    pub(super) invented: BTreeMap<String, String>,
    pub(super) stand_ins: BTreeMap<String, (String, String)>,
}

pub(super) const TEXT: &str = include_str!("../../data/names.toml");
const POPULAR: &str = include_str!("../../data/popular.txt");

/// The rank that a name of this field has at least, however often others are downloaded.
const FIELD: u16 = 1_500;

/// The rank of a name that nobody imitates and that imitates nobody.
pub(super) const HONEST: u16 = u16::MAX;

/// How many of the most downloaded names are compared by their looks.
const SKELETONS: u16 = 4_000;

/// The slots of the table: a power of two, twice as many as there are names.
const SLOTS: usize = 1 << 15;
const BITS: u32 = 64 - 15;

const PRIME: u64 = 0x0100_0000_01b3;

/// All names with their ranks.
pub(super) struct Names {
    names: Vec<(&'static str, u64, u16)>,
    slots: Vec<u16>,
    pub(super) data: Option<&'static Data>,
}

/// The names, read when the first is asked for.
pub(super) fn names() -> &'static Names {
    static DATA: OnceLock<Option<Data>> = OnceLock::new();
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| {
        // The file is part of the program and a test reads it, so it cannot fail here.
        let data = DATA.get_or_init(|| toml::from_str(TEXT).ok()).as_ref();
        let mut names = Names {
            names: Vec::with_capacity(SLOTS / 2),
            slots: vec![u16::MAX; SLOTS],
            data,
        };
        for (name, rank) in most_downloaded().zip(0..) {
            names.insert(name, rank);
        }
        let words = |text: Option<&'static String>| text.into_iter().flat_map(|t| t.split_whitespace());
        for name in words(data.map(|d| &d.popular)) {
            names.insert(name, FIELD);
        }
        for name in words(data.map(|d| &d.honest)) {
            names.insert(name, HONEST);
        }
        names
    })
}

/// The most downloaded names, the first the most.
pub(super) fn most_downloaded() -> impl Iterator<Item = &'static str> {
    POPULAR.lines().filter(|l| !l.is_empty() && !l.starts_with('#'))
}

fn step(hash: u64, byte: u8) -> u64 {
    hash.wrapping_mul(PRIME)
        .wrapping_add(u64::from(byte).wrapping_add(1))
}

fn hash(name: &str) -> u64 {
    name.bytes().fold(0, step)
}

fn slot(hash: u64) -> usize {
    let mixed = (hash ^ (hash >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Fifteen bits always fit.
    usize::try_from(mixed >> BITS).unwrap_or_default()
}

/// The hashes of all beginnings of a text, from which follows what any part of it adds to a hash.
pub(super) struct Heads {
    heads: Vec<u64>,
    /// What a part of so many bytes multiplies the hash before it by.
    powers: Vec<u64>,
}

impl Heads {
    pub(super) fn new(text: &str) -> Self {
        let (mut heads, mut powers) = (vec![0_u64], vec![1_u64]);
        for byte in text.bytes() {
            heads.push(step(heads.last().copied().unwrap_or_default(), byte));
            powers.push(powers.last().copied().unwrap_or(1).wrapping_mul(PRIME));
        }
        Self { heads, powers }
    }

    /// The hash of the first `length` bytes.
    fn of(&self, length: usize) -> u64 {
        self.heads.get(length).copied().unwrap_or_default()
    }

    /// The hash of what has the hash `before`, and that part of the text behind it.
    pub(super) fn behind(&self, before: u64, part: Range<usize>) -> u64 {
        let power = self.powers.get(part.len()).copied().unwrap_or(1);
        let own = self
            .of(part.end)
            .wrapping_sub(self.of(part.start).wrapping_mul(power));
        before.wrapping_mul(power).wrapping_add(own)
    }

    /// The same with a separator at the end.
    pub(super) fn cut(&self, before: u64, part: Range<usize>) -> u64 {
        step(self.behind(before, part), b'-')
    }
}

impl Names {
    fn insert(&mut self, name: &'static str, rank: u16) {
        let hash = hash(name);
        let known = self
            .places(hash)
            .find(|at| self.names.get(*at).is_some_and(|n| n.0 == name));
        if let Some(entry) = known.and_then(|at| self.names.get_mut(at)) {
            entry.2 = entry.2.min(rank);
            return;
        }
        let index = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        let free = (0..SLOTS)
            .map(|step| slot(hash).wrapping_add(step) % SLOTS)
            .find(|at| self.slots.get(*at) == Some(&u16::MAX));
        if let Some(target) = free.and_then(|at| self.slots.get_mut(at)) {
            *target = index;
            self.names.push((name, hash, rank));
        }
    }

    /// The names of that hash.
    fn places(&self, hash: u64) -> impl Iterator<Item = usize> {
        (0..SLOTS)
            .map(move |step| slot(hash).wrapping_add(step) % SLOTS)
            .map_while(|at| self.slots.get(at).copied().filter(|index| *index != u16::MAX))
            .map(usize::from)
            .filter(move |at| self.names.get(*at).is_some_and(|n| n.1 == hash))
    }

    /// Whether a name could have that hash.
    pub(super) fn holds(&self, hash: u64) -> bool {
        self.places(hash).next().is_some()
    }

    /// The rank of a name, where it is known.
    pub(super) fn rank(&self, name: &str) -> Option<u16> {
        self.find(name).map(|(_, rank)| rank)
    }

    /// The known name of that spelling, with its rank.
    pub(super) fn find(&self, name: &str) -> Option<(&'static str, u16)> {
        let found = |at: usize| self.names.get(at).copied().filter(|n| n.0 == name);
        self.places(hash(name)).find_map(found).map(|n| (n.0, n.2))
    }

    /// The names of the most downloaded and of the field, with their ranks.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, u16)> {
        self.names.iter().map(|n| (n.0, n.2))
    }

    /// Every known name that one slip makes of an ASCII name: a letter missing, added or another, or two swapped.
    /// Names whose hash agrees by chance are among them.
    pub(super) fn near(&self, name: &str) -> Vec<(&'static str, u16)> {
        let bytes = name.as_bytes();
        let heads = Heads::new(name);
        let (head, whole) = (|i: usize| heads.of(i), heads.of(bytes.len()));
        // A beginning in place of the first `i` bytes, and the rest behind it.
        let with = |start: u64, i: usize| heads.behind(start, i..bytes.len());
        let mut out = Vec::new();
        let mut ask = |hash: u64| {
            for at in self.places(hash) {
                out.extend(self.names.get(at).map(|n| (n.0, n.2)));
            }
        };
        for (i, byte) in bytes.iter().enumerate() {
            let after = i.saturating_add(1);
            ask(with(head(i), after));
            for letter in b'a'..=b'z' {
                ask(with(step(head(i), letter), i));
                if letter != *byte {
                    ask(with(step(head(i), letter), after));
                }
            }
            if let Some(next) = bytes.get(after) {
                ask(with(step(step(head(i), *next), *byte), after.saturating_add(1)));
            }
        }
        for letter in b'a'..=b'z' {
            ask(step(whole, letter));
        }
        out
    }

    /// The popular name that looks the same in print.
    pub(super) fn twin(&self, skeleton: &str) -> Option<&'static str> {
        static SORTED: OnceLock<Vec<(u64, &'static str)>> = OnceLock::new();
        let sorted = SORTED.get_or_init(|| {
            let popular = self
                .all()
                .filter(|(name, rank)| *rank < SKELETONS && name.len() >= 4);
            let mut all: Vec<_> = popular
                .map(|(name, rank)| (hash(&super::skeleton(name)), rank, name))
                .collect();
            all.sort_unstable();
            all.into_iter().map(|(hash, _, name)| (hash, name)).collect()
        });
        let wanted = hash(skeleton);
        let first = sorted.partition_point(|(hash, _)| *hash < wanted);
        let (found, name) = sorted.get(first)?;
        (*found == wanted && super::skeleton(name) == skeleton).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let names = names();
        assert!(most_downloaded().all(|n| names.find(n).is_some_and(|(found, _)| found == n)));
        assert_eq!(most_downloaded().count(), 14_985);
        assert!(names.names.len() < SLOTS * 6 / 10);
        assert_eq!(names.rank("boto3"), Some(0));
        assert_eq!(names.rank("no-such-name-of-anybody"), None);
    }

    #[test]
    fn the_hash_of_a_spelling_follows_from_its_parts() {
        let text = "scikitlearnextra";
        let (heads, end) = (Heads::new(text), text.len());
        for first in 1..end {
            let before = heads.cut(0, 0..first);
            let (start, rest) = text.split_at(first);
            assert_eq!(heads.behind(before, first..end), hash(&format!("{start}-{rest}")));
            for second in first + 1..end {
                let both = heads.cut(before, first..second);
                let twice = format!("{start}-{}-{}", &text[first..second], &text[second..]);
                assert_eq!(heads.behind(both, second..end), hash(&twice));
            }
        }
    }

    #[test]
    fn each_kind_of_slip_is_found() {
        let names = names();
        for slip in [
            "reqests",
            "requestss",
            "requezts",
            "reqeusts",
            "equests",
            "xrequests",
            "requestt",
            "erquests",
        ] {
            assert!(names.near(slip).iter().any(|n| n.0 == "requests"), "{slip}");
        }
    }
}
