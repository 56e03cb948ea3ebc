use super::{lines, place, qualified, table::is_foreign};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::{graph::Framework, model::Model};

/// Running the model needs an operator that the framework does not bring along.
pub(crate) static UNKNOWN_MODEL_OPERATOR: Rule = Rule {
    id: "unknown-model-operator",
    summary: "running the model needs native or registered code that comes from elsewhere",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes a model and the library that it asks for",
        vector: "an operator that no runtime knows, so that its user fetches code for it",
        weakness: "the code behind a custom operator is no part of the model and nobody has looked at it",
        impact: "the library runs with the rights of whoever loads it",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(829),
        Reference::Cwe(114),
    ],
    page: include_str!("unknown_model_operator.md"),
    file: file!(),
};

pub(crate) fn check(model: &Model, sink: &mut Sink) {
    let framework = model.graph.framework;
    // What configurations of Keras name has a rule of its own, which tells callables from classes.
    if framework == Framework::Keras {
        return;
    }
    for operator in &model.graph.operators {
        if !is_foreign(framework, operator) {
            continue;
        }
        let name = qualified(operator);
        let place = place(sink, operator.place, &lines(operator), "not of the framework");
        let needs = match framework {
            Framework::Onnx => "a native library (`.so`, `.dll`) that is registered with the runtime",
            Framework::Caffe | Framework::CoreMl => "code that the program which loads it brings along",
            Framework::Keras => "a Python class that is registered with the framework",
            _ => "code that is registered with the runtime",
        };
        let mut finding = Finding::new(
            &UNKNOWN_MODEL_OPERATOR,
            format!(
                "running this model needs code from elsewhere: {} is no operator of {framework}",
                code(&name)
            ),
            place,
        )
        .note(format!(
            "whoever runs it has to supply {needs}; it is no part of this file"
        ))
        .subject(name.clone())
        .property("operator", wellhead_core::escape(&name))
        .property("domain", wellhead_core::escape(&operator.domain));
        if operator.count > 1 {
            finding = finding.note(format!("{} nodes of the model use it", operator.count));
        }
        sink.push(finding.help(
            "find out who wrote the code behind the operator, and audit it before you load it; \
             a model of standard operators needs none",
        ));
    }
}
