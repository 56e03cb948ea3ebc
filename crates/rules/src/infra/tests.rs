//! What configurations and answers raise, and their innocent twins.

use crate::{
    EstateView, Subject,
    testing::{findings, told},
};
use wellhead_core::{ArtifactPath, Budget, Finding};
use wellhead_formats::text::yaml;
use wellhead_infra::EstateFile;

/// What is found in files that lie together, and in each by itself where it is one of these.
pub(super) fn in_estate(files: &[(&str, &str)]) -> Vec<Finding> {
    let mut budget = Budget::default();
    let given: Vec<EstateFile<'_>> = files
        .iter()
        .map(|(path, text)| EstateFile { path, text })
        .collect();
    let estate = wellhead_infra::estate(&given, &mut budget);
    let texts = files
        .iter()
        .filter(|(path, text)| wellhead_infra::dialect(path, text).is_some());
    let artifacts = texts.map(|(path, text)| (ArtifactPath::file(*path), (*text).into()));
    let view = EstateView::new(estate, artifacts.collect());
    findings("x", Subject::Estate(&view))
}

fn in_compose(text: &str) -> Vec<Finding> {
    let mut budget = Budget::default();
    let root = yaml(text, &mut budget).unwrap();
    let configuration = wellhead_infra::compose(text, &root, &mut budget).unwrap();
    let mut all = findings("compose.yaml", Subject::Configuration(&configuration));
    all.extend(in_estate(&[("compose.yaml", text)]));
    all
}

fn in_dockerfile(text: &str) -> Vec<Finding> {
    let configuration = wellhead_infra::dockerfile(text, &mut Budget::default());
    let mut all = findings("Dockerfile", Subject::Configuration(&configuration));
    all.extend(in_estate(&[("Dockerfile", text)]));
    all
}

fn in_python(source: &str) -> Vec<Finding> {
    let module = wellhead_pycode::parse(source, &mut Budget::default());
    findings("a.py", Subject::Python(&module))
}

const DIGEST: &str = "@sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn service(lines: &str) -> String {
    let lines: Vec<_> = lines.split(" / ").map(|l| format!("    {l}\n")).collect();
    format!("services:\n  s:\n    image: i{DIGEST}\n{}", lines.concat())
}

