use super::{escaped, labelled, shown, via};
use crate::distribution::DistributionFacts;
use std::collections::BTreeSet;
use wellhead_core::Location;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    Untrusted, code,
};
use wellhead_packages::{
    CondaName, Dependency, MatchedBy, PyVersion, conda_name,
    distribution::{Distribution, DistributionKind, named_by_file},
    incident::{self, IncidentKind},
    is_well_known,
};

/// A version, or a package as a whole, that was made by an attacker.
pub(crate) static COMPROMISED_RELEASE: Rule = Rule {
    id: "compromised-release",
    summary: "a release is known to carry an attacker's code",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever took over the account or the build of a package",
        vector: "an ordinary install or update",
        weakness: "nobody compares what is installed with what is known",
        impact: "the attacker's code runs on the machine that installs or imports it",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Atlas("AML.T0010"),
    ],
    page: include_str!("compromised_release.md"),
    file: file!(),
};

pub(crate) fn check(dependency: &Dependency, sink: &mut Sink) {
    let c = &dependency.component;
    for attack in &dependency.attacks {
        let name = Untrusted::from(attack.name.as_str()).shown(40);
        let summary = Untrusted::from(attack.summary()).shown(140);
        let version = c
            .version
            .as_deref()
            .map(|v| format!(" {}", shown(v)))
            .unwrap_or_default();
        let whole = attack.matches.iter().all(|m| m.matched_by == MatchedBy::Name);
        let message = if summary.is_empty() || summary.starts_with("Malicious code in ") {
            format!(
                "installing {}{version} runs an attacker's code ({name})",
                code(&c.written)
            )
        } else {
            format!(
                "installing {}{version} runs an attacker's code: {summary} ({name})",
                code(&c.written)
            )
        };
        let label = if whole {
            "malicious package"
        } else {
            "compromised release"
        };
        let mut finding = via(
            Finding::new(&COMPROMISED_RELEASE, message, labelled(&c.declared, label)),
            dependency,
        )
        .subject(format!("{} {name}", c.name))
        .note("whatever the machine could reach when it was installed must be taken as known to the attacker")
        .property("package", c.name.as_str())
        .property("version", c.version.as_deref().map(shown).unwrap_or_default())
        .property("advisory", name)
        .property("advisories", escaped(&attack.advisories))
        .property("aliases", escaped(&attack.aliases))
        .property("malicious", true)
        .property("purl", c.purl());
        finding = match attack.fixed_in() {
            _ if whole => finding.help(format!("remove {}", code(&c.written))),
            Some(fixed) => finding
                .help(format!("pin {} to {} or newer", code(&c.written), shown(fixed)))
                .property("fixed_in", shown(fixed)),
            None => finding.help(format!(
                "pin {} to a release before or after the attack",
                code(&c.written)
            )),
        };
        // Names get recycled: of one that many install today, a report without versions says what it once was.
        let versionless = attack.matches.iter().all(|m| m.matched_by != MatchedBy::Version);
        if versionless && is_well_known(&c.name) {
            finding = finding
                .severity(Severity::High)
                .confidence(Confidence::Medium)
                .note("many install this name today, so it may have changed hands since the report");
        }
        sink.push(finding.help("rotate every credential that machines with this release could read"));
    }
}

/// A package itself: what the line of its metadata does not tell. Files of an attack under whatever name, and the name
/// that its file or its conda record states where its metadata state none or another.
pub(crate) fn check_distribution(facts: &DistributionFacts, sink: &mut Sink) {
    let d = &facts.distribution;
    for member in &d.members {
        let Some((package, known)) = member.digest.as_ref().and_then(incident::by_digest) else {
            continue;
        };
        let message = format!(
            "{} is a file of the attack on {}: it {} ({})",
            code(&member.path),
            code(package),
            known.matched.summary,
            known.matched.id
        );
        let at = Location::whole(facts.place(&member.path), "a file of an attack");
        sink.push(told(
            message,
            at,
            &d.shown(),
            &known.matched.id,
            Severity::Critical,
        ));
    }
    for (name, version) in identities(d) {
        for known in incident::incidents(&name, Some(&version)) {
            let by_name = known.matched.matched_by == MatchedBy::Name;
            // Whoever owns a name on the index need not own it on a channel.
            if known.kind == IncidentKind::Flaw || by_name && d.kind == DistributionKind::Conda {
                continue;
            }
            let severity = if by_name {
                Severity::High
            } else {
                Severity::Critical
            };
            let message = format!(
                "installing {} {} runs an attacker's code: {} ({})",
                code(&name),
                shown(&version),
                known.matched.summary,
                known.matched.id
            );
            let at = Location::whole(&facts.artifact, "compromised release");
            sink.push(told(message, at, &name, &known.matched.id, severity));
        }
    }
}

fn told(message: String, at: Location, package: &str, id: &str, severity: Severity) -> Finding {
    Finding::new(&COMPROMISED_RELEASE, message, at)
        .severity(severity)
        .subject(format!("{package} {id}"))
        .note("whatever the machine could reach when it was installed must be taken as known to the attacker")
        .help("do not install it")
        .help("rotate every credential that machines with this release could read")
        .property("package", shown(package))
        .property("advisory", id)
        .property("malicious", true)
}

/// The names and versions by which a package may be known and that its metadata do not state.
fn identities(d: &Distribution) -> BTreeSet<(String, String)> {
    let stated = d.metadata.as_ref().and_then(|m| {
        let name = wellhead_packages::normalise(m.name.as_deref()?);
        Some((name, PyVersion::new(m.version.as_deref()?)))
    });
    let conda = (d.kind == DistributionKind::Conda)
        .then(|| {
            let CondaName::Python { name, .. } = conda_name(d.name.as_deref()?) else {
                return None;
            };
            Some((name, d.version.clone()?))
        })
        .flatten();
    let file = (d.kind != DistributionKind::Conda)
        .then(|| named_by_file(&d.file))
        .flatten();
    let is_new = |(name, version): &(String, String)| {
        stated
            .as_ref()
            .is_none_or(|(n, v)| n != name || *v != PyVersion::new(version))
    };
    [conda, file].into_iter().flatten().filter(is_new).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dependency, messages};
    use super::*;

    #[test]
    fn guilty_releases_are_named() {
        for (text, guilty) in [
            ("ultralytics==8.3.41\n", true),
            ("ultralytics==8.3.47\n", false),
            ("litellm==1.82.8\n", true),
            ("litellm\n", false),
            ("tensorflwo\n", true),
        ] {
            assert_eq!(!messages(check, &dependency(text)).is_empty(), guilty, "{text}");
        }
        insta::assert_snapshot!(messages(check, &dependency("litellm==1.82.8\n")), @"critical: installing `litellm` 1.82.8 runs an attacker's code: steals credentials each time Python starts (MAL-2026-2144)");
    }
}
