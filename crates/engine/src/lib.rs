//! One run.
//!
//! The command line, a proxy, an editor and Python all ask the same question through [`run()`]: what do these entries
//! hold, what is to be said of it, and does it pass. The one decision: every file is judged by itself, under its own
//! budget, by a task of its own that may fail without the others noticing; only then is the project looked at as a whole.

mod artifact;
mod carriers;
mod clones;
mod commands;
mod config;
mod constants;
mod declared;
mod diff;
mod digest;
mod distribution;
mod environment;
mod estate;
mod facts;
mod freshness;
mod host;
mod image;
mod inspect;
mod live;
mod lock;
mod own_source;
mod package_code;
mod platforms;
mod policy;
mod project;
mod prove;
mod reach;
mod release;
mod remembered;
mod repository;
mod run;
mod scoreboard;
mod selection;
mod services;
mod source_policy;
mod subjects;
mod torch_version;
mod twin;
mod unpacked;
mod vex;

pub use config::NamedVex;
pub use config::{ADVISORIES_KEYS, Config, ConfigError, IGNORE_KEYS, Ignore, KEYS, did_you_mean};
pub use config::{Allowance, AllowedSources, SOURCES_KEYS, SourceKind, Sources};
pub use diff::diff;
pub use freshness::{MAX_AGE, age, stale};
pub use host::host;
pub use inspect::{Inspected, InspectedOperator, InspectedTensor, inspect};
pub use live::{Heard, Live, LiveError, LiveWatcher, NotWatched, would_ask, would_scan};
pub use lock::{
    Asked, Checked, FileState, Hubs, Loading, LockOptions, Made, Problem, lock, project_loads, verify,
};
pub use policy::{apply, verdict};
pub use prove::{Standing, stands};
pub use run::{Listing, Observer, Options, Unobserved, names, run};
pub use selection::Selection;
