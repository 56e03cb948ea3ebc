//! Policies of Istio around a pod: only mTLS, only with a token of the issuer, only to listed paths.
//!
//! The one decision: the product listens on 127.0.0.1 and a `Sidecar` hands requests on to it, so that a pod that got no
//! sidecar, for whatever reason, is not reached by anybody.

use super::{
    Order,
    kubernetes::{head, label},
    profile::FORGED,
    text::quoted,
};
use std::fmt::Write as _;

/// The header with the token, where the product's own password uses the usual one.
const OWN_HEADER: &str = "X-Lockdown-Token";

/// Whether the token comes in a header of its own.
pub(super) fn has_own_header(order: &Order<'_>) -> bool {
    order
        .own
        .credential
        .as_ref()
        .is_some_and(|c| c.header == "Authorization")
}

pub(super) fn objects(order: &Order<'_>) -> Vec<String> {
    vec![
        service(order),
        sidecar(order),
        strict(order),
        token(order),
        let_through(order),
        refused(order),
        policy(order),
    ]
}

fn selector(order: &Order<'_>) -> String {
    format!("  selector:\n    matchLabels:\n      {}\n", label(order))
}

fn service(order: &Order<'_>) -> String {
    let mut out = head("v1", "Service", order.id(), order);
    let _ = write!(
        out,
        "spec:\n  type: ClusterIP\n  selector:\n    {}\n  ports:\n    - name: http\n      port: 80\n      targetPort: {}\n",
        label(order),
        order.upstream.port
    );
    out
}

fn sidecar(order: &Order<'_>) -> String {
    let mut out = head("networking.istio.io/v1", "Sidecar", order.id(), order);
    let port = order.upstream.port;
    let host = if order.own.binds { "127.0.0.1" } else { "0.0.0.0" };
    let _ = write!(
        out,
        "spec:\n  workloadSelector:\n    labels:\n      {}\n  ingress:\n    - port: {{number: {port}, protocol: HTTP, name: http}}\n      # Not reached but by the sidecar.\n      defaultEndpoint: {host}:{port}\n",
        label(order)
    );
    out
}

fn strict(order: &Order<'_>) -> String {
    let mut out = head("security.istio.io/v1", "PeerAuthentication", order.id(), order);
    let _ = write!(out, "spec:\n{}  mtls:\n    mode: STRICT\n", selector(order));
    out
}

fn token(order: &Order<'_>) -> String {
    let mut out = head("security.istio.io/v1", "RequestAuthentication", order.id(), order);
    let _ = write!(
        out,
        "spec:\n{}  jwtRules:\n    - issuer: {}\n      audiences: [{}]\n      forwardOriginalToken: false\n",
        selector(order),
        quoted(&order.issuer()),
        quoted(order.id())
    );
    if has_own_header(order) {
        let _ = write!(
            out,
            "      # `Authorization` is the product's own.\n      fromHeaders:\n        - name: {OWN_HEADER}\n          prefix: \"Bearer \"\n"
        );
    }
    out
}

fn let_through(order: &Order<'_>) -> String {
    let mut out = head(
        "security.istio.io/v1",
        "AuthorizationPolicy",
        &format!("{}-let-through", order.id()),
        order,
    );
    let _ = write!(
        out,
        "spec:\n{}  action: ALLOW\n  rules:\n    - from:\n        - source:\n            requestPrincipals: [{}]\n      to:\n        - operation:\n",
        selector(order),
        quoted(&format!("{}/*", order.issuer()))
    );
    if let Some(name) = &order.request.name {
        let _ = writeln!(
            out,
            "            hosts: [{}, {}]",
            quoted(name),
            quoted(&format!("{name}:*"))
        );
    }
    if order.profile.read_only {
        out.push_str("            methods: [GET, HEAD]\n");
    }
    let proxy = &order.request.product.proxy;
    let allowed = if order.profile.read_only {
        proxy.read
    } else {
        proxy.paths
    };
    paths(allowed, &mut out);
    out
}

