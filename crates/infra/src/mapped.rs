//! Text that was put together from parts of a file and still knows where each character came from.

use std::ops::Range;

/// Characters with the byte of the file each came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapped {
    chars: Vec<(char, usize)>,
}

impl Mapped {
    /// A text that stands in the file as it is, from byte `start` on.
    pub(crate) fn at(text: &str, start: usize) -> Self {
        Self {
            chars: text
                .char_indices()
                .map(|(i, c)| (c, start.saturating_add(i)))
                .collect(),
        }
    }

    /// The text of a scalar that may be quoted, escaped or folded over lines: each character leads to where it stands,
    /// or all of them to the whole scalar where the two cannot be laid side by side.
    pub(crate) fn scalar(text: &str, file: &str, span: &Range<usize>) -> Self {
        let raw = file.get(span.clone()).unwrap_or_default();
        if let Some(at) = raw.find(text).filter(|_| !text.is_empty()) {
            return Self::at(text, span.start.saturating_add(at));
        }
        Self::aligned(text, raw, span.start)
            .or_else(|| Self::by_lines(text, raw, span.start))
            .unwrap_or_else(|| Self::all_at(text, span.start))
    }

    /// A text that can be laid beside the one it was made from.
    fn aligned(text: &str, raw: &str, start: usize) -> Option<Self> {
        let mut out = Self::default();
        let mut rest = raw.char_indices().peekable();
        for c in text.chars() {
            // White space is folded, quotes and backslashes are syntax.
            let skipped = |r: char| r != c && (r.is_whitespace() || matches!(r, '\\' | '"' | '\''));
            while rest.next_if(|(_, r)| skipped(*r)).is_some() {}
            let place = rest.peek().map_or(raw.len(), |(at, _)| *at);
            let matched = rest.next_if(|(_, r)| *r == c).is_some();
            if !matched && !c.is_whitespace() {
                return None;
            }
            out.push(c, start.saturating_add(place));
        }
        Some(out)
    }

    /// A text in which only parts of lines were replaced: each line leads to its own.
    fn by_lines(text: &str, raw: &str, start: usize) -> Option<Self> {
        if text.lines().count() != raw.lines().count() || raw.lines().nth(1).is_none() {
            return None;
        }
        let mut out = Self::default();
        let mut at = start;
        for (made, source) in text.split_inclusive('\n').zip(raw.split_inclusive('\n')) {
            let line = Self::aligned(made, source, at);
            out.extend(&line.unwrap_or_else(|| Self::by_edges(made, source, at)));
            at = at.saturating_add(source.len());
        }
        Some(out)
    }

    /// A line in which something was replaced: what stands before and behind it leads to itself, it to where it begins.
    fn by_edges(made: &str, source: &str, start: usize) -> Self {
        let is_blank = [' ', '\t'];
        let own = made.len().saturating_sub(made.trim_start_matches(is_blank).len());
        let indent = source
            .len()
            .saturating_sub(source.trim_start_matches(is_blank).len());
        let (made_rest, source_rest) = (
            made.get(own..).unwrap_or_default(),
            source.get(indent..).unwrap_or_default(),
        );
        let bytes = |pairs: &mut dyn Iterator<Item = (char, char)>| {
            let same = pairs.take_while(|(a, b)| a == b);
            same.fold(0_usize, |n, (c, _)| n.saturating_add(c.len_utf8()))
        };
        let head = bytes(&mut made_rest.chars().zip(source_rest.chars()));
        let (made_tail, source_tail) = (
            made_rest.get(head..).unwrap_or_default(),
            source_rest.get(head..).unwrap_or_default(),
        );
        let tail = bytes(&mut made_tail.chars().rev().zip(source_tail.chars().rev()));
        let begin = start.saturating_add(indent);
        let middle = begin.saturating_add(head);
        let end = start.saturating_add(source.len());
        let mut out = Self::default();
        for (i, c) in made.char_indices() {
            let at = if i < own {
                begin
            } else if i < own.saturating_add(head) {
                begin.saturating_add(i).saturating_sub(own)
            } else if i >= made.len().saturating_sub(tail) {
                end.saturating_sub(made.len().saturating_sub(i))
            } else {
                middle
            };
            out.push(c, at);
        }
        out
    }

    fn all_at(text: &str, start: usize) -> Self {
        Self {
            chars: text.chars().map(|c| (c, start)).collect(),
        }
    }

    pub(crate) fn push(&mut self, c: char, at: usize) {
        self.chars.push((c, at));
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.chars.extend_from_slice(&other.chars);
    }

    pub(crate) fn get(&self, i: usize) -> Option<char> {
        self.chars.get(i).map(|(c, _)| *c)
    }

    /// Puts another character where one stands.
    pub(crate) fn set(&mut self, i: usize, c: char) {
        if let Some((old, _)) = self.chars.get_mut(i) {
            *old = c;
        }
    }

    /// The character that came from a byte of the file; places never go back.
    pub(crate) fn position_of(&self, byte: usize) -> Option<usize> {
        let i = self.chars.partition_point(|(_, at)| *at < byte);
        self.chars.get(i).filter(|(_, at)| *at == byte).map(|_| i)
    }

    pub(crate) fn len(&self) -> usize {
        self.chars.len()
    }

    pub(crate) fn text(&self) -> String {
        self.chars.iter().map(|(c, _)| *c).collect()
    }

    /// The part between two character positions.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.chars.len());
        let start = range.start.min(end);
        Self {
            chars: self.chars.get(start..end).unwrap_or_default().to_vec(),
        }
    }

    /// Without white space at both ends.
    pub(crate) fn trimmed(&self) -> Self {
        let is_text = |(c, _): &(char, usize)| !c.is_whitespace();
        let start = self.chars.iter().position(is_text).unwrap_or(self.chars.len());
        let end = self
            .chars
            .iter()
            .rposition(is_text)
            .map_or(start, |i| i.saturating_add(1));
        self.slice(start..end)
    }

    /// The bytes of the file between two character positions.
    pub(crate) fn span(&self, range: Range<usize>) -> Range<usize> {
        let start = self
            .chars
            .get(range.start)
            .or_else(|| self.chars.last())
            .map_or(0, |(_, at)| *at);
        let end = range
            .end
            .checked_sub(1)
            .and_then(|last| self.chars.get(last))
            .map_or(start, |(c, at)| at.saturating_add(c.len_utf8()));
        start..end.max(start)
    }

    /// All of it in the file.
    pub(crate) fn whole(&self) -> Range<usize> {
        self.span(0..self.chars.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_a_replaced_value_leads_to_itself() {
        let source = "a:\n  run --host 0.0.0.0 --port ${port} --x é\n";
        let made = "a:\nrun --host 0.0.0.0 --port 5000 --x é\n";
        let mapped = Mapped::scalar(made, source, &(0..source.len()));
        let place = |part: &str| {
            let at = made
                .char_indices()
                .position(|(i, _)| i == made.find(part).unwrap())
                .unwrap();
            let span = mapped.span(at..at + part.chars().count());
            &source[span]
        };
        assert_eq!(place("--host 0.0.0.0"), "--host 0.0.0.0");
        assert_eq!(place("--x é"), "--x é");
        assert_eq!(place("5000"), "$");
    }
}
