//! Why the program could not do what it was asked: one clear error, a hint, exit code 2.

use std::fmt;
use wellhead_core::Location;

/// A failure that ends the program with exit code 2.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What is wrong, without a full stop.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hints: Vec<String>,
    /// The place in the user's own file, if it is about one.
    pub(crate) location: Option<Box<Location>>,
}

impl Failure {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            hints: Vec::new(),
            location: None,
        }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<wellhead_sources::TargetError> for Failure {
    fn from(e: wellhead_sources::TargetError) -> Self {
        Self::new(&e).hint(e.hint)
    }
}

impl From<wellhead_sources::ReadError> for Failure {
    fn from(e: wellhead_sources::ReadError) -> Self {
        Self::new(e)
    }
}

impl From<wellhead_engine::ConfigError> for Failure {
    fn from(e: wellhead_engine::ConfigError) -> Self {
        Self {
            message: e.message,
            hints: e.hint.into_iter().collect(),
            location: Some(e.location),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        if let Some(location) = &self.location {
            let excerpt = location.excerpt.as_ref();
            let mark = excerpt.and_then(|e| e.marks.first());
            let line = mark.and_then(|m| excerpt.and_then(|e| e.lines.iter().find(|l| l.number == m.line)));
            if let wellhead_core::Span::Text { start, .. } = location.span {
                writeln!(f, "  --> {}:{}:{}", location.artifact, start.line, start.column)?;
            }
            if let (Some(mark), Some(line)) = (mark, line) {
                let number = line.number.to_string();
                let gutter = " ".repeat(number.len());
                let before = line
                    .text
                    .get(..mark.range.start)
                    .unwrap_or_default()
                    .chars()
                    .count();
                let marked = line
                    .text
                    .get(mark.range.clone())
                    .unwrap_or_default()
                    .chars()
                    .count()
                    .max(1);
                writeln!(f, "{gutter} |\n{number} | {}", line.text)?;
                writeln!(f, "{gutter} | {}{}", " ".repeat(before), "^".repeat(marked))?;
            }
        }
        if !self.hints.is_empty() {
            writeln!(f)?;
        }
        for hint in &self.hints {
            writeln!(f, "hint: {hint}")?;
        }
        Ok(())
    }
}
