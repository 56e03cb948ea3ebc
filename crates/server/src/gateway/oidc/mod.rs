//! Signing in with an identity provider (OpenID Connect), beside names and passwords.
//!
//! The authorization code flow with PKCE, and nothing else of that large standard. The one decision: a provider says who
//! somebody is, never whether they may come in; without a rule that names them they may not. The libraries for this bring
//! their own HTTP, RSA and curves, so that what is small is here and `ring`, which TLS uses anyway, checks signatures.

mod admit;
mod answer;
mod ask;
mod discovery;
mod flow;
mod keys;
mod settings;
mod strict;
mod token;

pub(crate) use answer::{CALLBACK, START, answer, way_back};
pub use settings::{ClientSecret, Provider, ProviderError};

use super::{
    limits::{Limiter, subscriber},
    time,
    upstream::tls,
};
use admit::{Rule, Rules};
use ask::Asker;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use discovery::{Discovered, Endpoint};
use flow::{Back, Flows};
use hyper::{StatusCode, header::HeaderValue};
use keys::Keys;
use settings::secret;
use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use strict::Object;
use token::{Disbelief, Expected, Identity, Token};
use tokio::sync::{Mutex, Semaphore};

/// How long what a provider says of itself and its keys is believed: a key that was withdrawn is not used for longer.
const FRESH: Duration = Duration::from_secs(15 * 60);
/// How soon the provider is asked again for a key that is not known, and after it did not answer.
const AGAIN: Duration = Duration::from_secs(30);
const SILENT: Duration = Duration::from_secs(5);
/// Sign-ins that talk to the provider at a time.
const TALKS: usize = 16;

/// A provider that people sign in with.
pub(crate) struct Oidc {
    issuer: String,
    about: Endpoint,
    local: bool,
    client: String,
    secret: Option<String>,
    scope: String,
    groups: String,
    rules: Rules,
    /// What people call it.
    pub(crate) name: String,
    /// The name of the cookie that holds a sign-in.
    cookie: String,
    asker: Asker,
    flows: Flows,
    known: Mutex<Knowledge>,
    talks: Semaphore,
    addresses: Limiter<IpAddr>,
}

