//! Each loading call of the field with what it raises, and its innocent twin with nothing.

use crate::{
    Subject,
    testing::{findings, told},
};
use std::path::{Path, PathBuf};
use wellhead_core::{Budget, Span};
use wellhead_formats::document::{Encoding, TextFile};

fn raised(source: &str) -> String {
    let module = wellhead_pycode::parse(source, &mut Budget::default());
    told(&findings("a.py", Subject::Python(&module)))
}

fn shared(path: &str) -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests find the shared data by the environment"
    )]
    let root = std::env::var("WELLHEAD_SHARED").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    root.join(path)
}

#[test]
fn every_loading_call_of_the_sample_raises_what_it_should() {
    let path = shared("data/dependencies/ml_loading_calls.py.txt");
    #[expect(clippy::disallowed_methods, reason = "tests read the shared data")]
    let Ok(source) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no sample at {}", path.display());
        return;
    };
    let module = wellhead_pycode::parse(&source, &mut Budget::default());
    let mut lines: Vec<String> = source.lines().map(|l| format!("{l} =>")).collect();
    for finding in findings("a.py", Subject::Python(&module)) {
        let Span::Text { start, .. } = finding.locations[0].span else {
            panic!("no place");
        };
        lines[start.line as usize - 1].push_str(&format!(" {} {}", finding.rule, finding.severity));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    import torch, pickle, joblib, numpy as np, os =>
    from transformers import AutoModel, pipeline =>
    from huggingface_hub import hf_hub_download, snapshot_download =>
    from datasets import load_dataset =>
    import tensorflow as tf, keras, yaml, subprocess, requests =>
    a=AutoModel.from_pretrained("org/model") => unpinned-revision medium
    b=AutoModel.from_pretrained("org/model", revision="main") => unpinned-revision medium
    c=AutoModel.from_pretrained("org/model", revision="5d0f2e8a7f1a2e0b9c1c3e4b5a6978877665544a") =>
    d=AutoModel.from_pretrained("org/model", trust_remote_code=True) => trust-remote-code high unpinned-revision medium
    e=hf_hub_download("org/model","pytorch_model.bin") => unpinned-revision medium
    f=snapshot_download(repo_id="org/model") => unpinned-revision medium
    g=load_dataset("org/data") => unpinned-revision medium
    h=load_dataset("org/data", trust_remote_code=True) => trust-remote-code high unpinned-revision medium
    i=torch.hub.load("pytorch/vision","resnet18") => unpinned-revision high
    j=torch.hub.load("pytorch/vision:main","resnet18", trust_repo=True) => unpinned-revision high
    k=torch.load("m.pt") => unsafe-torch-load medium
    l=torch.load("m.pt", weights_only=False) => unsafe-torch-load high
    m=torch.load("m.pt", weights_only=True) =>
    n=pickle.load(open("m.pkl","rb")) => unsafe-deserialization medium
    o=joblib.load("m.joblib") => unsafe-deserialization medium
    p=np.load("x.npy", allow_pickle=True) => unsafe-deserialization medium
    q=keras.models.load_model("m.keras", safe_mode=False) => unsafe-deserialization high
    r=pipeline("text-generation", model="org/model") => unpinned-revision medium
    s=yaml.load(open("c.yaml"), Loader=yaml.Loader) => unsafe-deserialization medium
    t=requests.get("https://x", verify=False, timeout=3) => disabled-tls-verification medium
    os.environ["HF_ENDPOINT"]="http://mirror.example" => hub-endpoint-override high
    u=torch.jit.load("m.pt") =>
    import pandas as pd =>
    v=pd.read_pickle("x.pkl") => unsafe-deserialization medium
    w=subprocess.run("pip install foo", shell=True) =>
    "#);
}

