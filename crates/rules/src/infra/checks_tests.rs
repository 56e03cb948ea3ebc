//! Every check has a file that raises it and a twin that does not.

use super::{checks::CHECKS, tests::in_estate};
use crate::{Subject, find, testing::findings};
use std::collections::BTreeSet;
use wellhead_core::Budget;
use wellhead_formats::document::{Encoding, TextFile};

/// Checks that rules on clouds, texts and Python tell of: what raises the rule of the check, and a twin that does not.
fn told_by_rule() -> Vec<(&'static str, String, String)> {
    let tf = |text: &str| format!("=== main.tf\n{text}");
    let bucket = |acl: &str| {
        format!(
            "resource \"aws_s3_bucket\" \"b\" {{\n  bucket = \"acme-runs\"\n}}\nresource \"aws_s3_bucket_acl\" \"a\" {{\n  \
             bucket = aws_s3_bucket.b.id\n  acl = \"{acl}\"\n}}\n"
        )
    };
    let tracked = |acl: &str| {
        let task = "resource \"aws_ecs_task_definition\" \"t\" {\n  family = \"mlflow\"\n  container_definitions = jsonencode([{ name = \
                    \"mlflow\", image = \"ghcr.io/mlflow/mlflow:v3.1.0\", command = [\"mlflow\", \"server\", \
                    \"--default-artifact-root\", \"s3://${aws_s3_bucket.b.id}/runs\"] }])\n}\n";
        tf(&(bucket(acl) + task))
    };
    let model = "resource \"aws_sagemaker_model\" \"m\" {\n  primary_container {\n    model_data_url = \
                 \"s3://${aws_s3_bucket.b.id}/model.tar.gz\"\n  }\n}\n";
    let group = |cidr: &str| {
        tf(&format!(
            "resource \"aws_security_group\" \"g\" {{\n  ingress {{\n    from_port = 5000\n    to_port = 5000\n    protocol = \
             \"tcp\"\n    cidr_blocks = [\"{cidr}\"]\n  }}\n}}\n"
        ))
    };
    let notebook = |net: &str| {
        tf(&format!(
            "resource \"aws_sagemaker_notebook_instance\" \"n\" {{\n  direct_internet_access = \"{net}\"\n  root_access = \
             \"Disabled\"\n}}\n"
        ))
    };
    let domain = |net: &str| {
        tf(&format!(
            "resource \"aws_sagemaker_domain\" \"d\" {{\n  app_network_access_type = \"{net}\"\n}}\n"
        ))
    };
    let policy = |action: &str| {
        tf(&format!(
            "{}{model}resource \"aws_iam_policy\" \"p\" {{\n  policy = jsonencode({{ Statement = [{{ Effect = \"Allow\", Action = \
             \"{action}\", Resource = \"${{aws_s3_bucket.b.arn}}/*\" }}] }})\n}}\n",
            bucket("private")
        ))
    };
    let workspace = |public: bool| {
        tf(&format!(
            "resource \"azurerm_machine_learning_workspace\" \"w\" {{\n  public_network_access_enabled = {public}\n}}\n"
        ))
    };
    let token = ["hf", "_", "aZ3kQ9vB7xT2mW8rL5nY4pD6cH1gJ0sFqE"].concat();
    let environment = |value: &str| {
        format!("=== compose.yaml\nservices:\n  s:\n    environment:\n      HF_TOKEN: {value}\n")
    };
    let gradio =
        |more: &str| format!("=== app.py\nimport gradio as gr\ngr.Interface(f).launch(share=True{more})\n");
    vec![
        ("TRK-06", tracked("public-read"), tracked("private")),
        ("UI-01", gradio(""), gradio(", auth=('a', password)")),
        ("NET-07", group("0.0.0.0/0"), group("10.0.0.0/8")),
        ("CLD-01", notebook("Enabled"), notebook("Disabled")),
        ("CLD-02", domain("PublicInternetOnly"), domain("VpcOnly")),
        ("CLD-03", policy("s3:*"), policy("s3:GetObject")),
        (
            "CLD-04",
            tf(&(bucket("public-read") + model)),
            tf(&(bucket("private") + model)),
        ),
        ("CLD-05", workspace(true), workspace(false)),
        ("CLD-06", environment(&token), environment("${HF_TOKEN:?}")),
    ]
}

