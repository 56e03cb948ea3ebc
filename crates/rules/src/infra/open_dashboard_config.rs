use crate::EstateView;
use std::ops::Range;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    escape,
};
use wellhead_infra::{
    Access, Audience, Bind, Configuration, Exposure, Gain, Launch, Opening, Reach, Resource, Workload,
    WorkloadKind, exposures, launches,
};
use wellhead_pycode::{Call, Module, Value};

/// A platform that is started so that strangers can use it.
pub(crate) static OPEN_DASHBOARD_CONFIG: Rule = Rule {
    id: "open-dashboard-config",
    summary: "a platform is started so that anyone who reaches it can use it",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 5,
        detectability: 5,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 5,
    },
    threat: ThreatProfile {
        agent: "anyone on the network, and every scanner of the internet",
        vector: "the platform's own interface on its usual port",
        weakness: "it listens on every address and asks nobody for a password",
        impact: "models and data are read or replaced, or code runs on the machine",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(306),
        Reference::Cwe(1188),
        Reference::Cve("CVE-2023-48022"),
    ],
    page: include_str!("open_dashboard_config.md"),
    file: file!(),
};

pub(super) fn check(configuration: &Configuration, sink: &mut Sink) {
    for resource in &configuration.resources {
        for exposure in exposures(configuration, resource) {
            report(configuration, resource, &exposure, sink);
        }
    }
}

fn report(configuration: &Configuration, resource: &Resource, exposure: &Exposure, sink: &mut Sink) {
    let product = exposure.product;
    let text = &configuration.text;
    let mut marks = exposure.marks.iter();
    let Some((range, label)) = marks.next() else {
        return;
    };
    let mut place = sink.text(text, range.clone(), label.clone());
    for (range, label) in marks {
        place = sink.and(place, text, range.clone(), label.clone());
    }
    let message = if exposure.certain {
        format!("anyone who reaches {} {}", product.name, product.gain.verb())
    } else {
        format!("{} is meant to ask nobody for a token", product.name)
    };
    let severity = match (exposure.reach, product.gain, exposure.access) {
        (Reach::Everyone, Gain::Code, _) => Severity::Critical,
        (Reach::Everyone, Gain::Write, _) | (Reach::Exposed, Gain::Code | Gain::Write, _) => Severity::High,
        (Reach::Image, Gain::Code, Access::SwitchedOff) => Severity::High,
        (Reach::Everyone, Gain::Data, _) | (Reach::Image, Gain::Code | Gain::Write, _) => Severity::Medium,
        (Reach::Exposed | Reach::Image, Gain::Data, _) => Severity::Low,
    };
    let subject = if resource.name.is_empty() {
        product.id.to_owned()
    } else {
        format!("{} in {}", product.id, escape(&resource.name))
    };
    let mut finding = Finding::new(&OPEN_DASHBOARD_CONFIG, message, place)
        .severity(severity)
        .subject(subject)
        .property("product", product.id)
        .help(product.remedy);
    if !exposure.certain {
        finding = finding
            .severity(Severity::Medium)
            .confidence(Confidence::Low)
            .note("Jupyter itself takes an empty variable for none and makes a token; a script that hands it on as an option does not");
    }
    if exposure.reach == Reach::Everyone {
        finding = finding.help("publish the port on this machine only: `127.0.0.1:<port>:<port>`");
    } else {
        finding = finding
            .confidence(Confidence::Medium)
            .note("an image decides only how it is started; whoever publishes its port opens it to others");
    }
    sink.push(finding);
}

/// The same of everything that runs elsewhere than in a compose file: who reaches it is said in other places.
pub(super) fn check_estate(view: &EstateView, sink: &mut Sink) {
    for workload in &view.estate.workloads {
        if workload.kind == WorkloadKind::Service {
            continue;
        }
        for container in &workload.containers {
            for launch in launches(container, true) {
                if launch.access != Access::On && launch.bind == Bind::All {
                    reached(view, workload, &launch, sink);
                }
            }
        }
    }
}

fn reached(view: &EstateView, workload: &Workload, launch: &Launch, sink: &mut Sink) {
    let ways = launch.ports.iter().flat_map(|port| workload.ways_to(*port));
    let open = ways.filter(|w| w.guards.is_empty() && w.audience > Audience::Network);
    let Some(way) = open.max_by_key(|w: &&Opening| w.audience) else {
        return;
    };
    let product = launch.product;
    let severity = match product.gain {
        Gain::Code => Severity::Critical,
        Gain::Write => Severity::High,
        Gain::Data => Severity::Medium,
    };
    let mut marks = launch.marks.clone();
    marks.extend(way.chain.iter().cloned());
    let mut places = view.places(sink, &marks).into_iter();
    let Some(place) = places.next() else { return };
    let message = format!("anyone who reaches {} {}", product.name, product.gain.verb());
    let finding = Finding::new(&OPEN_DASHBOARD_CONFIG, message, place)
        .severity(severity)
        .subject(format!("{} in {}", product.id, escape(&workload.name)))
        .property("product", product.id)
        .help(product.remedy);
    sink.push(places.fold(finding, Finding::at));
}

