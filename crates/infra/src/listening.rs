//! What listens on a machine, joined with what its processes were told.
//!
//! A product that was told to stay on 127.0.0.1 may listen elsewhere all the same: Ray's agents do, Phoenix's gRPC does.
//! The one decision: only the bound address counts for who reaches a socket; options and variables only say who it is,
//! whether it asks for a password, and what was meant.

use crate::{
    products::{Access, PRODUCTS, Product, launches},
    resource::{Command, Resource, Variable, Word, file_name, is_loopback},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::Range,
    sync::Arc,
};
use wellhead_core::Budget;
use wellhead_formats::text::{self, Node, SyntaxError};

/// The name that `schema.name` of a host document has.
const SCHEMA: &str = "wellhead-host";

/// How many parents of a process are asked whose part it is.
const MOST_PARENTS: usize = 16;

/// What listened on a machine. All ranges count bytes of [`HostDocument::text`].
#[derive(Clone, Debug)]
pub struct HostDocument {
    /// The document itself.
    pub text: Arc<str>,
    /// What could not be seen.
    pub unseen: Vec<String>,
    /// The processes that listen, and their parents.
    pub processes: BTreeMap<i64, HostProcess>,
    /// The sockets that wait for connections.
    pub sockets: Vec<HostSocket>,
}

/// A process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostProcess {
    /// Its number.
    pub pid: i64,
    /// The number of its parent.
    pub parent: Option<i64>,
    /// What it was started as.
    pub command: Command,
    /// The variables that decide something.
    pub environment: Vec<Variable>,
    /// Whether it runs in a container that shares the machine's network.
    pub container: bool,
    /// Its line.
    pub span: Range<usize>,
}

/// A socket that waits for connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSocket {
    /// The address that it is bound to.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Whose it is, where that was seen.
    pub pid: Option<i64>,
    /// Its line.
    pub span: Range<usize>,
}

impl HostSocket {
    /// Whether other machines reach it, as far as no firewall is in between.
    pub fn is_wide(&self) -> bool {
        !self.address.to_canonical().is_loopback()
    }

    /// Where it listens, in words.
    pub fn place(&self) -> String {
        if self.address.to_canonical().is_unspecified() {
            format!("every address, port {}", self.port)
        } else {
            format!("{}, port {}", self.address, self.port)
        }
    }
}

impl HostDocument {
    /// Whether a tree is a host document by what it says of itself.
    pub fn is_one(root: &Node) -> bool {
        root.path(&["schema", "name"]).and_then(Node::as_str) == Some(SCHEMA)
    }
}

/// Reads a host document.
///
/// # Errors
/// Where it is no JSON; what else is not as it should be is left out and said in [`HostDocument::unseen`].
pub fn host_document(json: &str, budget: &mut Budget) -> Result<HostDocument, SyntaxError> {
    let root = text::json(json, budget)?;
    let list = |key: &str| root.get(key).map(Node::items).unwrap_or_default();
    let unseen = list("unseen").iter().filter_map(Node::as_str).map(str::to_owned);
    let mut unseen: Vec<String> = unseen.collect();
    let processes: Vec<HostProcess> = list("processes").iter().filter_map(process).collect();
    let sockets: Vec<HostSocket> = list("sockets").iter().filter_map(socket).collect();
    let lost = (list("processes").len().saturating_sub(processes.len()))
        .saturating_add(list("sockets").len().saturating_sub(sockets.len()));
    if lost > 0 || root.get("sockets").is_none() {
        unseen.push(format!(
            "{lost} entries of the document are not as they should be"
        ));
    }
    Ok(HostDocument {
        text: Arc::from(json),
        unseen,
        processes: processes.into_iter().map(|p| (p.pid, p)).collect(),
        sockets,
    })
}

fn word(node: &Node) -> Option<Word> {
    Some(Word {
        text: node.as_text()?.to_owned(),
        span: node.span.clone(),
        open: false,
    })
}

fn process(node: &Node) -> Option<HostProcess> {
    let words = node.get("command").map(Node::items).unwrap_or_default();
    let variables = node.get("environment").map(Node::entries).unwrap_or_default();
    let environment = variables.iter().map(|entry| Variable {
        name: entry.key.clone(),
        value: word(&entry.node),
        span: entry.node.span.clone(),
    });
    Some(HostProcess {
        pid: node.get("pid").and_then(Node::as_i64)?,
        parent: node.get("parent").and_then(Node::as_i64),
        command: Command {
            words: words.iter().filter_map(word).collect(),
            ..Command::default()
        },
        environment: environment.collect(),
        container: node.get("container").and_then(Node::as_bool) == Some(true),
        span: node.span.clone(),
    })
}

