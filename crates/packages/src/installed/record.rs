//! `RECORD`: what a wheel's installer wrote, row by row, with digests and sizes.
//!
//! Python reads it by its `csv` module: fields in quotes, doubled quotes inside, line breaks allowed in quotes. A row
//! may lack digest and size (compiled files, the RECORD itself); it then says only who owns the file.

use wellhead_core::{Budget, Outcome};

/// Largest RECORD that is read; the largest of real packages has less than 4 MB.
const MAX_TEXT: usize = 256 << 20;
/// Problems that are kept one by one.
const MAX_PROBLEMS: usize = 100;
/// What a row costs beside its path.
const ROW_BYTES: u64 = 112;

/// A RECORD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its rows.
    pub rows: Vec<Row>,
    /// Rows that could not be understood.
    pub problems: Vec<RecordProblem>,
    /// How many there were; the list may hold fewer.
    pub bad_rows: u64,
    /// How the reading ended.
    pub outcome: Outcome,
}

/// What a row states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The path as written, from outside.
    pub path: String,
    /// The digest.
    pub claim: Claim,
    /// The size in bytes.
    pub size: Option<u64>,
    /// The line it starts on, from 1.
    pub line: u32,
}

/// The digest that a row states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// None.
    None,
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-384.
    Sha384(Vec<u8>),
    /// SHA-512.
    Sha512(Vec<u8>),
    /// One that proves nothing, or is not known, by its name.
    Unusable(String),
}

/// A row that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProblem {
    /// The line it starts on, from 1.
    pub line: u32,
    /// What is wrong, without a full stop.
    pub message: &'static str,
}

/// Where a row points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// To a path below the prefix, with `/`.
    Inside(String),
    /// Out of the prefix.
    Outside,
}

/// Reads a RECORD.
pub fn read_record(text: &str, budget: &mut Budget) -> Record {
    let mut record = Record {
        rows: Vec::new(),
        problems: Vec::new(),
        bad_rows: 0,
        outcome: Outcome::Analysed,
    };
    if text.len() > MAX_TEXT {
        record.outcome = Outcome::NotAnalysed {
            why: format!("a RECORD of {} bytes", text.len()),
        };
        return record;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = Rows {
        rest: text.as_bytes(),
        text,
        line: 1,
    };
    loop {
        let line = rows.line;
        let Some((fields, count)) = rows.next_row() else {
            break;
        };
        let [path, digest, size] = fields;
        let paid = budget
            .steps(1)
            .and_then(|()| budget.memory(ROW_BYTES.saturating_add(path.len() as u64)));
        if let Err(why) = paid {
            record.outcome = Outcome::Partly { why: why.to_string() };
            break;
        }
        if count == 1 && path.is_empty() {
            continue;
        }
        match row(path, &digest, &size, count, line) {
            Ok(row) => record.rows.push(row),
            Err(message) => {
                record.bad_rows = record.bad_rows.saturating_add(1);
                if record.problems.len() < MAX_PROBLEMS {
                    record.problems.push(RecordProblem { line, message });
                }
            }
        }
    }
    record
}

fn row(path: String, digest: &str, size: &str, count: usize, line: u32) -> Result<Row, &'static str> {
    if path.is_empty() {
        return Err("a row without a path");
    }
    if count > 3 {
        return Err("a row of more than three fields");
    }
    let size = match size.trim() {
        "" => None,
        size => Some(size.parse().map_err(|_| "a size that is no number")?),
    };
    let claim = claim(digest.trim())?;
    Ok(Row {
        path,
        claim,
        size,
        line,
    })
}

