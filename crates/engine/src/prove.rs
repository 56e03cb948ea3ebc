//! Whether a platform asks who is there, at its own address and at the one of the proxy in front of it.
//!
//! The one decision: a proxy is proved closed by what it refuses, not by what is not recognised. Every harmless request of
//! the catalogue that would prove the platform open is sent, and each has to be refused; an answer that lets a stranger
//! read anything is open or unknown, and neither is closed. Nor is an address that has nothing there: whoever asks says so.

use crate::LiveError;
use std::{
    hash::{BuildHasher as _, RandomState},
    net::SocketAddr,
};
use wellhead_core::code;
use wellhead_infra::{CANARY, Conversation, Exchange, Product, State};
use wellhead_sources::probe::{Method, ProbeError, Prober, Question, Refusal, Scope, ServicePlace, Site};

/// How an address stands towards strangers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody answers there, and why.
    Silent(String),
    /// The platform itself was heard, and this is proved of it.
    Proved(State),
    /// A stranger gets something that proves neither.
    Answers {
        /// The first such request.
        path: String,
        /// Its status.
        status: u16,
    },
    /// Every request was refused, by something that asks who is there.
    Refuses {
        /// So many.
        requests: usize,
        /// With these statuses, each once.
        statuses: Vec<u16>,
    },
    /// Every request was refused, and none because of who asks: the platform may stand open at another path or name.
    Lacks {
        /// So many.
        requests: usize,
        /// With these statuses, each once.
        statuses: Vec<u16>,
    },
}

impl Standing {
    /// Whether strangers get nothing.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Proved(State::Protected) | Self::Refuses { .. })
    }
}

/// Asks an address as a stranger: what nobody has, the front page, and what proves the state of this platform.
///
/// # Errors
/// Where it may not be asked, or what is sent cannot be written down.
pub fn stands(
    product: &'static Product,
    place: &ServicePlace,
    scope: &Scope,
    prober: &Prober,
) -> Result<Standing, LiveError> {
    let wrong = |message: String, hint: &str| LiveError {
        message,
        hint: hint.to_owned(),
    };
    let (Some(scheme), Some(port)) = (place.scheme, place.port) else {
        return Err(wrong(
            "the address has no scheme or no port".to_owned(),
            "write it like `http://127.0.0.1:8480`",
        ));
    };
    let addresses = place
        .resolve()
        .map_err(|why| wrong(why, "check the name, or type the address"))?;
    let Some(address) = addresses.first() else {
        return Err(wrong("the name has no address".to_owned(), "type the address"));
    };
    let admitted = scope
        .admit(SocketAddr::new(*address, port))
        .map_err(|refusal: Refusal| {
            wrong(
                refusal.to_string(),
                "`wellhead audit service:URL --scope FILE` asks public addresses that are yours",
            )
        })?;
    let site = Site {
        address: admitted,
        host: place.host.clone(),
        scheme,
    };
    let token = RandomState::new().hash_one(port);
    let canary = format!("{CANARY}{token:016x}");
    let mut asked: Vec<(&str, Option<&str>)> = vec![(&canary, None), ("/", None)];
    asked.extend(product.probes.iter().map(|p| (p.path, p.host)));
    let mut exchanges: Vec<Exchange> = Vec::new();
    let mut trouble = None;
    for (path, host) in asked {
        let question = Question {
            method: Method::Get,
            path,
            host,
        };
        match prober.ask(&site, question) {
            Ok(reply) => exchanges.push(Exchange {
                method: Method::Get.name().to_owned(),
                path: path.to_owned(),
                request_headers: host
                    .map(|h| ("host".to_owned(), h.to_owned()))
                    .into_iter()
                    .collect(),
                status: reply.status,
                headers: reply.headers,
                body: String::from_utf8_lossy(&reply.body).into_owned(),
                span: 0..0,
                body_span: 0..0,
            }),
            Err(e @ ProbeError::Log(_)) => {
                return Err(wrong(e.to_string(), "`--log FILE` names another place for it"));
            }
            // One that is not answered proves nothing, and the others do not prove it either.
            Err(e) => {
                trouble.get_or_insert_with(|| format!("{}: {e}", code(path)));
            }
        }
    }
    Ok(match trouble {
        Some(why) => Standing::Silent(why),
        None => standing(product, &site.url(), &exchanges),
    })
}

