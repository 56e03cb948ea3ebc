//! The configuration of HAProxy: sections of lines, where a frontend names the backends that it passes on to.

use super::blocks::Pass;
use crate::workload::{Guard, GuardKind};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// How many lines are read, and how many ways are told of.
const MOST_LINES: usize = 20_000;
const MOST_WAYS: usize = 1024;

/// What begins a section.
const SECTIONS: &[&str] = &[
    "global",
    "defaults",
    "frontend",
    "listen",
    "backend",
    "userlist",
    "peers",
    "resolvers",
    "mailers",
    "cache",
    "http-errors",
    "program",
    "ring",
    "fcgi-app",
    "log-forward",
    "crt-store",
];

type Word<'a> = (&'a str, Range<usize>);

/// A section that takes requests, passes them on, or both.
#[derive(Default)]
struct Section<'a> {
    listens: Vec<u32>,
    takes: bool,
    guards: Vec<Guard>,
    servers: Vec<(&'a str, Range<usize>)>,
    /// The backends that it names; `None` for one that is only known when a request comes.
    leads_to: Vec<Option<&'a str>>,
    /// Conditions by name, where they look at passwords or addresses.
    conditions: BTreeMap<&'a str, GuardKind>,
}

/// Everything that the configuration at byte `at` passes on.
pub(super) fn passes(text: &str, at: usize) -> Vec<Pass> {
    let all = sections(text, at);
    let backends: Vec<&str> = all.iter().filter(|(_, s)| !s.takes).map(|(n, _)| *n).collect();
    let mut out = Vec::new();
    let mut looks = 0..MOST_LINES;
    for (name, front) in all.iter().filter(|(_, s)| s.takes) {
        let is_open = front.leads_to.iter().any(Option::is_none);
        let named: BTreeSet<&str> = front.leads_to.iter().flatten().copied().collect();
        let any = backends.iter().filter(|_| is_open).copied();
        // Where any may be meant, those that are named are among them.
        let other = named.into_iter().filter(|_| !is_open);
        let other = other.chain(any).filter(|n| n != name);
        for other in std::iter::once(*name).chain(other) {
            if looks.next().is_none() || out.len() >= MOST_WAYS {
                return out;
            }
            let Some(back) = all.get(other) else { continue };
            let mut guards = front.guards.clone();
            if other != *name {
                guards.extend(back.guards.iter().cloned());
            }
            let ways = back.servers.iter().map(|(server, span)| Pass {
                narrow: false,
                upstream: (*server).to_owned(),
                span: span.clone(),
                listens: front.listens.clone(),
                guards: guards.clone(),
            });
            out.extend(ways.take(MOST_WAYS));
            out.truncate(MOST_WAYS);
        }
    }
    out
}

fn sections(text: &str, at: usize) -> BTreeMap<&str, Section<'_>> {
    let mut all: BTreeMap<&str, Section<'_>> = BTreeMap::new();
    let mut current = None;
    let mut start = 0_usize;
    for line in text.split_inclusive('\n').take(MOST_LINES) {
        let words = words(line, at.saturating_add(start));
        start = start.saturating_add(line.len());
        let Some((first, _)) = words.first() else { continue };
        if SECTIONS.contains(first) {
            let is_way = matches!(*first, "frontend" | "listen" | "backend");
            current = words.get(1).map(|(name, _)| *name).filter(|_| is_way);
            if let Some(name) = current {
                let section = all.entry(name).or_default();
                section.takes |= *first != "backend";
                // The older way to say where it listens.
                section
                    .listens
                    .extend(words.iter().skip(2).filter_map(|(w, _)| port(w)));
            }
        } else if let Some(section) = current.and_then(|name| all.get_mut(name)) {
            directive(&words, section);
        }
    }
    all
}

/// The words of a line up to its comment.
fn words(line: &str, at: usize) -> Vec<Word<'_>> {
    let mut out = Vec::new();
    let mut begun: Option<usize> = None;
    let mut quote = None;
    for (i, c) in line.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '#') => {
                push(line, &mut begun, i, at, &mut out);
                return out;
            }
            (None, c) if c.is_whitespace() => push(line, &mut begun, i, at, &mut out),
            (None, c) => {
                begun.get_or_insert(i);
                quote = matches!(c, '"' | '\'').then_some(c);
            }
        }
    }
    push(line, &mut begun, line.len(), at, &mut out);
    out
}

fn push<'a>(line: &'a str, begun: &mut Option<usize>, end: usize, at: usize, out: &mut Vec<Word<'a>>) {
    if let Some(start) = begun.take()
        && let Some(word) = line.get(start..end)
    {
        out.push((word, at.saturating_add(start)..at.saturating_add(end)));
    }
}

