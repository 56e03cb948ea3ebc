//! Azure: security rules, storage, containers, machine learning workspaces.

use super::{Plan, modules, ports, refers, script, term::Term, words};
use crate::{
    cloud::{Bucket, FirewallRule, PublicAccess},
    kubernetes::audience_of_block,
    resource::{Port, Resource as Container, Variable, Word},
    shell,
    workload::{Audience, Mark, Opening, OpeningKind, Workload, WorkloadKind},
};
use std::ops::Range;

pub(super) fn read(plan: &mut Plan<'_>) {
    security_rules(plan);
    container_groups(plan);
    container_apps(plan);
    machines(plan);
    storage(plan);
    plan.managed(|kind| {
        [
            "azurerm_machine_learning_",
            "azurerm_cognitive_",
            "azurerm_ai_",
            "azurerm_databricks_workspace",
            "azurerm_search_service",
        ]
        .iter()
        .any(|p| kind.starts_with(p))
    });
}

fn security_rules(plan: &mut Plan<'_>) {
    let groups = plan.of(&["azurerm_network_security_group"]);
    let mut found = Vec::new();
    for group in &groups {
        for rule in group.term.blocks("security_rule") {
            add(rule, &group.address, Audience::Network, &mut found);
        }
    }
    for rule in plan.of(&["azurerm_network_security_rule"]) {
        let named = rule.term.get("network_security_group_name");
        let group = groups.iter().find(|g| refers(named, &g.address));
        let group = group.map_or(&rule.address, |g| &g.address);
        add(&rule.term, group, Audience::Network, &mut found);
    }
    for (rule, module) in modules::azure(plan) {
        let shared = modules::everywhere(module);
        let shared = shared.iter().map(|text| audience_of(text)).max();
        add(
            rule,
            &module.address,
            shared.unwrap_or(Audience::Internet),
            &mut found,
        );
    }
    plan.cloud.firewalls.extend(found);
}

fn audience_of(prefix: &str) -> Audience {
    match prefix {
        "*" | "Internet" | "Any" => Audience::Internet,
        "VirtualNetwork" | "AzureLoadBalancer" => Audience::Network,
        cidr => audience_of_block(cidr),
    }
}

/// A rule; `nowhere` is who comes where it does not say so.
fn add(rule: &Term, group: &str, nowhere: Audience, out: &mut Vec<FirewallRule>) {
    let is = |key: &str, value: &str| {
        rule.get(key)
            .and_then(Term::as_str)
            .is_some_and(|t| t.eq_ignore_ascii_case(value))
    };
    if is("direction", "Outbound") || is("access", "Deny") || is("protocol", "Icmp") || is("protocol", "Udp")
    {
        return;
    }
    let sources = ["source_address_prefix", "source_address_prefixes"];
    let all = sources.iter().filter_map(|k| rule.get(k)).flat_map(Term::each);
    let widest = all
        .map(|t| (t.as_str().map_or(Audience::Unknown, audience_of), t.span.clone()))
        .max_by_key(|(audience, _)| *audience);
    let (audience, span) = widest.unwrap_or((nowhere, rule.span.clone()));
    let ranges = ["destination_port_range", "destination_port_ranges"];
    for term in ranges.iter().filter_map(|k| rule.get(k)).flat_map(Term::each) {
        let chain: Vec<Mark> = vec![
            (span.clone(), "lets these addresses in".to_owned()),
            (term.span.clone(), "to these ports".to_owned()),
        ];
        let ports = term.word().and_then(|w| shell::port_range(&w.text));
        // Which ports it opens is not known, so neither is whether it opens any that matters.
        let is_hidden = ports.is_none() && term.as_str() != Some("*");
        out.push(FirewallRule {
            group: group.to_owned(),
            ports,
            audience: if is_hidden {
                audience.min(Audience::Unknown)
            } else {
                audience
            },
            declared: rule.span.clone(),
            span: span.clone(),
            chain,
        });
    }
}