/// The files of a text, each behind a line `=== path`.
fn files(text: &str) -> Vec<(&str, &str)> {
    let parts = text.split("=== ").skip(1);
    parts
        .map(|part| part.split_once('\n').unwrap_or((part, "")))
        .collect()
}

/// The rules that anything in these files raises: together, as texts, and as Python.
fn rules_of(text: &str) -> BTreeSet<String> {
    let files = files(text);
    let mut all = in_estate(&files);
    for (path, text) in &files {
        if path.ends_with(".py") {
            let module = wellhead_pycode::parse(text, &mut Budget::default());
            all.extend(findings(path, Subject::Python(&module)));
        }
        let text = TextFile {
            text: (*text).into(),
            encoding: Encoding::Utf8,
        };
        all.extend(findings(path, Subject::Text(&text)));
    }
    all.iter().map(|f| f.rule.clone().into_owned()).collect()
}

/// Files, each behind a line `=== path`; a line of `/`-divided parts is a service of a compose file.
fn checks(text: &str) -> BTreeSet<String> {
    let whole = match text.starts_with("=== ") {
        true => text.to_owned(),
        false => {
            let lines: String = text.split(" / ").map(|l| format!("    {l}\n")).collect();
            format!("=== compose.yaml\nservices:\n  s:\n{lines}")
        }
    };
    let findings = in_estate(&files(&whole));
    let lists = findings
        .iter()
        .filter_map(|f| f.properties.get("checks")?.as_array());
    lists
        .flatten()
        .filter_map(|v| Some(v.as_str()?.to_owned()))
        .collect()
}

/// A pod with a service in front of it.
fn pod(container: &str, kind: &str, port: u16) -> String {
    format!(
        "=== k8s.yaml\napiVersion: v1\nkind: Pod\nmetadata: {{name: p, labels: {{a: b}}}}\nspec:\n  containers:\n    - {container}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: s}}\nspec: {{type: {kind}, selector: {{a: b}}, ports: [{{port: {port}}}]}}\n"
    )
}

