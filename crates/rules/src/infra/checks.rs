//! The checks on configuration by their ids, and which rule tells of each.
//!
//! A rule names a bad pattern and tells once of a service; a check is one question that somebody may want to have answered
//! and to tick off. The one decision: checks are a table beside the rules, and each finding says in `properties.checks` which
//! of them it answers.

use super::reach::{Reach, Reached};
use wellhead_core::Severity;
use wellhead_infra::{Access, Bind, OpeningKind, Service, Weakness, WorkloadKind};

/// One question about configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigurationCheck {
    /// Its id: group and number.
    pub id: &'static str,
    /// What it looks for.
    pub title: &'static str,
    /// The rule that tells of it.
    pub rule: &'static str,
    /// How bad it is at its worst.
    pub severity: Severity,
}

const OPEN: &str = "open-dashboard-config";
const BROWSER: &str = "browser-guard-off";
const SIGNUP: &str = "open-sign-up";
const KNOWN: &str = "known-credentials";
const DANGER: &str = "dangerous-platform-setting";
const BUCKET: &str = "public-model-bucket";
const PORT: &str = "world-open-port";

const fn check(
    id: &'static str,
    title: &'static str,
    rule: &'static str,
    severity: Severity,
) -> ConfigurationCheck {
    ConfigurationCheck {
        id,
        title,
        rule,
        severity,
    }
}

