//! From the files that run by themselves to those that they import.

use super::{Distribution, MemberKind, Trigger, trigger::module_of};
use std::collections::{BTreeMap, VecDeque};
use wellhead_core::Budget;

/// Gives every module the trigger of whoever imports it while it is imported itself: what an imported package imports
/// is no longer lazy. `imports` holds, by path of the member, what it imports: `os.path`, `.sibling`, `..above.name`.
pub fn spread(distribution: &mut Distribution, imports: &BTreeMap<String, Vec<String>>, budget: &mut Budget) {
    let mut by_module: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, member) in distribution.members.iter().enumerate() {
        let path = member.site.as_deref().unwrap_or(&member.path);
        if let Some(module) = module_of(path) {
            by_module.entry(module).or_default().push(at);
        }
    }
    // What runs earliest is followed first, so that each module is reached by its earliest trigger once.
    let mut order: Vec<usize> = (0..distribution.members.len()).collect();
    order.sort_by_key(|at| distribution.members.get(*at).map(|m| m.trigger));
    for start in order {
        let Some(trigger) = distribution.members.get(start).map(|m| m.trigger) else {
            continue;
        };
        if trigger >= Trigger::Lazy {
            break;
        }
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            let Some(member) = distribution.members.get(at) else {
                continue;
            };
            let Some(names) = imports.get(&member.path) else {
                continue;
            };
            let path = member.site.as_deref().unwrap_or(&member.path);
            let package = package_of(path);
            for name in names {
                if budget.steps((name.len() as u64).saturating_add(8)).is_err() {
                    return;
                }
                for reached in reached(&package, name, &by_module) {
                    let Some(member) = distribution.members.get_mut(reached) else {
                        continue;
                    };
                    // What runs earlier was followed before, so each is raised once.
                    if member.trigger > trigger
                        && member.trigger != Trigger::Never
                        && member.kind != MemberKind::Media
                    {
                        member.trigger = trigger;
                        queue.push_back(reached);
                    }
                }
            }
        }
    }
}

/// The package in which a module's relative imports begin.
fn package_of(path: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    folder
        .split('/')
        .filter(|p| !p.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The members that importing a name runs: the packages above it, and the module itself.
fn reached(package: &[String], name: &str, by_module: &BTreeMap<String, Vec<usize>>) -> Vec<usize> {
    let dots = name.len().saturating_sub(name.trim_start_matches('.').len());
    let mut dotted: Vec<&str> = match dots {
        0 => Vec::new(),
        dots => {
            let keep = package.len().saturating_sub(dots.saturating_sub(1));
            package.iter().take(keep).map(String::as_str).collect()
        }
    };
    let base = dotted.len();
    dotted.extend(
        name.trim_start_matches('.')
            .split('.')
            .take(32)
            .filter(|p| !p.is_empty()),
    );
    let mut out = Vec::new();
    for end in base.max(1)..=dotted.len() {
        let module = dotted.get(..end).unwrap_or_default().join(".");
        out.extend(by_module.get(&module).into_iter().flatten().copied());
    }
    out
}
