use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_pycode::{Call, Module, Value};

/// `torch.load` that unpickles without restriction.
pub(crate) static UNSAFE_TORCH_LOAD: Rule = Rule {
    id: "unsafe-torch-load",
    summary: "`torch.load` runs whatever the file tells it to",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever made or exchanged the checkpoint",
        vector: "a pickle inside the checkpoint that calls a function",
        weakness: "the loader executes the pickle without restriction",
        impact: "the attacker's code runs with the rights of the loading process",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(502),
        Reference::Atlas("AML.T0011.000"),
    ],
    page: include_str!("unsafe_torch_load.md"),
    file: file!(),
};

pub(super) fn check(module: &Module, sink: &mut Sink) {
    for call in &module.calls {
        let loads = call.may_be("torch.load") || call.may_be("torch.serialization.load");
        let off = call.keyword("weights_only").map(|a| a.value.alternatives());
        let hands_off = hands_on(call) && off.is_some_and(|values| values.iter().any(is_off));
        if loads || hands_off {
            judge(module, call, sink);
        }
    }
    for write in &module.environment {
        let off = write.name == "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
            && write
                .value
                .texts()
                .any(|t| matches!(t.to_ascii_lowercase().as_str(), "1" | "y" | "yes" | "true"));
        if off {
            let place = sink.text(
                &module.text,
                write.range.clone(),
                "for every `torch.load` from here on",
            );
            let message = "every `torch.load` of this process runs whatever its file tells it to";
            sink.push(
                Finding::new(&UNSAFE_TORCH_LOAD, message, place)
                    .subject("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
                    .help("remove the variable, and allow the few classes that are needed with `torch.serialization.add_safe_globals`"),
            );
        }
    }
}

/// `False`, and `0`.
fn is_off(value: &Value) -> bool {
    matches!(value, Value::Bool(false) | Value::Int(0))
}

/// Functions and methods that fetch or open a checkpoint and hand `weights_only` on to `torch.load`.
fn hands_on(call: &Call) -> bool {
    call.may_be("torch.hub.load_state_dict_from_url")
        || call.may_be("torch.utils.model_zoo.load_url")
        || call.is_method("load_from_checkpoint")
}

fn judge(module: &Module, call: &Call, sink: &mut Sink) {
    let message = "loading this checkpoint runs whatever code it brings";
    let safe = "load weights only: `weights_only=True`, or keep the weights as safetensors";
    if let Some(other) = call
        .argument(2, "pickle_module")
        .filter(|a| a.value != Value::None)
    {
        let place = sink.text(
            &module.text,
            other.range.clone(),
            "another unpickler has no restriction",
        );
        sink.push(Finding::new(&UNSAFE_TORCH_LOAD, message, place).help(safe));
        return;
    }
    match call.keyword("weights_only") {
        // Where `functools.partial` bound it, it was reported there.
        Some(argument) if !call.states(argument) => {}
        Some(argument) if argument.value.alternatives().iter().any(is_off) => {
            let certain = is_off(&argument.value);
            let place = sink.text(
                &module.text,
                argument.range.clone(),
                "switches the restriction off",
            );
            let place = sink.and(place, &module.text, call.callee_range.clone(), "loaded here");
            // Where it is one of several values somebody else decides, as in code that hands an argument on.
            let (severity, confidence) = if certain {
                (Severity::High, Confidence::High)
            } else {
                (Severity::Medium, Confidence::Medium)
            };
            sink.push(
                Finding::new(&UNSAFE_TORCH_LOAD, message, place)
                    .severity(severity)
                    .confidence(confidence)
                    .help(safe),
            );
        }
        Some(argument) if argument.value != Value::None => {}
        None if call.open || call.partial => {}
        _ => {
            let label = "no `weights_only=True`";
            let place = sink.text(&module.text, call.callee_range.clone(), label);
            sink.push(
                Finding::new(
                    &UNSAFE_TORCH_LOAD,
                    "before torch 2.6, loading this checkpoint runs whatever code it brings",
                    place,
                )
                .severity(Severity::Medium)
                .confidence(Confidence::Medium)
                // The engine looks which torch the project has.
                .property("default_of_torch", true)
                .note("torch 2.6 and newer load weights only unless told otherwise")
                .help("say it, so that no version of torch decides: `weights_only=True`"),
            );
        }
    }
}
