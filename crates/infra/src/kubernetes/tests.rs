use crate::estate::show::{read, shown};
use crate::{EstateFile, estate};
use insta::assert_snapshot;
use proptest::prelude::*;
use wellhead_core::Budget;

#[test]
fn a_pod_its_service_and_its_ingress_in_three_files() {
    let text = "\
=== a/deploy.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: mlflow, namespace: ml}
spec:
  template:
    metadata: {labels: {app: mlflow, tier: web}}
    spec:
      initContainers: [{name: i, image: busybox}, {name: s, image: side, restartPolicy: Always}]
      containers:
        - name: server
          image: ghcr.io/mlflow/mlflow:v2.9.2
          command: [\"bash\", \"-c\"]
          args: [\"exec mlflow server --host 0.0.0.0 --port $(PORT)\"]
          env:
            - {name: PORT, value: \"5000\"}
            - name: PASS
              valueFrom: {secretKeyRef: {name: creds, key: pass}}
            - name: FAR
              valueFrom: {secretKeyRef: {name: other, key: x}}
          envFrom: [{configMapRef: {name: conf}, prefix: P_}]
          ports: [{name: http, containerPort: 5000}]
          volumeMounts: [{name: c, mountPath: /etc/mlflow}]
      volumes: [{name: c, configMap: {name: conf, items: [{key: a.ini, path: auth.ini}]}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: ml}
data:
  a.ini: |
    [mlflow]
    default_permission = READ
---
apiVersion: v1
kind: Secret
metadata: {name: creds, namespace: ml}
data: {pass: cGFzc3dvcmQ=}
=== a/service.yaml
apiVersion: v1
kind: Service
metadata: {name: mlflow-svc, namespace: ml}
spec:
  type: LoadBalancer
  selector: {app: mlflow}
  ports: [{port: 80, targetPort: http}]
=== a/ingress.yaml
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: i
  namespace: ml
  annotations:
    nginx.ingress.kubernetes.io/auth-url: https://login.example/auth
spec:
  rules:
    - http:
        paths:
          - backend: {service: {name: mlflow-svc, port: {number: 80}}}
=== b/copy.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: copy, namespace: ml}
spec:
  template:
    metadata: {labels: {app: mlflow}}
    spec: {hostNetwork: true, containers: [{image: x, ports: [{containerPort: 80, hostPort: 8080}]}]}
=== policy.yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: ml}
spec:
  podSelector: {matchExpressions: [{key: tier, operator: In, values: [web]}]}
  ingress:
    - from: [{namespaceSelector: {}}]
      ports: [{port: 5000}]
    - from: [{ipBlock: {cidr: 0.0.0.0/0}}]
      ports: [{port: 9000, endPort: 9010}]
";
    assert_snapshot!(shown(text), @r"
    Pod mlflow @a/deploy.yaml:3
      [ghcr.io/mlflow/mlflow:v2.9.2]
        $ mlflow server --host 0.0.0.0 --port 5000 @a/deploy.yaml:13
        P_a.ini=[mlflow]
    default_permission = READ
     @a/deploy.yaml:30
        PORT=5000 @a/deploy.yaml:15
        PASS=password @a/deploy.yaml:16
        FAR=? @a/deploy.yaml:18
        /etc/mlflow/auth.ini <- conf (35 bytes @a/deploy.yaml:30)
      [side]
      ClusterService Cluster 80->5000 via a/service.yaml:7
      LoadBalancer Internet 80->5000 via a/service.yaml:7 a/service.yaml:5
      Ingress Everyone ?->5000 Forward @a/ingress.yaml:7 via a/ingress.yaml:12 a/service.yaml:7
      admits Cluster to 5000-5000 @policy.yaml:7
      admits Internet to 9000-9010 @policy.yaml:9
      MlflowAuth /etc/mlflow/auth.ini
        mlflow.default_permission=READ @a/deploy.yaml:31 <default_permission = READ>
    Pod copy @b/copy.yaml:3
      [x] hostnet
      HostPort Everyone 8080->80 via b/copy.yaml:7
      HostNetwork Everyone ?->? via b/copy.yaml:7
      no network policy
    ");
}

#[test]
fn ray_gets_what_its_operator_writes() {
    let text = "\
=== ray.yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: open}
spec:
  headGroupSpec:
    serviceType: NodePort
    rayStartParams: {num-cpus: '0'}
    template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.9.0'}]}}
  workerGroupSpecs:
    - rayStartParams: {}
      template: {spec: {containers: [{name: w, image: r}]}}
---
apiVersion: ray.io/v1
kind: RayService
metadata: {name: closed}
spec:
  rayClusterConfig:
    authOptions: {mode: token}
    headGroupSpec:
      rayStartParams: {dashboard-host: 127.0.0.1, dashboard-port: '8443'}
      template:
        spec:
          containers:
            - {name: head, image: r, ports: [{containerPort: 8265}]}
            - name: proxy
              image: quay.io/brancz/kube-rbac-proxy:v0.18.1
              args: ['--insecure-listen-address=0.0.0.0:8265', '--upstream=http://127.0.0.1:8443/']
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i}
spec: {rules: [{http: {paths: [{backend: {service: {name: closed-head-svc, port: {number: 8265}}}}]}}]}
";
    assert_snapshot!(shown(text), @r"
    RayHead open @ray.yaml:3
      [rayproject/ray:2.9.0]
        $ ray start --head --dashboard-host=0.0.0.0 --num-cpus=0 @ray.yaml:7
      ClusterService Cluster 6379->6379 via ray.yaml:6
      NodePort Everyone ?->6379 via ray.yaml:6 ray.yaml:6
      ClusterService Cluster 8265->8265 via ray.yaml:6
      NodePort Everyone ?->8265 via ray.yaml:6 ray.yaml:6
      ClusterService Cluster 10001->10001 via ray.yaml:6
      NodePort Everyone ?->10001 via ray.yaml:6 ray.yaml:6
      ClusterService Cluster 8000->8000 via ray.yaml:6
      NodePort Everyone ?->8000 via ray.yaml:6 ray.yaml:6
      no network policy
    RayWorker open @ray.yaml:3
      [r]
        $ ray start @ray.yaml:10
      no network policy
    RayHead closed @ray.yaml:15
      [r]
        $ ray start --head --dashboard-host=127.0.0.1 --dashboard-port=8443 @ray.yaml:20
        RAY_AUTH_MODE=token @ray.yaml:18
      [quay.io/brancz/kube-rbac-proxy:v0.18.1] args-only
        $ --insecure-listen-address=0.0.0.0:8265 --upstream=http://127.0.0.1:8443/ @ray.yaml:27
        RAY_AUTH_MODE=token @ray.yaml:18
      ClusterService Cluster 8265->8265 via ray.yaml:20
      Ingress Everyone ?->8265 via ray.yaml:32
      Proxy Everyone ?->8443 Token @ray.yaml:27 via ray.yaml:27 ray.yaml:32
      no network policy
    ");
}

#[test]
fn model_servers_of_operators() {
    let text = "\
=== serve.yaml
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: new}
spec:
  predictor: {model: {modelFormat: {name: sklearn}, storageUri: 'http://a.example/m', args: [--x]}}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: old
  labels: {networking.knative.dev/visibility: cluster-local}
  annotations: {security.opendatahub.io/enable-auth: 'true'}
spec: {predictor: {triton: {storageUri: 's3://b/m'}}}
---
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: s}
spec:
  predictors:
    - graph: {name: c, implementation: SKLEARN_SERVER, modelUri: 'gs://b/m', children: [{modelUri: 'gs://b/n'}]}
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: k}
spec: {template: {spec: {containers: [{image: i, ports: [{containerPort: 7860}]}]}}}
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: n}
spec: {template: {spec: {containers: [{image: kubeflownotebookswg/jupyter}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: j}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: i, command: [ray, job, submit]}]}}}}}
";
    assert_snapshot!(shown(text), @r"
    InferenceService new @serve.yaml:3
      [-] args-only
        $ --x @serve.yaml:5
      VirtualService Everyone ?->8080 via serve.yaml:3
      no network policy
      model http://a.example/m @serve.yaml:5
    InferenceService old @serve.yaml:10
      [-]
      ClusterService Cluster ?->8080 Token @serve.yaml:12 via serve.yaml:10
      no network policy
      model s3://b/m @serve.yaml:13
    SeldonDeployment s @serve.yaml:17
      [SKLEARN_SERVER]
      ClusterService Cluster ?->8000 via serve.yaml:20
      ClusterService Cluster ?->9000 via serve.yaml:20
      no network policy
      model gs://b/m @serve.yaml:20
      model gs://b/n @serve.yaml:20
    Pod k @serve.yaml:24
      [i]
      PublicUrl Everyone ?->7860 via serve.yaml:24
      no network policy
    Pod n @serve.yaml:29
      [kubeflownotebookswg/jupyter]
      no network policy
    Pod j @serve.yaml:34
      [i]
        $ ray job submit @serve.yaml:35
      no network policy
    ");
}

