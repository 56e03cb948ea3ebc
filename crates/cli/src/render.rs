//! A report in the format that was asked for.

use crate::{
    Exit,
    args::{Format, Global, Render},
    environment::Environment,
    failure::Failure,
    output,
};
use wellhead_core::Report;
use wellhead_report::terminal::{self, TerminalOptions, Verbosity};

/// Largest saved report that is read again.
const MAX_REPORT: u64 = 1 << 30;

/// Renders a report.
pub(crate) fn render(
    report: &Report,
    format: Format,
    global: &Global,
    environment: &Environment,
    to_file: bool,
) -> String {
    let rules = wellhead_rules::rules();
    match format {
        Format::Text => {
            let verbosity = match (global.quiet, global.verbose) {
                (true, _) => Verbosity::Quiet,
                (_, true) => Verbosity::Verbose,
                _ => Verbosity::Normal,
            };
            let options = TerminalOptions {
                colour: !to_file && environment.colour(global.color),
                unicode: to_file || environment.unicode,
                width: if to_file { 80 } else { environment.width() },
                verbosity,
                ..TerminalOptions::default()
            };
            terminal::render(report, &rules, &options)
        }
        Format::Concise => terminal::concise(report),
        Format::Json => wellhead_report::json::render(report),
        Format::Sarif => wellhead_report::sarif::render(report, &rules),
        Format::Markdown => wellhead_report::markdown::render(report, &rules),
        Format::Github => wellhead_report::github::render(report),
        Format::OpenVex => wellhead_report::vex::openvex(report),
        Format::CycloneDxVex => wellhead_report::vex::cyclonedx(report),
    }
}

/// `wellhead report FILE`.
pub(crate) fn again(args: &Render, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let bytes = wellhead_sources::read_bounded(&args.file, MAX_REPORT)?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::new("the report is not UTF-8").hint(HINT))?;
    let report = wellhead_report::json::read(&text).map_err(|e| Failure::new(e).hint(HINT))?;
    let text = render(&report, args.format, global, environment, args.output.is_some());
    output::deliver(&text, args.output.as_deref())?;
    Ok(if report.verdict.allowed {
        Exit::Passed
    } else {
        Exit::Failed
    })
}

const HINT: &str = "give a file that `wellhead audit --format json` wrote";
