//! Which files of a distribution run without being asked, and when.

use super::code::{PackageCode, RunsWhen};
use std::collections::{BTreeMap, VecDeque};
use wellhead_pycode::{ImportCondition, Stage};

/// When each file runs, if a distribution is only installed and imported.
pub(super) fn reached(code: &PackageCode) -> BTreeMap<&str, RunsWhen> {
    let mut found: BTreeMap<&str, RunsWhen> = BTreeMap::new();
    let mut waiting: VecDeque<(&str, RunsWhen)> = VecDeque::new();
    for (path, script) in &code.scripts {
        let when = RunsWhen::of(script.trigger);
        // Tests and documentation of the package are run by whoever wants to.
        let wanted = when == RunsWhen::Module && is_test(path);
        if when != RunsWhen::Asked && !wanted {
            waiting.push_back((path, when));
        }
    }
    while let Some((path, when)) = waiting.pop_front() {
        if found.get(path).is_some_and(|known| *known <= when) {
            continue;
        }
        found.insert(path, when);
        if when == RunsWhen::Module {
            continue;
        }
        let Some(script) = code.scripts.get(path) else {
            continue;
        };
        let stages = script.module.flow.stages();
        for import in &script.module.imports {
            // What a function imports runs with it, and functions are followed where the build runs them.
            let early = import.at_import
                || when == RunsWhen::Install
                    && import.condition != ImportCondition::TypeChecking
                    && stages.iter().any(|s| *s < Stage::Call);
            if !early {
                continue;
            }
            if let Some(target) = resolve(code, path, &import.path) {
                waiting.push_back((target, when));
            }
        }
    }
    found
}

/// Whether a path is one of tests, examples or documentation.
pub(crate) fn is_test(path: &str) -> bool {
    path.split('/').any(|part| {
        matches!(
            part,
            "test"
                | "tests"
                | "testing"
                | "docs"
                | "doc"
                | "examples"
                | "example"
                | "benchmarks"
                | "benches"
                | "scripts"
                | "tools"
                | "ci"
                | ".github"
        )
    })
}

/// The file that a dotted name means, seen from another file.
fn resolve<'a>(code: &'a PackageCode, from: &str, dotted: &str) -> Option<&'a str> {
    let level = dotted.len().saturating_sub(dotted.trim_start_matches('.').len());
    let mut folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let bases: Vec<&str> = if level == 0 {
        // What lies beside `setup.py`, and what lies in `src`.
        vec!["", "src", folder]
    } else {
        for _ in 1..level {
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
        vec![folder]
    };
    let mut name = dotted
        .trim_start_matches('.')
        .trim_end_matches(".*")
        .replace('.', "/");
    // The last parts may be names inside of the module.
    loop {
        for base in &bases {
            let joined = match (base.is_empty(), name.is_empty()) {
                (true, _) => name.clone(),
                (false, true) => (*base).to_owned(),
                (false, false) => format!("{base}/{name}"),
            };
            for candidate in [format!("{joined}.py"), format!("{joined}/__init__.py")] {
                if let Some((path, _)) = code.scripts.get_key_value(&candidate)
                    && path != from
                {
                    return Some(path);
                }
            }
        }
        let at = name.rfind('/')?;
        name.truncate(at);
    }
}
