//! Which headers pass, in both directions.
//!
//! What lies behind believes its proxy. So everything by which a proxy speaks is taken out of what a client says, also in
//! the spellings that some servers fold onto the same name, and is said anew.

use hyper::{
    HeaderMap,
    header::{self, HeaderName, HeaderValue},
};
use std::net::IpAddr;

/// About one connection, never about the message (RFC 9110, 7.6.1).
const HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-authentication-info",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// By these a proxy says who asks, from where, for what: never a client. A `-` at the end is the start of a name.
const SPOOFS: &[&str] = &[
    "forwarded",
    "x-forwarded",
    "x-forwarded-",
    "x-forward-",
    "x-real-",
    "x-client-ip",
    "x-client-cert",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-remote-",
    "remote-",
    "client-ip",
    "true-client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "cf-connecting-",
    "cf-access-",
    "x-original-",
    "x-rewrite-",
    "x-override-",
    "x-http-method",
    "x-http-method-",
    "x-method-override",
    "x-http-host-override",
    "x-host",
    "x-proxy-",
    "x-proxyuser-",
    "x-scheme",
    "x-script-name",
    "x-url-scheme",
    "front-end-https",
    "x-auth-",
    "x-authenticated-",
    "x-authentik-",
    "x-authelia-",
    "x-rstudio-",
    "x-consumer-",
    "x-credential-",
    "x-vouch-",
    "x-webauth-",
    "x-user",
    "x-user-",
    "x-username",
    "x-email",
    "x-groups",
    "x-roles",
    "x-id-token",
    "x-access-token",
    "x-userinfo",
    "x-token-",
    "x-pomerium-",
    "x-goog-authenticated-",
    "x-goog-iap-",
    "x-amzn-oidc-",
    "x-ms-client-",
    "x-ms-token-",
    "x-envoy-",
    "x-ssl-",
    "ssl-client-",
    "tailscale-",
    "kubeflow-",
    "impersonate-",
    "x-spiffe-",
    "x-b3-sampled-by",
    "x-accel-",
    "x-sendfile",
    "x-wellhead-",
    "via",
];

/// Whether a client may not say it.
fn is_spoof(name: &str) -> bool {
    // `X_Remote_User` becomes the same variable as `X-Remote-User` in CGI and WSGI, so that no name with a `_` passes.
    name.contains('_')
        || SPOOFS.iter().any(|s| match s.strip_suffix('-') {
            Some(_) => name.starts_with(s),
            None => name == *s,
        })
}

/// What a request needs on its way to the upstream.
pub(crate) struct Onward<'a> {
    /// What the client called us.
    pub(crate) host: &'a HeaderValue,
    /// What the upstream is called.
    pub(crate) upstream_host: &'a HeaderValue,
    /// `http://host` of the upstream, instead of our own origin.
    pub(crate) upstream_origin: &'a HeaderValue,
    /// Our own origin.
    pub(crate) origin: &'a str,
    pub(crate) secure: bool,
    pub(crate) peer: IpAddr,
    /// The name of our cookie.
    pub(crate) cookie: &'a str,
    /// The credentials were ours, or there were none.
    pub(crate) take_authorization: bool,
    /// Credentials for the upstream.
    pub(crate) authorization: Option<&'a HeaderValue>,
    pub(crate) websocket: bool,
    pub(crate) grpc: bool,
}

