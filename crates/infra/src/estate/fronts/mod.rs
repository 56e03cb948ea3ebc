//! What stands in front of something else: reverse proxies, sidecars that ask for a login, tunnels to the internet.
//!
//! A proxy is a workload like any other. What it adds is a further way into the one behind it, with whoever reaches the
//! proxy as its audience and what the proxy asks as its guards.

mod blocks;
mod envoy;
mod haproxy;

use super::{Dialect, OPENING_BYTES, Reading};
use crate::{
    resource::{Command, Resource, file_name},
    workload::{Audience, Guard, GuardKind, Opening, OpeningKind},
};
use blocks::{Pass, Style};
use std::{collections::BTreeMap, ops::Range};

/// How many upstreams one container is followed to.
const MOST_UPSTREAMS: usize = 256;

/// One way through a proxy.
struct Front {
    listens: Vec<u32>,
    host: String,
    port: Option<u32>,
    guards: Vec<Guard>,
    span: Range<usize>,
    /// Whether it makes an address on the internet by itself.
    tunnel: bool,
    label: &'static str,
}

/// Adds to each workload the ways that lead to it through others.
pub(super) fn join(reading: &mut Reading<'_>) {
    let mut names: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (i, w) in reading.workloads.iter().enumerate() {
        for name in std::iter::once(&w.name).chain(&w.names) {
            let key = (w.namespace.clone(), name.clone());
            names.entry(key).or_default().push(i);
        }
    }
    let mut found: Vec<(usize, Opening)> = Vec::new();
    let mut refused = None;
    'all: for (i, workload) in reading.workloads.iter().enumerate() {
        for front in workload.containers.iter().flat_map(fronts) {
            let local = is_local(&front.host);
            let (host, namespace) = split_host(&front.host, &workload.namespace);
            let targets = if local {
                vec![i]
            } else {
                names.get(&(namespace, host)).cloned().unwrap_or_default()
            };
            let ways: Vec<&Opening> = workload
                .openings
                .iter()
                .filter(|o| front.listens.is_empty() || front.listens.iter().any(|p| o.leads_to(*p)))
                .collect();
            let audience = if front.tunnel {
                Some(Audience::Internet)
            } else {
                ways.iter().map(|o| o.audience).max()
            };
            let Some(audience) = audience else { continue };
            let outer = ways.iter().max_by_key(|o| o.audience);
            let mut guards = front.guards.clone();
            guards.extend(
                outer
                    .filter(|_| !front.tunnel)
                    .iter()
                    .flat_map(|o| o.guards.iter().cloned()),
            );
            let mut chain = vec![(front.span.clone(), front.label.to_owned())];
            chain.extend(
                outer
                    .filter(|_| !front.tunnel)
                    .iter()
                    .flat_map(|o| o.chain.iter().cloned()),
            );
            for target in targets.into_iter().filter(|t| local || *t != i) {
                if let Err(why) = reading.budget.memory(OPENING_BYTES as u64) {
                    refused = Some((front.span.clone(), why.to_string()));
                    break 'all;
                }
                found.push((
                    target,
                    Opening {
                        kind: OpeningKind::Proxy,
                        audience,
                        inside: front.port.map(|p| p..p.saturating_add(1)),
                        outside: outer.and_then(|o| o.outside.clone()),
                        guards: guards.clone(),
                        chain: chain.clone(),
                    },
                ));
            }
        }
    }
    if let Some((span, why)) = refused {
        reading.gap(span, why);
    }
    for (target, opening) in found {
        if let Some(workload) = reading.workloads.get_mut(target) {
            workload.openings.push(opening);
        }
    }
    beside(reading);
}

/// Configuration of a proxy that nothing here mounts: who reaches it is not known, what it asks is.
fn beside(reading: &mut Reading<'_>) {
    let mounted: Vec<usize> = reading
        .workloads
        .iter()
        .flat_map(|w| &w.containers)
        .flat_map(|c| &c.mounts)
        .filter_map(|m| m.content.as_ref().map(|c| c.span.start))
        .collect();
    for document in reading.documents {
        if document.dialect != Dialect::ProxyConfiguration || mounted.contains(&document.span.start) {
            continue;
        }
        let text = reading.files.slice(&document.span);
        let Some(manner) = manner_of(&document.path, text) else {
            continue;
        };
        for pass in manner
            .passes(text, document.span.start)
            .into_iter()
            .take(MOST_UPSTREAMS)
        {
            let (host, port) = target(&pass.upstream);
            for workload in reading.workloads.iter_mut().filter(|w| w.is_called(&host)) {
                workload.openings.push(Opening {
                    kind: OpeningKind::Proxy,
                    audience: Audience::Unknown,
                    inside: port.map(|p| p..p.saturating_add(1)),
                    outside: None,
                    guards: pass.guards.clone(),
                    chain: vec![(pass.span.clone(), PASSES_ON.to_owned())],
                });
            }
        }
    }
}

