//! How each platform is started, and whether that leaves it open.

mod special;

use super::{
    PRODUCTS, Product,
    weak::{has_password, is_placeholder},
};
use crate::resource::{Command, Resource, Variable, Word, file_name, is_loopback};
use special::{comfyui, jupyter, notebook_start, ray};
use std::{borrow::Cow, collections::BTreeSet, ops::Range};

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

/// Where a platform listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// On every address.
    All,
    /// Where only the same host reaches it.
    Loopback,
    /// On one address that is neither, or one that a variable hides.
    Unknown,
}

/// A start of a platform, as a command or an image says it.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The platform.
    pub product: &'static Product,
    /// Whether it asks for a password.
    pub access: Access,
    /// Where it listens.
    pub bind: Bind,
    /// Whether that is so for certain.
    pub certain: bool,
    /// The ports it is reached on.
    pub ports: Vec<u32>,
    /// The places that say so, the most telling first, each with a few words.
    pub marks: Vec<(Range<usize>, String)>,
}

/// How a platform is started, as its entry in the catalogue says it.
#[derive(Debug)]
pub(crate) struct Start {
    /// What the words below cannot say.
    pub special: Special,
    /// Names of the programs, and of modules that are run.
    pub programs: &'static [&'static str],
    /// Programs that serve whatever word comes after them.
    pub servers: &'static [&'static str],
    /// The first plain words after the program, any of these; empty where any will do.
    pub commands: &'static [&'static [&'static str]],
    /// One of these options is there whenever it serves.
    pub needs: &'static [&'static str],
    /// Options and variables with the address it listens on.
    pub bind_flags: &'static [&'static str],
    pub bind_env: &'static [&'static str],
    /// Options that make it listen everywhere.
    pub all_flags: &'static [&'static str],
    /// Whether it listens everywhere when nothing says otherwise.
    pub listens: bool,
    /// Ports with the options that change them.
    pub ports: &'static [(&'static [&'static str], u16)],
    /// Variables that change the first of them.
    pub port_env: &'static [&'static str],
    /// Whether it asks for a password when nothing says otherwise.
    pub asks: bool,
    /// What makes it ask: options, variables as `NAME` or `NAME=value`.
    pub on_flags: &'static [&'static str],
    pub on_env: &'static [&'static str],
    /// What makes it ask no more.
    pub off_flags: &'static [&'static str],
    pub off_env: &'static [&'static str],
    /// Variables that only it reads, so that whoever sets one starts it: `NAME` or `NAME=value`.
    pub env: &'static [&'static str],
    /// Variables with more options.
    pub args_env: &'static [&'static str],
    /// Settings of its configuration files with the address that it listens on.
    pub bind_file: &'static [&'static str],
    /// What makes it ask, and ask no more, in its configuration files: `route` or `route=value`.
    pub on_file: &'static [&'static str],
    pub off_file: &'static [&'static str],
    /// Whether its image starts it with the command as its arguments.
    pub image: bool,
    /// Commands that make its image start it, or a part of it that is reached.
    pub image_commands: &'static [&'static str],
    /// What the tag of its image begins with where it does; empty where any does.
    pub image_tag: &'static str,
    /// Whether the place to show is what switched the password off.
    pub marks_off: bool,
    /// What is said at the place.
    pub label: &'static str,
}

/// What no table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    /// Nothing.
    No,
    /// Its program has everybody's name: `main.py`.
    ComfyUi,
    /// Its settings have as many spellings as it has applications.
    Jupyter,
    /// Its ports for clients listen whatever its dashboard does.
    Ray,
}

impl Product {
    /// The start that a command makes of it.
    fn launch(&'static self, resource: &Resource, command: &Command) -> Option<Launch> {
        match self.start.special {
            Special::No => by_entry(self, resource, command, false),
            Special::ComfyUi => comfyui(self, resource, command),
            Special::Jupyter => jupyter(self, resource, command),
            Special::Ray => ray(self, resource, command),
        }
    }

