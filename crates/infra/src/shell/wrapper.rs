//! What only stands before a program in a command: assignments, keywords, `sudo`, `env`, `xargs` and their options.

use super::is_name;
use crate::resource::{Command, Word};

/// How many words in front of a program are taken away, one after the other.
const MOST_WRAPPED: usize = 64;

/// `A=b`
pub(super) fn assignment(word: &Word) -> Option<(&str, &str)> {
    word.text.split_once('=').filter(|(name, _)| is_name(name))
}

/// `python`, `python3`, `python3.12`
fn is_python(program: &str) -> bool {
    program
        .strip_prefix("python")
        .is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// Takes away what only stands before a program: `exec`, `sudo -E`, `env A=b`, `nohup`, `tini --`, `A=b`.
pub(super) fn strip(mut command: Command) -> Command {
    for _ in 0..MOST_WRAPPED {
        let Some(first) = command.words.first() else {
            break;
        };
        let is_assignment = assignment(first).is_some();
        let second = command.words.get(1).map(|w| w.text.as_str());
        let skip = match command.program() {
            _ if is_assignment => 1,
            "command" if matches!(second, Some("-v" | "-V")) => 0,
            "busybox" if second.is_some_and(|s| !s.starts_with('-')) => 1,
            "then" | "do" | "else" | "elif" | "if" | "while" | "until" | "{" | "!" => 1,
            // With one argument that is a script of its own.
            "eval" if command.words.len() > 2 => 1,
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
            "conda" | "micromamba" | "mamba" if second == Some("run") => conda_run(&command.words),
            "poetry" | "pipenv" | "uv" | "pdm" | "hatch"
                if second == Some("run") && !command.words.iter().any(|w| w.text.starts_with("--with")) =>
            {
                2
            }
            program if is_python(program) && second == Some("-m") => 2,
            _ => 0,
        };
        if skip == 0 {
            break;
        }
        let before = command.words.drain(..skip.min(command.words.len()));
        if is_assignment {
            command.variables.extend(before);
        }
    }
    command
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
            "-u", "--user", "-U", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-r", "-t", "-T",
            "-D", "-R",
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
