//! Credentials of package indexes and hubs: in addresses, and in the files in which tools keep them.
//!
//! A shape that is a secret wherever it stands is in [`super::shapes`]. What stands here is one only by where it
//! stands: behind `user:` in an address, or behind `password` in a file that holds nothing else.

use super::shapes::{Kind, Secret, is_placeholder_text};
use std::ops::Range;
use wellhead_packages::index::mask;

static ADDRESS: Kind = Kind {
    what: "a password or token in an address",
    harm: "use what the address protects",
    certain: false,
};

static STORED: Kind = Kind {
    what: "a stored password or token",
    harm: "act as its owner there",
    certain: true,
};

/// Words that stand for a password in an example.
const EXAMPLES: &[&str] = &[
    "p", "pw", "pwd", "pass", "passwd", "password", "secret", "token", "key", "api_key", "apikey", "user",
    "username", "name", "foo", "bar", "x", "xxx", "yyy", "...", "test", "hunter", "todo",
];

/// Where addresses of a text hold secrets, examples among them.
pub(super) fn in_addresses(text: &str) -> Vec<Range<usize>> {
    mask(text).secrets
}

/// Passwords that are spoken to a program beside the address: `curl -u name:password`.
pub(super) fn spoken(text: &str) -> Vec<Range<usize>> {
    if !text.contains("curl") {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut at = 0_usize;
    let mut after_option = false;
    for word in text.split_inclusive(|c: char| c.is_whitespace()) {
        let start = at;
        at = at.saturating_add(word.len());
        let bare = word.trim_end();
        let glued = ["--user=", "-u"].iter().find_map(|o| bare.strip_prefix(o));
        let value = match glued.filter(|v| !v.is_empty()) {
            Some(value) => Some(value),
            None if after_option => Some(bare),
            None => None,
        };
        after_option = matches!(bare, "-u" | "--user");
        let secret = value
            .and_then(|v| v.split_once(':'))
            .map(|(_, s)| s.trim_end_matches(['"', '\'', ',', ';', ']']))
            .filter(|s| is_value(s));
        if let Some(secret) = secret {
            let from = start.saturating_add(bare.rfind(secret).unwrap_or_default());
            out.push(from..from.saturating_add(secret.len()));
        }
    }
    out
}

/// The secrets in addresses of a text that are no examples. In source code and prose only what somebody made for a
/// machine counts.
pub(super) fn addresses(text: &str, is_source: bool) -> Vec<Secret> {
    in_addresses(text)
        .into_iter()
        .filter(|range| {
            let value = text.get(range.clone()).unwrap_or_default();
            let lower = value.to_ascii_lowercase();
            let made = value.len() >= 8 && value.bytes().any(|b| b.is_ascii_digit());
            of_the_web(text, range.start)
                && !EXAMPLES.contains(&lower.as_str())
                && !is_placeholder_text(&lower)
                && (made || !is_source)
        })
        .map(|hidden| Secret {
            kind: &ADDRESS,
            range: hidden.clone(),
            hidden,
            name: None,
        })
        .collect()
}

/// Whether the address that a position lies in is one of the web or of a repository: databases on the inner network
/// of a compose file are another matter.
fn of_the_web(text: &str, at: usize) -> bool {
    const FURTHEST: usize = 2_200;
    let mut from = at.saturating_sub(FURTHEST);
    while !text.is_char_boundary(from) {
        from = from.saturating_add(1);
    }
    let Some(before) = text.get(from..at) else {
        return false;
    };
    let Some(scheme) = before.rfind("://").and_then(|i| before.get(..i)) else {
        return false;
    };
    ["http", "https", "ftp", "ssh"].iter().any(|s| {
        scheme
            .get(scheme.len().saturating_sub(s.len())..)
            .is_some_and(|end| end.eq_ignore_ascii_case(s))
    })
}

/// What a file keeps by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    /// `machine … login … password …`
    Netrc,
    /// `password = …` in sections; tokens have sections of their own.
    Sections,
    /// A project's own file, where only `password` says so.
    Project,
    /// Docker's `"auth": "…"`, and the tokens of conda's successors.
    Json,
}

