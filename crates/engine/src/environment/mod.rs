//! An environment of Python: what was written down at installation against what lies there now.
//!
//! Every file that a record names is hashed once, in parallel; what fits is vouched for by its record and is not
//! read a second time by the rules about content, which the coverage says. What does not fit, what nobody's record
//! names and what Python runs at every start is judged like any other file.

mod code;
mod commands;
mod content;
mod distributions;
mod drift;
mod hooks;
mod unowned;
mod verify;
mod wheels;

use crate::{artifact::FileResult, facts::Fact, run::Options, scoreboard::Scoreboard};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Budget, Coverage, Depth, Outcome, Sink};
use wellhead_packages::{
    CoreMetadata,
    installed::{Claim, MarkerValues, VenvConfig, read_venv_config},
};
use wellhead_rules::{
    Subject,
    environment::{Distribution, Environment, Kind, Owner, RecordState},
};
use wellhead_sources::{Prefix, environment::Node};

/// Judges an environment; `manifests` of other targets of the run may lock it. Its files are named below `under`.
pub(crate) fn audit(
    prefix: &Prefix,
    under: Option<&str>,
    others: &[FileResult],
    options: &Options<'_>,
) -> Vec<FileResult> {
    let mut gather = Gather::new(prefix, under, options);
    gather.list();
    gather.distributions();
    gather.verify();
    gather.unmet();
    gather.hooks();
    gather.commands();
    gather.unowned();
    gather.drift(others);
    gather.wheels(others);
    let mut results = gather.content();
    gather.code();
    results.push(gather.judge());
    results
}

/// Something installed, with what is needed until it is judged.
struct Installed {
    facts: Distribution,
    /// What its record says of each file: the path below the prefix, the digest, the size.
    rows: Vec<(String, Claim, Option<u64>)>,
    /// What it says of itself.
    metadata: Option<CoreMetadata>,
    /// Whether conda installed it.
    conda: bool,
    /// The folder that its installer left, below the prefix.
    folder: String,
    /// Bytes of its files that were hashed.
    bytes: u64,
}

struct Gather<'a, 'o> {
    prefix: &'a Prefix,
    options: &'a Options<'o>,
    /// What stands before the paths of its files in the report, with a slash.
    under: String,
    budget: Budget,
    environment: Environment,
    sites: Vec<String>,
    listing: BTreeMap<String, Node>,
    installed: Vec<Installed>,
    /// Who owns a path, by the places in `installed`.
    owners: HashMap<String, Vec<usize>>,
    /// Paths that fit their record.
    verified: HashSet<String>,
    /// Paths of the system's packages.
    system: HashSet<String>,
    /// Files whose content is judged, by their paths.
    suspects: BTreeMap<String, ()>,
    result: FileResult,
    /// Compiled files that were not compared with their source.
    compiled: u64,
}

impl<'a, 'o> Gather<'a, 'o> {
    fn new(prefix: &'a Prefix, under: Option<&str>, options: &'a Options<'o>) -> Self {
        let config = prefix.small("pyvenv.cfg").map(|text| read_venv_config(&text));
        let sites = prefix.sites();
        let kind = if config.is_some() {
            Kind::Virtual
        } else if !prefix.children("conda-meta").is_empty() {
            Kind::Conda
        } else if sites.iter().all(String::is_empty) {
            Kind::Folder
        } else {
            Kind::Interpreter
        };
        let under = under.map_or_else(String::new, |u| format!("{}/", u.trim_end_matches('/')));
        let environment = Environment {
            shown: prefix.shown.clone(),
            kind,
            python: python(config.as_ref(), &sites),
            managed: pythons(prefix).any(|folder| is_there(prefix, &format!("{folder}/EXTERNALLY-MANAGED"))),
            system_sites: config.as_ref().is_some_and(|c| c.system_site_packages),
            itself: Some(ArtifactPath::file(format!(
                "{under}{}",
                match kind {
                    Kind::Virtual => "pyvenv.cfg",
                    Kind::Conda => "conda-meta/history",
                    Kind::Interpreter | Kind::Folder => sites.first().map_or("", String::as_str),
                }
            ))),
            variables: prefix.variables.clone(),
            ..Environment::default()
        };
        Self {
            prefix,
            options,
            under,
            budget: Budget::new(options.limits.clone(), Arc::clone(&options.cancelled)),
            environment,
            sites,
            listing: BTreeMap::new(),
            installed: Vec::new(),
            owners: HashMap::new(),
            verified: HashSet::new(),
            system: HashSet::new(),
            suspects: BTreeMap::new(),
            result: FileResult::default(),
            compiled: 0,
        }
    }

