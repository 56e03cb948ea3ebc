//! Sessions of browsers: random values of which only digests are kept, in this process alone.

use super::{
    password::{self, Hashed},
    store::People,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a session lives, and how long without being used.
const LIFE: Duration = Duration::from_secs(12 * 3600);
const IDLE: Duration = Duration::from_secs(2 * 3600);
/// Sessions that are kept.
const MAX: usize = 10_000;

/// What a session hangs on.
#[derive(Clone, Debug)]
pub(crate) enum Bond {
    /// It ends when the user has another password, or is gone.
    Password(Arc<Hashed>),
    /// Somebody whom the provider knows; they have no entry in the store of users.
    Provider {
        /// May only read.
        read_only: bool,
    },
}

struct Session {
    user: Arc<str>,
    bond: Bond,
    made: Instant,
    used: Instant,
}

impl Session {
    fn lives(&self) -> bool {
        self.made.elapsed() < LIFE && self.used.elapsed() < IDLE
    }
}

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    kept: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    /// Starts one and returns the value of its cookie, which nobody had before: what a browser brought along is never
    /// made a session. Nothing where the system has no randomness.
    pub(crate) fn begin(&self, user: Arc<str>, bond: Bond) -> Option<String> {
        let value = password::random()?;
        let now = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX {
            kept.retain(|_, s| s.lives());
        }
        if kept.len() >= MAX {
            let oldest = kept.iter().min_by_key(|(_, s)| s.used).map(|(k, _)| *k);
            oldest.map(|k| kept.remove(&k));
        }
        let session = Session {
            user,
            bond,
            made: now,
            used: now,
        };
        kept.insert(password::digest(&value), session);
        Some(value)
    }

    /// Ends the one with this value.
    pub(crate) fn end(&self, value: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&password::digest(value));
    }

    /// Whose it is, and whether they may only read.
    pub(crate) fn of(&self, digest: &[u8; 32], people: &People) -> Option<(Arc<str>, bool)> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let session = kept.get_mut(digest)?;
        let read_only = match &session.bond {
            Bond::Password(was) => people
                .users
                .get(&session.user)
                .filter(|u| u.password == *was)
                .map(|u| u.read_only),
            Bond::Provider { read_only } => Some(*read_only),
        };
        let Some(read_only) = read_only.filter(|_| session.lives()) else {
            kept.remove(digest);
            return None;
        };
        session.used = Instant::now();
        Some((Arc::clone(&session.user), read_only))
    }
}
