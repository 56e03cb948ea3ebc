use super::{
    facts::Repository,
    reach::{Done, done, reach},
    refs::{CodeReference, Target, code_references},
};
use std::collections::BTreeMap;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// A configuration names Python code that loading the model runs.
pub(crate) static REMOTE_CODE_IN_CONFIG: Rule = Rule {
    id: "remote-code-in-config",
    summary: "a model's configuration names Python code that loading it runs",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the model, or a copy of it",
        vector: "`auto_map` and its relatives in a configuration beside the weights",
        weakness: "loaders import the Python files that a configuration names",
        impact: "the author's code runs with the rights of whoever loads the model",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(829),
        Reference::Cwe(94),
        Reference::Atlas("AML.T0011.000"),
    ],
    page: include_str!("remote_code_in_config.md"),
    file: file!(),
};

pub(super) fn check(repository: &Repository, sink: &mut Sink) {
    let references = code_references(repository);
    // One decision a configuration and script, however many classes of it are named.
    let mut groups: BTreeMap<(&str, String), Vec<&CodeReference<'_>>> = BTreeMap::new();
    for reference in &references {
        let script = match &reference.target {
            Target::Local(script) | Target::Missing(script) => script.clone(),
            Target::Library(name) | Target::Dangerous(name, _) | Target::Outside(name) => name.clone(),
            Target::Elsewhere(_) => continue,
        };
        groups
            .entry((reference.path, script))
            .or_default()
            .push(reference);
    }
    for ((_, script), references) in groups {
        if let Some(first) = references.first() {
            let finding = finding(repository, first, &references, &script, sink);
            sink.push(finding);
        }
    }
}

fn finding(
    repository: &Repository,
    first: &CodeReference<'_>,
    all: &[&CodeReference<'_>],
    script: &str,
    sink: &Sink,
) -> Finding {
    let loader = first.loader;
    let place = sink.text_of(
        &first.document.artifact,
        &first.document.text,
        first.span.clone(),
        "names the code",
    );
    let runs = format!("{} runs {}", loader.words(), code(script));
    let base = |message: String, severity| {
        Finding::new(&REMOTE_CODE_IN_CONFIG, message, place.clone())
            .severity(severity)
            .subject(format!("{} {script}", first.path))
            .property("script", script)
    };
    let mut finding = match &first.target {
        Target::Missing(_) => base(format!("{runs}, which is not here"), Severity::Medium)
            .note(
                "what would run is not known: the file may come from the repository when the model is loaded",
            )
            .help("fetch the whole repository and look again before you load it"),
        Target::Library(module) => {
            let severity = if loader.is_unasked() {
                Severity::High
            } else {
                Severity::Medium
            };
            base(
                format!(
                    "{} imports {} from whatever is installed",
                    loader.words(),
                    code(module)
                ),
                severity,
            )
            .note("no library of this name is known, and none of this name lies in the repository")
            .help("find out which package provides the module, and whether its name is still free")
        }
        Target::Dangerous(name, does) => base(
            format!("{} imports {}, which {does}", loader.words(), code(name)),
            Severity::High,
        )
        .note("it is no part of a model: a class of a model is expected here")
        .help("do not load this model; delete it and report the repository"),
        Target::Outside(_) => base(
            format!("{runs}, which lies outside of its folder"),
            Severity::High,
        )
        .note("loaders join such paths without looking where they lead")
        .help("do not load it; every file of a model belongs into its own folder"),
        Target::Local(_) | Target::Elsewhere(_) => {
            local(repository, script, &base, &runs, loader.is_unasked(), sink)
        }
    };
    let mut more: Vec<String> = all.iter().skip(1).map(|r| code(&r.text)).collect();
    more.dedup();
    if !more.is_empty() {
        more.truncate(4);
        finding = finding.note(format!("also named here: {}", more.join(", ")));
    }
    finding
}

fn local(
    repository: &Repository,
    script: &str,
    base: &dyn Fn(String, Severity) -> Finding,
    runs: &str,
    unasked: bool,
    sink: &Sink,
) -> Finding {
    let stages = reach(repository, [script]);
    let found = done(repository, &stages, true);
    let Some(worst) = found.first() else {
        let broken = repository
            .scripts
            .get(script)
            .and_then(|s| s.module.outcome.why())
            .map(str::to_owned);
        if let Some(why) = broken {
            return base(format!("{runs}, which was not understood"), Severity::High)
                .note(format!("it may do anything: {why}"))
                .help("read the file before you load the model");
        }
        let severity = if unasked { Severity::Low } else { Severity::Medium };
        return base(format!("{runs} of the repository"), severity)
            .note(format!(
                "nothing that reaches beyond computing was found in {}",
                files(stages.len())
            ))
            .help("read the code and pin the commit, or use a model whose code is part of the library");
    };
    let who = if worst.path == script {
        "which".to_owned()
    } else {
        format!("which brings {}, which", code(worst.path))
    };
    let severity = worst.severity.max(Severity::Medium);
    let mut finding = base(format!("{runs}, {who} {}", worst.words()), severity);
    for one in distinct(&found).into_iter().take(4) {
        finding = finding.at(place(one, sink));
    }
    finding.help(match severity {
        Severity::Critical | Severity::High => "do not load this model; delete it and report the repository",
        _ => "read the places that are shown before you load the model, and pin the commit",
    })
}

fn files(count: usize) -> String {
    match count {
        1 => "it".to_owned(),
        n => format!("the {n} files that it takes"),
    }
}

/// One place a kind of deed, the worst first.
pub(super) fn distinct<'a, 'd>(found: &'d [Done<'a>]) -> Vec<&'d Done<'a>> {
    let mut out: Vec<&Done<'_>> = Vec::new();
    for one in found {
        if !out.iter().any(|o| o.deed.kind == one.deed.kind) {
            out.push(one);
        }
    }
    out
}

/// The line that does it.
pub(super) fn place(done: &Done<'_>, sink: &Sink) -> Location {
    let mut label = match &done.deed.given {
        Some(given) if given.len() < 60 => {
            format!("{} {}: {}", done.deed.kind.verb(), done.stage.when(), code(given))
        }
        _ => done.words(),
    };
    if done.deed.kind == wellhead_pycode::DeedKind::Secrets {
        label = format!("reads {} {}", code(&done.deed.what), done.stage.when());
    }
    sink.text_of(
        &done.script.artifact,
        &done.script.module.text,
        done.deed.range.clone(),
        label,
    )
}
