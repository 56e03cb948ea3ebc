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
use wellhead_core::{Report, code};
use wellhead_engine::{Listing, Live, LiveError};
use wellhead_sources::{
    Content, Entry, Target,
    probe::{Cidr, MOST_ADDRESSES, Prober, ProberOptions, RequestLog, Scope, SignedScope},
};
use wellhead_trust::{SshKey, verify_ssh_signature};

/// So many requests a second, unless told otherwise, and so many connections for each of them.
const RATE: u32 = 10;
const CONNECTIONS: u32 = 20;
/// What scope files are signed for.
const NAMESPACE: &str = "wellhead-scope";
/// Largest scope file and key file that is read.
const MAX_SCOPE: u64 = 1 << 20;
/// The name of the log below the data directory.
const LOG: &str = "requests.jsonl";

/// How running services are asked.
#[derive(Debug, Args)]
pub(crate) struct LiveFlags {
    /// Print every request that may be sent to `service:` and `net:` targets, and send nothing
    #[arg(long, help_heading = "Running services")]
    pub(crate) dry_run: bool,
    /// The ports to try where a target names none, such as `80,8000-8999` [default: those of the catalogue]
    #[arg(long, value_name = "PORTS", value_parser = parse_ports, help_heading = "Running services")]
    pub(crate) ports: Option<Ports>,
    /// A signed statement of which public addresses are yours; its signature lies beside it as FILE.sig
    #[arg(long, env = "WELLHEAD_SCOPE", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Running services")]
    pub(crate) scope: Option<PathBuf>,
    /// The key that the statement is signed with: a line `ssh-ed25519 …`, or a file of such lines
    #[arg(long, env = "WELLHEAD_SCOPE_KEY", value_name = "KEY|FILE", value_hint = ValueHint::FilePath, help_heading = "Running services")]
    pub(crate) scope_key: Option<String>,
    /// At most so many requests a second, and twenty times as many connections [default: 10]
    #[arg(long, env = "WELLHEAD_RATE", value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Running services")]
    pub(crate) rate: Option<u32>,
    /// Write a line here before each request [default: requests.jsonl in the data directory]
    #[arg(long, env = "WELLHEAD_LOG", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Running services")]
    pub(crate) log: Option<PathBuf>,
}

/// Ports as they were typed, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ports(Vec<u16>);

