//! What stands where: errors before warnings before notes, findings of one rule together, packages in tables.

use crate::packages;
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{Finding, Report, Severity, Verdict};

/// What a finding does to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Fails it.
    Error,
    /// Does not.
    Warning,
    /// There is nothing to do.
    Note,
}

impl Class {
    pub(crate) fn of(finding: &Finding, fail_on: Option<Severity>) -> Self {
        if Verdict::fails(finding, fail_on) {
            Self::Error
        } else if finding.severity == Severity::Info {
            Self::Note
        } else {
            Self::Warning
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Findings that are shown together.
pub(crate) enum Block<'a> {
    /// Findings of one rule and class, each a snippet.
    Snippets {
        /// The class of all of them.
        class: Class,
        /// In the report's order.
        findings: Vec<&'a Finding>,
    },
    /// Advisories of the packages that one file declares.
    Packages {
        /// The worst class among them.
        class: Class,
        /// In the report's order.
        findings: Vec<&'a Finding>,
        /// Other files that declare the same packages, with the same advisories: a lock and its exports.
        also: Vec<String>,
    },
}

/// The blocks in the order in which they are shown; within a class, as their first findings stand in the report.
pub(crate) fn blocks(report: &Report) -> Vec<Block<'_>> {
    let fail_on = report.verdict.fail_on;
    let mut tables: BTreeMap<(&str, String), Vec<(usize, &Finding)>> = BTreeMap::new();
    for (i, finding) in report.reported().enumerate().filter(|(_, f)| packages::fits(f)) {
        let artifact = finding
            .primary()
            .map(|l| l.artifact.to_string())
            .unwrap_or_default();
        tables
            .entry((finding.rule.as_ref(), artifact))
            .or_default()
            .push((i, finding));
    }
    // A table of one row says less than a snippet.
    tables.retain(|_, rows| rows.len() > 1);
    let in_tables: BTreeSet<usize> = tables.values().flatten().map(|(i, _)| *i).collect();

    let mut rest: BTreeMap<(Class, &str), (usize, Vec<&Finding>)> = BTreeMap::new();
    for (i, finding) in report
        .reported()
        .enumerate()
        .filter(|(i, _)| !in_tables.contains(i))
    {
        let key = (Class::of(finding, fail_on), finding.rule.as_ref());
        rest.entry(key).or_insert_with(|| (i, Vec::new())).1.push(finding);
    }

    let mut blocks = Vec::new();
    for ((class, _), (first, findings)) in rest {
        blocks.push(((class, false, first), Block::Snippets { class, findings }));
    }
    for Table {
        first,
        class,
        findings,
        also,
    } in alike(tables, fail_on)
    {
        blocks.push((
            (class, true, first),
            Block::Packages {
                class,
                findings,
                also,
            },
        ));
    }
    blocks.sort_by_key(|(key, _)| *key);
    blocks.into_iter().map(|(_, block)| block).collect()
}

/// The packages of one file, and the files that say the same.
struct Table<'a> {
    first: usize,
    class: Class,
    findings: Vec<&'a Finding>,
    also: Vec<String>,
}

type Rows<'a> = Vec<(usize, &'a Finding)>;
/// A rule, and the package, version and advisory of each of its findings in one file.
type Said<'a> = (&'a str, BTreeSet<[&'a str; 3]>);

/// One table for files with the same rows. The file that knows what needs the packages is the one that is shown.
fn alike<'a>(tables: BTreeMap<(&'a str, String), Rows<'a>>, fail_on: Option<Severity>) -> Vec<Table<'a>> {
    let mut same: BTreeMap<Said<'_>, Vec<(String, Rows<'_>)>> = BTreeMap::new();
    for ((rule, artifact), rows) in tables {
        let said = rows
            .iter()
            .map(|(_, f)| {
                ["package", "version", "advisory"].map(|key| packages::text(f, key).unwrap_or_default())
            })
            .collect();
        same.entry((rule, said)).or_default().push((artifact, rows));
    }
    same.into_values()
        .filter_map(|mut files| {
            let all = || files.iter().flat_map(|(_, rows)| rows);
            let class = all().map(|(_, f)| Class::of(f, fail_on)).min()?;
            let first = all().map(|(i, _)| *i).min()?;
            let needed = |rows: &Rows<'_>| {
                rows.iter()
                    .filter(|(_, f)| f.properties.contains_key("via") || f.properties.contains_key("direct"))
                    .count()
            };
            files.sort_by_key(|(_, rows)| std::cmp::Reverse(needed(rows)));
            let mut files = files.into_iter();
            let (_, rows) = files.next()?;
            let findings = rows.into_iter().map(|(_, f)| f).collect();
            let also = files.map(|(artifact, _)| artifact).collect();
            Some(Table {
                first,
                class,
                findings,
                also,
            })
        })
        .collect()
}
