//! Which request comes next.
//!
//! Few and harmless: a path that nobody has, `/`, then what the port and those two answers make likely, and only when
//! none of that is anything the paths that most products share. It plans; whoever sends decides whether to. Nothing on
//! the deny-list of *any* product is ever planned, since it is not known yet what answers.

use super::{Conversation, PRODUCTS, Probe, Product};

/// The start of a path that no service has.
pub const CANARY: &str = "/wellhead-canary-";

/// At most so many requests to one port.
const CAP: usize = 48;
/// At most so many to one whose first answers promise little.
const CAP_OF_SPENT: usize = 12;
/// At most so many for one product.
const PER_PRODUCT: usize = 3;

/// A request that may be sent: GET, without a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Path and query.
    pub path: String,
    /// A `Host` header to send instead of the address.
    pub host: Option<&'static str>,
}

/// The requests to one port, one after the other.
#[derive(Clone, Debug)]
pub struct Plan {
    port: u16,
    canary: String,
    tricks: bool,
    asked: Vec<Request>,
}

impl Plan {
    /// A plan for a port. `token` makes the path that nobody has; `tricks` allows requests with a `Host` header of their
    /// own, which classify a guard and are for targets in scope only.
    pub fn new(port: u16, token: u64, tricks: bool) -> Self {
        Self {
            port,
            canary: format!("{CANARY}{token:016x}"),
            tricks,
            asked: Vec::new(),
        }
    }

    /// Everything that a plan for any port may come to ask, beside a path that nobody has and the one that `/` leads to.
    pub fn everything(tricks: bool) -> Vec<Request> {
        let mut all: Vec<Request> = Vec::new();
        let probes = PRODUCTS.iter().flat_map(|p| p.probes.iter().take(PER_PRODUCT));
        for probe in probes {
            let request = Request {
                path: probe.path.to_owned(),
                host: probe.host.filter(|_| tricks),
            };
            if !all.contains(&request) {
                all.push(request);
            }
        }
        all
    }

    /// At most so many requests are sent to one port.
    pub const MOST: usize = CAP;

    /// What was asked so far.
    pub fn asked(&self) -> &[Request] {
        &self.asked
    }

    /// The next request, in the light of what was answered so far; nothing when enough is known, or nothing is left.
    pub fn next(&mut self, conversation: &Conversation<'_>) -> Option<Request> {
        if self.asked.len() >= CAP {
            return None;
        }
        let request = self.choose(conversation)?;
        self.asked.push(request.clone());
        Some(request)
    }

    fn choose(&self, conversation: &Conversation<'_>) -> Option<Request> {
        let front = [self.canary.as_str(), "/"].map(Some);
        let first = front.into_iter().chain([conversation.landing()]).flatten();
        for path in first {
            if !self.was_asked(path, None) && !is_denied(path) {
                let path = path.to_owned();
                return Some(Request { path, host: None });
            }
        }
        let identified = conversation.identify();
        if !identified.is_empty() {
            // One port is one product: what is known to be here is asked to the end, nothing else is.
            return identified.iter().flat_map(|m| self.left(m.product)).next();
        }
        let enough = self.asked.len() >= CAP_OF_SPENT && conversation.is_spent();
        let shared = || (!enough).then(|| self.shared()).flatten();
        self.likely(conversation).or_else(shared)
    }

    /// What the port and the first answers make likely. A port says little, so each product of it is asked its most telling
    /// question before any is asked its second.
    fn likely(&self, conversation: &Conversation<'_>) -> Option<Request> {
        let by_answer = PRODUCTS.iter().filter(|p| conversation.hints_at(p));
        if let Some(request) = by_answer.flat_map(|p| self.left(p)).next() {
            return Some(request);
        }
        let is_of_port = |p: &&Product| {
            p.ports
                .iter()
                .any(|q| q.port == self.port && q.protocol == "http")
        };
        let by_port = || PRODUCTS.iter().filter(is_of_port);
        let questions = (0..PER_PRODUCT).flat_map(|i| by_port().filter_map(move |p| p.probes.get(i)));
        questions.filter_map(|probe| self.request(probe)).next()
    }

    /// The path that tells most of the products that nothing was asked of yet; the order of the catalogue decides between
    /// equals.
    fn shared(&self) -> Option<Request> {
        let unasked = |p: &&Product| !p.probes.iter().any(|q| self.was_asked(q.path, None));
        let open: Vec<&'static Probe> = PRODUCTS
            .iter()
            .filter(unasked)
            .filter_map(|p| p.probes.first())
            .collect();
        let weight = |probe: &Probe| open.iter().filter(|o| o.path == probe.path).count();
        let heaviest = open.iter().map(|p| weight(p)).max()?;
        let first = open.iter().find(|p| weight(p) == heaviest)?;
        self.request(first)
    }

    /// The probes of a product that were not sent yet.
    fn left<'s>(&'s self, product: &'static Product) -> impl Iterator<Item = Request> + 's {
        let probes = product.probes.iter().take(PER_PRODUCT);
        probes.filter_map(|probe| self.request(probe))
    }

    fn request(&self, probe: &Probe) -> Option<Request> {
        let host = probe.host.filter(|_| self.tricks);
        (!self.was_asked(probe.path, host)).then(|| Request {
            path: probe.path.to_owned(),
            host,
        })
    }

    fn was_asked(&self, path: &str, host: Option<&str>) -> bool {
        self.asked.iter().any(|r| r.path == path && r.host == host)
    }
}

/// Whether a path does something on any product. No probe is one, which a test holds; where `/` leads to is not ours.
fn is_denied(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    PRODUCTS.iter().flat_map(|p| p.never).any(|n| n.is(path))
}
