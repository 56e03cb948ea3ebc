use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::{Family, Identity};

pub(crate) static EXECUTABLE_IN_MODEL: Rule = Rule {
    id: "executable-in-model",
    summary: "a model archive carries a native program",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "the author of a model",
        vector: "a program among the weights, started by a few opcodes elsewhere",
        weakness: "weights are large, and nobody looks into them",
        impact: "malware is installed where the model is unpacked",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Cwe(506),
        Reference::Atlas("AML.T0018"),
        Reference::Owasp("ML06:2023"),
    ],
    page: include_str!("executable_in_model.md"),
    file: file!(),
};

/// A llamafile is a program and its weights in one file: starting the model is starting the program.
fn llamafile(identity: &Identity, sink: &mut Sink) {
    let name = sink.artifact().name().to_lowercase();
    let named = name.ends_with(".llamafile");
    let carries = identity.format.name == "ape" && !identity.polyglot.is_empty();
    if !named && !carries {
        return;
    }
    let program = identity.format.with_article();
    sink.push(
        Finding::new(
            &EXECUTABLE_IN_MODEL,
            "starting this model runs native code that was not looked at: it is a program that carries its weights",
            sink.whole(format!("{program} by content")),
        )
        .help("take the weights alone, as GGUF, and run them with a program of your own; or compare its digest with its publisher's")
        .subject("llamafile"),
    );
}

pub(crate) fn check(identity: &Identity, sink: &mut Sink) {
    if matches!(identity.format.name, "elf" | "pe" | "mach-o" | "ape") {
        llamafile(identity, sink);
    }
    let Some(container) = identity.inside.filter(|f| f.family == Family::Model) else {
        return;
    };
    if !matches!(identity.format.name, "elf" | "pe" | "mach-o" | "ape") {
        return;
    }
    let program = identity.format.with_article();
    let name = code(sink.artifact().name());
    let message = format!("this {container} carries {program} as {name}");
    sink.push(
        Finding::new(
            &EXECUTABLE_IN_MODEL,
            message,
            sink.whole(format!("{program} by content")),
        )
        .help("do not unpack or load it; ask for the weights alone, as safetensors")
        .subject(identity.format.name),
    );
}
