//! So many a second, evenly spread, whoever asks.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long somebody sleeps without looking whether to go on.
const NAP: Duration = Duration::from_millis(50);

/// Hands out turns, at most so many a second.
#[derive(Debug)]
pub struct Pace {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// At most so many turns a second; at least one.
    pub fn new(per_second: u32) -> Self {
        let gap = Duration::from_secs(1).checked_div(per_second.max(1));
        Self {
            gap: gap.unwrap_or_default(),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for a turn; false where the run is to end.
    pub fn wait(&self, cancelled: &AtomicBool) -> bool {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn.checked_add(self.gap).unwrap_or(turn);
            turn
        };
        loop {
            if cancelled.load(Ordering::Relaxed) {
                return false;
            }
            let left = turn.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(NAP));
        }
    }
}
