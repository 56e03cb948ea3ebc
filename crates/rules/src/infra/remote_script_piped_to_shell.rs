use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
};
use wellhead_formats::document::TextFile;
use wellhead_infra::{Command, Configuration, script};
use wellhead_pycode::{Module, Value};

/// A download that runs as it arrives.
pub(crate) static REMOTE_SCRIPT_PIPED_TO_SHELL: Rule = Rule {
    id: "remote-script-piped-to-shell",
    summary: "a script is downloaded and run without being looked at",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 5,
        technical_impact: 5,
        ml_application: 2,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever controls the server, its name or the way there",
        vector: "another script under the same address",
        weakness: "what arrives is run without a digest to compare it with",
        impact: "the attacker's code runs while the image is built or the notebook is run",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(494),
        Reference::Cwe(829),
    ],
    page: include_str!("remote_script_piped_to_shell.md"),
    file: file!(),
};

/// Programs that run what they read from standard input.
const INTERPRETERS: &[&str] = &[
    "sh",
    "bash",
    "zsh",
    "dash",
    "ash",
    "ksh",
    "fish",
    "python",
    "perl",
    "ruby",
    "node",
    "php",
    "pwsh",
    "powershell",
];

/// Programs of PowerShell that run a text.
const EXPRESSIONS: &[&str] = &["iex", "invoke-expression"];

/// Programs that hand on what they read.
const FILTERS: &[&str] = &[
    "tee", "cat", "gunzip", "zcat", "gzip", "bunzip2", "xz", "base64", "tr", "sed", "dos2unix", "envsubst",
];

/// Whether a program runs what it reads, versions aside: `python3.12`.
fn is_interpreter(program: &str) -> bool {
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&bare) || is_expression(program)
}

fn is_expression(program: &str) -> bool {
    EXPRESSIONS.contains(&program.to_ascii_lowercase().as_str())
}

pub(super) fn check(configuration: &Configuration, sink: &mut Sink) {
    for resource in &configuration.resources {
        judge(&configuration.text, &resource.build, sink);
        if !resource.inherited_start {
            judge(&configuration.text, &resource.start, sink);
        }
    }
}

/// Commands of notebook cells, and constant commands that Python hands to a shell.
pub(super) fn check_python(module: &Module, sink: &mut Sink) {
    for command in module.commands.iter().filter(|c| c.shell) {
        let all = script(&command.text, 0);
        if let Some((_, plain)) = runs(&all).into_iter().next() {
            push(&module.text, command.range.clone(), plain, sink);
        }
    }
    for call in &module.calls {
        let starts = call.callees.iter().any(|c| c.starts_with("subprocess."));
        let shell = [
            "os.system",
            "os.popen",
            "subprocess.getoutput",
            "subprocess.getstatusoutput",
        ]
        .iter()
        .any(|n| call.may_be(n))
            || call.keyword("shell").is_some_and(|a| a.value.may_be_true());
        let first = call.positional.first().or_else(|| call.keyword("args"));
        let Some(argument) = first.filter(|_| shell || starts) else {
            continue;
        };
        for value in argument.value.alternatives() {
            // `["bash", "-c", "…"]`
            let text = match value {
                Value::Text(text) if shell => Some(text.as_str()),
                Value::List(words) => match words.as_slice() {
                    [program, flag, text, ..] => {
                        let shell = program.as_text().is_some_and(|p| p.ends_with("sh"));
                        let given = flag
                            .as_text()
                            .is_some_and(|f| f.starts_with('-') && f.ends_with('c'));
                        text.as_text().filter(|_| shell && given)
                    }
                    _ => None,
                },
                _ => None,
            };
            let found = text.map(|text| runs(&script(text, 0))).unwrap_or_default();
            if let Some((_, plain)) = found.into_iter().next() {
                push(&module.text, argument.range.clone(), plain, sink);
            }
        }
    }
}

/// Shell scripts, by their name.
pub(super) fn check_script(file: &TextFile, sink: &mut Sink) {
    let name = sink.artifact().name();
    if [".sh", ".bash", ".zsh"]
        .iter()
        .any(|ending| name.ends_with(ending))
    {
        judge(&file.text, &script(&file.text, 0), sink);
    }
}

fn judge(text: &str, commands: &[Command], sink: &mut Sink) {
    for (range, plain) in runs(commands) {
        push(text, range, plain, sink);
    }
}

