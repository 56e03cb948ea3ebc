//! `wellhead db import`.

use super::{
    RENEW_HINT,
    status::quiet,
    store::{MAX_TABLE, Store, Tables, budget},
};
use crate::{Exit, environment::Environment, failure::Failure, output};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};
use wellhead_core::{Blob, Budget, Depth};
use wellhead_formats::{Document, OpenOptions, Role, identify, open as open_artifact};
use wellhead_packages::advisory::{About, Builder, Exploited, ImportSummary, Scores};
use wellhead_sources::{Target, WalkOptions};

/// Largest record that is read.
pub(crate) const MAX_RECORD: usize = 16 << 20;
/// How much of a file is looked at to see what it is.
const HEAD: usize = 64 << 10;

/// What files hold.
#[derive(Default)]
pub(super) struct Found {
    pub(super) records: Vec<(String, Blob)>,
    pub(super) tables: Tables,
}

pub(super) fn run(files: &[PathBuf], day: &str, environment: &Environment) -> Result<Exit, Failure> {
    let store = Store::new(environment)?;
    let _lock = store.lock()?;
    let mut budget = budget();
    let mut found = Found::default();
    for source in files {
        collect(source, &mut found, &mut budget)?;
    }
    let (mut builder, about) = if found.records.is_empty() && !found.tables.is_empty() {
        let Some(database) = store.open()? else {
            return tables_alone(&store, &found.tables, &mut budget);
        };
        let mut builder = Builder::default();
        builder.keep(&database, &mut budget).map_err(Failure::new)?;
        (builder, database.about().clone())
    } else {
        let names: Vec<String> = files
            .iter()
            .filter_map(|f| Some(f.file_name()?.to_string_lossy().into_owned()))
            .collect();
        let about = About {
            date: day.to_owned(),
            source: names.join(", "),
            ..About::default()
        };
        (Builder::default(), about)
    };
    let count = found.records.len();
    let tables_only = count == 0 && !found.tables.is_empty();
    add(&mut builder, &found.records, &mut budget)?;
    if builder.ids().next().is_none() {
        let failure = Failure::new(format!(
            "none of {count} files is a PyPI advisory in the OSV schema"
        ));
        return Err(failure.hint(RENEW_HINT));
    }
    let texts = if tables_only {
        store.texts(&mut budget)
    } else {
        Some(texts_of(&found.records))
    };
    let (summary, bytes) = store.write(builder, texts, &found.tables, about, &mut budget)?;
    let verb = if tables_only { "Kept" } else { "Imported" };
    let text = told(verb, &summary, bytes, &store.database());
    let passed = output::to_stdout(text.as_bytes())?;
    if let Some(why) = quiet(&summary.newest, day).filter(|_| !tables_only) {
        output::to_stderr(&format!(
            "\nwarning: {why}\n\nhint: say with `--date` on which day the files were fetched\n"
        ));
    }
    Ok(passed)
}

/// Keeps tables that no records are there for yet.
fn tables_alone(store: &Store, tables: &Tables, budget: &mut Budget) -> Result<Exit, Failure> {
    if let Some(bytes) = &tables.exploited {
        Exploited::read(bytes, budget).map_err(Failure::new)?;
    }
    if let Some(bytes) = &tables.scores {
        Scores::read(bytes, budget).map_err(Failure::new)?;
    }
    store.keep(tables)?;
    output::to_stderr(&format!(
        "note: kept; it counts as soon as advisories are there\n\nhint: {RENEW_HINT}\n"
    ));
    Ok(Exit::Passed)
}

/// Reads records into a database to be.
pub(super) fn add(
    builder: &mut Builder,
    records: &[(String, Blob)],
    budget: &mut Budget,
) -> Result<(), Failure> {
    for (name, blob) in records {
        if blob.len() > MAX_RECORD as u64 {
            builder.unread(name, &format!("larger than {MAX_RECORD} bytes"));
            continue;
        }
        let bytes = blob.bytes(0, MAX_RECORD).map_err(|e| {
            let shown = wellhead_core::escape(name);
            Failure::new(format!("`{shown}` is damaged: {e}")).hint("fetch it again")
        })?;
        builder.record(name, &bytes, budget).map_err(Failure::new)?;
    }
    Ok(())
}

