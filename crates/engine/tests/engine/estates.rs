//! What files say together of what runs.

use wellhead_core::Report;
use wellhead_engine::Options;

fn audit(files: &[(&str, &str)]) -> Report {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(path, text)| (*path, text.as_bytes()))
        .collect();
    crate::audit(&files, &Options::default())
}

/// `rule severity file` of each finding.
fn told(report: &Report) -> Vec<String> {
    let place = |f: &wellhead_core::Finding| {
        let places = f.locations.iter().map(|l| l.artifact.to_string());
        places.collect::<Vec<_>>().join(" ")
    };
    let findings = report.findings.iter();
    findings
        .filter(|f| !["unpinned-image", "vulnerable-package"].contains(&&*f.rule))
        .map(|f| format!("{} {} {}", f.rule, f.severity, place(f)))
        .collect()
}

const POD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: mlflow}
spec:
  template:
    metadata: {labels: {app: mlflow}}
    spec:
      containers:
        - name: server
          image: ghcr.io/mlflow/mlflow:v2.9.2
          command: [mlflow, server, --host, 0.0.0.0]
";

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: mlflow}
spec: {type: LoadBalancer, selector: {app: mlflow}, ports: [{port: 80, targetPort: 5000}]}
";

#[test]
fn a_pod_and_the_service_in_front_of_it_lie_in_two_files() {
    assert_eq!(
        told(&audit(&[("k8s/pod.yaml", POD), ("k8s/service.yaml", SERVICE)])),
        ["open-dashboard-config high k8s/pod.yaml k8s/service.yaml"]
    );
}

#[test]
fn a_part_that_is_not_understood_is_not_clean() {
    let report = audit(&[(
        "compose.yaml",
        "services:\n  a: {extends: {file: b.yaml, service: b}}\n",
    )]);
    let row = report.coverage.first().unwrap();
    assert_eq!(
        row.outcome.why(),
        Some("extends a service of a file that was not read")
    );
}

#[test]
fn the_tag_of_an_image_is_a_version_that_advisories_speak_of() {
    let files = [
        ("pod.yaml", POD),
        (
            "docker-compose.yml",
            "services:\n  a: {image: 'ghcr.io/mlflow/mlflow:latest'}\n  b: {image: 'acme/mlflow:1.0.0'}\n",
        ),
        ("serving/Dockerfile", "FROM rayproject/ray:2.9.0-py310-gpu\n"),
    ];
    let report = audit(&files);
    let told: Vec<String> = report
        .components
        .iter()
        .map(|c| format!("{} {}", c.purl(), c.declared.artifact))
        .collect();
    assert_eq!(
        told,
        [
            "pkg:pypi/mlflow@2.9.2 pod.yaml",
            "pkg:pypi/ray@2.9.0 serving/Dockerfile"
        ]
    );
    let unknown: Vec<&String> = report
        .not_assessed
        .iter()
        .filter(|line| line.contains("MLflow"))
        .collect();
    assert_eq!(
        unknown,
        ["known vulnerabilities of MLflow: `ghcr.io/mlflow/mlflow:latest` does not say its version"]
    );
    let mut flawed = report.findings.iter().filter(|f| f.rule == "vulnerable-package");
    assert!(
        flawed.any(|f| f.subject.contains("mlflow")),
        "{:?}",
        report.findings
    );
}

/// A list with a condition in it, which YAML does not allow and charts are full of.
const TEMPLATE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: x}
spec:
  template:
    spec:
      containers:
        - name: x
          command:
            - mlflow
            - server
            {{- if .Values.auth }}
            - --app-name=basic-auth
            {{- end }}
";

#[test]
fn a_template_is_no_broken_yaml() {
    let chart = "apiVersion: v2\nname: x\nversion: 1.0.0\n";
    let of = |files: &[(&str, &str)]| {
        let report = audit(files);
        let row = report
            .coverage
            .iter()
            .find(|c| c.artifact.to_string().ends_with("pod.yaml"));
        row.unwrap().outcome.why().map(str::to_owned)
    };
    let whole = [
        ("c/Chart.yaml", chart),
        ("c/values.yaml", "auth: false\n"),
        ("c/templates/pod.yaml", TEMPLATE),
    ];
    assert_eq!(of(&whole), None);
    // Nobody fills it in.
    assert_eq!(
        of(&[("templates/pod.yaml", TEMPLATE)]),
        Some("a template of a chart that was not read".to_owned())
    );
    // What is not filled in is held to YAML.
    assert!(of(&[("a/pod.yaml", TEMPLATE)]).is_some());
}