    /// The name of a path of the prefix in the report.
    fn artifact(&self, path: &str) -> ArtifactPath {
        ArtifactPath::file(format!("{}{path}", self.under))
    }

    fn list(&mut self) {
        let folders = self.sites.clone();
        let commands = self.prefix.commands().into_iter().map(str::to_owned);
        let commands: Vec<String> = match self.environment.kind {
            Kind::Virtual | Kind::Conda => commands.collect(),
            Kind::Interpreter | Kind::Folder => Vec::new(),
        };
        for path in self.prefix.sites_elsewhere() {
            let artifact = self.artifact(&path);
            let why = "a link that leaves the environment: audit what it leads to as well".to_owned();
            self.cover(artifact, Outcome::NotAnalysed { why });
        }
        for folder in folders.into_iter().chain(commands) {
            let walked = self.prefix.walk(&folder);
            if let Some(why) = walked.left_out {
                let artifact = self.artifact(&folder);
                self.cover(artifact, Outcome::Partly { why });
            }
            for found in walked.found {
                if let Node::Unreadable(why) = &found.node {
                    let artifact = self.artifact(&found.path);
                    self.cover(artifact, Outcome::NotAnalysed { why: why.clone() });
                }
                self.listing.insert(found.path, found.node);
            }
        }
        self.system = self.prefix.system_owned().into_iter().collect();
    }

    fn cover(&mut self, artifact: ArtifactPath, outcome: Outcome) {
        self.result.coverage.push(Coverage {
            artifact,
            outcome,
            depth: self.options.depth,
            format: None,
        });
    }

    /// What lies at a path, by the listing where it was listed.
    fn node(&self, path: &str) -> Node {
        if let Some(node) = self.listing.get(path) {
            return node.clone();
        }
        self.prefix.look(path)
    }

    /// Whose a path is.
    fn owner(&self, path: &str) -> Owner {
        let owner = self
            .owners
            .get(path)
            .and_then(|o| self.installed.get(*o.first()?));
        match owner.map(|one| one.facts.name.clone()) {
            Some(name) if self.verified.contains(path) => Owner::Verified(name),
            _ if self.system.contains(path) => Owner::System,
            Some(name) => Owner::Stated(name),
            None => Owner::Nobody,
        }
    }

    /// What files tell of the values that markers ask for.
    fn values(&self) -> MarkerValues {
        let mut values = MarkerValues::default();
        if let Some(python) = &self.environment.python {
            values.set_python(python);
        }
        let pypy = self.sites.iter().any(|s| s.contains("/pypy"));
        let (name, title) = if pypy {
            ("pypy", "PyPy")
        } else {
            ("cpython", "CPython")
        };
        values.set("implementation_name", name);
        values.set("platform_python_implementation", title);
        // The names of extensions tell the system for which they were built.
        let told = self.listing.keys().find_map(|path| {
            let system = ["-linux-", "-darwin", ".pyd"]
                .into_iter()
                .find(|s| path.contains(s))?;
            let name = path.rsplit('/').next().unwrap_or_default();
            let machine = ["x86_64", "aarch64", "i386", "arm64"]
                .into_iter()
                .find(|m| name.contains(m));
            Some((system, machine))
        });
        let windows = self.sites.iter().any(|s| s.starts_with("Lib/"));
        let system = match told.map(|t| t.0) {
            Some("-linux-") => Some(("linux", "posix", "Linux")),
            Some("-darwin") => Some(("darwin", "posix", "Darwin")),
            _ if windows => Some(("win32", "nt", "Windows")),
            _ => None,
        };
        if let Some((platform, os, title)) = system {
            values.set("sys_platform", platform);
            values.set("os_name", os);
            values.set("platform_system", title);
        }
        if let Some(machine) = told
            .and_then(|t| t.1)
            .filter(|_| system.is_some_and(|s| s.0 == "linux"))
        {
            values.set("platform_machine", machine);
        }
        values
    }

