//! How each platform is started, and whether that leaves it open.

use super::{PRODUCTS, Product};
use crate::resource::{Command, Configuration, ConfigurationKind, Resource, Word, file_name, is_loopback};
use std::ops::Range;

/// Whether a start asks for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It has one unless told otherwise, and was told otherwise.
    SwitchedOff,
    /// It has none unless told otherwise.
    NoneByDefault,
    /// It asks.
    On,
}

/// Who reaches a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Whoever reaches the host.
    Everyone,
    /// Whoever publishes the image's port decides, and the image says that it is meant to be published.
    Exposed,
    /// Whoever publishes the image's port decides.
    Image,
}

/// A platform that a configuration leaves open.
#[derive(Clone, Debug)]
pub struct Exposure {
    /// The platform.
    pub product: &'static Product,
    /// How it came to ask nobody.
    pub access: Access,
    /// Who reaches it.
    pub reach: Reach,
    /// Whether it is open for certain; otherwise it is only meant to be, and depends on the image.
    pub certain: bool,
    /// The places, the first of which is the place itself, each with a few words.
    pub marks: Vec<(Range<usize>, String)>,
}

/// Where a platform listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    All,
    Loopback,
    /// One address that is neither, or a variable.
    Unknown,
}

/// A start of a platform, as a command says it.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub access: Access,
    pub bind: Bind,
    /// Whether it is open for certain.
    pub certain: bool,
    /// The ports it is reached on.
    pub ports: Vec<u32>,
    pub marks: Vec<(Range<usize>, String)>,
}

/// The platforms that a resource leaves open.
pub fn exposures(configuration: &Configuration, resource: &Resource) -> Vec<Exposure> {
    // The stage that said it is reported, not each that builds on it.
    if resource.inherited_start {
        return Vec::new();
    }
    let mut out: Vec<Exposure> = Vec::new();
    let more = notebook_start(resource);
    for command in resource.start.iter().chain(&more) {
        for product in PRODUCTS {
            let Some(launch) = (product.launch)(resource, command) else {
                continue;
            };
            if launch.access == Access::On || launch.bind != Bind::All {
                continue;
            }
            if out.iter().any(|e| e.product.id == product.id) {
                continue;
            }
            if let Some((reach, mark)) = reach(configuration.kind, resource, &launch.ports) {
                let mut marks = launch.marks;
                marks.extend(mark);
                out.push(Exposure {
                    product,
                    access: launch.access,
                    reach,
                    certain: launch.certain,
                    marks,
                });
            }
        }
    }
    out
}

/// The start that Jupyter's own images make without being told one, with what `NOTEBOOK_ARGS` adds to it.
fn notebook_start(resource: &Resource) -> Option<Command> {
    let image = resource.image.as_ref().filter(|_| resource.start.is_empty());
    let is_jupyter = |text: &str| {
        let name = text.split(['@']).next().unwrap_or(text);
        name.contains("jupyter") || name.contains("-notebook")
    };
    let image = image.filter(|i| is_jupyter(&i.text)).map(|i| i.span.clone());
    let arguments = resource
        .variable("NOTEBOOK_ARGS")
        .and_then(|v| Some((v.value.as_ref()?, v.span.clone())));
    let place = arguments.as_ref().map(|(_, span)| span.clone()).or(image)?;
    let word = |text: &str, open: bool| Word {
        text: text.to_owned(),
        span: place.clone(),
        open,
    };
    let more = arguments
        .iter()
        .flat_map(|(value, _)| value.text.split_whitespace().map(|t| word(t, value.open)));
    Some(Command {
        words: std::iter::once(word("start-notebook.py", false))
            .chain(more)
            .collect(),
        piped: false,
        ..Command::default()
    })
}

type Mark = (Range<usize>, String);

