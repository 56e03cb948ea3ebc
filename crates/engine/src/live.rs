//! Running services: the plan says what to ask, the prober asks, and what is said becomes a document.
//!
//! The one decision: a conversation is judged as if somebody had recorded it. Each port ends as a service document in the
//! listing, which goes through the same rules as one from a file, or as an entry that says why nothing is known of it. So
//! a port that is open and not understood is "not analysed", and a live verdict can be looked at again without asking.

mod document;
mod talk;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError, atomic::AtomicBool},
};
use talk::Talk;
use wellhead_core::{Blob, code};
use wellhead_infra::{CANARY, PRODUCTS, Plan};
use wellhead_sources::{
    Content, Entry,
    probe::{
        Admitted, Cidr, MOST_ADDRESSES, ProbeError, Prober, Refusal, Scan, Scanned, Scheme, Scope,
        ServicePlace, Site,
    },
};

/// So many hosts are asked at the same time.
const HOSTS: usize = 8;
/// So many addresses of one name are asked.
const ADDRESSES: usize = 16;

/// Somebody who wants to know how far the asking is.
pub trait LiveWatcher: Sync {
    /// So much of so much was tried.
    fn tried(&self, done: u64, all: u64);
    /// A service is being asked.
    fn asking(&self, service: &str);
}

/// A watcher that does not look.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotWatched;

impl LiveWatcher for NotWatched {
    fn tried(&self, _: u64, _: u64) {}
    fn asking(&self, _: &str) {}
}

/// Why nothing was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LiveError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl LiveError {
    fn new(message: impl Into<String>, hint: &str) -> Self {
        Self {
            message: message.into(),
            hint: hint.to_owned(),
        }
    }

    /// An address may not be asked.
    pub fn refused(refusal: &Refusal) -> Self {
        let hint = match refusal {
            Refusal::Never { .. } => "name the address of the service itself, such as 127.0.0.1",
            Refusal::Public { .. } | Refusal::Port { .. } => {
                "loopback and private addresses are asked without one; `--scope FILE` names what you own"
            }
        };
        Self::new(refusal.to_string(), hint)
    }
}

/// What was heard of a target.
#[derive(Debug, Default)]
pub struct Heard {
    /// A service document for each port that spoke, and an entry without content for each that did not.
    pub entries: Vec<Entry>,
    /// What is worth knowing beside, for people.
    pub notes: Vec<String>,
    /// Whether anybody was there at all.
    pub answered: bool,
}

/// Asks running services.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    /// What may be asked.
    pub scope: &'a Scope,
    /// Who asks.
    pub prober: &'a Prober,
    /// The ports to try where none is named; those of the catalogue where there are none.
    pub ports: &'a [u16],
    /// At most so many connections a second, to find out which ports are open.
    pub connections: u32,
    /// Ends the asking early.
    pub cancelled: &'a AtomicBool,
    /// Who watches.
    pub watcher: &'a dyn LiveWatcher,
}

impl std::fmt::Debug for Live<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// A port to be asked.
#[derive(Clone, Debug)]
struct Port {
    address: Admitted,
    host: String,
    scheme: Option<Scheme>,
    /// Whether the name has other addresses too, so that it does not say which one is meant.
    is_one_of_many: bool,
}

