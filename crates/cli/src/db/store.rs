//! The folder of the database, and the one way in which it is written.

use super::RENEW_HINT;
use crate::{environment::Environment, failure::Failure};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use wellhead_core::{Budget, Limits};
use wellhead_packages::advisory::{About, Builder, Database, Exploited, ImportSummary, Scores};
use wellhead_sources::{FileLock, LockError};

/// Largest table that is read.
pub(super) const MAX_TABLE: u64 = 128 << 20;

/// The tables that are joined to the records, as they came.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) exploited: Option<Vec<u8>>,
    pub(super) scores: Option<Vec<u8>>,
}

impl Tables {
    pub(super) fn is_empty(&self) -> bool {
        self.exploited.is_none() && self.scores.is_none()
    }
}

/// Records as JSON, one by one.
pub(super) type Texts<'a> = Box<dyn Iterator<Item = Vec<u8>> + 'a>;

/// Where advisories lie.
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(super) fn new(environment: &Environment) -> Result<Self, Failure> {
        match &environment.data {
            Some(data) => Ok(Self {
                folder: data.join("advisories"),
            }),
            None => {
                Err(Failure::new("there is no place for advisories")
                    .hint("set `WELLHEAD_DATA_DIR` to a folder"))
            }
        }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("pypi.db")
    }

    /// Where a download goes.
    pub(super) fn zip(&self) -> PathBuf {
        self.folder.join("pypi-all.zip")
    }

    fn exploited(&self) -> PathBuf {
        self.folder.join("known-exploited.json")
    }

    fn scores(&self) -> PathBuf {
        self.folder.join("epss.csv")
    }

    /// Keeps other runs away from the folder.
    pub(super) fn lock(&self) -> Result<FileLock, Failure> {
        wellhead_sources::lock(&self.folder.join("lock")).map_err(|e| {
            let shown = wellhead_core::escape(&self.folder.to_string_lossy());
            let failure = Failure::new(format!("cannot change the advisories in `{shown}`: {e}"));
            match e {
                LockError::Held => failure.hint("wait until it is done"),
                LockError::Io(_) => failure.hint("set `WELLHEAD_DATA_DIR` to a folder that can be written"),
            }
        })
    }

    /// The database, where there is one.
    pub(super) fn open(&self) -> Result<Option<Database>, Failure> {
        open_at(&self.database())
    }

    /// The records of the database at hand; `None` where they are missing or damaged.
    pub(super) fn texts(&self, budget: &mut Budget) -> Option<Texts<'static>> {
        let database = self.open().ok()??;
        let records = crate::records::open(&self.database(), &database).ok()?;
        let all: Option<Vec<Vec<u8>>> = records
            .ids()
            .map(|id| Some(records.get(id, budget).ok()??.into_bytes()))
            .collect();
        Some(Box::new(all?.into_iter()))
    }

    /// Joins the tables, those at hand where no others came, writes the database with its records, and then the tables
    /// that came.
    pub(super) fn write(
        &self,
        mut builder: Builder,
        texts: Option<Texts<'_>>,
        tables: &Tables,
        about: About,
        budget: &mut Budget,
    ) -> Result<(ImportSummary, usize), Failure> {
        let at_hand = |path: &Path| -> Result<Option<Vec<u8>>, Failure> {
            if path.exists() {
                return Ok(Some(wellhead_sources::read_bounded(path, MAX_TABLE)?));
            }
            Ok(None)
        };
        let exploited = match &tables.exploited {
            Some(bytes) => Some(bytes.clone()),
            None => at_hand(&self.exploited())?,
        };
        if let Some(bytes) = exploited {
            builder.exploited(Exploited::read(&bytes, budget).map_err(Failure::new)?);
        }
        let scores = match &tables.scores {
            Some(bytes) => Some(bytes.clone()),
            None => at_hand(&self.scores())?,
        };
        if let Some(bytes) = scores {
            builder.scores(Scores::read(&bytes, budget).map_err(Failure::new)?);
        }
        let (bytes, summary) = builder.finish(about, budget).map_err(Failure::new)?;
        // Records that belong to no database are worth less than none.
        crate::records::keep(&self.database(), &bytes, texts.into_iter().flatten(), budget)?;
        put(&self.database(), &bytes)?;
        self.keep(tables)?;
        Ok((summary, bytes.len()))
    }

    /// Keeps tables for the databases to come.
    pub(super) fn keep(&self, tables: &Tables) -> Result<(), Failure> {
        if let Some(bytes) = &tables.exploited {
            put(&self.exploited(), bytes)?;
        }
        if let Some(bytes) = &tables.scores {
            put(&self.scores(), bytes)?;
        }
        Ok(())
    }
}

/// The database of that file; `None` where there is none.
pub(crate) fn open_at(path: &Path) -> Result<Option<Database>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let blob = wellhead_sources::read_blob(path)?;
    match Database::open(&blob, &mut Budget::default()) {
        Ok(database) => Ok(Some(database)),
        Err(e) => {
            let shown = wellhead_core::escape(&path.to_string_lossy());
            Err(Failure::new(format!("{e}: `{shown}`")).hint(RENEW_HINT))
        }
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    wellhead_sources::write_atomically(path, bytes, true).map_err(|e| {
        let shown = wellhead_core::escape(&path.to_string_lossy());
        Failure::new(format!("cannot write `{shown}`: {e}"))
    })
}

/// What an import may cost. The records are the user's own choice, so only what would end in a swapping machine is
/// refused.
pub(super) fn budget() -> Budget {
    let limits = Limits {
        memory: 8 << 30,
        entries: 5_000_000,
        steps: u64::MAX,
        time: std::time::Duration::from_secs(3600),
        ..Limits::default()
    };
    Budget::new(limits, Arc::default())
}
