//! What starts leave open, and their innocent twins.

use super::{Service, services};
use crate::{Access, estate::show::read};
use wellhead_core::Budget;

/// `product access reach mark` of each service that does not ask and is reached.
fn found(all: &str) -> String {
    let estate = read(all);
    let services = services(&estate, &mut Budget::default()).unwrap();
    let open = services.iter().filter(|s| {
        let off = matches!(s.access, Some(Access::SwitchedOff | Access::NoneByDefault));
        off && s.bind == crate::Bind::All
    });
    let shown: Vec<String> = open.filter_map(|s| shown(&estate, s)).collect();
    shown.join("; ")
}

fn shown(estate: &crate::Estate, s: &Service<'_>) -> Option<String> {
    let reach = match (s.workload, &s.exposed) {
        (Some(_), _) => format!(
            "{:?}",
            s.ways
                .first()
                .filter(|w| w.audience > crate::Audience::Host)?
                .audience
        ),
        (None, Some(_)) => "Exposed".to_owned(),
        (None, None) => "Image".to_owned(),
    };
    let mark = estate.files.slice(&s.marks[0].0);
    let doubt = if s.certain { "" } else { " perhaps" };
    Some(format!("{} {:?} {reach}{doubt} {mark}", s.product.id, s.access?))
}

fn in_compose(service: &str) -> String {
    let lines: Vec<_> = service.split(" / ").map(|l| format!("    {l}\n")).collect();
    found(&format!(
        "=== compose.yaml\nservices:\n  s:\n    image: i\n{}",
        lines.concat()
    ))
}

fn in_dockerfile(lines: &str) -> String {
    found(&format!(
        "=== Dockerfile\nFROM a\n{}\n",
        lines.replace(" / ", "\n")
    ))
}

