//! One sign-in, from leaving for the provider to coming back.
//!
//! The browser keeps it, in a cookie, so that strangers who begin many cost no memory. All that has to be secret or cannot be
//! chosen by whoever comes back is made from that cookie with a key that only this process has: the state, which binds the
//! answer to this browser, the nonce, which binds the token to this sign-in, and the verifier, which binds the code to us.

use super::super::password;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use subtle::ConstantTimeEq as _;

/// How long somebody may take at the provider, in seconds.
pub(super) const LIFE: u64 = 600;
/// Longest way back; cookies hold no more than 4,096 bytes.
const MAX_NEXT: usize = 1_500;
/// Sign-ins that are remembered as used.
const MAX_USED: usize = 10_000;

/// What is sent along.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) cookie: String,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) challenge: String,
}

/// What is known again.
#[derive(Debug)]
pub(super) struct Back {
    pub(super) nonce: String,
    pub(super) verifier: String,
    pub(super) next: String,
}

/// All sign-ins.
pub(super) struct Flows {
    key: [u8; 32],
    /// Those that have come back, and when they would have ended.
    used: Mutex<HashMap<[u8; 32], u64>>,
}

impl Flows {
    pub(super) fn new() -> Option<Self> {
        let mut key = [0_u8; 32];
        getrandom::fill(&mut key).ok()?;
        Some(Self {
            key,
            used: Mutex::default(),
        })
    }

    /// Begins one. `origin`: what the browser calls us; `next`: where it wants to go.
    pub(super) fn begin(&self, origin: &str, next: &str, now: u64) -> Option<Begun> {
        let next = if next.len() > MAX_NEXT { "/" } else { next };
        let cookie = format!("{}.{now}.{}", password::random()?, URL_SAFE_NO_PAD.encode(next));
        let made = |what| self.made(what, origin, &cookie);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(made("verifier")?));
        Some(Begun {
            state: made("state")?,
            nonce: made("nonce")?,
            challenge,
            cookie,
        })
    }

    /// Knows one again, once.
    pub(super) fn back(
        &self,
        origin: &str,
        cookie: &str,
        state: &str,
        now: u64,
    ) -> Result<Back, &'static str> {
        let other = "this browser began another sign-in, or none";
        let made = |what| self.made(what, origin, cookie).ok_or(other);
        if !bool::from(made("state")?.as_bytes().ct_eq(state.as_bytes())) {
            return Err(other);
        }
        // What follows was written by us.
        let mut parts = cookie.split('.').skip(1);
        let began: u64 = parts.next().and_then(|t| t.parse().ok()).ok_or(other)?;
        let next = parts.next().and_then(|t| URL_SAFE_NO_PAD.decode(t).ok());
        let next = next.and_then(|b| String::from_utf8(b).ok()).ok_or(other)?;
        let ends = began.saturating_add(LIFE);
        if now >= ends {
            return Err("this sign-in took too long");
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, ends| now < *ends);
        if used.len() >= MAX_USED {
            return Err("too many sign in at once");
        }
        if used.insert(password::digest(cookie), ends).is_some() {
            return Err("this sign-in was used before");
        }
        Ok(Back {
            nonce: made("nonce")?,
            verifier: made("verifier")?,
            next,
        })
    }

    /// 256 bits that nobody else can make.
    fn made(&self, what: &str, origin: &str, cookie: &str) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        for part in [what, origin, cookie] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://ml.example";

    #[test]
    fn a_sign_in_comes_back_once_to_the_browser_that_began_it() {
        let flows = Flows::new().unwrap();
        let begun = flows.begin(HERE, "/a?b=c", 1_000).unwrap();
        let other = flows.begin(HERE, "/", 1_000).unwrap();
        assert!(begun.state != other.state && begun.nonce != other.nonce && begun.state != begun.nonce);
        let fails = |origin: &str, cookie: &str, state: &str, now| {
            flows.back(origin, cookie, state, now).unwrap_err()
        };
        let foreign = "this browser began another sign-in, or none";
        assert_eq!(fails(HERE, &other.cookie, &begun.state, 1_001), foreign);
        assert_eq!(fails(HERE, "", &begun.state, 1_001), foreign);
        assert_eq!(fails(HERE, &begun.cookie, "", 1_001), foreign);
        assert_eq!(
            fails("https://other.example", &begun.cookie, &begun.state, 1_001),
            foreign
        );
        let later = begun.cookie.replace(".1000.", ".9000.");
        assert_eq!(fails(HERE, &later, &begun.state, 9_001), foreign);
        assert_eq!(
            fails(HERE, &begun.cookie, &begun.state, 1_600),
            "this sign-in took too long"
        );
        let back = flows.back(HERE, &begun.cookie, &begun.state, 1_599).unwrap();
        assert_eq!((back.next.as_str(), &back.nonce), ("/a?b=c", &begun.nonce));
        assert_eq!(
            URL_SAFE_NO_PAD.encode(Sha256::digest(&back.verifier)),
            begun.challenge
        );
        assert_eq!(
            fails(HERE, &begun.cookie, &begun.state, 1_599),
            "this sign-in was used before"
        );
        assert_eq!(
            flows
                .begin(HERE, &"/a".repeat(2_000), 0)
                .unwrap()
                .cookie
                .split('.')
                .nth(2),
            Some("Lw")
        );
        let elsewhere = Flows::new().unwrap();
        assert!(
            elsewhere.back(HERE, &other.cookie, &other.state, 1_001).is_err(),
            "another process"
        );
    }
}
