//! `wellhead db update`: OSV's layout, a folder per ecosystem with `all.zip` and `modified_id.csv`.
//!
//! What is at hand is changed only where the list of changes accounts for all of it; in every other case everything is
//! fetched. Nothing is replaced before what came was read and checked to its end.

use super::{
    Update,
    import::{Found, add, collect, texts_of, told},
    status::quiet,
    store::{MAX_TABLE, Store, Tables, Texts, budget},
};
use crate::{
    Exit,
    args::{Global, NetworkFlags},
    audit::{on_interrupt, tell_traffic},
    environment::Environment,
    failure::Failure,
    output,
    progress::Transfer,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{Blob, Budget, code, sha256_of};
use wellhead_packages::advisory::{About, Builder, Changes, Database, Exploited, Scores, is_id};
use wellhead_sources::{FetchError, Network};

/// The folder of the Python Package Index.
const ECOSYSTEM: &str = "PyPI";
/// Largest zip that is fetched; OSV's has less than a hundredth.
const MAX_ZIP: u64 = 8 << 30;
/// Largest list of changes that is fetched.
const MAX_LIST: u64 = 256 << 20;
/// Largest record that is fetched.
const MAX_RECORD: u64 = 16 << 20;
/// Above so many changed records the zip is the shorter way.
const MANY: usize = 400;

impl From<FetchError> for Failure {
    fn from(e: FetchError) -> Self {
        Self::new(&e).hint(e.hint)
    }
}

pub(super) fn run(args: &Update, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    if args.offline {
        return Err(
            Failure::new("an update asks the network, and `--offline` forbids it")
                .hint("import a file that you bring: `wellhead db import PyPI/all.zip`"),
        );
    }
    let store = Store::new(environment)?;
    let _lock = store.lock()?;
    let network = environment.network(&NetworkFlags {
        offline: false,
        endpoint: None,
    })?;
    let mut job = Job {
        args,
        base: args.url.trim_end_matches('/').to_owned(),
        transfer: Transfer::new(environment.stderr_is_terminal && !global.no_progress && !global.quiet),
        store,
        network,
        budget: budget(),
        today: &environment.today,
    };
    let result = job.run();
    job.transfer.clear();
    tell_traffic(&job.network, global);
    output::to_stdout(result?.as_bytes())
}

struct Job<'a> {
    args: &'a Update,
    base: String,
    transfer: Transfer,
    store: Store,
    network: Arc<Network>,
    budget: Budget,
    today: &'a str,
}

/// What is at hand with its changes.
struct Changed {
    builder: Builder,
    /// The records themselves, by identifier.
    texts: BTreeMap<String, Vec<u8>>,
    said: String,
}

/// The identifier of a record.
fn id_of(text: &[u8]) -> Option<String> {
    let record: serde_json::Value = serde_json::from_slice(text).ok()?;
    record.get("id")?.as_str().map(str::to_owned)
}

