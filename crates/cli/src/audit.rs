//! `wellhead audit`.

use crate::{
    Exit,
    args::{Audit, FailOn, Global, LimitFlags},
    db,
    environment::Environment,
    failure::Failure,
    fix::{Before, Watcher},
    live::Asker,
    output,
    progress::Progress,
    render::render,
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use wellhead_core::{Depth, Limits, Measure, Report};
use wellhead_engine::{Config, Listing, Options, Selection};
use wellhead_sources::{KeptResults, Network, Target, WalkOptions};

/// Largest configuration that is read.
const MAX_CONFIG: u64 = 1 << 20;

pub(crate) fn run(args: &Audit, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let cancelled = on_interrupt();
    let (config, folder) = configuration(args, environment)?;
    let vex = crate::vex::documents(&args.vex, &config, &folder)?;
    let selection = selection(args)?;
    let network = environment.network(&args.network)?;
    if args.live.dry_run {
        return crate::live::dry_run(args, environment);
    }
    let asker = Asker::new(args, global, environment, &cancelled)?;
    let listings = listings(args, &network, &asker, global, environment)?;
    asker.tell();
    // Those that were named as locks stand last.
    let locks = listings.iter().skip(args.targets.len());
    let locks = locks.flat_map(wellhead_engine::names).collect();
    let asked = args.targets.iter().zip(&listings);
    let asked = asked
        .filter(|(text, listing)| listing.entries.len() == 1 && !Path::new(text).is_dir())
        .flat_map(|(_, listing)| wellhead_engine::names(listing))
        .collect();
    let (database, database_trouble) = db::at_hand(environment);
    if let Some(why) = &database_trouble {
        output::to_stderr(&format!("warning: {why}\n\nhint: {}\n", db::RENEW_HINT));
    }
    let cache = environment.cache.as_ref().filter(|_| !args.no_cache);
    let kept = cache.and_then(|folder| KeptResults::open(&folder.join("audits")));
    let progress = Progress::new(environment.stderr_is_terminal && !global.no_progress && !global.quiet);
    let watcher = Watcher::new(&progress, args.fixing.wanted());
    let options = Options {
        depth: depth(&args.limits),
        limits: limits(&args.limits),
        config,
        vex,
        fail_on: if args.exit_zero {
            Some(None)
        } else {
            args.fail_on.map(|FailOn(s)| s)
        },
        selection,
        min_severity: args.min_severity,
        min_confidence: args.min_confidence,
        today: environment.today.clone(),
        database: database.as_ref(),
        database_trouble,
        wheels: args
            .wheels
            .as_ref()
            .map(|place| wellhead_sources::Wheels::parse(place, &network)),
        locks,
        asked,
        kept: kept.as_ref(),
        cancelled: Arc::clone(&cancelled),
        observer: &watcher,
    };
    let before = args.fixing.wanted().then(|| Before::of(&listings));
    let report = wellhead_engine::run(listings, &options);
    progress.clear();
    tell_traffic(&network, global);
    if cancelled.load(Ordering::Relaxed) {
        output::to_stderr("error: interrupted, nothing was reported\n");
        return Ok(Exit::Interrupted);
    }
    let report = match before {
        Some(before) => {
            let mended = before.mend(report, args.fixing, &options, &watcher, global, environment);
            progress.clear();
            mended?
        }
        None => report,
    };
    for (format, file) in &args.export {
        output::deliver(&render(&report, *format, global, environment, true), Some(file))?;
    }
    let text = render(&report, args.format, global, environment, args.output.is_some());
    // With `--diff` standard output belongs to the diff.
    if !args.fixing.diff || args.output.is_some() {
        output::deliver(&text, args.output.as_deref())?;
    }
    Ok(asker.exit(&report).unwrap_or_else(|| exit(&report, args.strict)))
}

/// The exit code depends on the report alone, never on the format.
fn exit(report: &Report, strict: bool) -> Exit {
    if report.stats.files == 0 {
        output::to_stderr(
            "error: there is nothing to audit here\n\nhint: name a folder or file that holds something\n",
        );
        return Exit::Incomplete;
    }
    if !report.verdict.allowed {
        return Exit::Failed;
    }
    let incomplete = report.unseen().next().is_some() || !report.not_assessed.is_empty();
    if strict && incomplete {
        Exit::Incomplete
    } else {
        Exit::Passed
    }
}

/// How much was fetched, for those who want to know.
pub(crate) fn tell_traffic(network: &Network, global: &Global) {
    let traffic = network.traffic();
    if global.verbose && traffic.requests() > 0 {
        output::to_stderr(&format!(
            "note: fetched {} bytes in {} requests\n",
            traffic.bytes(),
            traffic.requests()
        ));
    }
}

/// What is worth knowing about a target, beside what it holds.
pub(crate) fn tell_notes(notes: &[String], global: &Global) {
    for note in notes.iter().filter(|_| !global.quiet) {
        output::to_stderr(&format!("note: {note}\n"));
    }
}

fn listings(
    args: &Audit,
    network: &Arc<Network>,
    asker: &Asker<'_>,
    global: &Global,
    environment: &Environment,
) -> Result<Vec<Listing>, Failure> {
    let options = WalkOptions {
        no_ignore: args.no_ignore,
    };
    let locks = args.lock.iter().map(|path| path.to_string_lossy().into_owned());
    let texts: Vec<String> = args.targets.iter().cloned().chain(locks).collect();
    let several = texts.len() > 1;
    texts
        .iter()
        .map(|text| {
            let target = Target::parse(text)?;
            if let Target::Environment(place) = &target {
                let found = wellhead_sources::find_environment(place.as_deref(), &environment.surroundings)?;
                tell_notes(&found.notes, global);
                return Ok(Listing {
                    prefix: None,
                    target: text.clone(),
                    entries: found.entries,
                });
            }
            if let Some(listing) = asker.listing(text, &target)? {
                return Ok(listing);
            }
            if let Target::Host(place) = &target {
                return Ok(wellhead_engine::host(text, place.as_deref())?);
            }
            if let Target::Package { project, version } = &target {
                let (listing, notes) = crate::release::listing(
                    project,
                    version.as_deref(),
                    args.limits.full,
                    &environment.pip,
                    network,
                )?;
                tell_notes(&notes, global);
                let prefix = Some(text.clone()).filter(|_| several);
                return Ok(Listing { prefix, ..listing });
            }
            let found = wellhead_sources::find(&target, options, network)?;
            tell_notes(&found.notes, global);
            if !target.is_local() {
                return Ok(Listing {
                    prefix: Some(text.trim_end_matches('/').to_owned()).filter(|_| several),
                    target: found.target,
                    entries: found.entries,
                });
            }
            let entries = found.entries;
            tell_environments(text, &entries, global);
            // With one target a path is relative to it; with several the target's own words tell them apart.
            let is_file = !Path::new(text).is_dir();
            let folder = if is_file {
                Path::new(text).parent()
            } else {
                Some(Path::new(text))
            };
            let prefix = folder
                .filter(|_| several)
                .map(|p| p.to_string_lossy().trim_end_matches('/').to_owned());
            Ok(Listing {
                target: text.clone(),
                prefix: prefix.filter(|p| !p.is_empty() && p != "."),
                entries,
            })
        })
        .collect()
}

/// Environments inside a project are judged better as what they are.
fn tell_environments(target: &str, entries: &[wellhead_sources::Entry], global: &Global) {
    let inside = wellhead_sources::environments_below(Path::new(target), entries);
    let notes: Vec<String> = inside
        .iter()
        .map(|folder| {
            let typed = wellhead_core::code(&format!("wellhead audit env:{folder}"));
            format!(
                "{} is a virtual environment: {typed} compares it with what was installed",
                wellhead_core::code(folder)
            )
        })
        .collect();
    tell_notes(&notes, global);
}

pub(crate) fn depth(flags: &LimitFlags) -> Depth {
    if flags.full { Depth::Full } else { Depth::Headers }
}

pub(crate) fn limits(flags: &LimitFlags) -> Limits {
    let mut limits = Limits::default();
    if let Some(depth) = flags.max_depth {
        limits.depth = depth;
    }
    if let Some(size) = flags.max_size {
        limits.expanded_bytes = size;
    }
    if let Some(timeout) = flags.timeout {
        limits.time = timeout;
    }
    limits
}

/// Does something at Ctrl-C. The second Ctrl-C ends the program at once.
pub(crate) fn at_interrupt(act: impl Fn() + Send + 'static) {
    let before = AtomicBool::new(false);
    // Without the handler Ctrl-C still works, only less politely.
    let _ = ctrlc::set_handler(move || {
        if before.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        act();
    });
}

/// A flag that Ctrl-C sets. The second Ctrl-C ends the program at once.
pub(crate) fn on_interrupt() -> Arc<AtomicBool> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancelled);
    at_interrupt(move || flag.store(true, Ordering::Relaxed));
    cancelled
}

