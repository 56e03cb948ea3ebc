//! Amazon: security groups in both styles, buckets, policies, SageMaker, and what runs on machines and in tasks.

use super::term::Term;
use super::{Plan, Resource, document, modules, ports, refers, script, variables, words};
use crate::{
    cloud::{Bucket, FirewallRule, Grant, PublicAccess},
    kubernetes::audience_of_block,
    resource::{Port, Resource as Container, Word},
    shell,
    workload::{Audience, Guard, GuardKind, Mark, Opening, OpeningKind, Workload, WorkloadKind},
};
use std::ops::Range;

pub(super) fn read(plan: &mut Plan<'_>) {
    let from = plan.cloud.firewalls.len();
    security_groups(plan);
    let rules: Vec<FirewallRule> = plan.cloud.firewalls.get(from..).unwrap_or_default().to_vec();
    instances(plan, &rules);
    tasks(plan, &rules);
    app_runner(plan);
    buckets(plan);
    policies(plan);
    plan.managed(|kind| kind.starts_with("aws_sagemaker_") || kind.starts_with("aws_bedrock"));
}

/// Who comes from a list of blocks; a block that is not known may be any.
pub(super) fn audience(blocks: &[&Term]) -> Option<(Audience, Range<usize>)> {
    blocks
        .iter()
        .flat_map(|t| t.each())
        .map(|t| match t.as_str() {
            Some(cidr) => (audience_of_block(cidr), t.span.clone()),
            None => (Audience::Unknown, t.span.clone()),
        })
        .max_by_key(|(audience, _)| *audience)
}

/// The same where several may stand in one text, and where lists of them are managed.
pub(super) fn audience_of(plan: &Plan<'_>, blocks: &[&Term]) -> Option<(Audience, Range<usize>)> {
    let each = blocks.iter().flat_map(|t| t.each()).map(|term| {
        let managed = modules::prefixes(plan, term);
        let widest = match term.as_str() {
            _ if !managed.is_empty() => audience(&managed).map(|(audience, _)| audience),
            Some(text) => text.split(',').map(|cidr| audience_of_block(cidr.trim())).max(),
            None => None,
        };
        (widest.unwrap_or(Audience::Unknown), term.span.clone())
    });
    each.max_by_key(|(audience, _)| *audience)
}

/// A rule that lets those addresses in.
pub(super) fn rule(
    plan: &Plan<'_>,
    term: &Term,
    group: &str,
    sources: &[&Term],
    protocol: &str,
    place: &Range<usize>,
) -> Option<FirewallRule> {
    // From other groups comes what is inside.
    let (audience, span) = audience_of(plan, sources).unwrap_or((Audience::Network, place.clone()));
    let all = term
        .get(protocol)
        .is_some_and(|t| matches!(t.as_str(), Some("-1" | "all")) || t.as_number() == Some(-1));
    let number = |key: &str| term.get(key).and_then(Term::as_number);
    // No platform of the catalogue listens there.
    if matches!(
        term.get(protocol).and_then(Term::as_str),
        Some("icmp" | "icmpv6" | "udp" | "17")
    ) {
        return None;
    }
    let range = if all {
        None
    } else {
        ports(number("from_port"), number("to_port"))
    };
    // Which ports it opens is not known, so neither is whether it opens any that matters.
    let is_hidden = !all && term.get("from_port").is_some() && number("from_port").is_none();
    let audience = if is_hidden {
        audience.min(Audience::Unknown)
    } else {
        audience
    };
    let mut chain: Vec<Mark> = vec![(span.clone(), "lets these addresses in".to_owned())];
    chain.extend(
        term.get("from_port")
            .map(|t| (t.span.clone(), "to these ports".to_owned())),
    );
    Some(FirewallRule {
        group: group.to_owned(),
        ports: range,
        audience,
        declared: place.clone(),
        span,
        chain,
    })
}

