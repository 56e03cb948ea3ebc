//! Whether the project's own Python imports the package that a finding is about.
//!
//! A flaw in a package that nobody imports is less urgent than one in a package that the training script opens with,
//! and which of the two it is stands in the same target. The one decision: this orders work and never excuses it. No
//! severity changes, and "never imported" is said only where every Python file was read whole; commands, plugins and
//! what other packages import are not seen, and the words say so.

use crate::facts::Fact;
use std::collections::BTreeMap;
use wellhead_core::{ArtifactPath, Finding, Outcome, code};
use wellhead_packages::import_names;
use wellhead_pycode::{ImportCondition, Module};

/// What one module imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModuleImports {
    /// Dotted paths in lower case, each with its firmest condition and the line of it.
    paths: BTreeMap<String, (ImportCondition, usize)>,
    /// Whether the module was read whole.
    complete: bool,
}

/// Calls that import what their first argument names.
const IMPORTERS: [&str; 4] = [
    "importlib.import_module",
    "__import__",
    "builtins.__import__",
    "pytest.importorskip",
];

/// Folders whose Python is that of installed packages and not the project's own.
const INSTALLED: [&str; 3] = ["site-packages", "dist-packages", "node_modules"];

/// What a Python file of the project imports; `None` for one that is not the project's own.
pub(crate) fn imports(path: &ArtifactPath, module: &Module) -> Option<Fact> {
    let own = path.nesting() == 0 && !path.top().split('/').any(|part| INSTALLED.contains(&part));
    if !own {
        return None;
    }
    let mut first: BTreeMap<String, (ImportCondition, usize)> = BTreeMap::new();
    let mut add = |name: &str, condition: ImportCondition, at: usize| {
        if name.is_empty() || name.starts_with('.') {
            return;
        }
        let entry = first.entry(name.to_ascii_lowercase()).or_insert((condition, at));
        *entry = (*entry).min((condition, at));
    };
    for import in &module.imports {
        add(&import.path, import.condition, import.range.start);
    }
    for call in &module.calls {
        let Some(importer) = IMPORTERS.iter().find(|name| call.may_be(name)) else {
            continue;
        };
        let condition = match *importer {
            "pytest.importorskip" => ImportCondition::Optional,
            _ if call.at_import => ImportCondition::Always,
            _ => ImportCondition::Lazy,
        };
        for name in call.argument(0, "name").iter().flat_map(|a| a.value.texts()) {
            add(name, condition, call.range.start);
        }
    }
    // Lines are counted in one go from the first import to the last.
    let mut places: Vec<(usize, String)> = first.iter().map(|(name, (_, at))| (*at, name.clone())).collect();
    places.sort();
    let bytes = module.text.as_bytes();
    let (mut at, mut line) = (0, 1_usize);
    for (start, name) in places {
        let between = bytes.get(at..start).unwrap_or_default();
        line = line.saturating_add(between.iter().filter(|b| **b == b'\n').count());
        at = at.max(start);
        if let Some((_, place)) = first.get_mut(&name) {
            *place = line;
        }
    }
    let complete = module.outcome == Outcome::Analysed;
    Some(Fact::Imports(
        path.clone(),
        ModuleImports {
            paths: first,
            complete,
        },
    ))
}

/// One import of the project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    condition: ImportCondition,
    path: ArtifactPath,
    line: usize,
}

/// What the whole project imports.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    by_name: BTreeMap<String, Place>,
    modules: usize,
    /// The first module that could not be read whole.
    unread: Option<ArtifactPath>,
}

impl Imported {
    pub(crate) fn of(facts: &[Fact]) -> Self {
        let mut out = Self::default();
        for fact in facts {
            let Fact::Imports(path, imports) = fact else {
                continue;
            };
            out.modules = out.modules.saturating_add(1);
            if !imports.complete && out.unread.as_ref().is_none_or(|known| path < known) {
                out.unread = Some(path.clone());
            }
            for (name, (condition, line)) in &imports.paths {
                let place = Place {
                    condition: *condition,
                    path: path.clone(),
                    line: *line,
                };
                match out.by_name.get_mut(name) {
                    Some(known) if place < *known => *known = place,
                    Some(_) => {}
                    None => {
                        out.by_name.insert(name.clone(), place);
                    }
                }
            }
        }
        out
    }

