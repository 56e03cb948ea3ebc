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
