//! `wellhead db`: advisories on this machine's disk.

use crate::{
    Exit,
    args::{DbVerb, InspectFormat},
    environment::Environment,
    failure::Failure,
    output,
};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use wellhead_core::{Blob, Budget, Limits};
use wellhead_formats::{OpenOptions, Role, identify, open as open_artifact};
use wellhead_packages::advisory::{Database, ImportSummary, build};
use wellhead_sources::{Target, WalkOptions};

/// The file below the data folder.
const FILE: &str = "advisories/pypi.db";

/// What helps where the database cannot be used.
pub(crate) const RENEW_HINT: &str =
    "`wellhead db update` makes it anew, or `wellhead db import PyPI/all.zip`";

pub(crate) const IMPORT_HINT: &str =
    "make it anew: `wellhead db import PyPI/all.zip`, the zip that OSV publishes per ecosystem";

pub(crate) fn file(environment: &Environment) -> Result<PathBuf, Failure> {
    match &environment.data {
        Some(folder) => Ok(folder.join(FILE)),
        None => {
            Err(Failure::new("there is no place for advisories").hint("set `WELLHEAD_DATA_DIR` to a folder"))
        }
    }
}

/// The database at hand; `None` where none was imported.
pub(crate) fn open(environment: &Environment) -> Result<Option<Database>, Failure> {
    let Ok(path) = file(environment) else {
        return Ok(None);
    };
    open_at(&path)
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
            Err(Failure::new(format!("{e}: `{shown}`")).hint(IMPORT_HINT))
        }
    }
}

/// The database at hand for an audit, which goes on without one; and why there is none where there should be.
pub(crate) fn at_hand(environment: &Environment) -> (Option<Database>, Option<String>) {
    match open(environment) {
        Ok(database) => (database, None),
        Err(failure) => (None, Some(failure.message)),
    }
}

pub(crate) fn run(verb: &DbVerb, environment: &Environment) -> Result<Exit, Failure> {
    match verb {
        DbVerb::Import { files, date } => {
            let day = date.as_deref().unwrap_or(&environment.today);
            import(files, day, environment)
        }
        DbVerb::Status { format } => status(*format, environment),
    }
}

fn status(format: InspectFormat, environment: &Environment) -> Result<Exit, Failure> {
    let path = file(environment)?;
    let shown = wellhead_core::escape(&path.to_string_lossy());
    let Some(database) = open(environment)? else {
        if format == InspectFormat::Json {
            output::to_stdout(b"{\"imported\": false}\n")?;
        } else {
            output::to_stdout(b"No advisories on this machine; only the embedded incident list is used\n")?;
            output::to_stderr(&format!("\nhint: {IMPORT_HINT}\n"));
        }
        return Ok(Exit::Incomplete);
    };
    let info = database.info();
    let bytes = wellhead_sources::read_blob(&path)?.len();
    let text = match format {
        InspectFormat::Text => {
            let mut text = String::new();
            let _ = writeln!(
                text,
                "advisories  {} ({} about malicious code)",
                info.records,
                database.malicious()
            );
            let _ = writeln!(text, "packages    {}", database.packages());
            let _ = writeln!(text, "withdrawn   {} (left out)", database.withdrawn());
            let _ = writeln!(text, "imported    {}", info.date);
            let _ = writeln!(text, "digest      {}", info.digest);
            let _ = writeln!(text, "file        {shown} ({bytes} bytes)");
            text
        }
        InspectFormat::Json => {
            let value = serde_json::json!({
                "imported": true, "advisories": info.records, "malicious": database.malicious(),
                "packages": database.packages(), "withdrawn": database.withdrawn(), "date": info.date,
                "digest": info.digest, "file": shown, "bytes": bytes,
            });
            format!("{value:#}\n")
        }
    };
    output::to_stdout(text.as_bytes())
}