fn security_groups(plan: &mut Plan<'_>) {
    let mut found = Vec::new();
    let mut groups = plan.of(&["aws_security_group", "aws_default_security_group"]);
    for group in &groups {
        for block in group.term.blocks("ingress") {
            let keys = ["cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids"];
            let sources: Vec<&Term> = keys.iter().filter_map(|k| block.get(k)).collect();
            found.extend(rule(
                plan,
                block,
                &group.address,
                &sources,
                "protocol",
                &block.span,
            ));
        }
    }
    groups.extend(modules::groups(plan));
    for (kind, protocol, keys) in [
        (
            "aws_security_group_rule",
            "protocol",
            ["cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids"],
        ),
        (
            "aws_vpc_security_group_ingress_rule",
            "ip_protocol",
            ["cidr_ipv4", "cidr_ipv6", "prefix_list_id"],
        ),
    ] {
        for resource in plan.of(&[kind]) {
            let term = &resource.term;
            if term.get("type").and_then(Term::as_str) == Some("egress") {
                continue;
            }
            let group = group_of(resource, &groups);
            let sources: Vec<&Term> = keys.iter().filter_map(|k| term.get(k)).collect();
            found.extend(rule(plan, term, &group, &sources, protocol, &resource.span));
        }
    }
    found.extend(modules::amazon(plan));
    plan.cloud.firewalls.extend(found);
}

fn group_of(resource: &Resource, groups: &[&Resource]) -> String {
    let named = resource.term.get("security_group_id");
    let group = groups.iter().find(|g| refers(named, &g.address));
    group.map_or_else(|| resource.address.clone(), |g| g.address.clone())
}

/// The ways that the groups of a machine open.
fn openings(groups: &[Option<&Term>], public: Option<bool>, rules: &[FirewallRule]) -> Vec<Opening> {
    let mut out = Vec::new();
    for rule in rules
        .iter()
        .filter(|r| groups.iter().any(|g| refers(*g, &r.group)))
    {
        let audience = match (public, rule.audience) {
            (Some(false), Audience::Internet | Audience::Everyone) => Audience::Network,
            (_, audience) => audience,
        };
        out.push(Opening {
            kind: OpeningKind::Firewall,
            audience,
            inside: rule.ports.clone(),
            outside: rule.ports.clone(),
            guards: Vec::new(),
            chain: rule.chain.clone(),
        });
    }
    out
}

/// The groups of the network cards of a machine, and those that are attached to it.
fn attached<'a>(plan: &Plan<'a>, machine: &Resource) -> Vec<&'a Term> {
    let used = [
        "network_interface",
        "primary_network_interface",
        "network_interfaces",
    ]
    .iter()
    .flat_map(|k| machine.term.blocks(k))
    .filter_map(|b| b.get("network_interface_id"));
    let used: Vec<&Term> = used.collect();
    let cards = plan.of(&["aws_network_interface"]).into_iter();
    let cards: Vec<&Resource> = cards
        .filter(|card| used.iter().any(|t| refers(Some(t), &card.address)))
        .collect();
    let mut out: Vec<&Term> = cards
        .iter()
        .filter_map(|c| c.term.get("security_groups"))
        .collect();
    for attachment in plan.of(&["aws_network_interface_sg_attachment"]) {
        let to = attachment.term.get("network_interface_id");
        if refers(to, &machine.address) || cards.iter().any(|c| refers(to, &c.address)) {
            out.extend(attachment.term.get("security_group_id"));
        }
    }
    out
}

fn instances(plan: &mut Plan<'_>, rules: &[FirewallRule]) {
    let mut found = Vec::new();
    let kinds = [
        "aws_instance",
        "aws_launch_template",
        "aws_launch_configuration",
        "aws_spot_instance_request",
    ];
    let machines = plan.of(&kinds).into_iter();
    for resource in machines.chain(modules::of(plan, modules::MACHINE)) {
        let term = &resource.term;
        let network = term.path(&["network_interfaces"]);
        let mut groups = vec![
            term.get("vpc_security_group_ids"),
            term.get("security_groups"),
            network.and_then(|n| n.path(&["security_groups"])),
        ];
        groups.extend(attached(plan, resource).into_iter().map(Some));
        let public = term
            .get("associate_public_ip_address")
            .or_else(|| network.and_then(|n| n.path(&["associate_public_ip_address"])))
            .and_then(Term::as_bool);
        let mut ways = openings(&groups, public, rules);
        // A module may make a group of its own.
        let itself = Term {
            refs: [resource.address.clone()].into(),
            ..Term::default()
        };
        ways.extend(openings(&[Some(&itself)], public, rules));
        let attachments = plan.of(&[
            "aws_lb_target_group_attachment",
            "aws_alb_target_group_attachment",
        ]);
        let own = attachments
            .iter()
            .filter(|a| refers(a.term.get("target_id"), &resource.address));
        for attached in own.take(MOST_TARGETS) {
            let group = attached.term.get("target_group_arn");
            let targets = plan.of(&["aws_lb_target_group", "aws_alb_target_group"]);
            let target = targets.iter().find(|t| refers(group, &t.address));
            let port = attached.term.get("port").or_else(|| target?.term.get("port"));
            let port = port.and_then(Term::as_number);
            ways.extend(balanced(plan, group, ports(port, port).as_ref(), rules));
        }
        let user_data = ["user_data", "user_data_base64"]
            .iter()
            .filter_map(|k| term.get(k));
        let start = user_data.flat_map(|t| script(t, plan.text)).collect();
        found.push(Workload {
            name: resource.name.clone(),
            names: vec![resource.address.clone()],
            kind: WorkloadKind::Machine,
            span: resource.span.clone(),
            containers: vec![Container {
                name: resource.name.clone(),
                span: resource.span.clone(),
                start,
                host_network: true,
                ..Container::default()
            }],
            openings: ways,
            ..Workload::default()
        });
    }
    plan.workloads.extend(found);
}

