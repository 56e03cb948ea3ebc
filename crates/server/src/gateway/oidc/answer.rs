//! The two paths of a sign-in with a provider: away, and back.
//!
//! A page never shows what a query says: all words on it are ours.

use super::{
    super::{
        access::cookie,
        body::Reply,
        forward::{Asked, Caller, Gate},
        page,
        refusal::{Refusal, html, own},
        sign_in::{self, went},
        target::{self, pairs},
    },
    Failed, Oidc, flow,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, body::Incoming};
use std::sync::Arc;

/// Where one leaves for the provider.
pub(crate) const START: &str = "/.wellhead/oidc/start";
/// Where the provider sends one back to.
pub(crate) const CALLBACK: &str = "/.wellhead/oidc/callback";

impl Failed {
    fn why(self) -> &'static str {
        match self {
            Self::Foreign(why) | Self::Provider(why) | Self::Unbelievable(why) | Self::Busy(why) => why,
            Self::Uninvited => "no rule lets them in",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Foreign(_) => StatusCode::BAD_REQUEST,
            Self::Uninvited | Self::Unbelievable(_) => StatusCode::FORBIDDEN,
            Self::Provider(_) => StatusCode::BAD_GATEWAY,
            Self::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn said(self) -> &'static str {
        match self {
            Self::Foreign(_) => "This sign-in has ended. Begin again.",
            Self::Uninvited => "You are signed in there, and not among those who may come in here.",
            Self::Provider(_) => "The sign-in service cannot be used at the moment.",
            Self::Unbelievable(_) => "The sign-in service did not let you in.",
            Self::Busy(_) => "Too many attempts. Wait a minute and try again.",
        }
    }
}

/// Answers one of the two paths.
pub(crate) async fn answer(
    gate: &Arc<Gate>,
    caller: &Caller,
    request: &Request<Incoming>,
    asked: &Asked<'_>,
    oidc: &Oidc,
) -> Response<Reply> {
    let path = asked.target.path.as_str();
    let headers = request.headers();
    if *request.method() != Method::GET {
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this path is only followed");
        gate.log_refusal(caller, request.method(), path, 405, refusal.why);
        return own(&refusal);
    }
    // Pages and frames of others may not begin or end a sign-in; the provider sends the whole window back.
    if !is_window(headers) || (path == START && !is_ours(headers)) {
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "another site made the browser ask");
        gate.log_refusal(caller, request.method(), path, 403, refusal.why);
        return own(&refusal);
    }
    let done = if path == START {
        left(gate, caller, asked, oidc).await
    } else {
        arrived(gate, caller, request, asked, oidc).await
    };
    done.unwrap_or_else(|failed| {
        // Neither codes nor states stand in the log.
        gate.log_refusal(
            caller,
            request.method(),
            path,
            failed.status().as_u16(),
            failed.why(),
        );
        stopped(gate, oidc, failed)
    })
}

/// The page on which a sign-in ends that came to nothing. What was begun is over, unless this was no answer to it: any site
/// can lead a browser here.
fn stopped(gate: &Gate, oidc: &Oidc, failed: Failed) -> Response<Reply> {
    let mut response = html(failed.status(), page::stopped(gate.product, failed.said()));
    if !matches!(failed, Failed::Foreign(_)) {
        sign_in::set(&mut response, gate, &oidc.cookie, "", 0);
    }
    response
}

async fn left(
    gate: &Arc<Gate>,
    caller: &Caller,
    asked: &Asked<'_>,
    oidc: &Oidc,
) -> Result<Response<Reply>, Failed> {
    let next = pairs(asked.target.query.unwrap_or_default()).find(|(name, _)| name == "next");
    let next = way_back(next.map(|(_, value)| value).unwrap_or_default());
    let leaving = oidc.leave(&asked.origin, &next, caller.peer.ip()).await?;
    let mut response = went(&leaving.url);
    sign_in::set(&mut response, gate, &oidc.cookie, &leaving.cookie, flow::LIFE);
    Ok(response)
}

async fn arrived(
    gate: &Arc<Gate>,
    caller: &Caller,
    request: &Request<Incoming>,
    asked: &Asked<'_>,
    oidc: &Oidc,
) -> Result<Response<Reply>, Failed> {
    let kept = cookie(request.headers(), &oidc.cookie);
    let kept = kept.map_err(|_| Failed::Foreign("the sign-in has two readings"))?;
    let kept = kept.ok_or(Failed::Foreign("this browser began another sign-in, or none"))?;
    let query = asked.target.query.unwrap_or_default();
    let who = oidc.arrive(&asked.origin, &kept, query, caller.peer.ip()).await?;
    let record = |event| {
        let mut record = gate.record(event, caller, request.method(), CALLBACK);
        record.principal = Some(who.user.to_string());
        record.credential = Some(format!("subject {}", who.subject));
        record
    };
    let Some(read_only) = who.read_only else {
        let mut record = record("refused");
        record.status = Some(Failed::Uninvited.status().as_u16());
        record.why = Some(Failed::Uninvited.why().to_owned());
        gate.log.refused(record);
        return Ok(stopped(gate, oidc, Failed::Uninvited));
    };
    let began = gate.access.admit(Arc::clone(&who.user), read_only);
    let value = began.map_err(|_| Failed::Provider("nobody is let in: the store of users cannot be read"))?;
    gate.access.sign_out(request.headers());
    gate.log.later(record("signed-in"));
    let mut response = went(&way_back(who.next));
    sign_in::session(&mut response, gate, &value);
    sign_in::set(&mut response, gate, &oidc.cookie, "", 0);
    Ok(response)
}

/// Only to our own paths, and only to those that would be sent on.
pub(crate) fn way_back(next: String) -> String {
    let fine = target::judge(&next).is_ok_and(|t| !t.path.starts_with(page::OWN));
    if fine { next } else { "/".to_owned() }
}

/// Whether a browser shows the answer as a page of its own, as far as it says.
fn is_window(headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_none_or(|v| v == value);
    is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
}

/// Whether one of our own pages leads here, or somebody typed it, as far as the browser says.
fn is_ours(headers: &HeaderMap) -> bool {
    let from = headers.get("sec-fetch-site");
    from.is_none_or(|v| v == "same-origin" || v == "none")
}
