//! Which ports of a network are open: a connection is begun, and ended as soon as it came about.
//!
//! No byte is sent. Ports come before addresses, so that no host gets its connections in one burst, and whatever the
//! machine runs out of (open files, ports of its own) makes the scan slower, never incomplete without a word.

use super::{Admitted, Cidr, Refusal, Scope};
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Threads, and how many connections each may have under way: together less than the usual 1,024 open files.
const THREADS: u32 = 2;
const AT_ONCE: usize = 448;
/// How long a connection may take; the second SYN of a machine goes out after one second.
const PATIENCE: Duration = Duration::from_millis(1500);
/// So many targets a thread takes at a time.
const BATCH: u64 = 64;
/// How long nobody looks at the clock, or whether to end.
const NAP: Duration = Duration::from_millis(100);
/// How long is waited where the machine has run out of something.
const SHORT: Duration = Duration::from_millis(20);

/// What is to be tried.
#[derive(Clone, Copy)]
pub struct Scan<'a> {
    /// Which addresses may be.
    pub scope: &'a Scope,
    /// The addresses.
    pub networks: &'a [Cidr],
    /// The ports.
    pub ports: &'a [u16],
    /// At most so many connections a second.
    pub rate: u32,
    /// Ends the scan early.
    pub cancelled: &'a AtomicBool,
    /// Is told how many of how many were tried.
    pub watch: &'a (dyn Fn(u64, u64) + Sync),
}

impl std::fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan")
            .field("networks", &self.networks)
            .finish_non_exhaustive()
    }
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The ports that are open, sorted.
    pub open: Vec<Admitted>,
    /// How many are closed: their host said so.
    pub closed: u64,
    /// How many said nothing.
    pub silent: u64,
    /// How many were not tried because nobody may.
    pub skipped: u64,
    /// How many were not tried, and why.
    pub untried: u64,
    /// Why.
    pub trouble: Option<String>,
}

impl Scanned {
    /// Whether any host answered at all.
    pub fn answered(&self) -> bool {
        self.closed > 0 || !self.open.is_empty()
    }

    fn merge(&mut self, other: Self) {
        self.open.extend(other.open);
        self.closed = self.closed.saturating_add(other.closed);
        self.silent = self.silent.saturating_add(other.silent);
        self.skipped = self.skipped.saturating_add(other.skipped);
        self.untried = self.untried.saturating_add(other.untried);
        self.trouble = self.trouble.take().or(other.trouble);
    }
}

impl Scan<'_> {
    fn addresses(&self) -> u64 {
        let all = self.networks.iter().map(Cidr::size);
        let all = all.fold(0_u128, u128::saturating_add);
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    /// How many connections that makes.
    pub fn size(&self) -> u64 {
        self.addresses().saturating_mul(self.ports.len() as u64)
    }

    /// The connection at that place.
    fn target(&self, n: u64) -> Option<SocketAddr> {
        let addresses = self.addresses();
        let port = n.checked_div(addresses)?;
        let mut place = u128::from(n.checked_rem(addresses)?);
        let port = *self.ports.get(usize::try_from(port).ok()?)?;
        for network in self.networks {
            match place.checked_sub(network.size()) {
                None => return Some(SocketAddr::new(network.nth(place), port)),
                Some(rest) => place = rest,
            }
        }
        None
    }

    /// Tries all of it.
    ///
    /// # Errors
    /// Where one of the addresses is not in scope; nothing was tried then. Ports that are not, and addresses that nobody
    /// may ask, are left out and counted.
    pub fn run(&self) -> Result<Scanned, Refusal> {
        // Ports come before addresses, so these are all addresses at the first port.
        for target in (0..self.addresses().min(self.size())).filter_map(|n| self.target(n)) {
            if let Err(refusal @ Refusal::Public { .. }) = self.scope.admit(target) {
                return Err(refusal);
            }
        }
        let next = AtomicU64::new(0);
        let done = AtomicU64::new(0);
        let all: Mutex<Scanned> = Mutex::default();
        std::thread::scope(|scope| {
            for first in 0..THREADS {
                let (next, done, all) = (&next, &done, &all);
                scope.spawn(move || {
                    let part = Worker::new(self, next, done, first == 0).run();
                    all.lock().unwrap_or_else(PoisonError::into_inner).merge(part);
                });
            }
        });
        let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Who ended early left the rest to nobody.
        let left = self.size().saturating_sub(next.load(Ordering::Relaxed));
        all.untried = all.untried.saturating_add(left);
        all.open.sort_unstable();
        all.open.dedup();
        Ok(all)
    }
}

