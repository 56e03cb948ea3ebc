//! Requests: one place that decides what may be asked of whom, and how often.
//!
//! Redirects are followed here and not by the client, since secrets must stay with the origin they are for, and a
//! redirect must not lead out of encryption. Plain HTTP is for this machine only.

use std::{
    fmt,
    io::Read as _,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, Uri},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};
use wellhead_core::code;

/// Where the models of the public hub are.
const HUB: &str = "https://huggingface.co";
/// How many redirects are followed.
const REDIRECTS: usize = 8;
/// The longest wait that a server can ask for.
const LONGEST: Duration = Duration::from_secs(10);
/// Longest words of a server that are passed on.
const WORDS: usize = 300;

/// A secret that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What the user has set for the network.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Nothing is asked.
    pub offline: bool,
    /// The hub, if it is not the public one.
    pub hub: Option<String>,
    /// The token for the hub.
    pub token: Option<Secret>,
    /// The object store, if it is not the public one.
    pub store: Option<String>,
    /// Where the object store is.
    pub region: Option<String>,
    /// The key for the object store, its secret and the token of a session.
    pub keys: Option<(String, Secret, Option<Secret>)>,
    /// Certificates to trust instead of the built-in ones.
    pub certificates: Option<PathBuf>,
    /// How long a server may take to answer, and to send what it was asked for.
    pub timeout: Duration,
    /// How often a request is tried.
    pub tries: u32,
    /// The first wait before another try; it doubles.
    pub pause: Duration,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            offline: false,
            hub: None,
            token: None,
            store: None,
            region: None,
            keys: None,
            certificates: None,
            timeout: Duration::from_secs(30),
            tries: 4,
            pause: Duration::from_millis(400),
        }
    }
}

/// What was fetched.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Traffic {
    /// How many requests were made.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// How many bytes of bodies came.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// The network, as the user has set it.
pub struct Network {
    agent: OnceLock<Agent>,
    /// The text of the certificates that are trusted instead of the usual ones.
    certificates: Option<Vec<u8>>,
    pub(super) options: NetworkOptions,
    traffic: Traffic,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

/// A request.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    pub(super) url: String,
    /// First and last byte.
    pub(super) range: Option<(u64, u64)>,
    /// Only if the file is still that one.
    pub(super) if_range: Option<String>,
    /// Headers that only the first origin may see.
    pub(super) private: Vec<(&'static str, String)>,
    /// Most bytes of the answer that are taken.
    pub(super) most: u64,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
    /// Where it came from in the end.
    pub(super) url: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) words: String,
    pub(super) hint: Option<String>,
    /// Another try may help.
    again: bool,
    /// How long the server asks to wait.
    wait: Option<Duration>,
}