fn reach(kind: ConfigurationKind, resource: &Resource, ports: &[u32]) -> Option<(Reach, Option<Mark>)> {
    let leading = |p: &&crate::resource::Port| ports.iter().any(|n| p.leads_to(*n));
    if kind == ConfigurationKind::Dockerfile {
        let exposed = resource
            .ports
            .iter()
            .find(|p| p.container.is_some() && leading(p));
        let reach = if exposed.is_some() {
            Reach::Exposed
        } else {
            Reach::Image
        };
        return Some((
            reach,
            exposed.map(|p| (p.span.clone(), "meant to be published".to_owned())),
        ));
    }
    if resource.host_network {
        return Some((Reach::Everyone, None));
    }
    let published = resource.ports.iter().find(|p| p.is_reachable() && leading(p))?;
    let mark = (
        published.span.clone(),
        "published on all addresses of the host".to_owned(),
    );
    Some((Reach::Everyone, Some(mark)))
}

/// For products that no command line opens or closes.
pub(crate) fn never(_: &Resource, _: &Command) -> Option<Launch> {
    None
}

/// The words of a command from the first that names one of these programs on, so that wrappers are skipped.
fn from_program<'a>(command: &'a Command, programs: &[&str]) -> Option<&'a [Word]> {
    let at = command
        .words
        .iter()
        .position(|w| programs.contains(&file_name(&w.text)))?;
    command.words.get(at..)
}

/// Reads options of a command line.
struct Flags<'a> {
    words: &'a [Word],
}

impl<'a> Flags<'a> {
    /// The last value of an option in either form (`--name=value`, `--name value`), with its place.
    fn value(&self, names: &[&str]) -> Option<(String, &'a Word, Range<usize>)> {
        let mut found = None;
        let mut words = self.words.iter().peekable();
        while let Some(word) = words.next() {
            if let Some((name, value)) = word.text.split_once('=') {
                if names.contains(&name) {
                    found = Some((unquoted(value), word, word.span.clone()));
                }
            } else if names.contains(&word.text.as_str()) {
                let next = words.peek().filter(|w| !w.text.starts_with("--"));
                let span = next.map_or(word.span.clone(), |n| {
                    word.span.start..n.span.end.max(word.span.end)
                });
                let value = next.map_or("", |n| n.text.as_str());
                found = Some((unquoted(value), next.copied().unwrap_or(word), span));
            }
        }
        found
    }

    fn has(&self, names: &[&str]) -> Option<Range<usize>> {
        self.words
            .iter()
            .find(|w| names.contains(&w.text.split('=').next().unwrap_or_default()))
            .map(|w| w.span.clone())
    }

    /// Where it listens by an option: the binding and the place.
    fn bind(&self, names: &[&str]) -> Option<(Bind, Range<usize>)> {
        let (value, word, span) = self.value(names)?;
        Some((bind_of(&value, word.open), span))
    }

    fn port(&self, names: &[&str], default: u32) -> u32 {
        self.value(names)
            .and_then(|(v, ..)| v.parse().ok())
            .unwrap_or(default)
    }
}

/// Takes away the quotes that the exec form leaves to the program (`--token=''`).
fn unquoted(value: &str) -> String {
    let inner = ["''", "\"\""];
    if inner.contains(&value) {
        return String::new();
    }
    let strip = |q: char| value.strip_prefix(q).and_then(|v| v.strip_suffix(q));
    strip('\'').or_else(|| strip('"')).unwrap_or(value).to_owned()
}

fn bind_of(value: &str, open: bool) -> Bind {
    match value {
        _ if open => Bind::Unknown,
        "0.0.0.0" | "*" | "::" | "[::]" | "0" => Bind::All,
        v if is_loopback(v) => Bind::Loopback,
        _ => Bind::Unknown,
    }
}

/// The value of an environment variable that is known.
fn env<'a>(resource: &'a Resource, name: &str) -> Option<(&'a str, Range<usize>)> {
    let variable = resource.variable(name)?;
    let value = variable.value.as_ref()?;
    Some((value.text.trim_matches(['"', '\'']), variable.span.clone()))
}

