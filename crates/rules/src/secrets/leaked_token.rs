use super::{
    redact::{moved, without},
    shapes::{Secret, find},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_core::{
    Confidence, Digest, Excerpt, ExcerptKind, ExcerptLine, Finding, Location, Mark, Measure, Reference, Risk,
    Rule, RuleStatus, Scenario, Severity, Sink, Span, ThreatProfile, escape,
};
use wellhead_formats::document::TextFile;

/// A token that everybody can read who can read the file.
pub(crate) static LEAKED_TOKEN: Rule = Rule {
    id: "leaked-token",
    summary: "a token or key stands in a file",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 5,
        detectability: 5,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "everybody who can read the repository, the image or the notebook",
        vector: "the file itself, its history, and every copy of it",
        weakness: "the token was written where it is used",
        impact: "the attacker acts as the token's owner: models are replaced, data is read, bills are run up",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(798),
        Reference::Cwe(312),
    ],
    page: include_str!("leaked_token.md"),
    file: file!(),
};

/// Endings of files where a value without quotes is a variable.
const SOURCE: &[&str] = &[
    ".py", ".pyi", ".ipynb", ".js", ".ts", ".rs", ".go", ".java", ".c", ".cpp", ".md", ".rst", ".html",
];

pub(super) fn check(file: &TextFile, sink: &mut Sink) {
    let name = sink.artifact().name().to_ascii_lowercase();
    let bare = !SOURCE.iter().any(|ending| name.ends_with(ending));
    let text: &str = &file.text;
    let secrets = find(text, bare);
    // The same token twice is one token to revoke.
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for secret in &secrets {
        let value = text.get(secret.hidden.clone()).unwrap_or_default();
        let times = told.entry(value).or_default();
        *times = times.saturating_add(1);
    }
    let lines = Lines::new(text, secrets.first().map_or(0, |s| s.range.start));
    let mut lines = lines;
    let mut seen = BTreeSet::new();
    for secret in &secrets {
        let value = text.get(secret.hidden.clone()).unwrap_or_default();
        if !seen.insert(value) {
            continue;
        }
        let times = told.get(value).copied().unwrap_or(1);
        sink.push(finding(text, secret, &secrets, value, times, &mut lines, sink));
    }
}

fn finding(
    text: &str,
    secret: &Secret,
    all: &[Secret],
    value: &str,
    times: usize,
    lines: &mut Lines,
    sink: &Sink,
) -> Finding {
    let place = place(text, secret, all, lines, sink);
    let message = match &secret.name {
        Some(name) => format!("whoever reads this file has the value of `{name}`"),
        None => format!("whoever reads {} here can {}", secret.kind.what, secret.kind.harm),
    };
    // Enough to tell two tokens apart, not enough to check a guess.
    let digest = Digest::sha256(value.as_bytes()).hex;
    let short = digest.get(..4).unwrap_or_default();
    let subject = secret.name.clone().unwrap_or_else(|| secret.kind.what.to_owned());
    let mut finding = Finding::new(&LEAKED_TOKEN, message, place)
        .subject(format!("{subject} {short}"))
        .help("revoke it where it was issued: it stays in the history of the file and in every copy")
        .help("read it from the environment or a secret store at run time");
    if !secret.kind.certain {
        finding = finding.severity(Severity::Medium).confidence(Confidence::Medium);
    }
    if times > 1 {
        finding = finding.note(format!("it stands {times} times in this file"));
    }
    finding
}

/// The place with an excerpt in which every secret of the line is hidden.
fn place(text: &str, secret: &Secret, all: &[Secret], lines: &mut Lines, sink: &Sink) -> Location {
    let (number, line) = lines.of(text, secret.range.start);
    let content = text.get(line.clone()).unwrap_or_default();
    let hidden: Vec<Range<usize>> = all
        .iter()
        .map(|s| s.hidden.clone())
        .filter(|h| h.start < line.end && h.end > line.start)
        .map(|h| h.start.saturating_sub(line.start)..h.end.min(line.end).saturating_sub(line.start))
        .collect();
    let start = secret.range.start.saturating_sub(line.start);
    let stop = secret.range.end.min(line.end).saturating_sub(line.start);
    // Only the neighbourhood is shown: minified files have one line of megabytes.
    let shown = shown(content, &hidden, start..stop);
    let column = |at: usize| {
        let chars = content.get(..at).unwrap_or_default().chars().count();
        u32::try_from(chars).unwrap_or(u32::MAX).saturating_add(1)
    };
    let mut location = Location::bytes(sink.artifact(), 0, 0, secret.kind.what);
    let (last, last_line) = lines.of(text, secret.range.end);
    let end_column = text
        .get(last_line.start..secret.range.end)
        .unwrap_or_default()
        .chars()
        .count();
    location.span = Span::Text {
        start: wellhead_core::TextPosition {
            line: number,
            column: column(start),
        },
        end: wellhead_core::TextPosition {
            line: last,
            column: u32::try_from(end_column).unwrap_or(u32::MAX).saturating_add(1),
        },
        offset: secret.range.start as u64,
        length: secret.range.len() as u64,
    };
    let mut excerpt = Excerpt::new(ExcerptKind::Source);
    excerpt.lines.push(ExcerptLine {
        number,
        text: shown.0,
    });
    excerpt.marks.push(Mark {
        line: number,
        range: shown.1,
        label: secret.kind.what.to_owned(),
        primary: true,
    });
    location.with_excerpt(excerpt)
}

