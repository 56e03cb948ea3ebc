//! A command line of a POSIX shell, split into simple commands and words with their places.
//!
//! Not a shell: expansions beyond variables stay as they are written, and a word that still holds one is marked open.
//! Variables that the script itself sets once, to a value that is written there, are replaced; one that is set twice
//! is not known, whatever branch was taken. Here-documents are the input of their command, not commands.

mod wrapper;

use crate::{
    mapped::Mapped,
    resource::{Command, Word},
};
use std::{cell::Cell, collections::BTreeMap, ops::Range};
use wrapper::{assignment, strip};

/// Looks up a variable.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The longest word that substitution may make.
const LONGEST: usize = 64 << 10;

/// The longest value of a variable of the script that is kept.
const LONGEST_VALUE: usize = 512;

/// How much all variables of a script may become; those beyond stay as they are written.
const MOST_EXPANDED: usize = 64 << 10;

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
    // PowerShell continues a line behind a backtick.
    for i in 1..script.len() {
        let is = |at: usize, c: char| script.get(at) == Some(c);
        if is(i, '`') && is(i.saturating_add(1), '\n') && is(i.saturating_sub(1), ' ') {
            script.set(i, '\\');
        }
    }
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
    let mut commands = splitter.commands;
    // `cat <<EOF | bash`
    for i in 1..commands.len() {
        if let Some([(_, first), (_, second)]) = commands.get_mut(i.saturating_sub(1)..=i)
            && second.piped
            && second.input.is_none()
            && matches!(first.program(), "cat" | "envsubst" | "tee")
        {
            second.input = first.input.take();
        }
    }
    let mut substitutions = splitter.substitutions.into_iter().peekable();
    let mut out = Vec::new();
    for (i, (_, command)) in commands.into_iter().enumerate() {
        let is_script = unwrap_into(command, script, lookup, depth, &mut out);
        while let Some((_, inner)) = substitutions.next_if(|(owner, _)| *owner <= i) {
            // In a script of its own they were found there.
            if !is_script && depth < DEEPEST {
                out.extend(split_at(&script.slice(inner), lookup, depth.saturating_add(1)));
            }
        }
    }
    out
}

/// The one word that a text is, with its quotes read; `None` where it is several.
pub(crate) fn one_word(text: &Mapped, lookup: Lookup<'_>) -> Option<Word> {
    let mut splitter = Splitter::new(text, lookup);
    splitter.run();
    match <[(usize, Command); 1]>::try_from(splitter.commands) {
        Ok([(_, command)]) => <[Word; 1]>::try_from(command.words).ok().map(|[word]| word),
        Err(_) => None,
    }
}

/// Puts a command given as words (the exec form) into `out`, with `sh -c` unwrapped.
pub(crate) fn from_words(words: Vec<Word>, file: &str) -> Vec<Command> {
    let mut out = Vec::new();
    let command = strip(Command {
        words,
        ..Command::default()
    });
    let script = script_of(&command).map(|w| Mapped::scalar(&w.text, file, &w.span));
    match script {
        Some(script) => out.extend(split_at(&script, &|_| None, 1)),
        None => out.push(command),
    }
    out
}

/// Programs that read commands of a shell.
fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh")
}

/// The script of `sh -c script`, and of `sh <<EOF`.
fn script_of(command: &Command) -> Option<&Word> {
    let program = command.program();
    if let ("eval", [_, script]) = (program, command.words.as_slice()) {
        return Some(script);
    }
    let given = |flag: &dyn Fn(&str) -> bool| {
        let at = command.words.iter().position(|w| flag(&w.text))?;
        command.words.get(at.saturating_add(1))
    };
    if matches!(program, "powershell" | "pwsh" | "powershell.exe") {
        return given(&|w| w.eq_ignore_ascii_case("-c") || w.eq_ignore_ascii_case("-command"));
    }
    let shell = is_shell(program);
    let runs = shell || matches!(program, "su" | "runuser");
    // `-c` stands anywhere among other letters: `-lc`, `-cx`.
    let is_flags = |w: &str| {
        let letters = w.strip_prefix('-').unwrap_or_default();
        letters.contains('c') && letters.bytes().all(|b| b"abcefhiklmnprstuvxBCEHPT".contains(&b))
    };
    let script = given(&is_flags).filter(|_| runs);
    // `sbatch <<EOF` queues the script that it reads.
    let reads = shell || matches!(program, "sbatch" | "qsub" | "bsub");
    let is_file = |w: &Word| !w.text.starts_with(['-', '<', '>', '2']);
    script.or_else(|| {
        let bare = reads && !command.words.iter().skip(1).any(is_file);
        command.input.as_ref().filter(|_| bare)
    })
}

