//! A Python distribution as one thing: what it is, what it says of itself, and when each of its files comes to run.
//!
//! An archive that is a wheel, sdist, egg, conda package or zip application is more than its members: installers
//! believe its RECORD, its metadata and its file name, and Python runs some of its files without that anybody imports
//! them. The one decision: this module gets names, digests and texts and says where they contradict each other; what a
//! contradiction is worth is the rules' to say, and what code does is another crate's to find out.
//!
//! Where views of the archive itself differ (directory against headers, names that leave the folder), the rules on
//! archives tell it; it stands among the anomalies too, for whoever weighs the distribution as a whole.

mod container;
mod copied;
mod disguise;
pub mod endpoints;
mod entry_points;
mod identity;
mod layout;
mod record;
mod sdist;
mod shadows;
mod spread;
mod trigger;

pub use copied::{Borrowed, Borrowing};
pub use endpoints::{Claim, DropPlace, Endpoint, Place, Provenance, addresses, names_receiver, place};
pub use entry_points::{ProvidedEntry, read_entry_points};
pub use identity::named_by_file;
pub use layout::{Shape, recognise};
pub use shadows::{Kinship, kinship};
pub use shadows::{is_packaging_tool, is_system_tool};
pub use spread::spread;

use crate::metadata::{CoreMetadata, Needed, read_metadata};
use crate::name::normalise;
use std::{collections::BTreeMap, ops::Range, sync::Arc};
use wellhead_core::{Budget, Outcome};
use wellhead_formats::{Family, Format};

/// The kinds of distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DistributionKind {
    /// A wheel.
    Wheel,
    /// A source distribution.
    Sdist,
    /// An egg.
    Egg,
    /// A package of conda, of either format.
    Conda,
    /// A zip application.
    Pyz,
    /// A folder of sources.
    Folder,
    /// What was unpacked into a folder that Python imports from.
    Installed,
}

impl DistributionKind {
    /// The kind in words: "wheel".
    pub fn name(self) -> &'static str {
        match self {
            Self::Wheel => "wheel",
            Self::Sdist => "source distribution",
            Self::Egg => "egg",
            Self::Conda => "conda package",
            Self::Pyz => "zip application",
            Self::Folder => "source folder",
            Self::Installed => "installed package",
        }
    }
}

/// When a file comes to run, the earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// At every start of Python.
    Startup,
    /// When the distribution is installed.
    Install,
    /// When it is built.
    Build,
    /// When it is imported.
    Import,
    /// When it is started, which is all that it is there for.
    Run,
    /// When a command of it is called.
    EntryPoint,
    /// When another program looks for its plugins.
    Plugin,
    /// When the environment is activated.
    Activation,
    /// When some other file of it imports or reads it.
    Lazy,
    /// Never: nobody ships it, or nothing runs it.
    Never,
}

impl Trigger {
    /// When, in words: "at every start of Python".
    pub fn when(self) -> &'static str {
        match self {
            Self::Startup => "at every start of Python",
            Self::Install => "when it is installed",
            Self::Build => "when it is built",
            Self::Import => "when it is imported",
            Self::Run => "when it is started",
            Self::EntryPoint => "when its command is called",
            Self::Plugin => "when another program loads its plugins",
            Self::Activation => "when the environment is activated",
            Self::Lazy => "when other code asks for it",
            Self::Never => "never by itself",
        }
    }
}

/// What a member is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberKind {
    /// Python source.
    Python,
    /// Compiled Python.
    Bytecode,
    /// A native program or library.
    Native,
    /// Program text of another language, a shell's included.
    Script,
    /// An archive.
    Archive,
    /// A model.
    Model,
    /// A picture, sound, font or document.
    Media,
    /// Text.
    Text,
    /// Anything else.
    Other,
}

impl MemberKind {
    fn of(format: &Format) -> Self {
        match (format.name, format.family) {
            ("python", _) => Self::Python,
            ("python-bytecode", _) => Self::Bytecode,
            (_, Family::Executable) => Self::Native,
            (_, Family::Source) => Self::Script,
            (_, Family::Archive | Family::Package) => Self::Archive,
            (_, Family::Model) => Self::Model,
            (_, Family::Media) => Self::Media,
            (_, Family::Text) => Self::Text,
            (_, Family::Data | Family::Unknown) => Self::Other,
        }
    }
}

