use std::ops::Range;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_formats::document::TextFile;
use wellhead_infra::{Command, Configuration, script};
use wellhead_pycode::Module;

/// Models that are fetched from another hub than the names suggest.
pub(crate) static HUB_ENDPOINT_OVERRIDE: Rule = Rule {
    id: "hub-endpoint-override",
    summary: "models are fetched from another server than the hub they are named after",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever runs the mirror, or stands in between",
        vector: "another model under a known name",
        weakness: "the server that answers for every name was exchanged",
        impact: "every model and data set comes from somebody else",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(494),
        Reference::Cwe(346),
    ],
    page: include_str!("hub_endpoint_override.md"),
    file: file!(),
};

const VARIABLES: &[&str] = &["HF_ENDPOINT", "HUGGINGFACE_HUB_ENDPOINT"];

pub(super) fn check(module: &Module, sink: &mut Sink) {
    check_calls(module, sink);
    for write in &module.environment {
        if VARIABLES.contains(&write.name.as_str()) {
            for address in write.value.texts() {
                judge(&module.text, &write.name, address, write.range.clone(), sink);
            }
        }
    }
}

/// Shell scripts and files of variables, by their name.
pub(super) fn check_script(file: &TextFile, sink: &mut Sink) {
    let name = sink.artifact().name();
    let is_script = [".sh", ".bash", ".zsh", ".env"]
        .iter()
        .any(|end| name.ends_with(end));
    let is_env = name == ".envrc" || name.starts_with(".env.");
    // Most files name no hub, and need not be split.
    if (is_script || is_env) && VARIABLES.iter().any(|v| file.text.contains(v)) {
        check_commands(&file.text, &script(&file.text, 0), sink);
    }
}

/// `export HF_ENDPOINT=…`, `HF_ENDPOINT=… python train.py`
fn check_commands(text: &str, commands: &[Command], sink: &mut Sink) {
    for command in commands {
        let sets = matches!(
            command.program(),
            "export" | "declare" | "typeset" | "readonly" | "setx"
        );
        let declared = command.words.iter().skip(1).filter(|_| sets);
        for word in command.variables.iter().chain(declared).filter(|w| !w.open) {
            let Some((name, address)) = word.text.split_once('=') else {
                continue;
            };
            if VARIABLES.contains(&name) {
                judge(text, name, address, word.span.clone(), sink);
            }
        }
    }
}

/// Functions of the hub's library that take an address, and the settings that hold one.
fn check_calls(module: &Module, sink: &mut Sink) {
    const SETTINGS: &[&str] = &[
        "huggingface_hub.constants.ENDPOINT",
        "datasets.config.HF_ENDPOINT",
    ];
    for call in &module.calls {
        let of_hub =
            |c: &String| c.starts_with("huggingface_hub.") || c.starts_with("datasets.DownloadConfig");
        let endpoint = call
            .keyword("endpoint")
            .filter(|_| call.callees.iter().any(of_hub));
        if let Some(argument) = endpoint {
            for address in argument.value.texts() {
                judge(&module.text, "endpoint", address, argument.range.clone(), sink);
            }
        }
    }
    for write in &module.attributes {
        if SETTINGS.contains(&write.target.as_str()) {
            for address in write.value.texts() {
                judge(&module.text, &write.target, address, write.range.clone(), sink);
            }
        }
    }
}

pub(super) fn check_configuration(configuration: &Configuration, sink: &mut Sink) {
    for resource in &configuration.resources {
        check_commands(&configuration.text, &resource.build, sink);
        if !resource.inherited_start {
            check_commands(&configuration.text, &resource.start, sink);
        }
        for variable in &resource.environment {
            let Some(value) = variable.value.as_ref().filter(|w| !w.open) else {
                continue;
            };
            if VARIABLES.contains(&variable.name.as_str()) {
                let address = value.text.trim_matches(['"', '\'']);
                judge(
                    &configuration.text,
                    &variable.name,
                    address,
                    variable.span.clone(),
                    sink,
                );
            }
        }
    }
}

fn judge(text: &str, name: &str, address: &str, range: Range<usize>, sink: &mut Sink) {
    let host = address.split("://").nth(1).unwrap_or(address);
    let host = host.split(['/', ':', '?']).next().unwrap_or_default();
    let is_own = host == "huggingface.co" || host == "hf.co" || host.is_empty();
    let is_local = host == "localhost" || host.starts_with("127.");
    let plain = address.starts_with("http://") && !is_local;
    if is_local || (is_own && !plain) {
        return;
    }
    let place = sink.text(text, range, "answers for every name from here on");
    let mut finding = Finding::new(
        &HUB_ENDPOINT_OVERRIDE,
        format!("every model and data set is fetched from {}", code(host)),
        place,
    )
    .subject(format!("{name}={}", escape(host)))
    .help("remove the variable; for a mirror of your own allow its host in the policy and pin commits and digests");
    if plain {
        finding = finding
            .severity(Severity::High)
            .note("the address is plain `http`, so anyone in between can exchange the files");
    }
    sink.push(finding);
}
