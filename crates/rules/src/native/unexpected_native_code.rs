use super::{CarriedNative, Carriers, WheelTags};
use std::collections::BTreeSet;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::native::{Ability, Form, System};

pub(crate) static UNEXPECTED_NATIVE_CODE: Rule = Rule {
    id: "unexpected-native-code",
    summary: "a package carries native code that its own description rules out",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or poisons a package",
        vector: "a library or program among Python files",
        weakness: "a wheel for every platform is taken for one of source that can be read",
        impact: "native code runs that no reviewer of the package has seen",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(506)],
    page: include_str!("unexpected_native_code.md"),
    file: file!(),
};

/// How many files are told of one by one.
const MAX_TOLD: usize = 8;

pub(crate) fn check(carriers: &Carriers, sink: &mut Sink) {
    let runs =
        |n: &&CarriedNative| n.is_general && (n.is_module || matches!(n.form, Form::Library | Form::Program));
    let natives: Vec<&CarriedNative> = carriers
        .natives
        .iter()
        .filter(runs)
        .filter(|n| !is_launcher(n))
        .collect();
    match &carriers.wheel {
        Some(wheel) => in_wheel(wheel, &natives, sink),
        None if carriers.is_source => in_source(&natives, sink),
        None => {}
    }
}

fn in_wheel(wheel: &WheelTags, natives: &[&CarriedNative], sink: &mut Sink) {
    let Some(systems) = systems(&wheel.tags) else {
        return;
    };
    if systems.is_empty() {
        // One that brings a build for each system chooses at run time; one for a single system is no wheel for all.
        let several = natives.iter().map(|n| n.system).collect::<BTreeSet<_>>().len() > 1;
        let severity = if several { Severity::Low } else { Severity::Medium };
        for native in natives.iter().take(MAX_TOLD) {
            tell(native, "the wheel says it is for every platform", severity, sink);
        }
        return;
    }
    let foreign = natives.iter().filter(|n| !systems.contains(&n.system));
    for native in foreign.take(MAX_TOLD) {
        tell(
            native,
            "the wheel says it is for another platform",
            Severity::Medium,
            sink,
        );
    }
}

/// What was built lies in a wheel; a source distribution has it only where somebody put it there. Tests of tools for
/// binaries have some.
fn in_source(natives: &[&CarriedNative], sink: &mut Sink) {
    let tested = |n: &&&CarriedNative| {
        n.artifact.leaf().split('/').any(|part| {
            matches!(
                part,
                "test" | "tests" | "testing" | "test_data" | "testdata" | "fixtures"
            )
        })
    };
    for native in natives.iter().filter(|n| !tested(n)).take(MAX_TOLD) {
        let severity = if native.is_module {
            Severity::Medium
        } else {
            Severity::Low
        };
        tell(native, "the package says it is source", severity, sink);
    }
}

/// The systems that the tags of a wheel are for; none if it is for all, nothing if the tags tell nothing.
fn systems(tags: &[String]) -> Option<BTreeSet<System>> {
    let mut found = BTreeSet::new();
    for tag in tags {
        let platform = tag.rsplit('-').next().unwrap_or_default();
        if platform == "any" {
            continue;
        }
        found.insert(if platform.starts_with("win") {
            System::Windows
        } else if ["manylinux", "musllinux", "linux"]
            .iter()
            .any(|p| platform.starts_with(p))
        {
            System::Linux
        } else if platform.starts_with("macosx") {
            System::MacOs
        } else {
            return None;
        });
    }
    (!tags.is_empty()).then_some(found)
}

/// Installers keep small launchers for Windows, which they copy beside every script; they start a program and no more.
fn is_launcher(native: &CarriedNative) -> bool {
    native.system == System::Windows
        && native
            .abilities
            .iter()
            .all(|(ability, _)| matches!(ability, Ability::Process | Ability::Library))
}

fn tell(native: &CarriedNative, why: &str, severity: Severity, sink: &mut Sink) {
    let kind = format!("{} {}", native.system.name(), native.form.name());
    let message = format!(
        "native code may run here that nobody expects: {why}, and carries a {kind} as {}",
        code(native.artifact.name())
    );
    let mut finding = Finding::new(
        &UNEXPECTED_NATIVE_CODE,
        message,
        Location::whole(&native.artifact, format!("a {kind}")),
    )
    .severity(severity)
    .help("ask why it is there, and do not install it before you know what it is for")
    .subject(native.artifact.leaf());
    for (ability, name) in native.abilities.iter().take(4) {
        finding = finding.note(format!("it imports {}, which {}", code(name), ability.does()));
    }
    sink.push(finding);
}