fn standing(product: &'static Product, url: &str, exchanges: &[Exchange]) -> Standing {
    let conversation = Conversation::new(url, exchanges);
    let found = conversation
        .identify()
        .into_iter()
        .find(|m| m.product.id == product.id)
        .map(|m| conversation.judge(m.product, m.proof).state);
    if let Some(state) = found.filter(|s| *s != State::Unknown) {
        return Standing::Proved(state);
    }
    if let Some(e) = exchanges.iter().find(|e| e.status >= 500) {
        return Standing::Silent(format!("{}: status {}", code(&e.path), e.status));
    }
    let is_refusal = |e: &&Exchange| matches!(e.status, 300..=308 | 400..=499);
    let asks = asks_who_is_there(url, exchanges);
    match exchanges.iter().find(|e| !is_refusal(e)) {
        Some(e) => Standing::Answers {
            path: e.path.clone(),
            status: e.status,
        },
        None => {
            let mut statuses: Vec<u16> = exchanges.iter().map(|e| e.status).collect();
            statuses.sort_unstable();
            statuses.dedup();
            let requests = exchanges.len();
            match asks {
                true => Standing::Refuses { requests, statuses },
                false => Standing::Lacks { requests, statuses },
            }
        }
    }
}

/// Whether some refusal is about who asks.
///
/// 404 and 400 are said of paths, names and protocols that lead nowhere, 403 also of folders without a front page: it
/// counts where a path that nobody has gets it, too.
fn asks_who_is_there(url: &str, exchanges: &[Exchange]) -> bool {
    let is_canary = |e: &&Exchange| e.path.starts_with(CANARY);
    let is_question = |e: &Exchange| e.status == 401 || leads_to_sign_in(url, e);
    exchanges.iter().filter(|e| !is_canary(e)).any(is_question)
        || exchanges.iter().any(|e| e.status == 403)
            && exchanges.iter().all(|e| matches!(e.status, 401 | 403))
}

/// Whether it leads to where the written files let people sign in.
fn leads_to_sign_in(url: &str, exchange: &Exchange) -> bool {
    let location = exchange.headers.iter().find(|(name, _)| name == "location");
    let Some((_, location)) = location.filter(|_| matches!(exchange.status, 301 | 302 | 303 | 307 | 308))
    else {
        return false;
    };
    let path = location
        .strip_prefix(url.trim_end_matches('/'))
        .unwrap_or(location);
    path.starts_with("/oauth2/start") || path.starts_with("/oauth2/sign_in")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_infra::PRODUCTS;

    /// What is thought of something that answers a path that nobody has, its front page and the rest like that.
    fn of(nobody: u16, front: u16, rest: u16, location: &str) -> Standing {
        let product = PRODUCTS.iter().find(|p| p.id == "mlflow").unwrap();
        let canary = format!("{CANARY}0");
        let mut asked = vec![(canary.as_str(), nobody), ("/", front)];
        asked.extend(product.probes.iter().map(|p| (p.path, rest)));
        let exchanges: Vec<Exchange> = asked
            .into_iter()
            .map(|(path, status)| Exchange {
                method: "GET".to_owned(),
                path: path.to_owned(),
                request_headers: Vec::new(),
                status,
                headers: vec![("location".to_owned(), location.to_owned())],
                body: String::new(),
                span: 0..0,
                body_span: 0..0,
            })
            .collect();
        standing(product, "https://ml.example", &exchanges)
    }

    #[test]
    fn only_what_asks_who_is_there_is_closed() {
        let sign_in = "https://ml.example/oauth2/start?rd=/";
        let closed = [
            ((401, 401, 401), ""),
            // Traefik, where what is not let through is not there.
            ((404, 401, 404), ""),
            ((404, 404, 401), ""),
            ((403, 403, 403), ""),
            ((403, 401, 401), ""),
            ((302, 302, 302), sign_in),
            ((404, 302, 404), "/oauth2/sign_in"),
        ];
        for ((nobody, front, rest), location) in closed {
            let standing = of(nobody, front, rest, location);
            assert!(standing.is_closed(), "{nobody} {front} {rest}: {standing:?}");
        }
        let lacking = [
            // Nothing at this path, another name, another program.
            ((404, 404, 404), ""),
            // TLS is spoken there.
            ((400, 400, 400), ""),
            // A folder that is not listed.
            ((404, 403, 404), ""),
            // A path that nobody has is refused for another reason.
            ((401, 404, 404), ""),
            ((302, 302, 302), "/mlflow/"),
            ((302, 302, 302), "https://elsewhere.example/oauth2/start"),
            ((404, 301, 404), "https://ml.example.elsewhere.example/"),
            ((429, 429, 429), ""),
        ];
        for ((nobody, front, rest), location) in lacking {
            let standing = of(nobody, front, rest, location);
            let lacks = matches!(standing, Standing::Lacks { .. });
            assert!(
                lacks && !standing.is_closed(),
                "{nobody} {front} {rest}: {standing:?}"
            );
        }
        assert!(matches!(
            of(404, 401, 200, ""),
            Standing::Answers { status: 200, .. }
        ));
        assert!(matches!(of(404, 401, 502, ""), Standing::Silent(_)));
    }
}
