//! `pip install …` and `uv pip install …` in recipes and scripts: a manifest that nobody wrote down as one.
//!
//! Who reads the recipe hands over words and variables; one command is one manifest, since an index that one command
//! adds is not asked by the next.

use super::{Include, Line, LineUse, Manifest, ManifestKind, requirements::component};
use crate::index::{Address, IndexEntry, IndexRole, Manager, TrustedHost, mask};
use std::ops::Range;
use wellhead_core::{ArtifactPath, Lines, Location, escape};

/// A word of a command or the value of a variable, and where it stands in the text.
#[derive(Clone, Debug)]
pub struct Spoken<'a> {
    /// The word without quotes.
    pub text: &'a str,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

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
    let mut variables: Vec<(&str, Spoken<'_>)> = variables.to_vec();
    variables.extend(build_arguments(text));
    let variables = variables.as_slice();
    let text: &str = &masked.text;
    let lines = Lines::new(text);
    let at =
        |span: &Range<usize>, label: &str| Location::text_in(artifact, text, &lines, span.clone(), label);
    let mut out: Vec<Manifest> = commands
        .iter()
        .filter_map(|words| Reader { at: &at }.command(words, variables))
        .collect();
    // Variables hold for every command, and are said of only once.
    for manifest in out.iter_mut().skip(1) {
        let mine = |declared: &Location| {
            let of = |span: &Range<usize>| span.start as u64 == declared.offset();
            !variables.iter().any(|(_, value)| of(&value.span))
        };
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
        let ours = |secret: &&Range<usize>| {
            let hit = |s: &Spoken<'_>| s.span.start <= secret.start && secret.end <= s.span.end;
            variables
                .iter()
                .any(|(name, value)| is_index_variable(name) && hit(value))
                || commands
                    .iter()
                    .any(|words| installs(words).is_some() && words.iter().any(hit))
        };
        for secret in masked.secrets.iter().filter(ours) {
            first
                .indexes
                .credentials
                .push(at(secret, "a password in plain text"));
        }
    }
    out
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

fn is_index_variable(name: &str) -> bool {
    name.starts_with("PIP_") || name.starts_with("UV_")
}

/// What follows `install`, if the words are such a command, and whose it is.
fn installs<'w, 'a>(words: &'w [Spoken<'a>]) -> Option<(Manager, &'w [Spoken<'a>])> {
    let mut rest = words;
    // `sudo`, `env`, and variables in front of the command.
    while let Some((first, after)) = rest.split_first() {
        let assignment = first
            .text
            .split_once('=')
            .is_some_and(|(name, _)| !name.starts_with('-'));
        if !(assignment || matches!(first.text, "sudo" | "env" | "exec" | "time" | "-E" | "-H")) {
            break;
        }
        rest = after;
    }
    let (first, mut rest) = rest.split_first()?;
    let program = first.text.rsplit('/').next().unwrap_or_default();
    let plain = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let manager = match plain {
        "pip" => Manager::Pip,
        "python" | "py" | "pypy" => {
            let at = rest.iter().position(|w| w.text == "-m")?;
            let (module, after) = rest.get(at.checked_add(1)?..)?.split_first()?;
            if module.text != "pip" {
                return None;
            }
            rest = after;
            Manager::Pip
        }
        "uv" => {
            let (sub, after) = rest.split_first()?;
            if sub.text != "pip" {
                return None;
            }
            rest = after;
            Manager::Uv
        }
        _ => return None,
    };
    // Global options may stand before the verb.
    let at = rest.iter().position(|w| !w.text.starts_with('-'))?;
    let (verb, after) = rest.get(at..)?.split_first()?;
    matches!(verb.text, "install" | "download" | "wheel").then_some((manager, after))
}

struct Reader<'r> {
    at: &'r dyn Fn(&Range<usize>, &str) -> Location,
}

