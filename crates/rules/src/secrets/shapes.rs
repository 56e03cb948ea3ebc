//! What tokens look like, and what only looks like one.
//!
//! One pass of a multi-pattern search finds the few places that are worth a look, so that a text of a hundred
//! megabytes costs little more than reading it. A shape alone is not enough: what has too few different characters,
//! counts upwards or contains a word such as `example` is a placeholder.

use aho_corasick::AhoCorasick;
use std::{ops::Range, sync::LazyLock};

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) kind: &'static Kind,
    /// The part that has to stay hidden.
    pub(super) hidden: Range<usize>,
    /// The whole, from its prefix or name on.
    pub(super) range: Range<usize>,
    /// The name it is assigned to, where that is how it was found.
    pub(super) name: Option<String>,
}

/// A kind of secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// What it is, with its article: "a Hugging Face token".
    pub(super) what: &'static str,
    /// What whoever reads it can do, as the end of "whoever reads this can …".
    pub(super) harm: &'static str,
    /// How sure its shape makes it.
    pub(super) certain: bool,
}

const fn kind(what: &'static str, harm: &'static str) -> Kind {
    Kind {
        what,
        harm,
        certain: true,
    }
}

static HUGGING_FACE: Kind = kind("a Hugging Face token", "act as its owner on the hub");
static PYPI: Kind = kind("a PyPI token", "publish releases under its owner's name");
static AWS: Kind = kind("an AWS access key", "act as its owner in the cloud");
static GITHUB: Kind = kind("a GitHub token", "act as its owner on GitHub");
static GITLAB: Kind = kind("a GitLab token", "act as its owner on GitLab");
static OPENAI: Kind = kind("an OpenAI key", "spend and read on its owner's account");
static ANTHROPIC: Kind = kind("an Anthropic key", "spend and read on its owner's account");
static GROQ: Kind = kind("a Groq key", "spend on its owner's account");
static REPLICATE: Kind = kind("a Replicate token", "act as its owner on Replicate");
static NVIDIA: Kind = kind("an NVIDIA API key", "act as its owner on NVIDIA's registry");
static SLACK: Kind = kind("a Slack token", "read and write in the workspace");
static DOCKER: Kind = kind("a Docker Hub token", "push images under its owner's name");
static NPM: Kind = kind("an npm token", "publish packages under its owner's name");
static GOOGLE: Kind = Kind {
    what: "a Google API key",
    harm: "use the services that the key is not restricted for",
    certain: false,
};
static PRIVATE_KEY: Kind = kind("a private key", "sign and decrypt as its owner");
static SETTING: Kind = Kind {
    what: "a password or token",
    harm: "use what it protects",
    certain: false,
};

/// A prefix, the characters that follow it, and how many of them there are.
struct Shape {
    prefix: &'static str,
    kind: &'static Kind,
    length: (usize, usize),
    extra: &'static str,
}

const fn shape(
    prefix: &'static str,
    kind: &'static Kind,
    from: usize,
    to: usize,
    extra: &'static str,
) -> Shape {
    Shape {
        prefix,
        kind,
        length: (from, to),
        extra,
    }
}

const MANY: usize = 400;

