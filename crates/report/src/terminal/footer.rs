//! The last lines: the scoreboard, the verdict, the counts, and what was not looked at.

use super::{Context, ERROR, NOTE, WARNING};
use crate::{
    blocks::Class,
    places::place,
    text::{clean, pad, pad_left, plural, thousands, width, wrap},
};
use std::collections::BTreeMap;
use wellhead_core::{Coverage, Depth, Measure, Outcome, Rating, Status};

/// Everything below the findings.
pub(super) fn render(context: &Context<'_>) -> String {
    let mut out = scoreboard(context);
    out.push('\n');
    out.push_str(&services(context));
    for why in &context.report.not_assessed {
        labelled(context, "Not assessed", &clean(why), &mut out);
    }
    let inventory = crate::inventory::sentence(context.report);
    if let Some(inventory) = inventory {
        labelled(context, "Inventory", &inventory, &mut out);
    }
    out.push_str(&databases(context));
    out.push_str(&verdict(context));
    out.push_str(&last_lines(context));
    out
}

/// What runs where, and how it stands; the verdict first, since it is what one looks for.
fn services(context: &Context<'_>) -> String {
    const STATE: usize = 18;
    let mut out = String::new();
    if context.report.services.is_empty() {
        return out;
    }
    out.push_str(&format!("{}:\n", context.bold("Services")));
    for service in &context.report.services {
        let version = service.version.as_deref().unwrap_or("of unknown version");
        let says = format!(
            "{} {} at {} ({}: {}){}",
            clean(&service.name),
            clean(version),
            clean(&service.address),
            clean(&service.request),
            service.status,
            notes(&service.notes),
        );
        let room = context.width.saturating_sub(STATE).saturating_sub(3);
        let lines = wrap(&context.ascii(&says), room);
        let lines = lines.join(&format!("\n{}", " ".repeat(STATE.saturating_add(3))));
        out.push_str(&format!("  {} {lines}\n", pad(&clean(&service.state), STATE)));
    }
    out.push('\n');
    out
}

/// What its recorder says of a service, behind what it is.
fn notes(notes: &[String]) -> String {
    notes.iter().map(|n| format!("; {}", clean(n))).collect()
}

/// The counts, and what was not analysed.
pub(super) fn last_lines(context: &Context<'_>) -> String {
    let mut out = String::new();
    out.push_str(&counts(context));
    if context.is_verbose() {
        for row in context.report.unseen() {
            let (artifact, why) = (
                clean(&row.artifact.to_string()),
                row.outcome.why().unwrap_or_default(),
            );
            out.push_str(&format!(
                "  {artifact}: {}: {}\n",
                state(&row.outcome),
                clean(why)
            ));
        }
    }
    out.push_str(&unseen(context));
    out
}

fn labelled(context: &Context<'_>, label: &str, text: &str, out: &mut String) {
    let text = context.ascii(text);
    let lines = wrap(
        &text,
        context.width.saturating_sub(width(label)).saturating_sub(2),
    );
    let joined = lines.join(&format!("\n{}", " ".repeat(width(label).saturating_add(2))));
    out.push_str(&format!("{}: {joined}\n", context.bold(label)));
}

/// The four measures; a dash is "not assessed", never 0.
fn scoreboard(context: &Context<'_>) -> String {
    let title = Measure::ALL.iter().map(|m| width(m.title())).max().unwrap_or(0);
    let mut out = context.bold(&format!(
        " {}  deny  warn     ok  risk",
        pad("ML06:2023 measure", title.saturating_add(2))
    ));
    out.push('\n');
    for measure in Measure::ALL {
        let row = context.report.measures.iter().find(|m| m.measure == *measure);
        let row = row.filter(|m| m.is_assessed());
        out.push_str(&format!("   {}", pad(measure.title(), title)));
        let Some(row) = row else {
            out.push_str(&context.ascii("     –     –      –  not assessed\n"));
            continue;
        };
        let count = |n: u64, to: usize, style| {
            let cell = pad_left(&thousands(n), to);
            if n > 0 { context.paint(style, &cell) } else { cell }
        };
        out.push_str(&count(row.deny, 6, ERROR));
        out.push_str(&count(row.warn, 6, WARNING));
        out.push_str(&count(row.ok, 7, anstyle::Style::new()));
        let score = context.report.risk.measures.get(measure);
        out.push_str(&match score {
            Some(score) => format!("  {} ({score})", Rating::of(*score)),
            None => context.ascii("  –"),
        });
        if row.not_assessed > 0 {
            out.push_str(&format!(", {} not assessed", thousands(row.not_assessed)));
        }
        out.push('\n');
    }
    out
}

