//! Sending a request on, and what comes back: nothing goes before its line is in the log.

use super::{
    access::Principal,
    body::{Ending, Passed, Reply, Upload},
    forward::{Asked, Caller, Gate},
    headers::{self, Onward},
    policy::Decision,
    refusal::{Refusal, own},
    standing::{GONE, Standing},
    tunnel,
    upstream::Upstream,
};
use hyper::{Request, Response, StatusCode, Version, body::Incoming, header};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// How long a client may send nothing of its body.
const UPLOAD: Duration = Duration::from_secs(60);
/// How long an answer may pause that is no stream.
const PAUSE: Duration = Duration::from_secs(300);

pub(crate) async fn send_on(
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
        Standing::new(&gate.access, &principal),
    );
    let mut standing = Standing::new(&gate.access, &principal);
    let mut sending = Request::new(body);
    *sending.method_mut() = head.method;
    *sending.uri_mut() = uri;
    *sending.version_mut() = if grpc { Version::HTTP_2 } else { Version::HTTP_11 };
    *sending.headers_mut() = headers::to_upstream(&head.headers, &onward);
    let answered = thought(upstream, sending, &received, gate.thinking).await;
    // A body ends early when whoever sends it was removed, and an answer can take long.
    let gone = match &answered {
        Ok(_) => standing.is_gone(),
        Err(_) => !gate.access.still(&principal),
    };
    let answered = if gone {
        Err(Refusal::new(StatusCode::FORBIDDEN, GONE))
    } else {
        answered
    };
    let mut response = match answered {
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
    let passed = Passed::new(body, (!streams).then_some(PAUSE), standing, ending);
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
