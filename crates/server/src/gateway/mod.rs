//! A gateway in front of a platform that asks nobody who they are, for a team without an identity provider.
//!
//! What lies behind has one address and speaks to nobody else; the gateway asks for a name and a password or a token, lets
//! through what the catalogue says the platform needs, and writes down who got what. The one decision: nothing is open by
//! omission. What it cannot read, decide, look up or write down is refused.

mod access;
mod body;
mod chain;
mod files;
mod forward;
mod guesses;
mod headers;
mod heads;
mod inside;
mod limits;
mod log;
mod oidc;
mod origin;
mod page;
mod password;
mod policy;
#[cfg(test)]
mod profiles;
mod refusal;
mod send;
mod serve;
mod sessions;
mod sign_in;
mod standing;
mod store;
mod target;
mod time;
mod tls;
mod tunnel;
mod upstream;

pub use chain::{Answered, LogError, Verified, answered, verify};
pub use files::FileError;
pub use oidc::{ClientSecret, Provider, ProviderError};
pub use store::{First, Store, StoreError, TokenLine, UserLine};
pub use tls::TlsError;
pub use upstream::UpstreamError;

use crate::{ListenError, Stop};
use access::Access;
use forward::Gate;
use hyper::header::HeaderValue;
use limits::Limiter;
use log::{Log, Record};
use oidc::Oidc;
use origin::Names;
use policy::Policy;
use serve::{Doors, Termination};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use tls::Tls;
use tokio::{runtime::Runtime, sync::watch};
use upstream::Upstream;
use wellhead_infra::PRODUCTS;

