//! Modules of registries, which no tree holds: what the best-known of them make of their inputs.
//!
//! Most firewalls are written through them. The one decision: only inputs are read that mean the same in every version, and
//! each rule that they make stands where its input is said, as if it were a resource.

use super::{Plan, Resource, aws, ports, term::Term, words};
use crate::cloud::FirewallRule;
use std::ops::Range;

/// The modules whose inputs are known; the names that a registry knows them by.
const KNOWN: &[&str] = &[
    "terraform-aws-modules/",
    "cloudposse/security-group/aws",
    "terraform-google-modules/network/google",
    "Azure/network-security-group/azurerm",
    "Azure/avm-res-network-networksecuritygroup/azurerm",
];

/// What stands before the type of a resource that is a module.
const PREFIX: &str = "module/";

/// Modules that are a security group, and that are a machine.
const SECURITY_GROUP: &str = "module/terraform-aws-modules/security-group/aws";
pub(super) const MACHINE: &str = "module/terraform-aws-modules/ec2-instance/aws";

/// How many rules one module makes at most.
const MOST_RULES: usize = 512;

/// Names of ports that the security group module knows; of those that no platform listens at, none.
const NAMED: &[(&str, u32, u32)] = &[
    ("all-all", 0, 65_535),
    ("all-tcp", 0, 65_535),
    ("alertmanager-9093-tcp", 9093, 9093),
    ("carbon-gui-udp", 8081, 8081),
    ("consul-webui-http-tcp", 8500, 8500),
    ("elasticsearch-rest-tcp", 9200, 9200),
    ("elasticsearch-java-tcp", 9300, 9300),
    ("grafana-tcp", 3000, 3000),
    ("graphite-8080-tcp", 8080, 8080),
    ("http-80-tcp", 80, 80),
    ("http-8080-tcp", 8080, 8080),
    ("https-443-tcp", 443, 443),
    ("https-8443-tcp", 8443, 8443),
    ("kibana-tcp", 5601, 5601),
    ("minio-tcp", 9000, 9000),
    ("mongodb-27017-tcp", 27_017, 27_017),
    ("mysql-tcp", 3306, 3306),
    ("postgresql-tcp", 5432, 5432),
    ("prometheus-http-tcp", 9090, 9090),
    ("prometheus-pushgateway-http-tcp", 9091, 9091),
    ("puppetdb-tcp", 8081, 8081),
    ("redis-tcp", 6379, 6379),
    ("splunk-web-tcp", 8000, 8000),
    ("storm-ui-tcp", 8080, 8080),
    ("wazuh-indexer-restful-api", 9200, 9200),
    ("zipkin-web-tcp", 8080, 8080),
];

/// The type that a module counts as, by its source: `module/terraform-aws-modules/security-group/aws`.
pub(super) fn kind(source: &str) -> Option<String> {
    let plain = source.strip_prefix("git::").unwrap_or(source);
    let plain = plain.split('?').next().unwrap_or(plain);
    // The repositories of the same modules: OWNER/terraform-PROVIDER-NAME.
    for (owner, provider) in [("terraform-aws-modules", "aws"), ("cloudposse", "aws")] {
        let start = format!("{owner}/terraform-{provider}-");
        let Some(rest) = find(plain, &start).and_then(|at| plain.get(at.saturating_add(start.len())..))
        else {
            continue;
        };
        let (name, inner) = rest.split_once("//").unwrap_or((rest, ""));
        let name = name.trim_end_matches('/').trim_end_matches(".git");
        let inner = if inner.is_empty() {
            String::new()
        } else {
            format!("//{inner}")
        };
        return kind(&format!("{owner}/{name}/{provider}{inner}"));
    }
    let at = KNOWN.iter().find_map(|k| find(plain, k))?;
    Some(format!("{PREFIX}{}", plain.get(at..)?))
}

/// Where a name begins in an address, as whole parts of its path.
fn find(source: &str, name: &str) -> Option<usize> {
    let at = source.find(name)?;
    let before = source.get(..at)?;
    let whole = before.is_empty() || before.ends_with(['/', ':']);
    (whole && !before.starts_with('.')).then_some(at)
}

/// Whether a module is told to make nothing.
fn is_off(module: &Resource) -> bool {
    ["create", "create_sg", "create_security_group", "enabled"]
        .iter()
        .filter_map(|k| module.term.get(k))
        .any(|t| t.as_bool() == Some(false))
}

/// The modules whose type begins so.
pub(super) fn of<'a>(plan: &Plan<'a>, kind: &str) -> Vec<&'a Resource> {
    let is_one = |r: &&Resource| r.kind.starts_with(kind) && !is_off(r);
    plan.resources.iter().filter(is_one).collect()
}

