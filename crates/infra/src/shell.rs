//! A command line of a POSIX shell, split into simple commands and words with their places.
//!
//! Not a shell: expansions beyond variables stay as they are written, and a word that still holds one is marked open.

use crate::{
    mapped::Mapped,
    resource::{Command, Word},
};
use std::{collections::BTreeMap, ops::Range};

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
    let mut splitter = Splitter::new(script, lookup);
    splitter.run();
    let mut bodies = std::mem::take(&mut splitter.bodies).into_iter().peekable();
    let mut out = Vec::new();
    for (i, command) in splitter.commands.into_iter().enumerate() {
        let from = out.len();
        unwrap_into(command, script, lookup, depth, &mut out);
        // What a shell is given to read is a script; what anything else is given is its input.
        let to_shell = out.get(from..).is_some_and(|own| own.iter().any(reads_script));
        while let Some((_, body)) = bodies.next_if(|(owner, _)| *owner <= i) {
            if to_shell && depth < DEEPEST {
                out.extend(split_at(&script.slice(body), lookup, depth.saturating_add(1)));
            }
        }
    }
    out
}

/// The one word that a text is, with its quotes read; `None` where it is several.
pub(crate) fn one_word(text: &Mapped, lookup: Lookup<'_>) -> Option<Word> {
    let mut splitter = Splitter::new(text, lookup);
    splitter.run();
    match <[Command; 1]>::try_from(splitter.commands) {
        Ok([command]) => <[Word; 1]>::try_from(command.words).ok().map(|[word]| word),
        Err(_) => None,
    }
}

/// Whether a command is a shell that reads its script from where its input comes from.
fn reads_script(command: &Command) -> bool {
    let shell = matches!(command.program(), "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh");
    shell
        && command
            .words
            .iter()
            .skip(1)
            .all(|w| w.text.starts_with(['-', '<', '>']) || w.text.ends_with("<<"))
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
    let shell = matches!(
        command.program(),
        "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "su" | "runuser"
    );
    if let ("eval", [_, script]) = (command.program(), command.words.as_slice()) {
        return Some(script);
    }
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
        let found = script.position_of(word.span.start);
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
            "command"
                if command
                    .words
                    .get(1)
                    .is_some_and(|w| matches!(w.text.as_str(), "-v" | "-V")) =>
            {
                0
            }
            "then" | "do" | "else" | "elif" | "if" | "while" | "until" | "{" | "!" | "eval" => 1,
            "xargs" => {
                let input = Word {
                    text: "$(xargs)".to_owned(),
                    span: first.span.clone(),
                    open: true,
                };
                let skip = wrapped(&command.words, (XARGS, 0));
                // With `-I{}` it stands where the braces do.
                let placed = command.words.iter().take(skip).any(|w| w.text.starts_with("-I"));
                if !placed && skip < command.words.len() {
                    command.words.push(input);
                }
                skip
            }
            name if wrapper(name).is_some() => wrapped(&command.words, wrapper(name).unwrap_or_default()),
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

/// What stands before a program and runs it: the options of it that take a value, and how many words it takes besides.
type Wrapper = (&'static [&'static str], usize);

fn wrapper(name: &str) -> Option<Wrapper> {
    let takes: &[&str] = match name {
        "nohup" | "travis_retry" | "retry" | "unbuffer" | "setsid" | "catchsegv" | "command"
        | "eatmydata" => &[],
        "exec" => &["-a"],
        "time" => &["-f", "-o", "--format", "--output"],
        "env" => &["-u", "--unset", "-C", "--chdir"],
        "sudo" | "doas" => &[
            "-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-r", "-t", "-T", "-D",
            "-R",
        ],
        "nice" => &["-n", "--adjustment"],
        "ionice" => &["-c", "-n", "-p"],
        "stdbuf" => &["-i", "-o", "-e"],
        "xvfb-run" => &["-s", "--server-args", "-n", "-e", "-f"],
        "timeout" => return Some((&["-k", "--kill-after", "-s", "--signal"], 1)),
        "gosu" | "su-exec" => return Some((&[], 1)),
        "chroot" => return Some((&[], 1)),
        "travis_wait" => &[],
        _ => return None,
    };
    Some((takes, 0))
}

/// Options of `xargs` that take a value.
const XARGS: &[&str] = &[
    "-n",
    "-P",
    "-L",
    "-I",
    "-i",
    "-a",
    "-d",
    "-E",
    "-s",
    "--max-args",
    "--max-procs",
    "--arg-file",
    "--delimiter",
];

