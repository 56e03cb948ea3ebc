use super::{attribute, locate, whose};
use std::collections::BTreeSet;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_formats::{graph::Framework, model::Model};

/// A layer is code that the model brings along.
pub(crate) static UNSAFE_KERAS_LAMBDA: Rule = Rule {
    id: "unsafe-keras-lambda",
    summary: "a Keras model holds bytecode that loading or running it executes",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model file",
        vector: "a `Lambda` layer, at any depth of the model, whose function is marshalled bytecode",
        weakness: "Keras makes a function of the bytecode and calls it to find the layer's shape",
        impact: "the attacker's code runs with the rights of whoever loads the model",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(94),
        Reference::Cwe(502),
        Reference::Cve("CVE-2024-3660"),
        Reference::Cve("CVE-2025-9905"),
    ],
    page: include_str!("unsafe_keras_lambda.md"),
    file: file!(),
};

pub(crate) fn check(model: &Model, sink: &mut Sink) {
    if model.graph.framework != Framework::Keras {
        return;
    }
    let mut told = BTreeSet::new();
    // The layer stands before the function in it, and one finding for both is enough.
    for operator in &model.graph.operators {
        if attribute(operator, "code") != Some("bytecode") || !told.insert(operator.scope.as_str()) {
            continue;
        }
        let message = format!(
            "loading this model makes a function of the bytecode in {} and calls it",
            whose(operator)
        );
        sink.push(
            Finding::new(
                &UNSAFE_KERAS_LAMBDA,
                message,
                locate(model, operator, sink, "code, not configuration"),
            )
            .note("Keras refuses it in a `.keras` file unless somebody passes `safe_mode=False`, and runs it in an `.h5` file")
            .help("ask for a model whose layers have names: `keras.layers.Rescaling`, `keras.ops`, or a registered class with its source")
            .help("what the bytecode does is told for the member that holds it; `wellhead inspect` lists its names")
            .subject(operator.scope.clone()),
        );
    }
}
