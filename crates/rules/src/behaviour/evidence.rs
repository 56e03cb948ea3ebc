//! From calls and records to the terms of a verdict.
//!
//! A path is only what flows: arguments that hold what was read, fetched or decoded, and the records of the analysis of
//! the whole package. That a function does both is a term of its own, which weighs less and never blocks.

use super::{
    code::{PackageCode, PackageScript, RunsWhen},
    host::{
        End, end_of, fetches_and_runs, fetches_and_starts, is_drop, is_receiver, names_public_number,
        tells_of_host,
    },
    reached::{is_test, reached},
    together::is_program,
    weights::Term,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::OnceLock,
};
use wellhead_packages::distribution::{Claim, Place as Where, Provenance, Trigger, addresses, place};
use wellhead_pycode::{
    Call, DeedKind, Language, Module, Place, SinkKind, SinkRecord, SourceKind, Stage, Value, is_plugin_hook,
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
    /// Where what is run comes from, or what is sent goes to.
    pub(super) end: End,
    /// What is run is decoded from data that stand in the code.
    pub(super) hidden: bool,
    /// It is put where it starts with the host.
    pub(super) lasts: bool,
}

impl Evidence {
    pub(super) fn of(term: Term, when: RunsWhen, range: Range<usize>) -> Self {
        Self {
            term,
            when,
            range,
            by: String::new(),
            given: String::new(),
            hops: Vec::new(),
            end: End::Given,
            hidden: false,
            lasts: false,
        }
    }

    /// Whether it is harm although somebody has to ask for it: its other end is written in the code, or what it runs is
    /// hidden there, so that it is not the caller who says what is run and who gets what is sent.
    pub(super) fn is_sharp(&self) -> bool {
        match self.term {
            Term::RunsDecoded | Term::RunsFetched if self.lasts => true,
            Term::RunsDecoded | Term::FillsMemory => self.hidden,
            Term::RunsFetched => self.end >= End::Fixed,
            Term::SendsEnvironment | Term::SendsCredentials => self.end >= End::Host,
            Term::OpensShell | Term::RunsFetchingCommand | Term::HidesAddress => true,
            Term::SendsIdentity | Term::NameCarriesData | Term::SendsFile => self.end >= End::Anonymous,
            _ => false,
        }
    }
}

/// What is seen in a package, once one of the rules that judge it has looked.
#[derive(Clone, Debug, Default)]
pub struct Seen(pub(super) OnceLock<BTreeMap<String, Vec<Evidence>>>);

/// All that is seen in a package, by file.
pub(super) fn gather(code: &PackageCode, provenance: &Provenance) -> BTreeMap<String, Vec<Evidence>> {
    let reached = reached(code);
    let mut records: BTreeMap<&str, Vec<&SinkRecord>> = BTreeMap::new();
    for record in &code.analysis.records {
        records.entry(record.module.as_str()).or_default().push(record);
    }
    // All that a decoded text does stands at the place that runs it.
    let mut sent: BTreeMap<Site<'_>, Vec<&SinkRecord>> = BTreeMap::new();
    for record in &code.analysis.records {
        let site = (record.module.as_str(), record.range.start, record.range.end);
        if record.kind == SinkKind::NetworkSend {
            let there = sent.entry(site).or_default();
            if there.len() < MOST_AT_ONE {
                there.push(record);
            }
        }
    }
    let hidden: BTreeSet<Site<'_>> = code
        .analysis
        .layers
        .iter()
        // Of a command whose parts are not all known, what was decoded may be any word.
        .filter(|l| l.language == Language::Python || !l.text.contains('…'))
        .map(|l| (l.module.as_str(), l.range.start, l.range.end))
        .collect();
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
            provenance,
            path,
            reached: &reached,
            sent: &sent,
            hidden: &hidden,
        };
        let found = file.evidence();
        if !found.is_empty() {
            out.insert(path.clone(), found);
        }
    }
    out
}

/// Most calls to the network at one place that are kept.
const MOST_AT_ONE: usize = 8;

/// A place in a file of the package.
type Site<'a> = (&'a str, usize, usize);