    /// Says of every finding about a package whether the package is imported.
    pub(crate) fn tell(&self, findings: &mut [Finding]) {
        // Without Python there is nothing to say.
        if self.modules == 0 {
            return;
        }
        for finding in findings {
            let text = |key: &str| finding.properties.get(key).and_then(|v| v.as_str());
            if text("advisory").is_none() {
                continue;
            }
            let Some(package) = text("package").map(str::to_owned) else {
                continue;
            };
            let via: Vec<String> = finding
                .properties
                .get("via")
                .and_then(|v| v.as_array())
                .into_iter()
                .flatten()
                .filter_map(|v| v.as_str().map(wellhead_packages::normalise))
                .collect();
            self.tell_one(finding, &package, &via);
        }
    }

    fn tell_one(&self, finding: &mut Finding, package: &str, via: &[String]) {
        let (names, known) = import_names(package);
        let (state, note) = match (self.first(&names), self.through(via)) {
            (Some(place), _) => {
                let at = format!("{}:{}", place.path, place.line);
                let (state, how) = match place.condition {
                    ImportCondition::Always => ("imported", "imported at"),
                    ImportCondition::Lazy => ("imported", "imported when a function is called, at"),
                    ImportCondition::Optional => (
                        "imported-optionally",
                        "imported optionally (the code goes on without it) at",
                    ),
                    ImportCondition::TypeChecking => {
                        ("imported-optionally", "imported for type checkers only, at")
                    }
                };
                finding
                    .properties
                    .insert("imported_at".to_owned(), at.clone().into());
                (state, format!("{how} {}", code(&at)))
            }
            (None, Some((parent, place))) => {
                let at = format!("{}:{}", place.path, place.line);
                finding
                    .properties
                    .insert("imported_at".to_owned(), at.clone().into());
                finding
                    .properties
                    .insert("imported_through".to_owned(), parent.into());
                let note = format!(
                    "not imported by this project itself, but it comes with {}, which {} imports",
                    code(parent),
                    code(&at)
                );
                ("through", note)
            }
            (None, None) => match &self.unread {
                Some(unread) => (
                    "unknown",
                    format!(
                        "no import of it was found, but {} could not be read whole",
                        code(&unread.to_string())
                    ),
                ),
                None if names.is_empty() => ("never-imported", "it has nothing to import".to_owned()),
                None => {
                    let names: Vec<String> = names.iter().take(1).map(|name| code(name)).collect();
                    let guess = if known {
                        ""
                    } else {
                        ", if that is what it is imported as"
                    };
                    let note = format!(
                        "never imported by this project's Python and notebooks (as {}{guess}); commands and other \
                         packages may still run it",
                        names.join(", ")
                    );
                    ("never-imported", note)
                }
            },
        };
        finding.properties.insert("reachability".to_owned(), state.into());
        finding.notes.push(note);
    }

    /// The firmest import of any of these modules.
    fn first(&self, names: &[String]) -> Option<&Place> {
        names.iter().filter_map(|name| self.of_module(name)).min()
    }

    fn of_module(&self, name: &str) -> Option<&Place> {
        let name = name.to_ascii_lowercase();
        let below = format!("{name}.");
        let inner = self
            .by_name
            .range(below.clone()..)
            .take_while(|(path, _)| path.starts_with(&below))
            .map(|(_, place)| place);
        self.by_name.get(&name).into_iter().chain(inner).min()
    }

    /// The nearest package on the chain to it that is imported.
    fn through<'v>(&self, via: &'v [String]) -> Option<(&'v str, &Place)> {
        via.iter().find_map(|parent| {
            let (names, _) = import_names(parent);
            Some((parent.as_str(), self.first(&names)?))
        })
    }
}
