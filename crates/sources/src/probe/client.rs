//! Sending one request, and no other kind than those.
//!
//! A connection a request, closed after it: nothing is pipelined, kept alive, followed or remembered.

use super::{
    Admitted, Pace, ProbeError, Reply, RequestLog, Scan, Scheme,
    answer::{self, words},
    tls,
};
use rustls::{ClientConfig, StreamOwned};
use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{IpAddr, TcpStream},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a request with its answer may take, connection included.
const REQUEST: Duration = Duration::from_secs(10);
/// How long nobody looks whether to go on.
const NAP: Duration = Duration::from_millis(100);
/// So many requests are sent to one host in one run.
const PER_HOST: u32 = 64;
/// So long may a path be.
const PATH: usize = 1024;

/// The methods there are. None of them changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The page.
    Get,
    /// Its head alone.
    Head,
}

impl Method {
    /// As it is sent.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

/// What is asked. There is no room for a credential in it.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// How.
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    /// A `Host` header to send instead of the service's own.
    pub host: Option<&'a str>,
}

/// Whom it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Where it is connected to.
    pub address: Admitted,
    /// What it is called, without a port: the name that was typed, or its address.
    pub host: String,
    /// How it is spoken to.
    pub scheme: Scheme,
}

impl Site {
    /// Its address as people type it.
    pub fn url(&self) -> String {
        let port = self.address.address().port();
        format!("{}://{}:{port}", self.scheme.name(), bracketed(&self.host))
    }

    /// What it is called in a `Host` header.
    fn authority(&self) -> String {
        let port = self.address.address().port();
        let usual = match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let host = bracketed(&self.host);
        if port == usual {
            host
        } else {
            format!("{host}:{port}")
        }
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// How is asked.
#[derive(Debug)]
pub struct ProberOptions {
    /// Nothing is asked.
    pub offline: bool,
    /// At most so many requests a second.
    pub rate: u32,
    /// Where a line is written before each of them.
    pub log: RequestLog,
    /// Ends the run early.
    pub cancelled: Arc<AtomicBool>,
    /// How long a request with its answer may take.
    pub timeout: Duration,
}

impl ProberOptions {
    /// The usual ones.
    pub fn new(log: RequestLog, cancelled: Arc<AtomicBool>) -> Self {
        Self {
            offline: false,
            rate: 10,
            log,
            cancelled,
            timeout: REQUEST,
        }
    }
}

/// Sends requests, one after the other or from several threads.
#[derive(Debug)]
pub struct Prober {
    options: ProberOptions,
    pace: Pace,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
    asked: Mutex<HashMap<IpAddr, u32>>,
    sent: AtomicU64,
}

impl Prober {
    /// A prober.
    ///
    /// # Errors
    /// Where nothing is to be asked.
    pub fn new(options: ProberOptions) -> Result<Self, ProbeError> {
        if options.offline {
            return Err(ProbeError::Connect("the network is not to be used".to_owned()));
        }
        Ok(Self {
            pace: Pace::new(options.rate),
            options,
            config: OnceLock::new(),
            asked: Mutex::default(),
            sent: AtomicU64::new(0),
        })
    }

    /// How many requests were sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Where they are written down.
    pub fn log(&self) -> &RequestLog {
        &self.options.log
    }

    /// Whether the run is to end.
    pub fn is_stopped(&self) -> bool {
        self.options.cancelled.load(Ordering::Relaxed)
    }

    /// Writes down that connections are about to be tried, which carry no byte.
    ///
    /// # Errors
    /// Where the log cannot be written.
    pub fn note_scan(&self, scan: &Scan<'_>) -> Result<(), ProbeError> {
        let networks: Vec<String> = scan.networks.iter().map(ToString::to_string).collect();
        self.options
            .log
            .write(&[("connect", networks.into()), ("ports", scan.ports.into())])
            .map_err(|e| ProbeError::Log(crate::file::words(&e)))
    }

    /// How many more requests a host may be sent.
    pub fn left_for(&self, host: IpAddr) -> u32 {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        PER_HOST.saturating_sub(asked.get(&host).copied().unwrap_or(0))
    }

    /// Asks one question.
    ///
    /// # Errors
    /// Where there is no answer, or none that can be understood.
    pub fn ask(&self, site: &Site, question: Question<'_>) -> Result<Reply, ProbeError> {
        let text = request(site, question).ok_or(ProbeError::Request)?;
        if !self.pace.wait(&self.options.cancelled) {
            return Err(ProbeError::Stopped);
        }
        self.count(site.address.address().ip())?;
        let host = question.host.map_or_else(|| site.authority(), str::to_owned);
        self.options
            .log
            .write(&[
                ("address", site.address.address().to_string().into()),
                ("tls", (site.scheme == Scheme::Https).into()),
                ("method", question.method.name().into()),
                ("path", question.path.into()),
                ("host", host.into()),
            ])
            .map_err(|e| ProbeError::Log(crate::file::words(&e)))?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.exchange(site, &text, question.method == Method::Get)
            .map_err(|e| if self.is_stopped() { ProbeError::Stopped } else { e })
    }

    /// Counts a request to a host, where it may still be sent.
    fn count(&self, host: IpAddr) -> Result<(), ProbeError> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let n = asked.entry(host).or_default();
        if *n >= PER_HOST {
            return Err(ProbeError::HostSpent(PER_HOST));
        }
        *n = n.saturating_add(1);
        Ok(())
    }

    fn exchange(&self, site: &Site, text: &str, has_body: bool) -> Result<Reply, ProbeError> {
        let deadline = Instant::now().checked_add(self.options.timeout);
        let address = site.address.address();
        let patience = CONNECT.min(self.options.timeout);
        let stream = TcpStream::connect_timeout(&address, patience).map_err(|e| refused(&e))?;
        let _ = stream.set_nodelay(true);
        let mut timed = Timed {
            stream,
            deadline,
            cancelled: &self.options.cancelled,
        };
        match site.scheme {
            Scheme::Http => {
                send(&mut timed, text)?;
                answer::read(&mut timed, has_body)
            }
            Scheme::Https => {
                let made = self.config.get_or_init(|| tls::config().map_err(|e| words(&e)));
                let config = made.as_ref().map_err(|e| ProbeError::Tls(e.clone()))?;
                let connection =
                    tls::connection(config, &site.host).map_err(|e| ProbeError::Tls(words(&e)))?;
                let mut secured = StreamOwned::new(connection, timed);
                // Everything that goes wrong before the first byte is the handshake's.
                while secured.conn.is_handshaking() {
                    secured
                        .conn
                        .complete_io(&mut secured.sock)
                        .map_err(|e| handshake(&e))?;
                }
                send(&mut secured, text)?;
                answer::read(&mut secured, has_body)
            }
        }
    }
}

/// The request as it is sent; nothing where that would not be one request.
fn request(site: &Site, question: Question<'_>) -> Option<String> {
    let path = question.path;
    let fits = path.starts_with('/') && path.len() <= PATH && path.bytes().all(|b| b.is_ascii_graphic());
    let host = question.host.map_or_else(|| site.authority(), str::to_owned);
    let host_fits = !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic());
    (fits && host_fits).then(|| {
        format!(
            "{} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: wellhead/{} (defensive audit)\r\nAccept: */*\r\n\
             Accept-Encoding: identity\r\nConnection: close\r\n\r\n",
            question.method.name(),
            env!("CARGO_PKG_VERSION"),
        )
    })
}

