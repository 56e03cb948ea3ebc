//! Tokens and keys that lie where they can be read.

mod indexes;
mod leaked_token;
mod redact;
mod shapes;

pub use redact::{redact, redact_finding};

use crate::{Check, Registered};

pub(crate) static RULES: &[Registered] = &[Registered {
    rule: &leaked_token::LEAKED_TOKEN,
    check: Check::Text(leaked_token::check),
}];
