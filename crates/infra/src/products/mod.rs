//! The catalogue of platforms: one entry each, for configuration, for live answers, for gateways and for advisories.
//!
//! A status code is no state (MLflow answers 403 when it is *not* protected, TorchServe 400 when it is), so each entry
//! carries the answers that prove a state for exactly this product, and what answers the same in both modes proves none.
//! The one decision: entries are files under `data/products/`, and [`PRODUCTS`] is made of them before the program is
//! built (`tests/infra/catalogue.rs`), so that a start costs nothing and the compiler checks every field.

#[rustfmt::skip]
mod generated;
mod oracle;
mod planner;
mod seen;
mod start;
mod weak;

pub use generated::PRODUCTS;
pub use oracle::{Conversation, Judgement, Match, State, Surface, judge};
use oracle::{Hinted, Sort};
pub use planner::{CANARY, Plan, Request};
pub use start::{Access, Bind, Launch, launches};
pub(crate) use weak::Told;
pub use weak::{Weak, Weakness, is_placeholder};

use start::Start;

/// A platform that can be left open.
#[derive(Debug)]
pub struct Product {
    /// Short name for machine formats.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What somebody gets who reaches it without a password.
    pub gain: Gain,
    /// How it is closed, as an imperative.
    pub remedy: &'static str,
    /// The settings that close it, exactly: options, `NAME=value` of the environment, lines of configuration files.
    /// Empty where only a proxy in front of it can.
    pub settings: &'static [&'static str],
    /// The ports it listens on unless told otherwise, the main one first.
    pub ports: &'static [ProductPort],
    /// Container images that are it, without tag and registry of the hub; a `*` at the end stands for anything.
    pub images: &'static [&'static str],
    /// Names of its configuration files.
    pub files: &'static [&'static str],
    /// Ecosystem and name under which advisories speak of it.
    pub package: Option<(&'static str, &'static str)>,
    /// Whether it asks for a password when nobody says anything, newest versions first.
    pub defaults: &'static [DefaultAccess],
    /// The version whose answers were captured; `None` where they come from the vendor's documentation.
    pub captured: Option<&'static str>,
    /// Where the facts come from.
    pub sources: &'static [&'static str],
    /// The harmless requests that prove its state: only GET, no side effects, at most three.
    pub probes: &'static [Probe],
    /// Requests that are never sent, by anybody, because they do something.
    pub never: &'static [Never],
    /// Where it says its version.
    pub version: &'static [VersionSource],
    /// Why what it says there is not to be believed; empty where it is.
    pub version_caution: &'static str,
    /// What a proxy in front of it has to let through.
    pub proxy: Proxy,
    /// How it is started, and what opens and closes it then.
    pub(crate) start: Start,
    /// Settings that weaken it otherwise than by leaving it open.
    pub weak: &'static [Weak],
    /// The answers that mean something.
    pub(crate) answers: &'static [Answer],
}

impl Product {
    /// Whether it is known how it is started.
    pub(crate) fn has_starts(&self) -> bool {
        !self.start.programs.is_empty() || !self.start.servers.is_empty()
    }

    /// Whether `/` does not show that it is this product: it has no page for people.
    pub(crate) fn is_headless(&self) -> bool {
        let shows = |a: &Answer| {
            let is_front = a.path == "/" || a.path == LANDING;
            is_front && a.status.iter().any(|s| *s < 400)
        };
        !self.answers.iter().any(shows)
    }

    /// Settings of its configuration files that make it ask for a password.
    pub(crate) fn on_file(&self) -> &'static [&'static str] {
        self.start.on_file
    }

    /// Those that say where it listens.
    pub(crate) fn bind_file(&self) -> &'static [&'static str] {
        self.start.bind_file
    }

    /// Those that make it ask nobody.
    pub(crate) fn off_file(&self) -> &'static [&'static str] {
        self.start.off_file
    }

    /// What a version does when nobody says anything; nothing where the version is no version.
    pub fn default_of(&self, version: &str) -> Option<&'static DefaultAccess> {
        let asked = numbers(version)?;
        let mut entries = self.defaults.iter();
        entries.find(|d| d.since.is_empty() || numbers(d.since).is_some_and(|since| asked >= since))
    }
}

/// The numbers that a version starts with.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let plain = version.trim_start_matches('v');
    let mut out = Vec::new();
    for part in plain.split('.').take(4) {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let Some(number) = part.get(..digits).and_then(|d| d.parse().ok()) else {
            break;
        };
        out.push(number);
        if digits < part.len() {
            break;
        }
    }
    (!out.is_empty()).then_some(out)
}

/// A port of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProductPort {
    /// Its number.
    pub port: u16,
    /// What listens there: `http`, `grpc` or `tcp`.
    pub protocol: &'static str,
    /// What is reached there.
    pub what: &'static str,
}

