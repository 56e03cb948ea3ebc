//! When each file of a distribution comes to run.
//!
//! The map is made from names, metadata and the lines of start-up files alone; which modules an imported module imports
//! is known to those who read code, and they raise what is lazy here. The one decision: where two answers are possible
//! the earlier holds, since a file that is looked at too soon costs nothing.

use super::{
    DistributionKind, Member, MemberKind, Reader, Trigger,
    layout::{Place, place},
};
use crate::installed::{PthUse, read_pth, read_start};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::Budget;

/// Folders at the top of a source tree that nobody installs.
const UNSHIPPED: &[&str] = &[
    "test",
    "tests",
    "testing",
    "doc",
    "docs",
    "example",
    "examples",
    "benchmark",
    "benchmarks",
    "bench",
    "tools",
    "scripts",
    "ci",
    ".github",
    ".circleci",
    "notebooks",
];
/// Scripts that authors keep at the top of a source tree for their own use.
const TOOLS: &[&str] = &[
    "noxfile.py",
    "conftest.py",
    "tasks.py",
    "fabfile.py",
    "conf.py",
    "dodo.py",
    "versioneer.py",
];
/// Modules that Python imports at every start if it finds them.
const CUSTOMIZE: [&str; 2] = ["sitecustomize", "usercustomize"];
/// Folders below the prefix from which Jupyter and IPython take what they load or start.
const JUPYTER: &[&str] = &["etc/jupyter/", "share/jupyter/", "etc/ipython/", "share/ipython/"];

