//! Calls with an effect become records, with what flows into them.
//!
//! What a call is given is a path only where its content matters: the environment that is handed on to a program is
//! not, the command that it runs is.

use super::{
    call::Arguments,
    expressions::as_words,
    external::RUNNERS,
    machine::Machine,
    sinks, sources,
    value::{Taint, Value, What},
};
use crate::behaviour::{SinkKind, SourceKind};
use ruff_text_size::TextRange;
use std::rc::Rc;

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
            taint = taint.and(&self.deep_taint(value));
        }
        if kind == SinkKind::NetworkSend {
            taint = taint.and(&inner.without(&[SourceKind::Network, SourceKind::File]));
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
        let written = arguments.values().find_map(|v| self.written_to(v));
        // A shell in the place of whose terminal stands a socket does what the other side says.
        if path == "os.dup2" {
            kept = kept.then(self.step(Some(SourceKind::Network), range, path));
        }
        if kind == SinkKind::Process {
            kept = self.process(path, arguments, kept, range);
        }
        if let Some(written) = written
            && matches!(kind, SinkKind::Process | SinkKind::NativeLoad | SinkKind::Execute)
        {
            self.record(SinkKind::WriteThenRun, path, quoted.clone(), &written, range);
            self.run_written(arguments, &written, range);
        }
        self.record(kind, path, quoted, &kept, range);
    }

    /// Reads the Python that was written to a file which is run now.
    fn run_written(&mut self, arguments: &Arguments, taint: &Taint, range: TextRange) {
        let mut keys: Vec<Rc<str>> = Vec::new();
        for value in arguments.positional.iter().take(2) {
            keys.extend(self.key_of(value));
            if let Some(container) = self.container(value) {
                keys.extend(
                    container
                        .items
                        .iter()
                        .take(32)
                        .filter_map(|item| self.key_of(item)),
                );
            }
        }
        let text = keys.iter().find_map(|key| self.texts.get(key).cloned());
        if let Some(text) = text {
            self.layer(&text, taint, range);
        }
    }

    /// The words of a command.
    pub(super) fn command_of(&self, value: &Value) -> String {
        if let Some(container) = self.container(value) {
            return container
                .items
                .iter()
                .take(64)
                .map(as_words)
                .collect::<Vec<_>>()
                .join(" ");
        }
        value.words().unwrap_or_default().to_owned()
    }

    /// Looks into a command; gives what flows into it, with what it gets hold of itself.
    fn process(&mut self, path: &str, arguments: &Arguments, mut taint: Taint, range: TextRange) -> Taint {
        let Some(first) = arguments
            .positional
            .first()
            .or_else(|| arguments.keyword("args"))
            .cloned()
        else {
            return taint;
        };
        let mut command = self.command_of(&first);
        for other in arguments.positional.get(1..).unwrap_or_default() {
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
        for kind in sources::within_command(&command) {
            taint = taint.then(self.step(Some(kind), range, path));
        }
        if sources::schedules(&command) {
            let quoted = self.quoted(arguments);
            self.record(SinkKind::Persistence, path, quoted, &taint, range);
        }
        self.command_layers(&first, &command, &taint, range);
        taint
    }

    pub(super) fn callbacks(&mut self, path: &str, arguments: &Arguments, range: TextRange) {
        let runs = RUNNERS.contains(&path)
            || path.ends_with(".submit")
            || path.ends_with(".run_in_executor")
            || path.ends_with(".apply_async");
        if !runs {
            return;
        }
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
                let given = items.or(flat).unwrap_or(rest);
                self.call(value, Arguments::of(given), range);
                return;
            }
        }
        for name in ["target", "function", "on_press", "on_release", "func"] {
            if let Some(value) = arguments.keyword(name) {
                let sink = value.as_path().is_some_and(|p| sinks::kind_of(p).is_some());
                if self.is_callable(value) || sink {
                    let value = value.clone();
                    self.call(&value, Arguments::of(items.clone().unwrap_or_default()), range);
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
