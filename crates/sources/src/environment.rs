//! Prefixes: where an interpreter keeps what is installed for it.
//!
//! An environment is found by its files alone (`pyvenv.cfg`, `lib/pythonX.Y/site-packages`, `conda-meta`); no
//! interpreter is asked, since the one that is asked may be the one that was tampered with. Links are never followed
//! out of the prefix, and what is no regular file is never opened.

use crate::{TargetError, file, local};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::Metadata,
    path::{Component, Path, PathBuf},
    sync::Arc,
};
use wellhead_core::{Blob, code};

/// Deepest folders that are walked.
const MAX_DEPTH: usize = 64;
/// Most files and folders that are listed of one environment.
const MAX_ENTRIES: usize = 2_000_000;
/// Largest file that says something of the environment itself.
const MAX_SMALL: usize = 1 << 20;

/// What the process that asks lives in; handed in, so that the same files give the same verdict everywhere.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `VIRTUAL_ENV`.
    pub virtual_env: Option<PathBuf>,
    /// `CONDA_PREFIX`.
    pub conda_prefix: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<OsString>,
    /// `PYENV_VERSION`.
    pub pyenv_version: Option<String>,
    /// The variables that change what Python runs, with their values.
    pub variables: Vec<(String, String)>,
    /// The current folder.
    pub current: PathBuf,
}

/// An environment.
#[derive(Clone, Debug)]
pub struct Prefix {
    place: Place,
    /// Its folder, as it is shown.
    pub shown: String,
    /// What Python is told by the calling environment; only where the environment was found by it.
    pub variables: Vec<(String, String)>,
    /// What is worth knowing of how it was found.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug)]
enum Place {
    Disk(PathBuf),
    Memory(Arc<BTreeMap<String, Blob>>),
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Nothing.
    Missing,
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link.
    Link {
        /// Where it leads, as written.
        target: String,
        /// Whether a regular file of the environment lies there.
        inside: bool,
    },
    /// Something that is never opened, and what.
    Other(&'static str),
    /// It cannot be told, and why.
    Unreadable(String),
}

/// Something in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its path below the prefix, with `/`.
    pub path: String,
    /// What it is.
    pub node: Node,
}

/// What a walk met.
#[derive(Clone, Debug, Default)]
pub struct Walked {
    /// Everything but folders, sorted by path.
    pub found: Vec<Found>,
    /// Why it is not everything, where it is not.
    pub left_out: Option<String>,
}

impl Prefix {
    /// The environment at `place`, or the one that the surroundings speak of.
    ///
    /// # Errors
    /// Where there is none.
    pub fn find(place: Option<&Path>, surroundings: &Surroundings) -> Result<Self, TargetError> {
        match place {
            Some(place) => Self::at(place),
            None => Self::of_surroundings(surroundings),
        }
    }