    /// The version that a resource runs, where its image is the product's and says one.
    pub(crate) fn version_of<'a>(&self, resource: &'a Resource) -> Option<&'a str> {
        let image = resource.base().filter(|i| self.is_image(&i.text))?;
        let tag = image.text.split('@').next()?.rsplit_once(':')?.1;
        let is_version = tag
            .trim_start_matches('v')
            .starts_with(|c: char| c.is_ascii_digit());
        (is_version && !tag.contains('/')).then_some(tag)
    }

    /// Whether a reference to a container image means this product.
    pub fn is_image(&self, reference: &str) -> bool {
        let name = reference.split('@').next().unwrap_or_default();
        let slash = name.rfind('/').map_or(0, |i| i.saturating_add(1));
        let tag = name
            .get(slash..)
            .and_then(|last| last.find(':'))
            .map(|i| i.saturating_add(slash));
        let name = tag.and_then(|end| name.get(..end)).unwrap_or(name);
        let own = without_registry(name);
        self.images.iter().any(|image| match image.strip_suffix('*') {
            Some(start) => name.starts_with(start) || own.starts_with(start),
            None => name == *image || own == *image || is_mirrored(own, image),
        })
    }

    /// Whether a container's variables make it ask for a password.
    pub(crate) fn is_on(&self, resource: &Resource) -> bool {
        self.start.on_env.iter().any(|e| env_says(resource, e).is_some())
    }

    /// Whether they make it ask nobody.
    pub(crate) fn is_off(&self, resource: &Resource) -> bool {
        self.start.off_env.iter().any(|e| env_says(resource, e).is_some())
    }

    /// Whether it can be kept from others by where its dashboard listens.
    pub fn is_closed_by_bind(&self) -> bool {
        self.start.special != Special::Ray
    }
}

/// The platforms that a resource starts: by its commands, or by its image where they say nothing else.
///
/// What an image does by itself is only asked where it is run, not where one is built on it; but a recipe that gives it options,
/// or switches its password off, says so itself.
pub fn launches(resource: &Resource, is_run: bool) -> Vec<Launch> {
    let more = notebook_start(resource);
    let mut out: Vec<Launch> = Vec::new();
    for command in resource.start.iter().chain(&more) {
        // `NAME=value program` sets a variable for this program alone.
        let own = (!command.variables.is_empty()).then(|| with_variables(resource, command));
        let resource = own.as_ref().unwrap_or(resource);
        let words: BTreeSet<&str> = command.words.iter().map(|w| file_name(&w.text)).collect();
        let may = |p: &&Product| {
            let mut names = p.start.programs.iter().chain(p.start.servers);
            names.any(|n| words.contains(n))
        };
        out.extend(
            PRODUCTS
                .iter()
                .filter(may)
                .filter_map(|p| p.launch(resource, command)),
        );
    }
    if out.is_empty() {
        let says_so = is_run || !resource.start.is_empty();
        out.extend(image_start(resource).filter(|l| says_so || l.access == Access::SwitchedOff));
    }
    if out.is_empty() {
        out.extend(variable_start(resource));
    }
    out
}

/// The name of an image without the registry in front, which is told by its dot or port.
fn without_registry(name: &str) -> &str {
    let rest = match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => name,
    };
    rest.strip_prefix("library/").unwrap_or(rest)
}

/// Whether an image is a copy of another in a registry of somebody's own: `harbor.acme.example/hub/ollama/ollama`. Owner and
/// name stay in copies; what has no owner is told by the hub's `library`.
fn is_mirrored(own: &str, image: &str) -> bool {
    let image = without_registry(image);
    let tail = |name: &str| own.strip_suffix(name).is_some_and(|front| front.ends_with('/'));
    match image.split_once('/') {
        // The vendor moved what it keeps no longer.
        Some(("bitnami", name)) => {
            own.strip_prefix("bitnamilegacy/") == Some(name) || own == image || tail(image)
        }
        Some(_) => own == image || tail(image),
        None => own == image || tail(&format!("library/{image}")),
    }
}

