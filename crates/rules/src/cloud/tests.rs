//! What clouds are told raises, and its innocent twins.

use crate::{
    EstateView, Subject,
    testing::{findings, told},
};
use std::sync::Arc;
use wellhead_core::{ArtifactPath, Budget, Finding};
use wellhead_infra::{EstateFile, estate};

/// What all rules find in files that are divided by `=== PATH`.
fn in_files(text: &str) -> Vec<Finding> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("=== ") {
            Some(path) => files.push((path.to_owned(), String::new())),
            None => {
                if let Some((_, text)) = files.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    let given: Vec<EstateFile<'_>> = files
        .iter()
        .map(|(path, text)| EstateFile { path, text })
        .collect();
    let estate = estate(&given, &mut Budget::default());
    // The estate holds the files that a reader claims, in their order.
    let kept = estate.files.files().iter().map(|f| {
        let text = estate.files.slice(&f.span);
        (ArtifactPath::file(&f.path), Arc::from(text))
    });
    let kept = kept.collect();
    findings("main.tf", Subject::Estate(&EstateView::new(estate, kept)))
}

fn in_terraform(text: &str) -> Vec<Finding> {
    in_files(&format!("=== main.tf\n{text}"))
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(told(&in_terraform(text)), *expected, "{text}");
    }
}

fn group(from: u32, to: u32, cidr: &str) -> String {
    format!(
        "resource \"aws_security_group\" \"g\" {{\n  ingress {{\n    from_port = {from}\n    to_port = {to}\n    \
         protocol = \"tcp\"\n    cidr_blocks = [\"{cidr}\"]\n  }}\n}}\n"
    )
}

#[test]
fn a_firewall_counts_by_port_and_address() {
    let cases = [
        (8265, 8265, "0.0.0.0/0", "world-open-port medium"),
        (8888, 8888, "0.0.0.0/0", "world-open-port medium"),
        (5000, 9000, "0.0.0.0/0", "world-open-port medium"),
        (0, 65535, "0.0.0.0/0", "world-open-port medium"),
        (8080, 8080, "0.0.0.0/0", "world-open-port low"),
        (8265, 8265, "0.0.0.0/1", "world-open-port medium"),
        (443, 443, "0.0.0.0/0", ""),
        (80, 80, "0.0.0.0/0", ""),
        (22, 22, "0.0.0.0/0", ""),
        (8265, 8265, "10.0.0.0/8", ""),
        (8265, 8265, "203.0.113.7/32", ""),
    ];
    for (from, to, cidr, expected) in cases {
        assert_eq!(
            told(&in_terraform(&group(from, to, cidr))),
            expected,
            "{from}-{to} {cidr}"
        );
    }
}

