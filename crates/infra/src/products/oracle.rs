//! What recorded answers prove.

use super::{Gain, PRODUCTS, Product, Sign};
use crate::service::{Exchange, ServiceDocument};

/// Whether a service asks who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It answers without a password.
    Open,
    /// It refuses foreign `Host` headers and nothing else; whoever sends another header is in.
    HostGuardOnly,
    /// It asks for a password or token.
    Protected,
    /// It is known what it is, not how it stands.
    Unknown,
}

impl State {
    /// The name in machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::HostGuardOnly => "HOST_GUARD_ONLY",
            Self::Protected => "PROTECTED",
            Self::Unknown => "IDENTIFIED_UNKNOWN",
        }
    }
}

/// What a conversation proves about one product.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The product.
    pub product: &'static Product,
    /// Its state.
    pub state: State,
    /// The exchange that proves the state, by its position in the document.
    pub proof: usize,
    /// The version it says it has.
    pub version: Option<String>,
}

impl Judgement {
    /// What an open one gives away.
    pub fn gain(&self) -> Gain {
        self.product.gain
    }
}

/// Judges a recorded conversation: the products it speaks with, each with its state.
///
/// Answers to requests that carried a credential prove nothing about strangers and are left out.
pub fn judge(document: &ServiceDocument) -> Vec<Judgement> {
    let exchanges: Vec<(usize, Seen<'_>)> = document
        .exchanges
        .iter()
        .enumerate()
        .filter(|(_, e)| e.is_anonymous() && e.method == "GET")
        .map(|(i, e)| (i, Seen::new(e)))
        .collect();
    PRODUCTS.iter().filter_map(|p| judge_one(p, &exchanges)).collect()
}

/// An exchange with its body made comparable.
struct Seen<'a> {
    exchange: &'a Exchange,
    body: String,
}

impl<'a> Seen<'a> {
    fn new(exchange: &'a Exchange) -> Self {
        let body = exchange.body.split_whitespace().collect();
        Self { exchange, body }
    }

    fn shows(&self, sign: &Sign) -> bool {
        let e = self.exchange;
        e.status == sign.status
            && e.plain_path() == sign.path
            && sign.body.iter().all(|part| self.body.contains(part))
            && sign
                .header
                .is_none_or(|(name, part)| e.header(name).is_some_and(|v| v.contains(part)))
    }
}

fn judge_one(product: &'static Product, exchanges: &[(usize, Seen<'_>)]) -> Option<Judgement> {
    let find = |signs: &[Sign]| {
        exchanges
            .iter()
            .find(|(_, seen)| signs.iter().any(|s| seen.shows(s)))
            .map(|(i, _)| *i)
    };
    let signs = &product.signs;
    let identity = find(signs.identity)?;
    // What is proved open once is open, whatever else it protects.
    let (state, proof) = if let Some(proof) = find(signs.open) {
        (State::Open, proof)
    } else if let Some(proof) = find(signs.protected) {
        (State::Protected, proof)
    } else if let Some(proof) = find(signs.host_guard) {
        (State::HostGuardOnly, proof)
    } else {
        (State::Unknown, identity)
    };
    let version = signs.version.and_then(|(path, before)| {
        let (_, seen) = exchanges
            .iter()
            .find(|(_, s)| s.exchange.plain_path() == path && s.exchange.status == 200)?;
        let (_, after) = seen.body.split_once(before)?;
        let version: String = after
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
            .take(40)
            .collect();
        version
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(version)
    });
    Some(Judgement {
        product,
        state,
        proof,
        version,
    })
}