#[derive(Default)]
struct Knowledge {
    now: Option<Arc<Known>>,
    /// When it was asked again for the sake of a key.
    again: Option<Instant>,
    /// When the provider did not answer, and what was wrong.
    failed: Option<(Instant, &'static str)>,
}

/// What a provider said of itself.
struct Known {
    at: Instant,
    places: Discovered,
    keys: Keys,
}

/// Where a browser is sent, and the cookie that it takes along.
struct Leaving {
    url: String,
    cookie: String,
}

/// Somebody whom the provider knows.
struct Arrived {
    /// As the log calls them.
    user: Arc<str>,
    subject: String,
    /// Whether only to read; nothing where no rule lets them in.
    read_only: Option<bool>,
    next: String,
}

/// Why a sign-in came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// What came back does not belong to what was begun here, or not to now.
    Foreign(&'static str),
    /// The provider knows them, and no rule does.
    Uninvited,
    /// The provider is not there, or is not what it should be.
    Provider(&'static str),
    /// What the provider says is not believed.
    Unbelievable(&'static str),
    /// Too often, or too many.
    Busy(&'static str),
}

impl Oidc {
    /// Looks at everything that needs no answer of the provider. `cookie`: the name of that of sessions.
    pub(crate) fn new(told: &Provider, cookie: &str) -> Result<Self, ProviderError> {
        let wrong = || ProviderError::Issuer(wellhead_core::code(&told.issuer));
        let own = Endpoint::new(&told.issuer, true).ok_or_else(wrong)?;
        if own.target.contains('?') {
            return Err(wrong());
        }
        let local = !own.tls;
        let about = format!(
            "{}/.well-known/openid-configuration",
            told.issuer.trim_end_matches('/')
        );
        let visible = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_graphic());
        if !visible(&told.client) {
            return Err(ProviderError::Client);
        }
        if let Some(scope) = told.scopes.iter().find(|s| !visible(s)) {
            return Err(ProviderError::Scope(wellhead_core::code(scope)));
        }
        let rules = |texts: &[String]| {
            let read = |t: &String| Rule::read(t).ok_or_else(|| ProviderError::Rule(wellhead_core::code(t)));
            texts.iter().map(read).collect::<Result<Vec<_>, _>>()
        };
        let rules = Rules {
            all: rules(&told.allow)?,
            reading: rules(&told.allow_reading)?,
        };
        if rules.all.is_empty() && rules.reading.is_empty() {
            return Err(ProviderError::Nobody);
        }
        let mut scopes = vec!["openid", "email"];
        scopes.extend(told.scopes.iter().map(String::as_str));
        Ok(Self {
            about: Endpoint::new(&about, true).ok_or_else(wrong)?,
            issuer: told.issuer.clone(),
            local,
            client: told.client.clone(),
            secret: told.secret.as_ref().map(secret).transpose()?,
            scope: scopes.join(" "),
            groups: told.groups.clone(),
            rules,
            name: told.name.clone().unwrap_or(own.host),
            cookie: format!("{cookie}-flow"),
            asker: Asker {
                tls: tls(told.roots.as_deref(), false)?,
            },
            flows: Flows::new().ok_or(ProviderError::NoRandomness)?,
            known: Mutex::default(),
            talks: Semaphore::new(TALKS),
            addresses: Limiter::new(20, Duration::from_secs(3)),
        })
    }

    /// Whether the provider can be used; nothing where it can.
    pub(crate) async fn trouble(&self) -> Option<&'static str> {
        self.known(None).await.err()
    }

    /// What the provider says of itself. `not`: what is too old, because a key is missing in it.
    async fn known(&self, not: Option<&Known>) -> Result<Arc<Known>, &'static str> {
        let mut known = self.known.lock().await;
        if let Some(now) = &known.now {
            let missing = not.is_some_and(|not| not.at == now.at);
            // Whoever signs with keys that are not there may not make us ask all the time.
            let asks = missing && known.again.is_none_or(|at| at.elapsed() >= AGAIN);
            if now.at.elapsed() < FRESH && !asks {
                return Ok(Arc::clone(now));
            }
            if asks {
                known.again = Some(Instant::now());
            }
        }
        if let Some((at, why)) = known.failed
            && at.elapsed() < SILENT
        {
            return Err(why);
        }
        match self.learn().await {
            Ok(learnt) => {
                let learnt = Arc::new(learnt);
                known.now = Some(Arc::clone(&learnt));
                known.failed = None;
                Ok(learnt)
            }
            Err(why) => {
                known.failed = Some((Instant::now(), why));
                Err(why)
            }
        }
    }

    async fn learn(&self) -> Result<Known, &'static str> {
        let document = self.asker.get(&self.about).await?;
        let places = Discovered::read(&document, &self.issuer, self.local)?;
        let keys = Keys::read(&self.asker.get(&places.keys).await?)?;
        Ok(Known {
            at: Instant::now(),
            places,
            keys,
        })
    }

    /// Begins a sign-in.
    async fn leave(&self, origin: &str, next: &str, peer: IpAddr) -> Result<Leaving, Failed> {
        self.counted(peer)?;
        let _talk = self.talk()?;
        let known = self.known(None).await.map_err(Failed::Provider)?;
        let begun = self.flows.begin(origin, next, time::now());
        let begun = begun.ok_or(Failed::Busy("the system gives no random numbers"))?;
        let there = &known.places.authorization.url;
        let mark = if there.contains('?') { '&' } else { '?' };
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.client),
            ("redirect_uri", &callback(origin)),
            ("scope", &self.scope),
            ("state", &begun.state),
            ("nonce", &begun.nonce),
            ("code_challenge", &begun.challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(Leaving {
            url: format!("{there}{mark}{query}"),
            cookie: begun.cookie,
        })
    }