#[test]
fn a_firewall_of_any_cloud_says_which_platforms_listen() {
    let text = r#"
resource "aws_vpc_security_group_ingress_rule" "r" {
  security_group_id = "sg-1"
  cidr_ipv6   = "::/0"
  ip_protocol = "tcp"
  from_port   = 8265
  to_port     = 8265
}
resource "google_compute_firewall" "g" {
  network = "default"
  allow {
    protocol = "tcp"
    ports    = ["22", "11434", "6333-6334"]
  }
  source_ranges = ["0.0.0.0/0"]
}
resource "azurerm_network_security_rule" "a" {
  direction = "Inbound"
  access    = "Allow"
  protocol  = "Tcp"
  destination_port_range = "4990-5010"
  source_address_prefix  = "Internet"
}
"#;
    let found = in_terraform(text);
    let messages: Vec<&str> = found.iter().map(|f| f.message.as_str()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r"
    the internet reaches port 8265, where Ray listens
    the internet reaches ports 6333-6334, 11434, where Ollama and Qdrant listen
    the internet reaches ports 4990-5010, where MLflow, Bokeh server, Panel and 5 other platforms listen
    ");
}

#[test]
fn the_best_known_platforms_of_a_port_are_named_first() {
    let named = |port: u32| {
        let found = in_terraform(&group(port, port, "0.0.0.0/0"));
        let message = found.first().map(|f| f.message.clone()).unwrap_or_default();
        message
            .split_once("where ")
            .map(|(_, rest)| rest.to_owned())
            .unwrap_or_default()
    };
    for (port, first) in [
        (5000, "MLflow"),
        (7860, "Gradio"),
        (8501, "Streamlit"),
        (8787, "Dask"),
        (8888, "Jupyter"),
    ] {
        assert!(named(port).starts_with(first), "{port}: {}", named(port));
    }
}

#[test]
fn a_module_of_a_registry_counts_as_the_rules_that_it_makes() {
    let module =
        |source: &str, inputs: &str| format!("module \"sg\" {{\n  source = \"{source}\"\n  {inputs}\n}}\n");
    let aws = "terraform-aws-modules/security-group/aws";
    let rule = |port: u32, cidr: &str| {
        format!(
            "ingress_with_cidr_blocks = [{{ from_port = {port}, to_port = {port}, protocol = \"tcp\", cidr_blocks = \"{cidr}\" }}]"
        )
    };
    for (source, inputs, expected) in [
        (aws, rule(5000, "0.0.0.0/0"), "world-open-port medium"),
        (aws, rule(5000, "10.0.0.0/8"), ""),
        (aws, rule(443, "0.0.0.0/0"), ""),
        (aws, format!("create = false\n  {}", rule(5000, "0.0.0.0/0")), ""),
        ("example/security-group/aws", rule(5000, "0.0.0.0/0"), ""),
    ] {
        assert_eq!(
            told(&in_terraform(&module(source, &inputs))),
            expected,
            "{source} {inputs}"
        );
    }
}

#[test]
fn ports_that_are_not_known_are_not_all_ports() {
    let hidden = group(1, 1, "0.0.0.0/0").replace("= 1\n", "= var.port\n");
    assert_eq!(told(&in_terraform(&hidden)), "");
    let known = format!("variable \"port\" {{ default = 8265 }}\n{hidden}");
    assert_eq!(told(&in_terraform(&known)), "world-open-port medium");
}

#[test]
fn a_rented_machine_counts_by_its_firewall() {
    let machine = |cidr: &str| {
        format!(
            r#"
resource "hcloud_firewall" "f" {{
  rule {{
    direction  = "in"
    protocol   = "tcp"
    port       = "5000"
    source_ips = ["{cidr}"]
  }}
}}
resource "hcloud_server" "s" {{
  firewall_ids = [hcloud_firewall.f.id]
  user_data    = "mlflow server --host 0.0.0.0 --port 5000"
}}
resource "digitalocean_firewall" "f" {{
  droplet_ids = [digitalocean_droplet.d.id]
  inbound_rule {{
    protocol         = "tcp"
    port_range       = "8888"
    source_addresses = ["{cidr}"]
  }}
}}
resource "digitalocean_droplet" "d" {{
  user_data = "echo done"
}}
"#
        )
    };
    assert_eq!(
        told(&in_terraform(&machine("0.0.0.0/0"))),
        "world-open-port medium, open-dashboard-config high"
    );
    assert_eq!(
        told(&in_terraform(&machine("10.0.0.0/8"))),
        "open-dashboard-config medium"
    );
}

#[test]
fn a_managed_list_of_addresses_counts_by_what_it_holds() {
    for (cidr, expected) in [("0.0.0.0/0", "world-open-port medium"), ("10.0.0.0/8", "")] {
        let list = format!(
            "resource \"aws_ec2_managed_prefix_list\" \"l\" {{\n  entry {{\n    cidr = \"{cidr}\"\n  }}\n}}\n"
        );
        let group = group(8265, 8265, "").replace(
            "cidr_blocks = [\"\"]",
            "prefix_list_ids = [aws_ec2_managed_prefix_list.l.id]",
        );
        assert_eq!(told(&in_terraform(&format!("{list}{group}"))), expected, "{cidr}");
    }
}

#[test]
fn a_firewall_that_lets_no_tcp_in_lets_nobody_to_a_platform() {
    for protocol in ["udp", "icmp"] {
        let text = group(8888, 8888, "0.0.0.0/0").replace("tcp", protocol);
        assert_eq!(told(&in_terraform(&text)), "", "{protocol}");
    }
    let all = group(0, 0, "0.0.0.0/0").replace("tcp", "-1");
    assert_eq!(told(&in_terraform(&all)), "world-open-port medium");
}

#[test]
fn what_listens_behind_a_firewall_is_told_of_once() {
    let machine = |bind: &str| {
        format!(
            "{}resource \"aws_instance\" \"m\" {{\n  vpc_security_group_ids = [aws_security_group.g.id]\n  user_data = \
             <<-EOT\n    #!/bin/sh\n    {bind}\n  EOT\n}}\n",
            group(5000, 5000, "0.0.0.0/0")
        )
    };
    let open = in_terraform(&machine("mlflow server --host 0.0.0.0"));
    assert!(
        open.iter().all(|f| f.rule == "open-dashboard-config"),
        "{}",
        told(&open)
    );
    assert_eq!(open.len(), 1);
    // One that asks is reached, and that is what the rule is for.
    assert_eq!(
        told(&in_terraform(&machine(
            "mlflow server --host 0.0.0.0 --app-name basic-auth"
        ))),
        ""
    );
    assert_eq!(
        told(&in_terraform(&machine("echo done"))),
        "world-open-port medium"
    );
}

#[test]
fn a_script_in_a_file_is_told_of_with_the_firewall_of_its_machine() {
    let machine = |port: u32, cidr: &str| {
        format!(
            "=== main.tf\n{}resource \"aws_instance\" \"m\" {{\n  vpc_security_group_ids = [aws_security_group.g.id]\n  \
             user_data = templatefile(\"${{path.module}}/run.sh\", {{ port = 5000 }})\n}}\n=== run.sh\n#!/bin/sh\n\
             mlflow server --host 0.0.0.0 --port ${{port}}\n",
            group(port, port, cidr)
        )
    };
    assert_eq!(
        told(&in_files(&machine(5000, "0.0.0.0/0"))),
        "open-dashboard-config high"
    );
    assert_eq!(told(&in_files(&machine(22, "0.0.0.0/0"))), "");
}

#[test]
fn a_deployment_in_terraform_counts_by_its_service() {
    let service = |kind: &str, range: &str| {
        format!(
            r#"
resource "kubernetes_deployment_v1" "o" {{
  metadata {{
    name = "o"
  }}
  spec {{
    selector {{
      match_labels = {{ app = "o" }}
    }}
    template {{
      metadata {{
        labels = {{ app = "o" }}
      }}
      spec {{
        container {{
          name  = "o"
          image = "ollama/ollama"
        }}
      }}
    }}
  }}
}}
resource "kubernetes_service_v1" "o" {{
  metadata {{
    name = "o"
  }}
  spec {{
    type     = "{kind}"
    selector = {{ app = "o" }}
    load_balancer_source_ranges = ["{range}"]
    port {{
      port        = 80
      target_port = 11434
    }}
  }}
}}
"#
        )
    };
    let told = |kind: &str, range: &str| told(&in_terraform(&service(kind, range)));
    assert_eq!(told("LoadBalancer", "0.0.0.0/0"), "open-dashboard-config high");
    // What is left is the cluster.
    assert_eq!(told("LoadBalancer", "10.0.0.0/8"), "open-dashboard-config low");
}

#[test]
fn who_comes_to_a_pod_is_said_by_its_policy_and_its_node_port() {
    let pod = |service: &str, policy: &str| {
        let found = in_files(&format!(
            "=== k.yaml\napiVersion: v1\nkind: Pod\nmetadata: {{name: ray, namespace: ml, labels: {{app: ray}}}}\nspec: {{containers: [{{name: r, image: \"rayproject/ray:2.53.0\", command: [ray, start, --head, --dashboard-host=0.0.0.0, --block]}}]}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: ray, namespace: ml}}\nspec: {{{service}selector: {{app: ray}}, ports: [{{port: 8265}}]}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: ray, namespace: ml}}\nspec: {{podSelector: {{matchLabels: {{app: ray}}}}, policyTypes: [Ingress], ingress: [{policy}]}}\n"
        ));
        let message = found.iter().find(|f| f.rule == "open-dashboard-config");
        message
            .map(|f| f.message.split(" can ").next().unwrap_or_default().to_owned())
            .unwrap_or_default()
    };
    let named = "podSelector: {matchLabels: {role: trainer}}";
    for (service, policy, expected) in [
        ("", "{}".to_owned(), "whatever its network policy lets in"),
        (
            "",
            "{from: [{podSelector: {}}]}".to_owned(),
            "whatever its network policy lets in",
        ),
        (
            "",
            format!("{{from: [{{namespaceSelector: {{}}, {named}}}]}}"),
            "whatever its network policy lets in",
        ),
        ("", format!("{{from: [{{{named}}}]}}"), ""),
        ("type: LoadBalancer, ", format!("{{from: [{{{named}}}]}}"), ""),
        (
            "",
            format!("{{from: [{{namespaceSelector: {{matchLabels: {{team: ml}}}}, {named}}}]}}"),
            "",
        ),
        (
            "",
            format!("{{from: [{{{named}}}, {{podSelector: {{}}}}]}}"),
            "whatever its network policy lets in",
        ),
        (
            "type: NodePort, ",
            "{}".to_owned(),
            "anyone who reaches its node port",
        ),
    ] {
        assert_eq!(pod(service, &policy), expected, "{service}{policy}");
    }
}

#[test]
fn a_chart_counts_by_the_widest_of_its_files_of_values() {
    let chart = |overlay: &str| {
        let found = in_files(&format!(
            r#"=== c/Chart.yaml
apiVersion: v2
name: c
=== c/values.yaml
image: quay.io/jupyter/base-notebook
ingress: {{enabled: false}}
annotations: {{}}
=== c/values-prod.yaml
{overlay}
=== c/templates/a.yaml
apiVersion: v1
kind: Pod
metadata: {{name: p, labels: {{app: p}}}}
spec: {{containers: [{{image: {{{{ .Values.image }}}}, args: [start-notebook.py, --IdentityProvider.token=]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: s}}
spec: {{selector: {{app: p}}, ports: [{{port: 80, targetPort: 8888}}]}}
{{{{- if .Values.ingress.enabled }}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: i
  annotations: {{{{- toYaml .Values.annotations | nindent 4 }}}}
spec: {{rules: [{{http: {{paths: [{{backend: {{service: {{name: s, port: {{number: 80}}}}}}}}]}}}}]}}
{{{{- end }}}}
"#
        ));
        let open: Vec<_> = found
            .into_iter()
            .filter(|f| f.rule == "open-dashboard-config")
            .collect();
        told(&open)
    };
    assert_eq!(chart("replicas: 2"), "open-dashboard-config medium");
    assert_eq!(
        chart("ingress: {enabled: true}"),
        "open-dashboard-config critical"
    );
    assert_eq!(
        chart("image: 'quay.io/jupyter/base-notebook:2025-01-01'\ningress: {enabled: true}"),
        "open-dashboard-config critical"
    );
    let guard = "annotations: {nginx.ingress.kubernetes.io/auth-url: 'https://auth.example'}";
    assert_eq!(chart(&format!("ingress: {{enabled: true}}\n{guard}")), "");
}

#[test]
fn values_of_a_hub_count_wherever_they_are_given() {
    let values = |class: &str, kind: &str| {
        format!(
            "hub: {{config: {{JupyterHub: {{authenticator_class: {class}}}}}}}\nproxy: {{service: {{type: {kind}}}}}\n"
        )
    };
    let file = |class: &str, kind: &str| format!("=== config.yaml\n{}", values(class, kind));
    let argo = |class: &str, kind: &str| {
        format!(
            "=== app.yaml\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a}}\nspec:\n  source:\n    chart: jupyterhub\n    helm:\n      values: |\n        {}",
            values(class, kind).replace('\n', "\n        ").trim_end()
        )
    };
    let flux = |class: &str, kind: &str| {
        format!(
            "=== app.yaml\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: a}}\nspec:\n  chart: {{spec: {{chart: jupyterhub}}}}\n  values:\n    {}",
            values(class, kind).replace('\n', "\n    ").trim_end()
        )
    };
    let terraform = |class: &str, kind: &str| {
        format!(
            "=== main.tf\nresource \"helm_release\" \"h\" {{\n  chart = \"jupyterhub\"\n  values = [<<EOT\n{}EOT\n  ]\n}}\n",
            values(class, kind)
        )
    };
    for (class, kind, expected) in [
        ("dummy", "LoadBalancer", "open-sign-up high"),
        ("google", "LoadBalancer", ""),
    ] {
        let all = [
            file(class, kind),
            argo(class, kind),
            flux(class, kind),
            terraform(class, kind),
        ];
        for text in all {
            assert_eq!(told(&in_files(&text)), expected, "{text}");
        }
    }
}

const MODEL: &str = "resource \"aws_sagemaker_model\" \"m\" {\n  primary_container {\n    model_data_url = \
                     \"s3://${aws_s3_bucket.b.id}/m.tar.gz\"\n  }\n}\n";
const BUCKET: &str = "resource \"aws_s3_bucket\" \"b\" {\n  bucket = \"acme-models\"\n}\n";

#[test]
fn a_bucket_counts_by_what_refers_to_it() {
    let acl = |acl: &str| {
        format!(
            "{BUCKET}resource \"aws_s3_bucket_acl\" \"a\" {{\n  bucket = aws_s3_bucket.b.id\n  acl = \"{acl}\"\n}}\n"
        )
    };
    let object = |key: &str| {
        format!(
            "{}resource \"aws_s3_object\" \"o\" {{\n  bucket = aws_s3_bucket.b.id\n  key = \"{key}\"\n}}\n",
            acl("public-read")
        )
    };
    check(&[
        (&(acl("public-read") + MODEL), "public-model-bucket high"),
        (
            &(acl("public-read-write") + MODEL),
            "public-model-bucket critical",
        ),
        (&object("v3/model.safetensors"), "public-model-bucket high"),
        (
            &(acl("public-read")
                + "resource \"aws_sagemaker_model\" \"m\" {\n  primary_container {\n    model_data_url = \
                   \"s3://acme-models/m.tar.gz\"\n  }\n}\n"),
            "public-model-bucket high",
        ),
        (&(acl("private") + MODEL), ""),
        (&object("index.html"), ""),
        // Its name says models, and nothing that learns refers to it.
        (&acl("public-read"), ""),
        (
            &(acl("public-read")
                + "resource \"aws_sagemaker_model\" \"m\" {\n  primary_container {\n    model_data_url = \
                   \"s3://acme-models-private/m.tar.gz\"\n  }\n}\n"),
            "",
        ),
    ]);
}

#[test]
fn permissions_count_on_buckets_with_models() {
    let policy = |action: &str, resource: &str, more: &str| {
        format!(
            "{BUCKET}{MODEL}resource \"aws_iam_policy\" \"p\" {{\n  policy = jsonencode({{ Statement = [{{ Effect = \
             \"Allow\", Action = {action}, Resource = {resource}{more} }}] }})\n}}\n"
        )
    };
    let own = "\"${aws_s3_bucket.b.arn}/*\"";
    check(&[
        (&policy("\"s3:*\"", own, ""), "wildcard-model-permissions medium"),
        (
            &policy("[\"s3:ListBucket\", \"*\"]", "\"*\"", ""),
            "wildcard-model-permissions medium",
        ),
        (
            &policy("\"s3:*\"", "\"arn:aws:s3:::acme-models/*\"", ""),
            "wildcard-model-permissions medium",
        ),
        (&policy("[\"s3:GetObject\"]", own, ""), ""),
        (&policy("\"s3:*\"", "\"arn:aws:s3:::other/*\"", ""), ""),
        (
            &policy("\"s3:*\"", own, ", Condition = { Bool = { x = true } }"),
            "",
        ),
        (
            "resource \"aws_iam_policy\" \"p\" {\n  policy = jsonencode({ Statement = [{ Effect = \"Allow\", Action = \
             \"*\", Resource = \"*\" }] })\n}\n",
            "",
        ),
    ]);
}

#[test]
fn services_of_clouds_count_by_their_settings() {
    let of = |kind: &str, settings: &str| format!("resource \"{kind}\" \"x\" {{\n{settings}\n}}\n");
    let cases = [
        (
            "aws_sagemaker_notebook_instance",
            "direct_internet_access = \"Enabled\"\nroot_access = \"Disabled\"",
            "exposed-managed-notebook medium",
        ),
        (
            "aws_sagemaker_notebook_instance",
            "name = \"n\"",
            "exposed-managed-notebook low",
        ),
        (
            "aws_sagemaker_notebook_instance",
            "direct_internet_access = \"Disabled\"\nroot_access = \"Disabled\"",
            "",
        ),
        (
            "aws_sagemaker_notebook_instance",
            "direct_internet_access = var.a\nroot_access = var.b",
            "",
        ),
        (
            "aws_sagemaker_domain",
            "app_network_access_type = \"PublicInternetOnly\"",
            "exposed-managed-notebook medium",
        ),
        (
            "aws_sagemaker_domain",
            "app_network_access_type = \"VpcOnly\"",
            "",
        ),
        (
            "google_workbench_instance",
            "gce_setup {\ndisable_public_ip = true\n}",
            "",
        ),
        (
            "google_workbench_instance",
            "gce_setup {\ndisable_public_ip = false\n}",
            "exposed-managed-notebook medium",
        ),
        (
            "google_vertex_ai_endpoint",
            "name = \"e\"",
            "public-model-endpoint low",
        ),
        (
            "google_vertex_ai_endpoint",
            "network = \"projects/1/global/networks/n\"",
            "",
        ),
        (
            "azurerm_machine_learning_workspace",
            "public_network_access_enabled = true",
            "public-model-endpoint medium",
        ),
        (
            "azurerm_machine_learning_workspace",
            "public_network_access_enabled = false",
            "",
        ),
        (
            "azurerm_machine_learning_workspace",
            "name = \"w\"",
            "public-model-endpoint low",
        ),
    ];
    for (kind, settings, expected) in cases {
        assert_eq!(
            told(&in_terraform(&of(kind, settings))),
            expected,
            "{kind} {settings}"
        );
    }
}

#[test]
fn a_service_that_everyone_calls_counts_where_it_serves_models() {
    let run = |inside: &str, member: &str| {
        format!(
            "resource \"google_cloud_run_v2_service\" \"s\" {{\n  name = \"s\"\n  template {{\n    containers {{\n      \
             image = \"acme.example/app:1\"\n{inside}\n    }}\n  }}\n}}\nresource \
             \"google_cloud_run_v2_service_iam_member\" \"m\" {{\n  name = google_cloud_run_v2_service.s.name\n  role = \
             \"roles/run.invoker\"\n  member = \"{member}\"\n}}\n"
        )
    };
    let gpu = "resources {\n limits = { \"nvidia.com/gpu\" = \"1\" }\n}";
    check(&[
        (&run(gpu, "allUsers"), "public-model-endpoint medium"),
        (&run(gpu, "serviceAccount:a@b.example"), ""),
        // A web site.
        (&run("", "allUsers"), ""),
    ]);
}

fn in_yaml(text: &str) -> String {
    told(&in_files(&format!("=== all.yaml\n{text}")))
}

#[test]
fn a_route_to_what_no_file_declares_counts_by_name_and_port() {
    let ingress = |annotation: &str, service: &str, port: u32| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: i\n  annotations: {{{annotation}}}\nspec:\n  \
             rules:\n  - http:\n      paths:\n      - backend: {{service: {{name: {service}, port: {{number: {port}}}}}}}\n"
        )
    };
    let service = |kind: &str, selector: &str, port: u32| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s}}\nspec:\n  type: {kind}\n  selector: {{{selector}}}\n  ports: \
             [{{port: {port}}}]\n"
        )
    };
    let asks = "nginx.ingress.kubernetes.io/auth-url: 'https://login.example/auth'";
    let cases = [
        (ingress("", "mlflow-tracking", 5000), "unguarded-route medium"),
        (ingress("", "team-mlflow", 80), "unguarded-route medium"),
        (ingress("", "x", 11434), "unguarded-route low"),
        (ingress("", "ray-head-svc", 8265), "unguarded-route high"),
        (ingress(asks, "mlflow-tracking", 5000), ""),
        // A framework for web sites, and a service of anything.
        (ingress("", "phoenix", 4000), ""),
        (ingress("", "web", 8080), ""),
        (ingress("", "web", 5000), ""),
        // These ask unless told otherwise.
        (ingress("", "grafana", 3000), ""),
        (
            service("LoadBalancer", "ray.io/node-type: head, app: ray", 8265),
            "unguarded-route high",
        ),
        (
            service("NodePort", "app: ollama", 11434),
            "unguarded-route medium",
        ),
        (service("ClusterIP", "app: ollama", 11434), ""),
        (service("LoadBalancer", "app: web", 443), ""),
    ];
    for (text, expected) in cases {
        assert_eq!(in_yaml(&text), expected, "{text}");
    }
}

#[test]
fn the_group_that_ray_makes_for_its_machines_is_a_firewall() {
    let text = |cidr: &str| {
        format!(
            "=== cluster.yaml\ncluster_name: c\nprovider:\n  type: aws\n  security_group:\n    IpPermissions:\n    - FromPort: \
             8265\n      ToPort: 8265\n      IpRanges: [{{CidrIp: {cidr}}}]\nhead_start_ray_commands: [ray start --head --dashboard-host=0.0.0.0]\n"
        )
    };
    let told = |cidr: &str| told(&in_files(&text(cidr)));
    assert_eq!(told("0.0.0.0/0"), "open-dashboard-config critical");
    assert_eq!(told("10.0.0.0/8"), "open-dashboard-config high");
}