/// All checks, by group: notebooks, trackers, clusters, model servers, interfaces, stores of data, networks, clouds.
#[rustfmt::skip]
pub static CHECKS: &[ConfigurationCheck] = &[
    check("JUP-01", "Jupyter's token or password is empty", OPEN, Severity::Critical),
    check("JUP-02", "Jupyter without a token listens everywhere and is published", OPEN, Severity::Critical),
    check("JUP-03", "Jupyter takes requests from pages of every origin", BROWSER, Severity::Medium),
    check("JUP-04", "Jupyter does not check for forged requests", BROWSER, Severity::Medium),
    check("JUP-05", "Jupyter lets strangers use parts of it", BROWSER, Severity::Medium),
    check("JUP-06", "JupyterHub's authenticator is the one for tests", SIGNUP, Severity::High),
    check("JUP-07", "JupyterHub lets everybody in whom the provider knows", SIGNUP, Severity::High),
    check("JUP-08", "JupyterHub's own accounts are open to everybody", SIGNUP, Severity::High),
    check("JUP-09", "Jupyter runs as root", DANGER, Severity::Medium),
    check("TRK-01", "MLflow asks nobody", OPEN, Severity::High),
    check("TRK-02", "MLflow takes every host name or origin", BROWSER, Severity::Medium),
    check("TRK-03", "MLflow's security middleware is off", BROWSER, Severity::Medium),
    check("TRK-04", "MLflow's secrets are missing or known", KNOWN, Severity::High),
    check("TRK-05", "the password of MLflow's database stands in its address", KNOWN, Severity::Medium),
    check("TRK-06", "MLflow's artifacts lie in a public bucket", BUCKET, Severity::High),
    check("TRK-07", "MLflow is of a version that refuses no foreign host names", OPEN, Severity::High),
    check("TRK-08", "MLflow hands artifacts to everybody", OPEN, Severity::High),
    check("CLU-01", "Ray's dashboard listens everywhere without a token", OPEN, Severity::Critical),
    check("CLU-02", "Ray's dashboard is published", OPEN, Severity::Critical),
    check("CLU-03", "Ray's port for clients is published", OPEN, Severity::Critical),
    check("CLU-04", "Ray's control store is published", OPEN, Severity::Critical),
    check("CLU-05", "Ray's agent of a node is published", OPEN, Severity::Critical),
    check("CLU-06", "KubeRay's service is a load balancer or a port of every node", OPEN, Severity::Critical),
    check("CLU-07", "Dask's scheduler or dashboard asks nobody", OPEN, Severity::Critical),
    check("CLU-08", "Spark asks nobody", OPEN, Severity::Critical),
    check("CLU-09", "Flower asks nobody", OPEN, Severity::High),
    check("SRV-01", "a model server has no key", OPEN, Severity::High),
    check("SRV-02", "a model server runs the code of models", DANGER, Severity::Medium),
    check("SRV-03", "a model server without a key is published on all addresses", OPEN, Severity::High),
    check("SRV-04", "vLLM loads adapters that callers name", DANGER, Severity::High),
    check("SRV-05", "vLLM's paths for developers are on", DANGER, Severity::High),
    check("SRV-06", "Triton loads models that callers name", DANGER, Severity::High),
    check("SRV-07", "TorchServe's management port is published", OPEN, Severity::Critical),
    check("SRV-08", "TorchServe asks for no token", OPEN, Severity::Critical),
    check("SRV-09", "TorchServe registers models from anywhere", DANGER, Severity::High),
    check("SRV-10", "TensorFlow Serving is published", OPEN, Severity::Medium),
    check("SRV-11", "Ollama is published, or takes every origin", OPEN, Severity::High),
    check("SRV-12", "BentoML or MLServer is published", OPEN, Severity::High),
    check("SRV-13", "KServe takes a model without encryption", "insecure-model-address", Severity::High),
    check("SRV-14", "Seldon or KServe serves without a policy of the mesh", OPEN, Severity::Medium),
    check("UI-01", "Gradio asks nobody, or opens a public tunnel", OPEN, Severity::Medium),
    check("UI-02", "Streamlit's guards against other pages are off", BROWSER, Severity::Medium),
    check("UI-03", "Open WebUI asks nobody, or lets everybody sign up", OPEN, Severity::Critical),
    check("UI-04", "Langflow signs everybody in", OPEN, Severity::Critical),
    check("UI-05", "Flowise asks nobody", OPEN, Severity::Critical),
    check("UI-06", "n8n asks nobody, or its cookie travels in the clear", OPEN, Severity::Critical),
    check("UI-07", "ComfyUI listens everywhere", OPEN, Severity::Critical),
    check("UI-08", "Airflow makes everybody an administrator", OPEN, Severity::Critical),
    check("UI-09", "Prefect asks nobody", OPEN, Severity::Critical),
    check("UI-10", "Label Studio lets everybody sign up", SIGNUP, Severity::High),
    check("UI-11", "LiteLLM takes requests without a key", OPEN, Severity::High),
    check("DAT-01", "Qdrant asks nobody", OPEN, Severity::High),
    check("DAT-02", "Weaviate lets everybody in", OPEN, Severity::High),
    check("DAT-03", "Milvus asks nobody", OPEN, Severity::High),
    check("DAT-04", "Chroma asks nobody", OPEN, Severity::High),
    check("DAT-05", "MinIO's password is its default", KNOWN, Severity::High),
    check("DAT-06", "Elasticsearch or ClickHouse asks nobody and is published", OPEN, Severity::High),
    check("DAT-07", "a secret is one that everybody knows", KNOWN, Severity::High),
    check("NET-01", "a platform that asks nobody is published on all addresses", OPEN, Severity::Critical),
    check("NET-02", "a load balancer or a port of every node leads to a platform that asks nobody", OPEN, Severity::Critical),
    check("NET-03", "an Ingress without authentication leads to a platform that asks nobody", OPEN, Severity::Critical),
    check("NET-04", "a route of a gateway without a policy leads to a platform that asks nobody", OPEN, Severity::Critical),
    check("NET-05", "a virtual service without a policy leads to a platform that asks nobody", OPEN, Severity::Critical),
    check("NET-06", "a reverse proxy without authentication leads to a platform that asks nobody", OPEN, Severity::Critical),
    check("NET-07", "a firewall lets everybody to a port of a platform", PORT, Severity::High),
    check("NET-08", "no network policy selects the pods of a platform that asks nobody", OPEN, Severity::Medium),
    check("CLD-01", "a managed notebook reaches the internet, or gives root", "exposed-managed-notebook", Severity::Medium),
    check("CLD-02", "a domain of notebooks stands in the public network", "exposed-managed-notebook", Severity::Medium),
    check("CLD-03", "a role may do everything with the bucket of a model", "wildcard-model-permissions", Severity::High),
    check("CLD-04", "the bucket of a model is public", BUCKET, Severity::High),
    check("CLD-05", "an endpoint or a service of a model is public", "public-model-endpoint", Severity::High),
    check("CLD-06", "a token of a hub or a provider stands in a file", "leaked-token", Severity::High),
];

