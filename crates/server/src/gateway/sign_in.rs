//! Our own paths: where people sign in and out.

use super::{
    access::Denied,
    body::Reply,
    forward::{Asked, Caller, Gate, Refusal, html, own},
    origin, page,
    target::{self, pairs},
};
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// Largest form.
const FORM: usize = 32 << 10;
/// How long it may take.
const SENDING: Duration = Duration::from_secs(10);

pub(crate) async fn answer(
    gate: &Arc<Gate>,
    caller: &Caller,
    request: Request<Incoming>,
    asked: &Asked<'_>,
) -> Response<Reply> {
    let refused = |status, why| {
        gate.log_refusal(
            caller,
            request.method(),
            asked.raw,
            StatusCode::as_u16(&status),
            why,
        );
        own(&Refusal::new(status, why))
    };
    let (path, method) = (asked.target.path.as_str(), request.method());
    match (path, method) {
        (page::SIGN_IN, &Method::GET | &Method::HEAD) => {
            html(StatusCode::OK, page::sign_in(gate.product, "/", None))
        }
        (page::SIGN_OUT, &Method::GET | &Method::HEAD) => {
            match gate.access.who(request.headers(), caller.peer.ip()).await {
                Ok(principal) => html(StatusCode::OK, page::sign_out(&principal.user)),
                Err(_) => html(StatusCode::UNAUTHORIZED, page::sign_in(gate.product, "/", None)),
            }
        }
        (page::SIGN_IN | page::SIGN_OUT, &Method::POST) => {
            // Otherwise another site could sign somebody in as somebody else, or out.
            if let Some(why) = origin::foreign(request.headers(), method, &asked.origin, true, false) {
                return refused(StatusCode::FORBIDDEN, why);
            }
            if path == page::SIGN_IN {
                signed_in(gate, caller, request, asked).await
            } else {
                gate.access.sign_out(request.headers());
                moved(gate, page::SIGN_IN, "", "0")
            }
        }
        _ => refused(StatusCode::NOT_FOUND, "there is nothing here"),
    }
}

async fn signed_in(
    gate: &Arc<Gate>,
    caller: &Caller,
    request: Request<Incoming>,
    asked: &Asked<'_>,
) -> Response<Reply> {
    let method = request.method().clone();
    let form = timeout(SENDING, Limited::new(request.into_body(), FORM).collect()).await;
    let Ok(Ok(form)) = form else {
        return own(&Refusal::new(StatusCode::BAD_REQUEST, "the form cannot be read"));
    };
    let form = String::from_utf8_lossy(&form.to_bytes()).into_owned();
    let field = |name: &str| {
        pairs(&form)
            .find(|(k, _)| k == name)
            .map(|(_, v)| v)
            .unwrap_or_default()
    };
    let next = field("next");
    // Only to our own paths, and only to those that would be sent on.
    let next = if target::judge(&next).is_ok() {
        next
    } else {
        "/".to_owned()
    };
    match gate
        .access
        .sign_in(&field("name"), field("password"), caller.peer.ip())
        .await
    {
        Ok((value, user)) => {
            let mut record = gate.record("signed-in", caller, &method, asked.raw);
            record.principal = Some(user.to_string());
            gate.log.later(record);
            moved(gate, &next, &value, "43200")
        }
        Err(denied) => {
            gate.log_refusal(caller, &method, asked.raw, denied.status().as_u16(), denied.why());
            let said = match denied {
                Denied::TooMany(_) | Denied::Busy => "Too many attempts. Wait a minute and try again.",
                Denied::Closed => "Nobody can sign in at the moment.",
                Denied::Stranger | Denied::Wrong | Denied::Malformed => "The name or the password is wrong.",
            };
            html(denied.status(), page::sign_in(gate.product, &next, Some(said)))
        }
    }
}

fn moved(gate: &Gate, to: &str, cookie: &str, seconds: &str) -> Response<Reply> {
    let mut response = html(StatusCode::SEE_OTHER, String::new());
    let secure = if gate.secure { "; Secure" } else { "" };
    let name = gate.access.cookie;
    let cookie = format!("{name}={cookie}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    let headers = response.headers_mut();
    if let (Ok(to), Ok(cookie)) = (HeaderValue::from_str(to), HeaderValue::from_str(&cookie)) {
        headers.insert(header::LOCATION, to);
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}