/// The modules that make a group of their own, as the rules beside them name it.
pub(super) fn groups<'a>(plan: &Plan<'a>) -> Vec<&'a Resource> {
    let is_one = |r: &&Resource| r.kind.starts_with(PREFIX);
    plan.resources.iter().filter(is_one).collect()
}

/// The rules of the modules for Amazon.
pub(super) fn amazon(plan: &Plan<'_>) -> Vec<FirewallRule> {
    let mut out = Vec::new();
    for module in of(plan, PREFIX) {
        let before = out.len();
        if module.kind.starts_with(SECURITY_GROUP) {
            security_group(plan, module, &mut out);
        }
        // Lists and tables of rules, each with its own addresses.
        for key in [
            "rules",
            "rules_map",
            "security_group_rules",
            "security_group_ingress_rules",
            "security_group_additional_rules",
            "node_security_group_additional_rules",
        ] {
            if let Some(list) = module.term.get(key) {
                listed(plan, list, &module.address, &[], &mut out);
            }
        }
        for row in module.term.get("rule_matrix").map(Term::each).unwrap_or_default() {
            let sources: Vec<&Term> = SOURCES.iter().filter_map(|k| row.get(k)).collect();
            if let Some(list) = row.get("rules") {
                listed(plan, list, &module.address, &sources, &mut out);
            }
        }
        out.truncate(before.saturating_add(MOST_RULES));
    }
    out
}

/// How rules of either style say whom they let in.
const SOURCES: [&str; 7] = [
    "cidr_blocks",
    "ipv6_cidr_blocks",
    "prefix_list_ids",
    "cidr_ipv4",
    "cidr_ipv6",
    "prefix_list_id",
    "source_cidr_blocks",
];

/// `[{type = "ingress", from_port, to_port, protocol, cidr_blocks}]`, or the same as a table, or as a table of lists.
fn listed(plan: &Plan<'_>, list: &Term, group: &str, more: &[&Term], out: &mut Vec<FirewallRule>) {
    let items = items(list).into_iter().flat_map(Term::each);
    for item in items.take(MOST_RULES) {
        // What is no rule has no ports: `rules` of the security group module is a table of names.
        let kind = item.get("type").and_then(Term::as_str);
        if item.get("from_port").is_none() || kind.is_some_and(|k| k != "ingress") {
            continue;
        }
        let mut sources: Vec<&Term> = SOURCES.iter().filter_map(|k| item.get(k)).collect();
        sources.extend(more);
        let protocol = if item.get("ip_protocol").is_some() {
            "ip_protocol"
        } else {
            "protocol"
        };
        out.extend(aws::rule(plan, item, group, &sources, protocol, &item.span));
    }
}

/// The items of a list, or the values of a table.
pub(super) fn items(term: &Term) -> Vec<&Term> {
    let values = term.entries();
    if values.is_empty() {
        term.each()
    } else {
        values.iter().map(|(.., t)| t).collect()
    }
}

/// The inputs of the security group module: lists of rules, and names of ports with addresses for all of them.
fn security_group(plan: &Plan<'_>, module: &Resource, out: &mut Vec<FirewallRule>) {
    let shared = [
        "ingress_cidr_blocks",
        "ingress_ipv6_cidr_blocks",
        "ingress_prefix_list_ids",
    ];
    for computed in ["", "computed_"] {
        for (key, source, fallback) in [
            ("ingress_with_cidr_blocks", "cidr_blocks", shared[0]),
            ("ingress_with_ipv6_cidr_blocks", "ipv6_cidr_blocks", shared[1]),
            ("ingress_with_prefix_list_ids", "prefix_list_ids", shared[2]),
        ] {
            for item in made(module, &format!("{computed}{key}")) {
                let sources: Vec<&Term> = item
                    .get(source)
                    .or_else(|| module.term.get(fallback))
                    .into_iter()
                    .collect();
                match item.get("rule") {
                    Some(name) if item.get("from_port").is_none() => {
                        named(plan, module, name, &sources, &item.span, out);
                    }
                    _ => out.extend(aws::rule(
                        plan,
                        item,
                        &module.address,
                        &sources,
                        "protocol",
                        &item.span,
                    )),
                }
            }
        }
        let sources: Vec<&Term> = shared.iter().filter_map(|k| module.term.get(k)).collect();
        // Without addresses, names of ports let nobody in.
        if sources.iter().any(|t| !t.each().is_empty()) {
            for name in made(module, &format!("{computed}ingress_rules")) {
                named(plan, module, name, &sources, &name.span, out);
            }
        }
    }
    // `//modules/grafana` lets these addresses to the ports of its name.
    let preset = module
        .kind
        .split_once("//modules/")
        .map(|(_, name)| name.trim_end_matches('/'));
    let sources: Vec<&Term> = shared.iter().filter_map(|k| module.term.get(k)).collect();
    if let (Some(preset), Some(source)) = (preset, sources.first()) {
        let is_of = |name: &str| {
            name.strip_prefix(preset)
                .is_some_and(|r| r.is_empty() || r.starts_with('-'))
        };
        for (_, from, to) in NAMED.iter().filter(|(name, ..)| is_of(name)) {
            out.extend(made_of(
                plan,
                module,
                (*from, *to),
                &sources,
                &source.span,
                &source.span,
            ));
        }
    }
}

