//! What recorded answers prove.
//!
//! Pure: it gets exchanges and says which products speak in them and whether they ask who is there. An answer that a
//! path nobody has gives as well (the canary) proves nothing, and neither does one to a request with a credential.

use super::seen::{Seen, at, squeeze};
use super::{Answer, CANARY, Gain, Meaning, PRODUCTS, Product, VersionPlace};
use crate::resource::is_loopback;
use crate::service::{Exchange, ServiceDocument};
use std::collections::HashMap;

/// Whether a service asks who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It answers without a password.
    Open,
    /// It answers without a password where that only reads; what changes something asks, or was not asked.
    OpenRead,
    /// It asks for a password, and gives one to everybody who signs up.
    SignupOpen,
    /// Nobody has set it up: whoever comes first becomes its administrator.
    SetupUnclaimed,
    /// It refuses foreign `Host` headers and nothing else; whoever sends another header is in.
    HostGuardOnly,
    /// It asks for a password in some places and not in others.
    ProtectedPartial,
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
            Self::OpenRead => "OPEN_READ",
            Self::SignupOpen => "SIGNUP_OPEN",
            Self::SetupUnclaimed => "SETUP_UNCLAIMED",
            Self::HostGuardOnly => "HOST_GUARD_ONLY",
            Self::ProtectedPartial => "PROTECTED_PARTIAL",
            Self::Protected => "PROTECTED",
            Self::Unknown => "IDENTIFIED_UNKNOWN",
        }
    }
}

/// Whether it is worth asking for a product that is not known to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hinted {
    /// Nothing speaks for it.
    No,
    /// Only how "not found" is said, which many have in common.
    Weakly,
    /// Something of its own.
    Strongly,
}

/// What a server is like of which no product is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// It has pages for people, greets, refuses or sends on: those of the catalogue that do so say who they are.
    Plain,
    /// It has nothing at `/`, and says so in JSON.
    Api,
    /// It has nothing at `/`, and says so in a way that tells nothing.
    Mute,
}

/// A product that speaks in a conversation, and the exchange that shows it.
#[derive(Clone, Copy, Debug)]
pub struct Match {
    /// The product.
    pub product: &'static Product,
    /// The exchange, by its position.
    pub proof: usize,
}

/// A part of a service and whether it answers strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surface {
    /// What it is called.
    pub name: &'static str,
    /// Whether it answers.
    pub open: bool,
    /// The exchange that shows it, by its position.
    pub proof: usize,
}

/// What a conversation proves about one product.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The product.
    pub product: &'static Product,
    /// Its state.
    pub state: State,
    /// The exchange that proves the state, by its position in the conversation.
    pub proof: usize,
    /// Its parts that are known to answer or to ask.
    pub surfaces: Vec<Surface>,
    /// The version it says it has.
    pub version: Option<String>,
}

impl Judgement {
    /// What an open one gives away.
    pub fn gain(&self) -> Gain {
        self.product.gain
    }

    /// The names of the parts that answer strangers.
    pub fn open_surfaces(&self) -> impl Iterator<Item = &'static str> {
        self.surfaces.iter().filter(|s| s.open).map(|s| s.name)
    }
}

/// Judges a recorded conversation: the products it speaks with, each with its state.
pub fn judge(document: &ServiceDocument) -> Vec<Judgement> {
    let conversation = Conversation::of(document);
    let matches = conversation.identify();
    matches
        .iter()
        .map(|m| conversation.judge(m.product, m.proof))
        .collect()
}

/// A path that `/` leads to is no longer.
const LANDING_PATH: usize = 256;
/// So many answers to paths that nobody has are compared; a plan asks for one.
const CANARIES: usize = 8;

/// Exchanges with one service, made comparable.
pub struct Conversation<'a> {
    seen: Vec<Seen<'a>>,
    /// Positions in `seen` by path without a slash at the end, so that each answer of the catalogue costs what it finds.
    by_path: HashMap<&'a str, Vec<usize>>,
    canaries: Vec<Seen<'a>>,
    landing: Option<String>,
    local: bool,
}

impl<'a> Conversation<'a> {
    /// Of a recorded document.
    pub fn of(document: &'a ServiceDocument) -> Self {
        Self::new(&document.service, &document.exchanges)
    }