#[test]
fn dashboards_in_compose_files() {
    let cases = [
        (
            "command: jupyter lab --ip=0.0.0.0 --ServerApp.token='' / ports: ['8888:8888']",
            "open-dashboard-config critical",
        ),
        (
            "command: mlflow server --host 0.0.0.0 / ports: ['5000:5000']",
            "open-dashboard-config high",
        ),
        (
            "command: ray start --head --dashboard-host 0.0.0.0 / ports: ['8265:8265']",
            "open-dashboard-config critical",
        ),
        (
            "environment: {JUPYTER_TOKEN: ''} / command: start-notebook.sh / ports: ['8888:8888']",
            "open-dashboard-config medium",
        ),
        (
            "command: tensorboard --logdir x --bind_all / ports: ['6006:6006']",
            "open-dashboard-config medium",
        ),
        (
            "command: mlflow server --host 0.0.0.0 / ports: ['127.0.0.1:5000:5000']",
            "",
        ),
        (
            "command: mlflow server --host 0.0.0.0 --app-name basic-auth / ports: ['5000:5000']",
            "",
        ),
        ("command: jupyter lab --ip=0.0.0.0 / ports: ['8888:8888']", ""),
        (
            "environment: {HF_ENDPOINT: 'https://hub.example'}",
            "hub-endpoint-override medium",
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(told(&in_compose(&service(lines))), expected, "{lines}");
    }
}

#[test]
fn dashboards_in_dockerfiles_and_python() {
    let from = format!("FROM a{DIGEST}\n");
    let cases = [
        (
            "CMD mlflow server --host 0.0.0.0\n",
            "open-dashboard-config medium",
        ),
        (
            "EXPOSE 5000\nCMD mlflow server --host 0.0.0.0\n",
            "open-dashboard-config high",
        ),
        (
            "CMD [\"jupyter\", \"lab\", \"--ip=0.0.0.0\", \"--NotebookApp.token=''\"]\n",
            "open-dashboard-config high",
        ),
        ("CMD mlflow server --host 127.0.0.1\n", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(told(&in_dockerfile(&format!("{from}{text}"))), expected, "{text}");
    }
    let cases = [
        (
            "import ray\nray.init(dashboard_host='0.0.0.0')",
            "open-dashboard-config high",
        ),
        (
            "import gradio as gr\ngr.Interface(f).launch(share=True)",
            "open-dashboard-config medium",
        ),
        ("import ray\nray.init()", ""),
        (
            "import gradio as gr\ngr.Interface(f).launch(share=True, auth=('a', pw))",
            "",
        ),
        ("rocket.launch(share=True)", ""),
    ];
    for (source, expected) in cases {
        assert_eq!(told(&in_python(source)), expected, "{source}");
    }
}

#[test]
fn configuration_files_of_platforms_by_themselves() {
    let cases = [
        (
            "jupyter_server_config.py",
            "c.ServerApp.token = ''\nc.ServerApp.ip = '0.0.0.0'",
            "open-dashboard-config high",
        ),
        (
            "a.py",
            "c = get_config()\nc.IdentityProvider.token = ''",
            "open-dashboard-config medium",
        ),
        ("a.py", "c.ServerApp.token = ''\nc.ServerApp.ip = '127.0.0.1'", ""),
        (
            "a.py",
            "c.ServerApp.token = ''\nc.PasswordIdentityProvider.hashed_password = 'argon2:x'",
            "",
        ),
        (
            "config.properties",
            "management_address=http://0.0.0.0:8081\ndisable_token_authorization=true\n",
            "open-dashboard-config high",
        ),
        (
            "config.properties",
            "management_address=http://127.0.0.1:8081\ndisable_token_authorization=true\n",
            "",
        ),
    ];
    for (path, text, expected) in cases {
        assert_eq!(told(&in_estate(&[(path, text)])), expected, "{text}");
    }
}

#[test]
fn the_finding_shows_why_it_is_open_and_from_where() {
    let text = service("command: mlflow server --host 0.0.0.0 / ports: ['5000:5000']");
    let all = in_compose(&text);
    let excerpt = all[0].locations[0].excerpt.as_ref().unwrap();
    let marks: Vec<_> = excerpt
        .marks
        .iter()
        .map(|m| {
            let line = excerpt.lines.iter().find(|l| l.number == m.line).unwrap();
            format!("{} | {}", &line.text[m.range.clone()], m.label)
        })
        .collect();
    insta::assert_snapshot!(marks.join("\n"), @r#"
    --host 0.0.0.0 | listens on every address, without `--app-name basic-auth`
    '5000:5000' | published on all addresses of the host
    "#);
    insta::assert_snapshot!(all[0].message, @"anyone who reaches port 5000 can read and replace what MLflow holds: it asks for no password");
}

#[test]
fn images_and_scripts() {
    let cases = [
        ("FROM python\n".to_owned(), "unpinned-image medium"),
        ("FROM python:latest\n".to_owned(), "unpinned-image medium"),
        ("FROM python:3.12-slim\n".to_owned(), "unpinned-image low"),
        (format!("FROM python:3.12{DIGEST}\n"), ""),
        ("FROM scratch\n".to_owned(), ""),
        ("ARG BASE\nFROM ${BASE}\n".to_owned(), ""),
        (format!("FROM python{DIGEST} AS base\nFROM base\n"), ""),
        (
            format!("FROM python{DIGEST}\nRUN curl -sSf https://a.example/i.sh | sh\n"),
            "remote-script-piped-to-shell medium",
        ),
        (
            format!("FROM python{DIGEST}\nRUN wget -qO- http://a.example/i.sh | bash\n"),
            "remote-script-piped-to-shell high",
        ),
        (
            format!("FROM python{DIGEST}\nRUN curl https://a.example/x.tgz | tar xz\n"),
            "",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(told(&in_dockerfile(&text)), expected, "{text}");
    }
    assert_eq!(
        told(&in_compose("services:\n  a:\n    build: .\n    image: own\n")),
        ""
    );
    assert_eq!(
        told(&in_python(
            "import os\nos.system('curl https://a.example/i.sh | sh')"
        )),
        "remote-script-piped-to-shell medium"
    );
}

#[test]
fn answers_of_services() {
    let document = |path: &str, status: u16, body: &str| {
        format!(
            r#"{{"schema":{{"name":"wellhead-service","version":"1.0-draft"}},"service":"http://203.0.113.7:8888","exchanges":[
            {{"request":{{"method":"GET","path":"{path}"}},"response":{{"status":{status},"body":{body:?}}}}}]}}"#
        )
    };
    let judged = |json: &str| {
        let parsed = wellhead_infra::service_document(json, &mut Budget::default()).unwrap();
        findings("s.json", Subject::Service(&parsed))
    };
    let open = judged(&document(
        "/api/status",
        200,
        r#"{"started": 1, "kernels": 0, "connections": 0}"#,
    ));
    assert_eq!(told(&open), "open-service critical");
    assert_eq!(open[0].properties["state"], "OPEN");
    let excerpt = open[0].locations[0].excerpt.as_ref().unwrap();
    let lines: Vec<_> = excerpt.lines.iter().map(|l| l.text.as_str()).collect();
    assert_eq!(
        lines,
        [
            "> GET /api/status",
            "< 200",
            r#"{"started": 1, "kernels": 0, "connections": 0}"#
        ]
    );
    let guarded = judged(&document(
        "/api/2.0/mlflow/experiments/search",
        403,
        "Invalid Host header - possible DNS rebinding attack detected",
    ));
    assert_eq!(told(&guarded), "open-service high");
    for (path, status, body, severity, message) in [
        (
            "/rest/settings",
            200,
            r#"{"data":{"userManagement":{"showSetupOnFirstLoad":true}}}"#,
            "critical",
            "whoever comes first to n8n at `http://203.0.113.7:8888` becomes its administrator, and can run code on it",
        ),
        (
            "/api/config",
            200,
            r#"{"status":true,"name":"Open WebUI","features":{"auth":true,"enable_signup":true}}"#,
            "high",
            "anyone who reaches Open WebUI at `http://203.0.113.7:8888` can make an account, and then can run code on it",
        ),
        (
            "/webui/",
            200,
            "<title>Milvus WebUI</title>",
            "medium",
            "anyone who reaches Milvus at `http://203.0.113.7:8888` can read what it shows",
        ),
    ] {
        let found = judged(&document(path, status, body));
        assert_eq!(told(&found), format!("open-service {severity}"), "{path}");
        assert_eq!(found[0].message, message);
    }
    let closed = judged(&document("/api/status", 403, r#"{"message": "Forbidden"}"#));
    assert_eq!(told(&closed), "");
    let other = judged(&document("/api/status", 200, r#"{"ok": true}"#));
    assert_eq!(told(&other), "");
}

fn in_workflow(text: &str) -> Vec<Finding> {
    let mut budget = Budget::default();
    let root = yaml(text, &mut budget).unwrap();
    let configuration = wellhead_infra::workflow(text, &root, &mut budget).unwrap();
    findings(".github/workflows/w.yml", Subject::Configuration(&configuration))
}

#[test]
fn workflows() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for (lines, expected) in [
        ("steps: [{uses: o/a@v1}]", "unpinned-action medium"),
        ("steps: [{uses: o/a/sub@main}]", "unpinned-action medium"),
        ("steps: [{uses: actions/checkout@v4}]", "unpinned-action low"),
        ("steps: [{uses: actions/checkout@main}]", "unpinned-action medium"),
        ("steps: [{uses: o/a@0123456}]", "unpinned-action medium"),
        ("uses: o/r/.github/workflows/w.yml@v1", "unpinned-action medium"),
        (&format!("steps: [{{uses: o/a@{commit}}}]"), ""),
        ("steps: [{uses: ./local}]", ""),
        ("uses: ./.github/workflows/w.yml", ""),
        ("steps: [{uses: 'o/a@${{ matrix.ref }}'}]", ""),
        ("container: py:3", "unpinned-image low"),
        ("container: {image: py}", "unpinned-image medium"),
        ("services: {db: {image: 'pg:latest'}}", "unpinned-image medium"),
        ("steps: [{uses: 'docker://alpine:3'}]", "unpinned-image low"),
        (&format!("container: py:3{DIGEST}"), ""),
        ("container: '${{ matrix.image }}'", ""),
        (
            "steps: [{run: 'curl -s https://a.example/i | bash'}]",
            "remote-script-piped-to-shell medium",
        ),
        ("steps: [{run: 'curl -s https://a.example/i -o i'}]", ""),
        ("steps: [{run: 'mlflow server --host 0.0.0.0'}]", ""),
        (
            "env: {HF_ENDPOINT: https://mirror.example}",
            "hub-endpoint-override medium",
        ),
        ("env: {HF_ENDPOINT: 'https://huggingface.co'}", ""),
        ("steps: [{run: hf download o/m}]", "unpinned-revision medium"),
        (
            &format!("steps: [{{run: hf download o/m --revision {commit}}}]"),
            "",
        ),
    ] {
        let text = format!("jobs:\n  a:\n    runs-on: x\n    {lines}\n");
        assert_eq!(told(&in_workflow(&text)), expected, "{lines}");
    }
}
