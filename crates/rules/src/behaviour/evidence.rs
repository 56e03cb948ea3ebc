//! From calls and records to the terms of a verdict.
//!
//! A path is only what flows: arguments that hold what was read, fetched or decoded, and the records of the analysis of
//! the whole package. That a function does both is a term of its own, which weighs less and never blocks.

use super::{
    code::{PackageCode, PackageScript, RunsWhen},
    host::{fetches_and_runs, is_drop},
    reached::{is_test, reached},
    weights::Term,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_packages::distribution::Trigger;
use wellhead_pycode::{
    Call, DeedKind, Module, Place, SinkKind, SinkRecord, SourceKind, Stage, Value, is_plugin_hook,
};

/// One thing that a file does.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) term: Term,
    pub(super) when: RunsWhen,
    /// Where in the text of the file.
    pub(super) range: Range<usize>,
    /// By which callable. From outside.
    pub(super) by: String,
    /// What is given to it, as far as that is known. From outside.
    pub(super) given: String,
    /// The way to it: file, place and words.
    pub(super) hops: Vec<(String, Range<usize>, String)>,
}

/// All that is seen in a package, by file.
pub(super) fn gather(code: &PackageCode) -> BTreeMap<&str, Vec<Evidence>> {
    let reached = reached(code);
    let mut records: BTreeMap<&str, Vec<&SinkRecord>> = BTreeMap::new();
    for record in &code.analysis.records {
        records.entry(record.module.as_str()).or_default().push(record);
    }
    let mut out = BTreeMap::new();
    for (path, script) in &code.scripts {
        // What is installed as a command lies in a folder of scripts, and is no test.
        let is_command = script.trigger == Trigger::EntryPoint;
        if is_test(path) && !is_command && !reached.contains_key(path.as_str()) {
            continue;
        }
        let runs = reached.get(path.as_str()).copied().unwrap_or(RunsWhen::Asked);
        let empty = Vec::new();
        let file = File {
            script,
            runs,
            stages: script.module.flow.stages(),
            records: records.get(path.as_str()).unwrap_or(&empty),
            drops: is_drop(&script.text),
        };
        let found = file.evidence();
        if !found.is_empty() {
            out.insert(path.as_str(), found);
        }
    }
    out
}

struct File<'a> {
    script: &'a PackageScript,
    runs: RunsWhen,
    stages: Vec<Stage>,
    records: &'a [&'a SinkRecord],
    /// Whether it names a place to which anybody can send.
    drops: bool,
}

/// What one function does.
#[derive(Default)]
struct Together {
    at: Option<Range<usize>>,
    started: Option<Range<usize>>,
    reads_environment: bool,
    reads_credentials: bool,
    reads_identity: bool,
    fetches: bool,
    sends: bool,
    writes: bool,
    starts: bool,
    connects: bool,
    duplicates: bool,
    /// A constant text is handed on that fetches or decodes code and runs it.
    payload: bool,
}