fn parse_ports(text: &str) -> Result<Ports, String> {
    let mut out = std::collections::BTreeSet::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u16>().ok().filter(|p| *p > 0);
        match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => out.extend(from..=to),
            _ => return Err("expected ports such as `80,8000-8999`".to_owned()),
        }
    }
    Ok(Ports(out.into_iter().collect()))
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
    /// How many addresses were asked so far.
    addresses: Cell<u128>,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(
        args: &'a Audit,
        global: &'a Global,
        environment: &'a Environment,
        cancelled: &Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let scope = scope(&args.live, &environment.today)?;
        if let Some(statement) = scope.statement() {
            let (owner, until) = (code(&statement.owner), &statement.valid_until);
            tell_notes(
                &[format!(
                    "public addresses are asked in the name of {owner}, until {until}"
                )],
                global,
            );
        }
        Ok(Self {
            args,
            global,
            environment,
            cancelled: Arc::clone(cancelled),
            scope,
            prober: OnceCell::new(),
            asking: Asking::new(environment.stderr_is_terminal && !global.no_progress && !global.quiet),
            asked: Cell::new(0),
            answered: Cell::new(false),
            interrupted: Cell::new(false),
            addresses: Cell::new(0),
        })
    }

    /// What a running service or network says; nothing where the target is something else.
    pub(crate) fn listing(&self, text: &str, target: &Target) -> Result<Option<Listing>, Failure> {
        if !matches!(target, Target::Service(_) | Target::Net(_)) {
            return Ok(None);
        }
        if self.interrupted.get() {
            return Ok(Some(not_asked(text)));
        }
        let rate = self.args.live.rate.unwrap_or(RATE);
        let live = Live {
            scope: &self.scope,
            prober: self.prober()?,
            ports: ports(&self.args.live),
            connections: rate.saturating_mul(CONNECTIONS),
            cancelled: &self.cancelled,
            watcher: &self.asking,
        };
        let heard = match target {
            Target::Service(place) => live.service(place)?,
            Target::Net(network) => {
                let networks = networks(*network, &self.scope)?;
                let size = networks
                    .iter()
                    .map(Cidr::size)
                    .fold(self.addresses.get(), u128::saturating_add);
                if size > MOST_ADDRESSES {
                    return Err(too_many(size));
                }
                self.addresses.set(size);
                live.networks(&networks)?
            }
            _ => return Ok(None),
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
        let log = open_log(self.args.live.log.as_ref(), self.environment)?;
        let mut options = ProberOptions::new(log, Arc::clone(&self.cancelled));
        options.rate = self.args.live.rate.unwrap_or(RATE);
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
    pub(crate) fn exit(&self, report: &Report) -> Option<Exit> {
        if self.interrupted.get() {
            output::to_stderr("error: interrupted, only what was heard until then is reported\n");
            return Some(Exit::Interrupted);
        }
        let nobody = self.asked.get() == self.args.targets.len() && !self.answered.get();
        if self.asked.get() > 0 && nobody {
            output::to_stderr("error: nobody answers there\n\nhint: check the address and the port\n");
            return Some(Exit::Incomplete);
        }
        // Hosts that answer, and serve nothing at any of the ports, are what one hopes for.
        (self.asked.get() > 0 && report.stats.files == 0).then_some(Exit::Passed)
    }
}

/// A target whose turn never came.
fn not_asked(text: &str) -> Listing {
    Listing {
        target: text.to_owned(),
        prefix: None,
        entries: vec![Entry {
            path: text.to_owned(),
            content: Content::Unreadable {
                why: "interrupted before it was asked".to_owned(),
            },
        }],
    }
}

/// Where every request is written down before it is sent.
pub(crate) fn open_log(named: Option<&PathBuf>, environment: &Environment) -> Result<RequestLog, Failure> {
    let usual = || environment.data.as_ref().map(|folder| folder.join(LOG));
    let path = named.cloned().or_else(usual).ok_or_else(|| {
        Failure::new("there is no place for the log of requests, so nothing is sent")
            .hint("`--log FILE` names one")
    })?;
    RequestLog::open(&path).map_err(|e| {
        let shown = code(&path.to_string_lossy());
        Failure::new(format!(
            "the log of requests cannot be written, so nothing is sent: {shown}: {e}"
        ))
        .hint("`--log FILE` names another place for it")
    })
}

fn ports(flags: &LiveFlags) -> &[u16] {
    flags.ports.as_ref().map_or(&[], |Ports(ports)| ports)
}

/// The networks that a target means.
fn networks(named: Option<Cidr>, scope: &Scope) -> Result<Vec<Cidr>, Failure> {
    match (named, scope.statement()) {
        (Some(network), _) => Ok(vec![network]),
        (None, Some(statement)) => Ok(statement.networks.clone()),
        (None, None) => Err(Failure::new("`net:` names no network").hint(
            "write it like `net:10.0.0.0/24`; alone it stands for the networks of a scope file (`--scope FILE`)",
        )),
    }
}

fn too_many(size: u128) -> Failure {
    let said = format!("that is {size} addresses, and at most {MOST_ADDRESSES} (a /16) are asked in one run");
    Failure::new(said).hint("name a smaller network")
}

/// What may be asked: private addresses, and what a scope file names whose signature was verified.
fn scope(flags: &LiveFlags, today: &str) -> Result<Scope, Failure> {
    let Some(path) = &flags.scope else {
        return Ok(Scope::local());
    };
    let shown = code(&path.to_string_lossy());
    let wrong =
        |why: &dyn std::fmt::Display| Failure::new(format!("the scope file {shown} is not accepted: {why}"));
    let how = "sign it with `ssh-keygen -Y sign -n wellhead-scope -f KEY FILE`, and name the public key with `--scope-key`";
    let read = |path: &std::path::Path| wellhead_sources::read_bounded(path, MAX_SCOPE);
    let keys = match &flags.scope_key {
        None => return Err(wrong(&"no key was named that it should be signed with").hint(how)),
        Some(key) => keys(key)?,
    };
    let message = read(path)?;
    let mut beside = path.clone().into_os_string();
    beside.push(".sig");
    let signature = read(std::path::Path::new(&beside))
        .map_err(|e| wrong(&format!("its signature is not beside it: {e}")).hint(how))?;
    let signature = String::from_utf8_lossy(&signature);
    verify_ssh_signature(&signature, &message, NAMESPACE, &keys)
        .map_err(|e| wrong(&format!("its signature proves nothing: {e}")).hint(how))?;
    let text = String::from_utf8(message).map_err(|_| wrong(&"it is not UTF-8"))?;
    let statement = SignedScope::parse(&text, today).map_err(|why| {
        wrong(&why).hint("it needs `owner`, `networks`, `valid-until` and, if you like, `ports`")
    })?;
    Ok(Scope::signed(statement))
}

/// The keys of a line, or of a file of lines.
fn keys(named: &str) -> Result<Vec<SshKey>, Failure> {
    if let Some(key) = SshKey::parse(named) {
        return Ok(vec![key]);
    }
    let bytes = wellhead_sources::read_bounded(std::path::Path::new(named), MAX_SCOPE)?;
    let text = String::from_utf8_lossy(&bytes);
    let keys: Vec<SshKey> = text.lines().filter_map(SshKey::parse).collect();
    if keys.is_empty() {
        let shown = code(named);
        return Err(Failure::new(format!("{shown} holds no key of Ed25519"))
            .hint("a `.pub` file that `ssh-keygen -t ed25519` made has one"));
    }
    Ok(keys)
}

fn allowed(scope: &Scope, address: std::net::IpAddr) -> Result<(), Failure> {
    scope
        .may_ask(address)
        .map_err(|refusal| LiveError::refused(&refusal).into())
}

/// Prints what may be sent, and sends nothing: no name is resolved either.
pub(crate) fn dry_run(args: &Audit, environment: &Environment) -> Result<Exit, Failure> {
    let scope = scope(&args.live, &environment.today)?;
    let ports = ports(&args.live);
    let mut out = String::new();
    for text in &args.targets {
        match Target::parse(text)? {
            Target::Service(place) if place.port.is_none() => {
                let host = &place.host;
                match host.parse() {
                    Ok(address) => {
                        allowed(&scope, address)?;
                        out.push_str(&wellhead_engine::would_scan(&[Cidr::one(address)], ports));
                    }
                    Err(_) => {
                        out.push_str(&format!("find the addresses of {host}, and ask each\n"));
                        out.push_str(&wellhead_engine::would_scan(&[], ports));
                    }
                }
            }
            Target::Net(network) => {
                let networks = networks(network, &scope)?;
                let size = networks.iter().map(Cidr::size).fold(0, u128::saturating_add);
                if size > MOST_ADDRESSES {
                    return Err(too_many(size));
                }
                for network in networks.iter().filter(|n| n.size() == 1) {
                    allowed(&scope, network.nth(0))?;
                }
                out.push_str(&wellhead_engine::would_scan(&networks, ports));
            }
            Target::Service(place) => {
                let port = place.port.map_or(String::new(), |p| format!(":{p}"));
                let host = if place.host.contains(':') {
                    format!("[{}]", place.host)
                } else {
                    place.host.clone()
                };
                if let Ok(address) = place.host.parse() {
                    allowed(&scope, address)?;
                }
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
