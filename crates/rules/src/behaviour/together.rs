//! What stands together in one function, where no value could be followed from one call to the other.
//!
//! The one decision: what only stands together is suspected and never a path, not even the name of a file that one call
//! writes and another starts. Paths are the analysis's to follow.

use super::{
    evidence::{Evidence, File, secret, source},
    host::{End, end_of},
    weights::Term,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_pycode::{Call, DeedKind, Module, Place, SinkKind, SourceKind, Value};

/// Most files of a function whose names are kept.
const MOST_FILES: usize = 64;

/// What one function does.
#[derive(Default)]
struct Together<'a> {
    at: Option<Range<usize>>,
    /// The programs that it starts, and what they are given.
    started: Vec<(Range<usize>, &'a str)>,
    /// The files that it opens to write them.
    opened: BTreeSet<&'a str>,
    /// The files that it fetches, by name.
    fetched: BTreeSet<&'a str>,
    /// What the network answered is written to a file.
    stores: bool,
    /// The address that is fetched.
    end: End,
    reads_environment: bool,
    reads_credentials: bool,
    reads_identity: bool,
    fetches: bool,
    sends: bool,
    writes: bool,
    /// The text of a program that fetches or decodes and runs is written to a file; whether that is a temporary one.
    payload: Option<bool>,
}

impl Together<'_> {
    /// The program that is started and was fetched or written here before, by its name.
    fn starts_own(&self) -> Option<Range<usize>> {
        let named = |given: &str| {
            let known = |name: &&str| {
                let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
                base.len() > 2 && given.contains(base)
            };
            let stored = self.stores && self.opened.iter().any(known);
            let planted = match self.payload {
                Some(true) => given.contains("TemporaryFile") || given.contains("mkstemp"),
                Some(false) => self.opened.iter().any(known),
                None => false,
            };
            stored || planted || self.fetched.iter().any(known)
        };
        let own = self.started.iter().find(|(_, given)| named(given));
        own.map(|(range, _)| range.clone())
    }
}

impl File<'_> {
    /// What stands together in one function.
    pub(super) fn together(&self, out: &mut Vec<Evidence>) {
        let mut scopes: BTreeMap<(usize, bool), Together<'_>> = BTreeMap::new();
        let key = |place: Place| (place.scope, place.guarded);
        for (at, call) in self.script.module.calls.iter().enumerate() {
            self.call(at, call, scopes.entry(key(call.place)).or_default());
        }
        let calls = self.script.module.calls.iter();
        let places: BTreeMap<(usize, usize), Place> =
            calls.map(|c| ((c.range.start, c.range.end), c.place)).collect();
        for record in self.records {
            let Some(place) = places.get(&(record.range.start, record.range.end)) else {
                continue;
            };
            let one = scopes.entry(key(*place)).or_default();
            match record.kind {
                SinkKind::NetworkSend => {
                    one.fetches = true;
                    one.sends = true;
                    one.at.get_or_insert_with(|| record.range.clone());
                    one.end = record.arguments.iter().map(|a| end_of(a)).fold(one.end, End::max);
                }
                SinkKind::Process | SinkKind::WriteThenRun => {
                    for given in record.arguments.iter().take(8) {
                        one.started.push((record.range.clone(), given));
                    }
                }
                _ => {}
            }
        }
        for deed in &self.script.deeds {
            let one = scopes.entry(key(deed.place)).or_default();
            match deed.kind {
                DeedKind::Secrets => match secret(&deed.what) {
                    SourceKind::BulkEnvironment => one.reads_environment = true,
                    SourceKind::CredentialFile => one.reads_credentials = true,
                    _ => {}
                },
                DeedKind::Process => {
                    if let Some(given) = &deed.given {
                        one.started.push((deed.range.clone(), given));
                    }
                }
                _ => {}
            }
        }
        for ((scope, guarded), one) in scopes {
            let place = Place {
                scope,
                guarded,
                deferred: false,
            };
            self.suspect(place, &one, out);
        }
    }

    fn call<'a>(&'a self, at: usize, call: &'a Call, one: &mut Together<'a>) {
        let Some(callee) = call.callees.first() else {
            return;
        };
        let texts = |at: usize, name: &str| {
            let argument = call.argument(at, name);
            argument.into_iter().flat_map(|a| a.value.texts()).take(4)
        };
        let writing = [".write", ".write_bytes", ".write_text", ".writelines"];
        one.reads_identity |= source(callee) == Some(SourceKind::HostIdentity);
        if writes(callee, call) {
            one.writes = true;
            if one.opened.len() < MOST_FILES {
                one.opened.extend(texts(0, "file"));
            }
        }
        if writing.iter().any(|w| callee.ends_with(w)) {
            one.writes = true;
            if call.positional.iter().any(|a| is_payload(&a.value)) {
                one.payload = Some(callee.starts_with("tempfile."));
            } else if call
                .positional
                .first()
                .is_some_and(|a| self.brings(at, call, &a.value))
            {
                one.stores = true;
            }
        }
        if matches!(
            callee.as_str(),
            "urllib.request.urlretrieve" | "urllib.urlretrieve" | "wget.download"
        ) {
            one.fetches = true;
            one.writes = true;
            if one.fetched.len() < MOST_FILES {
                one.fetched.extend(texts(1, "filename"));
                one.fetched.extend(texts(1, "out"));
            }
            one.end = texts(0, "url").map(end_of).fold(one.end, End::max);
        }
    }

    /// Whether a value that is written came from the network.
    fn brings(&self, at: usize, call: &Call, value: &Value) -> bool {
        let mut found = BTreeSet::new();
        super::evidence::of_value(value, 0, &mut found);
        found.contains(&SourceKind::Network)
            || self
                .direct(at, call, SinkKind::WriteThenRun)
                .contains(&SourceKind::Network)
    }

    fn suspect(&self, place: Place, one: &Together<'_>, out: &mut Vec<Evidence>) {
        let when = self.when(place, Module::stage(place, &self.stages));
        let mut tell = |term, range: &Range<usize>| {
            out.push(Evidence {
                end: one.end,
                ..Evidence::of(term, when, range.clone())
            });
        };
        if let Some(range) = one.starts_own() {
            tell(Term::FetchesThenRuns, &range);
        }
        let Some(at) = &one.at else { return };
        if one.reads_environment && one.sends {
            tell(Term::NearEnvironment, at);
        }
        if one.reads_credentials && one.sends {
            tell(Term::NearCredentials, at);
        }
        if one.reads_identity && one.sends {
            tell(Term::NearIdentity, at);
        }
        if one.fetches && one.writes && !one.started.is_empty() {
            tell(Term::FetchesThenRuns, at);
        }
    }
}

/// Whether a call of `open` writes.
fn writes(callee: &str, call: &Call) -> bool {
    matches!(callee, "open" | "io.open" | "codecs.open")
        && call
            .argument(1, "mode")
            .is_some_and(|a| a.value.texts().any(|t| t.contains(['w', 'a', 'x'])))
}

/// Whether a constant is the text of a program that runs what it fetches or decodes.
fn is_payload(value: &Value) -> bool {
    let text = match value {
        Value::Text(text) => std::borrow::Cow::Borrowed(text.as_str()),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes),
        _ => return false,
    };
    is_program(&text)
}

/// Whether a text is a program that runs what it fetches or decodes.
pub(super) fn is_program(text: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    has(&["import "]) && has(&["exec("]) && has(&["urlopen(", "requests.get(", "b64decode(", "decrypt("])
}