impl File<'_> {
    /// When something that stands at a place runs.
    fn when(&self, place: Place, stage: Stage) -> RunsWhen {
        match self.runs {
            RunsWhen::Asked => RunsWhen::Asked,
            // A build runs the file as a program, and methods of commands.
            RunsWhen::Install if stage <= Stage::Use || place.guarded && place.scope == 0 => {
                RunsWhen::Install
            }
            RunsWhen::Startup | RunsWhen::Import | RunsWhen::Plugin if stage == Stage::Import => self.runs,
            // The program that loads a plug-in calls the functions that it looks for by name.
            RunsWhen::Plugin if stage == Stage::Load && self.has_hooks() => RunsWhen::Plugin,
            _ => RunsWhen::Asked,
        }
    }

    /// Whether it defines functions that programs which load plug-ins call.
    fn has_hooks(&self) -> bool {
        let mut scopes = self.script.module.flow.scopes.iter();
        scopes.any(|scope| is_plugin_hook(&scope.name))
    }

    fn evidence(&self) -> Vec<Evidence> {
        let mut out = Vec::new();
        for record in self.records {
            self.record(record, &mut out);
        }
        self.calls(&mut out);
        self.deeds(&mut out);
        self.together(&mut out);
        self.circumstances(&mut out);
        out.sort_by_key(|a| (a.when, a.term, a.range.start));
        out.dedup_by(|a, b| (a.when, a.term, &a.range) == (b.when, b.term, &b.range));
        out
    }

    /// What the analysis of the package followed.
    fn record(&self, record: &SinkRecord, out: &mut Vec<Evidence>) {
        let when = self.when(Place::default(), record.stage);
        let given = record.arguments.join(", ");
        for term in terms(record.kind, &record.sources, &given) {
            out.push(Evidence {
                term,
                when,
                range: record.range.clone(),
                by: record.callee.clone(),
                given: given.clone(),
                hops: record
                    .hops
                    .iter()
                    .map(|h| (h.module.clone(), h.range.clone(), h.what.clone()))
                    .collect(),
            });
        }
    }

    /// What is given to calls directly.
    fn calls(&self, out: &mut Vec<Evidence>) {
        let kinds = self.kinds();
        for (at, call) in self.script.module.calls.iter().enumerate() {
            let Some((kind, by, given)) = kinds.get(&(call.range.start, call.range.end)) else {
                continue;
            };
            let sources = self.direct(at, call, *kind);
            let stage = Module::stage(call.place, &self.stages);
            for term in terms(*kind, &sources, given) {
                out.push(Evidence {
                    term,
                    when: self.when(call.place, stage),
                    range: call.range.clone(),
                    by: by.clone(),
                    given: given.clone(),
                    hops: Vec::new(),
                });
            }
        }
    }

    /// The calls with an effect by their range: what the analysis knows, and what it does not by what the deeds say.
    fn kinds(&self) -> BTreeMap<(usize, usize), (SinkKind, String, String)> {
        let deeds = self.script.deeds.iter().filter_map(|deed| {
            let kind = match deed.kind {
                DeedKind::HiddenCode | DeedKind::DownloadedCode | DeedKind::BuiltCode => SinkKind::Execute,
                DeedKind::Process => SinkKind::Process,
                DeedKind::Network => SinkKind::NetworkSend,
                _ => return None,
            };
            let given = deed.given.clone().unwrap_or_default();
            Some((
                (deed.range.start, deed.range.end),
                (kind, deed.what.clone(), given),
            ))
        });
        let records = self.records.iter().map(|record| {
            let known = (record.kind, record.callee.clone(), record.arguments.join(", "));
            ((record.range.start, record.range.end), known)
        });
        deeds.chain(records).collect()
    }

    /// What flows into a call through its arguments, as far as they are written or named there.
    fn direct(&self, at: usize, call: &Call, kind: SinkKind) -> BTreeSet<SourceKind> {
        let mut found = BTreeSet::new();
        let keywords = call.keywords.iter().map(|k| &k.argument);
        for argument in call.positional.iter().chain(keywords) {
            // To ask for the own address by the own name sends nothing.
            let own = |v: &Value| matches!(v, Value::Path(p) if p == "socket.gethostname()" || p == "socket.getfqdn()");
            if kind == SinkKind::DnsName && own(&argument.value) {
                continue;
            }
            of_value(&argument.value, 0, &mut found);
        }
        // Calls that are written inside of it.
        let inside = self.script.module.calls.iter().skip(at.saturating_add(1));
        for inner in inside.take_while(|c| c.range.start < call.range.end).take(256) {
            if kind == SinkKind::DnsName && call.positional.first().is_some_and(|a| a.range == inner.range) {
                continue;
            }
            if inner.range.start > call.callee_range.start
                && let Some(source) = inner.callees.iter().find_map(|c| source(c))
            {
                found.insert(source);
            }
        }
        for deed in self.script.deeds.iter().filter(|d| d.kind == DeedKind::Secrets) {
            if deed.range.start > call.callee_range.end && deed.range.end <= call.range.end {
                found.insert(secret(&deed.what));
            }
        }
        found
    }

    /// What the deeds of the file say, where no value could be followed.
    fn deeds(&self, out: &mut Vec<Evidence>) {
        for deed in &self.script.deeds {
            let term = match deed.kind {
                DeedKind::HiddenCode | DeedKind::HiddenObject => Term::NearDecoded,
                DeedKind::DownloadedCode => Term::NearFetched,
                DeedKind::Process if deed.given.as_deref().is_some_and(fetches_and_runs) => {
                    Term::RunsFetchingCommand
                }
                DeedKind::Process => Term::StartsProgram,
                DeedKind::Install => Term::InstallsPackages,
                DeedKind::Startup => Term::Persists,
                DeedKind::Network => Term::SpeaksToNetwork,
                DeedKind::Secrets | DeedKind::Native | DeedKind::BuiltCode => continue,
            };
            let stage = Module::stage(deed.place, &self.stages);
            out.push(Evidence {
                term,
                when: self.when(deed.place, stage),
                range: deed.range.clone(),
                by: deed.what.clone(),
                given: deed.given.clone().unwrap_or_default(),
                hops: Vec::new(),
            });
        }
    }

    /// What stands together in one function.
    fn together(&self, out: &mut Vec<Evidence>) {
        let mut scopes: BTreeMap<(usize, bool), Together> = BTreeMap::new();
        let key = |place: Place| (place.scope, place.guarded);
        for call in &self.script.module.calls {
            let one = scopes.entry(key(call.place)).or_default();
            let Some(callee) = call.callees.first() else {
                continue;
            };
            one.reads_identity |= source(callee) == Some(SourceKind::HostIdentity);
            one.writes |= callee == "open" && writes(call)
                || callee.ends_with(".write")
                || callee.ends_with(".write_bytes");
            one.connects |= callee.ends_with(".connect");
            one.duplicates |= callee == "os.dup2";
            one.payload |= call.positional.iter().any(|a| is_payload(&a.value));
            if callee == "urllib.request.urlretrieve" || callee == "wget.download" {
                one.fetches = true;
                one.writes = true;
            }
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
                }
                SinkKind::Process | SinkKind::WriteThenRun => {
                    one.starts = true;
                    one.started.get_or_insert_with(|| record.range.clone());
                }
                _ => {}
            }
        }
        for deed in self.script.deeds.iter().filter(|d| d.kind == DeedKind::Secrets) {
            let one = scopes.entry(key(deed.place)).or_default();
            match secret(&deed.what) {
                SourceKind::BulkEnvironment => one.reads_environment = true,
                SourceKind::CredentialFile => one.reads_credentials = true,
                _ => {}
            }
        }
        for ((scope, guarded), one) in scopes {
            let place = Place {
                scope,
                guarded,
                deferred: false,
            };
            let when = self.when(place, Module::stage(place, &self.stages));
            let mut tell = |term, range: &Range<usize>| {
                out.push(Evidence {
                    term,
                    when,
                    range: range.clone(),
                    by: String::new(),
                    given: String::new(),
                    hops: Vec::new(),
                });
            };
            if let Some(range) = one.started.filter(|_| one.payload) {
                tell(Term::RunsFetched, &range);
            }
            let Some(at) = one.at else { continue };
            if one.reads_environment && one.sends {
                tell(Term::NearEnvironment, &at);
            }
            if one.reads_credentials && one.sends {
                tell(Term::NearCredentials, &at);
            }
            if one.reads_identity && one.sends {
                tell(Term::NearIdentity, &at);
            }
            if one.fetches && one.writes && one.starts {
                tell(Term::FetchesThenRuns, &at);
            }
            if one.connects && one.duplicates && one.starts {
                tell(Term::OpensShell, &at);
            }
        }
    }

    /// What is not harm by itself, and makes harm likelier.
    fn circumstances(&self, out: &mut Vec<Evidence>) {
        let mut more = Vec::new();
        for one in out.iter() {
            let speaks = matches!(
                one.term,
                Term::SpeaksToNetwork
                    | Term::SendsEnvironment
                    | Term::SendsIdentity
                    | Term::SendsCredentials
                    | Term::RunsFetched
                    | Term::RunsFetchingCommand
                    | Term::OpensShell
            );
            let mut add = |term| {
                more.push(Evidence {
                    term,
                    by: String::new(),
                    given: String::new(),
                    hops: Vec::new(),
                    ..one.clone()
                });
            };
            if speaks && self.drops {
                add(Term::UnnamedHost);
            }
            if out_of_sight(&self.script.text, one.range.start) {
                add(Term::OutOfSight);
            }
        }
        out.extend(more);
    }
}

