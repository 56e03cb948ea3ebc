use super::labelled;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_packages::{
    Exposure, Project, Rivalry,
    index::{DecidedBy, Manager},
};

/// Dependency confusion, derived from the effective configuration.
pub(crate) static EXTRA_INDEX_CONFUSION: Rule = Rule {
    id: "extra-index-confusion",
    summary: "a package could come from an index that was not meant",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 5,
        detectability: 5,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "anyone who can publish under the name of a private package",
        vector: "the public index, with a higher version",
        weakness: "an installer that takes the best version of all indexes",
        impact: "the attacker's package is installed in place of the private one",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(427),
        Reference::Atlas("AML.T0010"),
    ],
    page: include_str!("extra_index_confusion.md"),
    file: file!(),
};

/// How many packages a finding lists; the same list may hold for hundreds of indexes.
const LISTED: usize = 1_000;

pub(crate) fn check(project: &Project, sink: &mut Sink) {
    for exposure in project.exposures() {
        if let Some(finding) = finding(&exposure) {
            sink.push(finding);
        }
    }
}

fn finding(e: &Exposure) -> Option<Finding> {
    // A project that asks its own index first and the public one for the rest does what it should; only the settings
    // that are made to go on asking are worth a word.
    let asked_for = matches!(e.manager, Manager::Uv | Manager::Pixi | Manager::Conda);
    if e.only_without_fit && !asked_for {
        return None;
    }
    let (added, other) = (code(&e.added.shown), code(&e.other.shown));
    let which = match &*e.packages {
        [] => "a package".to_owned(),
        [one] => code(one),
        [one, other] => format!("{} or {}", code(one), code(other)),
        [one, rest @ ..] => format!("{} or any of {} more packages", code(one), rest.len()),
    };
    let pinned = !e.packages.is_empty() && e.exact == e.packages.len();
    let (message, severity) = match e.rivalry {
        Rivalry::PublicAndPrivate if e.added.is_open() => (
            format!(
                "{which} comes from the public index or from {added}, whose address is not known here: whichever has the higher version"
            ),
            Severity::Medium,
        ),
        Rivalry::PublicAndPrivate if e.only_without_fit => (
            format!("{which} comes from the public index where no version of the private one fits"),
            Severity::Low,
        ),
        Rivalry::PublicAndPrivate => (
            format!("anyone who publishes {which} on the public index decides what is installed"),
            if e.locked || e.manager == Manager::Conda || e.decided_by == DecidedBy::FirstMatch {
                Severity::Medium
            } else {
                Severity::High
            },
        ),
        Rivalry::TwoPrivate => (
            format!("whoever runs {added} can replace {which} of {other}"),
            Severity::Medium,
        ),
        Rivalry::PublicAndProject => (
            format!(
                "{which} could come from {added} as well as from {other}, whichever has the higher version"
            ),
            if pinned || e.locked {
                Severity::Low
            } else {
                Severity::Medium
            },
        ),
    };
    let mut finding = Finding::new(&EXTRA_INDEX_CONFUSION, message, labelled(&e.declared, label(e)))
        .severity(severity)
        .subject(format!("{} {}", e.manager.name(), e.added.shown))
        .note(format!(
            "{}: {}",
            e.command.as_deref().unwrap_or(e.manager.name()),
            e.why
        ))
        .property("manager", e.manager.name())
        .property("index", e.added.shown.as_str())
        .property("other_index", e.other.shown.as_str())
        .property(
            "packages",
            e.packages.iter().take(LISTED).cloned().collect::<Vec<_>>(),
        );
    if e.packages.len() > LISTED {
        finding = finding.property("packages_in_all", e.packages.len());
    }
    if e.packages.is_empty() || e.added.is_open() || e.rivalry == Rivalry::TwoPrivate {
        finding = finding.confidence(Confidence::Medium);
    }
    if e.locked {
        finding = finding.note("the lock holds until it is made anew");
    }
    for help in advice(e) {
        finding = finding.help(help);
    }
    Some(finding)
}

fn label(e: &Exposure) -> &'static str {
    match e.decided_by {
        DecidedBy::FirstSource | DecidedBy::FirstMatch if e.only_without_fit => {
            "asked where nothing else fits"
        }
        DecidedBy::FirstSource | DecidedBy::FirstMatch => "the order decides",
        _ => "asked with equal rights",
    }
}

fn advice(e: &Exposure) -> [&'static str; 2] {
    let ordered = matches!(e.decided_by, DecidedBy::FirstSource | DecidedBy::FirstMatch);
    match e.manager {
        Manager::Pip => [
            "let one index serve all: `--index-url` of a proxy that holds both",
            "or pin every package exactly and with `--hash`, so that no other file is accepted",
        ],
        Manager::Uv if ordered && !e.only_without_fit => [
            "name the private index before the public one, or make the public one `default`",
            "name the index of each private package in `[tool.uv.sources]`, and make the index `explicit`",
        ],
        Manager::Uv => [
            "drop `index-strategy`: uv's own `first-index` is safe",
            "name the index of each private package in `[tool.uv.sources]`, and make the index `explicit`",
        ],
        Manager::Poetry => [
            "give the private source `priority = \"explicit\"` and each private package `source = …`",
            "commit `poetry.lock`",
        ],
        Manager::Pdm => [
            "name the private packages in the source's `include_packages`",
            "or set `respect-source-order = true` in `[tool.pdm.resolution]` and name the private source before one called `pypi`",
        ],
        Manager::Pipenv => [
            "name the source of each private package: `index = …`",
            "commit `Pipfile.lock`",
        ],
        Manager::Conda => [
            "set `channel_priority: strict` and name the private channel first",
            "or name the channel with the package: `channel::package`",
        ],
        Manager::Pixi => [
            "drop `channel-priority` and `index-strategy`: pixi's own ways are safe",
            "name the private channel or index before the public one",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::manifest;
    use super::*;
    use wellhead_core::ArtifactPath;

    fn judged(text: &str) -> Vec<Finding> {
        let path = ArtifactPath::file("requirements.txt");
        let project = Project {
            files: [(path.clone(), manifest("requirements.txt", text))].into(),
            settings: Vec::new(),
        };
        let mut sink = Sink::new(path);
        check(&project, &mut sink);
        sink.into_findings()
    }

    #[test]
    fn two_indexes_and_no_hash() {
        let found = judged("--extra-index-url https://pypi.acme.example/simple\nacme-core==1.0\nnumpy\n");
        assert_eq!(found[0].severity, Severity::High);
        insta::assert_snapshot!(found[0].message, @"anyone who publishes `acme-core` or `numpy` on the public index decides what is installed");
    }

    #[test]
    fn the_safe_ways_are_left_alone() {
        for text in [
            "--index-url https://pypi.acme.example/simple\nacme-core==1.0\n",
            "--extra-index-url https://pypi.acme.example/simple\nacme-core==1.0 --hash=sha256:ab\n",
            "acme-core==1.0\n",
        ] {
            assert!(judged(text).is_empty(), "{text}");
        }
    }
}