/// The records themselves, for a server to answer with.
pub(super) fn texts_of(records: &[(String, Blob)]) -> Box<dyn Iterator<Item = Vec<u8>> + '_> {
    let texts = records.iter();
    // What cannot be read any more was an error before.
    Box::new(texts.map(|(_, blob)| blob.bytes(0, MAX_RECORD).unwrap_or_default()))
}

/// What became of records, for people.
pub(super) fn told(verb: &str, summary: &ImportSummary, bytes: usize, path: &Path) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{verb} {} advisories for {} packages ({} about malicious code), {} bytes",
        summary.records, summary.packages, summary.malicious, bytes
    );
    for (count, what) in [
        (summary.withdrawn, "withdrawn by their authors, left out"),
        (summary.elsewhere, "about other ecosystems, left out"),
        (summary.exploited, "about flaws that attackers are known to use"),
        (summary.scored, "with an estimate of how likely an attack is"),
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

/// The records of a zip, a folder, or one record; tables are recognised by their content.
pub(super) fn collect(source: &Path, found: &mut Found, budget: &mut Budget) -> Result<(), Failure> {
    let target = Target::Local(source.to_owned());
    for entry in wellhead_sources::list(&target, WalkOptions { no_ignore: true })? {
        let damaged = |name: &str, why: &str| {
            let shown = wellhead_core::escape(name);
            Failure::new(format!("`{shown}` is damaged: {why}")).hint("fetch it again")
        };
        let blob = entry.open().map_err(|why| {
            Failure::new(format!(
                "cannot read `{}`: {why}",
                wellhead_core::escape(&source.to_string_lossy())
            ))
        })?;
        if table(&entry.path, &blob, &mut found.tables)? {
            continue;
        }
        let identity = identify(&entry.path, Role::Plain, &blob, budget);
        let options = OpenOptions {
            depth: Depth::Full,
            ..OpenOptions::default()
        };
        let opened = open_artifact(&entry.path, &identity, &blob, options, budget);
        let archive = !opened.members.is_empty() || entry.path.to_ascii_lowercase().ends_with(".zip");
        if let Some(why) = opened.outcome.why().filter(|_| archive) {
            return Err(damaged(&entry.path, why));
        }
        // A zip is read also where its directory is cut off; advisories have to be whole.
        if let Document::Zip(zip) = &opened.document
            && let Some(difference) = zip.differences.first()
        {
            return Err(damaged(&entry.path, &difference.words));
        }
        if opened.members.is_empty() {
            // Beside the records of a folder lie a licence and a page about them.
            if source.is_dir() && !entry.path.to_ascii_lowercase().ends_with(".json") {
                continue;
            }
            found.records.push((entry.path, blob));
            continue;
        }
        for member in opened.members.into_iter().filter(|m| m.name.ends_with(".json")) {
            let body = member.body(budget);
            if let Some(why) = body.outcome.why() {
                return Err(damaged(&member.name, why));
            }
            found.records.push((member.name, body.blob));
        }
    }
    Ok(())
}

/// Takes a file as a table, if it is one.
fn table(name: &str, blob: &Blob, tables: &mut Tables) -> Result<bool, Failure> {
    let unreadable = |e: std::io::Error| {
        let shown = wellhead_core::escape(name);
        Failure::new(format!("cannot read `{shown}`: {e}"))
    };
    let head = blob.bytes(0, HEAD).map_err(unreadable)?;
    let into = if Scores::is_one(&head) {
        &mut tables.scores
    } else if Exploited::is_one(&head) {
        &mut tables.exploited
    } else {
        return Ok(false);
    };
    if blob.len() > MAX_TABLE {
        let shown = wellhead_core::escape(name);
        return Err(Failure::new(format!(
            "`{shown}` is larger than {MAX_TABLE} bytes"
        )));
    }
    let all = usize::try_from(MAX_TABLE).unwrap_or(usize::MAX);
    *into = Some(blob.bytes(0, all).map_err(unreadable)?);
    Ok(true)
}