/// What a sink with such sources comes to.
fn terms(kind: SinkKind, sources: &BTreeSet<SourceKind>, given: &str) -> Vec<Term> {
    let has = |kinds: &[SourceKind]| kinds.iter().any(|k| sources.contains(k));
    let mut out = Vec::new();
    let mut when = |holds: bool, term: Term| {
        if holds {
            out.push(term);
        }
    };
    match kind {
        SinkKind::Execute => {
            when(has(&[SourceKind::Decoded]), Term::RunsDecoded);
            when(has(&[SourceKind::Network]), Term::RunsFetched);
        }
        SinkKind::Process | SinkKind::WriteThenRun => {
            when(has(&[SourceKind::Decoded]), Term::RunsDecoded);
            when(has(&[SourceKind::Network]), Term::RunsFetched);
            when(fetches_and_runs(given), Term::RunsFetchingCommand);
        }
        SinkKind::NetworkSend | SinkKind::DnsName => {
            let credentials = [
                SourceKind::CredentialFile,
                SourceKind::CloudMetadata,
                SourceKind::BrowserStore,
                SourceKind::Wallet,
                SourceKind::Keystrokes,
                SourceKind::Screen,
                SourceKind::Clipboard,
            ];
            let dns = kind == SinkKind::DnsName;
            // Programs look up their own host by its name; what leaves is put before a domain of somebody else.
            let before = given.contains('…') && given.contains('.') && !given.ends_with(".local");
            let own = has(&[SourceKind::HostIdentity]) && before;
            let read = own || has(&[SourceKind::BulkEnvironment]) || has(&credentials);
            when(dns && read, Term::NameCarriesData);
            when(
                !dns && has(&[SourceKind::BulkEnvironment]),
                Term::SendsEnvironment,
            );
            when(!dns && has(&credentials), Term::SendsCredentials);
            when(!dns && has(&[SourceKind::SecretVariable]), Term::SendsSecret);
            when(!dns && has(&[SourceKind::File]), Term::SendsFile);
            when(!dns && has(&[SourceKind::HostIdentity]), Term::SendsIdentity);
            when(!dns && has(&[SourceKind::HiddenAddress]), Term::HidesAddress);
        }
        SinkKind::NativeMemory => {
            let brought = has(&[SourceKind::Decoded, SourceKind::Network]);
            when(brought, Term::FillsMemory);
            when(!brought, Term::HandlesMemory);
        }
        SinkKind::Persistence => when(true, Term::Persists),
        SinkKind::Deserialize => when(
            has(&[SourceKind::Decoded, SourceKind::Network]),
            Term::NearDecoded,
        ),
        SinkKind::NativeLoad => {}
    }
    out
}