pub(super) fn assign(r: &mut Reader<'_>, budget: &mut Budget) {
    let (kind, root) = (r.out.kind, r.out.root.clone());
    let parts = r.parts;
    let mut out: Vec<Member> = Vec::with_capacity(parts.members.len());
    // Modules that start-up files and entry points name, with the trigger that this gives them.
    let mut named: BTreeMap<String, Trigger> = BTreeMap::new();
    let mut name = |module: &str, trigger: Trigger| {
        let mut path = String::new();
        for part in module.split('.').take(32) {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(part.trim());
            let had = named.entry(path.clone()).or_insert(trigger);
            *had = trigger.min(*had);
        }
    };
    for entry in &r.out.entry_points {
        let trigger = if entry.is_command() {
            Trigger::EntryPoint
        } else {
            // Also what setuptools loads to build another distribution: its commands run there because they were asked for.
            Trigger::Plugin
        };
        name(&entry.module, trigger);
    }
    let packages = packages(r);
    for member in &parts.members {
        let of = place(kind, &root, &member.path);
        let is = MemberKind::of(member.format);
        let (site, mut trigger) = judge(kind, &of, is, &packages);
        if let (Some(site), Some(text)) = (&site, &member.text)
            && (!site.contains('/') || trigger == Trigger::Startup)
        {
            let _ = budget.steps(text.len() as u64);
            if site.ends_with(".pth") {
                trigger = Trigger::Never;
                for line in read_pth(text).iter().filter(|l| l.is == PthUse::Runs) {
                    trigger = Trigger::Startup;
                    let content = text.get(line.span.clone()).unwrap_or_default();
                    for module in imported(content) {
                        name(module, Trigger::Startup);
                    }
                }
            } else if site.ends_with(".start") {
                for entry in read_start(text) {
                    name(&entry.module, Trigger::Startup);
                }
            }
        }
        out.push(Member {
            path: member.path.clone(),
            site,
            size: member.size,
            digest: member.digest,
            trigger,
            kind: is,
        });
    }
    for module in jupyter_modules(r, &root, budget) {
        name(&module, Trigger::Plugin);
    }
    for (module, trigger) in build_modules(r, &root, budget) {
        name(&module, trigger);
    }
    let mut tops: BTreeSet<String> = BTreeSet::new();
    for member in &mut out {
        let Some(module) = member.site.as_deref().and_then(module_of) else {
            continue;
        };
        let top = module.split('.').next().unwrap_or_default();
        if member.trigger != Trigger::Never && is_code(member.kind) {
            tops.insert(top.to_owned());
        }
        if let Some(trigger) = named.get(&module) {
            // A package is imported before what is named in it.
            member.trigger = member.trigger.min(*trigger);
        }
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    r.out.members = out;
    r.out.top_level = tops.into_iter().filter(|t| !t.is_empty()).collect();
}

fn is_code(kind: MemberKind) -> bool {
    matches!(
        kind,
        MemberKind::Python | MemberKind::Bytecode | MemberKind::Native
    )
}

/// The folders of a source tree that are packages at the top, below `src/` or beside it.
fn packages(r: &Reader<'_>) -> BTreeSet<String> {
    let root = &r.out.root;
    r.by_path
        .keys()
        .filter_map(|path| path.strip_prefix(root.as_str())?.strip_suffix("/__init__.py"))
        .map(|folder| folder.strip_prefix("src/").unwrap_or(folder).to_owned())
        .filter(|folder| !folder.contains('/'))
        .collect()
}

/// Where Python finds a member, and when it runs as far as its place tells.
fn judge(
    kind: DistributionKind,
    of: &Place<'_>,
    is: MemberKind,
    packages: &BTreeSet<String>,
) -> (Option<String>, Trigger) {
    match of {
        Place::Site(path) => {
            let trigger = if kind == DistributionKind::Pyz && is_main(path) {
                Trigger::Run
            } else {
                at_site(path, is)
            };
            (Some((*path).to_owned()), trigger)
        }
        Place::Command(name) if is_link_script(name) => (None, Trigger::Install),
        Place::Command(_) => (None, Trigger::EntryPoint),
        Place::Prefix(path) => (None, in_prefix(path, is)),
        Place::Header => (None, Trigger::Never),
        // Recipes and tests that conda keeps beside a package are not run by whoever installs it.
        Place::Info(path) => {
            let hook = kind == DistributionKind::Conda && is_link_script(path);
            (None, if hook { Trigger::Install } else { Trigger::Never })
        }
        Place::Source(path) => source(path, is, packages),
    }
}

fn is_main(path: &str) -> bool {
    matches!(path, "__main__.py" | "__main__.pyc")
}

/// Scripts that conda runs around the linking of a package.
fn is_link_script(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default();
    let stem = name.strip_suffix(".sh").or_else(|| name.strip_suffix(".bat"));
    stem.is_some_and(|stem| {
        ["post-link", "pre-link", "pre-unlink", "post-unlink"]
            .iter()
            .any(|hook| stem.ends_with(hook))
    })
}

fn in_prefix(path: &str, is: MemberKind) -> Trigger {
    if path.starts_with("etc/conda/activate.d/") || path.starts_with("etc/conda/deactivate.d/") {
        return Trigger::Activation;
    }
    if path.starts_with("etc/conda/env_vars.d/") || path.starts_with("etc/profile.d/") {
        return Trigger::Activation;
    }
    if JUPYTER.iter().any(|folder| path.starts_with(folder)) {
        return Trigger::Plugin;
    }
    of_kind(is)
}

fn of_kind(is: MemberKind) -> Trigger {
    match is {
        MemberKind::Python
        | MemberKind::Bytecode
        | MemberKind::Native
        | MemberKind::Script
        | MemberKind::Archive
        | MemberKind::Model => Trigger::Lazy,
        MemberKind::Media | MemberKind::Text | MemberKind::Other => Trigger::Never,
    }
}

/// A file below the folder that Python imports from.
fn at_site(path: &str, is: MemberKind) -> Trigger {
    // A name that climbs out of its folder is meant to land where Python looks.
    let top = !path.contains('/') || path.split('/').any(|part| part == "..");
    if top && (path.ends_with(".pth") || path.ends_with(".start")) {
        return Trigger::Startup;
    }
    // What is unpacked as it is may be a package itself, by the name of the folder round it.
    if path == "__init__.py" {
        return Trigger::Import;
    }
    let Some(module) = module_of(path).filter(|_| !matches!(is, MemberKind::Media)) else {
        return of_kind(is);
    };
    if CUSTOMIZE.contains(&module.as_str()) {
        return Trigger::Startup;
    }
    // `import acme` runs the module, or the package's own file.
    if !module.contains('.') {
        return Trigger::Import;
    }
    Trigger::Lazy
}

/// A file of a source tree.
fn source(path: &str, is: MemberKind, packages: &BTreeSet<String>) -> (Option<String>, Trigger) {
    if path == "setup.py" {
        return (None, Trigger::Install);
    }
    let site = path.strip_prefix("src/").unwrap_or(path);
    let (first, _) = site.split_once('/').unwrap_or(("", site));
    let shipped = first.is_empty() || packages.contains(first) || path.starts_with("src/");
    if UNSHIPPED.contains(&first) && !path.starts_with("src/") || !shipped && first.starts_with('.') {
        return (None, Trigger::Never);
    }
    // What authors run is found beside the modules, and nobody imports it who only installs them.
    let trigger = match at_site(site, is) {
        Trigger::Import if first.is_empty() && is_tool(site) => Trigger::Lazy,
        trigger => trigger,
    };
    (Some(site.to_owned()), trigger)
}

/// Files at the top of a source tree that its authors run.
fn is_tool(name: &str) -> bool {
    TOOLS.contains(&name) || name.starts_with("test")
}

/// The dotted name under which a file is imported: `acme/sub.py`, `acme/__init__.py`, `acme/__pycache__/sub.cpython-312.pyc`,
/// `acme/_x.cpython-312-x86_64-linux-gnu.so`.
pub(super) fn module_of(path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let extension = name.rsplit('.').next()?;
    if !matches!(extension, "py" | "pyc" | "pyo" | "so" | "pyd" | "pyw" | "dylib") {
        return None;
    }
    let stem = name.split('.').next().filter(|s| !s.is_empty())?;
    let folder = folder
        .strip_suffix("/__pycache__")
        .or_else(|| (folder == "__pycache__").then_some(""))
        .unwrap_or(folder);
    let mut dotted = folder.replace('/', ".");
    if stem != "__init__" {
        if !dotted.is_empty() {
            dotted.push('.');
        }
        dotted.push_str(stem);
    }
    (!dotted.is_empty()).then_some(dotted)
}

/// The modules that a line of a start-up file imports: `import a.b, c; import d`.
fn imported(line: &str) -> impl Iterator<Item = &str> {
    line.split(';')
        .filter_map(|statement| statement.trim_start().strip_prefix("import"))
        .filter(|rest| rest.starts_with([' ', '\t']))
        .flat_map(|rest| rest.split(','))
        .filter_map(|module| module.split_whitespace().next())
        .take(64)
}

/// The modules that the server of Jupyter loads because a file of configuration says so.
fn jupyter_modules(r: &Reader<'_>, root: &str, budget: &mut Budget) -> Vec<String> {
    let mut out = Vec::new();
    for member in &r.parts.members {
        let Place::Prefix(path) = place(r.out.kind, root, &member.path) else {
            continue;
        };
        let Some(text) = member.text.as_deref().filter(|_| is_jupyter_configuration(path)) else {
            continue;
        };
        let Ok(tree) = wellhead_formats::text::json(text, budget) else {
            continue;
        };
        for application in tree.entries().iter().take(64) {
            for list in ["jpserver_extensions", "nbserver_extensions"] {
                let modules = application.node.get(list).into_iter().flat_map(|n| n.entries());
                out.extend(modules.take(64).map(|e| e.key.clone()));
            }
        }
    }
    out
}

/// Whether Jupyter reads a file below the prefix for what it has to load.
fn is_jupyter_configuration(path: &str) -> bool {
    path.starts_with("etc/jupyter/") && path.ends_with(".json")
}

/// The modules of a source tree that its own builder imports.
fn build_modules(r: &Reader<'_>, root: &str, budget: &mut Budget) -> Vec<(String, Trigger)> {
    let Some(text) = r.text(&format!("{root}pyproject.toml")) else {
        return Vec::new();
    };
    let Ok(tree) = wellhead_formats::text::toml(text, budget) else {
        return Vec::new();
    };
    let backend = tree
        .path(&["build-system", "build-backend"])
        .and_then(|n| n.as_str());
    let local = tree.path(&["build-system", "backend-path"]);
    let mut out = Vec::new();
    if let (Some(backend), Some(paths)) = (backend, local) {
        let module = backend.split(':').next().unwrap_or_default();
        for path in paths.items().iter().filter_map(|n| n.as_str()).take(16) {
            let below = path.trim_matches(['.', '/']).replace('/', ".");
            let dotted = if below.is_empty() {
                module.to_owned()
            } else {
                format!("{below}.{module}")
            };
            out.push((dotted, Trigger::Build));
        }
    }
    out
}