struct Connection {
    stream: TcpStream,
    target: Admitted,
    /// Tells it from those that had the same place before.
    number: u64,
}

struct Worker<'a> {
    scan: &'a Scan<'a>,
    next: &'a AtomicU64,
    done: &'a AtomicU64,
    tells: bool,
    begun: Instant,
    started: u64,
    batch: std::ops::Range<u64>,
    /// One that could not be begun for want of something.
    again: Option<Admitted>,
    places: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Fewer than [`AT_ONCE`] where the machine allows no more.
    most: usize,
    ends: VecDeque<(Instant, usize, u64)>,
    found: Scanned,
}

enum Begun {
    Yes,
    /// Not now: too fast, too many, or the machine has run out of something for that long.
    NotNow(Duration),
    /// Nothing is left.
    Nothing,
}

impl<'a> Worker<'a> {
    fn new(scan: &'a Scan<'a>, next: &'a AtomicU64, done: &'a AtomicU64, tells: bool) -> Self {
        Self {
            scan,
            next,
            done,
            tells,
            begun: Instant::now(),
            started: 0,
            batch: 0..0,
            again: None,
            places: std::iter::repeat_with(|| None).take(AT_ONCE).collect(),
            free: (0..AT_ONCE).rev().collect(),
            most: AT_ONCE,
            ends: VecDeque::new(),
            found: Scanned::default(),
        }
    }

    fn under_way(&self) -> usize {
        AT_ONCE.saturating_sub(self.free.len())
    }

    fn run(mut self) -> Scanned {
        if let Err(e) = self.all() {
            self.found.trouble = Some(crate::file::words(&e));
        }
        let left = self.batch.end.saturating_sub(self.batch.start);
        let left = left.saturating_add(self.under_way() as u64);
        let left = left.saturating_add(u64::from(self.again.is_some()));
        self.found.untried = self.found.untried.saturating_add(left);
        self.found
    }

