//! The advisory records beside the database: an audit reads the database alone, a server of advisories reads both.

use crate::failure::Failure;
use std::path::{Path, PathBuf};
use wellhead_core::{Blob, Budget};
use wellhead_packages::advisory::{Database, Records, build_records};

const HINT: &str = "import the advisories again: `wellhead db import PyPI/all.zip`";

/// Where the records of a database lie.
fn beside(database: &Path) -> PathBuf {
    database.with_extension("records")
}

/// Writes the records that a database was made of beside it.
pub(crate) fn keep(
    path: &Path,
    database: &[u8],
    records: impl Iterator<Item = Vec<u8>>,
    budget: &mut Budget,
) -> Result<(), Failure> {
    let digest = Database::open(&Blob::from_bytes(database), &mut Budget::default())
        .map_err(Failure::new)?
        .info()
        .digest;
    let bytes = build_records(&digest, records, budget).map_err(Failure::new)?;
    let path = beside(path);
    wellhead_sources::write_atomically(&path, &bytes, true).map_err(|e| {
        let shown = wellhead_core::escape(&path.to_string_lossy());
        Failure::new(format!("cannot write `{shown}`: {e}"))
    })
}

/// The records of a database.
pub(crate) fn open(path: &Path, database: &Database) -> Result<Records, Failure> {
    let path = beside(path);
    let blob = wellhead_sources::read_blob(&path).map_err(|e| Failure::from(e).hint(HINT))?;
    Records::open(&blob, &database.info().digest, &mut Budget::default()).map_err(|e| {
        let shown = wellhead_core::escape(&path.to_string_lossy());
        Failure::new(format!("{e}: `{shown}`")).hint(HINT)
    })
}
