//! One record of the database: what decides whether it applies, apart from what it says, which is read only if it does.

use super::{
    Advisory, Affected, Epss, MatchedBy, Rated, Threat,
    codec::{Malformed, Reader, Writer},
    database::{About, DatabaseError, TableInfo},
    range::{Event, EventKind, Line, VersionRange},
};
use crate::version::PyVersion;
use std::{collections::BTreeMap, ops::Range};
use wellhead_core::{Budget, Severity};

const MALICIOUS: u8 = 1;
const EXPLOITED: u8 = 2;
const SCORED: u8 = 4;
const NO_SCORE: u8 = 255;

/// What decides whether a record applies.
pub(super) struct Record {
    /// Runs of listed versions in the package's table: the first and how many.
    runs: Vec<(usize, usize)>,
    pub(super) lines: Vec<Line>,
    flags: u8,
    pub(super) malicious: bool,
    /// It condemns the package as a whole: a report of malicious code without a list of versions, and without a range
    /// that ends.
    pub(super) by_name: bool,
    /// Where its texts lie in the block.
    texts: Range<usize>,
}

impl Record {
    fn lists(&self, place: Option<usize>) -> bool {
        place.is_some_and(|at| {
            self.runs
                .iter()
                .any(|(start, len)| at >= *start && at.saturating_sub(*start) < *len)
        })
    }

    /// How it applies to a version that stands in this place of the package's table.
    pub(super) fn applies(&self, version: &PyVersion, place: Option<usize>) -> Option<MatchedBy> {
        if self.lists(place) {
            return Some(MatchedBy::Version);
        }
        if self.by_name {
            return Some(MatchedBy::Name);
        }
        let public = version.public()?;
        self.lines.iter().filter_map(|l| l.matched(public)).min()
    }
}

/// What a record says.
pub(super) struct Texts {
    pub(super) id: String,
    pub(super) aliases: Vec<String>,
    pub(super) summary: String,
    pub(super) rated: Rated,
    pub(super) published: String,
    modified: String,
    pub(super) threat: Threat,
}

type Runs = Vec<(usize, usize)>;

/// What stands before the texts: runs, ranges, flags.
fn read_head(from: &mut Reader<'_>) -> Result<(Runs, Vec<VersionRange>, u8), Malformed> {
    let n = from.count()?;
    let runs = (0..n)
        .map(|_| Ok((from.number()?, from.number()?)))
        .collect::<Result<_, Malformed>>()?;
    let n = from.count()?;
    let mut ranges = Vec::with_capacity(n.min(16));
    for _ in 0..n {
        let m = from.count()?;
        let mut events = Vec::with_capacity(m.min(16));
        for _ in 0..m {
            let kind = match from.byte()? {
                0 => EventKind::Fixed,
                1 => EventKind::Introduced,
                2 => EventKind::LastAffected,
                _ => return Err(Malformed),
            };
            let version = from.text()?.to_owned();
            events.push(Event { kind, version });
        }
        ranges.push(VersionRange { events });
    }
    Ok((runs, ranges, from.byte()?))
}

pub(super) fn read_record(mut from: Reader<'_>, raw: &[u8]) -> Result<Record, Malformed> {
    let (runs, ranges, flags) = read_head(&mut from)?;
    let malicious = flags & MALICIOUS != 0;
    let from_the_beginning = |e: &Event| e.kind == EventKind::Introduced && e.version == "0";
    let endless = ranges.iter().all(|r| r.events.iter().all(from_the_beginning));
    Ok(Record {
        by_name: malicious && runs.is_empty() && endless,
        lines: ranges.iter().map(VersionRange::line).collect(),
        runs,
        flags,
        malicious,
        texts: from.place_in(raw),
    })
}

impl Texts {
    pub(super) fn read(record: &Record, raw: &[u8]) -> Result<Self, Malformed> {
        let from = Reader::new(raw.get(record.texts.clone()).ok_or(Malformed)?);
        Self::from(from, record.flags)
    }

    fn from(mut from: Reader<'_>, flags: u8) -> Result<Self, Malformed> {
        let mut threat = Threat::default();
        if flags & EXPLOITED != 0 {
            threat.exploited = Some(from.text()?.to_owned());
        }
        if flags & SCORED != 0 {
            let mut number = || u32::try_from(from.number()?).map_err(|_| Malformed);
            threat.epss = Some(Epss {
                score: number()?,
                percentile: number()?,
            });
        }
        let tenths = Some(from.byte()?).filter(|t| *t <= 100);
        let word = match from.byte()? {
            0 => Some(Severity::Info),
            1 => Some(Severity::Low),
            2 => Some(Severity::Medium),
            3 => Some(Severity::High),
            4 => Some(Severity::Critical),
            _ => None,
        };
        let id = from.text()?.to_owned();
        let aliases = from.texts()?;
        let summary = from.text()?.to_owned();
        let vector = Some(from.text()?.to_owned()).filter(|v| !v.is_empty());
        Ok(Self {
            id,
            aliases,
            summary,
            rated: Rated { tenths, word, vector },
            published: from.text()?.to_owned(),
            modified: from.text()?.to_owned(),
            threat,
        })
    }
}

