//! What a profile of the catalogue lets through: paths, methods, WebSockets.
//!
//! What no pattern names is denied. Refusals are matched without regard to case and to a slash at the end, because some
//! routers have none; permissions are matched exactly.

use super::target::{Target, pairs};
use hyper::Method;
use wellhead_infra::{Never, Product};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Sent on; its answer may pause for as long as it likes.
    Stream,
    /// Sent on.
    Forward,
    /// Becomes a WebSocket.
    Upgrade,
    /// Not sent on, and why.
    Deny(&'static str),
}

/// The profile of a product, compiled.
#[derive(Debug)]
pub(crate) struct Policy {
    paths: Vec<Pattern>,
    read: Vec<Pattern>,
    read_post: Vec<Pattern>,
    websocket: Vec<Pattern>,
    stream: Vec<Pattern>,
    deny: Vec<Pattern>,
    never: Vec<Never>,
    names: Vec<Naming>,
}

impl Policy {
    /// Compiles a profile and what its user adds to it; nothing where a pattern is none.
    pub(crate) fn new(product: &Product, allow: &[String], deny: &[String]) -> Option<Self> {
        let all = |patterns: &[&str]| {
            patterns
                .iter()
                .map(|p| Pattern::new(p))
                .collect::<Option<Vec<_>>>()
        };
        let more = |patterns: &[String]| {
            patterns
                .iter()
                .map(|p| Pattern::new(p))
                .collect::<Option<Vec<_>>>()
        };
        let proxy = &product.proxy;
        let mut paths = all(proxy.paths)?;
        paths.extend(more(allow)?);
        let mut denied = all(proxy.deny)?;
        denied.extend(more(deny)?);
        denied.iter_mut().for_each(Pattern::lower);
        // Something with a side effect that the profile names all the same is what the product is for.
        let wanted = |n: &&Never| {
            let start = n.path.trim_end_matches('*');
            !proxy.paths.iter().any(|p| p.starts_with(start))
        };
        Some(Self {
            paths,
            read: all(proxy.read)?,
            read_post: all(proxy.read_post)?,
            websocket: all(proxy.websocket)?,
            stream: all(proxy.stream)?,
            deny: denied,
            never: product.never.iter().filter(wanted).copied().collect(),
            names: proxy.names.iter().map(|n| Naming::new(n)).collect(),
        })
    }

    /// Whether the product has paths that only read.
    pub(crate) fn has_read_mode(&self) -> bool {
        !self.read.is_empty()
    }

    /// What becomes of a request. `upgrade`: it asks to become a WebSocket.
    pub(crate) fn decide(&self, method: &Method, path: &str, upgrade: bool, read_only: bool) -> Decision {
        let any = |patterns: &[Pattern], path: &str| patterns.iter().any(|p| p.matches(path));
        let lower = path.to_lowercase();
        if self
            .deny
            .iter()
            .any(|p| p.matches(&lower) || p.matches(trimmed(&lower)))
        {
            return Decision::Deny("nobody needs this path from outside");
        }
        if self.never.iter().any(|n| n.is(&lower)) {
            return Decision::Deny("this path does something");
        }
        let exact = |patterns: &[Pattern]| any(patterns, path) || any(patterns, trimmed(path));
        if upgrade {
            if !exact(&self.websocket) {
                return Decision::Deny("this path is no WebSocket");
            }
            if read_only && !exact(&self.read) {
                return Decision::Deny("a WebSocket is more than reading");
            }
            return Decision::Upgrade;
        }
        if !exact(&self.paths) {
            return Decision::Deny("the profile of the product does not name this path");
        }
        let reads = matches!(*method, Method::GET | Method::HEAD) && exact(&self.read)
            || *method == Method::POST && exact(&self.read_post);
        if read_only && !reads {
            return Decision::Deny("this is more than reading");
        }
        if exact(&self.stream) {
            Decision::Stream
        } else {
            Decision::Forward
        }
    }

    /// The models and artifacts that a request is about.
    pub(crate) fn names(&self, target: &Target<'_>) -> Vec<String> {
        let mut out: Vec<String> = self.names.iter().filter_map(|n| n.of(target)).collect();
        out.sort_unstable();
        out.dedup();
        out
    }
}

/// Without the slash at its end.
fn trimmed(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(rest) => rest,
    }
}

/// A pattern: `*` is anything in one segment, `**` anything at all; `/a/**` is also `/a`.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// What stands before the first `*`.
    start: String,
    tokens: Vec<Token>,
    /// Those of them that can be passed without any character, as bits.
    passable: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Is(char),
    Segment,
    Anything,
    /// `/**` at the end: nothing, or a slash and anything.
    Below,
}

