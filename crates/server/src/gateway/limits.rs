//! How often somebody may ask, within memory that nobody can fill.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Buckets that are kept; beyond them the fullest are forgotten first.
const MAX_KEYS: usize = 20_000;

/// So many at once, and then one each `period`, for every key on its own.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    period: Duration,
    burst: Duration,
    /// When the bucket of a key is full again.
    full_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    pub(crate) fn new(burst: u32, period: Duration) -> Self {
        Self {
            period,
            burst: period.saturating_mul(burst),
            full_at: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// With the time to wait until there is one again.
    pub(crate) fn take(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let mut kept = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = kept.get(key).copied().filter(|t| *t > now).unwrap_or(now);
        let after = full_at.checked_add(self.period).unwrap_or(full_at);
        let owed = after.saturating_duration_since(now);
        if owed > self.burst {
            return Err(owed.saturating_sub(self.burst));
        }
        if kept.len() >= MAX_KEYS && !kept.contains_key(key) {
            kept.retain(|_, t| *t > now);
            if kept.len() >= MAX_KEYS {
                // Somebody asks under very many names; all of them together wait.
                return Err(self.period);
            }
        }
        kept.insert(key.clone(), after);
        Ok(())
    }

    /// Gives one back.
    pub(crate) fn give_back(&self, key: &K) {
        let mut kept = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = kept.get_mut(key) {
            *full_at = full_at.checked_sub(self.period).unwrap_or(*full_at);
        }
    }
}

/// Whom an address belongs to: with IPv6 a subscriber has a whole /64.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let limiter = Limiter::new(2, Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(limiter.take(&"a", start).is_ok() && limiter.take(&"a", start).is_ok());
        assert_eq!(limiter.take(&"a", start), Err(Duration::from_secs(10)));
        assert!(limiter.take(&"b", start).is_ok(), "each key has its own");
        assert!(limiter.take(&"a", at(10)).is_ok() && limiter.take(&"a", at(10)).is_err());
        limiter.give_back(&"a");
        assert!(limiter.take(&"a", at(10)).is_ok());
    }

    #[test]
    fn very_many_names_do_not_fill_the_memory() {
        let limiter = Limiter::new(1, Duration::from_secs(10));
        let now = Instant::now();
        let taken = (0..MAX_KEYS * 2)
            .filter(|key| limiter.take(key, now).is_ok())
            .count();
        assert_eq!(taken, MAX_KEYS);
        assert!(limiter.take(&0, now + Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn a_subscriber_is_a_network_of_ipv6() {
        let of = |text: &str| subscriber(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
    }
}