fn directive<'a>(words: &[Word<'a>], section: &mut Section<'a>) {
    let word = |i: usize| words.get(i).map_or("", |(w, _)| *w);
    let begin = words.first().map_or(0, |(_, s)| s.start);
    let span = begin..words.last().map_or(begin, |(_, s)| s.end);
    match (word(0), word(1)) {
        ("bind", addresses) => {
            section.listens.extend(addresses.split(',').filter_map(port));
            let mut pairs = words.windows(2).map(|w| w.iter().map(|(w, _)| *w));
            let asks = pairs.any(|w| w.eq(["verify", "required"]));
            section.guards.extend(asks.then(|| Guard {
                kind: GuardKind::ClientCertificate,
                certain: true,
                span: span.clone(),
            }));
        }
        ("default_backend" | "use_backend", name) => {
            section.leads_to.push(Some(name).filter(|n| !n.contains('%')));
        }
        ("server" | "server-template", _) => {
            let place = if word(0) == "server" { 2 } else { 3 };
            section
                .servers
                .extend(words.get(place).map(|(w, _)| (*w, span.clone())));
        }
        ("acl", name) => {
            let kind = tells(words.get(2..).unwrap_or_default());
            section.conditions.extend(kind.map(|kind| (name, kind)));
        }
        ("http-request" | "tcp-request", _) => section.guards.extend(request(words, section, span)),
        _ => {}
    }
}

/// What a condition looks at, where that keeps strangers out.
fn tells(words: &[Word<'_>]) -> Option<GuardKind> {
    let has = |start: &str| {
        words
            .iter()
            .any(|(w, _)| w.trim_start_matches(['{', '!']).starts_with(start))
    };
    match () {
        () if has("http_auth(") || has("http_auth_group(") => Some(GuardKind::Basic),
        () if has("ssl_c_verify") || has("ssl_c_used") => Some(GuardKind::ClientCertificate),
        () if has("src") => Some(GuardKind::AddressList),
        () => None,
    }
}

/// `http-request auth unless ok`, `http-request deny if !ours`, `http-request lua.auth-request backend /path`.
fn request(words: &[Word<'_>], section: &Section<'_>, span: Range<usize>) -> Option<Guard> {
    let at = words.iter().position(|(w, _)| matches!(*w, "if" | "unless"));
    let (action, condition) = words.split_at_checked(at.unwrap_or(words.len()))?;
    let has = |name: &str| action.iter().any(|(w, _)| *w == name);
    let by_name = condition
        .iter()
        .find_map(|(w, _)| section.conditions.get(w.trim_start_matches('!')));
    let kind = tells(condition).or(by_name.copied());
    let (kind, certain) = match () {
        () if has("auth") => (
            GuardKind::Basic,
            condition.is_empty() || kind == Some(GuardKind::Basic),
        ),
        () if action.iter().any(|(w, _)| w.starts_with("lua.auth-")) => {
            (GuardKind::Forward, condition.is_empty())
        }
        () if has("deny") || has("reject") || has("silent-drop") || has("tarpit") => (kind?, true),
        () => return None,
    };
    Some(Guard { kind, certain, span })
}

/// `*:80`, `127.0.0.1:80`, `:::443`
fn port(text: &str) -> Option<u32> {
    text.rsplit_once(':')?.1.parse().ok()
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
    fn a_frontend_leads_to_the_backends_that_it_names() {
        let text = "global\n  log stdout\nuserlist u\n  user a insecure-password b\n\
                    frontend web\n  bind *:80,:::8080 # here\n  acl ours src 10.0.0.0/8\n  http-request deny if !ours\n  \
                    use_backend ray if { path_beg /ray }\n  default_backend mlflow\n\
                    backend mlflow\n  http-request auth realm ml unless { http_auth(u) }\n  server a mlflow:5000 check\n\
                    backend ray\n  server r ray:8265\nbackend other\n  server o 'other:1'\n\
                    listen lab 0.0.0.0:8888\n  server j jupyter:8888\n\
                    listen tls\n  bind :443 ssl crt a ca-file b verify required\n  http-request auth if { path_beg /x }\n  server q qdrant:6333\n";
        insta::assert_snapshot!(shown(text), @r"
        [8888] -> jupyter:8888  <server j jupyter:8888>
        [443] -> qdrant:6333 ClientCertificate,Basic? <server q qdrant:6333>
        [80, 8080] -> mlflow:5000 AddressList,Basic <server a mlflow:5000 check>
        [80, 8080] -> ray:8265 AddressList <server r ray:8265>
        ");
    }

    #[test]
    fn a_backend_that_only_a_request_names_may_be_any() {
        let text =
            "frontend f\n bind :80\n use_backend %[req.hdr(host)]\nbackend a\n server s jupyter:8888\n";
        insta::assert_snapshot!(shown(text), @"[80] -> jupyter:8888  <server s jupyter:8888>");
    }

    #[test]
    fn many_sections_are_bounded() {
        let text = "frontend f\n bind :1\n use_backend %[x]\n".repeat(3_000)
            + &"backend b\n server s a:1\n".repeat(3_000);
        assert_eq!(passes(&text, 0).len(), MOST_WAYS);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(frontend a|backend b|listen|bind|:80|server|use_backend|http-request auth|unless|acl|[ {}!\n\"'#%é:/a]){0,60}") {
            for pass in passes(&text, 0) {
                prop_assert!(text.get(pass.span).is_some());
            }
        }
    }
}
