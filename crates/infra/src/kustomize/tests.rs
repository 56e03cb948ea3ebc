use crate::estate::show::{read, shown};
use crate::{EstateFile, estate};
use insta::assert_snapshot;
use proptest::prelude::*;
use wellhead_core::Budget;

#[test]
fn an_overlay_is_its_bases_with_its_patches() {
    let text = "\
=== base/kustomization.yaml
resources: [deploy.yaml, service.yaml]
=== base/deploy.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: mlflow}
spec:
  template:
    metadata: {labels: {app: mlflow}}
    spec:
      containers:
        - name: server
          image: mlflow:1
          args: [mlflow, server, --host, 0.0.0.0]
          env: [{name: A, value: a}]
          envFrom: [{configMapRef: {name: conf}}]
=== base/service.yaml
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: mlflow}, ports: [{port: 5000}]}
=== plain.yaml
apiVersion: v1
kind: Pod
metadata: {name: alone}
spec: {containers: [{image: i}]}
=== overlays/prod/kustomization.yaml
resources: [../../base, ingress.yaml, 'https://github.com/a/b//c?ref=v1', ../../../outside]
namePrefix: prod-
namespace: ml
commonLabels: {env: prod}
images:
  - {name: mlflow, newName: ghcr.io/mlflow/mlflow, newTag: v2.9}
configMapGenerator:
  - name: conf
    literals: [TOKEN=abc]
    files: [auth.ini]
patches:
  - path: patch.yaml
  - target: {kind: Service, name: w.*}
    patch: |-
      - op: add
        path: /spec/type
        value: LoadBalancer
=== overlays/prod/auth.ini
[mlflow]
=== overlays/prod/patch.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: mlflow}
spec:
  template:
    spec:
      containers:
        - name: server
          env: [{name: A, value: b}, {name: C, value: c}]
=== overlays/prod/ingress.yaml
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i}
spec: {rules: [{http: {paths: [{backend: {service: {name: web, port: {number: 5000}}}}]}}]}
";
    assert_snapshot!(shown(text), @r"
    Pod prod-mlflow @overlays/prod/patch.yaml:3
      [ghcr.io/mlflow/mlflow:v2.9] args-only
        $ mlflow server --host 0.0.0.0 @base/deploy.yaml:11
        TOKEN=abc @overlays/prod/kustomization.yaml:9
        auth.ini=[mlflow]
     @overlays/prod/auth.ini:1
        A=b @base/deploy.yaml:12
        C=c @overlays/prod/patch.yaml:9
      ClusterService Cluster 5000->5000 via base/service.yaml:4
      LoadBalancer Internet 5000->5000 via base/service.yaml:4 overlays/prod/kustomization.yaml:15
      Ingress Everyone ?->5000 via overlays/prod/ingress.yaml:4 base/service.yaml:4
      no network policy
    Pod alone @plain.yaml:3
      [i]
      no network policy
    MlflowAuth overlays/prod/auth.ini
    gap overlays/prod/kustomization.yaml:1 builds on what is no part of the tree
    gap overlays/prod/kustomization.yaml:1 builds on what is no part of the tree
    ");
}

#[test]
fn circles_end_and_what_cannot_be_read_is_said() {
    let text = "\
=== a/kustomization.yaml
resources: [../b, ../c]
=== b/kustomization.yaml
resources: [../c]
=== c/kustomization.yaml
resources: [../b]
patches: [{path: gone.yaml}]
helmCharts: [{name: x}]
";
    let found = read(text);
    assert!(found.gaps.iter().any(|g| g.why.contains("circle")));
    assert!(found.gaps.iter().any(|g| g.why.contains("patch")));
    assert!(found.gaps.iter().any(|g| g.why.contains("chart")));
    // A circle that nothing leads into.
    let found =
        read("=== a/kustomization.yaml\nresources: [../b]\n=== b/kustomization.yaml\nresources: [../a]\n");
    assert_eq!(found.gaps.len(), 2);
}

#[test]
fn folders_that_double_at_each_step_are_bounded() {
    let mut text = String::from(
        "=== f0/kustomization.yaml\nresources: [a.yaml]\n=== f0/a.yaml\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{image: i}]}\n",
    );
    for i in 1..15 {
        let below = vec![format!("../f{}", i - 1); 9].join(", ");
        text.push_str(&format!("=== f{i}/kustomization.yaml\nresources: [{below}]\n"));
    }
    assert!(read(&text).gaps.iter().any(|g| g.why.contains("more folders")));
}

proptest! {
    #[test]
    fn never_panics(body in "(resources: |patches: |images: |labels: |namePrefix: p|configMapGenerator: |\\[|\\]|\\{|\\}|, |a.yaml|path: |op: add|name: |target: |patch: |\n){0,30}") {
        let files = [
            EstateFile { path: "kustomization.yaml", text: &body },
            EstateFile { path: "a.yaml", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{image: i}]}\n" },
        ];
        crate::estate::show::check(&estate(&files, &mut Budget::default()));
    }
}