#[test]
fn what_opens_a_platform_in_a_compose_file_and_what_does_not() {
    let cases = [
        (
            "command: jupyter lab --ip=0.0.0.0 --NotebookApp.token='' / ports: ['8888:8888']",
            "jupyter SwitchedOff Everyone --NotebookApp.token=''",
        ),
        (
            "command: [start-notebook.sh, --IdentityProvider.token=] / ports: ['80:8888']",
            "jupyter SwitchedOff Everyone --IdentityProvider.token=",
        ),
        (
            "command: sh -c \"jupyter notebook --ip '*' --ServerApp.token ''\" / network_mode: host",
            "jupyter SwitchedOff Everyone --ServerApp.token ''",
        ),
        (
            "environment: {NOTEBOOK_ARGS: \"--NotebookApp.token=''\"} / ports: ['8888:8888']",
            "jupyter SwitchedOff Everyone NOTEBOOK_ARGS: \"--NotebookApp.token=''\"",
        ),
        (
            "environment: {JUPYTER_TOKEN: ''} / command: jupyter lab --ip 0.0.0.0 / ports: ['8888:8888']",
            "jupyter SwitchedOff Everyone perhaps JUPYTER_TOKEN: ''",
        ),
        (
            "environment: [JUPYTER_TOKEN=] / command: start-notebook.sh / ports: ['8888:8888']",
            "jupyter SwitchedOff Everyone perhaps JUPYTER_TOKEN=",
        ),
        (
            "environment: {JUPYTER_TOKEN: ''} / command: jupyter lab --ip 0.0.0.0 --ServerApp.token=$$JUPYTER_TOKEN / ports: ['8888:8888']",
            "jupyter SwitchedOff Everyone --ServerApp.token=$$JUPYTER_TOKEN",
        ),
        (
            "environment: [JUPYTER_TOKEN] / command: start-notebook.sh / ports: ['8888:8888']",
            "",
        ),
        (
            "environment: ['JUPYTER_TOKEN=${T}'] / command: start-notebook.sh / ports: ['8888:8888']",
            "",
        ),
        (
            "environment: {JUPYTER_TOKEN: abcdefgh} / command: start-notebook.sh / ports: ['8888:8888']",
            "",
        ),
        ("command: jupyter lab --ip=0.0.0.0 / ports: ['8888:8888']", ""),
        (
            "command: jupyter lab --ip=0.0.0.0 --ServerApp.token='' --ServerApp.password='argon2:x' / ports: ['8888:8888']",
            "",
        ),
        (
            "command: jupyter lab --ip=0.0.0.0 --ServerApp.token=${TOKEN} / ports: ['8888:8888']",
            "",
        ),
        (
            "command: jupyter lab --ip=0.0.0.0 --ServerApp.token='' / ports: ['127.0.0.1:8888:8888']",
            "",
        ),
        (
            "command: jupyter lab --ServerApp.token='' / ports: ['8888:8888']",
            "",
        ),
        (
            "command: jupyter nbconvert --NotebookApp.token='' --ip=0.0.0.0 / ports: ['8888:8888']",
            "",
        ),
        (
            "command: mlflow server --host 0.0.0.0 / ports: ['5000:5000']",
            "mlflow NoneByDefault Everyone --host 0.0.0.0",
        ),
        (
            "command: bash -c 'pip install x && mlflow ui -h 0.0.0.0 -p 5001' / ports: ['80:5001']",
            "mlflow NoneByDefault Everyone -h 0.0.0.0",
        ),
        (
            "environment: [MLFLOW_HOST=0.0.0.0] / command: mlflow server / ports: ['5000:5000']",
            "mlflow NoneByDefault Everyone MLFLOW_HOST=0.0.0.0",
        ),
        (
            "command: mlflow server --host 0.0.0.0 / ports: ['127.0.0.1:5000:5000']",
            "",
        ),
        ("command: mlflow server --host 0.0.0.0", ""),
        ("command: mlflow server --host 0.0.0.0 / ports: ['80:8080']", ""),
        ("command: mlflow server / ports: ['5000:5000']", ""),
        (
            "command: mlflow server --host 0.0.0.0 --app-name basic-auth / ports: ['5000:5000']",
            "",
        ),
        ("command: mlflow run . --host 0.0.0.0 / ports: ['5000:5000']", ""),
        (
            "command: ray start --head --dashboard-host=0.0.0.0 / ports: ['8265:8265']",
            "ray NoneByDefault Everyone --dashboard-host=0.0.0.0",
        ),
        (
            "command: ray start --head --block / ports: ['10001:10001']",
            "ray NoneByDefault Everyone ray start --head --block",
        ),
        ("command: ray start --head / ports: ['8265:8265']", ""),
        (
            "command: ray start --address=head:6379 / ports: ['8265:8265']",
            "",
        ),
        (
            "command: ray start --head --dashboard-host=0.0.0.0 / environment: {RAY_AUTH_MODE: token} / ports: ['8265:8265']",
            "",
        ),
        (
            "command: tensorboard --logdir /x --bind_all / ports: ['6006:6006']",
            "tensorboard NoneByDefault Everyone --bind_all",
        ),
        ("command: tensorboard --logdir /x / ports: ['6006:6006']", ""),
        (
            "command: dask scheduler / ports: ['8787:8787']",
            "dask NoneByDefault Everyone dask scheduler",
        ),
        ("command: dask worker tcp://s:8786 / ports: ['8787:8787']", ""),
        (
            "command: prefect server start --host 0.0.0.0 / ports: ['4200:4200']",
            "prefect NoneByDefault Everyone --host 0.0.0.0",
        ),
        (
            "command: prefect server start --host 0.0.0.0 / environment: [PREFECT_SERVER_API_AUTH_STRING] / ports: ['4200:4200']",
            "",
        ),
        (
            "command: marimo edit --no-token --host 0.0.0.0 / ports: ['2718:2718']",
            "marimo SwitchedOff Everyone --no-token",
        ),
    ];
    for (service, expected) in cases {
        assert_eq!(in_compose(service), expected, "{service}");
    }
}

