//! A command line of a POSIX shell, split into simple commands and words with their places.
//!
//! Not a shell: expansions beyond variables stay as they are written, and a word that still holds one is marked open.

use crate::{
    mapped::Mapped,
    resource::{Command, Word},
};
use std::ops::Range;

/// Looks up a variable.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The longest word that substitution may make.
const LONGEST: usize = 64 << 10;

/// How deep `sh -c` in `sh -c` is followed.
const DEEPEST: usize = 4;

/// Splits a shell script that stands at byte `at` of a file into simple commands, wrappers such as `sudo` and `sh -c`
/// taken away.
pub fn script(text: &str, at: usize) -> Vec<Command> {
    split(&Mapped::at(text, at), &|_| None)
}

/// The same of a script that is a scalar of another file, quoted, escaped or folded as that file has it.
///
/// Expressions of a workflow (`${{ matrix.torch }}`) are variables whose value is not known, whatever they hold.
pub fn script_in(text: &str, file: &str, span: &Range<usize>) -> Vec<Command> {
    let mut script = Mapped::scalar(text, file, span);
    let mut at = 0_usize;
    while at < script.len() {
        let opens = |i: usize, c: char| script.get(at.saturating_add(i)) == Some(c);
        if !(opens(0, '$') && opens(1, '{') && opens(2, '{')) {
            at = at.saturating_add(1);
            continue;
        }
        let from = at.saturating_add(2);
        let closed = |i: &usize| script.get(*i) == Some('}') && script.get(i.saturating_add(1)) == Some('}');
        let Some(end) = (from..script.len()).find(closed) else {
            break;
        };
        (from..=end).for_each(|i| script.set(i, '_'));
        at = end.saturating_add(2);
    }
    split(&script, &|_| None)
}

/// Splits a script into simple commands, in order.
pub(crate) fn split(script: &Mapped, lookup: Lookup<'_>) -> Vec<Command> {
    split_at(script, lookup, 0)
}

fn split_at(script: &Mapped, lookup: Lookup<'_>, depth: usize) -> Vec<Command> {
    let mut splitter = Splitter {
        script,
        lookup,
        at: 0,
        commands: Vec::new(),
        current: Command::default(),
    };
    splitter.run();
    let mut out = Vec::new();
    for command in splitter.commands {
        unwrap_into(command, script, lookup, depth, &mut out);
    }
    out
}

/// Puts a command given as words (the exec form) into `out`, with `sh -c` unwrapped.
pub(crate) fn from_words(words: Vec<Word>, file: &str) -> Vec<Command> {
    let mut out = Vec::new();
    let command = Command {
        words,
        ..Command::default()
    };
    let script = script_of(&command).map(|w| Mapped::scalar(&w.text, file, &w.span));
    match script {
        Some(script) => out.extend(split_at(&script, &|_| None, 1)),
        None => out.push(strip(command)),
    }
    out
}

/// The script of `sh -c script`.
fn script_of(command: &Command) -> Option<&Word> {
    let shell = matches!(command.program(), "sh" | "bash" | "dash" | "ash" | "zsh");
    let flag = command
        .words
        .iter()
        .position(|w| w.text.starts_with('-') && !w.text.starts_with("--") && w.text.ends_with('c'))?;
    if !shell {
        return None;
    }
    command.words.get(flag.saturating_add(1))
}

fn unwrap_into(command: Command, script: &Mapped, lookup: Lookup<'_>, depth: usize, out: &mut Vec<Command>) {
    let inner = script_of(&command).filter(|_| depth < DEEPEST).map(|word| {
        let found = (0..script.len()).find(|i| script.span(*i..i.saturating_add(1)).start == word.span.start);
        let len = word.text.chars().count();
        // The word keeps its place if it is the same text there, give or take its quotes.
        let places = found.map(|i| [i.saturating_add(1), i]).into_iter().flatten();
        let same = places
            .map(|i| script.slice(i..i.saturating_add(len)))
            .find(|m| m.text() == word.text);
        same.unwrap_or_else(|| {
            let mut all = Mapped::default();
            word.text.chars().for_each(|c| all.push(c, word.span.start));
            all
        })
    });
    match inner {
        Some(inner) => {
            let mut inner = split_at(&inner, lookup, depth.saturating_add(1));
            if let Some(first) = inner.first_mut() {
                first.piped = command.piped;
            }
            out.extend(inner);
        }
        None => out.push(strip(command)),
    }
}

