//! Calls with an effect become records, with what flows into them.
//!
//! What a call is given is a path only where its content matters: the environment that is handed on to a program is
//! not, the command that it runs is.

use super::{
    Datum,
    call::Arguments,
    commands,
    expressions::as_words,
    external::RUNNERS,
    machine::Machine,
    sinks, sources,
    value::{Cut, Taint, Value, What},
};
use crate::{
    behaviour::{Language, SinkKind, SourceKind},
    flow::Stage,
};
use ruff_text_size::TextRange;

impl<'a> Machine<'a, '_> {
    pub(super) fn sink(
        &mut self,
        kind: SinkKind,
        path: &str,
        inner: &Taint,
        arguments: &Arguments,
        range: TextRange,
    ) {
        let mut taint = arguments.more.clone().unwrap_or_default();
        for value in &arguments.positional {
            taint = taint.and(&self.deep_taint(value));
        }
        for (name, value) in &arguments.keywords {
            // Handing the environment on to a program is what every program does.
            if kind == SinkKind::Process && &**name == "env" {
                continue;
            }
            // What a program reads is only run by one that is a shell or an interpreter.
            if kind == SinkKind::Process && &**name == "input" && !self.interprets(arguments) {
                continue;
            }
            taint = taint.and(&self.deep_taint(value));
        }
        if kind == SinkKind::NetworkSend {
            taint = taint.and(&inner.without(&[SourceKind::Network, SourceKind::File]));
            if let Some(hidden) = self.hidden_address(path, inner, arguments, range) {
                taint = taint.and(&hidden);
            }
        }
        let dropped: &[SourceKind] = match kind {
            SinkKind::NetworkSend => &[SourceKind::Network, SourceKind::Resource],
            SinkKind::DnsName => &[SourceKind::Network, SourceKind::Resource, SourceKind::File],
            SinkKind::Process => &[SourceKind::BulkEnvironment],
            SinkKind::NativeLoad | SinkKind::Persistence => &[],
            _ => &[],
        };
        let mut kept = taint.without(dropped);
        if kind == SinkKind::Process && taint.has(SourceKind::BulkEnvironment) {
            let positional = arguments
                .positional
                .iter()
                .fold(Taint::default(), |t, v| t.and(&self.deep_taint(v)));
            kept = kept.and(&positional);
        }
        let quoted = self.quoted(arguments);
        // What this very call fetches is not run by it.
        let only_handled = kind == SinkKind::Process
            && arguments
                .get(0, "args")
                .is_some_and(|v| commands::read(&self.command_of(v)).handles_files);
        let written = arguments
            .values()
            .find_map(|v| self.written_to(v))
            .filter(|_| !only_handled);
        // A shell in the place of whose terminal stands a socket does what the other side says.
        if path == "os.dup2" {
            kept = kept.then(self.step(Some(SourceKind::Network), range, path));
        }
        let is_socket = |name: &str| {
            arguments
                .keyword(name)
                .and_then(Value::as_path)
                .is_some_and(|p| p.starts_with("socket."))
        };
        if kind == SinkKind::Process && is_socket("stdin") {
            kept = kept.then(self.step(Some(SourceKind::Network), range, path));
        }
        if kind == SinkKind::Process {
            kept = self.process(path, arguments, kept, range);
        }
        if matches!(
            kind,
            SinkKind::Process | SinkKind::NetworkSend | SinkKind::NativeMemory
        ) {
            self.leads_elsewhere(arguments.values(), range);
        }
        // Programs are started for whoever asks with words that he gives.
        if matches!(kind, SinkKind::Process | SinkKind::NativeMemory)
            && self.frame.stage == Stage::Import
            && let Some(first) = arguments.get(0, "args")
        {
            self.runs_unseen(&self.deep_taint(first), Cut::Bound, range);
        }
        if let Some(written) = written
            && matches!(kind, SinkKind::Process | SinkKind::NativeLoad | SinkKind::Execute)
        {
            self.record(SinkKind::WriteThenRun, path, quoted.clone(), &written, range);
            self.run_written(arguments, &written, range);
        }
        // Objects that are hidden in data and name what runs code are code.
        if kind == SinkKind::Deserialize && kept.has(SourceKind::Decoded) && builds_code(arguments) {
            self.record(SinkKind::Execute, path, quoted.clone(), &kept, range);
        }
        self.record(kind, path, quoted, &kept, range);
    }

    /// Reads the Python that was written to a file which is run now.
    fn run_written(&mut self, arguments: &Arguments, taint: &Taint, range: TextRange) {
        let text = self.text_of_written(
            arguments
                .positional
                .get(..arguments.positional.len().min(2))
                .unwrap_or_default(),
        );
        match text {
            Some(text) => {
                self.layer(&text, taint, range);
            }
            None => self.runs_unseen(taint, Cut::Bound, range),
        }
    }

    /// What is hidden of the address that something is sent to.
    fn hidden_address(
        &self,
        path: &str,
        inner: &Taint,
        arguments: &Arguments,
        range: TextRange,
    ) -> Option<Taint> {
        let step = || Taint::of(self.step(Some(SourceKind::HiddenAddress), range, path));
        // What was made from the address, and what is made from a token.
        let made = [
            "HTTPSConnection()",
            "HTTPConnection()",
            "Webhook()",
            "Webhook.from_url()",
            "TeleBot()",
            ".Bot()",
        ];
        if made.iter().any(|m| path.contains(m)) {
            return inner.has(SourceKind::Decoded).then(step);
        }
        let last = path.rsplit('.').next().unwrap_or(path);
        if matches!(last, "connect" | "connect_ex" | "create_connection") {
            let host = self.container(arguments.positional.first()?)?.items.first()?;
            return (host.as_str().is_some() && host.taint.has(SourceKind::Decoded)).then(step);
        }
        let at = usize::from(matches!(last, "request" | "stream"));
        let address = arguments
            .keyword("url")
            .or_else(|| arguments.positional.get(at))?;
        let hidden = address.choices().iter().any(|choice| {
            (choice.taint.has(SourceKind::Decoded) || address.taint.has(SourceKind::Decoded))
                && self.hides_host(choice.words().unwrap_or_default())
        });
        hidden.then(step)
    }

    /// Whether an address names a host, and the package nowhere does in the open. A host that only its caller knows is
    /// not hidden, and neither is one to which something decoded is added.
    fn hides_host(&self, address: &str) -> bool {
        let Some((_, rest)) = address.split_once("://") else {
            return false;
        };
        let mut parts = rest.split(['/', '?', '#']);
        let host = parts.next().unwrap_or_default();
        // Of a host of many, the account is as good as a name.
        let account = parts.next().unwrap_or_default();
        let hidden = |part: &str| {
            part.len() > 3
                && !part.contains(super::value::HOLE)
                && !self.files.iter().any(|file| file.text.contains(part))
        };
        hidden(host) || !host.contains(super::value::HOLE) && hidden(account)
    }

    /// Whether a command starts a shell or an interpreter.
    fn interprets(&self, arguments: &Arguments) -> bool {
        let Some(command) = arguments.get(0, "args") else {
            return true;
        };
        let first = self
            .container(command)
            .and_then(|c| c.items.first())
            .unwrap_or(command);
        let words = self.command_of(command).to_ascii_lowercase();
        first.as_path().is_some_and(|p| p.starts_with("sys."))
            || words.split([' ', '/', '\\', '|', ';', '&']).any(|word| {
                let word = word.strip_suffix(".exe").unwrap_or(word);
                commands::interprets(word)
            })
    }

    /// The words of a command.
    pub(super) fn command_of(&self, value: &Value) -> String {
        if let Some(container) = self.container(value) {
            return container
                .items
                .iter()
                .take(64)
                .map(|item| one_word(as_words(item)))
                .collect::<Vec<_>>()
                .join(" ");
        }
        value.words().unwrap_or_default().to_owned()
    }

    /// Looks into a command; gives what flows into it, with what it gets hold of itself.
    fn process(&mut self, path: &str, arguments: &Arguments, mut taint: Taint, range: TextRange) -> Taint {
        // Pagers are given the text first.
        let at = usize::from(path.starts_with("pydoc."));
        let given = arguments.positional.get(at..).unwrap_or_default();
        let first = given.first().or_else(|| arguments.keyword("args"));
        let Some(first) = first.or_else(|| arguments.keyword("cmd")).cloned() else {
            return taint;
        };
        let mut command = self.command_of(&first);
        for other in given.get(1..).unwrap_or_default() {
            command.push(' ');
            command.push_str(&self.command_of(other));
        }
        // `curl … -o FILE`
        let items = self.container(&first).map_or_else(Vec::new, |c| c.items.clone());
        let to = items
            .iter()
            .position(|i| matches!(i.as_str(), Some("-o" | "-O" | "--output" | "-OutFile")));
        if let Some(to) = to
            .and_then(|at| items.get(at.saturating_add(1)))
            .filter(|_| command.contains("://"))
        {
            let key = self.key_of(to);
            let fetched = Taint::of(self.step(Some(SourceKind::Network), range, path));
            self.wrote(key, &fetched, range, path);
        }
        let facts = commands::read(&command);
        let told = sources::within_command(&command);
        self.sends_by_command(path, &facts, &told, arguments, &taint, range);
        for kind in told {
            taint = taint.then(self.step(Some(kind), range, path));
        }
        if facts.runs_fetched {
            taint = taint.then(self.step(Some(SourceKind::Network), range, path));
        }
        if facts.runs_decoded {
            taint = taint.then(self.step(Some(SourceKind::Decoded), range, "base64"));
            self.keep_decoded(facts.printed.as_deref().unwrap_or_default(), &taint, range);
        }
        let other = facts
            .python
            .iter()
            .map(String::as_str)
            .chain(handed_code(self, &first));
        if other
            .into_iter()
            .any(|code| only_imports(code, |name| self.by_name.contains_key(name)))
        {
            taint = taint.then(self.step(Some(SourceKind::OtherPackage), range, path));
        }
        for file in &facts.fetched {
            let key = self.key_of(&Value::shape(file));
            let fetched = Taint::of(self.step(Some(SourceKind::Network), range, path));
            self.wrote(key, &fetched, range, path);
        }
        if first.words().is_some() {
            for code in facts.python.iter().take(4) {
                self.layer(code, &taint, range);
            }
        }
        if !self.here.is_empty() && names_a_script(&command) {
            let (quoted, here) = (self.quoted(arguments), self.here.clone());
            self.record(SinkKind::WriteThenRun, path, quoted, &here, range);
        }
        if sources::schedules(&command) {
            let quoted = self.quoted(arguments);
            self.record(SinkKind::Persistence, path, quoted, &taint, range);
        }
        self.command_layers(&first, &command, &taint, range)
    }

    /// A command that speaks to the network does what a request does.
    fn sends_by_command(
        &mut self,
        path: &str,
        facts: &commands::Facts,
        told: &[SourceKind],
        arguments: &Arguments,
        given: &Taint,
        range: TextRange,
    ) {
        let kind = match facts {
            _ if facts.sends => SinkKind::NetworkSend,
            _ if facts.looks_up => SinkKind::DnsName,
            _ => return,
        };
        let mut taint = given.without(&[SourceKind::Network, SourceKind::Resource, SourceKind::Decoded]);
        for read in told.iter().filter(|k| **k != SourceKind::Network) {
            taint = taint.then(self.step(Some(*read), range, path));
        }
        let quoted = self.quoted(arguments);
        // What a substitution gives is as little known as any other hole.
        let quoted = quoted
            .iter()
            .map(|q| q.replace("$(", "…$(").replace('`', "…`"))
            .collect();
        self.record(kind, path, quoted, &taint, range);
    }

    /// Keeps a script that a shell decodes and runs.
    fn keep_decoded(&mut self, printed: &str, taint: &Taint, range: TextRange) {
        let Some(given) = Datum::text(printed) else { return };
        let decoded = super::builtin("base64.b64decode", &[given], &[], self.budget);
        let decoded = self.known(decoded);
        let text = decoded
            .as_ref()
            .and_then(Datum::as_bytes)
            .map(String::from_utf8_lossy);
        if let Some(text) = text.filter(|t| !t.is_empty()) {
            let place = self.place(range);
            let number = self.frame.layer.saturating_add(1);
            self.keep(&text, taint, number, Language::Shell, place);
        }
    }

    pub(super) fn callbacks(&mut self, path: &str, arguments: &Arguments, range: TextRange) {
        let runs = RUNNERS.contains(&path)
            || path.ends_with(".submit")
            || path.ends_with(".run_in_executor")
            || path.ends_with(".apply_async");
        if !runs {
            return;
        }
        // Who listens to keys is given them.
        let keys = path.contains("keyboard.").then(|| {
            let step = self.step(Some(SourceKind::Keystrokes), range, path);
            vec![Value::unknown().with(&Taint::of(step))]
        });
        let handed = arguments.keyword("args").cloned();
        let items = handed.and_then(|v| self.items_of(&v));
        for (at, value) in arguments.positional.iter().enumerate() {
            let sink = value.as_path().is_some_and(|p| sinks::kind_of(p).is_some());
            if self.is_callable(value) || sink {
                let rest = arguments
                    .positional
                    .get(at.saturating_add(1)..)
                    .unwrap_or_default()
                    .to_vec();
                let flat = match rest.as_slice() {
                    [one] => self.items_of(one).filter(|_| self.container(one).is_some()),
                    _ => None,
                };
                let given = keys.or(items).or(flat).unwrap_or(rest);
                self.call(value, Arguments::of(given), range);
                return;
            }
        }
        for name in ["target", "function", "on_press", "on_release", "func", "callback"] {
            if let Some(value) = arguments.keyword(name) {
                let sink = value.as_path().is_some_and(|p| sinks::kind_of(p).is_some());
                if self.is_callable(value) || sink {
                    let value = value.clone();
                    let given = keys.clone().or_else(|| items.clone());
                    self.call(&value, Arguments::of(given.unwrap_or_default()), range);
                }
            }
        }
    }

    /// The commands that `setup` is given run when the package is installed.
    pub(super) fn commands(&mut self, arguments: &Arguments, range: TextRange) {
        let Some(commands) = arguments.keyword("cmdclass").cloned() else {
            return;
        };
        let classes = self
            .container(&commands)
            .map_or_else(Vec::new, |c| c.items.clone());
        for class in classes.iter().take(32) {
            let What::Object(id) = class.what else { continue };
            if self.class(id).is_none() {
                continue;
            }
            let instance = Value::from(self.new_instance(id));
            for name in [
                "__init__",
                "initialize_options",
                "finalize_options",
                "run",
                "build_extension",
                "build_extensions",
            ] {
                if let Some(method) = self.class_member(id, name, 0) {
                    self.call(&method, Arguments::of(vec![instance.clone()]), range);
                }
            }
        }
    }
}

