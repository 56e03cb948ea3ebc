//! What is known of operators and of the layers that configurations name, from `data/operators.toml`.
//!
//! The one decision: an operator is judged by what it can do to whoever runs the model (run code, load a library, write,
//! read, send), and by where it stands: what saves and restores a model touches files by its nature, the same operator in
//! what answers a request does not.

use std::{collections::HashMap, sync::LazyLock};
use wellhead_core::Severity;
use wellhead_formats::graph::{Framework, Operator};

/// What an operator can do to whoever runs the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It runs code.
    Code,
    /// It loads a native library.
    Library,
    /// It writes files.
    Write,
    /// It reads files.
    Read,
    /// It opens connections.
    Network,
    /// It takes another way for some input.
    Branch,
    /// It computes.
    Pure,
}

impl Effect {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "code" => Self::Code,
            "library" => Self::Library,
            "write" => Self::Write,
            "read" => Self::Read,
            "network" => Self::Network,
            "branch" => Self::Branch,
            "pure" => Self::Pure,
            _ => return None,
        })
    }

    /// How bad it is where the table does not say.
    fn severity(self) -> Severity {
        match self {
            Self::Code | Self::Library | Self::Write => Severity::Critical,
            Self::Read | Self::Network => Severity::High,
            Self::Branch => Severity::Low,
            Self::Pure => Severity::Info,
        }
    }

    /// The word in machine formats.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Library => "library",
            Self::Write => "write",
            Self::Read => "read",
            Self::Network => "network",
            Self::Branch => "branch",
            Self::Pure => "pure",
        }
    }
}

/// What is known of some operators.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// What they can do.
    pub(crate) effect: Effect,
    /// That, as a verb: "reads any file that it is given".
    pub(crate) does: &'static str,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// The advisory that made it known, if one did.
    pub(crate) cve: Option<&'static str>,
    /// Parts of a model in which it is ordinary, by the beginning of their name.
    ordinary_in: &'static str,
    /// It is only reported where one of its attributes begins with one of these (`url = "file:"`).
    only_with: &'static str,
    domain: Option<&'static str>,
}

impl Known {
    /// Whether the operator is ordinary where it stands and as it is used.
    pub(crate) fn is_ordinary(&self, operator: &Operator) -> bool {
        let here = !self.ordinary_in.is_empty() && operator.scope.starts_with(self.ordinary_in);
        let mut starts = self.only_with.split_whitespace().peekable();
        let harmless = starts.peek().is_some()
            && !operator
                .attributes
                .iter()
                .any(|(_, value)| self.only_with.split_whitespace().any(|s| value.starts_with(s)));
        here || harmless
    }
}

#[derive(Default)]
struct Vocabulary {
    exact: HashMap<&'static str, Vec<Known>>,
    globs: Vec<(&'static str, Known)>,
    domains: Vec<&'static str>,
    /// Every name of the framework's own operators, where the list is whole.
    names: HashMap<&'static str, ()>,
}

#[derive(Default)]
struct Table {
    frameworks: HashMap<&'static str, Vocabulary>,
    layers: HashMap<&'static str, Vec<Layers>>,
}

/// Callables under a module that a configuration may name.
struct Layers {
    names: Vec<&'static str>,
    except: Vec<&'static str>,
}

static TEXT: &str = include_str!("../../data/operators.toml");
static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(TEXT));

/// What is known of an operator: of its own name before that of a pattern, of its domain before any.
pub(crate) fn known(framework: Framework, operator: &Operator) -> Option<Known> {
    // Operators of TensorFlow that TensorFlow Lite runs are what they are there.
    let flex = framework == Framework::TfLite && operator.domain == "flex";
    let framework = if flex { Framework::TensorFlow } else { framework };
    let vocabulary = TABLE.frameworks.get(framework.name())?;
    let fits = |k: &&Known| k.domain.is_none_or(|d| d == operator.domain);
    let exact = vocabulary
        .exact
        .get(operator.name.as_str())
        .and_then(|all| all.iter().filter(fits).max_by_key(|k| k.domain.is_some()));
    let glob = || {
        let globs = vocabulary.globs.iter();
        globs
            .filter(|(pattern, _)| glob_fits(pattern, &operator.name))
            .map(|(_, k)| k)
            .find(fits)
    };
    exact.or_else(glob).copied()
}

/// Whether an operator comes from outside of what the framework brings along.
pub(crate) fn is_foreign(framework: Framework, operator: &Operator) -> bool {
    let vocabulary = TABLE.frameworks.get(framework.name());
    if operator.domain.is_empty() {
        return vocabulary.is_some_and(|v| {
            !v.names.is_empty()
                && !v.names.contains_key(operator.name.as_str())
                && known(framework, operator).is_none()
        });
    }
    if known(framework, operator).is_some() {
        return false;
    }
    !vocabulary.is_some_and(|v| v.domains.iter().any(|d| glob_fits(d, &operator.domain)))
}

