//! `wellhead serve-osv`: the advisories of this machine for programs that know OSV's interface.

use crate::{Exit, args::Global, audit, db, environment::Environment, failure::Failure, output, records};
use clap::{Args, ValueHint};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use wellhead_server::{ListenError, ServerLimits, Stop, osv::Osv};

#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  stopped with Ctrl-C
  2  could not run: no advisories imported, the address is taken")]
pub(crate) struct ServeOsv {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8765", value_parser = parse_address)]
    pub(crate) listen: SocketAddr,
    /// Listen where other machines can reach it, too; the server asks nobody who they are
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Answer from this database [default: the one that `wellhead db` keeps]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) db: Option<PathBuf>,
}

pub(crate) fn run(args: &ServeOsv, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let path = match &args.db {
        Some(path) => path.clone(),
        None => db::file(environment)?,
    };
    let Some(database) = db::open_at(&path)? else {
        let shown = wellhead_core::escape(&path.to_string_lossy());
        return Err(
            Failure::new(format!("there are no advisories to serve: `{shown}`")).hint(db::RENEW_HINT),
        );
    };
    let kept = records::open(&path, &database)?;
    let osv = Osv::new(database, kept);
    let listener = wellhead_server::bind(args.listen, args.allow_remote).map_err(|e| match e {
        ListenError::Exposed(_) => {
            Failure::new(e).hint("listen on `127.0.0.1`, or say `--allow-remote` if that is what you mean")
        }
        ListenError::Io(..) => Failure::new(e).hint("name another port, or 0 for any that is free"),
    })?;
    let address = listener.local_addr().map_err(Failure::new)?;
    if !global.quiet {
        let info = osv.info();
        output::to_stderr(&format!(
            "Serving {} advisories of {} on http://{address}\n\n  \
             pip-audit -s osv --osv-url http://{address}/v1/query\n  \
             uv audit --no-cache --service-url http://{address}\n\nCtrl-C ends it\n",
            info.records, info.date,
        ));
    }
    let stop = Stop::default();
    let ender = stop.clone();
    audit::at_interrupt(move || ender.now());
    let limits = ServerLimits {
        any_host: args.allow_remote,
        ..ServerLimits::default()
    };
    wellhead_server::serve(listener, Arc::new(osv), limits, &stop)
        .map_err(|e| Failure::new(format!("the server failed: {e}")))?;
    Ok(Exit::Passed)
}

pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    text.parse()
        .map_err(|_| "expected an address and a port, for example `127.0.0.1:8765`".to_owned())
}
