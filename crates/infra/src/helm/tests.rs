use crate::estate::show::{read, shown};
use crate::{EstateFile, estate};
use insta::assert_snapshot;
use proptest::prelude::*;
use wellhead_core::Budget;

const CHART: &str = r#"
=== ml/Chart.yaml
apiVersion: v2
name: mlflow
version: 0.1.0
appVersion: "2.9.2"
dependencies:
  - {name: ray, condition: ray.enabled}
  - {name: db, condition: db.enabled}
=== ml/values.yaml
replicaCount: 1
image:
  repository: ghcr.io/mlflow/mlflow
  tag: ""
service:
  type: LoadBalancer
  port: 5000
ingress:
  enabled: true
  annotations:
    kubernetes.io/ingress.class: nginx
  hosts: [a.example, b.example]
env:
  - name: A
    value: b
extraArgs: {host: 0.0.0.0, serve-artifacts: true}
command: "mlflow {{ .Values.verb }}"
verb: server
auth: {enabled: false}
ray: {enabled: true, image: "rayproject/ray:2.9"}
db: {enabled: false}
global: {pull: Always}
=== ml/templates/_helpers.tpl
{{/* names */}}
{{- define "mlflow.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 63 }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}
{{- define "mlflow.labels" -}}
app.kubernetes.io/name: {{ include "mlflow.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{ define "mlflow.name" }}{{ default .Chart.Name .Values.nameOverride }}{{ end }}
=== ml/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "mlflow.fullname" . }}
spec:
  replicas: {{ .Values.replicaCount }}
  template:
    metadata:
      labels:
        {{- include "mlflow.labels" . | nindent 8 }}
    spec:
      containers:
        - name: {{ .Chart.Name }}
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
          command: ["sh", "-c"]
          args:
            - {{ tpl .Values.command . }} {{- range $k, $v := .Values.extraArgs }} --{{ $k }}={{ $v }}{{- end }} --port {{ .Values.service.port | quote }} {{ .Values.missing.deep | default "--x" }}
          {{- with .Values.env }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            - name: http
              containerPort: {{ .Values.service.port }}
=== ml/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: {{ include "mlflow.fullname" . }}
spec:
  type: {{ .Values.service.type }}
  ports:
    - port: 80
      targetPort: http
  selector:
    {{- include "mlflow.labels" . | nindent 4 }}
=== ml/templates/ingress.yaml
{{- if .Values.ingress.enabled -}}
{{- $name := include "mlflow.fullname" . -}}
{{- if .Capabilities.APIVersions.Has "networking.k8s.io/v1" }}
apiVersion: networking.k8s.io/v1
{{- else }}
apiVersion: extensions/v1beta1
{{- end }}
kind: Ingress
metadata:
  name: {{ $name }}
  annotations:
    {{- toYaml .Values.ingress.annotations | nindent 4 }}
    {{- if .Values.auth.enabled }}
    nginx.ingress.kubernetes.io/auth-type: basic
    {{- end }}
spec:
  rules:
    {{- range .Values.ingress.hosts }}
    - host: {{ . | quote }}
      http:
        paths:
          - backend: {service: {name: {{ $name }}, port: {number: 80}}}
    {{- end }}
{{- end }}
=== ml/templates/NOTES.txt
{{ fail "never" }}
=== ml/charts/ray/Chart.yaml
apiVersion: v2
name: ray
=== ml/charts/ray/values.yaml
image: other
=== ml/charts/ray/templates/ray.yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: {{ .Release.Name }}-ray}
spec:
  headGroupSpec:
    rayStartParams: {dashboard-host: {{ required "give it" .Values.host }}}
    template: {spec: {containers: [{name: {{ .Values.global.pull }}, image: {{ .Values.image | quote }}}]}}
=== ml/charts/db/Chart.yaml
apiVersion: v2
name: db
=== ml/charts/db/templates/x.yaml
apiVersion: v1
kind: Pod
metadata: {name: never}
spec: {containers: [{image: x}]}
"#;

#[test]
fn a_chart_is_what_its_own_values_make_of_it() {
    assert_snapshot!(shown(CHART), @r#"
    Pod release-name-mlflow @ml/templates/deployment.yaml:4
      [ghcr.io/mlflow/mlflow:2.9.2]
        $ mlflow server --host=0.0.0.0 --serve-artifacts=true --port 5000 --x @ml/values.yaml:17
        A=b @ml/values.yaml:14
      ClusterService Cluster 80->5000 via ml/templates/service.yaml:8
      LoadBalancer Internet 80->5000 via ml/templates/service.yaml:8 ml/values.yaml:6
      Ingress Everyone ?->5000 via ml/templates/ingress.yaml:22 ml/templates/service.yaml:8
      Ingress Everyone ?->5000 via ml/templates/ingress.yaml:22 ml/templates/service.yaml:8
      no network policy
    RayHead release-name-ray @ml/charts/ray/templates/ray.yaml:3
      [rayproject/ray:2.9]
        $ ray start --head --dashboard-host=? @ml/charts/ray/templates/ray.yaml:6
      ClusterService Cluster 6379->6379 via ml/charts/ray/templates/ray.yaml:6
      ClusterService Cluster 8265->8265 via ml/charts/ray/templates/ray.yaml:6
      ClusterService Cluster 10001->10001 via ml/charts/ray/templates/ray.yaml:6
      ClusterService Cluster 8000->8000 via ml/charts/ray/templates/ray.yaml:6
      no network policy
    HelmValues ml/values.yaml
      replicaCount=1 @ml/values.yaml:1 <replicaCount: 1>
      image.repository=ghcr.io/mlflow/mlflow @ml/values.yaml:3 <repository: ghcr.io/mlflow/mlflow>
      image.tag= @ml/values.yaml:4 <tag: "">
      service.type=LoadBalancer @ml/values.yaml:6 <type: LoadBalancer>
      service.port=5000 @ml/values.yaml:7 <port: 5000>
      ingress.enabled=true @ml/values.yaml:9 <enabled: true>
      ingress.annotations.kubernetes.io/ingress.class=nginx @ml/values.yaml:11 <kubernetes.io/ingress.class: nginx>
      ingress.hosts=a.example @ml/values.yaml:12 <a.example>
      ingress.hosts=b.example @ml/values.yaml:12 <b.example>
      env.name=A @ml/values.yaml:14 <name: A>
      env.value=b @ml/values.yaml:15 <value: b>
      extraArgs.host=0.0.0.0 @ml/values.yaml:16 <host: 0.0.0.0>
      extraArgs.serve-artifacts=true @ml/values.yaml:16 <serve-artifacts: true>
      command=mlflow {{ .Values.verb }} @ml/values.yaml:17 <command: "mlflow {{ .Values.verb }}">
      verb=server @ml/values.yaml:18 <verb: server>
      auth.enabled=false @ml/values.yaml:19 <enabled: false>
      ray.enabled=true @ml/values.yaml:20 <enabled: true>
      ray.image=rayproject/ray:2.9 @ml/values.yaml:20 <image: "rayproject/ray:2.9">
      db.enabled=false @ml/values.yaml:21 <enabled: false>
      global.pull=Always @ml/values.yaml:22 <pull: Always>
    HelmValues ml/charts/ray/values.yaml
      image=other @ml/charts/ray/values.yaml:1 <image: other>
    "#);
}

#[test]
fn a_chart_is_also_what_further_values_make_of_it() {
    let text = r#"
=== c/Chart.yaml
apiVersion: v2
name: c
=== c/values.yaml
image: ollama/ollama:0.5
type: ClusterIP
host: 127.0.0.1
ingress: {enabled: false}
=== c/values-prod.yaml
image: ollama/ollama:0.6
type: LoadBalancer
=== c/values/eu.yaml
ingress: {enabled: true}
=== c/open.values.yaml
host: 0.0.0.0
=== c/ci/values.yaml
type: NodePort
=== c/templates/a.yaml
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}}
spec: {containers: [{image: {{ .Values.image }}, args: [serve], env: [{name: OLLAMA_HOST, value: {{ .Values.host }}}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {type: {{ .Values.type }}, selector: {app: p}, ports: [{port: 80, targetPort: 11434}]}
{{- if .Values.ingress.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i}
spec: {rules: [{http: {paths: [{backend: {service: {name: s, port: {number: 80}}}}]}}]}
{{- end }}
# {{ include "missing" . }}
"#;
    let all = shown(text);
    let told = all
        .lines()
        .filter(|l| !l.contains("=") || l.contains("OLLAMA_HOST"));
    assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
    Pod p @c/templates/a.yaml:3
      [ollama/ollama:0.5] args-only
        $ serve @c/templates/a.yaml:4
        OLLAMA_HOST=127.0.0.1 @c/templates/a.yaml:4
      ClusterService Cluster 80->11434 via c/templates/a.yaml:9
      LoadBalancer Internet 80->11434 via c/templates/a.yaml:9 c/values-prod.yaml:2
      Ingress Everyone ?->11434 via c/templates/a.yaml:15 c/templates/a.yaml:9
      no network policy
    Pod p @c/templates/a.yaml:3
      [ollama/ollama:0.5] args-only
        $ serve @c/templates/a.yaml:4
        OLLAMA_HOST=0.0.0.0 @c/templates/a.yaml:4
      ClusterService Cluster 80->11434 via c/templates/a.yaml:9
      no network policy
    HelmValues c/values.yaml
    HelmValues c/values-prod.yaml
    HelmValues c/values/eu.yaml
    HelmValues c/open.values.yaml
    HelmValues c/ci/values.yaml
    gap c/templates/a.yaml:17 a template is included that is not there
    ");
}

#[test]
fn values_of_a_known_chart_are_what_it_makes_of_them() {
    let text = r#"
=== a/config.yaml
hub: {config: {JupyterHub: {authenticator_class: dummy}}}
proxy: {service: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8]}}
=== b/config.yaml
hub: {config: {JupyterHub: {authenticator_class: dummy}}}
singleuser: {}
=== c/app.yaml
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: hub}
spec:
  sources:
  - {repoURL: 'https://charts.example', chart: other, helm: {values: 'hub: {}'}}
  - repoURL: https://charts.example
    chart: jupyterhub
    helm:
      parameters: [{name: ingress.enabled, value: true}]
      values: |
        ingress:
          annotations: {nginx.ingress.kubernetes.io/auth-url: 'https://auth.example'}
        hub:
          config:
            JupyterHub: {authenticator_class: dummy}
=== d/release.yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: ray}
spec:
  chart: {spec: {chart: ray-cluster}}
  values: {head: {serviceType: LoadBalancer}}
=== e/main.tf
resource "helm_release" "hub" {
  chart  = "jupyterhub"
  values = [file("hub.yaml"), yamlencode({ proxy = { service = { type = "ClusterIP" } } })]
  set {
    name  = "proxy.service.type"
    value = "NodePort"
  }
}
=== e/hub.yaml
hub: {config: {JupyterHub: {authenticator_class: dummy}}}
singleuser: {}
=== f/kustomization.yaml
helmCharts:
- name: jupyterhub
  valuesInline: {hub: {config: {NativeAuthenticator: {open_signup: true}}}}
"#;
    assert_snapshot!(shown(text), @r#"
    Pod hub @e/hub.yaml:1
      [-]
        $ jupyterhub @e/hub.yaml:1
      ClusterService Cluster 80->8000 via e/hub.yaml:1
      NodePort Everyone ?->8000 via e/hub.yaml:1 e/main.tf:6
      no network policy
      HelmValues e/main.tf
        hub.config.JupyterHub.authenticator_class=dummy @e/hub.yaml:1 <authenticator_class: dummy>
        proxy.service.type=NodePort @e/main.tf:6 <"NodePort">
    Pod hub @c/app.yaml:14
      [-]
        $ jupyterhub @c/app.yaml:14
      ClusterService Cluster 80->8000 via c/app.yaml:14
      Ingress Everyone ?->8000 Forward @c/app.yaml:13 via c/app.yaml:10 c/app.yaml:14
      no network policy
      HelmValues c/app.yaml
        ingress.annotations.nginx.ingress.kubernetes.io/auth-url=https://auth.example @c/app.yaml:13 <nginx.ingress.kubernetes.io/auth-url: 'https://auth.example'>
        ingress.enabled=true @c/app.yaml:10 <true>
        hub.config.JupyterHub.authenticator_class=dummy @c/app.yaml:16 <authenticator_class: dummy>
    RayHead ray-cluster @d/release.yaml:6
      [-]
        $ ray start --head --dashboard-host=0.0.0.0 @d/release.yaml:6
      ClusterService Cluster 6379->6379 via d/release.yaml:6
      LoadBalancer Internet 6379->6379 via d/release.yaml:6 d/release.yaml:6
      ClusterService Cluster 8265->8265 via d/release.yaml:6
      LoadBalancer Internet 8265->8265 via d/release.yaml:6 d/release.yaml:6
      ClusterService Cluster 10001->10001 via d/release.yaml:6
      LoadBalancer Internet 10001->10001 via d/release.yaml:6 d/release.yaml:6
      ClusterService Cluster 8000->8000 via d/release.yaml:6
      LoadBalancer Internet 8000->8000 via d/release.yaml:6 d/release.yaml:6
      no network policy
    Pod hub @a/config.yaml:1
      [-]
        $ jupyterhub @a/config.yaml:1
      ClusterService Cluster 80->8000 via a/config.yaml:1
      LoadBalancer Network 80->8000 AddressList @a/config.yaml:2 via a/config.yaml:1 a/config.yaml:2
      no network policy
      HelmValues a/config.yaml
        hub.config.JupyterHub.authenticator_class=dummy @a/config.yaml:1 <authenticator_class: dummy>
        proxy.service.type=LoadBalancer @a/config.yaml:2 <type: LoadBalancer>
        proxy.service.loadBalancerSourceRanges=10.0.0.0/8 @a/config.yaml:2 <10.0.0.0/8>
    HelmValues f/kustomization.yaml
      hub.config.NativeAuthenticator.open_signup=true @f/kustomization.yaml:3 <open_signup: true>
    HelmValues b/config.yaml
      hub.config.JupyterHub.authenticator_class=dummy @b/config.yaml:1 <authenticator_class: dummy>
    gap f/kustomization.yaml:2 a chart that an overlay renders with values of its own
    "#);
}

#[test]
fn what_is_not_known_stays_so_and_is_said() {
    let text = r#"
=== c/Chart.yaml
apiVersion: v2
name: c
=== c/values.yaml
a: 1
=== c/templates/a.yaml
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: {{ randAlphaNum 5 }}}}
spec:
  {{- if (lookup "v1" "Secret" "" "x") }}
  hostNetwork: true
  {{- end }}
  {{- if regexMatch "a" "b" }}
  containers: [{image: "i:{{ now }}", args: ["--port={{ unknownFunction 1 }}"]}]
  {{- else }}
  containers: []
  {{- end }}
---
kind: {{ "broken: [" }}
---
apiVersion: v1
kind: Pod
metadata: {name: whole}
spec: {containers: [{image: {{ include "not.there" . }}}]}
"#;
    assert_snapshot!(shown(text), @r"
    Pod p @c/templates/a.yaml:3
      [i:] args-only
        $ --port=? @c/templates/a.yaml:9
      no network policy
    Pod whole @c/templates/a.yaml:18
      []
      no network policy
    HelmValues c/values.yaml
      a=1 @c/values.yaml:1 <a: 1>
    gap c/templates/a.yaml:8 a condition is not known, so that one branch was read
    gap c/templates/a.yaml:19 a template is included that is not there
    gap c/templates/a.yaml:14 what the template makes is no YAML: mapping values are not allowed in this context
    ");
}

#[test]
fn includes_without_end_and_bombs_are_bounded() {
    let chart = "=== c/Chart.yaml\napiVersion: v2\nname: c\n=== c/values.yaml\na: [1,2,3,4,5,6,7,8,9]\n";
    let mut bomb = String::from("{{ $x := \"xxxxxxxxxxxxxxxx\" }}\n");
    for _ in 0..60 {
        bomb.push_str("{{ $x = printf \"%s%s\" $x $x }}\n");
    }
    let nested = format!(
        "{}x{}",
        "{{ range $.Values.a }}".repeat(40),
        "{{ end }}".repeat(40)
    );
    for (template, why) in [
        ("{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}".to_owned(), "too deep"),
        ("{{ define \"a\" }}{{ include \"b\" . }}{{ include \"b\" . }}{{ end }}{{ define \"b\" }}{{ include \"a\" . }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}".to_owned(), "budget"),
        ("{{ tpl (printf \"%s\" .Values.t) . }}{{ tpl \"{{ tpl . . }}\" \"{{ tpl . . }}\" }}".to_owned(), "too deep"),
        (nested, "budget"),
        ("{{ if ".repeat(10_000), "end"),
        ("{{ if x }}".repeat(10_000), "deep"),
        (format!("{{{{ {}x }}}}", "(".repeat(10_000)), "deep"),
        (bomb + "a: {{ $x }}", ""),
    ] {
        let found = read(&format!("{chart}=== c/templates/a.yaml\n{template}\n"));
        assert!(found.gaps.iter().any(|g| g.why.contains(why)) || why.is_empty(), "{why}: {:?}", found.gaps);
    }
}

proptest! {
    #[test]
    fn never_panics(text in "(\\{\\{-? ?|-?\\}\\}|if |else|end|range |with |define \"a\"|include \"a\" \\.|\\.Values\\.a|\\$x|:=| \\| |nindent 2|toYaml|\"|\\(|\\)|a: |\n){0,40}") {
        let files = [
            EstateFile { path: "Chart.yaml", text: "apiVersion: v2\nname: c\n" },
            EstateFile { path: "values.yaml", text: "a: [{b: 1}]\n" },
            EstateFile { path: "templates/a.yaml", text: &format!("apiVersion: v1\nkind: Pod\n{text}") },
        ];
        crate::estate::show::check(&estate(&files, &mut Budget::default()));
    }
}
