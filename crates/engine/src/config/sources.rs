//! `[sources]`: where things may come from, and which packages may come from one index only.
//!
//! As in cargo-deny, a kind of source that the table does not name is not restricted, and one that it names is
//! restricted to the list. An entry is a beginning: a host, a host with a path, or an organisation, `*` standing for
//! any one part.

use super::{Config, ConfigError, Reader};
use wellhead_core::{Location, escape};
use wellhead_formats::text::{Node, Value};

/// A kind of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// An index of packages.
    Index,
    /// A channel of conda.
    Channel,
    /// A hub of models and data sets, or an organisation of it.
    Hub,
    /// A host of repositories.
    Git,
    /// A registry of images.
    Registry,
    /// A file at an address.
    Url,
    /// An action of others.
    Action,
}

impl SourceKind {
    /// All kinds with the key of `[sources]` that restricts each.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Index, "indexes"),
        (Self::Channel, "channels"),
        (Self::Hub, "hubs"),
        (Self::Git, "git"),
        (Self::Registry, "registries"),
        (Self::Url, "urls"),
        (Self::Action, "actions"),
    ];

    /// The key that restricts it.
    pub fn key(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(k, _)| *k == self)
            .map_or("", |(_, key)| key)
    }

    /// What it is, with its article.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Index => "an index",
            Self::Channel => "a channel",
            Self::Hub => "a hub",
            Self::Git => "a repository",
            Self::Registry => "a registry of images",
            Self::Url => "an address",
            Self::Action => "an action",
        }
    }
}

/// The keys of `[sources]`.
pub const SOURCES_KEYS: &[(&str, &str)] = &[
    (
        "indexes",
        "package indexes that may be asked: `pypi`, or an address",
    ),
    (
        "channels",
        "conda channels that may be asked: `conda-forge`, or an address",
    ),
    (
        "hubs",
        "hubs or organisations that may be loaded from: `hf://acme/*`, or the address of a mirror",
    ),
    (
        "git",
        "hosts, organisations or repositories that may be installed from: `github.com/acme`",
    ),
    (
        "registries",
        "registries or organisations that images may come from: `docker.io/library`",
    ),
    (
        "urls",
        "addresses that single files may be installed from; the allowed indexes count with them",
    ),
    ("actions", "actions that workflows may use: `actions/*`, `acme/*`"),
    (
        "internal-packages",
        "names of packages that may only come from `internal-index`: `acme-*`",
    ),
    (
        "internal-index",
        "the index, or the indexes, that internal packages come from",
    ),
];

/// An entry of one of the lists.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// What is allowed, as it was written, safe to show.
    pub text: String,
    /// The entry.
    pub location: Location,
}

/// A list that restricts a kind of source.
#[derive(Clone, Debug)]
pub struct AllowedSources {
    /// The kind.
    pub kind: SourceKind,
    /// What is allowed.
    pub entries: Vec<Allowance>,
    /// The line of the list.
    pub location: Location,
}

/// What `[sources]` says.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The lists that there are.
    pub lists: Vec<AllowedSources>,
    /// Patterns of names that belong to the internal index.
    pub internal_packages: Vec<Allowance>,
    /// The internal index; several where a package may come from each.
    pub internal_index: Vec<Allowance>,
}

impl Sources {
    /// The list that restricts a kind.
    pub fn list(&self, kind: SourceKind) -> Option<&AllowedSources> {
        self.lists.iter().find(|l| l.kind == kind)
    }
}

impl Reader<'_> {
    pub(super) fn sources(&self, node: &Node, config: &mut Config) -> Result<(), ConfigError> {
        if !matches!(node.value, Value::Table(_)) {
            let hint = Some("write it as `[sources]` with `indexes = [\"pypi\"]`".to_owned());
            return Err(self.error(node.span.clone(), "`sources` is a table".to_owned(), hint));
        }
        let mut out = Sources::default();
        for entry in node.entries() {
            let kind = SourceKind::ALL.iter().find(|(_, key)| *key == entry.key);
            match (kind, entry.key.as_str()) {
                (Some((kind, key)), _) => out.lists.push(AllowedSources {
                    kind: *kind,
                    entries: self.allowances(&entry.node, key)?,
                    location: self.location(entry.key_span.clone(), "only what this list names is allowed"),
                }),
                (None, "internal-packages") => {
                    out.internal_packages = self.allowances(&entry.node, "internal-packages")?;
                }
                (None, "internal-index") => {
                    out.internal_index = self.allowances(&entry.node, "internal-index")?;
                }
                _ => config
                    .findings
                    .push(self.unknown(entry, SOURCES_KEYS.iter().map(|k| k.0), "key")),
            }
        }
        if let (Some(first), true) = (out.internal_packages.first(), out.internal_index.is_empty()) {
            return Err(ConfigError {
                message: "`internal-packages` needs the index that they may come from".to_owned(),
                location: Box::new(first.location.clone()),
                hint: Some("add `internal-index = \"https://…/simple\"`".to_owned()),
            });
        }
        config.sources = Some(out);
        Ok(())
    }

    /// A list of texts, or one text.
    fn allowances(&self, node: &Node, key: &str) -> Result<Vec<Allowance>, ConfigError> {
        let items = match &node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        items
            .iter()
            .map(|item| {
                let text = self.string(item, key)?;
                if text.trim().is_empty() {
                    return Err(self.error(item.span.clone(), format!("an entry of `{key}` is empty"), None));
                }
                Ok(Allowance {
                    text: escape(&wellhead_packages::index::mask(text.trim()).text),
                    location: self.location(item.span.clone(), "this entry"),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn parse(text: &str) -> Result<Config, super::ConfigError> {
        Config::parse("wellhead.toml", text, &wellhead_rules::rules())
    }

    #[test]
    fn lists_are_read_and_what_is_not_named_is_not_restricted() {
        let config =
            parse("[sources]\nindexes = [\"pypi\"]\nhubs = []\ngit = \"github.com/acme\"\n").unwrap();
        let sources = config.sources.unwrap();
        let rows: Vec<String> = sources
            .lists
            .iter()
            .map(|l| {
                let entries: Vec<&str> = l.entries.iter().map(|e| e.text.as_str()).collect();
                format!("{} {}", l.kind.key(), entries.join(" "))
            })
            .collect();
        assert_eq!(rows, ["indexes pypi", "hubs ", "git github.com/acme"]);
        assert!(sources.list(super::SourceKind::Channel).is_none());
    }

    #[test]
    fn what_makes_no_sense_is_told_where_it_stands() {
        for (text, message) in [
            ("sources = 3", "`sources` is a table"),
            ("[sources]\nindexes = [3]", "`indexes` is not a string"),
            ("[sources]\nindexes = [\" \"]", "an entry of `indexes` is empty"),
            (
                "[sources]\ninternal-packages = [\"acme-*\"]",
                "`internal-packages` needs the index that they may come from",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().message, message, "{text}");
        }
        let config = parse("[sources]\nindex = []\n").unwrap();
        assert_eq!(config.findings[0].help, ["did you mean `indexes`?"]);
    }
}
