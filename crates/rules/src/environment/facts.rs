//! The facts of an environment: what was written down at installation against what lies there now.
//!
//! Whoever gathers them reads files; the rules only see this value. All paths are artifacts of the report.

use std::{collections::BTreeSet, ops::Range, sync::Arc};
use wellhead_core::{ArtifactPath, Budget};
use wellhead_packages::installed::DirectUrl;
use wellhead_pycode::{Deed, DeedKind, Module, Stage};

/// An environment.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Its folder, from outside.
    pub shown: String,
    /// What kind it is.
    pub kind: Kind,
    /// The version of its Python, as far as files tell.
    pub python: Option<String>,
    /// Whether its maker asks installers to leave it alone (`EXTERNALLY-MANAGED`).
    pub managed: bool,
    /// Whether the packages of the interpreter that it was made from are on its path too.
    pub system_sites: bool,
    /// A file that stands for the environment itself.
    pub itself: Option<ArtifactPath>,
    /// What is installed.
    pub distributions: Vec<Distribution>,
    /// What nobody installed.
    pub unowned: Vec<Unowned>,
    /// What Python runs at every start.
    pub hooks: Vec<Hook>,
    /// Commands that are worth a word.
    pub commands: Vec<Command>,
    /// Files that two distributions own and do not agree on.
    pub contested: Vec<Contested>,
    /// Variables of the calling shell that change what Python runs, with their values.
    pub variables: Vec<(String, String)>,
    /// What locks of the same run say of it.
    pub locks: Vec<LockDrift>,
}

/// The kinds of environments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A virtual environment.
    Virtual,
    /// A prefix of conda.
    Conda,
    /// The place of an interpreter itself.
    #[default]
    Interpreter,
    /// A folder of packages without an interpreter.
    Folder,
}

/// Something that was installed as one.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Its name in the normal form.
    pub name: String,
    /// Its name as written, from outside.
    pub written: String,
    /// Its version, from outside.
    pub version: Option<String>,
    /// The file or folder that its installer left.
    pub info: ArtifactPath,
    /// Who installed it, by its own word.
    pub installer: Option<String>,
    /// What can be said of its files.
    pub record: RecordState,
    /// Whether it belongs to the system, whose packages change files after the record was written and vouch for them
    /// in records of their own.
    pub system: bool,
    /// Files that fit what was written down.
    pub verified: u64,
    /// Files of code of which the record holds no digest, compiled files apart.
    pub without_digest: Vec<String>,
    /// Files that are not what was written down.
    pub changed: Vec<Changed>,
    /// Files that are gone.
    pub missing: Vec<String>,
    /// Files that could not be compared, and why.
    pub unreadable: Vec<(String, String)>,
    /// Rows that lead out of the environment, with their line.
    pub escapes: Vec<(String, u32)>,
    /// Paths that are one where capital letters do not count.
    pub same_but_case: Vec<(String, String)>,
    /// Rows that could not be understood: the line and what is wrong, the first ones.
    pub bad_rows: Vec<(u32, &'static str)>,
    /// How many there are.
    pub bad_row_count: u64,
    /// Where it came from, where no index supplied it.
    pub direct_url: Option<DirectUrl>,
    /// Requirements of its own that the environment does not meet.
    pub unmet: Vec<Unmet>,
    /// Other places where the same distribution is installed.
    pub twins: Vec<(ArtifactPath, Option<String>)>,
    /// How its record differs from that of its wheel, where that was asked for.
    pub wheel: Option<WheelDrift>,
    /// The package of conda that lies under it.
    pub over_conda: Option<(ArtifactPath, String)>,
}

impl Distribution {
    /// Its package URL, as far as that names it.
    pub fn purl(&self) -> String {
        let version = self
            .version
            .as_deref()
            .map_or_else(String::new, |v| format!("@{v}"));
        wellhead_core::escape(&format!("pkg:pypi/{}{version}", self.name))
    }
}

