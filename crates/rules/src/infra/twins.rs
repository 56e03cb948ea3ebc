//! The innocent twins of open platforms, as they stand in real trees: nothing high on any of them.

use super::tests::in_estate;
use wellhead_core::Finding;

/// `rule severity: message` of what is found in files, each behind a line `=== path`.
fn found(all: &str) -> Vec<Finding> {
    let files: Vec<(&str, &str)> = all
        .split("=== ")
        .skip(1)
        .map(|part| part.split_once('\n').unwrap_or((part, "")))
        .collect();
    in_estate(&files)
}

fn shown(all: &str) -> Vec<String> {
    let findings = found(all);
    findings
        .iter()
        .map(|f| format!("{} {}", f.rule, f.severity))
        .collect()
}

#[test]
fn what_only_the_host_reaches_and_what_is_not_published() {
    let langfuse = "\
=== docker-compose.yml
services:
  langfuse-web:
    image: docker.io/langfuse/langfuse:3
    ports: ['3000:3000']
    environment: &env
      NEXTAUTH_SECRET: ${NEXTAUTH_SECRET:?}
      SALT: ${SALT:?}
  langfuse-worker:
    image: docker.io/langfuse/langfuse-worker:3
    ports: ['127.0.0.1:3030:3030']
    environment: *env
  minio:
    image: minio/minio
    entrypoint: sh
    command: -c 'mkdir -p /data/langfuse && minio server --address \":9000\" /data'
    environment: {MINIO_ROOT_USER: minio, MINIO_ROOT_PASSWORD: miniosecret}
    ports: ['127.0.0.1:9090:9000', '127.0.0.1:9091:9001']
  prometheus: {image: prom/prometheus, ports: ['127.0.0.1:9090:9090']}
  qdrant: {image: qdrant/qdrant}
";
    assert_eq!(shown(langfuse), ["known-credentials low"]);
    let clearml = "\
=== docker-compose.yml
services:
  elasticsearch:
    image: docker.elastic.co/elasticsearch/elasticsearch:8.17.0
    environment: {xpack.security.enabled: 'false', discovery.type: single-node}
    networks: [backend]
  redis: {image: 'redis:7', networks: [backend]}
networks:
  backend: {driver: bridge}
";
    assert_eq!(shown(clearml), [""; 0]);
    for loopback in [
        "jupyter lab --ip=0.0.0.0 --ServerApp.token=''",
        "mlflow server --host 0.0.0.0",
        "ray start --head --dashboard-host=0.0.0.0",
        "vllm serve m --port 8888",
    ] {
        let text = format!(
            "=== compose.yaml\nservices:\n  a:\n    image: i\n    command: {loopback}\n    ports: ['127.0.0.1:5000:5000', '127.0.0.1:8265:8265', '[::1]:8888:8888']\n"
        );
        assert_eq!(shown(&text), [""; 0], "{loopback}");
    }
}

#[test]
fn what_a_proxy_asks_in_front_of() {
    let behind = |labels: &str| {
        format!(
            "=== compose.yaml\nservices:\n  traefik: {{image: 'traefik:v3', ports: ['80:80']}}\n  mlflow:\n    image: i\n    command: mlflow server --host 0.0.0.0\n    labels:\n      - traefik.http.routers.m.rule=Host(`a.example`)\n{labels}"
        )
    };
    let basic = behind(
        "      - traefik.http.routers.m.middlewares=a\n      - traefik.http.middlewares.a.basicauth.users=u:p\n",
    );
    let forward = behind(
        "      - traefik.http.routers.m.middlewares=a\n      - traefik.http.middlewares.a.forwardauth.address=http://auth:9091\n",
    );
    assert_eq!(shown(&basic), [""; 0]);
    assert_eq!(shown(&forward), [""; 0]);
    // Who that is nobody here says; somebody meant something by it.
    let unknown = behind("      - traefik.http.routers.m.middlewares=authelia@file\n");
    assert_eq!(shown(&unknown), ["open-dashboard-config low"]);
    assert_eq!(shown(&behind("")), ["open-dashboard-config high"]);
    let nginx = |more: &str| {
        format!(
            "=== compose.yaml\nservices:\n  nginx: {{image: 'nginx:1', ports: ['80:80'], volumes: ['./nginx.conf:/etc/nginx/conf.d/default.conf']}}\n  mlflow: {{image: i, command: mlflow server --host 0.0.0.0}}\n=== nginx.conf\nserver {{\n  listen 80;\n  location / {{\n{more}    proxy_pass http://mlflow:5000;\n  }}\n}}\n"
        )
    };
    assert_eq!(
        shown(&nginx(
            "    auth_basic \"x\";\n    auth_basic_user_file /etc/h;\n"
        )),
        [""; 0]
    );
    assert_eq!(shown(&nginx("    auth_request /auth;\n")), [""; 0]);
    assert_eq!(shown(&nginx("")), ["open-dashboard-config high"]);
    let haproxy = |more: &str| {
        format!(
            "=== compose.yaml\nservices:\n  front: {{image: 'haproxy:3', ports: ['80:80'], volumes: ['./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro']}}\n  mlflow: {{image: i, command: mlflow server --host 0.0.0.0}}\n=== haproxy.cfg\nfrontend web\n  bind *:80\n  default_backend ml\nbackend ml\n{more}  server a mlflow:5000\n"
        )
    };
    assert_eq!(
        shown(&haproxy("  http-request auth unless { http_auth(users) }\n")),
        [""; 0]
    );
    assert_eq!(shown(&haproxy("")), ["open-dashboard-config high"]);
    let envoy = |more: &str| {
        format!(
            "=== compose.yaml\nservices:\n  front: {{image: 'envoyproxy/envoy:v1.31', ports: ['80:10000'], volumes: ['./envoy.yaml:/etc/envoy/envoy.yaml']}}\n  mlflow: {{image: i, command: mlflow server --host 0.0.0.0}}\n=== envoy.yaml\nstatic_resources:\n  listeners:\n  - address: {{socket_address: {{address: 0.0.0.0, port_value: 10000}}}}\n    filter_chains:\n    - filters:\n      - name: http\n        typed_config:\n          http_filters: [{more}{{name: envoy.filters.http.router}}]\n          route_config: {{virtual_hosts: [{{routes: [{{match: {{prefix: /}}, route: {{cluster: ml}}}}]}}]}}\n  clusters:\n  - name: ml\n    load_assignment: {{endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: mlflow, port_value: 5000}}}}}}}}]}}]}}\n"
        )
    };
    assert_eq!(shown(&envoy("{name: envoy.filters.http.ext_authz}, ")), [""; 0]);
    assert_eq!(shown(&envoy("")), ["open-dashboard-config high"]);
}