impl Fault {
    pub(super) fn new(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            hint: None,
            again: false,
            wait: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn again(mut self) -> Self {
        self.again = true;
        self
    }

    /// Whether another try may help.
    pub(super) fn is_passing(&self) -> bool {
        self.again
    }

    /// Waits before another try, as long as the server asks for or `pause`, which doubles.
    pub(super) fn rest(&self, pause: &mut Duration) {
        std::thread::sleep(self.wait.unwrap_or_else(|| jittered(*pause)).min(LONGEST));
        *pause = pause.saturating_mul(2);
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// A refusal that may pass, with the wait that the server asks for.
    pub(super) fn passing(&self, what: &str) -> Fault {
        let wait = self.header("retry-after").and_then(|v| v.parse().ok());
        Fault {
            wait: wait.map(Duration::from_secs),
            ..self.refusal(what).again()
        }
    }

    /// What the server says about a refusal, for people.
    pub(super) fn refusal(&self, what: &str) -> Fault {
        let said = self
            .header("x-error-message")
            .map(str::to_owned)
            .or_else(|| {
                let text = std::str::from_utf8(&self.bytes).ok()?.trim();
                let plain = !text.is_empty() && !text.starts_with(['<', '{']);
                plain.then(|| text.to_owned())
            })
            .map(|words| words.chars().take(WORDS).collect::<String>());
        let reason = match self.status {
            401 => "it wants to know who asks",
            403 => "it refuses",
            404 | 410 => "it is not there",
            429 => "it is asked too often",
            500.. => "it has a failure of its own",
            _ => "it answers something unexpected",
        };
        let said = said.map_or(String::new(), |words| format!(": {}", code(&words)));
        Fault::new(format!("{what}: {reason} (status {}){said}", self.status))
    }
}

impl Network {
    /// The network with these settings.
    ///
    /// # Errors
    /// Where the certificates cannot be read.
    pub fn new(options: NetworkOptions) -> Result<Arc<Self>, String> {
        let certificates = match &options.certificates {
            Some(path) => Some(std::fs::read(path).map_err(|e| {
                let shown = code(&path.to_string_lossy());
                format!("cannot read the certificates {shown}: {}", crate::file::words(&e))
            })?),
            None => None,
        };
        Ok(Arc::new(Self {
            agent: OnceLock::new(),
            certificates,
            options,
            traffic: Traffic::default(),
        }))
    }

    /// Made when the first request is: most runs make none, and hundreds of certificates take milliseconds to decode.
    fn agent(&self) -> &Agent {
        self.agent.get_or_init(|| {
            let mut tls = TlsConfig::builder();
            if let Some(pem) = &self.certificates {
                let certificates: Vec<_> = parse_pem(pem)
                    .filter_map(|item| match item {
                        Ok(PemItem::Certificate(certificate)) => Some(certificate),
                        _ => None,
                    })
                    .collect();
                tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
            }
            let timeout = self.options.timeout;
            Agent::config_builder()
                .tls_config(tls.build())
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                // Compressed bytes cannot be read from the middle.
                .accept_encoding("identity")
                .user_agent(concat!("wellhead/", env!("CARGO_PKG_VERSION")))
                .timeout_resolve(Some(timeout))
                .timeout_connect(Some(timeout))
                .timeout_recv_response(Some(timeout))
                .timeout_recv_body(Some(timeout.saturating_mul(4)))
                .build()
                .new_agent()
        })
    }

    /// What was fetched so far.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The hub that is asked.
    pub(super) fn hub(&self) -> &str {
        self.options.hub.as_deref().unwrap_or(HUB).trim_end_matches('/')
    }

    /// Asks, again where that may help, and follows redirects. `ask` makes the request anew for each try.
    pub(super) fn get(&self, ask: &dyn Fn() -> Ask) -> Result<Answer, Fault> {
        if self.options.offline {
            return Err(Fault::new("the network is not to be used").hint("leave out `--offline`"));
        }
        let mut pause = self.options.pause;
        let mut tried = 1;
        loop {
            match self.follow(ask()) {
                Err(fault) if fault.again && tried < self.options.tries => {
                    fault.rest(&mut pause);
                    tried = tried.saturating_add(1);
                }
                Err(fault) if tried > 1 => {
                    return Err(Fault {
                        words: format!("{}, {tried} times", fault.words),
                        ..fault
                    });
                }
                done => return done,
            }
        }
    }

    /// Counts bytes of bodies.
    pub(super) fn came(&self, bytes: usize) {
        self.traffic.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn follow(&self, ask: Ask) -> Result<Answer, Fault> {
        let (ask, response) = self.walk(ask)?;
        self.read(&ask, response)
    }

    /// Follows redirects to whoever answers, whose body is not read yet.
    pub(super) fn walk(&self, mut ask: Ask) -> Result<(Ask, Response<Body>), Fault> {
        let first = origin(&ask.url)?;
        for _ in 0..REDIRECTS {
            let here = origin(&ask.url)?;
            if here != first {
                ask.private.clear();
            }
            let response = self.send(&ask)?;
            let redirected = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            let location = response.headers().get("location").and_then(|v| v.to_str().ok());
            let Some(to) = location.filter(|_| redirected) else {
                return Ok((ask, response));
            };
            let to = joined(&ask.url, to);
            if here.starts_with("https:") && !to.starts_with("https:") {
                return Err(Fault::new(format!(
                    "{} redirects to an address without encryption: {}",
                    code(&here),
                    code(&without_query(&to))
                )));
            }
            ask.url = to;
        }
        Err(Fault::new(format!("{} redirects without end", code(&first))))
    }

    fn send(&self, ask: &Ask) -> Result<Response<Body>, Fault> {
        let shown = code(&without_query(&ask.url));
        let mut request = self.agent().get(&ask.url);
        for (name, value) in &ask.private {
            request = request.header(*name, value);
        }
        if let Some((from, to)) = ask.range {
            request = request.header("range", format!("bytes={from}-{to}"));
            if let Some(etag) = &ask.if_range {
                request = request.header("if-range", etag);
            }
        }
        self.traffic.requests.fetch_add(1, Ordering::Relaxed);
        let response = request.call().map_err(|e| trouble(&shown, &e))?;
        if let Some(coding) = response.headers().get("content-encoding")
            && coding != "identity"
        {
            return Err(Fault::new(format!(
                "{shown} is sent compressed, though that was not asked for"
            )));
        }
        Ok(response)
    }

    fn read(&self, ask: &Ask, response: Response<Body>) -> Result<Answer, Fault> {
        let shown = code(&without_query(&ask.url));
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        let stated: Option<u64> = parts
            .headers
            .get("content-length")
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.parse().ok());
        let refused = status >= 400;
        let most = if refused { 4096 } else { ask.most };
        let mut bytes = Vec::new();
        let result = body
            .into_with_config()
            .limit(u64::MAX)
            .reader()
            .take(most)
            .read_to_end(&mut bytes);
        self.came(bytes.len());
        if is_passing(status) {
            let answer = Answer {
                status,
                headers: parts.headers,
                bytes,
                url: ask.url.clone(),
            };
            return Err(answer.passing(&shown));
        }
        let whole = stated.is_none_or(|n| bytes.len() as u64 >= n.min(most));
        if !refused && (result.is_err() || !whole) {
            return Err(Fault::new(format!(
                "{shown} breaks off after {} bytes{}",
                bytes.len(),
                stated.map_or(String::new(), |n| format!(" of {n}"))
            ))
            .again());
        }
        Ok(Answer {
            status,
            headers: parts.headers,
            bytes,
            url: ask.url.clone(),
        })
    }
}

/// Whether a status is one that may be another one soon.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// Why a request came to nothing.
fn trouble(shown: &str, e: &ureq::Error) -> Fault {
    use ureq::Error as E;
    match e {
        E::HostNotFound => Fault::new(format!("{shown} cannot be reached: there is no such host")),
        E::Timeout(_) => Fault::new(format!("{shown} does not answer in time")).again(),
        E::ConnectionFailed => Fault::new(format!("{shown} cannot be reached")).again(),
        E::Io(e) => Fault::new(format!("{shown} cannot be reached: {}", crate::file::words(e))).again(),
        E::Tls(why) => Fault::new(format!("{shown} cannot be trusted: {why}")),
        other => {
            let why: String = other.to_string().chars().take(WORDS).collect();
            Fault::new(format!("{shown} cannot be asked: {}", code(&why)))
        }
    }
}

/// A wait between a half and the whole of `pause`, so that many programs do not come back at once.
fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let share = RandomState::new().hash_one(0) % 512;
    let half = pause / 2;
    half.saturating_add(half.saturating_mul(u32::try_from(share).unwrap_or(0)) / 512)
}

/// Scheme, host and port, if it is one that may be asked.
pub(super) fn origin(url: &str) -> Result<String, Fault> {
    let wrong = || Fault::new(format!("{} is no address", code(&without_query(url))));
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let (scheme, host) = (uri.scheme_str().ok_or_else(wrong)?, uri.host().ok_or_else(wrong)?);
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err(Fault::new("an address with a password in it is not asked")
            .hint("a token for the hub goes into `HF_TOKEN`"));
    }
    if scheme == "http" && !is_loopback(host) {
        return Err(Fault::new(format!(
            "{} is without encryption, so anybody on the way can change what comes",
            code(host)
        ))
        .hint("use https; plain http is for this machine only"));
    }
    if !matches!(scheme, "http" | "https") {
        return Err(wrong());
    }
    let port = uri.port_u16().unwrap_or(if scheme == "http" { 80 } else { 443 });
    Ok(format!("{scheme}://{}:{port}", host.to_lowercase()))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Where a redirect leads.
pub(super) fn joined(base: &str, to: &str) -> String {
    if to.starts_with("http://") || to.starts_with("https://") {
        return to.to_owned();
    }
    let (scheme, rest) = base.split_once("://").unwrap_or(("https", base));
    if let Some(rest) = to.strip_prefix("//") {
        return format!("{scheme}://{rest}");
    }
    let path_at = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(path_at);
    if to.starts_with('/') {
        return format!("{scheme}://{host}{to}");
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{scheme}://{host}{folder}/{to}")
}

/// A URL without what may be a secret in it.
pub(super) fn without_query(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (url, expected) in [
            ("https://hub.example/x", Ok("https://hub.example:443")),
            ("https://HUB.example:8443/x", Ok("https://hub.example:8443")),
            ("http://127.0.0.1:80/x", Ok("http://127.0.0.1:80")),
            ("http://127.9.9.9/x", Ok("http://127.9.9.9:80")),
            ("http://localhost:1/x", Ok("http://localhost:1")),
            ("http://[::1]:1/x", Ok("http://[::1]:1")),
            ("http://hub.example/x", Err(())),
            ("http://127.0.0.1.example/x", Err(())),
            ("http://169.254.169.254/x", Err(())),
            ("https://user:pass@hub.example/x", Err(())),
            ("file:///etc/passwd", Err(())),
            ("nothing", Err(())),
        ] {
            let found = origin(url).map_err(|_| ());
            assert_eq!(
                found.as_deref(),
                expected.as_ref().map(|e| *e).map_err(|()| &()),
                "{url}"
            );
        }
    }

    #[test]
    fn redirects_lead_where_they_say() {
        for (base, to, expected) in [
            (
                "https://a.example/x/y?q",
                "https://b.example/z",
                "https://b.example/z",
            ),
            ("https://a.example/x/y?q", "//b.example/z", "https://b.example/z"),
            ("https://a.example/x/y?q", "/z?t", "https://a.example/z?t"),
            ("https://a.example/x/y?q=/v", "z", "https://a.example/x/z"),
            ("https://a.example", "z", "https://a.example/z"),
        ] {
            assert_eq!(joined(base, to), expected);
        }
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        assert_eq!(
            without_query("https://user:pw@a.example/x?X-Amz-Signature=abc#d"),
            "https://a.example/x"
        );
        let options = NetworkOptions {
            token: Some(Secret("hf_abc".to_owned())),
            ..NetworkOptions::default()
        };
        assert!(!format!("{options:?}").contains("hf_abc"));
    }
}
