//! Addresses in configuration: their parts, and the secrets in them.

use std::{borrow::Cow, ops::Range};
use wellhead_core::escape;

/// An address without its secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Address {
    /// The address without user and password, safe to show.
    pub shown: String,
    /// The scheme in lower case; empty for a path.
    pub scheme: String,
    /// The host in lower case; empty for a path.
    pub host: String,
}

impl Address {
    /// Reads an address or a path.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self {
                shown: escape(text),
                ..Self::default()
            };
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = if let Some(six) = host_port.strip_prefix('[') {
            six.split(']').next().unwrap_or_default()
        } else {
            host_port.split(':').next().unwrap_or_default()
        };
        Self {
            shown: escape(&format!("{scheme}://{host_port}{path}")),
            scheme: scheme.to_ascii_lowercase(),
            host: host.trim_end_matches('.').to_ascii_lowercase(),
        }
    }

    /// Whether it is a variable whose value is not known here, and that does not say a folder of the machine.
    pub fn is_open(&self) -> bool {
        let folder = ["$HOME", "${HOME}", "$PWD", "${PWD}", "$(pwd)"];
        self.scheme.is_empty()
            && self.shown.starts_with('$')
            && !folder.iter().any(|name| self.shown.starts_with(name))
    }

    /// Whether it never leaves the machine.
    pub fn is_local(&self) -> bool {
        (self.scheme.is_empty() && !self.is_open())
            || self.scheme == "file"
            || self.host == "localhost"
            || self.host == "::1"
            || self.host.ends_with(".localhost")
            || (self.host.starts_with("127.") && self.host.split('.').count() == 4)
    }

    /// Whether everybody can publish there: the public index, or a mirror of all of its names.
    pub fn is_public_index(&self) -> bool {
        crate::well_known::is_public(self)
    }

    /// The address in the form in which two of them are compared.
    pub fn key(&self) -> String {
        let shown = self.shown.trim_end_matches('/');
        let path = shown.split_once("://").map_or(shown, |(_, rest)| rest);
        format!("{}://{}", self.scheme, path.to_ascii_lowercase())
    }
}

/// A text whose secrets are blotted out, byte for byte, so that every place keeps its position.
pub struct Masked<'a> {
    /// The text to read and to quote.
    pub text: Cow<'a, str>,
    /// Where secrets stood.
    pub secrets: Vec<Range<usize>>,
}

/// Blots out the passwords and tokens in the addresses of a text.
///
/// Everything that is read and shown afterwards comes from the blotted text, so no renderer can leak one.
pub fn mask(text: &str) -> Masked<'_> {
    let mut secrets = Vec::new();
    for (at, _) in text.match_indices("://") {
        let start = at.saturating_add(3);
        let Some(rest) = text.get(start..) else { continue };
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '>' | '<' | '`');
        let whole = rest.find(ends).unwrap_or(rest.len());
        let host = |end: usize| rest.get(..end).and_then(|a| a.rfind('@'));
        // A comma parts the addresses of a list, unless what is behind it belongs to a password.
        let end = rest.get(..whole).and_then(|a| a.find(',')).unwrap_or(whole);
        let end = if host(end).is_none() && host(whole).is_some() {
            whole
        } else {
            end
        };
        let user = host(end).and_then(|i| rest.get(..i));
        if let Some((from, to)) = user.and_then(secret_part) {
            secrets.push(start.saturating_add(from)..start.saturating_add(to));
        }
        let after = start.saturating_add(end);
        let in_path = tokens_of_path(text.get(after..).unwrap_or_default());
        secrets.extend(
            in_path
                .into_iter()
                .map(|r| after.saturating_add(r.start)..after.saturating_add(r.end)),
        );
    }
    if secrets.is_empty() {
        return Masked {
            text: Cow::Borrowed(text),
            secrets,
        };
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0_usize;
    for secret in &secrets {
        out.push_str(text.get(at..secret.start).unwrap_or_default());
        out.extend(std::iter::repeat_n('*', secret.len()));
        at = secret.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Masked {
        text: Cow::Owned(out),
        secrets,
    }
}

/// The longest path that is looked through.
const LONGEST_PATH: usize = 2_000;

/// Parameters of an address whose value is a secret.
const PARAMETERS: &[&str] = &[
    "token",
    "access_token",
    "auth_token",
    "api_key",
    "apikey",
    "private_token",
    "sig",
];

/// Secrets behind the host of an address: conda's `/t/<token>/`, and parameters such as `?token=`.
fn tokens_of_path(text: &str) -> Vec<Range<usize>> {
    let ends =
        |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b',' | b'>' | b'`' | b')' | b']');
    let bytes = text.as_bytes();
    let length = bytes.iter().take(LONGEST_PATH).take_while(|b| !ends(b)).count();
    let Some(path) = text.get(..length) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let part = |from: usize, stops: &[char]| {
        let rest = path.get(from..).unwrap_or_default();
        let end = rest.find(stops).unwrap_or(rest.len());
        (
            from..from.saturating_add(end),
            rest.get(..end).unwrap_or_default(),
        )
    };
    if let Some(at) = path.find("/t/") {
        let (range, value) = part(at.saturating_add(3), &['/', '?', '#']);
        let digits = value.bytes().any(|b| b.is_ascii_digit());
        // A forum has its topics at `/t/words-of-the-title/123`; a channel has a name.
        let (_, behind) = part(range.end.saturating_add(1), &['/', '?', '#']);
        let is_topic = !behind.is_empty() && behind.bytes().all(|b| b.is_ascii_digit());
        if value.len() >= 8
            && !is_topic
            && (digits || value.contains('-'))
            && !is_reference(value)
            && !value.contains(['.', '{', '$'])
        {
            out.push(range);
        }
    }
    let query = path.find('?').map_or(path.len(), |i| i.saturating_add(1));
    // The token of a badge only shows a picture, and is made to stand in a public page.
    if path.get(..query).is_some_and(|p| p.ends_with("badge.svg?")) {
        return out;
    }
    let mut from = query;
    for pair in path.get(query..).unwrap_or_default().split('&') {
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        let (range, value) = part(
            from.saturating_add(name.len()).saturating_add(1),
            &['&', '#', ';'],
        );
        if PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
            && value.len() >= 6
            && !is_reference(value)
            && !value.contains(['{', '$', '<'])
        {
            out.push(range);
        }
        from = from.saturating_add(pair.len()).saturating_add(1);
    }
    out
}