impl Pattern {
    /// Nothing where it is longer than what one machine word can follow, or does not start with a slash.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let (whole, below) = match text.strip_suffix("/**") {
            Some(whole) => (whole, true),
            None => (text, false),
        };
        let (mut start, mut tokens) = (String::new(), Vec::new());
        let mut chars = whole.chars().peekable();
        while let Some(c) = chars.next() {
            let token = match c {
                '*' if chars.next_if_eq(&'*').is_some() => Token::Anything,
                '*' => Token::Segment,
                c if tokens.is_empty() => {
                    start.push(c);
                    continue;
                }
                other => Token::Is(other),
            };
            tokens.push(token);
        }
        if below {
            tokens.push(Token::Below);
        }
        if !text.starts_with('/') || start.len().saturating_add(tokens.len()) >= 127 {
            return None;
        }
        let bits = tokens.iter().rev().fold(0_u128, |bits, token| {
            bits << 1 | u128::from(!matches!(token, Token::Is(_)))
        });
        Some(Self {
            start,
            tokens,
            passable: bits,
        })
    }

    fn lower(&mut self) {
        let lower = |c: char| c.to_lowercase().next().unwrap_or(c);
        self.start = self.start.chars().map(lower).collect();
        for token in &mut self.tokens {
            if let Token::Is(c) = token {
                *c = lower(*c);
            }
        }
    }

    /// Follows all ways through the pattern at once, so that no path makes it slow.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(self.start.as_str()) else {
            return false;
        };
        let mut now = self.closed(1);
        for c in rest.chars() {
            let (mut left, mut next) = (now, 0_u128);
            while left != 0 {
                let at = left.trailing_zeros() as usize;
                let here = left & left.wrapping_neg();
                left ^= here;
                match self.tokens.get(at) {
                    Some(Token::Is(is)) if *is == c => next |= here << 1,
                    Some(Token::Segment) if c != '/' => next |= here,
                    Some(Token::Anything) => next |= here,
                    // It is the last token: whatever comes after the slash belongs to it.
                    Some(Token::Below) if c == '/' => return true,
                    Some(Token::Is(_) | Token::Segment | Token::Below) | None => {}
                }
            }
            now = self.closed(next);
            if now == 0 {
                return false;
            }
        }
        now & (1_u128 << self.tokens.len()) != 0
    }

    /// What can be passed without any character.
    fn closed(&self, mut states: u128) -> u128 {
        loop {
            let more = states | (states & self.passable) << 1;
            if more == states {
                return states;
            }
            states = more;
        }
    }
}

/// Where in a request the name of a model or artifact stands: `/models/{name}/versions/{version}`, where the last part
/// takes all that is left, and `/get?run&path` for values of the query.
#[derive(Debug)]
struct Naming {
    segments: Vec<String>,
    keys: Vec<String>,
}

impl Naming {
    fn new(text: &str) -> Self {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let owned = |part: &str| part.to_owned();
        Self {
            segments: path.split('/').skip(1).map(owned).collect(),
            keys: query.split('&').filter(|k| !k.is_empty()).map(owned).collect(),
        }
    }

