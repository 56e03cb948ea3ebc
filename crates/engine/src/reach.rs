//! Whether the project's own Python imports the package that a finding is about.
//!
//! A flaw in a package that nobody imports is less urgent than one in a package that the training script opens with,
//! and which of the two it is stands in the same target. The one decision: this orders work and never excuses it. No
//! severity changes, and "never imported" is said only where it can be known: every Python file was read whole, none
//! imports a name that only the run decides, the names under which the package is imported are known, and no program
//! loads the package by itself.

use crate::facts::Fact;
use std::collections::BTreeMap;
use wellhead_core::{ArtifactPath, Finding, Outcome, code};
use wellhead_packages::{import_names, plugin_of, programs};
use wellhead_pycode::{ImportCondition, Module};

/// What one module imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModuleImports {
    /// Dotted paths in lower case, each with its firmest condition and the line of it.
    paths: BTreeMap<String, (ImportCondition, usize)>,
    /// Whether the module was read whole.
    complete: bool,
    /// The line of the first import of a name that only the run decides.
    dynamic: Option<usize>,
}

/// Calls that import what their first argument names.
const IMPORTERS: [&str; 13] = [
    "importlib.import_module",
    "__import__",
    "builtins.__import__",
    "pytest.importorskip",
    "runpy.run_module",
    "pkgutil.resolve_name",
    "pydoc.locate",
    "hydra.utils.get_class",
    "hydra.utils.get_method",
    "hydra.utils.get_object",
    "werkzeug.utils.import_string",
    "django.utils.module_loading.import_string",
    "lazy_loader.load",
];

/// Calls that import what a configuration, or the metadata of other packages, names.
const CONFIGURED: [&str; 9] = [
    "hydra.utils.instantiate",
    "hydra.utils.call",
    "django.setup",
    "django.core.management.execute_from_command_line",
    "importlib.metadata.entry_points",
    "importlib_metadata.entry_points",
    "pkg_resources.iter_entry_points",
    "jsonargparse.CLI",
    "lightning.pytorch.cli.LightningCLI",
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
    let mut dynamic: Option<usize> = None;
    for call in &module.calls {
        if CONFIGURED.iter().any(|name| call.may_be(name)) {
            dynamic = Some(dynamic.map_or(call.range.start, |at| at.min(call.range.start)));
            continue;
        }
        let Some(importer) = IMPORTERS.iter().find(|name| call.may_be(name)) else {
            continue;
        };
        let condition = match *importer {
            "pytest.importorskip" => ImportCondition::Optional,
            _ if call.at_import => ImportCondition::Always,
            _ => ImportCondition::Lazy,
        };
        let argument = call.positional.first().or_else(|| {
            let keywords = [
                "name",
                "mod_name",
                "modname",
                "path",
                "import_name",
                "dotted_path",
            ];
            keywords.iter().find_map(|k| call.keyword(k))
        });
        let mut known = false;
        for name in argument.iter().flat_map(|a| a.value.texts()) {
            known = true;
            // `package.module:object`
            let name = name.split(':').next().unwrap_or_default();
            add(name, condition, call.range.start);
        }
        let uncertain = argument.is_some_and(|a| a.value.is_uncertain());
        if known && !uncertain || argument.is_none() && !call.open {
            continue;
        }
        let written = argument
            .and_then(|a| module.text.get(a.range.clone()))
            .unwrap_or_default();
        match begin(written) {
            Begin::Own => {}
            Begin::Below(package) => add(package, condition, call.range.start),
            Begin::Unknown => dynamic = Some(dynamic.map_or(call.range.start, |at| at.min(call.range.start))),
        }
    }
    let dynamic = dynamic.map(|at| {
        let before = module.text.get(..at).unwrap_or_default();
        before.matches('\n').count().saturating_add(1)
    });
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
            dynamic,
        },
    ))
}

/// How a name begins that is put together at run time.
enum Begin<'a> {
    /// With the package that it stands in.
    Own,
    /// With a package that is written out.
    Below(&'a str),
    /// With what only the run decides.
    Unknown,
}

/// `f".{x}"`, `__package__ + x`; `"torch.nn." + x`; `f"{x}.y"`.
fn begin(written: &str) -> Begin<'_> {
    let own = ["__package__", "__name__"];
    if own.iter().any(|name| written.starts_with(name)) {
        return Begin::Own;
    }
    let text = written.trim_start_matches(['f', 'F', 'r', 'R']);
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return Begin::Unknown;
    };
    let inner = text.trim_start_matches(quote);
    if inner.starts_with('.')
        || own
            .iter()
            .any(|n| inner.strip_prefix('{').is_some_and(|i| i.starts_with(n)))
    {
        return Begin::Own;
    }
    let end = inner.find(['{', '%', quote]).unwrap_or(inner.len());
    // Only up to the last dot: `"tor" + x` is anything.
    match inner.get(..end).and_then(|literal| literal.rsplit_once('.')) {
        Some((package, _)) if !package.is_empty() => Begin::Below(package),
        _ => Begin::Unknown,
    }
}