fn socket(node: &Node) -> Option<HostSocket> {
    Some(HostSocket {
        address: node.get("address").and_then(Node::as_str)?.parse().ok()?,
        port: node.get("port").and_then(Node::as_i64)?.try_into().ok()?,
        pid: node.get("pid").and_then(Node::as_i64),
        span: node.span.clone(),
    })
}

/// The variables that decide where a product listens or whom it asks, each with whether its value is none of a secret.
pub fn host_variables() -> Vec<(&'static str, bool)> {
    let mut out: BTreeMap<&'static str, bool> =
        BTreeMap::from([("RAY_AUTH_MODE", true), ("JUPYTER_TOKEN", false)]);
    for product in PRODUCTS {
        let start = &product.start;
        for name in start.bind_env.iter().chain(start.port_env) {
            out.entry(name).or_insert(true);
        }
        for said in start.on_env.iter().chain(start.off_env) {
            match said.split_once('=') {
                Some((name, _)) => out.entry(name).or_insert(true),
                // Whether it has a value is all that counts.
                None => out.entry(said).or_insert(false),
            };
        }
    }
    out.into_iter().collect()
}

/// A process that other machines reach.
#[derive(Clone, Debug)]
pub struct Listener<'a> {
    /// The process that holds the sockets.
    pub process: &'a HostProcess,
    /// The process that says what it is: itself, or the one whose worker it is.
    pub starter: &'a HostProcess,
    /// What it is, where the catalogue knows it.
    pub product: Option<&'static Product>,
    /// Whether it asks for a password, as far as its command and environment say.
    pub access: Option<Access>,
    /// Where it was told to stay on this machine.
    pub told: Option<Range<usize>>,
    /// The sockets that other machines reach, the product's usual ones first.
    pub wide: Vec<&'a HostSocket>,
}

/// Processes that a product starts by itself, known by a part of their command: the part, the product.
const PARTS: &[(&str, &str)] = &[
    ("ray/dashboard/dashboard.py", "ray"),
    ("ray/dashboard/agent.py", "ray"),
    ("ray/core/src/ray/gcs/gcs_server", "ray"),
    ("ray/core/src/ray/raylet/raylet", "ray"),
    ("ray.util.client.server", "ray"),
    ("ray/_private/runtime_env/agent/main.py", "ray"),
];

/// Options that say where a server listens, whatever server it is.
const BIND: &[&str] = &[
    "--host",
    "--bind",
    "--bind-address",
    "--bind_address",
    "--bind-addr",
    "--address",
    "--listen",
    "--listen-address",
    "--ip",
    "--server-address",
    "--server.address",
    "--server-name",
    "--hostname",
    "--http-address",
    "--web.listen-address",
    "--dashboard-host",
    "--node-ip-address",
    "--node_ip_address",
];

/// Programs that serve for another that started them.
const WORKERS: &[&str] = &["gunicorn", "uvicorn", "hypercorn", "granian", "waitress-serve"];

/// The processes of a machine that other machines reach and of which something can be said.
pub fn listeners(document: &HostDocument) -> Vec<Listener<'_>> {
    let mut by_process: BTreeMap<i64, Vec<&HostSocket>> = BTreeMap::new();
    for socket in document.sockets.iter().filter(|s| s.is_wide()) {
        if let Some(pid) = socket.pid {
            by_process.entry(pid).or_default().push(socket);
        }
    }
    let found = by_process.into_iter().filter_map(|(pid, wide)| {
        let process = document.processes.get(&pid)?;
        Some(listener(document, process, wide))
    });
    found.collect()
}