/// The headers of a request, for the upstream.
pub(crate) fn to_upstream(given: &HeaderMap, onward: &Onward<'_>) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(given.len().saturating_add(5));
    let listed = listed(given);
    for (name, value) in given {
        let text = name.as_str();
        let ours = matches!(text, "host" | "cookie" | "expect" | "origin" | "referer")
            || text == "authorization" && (onward.take_authorization || onward.authorization.is_some());
        if !ours && !HOP.contains(&text) && !is_spoof(text) && !is_listed(&listed, name) {
            out.append(name.clone(), value.clone());
        }
    }
    out.insert(header::HOST, onward.upstream_host.clone());
    if let Some(authorization) = onward.authorization {
        out.insert(header::AUTHORIZATION, authorization.clone());
    }
    for value in given.get_all(header::COOKIE) {
        if let Some(rest) = without_cookie(value, onward.cookie) {
            out.append(header::COOKIE, rest);
        }
    }
    // Servers compare where a page came from with what they are called; who asks has been judged here.
    if let Some(origin) = given.get(header::ORIGIN) {
        let own = origin.as_bytes().eq_ignore_ascii_case(onward.origin.as_bytes());
        let origin = if own { onward.upstream_origin } else { origin };
        out.insert(header::ORIGIN, origin.clone());
    }
    if let Some(referer) = given.get(header::REFERER)
        && let Some(path) = referer.as_bytes().strip_prefix(onward.origin.as_bytes())
        && path.first() == Some(&b'/')
        && let Ok(value) = HeaderValue::from_bytes(&[onward.upstream_origin.as_bytes(), path].concat())
    {
        out.insert(header::REFERER, value);
    }
    if let Ok(peer) = HeaderValue::from_str(&onward.peer.to_canonical().to_string()) {
        out.insert(HeaderName::from_static("x-forwarded-for"), peer);
    }
    let scheme = HeaderValue::from_static(if onward.secure { "https" } else { "http" });
    out.insert(HeaderName::from_static("x-forwarded-proto"), scheme);
    out.insert(HeaderName::from_static("x-forwarded-host"), onward.host.clone());
    if onward.websocket {
        out.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        out.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    if onward.grpc {
        out.remove(header::HOST);
        out.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    out
}

/// The headers of an answer, for the client.
pub(crate) fn to_client(given: &HeaderMap, onward: &Onward<'_>) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(given.len());
    let listed = listed(given);
    for (name, value) in given {
        let text = name.as_str();
        // `Alt-Svc` would lead the client round us, and our cookie is set by nobody else.
        let ours = text == "alt-svc"
            || text.starts_with("x-accel-")
            || (*name == header::SET_COOKIE && sets(value, onward.cookie));
        if ours || HOP.contains(&text) || is_listed(&listed, name) {
            continue;
        }
        let value = match *name {
            header::LOCATION => relative(value, onward.upstream_origin),
            _ => None,
        }
        .unwrap_or_else(|| value.clone());
        out.append(name.clone(), value);
    }
    if onward.websocket {
        out.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        out.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    out
}

/// What `Connection` names as being about the connection.
fn listed(given: &HeaderMap) -> Vec<String> {
    let values = given.get_all(header::CONNECTION).iter();
    values
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(|n| n.trim().to_ascii_lowercase())
        .collect()
}

fn is_listed(listed: &[String], name: &HeaderName) -> bool {
    // Where a body ends and what it is may not be talked away.
    !matches!(*name, header::CONTENT_LENGTH | header::CONTENT_TYPE)
        && listed.iter().any(|l| l == name.as_str())
}

fn without_cookie(value: &HeaderValue, ours: &str) -> Option<HeaderValue> {
    let kept: Vec<&[u8]> = value
        .as_bytes()
        .split(|b| *b == b';')
        .map(<[u8]>::trim_ascii)
        .filter(|pair| {
            let name = pair.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii();
            !pair.is_empty() && !is_cookie(name, ours)
        })
        .collect();
    if kept.is_empty() {
        return None;
    }
    HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok()
}

fn sets(value: &HeaderValue, ours: &str) -> bool {
    let name = value.as_bytes().split(|b| *b == b'=').next().unwrap_or_default();
    is_cookie(name.trim_ascii(), ours)
}

/// Whether a cookie is that of a session, or of a sign-in with a provider.
fn is_cookie(name: &[u8], ours: &str) -> bool {
    let start = name.split_at_checked(ours.len());
    start.is_some_and(|(start, rest)| {
        start.eq_ignore_ascii_case(ours.as_bytes())
            && (rest.is_empty() || rest.eq_ignore_ascii_case(b"-flow"))
    })
}

/// A redirect to the upstream's own name becomes one to ours.
fn relative(location: &HeaderValue, upstream_origin: &HeaderValue) -> Option<HeaderValue> {
    let path = location.as_bytes().strip_prefix(upstream_origin.as_bytes())?;
    match path.first() {
        None => Some(HeaderValue::from_static("/")),
        // `//host` is a name of its own again.
        Some(b'/') if path.get(1) != Some(&b'/') => HeaderValue::from_bytes(path).ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut out = HeaderMap::new();
        for (name, value) in headers {
            out.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        out
    }

    fn onward(check: impl FnOnce(&Onward<'_>)) {
        let host = HeaderValue::from_static("ml.example");
        let (upstream_host, upstream_origin) = (
            HeaderValue::from_static("127.0.0.1:5000"),
            HeaderValue::from_static("http://127.0.0.1:5000"),
        );
        check(&Onward {
            host: &host,
            upstream_host: &upstream_host,
            upstream_origin: &upstream_origin,
            origin: "https://ml.example",
            secure: true,
            peer: "::ffff:203.0.113.9".parse().unwrap(),
            cookie: "__Host-wellhead",
            take_authorization: true,
            authorization: None,
            websocket: false,
            grpc: false,
        });
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<String> = headers
            .iter()
            .map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn a_client_says_nothing_that_is_for_a_proxy_to_say() {
        onward(|onward| {
            let plain = shown(&to_upstream(
                &map(&[("host", "ml.example"), ("accept", "*/*")]),
                onward,
            ));
            assert_eq!(
                plain,
                [
                    "accept: */*",
                    "host: 127.0.0.1:5000",
                    "x-forwarded-for: 203.0.113.9",
                    "x-forwarded-host: ml.example",
                    "x-forwarded-proto: https"
                ]
            );
            for name in [
                "Forwarded",
                "X-Forwarded-For",
                "X-Forwarded-Host",
                "X-Forwarded-User",
                "X-Forwarded-Prefix",
                "X-Real-IP",
                "X-Remote-User",
                "Remote-User",
                "X_Remote_User",
                "X_Forwarded_For",
                "X-Original-URL",
                "X-Rewrite-URL",
                "X-HTTP-Method-Override",
                "X-Method-Override",
                "X-Auth-Request-User",
                "X-WEBAUTH-USER",
                "X-User",
                "X-Email",
                "X-Goog-IAP-JWT-Assertion",
                "Kubeflow-UserID",
                "X-MS-CLIENT-PRINCIPAL",
                "Connection",
                "Keep-Alive",
                "TE",
                "Trailer",
                "Transfer-Encoding",
                "Upgrade",
                "HTTP2-Settings",
                "Proxy-Authorization",
                "Authorization",
                "Expect",
                "X-Accel-Redirect",
                "Via",
                "X-Host",
                "Impersonate-User",
                "True-Client-IP",
                "CF-Connecting-IP",
                "X-Client-IP",
                "X-RStudio-Username",
                "X-Authentik-Username",
                "X-Goog-Authenticated-User-Email",
                "Cf-Access-Authenticated-User-Email",
                "X-Consumer-Username",
                "X-Vouch-User",
            ] {
                let given = map(&[("host", "ml.example"), ("accept", "*/*"), (name, "a")]);
                assert_eq!(shown(&to_upstream(&given, onward)), plain, "{name}");
            }
            let given = map(&[
                ("connection", "X-Secret, x-forwarded-for, content-length"),
                ("x-secret", "a"),
                ("content-length", "4"),
                ("accept", "*/*"),
            ]);
            assert!(to_upstream(&given, onward).get("x-secret").is_none());
            assert!(to_upstream(&given, onward).get("content-length").is_some());
            assert!(to_upstream(&given, onward).get("x-forwarded-for").is_some());
        });
    }

    #[test]
    fn our_cookie_stays_here_and_others_pass() {
        onward(|onward| {
            for (cookie, passed) in [
                ("__Host-wellhead=abc", None),
                ("a=1; __Host-wellhead=abc; b=2", Some("a=1; b=2")),
                ("__HOST-WELLHEAD=abc;a=\"x=y\"", Some("a=\"x=y\"")),
            ] {
                let out = to_upstream(&map(&[("cookie", cookie)]), onward);
                assert_eq!(out.get("cookie").map(|v| v.to_str().unwrap()), passed);
            }
            let answer = map(&[
                ("set-cookie", "__Host-wellhead=evil; Path=/"),
                ("set-cookie", "__host-wellhead-Flow=evil; Path=/"),
                ("set-cookie", "_xsrf=1"),
                ("alt-svc", "h3=\":443\""),
            ]);
            assert_eq!(shown(&to_client(&answer, onward)), ["set-cookie: _xsrf=1"]);
        });
    }

    #[test]
    fn the_upstream_sees_its_own_name_and_the_client_ours() {
        onward(|onward| {
            let given = map(&[
                ("origin", "https://ml.example"),
                ("referer", "https://ml.example/lab?x"),
            ]);
            let out = to_upstream(&given, onward);
            assert_eq!(out["origin"], "http://127.0.0.1:5000");
            assert_eq!(out["referer"], "http://127.0.0.1:5000/lab?x");
            let foreign = map(&[
                ("origin", "https://evil.example"),
                ("referer", "https://ml.example.evil.example/"),
            ]);
            let out = to_upstream(&foreign, onward);
            assert_eq!(out["origin"], "https://evil.example");
            assert!(out.get("referer").is_none());
            for (location, told) in [
                ("http://127.0.0.1:5000/a", "/a"),
                ("http://127.0.0.1:5000", "/"),
                (
                    "http://127.0.0.1:5000//evil.example",
                    "http://127.0.0.1:5000//evil.example",
                ),
                ("http://127.0.0.1:50001/a", "http://127.0.0.1:50001/a"),
                ("/b", "/b"),
            ] {
                assert_eq!(
                    to_client(&map(&[("location", location)]), onward)["location"],
                    told
                );
            }
        });
    }
}
