//! `docker run` in a script: a container with what its options say.

use super::variable;
use crate::{
    compose::{published, short_port},
    env_file,
    estate::{Document, Reading},
    files::{folder, resolve},
    resource::{Command, Mount, Port, Resource, Variable, Word, file_name},
    shell,
    workload::{Audience, Opening, Workload, WorkloadKind},
};
use std::ops::Range;

/// Options that take no value.
const FLAGS: &[&str] = &[
    "-d",
    "--detach",
    "-i",
    "--interactive",
    "-t",
    "--tty",
    "-P",
    "--publish-all",
    "--rm",
    "--privileged",
    "--init",
    "--read-only",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--sig-proxy",
    "-q",
    "--quiet",
    "--replace",
    "--tls-verify",
];

/// What a command starts.
pub(crate) struct Run {
    pub(crate) resource: Resource,
    /// Where it is put on the network of its host.
    host_network: Option<Range<usize>>,
    internal: bool,
    names: Vec<String>,
}

/// The container that a command starts, where it starts one.
pub(super) fn workload(
    command: &Command,
    document: &Document,
    reading: &mut Reading<'_>,
) -> Option<Workload> {
    let text = reading.files.text();
    let run = run(command, text, &mut |file| {
        let path = resolve(folder(&document.path), &file.text);
        let found = path.and_then(|p| reading.files.find(&p)).map(|f| f.span.clone());
        let span = found.filter(|s| reading.hold(s.len(), &file.span));
        span.map(|s| env_file::variables(text, &s)).unwrap_or_default()
    })?;
    let resource = run.resource;
    let openings: Vec<Opening> = match run.host_network {
        Some(span) => vec![super::on_host(span, Audience::Everyone)],
        None => resource
            .ports
            .iter()
            .map(|p| published(p, run.internal))
            .collect(),
    };
    Some(Workload {
        name: resource.name.clone(),
        namespace: document.path.clone(),
        names: run.names,
        kind: WorkloadKind::DockerRun,
        span: resource.span.clone(),
        openings,
        containers: vec![resource],
        ..Workload::default()
    })
}

/// What a command starts; `variables` reads a file of them.
pub(crate) fn run(
    command: &Command,
    text: &str,
    variables: &mut dyn FnMut(&Word) -> Vec<Variable>,
) -> Option<Run> {
    let words = command.words.as_slice();
    let at = words.iter().position(|w| {
        matches!(
            file_name(&w.text),
            "docker" | "podman" | "nerdctl" | "nvidia-docker"
        )
    })?;
    let mut words = words.get(at.saturating_add(1)..)?.iter();
    let verb = words.by_ref().find(|w| !w.text.starts_with('-'))?;
    let verb = if verb.text == "container" {
        words.next()?
    } else {
        verb
    };
    if !matches!(verb.text.as_str(), "run" | "create") {
        return None;
    }
    let mut resource = Resource {
        span: command.span(),
        arguments_only: true,
        ..Resource::default()
    };
    let mut entry: Option<Word> = None;
    let mut host_network = None;
    let mut internal = false;
    let mut names = Vec::new();
    let mut words = words.peekable();
    while let Some(word) = words.next_if(|w| w.text.starts_with('-')) {
        let (name, value) = option(word);
        if FLAGS.contains(&name) || is_cluster(name) {
            match name {
                "--privileged" => resource.privileged = Some(word.span.clone()),
                "-P" | "--publish-all" => resource.ports.push(Port {
                    published: true,
                    span: word.span.clone(),
                    ..Port::default()
                }),
                _ => {}
            }
            continue;
        }
        let value = match value {
            Some(value) => value,
            None => words.next()?.clone(),
        };
        match name {
            "-p" | "--publish" => resource.ports.push(Port {
                span: value.span.clone(),
                ..short_port(&value.text)
            }),
            "-e" | "--env" => resource
                .environment
                .extend(variable(&value).or_else(|| passed_on(&value))),
            "--env-file" => {
                let found = variables(&value);
                resource.more_environment |= found.is_empty();
                resource.environment.extend(found);
            }
            "--network" | "--net" => {
                host_network = (value.text == "host").then(|| value.span.clone());
                internal = value.text == "none";
            }
            "-v" | "--volume" => resource.mounts.extend(mount(&value)),
            "--name" => names.push(value.text.clone()),
            "--entrypoint" => entry = Some(value),
            _ => {}
        }
    }
    let image = words.next()?.clone();
    let name = names
        .first()
        .cloned()
        .unwrap_or_else(|| file_name(&image.text).to_owned());
    resource.name.clone_from(&name);
    resource.image = Some(image);
    resource.arguments_only = entry.is_none();
    let all: Vec<Word> = entry.into_iter().chain(words.cloned()).collect();
    if !all.is_empty() {
        resource.start = shell::from_words(all, text);
    }
    resource.host_network = host_network.is_some();
    Some(Run {
        resource,
        host_network,
        internal,
        names,
    })
}

/// `-it`, `-dit`: flags of one letter together.
fn is_cluster(name: &str) -> bool {
    !name.starts_with("--")
        && name.len() > 2
        && name
            .bytes()
            .skip(1)
            .all(|b| matches!(b, b'd' | b'i' | b't' | b'P'))
}

/// `--name=value`, `-p80:80`
fn option(word: &Word) -> (&str, Option<Word>) {
    let text = word.text.as_str();
    let value = |value: &str| {
        Some(Word {
            text: value.to_owned(),
            ..word.clone()
        })
    };
    if let Some((name, rest)) = text.split_once('=').filter(|(name, _)| name.starts_with("--")) {
        return (name, value(rest));
    }
    match (text.get(..2), text.get(2..)) {
        (Some(short @ ("-p" | "-e" | "-v")), Some(rest)) if !rest.is_empty() => {
            (short, value(rest.trim_start_matches('=')))
        }
        _ => (text, None),
    }
}

/// `-e NAME` hands on what the host has.
fn passed_on(word: &Word) -> Option<Variable> {
    let is_name = word.text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then(|| Variable {
        name: word.text.clone(),
        value: None,
        span: word.span.clone(),
    })
}

fn mount(word: &Word) -> Option<Mount> {
    let (source, rest) = word.text.split_once(':')?;
    Some(Mount {
        target: rest.split(':').next().unwrap_or(rest).to_owned(),
        source: source.to_owned(),
        content: None,
        span: word.span.clone(),
    })
}
