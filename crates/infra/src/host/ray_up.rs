//! The cluster files of `ray up`: commands that start Ray on machines of a cloud.

use super::on_host;
use crate::{
    estate::{Document, Reading},
    resource::{Resource, Word, file_name},
    shell,
    workload::{Audience, Workload, WorkloadKind},
};
use wellhead_formats::text::Node;

/// The head and the workers.
pub(super) fn read(document: &Document, reading: &mut Reading<'_>) {
    let Some(root) = &document.root else { return };
    let text = reading.files.text();
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
            // What the cloud's firewall lets through is not said here.
            openings: vec![on_host(list.span.start..list.span.start, Audience::Unknown)],
            ..Workload::default()
        });
    }
}
