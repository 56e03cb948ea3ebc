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

/// Reads a `direct_url.json`; `None` where it is none.
pub fn read_direct_url(text: &str, budget: &mut Budget) -> Option<DirectUrl> {
    let root = json(text, budget).ok()?;
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
        let many = archive.get("hashes").is_some_and(|h| !h.entries().is_empty());
        let one = archive.get("hash").and_then(|h| h.as_str());
        Origin::Archive {
            hashed: many || one.is_some_and(|h| h.contains('=')),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_place_is_told() {
        let read = |text: &str| read_direct_url(text, &mut Budget::default());
        let origin = |text: &str| read(text).unwrap().origin;
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
            (r#"{"hashes":{"sha256":"aa"}}"#, true),
        ] {
            let text = format!(r#"{{"url":"https://h.example/a.whl","archive_info":{info}}}"#);
            assert_eq!(origin(&text), Origin::Archive { hashed });
        }
        assert_eq!(read("{}"), None);
        let secret = read(r#"{"url":"https://u:hunter2@h.example/a.whl","archive_info":{}}"#).unwrap();
        assert!(secret.credentials && !secret.url.contains("hunter2"));
    }
}