/// How many words stand before the program that a wrapper runs.
fn wrapped(words: &[Word], (takes, besides): Wrapper) -> usize {
    let mut at = 1_usize;
    while let Some(word) = words.get(at).filter(|w| w.text.starts_with('-')) {
        let by = if takes.contains(&word.text.as_str()) { 2 } else { 1 };
        at = at.saturating_add(by);
        if word.text == "--" {
            break;
        }
    }
    at.saturating_add(besides)
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
    /// Heredocs whose bodies begin with the next line: the place of their command, their end, and whether tabs in
    /// front of it are passed over.
    awaited: Vec<(usize, String, bool)>,
    /// Bodies of heredocs, each with the place of its command.
    bodies: Vec<(usize, Range<usize>)>,
    /// The places of lines by their text, made when the first heredoc asks.
    lines: Option<BTreeMap<String, Vec<Line>>>,
}

/// Where a line begins, where the next does, and whether tabs stand in front of it.
type Line = (usize, usize, bool);

impl<'a> Splitter<'a> {
    fn new(script: &'a Mapped, lookup: Lookup<'a>) -> Self {
        Self {
            script,
            lookup,
            at: 0,
            commands: Vec::new(),
            current: Command::default(),
            awaited: Vec::new(),
            bodies: Vec::new(),
            lines: None,
        }
    }
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
                '\n' => {
                    self.at = self.at.saturating_add(1);
                    self.end_command(false);
                    self.heredocs();
                }
                ';' | '(' | ')' => {
                    self.at = self.at.saturating_add(1);
                    self.end_command(false);
                }
                '\\' if self.continues().is_some() => self.at = self.continues().unwrap_or(self.at),
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

    /// Where a line goes on that a backslash here continues.
    fn continues(&self) -> Option<usize> {
        let next = self.at.saturating_add(1);
        let feed = match self.script.get(next)? {
            '\n' => next,
            '\r' if self.script.get(next.saturating_add(1)) == Some('\n') => next.saturating_add(1),
            _ => return None,
        };
        Some(feed.saturating_add(1))
    }

    /// Passes over the bodies of the heredocs of the line that ended here. One whose end is nowhere is none: it was a
    /// shift of bits.
    fn heredocs(&mut self) {
        for (owner, name, strip) in std::mem::take(&mut self.awaited) {
            let lines = self.lines.get_or_insert_with(|| lines_of(self.script));
            let places = lines.get(&name).map_or(&[][..], Vec::as_slice);
            let from = places.partition_point(|(start, ..)| *start < self.at);
            let end = places
                .get(from..)
                .and_then(|p| p.iter().find(|(.., tabs)| strip || !tabs));
            if let Some((start, next, _)) = end {
                self.bodies.push((owner, self.at..*start));
                self.at = *next;
            }
        }
    }

