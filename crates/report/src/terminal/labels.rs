//! Place-holders in drawn snippets, and what stands for them.
//!
//! annotate-snippets writes `path:line:column` itself and puts a label on one line, however long. So it gets a
//! reserved character for each, and the real text is put in afterwards, where the width is known.

use crate::text::{cut, width, wrap};
use std::ops::Range;
use unicode_width::UnicodeWidthChar;

/// Stands for the n-th headline.
const PATHS: Range<u32> = 0xe400..0xe800;
/// Stands for the n-th label, followed by [`FILL`] up to the width it may take beside others.
const LABELS: Range<u32> = 0xe100..0xe400;
const FILL: char = '\u{e001}';
/// A label keeps its own line if it has this many columns or more.
const MIN_ROOM: usize = 28;
/// Columns that annotate-snippets is told a label takes at most; more makes it hide code to the left of a mark.
const MAX_TOLD: usize = 24;

/// The texts that stand behind the place-holders of one snippet.
#[derive(Default)]
pub(super) struct Labels {
    paths: Vec<String>,
    labels: Vec<String>,
}

impl Labels {
    pub(super) fn count(&self) -> usize {
        self.labels.len()
    }

    /// A place-holder for a headline.
    pub(super) fn path(&mut self, text: String) -> String {
        let at = holder(&PATHS, self.paths.len());
        self.paths.push(text);
        at.to_string()
    }

    /// A place-holder for a label; none for an empty one.
    pub(super) fn label(&mut self, text: String) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        let mut out = holder(&LABELS, self.labels.len()).to_string();
        let told = width(&text).min(MAX_TOLD);
        out.extend(std::iter::repeat_n(FILL, told.saturating_sub(1)));
        self.labels.push(text);
        Some(out)
    }

    /// Puts the texts where their place-holders stand.
    pub(super) fn fill(&self, drawn: &str, max: usize) -> String {
        let mut out = Vec::new();
        for line in drawn.split('\n') {
            match line.chars().filter(|c| LABELS.contains(&(*c as u32))).count() {
                0 => out.push(self.headline(line)),
                1 => self.one(line, max, &mut out),
                _ => out.push(self.many(line)),
            }
        }
        out.join("\n")
    }

    /// Replaces a headline's place-holder together with the `:line:column` that follows it.
    fn headline(&self, line: &str) -> String {
        let Some((at, c)) = line.char_indices().find(|(_, c)| PATHS.contains(&(*c as u32))) else {
            return line.to_owned();
        };
        let (before, rest) = line.split_at_checked(at).unwrap_or((line, ""));
        let after = rest
            .trim_start_matches(c)
            .trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
        let text = self.paths.get(index(&PATHS, c)).map_or("", String::as_str);
        format!("{before}{text}{after}")
    }

    /// Several labels on one line have what they were given, and no more.
    fn many(&self, line: &str) -> String {
        let mut out = String::new();
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            if !LABELS.contains(&(c as u32)) {
                out.push(c);
                continue;
            }
            let mut room = 1_usize;
            while chars.next_if_eq(&FILL).is_some() {
                room = room.saturating_add(1);
            }
            out.push_str(&cut(self.text(c), room));
        }
        out
    }

    /// One label on a line wraps below itself; where there is no room to its right, it goes below its mark.
    fn one(&self, line: &str, max: usize, out: &mut Vec<String>) {
        let Some((at, c)) = line.char_indices().find(|(_, c)| LABELS.contains(&(*c as u32))) else {
            return;
        };
        let (before, rest) = line.split_at_checked(at).unwrap_or((line, ""));
        let after = rest.trim_start_matches([c, FILL]);
        let text = self.text(c);
        let plain = strip(before);
        let column = width(&plain);
        let room = max.saturating_sub(column);
        if width(text) <= room {
            out.push(format!("{before}{text}{after}"));
            return;
        }
        let (style, reset) = style_of(before);
        let (lines, column) = if room >= MIN_ROOM {
            let mut lines = wrap(text, room).into_iter();
            let first = lines.next().unwrap_or_default();
            out.push(format!("{before}{first}{after}"));
            (lines.collect::<Vec<_>>(), column)
        } else {
            // Without the blank before the label, and without the style that was to begin there.
            let bare = before.strip_suffix(style.as_str()).unwrap_or(before);
            out.push(bare.trim_end_matches(' ').to_owned());
            let mark = plain.trim_end().trim_end_matches(['━', '─', '^', '-']);
            let column = width(mark).min(max.saturating_sub(MIN_ROOM)).max(gutter(&plain));
            (wrap(text, max.saturating_sub(column)), column)
        };
        let indent = indent(before, &plain, column, reset);
        out.extend(lines.iter().map(|l| format!("{indent}{style}{l}{reset}")));
    }

    fn text(&self, holder: char) -> &str {
        self.labels.get(index(&LABELS, holder)).map_or("", String::as_str)
    }
}

/// The n-th character of a range; the last one for all that have no place of their own.
fn holder(range: &Range<u32>, n: usize) -> char {
    let n = u32::try_from(n).unwrap_or(u32::MAX);
    let at = range.start.saturating_add(n).min(range.end.saturating_sub(1));
    char::from_u32(at).unwrap_or(FILL)
}

fn index(range: &Range<u32>, holder: char) -> usize {
    usize::try_from((holder as u32).saturating_sub(range.start)).unwrap_or(usize::MAX)
}

/// Columns up to and with the bar and the space after it.
fn gutter(plain: &str) -> usize {
    let bar = plain.find(['│', '|', '╰']).unwrap_or(0);
    width(plain.get(..bar).unwrap_or_default()).saturating_add(2)
}

/// What stands left of a continued label: the gutter's bar as it is drawn, the bars of other labels, blanks.
fn indent(drawn: &str, plain: &str, column: usize, reset: &str) -> String {
    let gutter = drawn
        .split_inclusive(['│', '|'])
        .next()
        .filter(|g| g.ends_with(['│', '|']));
    let mut out = gutter.map(|g| format!("{g}{reset}")).unwrap_or_default();
    let mut used = 0_usize;
    let mut in_gutter = gutter.is_some();
    for c in plain.chars() {
        let wide = c.width().unwrap_or(0);
        if used.saturating_add(wide) > column {
            break;
        }
        used = used.saturating_add(wide);
        match c {
            '│' | '|' if in_gutter => in_gutter = false,
            _ if in_gutter => {}
            '│' | '|' => out.push(c),
            '┬' => out.push('│'),
            _ => out.push_str(&" ".repeat(wide)),
        }
    }
    out.push_str(&" ".repeat(column.saturating_sub(used)));
    out
}

/// The text without its ANSI sequences, which are all of the form `ESC [ … m`.
fn strip(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    out
}

/// The ANSI sequences in force at the end of `text`, and what ends them.
fn style_of(text: &str) -> (String, &'static str) {
    const RESET: &str = "\x1b[0m";
    let since = text.rsplit(RESET).next().unwrap_or_default();
    let style: String = since
        .split('\x1b')
        .skip(1)
        .filter_map(|p| p.split_once('m').map(|(code, _)| format!("\x1b{code}m")))
        .collect();
    if style.is_empty() {
        (style, "")
    } else {
        (style, RESET)
    }
}
