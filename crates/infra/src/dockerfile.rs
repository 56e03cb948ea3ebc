//! Dockerfiles: stages, what they run, and where each word stands.
//!
//! Our own reader, since those that exist fail on heredocs or split the exec form wrongly over continued lines. It
//! never rejects: an instruction it does not know is skipped, as newer builders add some every year.

use crate::{
    mapped::Mapped,
    resource::{Command, Configuration, ConfigurationKind, Mount, Port, Resource, Variable, Word, file_name},
    shell,
};
use std::{collections::BTreeMap, ops::Range, sync::Arc};
use wellhead_core::{Budget, Exhausted, Outcome};

/// How many stages a stage may build on in a row, and how many instructions are kept.
const MOST_STAGES: usize = 500;

/// How many files one instruction copies.
const MOST_COPIED: usize = 64;

/// Understands a Dockerfile. It never fails: what is not understood is skipped, and the outcome says when the budget
/// ran out.
pub fn dockerfile(text: &str, budget: &mut Budget) -> Configuration {
    let (resources, outcome) = stages(text, 0, budget);
    Configuration {
        text: Arc::from(text),
        kind: ConfigurationKind::Dockerfile,
        resources,
        outcome,
    }
}

/// The stages of a Dockerfile that begins at byte `from` of a text and goes to its end.
pub(crate) fn stages(text: &str, from: usize, budget: &mut Budget) -> (Vec<Resource>, Outcome) {
    let mut reader = Reader {
        text,
        resources: Vec::new(),
        states: Vec::new(),
        global: BTreeMap::new(),
    };
    let outcome = match reader.read(from, budget) {
        Ok(()) if reader.resources.is_empty() => Outcome::Partly {
            why: "no `FROM` instruction".to_owned(),
        },
        Ok(()) => Outcome::Analysed,
        Err(why) => Outcome::Partly { why: why.to_string() },
    };
    reader.finish();
    (reader.resources, outcome)
}

/// One instruction with its continued lines joined.
struct Instruction {
    keyword: String,
    span: Range<usize>,
    rest: Mapped,
    heredocs: Vec<Range<usize>>,
}

/// What a stage says besides its resource.
#[derive(Clone, Default)]
struct Stage {
    variables: BTreeMap<String, String>,
    entrypoint: Option<Start>,
    command: Option<Start>,
    own_start: bool,
}

#[derive(Clone)]
struct Start {
    commands: Vec<Command>,
    exec: bool,
}