/// A resource with the variables that stand in front of a command.
fn with_variables(resource: &Resource, command: &Command) -> Resource {
    let mut own = resource.clone();
    for word in &command.variables {
        let Some((name, value)) = word.text.split_once('=') else {
            continue;
        };
        own.environment.push(Variable {
            name: name.to_owned(),
            value: Some(Word {
                text: value.to_owned(),
                ..word.clone()
            }),
            span: word.span.clone(),
        });
    }
    own
}

/// The start that a product's own image makes, with the command as its arguments.
fn image_start(resource: &Resource) -> Option<Launch> {
    let image = resource.base()?;
    let product = PRODUCTS.iter().find(|p| p.is_image(&image.text))?;
    let start = &product.start;
    let given = resource.start.first();
    let first = given.and_then(|c| c.words.first()).map(|w| w.text.as_str());
    // A command that names a program of its own runs that instead of the product.
    let mut commands = start
        .commands
        .iter()
        .flat_map(|c| c.iter())
        .chain(start.image_commands);
    let is_command = first.is_some_and(|f| commands.any(|s| *s == f));
    let is_option = first.is_none_or(|f| f.starts_with('-'));
    if !(is_command || start.image && is_option && has_tag(&image.text, start.image_tag)) {
        return None;
    }
    let mut launch = started(product, resource, given, image.span.clone())?;
    if let Some(mark) = launch.marks.first_mut()
        && mark.0.start == image.span.start
    {
        mark.0 = image.span.clone();
    }
    Some(launch)
}

/// Whether the tag of an image begins with that.
fn has_tag(image: &str, wanted: &str) -> bool {
    let tag = image.split('@').next().and_then(|name| name.rsplit_once(':'));
    wanted.is_empty() || tag.is_some_and(|(_, tag)| tag.starts_with(wanted))
}

/// The start that a variable tells of which only one product reads.
fn variable_start(resource: &Resource) -> Option<Launch> {
    let mut all = PRODUCTS.iter().filter(|p| !p.start.env.is_empty());
    all.find_map(|product| {
        let place = product.start.env.iter().find_map(|e| env_says(resource, e))?;
        started(product, resource, None, place)
    })
}

/// The start of a product of which its program is not named.
fn started(
    product: &'static Product,
    resource: &Resource,
    given: Option<&Command>,
    span: Range<usize>,
) -> Option<Launch> {
    let program = Word {
        text: (*product
            .start
            .programs
            .iter()
            .chain(product.start.servers)
            .next()?)
        .to_owned(),
        span,
        open: false,
    };
    let words = std::iter::once(program).chain(given.iter().flat_map(|c| c.words.iter().cloned()));
    let command = Command {
        words: words.collect(),
        ..Command::default()
    };
    by_entry(product, resource, &command, true)
}

/// The words of a command from the first that names one of these programs on, so that wrappers are skipped.
fn from_program<'a>(command: &'a Command, programs: &[&str]) -> Option<&'a [Word]> {
    let at = command
        .words
        .iter()
        .position(|w| programs.contains(&file_name(&w.text)))?;
    command.words.get(at..)
}

/// The same for a program that is known by its name alone, which others only mention: `pip install litellm`.
fn from_server<'a>(command: &'a Command, programs: &[&str]) -> Option<&'a [Word]> {
    let words = from_program(command, programs)?;
    let at = command.words.len().saturating_sub(words.len());
    let before = at.checked_sub(1).and_then(|i| command.words.get(i));
    let run = before.is_none_or(|w| matches!(w.text.as_str(), "-m" | "--" | "exec"));
    let runs = |program: &str| {
        matches!(program, "celery" | "java" | "spark-class" | "npx" | "node")
            || program.starts_with("python")
            || std::path::Path::new(program)
                .extension()
                .is_some_and(|e| e == "sh")
    };
    (run || runs(command.program())).then_some(words)
}