/// The part of `user:password` that is a secret.
fn secret_part(user: &str) -> Option<(usize, usize)> {
    match split_user(user) {
        Some((name, password)) => {
            let from = name.len().saturating_add(1);
            if password.is_empty() {
                return looks_like_token(name).then_some((0, name.len()));
            }
            (!is_reference(password)).then_some((from, user.len()))
        }
        None => looks_like_token(user).then_some((0, user.len())),
    }
}

/// User and password; a colon inside of `${NAME:-default}` parts nothing.
fn split_user(user: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    for (at, c) in user.char_indices() {
        match c {
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return Some((user.get(..at)?, user.get(at.saturating_add(1)..)?)),
            _ => {}
        }
    }
    None
}

/// Whether the text only names where the secret lies: a variable, a template, a placeholder, or what was blotted out.
fn is_reference(text: &str) -> bool {
    let placeholder = text.chars().all(|c| matches!(c, '*' | 'x' | 'X' | '.'));
    text.starts_with('$')
        || text.starts_with("%(")
        || (text.len() > 1 && text.starts_with('%') && text.ends_with('%'))
        || text.starts_with("{{")
        || (text.starts_with('{') && text.ends_with('}'))
        || text.starts_with('<')
        || placeholder
}

/// Whether a user name alone is a token: long, with digits among letters. Names that key rings put there
/// (`oauth2accesstoken`, `VssSessionToken`) have no digits to speak of.
fn looks_like_token(user: &str) -> bool {
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    let letters = user.bytes().filter(u8::is_ascii_alphabetic).count();
    user.len() >= 16 && digits >= 2 && letters >= 4 && !is_reference(user) && !user.contains(['.', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_shown_without_user_and_password() {
        for (text, shown, host) in [
            (
                "https://u:p@Pypi.Corp.example:8443/simple/",
                "https://Pypi.Corp.example:8443/simple/",
                "pypi.corp.example",
            ),
            ("http://[::1]:3141/root", "http://[::1]:3141/root", "::1"),
            ("./wheels", "./wheels", ""),
        ] {
            let a = Address::new(text);
            assert_eq!((a.shown.as_str(), a.host.as_str()), (shown, host));
        }
    }

    #[test]
    fn secrets_are_blotted_out_where_they_stand() {
        for (text, masked) in [
            (
                "-i https://x:tok@pypi.example/simple",
                Some("-i https://x:***@pypi.example/simple"),
            ),
            ("https://a:p@ss@h.example", Some("https://a:****@h.example")),
            (
                "https://a:%24ecret@h.example",
                Some("https://a:********@h.example"),
            ),
            ("https://a:p,q@h.example,b", Some("https://a:***@h.example,b")),
            (
                "https://a.example,https://b:pw@c.example",
                Some("https://a.example,https://b:**@c.example"),
            ),
            ("https://a:%PASS%@h.example", None),
            ("https://a:%(PASS)s@h.example", None),
            (
                "https://glpat0123456789abcdef:@h.example",
                Some("https://*********************:@h.example"),
            ),
            (
                "https://0123456789abcdef0123@h.example/x",
                Some("https://********************@h.example/x"),
            ),
            ("https://user:${TOKEN}@h.example", None),
            ("https://$USER:$PASS@h.example", None),
            ("https://oauth2accesstoken@h.example", None),
            ("https://${ACME_TOKEN_2026:-}@h.example", None),
            ("https://${ACME_USER:-me}:${ACME_PASS:-}@h.example", None),
            ("git+ssh://git@github.com/x.git@v1", None),
            ("https://h.example/a@b:c@d", None),
            (
                "https://conda.example/t/ab-12345678-cd/acme",
                Some("https://conda.example/t/**************/acme"),
            ),
            ("https://conda.example/t/${TOKEN}/acme", None),
            ("https://conda.example/t/<TOKEN>/acme", None),
            ("https://h.example/t/short/acme", None),
            ("https://forum.example/t/words-of-a-title/684/3", None),
            ("https://forum.example/t/words-of-2-titles/684).", None),
            (
                "https://conda.example/t/ab-12345678-cd/2026-acme/noarch",
                Some("https://conda.example/t/**************/2026-acme/noarch"),
            ),
            (
                "https://coverage.example/gh/acme/a/graph/badge.svg?token=erZTquL5n0",
                None,
            ),
            (
                "https://h.example/simple?x=1&token=abc123def#f",
                Some("https://h.example/simple?x=1&token=*********#f"),
            ),
            ("https://h.example/simple?token=$TOKEN", None),
        ] {
            let m = mask(text);
            assert_eq!(m.text, masked.unwrap_or(text));
            assert_eq!(m.text.len(), text.len());
        }
    }

    proptest! {
        #[test]
        fn positions_are_kept_and_masking_ends(text in "[a:/@$é0 \n]{0,40}(://)?[a:@/é0]{0,20}") {
            let m = mask(&text);
            prop_assert_eq!(m.text.len(), text.len());
            let _ = Address::new(&text);
        }
    }
}
