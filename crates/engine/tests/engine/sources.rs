//! `[sources]` of the policy: every way to name a source, its allowed twin, and what the policy says of itself.

use wellhead_core::{Location, Report, Span};
use wellhead_engine::{Config, Options};
use wellhead_packages::index::PUBLIC_INDEX;

fn audit(policy: &str, files: &[(&str, &str)]) -> Report {
    let config = Config::parse("wellhead.toml", policy, &wellhead_rules::rules()).unwrap();
    let options = Options {
        config,
        today: "2026-11-23".to_owned(),
        ..Options::default()
    };
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, text.as_bytes()))
        .collect();
    crate::audit(&files, &options)
}

fn place(location: &Location) -> String {
    match &location.span {
        Span::Text { start, .. } => format!("{}:{}", location.artifact, start.line),
        _ => location.artifact.to_string(),
    }
}

/// What the rules about the policy's sources say, one line a finding.
fn told(report: &Report) -> String {
    const RULES: &[&str] = &[
        "source-not-allowed",
        "unused-allowed-source",
        "internal-package-exposed",
    ];
    let mut rows: Vec<String> = report
        .reported()
        .filter(|f| RULES.contains(&&*f.rule))
        .map(|f| {
            let places: Vec<String> = f.locations.iter().map(place).collect();
            format!("{} {} @ {}", f.severity, f.message, places.join(" + "))
        })
        .collect();
    rows.sort();
    rows.join("\n")
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn everything_outside_of_its_list_is_told_at_its_place_and_at_the_list() {
    let policy = "[sources]\nindexes = [\"pypi\"]\nhubs = [\"hf://acme/*\"]\ngit = [\"github.com/acme\"]\nregistries = [\"docker.io/library\"]\nactions = [\"actions/*\"]\n";
    let workflow = format!(
        "jobs:\n  a:\n    runs-on: x\n    container: ghcr.io/o/i:1\n    steps:\n      - uses: actions/checkout@{COMMIT}\n      - uses: evil/act@{COMMIT}\n      - run: hf download evil/bert --revision {COMMIT}\n"
    );
    let report = audit(
        policy,
        &[
            (
                "requirements.txt",
                "--extra-index-url https://wheels.evil.example/simple\nnumpy==2.1.0\na @ git+https://github.com/evil/a@v1\nb @ git+https://github.com/acme/b@v1\nc @ https://files.evil.example/c-1.0.tar.gz\n",
            ),
            (
                "Dockerfile",
                "FROM python:3.12\nFROM evil/base:1\nRUN pip install -i https://pypi.evil.example/simple x==1.0\n",
            ),
            (
                "train.py",
                "import os, torch\nfrom transformers import AutoModel\nAutoModel.from_pretrained(\"acme/bert\")\nAutoModel.from_pretrained(\"evil/bert\")\ntorch.hub.load(\"evil/repo\", \"m\")\nos.environ[\"HF_ENDPOINT\"] = \"https://mirror.evil.example\"\n",
            ),
            (".github/workflows/w.yml", &workflow),
        ],
    );
    assert_eq!(told(&report), [
            "high `a` is taken from `https://github.com/evil/a`, which the policy does not allow @ requirements.txt:3 + wellhead.toml:4",
            "high `c` is taken from `https://files.evil.example/c-1.0.tar.gz`, which the policy does not allow @ requirements.txt:5 + wellhead.toml:2",
            "high a hub is used that the policy does not allow: `evil/bert` @ .github/workflows/w.yml:8 + wellhead.toml:3",
            "high a hub is used that the policy does not allow: `evil/bert` @ train.py:4 + wellhead.toml:3",
            "high a hub is used that the policy does not allow: `https://mirror.evil.example` @ train.py:6 + wellhead.toml:3",
            "high a registry of images is used that the policy does not allow: `evil/base:1` @ Dockerfile:2 + wellhead.toml:5",
            "high a registry of images is used that the policy does not allow: `ghcr.io/o/i:1` @ .github/workflows/w.yml:4 + wellhead.toml:5",
            "high a repository is used that the policy does not allow: `github.com/evil/repo` @ train.py:5 + wellhead.toml:4",
            "high an action is used that the policy does not allow: `evil/act@0123456789abcdef0123456789abcdef01234567` @ .github/workflows/w.yml:7 + wellhead.toml:6",
            "high an index is used that the policy does not allow: `https://pypi.evil.example/simple` @ Dockerfile:3 + wellhead.toml:2",
            "high an index is used that the policy does not allow: `https://wheels.evil.example/simple` @ requirements.txt:1 + wellhead.toml:2",
        ]
        .join("\n"));
}

#[test]
fn what_is_on_the_lists_is_silent() {
    let policy = "[sources]\nindexes = [\"pypi\", \"https://download.pytorch.org/whl/*\"]\nhubs = [\"acme\"]\ngit = [\"github.com/acme/*\"]\nregistries = [\"python\", \"ghcr.io/acme\"]\nactions = [\"acme\"]\nchannels = [\"conda-forge\"]\n";
    let workflow = format!(
        "jobs:\n  a:\n    runs-on: x\n    container: ghcr.io/acme/i:1\n    steps:\n      - uses: acme/act@{COMMIT}\n      - uses: ./own\n"
    );
    let report = audit(
        policy,
        &[
            (
                "requirements.txt",
                &format!(
                    "--extra-index-url https://download.pytorch.org/whl/cu121\ntorch==2.9.0\nnumpy==2.1.0\nx @ git+ssh://git@github.com/acme/x.git@v1\ny @ {PUBLIC_INDEX}/y-1.0.tar.gz\n./local\n"
                ),
            ),
            ("Dockerfile", "FROM python:3.12 AS a\nFROM a\n"),
            (
                "train.py",
                "from transformers import AutoModel\nAutoModel.from_pretrained(\"acme/bert\")\nAutoModel.from_pretrained(\"./local\")\n",
            ),
            (".github/workflows/w.yml", &workflow),
        ],
    );
    assert_eq!(
        told(&report),
        "low nothing comes from `conda-forge`, which the policy allows @ wellhead.toml:7"
    );
}

#[test]
fn a_kind_without_a_list_is_not_restricted_and_an_empty_list_allows_nothing() {
    let files = [(
        "requirements.txt",
        "--extra-index-url https://wheels.any.example/simple\nnumpy==2.1.0\n",
    )];
    assert_eq!(told(&audit("[sources]\nhubs = []\n", &files)), "");
    assert_eq!(
        told(&audit("[sources]\nindexes = []\n", &files)),
        format!(
            "high `numpy` is taken from `{PUBLIC_INDEX}`, which the policy does not allow @ requirements.txt:2 + wellhead.toml:2\nhigh an index is used that the policy does not allow: `https://wheels.any.example/simple` @ requirements.txt:1 + wellhead.toml:2"
        )
    );
}

#[test]
fn a_lock_of_many_packages_says_a_source_once() {
    let mut lock = "version = 1\n".to_owned();
    for name in ["a", "b", "c"] {
        lock.push_str(&format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"1.0\"\nsource = {{ registry = \"https://pypi.evil.example/simple\" }}\n"
        ));
    }
    let report = audit("[sources]\nindexes = [\"pypi\"]\n", &[("uv.lock", &lock)]);
    assert_eq!(
        told(&report),
        "high `a` and 2 more packages are taken from `https://pypi.evil.example/simple`, which the policy does not allow @ uv.lock:4 + wellhead.toml:2\nlow nothing comes from `pypi`, which the policy allows @ wellhead.toml:2"
    );
}