/// Reads options of a command line.
pub(super) struct Flags<'a> {
    pub(super) words: &'a [Word],
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

    /// Whether an option is there and not said to be empty.
    fn set(&self, names: &[&str]) -> bool {
        let mut next = self.words.iter().skip(1);
        self.words.iter().any(|word| {
            let after = next.next();
            match word.text.split_once('=') {
                Some((name, value)) => names.contains(&name) && (word.open || !unquoted(value).is_empty()),
                None => {
                    names.contains(&word.text.as_str())
                        && after.is_none_or(|w| w.open || !unquoted(&w.text).is_empty())
                }
            }
        })
    }

    /// Where an option is there, and has that value where the catalogue says one: `--name`, `--name=value`.
    pub(super) fn says(&self, said: &str) -> Option<Range<usize>> {
        let Some((name, value)) = said.split_once('=') else {
            return self.has(&[said]);
        };
        let (given, _, span) = self.value(&[name])?;
        is_value(&given, value).then_some(span)
    }

    fn has(&self, names: &[&str]) -> Option<Range<usize>> {
        self.words
            .iter()
            .find(|w| {
                let (name, value) = w.text.split_once('=').unwrap_or((&w.text, ""));
                names.contains(&name) && !is_value(value, "false")
            })
            .map(|w| w.span.clone())
    }

    /// Where it listens by an option: the binding and the place.
    fn bind(&self, names: &[&str]) -> Option<(Bind, Range<usize>)> {
        let (value, word, span) = self.value(names)?;
        Some((bind_of(host_part(&value), word.open), span))
    }

    fn port(&self, names: &[&str], default: u32) -> u32 {
        self.value(names)
            .and_then(|(v, ..)| v.parse().ok().or_else(|| port_part(&v)))
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

pub(super) fn bind_of(value: &str, open: bool) -> Bind {
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

/// A start as its entry in the catalogue describes it.
fn by_entry(
    product: &'static Product,
    resource: &Resource,
    command: &Command,
    of_image: bool,
) -> Option<Launch> {
    let start = &product.start;
    let server = from_server(command, start.servers);
    let by_program = || {
        if start.commands.is_empty() {
            from_server(command, start.programs)
        } else {
            from_program(command, start.programs)
        }
    };
    let words = server.or_else(by_program)?;
    let words = &with_arguments(words, resource, start.args_env);
    if !of_image && server.is_none() && !start.commands.is_empty() {
        let mut plain = words
            .iter()
            .skip(1)
            .filter(|w| !w.text.starts_with('-'))
            .map(|w| w.text.as_str());
        let said = [plain.next(), plain.next()];
        let is_said = |c: &&[&str]| c.iter().zip(said).all(|(c, s)| s == Some(c));
        if !start.commands.iter().any(is_said) {
            return None;
        }
    }
    let flags = Flags { words };
    if !start.needs.is_empty() && flags.has(start.needs).is_none() {
        return None;
    }
    let on = flags.set(start.on_flags) || start.on_env.iter().any(|e| env_says(resource, e).is_some());
    let off = start.off_flags.iter().find_map(|f| flags.says(f));
    let off = off.or_else(|| start.off_env.iter().find_map(|e| env_says(resource, e)));
    let asks = product
        .version_of(resource)
        .and_then(|v| product.default_of(v))
        .map_or(start.asks, |d| d.asks);
    let access = match (&off, on || asks) {
        (Some(_), _) => Access::SwitchedOff,
        (None, true) => Access::On,
        (None, false) => Access::NoneByDefault,
    };
    let everywhere = flags.has(start.all_flags).map(|span| (Bind::All, span));
    let by_env = || {
        let mut all = start.bind_env.iter();
        all.find_map(|name| env(resource, name).map(|(v, span)| (bind_of(host_part(v), false), span)))
    };
    let unsaid = if of_image || start.listens {
        Bind::All
    } else {
        Bind::Loopback
    };
    let (bind, span) = everywhere
        .or_else(|| flags.bind(start.bind_flags))
        .or_else(by_env)
        .unwrap_or((unsaid, command.span()));
    let by_env = start
        .port_env
        .iter()
        .find_map(|name| env(resource, name)?.0.parse().ok());
    // `OLLAMA_HOST=0.0.0.0:8080`, `--bind-addr 0.0.0.0:8080`
    let by_env = by_env.or_else(|| {
        let given = flags.value(start.bind_flags).map(|(v, ..)| v);
        let said = || start.bind_env.iter().find_map(|name| env(resource, name));
        port_part(&given.or_else(|| said().map(|(v, _)| v.to_owned()))?)
    });
    let mut ports: Vec<u32> = Vec::new();
    for (at, (names, default)) in start.ports.iter().enumerate() {
        let default = by_env.filter(|_| at == 0).unwrap_or(u32::from(*default));
        ports.push(flags.port(names, default));
    }
    let place = if start.marks_off {
        off.unwrap_or(span)
    } else {
        span
    };
    Some(Launch {
        product,
        certain: true,
        access,
        bind,
        ports,
        marks: vec![(place, start.label.to_owned())],
    })
}

/// The words of a command, and those that variables add to its options.
pub(super) fn with_arguments<'a>(words: &'a [Word], resource: &Resource, names: &[&str]) -> Cow<'a, [Word]> {
    let mut all = Cow::Borrowed(words);
    for variable in names.iter().filter_map(|name| resource.variable(name)) {
        let value = variable.value.iter().flat_map(|w| w.text.split_whitespace());
        all.to_mut().extend(value.take(MOST_ARGUMENTS).map(|text| Word {
            text: text.trim_matches(['"', '\'']).to_owned(),
            span: variable.span.clone(),
            open: false,
        }));
    }
    all
}

