//! What runs where, whatever file said it.

use std::{ops::Range, sync::Arc};
use wellhead_core::Outcome;

/// A file that says how something is run, understood. All ranges count bytes of [`Configuration::text`].
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The text of the file.
    pub text: Arc<str>,
    /// What kind of file it is.
    pub kind: ConfigurationKind,
    /// What it runs: a service each, or a build stage each.
    pub resources: Vec<Resource>,
    /// Whether all of it was understood.
    pub outcome: Outcome,
}

/// The kind of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigurationKind {
    /// A recipe for an image. Who can reach it is decided elsewhere.
    Dockerfile,
    /// A compose file: services and the ports they publish.
    Compose,
    /// A workflow or an action of GitHub: jobs that nobody reaches.
    Workflow,
}

/// A service of a compose file, or a stage of a Dockerfile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// The name of the service or stage; empty for a stage without one.
    pub name: String,
    /// All of it.
    pub span: Range<usize>,
    /// The image it starts from.
    pub image: Option<Word>,
    /// Whether the image is another stage of the same file, or built from a Dockerfile beside.
    pub builds: bool,
    /// The image that the stages start from which it builds on.
    pub origin: Option<Word>,
    /// What runs when it starts: entry point and command joined, shells unwrapped, one entry a simple command.
    pub start: Vec<Command>,
    /// Whether `start` was said by another stage that this one builds on.
    pub inherited_start: bool,
    /// What runs while the image is built.
    pub build: Vec<Command>,
    /// Environment variables, defaults substituted.
    pub environment: Vec<Variable>,
    /// Whether more variables come from a place that was not read.
    pub more_environment: bool,
    /// Ports that are published, or exposed by an image.
    pub ports: Vec<Port>,
    /// Whether it shares the host's network.
    pub host_network: bool,
    /// Actions and workflows of others that it uses, as they are written: `owner/name@ref`.
    pub uses: Vec<Word>,
    /// What its own entry point says, without a command behind it; only of recipes of images.
    pub entrypoint: Vec<Command>,
    /// Whether its entry point is a shell's, so that a command behind it is not read.
    pub closed_entrypoint: bool,
    /// Whether `start` is only what stands behind the image's own entry point, which nobody here says.
    pub arguments_only: bool,
    /// Files and folders that are put into it.
    pub mounts: Vec<Mount>,
    /// Where it is given all rights on its host.
    pub privileged: Option<Range<usize>>,
}

/// A file or a folder that is put into a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Where it stands inside.
    pub target: String,
    /// What it is outside: a path, or the name of a volume, a ConfigMap or a Secret.
    pub source: String,
    /// What it holds, where that was read.
    pub content: Option<Word>,
    /// Where it is said.
    pub span: Range<usize>,
}

/// A piece of text and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The text, quotes removed and known variables substituted.
    pub text: String,
    /// Where.
    pub span: Range<usize>,
    /// Whether it still holds a variable whose value is not known.
    pub open: bool,
}

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments.
    pub words: Vec<Word>,
    /// Variables that are set for it alone: `NAME=value` in front of it.
    pub variables: Vec<Word>,
    /// Whether it reads the output of the command before it.
    pub piped: bool,
    /// What its here-document hands to it, where it has one.
    pub input: Option<Word>,
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; `None` where the host's value is passed on.
    pub value: Option<Word>,
    /// The whole entry.
    pub span: Range<usize>,
}

/// A port of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// What it is called, where it is.
    pub name: String,
    /// The ports inside the container; `None` where a variable hides them.
    pub container: Option<Range<u32>>,
    /// Whether it is published on the host.
    pub published: bool,
    /// The host's address that it is published on; `None` means all of them.
    pub address: Option<String>,
    /// Whether that address is a variable that is not known.
    pub open: bool,
    /// The ports of the host, where they are said.
    pub outside: Option<Range<u32>>,
    /// Where.
    pub span: Range<usize>,
}

impl Port {
    /// Whether others than the host itself reach it.
    pub fn is_reachable(&self) -> bool {
        self.published && self.address.as_deref().is_none_or(|a| !is_loopback(a))
    }

    /// Whether it leads to that port of the container, as far as is known.
    pub fn leads_to(&self, port: u32) -> bool {
        self.container.as_ref().is_none_or(|range| range.contains(&port))
    }
}

/// Whether an address is only reached from the same host.
pub(crate) fn is_loopback(address: &str) -> bool {
    let address = address.trim_matches(['[', ']']);
    address == "localhost" || address == "::1" || address.starts_with("127.")
}

impl Resource {
    /// The value of an environment variable; the last one counts.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.environment.iter().rev().find(|v| v.name == name)
    }

    /// The image that it comes of, stages of the same file left out.
    pub fn base(&self) -> Option<&Word> {
        self.origin.as_ref().or(self.image.as_ref())
    }
}

impl Command {
    /// The name of the program without its folders; empty where there is none.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |w| file_name(&w.text))
    }

    /// From the first to the last word.
    pub fn span(&self) -> Range<usize> {
        let start = self.words.first().map_or(0, |w| w.span.start);
        start..self.words.last().map_or(start, |w| w.span.end.max(start))
    }
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
