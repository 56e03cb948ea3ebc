use super::{
    checks,
    reach::{Reach, Reached, is_aside, reached},
};
use crate::{EstateView, remedies};
use std::collections::BTreeMap;
use wellhead_core::{
    Budget, Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code, escape,
};
use wellhead_infra::{Access, Bind, Gain, GuardKind, Service, Weakness, services};
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

/// One finding for each service that asks nobody: what opens it, who comes as far as that, and by which way.
pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    // The engine has paid for joining before it asked; what it could not pay for it has said.
    let Ok(services) = services(&view.estate, &mut Budget::default()) else {
        return;
    };
    // Projects and overlays share files: the same start is one service, and the widest way to it counts.
    let mut worst: BTreeMap<(usize, &str), (Severity, Finding)> = BTreeMap::new();
    for service in &services {
        let Some(finding) = open(view, service, sink) else {
            continue;
        };
        let start = service.marks.first().map_or(0, |(span, _)| span.start);
        let key = (start, service.product.id);
        let known = worst
            .get(&key)
            .is_some_and(|(severity, _)| *severity >= finding.severity);
        if !known {
            worst.insert(key, (finding.severity, finding));
        }
    }
    for (_, finding) in worst.into_values() {
        sink.push(finding);
    }
}

fn open(view: &EstateView, service: &Service<'_>, sink: &Sink) -> Option<Finding> {
    if !matches!(service.access, Some(Access::SwitchedOff | Access::NoneByDefault)) {
        return None;
    }
    let reached = reached(service)?;
    let (mut severity, confidence) = reached.open(service)?;
    let product = service.product;
    let mut marks = service.marks.clone();
    if let Some(way) = reached.way {
        let opening = way.opening.filter(|_| !service.is_script);
        marks.extend(opening.iter().flat_map(|o| o.chain.iter().cloned()));
        let more = reached.more.iter().filter_map(|w| w.opening);
        marks.extend(
            more.flat_map(|o| o.chain.first().cloned())
                .filter(|_| !service.is_script),
        );
        let doubtful = way.opening.iter().flat_map(|o| &o.guards);
        marks.extend(doubtful.map(|g| (g.span.clone(), guard(g.kind).to_owned())));
        marks.extend(
            way.admission
                .map(|a| (a.span.clone(), "the network policy lets them in".to_owned())),
        );
    }
    let label = if service.is_file {
        "listens on every address"
    } else {
        "meant to be published"
    };
    let exposed = service.exposed.iter();
    marks.extend(exposed.map(|span| (span.clone(), label.to_owned())));
    for (weak, places) in service.weak.iter().filter(|(w, _)| w.is == Weakness::Open) {
        marks.extend(places.first().map(|place| (place.clone(), weak.says.to_owned())));
    }
    marks.dedup();
    let mut places = view.places(sink, &marks).into_iter();
    let place = places.next()?;
    let aside = is_aside(place.artifact.leaf());
    if aside {
        severity = severity.min(Severity::Low);
    }
    let subject = if service.name.is_empty() {
        product.id.to_owned()
    } else {
        format!("{} in {}", product.id, escape(service.name))
    };
    let mut finding = Finding::new(&OPEN_DASHBOARD_CONFIG, message(service, &reached), place)
        .severity(severity)
        .confidence(confidence)
        .subject(subject)
        .property("product", product.id)
        .property("checks", checks::of_open(service, &reached))
        .help(product.remedy);
    if let Some(version) = &service.version {
        finding = finding.property("version", version.as_str());
        if let Some(default) = product
            .default_of(version)
            .filter(|d| !d.since.is_empty() || product.defaults.len() > 1)
        {
            finding = finding.note(format!("version {} {}", code(version), default.says));
        }
    }
    finding = explained(finding, service, &reached);
    if aside {
        finding = finding.note("it lies among tests or installed packages, from where nobody runs it");
    }
    if let Some(fix) = remedies::of_service(view, service) {
        finding = finding.fix(fix);
    }
    Some(places.fold(finding, Finding::at))
}

fn message(service: &Service<'_>, reached: &Reached<'_, '_>) -> String {
    let product = service.product;
    if !service.certain {
        return format!("{} is meant to ask nobody for a token", product.name);
    }
    let name = product.name;
    let does = match product.gain {
        Gain::Code => format!("can run code in {name}"),
        Gain::Write => format!("can read and replace what {name} holds"),
        Gain::Data => format!("can read what {name} shows"),
    };
    let why = match service.access {
        Some(Access::SwitchedOff) => "its authentication is switched off",
        _ if product.settings.is_empty() => "it has no authentication of its own",
        _ => "it asks for no password",
    };
    format!("{} {does}: {why}", reached.who())
}

/// What is not known, and what can be done at the way.
fn explained(mut finding: Finding, service: &Service<'_>, reached: &Reached<'_, '_>) -> Finding {
    if !service.certain {
        finding = finding.note("Jupyter itself takes an empty variable for none and makes a token; a script that hands it on as an option does not");
    }
    if service.bind == Bind::Unknown && !service.is_file {
        finding = finding.note("where it listens stands in a variable that is not known");
    }
    if service.more_environment && service.access == Some(Access::NoneByDefault) {
        finding = finding.note(
            "more of its variables come from a file or a secret that was not read; they may make it ask",
        );
    }
    if reached.doubt {
        finding =
            finding.note("something on the way seems to ask who comes, and what it refers to was not found");
    }
    match reached.reach {
        Reach::Everyone | Reach::Internet if is_published(reached) => {
            finding.help("publish the port on this machine only: `127.0.0.1:<port>:<port>`")
        }
        Reach::Image | Reach::Exposed if service.is_file => {
            finding.note("who starts it with this file, and who reaches it then, is not said here")
        }
        Reach::Image | Reach::Exposed if service.workload.is_none() => finding
            .note("an image decides only how it is started; whoever publishes its port opens it to others"),
        Reach::Exposed => finding.note("who reaches the machine that runs this script is not said here"),
        _ => finding,
    }
}

fn is_published(reached: &Reached<'_, '_>) -> bool {
    let opening = reached.way.and_then(|w| w.opening);
    opening.is_some_and(|o| o.kind == wellhead_infra::OpeningKind::HostPort)
}

fn guard(kind: GuardKind) -> &'static str {
    match kind {
        GuardKind::AddressList => "only some addresses come through",
        _ => "may ask who comes",
    }
}

/// The same in Python: `ray.init` and `launch(share=True)`.
pub(super) fn check_python(module: &Module, sink: &mut Sink) {
    for call in &module.calls {
        if call.may_be("ray.init") {
            ray_init(module, call, sink);
        } else if call.is_method("launch") && imports(module, "gradio") {
            gradio_launch(module, call, sink);
        }
    }
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
                .property("checks", vec!["CLU-01"])
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
            .property("checks", vec!["UI-01"])
            .help("pass `auth=` to `launch()`, or drop `share=True`"),
    );
}