/// How many words of a variable are taken for options.
const MOST_ARGUMENTS: usize = 256;

/// Where a variable says what the catalogue says: `NAME` is set, `NAME=value` has that value. A value that is not known
/// counts as set, since whoever wrote it meant something.
pub(super) fn env_says(resource: &Resource, said: &str) -> Option<Range<usize>> {
    let (name, value) = said.split_once('=').map_or((said, None), |(n, v)| (n, Some(v)));
    let variable = resource.variable(name)?;
    let known = variable
        .value
        .as_ref()
        .filter(|w| !w.open)
        .map(|w| w.text.trim_matches(['"', '\'']));
    let holds = match (known, value) {
        (None, _) => value.is_none(),
        (Some(known), None) => !known.is_empty(),
        (Some(known), Some(value)) => is_value(known, value),
    };
    holds.then(|| variable.span.clone())
}

/// Whether a value is the one that the catalogue says; yes and no have many spellings.
pub(crate) fn is_value(given: &str, wanted: &str) -> bool {
    let given = given.trim();
    let any = |all: &[&str]| all.iter().any(|v| given.eq_ignore_ascii_case(v));
    match wanted {
        "true" => any(&["true", "1", "yes", "on", "t", "y"]),
        "false" => any(&["false", "0", "no", "off", "f", "n"]),
        "%placeholder" => is_placeholder(given),
        "%address-password" => has_password(given),
        _ => given.eq_ignore_ascii_case(wanted),
    }
}

/// The port of `host:port`.
fn port_part(value: &str) -> Option<u32> {
    let (host, port) = value.rsplit_once(':')?;
    let single = !host.contains(':') || host.ends_with(']') || host.contains("://");
    port.parse().ok().filter(|p| single && (1..=65_535).contains(p))
}

/// The host of `host:port`, as some variables have it.
pub(super) fn host_part(value: &str) -> &str {
    // `:8080` is a port on every address.
    if value.len() > 1
        && value
            .strip_prefix(':')
            .is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()))
    {
        return "0.0.0.0";
    }
    let value = value.split_once("://").map_or(value, |(_, rest)| rest);
    match value.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => value,
    }
}
