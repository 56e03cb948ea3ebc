//! One request, from its head to the line that says how it ended.
//!
//! The order is the policy: what has two readings is refused before anything is believed of it, a name that is not ours
//! before anybody is asked, who it is before what they want, and nothing is sent on that is not in the log.

use super::{
    access::{Access, Denied, Principal},
    body::{Ending, Passed, Reply, Upload},
    headers::{self, Onward},
    heads::Heads,
    inside::Inside,
    limits::Limiter,
    log::{Log, Record, masked},
    oidc::Oidc,
    origin::{self, Names},
    page,
    policy::{Decision, Policy},
    serve::Place,
    sign_in,
    target::{self, Target},
    tunnel,
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
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::sleep};

/// How long a client may send nothing of its body.
const UPLOAD: Duration = Duration::from_secs(60);
/// How long an answer may pause that is no stream.
const PAUSE: Duration = Duration::from_secs(300);

/// All that judging and sending on needs.
pub(crate) struct Gate {
    pub(crate) access: Access,
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

/// Why a request is not sent on.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) why: &'static str,
    pub(crate) wait: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, why: &'static str) -> Self {
        Self {
            status,
            why,
            wait: None,
        }
    }
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

impl Denied {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Stranger | Self::Wrong => StatusCode::UNAUTHORIZED,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Closed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn why(&self) -> &'static str {
        match self {
            Self::Stranger => "nobody says who they are",
            Self::Wrong => "the credentials are wrong",
            Self::Malformed => "the credentials have two readings",
            Self::TooMany(_) => "too many wrong passwords",
            Self::Busy => "too many sign in at once",
            Self::Closed => "nobody is let in: the store of users cannot be read",
        }
    }
}

/// Asks who it is.
fn unknown(gate: &Gate, request: &Request<Incoming>, asked: &Asked<'_>, denied: &Denied) -> Response<Reply> {
    let wait = match denied {
        Denied::TooMany(wait) => Some(*wait),
        Denied::Busy => Some(Duration::from_secs(1)),
        Denied::Stranger | Denied::Wrong | Denied::Malformed | Denied::Closed => None,
    };
    let refusal = Refusal {
        wait,
        ..Refusal::new(denied.status(), denied.why())
    };
    if refusal.status != StatusCode::UNAUTHORIZED {
        return own(&refusal);
    }
    let headers = request.headers();
    let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD) && !asked.upgrade;
    if reads && accepts.is_some_and(|a| a.contains("text/html")) {
        return html(StatusCode::UNAUTHORIZED, sign_in::page(gate, asked.raw, None));
    }
    let mut response = own(&refusal);
    // A browser would put up a window of its own whenever a script's request is refused.
    if !headers.contains_key("sec-fetch-mode") {
        let basic = HeaderValue::from_static("Basic realm=\"wellhead\", charset=\"UTF-8\"");
        response.headers_mut().append(header::WWW_AUTHENTICATE, basic);
    }
    let bearer = HeaderValue::from_static("Bearer realm=\"wellhead\"");
    response.headers_mut().append(header::WWW_AUTHENTICATE, bearer);
    response
}

/// A refusal in our own words.
pub(crate) fn own(refusal: &Refusal) -> Response<Reply> {
    let mut response = Response::new(Reply::text(format!("{}\n", refusal.why)));
    *response.status_mut() = refusal.status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    guarded(headers);
    if let Some(wait) = refusal.wait {
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from(wait.as_secs().saturating_add(1)),
        );
    }
    response
}

