//! Advisories of packages: a table per file that declares them, a line per package.
//!
//! A lock of a few hundred packages can have as many advisories; what its owner needs is which packages to upgrade,
//! how far, and how bad it is. So a line shows the worst advisory, how many more there are, and the smallest version
//! that is free of all of them.

use super::{Context, ERROR, NOTE, WARNING, order::Class, versions};
use crate::text::{clean, cut, pad, plural, thousands, width};
use anstyle::Style;
use std::collections::BTreeMap;
use wellhead_core::{Finding, Measure, Severity};

/// Packages that are shown unless everything is asked for.
const MAX_PACKAGES: usize = 40;

/// Whether a finding says that an advisory names a package. A release that somebody planted (`malicious`) has a story
/// of its own and stays a snippet.
pub(super) fn fits(finding: &Finding) -> bool {
    finding.measure == Measure::Updates
        && ["package", "version", "advisory"]
            .iter()
            .all(|key| text(finding, key).is_some())
        && finding
            .properties
            .get("malicious")
            .and_then(serde_json::Value::as_bool)
            != Some(true)
}

/// The table, without a final line break.
pub(super) fn table(context: &Context<'_>, class: Class, findings: &[&Finding]) -> String {
    let rows = rows(findings);
    let Some(first) = findings.first() else {
        return String::new();
    };
    let have = if rows.len() == 1 { "has" } else { "have" };
    let title = format!(
        "{} {have} {}",
        plural(rows.len() as u64, "package", "packages"),
        plural(
            findings.len() as u64,
            "known vulnerability",
            "known vulnerabilities"
        )
    );
    let mut out = context.head(class, &first.rule, &title);
    let artifact = first
        .primary()
        .map(|l| clean(&l.artifact.to_string()))
        .unwrap_or_default();
    out.push_str(&format!("\n  {artifact}\n"));

    let verbose = context.is_verbose();
    let shown = if verbose {
        rows.len()
    } else {
        rows.len().min(MAX_PACKAGES)
    };
    let mut cells = vec![
        [
            "package",
            "version",
            "worst",
            "advisories",
            "fixed in",
            "needed by",
        ]
        .map(str::to_owned),
    ];
    cells.extend(rows.iter().take(shown).map(|r| r.cells(context)));
    let widths = widths(&cells, context.width.saturating_sub(4));
    for (i, cells) in cells.iter().enumerate() {
        let severity = i
            .checked_sub(1)
            .and_then(|i| rows.get(i))
            .map(|r| r.worst().severity);
        let line = line(context, cells, &widths, severity);
        out.push_str(&if i == 0 { context.dim(&line) } else { line });
        out.push('\n');
        if verbose && let Some(row) = i.checked_sub(1).and_then(|i| rows.get(i)) {
            out.push_str(&row.advisories(context));
        }
    }
    if rows.len() > shown {
        let rest = thousands(rows.len().saturating_sub(shown) as u64);
        out.push_str(&context.dim(&format!("    (and {rest} more packages; `-v` shows all)")));
        out.push('\n');
    }
    let mut facts = super::finding::facts(context, first, usize::MAX);
    // The table has the severity of each.
    if let Some((_, rest)) = facts.split_once(" · ") {
        facts = rest.to_owned();
    }
    out.push_str(&format!(
        "  {}: {}\n",
        context.paint(NOTE, "note"),
        context.ascii(&facts)
    ));
    if rows.iter().any(|r| r.fixed().ends_with('*')) {
        out.push_str(&format!(
            "  {}: * no release fixes all of them\n",
            context.paint(NOTE, "note")
        ));
    }
    let help = context.paint(super::HELP, "help");
    out.push_str(&format!("  {help}: upgrade to the versions under \"fixed in\""));
    if !verbose && findings.len() > rows.len() {
        out.push_str(&format!("; `-v` lists all {}", thousands(findings.len() as u64)));
    }
    out
}

