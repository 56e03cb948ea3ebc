//! Arguments, progress, exit code: the face of wellhead on a terminal.
//!
//! Nothing is judged here. A verb turns what was typed into a question for the engine and the answer into bytes on
//! standard output; the exit code is the same whatever the format.

mod args;
mod audit;
mod db;
mod diff;
mod disarm;
mod environment;
mod explain;
mod failure;
mod fix;
mod gateway;
mod init;
mod inspect;
mod live;
mod lock;
mod lockdown;
mod output;
mod progress;
mod records;
mod release;
mod render;
mod serve;
mod unified;
mod verify;
mod vex;

use args::{Cli, Verb};
use clap::{CommandFactory as _, FromArgMatches as _};
use environment::Environment;
use failure::Failure;
use std::{ffi::OsString, process::ExitCode};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Nothing at or above `--fail-on`.
    Passed,
    /// Something is.
    Failed,
    /// No input, or with `--strict` not everything was analysed.
    Incomplete,
    /// Somebody pressed Ctrl-C; 130 is what shells expect of a program that SIGINT ended.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Passed => 0,
            Exit::Failed => 1,
            Exit::Incomplete => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// The command line as clap knows it, for the generated reference.
pub fn command() -> clap::Command {
    let ids: Vec<&'static str> = wellhead_rules::rules().iter().map(|r| r.id).collect();
    Cli::command().mut_subcommand("explain", |explain| {
        explain.mut_arg("rule", |rule| {
            let possible = clap::builder::PossibleValuesParser::new(ids);
            rule.value_parser(possible).hide_possible_values(true)
        })
    })
}

/// Runs the program with these arguments, the first of which is its name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let environment = Environment::of_process();
    let cli = match command()
        .try_get_matches_from(args)
        .and_then(|m| Cli::from_arg_matches(&m))
    {
        Ok(cli) => cli,
        Err(e) => {
            // A closed pipe is all that can go wrong here, and there is nobody left to tell.
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(cli, &environment) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::to_stderr(&failure.to_string());
            ExitCode::from(2)
        }
    }
}

fn dispatch(cli: Cli, environment: &Environment) -> Result<Exit, Failure> {
    let Cli { verb, global } = cli;
    match verb {
        Verb::Audit(args) => audit::run(&args, &global, environment),
        Verb::Diff(args) => diff::run(&args, &global, environment),
        Verb::Explain(args) => explain::run(&args, &global, environment),
        Verb::Disarm(args) => disarm::run(&args, &global, environment),
        Verb::Inspect(args) => inspect::run(&args, &global, environment),
        Verb::Rules(args) => explain::list(&args, &global, environment),
        Verb::Report(args) => render::again(&args, &global, environment),
        Verb::ServeOsv(args) => serve::run(&args, &global, environment),
        Verb::Gateway(args) => gateway::run(&args, &global, environment),
        Verb::Lock(args) => lock::run(&args, &global, environment),
        Verb::Verify(args) => verify::run(&args, &global, environment),
        Verb::Lockdown(args) => lockdown::run(&args, &global, environment),
        Verb::Db(args) => db::run(&args.verb, &global, environment),
        Verb::Init(args) => init::run(&args),
        Verb::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut command(), "wellhead", &mut out);
            output::to_stdout(&out)
        }
    }
}
