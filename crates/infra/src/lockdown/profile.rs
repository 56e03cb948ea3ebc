//! What a proxy lets through to a platform, as regular expressions that every proxy reads the same way.
//!
//! The one decision: what is refused is refused first, in any case of letters and with or without a slash behind it,
//! because routers differ in that; and a path that two programs could read in two ways is refused before anything else.

use crate::products::Product;

/// A path that reads differently to the proxy and to what stands behind it: doubled slashes, dots, and slashes, dots,
/// semicolons and percent signs that are written as codes. Matched on the request as it came, its query left out.
pub(super) const TWOFOLD: &str =
    r"(?i)^[^?]*(//|\x5c|;|%2e|%2f|%5c|%3b|%25|%[01][0-9a-f]|%7f|/\.\.?(/|\?|$))";

/// Headers by which something in front says who is there, or which request is meant. Only the proxy may say that.
pub(super) const FORGED: &[&str] = &[
    "Forwarded",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Access-Token",
    "X-Auth-User",
    "X-Auth-Username",
    "X-Auth-Email",
    "X-Auth-Roles",
    "X-Authenticated-User",
    "X-Authenticated-Userid",
    "X-Authenticated-Email",
    "X-Authenticated-Groups",
    "X-Remote-User",
    "X-Remote-Group",
    "X-Remote-Groups",
    "X-Remote-Name",
    "X-Remote-Email",
    "Remote-User",
    "Remote-Group",
    "Remote-Name",
    "Remote-Email",
    "Remote-Groups",
    "X-WebAuth-User",
    "X-WebAuth-Name",
    "X-WebAuth-Email",
    "X-WebAuth-Groups",
    "X-WebAuth-Role",
    "X-User",
    "X-User-Id",
    "X-User-Name",
    "X-User-Email",
    "X-User-Groups",
    "X-User-Roles",
    "X-Username",
    "X-Email",
    "X-Groups",
    "X-Roles",
    "X-Userinfo",
    "X-Id-Token",
    "X-Access-Token",
    "X-Proxy-User",
    "X-Authentik-Username",
    "X-Authentik-Email",
    "X-Authentik-Name",
    "X-Authentik-Uid",
    "X-Authentik-Groups",
    "X-Authentik-Entitlements",
    "X-Authentik-Jwt",
    "Cf-Access-Authenticated-User-Email",
    "Cf-Access-Jwt-Assertion",
    "X-Goog-Authenticated-User-Email",
    "X-Goog-Authenticated-User-Id",
    "X-Goog-Iap-Jwt-Assertion",
    "X-Amzn-Oidc-Identity",
    "X-Amzn-Oidc-Data",
    "X-Amzn-Oidc-Accesstoken",
    "X-Ms-Client-Principal",
    "X-Ms-Client-Principal-Name",
    "X-Ms-Client-Principal-Id",
    "X-Ms-Client-Principal-Idp",
    "X-Ms-Token-Aad-Id-Token",
    "X-Ms-Token-Aad-Access-Token",
    "X-Pomerium-Jwt-Assertion",
    "X-Pomerium-Claim-Email",
    "X-Pomerium-Claim-User",
    "X-Pomerium-Claim-Groups",
    "Tailscale-User-Login",
    "Tailscale-User-Name",
    "X-RStudio-Username",
    "Kubeflow-Userid",
    "Kubeflow-Groups",
    "Impersonate-User",
    "Impersonate-Group",
    "Impersonate-Uid",
    "X-Ssl-Client-S-Dn",
    "X-Ssl-Client-Dn",
    "X-Ssl-Client-Cert",
    "X-Ssl-Client-Verify",
    "Ssl-Client-Cert",
    "Ssl-Client-Subject-Dn",
    "Ssl-Client-Verify",
    "X-Client-Cert",
    "X-Original-URL",
    "X-Original-URI",
    "X-Rewrite-URL",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
];

/// Headers by which something in front says where a visitor came from. Where a mesh stands between its own gateways say some of
/// them, so that they are taken out and nobody is refused because of them.
pub(super) const FORGED_WAYS: &[&str] = &[
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Prefix",
    "X-Original-Forwarded-For",
    "X-Original-Host",
    "X-Host",
    "X-Client-Ip",
    "X-Cluster-Client-Ip",
    "True-Client-Ip",
    "Client-Ip",
    "Cf-Connecting-Ip",
    "Fastly-Client-Ip",
    "X-Script-Name",
];

