use super::{place, table::is_layer};
use crate::pickle::callables::{Danger, Judgement, Usage, judge};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_formats::{graph::ReferenceKind, model::Model};

/// Loading the model calls a function that its configuration names.
pub(crate) static UNSAFE_MODEL_CALLABLE: Rule = Rule {
    id: "unsafe-model-callable",
    summary: "loading the model imports and calls what its configuration names",
    severity: Severity::Critical,
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
        vector: "a configuration that names a function where a layer is expected",
        weakness: "loaders that import and call whatever a configuration names",
        impact: "the attacker's code runs with the rights of whoever loads the model",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(470),
        Reference::Cwe(502),
        Reference::Cve("CVE-2025-1550"),
    ],
    page: include_str!("unsafe_model_callable.md"),
    file: file!(),
};

pub(crate) fn check(model: &Model, sink: &mut Sink) {
    for reference in &model.graph.references {
        let called = match reference.kind {
            ReferenceKind::Callable => true,
            ReferenceKind::Object => false,
            _ => continue,
        };
        let name = code(&reference.target);
        let lines = [format!(
            "{:#010x}  {} names {name}",
            reference.place.offset, reference.by
        )];
        let place = place(sink, reference.place, &lines, "called when the model is loaded");
        let finding = match judged(
            &reference.target,
            if called { Usage::Call } else { Usage::Reference },
        ) {
            Judgement::Allowed => continue,
            Judgement::Dangerous(danger) => {
                let message = if called {
                    format!("loading this model runs {name}")
                } else {
                    format!(
                        "loading this model takes hold of {name}, for itself or for whoever uses it to run"
                    )
                };
                let mut finding = Finding::new(&UNSAFE_MODEL_CALLABLE, message, place)
                    .note(format!("{name} {}", danger.does))
                    .property("class", danger.class);
                if let Some(cve) = danger.cve {
                    finding = finding.note(format!("known from {cve}"));
                }
                finding.help("do not load this model")
            }
            Judgement::Unknown if !called => {
                let message = format!("loading this model takes {name}, and what that is is not known");
                Finding::new(&UNSAFE_MODEL_CALLABLE, message, place)
                    .severity(Severity::Medium)
                    .confidence(Confidence::Medium)
                    .help("read the code of what is taken before you tell the loader to trust it")
            }
            Judgement::Unknown => {
                let message = format!("loading this model calls {name}, and what that does is not known");
                Finding::new(&UNSAFE_MODEL_CALLABLE, message, place)
                    .severity(Severity::High)
                    .confidence(Confidence::Medium)
                    .help("read the code of what is called before you load the model")
            }
        };
        let finding = finding.note(format!("named by {}", escape(&reference.by)));
        sink.push(
            finding
                .subject(reference.target.clone())
                .property("callable", escape(&reference.target)),
        );
    }
}

/// What is known of a dotted path that is imported and called. `pkg.mod:Class` is written by some tools.
fn judged(path: &str, usage: Usage) -> Judgement {
    let path = path.trim().replace(':', ".");
    let Some((module, name)) = path.rsplit_once('.') else {
        return judge("builtins", &path, usage);
    };
    let last = judge(module, name, usage);
    if last == Judgement::Allowed || is_layer(module, name) {
        return Judgement::Allowed;
    }
    if let Judgement::Dangerous(_) = last {
        return last;
    }
    // The way through attributes of another module: `torch.serialization.os.system` is `os.system`.
    danger_on_the_way(&path).map_or(Judgement::Unknown, Judgement::Dangerous)
}

fn danger_on_the_way(path: &str) -> Option<&'static Danger> {
    let parts: Vec<&str> = path.split('.').collect();
    // Paths of attackers may have thousands of parts; those of Python have ten.
    let starts = 1..parts.len().saturating_sub(1).min(16);
    starts.into_iter().find_map(|start| {
        let rest = parts.get(start..)?;
        let (name, module) = rest.split_last()?;
        match judge(&module.join("."), name, Usage::Call) {
            Judgement::Dangerous(danger) => Some(danger),
            _ => None,
        }
    })
}