/// Reads one package and adds what is said of it to the advisories.
pub(super) fn read_package(
    mut part: Reader<'_>,
    raw: &[u8],
    all: &mut BTreeMap<String, Advisory>,
    budget: &mut Budget,
) -> Result<(), DatabaseError> {
    let name = part.text()?.to_owned();
    let versions = part.texts()?;
    let n = part.count()?;
    for _ in 0..n {
        let mut from = part.part()?;
        let (runs, ranges, flags) = read_head(&mut from)?;
        let texts = Texts::from(
            Reader::new(raw.get(from.place_in(raw)).unwrap_or_default()),
            flags,
        )?;
        let mut listed = Vec::new();
        for (start, len) in runs {
            let some = versions.iter().skip(start).take(len);
            budget.memory((some.len() as u64).saturating_mul(32))?;
            listed.extend(some.cloned());
        }
        let affected = Affected {
            ecosystem: "PyPI".to_owned(),
            name: name.clone(),
            versions: listed,
            ranges,
        };
        let advisory = all.entry(texts.id.clone()).or_insert_with(|| Advisory {
            id: texts.id,
            aliases: texts.aliases,
            summary: texts.summary,
            rated: texts.rated,
            published: texts.published,
            modified: texts.modified,
            withdrawn: false,
            malicious: flags & MALICIOUS != 0,
            affected: Vec::new(),
        });
        advisory.affected.push(affected);
    }
    Ok(())
}

/// Writes one record; `runs` are those of its listed versions in the package's table.
pub(super) fn write_record(
    advisory: &Advisory,
    runs: &[(usize, usize)],
    ranges: &[&VersionRange],
    threat: &Threat,
) -> Writer {
    let mut out = Writer::default();
    out.number(runs.len());
    for (start, len) in runs {
        out.number(*start);
        out.number(*len);
    }
    out.number(ranges.len());
    for range in ranges {
        out.number(range.events.len());
        for event in &range.events {
            out.byte(match event.kind {
                EventKind::Fixed => 0,
                EventKind::Introduced => 1,
                EventKind::LastAffected => 2,
            });
            out.text(&event.version);
        }
    }
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.byte(
        flag(advisory.malicious, MALICIOUS)
            | flag(threat.exploited.is_some(), EXPLOITED)
            | flag(threat.epss.is_some(), SCORED),
    );
    if let Some(due) = &threat.exploited {
        out.text(due);
    }
    if let Some(epss) = threat.epss {
        out.number(epss.score as usize);
        out.number(epss.percentile as usize);
    }
    out.byte(advisory.rated.tenths.unwrap_or(NO_SCORE));
    out.byte(advisory.rated.word.map_or(NO_SCORE, |w| match w {
        Severity::Info => 0,
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }));
    out.text(&advisory.id);
    out.texts(advisory.aliases.iter());
    out.text(&advisory.summary);
    out.text(advisory.rated.vector.as_deref().unwrap_or_default());
    out.text(&advisory.published);
    out.text(&advisory.modified);
    out
}

/// Writes what a database says of itself.
pub(super) fn write_about(about: &About) -> Writer {
    let mut out = Writer::default();
    for text in [&about.date, &about.newest, &about.source, &about.mark] {
        out.text(text);
    }
    for count in [
        about.records,
        about.malicious,
        about.withdrawn,
        about.kinds.len() as u64,
    ] {
        out.number(usize::try_from(count).unwrap_or(usize::MAX));
    }
    for (kind, count) in &about.kinds {
        out.text(kind);
        out.number(usize::try_from(*count).unwrap_or(usize::MAX));
    }
    for table in [&about.exploited, &about.scores] {
        out.byte(u8::from(table.is_some()));
        if let Some(table) = table {
            out.text(&table.date);
            out.text(&table.digest);
            out.number(usize::try_from(table.rows).unwrap_or(usize::MAX));
            out.number(usize::try_from(table.joined).unwrap_or(usize::MAX));
        }
    }
    out.number(usize::try_from(about.unreadable).unwrap_or(usize::MAX));
    out
}

/// Reads what a database says of itself.
pub(super) fn read_about(mut from: Reader<'_>) -> Result<About, Malformed> {
    let mut text = || from.text().map(str::to_owned);
    let (date, newest, source, mark) = (text()?, text()?, text()?, text()?);
    let mut count = || from.number().map(|n| n as u64);
    let (records, malicious, withdrawn) = (count()?, count()?, count()?);
    let n = from.count()?;
    let mut kinds = BTreeMap::new();
    for _ in 0..n {
        let kind = from.text()?.to_owned();
        kinds.insert(kind, from.number()? as u64);
    }
    let mut table = || {
        if from.byte()? == 0 {
            return Ok(None);
        }
        Ok::<_, Malformed>(Some(TableInfo {
            date: from.text()?.to_owned(),
            digest: from.text()?.to_owned(),
            rows: from.number()? as u64,
            joined: from.number()? as u64,
        }))
    };
    Ok(About {
        exploited: table()?,
        scores: table()?,
        unreadable: from.number()? as u64,
        date,
        newest,
        source,
        mark,
        records,
        malicious,
        withdrawn,
        kinds,
    })
}