#[test]
fn a_route_leads_to_the_services_that_seldon_makes() {
    let text = "\
=== sd.yaml
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: iris}
spec:
  predictors:
  - {name: main, graph: {name: c, implementation: SKLEARN_SERVER, modelUri: 'gs://b/m'}}
  - {name: canary, graph: {name: c, implementation: SKLEARN_SERVER, modelUri: 'gs://b/n'}}
---
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: {name: iris}
spec:
  hosts: ['*']
  gateways: [istio-system/seldon-gateway]
  http:
  - route: [{destination: {host: iris-main.default.svc.cluster.local, port: {number: 8000}}}]
  - route: [{destination: {host: iris-other, port: {number: 8000}}}]
";
    assert_snapshot!(shown(text), @r"
    SeldonDeployment iris @sd.yaml:3
      [SKLEARN_SERVER]
      ClusterService Cluster ?->8000 via sd.yaml:6
      ClusterService Cluster ?->9000 via sd.yaml:6
      VirtualService Everyone ?->8000 via sd.yaml:16
      no network policy
      model gs://b/m @sd.yaml:6
    SeldonDeployment iris @sd.yaml:3
      [SKLEARN_SERVER]
      ClusterService Cluster ?->8000 via sd.yaml:7
      ClusterService Cluster ?->9000 via sd.yaml:7
      no network policy
      model gs://b/n @sd.yaml:7
    ");
}

