use super::facts::Repository;
use wellhead_core::{
    ArtifactPath, Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario,
    Severity, Sink, ThreatProfile, code,
};
use wellhead_packages::{Resemblance, resembles};

/// A model or its publisher is called almost like a known one.
pub(crate) static LOOK_ALIKE_MODEL: Rule = Rule {
    id: "look-alike-model",
    summary: "a model or its publisher is called almost like a well-known one",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Sources,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever registers a name one letter from a known one",
        vector: "a slip of the finger, or letters that look alike",
        weakness: "names of hubs are first come, first served",
        impact: "the attacker's model is loaded in the place of the known one",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(1007),
        Reference::Atlas("AML.T0010.003"),
    ],
    page: include_str!("look_alike_model.md"),
    file: file!(),
};

/// Publishers that everybody loads from. A name of this list is never accused.
const PUBLISHERS: &str = "
    meta-llama facebook google google-bert openai openai-community microsoft mistralai deepseek-ai qwen
    stabilityai huggingface huggingfaceh4 huggingfacetb bigscience bigcode eleutherai tiiuae databricks
    mosaicml nvidia intel amd apple amazon ibm-granite ibm cohereforai coherelabs anthropic salesforce
    sentence-transformers cross-encoder baai intfloat thenlper mixedbread-ai jinaai nomic-ai alibaba-nlp
    runwayml compvis black-forest-labs lllyasviel playgroundai segmind kandinsky-community
    distilbert albert xlnet facebookai timm laion openclip allenai teknium nousresearch open-orca
    togethercomputer lmsys lmstudio-community thebloke bartowski unsloth mlx-community ggml-org
    internlm baichuan-inc thudm zai-org 01-ai tencent baidu xai-org moonshotai minimaxai
    pyannote speechbrain suno coqui microsoft-research deepset dslim prajjwal1 cardiffnlp
    finbert prosusai helsinki-nlp snowflake-arctic snowflake upstage vikhyatk liuhaotian llava-hf
    monologg klue skt beomi rinna cyberagent stockmark sberbank-ai ai-forever deeppavlov
    dbmdz google-t5 t5 patrickjohncyh flax-community keras keras-io tensorflow pytorch onnx-community xenova
";

/// Models that everybody loads, without publisher.
const MODELS: &str = "
    bert-base-uncased bert-base-cased bert-large-uncased bert-base-multilingual-cased distilbert-base-uncased
    roberta-base roberta-large xlm-roberta-base xlm-roberta-large deberta-v3-base deberta-v3-large albert-base-v2
    gpt2-medium gpt2-large distilgpt2 gpt-neo-125m gpt-j-6b all-minilm-l6-v2 all-minilm-l12-v2
    all-mpnet-base-v2 paraphrase-multilingual-minilm-l12-v2 multi-qa-minilm-l6-cos-v1
    clip-vit-base-patch32 clip-vit-large-patch14 vit-base-patch16-224 whisper-large-v3 whisper-base
    wav2vec2-base-960h flan-t5-base flan-t5-large bart-large-cnn bart-large-mnli
    stable-diffusion-v1-5 stable-diffusion-xl-base-1.0 stable-diffusion-2-1 finbert-tone
    mistral-7b-instruct-v0.2 mixtral-8x7b-instruct-v0.1 tinyllama-1.1b-chat-v1.0
    starcoder2 codellama deepseek-coder deepseek-r1 falcon-7b-instruct
";

pub(super) fn check(repository: &Repository, sink: &mut Sink) {
    if !repository.is_model {
        return;
    }
    if let Some(name) = &repository.name
        && let Some((part, meant, how)) = imitates(name)
    {
        let artifact = repository.documents.values().next().map_or_else(
            || ArtifactPath::file(repository.folder.clone()),
            |d| d.artifact.clone(),
        );
        let message = format!(
            "this model is called {}, which is easily taken for {}",
            code(part),
            code(meant)
        );
        sink.push(made(
            message,
            Location::whole(&artifact, "of this repository"),
            name,
            how,
        ));
    }
    for (path, document) in &repository.documents {
        for key in ["base_model_name_or_path", "_name_or_path", "base_model"] {
            let Some(node) = document.root.get(key) else {
                continue;
            };
            let Some(text) = node.as_str().filter(|t| t.len() < 200 && !t.starts_with('/')) else {
                continue;
            };
            if let Some((part, meant, how)) = imitates(text) {
                let place = sink.text_of(
                    &document.artifact,
                    &document.text,
                    node.span.clone(),
                    "named here",
                );
                let message = format!(
                    "{} names {}, which is easily taken for {}",
                    code(path),
                    code(part),
                    code(meant)
                );
                sink.push(made(message, place, text, how));
            }
        }
    }
}

fn made(message: String, place: Location, name: &str, how: Resemblance) -> Finding {
    Finding::new(&LOOK_ALIKE_MODEL, message, place)
        .subject(name)
        .property("name", name)
        .note(how.describe())
        .help("compare the name with the one that you meant, letter by letter")
        .help("compare the folder with the original: `wellhead diff ORIGINAL COPY`")
}

/// The part of `org/name` that imitates a known one.
fn imitates(name: &str) -> Option<(&str, &'static str, Resemblance)> {
    let (org, model) = match name.split_once('/') {
        Some((org, model)) if !model.contains('/') => (Some(org), model),
        Some(_) => return None,
        None => (None, name),
    };
    org.and_then(|org| among(org, PUBLISHERS, 6))
        .or_else(|| among(model, MODELS, 9))
}

fn among<'n>(
    name: &'n str,
    known: &'static str,
    shortest: usize,
) -> Option<(&'n str, &'static str, Resemblance)> {
    let lower = name.to_lowercase();
    if known.split_whitespace().any(|k| k == lower) {
        return None;
    }
    known
        .split_whitespace()
        .filter(|k| k.len() >= shortest)
        .find_map(|k| resembles(&lower, k).map(|how| (name, k, how)))
        .filter(|(_, _, how)| {
            matches!(
                how,
                Resemblance::Homoglyph | Resemblance::Swapped | Resemblance::OneLetter
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imitations_are_seen_and_known_names_left_alone() {
        for (name, expected) in [
            ("meta-Ilama/Llama-3", Some("meta-llama")),
            ("mistraIai/x", Some("mistralai")),
            ("facebok/x", Some("facebook")),
            ("rnicrosoft/x", Some("microsoft")),
            ("acme/bert-base-uncasd", Some("bert-base-uncased")),
            ("acme/bert-base-uncased", None),
            ("meta-llama/Llama-3.1-8B", None),
            ("google/gemma-2-9b", None),
            ("models/bert", None),
            ("goggles/x", None),
            ("acme/bert-base-german", None),
            ("acme/all-MiniLM-L6-v3", None),
            ("acme/roberta-large-v2", None),
            ("home/user/model", None),
            ("", None),
        ] {
            assert_eq!(imitates(name).map(|(_, meant, _)| meant), expected, "{name}");
        }
    }

    #[test]
    fn no_known_name_is_taken_for_another() {
        for known in PUBLISHERS.split_whitespace() {
            assert_eq!(imitates(&format!("{known}/x")), None, "{known}");
        }
        for known in MODELS.split_whitespace() {
            assert_eq!(imitates(&format!("acme/{known}")), None, "{known}");
        }
    }
}
