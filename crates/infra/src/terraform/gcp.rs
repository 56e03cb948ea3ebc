//! Google: firewalls, buckets and who may use them, Cloud Run, Vertex AI, and what machines start.

use super::{Plan, modules, ports, refers, script, term::Term, variables, words};
use crate::{
    cloud::{Bucket, FirewallRule, Grant, PublicAccess},
    resource::{Port, Resource as Container, Word},
    shell,
    workload::{Audience, Guard, GuardKind, Mark, Opening, OpeningKind, Workload, WorkloadKind},
};
use std::ops::Range;

pub(super) fn read(plan: &mut Plan<'_>) {
    let firewalls = firewalls(plan);
    machines(plan, &firewalls);
    plan.cloud.firewalls.extend(firewalls.into_iter().map(|f| f.rule));
    cloud_run(plan);
    buckets(plan);
    grants(plan);
    plan.managed(|kind| {
        [
            "google_vertex_ai_",
            "google_notebooks_",
            "google_workbench_",
            "google_colab_",
        ]
        .iter()
        .any(|p| kind.starts_with(p))
            || RUN.contains(&kind)
    });
}

/// A rule and the tags of machines that it is for.
struct Firewall<'a> {
    rule: FirewallRule,
    tags: Vec<String>,
    /// The accounts of machines that it is for.
    accounts: Option<&'a Term>,
}

impl Firewall<'_> {
    fn is_for(&self, tags: &[String], machine: &Term) -> bool {
        let Some(accounts) = self.accounts else {
            return self.tags.is_empty() || self.tags.iter().any(|t| tags.contains(t));
        };
        let own = machine.blocks("service_account").into_iter();
        let mut own = own.filter_map(|a| a.get("email"));
        own.any(|email| {
            accounts.each().into_iter().any(|a| {
                let shared = || a.refs.iter().any(|r| email.comes_from(r));
                (a.as_str().is_some() && a.as_str() == email.as_str()) || shared()
            })
        })
    }
}

fn firewalls<'a>(plan: &Plan<'a>) -> Vec<Firewall<'a>> {
    let mut out = Vec::new();
    let own = plan.of(&["google_compute_firewall"]).into_iter();
    let own = own.map(|r| (&r.term, r, &r.span));
    let of_modules = modules::google(plan).into_iter();
    for (term, resource, declared) in own.chain(of_modules.map(|(t, r)| (t, r, &t.span))) {
        let text = |key: &str| term.get(key).and_then(Term::as_str);
        if text("direction").is_some_and(|d| d.eq_ignore_ascii_case("EGRESS"))
            || term.get("disabled").and_then(Term::as_bool) == Some(true)
        {
            continue;
        }
        let ranges = ["source_ranges", "ranges"];
        let ranges: Vec<&Term> = ranges.iter().filter_map(|k| term.get(k)).collect();
        // Without any source it is everyone.
        let limited = ["source_tags", "source_service_accounts"]
            .iter()
            .filter_map(|k| term.get(k))
            .any(|t| !t.each().is_empty());
        let (audience, span) = super::aws::audience(&ranges).unwrap_or((
            if limited {
                Audience::Network
            } else {
                Audience::Internet
            },
            declared.clone(),
        ));
        let tags: Vec<String> = words(term.get("target_tags"))
            .into_iter()
            .map(|w| w.text)
            .collect();
        for allow in term.blocks("allow") {
            if matches!(
                allow.get("protocol").and_then(Term::as_str),
                Some("icmp" | "esp" | "ah" | "udp")
            ) {
                continue;
            }
            let listed = allow.get("ports").map(Term::each).unwrap_or_default();
            let mut all: Vec<(Option<Range<u32>>, Range<usize>, Audience)> = listed
                .iter()
                .map(|t| {
                    let known = t.word().filter(|w| !w.open);
                    let ports = known.and_then(|w| shell::port_range(&w.text));
                    // Which ports it opens is not known, so neither is whether it opens any that matters.
                    let audience = ports
                        .as_ref()
                        .map_or(audience.min(Audience::Unknown), |_| audience);
                    (ports, t.span.clone(), audience)
                })
                .collect();
            if all.is_empty() {
                all.push((None, allow.span.clone(), audience));
            }
            for (ports, place, audience) in all {
                let chain: Vec<Mark> = vec![
                    (span.clone(), "lets these addresses in".to_owned()),
                    (place, "to these ports".to_owned()),
                ];
                out.push(Firewall {
                    rule: FirewallRule {
                        group: resource.address.clone(),
                        ports,
                        audience,
                        declared: declared.clone(),
                        span: span.clone(),
                        chain,
                    },
                    tags: tags.clone(),
                    accounts: term
                        .get("target_service_accounts")
                        .filter(|t| !t.each().is_empty()),
                });
            }
        }
    }
    out
}

