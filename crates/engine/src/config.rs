//! The policy as the user wrote it: `wellhead.toml`, or `[tool.wellhead]` in `pyproject.toml`.
//!
//! Every key and entry keeps its place, so that a finding can point at the line of the policy that decided. A value
//! that makes no sense stops the run; a key that means nothing is a finding, since the policy can still be applied.

mod sources;
mod vex;

pub use vex::NamedVex;

pub use sources::{Allowance, AllowedSources, SOURCES_KEYS, SourceKind, Sources};

use globset::{GlobBuilder, GlobMatcher};
use std::ops::Range;
use wellhead_core::{ArtifactPath, Budget, Finding, Level, Location, Rule, Severity, UnknownName, code};
use wellhead_formats::text::{self, Entry, Node, Value};
use wellhead_rules::UNKNOWN_CONFIGURATION_KEY;

/// A configuration that cannot be applied.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// What is wrong, without a full stop.
    pub message: String,
    /// The place in the configuration.
    pub location: Box<Location>,
    /// What to do, if it can be said.
    pub hint: Option<String>,
}

/// An entry of `[[ignore]]`.
#[derive(Clone, Debug)]
pub struct Ignore {
    /// The rule that it covers.
    pub rule: String,
    /// The artifacts that it covers; all where there is none.
    pub path: Option<GlobMatcher>,
    /// The component that it covers: a name or a purl without its version.
    pub component: Option<String>,
    /// The advisory that it covers, by any of its aliases.
    pub advisory: Option<String>,
    /// The one finding that it covers.
    pub fingerprint: Option<String>,
    /// The bytes that it covers: SHA-256 of files, in hexadecimal digits. Every file that a finding shows must be one
    /// of them; empty where it covers whatever the files hold.
    pub digests: Vec<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: Option<String>,
    /// It holds only as long as no fixed version exists.
    pub until_fixed: bool,
    /// Why the flaw cannot be exploited, in OpenVEX's words; without it an ignore accepts a flaw and does not deny it.
    pub justification: Option<String>,
    /// The place of the entry's rule in the configuration.
    pub location: Location,
}

/// The policy.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The severity from which on a finding fails the run; `Some(None)` is "never".
    pub fail_on: Option<Option<Severity>>,
    /// Levels of rules.
    pub levels: Vec<(String, Level)>,
    /// Ignores.
    pub ignores: Vec<Ignore>,
    /// How many days old an advisory database may be before it counts as stale.
    pub max_age: Option<u32>,
    /// VEX documents that speak of the project.
    pub vex: Vec<NamedVex>,
    /// Where things may come from; `None` where the policy does not say.
    pub sources: Option<Sources>,
    /// What is to be reported about the configuration itself.
    pub findings: Vec<Finding>,
}

/// The keys that the configuration knows, with what each is for; the schema and "did you mean" are made from it.
pub const KEYS: &[(&str, &str)] = &[
    (
        "fail-on",
        "the least severity that fails the run: low, medium, high, critical or never",
    ),
    ("rules", "a table of rule ids, each allow, warn or deny"),
    ("ignore", "findings that are accepted, each with a reason"),
    (
        "advisories",
        "the advisory database: `max-age-days`, after which it counts as stale (14); `vex`, documents about the project",
    ),
    (
        "sources",
        "where packages, models, images and actions may come from; a list that is not there restricts nothing",
    ),
];

/// The keys of `[advisories]`.
pub const ADVISORIES_KEYS: &[(&str, &str)] = &[
    (
        "max-age-days",
        "how many days old the advisory database may be before it counts as stale",
    ),
    (
        "vex",
        "VEX documents about this project, by their paths from this file",
    ),
];

/// The keys of an entry of `[[ignore]]`.
pub const IGNORE_KEYS: &[(&str, &str)] = &[
    ("rule", "the rule whose findings are accepted"),
    ("path", "a glob over artifacts, members after `!/`"),
    ("component", "a package's name"),
    ("advisory", "an advisory's id or any of its aliases"),
    ("fingerprint", "one finding's fingerprint"),
    (
        "digest",
        "`sha256:` and the digest of the file, a list for all files that a finding shows, or the `snippet` that it names",
    ),
    ("reason", "why; required"),
    ("expires", "the last day on which it holds"),
    (
        "until",
        "\"fixed\": it holds until a fixed version exists; or a day, as in `expires`",
    ),
    (
        "justification",
        "why the flaw cannot be exploited here, in a word of OpenVEX; without it VEX output calls it affected",
    ),
];

