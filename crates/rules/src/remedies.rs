//! Edits of configuration that close what a finding tells of, and nothing else.
//!
//! The one decision: an edit is made of the text at the place that was marked, and only where that text is exactly of a form
//! that is known; every other form is left to people. So comments, quotes, line ends and all that stands around it stay, and
//! what a variable or a template decides is never touched.

use crate::EstateView;
use std::ops::Range;
use wellhead_core::{Disposition, Edit, Fix};
use wellhead_infra::{Access, Audience, OpeningKind, Service, WorkloadKind};

/// What is put in the place of some bytes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    range: Range<usize>,
    replacement: String,
}

impl Change {
    fn new(range: Range<usize>, replacement: &str) -> Self {
        Self {
            range,
            replacement: replacement.to_owned(),
        }
    }
}

/// A switch that opens a platform, and whether it is closed by being on.
struct Switch {
    name: &'static str,
    closed: bool,
    /// Whether the platform still starts and serves those who may use it, when nothing else is changed.
    safe: bool,
}

const fn switch(name: &'static str, closed: bool, safe: bool) -> Switch {
    Switch { name, closed, safe }
}

static SWITCHES: &[Switch] = &[
    switch("WEBUI_AUTH", true, true),
    switch("ENABLE_SIGNUP", false, true),
    switch("LANGFLOW_AUTO_LOGIN", false, false),
    switch("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", false, true),
    switch("simple_auth_manager_all_admins", false, true),
    switch("TS_DISABLE_TOKEN_AUTHORIZATION", false, true),
    switch("disable_token_authorization", false, true),
    switch("enable_model_api", false, false),
    switch("enableXsrfProtection", true, true),
    switch("STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION", true, true),
    switch("disable_check_xsrf", false, true),
    switch("allow_unauthenticated_access", false, true),
    switch("open_signup", false, true),
    switch("N8N_SECURE_COOKIE", true, false),
    switch("authorizationEnabled", true, true),
    switch("VLLM_ALLOW_RUNTIME_LORA_UPDATING", false, false),
    switch("VLLM_SERVER_DEV_MODE", false, false),
    switch(
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY",
        false,
        false,
    ),
    switch("AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED", false, false),
    switch("LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK", true, true),
    switch("root_access", false, true),
];

/// Options that switch a password off by being there.
const OFF: &[&str] = &["--no-token", "--disable-token-auth", "--disable-token"];

/// How a platform that asks nobody is closed: by asking again where that was switched off, else by being reached from its
/// own host only. What a container listens on is left alone, since nothing would reach it.
pub(crate) fn of_service(view: &EstateView, service: &Service<'_>) -> Option<Fix> {
    let places: Vec<Range<usize>> = service.marks.iter().map(|(span, _)| span.clone()).collect();
    if service.access == Some(Access::SwitchedOff)
        && let Some(fix) = close(view, &places)
    {
        return Some(fix);
    }
    let kind = service.workload?.kind;
    let open = service
        .ways
        .iter()
        .filter(|w| !w.is_guarded() && w.audience >= Audience::Network);
    let published = open.map(|w| {
        let opening = w.opening.filter(|o| o.kind == OpeningKind::HostPort)?;
        opening.chain.first().map(|(span, _)| span.clone())
    });
    match (kind, published.collect::<Option<Vec<_>>>()) {
        (WorkloadKind::Service | WorkloadKind::DockerRun | WorkloadKind::Unit, Some(ports)) => {
            unpublish(view, &ports)
        }
        (WorkloadKind::Unit | WorkloadKind::Script | WorkloadKind::Machine, None)
            if service.product.is_closed_by_bind() =>
        {
            bind(view, &places)
        }
        _ => None,
    }
}

/// How a finding is mended by closing what its places open; the first place that can be.
pub(crate) fn close(view: &EstateView, places: &[Range<usize>]) -> Option<Fix> {
    places.iter().find_map(|span| {
        let (_, text, inner) = view.locate(span)?;
        let (change, what, safe) = closing(text, &inner)?;
        fix(view, &[(span, change)], what, safe)
    })
}

