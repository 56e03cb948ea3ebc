//! `pip install …` and its kin in recipes and scripts: a manifest that nobody wrote down as one.
//!
//! Who reads the recipe hands over words and variables; one command is one manifest, since an index that one command
//! adds is not asked by the next.

use super::{
    Include, Line, LineUse, Manifest, ManifestKind,
    installers::{Grammar, Invocation, bare, before_verb, configured, invocation},
    matchspec,
    parts::{self, unauditable},
    poetry::{Constraint, constraint},
    requirements::component,
};
use crate::index::{Address, IndexEntry, IndexRole, Manager, TrustedHost, mask};
use std::{collections::BTreeSet, ops::Range};
use wellhead_core::{ArtifactPath, Component, Ecosystem, Lines, Location, escape};

/// A word of a command or the value of a variable, and where it stands in the text.
#[derive(Clone, Debug)]
pub struct Spoken<'a> {
    /// The word without quotes.
    pub text: &'a str,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

/// How many variables hold for every command of a text.
const MOST_VARIABLES: usize = 64;

/// Options that take a value which says nothing about what comes from where.
const TAKES_VALUE: &[&str] = &[
    "-t",
    "--target",
    "--prefix",
    "--root",
    "--src",
    "--python",
    "-p",
    "--cache-dir",
    "--timeout",
    "--default-timeout",
    "--retries",
    "--platform",
    "--python-version",
    "--implementation",
    "--abi",
    "--progress-bar",
    "--upgrade-strategy",
    "--no-binary",
    "--only-binary",
    "--proxy",
    "--cert",
    "--client-cert",
    "--log",
    "--exists-action",
    "-d",
    "--dest",
    "-w",
    "--wheel-dir",
    "--global-option",
    "--install-option",
    "--config-settings",
    "-C",
    "--use-feature",
    "--use-deprecated",
    "--report",
    "--root-user-action",
    "--extra",
    "--group",
    "--link-mode",
    "--prerelease",
    "--resolution",
    "--exclude-newer",
    "--python-platform",
    "--torch-backend",
    "--keyring-provider",
    "-P",
    "--upgrade-package",
    "--reinstall-package",
];