/// Tasks of ECS with the services that run them.
fn tasks(plan: &mut Plan<'_>, rules: &[FirewallRule]) {
    let mut found = Vec::new();
    let services = plan.of(&["aws_ecs_service"]);
    for task in plan.of(&["aws_ecs_task_definition"]) {
        let definitions = task
            .term
            .get("container_definitions")
            .and_then(|t| document(t, plan.text));
        let mut containers = Vec::new();
        for item in definitions.iter().flat_map(Term::each) {
            containers.push(container(item, plan.text));
        }
        let mut ways = Vec::new();
        for service in services
            .iter()
            .filter(|s| refers(s.term.get("task_definition"), &task.address))
        {
            let balancers = service.term.blocks("load_balancer");
            for balancer in balancers.into_iter().take(MOST_TARGETS) {
                let port = balancer.get("container_port").and_then(Term::as_number);
                let group = balancer.get("target_group_arn");
                ways.extend(balanced(plan, group, ports(port, port).as_ref(), rules));
            }
            let network = service.term.path(&["network_configuration"]);
            let of = |key: &str| network.and_then(|n| n.path(&[key]));
            // Without a public address only what is inside comes in.
            let public = of("assign_public_ip").and_then(Term::as_bool).unwrap_or(false);
            let mut own = openings(&[of("security_groups")], Some(public), rules);
            if let Some(address) = of("assign_public_ip").filter(|_| public) {
                for way in &mut own {
                    way.chain
                        .push((address.span.clone(), "it has a public address".to_owned()));
                }
            }
            ways.append(&mut own);
        }
        found.push(Workload {
            name: task.name.clone(),
            names: vec![task.address.clone()],
            kind: WorkloadKind::CloudContainer,
            span: task.span.clone(),
            containers,
            openings: ways,
            ..Workload::default()
        });
    }
    plan.workloads.extend(found);
}

/// How many listeners of one target, and targets of one machine, are followed.
const MOST_LISTENERS: usize = 16;
const MOST_TARGETS: usize = 4;

/// The ways through load balancers to what a target group holds.
fn balanced(
    plan: &Plan<'_>,
    group: Option<&Term>,
    inside: Option<&Range<u32>>,
    rules: &[FirewallRule],
) -> Vec<Opening> {
    let mut out = Vec::new();
    let target_groups = plan.of(&["aws_lb_target_group", "aws_alb_target_group"]);
    let Some(target) = target_groups.iter().find(|t| refers(group, &t.address)) else {
        return out;
    };
    let listeners = plan.of(&[
        "aws_lb_listener",
        "aws_alb_listener",
        "aws_lb_listener_rule",
        "aws_alb_listener_rule",
    ]);
    let leading = listeners.iter().filter(|l| l.term.comes_from(&target.address));
    for listener in leading.take(MOST_LISTENERS) {
        // A rule belongs to a listener, and that to a balancer.
        let owner = listeners
            .iter()
            .find(|l| refers(listener.term.get("listener_arn"), &l.address));
        let front = owner.unwrap_or(listener);
        let balancers = plan.of(&["aws_lb", "aws_alb"]);
        let Some(balancer) = balancers
            .iter()
            .find(|b| refers(front.term.get("load_balancer_arn"), &b.address))
        else {
            continue;
        };
        let port = front.term.get("port").and_then(Term::as_number);
        let outside = ports(port, port);
        let lets = |rule: &&FirewallRule| {
            let leads = rule
                .ports
                .as_ref()
                .zip(outside.as_ref())
                .is_none_or(|(r, o)| r.contains(&o.start));
            leads && refers(balancer.term.get("security_groups"), &rule.group)
        };
        let widest = rules.iter().filter(lets).max_by_key(|r| r.audience);
        let internal = balancer.term.get("internal").and_then(Term::as_bool) == Some(true);
        let audience = match widest {
            _ if internal => Audience::Network,
            Some(rule) => rule.audience,
            None => Audience::Unknown,
        };
        let actions = [&front.term, &listener.term]
            .into_iter()
            .flat_map(|t| t.blocks("default_action").into_iter().chain(t.blocks("action")));
        let guards = actions
            .filter_map(|a| a.get("type"))
            .filter(|t| t.as_str().is_some_and(|t| t.starts_with("authenticate-")))
            .map(|t| Guard {
                kind: GuardKind::Oidc,
                certain: true,
                span: t.span.clone(),
            })
            .collect();
        let mut chain: Vec<Mark> = vec![(listener.span.clone(), "a listener leads to it".to_owned())];
        chain.push((balancer.span.clone(), "of this load balancer".to_owned()));
        chain.extend(widest.map(|r| r.chain.clone()).unwrap_or_default());
        out.push(Opening {
            kind: OpeningKind::LoadBalancer,
            audience,
            inside: inside.cloned(),
            outside,
            guards,
            chain,
        });
    }
    out
}

