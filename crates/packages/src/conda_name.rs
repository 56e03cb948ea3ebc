//! Conda packages under the names that advisories know them by.
//!
//! Advisories speak of the Python Package Index, conda channels name packages on their own. A table says what differs;
//! everything else is asked for under its own name, and the answer says which of the two it was, since a guess from
//! vendor and product words would accuse the wrong package.

use crate::name::normalise;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};
use wellhead_core::Confidence;

/// What is known of a conda package's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CondaName {
    /// It is this Python package.
    Python {
        /// The normal name on the index.
        name: String,
        /// High where the table says so, medium where only the names are the same.
        confidence: Confidence,
    },
    /// It is no Python package: a library, a compiler, the interpreter itself.
    Other,
}

#[derive(Deserialize)]
struct Table {
    python: BTreeMap<String, String>,
    other: Others,
}

#[derive(Deserialize)]
struct Others {
    names: String,
}

const TEXT: &str = include_str!("../data/conda_names.toml");

struct Names {
    python: BTreeMap<String, String>,
    other: BTreeSet<String>,
}

fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| {
        // The table is part of the program and a test reads it, so it cannot fail here.
        let table: Option<Table> = toml::from_str(TEXT).ok();
        let (python, other) = table.map(|t| (t.python, t.other.names)).unwrap_or_default();
        Names {
            python: python
                .into_iter()
                .map(|(conda, index)| (normalise(&conda), index))
                .collect(),
            other: other.split_whitespace().map(normalise).collect(),
        }
    })
}

/// What a conda package is called on the Python Package Index.
pub fn conda_name(conda: &str) -> CondaName {
    let name = normalise(conda);
    let names = names();
    if names.other.contains(&name) || name.starts_with("lib") && name.contains("cuda") {
        return CondaName::Other;
    }
    match names.python.get(&name) {
        Some(index) => CondaName::Python {
            name: index.clone(),
            confidence: Confidence::High,
        },
        None => CondaName::Python {
            name,
            confidence: Confidence::Medium,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_says_something_that_the_names_alone_do_not() {
        let table: Table = toml::from_str(TEXT).unwrap();
        assert!(table.python.len() > 50);
        for (conda, index) in &table.python {
            assert_eq!(&normalise(index), index, "{conda}");
            assert_ne!(&normalise(conda), index, "{conda} is the same name");
            assert!(
                !names().other.contains(&normalise(conda)),
                "{conda} stands in both"
            );
        }
    }

    #[test]
    fn conda_packages_are_asked_for_by_their_index_name() {
        let python = |name: &str, confidence| CondaName::Python {
            name: name.to_owned(),
            confidence,
        };
        for (conda, expected) in [
            ("pytorch", python("torch", Confidence::High)),
            ("Py-OpenCV", python("opencv-python", Confidence::High)),
            ("matplotlib-base", python("matplotlib", Confidence::High)),
            ("pillow", python("pillow", Confidence::Medium)),
            ("huggingface_hub", python("huggingface-hub", Confidence::Medium)),
            ("python", CondaName::Other),
            ("cudatoolkit", CondaName::Other),
            ("openssl", CondaName::Other),
        ] {
            assert_eq!(conda_name(conda), expected, "{conda}");
        }
    }
}
