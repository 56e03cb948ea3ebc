//! What may be typed, as data: clap makes the parser, the help, the suggestions and the completions from it.

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::{path::PathBuf, time::Duration};
use wellhead_core::{Confidence, Measure, Severity};

/// Guards the machine-learning supply chain: finds what would run, leak or stand open, before it does.
#[derive(Debug, Parser)]
#[command(
    name = "wellhead",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true
)]
#[command(after_help = "Exit codes:
  0  nothing at or above --fail-on
  1  something is
  2  could not run: usage, configuration, internal error
  3  no input found, or with --strict not everything was analysed")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) global: Global,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// When to colour the output
    #[arg(
        long,
        global = true,
        env = "WELLHEAD_COLOR",
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Output options"
    )]
    pub(crate) color: When,
    /// Never show progress
    #[arg(
        long,
        global = true,
        env = "WELLHEAD_NO_PROGRESS",
        help_heading = "Output options"
    )]
    pub(crate) no_progress: bool,
    /// Say less: one line per finding
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Output options"
    )]
    pub(crate) quiet: bool,
    /// Say more: nothing folded, everything that was not analysed listed
    #[arg(short, long, global = true, help_heading = "Output options")]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Judge projects, models, packages and configuration
    #[command(visible_alias = "scan")]
    Audit(Box<Audit>),
    /// Compare two packages or models: what the new one can do that the old one could not
    Diff(Diff),
    /// Say why a rule matters, how to fix what it finds, with examples
    Explain(Explain),
    /// Show what was understood: members, disassembly, tensors, metadata
    Inspect(Inspect),
    /// Take the weights out of a model without running any of its code
    Disarm(Disarm),
    /// List the rules
    Rules(Rules),
    /// Render a saved JSON report again, in any format
    Report(Render),
    /// Advisory data for use without a network
    Db(crate::db::Db),
    /// Answer pip-audit, uv and others from the advisories of this machine
    ServeOsv(crate::serve::ServeOsv),
    /// Ask who is there, in front of a platform that does not, and write down who got which model
    Gateway(Box<crate::gateway::Gateway>),
    /// Write down which bytes the models and data sets are that the code loads
    Lock(crate::lock::Lock),
    /// Compare files on disk with a lock
    Verify(crate::verify::Verify),
    /// Write the files that close a platform: its own password, a proxy that asks, the firewall
    Lockdown(Box<crate::lockdown::Lockdown>),
    /// Write a commented wellhead.toml
    Init(Init),
    /// Write completions for a shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Findings with the lines that show them, for people
    Text,
    /// One line per finding
    Concise,
    /// The report as JSON, versioned
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Markdown, for the summary of a CI run
    Markdown,
    /// Workflow commands, for annotations in a GitHub job
    Github,
    /// OpenVEX: what is known of each flaw, and what the project decided
    #[value(name = "openvex")]
    OpenVex,
    /// The same as CycloneDX
    #[value(name = "cyclonedx-vex")]
    CycloneDxVex,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Folders and files; `env:` or `env:FOLDER` for what is installed, `host:` for what listens on this machine, `service:http://10.0.0.5:5000` or `net:10.0.0.0/24` for what is running, `pypi:name==version` for a release of the index of pip, `hf://org/name@revision`, `https://host/model.pt`, `s3://bucket/prefix`; `-` reads standard input
    #[arg(value_name = "TARGET", default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) targets: Vec<String>,

    /// Only these rules or measures (repeatable, or separated by commas)
    #[arg(
        long,
        value_name = "RULE|MEASURE",
        value_delimiter = ',',
        help_heading = "Selection"
    )]
    pub(crate) select: Vec<String>,
    /// All but these rules or measures
    #[arg(
        long,
        value_name = "RULE|MEASURE",
        value_delimiter = ',',
        help_heading = "Selection"
    )]
    pub(crate) ignore: Vec<String>,
    /// Show findings from this severity on
    #[arg(long, value_name = "SEVERITY", value_parser = parse_named::<Severity>, help_heading = "Selection")]
    pub(crate) min_severity: Option<Severity>,
    /// Show findings from this confidence on
    #[arg(long, value_name = "CONFIDENCE", value_parser = parse_named::<Confidence>, help_heading = "Selection")]
    pub(crate) min_confidence: Option<Confidence>,
    /// Also rules that are still tried out
    #[arg(long, help_heading = "Selection")]
    pub(crate) preview: bool,
    /// A lock that an environment is compared with, audited as well (repeatable)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Selection")]
    pub(crate) lock: Vec<PathBuf>,
    /// Compare the records of what is installed with those in the wheels of a folder or of an index
    #[arg(long, value_name = "FOLDER|URL", value_hint = ValueHint::AnyPath, help_heading = "Selection")]
    pub(crate) wheels: Option<String>,
    /// Also look at what ignore files exclude
    #[arg(long, help_heading = "Selection")]
    pub(crate) no_ignore: bool,

    /// Fail from this severity on: low, medium, high, critical or never [default: high]
    #[arg(long, env = "WELLHEAD_FAIL_ON", value_name = "SEVERITY", value_parser = parse_fail_on, help_heading = "Gate")]
    pub(crate) fail_on: Option<FailOn>,
    /// Never fail on findings, same as `--fail-on never`
    #[arg(long, conflicts_with = "fail_on", help_heading = "Gate")]
    pub(crate) exit_zero: bool,
    /// Exit with 3 when anything was not analysed, or could not be assessed
    #[arg(long, env = "WELLHEAD_STRICT", help_heading = "Gate")]
    pub(crate) strict: bool,

    /// The format on standard output
    #[arg(
        long,
        env = "WELLHEAD_FORMAT",
        default_value = "text",
        help_heading = "Output options"
    )]
    pub(crate) format: Format,
    /// Write the report to a file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output options")]
    pub(crate) output: Option<PathBuf>,
    /// Also write the report to a file in another format (repeatable)
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_export, help_heading = "Output options")]
    pub(crate) export: Vec<(Format, PathBuf)>,

    #[command(flatten)]
    pub(crate) fixing: crate::fix::FixFlags,

    #[command(flatten)]
    pub(crate) network: NetworkFlags,

    #[command(flatten)]
    pub(crate) live: crate::live::LiveFlags,

    #[command(flatten)]
    pub(crate) limits: LimitFlags,

    /// Use this configuration instead of the nearest one
    #[arg(long, env = "WELLHEAD_CONFIG", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Configuration")]
    pub(crate) config: Option<PathBuf>,
    /// Judge every package anew, whatever an earlier run found out about it
    #[arg(long, help_heading = "Configuration")]
    pub(crate) no_cache: bool,
    /// Use no configuration at all
    #[arg(long, conflicts_with = "config", help_heading = "Configuration")]
    pub(crate) isolated: bool,
    /// A VEX document (OpenVEX, or CycloneDX as JSON) that says which flaws do not concern this project (repeatable)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Configuration")]
    pub(crate) vex: Vec<PathBuf>,
}