/// What a gateway is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The id of the platform in the catalogue.
    pub product: String,
    /// Where it is: `http://127.0.0.1:5000`.
    pub upstream: String,
    /// Where it speaks gRPC, if it does.
    pub upstream_grpc: Option<String>,
    /// What it is called instead of its address, in `Host`.
    pub upstream_host: Option<String>,
    /// The roots of its certificate, instead of those of browsers.
    pub upstream_roots: Option<PathBuf>,
    /// A file with the `Authorization` that it wants itself.
    pub upstream_authorization: Option<PathBuf>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The names that clients call it by.
    pub names: Vec<String>,
    /// Users and tokens.
    pub state: PathBuf,
    /// With whom people sign in who have no password here.
    pub provider: Option<Provider>,
    /// Who did what.
    pub log: PathBuf,
    /// Nothing is changed through it.
    pub read_only: bool,
    /// Patterns that are let through besides the profile's.
    pub allow: Vec<String>,
    /// Patterns that are refused besides the profile's.
    pub deny: Vec<String>,
    /// Requests a second of each user.
    pub rate: u32,
    /// Connections at a time.
    pub connections: usize,
    /// How long the platform may think about an answer.
    pub thinking: Duration,
    /// How long the head of a request may take, and a connection may be idle between two.
    pub patience: Duration,
    /// Where warnings go while it runs.
    pub notice: fn(&str),
}

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It is not in the catalogue.
    #[error("no platform of this name is known: {0}")]
    UnknownProduct(String),
    /// Its profile has no such mode.
    #[error("nobody knows which requests to {0} only read, so that there is no read-only mode for it")]
    NoReadMode(&'static str),
    /// A pattern is none.
    #[error("a pattern starts with `/` and has fewer than 127 characters")]
    Pattern,
    /// Passwords would travel in the clear.
    #[error(
        "`{0}` can be reached from other machines, and without TLS everybody on the way reads the passwords"
    )]
    NoTls(SocketAddr),
    /// Everybody would be refused.
    #[error("`{0}` can be reached from other machines, and there is no user")]
    NoUser(SocketAddr),
    /// Any site could resolve to it.
    #[error("`{0}` can be reached from other machines, and it is not said by which names")]
    NoName(SocketAddr),
    /// A file with a credential that cannot be one.
    #[error("`{0}` does not hold one line for `Authorization`")]
    Authorization(String),
    /// A file.
    #[error("{0}")]
    File(#[from] FileError),
    /// Users.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The log.
    #[error("{0}")]
    Log(#[from] LogError),
    /// The identity provider.
    #[error("{0}")]
    Provider(#[from] ProviderError),
    /// TLS.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The other side.
    #[error("{0}")]
    Upstream(#[from] UpstreamError),
    /// The address.
    #[error("{0}")]
    Listen(#[from] ListenError),
    /// The system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A gateway that listens and does not serve yet.
pub struct Gateway {
    doors: Doors,
    listener: TcpListener,
    first: Option<First>,
    product: &'static str,
    runtime: Runtime,
    terminated: Termination,
}

/// The ids of the platforms that a gateway can stand in front of.
pub fn products() -> impl Iterator<Item = &'static str> {
    PRODUCTS.iter().map(|p| p.id)
}

impl Gateway {
    /// Opens the store, the log and the address, in this order, and refuses what would be open by mistake.
    ///
    /// # Errors
    /// When anything of it is not as it has to be.
    pub fn open(settings: &Settings) -> Result<Self, GatewayError> {
        let product = PRODUCTS
            .iter()
            .find(|p| p.id == settings.product)
            .ok_or_else(|| GatewayError::UnknownProduct(wellhead_core::code(&settings.product)))?;
        let policy = Policy::new(product, &settings.allow, &settings.deny).ok_or(GatewayError::Pattern)?;
        if settings.read_only && !policy.has_read_mode() {
            return Err(GatewayError::NoReadMode(product.name));
        }
        let local = settings.listen.ip().to_canonical().is_loopback();
        if !local && settings.tls.is_none() {
            return Err(GatewayError::NoTls(settings.listen));
        }
        let mut names = settings.names.clone();
        if !local && !settings.listen.ip().is_unspecified() {
            names.push(settings.listen.ip().to_string());
        }
        if !local && names.is_empty() {
            return Err(GatewayError::NoName(settings.listen));
        }
        let http2 = settings.upstream_grpc.is_some();
        let tls = match &settings.tls {
            Some((certificate, key)) => Some(Arc::new(Tls::new(certificate, key, http2)?)),
            None => None,
        };
        let (roots, named) = (
            settings.upstream_roots.as_deref(),
            settings.upstream_host.as_deref(),
        );
        let upstream = Upstream::new(&settings.upstream, named, roots, false)?;
        let grpc = settings.upstream_grpc.as_deref();
        let grpc = grpc
            .map(|url| Upstream::new(url, named, roots, true))
            .transpose()?;
        let authorization = settings
            .upstream_authorization
            .as_deref()
            .map(authorization)
            .transpose()?;
        let store = Store::at(&settings.state)?;
        let first = store.first_start()?;
        let access = Access::new(store, tls.is_some())?;
        let oidc = settings.provider.as_ref();
        let oidc = oidc.map(|told| Oidc::new(told, access.cookie)).transpose()?;
        if !local && access.users() == 0 && oidc.is_none() {
            return Err(GatewayError::NoUser(settings.listen));
        }
        let log = Arc::new(Log::open(&settings.log)?);
        let listener = crate::bind(settings.listen, true)?;
        listener.set_nonblocking(true)?;
        more_files();
        let mut start = Record::of("start");
        start.product = Some(product.id);
        start.why = settings.read_only.then(|| "read-only".to_owned());
        log.later(start);
        let (ending, ends) = watch::channel(false);
        let period = Duration::from_secs(1)
            .checked_div(settings.rate.max(1))
            .unwrap_or_default();
        let gate = Gate {
            access: Arc::new(access),
            oidc,
            policy,
            inside: inside::Inside::of(product.id),
            log,
            product: product.name,
            product_id: product.id,
            upstream,
            grpc,
            authorization,
            names: Names { names, local },
            rate: Limiter::new(settings.rate.max(1), period),
            read_only: settings.read_only,
            secure: tls.is_some(),
            thinking: settings.thinking,
            next: AtomicU64::new(1),
            ends,
        };
        let doors = Doors {
            gate: Arc::new(gate),
            tls,
            connections: settings.connections.max(2),
            http2,
            patience: settings.patience,
            ending,
            notice: settings.notice,
        };
        // One download must not stand in the way of everybody else; more than four are never busy.
        let threads = std::thread::available_parallelism()
            .map_or(2, usize::from)
            .clamp(2, 4);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .max_blocking_threads(8)
            .enable_io()
            .enable_time()
            .build()?;
        let terminated = {
            let _inside = runtime.enter();
            serve::terminated()?
        };
        Ok(Self {
            runtime,
            terminated,
            doors,
            listener,
            first,
            product: product.name,
        })
    }

    /// The first user and token, if this is the first start.
    pub fn first(&mut self) -> Option<First> {
        self.first.take()
    }

    /// What it stands in front of.
    pub fn product(&self) -> &'static str {
        self.product
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` or the system says so, then finishes what is under way and closes the log.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn serve(self, stop: &Stop) -> io::Result<()> {
        let log = Arc::clone(&self.doors.gate.log);
        let served = self
            .runtime
            .block_on(serve::serve(self.doors, self.listener, stop, self.terminated));
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        log.close();
        served
    }
}

/// The path to which an identity provider sends browsers back; providers want to know the whole address beforehand.
pub const CALLBACK: &str = oidc::CALLBACK;

/// Whether these bytes, which nobody signed, let somebody in when they are read as what comes from an identity provider; or
/// whether it matters in which pieces a body comes. For fuzzing.
#[doc(hidden)]
pub fn misled(bytes: &[u8]) -> bool {
    oidc::fuzzed(bytes) || inside::fuzzed(bytes)
}

/// What of these bytes, sent over one connection, would be sent on: the targets that have one reading. Also follows them as a
/// log. For fuzzing, which finds what two readings of the same bytes disagree on.
#[doc(hidden)]
pub fn understood(bytes: &[u8]) -> Vec<String> {
    let heads = heads::Heads::default();
    heads.feed(bytes);
    let seen = std::iter::from_fn(|| heads.next()).filter(|h| h.fault.is_none());
    let fine = seen
        .filter(|h| target::judge(&h.target).is_ok())
        .map(|h| h.target);
    let _ = chain::follow(&mut &*bytes, None, |_| {});
    fine.collect()
}

/// The credential for what lies behind, from a file that is its owner's alone.
fn authorization(path: &std::path::Path) -> Result<HeaderValue, GatewayError> {
    let wrong = || GatewayError::Authorization(files::shown(path));
    let bytes = files::read_private(path)?;
    let mut value = HeaderValue::from_bytes(bytes.trim_ascii()).map_err(|_| wrong())?;
    if value.is_empty() {
        return Err(wrong());
    }
    value.set_sensitive(true);
    Ok(value)
}

/// Each WebSocket takes two descriptors, and the usual limit is for programs with few.
#[cfg(unix)]
fn more_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // With fewer, new connections wait.
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(not(unix))]
fn more_files() {}