/// The programs that the commands of a file start, each with the first line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Started {
    /// Names of programs, and of modules behind `-m`, in lower case.
    pub(crate) programs: BTreeMap<String, u32>,
}

/// What the words of a command start: the program, and for Python the module.
pub(crate) fn started<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let leaf = |word: &'a str| word.rsplit(['/', '\\']).next().unwrap_or(word);
    let mut out = Vec::new();
    let mut rest = words;
    // `uv run --no-sync x`, `exec x`, `torchrun --nproc-per-node 2 -m x`
    for _ in 0..8 {
        let Some((first, behind)) = rest.split_first() else {
            break;
        };
        let program = leaf(first).trim_end_matches(".exe");
        out.push(program);
        // `git commit -m torch` starts nothing of that name.
        let takes_modules = program.starts_with("python")
            || [
                "py",
                "pypy3",
                "torchrun",
                "accelerate",
                "deepspeed",
                "coverage",
                "debugpy",
            ]
            .contains(&program);
        if let Some(at) = behind.iter().position(|w| *w == "-m").filter(|_| takes_modules) {
            out.extend(behind.get(at.saturating_add(1)));
        }
        let carries = [
            "exec",
            "env",
            "time",
            "nohup",
            "sudo",
            "xvfb-run",
            "tini",
            "dumb-init",
            "nice",
        ];
        let runs = [
            "uv",
            "poetry",
            "pdm",
            "pipenv",
            "pixi",
            "hatch",
            "conda",
            "rye",
            "uvx",
            "pipx",
            "micromamba",
            "mamba",
        ];
        let skip = if carries.contains(&program) {
            0
        } else if runs.contains(&program) && behind.first() == Some(&"run") {
            1
        } else {
            break;
        };
        rest = behind.get(skip..).unwrap_or_default();
        while let Some((option, behind)) = rest.split_first() {
            if !option.starts_with('-') && !option.contains('=') {
                break;
            }
            rest = behind;
        }
    }
    out
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
    /// Programs that commands start.
    started: BTreeMap<String, (ArtifactPath, u32)>,
    modules: usize,
    /// The first module that imports what only the run decides, and the line.
    dynamic: Option<(ArtifactPath, usize)>,
    /// The first module that could not be read whole.
    unread: Option<ArtifactPath>,
}

impl Imported {
    pub(crate) fn of(facts: &[Fact]) -> Self {
        let mut out = Self::default();
        for fact in facts {
            if let Fact::Started(path, started) = fact {
                for (program, line) in &started.programs {
                    let place = (path.clone(), *line);
                    let known = out
                        .started
                        .entry(program.clone())
                        .or_insert_with(|| place.clone());
                    if place < *known {
                        *known = place;
                    }
                }
                continue;
            }
            let Fact::Imports(path, imports) = fact else {
                continue;
            };
            if let Some(line) = imports.dynamic
                && out.dynamic.as_ref().is_none_or(|(known, _)| path < known)
            {
                out.dynamic = Some((path.clone(), line));
            }
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
            (None, None) => self.not_found(package, &names, known),
        };
        finding.properties.insert("reachability".to_owned(), state.into());
        finding.notes.push(note);
    }

    /// The state, and the words, where no import was found.
    fn not_found(&self, package: &str, names: &[String], known: bool) -> (&'static str, String) {
        let programs = std::iter::once(package.to_owned())
            .chain(names.iter().map(|n| n.to_ascii_lowercase()))
            .chain(programs(package).map(str::to_owned));
        for program in programs {
            if let Some((path, line)) = self.started.get(&program) {
                let at = code(&format!("{path}:{line}"));
                return (
                    "run",
                    format!("not imported by this project, but run by the command at {at}"),
                );
            }
        }
        if let Some(unread) = &self.unread {
            let unread = code(&unread.to_string());
            return (
                "unknown",
                format!("no import of it was found, but {unread} could not be read whole"),
            );
        }
        if let Some((path, line)) = &self.dynamic {
            let at = code(&format!("{path}:{line}"));
            let note = format!("no import of it was found, but {at} imports what only the run decides");
            return ("unknown", note);
        }
        if let Some(host) = plugin_of(package).filter(|_| !known || names.is_empty()) {
            let note = format!(
                "no import of it was found, but it is a plugin that {} loads by itself",
                code(host)
            );
            return ("unknown", note);
        }
        let Some(name) = names.first() else {
            return ("never-imported", "it has nothing to import".to_owned());
        };
        if !known {
            let note = format!(
                "no import of {} was found, and what it is imported as is not known",
                code(name)
            );
            return ("unknown", note);
        }
        let note = format!(
            "never imported by this project's Python and notebooks (as {}); commands and other packages may still run it",
            code(name)
        );
        ("never-imported", note)
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
