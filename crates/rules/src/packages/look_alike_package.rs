use super::{labelled, via};
use crate::distribution::DistributionFacts;
use wellhead_core::Location;
use wellhead_core::{
    Confidence, Ecosystem, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    Source, ThreatProfile, code,
};
use wellhead_packages::{
    Dependency, ManifestKind, Resemblance, distribution::DistributionKind, incident, look_alike, name_prior,
};

/// A name one slip away from one that everybody installs.
pub(crate) static LOOK_ALIKE_PACKAGE: Rule = Rule {
    id: "look-alike-package",
    summary: "a package has the name of another with a slip",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever registers names that people mistype",
        vector: "a slip of the finger, or a name that a model made up",
        weakness: "nobody reads a name twice",
        impact: "a stranger's code is installed in place of the package that was meant",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(1357),
        Reference::Atlas("AML.T0010"),
    ],
    page: include_str!("look_alike_package.md"),
    file: file!(),
};

pub(crate) fn check(dependency: &Dependency, sink: &mut Sink) {
    let c = &dependency.component;
    // A report of malicious code says more; what comes from elsewhere than an index has no name to mistake, and
    // channels of conda have names of their own.
    let index = matches!(c.source, Source::Registry { .. }) && c.ecosystem == Ecosystem::PyPI;
    if !index || !dependency.attacks.is_empty() {
        return;
    }
    let Some(alike) = look_alike(&c.name) else { return };
    let certain = alike.is_certain();
    let message = format!(
        "{} is probably not the {} that was meant: {}",
        code(&c.written),
        code(alike.meant),
        alike.how.describe()
    );
    let (severity, confidence) = match (certain, alike.how) {
        (true, Resemblance::Homoglyph) => (Severity::High, Confidence::High),
        (true, _) => (Severity::High, Confidence::Medium),
        // Honest packages have such names too.
        (false, Resemblance::TwoSlips | Resemblance::Affix) => (Severity::Low, Confidence::Low),
        (false, _) => (Severity::Medium, Confidence::Medium),
    };
    let counted = alike.counted(&c.name);
    // What lies here has nobody's finger slipped on it: its name is worth what such names are.
    let itself = dependency.manifest == ManifestKind::Installed && c.direct.is_none();
    let (severity, confidence) = match counted {
        Some(counted) if itself && !counted.is_telling() => (Severity::Low, Confidence::Low),
        Some(_) if itself && alike.how == Resemblance::TwoSlips => (Severity::Medium, Confidence::Medium),
        _ => (severity, confidence),
    };
    let label = format!("did you mean {}?", code(alike.meant));
    let mut finding = via(
        Finding::new(&LOOK_ALIKE_PACKAGE, message, labelled(&c.declared, &label)),
        dependency,
    )
    .severity(severity)
    .confidence(confidence)
    .subject(c.name.clone())
    .help(format!("write {} if that is what you mean", code(alike.meant)))
    .help("if the package is really this one, ignore the finding with the reason")
    .property("package", c.name.as_str())
    .property("meant", alike.meant)
    .property("resemblance", alike.how.name());
    if let Some(counted) = counted {
        finding = finding.note(counted.words());
    }
    sink.push(finding);
}

/// A package itself, whose name is near one of the many that a list of dependencies is not held against.
pub(crate) fn check_distribution(facts: &DistributionFacts, sink: &mut Sink) {
    let d = &facts.distribution;
    let Some(name) = d.name.as_deref().filter(|_| d.kind != DistributionKind::Conda) else {
        return;
    };
    let known = !incident::incidents(name, d.version.as_deref()).is_empty();
    if known || look_alike(name).is_some() {
        return;
    }
    let Some((alike, Some(counted))) = name_prior(name) else {
        return;
    };
    let path = d.described_by.as_deref().unwrap_or_default();
    let at = match (facts.texts.get(path), &d.metadata) {
        (Some(text), Some(metadata)) => Location::text(
            facts.place(path),
            text,
            metadata.identity.clone(),
            "near another name",
        ),
        _ => Location::whole(&facts.artifact, "near another name"),
    };
    sink.push(
        Finding::new(
            &LOOK_ALIKE_PACKAGE,
            format!(
                "{} could be mistaken for {}: {}",
                code(name),
                code(alike.meant),
                alike.how.describe()
            ),
            at,
        )
        .severity(Severity::Low)
        .confidence(Confidence::Low)
        .subject(name)
        .note(counted.words())
        .help(format!("install {} if that is what you mean", code(alike.meant)))
        .property("package", name)
        .property("meant", alike.meant)
        .property("resemblance", alike.how.name()),
    );
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dependency, messages};
    use super::*;

    #[test]
    fn imitations_are_accused_and_nobody_else() {
        for (text, accused) in [
            ("transfomers==4.1\n", true),
            ("cv2\n", true),
            ("huggingface-cli\n", true),
            ("sklearn\n", false),
            ("transformers==4.1\n", false),
            ("acme-internal==1.0\n", false),
            ("git+https://git.example/transfomers.git@v1\n", false),
            // Known to be malicious: another rule has the word.
            ("tensorflwo\n", false),
        ] {
            assert_eq!(!messages(check, &dependency(text)).is_empty(), accused, "{text}");
        }
    }
}
