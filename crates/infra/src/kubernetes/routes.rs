//! Services and the routes that lead to them from outside: Ingress, Traefik, Gateway API, Istio.

use super::{
    Cluster, Pods, guards,
    object::{Object, Selector},
};
use crate::{
    estate::OPENING_BYTES,
    shell,
    workload::{Audience, Guard, GuardKind, LooseRoute, Mark, Opening, OpeningKind, Workload},
};
use std::{collections::BTreeMap, ops::Range};
use wellhead_formats::text::Node;

/// A service and the workloads behind it.
struct Service<'a> {
    object: &'a Object<'a>,
    targets: Vec<usize>,
    ports: Vec<ServicePort>,
}

struct ServicePort {
    name: String,
    number: Option<u32>,
    node: Option<u32>,
    target: String,
    span: Range<usize>,
}

/// Services by namespace and name.
type Services<'a> = BTreeMap<(&'a str, &'a str), Vec<Service<'a>>>;

/// Joins services and routes to what they lead to.
pub(super) fn join(cluster: &Cluster<'_, '_>, pods: &mut Pods<'_>) {
    let mut services = Services::new();
    for object in cluster.of_kind("Service").filter(|o| o.group().is_empty()) {
        let service = service(object, cluster, pods);
        let key = (object.namespace(), object.name());
        services.entry(key).or_default().push(service);
    }
    let routes = Routes { cluster, services };
    for object in cluster.objects {
        match object.kind() {
            "Ingress" => routes.ingress(object, pods),
            "IngressRoute" => routes.ingress_route(object, pods),
            "HTTPRoute" | "GRPCRoute" | "TCPRoute" | "TLSRoute" => routes.http_route(object, pods),
            "VirtualService" => routes.virtual_service(object, pods),
            // OpenShift's.
            "Route" => routes.openshift(object, pods),
            _ => {}
        }
    }
}

fn number(node: Option<&Node>) -> Option<u32> {
    node.and_then(Node::as_i64).and_then(|n| u32::try_from(n).ok())
}

fn one(port: u32) -> Range<u32> {
    port..port.saturating_add(1)
}

fn service<'a>(object: &'a Object<'a>, cluster: &Cluster<'_, '_>, pods: &mut Pods<'_>) -> Service<'a> {
    let selector = object.get(&["spec", "selector"]).map(Selector::of);
    let targets = match selector.filter(|s| !s.is_empty()) {
        Some(selector) => pods.selected(&selector, object, cluster),
        None => Vec::new(),
    };
    let text = |n: &Node, key: &str| n.get(key).and_then(Node::as_text).unwrap_or_default().to_owned();
    let ports: Vec<ServicePort> = object
        .get(&["spec", "ports"])
        .map_or(&[][..], Node::items)
        .iter()
        .map(|n| ServicePort {
            name: text(n, "name"),
            number: number(n.get("port")),
            node: number(n.get("nodePort")),
            target: text(n, "targetPort"),
            span: n.span.clone(),
        })
        .collect();
    for target in &targets {
        let bytes = ports.len().saturating_mul(OPENING_BYTES).saturating_mul(2);
        if !cluster.hold(bytes, &object.place()) {
            break;
        }
        let Some(found) = pods.found.get_mut(*target) else {
            continue;
        };
        let workload = &mut found.workload;
        workload.names.push(object.name().to_owned());
        for port in &ports {
            let inside = inside(port, workload);
            workload.openings.extend(service_openings(object, port, inside));
        }
        if ports.is_empty() {
            workload.openings.push(cluster_opening(object, None, None));
        }
    }
    if targets.is_empty() {
        loose_service(object, &ports, cluster, pods);
    }
    Service {
        object,
        targets,
        ports,
    }
}

/// The values of the labels that a service selects.
fn selects(object: &Object<'_>) -> Vec<String> {
    let entries = object.get(&["spec", "selector"]).map_or(&[][..], Node::entries);
    let values = entries.iter().filter_map(|e| e.node.as_text());
    values.take(MOST_LABELS).map(str::to_owned).collect()
}

/// How many labels of a selector are kept.
const MOST_LABELS: usize = 16;

/// A service that opens a way from outside to pods that no file declares.
fn loose_service(object: &Object<'_>, ports: &[ServicePort], cluster: &Cluster<'_, '_>, pods: &mut Pods<'_>) {
    let selects = selects(object);
    if selects.is_empty() {
        return;
    }
    let kind = object.get(&["spec", "type"]);
    for port in ports {
        let inside = if port.target.is_empty() {
            port.number.map(one)
        } else {
            shell::port_range(&port.target).or_else(|| port.number.map(one))
        };
        let way = typed(object, kind, inside, port.number, port.node, port.span.clone());
        let Some(opening) = way else { continue };
        if !cluster.hold(OPENING_BYTES, &object.place()) {
            return;
        }
        pods.loose.push(LooseRoute {
            service: object.name().to_owned(),
            namespace: object.namespace().to_owned(),
            selects: selects.clone(),
            opening,
        });
    }
}

