use super::{
    indexes::{addresses, joined, stored},
    redact::{moved, without},
    shapes::{MOST, Secret, find},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_core::{
    Confidence, Digest, Excerpt, ExcerptKind, ExcerptLine, Finding, Location, Mark, Measure, Reference, Risk,
    Rule, RuleStatus, Scenario, Severity, Sink, Span, TextPosition, ThreatProfile, escape,
};
use wellhead_formats::document::TextFile;
use wellhead_packages::identify_manifest;

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
    let mut secrets = find(text, bare, MOST);
    secrets.extend(stored(sink.artifact().leaf(), text));
    // Of the addresses in a manifest the rule for indexes speaks.
    if text.contains("://") && identify_manifest(sink.artifact().leaf(), text).is_none() {
        secrets.extend(addresses(text, !bare));
    }
    let mut secrets = joined(secrets);
    secrets.truncate(MOST);
    // The same token twice is one token to revoke.
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for secret in &secrets {
        let value = text.get(secret.hidden.clone()).unwrap_or_default();
        let times = told.entry(value).or_default();
        *times = times.saturating_add(1);
    }
    let mut lines = Lines::new();
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

/// How many bytes on either side of a secret its excerpt is made from: minified files have one line of megabytes.
const WINDOW: usize = 2_000;

/// The place with an excerpt in which every secret of the line is hidden.
fn place(text: &str, secret: &Secret, all: &[Secret], lines: &mut Lines, sink: &Sink) -> Location {
    let (start, line) = lines.of(text, secret.range.start);
    let (end, _) = lines.of(text, secret.range.end);
    let boundary = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at = at.saturating_sub(1);
        }
        at
    };
    let from = boundary(secret.range.start.saturating_sub(WINDOW)).max(line);
    let to = boundary(secret.range.end.saturating_add(WINDOW).min(text.len()));
    let content = text.get(from..to).unwrap_or_default();
    let after = content
        .get(secret.range.start.saturating_sub(from)..)
        .unwrap_or_default();
    let rest = after.find('\n').unwrap_or(after.len());
    let to = secret.range.start.saturating_add(rest);
    let content = text.get(from..to).unwrap_or_default();
    let hidden: Vec<Range<usize>> = all
        .iter()
        .map(|s| s.hidden.clone())
        .filter(|h| h.start < to && h.end > from)
        .map(|h| h.start.saturating_sub(from)..h.end.min(to).saturating_sub(from))
        .collect();
    let mark = secret.range.start.saturating_sub(from)..secret.range.end.min(to).saturating_sub(from);
    let (shown, mark) = shown(content, &hidden, mark);
    let mut location = Location::whole(sink.artifact(), secret.kind.what);
    location.span = Span::Text {
        start,
        end,
        offset: secret.range.start as u64,
        length: secret.range.len() as u64,
    };
    let mut excerpt = Excerpt::new(ExcerptKind::Source);
    excerpt.lines.push(ExcerptLine {
        number: start.line,
        text: shown,
    });
    excerpt.marks.push(Mark {
        line: start.line,
        range: mark,
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

/// Lines and columns of ascending positions, each byte counted once.
struct Lines {
    at: usize,
    line: usize,
    number: usize,
    column: usize,
}

impl Lines {
    fn new() -> Self {
        Self {
            at: 0,
            line: 0,
            number: 1,
            column: 1,
        }
    }

    /// The position in lines and columns, and the first byte of its line.
    fn of(&mut self, text: &str, position: usize) -> (TextPosition, usize) {
        if position < self.at {
            *self = Self::new();
        }
        let end = position.min(text.len());
        let between = text.as_bytes().get(self.at..end).unwrap_or_default();
        let mut counted = between;
        if let Some(last) = between.iter().rposition(|b| *b == b'\n') {
            let breaks = between.iter().filter(|b| **b == b'\n').count();
            self.number = self.number.saturating_add(breaks);
            self.line = self.at.saturating_add(last).saturating_add(1);
            self.column = 1;
            counted = between.get(last.saturating_add(1)..).unwrap_or_default();
        }
        // Bytes that continue a character are no column of their own.
        let chars = counted.iter().filter(|b| **b & 0xc0 != 0x80).count();
        self.column = self.column.saturating_add(chars);
        self.at = end;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let position = TextPosition {
            line: number(self.number),
            column: number(self.column),
        };
        (position, self.line)
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
    fn places_are_those_of_the_text() {
        let text = format!("a\né é {0}\n\n  {1}", token(), token().replace('a', "b"));
        let all = findings("a.txt", Subject::Text(&file(&text)));
        let places: Vec<_> = all.iter().map(|f| f.locations[0].span.clone()).collect();
        let expected: Vec<_> = [token(), token().replace('a', "b")]
            .iter()
            .map(|t| {
                let start = text.find(t.as_str()).unwrap();
                wellhead_core::Location::text(
                    &wellhead_core::ArtifactPath::file("a"),
                    &text,
                    start..start + t.len(),
                    "",
                )
                .span
            })
            .collect();
        assert_eq!(places, expected);
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