/// What reading calls bring.
fn source(callee: &str) -> Option<SourceKind> {
    let name = callee.rsplit('.').next().unwrap_or(callee);
    Some(match callee {
        "socket.gethostname" | "socket.getfqdn" | "platform.node" | "platform.uname" | "os.uname"
        | "os.getlogin" | "getpass.getuser" | "uuid.getnode" | "pwd.getpwuid" => SourceKind::HostIdentity,
        "pyperclip.paste" | "win32clipboard.GetClipboardData" | "pandas.read_clipboard" => {
            SourceKind::Clipboard
        }
        "PIL.ImageGrab.grab" | "pyautogui.screenshot" | "pyscreenshot.grab" => SourceKind::Screen,
        "marshal.loads" | "zlib.decompress" | "gzip.decompress" | "bz2.decompress" | "lzma.decompress"
        | "bytes.fromhex" | "bytearray.fromhex" | "binascii.unhexlify" | "codecs.decode" => {
            SourceKind::Decoded
        }
        _ if callee.starts_with("base64.") && name.contains("decode") => SourceKind::Decoded,
        _ if name == "decrypt"
            && (callee.contains("Fernet") || callee.contains("AES") || callee.contains("ARC4")) =>
        {
            SourceKind::Decoded
        }
        _ if fetches(callee) => SourceKind::Network,
        _ => return None,
    })
}