/// The ports inside that a port of a service leads to.
fn inside(port: &ServicePort, workload: &Workload) -> Option<Range<u32>> {
    if port.target.is_empty() {
        return port.number.map(one);
    }
    shell::port_range(&port.target).or_else(|| {
        let ports = workload.containers.iter().flat_map(|c| &c.ports);
        ports
            .filter(|p| p.name == port.target)
            .find_map(|p| p.container.clone())
    })
}

fn cluster_opening(object: &Object<'_>, inside: Option<Range<u32>>, port: Option<&ServicePort>) -> Opening {
    Opening {
        kind: OpeningKind::ClusterService,
        audience: Audience::Cluster,
        inside,
        outside: port.and_then(|p| p.number).map(one),
        guards: Vec::new(),
        chain: vec![(
            port.map_or_else(|| object.place(), |p| p.span.clone()),
            "a service makes it known to the cluster".to_owned(),
        )],
    }
}

/// What a port of a Service opens, by the Service's type.
fn service_openings(object: &Object<'_>, port: &ServicePort, inside: Option<Range<u32>>) -> Vec<Opening> {
    let mut out = vec![cluster_opening(object, inside.clone(), Some(port))];
    let kind = object.get(&["spec", "type"]);
    out.extend(typed(
        object,
        kind,
        inside.clone(),
        port.number,
        port.node,
        port.span.clone(),
    ));
    if let Some(list) = object
        .get(&["spec", "externalIPs"])
        .filter(|n| !n.items().is_empty())
    {
        out.push(Opening {
            kind: OpeningKind::NodePort,
            audience: Audience::Everyone,
            inside,
            outside: port.number.map(one),
            guards: Vec::new(),
            chain: vec![(list.span.clone(), "nodes answer on these addresses".to_owned())],
        });
    }
    out
}

/// What the type of a service opens besides the cluster: `LoadBalancer`, `NodePort`.
pub(super) fn typed(
    object: &Object<'_>,
    kind: Option<&Node>,
    inside: Option<Range<u32>>,
    number: Option<u32>,
    node: Option<u32>,
    place: Range<usize>,
) -> Option<Opening> {
    let kind = kind?;
    let mut chain: Vec<Mark> = vec![(place, "a service leads to it".to_owned())];
    let mut guards = Vec::new();
    let (opening, audience, outside, label) = match kind.as_str()? {
        "LoadBalancer" => {
            let internal = is_internal(object);
            let ranges = object.get(&["spec", "loadBalancerSourceRanges"]);
            let (limited, span) = source_ranges(ranges);
            if limited && let Some(span) = span {
                guards.push(Guard {
                    kind: GuardKind::AddressList,
                    certain: true,
                    span,
                });
            }
            let audience = if internal || limited {
                Audience::Network
            } else {
                Audience::Internet
            };
            let label = if internal {
                "an internal load balancer"
            } else {
                "a load balancer with an address of its own"
            };
            (OpeningKind::LoadBalancer, audience, number.map(one), label)
        }
        "NodePort" => (
            OpeningKind::NodePort,
            Audience::Everyone,
            node.map(one),
            "a port of every node",
        ),
        _ => return None,
    };
    chain.push((kind.span.clone(), label.to_owned()));
    Some(Opening {
        kind: opening,
        audience,
        inside,
        outside,
        guards,
        chain,
    })
}

/// Whether only some addresses may come, and where that is said.
fn source_ranges(list: Option<&Node>) -> (bool, Option<Range<usize>>) {
    let Some(list) = list.filter(|n| !n.items().is_empty()) else {
        return (false, None);
    };
    let everyone = |n: &Node| n.as_text().is_none_or(|t| t.ends_with("/0"));
    (!list.items().iter().any(everyone), Some(list.span.clone()))
}

/// Whether annotations keep a load balancer inside a private network.
fn is_internal(object: &Object<'_>) -> bool {
    const SIGNS: &[(&str, &str)] = &[
        ("service.beta.kubernetes.io/aws-load-balancer-internal", "true"),
        (
            "service.beta.kubernetes.io/aws-load-balancer-internal",
            "0.0.0.0/0",
        ),
        ("service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"),
        ("service.beta.kubernetes.io/azure-load-balancer-internal", "true"),
        ("networking.gke.io/load-balancer-type", "internal"),
        ("cloud.google.com/load-balancer-type", "internal"),
        (
            "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type",
            "intranet",
        ),
        ("service.kubernetes.io/qcloud-loadbalancer-internal-subnetid", ""),
    ];
    SIGNS.iter().any(|(name, value)| {
        object
            .annotation(name)
            .is_some_and(|(v, _)| value.is_empty() || v.eq_ignore_ascii_case(value))
    })
}