    /// An environment of files in memory, by their paths below the prefix.
    pub fn from_memory(shown: &str, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let files = files
            .into_iter()
            .map(|(path, bytes)| (path, Blob::from_bytes(bytes)));
        Self {
            place: Place::Memory(Arc::new(files.collect())),
            shown: shown.to_owned(),
            variables: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn at(place: &Path) -> Result<Self, TargetError> {
        let none = |why: &str| TargetError {
            message: format!(
                "{} is no Python environment: {why}",
                code(&place.to_string_lossy())
            ),
            hint: "name the folder that holds `pyvenv.cfg`, `conda-meta` or `lib/python3.X/site-packages`"
                .to_owned(),
        };
        let metadata = std::fs::metadata(place).map_err(|e| none(&file::words(&e)))?;
        if !metadata.is_dir() {
            // An interpreter was named.
            return interpreter_prefix(place)
                .map(|folder| Self::on_disk(&folder))
                .ok_or_else(|| none("it is no folder"));
        }
        let prefix = Self::on_disk(place);
        if prefix.sites().is_empty() && !prefix.is_folder("conda-meta") {
            return Err(none("there are no packages in it"));
        }
        Ok(prefix)
    }

    fn on_disk(folder: &Path) -> Self {
        let real = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        Self {
            shown: folder.to_string_lossy().into_owned(),
            place: Place::Disk(real),
            variables: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn of_surroundings(surroundings: &Surroundings) -> Result<Self, TargetError> {
        let named = [
            (&surroundings.virtual_env, "VIRTUAL_ENV"),
            (&surroundings.conda_prefix, "CONDA_PREFIX"),
        ];
        for (folder, variable) in named {
            if let Some(folder) = folder {
                let mut prefix = Self::at(folder)?;
                prefix.tell(variable, surroundings);
                return Ok(prefix);
            }
        }
        let interpreter = on_path(surroundings).ok_or_else(|| TargetError {
            message: "there is no Python on PATH, and neither VIRTUAL_ENV nor CONDA_PREFIX is set".to_owned(),
            hint: "name the environment: `env:.venv`".to_owned(),
        })?;
        let mut prefix = Self::at(&interpreter)?;
        prefix.tell("PATH", surroundings);
        Ok(prefix)
    }

    fn tell(&mut self, variable: &str, surroundings: &Surroundings) {
        self.variables.clone_from(&surroundings.variables);
        self.notes.push(format!(
            "this is the environment {}, found by `{variable}`; what the calling shell sets for Python is judged too",
            code(&self.shown)
        ));
    }

    /// The folder itself, as an absolute path; empty where it is none of this machine.
    pub fn absolute(&self) -> String {
        match &self.place {
            Place::Disk(root) => root.to_string_lossy().into_owned(),
            Place::Memory(_) => String::new(),
        }
    }

    /// The folders from which modules are imported, below the prefix, in the order in which Python asks them.
    pub fn sites(&self) -> Vec<String> {
        let mut sites: Vec<String> = Vec::new();
        let mut seen: Vec<PathBuf> = Vec::new();
        let mut add = |path: String| {
            let real = self.real(&path).unwrap_or_else(|| PathBuf::from(&path));
            if self.is_folder(&path) && !seen.contains(&real) {
                seen.push(real);
                sites.push(path);
            }
        };
        for lib in ["local/lib", "lib", "lib64"] {
            for name in self.children(lib) {
                let python = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
                if python.is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit())) {
                    add(format!("{lib}/{name}/site-packages"));
                    add(format!("{lib}/{name}/dist-packages"));
                }
            }
        }
        add("Lib/site-packages".to_owned());
        // PyPy before 3.8.
        add("site-packages".to_owned());
        if sites.is_empty() && self.children("").iter().any(|n| n.ends_with(".dist-info")) {
            // A folder of `pip install --target`.
            sites.push(String::new());
        }
        sites
    }

    /// The folders for modules that are links out of the prefix, and so are not looked at.
    pub fn sites_elsewhere(&self) -> Vec<String> {
        let Place::Disk(root) = &self.place else {
            return Vec::new();
        };
        let below = |lib: &'static str| {
            let names = self.children(lib).into_iter();
            names.map(move |name| format!("{lib}/{name}/site-packages"))
        };
        let mut all: Vec<String> = below("lib").chain(below("lib64")).collect();
        all.push("Lib/site-packages".to_owned());
        all.retain(|path| root.join(path).is_dir() && !self.is_folder(path));
        all
    }

    /// Whether others than the owner may put files into a folder, or put another in its place. Relative ones are below
    /// the prefix; where nothing can be asked, the folders to which everybody writes by custom are known by name.
    pub fn is_open(&self, folder: &str) -> bool {
        let by_custom = ["/tmp", "/var/tmp", "/dev/shm"];
        let custom = || {
            by_custom.iter().any(|c| {
                let below = folder.strip_prefix(c);
                below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        match &self.place {
            Place::Disk(root) if cfg!(unix) => writable(&root.join(folder)),
            Place::Disk(_) | Place::Memory(_) => custom(),
        }
    }

    /// Whether an absolute path leads into the prefix.
    pub fn leads_inside(&self, path: &str) -> bool {
        match &self.place {
            Place::Disk(root) => std::fs::canonicalize(path).is_ok_and(|real| real.starts_with(root)),
            Place::Memory(_) => false,
        }
    }

    /// Which of the names lie in a folder outside of the prefix; nothing of it is opened.
    pub fn beyond(&self, folder: &str, names: &[&str]) -> Vec<String> {
        if matches!(self.place, Place::Memory(_)) || !Path::new(folder).is_absolute() {
            return Vec::new();
        }
        let there = names.iter().map(|name| Path::new(folder).join(name));
        let there = there.filter(|path| std::fs::metadata(path).is_ok_and(|m| m.is_file()));
        there.map(|path| path.to_string_lossy().into_owned()).collect()
    }

    /// The folders in which commands lie, below the prefix.
    pub fn commands(&self) -> Vec<&'static str> {
        let all = ["bin", "Scripts"];
        all.into_iter().filter(|name| self.is_folder(name)).collect()
    }

    /// The names in a folder; none where it cannot be listed.
    pub fn children(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = match &self.place {
            Place::Disk(root) => std::fs::read_dir(root.join(folder))
                .into_iter()
                .flatten()
                .flatten()
                .take(MAX_ENTRIES)
                // A name that is not UTF-8 is one that Python reads, too.
                .map(|e| local::shown(Path::new(&e.file_name())))
                .collect(),
            Place::Memory(files) => {
                let start = if folder.is_empty() {
                    String::new()
                } else {
                    format!("{folder}/")
                };
                let below = files.keys().filter_map(|path| path.strip_prefix(&start));
                below
                    .filter_map(|rest| rest.split('/').next())
                    .map(str::to_owned)
                    .collect()
            }
        };
        names.sort();
        names.dedup();
        names
    }

    fn is_folder(&self, path: &str) -> bool {
        match &self.place {
            Place::Disk(root) => {
                let inside = self.real(path).is_some_and(|real| real.starts_with(root));
                inside && std::fs::metadata(root.join(path)).is_ok_and(|m| m.is_dir())
            }
            Place::Memory(files) => {
                let start = format!("{path}/");
                files.keys().any(|name| name.starts_with(&start))
            }
        }
    }

    fn real(&self, path: &str) -> Option<PathBuf> {
        match &self.place {
            Place::Disk(root) => std::fs::canonicalize(root.join(path)).ok(),
            Place::Memory(_) => None,
        }
    }

    /// Everything below a folder of the prefix.
    pub fn walk(&self, folder: &str) -> Walked {
        let mut walked = Walked::default();
        match &self.place {
            Place::Disk(root) => walk(root, folder, &mut walked),
            Place::Memory(files) => {
                let start = if folder.is_empty() {
                    String::new()
                } else {
                    format!("{folder}/")
                };
                let below = files.keys().filter(|path| path.starts_with(&start));
                walked.found.extend(below.map(|path| Found {
                    path: path.clone(),
                    node: Node::File,
                }));
            }
        }
        walked.found.sort_by(|a, b| a.path.cmp(&b.path));
        walked
    }

    /// What lies at a path below the prefix, whose folders may be links.
    pub fn look(&self, path: &str) -> Node {
        let root = match &self.place {
            Place::Disk(root) => root,
            Place::Memory(files) if files.contains_key(path) => return Node::File,
            Place::Memory(_) => return Node::Missing,
        };
        let full = root.join(path);
        let Some(folder) = full.parent() else {
            return Node::Missing;
        };
        match std::fs::canonicalize(folder) {
            Ok(real) if real.starts_with(root) => of(root, &full, std::fs::symlink_metadata(&full)),
            Ok(_) => Node::Link {
                target: "a folder outside of the environment".to_owned(),
                inside: false,
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Node::Missing,
            Err(e) => Node::Unreadable(file::words(&e)),
        }
    }

    /// Opens a file of which [`Prefix::walk`] or [`Prefix::look`] said that it may be.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words.
    pub fn open(&self, path: &str) -> Result<Blob, String> {
        match &self.place {
            Place::Disk(root) => file::open(&root.join(path)).map_err(|e| file::words(&e)),
            Place::Memory(files) => files
                .get(path)
                .cloned()
                .ok_or_else(|| "no such file or folder".to_owned()),
        }
    }

    /// All of a small file of the environment, where it is a regular one inside it.
    pub fn text(&self, path: &str, max: usize) -> Option<Vec<u8>> {
        match self.look(path) {
            Node::File | Node::Link { inside: true, .. } => self.open(path).ok()?.bytes(0, max).ok(),
            _ => None,
        }
    }

    /// A file outside of the prefix that its kind of system keeps about it: paths that dpkg owns below the prefix.
    pub fn system_owned(&self) -> Vec<String> {
        let Place::Disk(root) = &self.place else {
            return Vec::new();
        };
        // Only a prefix `/usr` belongs to the packages of a distribution.
        let (Some("usr"), Some(above)) = (root.file_name().and_then(|n| n.to_str()), root.parent()) else {
            return Vec::new();
        };
        let mut owned = Vec::new();
        let lists = std::fs::read_dir(above.join("var/lib/dpkg/info"));
        for list in lists.into_iter().flatten().flatten() {
            let path = list.path();
            if path.extension().is_none_or(|e| e != "list") {
                continue;
            }
            let Ok(bytes) = file::open(&path).and_then(|b| b.bytes(0, 64 << 20)) else {
                continue;
            };
            let text = String::from_utf8_lossy(&bytes);
            let below = text.lines().filter_map(|l| l.strip_prefix("/usr/"));
            owned.extend(below.filter(|l| l.contains("python")).map(str::to_owned));
        }
        owned
    }

    /// Whether it has a file of that name at its top.
    pub fn small(&self, path: &str) -> Option<String> {
        let bytes = self.text(path, MAX_SMALL)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Whether everybody may change what a path leads to: the folder itself, what is missing of it, or one above.
#[cfg(unix)]
fn writable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    const BY_ALL: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let mut above_existing = false;
    for (index, at) in path.ancestors().enumerate() {
        let Ok(metadata) = std::fs::metadata(at) else {
            continue;
        };
        let mode = metadata.permissions().mode();
        // What exists in a sticky folder cannot be put away by others.
        let sticky = above_existing && mode & STICKY != 0;
        if mode & BY_ALL != 0 && !sticky && (metadata.is_dir() || index == 0) {
            return true;
        }
        above_existing = true;
    }
    false
}

#[cfg(not(unix))]
fn writable(_: &Path) -> bool {
    false
}

fn walk(root: &Path, folder: &str, walked: &mut Walked) {
    let mut waiting = vec![(folder.to_owned(), 0_usize)];
    while let Some((folder, depth)) = waiting.pop() {
        let entries = match std::fs::read_dir(root.join(&folder)) {
            Ok(entries) => entries,
            Err(e) => {
                let node = Node::Unreadable(file::words(&e));
                walked.found.push(Found { path: folder, node });
                continue;
            }
        };
        for entry in entries.flatten() {
            let name = local::shown(Path::new(&entry.file_name()));
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            // The kind comes with the name on most systems, so that nothing is asked about most files.
            let node = match entry.file_type() {
                Ok(kind) if kind.is_file() => Node::File,
                Ok(kind) if kind.is_dir() => Node::Folder,
                _ => of(root, &entry.path(), std::fs::symlink_metadata(entry.path())),
            };
            if node != Node::Folder {
                walked.found.push(Found { path, node });
            } else if depth < MAX_DEPTH {
                waiting.push((path, depth.saturating_add(1)));
            } else {
                walked.left_out = Some(format!("folders nest deeper than {MAX_DEPTH}"));
            }
            if walked.found.len() >= MAX_ENTRIES {
                walked.left_out = Some(format!("more than {MAX_ENTRIES} files"));
                return;
            }
        }
    }
}

fn of(root: &Path, path: &Path, metadata: std::io::Result<Metadata>) -> Node {
    match metadata {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Node::Missing,
        Err(e) => Node::Unreadable(file::words(&e)),
        Ok(m) if m.is_file() => Node::File,
        Ok(m) if m.is_dir() => Node::Folder,
        Ok(m) if m.is_symlink() => {
            let target = std::fs::read_link(path).unwrap_or_default();
            let real = std::fs::canonicalize(path).ok();
            let inside = real.is_some_and(|real| {
                real.starts_with(root) && std::fs::metadata(&real).is_ok_and(|m| m.is_file())
            });
            Node::Link {
                target: target.to_string_lossy().into_owned(),
                inside,
            }
        }
        Ok(m) => Node::Other(local::kind_of(&m)),
    }
}

/// The prefix of an interpreter: of the link that was named, if it is that of a virtual environment, else of the file.
fn interpreter_prefix(path: &Path) -> Option<PathBuf> {
    let above = |p: &Path| p.parent().and_then(Path::parent).map(Path::to_owned);
    // On Windows the interpreter of a plain installation lies in the prefix itself.
    let beside = |p: &Path| p.parent().map(Path::to_owned);
    let is_virtual = |p: &PathBuf| p.join("pyvenv.cfg").is_file();
    if let Some(own) = above(path).filter(is_virtual) {
        return Some(own);
    }
    let real = std::fs::canonicalize(path).ok()?;
    let fits = |p: &PathBuf| !Prefix::on_disk(p).sites().is_empty();
    above(&real).filter(fits).or_else(|| beside(&real).filter(fits))
}

/// The first Python on PATH; a shim of pyenv is followed by the files that pyenv reads.
fn on_path(surroundings: &Surroundings) -> Option<PathBuf> {
    let path = surroundings.path.as_ref()?;
    for folder in std::env::split_paths(path) {
        for name in ["python3", "python", "python3.exe", "python.exe"] {
            let candidate = surroundings.current.join(&folder).join(name);
            if !std::fs::metadata(&candidate).is_ok_and(|m| m.is_file()) {
                continue;
            }
            if folder.file_name().is_none_or(|n| n != "shims") {
                return Some(candidate);
            }
            if let Some(real) = behind_shim(&folder, name, surroundings) {
                return Some(real);
            }
        }
    }
    None
}

fn behind_shim(shims: &Path, name: &str, surroundings: &Surroundings) -> Option<PathBuf> {
    let root = shims.parent()?;
    let read = |path: PathBuf| -> Option<String> {
        let bytes = file::open(&path).ok()?.bytes(0, 4096).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let local = || {
        let folders = surroundings.current.ancestors();
        folders.into_iter().find_map(|f| read(f.join(".python-version")))
    };
    let text = surroundings
        .pyenv_version
        .clone()
        .or_else(local)
        .or_else(|| read(root.join("version")))?;
    text.split([':', '\n'])
        .map(str::trim)
        .filter(|v| is_plain(v))
        .map(|version| root.join("versions").join(version).join("bin").join(name))
        .find(|candidate| candidate.is_file())
}

/// One part of a path, and nothing that leads elsewhere.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for path in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        dir
    }

    #[test]
    fn environments_are_found_by_their_files() {
        for (files, sites) in [
            (
                &["lib/python3.12/site-packages/a.py", "pyvenv.cfg"][..],
                &["lib/python3.12/site-packages"][..],
            ),
            (&["Lib/site-packages/a.py"], &["Lib/site-packages"]),
            (
                &[
                    "lib/python3/dist-packages/a.py",
                    "local/lib/python3.11/dist-packages/b.py",
                ],
                &["local/lib/python3.11/dist-packages", "lib/python3/dist-packages"],
            ),
            (&["a-1.dist-info/RECORD"], &[""]),
            (&["conda-meta/a-1-0.json"], &[]),
        ] {
            let dir = tree(files);
            let prefix = Prefix::find(Some(dir.path()), &Surroundings::default()).unwrap();
            assert_eq!(prefix.sites(), sites);
        }
        let dir = tree(&["src/a.py"]);
        assert!(Prefix::find(Some(dir.path()), &Surroundings::default()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed_out_and_pipes_are_not_opened() {
        use std::os::unix::fs::symlink;
        let site = "lib/python3.12/site-packages";
        let dir = tree(&[&format!("{site}/a.py")]);
        let at = |name: &str| dir.path().join(site).join(name);
        symlink("a.py", at("in.py")).unwrap();
        symlink("/etc/hostname", at("out.py")).unwrap();
        symlink("/etc", at("folder")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink(".", at("self")).unwrap();
        std::process::Command::new("mkfifo")
            .arg(at("pipe"))
            .status()
            .unwrap();
        let prefix = Prefix::find(Some(dir.path()), &Surroundings::default()).unwrap();
        let found = prefix.walk(site).found;
        let shown: Vec<_> = found
            .iter()
            .map(|f| {
                let name = f.path.rsplit('/').next().unwrap();
                match &f.node {
                    Node::File => name.to_owned(),
                    Node::Link { inside, .. } => format!("{name} link {inside}"),
                    Node::Other(why) => format!("{name} {why}"),
                    other => format!("{name} {other:?}"),
                }
            })
            .collect();
        assert_eq!(
            shown,
            [
                "a.py",
                "folder link false",
                "in.py link true",
                "loop link false",
                "out.py link false",
                "pipe a named pipe",
                "self link false"
            ]
        );
        assert!(matches!(
            prefix.look(&format!("{site}/folder/passwd")),
            Node::Link { inside: false, .. }
        ));
        assert_eq!(prefix.text(&format!("{site}/out.py"), 10), None);
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_open_by_their_modes() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tree(&[
            "lib/python3.12/site-packages/a.py",
            "shared/own/a.py",
            "closed/open/a.py",
        ]);
        let mode = |name: &str, mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(dir.path().join(name), mode).unwrap();
        };
        mode("shared", 0o1777);
        mode("shared/own", 0o755);
        mode("closed", 0o755);
        mode("closed/open", 0o777);
        let prefix = Prefix::find(Some(dir.path()), &Surroundings::default()).unwrap();
        for (folder, open) in [
            ("shared", true),
            ("shared/absent", true),
            ("shared/own", false),
            ("closed", false),
            ("closed/absent", false),
            ("closed/open", true),
        ] {
            assert_eq!(prefix.is_open(folder), open, "{folder}");
            let absolute = dir.path().join(folder);
            assert_eq!(prefix.is_open(absolute.to_str().unwrap()), open, "{folder}");
        }
        mode("shared", 0o777);
        assert!(prefix.is_open("shared/own"));
        assert_eq!(
            prefix
                .beyond(dir.path().join("shared/own").to_str().unwrap(), &["a.py", "b.py"])
                .len(),
            1
        );
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8_are_listed_and_modules_elsewhere_are_told() {
        use std::os::unix::{ffi::OsStrExt as _, fs::symlink};
        let dir = tree(&["lib/python3.12/site-packages/a.py", "lib/python3.11/b.py"]);
        let name = std::ffi::OsStr::from_bytes(b"\xffx.pth");
        let made = std::fs::write(dir.path().join("lib/python3.12/site-packages").join(name), "");
        symlink("/usr", dir.path().join("lib/python3.11/site-packages")).unwrap();
        let prefix = Prefix::find(Some(dir.path()), &Surroundings::default()).unwrap();
        if made.is_ok() {
            let names = prefix.children("lib/python3.12/site-packages");
            assert!(names.iter().any(|n| n.ends_with("x.pth")), "{names:?}");
        }
        assert_eq!(prefix.sites_elsewhere(), ["lib/python3.11/site-packages"]);
    }

    #[test]
    fn the_interpreter_on_path_is_found_through_the_shims_of_pyenv() {
        let dir = tree(&[
            "pyenv/shims/python3",
            "pyenv/versions/3.12.1/bin/python3",
            "pyenv/versions/3.12.1/lib/python3.12/site-packages/a.py",
        ]);
        let mut surroundings = Surroundings {
            path: Some(dir.path().join("pyenv/shims").into()),
            pyenv_version: Some("3.12.1".to_owned()),
            ..Surroundings::default()
        };
        let prefix = Prefix::find(None, &surroundings).unwrap();
        assert!(prefix.shown.ends_with("versions/3.12.1"), "{}", prefix.shown);
        surroundings.pyenv_version = Some("../../x".to_owned());
        assert!(Prefix::find(None, &surroundings).is_err());
    }
}