/// How the record of a distribution differs from that in its wheel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WheelDrift {
    /// The file name of the wheel.
    pub wheel: String,
    /// Files with another digest.
    pub changed: Vec<String>,
    /// Files of the wheel that the record does not name.
    pub removed: Vec<String>,
    /// Files that the wheel does not have.
    pub added: Vec<String>,
}

/// What can be said of the files of a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// They were compared with its record.
    Read,
    /// Only a part of the record was read, and why.
    Partly(String),
    /// Its installer left none although it should have.
    Missing,
    /// Its kind has none; the packages of the system or of an older installer are so.
    None(&'static str),
}

/// A file that is not what was written down.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The file.
    pub artifact: ArtifactPath,
    /// What it is used for.
    pub is: FileUse,
    /// How it differs: "has 12 bytes instead of 10".
    pub how: String,
    /// What it does, where it is Python.
    pub effects: Effects,
}

/// What a file is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileUse {
    /// Python imports or runs it.
    Code,
    /// It is a command.
    Command,
    /// It describes a distribution.
    Metadata,
    /// Anything else.
    Data,
}

/// A file, or a whole folder, that no record names.
#[derive(Clone, Debug)]
pub struct Unowned {
    /// The file, or the folder.
    pub artifact: ArtifactPath,
    /// How many files it holds; 1 for a file.
    pub files: u64,
    /// How many of them Python would import.
    pub code: u64,
    /// What it is for the interpreter.
    pub is: UnownedKind,
    /// The owned file in whose place Python takes it.
    pub shadows: Option<ArtifactPath>,
    /// What it does, where it is Python.
    pub effects: Effects,
}

/// The kinds of what nobody installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnownedKind {
    /// Python source.
    Source,
    /// Compiled Python without its source.
    Bytecode,
    /// A native extension.
    Native,
    /// A folder with code in it.
    Folder,
    /// A link.
    Link,
    /// Nothing that Python runs by itself.
    Data,
    /// Python source of what was installed without a record.
    Unrecorded,
}

/// Something that Python runs, or takes into its path, at every start.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The file.
    pub artifact: ArtifactPath,
    /// Its text, and the part that matters.
    pub text: Arc<str>,
    /// The part that matters.
    pub span: Range<usize>,
    /// What kind it is.
    pub is: HookKind,
    /// Whose it is.
    pub owner: Owner,
    /// Whose line it is by its content, where that is known.
    pub known: Option<&'static str>,
    /// Modules that it imports and that no record vouches for.
    pub unvouched: Vec<String>,
    /// What it does, together with what it imports.
    pub effects: Effects,
}

/// The kinds of hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// A line of a `.pth` file that is run.
    Line,
    /// A line of a `.pth` file that names a folder to which everybody may write.
    OpenFolder,
    /// A line of a `.start` file.
    EntryPoint,
    /// `sitecustomize` or `usercustomize`.
    Customize,
    /// A `._pth` file, which replaces the path of the interpreter.
    PathFile,
    /// A `pyvenv.cfg` beside the interpreter, which is taken before that of the environment.
    InnerConfig,
    /// A file that Python runs and that could not be looked at, and why.
    Unread(&'static str),
}

/// Whose a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A distribution's, and it is what its record says.
    Verified(String),
    /// A distribution's, and it is not known to be what its record says.
    Stated(String),
    /// The system's.
    System,
    /// Nobody's.
    Nobody,
}

/// A command of the environment that is worth a word.
#[derive(Clone, Debug)]
pub struct Command {
    /// The file.
    pub artifact: ArtifactPath,
    /// Its name.
    pub name: String,
    /// What is odd about it.
    pub is: CommandKind,
    /// Whose it is.
    pub owner: Owner,
}