#[test]
fn no_policy_says_nothing() {
    assert_eq!(told(&audit("", &[("requirements.txt", "numpy\n")])), "");
}

const INTERNAL: &str =
    "[sources]\ninternal-packages = [\"acme-*\"]\ninternal-index = \"https://pypi.acme.example/simple\"\n";

/// What is said of the internal packages of one file.
fn proof(name: &str, text: &str) -> String {
    told(&audit(INTERNAL, &[(name, text)]))
}

#[test]
fn an_internal_package_is_proved_or_somebody_else_could_supply_it() {
    let hash = "a".repeat(64);
    let uv = "[project]\nname = \"x\"\nversion = \"0\"\ndependencies = [\"acme-core\", \"numpy\"]\n";
    let cases: &[(&str, &str, String, &str)] = &[
        ("the default index", "requirements.txt", "acme-core==1.0\n".into(), "critical"),
        ("one pool", "requirements.txt", "--extra-index-url https://pypi.acme.example/simple\nAcme_Core==1.0\n".into(), "critical"),
        ("the only index", "requirements.txt", "-i https://pypi.acme.example/simple\nacme-core==1.0\nnumpy\n".into(), ""),
        (
            "a hash",
            "requirements.txt",
            format!("--extra-index-url https://pypi.acme.example/simple\nacme-core==1.0 --hash=sha256:{hash}\n"),
            "",
        ),
        ("another private index", "requirements.txt", "-i https://pypi.other.example/simple\nacme-core==1.0\n".into(), "high"),
        ("the host's other name", "requirements.txt", "-i https://pypi.acme.example.evil.example/simple\nacme-core==1.0\n".into(), "high"),
        ("plain http", "requirements.txt", "-i http://pypi.acme.example/simple\nacme-core==1.0\n".into(), "high"),
        ("a folder", "requirements.txt", "-e ./acme-core\n".into(), ""),
        ("a repository", "requirements.txt", "acme-core @ git+https://github.com/stranger/acme-core@v1\n".into(), "high"),
        ("no internal name", "requirements.txt", "acme==1.0\nnumpy\n".into(), ""),
        ("uv's first index", "pyproject.toml", format!("{uv}[[tool.uv.index]]\nurl = \"https://pypi.acme.example/simple\"\n"), ""),
        ("uv without it", "pyproject.toml", uv.to_owned(), "critical"),
        (
            "uv, tied",
            "pyproject.toml",
            format!("{uv}[tool.uv.sources]\nacme-core = {{ index = \"acme\" }}\n[[tool.uv.index]]\nname = \"acme\"\nurl = \"https://pypi.acme.example/simple\"\nexplicit = true\n"),
            "",
        ),
        (
            "a lock that names it",
            "uv.lock",
            "version = 1\n[[package]]\nname = \"acme-core\"\nversion = \"1.0\"\nsource = { registry = \"https://pypi.acme.example/simple\" }\n".into(),
            "",
        ),
        (
            "a lock that names the public one",
            "uv.lock",
            format!("version = 1\n[[package]]\nname = \"acme-core\"\nversion = \"1.0\"\nsource = {{ registry = \"{PUBLIC_INDEX}\" }}\n"),
            "critical",
        ),
        ("a command", "Dockerfile", "FROM scratch\nRUN pip install --extra-index-url https://pypi.acme.example/simple acme-core==1.0\n".into(), "critical"),
        ("a command with one index", "Dockerfile", "FROM scratch\nRUN pip install -i https://pypi.acme.example/simple acme-core==1.0\n".into(), ""),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(what, name, text, expected)| {
            let told = proof(name, text);
            let right = if expected.is_empty() {
                told.is_empty()
            } else {
                told.starts_with(expected)
            };
            (!right).then(|| format!("{what}: {told}"))
        })
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_rival_and_the_policy_are_shown() {
    let told = proof(
        "requirements.txt",
        "--extra-index-url https://pypi.acme.example/simple\nacme-core==1.0\n",
    );
    assert_eq!(
        told,
        "critical anyone who publishes `acme-core` on the public index can supply this internal package @ requirements.txt:2 + wellhead.toml:2"
    );
}

#[test]
fn constants_of_other_modules_are_known_to_calls() {
    let train = "from transformers import AutoModel\nfrom acme import config\nfrom .settings import Hub\nAutoModel.from_pretrained(config.MODEL, revision=config.REVISION)\nAutoModel.from_pretrained(Hub.NAME, trust_remote_code=Hub.TRUST)\n";
    let of = |config: &str, settings: &str| {
        let files = [
            ("acme/train.py", train.as_bytes()),
            ("acme/config.py", config.as_bytes()),
            ("acme/settings.py", settings.as_bytes()),
        ];
        let report = crate::audit(&files, &Options::default());
        let rows: Vec<String> = report
            .reported()
            .map(|f| {
                format!(
                    "{} {} {}",
                    f.rule,
                    f.severity,
                    f.locations.first().map(place).unwrap_or_default()
                )
            })
            .collect();
        rows.join(", ")
    };
    let pinned = format!("MODEL = \"acme/bert\"\nREVISION = \"{COMMIT}\"\n");
    let trusting = "class Hub:\n    NAME = \"evil/bert\"\n    TRUST = True\n";
    let local = "class Hub:\n    NAME = \"./bert\"\n    TRUST = False\n";
    assert_eq!(of(&pinned, local), "");
    assert_eq!(
        of("MODEL = \"acme/bert\"\nREVISION = \"main\"\n", trusting),
        "trust-remote-code high acme/train.py:5, unpinned-revision medium acme/train.py:4, unpinned-revision medium acme/train.py:5"
    );
    assert_eq!(of("", ""), "");
}

/// What the rules about indexes say of one project, one line a finding.
fn indexes(files: &[(&str, &str)]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, text.as_bytes()))
        .collect();
    let report = crate::audit(&files, &Options::default());
    let mut rows: Vec<String> = report
        .reported()
        .filter(|f| matches!(&*f.rule, "extra-index-confusion" | "insecure-index"))
        .map(|f| {
            let at = f.locations.first().map(place).unwrap_or_default();
            let packages = f.properties.get("packages").map(ToString::to_string);
            format!("{} {} {at} {}", f.rule, f.severity, packages.unwrap_or_default())
        })
        .collect();
    rows.sort();
    rows.join("; ")
}