/// One route from outside, before its backend is looked up.
struct Route {
    kind: OpeningKind,
    audience: Audience,
    guards: Vec<Guard>,
    label: &'static str,
}

struct Routes<'c, 'a, 'r> {
    cluster: &'c Cluster<'a, 'r>,
    services: Services<'a>,
}

impl Routes<'_, '_, '_> {
    /// Opens what a backend leads to.
    fn open(
        &self,
        by: &Object<'_>,
        route: &Route,
        (name, namespace): (&str, &str),
        port: Option<&Node>,
        place: &Range<usize>,
        pods: &mut Pods<'_>,
    ) {
        let mark = (place.clone(), route.label.to_owned());
        let opening = |inside: Option<Range<u32>>, chain: Vec<Mark>, guards: Vec<Guard>| Opening {
            kind: route.kind,
            audience: route.audience,
            inside,
            outside: None,
            guards,
            chain,
        };
        let all = self
            .services
            .get(&(namespace, name))
            .map_or(&[][..], Vec::as_slice);
        let near: Vec<&Service<'_>> = all.iter().filter(|s| *s.object.path == *by.path).collect();
        let chosen: Vec<&Service<'_>> = if near.is_empty() {
            all.iter().collect()
        } else {
            near
        };
        let text = port.and_then(Node::as_text).unwrap_or_default();
        let mut found = false;
        for service in chosen {
            let bytes = service.targets.len().saturating_mul(OPENING_BYTES);
            if !self.cluster.pay(service.targets.len() as u64, by) || !self.cluster.hold(bytes, place) {
                return;
            }
            let mut guards = route.guards.clone();
            guards.extend(guards::of_backend(service.object, self.cluster));
            let wanted = service
                .ports
                .iter()
                .find(|p| {
                    !text.is_empty() && (p.name == text || p.number.is_some_and(|n| n.to_string() == text))
                })
                .or_else(|| service.ports.first().filter(|_| service.ports.len() == 1));
            for target in &service.targets {
                let Some(at) = pods.found.get_mut(*target) else {
                    continue;
                };
                found = true;
                let inside = wanted.and_then(|p| inside(p, &at.workload));
                let mut chain = vec![mark.clone()];
                chain.extend(wanted.map(|p| (p.span.clone(), "a service leads to it".to_owned())));
                at.workload.openings.push(opening(inside, chain, guards.clone()));
            }
        }
        if found {
            return;
        }
        let called = pods.called(name, namespace, by, self.cluster);
        if called.is_empty() && self.cluster.hold(OPENING_BYTES, place) {
            let service = all.first();
            let mut guards = route.guards.clone();
            guards.extend(
                service
                    .map(|s| guards::of_backend(s.object, self.cluster))
                    .unwrap_or_default(),
            );
            let number = service.and_then(|s| {
                let named = s.ports.iter().find(|p| p.name == text);
                let numbered = || {
                    s.ports
                        .iter()
                        .find(|p| p.number.is_some_and(|n| n.to_string() == text))
                };
                let port = named.or_else(numbered)?;
                shell::port_range(&port.target).or_else(|| port.number.map(one))
            });
            pods.loose.push(LooseRoute {
                service: name.to_owned(),
                namespace: namespace.to_owned(),
                selects: service.map(|s| selects(s.object)).unwrap_or_default(),
                opening: opening(
                    number.or_else(|| shell::port_range(text)),
                    vec![mark.clone()],
                    guards,
                ),
            });
        }
        for target in called {
            if !self.cluster.hold(OPENING_BYTES, place) {
                return;
            }
            if let Some(at) = pods.found.get_mut(target) {
                let inside = shell::port_range(text);
                at.workload
                    .openings
                    .push(opening(inside, vec![mark.clone()], route.guards.clone()));
            }
        }
    }

    fn ingress(&self, object: &Object<'_>, pods: &mut Pods<'_>) {
        let class = object.get(&["spec", "ingressClassName"]).and_then(Node::as_str);
        let class = class.or_else(|| object.annotation("kubernetes.io/ingress.class").map(|(v, _)| v));
        let scheme = object
            .annotation("alb.ingress.kubernetes.io/scheme")
            .map(|(v, _)| v);
        let audience = match (class, scheme) {
            (_, Some("internet-facing")) => Audience::Internet,
            // The load balancers of AWS are internal unless told otherwise.
            (Some("alb"), _) => Audience::Network,
            (Some(class), _) if class.contains("internal") || class.contains("private") => Audience::Network,
            _ => Audience::Everyone,
        };
        let route = Route {
            kind: OpeningKind::Ingress,
            audience,
            guards: guards::of_ingress(object, self.cluster),
            label: "an Ingress leads to it",
        };
        let mut backends: Vec<&Node> = Vec::new();
        backends.extend(object.get(&["spec", "defaultBackend"]));
        backends.extend(object.get(&["spec", "backend"]));
        for rule in object.get(&["spec", "rules"]).map_or(&[][..], Node::items) {
            let paths = rule.path(&["http", "paths"]).map_or(&[][..], Node::items);
            backends.extend(paths.iter().filter_map(|p| p.get("backend")));
        }
        for backend in backends {
            let name = backend
                .path(&["service", "name"])
                .or_else(|| backend.get("serviceName"));
            let port = backend
                .path(&["service", "port", "number"])
                .or_else(|| backend.path(&["service", "port", "name"]))
                .or_else(|| backend.get("servicePort"));
            let Some(name) = name else { continue };
            let text = name.as_text().unwrap_or_default();
            self.open(
                object,
                &route,
                (text, object.namespace()),
                port,
                &backend.span,
                pods,
            );
        }
    }

    /// Traefik's own kind of Ingress.
    fn ingress_route(&self, object: &Object<'_>, pods: &mut Pods<'_>) {
        for rule in object.get(&["spec", "routes"]).map_or(&[][..], Node::items) {
            let route = Route {
                kind: OpeningKind::Ingress,
                audience: Audience::Everyone,
                guards: guards::of_middlewares(rule, object, self.cluster),
                label: "an IngressRoute leads to it",
            };
            self.backends(rule.get("services"), object, &route, pods);
        }
    }

    fn http_route(&self, object: &Object<'_>, pods: &mut Pods<'_>) {
        let gateways: Vec<&str> = object
            .get(&["spec", "parentRefs"])
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|n| n.get("name")?.as_text())
            .collect();
        for rule in object.get(&["spec", "rules"]).map_or(&[][..], Node::items) {
            let route = Route {
                kind: OpeningKind::HttpRoute,
                audience: Audience::Everyone,
                guards: guards::of_route(rule, object, &gateways, self.cluster),
                label: "a route of a gateway leads to it",
            };
            self.backends(rule.get("backendRefs"), object, &route, pods);
        }
    }

    /// A list of `{name, namespace, port}`.
    fn backends(&self, list: Option<&Node>, object: &Object<'_>, route: &Route, pods: &mut Pods<'_>) {
        for backend in list.map_or(&[][..], Node::items) {
            let Some(name) = backend.get("name").and_then(Node::as_text) else {
                continue;
            };
            let namespace = backend.get("namespace").and_then(Node::as_text);
            let at = (name, namespace.unwrap_or_else(|| object.namespace()));
            self.open(object, route, at, backend.get("port"), &backend.span, pods);
        }
    }

    fn virtual_service(&self, object: &Object<'_>, pods: &mut Pods<'_>) {
        let gateways = object.get(&["spec", "gateways"]).map_or(&[][..], Node::items);
        let outer = gateways.iter().any(|g| g.as_text() != Some("mesh"));
        let route = Route {
            kind: OpeningKind::VirtualService,
            audience: if outer {
                Audience::Everyone
            } else {
                Audience::Cluster
            },
            guards: if outer {
                guards::of_mesh_gateway(self.cluster)
            } else {
                Vec::new()
            },
            label: "a VirtualService leads to it",
        };
        for part in ["http", "tls", "tcp"] {
            for rule in object.get(&["spec", part]).map_or(&[][..], Node::items) {
                for way in rule.get("route").map_or(&[][..], Node::items) {
                    let Some(destination) = way.get("destination") else {
                        continue;
                    };
                    let host = destination
                        .get("host")
                        .and_then(Node::as_text)
                        .unwrap_or_default();
                    let mut parts = host.split('.');
                    let name = parts.next().unwrap_or_default();
                    let namespace = parts.next().unwrap_or_else(|| object.namespace());
                    let namespace = if namespace == "default" { "" } else { namespace };
                    let port = destination.path(&["port", "number"]);
                    self.open(object, &route, (name, namespace), port, &destination.span, pods);
                }
            }
        }
    }

    fn openshift(&self, object: &Object<'_>, pods: &mut Pods<'_>) {
        let route = Route {
            kind: OpeningKind::Ingress,
            audience: Audience::Everyone,
            guards: Vec::new(),
            label: "a Route leads to it",
        };
        let Some(name) = object.get(&["spec", "to", "name"]) else {
            return;
        };
        let port = object.get(&["spec", "port", "targetPort"]);
        let text = name.as_text().unwrap_or_default();
        self.open(object, &route, (text, object.namespace()), port, &name.span, pods);
    }
}