impl Reader<'_> {
    fn command(&self, words: &[Spoken<'_>], variables: &[(&str, Spoken<'_>)]) -> Option<Manifest> {
        let (manager, rest) = installs(words)?;
        let mut out = Manifest::new(ManifestKind::Commands);
        out.indexes.installer = Some(manager);
        for (name, value) in variables {
            self.variable(name, value, &mut out);
        }
        for word in words
            .iter()
            .take_while(|w| !w.text.starts_with("pip") && !w.text.starts_with("uv"))
        {
            if let Some((name, value)) = word.text.split_once('=') {
                let span = word.span.clone();
                self.variable(name, &Spoken { text: value, span }, &mut out);
            }
        }
        out.indexes.variables = out.indexes.entries.len();
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            if word.text == "--" {
                continue;
            }
            if !word.text.starts_with('-') {
                self.requirement(word, false, &mut out);
                continue;
            }
            let (name, value) = match word.text.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (
                    name,
                    Some(Spoken {
                        text: value,
                        span: word.span.clone(),
                    }),
                ),
                _ => (word.text, None),
            };
            let wants = is_setting(name) || TAKES_VALUE.contains(&name);
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
            self.option(manager, name, &value, &mut out);
        }
        Some(out)
    }

    fn option(&self, manager: Manager, name: &str, value: &Spoken<'_>, out: &mut Manifest) {
        match name {
            "-i" | "--index-url" | "--default-index" => self.index(manager, IndexRole::Default, value, out),
            "--extra-index-url" | "--index" => self.index(manager, IndexRole::Extra, value, out),
            "-f" | "--find-links" => self.index(manager, IndexRole::FindLinks, value, out),
            "--trusted-host" | "--allow-insecure-host" => out.indexes.trusted_hosts.push(TrustedHost {
                host: escape(value.text),
                declared: (self.at)(&value.span, "its certificate is not checked"),
            }),
            "--index-strategy" => self.strategy(value, out),
            "-r" | "--requirement" | "--requirements" | "-c" | "--constraint" | "--constraints" => {
                let constraint = matches!(name, "-c" | "--constraint" | "--constraints");
                out.includes.push(Include {
                    path: value.text.to_owned(),
                    kind: if constraint {
                        ManifestKind::Constraints
                    } else {
                        ManifestKind::Requirements
                    },
                    declared: (self.at)(&value.span, ""),
                });
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
        // What a variable holds that nobody said is not known here.
        if value.text.starts_with('$') || value.text.is_empty() {
            return;
        }
        out.indexes.entries.push(IndexEntry {
            manager,
            role,
            name: None,
            address: Address::new(value.text),
            declared: (self.at)(&value.span, "named here"),
        });
    }

    fn variable(&self, name: &str, value: &Spoken<'_>, out: &mut Manifest) {
        for text in value.text.split_whitespace() {
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
                "UV_INDEX" | "UV_EXTRA_INDEX_URL" => self.index(Manager::Uv, IndexRole::Extra, &word, out),
                "UV_FIND_LINKS" => self.index(Manager::Uv, IndexRole::FindLinks, &word, out),
                "UV_INDEX_STRATEGY" => self.strategy(&word, out),
                "PIP_TRUSTED_HOST" | "UV_INSECURE_HOST" => out.indexes.trusted_hosts.push(TrustedHost {
                    host: escape(text),
                    declared: (self.at)(&value.span, "its certificate is not checked"),
                }),
                "PIP_REQUIRE_HASHES" | "UV_REQUIRE_HASHES" => {
                    out.indexes.require_hashes |= !matches!(text, "0" | "false" | "no" | "off");
                }
                "PIP_NO_INDEX" | "UV_NO_INDEX" => {
                    out.indexes.no_index |= !matches!(text, "0" | "false" | "no" | "off");
                }
                _ => {}
            }
        }
    }

    fn requirement(&self, word: &Spoken<'_>, editable: bool, out: &mut Manifest) {
        // Variables, wildcards of the shell, and what only a shell resolves: nothing can be said of them here.
        if word.text.contains(['$', '*', '`', '(', '>', '<', '|', '&'])
            && !word.text.contains(['=', '~', '@'])
        {
            return;
        }
        let text = mask(word.text);
        let declared = (self.at)(&word.span, "");
        if let Ok(component) = component(&text.text, editable, declared) {
            out.components.push(component);
            out.lines.push(Line {
                span: word.span.clone(),
                is: LineUse::Component(out.components.len().saturating_sub(1)),
            });
        }
    }
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
                    python3.11 -m pip install --no-cache-dir -r requirements.txt -c=c.txt\n\
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
        [] ["Extra https://pypi.acme.example/simple", "FindLinks https://links.acme.example/"] own=0 hosts=0 includes=1 secrets=0 None
        ["peft -"] ["Extra https://pypi.acme.example/simple", "FindLinks https://links.acme.example/"] own=0 hosts=0 includes=0 secrets=0 Some(UnsafeBestMatch)
        ["pip -"] ["Default http://b.example/simple", "Extra https://pypi.acme.example/simple", "FindLinks https://links.acme.example/"] own=1 hosts=0 includes=0 secrets=0 None
        ["x -"] ["Extra https://pypi.acme.example/simple", "FindLinks https://links.acme.example/"] own=0 hosts=0 includes=0 secrets=0 None
        "#);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(pip |install |python |-m |uv |--index-url |-r |=|a==1 |\\$|\n|ENV |x=y |https://a:b@c ){0,20}") {
            let _ = read(&text);
        }
    }
}