/// Whether a command names a script or program of the folder that it is started in.
fn names_a_script(command: &str) -> bool {
    const ENDS: &[&str] = &[
        ".py", ".pyw", ".sh", ".bat", ".cmd", ".ps1", ".vbs", ".exe", ".js",
    ];
    command
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '&'))
        .any(|word| {
            let bare = word.strip_prefix("./").unwrap_or(word);
            let lies_here = !bare.is_empty() && !bare.contains(['/', '\\', '$', '%']);
            lies_here
                && (word.starts_with("./")
                    || ENDS
                        .iter()
                        .any(|end| bare.ends_with(end) && bare.len() > end.len()))
                && !bare.eq_ignore_ascii_case("python.exe")
                && !matches!(bare, "setup.py" | "manage.py" | "./configure" | "configure")
        })
}

/// Whether the bytes that objects are built from name functions that run code or commands.
fn builds_code(arguments: &Arguments) -> bool {
    const NAMES: &[&[u8]] = &[
        b"builtins",
        b"__builtin__",
        b"posix",
        b"subprocess",
        b"runpy",
        b"marshal",
        b"_pickle",
    ];
    const CALLS: &[&[u8]] = &[
        b"exec", b"eval", b"system", b"Popen", b"popen", b"loads", b"run", b"getattr",
    ];
    let Some(Datum::Bytes(bytes)) = arguments.positional.first().and_then(Value::datum) else {
        return false;
    };
    let has = |words: &[&[u8]]| {
        words
            .iter()
            .any(|word| bytes.windows(word.len()).take(1 << 20).any(|part| part == *word))
    };
    has(NAMES) && has(CALLS)
}