/// Longer prefixes first where one begins another.
static SHAPES: &[Shape] = &[
    shape("hf_", &HUGGING_FACE, 34, 40, ""),
    shape("api_org_", &HUGGING_FACE, 34, 34, ""),
    shape("pypi-AgE", &PYPI, 60, MANY, "_-"),
    shape("AKIA", &AWS, 16, 16, ""),
    shape("ASIA", &AWS, 16, 16, ""),
    shape("ghp_", &GITHUB, 36, 36, ""),
    shape("gho_", &GITHUB, 36, 36, ""),
    shape("ghu_", &GITHUB, 36, 36, ""),
    shape("ghs_", &GITHUB, 36, 36, ""),
    shape("ghr_", &GITHUB, 36, 76, ""),
    shape("github_pat_", &GITHUB, 60, 90, "_"),
    shape("glpat-", &GITLAB, 20, 60, "_-."),
    shape("sk-ant-", &ANTHROPIC, 40, MANY, "_-"),
    shape("sk-proj-", &OPENAI, 40, MANY, "_-"),
    shape("sk-svcacct-", &OPENAI, 40, MANY, "_-"),
    shape("sk-", &OPENAI, 48, 64, ""),
    shape("gsk_", &GROQ, 52, 52, ""),
    shape("r8_", &REPLICATE, 37, 37, ""),
    shape("nvapi-", &NVIDIA, 60, 80, "_-"),
    shape("xoxb-", &SLACK, 24, 120, "-"),
    shape("xoxp-", &SLACK, 24, 120, "-"),
    shape("xoxa-", &SLACK, 24, 120, "-"),
    shape("xapp-", &SLACK, 24, 140, "-"),
    shape("dckr_pat_", &DOCKER, 27, 27, "_-"),
    shape("npm_", &NPM, 36, 36, ""),
    shape("AIza", &GOOGLE, 35, 35, "_-"),
];

/// Settings of the field whose value is a secret.
static NAMES: &[&str] = &[
    "WANDB_API_KEY",
    "JUPYTER_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_AUTH_ADMIN_PASSWORD",
    "MLFLOW_FLASK_SERVER_SECRET_KEY",
    "HUGGING_FACE_HUB_TOKEN",
    "HUGGINGFACEHUB_API_TOKEN",
    "HF_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "aws_secret_access_key",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_API_KEY",
    "RAY_AUTH_TOKEN",
    "MINIO_ROOT_PASSWORD",
    "COMET_API_KEY",
    "NEPTUNE_API_TOKEN",
    "CLEARML_API_SECRET_KEY",
    "LITELLM_MASTER_KEY",
    "AZURE_STORAGE_KEY",
    "TWINE_PASSWORD",
    "UV_PUBLISH_PASSWORD",
    "UV_PUBLISH_TOKEN",
    "PDM_PUBLISH_PASSWORD",
    "HATCH_INDEX_AUTH",
    "FLIT_PASSWORD",
    "ANACONDA_API_TOKEN",
    "ANACONDA_API_KEY",
    "PYPI_PASSWORD",
    "PYPI_TOKEN",
    "PIP_INDEX_PASSWORD",
    "ARTIFACTORY_PASSWORD",
    "ARTIFACTORY_API_KEY",
    "NEXUS_PASSWORD",
    "CODEARTIFACT_AUTH_TOKEN",
    "GEMFURY_TOKEN",
    "DOCKER_PASSWORD",
    "UV_INDEX_",
    "POETRY_HTTP_BASIC_",
    "POETRY_PYPI_TOKEN_",
];

/// Names that go on with that of an index, and how they end; the others of them hold no secret.
static FAMILIES: &[(&str, &str)] = &[
    ("UV_INDEX_", "_PASSWORD"),
    ("POETRY_HTTP_BASIC_", "_PASSWORD"),
    ("POETRY_PYPI_TOKEN_", ""),
];

/// The whole name that begins with a listed one.
fn whole_name<'t>(text: &'t str, start: usize, name: &'static str) -> Option<&'t str> {
    let rest = text.get(start..)?;
    let Some((_, end)) = FAMILIES.iter().find(|(family, _)| *family == name) else {
        return rest.get(..name.len());
    };
    let length = rest.bytes().take(120).take_while(|b| is_word(*b)).count();
    rest.get(..length)
        .filter(|whole| whole.len() > name.len() && whole.ends_with(end))
}

const PEM: &str = "-----BEGIN ";

static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let patterns = SHAPES
        .iter()
        .map(|s| s.prefix)
        .chain(NAMES.iter().copied())
        .chain([PEM]);
    AhoCorasick::builder()
        .match_kind(aho_corasick::MatchKind::LeftmostLongest)
        .build(patterns)
        .ok()
});

