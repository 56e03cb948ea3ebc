//! `wellhead db status`.

use super::{
    RENEW_HINT,
    store::{Store, budget},
};
use crate::{Exit, args::InspectFormat, environment::Environment, failure::Failure, output};
use std::fmt::Write as _;
use wellhead_core::{DatabaseInfo, escape};
use wellhead_packages::advisory::{Database, TableInfo};

pub(super) fn run(format: InspectFormat, environment: &Environment) -> Result<Exit, Failure> {
    let store = Store::new(environment)?;
    let Some(database) = store.open()? else {
        if format == InspectFormat::Json {
            output::to_stdout(b"{\"imported\": false}\n")?;
        } else {
            output::to_stdout(b"No advisories on this machine; only the embedded incident list is used\n")?;
            output::to_stderr(&format!("\nhint: {RENEW_HINT}\n"));
        }
        return Ok(Exit::Incomplete);
    };
    let bytes = wellhead_sources::read_blob(&store.database())?.len();
    let shown = escape(&store.database().to_string_lossy());
    database
        .verify(&mut budget())
        .map_err(|e| Failure::new(format!("{e}: `{shown}`")).hint(RENEW_HINT))?;
    let facts = Facts {
        info: database.info(),
        age: wellhead_engine::age(&database.about().date, &environment.today),
        stale: wellhead_engine::stale(
            &database.about().date,
            &environment.today,
            wellhead_engine::MAX_AGE,
        ),
        database,
        bytes,
        shown,
    };
    let text = match format {
        InspectFormat::Text => facts.text(),
        InspectFormat::Json => format!("{:#}\n", facts.json()),
    };
    output::to_stdout(text.as_bytes())?;
    if format == InspectFormat::Text {
        let quiet = quiet(&facts.database.about().newest, &environment.today);
        for why in [&facts.stale, &quiet].into_iter().flatten() {
            output::to_stderr(&format!("\nwarning: {why}\n"));
        }
    }
    Ok(Exit::Passed)
}

/// Why the records may be older than the day on which they were fetched: the real index has news every few days, and a
/// mirror that stands still, or a file that lay about, is not told by its day.
pub(super) fn quiet(newest: &str, today: &str) -> Option<String> {
    let age = wellhead_engine::age(newest, today)?;
    (age > i64::from(wellhead_engine::MAX_AGE)).then(|| {
        format!(
            "the newest advisory was changed on {}, {age} days ago, so they may be older than the day that the database has",
            escape(newest)
        )
    })
}

struct Facts {
    database: Database,
    info: DatabaseInfo,
    age: Option<i64>,
    stale: Option<String>,
    bytes: u64,
    shown: String,
}

impl Facts {
    fn text(&self) -> String {
        let about = self.database.about();
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<11} {value}");
        };
        row(
            "advisories",
            format!("{} ({} about malicious code)", about.records, about.malicious),
        );
        let kinds: Vec<String> = about
            .kinds
            .iter()
            .map(|(kind, n)| format!("{} {n}", escape(kind)))
            .collect();
        row("kinds", kinds.join(", "));
        row("packages", self.database.packages().to_string());
        row("withdrawn", format!("{} (left out)", about.withdrawn));
        if about.unreadable > 0 {
            row("unreadable", format!("{} (missing)", about.unreadable));
        }
        row("of", self.day());
        if !about.newest.is_empty() {
            row("newest", format!("changed on {}", escape(&about.newest)));
        }
        if !about.source.is_empty() {
            row("source", escape(&about.source));
        }
        row("exploited", table(about.exploited.as_ref(), "KEV"));
        row("estimates", table(about.scores.as_ref(), "EPSS"));
        row("digest", self.info.digest.clone());
        row("file", format!("{} ({} bytes)", self.shown, self.bytes));
        text
    }

    fn day(&self) -> String {
        let date = escape(&self.info.date);
        match self.age {
            Some(0) => format!("{date} (today)"),
            Some(1) => format!("{date} (1 day old)"),
            Some(days) if days > 1 => format!("{date} ({days} days old)"),
            Some(_) => format!("{date} (which has not come yet)"),
            None => format!("{date} (of unknown age)"),
        }
    }

    fn json(&self) -> serde_json::Value {
        let about = self.database.about();
        let table = |table: &Option<TableInfo>| {
            table.as_ref().map(|t| {
                serde_json::json!({ "date": t.date, "digest": t.digest, "vulnerabilities": t.rows, "advisories": t.joined })
            })
        };
        serde_json::json!({
            "imported": true, "advisories": about.records, "malicious": about.malicious, "kinds": about.kinds,
            "packages": self.database.packages(), "withdrawn": about.withdrawn, "unreadable": about.unreadable,
            "date": about.date,
            "age_days": self.age, "stale": self.stale.is_some(), "newest_modified": about.newest,
            "source": about.source, "digest": self.info.digest, "file": self.shown, "bytes": self.bytes,
            "kev": table(&about.exploited), "epss": table(&about.scores),
        })
    }
}

fn table(table: Option<&TableInfo>, name: &str) -> String {
    match table {
        Some(t) => format!(
            "{} of {} {name} vulnerabilities concern these packages ({})",
            t.joined,
            t.rows,
            if t.date.is_empty() { "no date" } else { &t.date }
        ),
        None => format!("none: {name} was not imported"),
    }
}
