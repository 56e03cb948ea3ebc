//! For people at a terminal: findings as snippets, packages as a table, the scoreboard, and as the last line what was
//! not looked at.
//!
//! Good at 80 columns, without colour and in a pipe. What would only repeat itself is folded, with a count, and
//! [`Verbosity::Verbose`] unfolds it.

mod concise;
mod finding;
mod footer;
mod labels;
mod packages;

use crate::{
    blocks::{self, Block, Class},
    text::{clean, cut, plural, width},
};
use anstyle::{AnsiColor, Style};
use std::collections::BTreeMap;
use wellhead_core::{Finding, Report, Rule};

pub use concise::render as concise;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// One line per finding, and the last lines.
    Quiet,
    /// What is needed to decide.
    Normal,
    /// Nothing folded; what is ignored and what was not analysed is listed.
    Verbose,
}

/// How to render for a terminal. The caller has looked at the terminal and the environment; nothing is asked here.
#[derive(Clone, Debug)]
pub struct TerminalOptions {
    /// ANSI colours. Never the only carrier of meaning.
    pub colour: bool,
    /// Box drawing characters; ASCII otherwise.
    pub unicode: bool,
    /// Columns to fill.
    pub width: usize,
    /// How much is said.
    pub verbosity: Verbosity,
    /// Where the rules' pages are served (`https://docs.example/rules/`): rule ids link there, if colours are on.
    pub docs: Option<String>,
}

impl Default for TerminalOptions {
    fn default() -> Self {
        Self {
            colour: false,
            unicode: true,
            width: 80,
            verbosity: Verbosity::Normal,
            docs: None,
        }
    }
}

/// What every part of the renderer needs to know.
struct Context<'a> {
    report: &'a Report,
    rules: BTreeMap<&'a str, &'static Rule>,
    options: &'a TerminalOptions,
    width: usize,
}

impl<'a> Context<'a> {
    fn new(report: &'a Report, rules: &[&'static Rule], options: &'a TerminalOptions) -> Self {
        Self {
            report,
            rules: rules.iter().map(|r| (r.id, *r)).collect(),
            options,
            // Narrower than this nothing can be aligned; wider lines are hard to read.
            width: options.width.clamp(40, 200),
        }
    }

    fn rule(&self, finding: &Finding) -> Option<&'static Rule> {
        self.rules.get(finding.rule.as_ref()).copied()
    }

    fn is_verbose(&self) -> bool {
        self.options.verbosity == Verbosity::Verbose
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.options.colour && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn bold(&self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// The dash of what was not assessed, the dot between facts, the ellipsis: in ASCII where asked.
    fn ascii(&self, text: &str) -> String {
        if self.options.unicode {
            return text.to_owned();
        }
        text.replace(" · ", "; ")
            .replace('–', "-")
            .replace('…', "...")
            .replace('←', "<-")
    }

    /// `error[rule]: message`, as the head of a block that is no snippet.
    fn head(&self, class: Class, rule: &str, message: &str) -> String {
        let rule = cut(&clean(rule), 48);
        let label = self.paint(class_style(class), &format!("{}[{rule}]", class.name()));
        let indent = width(class.name()).saturating_add(width(&rule)).saturating_add(4);
        let lines = crate::text::wrap(message, self.width.saturating_sub(indent));
        let joined = lines.join(&format!("\n{}", " ".repeat(indent)));
        format!("{label}{}", self.bold(&format!(": {joined}")))
    }
}

/// Colours of words outside snippets, the same as inside.
const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = AnsiColor::BrightGreen.on_default().bold();
const HELP: Style = AnsiColor::BrightCyan.on_default().bold();

fn class_style(class: Class) -> Style {
    match class {
        Class::Error => ERROR,
        Class::Warning => WARNING,
        Class::Note => NOTE,
    }
}

/// The whole report as text; ends with a line break. ANSI sequences only if the options ask for colour.
pub fn render(report: &Report, rules: &[&'static Rule], options: &TerminalOptions) -> String {
    let context = Context::new(report, rules, options);
    if options.verbosity == Verbosity::Quiet {
        return format!("{}{}", concise::findings(report), footer::last_lines(&context));
    }
    let mut out = String::new();
    for block in blocks::blocks(report) {
        match block {
            Block::Snippets { class, findings } => snippets(&context, class, &findings, &mut out),
            Block::Packages {
                class,
                findings,
                also,
            } => {
                out.push_str(&packages::table(&context, class, &findings, &also));
                out.push_str("\n\n");
            }
        }
    }
    if context.is_verbose() {
        out.push_str(&footer::ignored(&context));
    }
    out.push_str(&footer::render(&context));
    out
}

/// How often the same message is shown as a snippet before it is folded.
const SAME_MESSAGE: usize = 3;
/// How many findings of one rule are shown as snippets before the rest become lines: what fails the run is worth more.
fn same_rule(class: Class) -> usize {
    match class {
        Class::Error => 8,
        Class::Warning => 4,
        Class::Note => 2,
    }
}
/// How many folded findings are listed.
const LISTED: usize = 10;

/// The findings of one rule and class: the first as snippets, what repeats itself as lines.
fn snippets(context: &Context<'_>, class: Class, findings: &[&Finding], out: &mut String) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut shown = 0_usize;
    let mut folded = Vec::new();
    for finding in findings {
        let same = seen.entry(&finding.message).or_default();
        *same = same.saturating_add(1);
        if context.is_verbose() || (*same <= SAME_MESSAGE && shown < same_rule(class)) {
            shown = shown.saturating_add(1);
            out.push_str(&finding::render(context, class, finding));
            out.push_str("\n\n");
        } else {
            folded.push(*finding);
        }
    }
    if let Some(first) = folded.first() {
        out.push_str(&fold(context, class, &first.rule, &folded));
        out.push('\n');
    }
}

/// What repeats itself, a line each.
fn fold(context: &Context<'_>, class: Class, rule: &str, folded: &[&Finding]) -> String {
    let count = plural(folded.len() as u64, "more like it", "more like these");
    let mut out = context.head(class, rule, &count);
    out.push('\n');
    for finding in folded.iter().take(LISTED) {
        let place = finding.primary().map(crate::places::place).unwrap_or_default();
        let room = context.width.saturating_sub(width(&place)).saturating_sub(4);
        // A path is worth more than the message, which was said above.
        let message = if room < 20 {
            String::new()
        } else {
            format!(": {}", cut(&clean(&finding.message), room))
        };
        out.push_str(&context.ascii(&format!("  {place}{message}\n")));
    }
    let rest = folded.len().saturating_sub(LISTED);
    if rest > 0 {
        let rest = crate::text::thousands(rest as u64);
        out.push_str(&context.dim(&format!("  (and {rest} more; `-v` shows all)")));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests;
