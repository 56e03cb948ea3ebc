//! What asks for a password on the way into a cluster: annotations of an Ingress, middlewares, policies of gateways and
//! of the mesh.

use super::{
    Cluster, Pods, is_on,
    object::{Object, Selector, annotation},
};
use crate::{
    compose::guard_kind,
    workload::{Guard, GuardKind, OpeningKind},
};
use std::collections::BTreeSet;
use wellhead_formats::text::{Entry, Node, Value};

fn guard(kind: GuardKind, certain: bool, span: std::ops::Range<usize>) -> Guard {
    Guard { kind, certain, span }
}

/// Annotations of an Ingress that ask, each with how: an empty value asks whatever it holds.
const ANNOTATIONS: &[(&str, &str, GuardKind)] = &[
    ("nginx.ingress.kubernetes.io/auth-url", "", GuardKind::Forward),
    ("nginx.ingress.kubernetes.io/auth-type", "", GuardKind::Basic),
    (
        "nginx.ingress.kubernetes.io/auth-tls-secret",
        "",
        GuardKind::ClientCertificate,
    ),
    (
        "nginx.ingress.kubernetes.io/whitelist-source-range",
        "",
        GuardKind::AddressList,
    ),
    ("nginx.org/basic-auth-secret", "", GuardKind::Basic),
    ("nginx.org/jwt-key", "", GuardKind::Oidc),
    ("ingress.kubernetes.io/auth-url", "", GuardKind::Forward),
    ("ingress.kubernetes.io/auth-type", "", GuardKind::Basic),
    ("haproxy.org/auth-type", "", GuardKind::Basic),
    ("haproxy-ingress.github.io/oauth", "", GuardKind::Oidc),
    ("haproxy-ingress.github.io/auth-url", "", GuardKind::Forward),
    ("traefik.ingress.kubernetes.io/auth-type", "", GuardKind::Basic),
    ("alb.ingress.kubernetes.io/auth-type", "oidc", GuardKind::Oidc),
    ("alb.ingress.kubernetes.io/auth-type", "cognito", GuardKind::Oidc),
    (
        "alb.ingress.kubernetes.io/inbound-cidrs",
        "",
        GuardKind::AddressList,
    ),
    ("konghq.com/plugins", "", GuardKind::GatewayPolicy),
    (
        "nginx.ingress.kubernetes.io/configuration-snippet",
        "",
        GuardKind::Forward,
    ),
    (
        "nginx.ingress.kubernetes.io/server-snippet",
        "",
        GuardKind::Forward,
    ),
    ("ingress.pomerium.io/policy", "", GuardKind::GatewayPolicy),
    (
        "ingress.pomerium.io/allowed_domains",
        "",
        GuardKind::GatewayPolicy,
    ),
    ("ingress.pomerium.io/allowed_users", "", GuardKind::GatewayPolicy),
];

/// Whether the name of a plugin of Kong is that of one that asks.
fn asks_by_name(name: &str) -> bool {
    ["auth", "oidc", "jwt", "openid"]
        .iter()
        .any(|word| name.contains(word))
}

