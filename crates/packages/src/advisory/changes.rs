//! OSV's list of when each record was last changed: `modified_id.csv`, a timestamp and an identifier a line.

use super::exploited::TableError;
use wellhead_core::{Budget, Exhausted};

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// When, and which record, in the order of the file.
    pub rows: Vec<(String, String)>,
    /// Lines that could not be read.
    pub unreadable: u64,
}

impl Changes {
    /// Reads the list.
    ///
    /// # Errors
    /// When it is none, or reading it costs more than `budget` allows.
    pub fn read(bytes: &[u8], budget: &mut Budget) -> Result<Self, TableError> {
        budget.steps(bytes.len() as u64)?;
        let text = std::str::from_utf8(bytes)
            .map_err(|_| TableError::Shape("the list of changes is not UTF-8".to_owned()))?;
        let mut out = Self::default();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let row = line
                .split_once(',')
                .and_then(|(stamp, id)| Some((instant(stamp.trim())?, id.trim())));
            match row {
                Some((stamp, id)) if is_id(id) => {
                    if out.rows.len() == out.rows.capacity() {
                        pay(out.rows.len(), budget)?;
                    }
                    out.rows.push((stamp, id.to_owned()));
                }
                _ => out.unreadable = out.unreadable.saturating_add(1),
            }
        }
        if out.unreadable > out.rows.len() as u64 || out.rows.is_empty() {
            return Err(TableError::Shape(format!(
                "the list of changes has {} lines that can be read and {} that cannot",
                out.rows.len(),
                out.unreadable
            )));
        }
        Ok(out)
    }

    /// The records that changed after an instant.
    pub fn since<'a>(&'a self, mark: &'a str) -> impl Iterator<Item = &'a str> {
        self.rows
            .iter()
            .filter(move |(stamp, _)| stamp.as_str() > mark)
            .map(|(_, id)| id.as_str())
    }

    /// The newest instant that is not after the day `today`: records may claim to be of the future, and a mark there
    /// would hide every change until then.
    pub fn newest(&self, today: &str) -> Option<&str> {
        self.rows
            .iter()
            .map(|(stamp, _)| stamp.as_str())
            .filter(|stamp| stamp.get(..10).is_some_and(|day| day <= today))
            .max()
    }
}

fn pay(rows: usize, budget: &mut Budget) -> Result<(), Exhausted> {
    budget.memory((rows.max(64) as u64).saturating_mul(96))
}

/// A timestamp whose order is that of its text: in UTC, without the letter that would stand in the way of fractions.
fn instant(stamp: &str) -> Option<String> {
    let plain = stamp
        .strip_suffix(['Z', 'z'])
        .or_else(|| stamp.strip_suffix("+00:00"))?;
    let shape: String = plain
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .take(41)
        .collect();
    let fraction = shape.strip_prefix("0000-00-00T00:00:00")?;
    let whole = fraction.is_empty()
        || fraction
            .strip_prefix('.')
            .is_some_and(|d| !d.is_empty() && d.len() <= 12 && d.bytes().all(|b| b == b'0'));
    whole.then(|| plain.to_owned())
}

/// Whether a text can be a record's identifier and a part of an address: nothing in it leads elsewhere.
pub fn is_id(id: &str) -> bool {
    id.len() <= 128
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_list_is_read_and_what_leads_elsewhere_is_not() {
        let text = "2027-07-09T00:00:00Z,PYSEC-2027-1\n2026-11-03T10:00:00.5Z,GHSA-a\r\n2026-11-03T10:00:00Z,MAL-2026-1\n2026-11-01T00:00:00Z,../x\nsoon,PYSEC-2\n";
        let all = Changes::read(text.as_bytes(), &mut Budget::default()).unwrap();
        assert_eq!((all.rows.len(), all.unreadable), (3, 2));
        assert_eq!(all.newest("2026-11-23"), Some("2026-11-03T10:00:00.5"));
        let since: Vec<_> = all.since("2026-11-03T10:00:00").collect();
        assert_eq!(since, ["PYSEC-2027-1", "GHSA-a"]);
        for bad in ["", "<html>\n<body>", "a,b\n"] {
            assert!(Changes::read(bad.as_bytes(), &mut Budget::default()).is_err());
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in any::<Vec<u8>>(), text in "([0-9TZ:.-]{0,30},[A-Z0-9-]{0,9}\n){0,9}") {
            let _ = Changes::read(&bytes, &mut Budget::default());
            let _ = Changes::read(text.as_bytes(), &mut Budget::default());
        }
    }
}
