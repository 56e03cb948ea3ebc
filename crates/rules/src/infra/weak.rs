//! The weaknesses of services that the catalogue knows beside "it is open": one finding for each, at the place that says it.

use super::reach::{Reach, is_aside, reached};
use crate::{EstateView, remedies};
use std::{collections::BTreeSet, ops::Range};
use wellhead_core::{Budget, Confidence, Finding, Rule, Severity, Sink, escape};
use wellhead_infra::{Service, Weak, Weakness, services};

/// Reports the weaknesses of one kind.
pub(super) fn report(
    rule: &'static Rule,
    kind: Weakness,
    worst: fn(&Service<'_>) -> Severity,
    view: &EstateView,
    sink: &mut Sink,
) {
    // The engine has paid for joining before it asked; what it could not pay for it has said.
    let Ok(services) = services(&view.estate, &mut Budget::default()) else {
        return;
    };
    let mut told = BTreeSet::new();
    for service in &services {
        for (weak, places) in service.weak.iter().filter(|(w, _)| w.is == kind) {
            let first = places.first().map_or(0, |place| place.start);
            // Projects and overlays that share a file tell of the same place.
            if told.insert((weak.says, first)) {
                one(rule, service, weak, places, worst(service), view, sink);
            }
        }
    }
}

fn one(
    rule: &'static Rule,
    service: &Service<'_>,
    weak: &Weak,
    said: &[Range<usize>],
    worst: Severity,
    view: &EstateView,
    sink: &mut Sink,
) {
    let marks: Vec<_> = said
        .iter()
        .map(|place| (place.clone(), label(weak.is).to_owned()))
        .collect();
    let mut places = view.places(sink, &marks).into_iter();
    let Some(at) = places.next() else { return };
    let aside = is_aside(at.artifact.leaf());
    let reached = reached(service);
    let severity = match &reached {
        _ if aside => Severity::Low,
        _ if weak.anyway => worst.min(Severity::Medium),
        Some(r) => r.weakened(worst),
        None => Severity::Low,
    };
    let name = if service.name.is_empty() {
        service.product.id.to_owned()
    } else {
        format!("{} in {}", service.product.id, escape(service.name))
    };
    let mut finding = Finding::new(rule, weak.says, at)
        .severity(severity)
        .subject(format!("{name}: {}", weak.says))
        .property("product", service.product.id)
        .help(weak.fix);
    finding = places.fold(finding, Finding::at);
    if let Some(fix) = remedies::close(view, said) {
        finding = finding.fix(fix);
    }
    if !weak.check.is_empty() {
        finding = finding.property("checks", vec![weak.check]);
    }
    let way = reached.as_ref().and_then(|r| r.way).and_then(|w| w.opening);
    match (&reached, way) {
        (Some(r), Some(opening)) if r.reach > Reach::Cluster && !weak.anyway => {
            for place in view.places(sink, &opening.chain) {
                finding = finding.at(place);
            }
        }
        (None, _) if !weak.anyway => {
            finding = finding.note("nothing in these files lets anybody else reach it");
        }
        _ => {}
    }
    if aside {
        finding = finding.note("it lies among tests or installed packages, from where nobody runs it");
    }
    if reached.is_none_or(|r| r.way.is_none()) {
        finding = finding.confidence(Confidence::Medium);
    }
    sink.push(finding);
}

fn label(kind: Weakness) -> &'static str {
    match kind {
        Weakness::Open => "makes it worse",
        Weakness::Browser => "switches a guard off",
        Weakness::SignUp => "lets everybody in",
        Weakness::Credentials => "known to everybody, or shown to them",
        Weakness::Dangerous => "switches it on",
    }
}