impl Config {
    /// Reads a configuration; `name` is how the file is called in locations.
    ///
    /// # Errors
    /// Where it is not TOML, or a value makes no sense.
    pub fn parse(name: &str, source: &str, rules: &[&'static Rule]) -> Result<Self, ConfigError> {
        let reader = Reader {
            artifact: ArtifactPath::file(name),
            source,
            rules,
        };
        let root =
            text::toml(source, &mut Budget::default()).map_err(|e| reader.error(e.span, e.message, None))?;
        let section = if name.rsplit('/').next() == Some("pyproject.toml") {
            match root.path(&["tool", "wellhead"]) {
                Some(section) => section.clone(),
                None => return Ok(Self::default()),
            }
        } else {
            root
        };
        reader.config(&section)
    }
}

struct Reader<'a> {
    artifact: ArtifactPath,
    source: &'a str,
    rules: &'a [&'static Rule],
}

impl Reader<'_> {
    fn location(&self, span: Range<usize>, label: &str) -> Location {
        Location::text(&self.artifact, self.source, span, label)
    }

    fn error(&self, span: Range<usize>, message: String, hint: Option<String>) -> ConfigError {
        ConfigError {
            message,
            location: Box::new(self.location(span, "here")),
            hint,
        }
    }

    fn config(&self, root: &Node) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        for entry in root.entries() {
            match entry.key.as_str() {
                "fail-on" => config.fail_on = Some(self.fail_on(&entry.node)?),
                "rules" => self.levels(&entry.node, &mut config)?,
                "ignore" => self.ignores(&entry.node, &mut config)?,
                "advisories" => self.advisories(&entry.node, &mut config)?,
                "sources" => self.sources(&entry.node, &mut config)?,
                _ => config
                    .findings
                    .push(self.unknown(entry, KEYS.iter().map(|k| k.0), "key")),
            }
        }
        Ok(config)
    }

    fn fail_on(&self, node: &Node) -> Result<Option<Severity>, ConfigError> {
        let text = self.string(node, "fail-on")?;
        if text == "never" {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|e: UnknownName| {
            self.error(
                node.span.clone(),
                format!("{e}, never"),
                did_you_mean(text, Severity::ALL.iter().map(|s| s.name())),
            )
        })
    }

    fn advisories(&self, node: &Node, config: &mut Config) -> Result<(), ConfigError> {
        if !matches!(node.value, Value::Table(_)) {
            return Err(self.error(
                node.span.clone(),
                "`advisories` is a table".to_owned(),
                Some("write it as `[advisories]` with `max-age-days = 14`".to_owned()),
            ));
        }
        for entry in node.entries() {
            if entry.key == "vex" {
                config.vex = self.vex(&entry.node)?;
                continue;
            }
            if entry.key != "max-age-days" {
                config
                    .findings
                    .push(self.unknown(entry, ADVISORIES_KEYS.iter().map(|k| k.0), "key"));
                continue;
            }
            let days = match &entry.node.value {
                Value::Number(n) => n.parse().ok(),
                _ => None,
            };
            config.max_age = Some(days.ok_or_else(|| {
                self.error(
                    entry.node.span.clone(),
                    "`max-age-days` is not a number of days".to_owned(),
                    Some("write it as `max-age-days = 14`".to_owned()),
                )
            })?);
        }
        Ok(())
    }

    fn levels(&self, node: &Node, config: &mut Config) -> Result<(), ConfigError> {
        if !matches!(node.value, Value::Table(_)) {
            return Err(self.error(
                node.span.clone(),
                "`rules` is a table of rule ids".to_owned(),
                None,
            ));
        }
        for entry in node.entries() {
            let value = match &entry.node.value {
                Value::Table(_) => entry.node.get("level").unwrap_or(&entry.node),
                _ => &entry.node,
            };
            let text = self.string(value, &entry.key)?;
            let level = text.parse().map_err(|e: UnknownName| {
                let hint = did_you_mean(text, Level::ALL.iter().map(|l| l.name()));
                self.error(value.span.clone(), e.to_string(), hint)
            })?;
            if self.rules.iter().any(|r| r.id == entry.key) {
                config.levels.push((entry.key.clone(), level));
            } else {
                config
                    .findings
                    .push(self.unknown(entry, self.rules.iter().map(|r| r.id), "rule"));
            }
        }
        Ok(())
    }

    fn ignores(&self, node: &Node, config: &mut Config) -> Result<(), ConfigError> {
        let Value::Array(items) = &node.value else {
            let hint = Some("write it as `[[ignore]]`".to_owned());
            return Err(self.error(
                node.span.clone(),
                "`ignore` is an array of tables".to_owned(),
                hint,
            ));
        };
        for item in items {
            let ignore = self.ignore(item)?;
            if !self.rules.iter().any(|r| r.id == ignore.rule) {
                let node = item.get("rule").unwrap_or(item);
                let hint = did_you_mean(&ignore.rule, self.rules.iter().map(|r| r.id));
                return Err(self.error(
                    node.span.clone(),
                    format!("there is no rule {}", code(&ignore.rule)),
                    hint,
                ));
            }
            config.ignores.push(ignore);
            for entry in item
                .entries()
                .iter()
                .filter(|e| !IGNORE_KEYS.iter().any(|k| k.0 == e.key))
            {
                config
                    .findings
                    .push(self.unknown(entry, IGNORE_KEYS.iter().map(|k| k.0), "key"));
            }
        }
        Ok(())
    }

    fn ignore(&self, item: &Node) -> Result<Ignore, ConfigError> {
        let required = |key: &str, why: &str| {
            let node = item.get(key).ok_or_else(|| {
                // A table's own span is its header; an inline table's is its text.
                self.error(
                    item.span.clone(),
                    format!("an ignore needs a `{key}`"),
                    Some(why.to_owned()),
                )
            })?;
            let text = self.string(node, key)?;
            if text.trim().is_empty() {
                return Err(self.error(
                    node.span.clone(),
                    format!("the `{key}` is empty"),
                    Some(why.to_owned()),
                ));
            }
            Ok(text.to_owned())
        };
        let optional = |key: &str| {
            item.get(key)
                .map(|n| self.string(n, key).map(str::to_owned))
                .transpose()
        };
        let rule = required("rule", "name the rule whose findings are accepted")?;
        let reason = required(
            "reason",
            "say why it is acceptable, for whoever reads this in a year",
        )?;
        let path = match item.get("path") {
            Some(node) => Some(self.glob(node)?),
            None => None,
        };
        let until_fixed = item.get("until").and_then(Node::as_str) == Some("fixed");
        let until = item.get("until").filter(|_| !until_fixed);
        // Two days for one end would leave open which of them holds.
        let expires = match (item.get("expires"), until) {
            (Some(_), Some(node)) => {
                let message = "`until` and `expires` both say a day".to_owned();
                return Err(self.error(node.span.clone(), message, Some("keep one of them".to_owned())));
            }
            (Some(node), None) => Some(self.day(node, "expires")?),
            (None, Some(node)) => Some(self.day(node, "until")?),
            (None, None) => None,
        };
        let place = item.get("rule").map_or(&item.span, |n| &n.span);
        Ok(Ignore {
            rule,
            path,
            component: optional("component")?,
            advisory: optional("advisory")?,
            fingerprint: optional("fingerprint")?,
            digests: match item.get("digest") {
                Some(node) => self.digests(node)?,
                None => Vec::new(),
            },
            reason,
            expires,
            until_fixed,
            justification: match item.get("justification") {
                Some(node) => Some(self.justification(node)?),
                None => None,
            },
            location: self.location(place.clone(), "this ignore"),
        })
    }

    /// One digest, or a list of them.
    fn digests(&self, node: &Node) -> Result<Vec<String>, ConfigError> {
        let one = std::slice::from_ref(node);
        let all = if node.as_str().is_some() {
            one
        } else {
            node.items()
        };
        let wrong = |node: &Node| {
            let message = "a `digest` is `sha256:` and 64 hexadecimal digits".to_owned();
            self.error(
                node.span.clone(),
                message,
                Some("`sha256sum FILE` prints it".to_owned()),
            )
        };
        if all.is_empty() {
            return Err(wrong(node));
        }
        all.iter()
            .map(|node| {
                let hex = node.as_str().and_then(|t| t.strip_prefix("sha256:"));
                hex.filter(|h| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit()))
                    .map(str::to_ascii_lowercase)
                    .ok_or_else(|| wrong(node))
            })
            .collect()
    }

    fn glob(&self, node: &Node) -> Result<GlobMatcher, ConfigError> {
        let text = self.string(node, "path")?;
        // `*` stays within a folder, as in `.gitignore`; `**` crosses them.
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        glob.map(|g| g.compile_matcher()).map_err(|e| {
            self.error(
                node.span.clone(),
                format!("not a glob: {}", wellhead_core::escape(&e.kind().to_string())),
                None,
            )
        })
    }

    fn day(&self, node: &Node, key: &str) -> Result<String, ConfigError> {
        let text = node.as_str().unwrap_or_default();
        let shape: String = text
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        // A month that does not exist would never come, and the ignore would never end.
        if shape != "0000-00-00" || crate::freshness::age(text, text).is_none() {
            let message = format!("`{key}` is not a day");
            return Err(self.error(
                node.span.clone(),
                message,
                Some("write it as 2027-03-01".to_owned()),
            ));
        }
        Ok(text.to_owned())
    }

    fn string<'n>(&self, node: &'n Node, key: &str) -> Result<&'n str, ConfigError> {
        node.as_str()
            .ok_or_else(|| self.error(node.span.clone(), format!("{} is not a string", code(key)), None))
    }

    fn unknown<'n>(&self, entry: &Entry, known: impl Iterator<Item = &'n str>, what: &str) -> Finding {
        let key = code(&entry.key);
        let place = self.location(entry.key_span.clone(), "means nothing here");
        let finding = Finding::new(
            &UNKNOWN_CONFIGURATION_KEY,
            format!("this policy says less than it seems to: there is no {what} {key}"),
            place,
        )
        .subject(entry.key.clone());
        match did_you_mean(&entry.key, known) {
            Some(hint) => finding.help(hint),
            None => finding.help("remove it, or see `wellhead init` for every key"),
        }
    }
}

