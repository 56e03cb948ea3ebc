//! Compose files: services, what they run, and which of their ports others reach.
//!
//! A service is the list of tables that say something of it, the strongest first: its own in the last file, what that
//! extends, its own in the file before. Nothing is merged into a new tree, so that every value keeps its place.

mod project;
mod traefik;

pub(crate) use project::{audience_of, compositions, published};
pub(crate) use traefik::guard_kind;

use crate::{
    mapped::Mapped,
    resource::{Command, Configuration, ConfigurationKind, Mount, Port, Resource, Variable, Word},
    shell,
};
use std::{ops::Range, sync::Arc};
use wellhead_core::{Budget, Outcome};
use wellhead_formats::text::{Entry, Node, Value};

/// How often `extends` is followed.
const MOST_EXTENDS: usize = 8;

/// Understands the tree of a compose file that was read from `text`; `None` where it has no services and so is some
/// other YAML file.
pub fn compose(text: &str, root: &Node, budget: &mut Budget) -> Option<Configuration> {
    let services = services(root)?;
    let reader = Reader {
        text,
        lookup: &unknown,
    };
    let mut outcome = Outcome::Analysed;
    let mut resources = Vec::new();
    for entry in services.entries() {
        let size = entry.node.span.len() as u64;
        if let Err(why) = budget.steps(size.saturating_add(1)) {
            outcome = Outcome::Partly { why: why.to_string() };
            break;
        }
        let mut layers = vec![&entry.node];
        while let Some(base) = layers.last().and_then(|node| extended(services, node)) {
            if layers.len() > MOST_EXTENDS {
                break;
            }
            layers.push(base);
        }
        resources.push(reader.service(entry, &layers));
    }
    Some(Configuration {
        text: Arc::from(text),
        kind: ConfigurationKind::Compose,
        resources,
        outcome,
    })
}

/// The services of a compose file; `None` where the tree is something else.
fn services(root: &Node) -> Option<&Node> {
    let services = root.get("services").filter(|s| !s.entries().is_empty())?;
    services
        .entries()
        .iter()
        .any(|e| is_service(&e.node))
        .then_some(services)
}

fn is_service(node: &Node) -> bool {
    ["image", "build", "command", "extends", "entrypoint"]
        .iter()
        .any(|key| node.get(key).is_some())
}

/// The service of the same file that a service extends.
fn extended<'a>(services: &'a Node, node: &Node) -> Option<&'a Node> {
    let extends = node.get("extends")?;
    let name = match extends.as_str() {
        Some(name) => name,
        // Another file is another artifact.
        None if extends.get("file").is_some() => return None,
        None => extends.get("service")?.as_str()?,
    };
    services.get(name)
}

/// Compose substitutes from the host's environment, which is no part of the bytes: only defaults are known.
fn unknown(_: &str) -> Option<String> {
    None
}

/// What the layers of a service say of a key: the strongest that says anything.
fn find<'a>(layers: &[&'a Node], key: &str) -> Option<&'a Node> {
    layers
        .iter()
        .find_map(|node| node.get(key))
        .filter(|n| n.value != Value::Null)
}

struct Reader<'a> {
    text: &'a str,
    lookup: shell::Lookup<'a>,
}

