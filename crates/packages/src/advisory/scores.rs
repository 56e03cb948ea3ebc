//! FIRST's estimates of how likely a vulnerability is to be attacked within thirty days (EPSS), joined to advisories by
//! their CVE.

use super::exploited::{TableError, day};
use flate2::read::MultiGzDecoder;
use std::io::Read as _;
use wellhead_core::{Budget, Digest};

/// An estimate, in hundred-thousandths: the precision in which they are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epss {
    /// The probability.
    pub score: u32,
    /// The share of vulnerabilities that have at most this probability.
    pub percentile: u32,
}

impl Epss {
    /// The probability, 0 to 1.
    pub fn probability(self) -> f64 {
        f64::from(self.score) / WHOLE
    }

    /// The share of vulnerabilities that have at most this probability, 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.percentile) / WHOLE
    }
}

const WHOLE: f64 = 100_000.0;
/// Most text that a compressed table may hold; that of 300,000 vulnerabilities has 9 MB.
const MAX_TEXT: u64 = 256 << 20;
/// How much is inflated at a time.
const CHUNK: u64 = 1 << 20;

/// The table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scores {
    /// The day of the estimates; may be empty.
    pub date: String,
    /// The version of the model that made them; may be empty.
    pub model: String,
    /// Digest of the file.
    pub digest: Digest,
    /// Lines that could not be read.
    pub unreadable: u64,
    /// By year and number.
    rows: Vec<((u32, u32), Epss)>,
}

impl Scores {
    /// Whether a file looks like the table, compressed or not.
    pub fn is_one(bytes: &[u8]) -> bool {
        let mut head = Vec::new();
        let plain = if is_gzip(bytes) {
            // What does not inflate says nothing, and is then no table.
            let _ = MultiGzDecoder::new(bytes).take(256).read_to_end(&mut head);
            head.as_slice()
        } else {
            bytes.get(..bytes.len().min(256)).unwrap_or_default()
        };
        let text = String::from_utf8_lossy(plain).to_ascii_lowercase();
        text.starts_with("#model_version") || text.starts_with("cve,epss")
    }

    /// Reads the table: comma-separated, with a comment that names model and day, compressed with gzip or not.
    ///
    /// # Errors
    /// When it is none, or reading it costs more than `budget` allows.
    pub fn read(bytes: &[u8], budget: &mut Budget) -> Result<Self, TableError> {
        let digest = Digest::sha256(bytes);
        let inflated;
        let text = if is_gzip(bytes) {
            inflated = inflate(bytes, budget)?;
            inflated.as_slice()
        } else {
            bytes
        };
        let text = std::str::from_utf8(text)
            .map_err(|_| TableError::Shape("the table of scores is not UTF-8".to_owned()))?;
        Self::parse(text, digest, budget)
    }

    fn parse(text: &str, digest: Digest, budget: &mut Budget) -> Result<Self, TableError> {
        budget.steps(text.len() as u64)?;
        let mut out = Self {
            date: String::new(),
            model: String::new(),
            digest,
            unreadable: 0,
            rows: Vec::new(),
        };
        let mut columns: Option<[usize; 3]> = None;
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            if let Some(comment) = line.strip_prefix('#') {
                out.comment(comment);
                continue;
            }
            let Some([cve_at, score_at, percentile_at]) = columns else {
                columns = Some(header(line).ok_or_else(|| {
                    TableError::Shape(
                        "the table of scores has no columns `cve`, `epss` and `percentile`".to_owned(),
                    )
                })?);
                continue;
            };
            let cell = |at: usize| line.split(',').nth(at).map(|c| c.trim().trim_matches('"'));
            let row = (|| {
                let id = cve(cell(cve_at)?)?;
                let score = share(cell(score_at)?)?;
                let percentile = share(cell(percentile_at)?)?;
                Some((id, Epss { score, percentile }))
            })();
            match row {
                Some(row) => {
                    if out.rows.len() == out.rows.capacity() {
                        budget.memory((out.rows.len().max(64) as u64).saturating_mul(16))?;
                    }
                    out.rows.push(row);
                }
                None => out.unreadable = out.unreadable.saturating_add(1),
            }
        }
        if out.rows.is_empty() || out.unreadable > out.rows.len() as u64 {
            return Err(TableError::Shape(format!(
                "the table of scores has {} lines that can be read and {} that cannot",
                out.rows.len(),
                out.unreadable
            )));
        }
        out.rows.sort_unstable();
        Ok(out)
    }

    /// `model_version:v2025.03.14,score_date:2025-11-03T00:00:00+0000`
    fn comment(&mut self, comment: &str) {
        for part in comment.split(',') {
            match part.trim().split_once(':') {
                Some(("model_version", v)) => self.model = v.trim().chars().take(40).collect(),
                Some(("score_date", v)) => self.date = day(Some(v.trim())),
                _ => {}
            }
        }
    }

    /// How many vulnerabilities it rates.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it rates none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The estimate for a vulnerability.
    pub fn get(&self, id: &str) -> Option<Epss> {
        let key = cve(id)?;
        let at = self.rows.binary_search_by(|(k, _)| k.cmp(&key)).ok()?;
        self.rows.get(at).map(|(_, epss)| *epss)
    }
}