/// Takes away what only stands before a program: `exec`, `sudo`, `env A=b`, `nohup`, `tini --`, `A=b`.
fn strip(mut command: Command) -> Command {
    loop {
        let Some(first) = command.words.first() else {
            return command;
        };
        let is_assignment = first
            .text
            .split_once('=')
            .is_some_and(|(name, _)| is_name(name) && !first.text.starts_with('='));
        let skip = match command.program() {
            _ if is_assignment => 1,
            "exec" | "sudo" | "nohup" | "env" | "command" | "time" | "xvfb-run" | "gosu" | "su-exec" => 1,
            "then" | "do" | "else" | "if" | "while" | "{" | "!" => 1,
            "tini" | "dumb-init" => command
                .words
                .iter()
                .position(|w| w.text == "--")
                .map_or(1, |i| i.saturating_add(1)),
            "conda" | "micromamba" | "mamba" if command.words.get(1).is_some_and(|w| w.text == "run") => {
                conda_run(&command.words)
            }
            "poetry" | "pipenv" | "uv" | "pdm" | "hatch"
                if command.words.get(1).is_some_and(|w| w.text == "run")
                    && !command.words.iter().any(|w| w.text.starts_with("--with")) =>
            {
                2
            }
            "python" | "python3" if command.words.get(1).is_some_and(|w| w.text == "-m") => 2,
            _ => 0,
        };
        if skip == 0 {
            return command;
        }
        let before = command.words.drain(..skip.min(command.words.len()));
        if is_assignment {
            command.variables.extend(before);
        }
    }
}

/// How many words `conda run -n env --no-capture-output` takes before the program.
fn conda_run(words: &[Word]) -> usize {
    let mut at = 2_usize;
    while let Some(word) = words.get(at).filter(|w| w.text.starts_with('-')) {
        let takes_value = matches!(word.text.as_str(), "-n" | "--name" | "-p" | "--prefix" | "--cwd");
        at = at.saturating_add(if takes_value { 2 } else { 1 });
    }
    at
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

struct Splitter<'a> {
    script: &'a Mapped,
    lookup: Lookup<'a>,
    at: usize,
    commands: Vec<Command>,
    current: Command,
}

