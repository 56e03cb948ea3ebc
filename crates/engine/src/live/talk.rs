//! One conversation with one port.

use super::{Port, is_fatal, site};
use sha2::{Digest as _, Sha256};
use std::{
    hash::{BuildHasher as _, RandomState},
    time::{Duration, Instant},
};
use wellhead_infra::{Conversation, Exchange, Plan};
use wellhead_sources::probe::{Method, ProbeError, Prober, Question, Reply, Scheme, Site};

/// After so many requests without an answer nobody asks any more.
const FAILURES: usize = 3;
/// How long one port may keep everybody waiting.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was received beside what an [`Exchange`] holds.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) sha256: String,
    pub(super) bytes: usize,
    pub(super) is_cut: bool,
}

/// A conversation, as far as it went.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) site: Site,
    /// Whether nobody said how to speak to it.
    pub(super) is_guessed: bool,
    may_switch: bool,
    is_one_of_many: bool,
    plan: Plan,
    pub(super) exchanges: Vec<Exchange>,
    /// For each exchange.
    pub(super) received: Vec<Received>,
    /// Paths that were asked without an answer, and why.
    pub(super) trouble: Vec<(String, String)>,
    /// Whether what answers is not HTTP at all.
    pub(super) is_other_protocol: bool,
    /// What came of asking without TLS, where it was asked over TLS then.
    before_tls: Option<(String, String)>,
    /// Whether a connection came about.
    pub(super) is_there: bool,
    /// Whether the host said that nobody listens at the port.
    is_refused: bool,
    begun: Option<Instant>,
    is_over: bool,
}

impl Talk {
    pub(super) fn new(port: Port) -> Self {
        let number = port.address.address().port();
        Self {
            is_guessed: port.scheme.is_none(),
            may_switch: port.scheme.is_none(),
            is_one_of_many: port.is_one_of_many,
            site: site(port),
            plan: plan(number),
            exchanges: Vec::new(),
            received: Vec::new(),
            trouble: Vec::new(),
            is_other_protocol: false,
            before_tls: None,
            is_there: false,
            is_refused: false,
            begun: None,
            is_over: false,
        }
    }

    /// Whether it is sure that nobody could ask anything here.
    pub(super) fn is_nobody(&self) -> bool {
        let is_own = self.site.address.address().ip().is_loopback();
        !self.is_there && (self.is_refused || is_own)
    }

    /// What it is called in a report: its address behind its name, where others have the same name.
    pub(super) fn url(&self) -> String {
        let url = self.site.url();
        if self.is_one_of_many {
            return format!("{url}#{}", self.site.address.address().ip());
        }
        url
    }

    /// Asks until enough is known, nothing is left, or so much was asked in all.
    pub(super) fn go_on(&mut self, prober: &Prober, most: usize) -> Result<(), ProbeError> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        while !self.is_over && self.plan.asked().len() < most {
            if begun.elapsed() > PATIENCE {
                self.give_up("/", "it takes more time than one service may");
                break;
            }
            let conversation = Conversation::new(&self.url(), &self.exchanges);
            let Some(request) = self.plan.next(&conversation) else {
                self.is_over = true;
                break;
            };
            let question = Question {
                method: Method::Get,
                path: &request.path,
                host: request.host,
            };
            match prober.ask(&self.site, question) {
                Ok(reply) => self.answered(&request.path, request.host, reply),
                Err(e) if is_fatal(&e) => return Err(e),
                Err(e) => self.failed(&request.path, &e),
            }
        }
        Ok(())
    }

    fn answered(&mut self, path: &str, host: Option<&str>, reply: Reply) {
        self.is_there = true;
        if self.may_switch && self.exchanges.is_empty() && wants_tls(&reply) {
            return self.switch();
        }
        self.received.push(Received {
            sha256: sha256(&reply.body),
            bytes: reply.body.len(),
            is_cut: reply.is_cut,
        });
        let host = host.map(|h| ("host".to_owned(), h.to_owned()));
        self.exchanges.push(Exchange {
            method: Method::Get.name().to_owned(),
            path: path.to_owned(),
            request_headers: host.into_iter().collect(),
            status: reply.status,
            headers: reply.headers,
            body: String::from_utf8_lossy(&reply.body).into_owned(),
            span: 0..0,
            body_span: 0..0,
        });
    }

    fn failed(&mut self, path: &str, why: &ProbeError) {
        let first = self.exchanges.is_empty();
        self.is_refused |= first && why.is_refusal();
        self.is_there |= !matches!(
            why,
            ProbeError::Connect(_) | ProbeError::Stopped | ProbeError::HostSpent(_) | ProbeError::Request
        );
        let is_foreign = matches!(
            why,
            ProbeError::NotHttp { .. } | ProbeError::Closed { begun: false }
        );
        if first && self.may_switch && is_foreign {
            self.before_tls = Some((path.to_owned(), why.to_string()));
            self.is_other_protocol = !matches!(why, ProbeError::NotHttp { is_tls: true });
            return self.switch();
        }
        self.is_other_protocol |= first && matches!(why, ProbeError::NotHttp { is_tls: false });
        if first && let Some(before) = self.before_tls.take() {
            // It was asked both ways; what plain HTTP got says more than that TLS is not spoken.
            self.trouble.push(before);
        }
        let hopeless = matches!(why, ProbeError::HostSpent(_) | ProbeError::Stopped);
        self.trouble.push((path.to_owned(), why.to_string()));
        // The first path is one that nobody has: without its answer no other answer means anything.
        self.is_over |= first || hopeless || self.trouble.len() >= FAILURES;
    }

    fn give_up(&mut self, path: &str, why: &str) {
        self.trouble.push((path.to_owned(), why.to_owned()));
        self.is_over = true;
    }

    /// Begins again over TLS.
    fn switch(&mut self) {
        self.may_switch = false;
        self.site.scheme = Scheme::Https;
        self.plan = plan(self.site.address.address().port());
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plan(port: u16) -> Plan {
    // Nobody who is asked can know the path in advance.
    let token = RandomState::new().hash_one(port);
    // Every address that is asked is in scope, so a guard may be classified.
    Plan::new(port, token, true)
}

/// Whether a server of TLS was asked without TLS and says so in plain HTTP, as nginx and Go do.
fn wants_tls(reply: &Reply) -> bool {
    let says = |words: &[u8]| reply.body.windows(words.len()).any(|w| w == words);
    reply.status == 400 && (says(b"HTTPS port") || says(b"HTTPS server"))
}