/// The beginnings of such names, for proxies that know them by that: identity-aware proxies add to them with each version.
pub(super) const FORGED_PREFIXES: &[&str] = &[
    "X-Auth-Request-",
    "X-Authenticated-",
    "X-Authentik-",
    "X-WebAuth-",
    "X-Remote-",
    "Remote-",
    "Cf-Access-",
    "X-Goog-Authenticated-",
    "X-Amzn-Oidc-",
    "X-Ms-Client-Principal",
    "X-Ms-Token-",
    "X-Pomerium-",
    "Tailscale-",
    "Kubeflow-",
    "Impersonate-",
    "X-Ssl-Client-",
    "Ssl-Client-",
];

/// Every header that a client may not bring.
pub(super) fn forged() -> impl Iterator<Item = &'static str> {
    FORGED.iter().chain(FORGED_WAYS).copied()
}

/// What is let through, and what is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    /// The only paths that are let through; `None` where all are.
    pub(super) allow: Option<String>,
    /// Paths that are refused, whatever the other says.
    pub(super) deny: Option<String>,
    /// Paths whose requests become WebSockets.
    pub(super) websocket: Option<String>,
    /// Whether only `GET` and `HEAD` are let through.
    pub(super) read_only: bool,
}

impl Profile {
    /// The profile of a product; nothing where it has no read-only one and that is asked for.
    pub(super) fn of(product: &Product, read_only: bool) -> Option<Self> {
        let proxy = &product.proxy;
        let allowed = if read_only { proxy.read } else { proxy.paths };
        if allowed.is_empty() {
            return None;
        }
        let everything = allowed.contains(&"/**");
        Some(Self {
            allow: (!everything).then(|| any_of("(?s)", allowed)),
            deny: (!proxy.deny.is_empty()).then(|| any_of("(?is)", proxy.deny)),
            websocket: (!proxy.websocket.is_empty() && !read_only).then(|| any_of("(?s)", proxy.websocket)),
            read_only,
        })
    }
}

/// Any of these patterns, as one expression over a whole path.
fn any_of(flags: &str, patterns: &[&str]) -> String {
    let each: Vec<String> = patterns.iter().map(|p| expression(p)).collect();
    format!("{flags}^(?:{})$", each.join("|"))
}

/// A pattern of the catalogue as an expression: `*` is one segment or a part of one, `**` any number.
pub(super) fn expression(pattern: &str) -> String {
    let mut out = String::new();
    let segments: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    let last = segments.len().saturating_sub(1);
    for (at, segment) in segments.iter().enumerate() {
        if *segment == "**" {
            out.push_str(if at == last { "(?:/.*)?" } else { "(?:/[^/]+)*" });
            continue;
        }
        out.push('/');
        if *segment == "*" {
            out.push_str("[^/]+");
            continue;
        }
        let mut rest = *segment;
        while let Some(at) = rest.find('*') {
            let (before, after) = rest.split_at(at);
            literal(before, &mut out);
            let many = after.starts_with("**");
            out.push_str(if many { ".*" } else { "[^/]*" });
            rest = after.trim_start_matches('*');
        }
        literal(rest, &mut out);
    }
    if !pattern.ends_with("**") && !pattern.ends_with('/') {
        out.push_str("/?");
    }
    out
}

/// A text as an expression.
pub(super) fn literally(text: &str) -> String {
    let mut out = String::new();
    literal(text, &mut out);
    out
}

fn literal(text: &str, out: &mut String) {
    for c in text.chars() {
        if ".+()[]{}^$|?\\".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_an_expression_over_the_whole_path() {
        let cases = [
            ("/", "/"),
            ("/v1/models", "/v1/models/?"),
            ("/api/jobs/", "/api/jobs/"),
            ("/v1/**", "/v1(?:/.*)?"),
            ("/**", "(?:/.*)?"),
            ("/*/ws", "/[^/]+/ws/?"),
            ("/individual-*", "/individual-[^/]*/?"),
            ("/gradio_api/file=**", "/gradio_api/file=.*"),
            ("/api/2.0/mlflow/*/get", r"/api/2\.0/mlflow/[^/]+/get/?"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(expression(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn every_product_has_a_profile_that_its_read_only_one_is_part_of() {
        for product in crate::PRODUCTS {
            assert!(Profile::of(product, false).is_some(), "{}", product.id);
            assert_eq!(
                Profile::of(product, true).is_some(),
                !product.proxy.read.is_empty()
            );
        }
    }
}