impl Splitter<'_> {
    fn peek(&self) -> Option<char> {
        self.script.get(self.at)
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(c)
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at = self.at.saturating_add(1);
        }
        found
    }

    fn end_command(&mut self, pipe: bool) {
        let next = Command {
            piped: pipe,
            ..Command::default()
        };
        let done = std::mem::replace(&mut self.current, next);
        if !done.words.is_empty() {
            self.commands.push(done);
        }
    }

    fn run(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                '\n' | ';' | '(' | ')' => {
                    self.at = self.at.saturating_add(1);
                    self.end_command(false);
                }
                '&' => {
                    self.at = self.at.saturating_add(1);
                    self.eat('&');
                    self.end_command(false);
                }
                '|' => {
                    self.at = self.at.saturating_add(1);
                    let or = self.eat('|');
                    self.eat('&');
                    self.end_command(!or);
                }
                '#' => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at = self.at.saturating_add(1);
                    }
                }
                c if c.is_whitespace() => self.at = self.at.saturating_add(1),
                _ => self.word(),
            }
        }
        self.end_command(false);
    }

    fn word(&mut self) {
        let start = self.at;
        let mut text = String::new();
        let mut open = false;
        while let Some(c) = self.peek() {
            match c {
                '\'' => {
                    self.at = self.at.saturating_add(1);
                    while let Some(c) = self.next().filter(|c| *c != '\'') {
                        text.push(c);
                    }
                }
                '"' => {
                    self.at = self.at.saturating_add(1);
                    self.double_quoted(&mut text, &mut open);
                }
                '\\' => {
                    self.at = self.at.saturating_add(1);
                    match self.next() {
                        Some('\n') | None => {}
                        Some(c) => text.push(c),
                    }
                }
                '$' => self.variable(&mut text, &mut open),
                '`' => self.backticks(&mut text, &mut open),
                // `<(` is one word; other redirections are words of their own, which no rule minds.
                '<' | '>' if self.script.get(self.at.saturating_add(1)) == Some('(') => {
                    text.push(c);
                    self.at = self.at.saturating_add(1);
                    self.parenthesis(&mut text);
                    open = true;
                }
                c if c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')') => break,
                c => {
                    text.push(c);
                    self.at = self.at.saturating_add(1);
                }
            }
            if text.len() > LONGEST {
                open = true;
                break;
            }
        }
        if self.at == start {
            self.at = self.at.saturating_add(1);
        }
        self.current.words.push(Word {
            text,
            span: self.script.span(start..self.at),
            open,
        });
    }

    fn double_quoted(&mut self, text: &mut String, open: &mut bool) {
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.at = self.at.saturating_add(1);
                    return;
                }
                '\\' => {
                    self.at = self.at.saturating_add(1);
                    match self.next() {
                        Some(c @ ('"' | '\\' | '$' | '`')) => text.push(c),
                        Some('\n') | None => {}
                        Some(c) => {
                            text.push('\\');
                            text.push(c);
                        }
                    }
                }
                '$' => self.variable(text, open),
                '`' => self.backticks(text, open),
                c => {
                    text.push(c);
                    self.at = self.at.saturating_add(1);
                }
            }
            if text.len() > LONGEST {
                *open = true;
                return;
            }
        }
    }

    fn variable(&mut self, text: &mut String, open: &mut bool) {
        let start = self.at;
        self.at = self.at.saturating_add(1);
        if self.peek() == Some('(') {
            text.push('$');
            self.parenthesis(text);
            *open = true;
            return;
        }
        if let Some((value, end)) = reference(self.script, start, self.lookup) {
            self.at = end;
            match value {
                Some(value) => text.push_str(&value),
                None => {
                    text.push_str(&self.script.slice(start..end).text());
                    *open = true;
                }
            }
        } else {
            text.push('$');
        }
    }

    /// Takes a balanced parenthesis as it is written.
    fn parenthesis(&mut self, text: &mut String) {
        let mut depth = 0_usize;
        while let Some(c) = self.next() {
            text.push(c);
            match c {
                '(' => depth = depth.saturating_add(1),
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 || text.len() > LONGEST {
                return;
            }
        }
    }

    fn backticks(&mut self, text: &mut String, open: &mut bool) {
        self.at = self.at.saturating_add(1);
        *open = true;
        text.push_str("$(");
        while let Some(c) = self.next().filter(|c| *c != '`') {
            text.push(c);
        }
        text.push(')');
    }
}

/// A variable reference at `start`: its value, and the position behind it. `None` where a dollar is only a dollar;
/// `Some((None, _))` where the variable is not known.
pub(crate) fn reference(text: &Mapped, start: usize, lookup: Lookup<'_>) -> Option<(Option<String>, usize)> {
    let mut at = start.saturating_add(1);
    let braced = text.get(at) == Some('{');
    if braced {
        at = at.saturating_add(1);
    }
    let first = at;
    while text
        .get(at)
        .is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        at = at.saturating_add(1);
    }
    let name = text.slice(first..at).text();
    if !is_name(&name) {
        return None;
    }
    if !braced {
        return Some((lookup(&name), at));
    }
    let operator = at;
    let mut depth = 1_usize;
    while depth > 0 {
        match text.get(at)? {
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = at.saturating_add(1);
    }
    let rest = text.slice(operator..at.saturating_sub(1)).text();
    Some((braced_value(&rest, lookup(&name)), at))
}

