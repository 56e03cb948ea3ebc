//! Passwords and tokens: what is kept of them, and how they are compared.
//!
//! A password is chosen by a person, so it is kept as Argon2id with the cost that OWASP recommends. A token is 256 random
//! bits, which nobody guesses, so its SHA-256 is enough and costs nothing at every request.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What a token starts with, so that scanners for leaked secrets know one.
pub(crate) const TOKEN_PREFIX: &str = "whg_";
/// Longest password; longer ones only cost time.
pub(crate) const MAX_PASSWORD: usize = 512;
/// Kibibytes, passes and lanes of a new password: OWASP's first choice for Argon2id is of this cost.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// What is kept of a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hashed {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    hash: String,
}

impl Hashed {
    /// Hashes a password with a salt of its own. Nothing where the system has no randomness.
    pub(crate) fn new(password: &str) -> Option<Self> {
        let mut salt = [0_u8; 16];
        getrandom::fill(&mut salt).ok()?;
        let (memory, passes, lanes) = COST;
        let hash = argon2id(password, &salt, COST)?;
        Some(Self {
            memory,
            passes,
            lanes,
            salt: URL_SAFE_NO_PAD.encode(salt),
            hash: URL_SAFE_NO_PAD.encode(hash),
        })
    }

    /// Whether a password is this one. Takes a few hundredths of a second and 19 MB.
    pub(crate) fn is(&self, password: &str) -> bool {
        let cost = (self.memory, self.passes, self.lanes);
        let salt = URL_SAFE_NO_PAD.decode(&self.salt);
        let hash = URL_SAFE_NO_PAD.decode(&self.hash);
        match (salt, hash) {
            (Ok(salt), Ok(hash)) => argon2id(password, &salt, cost).is_some_and(|h| h.ct_eq(&hash).into()),
            _ => false,
        }
    }

    /// Whether it can be computed, within reason.
    pub(crate) fn is_sound(&self) -> bool {
        let bounds = self.memory >= 8_192
            && self.memory <= 1 << 20
            && (1..=16).contains(&self.passes)
            && self.lanes == 1;
        let long = |text: &str, least: usize| URL_SAFE_NO_PAD.decode(text).is_ok_and(|b| b.len() >= least);
        bounds && long(&self.salt, 16) && long(&self.hash, 32)
    }
}

fn argon2id(password: &str, salt: &[u8], (memory, passes, lanes): (u32, u32, u32)) -> Option<[u8; 32]> {
    let mut out = [0_u8; 32];
    let params = Params::new(memory, passes, lanes, Some(out.len())).ok()?;
    let function = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    function
        .hash_password_into(password.as_bytes(), salt, &mut out)
        .ok()?;
    Some(out)
}

/// 256 random bits as text.
pub(crate) fn random() -> Option<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// A new token.
pub(crate) fn token() -> Option<String> {
    Some(format!("{TOKEN_PREFIX}{}", random()?))
}

/// A new password: 120 random bits that can be typed.
pub(crate) fn password() -> Option<String> {
    let text: String = random()?
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(20)
        .collect();
    // So few letters come of 43 signs once in the age of the universe.
    (text.len() == 20).then_some(text)
}

/// What is kept of a token or a session.
pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// As text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// From text: 64 lower-case digits and nothing else.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0_u8; 32];
    let plain = text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    for (at, slot) in out.iter_mut().enumerate().filter(|_| plain) {
        let start = at.saturating_mul(2);
        *slot = u8::from_str_radix(text.get(start..start.saturating_add(2))?, 16).ok()?;
    }
    plain.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again() {
        let kept = Hashed::new("correct horse").unwrap();
        assert!(kept.is_sound() && kept.is("correct horse"));
        assert!(!kept.is("correct hors") && !kept.is(""));
        assert_ne!(
            kept,
            Hashed::new("correct horse").unwrap(),
            "each has its own salt"
        );
    }

    #[test]
    fn what_is_kept_of_a_password_is_bounded() {
        let kept = Hashed::new("a").unwrap();
        for (memory, passes) in [(8, 2), (u32::MAX, 2), (19_456, 0), (19_456, 1000)] {
            assert!(
                !Hashed {
                    memory,
                    passes,
                    ..kept.clone()
                }
                .is_sound()
            );
        }
        assert!(
            !Hashed {
                hash: String::new(),
                ..kept.clone()
            }
            .is_sound()
        );
        assert!(
            !Hashed {
                salt: "!".to_owned(),
                ..kept
            }
            .is_sound()
        );
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, two) = (token().unwrap(), token().unwrap());
        assert!(one != two && one.len() == 47 && one.starts_with("whg_"));
        assert_eq!(password().unwrap().len(), 20);
        assert_eq!(unhex(&hex(&digest(&one))), Some(digest(&one)));
        for text in ["", "ab", &"g".repeat(64), &"A".repeat(64), &"é".repeat(32)] {
            assert!(unhex(text).is_none(), "{text}");
        }
    }
}
