//! Units of systemd with their drop-ins, containers of Podman as units, and programs of supervisor.

use super::{on_host, variable};
use crate::{
    cloud::Setting,
    compose::{published, short_port},
    env_file,
    estate::{Dialect, Document, Reading},
    files::{folder, resolve},
    mapped::Mapped,
    products::PRODUCTS,
    resource::{Command, Port, Resource, Variable, Word, file_name},
    settings::ini::{self, Style},
    shell,
    workload::{Audience, Opening, Workload, WorkloadKind},
};
use std::collections::BTreeMap;

/// Reads all units; what a drop-in says is added to its unit.
pub(super) fn read(documents: &[Document], reading: &mut Reading<'_>) {
    let mut units: BTreeMap<String, Vec<(&Document, Vec<Setting>)>> = BTreeMap::new();
    for document in documents.iter().filter(|d| d.dialect == Dialect::Unit) {
        let text = reading.files.slice(&document.span);
        if !reading.pay(text.len(), &document.span)
            || !reading.hold(text.len().saturating_mul(4), &document.span)
        {
            continue;
        }
        let mut settings = ini::settings(text, Style::Systemd);
        for setting in &mut settings {
            let moved = |s: &std::ops::Range<usize>| {
                s.start.saturating_add(document.span.start)..s.end.saturating_add(document.span.start)
            };
            setting.span = moved(&setting.span);
            setting.value.span = moved(&setting.value.span);
        }
        let place = folder(&document.path);
        // `x.service.d/override.conf`
        let key = place
            .strip_suffix(".d")
            .map_or(document.path.clone(), str::to_owned);
        let list = units.entry(key).or_default();
        // The unit itself comes before what is dropped in.
        let at = if place.ends_with(".d") { list.len() } else { 0 };
        list.insert(at, (document, settings));
    }
    for (path, parts) in units {
        if path.ends_with(".conf") {
            for (document, settings) in &parts {
                programs(document, settings, reading);
            }
        } else {
            unit(&path, &parts, reading);
        }
    }
}

fn unit(path: &str, parts: &[(&Document, Vec<Setting>)], reading: &mut Reading<'_>) {
    let Some((document, _)) = parts.first() else {
        return;
    };
    let all: Vec<&Setting> = parts.iter().flat_map(|(_, s)| s).collect();
    let of = |name: &str| -> Vec<&Setting> {
        let found = all.iter().filter(|s| s.name == name).copied();
        // An empty value takes away what stood before.
        let list: Vec<&Setting> = found.collect();
        let from = list
            .iter()
            .rposition(|s| s.value.text.is_empty())
            .map_or(0, |i| i.saturating_add(1));
        list.get(from..).unwrap_or_default().to_vec()
    };
    let section = if path.ends_with(".container") {
        "Container"
    } else {
        "Service"
    };
    let mut environment: Vec<Variable> = Vec::new();
    for setting in of(&format!("{section}.EnvironmentFile")) {
        let name = setting.value.text.trim_start_matches('-');
        // Where it will stand is not where it lies in the tree; its name leads there.
        let beside = resolve(folder(path), file_name(name));
        let file = beside
            .and_then(|p| reading.files.find(&p))
            .map(|f| f.span.clone());
        if let Some(span) = file.filter(|s| reading.hold(s.len(), &setting.span)) {
            environment.extend(env_file::variables(reading.files.text(), &span));
        }
    }
    let text = reading.files.text();
    for setting in of(&format!("{section}.Environment")) {
        let words = shell::split(
            &Mapped::scalar(&setting.value.text, text, &setting.value.span),
            &|_| None,
        );
        for command in words {
            let all = command.variables.iter().chain(&command.words);
            environment.extend(all.filter_map(variable));
        }
    }
    let lookup = |name: &str| {
        let value = environment
            .iter()
            .rev()
            .find(|v| v.name == name)?
            .value
            .as_ref()?;
        (!value.open).then(|| value.text.clone())
    };
    let mut start: Vec<Command> = Vec::new();
    for name in ["ExecStartPre", "ExecStart", "Exec"] {
        for setting in of(&format!("{section}.{name}")) {
            let bare = setting
                .value
                .text
                .trim_start_matches(['-', '@', ':', '+', '!', '|']);
            let script = Mapped::scalar(bare, text, &setting.value.span);
            start.extend(shell::split(&script, &lookup));
        }
    }
    let image = of(&format!("{section}.Image")).last().map(|s| s.value.clone());
    let ports: Vec<Port> = of(&format!("{section}.PublishPort"))
        .into_iter()
        .map(|s| Port {
            span: s.value.span.clone(),
            ..short_port(&s.value.text)
        })
        .collect();
    if start.is_empty() && image.is_none() {
        // What is only dropped in belongs to a unit that a package brings, which is called like its program.
        start.extend(of_package(path, document, &environment));
    }
    if start.is_empty() && image.is_none() {
        return;
    }
    let is_on = |name: &str| {
        of(&format!("Service.{name}")).last().is_some_and(|s| {
            matches!(
                s.value.text.to_ascii_lowercase().as_str(),
                "yes" | "true" | "on" | "1"
            )
        })
    };
    let denied = of("Service.IPAddressDeny")
        .iter()
        .any(|s| s.value.text.contains("any"));
    let place = of(&format!("{section}.ExecStart"))
        .last()
        .map_or(document.span.start..document.span.start, |s| s.span.clone());
    let openings: Vec<Opening> = if image.is_some() {
        ports.iter().map(|p| published(p, false)).collect()
    } else if is_on("PrivateNetwork") || denied {
        vec![on_host(place, Audience::Host)]
    } else {
        vec![on_host(place, Audience::Everyone)]
    };
    // A unit that starts a container has what `docker run` says.
    let mut containers = Vec::new();
    for command in &start {
        containers.extend(super::docker_run::workload(command, document, reading));
    }
    if !containers.is_empty() {
        reading.workloads.extend(containers);
        return;
    }
    reading.workloads.push(Workload {
        name: file_name(path).to_owned(),
        namespace: path.to_owned(),
        kind: WorkloadKind::Unit,
        span: document.span.clone(),
        containers: vec![Resource {
            name: file_name(path).to_owned(),
            span: document.span.clone(),
            arguments_only: image.is_some(),
            host_network: image.is_none(),
            image,
            start,
            environment,
            ports,
            ..Resource::default()
        }],
        openings,
        ..Workload::default()
    });
}

