use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
};
use wellhead_formats::{document::DataFile, text::Node};

/// A tokenizer splits texts by a pattern that backtracks without end.
pub(crate) static BACKTRACKING_TOKENIZER_PATTERN: Rule = Rule {
    id: "backtracking-tokenizer-pattern",
    summary: "a tokenizer's pattern takes exponential time on some texts",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 3,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a tokenizer, and whoever may send it a text",
        vector: "a pattern in `tokenizer.json` with a repetition inside a repetition",
        weakness: "the library's regular expressions backtrack",
        impact: "one short text keeps a server busy for hours",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1333)],
    page: include_str!("backtracking_tokenizer_pattern.md"),
    file: file!(),
};

/// Parts of a tokenizer that hold patterns.
const PARTS: &[&str] = &["normalizer", "pre_tokenizer", "post_processor", "decoder"];

pub(crate) fn check(data: &DataFile, sink: &mut Sink) {
    let Ok(root) = &data.root else { return };
    // What the tokenizers library writes; other files may hold patterns for anything.
    if root.get("model").is_none() || root.get("pre_tokenizer").is_none() {
        return;
    }
    for part in PARTS.iter().filter_map(|part| root.get(part)) {
        part.walk(&mut |node| {
            for entry in node.entries() {
                if entry.key != "Regex" {
                    continue;
                }
                let Some(pattern) = entry.node.as_str().filter(|p| p.len() <= 1 << 16) else {
                    continue;
                };
                if let Some(loops) = nested_loop(pattern) {
                    sink.push(finding(data, &entry.node, &loops, sink));
                }
            }
        });
    }
}

fn finding(data: &DataFile, node: &Node, loops: &str, sink: &Sink) -> Finding {
    let message = format!(
        "a short text may keep this tokenizer busy for hours: its pattern repeats what repeats, {}",
        code(loops)
    );
    let place = sink.text(&data.text.text, node.span.clone(), "backtracks");
    Finding::new(&BACKTRACKING_TOKENIZER_PATTERN, message, place)
        .help("take the tokenizer of the model that this one was made from")
        .subject(loops.to_owned())
}

/// The first part of a pattern that repeats what repeats, so that one text can be split in exponentially many ways.
fn nested_loop(pattern: &str) -> Option<String> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut reader = Reader {
        chars: &chars,
        at: 0,
        found: None,
    };
    reader.alternatives(0);
    let (start, end) = reader.found?;
    Some(chars.get(start..end)?.iter().collect())
}

/// What is known of a part of a pattern.
#[derive(Clone, Copy)]
struct Item {
    /// It can match nothing.
    empty: bool,
    /// It repeats without a bound.
    repeats: bool,
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    found: Option<(usize, usize)>,
}