/// Whether a version asks for a password when nobody says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultAccess {
    /// The first version of which it is true; empty for all before the entry above.
    pub since: &'static str,
    /// Whether it asks.
    pub asks: bool,
    /// In words.
    pub says: &'static str,
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

/// A request that does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Never {
    /// The path; a `*` at the end stands for anything.
    pub path: &'static str,
    /// What it does.
    pub why: &'static str,
}

impl Never {
    /// Whether a path, without its query, is meant.
    pub fn is(&self, path: &str) -> bool {
        match self.path.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path.trim_end_matches('/') == self.path.trim_end_matches('/'),
        }
    }
}

/// A place where a version is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionSource {
    /// The path whose answer says it.
    pub path: &'static str,
    /// Where in the answer.
    pub place: VersionPlace,
}

/// Where in an answer a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionPlace {
    /// At the end of this route of keys.
    Json(&'static [&'static str]),
    /// It is the whole body.
    Text,
    /// In the body after this, white space removed.
    After(&'static str),
    /// In a header, after this.
    Header(&'static str, &'static str),
}

/// What a proxy in front of a platform has to know. Patterns: `*` is one segment, `**` any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Paths that are let through.
    pub paths: &'static [&'static str],
    /// Paths that only read, with GET; empty where the product has no such mode.
    pub read: &'static [&'static str],
    /// Paths that only read although they are asked with POST: searches.
    pub read_post: &'static [&'static str],
    /// Paths that become a WebSocket.
    pub websocket: &'static [&'static str],
    /// Paths whose answers go on for long and must not be buffered.
    pub stream: &'static [&'static str],
    /// Paths that nobody needs from outside.
    pub deny: &'static [&'static str],
    /// Where the name of a model or artifact stands: `/models/{name}/versions/{version}`, the last part taking all that is
    /// left, and `/get?run&path` for values of the query.
    pub names: &'static [&'static str],
}

/// An answer that means something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// The path without its query; [`LANDING`] for the page that `/` leads to.
    pub path: &'static str,
    /// Any of these.
    pub status: &'static [u16],
    /// What the body says as JSON, all of it.
    pub json: &'static [Need],
    /// What the body holds, all of it; white space is removed on both sides.
    pub text: &'static [&'static str],
    /// What the body does not hold.
    pub without: &'static [&'static str],
    /// What headers hold.
    pub header: &'static [(&'static str, &'static str)],
    /// What follows from it.
    pub means: &'static [Meaning],
    /// Of which part.
    pub surface: &'static str,
}

/// Stands for the page that `/` leads to, in [`Answer::path`].
pub(crate) const LANDING: &str = ">";

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It is this product.
    Product,
    /// Two of these together: it is this product.
    Part,
    /// It may be this product: worth asking, proves nothing.
    Hint,
    /// The surface answers strangers.
    Open,
    /// The surface answers strangers, and only reads.
    Read,
    /// The surface asks for a password.
    Protected,
    /// Anybody may make an account.
    Signup,
    /// Whoever comes first becomes its administrator.
    Setup,
    /// It refuses the `Host` header, which is no authentication.
    Guard,
}

/// Something that a JSON body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// Keys and indices from the root.
    pub at: &'static [&'static str],
    /// What is there.
    pub is: Is,
}

/// What a value of JSON is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    Any,
    Text,
    Number,
    Array,
    Object,
    Null,
    True,
    False,
    /// This text.
    Equals(&'static str),
    /// A text with this in it.
    Holds(&'static str),
    /// An object with so many keys, or an array with so many items.
    Size(usize),
}

#[cfg(test)]
mod tests {
    use super::{Never, PRODUCTS};

    #[test]
    fn a_default_moves_with_the_version() {
        let asks = |id: &str, version: &str| {
            let product = PRODUCTS.iter().find(|p| p.id == id).unwrap();
            product.default_of(version).map(|d| d.asks)
        };
        assert_eq!(asks("torchserve", "0.11.0"), Some(false));
        assert_eq!(asks("torchserve", "0.12.0"), Some(true));
        assert_eq!(asks("flowise", "v3.0.6"), Some(true));
        assert_eq!(asks("flowise", "2.2.8"), Some(false));
        assert_eq!(asks("litellm", "1.106.2.post1"), Some(true));
        assert_eq!(asks("litellm", "unknown"), None);
    }

    #[test]
    fn what_is_never_sent_is_known_in_every_spelling() {
        let never = |path| Never { path, why: "" };
        assert!(never("/health").is("/health/") && !never("/health").is("/health/liveliness"));
        assert!(never("/voila/render/*").is("/voila/render/a.ipynb"));
    }
}