/// `{NAME = "value"}` as variables.
fn table(term: Option<&Term>) -> Vec<Variable> {
    let entries = term.map(Term::entries).unwrap_or_default();
    entries
        .iter()
        .map(|(name, span, value)| Variable {
            name: name.clone(),
            value: value.word(),
            span: span.clone(),
        })
        .collect()
}

fn started(item: &Term, text: &str) -> Vec<crate::Command> {
    let all: Vec<Word> = ["command", "commands", "args"]
        .iter()
        .flat_map(|k| words(item.get(k)))
        .collect();
    if all.is_empty() {
        Vec::new()
    } else {
        shell::from_words(all, text)
    }
}

/// Containers that share an address, which is public unless it is said otherwise.
fn container_groups(plan: &mut Plan<'_>) {
    let mut found = Vec::new();
    for group in plan.of(&["azurerm_container_group"]) {
        let kind = group.term.get("ip_address_type");
        let audience = match kind.and_then(Term::as_str) {
            Some("Private") => Some(Audience::Network),
            Some("None") => None,
            _ => Some(Audience::Internet),
        };
        let mut workload = empty(group, WorkloadKind::CloudContainer);
        for item in group.term.blocks("container") {
            let mut environment = table(item.get("environment_variables"));
            environment.extend(table(item.get("secure_environment_variables")));
            let listed: Vec<(Option<Range<u32>>, Range<usize>)> = item
                .blocks("ports")
                .into_iter()
                .map(|t| {
                    let number = t.get("port").and_then(Term::as_number);
                    (ports(number, number), t.span.clone())
                })
                .collect();
            for (port, span) in &listed {
                workload.openings.extend(audience.map(|audience| Opening {
                    kind: OpeningKind::PublicUrl,
                    audience,
                    inside: port.clone(),
                    outside: port.clone(),
                    guards: Vec::new(),
                    chain: vec![(span.clone(), "a port of the group's address".to_owned())],
                }));
            }
            workload.containers.push(Container {
                name: item
                    .get("name")
                    .and_then(Term::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                span: item.span.clone(),
                image: item.get("image").and_then(Term::word),
                start: started(item, plan.text),
                environment,
                ports: listed
                    .into_iter()
                    .map(|(container, span)| Port {
                        container,
                        published: true,
                        span,
                        ..Port::default()
                    })
                    .collect(),
                ..Container::default()
            });
        }
        found.push(workload);
    }
    plan.workloads.extend(found);
}

fn container_apps(plan: &mut Plan<'_>) {
    let mut found = Vec::new();
    for app in plan.of(&["azurerm_container_app"]) {
        let mut workload = empty(app, WorkloadKind::CloudContainer);
        let template = app
            .term
            .path(&["template"])
            .map(|t| t.each().into_iter().next().unwrap_or(t));
        for item in template.map(|t| t.blocks("container")).unwrap_or_default() {
            let env = super::variables(&item.blocks("env"));
            workload.containers.push(Container {
                name: item
                    .get("name")
                    .and_then(Term::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                span: item.span.clone(),
                image: item.get("image").and_then(Term::word),
                start: started(item, plan.text),
                arguments_only: item.get("command").is_none(),
                environment: env,
                ..Container::default()
            });
        }
        for ingress in app.term.blocks("ingress") {
            let external = ingress.get("external_enabled").and_then(Term::as_bool) == Some(true);
            let port = ingress.get("target_port").and_then(Term::as_number);
            workload.openings.push(Opening {
                kind: OpeningKind::PublicUrl,
                audience: if external {
                    Audience::Internet
                } else {
                    Audience::Network
                },
                inside: ports(port, port),
                outside: Some(443..444),
                guards: Vec::new(),
                chain: vec![(ingress.span.clone(), "the cloud gives it an address".to_owned())],
            });
        }
        found.push(workload);
    }
    plan.workloads.extend(found);
}

/// Machines, with what they run when they are made. Which rules guard them is said by their network card.
fn machines(plan: &mut Plan<'_>) {
    let links = plan.of(&["azurerm_network_interface_security_group_association"]);
    let nets = plan.of(&["azurerm_subnet_network_security_group_association"]);
    let cards = plan.of(&["azurerm_network_interface"]);
    let mut found = Vec::new();
    for machine in plan.of(&["azurerm_linux_virtual_machine", "azurerm_virtual_machine"]) {
        let mut workload = empty(machine, WorkloadKind::Machine);
        let data = ["custom_data", "user_data"]
            .iter()
            .filter_map(|k| machine.term.get(k));
        workload.containers.push(Container {
            name: machine.name.clone(),
            span: machine.span.clone(),
            start: data.flat_map(|t| script(t, plan.text)).collect(),
            host_network: true,
            ..Container::default()
        });
        let own = machine.term.get("network_interface_ids");
        let cards: Vec<_> = cards.iter().filter(|card| refers(own, &card.address)).collect();
        // A card is guarded by its own group, and by that of the network that it lies in.
        let of_cards = links.iter().filter(|l| {
            let of = l.term.get("network_interface_id");
            cards.iter().any(|card| refers(of, &card.address))
        });
        let of_nets = nets.iter().filter(|l| {
            let net = l.term.get("subnet_id").map(Term::all_refs).unwrap_or_default();
            net.iter()
                .any(|n| cards.iter().any(|card| card.term.comes_from(n)))
        });
        let groups: Vec<&Term> = of_cards
            .chain(of_nets)
            .filter_map(|l| l.term.get("network_security_group_id"))
            .collect();
        let is_inside = !cards.is_empty()
            && cards.iter().all(|card| {
                let mut addresses = card.term.blocks("ip_configuration").into_iter();
                addresses.all(|a| a.get("public_ip_address_id").is_none_or(|t| t.each().is_empty()))
            });
        for rule in &plan.cloud.firewalls {
            if groups.iter().any(|g| refers(Some(g), &rule.group)) {
                workload.openings.push(Opening {
                    kind: OpeningKind::Firewall,
                    // Without a public address only what is inside comes in.
                    audience: if is_inside {
                        rule.audience.min(Audience::Network)
                    } else {
                        rule.audience
                    },
                    inside: rule.ports.clone(),
                    outside: rule.ports.clone(),
                    guards: Vec::new(),
                    chain: rule.chain.clone(),
                });
            }
        }
        found.push(workload);
    }
    plan.workloads.extend(found);
}

fn empty(resource: &super::Resource, kind: WorkloadKind) -> Workload {
    Workload {
        name: resource.name.clone(),
        names: vec![resource.address.clone()],
        kind,
        span: resource.span.clone(),
        ..Workload::default()
    }
}

/// Containers of blobs; their account may forbid what they allow.
fn storage(plan: &mut Plan<'_>) {
    let accounts = plan.of(&["azurerm_storage_account"]);
    let mut found = Vec::new();
    for container in plan.of(&["azurerm_storage_container"]) {
        let term = &container.term;
        let named = term
            .get("storage_account_name")
            .or_else(|| term.get("storage_account_id"));
        let account = accounts.iter().find(|a| refers(named, &a.address));
        let blocked = account.and_then(|a| a.term.get("allow_nested_items_to_be_public"));
        let access = term
            .get("container_access_type")
            .filter(|t| matches!(t.as_str(), Some("blob" | "container")));
        found.push(Bucket {
            address: container.address.clone(),
            name: term.get("name").and_then(Term::word),
            span: container.span.clone(),
            public: access
                .map(|t| PublicAccess {
                    writes: false,
                    span: t.span.clone(),
                })
                .into_iter()
                .collect(),
            blocked: blocked
                .filter(|t| t.as_bool() == Some(false))
                .map(|t| t.span.clone()),
            account: account.map(|a| a.address.clone()),
            ..Bucket::default()
        });
    }
    plan.cloud.buckets.extend(found);
}
