"""The products that are really started, each in the modes whose state is known.

A mode is how somebody starts the product, and the state that it then has: that is the truth the verdicts are compared with.
Each runs alone in a network namespace, on its own port, with an empty folder as its home and working directory; in
arguments and files `{dir}` is that folder, `{bin}` the programs of its environment, `{port}` its port.
"""

from dataclasses import dataclass, field

# Thrown away with the namespace. Put together, so that nothing here looks like a credential that leaked.
WORD = "-".join(["a", "word", "for", "tests", "only"])

# What is installed together; `run pin` makes `GROUP.txt` of it. A bound says what the newest version does not start with.
GROUPS = {
    "airflow": ["apache-airflow"],
    "bentoml": ["bentoml"],
    "chroma": ["chromadb"],
    "dagster": ["dagster", "dagster-webserver"],
    "dask": ["distributed", "bokeh", "panel"],
    "argilla": ["argilla-server", "click<8.2"],
    "evidently": ["evidently", "pandas<3"],
    "fastchat": ["fschat"],
    "feast": ["feast[grpcio]"],
    "flower": ["flower"],
    "gradio": ["gradio"],
    "jupyter": ["jupyter-server", "jupyterlab", "notebook", "ipykernel", "voila"],
    "jupyterhub": ["jupyterhub", "configurable-http-proxy"],
    "litellm": ["litellm[proxy]", "prisma"],
    "marimo": ["marimo"],
    "mlflow": ["mlflow[auth]"],
    "mlserver": ["mlserver"],
    "optuna": ["optuna-dashboard"],
    "phoenix": ["arize-phoenix"],
    "prefect": ["prefect==3.8.8", "fastapi<0.150"],
    "ray": ["ray[default]"],
    "streamlit": ["streamlit"],
    "tensorboard": ["tensorboard", "setuptools<81"],
    "torchserve": ["torchserve"],
    "uv": ["uv"],
    "zenml": ["zenml[server]"],
}


@dataclass
class Mode:
    """One way of starting a product."""

    product: str
    name: str
    # The state that it has, as the verdict says it.
    state: str
    argv: list
    port: int
    # The environment of which it is: `GROUP.txt`.
    group: str
    # Is there, and answers with any status below 500, when it is ready.
    ready: str = "/"
    env: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    # Run before it, each to its end.
    before: list = field(default_factory=list)
    # Among those that every run of the tests starts.
    fast: bool = False
    # Headers that let one in, where it asks.
    key: dict = field(default_factory=dict)


MODES = []


def add(product, group, port, modes, ready="/", env=None, files=None, before=(), fast=()):
    """Adds a product: `modes` are `name: (state, argv[, env[, files]])`."""
    for name, told in modes.items():
        state, argv, more_env, more_files = (*told, {}, {})[:4]
        MODES.append(
            Mode(
                product=product,
                name=name,
                state=state,
                argv=argv,
                port=port,
                group=group,
                ready=ready,
                env={**(env or {}), **more_env},
                files={**(files or {}), **more_files},
                before=list(before),
                fast=name in fast,
            )
        )


JUPYTER = ["--ip=127.0.0.1", "--port={port}", "--no-browser", "--allow-root", "--ServerApp.port_retries=0"]
add(
    "jupyter",
    "jupyter",
    8888,
    {
        "open": ("OPEN", ["{bin}/jupyter", "server", *JUPYTER, "--IdentityProvider.token="]),
        "token": ("PROTECTED", ["{bin}/jupyter", "server", *JUPYTER, f"--IdentityProvider.token={WORD}"]),
        "lab": ("OPEN", ["{bin}/jupyter", "lab", *JUPYTER, "--IdentityProvider.token="]),
        "lab-legacy-option": ("OPEN", ["{bin}/jupyter", "lab", *JUPYTER, "--NotebookApp.token="]),
        "lab-default": ("PROTECTED", ["{bin}/jupyter", "lab", *JUPYTER]),
        "lab-password": (
            "PROTECTED",
            ["{bin}/jupyter", "lab", *JUPYTER, "--PasswordIdentityProvider.hashed_password=sha1:67c9e60bb8b6:9ffede0825894254b2e042ea597d771089e11aed"],
        ),
        "notebook": ("OPEN", ["{bin}/jupyter", "notebook", *JUPYTER, "--IdentityProvider.token="]),
        "notebook-default": ("PROTECTED", ["{bin}/jupyter", "notebook", *JUPYTER]),
    },
    ready="/api",
    fast=("open", "token"),
)
NOTEBOOK = '{"cells":[{"cell_type":"markdown","metadata":{},"source":["# hello"],"id":"a"}],"metadata":{"kernelspec":{"name":"python3","display_name":"Python 3","language":"python"}},"nbformat":4,"nbformat_minor":5}'
add(
    "voila",
    "jupyter",
    8866,
    {"open": ("OPEN", ["{bin}/voila", "{dir}/notebooks", "--port={port}", "--no-browser", "--Voila.ip=127.0.0.1"])},
    files={"notebooks/a.ipynb": NOTEBOOK},
)