#[test]
fn revisions() {
    let commit = "5d0f2e8a7f1a2e0b9c1c3e4b5a6978877665544a";
    let head =
        "from transformers import AutoModel, pipeline\nfrom datasets import load_dataset\nimport torch\n";
    let cases = [
        (
            "AutoModel.from_pretrained('org/m')".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "AutoModel.from_pretrained(pretrained_model_name_or_path='org/m', revision='v1.0')".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "N = 'org'\nM = f'{N}/m'\nAutoModel.from_pretrained(M)".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "AutoModel.from_pretrained('org/m', revision=None)".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "AutoModel.from_pretrained('gpt2')".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "PeftModel.from_pretrained(base, 'org/adapter')".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "import os\nAutoModel.from_pretrained(os.environ.get('M', 'org/m'))".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "pipeline('text-generation', 'org/m')".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "load_dataset('org/d', split='train')".to_owned(),
            "unpinned-revision medium",
        ),
        ("load_dataset('imdb')".to_owned(), "unpinned-revision medium"),
        (
            "load_dataset('tweet_eval')".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "load_dataset('json', data_files='https://huggingface.co/datasets/o/d/resolve/main/x.json')"
                .to_owned(),
            "unpinned-revision medium",
        ),
        (
            "import pandas as pd\npd.read_parquet('hf://datasets/o/d/x.parquet')".to_owned(),
            "unpinned-revision medium",
        ),
        (
            format!("import pandas as pd\npd.read_parquet('hf://datasets/o/d@{commit}/x.parquet')"),
            "",
        ),
        (
            "import timm\ntimm.create_model('hf_hub:o/m', pretrained=True)".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "import timm\ntimm.create_model('resnet50', pretrained=True)".to_owned(),
            "",
        ),
        ("print('hf://datasets/o/d')".to_owned(), ""),
        (
            "from functools import partial\nf = partial(AutoModel.from_pretrained, 'o/m')\nf()".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "from functools import partial\nf = partial(AutoModel.from_pretrained, torch_dtype='auto')\nf('o/m')"
                .to_owned(),
            "unpinned-revision medium",
        ),
        (
            format!("from functools import partial\nf = partial(AutoModel.from_pretrained, revision='{commit}')\nf('o/m')"),
            "",
        ),
        (
            format!("from functools import partial\nf = partial(AutoModel.from_pretrained, 'o/m')\nf(revision='{commit}')"),
            "",
        ),
        (
            "from functools import partial\nf = partial(AutoModel.from_pretrained, 'o/m', revision='main')\nf()\nf()"
                .to_owned(),
            "unpinned-revision medium",
        ),
        (
            "from huggingface_hub.file_download import hf_hub_download as d\nd('o/m', 'f')".to_owned(),
            "unpinned-revision medium",
        ),
        (
            "AutoModel.from_pretrained('org/m', local_files_only=True)".to_owned(),
            "",
        ),
        (
            "import os\nAutoModel.from_pretrained(os.path.join('org', 'm', 'x'))".to_owned(),
            "",
        ),
        (
            "from pathlib import Path\nAutoModel.from_pretrained(Path('org') / 'm')".to_owned(),
            "",
        ),
        ("torch.hub.load('o/r', 'm')".to_owned(), "unpinned-revision high"),
        (
            "torch.hub.load(repo_or_dir='o/r:v1', model='m')".to_owned(),
            "unpinned-revision high",
        ),
        (
            format!("AutoModel.from_pretrained('org/m', revision='{commit}')"),
            "",
        ),
        (
            format!("R = '{commit}'\nAutoModel.from_pretrained('org/m', revision=R)"),
            "",
        ),
        (format!("torch.hub.load('o/r:{commit}', 'm')"), ""),
        (
            "AutoModel.from_pretrained('org/m', revision=args.revision)".to_owned(),
            "",
        ),
        ("AutoModel.from_pretrained('org/m', **kwargs)".to_owned(), ""),
        ("AutoModel.from_pretrained('./org/m')".to_owned(), ""),
        ("AutoModel.from_pretrained('checkpoints/last')".to_owned(), ""),
        ("AutoModel.from_pretrained(path)".to_owned(), ""),
        ("AutoModel.from_pretrained('model_dir')".to_owned(), ""),
        ("load_dataset('csv', data_files='a.csv')".to_owned(), ""),
        ("pipeline('text-generation')".to_owned(), ""),
        ("pipeline('text-generation', model=model)".to_owned(), ""),
        ("torch.hub.load('/src/repo', 'm', source='local')".to_owned(), ""),
        ("torch.hub.load('o/r', 'm', source='local')".to_owned(), ""),
    ];
    for (call, expected) in cases {
        assert_eq!(raised(&format!("{head}{call}\n")), expected, "{call}");
    }
}