/// The most secrets that are told of one text.
pub(super) const MOST: usize = 200;

/// Finds secrets, in the order of the text, none inside another. `bare` says whether a setting's value may stand
/// without quotes, as in an environment file; in source code that would be a variable. At most
/// `most` are looked for.
pub(super) fn find(text: &str, bare: bool, most: usize) -> Vec<Secret> {
    let Some(search) = SEARCH.as_ref() else {
        return Vec::new();
    };
    let mut found: Vec<Secret> = Vec::new();
    let mut done = 0_usize;
    for hit in search.find_iter(text) {
        if hit.start() < done {
            continue;
        }
        let index = hit.pattern().as_usize();
        let secret = if let Some(shape) = SHAPES.get(index) {
            token(text, hit.start(), shape)
        } else if let Some(name) = NAMES.get(index.saturating_sub(SHAPES.len())) {
            whole_name(text, hit.start(), name).and_then(|name| setting(text, hit.start(), name, bare))
        } else {
            private_key(text, hit.start())
        };
        if let Some(secret) = secret {
            done = secret.range.end;
            found.push(secret);
            if found.len() >= most {
                break;
            }
        }
    }
    found
}

fn before(text: &str, at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|i| text.as_bytes().get(i)).copied()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn token(text: &str, start: usize, shape: &Shape) -> Option<Secret> {
    // Inside a longer word or an encoded blob it is a coincidence. An escape such as `\n` is no word.
    let escaped = start >= 2 && text.as_bytes().get(start.saturating_sub(2)) == Some(&b'\\');
    if before(text, start)
        .is_some_and(|b| is_word(b) || matches!(b, b'+' | b'/') && !shape.prefix.ends_with('-'))
        && !escaped
    {
        return None;
    }
    let body = start.saturating_add(shape.prefix.len());
    let (from, to) = shape.length;
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || shape.extra.as_bytes().contains(b);
    let rest = text.as_bytes().get(body..)?;
    let length = rest
        .iter()
        .take(to.saturating_add(1))
        .take_while(|b| is_part(b))
        .count();
    if length < from || length > to {
        return None;
    }
    let end = body.saturating_add(length);
    let value = text.get(body..end)?;
    // `hf_some_function` is no token; one underscore more and the run would go on as a word.
    if text.as_bytes().get(end).is_some_and(|b| is_word(*b)) || is_placeholder(value) {
        return None;
    }
    let aws_alphabet = value
        .bytes()
        .all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b));
    if std::ptr::eq(shape.kind, &raw const AWS) && !aws_alphabet {
        return None;
    }
    let has_both =
        value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic());
    let letters_will_do =
        std::ptr::eq(shape.kind, &raw const HUGGING_FACE) || std::ptr::eq(shape.kind, &raw const AWS);
    (has_both || letters_will_do).then_some(Secret {
        kind: shape.kind,
        hidden: body..end,
        range: start..end,
        name: None,
    })
}

