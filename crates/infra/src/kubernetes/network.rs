//! Network policies: what they let into the pods that they select.

use super::{
    Cluster, Pods,
    guards::is_absent,
    object::{Object, Selector},
};
use crate::{
    shell,
    workload::{Admission, Audience, Isolation},
};
use std::ops::Range;
use wellhead_formats::text::Node;

/// Limits the pods that policies select. Several add up: what any of them lets in comes in.
pub(super) fn join(cluster: &Cluster<'_, '_>, pods: &mut Pods<'_>) {
    for kind in ["NetworkPolicy", "CiliumNetworkPolicy"] {
        for object in cluster.of_kind(kind) {
            let Some(admissions) = admissions(object) else {
                continue;
            };
            let selector = object
                .get(&["spec", "podSelector"])
                .or_else(|| object.get(&["spec", "endpointSelector"]))
                .map(Selector::of)
                .unwrap_or_default();
            for at in pods.selected(&selector, object, cluster) {
                let Some(found) = pods.found.get_mut(at) else {
                    continue;
                };
                if !cluster.hold(admissions.len().saturating_mul(64), &object.place()) {
                    return;
                }
                match &mut found.workload.isolation {
                    Isolation::Limited(list) => list.extend(admissions.iter().cloned()),
                    other => *other = Isolation::Limited(admissions.clone()),
                }
            }
        }
    }
}

/// What a policy lets in; `None` where it says nothing of what comes in.
fn admissions(object: &Object<'_>) -> Option<Vec<Admission>> {
    let types = object.get(&["spec", "policyTypes"]).map(Node::items);
    let ingress = object.get(&["spec", "ingress"]);
    let is_cilium = object.kind() == "CiliumNetworkPolicy";
    match types {
        Some(types) if !types.iter().any(|t| t.as_str() == Some("Ingress")) => return None,
        None if is_cilium && ingress.is_none() => return None,
        _ => {}
    }
    let mut out = Vec::new();
    for rule in ingress.map_or(&[][..], Node::items) {
        let from = if is_cilium { cilium_from(rule) } else { from(rule) };
        let ports = ports(rule, is_cilium);
        for ports in ports {
            out.push(Admission {
                ports,
                from,
                span: rule.span.clone(),
            });
        }
    }
    Some(out)
}

fn from(rule: &Node) -> Audience {
    let peers = rule.get("from").map_or(&[][..], Node::items);
    // Without peers it is everybody.
    if peers.is_empty() {
        return Audience::Everyone;
    }
    let audience = |peer: &Node| match peer.path(&["ipBlock", "cidr"]).and_then(Node::as_text) {
        Some(cidr) => audience_of_block(cidr),
        None => named(peer),
    };
    peers.iter().map(audience).max().unwrap_or_default()
}

/// Pods that are named, of namespaces that are named, are parts of what is let in and no strangers.
fn named(peer: &Node) -> Audience {
    let is_any = |key: &str| peer.get(key).map(|n| Selector::of(n).is_empty());
    if is_any("podSelector") == Some(false) && is_any("namespaceSelector") != Some(true) {
        Audience::Host
    } else {
        Audience::Cluster
    }
}

fn cilium_from(rule: &Node) -> Audience {
    let entities = rule.get("fromEntities").map_or(&[][..], Node::items);
    if entities
        .iter()
        .any(|n| matches!(n.as_str(), Some("world" | "all")))
    {
        return Audience::Everyone;
    }
    let blocks = rule.get("fromCIDR").map_or(&[][..], Node::items);
    let widest = blocks
        .iter()
        .filter_map(Node::as_text)
        .map(audience_of_block)
        .max();
    let silent = ["fromEndpoints", "fromEntities", "fromCIDR", "fromCIDRSet"]
        .iter()
        .all(|key| is_absent(rule.get(key)));
    if silent {
        Audience::Everyone
    } else {
        let endpoints = rule.get("fromEndpoints").map_or(&[][..], Node::items);
        let others = ["fromEntities", "fromCIDR", "fromCIDRSet"]
            .iter()
            .any(|key| !is_absent(rule.get(key)));
        let by_name = !others && !endpoints.iter().any(|n| Selector::of(n).is_empty());
        let inside = if by_name {
            Audience::Host
        } else {
            Audience::Cluster
        };
        widest.unwrap_or(inside)
    }
}

/// Who comes from a block of addresses.
pub(crate) fn audience_of_block(cidr: &str) -> Audience {
    let address = cidr.split('/').next().unwrap_or(cidr);
    if cidr.ends_with("/0") {
        return Audience::Internet;
    }
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(a)) if a.is_private() || a.is_loopback() || a.is_link_local() => {
            Audience::Network
        }
        // Carrier-grade NAT, and addresses of IPv6 that are not routed.
        Ok(std::net::IpAddr::V4(a)) if matches!(a.octets(), [100, b, ..] if b & 0xc0 == 64) => {
            Audience::Network
        }
        Ok(std::net::IpAddr::V6(a)) if a.segments().first().is_some_and(|s| s & 0xfe00 == 0xfc00) => {
            Audience::Network
        }
        Ok(_) => limited(cidr),
        Err(_) => Audience::Unknown,
    }
}

/// A block of public addresses: a large one is as good as everyone.
fn limited(cidr: &str) -> Audience {
    let bits: u32 = cidr.split('/').nth(1).and_then(|b| b.parse().ok()).unwrap_or(32);
    if bits < 8 {
        Audience::Internet
    } else {
        Audience::Network
    }
}

fn ports(rule: &Node, is_cilium: bool) -> Vec<Option<Range<u32>>> {
    let list: Vec<&Node> = if is_cilium {
        let groups = rule.get("toPorts").map_or(&[][..], Node::items);
        groups
            .iter()
            .filter_map(|g| g.get("ports"))
            .flat_map(Node::items)
            .collect()
    } else {
        rule.get("ports").map_or(&[][..], Node::items).iter().collect()
    };
    if list.is_empty() {
        return vec![None];
    }
    list.into_iter()
        .map(|n| {
            let first = shell::port_range(n.get("port")?.as_text()?)?;
            let last = n
                .get("endPort")
                .and_then(Node::as_i64)
                .and_then(|n| u32::try_from(n).ok());
            Some(first.start..last.map_or(first.end, |l| l.saturating_add(1).max(first.end)))
        })
        .collect()
}