fn import(files: &[PathBuf], day: &str, environment: &Environment) -> Result<Exit, Failure> {
    let path = file(environment)?;
    // The records are the user's own choice, so only what would end in a swapping machine is refused.
    let limits = Limits {
        memory: 8 << 30,
        entries: 5_000_000,
        time: std::time::Duration::from_secs(3600),
        ..Limits::default()
    };
    let mut budget = Budget::new(limits, Arc::default());
    let mut records = Vec::new();
    for source in files {
        collect(source, &mut records, &mut budget)?;
    }
    let found = records.len();
    let kept: Vec<Blob> = records.iter().map(|(_, blob)| blob.clone()).collect();
    let records = records.into_iter().map(|(name, blob)| {
        let size = usize::try_from(blob.len()).unwrap_or(usize::MAX).min(MAX_RECORD);
        (name, blob.bytes(0, size).unwrap_or_default())
    });
    let mut reading = budget.clone();
    let (bytes, summary) = build(day, records, &mut reading).map_err(Failure::new)?;
    if summary.records == 0 {
        let failure = Failure::new(format!(
            "none of {found} files is a PyPI advisory in the OSV schema"
        ));
        return Err(failure.hint(IMPORT_HINT));
    }
    crate::records::keep(&path, &bytes, &kept, &mut budget)?;
    wellhead_sources::write_atomically(&path, &bytes, true).map_err(|e| {
        Failure::new(format!(
            "cannot write `{}`: {e}",
            wellhead_core::escape(&path.to_string_lossy())
        ))
    })?;
    output::to_stdout(told(&summary, bytes.len(), &path).as_bytes())
}

/// Largest record that is read.
pub(crate) const MAX_RECORD: usize = 16 << 20;

fn told(summary: &ImportSummary, bytes: usize, path: &Path) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "Imported {} advisories for {} packages ({} about malicious code), {} bytes",
        summary.records, summary.packages, summary.malicious, bytes
    );
    for (count, what) in [
        (summary.withdrawn, "withdrawn by their authors, left out"),
        (summary.elsewhere, "about other ecosystems, left out"),
        (summary.unreadable_count, "could not be read"),
    ] {
        if count > 0 {
            let _ = writeln!(text, "  {count} {what}");
        }
    }
    for (name, why) in summary.unreadable.iter().take(5) {
        let _ = writeln!(
            text,
            "    {}: {}",
            wellhead_core::escape(name),
            wellhead_core::escape(why)
        );
    }
    let _ = writeln!(text, "Wrote {}", wellhead_core::escape(&path.to_string_lossy()));
    text
}

/// The records of a zip, a folder, or one record.
fn collect(source: &Path, records: &mut Vec<(String, Blob)>, budget: &mut Budget) -> Result<(), Failure> {
    let target = Target::Local(source.to_owned());
    for entry in wellhead_sources::list(&target, WalkOptions { no_ignore: true })? {
        let blob = entry.open().map_err(|why| {
            Failure::new(format!(
                "cannot read `{}`: {why}",
                wellhead_core::escape(&source.to_string_lossy())
            ))
        })?;
        let identity = identify(&entry.path, Role::Plain, &blob, budget);
        let opened = open_artifact(&entry.path, &identity, &blob, OpenOptions::default(), budget);
        if opened.members.is_empty() {
            records.push((entry.path, blob));
            continue;
        }
        if let Some(why) = opened.outcome.why() {
            let shown = wellhead_core::escape(&entry.path);
            return Err(Failure::new(format!("`{shown}` is damaged: {why}")).hint("fetch it again"));
        }
        for member in opened.members.into_iter().filter(|m| m.name.ends_with(".json")) {
            let body = member.body(budget);
            if let Some(why) = body.outcome.why() {
                let shown = wellhead_core::escape(&member.name);
                return Err(Failure::new(format!("`{shown}` is damaged: {why}")).hint("fetch it again"));
            }
            records.push((member.name, body.blob));
        }
    }
    Ok(())
}