/// A container as the JSON of ECS has it.
fn container(item: &Term, text: &str) -> Container {
    let entry = words(item.get("entryPoint"));
    let arguments_only = entry.is_empty();
    let all: Vec<Word> = entry.into_iter().chain(words(item.get("command"))).collect();
    let port = |t: &Term| {
        let number = t.get("containerPort")?.as_number();
        Some(Port {
            container: ports(number, number),
            published: true,
            span: t.span.clone(),
            ..Port::default()
        })
    };
    Container {
        name: item
            .get("name")
            .and_then(Term::as_str)
            .unwrap_or_default()
            .to_owned(),
        span: item.span.clone(),
        image: item.get("image").and_then(Term::word),
        start: if all.is_empty() {
            Vec::new()
        } else {
            shell::from_words(all, text)
        },
        arguments_only,
        environment: variables(
            &item
                .blocks("environment")
                .into_iter()
                .chain(item.blocks("secrets"))
                .collect::<Vec<_>>(),
        ),
        ports: item.blocks("portMappings").into_iter().filter_map(port).collect(),
        privileged: item
            .get("privileged")
            .filter(|t| t.as_bool() == Some(true))
            .map(|t| t.span.clone()),
        ..Container::default()
    }
}

/// App Runner gives each service an address on the internet.
fn app_runner(plan: &mut Plan<'_>) {
    let mut found = Vec::new();
    for resource in plan.of(&["aws_apprunner_service"]) {
        let image = resource
            .term
            .path(&["source_configuration"])
            .and_then(|t| t.path(&["image_repository"]));
        let Some(image) = image else { continue };
        let image = image.each().into_iter().next().unwrap_or(image);
        let port = image
            .path(&["image_configuration"])
            .and_then(|t| t.path(&["port"]));
        let port = port.and_then(Term::as_number).or(Some(8080));
        let private = resource
            .term
            .path(&["network_configuration"])
            .and_then(|t| t.path(&["ingress_configuration"]))
            .and_then(|t| t.path(&["is_publicly_accessible"]))
            .and_then(Term::as_bool)
            == Some(false);
        found.push(Workload {
            name: resource.name.clone(),
            kind: WorkloadKind::CloudContainer,
            span: resource.span.clone(),
            containers: vec![Container {
                image: image.get("image_identifier").and_then(Term::word),
                span: resource.span.clone(),
                ..Container::default()
            }],
            openings: vec![Opening {
                kind: OpeningKind::PublicUrl,
                audience: if private {
                    Audience::Network
                } else {
                    Audience::Internet
                },
                inside: ports(port, port),
                chain: vec![(resource.span.clone(), "the cloud gives it an address".to_owned())],
                ..Opening::default()
            }],
            ..Workload::default()
        });
    }
    plan.workloads.extend(found);
}

