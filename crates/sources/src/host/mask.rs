//! Command lines without the secrets in them.
//!
//! The one decision: a masked secret stays visible as one that was given, since whether there is one is what is judged.

/// Stands for a secret.
pub(super) const MASK: &str = "***";

/// The longest word that is kept, in characters, and how many words are.
const LONGEST: usize = 400;
const MOST: usize = 256;

/// Words that say how somebody is asked, and are no secret themselves.
const MODES: [&str; 14] = [
    "",
    "none",
    "true",
    "false",
    "on",
    "off",
    "password",
    "server",
    "client",
    "sso",
    "basic",
    "basic-auth",
    "oauth",
    "token",
];

/// A command line as it may be shown.
pub(super) fn masked(words: &[String]) -> Vec<String> {
    let words: Vec<&str> = words.iter().take(MOST).map(String::as_str).collect();
    let shown = part(&words, 0);
    shown.iter().map(|s| s.chars().take(LONGEST).collect()).collect()
}

/// How deep a word is split that is a command of its own: `bash -c "…"`.
const DEEPEST: u8 = 2;

fn part(words: &[&str], depth: u8) -> Vec<String> {
    let mut out = Vec::new();
    // How many words may still be the secret of an option; some take several.
    let (mut secrets, mut is_first) = (0_usize, false);
    for word in words {
        let is_long = word.starts_with("--") && word.len() > 2;
        // What stands right behind such an option is its value, even with a dash in front.
        let is_option = is_long || word.starts_with('-') && (!is_first || is_secret(word));
        let is_inner = word.contains(char::is_whitespace);
        let shown = if secrets > 0 && !is_option && !is_mode(word) {
            MASK.to_owned()
        } else if is_inner {
            inner(word, depth)
        } else if let Some((name, _)) = word.split_once('=').filter(|(n, v)| is_secret(n) && !is_mode(v)) {
            format!("{name}={MASK}")
        } else {
            without_password(word)
        };
        is_first = is_option && !word.contains('=') && is_secret(word);
        secrets = match word {
            _ if is_first && word.contains("key") => SEVERAL,
            _ if is_first => 1,
            _ if is_option || is_mode(word) => 0,
            _ => secrets.saturating_sub(1),
        };
        out.push(shown);
    }
    out
}

/// How many words behind an option may be secrets; vLLM takes several keys.
const SEVERAL: usize = 8;

/// A word that holds several: a header, or the command of a shell.
fn inner(word: &str, depth: u8) -> String {
    let low = word.to_ascii_lowercase();
    if low.contains("bearer ") || low.contains("basic ") || low.contains("authorization:") {
        return MASK.to_owned();
    }
    if depth >= DEEPEST {
        return MASK.to_owned();
    }
    let words: Vec<&str> = word.split_whitespace().take(MOST).collect();
    part(&words, depth.saturating_add(1)).join(" ")
}

fn is_mode(value: &str) -> bool {
    let bare = value.trim_matches(['\'', '"']);
    MODES.iter().any(|m| m.eq_ignore_ascii_case(bare))
}

/// Whether an option or a variable holds a secret, by its name.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let words = [
        "token",
        "password",
        "passwd",
        "passphrase",
        "secret",
        "api-key",
        "apikey",
        "access-key",
        "credential",
        "auth-string",
        "basic-auth",
        "gradio-auth",
        "api-auth",
        "private-key",
        "master-key",
        "requirepass",
        "-pass",
    ];
    let is_place = ["file", "path", "dir", "mode", "type", "url", "enabled"];
    let holds = words.iter().any(|w| name.contains(w)) || name.trim_start_matches('-') == "auth";
    holds && !is_place.iter().any(|p| name.ends_with(p))
}

/// An address without the password in it.
fn without_password(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:{MASK}@{host}{path}")
        }
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_the_rest_is_not() {
        let cases = [
            (
                "vllm serve m --api-key abc --host 0.0.0.0",
                "vllm serve m --api-key *** --host 0.0.0.0",
            ),
            ("x --api-key=abc", "x --api-key=***"),
            (
                "jupyter lab --ServerApp.token= --ip=0.0.0.0",
                "jupyter lab --ServerApp.token= --ip=0.0.0.0",
            ),
            (
                "jupyter lab --NotebookApp.token=''",
                "jupyter lab --NotebookApp.token=''",
            ),
            ("celery flower --basic-auth=a:b", "celery flower --basic-auth=***"),
            ("code-server --auth none", "code-server --auth none"),
            ("code-server --auth=hunter2", "code-server --auth=***"),
            ("argo server --auth-mode=server", "argo server --auth-mode=server"),
            (
                "marimo edit --token --token-password abc",
                "marimo edit --token --token-password ***",
            ),
            ("llama-server --api-key-file /k", "llama-server --api-key-file /k"),
            (
                "mlflow server --backend-store-uri postgresql://u:p@db/m",
                "mlflow server --backend-store-uri postgresql://u:***@db/m",
            ),
            ("env HF_TOKEN=abc x", "env HF_TOKEN=*** x"),
            (
                "vllm serve m --api-key one two --port 1",
                "vllm serve m --api-key *** *** --port 1",
            ),
            ("x --token -abc --port 1", "x --token *** --port 1"),
            ("x --token abc -p 1", "x --token *** -p 1"),
            ("mlflow --token abc server", "mlflow --token *** server"),
        ];
        for (given, expected) in cases {
            let words: Vec<String> = given.split(' ').map(str::to_owned).collect();
            assert_eq!(masked(&words).join(" "), expected);
        }
        let inner = |word: &str| masked(&["bash".to_owned(), "-c".to_owned(), word.to_owned()]).join(" ");
        assert_eq!(
            inner("vllm serve --port=8000 --api-key S --host 0.0.0.0"),
            "bash -c vllm serve --port=8000 --api-key *** --host 0.0.0.0"
        );
        assert_eq!(
            inner("HF_TOKEN=abc mlflow server"),
            "bash -c HF_TOKEN=*** mlflow server"
        );
        assert_eq!(inner("Authorization: Bearer abc"), "bash -c ***");
    }
}
