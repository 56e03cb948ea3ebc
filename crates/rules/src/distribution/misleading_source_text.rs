use super::DistributionFacts;
use crate::behaviour::is_test;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};
use wellhead_pycode::foreign_encoding;

/// Source is shown as something else than what Python reads.
pub(crate) static MISLEADING_SOURCE_TEXT: Rule = Rule {
    id: "misleading-source-text",
    summary: "Python in a package is shown as something else than what Python reads",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 2,
        technical_impact: 4,
        ml_application: 2,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or poisons a package",
        vector: "characters that turn the direction of writing, or that a terminal obeys",
        weakness: "reviewers read what is shown",
        impact: "code runs that looked like a comment, or that nobody saw",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(1007),
        Reference::Cwe(451),
        Reference::Cve("CVE-2021-42574"),
    ],
    page: include_str!("misleading_source_text.md"),
    file: file!(),
};

/// How many files are told of one by one.
const MAX_TOLD: usize = 4;

pub(crate) fn check(facts: &DistributionFacts, sink: &mut Sink) {
    let scripts = facts.code.scripts.iter().filter(|(path, _)| !is_test(path));
    let found = scripts.filter_map(|(path, script)| Some((path, script, misleading(&script.text)?)));
    for (path, script, (at, length, how)) in found.take(MAX_TOLD) {
        let place = at..at.saturating_add(length);
        let name = path.rsplit('/').next().unwrap_or(path);
        sink.push(
            Finding::new(
                &MISLEADING_SOURCE_TEXT,
                format!(
                    "a reader of this package sees something else than Python does: {} {how}",
                    code(name)
                ),
                Location::text(&script.artifact, &script.text, place, how),
            )
            .help("look at the line with an editor that shows such characters")
            .subject(path.clone()),
        );
    }
}

/// The first place of a text where what is shown is not what is read: its bytes, and how that is done.
fn misleading(text: &str) -> Option<(usize, usize, &'static str)> {
    if let Some(name) = foreign_encoding(text) {
        let at = text.find(name).unwrap_or(0);
        let how = "declares an encoding in which Python reads another text than is shown";
        return Some((at, name.len(), how));
    }
    if text.is_ascii() && !text.contains('\u{1b}') {
        return None;
    }
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        if let Some(at) = turned(line) {
            let length = line
                .get(at..)
                .and_then(|rest| rest.chars().next())
                .map_or(0, char::len_utf8);
            return Some((
                start.saturating_add(at),
                length,
                "turns the direction of writing and does not turn it back",
            ));
        }
        if let Some(at) = wiped(line) {
            return Some((
                start.saturating_add(at),
                1,
                "wipes lines from the terminal that shows it",
            ));
        }
        start = start.saturating_add(line.len());
    }
    None
}

/// The first character that turns the direction of writing, where a line does not end all that it begins.
fn turned(line: &str) -> Option<usize> {
    let (mut embedded, mut isolated) = (0_i32, 0_i32);
    let mut first = None;
    for (at, c) in line.char_indices() {
        match c {
            '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' => {
                embedded = embedded.saturating_add(1);
                first.get_or_insert(at);
            }
            '\u{2066}'..='\u{2068}' => {
                isolated = isolated.saturating_add(1);
                first.get_or_insert(at);
            }
            '\u{202c}' => embedded = embedded.saturating_sub(1),
            '\u{2069}' => isolated = isolated.saturating_sub(1),
            _ => {}
        }
    }
    first.filter(|_| embedded > 0 || isolated > 0)
}

/// The first sequence that makes a terminal delete, overwrite or hide text: colours are none.
fn wiped(line: &str) -> Option<usize> {
    line.match_indices("\u{1b}[").map(|(at, _)| at).find(|at| {
        let rest = line.get(at.saturating_add(2)..).unwrap_or_default();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ';'));
        let last = end.and_then(|end| rest.get(end..)).and_then(|r| r.chars().next());
        let conceals = rest.starts_with("8m") || rest.starts_with("08m");
        conceals
            || matches!(
                last,
                Some('A' | 'D' | 'F' | 'G' | 'H' | 'J' | 'K' | 'M' | 'P' | 'X')
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_shows_something_else_is_misleading() {
        for (text, expected) in [
            ("x = 'user\u{202e} \u{2066}# admin\u{2069} \u{2066}'\n", true),
            ("x = 1 # \u{1b}[2K\u{1b}[1A\n", true),
            ("\u{1b}[8mimport os\u{1b}[0m\n", true),
            ("# coding: raw_unicode_escape\n# \\u000aimport os\n", true),
            ("# coding: utf-7\n+AGkAbQBw-\n", true),
            ("# -*- coding: latin-1 -*-\nimport os\n", false),
            // Languages that are written from right to left, closed as they should be.
            ("x = '\u{202b}\u{5e9}\u{5dc}\u{5d5}\u{5dd}\u{202c}'\n", false),
            ("x = '\u{5e9}\u{5dc}\u{5d5}\u{5dd}'\n", false),
            ("RED = '\u{1b}[31m'\n", false),
            ("WIPE = '\\x1b[2K'\n", false),
            ("", false),
        ] {
            assert_eq!(misleading(text).is_some(), expected, "{text:?}");
        }
    }
}
