use super::{Release, ReleasedFile, records::REVIEW, short, sum};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_packages::{
    distribution::{DistributionKind, Trigger},
    installed::{PthUse, innocent, read_pth},
};

/// A release that newly runs something without that anybody imports it.
pub(crate) static NEW_STARTUP_IN_RELEASE: Rule = Rule {
    id: "new-startup-in-release",
    summary: "a new version runs a file by itself that the old one did not",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 5,
    },
    threat: ThreatProfile {
        agent: "whoever took over the package or its build",
        vector: "a `.pth` file, a hook of conda or a plugin that comes with an update",
        weakness: "Python, conda and plugin loaders run such files without being asked",
        impact: "the attacker's code runs at every start of Python, whether the package is used or not",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(829),
        Reference::Atlas("AML.T0010.001"),
    ],
    page: include_str!("new_startup_in_release.md"),
    file: file!(),
};

/// Entry points that another program loads whether the package is used or not.
const LOADED: &[&str] = &[
    "pytest11",
    "jupyter_serverproxy_servers",
    "jupyter_server.extensions",
    "sphinx.extensions",
    "flake8.extension",
    "pylint.plugins",
    "mkdocs.plugins",
    "hypothesis",
    "opentelemetry_distro",
];

pub(super) fn check(release: &Release, sink: &mut Sink) {
    let both_same_kind = release.old.distribution.kind == release.new.distribution.kind;
    for (path, file) in &release.new.files {
        let weight = match file.trigger {
            Trigger::Startup | Trigger::Activation => 40,
            Trigger::Install if !path.ends_with(".py") => 40,
            // What builds a source archive stands in no other kind of distribution.
            Trigger::Install | Trigger::Build if both_same_kind => 20,
            Trigger::Plugin if path.ends_with(".json") || path.ends_with(".sh") => 30,
            _ => continue,
        };
        let old = release.old.files.get(path);
        if old.is_some_and(|o| o.trigger <= file.trigger && (o.digest == file.digest || weight < 40)) {
            continue;
        }
        // Modules that a start-up file imports are told by what they do.
        let hook = [".pth", ".start", ".sh", ".bat", ".json"]
            .iter()
            .any(|e| path.ends_with(e))
            || path.ends_with("customize.py")
            || path == "setup.py";
        if !hook {
            continue;
        }
        let Some(runs) = runs(file, old, path) else {
            continue;
        };
        let changed = old.is_some_and(|o| o.trigger <= file.trigger);
        let mut terms = vec![(if changed { "changed-startup" } else { "new-startup" }, weight)];
        terms.extend(release.step.term());
        let severity = severity(&terms);
        let location = release.new.locate(path, runs.clone(), "runs by itself");
        let shown = file
            .text
            .as_ref()
            .and_then(|t| t.get(runs))
            .map(|t| format!("what runs: {}", code(&short(t.trim()))));
        let mut finding = Finding::new(
            &NEW_STARTUP_IN_RELEASE,
            format!(
                "{}, {} runs {} {}",
                file.trigger.when(),
                release.newcomer(),
                code(path),
                if changed {
                    "with other content than the old one"
                } else {
                    "which the old one does not have"
                }
            ),
            location,
        )
        .severity(severity)
        .subject(format!("startup {path}"))
        .note(format!("score {}", sum(&terms)))
        .help("read what the file runs before you update");
        finding.notes.extend(shown);
        sink.push(finding);
    }
    plugins(release, sink);
}

fn severity(terms: &[(&str, u32)]) -> Severity {
    match terms.iter().map(|(_, weight)| weight).sum::<u32>() {
        score if score >= 50 => Severity::High,
        score if score >= REVIEW => Severity::Medium,
        _ => Severity::Info,
    }
}

/// The bytes of the first thing that a file runs and the old one did not; nothing where it is what packaging tools write.
fn runs(file: &ReleasedFile, old: Option<&ReleasedFile>, path: &str) -> Option<std::ops::Range<usize>> {
    let Some(text) = &file.text else { return Some(0..0) };
    if path.ends_with(".pth") {
        let before = old.and_then(|o| o.text.as_deref()).unwrap_or_default();
        return read_pth(text)
            .into_iter()
            .filter(|l| l.is == PthUse::Runs)
            .map(|l| l.span)
            .find(|span| {
                let line = text.get(span.clone()).unwrap_or_default();
                innocent(line).is_none() && !before.lines().any(|b| b.trim_end() == line.trim_end())
            });
    }
    Some(0..text.find('\n').unwrap_or(text.len()))
}

/// Entry points that are loaded by whoever looks for plugins.
fn plugins(release: &Release, sink: &mut Sink) {
    // A source archive states them in ways that are not read here.
    if !release.old.is_built() || release.old.distribution.kind == DistributionKind::Pyz {
        return;
    }
    for entry in &release.new.distribution.entry_points {
        let loaded = LOADED.contains(&entry.group.as_str()) || entry.is_build_hook();
        let old = &release.old.distribution.entry_points;
        if !loaded
            || old
                .iter()
                .any(|o| o.group == entry.group && o.module == entry.module)
        {
            continue;
        }
        let mut terms = vec![("new-plugin", 30)];
        terms.extend(release.step.term());
        sink.push(
            Finding::new(
                &NEW_STARTUP_IN_RELEASE,
                format!(
                    "{}, {} runs {} whoever has it installed",
                    Trigger::Plugin.when(),
                    release.newcomer(),
                    code(&entry.module)
                ),
                release
                    .new
                    .locate("dist-info/entry_points.txt", entry.place.1.clone(), "new plugin"),
            )
            .severity(severity(&terms))
            .subject(format!("plugin {} {}", entry.group, entry.module))
            .note(format!("score {}", sum(&terms)))
            .help("read that module before you update"),
        );
    }
}