/// The places where commands run a download, and whether each is fetched over plain `http`.
fn runs(commands: &[Command]) -> Vec<(std::ops::Range<usize>, bool)> {
    let mut out = Vec::new();
    // A download whose output the next command may read.
    let mut flows: Option<(usize, bool)> = None;
    for (at, command) in commands.iter().enumerate() {
        let reads = flows.filter(|_| command.piped);
        if let Some((start, plain)) = reads
            && reads_program(command)
        {
            out.push((start..command.span().end.max(start), plain));
        }
        flows = match downloads(command) {
            Some(plain) => Some((command.span().start, plain)),
            None => reads.filter(|_| FILTERS.contains(&command.program())),
        };
        if let Some(plain) = substituted(command) {
            out.push((command.span(), plain));
        }
        // `iex (iwr …)`, `iex ((New-Object Net.WebClient).DownloadString('…'))`: a parenthesis ends a command.
        if command.words.len() == 1 && is_expression(command.program()) && !command.piped {
            let inner = commands.iter().skip(at.saturating_add(1)).take(3);
            let found = inner.take_while(|c| !c.piped).find_map(|c| {
                let texts = c.words.iter().map(|w| w.text.as_str());
                downloads(c).or_else(|| remote(texts))
            });
            out.extend(found.map(|plain| (command.span(), plain)));
        }
    }
    out
}

fn push(text: &str, range: std::ops::Range<usize>, plain: bool, sink: &mut Sink) {
    let place = sink.text(text, range, "run as it arrives");
    let mut finding = Finding::new(
        &REMOTE_SCRIPT_PIPED_TO_SHELL,
        "whoever controls this address runs code here",
        place,
    )
    .help("download the script to a file, compare its SHA-256 with one you wrote down, then run it");
    if plain {
        finding = finding
            .severity(Severity::High)
            .note("the address is plain `http`, so anyone in between can exchange the script");
    }
    sink.push(finding);
}

/// Whether a command writes a download to its output, and whether over plain `http`.
fn downloads(command: &Command) -> Option<bool> {
    const PROGRAMS: &[&str] = &[
        "curl",
        "curl.exe",
        "wget",
        "fetch",
        "iwr",
        "irm",
        "invoke-webrequest",
        "invoke-restmethod",
    ];
    if !PROGRAMS.contains(&command.program().to_ascii_lowercase().as_str()) {
        return None;
    }
    let addresses = command.words.iter().map(|w| w.text.as_str());
    remote(addresses)
}

/// Whether any text holds an address of another machine; true for plain `http` only.
fn remote<'a>(texts: impl Iterator<Item = &'a str>) -> Option<bool> {
    let mut found = None;
    for text in texts {
        let is_local = ["://localhost", "://127.", "://[::1]"]
            .iter()
            .any(|l| text.contains(l));
        if is_local {
            continue;
        }
        if text.contains("http://") {
            return Some(true);
        }
        // `curl sh.rustup.rs` needs no scheme; curl takes http then, but servers send it on.
        if text.contains("https://")
            || (text.contains('.') && text.contains('/') && !text.starts_with(['-', '.', '/']))
        {
            found = Some(false);
        }
    }
    found
}

/// Whether an interpreter takes its program from standard input.
fn reads_program(command: &Command) -> bool {
    if !is_interpreter(command.program()) {
        return false;
    }
    if is_expression(command.program()) {
        return command.words.len() == 1;
    }
    let is_shell = !command.program().starts_with(['p', 'r', 'n']);
    for word in command.words.iter().skip(1) {
        match word.text.as_str() {
            "-" | "-s" | "/dev/stdin" => return true,
            // `python -c`, `python -m`, `perl -ne`: the program is given, the input is data.
            option if option.starts_with('-') => {
                if !is_shell && !matches!(option, "-u" | "-q" | "-B" | "-E" | "-I") {
                    return false;
                }
                if is_shell && option.starts_with("-s") {
                    return true;
                }
            }
            redirect if redirect.starts_with(['<', '>', '2']) => {}
            _ => return false,
        }
    }
    true
}