/// A file of a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path in the archive; hostile text.
    pub path: String,
    /// Where Python finds it after the installation, below the folder that is imported from; `None` for what lands
    /// elsewhere or nowhere.
    pub site: Option<String>,
    /// Its size.
    pub size: u64,
    /// The SHA-256 of its content, where it could be had.
    pub digest: Option<[u8; 32]>,
    /// When it comes to run.
    pub trigger: Trigger,
    /// What it is by its content.
    pub kind: MemberKind,
}

/// Something that an honest distribution does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What kind.
    pub kind: AnomalyKind,
    /// The member it is about.
    pub member: Option<String>,
    /// Where it is written: the member and the bytes of its text.
    pub place: Option<(String, Range<usize>)>,
    /// What is wrong, in words; text from outside is escaped in it.
    pub words: String,
}

/// The kinds of anomalies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnomalyKind {
    /// A wheel without a RECORD.
    NoRecord,
    /// A row of the RECORD that cannot be understood.
    InvalidRow,
    /// A member that the RECORD does not list.
    Unlisted,
    /// A member that is not the one that the RECORD lists.
    WrongDigest,
    /// A row whose file is not there.
    NotThere,
    /// A row without a digest that proves anything.
    NoDigest,
    /// Two rows that state different digests of one file.
    TwoRows,
    /// What says who it is is not there or cannot be read.
    NoMetadata,
    /// File name, folder and metadata name different distributions.
    Name,
    /// They name different versions.
    Version,
    /// The file name promises other platforms than the wheel.
    Tags,
    /// It brings the folder of another distribution's metadata.
    ForeignInfo,
    /// It disagrees with its own `pyproject.toml`.
    Project,
    /// Two members of one name and different content.
    Duplicate,
    /// Two members whose names differ in case alone.
    CaseCollision,
    /// A member that is unpacked outside of its folder.
    Traversal,
    /// A link.
    Link,
    /// A member that is encrypted.
    Encrypted,
    /// The directory and the headers of the archive disagree.
    Views,
    /// Bytes that belong to no member, or a second archive.
    Foreign,
    /// A program under a name that promises none.
    Disguised,
    /// A command that takes the place of a tool.
    ShadowsTool,
    /// A module that takes the place of another distribution's.
    ShadowsModule,
    /// The same, of a distribution whose name it bears and adds to.
    ShadowsKin,
    /// A module under a name of the standard library.
    ShadowsStandard,
}

/// A distribution.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// The kind.
    pub kind: DistributionKind,
    /// The name of its file without folders; hostile text.
    pub file: String,
    /// Its name in the normal form.
    pub name: Option<String>,
    /// Its version as it was written.
    pub version: Option<String>,
    /// What it says of itself.
    pub metadata: Option<CoreMetadata>,
    /// The folder in which all of it lies, with its slash; empty where there is none.
    pub root: String,
    /// Its files, by path.
    pub members: Vec<Member>,
    /// What an honest one does not have.
    pub anomalies: Vec<Anomaly>,
    /// Its entry points.
    pub entry_points: Vec<ProvidedEntry>,
    /// What is imported from it.
    pub top_level: Vec<String>,
    /// Where it says that it belongs.
    pub provenance: Provenance,
    /// The project whose metadata it took.
    pub borrowed: Option<Borrowed>,
    /// The member that says who it is.
    pub described_by: Option<String>,
    /// How the reading ended.
    pub outcome: Outcome,
}

impl Distribution {
    /// What it wants.
    pub fn requires(&self) -> &[Needed] {
        self.metadata.as_ref().map_or(&[], |m| m.requires_dist.as_slice())
    }

    /// The member of that path.
    pub fn member(&self, path: &str) -> Option<&Member> {
        let at = self
            .members
            .binary_search_by(|m| m.path.as_str().cmp(path))
            .ok()?;
        self.members.get(at)
    }

    /// Name and version for a message, unescaped: `acme 1.0`.
    pub fn shown(&self) -> String {
        match (&self.name, &self.version) {
            (Some(name), Some(version)) => format!("{name} {version}"),
            (Some(name), None) => name.clone(),
            _ => format!("this {}", self.kind.name()),
        }
    }
}

/// A member as the reader of the archive found it.
#[derive(Clone, Debug)]
pub struct Contained {
    /// Its path in the archive; hostile text.
    pub path: String,
    /// Its size.
    pub size: u64,
    /// The SHA-256 of its content, where it could be had.
    pub digest: Option<[u8; 32]>,
    /// What it is by its content.
    pub format: &'static Format,
    /// Its text, where it is one and is wanted here or by those who read code.
    pub text: Option<Arc<str>>,
}