/// `NAME=value`, `NAME: value`, `"NAME": "value"`, `["NAME"] = "value"`, `ENV NAME value`.
fn setting(text: &str, start: usize, name: &str, bare: bool) -> Option<Secret> {
    if before(text, start).is_some_and(is_word) {
        return None;
    }
    let mut at = start.saturating_add(name.len());
    let bytes = text.as_bytes();
    let peek = |at: usize| bytes.get(at).copied();
    let mut signs = 0_usize;
    let mut listed = false;
    // What may stand between the name and its value; a line break ends it.
    while let Some(b) = peek(at) {
        match b {
            b'=' | b':' => signs = signs.saturating_add(1),
            b'"' | b'\'' | b']' | b'\\' if signs == 0 => {}
            b' ' | b'\t' => {}
            b',' if signs == 0 && matches!(before(text, at), Some(b'"' | b'\'')) => {
                signs = signs.saturating_add(1);
                listed = true;
            }
            _ => break,
        }
        at = at.saturating_add(1);
        if at.saturating_sub(start) > name.len().saturating_add(12) {
            return None;
        }
    }
    let by_instruction =
        signs == 0 && bare && is_env_instruction(text, start) && matches!(before(text, at), Some(b' '));
    if signs == 0 && !by_instruction {
        return None;
    }
    let escaped = peek(at) == Some(b'\\');
    let open = if escaped { at.saturating_add(1) } else { at };
    let quote = peek(open).filter(|b| matches!(b, b'"' | b'\''));
    if quote.is_none() && !bare {
        return None;
    }
    let from = if quote.is_some() {
        open.saturating_add(1)
    } else {
        at
    };
    let rest = bytes.get(from..)?;
    let length = rest
        .iter()
        .take(MANY)
        .take_while(|b| match quote {
            Some(q) => **b != q && !matches!(b, b'\n' | b'\\'),
            None => {
                b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'#' | b',' | b';' | b')' | b'}' | b']')
            }
        })
        .count();
    let end = from.saturating_add(length);
    let value = text.get(from..end)?;
    // What follows a name in a list is mostly the next name.
    if listed
        && value
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-'))
    {
        return None;
    }
    is_secret_value(name, value).then(|| Secret {
        kind: &SETTING,
        hidden: from..end,
        range: start..end,
        name: Some(name.to_owned()),
    })
}

fn is_env_instruction(text: &str, start: usize) -> bool {
    // The words themselves and a little indentation; a line may be as long as the file.
    let from = start.saturating_sub(16);
    let head = text.as_bytes().get(from..start).unwrap_or_default();
    let line = head
        .rsplit(|b| *b == b'\n')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    line.eq_ignore_ascii_case(b"ENV") || line.eq_ignore_ascii_case(b"ARG")
}

/// Whether the value of a setting is the secret itself and not the way to it.
fn is_secret_value(name: &str, value: &str) -> bool {
    let refers = value.contains(['$', '<', '>', '{', '}', '(', ' ', '*', '|'])
        || value.starts_with(['%', '@', '/', '.']);
    let lower = value.to_ascii_lowercase();
    let is_word = ["none", "null", "true", "false", "required", "optional"].contains(&lower.as_str());
    let is_path = value.contains("/run/secrets") || lower.starts_with("file:") || lower.starts_with("vault:");
    let calls = ["os.", "env.", "secrets.", "config."]
        .iter()
        .any(|p| lower.starts_with(p));
    // `"aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"` says which variable has it.
    let is_own_name = value.eq_ignore_ascii_case(name)
        && value.contains('_')
        && !value.bytes().any(|b| b.is_ascii_lowercase());
    // People make shorter passwords than machines make tokens.
    let shortest = if name.ends_with("PASSWORD") { 6 } else { 8 };
    // What everybody knows cannot leak; that a platform takes it is told by the rule on known credentials.
    value.len() >= shortest
        && !(refers || is_word || is_path || calls || is_own_name)
        && !is_placeholder_text(&lower)
        && !wellhead_infra::is_placeholder(value)
}

/// `-----BEGIN RSA PRIVATE KEY-----` with a body; a header alone is code that looks for keys.
fn private_key(text: &str, start: usize) -> Option<Secret> {
    const LONGEST: usize = 16 << 10;
    let rest = text.get(start..)?;
    const LABEL: usize = 48;
    let head = rest.as_bytes().iter().take(PEM.len().saturating_add(LABEL));
    let dashes = head.skip(PEM.len()).position(|b| *b == b'-')?;
    let label_end = PEM.len().saturating_add(dashes);
    let label = rest.get(PEM.len()..label_end)?;
    if !rest.get(label_end..)?.starts_with("-----")
        || !label.contains("PRIVATE KEY")
        || label.contains("ENCRYPTED")
    {
        return None;
    }
    let body = label_end.saturating_add(5);
    let bytes = rest.as_bytes().get(body..)?;
    let length = bytes
        .iter()
        .take(LONGEST)
        .take_while(|b| {
            b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'+' | b'/' | b'=' | b'\\' | b'\r' | b'\n' | b' ' | b'"' | b',' | b'\t'
                )
        })
        .count();
    let content = rest.get(body..body.saturating_add(length))?;
    let digits: String = content
        .split(['\\', '\n', '\r', ' ', '"', ',', '\t'])
        .map(|l| l.strip_prefix('n').unwrap_or(l))
        .collect();
    if digits.len() < 100 || is_placeholder(&digits) {
        return None;
    }
    let end = start.saturating_add(body).saturating_add(length);
    Some(Secret {
        kind: &PRIVATE_KEY,
        hidden: start.saturating_add(body)..end,
        range: start..end,
        name: None,
    })
}