    /// Reads `<<EOF`, `<<-'EOF'`, `<< "EOF"` on into the word.
    fn heredoc(&mut self, text: &mut String) {
        text.push_str("<<");
        self.at = self.at.saturating_add(2);
        let strip = self.eat('-');
        while self.peek().is_some_and(|c| matches!(c, ' ' | '\t')) {
            self.at = self.at.saturating_add(1);
        }
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '<' | '>') || name.len() > 256 {
                break;
            }
            self.at = self.at.saturating_add(1);
            if !matches!(c, '"' | '\'' | '\\') {
                name.push(c);
            }
        }
        text.push_str(&name);
        if !name.is_empty() {
            self.awaited.push((self.commands.len(), name, strip));
        }
    }

    /// Parts what an unquoted variable held at its blanks, as a shell does.
    fn part(&mut self, text: &mut String, from: usize, start: usize) {
        let held = text.split_off(from);
        if !held.contains(char::is_whitespace) {
            text.push_str(&held);
            return;
        }
        let ends = held.ends_with(char::is_whitespace);
        if held.starts_with(char::is_whitespace) {
            self.push(std::mem::take(text), start, false);
        }
        let mut pieces = held.split_whitespace().peekable();
        while let Some(piece) = pieces.next() {
            text.push_str(piece);
            if ends || pieces.peek().is_some() {
                self.push(std::mem::take(text), start, false);
            }
        }
    }

    fn push(&mut self, text: String, start: usize, open: bool) {
        if !text.is_empty() {
            let span = self.script.span(start..self.at);
            self.current.words.push(Word { text, span, open });
        }
    }

    fn word(&mut self) {
        let start = self.at;
        let mut text = String::new();
        let mut open = false;
        let mut quoted = false;
        while let Some(c) = self.peek() {
            match c {
                '\'' => {
                    quoted = true;
                    self.at = self.at.saturating_add(1);
                    while let Some(c) = self.next().filter(|c| *c != '\'') {
                        text.push(c);
                    }
                }
                '"' => {
                    quoted = true;
                    self.at = self.at.saturating_add(1);
                    self.double_quoted(&mut text, &mut open);
                }
                '\\' if self.continues().is_some() => self.at = self.continues().unwrap_or(self.at),
                '\\' => {
                    self.at = self.at.saturating_add(1);
                    text.extend(self.next());
                }
                '$' => {
                    let (from, was_open) = (text.len(), open);
                    self.variable(&mut text, &mut open);
                    if open == was_open && !open {
                        self.part(&mut text, from, start);
                    }
                }
                '`' => self.backticks(&mut text, &mut open),
                // `<(` is one word; other redirections are words of their own, which no rule minds.
                '<' | '>' if self.script.get(self.at.saturating_add(1)) == Some('(') => {
                    text.push(c);
                    self.at = self.at.saturating_add(1);
                    self.parenthesis(&mut text);
                    open = true;
                }
                '<' if self.is_heredoc() => self.heredoc(&mut text),
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
        if quoted && text.is_empty() {
            let span = self.script.span(start..self.at);
            self.current.words.push(Word { text, span, open });
        } else {
            self.push(text, start, open);
        }
    }

    /// Whether `<<` stands here, and neither `<<<` nor the rest of one.
    fn is_heredoc(&self) -> bool {
        let at = |i: usize| self.script.get(self.at.saturating_add(i));
        let before = self.at.checked_sub(1).and_then(|i| self.script.get(i));
        at(1) == Some('<') && at(2) != Some('<') && before != Some('<')
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

/// The lines of a script by their text without tabs in front.
fn lines_of(script: &Mapped) -> BTreeMap<String, Vec<Line>> {
    let mut out: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    let (mut start, mut text, mut tabs) = (0_usize, String::new(), false);
    for at in 0..=script.len() {
        let c = script.get(at);
        if let Some(c) = c.filter(|c| *c != '\n') {
            if c == '\t' && text.is_empty() {
                tabs = true;
            } else {
                text.push(c);
            }
            continue;
        }
        let next = at.saturating_add(1);
        let line = text.trim_end_matches('\r').to_owned();
        out.entry(line).or_default().push((start, next, tabs));
        text.clear();
        (start, tabs) = (next, false);
    }
    out
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
    fn lines_go_on_behind_an_operator() {
        assert_snapshot!(show("a && \\\n  b c \\\n  d || \\\r\n e"), @r"
        a
        b · c · d
        e
        ");
    }

    #[test]
    fn heredocs_are_input_and_scripts_only_of_shells() {
        assert_snapshot!(show("cat <<EOF > x && a\nb evil\nEOF\nc <<-'Q' <<R\n\td evil\n\tQ\ne evil\nR\nsudo bash -s <<S\nf good\nS\ng $((1<<2))\nlet x=1<<3\nh"), @r"
        cat · <<EOF · > · x
        a
        c · <<Q · <<R
        bash · -s · <<S
        f · good
        g · $((1<<2))?
        let · x=1<<3
        h
        ");
    }

    #[test]
    fn many_heredocs_without_an_end_cost_what_they_are() {
        let script: String = (0..20_000).map(|i| format!("a <<E{i}\n")).collect();
        assert_eq!(super::script(&script, 0).len(), 20_000);
    }

    #[test]
    fn many_scripts_in_scripts_cost_what_they_are() {
        let script = "sh -c 'a b'\n".repeat(20_000);
        let commands = super::script(&script, 0);
        assert_eq!(commands.len(), 20_000);
        let last = commands.last().unwrap().words.last().unwrap();
        assert_eq!(&script[last.span.clone()], "b");
    }

    #[test]
    fn programs_are_found_behind_what_runs_them() {
        let wrapped = "sudo -u app -H a 1; env -i A=b a 2; timeout -k 5 300 a 3; nice -n 10 a 4; gosu app a 5\n\
                       command -v a; retry a 6; eval 'a 7'; su app -c 'a 8'; exec -a n a 9; stdbuf -oL a 10\n\
                       cat r | xargs -n 1 a; xargs -I{} a {} < r; time -p a 11; elif a 12; then";
        assert_snapshot!(show(wrapped), @r"
        a · 1
        a · 2
        a · 3
        a · 4
        a · 5
        command · -v · a
        a · 6
        a · 7
        a · 8
        a · 9
        a · 10
        cat · r
        | a · $(xargs)?
        a · {} · < · r
        a · 11
        a · 12
        ");
    }

    #[test]
    fn unquoted_variables_are_parted_at_blanks() {
        let lookup = |name: &str| match name {
            "P" => Some("a==1 b==2".to_owned()),
            "E" => Some(String::new()),
            _ => None,
        };
        let commands = split(&Mapped::at("x $P \"$P\" $E y$P-z $Q", 0), &lookup);
        let words: Vec<&str> = commands[0].words.iter().map(|w| w.text.as_str()).collect();
        assert_eq!(words, ["x", "a==1", "b==2", "a==1 b==2", "ya==1", "b==2-z", "$Q"]);
    }

    #[test]
    fn words_know_their_places() {
        let script = r#"bash -c "cd /x && jupyter lab --ip 0.0.0.0""#;
        let commands = split(&Mapped::at(script, 0), &|_| None);
        let word = commands[1].words.last().unwrap();
        assert_eq!(&script[word.span.clone()], "0.0.0.0");
    }
}