MLFLOW = ["{bin}/mlflow", "server", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"]
MLFLOW += ["--backend-store-uri", "sqlite:///{dir}/m.db", "--artifacts-destination", "{dir}/artifacts"]
add(
    "mlflow",
    "mlflow",
    5000,
    {
        "open": ("OPEN", MLFLOW),
        "all-hosts": ("OPEN", [*MLFLOW, "--allowed-hosts", "*"]),
        # Its guard lets only that name through, so that a visitor by address sees refusals.
        "guard": ("HOST_GUARD_ONLY", [*MLFLOW, "--allowed-hosts", "mlflow.example"]),
        "basic-auth": ("PROTECTED", [*MLFLOW, "--app-name", "basic-auth"]),
    },
    ready="/health",
    env={
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": WORD,
        "MLFLOW_AUTH_ADMIN_PASSWORD": WORD,
    },
    fast=("open", "basic-auth"),
)

add(
    "tensorboard",
    "tensorboard",
    6006,
    {"open": ("OPEN", ["{bin}/tensorboard", "--logdir", "{dir}", "--host", "127.0.0.1", "--port", "{port}"])},
    fast=("open",),
)

RAY = ["{bin}/ray", "start", "--head", "--block", "--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1"]
RAY += ["--num-cpus=1", "--num-gpus=0", "--object-store-memory=80000000", "--include-dashboard=true", "--disable-usage-stats"]
RAY_TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": WORD * 2}
# Its own temporary folder: the names of its sockets must stay short.
RAY_ENV = {"RAY_USAGE_STATS_ENABLED": "0"}
add(
    "ray",
    "ray",
    8265,
    {"open": ("OPEN", RAY), "token": ("PROTECTED", RAY, RAY_TOKEN)},
    env=RAY_ENV,
    ready="/api/authentication_mode",
)
add(
    "ray",
    "ray",
    52365,
    {"agent-open": ("OPEN", RAY), "agent-token": ("PROTECTED", RAY, RAY_TOKEN)},
    env=RAY_ENV,
    ready="/api/job_agent/jobs/",
)

# Asked for more than three it goes on when it is told to: who hears a step before saying so heard it while the answer went on.
GRADIO = """import gradio as gr
import os
import time


def count(n):
    for i in range(int(n)):
        yield str(i)
        while n > 3 and not os.path.exists(f"{dir}/go-{i}"):
            time.sleep(0.01)


auth = ("a", os.environ["WORD"]) if "WORD" in os.environ else None
demo = gr.Interface(count, "number", "text", api_name="predict")
demo.queue().launch(server_name="127.0.0.1", server_port={port}, auth=auth)
"""
add(
    "gradio",
    "gradio",
    7860,
    {"open": ("OPEN", ["{bin}/python", "app.py"]), "auth": ("PROTECTED", ["{bin}/python", "app.py"], {"WORD": WORD})},
    env={"GRADIO_ANALYTICS_ENABLED": "False"},
    files={"app.py": GRADIO},
    fast=("open", "auth"),
)

STREAMLIT = ["{bin}/streamlit", "run", "app.py", "--server.address", "127.0.0.1", "--server.port", "{port}"]
STREAMLIT += ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
add(
    "streamlit",
    "streamlit",
    8501,
    {"open": ("OPEN", STREAMLIT)},
    files={"app.py": "import streamlit as st\nst.write('x')\n"},
    fast=("open",),
)

DASK = ["{bin}/dask", "scheduler", "--host", "127.0.0.1", "--port", "8786", "--dashboard-address", "127.0.0.1:{port}", "--no-jupyter"]
add("dask", "dask", 8787, {"open": ("OPEN", DASK)}, fast=("open",))

BOKEH_APP = "from bokeh.models import Div\nfrom bokeh.plotting import curdoc\ncurdoc().add_root(Div(text='x'))\n"
BOKEH = ["{bin}/bokeh", "serve", "--address", "127.0.0.1", "--port", "{port}"]
add(
    "bokeh",
    "dask",
    5006,
    {"open": ("OPEN", [*BOKEH, "app.py"])},
    files={"app.py": BOKEH_APP},
    fast=("open",),
)
PANEL = ["{bin}/panel", "serve", "--address", "127.0.0.1", "--port", "{port}"]
add(
    "panel",
    "dask",
    5006,
    {
        "open": ("OPEN", [*PANEL, "app.py"]),
        "basic-auth": ("PROTECTED", [*PANEL, "--basic-auth", WORD, "--cookie-secret", WORD, "app.py"]),
    },
    files={"app.py": "import panel as pn\npn.pane.Markdown('x').servable()\n"},
    fast=("open", "basic-auth"),
)

add(
    "prefect",
    "prefect",
    4200,
    {
        "open": ("OPEN", ["{bin}/prefect", "server", "start", "--host", "127.0.0.1", "--port", "{port}"]),
        "auth-string": (
            "PROTECTED",
            ["{bin}/prefect", "server", "start", "--host", "127.0.0.1", "--port", "{port}"],
            {"PREFECT_SERVER_API_AUTH_STRING": f"admin:{WORD}"},
        ),
    },
    env={"PREFECT_HOME": "{dir}/prefect", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_CLI_PROMPT": "false"},
    ready="/api/health",
)

add(
    "chroma",
    "chroma",
    8000,
    {"open": ("OPEN", ["{bin}/chroma", "run", "--host", "127.0.0.1", "--port", "{port}", "--path", "{dir}/db"])},
    ready="/api/v2/heartbeat",
    env={"ANONYMIZED_TELEMETRY": "False"},
    fast=("open",),
)

MARIMO_APP = "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    return\n\n\nif __name__ == '__main__':\n    app.run()\n"
MARIMO = ["--headless", "--host", "127.0.0.1", "--port", "{port}"]
add(
    "marimo",
    "marimo",
    2718,
    {
        "edit-default": ("PROTECTED", ["{bin}/marimo", "edit", *MARIMO, "app.py"]),
        "edit-no-token": ("OPEN", ["{bin}/marimo", "edit", "--no-token", *MARIMO, "app.py"]),
        "run": ("OPEN", ["{bin}/marimo", "run", *MARIMO, "app.py"]),
        "run-token": ("PROTECTED", ["{bin}/marimo", "run", "--token", "--token-password", WORD, *MARIMO, "app.py"]),
    },
    ready="/health",
    files={"app.py": MARIMO_APP},
)

DAGSTER = ["{bin}/dagster-webserver", "-h", "127.0.0.1", "-p", "{port}", "-f", "defs.py"]
add(
    "dagster",
    "dagster",
    3000,
    {"open": ("OPEN", DAGSTER), "read-only": ("OPEN_READ", [*DAGSTER, "--read-only"])},
    ready="/server_info",
    env={"DAGSTER_HOME": "{dir}", "DAGSTER_DISABLE_TELEMETRY": "true"},
    files={"defs.py": "from dagster import Definitions\n\ndefs = Definitions()\n", "dagster.yaml": "telemetry:\n  enabled: false\n"},
)

add(
    "phoenix",
    "phoenix",
    6006,
    {
        "open": ("OPEN", ["{bin}/phoenix", "serve"]),
        "auth": (
            "PROTECTED",
            ["{bin}/phoenix", "serve"],
            {"PHOENIX_ENABLE_AUTH": "True", "PHOENIX_SECRET": WORD * 2 + "1A"},
        ),
    },
    ready="/arize_phoenix_version",
    env={"PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": "{port}", "PHOENIX_WORKING_DIR": "{dir}", "PHOENIX_TELEMETRY_ENABLED": "false"},
)

LITELLM = ["{bin}/litellm", "--host", "127.0.0.1", "--port", "{port}", "--telemetry", "False"]
add(
    "litellm",
    "litellm",
    4000,
    {
        "open": ("OPEN", LITELLM, {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}),
        "master-key": ("PROTECTED", LITELLM, {"LITELLM_MASTER_KEY": "sk-" + WORD * 2}),
    },
    ready="/health/liveliness",
    env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
)

add(
    "optuna",
    "optuna",
    8080,
    {"open": ("OPEN", ["{bin}/optuna-dashboard", "--host", "127.0.0.1", "--port", "{port}", "sqlite:///{dir}/o.db"])},
    ready="/api/meta",
    before=[["{bin}/python", "-c", "import optuna; optuna.create_study(storage='sqlite:///{dir}/o.db', study_name='s')"]],
)

FLOWER = ["{bin}/celery", "--broker=memory://", "flower", "--address=127.0.0.1", "--port={port}"]
add(
    "flower",
    "flower",
    5555,
    {
        "default": ("OPEN_READ", FLOWER),
        "unauthenticated-api": ("OPEN", FLOWER, {"FLOWER_UNAUTHENTICATED_API": "true"}),
        "basic-auth": ("PROTECTED", [*FLOWER, f"--basic-auth=a:{WORD}"]),
    },
)

AIRFLOW = {
    "AIRFLOW_HOME": "{dir}",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__API__PORT": "{port}",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}
add(
    "airflow",
    "airflow",
    8080,
    {
        "default": ("PROTECTED", ["{bin}/airflow", "api-server"]),
        "all-admins": ("OPEN", ["{bin}/airflow", "api-server"], {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}),
    },
    ready="/api/v2/version",
    env=AIRFLOW,
    before=[["{bin}/airflow", "db", "migrate"]],
)

ZENML = ["{bin}/python", "-m", "uvicorn", "zenml.zen_server.zen_server_api:app", "--host", "127.0.0.1", "--port", "{port}"]
add(
    "zenml",
    "zenml",
    8237,
    {
        "no-auth": ("OPEN", ZENML, {"ZENML_SERVER_AUTH_SCHEME": "NO_AUTH"}),
        "password": ("PROTECTED", ZENML, {"ZENML_SERVER_AUTH_SCHEME": "OAUTH2_PASSWORD_BEARER", "ZENML_SERVER_AUTO_ACTIVATE": "1", "ZENML_DEFAULT_USER_PASSWORD": WORD}),
        "unclaimed": ("SETUP_UNCLAIMED", ZENML, {"ZENML_SERVER_AUTH_SCHEME": "OAUTH2_PASSWORD_BEARER"}),
    },
    ready="/api/v1/info",
    env={"ZENML_CONFIG_PATH": "{dir}/zenml", "ZENML_ANALYTICS_OPT_IN": "false", "ZENML_SERVER": "true", "ZENML_STORE_URL": "sqlite:///{dir}/z.db"},
)

EVIDENTLY = ["{bin}/evidently", "ui", "--workspace", "{dir}/w", "--host", "127.0.0.1", "--port", "{port}"]
add(
    "evidently",
    "evidently",
    8000,
    {"open": ("OPEN", EVIDENTLY), "secret": ("OPEN_READ", [*EVIDENTLY, "--secret", WORD])},
    ready="/api/version",
    env={"DO_NOT_TRACK": "1"},
)

add(
    "bentoml",
    "bentoml",
    3000,
    {"open": ("OPEN", ["{bin}/bentoml", "serve", "service:S", "--host", "127.0.0.1", "--port", "{port}"])},
    ready="/schema.json",
    env={"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{dir}/bentoml"},
    files={"service.py": "import bentoml\n\n\n@bentoml.service\nclass S:\n    @bentoml.api\n    def f(self, x: str = 'a') -> str:\n        return x\n"},
)

add(
    "mlserver",
    "mlserver",
    8080,
    {"open": ("OPEN", ["{bin}/mlserver", "start", "{dir}"])},
    ready="/v2",
    files={"settings.json": '{"host": "127.0.0.1", "http_port": 8080, "parallel_workers": 0}'},
)

FEAST = "project: p\nregistry: r.db\nprovider: local\nonline_store:\n  type: sqlite\n  path: o.db\n"
FEAST_FILES = {"r/feature_store.yaml": FEAST, "r/defs.py": "from feast import Entity\n\ne = Entity(name='e', join_keys=['e'])\n"}
FEAST_OIDC = "auth:\n  type: oidc\n  client_id: c\n  auth_discovery_url: http://127.0.0.1:9/realms/r/.well-known/openid-configuration\n"
add(
    "feast",
    "feast",
    6566,
    {
        "server": ("OPEN", ["{bin}/feast", "-c", "{dir}/r", "serve", "-h", "127.0.0.1", "-p", "{port}"]),
        "server-oidc": (
            "PROTECTED",
            ["{bin}/feast", "-c", "{dir}/r", "serve", "-h", "127.0.0.1", "-p", "{port}"],
            {},
            {"r/feature_store.yaml": FEAST + FEAST_OIDC},
        ),
    },
    ready="/health",
    files=FEAST_FILES,
)
add(
    "feast",
    "feast",
    8888,
    {
        "ui": ("OPEN", ["{bin}/feast", "-c", "{dir}/r", "ui", "-h", "127.0.0.1", "-p", "{port}"]),
        "ui-oidc": (
            "PROTECTED",
            ["{bin}/feast", "-c", "{dir}/r", "ui", "-h", "127.0.0.1", "-p", "{port}"],
            {},
            {"r/feature_store.yaml": FEAST + FEAST_OIDC},
        ),
    },
    files=FEAST_FILES,
)

FASTCHAT = ["--host", "127.0.0.1", "--port", "{port}"]
add(
    "fastchat",
    "fastchat",
    21001,
    {"controller": ("OPEN", ["{bin}/python", "-m", "fastchat.serve.controller", *FASTCHAT])},
    ready="/test_connection",
)
# A worker that has a model by name only, so that the list of models is not empty.
FASTCHAT_WORKER = """import json
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

STATUS = {"model_names": ["m"], "speed": 1, "queue_length": 0}


class Worker(BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(STATUS).encode())


def register():
    told = {"worker_name": "http://127.0.0.1:21002", "check_heart_beat": False, "worker_status": STATUS, "multimodal": False}
    body = json.dumps(told).encode()
    while True:
        try:
            return urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:21001/register_worker", body))
        except OSError:
            pass


server = HTTPServer(("127.0.0.1", 21002), Worker)
register()
server.serve_forever()
"""
FASTCHAT_API = "{bin}/python -m fastchat.serve.controller --host 127.0.0.1 & {bin}/python worker.py & exec {bin}/python -m fastchat.serve.openai_api_server --host 127.0.0.1 --port {port}"
add(
    "fastchat",
    "fastchat",
    8000,
    {
        "api": ("OPEN", ["/bin/sh", "-c", FASTCHAT_API]),
        "api-key": ("PROTECTED", ["/bin/sh", "-c", f"{FASTCHAT_API} --api-keys {WORD}"]),
    },
    ready="/v1/models",
    files={"worker.py": FASTCHAT_WORKER},
)

TORCHSERVE = ["{bin}/torchserve", "--start", "--foreground", "--ncs", "--model-store", "{dir}/models", "--ts-config", "{dir}/config.properties"]
TORCHSERVE_CONFIG = "default_workers_per_model=0\n"
TORCHSERVE_OPEN = {"config.properties": TORCHSERVE_CONFIG + "disable_token_authorization=true\nenable_model_api=true\n"}
for port, name in ((8080, "inference"), (8081, "management")):
    add(
        "torchserve",
        "torchserve",
        port,
        {f"{name}-default": ("PROTECTED", TORCHSERVE), f"{name}-open": ("OPEN", TORCHSERVE, {}, TORCHSERVE_OPEN)},
        ready="/api-description",
        files={"config.properties": TORCHSERVE_CONFIG, "models/.keep": ""},
    )

HUB = "c.JupyterHub.bind_url = 'http://127.0.0.1:{port}'\nc.JupyterHub.authenticator_class = 'dummy'\nc.Authenticator.allow_all = True\n"
HUB += "c.ConfigurableHTTPProxy.command = ['{bin}/configurable-http-proxy']\n"
add(
    "jupyterhub",
    "jupyterhub",
    8000,
    {"login": ("PROTECTED", ["{bin}/jupyterhub", "-f", "{dir}/jupyterhub_config.py"])},
    ready="/hub/api",
    files={"jupyterhub_config.py": HUB},
)

ARGILLA = ["{bin}/python", "-m", "uvicorn", "--lifespan", "off", "argilla_server:app", "--host", "127.0.0.1", "--port", "{port}"]
add(
    "argilla",
    "argilla",
    6900,
    {"login": ("PROTECTED", ARGILLA, {"ARGILLA_HOME_PATH": "{dir}", "ARGILLA_ENABLE_TELEMETRY": "0"})},
    ready="/api/v1/version",
    before=[["{bin}/python", "-m", "argilla_server", "database", "migrate"]],
)