#[test]
fn routes_carry_the_policies_that_are_attached() {
    let text = "\
=== all.yaml
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}}
spec: {containers: [{image: i}]}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {selector: {app: p}, ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: open}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: closed}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 80}]}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: sp}
spec: {targetRefs: [{kind: HTTPRoute, name: closed}], oidc: {provider: {issuer: x}}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: t}
spec: {routes: [{middlewares: [{name: m}], services: [{name: s, port: 80}]}]}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: m}
spec: {chain: {middlewares: [{name: b}, {name: m}]}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: b}
spec: {basicAuth: {secret: x}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: {gateways: [gw], http: [{route: [{destination: {host: s.default.svc.cluster.local}}]}, {route: [{destination: {host: s}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: outer, namespace: istio-system}
spec: {action: CUSTOM, selector: {matchLabels: {app: istio-ingressgateway}}, rules: [{}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: everybody}
spec: {selector: {matchLabels: {app: p}}, rules: [{}]}
=== mesh.yaml
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Pod, metadata: {name: q, labels: {app: q}}, spec: {containers: [{image: i}]}}
  - {apiVersion: v1, kind: Service, metadata: {name: q}, spec: {selector: {app: q}, type: NodePort, ports: [{port: 1, nodePort: 30000}]}}
  - apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: asks}
    spec: {selector: {matchLabels: {app: q}}, rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}
";
    assert_snapshot!(shown(text), @r"
    Pod p @all.yaml:3
      [i]
      ClusterService Cluster 80->80 via all.yaml:9
      HttpRoute Everyone ?->80 via all.yaml:14 all.yaml:9
      HttpRoute Everyone ?->80 GatewayPolicy @all.yaml:24 via all.yaml:19 all.yaml:9
      Ingress Everyone ?->80 Basic @all.yaml:39 via all.yaml:29 all.yaml:9
      VirtualService Everyone ?->80 Forward @all.yaml:48 via all.yaml:44 all.yaml:9
      VirtualService Everyone ?->80 Forward @all.yaml:48 via all.yaml:44 all.yaml:9
      no network policy
    Pod q @mesh.yaml:4
      [i]
      ClusterService Cluster 1->1 MeshPolicy @mesh.yaml:8 via mesh.yaml:5
      NodePort Everyone 30000->1 MeshPolicy @mesh.yaml:8 via mesh.yaml:5 mesh.yaml:5
      no network policy
    ");
}

#[test]
fn many_policies_over_many_pods_run_out_of_budget_and_say_so() {
    let mut text = String::new();
    for i in 0..3_000 {
        text.push_str(&format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p{i}}}, spec: {{containers: [{{image: i}}]}}}}\n---\n{{apiVersion: v1, kind: NetworkPolicy, metadata: {{name: n{i}}}, spec: {{podSelector: {{}}}}}}\n"
        ));
    }
    let limits = wellhead_core::Limits {
        steps: 50_000_000,
        ..wellhead_core::Limits::default()
    };
    let mut budget = Budget::new(limits, std::sync::Arc::default());
    let found = estate(
        &[EstateFile {
            path: "a.yaml",
            text: &text,
        }],
        &mut budget,
    );
    assert!(found.gaps.iter().any(|g| g.why.contains("steps")));
}

