//! Clouds that rent machines: `DigitalOcean` and Hetzner. Their machines have public addresses unless told otherwise.
//!
//! A machine that no firewall of the tree is for says nothing of who comes, and is left alone: another root may guard it.

use super::{Plan, Resource, aws, refers, script, term::Term};
use crate::{
    cloud::FirewallRule,
    resource::Resource as Container,
    shell,
    workload::{Opening, OpeningKind, Workload, WorkloadKind},
};

/// What the machines and firewalls of a cloud are called, and how a rule says ports and addresses.
struct Cloud {
    machine: &'static str,
    firewall: &'static str,
    rule: &'static str,
    ports: &'static str,
    sources: &'static str,
    /// Where the firewall names its machines, or a machine its firewalls.
    machines: &'static str,
    firewalls: &'static str,
}

const CLOUDS: [Cloud; 2] = [
    Cloud {
        machine: "digitalocean_droplet",
        firewall: "digitalocean_firewall",
        rule: "inbound_rule",
        ports: "port_range",
        sources: "source_addresses",
        machines: "droplet_ids",
        firewalls: "",
    },
    Cloud {
        machine: "hcloud_server",
        firewall: "hcloud_firewall",
        rule: "rule",
        ports: "port",
        sources: "source_ips",
        machines: "apply_to",
        firewalls: "firewall_ids",
    },
];

pub(super) fn read(plan: &mut Plan<'_>) {
    for cloud in &CLOUDS {
        let walls = plan.of(&[cloud.firewall]);
        let mut rules: Vec<(&Resource, FirewallRule)> = Vec::new();
        for wall in walls {
            for block in wall.term.blocks(cloud.rule) {
                rules.extend(rule(plan, cloud, wall, block).map(|r| (wall, r)));
            }
        }
        let attached = plan.of(&["hcloud_firewall_attachment"]);
        let mut found = Vec::new();
        for machine in plan.of(&[cloud.machine]) {
            let is_for = |wall: &Resource| {
                let named = wall
                    .term
                    .get(cloud.machines)
                    .is_some_and(|t| t.comes_from(&machine.address));
                let beside = attached.iter().any(|a| {
                    refers(a.term.get("firewall_id"), &wall.address)
                        && refers(a.term.get("server_ids"), &machine.address)
                });
                named || beside || refers(machine.term.get(cloud.firewalls), &wall.address)
            };
            let ways = rules
                .iter()
                .filter(|(wall, _)| is_for(wall))
                .map(|(_, rule)| Opening {
                    kind: OpeningKind::Firewall,
                    audience: rule.audience,
                    inside: rule.ports.clone(),
                    outside: rule.ports.clone(),
                    guards: Vec::new(),
                    chain: rule.chain.clone(),
                });
            let data = machine.term.get("user_data");
            found.push(Workload {
                name: machine.name.clone(),
                names: vec![machine.address.clone()],
                kind: WorkloadKind::Machine,
                span: machine.span.clone(),
                containers: vec![Container {
                    name: machine.name.clone(),
                    span: machine.span.clone(),
                    start: data.map(|t| script(t, plan.text)).unwrap_or_default(),
                    host_network: true,
                    ..Container::default()
                }],
                openings: ways.collect(),
                ..Workload::default()
            });
        }
        plan.cloud
            .firewalls
            .extend(rules.into_iter().map(|(_, rule)| rule));
        plan.workloads.extend(found);
    }
}

/// A rule that lets something in over TCP.
fn rule(plan: &Plan<'_>, cloud: &Cloud, wall: &Resource, block: &Term) -> Option<FirewallRule> {
    let is = |key: &str, value: &str| block.get(key).and_then(Term::as_str).is_some_and(|t| t == value);
    if is("direction", "out") || ["udp", "icmp", "esp", "gre"].iter().any(|p| is("protocol", p)) {
        return None;
    }
    let sources: Vec<&Term> = block.get(cloud.sources).into_iter().collect();
    let (audience, span) = aws::audience_of(plan, &sources)?;
    let term = block.get(cloud.ports)?;
    let text = term.word().filter(|w| !w.open)?.text;
    let ports = shell::port_range(&text);
    // `all`, `any` and `1-65535` are every port; what is no port is none that is known.
    if ports.is_none() && !matches!(text.as_str(), "all" | "any" | "0") {
        return None;
    }
    Some(FirewallRule {
        group: wall.address.clone(),
        ports,
        audience,
        declared: block.span.clone(),
        chain: vec![
            (span.clone(), "lets these addresses in".to_owned()),
            (term.span.clone(), "to these ports".to_owned()),
        ],
        span,
    })
}
