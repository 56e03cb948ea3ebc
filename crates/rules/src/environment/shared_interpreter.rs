use super::{Environment, Kind};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
};

/// Packages are not kept apart in an environment of their own.
pub(crate) static SHARED_INTERPRETER: Rule = Rule {
    id: "shared-interpreter",
    summary: "packages are not kept apart in an environment of their own",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 3,
        technical_impact: 3,
        ml_application: 2,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes any package of the machine",
        vector: "an interpreter that all projects share",
        weakness: "every installation changes what all of them import",
        impact: "a package of one project reaches all the others, and tools of the system",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Pep(668),
        Reference::Cwe(653),
    ],
    page: include_str!("shared_interpreter.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    if environment.system_sites {
        let message = "packages of the whole machine are imported here too, and were not looked at";
        sink.push(
            Finding::new(
                &SHARED_INTERPRETER,
                message,
                sink.whole("`include-system-site-packages` is true"),
            )
            .help("make the environment anew without `--system-site-packages`")
            .subject("system site packages"),
        );
    }
    if environment.kind != Kind::Interpreter {
        return;
    }
    let by_installer: Vec<_> = environment
        .distributions
        .iter()
        .filter(|d| matches!(d.installer.as_deref(), Some("pip" | "uv" | "poetry" | "pdm")))
        .filter(|d| {
            !matches!(
                d.name.as_str(),
                "pip" | "setuptools" | "wheel" | "uv" | "virtualenv" | "pipx"
            )
        })
        .collect();
    if by_installer.is_empty() {
        return;
    }
    let names: Vec<String> = by_installer.iter().take(8).map(|d| code(&d.written)).collect();
    let severity = if environment.managed {
        Severity::Medium
    } else {
        Severity::Low
    };
    let mut finding = Finding::new(
        &SHARED_INTERPRETER,
        format!(
            "packages of one project reach every other use of this interpreter: {} are installed in it",
            by_installer.len()
        ),
        sink.whole("the interpreter itself"),
    )
    .severity(severity)
    .note(format!("installed in it: {}", names.join(", ")))
    .help("use a virtual environment: `python3 -m venv .venv`");
    if environment.managed {
        finding = finding.note("its maker asks installers to leave it alone (`EXTERNALLY-MANAGED`)");
    }
    sink.push(finding);
}
