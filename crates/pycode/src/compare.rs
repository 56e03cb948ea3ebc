//! What a new version of a package can do that the old one could not.
//!
//! Two packages are compared by the union of what their modules can do, not file by file: a module that moved has
//! gained nothing. What is newly done at import is told apart, since nobody has to call it.

use crate::{
    capability::Capability,
    module::{Module, Use},
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Location};

/// What the modules of one package can do.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    modules: BTreeSet<String>,
    uses: Vec<Placed>,
}

#[derive(Clone, Debug)]
struct Placed {
    module: String,
    what: Use,
    location: Location,
}

/// A capability that only one of two packages has.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What can be done.
    pub capability: Capability,
    /// By what: names of callables, each once, in the order of the package.
    pub by: Vec<String>,
    /// Whether importing the package does it.
    pub at_import: bool,
    /// Whether the other package can do it too, only not at import.
    pub known: bool,
    /// Whether it happens in a module that the other package does not have.
    pub in_new_module: bool,
    /// The places, with excerpts.
    pub places: Vec<Location>,
}

/// How two packages differ in what they can do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// What the new one can do and the old one could not.
    pub gained: Vec<Change>,
    /// What the old one could do and the new one cannot.
    pub lost: Vec<Change>,
    /// Modules that are new.
    pub new_modules: Vec<String>,
    /// Modules that are gone.
    pub lost_modules: Vec<String>,
}

impl Behaviour {
    /// Adds a module by its path in the package (`pkg/sub/__init__.py`); `artifact` is where it is shown to lie.
    pub fn add(&mut self, path: &str, artifact: &ArtifactPath, module: &Module) {
        self.modules.insert(path.to_owned());
        self.uses.extend(module.uses.iter().map(|what| Placed {
            location: Location::text(
                artifact,
                &module.text,
                what.range.clone(),
                if what.at_import { "runs on import" } else { "" },
            ),
            module: path.to_owned(),
            what: what.clone(),
        }));
    }

    /// The paths of the modules.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().map(String::as_str)
    }

    fn has(&self, capability: Capability, at_import: bool) -> bool {
        self.uses
            .iter()
            .any(|u| u.what.capability == capability && (u.what.at_import || !at_import))
    }
}

/// Compares the behaviour of an old package with that of a new one.
pub fn compare(old: &Behaviour, new: &Behaviour) -> Comparison {
    let only = |a: &Behaviour, b: &Behaviour| a.modules.difference(&b.modules).cloned().collect();
    Comparison {
        gained: changes(old, new),
        lost: changes(new, old),
        new_modules: only(new, old),
        lost_modules: only(old, new),
    }
}

/// What `this` can do and `other` cannot.
fn changes(other: &Behaviour, this: &Behaviour) -> Vec<Change> {
    let mut found: BTreeMap<(Capability, bool), Change> = BTreeMap::new();
    for Placed {
        module,
        what,
        location,
    } in &this.uses
    {
        if other.has(what.capability, what.at_import) {
            continue;
        }
        let change = found
            .entry((what.capability, what.at_import))
            .or_insert_with(|| Change {
                capability: what.capability,
                by: Vec::new(),
                at_import: what.at_import,
                known: other.has(what.capability, false),
                in_new_module: false,
                places: Vec::new(),
            });
        if !change.by.contains(&what.what) {
            change.by.push(what.what.clone());
        }
        change.in_new_module |= !other.modules.contains(module);
        // A capability is one thing to decide on, however often it is used: the first places are shown.
        if change.places.len() < 5 {
            change.places.push(location.clone());
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;
    use wellhead_core::Budget;

    fn package(files: &[(&str, &str)]) -> Behaviour {
        let mut behaviour = Behaviour::default();
        for (path, source) in files {
            let artifact = ArtifactPath::file("pkg.whl").member(*path);
            behaviour.add(path, &artifact, &parse(source, &mut Budget::default()));
        }
        behaviour
    }

    #[test]
    fn what_is_gained_is_told_and_what_moved_is_not() {
        let old = package(&[
            (
                "p/__init__.py",
                "import subprocess\ndef f():\n    subprocess.run(['ls'])\n",
            ),
            ("p/net.py", "import requests\nrequests.get('http://a.example')\n"),
        ]);
        let new = package(&[
            (
                "p/__init__.py",
                "import subprocess, os, base64\nsubprocess.run(['ls'])\nos.getenv('HF_TOKEN')\n",
            ),
            (
                "p/client.py",
                "import requests\nrequests.get('http://a.example')\n",
            ),
            (
                "p/_x.py",
                "import base64\ndef g(s):\n    exec(base64.b64decode(s))\n",
            ),
        ]);
        let c = compare(&old, &new);
        let told: Vec<_> = c
            .gained
            .iter()
            .map(|g| {
                (
                    g.capability.name(),
                    g.by.join(" "),
                    g.at_import,
                    g.known,
                    g.in_new_module,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("execution", "exec".to_owned(), false, false, true),
                ("process", "subprocess.run".to_owned(), true, true, false),
                ("environment", "os.getenv".to_owned(), true, false, false),
                ("decode", "base64.b64decode".to_owned(), false, false, true),
            ]
        );
        assert_eq!(c.new_modules, ["p/_x.py", "p/client.py"]);
        assert_eq!(c.lost_modules, ["p/net.py"]);
        assert_eq!(compare(&new, &new), Comparison::default());
    }
}