impl Live<'_> {
    /// Asks one service at the port that was named, or every service of the host where none was.
    ///
    /// # Errors
    /// Where it may not be asked, or cannot be found.
    pub fn service(&self, place: &ServicePlace) -> Result<Heard, LiveError> {
        let mut heard = Heard::default();
        let all = self.addresses_of(place, &mut heard.notes)?;
        let Some(port) = place.port else {
            let all: Vec<Cidr> = all.into_iter().map(Cidr::one).collect();
            return self.scan(&all, &place.host, Some(&place.host), heard);
        };
        let ports = all.iter().map(|address| {
            Ok(Port {
                address: self.admit(SocketAddr::new(*address, port))?,
                host: place.host.clone(),
                scheme: place.scheme,
                is_one_of_many: all.len() > 1,
            })
        });
        let mut talks = self.ask(ports.collect::<Result<_, LiveError>>()?)?;
        heard.answered = talks.iter().any(|talk| talk.is_there);
        if heard.answered {
            // A name of which one address is dead is served by the others.
            for dead in talks.iter().filter(|talk| talk.is_nobody()) {
                let address = dead.site.address.address().ip();
                let why = silence(dead, port);
                heard.notes.push(format!(
                    "{} is also {address}, where nobody answers: {why}",
                    code(&place.host)
                ));
            }
            talks.retain(|talk| !talk.is_nobody());
        }
        heard.entries = talks.iter().map(entry).collect();
        Ok(heard)
    }

    /// Asks every service of networks: whatever accepts a connection at one of the ports.
    ///
    /// # Errors
    /// Where one of the networks may not be asked, or all are too large.
    pub fn networks(&self, networks: &[Cidr]) -> Result<Heard, LiveError> {
        let size = networks.iter().map(Cidr::size).fold(0, u128::saturating_add);
        if size > MOST_ADDRESSES {
            return Err(LiveError::new(
                format!(
                    "that is {size} addresses, and at most {MOST_ADDRESSES} (a /16) are asked in one run"
                ),
                "name a smaller network",
            ));
        }
        let names: Vec<String> = networks.iter().map(Cidr::to_string).collect();
        self.scan(networks, &names.join(", "), None, Heard::default())
    }

    fn scan(
        &self,
        networks: &[Cidr],
        name: &str,
        host: Option<&str>,
        mut heard: Heard,
    ) -> Result<Heard, LiveError> {
        let usual = catalogue_ports();
        let scan = Scan {
            scope: self.scope,
            networks,
            ports: if self.ports.is_empty() { &usual } else { self.ports },
            rate: self.connections,
            cancelled: self.cancelled,
            watch: &|done, all| self.watcher.tried(done, all),
        };
        self.prober
            .note_scan(&scan)
            .map_err(|e| LiveError::new(e.to_string(), "`--log FILE` names another place for it"))?;
        let scanned = scan.run().map_err(|r| LiveError::refused(&r))?;
        heard.answered = scanned.answered();
        heard.notes.push(summary(name, &scanned));
        let ports = scanned.open.iter().map(|address| Port {
            address: *address,
            host: host.map_or_else(|| address.address().ip().to_string(), str::to_owned),
            scheme: None,
            is_one_of_many: host.is_some() && networks.len() > 1,
        });
        let talks = self.ask(ports.collect())?;
        heard.entries = talks.iter().map(entry).collect();
        if scanned.untried > 0 {
            let why = scanned
                .trouble
                .unwrap_or_else(|| "the scan ended early".to_owned());
            heard.entries.push(Entry {
                path: format!("net:{name}"),
                content: Content::Unreadable {
                    why: format!(
                        "{why}: {} of {} ports were not tried",
                        scanned.untried,
                        scan.size()
                    ),
                },
            });
        }
        Ok(heard)
    }

    /// The addresses that a name stands for, all of which have to be in scope. Each is asked: whoever finds the one that was
    /// left open is in.
    fn addresses_of(&self, place: &ServicePlace, notes: &mut Vec<String>) -> Result<Vec<IpAddr>, LiveError> {
        if place.has_path {
            notes.push(
                "the path that was typed is left out: only paths of the catalogue are asked".to_owned(),
            );
        }
        let mut all = place
            .resolve()
            .map_err(|why| LiveError::new(why, "check the name, or type the address"))?;
        for address in &all {
            match self
                .scope
                .admit(SocketAddr::new(*address, place.port.unwrap_or(0)))
            {
                // Which ports may be asked is seen for each of them where none was named.
                Err(Refusal::Port { .. }) if place.port.is_none() => {}
                Err(refusal) => return Err(LiveError::refused(&refusal)),
                Ok(_) => {}
            }
        }
        if all.is_empty() {
            return Err(LiveError::new("the name has no address", "type the address"));
        }
        if all.len() > ADDRESSES {
            notes.push(format!(
                "{} has {} addresses, of which the first {ADDRESSES} are asked",
                code(&place.host),
                all.len()
            ));
            all.truncate(ADDRESSES);
        }
        Ok(all)
    }

    fn admit(&self, address: SocketAddr) -> Result<Admitted, LiveError> {
        self.scope.admit(address).map_err(|r| LiveError::refused(&r))
    }

    /// Talks to every port; ports of one host one after the other, several hosts at the same time.
    fn ask(&self, ports: Vec<Port>) -> Result<Vec<Talk>, LiveError> {
        let mut hosts: BTreeMap<IpAddr, Vec<Port>> = BTreeMap::new();
        for port in ports {
            hosts.entry(port.address.address().ip()).or_default().push(port);
        }
        let waiting: Mutex<Vec<Vec<Port>>> = Mutex::new(hosts.into_values().rev().collect());
        let done: Mutex<Vec<Talk>> = Mutex::default();
        let failed: Mutex<Option<LiveError>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..HOSTS {
                scope.spawn(|| {
                    loop {
                        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
                        let Some(host) = next else { return };
                        match self.host(host) {
                            Ok(talks) => {
                                done.lock().unwrap_or_else(PoisonError::into_inner).extend(talks);
                            }
                            Err(e) => {
                                waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
                                failed
                                    .lock()
                                    .unwrap_or_else(PoisonError::into_inner)
                                    .get_or_insert(e);
                            }
                        }
                    }
                });
            }
        });
        if let Some(e) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(e);
        }
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|talk| talk.site.address);
        Ok(done)
    }

    /// Talks to the ports of one host. Each gets its share of what a host may be sent before any gets more.
    fn host(&self, ports: Vec<Port>) -> Result<Vec<Talk>, LiveError> {
        const LEAST: usize = 6;
        let address = ports.first().map(|p| p.address.address().ip());
        let left = address.map_or(0, |a| self.prober.left_for(a));
        let share = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .checked_div(ports.len())
            .unwrap_or(LEAST)
            .max(LEAST);
        let mut talks: Vec<Talk> = ports.into_iter().map(Talk::new).collect();
        for most in [share, usize::MAX] {
            for talk in &mut talks {
                self.watcher.asking(&talk.url());
                talk.go_on(self.prober, most)
                    .map_err(|e| LiveError::new(e.to_string(), "`--log FILE` names another place for it"))?;
            }
        }
        Ok(talks)
    }
}