/// What is odd about a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandKind {
    /// It bears the name of a tool of the system.
    Shadows,
    /// It bears the name of the interpreter and is a script.
    FalseInterpreter,
    /// It bears the name of the interpreter and leads to where everybody may put one.
    OpenInterpreter(String),
    /// It runs under an interpreter that is not that of the environment.
    Foreign(String),
}

/// A file that two distributions own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contested {
    /// The file.
    pub artifact: ArtifactPath,
    /// The owners.
    pub owners: Vec<String>,
}

/// A requirement that the environment does not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The requirement as written, from outside.
    pub requirement: String,
    /// The version that is installed; `None` where nothing is.
    pub installed: Option<String>,
}

/// What a lock says of the environment.
#[derive(Clone, Debug, Default)]
pub struct LockDrift {
    /// The lock.
    pub lock: Option<ArtifactPath>,
    /// Packages of another version: name, locked version, installed one, the place of the lock.
    pub other_version: Vec<(String, String, String, wellhead_core::Location)>,
    /// Packages from another source: name, what the lock says, what is installed, the place of the lock.
    pub other_source: Vec<(String, String, String, wellhead_core::Location)>,
    /// Packages that are not installed, with the place of the lock.
    pub missing: Vec<(String, wellhead_core::Location)>,
    /// Packages that the lock does not know, with their place.
    pub extra: Vec<(String, ArtifactPath)>,
}

/// What Python source does that an installed file has seldom a need of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// What it does when it is imported or run: the deed, what does it, and what is given.
    pub at_start: BTreeSet<(DeedKind, String, Option<String>)>,
    /// What it does when somebody calls it.
    pub later: BTreeSet<DeedKind>,
}

impl Effects {
    /// What a module does.
    pub fn of(module: &Module, budget: &mut Budget) -> Self {
        let stages = module.flow.stages();
        let mut effects = Self::default();
        for deed in wellhead_pycode::deeds(module, budget) {
            effects.take(deed, &stages);
        }
        effects
    }

    fn take(&mut self, deed: Deed, stages: &[Stage]) {
        match Module::stage(deed.place, stages) {
            Stage::Import => {
                self.at_start.insert((deed.kind, deed.what, deed.given));
            }
            Stage::Load | Stage::Use | Stage::Call => {
                self.later.insert(deed.kind);
            }
        }
    }

    /// Takes the deeds of another.
    pub fn merge(&mut self, other: &Self) {
        self.at_start.extend(other.at_start.iter().cloned());
        self.later.extend(other.later.iter().copied());
    }

    /// Whether it hides or fetches what it runs: no honest file of a package does.
    pub fn attacks(&self) -> bool {
        let kinds = self.at_start.iter().map(|(kind, ..)| *kind);
        kinds.chain(self.later.iter().copied()).any(|kind| {
            matches!(
                kind,
                DeedKind::HiddenCode | DeedKind::DownloadedCode | DeedKind::HiddenObject
            )
        })
    }

    /// Whether it reaches beyond the interpreter when it is imported.
    pub fn reaches_out(&self) -> bool {
        self.at_start.iter().any(|(kind, ..)| {
            matches!(
                kind,
                DeedKind::Process
                    | DeedKind::Install
                    | DeedKind::Network
                    | DeedKind::Secrets
                    | DeedKind::Startup
            )
        })
    }

    /// The worst that it does, in words, with what is given.
    pub fn worst(&self) -> Option<String> {
        let at_start = self.at_start.iter().next();
        let later = self.later.iter().next();
        match (at_start, later) {
            (Some((kind, what, given)), later) if later.is_none_or(|l| kind <= l) => {
                let given = given.as_deref().filter(|g| !g.is_empty());
                let given = given.map_or_else(String::new, |g| format!(": {}", wellhead_core::code(g)));
                Some(format!(
                    "{} through {}{given}",
                    kind.verb(),
                    wellhead_core::code(what)
                ))
            }
            (_, Some(kind)) => Some(kind.verb().to_owned()),
            (_, None) => None,
        }
    }
}