struct Reader<'a> {
    text: &'a str,
    resources: Vec<Resource>,
    states: Vec<Stage>,
    /// `ARG` before the first `FROM`.
    global: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, from: usize, budget: &mut Budget) -> Result<(), Exhausted> {
        let mut lines = Lines::new(self.text, from);
        while let Some(instruction) = lines.instruction(budget)? {
            self.instruction(&instruction);
            if self.resources.len() > MOST_STAGES {
                break;
            }
        }
        Ok(())
    }

    fn value(&self, name: &str) -> Option<String> {
        let here = self.states.last().map_or(&self.global, |s| &s.variables);
        here.get(name).cloned()
    }

    fn instruction(&mut self, instruction: &Instruction) {
        let rest = &instruction.rest;
        match instruction.keyword.as_str() {
            "FROM" => self.from(instruction),
            "ARG" => {
                for (name, value, _) in self.pairs(rest, false) {
                    let value = value.map(|w| w.text);
                    let inherited = self.global.get(&name).cloned();
                    if let Some(value) = value.or(inherited) {
                        self.scope().insert(name, value);
                    }
                }
            }
            "ENV" => {
                for (name, value, span) in self.pairs(rest, true) {
                    if let Some(word) = value.as_ref().filter(|w| !w.open) {
                        self.scope().insert(name.clone(), word.text.clone());
                    }
                    if let Some(resource) = self.resources.last_mut() {
                        resource.environment.push(Variable { name, value, span });
                    }
                }
            }
            "EXPOSE" => self.expose(rest),
            "COPY" | "ADD" => self.copied(instruction),
            // It runs in what is built on this, and is written here.
            "ONBUILD" => {
                let rest = rest.trimmed();
                let end = (0..rest.len()).find(|i| rest.get(*i).is_some_and(char::is_whitespace));
                let end = end.unwrap_or(rest.len());
                if rest.slice(0..end).text().eq_ignore_ascii_case("RUN") {
                    let instruction = Instruction {
                        keyword: "RUN".to_owned(),
                        span: instruction.span.clone(),
                        rest: rest.slice(end..usize::MAX),
                        heredocs: Vec::new(),
                    };
                    self.instruction(&instruction);
                }
            }
            "RUN" => {
                let start = self.start(instruction);
                if let Some(resource) = self.resources.last_mut() {
                    resource.build.extend(start.commands);
                }
            }
            "CMD" | "ENTRYPOINT" => {
                let start = self.start(instruction);
                if let Some(state) = self.states.last_mut() {
                    state.own_start = true;
                    if instruction.keyword == "CMD" {
                        state.command = Some(start);
                    } else {
                        // A new entry point discards a command that only the parent set.
                        state.entrypoint = Some(start);
                    }
                }
            }
            _ => {}
        }
        if let Some(resource) = self.resources.last_mut() {
            resource.span.end = resource.span.end.max(instruction.span.end);
        }
    }

    fn scope(&mut self) -> &mut BTreeMap<String, String> {
        match self.states.last_mut() {
            Some(state) => &mut state.variables,
            None => &mut self.global,
        }
    }

    fn from(&mut self, instruction: &Instruction) {
        let words: Vec<Mapped> = plain_words(&instruction.rest)
            .into_iter()
            .filter(|w| w.get(0) != Some('-') || w.get(1) != Some('-'))
            .collect();
        let global = &self.global;
        let image = words
            .first()
            .map(|w| shell::substitute(w, &|name| global.get(name).cloned(), false));
        let is_as = words.get(1).is_some_and(|w| w.text().eq_ignore_ascii_case("as"));
        let name = words
            .get(2)
            .filter(|_| is_as)
            .map(Mapped::text)
            .unwrap_or_default();
        let parent = image.as_ref().and_then(|image| {
            self.resources
                .iter()
                .rposition(|r| !r.name.is_empty() && r.name.eq_ignore_ascii_case(&image.text))
        });
        let mut resource = Resource {
            name,
            span: instruction.span.clone(),
            image,
            builds: parent.is_some(),
            ..Resource::default()
        };
        let mut state = Stage::default();
        if let Some((old, before)) = parent.and_then(|i| Some((self.resources.get(i)?, self.states.get(i)?)))
        {
            resource.environment.clone_from(&old.environment);
            resource.ports.clone_from(&old.ports);
            resource.mounts.clone_from(&old.mounts);
            resource.origin = old.base().cloned();
            state = before.clone();
            state.own_start = false;
        }
        self.resources.push(resource);
        self.states.push(state);
    }

    /// `NAME=value other="a b"`, or the old `NAME value with spaces`.
    fn pairs(&self, rest: &Mapped, old_form: bool) -> Vec<(String, Option<Word>, Range<usize>)> {
        let words = plain_words(rest);
        let has_equals = words.first().is_some_and(|w| w.text().contains('='));
        let lookup = |name: &str| self.value(name);
        if old_form && !has_equals {
            let Some(name) = words.first() else {
                return Vec::new();
            };
            let value = rest.trimmed().slice(name.len()..usize::MAX).trimmed();
            let value = shell::substitute(&value, &lookup, false);
            return vec![(name.text(), Some(value), rest.trimmed().whole())];
        }
        let mut out = Vec::new();
        for word in words {
            let text = word.text();
            let Some((name, _)) = text.split_once('=') else {
                out.push((text, None, word.whole()));
                continue;
            };
            let from = name.chars().count().saturating_add(1);
            let value = word.slice(from..usize::MAX);
            // Quotes and escapes as a shell reads them; the value is one word whatever it holds.
            let parsed = shell::one_word(&value, &lookup);
            let value = parsed.unwrap_or_else(|| shell::substitute(&value, &lookup, false));
            out.push((name.to_owned(), Some(value), word.whole()));
        }
        out
    }

    /// Files that `COPY` puts into the image: of the context, or written beside it.
    fn copied(&mut self, instruction: &Instruction) {
        let mut words = plain_words(&instruction.rest);
        let flags = words.iter().map(Mapped::text).take_while(|w| w.starts_with("--"));
        let (mut skip, mut elsewhere) = (0_usize, false);
        for flag in flags {
            skip = skip.saturating_add(1);
            elsewhere |= flag.starts_with("--from");
        }
        words.drain(..skip.min(words.len()));
        let listed = exec_form(&instruction.rest.trimmed()).unwrap_or_default();
        let mut paths: Vec<Word> = if listed.is_empty() {
            let lookup = |name: &str| self.value(name);
            words
                .iter()
                .map(|w| shell::substitute(w, &lookup, false))
                .collect()
        } else {
            listed
        };
        let Some(target) = paths.pop().filter(|_| !elsewhere) else {
            return;
        };
        let several = paths.len() > 1 || target.text.ends_with('/');
        let mut bodies = instruction.heredocs.iter();
        for source in paths.into_iter().take(MOST_COPIED) {
            let written = source.text.strip_prefix("<<");
            let content = written.and_then(|_| bodies.next()).map(|body| Word {
                text: self.text.get(body.clone()).unwrap_or_default().to_owned(),
                span: body.clone(),
                open: false,
            });
            let name = file_name(written.unwrap_or(&source.text)).trim_matches(['"', '\'', '-']);
            let target = match several {
                true => format!("{}/{name}", target.text.trim_end_matches('/')),
                false => target.text.clone(),
            };
            if let Some(resource) = self.resources.last_mut() {
                resource.mounts.push(Mount {
                    target,
                    source: source.text,
                    content,
                    span: source.span,
                });
            }
        }
    }

    fn expose(&mut self, rest: &Mapped) {
        let ports: Vec<Port> = plain_words(rest)
            .iter()
            .map(|word| {
                let value = shell::substitute(word, &|name| self.value(name), false);
                Port {
                    container: shell::port_range(&value.text),
                    span: value.span,
                    ..Port::default()
                }
            })
            .collect();
        if let Some(resource) = self.resources.last_mut() {
            resource.ports.extend(ports);
        }
    }

    /// The commands of `RUN`, `CMD` or `ENTRYPOINT`, in either form.
    fn start(&self, instruction: &Instruction) -> Start {
        let mut rest = instruction.rest.trimmed();
        // Flags such as `--mount=…` stand before the command.
        while rest.get(0) == Some('-') && rest.get(1) == Some('-') {
            let end = (0..rest.len())
                .find(|i| rest.get(*i).is_some_and(char::is_whitespace))
                .unwrap_or(rest.len());
            rest = rest.slice(end..usize::MAX).trimmed();
        }
        if let Some(words) = exec_form(&rest) {
            return Start {
                commands: shell::from_words(words, self.text),
                exec: true,
            };
        }
        let variables = |name: &str| self.value(name);
        let mut commands = Vec::new();
        let text = rest.text();
        let is_only_heredoc = text.starts_with("<<") && !text.trim().contains(char::is_whitespace);
        let to_shell = ["sh ", "bash ", "/bin/sh ", "/bin/bash "]
            .iter()
            .any(|s| text.starts_with(s));
        if !is_only_heredoc {
            commands.extend(shell::split(&rest, &variables));
        }
        if is_only_heredoc || to_shell {
            for body in &instruction.heredocs {
                let script = self.text.get(body.clone()).unwrap_or_default();
                commands.extend(shell::split(&Mapped::at(script, body.start), &variables));
            }
        } else if let ([body], Some(command)) = (instruction.heredocs.as_slice(), commands.last_mut()) {
            let text = self.text.get(body.clone()).unwrap_or_default();
            command.input = Some(Word {
                text: text.to_owned(),
                span: body.clone(),
                open: text.contains(['$', '`']),
            });
        }
        Start {
            commands,
            exec: false,
        }
    }

    /// Joins entry points and commands.
    fn finish(&mut self) {
        for (resource, state) in self.resources.iter_mut().zip(&self.states) {
            resource.inherited_start = !state.own_start;
            let command = state.command.as_ref();
            if let Some(entry) = &state.entrypoint {
                resource.entrypoint.clone_from(&entry.commands);
                resource.closed_entrypoint = !entry.exec;
            }
            resource.start = match &state.entrypoint {
                Some(entry) if entry.exec => {
                    let mut commands = entry.commands.clone();
                    if let (Some(mut last), Some(more)) = (commands.pop(), command) {
                        // `ENTRYPOINT ["bash", "-c"]` takes its script from the command.
                        let to_shell = last.words.last().is_some_and(|w| w.text == "-c");
                        let words = more.commands.iter().flat_map(|c| c.words.iter().cloned());
                        last.words.extend(words);
                        if to_shell {
                            commands.extend(shell::from_words(last.words, self.text));
                        } else {
                            commands.push(last);
                        }
                    } else {
                        commands.clone_from(&entry.commands);
                    }
                    commands
                }
                Some(entry) => entry.commands.clone(),
                None => command.map(|c| c.commands.clone()).unwrap_or_default(),
            };
        }
    }
}

