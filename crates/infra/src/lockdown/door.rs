//! Where a proxy is entered, and how it runs in a container.
//!
//! The one decision: without a name there is no TLS and only one machine gets in; with one there is nothing but TLS.

use super::{Front, Ground, LockdownRequest};
use std::net::IpAddr;

/// Where containers find a certificate and its key.
pub(super) const TLS_FOLDER: &str = "/etc/tls";

/// Where a proxy listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    /// The one address; all where there is none.
    pub(super) address: Option<IpAddr>,
    /// The port.
    pub(super) port: u16,
    /// The port from which visitors without TLS are sent to the other.
    pub(super) plain: Option<u16>,
    /// Its certificate.
    pub(super) tls: Tls,
}

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// There is none, nor a need for one.
    No,
    /// The proxy gets it.
    Automatic,
    /// From files: certificate and key.
    Files(String, String),
}

impl Tls {
    /// Whether it lies in files.
    pub(super) fn is_files(&self) -> bool {
        matches!(self, Self::Files(..))
    }
}

/// The ports of proxies in containers, which need no rights for them.
pub(super) const INSIDE: (u16, u16) = (8080, 8443);

impl Door {
    pub(super) fn of(request: &LockdownRequest) -> Self {
        let containers = request.ground.is_containers();
        let Some(name) = &request.name else {
            // What a compose file publishes arrives from elsewhere; what `kubectl port-forward` brings comes from the pod itself.
            let all = request.ground == Ground::Compose;
            return Self {
                address: (!all).then(|| request.listen.ip()),
                port: request.listen.port(),
                plain: None,
                tls: Tls::No,
            };
        };
        let (plain, port) = if containers { INSIDE } else { (80, 443) };
        let in_folder = || Tls::Files(format!("{TLS_FOLDER}/tls.crt"), format!("{TLS_FOLDER}/tls.key"));
        let automatic = request.front == Front::Caddy;
        let tls = match (request.ground, &request.certificate) {
            (Ground::Kubernetes, _) | (Ground::Compose, Some(_)) => in_folder(),
            (Ground::Compose, None) if !automatic => in_folder(),
            (_, Some((certificate, key))) => Tls::Files(certificate.clone(), key.clone()),
            (_, None) if automatic => Tls::Automatic,
            (_, None) => Tls::Files(format!("/etc/ssl/{name}.crt"), format!("/etc/ssl/{name}.key")),
        };
        Self {
            address: None,
            port,
            plain: (request.ground != Ground::Kubernetes).then_some(plain),
            tls,
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls != Tls::No
    }
}

/// A container of a proxy.
#[derive(Clone, Debug)]
pub(super) struct Container {
    /// Its name.
    pub(super) name: &'static str,
    /// Its image with a version that it was written for.
    pub(super) image: &'static str,
    /// What its image is told to start.
    pub(super) arguments: Vec<String>,
    /// Variables with secrets of people.
    pub(super) secrets: Vec<String>,
    /// Folders of configuration with the place where it looks for them.
    pub(super) reads: Vec<(&'static str, &'static str)>,
    /// Folders that it writes to and that may be lost.
    pub(super) writes: &'static [&'static str],
    /// Folders that it writes to and that have to stay.
    pub(super) keeps: &'static [(&'static str, &'static str)],
    /// Whether visitors come to it.
    pub(super) is_entrance: bool,
}
