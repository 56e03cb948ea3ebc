//! By which name a client calls the server.
//!
//! Listening on the loopback address keeps other machines away, and not the pages in this machine's browser: whoever owns
//! a name can have it resolve to 127.0.0.1 while a page of that name is open, and the browser then takes the server's
//! answers for those of the page's own site (DNS rebinding). What the browser cannot change is the name in the request.

use hyper::{header, http::request::Parts};
use std::net::{IpAddr, Ipv6Addr};

/// Whether a request names this machine wherever it names a host. One that names none comes from no browser.
pub(crate) fn is_own(head: &Parts) -> bool {
    let mut named = head.headers.get_all(header::HOST).iter();
    let header = named.next().map(|name| name.to_str().unwrap_or_default());
    named.next().is_none() && header.is_none_or(own) && head.uri.authority().is_none_or(|a| own(a.as_str()))
}

/// Whether an authority (`localhost:8765`) is one of the loopback interface.
pub(crate) fn own(authority: &str) -> bool {
    if let Some(rest) = authority.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        return (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
            && address
                .parse::<Ipv6Addr>()
                .is_ok_and(|a| IpAddr::V6(a).to_canonical().is_loopback());
    }
    let name = match authority.split_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) => return false,
        None => authority,
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|a| a.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for (authority, mine) in [
            ("localhost", true),
            ("LocalHost:8765", true),
            ("127.0.0.1:8765", true),
            ("127.8.9.10", true),
            ("[::1]:8765", true),
            ("[::ffff:127.0.0.1]", true),
            ("", false),
            ("evil.example:8765", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example:80", false),
            ("127.0.0.1@evil.example", false),
            ("127.0.0.1:80@evil.example", false),
            ("[::1].evil.example", false),
            ("[::1", false),
            ("[::]:8765", false),
            ("0.0.0.0:8765", false),
            ("203.0.113.7", false),
            ("2130706433", false),
        ] {
            assert_eq!(own(authority), mine, "{authority}");
        }
    }
}