/// What is refused to everybody: paths that do something, and headers that say who is there.
fn refused(order: &Order<'_>) -> String {
    let mut out = head(
        "security.istio.io/v1",
        "AuthorizationPolicy",
        &format!("{}-refused", order.id()),
        order,
    );
    let _ = write!(out, "spec:\n{}  action: DENY\n  rules:\n", selector(order));
    let deny = order.request.product.proxy.deny;
    if !deny.is_empty() {
        out.push_str("    - to:\n        - operation:\n");
        paths(deny, &mut out);
    }
    for header in FORGED {
        let _ = writeln!(
            out,
            "    - when:\n        - key: request.headers[{}]\n          values: [\"*\"]",
            header.to_ascii_lowercase()
        );
    }
    out
}

fn paths(patterns: &[&str], out: &mut String) {
    let mut all: Vec<String> = patterns.iter().flat_map(|p| templates(p)).collect();
    all.sort();
    all.dedup();
    out.push_str("            paths:\n");
    for path in all {
        let _ = writeln!(out, "              - {}", quoted(&path));
    }
}

/// A pattern of the catalogue in the two notations of Istio: a star at the end of a text, or whole segments in braces.
/// Where neither says it exactly, the wider one is taken.
fn templates(pattern: &str) -> Vec<String> {
    if pattern == "/**" {
        return vec!["/*".to_owned()];
    }
    let trimmed = pattern.trim_end_matches('*');
    if !trimmed.contains('*') {
        return match (
            pattern.len().saturating_sub(trimmed.len()),
            trimmed.strip_suffix('/'),
        ) {
            (0, Some(_)) => vec![trimmed.to_owned()],
            (0, None) => vec![trimmed.to_owned(), format!("{trimmed}/")],
            // One segment.
            (1, Some(_)) => vec![format!("{trimmed}{{*}}"), format!("{trimmed}{{*}}/")],
            // The folder itself, and all below.
            (_, Some(folder)) => vec![folder.to_owned(), format!("{trimmed}*")],
            (_, None) => vec![format!("{trimmed}*")],
        };
    }
    let mut segments: Vec<&str> = Vec::new();
    let mut all_below = false;
    for segment in pattern.trim_start_matches('/').split('/') {
        if segment == "**" {
            all_below = true;
            break;
        }
        segments.push(if segment.contains('*') { "{*}" } else { segment });
    }
    let path = format!("/{}", segments.join("/"));
    if all_below {
        vec![path.clone(), format!("{path}/{{**}}")]
    } else {
        vec![path.clone(), format!("{path}/")]
    }
}

/// Only the gateways of the mesh come as far as the pod.
fn policy(order: &Order<'_>) -> String {
    let mut out = head("networking.k8s.io/v1", "NetworkPolicy", order.id(), order);
    let _ = write!(
        out,
        "spec:\n  podSelector:\n    matchLabels:\n      {}\n  policyTypes: [Ingress]\n  ingress:\n    # The namespaces of your gateways; add those of programs that use it.\n    - from:\n        - namespaceSelector:\n            matchExpressions:\n              - {{key: kubernetes.io/metadata.name, operator: In, values: [istio-ingress, istio-system]}}\n      ports:\n        - protocol: TCP\n          port: {}\n",
        label(order),
        order.upstream.port
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_paths_of_istio() {
        let cases = [
            ("/", "/"),
            ("/version", "/version /version/"),
            ("/api/jobs/", "/api/jobs/"),
            ("/v1/**", "/v1 /v1/*"),
            ("/**", "/*"),
            ("/api/jobs/*", "/api/jobs/{*} /api/jobs/{*}/"),
            ("/*/ws", "/{*}/ws /{*}/ws/"),
            ("/individual-*", "/individual-*"),
            ("/gradio_api/file=**", "/gradio_api/file=*"),
            (
                "/api/*/mlflow/*/get",
                "/api/{*}/mlflow/{*}/get /api/{*}/mlflow/{*}/get/",
            ),
            ("/api/*/secrets/**", "/api/{*}/secrets /api/{*}/secrets/{**}"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(templates(pattern).join(" "), expected, "{pattern}");
        }
    }
}
