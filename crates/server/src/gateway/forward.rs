//! One request, from its head to the decision what becomes of it.
//!
//! The order is the policy: what has two readings is refused before anything is believed of it, a name that is not ours
//! before anybody is asked, who it is before what they want, and nothing is sent on that is not in the log.

use super::{
    access::{Access, Principal},
    body::{Reply, Upload},
    heads::Heads,
    inside::Inside,
    limits::Limiter,
    log::{Log, Record, masked},
    oidc::Oidc,
    origin::{self, Names},
    page,
    policy::{Decision, Policy},
    refusal::{Refusal, own, unknown},
    send::send_on,
    serve::Place,
    sign_in,
    target::{self, Target},
    upstream::Upstream,
};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    body::{Body as _, Incoming},
    header::{self, HeaderValue},
};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// All that judging and sending on needs.
pub(crate) struct Gate {
    pub(crate) access: Arc<Access>,
    /// With whom people sign in who have no password here.
    pub(crate) oidc: Option<Oidc>,
    pub(crate) policy: Policy,
    pub(crate) inside: Inside,
    pub(crate) log: Arc<Log>,
    pub(crate) product: &'static str,
    pub(crate) product_id: &'static str,
    pub(crate) upstream: Upstream<Upload>,
    pub(crate) grpc: Option<Upstream<Upload>>,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) names: Names,
    pub(crate) rate: Limiter<Arc<str>>,
    pub(crate) read_only: bool,
    pub(crate) secure: bool,
    /// How long the upstream may think.
    pub(crate) thinking: Duration,
    pub(crate) next: AtomicU64,
    /// Becomes true when the gateway ends.
    pub(crate) ends: watch::Receiver<bool>,
}

/// Where a request comes from.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) peer: SocketAddr,
    /// The heads of the connection; nothing with HTTP/2.
    pub(crate) heads: Option<Heads>,
    /// Kept for as long as anything of the connection lives.
    pub(crate) _place: Arc<Place>,
}

/// A request that has one reading and calls us by our name.
pub(crate) struct Asked<'a> {
    pub(crate) raw: &'a str,
    pub(crate) target: Target<'a>,
    pub(crate) host: HeaderValue,
    /// Our own origin, as the client calls it.
    pub(crate) origin: String,
    pub(crate) upgrade: bool,
}