/// A suggestion for a name that is near a known one.
pub fn did_you_mean<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    let name = name.to_lowercase().replace('_', "-");
    known
        .map(|k| {
            (
                strsim::damerau_levenshtein(&name, k),
                strsim::jaro_winkler(&name, k),
                k,
            )
        })
        .filter(|(distance, likeness, _)| *distance <= 2 || *likeness > 0.9)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(_, _, k)| format!("did you mean `{k}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse("wellhead.toml", text, &wellhead_rules::rules())
    }

    #[test]
    fn a_policy_is_read_with_its_places() {
        let config = parse(
            "fail-on = \"medium\"\n[rules]\nunused-ignore = \"deny\"\n[[ignore]]\nrule = \"internal-error\"\npath = \"a/*.pkl\"\nreason = \"r\"\nexpires = 2027-03-01\n",
        )
        .unwrap();
        assert_eq!(config.fail_on, Some(Some(Severity::Medium)));
        assert_eq!(config.levels, [("unused-ignore".to_owned(), Level::Deny)]);
        let ignore = &config.ignores[0];
        assert_eq!(ignore.expires.as_deref(), Some("2027-03-01"));
        assert!(ignore.path.as_ref().unwrap().is_match("a/x.pkl"));
        assert!(!ignore.path.as_ref().unwrap().is_match("a/b/x.pkl"));
    }

    #[test]
    fn what_makes_no_sense_points_at_its_line_with_a_hint() {
        for (text, line, message, hint) in [
            ("a = = 1", 1, None, None),
            (
                "\nfail-on = \"hihg\"",
                2,
                Some("unknown severity `hihg`, expected one of info, low, medium, high, critical, never"),
                Some("did you mean `high`?"),
            ),
            (
                "[rules]\nunused-ignore = \"denny\"",
                2,
                Some("unknown level `denny`, expected one of allow, warn, deny"),
                Some("did you mean `deny`?"),
            ),
            (
                "[[ignore]]\nrule = \"unused-ignor\"\nreason = \"x\"",
                2,
                Some("there is no rule `unused-ignor`"),
                Some("did you mean `unused-ignore`?"),
            ),
            (
                "[[ignore]]\nrule = \"unused-ignore\"",
                1,
                Some("an ignore needs a `reason`"),
                Some("say why it is acceptable, for whoever reads this in a year"),
            ),
            (
                "[[ignore]]\nrule = \"unused-ignore\"\nreason = \"x\"\nexpires = \"soon\"",
                4,
                Some("`expires` is not a day"),
                Some("write it as 2027-03-01"),
            ),
            (
                "[[ignore]]\nrule = \"unused-ignore\"\nreason = \"x\"\nexpires = \"2027-13-01\"",
                4,
                Some("`expires` is not a day"),
                Some("write it as 2027-03-01"),
            ),
            (
                "[[ignore]]\nrule = 1\nreason = \"x\"",
                2,
                Some("`rule` is not a string"),
                None,
            ),
        ] {
            let e = parse(text).unwrap_err();
            let wellhead_core::Span::Text { start, .. } = e.location.span else {
                panic!()
            };
            assert_eq!(start.line, line, "{text}: {e}");
            if let Some(message) = message {
                assert_eq!(e.message, message);
            }
            assert_eq!(e.hint.as_deref(), hint, "{text}");
        }
    }

    #[test]
    fn an_unknown_key_is_a_finding_that_suggests_the_known_one() {
        let config = parse("fail_on = \"high\"\n[rules]\nunused-ignored = \"warn\"\n").unwrap();
        let said: Vec<_> = config
            .findings
            .iter()
            .map(|f| (f.message.as_str(), f.help[0].as_str()))
            .collect();
        assert_eq!(
            said,
            [
                (
                    "this policy says less than it seems to: there is no key `fail_on`",
                    "did you mean `fail-on`?"
                ),
                (
                    "this policy says less than it seems to: there is no rule `unused-ignored`",
                    "did you mean `unused-ignore`?"
                ),
            ]
        );
    }

    #[test]
    fn a_pyproject_is_read_by_its_section() {
        let text = "[project]\nname = \"x\"\n[tool.wellhead]\nfail-on = \"never\"\n";
        let config = Config::parse("pyproject.toml", text, &[]).unwrap();
        assert_eq!(config.fail_on, Some(None));
        assert!(config.findings.is_empty());
    }
}