/// How a platform is no longer published: each of its ports on this host only.
pub(crate) fn unpublish(view: &EstateView, ports: &[Range<usize>]) -> Option<Fix> {
    let mut changes = Vec::new();
    for span in ports {
        let (_, text, inner) = view.locate(span)?;
        changes.push((span, loopback_port(text, &inner)?));
    }
    fix(view, &changes, "publish it on this host only", true)
}

/// How a platform listens on this host only.
pub(crate) fn bind(view: &EstateView, places: &[Range<usize>]) -> Option<Fix> {
    places.iter().find_map(|span| {
        let (_, text, inner) = view.locate(span)?;
        let change = loopback(text, &inner)?;
        fix(view, &[(span, change)], "listen on this host only", true)
    })
}

/// One value instead of another at a place that holds exactly that.
pub(crate) fn replace(
    view: &EstateView,
    span: &Range<usize>,
    from: &str,
    to: &str,
    what: &'static str,
    safe: bool,
) -> Option<Fix> {
    let (_, text, inner) = view.locate(span)?;
    let raw = text.get(inner.clone())?;
    let at = raw.find(from).filter(|_| raw.matches(from).count() == 1)?;
    let start = inner.start.saturating_add(at);
    let change = Change::new(start..start.saturating_add(from.len()), to);
    fix(view, &[(span, change)], what, safe)
}

fn fix(
    view: &EstateView,
    changes: &[(&Range<usize>, Change)],
    what: &'static str,
    safe: bool,
) -> Option<Fix> {
    let mut edits: Vec<Edit> = Vec::new();
    for (span, change) in changes {
        let (artifact, ..) = view.locate(span)?;
        let range = u64::try_from(change.range.start).ok()?..u64::try_from(change.range.end).ok()?;
        let edit = Edit {
            artifact: artifact.clone(),
            range,
            replacement: change.replacement.clone(),
        };
        // A port that is led to twice is published once.
        if !edits.contains(&edit) {
            edits.push(edit);
        }
    }
    let disposition = if safe {
        Disposition::Safe
    } else {
        Disposition::Unsafe
    };
    (!edits.is_empty()).then(|| Fix {
        description: what.to_owned(),
        disposition,
        edits,
        command: None,
    })
}

/// The edit that closes what stands at a place, in words, and whether it is safe.
fn closing(text: &str, span: &Range<usize>) -> Option<(Change, &'static str, bool)> {
    let raw = text.get(span.clone())?;
    let bare = raw.trim_matches(['"', '\'']);
    if is_empty_token(raw) || OFF.contains(&bare) {
        return Some((without_option(text, span)?, "let it ask for its token", true));
    }
    if let Some(change) = empty_setting(text, span) {
        return Some((change, "let it ask for its token", true));
    }
    let (change, safe) = switched(text, span)?;
    Some((change, "switch it to what closes it", safe))
}

/// `--ServerApp.token=''` in any of its spellings, as the only word.
fn is_empty_token(raw: &str) -> bool {
    let quotes = ['"', '\''];
    let bare = raw.trim_matches(quotes);
    let Some((name, value)) = bare.split_once('=') else {
        return false;
    };
    let named = name.starts_with("--") && name.ends_with(".token") && !name.contains(char::is_whitespace);
    named && value.chars().all(|c| quotes.contains(&c))
}

/// The line that a byte stands on, without its end.
fn line_of(text: &str, at: usize) -> Option<Range<usize>> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |i| i.saturating_add(1));
    let rest = text.get(at..)?;
    let end = at.saturating_add(rest.find('\n').unwrap_or(rest.len()));
    let end = if text.get(start..end)?.ends_with('\r') {
        end.saturating_sub(1)
    } else {
        end
    };
    Some(start..end.max(start))
}

/// A line with its end.
fn whole_line(text: &str, line: &Range<usize>) -> Range<usize> {
    let rest = text.get(line.end..).unwrap_or_default();
    let end = rest
        .find('\n')
        .map_or(text.len(), |i| line.end.saturating_add(i).saturating_add(1));
    line.start..end
}