/// Puts a command into `out`, or the commands of the script that it is given; says which.
fn unwrap_into(
    mut command: Command,
    script: &Mapped,
    lookup: Lookup<'_>,
    depth: usize,
    out: &mut Vec<Command>,
) -> bool {
    command = strip(command);
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
                // What stands in the script itself comes from no other command.
                first.piped = command.piped && command.input.is_none();
            }
            out.extend(inner);
            true
        }
        None => {
            out.push(command);
            false
        }
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A here-document that begins with the next line.
struct Awaited {
    /// The place of the command that reads it.
    reader: usize,
    /// The line that ends it.
    end: String,
    /// Whether variables stay as they are.
    plain: bool,
    /// Whether tabs in front of its end are passed over.
    strip: bool,
}

/// Where a line begins, where the next does, and whether tabs stand in front of it.
type Line = (usize, usize, bool);

struct Splitter<'a> {
    script: &'a Mapped,
    lookup: Lookup<'a>,
    at: usize,
    /// Each with the character at which it begins.
    commands: Vec<(usize, Command)>,
    current: Command,
    began: usize,
    /// Here-documents that begin with the next line.
    awaited: Vec<Awaited>,
    /// The places of lines by their text, made when the first here-document asks.
    lines: Option<BTreeMap<String, Vec<Line>>>,
    /// What the script sets; `None` where that is not known.
    assigned: BTreeMap<String, Option<String>>,
    /// How many bytes variables of the script have made.
    expanded: Cell<usize>,
    /// What stands in `$(…)`, `` `…` `` and `<(…)`, each with the place of its command.
    substitutions: Vec<(usize, Range<usize>)>,
}

