//! What a rule means, for a terminal: its page, its scores, and how to accept a finding of it.
//!
//! Everything is read from the rule's value, so that the explanation cannot differ from what is checked.

use crate::{
    json::to_text,
    page::plain,
    text::{pad, thousands, width, wrap},
};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use wellhead_core::{Measure, Need, Reference, Rule, RuleStatus};

/// How to render for a terminal.
#[derive(Clone, Debug)]
pub struct ExplainOptions {
    /// ANSI styles.
    pub colour: bool,
    /// Columns to fill.
    pub width: usize,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self {
            colour: false,
            width: 80,
        }
    }
}

impl ExplainOptions {
    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn bold(&self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    fn code(&self, text: &str) -> String {
        self.paint(AnsiColor::Cyan.on_default(), text)
    }

    fn columns(&self) -> usize {
        self.width.clamp(40, 120)
    }
}

/// The explanation of a rule; `rules` are those it may point to. Ends with the exact lines that ignore it.
pub fn explain(rule: &Rule, rules: &[&'static Rule], options: &ExplainOptions) -> String {
    let indent = width(rule.id).saturating_add(2);
    let summary = wrap(rule.summary, options.columns().saturating_sub(indent));
    let summary = summary.join(&format!("\n{}", " ".repeat(indent)));
    let mut out = format!("{}: {summary}\n\n", options.bold(rule.id));
    out.push_str(&facts(rule, options));
    out.push('\n');
    out.push_str(&page(rule.page, options));
    out.push_str(&risk(rule, options));
    out.push_str(&see_also(rule, rules, options));
    out.push_str(&format!(
        "\n{}\n\n",
        options.bold("To accept it in wellhead.toml")
    ));
    // The reason is left blank on purpose: an ignore without one is refused.
    let toml = format!(
        "[[ignore]]\nrule = \"{}\"\npath = \"path/of/the/artifact\"\nreason = \"\"\n",
        rule.id
    );
    for line in toml.lines() {
        out.push_str(&format!("    {}\n", options.code(line)));
    }
    out
}

/// Lines of `name  value`.
fn rows(rows: &[(&str, String)], options: &ExplainOptions) -> String {
    let widest = rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let indent = widest.saturating_add(4);
    let mut out = String::new();
    for (name, value) in rows {
        let lines = wrap(value, options.columns().saturating_sub(indent));
        let value = lines.join(&format!("\n{}", " ".repeat(indent)));
        out.push_str(&format!("  {}  {value}\n", pad(name, widest)));
    }
    out
}

fn facts(rule: &Rule, options: &ExplainOptions) -> String {
    let mut all = vec![
        (
            "severity",
            format!("{}, confidence {}", rule.severity, rule.confidence),
        ),
        ("measure", format!("{} (OWASP ML06:2023)", rule.measure.title())),
    ];
    if let Some(scenario) = rule.scenario {
        all.push(("scenario", scenario.to_string()));
    }
    if !rule.needs.is_empty() {
        all.push(("needs", needs(rule.needs)));
    }
    if rule.status != RuleStatus::Stable {
        all.push(("status", format!("{}: raised only with `--preview`", rule.status)));
    }
    if !rule.references.is_empty() {
        let names: Vec<String> = rule.references.iter().map(Reference::to_string).collect();
        all.push(("see", names.join(", ")));
    }
    rows(&all, options)
}

fn needs(needs: &[Need]) -> String {
    let words = needs.iter().map(|need| match need {
        Need::Advisories => "the advisory database (`wellhead db import`)",
        Need::Hub => "metadata of the model hub",
        Need::Index => "metadata of the package index",
    });
    words.collect::<Vec<_>>().join(", ")
}

fn risk(rule: &Rule, options: &ExplainOptions) -> String {
    let [exploitability, detectability, technical, application, operations] = rule.risk.scores();
    let mut out = format!(
        "\n{}\n\n",
        options.bold("Risk, 1 to 5 on the scale of OWASP's ML Top 10")
    );
    let scores = format!(
        "exploitability {exploitability}, detectability {detectability}, technical impact {technical}, ML application \
         {application}, ML operations {operations}"
    );
    let threat = rule.threat;
    out.push_str(&rows(
        &[
            ("scores", scores),
            ("agent", threat.agent.to_owned()),
            ("vector", threat.vector.to_owned()),
            ("weakness", threat.weakness.to_owned()),
            ("impact", threat.impact.to_owned()),
        ],
        options,
    ));
    out
}

/// Rules of the same measure, those of the same scenario first.
fn see_also(rule: &Rule, rules: &[&'static Rule], options: &ExplainOptions) -> String {
    let mut near: Vec<&&Rule> = rules
        .iter()
        .filter(|r| r.id != rule.id && r.measure == rule.measure)
        .collect();
    near.sort_by_key(|r| (r.scenario != rule.scenario, r.id));
    near.truncate(5);
    if near.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n\n", options.bold("See also"));
    let all: Vec<(&str, String)> = near.iter().map(|r| (r.id, r.summary.to_owned())).collect();
    out.push_str(&rows(&all, options));
    out
}

/// The Markdown of a page for a terminal: headings bold, code indented and left as it is, text wrapped.
fn page(markdown: &str, options: &ExplainOptions) -> String {
    let mut out = String::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            flush(&mut paragraph, options, &mut out);
            fenced = !fenced;
            if let Some(file) = trimmed.split_once("file=").map(|(_, f)| f).filter(|_| fenced) {
                out.push_str(&format!(
                    "    {}\n",
                    options.paint(Style::new().dimmed(), &format!("{file}:"))
                ));
            }
            continue;
        }
        if fenced {
            out.push_str(format!("    {}", options.code(line)).trim_end());
            out.push('\n');
            continue;
        }
        match trimmed.split_once(' ') {
            // The title is the rule's id, which stands above.
            Some(("#", _)) => {}
            Some((marks, title)) if !marks.is_empty() && marks.bytes().all(|b| b == b'#') => {
                flush(&mut paragraph, options, &mut out);
                out.push_str(&format!("{}\n", options.bold(&plain(title))));
            }
            Some((bullet, _)) if is_bullet(bullet) => {
                flush(&mut paragraph, options, &mut out);
                paragraph.push(trimmed);
            }
            _ if trimmed.starts_with('|') => {
                flush(&mut paragraph, options, &mut out);
                out.push_str(&format!("{}\n", plain(trimmed)));
            }
            _ if trimmed.is_empty() => {
                flush(&mut paragraph, options, &mut out);
                if !out.is_empty() && !out.ends_with("\n\n") {
                    out.push('\n');
                }
            }
            _ => paragraph.push(trimmed),
        }
    }
    flush(&mut paragraph, options, &mut out);
    out
}

fn is_bullet(word: &str) -> bool {
    matches!(word, "-" | "*")
        || word
            .strip_suffix('.')
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
}

fn flush(paragraph: &mut Vec<&str>, options: &ExplainOptions, out: &mut String) {
    if paragraph.is_empty() {
        return;
    }
    let text = plain(&paragraph.join(" "));
    paragraph.clear();
    let (bullet, text) = match text.split_once(' ') {
        Some((bullet, rest)) if is_bullet(bullet) => (format!("{bullet} "), rest.to_owned()),
        // A bullet of `*` has lost its mark as if it were emphasis.
        _ => match text.strip_prefix(' ') {
            Some(rest) => ("- ".to_owned(), rest.to_owned()),
            None => (String::new(), text),
        },
    };
    let lines = wrap(&text, options.columns().saturating_sub(width(&bullet)));
    let indent = format!("\n{}", " ".repeat(width(&bullet)));
    out.push_str(&format!("{bullet}{}\n", lines.join(&indent)));
}

/// How to list the rules.
#[derive(Clone, Debug)]
pub enum RulesFormat {
    /// A table for people.
    Text(ExplainOptions),
    /// A Markdown table.
    Markdown,
    /// JSON with everything that the rules say of themselves, but for their pages.
    Json,
}

/// The rules as a table, by measure.
pub fn rules_table(rules: &[&'static Rule], format: &RulesFormat) -> String {
    match format {
        RulesFormat::Text(options) => text_table(rules, options),
        RulesFormat::Markdown => markdown_table(rules),
        RulesFormat::Json => json_table(rules),
    }
}

fn text_table(rules: &[&'static Rule], options: &ExplainOptions) -> String {
    let widest = rules.iter().map(|r| width(r.id)).max().unwrap_or(0);
    let mut out = String::new();
    for measure in Measure::ALL {
        let of: Vec<_> = rules.iter().filter(|r| r.measure == *measure).collect();
        if of.is_empty() {
            continue;
        }
        out.push_str(&format!("{}\n", options.bold(measure.title())));
        for rule in of {
            let preview = if rule.status == RuleStatus::Stable {
                ""
            } else {
                " (preview)"
            };
            // Two blanks at the margin and between columns; a severity has eight letters at most.
            let indent = widest.saturating_add(14);
            let summary = wrap(
                &format!("{}{preview}", rule.summary),
                options.columns().saturating_sub(indent),
            );
            let summary = summary.join(&format!("\n{}", " ".repeat(indent)));
            out.push_str(&format!(
                "  {}  {:<8}  {summary}\n",
                pad(rule.id, widest),
                rule.severity
            ));
        }
        out.push('\n');
    }
    let n = thousands(rules.len() as u64);
    out.push_str(&format!("{n} rules; `wellhead explain RULE` says more of each\n"));
    out
}

fn markdown_table(rules: &[&'static Rule]) -> String {
    let mut out = "| rule | severity | measure | what it finds |\n|---|---|---|---|\n".to_owned();
    for measure in Measure::ALL {
        for rule in rules.iter().filter(|r| r.measure == *measure) {
            let summary = crate::markdown::inline(rule.summary);
            out.push_str(&format!(
                "| `{}` | {} | {} | {summary} |\n",
                rule.id, rule.severity, rule.measure
            ));
        }
    }
    out
}

/// The layout of `wellhead rules --format json`.
#[derive(Serialize)]
struct RulesJson {
    schema: Schema,
    rules: Vec<RuleJson>,
}

#[derive(Serialize)]
struct Schema {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct RuleJson {
    id: &'static str,
    summary: &'static str,
    severity: &'static str,
    confidence: &'static str,
    measure: &'static str,
    scenario: Option<&'static str>,
    status: &'static str,
    needs: Vec<&'static str>,
    references: Vec<String>,
    risk: RiskJson,
    threat: ThreatJson,
}

#[derive(Serialize)]
struct RiskJson {
    exploitability: u8,
    detectability: u8,
    technical_impact: u8,
    ml_application: u8,
    ml_operations: u8,
}

#[derive(Serialize)]
struct ThreatJson {
    agent: &'static str,
    vector: &'static str,
    weakness: &'static str,
    impact: &'static str,
}

fn json_table(rules: &[&'static Rule]) -> String {
    let mut rules: Vec<RuleJson> = rules.iter().map(|r| RuleJson::from(*r)).collect();
    rules.sort_by_key(|r| r.id);
    to_text(&RulesJson {
        schema: Schema {
            name: "wellhead-rules",
            version: "1.0-draft",
        },
        rules,
    })
}

impl From<&'static Rule> for RuleJson {
    fn from(rule: &'static Rule) -> Self {
        Self {
            id: rule.id,
            summary: rule.summary,
            severity: rule.severity.name(),
            confidence: rule.confidence.name(),
            measure: rule.measure.name(),
            scenario: rule.scenario.map(|s| s.name()),
            status: rule.status.name(),
            needs: rule.needs.iter().map(|n| n.name()).collect(),
            references: rule.references.iter().map(ToString::to_string).collect(),
            risk: RiskJson {
                exploitability: rule.risk.exploitability,
                detectability: rule.risk.detectability,
                technical_impact: rule.risk.technical_impact,
                ml_application: rule.risk.ml_application,
                ml_operations: rule.risk.ml_operations,
            },
            threat: ThreatJson {
                agent: rule.threat.agent,
                vector: rule.threat.vector,
                weakness: rule.threat.weakness,
                impact: rule.threat.impact,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use insta::assert_snapshot;

    #[test]
    fn a_rule_is_explained_to_the_lines_that_ignore_it() {
        assert_snapshot!(explain(&samples::PICKLE, samples::RULES, &ExplainOptions::default()), @r#"
unsafe-pickle-import: a model file runs code when it is loaded

  severity  critical, confidence high
  measure   verify package integrity (OWASP ML06:2023)
  scenario  hub-impersonator
  see       CWE-502, ATLAS AML.T0018, ML06:2023

What it does

Finds pickles that call something dangerous while they are loaded, such as
`posix.system`. See the documentation (https://docs.example/pickle).

Why is this bad

Loading the file is enough; nothing has to be called.

Example

    model.pkl:
    GLOBAL 'posix system'
    REDUCE

Use instead

- safetensors
- a pickle of plain values

How to fix

1. Re-export the weights.

References

- CWE-502

Risk, 1 to 5 on the scale of OWASP's ML Top 10

  scores    exploitability 4, detectability 5, technical impact 5, ML
            application 5, ML operations 3
  agent     whoever can put a file on a hub
  vector    a model that is downloaded and loaded
  weakness  pickle calls what the file names
  impact    the attacker's code runs as the user who loads the model

To accept it in wellhead.toml

    [[ignore]]
    rule = "unsafe-pickle-import"
    path = "path/of/the/artifact"
    reason = ""
"#);
        assert_snapshot!(explain(&samples::REMOTE, samples::RULES, &ExplainOptions::default()).split("See also").nth(1).unwrap(), @r#"
  unused-ignore  a model file runs code when it is loaded

To accept it in wellhead.toml

    [[ignore]]
    rule = "trust-remote-code"
    path = "path/of/the/artifact"
    reason = ""
"#);
    }

    #[test]
    fn colour_only_adds() {
        let coloured = explain(
            &samples::PICKLE,
            samples::RULES,
            &ExplainOptions {
                colour: true,
                width: 60,
            },
        );
        let mut parts = coloured.split('\x1b');
        let mut plain = parts.next().unwrap().to_owned();
        plain.extend(parts.map(|p| p.split_once('m').unwrap().1));
        assert_eq!(
            plain,
            explain(
                &samples::PICKLE,
                samples::RULES,
                &ExplainOptions {
                    colour: false,
                    width: 60
                }
            )
        );
    }

    #[test]
    fn lists_and_tables_keep_their_shape() {
        let page = page(
            "## A\n\n- one that is so long that it has to be wrapped somewhere\n- two\n  and more\n\n* three\n\n| a | b |\n|---|---|\n",
            &ExplainOptions {
                colour: false,
                width: 40,
            },
        );
        assert_snapshot!(page, @r"
A

- one that is so long that it has to be
  wrapped somewhere
- two and more

- three

| a | b |
|---|---|
");
    }

    #[test]
    fn rules_are_listed_by_measure() {
        let options = ExplainOptions::default();
        assert_snapshot!(rules_table(samples::RULES, &RulesFormat::Text(options)), @r"
verify package integrity
  unsafe-pickle-import  critical  a model file runs code when it is loaded

keep dependencies updated
  vulnerable-package    high      a model file runs code when it is loaded

use trusted sources
  trust-remote-code     medium    a model file runs code when it is loaded
  unused-ignore         low       a model file runs code when it is loaded

lock down infrastructure
  open-dashboard        high      a model file runs code when it is loaded

5 rules; `wellhead explain RULE` says more of each
");
        assert_snapshot!(rules_table(&samples::RULES[..1], &RulesFormat::Markdown), @r"
| rule | severity | measure | what it finds |
|---|---|---|---|
| `unsafe-pickle-import` | critical | integrity | a model file runs code when it is loaded |
");
        let json: serde_json::Value =
            serde_json::from_str(&rules_table(samples::RULES, &RulesFormat::Json)).unwrap();
        assert_eq!(json["rules"][0]["id"], "open-dashboard");
        assert_eq!(json["rules"][2]["risk"]["ml_operations"], 3);
    }
}
