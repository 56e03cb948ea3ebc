//! What is known of the objects that configurations of Keras name, from `data/keras.toml`.
//!
//! The one decision: only a name of the list, or a class in a package of Keras's own, is Keras's. Everything else is
//! judged as what it is: a callable that loading imports and calls.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// What something of Keras can do beyond computing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Does {
    /// That, as a verb.
    pub(super) words: &'static str,
    /// The advisory that made it known, if one did.
    pub(super) cve: Option<&'static str>,
}

#[derive(Default)]
struct Table {
    known: HashSet<&'static str>,
    spaces: Vec<&'static str>,
    dangerous: HashMap<&'static str, Does>,
    tensorflow: HashSet<&'static str>,
}

static TEXT: &str = include_str!("../../data/keras.toml");
static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(TEXT));

/// Whether Keras brings a class or function of that name along, and it only computes.
pub(super) fn is_known(name: &str) -> bool {
    TABLE.known.contains(name)
}

/// What a part of Keras does that does more than compute.
pub(super) fn dangerous(name: &str) -> Option<Does> {
    TABLE.dangerous.get(name).copied()
}

/// Whether a module belongs to Keras or its makers' other packages.
pub(super) fn is_own(module: &str) -> bool {
    TABLE.spaces.iter().any(|space| {
        module
            .strip_prefix(space)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Whether a function of TensorFlow only computes, by its path without `tf`.
pub(super) fn computes(path: &str) -> bool {
    let parents = std::iter::successors(Some(path), |p| p.rsplit_once('.').map(|(parent, _)| parent));
    parents.into_iter().any(|p| TABLE.tensorflow.contains(p))
}

impl Table {
    /// Reads the table. It is a file of ours whose shape a test checks, so that whatever does not fit is passed over.
    fn parse(text: &'static str) -> Self {
        let mut table = Self::default();
        for (kind, values) in entries(text) {
            let raw = |key: &str| values.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| v);
            let names = raw("names")
                .trim_matches(['[', ']'])
                .split(',')
                .map(|n| n.trim().trim_matches('"'));
            match kind {
                "known" => table.known.extend(names),
                "spaces" => table.spaces.extend(names),
                "tensorflow" => table.tensorflow.extend(names),
                _ => {
                    let cve = raw("cve").trim_matches('"');
                    let does = Does {
                        words: raw("does").trim_matches('"'),
                        cve: (!cve.is_empty()).then_some(cve),
                    };
                    table.dangerous.extend(names.map(|n| (n, does)));
                }
            }
        }
        table
    }
}

type Entry = (&'static str, Vec<(&'static str, &'static str)>);

/// The entries of the table: one value a line, no escapes.
fn entries(text: &'static str) -> Vec<Entry> {
    let mut out: Vec<Entry> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(kind) = line.strip_prefix("[[").and_then(|l| l.strip_suffix("]]")) {
            out.push((kind, Vec::new()));
        } else if let (Some(pair), Some((_, values))) = (line.split_once(" = "), out.last_mut()) {
            values.push(pair);
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
        let count: usize = whole.values().map(|v| v.as_array().unwrap().len()).sum();
        assert_eq!(count, entries(TEXT).len());
        for (kind, list) in &whole {
            for entry in list.as_array().unwrap() {
                let reason = if kind == "dangerous" { "does" } else { "reason" };
                let reason = entry[reason].as_str().unwrap();
                assert!(!reason.is_empty() && !reason.ends_with('.'), "{entry}");
                for name in entry["names"].as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    let held = match kind.as_str() {
                        "known" => is_known(name),
                        "spaces" => is_own(name),
                        "tensorflow" => computes(name),
                        _ => dangerous(name).is_some(),
                    };
                    assert!(held, "{kind} {name}");
                    assert!(
                        kind == "known" || !is_known(name) || kind == "tensorflow",
                        "{name} is known and dangerous"
                    );
                }
            }
        }
    }

    #[test]
    fn a_package_of_keras_is_told_from_one_that_sounds_like_it() {
        for (module, own) in [
            ("keras", true),
            ("keras.layers", true),
            ("keras.src.layers.core.dense", true),
            ("keras_hub.src.models.bert", true),
            ("tensorflow.python.keras.layers", true),
            ("keras_evil", false),
            ("kerasx.layers", false),
            ("tensorflow.io", false),
            ("", false),
        ] {
            assert_eq!(is_own(module), own, "{module}");
        }
    }
}