impl Reader<'_> {
    /// A service of which the layers say something, the strongest first.
    fn service(&self, entry: &Entry, layers: &[&Node]) -> Resource {
        let find = |key: &str| find(layers, key);
        let mut resource = Resource {
            name: entry.key.clone(),
            span: entry.key_span.start..entry.node.span.end.max(entry.key_span.end),
            image: find("image").and_then(|n| self.word(n)),
            builds: find("build").is_some(),
            ..Resource::default()
        };
        for node in self.adding(layers, "environment") {
            self.environment(node, &mut resource.environment);
        }
        for node in self.adding(layers, "ports") {
            for port in node.items().iter().map(|n| self.port(n)) {
                let same = |p: &Port| {
                    (&p.container, &p.outside, &p.address) == (&port.container, &port.outside, &port.address)
                };
                if port.container.is_none() || !resource.ports.iter().any(same) {
                    resource.ports.push(port);
                }
            }
        }
        for node in self.adding(layers, "volumes") {
            resource
                .mounts
                .extend(node.items().iter().filter_map(|n| self.mount(n)));
        }
        let mode = find("network_mode").and_then(Node::as_str);
        resource.host_network = mode == Some("host");
        resource.privileged = find("privileged")
            .filter(|n| n.as_bool() == Some(true))
            .map(|n| n.span.clone());
        let (entrypoint, command) = (find("entrypoint"), find("command"));
        resource.arguments_only = entrypoint.is_none();
        resource.start = self.start(entrypoint, command, &resource.environment);
        resource
    }

    /// What layers add to each other under a key, the weakest first; `!override` and `!reset` drop what is weaker.
    fn adding<'n>(&self, layers: &[&'n Node], key: &str) -> Vec<&'n Node> {
        let mut out = Vec::new();
        for node in layers.iter().filter_map(|layer| layer.get(key)) {
            let before = self.text.get(..node.span.start).unwrap_or_default().trim_end();
            let own = self.text.get(node.span.clone()).unwrap_or_default();
            let is = |tag: &str| before.ends_with(tag) || own.starts_with(tag);
            if is("!reset") {
                break;
            }
            out.push(node);
            if is("!override") {
                break;
            }
        }
        out.reverse();
        out
    }

    /// A scalar with compose's own substitution done.
    fn word(&self, node: &Node) -> Option<Word> {
        let text = match &node.value {
            Value::String(text) | Value::Number(text) => text.clone(),
            Value::Bool(b) => b.to_string(),
            _ => return None,
        };
        let mapped = Mapped::scalar(&text, self.text, &node.span);
        let mut word = shell::substitute(&mapped, self.lookup, true);
        word.span = node.span.clone();
        Some(word)
    }

    fn environment(&self, list: &Node, out: &mut Vec<Variable>) {
        for entry in list.entries() {
            let value = match entry.node.value {
                Value::Null => self.handed_on(&entry.key, &entry.key_span),
                _ => self.word(&entry.node),
            };
            out.push(Variable {
                name: entry.key.clone(),
                value,
                span: entry.key_span.start..entry.node.span.end.max(entry.key_span.end),
            });
        }
        for item in list.items() {
            let Some(word) = self.word(item) else { continue };
            let (name, value) = match word.text.split_once('=') {
                Some((name, value)) => {
                    let value = Word {
                        text: value.to_owned(),
                        ..word.clone()
                    };
                    (name.to_owned(), Some(value))
                }
                None => (word.text.clone(), self.handed_on(&word.text, &item.span)),
            };
            out.push(Variable {
                name,
                value,
                span: item.span.clone(),
            });
        }
    }

    /// A variable without a value has the one of whoever starts it, or of `.env`.
    fn handed_on(&self, name: &str, span: &Range<usize>) -> Option<Word> {
        let text = (self.lookup)(name)?;
        Some(Word {
            text,
            span: span.clone(),
            open: false,
        })
    }

    /// `source:target:mode`, or the long form.
    fn mount(&self, node: &Node) -> Option<Mount> {
        let (source, target) = if node.entries().is_empty() {
            let word = self.word(node)?;
            let (source, rest) = word.text.split_once(':')?;
            let target = rest.split(':').next().unwrap_or(rest);
            (source.to_owned(), target.to_owned())
        } else {
            let text = |key: &str| node.get(key).and_then(|n| self.word(n)).map(|w| w.text);
            (text("source").unwrap_or_default(), text("target")?)
        };
        Some(Mount {
            target,
            source,
            content: None,
            span: node.span.clone(),
        })
    }

    /// The words of `entrypoint` or `command`, in either form.
    fn words(&self, node: &Node, lookup: shell::Lookup<'_>) -> Vec<Command> {
        if !node.items().is_empty() {
            let words = node.items().iter().filter_map(|n| self.word(n)).collect();
            return vec![Command {
                words,
                ..Command::default()
            }];
        }
        let Some(text) = node.as_text() else {
            return Vec::new();
        };
        let mapped = self.substituted(&Mapped::scalar(text, self.text, &node.span));
        // Compose splits a string into words and starts no shell, so operators are words. Splitting them as a shell
        // does only matters where somebody expected a shell.
        shell::split(&mapped, lookup)
    }

    fn start(
        &self,
        entrypoint: Option<&Node>,
        command: Option<&Node>,
        environment: &[Variable],
    ) -> Vec<Command> {
        let lookup = |name: &str| {
            let variable = environment.iter().rev().find(|v| v.name == name)?;
            let value = variable.value.as_ref().filter(|w| !w.open)?;
            Some(value.text.clone())
        };
        let mut out = entrypoint.map(|n| self.words(n, &lookup)).unwrap_or_default();
        let command = command.map(|n| self.words(n, &lookup)).unwrap_or_default();
        match out.last_mut() {
            Some(last) => last.words.extend(command.into_iter().flat_map(|c| c.words)),
            None => out = command,
        }
        out.into_iter()
            .flat_map(|c| shell::from_words(c.words, self.text))
            .collect()
    }

    fn port(&self, node: &Node) -> Port {
        if !node.entries().is_empty() {
            let text = |key: &str| node.get(key).and_then(|n| self.word(n));
            let mode = text("mode").map(|w| w.text);
            let address = text("host_ip");
            return Port {
                container: text("target").and_then(|w| shell::port_range(&w.text)),
                published: mode.as_deref() != Some("none"),
                open: address.as_ref().is_some_and(|w| w.open),
                address: address.filter(|w| !w.open).map(|w| w.text),
                outside: text("published").and_then(|w| shell::port_range(&w.text)),
                span: node.span.clone(),
                ..Port::default()
            };
        }
        let word = self.word(node).unwrap_or_default();
        Port {
            span: node.span.clone(),
            ..short_port(&word.text)
        }
    }

    /// Compose's substitution, keeping places: `$$` is a dollar for the shell inside.
    fn substituted(&self, text: &Mapped) -> Mapped {
        let mut out = Mapped::default();
        let mut at = 0_usize;
        while let Some(c) = text.get(at) {
            let place = text.span(at..at.saturating_add(1)).start;
            if c == '$' && text.get(at.saturating_add(1)) == Some('$') {
                out.push('$', place);
                at = at.saturating_add(2);
                continue;
            }
            let found = (c == '$').then(|| shell::reference(text, at, self.lookup));
            match found.flatten() {
                Some((Some(value), end)) => {
                    value.chars().for_each(|c| out.push(c, place));
                    at = end;
                }
                _ => {
                    out.push(c, place);
                    at = at.saturating_add(1);
                }
            }
        }
        out
    }
}

/// `8888`, `80:8888`, `127.0.0.1:80:8888`, `[::1]:80:8888`, `127.0.0.1::8888`; also the option `-p` of `docker run`.
pub(crate) fn short_port(text: &str) -> Port {
    // A variable that is not known may hold colons of its own.
    let (rest, container) = match text.rsplit_once(':') {
        Some((rest, container)) => (Some(rest), container),
        None => (None, text),
    };
    let (address, outside) = match rest.map(|rest| (rest, rest.rsplit_once(':'))) {
        Some((_, Some((address, outside)))) => (address, outside),
        Some((rest, None)) => ("", rest),
        None => ("", ""),
    };
    let open = address.contains('$') || outside.contains('$');
    Port {
        container: shell::port_range(container),
        published: true,
        open,
        address: (!address.is_empty() && !address.contains('$')).then(|| address.to_owned()),
        outside: shell::port_range(outside),
        ..Port::default()
    }
}

/// The whole of a file as a word, for what is mounted.
fn file_word(text: &str, span: &Range<usize>) -> Word {
    Word {
        text: text.to_owned(),
        span: span.clone(),
        open: false,
    }
}

#[cfg(test)]
mod tests;