/// What may be asked of whom.
#[derive(Debug, Args)]
pub(crate) struct NetworkFlags {
    /// Ask no network; a target behind one is an error then
    #[arg(long, env = "WELLHEAD_OFFLINE", help_heading = "Network")]
    pub(crate) offline: bool,
    /// The hub that `hf://` means, or the store that `s3://` means
    /// [default: $HF_ENDPOINT, $AWS_ENDPOINT_URL, else the public ones]
    #[arg(long, value_name = "URL", help_heading = "Network")]
    pub(crate) endpoint: Option<String>,
}

/// What one artifact may cost.
#[derive(Debug, Args)]
pub(crate) struct LimitFlags {
    /// Read every byte: checksums of members, whole tensors
    #[arg(long, help_heading = "Limits")]
    pub(crate) full: bool,
    /// How deep containers may nest [default: 8]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(crate) max_depth: Option<u32>,
    /// How much one file may expand to, with K, M or G [default: 8G]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Limits")]
    pub(crate) max_size: Option<u64>,
    /// How long one file may take, in seconds [default: 120]
    #[arg(long, env = "WELLHEAD_TIMEOUT", value_name = "SECONDS", value_parser = parse_seconds, help_heading = "Limits")]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The package or model as it was: a wheel, source archive, conda package, egg, model file or folder
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) old: String,
    /// The package or model as it is now, or the copy
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) new: String,
    /// The format on standard output
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// Fail from this severity on: low, medium, high, critical or never [default: high]
    #[arg(long, value_name = "SEVERITY", value_parser = parse_fail_on)]
    pub(crate) fail_on: Option<FailOn>,
    /// Exit with 3 when anything was not analysed
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The rule's id
    pub(crate) rule: String,
    /// The format on standard output
    #[arg(long, default_value = "text")]
    pub(crate) format: ListFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A file or folder, `hf://org/name/file`, `https://host/model.pt`, `s3://bucket/key`; `-` reads standard input
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) target: String,
    /// The format on standard output
    #[arg(long, default_value = "text")]
    pub(crate) format: InspectFormat,
    #[command(flatten)]
    pub(crate) network: NetworkFlags,
    #[command(flatten)]
    pub(crate) limits: LimitFlags,
}