/// What the annotations of an Ingress ask for.
pub(super) fn of_ingress(object: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<Guard> {
    let mut out = Vec::new();
    for (name, value, kind) in ANNOTATIONS {
        let Some((found, span)) = object.annotation(name) else {
            continue;
        };
        let plugins = || found.split(',').map(str::trim);
        let known = name.starts_with("konghq")
            && plugins().any(|p| {
                let plugin = cluster.named("KongPlugin", object.namespace(), p);
                plugin
                    .and_then(|p| p.get(&["plugin"])?.as_text())
                    .is_some_and(asks_by_name)
            });
        let asks = match *kind {
            _ if known => true,
            _ if name.ends_with("-snippet") => found.contains("auth_request"),
            GuardKind::AddressList => !found.split(',').any(|c| c.trim().ends_with("/0")),
            // A plugin of Kong may do anything; its name is all that is known.
            GuardKind::GatewayPolicy if name.starts_with("konghq") => asks_by_name(found),
            _ => !found.is_empty() && found != "none" && (value.is_empty() || found == *value),
        };
        if asks {
            let certain = known || !name.starts_with("konghq") && !name.ends_with("-snippet");
            out.push(guard(*kind, certain, span));
        }
    }
    if let Some((list, span)) = object.annotation("traefik.ingress.kubernetes.io/router.middlewares") {
        for name in list.split(',') {
            let full = name.trim().trim_end_matches("@kubernetescrd");
            // `namespace-name`
            let candidates = cluster.of_kind("Middleware").find(|m| {
                let namespace = if m.namespace().is_empty() {
                    "default"
                } else {
                    m.namespace()
                };
                full == format!("{namespace}-{}", m.name()) || full.ends_with(&format!("-{}", m.name()))
            });
            match candidates {
                Some(middleware) => out.extend(middleware_guards(middleware, cluster)),
                None if full.contains("auth") => out.push(guard(GuardKind::Forward, false, span.clone())),
                None => {}
            }
        }
    }
    out
}

/// How many middlewares of one route are followed, chains included.
const MOST_CHAINED: usize = 64;

/// What a middleware asks for, and those that it chains.
fn middleware_guards(object: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<Guard> {
    let mut out = Vec::new();
    let mut queue = vec![object];
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    while let Some(object) = queue.pop() {
        if seen.len() >= MOST_CHAINED || !seen.insert((object.namespace(), object.name())) {
            continue;
        }
        for entry in object.spec().map_or(&[][..], Node::entries) {
            let kind = entry.key.to_ascii_lowercase();
            if let Some(kind) = guard_kind(&kind) {
                out.push(guard(kind, true, entry.key_span.clone()));
            }
            // What a plugin does is said by nothing but its name.
            let is_login = |e: &Entry| e.key.contains("auth") || e.key.contains("oidc");
            if kind == "plugin" && entry.node.entries().iter().any(is_login) {
                out.push(guard(GuardKind::Oidc, false, entry.key_span.clone()));
            }
            if kind == "chain" {
                let items = entry.node.get("middlewares").map_or(&[][..], Node::items);
                let names = items.iter().filter_map(|i| i.get("name")?.as_text());
                queue.extend(
                    names
                        .take(MOST_CHAINED)
                        .filter_map(|n| cluster.named("Middleware", object.namespace(), n)),
                );
            }
        }
    }
    out
}

/// What the middlewares of a route of Traefik ask for.
pub(super) fn of_middlewares(rule: &Node, object: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<Guard> {
    let mut out = Vec::new();
    for item in rule.get("middlewares").map_or(&[][..], Node::items) {
        let Some(name) = item.get("name").and_then(Node::as_text) else {
            continue;
        };
        let namespace = item.get("namespace").and_then(Node::as_text);
        match cluster.named(
            "Middleware",
            namespace.unwrap_or_else(|| object.namespace()),
            name,
        ) {
            Some(found) => out.extend(middleware_guards(found, cluster)),
            None if name.contains("auth") => out.push(guard(GuardKind::Forward, false, item.span.clone())),
            None => {}
        }
    }
    out
}

/// Policies of gateways that ask, by the kinds of implementations; each attaches itself by `targetRef`.
const POLICIES: &[(&str, &[&str])] = &[
    (
        "SecurityPolicy",
        &["basicAuth", "oidc", "jwt", "extAuth", "apiKeyAuth"],
    ),
    ("AuthPolicy", &["rules", "defaults", "overrides"]),
    (
        "TrafficPolicy",
        &[
            "extAuth",
            "basicAuth",
            "apiKeyAuth",
            "apiKeyAuthentication",
            "jwt",
            "jwtAuth",
        ],
    ),
    ("GCPBackendPolicy", &["default"]),
];

/// What is attached to a rule of a route: by its filters, or by policies on the route or its gateways.
pub(super) fn of_route(
    rule: &Node,
    object: &Object<'_>,
    gateways: &[&str],
    cluster: &Cluster<'_, '_>,
) -> Vec<Guard> {
    let mut out = Vec::new();
    for filter in rule.get("filters").map_or(&[][..], Node::items) {
        let name = filter.path(&["extensionRef", "name"]).and_then(Node::as_text);
        let kind = filter.path(&["extensionRef", "kind"]).and_then(Node::as_text);
        let Some(name) = name else { continue };
        match cluster.named("Middleware", object.namespace(), name) {
            Some(found) if kind == Some("Middleware") => out.extend(middleware_guards(found, cluster)),
            _ if name.contains("auth") => out.push(guard(GuardKind::Forward, false, filter.span.clone())),
            _ => {}
        }
    }
    for (kind, asking) in POLICIES {
        for policy in cluster.of_kind(kind) {
            if !cluster.pay(super::JOIN, policy) {
                return out;
            }
            let single = policy.get(&["spec", "targetRef"]).into_iter();
            let several = policy.get(&["spec", "targetRefs"]).map_or(&[][..], Node::items);
            let attached = single.chain(several).any(|target| {
                let name = target.get("name").and_then(Node::as_text).unwrap_or_default();
                name == object.name() || gateways.contains(&name)
            });
            let asks = policy.spec().map_or(&[][..], Node::entries).iter().find(|e| {
                let on = *kind != "GCPBackendPolicy" || e.node.path(&["iap", "enabled"]).is_some_and(is_on);
                asking.contains(&e.key.as_str()) && on
            });
            if let Some(entry) = asks.filter(|_| attached) {
                out.push(guard(GuardKind::GatewayPolicy, true, entry.key_span.clone()));
            }
        }
    }
    out
}

/// What the annotations of a service attach to whatever leads to it: Google's identity-aware proxy.
pub(super) fn of_backend(service: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<Guard> {
    let names = [
        "cloud.google.com/backend-config",
        "beta.cloud.google.com/backend-config",
    ];
    let Some((value, _)) = names.iter().find_map(|n| service.annotation(n)) else {
        return Vec::new();
    };
    let configs = cluster
        .of_kind("BackendConfig")
        .filter(|c| value.contains(&format!("\"{}\"", c.name())));
    configs
        .filter_map(|c| c.get(&["spec", "iap", "enabled"]).filter(|n| is_on(n)))
        .map(|n| guard(GuardKind::Oidc, true, n.span.clone()))
        .collect()
}

/// What a policy of Istio asks: `None` where it lets somebody through who showed nothing.
fn mesh_policy(object: &Object<'_>) -> Option<Guard> {
    let place = object.place();
    match object
        .get(&["spec", "action"])
        .and_then(Node::as_str)
        .unwrap_or("ALLOW")
    {
        "CUSTOM" => Some(guard(GuardKind::Forward, true, place)),
        "DENY" => {
            // Who has no principal is denied.
            let rules = object.get(&["spec", "rules"]).map_or(&[][..], Node::items);
            let anonymous = rules.iter().any(|rule| {
                rule.get("from").map_or(&[][..], Node::items).iter().any(|f| {
                    let list = f.path(&["source", "notRequestPrincipals"]);
                    list.is_some_and(|l| l.items().iter().any(|n| n.as_str() == Some("*")))
                })
            });
            anonymous.then(|| guard(GuardKind::MeshPolicy, true, place))
        }
        "ALLOW" => {
            let rules = object.get(&["spec", "rules"]);
            let items = rules.map_or(&[][..], Node::items);
            // A policy without rules lets nobody through; a rule without conditions everybody.
            items
                .iter()
                .all(asks_who)
                .then(|| guard(GuardKind::MeshPolicy, true, place))
        }
        _ => None,
    }
}

fn asks_who(rule: &Node) -> bool {
    let sources = rule.get("from").map_or(&[][..], Node::items);
    let named = |source: &Node| {
        ["principals", "requestPrincipals", "namespaces", "serviceAccounts"]
            .iter()
            .any(|key| {
                source
                    .path(&["source", key])
                    .is_some_and(|l| !l.items().is_empty())
            })
    };
    let when = rule.get("when").map_or(&[][..], Node::items);
    let claims = when.iter().any(|w| {
        let key = w.get("key").and_then(Node::as_str).unwrap_or_default();
        key.starts_with("request.auth") || key.starts_with("request.headers[authorization")
    });
    claims || (!sources.is_empty() && sources.iter().all(named))
}

/// Whether labels of a selector are those of the gateways of a mesh.
fn selects_gateway(object: &Object<'_>) -> bool {
    let labels = object
        .get(&["spec", "selector", "matchLabels"])
        .map_or(&[][..], Node::entries);
    labels
        .iter()
        .any(|e| e.node.as_text().is_some_and(|t| t.contains("gateway")))
        || object
            .get(&["spec", "targetRefs"])
            .map_or(&[][..], Node::items)
            .iter()
            .any(|t| t.get("kind").and_then(Node::as_str) == Some("Gateway"))
}

/// What policies ask at the gateways of the mesh.
pub(super) fn of_mesh_gateway(cluster: &Cluster<'_, '_>) -> Vec<Guard> {
    cluster
        .of_kind("AuthorizationPolicy")
        .filter(|o| selects_gateway(o))
        .filter_map(mesh_policy)
        .collect()
}

/// Attaches policies of Istio to the workloads that they select, whichever way one comes.
pub(super) fn join_mesh(cluster: &Cluster<'_, '_>, pods: &mut Pods<'_>) {
    for object in cluster
        .of_kind("AuthorizationPolicy")
        .filter(|o| !selects_gateway(o))
    {
        let Some(guard) = mesh_policy(object) else {
            continue;
        };
        let selector = object
            .get(&["spec", "selector"])
            .map(Selector::of)
            .unwrap_or_default();
        for at in pods.selected(&selector, object, cluster) {
            let Some(found) = pods.found.get_mut(at) else {
                continue;
            };
            if !cluster.hold(found.workload.openings.len().saturating_mul(64), &guard.span) {
                return;
            }
            for opening in &mut found.workload.openings {
                // A sidecar sees nothing of a network that is the node's.
                if opening.kind != OpeningKind::HostNetwork {
                    opening.guards.push(guard.clone());
                }
            }
        }
    }
}

/// What annotations of a model server ask for.
pub(super) fn of_annotations(object: &Object<'_>) -> Vec<Guard> {
    let table = object.get(&["metadata", "annotations"]);
    let names = [
        "security.opendatahub.io/enable-auth",
        "serving.knative.openshift.io/enablePassthrough-auth",
    ];
    let mut out = Vec::new();
    for name in names {
        let found = table.and_then(|t| annotation(t, name));
        out.extend(
            found
                .filter(|(v, _)| v.eq_ignore_ascii_case("true"))
                .map(|(_, span)| guard(GuardKind::Token, true, span)),
        );
    }
    out
}

/// Whether a node is missing or `null`.
pub(super) fn is_absent(node: Option<&Node>) -> bool {
    node.is_none_or(|n| n.value == Value::Null)
}