const PASSES_ON: &str = "a proxy passes requests on to it";

fn is_local(host: &str) -> bool {
    crate::resource::is_loopback(host) || host == "0.0.0.0"
}

/// `name`, `name.namespace.svc.cluster.local`
fn split_host(host: &str, namespace: &str) -> (String, String) {
    match host.split_once('.') {
        Some((name, rest)) if rest.contains(".svc") || rest == "svc" || !rest.contains('.') => (
            name.to_owned(),
            rest.split('.').next().unwrap_or(namespace).to_owned(),
        ),
        _ => (host.to_owned(), namespace.to_owned()),
    }
}

/// The host and the port of an upstream: `http://mlflow:5000/x`, `mlflow:5000`, `:8888`.
fn target(upstream: &str) -> (String, Option<u32>) {
    let (scheme, rest) = upstream.split_once("://").unwrap_or(("", upstream));
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    let port = port.parse().ok().or(match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    });
    let host = if host.is_empty() { "localhost" } else { host };
    (host.to_owned(), port)
}

/// How a proxy is told what to do.
#[derive(Clone, Copy)]
enum Manner {
    Blocks(Style),
    Haproxy,
    Envoy,
}

impl Manner {
    fn passes(self, text: &str, at: usize) -> Vec<Pass> {
        match self {
            Self::Blocks(style) => blocks::passes(text, at, style),
            Self::Haproxy => haproxy::passes(text, at),
            Self::Envoy => envoy::passes(text, at),
        }
    }
}

/// Whose configuration a text is; nothing where it is of no proxy.
fn manner_of(path: &str, text: &str) -> Option<Manner> {
    let begins = |word: &str| text.lines().any(|l| l.starts_with(word));
    match () {
        () if file_name(path).to_ascii_lowercase().contains("caddyfile") => {
            Some(Manner::Blocks(Style::Caddy))
        }
        () if text.contains("proxy_pass") => Some(Manner::Blocks(Style::Nginx)),
        () if begins("static_resources:") => Some(Manner::Envoy),
        () if (begins("frontend ") || begins("listen ")) && text.contains("server ") => Some(Manner::Haproxy),
        () => None,
    }
}

/// The ways that lead through a container.
fn fronts(resource: &Resource) -> Vec<Front> {
    let mut out = Vec::new();
    let image = resource.image.as_ref().map_or("", |i| file_name(&i.text));
    for command in commands(resource) {
        let program = command.program();
        let is = |name: &str| image.contains(name) || program.contains(name);
        if is("oauth2-proxy") || is("oauth2_proxy") || is("oauth-proxy") {
            out.extend(login_proxy(
                resource,
                &command,
                GuardKind::Oidc,
                &["4180", "8443"],
            ));
        } else if is("kube-rbac-proxy") {
            out.extend(login_proxy(resource, &command, GuardKind::Token, &["8443"]));
        } else if is("cloudflared") {
            out.extend(tunnel(&command, &["--url"]));
        } else if is("ngrok") {
            out.extend(tunnel(&command, &["http", "tcp"]));
        } else if program == "caddy" {
            out.extend(caddy_command(&command));
        }
    }
    for mount in &resource.mounts {
        let Some(content) = &mount.content else { continue };
        let Some(manner) = manner_of(&mount.target, &content.text) else {
            continue;
        };
        for pass in manner.passes(&content.text, content.span.start) {
            let (host, port) = target(&pass.upstream);
            // A content that was put together knows only where it begins.
            let inside = pass.span.end <= content.span.end;
            out.push(Front {
                listens: pass.listens,
                host,
                port,
                guards: pass.guards,
                span: if inside { pass.span } else { content.span.clone() },
                tunnel: false,
                label: PASSES_ON,
            });
        }
    }
    out.truncate(MOST_UPSTREAMS);
    out
}

/// What a container starts; where only its image says it, a command without words.
fn commands(resource: &Resource) -> Vec<Command> {
    if resource.start.is_empty() {
        return vec![Command::default()];
    }
    resource.start.clone()
}

