//! Where a provider is, as it says of itself.

use super::strict::Object;
use crate::host;
use hyper::Uri;

/// Longest address.
const MAX: usize = 2_000;

/// An address of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// What `Host` says.
    pub(super) authority: String,
    /// Path and query.
    pub(super) target: String,
}

impl Endpoint {
    /// Nothing where it is not `https://`. Without TLS whoever is on the way could be the provider, so that it is
    /// needed unless `local` and nothing is on the way.
    pub(super) fn new(url: &str, local: bool) -> Option<Self> {
        if url.len() > MAX || url.contains(['#', '\\']) || !url.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?.as_str();
        let (tls, port) = match uri.scheme_str()? {
            "https" => (true, 443),
            "http" if local && host::own(authority) => (false, 80),
            _ => return None,
        };
        if authority.contains('@') {
            return None;
        }
        let name = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        Some(Self {
            url: url.to_owned(),
            tls,
            host: name.to_owned(),
            port: uri.port_u16().unwrap_or(port),
            authority: authority.to_owned(),
            target: uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
        })
    }
}

/// What a provider says of itself.
#[derive(Clone, Debug)]
pub(super) struct Discovered {
    pub(super) authorization: Endpoint,
    pub(super) token: Endpoint,
    pub(super) keys: Endpoint,
    /// It wants the secret in the form, not in a header.
    pub(super) secret_in_form: bool,
    /// It says in each answer who it is.
    pub(super) says_issuer: bool,
}

impl Discovered {
    /// Reads a discovery document. It has to be that of this issuer: another one's would have its own keys believed.
    pub(super) fn read(bytes: &[u8], issuer: &str, local: bool) -> Result<Self, &'static str> {
        let document = Object::read(bytes).ok_or("what the provider says of itself cannot be read")?;
        if document.text("issuer") != Some(issuer) {
            return Err("the provider says that it is another one");
        }
        let at = |name| document.text(name).and_then(|u| Endpoint::new(u, local));
        let (authorization, token, keys) =
            (at("authorization_endpoint"), at("token_endpoint"), at("jwks_uri"));
        let (Some(authorization), Some(token), Some(keys)) = (authorization, token, keys) else {
            return Err("an address of the provider is missing, or is not https");
        };
        let codes = document.texts("response_types_supported");
        if !codes.is_empty() && !codes.contains(&"code") {
            return Err("the provider gives no codes");
        }
        let methods = document.texts("token_endpoint_auth_methods_supported");
        Ok(Self {
            authorization,
            token,
            keys,
            secret_in_form: !methods.is_empty()
                && !methods.contains(&"client_secret_basic")
                && methods.contains(&"client_secret_post"),
            says_issuer: document
                .get("authorization_response_iss_parameter_supported")
                .and_then(serde_json::Value::as_bool)
                .unwrap_or(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_nobody_can_read_along_are_asked() {
        for (url, remote, local) in [
            ("https://id.example", true, true),
            ("https://id.example:8443/a?b=c", true, true),
            ("http://id.example", false, false),
            ("http://127.0.0.1:9", false, true),
            ("http://localhost:9/a", false, true),
            ("http://[::1]:9/a", false, true),
            ("http://127.0.0.1.evil.example/", false, false),
            ("http://localhost@evil.example/", false, false),
            ("https://u:p@id.example/", false, false),
            ("https://id.example/#a", false, false),
            ("https://id.example\\@evil.example/", false, false),
            ("https:///a", false, false),
            ("https://", false, false),
            ("file:///etc/passwd", false, false),
            ("ftp://id.example", false, false),
            ("id.example", false, false),
            ("//id.example", false, false),
            ("javascript:alert(1)", false, false),
            ("https://id.example/ a", false, false),
            ("https://id.example/\r\nx", false, false),
        ] {
            assert_eq!(Endpoint::new(url, false).is_some(), remote, "{url}");
            assert_eq!(Endpoint::new(url, true).is_some(), local, "{url}");
        }
        let v6 = Endpoint::new("http://[::1]:9/a?b", true).unwrap();
        assert_eq!(
            (v6.host.as_str(), v6.port, v6.target.as_str()),
            ("::1", 9, "/a?b")
        );
    }

    #[test]
    fn a_provider_is_believed_only_about_itself() {
        let read = |more: &str| {
            let text = format!(
                r#"{{"authorization_endpoint":"https://id.example/a","token_endpoint":"https://id.example/t",{more}}}"#
            );
            Discovered::read(text.as_bytes(), "https://id.example", false)
        };
        let own = r#""issuer":"https://id.example","jwks_uri":"https://keys.example/k""#;
        let known = read(own).unwrap();
        assert!(!known.secret_in_form && !known.says_issuer);
        assert_eq!(known.keys.host, "keys.example");
        let post = read(&format!(
            r#"{own},"token_endpoint_auth_methods_supported":["client_secret_post"],"authorization_response_iss_parameter_supported":true"#
        ))
        .unwrap();
        assert!(post.secret_in_form && post.says_issuer);
        for wrong in [
            r#""issuer":"https://id.example/","jwks_uri":"https://id.example/k""#,
            r#""issuer":"https://evil.example","jwks_uri":"https://id.example/k""#,
            r#""issuer":"https://id.example","jwks_uri":"http://id.example/k""#,
            r#""issuer":"https://id.example","jwks_uri":"http://127.0.0.1/k""#,
            r#""issuer":"https://id.example""#,
            r#""issuer":"https://id.example","issuer":"https://id.example","jwks_uri":"https://id.example/k""#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