#[test]
fn many_services_of_the_same_pods_run_out_of_budget_and_say_so() {
    let mut text = String::new();
    for i in 0..1_500 {
        text.push_str(&format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p{i}, labels: {{a: b}}}}, spec: {{containers: [{{image: i}}]}}}}\n---\n{{apiVersion: v1, kind: Service, metadata: {{name: s{i}}}, spec: {{type: NodePort, selector: {{a: b}}, ports: [{{port: 1}}, {{port: 2}}]}}}}\n"
        ));
    }
    let found = read(&format!("=== a.yaml\n{text}"));
    assert!(found.gaps.iter().any(|g| g.why.contains("memory")));
    assert_eq!(found.workloads.len(), 1_500);
}

#[test]
fn a_broken_file_and_a_bomb_are_gaps() {
    let mut bomb = "apiVersion: v1\nkind: Pod\na0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..12 {
        let names = vec![format!("*a{}", i - 1); 9].join(",");
        bomb.push_str(&format!("a{i}: &a{i} [{names}]\n"));
    }
    let deep = format!("apiVersion: v1\nkind: Pod\nspec: {}", "[".repeat(10_000));
    let found = read(&format!("=== a.yaml\n{bomb}=== b.yaml\n{deep}\n"));
    assert_eq!(found.gaps.len(), 2);
    assert!(found.workloads.is_empty());
}

proptest! {
    #[test]
    fn never_panics(kind in "(Service|Ingress|RayCluster|NetworkPolicy|HTTPRoute|VirtualService|Deployment|SeldonDeployment)",
        spec in "(\\{|\\}|\\[|\\]|, |spec: |template: |containers: |selector: |ports: |port: 1|from: |rules: |x){0,40}") {
        let text = format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{{spec}}}\n");
        let found = estate(&[EstateFile { path: "a.yaml", text: &text }], &mut Budget::default());
        crate::estate::show::check(&found);
    }
}