/// The items of an input; of a computed one, as many as its number says.
fn made<'t>(module: &'t Resource, key: &str) -> Vec<&'t Term> {
    let items = module.term.get(key).map(Term::each).unwrap_or_default();
    let number = module.term.get(&format!("number_of_{key}"));
    let most = match number {
        None if key.starts_with("computed_") => 0,
        None => MOST_RULES,
        Some(n) => n
            .as_number()
            .map_or(MOST_RULES, |n| usize::try_from(n).unwrap_or_default()),
    };
    items.into_iter().take(most.min(MOST_RULES)).collect()
}

/// A rule for the ports of a name.
fn named(
    plan: &Plan<'_>,
    module: &Resource,
    name: &Term,
    sources: &[&Term],
    place: &Range<usize>,
    out: &mut Vec<FirewallRule>,
) {
    let Some(text) = name.as_str() else { return };
    let own = module
        .term
        .path(&["rules", text])
        .map(Term::each)
        .unwrap_or_default();
    let number = |i: usize| own.get(i).and_then(|t| u32::try_from(t.as_number()?).ok());
    let known = NAMED
        .iter()
        .find(|(n, ..)| *n == text)
        .map(|(_, from, to)| (*from, *to));
    let is_tcp = own.get(2).is_none_or(|t| {
        t.word()
            .is_none_or(|w| matches!(w.text.as_str(), "tcp" | "6" | "-1" | "all"))
    });
    let range = number(0).zip(number(1)).or(known).filter(|_| is_tcp);
    if let Some(range) = range {
        out.extend(made_of(plan, module, range, sources, &name.span, place));
    }
}

fn made_of(
    plan: &Plan<'_>,
    module: &Resource,
    (from, to): (u32, u32),
    sources: &[&Term],
    ports_at: &Range<usize>,
    place: &Range<usize>,
) -> Option<FirewallRule> {
    let (audience, span) = aws::audience_of(plan, sources)?;
    let chain = vec![
        (span.clone(), "lets these addresses in".to_owned()),
        (ports_at.clone(), "to these ports".to_owned()),
    ];
    Some(FirewallRule {
        group: module.address.clone(),
        ports: ports(Some(from.into()), Some(to.into())),
        audience,
        declared: place.clone(),
        span,
        chain,
    })
}

/// The blocks of what is managed as a list: of the list itself, and of entries that stand beside it.
pub(super) fn prefixes<'a>(plan: &Plan<'a>, of: &Term) -> Vec<&'a Term> {
    let mut out = Vec::new();
    for list in plan.of(&["aws_ec2_managed_prefix_list"]) {
        if of.comes_from(&list.address) {
            let own = list
                .term
                .blocks("entry")
                .into_iter()
                .filter_map(|e| e.get("cidr"));
            let beside = plan.of(&["aws_ec2_managed_prefix_list_entry"]).into_iter();
            let beside = beside.filter(|e| super::refers(e.term.get("prefix_list_id"), &list.address));
            out.extend(own.chain(beside.filter_map(|e| e.term.get("cidr"))));
        }
    }
    out
}

/// Rules of the modules for Google, each as a firewall of its own: the term, and the module.
pub(super) fn google<'a>(plan: &Plan<'a>) -> Vec<(&'a Term, &'a Resource)> {
    let mut out = Vec::new();
    for module in of(plan, "module/terraform-google-modules/network/google") {
        for key in ["rules", "ingress_rules", "firewall_rules"] {
            let list = module.term.get(key).map(items).unwrap_or_default();
            out.extend(list.into_iter().take(MOST_RULES).map(|t| (t, module)));
        }
    }
    out
}

/// Rules of the modules for Azure.
pub(super) fn azure<'a>(plan: &Plan<'a>) -> Vec<(&'a Term, &'a Resource)> {
    let mut out = Vec::new();
    for module in of(plan, "module/Azure/") {
        for key in ["custom_rules", "security_rules"] {
            let list = module.term.get(key).map(items).unwrap_or_default();
            out.extend(list.into_iter().take(MOST_RULES).map(|t| (t, module)));
        }
    }
    out
}

/// The addresses that a module lets in where a rule of it says none.
pub(super) fn everywhere(module: &Resource) -> Vec<String> {
    words(module.term.get("source_address_prefix"))
        .into_iter()
        .map(|w| w.text)
        .collect()
}