#[test]
fn remote_code() {
    let commit = "5d0f2e8a7f1a2e0b9c1c3e4b5a6978877665544a";
    let head = "from transformers import AutoModel, pipeline\n";
    let cases = [
        (
            "AutoModel.from_pretrained(p, trust_remote_code=True)".to_owned(),
            "trust-remote-code high",
        ),
        (
            "kw = dict(trust_remote_code=True)\nAutoModel.from_pretrained(p, **kw)".to_owned(),
            "trust-remote-code high",
        ),
        (
            "kw = {}\nkw['trust_remote_code'] = True\nAutoModel.from_pretrained(p, **kw)".to_owned(),
            "trust-remote-code high",
        ),
        (
            "T = True\nAutoModel.from_pretrained(p, trust_remote_code=T)".to_owned(),
            "trust-remote-code high",
        ),
        (
            "pipeline('t', model=m, model_kwargs={'trust_remote_code': True})".to_owned(),
            "trust-remote-code high",
        ),
        (
            "import functools\nf = functools.partial(AutoModel.from_pretrained, trust_remote_code=True)"
                .to_owned(),
            "trust-remote-code high",
        ),
        (
            "import functools\nf = functools.partial(AutoModel.from_pretrained, trust_remote_code=True)\nf(p)\nf(q)"
                .to_owned(),
            "trust-remote-code high",
        ),
        (
            format!("AutoModel.from_pretrained('o/m', trust_remote_code=True, revision='{commit}')"),
            "trust-remote-code medium",
        ),
        (
            format!(
                "AutoModel.from_pretrained('o/m', trust_remote_code=True, revision='{commit}', code_revision='main')"
            ),
            "trust-remote-code high",
        ),
        (
            "import os\nos.environ['HF_DATASETS_TRUST_REMOTE_CODE'] = '1'".to_owned(),
            "trust-remote-code high",
        ),
        (
            "def f(trust_remote_code=True):\n    AutoModel.from_pretrained(p, trust_remote_code=trust_remote_code)"
                .to_owned(),
            "trust-remote-code medium",
        ),
        (
            "AutoModel.from_pretrained(p, trust_remote_code=False)".to_owned(),
            "",
        ),
        (
            "AutoModel.from_pretrained(p, trust_remote_code=args.trust)".to_owned(),
            "",
        ),
        ("AutoModel.from_pretrained(p)".to_owned(), ""),
        (
            "parser.add_argument('--trust_remote_code', default=True)".to_owned(),
            "",
        ),
    ];
    for (call, expected) in cases {
        assert_eq!(raised(&format!("{head}{call}\n")), expected, "{call}");
    }
}

#[test]
fn checkpoints() {
    let cases = [
        (
            "import torch\ntorch.load('m', weights_only=False)",
            "unsafe-torch-load high",
        ),
        (
            "import torch as t\nt.load('m', **{'weights_only': False})",
            "unsafe-torch-load high",
        ),
        ("from torch import load\nload('m')", "unsafe-torch-load medium"),
        (
            "import torch\ntorch.load('m', weights_only=0)",
            "unsafe-torch-load high",
        ),
        (
            "import torch\ntorch.hub.load_state_dict_from_url(u, weights_only=False)",
            "unsafe-torch-load high",
        ),
        (
            "from net import Net\nNet.load_from_checkpoint('m.ckpt', weights_only=False)",
            "unsafe-torch-load high",
        ),
        ("from net import Net\nNet.load_from_checkpoint('m.ckpt')", ""),
        ("import torch\ntorch.hub.load_state_dict_from_url(u)", ""),
        (
            "import torch, dill\ntorch.load('m', pickle_module=dill)",
            "unsafe-torch-load high",
        ),
        (
            "import torch\nW = flag and False\ntorch.load('m', weights_only=W)",
            "unsafe-torch-load medium",
        ),
        (
            "import os\nos.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] = '1'",
            "unsafe-torch-load high",
        ),
        (
            "import torch\nfrom functools import partial\nf = partial(torch.load, map_location='cpu')\nf('m')",
            "unsafe-torch-load medium",
        ),
        (
            "import torch\nfrom functools import partial\nf = partial(torch.load, weights_only=False)\nf('m')",
            "unsafe-torch-load high",
        ),
        (
            "import torch\nfrom functools import partial\nf = partial(torch.load, weights_only=True)\nf('m')",
            "",
        ),
        ("import torch\ntorch.load('m', weights_only=True)", ""),
        ("import torch\ntorch.load('m', weights_only=safe)", ""),
        ("import torch\ntorch.load('m', **options)", ""),
        ("def torch(): pass\ntorch.load('m')", ""),
        ("def f(torch):\n    torch.load('m')", ""),
        ("import torch\ntorch.save(m, 'm')\nmodel.load('m')", ""),
    ];
    for (source, expected) in cases {
        assert_eq!(raised(source), expected, "{source}");
    }
}

