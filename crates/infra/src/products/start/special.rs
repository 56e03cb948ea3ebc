//! Starts that no table describes: Jupyter, whose settings have as many spellings as it has applications, and Ray, whose
//! ports for clients listen whatever its dashboard does.

use super::super::Product;
use super::{Access, Bind, Flags, Launch, bind_of, env, from_program, from_server, with_arguments};
use crate::resource::{Command, Resource, Word, file_name};

/// The start that Jupyter's own images make without being told one, with what `NOTEBOOK_ARGS` adds to it.
pub(super) fn notebook_start(resource: &Resource) -> Option<Command> {
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

/// Commands of the servers that serve nothing.
const ENDS: [&str; 12] = [
    "build",
    "clean",
    "extension",
    "labextension",
    "list",
    "migrate",
    "password",
    "path",
    "paths",
    "serverextension",
    "stop",
    "workspaces",
];

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

pub(super) fn jupyter(product: &'static Product, resource: &Resource, command: &Command) -> Option<Launch> {
    // Its other names are those of packages too: `pip install jupyterlab`.
    let words =
        from_program(command, &["jupyter"]).or_else(|| from_server(command, product.start.programs))?;
    let program = file_name(&words.first()?.text);
    let mut plain = words
        .iter()
        .skip(1)
        .map(|w| w.text.as_str())
        .filter(|w| !w.starts_with('-'));
    if program == "jupyter" && !matches!(plain.next(), Some("lab" | "notebook" | "server" | "nbclassic")) {
        return None;
    }
    let flags = Flags { words };
    let tells = [
        "--generate-config",
        "--version",
        "--help",
        "--help-all",
        "--show-config",
    ];
    if flags.has(&tells).is_some() || plain.next().is_some_and(|w| ENDS.contains(&w)) {
        return None;
    }
    let names = |settings: &[&str], short: &[&str]| {
        let mut all = jupyter_names(settings);
        all.extend(short.iter().map(|s| (*s).to_owned()));
        all
    };
    let value = |names: &[String]| flags.value(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let token = value(&names(&["token"], &[]));
    let password = value(&names(&["password", "hashed_password"], &[]));
    let has_password = password.as_ref().is_some_and(|(v, w, _)| !v.is_empty() || w.open);
    let off = match token {
        Some((value, word, span)) if value.is_empty() && !word.open => Some((span, true)),
        Some(_) => None,
        // Jupyter takes an empty variable for none and makes a token; scripts that hand it on as an option do not.
        None => env(resource, "JUPYTER_TOKEN")
            .filter(|(value, _)| value.is_empty())
            .map(|(_, span)| (span, false)),
    };
    let off = off.filter(|_| !has_password);
    let ip = value(&names(&["ip"], &["--ip"]));
    // Their images bring a configuration that listens everywhere.
    let is_stack = resource.base().is_some_and(|i| product.is_image(&i.text));
    // The images' own start scripts listen everywhere unless told otherwise.
    let (bind, ip_span) = match ip {
        Some((value, word, span)) if value.is_empty() && !word.open => (Bind::All, Some(span)),
        Some((value, word, span)) => (bind_of(&value, word.open), Some(span)),
        None if program.starts_with("start-notebook") || is_stack => (Bind::All, None),
        None => (Bind::Loopback, None),
    };
    let ports: Vec<String> = names(&["port"], &["--port", "-p"]);
    let by_env = env(resource, "JUPYTER_PORT").and_then(|(v, _)| v.parse().ok());
    let port = flags.port(
        &ports.iter().map(String::as_str).collect::<Vec<_>>(),
        by_env.unwrap_or(8888),
    );
    let (access, certain) = match &off {
        Some((_, certain)) => (Access::SwitchedOff, *certain),
        None => (Access::On, true),
    };
    let token = off.map(|(span, _)| (span, "asks nobody for a token".to_owned()));
    let mut marks: Vec<_> = token.into_iter().collect();
    if marks.is_empty() {
        marks.push((command.span(), "starts it".to_owned()));
    }
    marks.extend(ip_span.map(|span| (span, "listens on every address".to_owned())));
    Some(Launch {
        product,
        certain,
        access,
        bind,
        ports: vec![port],
        marks,
    })
}

pub(super) fn ray(product: &'static Product, resource: &Resource, command: &Command) -> Option<Launch> {
    let words = from_program(command, product.start.programs)?;
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
    let mut ports = Vec::new();
    let mut marks = Vec::new();
    if let Some((Bind::All | Bind::Unknown, span)) = &dashboard {
        ports.push(flags.port(&["--dashboard-port"], 8265));
        marks.push((
            span.clone(),
            "the dashboard listens on every address and takes jobs from anyone".to_owned(),
        ));
    } else {
        // The ports for clients and nodes listen everywhere whatever the dashboard does.
        marks.push((command.span(), "takes clients from every address".to_owned()));
    }
    ports.push(flags.port(&["--ray-client-server-port"], 10_001));
    ports.push(flags.port(&["--port"], 6379));
    ports.push(flags.port(&["--dashboard-agent-listen-port"], 52_365));
    Some(Launch {
        product,
        certain: true,
        access,
        bind: Bind::All,
        ports,
        marks,
    })
}

/// `python main.py --listen`, where something else says that it is `ComfyUI`.
pub(super) fn comfyui(product: &'static Product, resource: &Resource, command: &Command) -> Option<Launch> {
    let words = from_program(command, product.start.programs)?;
    let words = &with_arguments(words, resource, product.start.args_env);
    let flags = Flags { words };
    let named = |text: &str| text.to_ascii_lowercase().contains("comfy");
    let port = flags.port(&["--port"], 8188);
    let told = flags.value(&["--port"]).is_some_and(|(v, ..)| v == "8188");
    let led = || resource.ports.iter().any(|p| p.container == Some(8188..8189));
    let is_one = (told || port == 8188 && led())
        || command.words.iter().any(|w| named(&w.text))
        || resource.image.as_ref().is_some_and(|i| named(&i.text))
        || named(&resource.name);
    let listen = flags.value(&["--listen"]).filter(|_| is_one)?;
    let (value, word, span) = listen;
    let bind = match value.as_str() {
        // Without an address it is every one.
        "" => Bind::All,
        value if value.starts_with('-') => Bind::All,
        value => bind_of(value.split(',').next().unwrap_or(value), word.open),
    };
    Some(Launch {
        product,
        certain: true,
        access: Access::NoneByDefault,
        bind,
        ports: vec![port],
        marks: vec![(
            span,
            "listens on every address, and has no authentication".to_owned(),
        )],
    })
}
