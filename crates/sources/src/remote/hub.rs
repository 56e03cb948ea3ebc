//! `hf://org/name@revision/path`: a repository of a model hub.
//!
//! The revision becomes a commit first, and everything after is read from that commit: a branch that moves while it is
//! audited must not show one file of yesterday and one of today.

use super::{
    Access, Found, Remote, decoded, encoded, entry,
    http::{Answer, Ask, Fault, Network, origin},
};
use crate::{Content, TargetError};
use serde_json::Value;
use std::sync::Arc;
use wellhead_core::{Digest, DigestAlgorithm, code};

/// Most bytes of one answer of the hub's interface.
const ANSWER: u64 = 16 << 20;
/// Most files of a repository.
const FILES: usize = 200_000;
/// Most pages of a listing.
const PAGES: usize = 1000;

/// A place on a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubPlace {
    /// `models`, `datasets` or `spaces`.
    pub kind: &'static str,
    /// `org/name`, or a name alone for the oldest models.
    pub repository: String,
    /// A branch, tag or commit; `None` is the default branch.
    pub revision: Option<String>,
    /// A folder or file in it; empty for all.
    pub path: String,
}

impl HubPlace {
    /// Reads what stands behind `hf://`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = match text.split_once('/') {
            Some(("datasets", rest)) => ("datasets", rest),
            Some(("spaces", rest)) => ("spaces", rest),
            Some(("models", rest)) => ("models", rest),
            _ => ("models", text),
        };
        let rest = rest.trim_end_matches('/');
        // The revision ends at the next slash, except that of a pull request, which has slashes in it.
        let (repository, revision, path) = match rest.split_once('@') {
            Some((repository, rest)) => {
                let parts: Vec<&str> = rest.split('/').collect();
                let own = match parts.as_slice() {
                    ["refs", "pr" | "convert", _, ..] => 3,
                    _ => 1,
                };
                let revision = parts.get(..own).unwrap_or_default().join("/");
                let path = parts.get(own..).unwrap_or_default().join("/");
                (repository.to_owned(), Some(decoded(&revision)), path)
            }
            None => {
                let parts: Vec<&str> = rest.splitn(3, '/').collect();
                let repository = parts.get(..2).unwrap_or(&parts).join("/");
                (
                    repository,
                    None,
                    parts.get(2).copied().unwrap_or_default().to_owned(),
                )
            }
        };
        let plain = |part: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            !part.is_empty() && part.bytes().all(fits) && !part.bytes().all(|b| b == b'.')
        };
        let good = (1..=2).contains(&repository.split('/').count())
            && repository.split('/').all(plain)
            && revision.as_ref().is_none_or(|r| !r.is_empty())
            && !path.split('/').any(|part| part == "..");
        good.then_some(Self {
            kind,
            repository,
            revision,
            path,
        })
    }

    /// The same with another revision, as it is typed.
    fn at(&self, revision: &str) -> String {
        let kind = match self.kind {
            "models" => String::new(),
            kind => format!("{kind}/"),
        };
        let path = if self.path.is_empty() {
            String::new()
        } else {
            format!("/{}", self.path)
        };
        format!("hf://{kind}{}@{revision}{path}", self.repository)
    }

    fn interface(&self, hub: &str) -> String {
        format!("{hub}/api/{}/{}", self.kind, self.repository)
    }

    fn file(&self, hub: &str, commit: &str, path: &str) -> String {
        let kind = match self.kind {
            "models" => String::new(),
            kind => format!("{kind}/"),
        };
        format!(
            "{hub}/{kind}{}/resolve/{commit}/{}",
            self.repository,
            encoded(path, true)
        )
    }
}