fn ray(more: &str, service: &str) -> String {
    format!(
        "=== ray.yaml\napiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {{name: r}}\nspec:\n  {more}\n  headGroupSpec:\n    serviceType: {service}\n    rayStartParams: {{}}\n    template: {{spec: {{containers: [{{name: h, image: 'rayproject/ray:2.52.0'}}]}}}}\n"
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one line a check")]
fn every_check_has_a_file_that_raises_it_and_a_twin_that_does_not() {
    let mlflow = "{name: m, image: i, command: [mlflow, server, --host, 0.0.0.0]}";
    let closed = "{name: m, image: i, command: [mlflow, server, --host, 0.0.0.0, --app-name, basic-auth]}";
    let route = |kind: &str, spec: &str| {
        format!(
            "{}---\napiVersion: x/v1\nkind: {kind}\nmetadata: {{name: r}}\nspec: {spec}\n",
            pod(mlflow, "ClusterIP", 5000)
        )
    };
    let ingress = |annotations: &str| {
        format!(
            "{}---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: r, annotations: {annotations}}}\nspec: {{rules: [{{http: {{paths: [{{backend: {{service: {{name: s, port: {{number: 5000}}}}}}}}]}}}}]}}\n",
            pod(mlflow, "ClusterIP", 5000)
        )
    };
    let http = route(
        "HTTPRoute",
        "{parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 5000}]}]}",
    )
    .replace("x/v1", "gateway.networking.k8s.io/v1");
    let guarded = format!(
        "{http}---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: {{name: q}}\nspec: {{targetRefs: [{{kind: HTTPRoute, name: r}}], oidc: {{provider: {{issuer: x}}}}}}\n"
    );
    let mesh = route(
        "VirtualService",
        "{gateways: [g], http: [{route: [{destination: {host: s}}]}]}",
    )
    .replace("x/v1", "networking.istio.io/v1");
    let asked = format!(
        "{mesh}---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: q}}\nspec: {{selector: {{matchLabels: {{a: b}}}}, rules: [{{from: [{{source: {{requestPrincipals: ['*']}}}}]}}]}}\n"
    );
    let caddy = |more: &str| {
        format!(
            "=== compose.yaml\nservices:\n  m: {{image: i, command: mlflow server --host 0.0.0.0}}\n  caddy: {{image: 'caddy:2', ports: ['80:80'], volumes: ['./Caddyfile:/etc/caddy/Caddyfile']}}\n=== Caddyfile\n:80 {{\n{more}  reverse_proxy m:5000\n}}\n"
        )
    };
    let policy = format!(
        "{}---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: q}}\nspec: {{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {{cidr: 0.0.0.0/0}}}}]}}]}}\n",
        pod(mlflow, "LoadBalancer", 5000)
    );
    let served = |uri: &str, notes: &str| {
        format!(
            "=== k.yaml\napiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {{name: n, annotations: {notes}}}\nspec: {{predictor: {{model: {{modelFormat: {{name: sklearn}}, storageUri: '{uri}'}}}}}}\n"
        )
    };
    let hub = |line: &str| format!("=== jupyterhub_config.py\n{line}\n");
    let own = |text: &str| text.to_owned();
    let jupyter =
        |more: &str| format!("image: i / command: jupyter lab --ip=0.0.0.0 {more} / ports: ['8888:8888']");
    let ui = |more: &str| {
        format!("image: ghcr.io/open-webui/open-webui:main / environment: [{more}] / ports: ['3000:8080']")
    };
    let vllm = |more: &str| {
        format!("image: vllm/vllm-openai:v0.21.0 / command: --model m {more} / ports: ['8000:8000']")
    };
    let cases: Vec<(&str, String, String)> = vec![
        ("JUP-01", jupyter("--ServerApp.token=''"), jupyter("")),
        (
            "JUP-02",
            jupyter("--ServerApp.token=''"),
            jupyter("--ServerApp.token=''").replace("'8888", "'127.0.0.1:8888"),
        ),
        (
            "JUP-03",
            jupyter("--ServerApp.allow_origin='*'"),
            jupyter("--ServerApp.allow_origin=https://a.example"),
        ),
        (
            "JUP-04",
            own("=== jupyter_server_config.py\nc.ServerApp.disable_check_xsrf = True\n"),
            own("=== jupyter_server_config.py\nc.ServerApp.disable_check_xsrf = False\n"),
        ),
        (
            "JUP-05",
            own("=== jupyter_server_config.py\nc.ServerApp.allow_unauthenticated_access = True\n"),
            own("=== jupyter_server_config.py\nc.ServerApp.allow_unauthenticated_access = False\n"),
        ),
        (
            "JUP-06",
            hub("c.JupyterHub.authenticator_class = 'jupyterhub.auth.DummyAuthenticator'"),
            hub("c.JupyterHub.authenticator_class = 'oauthenticator.GitHubOAuthenticator'"),
        ),
        (
            "JUP-07",
            hub("c.Authenticator.allow_all = True"),
            hub("c.Authenticator.allowed_users = {'a'}\nc.JupyterHub.x = 1"),
        ),
        (
            "JUP-08",
            hub("c.JupyterHub.authenticator_class = 'native'\nc.NativeAuthenticator.open_signup = True"),
            hub("c.JupyterHub.authenticator_class = 'native'\nc.NativeAuthenticator.open_signup = False"),
        ),
        ("JUP-09", jupyter("--allow-root"), jupyter("--no-browser")),
        (
            "TRK-01",
            own("image: i / command: mlflow server --host 0.0.0.0 / ports: ['5000:5000']"),
            own(
                "image: i / command: mlflow server --host 0.0.0.0 --app-name basic-auth / ports: ['5000:5000']",
            ),
        ),
        (
            "TRK-02",
            own(
                "image: i / command: mlflow server --host 0.0.0.0 --allowed-hosts '*' / ports: ['5000:5000']",
            ),
            own(
                "image: i / command: mlflow server --host 0.0.0.0 --allowed-hosts a.example / ports: ['5000:5000']",
            ),
        ),
        (
            "TRK-03",
            own(
                "image: i / command: mlflow server --host 0.0.0.0 --disable-security-middleware / ports: ['5000:5000']",
            ),
            own("image: i / command: mlflow server --host 0.0.0.0 / ports: ['5000:5000']"),
        ),
        (
            "TRK-04",
            own(
                "image: i / command: mlflow server --host 0.0.0.0 --app-name basic-auth / environment: [MLFLOW_FLASK_SERVER_SECRET_KEY=mysecret] / ports: ['5000:5000']",
            ),
            own(
                "image: i / command: mlflow server --host 0.0.0.0 --app-name basic-auth / environment: ['MLFLOW_FLASK_SERVER_SECRET_KEY=${KEY:?}'] / ports: ['5000:5000']",
            ),
        ),
        (
            "TRK-05",
            own("image: i / command: mlflow server --backend-store-uri postgresql://u:hunter@db/x"),
            own("image: i / command: mlflow server --backend-store-uri postgresql://u:$${PASS}@db/x"),
        ),
        (
            "TRK-07",
            own(
                "image: ghcr.io/mlflow/mlflow:v2.9.2 / command: mlflow server --host 0.0.0.0 / ports: ['5000:5000']",
            ),
            own(
                "image: ghcr.io/mlflow/mlflow:v3.6.0 / command: mlflow server --host 0.0.0.0 / ports: ['5000:5000']",
            ),
        ),
        (
            "TRK-08",
            own("image: i / command: mlflow server --host 0.0.0.0 --serve-artifacts / ports: ['5000:5000']"),
            own(
                "image: i / command: mlflow server --host 0.0.0.0 --no-serve-artifacts / ports: ['5000:5000']",
            ),
        ),
        (
            "CLU-01",
            own("image: i / command: ray start --head --dashboard-host=0.0.0.0 / ports: ['8265:8265']"),
            own(
                "image: i / command: ray start --head --dashboard-host=0.0.0.0 / environment: {RAY_AUTH_MODE: token} / ports: ['8265:8265']",
            ),
        ),
        (
            "CLU-02",
            own("image: i / command: ray start --head --dashboard-host=0.0.0.0 / ports: ['8265:8265']"),
            own(
                "image: i / command: ray start --head --dashboard-host=0.0.0.0 / ports: ['127.0.0.1:8265:8265']",
            ),
        ),
        (
            "CLU-03",
            own("image: i / command: ray start --head / ports: ['10001:10001']"),
            own("image: i / command: ray start --head"),
        ),
        (
            "CLU-04",
            own("image: i / command: ray start --head / ports: ['6379:6379']"),
            own("image: redis:7 / ports: ['6379:6379']"),
        ),
        (
            "CLU-05",
            own("image: i / command: ray start --head / network_mode: host"),
            own("image: i / command: ray start --address=a:6379 / network_mode: host"),
        ),
        (
            "CLU-06",
            ray("rayVersion: '2.52.0'", "LoadBalancer"),
            ray("authOptions: {mode: token}", "LoadBalancer"),
        ),
        (
            "CLU-07",
            own("image: i / command: dask scheduler / ports: ['8786:8786']"),
            own(
                "image: i / command: dask scheduler --tls-ca-file ca --tls-cert c --tls-key k / ports: ['8786:8786']",
            ),
        ),
        (
            "CLU-08",
            own("image: i / command: start-master.sh / ports: ['7077:7077']"),
            own("image: i / command: start-master.sh / ports: ['127.0.0.1:7077:7077']"),
        ),
        (
            "CLU-09",
            own("image: i / command: celery -A a flower / ports: ['5555:5555']"),
            own("image: i / command: celery -A a flower --basic-auth=u:p / ports: ['5555:5555']"),
        ),
        ("SRV-01", vllm(""), vllm("--api-key=$${KEY}")),
        (
            "SRV-02",
            vllm("--api-key=x --trust-remote-code"),
            vllm("--api-key=x"),
        ),
        ("SRV-03", vllm(""), vllm("").replace("'8000", "'127.0.0.1:8000")),
        (
            "SRV-04",
            vllm("--api-key=x") + " / environment: [VLLM_ALLOW_RUNTIME_LORA_UPDATING=True]",
            vllm("--api-key=x") + " / environment: [VLLM_ALLOW_RUNTIME_LORA_UPDATING=False]",
        ),
        (
            "SRV-05",
            vllm("--api-key=x") + " / environment: [VLLM_SERVER_DEV_MODE=1]",
            vllm("--api-key=x") + " / environment: [VLLM_SERVER_DEV_MODE=0]",
        ),
        (
            "SRV-06",
            own("image: i / command: tritonserver --model-control-mode=explicit / ports: ['8000:8000']"),
            own(
                "image: i / command: tritonserver --model-control-mode=explicit --http-restricted-api=model-repository:a=b / ports: ['8000:8000']",
            ),
        ),
        (
            "SRV-07",
            own("image: pytorch/torchserve:0.8.0 / ports: ['8081:8081']"),
            own("image: pytorch/torchserve:0.8.0 / ports: ['8080:8080']"),
        ),
        (
            "SRV-08",
            own(
                "image: pytorch/torchserve:0.12.0 / command: torchserve --start --disable-token-auth / ports: ['8080:8080']",
            ),
            own("image: pytorch/torchserve:0.12.0 / command: torchserve --start / ports: ['8080:8080']"),
        ),
        (
            "SRV-09",
            own("=== config.properties\nmodel_store=/m\nallowed_urls=.*\n"),
            own("=== config.properties\nmodel_store=/m\nallowed_urls=https://models.example/.*\n"),
        ),
        (
            "SRV-10",
            own("image: tensorflow/serving:2.18.0 / ports: ['8501:8501']"),
            own("image: tensorflow/serving:2.18.0 / ports: ['127.0.0.1:8501:8501']"),
        ),
        (
            "SRV-11",
            own(
                "image: ollama/ollama / ports: ['127.0.0.1:11434:11434'] / environment: ['OLLAMA_ORIGINS=*']",
            ),
            own(
                "image: ollama/ollama / ports: ['127.0.0.1:11434:11434'] / environment: ['OLLAMA_ORIGINS=https://a.example']",
            ),
        ),
        (
            "SRV-12",
            own("image: i / command: bentoml serve / ports: ['3000:3000']"),
            own("image: i / command: bentoml serve / ports: ['127.0.0.1:3000:3000']"),
        ),
        (
            "SRV-13",
            served("http://a.example/m", "{}"),
            served("https://a.example/m", "{}"),
        ),
        (
            "SRV-14",
            served("s3://b/m", "{}"),
            served("s3://b/m", "{security.opendatahub.io/enable-auth: 'true'}"),
        ),
        (
            "UI-02",
            own(
                "image: i / command: streamlit run a.py --server.enableXsrfProtection=false / ports: ['8501:8501']",
            ),
            own(
                "image: i / command: streamlit run a.py --server.enableXsrfProtection=true / ports: ['8501:8501']",
            ),
        ),
        (
            "UI-03",
            ui("WEBUI_AUTH=False"),
            ui("WEBUI_AUTH=True, ENABLE_SIGNUP=False"),
        ),
        (
            "UI-04",
            own("image: langflowai/langflow / environment: [LANGFLOW_HOST=0.0.0.0] / ports: ['7860:7860']"),
            own(
                "image: langflowai/langflow / environment: [LANGFLOW_HOST=0.0.0.0, LANGFLOW_AUTO_LOGIN=False] / ports: ['7860:7860']",
            ),
        ),
        (
            "UI-05",
            own("image: flowiseai/flowise:2.2.8 / ports: ['3000:3000']"),
            own("image: flowiseai/flowise:3.0.6 / ports: ['3000:3000']"),
        ),
        (
            "UI-06",
            own("image: n8nio/n8n:1.90.0 / environment: [N8N_SECURE_COOKIE=false] / ports: ['5678:5678']"),
            own("image: n8nio/n8n:1.90.0 / ports: ['5678:5678']"),
        ),
        (
            "UI-07",
            own("image: comfy / command: python main.py --listen 0.0.0.0 --port 8188 / ports: ['8188:8188']"),
            own("image: app / command: python main.py --listen 0.0.0.0 --port 80 / ports: ['80:80']"),
        ),
        (
            "UI-08",
            own("=== webserver_config.py\nAUTH_ROLE_PUBLIC = 'Admin'\n"),
            own("=== webserver_config.py\nAUTH_ROLE_PUBLIC = 'Public'\n"),
        ),
        (
            "UI-09",
            own("image: i / command: prefect server start --host 0.0.0.0 / ports: ['4200:4200']"),
            own(
                "image: i / command: prefect server start --host 0.0.0.0 / environment: ['PREFECT_SERVER_API_AUTH_STRING=${AUTH:?}'] / ports: ['4200:4200']",
            ),
        ),
        (
            "UI-10",
            own("image: heartexlabs/label-studio / ports: ['8080:8080']"),
            own(
                "image: heartexlabs/label-studio / environment: [LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK=true] / ports: ['8080:8080']",
            ),
        ),
        (
            "UI-11",
            own(
                "image: litellm/litellm / environment: [LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY=true] / ports: ['4000:4000']",
            ),
            own("image: litellm/litellm / ports: ['4000:4000']"),
        ),
        (
            "DAT-01",
            own("image: qdrant/qdrant / ports: ['6333:6333']"),
            own(
                "image: qdrant/qdrant / environment: ['QDRANT__SERVICE__API_KEY=${K:?}'] / ports: ['6333:6333']",
            ),
        ),
        (
            "DAT-02",
            own(
                "image: semitechnologies/weaviate / environment: {AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'true'} / ports: ['8080:8080']",
            ),
            own(
                "image: semitechnologies/weaviate / environment: {AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'false'} / ports: ['8080:8080']",
            ),
        ),
        (
            "DAT-03",
            own("image: milvusdb/milvus / command: milvus run standalone / ports: ['19530:19530']"),
            own(
                "image: milvusdb/milvus / command: milvus run standalone / environment: [COMMON_SECURITY_AUTHORIZATIONENABLED=true] / ports: ['19530:19530']",
            ),
        ),
        (
            "DAT-04",
            own("image: chromadb/chroma / ports: ['8000:8000']"),
            own("image: chromadb/chroma"),
        ),
        (
            "DAT-05",
            own("image: minio/minio / command: server /data / ports: ['9000:9000']"),
            own(
                "image: minio/minio / command: server /data / environment: ['MINIO_ROOT_PASSWORD=${P:?}'] / ports: ['9000:9000']",
            ),
        ),
        (
            "DAT-06",
            own(
                "image: elasticsearch:8.17.0 / environment: [xpack.security.enabled=false] / ports: ['9200:9200']",
            ),
            own("image: elasticsearch:8.17.0 / environment: [xpack.security.enabled=false]"),
        ),
        (
            "DAT-06",
            own(
                "image: clickhouse/clickhouse-server:25.8 / environment: [CLICKHOUSE_SKIP_USER_SETUP=1] / ports: ['8123:8123']",
            ),
            own("image: clickhouse/clickhouse-server:25.8 / ports: ['8123:8123']"),
        ),
        (
            "DAT-06",
            own("image: clickhouse/clickhouse-server:23.8 / ports: ['8123:8123', '9000:9000']"),
            own(
                "image: clickhouse/clickhouse-server:23.8 / environment: {CLICKHOUSE_PASSWORD: '${P:?}'} / ports: ['8123:8123', '9000:9000']",
            ),
        ),
        (
            "DAT-07",
            own(
                "image: clickhouse/clickhouse-server / environment: {CLICKHOUSE_PASSWORD: changeme} / ports: ['8123:8123']",
            ),
            own(
                "image: clickhouse/clickhouse-server / environment: {CLICKHOUSE_PASSWORD: '${P:?}'} / ports: ['8123:8123']",
            ),
        ),
        (
            "DAT-07",
            own("image: langfuse/langfuse:3 / environment: {SALT: mysalt} / ports: ['3000:3000']"),
            own("image: langfuse/langfuse:3 / environment: {SALT: '${SALT:?}'} / ports: ['3000:3000']"),
        ),
        (
            "NET-01",
            own("image: qdrant/qdrant / ports: ['6333:6333']"),
            own("image: qdrant/qdrant / ports: ['127.0.0.1:6333:6333']"),
        ),
        (
            "NET-02",
            pod(mlflow, "NodePort", 5000),
            pod(closed, "NodePort", 5000),
        ),
        (
            "NET-03",
            ingress("{}"),
            ingress("{nginx.ingress.kubernetes.io/auth-url: https://a.example/auth}"),
        ),
        ("NET-04", http, guarded),
        ("NET-05", mesh, asked),
        ("NET-06", caddy(""), caddy("  basic_auth {\n    a b\n  }\n")),
        ("NET-08", pod(mlflow, "LoadBalancer", 5000), policy),
    ];
    let mut wrong = Vec::new();
    for (id, raises, twin) in &cases {
        assert!(CHECKS.iter().any(|c| c.id == *id), "{id} is no check");
        let (found, spared) = (checks(raises), checks(twin));
        if !found.contains(*id) {
            wrong.push(format!("{id} is not raised, only {found:?}\n{raises}"));
        }
        if spared.contains(*id) {
            wrong.push(format!("{id} is raised by its twin\n{twin}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let by_rule = told_by_rule();
    for (id, raises, twin) in &by_rule {
        let rule = CHECKS.iter().find(|c| c.id == *id).unwrap().rule;
        assert!(
            rules_of(raises).contains(rule),
            "{id}: {rule} is not raised, only {:?}",
            rules_of(raises)
        );
        assert!(
            !rules_of(twin).contains(rule),
            "{id}: {rule} is raised by its twin"
        );
    }
    for check in CHECKS {
        let tested = cases.iter().any(|(id, ..)| *id == check.id);
        let by_rule = by_rule.iter().any(|(id, ..)| *id == check.id);
        assert!(tested != by_rule, "{} is proven by nothing, or twice", check.id);
    }
}

#[test]
fn the_checks_are_seventy_two_and_each_is_a_rule() {
    assert_eq!(CHECKS.len(), 72);
    let ids: BTreeSet<&str> = CHECKS.iter().map(|c| c.id).collect();
    assert_eq!(ids.len(), 72);
    for check in CHECKS {
        assert!(find(check.rule).is_some(), "{}: {}", check.id, check.rule);
    }
}