/// The advisories that were asked, and how old they are.
fn databases(context: &Context<'_>) -> String {
    let mut out = String::new();
    if let Some(text) = crate::inventory::databases(context.report) {
        labelled(context, "Advisories", &text, &mut out);
    }
    out
}

fn verdict(context: &Context<'_>) -> String {
    let report = context.report;
    let fail_on = report.verdict.fail_on.map_or("never", |s| s.name());
    let (word, style) = if report.verdict.allowed {
        ("passed", NOTE)
    } else {
        ("blocked", ERROR)
    };
    let looked = report
        .coverage
        .iter()
        .any(|c| !matches!(c.outcome, Outcome::NotAnalysed { .. }));
    let word = if looked || !report.findings.is_empty() || report.stats.packages > 0 {
        context.paint(style, word)
    } else {
        "none, nothing was judged".to_owned()
    };
    let score = report.risk.score;
    let risk = if report.risk.measures.is_empty() {
        "not assessed".to_owned()
    } else {
        format!("{}, {score} of 100", Rating::of(score))
    };
    let dot = context.ascii(" · ");
    format!(
        "{}: {word} (fail-on {fail_on}){dot}risk {risk}\n",
        context.bold("Verdict")
    )
}

/// `Found 3 errors, 5 warnings in 214 files, 3 models, 148 packages (1 ignored, 2 fixable)`.
fn counts(context: &Context<'_>) -> String {
    let report = context.report;
    let mut by_class: BTreeMap<Class, u64> = BTreeMap::new();
    let (mut ignored, mut suppressed, mut fixable) = (0_u64, 0_u64, 0_u64);
    for finding in &report.findings {
        match finding.status {
            Status::Reported => {
                let n = by_class
                    .entry(Class::of(finding, report.verdict.fail_on))
                    .or_default();
                *n = n.saturating_add(1);
                fixable = fixable.saturating_add(u64::from(!finding.fixes.is_empty()));
            }
            Status::Ignored(_) => ignored = ignored.saturating_add(1),
            Status::Suppressed => suppressed = suppressed.saturating_add(1),
        }
    }
    let of = |class| by_class.get(&class).copied().unwrap_or(0);
    let some = |n: u64, one: &str, many: &str| (n > 0).then(|| plural(n, one, many));
    let found: Vec<String> = [
        some(of(Class::Error), "error", "errors"),
        some(of(Class::Warning), "warning", "warnings"),
        some(of(Class::Note), "note", "notes"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let found = if found.is_empty() {
        "nothing".to_owned()
    } else {
        found.join(", ")
    };
    let stats = &report.stats;
    let among: Vec<String> = [
        Some(plural(stats.files, "file", "files")),
        some(stats.models, "model", "models"),
        some(stats.packages, "package", "packages"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let beside: Vec<String> = [
        some(ignored, "ignored", "ignored"),
        some(suppressed, "suppressed", "suppressed"),
        some(fixable, "fixable", "fixable"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let text = format!("{found} in {}", among.join(", "));
    let mut lines = wrap(&text, context.width.saturating_sub(6));
    if !beside.is_empty() {
        let beside = format!("({})", beside.join(", "));
        let room = context
            .width
            .saturating_sub(6)
            .saturating_sub(width(&beside))
            .saturating_sub(1);
        match lines.last_mut().filter(|last| width(last) <= room) {
            Some(last) => last.push_str(&format!(" {beside}")),
            None => lines.push(beside),
        }
    }
    format!("{} {}\n", context.bold("Found"), lines.join("\n      "))
}

fn state(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Analysed => "analysed",
        Outcome::Partly { .. } => "partly analysed",
        Outcome::NotAnalysed { .. } => "not analysed",
    }
}

/// How many artifacts are named; more are counted by reason.
const NAMED: usize = 2;

/// The very last line.
fn unseen(context: &Context<'_>) -> String {
    let report = context.report;
    let unseen: Vec<&Coverage> = report.unseen().collect();
    let mut out = String::new();
    if unseen.is_empty() {
        let text = match report
            .coverage
            .iter()
            .filter(|c| c.depth == Depth::Headers)
            .count() as u64
        {
            _ if report.coverage.is_empty() => "Nothing was analysed: there was no input".to_owned(),
            0 => "Everything was analysed".to_owned(),
            n => format!(
                "Everything was analysed, {} by headers and code (`--full` reads all)",
                plural(n, "artifact", "artifacts")
            ),
        };
        return format!("{}\n", wrap(&text, context.width).join("\n"));
    }
    let mut parts = Vec::new();
    for (label, partly) in [("Not analysed", false), ("Partly analysed", true)] {
        let rows: Vec<&&Coverage> = unseen
            .iter()
            .filter(|c| matches!(c.outcome, Outcome::Partly { .. }) == partly)
            .collect();
        if rows.is_empty() {
            continue;
        }
        let label = if parts.is_empty() {
            label.to_owned()
        } else {
            label.to_lowercase()
        };
        let n = plural(rows.len() as u64, "artifact", "artifacts");
        parts.push(format!("{label}: {n} ({})", reasons(&rows)));
    }
    let hint = if unseen.len() <= NAMED || context.is_verbose() {
        ""
    } else {
        ". Run with `-v` to list"
    };
    let text = format!("{}{hint}", parts.join("; "));
    out.push_str(&wrap(&context.ascii(&text), context.width).join("\n  "));
    out.push('\n');
    out
}

/// A few artifacts with their reasons, or the reasons with their counts.
fn reasons(rows: &[&&Coverage]) -> String {
    let why = |c: &Coverage| crate::text::cut(&clean(c.outcome.why().unwrap_or_default()), 60);
    if rows.len() <= NAMED {
        let all: Vec<String> = rows
            .iter()
            .map(|c| format!("{}: {}", clean(&c.artifact.to_string()), why(c)))
            .collect();
        return all.join(", ");
    }
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        let n = counts.entry(why(row)).or_default();
        *n = n.saturating_add(1);
    }
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let more = counts.len().saturating_sub(4);
    let mut all: Vec<String> = counts
        .iter()
        .take(4)
        .map(|(why, n)| format!("{} {why}", thousands(*n)))
        .collect();
    if more > 0 {
        all.push(format!("{more} more reasons"));
    }
    all.join(", ")
}

/// What an ignore or a baseline covers, with the reason.
pub(super) fn ignored(context: &Context<'_>) -> String {
    let mut out = String::new();
    for finding in &context.report.findings {
        let why = match &finding.status {
            Status::Reported => continue,
            Status::Suppressed => "known from the baseline".to_owned(),
            Status::Ignored(i) => {
                let until = i
                    .expires
                    .as_ref()
                    .map(|e| format!(", until {}", clean(e)))
                    .unwrap_or_default();
                let by =
                    i.by.as_ref()
                        .map(|l| format!(", {}", place(l)))
                        .unwrap_or_default();
                format!("{}{until}{by}", clean(&i.reason))
            }
        };
        let at = finding.primary().map(place).unwrap_or_default();
        let head = format!("{}[{}]", finding.status.name(), clean(&finding.rule));
        out.push_str(&format!(
            "{}: {at}: {}\n",
            context.dim(&head),
            clean(&finding.message)
        ));
        out.push_str(&format!("  reason: {why}\n"));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}
