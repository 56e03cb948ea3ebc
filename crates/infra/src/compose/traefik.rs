//! Routes that labels of Traefik make to a container, and what asks for a password on them.

use crate::{
    resource::Variable,
    shell,
    workload::{Audience, Guard, GuardKind, Opening, OpeningKind},
};
use std::collections::BTreeSet;

/// How many middlewares of one router are followed, chains included.
const MOST_MIDDLEWARES: usize = 64;

/// The ways in that the labels of one service make; `all` are those of every service, since a middleware may be declared
/// anywhere. `proxy` says who reaches Traefik itself.
pub(super) fn openings(own: &[Variable], all: &[Vec<Variable>], proxy: Option<Audience>) -> Vec<Opening> {
    let value = |name: &str| {
        let found = own.iter().rev().find(|v| v.name.eq_ignore_ascii_case(name));
        found.and_then(|v| v.value.as_ref()).map(|w| w.text.as_str())
    };
    if value("traefik.enable").is_some_and(|v| v.eq_ignore_ascii_case("false")) {
        return Vec::new();
    }
    let routers: BTreeSet<&str> = own
        .iter()
        .filter_map(|v| part(&v.name, "routers").map(|(r, _)| r))
        .collect();
    let inside = own
        .iter()
        .find(|v| part(&v.name, "services").is_some_and(|(_, rest)| rest == "loadbalancer.server.port"))
        .and_then(|v| shell::port_range(&v.value.as_ref()?.text));
    let mut out = Vec::new();
    for router in routers {
        let labels = || {
            own.iter()
                .filter(|v| part(&v.name, "routers").is_some_and(|(r, _)| r == router))
        };
        let Some(rule) = labels()
            .find(|v| v.name.ends_with(".rule"))
            .or_else(|| labels().next())
        else {
            continue;
        };
        let middlewares = labels().find(|v| v.name.to_ascii_lowercase().ends_with(".middlewares"));
        let guards = middlewares.map(|v| guards(v, all)).unwrap_or_default();
        out.push(Opening {
            kind: OpeningKind::Proxy,
            audience: proxy.unwrap_or(Audience::Unknown),
            inside: inside.clone(),
            outside: None,
            guards,
            chain: vec![(rule.span.clone(), "Traefik passes requests on to it".to_owned())],
        });
    }
    out
}

/// `traefik.http.routers.NAME.rest`: the name and the rest.
fn part<'a>(label: &'a str, what: &str) -> Option<(&'a str, &'a str)> {
    let rest = label.strip_prefix("traefik.")?;
    let (protocol, rest) = rest.split_once('.')?;
    let rest = rest.strip_prefix(what)?.strip_prefix('.')?;
    let (name, rest) = rest.split_once('.').unwrap_or((rest, ""));
    matches!(protocol, "http" | "tcp").then_some((name, rest))
}

fn guards(list: &Variable, all: &[Vec<Variable>]) -> Vec<Guard> {
    let names = |v: &Variable| -> Vec<String> {
        let text = v.value.as_ref().map_or("", |w| w.text.as_str());
        text.split(',').map(|n| n.trim().to_owned()).collect()
    };
    let mut queue = names(list);
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    while let Some(full) = queue.pop() {
        let (name, provider) = full.split_once('@').unwrap_or((&full, ""));
        if !seen.insert(name.to_owned()) || seen.len() > MOST_MIDDLEWARES {
            continue;
        }
        let mut found = false;
        for label in all.iter().flatten() {
            let Some((_, rest)) = part(&label.name, "middlewares").filter(|(n, _)| *n == name) else {
                continue;
            };
            found = true;
            let kind = rest.split('.').next().unwrap_or_default().to_ascii_lowercase();
            if kind == "chain" {
                queue.extend(names(label));
            }
            if let Some(kind) = guard_kind(&kind)
                && !out.iter().any(|g: &Guard| g.span == label.span)
            {
                out.push(Guard {
                    kind,
                    certain: true,
                    span: label.span.clone(),
                });
            }
        }
        // Declared in a file that Traefik reads elsewhere: its name is all there is.
        if !found && (!provider.is_empty() || name.contains("auth")) && name.contains("auth") {
            out.push(Guard {
                kind: GuardKind::Forward,
                certain: false,
                span: list.span.clone(),
            });
        }
    }
    out
}

/// What a middleware of Traefik asks, by the name of its kind in lower case.
pub(crate) fn guard_kind(kind: &str) -> Option<GuardKind> {
    match kind {
        "basicauth" | "digestauth" => Some(GuardKind::Basic),
        "forwardauth" => Some(GuardKind::Forward),
        "ipallowlist" | "ipwhitelist" => Some(GuardKind::AddressList),
        "oidc" | "jwt" => Some(GuardKind::Oidc),
        _ => None,
    }
}