#[test]
fn an_image_of_jupyter_starts_it_by_itself() {
    let compose_of = |image: &str, token: &str| {
        found(&format!(
            "=== compose.yaml\nservices:\n  s:\n    image: {image}\n    environment: {{JUPYTER_TOKEN: {token}}}\n    ports: ['8888:8888']\n"
        ))
    };
    let open = "jupyter SwitchedOff Everyone perhaps JUPYTER_TOKEN: ''";
    assert_eq!(compose_of("quay.io/jupyter/scipy-notebook:latest", "''"), open);
    assert_eq!(
        compose_of("quay.io/jupyter/scipy-notebook:latest", "'${T:-}'"),
        ""
    );
    assert_eq!(compose_of("postgres:16", "''"), "");
}

#[test]
fn an_image_of_a_product_starts_it_with_the_command_as_its_arguments() {
    let of = |service: &str| {
        let lines: Vec<_> = service.split(" / ").map(|l| format!("    {l}\n")).collect();
        found(&format!("=== compose.yaml\nservices:\n  s:\n{}", lines.concat()))
    };
    let cases = [
        (
            "image: ollama/ollama:0.13 / ports: ['11434:11434']",
            "ollama NoneByDefault Everyone ollama/ollama:0.13",
        ),
        ("image: ollama/ollama / ports: ['127.0.0.1:11434:11434']", ""),
        ("image: ollama/ollama", ""),
        (
            "image: ollama/ollama / environment: [OLLAMA_HOST=127.0.0.1] / ports: ['11434:11434']",
            "",
        ),
        ("image: other/ollama / ports: ['11434:11434']", ""),
        (
            "image: docker.io/qdrant/qdrant@sha256:00 / ports: ['6333:6333']",
            "qdrant NoneByDefault Everyone docker.io/qdrant/qdrant@sha256:00",
        ),
        (
            "image: qdrant/qdrant / environment: {QDRANT__SERVICE__API_KEY: x} / ports: ['6333:6333']",
            "",
        ),
        (
            "image: qdrant/qdrant / environment: [QDRANT__SERVICE__API_KEY] / ports: ['6333:6333']",
            "",
        ),
        (
            "image: vllm/vllm-openai:v0.21.0 / command: --model org/m / ports: ['8000:8000']",
            "vllm NoneByDefault Everyone vllm/vllm-openai:v0.21.0",
        ),
        (
            "image: vllm/vllm-openai / command: [--model, org/m, --host, 0.0.0.0] / ports: ['80:8000']",
            "vllm NoneByDefault Everyone --host, 0.0.0.0",
        ),
        (
            "image: vllm/vllm-openai / command: --model m --api-key x / ports: ['8000:8000']",
            "",
        ),
        (
            "image: vllm/vllm-openai / command: --model m --api-key=${K} / ports: ['8000:8000']",
            "",
        ),
        (
            "image: vllm/vllm-openai / command: sleep infinity / ports: ['8000:8000']",
            "",
        ),
        (
            "image: cr.weaviate.io/semitechnologies/weaviate:1.32.4 / environment: {AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'true'} / ports: ['8080:8080']",
            "weaviate SwitchedOff Everyone cr.weaviate.io/semitechnologies/weaviate:1.32.4",
        ),
        (
            "image: ghcr.io/open-webui/open-webui:main / environment: ['WEBUI_AUTH=False'] / ports: ['3000:8080']",
            "open-webui SwitchedOff Everyone 'WEBUI_AUTH=False'",
        ),
        (
            "image: ghcr.io/open-webui/open-webui:main / ports: ['3000:8080']",
            "",
        ),
        (
            "image: apache/airflow / command: webserver / ports: ['8080:8080']",
            "",
        ),
        (
            "image: apache/airflow / command: api-server / environment: {AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS: 'True'} / ports: ['8080:8080']",
            "airflow SwitchedOff Everyone AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS: 'True'",
        ),
        (
            "image: apache/airflow / command: scheduler / environment: {AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS: 'True'} / ports: ['8080:8080']",
            "",
        ),
        (
            "image: x / command: argo server --auth-mode server / ports: ['2746:2746']",
            "argo-workflows SwitchedOff Everyone --auth-mode server",
        ),
        (
            "image: x / command: argo server --auth-mode=client / ports: ['2746:2746']",
            "",
        ),
        (
            "image: x / command: python -m vllm.entrypoints.openai.api_server --model m / ports: ['8000:8000']",
            "vllm NoneByDefault Everyone vllm.entrypoints.openai.api_server --model m",
        ),
        (
            "image: x / command: celery -A app flower / ports: ['5555:5555']",
            "flower NoneByDefault Everyone celery -A app flower",
        ),
        (
            "image: x / command: celery -A app worker / ports: ['5555:5555']",
            "",
        ),
        (
            "image: x / command: celery -A app flower --basic-auth=u:p / ports: ['5555:5555']",
            "",
        ),
        (
            "image: x / command: code-server --bind-addr 0.0.0.0:8080 --auth none / ports: ['8080:8080']",
            "code-server SwitchedOff Everyone --auth none",
        ),
        (
            "image: x / command: code-server --bind-addr 0.0.0.0:8080 / ports: ['8080:8080']",
            "",
        ),
    ];
    for (service, expected) in cases {
        assert_eq!(of(service), expected, "{service}");
    }
}

