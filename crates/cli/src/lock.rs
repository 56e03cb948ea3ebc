//! `wellhead lock`.

use crate::{
    Exit,
    args::{Global, NetworkFlags},
    environment::Environment,
    failure::Failure,
    output,
};
use clap::{Args, ValueHint};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use wellhead_core::{Budget, Location, code};
use wellhead_engine::{Hubs, Listing, LockOptions, Made, Options, Selection};
use wellhead_sources::{Target, WalkOptions};
use wellhead_trust::models_lock::{MODELS_LOCK, ModelsLock, Unresolved};

/// Largest lock that is read.
pub(crate) const MAX_LOCK: u64 = 64 << 20;

#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  the lock was written, or with --check is up to date
  1  something that is loaded by name is not in the lock, or with --check the lock is out of date
  2  could not run: usage, a lock that cannot be read, internal error
  3  with --strict: something is only known at run time")]
pub(crate) struct Lock {
    /// The folder of the project
    #[arg(value_name = "TARGET", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) target: PathBuf,
    /// The lock [default: models.lock in TARGET]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Write nothing: say whether the lock is up to date
    #[arg(long)]
    pub(crate) check: bool,
    /// Take every branch and tag at what it is today; without it, what is locked stays
    #[arg(long)]
    pub(crate) upgrade: bool,
    /// Where models were downloaded to [default: $HF_HUB_CACHE, $HF_HOME/hub, ~/.cache/huggingface/hub]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) cache: Option<PathBuf>,
    /// Exit with 3 when anything is only known at run time
    #[arg(long, env = "WELLHEAD_STRICT")]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) network: NetworkFlags,
}

/// Reads a lock of models.
pub(crate) fn read(path: &Path) -> Result<ModelsLock, Failure> {
    let bytes = wellhead_sources::read_bounded(path, MAX_LOCK)?;
    let name = path.to_string_lossy();
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(format!("the lock {} is not UTF-8", code(&name))))?;
    ModelsLock::parse(&text, &mut Budget::default()).map_err(|e| {
        let mut failure = Failure::new(format!("the lock {} proves nothing: {e}", code(&name)))
            .hint("make it again: remove it and run `wellhead lock`");
        let artifact = wellhead_core::ArtifactPath::file(&*name);
        failure.location = Some(Box::new(Location::text(&artifact, &text, e.span, "")));
        failure
    })
}

/// The caches that are looked in.
pub(crate) fn hubs(cache: Option<&Path>, environment: &Environment) -> Hubs {
    Hubs {
        caches: match cache {
            Some(cache) => vec![cache.to_owned()],
            None => environment.hub_cache.iter().cloned().collect(),
        },
    }
}

pub(crate) fn run(args: &Lock, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    if !args.target.is_dir() {
        let shown = code(&args.target.to_string_lossy());
        return Err(Failure::new(format!("{shown} is no folder of this machine"))
            .hint("name the folder of a project whose code loads models"));
    }
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| args.target.join(MODELS_LOCK));
    let old = if path.exists() { Some(read(&path)?) } else { None };
    let target = Target::Local(args.target.clone());
    let entries = wellhead_sources::list(&target, WalkOptions::default())?;
    let all = wellhead_sources::list(&target, WalkOptions { no_ignore: true })?;
    let listing = Listing {
        target: args.target.to_string_lossy().into_owned(),
        prefix: None,
        entries,
    };
    let options = Options {
        // Nothing is judged; what files load is a fact and no finding.
        selection: Selection {
            select: vec![String::new()],
            ..Selection::default()
        },
        today: environment.today.clone(),
        ..Options::default()
    };
    let loading = wellhead_engine::project_loads(listing, &all, &options);
    let network = environment.network(&args.network)?;
    // Whether a lock is up to date is a question about the project, so no branch is asked for again.
    let asks = !args.network.offline && (!args.check || args.upgrade);
    let made = wellhead_engine::lock(
        &loading,
        &LockOptions {
            old: old.clone(),
            upgrade: args.upgrade,
            network: asks.then(|| Arc::clone(&network)),
            hubs: if args.check && !args.upgrade {
                Hubs::default()
            } else {
                hubs(args.cache.as_deref(), environment)
            },
            root: args.target.clone(),
        },
    );
    crate::audit::tell_traffic(&network, global);
    let shown = wellhead_core::escape(&path.to_string_lossy());
    if args.check {
        return check(&made, old.as_ref(), &shown, args.strict);
    }
    let text = made.lock.render();
    if old.as_ref() != Some(&made.lock) || !path.exists() {
        output::deliver(&text, Some(&path))?;
    }
    if !global.quiet {
        for note in &made.notes {
            output::to_stderr(&format!("note: {note}\n"));
        }
    }
    let mut told = summary(&made);
    unresolved(&mut told, &made.lock.unresolved, global.verbose);
    let _ = writeln!(told, "Wrote {shown}");
    output::to_stdout(told.as_bytes())?;
    for failed in &made.failed {
        output::to_stderr(&format!("error: not locked: {failed}\n"));
    }
    Ok(exit(&made, args.strict))
}

