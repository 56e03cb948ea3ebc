//! `wellhead verify`.

use crate::{
    Exit,
    args::{Global, InspectFormat},
    environment::Environment,
    failure::Failure,
    lock, output,
};
use clap::{Args, ValueHint};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};
use wellhead_engine::{Asked, Checked, FileState};
use wellhead_trust::models_lock::{MODELS_LOCK, ModelsLock};

#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  everything that was asked is as the lock has it
  1  something is not, or could not be compared
  2  could not run: usage, a lock that cannot be read, internal error
  3  with --strict: the lock itself says that it does not cover everything")]
pub(crate) struct Verify {
    /// The lock to compare with [default with no FILE: models.lock here]
    #[arg(long, value_name = "FILE", num_args = 0..=1, value_hint = ValueHint::FilePath)]
    pub(crate) lock: Option<Option<PathBuf>>,
    /// Files and folders to compare: a cache of the hub or a part of it, a folder that a model was downloaded into
    /// (`org/name=FOLDER` says which), a file [default: everything that the lock holds]
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<String>,
    /// Where models were downloaded to [default: $HF_HUB_CACHE, $HF_HOME/hub, ~/.cache/huggingface/hub]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) cache: Option<PathBuf>,
    /// Files of the lock that are not there are no failure
    #[arg(long)]
    pub(crate) partial: bool,
    /// Exit with 3 when the lock lists loads that it does not cover
    #[arg(long, env = "WELLHEAD_STRICT")]
    pub(crate) strict: bool,
    /// The format on standard output
    #[arg(long, default_value = "text")]
    pub(crate) format: InspectFormat,
}

pub(crate) fn run(args: &Verify, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let Some(named) = &args.lock else {
        return Err(Failure::new("there is nothing to verify against")
            .hint("name a lock: `wellhead verify --lock models.lock`; a digest that comes with the files proves nothing about who made them")
            .hint("`wellhead lock` writes one"));
    };
    let mut paths = args.paths.clone();
    let mut path = PathBuf::from(MODELS_LOCK);
    // `verify --lock FOLDER` means the lock that is here, and the folder.
    match named {
        Some(named) if named.is_dir() => paths.insert(0, named.to_string_lossy().into_owned()),
        Some(named) => path.clone_from(named),
        None => {}
    }
    if !path.exists() {
        let shown = wellhead_core::code(&path.to_string_lossy());
        return Err(Failure::new(format!("there is no lock {shown}")).hint("`wellhead lock` writes one"));
    }
    let held = lock::read(&path)?;
    let asked = Asked {
        root: match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        },
        hubs: lock::hubs(args.cache.as_deref(), environment),
        paths: paths.iter().map(|p| split(p)).collect(),
        partial: args.partial,
    };
    let checked = wellhead_engine::verify(&held, &asked);
    let proven = !checked.is_empty() && checked.iter().all(Checked::is_proven);
    let text = match args.format {
        InspectFormat::Text => text(&held, &checked, proven, global.verbose),
        InspectFormat::Json => json(&held, &checked, proven),
    };
    output::to_stdout(text.as_bytes())?;
    Ok(match proven {
        false => Exit::Failed,
        true if args.strict && !held.unresolved.is_empty() => Exit::Incomplete,
        true => Exit::Passed,
    })
}

/// `org/name=FOLDER`; a path that is there as it is written is a path.
fn split(text: &str) -> (Option<String>, PathBuf) {
    match text.split_once('=') {
        Some((name, path)) if !Path::new(text).exists() && !name.is_empty() => {
            (Some(name.to_owned()), PathBuf::from(path))
        }
        _ => (None, PathBuf::from(text)),
    }
}

fn text(held: &ModelsLock, checked: &[Checked], proven: bool, verbose: bool) -> String {
    let mut out = String::new();
    let mut files = 0_u64;
    let mut problems = 0_usize;
    for one in checked {
        files = files.saturating_add(one.proven);
        problems = problems.saturating_add(one.problems.len());
        let mark = if one.is_proven() { "ok" } else { "FAILED" };
        let absent = if one.absent > 0 {
            format!(", {} never downloaded", one.absent)
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "{mark:6} {} in {}: {} as locked{absent}",
            one.what,
            one.place,
            count(one.proven, "file", "files")
        );
        let most = if verbose { usize::MAX } else { 50 };
        for problem in one.problems.iter().take(most) {
            let path = if problem.path.is_empty() {
                String::new()
            } else {
                format!(" {}:", problem.path)
            };
            let _ = writeln!(out, "       {}:{path} {}", problem.state.name(), problem.words);
        }
        if one.problems.len() > most {
            let _ = writeln!(
                out,
                "       … and {} more (`--verbose`)",
                one.problems.len().saturating_sub(most)
            );
        }
    }
    if checked.is_empty() {
        out.push_str("The lock holds nothing, so nothing is proven\n");
    } else if proven {
        let _ = writeln!(
            out,
            "\n{} as the lock has them",
            count(files, "file is", "files are")
        );
    } else {
        let _ = writeln!(
            out,
            "\nNot proven: {}",
            count(problems as u64, "difference", "differences")
        );
    }
    if !held.unresolved.is_empty() {
        let loads = count(held.unresolved.len() as u64, "load is", "loads are");
        let _ = writeln!(
            out,
            "{loads} not covered by the lock; it lists them under `unresolved`"
        );
    }
    out
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn json(held: &ModelsLock, checked: &[Checked], proven: bool) -> String {
    let rows: Vec<_> = checked
        .iter()
        .map(|one| {
            let problems: Vec<_> = one
                .problems
                .iter()
                .map(|p| serde_json::json!({"state": p.state.name(), "path": p.path, "message": p.words}))
                .collect();
            serde_json::json!({
                "what": one.what.trim_matches('`'), "place": one.place.trim_matches('`'), "proven": one.proven,
                "absent": one.absent, "ok": one.is_proven(), "problems": problems,
            })
        })
        .collect();
    let extra = checked
        .iter()
        .flat_map(|c| &c.problems)
        .filter(|p| p.state == FileState::Extra)
        .count();
    let value = serde_json::json!({
        "proven": proven, "checked": rows, "extra": extra, "unresolved": held.unresolved.len(),
    });
    format!("{value:#}\n")
}