fn claim(text: &str) -> Result<Claim, &'static str> {
    if text.is_empty() {
        return Ok(Claim::None);
    }
    let (algorithm, value) = text.split_once('=').ok_or("a digest without an algorithm")?;
    // Some builders wrote digits instead of the base64 that is due.
    let bytes = match (algorithm, hex(value)) {
        ("sha256", Some(bytes)) => bytes,
        _ => base64(value).ok_or("a digest that is not base64")?,
    };
    let sized = |n: usize| -> Result<Vec<u8>, &'static str> {
        (bytes.len() == n)
            .then(|| bytes.clone())
            .ok_or("a digest of the wrong length")
    };
    match algorithm.to_ascii_lowercase().as_str() {
        "sha256" => {
            let bytes: Result<[u8; 32], _> = sized(32)?.try_into();
            bytes
                .map(Claim::Sha256)
                .map_err(|_| "a digest of the wrong length")
        }
        "sha384" => sized(48).map(Claim::Sha384),
        "sha512" => sized(64).map(Claim::Sha512),
        other => Ok(Claim::Unusable(other.chars().take(20).collect())),
    }
}

/// The 64 hexadecimal digits of a SHA-256.
fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// base64 of either alphabet, with or without padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len().saturating_mul(3) / 4);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for b in text.bytes() {
        let value = match b {
            b'A'..=b'Z' => b.wrapping_sub(b'A'),
            b'a'..=b'z' => b.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => b.wrapping_sub(b'0').wrapping_add(52),
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(value);
        bits = bits.wrapping_add(6);
        if bits >= 8 {
            bits = bits.wrapping_sub(8);
            out.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
        held &= 0xffff;
    }
    Some(out)
}

struct Rows<'a> {
    rest: &'a [u8],
    text: &'a str,
    line: u32,
}

