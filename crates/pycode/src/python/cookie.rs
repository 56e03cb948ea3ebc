//! The encoding that a file of Python declares for itself (PEP 263), where it makes another text of it.
//!
//! Nearly all encodings leave ASCII as it is, and what differs are characters in texts and comments. The one decision:
//! those that do are listed, so that whatever else Python or a codec of somebody's own makes of a file is said.

/// How the names of encodings begin that leave every character of ASCII what it is.
const PLAIN: &[&str] = &[
    "utf-8",
    "utf8",
    "u8",
    "ascii",
    "us-ascii",
    "646",
    "latin",
    "l1",
    "iso-8859",
    "iso8859",
    "8859",
    "cp437",
    "cp72",
    "cp73",
    "cp77",
    "cp8",
    "cp112",
    "cp12",
    "windows-",
    "koi8",
    "mac",
    "euc",
    "tis",
    "hp-roman",
    "kz",
    "ptcp",
    "cyrillic",
    "greek",
    "hebrew",
    "arabic",
    "mbcs",
    "undecided",
    "ujis",
    "cp1006",
    "none",
];
/// The same of encodings in which a byte that is ASCII may be the second half of a character: a backslash that escapes a
/// quote to one reader is a part of a character to the other.
const DOUBLE: &[&str] = &[
    "cp93", "cp94", "cp95", "gb", "big5", "shift", "sjis", "s-jis", "ms", "johab", "uhc", "ks-c", "korean",
    "chinese",
];
/// Names that begin so and are others.
const OTHER: &[&str] = &["cp864", "cp875"];

/// The encoding that a file declares, unless what is read as UTF-8 is what Python reads.
pub fn foreign_encoding(text: &str) -> Option<&str> {
    for line in text.split(['\n', '\r']).take(2) {
        let bare = line.trim_start_matches(['\u{feff}', ' ', '\t', '\u{c}']);
        let Some(comment) = bare.strip_prefix('#') else {
            if bare.is_empty() {
                continue;
            }
            return None;
        };
        if let Some(name) = declared(comment) {
            let plain: String = name.to_ascii_lowercase().replace('_', "-");
            let begins = |names: &[&str]| names.iter().any(|p| plain.starts_with(p));
            let is_plain =
                begins(PLAIN) && !OTHER.contains(&plain.as_str()) || begins(DOUBLE) && text.is_ascii();
            return (!is_plain).then_some(name);
        }
    }
    None
}

fn declared(comment: &str) -> Option<&str> {
    for (at, word) in comment.match_indices("coding") {
        let rest = comment.get(at.saturating_add(word.len())..)?;
        let Some(rest) = rest.strip_prefix([':', '=']) else {
            continue;
        };
        let rest = rest.trim_start_matches([' ', '\t']);
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
        let name = rest.get(..end.unwrap_or(rest.len()))?;
        if !name.is_empty() {
            return Some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::foreign_encoding;

    #[test]
    fn only_encodings_that_change_ascii_are_foreign() {
        for (text, expected) in [
            ("# -*- coding: utf-8 -*-\n", None),
            ("# vim: set fileencoding=latin-1 :\n", None),
            ("#!/usr/bin/python\n# coding=cp1252\n", None),
            ("# -*- coding: UTF_8 -*-", None),
            ("# -*- coding: euc-jp -*-\n", None),
            ("# -*- coding: gbk -*-\n", None),
            ("# -*- coding: gbk -*-\nx = 'é'\n", Some("gbk")),
            (
                "# coding: shift_jis\nx = '\u{fffd}\\'; run() #'\n",
                Some("shift_jis"),
            ),
            ("# coding: cp949\n# \u{fffd}\n", Some("cp949")),
            ("# coding: latin-1\n# é\n", None),
            ("x = 1\n# coding: utf-7\n", None),
            ("\n\n# coding: utf-7\n", None),
            ("# no coding here\n", None),
            ("# coding: utf-7\n", Some("utf-7")),
            ("\u{feff}# coding: unicode_escape\r", Some("unicode_escape")),
            ("#!/usr/bin/python\n#coding:rot13", Some("rot13")),
            (
                "\n# -*- coding: raw_unicode_escape -*-\n",
                Some("raw_unicode_escape"),
            ),
            ("# coding=pyxl\n", Some("pyxl")),
            ("# coding: cp037\n", Some("cp037")),
            ("# coding: utf-16\n", Some("utf-16")),
            ("", None),
        ] {
            assert_eq!(foreign_encoding(text), expected, "{text:?}");
        }
    }
}
