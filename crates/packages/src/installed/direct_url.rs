//! `direct_url.json` (PEP 610): where a package came from that no index supplied.

use crate::index::mask;
use wellhead_core::Budget;
use wellhead_formats::text::json;

/// Where a package came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectUrl {
    /// The address, without credentials.
    pub url: String,
    /// Whether the address held a secret.
    pub credentials: bool,
    /// What kind of place it is.
    pub origin: Origin,
}

/// The kinds of places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A folder of this machine.
    Folder {
        /// Whether it is installed in place.
        editable: bool,
    },
    /// A repository.
    Vcs {
        /// The commit that was installed.
        commit: Option<String>,
        /// The branch, tag or commit that was asked for.
        requested: Option<String>,
    },
    /// An archive.
    Archive {
        /// Whether its digest was written down.
        hashed: bool,
    },
    /// None that PEP 610 knows.
    Unknown,
}

/// Reads a `direct_url.json`. One that cannot be understood still says that no index supplied the package.
pub fn read_direct_url(text: &str, budget: &mut Budget) -> DirectUrl {
    understood(text, budget).unwrap_or(DirectUrl {
        url: String::new(),
        credentials: false,
        origin: Origin::Unknown,
    })
}

fn understood(text: &str, budget: &mut Budget) -> Option<DirectUrl> {
    let root = json(text.trim_start_matches('\u{feff}'), budget).ok()?;
    let written = root.get("url")?.as_str()?;
    let masked = mask(written);
    let url = masked.text.into_owned();
    let text_of = |keys: &[&str]| root.path(keys).and_then(|n| n.as_str()).map(str::to_owned);
    let origin = if root.get("vcs_info").is_some() {
        Origin::Vcs {
            commit: text_of(&["vcs_info", "commit_id"]).filter(|c| !c.is_empty()),
            requested: text_of(&["vcs_info", "requested_revision"]),
        }
    } else if let Some(folder) = root.get("dir_info") {
        Origin::Folder {
            editable: folder.get("editable").and_then(|e| e.as_bool()) == Some(true),
        }
    } else if let Some(archive) = root.get("archive_info") {
        let many = archive.get("hashes");
        let many = many.is_some_and(|h| h.entries().iter().any(|e| proves(&e.key)));
        let one = archive.get("hash").and_then(|h| h.as_str());
        let one = one.and_then(|h| h.split_once('='));
        Origin::Archive {
            hashed: many || one.is_some_and(|(algorithm, digits)| proves(algorithm) && !digits.is_empty()),
        }
    } else {
        Origin::Unknown
    };
    Some(DirectUrl {
        credentials: !masked.secrets.is_empty(),
        url,
        origin,
    })
}

/// Whether nobody can make two files with one digest of the algorithm.
fn proves(algorithm: &str) -> bool {
    !matches!(algorithm.to_ascii_lowercase().as_str(), "" | "md5" | "sha1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_place_is_told() {
        let read = |text: &str| read_direct_url(text, &mut Budget::default());
        let origin = |text: &str| read(text).origin;
        assert_eq!(
            origin(
                r#"{"url":"https://git.example/a","vcs_info":{"vcs":"git","commit_id":"abc","requested_revision":"main"}}"#
            ),
            Origin::Vcs {
                commit: Some("abc".to_owned()),
                requested: Some("main".to_owned())
            }
        );
        assert_eq!(
            origin(r#"{"url":"file:///src","dir_info":{"editable":true}}"#),
            Origin::Folder { editable: true }
        );
        for (info, hashed) in [
            ("{}", false),
            (r#"{"hash":"sha256=aa"}"#, true),
            (r#"{"hash":"md5=aa"}"#, false),
            (r#"{"hashes":{"md5":"aa"}}"#, false),
            (r#"{"hashes":{"sha256":"aa"}}"#, true),
        ] {
            let text = format!(r#"{{"url":"https://h.example/a.whl","archive_info":{info}}}"#);
            assert_eq!(origin(&text), Origin::Archive { hashed });
        }
        for text in ["{}", "", "[]", r#"{"url":1}"#, r#"{"url":"https://h.example/a"}"#] {
            assert_eq!(origin(text), Origin::Unknown, "{text}");
        }
        let secret = read(r#"{"url":"https://u:hunter2@h.example/a.whl","archive_info":{}}"#);
        assert!(secret.credentials && !secret.url.contains("hunter2"));
    }
}
