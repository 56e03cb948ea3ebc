//! Where packages come from: the effective configuration of an installer, not a rule per line.

mod choice;
pub(crate) mod conda;
mod derive;
mod home;
mod lesser;
mod pip_config;
pub(crate) mod pixi;
mod url;
pub(crate) mod uv;

pub use choice::{Choice, choose};
pub use conda::{channel, read_conda_config};
pub use derive::{Contest, DecidedBy, Derivation, Exposure, Passing, Rivalry, SourceCandidate};
pub use home::{Place, glob};
pub use lesser::{read_pdm_config, read_poetry_config};
pub use pip_config::{Configured, configured, read_pip_config};
pub use url::{Address, Masked, mask};
pub use uv::read_uv_config;

use wellhead_core::Location;

/// The public index, which installers ask where nothing else is said.
pub const PUBLIC_INDEX: &str = crate::well_known::PYPI;

/// The program whose way of choosing between indexes applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Manager {
    /// pip: all indexes are one pool, the best version wins.
    Pip,
    /// uv: the first index that knows a name is the only one, unless told otherwise.
    Uv,
    /// Poetry: sources have priorities.
    Poetry,
    /// PDM: one pool, unless told to respect the order.
    Pdm,
    /// Pipenv: one source for each package.
    Pipenv,
    /// conda and mamba: channels in an order that shields as far as the priority says.
    Conda,
    /// pixi: channels of conda, and the Python index as uv takes it.
    Pixi,
}

impl Manager {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Uv => "uv",
            Self::Poetry => "Poetry",
            Self::Pdm => "PDM",
            Self::Pipenv => "Pipenv",
            Self::Conda => "conda",
            Self::Pixi => "pixi",
        }
    }
}

/// The part that an index plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum IndexRole {
    /// It takes the place of the installer's own default.
    Default,
    /// It is asked as well, with equal rights.
    Extra,
    /// It is asked only where the others know nothing; uv's `extra-index-url`, which stands behind `index`.
    Supplemental,
    /// It is asked only for packages that name it.
    Explicit,
    /// A page or folder of files, asked as well.
    FindLinks,
}

/// One index that a configuration names.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IndexEntry {
    /// Whose configuration it is.
    pub manager: Manager,
    /// Its part.
    pub role: IndexRole,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Where it is.
    pub address: Address,
    /// The line that names it.
    pub declared: Location,
}

/// How uv chooses between indexes (`index-strategy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Strategy {
    /// The first index that knows the name.
    #[default]
    FirstIndex,
    /// The first index with a version that fits.
    UnsafeFirstMatch,
    /// The best version of all.
    UnsafeBestMatch,
}

/// How far the order of channels shields (`channel_priority` of conda).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ChannelPriority {
    /// The first channel that knows the name is the only one.
    Strict,
    /// A later channel is asked where no version of an earlier one fits.
    Flexible,
    /// The best version of all channels.
    Disabled,
}

/// Which packages a source is for (`include_packages`, `exclude_packages` of PDM): patterns of names.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SourceFilter {
    /// The name of the source.
    pub index: String,
    /// Packages that come from such sources only.
    pub include: Vec<String>,
    /// Packages that never come from it.
    pub exclude: Vec<String>,
}

/// A host for which the check of its certificate is off.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TrustedHost {
    /// The host, safe to show; `*` for all.
    pub host: String,
    /// The line that says so.
    pub declared: Location,
}

/// All that one file says about where packages come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IndexSettings {
    /// The indexes in the order of the text.
    pub entries: Vec<IndexEntry>,
    /// Indexes that hold here as well and are another file's or command's to answer for.
    pub inherited: Vec<IndexEntry>,
    /// Hosts whose certificates are not checked.
    pub trusted_hosts: Vec<TrustedHost>,
    /// Addresses that stand for others, as those of channels, and that are plain HTTP.
    pub insecure: Vec<TrustedHost>,
    /// No index is asked at all.
    pub no_index: bool,
    /// Every package must have a hash.
    pub require_hashes: bool,
    /// How uv chooses, and the line that says so.
    pub strategy: Option<(Strategy, Location)>,
    /// PDM asks its sources in their order.
    pub respect_source_order: bool,
    /// Whose command it is, where the settings are those of one.
    pub installer: Option<Manager>,
    /// How many of the first entries are variables, which an option of the command replaces.
    pub variables: usize,
    /// What holds instead for one command only: `download`, `uv pip`.
    pub variants: Vec<(String, Self)>,
    /// Which packages the sources of PDM are for.
    pub filters: Vec<SourceFilter>,
    /// How pixi chooses between indexes of Python packages, and the line that says so.
    pub pypi_strategy: Option<(Strategy, Location)>,
    /// How far the order of channels shields, and the line that says so.
    pub channel_priority: Option<(ChannelPriority, Option<Location>)>,
    /// The server that bare names of channels belong to.
    pub channel_alias: Option<String>,
    /// Names of channels with a server of their own.
    pub custom_channels: Vec<(String, String)>,
    /// What `defaults` stands for.
    pub default_channels: Vec<String>,
    /// Packages that may come from one named index only: package, index.
    pub pinned: Vec<(String, String)>,
    /// Places where an address holds a password or token; excerpts have it blotted out.
    pub credentials: Vec<Location>,
}
