//! What earlier runs found out, kept on disk for the next one.
//!
//! A package that has not changed since it was audited by this very program need not be audited again. The one decision:
//! whatever is not exactly right is a miss. A folder that others may write to is not used at all, an entry that cannot be
//! read is not there, and the program's own bytes are part of every name, so that no version reads what another one wrote.

use crate::{
    edit::stamp,
    file::{self, read_bounded},
};
use sha2::{Digest as _, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};
use wellhead_core::hex;

/// Largest entry that is written or read, in bytes.
const MAX_ENTRY: u64 = 32 << 20;
/// How many bytes all entries may have, and what is left of them once they had more.
const MAX_ALL: u64 = 512 << 20;
const LEFT: u64 = 384 << 20;
/// So many new bytes make it worth looking how many there are.
const OFTEN: u64 = 16 << 20;
/// Largest program whose own bytes are hashed.
const MAX_PROGRAM: u64 = 1 << 30;
/// Largest file that says which program has which digest.
const MAX_MEMO: u64 = 4 << 10;

/// A folder of results.
#[derive(Debug)]
pub struct KeptResults {
    folder: PathBuf,
    /// What tells this program from every other version of it.
    program: OnceLock<Option<String>>,
    /// Bytes written since somebody looked; at first as many as make one look.
    written: AtomicU64,
}

impl KeptResults {
    /// Results in a folder, which need not be there yet; nothing where somebody else may write to it.
    pub fn open(folder: &Path) -> Option<Self> {
        make_private(folder).ok()?;
        let above = folder.parent().is_none_or(is_closed);
        (above && is_ones_own(folder)).then(|| Self {
            folder: folder.to_path_buf(),
            program: OnceLock::new(),
            written: AtomicU64::new(OFTEN),
        })
    }

    /// The name under which a result is kept, from everything that decides it.
    pub fn name(&self, parts: &[&str]) -> Option<String> {
        let program = self.program.get_or_init(|| self.own_digest()).as_deref()?;
        let mut hash = Sha256::new();
        for part in std::iter::once(&program).chain(parts) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Some(hex(&hash.finalize()))
    }

    /// A result by its name.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let place = self.place(name)?;
        let own = place.parent().is_some_and(is_ones_own) && is_ones_own(&place);
        own.then(|| read_bounded(&place, MAX_ENTRY).ok())?
    }

    /// Keeps a result. That it could not be kept changes nothing but the time of the next run.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let Some(place) = self.place(name).filter(|_| bytes.len() as u64 <= MAX_ENTRY) else {
            return;
        };
        let folder = place.parent().unwrap_or(&self.folder);
        if make_private(folder).is_err() || file::write_passing(&place, bytes).is_err() {
            return;
        }
        let size = bytes.len() as u64;
        let before = self.written.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) > OFTEN {
            self.written.store(0, Ordering::Relaxed);
            // The same holds for what could not be removed.
            let _ = self.shrink(MAX_ALL, LEFT);
        }
    }

    /// The digest of the running program. Which file it is of is remembered too, since hashing it takes longer than
    /// anything else of a run that finds all results.
    fn own_digest(&self) -> Option<String> {
        let program = std::env::current_exe().ok()?;
        let now = format!("{:?}", stamp(&program)?);
        let memo = self.folder.join("program");
        let known = is_ones_own(&memo)
            .then(|| read_bounded(&memo, MAX_MEMO).ok())
            .flatten();
        let known = known.and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((file, digest)) = known.as_deref().and_then(|text| text.split_once('\n'))
            && file == now
        {
            return Some(digest.to_owned());
        }
        let digest = hex(&Sha256::digest(read_bounded(&program, MAX_PROGRAM).ok()?));
        // Without it the next run hashes the program again.
        let _ = file::write_passing(&memo, format!("{now}\n{digest}").as_bytes());
        Some(digest)
    }

    fn place(&self, name: &str) -> Option<PathBuf> {
        let digits = name.bytes().all(|b| b.is_ascii_hexdigit());
        let (first, rest) = name.split_at_checked(2).filter(|_| digits)?;
        Some(self.folder.join(first).join(format!("{rest}.json")))
    }

    /// Removes the oldest entries where all together have more than `most` bytes, until they have `left`.
    fn shrink(&self, most: u64, left: u64) -> io::Result<()> {
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for folder in fs::read_dir(&self.folder)? {
            let folder = folder?.path();
            if !folder.is_dir() {
                continue;
            }
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let about = entry.metadata()?;
                let age = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                entries.push((age, about.len(), entry.path()));
            }
        }
        let mut all: u64 = entries.iter().map(|(_, size, _)| size).sum();
        if all <= most {
            return Ok(());
        }
        entries.sort();
        for (_, size, path) in entries {
            if all <= left {
                break;
            }
            fs::remove_file(path)?;
            all = all.saturating_sub(size);
        }
        Ok(())
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Whether nobody but the user may write to a file or folder: whoever else may would say of his packages that nothing was
/// found. What is no link can have been put there by nobody else either. Where it cannot be told who the user is, nothing is
/// one's own, and nothing is remembered.
#[cfg(unix)]
fn is_ones_own(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let own = fs::metadata("/proc/self").map(|m| m.uid());
    fs::symlink_metadata(path).is_ok_and(|about| {
        let mine = own.as_ref().is_ok_and(|uid| *uid == about.uid());
        !about.is_symlink() && mine && about.mode() & 0o022 == 0
    })
}

