//! Targets behind a network: a model hub, a web server, an object store.
//!
//! The one decision: nothing is downloaded. A remote file is a length and ranges of bytes that are fetched when a
//! parser asks, so that a model of ten gigabytes costs its headers. Everything that a server says is hostile: lengths
//! are compared, redirects may not leave encryption or carry secrets along, and a file that changes while it is read
//! is an error.

mod bucket;
mod download;
#[cfg(test)]
mod download_tests;
mod file;
mod http;
mod hub;
mod index;
mod sign;
#[cfg(test)]
mod tests;
mod web;

pub use download::{Downloaded, FetchError};
pub use http::{Network, NetworkOptions, Secret, Traffic};
pub use hub::HubPlace;
pub use index::{IndexFile, Offered, offered};

use crate::{Content, Entry, Target, TargetError};
use std::sync::Arc;
use wellhead_core::{Blob, Digest};

/// A remote file that is opened when its turn comes.
#[derive(Clone, Debug)]
pub struct Remote {
    network: Arc<Network>,
    url: String,
    access: Access,
    len: u64,
    claimed: Option<Digest>,
    /// What the server said of it when it was first met.
    etag: Option<String>,
}

/// What a request for a file proves who is asking with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Nothing.
    Open,
    /// The hub's token, if there is one.
    Hub,
    /// A signature of the object store's kind, if there are keys.
    Bucket,
}

impl Remote {
    /// The file as bytes. Nothing is asked yet.
    pub(crate) fn open(&self) -> Blob {
        let blob = Blob::new(file::RemoteFile::new(self.clone()));
        blob.with_claimed(self.claimed.iter().cloned().collect())
    }
}

/// What a remote target holds.
#[derive(Clone, Debug)]
pub struct Found {
    /// The target with its revision resolved: what was really looked at.
    pub target: String,
    /// What is worth knowing about it, for people.
    pub notes: Vec<String>,
    /// Its files.
    pub entries: Vec<Entry>,
}

/// Lists what a remote target holds.
///
/// # Errors
/// Where the server cannot be asked, refuses, or answers nonsense.
pub(crate) fn list(target: &Target, network: &Arc<Network>) -> Result<Found, TargetError> {
    match target {
        Target::Hub(place) => hub::list(place, network),
        Target::Web(url) => web::list(url, network),
        Target::Bucket { bucket, prefix } => bucket::list(bucket, prefix, network),
        // Which of its files are meant is for those to say who know packages.
        Target::Package { project, .. } => Err(TargetError {
            message: format!(
                "{} is a release, and no file or folder",
                wellhead_core::code(project)
            ),
            hint: "`wellhead audit` reads releases".to_owned(),
        }),
        // What to ask them is for those to say who know platforms.
        Target::Service(_) | Target::Net(_) => Err(TargetError {
            message: "a running service is no file or folder".to_owned(),
            hint: "`wellhead audit` asks services".to_owned(),
        }),
        Target::Local(_) | Target::Stdin | Target::Environment(_) | Target::Host(_) => Ok(Found {
            target: String::new(),
            notes: Vec::new(),
            entries: Vec::new(),
        }),
    }
}

/// Whether a URL may be asked at all; else why not, and what to do.
pub(crate) fn checked(url: &str) -> Result<(), (String, String)> {
    match http::origin(url) {
        Ok(_) => Ok(()),
        Err(fault) => {
            let hint = "write it like `https://host/model.pt`".to_owned();
            Err((fault.words, fault.hint.unwrap_or(hint)))
        }
    }
}

/// An entry whose name came from outside.
fn entry(path: &str, content: Content) -> Entry {
    // A name that climbs is nowhere to be fetched from; that it is there is said all the same.
    let climbs = path.split('/').any(|part| matches!(part, "" | "." | ".."));
    Entry {
        path: path.to_owned(),
        content: if climbs {
            Content::Unreadable {
                why: "a name that leads elsewhere".to_owned(),
            }
        } else {
            content
        },
    }
}

/// A path for a URL: everything but letters, digits and a few signs becomes `%XX`.
fn encoded(path: &str, keep_slashes: bool) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain || (keep_slashes && byte == b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `%XX` resolved; what is no UTF-8 afterwards is replaced.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