fn listener<'a>(
    document: &'a HostDocument,
    process: &'a HostProcess,
    mut wide: Vec<&'a HostSocket>,
) -> Listener<'a> {
    let mut starter = process;
    let mut known = known(process);
    let mut seen = BTreeSet::from([process.pid]);
    for _ in 0..MOST_PARENTS {
        let parent = starter.parent.and_then(|p| document.processes.get(&p));
        let Some(parent) = parent.filter(|p| known.is_none() && seen.insert(p.pid) && is_worker(starter, p))
        else {
            break;
        };
        starter = parent;
        known = self::known(parent);
    }
    if known.is_none() {
        starter = process;
    }
    let product = known.map(|(product, _)| product);
    let told = told(process, product).or_else(|| told(starter, product));
    let usual = |s: &HostSocket| product.is_some_and(|p| p.ports.iter().any(|q| q.port == s.port));
    wide.sort_by_key(|s| (!usual(s), s.port, s.address));
    Listener {
        process,
        starter,
        product,
        access: known.map(|(_, access)| access),
        told,
        wide,
    }
}

/// What a process is by its own command, and whether it asks.
fn known(process: &HostProcess) -> Option<(&'static Product, Access)> {
    let resource = Resource {
        start: vec![process.command.clone()],
        environment: process.environment.clone(),
        // Else the parts of Ray that listen everywhere are not said.
        host_network: true,
        ..Resource::default()
    };
    if let Some(launch) = launches(&resource, false).into_iter().next() {
        return Some((launch.product, launch.access));
    }
    let is_part = |part: &str| process.command.words.iter().any(|w| w.text.contains(part));
    let (_, id) = PARTS.iter().find(|(part, _)| is_part(part))?;
    let product = PRODUCTS.iter().find(|p| p.id == *id)?;
    let token = process.environment.iter().any(|v| {
        let value = v.value.as_ref().map(|w| w.text.as_str());
        v.name == "RAY_AUTH_MODE" && value.is_some_and(|v| v.eq_ignore_ascii_case("token"))
    });
    Some((product, if token { Access::On } else { Access::NoneByDefault }))
}

/// Whether a process serves for its parent, rather than being something that was started in it.
fn is_worker(process: &HostProcess, parent: &HostProcess) -> bool {
    let words = &process.command.words;
    let serves = words
        .iter()
        .take(4)
        .any(|w| WORKERS.contains(&file_name(&w.text)) || w.text.contains("multiprocessing"));
    let same = words
        .iter()
        .map(|w| &w.text)
        .eq(parent.command.words.iter().map(|w| &w.text));
    serves || same
}

/// Where a process was told to stay on this machine, and nothing else was said besides.
fn told(process: &HostProcess, product: Option<&'static Product>) -> Option<Range<usize>> {
    let words = &process.command.words;
    let everywhere = |text: &str| {
        let value = text.rsplit('=').next().unwrap_or(text);
        value.contains("0.0.0.0")
            || value.contains("[::]")
            || matches!(value, "::" | "*")
            || value.starts_with("*:")
    };
    if words.iter().any(|w| everywhere(&w.text)) {
        return None;
    }
    let own = product.map(|p| p.start.bind_flags).unwrap_or_default();
    let binds = |name: &str| BIND.contains(&name) || own.contains(&name);
    let mut found = None;
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if let Some((name, value)) = word.text.split_once('=') {
            if binds(name) && is_local(value) {
                found = Some(word.span.clone());
            }
        } else if binds(&word.text)
            && let Some(next) = words.peek().filter(|n| is_local(&n.text))
        {
            found = Some(word.span.start..next.span.end.max(word.span.end));
        }
    }
    let by_variable = || {
        let names = product.map(|p| p.start.bind_env).unwrap_or_default();
        let mut all = process.environment.iter();
        let said = all.find(|v| {
            names.contains(&v.name.as_str()) && v.value.as_ref().is_some_and(|w| is_local(&w.text))
        });
        said.map(|v| v.span.clone())
    };
    found.or_else(by_variable)
}