/// What a conversation came to, as something to audit.
fn entry(talk: &Talk) -> Entry {
    let url = talk.url();
    // What was not understood in either way of speaking has neither.
    let is_mute = talk.is_guessed && talk.exchanges.is_empty();
    let bare = url
        .split_once("://")
        .filter(|_| is_mute)
        .map(|(_, rest)| rest.to_owned());
    let path = bare.unwrap_or(url);
    let content = if talk.exchanges.is_empty() {
        Content::Unreadable {
            why: silence(talk, talk.site.address.address().port()),
        }
    } else {
        Content::Blob(Blob::from_bytes(document::write(talk).into_bytes()))
    };
    Entry { path, content }
}

/// Why nothing was heard of a port, with what usually listens there.
fn silence(talk: &Talk, port: u16) -> String {
    let why = talk
        .trouble
        .first()
        .map_or_else(|| "it was not asked".to_owned(), |(_, why)| why.clone());
    let usual: BTreeSet<&str> = PRODUCTS
        .iter()
        .filter(|p| p.ports.iter().any(|q| q.port == port && q.protocol != "http"))
        .map(|p| p.name)
        .collect();
    if usual.is_empty() || !talk.is_other_protocol {
        return why;
    }
    let usual: Vec<_> = usual.into_iter().take(3).collect();
    format!(
        "{why}; {} listens on this port without HTTP unless told otherwise",
        usual.join(" or ")
    )
}

/// What ends everything: nothing is sent that is not written down.
fn is_fatal(e: &ProbeError) -> bool {
    matches!(e, ProbeError::Log(_))
}

/// How a port is spoken to at first.
fn site(port: Port) -> Site {
    Site {
        address: port.address,
        host: port.host,
        scheme: port.scheme.unwrap_or(Scheme::Http),
    }
}

/// Every port at which a platform of the catalogue listens unless told otherwise.
pub(crate) fn catalogue_ports() -> Vec<u16> {
    let ports = PRODUCTS.iter().flat_map(|p| p.ports).map(|p| p.port);
    ports.collect::<BTreeSet<u16>>().into_iter().collect()
}

/// What a scan found, in a line.
fn summary(name: &str, scanned: &Scanned) -> String {
    let counts = [
        (scanned.open.len() as u64, "open"),
        (scanned.closed, "closed"),
        (scanned.silent, "without an answer"),
        (scanned.skipped, "left out because nobody may ask there"),
        (scanned.untried, "not tried"),
    ];
    let said = counts.iter().enumerate().filter(|(i, (n, _))| *i == 0 || *n > 0);
    let said: Vec<_> = said.map(|(_, (n, what))| format!("{n} {what}")).collect();
    format!("ports of {name}: {}", said.join(", "))
}

/// Every request that a service may be sent, a line each, for people.
pub fn would_ask(service: &str) -> String {
    let mut out = format!(
        "{service}: at most {} of these, at most 3 for one product\n",
        Plan::MOST
    );
    out.push_str(&requests(service));
    out
}

/// Every connection and request that a network may see, for people.
pub fn would_scan(networks: &[Cidr], ports: &[u16]) -> String {
    let mut out = String::new();
    let usual = catalogue_ports();
    let ports = if ports.is_empty() { &usual } else { ports };
    let listed: Vec<_> = ports.iter().map(u16::to_string).collect();
    for network in networks {
        let _ = writeln!(
            out,
            "connect to every one of the {} addresses of {network} at ports {}",
            network.size(),
            listed.join(",")
        );
    }
    let _ = writeln!(
        out,
        "each that is open: at most {} of these over http or https, at most 64 for one host",
        Plan::MOST
    );
    out.push_str(&requests(""));
    out
}

fn requests(service: &str) -> String {
    let mut out = format!(
        "GET {service}{CANARY}… (a path that nobody has)\n\
         GET {service}/\n\
         GET {service}… (where `/` leads to on the same host)\n"
    );
    for request in Plan::everything(true).iter().filter(|r| r.path != "/") {
        let host = request
            .host
            .map_or(String::new(), |host| format!(" (Host: {host})"));
        let _ = writeln!(out, "GET {service}{}{host}", request.path);
    }
    out
}