/// `${NAME:-default}` and its relatives, after the name.
fn braced_value(rest: &str, value: Option<String>) -> Option<String> {
    // An empty default says that the value is to come from outside, not that there is none.
    let default = |text: &str| (!text.contains('$') && !text.is_empty()).then(|| text.to_owned());
    if rest.is_empty() {
        return value;
    }
    if let Some(other) = rest.strip_prefix(":-").or_else(|| rest.strip_prefix(":=")) {
        return value.filter(|v| !v.is_empty()).or_else(|| default(other));
    }
    if let Some(other) = rest.strip_prefix('-').or_else(|| rest.strip_prefix('=')) {
        return value.or_else(|| default(other));
    }
    if rest.starts_with('?') || rest.starts_with(":?") {
        return value;
    }
    if let Some(other) = rest.strip_prefix(":+").or_else(|| rest.strip_prefix('+')) {
        return value.and_then(|_| default(other));
    }
    None
}

/// Substitutes variables in a text that no shell reads (`ENV`, `FROM`, `EXPOSE`, compose values).
pub(crate) fn substitute(text: &Mapped, lookup: Lookup<'_>, double_dollar: bool) -> Word {
    let mut out = String::new();
    let mut open = false;
    let mut at = 0_usize;
    while let Some(c) = text.get(at) {
        if c == '$' && double_dollar && text.get(at.saturating_add(1)) == Some('$') {
            out.push('$');
            at = at.saturating_add(2);
            continue;
        }
        match (c == '$').then(|| reference(text, at, lookup)).flatten() {
            Some((value, end)) => {
                open |= value.is_none();
                out.push_str(&value.unwrap_or_else(|| text.slice(at..end).text()));
                at = end;
            }
            None => {
                out.push(c);
                at = at.saturating_add(1);
            }
        }
        if out.len() > LONGEST {
            open = true;
            break;
        }
    }
    Word {
        text: out,
        span: text.whole(),
        open,
    }
}

/// A range of ports: `8888`, `8000-8010`, with or without `/tcp`.
pub(crate) fn port_range(text: &str) -> Option<Range<u32>> {
    let text = text.split('/').next().unwrap_or(text).trim();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last <= 65_535).then(|| first..last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn show(script: &str) -> String {
        let lookup = |name: &str| (name == "PORT").then(|| "5000".to_owned());
        let commands = split(&Mapped::at(script, 0), &lookup);
        let lines: Vec<_> = commands
            .iter()
            .map(|c| {
                let words: Vec<_> = c
                    .words
                    .iter()
                    .map(|w| format!("{}{}", w.text, if w.open { "?" } else { "" }))
                    .collect();
                format!("{}{}", if c.piped { "| " } else { "" }, words.join(" · "))
            })
            .collect();
        lines.join("\n")
    }

    #[test]
    fn scripts_are_split_as_a_shell_would() {
        assert_snapshot!(show(r#"a 'b c' "d $PORT" e\ f && g; curl -s x | sudo sh -s -- y # no"#), @r#"
        a · b c · d 5000 · e f
        g
        curl · -s · x
        | sh · -s · -- · y
        "#);
        assert_snapshot!(show("exec mlflow server --port ${PORT:-1} --host ${HOST:-0.0.0.0} $X"), @"mlflow · server · --port · 5000 · --host · 0.0.0.0 · $X?");
        assert_snapshot!(show(r#"bash -c "cd /x && jupyter lab --token=''" || true"#), @r#"
        cd · /x
        jupyter · lab · --token=
        true
        "#);
        assert_snapshot!(show(r#"sh -c "$(curl -fsSL https://a.example/i.sh)"; bash <(curl a); A=1 env B=2 python -m mlflow ui"#), @r#"
        $(curl -fsSL https://a.example/i.sh)?
        bash · <(curl a)?
        mlflow · ui
        "#);
    }

    #[test]
    fn words_know_their_places() {
        let script = r#"bash -c "cd /x && jupyter lab --ip 0.0.0.0""#;
        let commands = split(&Mapped::at(script, 0), &|_| None);
        let word = commands[1].words.last().unwrap();
        assert_eq!(&script[word.span.clone()], "0.0.0.0");
    }
}
