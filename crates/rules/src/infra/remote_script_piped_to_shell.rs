use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
};
use wellhead_formats::document::TextFile;
use wellhead_infra::{Command, Configuration, script};
use wellhead_pycode::Module;

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
    "sh", "bash", "zsh", "dash", "ash", "ksh", "fish", "python", "python3", "perl", "ruby", "node",
];

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
        if let Some(plain) = all
            .windows(2)
            .find_map(runs_download)
            .or_else(|| all.iter().find_map(substituted))
        {
            push(&module.text, command.range.clone(), plain, sink);
        }
    }
    for call in &module.calls {
        let shell = ["os.system", "os.popen", "subprocess.getoutput"]
            .iter()
            .any(|n| call.may_be(n))
            || call.keyword("shell").is_some_and(|a| a.value.may_be_true());
        let Some(argument) = call.positional.first().filter(|_| shell) else {
            continue;
        };
        for text in argument.value.texts() {
            let all = script(text, 0);
            if let Some(plain) = all
                .windows(2)
                .find_map(runs_download)
                .or_else(|| all.iter().find_map(substituted))
            {
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
    for pair in commands.windows(2) {
        if let (Some(plain), [first, second]) = (runs_download(pair), pair) {
            let end = second.span().end;
            let start = first.span().start;
            push(text, start..end.max(start), plain, sink);
        }
    }
    for command in commands {
        if let Some(plain) = substituted(command) {
            push(text, command.span(), plain, sink);
        }
    }
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

/// `curl … | sh`: whether the address is plain `http`.
fn runs_download(pair: &[Command]) -> Option<bool> {
    let [first, second] = pair else { return None };
    let plain = downloads(first)?;
    (second.piped && reads_program(second)).then_some(plain)
}

/// Whether a command writes a download to its output, and whether over plain `http`.
fn downloads(command: &Command) -> Option<bool> {
    if !matches!(command.program(), "curl" | "wget" | "fetch") {
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
    if !INTERPRETERS.contains(&command.program()) {
        return false;
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
    let runs = |text: &str| {
        let inner = text.strip_prefix("$(").or_else(|| text.strip_prefix("<("))?;
        let inner = inner.trim_end_matches(')');
        script(inner, 0).iter().find_map(downloads)
    };
    let first = command.words.first()?;
    if first.text.starts_with("$(") {
        return runs(&first.text);
    }
    let takes =
        INTERPRETERS.contains(&command.program()) || matches!(command.program(), "eval" | "source" | ".");
    let argument = command.words.iter().skip(1).find(|w| !w.text.starts_with('-'))?;
    if takes { runs(&argument.text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raises(text: &str) -> Option<bool> {
        let all = script(text, 0);
        all.windows(2)
            .find_map(runs_download)
            .or_else(|| all.iter().find_map(substituted))
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
