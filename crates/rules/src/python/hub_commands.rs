//! Downloads from a model hub by commands of a shell: `hf download`, and addresses that name a repository's file.

use super::hub::{Kind, is_commit, is_repository};
use std::ops::Range;
use wellhead_infra::{Command, Word};

/// A command that fetches from a hub at a name that can be moved.
pub(crate) struct Fetched {
    /// The repository.
    pub(crate) name: String,
    /// The branch or tag that is named; `None` is the default branch.
    pub(crate) reference: Option<String>,
    /// What the repository holds.
    pub(crate) kind: Kind,
    /// What to mark.
    pub(crate) range: Range<usize>,
    /// Whether nobody can exchange it: a commit, or a name that is not known here.
    pub(crate) settled: bool,
    /// How to say it right.
    pub(crate) help: &'static str,
}

/// Options of `hf download` that take a value.
const VALUED: &[&str] = &[
    "--revision",
    "--repo-type",
    "--type",
    "--include",
    "--exclude",
    "--cache-dir",
    "--local-dir",
    "--local-dir-use-symlinks",
    "--token",
    "--max-workers",
];

/// The commands of a script that fetch what can be exchanged.
pub(crate) fn fetches(commands: &[Command]) -> impl Iterator<Item = Fetched> {
    all_fetches(commands).into_iter().filter(|f| !f.settled)
}

/// All commands of a script that fetch from a hub.
pub(crate) fn all_fetches(commands: &[Command]) -> Vec<Fetched> {
    let mut out = Vec::new();
    for (i, command) in commands.iter().enumerate() {
        let later = commands.get(i.saturating_add(1)..).unwrap_or_default();
        out.extend(
            download(command)
                .or_else(|| clone(command, later))
                .or_else(|| address(command)),
        );
    }
    out
}

/// `hf download owner/name`, `huggingface-cli download owner/name`, also behind `uvx` and its like.
fn download(command: &Command) -> Option<Fetched> {
    let at = command.words.windows(2).position(|pair| match pair {
        [program, verb] => is_cli(&program.text) && verb.text == "download",
        _ => false,
    })?;
    let mut words = command.words.get(at.saturating_add(2)..)?.iter();
    let mut repository: Option<&Word> = None;
    let mut revision: Option<Word> = None;
    let mut kind = Kind::Model;
    while let Some(word) = words.next() {
        let (name, mut value) = match word.text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => {
                let value = Word {
                    text: value.to_owned(),
                    ..word.clone()
                };
                (name, Some(value))
            }
            _ => (word.text.as_str(), None),
        };
        if VALUED.contains(&name) && value.is_none() {
            value = words.next().cloned();
        }
        match (name, value) {
            ("--revision", value) => revision = value,
            ("--repo-type" | "--type", Some(value)) if value.text == "dataset" => kind = Kind::Dataset,
            (name, _) if !name.starts_with('-') && repository.is_none() => repository = Some(word),
            _ => {}
        }
    }
    let repository = repository.filter(|r| !r.open && is_repository(&r.text, kind))?;
    let settled = revision
        .as_ref()
        .is_some_and(|word| word.open || is_commit(&word.text));
    Some(Fetched {
        name: repository.text.clone(),
        reference: revision.map(|word| word.text),
        kind,
        settled,
        range: repository.span.clone(),
        help: "name the commit: `--revision <40 hexadecimal digits>`",
    })
}

fn is_cli(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    // `uvx hf@latest download`
    let name = name.split('@').next().unwrap_or(name);
    matches!(name, "hf" | "huggingface-cli")
}

/// `git clone https://huggingface.co/owner/name`, where no commit is checked out after it.
fn clone(command: &Command, later: &[Command]) -> Option<Fetched> {
    let is_clone = command.program() == "git" && command.words.iter().any(|w| w.text == "clone");
    let word = command
        .words
        .iter()
        .find(|w| on_hub(&w.text).is_some())
        .filter(|_| is_clone)?;
    let settled = later.iter().any(|c| {
        c.program() == "git"
            && c.words
                .iter()
                .any(|w| matches!(w.text.as_str(), "checkout" | "reset" | "switch"))
            && c.words.iter().any(|w| w.open || is_commit(&w.text))
    });
    let (kind, path) = on_hub(&word.text)?;
    let name = repository_of(path)?;
    if word.open || !is_repository(&name, kind) {
        return None;
    }
    let branch = command
        .words
        .iter()
        .skip_while(|w| !matches!(w.text.as_str(), "-b" | "--branch"));
    Some(Fetched {
        name,
        reference: branch.skip(1).map(|w| w.text.clone()).next(),
        kind,
        settled,
        range: word.span.clone(),
        help: "check out the commit after it: `git checkout <40 hexadecimal digits>`",
    })
}

