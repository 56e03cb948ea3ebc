//! What a machine starts by itself: units of systemd, supervisors, scripts, and the containers that scripts start.
//!
//! Nothing stands between such a process and the network of its host, so that where it listens decides who reaches it.

mod docker_run;
mod ray_up;
mod units;

use crate::{
    estate::{Dialect, Document, Reading},
    resource::{Command, Resource, Variable, Word, file_name},
    shell,
    workload::{Audience, Opening, OpeningKind, Workload, WorkloadKind},
};
use std::ops::Range;

/// How many commands of one script are kept.
const MOST_COMMANDS: usize = 4096;

/// Reads all files that say what a machine starts.
pub(crate) fn machines(reading: &mut Reading<'_>) {
    let documents = reading.documents;
    units::read(documents, reading);
    for document in documents {
        let text = reading.files.slice(&document.span);
        if !matches!(document.dialect, Dialect::Script | Dialect::RayUp)
            || !reading.pay(text.len(), &document.span)
        {
            continue;
        }
        if !reading.hold(text.len().saturating_mul(4), &document.span) {
            continue;
        }
        match document.dialect {
            Dialect::RayUp => ray_up::read(document, reading),
            _ => script(document, text, reading),
        }
    }
}

/// Somebody who reaches the host reaches what listens on it.
fn on_host(place: Range<usize>, audience: Audience) -> Opening {
    Opening {
        kind: OpeningKind::HostNetwork,
        audience,
        chain: vec![(place, "runs on the host itself".to_owned())],
        ..Opening::default()
    }
}

fn script(document: &Document, text: &str, reading: &mut Reading<'_>) {
    let mut commands = if document.path.ends_with("Procfile") {
        procfile(text, document.span.start)
    } else {
        with_units(shell::script(text, document.span.start), reading.files.text())
    };
    if commands.len() > MOST_COMMANDS {
        reading.gap(document.span.clone(), "more commands than are looked at");
        commands.truncate(MOST_COMMANDS);
    }
    let mut environment = Vec::new();
    let mut start = Vec::new();
    let mut found = Vec::new();
    for command in commands {
        if let Some(workload) = docker_run::workload(&command, document, reading) {
            found.push(workload);
            continue;
        }
        environment.extend(exported(&command));
        start.push(command);
    }
    reading.workloads.extend(found);
    if start.is_empty() {
        return;
    }
    reading.workloads.push(Workload {
        name: file_name(&document.path).to_owned(),
        namespace: document.path.clone(),
        kind: WorkloadKind::Script,
        span: document.span.clone(),
        containers: vec![Resource {
            span: document.span.clone(),
            start,
            environment,
            host_network: true,
            ..Resource::default()
        }],
        openings: vec![on_host(
            document.span.start..document.span.start,
            Audience::Everyone,
        )],
        ..Workload::default()
    });
}

/// Commands with those of the units that they write: `cat > x.service <<EOF`.
pub(crate) fn with_units(commands: Vec<Command>, text: &str) -> Vec<Command> {
    let mut out = Vec::with_capacity(commands.len());
    for command in commands {
        let unit = command.input.as_ref().filter(|i| i.text.contains("ExecStart="));
        let started = unit.map(|i| units::started(i, text)).unwrap_or_default();
        out.push(command);
        out.extend(started);
    }
    out
}

/// How many containers of one machine are kept.
const MOST_CONTAINERS: usize = 16;

/// The containers that the script of a machine starts, and the ways that lead through the machine's ports into them.
pub(crate) fn with_containers(machine: &mut Workload, text: &str) {
    for container in &mut machine.containers {
        let set: Vec<Variable> = container.start.iter().flat_map(exported).collect();
        container.environment.extend(set);
    }
    let commands: Vec<&Command> = machine.containers.iter().flat_map(|c| &c.start).collect();
    let runs = commands
        .into_iter()
        .filter_map(|c| docker_run::run(c, text, &mut |_| Vec::new()));
    let found: Vec<Resource> = runs.map(|r| r.resource).take(MOST_CONTAINERS).collect();
    let mut ways = Vec::new();
    for port in found
        .iter()
        .flat_map(|r| &r.ports)
        .filter(|p| p.is_reachable())
        .take(MOST_CONTAINERS)
    {
        let (Some(outside), Some(inside)) = (&port.outside, &port.container) else {
            continue;
        };
        for way in machine
            .openings
            .iter()
            .filter(|o| o.leads_to(outside.start))
            .take(MOST_CONTAINERS)
        {
            let mut chain = vec![(port.span.clone(), "published on the machine".to_owned())];
            chain.extend(way.chain.iter().cloned());
            ways.push(Opening {
                inside: Some(inside.clone()),
                outside: Some(outside.clone()),
                chain,
                ..way.clone()
            });
        }
    }
    machine.openings.extend(ways);
    machine.containers.extend(found);
}

/// `web: gunicorn …`, one process a line.
fn procfile(text: &str, start: usize) -> Vec<Command> {
    let mut out = Vec::new();
    let mut at = start;
    for line in text.split_inclusive('\n') {
        if let Some((name, command)) = line.split_once(':') {
            let begin = at.saturating_add(name.len()).saturating_add(1);
            out.extend(shell::script(command.trim_end(), begin));
        }
        at = at.saturating_add(line.len());
    }
    out
}

/// The variables that a command sets for what comes after it: `export A=b`, `A=b`.
fn exported(command: &Command) -> Vec<Variable> {
    let declares = matches!(command.program(), "export" | "declare" | "set" | "setx");
    let words: Vec<&Word> = if declares {
        command.words.iter().skip(1).collect()
    } else if command.words.is_empty() {
        command.variables.iter().collect()
    } else {
        Vec::new()
    };
    words.into_iter().filter_map(variable).collect()
}

/// `NAME=value`
fn variable(word: &Word) -> Option<Variable> {
    let (name, value) = word.text.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then(|| Variable {
        name: name.to_owned(),
        value: Some(Word {
            text: value.trim_matches(['"', '\'']).to_owned(),
            span: word.span.clone(),
            open: word.open,
        }),
        span: word.span.clone(),
    })
}

#[cfg(test)]
mod tests;