#[test]
fn other_formats_that_run_code() {
    let cases = [
        ("import pickle\npickle.load(f)", "unsafe-deserialization medium"),
        (
            "import pickle\npickle.Unpickler(f).load()",
            "unsafe-deserialization medium",
        ),
        (
            "import pickle, requests\npickle.loads(requests.get(u).content)",
            "unsafe-deserialization high",
        ),
        (
            "import pickle\npickle.dump(x, f)\npickle.load(f)",
            "unsafe-deserialization low",
        ),
        ("import joblib\njoblib.load('m')", "unsafe-deserialization medium"),
        (
            "import numpy as np\nnp.load('x', allow_pickle=True)",
            "unsafe-deserialization medium",
        ),
        (
            "import numpy as np\nnp.load('x', None, True)",
            "unsafe-deserialization medium",
        ),
        (
            "import yaml\nyaml.load(f, Loader=yaml.Loader)",
            "unsafe-deserialization medium",
        ),
        ("import yaml\nyaml.load(f)", "unsafe-deserialization medium"),
        (
            "import keras\nkeras.models.load_model('m', safe_mode=False)",
            "unsafe-deserialization high",
        ),
        (
            "import pandas as pd\npd.read_pickle('x')",
            "unsafe-deserialization medium",
        ),
        (
            "import torch\nfrom huggingface_hub import hf_hub_download as d\nR = 'a' * 40\ntorch.jit.load(d('o/m', 'f', revision=R))",
            "unsafe-deserialization high",
        ),
        (
            "import dill\ndill.load_session('s')",
            "unsafe-deserialization medium",
        ),
        (
            "from six.moves import cPickle as p\np.load(f)",
            "unsafe-deserialization medium",
        ),
        (
            "import numpy as np\nnp.lib.format.read_array(f, allow_pickle=True)",
            "unsafe-deserialization medium",
        ),
        (
            "import keras\nkeras.saving.deserialize_keras_object(c, safe_mode=False)",
            "unsafe-deserialization high",
        ),
        (
            "import torch, io, requests\ntorch.jit.load(io.BytesIO(requests.get(u).content))",
            "unsafe-deserialization high",
        ),
        (
            "import torch, urllib.request\nurllib.request.urlretrieve(u, 'm.pt')\ntorch.jit.load('m.pt')",
            "unsafe-deserialization high",
        ),
        (
            "import pickle\nfrom huggingface_hub import hf_hub_download as d\nwith open(d('o/m', 'f', revision='a' * 40), 'rb') as f:\n    pass\npickle.load(open(d(repo_id=m, filename='f'), 'rb'))",
            "unsafe-deserialization high",
        ),
        (
            "import pandas as pd\npd.read_pickle('https://a.example/x.pkl')",
            "unsafe-deserialization high",
        ),
        (
            "import torch, urllib.request\nurllib.request.urlretrieve(u, 'm.pt')\ntorch.jit.load('n.pt')",
            "",
        ),
        ("import pickle\npickle.loads(pickle.dumps(x))", ""),
        ("import pickle\npickle.dump(x, f)", ""),
        ("import numpy as np\nnp.load('x')", ""),
        ("import numpy as np\nnp.load('x', allow_pickle=False)", ""),
        ("import yaml\nyaml.safe_load(f)", ""),
        ("import yaml\nyaml.load(f, Loader=yaml.SafeLoader)", ""),
        ("import yaml\nyaml.load(f, yaml.CSafeLoader)", ""),
        (
            "import yaml\ntry:\n    from yaml import CSafeLoader as L\nexcept ImportError:\n    from yaml import SafeLoader as L\nyaml.load(f, Loader=L)",
            "",
        ),
        ("import keras\nkeras.models.load_model('m')", ""),
        ("import json\njson.load(f)", ""),
        ("import torch\ntorch.jit.load('m.pt')", ""),
        (
            "import pickle\nclass U(pickle.Unpickler):\n    def find_class(self, m, n): raise E\nU(f).load()",
            "",
        ),
    ];
    for (source, expected) in cases {
        assert_eq!(raised(source), expected, "{source}");
    }
}

