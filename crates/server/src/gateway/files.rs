//! The gateway's own files: nobody but its owner may read or write them, and a change is whole or did not happen.

#![expect(
    clippy::disallowed_methods,
    reason = "the gateway's own store, log and keys, whose permissions are part of opening them"
)]

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

/// Largest file that is read whole: a store of a hundred thousand users has 30 MB.
const MAX: u64 = 64 << 20;

/// Why a file of the gateway is not used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Somebody else could read or change it.
    #[error("others than its owner may read or change `{0}`")]
    Shared(String),
    /// It is none of the user's that runs the gateway.
    #[error("`{0}` belongs to somebody else")]
    Foreign(String),
    /// It is no file, or leads elsewhere.
    #[error("`{0}` is no plain file")]
    NoFile(String),
    /// Permissions cannot be looked at on this system.
    #[error("the gateway cannot see on this system who may read `{0}`")]
    Unknown(String),
    /// The system does not let it.
    #[error("`{0}`: {1}")]
    Io(String, io::Error),
}

impl FileError {
    /// Whether there is none.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Io(_, e) if e.kind() == io::ErrorKind::NotFound)
    }
}

pub(crate) fn shown(path: &Path) -> String {
    wellhead_core::escape(&path.to_string_lossy())
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> FileError + '_ {
    move |e| FileError::Io(shown(path), e)
}

/// Makes the folder, for its owner alone, or sees that it is the owner's alone.
pub(crate) fn private_folder(path: &Path) -> Result<(), FileError> {
    make_folder(path).map_err(failed(path))?;
    let there = fs::symlink_metadata(path).map_err(failed(path))?;
    if !there.is_dir() {
        return Err(FileError::NoFile(shown(path)));
    }
    judge(path, &there)
}

#[cfg(unix)]
fn make_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn judge(path: &Path, there: &fs::Metadata) -> Result<(), FileError> {
    use std::os::unix::fs::MetadataExt as _;
    if there.uid() != rustix::process::geteuid().as_raw() {
        return Err(FileError::Foreign(shown(path)));
    }
    if there.mode() & 0o077 != 0 {
        return Err(FileError::Shared(shown(path)));
    }
    Ok(())
}

#[cfg(not(unix))]
fn judge(path: &Path, _: &fs::Metadata) -> Result<(), FileError> {
    Err(FileError::Unknown(shown(path)))
}

#[cfg(unix)]
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    // What is judged is what was opened: no link is followed, and a pipe does not make us wait.
    options
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK);
    options
}

#[cfg(not(unix))]
fn options() -> OpenOptions {
    OpenOptions::new()
}

fn opened(path: &Path, options: &OpenOptions) -> Result<File, FileError> {
    let file = options.open(path).map_err(failed(path))?;
    let there = file.metadata().map_err(failed(path))?;
    if !there.is_file() {
        return Err(FileError::NoFile(shown(path)));
    }
    judge(path, &there)?;
    Ok(file)
}

/// Reads a file that is its owner's alone.
pub(crate) fn read_private(path: &Path) -> Result<Vec<u8>, FileError> {
    let file = opened(path, options().read(true))?;
    let mut out = Vec::new();
    file.take(MAX).read_to_end(&mut out).map_err(failed(path))?;
    Ok(out)
}

/// Reads a file that others may see: certificates.
pub(crate) fn read_public(path: &Path) -> Result<Vec<u8>, FileError> {
    let file = OpenOptions::new().read(true).open(path).map_err(failed(path))?;
    let mut out = Vec::new();
    file.take(MAX).read_to_end(&mut out).map_err(failed(path))?;
    Ok(out)
}

/// Reads a key. Links are followed and a group may read it, as tools that renew certificates have it; not everybody.
pub(crate) fn read_key(path: &Path) -> Result<Vec<u8>, FileError> {
    let file = OpenOptions::new().read(true).open(path).map_err(failed(path))?;
    let there = file.metadata().map_err(failed(path))?;
    if !there.is_file() {
        return Err(FileError::NoFile(shown(path)));
    }
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::mode(&there) & 0o027 != 0 {
        return Err(FileError::Shared(shown(path)));
    }
    let mut out = Vec::new();
    file.take(MAX).read_to_end(&mut out).map_err(failed(path))?;
    Ok(out)
}

/// Opens a file for reading, whoever may read it: a log that was copied elsewhere.
pub(crate) fn open_public(path: &Path) -> Result<File, FileError> {
    OpenOptions::new().read(true).open(path).map_err(failed(path))
}

/// Opens a file that only grows, for its owner alone, and keeps every other gateway out of it.
pub(crate) fn open_growing(path: &Path) -> Result<File, FileError> {
    let file = opened(path, options().read(true).append(true).create(true))?;
    file.try_lock().map_err(|_| {
        FileError::Io(
            shown(path),
            io::Error::new(io::ErrorKind::WouldBlock, "another gateway writes to it"),
        )
    })?;
    Ok(file)
}

/// Keeps others from changing a file at the same time, for as long as what is returned lives.
pub(crate) fn lock(path: &Path) -> Result<File, FileError> {
    let path = path.with_extension("lock");
    let file = opened(&path, options().write(true).create(true))?;
    file.lock().map_err(failed(&path))?;
    Ok(file)
}

/// Replaces a file in one step: whoever reads it sees the old or the new one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(&beside)(e)),
        _ => {}
    }
    let mut file = opened(&beside, options().write(true).create_new(true))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(failed(&beside))?;
    fs::rename(&beside, path).map_err(failed(path))?;
    // The name is on disk once its folder is.
    let folder: PathBuf = path
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    File::open(&folder)
        .and_then(|f| f.sync_all())
        .map_err(failed(&folder))
}

/// What changes when a file is replaced, or its permissions are: inode, length, time of the last change.
pub(crate) type Stamp = (u64, u64, i64, i64);

#[cfg(unix)]
pub(crate) fn stamp(path: &Path) -> Result<Stamp, FileError> {
    use std::os::unix::fs::MetadataExt as _;
    let there = fs::symlink_metadata(path).map_err(failed(path))?;
    Ok((there.ino(), there.len(), there.ctime(), there.ctime_nsec()))
}

#[cfg(not(unix))]
pub(crate) fn stamp(path: &Path) -> Result<Stamp, FileError> {
    Err(FileError::Unknown(shown(path)))
}