/// A page of our own.
pub(crate) fn html(status: StatusCode, text: String) -> Response<Reply> {
    let mut response = Response::new(Reply::text(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, page::policy());
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    guarded(headers);
    response
}

fn guarded(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}

async fn send_on(
    gate: &Arc<Gate>,
    caller: &Caller,
    mut request: Request<Incoming>,
    asked: &Asked<'_>,
    principal: Principal,
    decision: Decision,
) -> Response<Reply> {
    let mut record = gate.record("request", caller, request.method(), asked.raw);
    record.id = Some(gate.next.fetch_add(1, Ordering::Relaxed));
    record.principal = Some(principal.user.to_string());
    record.credential = Some(principal.credential());
    record.names = gate.policy.names(&asked.target);
    if !gate.log.written(record.clone()).await {
        return own(&Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the log cannot be written, so nothing is sent on",
        ));
    }
    record.event = "answer";
    let websocket = decision == Decision::Upgrade;
    let content = request.headers().get(header::CONTENT_TYPE);
    let is_grpc = request.version() == Version::HTTP_2
        && content.is_some_and(|c| c.as_bytes().starts_with(b"application/grpc"));
    let (upstream, grpc) = match &gate.grpc {
        Some(upstream) if is_grpc => (upstream, true),
        _ => (&gate.upstream, false),
    };
    let (received, sent) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut ending = Ending {
        log: Arc::clone(&gate.log),
        record,
        received: Arc::clone(&received),
        sent: Arc::clone(&sent),
        whole: false,
        watched: gate.inside.watch(&asked.target.path, request.headers(), grpc),
    };
    let onward = Onward {
        host: &asked.host,
        upstream_host: &upstream.host,
        upstream_origin: &upstream.origin,
        origin: &asked.origin,
        secure: gate.secure,
        peer: caller.peer.ip(),
        cookie: gate.access.cookie,
        take_authorization: !principal.by_cookie(),
        authorization: gate.authorization.as_ref(),
        websocket,
        grpc,
    };
    let client = websocket.then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let Some(uri) = upstream.uri(asked.raw) else {
        return own(&Refusal::new(
            StatusCode::BAD_REQUEST,
            "the target has two readings",
        ));
    };
    let patience = (!grpc).then_some(UPLOAD);
    let body = Upload::new(
        (!websocket).then_some(body),
        Arc::clone(&received),
        patience,
        ending.watched.clone(),
    );
    let mut sending = Request::new(body);
    *sending.method_mut() = head.method;
    *sending.uri_mut() = uri;
    *sending.version_mut() = if grpc { Version::HTTP_2 } else { Version::HTTP_11 };
    *sending.headers_mut() = headers::to_upstream(&head.headers, &onward);
    let mut response = match thought(upstream, sending, &received, gate.thinking).await {
        Ok(response) => response,
        Err(refusal) => {
            ending.record.status = Some(refusal.status.as_u16());
            ending.record.why = Some(refusal.why.to_owned());
            return own(&refusal);
        }
    };
    ending.record.status = Some(response.status().as_u16());
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let upgraded = response.headers().get(header::UPGRADE);
        let fine = upgraded.is_some_and(|u| u.as_bytes().eq_ignore_ascii_case(b"websocket"));
        let Some(client) = client.filter(|_| fine) else {
            return own(&Refusal::new(
                StatusCode::BAD_GATEWAY,
                "the upstream wants another protocol",
            ));
        };
        let mut answer = Response::new(Reply::Own(None));
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *answer.headers_mut() = headers::to_client(response.headers(), &onward);
        let upstream = hyper::upgrade::on(&mut response);
        tunnel::start(
            Arc::clone(gate),
            caller.clone(),
            principal,
            client,
            upstream,
            ending,
        );
        return answer;
    }
    let events = response.headers().get(header::CONTENT_TYPE);
    let streams = grpc
        || decision == Decision::Stream
        || events.is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
    let plain = Onward {
        websocket: false,
        ..onward
    };
    let (head, body) = response.into_parts();
    let passed = Passed::new(body, (!streams).then_some(PAUSE), ending);
    let mut answer = Response::new(Reply::Passed(Box::new(passed)));
    *answer.status_mut() = head.status;
    *answer.headers_mut() = headers::to_client(&head.headers, &plain);
    answer
}

/// Waits for the head of an answer. As long as the client sends, nobody is late.
async fn thought(
    upstream: &Upstream<Upload>,
    request: Request<Upload>,
    received: &AtomicU64,
    most: Duration,
) -> Result<Response<Incoming>, Refusal> {
    let mut sending = std::pin::pin!(upstream.send(request));
    let mut before = 0;
    loop {
        tokio::select! {
            sent = sending.as_mut() => {
                return sent.map_err(|_| Refusal::new(StatusCode::BAD_GATEWAY, "the upstream does not answer"));
            }
            () = sleep(most) => {
                let now = received.load(Ordering::Relaxed);
                if now == before {
                    return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, "the upstream takes too long"));
                }
                before = now;
            }
        }
    }
}
