use super::{
    facts::{Prose, Repository},
    reach::{done, reach},
    refs::{Target, code_references},
};
use std::ops::Range;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_pycode::{DeedKind, deeds};

/// A model card talks its reader into running code.
pub(crate) static CARD_ASKS_FOR_TRUST: Rule = Rule {
    id: "card-asks-for-trust",
    summary: "a model card tells its reader to switch protection off or to run code from elsewhere",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the model, or a copy of it",
        vector: "three lines of a card that everybody copies",
        weakness: "examples are run before the code that they load is read",
        impact: "code of the repository, or of a stranger's server, runs with the reader's rights",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(829),
        Reference::Cwe(494),
    ],
    page: include_str!("card_asks_for_trust.md"),
    file: file!(),
};

/// One thing that a card asks for.
struct Ask {
    range: Range<usize>,
    what: &'static str,
    severity: Severity,
    help: &'static str,
}

pub(super) fn check(repository: &Repository, sink: &mut Sink) {
    if !repository.is_model {
        return;
    }
    let cards = repository
        .texts
        .iter()
        .filter(|(path, _)| matches!(Repository::file_name(path), "README.md" | "MODEL_CARD.md"));
    for (path, card) in cards {
        let mut asks = in_code(card);
        asks.extend(in_lines(card));
        asks.sort_by_key(|a| (a.what, a.range.start));
        // One decision a kind, however often the card repeats it.
        asks.dedup_by_key(|a| a.what);
        for ask in asks {
            let finding = finding(repository, path, card, &ask, sink);
            sink.push(finding);
        }
    }
}

const TRUST: &str = "to let the repository run its own code (`trust_remote_code`)";

fn finding(repository: &Repository, path: &str, card: &Prose, ask: &Ask, sink: &Sink) -> Finding {
    let place = sink.text_of(
        &card.artifact,
        &card.text,
        ask.range.clone(),
        "copied by whoever tries the model",
    );
    let mut finding = Finding::new(
        &CARD_ASKS_FOR_TRUST,
        format!("the card of this model tells its reader {}", ask.what),
        place,
    )
    .severity(ask.severity)
    .subject(format!("{path} {}", ask.what))
    .help(ask.help);
    if ask.what == TRUST {
        let (severity, note) = own_code(repository);
        finding = finding.severity(severity).note(note);
    }
    finding
}

/// What the code is that the card wants to be trusted.
fn own_code(repository: &Repository) -> (Severity, &'static str) {
    let references = code_references(repository);
    let scripts: Vec<&str> = references
        .iter()
        .filter_map(|r| match &r.target {
            Target::Local(script) => Some(script.as_str()),
            _ => None,
        })
        .collect();
    let elsewhere = references
        .iter()
        .any(|r| matches!(r.target, Target::Elsewhere(_)));
    if elsewhere {
        return (
            Severity::Medium,
            "the code comes from another repository, and was not looked at",
        );
    }
    if scripts.is_empty() {
        return (
            Severity::Medium,
            "no configuration here names code, so there is nothing to trust yet",
        );
    }
    let stages = reach(repository, scripts);
    if done(repository, &stages, true)
        .iter()
        .any(|d| d.severity >= Severity::Medium)
    {
        (Severity::High, "that code does more than compute")
    } else {
        (
            Severity::Low,
            "that code is here, and nothing that reaches beyond computing was found in it",
        )
    }
}

fn in_code(card: &Prose) -> Vec<Ask> {
    let mut out = Vec::new();
    for (from, module) in &card.code {
        let at = |range: &Range<usize>| from.saturating_add(range.start)..from.saturating_add(range.end);
        for call in &module.calls {
            if let Some(argument) = call
                .keyword("trust_remote_code")
                .filter(|a| a.value.may_be_true())
            {
                out.push(Ask {
                    range: at(&argument.range),
                    what: TRUST,
                    severity: Severity::Medium,
                    help: "read the code, pin its commit with `revision=`, or use a model that needs none",
                });
            }
            if let Some(argument) = call.keyword("weights_only").filter(|a| a.value.may_be_false()) {
                out.push(Ask {
                    range: at(&argument.range),
                    what: "to load a pickle without its restrictions (`weights_only=False`)",
                    severity: Severity::Medium,
                    help: "ask for safetensors, or load with `weights_only=True`",
                });
            }
        }
        let mut budget = wellhead_core::Budget::default();
        for deed in deeds(module, &mut budget) {
            if matches!(deed.kind, DeedKind::DownloadedCode | DeedKind::HiddenCode) {
                out.push(Ask {
                    range: at(&deed.range),
                    what: "to run code that is fetched or decoded",
                    severity: Severity::High,
                    help: "do not run it",
                });
            }
        }
    }
    out
}

/// Commands, wherever they stand in the card.
fn in_lines(card: &Prose) -> Vec<Ask> {
    let mut out = Vec::new();
    let mut at = 0_usize;
    for line in card.text.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        if line.len() > 2_000 {
            continue;
        }
        let text = line.trim_end();
        let indent = text.len().saturating_sub(text.trim_start().len());
        let range = start.saturating_add(indent)..start.saturating_add(text.len());
        if let Some((what, severity, help)) = command(text.trim_start()) {
            out.push(Ask {
                range,
                what,
                severity,
                help,
            });
        }
    }
    out
}

fn command(line: &str) -> Option<(&'static str, Severity, &'static str)> {
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\''))
        .filter(|w| !w.is_empty())
        .collect();
    let has = |word: &str| words.contains(&word);
    if has("--trust-remote-code") || has("--trust_remote_code") {
        return Some((
            TRUST,
            Severity::Medium,
            "read the code, pin its commit with `--revision`, or use a model that needs none",
        ));
    }
    let fetches =
        has("curl") || has("wget") || has("iwr") || line.contains("$(curl") || line.contains("$(wget");
    if fetches {
        let shells = ["sh", "bash", "zsh", "python", "python3", "iex", "sudo"];
        let piped = line.split('|').skip(1).any(|part| {
            let first = part.split_whitespace().next().unwrap_or_default();
            shells.contains(&first)
        });
        let substituted = ["bash -c \"$(", "sh -c \"$(", "bash <(", "eval \"$(", "eval $("]
            .iter()
            .any(|s| line.contains(s));
        if piped || substituted {
            return Some((
                "to run a script from a server unread",
                Severity::Medium,
                "fetch the script, read it, and run what you read",
            ));
        }
    }
    let pip = words.iter().position(|w| *w == "install").filter(|at| {
        let before = words.get(..*at).unwrap_or_default();
        before.iter().any(|w| {
            w.trim_start_matches('!')
                .trim_start_matches('%')
                .starts_with("pip")
                || *w == "uv"
        })
    })?;
    let rest = words.get(pip.saturating_add(1)..)?;
    let known = [
        "git+https://github.com/",
        "https://github.com/",
        "https://huggingface.co/",
        "https://download.pytorch.org/",
    ];
    let stranger = rest
        .iter()
        .any(|w| w.contains("://") && !known.iter().any(|k| w.starts_with(k)));
    stranger.then_some((
        "to install a package from a server of the author's choice",
        Severity::Medium,
        "install from your own index, by a version and a hash",
    ))
}