#[cfg(not(unix))]
fn is_ones_own(path: &Path) -> bool {
    path.exists()
}

/// Whether nobody else may put another folder in the place of one that lies in this one.
#[cfg(unix)]
fn is_closed(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(folder).is_ok_and(|about| about.mode() & 0o022 == 0 || about.mode() & 0o1000 != 0)
}

#[cfg(not(unix))]
fn is_closed(_: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(folder: &Path) -> KeptResults {
        KeptResults::open(&folder.join("kept")).expect("a folder of one's own")
    }

    #[test]
    fn results_are_found_again_by_everything_that_decides_them() {
        let folder = tempfile::tempdir().unwrap();
        let kept = kept(folder.path());
        let name = kept.name(&["a", "bc"]).unwrap();
        assert_eq!(kept.get(&name), None);
        kept.put(&name, b"found");
        assert_eq!(kept.get(&name).as_deref(), Some(&b"found"[..]));
        for other in [&["ab", "c"][..], &["a", "bc", ""], &["a"], &["a", "bd"]] {
            assert_ne!(kept.name(other).unwrap(), name, "{other:?}");
        }
    }

    #[test]
    fn names_lead_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let kept = kept(folder.path());
        for name in ["", "a", "../../../etc/passwd", "ab/../../x", "ä1"] {
            kept.put(name, b"x");
            assert_eq!(kept.get(name), None, "{name}");
        }
        assert_eq!(fs::read_dir(folder.path().join("kept")).unwrap().count(), 0);
    }

    #[test]
    fn the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let kept = kept(folder.path());
        for (at, name) in ["aa1", "bb2", "cc3"].into_iter().enumerate() {
            kept.put(name, &[0; 100]);
            let file = fs::File::options()
                .append(true)
                .open(kept.place(name).unwrap())
                .unwrap();
            let age = std::time::Duration::from_secs(1_000 + at as u64);
            file.set_modified(SystemTime::UNIX_EPOCH + age).unwrap();
        }
        kept.shrink(300, 100).unwrap();
        assert!(kept.get("aa1").is_some(), "there was room for all");
        kept.shrink(299, 150).unwrap();
        let left: Vec<&str> = ["aa1", "bb2", "cc3"]
            .into_iter()
            .filter(|n| kept.get(n).is_some())
            .collect();
        assert_eq!(left, ["cc3"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        fs::create_dir(&path).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for (mode, used) in [(0o777, false), (0o770, false), (0o755, true), (0o700, true)] {
            set(&path, mode);
            assert_eq!(KeptResults::open(&path).is_some(), used, "{mode:o}");
        }
        let kept = KeptResults::open(&path).unwrap();
        kept.put("aa1", b"x");
        for (place, mode) in [("aa/1.json", 0o622), ("aa", 0o777)] {
            set(&path.join(place), mode);
            assert_eq!(kept.get("aa1"), None, "{place}");
            set(&path.join(place), 0o700);
            assert!(kept.get("aa1").is_some(), "{place}");
        }
        for (mode, used) in [(0o777, false), (0o1777, true)] {
            set(folder.path(), mode);
            assert_eq!(KeptResults::open(&path).is_some(), used, "above: {mode:o}");
        }
        fs::write(folder.path().join("file"), b"").unwrap();
        assert!(KeptResults::open(&folder.path().join("file")).is_none());
    }
}