    /// Ends a sign-in with what came back.
    async fn arrive(&self, origin: &str, cookie: &str, query: &str, peer: IpAddr) -> Result<Arrived, Failed> {
        self.counted(peer)?;
        let returned =
            Returned::read(query).ok_or(Failed::Foreign("the answer of the provider has two readings"))?;
        let back = self.flows.back(origin, cookie, &returned.state, time::now());
        let back = back.map_err(Failed::Foreign)?;
        let _talk = self.talk()?;
        let known = self.known(None).await.map_err(Failed::Provider)?;
        // Of several providers one could hand on the codes of another; RFC 9207.
        let from = returned.issuer.as_deref();
        if from.map_or(known.places.says_issuer, |from| from != self.issuer) {
            return Err(Failed::Unbelievable("the answer is from another provider"));
        }
        let code = returned
            .code
            .ok_or(Failed::Unbelievable("the provider lets nobody in"))?;
        let token = self.exchanged(&known, &code, &back, origin).await?;
        let who = self.believed(&known, &token, &back).await?;
        let read_only = self.rules.admit(&who);
        // No user of the store has a name with a colon.
        let shown = who.email.as_deref().unwrap_or(&who.subject);
        Ok(Arrived {
            user: Arc::from(format!("oidc:{shown}")),
            subject: who.subject,
            read_only,
            next: back.next,
        })
    }

    /// The ID token for a code.
    async fn exchanged(
        &self,
        known: &Known,
        code: &str,
        back: &Back,
        origin: &str,
    ) -> Result<String, Failed> {
        let callback = callback(origin);
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &callback),
            ("code_verifier", &back.verifier),
        ];
        let mut authorization = None;
        match &self.secret {
            Some(secret) if !known.places.secret_in_form => {
                let pair = format!("{}:{}", encoded(&self.client), encoded(secret));
                let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)));
                let mut value = value.map_err(|_| Failed::Provider("the provider cannot be asked"))?;
                value.set_sensitive(true);
                authorization = Some(value);
            }
            Some(secret) => fields.extend([("client_id", self.client.as_str()), ("client_secret", secret)]),
            None => fields.push(("client_id", &self.client)),
        }
        let asked = self
            .asker
            .post(&known.places.token, authorization, form(&fields))
            .await;
        let (status, body) = asked.map_err(Failed::Provider)?;
        if status != StatusCode::OK {
            return Err(Failed::Unbelievable("the provider does not take the code"));
        }
        let odd = Failed::Unbelievable("the provider gives no ID token");
        let answer = Object::read(&body).ok_or(odd)?;
        answer.text("id_token").map(str::to_owned).ok_or(odd)
    }

    async fn believed(&self, known: &Known, text: &str, back: &Back) -> Result<Identity, Failed> {
        let token = Token::read(text).map_err(Failed::Unbelievable)?;
        let expected = Expected {
            issuer: &self.issuer,
            client: &self.client,
            nonce: &back.nonce,
            groups: &self.groups,
            now: time::now(),
        };
        let believed = match token.believed(&known.keys, &expected) {
            Err(Disbelief::UnknownKey) => {
                let newer = self.known(Some(known)).await.map_err(Failed::Provider)?;
                token.believed(&newer.keys, &expected)
            }
            other => other,
        };
        believed.map_err(|e| match e {
            Disbelief::UnknownKey => Failed::Unbelievable("the provider has no such key"),
            Disbelief::Not(why) => Failed::Unbelievable(why),
        })
    }

    fn counted(&self, peer: IpAddr) -> Result<(), Failed> {
        let taken = self.addresses.take(&subscriber(peer), Instant::now());
        taken.map_err(|_| Failed::Busy("too many sign-ins from one address"))
    }

    fn talk(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Failed> {
        let place = self.talks.try_acquire();
        place.map_err(|_| Failed::Busy("too many sign in at once"))
    }
}

/// What a provider sends a browser back with.
#[derive(Debug, Default)]
struct Returned {
    state: String,
    code: Option<String>,
    issuer: Option<String>,
}

