use super::facts::Repository;
use std::collections::BTreeMap;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// The same weights as safetensors and as a pickle.
pub(crate) static PICKLE_BESIDE_SAFETENSORS: Rule = Rule {
    id: "pickle-beside-safetensors",
    summary: "weights lie there as safetensors and once more as a pickle",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the model, or a copy of it",
        vector: "a pickle under the name that older loaders look for",
        weakness: "two files are taken for the same weights and only one can hold no code",
        impact: "loaders that do not know safetensors run the pickle",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(502)],
    page: include_str!("pickle_beside_safetensors.md"),
    file: file!(),
};

/// Names that loaders look for, and the safetensors file that others take instead.
const PAIRS: &[(&str, &str)] = &[
    ("pytorch_model", "model"),
    ("pytorch_model", "pytorch_model"),
    ("adapter_model", "adapter_model"),
    ("diffusion_pytorch_model", "diffusion_pytorch_model"),
    ("pytorch_lora_weights", "pytorch_lora_weights"),
    ("open_clip_pytorch_model", "open_clip_model"),
    ("model", "model"),
    ("consolidated", "consolidated"),
];

pub(super) fn check(repository: &Repository, sink: &mut Sink) {
    // By folder: the pickles, and one safetensors file each of them would be taken for.
    let mut found: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (path, file) in &repository.files {
        let pickle = file
            .format
            .as_deref()
            .is_some_and(|f| matches!(f, "pickle" | "torch-zip" | "torch-legacy" | "torch-tar"));
        if !pickle {
            continue;
        }
        let folder = Repository::folder_of(path);
        let stem = stem(Repository::file_name(path));
        let twin = repository.files.iter().find(|(other, file)| {
            Repository::folder_of(other) == folder
                && file.format.as_deref() == Some("safetensors")
                && PAIRS
                    .iter()
                    .any(|(a, b)| *a == stem && *b == self::stem(Repository::file_name(other)))
        });
        if let Some((twin, _)) = twin {
            found.entry(folder).or_default().push((path, twin));
        }
    }
    for (folder, pairs) in found {
        let Some((pickle, twin)) = pairs.first().copied() else {
            continue;
        };
        let Some(file) = repository.files.get(pickle) else {
            continue;
        };
        let more = pairs.len().saturating_sub(1);
        let others = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        sink.push(
            Finding::new(
                &PICKLE_BESIDE_SAFETENSORS,
                format!("{}{others} can run code, and {} beside it cannot", code(pickle), code(twin)),
                Location::whole(&file.artifact, "loaded by what does not know safetensors"),
            )
            .subject(format!("{folder} pickles"))
            .note("transformers and diffusers take the safetensors file; `torch.load`, vLLM with `load_format=\"pt\"` and older versions take the pickle")
            .help("delete the pickle, or load with `use_safetensors=True`"),
        );
    }
}

/// The name of a checkpoint without its extension, variant and shard: `pytorch_model` of
/// `pytorch_model-00001-of-00002.bin`.
fn stem(name: &str) -> &str {
    let name = name.split('.').next().unwrap_or(name);
    match name.find("-0") {
        Some(at) if name.contains("-of-") => name.get(..at).unwrap_or(name),
        _ => name,
    }
}