/// One package with all that is known against it.
struct Row<'a> {
    name: &'a str,
    version: &'a str,
    /// Worst first; never empty.
    findings: Vec<&'a Finding>,
    first: &'a Finding,
}

fn rows<'a>(findings: &[&'a Finding]) -> Vec<Row<'a>> {
    let mut by_package: BTreeMap<(&str, &str), Vec<&'a Finding>> = BTreeMap::new();
    for finding in findings {
        let key = (
            text(finding, "package").unwrap_or_default(),
            text(finding, "version").unwrap_or_default(),
        );
        by_package.entry(key).or_default().push(finding);
    }
    let mut rows: Vec<Row<'a>> = by_package
        .into_iter()
        .filter_map(|((name, version), mut findings)| {
            findings.sort_by(|a, b| {
                let key = |f: &Finding| (f.severity, score(f));
                let order = key(b).partial_cmp(&key(a)).unwrap_or(std::cmp::Ordering::Equal);
                order.then_with(|| advisory(a).cmp(&advisory(b)))
            });
            let first = *findings.first()?;
            Some(Row {
                name,
                version,
                findings,
                first,
            })
        })
        .collect();
    rows.sort_by_key(|r| {
        (
            std::cmp::Reverse(r.worst().severity),
            std::cmp::Reverse(r.findings.len()),
            r.name,
        )
    });
    rows
}

impl Row<'_> {
    fn worst(&self) -> &Finding {
        self.first
    }

    fn cells(&self, context: &Context<'_>) -> [String; 6] {
        let mut advisories = advisory(self.worst());
        let more = self.findings.len().saturating_sub(1);
        if more > 0 {
            advisories.push_str(&format!(" +{}", thousands(more as u64)));
        }
        [
            cut(&clean(self.name), 30),
            cut(&clean(self.version), 16),
            self.worst().severity.to_string(),
            advisories,
            self.fixed(),
            context.ascii(&needed_by(self.worst())),
        ]
    }

    /// The smallest version that is free of all advisories: the greatest of the smallest fixes of each.
    fn fixed(&self) -> String {
        let mut greatest: Option<(Vec<i64>, &str)> = None;
        let mut without = 0_usize;
        for finding in &self.findings {
            match fix(finding, self.version) {
                Some(fix) if greatest.as_ref().is_none_or(|g| fix.0 > g.0) => greatest = Some(fix),
                Some(_) => {}
                None => without = without.saturating_add(1),
            }
        }
        match (greatest, without) {
            (Some((_, version)), 0) => cut(&clean(version), 16),
            (Some((_, version)), _) => format!("{}*", cut(&clean(version), 16)),
            (None, _) => "no fix".to_owned(),
        }
    }

    /// One line per advisory.
    fn advisories(&self, context: &Context<'_>) -> String {
        let mut out = String::new();
        let ids: Vec<String> = self.findings.iter().map(|f| advisory(f)).collect();
        let widest = ids.iter().map(|id| width(id)).max().unwrap_or(0).min(24);
        for (finding, id) in self.findings.iter().zip(&ids) {
            let fixed = fix(finding, self.version).map_or("no fix".to_owned(), |f| cut(&clean(f.1), 16));
            let severity = context.paint(style(finding.severity), &pad(finding.severity.name(), 8));
            let head = format!("      {}  {severity}  {}", pad(id, widest), pad(&fixed, 10));
            let summary = text(finding, "summary").map(clean).unwrap_or_default();
            // `head` may hold colours; its width without them is known from its parts.
            let used = 6_usize
                .saturating_add(widest)
                .saturating_add(2 + 8 + 2)
                .saturating_add(width(&fixed).max(10));
            let summary = cut(&summary, context.width.saturating_sub(used).saturating_sub(2));
            out.push_str(format!("{head}  {}", context.ascii(&summary)).trim_end());
            out.push('\n');
        }
        out
    }
}