impl Returned {
    /// Nothing where something stands in it twice, or there is no state.
    fn read(query: &str) -> Option<Self> {
        let (mut state, mut code, mut issuer, mut error) = (None, None, None, None);
        for (name, value) in super::target::pairs(query) {
            let slot = match name.as_str() {
                "state" => &mut state,
                "code" => &mut code,
                "iss" => &mut issuer,
                "error" => &mut error,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        Some(Self {
            state: state?,
            code: code.filter(|c| error.is_none() && !c.is_empty()),
            issuer,
        })
    }
}

/// Where the provider sends a browser back to.
pub(crate) fn callback(origin: &str) -> String {
    format!("{origin}{CALLBACK}")
}

/// Fields as a form or query has them.
fn form(fields: &[(&str, &str)]) -> String {
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)));
    fields.collect::<Vec<_>>().join("&")
}

/// Percent-encoded, so that it means nothing in a form, query or header.
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

/// Reads bytes as everything that comes from a provider or a browser, for fuzzing. Whether somebody would be let in by what
/// nobody signed, or by what was not begun here.
pub(super) fn fuzzed(bytes: &[u8]) -> bool {
    // A key of RFC 8032's examples.
    const KEYS: &[u8] =
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let text = String::from_utf8_lossy(bytes);
    let expected = Expected {
        issuer: "https://id.example",
        client: "gateway",
        nonce: "n",
        groups: "groups",
        now: 1_800_000_000,
    };
    let _ = Discovered::read(bytes, expected.issuer, false);
    let _ = Keys::read(bytes);
    let _ = Returned::read(&text);
    let _ = Endpoint::new(&text, true);
    let _ = Rule::read(&text);
    if let Some(claims) = Object::read(bytes) {
        let _ = token::judged(&claims, &expected);
    }
    let (cookie, state) = text.split_once('\n').unwrap_or((&text, ""));
    let came_back = Flows::new().is_some_and(|f| f.back("https://ml.example", cookie, state, 0).is_ok());
    let believed = match (Token::read(&text), Keys::read(KEYS)) {
        (Ok(token), Ok(keys)) => token.believed(&keys, &expected).is_ok(),
        _ => false,
    };
    came_back || believed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_one_reading() {
        let read = |query: &str| Returned::read(query).map(|r| (r.state, r.code, r.issuer));
        let some = |text: &str| Some(text.to_owned());
        for (query, expected) in [
            (
                "state=s&code=c%2F1&x=y&x=z",
                Some(("s".to_owned(), some("c/1"), None)),
            ),
            (
                "code=c&iss=https%3A%2F%2Fid.example&state=s",
                Some(("s".to_owned(), some("c"), some("https://id.example"))),
            ),
            (
                "state=s&error=access_denied&code=c",
                Some(("s".to_owned(), None, None)),
            ),
            ("state=s&code=", Some(("s".to_owned(), None, None))),
            ("code=c", None),
            ("state=s&state=s&code=c", None),
            ("state=s&code=c&c%6fde=c", None),
            ("", None),
        ] {
            assert_eq!(read(query), expected, "{query}");
        }
    }

    #[test]
    fn what_is_sent_means_nothing_on_the_way() {
        assert_eq!(
            form(&[("a", "b c&d=é"), ("e", "~-._/")]),
            "a=b%20c%26d%3D%C3%A9&e=~-._%2F"
        );
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_lets_nobody_in(
            text in r#"[{}\[\]":,.a-z0-9=&%\n]{0,80}"#,
            bytes in proptest::collection::vec(0_u8..=255, 0..80),
        ) {
            proptest::prop_assert!(!fuzzed(text.as_bytes()) && !fuzzed(&bytes));
            // A head that names a key which is there, over claims and a signature of anybody.
            let token = format!("eyJhbGciOiJFZERTQSJ9.{text}.{}", encoded(&text).replace('%', ""));
            proptest::prop_assert!(!fuzzed(token.as_bytes()));
        }
    }
}