fn send(to: &mut dyn Write, text: &str) -> Result<(), ProbeError> {
    let sent = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    match sent {
        Ok(()) => Ok(()),
        // Who does not read may have answered all the same.
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
            ) =>
        {
            Ok(())
        }
        Err(e) if is_late(&e) => Err(ProbeError::Slow { begun: false }),
        Err(e) => Err(ProbeError::Connect(crate::file::words(&e))),
    }
}

fn is_late(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn refused(e: &io::Error) -> ProbeError {
    ProbeError::Connect(match e.kind() {
        io::ErrorKind::ConnectionRefused => answer::NOBODY.to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".to_owned(),
        _ => crate::file::words(e),
    })
}

fn handshake(e: &io::Error) -> ProbeError {
    match e.kind() {
        _ if is_late(e) => ProbeError::Slow { begun: false },
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            ProbeError::Tls("it was closed during the handshake".to_owned())
        }
        _ => ProbeError::Tls(words(e)),
    }
}

/// A connection that ends at its deadline or at Ctrl-C, however slowly bytes drip.
struct Timed<'a> {
    stream: TcpStream,
    deadline: Option<Instant>,
    cancelled: &'a AtomicBool,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.map(|d| d.saturating_duration_since(Instant::now()));
        left.filter(|l| !l.is_zero() && !self.cancelled.load(Ordering::Relaxed))
            .ok_or_else(|| io::ErrorKind::TimedOut.into())
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.left()?;
            self.stream.set_read_timeout(Some(left.min(NAP)))?;
            match self.stream.read(into) {
                Err(e) if is_late(&e) => {}
                done => return done,
            }
        }
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left()?;
        self.stream.set_write_timeout(Some(left))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