fn machines(plan: &mut Plan<'_>, firewalls: &[Firewall<'_>]) {
    let mut found = Vec::new();
    for resource in plan.of(&["google_compute_instance", "google_compute_instance_template"]) {
        let term = &resource.term;
        let tags: Vec<String> = words(term.get("tags")).into_iter().map(|w| w.text).collect();
        let scripts = [
            term.get("metadata_startup_script"),
            term.path(&["metadata", "startup-script"]),
            term.path(&["metadata", "user-data"]),
        ];
        let start = scripts
            .into_iter()
            .flatten()
            .flat_map(|t| script(t, plan.text))
            .collect();
        let interfaces = term.blocks("network_interface");
        let public = interfaces.iter().any(|i| i.get("access_config").is_some());
        let mut openings = Vec::new();
        for firewall in firewalls {
            if !firewall.is_for(&tags, term) {
                continue;
            }
            let rule = &firewall.rule;
            let audience = match rule.audience {
                Audience::Internet | Audience::Everyone if !public && !interfaces.is_empty() => {
                    Audience::Network
                }
                audience => audience,
            };
            openings.push(Opening {
                kind: OpeningKind::Firewall,
                audience,
                inside: rule.ports.clone(),
                outside: rule.ports.clone(),
                guards: Vec::new(),
                chain: rule.chain.clone(),
            });
        }
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
            openings,
            ..Workload::default()
        });
    }
    plan.workloads.extend(found);
}

/// Members that are nobody in particular.
fn everyone(term: &Term) -> Option<Range<usize>> {
    let list = [term.get("member"), term.get("members"), term.get("entity")];
    let all = list.into_iter().flatten().flat_map(Term::each);
    all.filter(|t| matches!(t.as_str(), Some("allUsers" | "allAuthenticatedUsers")))
        .map(|t| t.span.clone())
        .next()
}

const RUN: [&str; 2] = ["google_cloud_run_service", "google_cloud_run_v2_service"];

const RUN_MEMBERS: [&str; 4] = [
    "google_cloud_run_service_iam_member",
    "google_cloud_run_service_iam_binding",
    "google_cloud_run_v2_service_iam_member",
    "google_cloud_run_v2_service_iam_binding",
];

fn cloud_run(plan: &mut Plan<'_>) {
    let members = plan.of(&RUN_MEMBERS);
    let mut found = Vec::new();
    for resource in plan.of(&RUN) {
        let term = &resource.term;
        // The first version keeps containers one level deeper.
        let template = term
            .path(&["template"])
            .map(|t| t.each().into_iter().next().unwrap_or(t));
        let spec = template.map(|t| {
            t.path(&["spec"])
                .map_or(t, |s| s.each().into_iter().next().unwrap_or(s))
        });
        let containers: Vec<Container> = spec
            .map(|s| s.blocks("containers"))
            .unwrap_or_default()
            .into_iter()
            .map(|c| container(c, plan.text))
            .collect();
        let port = containers
            .iter()
            .flat_map(|c| &c.ports)
            .find_map(|p| p.container.clone());
        let name = term.get("name").and_then(Term::as_str);
        let is_of = |r: &&&super::Resource| {
            let named = ["service", "name"].iter().find_map(|k| r.term.get(k));
            refers(named, &resource.address) || (name.is_some() && named.and_then(Term::as_str) == name)
        };
        let open = members.iter().filter(is_of).find_map(|r| everyone(&r.term));
        let iam_off = term
            .get("invoker_iam_disabled")
            .filter(|t| t.as_bool() == Some(true))
            .map(|t| t.span.clone());
        let ingress = term
            .get("ingress")
            .and_then(Term::as_str)
            .map(str::to_owned)
            .or_else(|| {
                let annotations = term.path(&["metadata"])?.path(&["annotations"])?;
                annotations
                    .get("run.googleapis.com/ingress")?
                    .as_str()
                    .map(str::to_owned)
            });
        let internal = ingress.is_some_and(|i| i.to_ascii_lowercase().contains("internal"));
        let mut chain: Vec<Mark> = Vec::new();
        let mut guards = Vec::new();
        match open.or(iam_off) {
            Some(span) => chain.push((span, "lets everyone call it".to_owned())),
            None => guards.push(Guard {
                kind: GuardKind::Iam,
                certain: true,
                span: resource.span.clone(),
            }),
        }
        chain.push((resource.span.clone(), "the cloud gives it an address".to_owned()));
        found.push(Workload {
            name: resource.name.clone(),
            names: vec![resource.address.clone()],
            kind: WorkloadKind::CloudContainer,
            span: resource.span.clone(),
            containers,
            openings: vec![Opening {
                kind: OpeningKind::PublicUrl,
                audience: if internal {
                    Audience::Network
                } else {
                    Audience::Internet
                },
                inside: port.or(Some(8080..8081)),
                outside: Some(443..444),
                guards,
                chain,
            }],
            ..Workload::default()
        });
    }
    plan.workloads.extend(found);
}