/// What a distribution is made from.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The name of the file without its folders.
    pub file: String,
    /// What it was taken for.
    pub shape: Shape,
    /// Its members.
    pub members: Vec<Contained>,
    /// Whether every member was seen.
    pub whole: bool,
    /// What is wrong with the archive itself.
    pub container: Vec<Anomaly>,
}

/// Most anomalies of a kind that are kept.
const MOST: usize = 64;

/// Everything that is gathered while a distribution is read.
struct Reader<'a> {
    parts: &'a Parts,
    /// Members by their path; of two of one name the last, which is the one that Python's readers take.
    by_path: BTreeMap<&'a str, &'a Contained>,
    out: Distribution,
    told: BTreeMap<AnomalyKind, usize>,
}

impl<'a> Reader<'a> {
    fn text(&self, path: &str) -> Option<&'a Arc<str>> {
        self.by_path.get(path)?.text.as_ref()
    }

    fn tell(
        &mut self,
        kind: AnomalyKind,
        member: Option<&str>,
        place: Option<(&str, Range<usize>)>,
        words: String,
    ) {
        let told = self.told.entry(kind).or_insert(0);
        *told = told.saturating_add(1);
        if *told <= MOST {
            self.out.anomalies.push(Anomaly {
                kind,
                member: member.map(str::to_owned),
                place: place.map(|(path, range)| (path.to_owned(), range)),
                words,
            });
        }
    }

    fn partly(&mut self, why: impl Into<String>) {
        let had = std::mem::replace(&mut self.out.outcome, Outcome::Analysed);
        self.out.outcome = had.and(Outcome::Partly { why: why.into() });
    }
}

/// Reads a distribution from its parts.
pub fn read(parts: &Parts, budget: &mut Budget) -> Distribution {
    let shape = &parts.shape;
    let mut r = Reader {
        parts,
        by_path: parts.members.iter().map(|m| (m.path.as_str(), m)).collect(),
        out: Distribution {
            kind: shape.kind,
            file: parts.file.clone(),
            name: None,
            version: None,
            metadata: None,
            root: shape.root.clone(),
            members: Vec::new(),
            anomalies: parts.container.clone(),
            entry_points: Vec::new(),
            top_level: Vec::new(),
            provenance: Provenance::default(),
            borrowed: None,
            described_by: None,
            outcome: Outcome::Analysed,
        },
        told: BTreeMap::new(),
    };
    let cost = (parts.members.len() as u64).saturating_mul(64);
    if let Err(e) = budget
        .steps(cost)
        .and_then(|()| budget.memory(cost.saturating_mul(4)))
    {
        r.out.outcome = Outcome::NotAnalysed { why: e.to_string() };
        return r.out;
    }
    let mut described = None;
    if let Some((path, text)) = identity::metadata(&r) {
        let metadata = read_metadata(&text, budget);
        r.out.name = metadata.name.as_deref().map(normalise);
        r.out.version.clone_from(&metadata.version);
        if let Some(why) = metadata.outcome.why() {
            r.partly(format!("{}: {why}", wellhead_core::code(path)));
        }
        r.out.described_by = Some(path.to_owned());
        r.out.metadata = Some(metadata);
        described = Some(text);
    }
    identity::check(&mut r, budget);
    if shape.kind == DistributionKind::Wheel {
        record::check(&mut r, budget);
    }
    if shape.kind == DistributionKind::Sdist {
        sdist::check(&mut r, budget);
    }
    entry_points::gather(&mut r, budget);
    trigger::assign(&mut r, budget);
    disguise::check(&mut r);
    shadows::check(&mut r);
    belongs(&mut r.out, described.as_deref(), budget);
    if !parts.whole {
        r.partly("not every member was seen");
    }
    r.out
}

/// Where the distribution says that it belongs, and whose metadata it took.
fn belongs(out: &mut Distribution, text: Option<&str>, budget: &mut Budget) {
    let metadata = out.metadata.as_ref();
    let body = metadata.and_then(|m| text?.get(m.body.clone()));
    // Old versions of the format have it as a header.
    let header = metadata.and_then(|m| m.description.as_deref());
    let description = body
        .filter(|b| !b.trim().is_empty())
        .or(header)
        .unwrap_or_default();
    let name = out.name.as_deref().unwrap_or_default();
    out.provenance = Provenance::new(name, metadata, description, budget);
    if budget.steps(1 << 16).is_ok() {
        out.borrowed = copied::borrowed(out, description);
    }
}

pub use container::{of_listing, of_zip};

#[cfg(test)]
mod tests;
