//! Markdown for the summary page of a CI job, or a comment: verdict, scoreboard, findings, what was not looked at.
//!
//! Text from outside must stay text there: no HTML, no link that nobody wrote, no mention of a person, no reference
//! to an issue. Code spans keep it so by themselves; everything else is escaped by `inline`.

use crate::{
    blocks::{self, Block, Class},
    packages,
    places::place,
    text::{clean, plural, thousands},
};
use std::collections::BTreeMap;
use wellhead_core::{Finding, Measure, Outcome, Rating, Report, Rule, Status};

/// Rows that stand open; the rest is folded.
const OPEN: usize = 20;
/// Rows in all; a job's summary may have a mebibyte.
const MAX: usize = 1_000;

/// The report as Markdown (GitHub's dialect), with a final line break.
pub fn render(report: &Report, rules: &[&'static Rule]) -> String {
    let mut out = format!("## wellhead: {}\n\n{}\n\n", word(report), headline(report));
    out.push_str(&scoreboard(report));
    if let Some(inventory) = crate::inventory::sentence(report) {
        out.push_str(&format!("\nInventory: {}.\n", inline(&inventory)));
    }
    if let Some(databases) = crate::inventory::databases(report) {
        out.push_str(&format!("\nAdvisories: {}.\n", inline(&databases)));
    }
    let rows = rows(report, rules);
    if !rows.is_empty() {
        out.push_str("\n### Findings\n\n");
        out.push_str(&table(rows.iter().take(OPEN)));
        if rows.len() > OPEN {
            let shown = rows.len().min(MAX);
            let more = plural(shown.saturating_sub(OPEN) as u64, "more row", "more rows");
            let rest = table(rows.iter().take(MAX).skip(OPEN));
            out.push_str(&format!(
                "\n<details>\n<summary>{more}</summary>\n\n{rest}\n</details>\n"
            ));
        }
        if rows.len() > MAX {
            let rest = thousands(rows.len().saturating_sub(MAX) as u64);
            out.push_str(&format!("\nAnd {rest} more, which the JSON report lists.\n"));
        }
    }
    out.push_str(&services(report));
    out.push_str(&unseen(report));
    out
}

/// What runs where, and how it stands.
fn services(report: &Report) -> String {
    if report.services.is_empty() {
        return String::new();
    }
    let mut out =
        "\n### Services\n\n| state | service | version | at | proof |\n|---|---|---|---|---|\n".to_owned();
    for service in report.services.iter().take(MAX) {
        let mut proof = vec![format!("{}: {}", service.request, service.status)];
        proof.extend_from_slice(&service.notes);
        let proof = proof.join("; ");
        let cells = [
            service.state.as_str(),
            service.name.as_str(),
            service.version.as_deref().unwrap_or("–"),
            service.address.as_str(),
            proof.as_str(),
        ];
        let cells: Vec<String> = cells.iter().map(|c| inline(&clean(c))).collect();
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out
}

fn word(report: &Report) -> &'static str {
    let looked = report
        .coverage
        .iter()
        .any(|c| !matches!(c.outcome, Outcome::NotAnalysed { .. }));
    match report.verdict.allowed {
        false => "blocked",
        true if looked || report.stats.packages > 0 => "passed",
        true => "nothing was judged",
    }
}

fn headline(report: &Report) -> String {
    let mut counts: BTreeMap<Class, u64> = BTreeMap::new();
    for finding in report.reported() {
        let n = counts
            .entry(Class::of(finding, report.verdict.fail_on))
            .or_default();
        *n = n.saturating_add(1);
    }
    let found: Vec<String> = counts
        .into_iter()
        .map(|(class, n)| plural(n, class.name(), &format!("{}s", class.name())))
        .collect();
    let found = if found.is_empty() {
        "nothing".to_owned()
    } else {
        found.join(", ")
    };
    let ignored = report
        .findings
        .iter()
        .filter(|f| matches!(f.status, Status::Ignored(_)))
        .count() as u64;
    let ignored = if ignored > 0 {
        format!(" ({} ignored)", thousands(ignored))
    } else {
        String::new()
    };
    let fail_on = report.verdict.fail_on.map_or("never", |s| s.name());
    let risk = if report.risk.measures.is_empty() {
        "not assessed".to_owned()
    } else {
        format!(
            "**{}**, {} of 100",
            Rating::of(report.risk.score),
            report.risk.score
        )
    };
    let stats = &report.stats;
    format!(
        "Found **{found}**{ignored} in {}, {}, {}. Risk: {risk}. Fails on: {fail_on}.",
        plural(stats.files, "file", "files"),
        plural(stats.models, "model", "models"),
        plural(stats.packages, "package", "packages"),
    )
}

fn scoreboard(report: &Report) -> String {
    let mut out = "| ML06:2023 measure | deny | warn | ok | risk |\n|---|---:|---:|---:|---|\n".to_owned();
    for measure in Measure::ALL {
        let row = report
            .measures
            .iter()
            .find(|m| m.measure == *measure)
            .filter(|m| m.is_assessed());
        let Some(row) = row else {
            out.push_str(&format!("| {} | – | – | – | not assessed |\n", measure.title()));
            continue;
        };
        let risk = match report.risk.measures.get(measure) {
            Some(score) => format!("{} ({score})", Rating::of(*score)),
            None => "–".to_owned(),
        };
        let (deny, warn, ok) = (thousands(row.deny), thousands(row.warn), thousands(row.ok));
        out.push_str(&format!(
            "| {} | {deny} | {warn} | {ok} | {risk} |\n",
            measure.title()
        ));
    }
    out
}

/// The cells of each row: class, rule, place, message.
fn rows(report: &Report, rules: &[&'static Rule]) -> Vec<[String; 4]> {
    let mut out = Vec::new();
    for block in blocks::blocks(report) {
        match block {
            Block::Snippets { class, findings } => out.extend(findings.iter().map(|f| {
                let at = f.primary().map(place).unwrap_or_default();
                [
                    class.name().to_owned(),
                    rule(f, rules),
                    code(&at),
                    inline(&clean(&f.message)),
                ]
            })),
            Block::Packages {
                class: of_block,
                findings,
                also,
            } => {
                let at = findings.first().and_then(|f| f.primary());
                let at = at.map(|l| clean(&l.artifact.to_string())).unwrap_or_default();
                let files: Vec<String> = std::iter::once(&at)
                    .chain(&also)
                    .map(|a| code(&clean(a)))
                    .collect();
                let at = files.join(", ");
                for row in packages::rows(&findings) {
                    let fixed = match row.fixed() {
                        (Some(version), false) => format!("fixed in {}", code(&version)),
                        (Some(version), true) => format!("partly fixed in {}", code(&version)),
                        (None, _) => "no fix".to_owned(),
                    };
                    let attacked = if row.findings.iter().any(|f| packages::is_exploited(f)) {
                        "exploited in the wild, "
                    } else {
                        ""
                    };
                    let class = row
                        .findings
                        .iter()
                        .map(|f| Class::of(f, report.verdict.fail_on))
                        .min();
                    let class = class.unwrap_or(of_block);
                    out.push([
                        class.name().to_owned(),
                        rule(row.worst(), rules),
                        at.clone(),
                        format!(
                            "{} {}: {}, {}, {attacked}{fixed}",
                            code(&clean(row.name)),
                            code(&clean(row.version)),
                            inline(&row.advisories()),
                            row.worst().severity
                        ),
                    ]);
                }
            }
        }
    }
    out
}

fn rule(finding: &Finding, rules: &[&'static Rule]) -> String {
    // A rule of this version has a name that is known to be plain.
    match rules.iter().find(|r| r.id == finding.rule) {
        Some(rule) => format!("`{}`", rule.id),
        None => code(&clean(&finding.rule)),
    }
}

fn table<'a>(rows: impl Iterator<Item = &'a [String; 4]>) -> String {
    let mut out = "| | rule | where | what |\n|---|---|---|---|\n".to_owned();
    for [class, rule, at, what] in rows {
        out.push_str(&format!("| {class} | {rule} | {at} | {what} |\n"));
    }
    out
}

fn unseen(report: &Report) -> String {
    let rows: Vec<_> = report.unseen().collect();
    let mut out = String::new();
    for why in &report.not_assessed {
        out.push_str(&format!("- Not assessed: {}\n", inline(&clean(why))));
    }
    if !out.is_empty() {
        out.insert(0, '\n');
    }
    if rows.is_empty() {
        out.push_str(match report.coverage.is_empty() {
            true => "\nNothing was analysed: there was no input.\n",
            false => "\nEverything was analysed.\n",
        });
        return out;
    }
    let n = plural(rows.len() as u64, "artifact", "artifacts");
    out.push_str(&format!("\n### Not, or not wholly, analysed: {n}\n\n"));
    for row in rows.iter().take(OPEN) {
        let how = if matches!(row.outcome, Outcome::Partly { .. }) {
            "partly"
        } else {
            "not"
        };
        let why = inline(&clean(row.outcome.why().unwrap_or_default()));
        out.push_str(&format!(
            "- {}: {how} analysed: {why}\n",
            code(&clean(&row.artifact.to_string()))
        ));
    }
    if rows.len() > OPEN {
        let rest = thousands(rows.len().saturating_sub(OPEN) as u64);
        out.push_str(&format!("- and {rest} more, which the JSON report lists\n"));
    }
    out
}

/// A code span that nothing in `text` can end, inside a table too.
fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}

/// Text whose code spans stay code spans and in which nothing else means anything.
pub(crate) fn inline(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // An odd number of backticks would leave a span open.
    if parts.len().is_multiple_of(2) {
        return plain(&text.replace('`', "'"));
    }
    let mut out = String::new();
    for (i, part) in parts.iter().enumerate() {
        out.push_str(&if i % 2 == 1 { code(part) } else { plain(part) });
    }
    out
}

fn plain(text: &str) -> String {
    // Breaks what would become a link, a mention or an issue, without being seen.
    const BREAK: &str = "&#8203;";
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' | '#' | ':' => {
                out.push(c);
                out.push_str(BREAK);
            }
            '\\' | '|' | '*' | '_' | '[' | ']' | '~' | '!' | '$' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // A colon is harmless unless an address follows.
    out.replace(":&#8203; ", ": ")
        .replace("www.", "www&#8203;.")
        .replace("GH-", "GH&#8203;-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use insta::assert_snapshot;

    #[test]
    fn a_summary_has_verdict_scoreboard_and_findings() {
        assert_snapshot!(render(&samples::everything(), samples::RULES), @"
        ## wellhead: blocked

        Found **4 errors, 5 warnings** (1 ignored) in 214 files, 3 models, 148 packages. Risk: **critical**, 97 of 100. Fails on: high.

        | ML06:2023 measure | deny | warn | ok | risk |
        |---|---:|---:|---:|---|
        | verify package integrity | 1 | 0 | 12 | critical (90) |
        | keep dependencies updated | 2 | 3 | 12 | critical (93) |
        | use trusted sources | 0 | 2 | 12 | medium (45) |
        | lock down infrastructure | 1 | 0 | 12 | high (72) |

        Inventory: 1 package: 1 audited.

        Advisories: osv of 2026-11-03 (31,204 records).

        ### Findings

        | | rule | where | what |
        |---|---|---|---|
        | error | `unsafe-pickle-import` | `models/resnet.pt!/archive/data.pkl@0x54` | loading this model runs `posix.system` |
        | error | `open-dashboard` | `captures/jupyter.json (answer to GET /api/kernels)` | anybody who reaches `http://10.0.0.5:8888` runs code in this Jupyter |
        | error | `vulnerable-package` | `uv.lock` | `torch` `2.5.1`: CVE-2025-32434 +2, critical, fixed in `2.8.0` |
        | error | `vulnerable-package` | `uv.lock` | `pillow` `10.1`: GHSA-3f63-hfp8-52jq, high, fixed in `10.2` |
        | warning | `vulnerable-package` | `uv.lock` | `漢字-tools` `1.0`: PYSEC-2026-1, low, no fix |
        | warning | `trust-remote-code` | `src/train.py:3:5` | a hub repository may run its own Python code |
        | warning | `unused-ignore` | `wellhead.toml:3:8` | this ignore matched nothing |

        - Not assessed: metadata of the hub: the run was offline

        ### Not, or not wholly, analysed: 2 artifacts

        - `models/resnet.pt`: partly analysed: expands to more than 8 GB
        - `weights.7z`: not analysed: encrypted
        ");
    }

    #[test]
    fn nothing_found_is_said() {
        let text = render(&samples::report(Vec::new()), samples::RULES);
        assert!(
            text.starts_with("## wellhead: passed\n\nFound **nothing** in 214 files"),
            "{text}"
        );
        assert!(text.ends_with("Everything was analysed.\n"), "{text}");
        let mut nothing = samples::report(Vec::new());
        nothing.coverage.clear();
        nothing.stats.packages = 0;
        assert!(render(&nothing, samples::RULES).starts_with("## wellhead: nothing was judged\n"));
    }

    #[test]
    fn many_rows_are_folded() {
        let text = render(&samples::large_lock(), samples::RULES);
        assert_eq!(text.matches("`vulnerable-package`").count(), 25);
        assert!(text.contains("<summary>5 more rows</summary>"), "{text}");
    }

    #[test]
    fn text_from_outside_stays_text() {
        for (raw, shown) in [
            ("plain `a|b` text", "plain `a\\|b` text"),
            ("an `open span", "an 'open span"),
            (
                "<img src=x> & @octocat #1",
                "&lt;img src=x&gt; &amp; @&#8203;octocat #&#8203;1",
            ),
            (
                "see https://evil.example, www.x",
                "see https:&#8203;//evil.example, www&#8203;.x",
            ),
            ("[a](b) *c* _d_ ![e]", "\\[a\\](b) \\*c\\* \\_d\\_ \\!\\[e\\]"),
            ("note: fine", "note: fine"),
        ] {
            assert_eq!(inline(raw), shown);
        }
        let text = render(&samples::hostile(), samples::RULES);
        let bad = text
            .chars()
            .find(|c| *c != '\n' && wellhead_core::escape(&c.to_string()) != c.to_string());
        assert_eq!(bad, None);
        for line in text.lines().filter(|l| l.starts_with("| error")) {
            let bars = line.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 5, "{line}");
            for (i, part) in line.split('`').enumerate() {
                assert!(i % 2 == 1 || !part.contains("<img"), "{line}");
                assert!(i % 2 == 1 || !part.contains("@octocat"), "{line}");
            }
        }
    }
}
