//! `audit --fix` on configuration: the finding is gone, and every other byte is what it was.

use super::Project;

/// A file, what stands in it, and what stands there instead afterwards.
type Case = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const CASES: &[Case] = &[
    (
        "short/compose.yaml",
        "# ours\r\nservices:\r\n  a:\r\n    image: ghcr.io/mlflow/mlflow:v2.15.1\r\n    command: mlflow server --host 0.0.0.0\r\n    ports:\r\n      - \"5000:5000\"   # the interface\r\n",
        &[("\"5000:5000\"", "\"127.0.0.1:5000:5000\"")],
    ),
    (
        "long/compose.yaml",
        "services:\n  board:\n    image: tensorflow/tensorflow:2.17.0\n    command: tensorboard --logdir /l --bind_all\n    ports:\n      - target: 6006\n        published: \"6006\" # why\n",
        &[(
            "        published: \"6006\"",
            "        host_ip: 127.0.0.1\n        published: \"6006\"",
        )],
    ),
    (
        "two/compose.yaml",
        "services:\n  head:\n    image: rayproject/ray:2.34.0\n    command: ray start --head --dashboard-host=0.0.0.0 --block\n    ports: [\"8265:8265\", '10001:10001']",
        &[("\"8265", "\"127.0.0.1:8265"), ("'10001", "'127.0.0.1:10001")],
    ),
    (
        "token/compose.yaml",
        "services:\n  lab:\n    image: quay.io/jupyter/scipy-notebook:2024-07-08\n    command: start-notebook.py --ServerApp.token='' --no-browser # open\n    ports: ['8888:8888']\n",
        &[(" --ServerApp.token=''", "")],
    ),
    (
        "login/compose.yaml",
        "services:\n  webui:\n    image: ghcr.io/open-webui/open-webui:v0.3.10\n    environment:\n      - WEBUI_AUTH=False\n    ports:\n      - 3000:8080\n",
        &[("False", "True")],
    ),
    (
        "image/Dockerfile",
        "FROM python:3.11.9-slim\nCMD [\"jupyter\", \"lab\", \"--ip=0.0.0.0\", \\\n  \"--ServerApp.token=\", \\\n  \"--no-browser\"]\n",
        &[("  \"--ServerApp.token=\", \\\n", "")],
    ),
    (
        "unit/mlflow.service",
        "[Service]\n# every address\nExecStart=/opt/bin/mlflow server --host 0.0.0.0 --port 5000\n",
        &[("--host 0.0.0.0", "--host 127.0.0.1")],
    ),
    (
        "quadlet/qdrant.container",
        "[Container]\nImage=docker.io/qdrant/qdrant:v1.11.0\nPublishPort=6333:6333\n",
        &[("=6333", "=127.0.0.1:6333")],
    ),
    (
        "script/start.sh",
        "#!/bin/sh\ndocker run -d -p 11434:11434 ollama/ollama:0.3.6 # gpu\n",
        &[("-p 11434", "-p 127.0.0.1:11434")],
    ),
    (
        "pod/lab.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: lab, labels: {app: lab}}\nspec:\n  containers:\n    - name: lab\n      image: quay.io/jupyter/scipy-notebook:2024-07-08\n      command:\n        - start-notebook.py\n        - --ServerApp.token=   # open\n---\napiVersion: v1\nkind: Service\nmetadata: {name: lab}\nspec: {type: LoadBalancer, selector: {app: lab}, ports: [{port: 8888}]}\n",
        &[("        - --ServerApp.token=   # open\n", "")],
    ),
    (
        "settings/jupyter_server_config.py",
        "c = get_config()\nc.ServerApp.ip = \"0.0.0.0\"\nc.IdentityProvider.token = \"\"  # open\nc.ServerApp.port = 8888\n",
        &[("c.IdentityProvider.token = \"\"  # open\n", "")],
    ),
    (
        "json/jupyter_server_config.json",
        "{\n  \"ServerApp\": {\n    \"token\": \"\",\n    \"ip\": \"0.0.0.0\"\n  }\n}\n",
        &[("    \"token\": \"\",\n", "")],
    ),
    (
        "airflow/airflow.cfg",
        "[core]\nsimple_auth_manager_all_admins = True\n",
        &[("True", "False")],
    ),
    (
        "cloud/main.tf",
        "resource \"aws_sagemaker_notebook_instance\" \"n\" {\n  direct_internet_access = \"Disabled\"\n  root_access            = \"Enabled\" # for now\n}\n",
        &[("\"Enabled\"", "\"Disabled\"")],
    ),
];

fn read(project: &Project, path: &str) -> String {
    String::from_utf8(std::fs::read(project.path().join(path)).unwrap()).unwrap()
}

/// The rules that tell of what is open; others may go on to speak of the same files.
const OPEN: &str = "open-dashboard-config,exposed-managed-notebook";

#[test]
fn what_was_open_is_closed_and_every_other_byte_stays() {
    for (path, before, changes) in CASES {
        let project = Project::new(&[(path, *before)]);
        let args = ["audit", ".", "--isolated", "--select", OPEN];
        let found = project.run(&args);
        assert!(
            found.out.contains("Found") && !found.out.contains("Found nothing"),
            "{path}: {}",
            found.out
        );
        let shown = project.run(&[&args[..], &["--diff"]].concat());
        assert!(shown.out.contains("+++ "), "{path}: {}{}", shown.out, shown.err);
        assert_eq!(read(&project, path), *before, "{path}: a diff writes nothing");
        let fixed = project.run(&[&args[..], &["--fix"]].concat());
        let mut expected = (*before).to_owned();
        for (from, to) in *changes {
            assert_eq!(expected.matches(from).count(), 1, "{path}: {from}");
            expected = expected.replace(from, to);
        }
        assert_eq!(read(&project, path), expected, "{path}: {}", fixed.err);
        assert_eq!(fixed.code, 0, "{path}: {}{}", fixed.out, fixed.err);
        let again = project.run(&args);
        assert!(again.out.contains("Found nothing"), "{path}: {}", again.out);
    }
}

#[test]
fn what_no_edit_of_the_text_can_close_is_left_alone() {
    let cases = [
        // Whoever sets the variable decides.
        "services:\n  a:\n    image: ghcr.io/mlflow/mlflow:v2.15.1\n    command: mlflow server --host 0.0.0.0\n    ports: ['${BIND}:5000:5000']\n",
        // Nothing would reach a container that listens on its own loopback.
        "services:\n  a:\n    image: ghcr.io/mlflow/mlflow:v2.15.1\n    network_mode: host\n    command: mlflow server --host 0.0.0.0\n",
    ];
    for text in cases {
        let project = Project::new(&[("compose.yaml", text)]);
        project.run(&["audit", ".", "--isolated", "--select", OPEN, "--fix"]);
        assert_eq!(read(&project, "compose.yaml"), text);
    }
}