/// Whether a variable is set to something, be it unknown.
fn is_set(resource: &Resource, name: &str) -> bool {
    resource
        .variable(name)
        .is_some_and(|v| v.value.as_ref().is_none_or(|w| w.open || !w.text.is_empty()))
}

const JUPYTER_APPS: [&str; 6] = [
    "NotebookApp",
    "ServerApp",
    "LabApp",
    "IdentityProvider",
    "PasswordIdentityProvider",
    "JupyterNotebookApp",
];

/// Every spelling of a setting of Jupyter: `--ServerApp.token`, `--NotebookApp.token`, …
fn jupyter_names(settings: &[&str]) -> Vec<String> {
    JUPYTER_APPS
        .iter()
        .flat_map(|app| settings.iter().map(move |s| format!("--{app}.{s}")))
        .collect()
}

pub(crate) fn jupyter(resource: &Resource, command: &Command) -> Option<Launch> {
    const PROGRAMS: &[&str] = &[
        "jupyter",
        "jupyter-lab",
        "jupyter-notebook",
        "jupyter-server",
        "jupyter-nbclassic",
        "jupyterlab",
        "start-notebook.sh",
        "start-notebook.py",
        "start-notebook",
    ];
    let words = from_program(command, PROGRAMS)?;
    let program = file_name(&words.first()?.text);
    if program == "jupyter" {
        let subcommand = words
            .iter()
            .skip(1)
            .map(|w| w.text.as_str())
            .find(|w| !w.starts_with('-'));
        if !matches!(subcommand, Some("lab" | "notebook" | "server" | "nbclassic")) {
            return None;
        }
    }
    let flags = Flags { words };
    let names = |settings: &[&str], short: &[&str]| {
        let mut all = jupyter_names(settings);
        all.extend(short.iter().map(|s| (*s).to_owned()));
        all
    };
    let value = |names: &[String]| flags.value(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let token = value(&names(&["token"], &[]));
    let password = value(&names(&["password", "hashed_password"], &[]));
    let has_password = password.as_ref().is_some_and(|(v, w, _)| !v.is_empty() || w.open);
    let (token_span, certain) = match token {
        Some((value, word, span)) if value.is_empty() && !word.open => (span, true),
        Some(_) => return None,
        // Jupyter takes an empty variable for none and makes a token; scripts that hand it on as an option do not.
        None => match env(resource, "JUPYTER_TOKEN") {
            Some(("", span)) => (span, false),
            _ => return None,
        },
    };
    if has_password {
        return None;
    }
    let ip = value(&names(&["ip"], &["--ip"]));
    // The images' own start scripts listen everywhere unless told otherwise.
    let (bind, ip_span) = match ip {
        Some((value, word, span)) if value.is_empty() && !word.open => (Bind::All, Some(span)),
        Some((value, word, span)) => (bind_of(&value, word.open), Some(span)),
        None if program.starts_with("start-notebook") => (Bind::All, None),
        None => (Bind::Loopback, None),
    };
    let ports: Vec<String> = names(&["port"], &["--port", "-p"]);
    let port = flags.port(&ports.iter().map(String::as_str).collect::<Vec<_>>(), 8888);
    let mut marks = vec![(token_span, "asks nobody for a token".to_owned())];
    marks.extend(ip_span.map(|span| (span, "listens on every address".to_owned())));
    Some(Launch {
        certain,
        access: Access::SwitchedOff,
        bind,
        ports: vec![port],
        marks,
    })
}

pub(crate) fn mlflow(resource: &Resource, command: &Command) -> Option<Launch> {
    let words = from_program(command, &["mlflow"])?;
    let subcommand = words.iter().skip(1).find(|w| !w.text.starts_with('-'))?;
    if !matches!(subcommand.text.as_str(), "server" | "ui") {
        return None;
    }
    let flags = Flags { words };
    let protected = flags
        .value(&["--app-name"])
        .is_some_and(|(name, ..)| !name.is_empty());
    let (bind, span) = flags
        .bind(&["--host", "-h"])
        .or_else(|| env(resource, "MLFLOW_HOST").map(|(v, span)| (bind_of(v, false), span)))
        .unwrap_or((Bind::Loopback, command.span()));
    let port = env(resource, "MLFLOW_PORT")
        .and_then(|(v, _)| v.parse().ok())
        .unwrap_or(5000);
    Some(Launch {
        certain: true,
        access: if protected {
            Access::On
        } else {
            Access::NoneByDefault
        },
        bind,
        ports: vec![flags.port(&["--port", "-p"], port)],
        marks: vec![(
            span,
            "listens on every address, without `--app-name basic-auth`".to_owned(),
        )],
    })
}

pub(crate) fn ray(resource: &Resource, command: &Command) -> Option<Launch> {
    let words = from_program(command, &["ray"])?;
    if words.get(1)?.text != "start" {
        return None;
    }
    let flags = Flags { words };
    flags.has(&["--head"])?;
    let no_dashboard = flags
        .value(&["--include-dashboard"])
        .is_some_and(|(v, ..)| v.eq_ignore_ascii_case("false"));
    let protected = env(resource, "RAY_AUTH_MODE").is_some_and(|(v, _)| v.eq_ignore_ascii_case("token"))
        || resource
            .variable("RAY_AUTH_MODE")
            .is_some_and(|v| v.value.as_ref().is_none_or(|w| w.open));
    let access = if protected {
        Access::On
    } else {
        Access::NoneByDefault
    };
    let dashboard = flags.bind(&["--dashboard-host"]).filter(|_| !no_dashboard);
    let mut ports = vec![flags.port(&["--ray-client-server-port"], 10_001)];
    let mut marks = Vec::new();
    if let Some((Bind::All, span)) = &dashboard {
        ports.push(flags.port(&["--dashboard-port"], 8265));
        marks.push((
            span.clone(),
            "the dashboard listens on every address and takes jobs from anyone".to_owned(),
        ));
    } else {
        // The port for clients listens everywhere whatever the dashboard does; only publishing it makes it matter.
        if resource.ports.iter().all(|p| !p.published) && !resource.host_network {
            return None;
        }
        marks.push((command.span(), "takes clients from every address".to_owned()));
    }
    Some(Launch {
        certain: true,
        access,
        bind: Bind::All,
        ports,
        marks,
    })
}

pub(crate) fn tensorboard(_: &Resource, command: &Command) -> Option<Launch> {
    let words = from_program(command, &["tensorboard", "tensorboard.main"])?;
    let flags = Flags { words };
    flags.has(&["--logdir", "--logdir_spec", "--bind_all", "--host"])?;
    let all = flags
        .has(&["--bind_all", "--bind-all"])
        .map(|span| (Bind::All, span));
    let (bind, span) = all.or_else(|| flags.bind(&["--host"]))?;
    Some(Launch {
        certain: true,
        access: Access::NoneByDefault,
        bind,
        ports: vec![flags.port(&["--port"], 6006)],
        marks: vec![(
            span,
            "listens on every address, and has no authentication".to_owned(),
        )],
    })
}

pub(crate) fn dask(_: &Resource, command: &Command) -> Option<Launch> {
    let words = from_program(command, &["dask-scheduler", "dask"])?;
    let is_scheduler = file_name(&words.first()?.text) == "dask-scheduler"
        || words.get(1).is_some_and(|w| w.text == "scheduler");
    if !is_scheduler {
        return None;
    }
    let flags = Flags { words };
    let secured = flags.has(&["--tls-ca-file", "--tls-cert"]).is_some();
    let bind = flags.bind(&["--host"]).map_or(Bind::All, |(bind, _)| bind);
    Some(Launch {
        certain: true,
        access: if secured {
            Access::On
        } else {
            Access::NoneByDefault
        },
        bind,
        ports: vec![
            flags.port(&["--port"], 8786),
            flags.port(&["--dashboard-address"], 8787),
        ],
        marks: vec![(command.span(), "takes pickled tasks from anyone".to_owned())],
    })
}

pub(crate) fn prefect(resource: &Resource, command: &Command) -> Option<Launch> {
    let words = from_program(command, &["prefect"])?;
    let is_server = matches!(words.get(1..3), Some([a, b]) if a.text == "server" && b.text == "start");
    if !is_server {
        return None;
    }
    let protected = ["PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"]
        .iter()
        .any(|name| is_set(resource, name));
    let flags = Flags { words };
    let (bind, span) = flags
        .bind(&["--host"])
        .or_else(|| env(resource, "PREFECT_SERVER_API_HOST").map(|(v, span)| (bind_of(v, false), span)))
        .unwrap_or((Bind::Loopback, command.span()));
    Some(Launch {
        certain: true,
        access: if protected {
            Access::On
        } else {
            Access::NoneByDefault
        },
        bind,
        ports: vec![flags.port(&["--port"], 4200)],
        marks: vec![(
            span,
            "listens on every address, without an authentication string".to_owned(),
        )],
    })
}

pub(crate) fn marimo(_: &Resource, command: &Command) -> Option<Launch> {
    let words = from_program(command, &["marimo"])?;
    let flags = Flags { words };
    let is_editor = words
        .iter()
        .any(|w| matches!(w.text.as_str(), "edit" | "new" | "tutorial"));
    let off = flags.has(&["--no-token"]).filter(|_| is_editor)?;
    let (bind, _) = flags.bind(&["--host"])?;
    Some(Launch {
        certain: true,
        access: Access::SwitchedOff,
        bind,
        ports: vec![flags.port(&["--port", "-p"], 2718)],
        marks: vec![(off, "asks nobody for a token".to_owned())],
    })
}

pub(crate) fn torchserve(resource: &Resource, command: &Command) -> Option<Launch> {
    let words = from_program(command, &["torchserve"])?;
    let flags = Flags { words };
    let off = flags.has(&["--disable-token-auth"]).or_else(|| {
        let (value, span) = env(resource, "TS_DISABLE_TOKEN_AUTHORIZATION")?;
        value.eq_ignore_ascii_case("true").then_some(span)
    })?;
    Some(Launch {
        certain: true,
        access: Access::SwitchedOff,
        // Its addresses stand in a file of its own; in a container that is published they are not loopback.
        bind: Bind::All,
        ports: vec![8081, 8080],
        marks: vec![(off, "lets anyone register models, which run code".to_owned())],
    })
}

#[cfg(test)]
mod tests {
    use crate::{compose, dockerfile, exposures};
    use wellhead_core::Budget;
    use wellhead_formats::text::yaml;

    fn found(configuration: &crate::Configuration) -> String {
        let all = configuration
            .resources
            .iter()
            .flat_map(|r| exposures(configuration, r));
        let shown: Vec<_> = all
            .map(|e| {
                let mark = &configuration.text[e.marks[0].0.clone()];
                let doubt = if e.certain { "" } else { " perhaps" };
                format!("{} {:?} {:?}{doubt} {mark}", e.product.id, e.access, e.reach)
            })
            .collect();
        shown.join("; ")
    }

    fn in_compose(service: &str) -> String {
        let lines: Vec<_> = service.split(" / ").map(|l| format!("    {l}\n")).collect();
        let text = format!("services:\n  s:\n    image: i\n{}", lines.concat());
        let mut budget = Budget::default();
        let root = yaml(&text, &mut budget).unwrap();
        found(&compose(&text, &root, &mut budget).unwrap())
    }

    fn in_dockerfile(lines: &str) -> String {
        let text = format!("FROM a\n{}\n", lines.replace(" / ", "\n"));
        found(&dockerfile(&text, &mut Budget::default()))
    }

    #[test]
    fn what_opens_a_platform_in_a_compose_file_and_what_does_not() {
        let cases = [
            (
                "command: jupyter lab --ip=0.0.0.0 --NotebookApp.token='' / ports: ['8888:8888']",
                "jupyter SwitchedOff Everyone --NotebookApp.token=''",
            ),
            (
                "command: [start-notebook.sh, --IdentityProvider.token=] / ports: ['80:8888']",
                "jupyter SwitchedOff Everyone --IdentityProvider.token=",
            ),
            (
                "command: sh -c \"jupyter notebook --ip '*' --ServerApp.token ''\" / network_mode: host",
                "jupyter SwitchedOff Everyone --ServerApp.token ''",
            ),
            (
                "environment: {NOTEBOOK_ARGS: \"--NotebookApp.token=''\"} / ports: ['8888:8888']",
                "jupyter SwitchedOff Everyone NOTEBOOK_ARGS: \"--NotebookApp.token=''\"",
            ),
            (
                "environment: {JUPYTER_TOKEN: ''} / command: jupyter lab --ip 0.0.0.0 / ports: ['8888:8888']",
                "jupyter SwitchedOff Everyone perhaps JUPYTER_TOKEN: ''",
            ),
            (
                "environment: [JUPYTER_TOKEN=] / command: start-notebook.sh / ports: ['8888:8888']",
                "jupyter SwitchedOff Everyone perhaps JUPYTER_TOKEN=",
            ),
            (
                "environment: {JUPYTER_TOKEN: ''} / command: jupyter lab --ip 0.0.0.0 --ServerApp.token=$$JUPYTER_TOKEN / ports: ['8888:8888']",
                "jupyter SwitchedOff Everyone --ServerApp.token=$$JUPYTER_TOKEN",
            ),
            (
                "environment: [JUPYTER_TOKEN] / command: start-notebook.sh / ports: ['8888:8888']",
                "",
            ),
            (
                "environment: ['JUPYTER_TOKEN=${T}'] / command: start-notebook.sh / ports: ['8888:8888']",
                "",
            ),
            (
                "environment: {JUPYTER_TOKEN: abcdefgh} / command: start-notebook.sh / ports: ['8888:8888']",
                "",
            ),
            ("command: jupyter lab --ip=0.0.0.0 / ports: ['8888:8888']", ""),
            (
                "command: jupyter lab --ip=0.0.0.0 --ServerApp.token='' --ServerApp.password='argon2:x' / ports: ['8888:8888']",
                "",
            ),
            (
                "command: jupyter lab --ip=0.0.0.0 --ServerApp.token=${TOKEN} / ports: ['8888:8888']",
                "",
            ),
            (
                "command: jupyter lab --ip=0.0.0.0 --ServerApp.token='' / ports: ['127.0.0.1:8888:8888']",
                "",
            ),
            (
                "command: jupyter lab --ServerApp.token='' / ports: ['8888:8888']",
                "",
            ),
            (
                "command: jupyter nbconvert --NotebookApp.token='' --ip=0.0.0.0 / ports: ['8888:8888']",
                "",
            ),
            (
                "command: mlflow server --host 0.0.0.0 / ports: ['5000:5000']",
                "mlflow NoneByDefault Everyone --host 0.0.0.0",
            ),
            (
                "command: bash -c 'pip install x && mlflow ui -h 0.0.0.0 -p 5001' / ports: ['80:5001']",
                "mlflow NoneByDefault Everyone -h 0.0.0.0",
            ),
            (
                "environment: [MLFLOW_HOST=0.0.0.0] / command: mlflow server / ports: ['5000:5000']",
                "mlflow NoneByDefault Everyone MLFLOW_HOST=0.0.0.0",
            ),
            (
                "command: mlflow server --host 0.0.0.0 / ports: ['127.0.0.1:5000:5000']",
                "",
            ),
            ("command: mlflow server --host 0.0.0.0", ""),
            ("command: mlflow server --host 0.0.0.0 / ports: ['80:8080']", ""),
            ("command: mlflow server / ports: ['5000:5000']", ""),
            (
                "command: mlflow server --host 0.0.0.0 --app-name basic-auth / ports: ['5000:5000']",
                "",
            ),
            ("command: mlflow run . --host 0.0.0.0 / ports: ['5000:5000']", ""),
            (
                "command: ray start --head --dashboard-host=0.0.0.0 / ports: ['8265:8265']",
                "ray NoneByDefault Everyone --dashboard-host=0.0.0.0",
            ),
            (
                "command: ray start --head --block / ports: ['10001:10001']",
                "ray NoneByDefault Everyone ray start --head --block",
            ),
            ("command: ray start --head / ports: ['8265:8265']", ""),
            (
                "command: ray start --address=head:6379 / ports: ['8265:8265']",
                "",
            ),
            (
                "command: ray start --head --dashboard-host=0.0.0.0 / environment: {RAY_AUTH_MODE: token} / ports: ['8265:8265']",
                "",
            ),
            (
                "command: tensorboard --logdir /x --bind_all / ports: ['6006:6006']",
                "tensorboard NoneByDefault Everyone --bind_all",
            ),
            ("command: tensorboard --logdir /x / ports: ['6006:6006']", ""),
            (
                "command: dask scheduler / ports: ['8787:8787']",
                "dask NoneByDefault Everyone dask scheduler",
            ),
            ("command: dask worker tcp://s:8786 / ports: ['8787:8787']", ""),
            (
                "command: prefect server start --host 0.0.0.0 / ports: ['4200:4200']",
                "prefect NoneByDefault Everyone --host 0.0.0.0",
            ),
            (
                "command: prefect server start --host 0.0.0.0 / environment: [PREFECT_SERVER_API_AUTH_STRING] / ports: ['4200:4200']",
                "",
            ),
            (
                "command: marimo edit --no-token --host 0.0.0.0 / ports: ['2718:2718']",
                "marimo SwitchedOff Everyone --no-token",
            ),
        ];
        for (service, expected) in cases {
            assert_eq!(in_compose(service), expected, "{service}");
        }
    }

    #[test]
    fn an_image_of_jupyter_starts_it_by_itself() {
        let compose_of = |image: &str, token: &str| {
            let text = format!(
                "services:\n  s:\n    image: {image}\n    environment: {{JUPYTER_TOKEN: {token}}}\n    ports: ['8888:8888']\n"
            );
            let mut budget = Budget::default();
            let root = yaml(&text, &mut budget).unwrap();
            found(&compose(&text, &root, &mut budget).unwrap())
        };
        let open = "jupyter SwitchedOff Everyone perhaps JUPYTER_TOKEN: ''";
        assert_eq!(compose_of("quay.io/jupyter/scipy-notebook:latest", "''"), open);
        assert_eq!(
            compose_of("quay.io/jupyter/scipy-notebook:latest", "'${T:-}'"),
            ""
        );
        assert_eq!(compose_of("postgres:16", "''"), "");
    }

    #[test]
    fn what_opens_a_platform_in_an_image_and_what_does_not() {
        let cases = [
            (
                "EXPOSE 8888 / CMD [\"jupyter\", \"lab\", \"--ip=0.0.0.0\", \"--NotebookApp.token=''\"]",
                "jupyter SwitchedOff Exposed --NotebookApp.token=''",
            ),
            (
                "ENTRYPOINT [\"tini\", \"--\"] / CMD mlflow server --host 0.0.0.0",
                "mlflow NoneByDefault Image --host 0.0.0.0",
            ),
            (
                "ENV H=0.0.0.0 / ENTRYPOINT [\"ray\", \"start\", \"--head\"] / CMD [\"--dashboard-host\", \"0.0.0.0\"]",
                "ray NoneByDefault Image --dashboard-host\", \"0.0.0.0",
            ),
            ("CMD mlflow server --host 127.0.0.1", ""),
            ("CMD ray start --head", ""),
            ("RUN mlflow server --host 0.0.0.0", ""),
            ("CMD jupyter lab --ip 0.0.0.0", ""),
        ];
        for (lines, expected) in cases {
            assert_eq!(in_dockerfile(lines), expected, "{lines}");
        }
    }
}
