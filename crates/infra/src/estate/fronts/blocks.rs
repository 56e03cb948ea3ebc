//! The configuration of nginx and Caddy: directives in blocks, with their places.

use crate::workload::{Guard, GuardKind};
use std::{collections::BTreeMap, ops::Range};

/// How deep blocks may nest.
const MOST_NESTED: usize = 64;

/// How many directives are read.
const MOST_DIRECTIVES: usize = 20_000;

/// A directive: its words, and the one whose block it stands in.
#[derive(Debug, Default)]
struct Directive {
    words: Vec<(String, Range<usize>)>,
    parent: Option<usize>,
}

impl Directive {
    fn name(&self) -> &str {
        self.word(0)
    }

    fn word(&self, i: usize) -> &str {
        self.words.get(i).map_or("", |(w, _)| w)
    }

    fn span(&self) -> Range<usize> {
        let start = self.words.first().map_or(0, |(_, s)| s.start);
        start..self.words.last().map_or(start, |(_, s)| s.end.max(start))
    }
}

/// Somebody passes requests on.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) upstream: String,
    pub(super) span: Range<usize>,
    pub(super) listens: Vec<u32>,
    pub(super) guards: Vec<Guard>,
    pub(super) narrow: bool,
}

/// Whether lines end directives, as with Caddy, or semicolons, as with nginx.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Nginx,
    Caddy,
}

fn directives(text: &str, at: usize, style: Style) -> Vec<Directive> {
    let mut out: Vec<Directive> = Vec::new();
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut words: Vec<(String, Range<usize>)> = Vec::new();
    let mut chars = text.char_indices().peekable();
    let mut end = |words: &mut Vec<(String, Range<usize>)>, open: &[Option<usize>]| {
        if !words.is_empty() && out.len() < MOST_DIRECTIVES {
            out.push(Directive {
                words: std::mem::take(words),
                parent: open.last().copied().flatten(),
            });
        }
        words.clear();
        out.len().checked_sub(1)
    };
    while let Some((i, c)) = chars.next() {
        match c {
            '#' if words.is_empty() || text.get(..i).is_some_and(|t| t.ends_with(char::is_whitespace)) => {
                while chars.next_if(|(_, c)| *c != '\n').is_some() {}
            }
            ';' if style == Style::Nginx => {
                end(&mut words, &open);
            }
            '\n' if style == Style::Caddy => {
                end(&mut words, &open);
            }
            '{' if style == Style::Nginx || chars.peek().is_none_or(|(_, c)| c.is_whitespace()) => {
                let had = !words.is_empty();
                let last = end(&mut words, &open);
                if open.len() < MOST_NESTED {
                    open.push(last.filter(|_| had));
                }
            }
            '}' => {
                end(&mut words, &open);
                open.pop();
            }
            c if c.is_whitespace() => {}
            quote @ ('"' | '\'' | '`') => {
                let mut word = String::new();
                let mut stop = i;
                while let Some((j, c)) = chars.next_if(|(_, c)| *c != quote) {
                    word.push(c);
                    stop = j.saturating_add(c.len_utf8());
                }
                chars.next();
                words.push((word, at.saturating_add(i)..at.saturating_add(stop)));
            }
            c => {
                let mut word = String::from(c);
                let mut stop = i.saturating_add(c.len_utf8());
                let mut braces = usize::from(c == '{');
                while let Some((j, c)) = chars.next_if(|(_, c)| {
                    braces > 0 && *c != '\n'
                        || !(c.is_whitespace()
                            || (*c == ';' && style == Style::Nginx)
                            || matches!(c, '{' | '}'))
                        || (*c == '{' && (word.ends_with('$') || style == Style::Caddy))
                }) {
                    match c {
                        '{' => braces = braces.saturating_add(1),
                        '}' => braces = braces.saturating_sub(1),
                        _ => {}
                    }
                    word.push(c);
                    stop = j.saturating_add(c.len_utf8());
                }
                words.push((word, at.saturating_add(i)..at.saturating_add(stop)));
            }
        }
    }
    end(&mut words, &open);
    out
}

/// What the directives of one block say of passwords and ports.
#[derive(Default)]
struct Scope {
    /// `None` where it says nothing; an empty list where it takes away what is inherited.
    guards: Option<Vec<Guard>>,
    /// What conditions refuse, which takes nothing away.
    refuses: Vec<Guard>,
    listens: Vec<u32>,
}