/// The same in Python: `ray.init`, `launch(share=True)`, and the configuration files of Jupyter.
pub(super) fn check_python(module: &Module, sink: &mut Sink) {
    for call in &module.calls {
        if call.may_be("ray.init") {
            ray_init(module, call, sink);
        } else if call.is_method("launch") && imports(module, "gradio") {
            gradio_launch(module, call, sink);
        }
    }
    jupyter_settings(module, sink);
}

fn imports(module: &Module, package: &str) -> bool {
    module.imports.iter().any(|i| {
        i.path == package
            || i.path
                .strip_prefix(package)
                .is_some_and(|rest| rest.starts_with('.'))
    })
}

fn ray_init(module: &Module, call: &Call, sink: &mut Sink) {
    let Some(host) = call.keyword("dashboard_host") else {
        return;
    };
    let all = host.value.texts().any(|t| matches!(t, "0.0.0.0" | "::" | "*"));
    let protected = module
        .environment
        .iter()
        .any(|w| w.name == "RAY_AUTH_MODE" && w.value.texts().any(|t| t == "token"));
    if all && !protected {
        let label = "the dashboard listens on every address and takes jobs from anyone";
        let finding = Finding::new(
            &OPEN_DASHBOARD_CONFIG,
            "anyone who reaches Ray can run code on it",
            sink.text(&module.text, host.range.clone(), label),
        );
        sink.push(
            finding
                .subject("ray")
                .property("product", "ray")
                .help("drop `dashboard_host`, or set `RAY_AUTH_MODE=token` (Ray 2.52 and newer)"),
        );
    }
}

fn gradio_launch(module: &Module, call: &Call, sink: &mut Sink) {
    let share = call
        .keyword("share")
        .filter(|a| a.value.alternatives().contains(&Value::Bool(true)));
    let asks = call.keyword("auth").is_some_and(|a| a.value != Value::None);
    let Some(share) = share.filter(|_| !asks && !call.open) else {
        return;
    };
    let finding = Finding::new(
        &OPEN_DASHBOARD_CONFIG,
        "anyone with the link can use this Gradio app",
        sink.text(
            &module.text,
            share.range.clone(),
            "opens a tunnel from a public address",
        ),
    );
    sink.push(
        finding
            .severity(Severity::Medium)
            .confidence(Confidence::Medium)
            .subject("gradio")
            .property("product", "gradio")
            .help("pass `auth=` to `launch()`, or drop `share=True`"),
    );
}

/// `c.ServerApp.token = ''` in `jupyter_server_config.py`.
fn jupyter_settings(module: &Module, sink: &mut Sink) {
    const APPS: &[&str] = &[
        "NotebookApp",
        "ServerApp",
        "LabApp",
        "IdentityProvider",
        "PasswordIdentityProvider",
    ];
    let setting = |names: &[&str]| {
        module.attributes.iter().rev().find(|w| {
            let mut parts = w.target.rsplit('.');
            let name = parts.next().unwrap_or_default();
            parts.next().is_some_and(|app| APPS.contains(&app)) && names.contains(&name)
        })
    };
    let empty = |value: &Value| matches!(value, Value::Text(t) if t.is_empty());
    let Some(token) = setting(&["token"]).filter(|w| empty(&w.value)) else {
        return;
    };
    if setting(&["password", "hashed_password"]).is_some_and(|w| !empty(&w.value)) {
        return;
    }
    let everywhere = |w: &&wellhead_pycode::AttributeWrite| matches!(&w.value, Value::Text(t) if matches!(t.as_str(), "0.0.0.0" | "*" | "::" | ""));
    let ip = setting(&["ip"]);
    let reached: Option<Range<usize>> = ip.filter(everywhere).map(|w| w.range.clone());
    let mut place = sink.text(&module.text, token.range.clone(), "asks nobody for a token");
    let mut severity = Severity::Medium;
    if let Some(range) = reached {
        place = sink.and(place, &module.text, range, "listens on every address");
        severity = Severity::High;
    } else if ip.is_some() {
        return;
    }
    sink.push(
        Finding::new(
            &OPEN_DASHBOARD_CONFIG,
            "anyone who reaches Jupyter can run code on it",
            place,
        )
        .severity(severity)
        .subject("jupyter")
        .property("product", "jupyter")
        .help("leave the token on, or set a password hash with `PasswordIdentityProvider.hashed_password`"),
    );
}
