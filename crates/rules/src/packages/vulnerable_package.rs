use super::{escaped, labelled, shown, via};
use wellhead_core::{
    Bucket, Confidence, Disposition, Finding, Fix, Measure, Need, Reference, Risk, Rule, RuleStatus,
    Scenario, Severity, Sink, ThreatProfile, Untrusted, code,
};
use wellhead_packages::{Dependency, Flaw, ManifestKind, MatchedBy};

/// A version that advisories speak of.
pub(crate) static VULNERABLE_PACKAGE: Rule = Rule {
    id: "vulnerable-package",
    summary: "a package has a known vulnerability",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Updates,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "anyone who reads public advisories",
        vector: "an input, a file or a request that the flaw concerns",
        weakness: "a version that is known to be flawed stays installed",
        impact: "what the flaw allows, often code of the attacker",
    },
    needs: &[Need::Advisories],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(1395),
        Reference::Atlas("AML.T0010"),
    ],
    page: include_str!("vulnerable_package.md"),
    file: file!(),
};

pub(crate) fn check(dependency: &Dependency, sink: &mut Sink) {
    let c = &dependency.component;
    let version = c.version.as_deref().unwrap_or_default();
    // What a lock beside it installs is judged there.
    if dependency.settled_elsewhere && c.bucket == Bucket::Exact {
        return;
    }
    for flaw in dependency.flaws.iter().flatten() {
        let fixed = flaw.fixed_in();
        let mut finding = found(dependency, version, flaw, "osv");
        if let Some(by) = flaw.matches.iter().map(|m| m.matched_by).min() {
            finding = finding.property("matched_by", by.name());
            if by == MatchedBy::RepairedRange {
                finding = finding
                    .note("the advisory's range ends at a text that is no version, and was read by its leading part (repaired range)")
                    .property("repaired", true);
            }
        }
        sink.push(advise(finding, dependency, fixed));
    }
    for incident in &dependency.incidents {
        let m = &incident.matched;
        let message = format!("{} {} {} ({})", code(&c.written), shown(version), m.summary, m.id);
        let finding = Finding::new(
            &VULNERABLE_PACKAGE,
            message,
            labelled(&c.declared, "affected version"),
        )
        .severity(m.rated.level().unwrap_or(Severity::High))
        .subject(format!("{} {}", c.name, m.id))
        .property("package", c.name.as_str())
        .property("version", shown(version))
        .property("advisory", m.id.as_str())
        .property("advisories", vec![m.id.clone()])
        .property("aliases", m.aliases.clone())
        .property("matched_by", m.matched_by.name())
        .property("summary", m.summary.as_str())
        .property("source", "incidents");
        sink.push(advise(finding, dependency, m.fixed_in.as_deref()));
    }
    let Some(admitted) = &dependency.admitted else {
        return;
    };
    if dependency.settled_elsewhere {
        return;
    }
    for flaw in &admitted.inescapable {
        let finding = found(dependency, &admitted.version, flaw, "osv")
            .confidence(Confidence::Medium)
            .note(format!(
                "no version that {} admits is known to be fixed",
                code(c.specifier.as_deref().unwrap_or("*"))
            ))
            .property("matched_by", "specifier");
        sink.push(advise(finding, dependency, flaw.fixed_in()));
    }
}

fn found(dependency: &Dependency, version: &str, flaw: &Flaw, source: &str) -> Finding {
    let c = &dependency.component;
    let summary = Untrusted::from(flaw.summary()).shown(140);
    let name = Untrusted::from(flaw.name.as_str()).shown(40);
    let what = if summary.is_empty() {
        format!("has a known vulnerability ({name})")
    } else {
        format!("is vulnerable: {summary} ({name})")
    };
    let attacked = if flaw.exploited().is_some() {
        ", exploited in the wild"
    } else {
        ""
    };
    let message = format!("{} {} {what}{attacked}", code(&c.written), shown(version));
    let mut finding = Finding::new(
        &VULNERABLE_PACKAGE,
        message,
        labelled(&c.declared, "affected version"),
    )
    .severity(flaw.level().unwrap_or(Severity::High).max(Severity::Low))
    .subject(format!("{} {name}", c.name))
    .property("package", c.name.as_str())
    .property("version", shown(version))
    .property("advisory", name)
    .property("advisories", escaped(&flaw.advisories))
    .property("aliases", escaped(&flaw.aliases))
    .property("source", source);
    if !summary.is_empty() {
        finding = finding.property("summary", summary);
    }
    finding = threatened(finding, flaw);
    match flaw.rated().and_then(|r| r.score()) {
        Some(score) => finding = finding.property("score", score),
        None if flaw.level().is_none() => {
            finding = finding.note("the advisory does not rate the flaw; it counts as high until it does");
        }
        None => {}
    }
    if let Some(vector) = flaw.rated().and_then(|r| r.vector.as_deref()) {
        finding = finding.property("vector", Untrusted::from(vector).shown(200));
    }
    finding
}

/// What is known of attacks that use the flaw.
fn threatened(mut finding: Finding, flaw: &Flaw) -> Finding {
    if let Some(due) = flaw.exploited() {
        let least = finding.severity.max(Severity::High);
        finding = finding
            .severity(least)
            .note("attackers are known to use it: it stands in CISA's catalogue of exploited vulnerabilities")
            .property("kev", true);
        if !due.is_empty() {
            finding = finding.property("kev_due", shown(due));
        }
    }
    if let Some(epss) = flaw.epss() {
        finding = finding
            .note(format!(
                "the estimate that it is attacked within 30 days is {:.1} % (EPSS)",
                epss.probability() * 100.0
            ))
            .property("epss", epss.probability())
            .property("epss_percentile", epss.share());
    }
    finding
}

fn advise(finding: Finding, dependency: &Dependency, fixed: Option<&str>) -> Finding {
    let c = &dependency.component;
    let mut finding = via(finding, dependency).property("purl", c.purl());
    if let Some(fixed) = fixed {
        let fixed = shown(fixed);
        finding = finding
            .help(format!("update {} to {fixed} or newer", code(&c.written)))
            .property("fixed_in", fixed);
    } else {
        finding = finding.help(format!(
            "no fixed version is known: replace {}, or keep what the flaw needs away from it",
            code(&c.written)
        ));
    }
    if let Some(clean) = &dependency.lowest_clean {
        let clean = shown(clean);
        if let Some(command) = command(dependency.manifest, &c.name, &clean) {
            finding = finding.fix(Fix {
                description: format!("update to {clean}, the first version without known flaws"),
                disposition: Disposition::Unsafe,
                edits: Vec::new(),
                command: Some(command),
            });
        }
        finding = finding.property("lowest_clean", clean);
    }
    finding
}

fn command(kind: ManifestKind, name: &str, version: &str) -> Option<String> {
    match kind {
        ManifestKind::UvLock => Some(format!("uv lock --upgrade-package '{name}=={version}'")),
        ManifestKind::PoetryLock => Some(format!("poetry update {name}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dependency, messages};
    use super::*;

    #[test]
    fn the_incident_list_speaks_without_a_database() {
        let got = messages(check, &dependency("torch==2.5.1+cu124\n"));
        insta::assert_snapshot!(got, @"critical: `torch` 2.5.1+cu124 runs code from a model file even with `weights_only=True` (CVE-2025-32434)");
    }

    #[test]
    fn innocent_versions_pass() {
        for text in ["torch==2.6.0\n", "numpy==1.26.4\n", "torch\n", "./torch\n"] {
            assert_eq!(messages(check, &dependency(text)), "");
        }
    }
}