/// Everything that the configuration at byte `at` passes on.
pub(super) fn passes(text: &str, at: usize, style: Style) -> Vec<Pass> {
    let all = directives(text, at, style);
    let mut scopes: BTreeMap<Option<usize>, Scope> = BTreeMap::new();
    let mut upstreams: BTreeMap<&str, &str> = BTreeMap::new();
    let mut variables: BTreeMap<&str, &str> = BTreeMap::new();
    for (i, d) in all.iter().enumerate() {
        let scope = scopes.entry(d.parent).or_default();
        match d.name() {
            "listen" => scope.listens.extend(port_of(d.word(1))),
            "set" => {
                variables.insert(d.word(1), d.word(2));
            }
            "server" if d.words.len() > 1 => {
                let block = d
                    .parent
                    .and_then(|p| all.get(p))
                    .filter(|p| p.name() == "upstream");
                if let Some(block) = block {
                    upstreams.entry(block.word(1)).or_insert(d.word(1));
                }
            }
            _ => {}
        }
        guard(d, style, scope);
        refused(d, &all, &mut scopes);
        // The first words of a site of Caddy are its addresses.
        if style == Style::Caddy && d.parent.is_none() {
            let ports = d.words.iter().filter_map(|(w, _)| site_port(w));
            scopes.entry(Some(i)).or_default().listens.extend(ports);
        }
    }
    if style == Style::Caddy {
        imported(&all, &mut scopes);
    }
    let mut out: Vec<Pass> = Vec::new();
    for d in &all {
        for upstream in upstreams_of(d, &all, style) {
            let upstream = variables.get(upstream).copied().unwrap_or(upstream);
            let host = upstream
                .trim_start_matches("http://")
                .trim_start_matches("https://");
            let host = host.split('/').next().unwrap_or(host);
            let upstream = upstreams.get(host).copied().unwrap_or(upstream);
            let (listens, guards) = inherited(d, &all, &scopes);
            out.push(Pass {
                upstream: upstream.to_owned(),
                span: d.span(),
                listens,
                guards,
                narrow: is_narrow(d, &all),
            });
        }
    }
    // One path for a load balancer beside a platform that asks is no way into it.
    let asked: Vec<String> = out
        .iter()
        .filter(|p| !p.guards.is_empty())
        .map(|p| authority(&p.upstream).to_owned())
        .collect();
    out.retain(|p| !(p.narrow && p.guards.is_empty() && asked.iter().any(|a| a == authority(&p.upstream))));
    out
}