fn store(name: &str) -> Option<Store> {
    let name = name.rsplit('/').next().unwrap_or(name);
    match name {
        ".netrc" | "_netrc" | "netrc" => Some(Store::Netrc),
        ".pypirc" | "pypirc" | "auth.toml" | "credentials.toml" | ".pdm.toml" | "pdm.toml" => {
            Some(Store::Sections)
        }
        "pyproject.toml" | "uv.toml" | "Pipfile" | "pixi.toml" | "poetry.toml" => Some(Store::Project),
        "credentials.json" | ".dockerconfigjson" | "config.json" | "auth.json" | ".dockercfg" => {
            Some(Store::Json)
        }
        _ => None,
    }
}

/// The secrets that a file of that name keeps.
pub(super) fn stored(name: &str, text: &str) -> Vec<Secret> {
    let Some(store) = store(name) else {
        return Vec::new();
    };
    if store == Store::Netrc {
        return netrc(text);
    }
    if store == Store::Json
        && !["\"auths\"", "BearerToken", "CondaToken", "BasicHTTP"]
            .iter()
            .any(|k| text.contains(k))
    {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut at = 0_usize;
    let mut section = "";
    for line in text.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            section = trimmed;
            continue;
        }
        let mut from = 0_usize;
        // A line may hold several, as inline tables and JSON on one line do.
        while let Some((key, value)) = next_pair(line, from) {
            from = value.end.max(from.saturating_add(1));
            let name = line.get(key).unwrap_or_default();
            let text = line.get(value.clone()).unwrap_or_default();
            if is_key(store, section, name) && is_value(text) {
                let hidden = start.saturating_add(value.start)..start.saturating_add(value.end);
                out.push(Secret {
                    kind: &STORED,
                    range: hidden.clone(),
                    hidden,
                    name: None,
                });
            }
        }
    }
    out
}

fn is_key(store: Store, section: &str, key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    match store {
        Store::Project => key == "password",
        Store::Sections => {
            matches!(key.as_str(), "password" | "token" | "api_key" | "access_token")
                || section.contains("pypi-token")
        }
        Store::Json => matches!(
            key.as_str(),
            "auth" | "bearertoken" | "condatoken" | "password" | "identitytoken" | "registrytoken"
        ),
        Store::Netrc => false,
    }
}

/// Whether a value is the secret itself and not the way to it.
fn is_value(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    value.len() >= 3
        && !value.contains(['$', '{', '<', '%'])
        && !value.bytes().all(|b| b == b'*')
        && !EXAMPLES.contains(&lower.as_str())
        && !is_placeholder_text(&lower)
        && !lower.contains("[redacted]")
}

/// The next `key = value`, `key: value` or `"key": "value"` of a line: both without their quotes.
fn next_pair(line: &str, from: usize) -> Option<(Range<usize>, Range<usize>)> {
    let bytes = line.as_bytes();
    let sign = bytes
        .iter()
        .enumerate()
        .skip(from)
        .find(|(_, b)| matches!(b, b'=' | b':'))
        .map(|(i, _)| i)?;
    let before = line.get(..sign)?.trim_end().trim_end_matches(['"', '\'']);
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let length = before.bytes().rev().take_while(|b| word(*b)).count();
    let key = before.len().saturating_sub(length)..before.len();
    let mut start = sign.saturating_add(1);
    while bytes.get(start).is_some_and(|b| matches!(b, b' ' | b'\t')) {
        start = start.saturating_add(1);
    }
    let quote = bytes.get(start).copied().filter(|b| matches!(b, b'"' | b'\''));
    if quote.is_some() {
        start = start.saturating_add(1);
    }
    let rest = bytes.get(start..)?;
    let length = rest
        .iter()
        .take_while(|b| match quote {
            Some(q) => **b != q && **b != b'\n',
            None => !b.is_ascii_whitespace() && !matches!(b, b',' | b'}' | b'{' | b'#'),
        })
        .count();
    Some((key, start..start.saturating_add(length)))
}

/// `machine host login name password secret`, over lines as one likes.
fn netrc(text: &str) -> Vec<Secret> {
    let mut out = Vec::new();
    let mut after_password = false;
    let mut at = 0_usize;
    for word in text.split_inclusive(|c: char| c.is_whitespace()) {
        let bare = word.trim_end();
        let range = at..at.saturating_add(bare.len());
        at = at.saturating_add(word.len());
        if bare.is_empty() {
            continue;
        }
        let value = bare.trim_matches('"');
        if std::mem::replace(&mut after_password, bare == "password") && is_value(value) {
            out.push(Secret {
                kind: &STORED,
                hidden: range.clone(),
                range,
                name: None,
            });
        }
    }
    out
}

