//! The static configuration of Envoy: listeners with chains of filters, routes, and the clusters that these name.

use super::blocks::Pass;
use crate::workload::{Guard, GuardKind};
use std::collections::BTreeMap;
use wellhead_core::Budget;
use wellhead_formats::text::{self, Node};

/// So much of a configuration is read; one written by people is a few kilobytes.
const MOST: usize = 256 << 10;
/// How many ways are told of.
const MOST_WAYS: usize = 1024;

/// Everything that the configuration at byte `at` passes on.
pub(super) fn passes(source: &str, at: usize) -> Vec<Pass> {
    let kept = Some(source).filter(|s| s.len() <= MOST);
    let Some(Ok(root)) = kept.map(|s| text::yaml(s, &mut Budget::default())) else {
        return Vec::new();
    };
    let clusters = clusters(&root);
    let mut out = Vec::new();
    for listener in list(&root, &["static_resources", "listeners"]) {
        let port = listener.path(&["address", "socket_address", "port_value"]);
        let listens: Vec<u32> = port.and_then(number).into_iter().collect();
        let chains = list(listener, &["filter_chains"]).iter();
        for chain in chains.chain(listener.get("default_filter_chain")) {
            for (name, route, guards) in routes(chain, at) {
                for upstream in clusters.get(name).into_iter().flatten() {
                    if out.len() >= MOST_WAYS {
                        return out;
                    }
                    // The route is what people look for; the cluster only says where that is.
                    let start = at.saturating_add(route.span.start);
                    out.push(Pass {
                        narrow: false,
                        upstream: upstream.clone(),
                        span: start..at.saturating_add(route.span.end),
                        listens: listens.clone(),
                        guards: guards.clone(),
                    });
                }
            }
        }
    }
    out
}

fn list<'n>(node: &'n Node, keys: &[&str]) -> &'n [Node] {
    node.path(keys).map(Node::items).unwrap_or_default()
}

fn number(node: &Node) -> Option<u32> {
    u32::try_from(node.as_i64()?).ok()
}

/// The addresses of each cluster, as `host:port`.
fn clusters(root: &Node) -> BTreeMap<&str, Vec<String>> {
    let mut out: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for cluster in list(root, &["static_resources", "clusters"]) {
        let Some(name) = cluster.get("name").and_then(Node::as_str) else {
            continue;
        };
        let endpoints = list(cluster, &["load_assignment", "endpoints"]).iter();
        for endpoint in endpoints.flat_map(|e| list(e, &["lb_endpoints"])) {
            let address = endpoint.path(&["endpoint", "address", "socket_address"]);
            let host = address.and_then(|a| a.get("address")).and_then(Node::as_str);
            let port = address.and_then(|a| a.get("port_value")).and_then(number);
            if let (Some(host), Some(port)) = (host, port) {
                out.entry(name).or_default().push(format!("{host}:{port}"));
            }
        }
    }
    out
}

/// The clusters that a chain of filters leads to, where it says so, and what is asked on the way.
fn routes(chain: &Node, at: usize) -> Vec<(&str, &Node, Vec<Guard>)> {
    let mut out = Vec::new();
    let certificate = chain.path(&["transport_socket", "typed_config", "require_client_certificate"]);
    let certificate = certificate.filter(|c| c.as_bool() == Some(true));
    let certificate = certificate.map(|c| guard(GuardKind::ClientCertificate, true, c, at));
    for filter in list(chain, &["filters"]) {
        let Some(config) = filter.get("typed_config") else {
            continue;
        };
        if let Some(cluster) = config.get("cluster").filter(|c| c.as_str().is_some()) {
            out.push((
                cluster.as_str().unwrap_or_default(),
                cluster,
                certificate.iter().cloned().collect(),
            ));
        }
        let asks: Vec<(&str, Guard)> = list(config, &["http_filters"])
            .iter()
            .filter_map(|f| asks(f, at))
            .collect();
        let hosts = list(config, &["route_config", "virtual_hosts"]).iter();
        for (host, route) in hosts.flat_map(|h| list(h, &["routes"]).iter().map(move |r| (h, r))) {
            let mut guards: Vec<Guard> = certificate.iter().cloned().collect();
            let kept = asks.iter().filter(|(name, _)| !is_off(name, &[host, route]));
            guards.extend(kept.map(|(_, g)| g.clone()));
            let one = route.path(&["route", "cluster"]).into_iter();
            let several = list(route, &["route", "weighted_clusters", "clusters"]).iter();
            for cluster in one.chain(several.filter_map(|c| c.get("name"))) {
                out.extend(cluster.as_str().map(|name| (name, cluster, guards.clone())));
            }
        }
    }
    out
}