/// Whether `module.name` is a layer, or another part of a model, that a framework brings along and that only computes.
pub(crate) fn is_layer(module: &str, name: &str) -> bool {
    let parents = std::iter::successors(Some(module), |m| m.rsplit_once('.').map(|(parent, _)| parent));
    let class = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let listed = |layers: &Layers| {
        let named = if layers.names.is_empty() {
            class
        } else {
            layers.names.contains(&name)
        };
        named && !layers.except.contains(&name)
    };
    for parent in parents {
        if let Some(all) = TABLE.layers.get(parent) {
            return all.iter().any(listed);
        }
    }
    false
}

/// `*` at one or both ends, or alone.
fn glob_fits(pattern: &str, text: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(inner), Some(_)) => inner.strip_suffix('*').is_some_and(|inner| text.contains(inner)),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => pattern == text,
    }
}

impl Table {
    /// Reads the table. It is a file of ours whose shape a test checks, so that whatever does not fit is passed over.
    fn parse(text: &'static str) -> Self {
        let mut table = Self::default();
        for entry in entries(text) {
            table.add(&entry);
        }
        table
    }

    fn add(&mut self, entry: &Entry) {
        let names = entry.list("names");
        let vocabulary = self.frameworks.entry(entry.text("framework"));
        match entry.kind {
            "operator" => {
                let Some(effect) = Effect::parse(entry.text("effect")) else {
                    return;
                };
                let some = |key| Some(entry.text(key)).filter(|t| !t.is_empty());
                let known = Known {
                    effect,
                    does: entry.text("does"),
                    severity: entry.text("severity").parse().unwrap_or(effect.severity()),
                    cve: some("cve"),
                    ordinary_in: entry.text("ordinary-in"),
                    only_with: entry.text("only-with"),
                    domain: some("domain"),
                };
                let vocabulary = vocabulary.or_default();
                for name in names {
                    if name.contains('*') {
                        vocabulary.globs.push((name, known));
                    } else {
                        vocabulary.exact.entry(name).or_default().push(known);
                    }
                }
            }
            "domain" => vocabulary.or_default().domains.extend(names),
            "own" => vocabulary
                .or_default()
                .names
                .extend(names.into_iter().map(|n| (n, ()))),
            _ => {
                for module in entry.list("modules") {
                    self.layers.entry(module).or_default().push(Layers {
                        names: names.clone(),
                        except: entry.list("except"),
                    });
                }
            }
        }
    }
}

/// One entry, its values still text.
struct Entry {
    kind: &'static str,
    values: Vec<(&'static str, &'static str)>,
}

impl Entry {
    fn raw(&self, key: &str) -> &'static str {
        self.values.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| v)
    }

    fn text(&self, key: &str) -> &'static str {
        self.raw(key).trim_matches('"')
    }

    fn list(&self, key: &str) -> Vec<&'static str> {
        self.raw(key)
            .trim_matches(['[', ']'])
            .split(',')
            .map(|n| n.trim().trim_matches('"'))
            .filter(|n| !n.is_empty())
            .collect()
    }
}

/// The entries of the table, which keeps to the same corner of TOML as that of the callables: one value a line, no
/// escapes.
fn entries(text: &'static str) -> Vec<Entry> {
    let mut out: Vec<Entry> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(kind) = line.strip_prefix("[[").and_then(|l| l.strip_suffix("]]")) {
            out.push(Entry {
                kind,
                values: Vec::new(),
            });
        } else if line.is_empty() || line.starts_with('#') {
        } else if let (Some((key, value)), Some(entry)) = (line.split_once(" = "), out.last_mut()) {
            entry.values.push((key, value));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_toml_of_the_shape_that_is_read() {
        let whole: toml::Table = TEXT.parse().unwrap();
        let fast = entries(TEXT);
        let kinds = ["operator", "domain", "own", "layers"];
        for kind in kinds {
            let slow = whole[kind].as_array().unwrap();
            let fast: Vec<_> = fast.iter().filter(|e| e.kind == kind).collect();
            assert_eq!(slow.len(), fast.len());
            for (a, b) in slow.iter().zip(fast) {
                for (key, value) in a.as_table().unwrap() {
                    match value {
                        toml::Value::Array(list) => {
                            let list: Vec<_> = list.iter().map(|n| n.as_str().unwrap()).collect();
                            assert_eq!(list, b.list(key), "{key}");
                        }
                        other => assert_eq!(other.as_str().unwrap(), b.text(key), "{key}"),
                    }
                }
                let reason = if kind == "operator" { "does" } else { "reason" };
                assert!(
                    !b.text(reason).is_empty() && !b.text(reason).ends_with('.'),
                    "{a:?}"
                );
                if kind == "operator" {
                    assert!(Effect::parse(b.text("effect")).is_some(), "{a:?}");
                    let severity = b.text("severity");
                    assert!(
                        severity.is_empty() || severity.parse::<Severity>().is_ok(),
                        "{a:?}"
                    );
                }
            }
        }
        assert!(fast.iter().all(|e| kinds.contains(&e.kind)));
    }

    #[test]
    fn a_pattern_has_its_star_at_an_end() {
        for (pattern, text, fits) in [
            ("Read*", "ReadFile", true),
            ("*Reader", "TextLineReader", true),
            ("*gfile*", "a.gfile.b", true),
            ("ReadFile", "ReadFileV2", false),
            ("*", "anything", true),
        ] {
            assert_eq!(glob_fits(pattern, text), fits, "{pattern} {text}");
        }
    }
}
