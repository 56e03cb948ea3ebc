//! `wellhead db`: advisories on this machine's disk.
//!
//! Three things lie there: the database that audits ask, and as they came the two tables that are joined to it each time
//! it is made (exploited vulnerabilities, estimates of attacks). Whoever makes the database holds a lock.

mod import;
mod status;
mod store;
mod update;

use crate::{
    Exit,
    args::{Global, InspectFormat},
    environment::Environment,
    failure::Failure,
};
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;
use store::Store;
use wellhead_packages::advisory::Database;

/// What helps where the database cannot be used.
pub(crate) const RENEW_HINT: &str = "make it anew: `wellhead db update`, or `wellhead db import PyPI/all.zip`, the zip that OSV publishes per ecosystem";

pub(crate) use store::open_at;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Db {
    #[command(subcommand)]
    pub(crate) verb: DbVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbVerb {
    /// Fetch advisories: all of them at first, what changed later on
    Update(Update),
    /// Import advisories from files: OSV's zip, a folder of records or one record; CISA's catalogue of exploited
    /// vulnerabilities (JSON); EPSS estimates (CSV, also compressed)
    ///
    /// Records replace all records that are there; name all of them at once. A table is kept and joined, whatever comes
    /// first.
    Import {
        /// The files
        #[arg(value_hint = ValueHint::AnyPath, required = true)]
        files: Vec<PathBuf>,
        /// The day on which the files were fetched, where it is not today
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
        date: Option<String>,
    },
    /// Show which advisories are at hand, and how old they are
    Status {
        /// The format on standard output
        #[arg(long, default_value = "text")]
        format: InspectFormat,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Where the folders of OSV's ecosystems lie
    #[arg(long, env = "WELLHEAD_DB_URL", value_name = "URL", default_value = wellhead_packages::ADVISORIES)]
    pub(crate) url: String,
    /// Fetch everything, also where only a little changed
    #[arg(long)]
    pub(crate) full: bool,
    /// The SHA-256 that the zip must have; everything is fetched then
    #[arg(long, value_name = "HEX", value_parser = parse_sha256)]
    pub(crate) sha256: Option<String>,
    /// Fetch CISA's catalogue of exploited vulnerabilities too
    #[arg(long, env = "WELLHEAD_KEV_URL", value_name = "URL", num_args = 0..=1, require_equals = true,
        default_missing_value = wellhead_packages::EXPLOITED)]
    pub(crate) kev: Option<String>,
    /// Fetch the EPSS estimates of how likely an attack is too
    #[arg(long, env = "WELLHEAD_EPSS_URL", value_name = "URL", num_args = 0..=1, require_equals = true,
        default_missing_value = wellhead_packages::SCORES)]
    pub(crate) epss: Option<String>,
    /// Ask no network, which leaves nothing to do
    #[arg(long, env = "WELLHEAD_OFFLINE")]
    pub(crate) offline: bool,
}

fn parse_day(text: &str) -> Result<String, String> {
    match wellhead_engine::age(text, text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("expected a day, for example 2026-11-03".to_owned()),
    }
}

fn parse_sha256(text: &str) -> Result<String, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(hex.to_ascii_lowercase());
    }
    Err("expected 64 hexadecimal digits".to_owned())
}

/// Where the database lies.
pub(crate) fn file(environment: &Environment) -> Result<PathBuf, Failure> {
    Ok(Store::new(environment)?.database())
}

/// The database at hand; `None` where none was imported.
pub(crate) fn open(environment: &Environment) -> Result<Option<Database>, Failure> {
    match Store::new(environment) {
        Ok(store) => store.open(),
        Err(_) => Ok(None),
    }
}

/// The database at hand for an audit, which goes on without one; and why there is none where there should be.
pub(crate) fn at_hand(environment: &Environment) -> (Option<Database>, Option<String>) {
    match open(environment) {
        Ok(database) => (database, None),
        Err(failure) => (None, Some(failure.message)),
    }
}

pub(crate) fn run(verb: &DbVerb, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    match verb {
        DbVerb::Update(args) => update::run(args, global, environment),
        DbVerb::Import { files, date } => {
            let day = date.as_deref().unwrap_or(&environment.today);
            // A day ahead is one of another time zone.
            if wellhead_engine::age(day, &environment.today).is_some_and(|age| age < -1) {
                return Err(Failure::new(format!("`--date {day}` has not come yet"))
                    .hint("say the day on which the files were fetched"));
            }
            import::run(files, day, environment)
        }
        DbVerb::Status { format } => status::run(*format, environment),
    }
}
