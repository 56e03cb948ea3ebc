//! Who reaches a service, and how bad that is: one judgement for all rules on services.
//!
//! The one decision: what is not known makes a finding smaller and never makes it go away, and only what certainly asks, or
//! certainly is reached by nobody else, is left alone.

use wellhead_core::{Confidence, Severity};
use wellhead_infra::{Access, Audience, Bind, Gain, OpeningKind, Service, Way, WorkloadKind};

/// How far somebody has to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// A configuration file, or an image: whoever uses it decides.
    Image,
    /// An image that says that its port is meant to be published, or a script that anybody may start.
    Exposed,
    /// Whatever runs in the same cluster.
    Cluster,
    /// Private networks, or it is not said.
    Network,
    /// Everybody who reaches the host.
    Everyone,
    /// The internet.
    Internet,
}

/// A service, and the way that counts.
#[derive(Clone, Debug)]
pub(super) struct Reached<'s, 'a> {
    pub(super) reach: Reach,
    pub(super) way: Option<&'s Way<'a>>,
    /// Further ways of the same kind that are as wide, each to another port; a few.
    pub(super) more: Vec<&'s Way<'a>>,
    /// Something on the way may ask who comes.
    pub(super) doubt: bool,
}

/// The widest way to a service that nobody guards for certain; nothing where there is none.
pub(super) fn reached<'s, 'a>(service: &'s Service<'a>) -> Option<Reached<'s, 'a>> {
    let Some(workload) = service.workload else {
        let reach = if service.exposed.is_some() {
            Reach::Exposed
        } else {
            Reach::Image
        };
        let alone = Reached {
            reach,
            way: None,
            more: Vec::new(),
            doubt: false,
        };
        return (service.bind != Bind::Loopback).then_some(alone);
    };
    // What only the containers of one host reach is the usual way to keep it closed.
    let least = match workload.kind {
        WorkloadKind::Service | WorkloadKind::DockerRun => Audience::Network,
        _ => Audience::Cluster,
    };
    let open = |w: &&Way<'_>| !w.is_guarded() && w.audience >= least;
    let width = |w: &&Way<'_>| (!w.may_be_guarded(), w.audience, w.opening.is_some());
    // Of several that are as wide the first counts: the platform's main port.
    let way = service.ways.iter().filter(open).rev().max_by_key(width)?;
    let guarded_outside = service
        .ways
        .iter()
        .any(|w| w.is_guarded() && w.audience > Audience::Cluster);
    if way.audience <= Audience::Cluster && guarded_outside {
        return None;
    }
    let reach = match way.audience {
        _ if service.is_script => Reach::Exposed,
        Audience::Internet => Reach::Internet,
        Audience::Everyone => Reach::Everyone,
        Audience::Unknown | Audience::Network => Reach::Network,
        Audience::Cluster => Reach::Cluster,
        Audience::Host => return None,
    };
    Some(Reached {
        reach,
        way: Some(way),
        more: as_wide(service, way, |w| open(&w) && width(&w) == width(&way)),
        doubt: way.may_be_guarded(),
    })
}

/// How many ports a sentence names besides the first.
const MOST_PORTS: usize = 2;

fn as_wide<'s, 'a>(
    service: &'s Service<'a>,
    way: &Way<'a>,
    fits: impl Fn(&'s Way<'a>) -> bool,
) -> Vec<&'s Way<'a>> {
    let kind = |w: &Way<'_>| w.opening.map(|o| o.kind);
    let mut out: Vec<&Way<'_>> = Vec::new();
    for other in service.ways.iter().filter(|w| kind(w) == kind(way) && fits(w)) {
        let known = std::iter::once(way)
            .chain(out.iter().copied())
            .any(|w| outside(w) == outside(other));
        if !known && out.len() < MOST_PORTS {
            out.push(other);
        }
    }
    out
}

/// The port that somebody outside asks for.
fn outside(way: &Way<'_>) -> u32 {
    let outside = way.opening.and_then(|o| o.outside.clone());
    let single = outside.filter(|o| o.end.saturating_sub(o.start) == 1);
    single.map_or(way.port, |o| o.start)
}