fn container(item: &Term, text: &str) -> Container {
    let entry = words(item.get("command"));
    let arguments_only = entry.is_empty();
    let all: Vec<Word> = entry.into_iter().chain(words(item.get("args"))).collect();
    let port = |t: &Term| {
        let number = t.get("container_port")?.as_number();
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
        environment: variables(&item.blocks("env")),
        ports: item.blocks("ports").into_iter().filter_map(port).collect(),
        ..Container::default()
    }
}

fn buckets(plan: &mut Plan<'_>) {
    let kinds = [
        "google_storage_bucket_iam_member",
        "google_storage_bucket_iam_binding",
        "google_storage_bucket_access_control",
        "google_storage_default_object_access_control",
    ];
    let opening = plan.of(&kinds);
    let acls = plan.of(&["google_storage_bucket_acl"]);
    let mut found = Vec::new();
    for bucket in plan.of(&["google_storage_bucket"]) {
        let name = bucket.term.get("name").and_then(Term::word);
        let is_of = |r: &&&super::Resource| {
            let named = r.term.get("bucket");
            refers(named, &bucket.address)
                || name
                    .as_ref()
                    .is_some_and(|n| !n.open && named.and_then(Term::as_str) == Some(&n.text))
        };
        let mut public = Vec::new();
        for resource in opening.iter().filter(is_of) {
            let Some(span) = everyone(&resource.term) else {
                continue;
            };
            let role = resource
                .term
                .get("role")
                .and_then(Term::as_str)
                .unwrap_or_default()
                .to_ascii_lowercase();
            let reads = role.ends_with("viewer") || role.ends_with("reader") || role.is_empty();
            public.push(PublicAccess { writes: !reads, span });
        }
        for acl in acls.iter().filter(is_of) {
            let predefined = acl
                .term
                .get("predefined_acl")
                .filter(|t| t.as_str().is_some_and(|a| a.starts_with("public")));
            public.extend(predefined.map(|t| PublicAccess {
                writes: t.as_str().is_some_and(|a| a.ends_with("Write")),
                span: t.span.clone(),
            }));
        }
        let prevention = bucket.term.get("public_access_prevention");
        found.push(Bucket {
            address: bucket.address.clone(),
            name,
            span: bucket.span.clone(),
            public,
            blocked: prevention
                .filter(|t| t.as_str() == Some("enforced"))
                .map(|t| t.span.clone()),
            ..Bucket::default()
        });
    }
    plan.cloud.buckets.extend(found);
}

/// Roles that are given on a project or a bucket.
fn grants(plan: &mut Plan<'_>) {
    let kinds = [
        "google_project_iam_member",
        "google_project_iam_binding",
        "google_storage_bucket_iam_member",
        "google_storage_bucket_iam_binding",
        "google_vertex_ai_endpoint_iam_member",
        "google_vertex_ai_endpoint_iam_binding",
    ];
    let mut found = Vec::new();
    for resource in plan.of(&kinds) {
        let term = &resource.term;
        let mut principals = words(term.get("member"));
        principals.extend(words(term.get("members")));
        let on = ["bucket", "project", "endpoint"].iter().find_map(|k| term.get(k));
        found.push(Grant {
            address: resource.address.clone(),
            span: term.get("role").map_or(resource.span.clone(), |t| t.span.clone()),
            principals,
            actions: words(term.get("role")),
            resources: words(on),
            refers: on.map(Term::all_refs).unwrap_or_default().into_iter().collect(),
            conditional: !term.blocks("condition").is_empty(),
        });
    }
    plan.cloud.grants.extend(found);
}
