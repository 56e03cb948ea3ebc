//! What is said to those who do not get what they ask for, and on pages of our own: always our words, never theirs.

use super::{
    access::Denied,
    body::Reply,
    forward::{Asked, Gate},
    page, sign_in,
};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use std::time::Duration;

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
pub(crate) fn unknown(
    gate: &Gate,
    request: &Request<Incoming>,
    asked: &Asked<'_>,
    denied: &Denied,
) -> Response<Reply> {
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
