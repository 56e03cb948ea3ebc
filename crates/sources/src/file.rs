//! Local files as blobs, and writing them so that nothing is ever half-written.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};
use wellhead_core::{Blob, ReadAt};

/// A local file, read by position. Not mapped: a file that somebody truncates while it is mapped kills the process.
struct LocalFile {
    file: File,
    len: u64,
}

impl ReadAt for LocalFile {
    fn len(&self) -> u64 {
        self.len
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buf, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, buf, offset)
    }
}

/// A file of the user's could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`: {}", wellhead_core::escape(&path.to_string_lossy()), words(source))]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Opens a regular file; never waits for one that became a pipe.
pub(crate) fn open(path: &Path) -> io::Result<Blob> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let len = metadata.len();
    Ok(Blob::new(LocalFile { file, len }))
}

/// Opens a file of `/proc`, which has no length.
pub(crate) fn plain(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// A file of the user's as a blob.
///
/// # Errors
/// Where it cannot be opened or is not a regular file.
pub fn read_blob(path: &Path) -> Result<Blob, ReadError> {
    open(path).map_err(|source| ReadError {
        path: path.to_owned(),
        source,
    })
}

/// All bytes of a file of the user's (a configuration, a saved report), at most `max`.
///
/// # Errors
/// Where it cannot be read or is larger.
pub fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>, ReadError> {
    let fail = |source| ReadError {
        path: path.to_owned(),
        source,
    };
    if path.as_os_str() == "-" {
        return read_stdin(max).map_err(fail);
    }
    let blob = open(path).map_err(fail)?;
    if blob.len() > max {
        let large = io::Error::new(io::ErrorKind::InvalidData, format!("larger than {max} bytes"));
        return Err(fail(large));
    }
    blob.bytes(0, usize::try_from(max).unwrap_or(usize::MAX))
        .map_err(fail)
}

/// Standard input, at most `max` bytes.
pub(crate) fn read_stdin(max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("larger than {max} bytes"),
        ));
    }
    Ok(bytes)
}

/// The reason in a few words, without the number that the system adds.
pub(crate) fn words(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => e.to_string(),
        io::ErrorKind::IsADirectory => "a folder".to_owned(),
        _ => {
            let text = e.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            text.to_lowercase()
        }
    }
}

/// Removes a file, if it is there.
///
/// # Errors
/// As the system says.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Writes a file whole or not at all: to a temporary name beside it, then by renaming. What is no file, such as a device
/// or a pipe, is written to as it stands.
///
/// # Errors
/// As the system says; the temporary file is removed.
pub fn write_atomically(path: &Path, bytes: &[u8], private: bool) -> io::Result<()> {
    let manner = Manner {
        private,
        lasting: true,
    };
    whole(path, manner, &mut |out| out.write_all(bytes))
}

/// The same for what may be gone, or empty, after the power fails.
pub(crate) fn write_passing(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let manner = Manner {
        private: true,
        lasting: false,
    };
    whole(path, manner, &mut |out| out.write_all(bytes))
}

/// The same for what is made while it is written.
///
/// # Errors
/// As the system or `write` says; the temporary file is removed.
pub fn write_streamed(
    path: &Path,
    write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let manner = Manner {
        private: false,
        lasting: true,
    };
    whole(path, manner, write)
}

/// How a file is written.
#[derive(Clone, Copy)]
struct Manner {
    /// For its owner alone.
    private: bool,
    /// Waits until it is on the disk.
    lasting: bool,
}

fn whole(
    path: &Path,
    manner: Manner,
    write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // A device or a pipe takes what is written to it; renaming would put a file in the place of `/dev/null`.
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        let mut out = BufWriter::new(OpenOptions::new().write(true).open(path)?);
        write(&mut out)?;
        return out.flush();
    }
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(
        ".{}-{}.tmp",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ));
    let temporary = folder.join(name);
    let result = (|| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if manner.private {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let mut file = BufWriter::with_capacity(1 << 20, options.open(&temporary)?);
        write(&mut file)?;
        file.flush()?;
        if manner.lasting {
            file.get_ref().sync_all()?;
        }
        std::fs::rename(&temporary, path)
    })();
    if result.is_err() {
        // The first error is the one to tell; a file that cannot be removed either changes nothing about it.
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_device_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("out");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        write_atomically(&link, b"report", false).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&link).unwrap(), b"");
    }

    #[test]
    fn a_write_replaces_the_file_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/report.json");
        write_atomically(&path, b"one", false).unwrap();
        write_atomically(&path, b"two", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_not_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let e = read_blob(dir.path()).unwrap_err();
        assert!(e.to_string().ends_with("not a regular file"), "{e}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        assert!(read_blob(&path).is_err());
    }

    #[test]
    fn sizes_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        assert!(read_bounded(&path, 4).is_err());
    }
}
