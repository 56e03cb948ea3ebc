use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, escape,
};
use wellhead_formats::native::Native;

pub(crate) static PACKED_NATIVE_CODE: Rule = Rule {
    id: "packed-native-code",
    summary: "native code is compressed or encrypted, so that nobody can read it before it runs",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 2,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or poisons a package",
        vector: "a program that unpacks its code in memory",
        weakness: "what is packed has no imports and no texts to judge it by",
        impact: "code runs that no scanner has seen",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(506)],
    page: include_str!("packed_native_code.md"),
    file: file!(),
};

pub(crate) fn check(native: &Native, sink: &mut Sink) {
    let Some(why) = native.packed() else { return };
    let message = "what this native code does cannot be seen before it runs: it is compressed or encrypted";
    sink.push(
        Finding::new(&PACKED_NATIVE_CODE, message, sink.whole("packed"))
            .note(escape(&why))
            .help("build it from its source, or take a package that is not packed")
            .subject("packed"),
    );
}