/// Takes one option out of a command: an item of a list, an element of JSON, or a word of a shell.
fn without_option(text: &str, span: &Range<usize>) -> Option<Change> {
    let mut span = span.clone();
    let around = |span: &Range<usize>| {
        let before = text.get(..span.start)?.chars().next_back();
        let after = text.get(span.end..)?.chars().next();
        Some((before, after))
    };
    let (before, after) = around(&span)?;
    let mut quoted = text.get(span.clone())?.starts_with('"');
    if before == after && matches!(before, Some('"' | '\'')) {
        span = span.start.saturating_sub(1)..span.end.saturating_add(1);
        quoted = true;
    }
    let line = line_of(text, span.start)?;
    let left = text.get(line.start..span.start)?;
    let right = text.get(span.end..line.end)?;
    if left.trim() == "-" {
        let alone = right.trim().is_empty() || right.trim_start().starts_with('#');
        return (alone && has_siblings(text, &line, left)).then(|| Change::new(whole_line(text, &line), ""));
    }
    if let Some(change) = without_element(text, &span).filter(|_| quoted) {
        return Some(change);
    }
    without_word(text, &span, &line, left, right)
}

/// Whether a list has other items beside the one on a line.
fn has_siblings(text: &str, line: &Range<usize>, left: &str) -> bool {
    let next = whole_line(text, line).end;
    let after = text
        .get(next..)
        .unwrap_or_default()
        .lines()
        .find(|l| !l.trim().is_empty());
    let before = text
        .get(..line.start)
        .unwrap_or_default()
        .lines()
        .rev()
        .find(|l| !l.trim().is_empty());
    [after, before].into_iter().flatten().any(|l| l.starts_with(left))
}

/// An element of a list of JSON, or a member of a table, with the comma that goes with it.
fn without_element(text: &str, span: &Range<usize>) -> Option<Change> {
    // A recipe goes on in the next line behind a backslash.
    let blank = |c: char| c.is_whitespace() || c == '\\';
    let before = text.get(..span.start)?.trim_end_matches(blank);
    let previous = before.chars().next_back()?;
    let rest = text.get(span.end..)?;
    let gap = rest.len().saturating_sub(rest.trim_start_matches(blank).len());
    let next = rest.trim_start_matches(blank).chars().next()?;
    if next == ',' && matches!(previous, '[' | '{' | ',') {
        let comma = span.end.saturating_add(gap).saturating_add(1);
        let tail = text.get(comma..)?;
        let spaces = tail
            .len()
            .saturating_sub(tail.trim_start_matches([' ', '\t']).len());
        let end = comma.saturating_add(spaces);
        let line = line_of(text, span.start)?;
        let ends = end >= line.end || text.get(end..line.end)? == "\\";
        let alone = text.get(line.start..span.start)?.trim().is_empty() && ends;
        let range = if alone {
            whole_line(text, &line)
        } else {
            span.start..end
        };
        return Some(Change::new(range, ""));
    }
    if previous == ',' && matches!(next, ']' | '}') {
        return Some(Change::new(before.len().saturating_sub(1)..span.end, ""));
    }
    None
}

/// A word of a shell, with the space before it; a line of its own goes with its continuation.
fn without_word(
    text: &str,
    span: &Range<usize>,
    line: &Range<usize>,
    left: &str,
    right: &str,
) -> Option<Change> {
    let follows = right.trim_start_matches([' ', '\t']);
    if !follows.is_empty() && follows.len() == right.len() && !right.starts_with(['"', '\'']) {
        return None;
    }
    if left.trim().is_empty() {
        if follows == "\\" {
            return Some(Change::new(whole_line(text, line), ""));
        }
        if follows.is_empty() {
            let before = text.get(..line.start)?.trim_end_matches(['\n', '\r']);
            let kept = before.strip_suffix('\\')?.trim_end_matches([' ', '\t']);
            return Some(Change::new(kept.len()..span.end, ""));
        }
        let next = span.end.saturating_add(right.len().saturating_sub(follows.len()));
        return Some(Change::new(span.start..next, ""));
    }
    let kept = left.trim_end_matches([' ', '\t']);
    if kept.len() == left.len() {
        return None;
    }
    Some(Change::new(line.start.saturating_add(kept.len())..span.end, ""))
}

