//! Advisories as a table per file that declares the packages: a line per package, with the worst advisory, how many
//! more there are, and the smallest version that is free of all of them.

use super::{Context, ERROR, NOTE, WARNING};
use crate::{
    blocks::Class,
    packages::{self, Row, advisory, fix, needed_by},
    text::{clean, cut, pad, thousands, width, wrap},
};
use anstyle::Style;
use wellhead_core::{Finding, Severity};

/// Packages that are shown unless everything is asked for.
const MAX_PACKAGES: usize = 40;

/// The table, without a final line break.
pub(super) fn table(context: &Context<'_>, class: Class, findings: &[&Finding], also: &[String]) -> String {
    let rows = packages::rows(findings);
    let Some(first) = findings.first() else {
        return String::new();
    };
    let mut out = context.head(class, &first.rule, &packages::title(&rows));
    let artifact = first
        .primary()
        .map(|l| clean(&l.artifact.to_string()))
        .unwrap_or_default();
    out.push_str(&format!("\n  {artifact}\n"));
    if !also.is_empty() {
        let also: Vec<String> = also.iter().map(|a| clean(a)).collect();
        let text = format!("and the same in {}", also.join(", "));
        for line in wrap(&text, context.width.saturating_sub(2)) {
            out.push_str(&format!("  {line}\n"));
        }
    }

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
    cells.extend(rows.iter().take(shown).map(|r| cells_of(context, r)));
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
            out.push_str(&advisories(context, row));
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
    if rows.iter().any(|r| matches!(r.fixed(), (Some(_), true))) {
        out.push_str(&format!(
            "  {}: * no release fixes all of them\n",
            context.paint(NOTE, "note")
        ));
    }
    let exploited = exploited(&rows);
    if !exploited.is_empty() {
        let note = context.paint(NOTE, "note");
        let lines = crate::text::wrap(&exploited, context.width.saturating_sub(8));
        out.push_str(&format!("  {note}: {}\n", lines.join("\n        ")));
    }
    let help = context.paint(super::HELP, "help");
    out.push_str(&format!("  {help}: upgrade to the versions under \"fixed in\""));
    if !verbose && findings.len() > rows.len() {
        out.push_str(&format!("; `-v` lists all {}", thousands(findings.len() as u64)));
    }
    out
}

/// Flaws that are named as exploited.
const MAX_EXPLOITED: usize = 6;

/// Which of the flaws attackers are known to use; empty where none is.
fn exploited(rows: &[Row<'_>]) -> String {
    let all = rows.iter().flat_map(|r| r.findings.iter().map(move |f| (r, f)));
    let all: Vec<String> = all
        .filter(|(_, f)| packages::is_exploited(f))
        .map(|(row, f)| format!("{} ({})", advisory(f), cut(&clean(row.name), 30)))
        .collect();
    if all.is_empty() {
        return String::new();
    }
    let more = all.len().saturating_sub(MAX_EXPLOITED);
    let more = if more > 0 {
        format!(" and {} more", thousands(more as u64))
    } else {
        String::new()
    };
    let named = all
        .iter()
        .take(MAX_EXPLOITED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    format!("exploited in the wild: {named}{more}")
}

/// The cells of one package.
fn cells_of(context: &Context<'_>, row: &Row<'_>) -> [String; 6] {
    [
        cut(&clean(row.name), 30),
        cut(&clean(row.version), 16),
        row.worst().severity.to_string(),
        row.advisories(),
        match row.fixed() {
            (Some(version), false) => version,
            (Some(version), true) => format!("{version}*"),
            (None, _) => "no fix".to_owned(),
        },
        context.ascii(&needed_by(row.worst())),
    ]
}

/// One line per advisory of a package.
fn advisories(context: &Context<'_>, row: &Row<'_>) -> String {
    let mut out = String::new();
    let ids: Vec<String> = row.findings.iter().map(|f| advisory(f)).collect();
    let widest = ids.iter().map(|id| width(id)).max().unwrap_or(0).min(24);
    for (finding, id) in row.findings.iter().zip(&ids) {
        let fixed = fix(finding, row.version).map_or("no fix".to_owned(), |f| cut(&clean(f.1), 16));
        let severity = context.paint(style(finding.severity), &pad(finding.severity.name(), 8));
        let head = format!("      {}  {severity}  {}", pad(id, widest), pad(&fixed, 10));
        let summary = packages::text(finding, "summary").map(clean);
        let known = packages::threat(finding).into_iter();
        let known = known
            .chain(packages::stated(finding).map(str::to_owned))
            .chain(summary);
        let summary = known.collect::<Vec<_>>().join(" · ");
        // `head` may hold colours; its width without them is known from its parts.
        let used = widest
            .saturating_add(6 + 2 + 8 + 2)
            .saturating_add(width(&fixed).max(10));
        let summary = cut(&summary, context.width.saturating_sub(used).saturating_sub(2));
        out.push_str(format!("{head}  {}", context.ascii(&summary)).trim_end());
        out.push('\n');
    }
    out
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
