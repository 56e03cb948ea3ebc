//! A lock that ends with the process that holds it, so that a run that was killed leaves nothing to clean up.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
};

/// A lock on a file; it ends when this is dropped.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// Why a lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("another run is at work there")]
    Held,
    /// The file cannot be made or locked.
    #[error("{}", crate::file::words(.0))]
    Io(#[from] io::Error),
}

/// Takes the lock on a file, which is made where it is missing. Does not wait.
///
/// # Errors
/// When somebody else holds it, or the file cannot be made.
pub fn lock(path: &Path) -> Result<FileLock, LockError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(FileLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(LockError::Held),
        Err(TryLockError::Error(e)) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/lock");
        let first = lock(&path).unwrap();
        assert!(matches!(lock(&path), Err(LockError::Held)));
        drop(first);
        lock(&path).unwrap();
    }
}
