//! Every byte from outside.
//!
//! The only crate that opens files for auditing. It lists what a target holds and hands out [`Blob`]s; it judges
//! nothing. Its one decision: an entry that cannot be read is an entry all the same, with the reason, because "not
//! looked at" must never turn into "not there".

#![expect(
    clippy::disallowed_methods,
    reason = "this is the room in which files are opened"
)]

mod edit;
pub mod environment;
mod file;
mod host;
mod kept;
mod local;
mod lock;
mod memory;
pub mod probe;
mod remote;
mod target;
mod wheels;

pub use edit::{RewriteError, Stamp, rewrite, stamp};
pub use environment::{Prefix, Surroundings};
pub use file::{ReadError, read_blob, read_bounded, remove, write_atomically, write_streamed};
pub use host::{HostVariable, Listening, host_snapshot, listening};
pub use kept::KeptResults;
pub use local::{WalkOptions, folders, list, real_path};
pub use lock::{FileLock, LockError, lock};
pub use memory::from_memory;
pub use remote::{Downloaded, FetchError, Found, HubPlace, Network, NetworkOptions, Remote, Secret, Traffic};
pub use remote::{IndexFile, Offered, offered};
pub use target::{Target, TargetError};
pub use wheels::Wheels;

use std::{path::PathBuf, sync::Arc};
use wellhead_core::Blob;

/// One thing that a target holds.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path relative to the target, with `/`; bytes that are not UTF-8 are written `\xNN`.
    pub path: String,
    /// Its bytes, or why there are none.
    pub content: Content,
}

/// The bytes of an entry.
#[derive(Clone, Debug)]
pub enum Content {
    /// They are at hand.
    Blob(Blob),
    /// They are in a local file, which is opened when its turn comes.
    File(PathBuf),
    /// They are behind a network, and are asked for when their turn comes.
    Remote(Remote),
    /// They are behind a package index, and are asked for whole when their turn comes.
    Offered(IndexFile),
    /// It is a whole environment of Python, which is judged as one.
    Environment(Box<Prefix>),
    /// They cannot be had, and why.
    Unreadable {
        /// Why, in a few words: "a named pipe".
        why: String,
    },
}

impl Entry {
    /// Opens the entry.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words.
    pub fn open(&self) -> Result<Blob, String> {
        match &self.content {
            Content::Blob(blob) => Ok(blob.clone()),
            Content::File(path) => file::open(path).map_err(|e| file::words(&e)),
            Content::Remote(remote) => Ok(remote.open()),
            Content::Offered(file) => file.open(),
            Content::Environment(_) => Err("an environment of Python".to_owned()),
            Content::Unreadable { why } => Err(why.clone()),
        }
    }
}

/// Lists what a target holds, wherever it is.
///
/// # Errors
/// Where the target is not there, cannot be read or cannot be asked for.
pub fn find(target: &Target, options: WalkOptions, network: &Arc<Network>) -> Result<Found, TargetError> {
    if !target.is_local() {
        return remote::list(target, network);
    }
    if let Target::Environment(place) = target {
        return find_environment(place.as_deref(), &Surroundings::default());
    }
    if let Target::Host(place) = target {
        let snapshot = host_snapshot(place.as_deref(), &[], &mut wellhead_core::Budget::default())?;
        return Ok(Found {
            target: "host:".to_owned(),
            notes: Vec::new(),
            entries: from_memory([("host.json", snapshot)]),
        });
    }
    Ok(Found {
        target: match target {
            Target::Local(path) => path.to_string_lossy().into_owned(),
            _ => "-".to_owned(),
        },
        notes: Vec::new(),
        entries: list(target, options)?,
    })
}

/// The virtual environments at the top of a folder, as paths to type; also those that ignore files hide.
pub fn environments_below(folder: &std::path::Path, entries: &[Entry]) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    let mut add = |path: std::path::PathBuf| {
        if path.join("pyvenv.cfg").is_file() && path != folder {
            let shown = path.to_string_lossy();
            found.insert(shown.strip_prefix("./").unwrap_or(&shown).to_owned());
        }
    };
    for name in [".venv", "venv", "env", ".env"] {
        add(folder.join(name));
    }
    for entry in entries {
        if let Some(below) = entry.path.strip_suffix("/pyvenv.cfg") {
            add(folder.join(below));
        }
    }
    found.into_iter().take(5).collect()
}

/// An environment as the one entry of a target: the one at `place`, or the one that the surroundings speak of.
///
/// # Errors
/// Where there is none.
pub fn find_environment(
    place: Option<&std::path::Path>,
    surroundings: &Surroundings,
) -> Result<Found, TargetError> {
    let prefix = Prefix::find(place, surroundings)?;
    Ok(Found {
        target: format!("env:{}", prefix.shown),
        notes: prefix.notes.clone(),
        entries: vec![Entry {
            path: prefix.shown.clone(),
            content: Content::Environment(Box::new(prefix)),
        }],
    })
}