#[test]
fn connections_and_endpoints() {
    let cases = [
        (
            "import requests\nrequests.get(u, verify=False)",
            "disabled-tls-verification medium",
        ),
        (
            "import requests\ns = requests.Session()\ns.post(u, verify=False)",
            "disabled-tls-verification medium",
        ),
        (
            "import requests\ns = requests.Session()\ns.verify = False",
            "disabled-tls-verification medium",
        ),
        (
            "import ssl\nssl._create_default_https_context = ssl._create_unverified_context",
            "disabled-tls-verification medium",
        ),
        (
            "import httpx\nhttpx.Client(verify=False)",
            "disabled-tls-verification medium",
        ),
        (
            "import os\nos.environ['CURL_CA_BUNDLE'] = ''",
            "disabled-tls-verification medium",
        ),
        (
            "import requests\nrequests.get('https://localhost:8443/x', verify=False)",
            "",
        ),
        ("import requests\nrequests.get(u, verify='ca.pem')", ""),
        ("import jwt\njwt.decode(t, verify=False)", ""),
        (
            "import os\nos.environ['HF_ENDPOINT'] = 'https://hub.example'",
            "hub-endpoint-override medium",
        ),
        (
            "import os\nos.environ.setdefault('HF_ENDPOINT', 'http://hub.example/x')",
            "hub-endpoint-override high",
        ),
        (
            "import os\nos.environ['HF_ENDPOINT'] = 'https://huggingface.co'",
            "",
        ),
        (
            "import os\nos.environ |= {'HF_ENDPOINT': 'https://hub.example'}",
            "hub-endpoint-override medium",
        ),
        (
            "import os\nos.environ |= settings\nos.environ['HF_ENDPOINT'] = 'https://hub.example'",
            "hub-endpoint-override medium",
        ),
        (
            "from huggingface_hub import HfApi\nHfApi(endpoint='https://hub.example')",
            "hub-endpoint-override medium",
        ),
        (
            "from huggingface_hub import constants\nconstants.ENDPOINT = 'https://hub.example'",
            "hub-endpoint-override medium",
        ),
        (
            "from huggingface_hub import HfApi\nHfApi(endpoint='https://huggingface.co')",
            "",
        ),
        (
            "import boto3\nboto3.client('s3', endpoint='https://s3.example')",
            "",
        ),
        (
            "import os\nos.environ['HF_ENDPOINT'] = 'http://localhost:8080'",
            "",
        ),
        ("import os\nos.environ['HF_ENDPOINT'] = args.endpoint", ""),
    ];
    for (source, expected) in cases {
        assert_eq!(raised(source), expected, "{source}");
    }
}

fn text_file(text: &str) -> TextFile {
    TextFile {
        text: text.into(),
        encoding: Encoding::Utf8,
    }
}

#[test]
fn scripts_that_say_where_models_come_from() {
    let told_of = |name: &str, text: &str| {
        let file = text_file(text);
        told(&findings(name, Subject::Text(&file)))
    };
    for (name, text, expected) in [
        (
            "run.sh",
            "export HF_ENDPOINT=https://hub.example\n",
            "hub-endpoint-override medium",
        ),
        (
            "run.sh",
            "HF_ENDPOINT=http://hub.example python train.py\n",
            "hub-endpoint-override high",
        ),
        (
            ".env",
            "HF_ENDPOINT=https://hub.example\n",
            "hub-endpoint-override medium",
        ),
        ("run.sh", "export HF_ENDPOINT=$MIRROR\n", ""),
        ("run.sh", "export HF_ENDPOINT=https://huggingface.co\n", ""),
        ("notes.txt", "export HF_ENDPOINT=https://hub.example\n", ""),
        (
            "run.sh",
            "python -c \"import torch; torch.load('m', weights_only=False)\"\n",
            "unsafe-torch-load high",
        ),
        (
            "run.sh",
            "python3 - <<'EOF'\nfrom transformers import AutoModel\nAutoModel.from_pretrained('o/m', trust_remote_code=True)\nEOF\n",
            "trust-remote-code high, unpinned-revision medium",
        ),
        ("run.sh", "python -m http.server -c \"import torch\"\n", ""),
        (
            "run.sh",
            "python train.py <<EOF\nimport pickle; pickle.load(f)\nEOF\n",
            "",
        ),
        (
            "run.sh",
            "hf download \\\n  o/m \\\n  --quiet\n",
            "unpinned-revision medium",
        ),
        (
            "run.sh",
            "M=o/m\nhf download \"$M\"\n",
            "unpinned-revision medium",
        ),
    ] {
        assert_eq!(told_of(name, text), expected, "{text}");
    }
}

#[test]
fn python_in_a_command_is_shown_where_it_stands() {
    let text = "RUN\npython - <<EOF\nimport torch\ntorch.load('m', weights_only=False)\nEOF\n";
    let file = text_file(text);
    let all = findings("a.sh", Subject::Text(&file));
    let Span::Text { start, length, .. } = all[0].locations[0].span else {
        panic!("no place");
    };
    assert_eq!((start.line, length), (4, "weights_only=False".len() as u64));
}