#[test]
fn what_opens_a_platform_in_an_image_and_what_does_not() {
    let cases = [
        (
            "EXPOSE 8888 / CMD [\"jupyter\", \"lab\", \"--ip=0.0.0.0\", \"--NotebookApp.token=''\"]",
            "jupyter SwitchedOff Exposed --NotebookApp.token=''",
        ),
        (
            "ENTRYPOINT [\"tini\", \"--\"] / CMD mlflow server --host 0.0.0.0",
            "mlflow NoneByDefault Image --host 0.0.0.0",
        ),
        (
            "ENV H=0.0.0.0 / ENTRYPOINT [\"ray\", \"start\", \"--head\"] / CMD [\"--dashboard-host\", \"0.0.0.0\"]",
            "ray NoneByDefault Image --dashboard-host\", \"0.0.0.0",
        ),
        (
            "ENTRYPOINT [\"/bin/bash\", \"-c\"] / CMD [\"ulimit -n 9; exec ray start --head --dashboard-host 0.0.0.0\"]",
            "ray NoneByDefault Image --dashboard-host 0.0.0.0",
        ),
        ("CMD mlflow server --host 127.0.0.1", ""),
        // Its ports for clients listen everywhere whatever the dashboard does; only what publishes them makes them matter.
        ("CMD ray start --head", "ray NoneByDefault Image ray start --head"),
        ("RUN mlflow server --host 0.0.0.0", ""),
        ("CMD jupyter lab --ip 0.0.0.0", ""),
    ];
    for (lines, expected) in cases {
        assert_eq!(in_dockerfile(lines), expected, "{lines}");
    }
}