fn selection(args: &Audit) -> Result<Selection, Failure> {
    let rules = wellhead_rules::rules();
    for name in args.select.iter().chain(&args.ignore) {
        let known = rules.iter().any(|r| r.id == name) || name.parse::<Measure>().is_ok();
        if !known {
            let names = rules
                .iter()
                .map(|r| r.id)
                .chain(Measure::ALL.iter().map(|m| m.name()));
            let failure = Failure::new(format!(
                "there is no rule or measure {}",
                wellhead_core::code(name)
            ));
            let hint = wellhead_engine::did_you_mean(name, names);
            return Err(failure.hint(hint.unwrap_or_else(|| "`wellhead rules` lists them".to_owned())));
        }
    }
    Ok(Selection {
        select: args.select.clone(),
        ignore: args.ignore.clone(),
        preview: args.preview,
    })
}

/// The configuration that was named, else the nearest one from the current folder up to the root of the repository.
///
/// Never one inside the target: whoever wrote the model that is audited does not write the policy. Comes with the folder
/// that its paths are relative to.
fn configuration(args: &Audit, environment: &Environment) -> Result<(Config, PathBuf), Failure> {
    if args.isolated {
        return Ok((Config::default(), PathBuf::new()));
    }
    let path = match &args.config {
        Some(path) => Some(path.clone()),
        None => nearest(&environment.current)?,
    };
    let Some(path) = path else {
        return Ok((Config::default(), PathBuf::new()));
    };
    let text = read_config(&path)?;
    let name = path
        .strip_prefix(&environment.current)
        .unwrap_or(&path)
        .to_string_lossy()
        .into_owned();
    let config = Config::parse(&name, &text, &wellhead_rules::rules())?;
    Ok((config, path.parent().unwrap_or(Path::new("")).to_path_buf()))
}

fn read_config(path: &Path) -> Result<String, Failure> {
    let bytes = wellhead_sources::read_bounded(path, MAX_CONFIG)?;
    String::from_utf8(bytes).map_err(|_| {
        let shown = wellhead_core::escape(&path.to_string_lossy());
        Failure::new(format!("the configuration `{shown}` is not UTF-8"))
    })
}

fn nearest(current: &Path) -> Result<Option<PathBuf>, Failure> {
    for folder in current.ancestors() {
        let own = folder.join("wellhead.toml");
        if own.is_file() {
            return Ok(Some(own));
        }
        let project = folder.join("pyproject.toml");
        if project.is_file() && read_config(&project)?.contains("[tool.wellhead") {
            return Ok(Some(project));
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    Ok(None)
}