    /// Of exchanges with the service at that address.
    ///
    /// Answers to requests that carried a credential prove nothing about strangers and are left out.
    pub fn new(service: &str, exchanges: &'a [Exchange]) -> Self {
        let counted = exchanges.iter().enumerate();
        let (mut canaries, seen): (Vec<_>, Vec<_>) = counted
            .filter(|(_, e)| e.is_anonymous() && e.method == "GET")
            .map(|(i, e)| Seen::new(i, e))
            .partition(|s| s.exchange.path.starts_with(CANARY));
        canaries.truncate(CANARIES);
        let landing = seen.iter().find_map(|s| landing(s, service));
        let mut by_path: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, one) in seen.iter().enumerate() {
            by_path
                .entry(bare(one.exchange.plain_path()))
                .or_default()
                .push(i);
        }
        Self {
            seen,
            by_path,
            canaries,
            landing,
            local: is_loopback(host_of(service)),
        }
    }

    /// Where `/` leads to on the same host; `/` itself where it leads nowhere.
    pub fn landing(&self) -> Option<&str> {
        self.landing.as_deref()
    }

    /// What sort of server this is, by `/` and a path that nobody has.
    pub(super) fn sort(&self) -> Sort {
        let front = self.by_path.get(bare("/")).into_iter().flatten();
        let front = front.filter_map(|at| self.seen.get(*at)).next();
        let says = |part: &str, seen: &Seen<'_>| {
            let kind = seen.header_value("content-type");
            kind.is_some_and(|t| t.contains(part))
        };
        let silent = |seen: &Seen<'_>| seen.exchange.status == 404 && !says("text/html", seen);
        match (front, self.canaries.first()) {
            (Some(front), Some(canary)) if silent(front) && silent(canary) => {
                if says("json", front) || front.json().is_some() {
                    Sort::Api
                } else {
                    Sort::Mute
                }
            }
            _ => Sort::Plain,
        }
    }

    /// The products that speak here, in the order of the catalogue.
    pub fn identify(&self) -> Vec<Match> {
        let one = |product: &'static Product| {
            let whole = self.find(product, Meaning::Product).map(|(proof, _)| proof);
            let proof = whole.or_else(|| {
                let (first, _) = self.find(product, Meaning::Part)?;
                let mut parts = self.all(product.answers, Meaning::Part);
                parts.any(|(s, _)| s.at != first).then_some(first)
            })?;
            Some(Match { product, proof })
        };
        PRODUCTS.iter().filter_map(one).collect()
    }

    /// Whether anything here makes a product worth asking.
    pub(super) fn hints_at(&self, product: &Product) -> Hinted {
        let weak = |seen: &Seen<'_>| seen.exchange.status == 404 && seen.exchange.plain_path() == "/";
        let mut hints = [Meaning::Hint, Meaning::Part]
            .into_iter()
            .flat_map(|meaning| self.all(product.answers, meaning))
            .map(|(seen, _)| {
                if weak(seen) {
                    Hinted::Weakly
                } else {
                    Hinted::Strongly
                }
            });
        let first = hints.next().unwrap_or(Hinted::No);
        hints.fold(first, Ord::max)
    }

    /// What is proved about a product that `identity` shows to be here.
    pub fn judge(&self, product: &'static Product, identity: usize) -> Judgement {
        let surfaces = self.surfaces(product);
        let (state, proof) = self
            .state(product, &surfaces)
            .unwrap_or((State::Unknown, identity));
        Judgement {
            product,
            state,
            proof,
            surfaces,
            version: self.version(product),
        }
    }

    /// The first exchange that an answer of that meaning is seen in.
    fn find(&self, product: &Product, meaning: Meaning) -> Option<(usize, &'static Answer)> {
        self.all(product.answers, meaning).next().map(|(s, a)| (s.at, a))
    }

    fn all<'s>(
        &'s self,
        answers: &'static [Answer],
        meaning: Meaning,
    ) -> impl Iterator<Item = (&'s Seen<'a>, &'static Answer)> {
        let answers = answers.iter().filter(move |a| a.means.contains(&meaning));
        answers.filter_map(move |a| Some((self.shows(a, meaning)?, a)))
    }

    fn shows(&self, answer: &Answer, meaning: Meaning) -> Option<&Seen<'a>> {
        let seen = self.answers_of(answer.path).find(|s| s.says(answer))?;
        // What refuses or sends on every path does so to the canary too, and means it; everything else must be its own.
        let own = !matches!(seen.exchange.status, 300..=399 | 400 | 401 | 403);
        // A front page that stands for every path still says whose it is, never how it stands.
        let front = answer.path == "/" || answer.path == super::LANDING;
        let front = front && matches!(meaning, Meaning::Product | Meaning::Part | Meaning::Hint);
        let catch_all = own && !front && self.canaries.iter().any(|c| c.says(answer));
        (!catch_all).then_some(seen)
    }

    /// The answers to a path, in order.
    fn answers_of(&self, path: &str) -> impl Iterator<Item = &Seen<'a>> {
        let path = if path == super::LANDING {
            self.landing()
        } else {
            Some(path)
        };
        let found = path.and_then(|p| self.by_path.get(bare(p)));
        found.into_iter().flatten().filter_map(|i| self.seen.get(*i))
    }

    fn surfaces(&self, product: &Product) -> Vec<Surface> {
        let mut out: Vec<Surface> = Vec::new();
        for (meaning, open) in [
            (Meaning::Open, true),
            (Meaning::Read, true),
            (Meaning::Protected, false),
        ] {
            for (seen, answer) in self.all(product.answers, meaning) {
                // What answered once is open, whatever refused beside it.
                if out.iter().all(|s| s.name != answer.surface) {
                    out.push(Surface {
                        name: answer.surface,
                        open,
                        proof: seen.at,
                    });
                }
            }
        }
        out
    }

    fn state(&self, product: &Product, surfaces: &[Surface]) -> Option<(State, usize)> {
        if let Some((proof, _)) = self.find(product, Meaning::Setup) {
            return Some((State::SetupUnclaimed, proof));
        }
        let asks = surfaces.iter().find(|s| !s.open);
        if let Some((proof, answer)) = self.find(product, Meaning::Open) {
            if asks.is_some_and(|s| s.name != answer.surface) {
                return Some((State::ProtectedPartial, proof));
            }
            let guard = self
                .find(product, Meaning::Guard)
                .filter(|_| self.only_by_trick(product));
            return Some(guard.map_or((State::Open, proof), |_| (State::HostGuardOnly, proof)));
        }
        if let Some((proof, _)) = self.find(product, Meaning::Read) {
            return Some((State::OpenRead, proof));
        }
        if let Some((proof, _)) = self.find(product, Meaning::Signup) {
            return Some((State::SignupOpen, proof));
        }
        // A gate before one part says nothing of a part that was not seen.
        let open = product
            .answers
            .iter()
            .filter(|a| a.means.contains(&Meaning::Open) || a.means.contains(&Meaning::Read));
        let seen = |a: &Answer| surfaces.iter().any(|s| s.name == a.surface);
        if let Some(asks) = asks.filter(|_| open.clone().all(seen)) {
            return Some((State::Protected, asks.proof));
        }
        self.find(product, Meaning::Guard)
            .map(|(proof, _)| (State::HostGuardOnly, proof))
    }

    /// Whether it only answered those who said that they are on the same machine.
    fn only_by_trick(&self, product: &Product) -> bool {
        let local = |s: &Seen<'_>| {
            let mut headers = s.exchange.request_headers.iter();
            headers.any(|(n, v)| n == "host" && is_loopback(host_of(v)))
        };
        let open = product
            .answers
            .iter()
            .filter(|a| a.means.contains(&Meaning::Open));
        !self.local
            && open
                .flat_map(|a| self.answers_of(a.path).filter(move |s| s.says(a)))
                .all(local)
    }

    fn version(&self, product: &Product) -> Option<String> {
        let told = |source: &super::VersionSource| {
            let mut answers = self.answers_of(source.path);
            answers.find_map(|seen| told_in(seen, source.place))
        };
        product.version.iter().find_map(told)
    }
}

