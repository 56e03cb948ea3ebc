//! `wellhead inspect`.

use crate::{
    Exit,
    args::{Global, Inspect, InspectFormat},
    audit,
    environment::Environment,
    failure::Failure,
    output,
};
use std::fmt::Write as _;
use wellhead_core::Outcome;
use wellhead_engine::{Inspected, InspectedOperator, InspectedTensor, Options, inspect};
use wellhead_sources::{Target, WalkOptions};

/// Lines of each kind that are shown unless `-v` asks for all.
const SHORT: usize = 40;

pub(crate) fn run(args: &Inspect, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let target = Target::parse(&args.target)?;
    let network = environment.network(&args.network)?;
    let found = wellhead_sources::find(&target, WalkOptions { no_ignore: true }, &network)?;
    audit::tell_notes(&found.notes, global);
    let entries = found.entries;
    let options = Options {
        depth: audit::depth(&args.limits),
        limits: audit::limits(&args.limits),
        today: environment.today.clone(),
        ..Options::default()
    };
    let seen: Vec<Inspected> = entries
        .iter()
        .flat_map(|entry| inspect(entry, &options))
        .collect();
    audit::tell_traffic(&network, global);
    let text = match args.format {
        InspectFormat::Text => seen.iter().map(|i| shown(i, global.verbose)).collect(),
        InspectFormat::Json => {
            let rows: Vec<_> = seen.iter().map(json).collect();
            let schema = serde_json::json!({"name": "wellhead-inspect", "version": "1.0-draft"});
            format!("{:#}\n", serde_json::json!({"schema": schema, "artifacts": rows}))
        }
    };
    output::to_stdout(text.as_bytes())
}

fn shown(inspected: &Inspected, all: bool) -> String {
    let indent = "  ".repeat(inspected.artifact.nesting());
    let mut out = String::new();
    let outcome = match &inspected.outcome {
        Outcome::Analysed => String::new(),
        Outcome::Partly { why } => format!(" (partly: {why})"),
        Outcome::NotAnalysed { why } => format!(" (not analysed: {why})"),
    };
    let name = wellhead_core::escape(inspected.artifact.leaf());
    let _ = writeln!(
        out,
        "{indent}{name}  {}, {} bytes{outcome}",
        inspected.format, inspected.size
    );
    for (key, value) in &inspected.facts {
        let _ = writeln!(out, "{indent}  {key}: {value}");
    }
    let tensors = table(&inspected.tensors);
    section(&mut out, &indent, "tensors", &tensors, all);
    let operators: Vec<String> = inspected.operators.iter().map(operator).collect();
    section(&mut out, &indent, "operators", &operators, all);
    section(&mut out, &indent, "what it does", &inspected.code, all);
    section(&mut out, &indent, "text", &inspected.text, all);
    section(&mut out, &indent, "disassembly", &inspected.disassembly, all);
    out
}

fn section(out: &mut String, indent: &str, title: &str, lines: &[String], all: bool) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "{indent}  {title}:");
    let most = if all { usize::MAX } else { SHORT };
    for line in lines.iter().take(most) {
        let _ = writeln!(out, "{indent}    {line}");
    }
    if lines.len() > most {
        let _ = writeln!(
            out,
            "{indent}    … {} more lines, `-v` shows them",
            lines.len().saturating_sub(most)
        );
    }
}

/// Tensors in columns. A name that is far longer than the others moves its own line only.
fn table(tensors: &[InspectedTensor]) -> Vec<String> {
    const WIDEST: usize = 60;
    let rows: Vec<[String; 3]> = tensors
        .iter()
        .map(|t| {
            let shape: Vec<_> = t.shape.iter().map(u64::to_string).collect();
            [t.name.clone(), t.dtype.clone(), format!("[{}]", shape.join(", "))]
        })
        .collect();
    let widths: [usize; 3] = std::array::from_fn(|i| {
        let widths = rows.iter().map(|r| r[i].chars().count());
        widths.filter(|w| *w <= WIDEST).max().unwrap_or(0)
    });
    rows.iter()
        .zip(tensors)
        .map(|(row, t)| {
            let [name, dtype, shape] = row;
            let [a, b, c] = widths;
            format!("{name:<a$}  {dtype:<b$}  {shape:<c$}  {} bytes", t.bytes)
        })
        .collect()
}

fn operator(o: &InspectedOperator) -> String {
    let scope = if o.scope.is_empty() {
        String::new()
    } else {
        format!(", first in {}", o.scope)
    };
    format!("{} ×{}{scope}", o.name, o.count)
}

fn json(i: &Inspected) -> serde_json::Value {
    let tensors: Vec<_> = i
        .tensors
        .iter()
        .map(|t| serde_json::json!({"name": t.name, "dtype": t.dtype, "shape": t.shape, "bytes": t.bytes}))
        .collect();
    let operators: Vec<_> = i
        .operators
        .iter()
        .map(|o| serde_json::json!({"name": o.name, "count": o.count, "scope": o.scope}))
        .collect();
    let facts: Vec<_> = i
        .facts
        .iter()
        .map(|(k, v)| serde_json::json!({"name": k, "value": v}))
        .collect();
    serde_json::json!({
        "artifact": i.artifact.to_string(), "format": i.format, "size": i.size, "outcome": i.outcome.name(),
        "reason": i.outcome.why(), "facts": facts, "tensors": tensors, "operators": operators, "code": i.code, "disassembly": i.disassembly, "text": i.text,
    })
}
