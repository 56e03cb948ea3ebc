//! Compose files: services, what they run, and which of their ports others reach.

use crate::{
    mapped::Mapped,
    resource::{Command, Configuration, ConfigurationKind, Port, Resource, Variable, Word},
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
    let services = root.get("services").filter(|s| !s.entries().is_empty())?;
    if !services.entries().iter().any(|e| is_service(&e.node)) {
        return None;
    }
    let reader = Reader { text, services };
    let mut outcome = Outcome::Analysed;
    let mut resources = Vec::new();
    for entry in services.entries() {
        let size = entry.node.span.len() as u64;
        if let Err(why) = budget.steps(size.saturating_add(1)) {
            outcome = Outcome::Partly { why: why.to_string() };
            break;
        }
        resources.push(reader.service(entry));
    }
    Some(Configuration {
        text: Arc::from(text),
        kind: ConfigurationKind::Compose,
        resources,
        outcome,
    })
}

fn is_service(node: &Node) -> bool {
    ["image", "build", "command", "extends", "entrypoint"]
        .iter()
        .any(|key| node.get(key).is_some())
}

struct Reader<'a> {
    text: &'a str,
    services: &'a Node,
}

/// Compose substitutes from the host's environment, which is no part of the bytes: only defaults are known.
fn unknown(_: &str) -> Option<String> {
    None
}

impl Reader<'_> {
    fn service(&self, entry: &Entry) -> Resource {
        // What `extends` names comes first, so that later entries win.
        let mut layers = vec![&entry.node];
        while let Some(base) = layers.last().and_then(|node| self.extended(node)) {
            if layers.len() > MOST_EXTENDS {
                break;
            }
            layers.push(base);
        }
        let find = |key: &str| {
            layers
                .iter()
                .find_map(|node| node.get(key))
                .filter(|n| n.value != Value::Null)
        };
        let mut resource = Resource {
            name: entry.key.clone(),
            span: entry.key_span.start..entry.node.span.end.max(entry.key_span.end),
            image: find("image").and_then(|n| self.word(n)),
            builds: find("build").is_some(),
            ..Resource::default()
        };
        for node in layers.iter().rev() {
            if let Some(list) = node.get("environment") {
                self.environment(list, &mut resource.environment);
            }
            if let Some(list) = node.get("ports") {
                resource.ports.extend(list.items().iter().map(|n| self.port(n)));
            }
        }
        resource.host_network = find("network_mode")
            .and_then(Node::as_str)
            .is_some_and(|mode| mode == "host");
        resource.start = self.start(find("entrypoint"), find("command"), &resource.environment);
        resource
    }

    fn extended(&self, node: &Node) -> Option<&Node> {
        let extends = node.get("extends")?;
        let name = match extends.as_str() {
            Some(name) => name,
            // Another file is another artifact.
            None if extends.get("file").is_some() => return None,
            None => extends.get("service")?.as_str()?,
        };
        self.services.get(name)
    }

    /// A scalar with compose's own substitution done.
    fn word(&self, node: &Node) -> Option<Word> {
        let text = match &node.value {
            Value::String(text) | Value::Number(text) => text.clone(),
            Value::Bool(b) => b.to_string(),
            _ => return None,
        };
        let mapped = Mapped::scalar(&text, self.text, &node.span);
        let mut word = shell::substitute(&mapped, &unknown, true);
        word.span = node.span.clone();
        Some(word)
    }

    fn environment(&self, list: &Node, out: &mut Vec<Variable>) {
        for entry in list.entries() {
            out.push(Variable {
                name: entry.key.clone(),
                value: self.word(&entry.node),
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
                None => (word.text.clone(), None),
            };
            out.push(Variable {
                name,
                value,
                span: item.span.clone(),
            });
        }
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
        let mapped = substituted(&Mapped::scalar(text, self.text, &node.span));
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
            return Port {
                container: text("target").and_then(|w| shell::port_range(&w.text)),
                published: mode.as_deref() != Some("none"),
                address: text("host_ip").filter(|w| !w.open).map(|w| w.text),
                span: node.span.clone(),
            };
        }
        let word = self.word(node).unwrap_or_default();
        let (address, container) = short_port(&word.text);
        Port {
            container,
            published: true,
            address,
            span: node.span.clone(),
        }
    }
}