pub(crate) async fn answer(
    gate: Arc<Gate>,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Infallible> {
    let http1 = caller.heads.is_some();
    let has_body = !request.body().is_end_stream();
    let head = caller.heads.as_ref().map(|h| h.next());
    let (mut last, raw) = match head {
        // hyper found a head that the strict reading did not.
        Some(None) => (true, Err("the head has two readings")),
        Some(Some(head)) => match head.fault {
            Some(fault) => (true, Err(fault)),
            None => (head.last, Ok(head.target)),
        },
        None => (
            false,
            Ok(request
                .uri()
                .path_and_query()
                .map_or_else(String::new, |p| p.as_str().to_owned())),
        ),
    };
    let mut response = match raw {
        Err(why) => {
            gate.log_refusal(&caller, request.method(), "", 400, why);
            own(&Refusal::new(StatusCode::BAD_REQUEST, why))
        }
        Ok(raw) => judged(&gate, &caller, request, &raw).await,
    };
    // A body that nobody reads would be taken for the next head.
    last |= has_body && matches!(response.body(), Reply::Own(_));
    if http1 && last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

async fn judged(gate: &Arc<Gate>, caller: &Caller, request: Request<Incoming>, raw: &str) -> Response<Reply> {
    let asked = match gate.read(&request, raw) {
        Ok(asked) => asked,
        Err(refusal) => {
            gate.log_refusal(
                caller,
                request.method(),
                raw,
                refusal.status.as_u16(),
                refusal.why,
            );
            return own(&refusal);
        }
    };
    // Nothing below our own paths is ever sent on, however it is spelt.
    if asked
        .target
        .path
        .get(..page::OWN.len())
        .is_some_and(|p| p.eq_ignore_ascii_case(page::OWN))
    {
        return sign_in::answer(gate, caller, request, &asked).await;
    }
    let principal = match gate.access.who(request.headers(), caller.peer.ip()).await {
        Ok(principal) => principal,
        Err(denied) => {
            gate.log_refusal(
                caller,
                request.method(),
                raw,
                denied.status().as_u16(),
                denied.why(),
            );
            return unknown(gate, &request, &asked, &denied);
        }
    };
    match gate.allowed(&request, &asked, &principal) {
        Ok(decision) => send_on(gate, caller, request, &asked, principal, decision).await,
        Err(refusal) => {
            let mut record = gate.record("denied", caller, request.method(), raw);
            record.principal = Some(principal.user.to_string());
            record.credential = Some(principal.credential());
            record.status = Some(refusal.status.as_u16());
            record.why = Some(refusal.why.to_owned());
            gate.log.later(record);
            own(&refusal)
        }
    }
}

impl Gate {
    /// Whether a request has one reading and calls us by our name.
    fn read<'a>(&self, request: &Request<Incoming>, raw: &'a str) -> Result<Asked<'a>, Refusal> {
        let bad = |why| Refusal::new(StatusCode::BAD_REQUEST, why);
        let uri = request.uri();
        let known = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ];
        if !known.contains(request.method()) {
            return Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this method is not known here",
            ));
        }
        let http2 = request.version() == Version::HTTP_2;
        if !http2
            && (request.version() != Version::HTTP_11 || uri.scheme().is_some() || uri.authority().is_some())
        {
            return Err(bad("the target is not a path of HTTP/1.1"));
        }
        let target = target::judge(raw).map_err(bad)?;
        if uri.path_and_query().is_none_or(|p| p.as_str() != raw) {
            return Err(bad("the target has two readings"));
        }
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let named = hosts.next().cloned();
        let authority = uri
            .authority()
            .and_then(|a| HeaderValue::from_str(a.as_str()).ok());
        let host = match (authority, named) {
            (Some(a), Some(b)) if a != b => return Err(bad("the host has two readings")),
            (Some(host), _) | (None, Some(host)) => host,
            (None, None) => return Err(bad("there is no `Host`")),
        };
        let name = host.to_str().unwrap_or_default();
        if hosts.next().is_some() || !self.names.are(name) {
            return Err(Refusal::new(
                StatusCode::MISDIRECTED_REQUEST,
                "this is not the name of this server",
            ));
        }
        let origin = format!("{}://{name}", if self.secure { "https" } else { "http" });
        let upgrade = !http2 && asks_for_websocket(request.method(), request.headers());
        Ok(Asked {
            raw,
            target,
            host,
            origin,
            upgrade,
        })
    }

    /// Whether somebody may do what they ask for.
    fn allowed(
        &self,
        request: &Request<Incoming>,
        asked: &Asked<'_>,
        principal: &Principal,
    ) -> Result<Decision, Refusal> {
        let forbidden = |why| Refusal::new(StatusCode::FORBIDDEN, why);
        if principal.ambient {
            let cookie = principal.by_cookie();
            let foreign = origin::foreign(
                request.headers(),
                request.method(),
                &asked.origin,
                cookie,
                asked.upgrade,
            );
            if let Some(why) = foreign {
                return Err(forbidden(why));
            }
        }
        self.rate
            .take(&principal.user, Instant::now())
            .map_err(|wait| Refusal {
                wait: Some(wait),
                ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many requests")
            })?;
        let read_only = self.read_only || principal.read_only;
        match self
            .policy
            .decide(request.method(), &asked.target.path, asked.upgrade, read_only)
        {
            Decision::Deny(why) => Err(forbidden(why)),
            decision => Ok(decision),
        }
    }

    /// A line about a request.
    pub(crate) fn record(&self, event: &'static str, caller: &Caller, method: &Method, raw: &str) -> Record {
        let mut record = Record::of(event);
        record.client = Some(caller.peer.ip().to_canonical().to_string());
        record.product = Some(self.product_id);
        record.method = Some(method.as_str().to_owned());
        record.path = Some(masked(raw)).filter(|p| !p.is_empty());
        record
    }

    pub(crate) fn log_refusal(
        &self,
        caller: &Caller,
        method: &Method,
        raw: &str,
        status: u16,
        why: &'static str,
    ) {
        // A stranger chooses how long it is.
        let short: String = raw.chars().take(200).collect();
        let mut record = self.record("refused", caller, method, &short);
        record.method = record.method.map(|m| m.chars().take(20).collect());
        record.status = Some(status);
        record.why = Some(why.to_owned());
        self.log.refused(record);
    }
}

fn asks_for_websocket(method: &Method, headers: &HeaderMap) -> bool {
    let mut upgrades = headers.get_all(header::UPGRADE).iter();
    let websocket = upgrades
        .next()
        .is_some_and(|u| u.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let listed = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|v| v.to_str().ok());
    let connection = listed
        .flat_map(|v| v.split(','))
        .any(|v| v.trim().eq_ignore_ascii_case("upgrade"));
    let key = headers.contains_key(header::SEC_WEBSOCKET_KEY);
    let version = headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_some_and(|v| v == "13");
    *method == Method::GET && websocket && upgrades.next().is_none() && connection && key && version
}
