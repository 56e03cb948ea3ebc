//! The numbers of instructions, from `opcodes.txt`, and instructions out of bytes.

use std::sync::LazyLock;

static TEXT: &str = include_str!("opcodes.txt");

/// The first version of the table; columns follow one another.
const FIRST: u8 = 6;
/// How many versions the table has.
pub(super) const VERSIONS: usize = 9;

/// One version's instructions by number: the name, and the units of cache behind it.
pub(super) type Table = Vec<Option<(&'static str, usize)>>;

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let mut tables = vec![vec![None; 256]; VERSIONS];
    for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        for (table, word) in tables.iter_mut().zip(words) {
            let (number, caches) = word.split_once(':').unwrap_or((word, "0"));
            let slot = number.parse::<usize>().ok().and_then(|n| table.get_mut(n));
            if let Some(slot) = slot {
                *slot = Some((name, caches.parse().unwrap_or(0)));
            }
        }
    }
    tables
});

/// The instructions of Python 3.`minor`, if they are known.
pub(super) fn table(minor: u8) -> Option<&'static Table> {
    TABLES.get(usize::from(minor.checked_sub(FIRST)?))
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instruction {
    pub(super) offset: usize,
    pub(super) name: &'static str,
    pub(super) arg: usize,
    /// Where the next one begins.
    pub(super) next: usize,
}

/// The name of an instruction that the version does not have.
pub(super) const UNKNOWN: &str = "?";

/// The instructions of a code object, one after another.
pub(super) fn instructions<'a>(code: &'a [u8], table: &'a Table) -> impl Iterator<Item = Instruction> + 'a {
    let mut at = 0_usize;
    let mut extended = 0_usize;
    std::iter::from_fn(move || {
        loop {
            let [number, low] = *code.get(at..at.saturating_add(2))?.as_array()?;
            let offset = at;
            at = at.saturating_add(2);
            let arg = (extended << 8) | usize::from(low);
            let (name, caches) = table
                .get(usize::from(number))
                .copied()
                .flatten()
                .unwrap_or((UNKNOWN, 0));
            if name == "EXTENDED_ARG" {
                extended = arg & 0x00ff_ffff;
                continue;
            }
            extended = 0;
            at = at.saturating_add(caches.saturating_mul(2));
            return Some(Instruction {
                offset,
                name,
                arg,
                next: at,
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        for minor in 6..15 {
            let table = table(minor).unwrap();
            let known = table.iter().flatten().count();
            assert!(known > 90, "3.{minor} has {known}");
            for name in [
                "LOAD_GLOBAL",
                "IMPORT_NAME",
                "POP_TOP",
                "EXTENDED_ARG",
                "MAKE_FUNCTION",
            ] {
                let times = table.iter().flatten().filter(|(n, _)| *n == name).count();
                assert_eq!(times, 1, "3.{minor} {name}");
            }
        }
        assert!(table(5).is_none() && table(15).is_none());
    }
}