/// Words parted by blanks, with quotes and escapes left in place.
fn plain_words(text: &Mapped) -> Vec<Mapped> {
    let mut out = Vec::new();
    let (mut start, mut quote) = (None, None);
    let mut at = 0_usize;
    while let Some(c) = text.get(at) {
        match (quote, c) {
            (None, c) if c.is_whitespace() => {
                if let Some(from) = start.take() {
                    out.push(text.slice(from..at));
                }
            }
            (None, c) => {
                start.get_or_insert(at);
                if matches!(c, '"' | '\'') {
                    quote = Some(c);
                } else if c == '\\' {
                    at = at.saturating_add(1);
                }
            }
            (Some('"'), '\\') => at = at.saturating_add(1),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
        at = at.saturating_add(1);
    }
    if let Some(from) = start {
        out.push(text.slice(from..text.len()));
    }
    out
}

/// `["a", "b"]`, or nothing where it is not exactly that: the builder then takes the shell form.
fn exec_form(text: &Mapped) -> Option<Vec<Word>> {
    let mut at = 0_usize;
    let blank = |at: &mut usize| {
        while text.get(*at).is_some_and(char::is_whitespace) {
            *at = at.saturating_add(1);
        }
    };
    if text.get(at) != Some('[') {
        return None;
    }
    at = at.saturating_add(1);
    let mut words = Vec::new();
    blank(&mut at);
    if text.get(at) == Some(']') {
        return Some(words);
    }
    loop {
        blank(&mut at);
        let start = at;
        let word = json_string(text, &mut at)?;
        // The place is what stands between the quotes.
        let inner = text.span(start.saturating_add(1)..at.saturating_sub(1));
        words.push(Word {
            text: word,
            span: inner,
            open: false,
        });
        blank(&mut at);
        match text.get(at)? {
            ',' => at = at.saturating_add(1),
            ']' => break,
            _ => return None,
        }
    }
    at = at.saturating_add(1);
    blank(&mut at);
    (at >= text.len()).then_some(words)
}

fn json_string(text: &Mapped, at: &mut usize) -> Option<String> {
    if text.get(*at)? != '"' {
        return None;
    }
    let mut out = String::new();
    loop {
        *at = at.saturating_add(1);
        match text.get(*at)? {
            '"' => {
                *at = at.saturating_add(1);
                return Some(out);
            }
            '\\' => {
                *at = at.saturating_add(1);
                match text.get(*at)? {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    'b' => out.push('\u{8}'),
                    'f' => out.push('\u{c}'),
                    'u' => {
                        let from = at.saturating_add(1);
                        let hex = text.slice(from..from.saturating_add(4)).text();
                        let code = u32::from_str_radix(&hex, 16).ok()?;
                        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                        *at = at.saturating_add(4);
                    }
                    c @ ('"' | '\\' | '/') => out.push(c),
                    _ => return None,
                }
            }
            c => out.push(c),
        }
    }
}

/// Physical lines, joined to instructions.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    escape: char,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, from: usize) -> Self {
        let mut escape = '\\';
        let head = text.get(from..).unwrap_or_default();
        // Parser directives stand before everything else.
        for line in head.trim_start_matches('\u{feff}').lines() {
            let Some(directive) = line.trim().strip_prefix('#') else {
                break;
            };
            let Some((name, value)) = directive.split_once('=') else {
                break;
            };
            if name.trim().eq_ignore_ascii_case("escape") && value.trim() == "`" {
                escape = '`';
            }
        }
        let mark = if head.starts_with('\u{feff}') { 3 } else { 0 };
        Self {
            text,
            at: from.saturating_add(mark),
            escape,
        }
    }

    /// The next line without its ending, and where it starts.
    fn line(&mut self) -> Option<(&'a str, usize)> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|r| !r.is_empty())?;
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        self.at = start.saturating_add(line.len());
        Some((line.trim_end_matches(['\n', '\r']), start))
    }

    fn instruction(&mut self, budget: &mut Budget) -> Result<Option<Instruction>, Exhausted> {
        let mut joined = Mapped::default();
        let mut end = self.at;
        while let Some((line, start)) = self.line() {
            budget.steps((line.len() as u64).saturating_add(1))?;
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            end = start.saturating_add(line.trim_end().len());
            let content = line.trim_end();
            match content.strip_suffix(self.escape) {
                Some(more) => joined.extend(&Mapped::at(more, start)),
                None => {
                    joined.extend(&Mapped::at(content, start));
                    break;
                }
            }
        }
        let joined = joined.trimmed();
        if joined.len() == 0 {
            return Ok(None);
        }
        let split = (0..joined.len())
            .find(|i| joined.get(*i).is_some_and(char::is_whitespace))
            .unwrap_or(joined.len());
        let keyword = joined.slice(0..split).text().to_ascii_uppercase();
        let rest = joined.slice(split..usize::MAX).trimmed();
        let mut heredocs = Vec::new();
        if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
            for (name, strip) in heredoc_names(&rest.text()) {
                let (body, stop) = self.heredoc(&name, strip, budget)?;
                end = stop;
                heredocs.push(body);
            }
        }
        let start = joined.whole().start;
        Ok(Some(Instruction {
            keyword,
            span: start..end,
            rest,
            heredocs,
        }))
    }

    /// The body up to the line that is `name`.
    fn heredoc(
        &mut self,
        name: &str,
        strip: bool,
        budget: &mut Budget,
    ) -> Result<(Range<usize>, usize), Exhausted> {
        let start = self.at;
        while let Some((line, at)) = self.line() {
            budget.steps((line.len() as u64).saturating_add(1))?;
            let candidate = if strip {
                line.trim_start_matches('\t')
            } else {
                line
            };
            if candidate == name {
                return Ok((start..at, self.at));
            }
        }
        Ok((start..self.at, self.at))
    }
}

