//! `wellhead diff OLD NEW`.

use crate::{
    Exit,
    args::{Diff, FailOn, Global},
    environment::Environment,
    failure::Failure,
    output,
    render::render,
};
use wellhead_engine::{Listing, Options};
use wellhead_sources::{Target, WalkOptions};

pub(crate) fn run(args: &Diff, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let listing = |text: &String| -> Result<Listing, Failure> {
        let entries = wellhead_sources::list(&Target::parse(text)?, WalkOptions { no_ignore: true })?;
        Ok(Listing {
            target: text.clone(),
            prefix: None,
            entries,
        })
    };
    let options = Options {
        fail_on: args.fail_on.map(|FailOn(s)| s),
        today: environment.today.clone(),
        ..Options::default()
    };
    let report = wellhead_engine::diff(&listing(&args.old)?, &listing(&args.new)?, &options);
    output::to_stdout(render(&report, args.format, global, environment, false).as_bytes())?;
    let unseen = report.unseen().next().is_some();
    Ok(if report.stats.files == 0 {
        Exit::Incomplete
    } else if !report.verdict.allowed {
        Exit::Failed
    } else if args.strict && unseen {
        Exit::Incomplete
    } else {
        Exit::Passed
    })
}