/// The id that most people know: a CVE before GHSA before the database's own.
fn advisory(finding: &Finding) -> String {
    let own = text(finding, "advisory").unwrap_or_default();
    let aliases = finding
        .properties
        .get("aliases")
        .and_then(serde_json::Value::as_array);
    let mut ids = std::iter::once(own).chain(
        aliases
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_str),
    );
    let by = |prefix: &str| ids.clone().find(|id| id.starts_with(prefix));
    let id = by("CVE-")
        .or_else(|| by("GHSA-"))
        .or_else(|| ids.next())
        .unwrap_or(own);
    cut(&clean(id), 24)
}

/// The smallest fixed version above the one in use; if none can be compared, the first that is named.
fn fix<'a>(finding: &'a Finding, version: &str) -> Option<(Vec<i64>, &'a str)> {
    let fixes: Vec<&str> = match finding.properties.get("fixed")? {
        serde_json::Value::String(one) => vec![one],
        serde_json::Value::Array(many) => many.iter().filter_map(serde_json::Value::as_str).collect(),
        _ => return None,
    };
    let mut keyed: Vec<(Vec<i64>, &str)> = fixes
        .iter()
        .filter_map(|v| Some((versions::key(v)?, *v)))
        .collect();
    keyed.sort();
    let now = versions::key(version);
    let above = keyed
        .iter()
        .find(|(key, _)| now.as_ref().is_none_or(|now| key > now))
        .cloned();
    above.or_else(|| {
        fixes
            .first()
            .filter(|_| keyed.is_empty())
            .map(|v| (Vec::new(), *v))
    })
}

/// `direct`, or the chain from the nearest parent on.
fn needed_by(finding: &Finding) -> String {
    if finding
        .properties
        .get("direct")
        .and_then(serde_json::Value::as_bool)
        == Some(true)
    {
        return "direct".to_owned();
    }
    let chain: Vec<String> = match finding.properties.get("via") {
        Some(serde_json::Value::String(one)) => vec![clean(one)],
        Some(serde_json::Value::Array(many)) => many
            .iter()
            .filter_map(serde_json::Value::as_str)
            .take(3)
            .map(clean)
            .collect(),
        _ => Vec::new(),
    };
    chain.join(" ← ")
}

fn score(finding: &Finding) -> f64 {
    finding
        .properties
        .get("score")
        .and_then(serde_json::Value::as_f64)
        .unwrap_or(0.0)
}

fn text<'a>(finding: &'a Finding, key: &str) -> Option<&'a str> {
    finding.properties.get(key).and_then(serde_json::Value::as_str)
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Critical | Severity::High => ERROR,
        Severity::Medium => WARNING,
        Severity::Low | Severity::Info => Style::new(),
    }
}

/// Column widths that fit into `max`: the last column gives way, then it is dropped, then names are cut.
fn widths(cells: &[[String; 6]], max: usize) -> [usize; 6] {
    let mut widths = [0_usize; 6];
    for row in cells {
        for (have, cell) in widths.iter_mut().zip(row) {
            *have = (*have).max(width(cell));
        }
    }
    for (column, least) in [(5, 9), (5, 0), (0, 12), (3, 16)] {
        let total = widths.iter().sum::<usize>().saturating_add(2 * 5);
        let excess = total.saturating_sub(max);
        if let Some(w) = widths.get_mut(column).filter(|_| excess > 0) {
            *w = if least == 0 {
                0
            } else {
                w.saturating_sub(excess).max(least.min(*w))
            };
        }
    }
    widths
}

fn line(
    context: &Context<'_>,
    cells: &[String; 6],
    widths: &[usize; 6],
    severity: Option<Severity>,
) -> String {
    let mut out = String::from("  ");
    for (i, (cell, width)) in cells
        .iter()
        .zip(widths)
        .enumerate()
        .filter(|(_, (_, width))| **width > 0)
    {
        let padded = pad(&cut(cell, *width), *width);
        out.push_str("  ");
        match severity {
            Some(severity) if i == 2 => out.push_str(&context.paint(style(severity), &padded)),
            _ => out.push_str(&context.ascii(&padded)),
        }
    }
    out.trim_end().to_owned()
}