    fn all(&mut self) -> io::Result<()> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(AT_ONCE);
        let mut told = Instant::now();
        loop {
            if self.scan.cancelled.load(Ordering::Relaxed) {
                self.found.trouble = Some("interrupted".to_owned());
                return Ok(());
            }
            let pause = loop {
                match self.begin(&poll)? {
                    Begun::Yes => {}
                    Begun::NotNow(pause) => break pause,
                    Begun::Nothing if self.under_way() == 0 => return Ok(()),
                    Begun::Nothing => break NAP,
                }
            };
            let now = Instant::now();
            let end = self
                .ends
                .front()
                .map(|(end, ..)| end.saturating_duration_since(now));
            let wait = pause.min(NAP).min(end.unwrap_or(NAP));
            if let Err(e) = poll.poll(&mut events, Some(wait))
                && e.kind() != io::ErrorKind::Interrupted
            {
                return Err(e);
            }
            for event in &events {
                self.came(event.token().0);
            }
            self.expire(Instant::now());
            if self.tells && told.elapsed() > NAP {
                told = Instant::now();
                (self.scan.watch)(self.done.load(Ordering::Relaxed), self.scan.size());
            }
        }
    }

    /// The next that may be tried.
    fn take(&mut self) -> Option<Admitted> {
        if let Some(again) = self.again.take() {
            return Some(again);
        }
        loop {
            if self.batch.is_empty() {
                let size = self.scan.size();
                // Never past the end, so that what is left can be told from what was taken.
                let taken = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                    (n < size).then(|| n.saturating_add(BATCH).min(size))
                });
                let first = taken.ok()?;
                self.batch = first..first.saturating_add(BATCH).min(size);
            }
            let n = self.batch.next()?;
            match self.scan.target(n).map(|target| self.scan.scope.admit(target)) {
                Some(Ok(target)) => return Some(target),
                _ => {
                    self.found.skipped = self.found.skipped.saturating_add(1);
                    self.done.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    fn begin(&mut self, poll: &Poll) -> io::Result<Begun> {
        if self.under_way() >= self.most {
            return Ok(Begun::NotNow(NAP));
        }
        let rate = f64::from(self.scan.rate.max(1)) / f64::from(THREADS);
        let due = Duration::from_secs_f64(self.started as f64 / rate);
        // The clock is asked seldom where it cannot matter.
        if rate < 1e6 || self.started.is_multiple_of(256) {
            let ahead = due.saturating_sub(self.begun.elapsed());
            if !ahead.is_zero() {
                return Ok(Begun::NotNow(ahead));
            }
        }
        let Some(target) = self.take() else {
            return Ok(Begun::Nothing);
        };
        let stream = match TcpStream::connect(target.address()) {
            Ok(stream) => stream,
            Err(e) if is_want(&e) => {
                self.again = Some(target);
                // With nothing under way no place will become free by itself.
                self.most = self.under_way().max(1);
                return Ok(Begun::NotNow(SHORT));
            }
            Err(e) => {
                self.started = self.started.saturating_add(1);
                self.refused(e.kind());
                return Ok(Begun::Yes);
            }
        };
        self.started = self.started.saturating_add(1);
        let Some(place) = self.free.pop() else {
            self.again = Some(target);
            return Ok(Begun::NotNow(NAP));
        };
        let number = self.started;
        let mut connection = Connection {
            stream,
            target,
            number,
        };
        poll.registry()
            .register(&mut connection.stream, Token(place), Interest::WRITABLE)?;
        if let Some(end) = Instant::now().checked_add(PATIENCE) {
            self.ends.push_back((end, place, number));
        }
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some(connection);
        }
        Ok(Begun::Yes)
    }

    fn refused(&mut self, why: io::ErrorKind) {
        let count = match why {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => &mut self.found.closed,
            _ => &mut self.found.silent,
        };
        *count = count.saturating_add(1);
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Something is known of the connection at that place.
    fn came(&mut self, place: usize) {
        let Some(slot) = self.places.get_mut(place) else {
            return;
        };
        let Some(connection) = slot.as_ref() else { return };
        let failed = match connection.stream.take_error() {
            Ok(None) => match connection.stream.peer_addr() {
                Ok(_) => None,
                // It is not decided yet.
                Err(e) if e.kind() == io::ErrorKind::NotConnected => return,
                Err(e) => Some(e.kind()),
            },
            Ok(Some(e)) | Err(e) => Some(e.kind()),
        };
        let target = connection.target;
        *slot = None;
        self.free.push(place);
        match failed {
            Some(why) => self.refused(why),
            None => {
                self.found.open.push(target);
                self.done.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Gives up what took too long.
    fn expire(&mut self, now: Instant) {
        while let Some((end, place, number)) = self.ends.front().copied() {
            let slot = self.places.get_mut(place);
            let is_here = slot
                .as_ref()
                .is_some_and(|s| s.as_ref().is_some_and(|c| c.number == number));
            if is_here && end > now {
                return;
            }
            self.ends.pop_front();
            if let Some(slot) = slot.filter(|_| is_here) {
                *slot = None;
                self.free.push(place);
                self.refused(io::ErrorKind::TimedOut);
            }
        }
    }
}

/// Whether the machine has run out of something, so that the same may work a little later.
fn is_want(e: &io::Error) -> bool {
    let code = e.raw_os_error();
    let wants = [
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOBUFS,
        libc::ENOMEM,
        libc::EADDRNOTAVAIL,
        libc::EAGAIN,
    ];
    code.is_some_and(|code| wants.contains(&code))
}