#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  every tensor came through, and nothing that was left out would have run
  1  something that was left out would have run, or could not be seen
  2  could not run: usage, a file without weights, internal error
  3  a tensor was left out")]
pub(crate) struct Disarm {
    /// A model: PyTorch, pickle, joblib, NumPy, safetensors, HDF5; `-` reads standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) target: String,
    /// Where the tensors go, as safetensors; `-` is standard output [default: FILE with the extension .safetensors, here]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// The format of the summary
    #[arg(long, default_value = "text")]
    pub(crate) format: InspectFormat,
    #[command(flatten)]
    pub(crate) network: NetworkFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InspectFormat {
    /// For people
    Text,
    /// JSON
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people
    Text,
    /// JSON
    Json,
    /// Markdown
    Markdown,
}

#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Only rules of this measure: integrity, updates, sources or infrastructure
    #[arg(long, value_parser = parse_named::<Measure>)]
    pub(crate) measure: Option<Measure>,
    /// The format on standard output
    #[arg(long, default_value = "text")]
    pub(crate) format: ListFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Render {
    /// A report that `wellhead audit --format json` wrote; `-` reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The format on standard output
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// Write it to a file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Write over a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Where to write; `-` is standard output
    #[arg(long, default_value = "wellhead.toml", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
}

/// From which severity on a run fails; `None` is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailOn(pub(crate) Option<Severity>);

fn parse_named<T: std::str::FromStr<Err = wellhead_core::UnknownName>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|e: wellhead_core::UnknownName| format!("expected one of {}", e.expected))
}

fn parse_fail_on(text: &str) -> Result<FailOn, String> {
    if text == "never" {
        return Ok(FailOn(None));
    }
    let severity = text
        .parse()
        .map_err(|_| "expected one of low, medium, high, critical, never".to_owned())?;
    Ok(FailOn(Some(severity)))
}

fn parse_export(text: &str) -> Result<(Format, PathBuf), String> {
    let hint = "expected FORMAT=FILE, for example `sarif=wellhead.sarif`";
    let (format, file) = text.split_once('=').ok_or(hint)?;
    let format = Format::from_str(format, true).map_err(|_| {
        let names: Vec<_> = Format::value_variants()
            .iter()
            .filter_map(|f| f.to_possible_value())
            .collect();
        let names: Vec<_> = names.iter().map(clap::builder::PossibleValue::get_name).collect();
        format!("unknown format `{format}`, expected one of {}", names.join(", "))
    })?;
    if file.is_empty() {
        return Err(hint.to_owned());
    }
    Ok((format, file.into()))
}

fn parse_size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let shift = match unit.trim().trim_end_matches(['b', 'B', 'i']) {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        _ => return Err("expected a number of bytes, with K, M or G".to_owned()),
    };
    let n: u64 = digits
        .parse()
        .map_err(|_| "expected a number of bytes, with K, M or G".to_owned())?;
    n.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds".to_owned())?;
    if seconds.is_finite() && seconds > 0.0 && seconds < 1e7 {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err("expected a number of seconds above zero".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_and_exports_are_read_as_people_write_them() {
        for (text, size) in [
            ("10", Some(10)),
            ("4K", Some(4096)),
            ("2GiB", Some(2 << 30)),
            ("x", None),
            ("99999999T", None),
        ] {
            assert_eq!(parse_size(text).ok(), size, "{text}");
        }
        assert_eq!(parse_export("sarif=a=b").unwrap(), (Format::Sarif, "a=b".into()));
        assert!(parse_export("sarif").is_err());
        assert!(
            parse_export("xml=a")
                .unwrap_err()
                .contains("text, concise, json, sarif, markdown, github, openvex, cyclonedx-vex")
        );
    }
}
