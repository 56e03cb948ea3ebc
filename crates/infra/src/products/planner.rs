//! Which request comes next.
//!
//! Few and harmless: a path that nobody has, `/`, then what the port and those two answers make likely, and only when
//! none of that is anything the paths that most products share, first those of products that have no front page to be
//! known by. It plans; whoever sends decides whether to. Nothing on the deny-list of *any* product is ever planned, since
//! it is not known yet what answers.

use super::{Conversation, Hinted, PRODUCTS, Probe, Product, Sort};

/// The start of a path that no service has.
pub const CANARY: &str = "/wellhead-canary-";

/// At most so many requests to one port.
const CAP: usize = 48;
/// After so many requests no more paths are tried that neither the port nor an answer speaks for.
const ENOUGH: usize = 12;
/// The same where it says "not found" in JSON and in its own words: as many as the products without a front page need.
const ENOUGH_OF_API: usize = 16;
/// What one product without a front page counts for, among those that a path tells of.
const HEADLESS: usize = 4;
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
        let hinted = |strength| {
            let all = PRODUCTS.iter();
            all.filter(move |p| conversation.hints_at(p) == strength)
        };
        let strong = hinted(Hinted::Strongly).flat_map(|p| self.left(p)).next();
        let weak: Vec<&Product> = hinted(Hinted::Weakly).collect();
        strong.or_else(|| self.first_questions(&weak)).or_else(|| {
            let enough = match conversation.sort() {
                Sort::Api if weak.is_empty() => ENOUGH_OF_API,
                Sort::Mute if weak.is_empty() => CAP,
                _ => ENOUGH,
            };
            let of_port = PRODUCTS.iter().filter(|p| self.is_of_port(p)).collect();
            let further = [weak, of_port];
            let further = || further.iter().find_map(|all| self.further_questions(all));
            let more = self.asked.len() < enough;
            more.then(|| further().or_else(|| self.shared())).flatten()
        })
    }

    fn is_of_port(&self, product: &Product) -> bool {
        let mut ports = product.ports.iter();
        ports.any(|q| q.port == self.port && q.protocol == "http")
    }

    /// The most telling question of each product that the port or a "not found" makes likely: first of those that both do,
    /// then by how many share it.
    fn first_questions(&self, weak: &[&'static Product]) -> Option<Request> {
        let is_weak = |p: &Product| weak.iter().any(|w| std::ptr::eq(*w, p));
        self.most_telling(|p| match (self.is_of_port(p), is_weak(p)) {
            (true, true) => PRODUCTS.len(),
            (true, false) | (false, true) => 1,
            (false, false) => 0,
        })
    }

    /// What else these products are asked, each its second question before any its third.
    fn further_questions(&self, products: &[&'static Product]) -> Option<Request> {
        let questions = (1..PER_PRODUCT).flat_map(|i| products.iter().filter_map(move |p| p.probes.get(i)));
        questions.filter_map(|probe| self.request(probe)).next()
    }

    /// The question that tells most of the products that nothing was asked of yet.
    fn shared(&self) -> Option<Request> {
        let unasked = |p: &Product| !p.probes.iter().any(|q| self.was_asked(q.path, None));
        self.most_telling(|p| match (unasked(p), p.is_headless()) {
            (true, true) => HEADLESS,
            (true, false) => 1,
            (false, _) => 0,
        })
    }

    /// The first question that weighs most with all products whose first question it is, where it was not asked; the order
    /// of the catalogue decides between equals.
    fn most_telling(&self, weight: impl Fn(&Product) -> usize) -> Option<Request> {
        let weighed: Vec<(&Probe, usize)> = PRODUCTS
            .iter()
            .filter_map(|p| Some((p.probes.first()?, weight(p))))
            .filter(|(probe, weight)| *weight > 0 && !self.was_asked(probe.path, None))
            .collect();
        let total = |path: &str| -> usize {
            let of_path = weighed.iter().filter(|(probe, _)| probe.path == path);
            of_path.fold(0, |sum, (_, w)| sum.saturating_add(*w))
        };
        let heaviest = weighed.iter().map(|(probe, _)| total(probe.path)).max()?;
        let (probe, _) = weighed.iter().find(|(probe, _)| total(probe.path) == heaviest)?;
        self.request(probe)
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