#[test]
fn what_a_recipe_or_a_workflow_says_of_indexes_holds_for_what_it_installs() {
    const LIST: (&str, &str) = ("requirements.txt", "acme-core==1.0\n");
    const PROJECT: (&str, &str) = (
        "pyproject.toml",
        "[project]\nname = \"app\"\nversion = \"0\"\ndependencies = [\"acme-core\"]\n",
    );
    let confused = "extra-index-confusion high Dockerfile:2 [\"acme-core\"]";
    let open = "insecure-index high Dockerfile:2 ";
    for (what, recipe, beside, told) in [
        (
            "a variable and the list of the recipe",
            "ENV PIP_EXTRA_INDEX_URL=https://pypi.acme.example/simple\nRUN pip install -r requirements.txt",
            LIST,
            confused,
        ),
        (
            "a variable and the project itself",
            "ENV PIP_EXTRA_INDEX_URL=https://pypi.acme.example/simple\nRUN pip install .",
            PROJECT,
            confused,
        ),
        (
            "configuration that a command writes down",
            "RUN pip config set global.extra-index-url https://pypi.acme.example/simple && pip install -r requirements.txt",
            LIST,
            confused,
        ),
        (
            "of another command",
            "RUN pip config set download.extra-index-url https://pypi.acme.example/simple && pip install -r requirements.txt",
            LIST,
            "",
        ),
        (
            "uv under variables",
            "ENV UV_INDEX=a=https://pypi.acme.example/simple UV_INDEX_STRATEGY=unsafe-best-match\nRUN uv sync",
            PROJECT,
            confused,
        ),
        (
            "uv in its own way",
            "ENV UV_INDEX=a=https://pypi.acme.example/simple\nRUN uv sync",
            PROJECT,
            "",
        ),
        (
            "uv that keeps to its lock",
            "ENV UV_INDEX=a=https://pypi.acme.example/simple UV_INDEX_STRATEGY=unsafe-best-match\nRUN uv sync --frozen",
            PROJECT,
            "",
        ),
        (
            "a name before plain HTTP",
            "RUN uv pip install --index a=http://pypi.acme.example/simple x==1.0",
            LIST,
            open,
        ),
        (
            "a host that is trusted before the verb",
            "RUN pip --trusted-host pypi.acme.example --timeout 100 install -i https://pypi.acme.example/simple x==1.0",
            LIST,
            open,
        ),
        (
            "conda that is told not to look at certificates",
            "RUN conda config --set ssl_verify false && conda install numpy=2.1.0",
            LIST,
            open,
        ),
        (
            "conda under a variable that makes channels equal",
            "ENV CONDA_CHANNEL_PRIORITY=disabled\nRUN conda install -c https://conda.acme.example/main -c conda-forge acme-core=1.0",
            LIST,
            "extra-index-confusion medium Dockerfile:2 [\"acme-core\"]",
        ),
        (
            "an index that is a variable beside the public one",
            "RUN pip install --extra-index-url $INDEX acme-core==1.0",
            LIST,
            "extra-index-confusion medium Dockerfile:2 [\"acme-core\"]",
        ),
        (
            "an index that is a variable alone",
            "RUN pip install -i $INDEX --find-links $WHEELS acme-core==1.0",
            LIST,
            "",
        ),
        (
            "wheels of a project by their local versions",
            "ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cu124\nRUN pip install torch==2.9.0+cu124",
            LIST,
            "",
        ),
    ] {
        let recipe = format!("FROM scratch\n{recipe}\n");
        assert_eq!(indexes(&[("Dockerfile", &recipe), beside]), told, "{what}");
    }
    let workflow = "on: push\nenv:\n  PIP_EXTRA_INDEX_URL: https://pypi.acme.example/simple\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: pip install -r requirements.txt\n";
    assert_eq!(
        indexes(&[(".github/workflows/t.yml", workflow), LIST]),
        "extra-index-confusion high .github/workflows/t.yml:3 [\"acme-core\"]"
    );
    let secret = workflow.replace(
        "EXTRA_INDEX_URL: https://pypi.acme.example/simple",
        "INDEX_URL: ${{ secrets.INDEX }}",
    );
    assert_eq!(indexes(&[(".github/workflows/t.yml", &secret), LIST]), "");
}