/// The line without its secrets, cut to the neighbourhood of a mark, escaped.
fn shown(content: &str, hidden: &[Range<usize>], mark: Range<usize>) -> (String, Range<usize>) {
    const AROUND: usize = 120;
    let redacted = without(content, hidden);
    let start = moved(mark.start, hidden, false);
    let end = moved(mark.end, hidden, true).max(start);
    let boundary = |mut at: usize| {
        at = at.min(redacted.len());
        while !redacted.is_char_boundary(at) {
            at = at.saturating_sub(1);
        }
        at
    };
    let from = boundary(start.saturating_sub(AROUND));
    let to = boundary(end.saturating_add(AROUND));
    let part = |a: usize, b: usize| escape(redacted.get(boundary(a)..boundary(b)).unwrap_or_default());
    let mut text = if from > 0 { "…".to_owned() } else { String::new() };
    text.push_str(&part(from, start));
    let first = text.len();
    text.push_str(&part(start, end));
    let last = text.len();
    text.push_str(&part(end, to));
    if to < redacted.len() {
        text.push('…');
    }
    (text, first..last)
}

/// Line numbers of ascending positions, counted once.
struct Lines {
    at: usize,
    number: u32,
}

impl Lines {
    fn new(text: &str, first: usize) -> Self {
        let mut lines = Self { at: 0, number: 1 };
        lines.of(text, first);
        lines
    }

    /// The number and the range of the line that holds a position.
    fn of(&mut self, text: &str, position: usize) -> (u32, Range<usize>) {
        let bytes = text.as_bytes();
        if position < self.at {
            *self = Self { at: 0, number: 1 };
        }
        let between = bytes.get(self.at..position.min(bytes.len())).unwrap_or_default();
        let breaks = between.iter().filter(|b| **b == b'\n').count();
        self.number = self
            .number
            .saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.at = position.min(bytes.len());
        let head = bytes.get(..self.at).unwrap_or_default();
        let start = head
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |i| i.saturating_add(1));
        let tail = bytes.get(self.at..).unwrap_or_default();
        let end = tail
            .iter()
            .position(|b| *b == b'\n')
            .map_or(bytes.len(), |i| self.at.saturating_add(i));
        (self.number, start..end)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Subject,
        testing::{findings, told},
    };
    use std::{fmt::Write as _, sync::Arc, time::Instant};
    use wellhead_formats::document::{Encoding, TextFile};

    fn file(text: &str) -> TextFile {
        TextFile {
            text: Arc::from(text),
            encoding: Encoding::Utf8,
        }
    }

    fn token() -> String {
        ["hf", "_", "aZ3kQ9vB7xT2mW8rL5nY4pD6cH1gJ0sFqE"].concat()
    }

    #[test]
    fn a_token_is_told_once_and_never_shown() {
        let token = token();
        let text = format!("# é\nlogin(\"{token}\")\nother(\"{token}\", \"{token}\")\n");
        let all = findings("a.py", Subject::Text(&file(&text)));
        assert_eq!(told(&all), "leaked-token high");
        let shown = format!("{all:?}");
        assert!(!shown.contains(&token[3..]), "{shown}");
        let excerpt = all[0].locations[0].excerpt.as_ref().unwrap();
        assert_eq!(excerpt.lines[0].text, "login(\"hf_[redacted]\")");
        assert_eq!(
            &excerpt.lines[0].text[excerpt.marks[0].range.clone()],
            "hf_[redacted]"
        );
        assert_eq!(all[0].notes, ["it stands 3 times in this file"]);
    }

    #[test]
    fn a_long_line_is_cut_round_the_token() {
        let text = format!("{}\u{1b}é{}{}", "x ".repeat(50_000), token(), " y".repeat(50_000));
        let all = findings("a.txt", Subject::Text(&file(&text)));
        let line = &all[0].locations[0].excerpt.as_ref().unwrap().lines[0].text;
        assert!(line.len() < 400 && line.contains("hf_[redacted]"), "{line}");
    }

    #[test]
    fn settings_are_told_by_their_names() {
        let text = "services:\n  a:\n    environment:\n      JUPYTER_TOKEN: s3cr3t-lab-token\n";
        let all = findings("compose.yaml", Subject::Text(&file(text)));
        assert_eq!(told(&all), "leaked-token medium");
        assert_eq!(
            all[0].message,
            "whoever reads this file has the value of `JUPYTER_TOKEN`"
        );
        assert!(!format!("{all:?}").contains("s3cr3t"));
    }

    #[test]
    fn a_hundred_megabytes_take_no_longer_than_reading_them() {
        let mut text = String::new();
        let mut n = 0_u64;
        while text.len() < 20 << 20 {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            writeln!(text, "row {n} task-{n:x} hf_hub_download sk-learn token = {n:x}").unwrap();
        }
        let start = Instant::now();
        assert_eq!(told(&findings("big.csv", Subject::Text(&file(&text)))), "");
        // Far above what it takes without optimisation, far below what a second pass per pattern would.
        assert!(start.elapsed().as_secs() < 10);
    }
}
