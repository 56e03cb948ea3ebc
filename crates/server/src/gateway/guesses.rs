//! Whether a password is right, which is dear to find out.
//!
//! The function runs for few at a time, is refused to whoever fails too often, and is remembered for a short while under a key
//! that only this process knows.

use super::{
    access::Denied,
    limits::{Limiter, subscriber},
    password::{self, Hashed},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// How long a password that was right and is not used is remembered.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Remembered passwords that are kept.
const MAX_REMEMBERED: usize = 10_000;
/// Passwords that are computed at a time, each with 19 MB, and that may wait for it.
const WORKERS: usize = 2;
const MAX_WAITING: usize = 64;

/// Passwords that were right, under digests that mean nothing elsewhere, and when they were used.
type Remembered = HashMap<[u8; 32], (Arc<Hashed>, Instant)>;

/// Passwords that are being computed, each for the first of those who wait for it.
type Turns = HashMap<[u8; 32], Arc<tokio::sync::Mutex<()>>>;

/// All that is guessed.
pub(crate) struct Guesses {
    remembered: Mutex<Remembered>,
    turns: Mutex<Turns>,
    key: [u8; 32],
    workers: Arc<Semaphore>,
    waiting: AtomicUsize,
    addresses: Limiter<IpAddr>,
    names: Limiter<String>,
    /// What the password of an unknown user is compared with.
    nobody: Arc<Hashed>,
}

impl Guesses {
    /// Nothing where the system has no randomness.
    pub(crate) fn new() -> Option<Self> {
        let mut key = [0_u8; 32];
        getrandom::fill(&mut key).ok()?;
        Some(Self {
            remembered: Mutex::default(),
            turns: Mutex::default(),
            key,
            workers: Arc::new(Semaphore::new(WORKERS)),
            waiting: AtomicUsize::new(0),
            addresses: Limiter::new(10, Duration::from_secs(6)),
            names: Limiter::new(30, Duration::from_secs(2)),
            nobody: Arc::new(Hashed::new(&password::random()?)?),
        })
    }

    /// Whether a password is the one of which this is kept. Without any it takes as long, and is "no".
    pub(crate) async fn judge(
        &self,
        name: &str,
        secret: String,
        peer: IpAddr,
        kept: Option<&Arc<Hashed>>,
    ) -> Result<(), Denied> {
        let hashed = kept.unwrap_or(&self.nobody);
        let seal = self.seal(name, &secret).ok_or(Denied::Busy)?;
        if !self.remembers(&seal, hashed) {
            // Many requests of one client come at once, and the first answers for all: they are one guess, not many.
            let turn = Turn::new(&self.turns, seal);
            let _mine = turn.lock.lock().await;
            if !self.remembers(&seal, hashed) {
                self.computed(name, secret, peer, &seal, hashed).await?;
            }
        }
        kept.map(|_| ()).ok_or(Denied::Wrong)
    }

    async fn computed(
        &self,
        name: &str,
        secret: String,
        peer: IpAddr,
        seal: &[u8; 32],
        hashed: &Arc<Hashed>,
    ) -> Result<(), Denied> {
        if secret.len() > password::MAX_PASSWORD {
            return Err(Denied::Wrong);
        }
        let (address, who, now) = (subscriber(peer), name.to_owned(), Instant::now());
        self.addresses.take(&address, now).map_err(Denied::TooMany)?;
        if let Err(wait) = self.names.take(&who, now) {
            self.addresses.give_back(&address);
            return Err(Denied::TooMany(wait));
        }
        let right = self.worked(secret, seal, hashed).await;
        if right != Ok(false) {
            self.addresses.give_back(&address);
            self.names.give_back(&who);
        }
        if right? { Ok(()) } else { Err(Denied::Wrong) }
    }

    async fn worked(&self, secret: String, seal: &[u8; 32], hashed: &Arc<Hashed>) -> Result<bool, Denied> {
        let _waits = Waits::new(&self.waiting).ok_or(Denied::Busy)?;
        let place = Arc::clone(&self.workers)
            .acquire_owned()
            .await
            .map_err(|_| Denied::Busy)?;
        let kept = Arc::clone(hashed);
        let work = tokio::task::spawn_blocking(move || {
            let right = kept.is(&secret);
            drop(place);
            right
        });
        let right = work.await.map_err(|_| Denied::Busy)?;
        if right && !Arc::ptr_eq(hashed, &self.nobody) {
            let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            if remembered.len() >= MAX_REMEMBERED {
                remembered.clear();
            }
            remembered.insert(*seal, (Arc::clone(hashed), Instant::now()));
        }
        Ok(right)
    }

    fn remembers(&self, seal: &[u8; 32], hashed: &Arc<Hashed>) -> bool {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        match remembered.get_mut(seal) {
            // A password that was changed since is another one.
            Some((kept, used)) if used.elapsed() < REMEMBERED && kept == hashed => {
                *used = Instant::now();
                true
            }
            Some(_) => {
                remembered.remove(seal);
                false
            }
            None => false,
        }
    }

    /// A digest that means nothing outside this process. The name has no zero byte.
    fn seal(&self, name: &str, secret: &str) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(&(name.len() as u64).to_be_bytes());
        mac.update(name.as_bytes());
        mac.update(secret.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }
}

/// A place in the queue of those who wait for one password.
struct Turn<'a> {
    turns: &'a Mutex<Turns>,
    seal: [u8; 32],
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl<'a> Turn<'a> {
    fn new(turns: &'a Mutex<Turns>, seal: [u8; 32]) -> Self {
        let mut all = turns.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = Arc::clone(all.entry(seal).or_default());
        drop(all);
        Self { turns, seal, lock }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut all = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Ours, and the one in the table: nobody else waits.
        if Arc::strong_count(&self.lock) <= 2 {
            all.remove(&self.seal);
        }
    }
}

/// One of those that wait.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(count: &'a AtomicUsize) -> Option<Self> {
        let waits = Self(count);
        (count.fetch_add(1, Ordering::SeqCst) < MAX_WAITING).then_some(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