fn told_in(seen: &Seen<'_>, place: VersionPlace) -> Option<String> {
    let ok = seen.exchange.status == 200;
    match place {
        VersionPlace::Json(route) if ok => version_at(at(seen.json()?, route)?.as_text()?),
        VersionPlace::Text if ok => version_at(seen.body().trim()),
        VersionPlace::After(mark) if ok => version_at(seen.squeezed().split_once(mark)?.1),
        VersionPlace::Header(name, mark) => version_at(squeeze(seen.header_value(name)?).split_once(mark)?.1),
        VersionPlace::Json(_) | VersionPlace::Text | VersionPlace::After(_) => None,
    }
}

/// A path without the slash at its end, which servers take for the same.
fn bare(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// The version at the start of a text.
fn version_at(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('v');
    let version: String = text
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
        .take(40)
        .collect();
    version
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some(version)
}

/// The path that `/` leads to on the same host.
fn landing(seen: &Seen<'_>, service: &str) -> Option<String> {
    if seen.exchange.plain_path() != "/" {
        return None;
    }
    match seen.exchange.status {
        301 | 302 | 303 | 307 | 308 => {
            let to = seen.header_value("location")?;
            let to = to.split(['?', '#']).next().unwrap_or_default();
            // Some write the whole address of the same service.
            let own = origin(service);
            let to = to
                .strip_prefix(own)
                .filter(|rest| !own.is_empty() && rest.starts_with('/'))
                .unwrap_or(to);
            // Another host, a scheme, or nothing that belongs into a request.
            let plain = to.len() <= LANDING_PATH && to.bytes().all(|b| b.is_ascii_graphic());
            if !plain || to.starts_with("//") || to.contains([':', '\\']) || to.contains("..") {
                return None;
            }
            let to = to.trim_start_matches("./").trim_start_matches('/');
            Some(format!("/{to}"))
        }
        200 => Some("/".to_owned()),
        _ => None,
    }
}

/// Scheme, host and port of an address; empty where it has no scheme.
fn origin(address: &str) -> &str {
    let Some(at) = address.find("://") else { return "" };
    let start = at.saturating_add(3);
    let rest = address.get(start..).unwrap_or_default();
    let len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    address.get(..start.saturating_add(len)).unwrap_or_default()
}

/// The host of an address, without scheme, port and path.
fn host_of(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, r)| r);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some(inner) = rest.strip_prefix('[') {
        return inner.split(']').next().unwrap_or_default();
    }
    rest.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(path: &str, status: u16, header: Option<(&str, &str)>, body: &str) -> Exchange {
        Exchange {
            method: "GET".to_owned(),
            path: path.to_owned(),
            request_headers: Vec::new(),
            status,
            headers: header
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .into_iter()
                .collect(),
            body: body.to_owned(),
            span: 0..0,
            body_span: 0..0,
        }
    }

    #[test]
    fn a_landing_is_on_the_same_host_and_fit_for_a_request() {
        let long = format!("/{}", "a".repeat(300));
        let cases = [
            ("./app", Some("/app")),
            ("/lab?x=1", Some("/lab")),
            ("app", Some("/app")),
            ("//evil.example/", None),
            ("http://203.0.113.7/app", Some("/app")),
            ("http://203.0.113.7:81/app", None),
            ("http://203.0.113.7@evil.example/app", None),
            ("https://evil.example/", None),
            ("/a/../b", None),
            ("/a\\b", None),
            ("/a b", None),
            ("/a\r\nHost: x", None),
            (long.as_str(), None),
        ];
        for (location, expected) in cases {
            let all = [answer("/", 302, Some(("location", location)), "")];
            assert_eq!(
                Conversation::new("http://203.0.113.7", &all).landing(),
                expected,
                "{location}"
            );
        }
    }

    #[test]
    fn a_host_is_what_stands_between_scheme_and_port() {
        let cases = [
            ("http://203.0.113.7:80/x", "203.0.113.7"),
            ("localhost:5000", "localhost"),
            ("https://[::1]:443/", "::1"),
            ("", ""),
        ];
        for (address, host) in cases {
            assert_eq!(host_of(address), host, "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(
            which in 0..PRODUCTS.len(),
            status in prop::sample::select(vec![200_u16, 302, 400, 401, 403, 404, 405]),
            value in "\\PC{0,20}",
            body in "[\\[\\]{}\":,a-z0-9 ]{0,60}",
        ) {
            let paths = PRODUCTS[which].answers.iter().map(|a| a.path);
            let all: Vec<_> = paths.map(|p| answer(p, status, Some(("location", &value)), &body)).collect();
            let conversation = Conversation::new("x", &all);
            for found in conversation.identify() {
                prop_assert!(conversation.judge(found.product, found.proof).proof < all.len());
            }
        }
    }
}