    fn of(&self, target: &Target<'_>) -> Option<String> {
        let path = target.path.strip_prefix('/')?;
        let mut names = Vec::new();
        let mut rest = Some(path);
        let mut expected = self.segments.iter().peekable();
        while let Some(segment) = expected.next() {
            let left = rest?;
            if segment.starts_with('{') && expected.peek().is_none() {
                names.push(left.to_owned());
                rest = None;
                break;
            }
            let (here, after) = match left.split_once('/') {
                Some((here, after)) => (here, Some(after)),
                None => (left, None),
            };
            if segment.starts_with('{') {
                names.push(here.to_owned());
            } else if segment != "*" && segment != here {
                return None;
            }
            rest = after;
        }
        if rest.is_some_and(|r| !r.is_empty()) {
            return None;
        }
        for key in &self.keys {
            let asked = pairs(target.query.unwrap_or_default()).filter(|(k, _)| k == key);
            names.extend(asked.map(|(_, value)| value));
        }
        names.retain(|n| !n.is_empty());
        (!names.is_empty()).then(|| names.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::target::judge;
    use super::*;
    use wellhead_infra::PRODUCTS;

    fn policy(id: &str) -> Policy {
        Policy::new(PRODUCTS.iter().find(|p| p.id == id).unwrap(), &[], &[]).unwrap()
    }

    #[test]
    fn patterns_match_segments() {
        for (pattern, path, fine) in [
            ("/", "/", true),
            ("/", "/a", false),
            ("/**", "/", true),
            ("/**", "/a/b", true),
            ("/a/**", "/a", true),
            ("/a/**", "/a/", true),
            ("/a/**", "/a/b/c", true),
            ("/a/**", "/ab", false),
            ("/a/*", "/a/b", true),
            ("/a/*", "/a/b/c", false),
            ("/a/*", "/a", false),
            ("/*/ws", "/app/ws", true),
            ("/*/ws", "/a/b/ws", false),
            ("/x/*/get", "/x/runs/get", true),
            ("/file=**", "/file=a/b", true),
            ("/individual-*", "/individual-plot", true),
            ("/individual-*", "/individual-a/b", false),
            ("/**/ws", "/a/b/ws", true),
            ("/s.S/Repository*", "/s.S/RepositoryModelLoad", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).unwrap().matches(path),
                fine,
                "{pattern} {path}"
            );
        }
        assert!(Pattern::new("a").is_none() && Pattern::new(&format!("/{}", "a".repeat(200))).is_none());
    }

    #[test]
    fn every_profile_compiles_and_denies_what_it_never_sends() {
        for product in PRODUCTS {
            let policy = Policy::new(product, &[], &[]).unwrap_or_else(|| panic!("{}", product.id));
            for deny in product.proxy.deny {
                let path = deny.replace("**", "x").replace('*', "x");
                for path in [path.clone(), format!("{path}/"), path.to_uppercase()] {
                    let decided = policy.decide(&Method::GET, &path, false, false);
                    assert!(matches!(decided, Decision::Deny(_)), "{} {path}", product.id);
                }
            }
            for path in product.proxy.read.iter().filter(|_| policy.has_read_mode()) {
                let path = path.replace("/**", "").replace('*', "x");
                for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                    let decided = policy.decide(&method, &path, false, true);
                    let may = method == Method::POST && policy.read_post.iter().any(|p| p.matches(&path));
                    assert!(
                        may || matches!(decided, Decision::Deny(_)),
                        "{} {method} {path}",
                        product.id
                    );
                }
            }
        }
    }

    #[test]
    fn side_effects_and_unknown_paths_are_denied() {
        for (id, method, path, upgrade, read_only, fine) in [
            ("ollama", "GET", "/api/tags", false, false, true),
            ("ollama", "POST", "/api/push", false, false, false),
            ("ollama", "GET", "/admin", false, false, false),
            ("litellm", "GET", "/health", false, false, false),
            ("litellm", "GET", "/Health/", false, false, false),
            (
                "triton",
                "POST",
                "/v2/repository/models/a/load",
                false,
                false,
                false,
            ),
            ("jupyter", "GET", "/api/kernels/1/channels", true, false, true),
            ("jupyter", "GET", "/api/kernels/1/channels", true, true, false),
            ("jupyter", "GET", "/api/contents/a", true, false, false),
            ("jupyter", "GET", "/api/contents/a", false, true, true),
            ("jupyter", "PUT", "/api/contents/a", false, true, false),
        ] {
            let method: Method = method.parse().unwrap();
            let decided = policy(id).decide(&method, path, upgrade, read_only);
            assert_eq!(
                !matches!(decided, Decision::Deny(_)),
                fine,
                "{id} {method} {path}: {decided:?}"
            );
        }
    }

    #[test]
    fn names_are_taken_from_paths_and_queries() {
        let of = |pattern: &str, raw: &str| Naming::new(pattern).of(&judge(raw).unwrap());
        for (pattern, raw, name) in [
            (
                "/artifacts/{path}",
                "/artifacts/1/run/model.pkl",
                Some("1/run/model.pkl"),
            ),
            ("/artifacts/{path}", "/other/1", None),
            ("/get?run&path", "/get?path=m%2Fx.bin&run=ab", Some("ab/m/x.bin")),
            ("/get?run&path", "/get?x=1", None),
            (
                "/v2/models/{m}/versions/{v}",
                "/v2/models/resnet/versions/3",
                Some("resnet/3"),
            ),
            ("/v2/models/{m}/infer", "/v2/models/resnet/infer", Some("resnet")),
            ("/v2/models/{m}/infer", "/v2/models/resnet/config", None),
            ("/v2/models/{m}/infer", "/v2/models/resnet/infer/x", None),
        ] {
            assert_eq!(of(pattern, raw).as_deref(), name, "{pattern} {raw}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(pattern in "/[a*/?é{}]{0,12}", path in "/[ab/é]{0,20}") {
            if let Some(p) = Pattern::new(&pattern) {
                let _ = p.matches(&path);
            }
            if let Ok(target) = judge(&path) {
                let _ = Naming::new(&pattern).of(&target);
            }
        }
    }
}