pub(super) fn list(place: &HubPlace, network: &Arc<Network>) -> Result<Found, TargetError> {
    let hub = network.hub();
    let asked = place.revision.as_deref().unwrap_or("main");
    let url = format!("{}/revision/{}", place.interface(hub), encoded(asked, false));
    let answer = asked_of(network, &url, place)?;
    let info = json(&answer, &url)?;
    let commit = info
        .get("sha")
        .and_then(Value::as_str)
        .filter(|sha| sha.len() == 40 && sha.bytes().all(|b| b.is_ascii_hexdigit()))
        .ok_or_else(|| TargetError {
            message: format!("the hub names no commit for {}", code(&place.at(asked))),
            hint: "check `HF_ENDPOINT`: this is not how a model hub answers".to_owned(),
        })?
        .to_lowercase();
    // A repository that was renamed answers under its new name.
    let mut place = place.clone();
    if let Some(id) = info.get("id").and_then(Value::as_str)
        && let Some(named) = HubPlace::parse(id)
        && named.path.is_empty()
    {
        place.repository = named.repository;
    }
    let entries = files(&place, network, &commit)?;
    if entries.is_empty() && !place.path.is_empty() {
        return Err(TargetError {
            message: format!("there is no {} in {}", code(&place.path), code(&place.repository)),
            hint: format!("at commit {commit}; check the path and the revision"),
        });
    }
    let mut notes = Vec::new();
    if !asked.eq_ignore_ascii_case(&commit) {
        notes.push(format!(
            "{} is the commit {commit} today; pin it: {}",
            code(asked),
            code(&place.at(&commit))
        ));
    }
    Ok(Found {
        target: place.at(&commit),
        notes,
        entries,
    })
}

fn files(place: &HubPlace, network: &Arc<Network>, commit: &str) -> Result<Vec<crate::Entry>, TargetError> {
    let hub = network.hub();
    let mut url = format!("{}/tree/{commit}?recursive=true", place.interface(hub));
    let mut entries = Vec::new();
    for _ in 0..PAGES {
        let answer = asked_of(network, &url, place)?;
        let page = json(&answer, &url)?;
        for row in page.as_array().into_iter().flatten() {
            if row.get("type").and_then(Value::as_str) != Some("file") {
                continue;
            }
            let Some(path) = row.get("path").and_then(Value::as_str) else {
                continue;
            };
            if entries.len() >= FILES {
                return Err(failed(Fault::new(format!(
                    "{} has more than {FILES} files",
                    code(&place.repository)
                ))));
            }
            let Some(name) = below(path, &place.path) else {
                continue;
            };
            entries.push(entry(name, content(place, network, commit, path, row)));
        }
        match next(&answer) {
            Some(link) if origin(&link) == origin(&url) && link != url => url = link,
            Some(_) => {
                return Err(failed(Fault::new(
                    "the hub's listing goes on somewhere else than on the hub",
                )));
            }
            None => {
                entries.sort_by(|a, b| a.path.cmp(&b.path));
                return Ok(entries);
            }
        }
    }
    Err(failed(Fault::new("the hub's listing has no end")))
}

/// The path below a folder, or the last part of the file's own.
fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(path);
    }
    if path == folder {
        return path.rsplit('/').next();
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}

fn content(place: &HubPlace, network: &Arc<Network>, commit: &str, path: &str, row: &Value) -> Content {
    let large = row.get("lfs");
    let size = large
        .and_then(|l| l.get("size"))
        .or_else(|| row.get("size"))
        .and_then(Value::as_u64);
    let Some(len) = size else {
        return Content::Unreadable {
            why: "the hub does not say how long it is".to_owned(),
        };
    };
    let claimed = large
        .and_then(|l| l.get("oid").or_else(|| l.get("sha256")))
        .and_then(Value::as_str)
        .filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(|hex| Digest {
            algorithm: DigestAlgorithm::Sha256,
            hex: hex.to_lowercase(),
        });
    Content::Remote(Remote {
        network: Arc::clone(network),
        url: place.file(network.hub(), commit, path),
        access: Access::Hub,
        len,
        claimed,
        etag: None,
    })
}