fn inflate(bytes: &[u8], budget: &mut Budget) -> Result<Vec<u8>, TableError> {
    let damaged = "the table of scores does not inflate: it is cut off or damaged";
    let mut out = Vec::new();
    let mut from = MultiGzDecoder::new(bytes);
    loop {
        budget.memory(CHUNK)?;
        budget.expanded(CHUNK)?;
        let read = from
            .by_ref()
            .take(CHUNK)
            .read_to_end(&mut out)
            .map_err(|_| TableError::Shape(damaged.to_owned()))?;
        if read == 0 {
            return Ok(out);
        }
        if out.len() as u64 > MAX_TEXT {
            return Err(TableError::Shape("the table of scores is too large".to_owned()));
        }
    }
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Where the three columns are.
fn header(line: &str) -> Option<[usize; 3]> {
    let at = |name: &str| {
        line.split(',')
            .position(|c| c.trim().trim_matches('"').eq_ignore_ascii_case(name))
    };
    Some([at("cve")?, at("epss")?, at("percentile")?])
}

/// Year and number of `CVE-2025-32434`.
pub(super) fn cve(id: &str) -> Option<(u32, u32)> {
    let rest = id
        .get(..4)
        .filter(|p| p.eq_ignore_ascii_case("CVE-"))
        .and_then(|_| id.get(4..))?;
    let (year, number) = rest.split_once('-')?;
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(year) || !digits(number) {
        return None;
    }
    Some((year.parse().ok()?, number.parse().ok()?))
}

fn share(text: &str) -> Option<u32> {
    let value: f64 = text.parse().ok()?;
    // In 0..=100,000 by the check, so the cast only drops what rounding left at zero.
    (0.0..=1.0)
        .contains(&value)
        .then(|| (value * WHOLE).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;

    const TEXT: &str = "#model_version:v2025.03.14,score_date:2025-11-03T00:00:00+0000\ncve,epss,percentile\nCVE-2025-32434,0.00043,0.12345\nCVE-1999-0001,1.0,1\nCVE-x,1,1\n";

    fn read(bytes: &[u8]) -> Result<Scores, TableError> {
        Scores::read(bytes, &mut Budget::default())
    }

    #[test]
    fn the_table_is_read_plain_and_compressed() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(TEXT.as_bytes()).unwrap();
        let gz = gz.finish().unwrap();
        for bytes in [TEXT.as_bytes(), &gz, TEXT.replace('\n', "\r\n").as_bytes()] {
            assert!(Scores::is_one(bytes));
            let scores = read(bytes).unwrap();
            assert_eq!(
                (scores.date.as_str(), scores.model.as_str()),
                ("2025-11-03", "v2025.03.14")
            );
            assert_eq!((scores.len(), scores.unreadable), (2, 1));
            let epss = scores.get("CVE-2025-32434").unwrap();
            assert_eq!((epss.probability(), epss.share()), (0.00043, 0.12345));
            assert_eq!(scores.get("cve-1999-1").unwrap().score, 100_000);
            assert_eq!(scores.get("CVE-2025-1"), None);
        }
        assert!(
            read(&gz[..gz.len() / 2])
                .unwrap_err()
                .to_string()
                .contains("inflate")
        );
    }

    #[test]
    fn what_is_no_table_says_so() {
        for bad in [
            "",
            "a,b\n1,2\n",
            "cve,epss,percentile\n",
            "cve,epss,percentile\nCVE-2025-1,2.0,0\n",
            "cve,epss,percentile\nCVE-2025-1,NaN,0\n",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in any::<Vec<u8>>(), text in "(#m:x\n)?cve,epss,percentile\n([CVE0-9,.-]{0,30}\n){0,9}") {
            let _ = read(&bytes);
            let _ = read(text.as_bytes());
        }
    }
}
