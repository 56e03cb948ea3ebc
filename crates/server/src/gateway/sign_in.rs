//! Our own paths: where people sign in and out.

use super::{
    access::Denied,
    body::Reply,
    forward::{Asked, Caller, Gate},
    oidc, origin, page,
    refusal::{Refusal, html, own},
    target::pairs,
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
        (page::SIGN_IN, &Method::GET | &Method::HEAD) => html(StatusCode::OK, self::page(gate, "/", None)),
        (oidc::START | oidc::CALLBACK, _) if let Some(provider) = &gate.oidc => {
            oidc::answer(gate, caller, &request, asked, provider).await
        }
        (page::SIGN_OUT, &Method::GET | &Method::HEAD) => {
            match gate.access.who(request.headers(), caller.peer.ip()).await {
                Ok(principal) => html(StatusCode::OK, page::sign_out(&principal.user)),
                Err(_) => html(StatusCode::UNAUTHORIZED, self::page(gate, "/", None)),
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
                let mut response = went(page::SIGN_IN);
                set(&mut response, gate, gate.access.cookie, "", 0);
                response
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
    let (method, headers) = (request.method().clone(), request.headers().clone());
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
    let next = oidc::way_back(field("next"));
    match gate
        .access
        .sign_in(&field("name"), field("password"), caller.peer.ip())
        .await
    {
        Ok((value, user)) => {
            gate.access.sign_out(&headers);
            let mut record = gate.record("signed-in", caller, &method, asked.raw);
            record.principal = Some(user.to_string());
            gate.log.later(record);
            let mut response = went(&next);
            session(&mut response, gate, &value);
            response
        }
        Err(denied) => {
            gate.log_refusal(caller, &method, asked.raw, denied.status().as_u16(), denied.why());
            let said = match denied {
                Denied::TooMany(_) | Denied::Busy => "Too many attempts. Wait a minute and try again.",
                Denied::Closed => "Nobody can sign in at the moment.",
                Denied::Stranger | Denied::Wrong | Denied::Malformed => "The name or the password is wrong.",
            };
            html(denied.status(), page(gate, &next, Some(said)))
        }
    }
}

/// The page on which people say who they are.
pub(crate) fn page(gate: &Gate, next: &str, said: Option<&str>) -> String {
    let link = format!("{}?next={}", oidc::START, oidc::encoded(next));
    page::sign_in(&page::Form {
        product: gate.product,
        next,
        said,
        provider: gate.oidc.as_ref().map(|o| (o.name.as_str(), link.as_str())),
        passwords: gate.oidc.is_none() || gate.access.users() > 0,
    })
}

/// Leads a browser elsewhere.
pub(crate) fn went(to: &str) -> Response<Reply> {
    let mut response = html(StatusCode::SEE_OTHER, String::new());
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

/// Hands a browser its session.
pub(crate) fn session(response: &mut Response<Reply>, gate: &Gate, value: &str) {
    set(response, gate, gate.access.cookie, value, 12 * 3600);
}

/// Sets one of our cookies: for this host alone, out of reach of scripts and of what other sites make a browser ask.
pub(crate) fn set(response: &mut Response<Reply>, gate: &Gate, name: &str, value: &str, seconds: u64) {
    let secure = if gate.secure { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