/// The names of heredocs (`<<EOF`, `<<-"EOF"`) and whether tabs are stripped; `<<<` is none.
fn heredoc_names(text: &str) -> Vec<(String, bool)> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<<") {
        rest = after;
        if before.ends_with('<') || after.starts_with('<') || out.len() >= 16 {
            continue;
        }
        let strip = after.starts_with('-');
        let after = after.strip_prefix('-').unwrap_or(after);
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let name: String = match quote {
            Some(q) => after.chars().skip(1).take_while(|c| *c != q).collect(),
            None => after
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-' || *c == '.')
                .collect(),
        };
        if !name.is_empty() {
            out.push((name, strip));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    pub(crate) fn show(configuration: &Configuration) -> String {
        let text = &configuration.text;
        let mut out = String::new();
        for r in &configuration.resources {
            out.push_str(&format!(
                "{:?} {:?}{}{}\n",
                r.name,
                r.image.as_ref().map(|i| i.text.as_str()).unwrap_or_default(),
                if r.builds { " builds" } else { "" },
                if r.inherited_start { " inherited" } else { "" }
            ));
            let commands = r
                .build
                .iter()
                .map(|c| ("run", c))
                .chain(r.start.iter().map(|c| ("start", c)));
            for (what, c) in commands {
                let words: Vec<_> = c
                    .words
                    .iter()
                    .map(|w| {
                        let source = &text[w.span.clone()];
                        if source == w.text {
                            w.text.clone()
                        } else {
                            format!("{}<{}>", w.text, source)
                        }
                    })
                    .collect();
                out.push_str(&format!(
                    "  {what} {}{}\n",
                    if c.piped { "| " } else { "" },
                    words.join(" · ")
                ));
            }
            for v in &r.environment {
                let value = v.value.as_ref().map_or("-", |w| w.text.as_str());
                out.push_str(&format!("  env {}={}\n", v.name, value));
            }
            for p in &r.ports {
                out.push_str(&format!("  port {:?}\n", p.container));
            }
        }
        out
    }

    fn read(text: &str) -> Configuration {
        dockerfile(text, &mut Budget::default())
    }

    #[test]
    fn both_forms_over_several_lines() {
        let text = r#"# syntax=docker/dockerfile:1
ARG BASE=python:3.12
FROM ${BASE} AS base
ENV HOST=0.0.0.0 PORT="5000" \
    NAME=a\ b
ENV OLD some value
# a remark
RUN apt-get update && \
    # inside
    curl -sSf https://a.example/x | sh

EXPOSE $PORT 8000-8010/tcp
CMD ["mlflow", "server", \
     "--host", "0.0.0.0"]
FROM base
ENTRYPOINT ["tini", "--"]
CMD mlflow server --host $HOST --port ${PORT}
from scratch as last
RUN --mount=type=cache,target=/x pip install a
CMD ["sh", "-c", "jupyter lab --ip=0.0.0.0 --NotebookApp.token=''"]
"#;
        assert_snapshot!(show(&read(text)), @r#"
        "base" "python:3.12"
          run apt-get · update
          run curl · -sSf · https://a.example/x
          run | sh
          start mlflow · server · --host · 0.0.0.0
          env HOST=0.0.0.0
          env PORT=5000
          env NAME=a b
          env OLD=some value
          port Some(5000..5001)
          port Some(8000..8011)
        "" "base" builds
          start mlflow · server · --host · 0.0.0.0<$HOST> · --port · 5000<${PORT}>
          env HOST=0.0.0.0
          env PORT=5000
          env NAME=a b
          env OLD=some value
          port Some(5000..5001)
          port Some(8000..8011)
        "last" "scratch"
          run pip · install · a
          start jupyter · lab · --ip=0.0.0.0 · --NotebookApp.token=<--NotebookApp.token=''>
        "#);
    }

    #[test]
    fn heredocs_are_scripts_or_files() {
        let text = "FROM a\nRUN <<EOF\nset -e\ncurl a | bash\nEOF\nRUN python3 <<X\nimport os\nX\nCOPY <<-\"CONF\" /etc/x\n\tCMD no\n\tCONF\nCMD run\n";
        assert_snapshot!(show(&read(text)), @r#"
        "" "a"
          run set · -e
          run curl · a
          run | bash
          run python3
          start run
        "#);
    }

    #[test]
    fn the_escape_may_be_a_backtick() {
        let text = "# escape=`\nFROM a\nCMD run `\n  C:\\x\n";
        assert_snapshot!(show(&read(text)), @r#"
        "" "a"
          start run · C:x<C:\x>
        "#);
    }

    #[test]
    fn a_variable_may_hold_several_words() {
        let text = "FROM a\nENV P=\"x==1 y==2\"\nRUN pip install $P \"$P\"\nONBUILD RUN pip install z\n";
        assert_snapshot!(show(&read(text)), @r#"
        "" "a" inherited
          run pip · install · x==1<$P> · y==2<$P> · x==1 y==2<"$P">
          run pip · install · z
          env P=x==1 y==2
        "#);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(FROM|RUN|CMD|ENV|ARG|EXPOSE|ENTRYPOINT|[ \\[\\]\"'\\\\$\\{\\}:=,<a-z\\n#-]){0,60}|\\PC{0,80}") {
            let configuration = read(&text);
            for r in &configuration.resources {
                for w in r.start.iter().chain(&r.build).flat_map(|c| &c.words) {
                    prop_assert!(text.get(w.span.clone()).is_some());
                }
            }
        }
    }
}
