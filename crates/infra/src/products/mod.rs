//! The catalogue of platforms: one entry each, for configuration and for live answers.
//!
//! A status code is no state (MLflow answers 403 when it is *not* protected, TorchServe 400 when it is), so each entry
//! carries the signs that prove a state for exactly this product, and what answers the same in both modes is no sign.

mod oracle;
mod start;
mod table;

pub use oracle::{Judgement, State, judge};
pub use start::{Access, Exposure, Reach, exposures};
pub use table::PRODUCTS;

use crate::resource::{Command, Resource};
use start::Launch;

/// A platform that can be left open.
#[derive(Debug)]
pub struct Product {
    /// Short name for machine formats.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The port it listens on unless told otherwise; 0 where there is none.
    pub port: u32,
    /// Further ports through which the same is reached.
    pub more_ports: &'static [u32],
    /// What somebody gets who reaches it without a password.
    pub gain: Gain,
    /// How it is closed, as an imperative.
    pub remedy: &'static str,
    /// The harmless requests that prove its state: only GET, no side effects, at most three.
    pub probes: &'static [Probe],
    /// Whether a command starts it, and how.
    pub(crate) launch: fn(&Resource, &Command) -> Option<Launch>,
    /// What its answers prove.
    pub(crate) signs: Signs,
}

/// The worst that an open platform gives away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gain {
    /// Reading data, metrics or models.
    Data,
    /// Changing or deleting them too: models can be replaced.
    Write,
    /// Running code.
    Code,
}

impl Gain {
    /// What anybody can do, as the end of "anyone who reaches it …".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Data => "can read what it shows",
            Self::Write => "can read and replace models and results",
            Self::Code => "can run code on it",
        }
    }
}

/// A request that proves something and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The path, with its query.
    pub path: &'static str,
    /// A `Host` header to send instead of the address, where a guard would hide the state otherwise.
    pub host: Option<&'static str>,
}

/// The signs of one product.
#[derive(Debug)]
pub(crate) struct Signs {
    /// Any of these: it is this product.
    pub identity: &'static [Sign],
    /// Any of these: it answers without a password.
    pub open: &'static [Sign],
    /// Any of these: it asks for one.
    pub protected: &'static [Sign],
    /// Any of these: it refuses the `Host` header, which is no authentication.
    pub host_guard: &'static [Sign],
    /// Where it says its version: a path and what stands before the version.
    pub version: Option<(&'static str, &'static str)>,
}

/// An answer that means something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sign {
    pub path: &'static str,
    pub status: u16,
    /// What the body holds, all of it; white space is removed on both sides.
    pub body: &'static [&'static str],
    /// What a header holds.
    pub header: Option<(&'static str, &'static str)>,
}
