//! What installers leave behind: RECORD, `direct_url.json`, `.pth` and `.start` files, `pyvenv.cfg`, conda's records.
//!
//! An environment is judged by comparing what was written down at installation with what lies there now. The readers
//! here are pure and get bytes; who opens files and hashes them is not their matter. The one decision: a statement
//! that a file makes and that cannot be used (a row without a digest, a digest of an unknown kind) is kept as such,
//! so that "could not be verified" never turns into "fits".

mod applies;
mod conda;
mod direct_url;
mod folder;
mod pth;
mod record;
mod venv;
mod wheel;

pub use applies::MarkerValues;
pub use conda::{CondaFile, CondaPackage, read_conda_meta};
pub use direct_url::{DirectUrl, Origin, read_direct_url};
pub use folder::{InfoFolder, info_folder};
pub use pth::{EntryPoint, PthLine, PthUse, innocent, read_pth, read_start};
pub use record::{Claim, Placement, Record, RecordProblem, Row, read_record, resolve};
pub use venv::{VenvConfig, read_path_file, read_venv_config};

pub use wheel::{RecordDrift, compare_records, index_links, is_wheel_of, wheel_record, wheel_tags};

use crate::manifest::{Manifest, ManifestKind, Problem};
use wellhead_core::Component;

/// What is found installed, as a manifest, so that it is asked about like every other declaration.
pub fn installed(components: Vec<Component>, problems: Vec<Problem>) -> Manifest {
    let mut manifest = Manifest::new(ManifestKind::Installed);
    manifest.components = components;
    manifest.problems = problems;
    manifest
}
