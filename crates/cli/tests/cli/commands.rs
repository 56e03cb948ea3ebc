//! Commands that install, wherever they stand.

use crate::Project;
use serde_json::Value;

/// `file:line package version` of each component, sorted by place.
fn rows(report: &Value) -> Vec<String> {
    let mut rows: Vec<(String, u64, u64, String)> = report["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| {
            let declared = &c["declared"];
            let start = &declared["span"]["start"];
            let number = |key: &str| start[key].as_u64().unwrap_or_default();
            let file = declared["artifact"].as_str().unwrap().to_owned();
            (
                file,
                number("line"),
                number("column"),
                c["purl"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    rows.sort();
    let shown = rows
        .iter()
        .map(|(file, line, _, purl)| format!("{file}:{line} {purl}"));
    shown.collect()
}

#[test]
fn workflows_of_all_hosts_are_read() {
    let project = Project::new(&[
        (
            ".github/workflows/t.yml",
            "on: push\nenv:\n  PIP_EXTRA_INDEX_URL: https://pypi.acme.example/simple\njobs:\n  a:\n    runs-on: x\n    steps:\n      \
             - run: pip install torch==${{ matrix.torch }} aiohttp==3.9.1\n      - run: |\n          uv pip install \\\n            jinja2==3.1.2\n",
        ),
        (
            ".gitlab-ci.yml",
            "before_script:\n  - pip install flask==2.0.0\ntrain:\n  script:\n    - apt-get install -y git\n    \
             - \"pip install 'pillow==9.0.0' $EXTRA\"\n",
        ),
        (
            "azure-pipelines.yml",
            "steps:\n- script: python -m pip install requests==2.19.0\n- bash: |\n    pipx run black==24.1.0 .\n",
        ),
        (
            ".circleci/config.yml",
            "jobs:\n  a:\n    steps:\n      - run: poetry add gradio@4.0.0\n      - run:\n          command: conda install -c conda-forge scipy=1.11.0\n",
        ),
    ]);
    let report = project.json(&[]);
    insta::assert_snapshot!(rows(&report).join("\n"), @r#"
    .circleci/config.yml:4 pkg:pypi/gradio@4.0.0
    .circleci/config.yml:6 pkg:conda/scipy@1.11.0
    .github/workflows/t.yml:8 pkg:pypi/torch
    .github/workflows/t.yml:8 pkg:pypi/aiohttp@3.9.1
    .github/workflows/t.yml:11 pkg:pypi/jinja2@3.1.2
    .gitlab-ci.yml:2 pkg:pypi/flask@2.0.0
    .gitlab-ci.yml:6 pkg:pypi/pillow@9.0.0
    .gitlab-ci.yml:6 pkg:pypi/%24EXTRA
    azure-pipelines.yml:2 pkg:pypi/requests@2.19.0
    azure-pipelines.yml:4 pkg:pypi/black@24.1.0
    "#);
    assert!(
        report["not_assessed"].to_string().contains("1 by apt"),
        "{}",
        report["not_assessed"]
    );
}

#[test]
fn scripts_makefiles_notebooks_and_programs_are_read() {
    let notebook = serde_json::json!({"cells": [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": [
            "!pip install -q transformers==4.38.0 {extra}\n", "%pip install mlflow==2.10.0\n", "%conda install -c pytorch pytorch=2.2.0\n",
            "!uv pip install keras==2.0.0\n", "!{sys.executable} -m pip install scipy==1.10.0\n", "import os"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": "%%bash\npip install \\\n  peft==0.9.0\n"},
        {"cell_type": "markdown", "metadata": {}, "source": "pip install nothing==1"}],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    let project = Project::new(&[
        (
            "setup.sh",
            "#!/bin/sh\n# pip install nothing==1\nif true; then\n  PIP_INDEX_URL=https://pypi.acme.example/simple pip3 install flask==2.0.0 > log\nfi\necho pip install nothing==1\n",
        ),
        (
            "Makefile",
            "PIP ?= pip install nothing==1\nall: ; true\ninstall:\n\t@$(PIP) install aiohttp==3.9.1 \\\n\t  $(EXTRA)\n",
        ),
        (
            "tox.ini",
            "[testenv]\ndeps =\n  pytest==7.0.0\n  -r nothing.txt\n  py39: tornado==6.0 ; sys_platform == 'linux'\ncommands =\n  pip install click==8.0\n",
        ),
        (
            "noxfile.py",
            "import nox\n@nox.session\ndef tests(session):\n    session.install('rich==13.0.0', '-r', 'nothing.txt')\n",
        ),
        (
            "boot.py",
            "import os, subprocess, sys\nos.system('pip install gradio==4.0.0')\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', 'urllib3==1.25.0', name])\n",
        ),
        ("train.ipynb", &notebook.to_string()),
    ]);
    insta::assert_snapshot!(rows(&project.json(&[])).join("\n"), @r#"
    Makefile:4 pkg:pypi/aiohttp@3.9.1
    Makefile:5 pkg:pypi/%24%28EXTRA%29
    boot.py:2 pkg:pypi/gradio@4.0.0
    boot.py:3 pkg:pypi/%24%7Bname%7D
    boot.py:3 pkg:pypi/urllib3@1.25.0
    noxfile.py:4 pkg:pypi/rich@13.0.0
    setup.sh:4 pkg:pypi/flask@2.0.0
    tox.ini:3 pkg:pypi/pytest@7.0.0
    tox.ini:5 pkg:pypi/tornado@6.0
    tox.ini:7 pkg:pypi/click@8.0
    train.ipynb:1 pkg:pypi/transformers@4.38.0
    train.ipynb:1 pkg:pypi/%7Bextra%7D
    train.ipynb:1 pkg:pypi/mlflow@2.10.0
    train.ipynb:1 pkg:conda/pytorch@2.2.0
    train.ipynb:1 pkg:pypi/keras@2.0.0
    train.ipynb:1 pkg:pypi/scipy@1.10.0
    train.ipynb:1 pkg:pypi/peft@0.9.0
    "#);
}

#[test]
fn what_only_looks_like_a_command_is_none() {
    let script = "#!/bin/bash\ncat <<EOF > README\npip install nothing==1\nEOF\npython - <<'PY'\npip install nothing==1\nPY\n\
                  bash <<S\npip install flask==2.0.0\nS\nset -e && \\\n  pip install rich==13.0.0\necho 'pip install nothing==1'\n";
    let dockerfile = "FROM a\nENV PKGS=\"numpy==1.26.0 scipy==1.11.0\"\nRUN <<EOF\npython3 -mpip install torch==2.2.0\ncat <<I > x\n\
                      pip install nothing==1\nI\nEOF\nRUN pip install $PKGS\nRUN timeout 300 sudo -u app -H pip install click==8.0\n\
                      RUN cat list | xargs pip install\n";
    let project = Project::new(&[("setup.sh", script), ("Dockerfile", dockerfile)]);
    let report = project.json(&[]);
    insta::assert_snapshot!(rows(&report).join("\n"), @r"
    Dockerfile:4 pkg:pypi/torch@2.2.0
    Dockerfile:9 pkg:pypi/numpy@1.26.0
    Dockerfile:9 pkg:pypi/scipy@1.11.0
    Dockerfile:10 pkg:pypi/click@8.0
    Dockerfile:11 pkg:pypi/%24%28xargs%29
    setup.sh:9 pkg:pypi/flask@2.0.0
    setup.sh:12 pkg:pypi/rich@13.0.0
    ");
}

#[test]
fn hooks_sessions_and_ipython_install_too() {
    let notebook = serde_json::json!({"cells": [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": [
            "get_ipython().system('pip install a==1.0')\n", "get_ipython().run_line_magic('pip', 'install b==1.0')\n",
            "get_ipython().run_cell_magic('bash', '', 'pip install c==1.0')\n", "%system pip install d==1.0\n", "%sx pip install e==1.0\n"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": ["pip install f==1.0"]}],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    let project = Project::new(&[
        ("a.ipynb", &notebook.to_string()),
        (
            "noxfile.py",
            "import nox\n@nox.session\ndef tests(session):\n    session.run('pip', 'install', 'rich==13.0.0')\n    \
             session.conda_install('scipy=1.11.0', channel='conda-forge')\n    session.run('pytest')\n",
        ),
        (
            ".pre-commit-config.yaml",
            "repos:\n- repo: https://git.example/mypy\n  rev: v1\n  hooks:\n  - id: mypy\n    additional_dependencies: [pydantic==1.8.0, 'torch>=2']\n\
             - repo: https://git.example/eslint\n  rev: v8\n  hooks:\n  - id: eslint\n    additional_dependencies: ['eslint@8.0.0', '@types/x']\n",
        ),
        ("tox.ini", "[tox]\nrequires = tox-uv==1.0\n"),
        (
            "run.py",
            "import os, sys\nos.system('pip install click==8.0 flask==' + sys.argv[1])\nos.system(f\"pip install {sys.argv[1]}\")\n",
        ),
        (
            ".devcontainer/devcontainer.json",
            "{\"postCreateCommand\": \"pip install uvicorn==0.20.0\"}",
        ),
        (
            "Makefile",
            "V := a; pip install nothing==1\nall: dep ; pip install click==8.0\n",
        ),
        ("env.sh", "conda env update -f docker/gpu.yaml\n"),
        ("docker/gpu.yaml", "dependencies:\n  - numpy=1.26.0\n"),
    ]);
    let report = project.json(&[]);
    insta::assert_snapshot!(rows(&report).join("\n"), @r"
    .devcontainer/devcontainer.json:1 pkg:pypi/uvicorn@0.20.0
    .pre-commit-config.yaml:6 pkg:pypi/pydantic@1.8.0
    .pre-commit-config.yaml:6 pkg:pypi/torch
    Makefile:2 pkg:pypi/click@8.0
    a.ipynb:1 pkg:pypi/a@1.0
    a.ipynb:1 pkg:pypi/b@1.0
    a.ipynb:1 pkg:pypi/c@1.0
    a.ipynb:1 pkg:pypi/d@1.0
    a.ipynb:1 pkg:pypi/e@1.0
    a.ipynb:1 pkg:pypi/f@1.0
    docker/gpu.yaml:2 pkg:conda/numpy@1.26.0
    noxfile.py:4 pkg:pypi/rich@13.0.0
    noxfile.py:5 pkg:conda/scipy@1.11.0
    run.py:2 pkg:pypi/click@8.0
    run.py:2 pkg:pypi/flask
    run.py:3 pkg:pypi/%7Bsys.argv%5B1%5D%7D
    tox.ini:2 pkg:pypi/tox-uv@1.0
    ");
    assert!(
        report["not_assessed"].to_string().contains("2 by npm"),
        "{}",
        report["not_assessed"]
    );
}

#[test]
fn files_that_commands_name_are_read_wherever_they_lie() {
    let project = Project::new(&[
        (
            "docker/Dockerfile",
            "FROM python:3.11\nCOPY deps/gpu.list /tmp/\nRUN pip install -r /tmp/gpu.list -r /tmp/gone.list\n",
        ),
        ("deps/gpu.list", "torch==2.2.0\n-r more.list\n"),
        ("deps/more.list", "numpy==1.26.0\n"),
    ]);
    let report = project.json(&[]);
    assert_eq!(
        rows(&report),
        [
            "deps/gpu.list:1 pkg:pypi/torch@2.2.0",
            "deps/more.list:1 pkg:pypi/numpy@1.26.0"
        ]
    );
    let said = report["not_assessed"].to_string();
    assert!(
        said.contains("installs from `/tmp/gone.list`, which is not here"),
        "{said}"
    );
}
