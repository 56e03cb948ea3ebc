use super::head;
use crate::EstateView;
use std::{cmp::Reverse, collections::BTreeMap, ops::Range};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    escape,
};
use wellhead_infra::{Audience, FirewallRule, PRODUCTS, Product, launches};

/// A firewall lets the internet reach the port of a platform.
pub(crate) static WORLD_OPEN_PORT: Rule = Rule {
    id: "world-open-port",
    summary: "a firewall lets the internet reach the port of a platform",
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
        agent: "anyone on the internet, and every scanner of it",
        vector: "the usual port of the platform",
        weakness: "a rule of the firewall lets every address in",
        impact: "whoever starts the platform there opens it to the world",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(284),
        Reference::Cwe(668),
    ],
    page: include_str!("world_open_port.md"),
    file: file!(),
};

/// What every web server listens on: nobody can tell from these that a platform does.
const WEB: [u32; 3] = [80, 443, 8443];
/// What many programs listen on that are no platform.
const SHARED: [u32; 9] = [3000, 3001, 8000, 8001, 8080, 8081, 8082, 9000, 9090];
/// From so many ports on a rule is for all, whatever was meant.
const WIDE: u32 = 20_000;

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    // One rule of a firewall with several ports, or made once for each of a list, is one decision.
    let mut rules: BTreeMap<(usize, usize), Vec<&FirewallRule>> = BTreeMap::new();
    for rule in &view.estate.cloud.firewalls {
        if rule.audience >= Audience::Everyone && !is_told(view, rule) {
            let key = (rule.declared.start, rule.span.start);
            rules.entry(key).or_default().push(rule);
        }
    }
    for rules in rules.values() {
        report(view, rules, sink);
    }
}

/// Whether what listens behind it is known: then that is told of, or asks who comes.
fn is_told(view: &EstateView, rule: &FirewallRule) -> bool {
    view.estate.workloads.iter().any(|workload| {
        let leads = workload
            .openings
            .iter()
            .any(|o| o.chain.iter().any(|(span, _)| *span == rule.span));
        let mut started = workload.containers.iter().flat_map(|c| launches(c, true));
        let lets = |port: &u32| rule.ports.as_ref().is_none_or(|r| r.contains(port));
        leads && started.any(|l| l.ports.iter().any(lets))
    })
}

fn report(view: &EstateView, rules: &[&FirewallRule], sink: &mut Sink) {
    let Some(first) = rules.first() else { return };
    let all = rules.iter().any(|r| width(r) >= WIDE);
    let mut ports: Vec<u32> = Vec::new();
    let mut listening: Vec<(bool, &'static Product)> = Vec::new();
    let mut severity = Severity::Low;
    for product in PRODUCTS {
        let mut own = product.ports.iter().map(|p| u32::from(p.port));
        let lets = |port: &u32| {
            let inside = |r: &FirewallRule| r.ports.as_ref().is_none_or(|range| range.contains(port));
            // A range that holds 80 is more than a web server needs.
            let plain = |r: &FirewallRule| width(r) == 1 && WEB.contains(port);
            rules.iter().any(|r| inside(r) && !plain(r))
        };
        if let Some(port) = own.find(lets) {
            ports.push(port);
            let main = product.ports.first().is_some_and(|p| u32::from(p.port) == port);
            listening.push((main, product));
            if !SHARED.contains(&port) && !WEB.contains(&port) {
                severity = Severity::Medium;
            }
        }
    }
    if listening.is_empty() {
        return;
    }
    // The best known stand first: what was run to know its answers, at the port that is its main one and not everybody's.
    listening.sort_by_key(|(main, p)| {
        let asks = p.defaults.first().is_some_and(|d| d.asks);
        let shared = p
            .ports
            .first()
            .is_some_and(|p| SHARED.contains(&u32::from(p.port)));
        (p.captured.is_none(), !main, shared, asks, Reverse(p.gain), p.name)
    });
    let found: Vec<&Product> = listening.into_iter().map(|(_, p)| p).collect();
    ports.sort_unstable();
    ports.dedup();
    let message = if all {
        format!(
            "the internet reaches every port, those of {} platforms among them",
            found.len()
        )
    } else {
        format!(
            "the internet reaches {}, where {}",
            reached(rules, &ports),
            listens(&found)
        )
    };
    // Addresses and ports may stand in variables of other files; the rule is what has to be changed.
    let mut marks: Vec<(Range<usize>, String)> = vec![(head(view, &first.declared), "this rule".to_owned())];
    for rule in rules {
        for mark in &rule.chain {
            if !marks.contains(mark) {
                marks.push(mark.clone());
            }
        }
    }
    let mut places = view.places(sink, &marks).into_iter();
    let Some(place) = places.next() else { return };
    let subject = format!("{} {ports:?}", escape(&first.group));
    let finding = Finding::new(&WORLD_OPEN_PORT, message, place)
        .severity(severity)
        .confidence(if severity == Severity::Low {
            Confidence::Low
        } else {
            Confidence::Medium
        })
        .subject(subject)
        .property("group", escape(&first.group))
        .help("let in only the addresses of your team, or the group of the proxy that asks who is there")
        .note("these files do not say what listens there");
    sink.push(places.fold(finding, Finding::at));
}

fn width(rule: &FirewallRule) -> u32 {
    rule.ports
        .as_ref()
        .map_or(u32::MAX, |r| r.end.saturating_sub(r.start))
}

/// The ports in words.
fn reached(rules: &[&FirewallRule], ports: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = rules
        .iter()
        .filter_map(|r| r.ports.as_ref())
        .filter(|r| ports.iter().any(|p| r.contains(p)))
        .map(|r| (r.start, r.end.saturating_sub(1)))
        .collect();
    ranges.sort_unstable();
    ranges.dedup();
    let plural = ranges.len() > 1 || ranges.iter().any(|(a, b)| a != b);
    let words: Vec<String> = ranges
        .iter()
        .take(6)
        .map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") })
        .collect();
    let word = if plural { "ports" } else { "port" };
    let more = if ranges.len() > words.len() {
        " and others"
    } else {
        ""
    };
    format!("{word} {}{more}", words.join(", "))
}

/// Up to three platforms in words.
fn listens(found: &[&Product]) -> String {
    let names: Vec<&str> = found.iter().take(3).map(|p| p.name).collect();
    let more = found.len().saturating_sub(names.len());
    match (names.as_slice(), more) {
        ([one], 0) => format!("{one} listens"),
        ([a, b], 0) => format!("{a} and {b} listen"),
        ([a, b, c], 0) => format!("{a}, {b} and {c} listen"),
        (names, 1) => format!("{} and another platform listen", names.join(", ")),
        (names, more) => format!("{} and {more} other platforms listen", names.join(", ")),
    }
}