/// `c.ServerApp.token = ''` on a line of its own, or `"token": ""` in JSON.
fn empty_setting(text: &str, span: &Range<usize>) -> Option<Change> {
    let line = line_of(text, span.start)?;
    let written = text.get(line.clone())?;
    let (name, value) = written
        .split_once(" = ")
        .or_else(|| written.split_once('='))
        .unzip();
    let is_empty = |value: &str| matches!(value.split('#').next().unwrap_or_default().trim(), "''" | "\"\"");
    if let Some((name, value)) = name.zip(value)
        && name.starts_with("c.")
        && name.trim_end().ends_with(".token")
        && is_empty(value)
    {
        return Some(Change::new(whole_line(text, &line), ""));
    }
    let at = written.find("\"token\"")?;
    let member = written.get(at..)?;
    let colon = member.find(':')?;
    let value = member.get(colon.saturating_add(1)..)?;
    let spaces = value.len().saturating_sub(value.trim_start().len());
    if !value.trim_start().starts_with("\"\"") {
        return None;
    }
    let start = line.start.saturating_add(at);
    let end = start
        .saturating_add(colon)
        .saturating_add(spaces)
        .saturating_add(3);
    without_element(text, &(start..end))
}

/// The other value of a switch that is known, in the spelling that is used.
fn switched(text: &str, span: &Range<usize>) -> Option<(Change, bool)> {
    let line = line_of(text, span.start)?;
    // A variable of a pod has its name on the line above.
    let above = line
        .start
        .checked_sub(1)
        .and_then(|at| line_of(text, at))
        .filter(|_| {
            text.get(line.clone())
                .is_some_and(|l| l.trim_start().starts_with("value:"))
        });
    let from = above.map_or(line.start, |l| l.start);
    let end = span.end.clamp(line.start, line.end);
    let window = text.get(from..line.end)?;
    let found = SWITCHES.iter().find_map(|s| Some((s, named(window, s.name)?)));
    let (switch, after) = found?;
    // The value is the first word behind the name that says yes or no.
    let rest = window.get(after..)?;
    let value = rest
        .char_indices()
        .filter(|(i, _)| {
            rest.get(..*i)
                .and_then(|r| r.chars().next_back())
                .is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_')
        })
        .find_map(|(i, _)| {
            let word: String = rest
                .get(i..)?
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            (!word.is_empty() && word != "value").then_some((i, word))
        });
    let (at, word) = value?;
    let start = from.saturating_add(after).saturating_add(at);
    if start > end.max(line.start) && start > span.end {
        return None;
    }
    let other = other(&word, switch.closed)?;
    Some((
        Change::new(start..start.saturating_add(word.len()), other),
        switch.safe,
    ))
}

/// Where a name ends that stands in a text as a whole word.
fn named(text: &str, name: &str) -> Option<usize> {
    text.match_indices(name).find_map(|(at, _)| {
        let end = at.saturating_add(name.len());
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let before = text.get(..at)?.chars().next_back();
        let after = text.get(end..)?.chars().next();
        (!before.is_some_and(part) && !after.is_some_and(part)).then_some(end)
    })
}

/// What a switch that is wrong has to say; nothing where it is right, or says neither.
fn other(word: &str, closed: bool) -> Option<&'static str> {
    const PAIRS: [(&str, &str); 9] = [
        ("true", "false"),
        ("True", "False"),
        ("TRUE", "FALSE"),
        ("1", "0"),
        ("yes", "no"),
        ("Yes", "No"),
        ("on", "off"),
        ("On", "Off"),
        ("Enabled", "Disabled"),
    ];
    let (yes, no) = PAIRS.iter().find(|(yes, no)| word == *yes || word == *no)?;
    match (closed, word == *yes) {
        (true, false) => Some(yes),
        (false, true) => Some(no),
        _ => None,
    }
}

