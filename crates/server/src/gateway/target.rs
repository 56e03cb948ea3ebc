//! The target of a request in the one form that everybody reads the same way.
//!
//! Most holes of proxies are differences in reading: the proxy judges one path and what lies behind it serves another.
//! So nothing is repaired here. A target that two programs could read differently is refused, what is left is decoded
//! once for the decision, and exactly the bytes that were judged are sent on.

/// Longest target that is looked at.
const MAX: usize = 16 << 10;

/// A target that has one reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The path, decoded. No segment of it holds a `/` that was not one.
    pub(crate) path: String,
    /// The query as it was sent.
    pub(crate) query: Option<&'a str>,
}

/// Judges a target (`/a/b?c`).
///
/// # Errors
/// With the reason why it is refused.
pub(crate) fn judge(raw: &str) -> Result<Target<'_>, &'static str> {
    if raw.len() > MAX {
        return Err("the target is too long");
    }
    if !raw.starts_with('/') {
        return Err("the target is not a path");
    }
    if !raw.bytes().all(|b| b.is_ascii_graphic()) || raw.contains('#') {
        return Err("the target holds characters that do not belong there");
    }
    let (path, query) = match raw.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (raw, None),
    };
    if path.contains(['\\', ';']) {
        return Err("the path has two readings");
    }
    let path = decoded(path).ok_or("the path has two readings")?;
    if path.contains("//") || path.split('/').any(|s| s == "." || s == "..") {
        return Err("the path has two readings");
    }
    Ok(Target { path, query })
}

/// Percent-decodes once. Nothing where a sequence is broken, is no UTF-8, or stands for a character that means something in
/// a path, or for `%` itself, which the next program might decode again.
fn decoded(path: &str) -> Option<String> {
    let mut out = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let value = hex(bytes.next()?)?
            .checked_mul(16)?
            .checked_add(hex(bytes.next()?)?)?;
        let means_something = matches!(value, b'/' | b'\\' | b'.' | b'%' | b';') || value.is_ascii_control();
        if means_something {
            return None;
        }
        out.push(value);
    }
    let text = String::from_utf8(out).ok()?;
    // C1 controls and the full-width twins of `.`, `/` and `\`, which some decoders fold onto them.
    let folded = |c: char| {
        c.is_control() || matches!(c, '\u{ff0e}' | '\u{ff0f}' | '\u{ff3c}' | '\u{2215}' | '\u{2044}')
    };
    (!text.chars().any(folded)).then_some(text)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// The values of a query, decoded as forms are. What is broken stays as it is: this is for the log, not for decisions.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter(|p| !p.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form(key), form(value))
    })
}

/// Decodes a part of a form. Broken sequences stay, broken UTF-8 becomes a mark.
pub(crate) fn form(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let pair = after
            .first()
            .copied()
            .and_then(hex)
            .zip(after.get(1).copied().and_then(hex));
        match (first, pair) {
            (b'+', _) => out.push(b' '),
            (b'%', Some((high, low))) => {
                out.push(high.wrapping_mul(16).wrapping_add(low));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => out.push(first),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_two_readings_is_refused() {
        for raw in [
            "",
            "a",
            "*",
            "http://a/",
            "//",
            "/a//b",
            "/a/",
            "/..",
            "/a/../b",
            "/./a",
            "/a/.",
            "/a\\b",
            "/a;b",
            "/..;/a",
            "/%2e%2e/a",
            "/%2E/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%00",
            "/a%0d%0ab",
            "/a%252fb",
            "/a%25",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
            "/%ff",
            "/%c0%af",
            "/%c0%ae",
            "/a#b",
            "/a b",
            "/a\tb",
            "/é",
            "/a%7f",
            "/a%3bb",
            "/a%ef%bc%8fb",
            "/a%ef%bc%8e",
            "/%e2%88%95",
            "/a%c2%85",
            "/?#",
            "/? ",
            "/?\u{e9}",
        ] {
            let fine = raw == "/a/";
            assert_eq!(judge(raw).is_ok(), fine, "{raw}");
        }
        assert!(judge(&format!("/{}", "a".repeat(MAX))).is_err());
    }

    #[test]
    fn what_has_one_reading_is_decoded_once() {
        for (raw, path, query) in [
            ("/", "/", None),
            ("/a/b?c=/../%2e;//", "/a/b", Some("c=/../%2e;//")),
            ("/a%20b", "/a b", None),
            ("/%61dmin", "/admin", None),
            ("/m%c3%bcller/x..y", "/müller/x..y", None),
            ("/what%3F.ipynb", "/what?.ipynb", None),
            ("/a?", "/a", Some("")),
            ("/...", "/...", None),
        ] {
            let judged = judge(raw).unwrap();
            assert_eq!((judged.path.as_str(), judged.query), (path, query), "{raw}");
        }
    }

    #[test]
    fn a_query_is_read_as_a_form() {
        let read: Vec<_> = pairs("path=a%2Fb+c&&x&run=%zz%2").collect();
        let is = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(read, [is("path", "a/b c"), is("x", ""), is("run", "%zz%2")]);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(raw in "[/%.;a-f0-9\\\\?#&+=é ]{0,40}") {
            if let Ok(target) = judge(&raw) {
                proptest::prop_assert!(!target.path.split('/').any(|s| s == ".."));
            }
            let _ = pairs(&raw).count();
        }
    }
}
