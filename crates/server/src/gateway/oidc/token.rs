//! The ID token: whose it is, for whom, from whom and until when.
//!
//! The order matters: nothing that stands in a token is believed before its signature is good, except which key is meant.

use super::{
    keys::{Algorithm, Keys},
    strict::Object,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

/// Longest token.
const MAX: usize = 64 << 10;
/// How far clocks may differ, in seconds.
const SKEW: u64 = 60;
/// How long ago a token may have been made: it comes straight from the provider.
const AGE: u64 = 600;
/// Groups that are looked at.
const MAX_GROUPS: usize = 1_000;

/// What a token has to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
    pub(super) groups: &'a str,
    /// Seconds since 1970.
    pub(super) now: u64,
}

/// Who somebody is at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Never changes and never comes to stand for somebody else.
    pub(super) subject: String,
    /// Only where the provider says that it is theirs.
    pub(super) email: Option<String>,
    pub(super) groups: Vec<String>,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disbelief {
    /// There is no such key; perhaps it is new.
    UnknownKey,
    /// Anything else.
    Not(&'static str),
}

/// A token whose parts have been taken from each other, and of which nothing is believed.
#[derive(Debug)]
pub(super) struct Token<'a> {
    algorithm: Algorithm,
    key: Option<String>,
    message: &'a [u8],
    signature: Vec<u8>,
    claims: &'a str,
}

impl<'a> Token<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, &'static str> {
        let odd = "the ID token is none";
        if text.len() > MAX {
            return Err("the ID token is too long");
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(odd)?;
        let (head, claims) = signed.split_once('.').ok_or(odd)?;
        if claims.contains('.') {
            return Err(odd);
        }
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| odd);
        let head = Object::read(&bytes(head)?).ok_or(odd)?;
        if head.get("crit").is_some() {
            return Err("the ID token needs what is not known here");
        }
        let kind = head.get("typ").is_none_or(|t| {
            t.as_str()
                .is_some_and(|t| t.eq_ignore_ascii_case("JWT") || t.eq_ignore_ascii_case("application/jwt"))
        });
        if !kind {
            return Err("this is not an ID token");
        }
        let algorithm = head.text("alg").and_then(Algorithm::named);
        let key = match head.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(odd),
        };
        Ok(Self {
            algorithm: algorithm.ok_or("the ID token is signed in a way that is not allowed")?,
            key,
            message: signed.as_bytes(),
            signature: bytes(signature)?,
            claims,
        })
    }

    /// Who it is, if all of it is good.
    pub(super) fn believed(&self, keys: &Keys, expected: &Expected<'_>) -> Result<Identity, Disbelief> {
        match keys.verify(self.algorithm, self.key.as_deref(), self.message, &self.signature) {
            Some(true) => {}
            Some(false) => return Err(Disbelief::Not("the signature of the ID token is wrong")),
            None => return Err(Disbelief::UnknownKey),
        }
        let claims = URL_SAFE_NO_PAD
            .decode(self.claims)
            .ok()
            .and_then(|b| Object::read(&b));
        let claims = claims.ok_or(Disbelief::Not("the ID token is none"))?;
        judged(&claims, expected).map_err(Disbelief::Not)
    }
}

/// Whether claims that somebody signed are for us, from now, and whose they are.
pub(super) fn judged(claims: &Object, expected: &Expected<'_>) -> Result<Identity, &'static str> {
    if claims.text("iss") != Some(expected.issuer) {
        return Err("the ID token is from somebody else");
    }
    let audience = claims.texts("aud");
    let authorised = claims.get("azp").map(|a| a.as_str() == Some(expected.client));
    let alone = match claims.get("aud") {
        Some(Value::Array(all)) => all.len() == 1,
        _ => true,
    };
    // One for several has to say that it was made for us.
    let ours = audience.contains(&expected.client) && authorised.unwrap_or(alone);
    if !ours {
        return Err("the ID token is for somebody else");
    }
    let soon = expected.now.saturating_add(SKEW);
    let expires = claims
        .seconds("exp")
        .ok_or("the ID token does not say when it ends")?;
    if expires.saturating_add(SKEW) <= expected.now {
        return Err("the ID token has ended");
    }
    match (claims.get("nbf"), claims.seconds("nbf")) {
        (None, _) => {}
        (Some(_), Some(from)) if from <= soon => {}
        _ => return Err("the ID token is not good yet"),
    }
    let made = claims
        .seconds("iat")
        .ok_or("the ID token does not say when it was made")?;
    if made > soon || made.saturating_add(AGE).saturating_add(SKEW) < expected.now {
        return Err("the ID token was not made now");
    }
    let nonce = claims.text("nonce").unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err("the ID token answers another question");
    }
    let subject = claims
        .text("sub")
        .filter(|s| (1..=255).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
    let verified = match claims.get("email_verified") {
        Some(Value::Bool(yes)) => *yes,
        // Some providers write it as text.
        Some(Value::String(text)) => text == "true",
        _ => false,
    };
    let plain = |e: &&str| {
        e.len() <= 254
            && e.matches('@').count() == 1
            && !e.contains(|c: char| c.is_control() || c.is_whitespace())
    };
    let groups = claims.texts(expected.groups).into_iter().take(MAX_GROUPS);
    Ok(Identity {
        subject: subject.ok_or("the ID token does not say whose it is")?.to_owned(),
        email: claims
            .text("email")
            .filter(plain)
            .filter(|_| verified)
            .map(str::to_owned),
        groups: groups.map(str::to_owned).collect(),
    })
}