/// The `next` of a `Link` header.
fn next(answer: &Answer) -> Option<String> {
    answer.header("link")?.split(',').find_map(|link| {
        let (url, relation) = link.split_once(';')?;
        let is_next = relation.replace('"', "").trim() == "rel=next";
        is_next.then(|| {
            url.trim()
                .trim_start_matches('<')
                .trim_end_matches('>')
                .to_owned()
        })
    })
}

/// Asks the hub's interface.
fn asked_of(network: &Arc<Network>, url: &str, place: &HubPlace) -> Result<Answer, TargetError> {
    let token = network.options.token.as_ref();
    let answer = network
        .get(&|| Ask {
            url: url.to_owned(),
            private: token
                .map(|t| ("authorization", format!("Bearer {}", t.0)))
                .into_iter()
                .collect(),
            most: ANSWER,
            ..Ask::default()
        })
        .map_err(failed)?;
    if answer.status < 300 {
        return Ok(answer);
    }
    let name = code(&place.repository);
    let token = if token.is_some() {
        "the token in `HF_TOKEN` may not read it"
    } else {
        "a private one needs a token in `HF_TOKEN`"
    };
    Err(match answer.header("x-error-code") {
        Some("GatedRepo") => TargetError {
            message: format!("access to {name} is restricted: its terms have to be accepted first"),
            hint: format!("accept them on the hub; {token}"),
        },
        Some("RepoNotFound") => TargetError {
            message: format!("the hub has no {name}, or does not show it"),
            hint: format!("check the name; {token}"),
        },
        Some("RevisionNotFound") => TargetError {
            message: format!(
                "{name} has no revision {}",
                code(place.revision.as_deref().unwrap_or("main"))
            ),
            hint: "name a branch, a tag or a commit: `hf://org/name@REVISION`".to_owned(),
        },
        _ => {
            let mut fault = answer.refusal(&name);
            if answer.status == 401 {
                fault = fault.hint(token);
            }
            failed(fault)
        }
    })
}

fn json(answer: &Answer, url: &str) -> Result<Value, TargetError> {
    serde_json::from_slice(&answer.bytes).map_err(|_| TargetError {
        message: format!("{} answers no JSON", code(&super::http::without_query(url))),
        hint: "check `HF_ENDPOINT`: this is not how a model hub answers".to_owned(),
    })
}

fn failed(fault: Fault) -> TargetError {
    TargetError {
        hint: fault
            .hint
            .unwrap_or_else(|| "check the connection, `HF_ENDPOINT` and the proxy".to_owned()),
        message: fault.words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_people_type_them() {
        let show = |text: &str| {
            HubPlace::parse(text).map(|p| {
                format!(
                    "{} {} {} {}",
                    p.kind,
                    p.repository,
                    p.revision.unwrap_or_else(|| "-".to_owned()),
                    p.path
                )
            })
        };
        for (text, expected) in [
            ("org/name", Some("models org/name - ")),
            ("org/name/", Some("models org/name - ")),
            ("gpt2", Some("models gpt2 - ")),
            ("org/name@v1", Some("models org/name v1 ")),
            ("org/name@v1/a/b.bin", Some("models org/name v1 a/b.bin")),
            ("org/name/a/b.bin", Some("models org/name - a/b.bin")),
            (
                "org/name@refs/pr/3/a.bin",
                Some("models org/name refs/pr/3 a.bin"),
            ),
            ("org/name@refs%2Fpr%2F3", Some("models org/name refs/pr/3 ")),
            ("datasets/org/name@main", Some("datasets org/name main ")),
            ("", None),
            ("org/", Some("models org - ")),
            ("../name", None),
            ("org/name@", None),
            ("org/name@main/../x", None),
            ("o rg/name", None),
            ("a/b/c@main", None),
        ] {
            assert_eq!(show(text).as_deref(), expected, "{text}");
        }
    }
}