    /// Has the facts judged, and says what was looked at.
    fn judge(mut self) -> FileResult {
        let full = self.options.depth == Depth::Full;
        let mut rows = Vec::new();
        for installed in &self.installed {
            let facts = &installed.facts;
            let outcome = match &facts.record {
                RecordState::Missing => Outcome::NotAnalysed {
                    why: "installed without a record, so nothing can be compared".to_owned(),
                },
                RecordState::None(why) => Outcome::NotAnalysed {
                    why: (*why).to_owned(),
                },
                RecordState::Partly(why) => Outcome::Partly { why: why.clone() },
                RecordState::Read if full => Outcome::Analysed,
                RecordState::Read => Outcome::Partly {
                    why: "verified against its record, and not analysed by content: use `--full`".to_owned(),
                },
            };
            rows.push((facts.info.clone(), outcome));
            self.result.bytes = self.result.bytes.saturating_add(installed.bytes);
        }
        if self.compiled > 0 {
            let artifact = self.environment.itself.clone();
            // Reports put the number of artifacts in front of a reason, so it does not begin with another.
            let why = format!(
                "compiled files not compared with their sources: {}",
                self.compiled
            );
            rows.extend(artifact.map(|a| (a, Outcome::Partly { why })));
        }
        for (artifact, outcome) in rows {
            self.cover(artifact, outcome);
        }
        self.result.covers = self.listing.len() as u64;
        let installed = std::mem::take(&mut self.installed);
        self.environment.distributions = installed.into_iter().map(|i| i.facts).collect();
        let itself = self.environment.itself.clone();
        let mut sink = Sink::new(itself.unwrap_or_else(|| self.artifact("")));
        let enabled = |rule: &wellhead_core::Rule| self.options.enables(rule);
        let environment = &self.environment;
        let measures = wellhead_rules::judge(Subject::Environment(environment), &enabled, &mut sink);
        let mut scoreboard = Scoreboard::default();
        for measure in measures {
            for distribution in &environment.distributions {
                scoreboard.judged(measure, distribution.purl());
            }
        }
        self.result.scoreboard.merge(scoreboard);
        self.result.findings.extend(sink.into_findings());
        self.result
    }
}

/// The version of Python, the most exact that is told.
fn python(config: Option<&VenvConfig>, sites: &[String]) -> Option<String> {
    let told = config.and_then(|c| c.version.clone());
    told.or_else(|| {
        sites.iter().find_map(|site| {
            let folder = site.split('/').find_map(|part| part.strip_prefix("python"))?;
            let version = folder.trim_end_matches('t');
            version.contains('.').then(|| version.to_owned())
        })
    })
}

/// The folders of the standard library.
fn pythons(prefix: &Prefix) -> impl Iterator<Item = String> {
    let below = |lib: &'static str| {
        let names = prefix.children(lib).into_iter();
        names
            .filter(|n| n.starts_with("python3.") || n.starts_with("pypy3."))
            .map(move |n| format!("{lib}/{n}"))
    };
    // Where `lib64` is a link the second is the first.
    let other = !matches!(prefix.look("lib64"), Node::Link { .. });
    below("lib").chain(other.then(|| below("lib64")).into_iter().flatten())
}

fn is_there(prefix: &Prefix, path: &str) -> bool {
    matches!(prefix.look(path), Node::File | Node::Link { .. })
}

/// A name in a folder; the folder may be the prefix itself.
fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// The last part of a path.
fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder of a path; empty at the top.
fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a file is what Python, or a compiler of its users, keeps beside the sources: compiled Python that its own
/// source vouches for, or what nothing imports. Source and extensions can be imported from there like from any folder.
fn in_cache(path: &str) -> bool {
    let direct = name_of(folder_of(path)) == "__pycache__";
    let below = path.split('/').any(|part| part == "__pycache__");
    let compiled = path.ends_with(".pyc") || path.ends_with(".pyo");
    (direct && compiled) || (below && !is_code(path))
}

/// Whether Python imports a file of that name.
fn is_code(path: &str) -> bool {
    let name = name_of(path).to_ascii_lowercase();
    [".py", ".pyw", ".pyc", ".pyo", ".so", ".pyd"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Keeps a fact for the project.
fn fact(result: &mut FileResult, path: ArtifactPath, manifest: wellhead_packages::Manifest) {
    result.facts.push(Fact::Manifest(path, Box::new(manifest)));
}