pub(super) struct File<'a> {
    pub(super) script: &'a PackageScript,
    runs: RunsWhen,
    pub(super) stages: Vec<Stage>,
    pub(super) records: &'a [&'a SinkRecord],
    /// Whether it names a place to which anybody can send.
    drops: bool,
    /// What the package says of where it belongs.
    provenance: &'a Provenance,
    path: &'a str,
    reached: &'a BTreeMap<&'a str, RunsWhen>,
    /// The calls of the package that speak to the network.
    sent: &'a BTreeMap<Site<'a>, Vec<&'a SinkRecord>>,
    /// The places that run what is decoded from data in the code.
    hidden: &'a BTreeSet<Site<'a>>,
}

impl File<'_> {
    /// When something that stands at a place runs.
    pub(super) fn when(&self, place: Place, stage: Stage) -> RunsWhen {
        match self.runs {
            RunsWhen::Asked => RunsWhen::Asked,
            // A build runs the file as a program, and methods of commands.
            RunsWhen::Install | RunsWhen::Run if stage <= Stage::Use || place.guarded && place.scope == 0 => {
                self.runs
            }
            RunsWhen::Startup | RunsWhen::Import | RunsWhen::Plugin | RunsWhen::Module
                if stage == Stage::Import =>
            {
                self.runs
            }
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
        let when = self.happens(record);
        let given = record.arguments.join(", ");
        let end = self.end(record, &given);
        let lasts = record.kind == SinkKind::WriteThenRun && starts_with_host(&given);
        let mut told = terms(record.kind, &record.sources, &given);
        if record.callee == "os.dup2" {
            // A socket in the place of the terminal is a way in for others where a program is started behind it.
            let starts = self
                .records
                .iter()
                .any(|r| r.kind == SinkKind::Process && r.callee != "os.dup2");
            told = if starts {
                vec![Term::OpensShell]
            } else {
                Vec::new()
            };
        }
        for term in told {
            out.push(Evidence {
                lasts,
                by: record.callee.clone(),
                given: given.clone(),
                hops: record
                    .hops
                    .iter()
                    .map(|h| (h.module.clone(), h.range.clone(), h.what.clone()))
                    .collect(),
                hidden: self
                    .hidden
                    .contains(&(self.path, record.range.start, record.range.end)),
                end: self.weakened(term, when, end, record, &given),
                ..Evidence::of(term, when, record.range.clone())
            });
        }
        let speaks = matches!(
            record.kind,
            SinkKind::NetworkSend | SinkKind::DnsName | SinkKind::Process
        );
        let command = record.kind == SinkKind::Process && !speaks_by_command(&given);
        let asks = |address| place(address) == Some(Where::CloudMetadata);
        if speaks && addresses(&given).any(asks) {
            out.push(Evidence {
                by: record.callee.clone(),
                given: given.clone(),
                ..Evidence::of(Term::AsksCloud, when, record.range.clone())
            });
        }
        if speaks && !command && end == End::Receiver {
            out.push(Evidence {
                by: record.callee.clone(),
                given,
                end,
                ..Evidence::of(Term::TellsReceiver, when, record.range.clone())
            });
        }
    }

    /// When a call happens: not before one of the files runs that make it happen. A way that leads through a file that
    /// nothing of the package reaches is one of whoever runs that file, such as its tests.
    fn happens(&self, record: &SinkRecord) -> RunsWhen {
        let reach = |path: &String| {
            self.reached
                .get(path.as_str())
                .copied()
                .unwrap_or(RunsWhen::Asked)
        };
        let started = record.starters.iter().map(reach).min();
        let when = self.when(Place::default(), record.stage);
        let when = started.map_or(when, |started| when.max(started));
        let strays = record
            .hops
            .iter()
            .any(|h| h.module != self.path && !self.reached.contains_key(h.module.as_str()));
        if strays { RunsWhen::Asked } else { when }
    }

    /// The other end: of what is sent where it goes, of what is run where it was fetched.
    fn end(&self, record: &SinkRecord, given: &str) -> End {
        let own = end_of(given);
        let numbered = record.callee.ends_with("connect") && names_public_number(given);
        let own = if numbered { own.max(End::Anonymous) } else { own };
        if matches!(record.kind, SinkKind::NetworkSend | SinkKind::DnsName) {
            return own;
        }
        let mut all = self.fetches(record).into_iter().rev();
        // Many programs ask their host which version there is; what comes before counts where anybody may have said it.
        let mut last = all.next().map_or(End::Given, fetched_from);
        let mut counts = true;
        for one in all {
            let end = fetched_from(one);
            counts &= one.callee.ends_with("Request");
            if counts || end >= End::Anonymous {
                last = last.max(end);
            }
        }
        own.max(last)
    }

    /// The calls that fetched what flows into another, in their order.
    fn fetches<'s>(&'s self, record: &SinkRecord) -> Vec<&'s SinkRecord> {
        let sites = record
            .hops
            .iter()
            .map(|hop| (hop.module.as_str(), hop.range.start, hop.range.end));
        sites
            .filter_map(|site| self.sent.get(&site))
            .flatten()
            .copied()
            .collect()
    }

    /// The other end as it counts: a function that somebody asks to fetch a part of the project from the project's own
    /// host, or to report to it, does what it says. Whoever writes the code writes what is said of the project too, so
    /// that no claim makes what happens unasked better, and none what is done with secrets.
    fn weakened(&self, term: Term, when: RunsWhen, end: End, record: &SinkRecord, given: &str) -> End {
        let may = matches!(term, Term::RunsFetched | Term::SendsIdentity) && when == RunsWhen::Asked;
        if !may || end != End::Fixed {
            return end;
        }
        let fetched = self.fetches(record).into_iter();
        let fetched: Vec<String> = fetched.map(|r| r.arguments.join(", ")).collect();
        let mut all = fetched
            .iter()
            .map(String::as_str)
            .chain([given])
            .flat_map(addresses);
        let own = |address| {
            let endpoint = self.provenance.endpoint(address);
            endpoint.is_some_and(|e| {
                e.place == Where::Host
                    && matches!(e.claim, Claim::Own | Claim::NamedAfter(_) | Claim::SameName)
            })
        };
        if all.all(own) { End::Host } else { end }
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
            let inside = self.inside(at, call).map(address);
            let end = inside.fold(end_of(given).max(address(call)), End::max);
            for term in terms(*kind, &sources, given) {
                out.push(Evidence {
                    by: by.clone(),
                    given: given.clone(),
                    end,
                    hidden: self
                        .hidden
                        .contains(&(self.path, call.range.start, call.range.end)),
                    ..Evidence::of(term, self.when(call.place, stage), call.range.clone())
                });
            }
        }
        for call in self.script.module.calls.iter().filter(|c| hands_over(c)) {
            let stage = Module::stage(call.place, &self.stages);
            out.push(Evidence {
                by: call.callees.first().cloned().unwrap_or_default(),
                ..Evidence::of(
                    Term::RunsUnreadable,
                    self.when(call.place, stage),
                    call.range.clone(),
                )
            });
        }
        for call in &self.script.module.calls {
            let name = call.callees.first().and_then(|c| c.rsplit('.').next());
            if name.is_some_and(|n| SPEAKING.contains(&n)) && address(call) == End::Receiver {
                let stage = Module::stage(call.place, &self.stages);
                out.push(Evidence {
                    by: call.callees.first().cloned().unwrap_or_default(),
                    end: End::Receiver,
                    ..Evidence::of(
                        Term::TellsReceiver,
                        self.when(call.place, stage),
                        call.range.clone(),
                    )
                });
            }
        }
    }

    /// The calls that are written inside of a call.
    fn inside(&self, at: usize, call: &Call) -> impl Iterator<Item = &Call> {
        let inside = self.script.module.calls.iter().skip(at.saturating_add(1));
        let end = call.range.end;
        inside.take_while(move |c| c.range.start < end).take(256)
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
    pub(super) fn direct(&self, at: usize, call: &Call, kind: SinkKind) -> BTreeSet<SourceKind> {
        let mut found = BTreeSet::new();
        // Whether a program runs what it reads depends on which it is, which the analysis of the package knows.
        let read = |name: &str| kind == SinkKind::Process && name == "input";
        let keywords = call.keywords.iter().filter(|k| !read(&k.name));
        let skipped = call.keywords.iter().find(|k| read(&k.name));
        let skipped = skipped.map(|k| k.argument.range.clone()).unwrap_or_default();
        for argument in call.positional.iter().chain(keywords.map(|k| &k.argument)) {
            // To ask for the own address by the own name sends nothing.
            let own = |v: &Value| matches!(v, Value::Path(p) if p == "socket.gethostname()" || p == "socket.getfqdn()");
            if kind == SinkKind::DnsName && own(&argument.value) {
                continue;
            }
            of_value(&argument.value, 0, &mut found);
        }
        // Calls that are written inside of it.
        for inner in self.inside(at, call) {
            if kind == SinkKind::DnsName && call.positional.first().is_some_and(|a| a.range == inner.range) {
                continue;
            }
            if inner.range.start > call.callee_range.start
                && !skipped.contains(&inner.range.start)
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
            let given = deed.given.clone().unwrap_or_default();
            out.push(Evidence {
                by: deed.what.clone(),
                end: end_of(&given),
                given,
                ..Evidence::of(term, self.when(deed.place, stage), deed.range.clone())
            });
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
                    | Term::HidesAddress
                    | Term::TellsReceiver
            );
            let mut add = |term| {
                more.push(Evidence::of(term, one.when, one.range.clone()));
            };
            if speaks && (self.drops || one.end >= End::Anonymous) {
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
            when(is_program(given), Term::NearFetched);
            when(fetches_and_starts(given), Term::FetchesThenRuns);
            when(tells_of_host(given), Term::NearIdentity);
            when(has(&[SourceKind::OtherPackage]), Term::StartsOtherPackage);
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
pub(super) fn source(callee: &str) -> Option<SourceKind> {
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
pub(super) fn of_value(value: &Value, depth: usize, found: &mut BTreeSet<SourceKind>) {
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
pub(super) fn secret(what: &str) -> SourceKind {
    if what == "all environment variables" {
        SourceKind::BulkEnvironment
    } else if what.contains(['/', '.', ' ', '_']) && what.chars().any(char::is_lowercase) {
        SourceKind::CredentialFile
    } else {
        SourceKind::SecretVariable
    }
}

/// The last names of calls that take an address to speak to.
const SPEAKING: &[&str] = &[
    "get",
    "post",
    "put",
    "patch",
    "request",
    "urlopen",
    "urlretrieve",
    "Request",
    "from_url",
    "Webhook",
    "DiscordWebhook",
    "SyncWebhook",
    "connect",
    "download",
    "send",
    "fetch",
];

/// Whether a module hands over itself and all that it is, as one constant, to a function that came from outside: what
/// tools that sell unreadable code make of it.
fn hands_over(call: &Call) -> bool {
    const LONG: usize = 512;
    let data = |v: &Value| {
        matches!(v, Value::Bytes(b) if b.len() >= LONG) || matches!(v, Value::Text(t) if t.len() >= LONG)
    };
    let itself = |v: &Value| matches!(v, Value::Path(p) if p == "__name__" || p == "__file__");
    let values = || call.positional.iter().map(|a| &a.value);
    call.place.scope == 0
        && call.range.len() >= LONG
        && values().any(itself)
        && (values().any(data) || call.callees.iter().any(|c| c.contains("pyarmor")))
}

/// The address that is written in a call's arguments.
fn address(call: &Call) -> End {
    let keywords = call.keywords.iter().map(|k| &k.argument);
    let texts = call
        .positional
        .iter()
        .chain(keywords)
        .flat_map(|a| a.value.texts().take(8));
    texts
        .filter(|t| t.contains("://") || is_receiver(t))
        .map(end_of)
        .fold(End::Given, End::max)
}

/// Where a call fetches from.
fn fetched_from(record: &SinkRecord) -> End {
    end_of(&record.arguments.join(", "))
}

/// Whether a command speaks to the network.
fn speaks_by_command(given: &str) -> bool {
    ["curl", "wget", "nslookup", "dig ", "ping ", "nc ", "Invoke-"]
        .iter()
        .any(|w| given.contains(w))
}

/// Whether what lies there starts with the host or with the session of its user, and not with Python alone.
fn starts_with_host(path: &str) -> bool {
    let path = path.replace('\\', "/").to_ascii_lowercase();
    [
        "start menu/programs/start",
        "currentversion/run",
        ".config/autostart",
        "library/launch",
        "systemd/",
        "/etc/cron",
        "/etc/init.d",
        "/etc/rc.local",
    ]
    .iter()
    .any(|part| path.contains(part))
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