/// Whether a token's body was made up by a person.
fn is_placeholder(value: &str) -> bool {
    let bytes = value.as_bytes();
    let mut seen = [false; 256];
    for b in bytes {
        if let Some(one) = seen.get_mut(usize::from(*b)) {
            *one = true;
        }
    }
    let different = seen.iter().filter(|s| **s).count();
    let pairs = bytes.windows(2);
    let steps = pairs
        .filter(|p| matches!(p, [a, b] if *b == a.wrapping_add(1) || a == b))
        .count();
    // Random text has one such pair in thirty; counting and repeating have nothing else.
    let is_regular = steps.saturating_mul(3) > bytes.len();
    different < 8.min(bytes.len() / 2) || is_regular || is_placeholder_text(&value.to_ascii_lowercase())
}

pub(super) fn is_placeholder_text(lower: &str) -> bool {
    const WORDS: &[&str] = &[
        "example",
        "placeholder",
        "changeme",
        "change_me",
        "change-me",
        "replace",
        "redacted",
        "dummy",
        "sample",
        "yourtoken",
        "your_",
        "your-",
        "xxxx",
        "insert",
        "notreal",
        "not_real",
        "not-real",
        "fake",
        "mytoken",
        "0000000",
        "1234567890",
    ];
    WORDS.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens in tests are put together, so that no scanner takes this file for a leak.
    fn join(parts: &[&str]) -> String {
        parts.concat()
    }

    const BODY: &str = "aZ3kQ9vB7xT2mW8rL5nY4pD6cH1gJ0sFqE7uKbVtXoRi";

    fn found(text: &str, bare: bool) -> Vec<(&'static str, String)> {
        find(text, bare, MOST)
            .iter()
            .map(|s| (s.kind.what, text[s.hidden.clone()].to_owned()))
            .collect()
    }

    #[test]
    fn tokens_are_found_by_shape() {
        let cases = [
            (join(&["hf", "_", &BODY[..34]]), "a Hugging Face token"),
            (join(&["ghp", "_", &BODY[..36]]), "a GitHub token"),
            (join(&["AKIA", "QWERTYUIOP2LKJHG"]), "an AWS access key"),
            (join(&["pypi-AgE", "IcHlwaS5vcmc", BODY, BODY]), "a PyPI token"),
            (join(&["sk", "-ant-api03-", BODY, BODY]), "an Anthropic key"),
            (join(&["sk", "-proj-", BODY, "_", BODY]), "an OpenAI key"),
            (join(&["sk", "-", BODY, &BODY[..4]]), "an OpenAI key"),
            (
                join(&["xox", "b-739105482617-840261957384-", &BODY[..24]]),
                "a Slack token",
            ),
        ];
        for (token, what) in cases {
            for text in [
                token.clone(),
                format!("token = \"{token}\"\n"),
                format!("A={token}\nB"),
                format!("{{\"source\": [\"x\\n{token}\"]}}"),
                format!("Bearer {token},"),
            ] {
                assert_eq!(found(&text, false).first().map(|f| f.0), Some(what), "{text}");
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_token_is_none() {
        let texts = [
            "hf_hub_download(repo_id)".to_owned(),
            join(&["hf", "_", &"x".repeat(34)]),
            join(&["hf", "_", "abcdefghijklmnopqrstuvwxyzABCDEFGH"]),
            join(&["hf", "_", "YourTokenExampleAbCdEfGhIjKlMnOpQr"]),
            join(&["hf", "_", BODY, BODY]),
            join(&["AKIA", "IOSFODNN7EXAMPLE"]),
            join(&["xAKIA", "QWERTYUIOP2LKJHG"]),
            join(&["task", "-", BODY, BODY]),
            "HF_TOKEN = os.environ['HF_TOKEN']".to_owned(),
            "if '-----BEGIN PRIVATE KEY-----' in text:".to_owned(),
            "sk-learn sk-image".to_owned(),
        ];
        for text in texts {
            assert_eq!(found(&text, false), [], "{text}");
            if !text.starts_with("HF_TOKEN") {
                assert_eq!(found(&text, true), [], "{text}");
            }
        }
    }

    #[test]
    fn settings_are_found_where_they_hold_the_value_itself() {
        let hex = "0f3a9c7e5b1d2468ace013579bdf8642fedcba98";
        let cases = [
            (format!("WANDB_API_KEY={hex}"), true, true),
            (format!("os.environ[\"WANDB_API_KEY\"] = \"{hex}\""), false, true),
            (
                format!("os.environ.setdefault('WANDB_API_KEY', '{hex}')"),
                false,
                true,
            ),
            (format!("ENV WANDB_API_KEY {hex}"), true, true),
            (format!("  WANDB_API_KEY: '{hex}'"), true, true),
            (format!("{{\\\"WANDB_API_KEY\\\": \\\"{hex}\\\"}}"), false, true),
            ("JUPYTER_TOKEN: s3cr3t-lab-token".to_owned(), true, true),
            ("JUPYTER_TOKEN=${JUPYTER_TOKEN}".to_owned(), true, false),
            ("JUPYTER_TOKEN: ${TOKEN:-}".to_owned(), true, false),
            ("JUPYTER_TOKEN=<your token>".to_owned(), true, false),
            ("JUPYTER_TOKEN=changeme123".to_owned(), true, false),
            ("JUPYTER_TOKEN=".to_owned(), true, false),
            ("HF_TOKEN: ${{ secrets.HF_TOKEN }}".to_owned(), true, false),
            ("HF_TOKEN = get_token()".to_owned(), true, false),
            ("HF_TOKEN = some_variable_name".to_owned(), false, false),
            ("print('set HF_TOKEN first, please')".to_owned(), true, false),
            ("MY_HF_TOKEN=abcdefgh1".to_owned(), true, false),
            (
                "('AWS_SECRET_ACCESS_KEY', 'aws_session_token')".to_owned(),
                false,
                false,
            ),
            (
                "{\"aws_secret_access_key\": \"AWS_SECRET_ACCESS_KEY\"}".to_owned(),
                false,
                false,
            ),
            (
                "MLFLOW_TRACKING_PASSWORD=/run/secrets/mlflow".to_owned(),
                true,
                false,
            ),
        ];
        for (text, bare, expected) in cases {
            assert_eq!(!found(&text, bare).is_empty(), expected, "{text}");
        }
    }

    #[test]
    fn keys_need_a_body() {
        let line = &BODY[..44];
        let body = [line, line, line].join("\n");
        let pem = |label: &str| format!("{PEM}{label}-----\n{body}\n-----END {label}-----\n");
        assert_eq!(found(&pem("RSA PRIVATE KEY"), false).len(), 1);
        assert_eq!(found(&pem("PRIVATE KEY").replace('\n', "\\n"), false).len(), 1);
        assert_eq!(found(&pem("ENCRYPTED PRIVATE KEY"), false).len(), 0);
        assert_eq!(found(&pem("CERTIFICATE"), false).len(), 0);
    }
}
