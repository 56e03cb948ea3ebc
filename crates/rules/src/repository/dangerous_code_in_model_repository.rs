use super::{
    facts::{Prose, Repository},
    reach::{Done, done, reach},
    refs::{Target, code_references, loaded_by_name},
    remote_code_in_config::{distinct, place},
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};

/// Python beside a model does what no model needs.
pub(crate) static DANGEROUS_CODE_IN_MODEL_REPOSITORY: Rule = Rule {
    id: "dangerous-code-in-model-repository",
    summary: "Python code beside a model does what no model needs",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the model, or a copy of it",
        vector: "`modeling_*.py`, a handler, a loading script or `__init__.py` beside the weights",
        weakness: "code of a repository is imported without being read",
        impact: "programs are started, secrets leave, and code runs that is in no file",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(94),
        Reference::Atlas("AML.T0011.000"),
    ],
    page: include_str!("dangerous_code_in_model_repository.md"),
    file: file!(),
};

pub(super) fn check(repository: &Repository, sink: &mut Sink) {
    if !repository.is_model {
        return;
    }
    let references = code_references(repository);
    let named = references.iter().filter_map(|r| match &r.target {
        Target::Local(script) => Some(script.as_str()),
        _ => None,
    });
    let entries: BTreeSet<&str> = named.chain(loaded_by_name(repository)).collect();
    let loaded = reach(repository, entries);
    report(done(repository, &loaded, true), true, sink);
    // Each of the others is a program of its own, which somebody has to start.
    let others = repository.scripts.keys().map(String::as_str);
    for path in others.filter(|p| !loaded.contains_key(p)) {
        let mut stages = reach(repository, [path]);
        stages.retain(|p, _| *p == path);
        report(done(repository, &stages, false), false, sink);
    }
    for (path, script) in repository.texts.iter().filter(|(path, _)| path.ends_with(".sh")) {
        shell(path, script, sink);
    }
}

/// The first line of a shell script that runs what nobody can read beforehand.
fn shell(path: &str, script: &Prose, sink: &mut Sink) {
    let mut at = 0_usize;
    for line in script.text.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let text = line.trim();
        if text.starts_with('#') || text.len() > 10_000 {
            continue;
        }
        let into_shell = text.split('|').skip(1).any(|part| {
            let first = part.split_whitespace().next().unwrap_or_default();
            matches!(
                first,
                "sh" | "bash" | "zsh" | "python" | "python3" | "sudo" | "perl"
            )
        });
        let decodes = [
            "base64 -d",
            "base64 --decode",
            "base64 -D",
            "xxd -r",
            "openssl enc -d",
        ]
        .iter()
        .any(|d| text.contains(d));
        let (severity, what) = if into_shell && decodes {
            (Severity::Critical, "runs code that it decodes from data")
        } else if text.contains("/dev/tcp/") || text.contains("nc -e ") || text.contains("ncat -e ") {
            (Severity::Critical, "opens a shell to somebody else")
        } else if into_shell && (text.contains("curl ") || text.contains("wget ")) {
            (Severity::High, "runs a script from a server unread")
        } else {
            continue;
        };
        let end = start.saturating_add(line.trim_end().len());
        let place = sink.text_of(&script.artifact, &script.text, start..end, what);
        sink.push(
            Finding::new(
                &DANGEROUS_CODE_IN_MODEL_REPOSITORY,
                format!("{} beside this model {what} when somebody runs it", code(path)),
                place,
            )
            .severity(severity)
            .subject(format!("{path} shell"))
            .help("do not run it"),
        );
        return;
    }
}

/// One finding a script.
fn report(found: Vec<Done<'_>>, loaded: bool, sink: &mut Sink) {
    let mut scripts: BTreeMap<&str, Vec<Done<'_>>> = BTreeMap::new();
    for one in found {
        scripts.entry(one.path).or_default().push(one);
    }
    for (path, found) in scripts {
        let Some(worst) = found.first() else { continue };
        let when = if loaded {
            worst.words()
        } else {
            format!("{} when somebody runs it", worst.deed.kind.verb())
        };
        let mut finding = Finding::new(
            &DANGEROUS_CODE_IN_MODEL_REPOSITORY,
            format!("{} beside this model {when}", code(path)),
            place(worst, sink),
        )
        .severity(worst.severity)
        .subject(format!("{path} {}", worst.deed.kind.name()))
        .property("deed", worst.deed.kind.name())
        .note(format!("by {}", code(&worst.deed.what)));
        for one in distinct(&found).into_iter().skip(1).take(3) {
            finding = finding.at(place(one, sink));
        }
        sink.push(finding.help(match worst.severity {
            Severity::Critical | Severity::High => {
                "do not load this model; delete it and report the repository"
            }
            _ => "read the places that are shown before you load the model",
        }));
    }
}