/// Whether an address, perhaps with a port or a scheme, is one of this machine alone.
fn is_local(value: &str) -> bool {
    let value = value.trim_matches(['\'', '"']);
    let value = value.split_once("://").map_or(value, |(_, rest)| rest);
    let host = match value.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            if port.bytes().all(|b| b.is_ascii_digit()) {
                host
            } else {
                value
            }
        }
        _ => value,
    };
    is_loopback(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    /// Processes as `PID PARENT [NAME=VALUE …] COMMAND`, sockets as `ADDRESS PORT PID`.
    fn shown(processes: &[&str], sockets: &[&str]) -> String {
        let processes = processes.iter().map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let (variables, command): (Vec<&str>, Vec<&str>) = words[2..]
                .iter()
                .partition(|w| w.chars().next().unwrap().is_uppercase() && w.contains('='));
            let variables: Vec<String> = variables
                .iter()
                .map(|v| v.split_once('=').map(|(n, v)| format!("{n:?}: {v:?}")).unwrap())
                .collect();
            format!(
                "{{\"pid\": {}, \"parent\": {}, \"command\": {command:?}, \"environment\": {{{}}}}}",
                words[0],
                words[1],
                variables.join(", ")
            )
        });
        let sockets = sockets.iter().map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            format!(
                "{{\"address\": {:?}, \"port\": {}, \"pid\": {}}}",
                words[0], words[1], words[2]
            )
        });
        let json = format!(
            "{{\"schema\": {{\"name\": \"wellhead-host\"}}, \"processes\": [{}], \"sockets\": [{}]}}",
            processes.collect::<Vec<_>>().join(", "),
            sockets.collect::<Vec<_>>().join(", ")
        );
        let document = host_document(&json, &mut Budget::default()).unwrap();
        assert!(document.unseen.is_empty(), "{:?}", document.unseen);
        let lines = listeners(&document).into_iter().map(|l| {
            let ports: Vec<String> = l
                .wide
                .iter()
                .map(|s| format!("{}:{}", s.address, s.port))
                .collect();
            format!(
                "{} {} {:?} told {} on {}",
                l.process.pid,
                l.product.map_or("-", |p| p.id),
                l.access,
                l.told.map_or("-", |t| &json[t]),
                ports.join(" ")
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_bound_address_counts_and_not_the_option() {
        assert_snapshot!(shown(
            &[
                "10 1 /venv/bin/python /venv/bin/mlflow server --host 127.0.0.1 --port 5000",
                "11 1 python -m phoenix.server.main serve PHOENIX_HOST=127.0.0.1",
                "12 1 mlflow server --host 0.0.0.0",
                "13 12 gunicorn mlflow.server:app",
                "14 1 python -m http.server --bind 127.0.0.1 9000",
                "15 1 jupyter lab --ip=0.0.0.0 --ServerApp.token=",
                "16 15 /bin/bash",
                "17 16 python -m http.server 7000",
                "18 1 vllm serve m --api-key ***",
                "19 1 python /ray/dashboard/dashboard.py --host=127.0.0.1 --port=8265",
                "20 1 /ray/core/src/ray/gcs/gcs_server --node-ip-address=127.0.0.1 RAY_AUTH_MODE=token",
                "21 1 server --host 127.0.0.1 --metrics 0.0.0.0:9100",
            ],
            &[
                "127.0.0.1 5000 10",
                "::ffff:127.0.0.1 6006 11",
                ":: 4317 11",
                "0.0.0.0 5000 13",
                "10.0.0.5 9000 14",
                "0.0.0.0 8888 15",
                "0.0.0.0 7000 17",
                ":: 8000 18",
                "0.0.0.0 8265 19",
                ":: 6379 20",
                "0.0.0.0 9100 21",
            ],
        ), @r#"
        11 phoenix Some(NoneByDefault) told "127.0.0.1" on :::4317
        13 mlflow Some(NoneByDefault) told - on 0.0.0.0:5000
        14 - None told "--bind", "127.0.0.1" on 10.0.0.5:9000
        15 jupyter Some(SwitchedOff) told - on 0.0.0.0:8888
        17 - None told - on 0.0.0.0:7000
        18 vllm Some(On) told - on :::8000
        19 ray Some(NoneByDefault) told "--host=127.0.0.1" on 0.0.0.0:8265
        20 ray Some(On) told "--node-ip-address=127.0.0.1" on :::6379
        21 - None told - on 0.0.0.0:9100
        "#);
    }

    #[test]
    fn addresses_with_ports_and_schemes_are_of_this_machine() {
        for local in [
            "127.0.0.1",
            "localhost",
            "[::1]:80",
            "::1",
            "127.0.0.1:80",
            "http://127.0.0.1:8081",
            "'127.0.0.1'",
        ] {
            assert!(is_local(local), "{local}");
        }
        for other in ["0.0.0.0", "::", "10.0.0.1:80", ":8080", "", "localhost.example"] {
            assert!(!is_local(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,120}") {
            if let Ok(document) = host_document(&text, &mut Budget::default()) {
                let _ = listeners(&document);
            }
        }
    }
}