impl Job<'_> {
    fn run(&mut self) -> Result<String, Failure> {
        let tables = self.tables()?;
        // The list comes before the zip, so that the zip holds at least what the list names.
        let changes = self.changes()?;
        let about = About {
            date: self.today.to_owned(),
            source: self.base.clone(),
            mark: changes
                .as_ref()
                .and_then(|c| c.newest(self.today))
                .unwrap_or_default()
                .to_owned(),
            ..About::default()
        };
        if !self.args.full
            && self.args.sha256.is_none()
            && let Some(changes) = &changes
            && let Some(database) = self.at_hand()
            && let Some(Changed { builder, texts, said }) = self.changed(&database, changes)?
        {
            let texts: Texts<'_> = Box::new(texts.into_values());
            let (summary, bytes) =
                self.store
                    .write(builder, Some(texts), &tables, about, &mut self.budget)?;
            self.quiet(&summary.newest);
            let told = told("Now there are", &summary, bytes, &self.store.database());
            return Ok(format!("{said}\n{told}"));
        }
        let mut builder = Builder::default();
        let records = self.whole(&mut builder)?;
        let texts = Some(texts_of(&records));
        let (summary, bytes) = self
            .store
            .write(builder, texts, &tables, about, &mut self.budget)?;
        // Kept until here, since the records are read from it.
        self.discard()?;
        self.quiet(&summary.newest);
        Ok(told("Fetched", &summary, bytes, &self.store.database()))
    }

    /// Says aloud that the server may be a mirror that stands still.
    fn quiet(&self, newest: &str) {
        if let Some(why) = quiet(newest, self.today) {
            self.transfer.say(&format!("warning: {why}\n"));
        }
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{ECOSYSTEM}/{name}", self.base)
    }

    /// The tables that were asked for, read once so that nothing is replaced by what cannot be.
    fn tables(&mut self) -> Result<Tables, Failure> {
        let mut tables = Tables::default();
        if let Some(url) = &self.args.kev {
            let bytes = self.there(url)?;
            Exploited::read(&bytes, &mut self.budget).map_err(Failure::new)?;
            tables.exploited = Some(bytes);
        }
        if let Some(url) = &self.args.epss {
            let bytes = self.there(url)?;
            Scores::read(&bytes, &mut self.budget).map_err(Failure::new)?;
            tables.scores = Some(bytes);
        }
        Ok(tables)
    }

    fn there(&self, url: &str) -> Result<Vec<u8>, Failure> {
        self.network
            .fetch(url, MAX_TABLE)?
            .ok_or_else(|| Failure::new(format!("{} is not there", code(url))))
    }

    /// The list of changes; a server without one, or with something else in its place, has all of it fetched.
    fn changes(&mut self) -> Result<Option<Changes>, Failure> {
        let Some(bytes) = self.network.fetch(&self.url("modified_id.csv"), MAX_LIST)? else {
            return Ok(None);
        };
        match Changes::read(&bytes, &mut self.budget) {
            Ok(changes) => Ok(Some(changes)),
            Err(why) => {
                self.transfer
                    .say(&format!("note: {why}, so everything is fetched\n"));
                Ok(None)
            }
        }
    }

    /// The database at hand, if it came from the same place with a list of changes.
    fn at_hand(&self) -> Option<Database> {
        match self.store.open() {
            Ok(database) => {
                database.filter(|db| db.about().source == self.base && !db.about().mark.is_empty())
            }
            Err(failure) => {
                self.transfer
                    .say(&format!("note: {}, so everything is fetched\n", failure.message));
                None
            }
        }
    }

    /// Changes what is at hand; `None` where everything is to be fetched instead.
    fn changed(&mut self, database: &Database, changes: &Changes) -> Result<Option<Changed>, Failure> {
        let mut builder = Builder::default();
        let Some(texts) = self.store.texts(&mut self.budget) else {
            return Ok(None);
        };
        let mut texts: BTreeMap<String, Vec<u8>> =
            texts.filter_map(|text| Some((id_of(&text)?, text))).collect();
        if let Err(why) = builder.keep(database, &mut self.budget) {
            self.transfer
                .say(&format!("note: {why}, so everything is fetched\n"));
            return Ok(None);
        }
        let listed: BTreeSet<&str> = changes.rows.iter().map(|(_, id)| id.as_str()).collect();
        let gone: Vec<String> = builder
            .ids()
            .filter(|id| !listed.contains(id))
            .map(str::to_owned)
            .collect();
        let wanted: BTreeSet<&str> = changes.since(&database.about().mark).collect();
        // A list that forgets much of what is there is more likely cut off than right.
        let forgets = gone.len() > builder.ids().count() / 10;
        if wanted.len() > MANY || forgets || changes.unreadable > 0 {
            return Ok(None);
        }
        for id in &gone {
            builder.remove(id);
            texts.remove(id);
        }
        let (mut fetched, mut removed) = (0_usize, gone.len());
        for id in wanted.into_iter().filter(|id| is_id(id)) {
            self.transfer.at(fetched as u64, None);
            match self.network.fetch(&self.url(&format!("{id}.json")), MAX_RECORD)? {
                Some(bytes) => {
                    // Under its old content it would stay, and nothing would say so.
                    if id_of(&bytes).is_none_or(|found| found != id) {
                        self.transfer.say(&format!(
                            "note: {} holds another record, so everything is fetched\n",
                            code(&format!("{id}.json"))
                        ));
                        return Ok(None);
                    }
                    builder
                        .record(id, &bytes, &mut self.budget)
                        .map_err(Failure::new)?;
                    texts.insert(id.to_owned(), bytes);
                    fetched = fetched.saturating_add(1);
                }
                None => {
                    texts.remove(id);
                    removed = removed.saturating_add(usize::from(builder.remove(id)));
                }
            }
        }
        if builder.unreadable() > 0 {
            self.transfer
                .say("note: a changed record could not be read, so everything is fetched\n");
            return Ok(None);
        }
        let said = match (fetched, removed) {
            (0, 0) => "Nothing has changed".to_owned(),
            (changed, 0) => format!("Fetched {changed} changed records"),
            (changed, gone) => format!("Fetched {changed} changed records, removed {gone} that are gone"),
        };
        Ok(Some(Changed { builder, texts, said }))
    }

    /// Fetches the zip, checks it and reads its records.
    fn whole(&mut self, builder: &mut Builder) -> Result<Vec<(String, Blob)>, Failure> {
        let url = self.url("all.zip");
        let digest = match &self.args.sha256 {
            Some(hex) => Some(hex.clone()),
            None => self.digest_beside(&url)?,
        };
        let zip = self.store.zip();
        let cancelled = on_interrupt();
        let transfer = &self.transfer;
        let got = self
            .network
            .download(&url, &zip, MAX_ZIP, &cancelled, &|done, all| {
                transfer.at(done, all);
            })?;
        if got.resumed > 0 {
            transfer.say(&format!(
                "note: went on from byte {} of an earlier run\n",
                got.resumed
            ));
        }
        let read = self.read(&zip, &url, digest.as_deref(), builder);
        // What is wrong is not kept: the next run would only meet it again.
        if read.is_err() {
            self.discard()?;
        }
        read
    }

    fn discard(&self) -> Result<(), Failure> {
        let zip = self.store.zip();
        wellhead_sources::remove(&zip)
            .map_err(|e| Failure::new(format!("cannot remove {}: {e}", code(&zip.to_string_lossy()))))
    }

    fn read(
        &mut self,
        zip: &std::path::Path,
        url: &str,
        digest: Option<&str>,
        builder: &mut Builder,
    ) -> Result<Vec<(String, Blob)>, Failure> {
        if let Some(wanted) = digest {
            let blob = wellhead_sources::read_blob(zip)?;
            let found = sha256_of(&blob, &mut self.budget).map_err(Failure::new)?;
            if found.hex != wanted {
                return Err(Failure::new(format!(
                    "{} is not the file that its digest promises, so nothing was replaced: SHA-256 is {}, not {wanted}",
                    code(url),
                    found.hex
                ))
                .hint("ask again later; if it stays so, do not use this server"));
            }
        }
        let mut found = Found::default();
        collect(zip, &mut found, &mut self.budget).map_err(|failure| Failure {
            message: format!("{}, so nothing was replaced", failure.message),
            ..failure
        })?;
        add(builder, &found.records, &mut self.budget)?;
        if builder.ids().next().is_none() {
            return Err(Failure::new(
                "what came is no zip of advisories in the OSV schema, so nothing was replaced",
            ));
        }
        Ok(found.records)
    }

    /// The SHA-256 that lies beside a file, where there is one: `sha256sum`'s way of writing it, or the digits alone.
    fn digest_beside(&self, url: &str) -> Result<Option<String>, Failure> {
        let beside = format!("{url}.sha256");
        let Some(bytes) = self.network.fetch(&beside, 64 << 10)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes);
        let first = text.split_whitespace().next().unwrap_or_default();
        super::parse_sha256(first).map(Some).map_err(|_| {
            Failure::new(format!(
                "{} holds no SHA-256, so nothing was fetched",
                code(&beside)
            ))
            .hint("say the digest with `--sha256`")
        })
    }
}