/// Several lists as one, in the order of the text, none inside another.
pub(super) fn joined(mut all: Vec<Secret>) -> Vec<Secret> {
    all.sort_by_key(|s| (s.range.start, std::cmp::Reverse(s.range.end)));
    let mut out: Vec<Secret> = Vec::with_capacity(all.len());
    for secret in all {
        if out.last().is_none_or(|last| secret.range.start >= last.range.end) {
            out.push(secret);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_keep_passwords_are_read_by_their_names() {
        for (name, text, hidden) in [
            (
                ".netrc",
                "machine h.example\n  login me\n  password s3cr3t!\n",
                "s3cr3t!",
            ),
            (".netrc", "machine h.example login me password ${TOKEN}\n", ""),
            (
                ".pypirc",
                "[acme]\nusername = me\npassword = s3cr3t!\n",
                "s3cr3t!",
            ),
            (".pypirc", "[acme]\nusername: me\npassword: %(TOKEN)s\n", ""),
            (
                "auth.toml",
                "[http-basic.acme]\nusername = \"me\"\npassword = \"s3cr3t!\"\n",
                "s3cr3t!",
            ),
            ("auth.toml", "[pypi-token]\npypi = \"s3cr3t!\"\n", "s3cr3t!"),
            (
                "pyproject.toml",
                "[[tool.pdm.source]]\nname = \"a\"\npassword = \"s3cr3t!\"\n",
                "s3cr3t!",
            ),
            (
                "pyproject.toml",
                "[[tool.pdm.source]]\npassword = \"${SECRET}\"\n",
                "",
            ),
            (
                "pyproject.toml",
                "keywords = [\"password\", \"token\"]\ntoken = \"not-looked-at\"\n",
                "",
            ),
            (
                "pdm.toml",
                "pypi = {username = \"me\", password = \"s3cr3t!\"}\n",
                "s3cr3t!",
            ),
            (
                "config.json",
                "{\"auths\": {\"r.example\": {\"auth\": \"bWU6czNjcjN0\"}}}",
                "bWU6czNjcjN0",
            ),
            (
                "config.json",
                "{\"model_type\": \"bert\", \"auth\": \"abcdefgh\"}",
                "",
            ),
            ("notes.txt", "password = s3cr3t!\n", ""),
        ] {
            let found: Vec<&str> = stored(name, text)
                .iter()
                .map(|s| &text[s.hidden.clone()])
                .collect();
            assert_eq!(found.join(" "), hidden, "{name} {text}");
        }
    }

    #[test]
    fn passwords_spoken_to_curl_are_hidden() {
        for (text, hidden) in [
            ("RUN curl -u bot:s3cr3t! https://h.example", "s3cr3t!"),
            ("curl --user=bot:s3cr3t! https://h.example", "s3cr3t!"),
            ("curl -ubot:s3cr3t! https://h.example", "s3cr3t!"),
            ("curl -u 'bot:s3cr3t!' https://h.example", "s3cr3t!"),
            ("curl -u bot:$TOKEN https://h.example", ""),
            ("docker run -u 1000:1000 x", ""),
        ] {
            let found: Vec<&str> = spoken(text).into_iter().map(|r| &text[r]).collect();
            assert_eq!(found.join(" "), hidden, "{text}");
        }
    }

    #[test]
    fn addresses_with_made_up_passwords_are_examples() {
        for (text, is_source, count) in [
            ("ARG U=https://x:tok@pypi.corp.example/simple", false, 1),
            ("https://user:password@host.example", false, 0),
            ("https://u:${TOKEN}@host.example", false, 0),
            ("https://u:{{ secrets.TOKEN }}@host.example", false, 0),
            ("postgres://u:s3cr3t-99@db/x", false, 0),
            ("# https://me:easy@host.example", true, 0),
            (
                "!pip install -i https://me:a8f3k2l9d0@host.example/simple x",
                true,
                1,
            ),
        ] {
            assert_eq!(addresses(text, is_source).len(), count, "{text}");
        }
    }
}
