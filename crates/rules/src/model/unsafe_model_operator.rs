use super::{
    lines, place, qualified,
    table::{Effect, known},
};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::{graph::Operator, model::Model};

/// Running the model does more than compute.
pub(crate) static UNSAFE_MODEL_OPERATOR: Rule = Rule {
    id: "unsafe-model-operator",
    summary: "running the model runs code, loads a library, or touches files or the network",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model file",
        vector: "an operator in the graph that does more than compute",
        weakness: "graphs may hold operators that read and write files or call functions, and runtimes run them all",
        impact: "files of whoever runs the model are read, changed or sent away, or code runs with their rights",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(829),
        Reference::Cwe(73),
        Reference::Atlas("AML.T0018"),
    ],
    page: include_str!("unsafe_model_operator.md"),
    file: file!(),
};

pub(crate) fn check(model: &Model, sink: &mut Sink) {
    let framework = model.graph.framework;
    for operator in &model.graph.operators {
        let Some(known) = known(framework, operator) else {
            continue;
        };
        if known.effect == Effect::Pure || known.is_ordinary(operator) {
            continue;
        }
        let name = qualified(operator);
        let place = place(sink, operator.place, &lines(operator), "runs with the model");
        let mut finding = Finding::new(&UNSAFE_MODEL_OPERATOR, message(operator, known.effect), place)
            .severity(known.severity)
            .note(format!("{} {}", code(&name), known.does))
            .subject(format!("{name} {}", target(operator).unwrap_or_default()))
            .property("operator", wellhead_core::escape(&name))
            .property("effect", known.effect.name());
        if operator.count > 1 {
            finding = finding.note(format!("{} nodes of the model do so", operator.count));
        }
        if let Some(cve) = known.cve {
            finding = finding.note(format!("known from {cve}"));
        }
        sink.push(finding.help("do not run this model; ask its publisher for one whose graph only computes"));
    }
}

/// The file, address or function that the operator is known to take.
fn target(operator: &Operator) -> Option<&str> {
    let wanted = ["file", "url", "callable", "library", "module"];
    let mut found = operator.attributes.iter();
    found
        .find(|(name, _)| wanted.contains(&name.as_str()))
        .map(|(_, value)| value.as_str())
}

fn message(operator: &Operator, effect: Effect) -> String {
    let name = code(&qualified(operator));
    let by = |what: &str| format!("running this model {what}, by the operator {name}");
    match (effect, target(operator).map(code)) {
        (Effect::Code, Some(target)) => by(&format!("runs {target}")),
        (Effect::Code, None) => by("runs code that is no part of it"),
        (Effect::Library, Some(target)) => by(&format!("loads the native library {target}")),
        (Effect::Library, None) => by("loads a native library"),
        (Effect::Write, Some(target)) => by(&format!("writes to {target}")),
        (Effect::Write, None) => by("writes files of its choice"),
        (Effect::Read, Some(target)) => by(&format!("reads {target}")),
        (Effect::Read, None) => by("reads files of its choice"),
        (Effect::Network, Some(target)) => by(&format!("connects to {target}")),
        (Effect::Network, None) => by("opens connections"),
        (Effect::Branch, _) => {
            let text = operator.attributes.iter().find(|(name, _)| name == "trigger");
            let text = text.map_or("", |(_, value)| value.trim_start_matches("= "));
            by(&format!("takes another way when its input is {}", code(text)))
        }
        (Effect::Pure, _) => by("computes"),
    }
}
