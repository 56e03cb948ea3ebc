//! Listing a local file or folder.
//!
//! The walk respects `.gitignore` below the target (not above it, and never the user's global file: the same bytes
//! give the same verdict everywhere). Since a hostile repository can hide a tracked file behind its own
//! `.gitignore`, excluded files that look like models or manifests by name are listed as unreadable, with that reason.

use crate::{Content, Entry, TargetError, file, target::Target};
use ignore::WalkBuilder;
use std::{
    collections::BTreeSet,
    fs::Metadata,
    path::{Component, Path, PathBuf},
};
use wellhead_core::{Blob, code};

/// How a tree is walked.
#[derive(Clone, Copy, Debug, Default)]
pub struct WalkOptions {
    /// Also what `.gitignore` excludes.
    pub no_ignore: bool,
}

/// Folders that hold tools' own state: what `.gitignore` excludes inside them is not worth a word.
const TOOL_FOLDERS: [&str; 12] = [
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    "node_modules",
    "__pycache__",
    ".tox",
    ".nox",
    ".mypy_cache",
    "target",
    "site-packages",
];

/// Most bytes taken from standard input.
const MAX_STDIN: u64 = 1 << 30;

/// Lists what a target holds, sorted by path.
///
/// # Errors
/// Where the target itself is not there or cannot be read.
pub fn list(target: &Target, options: WalkOptions) -> Result<Vec<Entry>, TargetError> {
    let root = match target {
        Target::Stdin => {
            let bytes = file::read_stdin(MAX_STDIN).map_err(|e| TargetError {
                message: format!("cannot read standard input: {}", file::words(&e)),
                hint: "save it to a file and audit that".to_owned(),
            })?;
            return Ok(vec![Entry {
                path: "stdin".to_owned(),
                content: Content::Blob(Blob::from_bytes(bytes)),
            }]);
        }
        Target::Local(root) => root,
        Target::Host(_) => {
            return Err(TargetError {
                message: "what listens is no folder of files".to_owned(),
                hint: "audit it by itself: `wellhead audit host:`".to_owned(),
            });
        }
        Target::Environment(_) => {
            return Err(TargetError {
                message: "an environment is no folder of files".to_owned(),
                hint: "name the folder itself".to_owned(),
            });
        }
        Target::Hub(_)
        | Target::Web(_)
        | Target::Bucket { .. }
        | Target::Package { .. }
        | Target::Service(_)
        | Target::Net(_) => {
            return Err(TargetError {
                message: "the target is behind a network".to_owned(),
                hint: "name a file or folder of this machine".to_owned(),
            });
        }
    };
    let metadata = std::fs::metadata(root).map_err(|e| TargetError {
        message: format!(
            "cannot read {}: {}",
            code(&root.to_string_lossy()),
            file::words(&e)
        ),
        hint: "check the path, it is taken relative to the current folder".to_owned(),
    })?;
    if !metadata.is_dir() {
        let path = shown(Path::new(root.file_name().unwrap_or(root.as_os_str())));
        let content = if metadata.is_file() {
            Content::File(root.clone())
        } else {
            Content::Unreadable {
                why: kind_of(&metadata).to_owned(),
            }
        };
        return Ok(vec![Entry { path, content }]);
    }
    std::fs::read_dir(root).map_err(|e| TargetError {
        message: format!(
            "cannot list {}: {}",
            code(&root.to_string_lossy()),
            file::words(&e)
        ),
        hint: "check the rights of the folder".to_owned(),
    })?;
    Ok(walk(root, options))
}

/// The folders directly below a folder, sorted; links are not among them.
pub fn folders(root: &Path) -> Vec<PathBuf> {
    let Ok(steps) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    let mut out: Vec<PathBuf> = steps
        .flatten()
        .filter(|step| step.file_type().is_ok_and(|t| t.is_dir()))
        .map(|step| step.path())
        .collect();
    out.sort();
    out
}