/// `8888`, `80:8888`, `127.0.0.1:80:8888`, `[::1]:80:8888`, `127.0.0.1::8888`: the address and the container's ports.
fn short_port(text: &str) -> (Option<String>, Option<Range<u32>>) {
    // A variable that is not known may hold colons of its own.
    let (rest, container) = match text.rsplit_once(':') {
        Some((rest, container)) => (Some(rest), container),
        None => (None, text),
    };
    let address = rest.and_then(|rest| {
        let (address, _) = rest.rsplit_once(':')?;
        (!address.is_empty() && !address.contains('$')).then(|| address.to_owned())
    });
    (address, shell::port_range(container))
}

/// Compose's substitution, keeping places: `$$` is a dollar for the shell inside.
fn substituted(text: &Mapped) -> Mapped {
    let mut out = Mapped::default();
    let mut at = 0_usize;
    while let Some(c) = text.get(at) {
        let place = text.span(at..at.saturating_add(1)).start;
        if c == '$' && text.get(at.saturating_add(1)) == Some('$') {
            out.push('$', place);
            at = at.saturating_add(2);
            continue;
        }
        match (c == '$').then(|| shell::reference(text, at, &unknown)).flatten() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use wellhead_formats::text::yaml;

    fn read(text: &str) -> Option<Configuration> {
        let mut budget = Budget::default();
        compose(text, &yaml(text, &mut budget).unwrap(), &mut budget)
    }

    fn show(text: &str) -> String {
        let mut out = String::new();
        for r in read(text).unwrap().resources {
            let image = r.image.as_ref().map_or("", |i| i.text.as_str());
            out.push_str(&format!(
                "{} {image}{}\n",
                r.name,
                if r.host_network { " host" } else { "" }
            ));
            for c in &r.start {
                let words: Vec<_> = c
                    .words
                    .iter()
                    .map(|w| {
                        format!(
                            "{}{}<{}>",
                            w.text,
                            if w.open { "?" } else { "" },
                            &text[w.span.clone()]
                        )
                    })
                    .collect();
                out.push_str(&format!("  start {}\n", words.join(" · ")));
            }
            for v in &r.environment {
                let value = v.value.as_ref().map_or("-", |w| w.text.as_str());
                out.push_str(&format!("  env {}={value} <{}>\n", v.name, &text[v.span.clone()]));
            }
            for p in &r.ports {
                let address = p.address.as_deref().unwrap_or("*");
                out.push_str(&format!(
                    "  port {:?} {address} {}\n",
                    p.container,
                    p.is_reachable()
                ));
            }
        }
        out
    }

    #[test]
    fn both_forms_of_everything() {
        let text = r#"
x-env: &env
  A: 1
services:
  base:
    image: "img:${TAG:-1.0}"
    environment:
      <<: *env
      B: "${B:-two}"
      C:
  one:
    extends: base
    command: mlflow server --host 0.0.0.0 --port ${PORT:-5000} --x $$A
    ports: ["127.0.0.1:5000:5000", "6000", "${P:-7}:7000", "[::1]:8:8", 9000-9002:9000-9002/tcp]
  two:
    build: .
    entrypoint: ["bash", "-c"]
    command: ["jupyter lab --ip=0.0.0.0 --ServerApp.token=''"]
    environment: ["TOKEN=abc", "PASSED"]
    ports:
      - target: 8888
        published: "80"
        host_ip: 0.0.0.0
  three:
    image: i
    network_mode: host
    command: >
      ray start --head
      --dashboard-host=0.0.0.0
"#;
        assert_snapshot!(show(text), @r#"
        base img:1.0
          env A=1 <A: 1>
          env B=two <B: "${B:-two}">
          env C=- <C>
        one img:1.0
          start mlflow<mlflow> · server<server> · --host<--host> · 0.0.0.0<0.0.0.0> · --port<--port> · 5000<$> · --x<--x> · 1<$$A>
          env A=1 <A: 1>
          env B=two <B: "${B:-two}">
          env C=- <C>
          port Some(5000..5001) 127.0.0.1 false
          port Some(6000..6001) * true
          port Some(7000..7001) * true
          port Some(8..9) [::1] false
          port Some(9000..9003) * true
        two 
          start jupyter<jupyter> · lab<lab> · --ip=0.0.0.0<--ip=0.0.0.0> · --ServerApp.token=<--ServerApp.token=''>
          env TOKEN=abc <"TOKEN=abc">
          env PASSED=- <"PASSED">
          port Some(8888..8889) 0.0.0.0 true
        three i host
          start ray<ray> · start<start> · --head<--head> · --dashboard-host=0.0.0.0<--dashboard-host=0.0.0.0>
        "#);
    }

    #[test]
    fn other_yaml_is_none_of_it() {
        assert!(read("a: 1\n").is_none());
        assert!(read("services: [a, b]\n").is_none());
        assert!(read("services:\n  db:\n    host: x\n").is_none());
    }
}