/// `sh -c "$(curl …)"`, `bash <(curl …)`, `eval "$(curl …)"`, `source <(curl …)`.
fn substituted(command: &Command) -> Option<bool> {
    let runs_inside = |text: &str| {
        let inner = text.strip_prefix("$(").or_else(|| text.strip_prefix("<("))?;
        let inner = inner.trim_end_matches(')');
        script(inner, 0).iter().find_map(downloads)
    };
    let first = command.words.first()?;
    if first.text.starts_with("$(") {
        return runs_inside(&first.text);
    }
    let takes = is_interpreter(command.program()) || matches!(command.program(), "eval" | "source" | ".");
    let mut words = command.words.iter().skip(1);
    // `bash -s < <(curl …)`, `bash <<< "$(curl …)"`: the sign is a word of its own.
    let argument = words.find(|w| !w.text.starts_with('-') && !matches!(w.text.as_str(), "<" | "<<<"))?;
    if takes { runs_inside(&argument.text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raises(text: &str) -> Option<bool> {
        let all = script(text, 0);
        runs(&all).into_iter().next().map(|(_, plain)| plain)
    }

    #[test]
    fn what_runs_a_download_and_what_only_handles_it() {
        let cases = [
            ("curl -sSf https://a.example/i.sh | sh", Some(false)),
            ("curl http://a.example/i.sh | sudo bash -s -- -y", Some(true)),
            ("wget -qO- https://a.example/i | bash", Some(false)),
            ("curl -fsSL https://a.example/i.py | python3 -", Some(false)),
            ("bash -c \"$(curl -fsSL https://a.example/i.sh)\"", Some(false)),
            ("bash <(curl -s https://a.example/i.sh)", Some(false)),
            ("eval \"$(curl -s https://a.example/env)\"", Some(false)),
            ("curl -LsSf astral.example/uv/install.sh | sh", Some(false)),
            (
                "curl -fsSL https://a.example/setup_20.x | sudo -E bash -",
                Some(false),
            ),
            (
                "wget -O - https://a.example/i.sh | sudo -u root bash",
                Some(false),
            ),
            ("curl -s https://a.example/i.sh | tee i.sh | bash", Some(false)),
            ("curl -s https://a.example/i.sh.gz | gunzip | sh", Some(false)),
            ("curl -s https://a.example/i.sh |\n  sh", Some(false)),
            ("curl -s https://a.example/i.sh 2>&1 | sh", Some(false)),
            ("curl -s https://a.example/i.sh | busybox sh", Some(false)),
            ("curl -s https://a.example/i.py | python3.12 -", Some(false)),
            ("bash -s < <(curl -s https://a.example/i.sh)", Some(false)),
            ("bash <<< \"$(curl -s http://a.example/i.sh)\"", Some(true)),
            ("irm https://a.example/i.ps1 | iex", Some(false)),
            (
                "powershell -ExecutionPolicy ByPass -c \"irm https://a.example/i.ps1 | iex\"",
                Some(false),
            ),
            (
                "Invoke-Expression (Invoke-WebRequest https://a.example/i.ps1)",
                Some(false),
            ),
            (
                "iex ((New-Object System.Net.WebClient).DownloadString('https://a.example/i.ps1'))",
                Some(false),
            ),
            ("U=https://a.example/i.sh\ncurl $U | sh", Some(false)),
            ("cat <<EOF\ncurl https://a.example/i.sh | sh\nEOF", None),
            ("echo 'curl https://a.example/i.sh | sh'", None),
            (
                "curl -o i.sh https://a.example/i.sh && echo 'aa  i.sh' | sha256sum -c - && bash i.sh",
                None,
            ),
            ("irm https://a.example/x.json | ConvertFrom-Json", None),
            ("curl https://a.example/x.tgz | tar xz", None),
            ("curl https://a.example/k.gpg | gpg --dearmor", None),
            ("curl https://a.example/x.json | python3 -m json.tool", None),
            ("curl https://a.example/x.json | python3 -c 'import json'", None),
            ("curl https://a.example/x | bash script.sh", None),
            ("curl http://localhost:8080/x | sh", None),
            ("curl -O https://a.example/i.sh && sh i.sh", None),
            ("cat a.sh | sh", None),
            ("eval \"$(conda shell.bash hook)\"", None),
            ("x=$(curl https://a.example/version)", None),
        ];
        for (text, expected) in cases {
            assert_eq!(raises(text), expected, "{text}");
        }
    }
}