/// The Python that an interpreter is handed by a list of words.
fn handed_code<'v>(machine: &'v Machine<'_, '_>, first: &'v Value) -> Option<&'v str> {
    let words = &machine.container(first)?.items;
    let program = words.first()?;
    let python =
        program.words().is_some_and(|w| w.contains("python")) || program.as_path() == Some("sys.executable");
    let flag = words
        .iter()
        .position(|w| w.as_str() == Some("-c"))
        .filter(|_| python)?;
    words.get(flag.saturating_add(1))?.as_str()
}

/// Whether code does nothing but import a package that is not of Python and not of those that are known, which can only
/// be meant to run what that package does when it is imported.
fn only_imports(code: &str, is_own: impl Fn(&str) -> bool) -> bool {
    const ORDINARY: &[&str] = &[
        "os",
        "sys",
        "warnings",
        "time",
        "site",
        "json",
        "re",
        "sysconfig",
        "distutils",
        "setuptools",
    ];
    let mut others = 0_usize;
    for part in code.split([';', '\n']).map(str::trim).filter(|p| !p.is_empty()) {
        let rest = part
            .strip_prefix("import ")
            .or_else(|| part.strip_prefix("from "));
        match rest {
            Some(rest) => {
                let name = rest.split([' ', ',', '.']).next().unwrap_or_default();
                others = others.saturating_add(usize::from(!ORDINARY.contains(&name) && !is_own(name)));
            }
            None if part.starts_with("warnings.") => {}
            None => return false,
        }
    }
    others > 0
}

/// An argument as a shell has to be given it to take it for one.
fn one_word(word: String) -> String {
    let is_one = |c: char| !c.is_whitespace() && !"|&;<>()'\"`".contains(c);
    if word.chars().all(is_one) {
        word
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
