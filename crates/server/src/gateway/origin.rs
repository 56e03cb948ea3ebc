//! By which name a client calls us, and which site made a browser ask.

use crate::host;
use hyper::{HeaderMap, Method, header};

/// The names that are ours.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) names: Vec<String>,
    /// Whether the names of this machine are, too: nobody else reaches us.
    pub(crate) local: bool,
}

impl Names {
    /// Whether an authority (`ml.example:8443`) is one of ours. A name without a port is good with any.
    pub(crate) fn are(&self, authority: &str) -> bool {
        let plain = authority
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b));
        let bare = match authority.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => authority,
        };
        let is = |name: &String| name.eq_ignore_ascii_case(authority) || name.eq_ignore_ascii_case(bare);
        plain && !authority.is_empty() && (self.names.iter().any(is) || self.local && host::own(authority))
    }
}

/// Why a request that a browser sends with credentials of its own accord is not answered; nothing where it is fine.
///
/// Cookies and Basic credentials go along with whatever another site makes a browser ask for. So such a request has to come
/// from our own pages, or be somebody who follows a link.
pub(crate) fn foreign(
    headers: &HeaderMap,
    method: &Method,
    own: &str,
    cookie: bool,
    upgrade: bool,
) -> Option<&'static str> {
    const WHY: &str = "another site made the browser ask";
    let reads = matches!(*method, Method::GET | Method::HEAD) && !upgrade;
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(_), Some(_)) => return Some(WHY),
        (Some(origin), None) => {
            return (!origin.as_bytes().eq_ignore_ascii_case(own.as_bytes())).then_some(WHY);
        }
        (None, _) => {}
    }
    let said = |name: &str| headers.get(name).map(|v| v.as_bytes());
    match said("sec-fetch-site") {
        Some(b"same-origin" | b"none") => None,
        Some(_) => {
            let link =
                said("sec-fetch-mode") == Some(b"navigate") && said("sec-fetch-dest") == Some(b"document");
            (!(reads && link)).then_some(WHY)
        }
        // No browser of the last years; programs have no cookies of ours.
        None if cookie && !reads => {
            Some("a request with a cookie says where it comes from: `Origin` is missing")
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    #[test]
    fn only_names_that_were_given_are_ours() {
        let names = Names {
            names: vec!["ml.example".to_owned(), "other.example:8443".to_owned()],
            local: false,
        };
        for (authority, ours) in [
            ("ml.example", true),
            ("ML.example:8443", true),
            ("other.example:8443", true),
            ("other.example", false),
            ("", false),
            ("localhost", false),
            ("evil.example", false),
            ("ml.example.evil.example", false),
            ("ml.example@evil.example", false),
            ("ml.example:80@evil.example", false),
            ("ml.example/", false),
            ("ml.example:", false),
            ("ml.example:a", false),
            ("ml.example, evil.example", false),
            ("ml.example evil", false),
        ] {
            assert_eq!(names.are(authority), ours, "{authority}");
        }
        let local = Names {
            names: Vec::new(),
            local: true,
        };
        assert!(local.are("localhost:8443") && local.are("127.0.0.1") && !local.are("evil.example"));
    }

    #[test]
    fn another_site_cannot_make_a_browser_ask() {
        let asks = |headers: &[(&str, &str)], method: Method, cookie: bool, upgrade: bool| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_str(value).unwrap(),
                );
            }
            foreign(&map, &method, "https://ml.example", cookie, upgrade).is_none()
        };
        let (own, evil) = (
            ("origin", "https://ml.example"),
            ("origin", "https://evil.example"),
        );
        for (headers, method, upgrade, by_cookie, by_basic) in [
            (vec![], Method::GET, false, true, true),
            (vec![], Method::POST, false, false, true),
            (vec![], Method::GET, true, false, true),
            (vec![own], Method::POST, false, true, true),
            (vec![own], Method::GET, true, true, true),
            (vec![own, own], Method::POST, false, false, false),
            (vec![evil], Method::POST, false, false, false),
            (vec![evil], Method::GET, false, false, false),
            (vec![evil], Method::GET, true, false, false),
            (vec![("origin", "null")], Method::POST, false, false, false),
            (
                vec![("origin", "http://ml.example")],
                Method::POST,
                false,
                false,
                false,
            ),
            (
                vec![("sec-fetch-site", "same-origin")],
                Method::POST,
                false,
                true,
                true,
            ),
            (
                vec![("sec-fetch-site", "cross-site")],
                Method::GET,
                false,
                false,
                false,
            ),
            (
                vec![("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")],
                Method::GET,
                false,
                false,
                false,
            ),
            (
                vec![
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "document"),
                ],
                Method::GET,
                false,
                true,
                true,
            ),
            (
                vec![
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "iframe"),
                ],
                Method::GET,
                false,
                false,
                false,
            ),
            (
                vec![
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "document"),
                ],
                Method::POST,
                false,
                false,
                false,
            ),
        ] {
            assert_eq!(
                asks(&headers, method.clone(), true, upgrade),
                by_cookie,
                "{headers:?} {method} {upgrade}"
            );
            assert_eq!(
                asks(&headers, method.clone(), false, upgrade),
                by_basic,
                "{headers:?} {method} {upgrade}"
            );
        }
    }
}