/// The manifests that the commands are, each with the variables that hold for it.
pub fn read_installs(
    artifact: &ArtifactPath,
    text: &str,
    variables: &[(&str, Spoken<'_>)],
    commands: &[Vec<Spoken<'_>>],
) -> Vec<Manifest> {
    let masked = mask(text);
    let written: Vec<(String, &Spoken<'_>, bool)> = commands.iter().flat_map(|c| configured(c)).collect();
    let mut all: Vec<(&str, Spoken<'_>)> = Vec::new();
    // What is put in front of the others later stands before them.
    let in_front = written.iter().rev().filter(|(_, _, first)| *first);
    for (name, value, _) in in_front.chain(written.iter().filter(|(_, _, first)| !first)) {
        all.push((name.as_str(), (*value).clone()));
    }
    all.extend(variables.iter().cloned());
    all.extend(build_arguments(text));
    let variables = all.as_slice();
    let starts: BTreeSet<u64> = variables.iter().map(|(_, v)| v.span.start as u64).collect();
    let text: &str = &masked.text;
    let lines = Lines::new(text);
    let at =
        |span: &Range<usize>, label: &str| Location::text_in(artifact, text, &lines, span.clone(), label);
    let mut out: Vec<Manifest> = Vec::new();
    for words in commands {
        // The first command answers for all of them; that the others repeat them must not become work without bound.
        let from = if out.is_empty() {
            0
        } else {
            variables.len().saturating_sub(MOST_VARIABLES)
        };
        let held = variables.get(from..).unwrap_or_default();
        out.extend(Reader { at: &at }.command(words, held));
    }
    // Variables hold for every command, and are said of only once.
    for manifest in out.iter_mut().skip(1) {
        let mine = |declared: &Location| !starts.contains(&declared.offset());
        let settings = &mut manifest.indexes;
        let (own, inherited) = std::mem::take(&mut settings.entries)
            .into_iter()
            .partition(|e| mine(&e.declared));
        settings.entries = own;
        settings.inherited = inherited;
        settings.variables = settings.variables.saturating_sub(settings.inherited.len());
        settings.trusted_hosts.retain(|h| mine(&h.declared));
    }
    if out.is_empty() {
        let mut manifest = Manifest::new(ManifestKind::Commands);
        for (name, value) in variables {
            Reader { at: &at }.variable(name, value, &mut manifest);
        }
        out.extend(
            Some(manifest).filter(|m| !m.indexes.entries.is_empty() || !m.indexes.trusted_hosts.is_empty()),
        );
    }
    // Only secrets of what installs: others are another rule's matter.
    if let Some(first) = out.first_mut() {
        let said = Said::new(
            variables
                .iter()
                .filter(|(name, _)| is_index_variable(name))
                .map(|(_, value)| &value.span)
                .chain(
                    commands
                        .iter()
                        .filter(|words| invocation(words).is_some())
                        .flatten()
                        .map(|word| &word.span),
                ),
        );
        let ours = |secret: &&Range<usize>| said.holds(secret);
        for secret in masked.secrets.iter().filter(ours) {
            first
                .indexes
                .credentials
                .push(at(secret, "a password in plain text"));
        }
    }
    out
}

/// Places in order, to ask whether one of them holds another.
struct Said(Vec<Range<usize>>);

impl Said {
    fn new<'s>(spans: impl Iterator<Item = &'s Range<usize>>) -> Self {
        let mut spans: Vec<Range<usize>> = spans.cloned().collect();
        spans.sort_by_key(|s| (s.start, s.end));
        // Each ends where the furthest so far ends: what begins no later and ends no earlier holds the place.
        let mut furthest = 0_usize;
        for span in &mut spans {
            furthest = furthest.max(span.end);
            span.end = furthest;
        }
        Self(spans)
    }

    fn holds(&self, place: &Range<usize>) -> bool {
        let behind = self.0.partition_point(|s| s.start <= place.start);
        let last = behind.checked_sub(1).and_then(|i| self.0.get(i));
        last.is_some_and(|s| s.end >= place.end)
    }
}

/// The installer's variables among the build arguments of a recipe: commands see them, running containers do not.
fn build_arguments(text: &str) -> impl Iterator<Item = (&str, Spoken<'_>)> {
    let mut start = 0_usize;
    text.split_inclusive('\n').filter_map(move |line| {
        let here = start;
        start = start.saturating_add(line.len());
        let rest = line.trim_start().strip_prefix("ARG ")?.trim();
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_matches(['"', '\'']);
        let at = here.saturating_add(line.find(value)?);
        let span = at..at.saturating_add(value.len());
        is_index_variable(name).then_some((name, Spoken { text: value, span }))
    })
}

/// Whether a variable speaks to an installer.
pub fn is_index_variable(name: &str) -> bool {
    ["PIP_", "UV_", "CONDA_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

struct Reader<'r> {
    at: &'r dyn Fn(&Range<usize>, &str) -> Location,
}

impl Reader<'_> {
    fn command(&self, words: &[Spoken<'_>], variables: &[(&str, Spoken<'_>)]) -> Option<Manifest> {
        let Invocation {
            manager,
            grammar,
            rest,
            takes,
        } = invocation(words)?;
        let mut out = Manifest::new(ManifestKind::Commands);
        out.indexes.installer = Some(manager);
        for (name, value) in variables {
            self.variable(name, value, &mut out);
        }
        let before = words.len().saturating_sub(bare(words).len());
        for word in words.iter().take(before) {
            if let Some((name, value)) = word.text.split_once('=') {
                let span = word.span.clone();
                self.variable(name, &Spoken { text: value, span }, &mut out);
            }
        }
        if manager == Manager::Conda && rest.iter().any(|w| w.text == "--override-channels") {
            out.indexes.entries.retain(|e| e.manager != Manager::Conda);
        }
        out.indexes.variables = out.indexes.entries.len();
        for pair in before_verb(words, rest).windows(2) {
            if let [option, host] = pair
                && option.text == "--trusted-host"
            {
                self.option(manager, option.text, host, &mut out);
            }
        }
        let mut arguments = Arguments {
            manager,
            grammar,
            takes,
            named: false,
            pypi: rest.iter().any(|w| w.text == "--pypi"),
        };
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            if word.text == "--" {
                continue;
            }
            if let Some(alone) = redirection(word.text) {
                if alone {
                    rest.next();
                }
                continue;
            }
            if !word.text.starts_with('-') {
                if !self.argument(word, &mut arguments, &mut out) {
                    break;
                }
                continue;
            }
            let (name, value) = match word.text.split_once('=') {
                _ if glued(word.text, grammar).is_some() => {
                    let (name, text) = glued(word.text, grammar).unwrap_or_default();
                    let span = word.span.clone();
                    (name, (!text.is_empty()).then_some(Spoken { text, span }))
                }
                Some((name, value)) if name.starts_with("--") => (
                    name,
                    Some(Spoken {
                        text: value,
                        span: word.span.clone(),
                    }),
                ),
                _ => (word.text, None),
            };
            let wants = arguments.takes_value(name);
            let value = match value {
                Some(value) => Some(value),
                None if wants => rest.next().cloned(),
                None => None,
            };
            let Some(value) = value else {
                out.indexes.no_index |= name == "--no-index";
                out.indexes.require_hashes |= name == "--require-hashes";
                continue;
            };
            if !self.named(name, &value, &mut arguments, &mut out) {
                self.option(manager, name, &value, &mut out);
            }
        }
        if grammar == Grammar::Project {
            return project(words, out);
        }
        // What only runs a program installs nothing by itself.
        let nothing = out.components.is_empty() && out.includes.is_empty();
        (grammar != Grammar::Options || !nothing).then_some(out)
    }

    /// Takes an argument that is no option; `false` where all behind it belongs to somebody else.
    fn argument(&self, word: &Spoken<'_>, arguments: &mut Arguments, out: &mut Manifest) -> bool {
        match arguments.grammar {
            Grammar::Requirements => self.requirement(word, false, out),
            Grammar::Files => self.include(word, false, out),
            Grammar::Options => return false,
            Grammar::Project => {}
            Grammar::First => {
                if !arguments.named {
                    self.at_version(word, out);
                }
                return false;
            }
            Grammar::Inject => arguments.grammar = Grammar::Requirements,
            Grammar::Poetry => self.constrained(word, out),
            Grammar::Pixi if arguments.pypi => self.requirement(word, false, out),
            Grammar::Conda | Grammar::Pixi => self.match_spec(word, out),
        }
        true
    }

    /// Takes an option that names packages, or channels; `false` where it is none.
    fn named(&self, name: &str, value: &Spoken<'_>, arguments: &mut Arguments, out: &mut Manifest) -> bool {
        match (arguments.grammar, name) {
            (Grammar::First | Grammar::Options, "--from" | "--spec") => {
                arguments.named = true;
                self.requirement(value, false, out);
            }
            (Grammar::First | Grammar::Options, "--with") => {
                // uv takes several, parted by commas.
                for text in value.text.split(',').filter(|t| !t.is_empty()) {
                    let span = value.span.clone();
                    self.requirement(&Spoken { text, span }, false, out);
                }
            }
            (Grammar::First | Grammar::Options, "--with-editable") => self.requirement(value, true, out),
            (Grammar::First | Grammar::Options, "--with-requirements") => self.include(value, false, out),
            (Grammar::Conda | Grammar::Pixi, "-c" | "--channel") => {
                self.channel(arguments.manager, value, out);
            }
            (Grammar::Conda, "-f" | "--file") => self.include(value, false, out),
            (Grammar::Conda | Grammar::Pixi, _) => {}
            _ => return false,
        }
        true
    }

    fn channel(&self, manager: Manager, value: &Spoken<'_>, out: &mut Manifest) {
        let open = value.text.contains('$') || value.text.is_empty();
        if open {
            return;
        }
        let bare = !value.text.contains("://");
        out.indexes.entries.push(IndexEntry {
            manager,
            role: if out.indexes.entries.iter().any(|e| e.manager == manager) {
                IndexRole::Extra
            } else {
                IndexRole::Default
            },
            name: bare.then(|| escape(value.text)),
            address: matchspec::channel(value.text),
            declared: (self.at)(&value.span, "named here"),
        });
    }

    fn include(&self, value: &Spoken<'_>, constraint: bool, out: &mut Manifest) {
        out.includes.push(Include {
            path: value.text.to_owned(),
            kind: match constraint {
                true => ManifestKind::Constraints,
                false if is_yaml(value.text) => ManifestKind::CondaEnvironment,
                false => ManifestKind::Requirements,
            },
            declared: (self.at)(&value.span, ""),
        });
    }

    fn option(&self, manager: Manager, name: &str, value: &Spoken<'_>, out: &mut Manifest) {
        match name {
            "-i" | "--index-url" | "--default-index" => self.index(manager, IndexRole::Default, value, out),
            "--extra-index-url" if manager == Manager::Uv => {
                self.index(manager, IndexRole::Supplemental, value, out);
            }
            "--extra-index-url" | "--index" => self.index(manager, IndexRole::Extra, value, out),
            "-f" | "--find-links" => self.index(manager, IndexRole::FindLinks, value, out),
            "--trusted-host" | "--allow-insecure-host" => out.indexes.trusted_hosts.push(TrustedHost {
                host: escape(value.text),
                declared: (self.at)(&value.span, "its certificate is not checked"),
            }),
            "--index-strategy" => self.strategy(value, out),
            "-r" | "--requirement" | "--requirements" | "-c" | "--constraint" | "--constraints" => {
                self.include(
                    value,
                    matches!(name, "-c" | "--constraint" | "--constraints"),
                    out,
                );
            }
            "-e" | "--editable" => self.requirement(value, true, out),
            _ => {}
        }
    }

    fn strategy(&self, value: &Spoken<'_>, out: &mut Manifest) {
        let strategy = crate::index::uv::strategy(Some(value.text));
        out.indexes.strategy = Some((strategy, (self.at)(&value.span, "")));
    }

    fn index(&self, manager: Manager, role: IndexRole, value: &Spoken<'_>, out: &mut Manifest) {
        if value.text.is_empty() {
            return;
        }
        // uv takes `name=address`.
        let (index, text) = match value.text.split_once('=') {
            Some((index, text)) if manager == Manager::Uv && !index.contains(['/', ':', '$']) => {
                (Some(escape(index)), text)
            }
            _ => (None, value.text),
        };
        out.indexes.entries.push(IndexEntry {
            manager,
            role,
            name: index,
            address: Address::new(text),
            declared: (self.at)(&value.span, "named here"),
        });
    }

    fn variable(&self, name: &str, value: &Spoken<'_>, out: &mut Manifest) {
        // An expression of a workflow is one word, and so is a list of channels parted by commas.
        let whole = value.text.trim();
        let words: Vec<&str> = if whole.starts_with("${{") && whole.ends_with("}}") {
            vec![whole]
        } else {
            let parts = |c: char| c.is_whitespace() || (c == ',' && name.starts_with("CONDA_"));
            whole.split(parts).filter(|t| !t.is_empty()).collect()
        };
        for text in words {
            let word = Spoken {
                text,
                span: value.span.clone(),
            };
            match name {
                "PIP_INDEX_URL" => self.index(Manager::Pip, IndexRole::Default, &word, out),
                "PIP_EXTRA_INDEX_URL" => self.index(Manager::Pip, IndexRole::Extra, &word, out),
                "PIP_FIND_LINKS" => self.index(Manager::Pip, IndexRole::FindLinks, &word, out),
                "UV_DEFAULT_INDEX" | "UV_INDEX_URL" => {
                    self.index(Manager::Uv, IndexRole::Default, &word, out);
                }
                "UV_INDEX" => self.index(Manager::Uv, IndexRole::Extra, &word, out),
                "UV_EXTRA_INDEX_URL" => self.index(Manager::Uv, IndexRole::Supplemental, &word, out),
                "UV_FIND_LINKS" => self.index(Manager::Uv, IndexRole::FindLinks, &word, out),
                "UV_INDEX_STRATEGY" => self.strategy(&word, out),
                "PIP_TRUSTED_HOST" | "UV_INSECURE_HOST" => out.indexes.trusted_hosts.push(TrustedHost {
                    host: escape(text),
                    declared: (self.at)(&value.span, "its certificate is not checked"),
                }),
                "CONDA_CHANNELS" | "CONDA_CHANNEL" => self.channel(Manager::Conda, &word, out),
                "CONDA_CHANNEL_ALIAS" => out.indexes.channel_alias = Some(escape(text)),
                "CONDA_CHANNEL_PRIORITY" => {
                    if let Some(how) = crate::index::conda::priority_of(text) {
                        let place = (self.at)(&value.span, "");
                        out.indexes.channel_priority = Some((how, Some(place)));
                    }
                }
                "CONDA_SSL_VERIFY" if crate::index::conda::is_off(text) => {
                    out.indexes.trusted_hosts.push(TrustedHost {
                        host: "*".to_owned(),
                        declared: (self.at)(&value.span, "no certificate is checked"),
                    });
                }
                "PIP_REQUIRE_HASHES" | "UV_REQUIRE_HASHES" => {
                    out.indexes.require_hashes |= !matches!(text, "0" | "false" | "no" | "off");
                }
                "PIP_NO_INDEX" => {
                    out.indexes.no_index |= !matches!(text, "0" | "false" | "no" | "off");
                }
                _ => {}
            }
        }
    }

    fn requirement(&self, word: &Spoken<'_>, editable: bool, out: &mut Manifest) {
        // A shell takes `torch>log` for the package and a file to write to.
        let text = match word.text.split_once('>') {
            Some((name, behind)) if !behind.starts_with('=') && !word.text.contains(['=', '<', '@', '/']) => {
                if behind.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
                    word.text
                } else {
                    name
                }
            }
            _ => word.text,
        };
        if text.is_empty() {
            return;
        }
        if let Some(folder) = folder(text) {
            // What is installed with it is what the project there declares.
            out.includes.push(Include {
                path: format!("{folder}/pyproject.toml"),
                kind: ManifestKind::Pyproject,
                declared: (self.at)(&word.span, ""),
            });
        }
        if self.open(text, word, out) {
            return;
        }
        let declared = (self.at)(&word.span, "");
        let masked = mask(text);
        let component = component(&masked.text, editable, declared.clone()).unwrap_or_else(|_| {
            let mut unknown = parts::bare(&masked.text, declared);
            unknown.name = unknown.written.clone();
            unknown.bucket = unauditable("not understood as a requirement");
            unknown
        });
        push(component, word, out);
    }

    /// Takes what only a shell resolves: variables, and patterns of file names.
    fn open(&self, text: &str, word: &Spoken<'_>, out: &mut Manifest) -> bool {
        let variable = text.contains(['$', '`', '{']);
        let pattern = text.contains(['*', '?']) && (text.contains('/') || text.ends_with(".whl"));
        if !variable && !pattern {
            return false;
        }
        let end = text
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .unwrap_or(text.len());
        let name = text.get(..end).filter(|n| crate::name::is_valid(n));
        let declared = (self.at)(&word.span, "");
        let masked = mask(text);
        let (name, why) = match name {
            _ if pattern && !variable => (masked.text.as_ref(), "a path of the project"),
            Some(name) if !text.contains("://") => (name, "its version is a variable"),
            _ => (masked.text.as_ref(), "a variable, whose value is not known here"),
        };
        let mut component = parts::bare(name, declared);
        if !crate::name::is_valid(name) {
            component.name = component.written.clone();
        }
        component.bucket = unauditable(why);
        push(component, word, out);
        true
    }

    /// `name@1.2`, `name@latest`, as the runners of tools have it.
    fn at_version(&self, word: &Spoken<'_>, out: &mut Manifest) {
        match word.text.split_once('@') {
            Some((name, version)) if is_short(name, version) => {
                let text = match version {
                    "latest" => name.to_owned(),
                    version => format!("{name}=={version}"),
                };
                let span = word.span.clone();
                self.requirement(&Spoken { text: &text, span }, false, out);
            }
            _ => self.requirement(word, false, out),
        }
    }

    /// `name@^1.2`, as Poetry has it.
    fn constrained(&self, word: &Spoken<'_>, out: &mut Manifest) {
        let Some((name, wanted)) = word.text.split_once('@').filter(|(n, c)| is_short(n, c)) else {
            return self.requirement(word, false, out);
        };
        let text = match (wanted, constraint(wanted)) {
            ("latest", _) => name.to_owned(),
            (_, Some(Constraint::Exact(version))) => format!("{name}=={version}"),
            (_, Some(Constraint::Range(range))) => format!("{name}{range}"),
            (_, Some(Constraint::Either(_))) => name.to_owned(),
            (_, None) => format!("{name}=={wanted}"),
        };
        let span = word.span.clone();
        self.requirement(&Spoken { text: &text, span }, false, out);
    }

    fn match_spec(&self, word: &Spoken<'_>, out: &mut Manifest) {
        if is_yaml(word.text) {
            return self.include(word, false, out);
        }
        if self.open(word.text, word, out) {
            if let Some(component) = out.components.last_mut() {
                component.ecosystem = Ecosystem::Conda;
            }
            return;
        }
        let declared = (self.at)(&word.span, "");
        let masked = mask(word.text);
        let component = matchspec::component(&masked.text, declared.clone()).unwrap_or_else(|_| {
            let mut unknown = parts::bare_conda(&masked.text, declared);
            unknown.bucket = unauditable("not understood as a package of conda");
            unknown
        });
        push(component, word, out);
    }
}

/// The folder that a requirement names, if it is one of the project: `.`, `./api[gpu]`.
fn folder(text: &str) -> Option<&str> {
    let path = text.split_once('[').map_or(text, |(path, _)| path);
    let path = path.strip_prefix("file:").unwrap_or(path);
    let is_folder = path == "." || path == ".." || path.starts_with("./") || path.starts_with("../");
    let file = [".whl", ".zip", ".gz", ".txt"]
        .iter()
        .any(|end| path.ends_with(end));
    (is_folder && !file && !path.contains(['$', '*', '?'])).then_some(path.trim_end_matches('/'))
}

/// A command that installs what the project declares: of interest is what it says of indexes, as long as no lock that
/// may not change says all.
fn project(words: &[Spoken<'_>], mut out: Manifest) -> Option<Manifest> {
    let settings = &out.indexes;
    let says = settings.strategy.is_some()
        || !settings.trusted_hosts.is_empty()
        || settings.entries.iter().any(|e| e.manager == Manager::Uv);
    let fixed = words
        .iter()
        .any(|w| matches!(w.text, "--frozen" | "--locked" | "--check"));
    if !says || fixed {
        return None;
    }
    let mut pairs = words.iter().zip(words.iter().skip(1));
    let elsewhere = pairs.find(|(w, _)| matches!(w.text, "--directory" | "--project"));
    let folder = elsewhere.map_or(".", |(_, folder)| folder.text.trim_end_matches('/'));
    let declared = settings.entries.first().map(|e| e.declared.clone());
    let declared = declared.or_else(|| settings.strategy.as_ref().map(|(_, at)| at.clone()))?;
    out.includes.push(Include {
        path: format!("{folder}/pyproject.toml"),
        kind: ManifestKind::Pyproject,
        declared,
    });
    Some(out)
}

/// How the arguments of a command are read on.
struct Arguments {
    manager: Manager,
    grammar: Grammar,
    takes: &'static [&'static str],
    /// An option named the package, so the first argument is only the program.
    named: bool,
    /// Arguments of pixi are packages of PyPI.
    pypi: bool,
}

impl Arguments {
    fn takes_value(&self, name: &str) -> bool {
        let conda = matches!(self.grammar, Grammar::Conda | Grammar::Pixi);
        if conda {
            let own = matches!(name, "-c" | "--channel" | "--prefix" | "-r");
            let file =
                self.grammar == Grammar::Conda && matches!(name, "-f" | "--file" | "-p" | "--platform");
            return own || file || self.takes.contains(&name);
        }
        let runner = matches!(self.grammar, Grammar::First | Grammar::Options);
        let named = matches!(
            name,
            "--from" | "--spec" | "--with" | "--with-editable" | "--with-requirements"
        );
        is_setting(name) || TAKES_VALUE.contains(&name) || self.takes.contains(&name) || (runner && named)
    }
}

fn push(component: Component, word: &Spoken<'_>, out: &mut Manifest) {
    out.components.push(component);
    out.lines.push(Line {
        span: word.span.clone(),
        is: LineUse::Component(out.components.len().saturating_sub(1)),
    });
}

/// Whether a file is an environment of conda, which is installed from by its name alone.
fn is_yaml(path: &str) -> bool {
    [".yml", ".yaml"].iter().any(|end| path.ends_with(end))
}

/// Whether the text before an `@` is a name and the text behind it no address.
fn is_short(name: &str, behind: &str) -> bool {
    let bare = name.split('[').next().unwrap_or_default();
    crate::name::is_valid(bare) && !behind.trim().is_empty() && !behind.contains(['/', ':', '$'])
}

/// `-rbase.txt`, `-qr base.txt`: flags of one letter in front of the one that takes a value, and that value behind it.
fn glued(text: &str, grammar: Grammar) -> Option<(&'static str, &str)> {
    if matches!(grammar, Grammar::Conda | Grammar::Pixi) {
        return None;
    }
    let letters = text
        .strip_prefix('-')
        .filter(|t| t.len() > 1 && !t.starts_with('-'))?;
    let rest = letters.trim_start_matches(['q', 'U', 'v', 'I']);
    let name = match rest.chars().next()? {
        'r' => "-r",
        'c' => "-c",
        'e' => "-e",
        'i' => "-i",
        'f' => "-f",
        _ => return None,
    };
    let value = rest.get(1..)?;
    Some((name, value.strip_prefix('=').unwrap_or(value)))
}

/// Whether a word leads input or output elsewhere, and whether the next word says where.
fn redirection(text: &str) -> Option<bool> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
    let target = rest.strip_prefix(">>").or_else(|| rest.strip_prefix('>'));
    let target = target
        .or_else(|| rest.strip_prefix("<<<"))
        .or_else(|| rest.strip_prefix("<<"));
    let target = target.or_else(|| rest.strip_prefix('<'))?;
    // `>=2.0` alone is no redirection that anybody meant.
    (!target.starts_with('=')).then_some(target.is_empty())
}

