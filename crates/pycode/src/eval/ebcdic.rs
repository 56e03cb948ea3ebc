//! The code pages of mainframes, in which no letter stands where ASCII has it.
//!
//! Nobody writes Python in them, so a program that is decoded from one was hidden there. The one decision: one page in
//! full, and of the others what sets them apart from it.

/// Code page 37, sixteen bytes a row.
const CP037: [&str; 16] = [
    "\u{0}\u{1}\u{2}\u{3}\u{9c}\u{9}\u{86}\u{7f}\u{97}\u{8d}\u{8e}\u{b}\u{c}\u{d}\u{e}\u{f}",
    "\u{10}\u{11}\u{12}\u{13}\u{9d}\u{85}\u{8}\u{87}\u{18}\u{19}\u{92}\u{8f}\u{1c}\u{1d}\u{1e}\u{1f}",
    "\u{80}\u{81}\u{82}\u{83}\u{84}\u{a}\u{17}\u{1b}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{5}\u{6}\u{7}",
    "\u{90}\u{91}\u{16}\u{93}\u{94}\u{95}\u{96}\u{4}\u{98}\u{99}\u{9a}\u{9b}\u{14}\u{15}\u{9e}\u{1a}",
    " \u{a0}âäàáãåçñ¢.<(+|",
    "&éêëèíîïìß!$*);¬",
    "-/ÂÄÀÁÃÅÇÑ¦,%_>?",
    "øÉÊËÈÍÎÏÌ`:#@'=\u{22}",
    "Øabcdefghi«»ðýþ±",
    "°jklmnopqrªºæ¸Æ¤",
    "µ~stuvwxyz¡¿ÐÝÞ®",
    "^£¥·©§¶¼½¾[]¯¨´×",
    "{ABCDEFGHI\u{ad}ôöòóõ",
    "}JKLMNOPQR¹ûüùúÿ",
    "\u{5c}÷STUVWXYZ²ÔÖÒÓÕ",
    "0123456789³ÛÜÙÚ\u{9f}",
];

/// What other pages have in the place of a byte.
type Others = &'static [(u8, char)];

/// The other pages.
#[rustfmt::skip]
const PAGES: &[(&str, Others)] = &[
    ("cp037", &[]),
    ("cp273", &[(0x43, '\u{7b}'), (0x4a, '\u{c4}'), (0x4f, '\u{21}'), (0x59, '\u{7e}'), (0x5a, '\u{dc}'), (0x5f, '\u{5e}'), (0x63, '\u{5b}'), (0x6a, '\u{f6}'), (0x7c, '\u{a7}'), (0xa1, '\u{df}'), (0xb0, '\u{a2}'), (0xb5, '\u{40}'), (0xba, '\u{ac}'), (0xbb, '\u{7c}'), (0xbc, '\u{203e}'), (0xc0, '\u{e4}'), (0xcc, '\u{a6}'), (0xd0, '\u{fc}'), (0xdc, '\u{7d}'), (0xe0, '\u{d6}'), (0xec, '\u{5c}'), (0xfc, '\u{5d}')]),
    ("cp500", &[(0x4a, '\u{5b}'), (0x4f, '\u{21}'), (0x5a, '\u{5d}'), (0x5f, '\u{5e}'), (0xb0, '\u{a2}'), (0xba, '\u{ac}'), (0xbb, '\u{7c}')]),
    ("cp1026", &[(0x48, '\u{7b}'), (0x4a, '\u{c7}'), (0x4f, '\u{21}'), (0x5a, '\u{11e}'), (0x5b, '\u{130}'), (0x5f, '\u{5e}'), (0x68, '\u{5b}'), (0x6a, '\u{15f}'), (0x79, '\u{131}'), (0x7b, '\u{d6}'), (0x7c, '\u{15e}'), (0x7f, '\u{dc}'), (0x8c, '\u{7d}'), (0x8d, '\u{60}'), (0x8e, '\u{a6}'), (0xa1, '\u{f6}'), (0xac, '\u{5d}'), (0xad, '\u{24}'), (0xae, '\u{40}'), (0xb0, '\u{a2}'), (0xba, '\u{ac}'), (0xbb, '\u{7c}'), (0xc0, '\u{e7}'), (0xcc, '\u{7e}'), (0xd0, '\u{11f}'), (0xdc, '\u{5c}'), (0xe0, '\u{fc}'), (0xec, '\u{23}'), (0xfc, '\u{22}')]),
    ("cp1140", &[(0x9f, '\u{20ac}')]),
];

/// The characters that bytes of a page stand for; `None` where the page is none of these.
pub(super) fn decode(bytes: &[u8], page: &str) -> Option<String> {
    let name = match page {
        "ebcdic-cp-be" | "ebcdic-cp-ch" | "ibm500" | "500" => "cp500",
        "ebcdic-cp-us" | "ebcdic-cp-ca" | "ebcdic-cp-nl" | "ebcdic-cp-wt" | "ibm037" | "ibm039" | "037" => {
            "cp037"
        }
        "ibm273" | "273" => "cp273",
        "ibm1026" | "1026" => "cp1026",
        "ibm1140" | "1140" => "cp1140",
        other => other,
    };
    let (_, others) = PAGES.iter().find(|(known, _)| *known == name)?;
    let table: Vec<char> = CP037.iter().flat_map(|row| row.chars()).collect();
    bytes
        .iter()
        .map(|byte| {
            let other = others.iter().find(|(at, _)| at == byte).map(|(_, c)| *c);
            other.or_else(|| table.get(usize::from(*byte)).copied())
        })
        .collect()
}

/// Whether a text is only read by whoever knows that it is in such a page, or in a form that is no text at all.
pub(super) fn disguises(codec: &str) -> bool {
    let plain = codec.to_ascii_lowercase().replace('_', "-");
    let pages = ["cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140"];
    pages.contains(&plain.as_str())
        || plain.starts_with("ibm") && plain.len() > 3
        || plain.starts_with("ebcdic")
        || matches!(
            plain.trim_end_matches("-codec"),
            "rot13" | "rot-13" | "hex" | "base64" | "zlib" | "zip" | "bz2" | "uu" | "quopri"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_mainframes_are_read() {
        // `print(1)`, by Python itself.
        let bytes = [0x97, 0x99, 0x89, 0x95, 0xa3, 0x4d, 0xf1, 0x5d];
        for page in ["cp037", "cp273", "cp500", "cp1026", "cp1140"] {
            assert_eq!(decode(&bytes, page).as_deref(), Some("print(1)"), "{page}");
        }
        assert_eq!(decode(b"x", "utf-8"), None);
        assert_eq!(decode(&[0x9f], "cp1140").as_deref(), Some("\u{20ac}"));
        assert_eq!(decode(&[0x4a], "cp1026").as_deref(), Some("\u{c7}"));
        assert!(disguises("cp1026") && disguises("hex_codec") && !disguises("utf-8") && !disguises("cp1252"));
    }
}