fn guard(kind: GuardKind, certain: bool, node: &Node, at: usize) -> Guard {
    Guard {
        kind,
        certain,
        span: at.saturating_add(node.span.start)..at.saturating_add(node.span.end),
    }
}

/// Whether a filter asks who is there, and the name by which routes switch it off.
fn asks(filter: &Node, at: usize) -> Option<(&str, Guard)> {
    let name = filter.get("name")?;
    if filter.get("disabled").and_then(Node::as_bool) == Some(true) {
        return None;
    }
    let config = filter.get("typed_config");
    let kind = config
        .and_then(|c| c.get("@type"))
        .and_then(Node::as_str)
        .unwrap_or_default();
    let said = name.as_str()?;
    let is = |word: &str| said.contains(word) || kind.contains(&format!(".{word}."));
    let (kind, certain) = match () {
        () if is("oauth2") => (GuardKind::Oidc, true),
        () if is("ext_authz") => (GuardKind::Forward, true),
        () if is("basic_auth") => (GuardKind::Basic, true),
        () if is("rbac") => (GuardKind::GatewayPolicy, true),
        () if is("jwt_authn") => {
            let rules = config.map(|c| list(c, &["rules"])).unwrap_or_default();
            let everywhere = |r: &Node| {
                r.path(&["match", "prefix"]).and_then(Node::as_str) == Some("/")
                    && r.get("requires").is_some()
            };
            (GuardKind::Oidc, rules.iter().any(everywhere))
        }
        () => return None,
    };
    Some((said, guard(kind, certain, name, at)))
}

/// Whether a host or a route switches a filter off for itself.
fn is_off(name: &str, places: &[&Node]) -> bool {
    let own = places
        .iter()
        .filter_map(|p| p.path(&["typed_per_filter_config", name]));
    let mut off = own.filter_map(|c| c.get("disabled").and_then(Node::as_bool));
    off.any(|off| off)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let guard = |g: &Guard| format!("{:?}{}", g.kind, if g.certain { "" } else { "?" });
        let row = |p: &Pass| {
            let guards: Vec<_> = p.guards.iter().map(guard).collect();
            format!(
                "{:?} -> {} {} <{}>",
                p.listens,
                p.upstream,
                guards.join(","),
                &text[p.span.clone()]
            )
        };
        passes(text, 0).iter().map(row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn listeners_lead_to_clusters_by_routes() {
        let text = "
static_resources:
  listeners:
  - address: {socket_address: {address: 0.0.0.0, port_value: 10000}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          http_filters:
          - name: envoy.filters.http.ext_authz
          - name: envoy.filters.http.jwt_authn
            typed_config: {rules: [{match: {prefix: /api}, requires: {provider_name: p}}]}
          - name: envoy.filters.http.router
          route_config:
            virtual_hosts:
            - routes:
              - match: {prefix: /open}
                route: {cluster: ray}
                typed_per_filter_config: {envoy.filters.http.ext_authz: {disabled: true}}
              - route: {weighted_clusters: {clusters: [{name: mlflow, weight: 1}]}}
              - route: {cluster: nowhere}
  - address: {socket_address: {port_value: 6333}}
    filter_chains:
    - transport_socket: {typed_config: {require_client_certificate: true}}
      filters: [{name: tcp, typed_config: {cluster: qdrant}}]
  clusters:
  - {name: ray, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: ray, port_value: 8265}}}}]}]}}
  - {name: mlflow, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: mlflow, port_value: 5000}}}}]}]}}
  - {name: qdrant, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: qdrant, port_value: 6333}}}}]}]}}
";
        insta::assert_snapshot!(shown(text), @r"
        [10000] -> ray:8265 Oidc? <ray>
        [10000] -> mlflow:5000 Forward,Oidc? <mlflow>
        [6333] -> qdrant:6333 ClientCertificate <qdrant>
        ");
        assert!(passes("static_resources: [", 0).is_empty());
        assert!(passes(&"a: ".repeat(1 << 20), 0).is_empty());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(static_resources:|listeners:|clusters:|filter_chains:|name: a|cluster: a|[ -{}\n\"&*:,a]){0,40}") {
            let _ = passes(&text, 0);
        }
    }
}