fn buckets(plan: &mut Plan<'_>) {
    let acls = plan.of(&["aws_s3_bucket_acl"]);
    let blocks = plan.of(&[
        "aws_s3_bucket_public_access_block",
        "aws_s3_account_public_access_block",
    ]);
    let policies = plan.of(&["aws_s3_bucket_policy"]);
    let mut found = Vec::new();
    for bucket in plan.of(&["aws_s3_bucket"]) {
        let name = bucket.term.get("bucket").and_then(Term::word);
        let is_of = |r: &&&Resource| {
            let named = r.term.get("bucket");
            refers(named, &bucket.address)
                || name
                    .as_ref()
                    .is_some_and(|n| !n.open && named.and_then(Term::as_str) == Some(&n.text))
        };
        let mut out = Bucket {
            address: bucket.address.clone(),
            name: name.clone(),
            span: bucket.span.clone(),
            ..Bucket::default()
        };
        let by_acl = acls.iter().filter(is_of).filter_map(|r| r.term.get("acl"));
        for acl in by_acl.chain(bucket.term.get("acl")) {
            let Some(text) = acl.as_str() else { continue };
            if text.starts_with("public-") || text == "authenticated-read" {
                out.public.push(PublicAccess {
                    writes: text.ends_with("write"),
                    span: acl.span.clone(),
                });
            }
        }
        let by_policy = policies.iter().filter(is_of).filter_map(|r| r.term.get("policy"));
        for policy in by_policy.chain(bucket.term.get("policy")) {
            for grant in statements(policy, &bucket.address, plan.text) {
                let everyone = grant.principals.iter().any(|p| p.text == "*");
                if everyone && !grant.conditional {
                    let writes = grant.actions.iter().any(|a| {
                        let action = a.text.to_ascii_lowercase();
                        ["*", "s3:*", "s3:put", "s3:delete"].iter().any(|w| {
                            if w.ends_with('*') {
                                action == *w
                            } else {
                                action.starts_with(w)
                            }
                        })
                    });
                    out.public.push(PublicAccess {
                        writes,
                        span: grant.span,
                    });
                }
            }
        }
        out.blocked = blocks
            .iter()
            .filter(|b| is_of(b) || b.kind == "aws_s3_account_public_access_block")
            .find(|b| {
                let on = |key: &str| b.term.get(key).and_then(Term::as_bool) == Some(true);
                on("restrict_public_buckets") && on("ignore_public_acls")
            })
            .map(|b| b.span.clone());
        found.push(out);
    }
    plan.cloud.buckets.extend(found);
}

/// Policies that hang on roles, users, groups and buckets.
fn policies(plan: &mut Plan<'_>) {
    let kinds = [
        "aws_iam_policy",
        "aws_iam_role_policy",
        "aws_iam_user_policy",
        "aws_iam_group_policy",
        "aws_s3_bucket_policy",
    ];
    let mut found = Vec::new();
    for resource in plan.of(&kinds) {
        if let Some(policy) = resource.term.get("policy") {
            found.extend(statements(policy, &resource.address, plan.text));
        }
    }
    for role in plan.of(&["aws_iam_role"]) {
        for inline in role.term.blocks("inline_policy") {
            if let Some(policy) = inline.get("policy") {
                found.extend(statements(policy, &role.address, plan.text));
            }
        }
    }
    plan.cloud.grants.extend(found);
}

/// What the statements of a policy allow, in JSON or as a document of Terraform.
fn statements(policy: &Term, address: &str, text: &str) -> Vec<Grant> {
    let Some(document) = document(policy, text) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (key, effect, action, resource, condition) in [
        ("Statement", "Effect", "Action", "Resource", "Condition"),
        ("statement", "effect", "actions", "resources", "condition"),
    ] {
        for statement in document.blocks(key) {
            if statement
                .get(effect)
                .and_then(Term::as_str)
                .is_some_and(|e| e != "Allow")
            {
                continue;
            }
            let mut actions = words(statement.get(action));
            // Everything but a few is nearly everything.
            let not = statement
                .get("NotAction")
                .or_else(|| statement.get("not_actions"));
            actions.extend(not.map(|t| Word {
                text: "*".to_owned(),
                span: t.span.clone(),
                open: false,
            }));
            let mut principals = Vec::new();
            if let Some(principal) = statement.get("Principal") {
                principals.extend(principal.word());
                for (_, _, who) in principal.entries() {
                    principals.extend(words(Some(who)));
                }
            }
            for block in statement.blocks("principals") {
                principals.extend(words(block.get("identifiers")));
            }
            let refs = statement.get(resource).map(Term::all_refs).unwrap_or_default();
            out.push(Grant {
                address: address.to_owned(),
                span: statement
                    .get(action)
                    .map_or(statement.span.clone(), |t| t.span.clone()),
                principals,
                actions,
                resources: words(statement.get(resource)),
                refers: refs.into_iter().collect(),
                conditional: !statement.blocks(condition).is_empty(),
            });
        }
    }
    // A text that was filled in refers to something as a whole.
    if let [only] = out.as_mut_slice() {
        only.refers.extend(document.refs.iter().cloned());
    }
    out
}