fn authority(upstream: &str) -> &str {
    let rest = upstream.split_once("://").map_or(upstream, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Whether a directive stands in a block for one path alone, or one that tells of health.
fn is_narrow(d: &Directive, all: &[Directive]) -> bool {
    const HEALTH: [&str; 8] = [
        "health",
        "healthz",
        "livez",
        "readyz",
        "ping",
        "favicon.ico",
        "robots.txt",
        "static",
    ];
    let Some(block) = d.parent.and_then(|p| all.get(p)) else {
        return false;
    };
    let path = match (block.name(), block.word(1)) {
        ("location", "=") => return block.word(2) != "/",
        ("location" | "handle" | "handle_path", path) => path,
        _ => return false,
    };
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    path.starts_with('/') && HEALTH.contains(&first)
}

/// What a snippet of Caddy asks is asked where it is imported: `(name) { … }` and `import name`. Another file may ask too.
fn imported(all: &[Directive], scopes: &mut BTreeMap<Option<usize>, Scope>) {
    let snippets: BTreeMap<&str, usize> = all
        .iter()
        .enumerate()
        .filter(|(_, d)| d.parent.is_none())
        .filter_map(|(i, d)| Some((d.name().strip_prefix('(')?.strip_suffix(')')?, i)))
        .collect();
    let imports: Vec<&Directive> = all.iter().filter(|d| d.name() == "import").collect();
    // A snippet may import another.
    for _ in 0..MOST_SNIPPETS {
        let mut changed = false;
        for d in &imports {
            let guards = match snippets.get(d.word(1)) {
                Some(snippet) => scopes.get(&Some(*snippet)).and_then(|s| s.guards.clone()),
                None => Some(vec![Guard {
                    kind: GuardKind::Forward,
                    certain: false,
                    span: d.span(),
                }]),
            };
            let own = scopes.entry(d.parent).or_default();
            for guard in guards.into_iter().flatten() {
                let all = own.guards.get_or_insert_default();
                if !all.contains(&guard) {
                    all.push(guard);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
}

/// How deep snippets of Caddy import each other.
const MOST_SNIPPETS: usize = 4;

fn upstreams_of<'a>(d: &'a Directive, all: &'a [Directive], style: Style) -> Vec<&'a str> {
    match (style, d.name()) {
        (Style::Nginx, "proxy_pass" | "grpc_pass") => vec![d.word(1)],
        (Style::Caddy, "reverse_proxy") => {
            let words = d.words.iter().skip(1).map(|(w, _)| w.as_str());
            words.filter(|w| !w.starts_with(['/', '@', '*'])).collect()
        }
        (Style::Caddy, "to") => {
            let inside = d
                .parent
                .and_then(|p| all.get(p))
                .is_some_and(|p| p.name() == "reverse_proxy");
            let words = d.words.iter().skip(1).map(|(w, _)| w.as_str());
            words.filter(|_| inside).collect()
        }
        _ => Vec::new(),
    }
}

/// What holds for a directive by the blocks around it, the nearest first.
fn inherited(
    d: &Directive,
    all: &[Directive],
    scopes: &BTreeMap<Option<usize>, Scope>,
) -> (Vec<u32>, Vec<Guard>) {
    let mut at = d.parent;
    let (mut listens, mut guards): (Vec<u32>, Option<Vec<Guard>>) = (Vec::new(), None);
    let mut refuses = Vec::new();
    for _ in 0..=MOST_NESTED {
        if let Some(scope) = scopes.get(&at) {
            refuses.extend(scope.refuses.iter().cloned());
            if guards.is_none() {
                guards.clone_from(&scope.guards);
            }
            if listens.is_empty() {
                listens.clone_from(&scope.listens);
            }
        }
        match at {
            Some(i) => at = all.get(i).and_then(|d| d.parent),
            None => break,
        }
    }
    let mut guards = guards.unwrap_or_default();
    guards.append(&mut refuses);
    (listens, guards)
}

/// `if ($http_authorization != "…") { return 401; }` asks for something, and nobody knows for what.
fn refused(d: &Directive, all: &[Directive], scopes: &mut BTreeMap<Option<usize>, Scope>) {
    let block = d.parent.and_then(|p| all.get(p)).filter(|p| p.name() == "if");
    if let Some(block) = block.filter(|_| d.name() == "return" && matches!(d.word(1), "401" | "403")) {
        scopes.entry(block.parent).or_default().refuses.push(Guard {
            kind: GuardKind::Token,
            certain: false,
            span: d.span(),
        });
    }
}

fn guard(d: &Directive, style: Style, scope: &mut Scope) {
    let off = d.word(1) == "off";
    // With an argument that is a path, Caddy asks only there.
    let everywhere = !d.word(1).starts_with(['/', '@']) || d.word(1) == "/*";
    let found = match (style, d.name()) {
        (Style::Nginx, "auth_basic") => Some((GuardKind::Basic, !off)),
        (Style::Nginx, "auth_request" | "auth_jwt") => Some((GuardKind::Forward, !off)),
        (Style::Nginx, "ssl_verify_client") => Some((GuardKind::ClientCertificate, d.word(1) == "on")),
        (Style::Nginx, "deny") if d.word(1) == "all" => Some((GuardKind::AddressList, true)),
        (Style::Caddy, "basic_auth" | "basicauth") => Some((GuardKind::Basic, true)),
        (Style::Caddy, "forward_auth") => Some((GuardKind::Forward, true)),
        (Style::Caddy, "authorize") => Some((GuardKind::Oidc, true)),
        (Style::Caddy, "client_auth") => Some((GuardKind::ClientCertificate, true)),
        _ => None,
    };
    let Some((kind, on)) = found else { return };
    let guards = scope.guards.get_or_insert_default();
    if on {
        guards.push(Guard {
            kind,
            certain: style == Style::Nginx || everywhere || d.name() == "forward_auth",
            span: d.span(),
        });
    }
}

/// `80`, `127.0.0.1:80`, `[::]:80`
fn port_of(text: &str) -> Option<u32> {
    text.rsplit(':').next()?.parse().ok()
}

/// The port of an address of a site: `:80`, `http://a`, `a.example`.
fn site_port(text: &str) -> Option<u32> {
    let text = text.trim_end_matches(',');
    port_of(text).or_else(|| Some(if text.starts_with("http://") { 80 } else { 443 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, style: Style) -> String {
        let row = |p: &Pass| {
            let guards: Vec<_> = p
                .guards
                .iter()
                .map(|g| format!("{:?}{}", g.kind, if g.certain { "" } else { "?" }))
                .collect();
            format!(
                "{:?} -> {} {} <{}>",
                p.listens,
                p.upstream,
                guards.join(","),
                &text[p.span.clone()]
            )
        };
        passes(text, 0, style)
            .iter()
            .map(row)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn nginx_inherits_and_switches_off() {
        let text = "upstream hub { server jupyter:8888; }\nhttp {\n server {\n  listen 80; # here\n  auth_basic \"x\";\n  location / { proxy_pass http://hub; }\n  location /open { auth_basic off; proxy_pass http://mlflow:5000/; }\n }\n server { listen [::]:81; location / { set $u http://ray:8265; proxy_pass $u; auth_request /auth; } }\n}\n";
        insta::assert_snapshot!(shown(text, Style::Nginx), @r"
        [80] -> jupyter:8888 Basic <proxy_pass http://hub>
        [80] -> http://mlflow:5000/  <proxy_pass http://mlflow:5000/>
        [81] -> http://ray:8265 Forward <proxy_pass $u>
        ");
    }

    #[test]
    fn caddy_by_lines() {
        let text = "{\n  email a@b.example\n}\nml.example, :8080 {\n  basic_auth {\n    bob $2a$14$x\n  }\n  reverse_proxy mlflow:5000\n}\n:80 {\n  basicauth /admin/* {\n bob x\n }\n  handle /ray/* {\n    reverse_proxy /x ray:8265 {\n      header_up Host {upstream_hostport}\n    }\n  }\n}\n";
        insta::assert_snapshot!(shown(text, Style::Caddy), @r"
        [443, 8080] -> mlflow:5000 Basic <reverse_proxy mlflow:5000>
        [80] -> ray:8265 Basic? <reverse_proxy /x ray:8265>
        ");
    }

    #[test]
    fn what_a_snippet_asks_is_asked_where_it_is_imported() {
        let text = "(login) {\n  forward_auth a:1\n}\n(all) {\n  import login\n}\na.example {\n  import all\n  handle /x/* {\n    reverse_proxy mlflow:5000\n  }\n}\nb.example {\n  import other/*.conf\n  reverse_proxy ray:8265\n}\nc.example {\n  reverse_proxy dask:8787\n}\n";
        insta::assert_snapshot!(shown(text, Style::Caddy), @r"
        [443] -> mlflow:5000 Forward <reverse_proxy mlflow:5000>
        [443] -> ray:8265 Forward? <reverse_proxy ray:8265>
        [443] -> dask:8787  <reverse_proxy dask:8787>
        ");
    }

    #[test]
    fn one_path_for_health_is_no_way_in() {
        let text = "server { auth_basic x; location / { proxy_pass http://a:1; } location = /ok { auth_basic off; proxy_pass http://a:1/h; } location /healthz { auth_basic off; proxy_pass http://a:1; } location /api { auth_basic off; proxy_pass http://a:1; } }\nserver { location = /only { proxy_pass http://b:1; } }\nserver { location / { if ($http_authorization != x) { return 401; } proxy_pass http://c:1; } }\n";
        insta::assert_snapshot!(shown(text, Style::Nginx), @r"
        [] -> http://a:1 Basic <proxy_pass http://a:1>
        [] -> http://a:1  <proxy_pass http://a:1>
        [] -> http://b:1  <proxy_pass http://b:1>
        [] -> http://c:1 Token? <proxy_pass http://c:1>
        ");
    }

    #[test]
    fn ten_thousand_blocks_are_bounded() {
        let text = "a {\n".repeat(10_000);
        assert!(passes(&text, 0, Style::Nginx).is_empty());
        assert!(passes(&text, 0, Style::Caddy).is_empty());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(server|listen 80|proxy_pass|reverse_proxy|auth_basic|[ {};\n\"'`#$é:/a]){0,60}") {
            for style in [Style::Nginx, Style::Caddy] {
                for pass in passes(&text, 0, style) {
                    prop_assert!(text.get(pass.span).is_some());
                }
            }
        }
    }
}