/// What the unit of a package starts to which variables are given: `ollama.service.d/override.conf`.
fn of_package(path: &str, document: &Document, environment: &[Variable]) -> Option<Command> {
    let dropped_in = folder(&document.path).ends_with(".d");
    let first = environment.first().filter(|_| dropped_in)?;
    let name = file_name(path).strip_suffix(".service")?;
    let product = PRODUCTS.iter().find(|p| p.start.programs.contains(&name))?;
    let words = std::iter::once(name).chain(
        product
            .start
            .commands
            .first()
            .copied()
            .unwrap_or_default()
            .iter()
            .copied(),
    );
    let word = |text: &str| Word {
        text: text.to_owned(),
        span: first.span.clone(),
        open: false,
    };
    Some(Command {
        words: words.map(word).collect(),
        ..Command::default()
    })
}

/// What a unit starts that a script writes.
pub(super) fn started(content: &Word, text: &str) -> Vec<Command> {
    let mut out = Vec::new();
    let places = Mapped::scalar(&content.text, text, &content.span);
    let chars = |byte: usize| content.text.get(..byte).map_or(0, |t| t.chars().count());
    for setting in ini::settings(&content.text, Style::Systemd) {
        if setting.name != "Service.ExecStart" {
            continue;
        }
        let bare = setting
            .value
            .text
            .trim_start_matches(['-', '@', ':', '+', '!', '|']);
        let span = &setting.value.span;
        let place = places.span(chars(span.start)..chars(span.end));
        out.extend(shell::split(&Mapped::scalar(bare, text, &place), &|_| None));
    }
    out
}

/// `[program:x]` of supervisor.
fn programs(document: &Document, settings: &[Setting], reading: &mut Reading<'_>) {
    let text = reading.files.text();
    let own = file_name(&document.path);
    let mut copied = reading.recipes.values().flatten().flat_map(|r| &r.mounts);
    // In an image it is reached as far as the image's ports are published.
    let audience = if copied.any(|m| file_name(&m.source) == own) {
        Audience::Unknown
    } else {
        Audience::Everyone
    };
    for setting in settings {
        let Some(name) = setting
            .name
            .strip_prefix("program:")
            .and_then(|n| n.strip_suffix(".command"))
        else {
            continue;
        };
        let script = Mapped::scalar(&setting.value.text, text, &setting.value.span);
        let environment: Vec<Variable> = settings
            .iter()
            .filter(|s| s.name.strip_prefix("program:") == Some(&format!("{name}.environment")))
            .flat_map(|s| {
                s.value
                    .text
                    .split(',')
                    .map(|part| (part.trim().to_owned(), s.value.span.clone()))
            })
            .filter_map(|(text, span)| {
                variable(&Word {
                    text,
                    span,
                    open: false,
                })
            })
            .collect();
        reading.workloads.push(Workload {
            name: name.to_owned(),
            namespace: document.path.clone(),
            kind: WorkloadKind::Unit,
            span: setting.span.clone(),
            containers: vec![Resource {
                name: name.to_owned(),
                span: setting.span.clone(),
                start: shell::split(&script, &|_| None),
                environment,
                host_network: true,
                ..Resource::default()
            }],
            openings: vec![on_host(setting.span.clone(), audience)],
            ..Workload::default()
        });
    }
}