/// A port that is published on all addresses, on this host's own instead.
fn loopback_port(text: &str, span: &Range<usize>) -> Option<Change> {
    let raw = text.get(span.clone())?;
    if raw.contains("published:") {
        return long_port(text, span, raw);
    }
    let mut start = span.start;
    let mut rest = raw;
    for prefix in ["PublishPort=", "--publish=", "--publish", "-p=", "-p"] {
        if let Some(behind) = rest.strip_prefix(prefix) {
            let trimmed = behind.trim_start_matches([' ', '\t']);
            start = span.end.saturating_sub(trimmed.len());
            rest = trimmed;
            break;
        }
    }
    let rest = before_comment(rest);
    let bare = rest.trim_matches(['"', '\'']);
    start = start.saturating_add(rest.find(bare)?);
    let known = |c: char| c.is_ascii_alphanumeric() || "${}:-_[]./*".contains(c);
    if bare.is_empty() || !bare.chars().all(known) {
        return None;
    }
    let parts = fields(bare);
    let first = *parts.first()?;
    match parts.len() {
        1 => Some(Change::new(start..start, "127.0.0.1::")),
        2 => Some(Change::new(start..start, "127.0.0.1:")),
        3 => {
            let all = |a: &str| matches!(a, "0.0.0.0" | "[::]" | "*");
            if all(first) {
                return Some(Change::new(start..start.saturating_add(first.len()), "127.0.0.1"));
            }
            // What stands for a variable that nobody sets.
            let inner = first.strip_prefix("${")?.strip_suffix('}')?;
            let (_, default) = inner.split_once('-')?;
            let at = start
                .saturating_add(first.len())
                .checked_sub(default.len().saturating_add(1))?;
            all(default).then(|| Change::new(at..at.saturating_add(default.len()), "127.0.0.1"))
        }
        _ => None,
    }
}

/// A scalar without the comment behind it.
fn before_comment(raw: &str) -> &str {
    let end = match raw.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        Some(quote) => raw
            .get(1..)
            .and_then(|r| r.find(quote))
            .map(|i| i.saturating_add(2)),
        None => raw.find(" #"),
    };
    raw.get(..end.unwrap_or(raw.len())).unwrap_or(raw).trim_end()
}

/// The parts of a port between its colons; those inside of variables and addresses divide nothing.
fn fields(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut depth, mut from) = (0_usize, 0_usize);
    for (i, c) in text.char_indices() {
        match c {
            '{' | '[' => depth = depth.saturating_add(1),
            '}' | ']' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => {
                out.extend(text.get(from..i));
                from = i.saturating_add(1);
            }
            _ => {}
        }
    }
    out.extend(text.get(from..));
    out
}

/// A port in the long form: `host_ip` beside `published`.
fn long_port(text: &str, span: &Range<usize>, raw: &str) -> Option<Change> {
    if let Some(at) = raw.find("host_ip:") {
        let behind = raw.get(at..)?;
        let value = ["0.0.0.0", "\"::\"", "'::'"]
            .iter()
            .find_map(|v| Some((*v, behind.find(v)?)));
        let (value, offset) = value?;
        let start = span.start.saturating_add(at).saturating_add(offset);
        return Some(Change::new(start..start.saturating_add(value.len()), "127.0.0.1"));
    }
    let at = span.start.saturating_add(raw.find("published:")?);
    if raw.starts_with('{') {
        return Some(Change::new(at..at, "host_ip: 127.0.0.1, "));
    }
    let line = line_of(text, at)?;
    let left = text.get(line.start..at)?;
    if !left.chars().all(|c| c == ' ' || c == '-') {
        return None;
    }
    let end = if text.get(line.end..)?.starts_with('\r') {
        "\r\n"
    } else {
        "\n"
    };
    let indent = " ".repeat(left.len());
    Some(Change::new(at..at, &format!("host_ip: 127.0.0.1{end}{indent}")))
}