impl<'a> Splitter<'a> {
    fn new(script: &'a Mapped, lookup: Lookup<'a>) -> Self {
        Self {
            script,
            lookup,
            at: 0,
            commands: Vec::new(),
            current: Command::default(),
            began: 0,
            awaited: Vec::new(),
            lines: None,
            assigned: BTreeMap::new(),
            expanded: Cell::new(0),
            substitutions: Vec::new(),
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

    /// Whether the next characters are these.
    fn ahead(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(i, c)| self.script.get(self.at.saturating_add(i)) == Some(c))
    }

    fn end_command(&mut self, pipe: bool) {
        let next = Command {
            piped: pipe,
            ..Command::default()
        };
        let done = std::mem::replace(&mut self.current, next);
        if !done.words.is_empty() {
            self.assign(&done.words);
            self.commands.push((self.began, done));
        }
    }

    /// Remembers the variables that a command sets.
    fn assign(&mut self, words: &[Word]) {
        const DECLARE: &[&str] = &["export", "readonly", "declare", "local", "typeset"];
        let is = |word: &Word, names: &[&str]| names.contains(&word.text.as_str());
        // `while read A B`, `for A in`
        let sets = words
            .iter()
            .take(3)
            .position(|w| is(w, &["read", "for", "select"]));
        if let Some(at) = sets {
            for word in words
                .iter()
                .skip(at.saturating_add(1))
                .filter(|w| is_name(&w.text))
            {
                self.assigned.insert(word.text.clone(), None);
            }
            return;
        }
        let mut words = words
            .iter()
            .skip_while(|w| is(w, &["then", "do", "else", "{"]))
            .peekable();
        let declares = words.next_if(|w| is(w, DECLARE)).is_some();
        let words: Vec<&Word> = words.filter(|w| !(declares && w.text.starts_with('-'))).collect();
        let name_of = |word: &Word| {
            word.text
                .split_once('=')
                .map(|(name, _)| name.trim_end_matches('+').to_owned())
        };
        if !declares
            && !words
                .iter()
                .all(|w| name_of(w).is_some_and(|name| is_name(&name)))
        {
            return;
        }
        for word in words {
            let value = assignment(word)
                .map(|(_, value)| value)
                .filter(|value| !word.open && !value.is_empty() && value.len() <= LONGEST_VALUE);
            let Some(name) = name_of(word).filter(|name| is_name(name)) else {
                continue;
            };
            let known = self
                .assigned
                .entry(name)
                .or_insert_with(|| value.map(str::to_owned));
            if known.as_deref() != value {
                *known = None;
            }
        }
    }

    /// What a variable holds, as far as the script or what it runs in says so.
    fn value(&self, name: &str) -> Option<String> {
        let value = match self.assigned.get(name) {
            Some(value) => value.clone(),
            None => (self.lookup)(name),
        }?;
        let all = self.expanded.get().saturating_add(value.len());
        (all <= MOST_EXPANDED).then(|| {
            self.expanded.set(all);
            value
        })
    }

    fn run(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                // A line that ends in a bar goes on.
                '\n' if self.current.piped && self.current.words.is_empty() && self.awaited.is_empty() => {
                    self.at = self.at.saturating_add(1);
                }
                '\n' => {
                    self.at = self.at.saturating_add(1);
                    self.end_command(false);
                    self.here_documents();
                }
                ';' | '(' | ')' => {
                    // `A=(b c)` is a list.
                    let list = self
                        .current
                        .words
                        .last()
                        .filter(|w| c == '(' && w.text.ends_with('='));
                    if let Some(name) = list.map(|w| w.text.trim_end_matches(['=', '+']).to_owned()) {
                        self.assigned.insert(name, None);
                    }
                    self.at = self.at.saturating_add(1);
                    self.end_command(false);
                }
                '&' if self.ahead("&>") => self.word(),
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
                '\\' if self.ahead("\\\n") => self.at = self.at.saturating_add(2),
                '\\' if self.ahead("\\\r\n") => self.at = self.at.saturating_add(3),
                '<' if self.ahead("<<") && !self.ahead("<<<") => self.here(),
                c if c.is_whitespace() => self.at = self.at.saturating_add(1),
                _ => self.word(),
            }
        }
        self.end_command(false);
    }

    /// `<<EOF`, `<<-'EOF'`
    fn here(&mut self) {
        self.at = self.at.saturating_add(2);
        let strip = self.eat('-');
        while self.peek().is_some_and(|c| matches!(c, ' ' | '\t')) {
            self.at = self.at.saturating_add(1);
        }
        let mut end = String::new();
        let mut plain = false;
        while let Some(c) = self.peek() {
            if c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '<' | '>') || end.len() > 256 {
                break;
            }
            self.at = self.at.saturating_add(1);
            match c {
                '\'' | '"' | '\\' => plain = true,
                c => end.push(c),
            }
        }
        if !end.is_empty() {
            self.awaited.push(Awaited {
                reader: self.commands.len(),
                end,
                plain,
                strip,
            });
        }
    }

    /// Takes the lines of the here-documents that begin here. One whose end is nowhere is none: it was a shift of bits.
    fn here_documents(&mut self) {
        for Awaited {
            reader,
            end,
            plain,
            strip,
        } in std::mem::take(&mut self.awaited)
        {
            let lines = self.lines.get_or_insert_with(|| lines_of(self.script));
            let places = lines.get(&end).map_or(&[][..], Vec::as_slice);
            let from = places.partition_point(|(start, ..)| *start < self.at);
            let last = places
                .get(from..)
                .and_then(|p| p.iter().find(|(.., tabs)| strip || !tabs));
            let Some((stop, next, _)) = last else { continue };
            let text = self.script.slice(self.at..*stop).text();
            let open = !plain && text.contains(['$', '`']);
            if let Some((_, command)) = self.commands.get_mut(reader) {
                let span = self.script.span(self.at..*stop);
                command.input = Some(Word { text, span, open });
            }
            self.at = *next;
        }
    }

    fn word(&mut self) {
        let start = self.at;
        let mut text = String::new();
        let mut open = false;
        let mut quoted = false;
        // Values that a shell would split, and whether nothing else stands in the word.
        let mut split = false;
        // Whether the word is `NAME=…` as it is written; no shell splits what is set.
        let mut sets = false;
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
                '\\' if self.ahead("\\\r\n") => self.at = self.at.saturating_add(3),
                '\\' => {
                    self.at = self.at.saturating_add(1);
                    match self.next() {
                        Some('\n') | None => {}
                        Some(c) => text.push(c),
                    }
                }
                '$' => {
                    let before = (text.len(), open);
                    self.variable(&mut text, &mut open);
                    let value = text.get(before.0..).unwrap_or_default();
                    split |= open == before.1 && value.contains(char::is_whitespace);
                }
                '`' => self.backticks(&mut text, &mut open),
                // `<(` is one word; other redirections are words of their own, which no rule minds.
                '<' | '>' if self.script.get(self.at.saturating_add(1)) == Some('(') => {
                    text.push(c);
                    self.at = self.at.saturating_add(1);
                    self.parenthesis(&mut text);
                    open = true;
                }
                // `2>&1`, `&>`
                '&' if text.ends_with(['<', '>']) || (text.is_empty() && self.ahead("&>")) => {
                    text.push(c);
                    self.at = self.at.saturating_add(1);
                }
                c if c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')') => break,
                c => {
                    sets |= c == '=' && !split && is_name(&text);
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
        if self.current.words.is_empty() {
            self.began = start;
        }
        let span = self.script.span(start..self.at);
        if split && !quoted && !open && !sets {
            let parts = text.split_whitespace().take(LONGEST_VALUE);
            let words = parts.map(|part| Word {
                text: part.to_owned(),
                span: span.clone(),
                open,
            });
            self.current.words.extend(words);
            return;
        }
        if quoted || !text.is_empty() {
            self.current.words.push(Word { text, span, open });
        }
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
        let found = reference(self.script, start, &|name| self.value(name));
        if let Some((value, end)) = found {
            self.at = end;
            match value {
                Some(value) => text.push_str(&value),
                None => {
                    text.push_str(&self.script.slice(start..end).text());
                    *open = true;
                }
            }
        } else {
            // `$1`, `$@`: what the script is called with.
            *open |= self
                .peek()
                .is_some_and(|c| c.is_ascii_digit() || matches!(c, '@' | '*'));
            text.push('$');
        }
    }

    /// Takes a balanced parenthesis as it is written.
    fn parenthesis(&mut self, text: &mut String) {
        let start = self.at.saturating_add(1);
        self.balanced(text);
        // `$((1 + 2))` computes.
        if self.script.get(start) != Some('(') {
            self.substitute(start);
        }
    }

    /// Remembers the commands from `start` to the character before this one.
    fn substitute(&mut self, start: usize) {
        let end = self.at.saturating_sub(1);
        if start < end {
            self.substitutions.push((self.commands.len(), start..end));
        }
    }

    fn balanced(&mut self, text: &mut String) {
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
        let start = self.at;
        *open = true;
        text.push_str("$(");
        while let Some(c) = self.next().filter(|c| *c != '`') {
            text.push(c);
        }
        text.push(')');
        self.substitute(start);
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
    Some((braced_value(&rest, lookup(&name), lookup), at))
}

/// `${NAME:-default}` and its relatives, after the name.
fn braced_value(rest: &str, value: Option<String>, lookup: Lookup<'_>) -> Option<String> {
    // An empty default says that the value is to come from outside, not that there is none.
    let default = |text: &str| {
        if text.is_empty() || text.matches("${").count() > DEEPEST {
            return None;
        }
        if !text.contains('$') {
            return Some(text.to_owned());
        }
        // `${A:-${B:-c}}`
        let inner = substitute(&Mapped::at(text, 0), lookup, false);
        (!inner.open && !inner.text.contains('$')).then_some(inner.text)
    };
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
mod tests;
