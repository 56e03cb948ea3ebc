//! Something compressed that several members lie in: decoded when the first of them is asked for, and once.

use super::{Maker, decode_from};
use crate::zip::outcome_of;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use wellhead_core::{Blob, Budget, Outcome};

/// Bytes that have to be decoded first.
#[derive(Clone)]
pub(crate) struct Lazy {
    inner: Arc<Inner>,
}

struct Inner {
    make: Maker,
    packed: u64,
    done: Mutex<Option<(Blob, Outcome)>>,
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lazy({} bytes packed)", self.inner.packed)
    }
}

impl Lazy {
    /// What `make` decodes from `packed` bytes.
    pub(crate) fn new(make: Maker, packed: u64) -> Self {
        let done = Mutex::new(None);
        Self {
            inner: Arc::new(Inner { make, packed, done }),
        }
    }

    fn done(&self) -> std::sync::MutexGuard<'_, Option<(Blob, Outcome)>> {
        self.inner.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what was decoded; whoever asks next pays again.
    pub(crate) fn forget(&self) {
        *self.done() = None;
    }

    /// The part of `len bytes from `start` on, and whether these are all. Whoever asks first pays for everything.
    pub(crate) fn part(&self, start: u64, len: u64, budget: &mut Budget) -> (Blob, Outcome) {
        let done = self.done().clone();
        let (blob, outcome) = match done {
            Some(done) => done,
            None => {
                let (blob, end) = decode_from(Arc::clone(&self.inner.make), self.inner.packed, budget);
                let made = (blob, outcome_of(&end));
                self.done().get_or_insert(made).clone()
            }
        };
        let part = blob.slice(start, len);
        if start.saturating_add(len) <= blob.len() {
            return (part, Outcome::Analysed);
        }
        let outcome = match outcome {
            // All was asked for, and all is there.
            Outcome::Analysed if len == u64::MAX => Outcome::Analysed,
            Outcome::Analysed => Outcome::Partly {
                why: "its compressed data is shorter than stated".to_owned(),
            },
            other => other,
        };
        (part, outcome)
    }
}