/// The values of an option in either form.
fn values<'a>(command: &'a Command, names: &[&str]) -> Vec<(&'a str, Range<usize>)> {
    let mut out = Vec::new();
    let mut words = command.words.iter().peekable();
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        if let Some((_, value)) = text.split_once('=').filter(|(name, _)| names.contains(name)) {
            out.push((value, word.span.clone()));
        } else if names.contains(&text)
            && let Some(next) = words.peek()
        {
            out.push((next.text.as_str(), next.span.clone()));
        }
    }
    out
}

fn login_proxy(resource: &Resource, command: &Command, kind: GuardKind, ports: &[&str]) -> Vec<Front> {
    let env = |name: &str| {
        let value = resource.variable(name)?.value.as_ref()?;
        Some((value.text.as_str(), value.span.clone()))
    };
    let mut upstreams = values(command, &["--upstream", "-upstream", "--upstreams"]);
    upstreams.extend(env("OAUTH2_PROXY_UPSTREAMS"));
    let mut listens = values(
        command,
        &[
            "--http-address",
            "--https-address",
            "-http-address",
            "-https-address",
            "--secure-listen-address",
            "--insecure-listen-address",
        ],
    );
    listens.extend(env("OAUTH2_PROXY_HTTP_ADDRESS"));
    let mut listens: Vec<u32> = listens
        .iter()
        .filter_map(|(v, _)| v.rsplit(':').next()?.parse().ok())
        .collect();
    if listens.is_empty() {
        listens = ports.iter().filter_map(|p| p.parse().ok()).collect();
    }
    let mut skips = values(
        command,
        &[
            "--skip-auth-regex",
            "--skip-auth-route",
            "-skip-auth-regex",
            "--ignore-paths",
        ],
    );
    skips.extend(env("OAUTH2_PROXY_SKIP_AUTH_ROUTES"));
    skips.extend(env("OAUTH2_PROXY_SKIP_AUTH_REGEX"));
    let all = |route: &str| {
        let route = route
            .rsplit('=')
            .next()
            .unwrap_or(route)
            .trim_matches(['"', '\'', '^', '$']);
        matches!(route, "/.*" | ".*" | "/" | "/*" | "*" | "")
    };
    let asks = !skips.iter().any(|(v, _)| v.split(',').any(all));
    let mut out = Vec::new();
    for (value, span) in upstreams {
        for upstream in value.split(',').filter(|u| !u.is_empty()) {
            let (host, port) = target(upstream.trim());
            let guard = Guard {
                kind,
                certain: true,
                span: span.clone(),
            };
            out.push(Front {
                listens: listens.clone(),
                host,
                port,
                guards: if asks { vec![guard] } else { Vec::new() },
                span: span.clone(),
                tunnel: false,
                label: if asks {
                    "a proxy asks for a login and passes on"
                } else {
                    PASSES_ON
                },
            });
        }
    }
    out
}

/// `cloudflared tunnel --url http://jupyter:8888`, `ngrok http jupyter:8888`
fn tunnel(command: &Command, names: &[&str]) -> Vec<Front> {
    let protected = !values(command, &["--basic-auth", "--oauth", "--auth"]).is_empty();
    let mut out = Vec::new();
    for (value, span) in values(command, names) {
        let (mut host, mut port) = target(value);
        if host.bytes().all(|b| b.is_ascii_digit()) {
            port = host.parse().ok();
            "localhost".clone_into(&mut host);
        }
        let guard = Guard {
            kind: GuardKind::Basic,
            certain: true,
            span: span.clone(),
        };
        out.push(Front {
            listens: Vec::new(),
            host,
            port,
            guards: if protected { vec![guard] } else { Vec::new() },
            span,
            tunnel: true,
            label: "a tunnel gives it an address on the internet",
        });
    }
    out
}

/// `caddy reverse-proxy --from :80 --to jupyter:8888`
fn caddy_command(command: &Command) -> Vec<Front> {
    let from = values(command, &["--from", "-f"]);
    let listens = from
        .iter()
        .filter_map(|(v, _)| v.rsplit(':').next()?.parse().ok());
    let listens: Vec<u32> = listens.collect();
    values(command, &["--to", "-t"])
        .into_iter()
        .map(|(value, span)| {
            let (host, port) = target(value);
            Front {
                listens: listens.clone(),
                host,
                port,
                guards: Vec::new(),
                span,
                tunnel: false,
                label: PASSES_ON,
            }
        })
        .collect()
}