impl Rows<'_> {
    /// The first three fields of the next row, and how many it has.
    fn next_row(&mut self) -> Option<([String; 3], usize)> {
        if self.rest.is_empty() {
            return None;
        }
        let mut fields: [String; 3] = Default::default();
        let mut count = 0_usize;
        loop {
            let (field, more) = self.field();
            if let Some(slot) = fields.get_mut(count) {
                *slot = field;
            }
            count = count.saturating_add(1);
            if !more {
                return Some((fields, count));
            }
        }
    }

    fn at(&self) -> usize {
        self.text.len().saturating_sub(self.rest.len())
    }

    /// One field, and whether another follows in the row.
    fn field(&mut self) -> (String, bool) {
        if self.rest.first() != Some(&b'"') {
            let end = self
                .rest
                .iter()
                .position(|b| matches!(b, b',' | b'\n' | b'\r'))
                .unwrap_or(self.rest.len());
            let at = self.at();
            let field = self.text.get(at..at.saturating_add(end)).unwrap_or_default();
            self.rest = self.rest.get(end..).unwrap_or_default();
            return (field.to_owned(), self.separator());
        }
        let mut field = String::new();
        self.rest = self.rest.get(1..).unwrap_or_default();
        loop {
            let at = self.at();
            let end = self
                .rest
                .iter()
                .position(|b| *b == b'"')
                .unwrap_or(self.rest.len());
            let part = self.text.get(at..at.saturating_add(end)).unwrap_or_default();
            self.count_lines(part.as_bytes());
            field.push_str(part);
            self.rest = self.rest.get(end.saturating_add(1)..).unwrap_or_default();
            if self.rest.first() != Some(&b'"') {
                break;
            }
            field.push('"');
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        // As `csv` does: what follows the closing quote belongs to the field.
        let end = self
            .rest
            .iter()
            .position(|b| matches!(b, b',' | b'\n' | b'\r'))
            .unwrap_or(self.rest.len());
        let at = self.at();
        field.push_str(self.text.get(at..at.saturating_add(end)).unwrap_or_default());
        self.rest = self.rest.get(end..).unwrap_or_default();
        (field, self.separator())
    }

    fn count_lines(&mut self, part: &[u8]) {
        let lines = part.iter().filter(|b| **b == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
    }

    fn separator(&mut self) -> bool {
        let (skip, more) = match self.rest {
            [b',', ..] => (1, true),
            [b'\r', b'\n', ..] => (2, false),
            [b'\r' | b'\n', ..] => (1, false),
            _ => (0, false),
        };
        if !more {
            self.line = self.line.saturating_add(1);
        }
        self.rest = self.rest.get(skip..).unwrap_or_default();
        more
    }
}

/// Where a row of a RECORD points that lies in the folder `site` of the prefix; `prefix` is the prefix itself, for
/// rows with an absolute path. On Windows a backslash separates too.
pub fn resolve(prefix: &str, site: &str, row: &str, windows: bool) -> Placement {
    let separators: &[char] = if windows { &['/', '\\'] } else { &['/'] };
    let absolute = row.starts_with(separators) || (windows && row.as_bytes().get(1) == Some(&b':'));
    let (base, row) = if absolute {
        let inside = row
            .strip_prefix(prefix)
            .filter(|rest| !prefix.is_empty() && rest.starts_with(separators));
        match inside {
            Some(rest) => ("", rest),
            None => return Placement::Outside,
        }
    } else {
        (site, row)
    };
    let mut parts: Vec<&str> = base.split('/').filter(|p| !p.is_empty()).collect();
    for part in row.split(separators) {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Placement::Outside;
                }
            }
            part => parts.push(part),
        }
    }
    Placement::Inside(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_read_as_python_reads_them() {
        let text = "a/b.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\"x,\"\"y\"\".py\",,\r\n\nR/RECORD,,\nm.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,0\n";
        let record = read_record(text, &mut Budget::default());
        let shown: Vec<_> = record
            .rows
            .iter()
            .map(|r| {
                (
                    r.line,
                    r.path.as_str(),
                    r.size,
                    matches!(r.claim, Claim::Sha256(_)),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (1, "a/b.py", Some(0), true),
                (2, "x,\"y\".py", None, false),
                (4, "R/RECORD", None, false),
                (5, "m.py", Some(0), false),
            ]
        );
        assert_eq!(record.rows[3].claim, Claim::Unusable("md5".to_owned()));
        let empty = wellhead_core::Digest::sha256(b"").hex;
        let Claim::Sha256(bytes) = record.rows[0].claim else {
            panic!()
        };
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, empty);
    }

    #[test]
    fn a_row_that_cannot_be_used_is_a_problem_and_never_a_gap() {
        for (text, message) in [
            ("a,sha256=!!,1\n", "a digest that is not base64"),
            ("a,sha256=AAAA,1\n", "a digest of the wrong length"),
            ("a,sha256,1\n", "a digest without an algorithm"),
            ("a,,x\n", "a size that is no number"),
            ("a,,1,more\n", "a row of more than three fields"),
            (",,1\n", "a row without a path"),
        ] {
            let record = read_record(text, &mut Budget::default());
            assert_eq!(record.problems[0].message, message, "{text}");
            assert!(record.rows.is_empty(), "{text}");
        }
    }

    #[test]
    fn rows_stay_in_the_prefix_or_are_said_to_leave_it() {
        let inside = |p: &str| Placement::Inside(p.to_owned());
        let site = "lib/python3.12/site-packages";
        for (row, expected) in [
            ("a/b.py", inside("lib/python3.12/site-packages/a/b.py")),
            ("../../../bin/tool", inside("bin/tool")),
            ("../../../etc/jupyter/x.json", inside("etc/jupyter/x.json")),
            ("../../../../etc/cron.d/x", Placement::Outside),
            ("/etc/passwd", Placement::Outside),
            ("/venv/bin/x", inside("bin/x")),
            ("/venvx/bin/x", Placement::Outside),
            ("a/../../../../../x", Placement::Outside),
        ] {
            assert_eq!(resolve("/venv", site, row, false), expected, "{row}");
        }
        assert_eq!(
            resolve("C:\\v", "Lib/site-packages", "..\\..\\Scripts\\x.exe", true),
            inside("Scripts/x.exe")
        );
        assert_eq!(
            resolve("C:\\v", "Lib/site-packages", "D:\\x", true),
            Placement::Outside
        );
    }

    #[test]
    fn a_million_rows_end_in_an_outcome() {
        let text = "a.py,,\n".repeat(1_000_000);
        let record = read_record(&text, &mut Budget::default());
        assert!(record.rows.len() == 1_000_000 || matches!(record.outcome, Outcome::Partly { .. }));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>(), row in any::<String>()) {
            read_record(&text, &mut Budget::default());
            resolve("/v", "lib/site-packages", &row, true);
        }
    }
}