fn fetches(callee: &str) -> bool {
    matches!(
        callee,
        "requests.get"
            | "requests.post"
            | "requests.request"
            | "requests.Session().get"
            | "httpx.get"
            | "httpx.post"
            | "urllib.request.urlopen"
            | "urllib2.urlopen"
            | "urllib.urlopen"
            | "urllib3.PoolManager().request"
    )
}

/// What a value holds.
fn of_value(value: &Value, depth: usize, found: &mut BTreeSet<SourceKind>) {
    if depth > 8 {
        return;
    }
    let deeper = depth.saturating_add(1);
    match value {
        Value::Path(path) => {
            if path == "os.environ"
                || path.starts_with("os.environ.copy()")
                || path.starts_with("os.environ.items()")
            {
                found.insert(SourceKind::BulkEnvironment);
            }
            // `requests.get().text` was `requests.get` first.
            for (at, _) in path.match_indices("()") {
                if let Some(one) = path.get(..at).and_then(source) {
                    found.insert(one);
                }
            }
        }
        Value::List(items) | Value::OneOf(items) => items.iter().for_each(|v| of_value(v, deeper, found)),
        Value::Dict(items) => {
            for (key, value) in items {
                of_value(key, deeper, found);
                of_value(value, deeper, found);
            }
        }
        Value::Unknown | Value::None | Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::Bytes(_) => {}
    }
}

/// The kind of secret that a deed reads, by its words.
fn secret(what: &str) -> SourceKind {
    if what == "all environment variables" {
        SourceKind::BulkEnvironment
    } else if what.contains(['/', '.', ' ', '_']) && what.chars().any(char::is_lowercase) {
        SourceKind::CredentialFile
    } else {
        SourceKind::SecretVariable
    }
}

/// Whether a call of `open` writes.
fn writes(call: &Call) -> bool {
    call.argument(1, "mode")
        .is_some_and(|a| a.value.texts().any(|t| t.contains(['w', 'a', 'x'])))
}

/// Whether a constant is the text of a program that runs what it fetches or decodes.
fn is_payload(value: &Value) -> bool {
    let text = match value {
        Value::Text(text) => std::borrow::Cow::Borrowed(text.as_str()),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes),
        _ => return false,
    };
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    has(&["import "]) && has(&["exec("]) && has(&["urlopen(", "requests.get(", "b64decode(", "decrypt("])
}

/// Whether code stands so far to the right of other code that nobody sees it.
fn out_of_sight(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let Some((left, _)) = line.split_once(&" ".repeat(50)) else {
        return false;
    };
    !left.trim().is_empty() && !left.contains('#')
}
