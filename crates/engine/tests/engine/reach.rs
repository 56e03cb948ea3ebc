//! Whether findings say where a package is imported.

use wellhead_engine::Options;
use wellhead_packages::index::PUBLIC_INDEX;

/// `reachability at: note` of the first finding about `torch`'s known flaw.
fn told(files: &[(&str, &str)]) -> String {
    let mut all = vec![("requirements.txt", b"torch==2.5.1\n".as_slice())];
    all.extend(files.iter().map(|(path, text)| (*path, text.as_bytes())));
    let report = crate::audit(&all, &Options::default());
    let finding = report
        .findings
        .iter()
        .find(|f| f.rule == "vulnerable-package")
        .unwrap();
    let text = |key: &str| {
        finding
            .properties
            .get(key)
            .and_then(|v| v.as_str())
            .unwrap_or("-")
            .to_owned()
    };
    assert_eq!(finding.severity, wellhead_core::Severity::Critical);
    format!("{} {}", text("reachability"), text("imported_at"))
}

#[test]
fn a_finding_says_whether_and_where_its_package_is_imported() {
    let notebook = r#"{"cells":[{"cell_type":"code","source":["x = 1\n", "import torch.nn as nn\n"]}],"metadata":{},"nbformat":4,"nbformat_minor":5}"#;
    for (files, expected) in [
        (&[][..], "- -"),
        (&[("README.md", "import torch")], "- -"),
        (
            &[("a.py", "import os\n\nfrom torch import nn\n")],
            "imported a.py:3",
        ),
        (&[("a.py", "def f():\n    import torch\n")], "imported a.py:2"),
        (
            &[(
                "a.py",
                "try:\n    import torch\nexcept ImportError:\n    torch = None\n",
            )],
            "imported-optionally a.py:2",
        ),
        (
            &[(
                "a.py",
                "import contextlib\nwith contextlib.suppress(ImportError):\n    import torch\n",
            )],
            "imported-optionally a.py:3",
        ),
        (
            &[(
                "a.py",
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n",
            )],
            "imported-optionally a.py:3",
        ),
        (
            &[("a.py", "try:\n    import torch\nexcept ValueError:\n    pass\n")],
            "imported a.py:2",
        ),
        (
            &[("a.py", "import importlib\nm = importlib.import_module('torch')\n")],
            "imported a.py:2",
        ),
        // The firmest import is told, whatever the order of the files.
        (
            &[
                ("a.py", "def f():\n    import torch\n"),
                ("b.py", "import torch\n"),
            ],
            "imported b.py:1",
        ),
        // One that raises again or ends the program does not go on without it.
        (
            &[(
                "a.py",
                "try:\n    import torch\nexcept ImportError as e:\n    raise RuntimeError('install it') from e\n",
            )],
            "imported a.py:2",
        ),
        (
            &[(
                "a.py",
                "import sys\ntry:\n    import torch\nexcept ImportError:\n    print('no')\n    sys.exit(1)\n",
            )],
            "imported a.py:3",
        ),
        // What only the run decides may be it.
        (
            &[(
                "a.py",
                "import importlib, os\nm = importlib.import_module(os.environ['X'])\n",
            )],
            "unknown -",
        ),
        (&[("a.py", "def f(x):\n    return __import__(x)\n")], "unknown -"),
        (
            &[(
                "a.py",
                "import importlib\ndef f(x):\n    importlib.import_module('tor' + x)\n",
            )],
            "unknown -",
        ),
        (
            &[(
                "a.py",
                "from hydra.utils import instantiate\ndef f(cfg):\n    instantiate(cfg)\n",
            )],
            "unknown -",
        ),
        (
            &[(
                "a.py",
                "import importlib\ndef f(x):\n    importlib.import_module(f'torch.optim.{x}')\n",
            )],
            "imported a.py:3",
        ),
        (
            &[(
                "a.py",
                "import importlib\ndef f(x):\n    importlib.import_module('plugins.' + x)\n",
            )],
            "never-imported -",
        ),
        (
            &[(
                "a.py",
                "import importlib\ndef f(x):\n    importlib.import_module(f'.{x}', __package__)\n",
            )],
            "never-imported -",
        ),
        // A command imports nothing, and runs it all the same.
        (
            &[
                ("a.py", "import os\n"),
                ("Dockerfile", "FROM x\nCMD [\"torchrun\", \"a.py\"]\n"),
            ],
            "run -",
        ),
        (
            &[
                ("a.py", "import os\n"),
                ("go.sh", "set -e\nexec python -u -m torch.distributed.run a.py\n"),
            ],
            "run -",
        ),
        (
            &[
                ("a.py", "import os\n"),
                ("Makefile", "train:\n\t@uv run torchrun a.py\n"),
            ],
            "run -",
        ),
        (
            &[
                ("a.py", "import os\n"),
                ("go.sh", "pip install torch\necho torch\ngit commit -m torch\n"),
            ],
            "never-imported -",
        ),
        (&[("a.py", "import torchvision\n")], "never-imported -"),
        (&[("a.py", "from .torch import x\n")], "never-imported -"),
        (&[("venv/lib/site-packages/x/a.py", "import torch\n")], "- -"),
        (&[("a.py", "import os\n"), ("b.py", "x = (\n")], "unknown -"),
        (&[("a.ipynb", notebook)], "imported a.ipynb:1"),
    ] {
        assert_eq!(told(files), expected, "{files:?}");
    }
}

#[test]
fn what_comes_with_an_imported_package_is_reached_through_it() {
    let lock = "version = 1\nrequires-python = \">=3.10\"\n\n\
        [[package]]\nname = \"app\"\nversion = \"0\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"scikit-learn\" }]\n\n\
        [[package]]\nname = \"scikit-learn\"\nversion = \"1.5.2\"\nsource = { registry = \"{public}\" }\n\
        dependencies = [{ name = \"torch\" }]\n\n\
        [[package]]\nname = \"torch\"\nversion = \"2.5.1\"\nsource = { registry = \"{public}\" }\n"
        .replace("{public}", PUBLIC_INDEX);
    let files: &[(&str, &[u8])] = &[
        ("uv.lock", lock.as_bytes()),
        ("a.py", b"from sklearn import svm\n"),
    ];
    let report = crate::audit(files, &Options::default());
    let finding = report
        .findings
        .iter()
        .find(|f| f.rule == "vulnerable-package")
        .unwrap();
    assert_eq!(finding.properties["reachability"], "through");
    assert_eq!(finding.properties["imported_through"], "scikit-learn");
    let told =
        "not imported by this project itself, but it comes with `scikit-learn`, which `a.py:1` imports";
    assert!(finding.notes.iter().any(|n| n == told), "{:?}", finding.notes);
}