/// How deep groups may nest.
const MAX_DEPTH: usize = 64;

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Up to the end of a group; whether one way through it is a repetition and otherwise nothing, and whether it can match
    /// nothing.
    fn alternatives(&mut self, depth: usize) -> (bool, bool) {
        let (mut only_repeats, mut empty) = (false, false);
        let mut items: Vec<Item> = Vec::new();
        loop {
            let end = matches!(self.peek(), None | Some('|' | ')'));
            if !end {
                items.push(self.item(depth));
                continue;
            }
            let needed = items.iter().filter(|i| !i.empty && !i.repeats).count();
            let loops = items.iter().filter(|i| i.repeats).count();
            only_repeats |= needed == 0 && loops > 0;
            empty |= items.iter().all(|i| i.empty);
            items.clear();
            match self.peek() {
                Some('|') => self.step(),
                Some(')') if depth == 0 => self.step(),
                _ => return (only_repeats, empty),
            }
        }
    }

    fn item(&mut self, depth: usize) -> Item {
        let start = self.at;
        let (mut only_repeats, mut empty, mut atomic) = (false, false, false);
        match self.peek() {
            Some('(') => {
                self.step();
                let around = self.group_kind();
                atomic = around == Some('>');
                if depth < MAX_DEPTH {
                    (only_repeats, empty) = self.alternatives(depth.saturating_add(1));
                }
                if self.peek() == Some(')') {
                    self.step();
                }
                empty |= around == Some('=');
            }
            Some('[') => self.class(),
            Some('\\') => {
                self.step();
                empty = matches!(self.peek(), Some('b' | 'B' | 'A' | 'Z' | 'z' | 'G'));
                if matches!(self.peek(), Some('p' | 'P')) {
                    self.step();
                    if self.peek() == Some('{') {
                        while !matches!(self.peek(), None | Some('}')) {
                            self.step();
                        }
                    }
                }
                self.step();
            }
            Some('^' | '$') => {
                empty = true;
                self.step();
            }
            _ => self.step(),
        }
        let (least, unbounded) = self.quantifier();
        if unbounded && only_repeats && !atomic && self.found.is_none() {
            self.found = Some((start, self.at));
        }
        Item {
            empty: empty || least == 0,
            repeats: unbounded,
        }
    }

    /// Goes over `?:` and its like; `=` for one that looks round, `>` for one that does not come back.
    fn group_kind(&mut self) -> Option<char> {
        if self.peek() != Some('?') {
            return None;
        }
        self.step();
        let kind = match self.peek() {
            Some('=' | '!') => Some('='),
            Some('>') => Some('>'),
            Some('<') if matches!(self.chars.get(self.at.saturating_add(1)), Some('=' | '!')) => {
                self.step();
                Some('=')
            }
            _ => None,
        };
        if kind.is_some() {
            self.step();
            return kind;
        }
        // Flags and names end with a colon or a bracket.
        while let Some(c) = self.peek() {
            if c == ')' {
                return None;
            }
            self.step();
            if matches!(c, ':' | '>') {
                return None;
            }
        }
        None
    }

    fn class(&mut self) {
        self.step();
        let mut first = true;
        let mut open = 1_usize;
        while let Some(c) = self.peek() {
            self.step();
            match c {
                '\\' => self.step(),
                '[' => open = open.saturating_add(1),
                ']' if !first => {
                    open = open.saturating_sub(1);
                    if open == 0 {
                        return;
                    }
                }
                _ => {}
            }
            first = first && c == '^';
        }
    }

    /// The least number of times, and whether there is no greatest; a possessive one never comes back.
    fn quantifier(&mut self) -> (u32, bool) {
        let (least, unbounded) = match self.peek() {
            Some('*') => (0, true),
            Some('+') => (1, true),
            Some('?') => (0, false),
            Some('{') => return self.counted(),
            _ => return (1, false),
        };
        self.step();
        self.manner(least, unbounded)
    }

    fn manner(&mut self, least: u32, unbounded: bool) -> (u32, bool) {
        match self.peek() {
            Some('+') => {
                self.step();
                (least, false)
            }
            Some('?') => {
                self.step();
                (least, unbounded)
            }
            _ => (least, unbounded),
        }
    }

    fn counted(&mut self) -> (u32, bool) {
        let rest: String = self
            .chars
            .get(self.at..)
            .unwrap_or_default()
            .iter()
            .take(24)
            .collect();
        let Some((inner, _)) = rest.strip_prefix('{').and_then(|r| r.split_once('}')) else {
            return (1, false);
        };
        let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
        let number = |text: &str| text.trim().parse::<u32>().ok();
        if number(least).is_none() && !least.is_empty() {
            return (1, false);
        }
        self.at = self.at.saturating_add(inner.chars().count()).saturating_add(2);
        // A bound of thousands is none.
        let unbounded = most.is_empty() || number(most).is_some_and(|n| n > 1000);
        self.manner(number(least).unwrap_or(0), unbounded)
    }
}

#[cfg(test)]
mod tests {
    use super::nested_loop;

    #[test]
    fn repetitions_of_repetitions_are_told_from_ordinary_patterns() {
        for (pattern, expected) in [
            ("(a+)+$", Some("(a+)+")),
            (r"(\w+\s?)*!", Some(r"(\w+\s?)*")),
            ("x(?:[a-z]*)*y", Some("(?:[a-z]*)*")),
            (r"(?:\d+|x)+$", Some(r"(?:\d+|x)+")),
            ("((a*b?)*c)", Some("(a*b?)*")),
            ("(a{1,}){2,}", Some("(a{1,}){2,}")),
            // GPT-2, Llama 3, GPT-4o, DeepSeek, Qwen.
            (
                r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
                None,
            ),
            (
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
                None,
            ),
            (
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t)?|\p{N}{1,3}",
                None,
            ),
            (
                r"[!#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",
                None,
            ),
            (r"\p{N}{1,3}(?=(?:\p{N}{3})*$)", None),
            ("(?:[a-z]+,)+", None),
            ("(?>a+)+", None),
            ("(a++)+", None),
            ("(ab)+", None),
            ("[(a+)+]", None),
        ] {
            assert_eq!(nested_loop(pattern).as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn hostile_patterns_end() {
        for pattern in [
            "(".repeat(60_000),
            "[".repeat(60_000),
            ")*".repeat(30_000),
            "(?".repeat(30_000),
            "\\".to_owned(),
        ] {
            nested_loop(&pattern);
        }
    }
}