/// The check of a product that asks nobody.
const PRODUCTS: &[(&str, &str)] = &[
    ("mlflow", "TRK-01"),
    ("dask", "CLU-07"),
    ("spark", "CLU-08"),
    ("flower", "CLU-09"),
    ("torchserve", "SRV-08"),
    ("tf-serving", "SRV-10"),
    ("ollama", "SRV-11"),
    ("bentoml", "SRV-12"),
    ("mlserver", "SRV-12"),
    ("kserve", "SRV-14"),
    ("seldon", "SRV-14"),
    ("gradio", "UI-01"),
    ("open-webui", "UI-03"),
    ("langflow", "UI-04"),
    ("flowise", "UI-05"),
    ("n8n", "UI-06"),
    ("comfyui", "UI-07"),
    ("airflow", "UI-08"),
    ("prefect", "UI-09"),
    ("litellm", "UI-11"),
    ("qdrant", "DAT-01"),
    ("weaviate", "DAT-02"),
    ("milvus", "DAT-03"),
    ("chroma", "DAT-04"),
    ("elasticsearch", "DAT-06"),
    ("clickhouse", "DAT-06"),
];

/// Servers of models that ask for a key or for nothing.
const KEYED: &[&str] = &[
    "vllm",
    "sglang",
    "llama-cpp",
    "tgi",
    "tei",
    "lmdeploy",
    "localai",
    "koboldcpp",
    "xinference",
    "nim",
    "triton",
];

/// Ports of Ray.
const RAY: &[(u32, &str)] = &[
    (8265, "CLU-02"),
    (10_001, "CLU-03"),
    (6379, "CLU-04"),
    (52_365, "CLU-05"),
];

/// The checks that a finding on an open service answers.
pub(super) fn of_open(service: &Service<'_>, reached: &Reached<'_, '_>) -> Vec<&'static str> {
    let id = service.product.id;
    let outside = reached.reach > Reach::Cluster;
    let mut out: Vec<&'static str> = PRODUCTS
        .iter()
        .filter(|(p, _)| *p == id)
        .map(|(_, c)| *c)
        .collect();
    if id == "jupyter" && service.access == Some(Access::SwitchedOff) {
        out.push("JUP-01");
        out.extend((outside && service.bind == Bind::All).then_some("JUP-02"));
    }
    if KEYED.contains(&id) {
        out.push("SRV-01");
        out.extend(outside.then_some("SRV-03"));
    }
    if id == "mlflow"
        && let Some(version) = &service.version
        && service
            .product
            .default_of(version)
            .is_some_and(|d| d.since.is_empty())
    {
        out.push("TRK-07");
    }
    let mut open = service
        .ways
        .iter()
        .filter(|w| !w.is_guarded() && w.audience >= wellhead_infra::Audience::Network);
    if id == "torchserve" && open.clone().any(|w| w.port == 8081) {
        out.push("SRV-07");
    }
    if id == "ray" {
        let ports: Vec<u32> = open.clone().map(|w| w.port).collect();
        // The dashboard's own port is only among them where it listens everywhere.
        let dashboard = service.ways.iter().any(|w| w.port == 8265) || service.workload.is_none();
        out.extend(dashboard.then_some("CLU-01"));
        out.extend(RAY.iter().filter(|(p, _)| ports.contains(p)).map(|(_, c)| *c));
        let wide = |w: &wellhead_infra::Way<'_>| {
            w.opening
                .is_some_and(|o| matches!(o.kind, OpeningKind::LoadBalancer | OpeningKind::NodePort))
        };
        let is_head = service.workload.is_some_and(|w| w.kind == WorkloadKind::RayHead);
        out.extend((is_head && open.any(wide)).then_some("CLU-06"));
    }
    for (weak, _) in service.weak.iter().filter(|(w, _)| w.is == Weakness::Open) {
        out.extend((!weak.check.is_empty()).then_some(weak.check));
    }
    out.extend(network(service, reached));
    out.dedup();
    out
}

/// What the way to it says.
fn network(service: &Service<'_>, reached: &Reached<'_, '_>) -> Vec<&'static str> {
    let mut out = Vec::new();
    let kind = reached.way.and_then(|w| w.opening).map(|o| o.kind);
    out.extend(kind.and_then(|kind| match kind {
        OpeningKind::HostPort | OpeningKind::HostNetwork => Some("NET-01"),
        OpeningKind::NodePort | OpeningKind::LoadBalancer => Some("NET-02"),
        OpeningKind::Ingress => Some("NET-03"),
        OpeningKind::HttpRoute => Some("NET-04"),
        OpeningKind::VirtualService => Some("NET-05"),
        OpeningKind::Proxy => Some("NET-06"),
        OpeningKind::Firewall => Some("NET-07"),
        OpeningKind::PublicUrl => Some("CLD-05"),
        OpeningKind::ClusterService => None,
    }));
    let isolation = service.workload.map(|w| &w.isolation);
    if isolation == Some(&wellhead_infra::Isolation::None) {
        out.push("NET-08");
    }
    out
}
