//! The cluster files of `ray up`: commands that start Ray on machines of a cloud.

use super::on_host;
use crate::{
    cloud::FirewallRule,
    estate::{Document, Reading},
    kubernetes::audience_of_block,
    resource::{Resource, Word, file_name},
    shell,
    workload::{Audience, Mark, Opening, OpeningKind, Workload, WorkloadKind},
};
use wellhead_formats::text::Node;

/// What the security group that Ray makes for its machines lets in.
fn firewalls(root: &Node) -> Vec<FirewallRule> {
    let Some(group) = root.path(&["provider", "security_group"]) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for permission in group.get("IpPermissions").map_or(&[][..], Node::items) {
        let number = |key: &str| {
            permission
                .get(key)
                .and_then(Node::as_i64)
                .and_then(|n| u32::try_from(n).ok())
        };
        let ports = number("FromPort")
            .zip(number("ToPort"))
            .filter(|(from, to)| from <= to)
            .map(|(from, to)| from..to.saturating_add(1));
        let blocks = [("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")];
        for (list, key) in blocks {
            for block in permission.get(list).map_or(&[][..], Node::items) {
                let Some(cidr) = block.get(key) else { continue };
                let mut chain: Vec<Mark> = vec![(cidr.span.clone(), "lets these addresses in".to_owned())];
                chain.extend(
                    permission
                        .get("FromPort")
                        .map(|n| (n.span.clone(), "to these ports".to_owned())),
                );
                out.push(FirewallRule {
                    group: "provider.security_group".to_owned(),
                    ports: ports.clone(),
                    audience: cidr.as_text().map_or(Audience::Unknown, audience_of_block),
                    declared: permission.span.clone(),
                    span: cidr.span.clone(),
                    chain,
                });
            }
        }
    }
    out
}

/// The head and the workers.
pub(super) fn read(document: &Document, reading: &mut Reading<'_>) {
    let Some(root) = &document.root else { return };
    let text = reading.files.text();
    let firewalls = firewalls(root);
    reading.firewalls.extend(firewalls.iter().cloned());
    let openings: Vec<Opening> = firewalls
        .into_iter()
        .map(|rule| Opening {
            kind: OpeningKind::Firewall,
            audience: rule.audience,
            inside: rule.ports.clone(),
            outside: rule.ports,
            guards: Vec::new(),
            chain: rule.chain,
        })
        .collect();
    for (key, kind, docker) in [
        ("head_start_ray_commands", WorkloadKind::RayHead, "head_image"),
        (
            "worker_start_ray_commands",
            WorkloadKind::RayWorker,
            "worker_image",
        ),
    ] {
        let Some(list) = root.get(key) else { continue };
        let commands = list.items().iter().filter_map(|n| Some((n.as_text()?, n)));
        let start = commands
            .flat_map(|(script, n)| shell::script_in(script, text, &n.span))
            .collect();
        let image = root
            .path(&["docker", docker])
            .or_else(|| root.path(&["docker", "image"]));
        let image = image.and_then(|n| {
            Some(Word {
                text: n.as_text()?.to_owned(),
                span: n.span.clone(),
                open: false,
            })
        });
        let name = root.get("cluster_name").and_then(Node::as_text);
        reading.workloads.push(Workload {
            name: name.unwrap_or_else(|| file_name(&document.path)).to_owned(),
            namespace: document.path.clone(),
            kind,
            span: list.span.clone(),
            containers: vec![Resource {
                span: list.span.clone(),
                image,
                start,
                host_network: true,
                ..Resource::default()
            }],
            // Where Ray makes the group itself, nothing else comes in; otherwise that is not said here.
            openings: if openings.is_empty() {
                vec![on_host(list.span.start..list.span.start, Audience::Unknown)]
            } else {
                openings.clone()
            },
            ..Workload::default()
        });
    }
}
