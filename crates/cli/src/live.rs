//! Running services as targets: what may be asked, how fast, and where it is written down.

use crate::{
    Exit,
    args::{Audit, Global},
    audit::tell_notes,
    environment::Environment,
    failure::Failure,
    output,
    progress::Asking,
};
use clap::{Args, ValueHint};
use std::{
    cell::{Cell, OnceCell},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use wellhead_core::code;
use wellhead_engine::{Listing, Live, LiveError};
use wellhead_sources::{
    Target,
    probe::{Prober, ProberOptions, RequestLog, Scope},
};

/// The name of the log below the data directory.
const LOG: &str = "requests.jsonl";

/// How running services are asked.
#[derive(Debug, Args)]
pub(crate) struct LiveFlags {
    /// Print every request that may be sent to `service:` and `net:` targets, and send nothing
    #[arg(long, help_heading = "Running services")]
    pub(crate) dry_run: bool,
    /// At most so many requests a second [default: 10]
    #[arg(long, env = "WELLHEAD_RATE", value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Running services")]
    pub(crate) rate: Option<u32>,
    /// Write a line here before each request [default: requests.jsonl in the data directory]
    #[arg(long, env = "WELLHEAD_LOG", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Running services")]
    pub(crate) log: Option<PathBuf>,
}

impl From<LiveError> for Failure {
    fn from(e: LiveError) -> Self {
        Self::new(&e).hint(e.hint)
    }
}

/// Asks services, if any is among the targets.
pub(crate) struct Asker<'a> {
    args: &'a Audit,
    global: &'a Global,
    environment: &'a Environment,
    cancelled: Arc<AtomicBool>,
    scope: Scope,
    prober: OnceCell<Prober>,
    asking: Asking,
    /// How many targets were asked, and whether anybody answered.
    asked: Cell<usize>,
    answered: Cell<bool>,
    interrupted: Cell<bool>,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(
        args: &'a Audit,
        global: &'a Global,
        environment: &'a Environment,
        cancelled: &Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            args,
            global,
            environment,
            cancelled: Arc::clone(cancelled),
            scope: Scope::local(),
            prober: OnceCell::new(),
            asking: Asking::new(environment.stderr_is_terminal && !global.no_progress && !global.quiet),
            asked: Cell::new(0),
            answered: Cell::new(false),
            interrupted: Cell::new(false),
        })
    }

    /// What a running service or network says; nothing where the target is something else.
    pub(crate) fn listing(&self, text: &str, target: &Target) -> Result<Option<Listing>, Failure> {
        if !matches!(target, Target::Service(_) | Target::Net(_)) {
            return Ok(None);
        }
        let live = Live {
            scope: &self.scope,
            prober: self.prober()?,
            watcher: &self.asking,
        };
        let heard = match target {
            Target::Service(place) => live.service(place)?,
            _ => return Err(Failure::new("networks are not asked yet").hint("name a service")),
        };
        self.asking.clear();
        tell_notes(&heard.notes, self.global);
        self.asked.set(self.asked.get().saturating_add(1));
        self.answered.set(self.answered.get() || heard.answered);
        // What was heard until then is judged: another Ctrl-C ends that too.
        if self.cancelled.swap(false, Ordering::Relaxed) {
            self.interrupted.set(true);
        }
        Ok(Some(Listing {
            target: text.to_owned(),
            prefix: None,
            entries: heard.entries,
        }))
    }

    fn prober(&self) -> Result<&Prober, Failure> {
        if let Some(prober) = self.prober.get() {
            return Ok(prober);
        }
        if self.args.network.offline {
            return Err(
                Failure::new("a running service cannot be asked: the network is not to be used")
                    .hint("leave out `--offline`"),
            );
        }
        let path = log_path(self.args, self.environment)?;
        let log = RequestLog::open(&path).map_err(|e| {
            let shown = code(&path.to_string_lossy());
            Failure::new(format!(
                "the log of requests cannot be written, so nothing is sent: {shown}: {e}"
            ))
            .hint("`--log FILE` names another place for it")
        })?;
        let mut options = ProberOptions::new(log, Arc::clone(&self.cancelled));
        options.rate = self.args.live.rate.unwrap_or(options.rate);
        let prober = Prober::new(options).map_err(Failure::new)?;
        Ok(self.prober.get_or_init(|| prober))
    }

    /// Says what was sent, for those who want to know.
    pub(crate) fn tell(&self) {
        if let Some(prober) = self.prober.get()
            && self.global.verbose
        {
            output::to_stderr(&format!(
                "note: sent {} requests, each of which is in {}\n",
                prober.sent(),
                code(&prober.log().path().to_string_lossy())
            ));
        }
    }

    /// How the run ends where that is not for the report to say.
    pub(crate) fn exit(&self) -> Option<Exit> {
        if self.interrupted.get() {
            output::to_stderr("error: interrupted, only what was heard until then is reported\n");
            return Some(Exit::Interrupted);
        }
        let nobody = self.asked.get() == self.args.targets.len() && !self.answered.get();
        if self.asked.get() > 0 && nobody {
            output::to_stderr("error: nobody answers there\n\nhint: check the address and the port\n");
            return Some(Exit::Incomplete);
        }
        None
    }
}

fn log_path(args: &Audit, environment: &Environment) -> Result<PathBuf, Failure> {
    let usual = || environment.data.as_ref().map(|folder| folder.join(LOG));
    args.live.log.clone().or_else(usual).ok_or_else(|| {
        Failure::new("there is no place for the log of requests, so nothing is sent")
            .hint("`--log FILE` names one")
    })
}

/// Prints what may be sent, and sends nothing: no name is resolved either.
pub(crate) fn dry_run(args: &Audit, _: &Environment) -> Result<Exit, Failure> {
    let mut out = String::new();
    for text in &args.targets {
        match Target::parse(text)? {
            Target::Service(place) => {
                let port = place.port.map_or(String::new(), |p| format!(":{p}"));
                let host = if place.host.contains(':') {
                    format!("[{}]", place.host)
                } else {
                    place.host.clone()
                };
                let scheme = place.scheme.map_or("http", wellhead_sources::probe::Scheme::name);
                out.push_str(&wellhead_engine::would_ask(&format!("{scheme}://{host}{port}")));
            }
            _ => {
                return Err(Failure::new(format!("{} is sent no requests", code(text)))
                    .hint("`--dry-run` is for `service:` and `net:` targets"));
            }
        }
    }
    output::to_stdout(out.as_bytes())?;
    Ok(Exit::Passed)
}
