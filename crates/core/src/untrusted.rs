//! Text that an attacker may have written.
//!
//! A package name, a member of an archive or a string in a pickle can hold ANSI sequences that rewrite the terminal,
//! bidirectional controls that reverse what is read (CVE-2021-42574), or line breaks that forge a CI command
//! (RUSTSEC-2025-0055). So the only way to show such text is its `Display`, which escapes all of them.

use std::fmt;

/// Text from outside; its `Display` is safe on a terminal, in a log and in a CI command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Untrusted(String);

impl Untrusted {
    /// Wraps `text` as it stands.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Wraps bytes; sequences that are not UTF-8 become U+FFFD.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The text as it was, for comparisons. Never for output.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The escaped text, cut after `max` characters with an ellipsis.
    pub fn shown(&self, max: usize) -> String {
        let escaped = escape(&self.0);
        if escaped.chars().count() <= max {
            return escaped;
        }
        let mut cut: String = escaped.chars().take(max.saturating_sub(1)).collect();
        cut.push('…');
        cut
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.0))
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Escapes control, bidirectional and invisible characters: `\n`, `\x1b`, `\u{202e}`.
///
/// A backslash stays a backslash, so escaping twice changes nothing.
pub fn escape(text: &str) -> String {
    // Nearly every name is plain.
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if is_deceptive(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// Characters that change how others are read, or cannot be seen: C1 controls, zero-width characters, bidirectional
/// controls, line and paragraph separators, tags, variation selectors' supplement, and the byte order mark.
fn is_deceptive(c: char) -> bool {
    matches!(c as u32,
        0x80..=0x9f | 0xad | 0x61c | 0x115f | 0x1160 | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e
        | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xffa0 | 0xfff9..=0xfffb | 0xe0000..=0xe0fff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_deceive_is_escaped() {
        for (raw, shown) in [
            ("plain é 漢", "plain é 漢"),
            ("\x1b[31mred", "\\x1b[31mred"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("x\n::error::y", "x\\n::error::y"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
        ] {
            assert_eq!(Untrusted::from(raw).to_string(), shown);
        }
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        assert_eq!(Untrusted::from("ééééé").shown(3), "éé…");
    }

    proptest! {
        #[test]
        fn escaping_is_idempotent_and_leaves_nothing_to_escape(text in any::<String>()) {
            let once = escape(&text);
            prop_assert_eq!(&escape(&once), &once);
            prop_assert!(!once.chars().any(|c| c.is_control() || is_deceptive(c)));
        }
    }
}