/// A path with its links followed; itself where it leads nowhere.
pub fn real_path(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn walk(root: &Path, options: WalkOptions) -> Vec<Entry> {
    let real_root = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let mut entries = Vec::new();
    let mut ignore_files = false;
    for step in builder(root, !options.no_ignore).build() {
        match step {
            Ok(step) if step.depth() == 0 => {}
            Ok(step) => {
                ignore_files |= matches!(step.file_name().to_str(), Some(".gitignore" | ".ignore"));
                entries.extend(entry(&real_root, root, step.path()));
            }
            Err(e) => entries.extend(failed(root, &e)),
        }
    }
    ignore_files |= root.join(".git/info/exclude").is_file();
    if ignore_files && !options.no_ignore {
        excluded(root, &mut entries);
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    entries
}

fn builder(root: &Path, respect_ignores: bool) -> WalkBuilder {
    let mut builder = WalkBuilder::new(root);
    builder
        .standard_filters(false)
        .hidden(false)
        .follow_links(false)
        .parents(false)
        .require_git(false)
        .ignore(respect_ignores)
        .git_ignore(respect_ignores)
        .git_exclude(respect_ignores)
        .git_global(false)
        .filter_entry(|e| {
            !(e.depth() > 0 && e.file_name() == ".git" && e.file_type().is_some_and(|t| t.is_dir()))
        });
    builder
}

/// What one step of the walk found; folders are not entries.
fn entry(real_root: &Path, root: &Path, path: &Path) -> Option<Entry> {
    let name = shown(path.strip_prefix(root).unwrap_or(path));
    let unreadable = |why: &str| Some(Content::Unreadable { why: why.to_owned() });
    let content = match std::fs::symlink_metadata(path) {
        Err(e) => unreadable(&file::words(&e)),
        Ok(m) if m.is_dir() => None,
        Ok(m) if m.is_file() => Some(Content::File(path.to_owned())),
        Ok(m) if m.is_symlink() => link(real_root, path),
        Ok(m) => unreadable(kind_of(&m)),
    }?;
    Some(Entry { path: name, content })
}

/// A link to a file is read where it stays inside the target, or inside the cache of a model hub that the target is
/// a snapshot of (`models--org--name/snapshots/REV` links into `models--org--name/blobs`). A link to a folder inside
/// the target is not followed: its files are met on their own way.
fn link(real_root: &Path, path: &Path) -> Option<Content> {
    let unreadable = |why: &str| Some(Content::Unreadable { why: why.to_owned() });
    let real = match std::fs::canonicalize(path) {
        Ok(real) => real,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return unreadable("a link to nothing"),
        Err(e) => return unreadable(&format!("a link that leads nowhere: {}", file::words(&e))),
    };
    let inside =
        real.starts_with(real_root) || hub_cache(real_root).is_some_and(|blobs| real.starts_with(blobs));
    match std::fs::metadata(&real) {
        Err(e) => unreadable(&file::words(&e)),
        Ok(m) if m.is_dir() && inside => None,
        Ok(_) if !inside => unreadable("a link that leaves the target"),
        Ok(m) if m.is_file() => Some(Content::File(real)),
        Ok(m) => unreadable(kind_of(&m)),
    }
}

/// The `blobs` folder of the hub cache that `root` is a snapshot in.
fn hub_cache(root: &Path) -> Option<PathBuf> {
    let snapshots = root
        .ancestors()
        .find(|a| a.file_name().is_some_and(|n| n == "snapshots"))?;
    let repository = snapshots.parent()?;
    let name = repository.file_name()?.to_str()?;
    let known = ["models--", "datasets--", "spaces--"]
        .iter()
        .any(|kind| name.starts_with(kind));
    known.then(|| repository.join("blobs"))
}

fn failed(root: &Path, e: &ignore::Error) -> Option<Entry> {
    fn parts(e: &ignore::Error) -> (Option<&Path>, Option<&std::io::Error>) {
        match e {
            ignore::Error::WithPath { path, err } => (Some(path), parts(err).1),
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => parts(err),
            ignore::Error::Io(io) => (None, Some(io)),
            _ => (None, None),
        }
    }
    let (path, io) = parts(e);
    let why = io.map_or_else(|| wellhead_core::escape(&e.to_string()), file::words);
    let path = path?;
    Some(Entry {
        path: shown(path.strip_prefix(root).unwrap_or(path)),
        content: Content::Unreadable { why },
    })
}

/// Adds the models and manifests that ignore files exclude, as entries that were not looked at.
fn excluded(root: &Path, entries: &mut Vec<Entry>) {
    let seen: BTreeSet<String> = entries.iter().map(|e| e.path.clone()).collect();
    let mut all = builder(root, false);
    all.filter_entry(|e| {
        let name = e.file_name().to_str().unwrap_or_default();
        e.depth() == 0 || !TOOL_FOLDERS.contains(&name)
    });
    for step in all.build().flatten() {
        let is_file = step.file_type().is_some_and(|t| t.is_file());
        let matters = is_file && (looks_like_model(step.path()) || looks_like_manifest(step.path()));
        let path = shown(step.path().strip_prefix(root).unwrap_or(step.path()));
        if matters && !seen.contains(&path) {
            let why = "excluded by an ignore file, use `--no-ignore`".to_owned();
            entries.push(Entry {
                path,
                content: Content::Unreadable { why },
            });
        }
    }
}

fn looks_like_model(path: &Path) -> bool {
    let Some(extension) = path.extension().and_then(|e| e.to_str()) else {
        return false;
    };
    let extension = extension.to_ascii_lowercase();
    MODEL_EXTENSIONS.contains(&extension.as_str())
}

/// Whether a name is one that says what is installed, or from where.
fn looks_like_manifest(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let name = name.to_ascii_lowercase();
    let listed = [".txt", ".in", ".lock", ".pip"].iter().any(|e| name.ends_with(e))
        && (name.contains("requirements") || name.starts_with("constraints"));
    listed || (name.starts_with("pylock.") && name.ends_with(".toml")) || MANIFESTS.contains(&name.as_str())
}

/// Names of manifests, locks and the configuration of indexes.
const MANIFESTS: [&str; 18] = [
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pixi.lock",
    "pipfile.lock",
    "pipfile",
    "pixi.toml",
    "hatch.toml",
    "setup.cfg",
    "environment.yml",
    "environment.yaml",
    "conda-lock.yml",
    "pip.conf",
    "pip.ini",
    "uv.toml",
    "poetry.toml",
    ".condarc",
];

/// Names under which models that can run code travel.
const MODEL_EXTENSIONS: [&str; 20] = [
    "pkl", "pickle", "pt", "pth", "ckpt", "bin", "joblib", "dill", "npy", "npz", "h5", "hdf5", "keras", "pb",
    "onnx", "gguf", "mar", "nemo", "skops", "model",
];

pub(crate) fn kind_of(metadata: &Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let kind = metadata.file_type();
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "a device";
        }
    }
    if metadata.is_dir() {
        "a folder"
    } else {
        "not a regular file"
    }
}