fn exit(made: &Made, strict: bool) -> Exit {
    if !made.failed.is_empty() {
        Exit::Failed
    } else if strict && !made.lock.unresolved.is_empty() {
        Exit::Incomplete
    } else {
        Exit::Passed
    }
}

fn summary(made: &Made) -> String {
    let mut out = String::new();
    for r in &made.lock.repositories {
        let asked: Vec<&str> = r
            .requested
            .iter()
            .map(String::as_str)
            .filter(|a| *a != r.revision)
            .collect();
        let asked = if asked.is_empty() {
            String::new()
        } else {
            format!(" ({})", wellhead_core::escape(&asked.join(", ")))
        };
        let bytes: u64 = r.files.iter().map(|f| f.size).fold(0, u64::saturating_add);
        let _ = writeln!(
            out,
            "{:8} {} {}{asked}: {} files, {bytes} bytes",
            r.kind.name(),
            wellhead_core::escape(&r.name),
            r.revision,
            r.files.len()
        );
    }
    for f in &made.lock.files {
        let _ = writeln!(
            out,
            "file     {}: {} bytes",
            wellhead_core::escape(&f.path),
            f.size
        );
    }
    out
}

fn unresolved(out: &mut String, all: &[Unresolved], verbose: bool) {
    if all.is_empty() {
        return;
    }
    let loads = if all.len() == 1 { "load is" } else { "loads are" };
    let _ = writeln!(out, "\n{} {loads} not covered by the lock:", all.len());
    let most = if verbose { usize::MAX } else { 20 };
    for u in all.iter().take(most) {
        let name = u
            .name
            .as_ref()
            .map(|n| format!(" {}", code(n)))
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "  {}: {}{name}: {}",
            wellhead_core::escape(&u.place),
            wellhead_core::escape(&u.by),
            wellhead_core::escape(&u.why)
        );
    }
    if all.len() > most {
        let _ = writeln!(
            out,
            "  … and {} more (`--verbose` lists them)",
            all.len().saturating_sub(most)
        );
    }
    out.push('\n');
}

/// What a project loads, against the lock that is there. Lines that moved are no difference.
fn check(made: &Made, old: Option<&ModelsLock>, shown: &str, strict: bool) -> Result<Exit, Failure> {
    let Some(old) = old else {
        output::to_stdout(format!("{shown} is not there: run `wellhead lock`\n").as_bytes())?;
        return Ok(Exit::Failed);
    };
    let mut out = String::new();
    for failed in &made.failed {
        let _ = writeln!(out, "  not in the lock: {failed}");
    }
    for r in &made.lock.repositories {
        let before = old
            .repositories
            .iter()
            .find(|o| (o.kind, &o.name, &o.revision) == (r.kind, &r.name, &r.revision));
        if before != Some(r) {
            let _ = writeln!(
                out,
                "  changed: {} {}",
                r.kind.name(),
                wellhead_core::escape(&r.name)
            );
        }
    }
    for r in &old.repositories {
        let still = made.lock.repositories.iter();
        if !still
            .clone()
            .any(|n| (n.kind, &n.name, &n.revision) == (r.kind, &r.name, &r.revision))
        {
            let name = wellhead_core::escape(&r.name);
            let _ = writeln!(
                out,
                "  no longer loaded at {}: {} {name}",
                r.revision,
                r.kind.name()
            );
        }
    }
    if made.lock.files != old.files {
        let names = |lock: &ModelsLock| {
            lock.files
                .iter()
                .map(|f| (f.path.clone(), f.clone()))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        let (now, before) = (names(&made.lock), names(old));
        for (path, _) in now.iter().filter(|(path, file)| before.get(*path) != Some(*file)) {
            let _ = writeln!(out, "  changed: file {}", wellhead_core::escape(path));
        }
        for (path, _) in before.iter().filter(|(path, _)| !now.contains_key(*path)) {
            let _ = writeln!(out, "  no longer loaded: file {}", wellhead_core::escape(path));
        }
    }
    let keys = |lock: &ModelsLock| {
        let mut keys: Vec<String> = lock.unresolved.iter().map(|u| format!("{:?}", u.key())).collect();
        keys.sort();
        keys
    };
    if keys(&made.lock) != keys(old) {
        let _ = writeln!(
            out,
            "  the loads that are not covered are others than the lock says"
        );
    }
    if out.is_empty() {
        output::to_stdout(format!("{shown} is up to date\n").as_bytes())?;
        return Ok(exit(made, strict));
    }
    output::to_stdout(format!("{shown} is out of date:\n{out}").as_bytes())?;
    output::to_stderr("\nhint: look at what changed, then run `wellhead lock`\n");
    Ok(Exit::Failed)
}