fn is_setting(name: &str) -> bool {
    matches!(
        name,
        "-i" | "--index-url"
            | "--default-index"
            | "--extra-index-url"
            | "--index"
            | "-f"
            | "--find-links"
            | "--trusted-host"
            | "--allow-insecure-host"
            | "--index-strategy"
            | "-r"
            | "--requirement"
            | "--requirements"
            | "-c"
            | "--constraint"
            | "--constraints"
            | "-e"
            | "--editable"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<Manifest> {
        let mut variables = Vec::new();
        let mut commands = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let mut words = Vec::new();
            for word in line.split_whitespace() {
                let at = start + (word.as_ptr() as usize - line.as_ptr() as usize);
                words.push(Spoken {
                    text: word,
                    span: at..at + word.len(),
                });
            }
            start += line.len();
            match words.as_slice() {
                [first, value, ..] if first.text == "ENV" => {
                    let (name, text) = value.text.split_once('=').unwrap_or((value.text, ""));
                    let span = value.span.clone();
                    variables.push((name, Spoken { text, span }));
                }
                _ => commands.push(words),
            }
        }
        read_installs(&ArtifactPath::file("Dockerfile"), text, &variables, &commands)
    }

    #[test]
    fn installing_commands_are_manifests() {
        let text = "ENV PIP_EXTRA_INDEX_URL=https://x:tok@pypi.acme.example/simple\n\
                    ARG PIP_FIND_LINKS=https://x:tok@links.acme.example/\n\
                    pip install --trusted-host pypi.acme.example torch==2.2.0 mlflow\n\
                    python3.11 -m pip install --no-cache-dir -Uqr requirements.txt -c=c.txt\n\
                    uv pip install --system --index-strategy unsafe-best-match peft@git+https://git.example/peft\n\
                    PIP_INDEX_URL=http://b.example/simple pip3 install -U pip\n\
                    pip install $PACKAGES ./dist/*.whl -t /opt x\n\
                    pip freeze\n\
                    echo pip install evil\n";
        let rows: Vec<String> = read(text)
            .iter()
            .map(|m| {
                let names: Vec<_> = m
                    .components
                    .iter()
                    .map(|c| format!("{} {}", c.name, c.version.as_deref().unwrap_or("-")))
                    .collect();
                let indexes: Vec<_> = m
                    .indexes
                    .entries
                    .iter()
                    .chain(&m.indexes.inherited)
                    .map(|e| format!("{:?} {}", e.role, e.address.shown))
                    .collect();
                format!(
                    "{names:?} {indexes:?} own={} hosts={} includes={} secrets={} {:?}",
                    m.indexes.entries.len(),
                    m.indexes.trusted_hosts.len(),
                    m.includes.len(),
                    m.indexes.credentials.len(),
                    m.indexes.strategy.as_ref().map(|s| s.0)
                )
            })
            .collect();
        assert!(!format!("{:?}", read(text)).contains("x:tok"));
        insta::assert_snapshot!(rows.join("\n"), @r#"
        ["torch 2.2.0", "mlflow -"] ["Extra https://pypi.acme.example/simple", "FindLinks https://links.acme.example/"] own=2 hosts=1 includes=0 secrets=2 None
        [] ["Extra https://pypi.acme.example/simple", "FindLinks https://links.acme.example/"] own=0 hosts=0 includes=2 secrets=0 None
        ["peft -"] ["Extra https://pypi.acme.example/simple", "FindLinks https://links.acme.example/"] own=0 hosts=0 includes=0 secrets=0 Some(UnsafeBestMatch)
        ["pip -"] ["Default http://b.example/simple", "Extra https://pypi.acme.example/simple", "FindLinks https://links.acme.example/"] own=1 hosts=0 includes=0 secrets=0 None
        ["$PACKAGES -", "./dist/*.whl -", "x -"] ["Extra https://pypi.acme.example/simple", "FindLinks https://links.acme.example/"] own=0 hosts=0 includes=0 secrets=0 None
        "#);
    }

    #[test]
    fn every_installer_says_what_it_installs() {
        let text = "pip install torch==$TORCH $EXTRA ./dist/*.whl 'x torch>log mlflow==2.10.* > out 2>&1\n\
                    pip install -r $REQS -c constraints.txt\n\
                    uv add --optional gpu torch==2.2.0 --dev\n\
                    uvx --from nbdime==4.0.1 nbdiff pip\n\
                    uvx ruff@0.3.0 check\n\
                    uv tool run --with numpy,pandas==2.0 jupyter lab\n\
                    uv run --with rich==13.0.0 train.py torch\n\
                    uv pip sync locked.txt\n\
                    pipx run --spec black==24.1.0 black .\n\
                    pipx inject poetry poetry-plugin-export==1.6\n\
                    poetry add torch@2.2.0 numpy@^1.26 pandas@latest requests==2.31.0 --group dev\n\
                    pdm add -G test pytest==8.0.0\n\
                    pipenv install --dev flask==2.0.0\n\
                    conda install -y -n ml -c pytorch -c conda-forge pytorch=2.2.0 numpy>=1.26 conda-forge::scipy\n\
                    micromamba create -p /opt/env -f env.txt python=3.11 $PKG\n\
                    conda env update -n base --file docker/py.yml --prune\n\
                    pixi add --pypi httpx==0.27.0\n\
                    pixi add polars=0.20.0\n";
        let rows: Vec<String> = read(text)
            .iter()
            .map(|m| {
                let names: Vec<_> = m
                    .components
                    .iter()
                    .map(|c| {
                        let version = c.version.as_deref().or(c.specifier.as_deref()).unwrap_or("-");
                        let why = match &c.bucket {
                            wellhead_core::Bucket::Unauditable { why } => format!(" ({why})"),
                            _ => String::new(),
                        };
                        format!("{} {} {version}{why}", c.ecosystem.name(), c.name)
                    })
                    .collect();
                let indexes: Vec<_> = m.indexes.entries.iter().map(|e| &e.address.shown).collect();
                let includes: Vec<_> = m.includes.iter().map(|i| &i.path).collect();
                format!("{names:?} {indexes:?} {includes:?}")
            })
            .collect();
        insta::assert_snapshot!(rows.join("\n"), @r#"
        ["pypi torch - (its version is a variable)", "pypi $EXTRA - (a variable, whose value is not known here)", "pypi ./dist/*.whl - (a path of the project)", "pypi 'x - (not understood as a requirement)", "pypi torch -", "pypi mlflow ==2.10.*"] [] []
        [] [] ["$REQS", "constraints.txt"]
        ["pypi torch 2.2.0"] [] []
        ["pypi nbdime 4.0.1"] [] []
        ["pypi ruff 0.3.0"] [] []
        ["pypi numpy -", "pypi pandas 2.0", "pypi jupyter -"] [] []
        ["pypi rich 13.0.0"] [] []
        [] [] ["locked.txt"]
        ["pypi black 24.1.0"] [] []
        ["pypi poetry-plugin-export 1.6"] [] []
        ["pypi torch 2.2.0", "pypi numpy >=1.26, <2", "pypi pandas -", "pypi requests 2.31.0"] [] []
        ["pypi pytest 8.0.0"] [] []
        ["pypi flask 2.0.0"] [] []
        ["conda pytorch 2.2.0", "conda numpy >=1.26", "conda scipy -"] ["https://conda.anaconda.org/pytorch", "https://conda.anaconda.org/conda-forge"] []
        ["conda python ==3.11.*", "conda $PKG - (a variable, whose value is not known here)"] [] ["env.txt"]
        [] [] ["docker/py.yml"]
        ["pypi httpx 0.27.0"] [] []
        ["conda polars 0.20.0"] [] []
        "#);
    }

    proptest! {
        #[test]
        fn other_installers_never_panic(text in "(uvx |uv |run |--with |conda |install |-c |poetry |add |pipx |inject |a@|\\^1 |\\$X |> |=|a==1 |\\[|é|\n){0,20}") {
            let _ = read(&text);
        }

        #[test]
        fn never_panics(text in "(pip |install |python |-m |uv |--index-url |-r |=|a==1 |\\$|\n|ENV |x=y |https://a:b@c ){0,20}") {
            let _ = read(&text);
        }
    }
}
