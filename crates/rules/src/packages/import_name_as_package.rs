use super::{labelled, via};
use wellhead_core::{
    Confidence, Ecosystem, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    Source, ThreatProfile, code,
};
use wellhead_packages::{Dependency, stand_in};

/// The name of an import, where the package is called otherwise.
pub(crate) static IMPORT_NAME_AS_PACKAGE: Rule = Rule {
    id: "import-name-as-package",
    summary: "a package is asked for by the name of an import that belongs to another",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 3,
        ml_application: 3,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "whoever holds, or takes over, the name of the import",
        vector: "a release under that name",
        weakness: "the name was written as it is imported",
        impact: "other people's code is installed than the one that was meant",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1357)],
    page: include_str!("import_name_as_package.md"),
    file: file!(),
};

pub(crate) fn check(dependency: &Dependency, sink: &mut Sink) {
    let c = &dependency.component;
    // In a lock it is what another package asked for, or what the manifest said; conda has names of its own.
    if c.ecosystem != Ecosystem::PyPI
        || !matches!(c.source, Source::Registry { .. })
        || dependency.manifest.is_lock()
    {
        return;
    }
    let Some(found) = stand_in(&c.name) else { return };
    let (name, meant) = (code(&c.written), code(found.meant));
    let (message, severity) = if found.same_authors {
        (
            format!("{name} is a stand-in without code of its own: the package is {meant}"),
            Severity::Info,
        )
    } else {
        (
            format!("{name} is another project than {meant}, which is imported by that name"),
            Severity::Low,
        )
    };
    let label = format!("did you mean {meant}?");
    sink.push(
        via(
            Finding::new(&IMPORT_NAME_AS_PACKAGE, message, labelled(&c.declared, &label)),
            dependency,
        )
        .severity(severity)
        .subject(c.name.clone())
        .help(format!("write {meant} if that is what you import"))
        .property("package", c.name.as_str())
        .property("meant", found.meant),
    );
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dependency, messages};
    use super::*;

    #[test]
    fn stand_ins_are_named_and_their_packages_left_alone() {
        for (text, expected) in [
            (
                "sklearn\n",
                "info: `sklearn` is a stand-in without code of its own: the package is `scikit-learn`",
            ),
            (
                "jwt==1.3\n",
                "low: `jwt` is another project than `pyjwt`, which is imported by that name",
            ),
            ("scikit-learn\n", ""),
            ("pyjwt==2.8\n", ""),
            ("git+https://git.example/jwt.git@v1\n", ""),
        ] {
            assert_eq!(messages(check, &dependency(text)), expected, "{text}");
        }
    }
}