#[test]
fn what_only_a_variable_an_image_or_a_name_tells() {
    let cases = [
        // The image is built on one that starts it, and switches the password off.
        (
            "=== Dockerfile\nFROM ghcr.io/open-webui/open-webui:v0.3.12\nENV WEBUI_AUTH=false\n",
            "open-webui SwitchedOff Image WEBUI_AUTH=false",
        ),
        ("=== Dockerfile\nFROM qdrant/qdrant\nCOPY a b\n", ""),
        (
            "=== ollama.service.d/override.conf\n[Service]\nEnvironment=\"OLLAMA_HOST=0.0.0.0\"\n",
            "ollama NoneByDefault Everyone \"OLLAMA_HOST=0.0.0.0\"",
        ),
        (
            "=== ollama.service.d/override.conf\n[Service]\nEnvironment=\"OLLAMA_MODELS=/srv\"\n",
            "",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: i, command: python app.py, environment: [GRADIO_SERVER_NAME=0.0.0.0], ports: ['80:7860']}\n",
            "gradio NoneByDefault Everyone GRADIO_SERVER_NAME=0.0.0.0",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: i, command: python app.py, ports: ['80:7860']}\n",
            "",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: 'bitnami/spark:3', environment: [SPARK_MODE=master], ports: ['7077:7077']}\n",
            "spark NoneByDefault Everyone 'bitnami/spark:3'",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: 'vllm/vllm-openai:v0.6.3', command: [--model=org/m], ports: ['80:8000']}\n",
            "vllm NoneByDefault Everyone 'vllm/vllm-openai:v0.6.3'",
        ),
        // Copies in registries of somebody's own keep owner and name.
        (
            "=== compose.yaml\nservices:\n  s: {image: harbor.acme.example/hub/ollama/ollama, ports: ['1:11434']}\n",
            "ollama NoneByDefault Everyone harbor.acme.example/hub/ollama/ollama",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: '${REG}/qdrant/qdrant:${TAG}', ports: ['1:6333']}\n",
            "qdrant NoneByDefault Everyone '${REG}/qdrant/qdrant:${TAG}'",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: acme/ollama-client, ports: ['1:11434']}\n",
            "",
        ),
        // One image is several programs; its tag tells which.
        (
            "=== compose.yaml\nservices:\n  s: {image: 'ghcr.io/ggml-org/llama.cpp:server-cuda', command: -m a.gguf --host 0.0.0.0 --port 8000, ports: ['8000:8000']}\n",
            "llama-cpp NoneByDefault Everyone --host 0.0.0.0",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: 'ghcr.io/ggml-org/llama.cpp:light', command: -m a.gguf, ports: ['8000:8000']}\n",
            "",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: codercom/code-server, command: --auth none --bind-addr 0.0.0.0:8080, ports: ['8080:8080']}\n",
            "code-server SwitchedOff Everyone --auth none",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: codercom/code-server, ports: ['8080:8080']}\n",
            "",
        ),
        (
            "=== Dockerfile\nFROM vllm/vllm-openai:v0.6.3 AS base\nFROM base AS prod\nCMD [\"--model\", \"m\"]\n",
            "vllm NoneByDefault Image vllm/vllm-openai:v0.6.3",
        ),
        // What is given to a file that is included; the project's own value comes first.
        (
            "=== compose.yaml\ninclude: [{path: infra/q.yaml, env_file: infra/q.env}]\nservices: {a: {image: a}}\n=== infra/q.env\nHOST=0.0.0.0\n=== infra/q.yaml\nservices:\n  q: {image: qdrant/qdrant, ports: ['${HOST:-127.0.0.1}:6333:6333']}\n",
            "qdrant NoneByDefault Everyone qdrant/qdrant",
        ),
        (
            "=== compose.yaml\ninclude: [{path: infra/q.yaml, env_file: infra/q.env}]\nservices: {a: {image: a}}\n=== .env\nHOST=127.0.0.1\n=== infra/q.env\nHOST=0.0.0.0\n=== infra/q.yaml\nservices:\n  q: {image: qdrant/qdrant, ports: ['${HOST}:6333:6333']}\n",
            "",
        ),
        // Ports and addresses that stand elsewhere.
        (
            "=== compose.yaml\nservices:\n  s: {image: ollama/ollama, environment: [OLLAMA_HOST=0.0.0.0:8080], ports: ['8080:8080']}\n",
            "ollama NoneByDefault Everyone OLLAMA_HOST=0.0.0.0:8080",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: ollama/ollama, environment: [OLLAMA_HOST=127.0.0.1:8080], ports: ['8080:8080']}\n",
            "",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: zenmldocker/zenml-server, environment: [ZENML_SERVER_AUTH_SCHEME=NO_AUTH], ports: ['80:8080']}\n",
            "zenml SwitchedOff Everyone ZENML_SERVER_AUTH_SCHEME=NO_AUTH",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: quay.io/jupyter/base-notebook, command: \"jupyter lab --LabApp.token=''\", ports: ['8888:8888']}\n",
            "jupyter SwitchedOff Everyone --LabApp.token=''",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: ghcr.io/open-webui/open-webui, environment: [WEBUI_AUTH], ports: ['80:8080']}\n=== .env\nWEBUI_AUTH=False\n",
            "open-webui SwitchedOff Everyone WEBUI_AUTH",
        ),
        // What a tag replaces.
        (
            "=== compose.yaml\nservices:\n  s: {image: qdrant/qdrant, ports: ['6333:6333']}\n=== compose.override.yaml\nservices:\n  s:\n    ports: !override ['127.0.0.1:6333:6333']\n",
            "",
        ),
        // What a recipe copies into an image.
        (
            "=== compose.yaml\nservices:\n  web: {image: x, command: mlflow server --host 0.0.0.0, expose: ['5000']}\n  front: {build: ./front, ports: ['80:80']}\n=== front/Dockerfile\nFROM nginx\nCOPY nginx.conf /etc/nginx/nginx.conf\n=== front/nginx.conf\nserver { listen 80; location / { proxy_pass http://web:5000; } }\n",
            "mlflow NoneByDefault Everyone --host 0.0.0.0",
        ),
        // The most open of several starts.
        (
            "=== compose.yaml\nservices:\n  s: {image: i, command: \"sh -c \\\"pip install jupyterlab && jupyter lab --ip=0.0.0.0 --NotebookApp.token=''\\\"\", ports: ['8888:8888']}\n",
            "jupyter SwitchedOff Everyone --NotebookApp.token=''",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: i, command: sh -c \"mlflow server --host 127.0.0.1 & mlflow server --host 0.0.0.0\", ports: ['5000:5000']}\n",
            "mlflow NoneByDefault Everyone --host 0.0.0.0",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: i, command: jupyter notebook --generate-config --ServerApp.token=''}\n",
            "",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: mintplexlabs/anythingllm, ports: ['3001:3001'], environment: [AUTH_TOKEN=x]}\n",
            "",
        ),
        // A file that names its users.
        (
            "=== docker-compose.yml\nservices:\n  a: {image: allegroai/clearml, command: [apiserver], volumes: ['./config:/opt/clearml/config'], ports: ['8008:8008']}\n=== config/apiserver.conf\nauth {\n    fixed_users {\n        enabled: true\n        users: [ { username: \"jane\" } ]\n    }\n}\n",
            "",
        ),
        (
            "=== docker-compose.yml\nservices:\n  a: {image: allegroai/clearml, command: [apiserver], volumes: ['./config:/opt/clearml/config'], ports: ['8008:8008']}\n=== config/apiserver.conf\nauth {\n    fixed_users {\n        enabled: false\n        users: [ { username: \"jane\" } ]\n    }\n}\n",
            "clearml NoneByDefault Everyone allegroai/clearml",
        ),
        // Options that stand in a variable.
        (
            "=== compose.yaml\nservices:\n  s: {image: i, command: python launch.py, environment: {COMMANDLINE_ARGS: --listen --api}, ports: ['7860:7860']}\n",
            "automatic1111 NoneByDefault Everyone COMMANDLINE_ARGS: --listen --api",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: i, command: python launch.py, ports: ['7860:7860']}\n",
            "",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: i, command: python server.py --listen --api, ports: ['7860:7860']}\n",
            "text-generation-webui NoneByDefault Everyone --listen",
        ),
        (
            "=== Dockerfile\nFROM vllm/vllm-openai:v0.6.3\nCMD [\"--model\", \"m\"]\n",
            "vllm NoneByDefault Image vllm/vllm-openai:v0.6.3",
        ),
        (
            "=== compose.yaml\nservices:\n  s: {image: 'nvcr.io/nvidia/tritonserver:24.01-py3', command: [bash, -cx, tritonserver --model-repository=/m], ports: ['8000:8000']}\n",
            "triton NoneByDefault Everyone tritonserver --model-repository=/m",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(found(text), expected, "{text}");
    }
}