#[test]
fn kubeflow_behind_its_gateway_and_rays_with_tokens() {
    let kubeflow = "\
=== centraldashboard.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: centraldashboard, namespace: kubeflow}
spec:
  template:
    metadata: {labels: {app: centraldashboard}}
    spec:
      containers:
        - name: centraldashboard
          image: ghcr.io/kubeflow/kubeflow/central-dashboard
          ports: [{containerPort: 8082}]
---
apiVersion: v1
kind: Service
metadata: {name: centraldashboard, namespace: kubeflow}
spec: {selector: {app: centraldashboard}, ports: [{port: 80, targetPort: 8082}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: centraldashboard, namespace: kubeflow}
spec: {gateways: [kubeflow-gateway], hosts: ['*'], http: [{route: [{destination: {host: centraldashboard.kubeflow.svc.cluster.local, port: {number: 80}}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: oauth2-proxy, namespace: istio-system}
spec: {action: CUSTOM, provider: {name: oauth2-proxy}, selector: {matchLabels: {app: istio-ingressgateway}}, rules: [{}]}
=== jupyter.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: ml-pipeline, namespace: kubeflow}
spec:
  template:
    metadata: {labels: {app: ml-pipeline}}
    spec:
      containers: [{name: api, image: ghcr.io/kubeflow/kfp-api-server, ports: [{containerPort: 8888}, {containerPort: 8887}]}]
---
apiVersion: v1
kind: Service
metadata: {name: ml-pipeline, namespace: kubeflow}
spec: {selector: {app: ml-pipeline}, ports: [{port: 8888, targetPort: 8888}]}
";
    assert_eq!(shown(kubeflow), [""; 0]);
    let ray = "\
=== ray.yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: r}
spec:
  authOptions: {mode: token}
  headGroupSpec:
    serviceType: NodePort
    rayStartParams: {}
    template: {spec: {containers: [{name: h, image: 'rayproject/ray:2.52.0'}]}}
";
    assert_eq!(shown(ray), [""; 0]);
}

#[test]
fn what_asks_by_default_and_what_is_not_known() {
    for start in [
        "jupyter lab --ip=0.0.0.0",
        "start-notebook.py",
        "jupyter lab --ip=0.0.0.0 --ServerApp.token=${TOKEN}",
        "marimo edit --host 0.0.0.0",
        "code-server --bind-addr 0.0.0.0:8888",
    ] {
        let text = format!(
            "=== compose.yaml\nservices:\n  a: {{image: i, command: '{start}', ports: ['8888:8888', '2718:2718']}}\n"
        );
        assert_eq!(shown(&text), [""; 0], "{start}");
    }
    // A chart whose values are not known tells nothing for certain.
    let chart = |auth: &str| {
        format!(
            "=== c/Chart.yaml\napiVersion: v2\nname: c\nversion: 1.0.0\n=== c/values.yaml\nport: 5000\n{auth}=== c/templates/a.yaml\napiVersion: v1\nkind: Pod\nmetadata: {{name: m, labels: {{a: b}}}}\nspec:\n  containers:\n    - name: m\n      image: i\n      command: [mlflow, server, --host, 0.0.0.0{{{{ if .Values.auth }}}}, --app-name, basic-auth{{{{ end }}}}]\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: m}}\nspec: {{type: LoadBalancer, selector: {{a: b}}, ports: [{{port: 80, targetPort: 5000}}]}}\n"
        )
    };
    assert_eq!(shown(&chart("auth: true\n")), [""; 0]);
    assert_eq!(shown(&chart("auth: false\n")), ["open-dashboard-config high"]);
    // Variables in a file that is not there may set the key.
    let keyed =
        "=== compose.yaml\nservices:\n  a: {image: qdrant/qdrant, env_file: .env, ports: ['6333:6333']}\n";
    assert_eq!(shown(keyed), ["open-dashboard-config low"]);
    let there = format!("{keyed}=== .env\nA=b\n");
    assert_eq!(shown(&there), ["open-dashboard-config high"]);
}

#[test]
fn what_lies_among_tests_is_small_and_what_is_built_from_a_recipe_is_told_once() {
    let open = "services:\n  a: {image: qdrant/qdrant, ports: ['6333:6333']}\n";
    assert_eq!(
        shown(&format!("=== tests/data/compose.yaml\n{open}")),
        ["open-dashboard-config low"]
    );
    let recipe = "=== lab/Dockerfile\nFROM i\nEXPOSE 8888\nCMD [\"jupyter\", \"lab\", \"--ip=0.0.0.0\", \"--ServerApp.token=''\"]\n";
    let built = |ports: &str| format!("{recipe}=== compose.yaml\nservices:\n  lab: {{build: lab{ports}}}\n");
    assert_eq!(shown(recipe), ["open-dashboard-config high"]);
    assert_eq!(
        shown(&built(", ports: ['8888:8888']")),
        ["open-dashboard-config critical"]
    );
    assert_eq!(shown(&built(", ports: ['127.0.0.1:8888:8888']")), [""; 0]);
    // A script that an image starts belongs to the image.
    let script = "=== Dockerfile\nFROM i\nEXPOSE 5000\nCMD [\"./start.sh\"]\n=== start.sh\n#!/bin/sh\nexec mlflow server --host 0.0.0.0\n";
    assert_eq!(shown(script), ["open-dashboard-config high"]);
}

#[test]
fn a_chain_over_files_is_shown_in_the_order_of_the_way() {
    let text = "\
=== pod.yaml
apiVersion: v1
kind: Pod
metadata: {name: m, labels: {a: b}}
spec: {containers: [{name: m, image: i, command: [mlflow, server, --host, 0.0.0.0]}]}
=== service.yaml
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {type: LoadBalancer, selector: {a: b}, ports: [{port: 80, targetPort: 5000}]}
";
    let findings = found(text);
    let [finding] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    let places: Vec<String> = finding
        .locations
        .iter()
        .flat_map(|l| l.excerpt.iter().map(move |e| (l, e)))
        .flat_map(|(l, e)| {
            e.marks
                .iter()
                .map(move |m| format!("{}: {}", l.artifact, m.label))
        })
        .collect();
    insta::assert_snapshot!(places.join("\n"), @r"
    pod.yaml: listens on every address, without `--app-name basic-auth`
    service.yaml: a service leads to it
    service.yaml: a load balancer with an address of its own
    ");
    insta::assert_snapshot!(finding.message, @"anyone on the internet who reaches port 80 can read and replace what MLflow holds: it asks for no password");
}

#[test]
fn what_an_ingress_and_an_operator_ask_is_believed() {
    let behind = |annotation: &str, more: &str| {
        shown(&format!(
            "=== k.yaml
apiVersion: v1
kind: Pod
metadata: {{name: m, labels: {{a: b}}}}
spec: {{containers: [{{name: m, image: i, command: [mlflow, server, --host, 0.0.0.0]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: s}}
spec: {{selector: {{a: b}}, ports: [{{port: 5000}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: i, annotations: {{{annotation}}}}}
spec: {{rules: [{{http: {{paths: [{{path: /, backend: {{service: {{name: s, port: {{number: 5000}}}}}}}}]}}}}]}}
{more}"
        ))
    };
    assert_eq!(behind("a: b", ""), ["open-dashboard-config high"]);
    let plugin = |name: &str| {
        behind(
            "konghq.com/plugins: 'limit, first'",
            &format!(
                "---\napiVersion: configuration.konghq.com/v1\nkind: KongPlugin\nmetadata: {{name: first}}\nplugin: {name}\n"
            ),
        )
    };
    assert_eq!(plugin("key-auth"), [""; 0]);
    assert_eq!(plugin("cors"), ["open-dashboard-config high"]);
    let snippet = "nginx.ingress.kubernetes.io/configuration-snippet: 'auth_request /oauth2/auth;'";
    assert_eq!(behind(snippet, ""), ["open-dashboard-config low"]);
    let ray = |more: &str| {
        shown(&format!(
            "=== r.yaml\napiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {{name: c}}\nspec:\n  {more}headGroupSpec:\n    rayStartParams: {{}}\n    template: {{spec: {{containers: [{{name: h, image: 'rayproject/ray:2.52.0'}}]}}}}\n"
        ))
    };
    assert_eq!(ray(""), ["open-dashboard-config medium"]);
    assert_eq!(ray("networkIsolation: {mode: denyAllIngress}\n  "), [""; 0]);
}
