use crate::EstateView;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_infra::{Audience, Gain, LooseRoute, OpeningKind, PRODUCTS, Product};

/// A route from outside leads to a platform and asks nobody.
pub(crate) static UNGUARDED_ROUTE: Rule = Rule {
    id: "unguarded-route",
    summary: "a route from outside leads to a platform and asks nobody",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "anyone who reaches the load balancer, the nodes or the gateway",
        vector: "the route, to a platform that another tool installs",
        weakness: "no policy on the way asks who comes, and the platform does not either unless it is told to",
        impact: "models and data are read or replaced, or code runs on the cluster",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(306),
        Reference::Cwe(668),
    ],
    page: include_str!("unguarded_route.md"),
    file: file!(),
};

/// Names of platforms that are words of other things as well: their port has to agree.
const WORDS: [&str; 12] = [
    "aim",
    "bokeh",
    "flower",
    "gradio",
    "panel",
    "phoenix",
    "prefect",
    "ray",
    "seldon",
    "spark",
    "streamlit",
    "triton",
];
/// Ports that so many programs use that they tell nothing.
const TELLS_NOTHING: [u32; 12] = [
    80, 443, 3000, 3001, 5000, 8000, 8001, 8080, 8081, 8443, 9000, 9090,
];

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    for route in &view.estate.loose {
        let way = &route.opening;
        if way.audience < Audience::Everyone || !way.guards.is_empty() {
            continue;
        }
        if let Some((product, named)) = platform(route) {
            report(view, route, product, named, sink);
        }
    }
}

/// The platform that a route leads to, and whether its name says so. One that asks for a password by itself is none.
fn platform(route: &LooseRoute) -> Option<(&'static Product, bool)> {
    let inside = route.opening.inside.as_ref();
    let names: Vec<&str> = std::iter::once(route.service.as_str())
        .chain(route.selects.iter().map(String::as_str))
        .collect();
    let has = |product: &Product| {
        let mut ports = product.ports.iter().map(|p| u32::from(p.port));
        inside.is_some_and(|range| ports.any(|p| range.contains(&p)))
    };
    let called = |product: &Product| names.iter().any(|name| is_called(name, product.id));
    let open = || {
        PRODUCTS
            .iter()
            .filter(|p| p.defaults.first().is_some_and(|d| !d.asks))
    };
    let known = open().find(|p| {
        let sure = !WORDS.contains(&p.id) || has(p);
        // Port 80 of a service leads wherever the chart has it lead.
        let fits = has(p) || inside.is_none_or(|r| r.contains(&80) || r.contains(&443) || r.contains(&8080));
        called(p) && sure && fits
    });
    if let Some(product) = known {
        return Some((product, true));
    }
    let port = inside.filter(|r| r.end.saturating_sub(r.start) == 1)?.start;
    if TELLS_NOTHING.contains(&port) {
        return None;
    }
    // A port that several platforms share tells of none of them.
    let mut with = PRODUCTS
        .iter()
        .filter(|p| p.ports.iter().any(|own| u32::from(own.port) == port));
    let only = with.next().filter(|_| with.next().is_none())?;
    only.defaults.first().filter(|d| !d.asks)?;
    Some((only, false))
}

/// Whether a name holds that of a platform as a word: `mlflow-tracking`, `team-open-webui`.
fn is_called(name: &str, id: &str) -> bool {
    let parts = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|p| !p.is_empty())
            .map(str::to_ascii_lowercase)
            .collect()
    };
    let (name, id) = (parts(name), parts(id));
    !id.is_empty() && name.windows(id.len()).any(|w| w == id.as_slice())
}

fn report(view: &EstateView, route: &LooseRoute, product: &Product, named: bool, sink: &mut Sink) {
    let way = &route.opening;
    let severity = match (product.gain, named) {
        (Gain::Code, true) => Severity::High,
        (_, true) => Severity::Medium,
        (_, false) => Severity::Low,
    };
    let through = match way.kind {
        OpeningKind::LoadBalancer => "a load balancer of the cluster leads",
        OpeningKind::NodePort => "a port of every node leads",
        OpeningKind::HttpRoute => "a route of a gateway leads",
        OpeningKind::VirtualService => "a route of the mesh leads",
        _ => "an Ingress leads",
    };
    let message = format!(
        "{through} to {} ({}) and asks nobody on the way",
        product.name,
        code(&route.service)
    );
    let mut places = view.places(sink, &way.chain).into_iter();
    let Some(place) = places.next() else { return };
    let mut finding = Finding::new(&UNGUARDED_ROUTE, message, place)
        .severity(severity)
        .confidence(if named { Confidence::Medium } else { Confidence::Low })
        .subject(format!("{} {}", product.id, escape(&route.service)))
        .property("product", product.id)
        .help(product.remedy)
        .help(guard(way.kind))
        .note("what it leads to is declared elsewhere, so whether it asks for a password is not known; unless told to, it does not");
    if !named {
        finding = finding.note("only its port tells which platform it is");
    }
    sink.push(places.fold(finding, Finding::at));
}

/// What asks on the way.
fn guard(kind: OpeningKind) -> &'static str {
    match kind {
        OpeningKind::LoadBalancer | OpeningKind::NodePort => {
            "make the service `ClusterIP` and let a route lead to it that asks who comes"
        }
        OpeningKind::HttpRoute => {
            "attach a policy of the gateway that asks who comes, such as a `SecurityPolicy`"
        }
        OpeningKind::VirtualService => {
            "add a `RequestAuthentication` and an `AuthorizationPolicy` for what it leads to"
        }
        _ => "add `nginx.ingress.kubernetes.io/auth-url`, or a `ForwardAuth` middleware",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_called_by_whole_words() {
        let cases = [
            ("mlflow", "mlflow", true),
            ("team-mlflow.tracking", "mlflow", true),
            ("my-open-webui", "open-webui", true),
            ("x-ray", "ray", true),
            ("array", "ray", false),
            ("openwebui", "open-webui", false),
            ("", "ray", false),
        ];
        for (name, id, expected) in cases {
            assert_eq!(is_called(name, id), expected, "{name} {id}");
        }
    }
}
