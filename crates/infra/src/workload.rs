//! What runs, and every way in: the one view that all readers of infrastructure produce.
//!
//! The one decision: a pod, a compose service, a task, a unit of systemd and a machine are all a [`Workload`] with
//! containers ([`Resource`]) and [`Opening`]s. So "this product, on that port, reached by whom, past which guard" is
//! asked once, of one type. What is not known stays unknown and is never taken for closed.

use crate::{
    resource::{Resource, Word},
    settings::Settings,
};
use std::{collections::BTreeMap, ops::Range};

/// Something that runs. All ranges count bytes of the text of its [`FileSet`](crate::FileSet).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Its namespace; empty where there is none.
    pub namespace: String,
    /// Further names under which others of its kind reach it.
    pub names: Vec<String>,
    /// What it is.
    pub kind: WorkloadKind,
    /// The whole of its declaration.
    pub span: Range<usize>,
    /// Labels of what runs, by which selectors find it.
    pub labels: BTreeMap<String, Word>,
    /// What runs in it, the main one first; what only prepares it is not among them.
    pub containers: Vec<Resource>,
    /// The ways in.
    pub openings: Vec<Opening>,
    /// What its network lets in.
    pub isolation: Isolation,
    /// Configuration files of platforms that are mounted into it.
    pub settings: Vec<Settings>,
    /// Where it takes models from: `storageUri` and its relatives.
    pub models: Vec<Word>,
    /// Names under which it is only started on request.
    pub profiles: Vec<String>,
}

/// What a workload is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// A service of a compose file.
    #[default]
    Service,
    /// A Kubernetes workload: a pod and whatever makes pods.
    Pod,
    /// The head of a Ray cluster.
    RayHead,
    /// Workers of a Ray cluster.
    RayWorker,
    /// A model that KServe serves.
    InferenceService,
    /// A model that Seldon serves.
    SeldonDeployment,
    /// A container of a cloud: a task, Cloud Run, a container group.
    CloudContainer,
    /// A machine that starts something.
    Machine,
    /// A unit of systemd.
    Unit,
    /// A container that a script starts.
    DockerRun,
    /// What a script starts on the machine that it runs on.
    Script,
}

/// A way to reach a workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opening {
    /// What opens it.
    pub kind: OpeningKind,
    /// Who comes as far as that.
    pub audience: Audience,
    /// The ports inside that it leads to; `None` where that is not known, so that it may lead to any.
    pub inside: Option<Range<u32>>,
    /// The ports as they are seen from outside, where they are known.
    pub outside: Option<Range<u32>>,
    /// What asks for a password on the way, as far as it is said.
    pub guards: Vec<Guard>,
    /// The places that make it, the nearest to the workload first, each with a few words.
    pub chain: Vec<Mark>,
}

/// A way in to something that no file declares: a chart or an operator makes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LooseRoute {
    /// The name of the service that it leads to.
    pub service: String,
    /// Its namespace; empty where there is none.
    pub namespace: String,
    /// Values of the labels that it selects.
    pub selects: Vec<String>,
    /// The way itself.
    pub opening: Opening,
}

/// A place with a few words on what it does.
pub type Mark = (Range<usize>, String);

/// What opens a way in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpeningKind {
    /// A port of the host.
    #[default]
    HostPort,
    /// It shares the network of the host.
    HostNetwork,
    /// A service inside a cluster.
    ClusterService,
    /// A port of every node of a cluster.
    NodePort,
    /// A load balancer of a cluster or a cloud.
    LoadBalancer,
    /// An Ingress.
    Ingress,
    /// A route of the Gateway API.
    HttpRoute,
    /// A virtual service of Istio.
    VirtualService,
    /// A reverse proxy that the same files declare.
    Proxy,
    /// A rule of a cloud's firewall.
    Firewall,
    /// An address that the cloud gives it.
    PublicUrl,
}

/// Who reaches an opening, widest last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Nobody but the machine itself.
    Host,
    /// Whatever runs in the same cluster.
    Cluster,
    /// Private networks.
    Network,
    /// It is not said.
    #[default]
    Unknown,
    /// Everyone who reaches the host, be it the internet or the network that it stands in.
    Everyone,
    /// The internet: it is said so.
    Internet,
}

/// What asks for a password in front of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// How it asks.
    pub kind: GuardKind,
    /// Whether it asks for certain: what it refers to was found, or needs nothing more.
    pub certain: bool,
    /// Where it is said.
    pub span: Range<usize>,
}

/// How a guard asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GuardKind {
    /// A password by HTTP's basic authentication.
    Basic,
    /// Another service is asked about each request: `auth-url`, ForwardAuth, `auth_request`.
    Forward,
    /// OpenID Connect at the load balancer or proxy.
    Oidc,
    /// Client certificates.
    ClientCertificate,
    /// A policy of the mesh.
    MeshPolicy,
    /// A policy of the gateway.
    GatewayPolicy,
    /// A token of the product itself.
    Token,
    /// Permissions of the cloud.
    Iam,
    /// Only some addresses are let through.
    AddressList,
}

/// What network policies let into a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Isolation {
    /// There is none of this kind here.
    #[default]
    NotApplicable,
    /// No policy selects it: whatever runs in the cluster reaches it.
    None,
    /// Policies select it; only these come in, each a port or all, from whom.
    Limited(Vec<Admission>),
}

/// What one rule of a network policy lets in.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    /// The ports; `None` is all of them.
    pub ports: Option<Range<u32>>,
    /// Who.
    pub from: Audience,
    /// Where it is said.
    pub span: Range<usize>,
}

impl Opening {
    /// Whether it may lead to that port inside.
    pub fn leads_to(&self, port: u32) -> bool {
        self.inside.as_ref().is_none_or(|range| range.contains(&port))
    }

    /// Whether something on the way asks for certain who comes.
    pub fn is_guarded(&self) -> bool {
        self.guards
            .iter()
            .any(|g| g.certain && g.kind != GuardKind::AddressList)
    }
}

impl Workload {
    /// Whether others of its namespace call it so.
    pub(crate) fn is_called(&self, host: &str) -> bool {
        self.name == host || self.names.iter().any(|n| n == host)
    }

    /// The ways to a port, widest first; those that nobody guards before the others.
    pub fn ways_to(&self, port: u32) -> Vec<&Opening> {
        let mut found: Vec<&Opening> = self.openings.iter().filter(|o| o.leads_to(port)).collect();
        found.sort_by_key(|o| (o.is_guarded(), std::cmp::Reverse(o.audience)));
        found
    }
}