/// The path with `/` and with bytes that are not UTF-8 as `\xNN`.
pub(crate) fn shown(path: &Path) -> String {
    let mut out = String::new();
    for part in path.components() {
        let Component::Normal(name) = part else { continue };
        if !out.is_empty() {
            out.push('/');
        }
        match name.to_str() {
            Some(name) => out.push_str(name),
            None => out.push_str(&lossless(name)),
        }
    }
    out
}

#[cfg(unix)]
fn lossless(name: &std::ffi::OsStr) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let mut out = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        for b in chunk.invalid() {
            out.push_str(&format!("\\x{b:02x}"));
        }
    }
    out
}

#[cfg(not(unix))]
fn lossless(name: &std::ffi::OsStr) -> String {
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    fn names(dir: &Path, options: WalkOptions) -> Vec<String> {
        list(&Target::Local(dir.to_owned()), options)
            .unwrap()
            .iter()
            .map(|e| match &e.content {
                Content::Unreadable { why } => format!("{} ({why})", e.path),
                _ => e.path.clone(),
            })
            .collect()
    }

    #[test]
    fn ignore_files_are_respected_but_models_behind_them_are_named() {
        let files = [
            (".gitignore", "*.bin\n*.log\n.venv\n"),
            ("a.bin", ""),
            ("b.log", ""),
            (".env", ""),
            (".venv/c.bin", ""),
        ];
        let dir = tree(&files);
        let hidden = "a.bin (excluded by an ignore file, use `--no-ignore`)";
        assert_eq!(
            names(dir.path(), WalkOptions::default()),
            [".env", ".gitignore", hidden]
        );
        let all = names(dir.path(), WalkOptions { no_ignore: true });
        assert_eq!(all, [".env", ".gitignore", ".venv/c.bin", "a.bin", "b.log"]);
    }

    #[test]
    fn manifests_behind_an_ignore_file_are_named() {
        let files = [
            (".gitignore", "*\n!.gitignore\n"),
            ("sub/Requirements-dev.txt", ""),
            ("uv.lock", ""),
            ("pip.conf", ""),
            ("notes.txt", ""),
            ("venv/lib/pyproject.toml", ""),
        ];
        let dir = tree(&files);
        let hidden = |name: &str| format!("{name} (excluded by an ignore file, use `--no-ignore`)");
        let wanted = ["pip.conf", "sub/Requirements-dev.txt", "uv.lock"].map(hidden);
        assert_eq!(names(dir.path(), WalkOptions::default())[1..], wanted);
    }

    #[test]
    fn a_file_named_outright_is_listed_whatever_ignores_it() {
        let dir = tree(&[(".gitignore", "*"), ("m/a.pkl", "")]);
        assert_eq!(
            names(&dir.path().join("m/a.pkl"), WalkOptions::default()),
            ["a.pkl"]
        );
        assert_eq!(names(&dir.path().join("m"), WalkOptions::default()), ["a.pkl"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_pipes_and_strange_names_are_entries_with_a_reason() {
        use std::os::unix::{ffi::OsStrExt as _, fs::symlink};
        let dir = tree(&[("a.txt", ""), ("sub/b.txt", "")]);
        let at = |name: &str| dir.path().join(name);
        symlink("a.txt", at("good")).unwrap();
        symlink("nowhere", at("broken")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("/etc/hostname", at("out")).unwrap();
        symlink(".", at("sub/up")).unwrap();
        std::process::Command::new("mkfifo")
            .arg(at("pipe"))
            .status()
            .unwrap();
        std::fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"x\xff")), "").unwrap();
        assert_eq!(
            names(dir.path(), WalkOptions::default()),
            [
                "a.txt",
                "broken (a link to nothing)",
                "good",
                "loop (a link that leads nowhere: too many levels of symbolic links)",
                "out (a link that leaves the target)",
                "pipe (a named pipe)",
                "sub/b.txt",
                "x\\xff",
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_snapshot_of_a_hub_cache_is_read_through_its_links() {
        let dir = tree(&[
            ("models--o--n/blobs/abc", "x"),
            ("models--o--n/snapshots/r/README.md", ""),
        ]);
        let snapshot = dir.path().join("models--o--n/snapshots/r");
        std::os::unix::fs::symlink("../../blobs/abc", snapshot.join("model.bin")).unwrap();
        assert_eq!(
            names(&snapshot, WalkOptions::default()),
            ["README.md", "model.bin"]
        );
    }

    #[test]
    fn a_target_that_is_not_there_is_an_error_with_a_hint() {
        let e = list(&Target::Local("no/such".into()), WalkOptions::default()).unwrap_err();
        assert_eq!(e.to_string(), "cannot read `no/such`: no such file or folder");
    }
}