/// `curl https://huggingface.co/owner/name/resolve/main/file`
fn address(command: &Command) -> Option<Fetched> {
    if !matches!(command.program(), "curl" | "wget" | "aria2c") {
        return None;
    }
    let (word, found) = command
        .words
        .iter()
        .filter(|w| !w.open)
        .find_map(|w| Some((w, file_address(&w.text)?)))?;
    Some(Fetched {
        range: word.span.clone(),
        ..found
    })
}

/// What to do about an address that names a branch.
const ADDRESS_HELP: &str = "name the commit in the address: `…/resolve/<40 hexadecimal digits>/…`, and compare the digest of the file";

/// What an address of a hub's file names; `None` where it is none.
pub(crate) fn file_address(text: &str) -> Option<Fetched> {
    let (kind, path) = on_hub(text)?;
    let name = repository_of(path)?;
    let rest = path.get(name.len()..)?;
    let mut parts = rest.trim_start_matches('/').split('/');
    if !matches!(parts.next()?, "resolve" | "raw" | "blob") {
        return None;
    }
    let reference = parts.next().filter(|r| !r.is_empty())?;
    let settled = is_commit(reference) || reference.contains(['$', '{', '<']);
    is_repository(&name, kind).then(|| Fetched {
        reference: Some(reference.to_owned()),
        kind,
        settled,
        range: 0..0,
        help: ADDRESS_HELP,
        name,
    })
}

/// What follows the host in an address of the hub, without the part that says what kind of repository it is.
fn on_hub(text: &str) -> Option<(Kind, &str)> {
    let (_, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_once('/')?;
    let host = authority.rsplit('@').next().unwrap_or(authority);
    if !matches!(host, "huggingface.co" | "hf.co" | "www.huggingface.co") {
        return None;
    }
    match path.strip_prefix("datasets/") {
        Some(path) => Some((Kind::Dataset, path)),
        None if path.starts_with("spaces/") => None,
        None => Some((Kind::Model, path)),
    }
}

fn repository_of(path: &str) -> Option<String> {
    let mut parts = path.split(['/', '?', '#']);
    let (owner, name) = (parts.next()?, parts.next()?);
    Some(format!("{owner}/{}", name.trim_end_matches(".git")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_infra::script;

    #[test]
    fn commands_that_fetch_what_can_be_exchanged() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for (text, expected) in [
            ("hf download o/m", "o/m -"),
            ("huggingface-cli download o/m --local-dir ./m", "o/m -"),
            ("hf download --repo-type dataset o/d", "o/d -"),
            ("hf download o/m --revision main", "o/m main"),
            ("hf download o/m --revision=v1.0 a.bin", "o/m v1.0"),
            ("uvx hf download --local-dir x o/m", "o/m -"),
            ("git clone https://huggingface.co/o/m", "o/m -"),
            (
                "git lfs clone https://user@huggingface.co/datasets/o/d.git",
                "o/d -",
            ),
            ("git clone -b v2 https://huggingface.co/o/m", "o/m v2"),
            (
                "wget https://huggingface.co/o/m/resolve/main/w.bin?download=true",
                "o/m main",
            ),
            (&format!("hf download o/m --revision {commit}"), ""),
            (&format!("hf download o/m --revision={commit}"), ""),
            ("hf download o/m --revision \"$REV\"", ""),
            ("hf download \"$MODEL\"", ""),
            ("hf upload o/m .", ""),
            ("hf auth login", ""),
            (
                &format!("git clone https://huggingface.co/o/m && cd m && git checkout {commit}"),
                "",
            ),
            (
                &format!("curl -LO https://huggingface.co/o/m/resolve/{commit}/w.bin"),
                "",
            ),
            ("git clone https://git.example/o/m", ""),
            ("git clone https://huggingface.co/spaces/o/m", ""),
            ("curl https://huggingface.co/api/models", ""),
        ] {
            let found: Vec<String> = fetches(&script(text, 0))
                .map(|f| format!("{} {}", f.name, f.reference.as_deref().unwrap_or("-")))
                .collect();
            assert_eq!(found.join(", "), expected, "{text}");
        }
    }
}
