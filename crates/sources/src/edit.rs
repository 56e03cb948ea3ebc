//! Writing a file of the target anew: only one that is still what was read, only where it lies in the target itself.

use crate::file::write_atomically;
use std::{
    fs::{Metadata, Permissions},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What a file was when the audit began; a file that is something else by now is not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    read_only: bool,
    #[cfg(unix)]
    identity: (u64, u64, i64, i64),
}

impl Stamp {
    /// Whether whoever keeps the file took the right to write it from everybody.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }
}

/// Why a file is not written.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// It is a link: what it names may belong to somebody else.
    #[error("it is a symbolic link")]
    Link,
    /// It changed since it was read.
    #[error("it changed while it was looked at: run again")]
    Changed,
    /// The system does not let it.
    #[error("{}", crate::file::words(.0))]
    Io(#[from] io::Error),
}

/// What the file is now; nothing where it is none of its own: a link, a pipe.
pub fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    metadata.is_file().then(|| of(&metadata))
}

fn of(metadata: &Metadata) -> Stamp {
    Stamp {
        length: metadata.len(),
        modified: metadata.modified().ok(),
        read_only: metadata.permissions().readonly(),
        #[cfg(unix)]
        identity: {
            use std::os::unix::fs::MetadataExt as _;
            (
                metadata.dev(),
                metadata.ino(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            )
        },
    }
}

/// Writes a file anew, whole or not at all, with the rights that it had.
///
/// # Errors
/// Where it is a link, or is not what `before` says any more, or the system does not let it.
pub fn rewrite(path: &Path, before: &Stamp, bytes: &[u8]) -> Result<(), RewriteError> {
    let rights = unchanged(path, before)?;
    let temporary = beside(path);
    let written = (|| {
        write_atomically(&temporary, bytes, true)?;
        std::fs::set_permissions(&temporary, rights)?;
        // Looked at again just before, so that as little as can be is lost to whoever writes at the same time.
        unchanged(path, before)?;
        std::fs::rename(&temporary, path)?;
        Ok(())
    })();
    if written.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn unchanged(path: &Path, before: &Stamp) -> Result<Permissions, RewriteError> {
    let metadata = std::fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Err(RewriteError::Link);
    }
    if !metadata.is_file() || of(&metadata) != *before {
        return Err(RewriteError::Changed);
    }
    Ok(metadata.permissions())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_anew_with_its_rights() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("requirements.txt");
        std::fs::write(&path, "a==1\n").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        }
        let before = stamp(&path).unwrap();
        rewrite(&path, &before, b"a==2\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"a==2\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o640);
        }
    }

    #[test]
    fn a_file_that_changed_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("requirements.txt");
        std::fs::write(&path, "a==1\n").unwrap();
        let before = stamp(&path).unwrap();
        std::fs::write(&path, "a==1 # mine\n").unwrap();
        let refused = rewrite(&path, &before, b"a==2\n").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "it changed while it was looked at: run again"
        );
        assert_eq!(std::fs::read(&path).unwrap(), b"a==1 # mine\n");
        std::fs::remove_file(&path).unwrap();
        assert!(rewrite(&path, &before, b"a==2\n").is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_never_followed() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real.txt");
        let link = dir.path().join("requirements.txt");
        std::fs::write(&real, "a==1\n").unwrap();
        std::os::unix::fs::symlink("real.txt", &link).unwrap();
        assert_eq!(stamp(&link), None);
        let refused = rewrite(&link, &stamp(&real).unwrap(), b"a==2\n").unwrap_err();
        assert_eq!(refused.to_string(), "it is a symbolic link");
        assert_eq!(std::fs::read(&real).unwrap(), b"a==1\n");
    }
}
