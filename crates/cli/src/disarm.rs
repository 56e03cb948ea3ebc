//! `wellhead disarm`: the weights of a model without the code.
//!
//! What is left out is judged by the same rules as in an audit, so there is one opinion on what would have run.

use crate::{
    Exit,
    args::{Disarm, Global, InspectFormat},
    audit,
    environment::Environment,
    failure::Failure,
    output,
};
use std::{
    fmt::Write as _,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use wellhead_core::{Budget, Finding, Limits, Severity, Status, code, escape};
use wellhead_engine::{Listing, Options};
use wellhead_formats::disarm::{Disarmed, disarm};
use wellhead_sources::{Entry, Network, Target, WalkOptions};

/// Lines of each kind that are shown unless `-v` asks for all.
const SHORT: usize = 10;

pub(crate) fn run(args: &Disarm, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let out = destination(args, environment)?;
    let network = environment.network(&args.network)?;
    let entry = only(&args.target, &network)?;
    let blob = entry
        .open()
        .map_err(|why| Failure::new(format!("cannot read {}: {why}", code(&args.target))))?;
    let cancelled = audit::on_interrupt();
    let limits = Limits::default();
    let mut budget = Budget::new(limits.clone(), Arc::clone(&cancelled));
    let found = disarm(&entry.path, &blob, &mut budget).map_err(|why| {
        Failure::new(format!("cannot disarm {}: {why}", code(&args.target)))
            .hint("`wellhead inspect` shows what is in it")
    })?;
    let findings = judged(&entry, args, environment, &limits);
    if !found.weights.is_empty() {
        // A large model takes as long to copy as it takes; Ctrl-C still ends it.
        let long = Limits {
            time: Duration::from_secs(7 * 24 * 3600),
            steps: u64::MAX,
            ..limits
        };
        let mut budget = Budget::new(long, cancelled);
        let mut write = |to: &mut dyn Write| found.write(to, &mut budget);
        match &out {
            Some(path) => wellhead_sources::write_streamed(path, &mut write),
            None => write(&mut io::BufWriter::new(io::stdout().lock())),
        }
        .map_err(|e| Failure::new(format!("cannot write {}: {e}", shown(out.as_deref()))))?;
    }
    let text = match args.format {
        InspectFormat::Text => told(&found, &findings, args, out.as_deref(), global.verbose),
        InspectFormat::Json => json(&found, &findings, args, out.as_deref()),
    };
    // Standard output belongs to the tensors where they go there.
    if out.is_none() || args.format == InspectFormat::Text {
        output::to_stderr(&text);
    } else {
        output::to_stdout(text.as_bytes())?;
    }
    Ok(if !findings.is_empty() {
        Exit::Failed
    } else if found.weights.is_empty() || found.partly.is_some() || found.refused().next().is_some() {
        Exit::Incomplete
    } else {
        Exit::Passed
    })
}

/// Where the tensors go; `None` is standard output.
fn destination(args: &Disarm, environment: &Environment) -> Result<Option<PathBuf>, Failure> {
    let path = match &args.output {
        Some(path) if path.as_os_str() == "-" => {
            if environment.stdout_is_terminal {
                return Err(Failure::new("tensors are not written to a terminal")
                    .hint("redirect standard output, or name a file: `-o OUT.safetensors`"));
            }
            return Ok(None);
        }
        Some(path) => path.clone(),
        None => {
            let name = args.target.rsplit('/').next().unwrap_or_default();
            let name = name.split('?').next().unwrap_or_default();
            let path = Path::new(if name.is_empty() || name == "-" {
                "stdin"
            } else {
                name
            });
            path.with_extension("safetensors")
        }
    };
    if path.exists() && !args.force {
        let failure = Failure::new(format!("{} is there already", code(&path.to_string_lossy())));
        return Err(failure.hint("write over it with `--force`, or to another file with `-o`"));
    }
    Ok(Some(path))
}

/// The one file that the target is.
fn only(text: &str, network: &Arc<Network>) -> Result<Entry, Failure> {
    let target = Target::parse(text)?;
    let mut entries = wellhead_sources::find(&target, WalkOptions { no_ignore: true }, network)?.entries;
    match entries.pop() {
        Some(entry) if entries.is_empty() && !Path::new(text).is_dir() => Ok(entry),
        _ => Err(Failure::new(format!("{} is not one file", code(text))).hint("name the model's file")),
    }
}

/// What an audit of the file finds that would fail it: that is what was left out.
fn judged(entry: &Entry, args: &Disarm, environment: &Environment, limits: &Limits) -> Vec<Finding> {
    let options = Options {
        limits: limits.clone(),
        today: environment.today.clone(),
        ..Options::default()
    };
    let listing = Listing {
        target: args.target.clone(),
        prefix: None,
        entries: vec![entry.clone()],
    };
    wellhead_engine::run(vec![listing], &options)
        .findings
        .into_iter()
        .filter(|f| f.severity >= Severity::High && f.status == Status::Reported)
        .collect()
}

fn shown(out: Option<&Path>) -> String {
    match out {
        Some(path) => code(&path.to_string_lossy()),
        None => "standard output".to_owned(),
    }
}

fn told(found: &Disarmed, findings: &[Finding], args: &Disarm, out: Option<&Path>, all: bool) -> String {
    let mut text = String::new();
    let bytes: u64 = found.weights.iter().map(|w| w.bytes).sum();
    let count = found.weights.len();
    let plural = if count == 1 { "" } else { "s" };
    let _ = if count == 0 {
        writeln!(
            text,
            "Wrote nothing: no tensor could be taken out of {}",
            code(&args.target)
        )
    } else {
        writeln!(
            text,
            "Wrote {}: {count} tensor{plural}, {bytes} bytes",
            shown(out)
        )
    };
    let ran: Vec<String> = findings
        .iter()
        .map(|f| format!("{} ({})", f.message, f.rule))
        .collect();
    section(
        &mut text,
        "Left out, for it would have run or could not be seen",
        &ran,
        all,
    );
    let dropped: Vec<String> = found
        .dropped
        .iter()
        .map(|d| {
            let path = if d.path.is_empty() {
                "the whole".to_owned()
            } else {
                code(&d.path)
            };
            format!("{path}: {}", d.why)
        })
        .collect();
    section(&mut text, "Left out", &dropped, all);
    let classes: Vec<String> = found
        .objects
        .iter()
        .map(|(class, n)| format!("{} ×{n}", code(class)))
        .collect();
    section(
        &mut text,
        "Classes of which only the attributes were kept",
        &classes,
        all,
    );
    if !found.aliases.is_empty() {
        let _ = writeln!(
            text,
            "Tensors that share their elements and were copied: {}",
            found.aliases.len()
        );
    }
    if !found.leaves.is_empty() {
        let _ = writeln!(text, "Values kept in the metadata: {}", found.leaves.len());
    }
    if let Some(why) = &found.partly {
        let _ = writeln!(text, "Not everything was looked at: {why}");
    }
    text
}

fn section(text: &mut String, title: &str, lines: &[String], all: bool) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}:");
    let most = if all { usize::MAX } else { SHORT };
    for line in lines.iter().take(most) {
        let _ = writeln!(text, "  {line}");
    }
    if lines.len() > most {
        let more = lines.len().saturating_sub(most);
        let _ = writeln!(text, "  … {more} more, `-v` shows them");
    }
}