impl Reached<'_, '_> {
    /// How bad it is that such a service asks nobody; nothing where it is not worth a word.
    pub(super) fn open(&self, service: &Service<'_>) -> Option<(Severity, Confidence)> {
        let gain = service.product.gain;
        let off = service.access == Some(Access::SwitchedOff);
        let severity = match (self.reach, gain) {
            (Reach::Everyone | Reach::Internet, Gain::Code) => Severity::Critical,
            (Reach::Everyone | Reach::Internet, Gain::Write) => Severity::High,
            (Reach::Everyone | Reach::Internet, Gain::Data) => Severity::Medium,
            (Reach::Network | Reach::Exposed, Gain::Code) => Severity::High,
            (Reach::Exposed, Gain::Write) if service.workload.is_none() => Severity::High,
            (Reach::Network | Reach::Exposed, Gain::Write) => Severity::Medium,
            (Reach::Network | Reach::Exposed, Gain::Data) => Severity::Low,
            (Reach::Cluster, Gain::Code) => Severity::Medium,
            (Reach::Cluster, Gain::Write) => Severity::Low,
            (Reach::Cluster, Gain::Data) if !off => return None,
            (Reach::Image, Gain::Code) if off && service.bind == Bind::All => Severity::High,
            (Reach::Image, Gain::Code | Gain::Write) => Severity::Medium,
            (Reach::Cluster | Reach::Image, Gain::Data) => Severity::Low,
        };
        let sure = match self.reach {
            Reach::Image | Reach::Exposed | Reach::Network => Confidence::Medium,
            Reach::Cluster | Reach::Everyone | Reach::Internet => Confidence::High,
        };
        // A variable that hides the address, or a file of variables that is not there, may close it.
        let may_ask = service.more_environment && !off;
        if self.doubt || may_ask {
            return Some((severity.min(Severity::Low), Confidence::Low));
        }
        if !service.certain {
            return Some((severity.min(Severity::Medium), Confidence::Low));
        }
        let sure = if service.bind == Bind::Unknown {
            Confidence::Medium
        } else {
            sure
        };
        Some((severity, sure))
    }

    /// How bad another weakness of it is, by how bad it is at its worst.
    pub(super) fn weakened(&self, worst: Severity) -> Severity {
        match self.reach {
            Reach::Everyone | Reach::Internet => worst,
            Reach::Network | Reach::Exposed | Reach::Image => worst.min(Severity::Medium),
            Reach::Cluster => worst.min(Severity::Low),
        }
    }

    /// Who, as the start of a sentence.
    pub(super) fn who(&self) -> String {
        let port = self.way.map(|way| {
            let ports: Vec<String> = std::iter::once(way)
                .chain(self.more.iter().copied())
                .map(|w| outside(w).to_string())
                .collect();
            ports.join(" or ")
        });
        let kind = self.way.and_then(|w| Some(w.opening?.kind));
        let by = match kind {
            Some(OpeningKind::Ingress) => "its Ingress",
            Some(OpeningKind::HttpRoute) => "its route",
            Some(OpeningKind::VirtualService) => "its virtual service",
            Some(OpeningKind::PublicUrl) => "its public address",
            // The cluster chooses it where nobody does.
            Some(OpeningKind::NodePort)
                if self
                    .way
                    .is_some_and(|w| w.opening.is_some_and(|o| o.outside.is_none())) =>
            {
                "its node port"
            }
            _ => "",
        };
        match (self.reach, port) {
            (Reach::Internet, _) if !by.is_empty() => "anyone on the internet".to_owned(),
            (Reach::Internet, Some(port)) => format!("anyone on the internet who reaches port {port}"),
            (Reach::Cluster, _) if self.way.is_some_and(|w| w.admission.is_some()) => {
                "whatever its network policy lets in".to_owned()
            }
            (Reach::Cluster, _) => "whatever runs in the cluster".to_owned(),
            (Reach::Everyone | Reach::Network, _) if !by.is_empty() => format!("anyone who reaches {by}"),
            (Reach::Everyone | Reach::Network, Some(port)) => format!("anyone who reaches port {port}"),
            (Reach::Exposed, Some(_)) => "anyone who reaches the machine that runs this".to_owned(),
            _ => "anyone who reaches its port".to_owned(),
        }
    }
}

/// Where what lies there is started by tests, or was installed: nobody runs it from there.
pub(super) fn is_aside(path: &str) -> bool {
    const ASIDE: [&str; 11] = [
        ".devcontainer",
        "ci",
        "test",
        "tests",
        "testdata",
        "test_data",
        "fixtures",
        "__tests__",
        "site-packages",
        "dist-packages",
        "node_modules",
    ];
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    // `docker-compose.test.yml`
    let mut parts = name.split(['.', '-', '_']);
    folders.split('/').any(|f| ASIDE.contains(&f))
        || parts.any(|p| ["test", "tests", "e2e", "ci"].contains(&p))
}
