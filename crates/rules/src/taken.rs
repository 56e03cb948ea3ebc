//! What code, recipes and workflows take from elsewhere, for a policy that says from where they may: hubs,
//! repositories, images and actions. The rules judge how a thing is named; this only says whose it is.

use crate::python::{Kind, all_fetches, fetch, file_address};
use std::sync::Arc;
use wellhead_core::{ArtifactPath, Lines, Location, Sink};
use wellhead_infra::{Command, Configuration, script};
use wellhead_pycode::{Module, Value};

/// From what kind of place something is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TakenFrom {
    /// A model hub: `owner/name`, or the address of another hub.
    Hub,
    /// A repository: `github.com/owner/name`.
    Git,
    /// A registry of images.
    Registry,
    /// An action: `owner/name`.
    Action,
}

/// Something that is taken from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// From what kind of place.
    pub from: TakenFrom,
    /// What, as it is named there, not escaped.
    pub name: String,
    /// The line that takes it.
    pub location: Location,
}

/// Variables that say which hub answers.
const ENDPOINTS: &[&str] = &["HF_ENDPOINT", "HUGGINGFACE_HUB_ENDPOINT"];

const LOADED: &str = "taken from there";

/// What a module loads.
pub fn taken_by_module(artifact: &ArtifactPath, module: &Module) -> Vec<Taken> {
    let place = Sink::new(artifact.clone()).of_text(Arc::clone(&module.text));
    let mut out = Vec::new();
    let mut push = |from, name: String, range: std::ops::Range<usize>| {
        let location = place.text(&module.text, range, LOADED);
        out.push(Taken { from, name, location });
    };
    for call in &module.calls {
        if let Some(found) = fetch(call) {
            for name in &found.names {
                let range = found.repository.range.clone();
                match found.kind {
                    Kind::TorchHub => push(TakenFrom::Git, format!("github.com/{name}"), range),
                    Kind::Model | Kind::Dataset => push(TakenFrom::Hub, name.clone(), range),
                }
            }
            continue;
        }
        let keywords = call.keywords.iter().map(|k| &k.argument);
        for argument in call.positional.iter().chain(keywords) {
            for value in argument.value.alternatives() {
                if let Value::Text(value) = value
                    && let Some(found) = file_address(value)
                {
                    push(TakenFrom::Hub, found.name, argument.range.clone());
                }
            }
        }
    }
    for write in module
        .environment
        .iter()
        .filter(|w| ENDPOINTS.contains(&w.name.as_str()))
    {
        for address in write.value.texts().filter(|a| a.contains("://")) {
            push(TakenFrom::Hub, address.to_owned(), write.range.clone());
        }
    }
    for command in &module.commands {
        for found in all_fetches(&script(&command.text, 0)) {
            push(TakenFrom::Hub, found.name, command.range.clone());
        }
    }
    out
}

/// What a recipe, a compose file or a workflow takes.
pub fn taken_by_configuration(artifact: &ArtifactPath, configuration: &Configuration) -> Vec<Taken> {
    let place = Sink::new(artifact.clone()).of_text(Arc::clone(&configuration.text));
    let mut out = Vec::new();
    for resource in &configuration.resources {
        let mut push = |from, name: &str, range: std::ops::Range<usize>| {
            let location = place.text(&configuration.text, range, LOADED);
            let name = name.to_owned();
            out.push(Taken { from, name, location });
        };
        if let Some(image) = resource.image.as_ref().filter(|i| !i.open && !resource.builds)
            && !matches!(image.text.as_str(), "" | "scratch")
        {
            push(TakenFrom::Registry, &image.text, image.span.clone());
        }
        for word in resource
            .uses
            .iter()
            .filter(|w| !w.open && !w.text.starts_with('.'))
        {
            push(TakenFrom::Action, &word.text, word.span.clone());
        }
        for variable in resource
            .environment
            .iter()
            .filter(|v| ENDPOINTS.contains(&v.name.as_str()))
        {
            if let Some(value) = variable
                .value
                .as_ref()
                .filter(|w| !w.open && w.text.contains("://"))
            {
                push(
                    TakenFrom::Hub,
                    value.text.trim_matches(['"', '\'']),
                    variable.span.clone(),
                );
            }
        }
        let start: &[Command] = if resource.inherited_start {
            &[]
        } else {
            &resource.start
        };
        for found in all_fetches(&resource.build).into_iter().chain(all_fetches(start)) {
            push(TakenFrom::Hub, &found.name, found.range.clone());
        }
    }
    out
}

/// What a shell script fetches.
pub fn taken_by_script(artifact: &ArtifactPath, text: &str) -> Vec<Taken> {
    let lines = Lines::new(text);
    all_fetches(&script(text, 0))
        .into_iter()
        .map(|found| Taken {
            from: TakenFrom::Hub,
            location: Location::text_in(artifact, text, &lines, found.range.clone(), LOADED),
            name: found.name,
        })
        .collect()
}
