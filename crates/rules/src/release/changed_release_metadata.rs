use super::{Release, Side, short};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_packages::normalise;

use super::step::Step;

/// A release that says other things of itself than the old one.
pub(crate) static CHANGED_RELEASE_METADATA: Rule = Rule {
    id: "changed-release-metadata",
    summary: "a new version wants other packages, adds commands, or is published by somebody else",
    severity: Severity::Info,
    confidence: Confidence::High,
    measure: Measure::Updates,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 3,
        ml_application: 2,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever took over the package or its build",
        vector: "a dependency, command or maintainer that comes with an update",
        weakness: "updates are taken without being read",
        impact: "code of somebody else is installed with a package that was trusted",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1357)],
    page: include_str!("changed_release_metadata.md"),
    file: file!(),
};

/// The files that tell of a distribution, by their paths in every kind.
const TOLD: &[&str] = &["dist-info/METADATA", "PKG-INFO", "dist-info/PKG-INFO"];
/// Headers that say who and where, and in which words they are told.
const WHO: &[(&str, &str)] = &[
    ("author", "author"),
    ("author-email", "author"),
    ("maintainer", "maintainer"),
    ("maintainer-email", "maintainer"),
    ("home-page", "home page"),
];

pub(super) fn check(release: &Release, sink: &mut Sink) {
    // Two kinds of distributions say the same things in different ways.
    if release.step == Step::Same && release.old.distribution.kind != release.new.distribution.kind {
        return;
    }
    dependencies(release, sink);
    commands(release, sink);
    people(release, sink);
    tools(release, sink);
}

fn told(side: &Side) -> Option<(&'static str, &str)> {
    TOLD.iter()
        .find_map(|path| Some((*path, side.files.get(*path)?.text.as_deref()?)))
}

fn finding(release: &Release, message: String, severity: Severity, subject: String) -> Finding {
    let path = told(&release.new).map_or("", |(path, _)| path);
    Finding::new(
        &CHANGED_RELEASE_METADATA,
        message,
        release.new.locate(path, 0..0, "not as in the old version"),
    )
    .severity(severity)
    .subject(subject)
}

fn dependencies(release: &Release, sink: &mut Sink) {
    let names = |side: &Side| -> BTreeSet<String> {
        let all = side.distribution.requires().iter();
        all.map(|n| normalise(&n.requirement.name)).collect()
    };
    let before = names(&release.old);
    for needed in release.new.distribution.requires() {
        let name = normalise(&needed.requirement.name);
        if before.contains(&name) {
            continue;
        }
        // A feature of a minor release may need a package; a mended fault hardly does.
        let severity = match release.step {
            _ if needed.optional() => Severity::Info,
            Step::Patch | Step::Same => Severity::Low,
            _ => Severity::Info,
        };
        let path = told(&release.new).map_or("", |(path, _)| path);
        sink.push(
            Finding::new(
                &CHANGED_RELEASE_METADATA,
                format!(
                    "{} installs {}{}, which the old one does not want",
                    release.newcomer(),
                    code(&name),
                    if needed.optional() {
                        " for those who ask for an extra"
                    } else {
                        " as well"
                    }
                ),
                release.new.locate(path, needed.span.clone(), "new"),
            )
            .severity(severity)
            .subject(format!("requires {name}"))
            .help("audit that package too before you update"),
        );
    }
}

fn commands(release: &Release, sink: &mut Sink) {
    let of = |side: &Side| -> BTreeSet<(String, String)> {
        let all = side.distribution.entry_points.iter();
        all.map(|e| (e.group.clone(), e.name.clone())).collect()
    };
    // A source archive need not list them.
    if !release.old.is_built() {
        return;
    }
    let before = of(&release.old);
    let new: Vec<String> = release
        .new
        .distribution
        .entry_points
        .iter()
        .filter(|e| !before.contains(&(e.group.clone(), e.name.clone())))
        .map(|e| format!("{} in {}", code(&e.name), code(&e.group)))
        .collect();
    if !new.is_empty() {
        let more = new.len().saturating_sub(5);
        let mut shown: Vec<String> = new.into_iter().take(5).collect();
        if more > 0 {
            shown.push(format!("{more} more"));
        }
        sink.push(finding(
            release,
            format!("{} adds entry points: {}", release.newcomer(), shown.join(", ")),
            Severity::Info,
            "entry points".to_owned(),
        ));
    }
}

/// The headers of a text of metadata, by their names in small letters.
fn headers(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().take_while(|line| !line.is_empty()).take(4_000);
    lines
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect()
}

fn people(release: &Release, sink: &mut Sink) {
    let (Some((_, old)), Some((_, new))) = (told(&release.old), told(&release.new)) else {
        return;
    };
    let (old, new) = (headers(old), headers(new));
    for (header, noun) in WHO {
        let (Some(before), Some(after)) = (old.get(*header), new.get(*header)) else {
            continue;
        };
        if before != after {
            sink.push(finding(
                release,
                format!(
                    "{} names another {noun}: {} instead of {}",
                    release.newcomer(),
                    code(&short(after)),
                    code(&short(before))
                ),
                Severity::Info,
                format!("{header} changed"),
            ));
        }
    }
}

/// The tool that built it, without its version.
fn tools(release: &Release, sink: &mut Sink) {
    let of = |side: &Side| -> Option<String> {
        let text = side.files.get("dist-info/WHEEL")?.text.as_deref()?;
        let generator = headers(text).remove("generator")?;
        generator
            .split([' ', '('])
            .next()
            .map(str::to_ascii_lowercase)
            // One tool that changed its name.
            .map(|g| {
                if g == "bdist_wheel" {
                    "setuptools".to_owned()
                } else {
                    g
                }
            })
            .filter(|g| !g.is_empty())
    };
    if let (Some(old), Some(new)) = (of(&release.old), of(&release.new))
        && old != new
    {
        sink.push(finding(
            release,
            format!(
                "{} was built by another tool: {} instead of {}",
                release.newcomer(),
                code(&new),
                code(&old)
            ),
            Severity::Info,
            "generator changed".to_owned(),
        ));
    }
}