/// An address of an option or a variable that stands for all, as this host's own.
fn loopback(text: &str, span: &Range<usize>) -> Option<Change> {
    let raw = text.get(span.clone())?;
    if raw == "--bind_all" {
        return without_option(text, span);
    }
    if let Some(at) = raw
        .find("0.0.0.0")
        .filter(|_| raw.matches("0.0.0.0").count() == 1)
    {
        let start = span.start.saturating_add(at);
        return Some(Change::new(start..start.saturating_add(7), "127.0.0.1"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text in which `«` and `»` mark a place, after an edit of that place.
    fn after(marked: &str, edit: impl Fn(&str, &Range<usize>) -> Option<Change>) -> Option<String> {
        let start = marked.find('«').unwrap();
        let end = marked.find('»').unwrap() - '«'.len_utf8();
        let mut text = marked.replace(['«', '»'], "");
        let change = edit(&text, &(start..end))?;
        text.replace_range(change.range, &change.replacement);
        Some(text)
    }

    #[test]
    fn a_published_port_comes_to_the_host_itself() {
        let cases = [
            ("- «\"5000:5000\"»  # ui", Some("- \"127.0.0.1:5000:5000\"  # ui")),
            ("- «8888:8888»\r\n", Some("- 127.0.0.1:8888:8888\r\n")),
            (
                "[«'8000-8002:8000-8002/tcp'»]",
                Some("['127.0.0.1:8000-8002:8000-8002/tcp']"),
            ),
            ("- «\"0.0.0.0:1:2\"»", Some("- \"127.0.0.1:1:2\"")),
            ("- «\"[::]:1:2\"»", Some("- \"127.0.0.1:1:2\"")),
            ("- «\"${P:-5000}:5000\"»", Some("- \"127.0.0.1:${P:-5000}:5000\"")),
            ("- «\"${A:-0.0.0.0}:1:2\"»", Some("- \"${A:-127.0.0.1}:1:2\"")),
            ("- «\"${A}:1:2\"»", None),
            ("- «\"192.168.1.2:1:2\"»", None),
            ("- «3000»", Some("- 127.0.0.1::3000")),
            ("run «-p 1:2» i", Some("run -p 127.0.0.1:1:2 i")),
            ("«PublishPort=6333:6333»", Some("PublishPort=127.0.0.1:6333:6333")),
            (
                "      - «target: 6006\r\n        published: \"6006\"»\r\n",
                Some("      - target: 6006\r\n        host_ip: 127.0.0.1\r\n        published: \"6006\"\r\n"),
            ),
            (
                "      - «published: 6006\n        target: 6006»\n",
                Some("      - host_ip: 127.0.0.1\n        published: 6006\n        target: 6006\n"),
            ),
            (
                "- «{target: 1, published: 2}»",
                Some("- {target: 1, host_ip: 127.0.0.1, published: 2}"),
            ),
            (
                "- «published: 2\n  host_ip: 0.0.0.0»",
                Some("- published: 2\n  host_ip: 127.0.0.1"),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(after(text, loopback_port).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_option_goes_with_what_belongs_to_it() {
        let cases = [
            (
                "jupyter lab «--ServerApp.token=''» --x # why",
                Some("jupyter lab --x # why"),
            ),
            ("start «--NotebookApp.token=''»\n", Some("start\n")),
            (
                "[\"lab\", «\"--ServerApp.token=\"», \"--x\"]",
                Some("[\"lab\", \"--x\"]"),
            ),
            ("[\"lab\", \"«--ServerApp.token=»\"]", Some("[\"lab\"]")),
            (
                "[\n  \"lab\",\n  \"«--ServerApp.token=»\",\n  \"x\"\n]",
                Some("[\n  \"lab\",\n  \"x\"\n]"),
            ),
            (
                "a:\n  - lab\n  - «--ServerApp.token=»  # open\n  - x\n",
                Some("a:\n  - lab\n  - x\n"),
            ),
            ("a:\n  - «--ServerApp.token=»\nb: 1\n", None),
            (
                "lab \\\n  «--ServerApp.token=''» \\\n  --x\n",
                Some("lab \\\n  --x\n"),
            ),
            ("lab --x \\\r\n  «--ServerApp.token=''»\r\n", Some("lab --x\r\n")),
            ("lab \\\n  «--ServerApp.token=''» --x\n", Some("lab \\\n  --x\n")),
            ("c: \"lab «--ServerApp.token=''»\"", Some("c: \"lab\"")),
            ("marimo edit «--no-token» x.py", Some("marimo edit x.py")),
        ];
        for (text, expected) in cases {
            let edit = |text: &str, span: &Range<usize>| closing(text, span).map(|(change, ..)| change);
            assert_eq!(after(text, edit).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_switch_is_turned_in_its_own_spelling() {
        let cases = [
            (
                "WEBUI_AUTH: «\"False\"»  # for now",
                Some("WEBUI_AUTH: \"True\"  # for now"),
            ),
            (
                "ENV A=1 «WEBUI_AUTH=false» B=false",
                Some("ENV A=1 WEBUI_AUTH=true B=false"),
            ),
            (
                "- name: WEBUI_AUTH\n  value: «\"False\"»\n",
                Some("- name: WEBUI_AUTH\n  value: \"True\"\n"),
            ),
            (
                "«disable_token_authorization=true»",
                Some("disable_token_authorization=false"),
            ),
            (
                "enableXsrfProtection = «false»",
                Some("enableXsrfProtection = true"),
            ),
            (
                "c.ServerApp.disable_check_xsrf = «True»",
                Some("c.ServerApp.disable_check_xsrf = False"),
            ),
            ("root_access = «\"Enabled\"»", Some("root_access = \"Disabled\"")),
            ("WEBUI_AUTH: «${AUTH}»", None),
            ("WEBUI_AUTH: «\"True\"»", None),
            ("MY_WEBUI_AUTH: «\"False\"»", None),
            (
                "c.IdentityProvider.token = «\"\"» # open\nx = 1\n",
                Some("x = 1\n"),
            ),
            (
                "{\n  \"ip\": \"*\",\n  \"token\": «\"\"»\n}",
                Some("{\n  \"ip\": \"*\"\n}"),
            ),
            ("{\"token\": «\"\"», \"ip\": \"*\"}", Some("{\"ip\": \"*\"}")),
        ];
        for (text, expected) in cases {
            let edit = |text: &str, span: &Range<usize>| closing(text, span).map(|(change, ..)| change);
            assert_eq!(after(text, edit).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_becomes_that_of_the_host() {
        let cases = [
            (
                "mlflow server «--host 0.0.0.0» --port 1",
                Some("mlflow server --host 127.0.0.1 --port 1"),
            ),
            (
                "Environment=\"«OLLAMA_HOST=0.0.0.0:11434»\"",
                Some("Environment=\"OLLAMA_HOST=127.0.0.1:11434\""),
            ),
            (
                "tensorboard --logdir x «--bind_all» --port 1",
                Some("tensorboard --logdir x --port 1"),
            ),
            ("serve «--host $HOST»", None),
        ];
        for (text, expected) in cases {
            assert_eq!(after(text, loopback).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn no_place_makes_an_edit_outside_of_its_text() {
        let texts = [
            "[\"lab\", \"--ServerApp.token=\", \"--x\"]\r\n- name: WEBUI_AUTH\n  value: \"False\"\n",
            "c.X.token = ''\n\"token\": \"\",\n-p 0.0.0.0:1:2 \\\n  --ServerApp.token=''\n",
            "- published: 1\r\n  host_ip: 0.0.0.0\r\n- {published: 2}\nä--bind_all «é»",
        ];
        for text in texts {
            for a in 0..text.len() {
                for b in a..text.len() {
                    let changes = [
                        closing(text, &(a..b)).map(|(change, ..)| change),
                        loopback_port(text, &(a..b)),
                        loopback(text, &(a..b)),
                    ];
                    for change in changes.into_iter().flatten() {
                        assert!(text.get(change.range).is_some(), "{a}..{b}");
                    }
                }
            }
        }
    }
}