fn json(found: &Disarmed, findings: &[Finding], args: &Disarm, out: Option<&Path>) -> String {
    let tensors: Vec<_> = found
        .weights
        .iter()
        .map(|w| {
            serde_json::json!({
                "name": escape(&w.name), "dtype": w.dtype, "shape": w.shape, "bytes": w.bytes,
                "shares": found.aliases.get(&w.name).map(|n| escape(n)),
            })
        })
        .collect();
    let dropped: Vec<_> = found
        .dropped
        .iter()
        .map(|d| serde_json::json!({"kind": d.kind.name(), "path": escape(&d.path), "why": d.why}))
        .collect();
    let findings: Vec<_> = findings
        .iter()
        .map(|f| serde_json::json!({"rule": f.rule, "severity": f.severity.name(), "message": f.message}))
        .collect();
    let objects: serde_json::Map<String, serde_json::Value> = found
        .objects
        .iter()
        .map(|(class, n)| (escape(class), (*n).into()))
        .collect();
    let schema = serde_json::json!({"name": "wellhead-disarm", "version": "1.0-draft"});
    let written = out.filter(|_| !found.weights.is_empty());
    let report = serde_json::json!({
        "schema": schema, "input": escape(&args.target),
        "output": written.map(|p| escape(&p.to_string_lossy())),
        "format": found.format.title, "tensors": tensors, "values": found.leaves.len(),
        "classes": objects, "left_out": dropped, "findings": findings, "partly": found.partly,
    });
    format!("{report:#}\n")
}
